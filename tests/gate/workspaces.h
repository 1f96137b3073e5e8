// A workspace of the files that a test names, read.
//
// Thread safety: one thread.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "tests/support/process.h"
#include "workspace/workspace.h"

namespace guidon::gate {

class Files {
 public:
  // {path, text}; guidon.yaml is there unless it is named.
  explicit Files(const std::vector<std::pair<std::string, std::string>>& files);

  Workspace Read() const;
  const std::string& path() const { return folder_.path(); }

 private:
  testing::TemporaryFolder folder_;
};

}  // namespace guidon::gate
