#include "cli/unified_diff.h"

#include <algorithm>
#include <vector>

#include "core/base/lines.h"

namespace guidon::cli {
namespace {

constexpr std::size_t kAround = 3;

struct DiffLine {
  char mark;  // ' ', '-' or '+'
  std::string_view text;
};

using Lines = std::vector<std::string_view>;

// Between two lines that stay, what is taken out comes before what is put in.
std::vector<DiffLine> LinesOfDiff(const Lines& before, const Lines& after) {
  const MatchedLines matched = MatchLines(before, after);
  std::vector<DiffLine> lines;
  std::size_t next = 0;  // of those after
  const auto put_in_until = [&](std::size_t end) {
    while (next < end) lines.push_back({'+', after[next++]});
  };
  for (std::size_t i = 0; i < before.size(); ++i) {
    if (matched.in_after[i] == kNoLine) {
      lines.push_back({'-', before[i]});
      continue;
    }
    put_in_until(matched.in_after[i]);
    lines.push_back({' ', before[i]});
    ++next;
  }
  put_in_until(after.size());
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
