#include "sdk/events/event_json.h"

#include <cmath>
#include <utility>

#include "core/base/json.h"
#include "core/base/json_members.h"
#include "core/eval/context_scalars.h"

namespace guidon::internal {
namespace {

constexpr std::size_t kMostBroken = 100;
constexpr std::size_t kMaxSenderBytes = 256;  // of a name or a version

// Text that can be a name, a key or a unit.
bool IsName(std::string_view text) {
  return !text.empty() && text.size() <= kMaxNameBytes && IsValidUtf8(text);
}

// What can be said about an attribute in an event: text, a finite number or a boolean.
bool IsSayable(const Value& value) {
  if (value.is_string()) return IsValidUtf8(value.AsString());
  return value.is_bool() || (value.is_number() && std::isfinite(value.AsDouble()));
}

std::string EncodeContext(const Context& context, const PrivateAttributes& without) {
  std::string json = "{";
  JsonMembers members(json);
  ContextScalars::ForEach(context, [&](const ContextScalar& scalar) {
    const bool is_long = scalar.kind == ContextScalar::Kind::kText && scalar.text.size() > kMaxNameBytes;
    if (is_long || !IsName(scalar.name) || without.Covers(scalar.name)) return;
    const Value value = scalar.ToValue();
    if (IsSayable(value)) members.Any(scalar.name, value);
  });
  return json + "}";
}

std::string EncodeObject(const Object& object, const PrivateAttributes& without) {
  std::string json = "{";
  JsonMembers members(json);
  for (const Member& member : object) {
    if (!IsName(member.name) || !IsSayable(member.value) || without.Covers(member.name)) continue;
    members.Any(member.name, member.value);
  }
  return json + "}";
}

std::string_view ToString(Consulted::Role role) {
  switch (role) {
    case Consulted::Role::kAssigned:
      return "assigned";
    case Consulted::Role::kHeldOut:
      return "held_out";
    case Consulted::Role::kComparison:
      return "comparison";
  }
  return "assigned";
}

}  // namespace

Result<std::string> EncodeTrack(const TrackCall& call, std::int64_t time_ms, const Privacy& privacy) {
  if (call.event.empty()) return Fail(ErrorCode::kInvalid, "the event has no name");
  if (call.event.size() > kMaxNameBytes) {
    return Fail(ErrorCode::kInvalid, "the event's name has " + std::to_string(call.event.size()) + " bytes; at most " +
                                         std::to_string(kMaxNameBytes) + " are allowed");
  }
  if (!IsValidUtf8(call.event)) return Fail(ErrorCode::kInvalid, "the event's name is not UTF-8");
  const std::string name(call.event);
  if (call.value && !std::isfinite(*call.value))
    return Fail(ErrorCode::kInvalid, "the value of event '" + name + "' is not finite");
  std::string json = R"({"type":"track",)";
  JsonMembers members(json);
  members.Number("time", time_ms).Text("event", call.event);
  if (call.value) members.Number("value", *call.value);
  members.Raw("context", EncodeContext(call.context, privacy.of_contexts));
  if (!call.attributes.empty()) members.Raw("attributes", EncodeObject(call.attributes, privacy.of_events));
  json += '}';
  if (json.size() > kMaxEventBytes) {
    return Fail(ErrorCode::kInvalid, "event '" + name + "' has " + std::to_string(json.size()) +
                                         " bytes with its context and attributes; at most " +
                                         std::to_string(kMaxEventBytes) + " are allowed");
  }
  return json;
}

std::string EncodeExposure(const RecordedExposure& e) {
  // The rest was valid in the ruleset.
  if (!IsName(e.unit) || !IsName(e.unit_attribute)) return "";
  std::string json = R"({"type":"exposure",)";
  JsonMembers members(json);
  members.Number("time", e.time_ms).Text("flag", e.flag).Text("experiment", e.experiment);
  members.Number("iteration", e.iteration);
  if (e.role != Consulted::Role::kComparison) members.TextIfAny("variant", e.variant);
  members.Text("role", ToString(e.role)).TextIfAny("holdout", e.holdout);
  if (e.forced) members.Any("forced", true);
  members.Text("unit_attribute", e.unit_attribute).Text("unit", e.unit);
  if (e.bucket >= 0) members.Number("bucket", e.bucket);
  members.Number("revision", e.revision);
  if (e.context.is_object()) {
    const std::string context = EncodeObject(e.context.AsObject(), PrivateAttributes());
    if (context.size() <= kMaxContextBytes) members.Raw("context", context);
  }
  json += '}';
  return json.size() <= kMaxEventBytes ? json : "";
}

std::string WithEpoch(std::string_view exposure, std::string_view epoch) {
  std::string json(exposure.substr(0, exposure.size() - 1));
  json += R"(,"epoch":)";
  AppendJsonString(json, epoch);
  return json + "}";
}

std::string EncodeEvaluations(const std::vector<EvaluationCount>& counts, std::int64_t from_ms, std::int64_t to_ms,
                              std::size_t max_bytes, std::size_t* taken) {
  *taken = 0;
  std::string json = R"({"type":"evaluations","from":)" + std::to_string(from_ms) + R"(,"to":)" +
                     std::to_string(to_ms) + R"(,"counts":[)";
  for (const EvaluationCount& count : counts) {
    std::string entry = *taken == 0 ? "{" : ",{";
    JsonMembers members(entry);
    members.Text("flag", IsName(count.flag) ? std::string_view(count.flag) : kOtherFlags)
        .TextIfAny("variation", count.variation)
        .Text("reason", ToString(count.reason));
    members.TextIfAny("error", ToString(count.error)).Number("count", count.count);
    entry += '}';
    // The first one in any case: there must be some way on.
    if (*taken == kMaxCounts || (*taken > 0 && json.size() + entry.size() + 2 > max_bytes)) break;
    json += entry;
    ++*taken;
  }
  return *taken == 0 ? "" : json + "]}";
}

std::string EncodeDropped(const DroppedEvents& dropped) {
  std::string json = R"({"type":"dropped","counts":{)";
  JsonMembers members(json);
  for (const auto& [name, count] : {std::pair("exposures", dropped.exposures), std::pair("track", dropped.track),
                                    std::pair("invalid", dropped.invalid), std::pair("batches", dropped.batches)}) {
    if (count > 0) members.Number(name, count);
  }
  return json + "}}";
}

std::string EncodeSender(const ClientConfig& config, std::string_view instance) {
  std::string json = R"("sdk":{"name":"guidon-cpp","version":")" GUIDON_VERSION "\"}";
  const auto is_sayable = [](const std::string& text) { return IsName(text) && text.size() <= kMaxSenderBytes; };
  if (is_sayable(config.application)) {
    json += R"(,"application":{)";
    JsonMembers members(json);
    members.Text("name", config.application);
    if (is_sayable(config.application_version)) members.Text("version", config.application_version);
    json += '}';
  }
  return json + R"(,"instance":")" + std::string(instance) + "\"";
}

std::string EncodeStatus(const ClientStatus& status, const Held& held, std::string_view sender) {
  std::string json = R"({"schema":1,)" + std::string(sender) + ",";
  JsonMembers members(json);
  members.TextIfAny("epoch", held.epoch).Number("revision", held.revision).Text("digest", held.digest);
  members.Text("source", ToString(status.source)).Text("state", ToString(status.state));
  members.Number("age_ms", status.age.count());
  Array broken;
  for (const auto& [flag, reason] : status.broken) {
    if (broken.size() < kMostBroken) broken.emplace_back(flag);
  }
  const DroppedEvents& dropped = status.events.dropped;
  members.Any("broken", broken);
  members.Any("dropped", Object{{"exposures", dropped.exposures},
                                {"track", dropped.track},
                                {"invalid", dropped.invalid},
                                {"batches", dropped.batches},
                                {"rejected", dropped.rejected}});
  return json + "}";
}

}  // namespace guidon::internal
