#include "removal/edits.h"

#include <algorithm>

namespace guidon::removal {
namespace {

bool IsBlank(char c) {
  return c == ' ' || c == '\t' || c == '\r';
}

bool IsOfWord(char c) {
  return c == '_' || (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
         static_cast<unsigned char>(c) >= 0x80;
}

bool IsBlankLine(std::string_view text, std::size_t at) {
  const std::size_t begin = LineBegin(text, at), end = LineEnd(text, at);
  return std::all_of(text.begin() + static_cast<std::ptrdiff_t>(begin), text.begin() + static_cast<std::ptrdiff_t>(end),
                     IsBlank);
}

}  // namespace

void Edits::Replace(std::size_t begin, std::size_t end, std::string text) {
  Edit edit{begin, end, std::move(text)};
  if (std::find(edits_.begin(), edits_.end(), edit) == edits_.end()) edits_.push_back(std::move(edit));
}

void Edits::Outdent(std::size_t line_begin, std::size_t columns) {
  outdents_[line_begin] += columns;
}

bool Edits::Covers(std::size_t begin, std::size_t end) const {
  return std::any_of(edits_.begin(), edits_.end(),
                     [&](const Edit& edit) { return edit.begin <= begin && end <= edit.end && edit.end > edit.begin; });
}

std::vector<Edit> Edits::sorted() const {
  std::vector<Edit> edits = edits_;
  std::sort(edits.begin(), edits.end());
  return edits;
}

Result<std::string> Edits::ApplyTo(std::string_view text, Spans* touched) const {
  // The wider ones first, so that what lies within them is met after them.
  std::vector<Edit> edits = edits_;
  std::sort(edits.begin(), edits.end(), [](const Edit& a, const Edit& b) {
    return a.begin != b.begin ? a.begin < b.begin : a.end != b.end ? a.end > b.end : a.text < b.text;
  });
  std::vector<Edit> kept;
  for (Edit& edit : edits) {
    if (edit.end > text.size() || edit.begin > edit.end) return Fail(ErrorCode::kInternal, "an edit beyond the text");
    if (!kept.empty() && edit.begin < kept.back().end) {
      Edit& last = kept.back();
      if (edit.end <= last.end) continue;
      if (!edit.text.empty() || !last.text.empty()) return Fail(ErrorCode::kConflict, "two edits overlap");
      last.end = edit.end;
      continue;
    }
    kept.push_back(std::move(edit));
  }
  std::vector<Edit> all = kept;
  for (const auto& [begin, columns] : outdents_) {
    std::size_t end = begin;
    while (end < text.size() && end - begin < columns && IsBlank(text[end])) ++end;
    const bool is_gone =
        std::any_of(kept.begin(), kept.end(), [&](const Edit& edit) { return edit.begin < end && begin < edit.end; });
    if (!is_gone && end > begin) all.push_back({begin, end, ""});
  }
  std::stable_sort(all.begin(), all.end(), [](const Edit& a, const Edit& b) { return a.begin < b.begin; });
  std::string out;
  std::size_t at = 0;
  // Where a change ends two words do not become one.
  const auto append = [&out](std::string_view more) {
    if (!out.empty() && !more.empty() && IsOfWord(out.back()) && IsOfWord(more.front())) out += ' ';
    out.append(more);
  };
  for (const Edit& edit : all) {
    append(text.substr(at, edit.begin - at));
    const std::size_t begin = out.size();
    append(edit.text);
    if (touched != nullptr) touched->emplace_back(begin, out.size() - begin);
    at = edit.end;
  }
  append(text.substr(at));
  return out;
}

std::size_t LineBegin(std::string_view text, std::size_t at) {
  const std::size_t before = at == 0 ? std::string_view::npos : text.rfind('\n', at - 1);
  return before == std::string_view::npos ? 0 : before + 1;
}

std::size_t LineEnd(std::string_view text, std::size_t at) {
  return std::min(text.find('\n', at), text.size());
}

std::size_t Indent(std::string_view text, std::size_t at) {
  const std::size_t begin = LineBegin(text, at);
  std::size_t end = begin;
  while (end < text.size() && IsBlank(text[end])) ++end;
  return end - begin;
}

bool HasDirective(std::string_view text, std::size_t begin, std::size_t end) {
  for (std::size_t line = text.find('\n', begin); line != std::string_view::npos && line < end;
       line = text.find('\n', line + 1)) {
    const std::size_t first = text.find_first_not_of(" \t", line + 1);
    if (first != std::string_view::npos && first < end && text[first] == '#') return true;
  }
  return false;
}

bool IsWithinIf(std::string_view text, std::size_t at) {
  std::string_view guard;
  int depth = 0;
  bool is_first = true;
  for (std::size_t line = 0; line < at; line = LineEnd(text, line) + 1) {
    const std::size_t hash = text.find_first_not_of(" \t", line);
    if (hash == std::string_view::npos || hash >= at || text[hash] != '#') continue;
    const std::size_t word = text.find_first_not_of(" \t", hash + 1);
    if (word == std::string_view::npos) break;
    const std::string_view rest = text.substr(word, LineEnd(text, word) - word);
    const auto name_behind = [&](std::string_view directive) {
      const std::size_t begin = rest.find_first_not_of(" \t", directive.size());
      return begin == std::string_view::npos ? rest.substr(0, 0)
                                             : rest.substr(begin, rest.find_first_of(" \t\r", begin) - begin);
    };
    if (is_first && rest.rfind("ifndef", 0) == 0) {
      guard = name_behind("ifndef");
      ++depth;
    } else if (!guard.empty() && depth == 1 && rest.rfind("define", 0) == 0 && name_behind("define") == guard) {
      depth = 0;
      guard = "";
    } else if (rest.rfind("if", 0) == 0) {
      ++depth;
    } else if (rest.rfind("endif", 0) == 0) {
      --depth;
    } else if (!is_first) {
      guard = "";
    }
    is_first = false;
  }
  return depth > 0;
}

std::size_t SkipBlanks(std::string_view text, std::size_t at) {
  while (at < text.size()) {
    if (IsBlank(text[at]) || text[at] == '\n') {
      ++at;
    } else if (text.substr(at, 2) == "//") {
      at = LineEnd(text, at);
    } else if (text.substr(at, 2) == "/*") {
      const std::size_t end = text.find("*/", at + 2);
      at = end == std::string_view::npos ? text.size() : end + 2;
    } else {
      break;
    }
  }
  return at;
}

Edit WholeDeclaration(std::string_view text, std::size_t begin, std::size_t end) {
  std::size_t from = begin;
  if (LineBegin(text, begin) + Indent(text, begin) == begin) {
    for (std::size_t line = LineBegin(text, begin); line > 0;) {
      line = LineBegin(text, line - 1);
      const std::size_t first = line + Indent(text, line);
      if (text.substr(first, 2) != "//") break;
      from = first;
    }
  }
  return WholeStatement(text, from, end);
}

Edit WholeStatement(std::string_view text, std::size_t begin, std::size_t end) {
  const std::size_t line = LineBegin(text, begin), line_end = LineEnd(text, end);
  std::size_t rest = end;
  while (rest < line_end && IsBlank(text[rest])) ++rest;
  const bool is_first = line + Indent(text, begin) == begin;
  const bool is_last = rest == line_end || text.substr(rest, 2) == "//";
  if (!is_first || !is_last) {
    // Within a line: with the blanks behind it, or before it at the end of the line.
    if (rest < line_end) return {begin, rest, ""};
    while (begin > line && IsBlank(text[begin - 1])) --begin;
    return {begin, end, ""};
  }
  std::size_t from = line, to = line_end < text.size() ? line_end + 1 : line_end;
  const bool blank_after = to < text.size() && IsBlankLine(text, to);
  if (from > 0) {
    const bool blank_before = IsBlankLine(text, from - 1);
    const std::size_t next = text.find_first_not_of(" \t\r\n", to);
    const bool closes = next != std::string_view::npos && text[next] == '}';
    const std::size_t last = text.find_last_not_of(" \t\r\n", from - 1);
    const bool opens = last != std::string_view::npos && text[last] == '{';
    if (blank_before && (blank_after || closes)) {
      from = LineBegin(text, from - 1);
    } else if (!blank_before && opens && blank_after) {
      to = std::min(LineEnd(text, to) + 1, text.size());
    }
  }
  return {from, to, ""};
}

}  // namespace guidon::removal
