// The report of an experiment: its facts, held against the plan that it was started with, with the looks that were
// taken.
//
//   Reports reports(catalog, analysis, store, {});
//   Result<stats::Report> report = reports.Of("shop", "production", "checkout-one-page", 0);
//   reports.TakeDueLooks(stop);      // again and again, on one thread
//
// The definition that counts is the one that stood when the iteration was first looked at: it is kept beside its looks
// (looks.h), so that an edit of goals, margins or the method does not move what a running experiment is held against.
//
// Thread safety: every method may be called from any thread, and waits for the disk. Cost of a report: that of
// stats::Judge, some milliseconds.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

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

class Reports {
 public:
  // All of them outlive it.
  Reports(const Catalog& catalog, const Analysis& analysis, Store& store, ReportsOptions options);

  // As of now, after taking the look that is due. `iteration` 0: the newest. kNotFound: no such experiment in that
  // environment, none of that iteration, or it was never started.
  Result<stats::Report> Of(std::string_view project, std::string_view environment, std::string_view key,
                           std::uint32_t iteration);

  // Of every experiment that has been started and is not concluded. The first error; the others are tried all the same.
  Status TakeDueLooks(const std::function<bool()>& stop);

  // For the keeper that acts: what is always valid. Errors as of Of.
  Result<std::vector<stats::Alarm>> AlarmsOf(std::string_view project, std::string_view environment,
                                             std::string_view key, std::uint32_t iteration);

 private:
  // What a report is made of; `facts` outlives the use of its totals.
  struct Ground {
    Published published;
    std::shared_ptr<const stats::ExperimentFacts> facts;
    stats::DataQuality quality;
    stats::Time now{};
    Revision revision = 0;
  };
  Result<Ground> GroundOf(std::string_view project, std::string_view environment, std::string_view key,
                          std::uint32_t iteration);

  const Catalog& catalog_;
  const Analysis& analysis_;
  Looks looks_;
  const ReportsOptions options_;
};

}  // namespace guidon
