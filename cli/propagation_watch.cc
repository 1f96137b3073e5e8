#include "cli/propagation_watch.h"

#include <algorithm>
#include <cstddef>
#include <thread>

#include "core/base/json_record.h"
#include "core/base/text.h"
#include "core/model/units.h"

namespace guidon::cli {
namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

// Between two looks: processes say what they hold within 5 s of a change, so that asking more seldom costs little.
constexpr milliseconds kFirstPause(250), kLongestPause(5'000);

// A server that restarts, or has too much to do.
bool IsPassing(const Result<ApiAnswer>& answer) {
  if (!answer) return answer.error().code == ErrorCode::kUnavailable;
  return answer->is_passing();
}

}  // namespace

Result<ApiAnswer> WaitForPropagation(const Connection& connection, const std::string& project,
                                     const std::string& environment, const PropagationGoal& goal,
                                     const std::function<void(const Value&)>& progress) {
  const Clock::time_point begin = Clock::now();
  const std::string path = EnvironmentPath(project, environment) + "/propagation?revision=";
  const std::string of_release = goal.release.empty() ? "" : "&version=" + Escape(goal.release);
  std::string revision = goal.revision;
  for (milliseconds pause = kFirstPause;; pause = std::min(pause * 3 / 2, kLongestPause)) {
    Result<ApiAnswer> answer = Ask(connection, "GET", path + revision + of_release);
    const milliseconds left = goal.wait - std::chrono::duration_cast<milliseconds>(Clock::now() - begin);
    if (answer && answer->ok()) {
      if (left.count() <= 0 || Missing(answer->body, goal).empty()) return answer;
      revision = std::to_string(NumberOf(answer->body, "revision"));
      progress(answer->body);
    } else if (left.count() <= 0 || !IsPassing(answer)) {
      return answer;
    }
    std::this_thread::sleep_for(std::min(pause, left));
  }
}

std::string Missing(const Value& far, const PropagationGoal& goal) {
  const std::int64_t live = NumberOf(far, "live"), holding = NumberOf(far, "holding");
  const milliseconds observed(NumberOf(far, "observed_ms"));
  if (observed < goal.settle) {
    return "the server listens for " + std::to_string(observed.count() / 1'000) + "s only and may have missed some; " +
           FormatDuration(goal.settle) + " are wanted";
  }
  if (live < goal.min_live) return Plural(static_cast<std::size_t>(goal.min_live), "live process") + " wanted";
  if (holding * kWhole < live * goal.min_share) return FormatPercent(goal.min_share) + " wanted";
  return "";
}

std::string ShareOf(const Value& far, const PropagationGoal& goal) {
  const std::int64_t live = NumberOf(far, "live"), holding = NumberOf(far, "holding");
  std::string text = std::to_string(holding) + " of " + std::to_string(live) + " live processes";
  if (!goal.release.empty()) text += " of " + Printable(goal.release);
  if (live > 0) text += " (" + FormatPercent(static_cast<std::uint32_t>(holding * 1'000 / live * 100)) + ")";
  return text;
}

}  // namespace guidon::cli
