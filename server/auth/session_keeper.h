// Removes sessions that are over, from time to time. When a session was used is known in memory only
// (server/auth/sessions.h): what is over would be open again after a restart.
//
//   SessionKeeper keeper(sessions, catalog, {.report = Log});
//
// Threads: one of its own, which waits for the disk.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>

#include "core/base/result.h"
#include "server/auth/sessions.h"
#include "server/catalog/catalog.h"
#include "server/store/keeper.h"

namespace guidon {

inline constexpr std::size_t kMostSweptAtOnce = 500;  // sessions that go in one revision

// Those that are over at `now_ms`: from the catalog first, `session.expire` in the audit log, and then from memory, so
// that they stay over if that fails. Ends early when `stop` says so. Says how many went; the error is that of
// Catalog::PutItems, and what was not removed goes with the next sweep.
Result<std::size_t> SweepSessions(Sessions& sessions, Catalog& catalog, std::int64_t now_ms,
                                  const std::function<bool()>& stop);

struct SessionKeeperOptions {
  std::chrono::milliseconds interval = std::chrono::minutes(1);  // between two sweeps, and before the first
  std::function<std::int64_t()> now_ms = {};                     // empty: the system's
  std::function<void(const Error&)> report = {};                 // of a sweep that failed; on the keeper's thread
};

class SessionKeeper {
 public:
  // Both outlive it. Destroyed, it waits for the commit under way.
  SessionKeeper(Sessions& sessions, Catalog& catalog, SessionKeeperOptions options);

 private:
  Keeper keeper_;
};

}  // namespace guidon
