// A workspace folder, read whole: definitions, tests, and everything that is wrong with it, each fault with its place.
//
//   guidon.yaml  flags/  segments/  metrics/  experiments/  layers.yaml  holdouts.yaml  tests/
//
// Folders are read through, files *.yaml and *.yml in the order of their paths; a file holds one entity, a list, or
// several `---` documents. Files elsewhere are named in a warning. Symbolic links are followed, each folder once.
//
// Thread safety: a plain value and a function.
#pragma once

#include <string>
#include <vector>

#include "core/base/result.h"
#include "core/model/definitions.h"
#include "core/model/expectation.h"
#include "yaml/yaml.h"

namespace guidon::cli {

struct PlacedIssue {
  std::string file;  // relative to the workspace
  Position at;
  Issue issue;
};

struct Workspace {
  std::string folder;
  Definitions definitions;  // states empty
  std::vector<FlagTest> tests;
  std::vector<PlacedIssue> issues;  // of reading and of validation; by file and place
  bool HasErrors() const;
};

// kIo when the folder cannot be read at all or holds no guidon.yaml. Validates when everything could be read.
Result<Workspace> ReadWorkspace(const std::string& folder);

}  // namespace guidon::cli
