#include "server/ingest/usage.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "core/base/json.h"
#include "core/base/json_record.h"
#include "core/model/names.h"
#include "server/ingest/fact_events.h"

namespace guidon {
namespace {

using std::chrono::days;
using std::chrono::sys_days;

constexpr std::uint64_t kMostCount = std::numeric_limits<std::int64_t>::max();

std::string DayPrefix(sys_days day) {
  const std::string digits = std::to_string(std::max<std::int64_t>(day.time_since_epoch().count(), 0));
  return std::string(kUsagePrefix).append(8 - std::min<std::size_t>(digits.size(), 8), '0').append(digits) + "/";
}

std::string ScopeOf(const std::string& project, const std::string& environment) {
  return project + "/" + environment;
}

std::string DayKey(sys_days day, const std::string& scope, std::string_view flag) {
  return (DayPrefix(day) + scope).append(1, '\0').append(flag);
}

void AddTo(std::uint64_t& sum, std::uint64_t count) {
  sum = count > kMostCount - std::min(sum, kMostCount) ? kMostCount : sum + count;
}

void AddVariation(UsageCounts& counts, std::string_view variation, std::uint64_t count) {
  auto found = counts.variations.find(variation);
  if (found == counts.variations.end()) {
    const std::size_t named = counts.variations.size() - counts.variations.count(kOtherVariations);
    const bool is_kept = named < kMostVariations && IsKey(variation);
    found = counts.variations.try_emplace(std::string(is_kept ? variation : kOtherVariations), 0).first;
  }
  AddTo(found->second, count);
}

std::string EncodeDay(std::int64_t last_ms, const UsageCounts& counts) {
  Object variations;
  for (const auto& [name, count] : counts.variations) variations.Append(name, Value(count));
  Object day{{"last", Value(last_ms)}, {"counts", Value(std::move(variations))}};
  if (counts.fallback > 0) day.Append("fallback", Value(counts.fallback));
  if (counts.errors > 0) day.Append("errors", Value(counts.errors));
  return ToJson(Value(std::move(day)));
}

Error Unreadable(std::string_view key) {
  return {ErrorCode::kCorrupt, "stored record '" + std::string(key.substr(0, key.find('\0'))) + "' cannot be read", {}};
}

Status DecodeDay(const std::string& key, const std::string& text, std::int64_t& last_ms, UsageCounts& counts) {
  const Result<Value> day = ParseJson(text);
  const Value* variations = day ? day->Find("counts") : nullptr;
  if (variations == nullptr || !variations->is_object()) return Fail(Unreadable(key));
  last_ms = NumberOf(*day, "last");
  for (const Member& member : variations->AsObject()) {
    AddVariation(counts, member.name, CountOf(*variations, member.name));
  }
  counts.fallback = CountOf(*day, "fallback");
  counts.errors = CountOf(*day, "errors");
  return {};
}

std::optional<std::int64_t> DecodeSince(const std::optional<std::string>& text) {
  if (!text) return std::nullopt;
  const Result<Value> record = ParseJson(*text);
  const Value* since = record ? record->Find("since") : nullptr;
  if (since == nullptr || !since->is_int()) return std::nullopt;
  return since->AsInt();
}

// Of an environment of which it is not stored since when it is counted: no later than the end of the first day of which
// something is kept, readable or not, and no later than this.
Result<std::int64_t> SinceByDays(const Store& store, const std::string& scope, std::int64_t received_ms) {
  const sys_days received = std::chrono::floor<days>(Timestamp(std::chrono::milliseconds(received_ms)));
  for (sys_days day = received - kUsageDays + days(1); day < received; day += days(1)) {
    RangeQuery range = RangeQuery::Prefix((DayPrefix(day) + scope).append(1, '\0'));
    range.limit = 1;
    range.keys_only = true;
    const Result<RangeResult> found = store.Range(range);
    if (!found && found.error().code != ErrorCode::kCorrupt) return Fail(found.error());
    if (!found || !found->entries.empty()) return Timestamp(day + days(1)).time_since_epoch().count();
  }
  return received_ms;
}

using Records = std::vector<std::optional<std::string>>;

// One that is damaged as none: it is begun anew, and must not keep everything after it from being counted.
Result<Records> ReadWhole(const Store& store, const std::vector<std::string>& keys) {
  Result<Records> all = store.GetPlain(keys);
  if (all || all.error().code != ErrorCode::kCorrupt) return all;
  Records records;
  for (const std::string& key : keys) {
    Result<Records> one = store.GetPlain({key});
    if (!one && one.error().code != ErrorCode::kCorrupt) return one;
    records.push_back(one ? std::move(one->front()) : std::nullopt);
  }
  return records;
}

}  // namespace

void UsageCounts::Add(const UsageCounts& other) {
  for (const auto& [variation, count] : other.variations) AddVariation(*this, variation, count);
  AddTo(fallback, other.fallback);
  AddTo(errors, other.errors);
}

std::uint64_t UsageCounts::total() const {
  std::uint64_t sum = 0;
  for (const auto& [variation, count] : variations) AddTo(sum, count);
  AddTo(sum, fallback);
  return sum;
}

std::size_t UsageDeltas::MostBytesOf(const FactEntry& entry) {
  std::size_t counts = 0;
  for (const FactEvaluations& event : entry.evaluations) counts += event.counts->size();
  return std::min(counts, kMostEntryFlags) * kMostDayBytes;
}

void UsageDeltas::Add(const std::string& project, const std::string& environment, const FactEntry& entry,
                      const std::function<bool(std::string_view)>& is_flag) {
  if (entry.evaluations.empty()) return;
  const std::string scope = ScopeOf(project, environment);
  const sys_days received = std::chrono::floor<days>(entry.received);
  newest_ = std::max(newest_.value_or(received), received);
  since_.try_emplace(std::string(kUsageSincePrefix) + scope, entry.received.time_since_epoch().count());
  const std::size_t before = days_.size();
  for (const FactEvaluations& event : entry.evaluations) {
    const stats::Time time = event.time.value_or(entry.received);
    const sys_days day = std::chrono::floor<days>(time);
    if (day <= received - kUsageDays) continue;
    for (const Value& count : *event.counts) {
      const Value *flag = count.Find("flag"), *variation = count.Find("variation");
      if (flag == nullptr || !IsKey(flag->AsString()) || (is_flag && !is_flag(flag->AsString()))) continue;
      const std::string key = DayKey(day, scope, flag->AsString());
      auto found = days_.find(key);
      if (found == days_.end() && days_.size() - before >= kMostEntryFlags) continue;
      if (found == days_.end()) found = days_.try_emplace(key).first;
      Day& of_day = found->second;
      of_day.last_ms = std::max(of_day.last_ms, std::int64_t{time.time_since_epoch().count()});
      const std::uint64_t times = CountOf(count, "count");
      if (variation != nullptr && variation->is_string()) {
        AddVariation(of_day.counts, variation->AsString(), times);
      } else {
        const Value* error = count.Find("error");
        AddTo(error != nullptr && error->is_string() ? of_day.counts.errors : of_day.counts.fallback, times);
      }
    }
  }
}

Result<std::vector<TxnOp>> UsageDeltas::Ops(const Store& store) {
  std::vector<TxnOp> ops;
  if (days_.empty() && since_.empty()) return ops;
  std::vector<std::string> keys;
  keys.reserve(days_.size() + since_.size());
  for (const auto& [key, day] : days_) keys.push_back(key);
  for (const auto& [key, since] : since_) keys.push_back(key);
  const Result<Records> stored = ReadWhole(store, keys);
  if (!stored) return Fail(stored.error());
  std::size_t at = 0;
  for (const auto& [key, day] : days_) {
    const std::optional<std::string>& held = (*stored)[at++];
    std::int64_t last_ms = 0;
    UsageCounts counts;
    if (held && !DecodeDay(key, *held, last_ms, counts)) counts = {};
    counts.Add(day.counts);
    ops.push_back(TxnOp::Put(key, EncodeDay(std::max(last_ms, day.last_ms), counts)));
  }
  for (const auto& [key, since] : since_) {
    if (DecodeSince((*stored)[at++])) continue;
    const Result<std::int64_t> first = SinceByDays(store, key.substr(kUsageSincePrefix.size()), since);
    if (!first) return Fail(first.error());
    ops.push_back(TxnOp::Put(key, ToJson(Object{{"since", Value(*first)}})));
  }
  days_.clear();
  since_.clear();
  return ops;
}

RangeQuery OldUsage(sys_days today) {
  RangeQuery range;
  range.begin = std::string(kUsagePrefix);
  range.end = DayPrefix(today - kUsageDays + days(1));
  range.keys_only = true;
  return range;
}

Result<EnvironmentUsage> ReadUsage(const ReadKeys& read, const UsageQuery& query) {
  const std::string scope = ScopeOf(query.project, query.environment);
  EnvironmentUsage usage;
  for (const std::string& flag : query.flags) usage.flags.push_back({flag, {}, {}});
  std::vector<std::string> keys;
  std::vector<std::pair<sys_days, FlagUsage*>> places;  // of each key
  const auto read_step = [&]() -> Status {
    const Result<Records> stored = read(keys);
    if (!stored) return Fail(stored.error());
    for (std::size_t i = 0; i < keys.size(); ++i) {
      if (!(*stored)[i]) continue;
      auto& [day, flag] = places[i];
      std::int64_t last_ms = 0;
      if (Status decoded = DecodeDay(keys[i], *(*stored)[i], last_ms, flag->days[day]); !decoded) return decoded;
      const Timestamp last{std::chrono::milliseconds(last_ms)};
      flag->last = std::max(flag->last.value_or(last), last);
    }
    keys.clear();
    places.clear();
    return {};
  };
  for (sys_days day = query.today - kUsageDays + days(1); day <= query.today + days(1); day += days(1)) {
    for (FlagUsage& flag : usage.flags) {
      keys.push_back(DayKey(day, scope, flag.flag));
      places.emplace_back(day, &flag);
      if (keys.size() < kUsageKeysAtOnce) continue;
      if (Status done = read_step(); !done) return Fail(done.error());
    }
  }
  if (Status done = keys.empty() ? Status() : read_step(); !done) return Fail(done.error());
  // Last: where there are counts, it is there.
  const std::string since_key = std::string(kUsageSincePrefix) + scope;
  const Result<Records> since = read({since_key});
  if (!since) return Fail(since.error());
  if (since->front()) {
    const std::optional<std::int64_t> since_ms = DecodeSince(since->front());
    if (!since_ms) return Fail(Unreadable(since_key));
    usage.since = Timestamp(std::chrono::milliseconds(*since_ms));
  }
  return usage;
}

}  // namespace guidon
