// A random environment and random questions about it, made to be interesting: values lie next to the operands that look
// at them, ranges begin and end at the buckets of the units that ask, references mostly lead somewhere, and now and
// then there is a circle, a name that nothing has, or an entity that could not be read.
//
//   RandomEnvironment environment(seed);
//   Question question = environment.Ask();
//
// Thread safety: none; one for each thread.
#pragma once

#include <algorithm>
#include <cstdint>
#include <random>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "core/model/definitions.h"
#include "tests/support/random_model.h"
#include "tests/support/reference_evaluator.h"

namespace guidon {

class RandomEnvironment {
 public:
  explicit RandomEnvironment(std::uint64_t seed) : random_(seed), model_(random_) {
    model_.environments = {"production"};
    model_.attributes = {"country", "plan", "app.version", "email", "age", "ip", "roles", "now", "key"};
    model_.serves = {"on", "off", "multi_step", "single_page"};
    model_.condition_depth = 2;  // few tests in a condition, so that each often decides
    MakeCuts();
    MakeSegments();
    MakeFlags();
    MakeExperiments();
    LoseOne();
    CollectTests();
    std::shuffle(seen_.begin(), seen_.end(), random_);
  }
  RandomEnvironment(const RandomEnvironment&) = delete;

  const Snapshot& snapshot() const { return snapshot_; }
  const std::vector<Undecodable>& undecodable() const { return undecodable_; }

  Question Ask() {
    static const std::vector<std::string> kTypes = {"bool", "string", "int", "double", "json"};
    Question question;
    question.flag = OneIn(30) ? "gone" : Pick(kFlags());
    const FlagRecord* flag = snapshot_.entities.FindFlag(question.flag);
    if (OneIn(10)) {
      question.type = Pick(kTypes);
    } else if (flag != nullptr && !OneIn(3)) {
      question.type = TypeWord(flag->definition.type);
    }
    question.context = MakeContext();
    question.now_ms = Now();
    return question;
  }

 private:
  static const std::vector<std::string>& kFlags() {
    static const std::vector<std::string> kKeys = {"payments.v2", "checkout.layout", "search", "banner"};
    return kKeys;
  }
  static const std::vector<Value>& Units() {
    static const std::vector<Value> kUnits = {
        "user-1",         "user-2", "user-3", "u:4", "Zoë",           "", 7, -8, 9.0, 1e15, 2.5,
        9007199254740992, true,     "7",      1e300, 9007199254740993};
    return kUnits;
  }
  bool OneIn(std::uint64_t n) { return model_.OneIn(n); }
  template <typename T>
  const T& Pick(const std::vector<T>& list) {
    return model_.Pick(list);
  }

  std::string TypeWord(FlagType type) {
    switch (type) {
      case FlagType::kBoolean:
        return "bool";
      case FlagType::kString:
        return "string";
      case FlagType::kNumber:
        return OneIn(2) ? "int" : "double";
      case FlagType::kJson:
        return "json";
    }
    return "";
  }

  // Just before, at and just after the buckets of the units.
  void MakeCuts() {
    for (const char* salt :
         {"payments.v2", "checkout.layout", "search", "banner", "first#1", "second#2", "layer:page"}) {
      for (const char* unit : {"user-1", "user-2", "user-3", "u:4", "Zoë", "7", "-8", "9"}) {
        model_.cuts.push_back(ReferenceBucket(salt, unit) + static_cast<std::uint32_t>(model_.Below(2)));
      }
    }
  }

  void MakeSegments() {
    const std::vector<std::string> keys = {"eu-web", "staff", "beta-users"};
    const bool tangled = OneIn(12);
    model_.segments = tangled ? keys : std::vector<std::string>();
    model_.flags = tangled ? kFlags() : std::vector<std::string>();
    for (const std::string& key : keys) {
      snapshot_.entities.segments.push_back({model_.MakeSegment(key), {}});
      if (!tangled) model_.segments.push_back(key);
    }
    if (OneIn(15)) model_.segments.push_back("gone");
  }

  void MakeFlags() {
    const bool tangled = OneIn(12);
    model_.flags = tangled ? kFlags() : std::vector<std::string>{"gone"};
    model_.experiments = {"first", "second"};
    for (const std::string& key : kFlags()) {
      snapshot_.entities.flags.push_back(MakeFlag(key));
      if (!tangled) model_.flags.push_back(key);
    }
  }

  FlagRecord MakeFlag(const std::string& key) {
    FlagDefinition flag = model_.MakeFlag(key);
    flag.archived = false;
    flag.environments.clear();
    if (OneIn(15)) return {std::move(flag), {}};
    const std::vector<std::string> names = RandomModel::NamesOf(flag.variations);
    Targeting targeting = model_.MakeTargeting("production", names);
    if (OneIn(40)) targeting.off = "gone";
    if (key != "payments.v2" && OneIn(4)) targeting.requirements.push_back({"payments.v2", model_.serves});
    TargetingState state{"production", {}};
    const auto add = [&](const std::string& split, const Serve& serve) {
      if (!std::holds_alternative<SplitServe>(serve) || OneIn(60)) return;
      const bool cover = split == "default" ? !OneIn(30) : OneIn(3);
      state.splits.push_back({split, key, model_.MakeArms(names, cover)});
    };
    for (const Rule& rule : targeting.rules) add(rule.id, rule.serve);
    if (targeting.default_serve) add("default", targeting.default_serve->serve);
    flag.environments.push_back(std::move(targeting));
    return {std::move(flag), {{std::move(state)}}};
  }

  void MakeExperiments() {
    EntitySet& all = snapshot_.entities;
    if (!OneIn(30)) all.layers.push_back({{"page", "", OneIn(6) ? "household" : "account_id"}, {"layer:page"}});
    if (!OneIn(30)) {
      Holdout holdout{"half-year", "", "", OneIn(2) ? "household" : "account_id", 0, OneIn(6)};
      holdout.size = static_cast<std::uint32_t>(1 + model_.Below(50'000));
      all.holdouts.push_back({std::move(holdout), {"holdout:half-year"}});
    }
    model_.flags = kFlags();
    for (const char* key : {"first", "second"}) {
      if (!OneIn(10)) all.experiments.push_back(MakeExperiment(key));
    }
  }

  ExperimentRecord MakeExperiment(const std::string& key) {
    Experiment experiment = model_.MakeExperiment(key);
    experiment.archived = false;
    experiment.environment = "production";
    if (experiment.layer) experiment.layer->layer = "page";
    if (!experiment.holdout.empty() || OneIn(2)) experiment.holdout = "half-year";
    if (OneIn(2)) experiment.audience.reset();
    if (OneIn(2)) experiment.flag = "payments.v2";  // the same one as the other experiment, and what others require
    if (OneIn(3)) experiment.unit = "key";
    const FlagRecord* flag = snapshot_.entities.FindFlag(experiment.flag);
    const std::vector<std::string> names = RandomModel::NamesOf(flag->definition.variations);
    std::vector<std::string> variants;
    for (Variant& variant : experiment.variants) {
      variant.serves = OneIn(60) ? "gone" : Pick(names);
      variants.push_back(variant.name);
    }
    experiment.force.clear();
    if (OneIn(3)) experiment.force.push_back({{{"plan", model_.Scalar()}}, OneIn(60) ? "gone" : Pick(variants)});
    if (OneIn(4)) experiment.force.push_back({{{"plan", "pro"}, {"age", 7}}, Pick(variants)});
    static const std::vector<ExperimentStatus> kStatuses = {ExperimentStatus::kDraft,     ExperimentStatus::kScheduled,
                                                            ExperimentStatus::kRunning,   ExperimentStatus::kRunning,
                                                            ExperimentStatus::kRunning,   ExperimentStatus::kPaused,
                                                            ExperimentStatus::kConcluded, ExperimentStatus::kStopped};
    ExperimentState state;
    state.status = Pick(kStatuses);
    state.iteration = key == "first" ? 1 : 2;
    state.salt = key + (key == "first" ? "#1" : "#2");
    if (!OneIn(40)) state.arms = model_.MakeArms(variants, OneIn(2));
    if (experiment.layer) state.slots = model_.MakeArms({"slots"}, OneIn(3))[0].ranges;
    state.ramp_step = model_.Below(3);
    return {std::move(experiment), std::move(state)};
  }

  // One entity in some environments arrived in a form that cannot be read.
  void LoseOne() {
    if (!OneIn(15)) return;
    const EntityRef ref = Pick(snapshot_.entities.Refs());
    const ExperimentRecord* experiment = snapshot_.entities.FindExperiment(ref.key);
    undecodable_.push_back({ref, "unknown operator", experiment != nullptr ? experiment->definition.flag : ""});
    snapshot_.entities.Remove(ref);
  }

  // --- contexts ------------------------------------------------------------------------------------------------------

  struct Seen {
    std::string attribute;
    Operator op;
    Value operand;
  };

  void Collect(const Condition& condition) {
    for (const Clause& clause : condition.clauses) {
      for (const Condition& child : clause.children) Collect(child);
      for (const Test& test : clause.tests) {
        for (const Value& operand : test.operands) {
          if (clause.kind == Clause::Kind::kNow) times_.push_back(operand);
          if (clause.kind == Clause::Kind::kAttribute) seen_.push_back({clause.attribute, test.op, operand});
        }
      }
    }
  }

  void CollectTests() {
    const EntitySet& all = snapshot_.entities;
    for (const SegmentRecord& segment : all.segments) {
      if (segment.definition.when) Collect(*segment.definition.when);
    }
    for (const FlagRecord& flag : all.flags) {
      for (const Targeting& targeting : flag.definition.environments) {
        for (const Rule& rule : targeting.rules) {
          if (rule.when) Collect(*rule.when);
        }
      }
    }
    for (const ExperimentRecord& experiment : all.experiments) {
      if (experiment.definition.audience) Collect(*experiment.definition.audience);
      for (const ForcedVariant& forced : experiment.definition.force) {
        for (const auto& [name, value] : forced.attributes) seen_.push_back({name, Operator::kIn, value});
      }
    }
  }

  Value MakeContext() {
    Object context;
    if (!OneIn(6))
      context.Append(OneIn(8) ? "targetingKey" : "key", OneIn(4) ? Pick(Units()) : Pick(model_.context_keys));
    if (OneIn(20)) context.Set("targetingKey", "user-2");
    for (const char* unit : {"account_id", "household"}) {
      if (!OneIn(5)) context.Append(unit, Pick(Units()));
    }
    // From anywhere on and around, so that each test has its turn at deciding what its attribute is.
    const std::size_t start = seen_.empty() ? 0 : model_.Below(seen_.size());
    for (std::size_t i = 0; i < seen_.size(); ++i) {
      const Seen& seen = seen_[(start + i) % seen_.size()];
      if (seen.attribute == "key" || OneIn(8)) continue;
      if (context.Find(seen.attribute) == nullptr) Put(context, seen);
    }
    return context;
  }

  // A dot path as a name, as an object, or both.
  void Put(Object& context, const Seen& seen) {
    Value value = OneIn(15) ? Value() : model_.Near(seen.op, seen.operand);
    const std::size_t dot = seen.attribute.find('.');
    if (dot == std::string::npos || OneIn(2)) context.Append(seen.attribute, std::move(value));
    if (dot == std::string::npos || OneIn(3)) return;
    context.Set(seen.attribute.substr(0, dot),
                Object{{seen.attribute.substr(dot + 1), model_.Near(seen.op, seen.operand)}});
  }

  std::int64_t Now() {
    const std::int64_t later = static_cast<std::int64_t>(1'790'000'000'000 + model_.Below(20'000'000'000));
    if (times_.empty() || OneIn(3)) return later;
    const Value& time = Pick(times_);
    const std::int64_t ms = time.is_string() ? ParseTimestamp(time.AsString()).value_or(0) : time.AsInt();
    return ms + static_cast<std::int64_t>(model_.Below(3)) - 1;
  }

  std::mt19937_64 random_;
  RandomModel model_;
  Snapshot snapshot_;
  std::vector<Undecodable> undecodable_;
  std::vector<Seen> seen_;
  std::vector<Value> times_;
};

}  // namespace guidon
