#include "server/catalog/workspace_merge.h"

#include <algorithm>
#include <utility>

#include "core/allocate/allocate.h"
#include "core/base/json.h"
#include "core/codec/codec.h"
#include "core/diff/audience.h"
#include "core/diff/diff.h"
#include "core/diff/merge.h"
#include "server/catalog/records.h"

namespace guidon {
namespace {

Value OrNull(const std::optional<Value>& value) {
  return value ? *value : Value();
}

template <typename Map>
std::optional<Value> At(const Map& map, const EntityRef& ref) {
  const auto held = map.find(ref);
  return held == map.end() ? std::nullopt : std::optional<Value>(held->second);
}

bool CanBeArchived(EntityKind kind) {
  return kind != EntityKind::kSegment && kind != EntityKind::kLayer;
}

class WorkspaceMerger {
 public:
  // Both outlive it; `theirs` may be null.
  WorkspaceMerger(const AppliedWorkspace& base, const Definitions* theirs) : base_(base), theirs_(theirs) {
    if (theirs != nullptr) merged_.definitions = *theirs;
  }

  // Absence removes no environment, whatever --prune says of definitions.
  void TakeProject(const Project& ours) {
    const Value wanted = EncodeProject(ours);
    std::optional<Value> theirs;
    Value complete = wanted;
    if (theirs_ != nullptr) {
      theirs = EncodeProject(theirs_->project);
      KeepEnvironments(*theirs, complete);
    }
    Merged merged = MergeValues(base_.project, theirs, complete);
    AddConflicts("project", ours.key, merged);
    if (!AreSameInOrder(base_.project, wanted)) {
      merged_.applied.push_back(TxnOp::Put(AppliedProjectStoreKey(ours.key), ToJson(wanted)));
    }
    Result<Project> project = DecodeProject(merged.value ? *merged.value : complete);
    if (!project) return AddIssues(project.error());
    merged_.definitions.project = *std::move(project);
  }

  void Take(const EntityRecord& ours) {
    const EntityRef ref = RefOf(ours);
    const Value wanted = EncodeDefinition(ours);
    const std::optional<EntityRecord> held = merged_.definitions.entities.Find(ref);
    const std::optional<Value> theirs = held ? std::optional<Value>(EncodeDefinition(*held)) : std::nullopt;
    Merged merged = MergeValues(At(base_.entities, ref), theirs, wanted);
    AddConflicts(ToString(ref.kind), ref.key, merged);
    Record(ref, wanted);
    if (!merged.value && merged.conflicts.empty()) WarnOfRemoval(ref);
    if (AreSameInOrder(merged.value, theirs)) return;
    Put(ref, held, merged.value ? *merged.value : wanted);
  }

  // What was applied before and is no longer in the workspace.
  void Miss(const EntityRef& ref, bool prune) {
    const std::optional<EntityRecord> held = merged_.definitions.entities.Find(ref);
    if (!held) return Forget(ref);  // nor on the server: should it come back to the workspace, it is new
    if (!prune) return;
    if (!CanBeArchived(ref.kind)) {
      merged_.definitions.entities.Remove(ref);
    } else {
      Value definition = EncodeDefinition(*held);
      if (ref.kind == EntityKind::kExperiment) definition.MutableObject().Erase("state");
      definition.MutableObject().Set("archived", true);
      Put(ref, held, definition);
    }
    Forget(ref);
  }

  Result<MergedWorkspace> Finish(std::string_view project) {
    for (const auto& [ref, definition] : applied_) {
      if (AreSameInOrder(At(base_.entities, ref), definition)) continue;
      const std::string key = AppliedStoreKey(project, ref);
      merged_.applied.push_back(definition ? TxnOp::Put(key, ToJson(*definition)) : TxnOp::Delete(key));
    }
    if (HasErrors(issues_)) return Fail(InvalidError("the merged definitions are not valid", std::move(issues_)));
    return std::move(merged_);
  }

 private:
  static void KeepEnvironments(const Value& theirs, Value& ours) {
    const Value* held = theirs.Find("environments");
    if (held == nullptr) return;
    Object& project = ours.MutableObject();
    Value* environments = project.Find("environments");
    if (environments == nullptr) environments = &project.Set("environments", Value(Object()));
    for (const Member& environment : held->AsObject()) {
      if (environments->Find(environment.name) == nullptr) {
        environments->MutableObject().Append(environment.name, environment.value);
      }
    }
  }

  void AddConflicts(std::string_view kind, const std::string& key, Merged& merged) {
    for (MergeConflict& conflict : merged.conflicts) {
      merged_.conflicts.push_back({std::string(kind), key, conflict.path.ToText(), OrNull(conflict.base),
                                   OrNull(conflict.theirs), OrNull(conflict.ours)});
    }
  }

  void AddIssues(const Error& error) { issues_.insert(issues_.end(), error.issues.begin(), error.issues.end()); }

  void WarnOfRemoval(const EntityRef& ref) {
    merged_.warnings.push_back({Severity::kWarning,
                                "removed_elsewhere",
                                {},
                                "it was removed on the server since it was last applied, and stays removed",
                                "take it out of the workspace, or create it on the server again",
                                ref.ToText()});
  }

  void Put(const EntityRef& ref, const std::optional<EntityRecord>& held, const Value& definition) {
    Result<EntityRecord> record = DecodeEntity(ref.kind, definition);
    if (!record) return AddIssues(record.error());
    if (held) KeepState(*held, *record);
    merged_.definitions.entities.Upsert(*std::move(record));
  }

  void Record(const EntityRef& ref, const Value& definition) { applied_[ref] = definition; }
  void Forget(const EntityRef& ref) { applied_[ref] = std::nullopt; }

  const AppliedWorkspace& base_;
  const Definitions* const theirs_;
  MergedWorkspace merged_;
  std::map<EntityRef, std::optional<Value>> applied_;
  std::vector<Issue> issues_;
};

bool IsThere(const Definitions& definitions, const EntityRef& ref) {
  const auto record = definitions.entities.Find(ref);
  if (!record) return false;
  const auto* flag = std::get_if<FlagRecord>(&*record);
  return flag == nullptr || !flag->definition.archived;
}

}  // namespace

Result<AppliedWorkspace> ReadApplied(const Store& store, std::string_view project) {
  const auto read = [](const KeyValue& entry) -> Result<Value> {
    Result<Value> value = ParseJson(entry.value);
    if (value) return value;
    return Fail(ErrorCode::kCorrupt, "stored record '" + entry.key + "' cannot be read");
  };
  AppliedWorkspace applied;
  const auto about = store.Get(AppliedProjectStoreKey(project));
  if (!about) return Fail(about.error());
  if (*about) {
    Result<Value> value = read(**about);
    if (!value) return Fail(value.error());
    applied.project = *std::move(value);
  }
  const Result<RangeResult> range = store.Range(RangeQuery::Prefix(AppliedPrefix(project)));
  if (!range) return Fail(range.error());
  for (const KeyValue& entry : range->entries) {
    Result<Value> value = read(entry);
    if (!value) return Fail(value.error());
    applied.entities.emplace(ParseStoreKey(entry.key).ref, *std::move(value));
  }
  return applied;
}

Result<std::vector<TxnOp>> ForgetApplied(const Store& store, std::string_view project) {
  const Result<RangeResult> range = store.Range(RangeQuery::Prefix(AppliedPrefix(project)));
  if (!range) return Fail(range.error());
  std::vector<TxnOp> ops = {TxnOp::Delete(AppliedProjectStoreKey(project))};
  for (const KeyValue& entry : range->entries) ops.push_back(TxnOp::Delete(entry.key));
  return ops;
}

Result<MergedWorkspace> MergeWorkspace(const AppliedWorkspace& base, const Definitions* theirs, const Definitions& ours,
                                       bool prune) {
  WorkspaceMerger merger(base, theirs);
  merger.TakeProject(ours.project);
  for (const EntityRef& ref : ours.entities.Refs()) merger.Take(*ours.entities.Find(ref));
  for (const auto& [ref, definition] : base.entities) {
    if (!ours.entities.Find(ref)) merger.Miss(ref, prune);
  }
  return merger.Finish(ours.project.key);
}

namespace {

void DescribeProject(const Project* before, const Project& after, std::vector<PlannedChange>& plan) {
  PlannedChange change{"project", after.key, before == nullptr ? "create" : "update", {}, {}, {}};
  if (before != nullptr && before->description != after.description) change.summary.push_back("description changed");
  for (const EnvironmentDefinition& environment : after.environments) {
    const EnvironmentDefinition* held = before == nullptr ? nullptr : before->FindEnvironment(environment.key);
    if (held != nullptr && *held == environment) continue;
    change.environments.push_back(environment.key);
    std::string text = "environment " + environment.key + (held == nullptr ? ": new" : ": changed");
    if (environment.is_protected != (held != nullptr && held->is_protected)) {
      text += environment.is_protected ? ", protected" : ", no longer protected";
    }
    if (environment.is_protected && (held == nullptr || held->required_approvals != environment.required_approvals)) {
      text += ", takes " + std::to_string(environment.required_approvals) +
              (environment.required_approvals == 1 ? " approval" : " approvals");
      if (held != nullptr && held->is_protected) text += " instead of " + std::to_string(held->required_approvals);
    }
    change.summary.push_back(std::move(text));
  }
  if (before == nullptr || !(*before == after)) plan.push_back(std::move(change));
}

}  // namespace

std::vector<PlannedChange> DescribePlan(const Definitions* before, const Definitions& after) {
  std::vector<PlannedChange> plan;
  DescribeProject(before == nullptr ? nullptr : &before->project, after.project, plan);
  const EntitySet none;
  for (EntityChange& change : DescribeChanges(before == nullptr ? none : before->entities, after.entities)) {
    PlannedChange& planned = plan.emplace_back();
    planned.kind = ToString(change.ref.kind);
    planned.key = std::move(change.ref.key);
    planned.action = ToString(change.action);
    planned.environments = std::move(change.environments);
    // A segment is of the project, and its change alters every environment that uses it.
    if (change.ref.kind == EntityKind::kSegment) {
      planned.environments = EnvironmentsUsing(planned.key, after.entities);
    }
    planned.summary = std::move(change.summary);
    for (Move& move : change.moves) {
      planned.moved.push_back({std::move(move.environment), std::move(move.split), move.share_parts});
    }
  }
  return plan;
}

namespace {

// Entities whose issues of this kind name what is gone.
std::vector<std::string> Referrers(const std::vector<Issue>& issues, const std::string& key, std::string_view code) {
  std::vector<std::string> referrers;
  for (const Issue& issue : issues) {
    if (issue.severity != Severity::kError || issue.message.find("'" + key + "'") == std::string::npos) continue;
    if (!code.empty() && issue.code != code) continue;
    if (std::find(referrers.begin(), referrers.end(), issue.entity) == referrers.end()) {
      referrers.push_back(issue.entity);
    }
  }
  return referrers;
}

Error StillReferredTo(const std::string& what, const std::vector<std::string>& referrers,
                      const std::vector<Issue>& issues) {
  std::string names;
  for (const std::string& referrer : referrers) names += (names.empty() ? "" : ", ") + referrer;
  return {ErrorCode::kConflict, what + " is still referred to by " + names + "; change those first", issues};
}

}  // namespace

std::optional<Error> ReferrersOfRemoved(const Definitions* before, const Definitions& after,
                                        const std::vector<Issue>& issues) {
  if (before == nullptr) return std::nullopt;
  for (const EnvironmentDefinition& environment : before->project.environments) {
    if (after.project.FindEnvironment(environment.key) != nullptr) continue;
    const std::vector<std::string> referrers = Referrers(issues, environment.key, "unknown_environment");
    if (!referrers.empty()) return StillReferredTo("environment " + environment.key, referrers, issues);
  }
  for (const EntityRef& ref : before->entities.Refs()) {
    if (!IsThere(*before, ref) || IsThere(after, ref)) continue;
    const std::vector<std::string> referrers = Referrers(issues, ref.key, "");
    if (!referrers.empty()) return StillReferredTo(ref.ToText(), referrers, issues);
  }
  return std::nullopt;
}

}  // namespace guidon
