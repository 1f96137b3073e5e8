// Tells webhooks of revisions: each of all that it wants, in order, at least once.
//
//   Deliverer deliverer(store, options);
//   for (Webhook& webhook : known) deliverer.Put(std::move(webhook));
//   deliverer.Wake();        // after every commit
//
// The log of revisions in the store is the queue: it is durable, in order, and there anyway. What is kept beside it is
// how far each webhook has been told, under a plain key; after a crash the newest message may be sent again, with the
// same id.
//
// A delivery that fails (no connection, no answer within 15 s, an answer other than 2xx) is tried again with a jittered
// delay, from 5 s up to 1 h; the webhook's later ones wait, so that they arrive in order. Once it is older than
// `give_up` it is passed over after an attempt, counted and logged, and with it those behind it that are as old. 410
// disables the webhook at once. Of a revision that was trimmed meanwhile (history-days) the message no longer names
// what changed; of one that was redacted there is none.
//
// Bounds: kMaxWebhooks; one delivery at a time for each; `threads` at a time for all; a body of at most 64 KiB (its
// list of changes is cut, which it says); of an answer only the head is read.
//
// Thread safety: every method may be called from any thread. Put, Remove and Wake do not wait.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "core/base/mutex.h"
#include "core/base/result.h"
#include "net/backoff.h"
#include "server/store/store.h"
#include "server/webhooks/webhook.h"

namespace guidon {

inline constexpr std::chrono::hours kWebhookGiveUp{72};  // so long a delivery that fails is tried again

// How far a webhook has been told.
struct WebhookState {
  Revision told = 0;                             // everything up to here was delivered, passed over, or of no interest
  std::uint64_t delivered = 0, passed_over = 0;  // since the server started
  Timestamp failing_since{};                     // zero: it is not failing
  std::string last_error;                        // of the newest attempt; empty: it succeeded
};

struct DelivererOptions {
  bool allow_private = false;  // server/webhooks/address_guard.h
  std::string ca_file;         // PEM; empty: the system's
  std::string version;         // for User-Agent
  int threads = 4;
  net::BackoffLimits backoff{std::chrono::seconds(5), std::chrono::hours(1)};
  std::chrono::milliseconds give_up = kWebhookGiveUp;
  std::function<Timestamp()> clock;  // empty: the system's
  // On a thread of the deliverer; must not call into it.
  std::function<void(const Webhook&, const std::string& what)> report;  // for the log
  std::function<void(const Webhook&, const std::string& why)> disable;  // 410: to be written down
  std::function<void(bool delivered)> count;                            // each attempt
};

class Deliverer {
 public:
  // The store outlives it.
  Deliverer(Store& store, DelivererOptions options);
  ~Deliverer();  // as Stop
  Deliverer(const Deliverer&) = delete;
  Deliverer& operator=(const Deliverer&) = delete;

  // Ends deliveries under way; they are made again after the next start. Waits for a name that is being looked up. What
  // is put afterwards is told of nothing.
  void Stop();

  void Put(Webhook webhook);
  void Remove(std::string_view id);
  void Wake();  // something may have been committed

  std::optional<Webhook> Find(std::string_view id) const;
  std::vector<Webhook> List() const;  // in the order in which they were made
  std::optional<WebhookState> StateOf(std::string_view id) const;
  bool allows_private() const { return options_.allow_private; }

  // Held by who changes a webhook, from looking at it until it is written down and Put or Removed; by the deliverer
  // while it disables one. Taken before everything else.
  Mutex& changes() { return changes_; }

  // One message, now, on the calling thread: what became of it, for people; at most 5 s beside the name's look-up.
  Status Ping(const Webhook& webhook) const;

 private:
  struct Entry;
  struct Sent;
  void Run();
  std::shared_ptr<Entry> Due(std::chrono::steady_clock::time_point now, std::chrono::steady_clock::time_point* next)
      GUIDON_REQUIRES(mutex_);
  void Work(Entry& entry);
  bool Deliver(Entry& entry, const Webhook& webhook, const RevisionEvent& event);
  Sent Send(const Webhook& webhook, const std::string& id, const std::string& body, Entry* entry) const;
  bool IsTooOld(const RevisionEvent& event) const;
  bool IsFailing(const Entry& entry) const;
  void PassOver(Entry& entry, const Webhook& webhook, const RevisionEvent& event);
  void Disable(Entry& entry, const Webhook& asked, const std::string& why);
  void Advance(Entry& entry, Revision told, bool keep);
  Timestamp Now() const;

  Store& store_;
  const DelivererOptions options_;
  const std::string epoch_;
  Mutex changes_;
  mutable Mutex mutex_;
  CondVar changed_;
  std::map<std::string, std::shared_ptr<Entry>, std::less<>> entries_ GUIDON_GUARDED_BY(mutex_);
  bool stopping_ GUIDON_GUARDED_BY(mutex_) = false;
  std::vector<std::thread> threads_;
  std::unique_ptr<WatchCursor> commits_;  // which nobody reads: it wakes us
};

}  // namespace guidon
