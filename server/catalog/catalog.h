// What the server knows: every project's definitions, and the only way to change them.
//
//   Catalog catalog(*store, feed, options);
//   if (Status loaded = catalog.Load(); !loaded) Refuse(loaded.error());
//   Result<Committed> done = catalog.Commit({.project = "shop", .edits = {...}, .author = {...}});
//
// A commit is validated as a whole, gets its ranges and slots, is compiled for every environment it alters, is written
// as one transaction with its audit entry, is published to the feed, and only then answered: who saw revision N
// answered finds N on disk and in the feed. What cannot be compiled gets no revision.
//
// Keys in the store: `project/P`, `entity/P/KIND/KEY`, `applied/P/KIND/KEY` (what was last applied from a workspace),
// `item/SPACE/ID` (what other rooms keep through the one writer: API keys).
//
// Thread safety: every method may be called from any thread. Changes are made one at a time and wait for the disk:
// never call them on an I/O thread. Readers get an immutable view and never wait for a writer.
#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <guidon/value.h>
#include "core/allocate/experiment_life.h"
#include "core/allocate/ramp.h"
#include "core/base/mutex.h"
#include "core/base/result.h"
#include "core/model/definitions.h"
#include "server/catalog/audit_entry.h"
#include "server/catalog/audit_log.h"
#include "server/feed/feed.h"
#include "server/store/store.h"

namespace guidon {

// Who changes something, for the audit entry.
struct Author {
  std::string principal;  // "key:SELECTOR", "system", "system:ramp" or "system:experiment"
  std::string request_id;
  std::string comment;  // free text of the person, at most 4 096 bytes
  std::string address;  // of the other side of the connection; empty: nobody asked
  // Why protected environments have to be altered without the approvals that they take. Whether that may be is the
  // permit's to say; if it is done, the audit entry says so. Empty: no emergency.
  std::string emergency = {};
  // Of a change request that is carried out.
  std::string change_request = {};
  std::vector<std::string> requested_by = {}, approved_by = {};
};

// A retry with the same principal, key and body hash gets the first answer again, for 24 hours.
struct IdempotencyKey {
  std::string key;
  std::string body_hash;
};

// What the caller takes for granted of the thing that is changed.
struct Precondition {
  std::optional<Revision> if_match;  // fails with kStale if it changed after this revision or is gone
  bool must_exist = false;           // fails with kStale if it is not there
  bool must_be_new = false;          // fails with kAlreadyExists if it is
};

struct Edit {
  enum class Action : std::uint8_t { kPut, kPatch, kDelete };
  EntityRef ref;
  Action action = Action::kPut;
  Value definition;  // kPut: the whole, as authored; kPatch: an RFC 7396 merge patch of it
  Precondition condition;
};

// The code of the one issue of a kConflict that says: open a change request for that, or have it approved.
inline constexpr std::string_view kChangeRequestRequired = "change_request_required";
Error ChangeRequestRequired(std::string message);

struct ProtectedEnvironment {
  std::string name;
  std::uint32_t required_approvals = 1;
};
// What a change is about to alter.
struct Alteration {
  bool project = false;                   // it is new, or described or divided otherwise
  std::vector<std::string> environments;  // that can answer otherwise (core/diff/reach.h); sorted
  // Those of them that are protected, before the change: it cannot lift the protection that it is subject to.
  std::vector<ProtectedEnvironment> guarded;
  // Protected environments that are no longer after it, or take fewer approvals, or go. By what they were before.
  std::vector<ProtectedEnvironment> lifted = {};
  // Of a dry run and of a change request that is carried out: what it does not change and leans on anew
  // (core/diff/reach.h), with the revision that changed it last. Nobody may have looked at that for those environments.
  std::map<EntityRef, Revision> leaned_on = {};
};
// Asked when a change has passed every check and nothing of it is written; its error is then the change's. On the
// thread of the change, in the middle of it: short, no calls into the catalog.
using Permit = std::function<Status(const Alteration&)>;

// What another room keeps through the catalog. Values are opaque.
struct Item {
  std::string space;  // "key"
  std::string id;
  std::string value;
  std::string project = {};      // what it is about, for the audit entry; empty: all
  std::string environment = {};  // likewise
  Revision revision = 0;         // that wrote it; of what was read
};

// Moves where the ramp of a rule stands (core/allocate/ramp.h).
struct RampRequest {
  std::string project;
  std::string flag;
  std::string environment;
  std::string rule;  // empty: the only one that has a ramp there
  RampMove move = RampMove::kStep;
  Precondition condition = {};  // of the flag
  Author author;
  std::optional<IdempotencyKey> idempotency = {};
  Permit permit = {};  // asked about the environment, also where nobody gets another answer yet
};

// Moves an experiment or its ramp, and keeps what was found of it (core/allocate/experiment_life.h).
struct ExperimentRequest {
  std::string project;
  std::string experiment;
  // One of them, or neither: then only the finding is kept.
  std::optional<ExperimentOrder> order = {};
  std::optional<RampMove> ramp = {};
  // For what it is done: kept in the same revision, and told by its audit entry and its webhooks. When it is known
  // already of this iteration, nothing is done.
  std::optional<ExperimentFinding> finding = {};
  Precondition condition = {};  // of the experiment
  Author author;
  std::optional<IdempotencyKey> idempotency = {};
  Permit permit = {};    // asked about its environment, also where nobody gets another answer by it
  bool dry_run = false;  // everything but the writing; the answer says what would change, and nobody is asked
};

// What is to stand in the audit log though it changes nothing here: what a gate found.
struct AuditNote {
  std::string project;
  std::string environment;
  std::string_view action;  // the audit entry's word: "gate.run"
  std::string kind;         // of its subject, the environment: "gate"
  Value gate;
  Author author;
  std::optional<IdempotencyKey> idempotency = {};
};

struct CommitRequest {
  std::string project;
  std::vector<Edit> edits;  // at least one; a key at most once
  Author author;
  std::optional<IdempotencyKey> idempotency;
  Permit permit = {};            // empty: everything may be altered
  bool dry_run = false;          // everything but the writing; the answer says what would change, and nobody is asked
  std::vector<Item> items = {};  // written in the same transaction, and alone where nothing else changes
  std::string_view action = "definitions.change";  // the audit entry's word
};

// One project at one revision. Immutable.
struct ProjectView {
  Definitions definitions;                  // entity lists in order of their keys
  std::map<EntityRef, Revision> revisions;  // the revision that last changed each entity
  Revision revision = 0;                    // the revision that last changed the project itself
  // Since when there is each holdout, by its key: one that was deleted and made again is another one.
  std::map<std::string, Timestamp> holdouts_made = {};
};

// What applying a workspace, or a change, did or would do.
struct PlannedMove {
  std::string environment;
  std::string split;                         // "rule eu-ramp", "default", "experiment checkout-one-page"
  std::optional<std::uint32_t> share_parts;  // of 100 000; absent: depends on attributes
};
struct PlannedChange {
  std::string kind;  // of the entity, or "project"
  std::string key;
  std::string action;  // "create" | "update" | "archive" | "remove"
  std::vector<std::string> environments;
  std::vector<std::string> summary;  // for people, a line each
  std::vector<PlannedMove> moved;
};

struct Committed {
  Revision revision = 0;  // the present one if there was nothing to change
  bool replayed = false;  // the answer to an earlier, equal request: as that one, but for the warnings
  bool created = false;   // of a single edit: what it names was not there before
  std::vector<Issue> warnings;
  std::vector<PlannedChange> changes;  // of a dry run
  Alteration alteration;               // likewise
  // The project as this commit left it, whatever has happened since; null when it is gone, or no longer kept.
  std::shared_ptr<const ProjectView> project;
};

struct WorkspaceRequest {
  Definitions workspace;  // states are ignored
  bool prune = false;     // archive what was applied before and is no longer in the workspace
  bool dry_run = false;
  bool rulesets = false;  // of a dry run: with every environment as it is and as it would be
  Author author;
  std::optional<IdempotencyKey> idempotency;
  Permit permit = {};  // likewise; a dry run alters nothing and asks nobody
};

struct PlanConflict {
  std::string kind, key;
  std::string path;
  Value base, theirs, ours;  // null where absent
};
struct PlannedRuleset {
  std::string environment;
  std::optional<Snapshot> before;  // absent: the environment is new
  Snapshot after;
};
struct WorkspacePlan {
  std::optional<Revision> revision;  // absent: a dry run
  bool replayed = false;
  std::vector<PlannedChange> changes;
  std::vector<PlanConflict> conflicts;  // not empty: nothing was written
  std::vector<Issue> warnings;
  std::vector<PlannedRuleset> rulesets;  // if asked for, and nothing conflicts
  std::vector<Edit> edits;               // of a dry run: whole definitions, and removals, that would make it so
  bool changes_project = false;          // likewise: and it would change the project itself
  // Likewise: protected environments that it would take protection or approvals from (Alteration::lifted). Doing it is
  // an emergency.
  std::vector<std::string> lifted;
  // Likewise: protected environments that it would alter (Alteration::guarded).
  std::vector<std::string> guarded = {};
};

// An entity as it was put at a revision.
struct EntityVersion {
  EntityRecord record;
  Revision revision = 0;
};

// One revision that changed an entity.
struct EntityChangeRecord {
  AuditEntry audit;                     // who, when, why
  std::optional<PlannedChange> change;  // absent: what it was before is no longer kept
};
struct EntityHistory {
  std::vector<EntityChangeRecord> changes;  // newest first
  std::optional<Revision> next;             // for what came before; a page may be empty and have one
  bool complete = true;                     // of the last page: it goes back to where the entity began
};

struct CatalogView {
  Revision revision = 0;
  std::map<std::string, std::shared_ptr<const ProjectView>> projects;

  const ProjectView* FindProject(std::string_view key) const;
  const ExperimentRecord* FindExperiment(std::string_view project, std::string_view key) const;
};

// Told of an item that a write in doubt turned out to have left; an empty value: it is gone. On the thread of a change,
// in the middle of it: short, no calls into the catalog.
using ItemTaken = std::function<void(const Item&)>;

struct CatalogOptions {
  std::function<std::chrono::sys_days()> today;  // for expiry warnings; empty: the system clock
  std::size_t replayed_revisions = 1024;         // how far back streams can resume after a restart
  ItemTaken on_item;                             // empty: nobody has to know
  std::shared_ptr<const SigningKey> audit_key;   // signs checkpoints; null: nobody does
  std::function<Timestamp()> now = {};           // for ramps; empty: the system clock
  // After View() has moved on, on the thread of the change, in the middle of it: short, no calls into the catalog but
  // for View(). Empty: nobody has to know.
  std::function<void()> on_view = {};
};

class Catalog {
 public:
  // The store and the feed outlive the catalog.
  Catalog(Store& store, Feed& feed, CatalogOptions options);
  ~Catalog();

  // Reads everything and opens the feed's channels. kCorrupt when a record cannot be read; says which.
  Status Load();

  // ---- Changing ----

  // Errors: those of Permit; kInvalid with all issues; kNotFound; kStale and kAlreadyExists when a precondition does
  // not hold; kConflict naming what still refers to something that would go; kMismatch; and those of Store::Commit.
  // After any error nothing has changed, but for kIndeterminate: then nothing is visible, and if it turns out to be
  // written, it becomes visible with the next change or start.
  Result<Committed> Commit(const CommitRequest& request);
  Result<WorkspacePlan> ApplyWorkspace(const WorkspaceRequest& request);
  // One step, or what a person asks for, as one revision. The answer of a move to where it is already is that of a
  // change that changes nothing. Errors: those of Commit, and those of guidon::MoveRamp.
  Result<Committed> MoveRamp(const RampRequest& request);
  // One move of an experiment, of its ramp, or what was found of it, as one revision; the flag that a winner is written
  // into changes in the same. What is so already is a change that changes nothing. Errors: those of Commit, of
  // guidon::MoveExperiment and of MoveExperimentRamp; kConflict when the finding is of another iteration.
  Result<Committed> MoveExperiment(const ExperimentRequest& request);
  // Creates a project, or replaces its description and environments. Of this and the three below: an empty permit
  // lets everything through.
  Result<Committed> PutProject(const Project& project, const Precondition& condition, const Author& author,
                               const std::optional<IdempotencyKey>& idempotency, const Permit& permit = {});
  // Refused while it holds definitions. What was last applied to it is forgotten, and with it its change requests and
  // comments.
  Result<Committed> DeleteProject(std::string_view project, const Precondition& condition, const Author& author,
                                  const std::optional<IdempotencyKey>& idempotency, const Permit& permit = {});
  // One environment of a project. Its revision is the project's.
  Result<Committed> PutEnvironment(std::string_view project, const EnvironmentDefinition& environment,
                                   const Precondition& condition, const Author& author,
                                   const std::optional<IdempotencyKey>& idempotency, const Permit& permit = {});
  // Refused while something names it.
  Result<Committed> DeleteEnvironment(std::string_view project, std::string_view environment,
                                      const Precondition& condition, const Author& author,
                                      const std::optional<IdempotencyKey>& idempotency, const Permit& permit = {});
  // An empty value deletes. `action` is the audit entry's word: "key.create".
  Result<Committed> PutItem(const Item& item, std::string_view action, const Author& author,
                            const Precondition& condition = {});
  // Several as one revision; at least one. The audit entry's subject is the first one's id; the condition is of that.
  // kNotFound for a change request or a comment whose project, flag or request is not there.
  // What earlier revisions say in the log and the audit log goes with it, when they are named in `redact`: only their
  // links stay.
  Result<Committed> PutItems(const std::vector<Item>& items, std::string_view action, const Author& author,
                             const Precondition& condition = {}, std::vector<Revision> redact = {});
  // An entry of the audit log, and nothing else: a revision that alters no environment. Errors: kNotFound; those of
  // Store::Commit.
  Result<Committed> Note(const AuditNote& note);
  // Takes in a write of before that was in doubt (kIndeterminate) and turned out to be there.
  Status Settle();

  // ---- Reading ----

  std::shared_ptr<const CatalogView> View() const;
  // As of View(). Both read the disk. Those whose id begins with `prefix`.
  Result<std::vector<Item>> Items(std::string_view space, std::string_view prefix = {}) const;
  Result<std::optional<Item>> FindItem(std::string_view space, std::string_view id) const;

  // As of a past revision; kGone when it is older than what is kept, kNotFound when it is in the future or the thing
  // was not there. Reads the disk.
  Result<ProjectView> ProjectAt(std::string_view project, Revision revision) const;
  Result<Snapshot> SnapshotAt(std::string_view project, std::string_view environment, Revision revision) const;
  Result<EntityVersion> EntityAt(std::string_view project, const EntityRef& ref, Revision revision) const;
  // Which revisions changed it, from `cursor` (0: the newest) back, at most `limit` of them. Follows the versions that
  // are kept; where it was not there, the log, at most 5 000 revisions of it.
  Result<EntityHistory> HistoryOf(std::string_view project, const EntityRef& ref, Revision cursor,
                                  std::size_t limit) const;

  AuditLog& audit();
  const AuditLog& audit() const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace guidon
