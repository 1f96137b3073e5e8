// The last-known-good file: a ruleset document on disk, replaced whole or not at all.
//
// Thread safety: pure functions on files; several clients and processes may write one file, the last one wins.
#pragma once

#include <chrono>
#include <string>
#include <string_view>

#include "core/base/result.h"

namespace guidon {

// Written beside the file, synced and renamed over it. kIo names the file.
Status ReplaceFile(const std::string& path, std::string_view content);

struct WholeFile {
  std::string content;
  std::chrono::system_clock::time_point written;
};

// kNotFound when there is none, kTooLarge beyond 64 MiB; otherwise kIo names the file.
Result<WholeFile> ReadWholeFile(const std::string& path);

}  // namespace guidon
