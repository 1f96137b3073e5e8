// Exposures that the server itself records: of evaluations that it answers for applications without an SDK of ours.
//
//   Exposures exposures(*journal, counters, {});
//   exposures.Offer({"shop", "production", "4fJ2kQz9wXbT"}, ExposureOf(consulted, context, now_ms, revision));
//
// They go the way of every other event: into the journal, as batches that the server makes, each with an id of its own.
// Offering costs a look into a table and, for what is new, a copy under a lock: it never waits for the disk. A thread
// hands on what has come, a second after the first of them or when there is enough for a batch, and tries again for as
// long as the journal is busy. So up to a second of exposures is lost when the process is killed; an exposure that is
// read again then is recorded again.
//
// The same exposure is recorded once, for as long as it is remembered: analysis takes the first and drops the others.
//
// Bounds: `waiting_bytes` of events that are not durable yet; beyond it an exposure is dropped and counted, in
// guidon_exposures_dropped_total and as a `dropped` event in the journal once there is room, so that the gap can be
// seen in the data. `remembered` fingerprints; a newer one takes the place of an older.
//
// Thread safety: every method may be called from any thread.
#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "core/base/mutex.h"
#include "core/model/definitions.h"
#include "server/ingest/counters.h"
#include "server/ingest/journal.h"

namespace guidon {

class Context;
struct Consulted;

// One exposure as it is offered.
struct NewExposure {
  std::uint64_t fingerprint = 0;  // of what makes two the same; the environment is not in it
  std::string event;              // as docs/spec/events.md has it; "" when no event can say it
};
// What was consulted, while it is valid: within the sink's call. A unit beyond 1 KiB gives no event, a context beyond
// 4 KiB is left out of it.
NewExposure ExposureOf(const Consulted& consulted, const Context& context, std::int64_t now_ms, Revision revision);
// Its fingerprint alone.
std::uint64_t FingerprintOf(const Consulted& consulted) noexcept;

struct ExposureOptions {
  std::size_t waiting_bytes = 16u << 20;
  std::size_t remembered = 1u << 18;        // rounded up to a power of two; 8 bytes each
  std::chrono::milliseconds delay{1'000};   // how long an exposure waits for others
  std::chrono::milliseconds finish{2'000};  // how long Finish waits for the journal's answers
  std::string epoch;                        // of the store: whose revisions the exposures name
  std::string version;                      // of the server
};

class Exposures {
 public:
  // Whose they are. `key` is the id of the API key that asked.
  struct Source {
    std::string project, environment, key;
    friend auto operator<=>(const Source&, const Source&) = default;
  };

  // The journal and the counters outlive Finish(); the answers that come after it too.
  Exposures(Journal& journal, IngestCounters& counters, ExposureOptions options);
  ~Exposures();  // Finish()
  Exposures(const Exposures&) = delete;
  Exposures& operator=(const Exposures&) = delete;

  // Whether it is remembered. No lock: worth asking before an event is made.
  bool Knows(const Source& source, std::uint64_t fingerprint) const noexcept;
  // Takes it, unless it is remembered, or there is no room. Never waits for the disk.
  void Offer(const Source& source, NewExposure exposure) GUIDON_EXCLUDES(state_->mutex);

  // Hands on what waits now, and waits until it is durable, for `finish` at most.
  void Flush();
  // Hands everything to the journal and waits for its answers, for `finish` at most. What comes after it is dropped.
  void Finish();

  std::uint64_t dropped() const { return state_->dropped; }
  std::size_t waiting() const GUIDON_EXCLUDES(state_->mutex);  // events that are not durable yet

 private:
  // Events of one source that wait for others.
  struct Group {
    std::string events;  // a JSON array without its end
    std::size_t count = 0;
    std::uint64_t dropped = 0;  // since the last batch
  };
  // What was handed to the journal, and is kept until that has answered.
  struct Batch {
    Source source;
    std::string id;
    Group group;
  };
  // Outlives this object while the journal holds answers back.
  struct State {
    std::atomic<std::uint64_t> dropped{0};
    mutable Mutex mutex;
    CondVar changed;
    std::map<Source, Group> groups GUIDON_GUARDED_BY(mutex);
    // That are full, or for which the journal had no room.
    std::vector<std::shared_ptr<const Batch>> ready GUIDON_GUARDED_BY(mutex);
    std::size_t waiting_bytes GUIDON_GUARDED_BY(mutex) = 0;  // of groups, and of what is under way
    std::size_t waiting GUIDON_GUARDED_BY(mutex) = 0;
    std::size_t under_way GUIDON_GUARDED_BY(mutex) = 0;  // batches
    bool is_urgent GUIDON_GUARDED_BY(mutex) = false;     // there is enough for a batch
    bool stopping GUIDON_GUARDED_BY(mutex) = false;
  };

  void Run();
  void HandOn(std::shared_ptr<const Batch> batch);
  static void OnAnswer(const std::shared_ptr<State>& state, const std::shared_ptr<const Batch>& batch,
                       IngestCounters& counters, const Result<Appended>& answer);
  NewEntry EntryOf(const Batch& batch) const;
  std::uint64_t PlaceOf(const Source& source, std::uint64_t fingerprint) const noexcept;

  // Constant after construction.
  Journal& journal_;
  IngestCounters& counters_;
  const ExposureOptions options_;
  const std::size_t remembered_mask_;
  const std::unique_ptr<std::atomic<std::uint64_t>[]> remembered_;  // in sets of kSet
  static constexpr std::size_t kSet = 8;                            // a cache line

  const std::shared_ptr<State> state_ = std::make_shared<State>();
  std::thread thread_;
};

}  // namespace guidon
