#include "server/ingest/fact_events.h"

#include <algorithm>
#include <utility>

#include "core/base/json.h"
#include "core/base/json_record.h"

namespace guidon {
namespace {

constexpr std::int64_t kMostWholeUnit = std::int64_t{1} << 53;
constexpr std::size_t kMostUnitBytes = 1'024;

stats::Time TimeOf(std::int64_t ms) {
  return stats::Time(stats::Milliseconds(ms));
}

const Value* MemberOf(const Value& object, std::string_view name) {
  const Value* value = object.Find(name);
  return value == nullptr || value->is_null() ? nullptr : value;
}

std::optional<FactEvent> ExposureOf(const Value& event) {
  FactEvent fact;
  fact.is_exposure = true;
  const std::string role = TextOf(event, "role");
  if (role == "assigned") {
    fact.experiment = TextOf(event, "experiment");
    fact.variant = TextOf(event, "variant");
    const std::int64_t iteration = NumberOf(event, "iteration");
    if (iteration < 1 || iteration > std::int64_t{UINT32_MAX}) return std::nullopt;
    fact.iteration = static_cast<std::uint32_t>(iteration);
  } else {
    fact.experiment = std::string(kHoldoutExperiment) + TextOf(event, "holdout");
    fact.variant = role;
  }
  fact.unit_attribute = TextOf(event, "unit_attribute");
  fact.unit = TextOf(event, "unit");
  const Value* forced = event.Find("forced");
  fact.forced = forced != nullptr && forced->AsBool();
  return fact;
}

std::string SdkOf(const Value& entry) {
  const Value* sdk = MemberOf(entry, "sdk");
  if (sdk == nullptr) return {};
  const std::string name = TextOf(*sdk, "name"), version = TextOf(*sdk, "version");
  return name.empty() || version.empty() ? name + version : name + " " + version;
}

}  // namespace

std::string_view ToString(FactRejection reason) {
  static constexpr std::array<std::string_view, kFactRejections> kWords = {
      "no_unit", "unknown_experiment", "other_iteration", "unknown_variant", "forced",    "before_start", "closed",
      "late",    "no_value",           "not_a_number",    "clock",           "unreadable"};
  return kWords[static_cast<std::size_t>(reason)];
}

std::optional<stats::Time> CorrectedTime(stats::Time time, std::optional<stats::Time> sent, stats::Time received) {
  if (sent) {
    const stats::Milliseconds offset = received - *sent;
    if (std::chrono::abs(offset) > kMostClockOffset) return std::nullopt;
    if (std::chrono::abs(offset) > kClockTolerance) time += offset;
  }
  return std::min(time, received);
}

std::string UnitTextOf(const Value* value) {
  if (value == nullptr) return {};
  if (value->is_string()) return value->AsString().size() <= kMostUnitBytes ? value->AsString() : std::string();
  if (!value->is_number() || !value->IsIntegral()) return {};
  const std::int64_t whole = value->AsInt();
  return -kMostWholeUnit <= whole && whole <= kMostWholeUnit ? std::to_string(whole) : std::string();
}

Result<FactEntry> ReadFacts(std::string_view text) {
  Result<Value> root = ParseJson(text);
  if (!root || !root->is_object()) return Fail(ErrorCode::kCorrupt, "it is no JSON object");
  const Value *received = root->Find("received"), *events = root->Find("events");
  if (received == nullptr || !received->is_int() || events == nullptr || !events->is_array()) {
    return Fail(ErrorCode::kCorrupt, "it does not say when it was received and what events it has");
  }
  FactEntry entry;
  entry.text = std::make_unique<const Value>(*std::move(root));
  entry.received = TimeOf(NumberOf(*entry.text, "received"));
  entry.sdk = SdkOf(*entry.text);
  entry.imported = MemberOf(*entry.text, "import") != nullptr;
  const Value* sent_at = MemberOf(*entry.text, "sent");
  std::optional<stats::Time> sent;
  if (!entry.imported && sent_at != nullptr && sent_at->is_int()) {
    // Bounded before it is reckoned with: it is the client's, and may be anything.
    const std::int64_t far = std::int64_t{1} << 60;
    sent = TimeOf(std::clamp(sent_at->AsInt(), -far, far));
  }
  for (const Value& event : ListIn(*entry.text, "events")) {
    const std::string type = TextOf(event, "type");
    std::optional<FactEvent> fact;
    if (type == "exposure") {
      fact = ExposureOf(event);
    } else if (type == "track") {
      fact.emplace();
      fact->name = TextOf(event, "event");
      fact->value = MemberOf(event, "value");
      fact->attributes = MemberOf(event, "attributes");
    } else if (type == "evaluations") {
      entry.evaluations.push_back(
          {CorrectedTime(TimeOf(NumberOf(event, "to")), sent, entry.received), &ListIn(event, "counts")});
    }
    if (!fact) continue;
    fact->context = MemberOf(event, "context");
    fact->time = CorrectedTime(TimeOf(NumberOf(event, "time")), sent, entry.received);
    entry.events.push_back(*std::move(fact));
  }
  return entry;
}

}  // namespace guidon
