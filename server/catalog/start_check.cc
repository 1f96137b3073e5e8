#include "server/catalog/start_check.h"

#include <algorithm>
#include <utility>

#include "core/allocate/ranges.h"
#include "core/model/units.h"

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

StartCheck TrafficCheck(const TakingPart& share, const StartCheckInputs& inputs) {
  if (!inputs.units_per_day) {
    return {"traffic",
            CheckOutcome::kUnknown,
            "how many new units a day are in its audience is not known; say it with --daily-units",
            {}};
  }
  const double entering = *inputs.units_per_day * share.at_last / kWhole;
  return {"traffic", CheckOutcome::kGood,
          "about " + std::to_string(static_cast<std::uint64_t>(entering)) + " units a day enter, as told",
          Object{{"units_per_day", Value(*inputs.units_per_day)}, {"entering_per_day", Value(entering)}}};
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
  return {MetricsCheck(experiment), NeighboursCheck(definitions, experiment), LayerCheck(definitions, experiment),
          AudienceCheck(experiment, share), TrafficCheck(share, inputs)};
}

}  // namespace guidon
