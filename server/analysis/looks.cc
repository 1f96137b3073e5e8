#include "server/analysis/looks.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <optional>
#include <utility>
#include <variant>

#include "core/base/json.h"
#include "core/codec/codec.h"

namespace guidon {
namespace {

std::string PrefixOf(const IterationOf& of) {
  return "!look/" + of.project + "/" + of.environment + "/" + of.experiment + "/" + std::to_string(of.iteration) + "/";
}

std::string KeyOf(const IterationOf& of, std::uint32_t number) {
  std::array<char, 16> digits;
  std::snprintf(digits.data(), digits.size(), "%010u", number);
  return PrefixOf(of) + digits.data();
}

// Puts it where there is nothing yet. False: there is something.
Result<bool> PutOnce(Store& store, const std::string& key, const Value& value) {
  Txn txn;
  txn.compares = {TxnCompare::Absent(key)};
  txn.ops = {TxnOp::Put(key, guidon::ToJson(value))};
  const Result<TxnResult> result = store.Commit(std::move(txn));
  if (!result) return Fail(result.error());
  return result->outcome == TxnOutcome::kCommitted;
}

// Of all arms together, without the covariate where there is one to be merged by another formula.
std::optional<stats::ArmStatistic> Pooled(const stats::Design& design, const stats::Totals& totals) {
  std::optional<stats::ArmStatistic> pooled;
  for (std::uint32_t v = 0; v < design.plan.variants.size(); ++v) {
    const stats::ArmStatistic arm = totals.Arm(design.primary->metric, v);
    if (!pooled) {
      pooled = arm;
      continue;
    }
    if (pooled->index() != arm.index()) return std::nullopt;
    const auto merged = std::visit(
        [&](const auto& held) -> std::optional<stats::ArmStatistic> {
          using Arm = std::decay_t<decltype(held)>;
          if constexpr (std::is_same_v<Arm, stats::QuantileStatistic> ||
                        std::is_same_v<Arm, stats::QuantileClusteredStatistic>) {
            return held;  // sketches are not merged here: the control speaks for all
          } else {
            return stats::Merge(held, std::get<Arm>(arm));
          }
        },
        *pooled);
    if (!merged) return std::nullopt;
    pooled = merged;
  }
  return pooled;
}

std::optional<double> SizeOf(const stats::Design& design, const stats::Facts& facts) {
  if (!design.primary || !design.primary->detect || design.planned_units || facts.quality.rebuilding)
    return std::nullopt;
  double units = 0;
  for (std::uint32_t v = 0; v < design.plan.variants.size(); ++v) {
    units += static_cast<double>(facts.totals->Units(v).units);
  }
  if (units < kUnitsForSize) return std::nullopt;
  const std::optional<stats::ArmStatistic> pooled = Pooled(design, *facts.totals);
  if (!pooled) return std::nullopt;
  if (const auto* share = std::get_if<stats::ProportionStatistic>(&*pooled)) {
    if (share->successes < kConversionsForSize) return std::nullopt;
  }
  const stats::Outcome<double> size = stats::PlannedUnits(design, *pooled);
  if (!size) return std::nullopt;
  return *size;
}

}  // namespace

Result<Experiment> Looks::Hold(const IterationOf& iteration, const Experiment& present) {
  const std::string key = PrefixOf(iteration) + "definition";
  Result<std::optional<KeyValue>> held = store_.Get(key);
  if (!held) return Fail(held.error());
  if (!*held) {
    // Without what may name units: it is kept for its goals.
    Experiment kept = present;
    kept.audience.reset();
    kept.force.clear();
    kept.tests.clear();
    const Result<bool> put = PutOnce(store_, key, EncodeExperiment(kept));
    if (!put) return Fail(put.error());
    if (*put) return kept;
    held = store_.Get(key);
    if (!held) return Fail(held.error());
  }
  const Result<Value> value = *held ? ParseJson((*held)->value) : Result<Value>(Value());
  Result<Experiment> experiment = value ? DecodeExperiment(*value, Strictness::kTolerant) : Fail(value.error());
  if (!experiment) return Fail(ErrorCode::kCorrupt, "what is stored under '" + key + "' is no experiment");
  return experiment;
}

Result<Published> Looks::Read(const IterationOf& iteration, stats::Design design) const {
  Published published{std::move(design), {}};
  const std::string prefix = PrefixOf(iteration);
  const Result<RangeResult> range = store_.Range(RangeQuery::Prefix(prefix));
  if (!range) return Fail(range.error());
  const auto broken = [&](const std::string& key) {
    return Fail(ErrorCode::kCorrupt, "what is stored under '" + key + "' is no look of an experiment");
  };
  for (const KeyValue& entry : range->entries) {
    const Result<Value> value = ParseJson(entry.value);
    if (!value) return broken(entry.key);
    if (entry.key == prefix + "definition") continue;
    if (entry.key == prefix + "size") {
      const Value* units = value->Find("planned_units");
      if (units == nullptr || !units->is_number()) return broken(entry.key);
      published.design.planned_units = units->AsDouble();
      continue;
    }
    Result<stats::PublishedLook> look = stats::ReadLook(*value);
    if (!look) return broken(entry.key);
    const bool fits = std::all_of(look->effects.begin(), look->effects.end(), [&](const auto& of) {
      return of.metric < published.design.plan.metrics.size() && of.variant < published.design.plan.variants.size();
    });
    if (!fits) return broken(entry.key);
    published.looks.push_back(*std::move(look));
  }
  return published;
}

Result<Published> Looks::TakeDue(const IterationOf& iteration, stats::Design design, const stats::Facts& facts,
                                 stats::Time now) {
  MutexLock lock(taking_);
  Result<Published> published = Read(iteration, std::move(design));
  if (!published || facts.totals == nullptr) return published;
  if (published->looks.empty()) {
    if (const std::optional<double> size = SizeOf(published->design, facts)) {
      const Value record = Object{{"planned_units", Value(*size)}};
      const Result<bool> put = PutOnce(store_, PrefixOf(iteration) + "size", record);
      if (!put) return Fail(put.error());
      published->design.planned_units = size;
    }
  }
  const auto due = stats::DueLook(published->design, facts, published->looks, now);
  if (!due) return published;
  const Result<bool> put = PutOnce(store_, KeyOf(iteration, due->number), stats::ToJson(*due));
  if (!put) return Fail(put.error());
  // Of another process that was faster, or what was just written: what is stored counts.
  return Read(iteration, std::move(published->design));
}

}  // namespace guidon
