#include "format/format.h"

#include <algorithm>

#include "tests/fuzz/targets.h"
#include "yaml/yaml.h"

namespace guidon::fuzz {
namespace {

std::vector<std::string> SortedCommentsOf(std::string_view text) {
  std::vector<std::string> comments = CommentsOf(text).value();
  std::sort(comments.begin(), comments.end());
  return comments;
}

}  // namespace

void Format(std::string_view input) {
  YamlLimits limits;
  limits.max_nodes = 2'000;  // an alias bomb is refused soon enough
  limits.max_alias_bytes = 20'000;
  const YamlResult read = ParseYaml(input, limits);
  if (!read.faults.empty()) return;  // the layout is for what can be read
  // An anchor or a tag in an odd place, such as `&a {!!str }`, may come out where libyaml does not take it any more.
  const bool has_properties = input.find_first_of("&!") != std::string_view::npos;
  for (const std::size_t columns : {100u, 20u}) {
    const Result<std::string> formatted = FormatYaml(input, {columns});
    if (!formatted) continue;  // a directive, or what libyaml reads otherwise than yaml-cpp: it is left as it was
    const YamlResult again = ParseYaml(*formatted, limits);
    Require(again.faults.empty() && again.documents.size() == read.documents.size(), "what was written can be read");
    for (std::size_t i = 0; i < read.documents.size(); ++i) {
      Require(again.documents[i].value == read.documents[i].value, "formatting changes no value");
    }
    Require(SortedCommentsOf(*formatted) == SortedCommentsOf(input), "every comment stays");
    const Result<std::string> once_more = FormatYaml(*formatted, {columns});
    Require(once_more ? *once_more == *formatted : has_properties, "formatting once more changes nothing");
  }
}

}  // namespace guidon::fuzz
