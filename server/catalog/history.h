// How long the past stays readable: gives up what is older than the retention, from time to time.
//
//   HistoryKeeper keeper(*store, {.keep = std::chrono::days(90), .report = Log});
//
// A revision stays readable for `keep` after the next one replaced it, so that every moment of that time can still be
// asked about. What is older is removed for good by Store::Compact: old versions, transactions and log payloads. The
// newest version of everything, the audit entries and the chain stay.
//
// A clock that is far ahead must not cost the past. So what counts as now is never later than the newest revision's
// time, and the first look comes some minutes after the start, when the time has been set. A project in which nothing
// changes keeps more than it has to.
//
// Threads: one of its own, since a compaction reads every version once. Everything else goes on meanwhile.
#pragma once

#include <chrono>
#include <functional>
#include <optional>

#include "core/base/result.h"
#include "server/store/keeper.h"
#include "server/store/store.h"

namespace guidon {

// The oldest revision that has to stay readable: the newest one committed at or before `cutoff`. Nothing when no
// revision is so old. Cost: a few reads, by halves, as revisions and their times grow together.
Result<std::optional<Revision>> OldestToKeep(const Store& store, Timestamp cutoff);

// How a look at the history ended.
struct HistoryLook {
  std::optional<Revision> oldest;  // the oldest revision that can be read, if this look has moved it
  bool stopped = false;            // in the middle of removing what is older; the next look goes on
};

// Gives up everything that was replaced `keep` before now, or before the newest revision if that is earlier; and
// removes what an earlier look that was cut short has left.
Result<HistoryLook> TrimHistory(Store& store, Timestamp now, std::chrono::milliseconds keep,
                                const std::function<bool()>& stop);

struct HistoryOptions {
  std::chrono::hours keep = std::chrono::days(90);
  std::chrono::milliseconds first_look = std::chrono::minutes(5);  // after the start
  std::chrono::milliseconds interval = std::chrono::hours(1);      // between two looks
  std::function<Timestamp()> clock;                                // empty: the system's
  // Told how each look ended, on the keeper's thread. A failed one is tried again at the next.
  std::function<void(const Result<HistoryLook>&)> report;
};

class HistoryKeeper {
 public:
  // The store outlives it. Destroyed, it ends a compaction under way; the next one goes on where it stopped.
  HistoryKeeper(Store& store, HistoryOptions options);

 private:
  Keeper keeper_;
};

}  // namespace guidon
