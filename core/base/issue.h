// A fault found in a definition, with the path to it. Checking collects all of them; nothing stops at the first.
//
// Thread safety: plain values.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace guidon {

// Where in a document: a list of member names and array indices from the root.
//   Path().Key("environments").Key("production").Key("rules").Index(2)
class Path {
 public:
  using Step = std::variant<std::string, std::size_t>;

  [[nodiscard]] Path Key(std::string_view name) const;
  [[nodiscard]] Path Index(std::size_t index) const;

  // For people: environments.production.rules[2]; a name with other characters than [A-Za-z0-9_-] is quoted:
  // when["app.version"]. The root is "".
  std::string ToText() const;
  // RFC 6901, for programs and source maps: /environments/production/rules/2
  std::string ToPointer() const;

  const std::vector<Step>& steps() const { return steps_; }
  bool empty() const { return steps_.empty(); }
  friend bool operator==(const Path&, const Path&) = default;

 private:
  std::vector<Step> steps_;
};

enum class Severity { kError, kWarning };
std::string_view ToString(Severity severity);  // "error" | "warning"

struct Issue {
  Severity severity = Severity::kError;
  std::string code;     // stable word for programs: "unknown_key", "weights_sum", "dangling_segment", …
  Path path;            // within the entity
  std::string message;  // "unknown segment 'eu-wbe'"
  std::string hint;     // "did you mean 'eu-web'?"; may be empty
  std::string entity;   // "flag checkout.layout"; empty while decoding a lone document
};

bool HasErrors(const std::vector<Issue>& issues);

// The candidate closest to `word` (Damerau-Levenshtein at most a third of its length, at least 1), or "".
std::string ClosestMatch(std::string_view word, const std::vector<std::string>& candidates);
// "did you mean 'eu-web'?" for the closest candidate, or "".
std::string DidYouMean(std::string_view word, const std::vector<std::string>& candidates);

}  // namespace guidon
