#include "core/diff/diff.h"

#include <algorithm>
#include <array>
#include <map>
#include <set>

namespace guidon {
namespace {

// --- shares --------------------------------------------------------------------------------------------------------

// What a bucket is served, as text: a variation, or "" when it goes on with what follows.
using Served = std::vector<std::pair<BucketRange, std::string>>;

std::vector<BucketRange> First(const std::vector<BucketRange>& ranges, std::uint32_t parts) {
  std::uint64_t size = 0;
  for (const BucketRange& range : ranges) size += range.size();
  auto left = static_cast<std::uint32_t>(size * parts / kWhole);
  std::vector<BucketRange> first;
  for (const BucketRange& range : ranges) {
    const std::uint32_t take = std::min(left, range.size());
    if (take == 0) break;
    first.push_back({range.begin, range.begin + take});
    left -= take;
  }
  return first;
}

std::uint32_t Differing(const Served& before, const Served& after) {
  std::vector<const std::string*> owners(kWhole, nullptr);
  static const std::string kNone;
  for (const auto& [range, variation] : before) {
    for (std::uint32_t b = range.begin; b < range.end; ++b) owners[b] = &variation;
  }
  std::uint32_t same = 0;
  std::vector<bool> seen(kWhole, false);
  for (const auto& [range, variation] : after) {
    for (std::uint32_t b = range.begin; b < range.end; ++b) {
      seen[b] = true;
      same += owners[b] != nullptr && *owners[b] == variation ? 1 : 0;
    }
  }
  for (std::uint32_t b = 0; b < kWhole; ++b) same += !seen[b] && owners[b] == nullptr ? 1 : 0;
  return kWhole - same;
}

const SplitState* FindSplit(const FlagState& state, std::string_view environment, std::string_view id) {
  const TargetingState* targeting = state.FindEnvironment(environment);
  if (targeting == nullptr) return nullptr;
  for (const SplitState& split : targeting->splits) {
    if (split.split == id) return &split;
  }
  return nullptr;
}

Served ServedBy(const Serve& serve, std::optional<std::uint32_t> rollout, const SplitState* state) {
  Served served;
  const std::uint32_t parts = rollout.value_or(kWhole);
  if (const auto* fixed = std::get_if<FixedServe>(&serve)) {
    for (const BucketRange& range : First({{0, kWhole}}, parts)) served.emplace_back(range, fixed->variation);
  } else if (state != nullptr) {
    for (const ArmRanges& arm : state->arms) {
      for (const BucketRange& range : First(arm.ranges, parts)) served.emplace_back(range, arm.arm);
    }
  }
  return served;
}

bool UsesBuckets(const Serve& serve, const std::optional<std::uint32_t>& rollout) {
  return std::holds_alternative<SplitServe>(serve) || rollout.has_value();
}

// --- words ---------------------------------------------------------------------------------------------------------

std::string ServeText(const Serve& serve, const std::optional<std::uint32_t>& rollout) {
  std::string text;
  if (const auto* fixed = std::get_if<FixedServe>(&serve)) {
    text = fixed->variation;
  } else if (const auto* experiment = std::get_if<ExperimentServe>(&serve)) {
    text = "experiment " + experiment->experiment;
  } else {
    for (const Weight& weight : std::get<SplitServe>(serve).weights) {
      text += (text.empty() ? "" : ", ") + weight.variation + " " + FormatPercent(weight.parts);
    }
  }
  if (rollout) text += ", rollout " + FormatPercent(*rollout);
  return text;
}

// "1% for 1h, 10% for 1d, 100%"
std::string RampText(const Ramp& ramp) {
  std::string text;
  for (const RampStep& step : ramp.steps) {
    text += (text.empty() ? "" : ", ") + FormatPercent(step.at);
    if (step.hold) text += " for " + FormatDuration(*step.hold);
  }
  if (ramp.start_ms) text += ", from " + FormatTimestamp(*ramp.start_ms);
  return text;
}

// `rule.rollout` is where its ramp stands, if it has one.
std::string ServeText(const Rule& rule) {
  if (!rule.ramp) return ServeText(rule.serve, rule.rollout);
  return ServeText(rule.serve, std::nullopt) + ", ramp " + FormatPercent(rule.rollout.value_or(0));
}

std::string ShareText(const std::optional<std::uint32_t>& parts) {
  if (!parts) return "moves units: depends on attributes";
  if (*parts == 0) return "moves nobody";
  const std::string decimals = std::to_string(1000 + *parts % 1000).substr(1);
  return "moves " + std::to_string(*parts / 1000) + "." + decimals + "% of the units that reach it, nobody else";
}

// One environment of one flag.
class TargetingChange {
 public:
  TargetingChange(const FlagRecord& before, const FlagRecord& after, std::string environment, EntityChange& change)
      : before_(before), after_(after), environment_(std::move(environment)), change_(change) {}

  void Describe() {
    const Targeting a = In(before_);
    const Targeting b = In(after_);
    if (a.enabled != b.enabled) {
      Say(b.enabled ? "enabled" : "no longer enabled");
      MoveOf("enabled", b.enabled ? ShareOfEnabling(b, after_, a.off) : ShareOfEnabling(a, before_, b.off));
    }
    if (a.off != b.off) {
      Say("off: " + OrNone(a.off) + " → " + OrNone(b.off));
      DescribeOff(a, b);
    }
    if (a.requirements != b.requirements) SayDepends("requires changed");
    if (a.targets != b.targets) SayDepends("targets changed");
    DescribeRules(a, b);
    DescribeDefault(a, b);
  }

 private:
  // An environment that a flag does not name is not enabled there, and a boolean flag serves "off" then. A ramp has
  // where it stands as its rule's rollout.
  Targeting In(const FlagRecord& flag) const {
    Targeting targeting;
    if (const Targeting* held = flag.definition.FindEnvironment(environment_)) {
      targeting = *held;
      for (Rule& rule : targeting.rules) rule.rollout = RolloutOf(rule, flag.state, environment_);
    } else if (flag.definition.type == FlagType::kBoolean) {
      targeting.off = "off";
    }
    return targeting;
  }

  static std::string OrNone(const std::string& text) { return text.empty() ? "the caller's fallback" : text; }

  void Say(const std::string& text) { change_.summary.push_back(text + " (" + environment_ + ")"); }

  void MoveOf(const std::string& split, std::optional<std::uint32_t> parts) {
    change_.moves.push_back({environment_, split, parts});
  }

  // Of the units that neither targets nor conditions take, those that are served another variation than `off`.
  std::optional<std::uint32_t> ShareOfEnabling(const Targeting& targeting, const FlagRecord& flag,
                                               const std::string& off) const {
    Served served;
    if (targeting.default_serve) {
      served = ServedBy(targeting.default_serve->serve, std::nullopt, FindSplit(flag.state, environment_, "default"));
    }
    std::uint32_t share = Differing(Served{{BucketRange{0, kWhole}, off}}, served);
    bool depends = !targeting.targets.empty() || !targeting.requirements.empty();
    for (auto it = targeting.rules.rbegin(); it != targeting.rules.rend(); ++it) {
      const Rule& rule = *it;
      if (rule.when || std::holds_alternative<ExperimentServe>(rule.serve)) {
        depends = true;
        continue;
      }
      // Who is not within its rollout goes on.
      std::uint32_t goes_on = kWhole, moved = 0;
      for (const auto& [range, variation] :
           ServedBy(rule.serve, rule.rollout, FindSplit(flag.state, environment_, rule.id))) {
        goes_on -= range.size();
        moved += variation == off ? 0 : range.size();
      }
      share = moved + static_cast<std::uint32_t>(std::uint64_t{goes_on} * share / kWhole);
    }
    return share == 0 && depends ? std::nullopt : std::optional(share);
  }

  // Served to everyone while the flag is not enabled, and else to who lacks what it requires.
  void DescribeOff(const Targeting& a, const Targeting& b) {
    if (a.enabled != b.enabled) return;
    if (!b.enabled) return MoveOf("off", kWhole);
    if (!b.requirements.empty()) MoveOf("off", std::nullopt);
  }

  void SayDepends(const std::string& text) {
    MoveOf(text, std::nullopt);
    Say(text + "; " + ShareText(std::nullopt));
  }

  void SayMove(const std::string& split, const std::string& text, std::optional<std::uint32_t> parts) {
    change_.moves.push_back({environment_, split, parts});
    change_.summary.push_back(split + " (" + environment_ + "): " + text + "; " + ShareText(parts));
  }

  static std::string NameOf(const Rule& rule, std::size_t index) {
    return "rule " + (rule.id.empty() ? "#" + std::to_string(index + 1) : rule.id);
  }

  void DescribeRules(const Targeting& a, const Targeting& b) {
    for (std::size_t i = 0; i < b.rules.size(); ++i) {
      const Rule& rule = b.rules[i];
      const Rule* old = Counterpart(a, rule, i);
      if (old == nullptr) {
        const std::string steps = rule.ramp ? " (" + RampText(*rule.ramp) + ")" : "";
        SayMove(NameOf(rule, i), "new, serves " + ServeText(rule) + steps, std::nullopt);
      } else if (!(*old == rule)) {
        DescribeRule(NameOf(rule, i), *old, rule);
      }
      if (old != nullptr && old->ramp && rule.ramp) DescribePause(NameOf(rule, i), rule);
    }
    for (std::size_t i = 0; i < a.rules.size(); ++i) {
      if (Counterpart(b, a.rules[i], i) == nullptr) SayMove(NameOf(a.rules[i], i), "removed", std::nullopt);
    }
    std::vector<std::string> old_order, new_order;
    for (const Rule& rule : a.rules) old_order.push_back(rule.id);
    for (const Rule& rule : b.rules) new_order.push_back(rule.id);
    if (old_order != new_order && old_order.size() == new_order.size() &&
        std::is_permutation(old_order.begin(), old_order.end(), new_order.begin())) {
      SayDepends("rules reordered");
    }
  }

  // By id; a rule without one by its place.
  static const Rule* Counterpart(const Targeting& in, const Rule& rule, std::size_t index) {
    if (rule.id.empty()) {
      return index < in.rules.size() && in.rules[index].id.empty() ? &in.rules[index] : nullptr;
    }
    for (const Rule& candidate : in.rules) {
      if (candidate.id == rule.id) return &candidate;
    }
    return nullptr;
  }

  void DescribePause(const std::string& name, const Rule& rule) {
    const RampState* old = before_.state.FindRamp(environment_, rule.id);
    const RampState* now = after_.state.FindRamp(environment_, rule.id);
    if (old == nullptr || now == nullptr || old->paused == now->paused) return;
    Say(name + ": ramp " + (now->paused ? "paused" : "goes on") + " at " + FormatPercent(now->at));
  }

  static std::string TextOf(const Rule& old, const Rule& rule) {
    if (old.serve == rule.serve && old.rollout == rule.rollout && old.ramp.has_value() == rule.ramp.has_value()) {
      if (old.by != rule.by) return "buckets by another attribute";
      return old.when != rule.when ? "condition changed" : "ramp " + RampText(*rule.ramp);
    }
    if (old.serve == rule.serve && old.ramp && rule.ramp) {
      return "ramp " + FormatPercent(old.rollout.value_or(0)) + " → " + FormatPercent(rule.rollout.value_or(0));
    }
    return ServeText(old) + " → " + ServeText(rule) + (rule.ramp && !old.ramp ? " (" + RampText(*rule.ramp) + ")" : "");
  }

  void DescribeRule(const std::string& name, const Rule& old, const Rule& rule) {
    const std::string text = TextOf(old, rule);
    // Whom an experiment takes, its audience says.
    const bool is_experiment =
        std::holds_alternative<ExperimentServe>(old.serve) || std::holds_alternative<ExperimentServe>(rule.serve);
    if (old.when != rule.when || is_experiment) return SayMove(name, text, std::nullopt);
    const bool uses_buckets = UsesBuckets(old.serve, old.rollout) || UsesBuckets(rule.serve, rule.rollout);
    if (old.by != rule.by && uses_buckets) return SayMove(name, text, std::nullopt);
    const Served a = ServedBy(old.serve, old.rollout, FindSplit(before_.state, environment_, old.id));
    const Served b = ServedBy(rule.serve, rule.rollout, FindSplit(after_.state, environment_, rule.id));
    SayMove(name, text, Differing(a, b));
  }

  void DescribeDefault(const Targeting& a, const Targeting& b) {
    if (a.default_serve == b.default_serve) return;
    const auto text = [](const Targeting& t) {
      return t.default_serve ? ServeText(t.default_serve->serve, std::nullopt) : std::string("nothing");
    };
    const std::string words = text(a) + " → " + text(b);
    if (!a.default_serve || !b.default_serve || a.default_serve->by != b.default_serve->by) {
      return SayMove("default", words, std::nullopt);
    }
    const Served old =
        ServedBy(a.default_serve->serve, std::nullopt, FindSplit(before_.state, environment_, "default"));
    const Served now = ServedBy(b.default_serve->serve, std::nullopt, FindSplit(after_.state, environment_, "default"));
    SayMove("default", words, Differing(old, now));
  }

  const FlagRecord& before_;
  const FlagRecord& after_;
  const std::string environment_;
  EntityChange& change_;
};

std::vector<std::string> EnvironmentsOf(const FlagRecord& before, const FlagRecord& after) {
  std::vector<std::string> names;
  const auto add = [&](const FlagDefinition& flag) {
    for (const Targeting& targeting : flag.environments) {
      if (std::find(names.begin(), names.end(), targeting.environment) == names.end()) {
        names.push_back(targeting.environment);
      }
    }
  };
  add(before.definition);
  add(after.definition);
  return names;
}

// An archived flag is not found: whoever it was enabled for gets the caller's fallback.
void DescribeArchiving(const FlagDefinition& before, const FlagDefinition& after, EntityChange& change) {
  for (const Targeting& targeting : (after.archived ? before : after).environments) {
    if (!targeting.enabled) continue;
    change.environments.push_back(targeting.environment);
    change.moves.push_back({targeting.environment, "archived", kWhole});
  }
  change.summary.push_back(after.archived ? "archived: everyone gets the caller's fallback"
                                          : "no longer archived: its rules decide again");
}

// What is the same in all environments. True when it changes what somebody gets without moving anybody.
bool DescribeWhole(const FlagDefinition& before, const FlagDefinition& after, EntityChange& change) {
  bool alters = before.type != after.type;
  if (alters) {
    change.summary.push_back("type: " + std::string(ToString(before.type)) + " → " + std::string(ToString(after.type)) +
                             "; who asks for the other gets the caller's fallback");
  }
  std::string values, added, removed;
  const auto add = [](std::string& list, const std::string& name) { list += (list.empty() ? "" : ", ") + name; };
  for (const Variation& variation : after.variations) {
    const Variation* held = before.FindVariation(variation.name);
    if (held == nullptr) {
      add(added, variation.name);
    } else if (held->value != variation.value) {
      add(values, variation.name);
    }
  }
  for (const Variation& variation : before.variations) {
    if (after.FindVariation(variation.name) == nullptr) add(removed, variation.name);
  }
  alters |= !values.empty();
  if (!values.empty()) change.summary.push_back("another value: " + values + "; whoever is served it gets that");
  if (!added.empty()) change.summary.push_back("new variation: " + added);
  if (!removed.empty()) change.summary.push_back("variation removed: " + removed);
  if (before.variations != after.variations && values.empty() && added.empty() && removed.empty()) {
    change.summary.push_back("variations reordered; moves nobody");
  }
  if (before.client != after.client) {
    change.summary.push_back(after.client ? "client: true; may be served to client-side keys"
                                          : "client: false; no longer served to client-side keys");
  }
  return alters;
}

void Describe(const FlagRecord& before, const FlagRecord& after, EntityChange& change) {
  if (before.definition.archived != after.definition.archived) {
    return DescribeArchiving(before.definition, after.definition, change);
  }
  const bool alters = DescribeWhole(before.definition, after.definition, change);
  for (const std::string& name : EnvironmentsOf(before, after)) {
    const std::size_t lines = change.summary.size();
    TargetingChange(before, after, name, change).Describe();
    const Targeting* now = after.definition.FindEnvironment(name);
    const bool is_altered = alters && now != nullptr && now->enabled;
    if (change.summary.size() > lines || is_altered) change.environments.push_back(name);
  }
  if (change.summary.empty()) change.summary.push_back("description, owner, kind, tags or expiry only; moves nobody");
}

// The share of each arm that takes part at the present step.
std::uint32_t RampOf(const ExperimentRecord& record) {
  const std::vector<RampStep>& ramp = record.definition.ramp;
  return ramp.empty() ? kWhole : ramp[std::min(record.state.ramp_step, ramp.size() - 1)].at;
}

Served AssignedBy(const ExperimentRecord& record) {
  Served served;
  for (const ArmRanges& arm : record.state.arms) {
    for (const BucketRange& range : First(arm.ranges, RampOf(record))) served.emplace_back(range, arm.arm);
  }
  return served;
}

// "layer checkout 40% (buckets 0–39999), holdout payments-2027h1"; "" without either, or without buckets of its layer.
std::string PlaceText(const ExperimentRecord& record) {
  const Experiment& definition = record.definition;
  std::string text;
  if (definition.layer && !record.state.slots.empty()) {
    std::string buckets;
    for (const BucketRange& range : record.state.slots) {
      buckets += (buckets.empty() ? "" : ", ") + std::to_string(range.begin) + "–" + std::to_string(range.end - 1);
    }
    text = "layer " + definition.layer->layer + " " + FormatPercent(definition.layer->slice) + " (buckets " + buckets +
           ")";
  }
  if (!definition.holdout.empty()) text += (text.empty() ? "holdout " : ", holdout ") + definition.holdout;
  return text;
}

// One that runs from the start takes units that the flag's `default` or a rule had; which, its audience says.
void DescribeNew(const ExperimentRecord& record, EntityChange& change) {
  const Experiment& definition = record.definition;
  change.environments.push_back(definition.environment);
  std::string text =
      "new experiment, " + (definition.archived ? "archived" : std::string(ToString(record.state.status)));
  if (record.state.status == ExperimentStatus::kRunning) {
    if (const std::string place = PlaceText(record); !place.empty()) text += ": " + place;
    if (RampOf(record) < kWhole) text += ", ramp " + FormatPercent(RampOf(record));
    change.moves.push_back({definition.environment, "experiment " + definition.key, std::nullopt});
  }
  change.summary.push_back(std::move(text));
}

void DescribeLife(const ExperimentState& before, const ExperimentState& after, EntityChange& change) {
  if (before.status != after.status || before.scheduled_ms != after.scheduled_ms) {
    std::string text = "state: " + std::string(ToString(before.status)) + " → " + std::string(ToString(after.status));
    if (after.scheduled_ms) text += " for " + FormatTimestamp(*after.scheduled_ms);
    if (after.status == ExperimentStatus::kConcluded) {
      text += after.winner.empty() ? ", no winner" : ", winner " + after.winner;
    }
    change.summary.push_back(std::move(text));
  }
  if (after.iteration > 1 && after.iteration != before.iteration) {
    change.summary.push_back("iteration " + std::to_string(after.iteration) + ", with " +
                             (after.salt == before.salt ? "the assignments of before" : "fresh assignments"));
  }
  if (before.ramp_paused != after.ramp_paused) {
    change.summary.push_back(after.ramp_paused ? "ramp paused" : "ramp goes on");
  }
  for (const ExperimentFinding& finding : after.findings) {
    const bool is_known = std::find(before.findings.begin(), before.findings.end(), finding) != before.findings.end();
    if (!is_known) change.summary.push_back(finding.kind + ": " + finding.sentence);
  }
}

void Describe(const ExperimentRecord& before, const ExperimentRecord& after, EntityChange& change) {
  const ExperimentState& a = before.state;
  const ExperimentState& b = after.state;
  change.environments.push_back(after.definition.environment);
  if (before.definition.archived != after.definition.archived) {
    change.summary.push_back(after.definition.archived ? "archived" : "no longer archived");
  }
  DescribeLife(a, b, change);
  if (a.slots != b.slots && !b.slots.empty()) change.summary.push_back(PlaceText(after));
  const std::string name = "experiment " + after.definition.key;
  const auto move = [&](std::optional<std::uint32_t> parts) {
    change.moves.push_back({after.definition.environment, name, parts});
  };
  if (a.status != b.status) return move(std::nullopt);
  if (b.status == ExperimentStatus::kRunning) {
    if (before.definition.audience != after.definition.audience || before.definition.force != after.definition.force) {
      move(std::nullopt);
      change.summary.push_back("audience or forced units changed; " + ShareText(std::nullopt));
    } else if (const std::uint32_t parts = Differing(AssignedBy(before), AssignedBy(after)); parts > 0) {
      move(parts);
      change.summary.push_back("ramp " + FormatPercent(RampOf(before)) + " → " + FormatPercent(RampOf(after)) + "; " +
                               ShareText(parts));
    }
  }
  if (change.summary.empty()) change.summary.push_back("definition changed; assignments stay");
}

void Describe(const HoldoutRecord& before, const HoldoutRecord& after, EntityChange& change) {
  const Holdout& a = before.definition;
  const Holdout& b = after.definition;
  if (a.archived != b.archived) {
    change.summary.push_back(std::string(b.archived ? "ends: nobody is held out any more" : "begins again") + "; " +
                             ShareText(std::nullopt));
  } else if (a.size != b.size || a.unit != b.unit) {
    change.summary.push_back("size: " + FormatPercent(a.size) + " → " + FormatPercent(b.size) +
                             (a.unit == b.unit ? "" : ", unit: " + a.unit + " → " + b.unit) + "; " +
                             ShareText(std::nullopt));
  } else {
    change.summary.push_back("changed; moves nobody");
  }
}

// Every environment where an experiment, before or after, holds units out by it.
void DescribeReach(const Holdout& before, const Holdout& after, const EntitySet& old, const EntitySet& now,
                   EntityChange& change) {
  if (before.archived == after.archived && before.size == after.size && before.unit == after.unit) return;
  std::set<std::string> environments;
  for (const EntitySet* entities : {&old, &now}) {
    for (const ExperimentRecord& record : entities->experiments) {
      const ExperimentStatus status = record.state.status;
      const bool acts = status == ExperimentStatus::kRunning || status == ExperimentStatus::kConcluded;
      if (!acts || record.definition.archived || record.definition.holdout != after.key) continue;
      environments.insert(record.definition.environment);
    }
  }
  for (const std::string& environment : environments) {
    change.environments.push_back(environment);
    change.moves.push_back({environment, "holdout " + after.key, std::nullopt});
  }
}

template <typename RecordType>
void Describe(const RecordType&, const RecordType&, EntityChange& change) {
  constexpr bool kDecides = std::is_same_v<RecordType, SegmentRecord>;
  change.summary.push_back(kDecides ? "members changed; " + ShareText(std::nullopt) : "changed");
}

EntityChange DescribeNew(const EntityRecord& record) {
  EntityChange change{RefOf(record), EntityChange::Action::kCreate, {}, {}, {}};
  if (const auto* flag = std::get_if<FlagRecord>(&record)) {
    for (const Targeting& targeting : flag->definition.environments) {
      if (targeting.enabled) change.environments.push_back(targeting.environment);
    }
    change.summary.push_back("new " + std::string(ToString(flag->definition.type)) + " flag");
    for (const Targeting& targeting : flag->definition.environments) {
      for (const Rule& rule : targeting.rules) {
        if (!rule.ramp) continue;
        change.summary.push_back("rule " + rule.id + " (" + targeting.environment + "): ramp " + RampText(*rule.ramp));
      }
    }
  } else if (const auto* experiment = std::get_if<ExperimentRecord>(&record)) {
    DescribeNew(*experiment, change);
  }
  return change;
}

bool IsArchived(const EntityRecord& record) {
  return std::visit(
      [](const auto& r) {
        if constexpr (requires { r.definition.archived; }) return r.definition.archived;
        return false;
      },
      record);
}

}  // namespace

std::string_view ToString(EntityChange::Action action) {
  constexpr std::array<std::string_view, 4> kWords = {"create", "update", "archive", "remove"};
  return kWords[static_cast<std::size_t>(action)];
}

ChangeSet Diff(const EntitySet& before, const EntitySet& after) {
  ChangeSet changes;
  std::set<EntityRef> there;
  for (const EntityRef& ref : after.Refs()) {
    there.insert(ref);
    EntityRecord record = *after.Find(ref);
    if (before.Find(ref) != record) changes.upserts.push_back(std::move(record));
  }
  for (const EntityRef& ref : before.Refs()) {
    if (!there.contains(ref)) changes.removals.push_back(ref);
  }
  return changes;
}

void Apply(EntitySet& entities, const ChangeSet& changes) {
  for (const EntityRef& ref : changes.removals) entities.Remove(ref);
  for (const EntityRecord& record : changes.upserts) entities.Upsert(record);
}

std::vector<EntityChange> DescribeChanges(const EntitySet& before, const EntitySet& after) {
  std::map<EntityRef, EntityChange> changes;
  const ChangeSet diff = Diff(before, after);
  for (const EntityRecord& record : diff.upserts) {
    const EntityRef ref = RefOf(record);
    const auto old = before.Find(ref);
    if (!old) {
      changes.emplace(ref, DescribeNew(record));
      continue;
    }
    EntityChange change{ref, EntityChange::Action::kUpdate, {}, {}, {}};
    if (IsArchived(record) && !IsArchived(*old)) change.action = EntityChange::Action::kArchive;
    std::visit([&](const auto& now) { Describe(std::get<std::decay_t<decltype(now)>>(*old), now, change); }, record);
    if (const auto* holdout = std::get_if<HoldoutRecord>(&record)) {
      DescribeReach(std::get<HoldoutRecord>(*old).definition, holdout->definition, before, after, change);
    }
    changes.emplace(ref, std::move(change));
  }
  for (const EntityRef& ref : diff.removals) {
    changes.emplace(ref, EntityChange{ref, EntityChange::Action::kRemove, {}, {"removed"}, {}});
  }
  std::vector<EntityChange> list;
  for (auto& [ref, change] : changes) list.push_back(std::move(change));
  return list;
}

}  // namespace guidon
