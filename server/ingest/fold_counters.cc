#include "server/ingest/fold_counters.h"

#include <string>

namespace guidon {

FoldCounters::FoldCounters(Metrics& metrics)
    : exposures_(metrics.AddCounter("guidon_facts_events_total", "Events that analysis looked at, by type",
                                    {{"type", "exposure"}})),
      tracked_(metrics.AddCounter("guidon_facts_events_total", "Events that analysis looked at, by type",
                                  {{"type", "track"}})),
      failures_(metrics.AddCounter("guidon_facts_failures_total", "Times that analysis could not go on for now")),
      lost_(metrics.AddCounter("guidon_facts_lost_total",
                               "Times that events were removed from the journal before analysis had seen them")),
      drift_alarms_(metrics.AddCounter("guidon_facts_drift_alarms_total",
                                       "Totals that a daily pass found off by more than 1e-9, and replaced")),
      rebuilt_(
          metrics.AddCounter("guidon_facts_rebuilt_total", "Totals that were made anew as their plan had changed")) {
  for (std::size_t i = 0; i < kFactRejections; ++i) {
    rejected_[i] = &metrics.AddCounter("guidon_facts_rejected_total",
                                       "Events that might have counted in an experiment and did not, by reason",
                                       {{"reason", std::string(ToString(static_cast<FactRejection>(i)))}});
  }
  metrics.AddGauge("guidon_facts_sequence", "The entry of the journal up to which analysis has everything", {},
                   [this] { return static_cast<double>(sequence.load()); });
  metrics.AddGauge("guidon_facts_behind_seconds", "How long ago the oldest events arrived that analysis does not have",
                   {}, [this] { return static_cast<double>(behind_ms.load()) / 1000; });
  metrics.AddGauge("guidon_facts_iterations", "Iterations of experiments that may still get facts", {},
                   [this] { return static_cast<double>(iterations.load()); });
  metrics.AddGauge("guidon_facts_rebuilding", "Of those, that are being made anew", {},
                   [this] { return static_cast<double>(rebuilding.load()); });
  metrics.AddGauge("guidon_facts_left_out", "Experiments that are not analysed, as there are too many", {},
                   [this] { return static_cast<double>(left_out.load()); });
  metrics.AddGauge("guidon_facts_drift", "The greatest relative difference that the last daily pass found", {},
                   [this] { return drift.load(); });
}

}  // namespace guidon
