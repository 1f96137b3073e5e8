// How long events are kept: removes what is older from the journal, from time to time.
//
//   JournalKeeper keeper(*journal, {.keep = std::chrono::days(90), .report = Log});
//
// Threads: one of its own. It removes in small transactions, between which others write.
#pragma once

#include <chrono>
#include <functional>

#include "core/base/result.h"
#include "server/ingest/journal.h"
#include "server/store/keeper.h"

namespace guidon {

struct JournalKeeperOptions {
  std::chrono::milliseconds keep = std::chrono::days(90);       // entries
  std::chrono::milliseconds keep_ids = std::chrono::hours(48);  // what a batch that comes again is recognised by
  // After the start: a machine that starts has to find out the time first.
  std::chrono::milliseconds first_look = std::chrono::minutes(5);
  std::chrono::milliseconds interval = std::chrono::hours(1);  // between two looks
  std::function<Timestamp()> clock;                            // empty: the system's
  // Told how each look ended, on the keeper's thread. A failed one is tried again at the next.
  std::function<void(const Result<JournalTrim>&)> report;
};

class JournalKeeper {
 public:
  // The journal outlives it. Destroyed, it ends after the transaction under way.
  JournalKeeper(Journal& journal, JournalKeeperOptions options);

 private:
  Keeper keeper_;
};

}  // namespace guidon
