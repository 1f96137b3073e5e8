// What /metrics says of events.
//
// Thread safety: counting from any thread.
#pragma once

#include <array>

#include "server/ingest/batch.h"
#include "server/telemetry/metrics.h"

namespace guidon {

class IngestCounters {
 public:
  explicit IngestCounters(Metrics& metrics);  // adds them; the metrics outlive it

  // A batch that is kept, of so many bytes as they came (unpacked).
  void CountKept(const EventCounts& counts, std::size_t bytes);
  void CountDuplicate() { duplicates_.Add(); }
  // The events that were left out; of a batch of which nothing was kept it is all there is to count.
  void CountLeftOut(const EventCounts& counts);
  // Refused as a whole, by what the client hears: 400, 413, 503, …
  void CountRefused(int status);
  void ObserveCommit(double seconds) { commit_seconds_.Observe(seconds); }

 private:
  std::array<Counter*, kEventTypes> accepted_;
  std::array<Counter*, kRejections> rejected_;
  Counter& unknown_;
  Counter& batches_;
  Counter& duplicates_;
  Counter& bytes_;
  std::array<Counter*, 5> refused_;
  Histogram& commit_seconds_;
};

}  // namespace guidon
