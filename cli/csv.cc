#include "cli/csv.h"

#include <csv.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <memory>
#include <utility>

namespace guidon::cli {
namespace {

constexpr std::size_t kChunk = 64u << 10;

// What libcsv calls back.
struct Reading {
  const std::string& path;
  const CsvRow& see;
  std::vector<std::string> fields = {};
  std::size_t row = 1;
  Status status = {};

  std::string At() const { return path + ": row " + std::to_string(row); }

  void OnField(std::string_view text) {
    if (!status) return;
    if (fields.size() == kMostFields || text.size() > kMostFieldBytes) {
      status =
          Fail(ErrorCode::kTooLarge, At() + " has more than " + std::to_string(kMostFields) +
                                         " fields, or one of more than " + std::to_string(kMostFieldBytes) + " bytes");
      return;
    }
    fields.emplace_back(text);
  }
  void OnRow() {
    if (!status) return;
    const bool is_blank = fields.size() == 1 && fields[0].empty();
    if (!fields.empty() && !is_blank) status = see(row, fields);
    fields.clear();
    ++row;
  }
};

void OnField(void* text, std::size_t size, void* reading) {
  static_cast<Reading*>(reading)->OnField({text == nullptr ? "" : static_cast<const char*>(text), size});
}
void OnRow(int, void* reading) {
  static_cast<Reading*>(reading)->OnRow();
}

struct Parser {
  Parser() { csv_init(&parser, CSV_STRICT | CSV_STRICT_FINI); }
  ~Parser() { csv_free(&parser); }
  Parser(const Parser&) = delete;
  Parser& operator=(const Parser&) = delete;
  csv_parser parser{};
};

// The mark that some programs put in front of UTF-8.
std::size_t MarkSize(std::string_view begin) {
  return begin.starts_with("\xef\xbb\xbf") ? 3 : 0;
}

}  // namespace

Status ReadCsv(const std::string& path, const CsvRow& see) {
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> file(std::fopen(path.c_str(), "rb"), &std::fclose);
  if (!file) return Fail(ErrorCode::kIo, "cannot read " + path + ": " + std::strerror(errno));
  Parser parser;
  Reading reading{path, see};
  std::string chunk(kChunk, '\0');
  const auto fault = [&] {
    return Fail(ErrorCode::kInvalid, reading.At() + ": " + csv_strerror(csv_error(&parser.parser)) +
                                         ": a quote that is not closed, or stands where none may be");
  };
  for (bool is_first = true;; is_first = false) {
    const std::size_t size = std::fread(chunk.data(), 1, chunk.size(), file.get());
    if (size == 0) break;
    const std::size_t skip = is_first ? MarkSize({chunk.data(), size}) : 0;
    if (csv_parse(&parser.parser, chunk.data() + skip, size - skip, &OnField, &OnRow, &reading) != size - skip) {
      return fault();
    }
    if (!reading.status) return reading.status;
  }
  if (std::ferror(file.get()) != 0) return Fail(ErrorCode::kIo, "cannot read " + path + ": " + std::strerror(errno));
  if (csv_fini(&parser.parser, &OnField, &OnRow, &reading) != 0) return fault();
  return reading.status;
}

std::string CsvField(std::string_view text) {
  if (text.find_first_of(",\"\r\n") == std::string_view::npos) return std::string(text);
  std::string quoted = "\"";
  for (const char c : text) quoted.append(c == '"' ? 2 : 1, c);
  return quoted + '"';
}

}  // namespace guidon::cli
