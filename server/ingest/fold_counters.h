// What /metrics says of the fold of the journal.
//
// Thread safety: counting from any thread.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>

#include "server/ingest/fact_events.h"
#include "server/telemetry/metrics.h"

namespace guidon {

class FoldCounters {
 public:
  explicit FoldCounters(Metrics& metrics);  // adds them; the metrics outlive it, and so does this the metrics' readers

  void CountEvent(bool is_exposure) { (is_exposure ? exposures_ : tracked_).Add(); }
  void CountRejected(FactRejection reason) { rejected_[static_cast<std::size_t>(reason)]->Add(); }
  void CountFailure() { failures_.Add(); }
  void CountLost() { lost_.Add(); }
  void CountDriftAlarm() { drift_alarms_.Add(); }
  void CountRebuilt() { rebuilt_.Add(); }

  // How it stands.
  std::atomic<std::int64_t> sequence{0};    // up to which entries are in
  std::atomic<std::int64_t> behind_ms{0};   // from the receipt of the next entry until now; 0: it is caught up
  std::atomic<std::int64_t> iterations{0};  // that may still get facts
  std::atomic<std::int64_t> rebuilding{0};  // of those
  std::atomic<std::int64_t> left_out{0};    // beyond FoldOptions' bounds
  std::atomic<double> drift{0};             // that the last daily pass found

 private:
  Counter& exposures_;
  Counter& tracked_;
  std::array<Counter*, kFactRejections> rejected_;
  Counter& failures_;
  Counter& lost_;
  Counter& drift_alarms_;
  Counter& rebuilt_;
};

}  // namespace guidon
