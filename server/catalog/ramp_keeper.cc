#include "server/catalog/ramp_keeper.h"

#include <algorithm>
#include <set>
#include <tuple>
#include <utility>

#include "core/allocate/ramp.h"
#include "core/model/units.h"
#include "server/store/system_clock.h"

namespace guidon {
namespace {

void AddAhead(const std::string& project, const ProjectView& view, const FlagRecord& flag,
              std::vector<RampStepAhead>& ahead) {
  for (const RampState& state : flag.state.ramps) {
    const Result<const Rule*> rule = FindRampedRule(flag.definition, state.environment, state.rule);
    if (!rule) continue;
    const std::optional<std::int64_t> due = NextStepDue(*(*rule)->ramp, state);
    if (!due) continue;
    ahead.push_back({project, flag.definition.key, state.environment, state.rule, state.at,
                     NextStep(*(*rule)->ramp, state)->at, Timestamp(std::chrono::milliseconds(*due)),
                     view.revisions.at({EntityKind::kFlag, flag.definition.key})});
  }
}

RampRequest RequestFor(const RampStepAhead& step) {
  RampRequest request;
  request.project = step.project;
  request.flag = step.flag;
  request.environment = step.environment;
  request.rule = step.rule;
  request.move = RampMove::kStep;
  request.condition.if_match = step.revision;
  request.author.principal = "system:ramp";
  request.author.comment = "rule " + step.rule + " in " + step.environment + ": " + FormatPercent(step.from) + " to " +
                           FormatPercent(step.to);
  return request;
}

}  // namespace

std::vector<RampStepAhead> StepsAhead(const CatalogView& view) {
  std::vector<RampStepAhead> ahead;
  for (const auto& [key, project] : view.projects) {
    for (const FlagRecord& flag : project->definitions.entities.flags) {
      if (!flag.state.ramps.empty()) AddAhead(key, *project, flag, ahead);
    }
  }
  std::stable_sort(ahead.begin(), ahead.end(),
                   [](const RampStepAhead& a, const RampStepAhead& b) { return a.due < b.due; });
  return ahead;
}

bool TakeDueSteps(Catalog& catalog, Timestamp now, const RampReport& report, const std::function<bool()>& stop) {
  using Name = std::tuple<std::string, std::string, std::string, std::string>;
  std::set<Name> tried;
  bool is_good = true;
  while (!stop()) {
    const auto view = catalog.View();
    const std::vector<RampStepAhead> ahead = StepsAhead(*view);
    const auto step = std::find_if(ahead.begin(), ahead.end(), [&](const RampStepAhead& one) {
      return one.due <= now && !tried.contains(Name(one.project, one.flag, one.environment, one.rule));
    });
    if (step == ahead.end()) return is_good;
    const Result<Committed> committed = catalog.MoveRamp(RequestFor(*step));
    // Somebody was faster: it is looked at as it is now.
    if (!committed && committed.error().code == ErrorCode::kStale && catalog.View() != view) continue;
    tried.insert(Name(step->project, step->flag, step->environment, step->rule));
    if (report) report(*step, committed);
    if (committed) continue;
    is_good = false;
    if (!IsItsOwn(committed.error())) return false;
  }
  return is_good;
}

RampKeeper::RampKeeper(Catalog& catalog, RampKeeperOptions options)
    : catalog_(catalog), options_(std::move(options)), thread_([this](const auto& stop) { return Pass(stop); }) {}

std::chrono::milliseconds RampKeeper::Pass(const std::function<bool()>& stop) {
  const Timestamp now = options_.clock ? options_.clock() : SystemNow();
  if (!TakeDueSteps(catalog_, now, options_.report, stop)) return options_.retry;
  const std::vector<RampStepAhead> ahead = StepsAhead(*catalog_.View());
  if (ahead.empty()) return kMostSleep;
  return std::clamp<std::chrono::milliseconds>(ahead.front().due - now, kBetweenPasses, kMostSleep);
}

}  // namespace guidon
