// What the fold of the journal (server/ingest/fold.h) is to measure: experiments in the terms of events. Whoever knows
// definitions makes it (server/analysis/plan_of.h).
//
// Thread safety: plain values.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "core/model/condition.h"
#include "stats/metric/plan.h"

namespace guidon {

// Which number of which events.
struct FactSource {
  std::string event;
  // The attribute that has the number; empty: each event counts 1. `value` is also the event's own, where there is no
  // attribute of that name.
  std::string value;
  std::optional<Condition> where;  // on the event's attributes; kAttribute, kAll, kAny and kNot only
  friend bool operator==(const FactSource&, const FactSource&) = default;
};

// One iteration that may still get facts.
struct FoldPlan {
  std::string project, environment;
  std::string unit;            // attribute; "key" is the context's key
  stats::ExperimentPlan plan;  // `sources` of its metrics are indices into the list below
  std::vector<FactSource> sources;
};

struct FoldPlans {
  std::vector<FoldPlan> plans;  // no two with the same project, environment, experiment and iteration
  // All that there are, (project, environment): a daily pass removes the facts of others. Nothing: not known, and none
  // are removed.
  std::optional<std::set<std::pair<std::string, std::string>>> environments = {};
  // All that there are, by the names that plans have, (project, experiment): likewise. Each with the number of the last
  // iteration that was of another one, which had its name and was deleted; 0: there was none.
  using Experiments = std::map<std::pair<std::string, std::string>, std::uint32_t>;
  std::optional<Experiments> experiments = {};

  // Whether they say that it is of an experiment that is gone.
  bool LackExperimentOf(const std::string& project, const std::string& experiment, std::uint32_t iteration) const {
    if (!experiments) return false;
    const auto known = experiments->find({project, experiment});
    return known == experiments->end() || iteration <= known->second;
  }
};

// The plans as of now; another pointer whenever they may have changed. Asked before each page of the journal, after it
// was read: who evaluates by a definition can only do so once it is in here. On the fold's thread; never null.
using PlanSource = std::function<std::shared_ptr<const FoldPlans>()>;

}  // namespace guidon
