// All that decided a verdict, as one hash: who holds two runs against each other sees whether they looked at the same.
//
//   Inputs inputs;
//   inputs.Add("policy", text);
//   inputs.Add("files/flags/layout.yaml", text);
//   report.inputs_hash = inputs.Hash();
//
// The hash is the SHA-256 of this text (lines in the order of their names, each ended by a line feed):
//
//   guidon-gate-inputs-1
//   <SHA-256 of the text, 64 hex digits> "<name, as JSON>"
//
// docs/gate.md says which names there are. The order in which they are added does not matter.
//
// Thread safety: a plain value.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "core/model/definitions.h"
#include "gate/finding.h"
#include "refs/reference.h"

namespace guidon::gate {

class Inputs {
 public:
  // A name once; what is added again under it takes the place of the first.
  void Add(std::string_view name, std::string_view text);
  // What an environment holds, without the revision of it.
  void Add(std::string_view name, const EntitySet& entities);
  // What a server's answers come to.
  void Add(std::string_view name, const std::vector<Finding>& findings);
  // Where the code reads flags, and how.
  void Add(std::string_view name, const std::vector<refs::Reference>& references);

  std::string Hash() const;  // 64 hex digits

 private:
  std::map<std::string, std::string, std::less<>> hashes_;  // by name
};

}  // namespace guidon::gate
