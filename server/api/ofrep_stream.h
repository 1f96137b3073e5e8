// An event stream of OFREP: `refetchEvaluation` whenever something in the environment has changed, and comments
// between.
//
// It says that there is something new, not what: whoever is slow, or misses several changes, hears of them once. It
// ends when the key is no longer valid, within the tick, when the environment goes, and when the server stops.
//
// Thread safety: belongs to its session's I/O thread.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>

#include "server/api/counters.h"
#include "server/api/stream_tickets.h"
#include "server/feed/feed.h"
#include "server/http/stream.h"

namespace guidon {

struct OfrepStreamOptions {
  std::function<bool()> is_valid;  // whether the key may still be used; asked on every tick, and when
  const std::atomic<std::uint64_t>* revocations = nullptr;  // … this has moved; null: on ticks only
  // Jittered delays until an EventSource comes again: told at the beginning, and when the server stops.
  std::function<std::uint64_t()> retry_ms, retry_after_stop_ms;
  int ticks_per_heartbeat = 15;
  StreamCounters* counters = nullptr;  // of why streams end; null: nobody counts
};

class OfrepStream final : public http::StreamSource {
 public:
  // `seen`: the newest revision that the client knows of. `lease` is null without a ticket.
  OfrepStream(std::shared_ptr<Channel> channel, Revision seen, std::unique_ptr<StreamTickets::Lease> lease,
              OfrepStreamOptions options);
  ~OfrepStream() override;

  http::Bytes Next() override;
  bool Ended() const override { return ended_ && !pending_; }
  bool MustEnd() const override { return revoked_; }
  void OnTick() override;
  void OnShutdown() override;
  void OnClosed(http::StreamEnd why) override;

 private:
  void CheckKey();
  void End(StreamClose reason, http::Bytes last_word);

  const std::shared_ptr<Channel> channel_;
  Revision seen_;
  const std::unique_ptr<StreamTickets::Lease> lease_;
  const OfrepStreamOptions options_;
  http::Bytes pending_;  // a comment, or the last word
  std::uint64_t seen_revocations_ = 0;
  int ticks_ = 0;
  bool ended_ = false;
  bool revoked_ = false;
  StreamClose close_ = StreamClose::kClient;  // also of one whose connection was gone before it began
};

}  // namespace guidon
