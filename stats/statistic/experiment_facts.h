// What one iteration of an experiment has come to, with what was planned and how far it reaches: all that a report is
// made of. server/analysis gives it for experiments of a server, `guidon events import` for those that were run
// elsewhere.
//
// Thread safety: a plain value; what is shared is const.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "stats/metric/contribution.h"
#include "stats/metric/plan.h"
#include "stats/statistic/overlap.h"
#include "stats/statistic/totals.h"

namespace guidon::stats {

struct ExperimentFacts {
  ExperimentPlan plan;
  std::shared_ptr<const Totals> totals;           // never null
  Caps caps;                                      // that the totals were cut at; of a share as of the last daily pass
  std::optional<Time> watermark;                  // all that had been received by then is in; nothing: not known yet
  std::uint64_t sequence = 0;                     // of the journal, up to which all is in; 0: of files
  bool rebuilding = false;                        // the plan has changed, and what is here is not all of it yet
  std::map<std::string, std::uint64_t> rejected;  // events that might have counted and did not, by reason; no zeros
  std::shared_ptr<const Overlaps> overlaps;       // of the last daily pass; null: none shares a unit, or not known yet
};

}  // namespace guidon::stats
