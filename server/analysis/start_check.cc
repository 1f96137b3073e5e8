#include "server/analysis/start_check.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "core/allocate/ranges.h"
#include "core/model/units.h"
#include "server/analysis/design_of.h"
#include "server/analysis/plan_of.h"
#include "stats/inference/effects.h"
#include "stats/inference/power.h"
#include "stats/report/gates.h"
#include "stats/report/measure.h"
#include "stats/report/planning.h"
#include "stats/report/words.h"

namespace guidon {
namespace {

std::uint32_t PartsOf(std::uint32_t whole, std::uint32_t parts) {
  return static_cast<std::uint32_t>(static_cast<std::uint64_t>(whole) * parts / kWhole);
}

StartCheck MetricsCheck(const Experiment& experiment) {
  Object numbers{{"secondary", Value(experiment.secondary.size())},
                 {"guardrails", Value(experiment.guardrails.size())}};
  if (!experiment.primary) {
    return {"metrics", CheckOutcome::kAttention, "there is no primary metric, so there will be nothing to decide by",
            std::move(numbers)};
  }
  numbers.Append("primary", Value(experiment.primary->use));
  if (experiment.guardrails.empty()) {
    return {"metrics", CheckOutcome::kAttention,
            "primary metric " + experiment.primary->use + ", and no guardrail that would say what must not get worse",
            std::move(numbers)};
  }
  return {"metrics", CheckOutcome::kGood,
          "primary metric " + experiment.primary->use + ", " + std::to_string(experiment.secondary.size()) +
              " secondary, " + std::to_string(experiment.guardrails.size()) +
              (experiment.guardrails.size() == 1 ? " guardrail" : " guardrails"),
          std::move(numbers)};
}

bool IsUnderWay(ExperimentStatus status) {
  return status == ExperimentStatus::kScheduled || status == ExperimentStatus::kRunning ||
         status == ExperimentStatus::kPaused;
}

// What leads to it: rules that name it, or without any what reaches the flag's default.
StartCheck FlagCheck(const Definitions& definitions, const ExperimentRecord& record) {
  const Experiment& experiment = record.definition;
  const FlagRecord* flag = definitions.entities.FindFlag(experiment.flag);
  const Targeting* targeting = flag == nullptr ? nullptr : flag->definition.FindEnvironment(experiment.environment);
  const std::string name = "flag " + experiment.flag;
  std::size_t naming = 0;
  for (std::size_t i = 0; targeting != nullptr && i < targeting->rules.size(); ++i) {
    const auto* served = std::get_if<ExperimentServe>(&targeting->rules[i].serve);
    naming += served != nullptr && served->experiment == experiment.key ? 1 : 0;
  }
  const std::size_t rules = targeting == nullptr ? 0 : targeting->rules.size();
  const bool is_enabled = targeting != nullptr && targeting->enabled && !flag->definition.archived;
  Object numbers{{"enabled", Value(is_enabled)}, {"rules", Value(rules)}, {"rules_naming_it", Value(naming)}};
  std::string sentence = naming == 1  ? "a rule of " + name + " names it"
                         : naming > 1 ? std::to_string(naming) + " rules of " + name + " name it"
                                      : "no rule of " + name + " names it: it takes the traffic that reaches `default`";
  // Its end wrote into the rules that named it what they serve now.
  const bool may_have_been_named = naming == 0 && rules > 0 && record.state.iteration > 0;
  if (may_have_been_named) sentence += "; if a rule named it before, that has to name it again";
  if (!is_enabled) sentence += "; the flag is not enabled in " + experiment.environment + ", so nobody is in it";
  return {"flag", is_enabled && !may_have_been_named ? CheckOutcome::kGood : CheckOutcome::kAttention,
          std::move(sentence), std::move(numbers)};
}

// Others on the same flag there. Of one layer they never share a unit.
StartCheck NeighboursCheck(const Definitions& definitions, const Experiment& experiment) {
  Array neighbours;
  std::string exclusive, overlapping;
  for (const ExperimentRecord& other : definitions.entities.experiments) {
    const Experiment& its = other.definition;
    if (its.key == experiment.key || its.archived || its.flag != experiment.flag ||
        its.environment != experiment.environment || !IsUnderWay(other.state.status)) {
      continue;
    }
    const bool is_exclusive =
        its.layer && experiment.layer && its.layer->layer == experiment.layer->layer && its.unit == experiment.unit;
    std::string& names = is_exclusive ? exclusive : overlapping;
    names += (names.empty() ? "" : ", ") + its.key;
    neighbours.emplace_back(Object{{"experiment", Value(its.key)},
                                   {"status", Value(ToString(other.state.status))},
                                   {"shares_units", Value(!is_exclusive)}});
  }
  Object numbers{{"experiments", Value(std::move(neighbours))}};
  if (!overlapping.empty()) {
    return {"neighbours", CheckOutcome::kAttention,
            "units may be in this one and in " + overlapping + " on the same flag; one layer would keep them apart",
            std::move(numbers)};
  }
  return {"neighbours", CheckOutcome::kGood,
          exclusive.empty() ? "no other experiment is under way on its flag"
                            : "on the same flag, and without a common unit: " + exclusive,
          std::move(numbers)};
}

StartCheck LayerCheck(const Definitions& definitions, const Experiment& experiment) {
  if (!experiment.layer) return {"layer", CheckOutcome::kGood, "it is in no layer: all units may take part", {}};
  std::uint32_t taken = 0;
  for (const ExperimentRecord& other : definitions.entities.experiments) {
    const Experiment& its = other.definition;
    if (its.key != experiment.key && its.environment == experiment.environment && its.layer &&
        its.layer->layer == experiment.layer->layer) {
      taken += SizeOf(other.state.slots);
    }
  }
  const std::uint32_t slice = experiment.layer->slice, left = kWhole - std::min(taken, kWhole);
  const std::string name = "layer " + experiment.layer->layer;
  Object numbers{{"slice", Value(FormatPercent(slice))}, {"free", Value(FormatPercent(left))}};
  if (slice > left) {
    return {"layer", CheckOutcome::kBlocks,
            "it takes " + FormatPercent(slice) + " of " + name + ", of which " + FormatPercent(left) + " is free",
            std::move(numbers)};
  }
  return {"layer", CheckOutcome::kGood,
          FormatPercent(slice) + " of " + name + ", of which " + FormatPercent(left) + " is free", std::move(numbers)};
}

// What somebody says counts before what was seen.
std::optional<double> UnitsPerDay(const StartCheckInputs& inputs) {
  if (inputs.units_per_day) return inputs.units_per_day;
  return inputs.observed ? std::optional(inputs.observed->units_per_day) : std::nullopt;
}

StartCheck AudienceCheck(const Experiment& experiment, const TakingPart& share, const StartCheckInputs& inputs) {
  Object numbers{{"share", Value(FormatPercent(share.at_last))},
                 {"share_at_first", Value(FormatPercent(share.at_first))},
                 {"has_condition", Value(experiment.audience.has_value())}};
  std::string sentence = FormatPercent(share.at_last) + " of the units in its audience take part";
  if (const std::optional<double> units = UnitsPerDay(inputs)) {
    numbers.Append("units_per_day", Value(*units));
    sentence = "about " + stats::CountText(*units) + " new units a day are in its audience, of which " +
               FormatPercent(share.at_last) + " take part";
  }
  if (share.at_first != share.at_last) sentence += ", and " + FormatPercent(share.at_first) + " at first";
  if (!experiment.audience) sentence += "; everybody who reaches the flag is in it";
  return {"audience", CheckOutcome::kGood, std::move(sentence), std::move(numbers)};
}

StartCheck TrafficCheck(const Experiment& experiment, const TakingPart& share, const StartCheckInputs& inputs) {
  const std::optional<double> units = UnitsPerDay(inputs);
  if (!units) {
    return {"traffic",
            CheckOutcome::kUnknown,
            "how many new units a day are in its audience is not known: no experiment on its flag has counted any; "
            "say it with --daily-units",
            {}};
  }
  const double entering = *units * share.at_last / kWhole;
  std::string sentence = "about " + stats::CountText(entering) + " units a day enter, ";
  Object numbers{{"units_per_day", Value(*units)}, {"entering_per_day", Value(entering)}};
  if (inputs.units_per_day) {
    numbers.Append("source", Value("told"));
    return {"traffic", CheckOutcome::kGood, sentence + "as told", std::move(numbers)};
  }
  const ObservedTraffic& seen = *inputs.observed;
  const bool is_its_own = seen.experiment == experiment.key;
  sentence += "by the exposures of " +
              (is_its_own ? "its iteration " + std::to_string(seen.iteration) : "experiment " + seen.experiment) +
              " on " + (seen.days == 1 ? "the day " : std::to_string(seen.days) + " days from ") + seen.first_day;
  if (!is_its_own) sentence += ", whose audience may be another";
  numbers.Append("source", Value("exposures"));
  numbers.Append("experiment", Value(seen.experiment));
  numbers.Append("iteration", Value(seen.iteration));
  numbers.Append("first_day", Value(seen.first_day));
  numbers.Append("days", Value(seen.days));
  return {"traffic", CheckOutcome::kGood, std::move(sentence), std::move(numbers)};
}

// --- power ---

// What it would be held against if it were started now.
stats::Design DesignBefore(const Definitions& definitions, const Experiment& experiment) {
  return DesignOf(definitions.project.key, experiment, PlanBeforeStart(definitions, experiment));
}

// What the power is computed from.
struct Basis {
  stats::KnownBaseline known;
  bool is_told = false;
  // Told of a mean, which is one of units with an event: how many of those that are exposed these are is not known.
  bool counts_events = false;
};

// What is told is the statistic of units of which nobody knows how many there were: only a mean and a variance are made
// of it.
Basis ToldBasis(stats::MetricKind kind, const StartCheckInputs& inputs) {
  if (stats::IsShare(kind)) return {{stats::ProportionStatistic{1, *inputs.baseline}}, true};
  const double variance = *inputs.deviation * *inputs.deviation;
  Basis basis{{stats::MeanStatistic{{2, *inputs.baseline, variance}}}, true};
  if (kind == stats::MetricKind::kMean) {
    basis.counts_events = !inputs.observed_baseline;
    if (inputs.observed_baseline) basis.known.exposed_for_each = inputs.observed_baseline->known.exposed_for_each;
  }
  return basis;
}

StartCheck PowerUnknown(std::string sentence) {
  return {"power", CheckOutcome::kUnknown, std::move(sentence), {}};
}

// What is still to be said before there is a basis; empty: nothing.
std::string MissingFor(const stats::MetricPlan& metric, const StartCheckInputs& inputs) {
  if (!inputs.baseline) {
    if (inputs.observed_baseline) return "";
    return "what " + metric.key +
           " is without the experiment is not known: no experiment on its flag has measured it with enough units; say "
           "it with --baseline";
  }
  if (stats::IsShare(metric.kind)) {
    return *inputs.baseline < 1 ? "" : metric.key + " is a share of units: its --baseline is below 1";
  }
  return inputs.deviation ? "" : "how far " + metric.key + " varies is not known; say its --deviation over units";
}

// The variance of a quantile says nothing of units (stats::PlannedUnits).
StartCheck PowerOfQuantile(const stats::Design& design, const std::string& metric) {
  const std::string sentence = "how many units it takes cannot be said of a quantile, which " + metric + " is; ";
  if (!design.max_days) {
    return {"power",
            CheckOutcome::kAttention,
            sentence + "its plan goes by days: write `max_days`, or it has no end to plan for",
            {}};
  }
  return {"power", CheckOutcome::kGood,
          sentence + "its plan goes by days, of which it has " + std::to_string(*design.max_days),
          Object{{"days", Value(*design.max_days)}}};
}

// What units of so many days find: "31.0% power for that, and 80% for +8.31% and more"; without `detect` the second.
struct Reach {
  std::string sentence;
  Object numbers;
};
Reach ReachOf(const stats::Design& design, const Basis& basis, double days, double units_per_day) {
  const double units = std::floor(days * units_per_day);
  const double counted = units / basis.known.exposed_for_each;
  Reach reach;
  reach.numbers = Object{{"days", Value(days)}, {"units", Value(units)}};
  std::string wanted = stats::PlainShareText(design.power);
  if (const auto power = stats::PlannedPower(design, basis.known.arm, counted)) {
    reach.numbers.Append("power", Value(*power));
    reach.sentence = stats::ChanceText(*power) + " power for that, and ";
  } else {
    wanted += " power";
  }
  const auto effect = stats::PlannedEffect(design, basis.known.arm, counted);
  if (!effect) {
    reach.sentence += "not " + wanted + " for any effect";
    return reach;
  }
  const double lift = design.primary->expect_up ? *effect : -*effect;
  reach.numbers.Append("detectable", Value(lift));
  reach.sentence += wanted + " for " + stats::LiftText(lift) + " and more";
  return reach;
}

constexpr double kDaysWithoutEnd = 14;  // that an effect is named for where the plan has no end

// Without `detect`: what could be written there.
StartCheck PowerWithoutGoal(const stats::Design& design, const std::optional<Basis>& basis,
                            const std::optional<double>& units_per_day) {
  StartCheck check = PowerUnknown("which effect is worth finding is not said; write `detect` into the metric");
  if (!basis || basis->counts_events || !units_per_day) return check;
  const double days = design.max_days ? *design.max_days : kDaysWithoutEnd;
  Reach reach = ReachOf(design, *basis, days, *units_per_day);
  check.sentence += "; " + stats::DaysText(days) + " give " + reach.sentence;
  check.numbers = Object{{"within", Value(std::move(reach.numbers))}};
  return check;
}

Object NumbersOf(const stats::Design& design, const Basis& basis, const Plan& plan, const StartCheckInputs& inputs) {
  const double lift = design.primary->expect_up ? *design.primary->detect : -*design.primary->detect;
  const auto value = stats::ValueOf(basis.known.arm);
  Object numbers{{"baseline", Value(value ? value->value : 0)}, {"source", Value(basis.is_told ? "told" : "totals")}};
  if (!basis.is_told) {
    numbers.Append("experiment", Value(inputs.observed_baseline->experiment));
    numbers.Append("iteration", Value(inputs.observed_baseline->iteration));
    numbers.Append("baseline_units", Value(value ? value->units : 0));
  }
  numbers.Append("lift", Value(lift));
  numbers.Append("alpha", Value(FormatPercent(plan.alpha)));
  numbers.Append("power", Value(FormatPercent(plan.power)));
  return numbers;
}

// "it takes 237,632 units in all to show +2% of orders, from 12.1% in its iteration 1, with 80% power"
std::string SentenceOf(const Experiment& experiment, const stats::Design& design, const Basis& basis, double units,
                       const StartCheckInputs& inputs) {
  const stats::MetricPlan& metric = design.plan.metrics[design.primary->metric];
  std::string sentence = "it takes " + stats::CountText(units) + " units " +
                         (basis.counts_events ? "with an event " : "") + "in all to show " +
                         (design.primary->expect_up ? "+" : "−") + FormatPercent(*experiment.primary->detect) + " of " +
                         metric.key;
  if (!basis.is_told) {
    const ObservedBaseline& seen = *inputs.observed_baseline;
    const auto value = stats::ValueOf(basis.known.arm);
    sentence += ", from " + stats::MeanText(value ? value->value : 0, stats::IsShare(metric.kind)) + " in " +
                (seen.experiment == experiment.key ? "its iteration " + std::to_string(seen.iteration)
                                                   : "experiment " + seen.experiment) +
                ",";
  }
  return sentence + " with " + stats::PlainShareText(design.power) + " power";
}

// How long it takes, and what comes of it in the time that the plan has.
StartCheck PowerOverTime(const Experiment& experiment, const stats::Design& design, const Basis& basis, double units,
                         double entering_per_day, std::string sentence, Object numbers) {
  const double per_day[] = {entering_per_day};
  const auto duration = stats::DaysFor(units, per_day);
  if (!duration && !(entering_per_day > 0)) {
    return {"power", CheckOutcome::kAttention, sentence + ", and nobody enters", std::move(numbers)};
  }
  if (duration) {
    numbers.Append("days", Value(duration->days));
    sentence += ", which is " + stats::DaysText(duration->days);
  } else {
    sentence += ", which is more than 10 years";
  }
  if (!experiment.ramp.empty()) sentence += " at the end of its ramp";
  CheckOutcome outcome = duration ? CheckOutcome::kGood : CheckOutcome::kAttention;
  if (design.max_days) {
    const double most = *design.max_days;
    Reach reach = ReachOf(design, basis, most, entering_per_day);
    if (!duration || duration->days > most) {
      outcome = CheckOutcome::kAttention;
      sentence += "; the " + stats::DaysText(most) + " of its plan give " + reach.sentence;
    }
    numbers.Append("within", Value(std::move(reach.numbers)));
  }
  const std::uint32_t fewest = stats::FewestDays(design);
  if (duration && duration->days < fewest) sentence += "; it runs for " + stats::DaysText(fewest) + " all the same";
  return {"power", outcome, std::move(sentence), std::move(numbers)};
}

StartCheck PowerCheck(const Definitions& definitions, const Experiment& experiment, const TakingPart& share,
                      const StartCheckInputs& inputs) {
  const stats::Design design = DesignBefore(definitions, experiment);
  if (!design.primary) return PowerUnknown("without a primary metric there is no power to speak of");
  const stats::MetricPlan& metric = design.plan.metrics[design.primary->metric];
  if (metric.kind == stats::MetricKind::kQuantile) return PowerOfQuantile(design, metric.key);
  const std::string missing = MissingFor(metric, inputs);
  std::optional<Basis> basis;
  if (missing.empty()) {
    basis = inputs.baseline ? ToldBasis(metric.kind, inputs) : Basis{inputs.observed_baseline->known, false, false};
  }
  std::optional<double> entering = UnitsPerDay(inputs);
  if (entering) *entering *= static_cast<double>(share.at_last) / kWhole;
  if (!design.primary->detect) return PowerWithoutGoal(design, basis, entering);
  if (!basis) return PowerUnknown(missing);
  const stats::Outcome<double> counted = stats::PlannedUnits(design, basis->known.arm);
  if (!counted) return {"power", CheckOutcome::kAttention, metric.key + ": " + counted.error().message, {}};
  const double units = std::ceil(*counted * basis->known.exposed_for_each);
  Object numbers = NumbersOf(design, *basis, experiment.plan.value_or(Plan()), inputs);
  numbers.Append(basis->counts_events ? "units_with_an_event" : "units", Value(units));
  std::string sentence = SentenceOf(experiment, design, *basis, units, inputs);
  if (basis->counts_events) {
    return {"power", CheckOutcome::kUnknown, sentence + "; how many of those exposed have one is not known",
            std::move(numbers)};
  }
  if (!entering) {
    return {"power", CheckOutcome::kUnknown, sentence + "; how long that lasts is not known without --daily-units",
            std::move(numbers)};
  }
  return PowerOverTime(experiment, design, *basis, units, *entering, std::move(sentence), std::move(numbers));
}

}  // namespace

std::string_view ToString(CheckOutcome outcome) {
  constexpr std::string_view kWords[] = {"good", "attention", "unknown", "blocks"};
  return kWords[static_cast<std::size_t>(outcome)];
}

// The holdout is drawn by a salt of its own, so the shares multiply.
TakingPart TakingPartOf(const Definitions& definitions, const Experiment& experiment) {
  std::uint32_t share = experiment.layer ? experiment.layer->slice : kWhole;
  const HoldoutRecord* holdout = definitions.entities.FindHoldout(experiment.holdout);
  if (holdout != nullptr && !holdout->definition.archived) share = PartsOf(share, kWhole - holdout->definition.size);
  if (experiment.ramp.empty()) return {share, share};
  return {PartsOf(share, experiment.ramp.front().at), PartsOf(share, experiment.ramp.back().at)};
}

std::vector<StartCheck> ChecksBeforeStart(const Definitions& definitions, const ExperimentRecord& record,
                                          const StartCheckInputs& inputs) {
  const Experiment& experiment = record.definition;
  const TakingPart share = TakingPartOf(definitions, experiment);
  return {MetricsCheck(experiment),
          FlagCheck(definitions, record),
          NeighboursCheck(definitions, experiment),
          LayerCheck(definitions, experiment),
          AudienceCheck(experiment, share, inputs),
          TrafficCheck(experiment, share, inputs),
          PowerCheck(definitions, experiment, share, inputs)};
}

}  // namespace guidon
