// What speaks against a running experiment, for the keeper that acts (server/catalog/experiment_keeper.h): harmed
// guardrails and a broken split, by methods that may be asked at every moment, and that no unit comes any more.
//
//   EvidenceFinder evidence(catalog, analysis, reports, store, NowMs);
//   options.find = [&](const RunningExperiment& running) { return evidence.Find(running); };
//
// Thread safety: one thread at a time; it may wait for the disk. Cost: that of Reports::AlarmsOf.
#pragma once

#include <cstdint>
#include <functional>
#include <utility>
#include <vector>

#include "core/base/result.h"
#include "server/analysis/analysis.h"
#include "server/analysis/reports.h"
#include "server/analysis/silence.h"
#include "server/catalog/catalog.h"
#include "server/catalog/experiment_keeper.h"
#include "server/store/store.h"
#include "stats/report/report.h"

namespace guidon {

// As the keeper has it. Its sentence is cut at 1 000 bytes.
Evidence EvidenceOf(const stats::Alarm& alarm);

class EvidenceFinder {
 public:
  // All of them outlive it. `now_ms` empty: the system's clock.
  EvidenceFinder(const Catalog& catalog, const Analysis& analysis, Reports& reports, Store& store,
                 std::function<std::int64_t()> now_ms)
      : catalog_(catalog), analysis_(analysis), reports_(reports), silences_(store), now_ms_(std::move(now_ms)) {}

  // Most urgent first. Of what was started a moment ago nothing is known, and nothing speaks against it. kCorrupt, and
  // errors of the store: nobody can tell.
  Result<std::vector<Evidence>> Find(const RunningExperiment& of);

 private:
  // Appends it, where the experiment says for how long units may stay away.
  Status FindSilence(const RunningExperiment& of, std::vector<Evidence>& evidence);

  const Catalog& catalog_;
  const Analysis& analysis_;
  Reports& reports_;
  Silences silences_;
  const std::function<std::int64_t()> now_ms_;
};

}  // namespace guidon
