// What reads leave behind: counts of evaluations and exposures, written by the threads that evaluate, taken by the one
// that sends. This is the hot path's half of docs/spec/events.md; sdk/events/outbox.h is the other.
//
//   RecordedRuleset recorded = recorder.Enlist(*ruleset, epoch, environment);   // when a ruleset is published
//   recorder.Count(recorded, slot, key, decision);                              // a reading thread, once for each read
//   recorder.Expose(recorded, context, now_ms, consulted);                      // for each experiment consulted
//   recorder.TakeCounts();                                                      // the sending thread, now and then
//
// Every thread writes to a shard of its own (sdk/events/shard.h): counters that only it increases, a table of what it
// has exposed lately, and a ring of exposures. So writing takes no lock, waits for nobody and does not allocate, but
// when a thread writes for the first time, or a read comes to an outcome that none had before. Shards of threads that
// ended are given to new ones; what they counted stays.
//
// At the bounds: a count is never lost. Of unknown flags a number is remembered by name; the others are counted as one,
// kOtherFlags. There are cells for a quarter of a million outcomes; later ones are counted exactly too, but in one map
// behind a lock. An exposure that finds the ring full is dropped and counted, and not marked as exposed, so the next
// read of the unit offers it again. Memory: for a thread that records 8 KiB, 2 KiB for each 256 outcomes that it comes
// to, and with its first exposure the ring and 8 bytes for each one that is remembered.
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
  std::size_t ring_bytes = 64u << 10;  // of exposures, per thread, at least 32 KiB; beyond: dropped and counted
  std::size_t remembered = 4'096;      // exposures that a thread remembers, about; a forgotten one is recorded again
  std::size_t unknown_flags = 256;     // that are remembered by name; others are counted as kOtherFlags
  std::vector<std::string> private_attributes;  // each with all that is within it; "key" is the context's key
};

// The flag of counts whose flags are not told apart: no key is like this.
inline constexpr std::string_view kOtherFlags = "(other)";

// What reads of one ruleset are recorded as; by slot. Plain data that points into its Recorder.
struct RecordedRuleset {
  std::vector<CountedFlag::Cell*> cells;      // by slot; null: no flag
  std::vector<CountedFlag*> counted;          // whose cells these are
  std::vector<const CompiledFlag*> compiled;  // that they were made of
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
  // `slot` and `decision` are of the ruleset that was enlisted; `key` as the caller named it.
  void Count(const RecordedRuleset& recorded, std::uint32_t slot, std::string_view key,
             const Decision& decision) noexcept;
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
  void ContinueInChild();

 private:
  // What a cell counts.
  struct Outcome {
    CountedFlag* flag;
    std::uint32_t number;
  };
  struct UnknownFlag {
    std::uint64_t hash;  // of the key
    CountedFlag flag;
  };
  // Flag and variation, reason and error.
  using ExactCounts = std::map<std::tuple<std::string, std::string, Reason, EvaluationError>, std::uint64_t>;

  CountedFlag* CountedFlagOf(std::string_view key, const CompiledFlag* flag) GUIDON_EXCLUDES(ShardMutex());
  void WarnOfPrivateUnits(const Ruleset& ruleset);

  void Add(CountedFlag::Cell* cells, CountedFlag* flag, std::uint32_t outcome) noexcept;
  void AddFirst(CountedFlag& flag, std::uint32_t outcome) noexcept GUIDON_EXCLUDES(ShardMutex());
  void AddUnlisted(std::string_view key, const Decision& decision) noexcept GUIDON_EXCLUDES(ShardMutex());
  void AddExactly(const OutcomeName& name) noexcept GUIDON_EXCLUDES(ShardMutex());
  std::uint32_t TakeCell(CountedFlag& flag, std::uint32_t outcome) GUIDON_EXCLUDES(ShardMutex());
  std::size_t PlaceOf(std::string_view key, std::uint64_t hash) const noexcept;
  CountedFlag& UnknownFlagOf(std::string_view key) noexcept GUIDON_EXCLUDES(ShardMutex());
  std::vector<std::uint64_t> Totals(std::size_t cells) const;
  ThreadExposures* ExposuresOf(Shard& shard) noexcept;
  void CountDropped(Shard& shard) noexcept;

  // ---- Constant after construction ----
  const RecorderOptions options_;
  const PrivateAttributes private_;

  // ---- Written by threads that read ----
  ShardList shards_;
  std::vector<std::atomic<UnknownFlag*>> unknown_;  // open addressing, at most half full; written under ShardMutex()
  std::atomic<bool> unknown_is_full_{false};
  CountedFlag other_;  // unknown flags beyond the bound
  // What could not be counted otherwise for want of memory, by outcome of an unknown flag; and such exposures.
  std::array<std::atomic<std::uint64_t>, kDefaults> without_memory_{};
  std::atomic<std::uint64_t> dropped_elsewhere_{0};

  std::map<std::string_view, std::unique_ptr<CountedFlag>> counted_ GUIDON_GUARDED_BY(ShardMutex());  // by names()
  std::vector<std::unique_ptr<UnknownFlag>> unknown_flags_ GUIDON_GUARDED_BY(ShardMutex());
  std::vector<Outcome> outcomes_ GUIDON_GUARDED_BY(ShardMutex());  // by cell, from kFirstCell on
  ExactCounts exact_ GUIDON_GUARDED_BY(ShardMutex());              // of outcomes without a cell

  // ---- The publishing thread's ----
  std::set<std::string, std::less<>> warned_;  // experiments
  std::vector<std::string> warnings_;

  // ---- The sending thread's ----
  std::vector<Outcome> known_ GUIDON_GUARDED_BY(CollectMutex());           // outcomes_, as far as it was seen
  std::vector<std::uint64_t> reported_ GUIDON_GUARDED_BY(CollectMutex());  // by cell, from kFirstCell on
  Shard* next_shard_ = nullptr;                                            // whose exposures come next
};

// --- inline ---------------------------------------------------------------------------------------------------------

inline void Recorder::Add(CountedFlag::Cell* cells, CountedFlag* flag, std::uint32_t outcome) noexcept {
  if (!shards_.Own().counts.Increase(cells[outcome].load(std::memory_order_relaxed))) [[unlikely]] {
    AddFirst(*flag, outcome);
  }
}

inline void Recorder::Count(const RecordedRuleset& recorded, std::uint32_t slot, std::string_view key,
                            const Decision& decision) noexcept {
  CountedFlag::Cell* const cells = slot < recorded.cells.size() ? recorded.cells[slot] : nullptr;
  if (cells == nullptr) [[unlikely]] {
    return AddUnlisted(key, decision);
  }
  Add(cells, recorded.counted[slot], OutcomeOf(decision));
}

}  // namespace guidon::internal
