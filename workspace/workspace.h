// A workspace folder, read whole: definitions, tests, and everything that is wrong with it, each fault with its place.
//
//   guidon.yaml  flags/  segments/  metrics/  experiments/  layers.yaml  holdouts.yaml  tests/  populations/
//
// Folders are read through, files *.yaml and *.yml in the order of their paths; a file holds one entity, a list, or
// several `---` documents. Files elsewhere are named in a warning. Symbolic links are followed, each folder once.
//
// Thread safety: a plain value and a function.
#pragma once

#include <chrono>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "core/base/result.h"
#include "core/model/definitions.h"
#include "core/model/expectation.h"
#include "yaml/yaml.h"

namespace guidon {

struct PlacedIssue {
  std::string file;  // relative to the workspace
  SourcePosition at;
  Issue issue;
};

// Where something was defined: its document and the path within it.
struct Origin {
  std::string file;  // relative to the workspace
  std::shared_ptr<const SourceMap> positions;
  Path path;

  // Of a value within what was defined here.
  SourcePosition Of(const Path& within) const;
  SourcePosition OfKey(const Path& within) const;  // of the key, where the path ends in a member
};

// Where that what is wrong with it stands: of an unknown key, or one that lacks something, at the key.
PlacedIssue PlacedIn(const Origin& origin, Issue issue);

struct Workspace {
  std::string folder;
  Definitions definitions;  // states empty
  std::vector<FlagTest> tests;
  std::map<EntityRef, Origin> origins;
  std::vector<Origin> test_origins;  // of `tests`
  // What stands in the files and was refused, so that it is not in `definitions`. Without a key: nobody knows which, or
  // how many, of that kind.
  std::vector<EntityRef> unread;
  std::map<std::string, std::string> texts;  // of the files that it was read from, by path; empty unless asked for
  std::vector<PlacedIssue> issues;           // of reading and of validation; by file and place
  std::size_t Count(Severity severity) const;
  bool HasErrors() const { return Count(Severity::kError) > 0; }
};

struct WorkspaceOptions {
  std::chrono::sys_days today{};  // for what has expired; the epoch: the day of the clock
  // Texts that stand for those of files, by their paths relative to the folder: what an editor has not saved yet, also
  // of files that are not there.
  std::map<std::string, std::string> unsaved = {};
  bool keeps_texts = false;  // for who has to say of what a workspace was made
};

// kIo when the folder cannot be read at all or holds no guidon.yaml; kTooLarge when it holds too much. Validates all
// that could be read; where something could not, references to what may have stood there are let pass. What has no
// error was compiled for every environment.
Result<Workspace> ReadWorkspace(const std::string& folder, const WorkspaceOptions& options = {});

// "the workspace has no environment 'prod'; it has staging, production"
Error NoSuchEnvironment(const Project& project, const std::string& wanted);

}  // namespace guidon
