// What git would not look at: the patterns of .gitignore files, as gitignore(5) has them.
//
// A pattern of a folder's file is of that folder and of all below it; the last one that matches decides, and a file
// nearer to the path before one farther away. `!` takes back; `/` at the end means folders alone; a `/` elsewhere ties
// the pattern to its folder. What lies in a folder that is ignored is ignored, whatever is said of it.
//
// Whether git knows a path already is not asked, nor are the patterns that a user has for all repositories.
//
// Thread safety: immutable once built.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace guidon::refs {

class IgnoreRules {
 public:
  static constexpr std::size_t kMaxPattern = 1'024;  // bytes; longer ones match nothing

  IgnoreRules() = default;
  // From the text of a .gitignore; paths that are asked for are relative to its folder.
  explicit IgnoreRules(std::string_view text);

  enum class Answer { kNothing, kIgnored, kTakenBack };
  // By the patterns of this file alone. "src/a.cc"; no `/` in front or at the end.
  Answer Ask(std::string_view path, bool is_folder) const;
  bool empty() const { return patterns_.empty(); }

 private:
  struct Pattern {
    std::string text;
    bool takes_back = false, is_of_folders = false, is_of_names = false;
  };
  std::vector<Pattern> patterns_;
};

// git's wildmatch with WM_PATHNAME: `*` and `?` stop at `/`, `**` between slashes does not.
bool MatchesPath(std::string_view pattern, std::string_view path);

}  // namespace guidon::refs
