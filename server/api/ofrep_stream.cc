#include "server/api/ofrep_stream.h"

#include <chrono>
#include <string>
#include <utility>

#include "net/sse.h"

namespace guidon {
namespace {

http::Bytes Heartbeat() {
  static const http::Bytes kComment = [] {
    std::string text;
    net::AppendSseComment(text, "nothing new");
    return std::make_shared<const std::string>(std::move(text));
  }();
  return kComment;
}

http::Bytes RetryAfter(std::uint64_t ms) {
  std::string text;
  net::AppendSseRetry(text, std::chrono::milliseconds(ms));
  return std::make_shared<const std::string>(std::move(text));
}

}  // namespace

OfrepStream::OfrepStream(std::shared_ptr<Channel> channel, Revision seen, std::unique_ptr<StreamTickets::Lease> lease,
                         OfrepStreamOptions options)
    : channel_(std::move(channel)), seen_(seen), lease_(std::move(lease)), options_(std::move(options)) {
  if (options_.revocations != nullptr) seen_revocations_ = options_.revocations->load();
  pending_ = RetryAfter(options_.retry_ms());
  // Between the check of the key and this line it may have been revoked, unseen by the counter.
  CheckKey();
}

OfrepStream::~OfrepStream() {
  if (options_.counters != nullptr) options_.counters->Count(close_);
}

http::Bytes OfrepStream::Next() {
  if (options_.revocations != nullptr && seen_revocations_ != options_.revocations->load(std::memory_order_acquire)) {
    seen_revocations_ = options_.revocations->load(std::memory_order_acquire);
    CheckKey();
  }
  if (channel_->closed()) End(StreamClose::kGone, std::move(pending_));
  if (ended_) return std::exchange(pending_, nullptr);
  if (http::Bytes event = channel_->NextRefetch(seen_)) return event;
  return std::exchange(pending_, nullptr);
}

void OfrepStream::OnTick() {
  CheckKey();
  if (ended_ || ++ticks_ < options_.ticks_per_heartbeat) return;
  ticks_ = 0;
  pending_ = Heartbeat();
}

// An EventSource comes again after this long, all of them at another time.
void OfrepStream::OnShutdown() {
  if (!ended_) End(StreamClose::kShutdown, RetryAfter(options_.retry_after_stop_ms()));
}

void OfrepStream::OnClosed(http::StreamEnd why) {
  if (!ended_) close_ = CloseOf(why);
}

void OfrepStream::CheckKey() {
  if (ended_ || options_.is_valid()) return;
  revoked_ = true;
  End(StreamClose::kRevoked, nullptr);
}

void OfrepStream::End(StreamClose reason, http::Bytes last_word) {
  if (!std::exchange(ended_, true)) close_ = reason;
  pending_ = std::move(last_word);
}

}  // namespace guidon
