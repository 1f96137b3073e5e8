#include "core/allocate/allocate.h"

#include <algorithm>

#include "core/allocate/ramp.h"
#include "core/allocate/ranges.h"

namespace guidon {
namespace {

// --- flags ---------------------------------------------------------------------------------------------------------

// In the order of the flag's variations, however the split itself was written: rules that serve the same arms then
// begin with the same one at bucket 0.
std::vector<Weight> InOrderOfVariations(std::vector<Weight> weights, const FlagDefinition& flag) {
  const auto place = [&](const Weight& weight) {
    const auto held = std::find_if(flag.variations.begin(), flag.variations.end(),
                                   [&](const Variation& variation) { return variation.name == weight.variation; });
    return held - flag.variations.begin();
  };
  std::stable_sort(weights.begin(), weights.end(),
                   [&](const Weight& a, const Weight& b) { return place(a) < place(b); });
  return weights;
}

SplitState NextSplit(const TargetingState* held, const std::string& id, const FlagDefinition& flag,
                     const std::vector<Weight>& weights) {
  SplitState split{id, flag.key, {}};
  const SplitState* old = nullptr;
  if (held != nullptr) {
    for (const SplitState& candidate : held->splits) {
      if (candidate.split == id) old = &candidate;
    }
  }
  if (old != nullptr) split.salt = old->salt;
  split.arms = Reallocate(old == nullptr ? std::vector<ArmRanges>() : old->arms, InOrderOfVariations(weights, flag));
  return split;
}

void AllocateFlag(FlagRecord& record) {
  FlagState next;
  for (const Targeting& targeting : record.definition.environments) {
    const TargetingState* held = record.state.FindEnvironment(targeting.environment);
    TargetingState state{targeting.environment, {}};
    const auto add = [&](const std::string& id, const Serve& serve) {
      if (const auto* split = std::get_if<SplitServe>(&serve)) {
        state.splits.push_back(NextSplit(held, id, record.definition, split->weights));
      }
    };
    for (const Rule& rule : targeting.rules) add(rule.id, rule.serve);
    if (targeting.default_serve) add("default", targeting.default_serve->serve);
    if (!state.splits.empty()) next.environments.push_back(std::move(state));
  }
  record.state.environments = std::move(next.environments);
}

// Or had one, of which the state is left.
bool HasRamp(const FlagRecord& record) {
  if (!record.state.ramps.empty()) return true;
  for (const Targeting& targeting : record.definition.environments) {
    for (const Rule& rule : targeting.rules) {
      if (rule.ramp) return true;
    }
  }
  return false;
}

// --- experiments ---------------------------------------------------------------------------------------------------

bool IsLive(ExperimentStatus status) {
  return status == ExperimentStatus::kRunning || status == ExperimentStatus::kPaused;
}

Issue ExperimentIssue(const Experiment& experiment, std::string code, Path path, std::string message,
                      std::string hint) {
  return {Severity::kError,   std::move(code), std::move(path),
          std::move(message), std::move(hint), "experiment " + experiment.key};
}

// Edits that would move units, or change what was measured, while the experiment runs.
void CheckRunningEdits(const Experiment& before, const Experiment& after, std::vector<Issue>& issues) {
  const auto refuse = [&](std::string_view field) {
    issues.push_back(ExperimentIssue(
        after, "running_experiment", Path().Key(field),
        "'" + std::string(field) + "' of a running experiment cannot change: units would move between variants",
        "stop the experiment and start it again: that is a new iteration with fresh assignments"));
  };
  if (before.flag != after.flag) refuse("flag");
  if (before.environment != after.environment) refuse("environment");
  if (before.unit != after.unit) refuse("unit");
  if (before.layer != after.layer) refuse("layer");
  if (before.holdout != after.holdout) refuse("holdout");
  if (before.variants != after.variants) refuse("variants");
}

// The slots that live experiments of this layer hold in this environment, but for one.
std::vector<BucketRange> TakenSlots(const EntitySet& entities, const Experiment& but) {
  std::vector<BucketRange> taken;
  for (const ExperimentRecord& other : entities.experiments) {
    const Experiment& definition = other.definition;
    if (definition.key == but.key || definition.environment != but.environment || !definition.layer ||
        definition.layer->layer != but.layer->layer) {
      continue;
    }
    taken.insert(taken.end(), other.state.slots.begin(), other.state.slots.end());
  }
  return taken;
}

std::string HoldersOf(const EntitySet& entities, const Experiment& but) {
  std::string text;
  for (const ExperimentRecord& other : entities.experiments) {
    const Experiment& definition = other.definition;
    if (definition.key == but.key || definition.environment != but.environment || !definition.layer ||
        definition.layer->layer != but.layer->layer || other.state.slots.empty()) {
      continue;
    }
    text += (text.empty() ? "" : ", ") + definition.key + " " + FormatPercent(SizeOf(other.state.slots));
  }
  return text;
}

void Begin(ExperimentRecord& record, const EntitySet& entities, std::vector<Issue>& issues) {
  const Experiment& experiment = record.definition;
  ExperimentState& state = record.state;
  ++state.iteration;
  state.salt = experiment.key + "#" + std::to_string(state.iteration);
  std::vector<Weight> weights;
  for (const Variant& variant : experiment.variants) weights.push_back({variant.name, variant.parts});
  state.arms = AllocateFirst(weights);
  state.ramp_step = 0;
  state.winner.clear();
  if (!experiment.layer) return;
  const auto slots = TakeSlots(TakenSlots(entities, experiment), experiment.layer->slice);
  if (!slots) {
    issues.push_back(ExperimentIssue(experiment, "layer_full", Path().Key("layer").Key("slice"),
                                     "layer '" + experiment.layer->layer + "' has less than " +
                                         FormatPercent(experiment.layer->slice) + " left; held by " +
                                         HoldersOf(entities, experiment),
                                     "take a smaller slice, or stop one of them"));
    return;
  }
  state.slots = *slots;
}

// Without an authored state commands move it, and what it is stays. `held`: what it was before.
ExperimentStatus WantedOf(const Experiment& experiment, ExperimentStatus held) {
  if (held == ExperimentStatus::kConcluded) return held;
  const ExperimentStatus wanted = experiment.state.value_or(held);
  return experiment.archived && IsLive(wanted) ? ExperimentStatus::kStopped : wanted;
}

// `is_first`: there is nothing before, and so what is paused by now has to begin first.
void AllocateExperiment(ExperimentRecord& record, const EntitySet& entities, bool is_first,
                        std::vector<Issue>& issues) {
  const Experiment& experiment = record.definition;
  ExperimentState& state = record.state;
  const ExperimentStatus wanted = WantedOf(experiment, state.status);
  const bool was_live = IsLive(state.status);
  if (wanted == ExperimentStatus::kDraft && state.iteration > 0) {
    issues.push_back(ExperimentIssue(experiment, "wrong_transition", Path().Key("state"),
                                     "an experiment that has run cannot be a draft again", "stop it instead"));
    return;
  }
  if (wanted == ExperimentStatus::kPaused && !was_live && !is_first) {
    const bool has_run = state.iteration > 0;
    issues.push_back(ExperimentIssue(
        experiment, "wrong_transition", Path().Key("state"),
        std::string("an experiment that ") + (has_run ? "is over" : "has not run") + " cannot be paused",
        has_run ? "leave it stopped, or let it run: that is a new iteration" : "leave it a draft"));
    return;
  }
  if (IsLive(wanted) && !was_live) Begin(record, entities, issues);
  if (!IsLive(wanted)) state.slots.clear();
  state.status = wanted;
}

}  // namespace

void KeepState(const EntityRecord& current, EntityRecord& next) {
  std::visit(
      [&](auto& record) {
        using RecordType = std::decay_t<decltype(record)>;
        record.state = std::get<RecordType>(current).state;
      },
      next);
}

std::vector<Issue> AllocateStates(const Definitions* before, Definitions& after, std::int64_t now_ms) {
  std::vector<Issue> issues;
  EntitySet& entities = after.entities;
  for (FlagRecord& record : entities.flags) {
    AllocateFlag(record);
    if (!HasRamp(record)) continue;
    AllocateRamps(before == nullptr ? nullptr : before->entities.FindFlag(record.definition.key), record, now_ms);
  }
  for (LayerRecord& record : entities.layers) {
    if (record.state.salt.empty()) record.state.salt = "layer:" + record.definition.key;
  }
  for (HoldoutRecord& record : entities.holdouts) {
    if (record.state.salt.empty()) record.state.salt = "holdout:" + record.definition.key;
  }
  for (const ExperimentRecord& record : entities.experiments) {
    const ExperimentRecord* old = before == nullptr ? nullptr : before->entities.FindExperiment(record.definition.key);
    if (old == nullptr || !IsLive(old->state.status)) continue;
    if (IsLive(WantedOf(record.definition, old->state.status)))
      CheckRunningEdits(old->definition, record.definition, issues);
  }
  // Slots are given back before they are taken: who stops makes room for who starts in the same commit.
  for (ExperimentRecord& record : entities.experiments) {
    if (!IsLive(WantedOf(record.definition, record.state.status))) record.state.slots.clear();
  }
  for (ExperimentRecord& record : entities.experiments) {
    AllocateExperiment(record, entities, before == nullptr && record.state.iteration == 0, issues);
  }
  return issues;
}

}  // namespace guidon
