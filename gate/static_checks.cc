#include "gate/static_checks.h"

#include <re2/re2.h>

#include <algorithm>
#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <utility>

#include "core/base/json.h"
#include "core/base/text.h"
#include "core/diff/audience.h"
#include "core/expect/expect.h"
#include "core/model/names.h"
#include "core/model/units.h"
#include "gate/constant_flag.h"
#include "gate/wildcard.h"

namespace guidon::gate {
namespace {

// ---- What a definition has, whatever its kind ----------------------------------------------------------------------

template <typename Definition>
std::string OwnerOf(const Definition& definition) {
  if constexpr (requires { definition.owner; }) return definition.owner;
  return "";
}
template <typename Definition>
bool IsArchived(const Definition& definition) {
  if constexpr (requires { definition.archived; }) return definition.archived;
  return false;
}

// Calls visit(ref, definition) for every definition that is not archived.
template <typename Visit>
void ForEachDefinition(const EntitySet& all, Visit visit) {
  const auto each = [&](EntityKind kind, const auto& records) {
    for (const auto& record : records) {
      if (!IsArchived(record.definition)) visit(EntityRef{kind, record.definition.key}, record.definition);
    }
  };
  each(EntityKind::kFlag, all.flags);
  each(EntityKind::kSegment, all.segments);
  each(EntityKind::kLayer, all.layers);
  each(EntityKind::kHoldout, all.holdouts);
  each(EntityKind::kExperiment, all.experiments);
  each(EntityKind::kMetric, all.metrics);
}

// An attribute that something looks at, or an expression that it is held against.
struct Look {
  std::string attribute;
  const Test* test = nullptr;  // of an expression
  bool ignore_case = false;
  Path path;
};
using Looks = std::function<void(const Look&)>;

void ForEachLook(const Condition& condition, const Path& path, const Looks& visit) {
  for (const Clause& clause : condition.clauses) {
    const auto below = [&](std::string_view word) {
      const bool is_list = clause.kind != Clause::Kind::kNot;
      for (std::size_t i = 0; i < clause.children.size(); ++i) {
        const Path at = path.Key(word);
        ForEachLook(clause.children[i], is_list ? at.Index(i) : at, visit);
      }
    };
    switch (clause.kind) {
      case Clause::Kind::kAttribute:
        visit({clause.attribute, nullptr, false, path.Key(clause.attribute)});
        for (const Test& test : clause.tests) {
          if (test.op == Operator::kMatches) {
            visit({clause.attribute, &test, clause.ignore_case, path.Key(clause.attribute).Key("matches")});
          }
        }
        break;
      case Clause::Kind::kAll:
        below("all");
        break;
      case Clause::Kind::kAny:
        below("any");
        break;
      case Clause::Kind::kNot:
        below("not");
        break;
      case Clause::Kind::kSegment:
      case Clause::Kind::kFlag:
      case Clause::Kind::kNow:
        break;
    }
  }
}

void ForEachLook(const FlagDefinition& flag, const Looks& visit) {
  for (const Targeting& targeting : flag.environments) {
    const Path base = Path().Key("environments").Key(targeting.environment);
    for (std::size_t i = 0; i < targeting.rules.size(); ++i) {
      const Rule& rule = targeting.rules[i];
      const Path at = base.Key("rules").Index(i);
      if (rule.when) ForEachLook(*rule.when, at.Key("when"), visit);
      if (!rule.by.empty()) visit({rule.by, nullptr, false, at.Key("by")});
    }
    if (targeting.default_serve && !targeting.default_serve->by.empty()) {
      visit({targeting.default_serve->by, nullptr, false, base.Key("default").Key("by")});
    }
  }
}
void ForEachLook(const Segment& segment, const Looks& visit) {
  if (segment.when) ForEachLook(*segment.when, Path().Key("when"), visit);
}
void ForEachLook(const Layer& layer, const Looks& visit) {
  visit({layer.unit, nullptr, false, Path().Key("unit")});
}
void ForEachLook(const Holdout& holdout, const Looks& visit) {
  visit({holdout.unit, nullptr, false, Path().Key("unit")});
}
void ForEachLook(const Experiment& experiment, const Looks& visit) {
  visit({experiment.unit, nullptr, false, Path().Key("unit")});
  if (experiment.audience) ForEachLook(*experiment.audience, Path().Key("audience"), visit);
}
void ForEachLook(const Metric&, const Looks&) {}  // looks at events

// Instructions of the compiled expression; 0: it is none, which validation has said.
int SizeOf(const std::string& text, bool ignore_case) {
  re2::RE2::Options options;
  options.set_log_errors(false);
  options.set_max_mem(kMaxExpressionMemory);
  options.set_case_sensitive(!ignore_case);
  const re2::RE2 pattern(text, options);
  return pattern.ok() ? pattern.ProgramSize() : 0;
}

// ---- The checks ----------------------------------------------------------------------------------------------------

class Checker {
 public:
  Checker(const StaticInput& input, const Policy& policy)
      : workspace_(input.workspace), policy_(policy), now_ms_(input.now_ms) {}

  std::vector<Finding> PersonalDataOf(const EntitySet& entities) {
    ForEachDefinition(entities, [this](const EntityRef& ref, const auto& definition) {
      ForEachLook(definition, [&](const Look& look) {
        if (look.test == nullptr) CheckAttribute(ref, OwnerOf(definition), look);
      });
    });
    return std::move(findings_);
  }

  std::vector<Finding> FailedTests() {
    TakeOwners();
    CheckTests();
    return std::move(findings_);
  }

  std::vector<Finding> Run() {
    TakeOwners();
    CheckIssues();
    if (!workspace_.HasErrors()) CheckTests();
    const EntitySet& all = workspace_.definitions.entities;
    ForEachDefinition(all, [this](const EntityRef& ref, const auto& definition) {
      CheckName(ref);
      CheckOwner(ref, OwnerOf(definition));
      CheckLooks(ref, OwnerOf(definition), definition);
    });
    for (const FlagRecord& record : all.flags) {
      if (record.definition.archived) continue;
      CheckExpiry(record.definition);
      CheckConstant(record.definition);
    }
    return std::move(findings_);
  }

 private:
  void Add(std::string rule, std::string subject, std::string owner, Place place, std::string message,
           std::string fix) {
    findings_.push_back({std::move(rule), Severity::kFail, std::move(subject), std::move(owner), std::move(place),
                         std::move(message), std::move(fix)});
  }

  Place PlaceOf(const EntityRef& ref, const Path& path, bool of_key = false) const {
    const auto held = workspace_.origins.find(ref);
    if (held == workspace_.origins.end()) return {};
    const Origin& origin = held->second;
    return {FileOf(workspace_, origin.file), of_key ? origin.OfKey(path) : origin.Of(path)};
  }

  std::string OwnerOfEntity(const std::string& entity) const {
    const auto owner = owners_.find(entity);
    return owner == owners_.end() ? "" : owner->second;
  }

  void TakeOwners() {
    ForEachDefinition(workspace_.definitions.entities, [this](const EntityRef& ref, const auto& definition) {
      owners_.emplace(ref.ToText(), OwnerOf(definition));
    });
  }

  // What `validate` says; what has a rule of its own is left to that.
  void CheckIssues() {
    for (const PlacedIssue& placed : workspace_.issues) {
      const Issue& issue = placed.issue;
      if (issue.severity == guidon::Severity::kWarning && issue.code == "expired") continue;
      std::string rule = issue.severity == guidon::Severity::kError ? "static.definitions"
                         : issue.code == "missing_owner"            ? "static.owner"
                                                                    : "static.warnings";
      Add(std::move(rule), issue.entity, OwnerOfEntity(issue.entity), {FileOf(workspace_, placed.file), placed.at},
          issue.message, issue.hint);
    }
  }

  void CheckTests() {
    TestRunner runner(workspace_.definitions, now_ms_);
    for (const ExperimentRecord& record : workspace_.definitions.entities.experiments) {
      const Experiment& experiment = record.definition;
      const EntityRef ref{EntityKind::kExperiment, experiment.key};
      for (std::size_t i = 0; i < experiment.tests.size(); ++i) {
        AddOutcome(ref.ToText(), experiment.owner, PlaceOf(ref, Path().Key("tests").Index(i)), "",
                   runner.Run(experiment, experiment.tests[i]));
      }
    }
    for (std::size_t i = 0; i < workspace_.tests.size(); ++i) {
      const FlagTest& test = workspace_.tests[i];
      const Origin& origin = workspace_.test_origins[i];
      const std::string subject = test.experiment.empty() ? "flag " + test.flag : "experiment " + test.experiment;
      AddOutcome(subject, OwnerOfEntity(subject), {FileOf(workspace_, origin.file), origin.Of({})}, test.description,
                 runner.Run(test));
    }
  }

  void AddOutcome(const std::string& subject, const std::string& owner, const Place& place,
                  const std::string& description, const TestOutcome& outcome) {
    if (outcome.passed()) return;
    const FailedCase& first = outcome.failures.front();
    std::string message = description.empty() ? "a test" : "the test \"" + description + "\"";
    message += " fails: given " + ToJson(first.given);
    for (const std::string& difference : first.differences) message += ", " + difference;
    if (outcome.failed > 1) message += "; and " + Plural(outcome.failed - 1, "case") + " more";
    Add("static.test", subject, owner, place, std::move(message), "`guidon test` says what led there");
  }

  void CheckName(const EntityRef& ref) {
    const auto wanted = policy_.names.find(ref.kind);
    if (wanted == policy_.names.end() || re2::RE2::FullMatch(ref.key, re2::RE2(wanted->second))) return;
    Add("static.naming", ref.ToText(), OwnerOfEntity(ref.ToText()), PlaceOf(ref, Path().Key(ToString(ref.kind))),
        "'" + ref.key + "' is not named as the policy wants it", "keys of this kind match " + wanted->second);
  }

  void CheckOwner(const EntityRef& ref, const std::string& owner) {
    if (owner.empty() || policy_.owners.empty()) return;
    if (std::any_of(policy_.owners.begin(), policy_.owners.end(),
                    [&](const std::string& known) { return MatchesWildcard(known, owner); })) {
      return;
    }
    Add("static.owner", ref.ToText(), owner, PlaceOf(ref, Path().Key("owner")),
        "the policy knows no owner '" + owner + "'", DidYouMean(owner, policy_.owners));
  }

  template <typename Definition>
  void CheckLooks(const EntityRef& ref, const std::string& owner, const Definition& definition) {
    ForEachLook(definition, [&](const Look& look) {
      if (look.test != nullptr) {
        for (const Value& operand : look.test->operands) CheckExpression(ref, owner, look, operand);
      } else {
        CheckAttribute(ref, owner, look);
      }
    });
  }

  void CheckAttribute(const EntityRef& ref, const std::string& owner, const Look& look) {
    const auto forbidden =
        std::find_if(policy_.personal_data.begin(), policy_.personal_data.end(),
                     [&](const std::string& pattern) { return MatchesWildcard(pattern, look.attribute); });
    if (forbidden == policy_.personal_data.end()) return;
    Add("static.personal-data", ref.ToText(), owner, PlaceOf(ref, look.path, true),
        "it looks at '" + look.attribute + "', which the policy forbids", "");
  }

  void CheckExpression(const EntityRef& ref, const std::string& owner, const Look& look, const Value& operand) {
    if (!operand.is_string()) return;
    const int size = SizeOf(operand.AsString(), look.ignore_case);
    if (size <= static_cast<int>(policy_.regex_size)) return;
    Add("static.regex-cost", ref.ToText(), owner, PlaceOf(ref, look.path),
        "the expression takes " + std::to_string(size) + " instructions; the policy allows " +
            std::to_string(policy_.regex_size),
        "write `starts_with`, `in` or a simpler one");
  }

  void CheckExpiry(const FlagDefinition& flag) {
    if (!flag.expires) return;
    const std::chrono::days left = *flag.expires - DayOf(now_ms_);
    if (left >= std::chrono::days(0) && left >= policy_.expires_within) return;
    const EntityRef ref{EntityKind::kFlag, flag.key};
    Add("static.expiry", ref.ToText(), flag.owner, PlaceOf(ref, Path().Key("expires")),
        left < std::chrono::days(0) ? "its time was over on " + FormatDay(*flag.expires)
                                    : "its time is over on " + FormatDay(*flag.expires) + ", in " +
                                          Plural(static_cast<std::size_t>(left.count()), "day"),
        "remove it, or move the day");
  }

  void CheckConstant(const FlagDefinition& flag) {
    if (flag.kind != FlagKind::kRelease) return;
    const std::optional<std::string> served = ConstantVariation(workspace_.definitions, flag);
    if (!served) return;
    const EntityRef ref{EntityKind::kFlag, flag.key};
    Add("static.constant-flag", ref.ToText(), flag.owner, PlaceOf(ref, Path().Key("flag")),
        "it serves '" + *served + "' to everybody in every environment", "if that stays so, remove it from the code");
  }

  const Workspace& workspace_;
  const Policy& policy_;
  const std::int64_t now_ms_;
  std::map<std::string, std::string> owners_;  // by "flag checkout.layout"
  std::vector<Finding> findings_;
};

}  // namespace

std::vector<Finding> CheckStatic(const StaticInput& input, const Policy& policy) {
  return Checker(input, policy).Run();
}

std::vector<Finding> CheckTests(const Workspace& workspace, std::int64_t now_ms, const Policy& policy) {
  return Checker({workspace, now_ms}, policy).FailedTests();
}

std::vector<Finding> CheckPersonalData(const Workspace& workspace, const EntitySet& entities,
                                       const std::set<std::string>& flags, const Policy& policy) {
  EntitySet reached;
  for (const FlagRecord& record : entities.flags) {
    if (flags.contains(record.definition.key)) reached.flags.push_back(record);
  }
  for (const ExperimentRecord& record : entities.experiments) {
    if (flags.contains(record.definition.flag)) reached.experiments.push_back(record);
  }
  reached.segments = entities.segments;
  const auto used = EnvironmentsBySegment(reached);
  std::erase_if(reached.segments, [&](const SegmentRecord& record) { return !used.contains(record.definition.key); });
  return Checker({workspace}, policy).PersonalDataOf(reached);
}

std::string FileOf(const Workspace& workspace, const std::string& file) {
  return (std::filesystem::path(workspace.folder) / file).lexically_normal().generic_string();
}

}  // namespace guidon::gate
