// guidon propagation: how far a revision has come among the processes that use an environment, and, with --wait, a
// pause in a pipeline until it has come far enough.
#include <algorithm>
#include <chrono>
#include <iostream>
#include <utility>

#include "cli/api_client.h"
#include "cli/output.h"
#include "cli/propagation_watch.h"
#include "cli/verbs.h"
#include "core/base/json_record.h"

namespace guidon::cli {
namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

// Names come from applications, of any length: cut, so that a line has its 80 columns.
constexpr std::size_t kMostNameWidth = 24, kMostVersionWidth = 18;

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
    const std::string holds =
        Text(group, "epoch") == epoch ? std::to_string(NumberOf(group, "revision")) : "other epoch";
    const Value* heard = group.Find("heard_ms_ago");
    const Value ago = heard == nullptr ? Value() : *heard;
    const std::string count = std::to_string(NumberOf(group, "processes"));
    std::cout << Padded(Cut(Text(group, "application"), kMostNameWidth), kMostNameWidth) << "  "
              << Padded(Cut(Text(group, "version"), kMostVersionWidth), kMostVersionWidth) << "  " << Padded(holds, 11)
              << "  " << Padded("", 5 - std::min<std::size_t>(5, count.size())) << count << "  "
              << Seconds(NumberOf(ago, "least")) << "–" << Seconds(NumberOf(ago, "most")) << "\n";
  }
  const std::int64_t others = NumberOf(far, "laggards_left_out");
  if (others > 0) std::cout << "and " << Plural(static_cast<std::size_t>(others), "process") << " of other groups\n";
}

std::string Subject(const Value& far, const PropagationGoal& goal) {
  return Text(far, "environment") + " of " + Text(far, "project") + ": " + ShareOf(far, goal) + " hold revision " +
         std::to_string(NumberOf(far, "revision"));
}

int Say(const Value& far, const PropagationOptions& options, milliseconds waited) {
  const std::string missing = Missing(far, options.goal);
  const bool reached = missing.empty();
  if (options.json) {
    Object document{{"verdict", Value(reached ? "pass" : "hold")}};
    if (!reached) document.Append("missing", Value(missing));
    document.Append("waited_ms", Value(waited.count()));
    for (const Member& member : far.AsObject()) document.Append(member.name, member.value);
    PrintJson(Value(std::move(document)));
    return reached ? kPass : kHold;
  }
  std::cout << (reached ? Out().Green("PASS") : Out().Yellow("HOLD")) << "  " << Subject(far, options.goal) << "\n";
  if (!reached) std::cout << "      " << missing << "\n";
  PrintLaggards(far);
  return reached ? kPass : kHold;
}

// On standard error, when it is another than before.
class Progress {
 public:
  explicit Progress(const PropagationOptions& options) : options_(options) {}

  void operator()(const Value& far) {
    if (options_.json) return;
    std::string line = Subject(far, options_.goal);
    if (line == said_) return;
    std::cerr << line << " …\n";
    said_ = std::move(line);
  }

 private:
  const PropagationOptions& options_;
  std::string said_;
};

}  // namespace

int Propagation(const PropagationOptions& options) {
  const Result<std::string> project = ResolveProject(options.connection, options.project);
  if (!project) return Explain(project.error(), options.json);
  const Clock::time_point begin = Clock::now();
  const Result<ApiAnswer> far =
      WaitForPropagation(options.connection, *project, options.environment, options.goal, Progress(options));
  if (!far) return Explain(far.error(), options.json);
  if (!far->ok()) return Explain(*far, options.json);
  return Say(far->body, options, std::chrono::duration_cast<milliseconds>(Clock::now() - begin));
}

}  // namespace guidon::cli
