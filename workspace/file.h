// Files, read and written whole.
//
// Thread safety: functions without state.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include <guidon/value.h>
#include "core/base/result.h"

namespace guidon {

// kIo with the reason: not there, no file (a folder, a pipe), no permission; kTooLarge beyond the bound.
Result<std::string> ReadFile(const std::string& path, std::size_t max_bytes);

struct JsonLine {
  std::size_t number = 0;  // from 1
  Value value;
};
// A file of one JSON value per line; blank lines count but hold nothing. kInvalid names FILE:LINE; kInvalid also when
// there is no value at all.
Result<std::vector<JsonLine>> ReadJsonLines(const std::string& path);

// Replaces the file as a whole: a reader sees the old one or the new one. What is no plain file (/dev/stdout, a pipe)
// is written to.
Status WriteFile(const std::string& path, std::string_view text);

}  // namespace guidon
