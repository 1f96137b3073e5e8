// A stream of one SDK: what http's session pulls from the feed's channel, with admission for first snapshots.
//
// A snapshot is large and a fleet that reconnects asks for many at once. So only `slots` streams may be sending one at
// a time, others wait in the order they came; when too many wait, the connect is answered 503 with a jittered
// Retry-After. Resuming streams, which need only changes, are never held up.
//
// Thread safety: an InitGate may be used from any thread; an SdkStream belongs to its session's I/O thread.
#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "core/base/mutex.h"
#include "server/api/counters.h"
#include "server/feed/feed.h"
#include "server/http/stream.h"

namespace guidon {

class InitGate {
 public:
  // `wake` is called when a waiting ticket has got its slot: WakeStreams of the server.
  InitGate(std::size_t slots, std::size_t queue, std::function<void()> wake);

  // A place in the queue, or a slot at once. Gives both back when it goes.
  class Ticket {
   public:
    Ticket(InitGate& gate, std::uint64_t number) : gate_(gate), number_(number) {}
    ~Ticket() { gate_.Leave(number_); }
    Ticket(const Ticket&) = delete;
    Ticket& operator=(const Ticket&) = delete;
    bool admitted() const { return gate_.IsAdmitted(number_); }

   private:
    InitGate& gate_;
    const std::uint64_t number_;
  };

  // nullptr: the queue is full.
  std::unique_ptr<Ticket> Enter();

  std::size_t sending() const;  // tickets that have a slot
  std::size_t waiting() const;  // those that wait for one

 private:
  bool IsAdmitted(std::uint64_t number) const;
  void Leave(std::uint64_t number);

  const std::size_t slots_;
  const std::size_t queue_;
  const std::function<void()> wake_;
  mutable Mutex mutex_;
  // Tickets in the order they came; the first `slots_` of them are admitted.
  std::deque<std::uint64_t> tickets_ GUIDON_GUARDED_BY(mutex_);
  std::uint64_t next_ GUIDON_GUARDED_BY(mutex_) = 1;
};

struct SdkStreamOptions {
  std::function<bool()> is_valid;  // whether the key may still be used; asked on every tick, and when
  const std::atomic<std::uint64_t>* revocations = nullptr;  // … this has moved; null: on ticks only
  std::function<std::uint64_t()> retry_ms;                  // a jittered delay for goodbyes
  int ticks_per_heartbeat = 15;
  // A slot is given back when the snapshot is out, or after so many ticks: whoever takes it in drop by drop must not
  // keep others waiting. So much more may be on its way than there are slots: the snapshots of those who read slowly,
  // which all share the same bytes.
  int ticks_per_slot = 10;
  StreamCounters* counters = nullptr;  // of why streams end; null: nobody counts
};

class SdkStream final : public http::StreamSource {
 public:
  // `ticket` is null when the cursor needs no snapshot.
  SdkStream(std::shared_ptr<Channel> channel, Cursor cursor, std::unique_ptr<InitGate::Ticket> ticket,
            SdkStreamOptions options);
  ~SdkStream() override;

  http::Bytes Next() override;
  bool Ended() const override { return ended_ && !pending_; }
  // A key that is no longer valid gets nothing more, not even the rest of a snapshot; a slow reader cannot stay for it.
  bool MustEnd() const override { return revoked_; }
  void OnTick() override;
  void OnShutdown() override { SayGoodbye(StreamClose::kShutdown); }
  void OnClosed(http::StreamEnd why) override;

 private:
  bool IsWaiting() const { return cursor_.needs_snapshot && ticket_ && !ticket_->admitted(); }
  void CheckKey();
  void SayGoodbye(StreamClose reason);

  const std::shared_ptr<Channel> channel_;
  Cursor cursor_;
  std::unique_ptr<InitGate::Ticket> ticket_;
  const SdkStreamOptions options_;
  http::Bytes pending_;  // a heartbeat or a goodbye that is due
  std::uint64_t seen_revocations_ = 0;
  int ticks_ = 0;
  int slot_ticks_ = 0;  // since the snapshot was handed out
  bool ended_ = false;
  bool revoked_ = false;
  StreamClose close_ = StreamClose::kClient;  // also of one whose connection was gone before it began
};

}  // namespace guidon
