#include "server/auth/session_keeper.h"

#include <string>
#include <utility>
#include <vector>

namespace guidon {

Result<std::size_t> SweepSessions(Sessions& sessions, Catalog& catalog, std::int64_t now_ms,
                                  const std::function<bool()>& stop) {
  std::size_t swept = 0;
  while (!stop()) {
    const std::vector<std::string> over = sessions.Over(now_ms, kMostSweptAtOnce);
    if (over.empty()) break;
    std::vector<Item> items;
    for (const std::string& id : over) items.push_back({std::string(kSessionSpace), id, ""});
    const Result<Committed> committed = catalog.PutItems(items, "session.expire", {"system", "", ""});
    if (!committed) return Fail(committed.error());
    for (const std::string& id : over) sessions.Remove(id);
    swept += over.size();
  }
  return swept;
}

SessionKeeper::SessionKeeper(Sessions& sessions, Catalog& catalog, SessionKeeperOptions options)
    : keeper_({.first_look = options.interval, .interval = options.interval, .clock = {}},
              [&sessions, &catalog, options](Timestamp now, const std::function<bool()>& stop) {
                const std::int64_t now_ms = options.now_ms ? options.now_ms() : now.time_since_epoch().count();
                const Result<std::size_t> swept = SweepSessions(sessions, catalog, now_ms, stop);
                if (!swept && options.report) options.report(swept.error());
              }) {}

}  // namespace guidon
