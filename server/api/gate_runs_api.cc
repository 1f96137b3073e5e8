// What gates found, into the audit log (docs/gate.md, The record): one entry for each run, and a signed checkpoint of
// it as a receipt.
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/base/json_record.h"
#include "core/codec/reader.h"
#include "core/model/units.h"
#include "server/api/api.h"
#include "server/api/problem.h"
#include "server/api/requests.h"

namespace guidon {
namespace {

using codec::Fields;
using codec::Node;

constexpr std::size_t kMostBytes = 64u << 10;  // of a body
constexpr std::size_t kMostRules = 200;        // that are named
constexpr std::size_t kMostGroups = 20;        // likewise
constexpr std::size_t kMostShort = 256;        // bytes of a name or a version
constexpr std::uint64_t kMostCount = 10'000'000;

Value ReadHash(const Node& node) {
  const std::string text = codec::ReadText(node);
  if (text.size() != 64 || text.find_first_not_of("0123456789abcdef") != text.npos) {
    node.Fault("bad_hash", "a SHA-256 is 64 hex digits, in lower case");
  }
  return Value(text);
}

std::string ReadShort(const Node& node) {
  std::string text = codec::ReadText(node);
  if (text.empty() || text.size() > kMostShort) {
    node.Fault("bad_text", "expected text of 1 to " + std::to_string(kMostShort) + " bytes");
  }
  return text;
}

Value ReadShortValue(const Node& node) {
  return Value(ReadShort(node));
}

Value ReadVerdict(const Node& node) {
  const std::string word = codec::ReadText(node);
  if (word != "pass" && word != "fail" && word != "hold") {
    codec::UnknownWord(node, "verdict", {"pass", "fail", "hold"});
  }
  return Value(word);
}

Value ReadCounts(const Node& node) {
  Object counts;
  Fields fields(node, "counts");
  for (const std::string_view name : {"fail", "hold", "warn", "note", "waived"}) {
    std::uint64_t count = 0;
    if (fields.Required(name, count, [](const Node& n) { return codec::ReadCount(n, 0, kMostCount); })) {
      counts.Append(name, Value(count));
    }
  }
  fields.Finish();
  return Value(std::move(counts));
}

// What of a run is kept: what is asked for, and nothing else.
Object ReadRun(const Node& node) {
  Object run;
  Fields fields(node, "a gate run");
  const auto required = [&](std::string_view name, auto read) {
    Value value;
    if (fields.Required(name, value, read)) run.Append(name, std::move(value));
  };
  const auto optional = [&](std::string_view name, auto read) {
    Value value;
    if (fields.Optional(name, value, read)) run.Append(name, std::move(value));
  };
  const auto texts = [](std::string_view what, std::size_t most) {
    return [what, most](const Node& n) { return Value(TextsOf(codec::ReadList(n, what, most, ReadShort))); };
  };
  required("verdict", ReadVerdict);
  required("exit_code", [](const Node& n) { return Value(codec::ReadCount(n, 0, 255)); });
  required("day", [](const Node& n) { return Value(FormatDay(codec::ReadDay(n))); });
  required("policy", ReadShortValue);
  optional("policy_hash", ReadHash);
  required("inputs_hash", ReadHash);
  required("looked", texts("groups", kMostGroups));
  required("counts", ReadCounts);
  required("failed", texts("rules", kMostRules));
  optional("release", ReadShortValue);
  optional("revision", ReadShortValue);
  optional("version", ReadShortValue);
  fields.Finish();
  return run;
}

}  // namespace

http::Response Api::RecordGateRun(const Call& call) {
  const std::string project(call.request.Param("project")), environment(call.request.Param("environment"));
  if (!parts_.feed.Find({project, environment})) return GetEnvironment(call);  // which says what is missing
  if (call.request.body.size() > kMostBytes) {
    return ProblemResponse(
        {ErrorCode::kTooLarge, "a gate run has at most " + std::to_string(kMostBytes) + " bytes", {}}, call.request.id);
  }
  const Result<Preconditions> conditions = ReadIdempotencyOnly(call.request);
  if (!conditions) return BadRequest(call.request, conditions.error());
  const Result<Value> body = ReadJson(call.request);
  if (!body) return BadRequest(call.request, body.error());
  Result<Object> run = codec::Decode("gate run", *body, Strictness::kAuthored, ReadRun);
  if (!run) return ProblemResponse(run.error(), call.request.id);
  const Result<Committed> noted = parts_.catalog.Note(
      {project, environment, "gate.run", "gate", Value(*std::move(run)), AuthorOf(call), conditions->idempotency});
  if (!noted) return ProblemResponse(noted.error(), call.request.id);
  // Signed for this one, and not kept: whoever asked holds it. The chain has checkpoints of its own.
  const Result<std::optional<Checkpoint>> signed_link =
      parts_.catalog.audit().Sign(noted->revision, Timestamp(std::chrono::milliseconds(parts_.now_ms())));
  if (!signed_link) return ProblemResponse(signed_link.error(), call.request.id);
  Object answer{{"revision", Value(noted->revision)}};
  if (*signed_link) answer.Append("checkpoint", Value((*signed_link)->text));
  return JsonResponse(201, Value(std::move(answer)));
}

}  // namespace guidon
