#include "core/expect/expect.h"

#include <algorithm>
#include <array>
#include <optional>
#include <utility>

#include "core/allocate/allocate.h"
#include "core/base/json.h"
#include "core/eval/evaluator.h"

namespace guidon {
namespace {

constexpr std::string_view kNoVariant = "none";

std::string Quoted(std::string_view text) {
  return text.empty() ? std::string("nothing") : "'" + std::string(text) + "'";
}

// Goes through all combinations, the last axis fastest.
class Combinations {
 public:
  explicit Combinations(const FlagTest& test) : test_(test), at_(test.matrix.size(), 0) {}

  Value Given() const {
    Value given = test_.given.is_object() ? test_.given : Value(Object());
    for (std::size_t i = 0; i < at_.size(); ++i) {
      const MatrixAxis& axis = test_.matrix[i];
      given.MutableObject().Set(axis.attribute, axis.values[at_[i]]);
    }
    return given;
  }

  // False: that was the last.
  bool Next() {
    for (std::size_t i = at_.size(); i-- > 0;) {
      if (++at_[i] < test_.matrix[i].values.size()) return true;
      at_[i] = 0;
    }
    return false;
  }

 private:
  const FlagTest& test_;
  std::vector<std::size_t> at_;
};

// What an answer is called by.
struct Answer {
  std::string variation, variant, reason, rule;
  std::optional<Value> value;
};

Answer AnswerOf(const Decision& decision, const Experiment* experiment) {
  Answer answer;
  answer.variation = decision.variation_name();
  answer.reason = ToString(decision.reason);
  answer.rule = decision.rule_id();
  if (decision.value() != nullptr) answer.value = *decision.value();
  const bool takes =
      experiment != nullptr && decision.experiment != nullptr && decision.experiment->key == experiment->key;
  answer.variant = takes ? std::string(decision.variant_name()) : std::string(kNoVariant);
  return answer;
}

std::vector<std::string> DifferencesOf(const Expectation& expect, const Answer& answer) {
  std::vector<std::string> differences;
  const auto compare = [&](std::string_view what, const std::string& got, const std::string& wanted) {
    if (wanted.empty() || got == wanted) return;
    differences.push_back(std::string(what) + " is " + Quoted(got) + ", not " + Quoted(wanted));
  };
  compare("variation", answer.variation, expect.variation);
  compare("variant", answer.variant, expect.variant);
  if (expect.value && answer.value != expect.value) {
    differences.push_back("value is " + (answer.value ? ToJson(*answer.value) : "the caller's fallback") + ", not " +
                          ToJson(*expect.value));
  }
  compare("reason", answer.reason, expect.reason);
  compare("rule", answer.rule, expect.rule);
  return differences;
}

std::string TextOf(const Value& step, std::string_view name) {
  const Value* member = step.Find(name);
  if (member == nullptr) return "";
  if (member->is_string()) return member->AsString();
  return member->is_bool() ? (member->AsBool() ? "yes" : "no") : ToJson(*member);
}

// The steps of an explanation as sentences, those that failed as those that held.
std::vector<std::string> BecauseOf(const Array& steps) {
  std::vector<std::string> because;
  for (const Value& step : steps) {
    const std::string kind = TextOf(step, "step"), result = TextOf(step, "result");
    std::string line;
    if (kind == "test") {
      line = TextOf(step, "attribute") + " " + TextOf(step, "operator") + ": " + result;
    } else if (kind == "now") {
      line = "now " + TextOf(step, "operator") + ": " + result;
    } else if (kind == "enabled") {
      line = "the flag is not enabled";
    } else if (kind == "segment" || kind == "experiment") {
      line = kind + " " + TextOf(step, kind) + ": " + result;
    } else if (kind == "flag") {
      line = "flag " + TextOf(step, "flag") + " serves " + Quoted(TextOf(step, "variation")) + ": " + result;
    } else {
      const std::string rule = TextOf(step, "rule"), what = TextOf(step, "what");
      line = kind + (rule.empty() ? "" : " " + rule) + (what.empty() ? "" : ", " + what) + ": " + result;
    }
    because.push_back(std::move(line));
  }
  return because;
}

bool HasTargets(const Targeting& targeting) {
  return std::any_of(targeting.targets.begin(), targeting.targets.end(),
                     [](const Targets& targets) { return !targets.keys.empty(); });
}

std::string NameOf(const Rule& rule, std::size_t index) {
  return "rule " + (rule.id.empty() ? std::to_string(index + 1) : rule.id);
}

// Where answers of an enabled flag are decided; the first ones, in this order, are its compiled rules.
std::vector<DecidingPlace> PlacesOf(const FlagDefinition& flag, const Targeting& targeting, const EntitySet& entities) {
  std::vector<DecidingPlace> places;
  const Path base = Path().Key("environments").Key(targeting.environment);
  const auto add = [&](std::string name, Path path) {
    places.push_back({flag.key, targeting.environment, std::move(name), std::move(path), false});
  };
  for (std::size_t i = 0; i < targeting.requirements.size(); ++i) {
    add("requires " + targeting.requirements[i].flag, base.Key("requires").Index(i));
  }
  if (HasTargets(targeting)) add("targets", base.Key("targets"));
  for (std::size_t i = 0; i < targeting.rules.size(); ++i) {
    add(NameOf(targeting.rules[i], i), base.Key("rules").Index(i));
  }
  add("default", base.Key("default"));
  for (const ExperimentRecord& record : entities.experiments) {
    const Experiment& experiment = record.definition;
    const bool is_named = std::any_of(targeting.rules.begin(), targeting.rules.end(), [&](const Rule& rule) {
      const auto* serve = std::get_if<ExperimentServe>(&rule.serve);
      return serve != nullptr && serve->experiment == experiment.key;
    });
    if (experiment.flag == flag.key && experiment.environment == targeting.environment && !experiment.archived &&
        record.state.status == ExperimentStatus::kRunning && !is_named) {
      add("experiment " + experiment.key, base.Key("default"));
    }
  }
  // What everybody is served needs no test.
  if (places.size() == 1) places.clear();
  return places;
}

}  // namespace

TestRunner::TestRunner(const Definitions& definitions, std::int64_t now_ms)
    : definitions_(definitions), now_ms_(now_ms) {
  AllocateStates(nullptr, definitions_);  // no issues: the workspace has no errors
}

const Ruleset& TestRunner::In(const std::string& environment) {
  std::shared_ptr<const Ruleset>& ruleset = rulesets_[environment];
  if (ruleset == nullptr) ruleset = Compile(SnapshotOf(definitions_, environment, 0));
  return *ruleset;
}

TestOutcome TestRunner::Run(const FlagTest& test) {
  if (test.experiment.empty()) return RunAll(test, In(test.environment), test.flag, nullptr);
  const ExperimentRecord* record = definitions_.entities.FindExperiment(test.experiment);
  if (record == nullptr) return {1, 1, {{test.given, {"there is no experiment " + Quoted(test.experiment)}, {}, {}}}};
  // As it runs, all of its ramp behind it: what is tested is whom it takes, not on which day.
  std::shared_ptr<const Ruleset>& ruleset = of_experiments_[test.experiment];
  if (ruleset == nullptr) {
    Definitions running = definitions_;
    ExperimentRecord its{record->definition, {}};
    its.definition.state = ExperimentStatus::kRunning;
    its.definition.ramp.clear();
    running.entities.Upsert(std::move(its));
    if (const std::vector<Issue> issues = AllocateStates(nullptr, running); HasErrors(issues)) {
      return {1, 1, {{test.given, {"it could not be started: " + issues.front().message}, {}, {}}}};
    }
    ruleset = Compile(SnapshotOf(running, record->definition.environment, 0));
  }
  return RunAll(test, *ruleset, record->definition.flag, &record->definition);
}

TestOutcome TestRunner::Run(const Experiment& experiment, const ExperimentTest& test) {
  FlagTest of_experiment;
  of_experiment.experiment = experiment.key;
  of_experiment.given = test.given;
  of_experiment.at = test.at;
  of_experiment.expect.variant = test.expect;
  return Run(of_experiment);
}

TestOutcome TestRunner::RunAll(const FlagTest& test, const Ruleset& ruleset, const std::string& flag,
                               const Experiment* experiment) {
  TestOutcome outcome;
  Combinations combinations(test);
  do {
    const Value given = combinations.Given();
    const Context context = Context::FromValue(given);
    TraceSink trace;
    trace.bucket = test.at;
    const Decision decision = Evaluate(ruleset, ruleset.Find(flag), context, test.now.value_or(now_ms_), trace);
    if (experiment == nullptr) Cover(flag, test.environment, decision, trace.decided_by);
    ++outcome.cases;
    std::vector<std::string> differences = DifferencesOf(test.expect, AnswerOf(decision, experiment));
    if (differences.empty()) continue;
    ++outcome.failed;
    if (outcome.failures.size() >= kMaxFailuresKept) continue;
    outcome.failures.push_back(
        {given, std::move(differences), BecauseOf(trace.steps), DescribeDecision(ruleset, flag, decision, &trace)});
  } while (combinations.Next());
  return outcome;
}

void TestRunner::Cover(const std::string& flag, const std::string& environment, const Decision& decision,
                       std::int32_t decided_by) {
  if (decided_by == kNone) return;
  const FlagRecord* record = definitions_.entities.FindFlag(flag);
  const Targeting* targeting = record == nullptr ? nullptr : record->definition.FindEnvironment(environment);
  if (targeting == nullptr) return;
  const std::vector<DecidingPlace> places = PlacesOf(record->definition, *targeting, definitions_.entities);
  const auto index = static_cast<std::size_t>(decided_by);
  std::string name = index < places.size() ? places[index].name : "";
  // An experiment on the default stands before it.
  if (name == "default" && decision.experiment != nullptr) name = "experiment " + std::string(decision.experiment->key);
  decided_[{flag, environment}].insert(std::move(name));
}

std::vector<DecidingPlace> TestRunner::Coverage() const {
  std::vector<DecidingPlace> all;
  for (const FlagRecord& record : definitions_.entities.flags) {
    if (record.definition.archived) continue;
    for (const Targeting& targeting : record.definition.environments) {
      const auto decided = decided_.find({record.definition.key, targeting.environment});
      for (DecidingPlace& place : PlacesOf(record.definition, targeting, definitions_.entities)) {
        place.is_enabled = targeting.enabled;
        place.is_covered = decided != decided_.end() && decided->second.contains(place.name);
        all.push_back(std::move(place));
      }
    }
  }
  return all;
}

}  // namespace guidon
