#include "cli/unified_diff.h"

#include <algorithm>
#include <cstdint>
#include <vector>

namespace guidon::cli {
namespace {

constexpr std::size_t kAround = 3;

// With their newlines, but for a last one without.
std::vector<std::string_view> SplitLines(std::string_view text) {
  std::vector<std::string_view> lines;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size() - 1) + 1;
    lines.push_back(text.substr(0, end));
    text.remove_prefix(end);
  }
  return lines;
}

struct DiffLine {
  char mark;  // ' ', '-' or '+'
  std::string_view text;
};

using Lines = std::vector<std::string_view>;

// By the longest common subsequence of lines.
void AppendMiddle(const Lines& before, const Lines& after, std::vector<DiffLine>& lines) {
  const std::size_t rows = before.size(), columns = after.size();
  if (rows != 0 && columns > kMaxDiffCells / rows) {
    for (std::string_view line : before) lines.push_back({'-', line});
    for (std::string_view line : after) lines.push_back({'+', line});
    return;
  }
  // common[i, j]: of the lines from i and from j on.
  std::vector<std::uint32_t> common((rows + 1) * (columns + 1));
  const auto at = [&](std::size_t i, std::size_t j) -> std::uint32_t& { return common[i * (columns + 1) + j]; };
  for (std::size_t i = rows; i-- > 0;) {
    for (std::size_t j = columns; j-- > 0;) {
      at(i, j) = before[i] == after[j] ? at(i + 1, j + 1) + 1 : std::max(at(i + 1, j), at(i, j + 1));
    }
  }
  std::size_t i = 0, j = 0;
  while (i < rows || j < columns) {
    if (i < rows && j < columns && before[i] == after[j]) {
      lines.push_back({' ', before[i]});
      ++i, ++j;
    } else if (i < rows && (j == columns || at(i + 1, j) >= at(i, j + 1))) {
      lines.push_back({'-', before[i++]});
    } else {
      lines.push_back({'+', after[j++]});
    }
  }
}

std::vector<DiffLine> LinesOfDiff(const Lines& before, const Lines& after) {
  std::size_t same = 0, same_at_end = 0;
  const std::size_t least = std::min(before.size(), after.size());
  while (same < least && before[same] == after[same]) ++same;
  while (same_at_end < least - same &&
         before[before.size() - 1 - same_at_end] == after[after.size() - 1 - same_at_end]) {
    ++same_at_end;
  }
  const auto middle = [&](const Lines& all) {
    return Lines(all.begin() + static_cast<std::ptrdiff_t>(same), all.end() - static_cast<std::ptrdiff_t>(same_at_end));
  };
  std::vector<DiffLine> lines;
  for (std::size_t i = 0; i < same; ++i) lines.push_back({' ', before[i]});
  AppendMiddle(middle(before), middle(after), lines);
  for (std::size_t i = before.size() - same_at_end; i < before.size(); ++i) lines.push_back({' ', before[i]});
  return lines;
}

// "3,7"; of no lines the number of the one before.
std::string Range(std::size_t before, std::size_t count) {
  const std::string first = std::to_string(count == 0 ? before : before + 1);
  return count == 1 ? first : first + "," + std::to_string(count);
}

}  // namespace

std::vector<std::size_t> LinesIn(std::string_view before, std::string_view after) {
  std::vector<std::size_t> lines;
  std::size_t at = 0;
  for (const DiffLine& line : LinesOfDiff(SplitLines(before), SplitLines(after))) {
    if (line.mark != '+') lines.push_back(at);
    if (line.mark != '-') ++at;
  }
  return lines;
}

std::string UnifiedDiff(std::string_view name, std::string_view before, std::string_view after) {
  if (before == after) return "";
  const std::vector<DiffLine> lines = LinesOfDiff(SplitLines(before), SplitLines(after));
  std::string text = "--- " + std::string(name) + "\n+++ " + std::string(name) + "\n";
  std::size_t i = 0, of_before = 0, of_after = 0;
  const auto count = [&](const DiffLine& line) {
    of_before += line.mark != '+' ? 1 : 0;
    of_after += line.mark != '-' ? 1 : 0;
  };
  while (i < lines.size()) {
    std::size_t change = i;
    while (change < lines.size() && lines[change].mark == ' ') ++change;
    if (change == lines.size()) break;
    const std::size_t begin = change - std::min(change - i, kAround);
    std::size_t end = change, quiet = 0;  // as far as no more than twice as many lines are the same
    for (std::size_t k = change; k < lines.size() && quiet <= 2 * kAround; ++k) {
      quiet = lines[k].mark == ' ' ? quiet + 1 : 0;
      if (quiet == 0) end = k + 1;
    }
    end = std::min(end + kAround, lines.size());
    for (; i < begin; ++i) count(lines[i]);
    const std::size_t first_before = of_before, first_after = of_after;
    std::string body;
    for (; i < end; ++i) {
      count(lines[i]);
      (body += lines[i].mark).append(lines[i].text);
      if (!lines[i].text.ends_with('\n')) body += "\n\\ No newline at end of file\n";
    }
    text += "@@ -" + Range(first_before, of_before - first_before) + " +" + Range(first_after, of_after - first_after) +
            " @@\n" + body;
  }
  return text;
}

}  // namespace guidon::cli
