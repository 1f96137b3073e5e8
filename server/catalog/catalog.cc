#include "server/catalog/catalog.h"

#include <algorithm>
#include <set>
#include <utility>

#include "core/allocate/allocate.h"
#include "core/base/json.h"
#include "core/codec/codec.h"
#include "core/codec/wire.h"
#include "core/ruleset/ruleset.h"
#include "core/validate/validate.h"
#include "server/catalog/merge_patch.h"
#include "server/catalog/records.h"
#include "server/catalog/workspace_merge.h"

namespace guidon {
namespace {

std::chrono::sys_days SystemToday() {
  return std::chrono::floor<std::chrono::days>(std::chrono::system_clock::now());
}

Error NotFound(std::string what) {
  return {ErrorCode::kNotFound, "there is no " + std::move(what), {}};
}

Error ChangedSince(const std::string& what, Revision changed, Revision expected) {
  return {ErrorCode::kConflict,
          what + " changed in revision " + std::to_string(changed) + ", after revision " + std::to_string(expected) +
              "; read it again",
          {}};
}

// Entities of `after` that are new or differ, and those that are gone.
struct EntityChanges {
  std::vector<EntityRecord> upserts;
  std::vector<EntityRef> removals;
  bool empty() const { return upserts.empty() && removals.empty(); }
};

template <typename RecordType>
void CompareLists(const std::vector<RecordType>& before, const std::vector<RecordType>& after, EntityKind kind,
                  EntityChanges& changes) {
  std::map<std::string_view, const RecordType*> gone;
  for (const RecordType& record : before) gone.emplace(record.definition.key, &record);
  for (const RecordType& record : after) {
    const auto held = gone.find(record.definition.key);
    if (held == gone.end() || !(*held->second == record)) changes.upserts.push_back(record);
    if (held != gone.end()) gone.erase(held);
  }
  for (const auto& [key, record] : gone) changes.removals.push_back({kind, std::string(key)});
}

EntityChanges Compare(const EntitySet& before, const EntitySet& after) {
  EntityChanges changes;
  CompareLists(before.flags, after.flags, EntityKind::kFlag, changes);
  CompareLists(before.segments, after.segments, EntityKind::kSegment, changes);
  CompareLists(before.layers, after.layers, EntityKind::kLayer, changes);
  CompareLists(before.holdouts, after.holdouts, EntityKind::kHoldout, changes);
  CompareLists(before.experiments, after.experiments, EntityKind::kExperiment, changes);
  CompareLists(before.metrics, after.metrics, EntityKind::kMetric, changes);
  return changes;
}

// New entities stand in authored order until they have their slots; from then on lists are in order of their keys, so
// that a restart finds the same lists.
void SortByKey(EntitySet& set) {
  const auto by_key = [](const auto& a, const auto& b) { return a.definition.key < b.definition.key; };
  std::sort(set.flags.begin(), set.flags.end(), by_key);
  std::sort(set.segments.begin(), set.segments.end(), by_key);
  std::sort(set.layers.begin(), set.layers.end(), by_key);
  std::sort(set.holdouts.begin(), set.holdouts.end(), by_key);
  std::sort(set.experiments.begin(), set.experiments.end(), by_key);
  std::sort(set.metrics.begin(), set.metrics.end(), by_key);
}

std::vector<std::string> EnvironmentNames(const Project& project) {
  std::vector<std::string> names;
  for (const EnvironmentDefinition& environment : project.environments) names.push_back(environment.key);
  return names;
}

// What a change of entities means for one environment, as it is streamed: entities whose part is there, and those
// whose part is not (any more).
EncodedChange EncodeFor(std::string_view environment, const EntityChanges& changes, const Definitions* before) {
  EncodedChange encoded;
  for (const EntityRecord& record : changes.upserts) {
    const EntityRef ref = RefOf(record);
    const auto part = EnvironmentPart(record, environment);
    std::optional<EntityRecord> old_part;
    if (before != nullptr) {
      if (const auto old = before->entities.Find(ref)) old_part = EnvironmentPart(*old, environment);
    }
    if (part && part != old_part) encoded.upserts.push_back(EncodeEntity(*part));
    if (!part && old_part) encoded.removals.push_back(ref);
  }
  for (const EntityRef& ref : changes.removals) {
    const auto old = before == nullptr ? std::nullopt : before->entities.Find(ref);
    if (old && EnvironmentPart(*old, environment)) encoded.removals.push_back(ref);
  }
  return encoded;
}

bool Alters(const EncodedChange& change) {
  return !change.upserts.empty() || !change.removals.empty();
}

}  // namespace

const ProjectView* CatalogView::FindProject(std::string_view key) const {
  const auto held = projects.find(std::string(key));
  return held == projects.end() ? nullptr : held->second.get();
}

class Catalog::Impl {
 public:
  Impl(Store& store, Feed& feed, CatalogOptions options)
      : store_(store), feed_(feed), options_(std::move(options)), view_(std::make_shared<const CatalogView>()) {
    if (!options_.today) options_.today = SystemToday;
  }

  Status Load();
  Result<Committed> Commit(const CommitRequest& request);
  Result<WorkspacePlan> ApplyWorkspace(const WorkspaceRequest& request);
  Result<Committed> PutProject(const Project& project, std::optional<Revision> if_match, bool must_be_new,
                               const Author& author, std::optional<IdempotencyKey> idempotency);
  Result<Committed> DeleteProject(std::string_view key, std::optional<Revision> if_match, const Author& author,
                                  std::optional<IdempotencyKey> idempotency);
  Result<Committed> PutItem(const Item& item, std::string_view action, const Author& author);

  std::shared_ptr<const CatalogView> View() const {
    MutexLock lock(view_mutex_);
    return view_;
  }
  Result<std::vector<Item>> Items(std::string_view space) const;
  Result<Snapshot> SnapshotAt(std::string_view project, std::string_view environment, Revision revision) const;
  Result<EntityRecord> EntityAt(std::string_view project, const EntityRef& ref, Revision revision) const;

 private:
  // A change that has passed every check and only needs to be written.
  struct Prepared {
    std::string project;
    std::shared_ptr<const ProjectView> before;  // null: the project is new
    std::optional<Definitions> after;           // absent: the project goes
    bool project_changed = false;
    EntityChanges changes;
    std::map<Scope, EncodedChange> encoded;  // environments that existed before
    std::map<Scope, std::shared_ptr<const Ruleset>> opened;
    std::vector<std::string> closed;  // environments that go
    std::vector<TxnOp> extra;         // written in the same transaction
    std::vector<Issue> warnings;
    bool empty() const { return !project_changed && changes.empty() && extra.empty(); }
  };

  Result<Definitions> Edited(const ProjectView& before, const std::vector<Edit>& edits) const;
  Result<Prepared> Prepare(std::string_view project, std::shared_ptr<const ProjectView> before,
                           std::optional<Definitions> after) GUIDON_REQUIRES(writer_);
  Status CompileAll(Prepared& prepared) GUIDON_REQUIRES(writer_);
  Result<Committed> Write(Prepared prepared, std::string_view action, const Author& author,
                          const std::optional<IdempotencyKey>& idempotency) GUIDON_REQUIRES(writer_);
  Result<std::optional<TxnResult>> Replay(const Author& author, const std::optional<IdempotencyKey>& idempotency,
                                          std::string* response = nullptr) GUIDON_REQUIRES(writer_);
  std::shared_ptr<const ProjectView> ViewAfter(const Prepared& prepared, Revision revision) const;
  void PublishView(const std::string& project, std::shared_ptr<const ProjectView> view, Revision revision);

  Status LoadAt(Position position, Revision revision, std::map<std::string, ProjectView>& projects) const;
  Status ReplayTxn(const CommittedTxn& txn, std::map<std::string, ProjectView>& projects);

  Store& store_;
  Feed& feed_;
  CatalogOptions options_;

  Mutex writer_;  // one change at a time, from reading the state to publishing the next

  mutable Mutex view_mutex_;
  std::shared_ptr<const CatalogView> view_ GUIDON_GUARDED_BY(view_mutex_);
};

// ---- Loading -----------------------------------------------------------------------------------------------------

// Reads the state as of some revisions ago and replays the transactions since then, so that the feed's rings are
// filled and streams resume across a restart as if nothing had happened.
Status Catalog::Impl::Load() {
  MutexLock lock(writer_);
  const StoreHead head = store_.Head();
  Revision from = head.revision > options_.replayed_revisions ? head.revision - options_.replayed_revisions : 0;
  Position position = 0;
  if (from > 0) {
    const Result<Position> found = store_.PositionOf(from);
    if (!found) return Fail(found.error());
    position = *found;
    if (position < store_.compacted()) {
      position = head.position;
      from = head.revision;
    }
  } else if (store_.compacted() > 0) {
    position = head.position;
    from = head.revision;
  }
  std::map<std::string, ProjectView> projects;
  if (position > 0) {
    if (Status read = LoadAt(position, from, projects); !read) return read;
  }
  for (const auto& [key, view] : projects) {
    Revision changed = view.revision;
    for (const auto& [ref, revision] : view.revisions) changed = std::max(changed, revision);
    for (const std::string& environment : EnvironmentNames(view.definitions.project)) {
      feed_.Open({key, environment}, EncodeEntities(SnapshotOf(view.definitions, environment, from).entities), nullptr,
                 changed, from);
    }
  }
  const std::unique_ptr<WatchCursor> cursor = store_.Watch(position, [] {});
  for (;;) {
    WatchEvent event = cursor->Next();
    if (std::holds_alternative<WatchProgress>(event)) break;
    const auto* txn = std::get_if<CommittedTxn>(&event);
    if (txn == nullptr)
      return Fail(ErrorCode::kCorrupt,
                  "the store cannot tell what was committed since revision " + std::to_string(from));
    if (Status replayed = ReplayTxn(*txn, projects); !replayed) return replayed;
  }
  auto next = std::make_shared<CatalogView>();
  next->revision = head.revision;
  for (auto& [key, view] : projects) {
    SortByKey(view.definitions.entities);
    for (const std::string& environment : EnvironmentNames(view.definitions.project)) {
      feed_.SetRuleset({key, environment}, Compile(SnapshotOf(view.definitions, environment, head.revision)));
    }
    next->projects.emplace(key, std::make_shared<const ProjectView>(std::move(view)));
  }
  MutexLock view_lock(view_mutex_);
  view_ = std::move(next);
  return {};
}

Status Catalog::Impl::LoadAt(Position position, Revision revision, std::map<std::string, ProjectView>& projects) const {
  const Result<RangeResult> project_range = store_.Range(RangeQuery::Prefix("project/", position));
  if (!project_range) return Fail(project_range.error());
  for (const KeyValue& entry : project_range->entries) {
    Result<Project> project = DecodeProjectText(entry.key, entry.value);
    if (!project) return Fail(project.error());
    ProjectView& view = projects[project->key];
    view.definitions.project = *std::move(project);
    view.revision = entry.modified_revision;
  }
  const Result<RangeResult> entities = store_.Range(RangeQuery::Prefix("entity/", position));
  if (!entities) return Fail(entities.error());
  for (const KeyValue& entry : entities->entries) {
    Result<StoredEntity> entity = DecodeEntityText(entry.key, entry.value);
    if (!entity) return Fail(entity.error());
    const auto view = projects.find(entity->project);
    if (view == projects.end()) {
      return Fail(ErrorCode::kCorrupt,
                  "record '" + entry.key + "' at revision " + std::to_string(revision) + " belongs to no project");
    }
    view->second.revisions[RefOf(entity->record)] = entry.modified_revision;
    AppendEntity(view->second.definitions.entities, std::move(entity->record));
  }
  return {};
}

Status Catalog::Impl::ReplayTxn(const CommittedTxn& txn, std::map<std::string, ProjectView>& projects) {
  if (txn.revision == 0) return {};
  std::map<std::string, std::pair<std::optional<Definitions>, EntityChanges>> touched;  // before, and what changes
  const auto before_of = [&](const std::string& project) -> auto& {
    auto [it, added] = touched.try_emplace(project);
    const auto view = projects.find(project);
    if (added && view != projects.end()) it->second.first = view->second.definitions;
    return it->second;
  };
  for (const TxnOp& op : txn.ops) {
    const StoreKey key = ParseStoreKey(op.key);
    if (key.kind == StoreKey::Kind::kProject) {
      before_of(key.project);
      if (op.kind == TxnOp::Kind::kDelete) {
        projects.erase(key.project);
        continue;
      }
      Result<Project> project = DecodeProjectText(op.key, op.value);
      if (!project) return Fail(project.error());
      projects[key.project].definitions.project = *std::move(project);
      projects[key.project].revision = txn.revision;
    } else if (key.kind == StoreKey::Kind::kEntity) {
      EntityChanges& changes = before_of(key.project).second;
      ProjectView& view = projects[key.project];
      if (op.kind == TxnOp::Kind::kDelete) {
        changes.removals.push_back(key.ref);
        view.definitions.entities.Remove(key.ref);
        view.revisions.erase(key.ref);
        continue;
      }
      Result<StoredEntity> entity = DecodeEntityText(op.key, op.value);
      if (!entity) return Fail(entity.error());
      changes.upserts.push_back(entity->record);
      view.revisions[key.ref] = txn.revision;
      view.definitions.entities.Upsert(std::move(entity->record));
    }
  }
  std::map<Scope, EncodedChange> encoded;
  std::vector<Scope> opened;
  for (const auto& [project, change] : touched) {
    const auto& [before, changes] = change;
    const auto view = projects.find(project);
    if (before) {
      for (const std::string& name : EnvironmentNames(before->project)) {
        const bool stays = view != projects.end() && view->second.definitions.project.FindEnvironment(name);
        if (!stays) feed_.Close({project, name});
        if (EncodedChange part = EncodeFor(name, changes, &*before); stays && Alters(part)) {
          encoded.emplace(Scope{project, name}, std::move(part));
        }
      }
    }
    if (view == projects.end()) continue;
    for (const std::string& name : EnvironmentNames(view->second.definitions.project)) {
      if (!before || !before->project.FindEnvironment(name)) opened.push_back({project, name});
    }
  }
  for (const Scope& scope : opened) {
    const Definitions& definitions = projects[scope.project].definitions;
    feed_.Open(scope, EncodeEntities(SnapshotOf(definitions, scope.environment, txn.revision).entities), nullptr,
               txn.revision, txn.revision);
  }
  feed_.Publish(txn.revision, std::move(encoded));
  return {};
}

// ---- Changing ----------------------------------------------------------------------------------------------------

Result<std::optional<TxnResult>> Catalog::Impl::Replay(const Author& author,
                                                       const std::optional<IdempotencyKey>& idempotency,
                                                       std::string* response) {
  if (!idempotency) return std::nullopt;
  // A transaction that cannot commit: it only asks whether this key was answered before.
  Txn probe;
  probe.compares = {TxnCompare::Exists("probe")};
  probe.ops = {TxnOp::Put("probe", "")};
  probe.idempotency = Idempotency{author.principal, idempotency->key, idempotency->body_hash, ""};
  Result<TxnResult> result = store_.Commit(std::move(probe));
  if (!result) return Fail(result.error());
  if (result->outcome != TxnOutcome::kReplayed) return std::nullopt;
  if (response != nullptr) *response = result->response;
  return std::optional<TxnResult>(*std::move(result));
}

Result<Committed> Catalog::Impl::Commit(const CommitRequest& request) {
  MutexLock lock(writer_);
  std::string response;
  Result<std::optional<TxnResult>> replay = Replay(request.author, request.idempotency, &response);
  if (!replay) return Fail(replay.error());
  if (*replay) return Committed{(*replay)->revision, true, response == "created", {}};

  const auto catalog = View();
  const auto held = catalog->projects.find(request.project);
  if (held == catalog->projects.end()) return Fail(NotFound("project '" + request.project + "'"));
  Result<Definitions> after = Edited(*held->second, request.edits);
  if (!after) return Fail(after.error());
  Result<Prepared> prepared = Prepare(request.project, held->second, *std::move(after));
  if (!prepared) return Fail(prepared.error());
  return Write(*std::move(prepared), "definitions.change", request.author, request.idempotency);
}

Result<Definitions> Catalog::Impl::Edited(const ProjectView& before, const std::vector<Edit>& edits) const {
  Definitions after = before.definitions;
  std::set<EntityRef> seen;
  std::vector<Issue> issues;
  for (std::size_t i = 0; i < edits.size(); ++i) {
    const Edit& edit = edits[i];
    const std::string name = std::string(ToString(edit.ref.kind)) + " '" + edit.ref.key + "'";
    if (!seen.insert(edit.ref).second) {
      return Fail(ErrorCode::kInvalid, "changes[" + std::to_string(i) + "]: " + name + " occurs twice");
    }
    const auto revision = before.revisions.find(edit.ref);
    const bool there = revision != before.revisions.end();
    if (edit.must_be_new && there) return Fail(ErrorCode::kAlreadyExists, name + " exists");
    if (edit.if_match && !there) {
      return Fail(ErrorCode::kConflict, name + " is not there (any more), but you expected revision " +
                                            std::to_string(*edit.if_match) + " of it");
    }
    if (edit.if_match && revision->second > *edit.if_match) {
      return Fail(ChangedSince(name, revision->second, *edit.if_match));
    }
    if (edit.action != Edit::Action::kPut && !there) return Fail(NotFound(name));
    if (edit.action == Edit::Action::kDelete) {
      after.entities.Remove(edit.ref);
      continue;
    }
    std::optional<EntityRecord> current = after.entities.Find(edit.ref);
    Value definition = edit.definition;
    if (edit.action == Edit::Action::kPatch) definition = MergePatch(EncodeDefinition(*current), edit.definition);
    Result<EntityRecord> next = DecodeDefinitionOf(edit.ref, definition);
    if (!next) {
      const std::vector<Issue>& found = next.error().issues;
      issues.insert(issues.end(), found.begin(), found.end());
      continue;
    }
    if (current) KeepState(*current, *next);
    after.entities.Upsert(*std::move(next));
  }
  if (HasErrors(issues)) return Fail(InvalidError("the definitions cannot be read", std::move(issues)));
  return after;
}

Result<Catalog::Impl::Prepared> Catalog::Impl::Prepare(std::string_view project,
                                                       std::shared_ptr<const ProjectView> before,
                                                       std::optional<Definitions> after) {
  Prepared prepared;
  prepared.project = project;
  prepared.before = std::move(before);
  const Definitions* old = prepared.before ? &prepared.before->definitions : nullptr;
  if (after) {
    std::vector<Issue> issues = Validate(*after, {.today = options_.today()});
    if (!HasErrors(issues)) {
      std::vector<Issue> found = AllocateStates(old, *after);
      issues.insert(issues.end(), found.begin(), found.end());
    }
    if (HasErrors(issues)) {
      if (const auto referrers = ReferrersOfRemoved(old, *after, issues)) return Fail(*referrers);
      return Fail(InvalidError("the definitions are not valid", std::move(issues)));
    }
    prepared.warnings = std::move(issues);
    SortByKey(after->entities);
  }
  prepared.after = std::move(after);
  static const Definitions kNothing;
  const Definitions& next = prepared.after ? *prepared.after : kNothing;
  prepared.project_changed = (old == nullptr) != !prepared.after || (old != nullptr && !(old->project == next.project));
  prepared.changes = Compare(old == nullptr ? EntitySet() : old->entities, next.entities);
  if (Status compiled = CompileAll(prepared); !compiled) return Fail(compiled.error());
  return prepared;
}

// What cannot be compiled gets no revision.
Status Catalog::Impl::CompileAll(Prepared& prepared) {
  const Definitions* old = prepared.before ? &prepared.before->definitions : nullptr;
  if (old != nullptr) {
    for (const std::string& name : EnvironmentNames(old->project)) {
      if (!prepared.after || !prepared.after->project.FindEnvironment(name)) prepared.closed.push_back(name);
    }
  }
  if (!prepared.after) return {};
  std::vector<Issue> issues;
  for (const std::string& name : EnvironmentNames(prepared.after->project)) {
    const Scope scope{prepared.project, name};
    const bool existed = old != nullptr && old->project.FindEnvironment(name) != nullptr;
    EncodedChange change = existed ? EncodeFor(name, prepared.changes, old) : EncodedChange();
    if (existed && !Alters(change)) continue;
    std::shared_ptr<const Ruleset> ruleset = Compile(SnapshotOf(*prepared.after, name, 0));
    for (const BrokenFlag& broken : ruleset->broken()) {
      issues.push_back({Severity::kError, "cannot_compile", Path().Key("environments").Key(name), broken.reason, "",
                        "flag " + broken.key});
    }
    change.ruleset = ruleset;
    if (existed) {
      prepared.encoded.emplace(scope, std::move(change));
    } else {
      prepared.opened.emplace(scope, std::move(ruleset));
    }
  }
  if (HasErrors(issues)) return Fail(InvalidError("the definitions cannot be compiled", std::move(issues)));
  return {};
}

Result<Committed> Catalog::Impl::Write(Prepared prepared, std::string_view action, const Author& author,
                                       const std::optional<IdempotencyKey>& idempotency) {
  Committed committed;
  committed.warnings = std::move(prepared.warnings);
  committed.created = prepared.changes.upserts.size() == 1 && prepared.before != nullptr &&
                      !prepared.before->revisions.contains(RefOf(prepared.changes.upserts[0]));
  if (prepared.project_changed) committed.created = prepared.before == nullptr;
  if (prepared.empty()) {
    committed.revision = store_.Head().revision;
    return committed;
  }
  Txn txn;
  if (prepared.project_changed) {
    const std::string key = ProjectStoreKey(prepared.project);
    txn.ops.push_back(prepared.after ? TxnOp::Put(key, EncodeProjectText(prepared.after->project))
                                     : TxnOp::Delete(key));
  }
  for (const EntityRecord& record : prepared.changes.upserts) {
    txn.ops.push_back(TxnOp::Put(EntityStoreKey(prepared.project, RefOf(record)), EncodeRecordText(record)));
  }
  for (const EntityRef& ref : prepared.changes.removals) {
    txn.ops.push_back(TxnOp::Delete(EntityStoreKey(prepared.project, ref)));
  }
  for (TxnOp& op : prepared.extra) txn.ops.push_back(std::move(op));
  txn.revision = RevisionRecord{
      EncodeLog(prepared.project, prepared.project_changed, prepared.changes.upserts, prepared.changes.removals),
      EncodeAudit(author.principal, author.request_id, author.comment, action, prepared.project)};
  if (idempotency) {
    txn.idempotency =
        Idempotency{author.principal, idempotency->key, idempotency->body_hash, committed.created ? "created" : ""};
  }
  Result<TxnResult> result = store_.Commit(std::move(txn));
  if (!result) return Fail(result.error());
  if (result->outcome == TxnOutcome::kReplayed) return Committed{result->revision, true, committed.created, {}};
  if (result->outcome != TxnOutcome::kCommitted) {
    return Fail(ErrorCode::kInternal, "the store refused a transaction without conditions");
  }
  committed.revision = result->revision;
  const std::shared_ptr<const ProjectView> view = ViewAfter(prepared, result->revision);
  PublishView(prepared.project, view, result->revision);
  for (const auto& [scope, ruleset] : prepared.opened) {
    feed_.Open(scope, EncodeEntities(SnapshotOf(view->definitions, scope.environment, result->revision).entities),
               ruleset, result->revision, result->revision);
  }
  feed_.Publish(result->revision, std::move(prepared.encoded));
  for (const std::string& name : prepared.closed) feed_.Close({prepared.project, name});
  return committed;
}

std::shared_ptr<const ProjectView> Catalog::Impl::ViewAfter(const Prepared& prepared, Revision revision) const {
  if (!prepared.after) return nullptr;
  auto view = std::make_shared<ProjectView>();
  if (prepared.before) {
    view->revisions = prepared.before->revisions;
    view->revision = prepared.before->revision;
  }
  view->definitions = *prepared.after;
  if (prepared.project_changed) view->revision = revision;
  for (const EntityRecord& record : prepared.changes.upserts) view->revisions[RefOf(record)] = revision;
  for (const EntityRef& ref : prepared.changes.removals) view->revisions.erase(ref);
  return view;
}

void Catalog::Impl::PublishView(const std::string& project, std::shared_ptr<const ProjectView> view,
                                Revision revision) {
  auto next = std::make_shared<CatalogView>(*View());
  next->revision = revision;
  if (view) {
    next->projects[project] = std::move(view);
  } else if (!project.empty()) {
    next->projects.erase(project);
  }
  MutexLock lock(view_mutex_);
  view_ = std::move(next);
}

Result<Committed> Catalog::Impl::PutProject(const Project& project, std::optional<Revision> if_match, bool must_be_new,
                                            const Author& author, std::optional<IdempotencyKey> idempotency) {
  MutexLock lock(writer_);
  std::string response;
  Result<std::optional<TxnResult>> replay = Replay(author, idempotency, &response);
  if (!replay) return Fail(replay.error());
  if (*replay) return Committed{(*replay)->revision, true, response == "created", {}};
  const auto catalog = View();
  const auto held = catalog->projects.find(project.key);
  const bool there = held != catalog->projects.end();
  if (there && must_be_new) return Fail(ErrorCode::kAlreadyExists, "project '" + project.key + "' exists");
  if (!there && if_match) return Fail(NotFound("project '" + project.key + "'"));
  if (there && if_match && held->second->revision > *if_match) {
    return Fail(ChangedSince("project '" + project.key + "'", held->second->revision, *if_match));
  }
  Definitions after;
  if (there) after = held->second->definitions;
  after.project = project;
  Result<Prepared> prepared = Prepare(project.key, there ? held->second : nullptr, std::move(after));
  if (!prepared) return Fail(prepared.error());
  return Write(*std::move(prepared), there ? "project.change" : "project.create", author, idempotency);
}

Result<Committed> Catalog::Impl::DeleteProject(std::string_view key, std::optional<Revision> if_match,
                                               const Author& author, std::optional<IdempotencyKey> idempotency) {
  MutexLock lock(writer_);
  Result<std::optional<TxnResult>> replay = Replay(author, idempotency);
  if (!replay) return Fail(replay.error());
  if (*replay) return Committed{(*replay)->revision, true, false, {}};
  const auto catalog = View();
  const auto held = catalog->projects.find(std::string(key));
  if (held == catalog->projects.end()) return Fail(NotFound("project '" + std::string(key) + "'"));
  const ProjectView& view = *held->second;
  if (if_match && view.revision > *if_match) {
    return Fail(ChangedSince("project '" + std::string(key) + "'", view.revision, *if_match));
  }
  if (!view.revisions.empty()) {
    return Fail(ErrorCode::kConflict, "project '" + std::string(key) + "' still holds " +
                                          std::to_string(view.revisions.size()) + " definitions, the first is " +
                                          view.revisions.begin()->first.ToText() + "; remove them first");
  }
  Result<Prepared> prepared = Prepare(key, held->second, std::nullopt);
  if (!prepared) return Fail(prepared.error());
  return Write(*std::move(prepared), "project.delete", author, idempotency);
}

Result<WorkspacePlan> Catalog::Impl::ApplyWorkspace(const WorkspaceRequest& request) {
  MutexLock lock(writer_);
  WorkspacePlan plan;
  if (!request.dry_run) {
    std::string response;
    Result<std::optional<TxnResult>> replay = Replay(request.author, request.idempotency, &response);
    if (!replay) return Fail(replay.error());
    if (*replay) {
      plan.revision = (*replay)->revision;
      plan.replayed = true;
      return plan;
    }
  }
  const std::string& key = request.workspace.project.key;
  const auto catalog = View();
  const auto held = catalog->projects.find(key);
  const std::shared_ptr<const ProjectView> before = held == catalog->projects.end() ? nullptr : held->second;
  Result<std::map<EntityRef, Value>> base = ReadApplied(store_, key);
  if (!base) return Fail(base.error());
  Result<MergedWorkspace> merged =
      MergeWorkspace(*base, before ? before->definitions : Definitions(), request.workspace, request.prune);
  if (!merged) return Fail(merged.error());
  plan.conflicts = std::move(merged->conflicts);
  Result<Prepared> prepared = Prepare(key, before, std::move(merged->definitions));
  if (!prepared && plan.conflicts.empty()) return Fail(prepared.error());
  if (prepared) {
    plan.changes = DescribePlan(before ? &before->definitions : nullptr, *prepared->after);
    plan.warnings = prepared->warnings;
  }
  if (!plan.conflicts.empty() || request.dry_run) return plan;
  prepared->extra = std::move(merged->applied);
  Result<Committed> committed = Write(*std::move(prepared), "workspace.apply", request.author, request.idempotency);
  if (!committed) return Fail(committed.error());
  plan.revision = committed->revision;
  plan.replayed = committed->replayed;
  return plan;
}

Result<Committed> Catalog::Impl::PutItem(const Item& item, std::string_view action, const Author& author) {
  MutexLock lock(writer_);
  const std::string key = ItemStoreKey(item.space, item.id);
  Txn txn;
  txn.ops.push_back(item.value.empty() ? TxnOp::Delete(key) : TxnOp::Put(key, item.value));
  txn.revision = RevisionRecord{EncodeItemLog(item.space, item.id),
                                EncodeAudit(author.principal, author.request_id, author.comment, action, item.id)};
  Result<TxnResult> result = store_.Commit(std::move(txn));
  if (!result) return Fail(result.error());
  PublishView("", nullptr, result->revision);
  feed_.Publish(result->revision, {});
  return Committed{result->revision, false, false, {}};
}

// ---- Reading -----------------------------------------------------------------------------------------------------

Result<std::vector<Item>> Catalog::Impl::Items(std::string_view space) const {
  const std::string prefix = ItemStoreKey(space, "");
  const Result<RangeResult> range = store_.Range(RangeQuery::Prefix(prefix));
  if (!range) return Fail(range.error());
  std::vector<Item> items;
  for (const KeyValue& entry : range->entries) {
    items.push_back({std::string(space), entry.key.substr(prefix.size()), entry.value});
  }
  return items;
}

Result<Snapshot> Catalog::Impl::SnapshotAt(std::string_view project, std::string_view environment,
                                           Revision revision) const {
  const std::string place = "environment '" + std::string(environment) + "' of project '" + std::string(project) +
                            "' at revision " + std::to_string(revision);
  const Result<Position> position = store_.PositionOf(revision);
  if (!position) return Fail(position.error());
  const auto stored = store_.Get(ProjectStoreKey(project), *position);
  if (!stored) return Fail(stored.error());
  if (!*stored) return Fail(NotFound(place));
  Result<Project> held = DecodeProjectText((*stored)->key, (*stored)->value);
  if (!held) return Fail(held.error());
  if (held->FindEnvironment(environment) == nullptr) return Fail(NotFound(place));
  const Result<RangeResult> range = store_.Range(RangeQuery::Prefix(EntityPrefix(project), *position));
  if (!range) return Fail(range.error());
  Definitions definitions;
  definitions.project = *std::move(held);
  for (const KeyValue& entry : range->entries) {
    Result<StoredEntity> entity = DecodeEntityText(entry.key, entry.value);
    if (!entity) return Fail(entity.error());
    AppendEntity(definitions.entities, std::move(entity->record));
  }
  Snapshot snapshot = SnapshotOf(definitions, environment, revision);
  snapshot.epoch = store_.Epoch();
  return snapshot;
}

Result<EntityRecord> Catalog::Impl::EntityAt(std::string_view project, const EntityRef& ref, Revision revision) const {
  const Result<Position> position = store_.PositionOf(revision);
  if (!position) return Fail(position.error());
  const auto stored = store_.Get(EntityStoreKey(project, ref), *position);
  if (!stored) return Fail(stored.error());
  if (!*stored) {
    return Fail(
        NotFound(std::string(ToString(ref.kind)) + " '" + ref.key + "' at revision " + std::to_string(revision)));
  }
  Result<StoredEntity> entity = DecodeEntityText((*stored)->key, (*stored)->value);
  if (!entity) return Fail(entity.error());
  return std::move(entity->record);
}

// ---- The face ----------------------------------------------------------------------------------------------------

Catalog::Catalog(Store& store, Feed& feed, CatalogOptions options)
    : impl_(std::make_unique<Impl>(store, feed, std::move(options))) {}
Catalog::~Catalog() = default;

Status Catalog::Load() {
  return impl_->Load();
}
Result<Committed> Catalog::Commit(const CommitRequest& request) {
  return impl_->Commit(request);
}
Result<WorkspacePlan> Catalog::ApplyWorkspace(const WorkspaceRequest& request) {
  return impl_->ApplyWorkspace(request);
}
Result<Committed> Catalog::PutProject(const Project& project, std::optional<Revision> if_match, bool must_be_new,
                                      const Author& author, std::optional<IdempotencyKey> idempotency) {
  return impl_->PutProject(project, if_match, must_be_new, author, std::move(idempotency));
}
Result<Committed> Catalog::DeleteProject(std::string_view project, std::optional<Revision> if_match,
                                         const Author& author, std::optional<IdempotencyKey> idempotency) {
  return impl_->DeleteProject(project, if_match, author, std::move(idempotency));
}
Result<Committed> Catalog::PutItem(const Item& item, std::string_view action, const Author& author) {
  return impl_->PutItem(item, action, author);
}
std::shared_ptr<const CatalogView> Catalog::View() const {
  return impl_->View();
}
Result<std::vector<Item>> Catalog::Items(std::string_view space) const {
  return impl_->Items(space);
}
Result<Snapshot> Catalog::SnapshotAt(std::string_view project, std::string_view environment, Revision revision) const {
  return impl_->SnapshotAt(project, environment, revision);
}
Result<EntityRecord> Catalog::EntityAt(std::string_view project, const EntityRef& ref, Revision revision) const {
  return impl_->EntityAt(project, ref, revision);
}

}  // namespace guidon
