#include "core/allocate/allocate.h"

#include <algorithm>

#include "core/allocate/experiment_life.h"
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

constexpr std::string_view kNewIteration =
    "stop the experiment and start it again: that is a new iteration with fresh assignments, or with those of before "
    "(guidon experiment start KEY --keep-assignments)";

// Edits that would move units, or change what was promised, while the experiment runs.
void CheckRunningEdits(const Experiment& before, const Experiment& after, std::vector<Issue>& issues) {
  const auto refuse = [&](const Path& path, std::string_view why) {
    issues.push_back(
        ExperimentIssue(after, "running_experiment", path,
                        "'" + path.ToText() + "' of a running experiment cannot change: " + std::string(why),
                        std::string(kNewIteration)));
  };
  constexpr std::string_view kMoves = "units would move between variants";
  constexpr std::string_view kPromised = "its result is judged by what was planned at its start";
  if (before.flag != after.flag) refuse(Path().Key("flag"), kMoves);
  if (before.environment != after.environment) refuse(Path().Key("environment"), kMoves);
  if (before.unit != after.unit) refuse(Path().Key("unit"), kMoves);
  if (before.layer != after.layer) refuse(Path().Key("layer"), kMoves);
  if (before.holdout != after.holdout) refuse(Path().Key("holdout"), kMoves);
  if (before.variants != after.variants) refuse(Path().Key("variants"), kMoves);
  if (before.primary != after.primary) refuse(Path().Key("metrics").Key("primary"), kPromised);
  if (before.plan != after.plan) refuse(Path().Key("plan"), kPromised);
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

// The first `parts` buckets of those that an iteration had, and the lowest free ones where it takes more; nullopt when
// somebody else holds one of them by now, or there are not enough.
std::optional<std::vector<BucketRange>> KeptSlots(const std::vector<BucketRange>& had, std::uint32_t parts,
                                                  std::vector<BucketRange> taken) {
  const auto overlap = [](const BucketRange& a, const BucketRange& b) { return a.begin < b.end && b.begin < a.end; };
  std::vector<BucketRange> kept;
  std::uint32_t left = parts;
  for (const BucketRange& range : had) {
    if (left == 0) break;
    const BucketRange own{range.begin, range.begin + std::min(range.size(), left)};
    if (std::any_of(taken.begin(), taken.end(), [&](const BucketRange& other) { return overlap(own, other); })) {
      return std::nullopt;
    }
    left -= own.size();
    kept.push_back(own);
  }
  if (left == 0) return kept;
  taken.insert(taken.end(), kept.begin(), kept.end());
  const auto more = TakeSlots(taken, left);
  if (!more) return std::nullopt;
  kept.insert(kept.end(), more->begin(), more->end());
  return kept;
}

void TakePlace(ExperimentRecord& record, const ExperimentIteration* kept, const EntitySet& entities,
               std::vector<Issue>& issues) {
  const Experiment& experiment = record.definition;
  const std::vector<BucketRange> taken = TakenSlots(entities, experiment);
  const std::uint32_t parts = experiment.layer->slice;
  const auto slots = kept != nullptr ? KeptSlots(kept->slots, parts, taken) : TakeSlots(taken, parts);
  if (slots) {
    record.state.slots = *slots;
  } else if (kept != nullptr) {
    issues.push_back(ExperimentIssue(experiment, "slots_taken", Path().Key("layer"),
                                     "the slots that it had in layer '" + experiment.layer->layer +
                                         "' are not free any more; held by " + HoldersOf(entities, experiment),
                                     "start it with fresh assignments, or stop one of them"));
  } else {
    issues.push_back(ExperimentIssue(experiment, "layer_full", Path().Key("layer").Key("slice"),
                                     "layer '" + experiment.layer->layer + "' has less than " + FormatPercent(parts) +
                                         " left; held by " + HoldersOf(entities, experiment),
                                     "take a smaller slice, or stop one of them"));
  }
}

void Begin(ExperimentRecord& record, const EntitySet& entities, std::string_view by, std::int64_t now_ms,
           std::vector<Issue>& issues) {
  const Experiment& experiment = record.definition;
  ExperimentState& state = record.state;
  std::optional<ExperimentIteration> kept;
  if (const ExperimentIteration* last = state.CurrentIteration(); state.keeps_assignments && last != nullptr) {
    kept = *last;
  }
  state.iteration = std::max(state.iteration, state.iterations_before) + 1;
  std::vector<Weight> weights;
  for (const Variant& variant : experiment.variants) weights.push_back({variant.name, variant.parts});
  if (kept) {
    state.arms = Reallocate(state.arms, weights);
  } else {
    state.salt = experiment.key + "#" + std::to_string(state.iteration);
    state.arms = AllocateFirst(weights);
  }
  if (experiment.layer) TakePlace(record, kept ? &*kept : nullptr, entities, issues);
  BeginIteration(record, entities, by, now_ms);
}

// Without an authored state commands move it, and what it is stays; so does what only they set, until something else is
// authored. `held`: it was there before.
ExperimentStatus WantedOf(const ExperimentRecord& record, const ExperimentRecord* held) {
  const Experiment& experiment = record.definition;
  const ExperimentStatus status = record.state.status;
  if (status == ExperimentStatus::kConcluded) return status;
  const bool is_said_anew = held == nullptr || held->definition.state != experiment.state;
  if (status == ExperimentStatus::kScheduled && !is_said_anew && !experiment.archived) return status;
  const ExperimentStatus wanted = experiment.state.value_or(status);
  const bool ends = IsLive(wanted) || wanted == ExperimentStatus::kScheduled;
  return experiment.archived && ends ? ExperimentStatus::kStopped : wanted;
}

struct Occasion {
  const Definitions* before;  // null: there was nothing
  std::string_view by;
  std::int64_t now_ms;
};

const ExperimentRecord* HeldBefore(const Occasion& occasion, const std::string& key) {
  return occasion.before == nullptr ? nullptr : occasion.before->entities.FindExperiment(key);
}

const FlagRecord* FlagIn(const EntitySet* entities, const std::string& key) {
  return entities == nullptr ? nullptr : entities->FindFlag(key);
}

void AllocateExperiment(ExperimentRecord& record, const EntitySet& entities, const Occasion& occasion,
                        std::vector<Issue>& issues) {
  const Experiment& experiment = record.definition;
  ExperimentState& state = record.state;
  const ExperimentRecord* held = HeldBefore(occasion, experiment.key);
  const ExperimentStatus wanted = WantedOf(record, held);
  const bool was_live = IsLive(state.status);
  if (held != nullptr && occasion.now_ms > 0) {
    KeepPlanOfBefore(occasion.before->entities, entities, *held, record);
  }
  // There is nothing before, and so what is paused by now has to begin first.
  const bool is_first = occasion.before == nullptr && state.iteration == 0;
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
  if (IsLive(wanted) && !was_live) Begin(record, entities, occasion.by, occasion.now_ms, issues);
  if (!IsLive(wanted)) state.slots.clear();
  state.status = wanted;
  const EntitySet* const old = occasion.before == nullptr ? nullptr : &occasion.before->entities;
  KeepLife(held, record, FlagIn(old, experiment.flag), FlagIn(&entities, experiment.flag), occasion.by,
           occasion.now_ms);
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

std::vector<Issue> AllocateStates(const Definitions* before, Definitions& after, std::int64_t now_ms,
                                  std::string_view by) {
  const Occasion occasion{before, by, now_ms};
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
  // Slots are given back before they are taken: who stops makes room for who starts in the same commit.
  for (ExperimentRecord& record : entities.experiments) {
    const ExperimentRecord* held = HeldBefore(occasion, record.definition.key);
    const bool goes_on = IsLive(WantedOf(record, held));
    if (!goes_on) record.state.slots.clear();
    if (goes_on && held != nullptr && IsLive(held->state.status)) {
      CheckRunningEdits(held->definition, record.definition, issues);
    }
  }
  for (ExperimentRecord& record : entities.experiments) AllocateExperiment(record, entities, occasion, issues);
  return issues;
}

}  // namespace guidon
