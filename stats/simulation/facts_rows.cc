// From facts to statistics: S14 to S17.
#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "core/base/hash.h"
#include "stats/inference/distributions.h"
#include "stats/metric/contribution.h"
#include "stats/metric/lateness.h"
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

// Facts that one client sends together, under an id, and when the server has them for the first time.
struct Batch {
  std::size_t id = 0;
  Time received{};
  std::vector<Fact> facts;
};

// The plan of the shop with an end, and with windows of the events of two sources, so that each kind can be late.
ExperimentPlan PlanWithAnEnd() {
  ExperimentPlan plan = PlanOfShop();
  plan.ended = plan.started + std::chrono::days(16);
  plan.metrics[1].window = plan.metrics[2].window = hours(48);
  return plan;
}

// Until when an event of that source may come that counts for a unit first exposed at `start`.
Time DueOf(const ExperimentPlan& plan, SourceId source, Time start) {
  const Time ends[] = {start + hours(72), start + hours(48), *plan.ended};
  return ends[source] + plan.allowance;
}

// A few at a time as they happen, each batch at a random time that is in time for all that is in it.
std::vector<Batch> BatchesOf(std::vector<Fact> facts, const ExperimentPlan& plan, Generator& generator) {
  std::stable_sort(facts.begin(), facts.end(), [](const Fact& a, const Fact& b) { return a.time < b.time; });
  std::vector<Batch> batches;
  for (std::size_t begin = 0; begin < facts.size();) {
    Batch batch{batches.size(), {}, {facts[begin]}};
    for (std::size_t left = generator.Below(6); left > 0 && begin + batch.facts.size() < facts.size(); --left) {
      const Fact& next = facts[begin + batch.facts.size()];
      if (next.time > facts[begin].time + plan.allowance) break;
      batch.facts.push_back(next);
    }
    begin += batch.facts.size();
    const Time last = batch.facts.back().time, latest = batch.facts.front().time + plan.allowance;
    batch.received = last + Milliseconds(generator.Below(static_cast<std::uint64_t>((latest - last).count()) + 1));
    batches.push_back(std::move(batch));
  }
  return batches;
}

// A batch of its own for each of some facts that would count, received when that is too late by up to two days: other
// variants before and after the first exposure, and events within every window of it.
std::vector<Batch> TooLate(const std::vector<Fact>& facts, const ExperimentPlan& plan, std::size_t first_id,
                           Generator& generator) {
  std::vector<Batch> late;
  const auto add = [&](const Fact& fact, Time due) {
    const Time received = due + Milliseconds(1 + generator.Below(2 * 24 * 3'600'000));
    late.push_back({first_id + late.size(), received, {fact}});
  };
  std::vector<std::optional<Time>> first;
  for (const Fact& fact : facts) {
    if (!fact.is_exposure) continue;
    if (fact.unit >= first.size()) first.resize(fact.unit + 1);
    std::optional<Time>& known = first[fact.unit];
    known = std::min(known.value_or(fact.time), fact.time);
  }
  for (std::size_t unit = 0; unit < first.size(); ++unit) {
    const Time start = *first[unit];
    const auto variant = static_cast<std::uint32_t>(generator.Below(2));
    const Time seen = std::max(plan.started, start + hours(generator.Below(48)) - hours(24));
    add({unit, true, variant, 0, seen, 0}, seen + plan.allowance);
    const Time happened = start + std::chrono::minutes(generator.Below(48 * 60));
    const auto source = static_cast<SourceId>(generator.Below(3));
    add({unit, false, 0, source, happened, 7}, DueOf(plan, source, start));
  }
  return late;
}

// As the server does it: a batch is kept once, by its id (server/ingest/journal.h), and what comes too late is not
// taken (stats/metric/lateness.h). `dropped`: how many facts of it.
Totals Received(const ExperimentPlan& plan, std::vector<Batch> batches, std::size_t units, std::size_t* dropped) {
  std::stable_sort(batches.begin(), batches.end(),
                   [](const Batch& a, const Batch& b) { return a.received < b.received; });
  std::vector<UnitRecord> records(units);
  std::set<std::size_t> known;
  for (const Batch& batch : batches) {
    if (!known.insert(batch.id).second) continue;
    for (const Fact& fact : batch.facts) {
      UnitRecord& record = records[fact.unit];
      const std::vector<FirstExposure>* exposures =
          record.Exposures(IterationLess::View(plan.experiment, plan.iteration));
      const bool is_late = fact.is_exposure
                               ? IsLateExposure(plan, fact.time, batch.received)
                               : exposures != nullptr && TimelinessOf(plan, *exposures, fact.source, fact.time,
                                                                      batch.received) == Timeliness::kLate;
      if (is_late) {
        ++*dropped;
      } else {
        Apply(plan, record, fact);
      }
    }
  }
  Totals totals(plan);
  for (std::size_t unit = 0; unit < units; ++unit) totals.Add(Of(plan, records[unit], unit));
  return totals;
}

// Tables of the facts that are in time, and of a journal of them.
std::vector<Check> Replay(const SimulationOptions& options) {
  const std::size_t whole = 200, runs = ScaledRuns(whole, options);
  const ExperimentPlan plan = PlanWithAnEnd();
  double different = 0, of_late = 0;
  ForEachRun(runs, options, "S17", [&](Generator& generator) {
    constexpr std::size_t kUnits = 60;
    std::vector<Fact> facts = Draw(generator, plan, kUnits);
    const auto known = AtOnce(plan, facts, kUnits).AllParts();
    // Applications that forget what they sent make exposures anew.
    const std::size_t once = facts.size();
    for (std::size_t i = 0; i < once; ++i) {
      if (facts[i].is_exposure && generator.Bernoulli(.5)) facts.push_back(facts[i]);
    }
    std::vector<Batch> batches = BatchesOf(facts, plan, generator);
    const std::vector<Batch> late = TooLate(facts, plan, batches.size(), generator);
    // What is not answered is sent again, as it is.
    const std::size_t sent = batches.size();
    for (std::size_t i = 0; i < sent; ++i) {
      while (generator.Bernoulli(.4)) {
        batches.push_back(batches[i]);
        batches.back().received += std::chrono::minutes(generator.Below(10 * 24 * 60));
      }
    }
    batches.insert(batches.end(), late.begin(), late.end());
    std::shuffle(batches.begin(), batches.end(), generator);
    std::size_t dropped = 0;
    different += Received(plan, batches, kUnits, &dropped).AllParts() != known;
    of_late += static_cast<double>(dropped) / static_cast<double>(late.size());
  });
  return {{"tables that differ from those of the facts that came in time, once each", different, 0, 0, runs},
          {"share of the facts beyond the allowance that is dropped", of_late / static_cast<double>(runs), 1, 1, runs}};
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
  rows.push_back(
      {"S17", "events in any order, batches sent again, late ones within the allowance and beyond it", Replay});
}

}  // namespace guidon::stats
