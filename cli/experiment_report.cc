// guidon experiment report|watch: what an experiment has come to.
#include <algorithm>
#include <chrono>
#include <iostream>
#include <thread>

#include "cli/api_client.h"
#include "cli/output.h"
#include "cli/verbs.h"
#include "core/base/json_record.h"
#include "workspace/file.h"

namespace guidon::cli {
namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

constexpr std::size_t kUsualWidth = 80, kFewestColumns = 40, kMostColumns = 120;
constexpr milliseconds kShortestPause(1'000);

// Where its reports are.
Result<std::string> PathOf(const ExperimentReportOptions& options) {
  const Result<std::string> project = ResolveProject(options.connection, options.project);
  if (!project) return Fail(project.error());
  std::string environment = options.environment;
  if (environment.empty() && options.experiment.starts_with("holdout:")) {
    return Fail(ErrorCode::kInvalid,
                "a holdout has a report in each environment that has experiments of it; name one with --environment");
  }
  if (environment.empty()) {
    const Result<ApiAnswer> found =
        Ask(options.connection, "GET", ProjectPath(*project) + "/experiments/" + Escape(options.experiment));
    if (!found) return Fail(found.error());
    const Value* definition = found->body.Find("definition");
    const Value* named = (definition == nullptr ? found->body : *definition).Find("environment");
    if (!found->ok() || named == nullptr) {
      return Fail(found->status >= 500 ? ErrorCode::kUnavailable : ErrorCode::kNotFound,
                  found->ok() ? "the server does not say in which environment experiment '" + options.experiment +
                                    "' runs; name it with --environment"
                              : Text(found->body, "detail"));
    }
    environment = named->AsString();
  }
  return EnvironmentPath(*project, environment) + "/experiments/" + Escape(options.experiment) +
         "/report?iteration=" + std::to_string(options.iteration);
}

// As wide as the terminal, within reason.
std::string TextQuery() {
  const std::size_t width = LineWidth();
  const std::size_t columns = width > kMostColumns * 4 ? kUsualWidth : std::clamp(width, kFewestColumns, kMostColumns);
  return "&as=text&columns=" + std::to_string(columns);
}

int WritePage(const ExperimentReportOptions& options, const std::string& path) {
  const Result<ApiAnswer> page = AskForText(options.connection, path + "&as=html", "text/html");
  if (!page) return Explain(page.error(), options.json);
  if (!page->ok()) return Explain(*page, options.json);
  const Status written = WriteFile(options.html, page->text);
  return written ? kPass : Explain(written.error(), options.json);
}

// For scripts: harm is a problem found, and so is a red gate; all else is an answer.
int ExitCodeOf(const Value& report) {
  const std::string decision = Text(report, "decision");
  if (decision == "stop_for_harm") return kProblem;
  const Array& gates = ListIn(report, "gates");
  const bool is_red = std::any_of(gates.begin(), gates.end(), [](const Value& gate) {
    return Text(gate, "light") == "red" && Text(gate, "id") != "rebuilding";
  });
  return is_red ? kProblem : kPass;
}

// Waiting brings nothing more: there is a verdict, or a red gate, which no more data mend.
bool IsDecided(const Value& report) {
  const std::string decision = Text(report, "decision");
  return (decision != "keep_running" && decision != "cannot_say") || ExitCodeOf(report) != kPass;
}

// Changes when there is something new to read.
std::string StateOf(const Value& report) {
  const Value* progress = report.Find("progress");
  std::string state = Text(report, "decision") + " " + Text(report, "as_of").substr(0, 10);
  if (progress != nullptr && progress->Find("look") != nullptr) state += " look " + Text(*progress, "look");
  for (const Value& gate : ListIn(report, "gates")) {
    if (Text(gate, "light") == "red") state += " " + Text(gate, "id");
  }
  return state;
}

int PrintText(const ExperimentReportOptions& options, const std::string& path) {
  const Result<ApiAnswer> text = AskForText(options.connection, path + TextQuery(), "text/plain");
  if (!text) return Explain(text.error(), options.json);
  if (!text->ok()) return Explain(*text, options.json);
  std::cout << text->text << std::flush;
  return kPass;
}

}  // namespace

int ExperimentReport(const ExperimentReportOptions& options) {
  const Result<std::string> path = PathOf(options);
  if (!path) return Explain(path.error(), options.json);
  const Result<ApiAnswer> document = Ask(options.connection, "GET", *path);
  if (!document) return Explain(document.error(), options.json);
  if (!document->ok()) return Explain(*document, options.json);
  if (!options.html.empty()) {
    if (const int code = WritePage(options, *path); code != kPass) return code;
  }
  if (options.json) {
    PrintJson(document->body);
  } else if (options.html.empty()) {
    if (const int code = PrintText(options, *path); code != kPass) return code;
  } else {
    std::cout << Wrapped(Text(document->body, "verdict"), 0) << "\n"
              << "written to " << Printable(options.html) << "\n";
  }
  return ExitCodeOf(document->body);
}

int ExperimentWatch(const ExperimentReportOptions& options) {
  const Result<std::string> path = PathOf(options);
  if (!path) return Explain(path.error(), options.json);
  const Clock::time_point end = Clock::now() + options.at_most;
  const milliseconds pause = std::max(options.every, kShortestPause);
  for (std::string seen;;) {
    const Result<ApiAnswer> document = Ask(options.connection, "GET", *path);
    // A server that restarts is waited for; what else is wrong is said.
    const bool is_passing = document ? document->is_passing() : document.error().code == ErrorCode::kUnavailable;
    const bool is_last = Clock::now() + pause > end;
    if (document && document->ok()) {
      const std::string state = StateOf(document->body);
      if (state != seen) {
        if (!seen.empty() && !options.json) std::cout << "\n" << std::string(20, '-') << "\n\n";
        seen = state;
        if (options.json) {
          PrintJson(document->body);
        } else if (const int code = PrintText(options, *path); code != kPass) {
          return code;
        }
      }
      if (IsDecided(document->body)) return ExitCodeOf(document->body);
    } else if (!is_passing || is_last) {
      return document ? Explain(*document, options.json) : Explain(document.error(), options.json);
    }
    if (is_last) return kHold;
    std::this_thread::sleep_for(pause);
  }
}

}  // namespace guidon::cli
