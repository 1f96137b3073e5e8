// The files of folders that a scan looks at.
//
// Thread safety: a function.
#pragma once

#include <string>
#include <vector>

#include "core/base/result.h"
#include "refs/refs.h"

namespace guidon::refs {

struct FoundFile {
  std::string path;
  Language language = Language::kCpp;
};

// By path, each once, as the first source that has it is spelt. What cannot be read is added to `skipped`. Errors as
// FindReferences has them.
Result<std::vector<FoundFile>> FilesOf(const std::vector<std::string>& sources, std::size_t max_files,
                                       std::vector<SkippedFile>& skipped);

}  // namespace guidon::refs
