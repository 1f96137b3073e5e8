// Which flags and segments need which for their evaluation in one environment, and where that goes in circles or deeper
// than evaluation follows. Internal to the validate room.
//
// Thread safety: one thread.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "core/model/definitions.h"

namespace guidon {

// Evaluation follows this many steps from flag to flag or segment; what needs more is broken there.
inline constexpr int kMaxNeedDepth = 64;

class Needs {
 public:
  explicit Needs(const EntitySet& entities);  // outlives this

  struct Found {
    std::vector<std::vector<EntityRef>> circles;  // each from its smallest member on
    std::vector<EntityRef> too_deep;              // those one step too deep; what needs them is deeper still
  };
  Found Search(std::string_view environment);

  // By its index in the entities: needed by any flag, segment or experiment in an environment searched so far.
  bool IsSegmentUsed(std::size_t index) const { return segment_used_[index]; }

 private:
  using Node = std::size_t;  // flags, then segments

  void Collect(const Condition& condition, std::vector<Node>& nodes) const;
  std::vector<Node> NeedsOf(Node node, std::string_view environment) const;
  EntityRef RefOf(Node node) const;

  const EntitySet& entities_;
  std::unordered_map<std::string_view, Node> flags_, segments_;
  std::unordered_map<std::string_view, std::vector<const Experiment*>> experiments_;  // by flag
  std::vector<bool> segment_used_;
};

}  // namespace guidon
