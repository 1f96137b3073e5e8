#include "lint/meaning.h"

#include <algorithm>
#include <iterator>
#include <optional>
#include <set>
#include <string>
#include <utility>

#include "core/base/json.h"
#include "core/codec/codec.h"

namespace guidon::lint {
namespace {

std::string NameOf(const std::string& text) {
  return text;
}
std::string NameOf(const Value& value) {
  return ToJson(value);
}

template <typename T>
void KeepFirst(std::vector<T>& list) {
  std::set<std::string> seen;
  std::erase_if(list, [&](const T& element) { return !seen.insert(NameOf(element)).second; });
}

void MakePlain(std::optional<Condition>& condition) {
  if (condition) condition = Plainest(*std::move(condition));
}

// The condition whose clauses may stand in place of this one.
std::optional<Condition> Within(const Clause& clause) {
  const bool is_list = clause.kind == Clause::Kind::kAll || clause.kind == Clause::Kind::kAny;
  if (is_list && clause.children.size() == 1) return clause.children.front();
  if (clause.kind != Clause::Kind::kNot) return std::nullopt;
  const std::vector<Clause>& denied = clause.children.front().clauses;
  if (denied.size() != 1 || denied.front().kind != Clause::Kind::kNot) return std::nullopt;
  return denied.front().children.front();
}

void MakePlain(FlagDefinition& flag) {
  KeepFirst(flag.tags);
  for (Targeting& targeting : flag.environments) {
    for (Requirement& requirement : targeting.requirements) KeepFirst(requirement.is);
    for (Targets& targets : targeting.targets) KeepFirst(targets.keys);
    for (Rule& rule : targeting.rules) MakePlain(rule.when);
  }
  std::erase_if(flag.environments, [&](const Targeting& targeting) {
    Targeting nothing;
    nothing.environment = targeting.environment;
    if (flag.type == FlagType::kBoolean) nothing.off = "off";
    return targeting == nothing;
  });
}

void MakePlain(Segment& segment) {
  KeepFirst(segment.include);
  KeepFirst(segment.exclude);
  MakePlain(segment.when);
}

void MakePlain(Metric& metric) {
  MakePlain(metric.where);
  if (metric.numerator) MakePlain(metric.numerator->where);
  if (metric.denominator) MakePlain(metric.denominator->where);
  for (MetricPart& step : metric.steps) MakePlain(step.where);
}

void MakePlain(Experiment& experiment) {
  MakePlain(experiment.audience);
}

template <typename Definition>
void MakePlain(Definition&) {}

}  // namespace

Condition Plainest(Condition condition) {
  Condition plain;
  for (Clause& clause : condition.clauses) {
    for (Condition& child : clause.children) child = Plainest(std::move(child));
    for (Test& test : clause.tests) KeepFirst(test.operands);
    KeepFirst(clause.segments);
    KeepFirst(clause.variations);
    if (std::optional<Condition> within = Within(clause)) {
      std::move(within->clauses.begin(), within->clauses.end(), std::back_inserter(plain.clauses));
    } else {
      plain.clauses.push_back(std::move(clause));
    }
  }
  return plain;
}

Meaning Plainest(Meaning meaning) {
  if (auto* entity = std::get_if<EntityRecord>(&meaning)) {
    std::visit([](auto& record) { MakePlain(record.definition); }, *entity);
  }
  return meaning;
}

Meaning MeaningOf(const Value& definition) {
  if (definition.Find("expect") != nullptr) {
    if (Result<FlagTest> test = DecodeFlagTest(definition)) return *std::move(test);
  } else if (RefOfDefinition(definition)) {
    if (Result<EntityRecord> record = DecodeDefinition(definition)) return *std::move(record);
  } else if (definition.Find("project") != nullptr) {
    if (Result<Project> project = DecodeProject(definition)) return *std::move(project);
  }
  return {};
}

}  // namespace guidon::lint
