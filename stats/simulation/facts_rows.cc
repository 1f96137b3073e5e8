// From facts to statistics: S14 to S17.
#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <string>
#include <vector>

#include "core/base/hash.h"
#include "stats/inference/distributions.h"
#include "stats/metric/contribution.h"
#include "stats/metric/plan.h"
#include "stats/metric/unit_record.h"
#include "stats/simulation/rows.h"
#include "stats/statistic/sketch.h"
#include "stats/statistic/totals.h"

namespace guidon::stats {
namespace {

using std::chrono::hours;

ExperimentPlan PlanOfShop() {
  ExperimentPlan plan;
  plan.experiment = "checkout";
  plan.variants = {"control", "one_page"};
  plan.weights = {.5, .5};
  plan.dimensions = {"platform"};
  plan.started = Time(std::chrono::days(20'000));
  MetricPlan metric;
  metric.key = "ordered";
  metric.sources = {0};
  metric.window = hours(72);
  plan.metrics.push_back(metric);
  metric.key = "revenue";
  metric.kind = MetricKind::kSum;
  metric.sources = {1};
  metric.cap_value = 500;
  plan.metrics.push_back(metric);
  metric = {};
  metric.key = "revenue_per_order";
  metric.kind = MetricKind::kRatio;
  metric.sources = {1, 0};
  plan.metrics.push_back(metric);
  metric = {};
  metric.key = "latency";
  metric.kind = MetricKind::kQuantile;
  metric.sources = {2};
  metric.quantile = .95;
  plan.metrics.push_back(metric);
  return plan;
}

struct Fact {
  std::size_t unit = 0;
  bool is_exposure = false;
  std::uint32_t variant = 0;
  SourceId source = 0;
  Time time{};
  double value = 1;
};

// What some units did: one in twenty sees both variants.
std::vector<Fact> Draw(Generator& generator, const ExperimentPlan& plan, std::size_t units) {
  std::vector<Fact> facts;
  for (std::size_t unit = 0; unit < units; ++unit) {
    const Time start = plan.started + std::chrono::minutes(generator.Below(14 * 24 * 60));
    const auto variant = static_cast<std::uint32_t>(generator.Below(2));
    facts.push_back({unit, true, variant, 0, start, 0});
    if (generator.Bernoulli(.3)) facts.push_back({unit, true, variant, 0, start + hours(generator.Below(48)), 0});
    if (generator.Bernoulli(.05)) facts.push_back({unit, true, 1 - variant, 0, start + hours(generator.Below(48)), 0});
    const std::uint64_t events = generator.Below(8);
    for (std::uint64_t event = 0; event < events; ++event) {
      const Time time = start - std::chrono::days(7) + std::chrono::minutes(generator.Below(14 * 24 * 60));
      facts.push_back({unit, false, 0, 0, time, 1});
      facts.push_back({unit, false, 0, 1, time, generator.LogNormal(3, 1)});
      facts.push_back({unit, false, 0, 2, time, generator.LogNormal(5, .5)});
    }
  }
  return facts;
}

std::string NameOf(std::size_t unit) {
  return "unit-" + std::to_string(unit);
}

void Apply(const ExperimentPlan& plan, UnitRecord& record, const Fact& fact) {
  if (fact.is_exposure) {
    record.AddExposure({plan.experiment, plan.iteration},
                       {fact.variant, fact.time, {fact.unit % 2 == 0 ? "ios" : "web"}});
  } else {
    record.AddEvent(fact.source, {fact.time, fact.value});
  }
}

Contribution Of(const ExperimentPlan& plan, const UnitRecord& record, std::size_t unit) {
  return ContributionOf(plan, record, HashGroupOf(NameOf(unit)), {});
}

// All facts of a unit at once, each unit once.
Totals AtOnce(const ExperimentPlan& plan, const std::vector<Fact>& facts, std::size_t units) {
  std::vector<UnitRecord> records(units);
  for (const Fact& fact : facts) Apply(plan, records[fact.unit], fact);
  Totals totals(plan);
  for (std::size_t unit = 0; unit < units; ++unit) totals.Add(Of(plan, records[unit], unit));
  return totals;
}

// Fact by fact, in whatever order they stand: what the unit gave before is taken out, what it gives now is put in.
Totals OneByOne(const ExperimentPlan& plan, const std::vector<Fact>& facts, std::size_t units) {
  std::vector<UnitRecord> records(units);
  std::vector<Contribution> given(units);
  Totals totals(plan);
  for (const Fact& fact : facts) {
    Apply(plan, records[fact.unit], fact);
    Contribution now = Of(plan, records[fact.unit], fact.unit);
    if (now == given[fact.unit]) continue;
    totals.Remove(given[fact.unit]);
    totals.Add(now);
    given[fact.unit] = std::move(now);
  }
  return totals;
}

// The greatest relative difference of any sum; infinite when a count differs.
std::vector<Check> Streaming(const SimulationOptions& options) {
  const std::size_t whole = 1'000, runs = ScaledRuns(whole, options);
  const ExperimentPlan plan = PlanOfShop();
  double worst = 0;
  ForEachRun(runs, options, "S14", [&](Generator& generator) {
    constexpr std::size_t kUnits = 60;
    std::vector<Fact> facts = Draw(generator, plan, kUnits);
    const Totals batch = AtOnce(plan, facts, kUnits);
    std::shuffle(facts.begin(), facts.end(), generator);
    worst = std::max(worst, OneByOne(plan, facts, kUnits).DriftFrom(batch));
    // In parts by unit, merged.
    const std::size_t parts = 1 + generator.Below(5);
    Totals merged(plan);
    for (std::size_t part = 0; part < parts; ++part) {
      std::vector<Fact> some;
      for (const Fact& fact : facts) {
        if (fact.unit % parts == part) some.push_back(fact);
      }
      merged.Merge(OneByOne(plan, some, kUnits));
    }
    worst = std::max(worst, merged.DriftFrom(batch));
  });
  return {{"streaming against one pass, relative", worst, 0, 1e-10, runs}};
}

std::vector<Check> Replay(const SimulationOptions& options) {
  const std::size_t whole = 200, runs = ScaledRuns(whole, options);
  const ExperimentPlan plan = PlanOfShop();
  double different = 0;
  ForEachRun(runs, options, "S17", [&](Generator& generator) {
    constexpr std::size_t kUnits = 60;
    std::vector<Fact> facts = Draw(generator, plan, kUnits);
    const auto known = AtOnce(plan, facts, kUnits).AllParts();
    // Exposures come again, and everything in any order: late, early, before what they belong to.
    const std::size_t once = facts.size();
    for (std::size_t i = 0; i < once; ++i) {
      if (facts[i].is_exposure && generator.Bernoulli(.5)) facts.push_back(facts[i]);
    }
    std::shuffle(facts.begin(), facts.end(), generator);
    different += AtOnce(plan, facts, kUnits).AllParts() != known;
  });
  return {{"replays whose tables differ", different, 0, 0, runs}};
}

// Chi-square of counts that should be equal, as a p.
double EqualP(const std::vector<std::uint32_t>& counts, double expected) {
  double chi2 = 0;
  for (const std::uint32_t count : counts) chi2 += (count - expected) * (count - expected) / expected;
  return ChiSquaredUpperTail(chi2, static_cast<double>(counts.size() - 1));
}

// docs/spec/bucketing.md, as every SDK has it.
std::uint32_t BucketOf(const Murmur3Prefix& salt, std::string_view unit) {
  return static_cast<std::uint32_t>((std::uint64_t{salt.Finish(unit)} * 100'000) >> 32);
}

std::vector<Check> Bucketing(const SimulationOptions& options) {
  const std::size_t runs = ScaledRuns(20, options);
  constexpr std::size_t kIds = 1'000'000;
  double least = 1, most = 0;
  for (std::size_t run = 0; run < runs; ++run) {
    const Murmur3Prefix one("experiment-" + std::to_string(options.seed + run) + "#1:");
    const Murmur3Prefix other("layer:" + std::to_string(options.seed + run) + ":");
    std::vector<std::uint32_t> buckets(100'000), table(100 * 100);
    for (std::size_t id = 0; id < kIds; ++id) {
      const std::string unit = "user-" + std::to_string(id);
      const std::uint32_t a = BucketOf(one, unit), b = BucketOf(other, unit);
      ++buckets[a];
      ++table[(a / 1'000) * 100 + b / 1'000];
    }
    for (const double p : {EqualP(buckets, kIds / 1e5), EqualP(table, kIds / 1e4)}) {
      least = std::min(least, p);
      most = std::max(most, p);
    }
  }
  return {{"least p of uniform and independent", least, 1e-5, 1, runs}, {"greatest p", most, 0, 1 - 1e-5, runs}};
}

// Values that a quantile lies between, merged of 256 parts.
std::vector<Check> Sketches(const SimulationOptions& options) {
  const std::size_t runs = ScaledRuns(100, options);
  double worst = 0;
  ForEachRun(runs, options, "S16", [&](Generator& generator) {
    for (const bool is_pareto : {false, true}) {
      std::vector<double> values(20'000);
      std::vector<Sketch> parts(256);
      for (std::size_t i = 0; i < values.size(); ++i) {
        values[i] = is_pareto ? std::pow(1 - generator.Uniform(), -1 / 1.5) : generator.LogNormal(0, 2);
        parts[i % parts.size()].Add(values[i]);
      }
      Sketch merged;
      for (const Sketch& part : parts) merged.Merge(part);
      std::sort(values.begin(), values.end());
      for (const double q : {.01, .05, .25, .5, .75, .9, .95, .99, .999}) {
        const double truth = values[static_cast<std::size_t>(std::ceil(q * static_cast<double>(values.size()))) - 1];
        worst = std::max(worst, std::abs(*merged.Quantile(q) - truth) / truth);
      }
    }
  });
  return {{"value error of P1 to P99.9", worst, 0, .005 * (1 + 1e-9), runs}};
}

}  // namespace

void AddFactsRows(std::vector<Row>& rows) {
  rows.push_back({"S14", "fact by fact, in any order, in parts, against one pass", Streaming});
  rows.push_back({"S15", "bucketing is uniform, two layers are independent", Bucketing});
  rows.push_back({"S16", "sketches of lognormal and Pareto values", Sketches});
  rows.push_back({"S17", "exposures that come again, and all facts in any order", Replay});
}

}  // namespace guidon::stats
