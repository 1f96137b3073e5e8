#include "sdk/events/batch.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "core/base/hash.h"
#include "core/base/json.h"
#include "sdk/events/event_json.h"

namespace guidon::internal {
namespace {

constexpr std::int64_t kClockStep = 60'000;                          // milliseconds; less is drift, and harmless
constexpr std::int64_t kMostBehind = std::int64_t{29} * 86'400'000;  // servers take 30 days

}  // namespace

std::int64_t Moment::WallAt(const Moment& now) const {
  const auto ago = std::chrono::duration_cast<std::chrono::milliseconds>(now.steady - steady).count();
  const std::int64_t expected = now.wall_ms - ago;
  const bool is_moved = expected - wall_ms > kClockStep || wall_ms - expected > kClockStep;
  return std::max(is_moved ? expected : wall_ms, now.wall_ms - kMostBehind);
}

// ---- EventQueue --------------------------------------------------------------------------------------------------

bool EventQueue::TryPush(QueuedEvent event) {
  const std::size_t bytes = event.bytes();
  if (room_events() == 0 || room_bytes() < bytes) return false;
  events_.push_back(std::move(event));
  bytes_ += bytes;
  ++size_;
  ++pushed_;
  return true;
}

void EventQueue::Pop(std::size_t max_events, std::size_t max_bytes, std::vector<QueuedEvent>& out) {
  while (!events_.empty() && max_events > 0 && events_.front().json.size() + 1 <= max_bytes) {
    --max_events;
    max_bytes -= events_.front().json.size() + 1;
    out.push_back(std::move(events_.front()));
    events_.pop_front();
  }
}

void EventQueue::PutBack(std::vector<QueuedEvent> popped) {
  events_.insert(events_.begin(), std::make_move_iterator(popped.begin()), std::make_move_iterator(popped.end()));
}

void EventQueue::Close() noexcept {
  events_.clear();
  size_ = bytes_ = max_events_ = max_bytes_ = 0;
}

void EventQueue::Settle(const std::vector<QueuedEvent>& popped) {
  for (const QueuedEvent& event : popped) bytes_ -= event.bytes();
  size_ -= popped.size();
  settled_ += popped.size();
}

// ---- Batch -------------------------------------------------------------------------------------------------------

std::size_t Batch::events() const {
  return (dropped == DroppedEvents() ? 0u : 1u) + (evaluations.empty() ? 0u : 1u) + exposures.size() + tracks.size();
}

std::string EncodeBatch(const Batch& batch, std::string_view sender, std::int64_t sent_ms) {
  // The epoch is said once when all exposures are of the same, and otherwise with each.
  const std::shared_ptr<const std::string> epoch = batch.exposures.empty() ? nullptr : batch.exposures.front().epoch;
  const bool is_one_epoch = std::all_of(batch.exposures.begin(), batch.exposures.end(), [&](const QueuedEvent& e) {
    return e.epoch == epoch || (e.epoch != nullptr && epoch != nullptr && *e.epoch == *epoch);
  });
  std::string body = R"({"schema":1,"batch":")" + batch.id + R"(","sent":)" + std::to_string(sent_ms) + ",";
  body += sender;
  if (is_one_epoch && epoch != nullptr) {
    body += R"(,"epoch":)";
    AppendJsonString(body, *epoch);
  }
  body += R"(,"events":[)";
  bool is_first = true;
  const auto append = [&](std::string_view event) {
    if (!is_first) body += ',';
    is_first = false;
    body += event;
  };
  if (batch.dropped != DroppedEvents()) append(EncodeDropped(batch.dropped));
  if (!batch.evaluations.empty()) append(batch.evaluations);
  for (const QueuedEvent& e : batch.exposures) {
    const bool says_epoch = !is_one_epoch && e.epoch != nullptr;
    append(says_epoch ? WithEpoch(e.json, *e.epoch) : e.json);
  }
  for (const QueuedEvent& e : batch.tracks) append(e.json);
  return body + "]}";
}

// ---- Exposures ---------------------------------------------------------------------------------------------------

void Remembered::Add(std::uint64_t hash) {
  if (young_.size() >= generation_) {
    old_ = std::move(young_);
    young_.clear();
  }
  young_.insert(hash);
}

std::uint64_t HashOf(const RecordedExposure& exposure) {
  std::string text;
  for (const std::string_view part :
       {exposure.epoch, exposure.experiment, exposure.variant, exposure.holdout, exposure.unit}) {
    text += part;
    text += '\0';
  }
  text += std::to_string(exposure.iteration);
  text += static_cast<char>('0' + static_cast<int>(exposure.role));
  text += exposure.forced ? 'f' : '-';
  return Hash64(text);
}

}  // namespace guidon::internal
