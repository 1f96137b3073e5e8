// New texts in place of files: all of them, or none.
//
// Thread safety: a function. Others may write the files meanwhile: what they do between the last look and the rename is
// lost.
#pragma once

#include <string>
#include <vector>

#include "core/base/result.h"

namespace guidon {

// The text of a file as it was read, and what is to stand there.
struct Replacement {
  std::string file, before, after;
};

// Of a link, the file behind it. Modes stay. kStale: a file is no longer what it was, and nothing was written. kIo: one
// could not be written; those that were are as before.
Status ReplaceAll(const std::vector<Replacement>& files);

}  // namespace guidon
