// Change requests: how they are opened, approved and applied, by people and at a time by the server.
//
//   ChangeRequests requests(catalog, {.now_ms = NowMs, .person_of = …, .rights_of = …});
//   if (Status loaded = requests.Load(); !loaded) Refuse(loaded.error());
//   Result<ChangeRequest> request = requests.Open({.project = "shop", .title = "EU too", .edits = …}, author);
//   requests.Approve("shop", request->number, request->version, colleague, may_approve);
//   requests.Apply("shop", request->number, author, may_write);
//
// Every step is one commit with its audit entry, `change_request.open` and so on; the one that applies writes the
// definitions and the request's new state in one transaction, so it is done once, whatever happens in between.
//
// Who may do what is asked by the caller's permits, which see what the request alters; what holds for everybody is
// decided here: authors do not approve, a person counts once and for as long as they may approve, what is stale is not
// applied, and a protected environment is altered with its approvals only, or in an emergency.
//
// Bounds: kMost… below. What is beyond them is refused with kConflict or kTooLarge; closed requests beyond theirs are
// forgotten, the oldest first (the audit log keeps what became of them).
//
// Thread safety: every method may be called from any thread. All but List and Take wait for the disk. Steps are made
// one at a time.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/base/mutex.h"
#include "core/base/result.h"
#include "server/catalog/change_request.h"
#include "server/store/keeper.h"

namespace guidon {

inline constexpr std::size_t kMostLiveRequests = 1'000;              // of a server
inline constexpr std::size_t kMostLiveRequestsOfProject = 200;       // of a project
inline constexpr std::size_t kMostClosedRequests = 5'000;            // of a server
inline constexpr std::size_t kMaxRequestBytes = 256 * 1024;          // of the edits of one, as JSON
inline constexpr std::size_t kMaxTitleBytes = 200;                   // of a title
inline constexpr std::size_t kMaxRequestTextBytes = 4'096;           // of a description, and of a reason
inline constexpr std::int64_t kMostLateMs = 60 * 60 * 1'000;         // a schedule that is missed by more has failed
inline constexpr std::int64_t kFarthestMs = 366LL * 24 * 3'600'000;  // ahead that a request can be scheduled

struct ChangeRequestOptions {
  std::function<std::int64_t()> now_ms;  // since 1970
  // The person behind a principal; empty: the principal itself.
  std::function<std::string(std::string_view principal)> person_of = {};
  // Since when a person is known here, in ms since 1970; nothing: for ever. Empty: everybody is.
  std::function<std::optional<std::int64_t>(std::string_view person)> since_of = {};
  // What a principal may write now, for what is applied in their name; empty: everything.
  std::function<Permit(const std::string& principal, const std::string& project)> rights_of = {};
  // What a person who has approved may approve now; empty: everything.
  std::function<Permit(const std::string& person, const std::string& project)> approval_rights_of = {};
  // Told what became of a schedule, and that something could not be written and is tried again.
  std::function<void(const ChangeRequest&, const std::string& what)> report = {};
  std::size_t most_closed = kMostClosedRequests;
};

struct NewChangeRequest {
  std::string project;
  std::string title, description;
  std::vector<Edit> edits;
  std::int64_t apply_at_ms = 0;  // 0: when somebody does
  Permit rights = {};            // asked when there is a time: who sets one has to be able to apply it
};

// What is given is replaced.
struct ChangeRequestEdit {
  std::optional<std::string> title, description;
  std::optional<std::vector<Edit>> edits;
};

class ChangeRequests {
 public:
  // The catalog outlives it.
  ChangeRequests(Catalog& catalog, ChangeRequestOptions options);

  // Reads all. kCorrupt when a record cannot be read.
  Status Load();
  // One that a write in doubt has left; empty: it is gone. Items of other spaces are left alone.
  Status Take(const Item& item);
  // After a project was deleted, in revision `gone`; what a later project of that name has since is kept.
  void Forget(std::string_view project, Revision gone);

  // ---- Steps ----
  // Errors of all: kNotFound; kConflict when it is closed or stale, saying by what; those of Catalog::Commit.

  // What the edits say is checked as Catalog::Commit would; conditions in them are, too, and not kept. The request
  // alters nothing yet: that takes no right in the environments.
  Result<ChangeRequest> Open(const NewChangeRequest& request, const Author& author);
  // By an author of it. Other edits make a new version, without approvals.
  Result<ChangeRequest> Change(const std::string& project, std::uint64_t number, const ChangeRequestEdit& edit,
                               const Author& author);
  // kStale when `version` is not the present one. kPermissionDenied for an author; and where one of them was erased,
  // for who came after it was opened, as they may be that author, under whatever id. A person who has approved it
  // changes nothing.
  Result<ChangeRequest> Approve(const std::string& project, std::uint64_t number, std::uint32_t version,
                                const Author& author, const Permit& rights);
  Result<ChangeRequest> Reject(const std::string& project, std::uint64_t number, const std::string& reason,
                               const Author& author, const Permit& rights);
  // By an author of it, or who `manages`.
  Result<ChangeRequest> Withdraw(const std::string& project, std::uint64_t number, const Author& author, bool manages);
  // Holds the edits against what is there now, merging what was put with what has changed since; kConflict when both
  // changed the same. A new version; who does it is one of its authors. Nothing when it is not stale and alters what it
  // altered. By an author of it, or whose `rights` are enough for what it alters: who rebases may change its edits
  // after that.
  Result<ChangeRequest> Rebase(const std::string& project, std::uint64_t number, const Author& author,
                               const Permit& rights);
  // 0: no time. kInvalid for one that is past or too far ahead.
  Result<ChangeRequest> Schedule(const std::string& project, std::uint64_t number, std::int64_t apply_at_ms,
                                 const Author& author, const Permit& rights);
  // With author.emergency approvals that lack are done without, if `rights` allows it.
  Result<ChangeRequest> Apply(const std::string& project, std::uint64_t number, const Author& author,
                              const Permit& rights);

  // Applies what is due, lets fail what cannot be, and says of what has become stale that it has. Disk full, read-only
  // and the like are tried again at the next look, until it is too late.
  void Look();

  // For what must not be kept: what the items of requests are to be from now on, whatever their state; nothing: as they
  // are. One revision for each, with its audit entry `action`; steps wait for each, so that none is lost and none
  // brings back what was replaced. `rewrite` may be asked more than once about the same; it must not call in here.
  // Returns how many were replaced. kCorrupt: what one is to be is no change request, and it is as it was.
  using ItemRewriter = std::function<std::optional<std::string>(const Item&)>;
  Result<std::size_t> Rewrite(const ItemRewriter& rewrite, std::string_view action, const Author& author);

  // ---- Reading ----

  Result<ChangeRequest> Find(const std::string& project, std::uint64_t number) const;
  std::vector<ChangeRequest> List(const std::string& project) const;  // without edits; the newest first
  // Whether who gave an approval may approve, now, in every environment that the request alters. One that does not
  // count is kept: it counts again when they may again.
  bool Counts(const ChangeRequest& request, const Approval& approval) const;
  // By the approvals that count now.
  ChangeState StateOf(const ChangeRequest& request, const ProjectView* project) const;
  // What applying it would change now.
  Result<Committed> Plan(const ChangeRequest& request) const;

 private:
  using Index = std::map<std::pair<std::string, std::uint64_t>, ChangeRequest>;

  std::string PersonOf(std::string_view principal) const;
  bool IsAuthor(const ChangeRequest& request, const Author& author) const;
  bool MayBeErasedAuthor(const ChangeRequest& request, const Author& author) const;
  std::shared_ptr<const ProjectView> ProjectOf(const std::string& project) const;
  Status SettleDoubt() GUIDON_REQUIRES(changes_);
  Result<ChangeRequest> Live(const std::string& project, std::uint64_t number) GUIDON_REQUIRES(changes_);
  Result<ChangeRequest> Fresh(const std::string& project, std::uint64_t number) GUIDON_REQUIRES(changes_);
  // What it alters, as it is now.
  Alteration AlterationOf(const ChangeRequest& request) const;
  // Holds the edits against what is there: sets base, touched and environments. kInvalid when nothing would change.
  Status Ground(ChangeRequest& request) const;
  Result<bool> RewriteOne(const std::string& id, const ItemRewriter& rewrite, std::string_view action,
                          const Author& author);
  Status CheckTime(std::int64_t apply_at_ms) const;
  Status HasRoom(const std::string& project) const;
  Result<std::vector<Item>> Oldest() const;
  Result<ChangeRequest> Write(ChangeRequest request, std::string_view action, Author author,
                              std::vector<Item> others = {}) GUIDON_REQUIRES(changes_);
  Result<ChangeRequest> ApplyLocked(ChangeRequest request, Author author, const Permit& rights)
      GUIDON_REQUIRES(changes_);
  void Keep(ChangeRequest request);
  void ApplyDue(const std::string& project, std::uint64_t number, std::int64_t now_ms);
  void TellStale(const std::string& project, std::uint64_t number);

  Catalog& catalog_;
  const ChangeRequestOptions options_;

  Mutex changes_;  // one step at a time, from reading the request to writing it
  bool in_doubt_ GUIDON_GUARDED_BY(changes_) = false;
  std::set<std::pair<std::string, std::uint64_t>> waiting_ GUIDON_GUARDED_BY(changes_);  // due, held up, and reported

  mutable Mutex index_mutex_;
  Index index_ GUIDON_GUARDED_BY(index_mutex_);  // without edits
};

// Looks after the requests that have a time.
//
// Threads: one of its own.
class ChangeRequestKeeper {
 public:
  // The requests outlive it. Destroyed, it waits for a step under way.
  ChangeRequestKeeper(ChangeRequests& requests, std::chrono::milliseconds interval)
      : keeper_({.first_look = interval, .interval = interval, .clock = {}},
                [&requests](Timestamp, const std::function<bool()>&) { requests.Look(); }) {}

 private:
  Keeper keeper_;
};

}  // namespace guidon
