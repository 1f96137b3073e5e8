// Sends what happened in this process to the server, by docs/spec/events.md: what the application tracks, what reads
// left behind (sdk/events/recorder.h), and what the process holds. It has a thread and a connection of its own, so that
// neither reads nor the stream ever wait for it.
//
// The thread takes exposures out of the recorder every moment, and works in rounds: now and then, when much is queued,
// or when somebody waits for it, all that is there goes out, one batch after the other. A batch is sent until there is
// an answer to it. Everything else waits meanwhile: while a call is under way, exposures in the recorder, which has
// room for as many as the queue. See sdk/events/batch.h for what happens at the bounds.
//
// Thread safety: any thread, but for Run, which is the thread's.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <string_view>
#include <thread>

#include <guidon/context.h>
#include <guidon/status.h>
#include "core/base/mutex.h"
#include "net/backoff.h"
#include "net/http_client.h"
#include "net/url.h"
#include "sdk/events/batch.h"
#include "sdk/events/event_json.h"
#include "sdk/events/recorder.h"

namespace guidon::internal {

class ClientCore;

class Outbox {
 public:
  explicit Outbox(ClientCore& core);  // which outlives it
  Outbox(const Outbox&) = delete;
  Outbox& operator=(const Outbox&) = delete;

  // Copies what it needs of its arguments; a microsecond or so. Takes a lock that is never held for longer than it
  // takes to push or pop.
  void Track(const TrackCall& call) noexcept GUIDON_EXCLUDES(mutex_);
  // Whether all that was queued at the call is durable on the server. False at once when it is clear that it will not
  // be: the server refuses the key, a batch was lost, the client closes, or it is the outbox's own thread that asks.
  bool Flush(std::chrono::milliseconds deadline) GUIDON_EXCLUDES(mutex_);
  EventStatus Status() const GUIDON_EXCLUDES(mutex_);

  // A ruleset was applied: the server hears of it within config.status_delay.
  void NoteApplied() GUIDON_EXCLUDES(mutex_);

  bool HasWork() const;                // whether there is anything to run for
  void Run() GUIDON_EXCLUDES(mutex_);  // until Stop
  // Ends what is under way; reads record no exposures any more. A call that is just being opened does not notice: call
  // it again until Run has returned.
  void Stop() GUIDON_EXCLUDES(mutex_);

  // ---- fork() ----
  // The lock is held across it. The child has an outbox of its own, with another instance and nothing in it: what is
  // queued and under way here is the parent's, which goes on with it.
  void HoldForFork() GUIDON_ACQUIRE(mutex_) { mutex_.lock(); }
  void FreeAfterFork() GUIDON_RELEASE(mutex_) { mutex_.unlock(); }
  // In the child, before FreeAfterFork: whoever comes back to this one, which is a thread that forked in a log of its
  // own, finds it stopped. It may be destroyed when nobody does.
  void LeaveInChild() GUIDON_REQUIRES(mutex_);

 private:
  using Clock = std::chrono::steady_clock;

  // All that was queued when it began, and, if `with_counts`, what was counted until then.
  struct Round {
    std::uint64_t ticket = 0;
    bool with_counts = false;
    bool has_ends = false;  // what the recorder had is queued: it is known where this round ends
    std::uint64_t exposures_end = 0, tracks_end = 0;
  };
  enum class Verdict { kDurable, kRefused, kTooLarge, kHeld, kAgain };

  void NoteFault(const std::string& fault) GUIDON_EXCLUDES(mutex_);
  void NoteNoMemory(const char* what) noexcept GUIDON_EXCLUDES(mutex_);
  bool stopping() const GUIDON_EXCLUDES(mutex_);
  void Step() GUIDON_EXCLUDES(mutex_);
  bool Drain() GUIDON_EXCLUDES(mutex_);
  void Queue(const RecordedExposure& exposure) GUIDON_EXCLUDES(mutex_);
  void BeginRound() GUIDON_EXCLUDES(mutex_);
  void Advance(bool is_drained) GUIDON_EXCLUDES(mutex_);
  bool IsRoundOver() const GUIDON_REQUIRES(mutex_);
  void MakeBatch() GUIDON_EXCLUDES(mutex_);
  void AddCounts(std::size_t max_bytes);
  void Attempt() GUIDON_EXCLUDES(mutex_);
  Verdict Judge(const net::HttpResult& result, std::chrono::milliseconds* asked, std::string* error);
  void Durable(const net::HttpResponse& response) GUIDON_EXCLUDES(mutex_);
  void TooLarge(const std::string& error) GUIDON_EXCLUDES(mutex_);
  void Lose(const std::string& error) GUIDON_EXCLUDES(mutex_);
  void TakeBack() GUIDON_EXCLUDES(mutex_);
  void SendStatus() GUIDON_EXCLUDES(mutex_);
  void Wait() GUIDON_EXCLUDES(mutex_);
  void Say(LogLevel level, const std::string& message);
  void CountLeft() GUIDON_EXCLUDES(mutex_);
  net::HttpResult Post(const std::string& path, std::string_view text) GUIDON_EXCLUDES(mutex_);
  DroppedEvents Dropped() const GUIDON_REQUIRES(mutex_);
  std::chrono::milliseconds NextInterval();
  std::chrono::milliseconds Random(std::chrono::milliseconds most);

  // ---- Constant after construction ----
  ClientCore& core_;
  const Privacy privacy_;
  std::optional<net::Url> url_;  // nothing: there is no server, and nothing is kept
  const std::string instance_;
  const std::string sender_;

  // ---- Of the thread ----
  std::mt19937_64 random_;
  net::Backoff backoff_;
  Remembered remembered_;
  std::shared_ptr<const std::string> epoch_;  // of the last exposure
  Counts counts_;                             // that were taken from the recorder and are in no batch
  Moment counted_until_;                      // when they were taken last
  DroppedEvents reported_;                    // what durable batches and the one under way say
  std::optional<Round> round_;
  std::optional<Batch> batch_;
  std::size_t max_batch_bytes_ = kMaxBatchBytes;  // less once the server said that it is too much
  std::uint64_t hurried_ = 0;                     // the last ticket that an attempt was made for
  bool is_told_to_wait_ = false;
  bool is_status_near_ = false;  // next_status_ is for a ruleset that was applied
  Clock::time_point next_drain_{}, next_round_{}, next_attempt_{}, last_attempt_{}, next_status_{},
      status_held_until_{};
  std::string said_;  // the last failure that was logged

  mutable Mutex mutex_;
  CondVar wake_;     // for the thread
  CondVar settled_;  // for who waits in Flush
  bool stopping_ GUIDON_GUARDED_BY(mutex_) = false;
  bool is_awake_ GUIDON_GUARDED_BY(mutex_) = false;
  std::thread::id runner_ GUIDON_GUARDED_BY(mutex_);
  EventQueue exposures_ GUIDON_GUARDED_BY(mutex_);
  EventQueue tracks_ GUIDON_GUARDED_BY(mutex_);
  std::uint64_t tickets_ GUIDON_GUARDED_BY(mutex_) = 0;       // of those who flush
  std::uint64_t tickets_done_ GUIDON_GUARDED_BY(mutex_) = 0;  // up to here, all is durable, or was lost
  std::uint64_t losses_ GUIDON_GUARDED_BY(mutex_) = 0;
  std::uint64_t refusals_ GUIDON_GUARDED_BY(mutex_) = 0;    // answers that say to look again slowly
  bool is_status_asked_ GUIDON_GUARDED_BY(mutex_) = false;  // a ruleset was applied
  std::shared_ptr<net::HttpClient> http_ GUIDON_GUARDED_BY(mutex_);
  EventStatus status_ GUIDON_GUARDED_BY(mutex_);  // without `queued`, and without what the recorder dropped
};

}  // namespace guidon::internal
