// What reads leave behind: counts of evaluations and exposures, written by the threads that evaluate, taken by the one
// that sends. This is the hot path's half of docs/spec/events.md; sdk/events/outbox.h is the other.
//
//   recorder.Count(slot, decision);               // a reading thread
//   recorder.Expose(…);                           // the same, for each experiment that was consulted
//   recorder.TakeCounts();                        // the sending thread, now and then
//
// Every thread writes to a shard of its own: counters that only it increases, a table of what it has exposed lately, and
// a ring of exposures. So writing takes no lock, waits for nobody and does not allocate, but when a thread writes for
// the first time, or counts a flag that came since. Shards of threads that ended are given to new ones; what they counted
// stays.
//
// At the bounds: a count is never lost. An exposure that finds the ring full is dropped and counted, and not marked as
// exposed, so the next read of the unit offers it again.
//
// Thread safety: Count and Expose from any thread; Take… from one thread at a time; a forked child calls
// ContinueInChild before anything else and starts with nothing counted and nothing exposed.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <guidon/context.h>
#include <guidon/evaluation_detail.h>
#include "core/eval/evaluator.h"
#include "core/ruleset/ruleset.h"

namespace guidon::internal {

struct EvaluationCount {
  std::string flag;
  std::string variation;  // empty: the caller's default was served
  Reason reason = Reason::kError;
  EvaluationError error = EvaluationError::kNone;
  std::uint64_t count = 0;
};

// One exposure as it comes out of the ring. Views are valid within the call that gives it.
struct RecordedExposure {
  std::int64_t time_ms = 0;
  std::uint64_t revision = 0;
  std::string_view epoch;
  std::string_view flag, experiment, variant, holdout;
  std::uint32_t iteration = 0;
  Consulted::Role role = Consulted::Role::kAssigned;
  bool forced = false;
  std::string_view unit_attribute, unit;
  std::int32_t bucket = -1;  // -1: none
  Value context;             // an object of scalars without what is private; null when it was too long
};

struct RecorderOptions {
  std::size_t ring_bytes = 64u << 10;  // of exposures, per thread; beyond: dropped and counted
  std::size_t remembered = 4'096;      // exposures that a thread remembers, about; a forgotten one is recorded again
};

class Recorder {
 public:
  explicit Recorder(std::shared_ptr<Lineage> lineage, RecorderOptions options = {});
  ~Recorder();
  Recorder(const Recorder&) = delete;
  Recorder& operator=(const Recorder&) = delete;

  // ---- For the thread that sends ----
  // What was counted since the last call, by flag, variation, reason and error; without what is 0.
  std::vector<EvaluationCount> TakeCounts();
  // At most `most`, oldest first of each thread. Returns how many were given.
  std::size_t TakeExposures(std::size_t most, const std::function<void(const RecordedExposure&)>& take);
  std::uint64_t dropped_exposures() const;  // since the beginning
  void ContinueInChild();
};

}  // namespace guidon::internal
