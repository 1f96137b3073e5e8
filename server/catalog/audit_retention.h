// How long the audit log says who did what: makes tombstones of entries that are older than the retention, from time to
// time.
//
//   AuditKeeper keeper(catalog, *store, {.keep = std::chrono::days(365), .report = Log});
//
// What is past its time loses its payload, in the log as in the audit log: who it was, addresses, comments, what was
// changed. The link stays, with its commitments, so that the chain and its checkpoints verify as before
// (audit/chain.h). It is the tombstone of an erasure (server/privacy), and the old bytes leave the files of the store
// in the same look.
//
// Each look that finds some takes a revision of its own, `audit.expire` by `system`, which says how many and names
// nobody; those stay for good, or each would be the reason for another one. How far it has come is in the item
// `audit/retention`, {"through":N}, and how far the files are rid of it under the plain key `!audit-purged`.
//
// As with the history (server/catalog/history.h), what counts as now is never later than the newest revision's time,
// those of its own apart: a clock that is far ahead must not cost the log. So where nothing happens any more, the last
// of it stays.
//
// Threads: one of its own. Cost: a look reads what has become due since the last one, and rewrites the files around it.
#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <string_view>

#include "core/base/result.h"
#include "server/catalog/catalog.h"
#include "server/store/keeper.h"
#include "server/store/store.h"

namespace guidon {

inline constexpr std::string_view kAuditExpire = "audit.expire";  // the action of its entries
inline constexpr std::size_t kMostExpiredAtOnce = 10'000;         // entries, in one revision; the rest in the next

// How a look ended.
struct AuditTrim {
  std::size_t entries = 0;  // that are tombstones from now on
  Revision through = 0;     // the newest revision that is, or that was passed over
  bool stopped = false;     // before the end; the next look goes on
};

// Every entry that was made `keep` or longer before now, or before the newest revision if that is earlier. Errors are
// those of Catalog::PutItems and Store::PurgeRedacted; what was done before one stays done.
Result<AuditTrim> TrimAudit(Catalog& catalog, Store& store, Timestamp now, std::chrono::milliseconds keep,
                            const std::function<bool()>& stop);

struct AuditKeeperOptions {
  std::chrono::milliseconds keep = std::chrono::days(365);
  std::chrono::milliseconds first_look = std::chrono::minutes(5);  // after the start, when the time has been set
  std::chrono::milliseconds interval = std::chrono::hours(1);      // between two looks
  std::function<Timestamp()> clock;                                // empty: the system's
  // Told how each look ended, on the keeper's thread. A failed one is tried again at the next.
  std::function<void(const Result<AuditTrim>&)> report;
};

class AuditKeeper {
 public:
  // Both outlive it. Destroyed, it ends after the revision under way.
  AuditKeeper(Catalog& catalog, Store& store, AuditKeeperOptions options);

 private:
  Keeper keeper_;
};

}  // namespace guidon
