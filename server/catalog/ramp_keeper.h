// Takes the steps of ramps when they are due: one step, one revision.
//
//   RampKeeper ramps(catalog, {.report = Log});
//   ramps.Wake();                              // after every change of the catalog (CatalogOptions::on_view)
//
// Where a ramp stands is in its flag's record, so there is nothing here that a crash could lose: a step is committed
// whole or not at all, and after a start the keeper looks at what is due like at any other time. However long nothing
// ran, a ramp takes one step and holds it for its whole time before the next. A step is taken only if its flag is still
// as the keeper saw it; who changed it in between wins, and the keeper looks again.
//
// While the store takes no writes steps stay due, and are tried again every `retry`. It sleeps until the next one is
// due, but looks at the clock once a minute, as that may be set.
//
// Threads: one of its own. Cost: a pass over the flags after a change, at most ten times a second.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/base/result.h"
#include "server/catalog/catalog.h"
#include "server/catalog/catalog_keeper.h"
#include "server/store/store.h"

namespace guidon {

// A step that will be taken, unless something happens before.
struct RampStepAhead {
  std::string project, flag, environment, rule;
  std::uint32_t from = 0, to = 0;  // shares, parts of kWhole
  Timestamp due{};
  Revision revision = 0;  // that last changed the flag
};
// In order of time. Of each ramp the next step only, and of those that stand still none.
std::vector<RampStepAhead> StepsAhead(const CatalogView& view);

// Told of each step that was tried, on the keeper's thread.
using RampReport = std::function<void(const RampStepAhead&, const Result<Committed>&)>;

// Takes every step that is due at `now`, at most one of each ramp. False when one could not be taken; after the first
// error that is not the flag's own, the others are left, too. `stop` ends it early.
bool TakeDueSteps(Catalog& catalog, Timestamp now, const RampReport& report, const std::function<bool()>& stop);

struct RampKeeperOptions {
  std::function<Timestamp()> clock;  // the catalog's; empty: the system's
  std::chrono::milliseconds retry = std::chrono::seconds(30);
  RampReport report;
};

class RampKeeper {
 public:
  // The catalog outlives it. Destroyed, it waits for a step that is being committed.
  RampKeeper(Catalog& catalog, RampKeeperOptions options);

  // Any thread, at any time: never waits for a step.
  void Wake() { thread_.Wake(); }

 private:
  std::chrono::milliseconds Pass(const std::function<bool()>& stop);

  Catalog& catalog_;
  const RampKeeperOptions options_;
  CatalogKeeper thread_;  // last: it begins at once, and ends first
};

}  // namespace guidon
