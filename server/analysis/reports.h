// The report of an experiment: its facts, held against the plan that it was started with, with the looks that were
// taken.
//
//   Reports reports(catalog, analysis, store, {});
//   Result<stats::Report> report = reports.Of("shop", "production", "checkout-one-page", 0);     // writes nothing
//   reports.TakeDueLooks(stop);                                                                 // the keeper of looks
//
// What counts is what the iteration keeps of its start (ExperimentIteration::measured): edits of goals, margins,
// metrics or the method do not move what it is held against. They are told in the report's quality.changes. An
// iteration whose record has nothing is held against the definition that was kept beside its looks, or else the present
// one, which its notes then say.
//
// Thread safety: every method may be called from any thread, and waits for the disk; TakeDueLooks from one. Cost of a
// report: that of stats::Judge, some milliseconds, and a few reads for each thing that was edited.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/result.h"
#include "server/analysis/analysis.h"
#include "server/analysis/looks.h"
#include "server/catalog/catalog.h"
#include "server/store/store.h"
#include "stats/report/report.h"

namespace guidon {

struct ReportsOptions {
  std::function<std::int64_t()> now_ms = {};  // empty: the system's clock
};

// Which iterations have their looks taken: all, or those that are over.
enum class LooksOf : std::uint8_t { kAll, kOver };

class Reports {
 public:
  // All of them outlive it.
  Reports(const Catalog& catalog, const Analysis& analysis, Store& store, ReportsOptions options);

  // As of now; of an iteration that is over, as of the revision at its end. `iteration` 0: the newest. Of one that was
  // started a moment ago, and is not in the facts yet, a report of no units, which its notes say. A stored look that
  // cannot be read is told in its notes. Of a holdout, "holdout:NAME", what its experiments there brought together:
  // those who took part against those who were held out, without a decision. kNotFound: no such experiment in that
  // environment, none of that iteration, or it was never started.
  Result<stats::Report> Of(std::string_view project, std::string_view environment, std::string_view key,
                           std::uint32_t iteration) const;

  // For the keeper that acts: what is always valid, whatever looks were taken. Errors as of Of; kNotFound also for what
  // is not in the facts yet.
  Result<std::vector<stats::Alarm>> AlarmsOf(std::string_view project, std::string_view environment,
                                             std::string_view key, std::uint32_t iteration) const;

  // Finds sizes and takes looks, of every iteration whose plan may still have one due; or only of those that are over,
  // whose report waits for the final one. The first error; the others are tried all the same. Once a day, and at first,
  // what is kept of experiments that are gone is removed.
  Status TakeDueLooks(const std::function<bool()>& stop, LooksOf which = LooksOf::kAll);

 private:
  // What a report is made of; `facts` outlives the use of its totals.
  struct Ground {
    IterationOf of;
    stats::Design design;  // without the size
    std::shared_ptr<const stats::ExperimentFacts> facts;
    bool is_analysed = true;  // false: it was started a moment ago, and `facts` are of no unit
    stats::DataQuality quality;
    stats::Time now{};
    Revision revision = 0;
    const ExperimentIteration* iteration = nullptr;  // of `view`; nullptr: nothing is known of it
    const ProjectView* project = nullptr;            // likewise
    std::shared_ptr<const CatalogView> view;
    std::vector<std::string> notes;
    std::vector<stats::RampStep> ramp;

    stats::Facts Facts() const { return {facts->totals.get(), quality, facts->caps, ramp, facts->overlaps.get()}; }
  };
  stats::Time Now() const;
  Result<Ground> GroundOf(std::string_view project, std::string_view environment, std::string_view key,
                          std::uint32_t iteration) const;
  Result<stats::Report> OfHoldout(const std::string& project, const std::string& environment,
                                  std::string_view name) const;
  // What was edited while it ran, a sentence each.
  std::vector<std::string> ChangesOf(const Ground& ground) const;
  Status TakeDueLook(const std::string& project, const ExperimentRecord& record, const ExperimentIteration& iteration);

  const Catalog& catalog_;
  const Analysis& analysis_;
  Looks looks_;
  std::optional<stats::Time> removed_;  // when what is gone was removed last; of the thread that takes looks
  std::set<std::string> done_;          // iterations that need no more looking at; of the thread that takes looks
  const ReportsOptions options_;
};

}  // namespace guidon
