// What reads leave behind: counts of evaluations and exposures, written by the threads that evaluate, taken by the one
// that sends. This is the hot path's half of docs/spec/events.md; sdk/events/outbox.h is the other.
//
//   RecordedRuleset recorded = recorder.Enlist(*ruleset, epoch, environment);   // when a ruleset is published
//   recorder.Expose(recorded, context, now_ms, consulted);                      // a reading thread, for each
//   experiment recorder.Count(recorded, slot, key, decision);                              // … and once for each read
//   recorder.TakeCounts();                                                      // the sending thread, now and then
//
// Every thread writes to a shard of its own (sdk/events/shard.h): counters that only it increases, a table of what it
// has exposed lately, and a ring of exposures. So writing takes no lock, waits for nobody and does not allocate, but
// when a thread writes for the first time, a read comes to an outcome that none had before, or an exposure finds the
// ring full. Shards of threads that ended are given to new ones; what they counted stays.
//
// At the bounds: a count is never lost. Of unknown flags a number is remembered by name; the others are counted as one,
// kOtherFlags. There are counters for 131 072 flags, a flag that got other variations counted again; reads of later
// ones are counted exactly, too, but in one map behind a lock. A thread that finds its ring full gets another one
// behind it, from bytes that all threads share, and frees nothing: whoever takes what is there does. So the sending
// thread may be away for a while, and readers faster than it. When the shared bytes are used up, the exposure is
// dropped and counted, and not marked as exposed, so the next read of the unit offers it again; at least as many bytes
// of exposures wait then, for a thread takes a ring only when all that it has is full.
//
// Memory: of each thread that records 4 KiB, 16 bytes for each variation of the flags that it reads, which come 8 KiB
// at a time, about 200 bytes for each flag whose reads come to many outcomes or errors, and with its first exposure the
// ring and 8 bytes for each exposure that is remembered. Of all threads together `spare_bytes` of further rings, while
// what they hold is not taken.
//
// Thread safety: Count and Expose from any thread; Enlist, and each of Take…, from one thread at a time. A forked child
// calls ContinueInChild before anything else and starts with nothing counted and nothing exposed; it may fork at any
// moment.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

#include <guidon/context.h>
#include <guidon/evaluation_detail.h>
#include "core/eval/evaluator.h"
#include "core/ruleset/ruleset.h"
#include "sdk/events/counts.h"
#include "sdk/events/exposure_ring.h"
#include "sdk/events/shard.h"

namespace guidon::internal {

struct RecorderOptions {
  std::size_t ring_bytes = 64u << 10;  // of exposures, per thread, at least 32 KiB
  std::size_t spare_bytes = 0;         // of further rings, of all threads together; beyond: dropped and counted
  std::size_t remembered = 4'096;      // exposures that a thread remembers, about; a forgotten one is recorded again
  std::size_t unknown_flags = 256;     // that are remembered by name; others are counted as kOtherFlags
  std::vector<std::string> private_attributes;  // each with all that is within it; "key" is the context's key
  bool all_attributes_private = false;          // all but the key
  bool exposures = true;                        // false: none are recorded
};

// The flag of counts whose flags are not told apart: no key is like this.
inline constexpr std::string_view kOtherFlags = "(other)";

// What reads of one ruleset are recorded as; by slot. Plain data that points into its Recorder.
struct RecordedRuleset {
  std::uint32_t size = 0;                           // slots
  std::unique_ptr<CountPlace[]> places;             // by slot
  std::unique_ptr<const CountedFlag*[]> counted;    // whose places these are; null: no flag
  std::unique_ptr<const CompiledFlag*[]> compiled;  // that they were made of
  std::string epoch, environment;
  std::uint64_t revision = 0;
  std::uint64_t seed = 0;  // of fingerprints: in another epoch everything is exposed anew
};

class Recorder {
 public:
  explicit Recorder(RecorderOptions options = {});
  ~Recorder();  // nobody records or takes any more
  Recorder(const Recorder&) = delete;
  Recorder& operator=(const Recorder&) = delete;

  // ---- For the thread that publishes ----
  // `before`: of a ruleset of the same lineage that still exists; what did not change since is taken over.
  RecordedRuleset Enlist(const Ruleset& ruleset, std::string_view epoch, std::string_view environment,
                         const RecordedRuleset* before = nullptr);
  // "experiment 'a' records no exposures: …", for the log; each once.
  std::vector<std::string> TakeWarnings();

  // ---- For threads that read ----
  // `slot` and `decision` are of the ruleset that was enlisted, which lives; `key` is as the caller named it.
  void Count(const RecordedRuleset& recorded, std::uint32_t slot, std::string_view key,
             const Decision& decision) noexcept;
  // The same in steps, so that what will be counted in can come near while the flag is evaluated. RowOf is for a flag
  // that there is; where TryCount has counted nothing, and said so, CountAnyway has to.
  CountRow RowOf(const RecordedRuleset& recorded, std::uint32_t slot) noexcept;
  static bool TryCount(CountRow row, std::int16_t variation, Reason reason) noexcept;
  void CountAnyway(const RecordedRuleset& recorded, std::uint32_t slot, std::string_view key,
                   const Decision& decision) noexcept GUIDON_EXCLUDES(ShardMutex());
  // Does nothing when the thread remembers that it did, when there is no unit, or when the unit is private.
  void Expose(const RecordedRuleset& recorded, const Context& context, std::int64_t now_ms,
              const Consulted& consulted) noexcept;

  // ---- For the thread that sends ----
  // What was counted since the last call, by flag, variation, reason and error; sorted, and without what is 0.
  std::vector<EvaluationCount> TakeCounts();
  // At most `most`, oldest first of each thread. Returns how many were given. What `take` throws is passed on, and that
  // exposure is given again.
  std::size_t TakeExposures(std::size_t most, const std::function<void(const RecordedExposure&)>& take);
  std::uint64_t dropped_exposures() const;  // since the beginning
  // Whether reads leave exposures behind, for any thread: nobody takes them without a server to send them to. As
  // options say at first.
  void SetExposures(bool recorded) noexcept { exposes_.store(recorded, std::memory_order_relaxed); }
  void ContinueInChild();

 private:
  struct UnknownFlag {
    std::uint64_t hash;  // of the key
    const CountedFlag* flag;
  };
  // Flag and variation, reason and error.
  using ExactCounts = std::map<std::tuple<std::string, std::string, Reason, EvaluationError>, std::uint64_t>;

  const CountedFlag* CountedFlagOf(std::string_view key, const CompiledFlag* flag) GUIDON_EXCLUDES(ShardMutex());
  const CountedFlag* Place(std::string names) GUIDON_REQUIRES(ShardMutex());
  void WarnOfPrivateUnits(const Ruleset& ruleset);

  void AddExactly(const OutcomeName& name) noexcept GUIDON_EXCLUDES(ShardMutex());
  std::size_t PlaceOfUnknown(std::string_view key, std::uint64_t hash) const noexcept;
  const CountedFlag* UnknownFlagOf(std::string_view key) noexcept GUIDON_EXCLUDES(ShardMutex());
  void SeeNewFlags() GUIDON_REQUIRES(CollectMutex()) GUIDON_EXCLUDES(ShardMutex());
  bool Sum(const CountedFlag& flag, std::vector<std::uint64_t>& totals) const;
  ThreadExposures* ExposuresOf(Shard& shard) noexcept;
  void CountDropped(Shard& shard) noexcept;

  // ---- Constant after construction ----
  const RecorderOptions options_;
  const PrivateAttributes private_;

  std::atomic<bool> exposes_;  // see SetExposures

  // ---- Written by threads that read ----
  RingAllowance spare_;
  ShardList shards_;
  std::vector<std::atomic<const UnknownFlag*>> unknown_;  // open addressing, half full at most; by PlaceOfUnknown
  std::atomic<bool> unknown_is_full_{false};
  // What could not be counted otherwise for want of memory, by reason, then by error; and such exposures.
  std::array<std::atomic<std::uint64_t>, kReasonCount + kEvaluationErrorCount> without_memory_{};
  std::atomic<std::uint64_t> dropped_elsewhere_{0};

  CountPlaces places_ GUIDON_GUARDED_BY(ShardMutex());
  std::vector<std::unique_ptr<const CountedFlag>> flags_ GUIDON_GUARDED_BY(ShardMutex());   // of all places
  std::map<std::string_view, const CountedFlag*> counted_ GUIDON_GUARDED_BY(ShardMutex());  // enlisted, by names()
  std::vector<std::unique_ptr<const UnknownFlag>> unknown_flags_ GUIDON_GUARDED_BY(ShardMutex());
  ExactCounts exact_ GUIDON_GUARDED_BY(ShardMutex());  // of flags without a place
  const CountedFlag* const other_;                     // unknown flags beyond the bound

  // ---- The publishing thread's ----
  std::set<std::string, std::less<>> warned_;
  std::vector<std::string> warnings_;

  // ---- The sending thread's ----
  struct Reported {
    const CountedFlag* flag;
    std::vector<std::uint64_t> counts;  // by outcome; empty: all 0
  };
  std::vector<Reported> reported_ GUIDON_GUARDED_BY(CollectMutex());  // of flags_, as far as it was seen
  Shard* next_shard_ = nullptr;                                       // whose exposures come next
};

// --- inline ---------------------------------------------------------------------------------------------------------

[[gnu::always_inline]] inline CountRow Recorder::RowOf(const RecordedRuleset& recorded, std::uint32_t slot) noexcept {
  return shards_.Own().counts.Row(recorded.places[slot]);
}

[[gnu::always_inline]] inline bool Recorder::TryCount(CountRow row, std::int16_t variation, Reason reason) noexcept {
  return ThreadCounts::TryCount(row, variation, reason);
}

inline void Recorder::Count(const RecordedRuleset& recorded, std::uint32_t slot, std::string_view key,
                            const Decision& decision) noexcept {
  if (slot >= recorded.size || !TryCount(RowOf(recorded, slot), decision.variation, decision.reason)) [[unlikely]] {
    CountAnyway(recorded, slot, key, decision);
  }
}

}  // namespace guidon::internal
