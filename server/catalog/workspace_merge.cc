#include "server/catalog/workspace_merge.h"

#include <algorithm>
#include <utility>

#include "core/base/json.h"
#include "core/codec/codec.h"
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

void MergeProject(const Project& ours, Project& merged) {
  merged.key = ours.key;
  merged.description = ours.description;
  for (const EnvironmentDefinition& environment : ours.environments) {
    const auto held = std::find_if(merged.environments.begin(), merged.environments.end(),
                                   [&](const EnvironmentDefinition& e) { return e.key == environment.key; });
    if (held == merged.environments.end()) {
      merged.environments.push_back(environment);
    } else {
      *held = environment;
    }
  }
}

bool CanBeArchived(EntityKind kind) {
  return kind != EntityKind::kSegment && kind != EntityKind::kLayer;
}

class WorkspaceMerger {
 public:
  WorkspaceMerger(const std::map<EntityRef, Value>& base, const Definitions& theirs) : base_(base) {
    merged_.definitions = theirs;
  }

  void Take(const EntityRecord& ours) {
    const EntityRef ref = RefOf(ours);
    const Value wanted = EncodeDefinition(ours);
    const std::optional<EntityRecord> held = merged_.definitions.entities.Find(ref);
    const std::optional<Value> theirs = held ? std::optional<Value>(EncodeDefinition(*held)) : std::nullopt;
    Merged merged = MergeValues(At(base_, ref), theirs, wanted);
    for (MergeConflict& conflict : merged.conflicts) {
      merged_.conflicts.push_back(
          {ref, conflict.path.ToText(), OrNull(conflict.base), OrNull(conflict.theirs), OrNull(conflict.ours)});
    }
    Record(ref, wanted);
    if (merged.value == theirs) return;
    Put(ref, held, merged.value ? *merged.value : wanted);
  }

  // What was applied before and is no longer in the workspace.
  void Archive(const EntityRef& ref) {
    const std::optional<EntityRecord> held = merged_.definitions.entities.Find(ref);
    if (!held) return;
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
      if (At(base_, ref) == definition) continue;
      const std::string key = AppliedStoreKey(project, ref);
      merged_.applied.push_back(definition ? TxnOp::Put(key, ToJson(*definition)) : TxnOp::Delete(key));
    }
    if (HasErrors(issues_)) return Fail(InvalidError("the merged definitions are not valid", std::move(issues_)));
    return std::move(merged_);
  }

  MergedWorkspace& merged() { return merged_; }

 private:
  void Put(const EntityRef& ref, const std::optional<EntityRecord>& held, const Value& definition) {
    Result<EntityRecord> record = DecodeEntity(ref.kind, definition);
    if (!record) {
      issues_.insert(issues_.end(), record.error().issues.begin(), record.error().issues.end());
      return;
    }
    if (held) KeepState(*held, *record);
    merged_.definitions.entities.Upsert(*std::move(record));
  }

  void Record(const EntityRef& ref, const Value& definition) { applied_[ref] = definition; }
  void Forget(const EntityRef& ref) { applied_[ref] = std::nullopt; }

  const std::map<EntityRef, Value>& base_;
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

Result<std::map<EntityRef, Value>> ReadApplied(const Store& store, std::string_view project) {
  const Result<RangeResult> range = store.Range(RangeQuery::Prefix(AppliedPrefix(project)));
  if (!range) return Fail(range.error());
  std::map<EntityRef, Value> applied;
  for (const KeyValue& entry : range->entries) {
    Result<Value> value = ParseJson(entry.value);
    const StoreKey key = ParseStoreKey(entry.key);
    if (!value || key.kind != StoreKey::Kind::kApplied) {
      return Fail(ErrorCode::kCorrupt, "stored record '" + entry.key + "' cannot be read");
    }
    applied.emplace(key.ref, *std::move(value));
  }
  return applied;
}

Result<MergedWorkspace> MergeWorkspace(const std::map<EntityRef, Value>& base, const Definitions& theirs,
                                       const Definitions& ours, bool prune) {
  WorkspaceMerger merger(base, theirs);
  MergeProject(ours.project, merger.merged().definitions.project);
  for (const EntityRef& ref : ours.entities.Refs()) merger.Take(*ours.entities.Find(ref));
  if (prune) {
    for (const auto& [ref, definition] : base) {
      if (!ours.entities.Find(ref)) merger.Archive(ref);
    }
  }
  return merger.Finish(ours.project.key);
}

std::vector<PlannedChange> DescribePlan(const Definitions* before, const Definitions& after) {
  std::vector<PlannedChange> plan;
  const EntitySet none;
  for (EntityChange& change : DescribeChanges(before == nullptr ? none : before->entities, after.entities)) {
    PlannedChange& planned = plan.emplace_back();
    planned.ref = std::move(change.ref);
    planned.action = ToString(change.action);
    planned.environments = std::move(change.environments);
    planned.summary = std::move(change.summary);
    for (Move& move : change.moves) {
      planned.moved.push_back({std::move(move.environment), std::move(move.split), move.share_parts});
    }
  }
  return plan;
}

std::optional<Error> ReferrersOfRemoved(const Definitions* before, const Definitions& after,
                                        const std::vector<Issue>& issues) {
  if (before == nullptr) return std::nullopt;
  for (const EntityRef& ref : before->entities.Refs()) {
    if (!IsThere(*before, ref) || IsThere(after, ref)) continue;
    std::vector<std::string> referrers;
    for (const Issue& issue : issues) {
      if (issue.severity != Severity::kError || issue.message.find("'" + ref.key + "'") == std::string::npos) continue;
      if (std::find(referrers.begin(), referrers.end(), issue.entity) == referrers.end()) {
        referrers.push_back(issue.entity);
      }
    }
    if (referrers.empty()) continue;
    std::string names;
    for (const std::string& referrer : referrers) names += (names.empty() ? "" : ", ") + referrer;
    return Error{ErrorCode::kConflict, ref.ToText() + " is still referred to by " + names + "; change those first",
                 issues};
  }
  return std::nullopt;
}

}  // namespace guidon
