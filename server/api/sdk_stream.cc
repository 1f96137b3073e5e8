#include "server/api/sdk_stream.h"

#include <algorithm>
#include <utility>

namespace guidon {

InitGate::InitGate(std::size_t slots, std::size_t queue, std::function<void()> wake)
    : slots_(std::max<std::size_t>(1, slots)), queue_(queue), wake_(std::move(wake)) {}

std::unique_ptr<InitGate::Ticket> InitGate::Enter() {
  MutexLock lock(mutex_);
  if (tickets_.size() >= slots_ + queue_) return nullptr;
  tickets_.push_back(next_);
  return std::make_unique<Ticket>(*this, next_++);
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
  // Who resumes and has missed nothing hears at once that it is live.
  if (!cursor_.needs_snapshot) pending_ = channel_->Heartbeat();
}

http::Bytes SdkStream::Next() {
  if (ended_) return std::exchange(pending_, nullptr);
  if (cursor_.needs_snapshot) {
    if (ticket_ && !ticket_->admitted()) return nullptr;
  } else if (ticket_) {
    ticket_.reset();  // being asked again means that the snapshot is out
  }
  if (channel_->closed()) {
    SayGoodbye("gone");
    return std::exchange(pending_, nullptr);
  }
  if (http::Bytes event = channel_->Next(cursor_)) return event;
  // Only who is caught up may be told the newest revision.
  if (!pending_) return nullptr;
  pending_ = nullptr;
  return channel_->Heartbeat();
}

void SdkStream::OnTick() {
  if (revoked_) return;
  if (!options_.is_valid()) {
    revoked_ = true;
    return SayGoodbye("revoked");
  }
  if (ended_ || cursor_.needs_snapshot || ++ticks_ < options_.ticks_per_heartbeat) return;
  ticks_ = 0;
  pending_ = channel_->Heartbeat();
}

void SdkStream::SayGoodbye(std::string_view reason) {
  if (ended_) return;
  ended_ = true;
  pending_ = EncodeGoodbye(reason, options_.retry_ms());
}

}  // namespace guidon
