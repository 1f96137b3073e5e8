// What a walk over all units of a space (server/ingest/fold.h) comes to for one iteration: its totals made anew, the
// caps that follow from all units, and what those come to that take part in other experiments, too.
//
//   SweepJob job(plan, {.experiment = "checkout", .iteration = 1, .caps = caps});
//   job.Pass(record, group, takers, &kept);            // unit after unit, in the order of their keys
//   job.Remove(was, &kept); job.Add(is, &kept);        // of a unit that was passed, and changes afterwards
//   const Totals anew = std::move(job).TakeTotals(&kept);
//
// `slots` are the totals of all units that are kept beside it: values of dimensions have the same cells here as there,
// so that both are the same to the bit in the end. Null where there are none: then it has cells of its own. They are to
// have the unit of Add already, and that of Remove still.
//
// Caps and overlaps are of units as they were when they were passed: Remove and Add do not move them.
//
// Bounds: memory of one iteration's totals; where it gathers, 8 bytes for each unit and number that is not 0; those of
// stats::OverlapSums.
//
// Thread safety: belongs to one thread.
#pragma once

#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "core/base/result.h"
#include "server/ingest/fold_records.h"
#include "stats/metric/contribution.h"
#include "stats/statistic/overlap.h"
#include "stats/statistic/totals.h"

namespace guidon {

class SweepJob {
 public:
  SweepJob(const stats::ExperimentPlan& plan, const StoredSweep::Job& job);  // the plan outlives it
  // As TakeDirtyParts had it stored, by the names of parts. kCorrupt: it was not.
  static Result<SweepJob> Read(const stats::ExperimentPlan& plan, const StoredSweep::Job& job,
                               const std::map<std::string, std::string>& parts);

  const stats::Caps& caps() const { return caps_; }  // that its totals are cut at
  bool has_totals() const { return totals_.has_value(); }
  bool gathers() const { return gathers_; }
  bool has_overlaps() const { return overlaps_.has_value(); }
  double DriftOf(const stats::Totals& kept) const { return kept.DriftFrom(*totals_); }

  // `takers`: the iterations that it takes part in, as stats::OverlapSums::Add has them.
  void Pass(const stats::UnitRecord& unit, std::uint8_t group, std::span<const stats::OverlapSums::Taker> takers,
            const stats::Totals* slots);
  // What a unit comes to under its caps; nothing where it has no totals.
  stats::Contribution Of(const stats::UnitRecord& unit, std::uint8_t group) const;
  void Add(const stats::Contribution& gives, const stats::Totals* slots);
  void Remove(const stats::Contribution& gave, const stats::Totals* slots);

  // What has changed since the last time; an empty text: the part is gone.
  std::map<std::string, std::string> TakeDirtyParts();

  stats::Totals TakeTotals(const stats::Totals* slots) &&;
  // By what each unit came to when it was passed.
  stats::Caps TakeCaps() &&;
  // Likewise; `time`: when the walk began.
  stats::Overlaps OverlapsOf(stats::Time time) const { return overlaps_->Finish(time); }

 private:
  void Gather(const stats::Contribution& gives);

  const stats::ExperimentPlan* plan_;
  stats::Caps caps_;
  std::optional<stats::Totals> totals_;
  std::optional<stats::OverlapSums> overlaps_;
  bool gathers_ = false;
  std::vector<stats::UnitTotals> gathered_;                        // by metric
  std::vector<std::pair<std::size_t, std::size_t>> were_written_;  // of each: how many of y and of x
};

}  // namespace guidon
