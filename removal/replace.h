// New texts in place of files: all of them, or none.
//
// Thread safety: a function. Others may write the files meanwhile: what they do between the last look and the rename is
// lost.
#pragma once

#include <vector>

#include "core/base/result.h"
#include "removal/exchange.h"

namespace guidon::removal {

// kStale: a file is no longer what it was, and nothing was written. kIo: one could not be written; those that were are
// as before.
Status ReplaceAll(const std::vector<Rewritten>& files);

}  // namespace guidon::removal
