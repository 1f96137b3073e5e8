#include "server/analysis/start_check.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "core/allocate/ranges.h"
#include "core/model/units.h"
#include "server/analysis/design_of.h"
#include "server/analysis/plan_of.h"
#include "stats/inference/power.h"
#include "stats/report/report.h"

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

StartCheck AudienceCheck(const Experiment& experiment, const TakingPart& share) {
  std::string sentence = FormatPercent(share.at_last) + " of the units in its audience take part";
  if (share.at_first != share.at_last) sentence += ", " + FormatPercent(share.at_first) + " of them at first";
  if (!experiment.audience) sentence += "; everybody who reaches the flag is in it";
  return {"audience", CheckOutcome::kGood, std::move(sentence),
          Object{{"share", Value(FormatPercent(share.at_last))},
                 {"share_at_first", Value(FormatPercent(share.at_first))},
                 {"has_condition", Value(experiment.audience.has_value())}}};
}

// What somebody says counts before what was seen.
std::optional<double> UnitsPerDay(const StartCheckInputs& inputs) {
  if (inputs.units_per_day) return inputs.units_per_day;
  return inputs.observed ? std::optional(inputs.observed->units_per_day) : std::nullopt;
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
  std::string sentence = "about " + std::to_string(std::llround(entering)) + " units a day enter, ";
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

bool IsShare(stats::MetricKind kind) {
  return kind == stats::MetricKind::kConversion || kind == stats::MetricKind::kRetention ||
         kind == stats::MetricKind::kFunnel;
}

// What is told of the time before, as the statistic of units of which nobody knows how many there were: only a mean and
// a variance are made of it.
stats::ArmStatistic ToldBaseline(stats::MetricKind kind, const StartCheckInputs& inputs) {
  if (IsShare(kind)) return stats::ProportionStatistic{1, *inputs.baseline};
  return stats::MeanStatistic{{2, *inputs.baseline, *inputs.deviation * *inputs.deviation}};
}

StartCheck PowerUnknown(std::string sentence) {
  return {"power", CheckOutcome::kUnknown, std::move(sentence), {}};
}

// What is still to be said before there can be a number; empty: nothing.
std::string MissingFor(const stats::Design& design, const StartCheckInputs& inputs) {
  if (!design.primary) return "without a primary metric there is no power to speak of";
  const stats::MetricPlan& metric = design.plan.metrics[design.primary->metric];
  if (!design.primary->detect) return "which effect is worth finding is not said; write `detect` into the metric";
  if (!inputs.baseline) {
    return "what " + metric.key + " is without the experiment is not known; say it with --baseline";
  }
  if (IsShare(metric.kind)) {
    return *inputs.baseline < 1 ? "" : metric.key + " is a share of units: its --baseline is below 1";
  }
  return inputs.deviation ? "" : "how far " + metric.key + " varies is not known; say its --deviation over units";
}

std::string Rounded(double number) {
  return std::to_string(static_cast<std::uint64_t>(std::ceil(number)));
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

StartCheck PowerCheck(const Definitions& definitions, const Experiment& experiment, const TakingPart& share,
                      const StartCheckInputs& inputs) {
  const stats::Design design = DesignBefore(definitions, experiment);
  if (design.primary) {
    const stats::MetricPlan& metric = design.plan.metrics[design.primary->metric];
    if (metric.kind == stats::MetricKind::kQuantile) return PowerOfQuantile(design, metric.key);
  }
  if (std::string missing = MissingFor(design, inputs); !missing.empty()) return PowerUnknown(std::move(missing));
  const stats::MetricPlan& metric = design.plan.metrics[design.primary->metric];
  const stats::Outcome<double> units = stats::PlannedUnits(design, ToldBaseline(metric.kind, inputs));
  if (!units) return {"power", CheckOutcome::kAttention, metric.key + ": " + units.error().message, {}};
  const Plan plan = experiment.plan.value_or(Plan());
  const double lift = design.primary->expect_up ? *design.primary->detect : -*design.primary->detect;
  Object numbers{{"baseline", Value(*inputs.baseline)},
                 {"lift", Value(lift)},
                 {"alpha", Value(FormatPercent(plan.alpha))},
                 {"power", Value(FormatPercent(plan.power))},
                 {"units", Value(*units)}};
  std::string sentence = "it takes " + Rounded(*units) + " units in all to show " + (lift < 0 ? "-" : "+") +
                         FormatPercent(*experiment.primary->detect) + " of " + metric.key + " with " +
                         FormatPercent(plan.power) + " power";
  const std::optional<double> daily = UnitsPerDay(inputs);
  if (!daily) {
    return {"power", CheckOutcome::kUnknown, sentence + "; how long that lasts is not known without --daily-units",
            std::move(numbers)};
  }
  const double per_day[] = {*daily};
  const auto duration = stats::DaysFor(*units, per_day, static_cast<double>(share.at_last) / kWhole);
  if (!duration)
    return {"power", CheckOutcome::kAttention, sentence + ": " + duration.error().message, std::move(numbers)};
  numbers.Append("days", Value(duration->days));
  sentence += ", which is " + Rounded(duration->days) + (duration->days > 1 ? " days" : " day");
  if (!experiment.ramp.empty()) sentence += " at the end of its ramp";
  const double most = plan.max_days.value_or(0);
  if (most > 0 && duration->days > most) {
    return {"power", CheckOutcome::kAttention, sentence + ", and more than the " + Rounded(most) + " of its plan",
            std::move(numbers)};
  }
  return {"power", CheckOutcome::kGood, std::move(sentence), std::move(numbers)};
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
          AudienceCheck(experiment, share),
          TrafficCheck(experiment, share, inputs),
          PowerCheck(definitions, experiment, share, inputs)};
}

}  // namespace guidon
