#include "cli/ruleset_source.h"

#include <chrono>
#include <iostream>
#include <optional>

#include "cli/output.h"
#include "cli/verbs.h"
#include "core/allocate/allocate.h"
#include "core/base/json.h"
#include "core/diff/audience.h"
#include "core/diff/count.h"
#include "core/validate/validate.h"
#include "workspace/file.h"
#include "workspace/workspace.h"

namespace guidon::cli {
namespace {

Result<Definitions> ReadValidDefinitions(const std::string& folder) {
  Result<Workspace> workspace = ReadValidFiles(folder);
  if (!workspace) return Fail(workspace.error());
  return std::move(workspace->definitions);
}

// What an environment may see of an entity; unlike EnvironmentPart also of what is archived, for that is a change.
std::optional<EntityRecord> PartOf(EntityRecord record, const Snapshot& stored) {
  const bool was_there = stored.entities.Find(RefOf(record)).has_value();
  if (auto* experiment = std::get_if<ExperimentRecord>(&record)) {
    const Experiment& definition = experiment->definition;
    if (!was_there && (definition.archived || definition.environment != stored.environment)) return std::nullopt;
  }
  if (auto* flag = std::get_if<FlagRecord>(&record)) {
    if (!was_there && flag->definition.archived) return std::nullopt;
    std::erase_if(flag->definition.environments,
                  [&](const Targeting& targeting) { return targeting.environment != stored.environment; });
  }
  return record;
}

// Metrics are never streamed: experiments that only the file has may name some that the workspace has not.
bool IsOfMissingMetrics(const Issue& issue, const Definitions& workspace) {
  if (issue.code != "unknown_metric") return false;
  for (const ExperimentRecord& record : workspace.entities.experiments) {
    if (issue.entity == RefOf(record).ToText()) return false;
  }
  return true;
}

Status CheckApplied(const Definitions& after, const Definitions& workspace) {
  std::vector<Issue> errors;
  const auto today = std::chrono::floor<std::chrono::days>(std::chrono::system_clock::now());
  for (Issue& issue : Validate(after, {.today = today})) {
    if (issue.severity == Severity::kError && !IsOfMissingMetrics(issue, workspace)) errors.push_back(std::move(issue));
  }
  if (!errors.empty()) {
    return Fail(Error{ErrorCode::kInvalid, "the workspace does not fit what is stored", std::move(errors)});
  }
  return {};
}

// Null is an environment that is not there yet: no flags.
Result<std::shared_ptr<const Ruleset>> RulesetOf(const Value* document) {
  if (document == nullptr || document->is_null()) return Compile(Snapshot());
  Result<SnapshotDocument> decoded = DecodeSnapshot(ToJson(*document));
  if (!decoded) return Fail(decoded.error());
  return Compile(decoded->snapshot, {.lineage = nullptr, .undecodable = decoded->undecodable});
}

}  // namespace

Result<Workspace> ReadValidFiles(const std::string& folder, const WorkspaceOptions& options) {
  Result<Workspace> workspace = ReadWorkspace(folder, options);
  if (!workspace || !workspace->HasErrors()) return workspace;
  std::vector<Issue> issues;
  for (const PlacedIssue& placed : workspace->issues) {
    std::cerr << Describe(placed, Err()) << "\n";
    issues.push_back(placed.issue);
  }
  return Fail(Error{ErrorCode::kInvalid, "the workspace is not valid", std::move(issues)});
}

Result<Snapshot> SnapshotOfWorkspace(const std::string& folder, const std::string& environment) {
  Result<Definitions> definitions = ReadValidDefinitions(folder);
  if (!definitions) return Fail(definitions.error());
  if (definitions->project.FindEnvironment(environment) == nullptr) {
    return Fail(NoSuchEnvironment(definitions->project, environment));
  }
  std::cerr << Wrapped(
                   "From the workspace alone: splits get their first allocation; a server may have kept other buckets.",
                   0)
            << "\n";
  std::vector<Issue> issues = AllocateStates(nullptr, *definitions);
  if (HasErrors(issues)) {
    return Fail(Said({ErrorCode::kInvalid, "the workspace cannot be allocated", std::move(issues)}));
  }
  return SnapshotOf(*definitions, environment, 0);
}

Result<SnapshotDocument> ReadRulesetFile(const std::string& path) {
  Result<std::string> text = ReadFile(path, JsonLimits().max_bytes);
  if (!text) return Fail(text.error());
  Result<SnapshotDocument> document = DecodeSnapshot(*text);
  if (!document) return Fail(ErrorCode::kIo, path + ": " + document.error().message);
  return document;
}

Result<Applied> ApplyToRuleset(const Definitions& workspace, const SnapshotDocument& document,
                               const std::string& file) {
  const Snapshot& stored = document.snapshot;
  if (stored.project != workspace.project.key) {
    return Fail(ErrorCode::kNotFound,
                file + " is of project '" + stored.project + "', the workspace of '" + workspace.project.key + "'");
  }
  if (workspace.project.FindEnvironment(stored.environment) == nullptr) {
    return Fail(NoSuchEnvironment(workspace.project, stored.environment));
  }
  if (!document.undecodable.empty()) {
    const Undecodable& first = document.undecodable.front();
    return Fail(ErrorCode::kIo, file + ": this version cannot read " + first.ref.ToText() + ": " + first.message);
  }
  const Definitions before{workspace.project, stored.entities};
  Definitions after = before;
  for (const EntityRef& ref : workspace.entities.Refs()) {
    std::optional<EntityRecord> record = PartOf(*workspace.entities.Find(ref), stored);
    if (!record) continue;
    if (const auto held = stored.entities.Find(ref)) KeepState(*held, *record);
    after.entities.Upsert(*std::move(record));
  }
  if (Status fits = CheckApplied(after, workspace); !fits) return Fail(fits.error());
  std::vector<Issue> issues = AllocateStates(&before, after);
  if (HasErrors(issues)) {
    return Fail(Error{ErrorCode::kInvalid, "the workspace does not fit what is stored", std::move(issues)});
  }
  after.entities.metrics.clear();
  Applied applied;
  applied.before = stored;
  applied.after = SnapshotOf(after, stored.environment, stored.revision);
  applied.warnings = AudienceWarnings(before.entities, after.entities);
  applied.entities = std::move(after.entities);
  return applied;
}

Result<Snapshot> SnapshotOfWorkspace(const std::string& folder, const std::string& environment,
                                     const std::string& ruleset_file) {
  const Result<SnapshotDocument> document = ReadRulesetFile(ruleset_file);
  if (!document) return Fail(document.error());
  if (!environment.empty() && environment != document->snapshot.environment) {
    return Fail(ErrorCode::kNotFound,
                ruleset_file + " is of " + document->snapshot.environment + ", not of " + environment);
  }
  const Result<Definitions> definitions = ReadValidDefinitions(folder);
  if (!definitions) return Fail(definitions.error());
  Result<Applied> applied = ApplyToRuleset(*definitions, *document, ruleset_file);
  if (!applied) return Fail(Said(applied.error()));
  return std::move(applied->after);
}

Result<std::vector<Context>> ReadContexts(const std::string& path, std::string* text) {
  constexpr std::size_t kMaxContextsBytes = 256u << 20;
  Result<std::string> read = ReadFile(path, kMaxContextsBytes);
  if (!read) return Fail(read.error());
  Result<std::vector<Context>> contexts = ParseContexts(*read);
  if (!contexts) contexts.error().message = path + ": " + contexts.error().message;
  if (contexts && contexts->empty()) {
    return Fail(ErrorCode::kInvalid, path + R"( has no context: it takes one a line, as {"key": "user-42"})");
  }
  if (text != nullptr) *text = *std::move(read);
  return contexts;
}

Result<std::vector<PlannedRulesets>> TakeRulesets(Value& plan) {
  std::vector<PlannedRulesets> all;
  const Value* rulesets = plan.Find("rulesets");
  if (rulesets == nullptr) return all;
  for (const Member& environment : rulesets->AsObject()) {
    Result<std::shared_ptr<const Ruleset>> before = RulesetOf(environment.value.Find("before"));
    if (!before) return Fail(before.error());
    Result<std::shared_ptr<const Ruleset>> after = RulesetOf(environment.value.Find("after"));
    if (!after) return Fail(after.error());
    all.push_back({environment.name, *std::move(before), *std::move(after)});
  }
  plan.MutableObject().Erase("rulesets");
  return all;
}

// Those have no place in a file: the files alone are valid.
Error Said(Error error) {
  for (const Issue& issue : error.issues) {
    std::cerr << Printable(issue.entity) << "  " << Err().Red("error") << "  " << Printable(issue.message);
    if (!issue.hint.empty()) std::cerr << " (" << Printable(issue.hint) << ")";
    std::cerr << "\n";
  }
  return error;
}

int ExplainRefusal(const Error& error, bool json) {
  Complain(error, json);
  return error.code == ErrorCode::kInvalid ? kProblem : kUsage;
}

}  // namespace guidon::cli
