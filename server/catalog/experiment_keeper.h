// What becomes of experiments by itself: starts that were scheduled, the steps of ramps, and what is done when
// something speaks against one that runs. Each is one revision.
//
//   ExperimentKeeper keeper(catalog, {.count_units = Count, .find = Find, .report = Log});
//   keeper.Wake();                             // after every change of the catalog (CatalogOptions::on_view)
//
// It knows no statistics. How many units were exposed, and what speaks against an experiment, others say: functions
// that the composition root gives. What is done about it was authored (`on_breach`, `stop`): `alert` keeps what was
// found and tells it, `pause` pauses, `rollback` stops and gives everyone the control; the sentence and the numbers go
// into the same revision, its audit entry and its webhooks. A ramp does not rise while that cannot be read, while not
// all that was received is counted, while something is still to be paused or rolled back for, and while the split is
// broken, whatever was authored about it: what guardrails say is then worth little.
//
// What an experiment stands at, and what was found of it, is in its record: there is nothing here that a crash could
// lose, and nothing is done twice for one finding, unless a stronger action has been authored since. However long
// nothing ran, a ramp takes one step and holds it for its whole time. All is done only if the experiment is still as
// the keeper saw it; who changed it in between wins, and the keeper looks again. When a commit fails, nothing has
// happened, it is reported, and tried again after `retry`. A start that is refused (its layer is full) stays scheduled
// and is tried again likewise.
//
// Threads: one of its own, on which the functions that it is given are called, one at a time; they may read the disk.
// Cost: they are asked about each running experiment every `look`, and when a step or a start comes due; a change of
// the catalog costs a pass over the experiments, at most ten times a second.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include <guidon/value.h>
#include "core/allocate/experiment_life.h"
#include "core/base/result.h"
#include "server/catalog/catalog.h"
#include "server/catalog/catalog_keeper.h"
#include "server/catalog/held_ramps.h"
#include "server/store/store.h"

namespace guidon {

// An iteration that runs.
struct RunningExperiment {
  std::string project, environment, experiment;
  std::uint32_t iteration = 0;
  Revision revision = 0;  // that last changed it
};

// How many units were exposed in it so far; nothing: that is not known (yet).
using UnitCounter = std::function<std::optional<std::uint64_t>(const RunningExperiment&)>;

// What speaks against an experiment.
struct Evidence {
  enum class Kind : std::uint8_t { kGuardrailBreached, kSampleRatioMismatch, kNoTraffic };
  Kind kind = Kind::kGuardrailBreached;
  std::string metric;         // kGuardrailBreached: the guardrail
  std::string variant;        // that is harmed; empty: of all of them
  std::string occasion = {};  // another one is another finding, within one iteration: since when there is no traffic
  Value numbers = {};         // an object: {"p": 0.00001, "units": {"control": 5012, …}}
  std::string sentence;       // for people, at most 1 024 bytes: "units are not split as authored: …"
};
std::string_view ToString(Evidence::Kind kind);  // "guardrail_breached", "sample_ratio_mismatch", "no_traffic"
// All that speaks against it now, most urgent first. It may say the same again and again. That nothing is known of the
// experiment yet is no error: nothing speaks against it.
using EvidenceSource = std::function<Result<std::vector<Evidence>>(const RunningExperiment&)>;
// Told when an EvidenceSource fails: once for each experiment, until it can be read, or runs no more; then with no
// error.
using EvidenceReport = std::function<void(const RunningExperiment&, const Status&)>;

// Whether what has been received of it is counted, so that it means something when nothing speaks against it; else what
// is not.
using CountCheck = std::function<Status(const RunningExperiment&)>;
// Told of a ramp whose step is due and is not taken: why. And of one that is not held back: with nothing.
using HoldReport = std::function<void(const RunningExperiment&, const std::optional<RampHold>&)>;

// What was authored to be done about it; absent: nothing (no such guardrail or rule).
std::optional<BreachAction> ActionFor(const Experiment& experiment, const Evidence& evidence);

// In order of their keys.
std::vector<RunningExperiment> RunningExperiments(const CatalogView& view);

// A start, or a step of a ramp, that will be taken unless something happens before.
struct ExperimentStepAhead {
  RunningExperiment of;  // of a start: the iteration before it
  bool is_start = false;
  std::uint32_t from = 0, to = 0;  // of a step: shares, parts of kWhole
  std::uint64_t min_units = 0;     // of a step: exposed units that it takes, besides; 0: any number
  Timestamp due{};
};
// In order of time; of each experiment the next one only, and of ramps that stand still none.
std::vector<ExperimentStepAhead> ExperimentStepsAhead(const CatalogView& view);

// Told of each thing that was tried, on the keeper's thread.
struct ExperimentDeed {
  RunningExperiment of;
  std::string what;  // "start", "step 10% to 50%", "rollback for guardrail_breached of page_latency_p95"
};
using ExperimentReport = std::function<void(const ExperimentDeed&, const Result<Committed>&)>;

struct ExperimentKeeperOptions {
  std::function<Timestamp()> clock = {};  // the catalog's; empty: the system's
  UnitCounter count_units = {};           // empty: no number is known, and steps with min_units wait
  EvidenceSource find = {};               // empty: nothing speaks against anything
  EvidenceReport report_evidence = {};    // on the keeper's thread, by ExperimentKeeper only
  CountCheck is_counted = {};             // empty: it is
  // At each look; by ExperimentKeeper of what is news to `held` only. Also when the step is taken by somebody else, or
  // put off, or the experiment runs no more.
  HoldReport report_held = {};
  HeldRamps* held = nullptr;  // kept by ExperimentKeeper, which it outlives; null: nobody asks
  std::chrono::milliseconds look = std::chrono::minutes(1);  // how often evidence and units are asked for
  std::chrono::milliseconds retry = std::chrono::seconds(30);
  ExperimentReport report = {};
};

// Takes what is due at `now`, at most one step of each experiment. False when one could not be taken, also as something
// speaks against it, or that cannot be read; after the first error that is not the experiment's own, the others are
// left, too. `stop` ends it early.
bool TakeDueExperimentSteps(Catalog& catalog, Timestamp now, const ExperimentKeeperOptions& options,
                            const std::function<bool()>& stop);
// Does what was authored about what speaks against each running experiment. False likewise; an experiment whose
// evidence cannot be read is passed over.
bool ActOnEvidence(Catalog& catalog, Timestamp now, const ExperimentKeeperOptions& options,
                   const std::function<bool()>& stop);

class ExperimentKeeper {
 public:
  // The catalog outlives it, and so does what the functions use. Destroyed, it waits for what is being committed, and
  // for a function that it asks.
  ExperimentKeeper(Catalog& catalog, ExperimentKeeperOptions options);

  // Any thread, at any time: never waits.
  void Wake() { thread_.Wake(); }

 private:
  ExperimentKeeperOptions Noting(ExperimentKeeperOptions options);
  Timestamp Now() const;
  // Tells `report_evidence` what is news to `unread_`.
  void NoteRead(const RunningExperiment& of, const Status& read);
  // Those that run no more.
  void ForgetUnread();
  // Those whose step is not due any more.
  void ForgetHeld(Timestamp now);
  std::chrono::milliseconds Pass(const std::function<bool()>& stop);

  Catalog& catalog_;
  const ExperimentKeeperOptions options_;
  // The thread's own.
  std::vector<RunningExperiment> unread_;  // whose evidence cannot be read
  HeldRamps own_held_;                     // where `held` of the options is null
  std::optional<Timestamp> looked_;
  bool was_good_ = true;
  CatalogKeeper thread_;  // last: it begins at once, and ends first
};

}  // namespace guidon
