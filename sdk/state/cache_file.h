// The last-known-good file: a ruleset document on disk, replaced whole or not at all.
//
// Thread safety: pure functions on files; one writer per file.
#pragma once

#include <string>
#include <string_view>

#include "core/base/result.h"

namespace guidon {

// Written beside the file, synced and renamed over it. kIo names the file.
Status ReplaceFile(const std::string& path, std::string_view content);

// kNotFound when there is none.
Result<std::string> ReadWholeFile(const std::string& path);

}  // namespace guidon
