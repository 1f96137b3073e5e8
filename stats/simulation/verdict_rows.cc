// Whole experiments, from the totals of their units to the verdict: D1 to D4. What a keeper does every day is done here
// every second one: the size is found, the look that is due is taken, the report is judged. A world ends with its
// verdict, as it would for whoever follows it.
#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <map>
#include <numeric>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

#include "stats/report/planning.h"
#include "stats/report/report.h"
#include "stats/simulation/rows.h"
#include "stats/statistic/totals.h"

namespace guidon::stats {
namespace {

constexpr std::int32_t kFirstDay = 20'000, kMostDays = 40, kStep = 2;
constexpr std::size_t kWhole = 1'000;

struct Setting {
  Design design;
  // What a unit may come to; the first is nothing, and what is seen of every unit until its outcome comes.
  std::vector<MetricContribution> outcomes;
  std::vector<std::vector<double>> chances;  // by arm: of the outcomes but the first
  std::uint64_t units_per_day = 0;           // of all arms
};

// Totals of 1, 2, 4, … units of one kind, so that those of thousands are merged of a few.
class Blocks {
 public:
  explicit Blocks(const Setting& setting) : setting_(setting) {}

  void AddTo(Totals& totals, std::int32_t day, std::uint32_t arm, std::size_t outcome, std::uint64_t units) {
    std::vector<Totals>& powers = powers_[{day, arm, outcome}];
    for (std::size_t power = 0; units >> power != 0; ++power) {
      if (power == powers.size()) powers.push_back(power == 0 ? One(day, arm, outcome) : Twice(powers.back()));
      if ((units >> power & 1) != 0) totals.Merge(powers[power]);
    }
  }

 private:
  Totals One(std::int32_t day, std::uint32_t arm, std::size_t outcome) const {
    Contribution unit;
    unit.kind = Contribution::Kind::kUnit;
    unit.variant = arm;
    unit.day = kFirstDay + day;
    unit.metrics = {setting_.outcomes[outcome]};
    Totals totals(setting_.design.plan);
    totals.Add(unit);
    return totals;
  }
  static Totals Twice(const Totals& totals) {
    Totals twice = totals;
    twice.Merge(totals);
    return twice;
  }

  const Setting& setting_;
  std::map<std::tuple<std::int32_t, std::uint32_t, std::size_t>, std::vector<Totals>> powers_;
};

// The units of an arm that were first exposed on one day.
struct Cohort {
  std::uint64_t units = 0;
  std::vector<std::uint64_t> seen, coming;  // by outcome
};

class Crowd {
 public:
  explicit Crowd(const Setting& setting) : setting_(setting) {}

  // A day passes: new units come, and some outcomes of earlier ones. All have theirs after three days more, which is
  // the window's end.
  void Pass(Generator& generator) {
    for (std::size_t day = 0; day < cohorts_.size(); ++day) {
      for (Cohort& cohort : cohorts_[day]) Come(cohort, cohorts_.size() - day, generator);
    }
    std::vector<Cohort>& today = cohorts_.emplace_back();
    std::uint64_t left = setting_.units_per_day;
    double share = 1;
    for (std::size_t arm = 0; arm < setting_.chances.size(); ++arm) {
      const double weight = setting_.design.plan.weights[arm];
      Cohort& cohort = today.emplace_back();
      cohort.units = generator.Binomial(left, std::min(1.0, weight / share));
      left -= cohort.units;
      share = std::max(1e-12, share - weight);
      Draw(cohort, setting_.chances[arm], generator);
      Come(cohort, 0, generator);
    }
  }

  Totals Now(Blocks& blocks) const {
    Totals totals(setting_.design.plan);
    for (std::size_t day = 0; day < cohorts_.size(); ++day) {
      for (std::size_t arm = 0; arm < cohorts_[day].size(); ++arm) {
        const Cohort& cohort = cohorts_[day][arm];
        std::uint64_t without = cohort.units;
        for (std::size_t outcome = 0; outcome < cohort.seen.size(); ++outcome) {
          Put(totals, blocks, day, arm, outcome + 1, cohort.seen[outcome]);
          without -= cohort.seen[outcome];
        }
        Put(totals, blocks, day, arm, 0, without);
      }
    }
    return totals;
  }

 private:
  static void Draw(Cohort& cohort, const std::vector<double>& chances, Generator& generator) {
    std::uint64_t left = cohort.units;
    double share = 1;
    for (const double chance : chances) {
      cohort.coming.push_back(generator.Binomial(left, std::min(1.0, chance / share)));
      left -= cohort.coming.back();
      share -= chance;
    }
    cohort.seen.resize(chances.size());
  }

  static void Come(Cohort& cohort, std::size_t age, Generator& generator) {
    for (std::size_t outcome = 0; outcome < cohort.coming.size(); ++outcome) {
      std::uint64_t& coming = cohort.coming[outcome];
      const std::uint64_t now = age >= 3 ? coming : generator.Binomial(coming, .4);
      cohort.seen[outcome] += now;
      coming -= now;
    }
  }

  static void Put(Totals& totals, Blocks& blocks, std::size_t day, std::size_t arm, std::size_t outcome,
                  std::uint64_t units) {
    blocks.AddTo(totals, static_cast<std::int32_t>(day), static_cast<std::uint32_t>(arm), outcome, units);
  }

  const Setting& setting_;
  std::vector<std::vector<Cohort>> cohorts_;  // by day and arm
};

struct Ending {
  Decision decision = Decision::kKeepRunning;
  std::string winner;
  bool found = false;  // better or worse, at any time
  std::optional<double> size;
};

// `is_stubborn`: goes on where it is futile, for that rule does not bind.
Ending Run(const Setting& setting, Blocks& blocks, bool is_stubborn, Generator& generator) {
  Design design = setting.design;
  Crowd crowd(setting);
  std::vector<PublishedLook> looks;
  Ending ending;
  for (std::int32_t day = 1; day <= kMostDays; ++day) {
    crowd.Pass(generator);
    if (day % kStep != 0) continue;
    const Time now = design.plan.started + std::chrono::days(day);
    const Totals totals = crowd.Now(blocks);
    const Facts facts{&totals, {}};
    if (looks.empty() && !design.planned_units) design.planned_units = FindSize(design, facts, now);
    const std::optional<PublishedLook> look = DueLook(design, facts, looks, now);
    if (!look) continue;
    looks.push_back(*look);
    const Report report = Judge(design, facts, looks, now);
    ending.decision = report.decision;
    ending.winner = report.winner;
    for (const ComparisonOfVariant& one : report.metrics.front().comparisons) ending.found |= !one.found.empty();
    const bool goes_on =
        ending.decision == Decision::kKeepRunning || (is_stubborn && ending.decision == Decision::kStopForFutility);
    if (!goes_on || look->is_final) break;
  }
  ending.size = design.planned_units;
  return ending;
}

// What became of many.
struct Endings {
  double shipped = 0, found = 0, size = 0, sized = 0;
  double runs = 0;
};
Endings RunAll(const Setting& setting, std::string_view row, bool is_stubborn, std::string_view winner,
               const SimulationOptions& options) {
  Endings all;
  Blocks blocks(setting);
  ForEachRun(ScaledRuns(kWhole, options), options, row, [&](Generator& generator) {
    const Ending ending = Run(setting, blocks, is_stubborn, generator);
    ++all.runs;
    all.found += ending.found;
    all.shipped += ending.decision == Decision::kShip && (winner.empty() || ending.winner == winner);
    all.size += ending.size.value_or(0);
    all.sized += ending.size.has_value();
  });
  return all;
}

Setting SettingOf(MetricKind kind, std::size_t variants, double detect) {
  Setting setting;
  ExperimentPlan& plan = setting.design.plan;
  plan.experiment = "checkout";
  plan.variants = {"control", "one_page", "bare"};
  plan.variants.resize(variants);
  plan.weights.assign(variants, 1 / static_cast<double>(variants));
  plan.started = Time(std::chrono::days(kFirstDay));
  MetricPlan metric;
  metric.key = "ordered";
  metric.kind = kind;
  metric.sources = {0};
  metric.window = std::chrono::hours(72);
  plan.metrics = {metric};
  setting.design.look_every = std::chrono::days(kStep);
  setting.design.min_days = 4;
  setting.design.primary = Goal{0, true, detect};
  return setting;
}

Setting Conversions(std::size_t variants, double detect, std::uint64_t units_per_day) {
  Setting setting = SettingOf(MetricKind::kConversion, variants, detect);
  setting.units_per_day = units_per_day;
  MetricContribution none, one;
  one.y = one.y_uncapped = 1;
  one.events = 1;
  setting.outcomes = {none, one};
  setting.chances.assign(variants, {.2});
  return setting;
}

Check Rate(std::string what, double count, double of, double lower, double upper) {
  return ShareCheck(std::move(what), count, of, lower, upper, kWhole, static_cast<std::size_t>(of));
}

std::vector<Check> OfConversions(const SimulationOptions& options) {
  Setting setting = Conversions(2, .15, 600);
  const Endings none = RunAll(setting, "D1", true, "", options);
  const double right = *PlannedUnits(setting.design, ProportionStatistic{1e6, 2e5});
  setting.chances[1] = {.2 * 1.15};
  const Endings some = RunAll(setting, "D1 effect", false, "one_page", options);
  return {Rate("no effect: found, better or worse", none.found, none.runs, .03, .07),
          Rate("no effect: shipped", none.shipped, none.runs, 0, .035),
          Rate("the effect that is looked for: shipped", some.shipped, some.runs, .755, .855),
          MeanCheck("size that was found / that of the truth", none.size / none.sized / right, 1, .03, kWhole,
                    static_cast<std::size_t>(none.runs))};
}

std::vector<Check> OfMeans(const SimulationOptions& options) {
  Setting setting = SettingOf(MetricKind::kMean, 2, .1);
  setting.units_per_day = 1'200;
  for (const double value : {0., 10., 20., 40.}) {
    MetricContribution order;
    order.counted = value > 0;
    order.y = order.y_uncapped = value;
    order.events = value > 0 ? 1 : 0;
    setting.outcomes.push_back(order);
  }
  setting.chances = {{.05, .03, .02}, {.05, .03, .02}};
  const Endings none = RunAll(setting, "D2", true, "", options);
  const double more = .1 * .1 * 19 / 30;  // a tenth of a mean of 19, by orders of 40 in the place of 10
  setting.chances[1] = {.05 - more, .03, .02 + more};
  const Endings some = RunAll(setting, "D2 effect", false, "one_page", options);
  return {Rate("no effect: found, better or worse", none.found, none.runs, .03, .07),
          Rate("the effect that is looked for: shipped", some.shipped, some.runs, .755, .855)};
}

std::vector<Check> OfTwoVariants(const SimulationOptions& options) {
  Setting setting = Conversions(3, .2, 700);
  const Endings none = RunAll(setting, "D3", true, "", options);
  setting.chances[2] = {.2 * 1.2};
  const Endings some = RunAll(setting, "D3 effect", false, "bare", options);
  return {Rate("no effect: any variant found", none.found, none.runs, .03, .07),
          Rate("one with the effect: that is shipped", some.shipped, some.runs, .755, .855)};
}

std::vector<Check> OfSequences(const SimulationOptions& options) {
  Setting setting = Conversions(2, .15, 900);
  setting.design.method = PlanMethod::kSequential;
  const double size = *PlannedUnits(setting.design, ProportionStatistic{1e6, 2e5});
  setting.design.max_days = static_cast<std::uint32_t>(std::ceil(size / 900));
  const Endings none = RunAll(setting, "D4", true, "", options);
  setting.chances[1] = {.2 * 1.15};
  const Endings some = RunAll(setting, "D4 effect", true, "one_page", options);
  return {Rate("no effect: found, better or worse", none.found, none.runs, 0, .035),
          Rate("the effect that is looked for: shipped", some.shipped, some.runs, .725, .83)};
}

}  // namespace

void AddVerdictRows(std::vector<Row>& rows) {
  rows.push_back({"D1", "verdicts, group sequential: conversions within three days", OfConversions});
  rows.push_back({"D2", "verdicts, group sequential: a mean of one unit in ten", OfMeans});
  rows.push_back({"D3", "verdicts, group sequential: two variants", OfTwoVariants});
  rows.push_back({"D4", "verdicts, sequential: conversions within three days", OfSequences});
}

}  // namespace guidon::stats
