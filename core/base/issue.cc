#include "core/base/issue.h"

#include <algorithm>

#include "core/base/result.h"

namespace guidon {
namespace {

bool IsPlainName(std::string_view name) {
  return !name.empty() && std::all_of(name.begin(), name.end(), [](unsigned char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
  });
}

// Optimal string alignment: edits and swaps of neighbours.
std::size_t EditDistance(std::string_view a, std::string_view b) {
  std::vector<std::vector<std::size_t>> cost(a.size() + 1, std::vector<std::size_t>(b.size() + 1));
  for (std::size_t i = 0; i <= a.size(); ++i) cost[i][0] = i;
  for (std::size_t j = 0; j <= b.size(); ++j) cost[0][j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t change = a[i - 1] == b[j - 1] ? 0 : 1;
      cost[i][j] = std::min({cost[i - 1][j] + 1, cost[i][j - 1] + 1, cost[i - 1][j - 1] + change});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) {
        cost[i][j] = std::min(cost[i][j], cost[i - 2][j - 2] + 1);
      }
    }
  }
  return cost[a.size()][b.size()];
}

constexpr std::size_t kLongestWord = 128;  // beyond it no suggestion is worth the quadratic time

}  // namespace

Path Path::Key(std::string_view name) const {
  Path next = *this;
  next.steps_.emplace_back(std::string(name));
  return next;
}

Path Path::Index(std::size_t index) const {
  Path next = *this;
  next.steps_.emplace_back(index);
  return next;
}

std::string Path::ToText() const {
  std::string text;
  for (const Step& step : steps_) {
    if (const auto* index = std::get_if<std::size_t>(&step)) {
      text += '[' + std::to_string(*index) + ']';
      continue;
    }
    const auto& name = std::get<std::string>(step);
    if (IsPlainName(name)) {
      if (!text.empty()) text += '.';
      text += name;
    } else {
      text += "[\"" + name + "\"]";
    }
  }
  return text;
}

std::string Path::ToPointer() const {
  std::string pointer;
  for (const Step& step : steps_) {
    pointer += '/';
    if (const auto* index = std::get_if<std::size_t>(&step)) {
      pointer += std::to_string(*index);
      continue;
    }
    for (char c : std::get<std::string>(step)) {
      if (c == '~') {
        pointer += "~0";
      } else if (c == '/') {
        pointer += "~1";
      } else {
        pointer += c;
      }
    }
  }
  return pointer;
}

std::string_view ToString(Severity severity) {
  return severity == Severity::kError ? "error" : "warning";
}

bool HasErrors(const std::vector<Issue>& issues) {
  return std::any_of(issues.begin(), issues.end(), [](const Issue& i) { return i.severity == Severity::kError; });
}

std::string ClosestMatch(std::string_view word, const std::vector<std::string>& candidates) {
  if (word.empty() || word.size() > kLongestWord) return "";
  std::size_t best = std::max<std::size_t>(1, word.size() / 3) + 1;
  std::string closest;
  for (const std::string& candidate : candidates) {
    if (candidate.size() > kLongestWord) continue;
    const std::size_t distance = EditDistance(word, candidate);
    if (distance < best) {
      best = distance;
      closest = candidate;
    }
  }
  return closest;
}

std::string DidYouMean(std::string_view word, const std::vector<std::string>& candidates) {
  const std::string closest = ClosestMatch(word, candidates);
  return closest.empty() ? "" : "did you mean '" + closest + "'?";
}

std::string_view ToString(ErrorCode code) {
  switch (code) {
    case ErrorCode::kInvalid:
      return "invalid";
    case ErrorCode::kNotFound:
      return "not_found";
    case ErrorCode::kAlreadyExists:
      return "already_exists";
    case ErrorCode::kConflict:
      return "conflict";
    case ErrorCode::kStale:
      return "stale";
    case ErrorCode::kMismatch:
      return "mismatch";
    case ErrorCode::kUnauthenticated:
      return "unauthenticated";
    case ErrorCode::kPermissionDenied:
      return "permission_denied";
    case ErrorCode::kTooLarge:
      return "too_large";
    case ErrorCode::kOverloaded:
      return "overloaded";
    case ErrorCode::kStorageFull:
      return "storage_full";
    case ErrorCode::kUnavailable:
      return "unavailable";
    case ErrorCode::kIndeterminate:
      return "indeterminate";
    case ErrorCode::kGone:
      return "gone";
    case ErrorCode::kCorrupt:
      return "corrupt";
    case ErrorCode::kIo:
      return "io";
    case ErrorCode::kInternal:
      return "internal";
  }
  return "internal";
}

Error InvalidError(std::string_view what, std::vector<Issue> issues) {
  Error error{ErrorCode::kInvalid, std::string(what), std::move(issues)};
  std::size_t errors = 0;
  const Issue* first = nullptr;
  for (const Issue& issue : error.issues) {
    if (issue.severity != Severity::kError) continue;
    if (errors++ == 0) first = &issue;
  }
  if (first != nullptr) {
    const std::string where = first->path.ToText();
    error.message += ": " + (where.empty() ? "" : where + ": ") + first->message;
    if (!first->hint.empty()) error.message += " (" + first->hint + ")";
    if (errors > 1) error.message += " and " + std::to_string(errors - 1) + " more";
  }
  return error;
}

}  // namespace guidon
