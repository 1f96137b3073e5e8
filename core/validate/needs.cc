#include "core/validate/needs.h"

#include <algorithm>

namespace guidon {

Needs::Needs(const EntitySet& entities) : entities_(entities), segment_used_(entities.segments.size(), false) {
  for (std::size_t i = 0; i < entities.flags.size(); ++i) flags_.emplace(entities.flags[i].definition.key, i);
  for (std::size_t i = 0; i < entities.segments.size(); ++i) {
    segments_.emplace(entities.segments[i].definition.key, entities.flags.size() + i);
  }
  for (const ExperimentRecord& record : entities.experiments) {
    if (!record.definition.archived) experiments_[record.definition.flag].push_back(&record.definition);
  }
}

// Depth first, with a stack of our own: a chain may be as long as there are flags.
Needs::Found Needs::Search(std::string_view environment) {
  enum class State : std::uint8_t { kNew, kOpen, kDone };
  struct Frame {
    Node node;
    std::vector<Node> needs;
    std::size_t next = 0;
    int height = 0;
  };
  const std::size_t count = entities_.flags.size() + entities_.segments.size();
  std::vector<State> states(count, State::kNew);
  std::vector<int> heights(count, 0);
  Found found;
  for (Node root = 0; root < count; ++root) {
    if (states[root] != State::kNew) continue;
    std::vector<Frame> trail;
    const auto open = [&](Node node) {
      states[node] = State::kOpen;
      trail.push_back({node, NeedsOf(node, environment)});
    };
    open(root);
    while (!trail.empty()) {
      Frame& frame = trail.back();
      if (frame.next < frame.needs.size()) {
        const Node needed = frame.needs[frame.next++];
        if (needed >= entities_.flags.size()) segment_used_[needed - entities_.flags.size()] = true;
        if (states[needed] == State::kNew) {
          open(needed);
        } else if (states[needed] == State::kDone) {
          frame.height = std::max(frame.height, heights[needed] + 1);
        } else {
          auto first = std::find_if(trail.begin(), trail.end(), [&](const Frame& f) { return f.node == needed; });
          std::vector<EntityRef>& circle = found.circles.emplace_back();
          for (; first != trail.end(); ++first) circle.push_back(RefOf(first->node));
          std::rotate(circle.begin(), std::min_element(circle.begin(), circle.end()), circle.end());
        }
        continue;
      }
      const Node node = frame.node;
      const int height = frame.height;
      states[node] = State::kDone;
      heights[node] = height;
      if (height == kMaxNeedDepth + 1) found.too_deep.push_back(RefOf(node));
      trail.pop_back();
      if (!trail.empty()) trail.back().height = std::max(trail.back().height, height + 1);
    }
  }
  return found;
}

void Needs::Collect(const Condition& condition, std::vector<Node>& nodes) const {
  for (const Clause& clause : condition.clauses) {
    for (const std::string& segment : clause.segments) {
      if (const auto held = segments_.find(segment); held != segments_.end()) nodes.push_back(held->second);
    }
    if (clause.kind == Clause::Kind::kFlag) {
      if (const auto held = flags_.find(clause.flag); held != flags_.end()) nodes.push_back(held->second);
    }
    for (const Condition& child : clause.children) Collect(child, nodes);
  }
}

std::vector<Needs::Node> Needs::NeedsOf(Node node, std::string_view environment) const {
  std::vector<Node> nodes;
  if (node >= entities_.flags.size()) {
    const Segment& segment = entities_.segments[node - entities_.flags.size()].definition;
    if (segment.when) Collect(*segment.when, nodes);
    return nodes;
  }
  const FlagDefinition& flag = entities_.flags[node].definition;
  if (const Targeting* targeting = flag.FindEnvironment(environment)) {
    for (const Requirement& requirement : targeting->requirements) {
      if (const auto held = flags_.find(requirement.flag); held != flags_.end()) nodes.push_back(held->second);
    }
    for (const Rule& rule : targeting->rules) {
      if (rule.when) Collect(*rule.when, nodes);
    }
  }
  if (const auto held = experiments_.find(flag.key); held != experiments_.end()) {
    for (const Experiment* experiment : held->second) {
      if (experiment->environment == environment && experiment->audience) Collect(*experiment->audience, nodes);
    }
  }
  std::sort(nodes.begin(), nodes.end());
  nodes.erase(std::unique(nodes.begin(), nodes.end()), nodes.end());
  return nodes;
}

EntityRef Needs::RefOf(Node node) const {
  if (node < entities_.flags.size()) return {EntityKind::kFlag, entities_.flags[node].definition.key};
  return {EntityKind::kSegment, entities_.segments[node - entities_.flags.size()].definition.key};
}

}  // namespace guidon
