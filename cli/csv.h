// Comma-separated values (RFC 4180), read row by row: what spreadsheets and databases write.
//
//   Status read = ReadCsv("cookie_cats.csv", [&](std::size_t line, std::vector<std::string>& fields) { … });
//
// Thread safety: functions without state.
#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <vector>

#include "core/base/result.h"

namespace guidon::cli {

inline constexpr std::size_t kMostFields = 1'000;          // of a row
inline constexpr std::size_t kMostFieldBytes = 64u << 10;  // of a field

// Told of each row, the first among them; an error of it ends the reading. `row` counts from 1, and not lines: a field
// may have several. Blank rows are left out.
using CsvRow = std::function<Status(std::size_t row, std::vector<std::string>& fields)>;

// A file of any length in constant memory. kIo: it cannot be read. kInvalid, with FILE and the row: a quote that is not
// closed or stands where none may be; kTooLarge: beyond the bounds.
Status ReadCsv(const std::string& path, const CsvRow& see);

// One field as it has to be written: in quotes where it needs them.
std::string CsvField(std::string_view text);

}  // namespace guidon::cli
