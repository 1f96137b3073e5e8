// The OpenFeature Remote Evaluation Protocol 0.3: one flag, all flags, the stream of changes; and what browsers ask
// before they let a page of another origin call.
#include <algorithm>
#include <exception>
#include <optional>
#include <utility>

#include "core/base/hash.h"
#include "core/ruleset/ruleset.h"
#include "server/api/api.h"
#include "server/api/ofrep.h"
#include "server/api/ofrep_stream.h"
#include "server/api/problem.h"
#include "server/api/requests.h"

namespace guidon {
namespace {

constexpr int kInactivitySeconds = 120;  // after which a hidden page closes its stream; OFREP's default

std::string_view KeyIdOf(const Principal& who) {
  const std::string_view id = who.id;
  return id.substr(id.find(':') + 1);
}

// The exposures of one evaluation, until it is known to be answered.
struct Collector {
  const Exposures& exposures;
  const Exposures::Source& source;
  const Context& context;
  std::int64_t now_ms = 0;
  Revision revision = 0;
  std::vector<NewExposure> found = {};

  static void Take(void* self, const Consulted& consulted) noexcept {
    auto& collector = *static_cast<Collector*>(self);
    if (collector.exposures.Knows(collector.source, FingerprintOf(consulted))) return;
    try {
      collector.found.push_back(ExposureOf(consulted, collector.context, collector.now_ms, collector.revision));
    } catch (const std::exception&) {  // no memory: the next read of the unit offers it again
    }
  }
};

// The ETag of a bulk answer is `HASH-TICKET`: of its flags, and the id of the ticket in its event stream's URL.
struct HeldEtag {
  std::string_view hash, ticket;
};

// The first tag of If-None-Match of that form.
std::optional<HeldEtag> ReadHeld(std::string_view if_none_match) {
  const std::size_t begin = if_none_match.find('"');
  if (begin == std::string_view::npos) return std::nullopt;
  const std::size_t end = if_none_match.find('"', begin + 1);
  if (end == std::string_view::npos) return std::nullopt;
  const std::string_view tag = if_none_match.substr(begin + 1, end - begin - 1);
  const std::size_t dash = tag.find('-');
  if (dash == std::string_view::npos) return std::nullopt;
  return HeldEtag{tag.substr(0, dash), tag.substr(dash + 1)};
}

std::string HashOf(std::string_view flags) {
  Digest128 digest;
  digest.Toggle("", "", flags);
  return digest.ToHex();
}

// All flags that the key may see, by key.
std::string EvaluateAll(const Ruleset& ruleset, const Context& context, std::int64_t now_ms, bool is_client) {
  std::vector<std::pair<std::string_view, std::uint32_t>> flags;
  flags.reserve(ruleset.flag_count());
  for (std::uint32_t slot = 0; slot < ruleset.slot_count(); ++slot) {
    const Ruleset::Entry* entry = ruleset.At(slot);
    if (entry == nullptr) continue;
    if (is_client && (entry->flag == nullptr || !entry->flag->client)) continue;
    flags.emplace_back(entry->flag != nullptr ? entry->flag->key : ruleset.KeyAt(slot), slot);
  }
  std::sort(flags.begin(), flags.end());
  constexpr std::size_t kUsualBytes = 96;
  std::string out = "[";
  out.reserve(flags.size() * kUsualBytes);
  for (const auto& [key, slot] : flags) {
    if (out.size() > 1) out += ',';
    AppendOfrepEvaluation(out, ruleset, key, Evaluate(ruleset, slot, context, now_ms), {.is_for_clients = is_client});
  }
  out += ']';
  return out;
}

std::string PointerTo(std::string_view ticket) {
  return R"(,"eventStreams":[{"type":"sse","endpoint":{"requestUri":"/ofrep/v1/events?ticket=)" + std::string(ticket) +
         R"("},"inactivityDelaySec":)" + std::to_string(kInactivitySeconds) + "}]";
}

}  // namespace

http::Response Api::EvaluateFlag(const Call& call) {
  const std::string_view key = call.request.Param("key");
  const std::shared_ptr<Channel> channel = parts_.feed.Find({call.who.project, call.who.environment});
  if (!channel) return OfrepRefusal(GoneScope(call.who), RetrySeconds());
  const OfrepRequest request = ReadOfrep(call.request.body);
  if (!request.fault.empty()) return OfrepFault(400, key, request.fault, request.details);
  const std::shared_ptr<const Ruleset> ruleset = channel->CurrentRuleset().ruleset;
  const std::int64_t now_ms = parts_.now_ms();
  const bool is_client = call.who.kind == KeyKind::kClient;
  std::uint32_t slot = ruleset->Find(key);
  const Ruleset::Entry* entry = ruleset->At(slot);
  // For a client's key there are no other flags.
  if (is_client && (entry == nullptr || entry->flag == nullptr || !entry->flag->client)) slot = Ruleset::kNoSlot;
  const Exposures::Source source{call.who.project, call.who.environment, std::string(KeyIdOf(call.who))};
  Collector collector{parts_.exposures, source, request.context, now_ms, ruleset->revision()};
  CallSink sink{&Collector::Take, &collector};
  const Decision decision = guidon::Evaluate(*ruleset, slot, request.context, now_ms, sink);
  std::string body;
  AppendOfrepEvaluation(body, *ruleset, key, decision, {.is_for_clients = is_client, .has_revision = true});
  if (decision.error != EvaluationError::kNone) {
    return OfrepAnswer(decision.error == EvaluationError::kFlagNotFound ? 404 : 400, std::move(body));
  }
  for (NewExposure& exposure : collector.found) parts_.exposures.Offer(source, std::move(exposure));
  return OfrepAnswer(200, std::move(body));
}

http::Response Api::EvaluateFlags(const Call& call) {
  const std::shared_ptr<Channel> channel = parts_.feed.Find({call.who.project, call.who.environment});
  if (!channel) return OfrepRefusal(GoneScope(call.who), RetrySeconds());
  const OfrepRequest request = ReadOfrep(call.request.body);
  if (!request.fault.empty()) return OfrepFault(400, "", request.fault, request.details);
  // Asked before the rules: a change between the two is told once too often, and never missed.
  const Revision seen = channel->changed();
  const std::shared_ptr<const Ruleset> ruleset = channel->CurrentRuleset().ruleset;
  const std::string flags = EvaluateAll(*ruleset, request.context, parts_.now_ms(), call.who.kind == KeyKind::kClient);
  const std::string hash = HashOf(flags);
  const std::optional<HeldEtag> held = ReadHeld(call.request.Header("If-None-Match"));
  http::Response response;
  if (held && held->hash == hash && !tickets_.IsGone(held->ticket)) {
    response.status = 304;
    response.Header("ETag", "\"" + hash + "-" + std::string(held->ticket) + "\"");
    response.Header("Cache-Control", "no-store");
    return response;
  }
  // A stream that is open goes on: a client that takes the address of its stream from this answer keeps it.
  StreamTickets::Ticket ticket;
  if (held) ticket = {std::string(held->ticket), tickets_.OpenText(held->ticket, KeyIdOf(call.who))};
  if (ticket.text.empty()) ticket = tickets_.Issue(KeyIdOf(call.who), seen);
  response = OfrepAnswer(200, "{\"flags\":" + flags + PointerTo(ticket.text) + "}");
  response.Header("ETag", "\"" + hash + "-" + ticket.id + "\"");
  return response;
}

http::Response Api::OfrepEvents(const Call& call) {
  if (parts_.is_stopping())
    return OfrepRefusal({ErrorCode::kUnavailable, "the server is stopping", {}}, RetrySeconds());
  const std::shared_ptr<Channel> channel = parts_.feed.Find({call.who.project, call.who.environment});
  if (!channel) return OfrepRefusal(GoneScope(call.who), RetrySeconds());
  http::Response response;
  response.Header("Content-Type", "text/event-stream");
  response.Header("Cache-Control", "no-store");
  response.Header("X-Accel-Buffering", "no");
  if (call.request.method == "HEAD") return response;
  Revision seen = channel->changed();
  StreamStart start = StreamStart::kFresh;
  std::unique_ptr<StreamTickets::Lease> lease;
  if (const std::string_view ticket = call.request.Query("ticket"); !ticket.empty()) {
    Result<StreamTickets::Entry> entry = tickets_.Redeem(ticket);
    if (!entry) return OfrepRefusal(entry.error(), RetrySeconds());
    seen = entry->revision;
    lease = std::move(entry->lease);
  } else if (const std::string_view last = call.request.Header("Last-Event-ID"); !last.empty()) {
    const Cursor cursor = channel->Resume(last);
    seen = cursor.needs_snapshot ? 0 : cursor.revision;
    start = cursor.needs_snapshot ? StreamStart::kReset : StreamStart::kResumed;
  }
  OfrepStreamOptions options;
  options.is_valid = [&authenticator = parts_.authenticator, id = std::string(KeyIdOf(call.who))] {
    return authenticator.IsValid(id);
  };
  options.revocations = &parts_.authenticator.revocations();
  options.retry_ms = [this] { return JitteredRetryMs(); };
  options.retry_after_stop_ms = [] { return 1'000 * RetrySeconds(); };
  options.ticks_per_heartbeat = options_.ticks_per_heartbeat;
  options.counters = &parts_.api_counters.ofrep_streams();
  options.counters->Count(start);
  response.stream = std::make_shared<OfrepStream>(channel, seen, std::move(lease), std::move(options));
  return response;
}

// ---- Pages of other origins ----------------------------------------------------------------------------------------

bool Api::MayCall(std::string_view origin) const {
  const auto& listed = options_.cors_origins;
  return !origin.empty() && (std::find(listed.begin(), listed.end(), origin) != listed.end() ||
                             std::find(listed.begin(), listed.end(), "*") != listed.end());
}

void Api::AddCors(const http::Request& request, http::Response& response) const {
  response.Header("Vary", "Origin");
  const std::string_view origin = request.Header("Origin");
  if (!MayCall(origin)) return;
  response.Header("Access-Control-Allow-Origin", origin);
  response.Header("Access-Control-Expose-Headers", "ETag, Retry-After, X-Request-Id");
}

http::Response Api::Preflight(const Call& call) {
  http::Response response;
  response.status = 204;
  response.Header("Allow", "OPTIONS, POST");
  const std::string_view origin = call.request.Header("Origin");
  if (origin.empty()) return response;
  if (!MayCall(origin)) {
    return OfrepRefusal({ErrorCode::kPermissionDenied,
                         "pages of this origin may not call: the setting cors-origins does not name it",
                         {}},
                        RetrySeconds());
  }
  response.Header("Access-Control-Allow-Methods", "POST");
  response.Header("Access-Control-Allow-Headers",
                  "Authorization, X-API-Key, Content-Type, Content-Encoding, If-None-Match");
  response.Header("Access-Control-Max-Age", "7200");
  return response;
}

}  // namespace guidon
