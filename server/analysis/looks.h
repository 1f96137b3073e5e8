// The looks that were taken of experiments, and the size that each was planned with: kept, and never changed.
//
//   Looks looks(store);
//   Result<Published> published = looks.TakeDue({"shop", "production", "checkout-one-page", 1}, design, facts, now);
//   stats::Report report = stats::Judge(published->design, facts, published->looks, now);
//
// A look is taken when the plan has one due and somebody asks, a keeper or a reader: when it was due decides, not who
// asked. What it saw is stored before anybody is told, under a plain key of its own (docs/decisions/plain-keys.md),
// each written once: of two who take the same look the second is given what the first has stored.
//
//   !look/PROJECT/ENVIRONMENT/EXPERIMENT/ITERATION/definition  the experiment, as it was authored at the first look at
//   it !look/PROJECT/ENVIRONMENT/EXPERIMENT/ITERATION/size        {"planned_units": …}
//   !look/PROJECT/ENVIRONMENT/EXPERIMENT/ITERATION/NNNNNNNNNN  stats::ToJson of the look; its number, ten digits
//
// The planned size comes from the power for the effect that is to be detected, and the variance that was observed. It
// is found once, before the first look, from the units of all variants together, so that it says nothing of their
// difference, and from then on it is the iteration's.
//
// Thread safety: every method may be called from any thread, and waits for the disk.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/base/mutex.h"
#include "core/base/result.h"
#include "core/model/experiment.h"
#include "server/store/store.h"
#include "stats/report/report.h"

namespace guidon {

struct IterationOf {
  std::string project, environment, experiment;
  std::uint32_t iteration = 1;
};

struct Published {
  stats::Design design;  // with the planned size, if it is known
  std::vector<stats::PublishedLook> looks;
};

class Looks {
 public:
  // The store outlives it.
  explicit Looks(Store& store) : store_(store) {}

  // The definition that the iteration is held against, without audience, forced units and tests: what is stored; where
  // nothing is, `present` is stored and given back. kCorrupt, and errors of the store.
  Result<Experiment> Hold(const IterationOf& iteration, const Experiment& present);

  // As it is stored. kCorrupt: what is there is no look.
  Result<Published> Read(const IterationOf& iteration, stats::Design design) const;

  // Finds the size if there is enough for it, takes the look that is due if there is one, and gives what is published
  // then. Errors as of Read, and of the store: nothing is published then.
  Result<Published> TakeDue(const IterationOf& iteration, stats::Design design, const stats::Facts& facts,
                            stats::Time now);

 private:
  Store& store_;
  Mutex taking_;  // one at a time; on threads that may wait
};

// Units of all arms, and conversions of shares, that a size is found from at the least.
inline constexpr double kUnitsForSize = 1'000, kConversionsForSize = 100;

}  // namespace guidon
