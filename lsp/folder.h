// A workspace as an editor has it: the files of the folder, with the texts that are open in place of theirs, and what
// can be told of them while some are broken.
//
//   Folder folder("/srv/experiments/shop");
//   folder.Put("flags/a.yaml", text);       // opened, or changed
//   folder.Read(now_ms);                    // everything of `guidon validate`, and what tests say
//   folder.Drop("flags/a.yaml");            // closed: the file counts again
//
// Thread safety: one thread. Cost: Read is one of the whole folder, some milliseconds for a hundred files.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "core/model/definitions.h"
#include "lsp/names.h"
#include "lsp/outline.h"
#include "lsp/text.h"
#include "workspace/workspace.h"

namespace guidon::lsp {

struct File {
  FileKind kind = FileKind::kNone;
  Text text;
  Outline outline;
  std::vector<Occurrence> names;
};
File FileOf(const std::string& path, Text text);  // relative to the workspace

struct Found {
  std::string file;
  const Occurrence* occurrence = nullptr;
};

class Folder {
 public:
  explicit Folder(std::string root) : root_(std::move(root)) {}

  const std::string& root() const { return root_; }

  void Put(const std::string& file, Text text);
  void Drop(const std::string& file);

  void Read(std::int64_t now_ms);
  bool was_read() const { return was_read_; }

  const std::map<std::string, std::shared_ptr<const File>>& files() const { return files_; }
  const File* Find(const std::string& file) const;

  // As of the last Read: by file and place. A test that fails is a warning, `test_fails`.
  const std::vector<PlacedIssue>& issues() const { return issues_; }
  // Definitions that cannot be read now are here as they were when they could, while their file has an error.
  const Definitions& definitions() const { return definitions_; }

  // All occurrences of a name; where it is defined only. Of the files as they are now.
  std::vector<Found> All(const Name& name) const;
  std::vector<Found> Defining(const Name& name) const;

 private:
  void ReadFiles(const Workspace& workspace);
  void RunTests(const Workspace& workspace, std::int64_t now_ms);

  const std::string root_;
  bool was_read_ = false;
  std::map<std::string, std::shared_ptr<const File>> files_;
  std::set<std::string> open_;
  std::vector<PlacedIssue> issues_;
  Definitions definitions_;
  std::map<EntityRef, std::string> sources_;  // of the definitions: files
};

}  // namespace guidon::lsp
