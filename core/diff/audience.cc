#include "core/diff/audience.h"

#include <set>
#include <string>
#include <unordered_map>

namespace guidon {
namespace {

void CollectSegments(const Condition& condition, std::set<std::string>& segments) {
  for (const Clause& clause : condition.clauses) {
    segments.insert(clause.segments.begin(), clause.segments.end());
    for (const Condition& child : clause.children) CollectSegments(child, segments);
  }
}

using SegmentIndex = std::unordered_map<std::string_view, const Segment*>;

SegmentIndex IndexOf(const EntitySet& entities) {
  SegmentIndex index;
  for (const SegmentRecord& record : entities.segments) index.emplace(record.definition.key, &record.definition);
  return index;
}

// All that the condition leans on.
std::set<std::string> SegmentsOf(const Condition& condition, const SegmentIndex& index) {
  std::set<std::string> reached, next;
  CollectSegments(condition, next);
  while (!next.empty()) {
    const std::string segment = *next.begin();
    next.erase(next.begin());
    if (!reached.insert(segment).second) continue;
    const auto held = index.find(segment);
    if (held != index.end() && held->second->when) CollectSegments(*held->second->when, next);
  }
  return reached;
}

bool IsLive(const ExperimentRecord& record) {
  const ExperimentStatus status = record.state.status;
  return status == ExperimentStatus::kRunning || status == ExperimentStatus::kPaused;
}

bool Differs(const std::string& segment, const EntitySet& before, const EntitySet& after) {
  const SegmentRecord* old = before.FindSegment(segment);
  const SegmentRecord* now = after.FindSegment(segment);
  if (old == nullptr || now == nullptr) return old != now;
  const Segment &a = old->definition, &b = now->definition;
  return a.include != b.include || a.exclude != b.exclude || a.when != b.when;
}

// What moves the audience, in words; "" when nothing does.
std::string CauseOf(const Experiment& old, const Experiment& now, const EntitySet& before, const EntitySet& after) {
  if (old.audience != now.audience) return "its audience is another one";
  if (!now.audience) return "";
  for (const std::string& segment : SegmentsOf(*now.audience, IndexOf(after))) {
    if (Differs(segment, before, after)) return "its audience leans on segment '" + segment + "', which changes";
  }
  return "";
}

}  // namespace

std::vector<Issue> AudienceWarnings(const EntitySet& before, const EntitySet& after) {
  std::vector<Issue> warnings;
  for (const ExperimentRecord& now : after.experiments) {
    if (!IsLive(now)) continue;
    const ExperimentRecord* old = before.FindExperiment(now.definition.key);
    if (old == nullptr || !IsLive(*old)) continue;
    const std::string cause = CauseOf(old->definition, now.definition, before, after);
    if (cause.empty()) continue;
    warnings.push_back({Severity::kWarning, "audience_moves", Path().Key("audience"), cause + " while it runs",
                        "who enters from now on is not comparable with who entered before",
                        "experiment " + now.definition.key});
  }
  return warnings;
}

std::vector<std::string> EnvironmentsUsing(std::string_view segment, const EntitySet& entities) {
  const auto environments = EnvironmentsBySegment(entities);
  const auto held = environments.find(std::string(segment));
  if (held == environments.end()) return {};
  return {held->second.begin(), held->second.end()};
}

std::map<std::string, std::set<std::string>> EnvironmentsBySegment(const EntitySet& entities) {
  const SegmentIndex index = IndexOf(entities);
  std::map<std::string, std::set<std::string>> environments;
  const auto look_at = [&](const std::optional<Condition>& condition, const std::string& environment) {
    if (!condition) return;
    for (const std::string& segment : SegmentsOf(*condition, index)) environments[segment].insert(environment);
  };
  for (const FlagRecord& flag : entities.flags) {
    if (flag.definition.archived) continue;
    for (const Targeting& targeting : flag.definition.environments) {
      for (const Rule& rule : targeting.rules) look_at(rule.when, targeting.environment);
    }
  }
  for (const ExperimentRecord& experiment : entities.experiments) {
    if (!experiment.definition.archived) look_at(experiment.definition.audience, experiment.definition.environment);
  }
  return environments;
}

}  // namespace guidon
