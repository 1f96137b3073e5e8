// The last-known-good file: a ruleset document on disk, replaced whole or not at all.
//
// Thread safety: pure functions on files; several clients and processes may write one file, the last one wins.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

#include "core/base/result.h"

namespace guidon {

// Which content of a file it is: another one when somebody replaced it, wrote to it or set its time.
struct FileMark {
  std::uint64_t device = 0, number = 0;
  std::int64_t size = 0, written_ns = 0;
  friend bool operator==(const FileMark&, const FileMark&) = default;
  std::chrono::system_clock::time_point written() const;
};

// Written beside the file, synced and renamed over it; `time` is what the file says it was written at. kIo names the
// file.
Result<FileMark> ReplaceFile(const std::string& path, std::string_view content,
                             std::chrono::system_clock::time_point time);

// Sets the time of a file, if it is still the one of `mark`; otherwise nothing happens. The mark that it has then. kIo
// names the file.
Result<FileMark> TouchFile(const std::string& path, const FileMark& mark, std::chrono::system_clock::time_point time);

struct WholeFile {
  std::string content;
  FileMark mark;
};

// kNotFound when there is none, kTooLarge beyond 64 MiB; otherwise kIo names the file.
Result<WholeFile> ReadWholeFile(const std::string& path);

}  // namespace guidon
