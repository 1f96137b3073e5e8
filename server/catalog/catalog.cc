#include "server/catalog/catalog.h"

#include <algorithm>
#include <cstdlib>
#include <set>
#include <utility>

#include "core/allocate/allocate.h"
#include "core/base/json.h"
#include "core/codec/codec.h"
#include "core/codec/wire.h"
#include "core/diff/audience.h"
#include "core/diff/reach.h"
#include "core/model/units.h"
#include "core/ruleset/ruleset.h"
#include "core/validate/validate.h"
#include "server/catalog/merge_patch.h"
#include "server/catalog/records.h"
#include "server/catalog/workspace_merge.h"
#include "server/store/system_clock.h"

namespace guidon {
namespace {

std::chrono::sys_days SystemToday() {
  return std::chrono::floor<std::chrono::days>(std::chrono::system_clock::now());
}

Error NotFound(std::string what) {
  return {ErrorCode::kNotFound, "there is no " + std::move(what), {}};
}

Error ChangedSince(const std::string& what, Revision changed, Revision expected) {
  return {ErrorCode::kStale,
          what + " changed in revision " + std::to_string(changed) + ", after revision " + std::to_string(expected) +
              "; read it again",
          {}};
}

// One entity before and after a commit; at least one of both is there.
struct Step {
  EntityRef ref;
  std::optional<EntityRecord> before, after;
};

// Entities that are new, differ or are gone, by kind and key.
using Steps = std::vector<Step>;

template <typename RecordType>
void CompareLists(const std::vector<RecordType>& before, const std::vector<RecordType>& after, EntityKind kind,
                  Steps& steps) {
  std::map<std::string_view, std::pair<const RecordType*, const RecordType*>> both;
  for (const RecordType& record : before) both[record.definition.key].first = &record;
  for (const RecordType& record : after) both[record.definition.key].second = &record;
  for (const auto& [key, pair] : both) {
    const auto& [old, now] = pair;
    if (old != nullptr && now != nullptr && *old == *now) continue;
    Step& step = steps.emplace_back();
    step.ref = {kind, std::string(key)};
    if (old != nullptr) step.before = *old;
    if (now != nullptr) step.after = *now;
  }
}

Steps Compare(const EntitySet& before, const EntitySet& after) {
  Steps steps;
  CompareLists(before.flags, after.flags, EntityKind::kFlag, steps);
  CompareLists(before.segments, after.segments, EntityKind::kSegment, steps);
  CompareLists(before.layers, after.layers, EntityKind::kLayer, steps);
  CompareLists(before.holdouts, after.holdouts, EntityKind::kHoldout, steps);
  CompareLists(before.experiments, after.experiments, EntityKind::kExperiment, steps);
  CompareLists(before.metrics, after.metrics, EntityKind::kMetric, steps);
  return steps;
}

// What the view says of an entity beside its definition, once a revision has altered it.
void NoteStep(const Step& step, Revision revision, Timestamp time, ProjectView& view) {
  if (step.after) {
    view.revisions[step.ref] = revision;
  } else {
    view.revisions.erase(step.ref);
  }
  if (step.ref.kind != EntityKind::kHoldout) return;
  if (!step.after) {
    view.holdouts_made.erase(step.ref.key);
  } else if (!step.before) {
    view.holdouts_made[step.ref.key] = time;
  }
}

// Of an experiment; null for all else.
Value MoveOf(const Step& step) {
  const auto experiment = [](const std::optional<EntityRecord>& record) {
    return record ? std::get_if<ExperimentRecord>(&*record) : nullptr;
  };
  const ExperimentRecord *const before = experiment(step.before), *const after = experiment(step.after);
  return before == nullptr && after == nullptr ? Value() : DescribeMove(before, after);
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
EncodedChange EncodeFor(std::string_view environment, const Steps& steps) {
  EncodedChange encoded;
  for (const Step& step : steps) {
    const auto old_part = step.before ? EnvironmentPart(*step.before, environment) : std::nullopt;
    const auto part = step.after ? EnvironmentPart(*step.after, environment) : std::nullopt;
    if (part && part != old_part) encoded.upserts.push_back(EncodeEntity(*part));
    if (!part && old_part) encoded.removals.push_back(step.ref);
  }
  return encoded;
}

bool Alters(const EncodedChange& change) {
  return !change.upserts.empty() || !change.removals.empty();
}

}  // namespace

Error ChangeRequestRequired(std::string message) {
  Issue issue;
  issue.severity = Severity::kError;
  issue.code = kChangeRequestRequired;
  issue.message = "it takes approvals of others";
  return {ErrorCode::kConflict, std::move(message), {std::move(issue)}};
}

const ProjectView* CatalogView::FindProject(std::string_view key) const {
  const auto held = projects.find(std::string(key));
  return held == projects.end() ? nullptr : held->second.get();
}

const ExperimentRecord* CatalogView::FindExperiment(std::string_view project, std::string_view key) const {
  const ProjectView* held = FindProject(project);
  return held == nullptr ? nullptr : held->definitions.entities.FindExperiment(key);
}

class Catalog::Impl {
 public:
  Impl(Store& store, Feed& feed, CatalogOptions options)
      : store_(store),
        feed_(feed),
        options_(std::move(options)),
        audit_(store, options_.audit_key),
        view_(std::make_shared<const CatalogView>()) {
    if (!options_.today) options_.today = SystemToday;
    if (!options_.now) options_.now = SystemNow;
  }

  Status Load();
  Result<Committed> Commit(const CommitRequest& request);
  Result<WorkspacePlan> ApplyWorkspace(const WorkspaceRequest& request);
  Result<Committed> MoveRamp(const RampRequest& request);
  Result<Committed> MoveExperiment(const ExperimentRequest& request);
  Result<Committed> PutProject(const Project& project, const Precondition& condition, const Author& author,
                               const std::optional<IdempotencyKey>& idempotency, const Permit& permit);
  Result<Committed> DeleteProject(std::string_view key, const Precondition& condition, const Author& author,
                                  const std::optional<IdempotencyKey>& idempotency, const Permit& permit);
  Result<Committed> PutEnvironment(std::string_view project, const EnvironmentDefinition& environment,
                                   const Precondition& condition, const Author& author,
                                   const std::optional<IdempotencyKey>& idempotency, const Permit& permit);
  Result<Committed> DeleteEnvironment(std::string_view project, std::string_view environment,
                                      const Precondition& condition, const Author& author,
                                      const std::optional<IdempotencyKey>& idempotency, const Permit& permit);
  Result<Committed> PutItems(const std::vector<Item>& items, std::string_view action, const Author& author,
                             const Precondition& condition, std::vector<Revision> redact);
  Result<Committed> Note(const AuditNote& note);

  std::shared_ptr<const CatalogView> View() const {
    MutexLock lock(view_mutex_);
    return view_;
  }
  Result<std::vector<Item>> Items(std::string_view space, std::string_view prefix) const;
  Result<std::optional<Item>> FindItem(std::string_view space, std::string_view id) const;
  Status Settle() {
    MutexLock lock(writer_);
    return CatchUp();
  }
  Result<ProjectView> ProjectAt(std::string_view project, Revision revision) const;
  Result<Snapshot> SnapshotAt(std::string_view project, std::string_view environment, Revision revision) const;
  Result<EntityVersion> EntityAt(std::string_view project, const EntityRef& ref, Revision revision) const;
  Result<EntityHistory> HistoryOf(std::string_view project, const EntityRef& ref, Revision cursor,
                                  std::size_t limit) const;
  AuditLog& audit() { return audit_; }

 private:
  using Projects = std::map<std::string, ProjectView>;

  // The answer to the first of equal requests.
  struct First : Committed {
    bool changed = true;  // it took that revision, and did not only find nothing to do there
  };

  // A change that has passed every check and only needs to be written.
  struct Prepared {
    std::string project;
    std::shared_ptr<const ProjectView> before;  // null: the project is new
    std::optional<Definitions> after;           // absent: the project goes
    bool project_changed = false;
    bool created = false;  // what the answer says
    std::string about;     // an environment, altered or not; empty: those that are
    Steps steps;
    std::map<Scope, EncodedChange> encoded;  // environments that existed before
    std::map<Scope, std::shared_ptr<const Ruleset>> opened;
    std::vector<std::string> closed;      // environments that go
    std::vector<TxnOp> extra;             // written in the same transaction
    std::vector<AuditSubject> items;      // of those, what the audit entry names
    std::vector<std::string> overridden;  // protected environments that it may alter without approvals
    Value finding;                        // of an experiment, for which it is done
    std::vector<Issue> warnings;
    bool empty() const { return !project_changed && steps.empty() && extra.empty(); }
  };

  std::shared_ptr<const ProjectView> FindProject(std::string_view key) const;
  Result<Definitions> Edited(const ProjectView& before, const std::vector<Edit>& edits) const;
  // `ordered`: the experiment that MoveExperiment has moved, if it has.
  Result<Prepared> Prepare(std::string_view project, std::shared_ptr<const ProjectView> before,
                           std::optional<Definitions> after, const Author& author, std::string_view ordered = {})
      GUIDON_REQUIRES(writer_);
  Status CompileAll(Prepared& prepared) GUIDON_REQUIRES(writer_);
  // `with_leaned_on` costs as much again.
  static Alteration AlterationOf(const Prepared& prepared, bool with_leaned_on);
  // The answer to a dry run.
  Committed Planned(const std::shared_ptr<const ProjectView>& held, Prepared prepared) const;
  static Status AskPermit(const Permit& permit, const Author& author, Prepared& prepared);
  // Into `prepared`: items that are written with it.
  Status AddItems(const std::vector<Item>& items, Prepared& prepared) const;
  // That what a change request or a comment is about is there: it would be that of the next of that name.
  Status HasSubject(const Item& item) const GUIDON_REQUIRES(writer_);
  // What belongs to a definition that goes, or to a project.
  Status ForgetItems(std::string_view space, const std::string& prefix, std::vector<TxnOp>& ops) const;
  // So that new experiments count on from those that were deleted under their keys (kIterationsSpace).
  Status CountOn(std::string_view project, const Definitions* before, Definitions& after) const
      GUIDON_REQUIRES(writer_);
  // The project with what it is called, described and divided into; definitions stay.
  Result<Committed> ChangeProject(const std::shared_ptr<const ProjectView>& present, Project next,
                                  std::string_view action, const Author& author,
                                  const std::optional<IdempotencyKey>& idempotency, const Permit& permit)
      GUIDON_REQUIRES(writer_);
  Result<Committed> Write(Prepared prepared, std::string_view action, const Author& author,
                          const std::optional<IdempotencyKey>& idempotency) GUIDON_REQUIRES(writer_);
  static AuditEntry AuditOf(const Prepared& prepared, const Author& author, std::string_view action);
  Status RememberNoChange(const Author& author, const std::optional<IdempotencyKey>& idempotency, Revision revision)
      GUIDON_REQUIRES(writer_);
  // What every change begins with: the state is the store's, and a repetition gets its first answer.
  Result<std::optional<First>> Begin(std::string_view project, const Author& author,
                                     const std::optional<IdempotencyKey>& idempotency) GUIDON_REQUIRES(writer_);
  First FirstAnswer(std::string_view project, const TxnResult& first) const;
  std::shared_ptr<const ProjectView> ViewAfter(const Prepared& prepared, const TxnResult& written) const;
  // What is of no project's definitions: nobody is served anything else for it.
  Result<Committed> CommitApart(Txn txn) GUIDON_REQUIRES(writer_);
  void PublishView(const std::string& project, std::shared_ptr<const ProjectView> view, Revision revision);
  void SetView(std::shared_ptr<const CatalogView> next);

  Status CatchUp() GUIDON_REQUIRES(writer_);
  Status Follow(Revision from, bool live, Projects& projects) GUIDON_REQUIRES(writer_);
  Status ReplayTxn(const CommittedTxn& txn, bool live, Projects& projects);
  Result<ProjectView> ReadProject(const KeyValue& stored, Position at) const;
  Result<Revision> OldestReadable() const;
  Error InRevisions(const Error& error, Revision asked) const;

  Store& store_;
  Feed& feed_;
  CatalogOptions options_;
  AuditLog audit_;

  Mutex writer_;  // one change at a time, from reading the state to publishing the next
  bool in_doubt_ GUIDON_GUARDED_BY(writer_) = false;  // the last commit was neither done nor refused

  mutable Mutex view_mutex_;
  std::shared_ptr<const CatalogView> view_ GUIDON_GUARDED_BY(view_mutex_);
};

// ---- Loading -----------------------------------------------------------------------------------------------------

// Reads the state as of some revisions ago and replays the transactions since then, so that the feed's rings are
// filled and streams resume across a restart as if nothing had happened.
Status Catalog::Impl::Load() {
  MutexLock lock(writer_);
  const StoreHead head = store_.Head();
  const Result<Revision> oldest = OldestReadable();
  if (!oldest) return Fail(oldest.error());
  Revision from = head.revision > options_.replayed_revisions ? head.revision - options_.replayed_revisions : 0;
  if (store_.compacted() > 0) from = std::max(from, *oldest);
  Position position = 0;  // of that state
  if (from > head.revision) {
    from = head.revision;
    position = head.position;
  } else if (from > 0) {
    const Result<Position> found = store_.PositionOf(from);
    if (!found) return Fail(found.error());
    position = *found;
  }
  Projects projects;
  if (position > 0) {
    const Result<RangeResult> stored = store_.Range(RangeQuery::Prefix("project/", position));
    if (!stored) return Fail(stored.error());
    for (const KeyValue& entry : stored->entries) {
      Result<ProjectView> view = ReadProject(entry, position);
      if (!view) return Fail(view.error());
      projects.emplace(view->definitions.project.key, *std::move(view));
    }
  }
  // Who holds an older revision may hold what was removed before `from`: only from there on can streams resume.
  for (const auto& [key, view] : projects) {
    for (const std::string& environment : EnvironmentNames(view.definitions.project)) {
      feed_.Open({key, environment}, EncodeEntities(SnapshotOf(view.definitions, environment, from).entities), nullptr,
                 from, from);
    }
  }
  if (Status followed = Follow(from, false, projects); !followed) return followed;
  auto next = std::make_shared<CatalogView>();
  next->revision = head.revision;
  for (auto& [key, view] : projects) {
    SortByKey(view.definitions.entities);
    for (const std::string& environment : EnvironmentNames(view.definitions.project)) {
      feed_.SetRuleset({key, environment}, Compile(SnapshotOf(view.definitions, environment, head.revision)));
    }
    next->projects.emplace(key, std::make_shared<const ProjectView>(std::move(view)));
  }
  feed_.Publish(head.revision, {});
  MutexLock view_lock(view_mutex_);
  view_ = std::move(next);
  return {};
}

// By halves, as revisions and positions grow together. One more than the newest when even that is only readable at a
// later position.
Result<Revision> Catalog::Impl::OldestReadable() const {
  const Position compacted = store_.compacted();
  Revision low = 1, high = store_.Head().revision + 1;
  while (low < high) {
    const Revision middle = low + (high - low) / 2;
    const Result<Position> position = store_.PositionOf(middle);
    if (!position) return Fail(position.error());
    if (*position < compacted) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  return low;
}

// After a commit whose end the store could not tell, it may be there all the same. Then it is taken in before anything
// is built on a state that is no longer the store's.
Status Catalog::Impl::CatchUp() {
  if (in_doubt_) {
    // A full disk may still hold it up. A transaction that cannot commit gets its answer after it: then it is decided.
    Txn probe;
    probe.compares = {TxnCompare::Exists("probe")};
    probe.ops = {TxnOp::Put("probe", "")};
    if (const Result<TxnResult> decided = store_.Commit(std::move(probe)); !decided) return Fail(decided.error());
    in_doubt_ = false;
  }
  const auto present = View();
  const StoreHead head = store_.Head();
  if (head.revision == present->revision) return {};
  Projects projects;
  for (const auto& [key, view] : present->projects) projects.emplace(key, *view);
  if (Status followed = Follow(present->revision, true, projects); !followed) return followed;
  auto next = std::make_shared<CatalogView>();
  next->revision = head.revision;
  for (auto& [key, view] : projects) {
    SortByKey(view.definitions.entities);
    next->projects.emplace(key, std::make_shared<const ProjectView>(std::move(view)));
  }
  SetView(std::move(next));
  return {};
}

// Takes in every revision after `from`. One by one: between two of them may lie any number of transactions without
// one, events above all.
Status Catalog::Impl::Follow(Revision from, bool live, Projects& projects) {
  for (Revision next = from + 1; next <= store_.Head().revision; ++next) {
    const Result<Position> position = store_.PositionOf(next);
    if (!position) return Fail(position.error());
    const WatchEvent event = store_.Watch(*position - 1, [] {})->Next();
    const auto* txn = std::get_if<CommittedTxn>(&event);
    if (txn == nullptr) {
      return Fail(ErrorCode::kCorrupt,
                  "the store cannot tell what was committed since revision " + std::to_string(from));
    }
    if (Status replayed = ReplayTxn(*txn, live, projects); !replayed) return replayed;
  }
  return {};
}

Result<ProjectView> Catalog::Impl::ReadProject(const KeyValue& stored, Position at) const {
  ProjectView view;
  Result<Project> project = DecodeProjectText(stored.key, stored.value);
  if (!project) return Fail(project.error());
  view.definitions.project = *std::move(project);
  view.revision = stored.modified_revision;
  const Result<RangeResult> entities = store_.Range(RangeQuery::Prefix(EntityPrefix(view.definitions.project.key), at));
  if (!entities) return Fail(entities.error());
  for (const KeyValue& entry : entities->entries) {
    Result<StoredEntity> entity = DecodeEntityText(entry.key, entry.value);
    if (!entity) return Fail(entity.error());
    const EntityRef ref = RefOf(entity->record);
    view.revisions[ref] = entry.modified_revision;
    if (ref.kind == EntityKind::kHoldout) {
      const auto made = store_.Revisions(entry.created_revision, entry.created_revision, 1);
      if (!made) return Fail(made.error());
      if (!made->empty()) view.holdouts_made[ref.key] = made->front().time;
    }
    view.definitions.entities.Append(std::move(entity->record));
  }
  return view;
}

// `live`: streams and readers are there already, so rulesets are compiled with every step; else once at the end.
Status Catalog::Impl::ReplayTxn(const CommittedTxn& txn, bool live, Projects& projects) {
  if (txn.revision == 0) return {};
  struct Touched {
    std::optional<Project> before;  // absent: the project is new
    Steps steps;
  };
  std::map<std::string, Touched> touched;
  const auto touch = [&](const std::string& project) -> Touched& {
    const auto [it, added] = touched.try_emplace(project);
    const auto view = projects.find(project);
    if (added && view != projects.end()) it->second.before = view->second.definitions.project;
    return it->second;
  };
  for (const TxnOp& op : txn.ops) {
    const StoreKey key = ParseStoreKey(op.key);
    if (key.kind == StoreKey::Kind::kProject) {
      touch(key.project);
      if (op.kind == TxnOp::Kind::kDelete) {
        projects.erase(key.project);
        continue;
      }
      Result<Project> project = DecodeProjectText(op.key, op.value);
      if (!project) return Fail(project.error());
      projects[key.project].definitions.project = *std::move(project);
      projects[key.project].revision = txn.revision;
    } else if (key.kind == StoreKey::Kind::kEntity) {
      Step& step = touch(key.project).steps.emplace_back();
      ProjectView& view = projects[key.project];
      step.ref = key.ref;
      step.before = view.definitions.entities.Find(key.ref);
      if (op.kind == TxnOp::Kind::kDelete) {
        view.definitions.entities.Remove(key.ref);
        NoteStep(step, txn.revision, txn.time, view);
        continue;
      }
      Result<StoredEntity> entity = DecodeEntityText(op.key, op.value);
      if (!entity) return Fail(entity.error());
      step.after = entity->record;
      NoteStep(step, txn.revision, txn.time, view);
      view.definitions.entities.Upsert(std::move(entity->record));
    } else if (key.kind == StoreKey::Kind::kItem && live && options_.on_item) {
      Item item;
      item.space = key.project;
      item.id = op.key.substr(ItemStoreKey(key.project, "").size());
      if (op.kind == TxnOp::Kind::kPut) item.value = op.value;
      item.revision = txn.revision;
      options_.on_item(item);
    }
  }
  const auto ruleset_of = [&](const Definitions& definitions, const std::string& environment) {
    return live ? Compile(SnapshotOf(definitions, environment, txn.revision)) : nullptr;
  };
  std::map<Scope, EncodedChange> encoded;
  std::vector<Scope> closed;
  for (const auto& [project, change] : touched) {
    const auto view = projects.find(project);
    const Definitions* now = view == projects.end() ? nullptr : &view->second.definitions;
    for (const std::string& name : change.before ? EnvironmentNames(*change.before) : std::vector<std::string>()) {
      if (now == nullptr || now->project.FindEnvironment(name) == nullptr) {
        closed.push_back({project, name});
      } else if (EncodedChange part = EncodeFor(name, change.steps); Alters(part)) {
        part.ruleset = ruleset_of(*now, name);
        encoded.emplace(Scope{project, name}, std::move(part));
      }
    }
    for (const std::string& name : now == nullptr ? std::vector<std::string>() : EnvironmentNames(now->project)) {
      if (change.before && change.before->FindEnvironment(name) != nullptr) continue;
      feed_.Open({project, name}, EncodeEntities(SnapshotOf(*now, name, txn.revision).entities), ruleset_of(*now, name),
                 txn.revision, txn.revision);
    }
  }
  feed_.Publish(txn.revision, std::move(encoded));
  for (const Scope& scope : closed) feed_.Close(scope);
  return {};
}

// ---- Changing ----------------------------------------------------------------------------------------------------

namespace {

// What a repetition is told beside the revision of the first transaction, kept with the idempotency key: "created",
// "changed", or "unchanged 17" when there was nothing to change at revision 17.
constexpr std::string_view kUnchanged = "unchanged ";

Idempotency Once(const Author& author, const IdempotencyKey& key, std::string answer) {
  return {author.principal, key.key, key.body_hash, std::move(answer)};
}

// `changed`: the revision that last changed it; 0 when it is not there.
Status CheckPrecondition(const Precondition& condition, const std::string& name, Revision changed) {
  const bool there = changed != 0;
  if (condition.must_be_new && there) return Fail(ErrorCode::kAlreadyExists, name + " exists");
  if (!there && (condition.if_match || condition.must_exist)) {
    return Fail(
        ErrorCode::kStale,
        name + " is not there (any more)" +
            (condition.if_match ? ", but you expected it as of revision " + std::to_string(*condition.if_match) : ""));
  }
  if (condition.if_match && changed > *condition.if_match) {
    return Fail(ChangedSince(name, changed, *condition.if_match));
  }
  return {};
}

std::string NameOf(std::string_view project) {
  return "project '" + std::string(project) + "'";
}

AuditEntry EntryBy(const Author& author, std::string_view action) {
  AuditEntry entry;
  entry.principal = author.principal;
  entry.action = action;
  entry.request_id = author.request_id;
  entry.address = author.address;
  entry.comment = author.comment;
  entry.change_request = author.change_request;
  entry.requested_by = author.requested_by;
  entry.approved_by = author.approved_by;
  return entry;
}

std::string_view ChangeOf(bool was_there, bool is_there) {
  if (!was_there) return "create";
  return is_there ? "change" : "remove";
}

}  // namespace

std::shared_ptr<const ProjectView> Catalog::Impl::FindProject(std::string_view key) const {
  const auto catalog = View();
  const auto held = catalog->projects.find(std::string(key));
  return held == catalog->projects.end() ? nullptr : held->second;
}

Result<std::optional<Catalog::Impl::First>> Catalog::Impl::Begin(std::string_view project, const Author& author,
                                                                 const std::optional<IdempotencyKey>& idempotency) {
  if (Status present = CatchUp(); !present) return Fail(present.error());
  if (!idempotency) return std::nullopt;
  // A transaction that cannot commit: it only asks whether this key was answered before.
  Txn probe;
  probe.compares = {TxnCompare::Exists("probe")};
  probe.ops = {TxnOp::Put("probe", "")};
  probe.idempotency = Once(author, *idempotency, "");
  const Result<TxnResult> result = store_.Commit(std::move(probe));
  if (!result) return Fail(result.error());
  if (result->outcome != TxnOutcome::kReplayed) return std::nullopt;
  return FirstAnswer(project, *result);
}

Catalog::Impl::First Catalog::Impl::FirstAnswer(std::string_view project, const TxnResult& first) const {
  First committed;
  committed.replayed = true;
  committed.created = first.response == "created";
  committed.revision = first.revision;
  if (first.response.starts_with(kUnchanged)) {
    committed.changed = false;
    committed.revision = std::strtoull(first.response.c_str() + kUnchanged.size(), nullptr, 10);
  }
  if (Result<ProjectView> view = ProjectAt(project, committed.revision)) {
    committed.project = std::make_shared<const ProjectView>(*std::move(view));
  }
  return committed;
}

// The key is remembered with an answer even if nothing was to be changed: by the time of the repetition there may be.
Status Catalog::Impl::RememberNoChange(const Author& author, const std::optional<IdempotencyKey>& idempotency,
                                       Revision revision) {
  if (!idempotency) return {};
  Txn txn;
  txn.ops = {TxnOp::Delete("probe")};  // which is never there: a transaction has to write something
  txn.idempotency = Once(author, *idempotency, std::string(kUnchanged) + std::to_string(revision));
  const Result<TxnResult> result = store_.Commit(std::move(txn));
  in_doubt_ = !result && result.error().code == ErrorCode::kIndeterminate;
  if (!result) return Fail(result.error());
  return {};
}

Result<Committed> Catalog::Impl::Commit(const CommitRequest& request) {
  MutexLock lock(writer_);
  Result<std::optional<First>> first =
      Begin(request.project, request.author, request.dry_run ? std::nullopt : request.idempotency);
  if (!first) return Fail(first.error());
  if (*first) return **std::move(first);
  const auto held = FindProject(request.project);
  if (!held) return Fail(NotFound(NameOf(request.project)));
  Result<Definitions> after = Edited(*held, request.edits);
  if (!after) return Fail(after.error());
  Result<Prepared> prepared = Prepare(request.project, held, *std::move(after), request.author);
  if (!prepared) return Fail(prepared.error());
  if (request.dry_run) return Planned(held, *std::move(prepared));
  if (Status permitted = AskPermit(request.permit, request.author, *prepared); !permitted) {
    return Fail(permitted.error());
  }
  if (Status added = AddItems(request.items, *prepared); !added) return Fail(added.error());
  return Write(*std::move(prepared), request.action, request.author, request.idempotency);
}

Committed Catalog::Impl::Planned(const std::shared_ptr<const ProjectView>& held, Prepared prepared) const {
  Committed planned;
  planned.revision = View()->revision;
  planned.changes = DescribePlan(&held->definitions, *prepared.after);
  planned.alteration = AlterationOf(prepared, true);
  planned.warnings = std::move(prepared.warnings);
  planned.project = held;
  return planned;
}

Result<Committed> Catalog::Impl::MoveRamp(const RampRequest& request) {
  MutexLock lock(writer_);
  Result<std::optional<First>> first = Begin(request.project, request.author, request.idempotency);
  if (!first) return Fail(first.error());
  if (*first) return **std::move(first);
  const auto held = FindProject(request.project);
  if (!held) return Fail(NotFound(NameOf(request.project)));
  const EntityRef ref{EntityKind::kFlag, request.flag};
  const auto revision = held->revisions.find(ref);
  const Revision changed = revision == held->revisions.end() ? 0 : revision->second;
  if (Status holds = CheckPrecondition(request.condition, "flag '" + request.flag + "'", changed); !holds) {
    return Fail(holds.error());
  }
  const FlagRecord* flag = held->definitions.entities.FindFlag(request.flag);
  if (flag == nullptr) return Fail(NotFound("flag '" + request.flag + "'"));
  FlagRecord moved = *flag;
  const std::int64_t now_ms = options_.now().time_since_epoch().count();
  if (Status done = guidon::MoveRamp(moved, request.environment, request.rule, request.move, now_ms); !done) {
    return Fail(done.error());
  }
  Definitions after = held->definitions;
  after.entities.Upsert(std::move(moved));
  Result<Prepared> prepared = Prepare(request.project, held, std::move(after), request.author);
  if (!prepared) return Fail(prepared.error());
  prepared->about = request.environment;
  if (Status permitted = AskPermit(request.permit, request.author, *prepared); !permitted)
    return Fail(permitted.error());
  return Write(*std::move(prepared), "ramp." + std::string(ToString(request.move)), request.author,
               request.idempotency);
}

namespace {

// The audit entry's word, which is also the event that webhooks are told of.
std::string ActionOf(const ExperimentRequest& request, ExperimentStatus before) {
  if (request.ramp) {
    constexpr std::string_view kWords[] = {"ramp_step", "ramp_paused", "ramp_resumed", "ramp_aborted", "ramp_finished"};
    return "experiment." + std::string(kWords[static_cast<std::size_t>(*request.ramp)]);
  }
  if (!request.order) return "experiment." + request.finding->kind;
  if (request.order->move == ExperimentMove::kStop && before == ExperimentStatus::kScheduled) {
    return "experiment.unscheduled";
  }
  constexpr std::string_view kWords[] = {"started", "scheduled", "paused",     "resumed",
                                         "stopped", "concluded", "rolled_back"};
  return "experiment." + std::string(kWords[static_cast<std::size_t>(request.order->move)]);
}

}  // namespace

Result<Committed> Catalog::Impl::MoveExperiment(const ExperimentRequest& request) {
  MutexLock lock(writer_);
  Result<std::optional<First>> first =
      Begin(request.project, request.author, request.dry_run ? std::nullopt : request.idempotency);
  if (!first) return Fail(first.error());
  if (*first) return **std::move(first);
  const auto held = FindProject(request.project);
  if (!held) return Fail(NotFound(NameOf(request.project)));
  const EntityRef ref{EntityKind::kExperiment, request.experiment};
  const std::string name = "experiment '" + request.experiment + "'";
  const auto revision = held->revisions.find(ref);
  const Revision changed = revision == held->revisions.end() ? 0 : revision->second;
  if (Status holds = CheckPrecondition(request.condition, name, changed); !holds) return Fail(holds.error());
  const ExperimentRecord* before = held->definitions.entities.FindExperiment(request.experiment);
  if (before == nullptr) return Fail(NotFound(name));
  Definitions after = held->definitions;
  bool is_known = false;
  if (request.finding) {
    if (request.finding->iteration != before->state.iteration) {
      return Fail(ErrorCode::kConflict, "what was found of " + name + " is of iteration " +
                                            std::to_string(request.finding->iteration) + ", and it is in iteration " +
                                            std::to_string(before->state.iteration));
    }
    ExperimentRecord found = *before;
    is_known = !AddFinding(found.state, *request.finding);
    after.entities.Upsert(std::move(found));
  }
  const std::int64_t now_ms = options_.now().time_since_epoch().count();
  Status moved;
  if (!is_known && request.order) {
    moved = guidon::MoveExperiment(after, request.experiment, *request.order, request.author.principal, now_ms);
  } else if (!is_known && request.ramp) {
    moved = MoveExperimentRamp(after, request.experiment, *request.ramp, now_ms);
  }
  if (!moved) return Fail(moved.error());
  Result<Prepared> prepared =
      Prepare(request.project, held, std::move(after), request.author, request.order ? request.experiment : "");
  if (!prepared) return Fail(prepared.error());
  prepared->about = before->definition.environment;
  if (request.dry_run) return Planned(held, *std::move(prepared));
  if (request.finding) prepared->finding = EncodeFinding(*request.finding);
  if (Status permitted = AskPermit(request.permit, request.author, *prepared); !permitted) {
    return Fail(permitted.error());
  }
  return Write(*std::move(prepared), ActionOf(request, before->state.status), request.author, request.idempotency);
}

Status Catalog::Impl::AddItems(const std::vector<Item>& items, Prepared& prepared) const {
  for (const Item& item : items) {
    const std::string key = ItemStoreKey(item.space, item.id);
    const Result<std::optional<KeyValue>> held = store_.Get(key);
    if (!held) return Fail(held.error());
    prepared.items.push_back({item.space, item.id, std::string(ChangeOf(held->has_value(), !item.value.empty())),
                              *held ? (*held)->modified_revision : 0});
    prepared.extra.push_back(item.value.empty() ? TxnOp::Delete(key) : TxnOp::Put(key, item.value));
  }
  return {};
}

Status Catalog::Impl::HasSubject(const Item& item) const {
  const bool is_comment = item.space == kCommentSpace;
  if (item.value.empty() || (!is_comment && item.space != kChangeRequestSpace)) return {};
  const std::string_view id = item.id;
  const std::size_t slash = std::min(id.find('/'), id.size());
  const auto project = FindProject(id.substr(0, slash));
  if (!project) return Fail(NotFound(NameOf(id.substr(0, slash))));
  if (!is_comment) return {};
  // shop/flag/KEY/N, shop/change_request/N/N
  const std::string_view rest = id.substr(std::min(slash + 1, id.size()));
  const std::string_view subject = rest.substr(0, std::min(rest.rfind('/'), rest.size()));
  const std::size_t kind_ends = std::min(subject.find('/'), subject.size());
  const std::string kind(subject.substr(0, kind_ends));
  const std::string key(subject.substr(std::min(kind_ends + 1, subject.size())));
  bool is_there = false;
  if (kind == kChangeRequestSpace) {
    const Result<std::optional<KeyValue>> held =
        store_.Get(ItemStoreKey(kChangeRequestSpace, std::string(id.substr(0, slash)) + "/" + key));
    if (!held) return Fail(held.error());
    is_there = held->has_value();
  } else {
    is_there = project->revisions.contains({EntityKind::kFlag, key});
  }
  if (is_there) return {};
  return Fail(NotFound((kind == kChangeRequestSpace ? "change request " + key : "flag '" + key + "'") + " of " +
                       NameOf(id.substr(0, slash))));
}

Status Catalog::Impl::ForgetItems(std::string_view space, const std::string& prefix, std::vector<TxnOp>& ops) const {
  const Result<std::vector<Item>> items = Items(space, prefix);
  if (!items) return Fail(items.error());
  for (const Item& item : *items) ops.push_back(TxnOp::Delete(ItemStoreKey(space, item.id)));
  return {};
}

Status Catalog::Impl::CountOn(std::string_view project, const Definitions* before, Definitions& after) const {
  for (ExperimentRecord& record : after.entities.experiments) {
    const std::string& key = record.definition.key;
    if (before != nullptr && before->entities.FindExperiment(key) != nullptr) continue;
    const std::string name = IterationsStoreKey(project, key);
    const Result<std::optional<KeyValue>> held = store_.Get(name);
    if (!held) return Fail(held.error());
    if (!*held) continue;
    const Result<std::uint32_t> number = DecodeIterations(name, (*held)->value);
    if (!number) return Fail(number.error());
    record.state.iterations_before = *number;
  }
  return {};
}

Status Catalog::Impl::AskPermit(const Permit& permit, const Author& author, Prepared& prepared) {
  if (!permit) return {};
  const Alteration alteration = AlterationOf(prepared, !author.change_request.empty());
  if (Status permitted = permit(alteration); !permitted) return permitted;
  if (author.emergency.empty()) return {};
  for (const ProtectedEnvironment& environment : alteration.guarded) {
    if (author.approved_by.size() < environment.required_approvals) prepared.overridden.push_back(environment.name);
  }
  for (const ProtectedEnvironment& environment : alteration.lifted) {
    const auto& known = prepared.overridden;
    if (std::find(known.begin(), known.end(), environment.name) == known.end()) {
      prepared.overridden.push_back(environment.name);
    }
  }
  return {};
}

namespace {

// Null: the project goes.
std::vector<ProtectedEnvironment> Lifted(const Project& before, const Project* after) {
  std::vector<ProtectedEnvironment> lifted;
  for (const EnvironmentDefinition& held : before.environments) {
    if (!held.is_protected) continue;
    const EnvironmentDefinition* next = after == nullptr ? nullptr : after->FindEnvironment(held.key);
    if (next != nullptr && next->is_protected && next->required_approvals >= held.required_approvals) continue;
    lifted.push_back({held.key, held.required_approvals});
  }
  return lifted;
}

}  // namespace

Alteration Catalog::Impl::AlterationOf(const Prepared& prepared, bool with_leaned_on) {
  std::vector<EntityRef> changed;
  for (const Step& step : prepared.steps) changed.push_back(step.ref);
  static const EntitySet kNothing;
  const EntitySet& before = prepared.before ? prepared.before->definitions.entities : kNothing;
  const EntitySet& after = prepared.after ? prepared.after->entities : kNothing;
  Alteration alteration{prepared.project_changed, EnvironmentsAltered(changed, before, after), {}};
  if (with_leaned_on && prepared.before) {
    for (const EntityRef& ref : NewlyLeanedOn(changed, before, after)) {
      const auto held = prepared.before->revisions.find(ref);
      if (held != prepared.before->revisions.end()) alteration.leaned_on.insert(*held);
    }
  }
  for (const std::string& name : alteration.environments) {
    const EnvironmentDefinition* held =
        prepared.before ? prepared.before->definitions.project.FindEnvironment(name) : nullptr;
    if (held != nullptr && held->is_protected) alteration.guarded.push_back({name, held->required_approvals});
  }
  if (prepared.project_changed && prepared.before) {
    alteration.lifted =
        Lifted(prepared.before->definitions.project, prepared.after ? &prepared.after->project : nullptr);
  }
  // It takes the right there, and no approval while nobody gets another answer.
  std::vector<std::string>& environments = alteration.environments;
  const std::string& about = prepared.about;
  const auto place = std::lower_bound(environments.begin(), environments.end(), about);
  if (!about.empty() && (place == environments.end() || *place != about)) environments.insert(place, about);
  return alteration;
}

Result<Definitions> Catalog::Impl::Edited(const ProjectView& before, const std::vector<Edit>& edits) const {
  Definitions after = before.definitions;
  std::set<EntityRef> seen;
  std::vector<Issue> issues;
  for (const Edit& edit : edits) {
    const std::string name = std::string(ToString(edit.ref.kind)) + " '" + edit.ref.key + "'";
    if (!seen.insert(edit.ref).second) {
      issues.push_back({Severity::kError,
                        "duplicate_entity",
                        {},
                        name + " is changed twice in one commit",
                        "say it once",
                        edit.ref.ToText()});
      continue;
    }
    const auto revision = before.revisions.find(edit.ref);
    const bool there = revision != before.revisions.end();
    if (Status holds = CheckPrecondition(edit.condition, name, there ? revision->second : 0); !holds) {
      return Fail(holds.error());
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
                                                       std::optional<Definitions> after, const Author& author,
                                                       std::string_view ordered) {
  Prepared prepared;
  prepared.project = project;
  prepared.before = std::move(before);
  const Definitions* old = prepared.before ? &prepared.before->definitions : nullptr;
  if (after) {
    if (Status counted = CountOn(project, old, *after); !counted) return Fail(counted.error());
    std::vector<Issue> issues = Validate(*after, {.today = options_.today()});
    if (!HasErrors(issues)) {
      const std::int64_t now_ms = options_.now().time_since_epoch().count();
      std::vector<Issue> found = AllocateStates(old, *after, now_ms, author.principal);
      issues.insert(issues.end(), found.begin(), found.end());
      if (old != nullptr && !ordered.empty()) ForgetOrder(*old, *after, ordered);
    }
    if (HasErrors(issues)) {
      if (const auto referrers = ReferrersOfRemoved(old, *after, issues)) return Fail(*referrers);
      return Fail(InvalidError("the definitions are not valid", std::move(issues)));
    }
    if (old != nullptr) {
      std::vector<Issue> moved = AudienceWarnings(old->entities, after->entities);
      issues.insert(issues.begin(), moved.begin(), moved.end());
    }
    prepared.warnings = std::move(issues);
    SortByKey(after->entities);
  }
  prepared.after = std::move(after);
  static const Definitions kNothing;
  const Definitions& next = prepared.after ? *prepared.after : kNothing;
  prepared.project_changed = (old == nullptr) != !prepared.after || (old != nullptr && !(old->project == next.project));
  prepared.steps = Compare(old == nullptr ? EntitySet() : old->entities, next.entities);
  prepared.created =
      prepared.project_changed ? prepared.before == nullptr : prepared.steps.size() == 1 && !prepared.steps[0].before;
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
    EncodedChange change = existed ? EncodeFor(name, prepared.steps) : EncodedChange();
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

AuditEntry Catalog::Impl::AuditOf(const Prepared& prepared, const Author& author, std::string_view action) {
  AuditEntry entry = EntryBy(author, action);
  entry.project = prepared.project;
  std::set<std::string> environments(prepared.closed.begin(), prepared.closed.end());
  for (const auto& [scope, unused] : prepared.encoded) environments.insert(scope.environment);
  for (const auto& [scope, unused] : prepared.opened) environments.insert(scope.environment);
  if (!prepared.about.empty()) environments.insert(prepared.about);
  // Also where only the protection changes, and no answer.
  environments.insert(prepared.overridden.begin(), prepared.overridden.end());
  entry.environments.assign(environments.begin(), environments.end());
  if (prepared.project_changed) {
    entry.subjects.push_back({"project", prepared.project,
                              std::string(ChangeOf(prepared.before != nullptr, prepared.after.has_value())),
                              prepared.before ? prepared.before->revision : 0});
  }
  for (const Step& step : prepared.steps) {
    const Revision before = step.before ? prepared.before->revisions.at(step.ref) : 0;
    entry.subjects.push_back({std::string(ToString(step.ref.kind)), step.ref.key,
                              std::string(ChangeOf(step.before.has_value(), step.after.has_value())), before});
  }
  entry.subjects.insert(entry.subjects.end(), prepared.items.begin(), prepared.items.end());
  entry.finding = prepared.finding;
  if (!prepared.overridden.empty()) {
    entry.overridden = prepared.overridden;
    entry.emergency = author.emergency;
  }
  return entry;
}

Result<Committed> Catalog::Impl::Write(Prepared prepared, std::string_view action, const Author& author,
                                       const std::optional<IdempotencyKey>& idempotency) {
  Committed committed;
  committed.warnings = std::move(prepared.warnings);
  committed.created = prepared.created;
  if (prepared.empty()) {
    committed.revision = View()->revision;
    committed.project = prepared.before;
    if (Status kept = RememberNoChange(author, idempotency, committed.revision); !kept) return Fail(kept.error());
    return committed;
  }
  Txn txn;
  if (prepared.project_changed) {
    const std::string key = ProjectStoreKey(prepared.project);
    txn.ops.push_back(prepared.after ? TxnOp::Put(key, EncodeProjectText(prepared.after->project))
                                     : TxnOp::Delete(key));
  }
  std::vector<LoggedChange> changes;
  for (const Step& step : prepared.steps) {
    const std::string key = EntityStoreKey(prepared.project, step.ref);
    txn.ops.push_back(step.after ? TxnOp::Put(key, EncodeRecordText(*step.after)) : TxnOp::Delete(key));
    changes.push_back({step.ref, !step.after, MoveOf(step)});
    if (step.after) continue;
    // Or the next one of that key would inherit them.
    if (Status forgotten = ForgetItems(kCommentSpace, CommentPrefix(prepared.project, step.ref), txn.ops); !forgotten) {
      return Fail(forgotten.error());
    }
    const auto* experiment = std::get_if<ExperimentRecord>(&*step.before);
    if (experiment == nullptr || experiment->state.iteration == 0) continue;
    txn.ops.push_back(
        TxnOp::Put(IterationsStoreKey(prepared.project, step.ref.key), EncodeIterations(experiment->state.iteration)));
  }
  for (TxnOp& op : prepared.extra) txn.ops.push_back(std::move(op));
  txn.revision = RevisionRecord{EncodeLog(prepared.project, prepared.project_changed, changes),
                                EncodeAudit(AuditOf(prepared, author, action), prepared.project)};
  if (idempotency) txn.idempotency = Once(author, *idempotency, committed.created ? "created" : "changed");
  const Result<TxnResult> result = store_.Commit(std::move(txn));
  in_doubt_ = !result && result.error().code == ErrorCode::kIndeterminate;
  if (!result) return Fail(result.error());
  if (result->outcome == TxnOutcome::kReplayed) return FirstAnswer(prepared.project, *result);
  if (result->outcome != TxnOutcome::kCommitted) {
    return Fail(ErrorCode::kInternal, "the store refused a transaction without conditions");
  }
  committed.revision = result->revision;
  committed.project = ViewAfter(prepared, *result);
  PublishView(prepared.project, committed.project, result->revision);
  for (const auto& [scope, ruleset] : prepared.opened) {
    const Definitions& definitions = committed.project->definitions;
    feed_.Open(scope, EncodeEntities(SnapshotOf(definitions, scope.environment, result->revision).entities), ruleset,
               result->revision, result->revision);
  }
  feed_.Publish(result->revision, std::move(prepared.encoded));
  for (const std::string& name : prepared.closed) feed_.Close({prepared.project, name});
  return committed;
}

std::shared_ptr<const ProjectView> Catalog::Impl::ViewAfter(const Prepared& prepared, const TxnResult& written) const {
  if (!prepared.after) return nullptr;
  auto view = std::make_shared<ProjectView>();
  if (prepared.before) {
    view->revisions = prepared.before->revisions;
    view->revision = prepared.before->revision;
    view->holdouts_made = prepared.before->holdouts_made;
  }
  view->definitions = *prepared.after;
  if (prepared.project_changed) view->revision = written.revision;
  for (const Step& step : prepared.steps) NoteStep(step, written.revision, written.time, *view);
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
  SetView(std::move(next));
}

void Catalog::Impl::SetView(std::shared_ptr<const CatalogView> next) {
  {
    MutexLock lock(view_mutex_);
    view_ = std::move(next);
  }
  if (options_.on_view) options_.on_view();
}

Result<Committed> Catalog::Impl::ChangeProject(const std::shared_ptr<const ProjectView>& present, Project next,
                                               std::string_view action, const Author& author,
                                               const std::optional<IdempotencyKey>& idempotency, const Permit& permit) {
  const std::string key = next.key;
  Definitions after;
  if (present) after = present->definitions;
  after.project = std::move(next);
  Result<Prepared> prepared = Prepare(key, present, std::move(after), author);
  if (!prepared) return Fail(prepared.error());
  if (Status permitted = AskPermit(permit, author, *prepared); !permitted) return Fail(permitted.error());
  return Write(*std::move(prepared), action, author, idempotency);
}

Result<Committed> Catalog::Impl::PutProject(const Project& project, const Precondition& condition, const Author& author,
                                            const std::optional<IdempotencyKey>& idempotency, const Permit& permit) {
  MutexLock lock(writer_);
  Result<std::optional<First>> first = Begin(project.key, author, idempotency);
  if (!first) return Fail(first.error());
  if (*first) return **std::move(first);
  const auto held = FindProject(project.key);
  const Revision changed = held ? held->revision : 0;
  if (Status holds = CheckPrecondition(condition, NameOf(project.key), changed); !holds) return Fail(holds.error());
  return ChangeProject(held, project, held ? "project.change" : "project.create", author, idempotency, permit);
}

Result<Committed> Catalog::Impl::DeleteProject(std::string_view key, const Precondition& condition,
                                               const Author& author, const std::optional<IdempotencyKey>& idempotency,
                                               const Permit& permit) {
  MutexLock lock(writer_);
  Result<std::optional<First>> first = Begin(key, author, idempotency);
  if (!first) return Fail(first.error());
  if (*first) return **std::move(first);
  const auto held = FindProject(key);
  if (!held) return Fail(NotFound(NameOf(key)));
  if (Status holds = CheckPrecondition(condition, NameOf(key), held->revision); !holds) return Fail(holds.error());
  if (!held->revisions.empty()) {
    return Fail(ErrorCode::kConflict, NameOf(key) + " still holds " + std::to_string(held->revisions.size()) +
                                          " definitions, the first is " + held->revisions.begin()->first.ToText() +
                                          "; remove them first");
  }
  Result<Prepared> prepared = Prepare(key, held, std::nullopt, author);
  if (!prepared) return Fail(prepared.error());
  if (Status permitted = AskPermit(permit, author, *prepared); !permitted) return Fail(permitted.error());
  // Or a later project of this name would be merged with what was applied to this one.
  Result<std::vector<TxnOp>> forgotten = ForgetApplied(store_, key);
  if (!forgotten) return Fail(forgotten.error());
  prepared->extra = *std::move(forgotten);
  for (const std::string_view space : {kChangeRequestSpace, kCommentSpace, kImportSpace}) {
    if (Status gone = ForgetItems(space, std::string(key) + "/", prepared->extra); !gone) return Fail(gone.error());
  }
  return Write(*std::move(prepared), "project.delete", author, idempotency);
}

Result<Committed> Catalog::Impl::PutEnvironment(std::string_view project, const EnvironmentDefinition& environment,
                                                const Precondition& condition, const Author& author,
                                                const std::optional<IdempotencyKey>& idempotency,
                                                const Permit& permit) {
  MutexLock lock(writer_);
  Result<std::optional<First>> first = Begin(project, author, idempotency);
  if (!first) return Fail(first.error());
  if (*first) return **std::move(first);
  const auto held = FindProject(project);
  if (!held) return Fail(NotFound(NameOf(project)));
  Project next = held->definitions.project;
  const auto place = std::find_if(next.environments.begin(), next.environments.end(),
                                  [&](const EnvironmentDefinition& e) { return e.key == environment.key; });
  const bool there = place != next.environments.end();
  const Revision changed = there ? held->revision : 0;
  if (Status holds = CheckPrecondition(condition, "environment '" + environment.key + "'", changed); !holds) {
    return Fail(holds.error());
  }
  if (there) {
    *place = environment;
  } else {
    next.environments.push_back(environment);
  }
  Definitions after = held->definitions;
  after.project = std::move(next);
  Result<Prepared> prepared = Prepare(project, held, std::move(after), author);
  if (!prepared) return Fail(prepared.error());
  if (Status permitted = AskPermit(permit, author, *prepared); !permitted) return Fail(permitted.error());
  prepared->created = !there;
  return Write(*std::move(prepared), there ? "environment.change" : "environment.create", author, idempotency);
}

Result<Committed> Catalog::Impl::DeleteEnvironment(std::string_view project, std::string_view environment,
                                                   const Precondition& condition, const Author& author,
                                                   const std::optional<IdempotencyKey>& idempotency,
                                                   const Permit& permit) {
  MutexLock lock(writer_);
  Result<std::optional<First>> first = Begin(project, author, idempotency);
  if (!first) return Fail(first.error());
  if (*first) return **std::move(first);
  const auto held = FindProject(project);
  if (!held) return Fail(NotFound(NameOf(project)));
  const std::string name = "environment '" + std::string(environment) + "' of " + NameOf(project);
  Project next = held->definitions.project;
  if (std::erase_if(next.environments, [&](const EnvironmentDefinition& e) { return e.key == environment; }) == 0) {
    return Fail(NotFound(name));
  }
  if (Status holds = CheckPrecondition(condition, name, held->revision); !holds) return Fail(holds.error());
  return ChangeProject(held, std::move(next), "environment.delete", author, idempotency, permit);
}

namespace {

std::vector<PlannedRuleset> PlannedRulesets(const ProjectView* before, const Definitions& after, Revision revision) {
  std::vector<PlannedRuleset> rulesets;
  for (const EnvironmentDefinition& environment : after.project.environments) {
    PlannedRuleset& ruleset = rulesets.emplace_back();
    ruleset.environment = environment.key;
    if (before != nullptr && before->definitions.project.FindEnvironment(environment.key) != nullptr) {
      ruleset.before = SnapshotOf(before->definitions, environment.key, revision);
    }
    ruleset.after = SnapshotOf(after, environment.key, revision);
  }
  return rulesets;
}

// What makes the steps again, from where they began.
std::vector<Edit> EditsOf(const Steps& steps, const ProjectView* before) {
  std::vector<Edit> edits;
  for (const Step& step : steps) {
    Edit& edit = edits.emplace_back();
    edit.ref = step.ref;
    if (step.before) edit.condition.if_match = before->revisions.at(step.ref);
    edit.condition.must_be_new = !step.before;
    edit.action = step.after ? Edit::Action::kPut : Edit::Action::kDelete;
    if (step.after) edit.definition = EncodeDefinition(*step.after);
  }
  return edits;
}

}  // namespace

Result<WorkspacePlan> Catalog::Impl::ApplyWorkspace(const WorkspaceRequest& request) {
  MutexLock lock(writer_);
  const std::string& key = request.workspace.project.key;
  WorkspacePlan plan;
  Result<std::optional<First>> first = Begin(key, request.author, request.dry_run ? std::nullopt : request.idempotency);
  if (!first) return Fail(first.error());
  if (*first) {
    plan.revision = (*first)->revision;
    plan.replayed = true;
    const Result<ProjectView> before = ProjectAt(key, (*first)->revision - 1);
    if ((*first)->project && (*first)->changed) {
      plan.changes = DescribePlan(before ? &before->definitions : nullptr, (*first)->project->definitions);
    }
    return plan;
  }
  const std::shared_ptr<const ProjectView> before = FindProject(key);
  Result<AppliedWorkspace> base = ReadApplied(store_, key);
  if (!base) return Fail(base.error());
  Result<MergedWorkspace> merged =
      MergeWorkspace(*base, before ? &before->definitions : nullptr, request.workspace, request.prune);
  if (!merged) return Fail(merged.error());
  plan.conflicts = std::move(merged->conflicts);
  Result<Prepared> prepared = Prepare(key, before, std::move(merged->definitions), request.author);
  if (!prepared && plan.conflicts.empty()) return Fail(prepared.error());
  if (prepared) {
    plan.changes = DescribePlan(before ? &before->definitions : nullptr, *prepared->after);
    plan.warnings = std::move(merged->warnings);
    plan.warnings.insert(plan.warnings.end(), prepared->warnings.begin(), prepared->warnings.end());
    if (request.dry_run && request.rulesets && plan.conflicts.empty()) {
      plan.rulesets = PlannedRulesets(before.get(), *prepared->after, View()->revision);
    }
  }
  if (request.dry_run && prepared) {
    plan.edits = EditsOf(prepared->steps, prepared->before.get());
    plan.changes_project = prepared->project_changed;
    const Alteration alteration = AlterationOf(*prepared, false);
    for (const ProtectedEnvironment& environment : alteration.lifted) plan.lifted.push_back(environment.name);
    for (const ProtectedEnvironment& environment : alteration.guarded) plan.guarded.push_back(environment.name);
  }
  if (!plan.conflicts.empty() || request.dry_run) return plan;
  if (Status permitted = AskPermit(request.permit, request.author, *prepared); !permitted) {
    return Fail(permitted.error());
  }
  prepared->extra = std::move(merged->applied);
  Result<Committed> committed = Write(*std::move(prepared), "workspace.apply", request.author, request.idempotency);
  if (!committed) return Fail(committed.error());
  plan.revision = committed->revision;
  plan.replayed = committed->replayed;
  return plan;
}

Result<Committed> Catalog::Impl::PutItems(const std::vector<Item>& items, std::string_view action, const Author& author,
                                          const Precondition& condition, std::vector<Revision> redact) {
  MutexLock lock(writer_);
  if (Status present = CatchUp(); !present) return Fail(present.error());
  AuditEntry audit = EntryBy(author, action);
  audit.project = items.at(0).project;
  Txn txn;
  for (const Item& item : items) {
    const std::string key = ItemStoreKey(item.space, item.id);
    const Result<std::optional<KeyValue>> held = store_.Get(key);
    if (!held) return Fail(held.error());
    if (Status there = HasSubject(item); !there) return Fail(there.error());
    if (&item == &items.front()) {
      const Revision changed = *held ? (*held)->modified_revision : 0;
      const Status holds = CheckPrecondition(condition, item.space + " '" + item.id + "'", changed);
      if (!holds) return Fail(holds.error());
    }
    audit.subjects.push_back({item.space, item.id, std::string(ChangeOf(held->has_value(), !item.value.empty())),
                              *held ? (*held)->modified_revision : 0,
                              item.project == audit.project ? "" : item.project});
    txn.ops.push_back(item.value.empty() ? TxnOp::Delete(key) : TxnOp::Put(key, item.value));
  }
  if (!items.at(0).environment.empty()) audit.environments.push_back(items.at(0).environment);
  txn.revision = RevisionRecord{EncodeItemLog(items), EncodeAudit(audit, items.at(0).id)};
  txn.redact = std::move(redact);
  return CommitApart(std::move(txn));
}

Result<Committed> Catalog::Impl::CommitApart(Txn txn) {
  const Result<TxnResult> result = store_.Commit(std::move(txn));
  in_doubt_ = !result && result.error().code == ErrorCode::kIndeterminate;
  if (!result) return Fail(result.error());
  PublishView("", nullptr, result->revision);
  feed_.Publish(result->revision, {});
  Committed committed;
  committed.revision = result->revision;
  return committed;
}

Result<Committed> Catalog::Impl::Note(const AuditNote& note) {
  MutexLock lock(writer_);
  const Result<std::optional<First>> first = Begin(note.project, note.author, note.idempotency);
  if (!first) return Fail(first.error());
  if (*first) return Committed(**first);
  const auto project = FindProject(note.project);
  if (!project) return Fail(NotFound(NameOf(note.project)));
  if (project->definitions.project.FindEnvironment(note.environment) == nullptr) {
    return Fail(NotFound("environment '" + note.environment + "' of " + NameOf(note.project)));
  }
  AuditEntry audit = EntryBy(note.author, note.action);
  audit.project = note.project;
  audit.environments = {note.environment};
  audit.subjects = {{note.kind, note.environment, "", 0}};
  audit.gate = note.gate;
  Txn txn;
  txn.revision =
      RevisionRecord{EncodeItemLog({{note.kind, note.environment, ""}}), EncodeAudit(audit, note.environment)};
  if (note.idempotency) txn.idempotency = Once(note.author, *note.idempotency, "created");
  Result<Committed> committed = CommitApart(std::move(txn));
  if (committed) committed->created = true;
  return committed;
}

// ---- Reading -----------------------------------------------------------------------------------------------------

namespace {

Item ItemOf(std::string_view space, const KeyValue& entry) {
  Item item{std::string(space), entry.key.substr(ItemStoreKey(space, "").size()), entry.value};
  item.revision = entry.modified_revision;
  return item;
}

}  // namespace

Result<std::vector<Item>> Catalog::Impl::Items(std::string_view space, std::string_view prefix) const {
  std::vector<Item> items;
  const Revision revision = View()->revision;
  if (revision == 0) return items;
  const Result<Position> position = store_.PositionOf(revision);
  if (!position) return Fail(position.error());
  const Result<RangeResult> range = store_.Range(RangeQuery::Prefix(ItemStoreKey(space, prefix), *position));
  if (!range) return Fail(range.error());
  for (const KeyValue& entry : range->entries) items.push_back(ItemOf(space, entry));
  return items;
}

Result<std::optional<Item>> Catalog::Impl::FindItem(std::string_view space, std::string_view id) const {
  const Revision revision = View()->revision;
  if (revision == 0) return std::nullopt;
  const Result<Position> position = store_.PositionOf(revision);
  if (!position) return Fail(position.error());
  const Result<std::optional<KeyValue>> held = store_.Get(ItemStoreKey(space, id), *position);
  if (!held) return Fail(held.error());
  if (!*held) return std::nullopt;
  return ItemOf(space, **held);
}

// The store says what is gone in positions, of which nobody outside has heard.
Error Catalog::Impl::InRevisions(const Error& error, Revision asked) const {
  if (error.code != ErrorCode::kGone) return error;
  const std::string gone = "revision " + std::to_string(asked) + " is no longer kept";
  const Result<Revision> oldest = OldestReadable();
  if (!oldest || *oldest > store_.Head().revision) return {ErrorCode::kGone, gone, {}};
  const Result<AuditEntry> entry = audit_.Find(*oldest);
  const std::string since =
      entry ? ", which came at " + FormatTimestamp(entry->time.time_since_epoch().count()) : std::string();
  return {ErrorCode::kGone, gone + "; the oldest that can be read is " + std::to_string(*oldest) + since, {}};
}

Result<ProjectView> Catalog::Impl::ProjectAt(std::string_view project, Revision revision) const {
  const Result<Position> position = store_.PositionOf(revision);
  if (!position) return Fail(position.error());
  const auto stored = store_.Get(ProjectStoreKey(project), *position);
  if (!stored) return Fail(InRevisions(stored.error(), revision));
  if (!*stored) return Fail(NotFound("project '" + std::string(project) + "' at revision " + std::to_string(revision)));
  Result<ProjectView> view = ReadProject(**stored, *position);
  if (!view) return Fail(InRevisions(view.error(), revision));
  return view;
}

Result<Snapshot> Catalog::Impl::SnapshotAt(std::string_view project, std::string_view environment,
                                           Revision revision) const {
  const Result<ProjectView> view = ProjectAt(project, revision);
  if (!view) return Fail(view.error());
  if (view->definitions.project.FindEnvironment(environment) == nullptr) {
    return Fail(NotFound("environment '" + std::string(environment) + "' of project '" + std::string(project) +
                         "' at revision " + std::to_string(revision)));
  }
  Snapshot snapshot = SnapshotOf(view->definitions, environment, revision);
  snapshot.epoch = store_.Epoch();
  return snapshot;
}

Result<EntityVersion> Catalog::Impl::EntityAt(std::string_view project, const EntityRef& ref, Revision revision) const {
  const Result<Position> position = store_.PositionOf(revision);
  if (!position) return Fail(position.error());
  const auto stored = store_.Get(EntityStoreKey(project, ref), *position);
  if (!stored) return Fail(InRevisions(stored.error(), revision));
  if (!*stored) {
    return Fail(
        NotFound(std::string(ToString(ref.kind)) + " '" + ref.key + "' at revision " + std::to_string(revision)));
  }
  Result<StoredEntity> entity = DecodeEntityText((*stored)->key, (*stored)->value);
  if (!entity) return Fail(entity.error());
  return EntityVersion{std::move(entity->record), (*stored)->modified_revision};
}

namespace {

constexpr Revision kMostLogged = 5'000;  // revisions whose log is looked at for one page
constexpr Revision kLogPage = 64;

bool Names(const StoredPayload& log, std::string_view project, const EntityRef& ref) {
  const Result<Value> read = ParseJson(log.bytes);
  const Value* of = read ? read->Find("project") : nullptr;
  const Value* changes = read ? read->Find("changes") : nullptr;
  if (of == nullptr || of->AsString() != project || changes == nullptr) return false;
  for (const Value& change : changes->AsArray()) {
    const Value *kind = change.Find("kind"), *key = change.Find("key");
    if (kind != nullptr && key != nullptr && kind->AsString() == ToString(ref.kind) && key->AsString() == ref.key) {
      return true;
    }
  }
  return false;
}

// The newest revision up to `last` whose log names it; 0 when there is none that is kept. `looked_at` grows; at the
// bound, `stopped` is where to go on.
Result<Revision> LastThatNames(const Store& store, std::string_view project, const EntityRef& ref, Revision last,
                               Revision& looked_at, std::optional<Revision>& stopped) {
  while (last > 0) {
    const Revision from = last > kLogPage ? last - kLogPage + 1 : 1;
    const Result<std::vector<RevisionEntry>> links = store.Revisions(from, last, kLogPage);
    if (!links) return Fail(links.error());
    for (auto link = links->rbegin(); link != links->rend(); ++link) {
      if (link->log.state == StoredPayload::State::kCompacted) return 0;
      if (looked_at++ >= kMostLogged) {
        stopped = link->revision;
        return 0;
      }
      if (Names(link->log, project, ref)) return link->revision;
    }
    last = from - 1;
  }
  return 0;
}

std::vector<PlannedChange> ChangeOf(const std::optional<EntityRecord>& before,
                                    const std::optional<EntityRecord>& after) {
  Definitions old, now;
  if (before) old.entities.Append(*before);
  if (after) now.entities.Append(*after);
  return DescribePlan(&old, now);
}

}  // namespace

Result<EntityHistory> Catalog::Impl::HistoryOf(std::string_view project, const EntityRef& ref, Revision cursor,
                                               std::size_t limit) const {
  EntityHistory history;
  const Revision head = store_.Head().revision;
  const std::string key = EntityStoreKey(project, ref);
  Revision at = cursor == 0 ? head : std::min(cursor, head), looked_at = 0;
  const auto version = [&](Revision revision) -> Result<std::optional<KeyValue>> {
    if (revision == 0) return std::optional<KeyValue>();
    const Result<Position> position = store_.PositionOf(revision);
    if (!position) return Fail(position.error());
    return store_.Get(key, *position);
  };
  const auto record = [&](const std::optional<KeyValue>& held) -> Result<std::optional<EntityRecord>> {
    if (!held) return std::optional<EntityRecord>();
    Result<StoredEntity> entity = DecodeEntityText(held->key, held->value);
    if (!entity) return Fail(entity.error());
    return std::optional<EntityRecord>(std::move(entity->record));
  };
  while (at > 0) {
    if (history.changes.size() == limit) {
      history.next = at;
      return history;
    }
    const Result<std::optional<KeyValue>> held = version(at);
    if (!held && held.error().code == ErrorCode::kGone) break;
    if (!held) return Fail(held.error());
    Revision changed = *held ? (*held)->modified_revision : 0;
    if (!*held) {
      Result<Revision> found = LastThatNames(store_, project, ref, at, looked_at, history.next);
      if (!found) return Fail(found.error());
      if (history.next) return history;
      if (*found == 0) break;
      changed = *found;
    }
    Result<AuditEntry> audit = audit_.Find(changed);
    if (!audit) return Fail(audit.error());
    EntityChangeRecord& change = history.changes.emplace_back();
    change.audit = *std::move(audit);
    const Result<std::optional<KeyValue>> old = version(changed - 1);
    if (!old && old.error().code != ErrorCode::kGone) return Fail(old.error());
    const Result<std::optional<EntityRecord>> after = record(*held);
    if (!after) return Fail(after.error());
    if (old || (*held && (*held)->created_revision == changed)) {
      const Result<std::optional<EntityRecord>> before = record(old ? *old : std::nullopt);
      if (!before) return Fail(before.error());
      std::vector<PlannedChange> described = ChangeOf(*before, *after);
      if (!described.empty()) change.change = std::move(described.front());
    }
    at = changed - 1;
    if (*held && (*held)->created_revision == changed && !old) break;
  }
  // What is older than what is kept may have been about it, too.
  history.complete = at == 0 || store_.compacted() == 0;
  return history;
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
Result<Committed> Catalog::MoveRamp(const RampRequest& request) {
  return impl_->MoveRamp(request);
}
Result<Committed> Catalog::MoveExperiment(const ExperimentRequest& request) {
  return impl_->MoveExperiment(request);
}
Result<Committed> Catalog::PutProject(const Project& project, const Precondition& condition, const Author& author,
                                      const std::optional<IdempotencyKey>& idempotency, const Permit& permit) {
  return impl_->PutProject(project, condition, author, idempotency, permit);
}
Result<Committed> Catalog::DeleteProject(std::string_view project, const Precondition& condition, const Author& author,
                                         const std::optional<IdempotencyKey>& idempotency, const Permit& permit) {
  return impl_->DeleteProject(project, condition, author, idempotency, permit);
}
Result<Committed> Catalog::PutEnvironment(std::string_view project, const EnvironmentDefinition& environment,
                                          const Precondition& condition, const Author& author,
                                          const std::optional<IdempotencyKey>& idempotency, const Permit& permit) {
  return impl_->PutEnvironment(project, environment, condition, author, idempotency, permit);
}
Result<Committed> Catalog::DeleteEnvironment(std::string_view project, std::string_view environment,
                                             const Precondition& condition, const Author& author,
                                             const std::optional<IdempotencyKey>& idempotency, const Permit& permit) {
  return impl_->DeleteEnvironment(project, environment, condition, author, idempotency, permit);
}
Result<Committed> Catalog::PutItem(const Item& item, std::string_view action, const Author& author,
                                   const Precondition& condition) {
  return impl_->PutItems({item}, action, author, condition, {});
}
Result<Committed> Catalog::PutItems(const std::vector<Item>& items, std::string_view action, const Author& author,
                                    const Precondition& condition, std::vector<Revision> redact) {
  return impl_->PutItems(items, action, author, condition, std::move(redact));
}
Result<Committed> Catalog::Note(const AuditNote& note) {
  return impl_->Note(note);
}
std::shared_ptr<const CatalogView> Catalog::View() const {
  return impl_->View();
}
Status Catalog::Settle() {
  return impl_->Settle();
}
Result<std::vector<Item>> Catalog::Items(std::string_view space, std::string_view prefix) const {
  return impl_->Items(space, prefix);
}
Result<std::optional<Item>> Catalog::FindItem(std::string_view space, std::string_view id) const {
  return impl_->FindItem(space, id);
}
Result<ProjectView> Catalog::ProjectAt(std::string_view project, Revision revision) const {
  return impl_->ProjectAt(project, revision);
}
Result<Snapshot> Catalog::SnapshotAt(std::string_view project, std::string_view environment, Revision revision) const {
  return impl_->SnapshotAt(project, environment, revision);
}
Result<EntityVersion> Catalog::EntityAt(std::string_view project, const EntityRef& ref, Revision revision) const {
  return impl_->EntityAt(project, ref, revision);
}

Result<EntityHistory> Catalog::HistoryOf(std::string_view project, const EntityRef& ref, Revision cursor,
                                         std::size_t limit) const {
  return impl_->HistoryOf(project, ref, cursor, limit);
}
AuditLog& Catalog::audit() {
  return impl_->audit();
}
const AuditLog& Catalog::audit() const {
  return impl_->audit();
}

}  // namespace guidon
