#include "server/api/sdk_stream.h"

#include <algorithm>
#include <utility>

#include "net/sse.h"

namespace guidon {
namespace {

// Who waits for its first snapshot must not take the silence for a dead connection.
http::Bytes WaitingComment() {
  static const http::Bytes kComment = [] {
    std::string text;
    net::AppendSseComment(text, "waiting for the first snapshot");
    return std::make_shared<const std::string>(std::move(text));
  }();
  return kComment;
}

}  // namespace

InitGate::InitGate(std::size_t slots, std::size_t queue, std::function<void()> wake)
    : slots_(std::max<std::size_t>(1, slots)), queue_(queue), wake_(std::move(wake)) {}

std::unique_ptr<InitGate::Ticket> InitGate::Enter() {
  MutexLock lock(mutex_);
  if (tickets_.size() >= slots_ + queue_) return nullptr;
  tickets_.push_back(next_);
  return std::make_unique<Ticket>(*this, next_++);
}

std::size_t InitGate::sending() const {
  MutexLock lock(mutex_);
  return std::min(tickets_.size(), slots_);
}

std::size_t InitGate::waiting() const {
  MutexLock lock(mutex_);
  return tickets_.size() > slots_ ? tickets_.size() - slots_ : 0;
}

bool InitGate::IsAdmitted(std::uint64_t number) const {
  MutexLock lock(mutex_);
  return tickets_.size() <= slots_ || number < tickets_[slots_];
}

void InitGate::Leave(std::uint64_t number) {
  bool someone_moves_up = false;
  {
    MutexLock lock(mutex_);
    // Numbers grow along the queue.
    const auto held = std::lower_bound(tickets_.begin(), tickets_.end(), number);
    if (held == tickets_.end() || *held != number) return;
    someone_moves_up = tickets_.size() > slots_;
    tickets_.erase(held);
  }
  if (someone_moves_up && wake_) wake_();
}

SdkStream::SdkStream(std::shared_ptr<Channel> channel, Cursor cursor, std::unique_ptr<InitGate::Ticket> ticket,
                     SdkStreamOptions options)
    : channel_(std::move(channel)), cursor_(cursor), ticket_(std::move(ticket)), options_(std::move(options)) {
  if (options_.revocations != nullptr) seen_revocations_ = options_.revocations->load();
  // Between the check of the key and this line it may have been revoked, unseen by the counter.
  CheckKey();
  // Who resumes and has missed nothing hears at once that it is live.
  if (!ended_ && !cursor_.needs_snapshot) pending_ = channel_->Heartbeat();
}

SdkStream::~SdkStream() {
  channel_->Leave(cursor_);
  if (options_.counters != nullptr) options_.counters->Count(close_);
}

void SdkStream::OnClosed(http::StreamEnd why) {
  if (!ended_) close_ = CloseOf(why);  // else the goodbye says why
}

http::Bytes SdkStream::Next() {
  if (options_.revocations != nullptr && seen_revocations_ != options_.revocations->load(std::memory_order_acquire)) {
    seen_revocations_ = options_.revocations->load(std::memory_order_acquire);
    CheckKey();
  }
  if (!ended_ && channel_->closed()) SayGoodbye(StreamClose::kGone);
  if (ended_) return std::exchange(pending_, nullptr);
  if (IsWaiting()) return std::exchange(pending_, nullptr);
  if (!cursor_.needs_snapshot) ticket_.reset();  // being asked again means that the snapshot is out
  if (http::Bytes event = channel_->Next(cursor_)) return event;
  if (!std::exchange(pending_, nullptr)) return nullptr;
  // Only who is caught up may be told the newest revision; who is not any more gets the change first.
  if (http::Bytes heartbeat = channel_->HeartbeatFor(cursor_)) return heartbeat;
  pending_ = channel_->Heartbeat();
  return channel_->Next(cursor_);
}

void SdkStream::OnTick() {
  CheckKey();
  if (ticket_ && !cursor_.needs_snapshot && ++slot_ticks_ >= options_.ticks_per_slot) ticket_.reset();
  if (ended_ || ++ticks_ < options_.ticks_per_heartbeat) return;
  ticks_ = 0;
  pending_ = IsWaiting() ? WaitingComment() : channel_->Heartbeat();
}

void SdkStream::CheckKey() {
  if (revoked_ || options_.is_valid()) return;
  revoked_ = true;
  SayGoodbye(StreamClose::kRevoked);
}

void SdkStream::SayGoodbye(StreamClose reason) {
  if (ended_) return;
  ended_ = true;
  close_ = reason;
  ticket_.reset();
  pending_ = EncodeGoodbye(ToString(reason), options_.retry_ms());
}

}  // namespace guidon
