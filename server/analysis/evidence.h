// What speaks against a running experiment, for the keeper that acts (server/catalog/experiment_keeper.h): harmed
// guardrails and a broken split, by methods that may be asked at every moment, and that no unit comes any more.
//
//   EvidenceFinder evidence(catalog, analysis, reports, store, NowMs);
//   options.find = [&](const RunningExperiment& running) { return evidence.Find(running); };
//   options.is_counted = [&](const RunningExperiment& running) { return evidence.IsCounted(running); };
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
  // All of them outlive it. `now_ms` empty: the system's clock. `report` is told what Silences tells.
  EvidenceFinder(const Catalog& catalog, const Analysis& analysis, Reports& reports, Store& store,
                 std::function<std::int64_t()> now_ms, std::function<void(const std::string&)> report = {})
      : catalog_(catalog),
        analysis_(analysis),
        reports_(reports),
        silences_(store, std::move(report)),
        now_ms_(std::move(now_ms)) {}

  // Most urgent first. Of what was started a moment ago nothing is known, and nothing speaks against it. kCorrupt, and
  // errors of the store: nobody can tell. What was found besides is given all the same when the silence cannot be read.
  Result<std::vector<Evidence>> Find(const RunningExperiment& of);

  // Whether that nothing speaks against it means something. kUnavailable: its events are being counted again, or of
  // those that were received more than an hour ago not all are counted (where none come, all are), or it has been known
  // for ten minutes and is not analysed. The last is well where nothing was authored that its numbers could act by:
  // neither guardrails nor `sample_ratio_mismatch`. Other errors: nobody can tell.
  Status IsCounted(const RunningExperiment& of) const;

 private:
  std::int64_t NowMs() const;
  // Appends it, where the experiment says for how long units may stay away.
  Status FindSilence(const RunningExperiment& of, std::vector<Evidence>& evidence);

  const Catalog& catalog_;
  const Analysis& analysis_;
  Reports& reports_;
  Silences silences_;
  const std::function<std::int64_t()> now_ms_;
};

}  // namespace guidon
