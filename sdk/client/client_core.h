// What a Client, its pins, its handles and its threads share. Internal to the SDK.
//
// Threads: the source thread connects, applies and publishes; the keeper thread moves the coarse clock and writes
// what has to be said about unknown flags. Readers touch `current` and `now_ms` only.
#pragma once

#include <guidon/client.h>

#include <atomic>
#include <deque>
#include <memory>
#include <random>
#include <set>
#include <thread>

#include "core/base/mutex.h"
#include "core/base/published.h"
#include "core/eval/evaluator.h"
#include "core/ruleset/ruleset.h"
#include "net/http_client.h"
#include "sdk/state/ruleset_state.h"

namespace guidon::internal {

// One publication: the ruleset, or an empty one before the first.
struct RulesetView {
  std::shared_ptr<const Ruleset> ruleset;
  bool is_ready = false;
};

class ClientCore : public std::enable_shared_from_this<ClientCore> {
 public:
  explicit ClientCore(ClientConfig config);

  // ---- Constant after construction ----
  const ClientConfig config;
  const std::shared_ptr<Lineage>& lineage() const { return lineage_; }

 private:
  RulesetState state_;                                         // source thread only, once started
  const std::shared_ptr<Lineage> lineage_ = state_.lineage();  // here, because `current` is made of it

 public:
  // ---- For readers ----
  Published<RulesetView> current;
  std::atomic<std::int64_t> now_ms;

  // A read of an unknown flag. Said once per key, off this thread; keys beyond a bound are not remembered.
  void NoteUnknownFlag(std::string_view key) noexcept;

  // ---- For the Client ----
  void Start();
  Readiness WaitReady(std::chrono::milliseconds timeout);
  ClientStatus Status();
  Subscription Subscribe(std::function<void(const RulesetChange&)> callback);
  bool Close(std::chrono::milliseconds deadline);

  // ---- For the source thread ----
  // Publishes what `state` holds after `applied`, tells subscribers, and keeps the cache file.
  void OnApplied(RulesetState& state, const Applied& applied, RulesetSource source);
  void OnConfirmed(RulesetState& state);  // the server said that what is held is current
  void SetState(ClientState state, std::string error = "");
  void CountRefused(const std::string& why);
  void CountReconnect();
  void FlushCache(RulesetState& state, bool now);
  void Log(LogLevel level, const std::string& message) const;
  bool closing() const { return closing_.load(); }
  // Sleeps; false when closing.
  bool Sleep(std::chrono::milliseconds time) GUIDON_EXCLUDES(mutex_);
  // The HTTP client of the call under way, for Close to stop; null when there is none.
  void SetHttp(net::HttpClient* http) GUIDON_EXCLUDES(mutex_);

 private:
  using Clock = std::chrono::steady_clock;
  struct Callback {
    std::uint64_t id = 0;
    std::function<void(const RulesetChange&)> call;
  };

  void LoadLocal();
  void RunSource();
  void RunKeeper() GUIDON_EXCLUDES(mutex_);
  void SayUnknownFlags(std::vector<std::string> keys);
  void Tell(const RulesetChange& change) GUIDON_EXCLUDES(subscribers_mutex_);

  std::thread source_thread_, keeper_thread_;
  std::atomic<bool> closing_{false};

  Mutex mutex_;
  CondVar changed_;
  ClientStatus status_ GUIDON_GUARDED_BY(mutex_);
  Clock::time_point confirmed_ GUIDON_GUARDED_BY(mutex_);
  bool has_confirmation_ GUIDON_GUARDED_BY(mutex_) = false;
  net::HttpClient* http_ GUIDON_GUARDED_BY(mutex_) = nullptr;
  bool source_done_ GUIDON_GUARDED_BY(mutex_) = true;
  std::set<std::string, std::less<>> unknown_ GUIDON_GUARDED_BY(mutex_);  // keys that were noted
  std::vector<std::string> unsaid_ GUIDON_GUARDED_BY(mutex_);

  // Held while callbacks run, so that the end of a Subscription can wait for them.
  Mutex subscribers_mutex_;
  std::vector<Callback> subscribers_ GUIDON_GUARDED_BY(subscribers_mutex_);
  std::uint64_t next_subscriber_ GUIDON_GUARDED_BY(subscribers_mutex_) = 1;

  // Source thread only.
  Clock::time_point cache_written_{};
  bool cache_dirty_ = false;
};

}  // namespace guidon::internal
