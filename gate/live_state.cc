#include "gate/live_state.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "core/allocate/ramp.h"
#include "core/model/units.h"
#include "gate/static_checks.h"

namespace guidon::gate {
namespace {

constexpr std::int64_t kMinute = 60'000;
constexpr int kDeepestRequirement = 32;  // definitions have no cycles; a server's answer might

std::uint32_t Times(std::uint32_t parts, std::uint32_t of) {
  return static_cast<std::uint32_t>(std::uint64_t{parts} * of / kWhole);
}

// What is served while the flag is not enabled; empty: the caller's fallback.
std::string OffOf(const FlagDefinition& flag, const Targeting* targeting) {
  if (targeting != nullptr) return targeting->off;
  return flag.type == FlagType::kBoolean ? "off" : "";
}

class Sharer {
 public:
  Sharer(const EntitySet& entities, std::string_view environment) : entities_(entities), environment_(environment) {}

  std::uint32_t Of(const std::vector<std::string>& variations, const FlagRecord& record, int depth) const {
    const FlagDefinition& flag = record.definition;
    if (flag.archived || depth > kDeepestRequirement) return 0;
    const Targeting* targeting = flag.FindEnvironment(environment_);
    const bool is_off_one = IsIn(variations, OffOf(flag, targeting));
    if (targeting == nullptr || !targeting->enabled) return is_off_one ? kWhole : 0;
    std::uint32_t share = OfRules(variations, record, *targeting);
    if (is_off_one) return share;  // who lacks a prerequisite is served it, too
    for (const Requirement& requirement : targeting->requirements) {
      const FlagRecord* required = entities_.FindFlag(requirement.flag);
      const std::uint32_t lacking = required == nullptr ? kWhole : kWhole - Of(requirement.is, *required, depth + 1);
      share -= std::min(share, lacking);
    }
    return share;
  }

 private:
  static bool IsIn(const std::vector<std::string>& variations, const std::string& one) {
    return std::find(variations.begin(), variations.end(), one) != variations.end();
  }

  // From the last place to the first: what is left of one goes on with the next.
  std::uint32_t OfRules(const std::vector<std::string>& variations, const FlagRecord& record,
                        const Targeting& targeting) const {
    std::uint32_t rest = targeting.default_serve ? OfServe(variations, targeting.default_serve->serve, 0) : 0;
    for (const ExperimentRecord& experiment : entities_.experiments) {
      if (experiment.definition.flag != record.definition.key || experiment.definition.environment != environment_) {
        continue;
      }
      if (!IsNamed(experiment.definition.key, targeting)) rest = OfExperiment(variations, experiment, rest);
    }
    for (auto rule = targeting.rules.rbegin(); rule != targeting.rules.rend(); ++rule) {
      const std::uint32_t taken = RolloutOf(*rule, record.state, environment_).value_or(kWhole);
      const std::uint32_t mixed = Times(OfServe(variations, rule->serve, rest), taken) + Times(rest, kWhole - taken);
      rest = rule->when ? std::min(rest, mixed) : mixed;
    }
    return rest;
  }

  static bool IsNamed(const std::string& experiment, const Targeting& targeting) {
    return std::any_of(targeting.rules.begin(), targeting.rules.end(), [&](const Rule& rule) {
      const auto* serve = std::get_if<ExperimentServe>(&rule.serve);
      return serve != nullptr && serve->experiment == experiment;
    });
  }

  std::uint32_t OfServe(const std::vector<std::string>& variations, const Serve& serve, std::uint32_t rest) const {
    if (const auto* fixed = std::get_if<FixedServe>(&serve)) return IsIn(variations, fixed->variation) ? kWhole : 0;
    if (const auto* split = std::get_if<SplitServe>(&serve)) {
      std::uint32_t sum = 0;
      for (const Weight& weight : split->weights) sum += IsIn(variations, weight.variation) ? weight.parts : 0;
      return sum;
    }
    const auto* named = std::get_if<ExperimentServe>(&serve);
    const ExperimentRecord* experiment = entities_.FindExperiment(named->experiment);
    return experiment == nullptr ? rest : OfExperiment(variations, *experiment, rest);
  }

  // Audience, slice and ramp let some of its units go on with the rest, and nobody knows which. Who is held out has the
  // control, also once it is concluded.
  std::uint32_t OfExperiment(const std::vector<std::string>& variations, const ExperimentRecord& record,
                             std::uint32_t rest) const {
    const Experiment& experiment = record.definition;
    const bool runs = record.state.status == ExperimentStatus::kRunning;
    if (experiment.archived || experiment.variants.empty()) return rest;
    if (!runs && record.state.status != ExperimentStatus::kConcluded) return rest;
    std::uint32_t sum = 0;
    for (const Variant& variant : experiment.variants) sum += IsIn(variations, variant.serves) ? variant.parts : 0;
    std::uint32_t share = runs ? std::min(rest, sum) : rest;
    const HoldoutRecord* holdout = experiment.holdout.empty() ? nullptr : entities_.FindHoldout(experiment.holdout);
    if (holdout == nullptr || holdout->definition.archived) return share;
    const std::uint32_t held_out = holdout->definition.size;
    const bool has_control = IsIn(variations, experiment.variants.front().serves);
    const std::uint32_t mixed = Times(share, kWhole - held_out) + (has_control ? held_out : 0);
    return std::min(rest, mixed);
  }

  const EntitySet& entities_;
  const std::string_view environment_;
};

// " by key:abc: “more errors”"
std::string ByWhom(const Since& since) {
  std::string text = since.by.empty() ? "" : " by " + since.by;
  if (!since.emergency.empty()) return text + " in an emergency: “" + since.emergency + "”";
  return since.comment.empty() ? text : text + ": “" + since.comment + "”";
}

Finding OfFlag(std::string_view rule, Severity severity, const FlagDefinition& flag, Place place, std::string message,
               std::string fix) {
  return {std::string(rule), severity,           "flag " + flag.key, flag.owner,
          std::move(place),  std::move(message), std::move(fix)};
}

// ---- Demands -------------------------------------------------------------------------------------------------------

class DemandChecker {
 public:
  explicit DemandChecker(const LiveInput& input) : input_(input) {}

  std::optional<Finding> Check(const Demand& demand) const {
    const std::string& environment = demand.environment.empty() ? input_.environment : demand.environment;
    const FlagRecord* flag = input_.entities.FindFlag(demand.flag);
    if (flag == nullptr) return OfUnknown(demand);
    const auto fails = [&](std::string message, std::string fix) {
      return OfFlag("live.state", Severity::kFail, flag->definition, demand.place, std::move(message), std::move(fix));
    };
    const auto& known = input_.environments;
    if (std::find(known.begin(), known.end(), environment) == known.end()) {
      const std::string hint = DidYouMean(environment, known);
      return fails("the policy demands something of it in " + environment + ", and there is no such environment",
                   hint.empty() ? "mend the demand" : hint);
    }
    if (!demand.enabled && flag->definition.FindVariation(demand.serves) == nullptr) {
      std::vector<std::string> names;
      for (const Variation& variation : flag->definition.variations) names.push_back(variation.name);
      const std::string hint = DidYouMean(demand.serves, names);
      return fails("the policy demands that it serves '" + demand.serves + "', and it has no such variation",
                   hint.empty() ? "mend the demand" : hint);
    }
    if (!IsMet(demand, *flag, input_.entities, environment)) {
      return fails(Standing(demand, *flag, environment), "change the flag there, or the demand");
    }
    return demand.time.count() == 0 ? std::nullopt : CheckTime(demand, *flag, environment);
  }

 private:
  std::optional<Finding> OfUnknown(const Demand& demand) const {
    const bool is_there =
        std::find(input_.unreadable.begin(), input_.unreadable.end(), demand.flag) != input_.unreadable.end();
    std::vector<std::string> keys;
    for (const FlagRecord& record : input_.entities.flags) keys.push_back(record.definition.key);
    const std::string hint = DidYouMean(demand.flag, keys);
    Finding finding{"live.state", Severity::kFail, "flag " + demand.flag, "", demand.place, "", ""};
    finding.message = is_there ? "the policy demands something of it, and this version of guidon cannot read it"
                               : "the policy demands something of it, and the server has no such flag";
    finding.fix = is_there ? "use the guidon of the server's version" : hint.empty() ? "mend the demand" : hint;
    return finding;
  }

  std::string Standing(const Demand& demand, const FlagRecord& flag, const std::string& environment) const {
    if (demand.enabled) {
      return std::string(*demand.enabled ? "it is not enabled in " : "it is enabled in ") + environment +
             ", and the policy demands that it is" + (*demand.enabled ? "" : " not");
    }
    const std::uint32_t share = LeastShareOf(demand.serves, flag, input_.entities, environment);
    const std::string whom = share == 0 ? "nobody for sure" : FormatPercent(share) + " for sure";
    return "it serves '" + demand.serves + "' to " + whom + " in " + environment +
           (IsEnabled(flag.definition, environment) ? "" : ", where it is not enabled") + "; the policy demands " +
           FormatPercent(demand.share);
  }

  std::optional<Finding> CheckTime(const Demand& demand, const FlagRecord& flag, const std::string& environment) const {
    const std::int64_t enough = input_.now_ms - demand.time.count();
    const std::optional<Since> since = input_.since(
        demand.flag, [&](const FlagRecord& version) { return IsMet(demand, version, input_.entities, environment); },
        enough);
    if (since && since->at_ms <= enough) return std::nullopt;
    const std::string wanted = "; the policy demands " + FormatDuration(demand.time);
    if (!since) {
      return OfFlag("live.state", Severity::kHold, flag.definition, demand.place,
                    "since when it is as demanded in " + environment + " cannot be told" + wanted, "");
    }
    const std::string seen = since->beginning == Since::Beginning::kUnknown ? ", as far as its history is kept" : "";
    return OfFlag("live.state", Severity::kHold, flag.definition, demand.place,
                  "it is as demanded in " + environment + " since " + MomentText(since->at_ms) + seen + wanted +
                      ", which is at " + MomentText(since->at_ms + demand.time.count(), true),
                  "");
  }

  const LiveInput& input_;
};

// ---- Ramps ---------------------------------------------------------------------------------------------------------

class RampChecker {
 public:
  RampChecker(const LiveInput& input, const Policy& policy) : input_(input), policy_(policy) {}

  std::vector<Finding> Run() {
    for (const FlagRecord& flag : input_.entities.flags) {
      const Targeting* targeting = flag.definition.FindEnvironment(input_.environment);
      if (targeting == nullptr || flag.definition.archived) continue;
      for (const Rule& rule : targeting->rules) {
        const RampState* state = flag.state.FindRamp(input_.environment, rule.id);
        if (rule.ramp && state != nullptr && NextStep(*rule.ramp, *state) != nullptr) Check(flag, rule, *state);
      }
    }
    return std::move(findings_);
  }

 private:
  void Check(const FlagRecord& flag, const Rule& rule, const RampState& state) {
    const std::string ramp = "the ramp of rule " + rule.id;
    if (state.paused) return OfPaused(flag, rule, state, ramp);
    if (!policy_.ramp_at_least || state.at >= *policy_.ramp_at_least) return;
    std::string message = ramp + " stands at " + FormatPercent(state.at) + "; the policy demands " +
                          FormatPercent(*policy_.ramp_at_least);
    if (!IsEnabled(flag.definition, input_.environment)) {
      message += ", and it stands still while the flag is not enabled";
    } else if (const auto due = NextStepDue(*rule.ramp, state)) {
      message += "; " + FormatPercent(NextStep(*rule.ramp, state)->at) + " is due at " + MomentText(*due, true);
    }
    findings_.push_back(OfFlag("live.ramp", Severity::kHold, flag.definition, {}, std::move(message), ""));
  }

  void OfPaused(const FlagRecord& flag, const Rule& rule, const RampState& state, const std::string& ramp) {
    const bool is_aborted = state.at == 0;
    const auto is_so = [&](const FlagRecord& version) {
      const RampState* then = version.state.FindRamp(input_.environment, rule.id);
      return then != nullptr && then->paused && (then->at == 0) == is_aborted;
    };
    std::string message = ramp + (is_aborted ? " was aborted" : " is paused at " + FormatPercent(state.at));
    if (const std::optional<Since> since = input_.since(flag.definition.key, is_so, 0);
        since && since->beginning == Since::Beginning::kChange) {
      message += (is_aborted ? " at " : " since ") + MomentText(since->at_ms) + ByWhom(*since);
    }
    findings_.push_back(OfFlag("live.ramp", is_aborted ? Severity::kFail : Severity::kHold, flag.definition, {},
                               std::move(message),
                               is_aborted ? "see why, then resume it or take the ramp out"
                                          : "`guidon flag ramp " + flag.definition.key + " resume` lets it go on"));
  }

  const LiveInput& input_;
  const Policy& policy_;
  std::vector<Finding> findings_;
};

// ---- Switches ------------------------------------------------------------------------------------------------------

class SwitchChecker {
 public:
  explicit SwitchChecker(const LiveInput& input) : input_(input) {}

  std::vector<Finding> Run() {
    for (const FlagRecord& record : input_.entities.flags) Check(record.definition);
    return std::move(findings_);
  }

 private:
  void Check(const FlagDefinition& flag) {
    const Targeting* targeting = flag.FindEnvironment(input_.environment);
    if (targeting == nullptr || targeting->enabled || flag.archived) return;
    const FlagDefinition* in_files = InFiles(flag.key);
    const bool files_want_it = in_files != nullptr && IsEnabled(*in_files, input_.environment);
    if (in_files != nullptr && !files_want_it) return;  // the files agree that it is off
    const bool is_turned_on = files_want_it && IsTurnedOn(flag.key);
    const bool is_missed = files_want_it && !is_turned_on && input_.after != nullptr;
    const bool is_switch = flag.kind == FlagKind::kKillSwitch;
    const std::optional<bool> had_emergency =
        input_.is_protected && !is_missed && !is_switch ? input_.had_emergency(flag.key) : false;
    if (!is_missed && !is_switch && had_emergency == false) return;
    const std::optional<Since> since = input_.since(
        flag.key, [&](const FlagRecord& version) { return !IsEnabled(version.definition, input_.environment); }, 0);
    const bool was_switched = since && since->beginning == Since::Beginning::kChange;
    const bool was_emergency = was_switched && !since->emergency.empty();
    const bool is_known = since && since->beginning != Since::Beginning::kUnknown;
    if (!is_missed && !is_known) {
      findings_.push_back(OfFlag("live.kill-switch", Severity::kHold, flag, PlaceOf(flag.key),
                                 "it is not enabled on the server; since when, and by whom, cannot be told",
                                 "see why it is off; waive the rule for it if that is as it should be"));
      return;
    }
    if (!is_missed && !(is_switch && was_switched) && !was_emergency) return;
    std::string message = was_switched ? "it was switched off at " + MomentText(since->at_ms) + ByWhom(*since)
                                       : "it is not enabled on the server";
    if (is_missed) message += ", and the files have it enabled";
    if (is_turned_on) message += ", and this would switch it on again";
    findings_.push_back(OfFlag("live.kill-switch", Severity::kFail, flag, PlaceOf(flag.key), std::move(message),
                               is_turned_on || files_want_it ? "see why; then enable it there, or say so in the files"
                                                             : "see why, and enable it once that is mended"));
  }

  const FlagDefinition* InFiles(const std::string& key) const {
    const FlagRecord* record =
        input_.workspace == nullptr ? nullptr : input_.workspace->definitions.entities.FindFlag(key);
    return record == nullptr ? nullptr : &record->definition;
  }

  bool IsTurnedOn(const std::string& key) const {
    const FlagRecord* record = input_.after == nullptr ? nullptr : input_.after->FindFlag(key);
    return record != nullptr && IsEnabled(record->definition, input_.environment);
  }

  Place PlaceOf(const std::string& key) const {
    if (input_.workspace == nullptr) return {};
    const auto origin = input_.workspace->origins.find({EntityKind::kFlag, key});
    if (origin == input_.workspace->origins.end()) return {};
    return {FileOf(*input_.workspace, origin->second.file),
            origin->second.Of(Path().Key("environments").Key(input_.environment).Key("enabled"))};
  }

  const LiveInput& input_;
  std::vector<Finding> findings_;
};

}  // namespace

std::string MomentText(std::int64_t epoch_ms, bool is_to_come) {
  const std::int64_t minute = is_to_come ? (epoch_ms + kMinute - 1) / kMinute * kMinute : epoch_ms;
  const std::string text = FormatTimestamp(minute);
  return text.substr(0, 10) + " " + text.substr(11, 5) + " UTC";
}

bool IsEnabled(const FlagDefinition& flag, std::string_view environment) {
  const Targeting* targeting = flag.FindEnvironment(environment);
  return !flag.archived && targeting != nullptr && targeting->enabled;
}

std::uint32_t LeastShareOf(std::string_view variation, const FlagRecord& flag, const EntitySet& entities,
                           std::string_view environment) {
  return Sharer(entities, environment).Of({std::string(variation)}, flag, 0);
}

bool IsMet(const Demand& demand, const FlagRecord& flag, const EntitySet& entities, std::string_view environment) {
  if (demand.enabled) return IsEnabled(flag.definition, environment) == *demand.enabled;
  return LeastShareOf(demand.serves, flag, entities, environment) >= demand.share;
}

std::vector<Finding> CheckDemands(const LiveInput& input, const Policy& policy) {
  std::vector<Finding> findings;
  const DemandChecker checker(input);
  for (const Demand& demand : policy.demands) {
    if (std::optional<Finding> finding = checker.Check(demand)) findings.push_back(*std::move(finding));
  }
  return findings;
}

std::vector<Finding> CheckRamps(const LiveInput& input, const Policy& policy) {
  return RampChecker(input, policy).Run();
}

std::vector<Finding> CheckSwitches(const LiveInput& input) {
  return SwitchChecker(input).Run();
}

}  // namespace guidon::gate
