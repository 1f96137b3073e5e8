// What a Client, its pins, its handles and its threads share. Internal to the SDK.
//
// Threads: the source thread connects, or watches the flag file, applies, publishes and tells; the clock thread moves
// the coarse clock; the keeper thread writes the cache file, says what has to be said about unknown flags and tells of
// the status, so that neither a slow disk nor a slow log or callback delays the other two; the outbox thread sends
// events (sdk/events/outbox.h). All block the signals that an application may want for itself. Readers touch
// `current`, `coarse_ms` and `recorder` only.
//
// Locks, outer first: state_mutex_, mutex_, those of the outbox and of the lineage. None is held while a callback of
// the application runs. All are held across a fork(); the child starts threads of its own (sdk/client/fork.h).
#pragma once

#include <guidon/client.h>

#include <array>
#include <atomic>
#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <thread>
#include <tuple>
#include <utility>
#include <vector>

#include "core/base/mutex.h"
#include "core/base/published.h"
#include "core/ruleset/ruleset.h"
#include "net/http_client.h"
#include "sdk/client/fork.h"
#include "sdk/events/outbox.h"
#include "sdk/events/recorder.h"
#include "sdk/state/cache_file.h"
#include "sdk/state/ruleset_state.h"

namespace guidon::internal {

// One publication: the ruleset, or an empty one before the first, and what its reads are recorded as.
struct RulesetView : std::enable_shared_from_this<RulesetView> {
  RulesetView(std::shared_ptr<const Ruleset> its_ruleset, bool ready, RecordedRuleset recorded_as)
      : ruleset(std::move(its_ruleset)), is_ready(ready), recorded(std::move(recorded_as)) {}

  std::shared_ptr<const Ruleset> ruleset;
  bool is_ready;
  RecordedRuleset recorded;
};

// What a ruleset, or news of it, arrives as.
enum class DocumentKind { kSnapshot, kChange, kHeartbeat };

class FileSource;

class ClientCore final : public std::enable_shared_from_this<ClientCore>, private ForkParticipant {
 public:
  explicit ClientCore(ClientConfig config);
  ~ClientCore();

  // ---- Constant after construction ----
  const ClientConfig config;  // with times that can be worked with
  const std::shared_ptr<Lineage> lineage;
  const bool has_hooks;

  // ---- For readers ----
  Recorder recorder;
  Published<RulesetView> current;
  std::atomic<std::int64_t> coarse_ms;  // what time it is; negative: nobody moves it, so whoever asks reads the clock
  [[gnu::always_inline]] std::int64_t NowMs() const noexcept {
    const std::int64_t coarse = coarse_ms.load(std::memory_order_relaxed);
    if (coarse < 0) [[unlikely]] {
      return ReadClock();
    }
    return coarse;
  }

  // What leaves the process. Another one in the child of a fork().
  std::unique_ptr<Outbox> outbox;

  // A read of an unknown flag. Said once per key, off this thread; keys beyond a bound are not remembered.
  void NoteUnknownFlag(std::string_view key) noexcept GUIDON_THREAD_ANNOTATION(no_thread_safety_analysis);  // try_lock

  // ---- For the Client ----
  void Start();
  Readiness WaitReady(std::chrono::milliseconds timeout) GUIDON_EXCLUDES(mutex_);
  ClientStatus Status() GUIDON_EXCLUDES(mutex_);
  std::uint32_t forks() const GUIDON_EXCLUDES(mutex_);
  Subscription Subscribe(std::function<void(const RulesetChange&)> callback) GUIDON_EXCLUDES(mutex_);
  bool Flush(std::chrono::milliseconds deadline);
  Subscription SubscribeToStatus(std::function<void(const ClientStatus&)> callback) GUIDON_EXCLUDES(mutex_);
  bool Close(std::chrono::milliseconds deadline) GUIDON_EXCLUDES(mutex_);

  // ---- For where rulesets come from: one thread at a time ----
  // Applies, publishes, and then tells subscribers. `event_id`: of a change or heartbeat, may be empty.
  Applied Take(DocumentKind kind, std::string_view text, std::string_view event_id, RulesetSource source)
      GUIDON_EXCLUDES(state_mutex_, mutex_);
  // The server, or the flag file, says what is held.
  void Confirm(RulesetSource source = RulesetSource::kServer) GUIDON_EXCLUDES(state_mutex_, mutex_);
  bool has_ruleset() const GUIDON_EXCLUDES(state_mutex_);
  std::string EventId() const GUIDON_EXCLUDES(state_mutex_);
  Held WhatIsHeld() const GUIDON_EXCLUDES(state_mutex_);

  void SetState(ClientState state, std::string error = "") GUIDON_EXCLUDES(mutex_);
  void CountReconnect() GUIDON_EXCLUDES(mutex_);
  void CountRefused() GUIDON_EXCLUDES(mutex_);
  void Log(LogLevel level, const std::string& message) const noexcept;
  // Said by the keeper: for threads that must not wait for a log.
  void SayLater(LogLevel level, std::string message) GUIDON_EXCLUDES(mutex_);
  // What a hook threw on a thread that reads; `what` may be null. Said later, and of each hook and stage once a minute.
  void NoteHookFault(const Hook& hook, const char* stage, const char* what) noexcept
      GUIDON_THREAD_ANNOTATION(no_thread_safety_analysis);  // try_lock
  // The calling thread is to leave what it does for this client and end.
  bool closing() const { return closing_.load() || IsLeftover(); }
  // Whether the calling thread was a worker of this client in the parent, and forked in a callback or log: in the child
  // there is another one in its place, and it only finds its way out.
  bool IsLeftover() const noexcept;
  // Sleeps; false when closing.
  bool Sleep(std::chrono::milliseconds time) GUIDON_EXCLUDES(mutex_);
  // The HTTP client of the call under way, for Close to stop.
  void AnnounceHttp(std::shared_ptr<net::HttpClient> http) GUIDON_EXCLUDES(mutex_);
  void WithdrawHttp(const std::shared_ptr<net::HttpClient>& http) GUIDON_EXCLUDES(mutex_);

 private:
  using Clock = std::chrono::steady_clock;

  // One callback. `depth` grows when a callback causes the next change itself. Guarded by mutex_, but for the
  // callbacks.
  struct Subscriber {
    std::function<void(const RulesetChange&)> on_change;  // one of the two
    std::function<void(const ClientStatus&)> on_status;
    bool ended = false;
    int depth = 0;
    std::thread::id runner;
  };
  struct Worker {
    std::thread thread;
    std::thread::id id;
    bool is_done = true;
    std::shared_ptr<ClientCore> self;  // while it runs
  };

  static constexpr std::int64_t kNobodyMovesIt = -1;
  [[gnu::cold]] static std::int64_t ReadClock() noexcept;
  std::string LoadLocal();
  bool HasSource() const { return !config.server.empty() || !config.flag_file.empty(); }
  void StartWorkers() GUIDON_REQUIRES(mutex_);
  void StartWorker(Worker& worker, void (ClientCore::*run)()) GUIDON_REQUIRES(mutex_);
  void RunSource() GUIDON_EXCLUDES(mutex_);
  void RunClock() GUIDON_EXCLUDES(mutex_);
  void RunKeeper() GUIDON_EXCLUDES(mutex_);
  void TryChores() noexcept GUIDON_EXCLUDES(state_mutex_, mutex_);
  void NoteNoMemory(const char* what) noexcept GUIDON_EXCLUDES(mutex_);
  void FollowSource() GUIDON_EXCLUDES(mutex_);
  void RunOutbox();
  void DoChores() GUIDON_EXCLUDES(state_mutex_, mutex_);
  void KeepCache() GUIDON_EXCLUDES(state_mutex_, mutex_);
  bool WriteCache(Clock::time_point confirmed) GUIDON_EXCLUDES(state_mutex_, mutex_);
  bool TouchCache(Clock::time_point confirmed);
  std::chrono::milliseconds CacheTimeAllowed() const;
  bool IsCacheDue() const GUIDON_REQUIRES(mutex_);
  bool IsCacheTimeOld() const GUIDON_REQUIRES(mutex_);
  void SayUnknownFlags(const std::vector<std::string>& keys);
  bool HasChore() const GUIDON_REQUIRES(mutex_);
  bool AllDone() const GUIDON_REQUIRES(mutex_);
  void NoteTaken(const Applied& applied, DocumentKind kind, RulesetSource source) GUIDON_REQUIRES(state_mutex_)
      GUIDON_EXCLUDES(mutex_);
  void PublishHeld() GUIDON_REQUIRES(state_mutex_);
  void ServeDefaultsWhenTooOld() GUIDON_EXCLUDES(state_mutex_, mutex_);
  bool IsTooOld() GUIDON_EXCLUDES(mutex_);
  Subscription Add(const std::shared_ptr<Subscriber>& subscriber) GUIDON_EXCLUDES(mutex_);
  void Tell(const RulesetChange& change) GUIDON_EXCLUDES(mutex_);
  void TellStatus() GUIDON_EXCLUDES(mutex_);
  // What of a status is told when it changes.
  using Condition = std::tuple<ClientState, RulesetSource, bool, std::string>;
  Condition ConditionNow() const GUIDON_REQUIRES(mutex_);
  bool IsConditionTold() const noexcept GUIDON_REQUIRES(mutex_);
  // What the callback throws is logged.
  void Call(Subscriber& subscriber, const char* what, const std::function<void()>& call) GUIDON_EXCLUDES(mutex_);
  void End(const std::shared_ptr<Subscriber>& subscriber) GUIDON_EXCLUDES(mutex_);

  // ---- fork() ----
  void HoldForFork() override;
  void FreeInParent() override;
  std::shared_ptr<void> ContinueInChild() override;
  void LeaveOldThreads();
  void RenewEvents();  // after Outbox::LeaveInChild and before a thread is started: events begin anew in the child
  void RenewPatterns() GUIDON_EXCLUDES(state_mutex_);

  mutable Mutex state_mutex_;
  RulesetState state_ GUIDON_GUARDED_BY(state_mutex_);

  std::atomic<bool> closing_{false};  // set under mutex_, so that nobody who waits misses it

  mutable Mutex mutex_;
  CondVar changed_;  // status, closing, the end of a worker or of a callback
  CondVar chores_;   // for the keeper
  ClientStatus status_ GUIDON_GUARDED_BY(mutex_);
  bool is_started_ GUIDON_GUARDED_BY(mutex_) = false;
  Clock::time_point confirmed_ GUIDON_GUARDED_BY(mutex_) = Clock::now();  // at first for bootstrap: from the start
  bool has_confirmation_ GUIDON_GUARDED_BY(mutex_) = false;
  std::shared_ptr<net::HttpClient> http_ GUIDON_GUARDED_BY(mutex_);
  std::shared_ptr<FileSource> file_source_ GUIDON_GUARDED_BY(mutex_);  // of a client with a flag file
  enum : std::size_t { kClock, kKeeper, kSource, kOutbox };
  std::array<Worker, 4> workers_ GUIDON_GUARDED_BY(mutex_);
  Clock::time_point keep_until_ GUIDON_GUARDED_BY(mutex_){};  // how long the keeper waits for the source at the end
  std::set<std::string, std::less<>> unknown_ GUIDON_GUARDED_BY(mutex_);  // keys that were noted
  std::vector<std::string> unsaid_ GUIDON_GUARDED_BY(mutex_);             // of those
  std::vector<std::pair<LogLevel, std::string>> unsaid_lines_ GUIDON_GUARDED_BY(mutex_);
  struct HookFault {
    Clock::time_point said;
    std::uint64_t more = 0;  // since then
  };
  std::map<std::pair<const Hook*, std::string>, HookFault> hook_faults_ GUIDON_GUARDED_BY(mutex_);  // by stage
  std::vector<std::unique_ptr<Outbox>> left_outboxes_;               // of processes that this one was forked from
  Clock::time_point chores_held_until_ GUIDON_GUARDED_BY(mutex_){};  // there was no memory for them
  // The cache file. Its time is that of the last confirmation, so that its age is known after a restart, too.
  bool is_cache_old_ GUIDON_GUARDED_BY(mutex_) = false;            // something else is held
  Clock::time_point cache_kept_ GUIDON_GUARDED_BY(mutex_){};       // when it was written, or its time set, last
  Clock::time_point cache_confirmed_ GUIDON_GUARDED_BY(mutex_){};  // what its time says
  int cache_failures_ GUIDON_GUARDED_BY(mutex_) = 0;               // in a row
  FileMark cache_mark_;                                            // the keeper's: as this process left it
  std::string cache_said_;                                         // likewise: the last failure that was logged
  std::vector<std::shared_ptr<Subscriber>> subscribers_ GUIDON_GUARDED_BY(mutex_);
  Condition told_ GUIDON_GUARDED_BY(mutex_);  // what subscribers to the status know
};

// The way from a Client to its core, for those within the SDK.
struct CoreOf {
  explicit CoreOf(const Client& client) : core(*client.core_) {}
  ClientCore& core;
};

}  // namespace guidon::internal
