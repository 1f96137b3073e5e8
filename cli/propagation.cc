// guidon propagation: how far a revision has come among the processes that use an environment, and, with --wait, a
// pause in a pipeline until it has come far enough.
#include <algorithm>
#include <chrono>
#include <iostream>
#include <thread>

#include "cli/api_client.h"
#include "cli/output.h"
#include "cli/verbs.h"
#include "core/model/units.h"

namespace guidon::cli {
namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

// Between two looks: processes say what they hold within 5 s of a change, so that asking more seldom costs little.
constexpr milliseconds kFirstPause(250), kLongestPause(5'000);

// Names come from applications, of any length: cut, so that a line has its 80 columns.
constexpr std::size_t kMostNameWidth = 24, kMostVersionWidth = 18;

std::int64_t Number(const Value& object, std::string_view name) {
  const Value* member = object.Find(name);
  return member == nullptr ? 0 : member->AsInt();
}

// "38 of 40 live processes (95%)"; a share is never rounded up.
std::string ShareOf(const Value& far) {
  const std::int64_t live = Number(far, "live"), holding = Number(far, "holding");
  std::string text = std::to_string(holding) + " of " + std::to_string(live) + " live processes";
  if (live > 0) text += " (" + FormatPercent(static_cast<std::uint32_t>(holding * 1'000 / live * 100)) + ")";
  return text;
}

// What keeps the goal from being reached; "" when nothing does.
std::string Missing(const Value& far, const PropagationOptions& goal) {
  const std::int64_t live = Number(far, "live"), holding = Number(far, "holding");
  const milliseconds observed(Number(far, "observed_ms"));
  if (observed < goal.settle) {
    return "the server listens for " + std::to_string(observed.count() / 1'000) + "s only and may have missed some; " +
           FormatDuration(goal.settle) + " are wanted";
  }
  if (live < goal.min_live) return Plural(static_cast<std::size_t>(goal.min_live), "live process") + " wanted";
  if (holding * kWhole < live * goal.min_share) return FormatPercent(goal.min_share) + " wanted";
  return "";
}

std::string Seconds(std::int64_t ms) {
  return std::to_string(ms / 1'000) + "s";
}

void PrintLaggards(const Value& far) {
  const Value* laggards = far.Find("laggards");
  if (laggards == nullptr || laggards->AsArray().empty()) return;
  const std::string epoch = Text(far, "epoch");
  std::cout << Out().Bold(Padded("APPLICATION", kMostNameWidth) + "  " + Padded("VERSION", kMostVersionWidth) +
                          "  HOLDS        COUNT  HEARD AGO")
            << "\n";
  for (const Value& group : laggards->AsArray()) {
    const std::string holds = Text(group, "epoch") == epoch ? std::to_string(Number(group, "revision")) : "other epoch";
    const Value* heard = group.Find("heard_ms_ago");
    const Value ago = heard == nullptr ? Value() : *heard;
    const std::string count = std::to_string(Number(group, "processes"));
    std::cout << Padded(Cut(Text(group, "application"), kMostNameWidth), kMostNameWidth) << "  "
              << Padded(Cut(Text(group, "version"), kMostVersionWidth), kMostVersionWidth) << "  " << Padded(holds, 11)
              << "  " << Padded("", 5 - std::min<std::size_t>(5, count.size())) << count << "  "
              << Seconds(Number(ago, "least")) << "–" << Seconds(Number(ago, "most")) << "\n";
  }
  const std::int64_t others = Number(far, "laggards_left_out");
  if (others > 0) std::cout << "and " << Plural(static_cast<std::size_t>(others), "process") << " of other groups\n";
}

std::string Subject(const Value& far) {
  return Text(far, "environment") + " of " + Text(far, "project") + ": " + ShareOf(far) + " hold revision " +
         std::to_string(Number(far, "revision"));
}

int Say(const Value& far, const PropagationOptions& options, milliseconds waited) {
  const std::string missing = Missing(far, options);
  const bool reached = missing.empty();
  if (options.json) {
    Object document{{"verdict", Value(reached ? "pass" : "hold")}};
    if (!reached) document.Append("missing", Value(missing));
    document.Append("waited_ms", Value(waited.count()));
    for (const Member& member : far.AsObject()) document.Append(member.name, member.value);
    PrintJson(Value(std::move(document)));
    return reached ? kPass : kHold;
  }
  std::cout << (reached ? Out().Green("PASS") : Out().Yellow("HOLD")) << "  " << Subject(far) << "\n";
  if (!reached) std::cout << "      " << missing << "\n";
  PrintLaggards(far);
  return reached ? kPass : kHold;
}

// Looks until the goal is reached, the time is over, or something is wrong that waiting does not mend.
class Watch {
 public:
  Watch(const PropagationOptions& options, const std::string& project)
      : options_(options),
        path_(EnvironmentPath(project, options.environment) + "/propagation?revision="),
        revision_(options.revision) {}

  int Run() {
    for (milliseconds pause = kFirstPause;; pause = std::min(pause * 3 / 2, kLongestPause)) {
      Result<ApiAnswer> answer = Ask(options_.connection, "GET", path_ + revision_);
      const milliseconds waited = std::chrono::duration_cast<milliseconds>(Clock::now() - begin_);
      const milliseconds left = options_.wait - waited;
      if (answer && answer->ok()) {
        // Of "head", what it was at first: others who commit meanwhile do not move the goal.
        revision_ = std::to_string(Number(answer->body, "revision"));
        if (left.count() <= 0 || Missing(answer->body, options_).empty()) return Say(answer->body, options_, waited);
        Progress(answer->body);
      } else if (left.count() <= 0 || !IsPassing(answer)) {
        return answer ? Explain(*answer, options_.json) : Explain(answer.error(), options_.json);
      }
      std::this_thread::sleep_for(std::min(pause, left));
    }
  }

 private:
  // A server that restarts, or has too much to do.
  static bool IsPassing(const Result<ApiAnswer>& answer) {
    if (!answer) return answer.error().code == ErrorCode::kUnavailable;
    return answer->status == 429 || answer->status >= 500;
  }

  // On standard error, when it is another than before.
  void Progress(const Value& far) {
    if (options_.json) return;
    std::string line = Subject(far);
    if (line == said_) return;
    std::cerr << line << " …\n";
    said_ = std::move(line);
  }

  const PropagationOptions& options_;
  const Clock::time_point begin_ = Clock::now();
  const std::string path_;
  std::string revision_;
  std::string said_;
};

}  // namespace

int Propagation(const PropagationOptions& options) {
  const Result<std::string> project = ResolveProject(options.connection, options.project);
  if (!project) return Explain(project.error(), options.json);
  return Watch(options, *project).Run();
}

}  // namespace guidon::cli
