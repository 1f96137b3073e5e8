// What the server holds of one unit, or of one member of the team, and its erasure.
//
//   Privacy privacy({catalog, store, feed, exposures, processes, backups}, {});
//   Result<ErasureState> state = privacy.Start({.unit = {.id = "user-42"}}, author);   // returns at once
//   state = privacy.Find(state->id);                                                  // "running", "done" or "failed"
//
// An erasure takes the unit out of the current definitions, change requests and comments, by ordinary revisions; out of
// every past version that is kept; out of the journal of events and what analysis made of them; and tombstones what the
// log and the audit log say of it, of which the hash chain keeps the salted commitment (audit/chain.h). Then it has the
// store forget what was replaced (Store::Purge), and looks for what is left. docs/privacy.md says where a unit may be
// and what becomes of it.
//
// A member has to be removed before. Then their keys, their sessions and they themselves go with their past, until not
// even their ids are stored (Store::Forget); in change requests and comments a placeholder takes their place; and what
// the audit log says by them or of them becomes tombstones.
//
// It takes two revisions of its own, when it begins and when it ends, with counts and without the id. One that was cut
// off is begun again: it does what is left to do.
//
// Thread safety: every method may be called from any thread. Export and Find wait for the disk; an erasure runs on a
// thread of its own, one at a time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include <guidon/value.h>
#include "core/base/mutex.h"
#include "core/base/result.h"
#include "server/backup/backups.h"
#include "server/catalog/catalog.h"
#include "server/catalog/change_requests.h"
#include "server/feed/feed.h"
#include "server/ingest/exposures.h"
#include "server/ingest/journal.h"
#include "server/ingest/processes.h"
#include "server/privacy/export.h"
#include "server/privacy/unit_traces.h"
#include "server/store/store.h"

namespace guidon {

class Fold;
class MemberNames;

inline constexpr std::string_view kErasureSpace = "erasure";  // of Catalog::PutItem and Items
inline constexpr std::size_t kMaxUnitBytes = 1'024;

struct UnitRequest {
  UnitName unit;
  std::string project;      // empty: all, and what belongs to none
  bool dry_run = false;     // of an erasure: only counts
  std::string member = {};  // the id of a member of the team; then nothing of the above but `dry_run` is looked at
};

struct ErasureCounts {
  std::size_t definitions = 0;    // that are current, and changed
  std::size_t notes = 0;          // change requests and comments, changed
  std::size_t past_versions = 0;  // of definitions and notes
  std::size_t events = 0;         // of the unit
  std::size_t mentions = 0;       // in other events
  std::size_t facts = 0;          // records of what analysis knows of the unit
  std::size_t audit_entries = 0;  // tombstones, together with what the log says of that revision
  std::size_t records = 0;        // of a member, their keys and their sessions, with all their versions
};

// A revision by which current definitions were changed, and with them perhaps what is answered.
struct ErasureChange {
  std::string project;
  Revision revision = 0;                  // 0: a dry run
  std::vector<std::string> definitions;   // "flag checkout.layout"
  std::vector<std::string> environments;  // that can answer otherwise
  std::size_t processes = 0;              // that live in those environments,
  std::size_t holding = 0;                // and have said that they hold this revision
};

struct ErasureState {
  enum class Phase : std::uint8_t { kRunning, kDone, kFailed };
  std::string id;  // random
  Phase phase = Phase::kRunning;
  bool dry_run = false;
  std::string project;  // that it is limited to; empty: it is not
  Timestamp begun{}, ended{};
  ErasureCounts counts;
  std::vector<ErasureChange> changes;
  // Places that name it and are for people to decide on: the first 100, and backups that cannot be told.
  std::vector<std::string> remains;
  std::size_t remains_left_out = 0;
  std::vector<BackupState> backups;  // that were made before, and may hold it
  Error error;                       // kFailed
};
std::string_view ToString(ErasureState::Phase phase);  // "running", "done", "failed"

struct PrivacyOptions {
  std::function<Timestamp()> clock;                  // empty: the system's
  std::function<void(const ErasureState&)> on_done;  // of each that ended, well or not; on its thread
  std::function<bool()> stopping = {};               // whether the server is, which ends an export; empty: never
};

class Privacy {
 public:
  // All of them outlive it.
  struct Parts {
    Catalog& catalog;
    Store& store;
    Feed& feed;
    const Journal& journal;
    Exposures& exposures;
    Processes& processes;
    const Backups& backups;
    // ChangeRequests::Rewrite of who keeps them; empty: nobody does.
    std::function<Result<std::size_t>(const ChangeRequests::ItemRewriter&, std::string_view action, const Author&)>
        rewrite_requests = {};
    // Told of an item that an erasure has removed, for who keeps it in memory; its value is empty. Empty: nobody does.
    std::function<void(const Item&)> on_removed = {};
    Fold* fold = nullptr;  // null: nothing is analysed
  };
  Privacy(Parts parts, PrivacyOptions options);
  ~Privacy();  // ends the erasure that is under way; it can be begun again

  // kInvalid: no id, or none that a unit or a member can have; kNotFound: no such project; kConflict: another one is
  // under way, a backup is being made, or the member is one still; what Store::Health says.
  Result<ErasureState> Start(const UnitRequest& request, const Author& author);
  // The one that was begun last by this process, by its id; kNotFound.
  Result<ErasureState> Find(std::string_view id) const;

  // What is held of it, a page at a time (server/privacy/export.h): `cursor` is `next` of the page before, and empty
  // for the first one; `limit` is at most kMostFindings. What changes between two pages may be on none, or as it was.
  // kInvalid: no cursor of ours, or one of another export; kConflict while an erasure is under way; kUnavailable: the
  // server is stopping.
  Result<UnitPage> Export(const UnitRequest& request, std::string_view cursor, std::size_t limit) const;

 private:
  class Erasure;

  Status Check(const UnitRequest& request) const;
  Status IsGone(const std::string& member) const;
  using HeldNames = std::shared_ptr<const MemberNames>;
  Result<HeldNames> NamesOf(const std::string& member, bool is_first_page) const;
  Status AddFacts(const UnitRequest& request, UnitPage& page) const;
  void Run(const UnitRequest& request, const Author& author, ErasureState state);

  const Parts parts_;
  const PrivacyOptions options_;

  mutable Mutex mutex_;
  std::optional<ErasureState> last_ GUIDON_GUARDED_BY(mutex_);
  bool stopping_ GUIDON_GUARDED_BY(mutex_) = false;
  // Of exports that have begun, by member, so that a page does not look for the names once more. Until
  // the last page, the next erasure, or kMostNamesKept of them, when all are let go and looked for anew.
  mutable std::map<std::string, HeldNames> names_ GUIDON_GUARDED_BY(mutex_);
  std::uint64_t erasures_ GUIDON_GUARDED_BY(mutex_) = 0;  // begun
  std::thread thread_ GUIDON_GUARDED_BY(mutex_);          // of the last one
};

}  // namespace guidon
