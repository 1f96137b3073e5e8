// What experiments have come to: the facts that the fold of the journal (server/ingest/fold.h) keeps, under the plans
// that the catalog's definitions make.
//
//   Analysis analysis(catalog, fold);
//   Result<std::shared_ptr<const stats::ExperimentFacts>> facts =
//       analysis.Facts("shop", "production", "checkout-one-page", 0);
//   if (facts) Judge((*facts)->plan, *(*facts)->totals, …);
//
// Beside experiments there is one for each holdout that experiments of an environment have, "holdout:NAME", iteration
// 1, with the variants `held_out` and `comparison`, and the metrics of all of those experiments. What is stored of one
// that was deleted is not of the one that was made again under its key.
//
// Thread safety: every method may be called from any thread. What is given is a snapshot that nobody changes.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "core/base/result.h"
#include "server/catalog/catalog.h"
#include "server/ingest/fold.h"
#include "stats/statistic/experiment_facts.h"

namespace guidon {

// Whether a project has a flag, as the catalog has it now: FoldOptions::flags_of. The catalog outlives it.
std::function<std::function<bool(std::string_view flag)>(const std::string& project)> FlagsOf(const Catalog& catalog);

class Analysis {
 public:
  // Both outlive it.
  Analysis(const Catalog& catalog, Fold& fold) : catalog_(catalog), fold_(fold) {}

  // As of now. `iteration` 0: the newest. kNotFound: no such experiment in that environment, none of that iteration, or
  // it was never started. Read from the store, of one that may still get facts once after each change: O(arms x metrics
  // x (days + slices)).
  Result<std::shared_ptr<const stats::ExperimentFacts>> Facts(std::string_view project, std::string_view environment,
                                                              std::string_view key, std::uint32_t iteration) const;

  // How often these flags were evaluated, by day. kCorrupt, kIo: the disk.
  Result<EnvironmentUsage> Usage(const UsageQuery& query) const { return fold_.Usage(query); }

  // Units that were exposed, of all arms, those in several arms among them; 0 where nothing is known of it yet.
  std::uint64_t ExposedUnits(std::string_view project, std::string_view environment, std::string_view key,
                             std::uint32_t iteration) const;

  // Who was exposed, by unit: a page after `after`. Errors as of Facts. Waits for the disk.
  Result<guidon::ExposedUnits> ListExposed(std::string_view project, std::string_view environment, std::string_view key,
                                           std::uint32_t iteration, std::string_view after, std::size_t limit) const;

 private:
  // kNotFound as of Facts.
  Result<IterationName> NameOf(std::string_view project, std::string_view environment, std::string_view key,
                               std::uint32_t iteration) const;
  // kNotFound: what is stored is of an earlier holdout of that key.
  Status IsOfPresentHoldout(const IterationName& name) const;

  const Catalog& catalog_;
  Fold& fold_;
};

}  // namespace guidon
