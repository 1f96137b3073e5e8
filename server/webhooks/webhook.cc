#include "server/webhooks/webhook.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <utility>

#include "core/base/json.h"
#include "core/base/json_record.h"
#include "core/base/text.h"
#include "core/model/units.h"

namespace guidon {
namespace {

constexpr std::string_view kSecretPrefix = "whsec_";
constexpr std::size_t kSecretBytes = 24;
constexpr std::size_t kMostChangesNamed = 200;  // keeps a body below 64 KiB
constexpr std::size_t kMostChangesInText = 10;
constexpr std::size_t kMostExperimentsNamed = 10;  // likewise, with so many …
constexpr std::size_t kMostVariantsNamed = 10;     // … variants each

std::string Base64(const unsigned char* bytes, std::size_t size) {
  std::string text(4 * ((size + 2) / 3) + 1, '\0');
  const int written = EVP_EncodeBlock(reinterpret_cast<unsigned char*>(text.data()), bytes, static_cast<int>(size));
  text.resize(static_cast<std::size_t>(written));
  return text;
}

Result<std::string> RandomBytes(std::size_t size) {
  std::string bytes(size, '\0');
  if (RAND_bytes(reinterpret_cast<unsigned char*>(bytes.data()), static_cast<int>(size)) != 1) {
    return Fail(ErrorCode::kIo, "the operating system gave no random bytes for a webhook");
  }
  return bytes;
}

// ---- What befalls an experiment ----------------------------------------------------------------------------------

using Standing = RevisionEvent::Standing;

// By where it stood before and where it stands after: its name, and in words. Several may hold of one commit.
struct ExperimentEvent {
  std::string_view name, word;
  bool (*holds)(const Standing& before, const Standing& after);
};
constexpr ExperimentEvent kExperimentEvents[] = {
    {"experiment.started", "started",
     [](const Standing& before, const Standing& after) {
       return after.status == "running" && after.iteration > before.iteration;
     }},
    {"experiment.paused", "paused",
     [](const Standing& before, const Standing& after) {
       return after.status == "paused" && before.status != "paused";
     }},
    {"experiment.resumed", "resumed",
     [](const Standing& before, const Standing& after) {
       return after.status == "running" && before.status == "paused" && after.iteration == before.iteration;
     }},
    {"experiment.stopped", "stopped",
     [](const Standing& before, const Standing& after) {
       return after.status == "stopped" && (before.status == "running" || before.status == "paused");
     }},
    {"experiment.concluded", "concluded",
     [](const Standing& before, const Standing& after) {
       return after.status == "concluded" && before.status != "concluded";
     }},
};

// Valid as long as the event is.
struct Happening {
  const RevisionEvent::Change* change;
  const ExperimentEvent* what;
};
std::vector<Happening> HappeningsIn(const RevisionEvent& event) {
  std::vector<Happening> happenings;
  for (const RevisionEvent::Change& change : event.changes) {
    if (!change.move) continue;
    for (const ExperimentEvent& what : kExperimentEvents) {
      if (what.holds(change.move->before, change.move->after)) happenings.push_back({&change, &what});
    }
  }
  return happenings;
}

Standing ReadStanding(const Value* standing) {
  if (standing == nullptr) return {};
  return {TextOf(*standing, "status"), NumberOf(*standing, "iteration"), NumberOf(*standing, "ramp_step"),
          TextOf(*standing, "winner")};
}

// As the catalog's log has it (server/catalog/records.h).
std::optional<RevisionEvent::Move> ReadMove(const Value* move) {
  if (move == nullptr) return std::nullopt;
  return RevisionEvent::Move{TextOf(*move, "environment"), TextsIn(*move, "variants"),
                             ReadStanding(move->Find("before")), ReadStanding(move->Find("after"))};
}

Value DescribeHappening(const Happening& happening) {
  const RevisionEvent::Move& move = *happening.change->move;
  Object described{{"event", Value(happening.what->name)},   {"key", Value(happening.change->key)},
                   {"environment", Value(move.environment)}, {"was", Value(move.before.status)},
                   {"is", Value(move.after.status)},         {"iteration", Value(move.after.iteration)}};
  std::vector<std::string> variants = move.variants;
  if (variants.size() > kMostVariantsNamed) variants.resize(kMostVariantsNamed);
  described.Append("variants", Value(TextsOf(variants)));
  if (variants.size() < move.variants.size()) {
    described.Append("variants_left_out", Value(move.variants.size() - variants.size()));
  }
  if (!move.after.winner.empty()) described.Append("winner", Value(move.after.winner));
  return described;
}

// "Experiment checkout-one-page started (iteration 1) in production, experiment search paused …"
std::string InWords(const std::vector<Happening>& happenings) {
  std::string text;
  for (std::size_t i = 0; i < std::min(happenings.size(), kMostExperimentsNamed); ++i) {
    const RevisionEvent::Change& change = *happenings[i].change;
    const Standing& after = change.move->after;
    text += (i == 0 ? "Experiment " : ", experiment ") + change.key + " " + std::string(happenings[i].what->word) +
            " (iteration " + std::to_string(after.iteration) +
            (after.winner.empty() ? "" : ", winner " + after.winner) + ") in " + change.move->environment;
  }
  if (happenings.size() > kMostExperimentsNamed) {
    text += " and " + std::to_string(happenings.size() - kMostExperimentsNamed) + " more";
  }
  return text;
}

// "definitions.change" by "*", "definitions.*" or itself.
bool Matches(std::string_view pattern, std::string_view event) {
  if (!pattern.ends_with('*')) return pattern == event;
  return event.starts_with(pattern.substr(0, pattern.size() - 1));
}

// Slack takes these three for its own (https://docs.slack.dev/messaging/formatting-message-text).
std::string EscapedForSlack(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '&') {
      out += "&amp;";
    } else if (c == '<') {
      out += "&lt;";
    } else if (c == '>') {
      out += "&gt;";
    } else {
      out += c;
    }
  }
  return out;
}

// What was done to a change request, or said, in words; "" when the event is about something else.
std::string DeedOf(const RevisionEvent& event) {
  constexpr std::pair<std::string_view, std::string_view> kDeeds[] = {
      {"open", "opened"},          {"change", "changed"},    {"approve", "approved"},   {"reject", "rejected"},
      {"rebase", "rebased"},       {"withdraw", "withdrew"}, {"schedule", "scheduled"}, {"apply", "applied"},
      {"fail", "could not apply"}, {"stale", "finds stale"}};
  constexpr std::string_view kOfRequests = "change_request.";
  if (event.action.starts_with(kOfRequests)) {
    for (const auto& [action, word] : kDeeds) {
      if (event.action.substr(kOfRequests.size()) == action) {
        return std::string(word) + " change request " + event.change_request;
      }
    }
  }
  if (event.action != "comment.create" && event.action != "comment.delete") return "";
  // shop/flag/checkout.layout/3
  const std::size_t kind = event.subject.find('/'), end = event.subject.rfind('/');
  const std::size_t key = event.subject.find('/', kind == std::string::npos ? kind : kind + 1);
  if (key == std::string::npos || key >= end) return "";
  const std::string of = event.subject.substr(kind + 1, key - kind - 1);
  return (event.action == "comment.create" ? "commented on " : "took back a comment on ") +
         (of == "change_request" ? std::string("change request") : of) + " " +
         event.subject.substr(key + 1, end - key - 1);
}

// "changed flag checkout.layout, removed segment beta"; without those that `happenings` tell of.
std::string ChangesInWords(const RevisionEvent& event, const std::vector<Happening>& happenings) {
  std::string text;
  std::size_t count = 0;
  for (const RevisionEvent::Change& change : event.changes) {
    const bool is_told =
        change.move && std::any_of(happenings.begin(), happenings.end(),
                                   [&](const Happening& happening) { return happening.change == &change; });
    if (is_told || ++count > kMostChangesInText) continue;
    text += (text.empty() ? "" : ", ") + std::string(change.removed ? "removed " : "changed ") + change.kind + " " +
            change.key;
  }
  if (count > kMostChangesInText) text += " and " + std::to_string(count - kMostChangesInText) + " more";
  return text;
}

// "shop: key:4fJ2 changed flag checkout.layout, removed segment beta (revision 17): slower ramp"
// "shop: Experiment checkout-one-page started (iteration 1) in production by key:4fJ2 (revision 18): go"
std::string TextFor(const RevisionEvent& event) {
  std::string text = event.project.empty() ? std::string() : event.project + ": ";
  if (!event.overridden.empty()) text += "EMERGENCY in " + Joined(event.overridden) + ": ";
  const std::vector<Happening> happenings = HappeningsIn(event);
  const std::string deed = DeedOf(event), changes = ChangesInWords(event, happenings);
  if (!happenings.empty()) {
    text += InWords(happenings) + " by " + event.principal + (deed.empty() ? "" : ", who " + deed) +
            (changes.empty() ? "" : "; ") + changes;
  } else if (!deed.empty()) {
    text += event.principal + " " + deed + (changes.empty() ? "" : ": ") + changes;
  } else {
    text += event.principal + " " + (changes.empty() ? event.action + " " + event.subject : changes);
  }
  text += " (revision " + std::to_string(event.revision) + ")";
  if (!event.approved_by.empty()) text += ", approved by " + Joined(event.approved_by);
  if (!event.emergency.empty()) text += ", without approvals, as " + event.emergency;
  if (!event.comment.empty()) text += ": " + event.comment;
  return text;
}

std::int64_t Milliseconds(Timestamp time) {
  return time.time_since_epoch().count();
}

}  // namespace

std::string_view ToString(WebhookFormat format) {
  return format == WebhookFormat::kSlack ? "slack" : "json";
}

std::optional<WebhookFormat> WebhookFormatFromString(std::string_view word) {
  if (word == "json") return WebhookFormat::kJson;
  if (word == "slack") return WebhookFormat::kSlack;
  return std::nullopt;
}

std::string EncodeWebhook(const Webhook& webhook) {
  return ToJson(Object{{"url", Value(webhook.url)},
                       {"project", Value(webhook.project)},
                       {"events", Value(TextsOf(webhook.events))},
                       {"format", Value(ToString(webhook.format))},
                       {"description", Value(webhook.description)},
                       {"secret", Value(webhook.secret)},
                       {"after", Value(webhook.after)},
                       {"created_ms", Value(webhook.created_ms)},
                       {"disabled", Value(webhook.disabled)}});
}

Result<Webhook> DecodeWebhook(std::string_view id, std::string_view text) {
  const Result<Value> value = ParseJson(text);
  const auto format = value ? WebhookFormatFromString(TextOf(*value, "format")) : std::nullopt;
  const Value* const events = value ? value->Find("events") : nullptr;
  if (!format || events == nullptr || !events->is_array()) {
    return Fail(ErrorCode::kCorrupt, "the record of webhook '" + std::string(id) + "' cannot be read");
  }
  Webhook webhook;
  webhook.id = id;
  webhook.url = TextOf(*value, "url");
  webhook.project = TextOf(*value, "project");
  for (const Value& event : events->AsArray()) webhook.events.push_back(event.AsString());
  webhook.format = *format;
  webhook.description = TextOf(*value, "description");
  webhook.secret = TextOf(*value, "secret");
  webhook.after = static_cast<Revision>(NumberOf(*value, "after"));
  webhook.created_ms = NumberOf(*value, "created_ms");
  webhook.disabled = TextOf(*value, "disabled");
  return webhook;
}

Value DescribeWebhook(const Webhook& webhook) {
  Object object{{"id", Value(webhook.id)}, {"url", Value(webhook.url)}};
  if (!webhook.project.empty()) object.Append("project", Value(webhook.project));
  object.Append("events", Value(TextsOf(webhook.events)));
  object.Append("format", Value(ToString(webhook.format)));
  if (!webhook.description.empty()) object.Append("description", Value(webhook.description));
  object.Append("created", Value(FormatTimestamp(webhook.created_ms)));
  if (!webhook.disabled.empty()) object.Append("disabled", Value(webhook.disabled));
  return object;
}

Result<std::string> NewWebhookId() {
  constexpr std::string_view kDigits = "0123456789abcdefghijklmnopqrstuv";  // 32: no digit is likelier
  constexpr std::size_t kSize = 12;
  Result<std::string> bytes = RandomBytes(kSize);
  if (!bytes) return bytes;
  for (char& byte : *bytes) byte = kDigits[static_cast<unsigned char>(byte) % kDigits.size()];
  return bytes;
}

Result<std::string> NewWebhookSecret() {
  const Result<std::string> bytes = RandomBytes(kSecretBytes);
  if (!bytes) return bytes;
  return std::string(kSecretPrefix) + Base64(reinterpret_cast<const unsigned char*>(bytes->data()), bytes->size());
}

std::optional<RevisionEvent> ReadRevisionEvent(const RevisionEntry& entry) {
  if (entry.audit.state != StoredPayload::State::kPresent) return std::nullopt;
  const Result<Value> audit = ParseJson(entry.audit.bytes);
  if (!audit) return std::nullopt;
  RevisionEvent event;
  event.revision = entry.revision;
  event.time = entry.time;
  event.action = TextOf(*audit, "action");
  event.subject = TextOf(*audit, "subject");
  event.principal = TextOf(*audit, "principal");
  event.comment = TextOf(*audit, "comment");
  event.project = TextOf(*audit, "project");
  event.change_request = TextOf(*audit, "change_request");
  event.emergency = TextOf(*audit, "emergency");
  event.requested_by = TextsIn(*audit, "requested_by");
  event.approved_by = TextsIn(*audit, "approved_by");
  event.overridden = TextsIn(*audit, "overridden");
  if (const Value* finding = audit->Find("finding")) event.finding = *finding;
  if (entry.log.state != StoredPayload::State::kPresent) return event;
  const Result<Value> log = ParseJson(entry.log.bytes);
  if (!log) return event;
  if (event.project.empty()) event.project = TextOf(*log, "project");
  const Value* const changes = log->Find("changes");
  if (changes == nullptr || !changes->is_array()) return event;
  for (const Value& change : changes->AsArray()) {
    const Value* const removed = change.Find("removed");
    event.changes.push_back({TextOf(change, "kind"), TextOf(change, "key"), removed != nullptr && removed->AsBool(),
                             ReadMove(change.Find("experiment"))});
  }
  return event;
}

std::vector<std::string> EventsOf(const RevisionEvent& event) {
  std::vector<std::string> names = {event.action};
  const auto add = [&names](std::string name) {
    if (std::find(names.begin(), names.end(), name) == names.end()) names.push_back(std::move(name));
  };
  for (const RevisionEvent::Change& change : event.changes) add(change.kind + (change.removed ? ".remove" : ".change"));
  for (const Happening& happening : HappeningsIn(event)) add(std::string(happening.what->name));
  if (!event.finding.is_null()) add("experiment." + TextOf(event.finding, "kind"));
  if (!event.overridden.empty()) names.emplace_back("emergency.override");
  return names;
}

bool Wants(const Webhook& webhook, const RevisionEvent& event) {
  if (!webhook.project.empty() && webhook.project != event.project) return false;
  if (webhook.events.empty()) return true;
  const std::vector<std::string> names = EventsOf(event);
  return std::any_of(webhook.events.begin(), webhook.events.end(), [&](const std::string& pattern) {
    return std::any_of(names.begin(), names.end(), [&](const std::string& name) { return Matches(pattern, name); });
  });
}

std::string BodyFor(const Webhook& webhook, const RevisionEvent& event) {
  if (webhook.format == WebhookFormat::kSlack) {
    return ToJson(Object{{"text", Value(EscapedForSlack(TextFor(event)))}});
  }
  Array changes;
  for (std::size_t i = 0; i < std::min(event.changes.size(), kMostChangesNamed); ++i) {
    Object change{{"kind", Value(event.changes[i].kind)}, {"key", Value(event.changes[i].key)}};
    if (event.changes[i].removed) change.Append("removed", Value(true));
    changes.emplace_back(std::move(change));
  }
  Object data{{"revision", Value(event.revision)}};
  if (!event.project.empty()) data.Append("project", Value(event.project));
  data.Append("events", Value(TextsOf(EventsOf(event))));
  data.Append("subject", Value(event.subject));
  data.Append("principal", Value(event.principal));
  if (!event.comment.empty()) data.Append("comment", Value(event.comment));
  if (!event.change_request.empty()) data.Append("change_request", Value(event.change_request));
  if (!event.requested_by.empty()) data.Append("requested_by", Value(TextsOf(event.requested_by)));
  if (!event.approved_by.empty()) data.Append("approved_by", Value(TextsOf(event.approved_by)));
  if (!event.overridden.empty()) data.Append("overridden", Value(TextsOf(event.overridden)));
  if (!event.emergency.empty()) data.Append("emergency", Value(event.emergency));
  if (!event.finding.is_null()) data.Append("finding", event.finding);
  data.Append("changes", Value(std::move(changes)));
  if (event.changes.size() > kMostChangesNamed) {
    data.Append("changes_left_out", Value(event.changes.size() - kMostChangesNamed));
  }
  const std::vector<Happening> happenings = HappeningsIn(event);
  Array experiments;
  for (std::size_t i = 0; i < std::min(happenings.size(), kMostExperimentsNamed); ++i) {
    experiments.push_back(DescribeHappening(happenings[i]));
  }
  if (!experiments.empty()) data.Append("experiments", Value(std::move(experiments)));
  if (happenings.size() > kMostExperimentsNamed) {
    data.Append("experiments_left_out", Value(happenings.size() - kMostExperimentsNamed));
  }
  return ToJson(Object{{"type", Value(event.action)},
                       {"timestamp", Value(FormatTimestamp(Milliseconds(event.time)))},
                       {"data", Value(std::move(data))}});
}

std::string MessageId(std::string_view epoch, Revision revision, std::string_view webhook) {
  return std::string(epoch) + "-" + std::to_string(revision) + "-" + std::string(webhook);
}

std::string PingBody(const Webhook& webhook, Timestamp now) {
  if (webhook.format == WebhookFormat::kSlack) {
    return ToJson(Object{{"text", Value("Guidon can reach this webhook.")}});
  }
  return ToJson(Object{{"type", Value("ping")},
                       {"timestamp", Value(FormatTimestamp(Milliseconds(now)))},
                       {"data", Value(Object{{"webhook", Value(webhook.id)}})}});
}

Result<std::string> SignWebhook(std::string_view secret, std::string_view id, std::int64_t seconds,
                                std::string_view body) {
  std::array<unsigned char, kSecretBytes + 3> key{};
  const std::string_view digits = secret.starts_with(kSecretPrefix) ? secret.substr(kSecretPrefix.size()) : "";
  if (digits.size() != kSecretBytes / 3 * 4 ||
      EVP_DecodeBlock(key.data(), reinterpret_cast<const unsigned char*>(digits.data()),
                      static_cast<int>(digits.size())) != static_cast<int>(kSecretBytes)) {
    return Fail(ErrorCode::kInvalid, "the secret of the webhook is not of the form whsec_…");
  }
  const std::string signed_text = std::string(id) + "." + std::to_string(seconds) + "." + std::string(body);
  std::array<unsigned char, EVP_MAX_MD_SIZE> hash{};
  unsigned int size = 0;
  if (HMAC(EVP_sha256(), key.data(), static_cast<int>(kSecretBytes),
           reinterpret_cast<const unsigned char*>(signed_text.data()), signed_text.size(), hash.data(),
           &size) == nullptr) {
    return Fail(ErrorCode::kInternal, "HMAC-SHA256 failed");
  }
  return "v1," + Base64(hash.data(), size);
}

}  // namespace guidon
