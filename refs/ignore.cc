#include "refs/ignore.h"

#include <cctype>

namespace guidon::refs {
namespace {

enum class Match { kYes, kNo, kAbortAll, kAbortToStars };

bool IsInClass(std::string_view name, unsigned char c) {
  if (name == "alnum") return std::isalnum(c) != 0;
  if (name == "alpha") return std::isalpha(c) != 0;
  if (name == "blank") return c == ' ' || c == '\t';
  if (name == "cntrl") return std::iscntrl(c) != 0;
  if (name == "digit") return std::isdigit(c) != 0;
  if (name == "graph") return std::isgraph(c) != 0;
  if (name == "lower") return std::islower(c) != 0;
  if (name == "print") return std::isprint(c) != 0;
  if (name == "punct") return std::ispunct(c) != 0;
  if (name == "space") return std::isspace(c) != 0;
  if (name == "upper") return std::isupper(c) != 0;
  if (name == "xdigit") return std::isxdigit(c) != 0;
  return false;
}

bool IsClassName(std::string_view name) {
  for (const std::string_view known :
       {"alnum", "alpha", "blank", "cntrl", "digit", "graph", "lower", "print", "punct", "space", "upper", "xdigit"}) {
    if (name == known) return true;
  }
  return false;
}

// As git's wildmatch.c does it: a star that fails to the end of the text makes every star before it fail, too, which
// keeps the cost down.
class Wildmatch {
 public:
  Wildmatch(std::string_view pattern, std::string_view text) : pattern_(pattern), text_(text) {}
  bool Run() { return Try(0, 0) == Match::kYes; }

 private:
  unsigned char P(std::size_t i) const { return i < pattern_.size() ? static_cast<unsigned char>(pattern_[i]) : 0; }
  unsigned char T(std::size_t i) const { return i < text_.size() ? static_cast<unsigned char>(text_[i]) : 0; }

  Match Try(std::size_t p, std::size_t t) {
    for (; p < pattern_.size(); ++p, ++t) {
      const unsigned char wanted = P(p), there = T(t);
      if (t >= text_.size() && wanted != '*') return Match::kAbortAll;
      switch (wanted) {
        case '\\':
          ++p;
          if (p >= pattern_.size()) return Match::kAbortAll;
          if (there != P(p)) return Match::kNo;
          break;
        case '?':
          if (there == '/') return Match::kNo;
          break;
        case '*':
          if (const Step step = TryStar(p, t); step.is_done) {
            return step.match;
          }
          break;
        case '[':
          if (const Match in = TryBracket(p, there); in != Match::kYes) return in;
          break;
        default:
          if (there != wanted) return Match::kNo;
      }
    }
    return t < text_.size() ? Match::kNo : Match::kYes;
  }

  struct Step {
    bool is_done = true;
    Match match = Match::kNo;
  };
  // Not done: `*` and a slash were taken; both indices are at the slash.
  Step TryStar(std::size_t& p, std::size_t& t) {
    const std::size_t star = p;
    bool takes_slashes = false;
    ++p;
    if (P(p) == '*') {
      while (P(p) == '*') ++p;
      if ((star == 0 || P(star - 1) == '/') &&
          (p >= pattern_.size() || P(p) == '/' || (P(p) == '\\' && P(p + 1) == '/'))) {
        // `**/` may stand for nothing.
        if (P(p) == '/' && Try(p + 1, t) == Match::kYes) return {true, Match::kYes};
        takes_slashes = true;
      }
    }
    if (p >= pattern_.size()) {
      const bool has_slash = t < text_.size() && text_.find('/', t) != std::string_view::npos;
      return {true, takes_slashes || !has_slash ? Match::kYes : Match::kNo};
    }
    if (!takes_slashes && P(p) == '/') {
      const std::size_t slash = text_.find('/', t);
      if (slash == std::string_view::npos) return {true, Match::kNo};
      t = slash;
      return {false, Match::kNo};
    }
    for (; t < text_.size(); ++t) {
      const Match match = Try(p, t);
      if (match != Match::kNo) {
        if (!takes_slashes || match != Match::kAbortToStars) return {true, match};
      } else if (!takes_slashes && T(t) == '/') {
        return {true, Match::kAbortToStars};
      }
    }
    return {true, Match::kAbortAll};
  }

  // `p` is left at the closing bracket.
  Match TryBracket(std::size_t& p, unsigned char there) {
    ++p;
    const bool negated = P(p) == '!' || P(p) == '^';
    if (negated) ++p;
    bool matched = false;
    unsigned char before = 0;
    bool is_first = true;
    for (;; ++p, is_first = false) {
      if (p >= pattern_.size()) return Match::kAbortAll;
      unsigned char c = P(p);
      if (c == ']' && !is_first) break;
      if (c == '\\') {
        ++p;
        if (p >= pattern_.size()) return Match::kAbortAll;
        c = P(p);
        matched = matched || there == c;
      } else if (c == '-' && before != 0 && p + 1 < pattern_.size() && P(p + 1) != ']') {
        ++p;
        c = P(p);
        if (c == '\\') {
          ++p;
          if (p >= pattern_.size()) return Match::kAbortAll;
          c = P(p);
        }
        matched = matched || (there >= before && there <= c);
        c = 0;  // begins no range
      } else if (c == '[' && P(p + 1) == ':') {
        const std::size_t name = p + 2;
        const std::size_t close = pattern_.find(']', name);
        if (close == std::string_view::npos) return Match::kAbortAll;
        if (close == name || P(close - 1) != ':') {
          matched = matched || there == '[';  // no class, like a normal set
        } else {
          const std::string_view word = pattern_.substr(name, close - 1 - name);
          if (!IsClassName(word)) return Match::kAbortAll;
          matched = matched || IsInClass(word, there);
          p = close;
          c = 0;
        }
      } else {
        matched = matched || there == c;
      }
      before = c;
    }
    return matched == negated || there == '/' ? Match::kNo : Match::kYes;
  }

  const std::string_view pattern_, text_;
};

// Blanks at the end do not count, unless a backslash stands before them.
std::string_view WithoutBlanks(std::string_view line) {
  std::size_t end = 0;
  for (std::size_t i = 0; i < line.size(); ++i) {
    if (line[i] == '\\') {
      ++i;
      end = i + 1;
    } else if (line[i] != ' ') {
      end = i + 1;
    }
  }
  return line.substr(0, end);
}

}  // namespace

bool MatchesPath(std::string_view pattern, std::string_view path) {
  return Wildmatch(pattern, path).Run();
}

IgnoreRules::IgnoreRules(std::string_view text) {
  if (text.starts_with("\xef\xbb\xbf")) text.remove_prefix(3);
  while (!text.empty()) {
    const std::size_t end = text.find('\n');
    std::string_view line = text.substr(0, end);
    text = end == std::string_view::npos ? std::string_view() : text.substr(end + 1);
    if (line.starts_with('#')) continue;
    if (line.ends_with('\r')) line.remove_suffix(1);
    line = WithoutBlanks(line);
    Pattern pattern;
    if (line.starts_with('!')) {
      pattern.takes_back = true;
      line.remove_prefix(1);
    }
    if (line.ends_with('/')) {
      pattern.is_of_folders = true;
      line.remove_suffix(1);
    }
    pattern.is_of_names = line.find('/') == std::string_view::npos;
    if (line.starts_with('/')) line.remove_prefix(1);
    if (line.empty() || line.size() > kMaxPattern) continue;
    pattern.text = std::string(line);
    patterns_.push_back(std::move(pattern));
  }
}

IgnoreRules::Answer IgnoreRules::Ask(std::string_view path, bool is_folder) const {
  const std::size_t slash = path.rfind('/');
  const std::string_view name = slash == std::string_view::npos ? path : path.substr(slash + 1);
  for (auto pattern = patterns_.rbegin(); pattern != patterns_.rend(); ++pattern) {
    if (pattern->is_of_folders && !is_folder) continue;
    if (!MatchesPath(pattern->text, pattern->is_of_names ? name : path)) continue;
    return pattern->takes_back ? Answer::kTakenBack : Answer::kIgnored;
  }
  return Answer::kNothing;
}

}  // namespace guidon::refs
