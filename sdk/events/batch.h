// Events that wait to be sent, and the batch that is under way.
//
// There is one batch at a time; what comes meanwhile waits in bounded queues, and counts of evaluations stay where they
// are counted. So whatever the server does, memory is bounded, a count is never lost for want of room, and nothing that
// was once queued gives way to what is newer: of an experiment, the first exposure is the one that counts.
//
// Thread safety: plain objects.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

#include <guidon/status.h>
#include "sdk/events/recorder.h"

namespace guidon::internal {

inline constexpr std::size_t kMaxBatchEvents = 1'000;
inline constexpr std::size_t kMaxBatchBytes = 1u << 20;  // before compression

struct QueuedEvent {
  std::string json;
  std::shared_ptr<const std::string> epoch;  // of an exposure; null when it has none

  std::size_t bytes() const { return sizeof(QueuedEvent) + json.capacity(); }
};

// First in, first out. What was popped counts against the bounds until it is settled, for it may come back.
class EventQueue {
 public:
  EventQueue(std::size_t max_events, std::size_t max_bytes) : max_events_(max_events), max_bytes_(max_bytes) {}

  // False, and nothing happens, when there is no room.
  bool TryPush(QueuedEvent event);
  // Moves the oldest to `out`: at most `max_events`, whose text is at most `max_bytes` with a comma for each.
  void Pop(std::size_t max_events, std::size_t max_bytes, std::vector<QueuedEvent>& out);
  void PutBack(std::vector<QueuedEvent> popped);        // in front of all others, as if they had not been popped
  void Settle(const std::vector<QueuedEvent>& popped);  // they will not come back

  void Close() noexcept;  // drops all that is there, and takes nothing any more

  std::size_t size() const { return size_; }  // with what was popped and is not settled
  std::size_t room_events() const { return max_events_ - size_; }
  std::size_t room_bytes() const { return max_bytes_ - bytes_; }
  // Since the beginning; what was pushed first is settled first.
  std::uint64_t pushed() const { return pushed_; }
  std::uint64_t settled() const { return settled_; }

 private:
  std::size_t max_events_, max_bytes_;
  std::deque<QueuedEvent> events_;
  std::size_t size_ = 0, bytes_ = 0;
  std::uint64_t pushed_ = 0, settled_ = 0;
};

// A moment by both clocks: the wall's, which is told and may be wrong, and one that does not jump.
struct Moment {
  std::int64_t wall_ms = 0;
  std::chrono::steady_clock::time_point steady{};

  // What the wall's clock says of it at `now`: the same, unless that clock was put right (or wrong) since, by more than
  // a minute. Never so long ago that a server would not take it.
  std::int64_t WallAt(const Moment& now) const;
};

// What was counted in a span of time.
struct Counts {
  std::vector<EvaluationCount> entries;
  Moment from, to;
};

struct Batch {
  std::string id;  // the same for every attempt
  Moment made;
  DroppedEvents dropped;
  Counts counts;
  std::string evaluations;  // the event of `counts`; "" when there are none
  std::vector<QueuedEvent> exposures, tracks;
  bool may_have_arrived = false;  // an attempt got no clear answer: the server may have kept it

  std::size_t events() const;
};

// The body of an attempt. `sender`: see EncodeSender.
std::string EncodeBatch(const Batch& batch, std::string_view sender, std::int64_t sent_ms);

// What was exposed lately, whichever thread saw it: two generations of hashes, the older of which is forgotten when the
// younger is full.
class Remembered {
 public:
  explicit Remembered(std::size_t generation) : generation_(generation) {}
  bool Has(std::uint64_t hash) const { return young_.count(hash) + old_.count(hash) > 0; }
  void Add(std::uint64_t hash);

 private:
  std::size_t generation_;
  std::unordered_set<std::uint64_t> young_, old_;
};

// By epoch, experiment, iteration, unit and variant, and what else makes it another position.
std::uint64_t HashOf(const RecordedExposure& exposure);

}  // namespace guidon::internal
