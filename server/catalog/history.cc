#include "server/catalog/history.h"

#include <algorithm>
#include <utility>
#include <vector>

namespace guidon {
Result<std::optional<Revision>> OldestToKeep(const Store& store, Timestamp cutoff) {
  // The first revision after the cutoff, by halves.
  Revision low = 1, high = store.Head().revision + 1;
  while (low < high) {
    const Revision middle = low + (high - low) / 2;
    const Result<std::vector<RevisionEntry>> entry = store.Revisions(middle, middle, 1);
    if (!entry) return Fail(entry.error());
    if (entry->empty()) return Fail(ErrorCode::kCorrupt, "revision " + std::to_string(middle) + " is missing");
    if (entry->front().time <= cutoff) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  if (low == 1) return std::optional<Revision>();
  return std::optional<Revision>(low - 1);
}

Result<HistoryLook> TrimHistory(Store& store, Timestamp now, std::chrono::milliseconds keep,
                                const std::function<bool()>& stop) {
  const Revision head = store.Head().revision;
  const Result<std::vector<RevisionEntry>> newest = store.Revisions(head, head, 1);
  if (!newest) return Fail(newest.error());
  if (newest->empty()) return HistoryLook();
  const Result<std::optional<Revision>> oldest = OldestToKeep(store, std::min(now, newest->front().time) - keep);
  if (!oldest) return Fail(oldest.error());
  const Result<Position> position = *oldest ? store.PositionOf(**oldest) : Result<Position>(0);
  if (!position) return Fail(position.error());
  HistoryLook look;
  const Position compacted = store.compacted();
  if (*position > compacted) look.oldest = *oldest;
  const Status done = store.Compact(std::max(*position, compacted), stop);
  look.stopped = !done && done.error().code == ErrorCode::kUnavailable && stop();
  if (!done && !look.stopped) return Fail(done.error());
  return look;
}

HistoryKeeper::HistoryKeeper(Store& store, HistoryOptions options)
    : keeper_({options.first_look, options.interval, options.clock},
              [&store, keep = options.keep, report = options.report](Timestamp now, const std::function<bool()>& stop) {
                const Result<HistoryLook> look = TrimHistory(store, now, keep, stop);
                if (report) report(look);
              }) {}

}  // namespace guidon
