#include "server/catalog/held_ramps.h"

#include <algorithm>

#include "server/catalog/experiment_keeper.h"

namespace guidon {

std::string_view ToString(RampHold::Reason reason) {
  constexpr std::string_view kWords[] = {"evidence_unread", "not_counted", "sample_ratio_mismatch", "action_pending"};
  return kWords[static_cast<std::size_t>(reason)];
}

bool HeldRamps::Note(const RunningExperiment& of, std::optional<RampHold> hold, Timestamp now) {
  const MutexLock lock(mutex_);
  const auto known = held_.find({of.project, of.experiment});
  if (!hold) {
    if (known == held_.end()) return false;
    held_.erase(known);
    return true;
  }
  if (known == held_.end() || known->second.iteration != of.iteration) {
    held_[{of.project, of.experiment}] = {of.project,   of.environment,   of.experiment,
                                          of.iteration, *std::move(hold), now};
    return true;
  }
  const bool is_news = known->second.hold.reason != hold->reason;
  known->second.hold = *std::move(hold);
  return is_news;
}

std::optional<HeldRamp> HeldRamps::Find(const std::string& project, const std::string& experiment) const {
  const MutexLock lock(mutex_);
  const auto found = held_.find({project, experiment});
  return found == held_.end() ? std::nullopt : std::optional(found->second);
}

std::vector<HeldRamp> HeldRamps::List() const {
  std::vector<HeldRamp> list;
  const MutexLock lock(mutex_);
  for (const auto& [name, ramp] : held_) list.push_back(ramp);
  return list;
}

std::size_t HeldRamps::Count(RampHold::Reason reason) const {
  const MutexLock lock(mutex_);
  return static_cast<std::size_t>(std::count_if(
      held_.begin(), held_.end(), [reason](const auto& one) { return one.second.hold.reason == reason; }));
}

}  // namespace guidon
