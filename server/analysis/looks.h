// The looks that were taken of experiments, and the size that each was planned with: kept, and never changed.
//
//   Looks looks(store);
//   const IterationOf iteration{"shop", "production", "checkout-one-page", 1};
//   Result<Published> published = looks.TakeDue(iteration, design, facts, now);    // the keeper of looks
//   Result<Published> again = looks.Read(iteration, design);                       // everybody else; writes nothing
//
// A look is taken when the plan has one due, by the keeper of looks alone: who reads a report changes nothing. What it
// saw is stored before anybody is told, under a plain key of its own (docs/decisions/plain-keys.md), each written once:
// of two who take the same look the second is given what the first has stored.
//
//   !look/PROJECT/ENVIRONMENT/EXPERIMENT/ITERATION/started     when it began, in milliseconds since the epoch
//   !look/PROJECT/ENVIRONMENT/EXPERIMENT/ITERATION/definition  the experiment that it is held against, as authored
//   !look/PROJECT/ENVIRONMENT/EXPERIMENT/ITERATION/size        {"planned_units": …}
//   !look/PROJECT/ENVIRONMENT/EXPERIMENT/ITERATION/NNNNNNNNNN  stats::ToJson of the look; its number, ten digits
//
// The definition is a copy of what the experiment's record has of its newest iterations, for the time when it has it no
// more. The planned size comes from the power for the effect that is to be detected, and the variance that was
// observed. It is found once, before the first look, from the units of all variants together whose window is over
// (stats::FindSize), and from then on it is the iteration's.
//
// An iteration that began at another time than `started` is another one, of an experiment that was deleted and made
// again under its name: nobody is given what is stored of the earlier one, and the first that keeps something of the
// present one removes it. What is of experiments that are gone, RemoveGone removes, once none has their name.
//
// Thread safety: every method may be called from any thread, and waits for the disk.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
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
  std::int64_t started_ms = 0;  // since the epoch; 0: not known, and that of whatever is stored
};

struct Published {
  stats::Design design;  // with the planned size, if it is known
  std::vector<stats::PublishedLook> looks;
  // What is stored and cannot be read, a sentence for each. No look is taken any more then: what was spent is not
  // known.
  std::vector<std::string> unread = {};
};

class Looks {
 public:
  // The store outlives it.
  explicit Looks(Store& store) : store_(store) {}

  // The experiment of an iteration. Keep: once; what is there stays. Kept: nothing where none was kept; kCorrupt.
  Status Keep(const IterationOf& iteration, const Experiment& experiment);
  Result<std::optional<Experiment>> Kept(const IterationOf& iteration) const;

  // As it is stored; errors are of the store.
  Result<Published> Read(const IterationOf& iteration, stats::Design design) const;

  // Finds the size if there is enough for it, takes the look that is due if there is one, and gives what is published
  // then. Nothing is found or taken of an iteration whose start is not known, which has no units, or whose facts are
  // not all there yet: folded up to the moment at which the look is due. Errors as of Read: nothing is published then.
  Result<Published> TakeDue(const IterationOf& iteration, stats::Design design, const stats::Facts& facts,
                            stats::Time now);

  // Removes what is stored of experiments that `is_there` does not know, and of their silences (silence.h). From the
  // thread that takes looks, so that none is of one that has just been made again. O(experiments) reads.
  using IsThere = std::function<bool(const std::string& project, const std::string& experiment)>;
  Status RemoveGone(const IsThere& is_there);

 private:
  // That it is of this iteration whatever is stored from here on.
  Status Begin(const IterationOf& iteration);
  // Whether what is stored is of this iteration.
  Result<bool> IsOf(const IterationOf& iteration) const;
  Status RemoveGone(std::string_view prefix, const IsThere& is_there);
  // All keys from `begin` to `end`, in transactions of a bounded number.
  Status Remove(std::string begin, const std::string& end);

  Store& store_;
  Mutex taking_;  // one at a time; on threads that may wait
};

}  // namespace guidon
