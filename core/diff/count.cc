#include "core/diff/count.h"

#include <algorithm>
#include <map>
#include <utility>

#include "core/base/json.h"
#include "core/eval/evaluator.h"

namespace guidon {
namespace {

constexpr std::size_t kMaxIssues = 100;  // of a file; whoever gave a file of another format has seen enough

FlagMoves CountFlag(const std::string& key, const Ruleset& before, const Ruleset& after,
                    const std::vector<Context>& contexts, std::int64_t now_ms) {
  FlagMoves counts;
  counts.flag = key;
  counts.contexts = contexts.size();
  const std::uint32_t old_slot = before.Find(key), new_slot = after.Find(key);
  std::map<std::pair<std::string, std::string>, std::uint64_t> moves;
  for (const Context& context : contexts) {
    const Decision old = Evaluate(before, old_slot, context, now_ms);
    const Decision now = Evaluate(after, new_slot, context, now_ms);
    if (old.variation_name() != now.variation_name()) {
      ++counts.moved;
      ++moves[{std::string(old.variation_name()), std::string(now.variation_name())}];
    } else if (old.value() != nullptr && now.value() != nullptr && *old.value() != *now.value()) {
      ++counts.revalued;
    }
  }
  for (const auto& [names, count] : moves) counts.moves.push_back({names.first, names.second, count});
  std::stable_sort(counts.moves.begin(), counts.moves.end(),
                   [](const VariationMove& a, const VariationMove& b) { return a.contexts > b.contexts; });
  return counts;
}

// "contexts: line 2: …; nor are lines 4, 5 and others"
Error RefusedContexts(std::vector<Issue> issues, const std::vector<std::size_t>& lines, bool are_all) {
  constexpr std::size_t kMostNamed = 10;
  Error error = InvalidError("contexts", {issues.front()});
  error.issues = std::move(issues);
  if (lines.size() == 1 && are_all) return error;
  error.message += lines.size() == 2 ? "; nor is line" : "; nor are lines";
  const std::size_t named = std::min(lines.size(), kMostNamed + 1);
  for (std::size_t i = 1; i < named; ++i) error.message += (i == 1 ? " " : ", ") + std::to_string(lines[i]);
  if (named < lines.size() || !are_all) error.message += " and others";
  return error;
}

}  // namespace

std::vector<FlagMoves> CountMoves(const Ruleset& before, const Ruleset& after, const std::vector<Context>& contexts,
                                  std::int64_t now_ms) {
  std::vector<std::string> keys = before.FlagKeys();
  const std::vector<std::string> more = after.FlagKeys();
  keys.insert(keys.end(), more.begin(), more.end());
  std::sort(keys.begin(), keys.end());
  keys.erase(std::unique(keys.begin(), keys.end()), keys.end());
  std::vector<FlagMoves> all;
  all.reserve(keys.size());
  for (const std::string& key : keys) all.push_back(CountFlag(key, before, after, contexts, now_ms));
  return all;
}

Result<std::vector<Context>> ParseContexts(std::string_view text) {
  std::vector<Context> contexts;
  std::vector<Issue> issues;
  std::vector<std::size_t> lines;  // of the issues
  if (constexpr std::string_view kMark = "\xEF\xBB\xBF"; text.starts_with(kMark)) text.remove_prefix(kMark.size());
  for (std::size_t number = 1; !text.empty() && issues.size() < kMaxIssues; ++number) {
    const std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(text.size(), line.size() + 1));
    if (line.find_first_not_of(" \t\r") == std::string_view::npos) continue;
    const Result<Value> value = ParseJson(line);
    if (value && value->is_object()) {
      contexts.push_back(Context::FromValue(*value));
      continue;
    }
    Issue issue;
    issue.code = value ? "wrong_type" : value.error().issues.empty() ? "json_syntax" : value.error().issues[0].code;
    issue.message = "line " + std::to_string(number) + ": " +
                    (value ? std::string("a context is an object") : value.error().message);
    issue.hint = "write one context a line, as {\"key\": \"user-42\", \"country\": \"DE\"}";
    issues.push_back(std::move(issue));
    lines.push_back(number);
  }
  if (!issues.empty()) return Fail(RefusedContexts(std::move(issues), lines, text.empty()));
  return contexts;
}

}  // namespace guidon
