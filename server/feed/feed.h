// What is told to SDKs: for each environment the current ruleset document, and the last changes as encoded events.
//
//   catalog ── Open, Publish ─► Feed ─► Channel ── wake ─► stream sessions, which pull with Next()
//
// A Channel is one environment. An event is encoded once and its bytes are shared by all sessions. A session holds a
// Cursor and nothing else: a slow reader costs no memory, delays nobody, and when it has fallen behind the ring it
// skips straight to the current state. docs/spec/wire.md is the format.
//
// What a channel holds is bounded by FeedOptions: the newest changes by count and by bytes, and beside them one ruleset
// document per encoding, made when somebody first asks for it.
//
// Thread safety: every method may be called from any thread. Publish is called by one thread at a time, in the order of
// revisions. Reads hold a lock for a few pointer copies, except for the first that needs a document not yet encoded.
#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/hash.h"
#include "core/base/mutex.h"
#include "core/base/result.h"
#include "core/codec/wire.h"
#include "core/model/definitions.h"

namespace guidon {

class Ruleset;

struct FeedOptions {
  std::size_t ring_changes = 1024;  // the oldest is forgotten beyond either bound; who needs it gets a snapshot
  std::size_t ring_bytes = 8u << 20;
  // Told how long it took from publishing a change until it had been written to the last of the streams that were up
  // to date with its environment then, or that stream had ended. On the thread of a session, under the channel's lock:
  // short, no calls into the feed.
  std::function<void(std::chrono::nanoseconds)> on_written;
  std::function<std::chrono::steady_clock::time_point()> clock;  // empty: the system's
};

// Which environment.
struct Scope {
  std::string project;
  std::string environment;
  friend auto operator<=>(const Scope&, const Scope&) = default;
};

// What one commit means for one environment. Never empty: an environment that does not alter is not mentioned.
struct EncodedChange {
  std::vector<EncodedEntity> upserts;
  std::vector<EntityRef> removals;
  std::shared_ptr<const Ruleset> ruleset;  // compiled from what holds after the change; null only while replaying
};

// Where a session is. Plain value; belongs to the session.
struct Cursor {
  Revision revision = 0;
  bool needs_snapshot = true;
  bool counted = false;  // among the readers that a change has to reach; Leave takes it out again
  Revision written = 0;  // of a counted one: the channel knows that it has everything up to here
};

using Bytes = std::shared_ptr<const std::string>;

class Channel {
 public:
  Channel(Scope scope, std::string epoch, const FeedOptions& options);

  const Scope& scope() const { return scope_; }

  // A cursor for a new session: from `Last-Event-ID` (may be empty) to what can be resumed exactly, or to a snapshot.
  Cursor Resume(std::string_view last_event_id) const;

  // The next event for this cursor, which moves; nullptr when it is caught up. Being asked means that the event before
  // has been written.
  Bytes Next(Cursor& cursor);
  // The session goes. One that does not say so is waited for: by the time of `on_written`, by nobody else.
  void Leave(Cursor& cursor);

  // The heartbeat event of the current state, encoded once per state.
  Bytes Heartbeat();
  // The same; nullptr when the cursor has not seen that state: told its revision, the client would skip a change.
  Bytes HeartbeatFor(const Cursor& cursor);

  // For sessions that only say that something changed, and keep no cursor but the revision that their client has heard
  // of: the event `refetchEvaluation` (OFREP 0.3) when the environment has altered since `seen`, which moves; else
  // nullptr. Encoded once per state.
  Bytes NextRefetch(Revision& seen);
  // The revision that last altered this environment.
  Revision changed() const;

  // The ruleset document (what a snapshot event carries), and its gzip form.
  struct Document {
    Bytes plain;
    Bytes gzip;  // only when asked for
    std::string
        etag;  // strong, without quotes: revision that last changed the scope and digest; "+gzip" is the caller's
    Revision revision = 0;
  };
  Document Current(bool with_gzip);
  // The same, where nothing has to be encoded or packed for it; else nothing. Costs some pointer copies.
  std::optional<Document> CurrentIfEncoded(bool with_gzip) const;
  // Its etag alone, without encoding anything.
  std::string CurrentEtag() const;

  // The newest revision up to this one that altered this environment: whoever holds it, or a later one, evaluates as of
  // the revision that was asked about. One that is older than what the ring remembers stands for itself.
  Revision AlteredBy(Revision revision) const;

  // How long ago the first change after `held`, and not after `upto`, was published; nothing where there is none, or it
  // is not remembered, or was made before this process.
  std::optional<std::chrono::nanoseconds> AgeOfChange(Revision held, Revision upto) const;

  // The compiled form of the same state; never null once opened.
  struct Compiled {
    std::shared_ptr<const Ruleset> ruleset;
    Revision revision = 0;
  };
  Compiled CurrentRuleset() const;

  // The environment was deleted: sessions say goodbye.
  bool closed() const;

 private:
  friend class Feed;
  using TimePoint = std::chrono::steady_clock::time_point;

  struct Change {
    Revision from = 0;
    Revision to = 0;
    Bytes event;
    std::optional<TimePoint> published;  // nothing: before this process
  };
  // A change that has not reached everyone.
  struct OnItsWay {
    Revision revision = 0;
    TimePoint since;
    std::size_t readers = 0;  // that it has yet to reach
  };

  void Load(std::vector<EncodedEntity> entities, std::shared_ptr<const Ruleset> ruleset, Revision changed,
            Revision head);
  void Apply(EncodedChange change, Revision revision);
  void Advance(Revision revision);
  void SetRuleset(std::shared_ptr<const Ruleset> ruleset);
  void ForgetChanges();
  void Close();

  TimePoint Now() const;
  void NoteWritten(Cursor& cursor) GUIDON_REQUIRES(mutex_);
  void Arrived(Revision from, Revision to) GUIDON_REQUIRES(mutex_);
  void MoveHead(Revision revision) GUIDON_REQUIRES(mutex_);
  void Put(EncodedEntity entity) GUIDON_REQUIRES(mutex_);
  void Drop(const EntityRef& ref) GUIDON_REQUIRES(mutex_);
  void Trim() GUIDON_REQUIRES(mutex_);
  Bytes DocumentLocked() GUIDON_REQUIRES(mutex_);
  Bytes HeartbeatLocked() GUIDON_REQUIRES(mutex_);
  std::string EtagLocked() const GUIDON_REQUIRES(mutex_);
  std::string EventId(Revision revision) const;

  // Constant after construction.
  const Scope scope_;
  const std::string epoch_;
  const FeedOptions options_;

  mutable Mutex mutex_;
  std::map<EntityRef, EncodedEntity> entities_ GUIDON_GUARDED_BY(mutex_);
  Digest128 digest_ GUIDON_GUARDED_BY(mutex_);
  std::shared_ptr<const Ruleset> ruleset_ GUIDON_GUARDED_BY(mutex_);
  Revision changed_ GUIDON_GUARDED_BY(mutex_) = 0;  // the revision that last altered this environment
  Revision head_ GUIDON_GUARDED_BY(mutex_) = 0;     // everything up to here is known; at least changed_
  Revision floor_ GUIDON_GUARDED_BY(mutex_) = 0;    // a cursor below it needs a snapshot
  std::deque<Change> ring_ GUIDON_GUARDED_BY(mutex_);
  std::size_t ring_bytes_ GUIDON_GUARDED_BY(mutex_) = 0;
  bool closed_ GUIDON_GUARDED_BY(mutex_) = false;
  std::size_t readers_ GUIDON_GUARDED_BY(mutex_) = 0;  // cursors that are counted
  std::deque<OnItsWay> on_its_way_ GUIDON_GUARDED_BY(mutex_);

  // Encoded on demand and kept until the state moves on.
  Bytes document_ GUIDON_GUARDED_BY(mutex_);
  Bytes document_gzip_ GUIDON_GUARDED_BY(mutex_);
  Bytes snapshot_event_ GUIDON_GUARDED_BY(mutex_);
  Bytes heartbeat_event_ GUIDON_GUARDED_BY(mutex_);
  Bytes refetch_event_ GUIDON_GUARDED_BY(mutex_);
};

// All channels of a server.
class Feed {
 public:
  // `wake` is called after every publication, outside any lock, on the publishing thread; it must be short.
  Feed(std::string epoch, FeedOptions options, std::function<void()> wake);

  const std::string& epoch() const { return epoch_; }

  // Adds an environment as of a revision. `changed`: the revision that last altered it, from which on a session can
  // resume; `head`: the revision that these entities are known to hold at.
  void Open(const Scope& scope, std::vector<EncodedEntity> entities, std::shared_ptr<const Ruleset> ruleset,
            Revision changed, Revision head);

  // What one commit did, to all environments at once: every channel is at `revision` afterwards.
  void Publish(Revision revision, std::map<Scope, EncodedChange> changes);

  // After changes were replayed without one.
  void SetRuleset(const Scope& scope, std::shared_ptr<const Ruleset> ruleset);

  void Close(const Scope& scope);

  // Past changes are not told any more, by any channel: who has not seen one of them gets a snapshot. For what was
  // erased from them.
  void ForgetChanges();

  // nullptr when there is no such environment.
  std::shared_ptr<Channel> Find(const Scope& scope) const;

  // The newest revision that is published: what a heartbeat would say.
  Revision head() const;

 private:
  const std::string epoch_;
  const FeedOptions options_;
  const std::function<void()> wake_;

  mutable Mutex mutex_;
  std::map<Scope, std::shared_ptr<Channel>> channels_ GUIDON_GUARDED_BY(mutex_);
  Revision head_ GUIDON_GUARDED_BY(mutex_) = 0;
};

// `goodbye {reason, retry_ms}` as an event.
Bytes EncodeGoodbye(std::string_view reason, std::uint64_t retry_ms);

}  // namespace guidon
