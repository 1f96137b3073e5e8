#include "core/simulate/simulate.h"

#include <algorithm>
#include <map>
#include <tuple>
#include <utility>

#include "core/base/hash.h"
#include "core/eval/evaluator.h"
#include "core/ruleset/text_set.h"

namespace guidon {
namespace {

// What decides without a name of its own: all targets together, and rules that have no id, as "rule 3".
class Unnamed {
 public:
  Unnamed(const Ruleset& ruleset, std::uint32_t slot) : ruleset_(ruleset), slot_(slot) {
    const Ruleset::Entry* const entry = ruleset.At(slot);
    if (entry == nullptr || entry->flag == nullptr) return;
    const CompiledFlag* const flag = entry->flag;
    std::size_t authored = 0;
    for (std::uint32_t i = 0; i < flag->code.rule_count(); ++i) {
      const CompiledRule& rule = flag->code.rules()[i];
      names_.emplace_back();
      if (rule.serve == CompiledRule::Serve::kSelect) {
        targets_ = Code::At<std::uint64_t>(flag->code.steps(), rule.index);
      } else if (rule.reason != Reason::kPrerequisiteFailed) {
        ++authored;
        if (rule.id != kNone || rule.is_default) continue;
        names_.back() = "rule " + std::to_string(authored);
        rules_.push_back(i);
      }
    }
  }

  // A rule that splits has an id, so these serve one variation.
  static bool Decided(const Decision& decision) {
    return decision.reason == Reason::kTargetingMatch && decision.rule == kNone && !decision.forced;
  }

  // Which of them it was. Targets come before every rule, and what is alone of its kind is known, too; only several
  // rules without an id are told from each other by an explanation, which is an evaluation more.
  std::string NameOf(const Context& context, std::int64_t now_ms) const {
    const std::string_view key = context.key();
    if (targets_ != nullptr && !key.empty() && TextSet::FindIn(targets_, key, Hash64(key)) != kNone) return "targets";
    if (rules_.size() == 1) return names_[rules_.front()];
    TraceSink trace;
    Evaluate(ruleset_, slot_, context, now_ms, trace);
    const auto by = static_cast<std::size_t>(trace.decided_by);
    return by < names_.size() ? names_[by] : "";
  }

 private:
  const Ruleset& ruleset_;
  const std::uint32_t slot_;
  const std::uint64_t* targets_ = nullptr;  // in the ruleset
  std::vector<std::string> names_;          // of the compiled rules; "": it has another one
  std::vector<std::uint32_t> rules_;        // those that have no id
};

// One side: counts by what a decision tells without a look at names.
class Side {
 public:
  Side(const Ruleset& ruleset, const std::string& flag, std::int64_t now_ms)
      : ruleset_(ruleset), slot_(ruleset.Find(flag)), now_ms_(now_ms), without_name_(ruleset, slot_) {}

  Decision Add(const Context& context) {
    const Decision decision = Evaluate(ruleset_, slot_, context, now_ms_);
    Tally& tally = tallies_[{decision.variation, decision.reason, decision.error, decision.rule, decision.variant,
                             decision.forced, decision.experiment}];
    if (tally.units++ == 0) tally.decision = decision;
    if (!Unnamed::Decided(decision)) return decision;
    ++unnamed_[{without_name_.NameOf(context, now_ms_), decision.variation}];
    return decision;
  }

  Distribution Finish() const {
    std::map<std::string, std::uint64_t> variations, reasons;
    std::map<std::pair<std::string, std::string>, std::uint64_t> decided;
    for (const auto& [key, tally] : tallies_) {
      const Decision& decision = tally.decision;
      const std::string variation(decision.variation_name());
      variations[variation] += tally.units;
      reasons[std::string(ToString(decision.reason))] += tally.units;
      if (Unnamed::Decided(decision)) {
        for (const auto& [named, units] : unnamed_) {
          if (named.second == decision.variation) decided[{named.first, variation}] += units;
        }
      } else {
        decided[{PlaceOf(decision), variation}] += tally.units;
      }
    }
    Distribution distribution;
    for (const auto& [name, units] : variations) distribution.variations.push_back({name, units});
    for (const auto& [name, units] : reasons) distribution.reasons.push_back({name, units});
    for (const auto& [names, units] : decided) distribution.decided.push_back({names.first, names.second, units});
    const auto more = [](const auto& a, const auto& b) { return a.units > b.units; };
    std::stable_sort(distribution.variations.begin(), distribution.variations.end(), more);
    std::stable_sort(distribution.reasons.begin(), distribution.reasons.end(), more);
    std::stable_sort(distribution.decided.begin(), distribution.decided.end(), more);
    return distribution;
  }

 private:
  struct Tally {
    std::uint64_t units = 0;
    Decision decision;  // of the first
  };
  using TallyKey =
      std::tuple<std::int16_t, Reason, EvaluationError, std::int16_t, std::int16_t, bool, const CompiledExperiment*>;

  static std::string PlaceOf(const Decision& decision) {
    if (decision.error != EvaluationError::kNone) return "error " + std::string(ToString(decision.error));
    if (decision.experiment != nullptr) {
      const std::string experiment = "experiment " + std::string(decision.experiment->key) + ": ";
      if (decision.reason == Reason::kDefault) return experiment + "held out";
      return experiment + std::string(decision.variant_name()) + (decision.forced ? ", forced" : "");
    }
    if (decision.reason == Reason::kDisabled) return "not enabled";
    if (decision.reason == Reason::kPrerequisiteFailed) return "requires";
    return decision.rule == kNone ? "default" : "rule " + std::string(decision.rule_id());
  }

  const Ruleset& ruleset_;
  const std::uint32_t slot_;
  const std::int64_t now_ms_;
  const Unnamed without_name_;
  std::map<TallyKey, Tally> tallies_;
  std::map<std::pair<std::string, std::int16_t>, std::uint64_t> unnamed_;  // name, variation
};

// `context_at`: of 0 … units - 1.
template <typename ContextAt>
Simulated Run(const SimulatedFlag& flag, std::uint64_t units, ContextAt context_at) {
  Simulated simulated;
  simulated.units = units;
  Side after(flag.after, flag.flag, flag.now_ms);
  std::optional<Side> before;
  if (flag.before != nullptr) before.emplace(*flag.before, flag.flag, flag.now_ms);
  std::map<std::pair<std::string_view, std::string_view>, std::uint64_t> moves;
  for (std::uint64_t i = 0; i < units; ++i) {
    const Context& context = context_at(i);
    const Decision now = after.Add(context);
    if (!before) continue;
    const Decision old = before->Add(context);
    ++moves[{old.variation_name(), now.variation_name()}];
    if (old.variation_name() != now.variation_name()) {
      ++simulated.moved;
    } else if (old.value() != nullptr && now.value() != nullptr && *old.value() != *now.value()) {
      ++simulated.revalued;
    }
  }
  simulated.after = after.Finish();
  if (!before) return simulated;
  simulated.before = before->Finish();
  for (const auto& [names, count] : moves) {
    simulated.moves.push_back({std::string(names.first), std::string(names.second), count});
  }
  std::stable_sort(simulated.moves.begin(), simulated.moves.end(),
                   [](const MovedUnits& a, const MovedUnits& b) { return a.units > b.units; });
  return simulated;
}

}  // namespace

std::uint64_t Distribution::UnitsOf(std::string_view variation) const {
  for (const CountedUnits& counted : variations) {
    if (counted.name == variation) return counted.units;
  }
  return 0;
}

Simulated Simulate(const SimulatedFlag& flag, const std::vector<Context>& contexts) {
  return Run(flag, contexts.size(), [&](std::uint64_t i) -> const Context& { return contexts[i]; });
}

Simulated Simulate(const SimulatedFlag& flag, const Population& population) {
  return Run(flag, population.units, [&](std::uint64_t i) { return ContextOf(population, i + 1); });
}

}  // namespace guidon
