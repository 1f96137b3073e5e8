// The fold of the journal: what happened to each unit, and what that comes to for each experiment.
//
//   Result<std::unique_ptr<Fold>> fold = Fold::Open(*store, *journal, {.plans = …, .counters = &counters});
//   Status done = (*fold)->CatchUp([] { return false; });       // again and again, on one thread
//   Result<std::shared_ptr<const stats::ExperimentFacts>> facts = (*fold)->Facts({"shop", "production", "checkout",
//   1});
//
// Level 1 is a record for each unit of each attribute that a live experiment of its environment goes by: its exposures
// and its events (stats::UnitRecord). Level 2 are the totals of each iteration (stats::Totals). An event changes its
// unit's record, and of each iteration to which the unit was exposed the totals by the difference: what the unit came
// to before a page is taken out, what it comes to after it is put in. Records do not depend on the order in which facts
// arrive and sums are exact (stats/statistic/exact_sum.h), so the same journal gives the same bits, however it is cut
// into pages and whatever was restarted in between.
//
// Exactly once. Units, totals, counts of rejected events, and how far the fold is go into the store in one transaction:
// after a kill either all of it is there or nothing. When a transaction would be larger than the store takes, the
// totals are marked as being rebuilt until the last of several is in: after a kill between them they are made anew from
// level 1. What a walk has come to is written likewise, and a kill between has it begin again.
//
// Plans. A source (fold_plan.h) that is new is made up for from the journal as far as that goes back, a page at a time
// beside the fold; then the iterations that use it are made anew from level 1. A plan that has changed in another way
// is made anew at once. Until then `rebuilding` says that the numbers are not whole. An iteration that is in no plan
// any more is closed: its totals stay as they are. One that is being made anew then stays open until it has been, also
// after a restart, unless its experiment is gone. Planned again after a daily pass has begun, a closed one is made anew
// from what that has left of its units. One that began at another time is another one, of an experiment or a holdout
// that was deleted and made again under its name: exposures before its start, and what was rejected, are not of it.
//
// Once a day: caps that are a share are set anew, all totals are recomputed from level 1 and held against what was kept
// step by step, and facts that nothing can reach any more are forgotten: events before every lookback, exposures to
// closed iterations, the totals of experiments that are gone, and all of environments that are. The ids of sources that
// nothing uses any more are free again after it.
//
// Beside facts it keeps how often flags were evaluated, by day (usage.h), in the same transactions: an entry's counts
// are in with its last event.
//
// The daily pass also finds what units come to that take part in two experiments at once (stats/statistic/overlap.h),
// by the pairs of arms, for each iteration of an experiment; holdouts are left out. That is of units as the walk met
// them, and the next pass makes it anew.
//
// Walks over units, for that pass and to make totals anew, go on beside the journal: some units, a page, some units.
// One walk serves all iterations of a space, and one goes on after a restart where it was. Caps are those of units as
// the walk met them.
//
// An entry of the journal that cannot be read is passed over and counted, and so are a unit whose record cannot be
// read, which stays as it is, and its events; what the store cannot give for now stops the fold until it can.
//
// Bounds: FoldOptions. Memory: the totals of live iterations, during a walk twice, and 8 bytes for each unit and number
// that has a cap by share; the units of one page, or of one part of a walk; totals that somebody reads, once more.
//
// Thread safety: CatchUp and PassNow from one thread; the others from any. Facts, ExposedUnitsOf and ListExposed wait
// for no page and no pass, but perhaps for a transaction of one; FindUnit and EraseUnit wait for a page or some units
// of a walk. All read the disk, but for Facts of what has not changed since they were asked for last.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <guidon/value.h>
#include "core/base/mutex.h"
#include "core/base/result.h"
#include "server/ingest/fact_events.h"
#include "server/ingest/fold_counters.h"
#include "server/ingest/fold_plan.h"
#include "server/ingest/fold_records.h"
#include "server/ingest/journal.h"
#include "server/ingest/usage.h"
#include "server/store/store.h"
#include "stats/statistic/experiment_facts.h"

namespace guidon {

class Ruleset;

struct FoldOptions {
  PlanSource plans;
  FoldCounters* counters = nullptr;  // outlives the fold
  std::function<Timestamp()> clock;  // empty: the system's
  // Told of what people should look at: totals that had drifted, events that were lost, experiments that were left out.
  std::function<void(const std::string&)> report;
  // Of a project, as of now: whether it has a flag. Asked for each entry that counts evaluations, of which only those
  // of such flags are kept. Empty: all are.
  std::function<std::function<bool(std::string_view flag)>(const std::string& project)> flags_of = {};
  std::chrono::milliseconds daily = std::chrono::hours(24);  // between two daily passes
  std::size_t page_entries = 64;                             // of the journal, in one transaction
  std::size_t page_bytes = 2u << 20;                         // likewise: no more are added to a page of so many
  // Of units, in one transaction; of a page it is cut after the event that goes beyond. Of what is read at once, too,
  // where there may be any amount: units of a walk, and iterations at its ends. One that is larger goes alone.
  std::size_t txn_bytes = 12u << 20;
  std::size_t txn_ops = 40'000;  // likewise, of a page
  // Of everything, in one transaction: what the store takes, and some room. Totals that are more, and what is removed
  // at the end of a walk, take several.
  std::size_t store_bytes = 30u << 20;
  std::size_t store_ops = 90'000;       // likewise
  std::size_t sweep_units = 1'000;      // of a walk, in one transaction; fewer where they have more than txn_bytes
  std::size_t most_iterations = 1'000;  // live; later ones are not analysed, which is reported. Those that are only
                                        // made anew before they are closed come last
  std::size_t most_sources = 1'000;     // of one unit's attribute; experiments that need more are not analysed
};

// A unit as privacy has to know it.
struct UnitFacts {
  UnitSpace space;
  Value content;  // {"exposures": […], "events": […]}; of a record that cannot be read {"fault": "why"}
};

struct ExposedUnit {
  std::string unit, variant;
  bool multiple = false;  // seen in another variant, too: set aside
  stats::Time time{};     // of the first exposure
  std::vector<std::string> dimensions;
};
struct ExposedUnits {
  std::vector<ExposedUnit> units;       // in byte order
  std::vector<std::string> dimensions;  // their names
  std::size_t unreadable = 0;           // units that were passed over: whether they were exposed is not known
  bool more = false;                    // go on after the last looked at
  std::string next;
};

class Fold {
 public:
  // Reads how far it was. The store and the journal outlive it. kCorrupt, kIo: the disk.
  static Result<std::unique_ptr<Fold>> Open(Store& store, const Journal& journal, FoldOptions options);
  ~Fold();
  Fold(const Fold&) = delete;
  Fold& operator=(const Fold&) = delete;

  // Folds all that is there, makes up for new sources, rebuilds what has to be, and makes the daily pass when it is
  // due; `stop` is asked between two pages or parts of a walk, when nobody waits for this thread. After an error it is
  // as it was, and the next call tries again.
  Status CatchUp(const std::function<bool()>& stop);
  // The daily pass now, whenever the last one was; after one that is under way. kUnavailable: it was stopped, and the
  // next call of either goes on with it.
  Status PassNow(const std::function<bool()>& stop);

  // As of the end of the last CatchUp, PassNow or EraseUnit, and while one of them is at work at most a second (and the
  // transaction that is under way) older than what is stored. Read from the store at the first call after a change:
  // O(arms x metrics x (days + slices + 256 of quantiles)), some milliseconds. kNotFound: nothing is known of that
  // iteration.
  Result<std::shared_ptr<const stats::ExperimentFacts>> Facts(const IterationName& name) const;
  // Of all arms, those in several arms among them; 0: nothing is known of it.
  std::uint64_t ExposedUnitsOf(const IterationName& name) const;
  // First exposures, by unit, at most `limit` after `after`, looking at 20 000 units at most. kNotFound as of Facts.
  Result<ExposedUnits> ListExposed(const IterationName& name, std::string_view after, std::size_t limit) const;

  // How often flags were evaluated, as of what is stored. Waits for a transaction now and then, and the fold for a part
  // of it. kCorrupt, kIo: the disk.
  Result<EnvironmentUsage> Usage(const UsageQuery& query) const;

  // Of one project, or of all when it is empty. `attribute`: what the unit is of.
  Result<std::vector<UnitFacts>> FindUnit(const std::string& project, const std::string& attribute,
                                          const std::string& unit) const;
  // Removes its records, and what it came to from the totals of every iteration that it is still known to have been
  // exposed to; of a record that cannot be read, the next daily pass does so for live ones. Totals of closed iterations
  // that cannot be read keep no record from being removed. Overlaps of live iterations are without it from the next
  // daily pass on that begins; those of closed ones, which no pass makes anew, are removed. Returns how many records
  // there were. What the journal still has of it is to be erased before.
  Result<std::size_t> EraseUnit(const std::string& project, const std::string& attribute, const std::string& unit);

 private:
  class Impl;
  explicit Fold(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace guidon
