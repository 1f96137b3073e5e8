// guidon gate: may this be released? One verdict, for people and as an exit code.
#include <algorithm>
#include <iostream>

#include "cli/api_client.h"
#include "cli/output.h"
#include "cli/verbs.h"
#include "core/base/json_record.h"
#include "workspace/workspace.h"

namespace guidon::cli {
namespace {

struct Verdict {
  int exit_code = kPass;
  std::vector<std::string> reasons;
};

// A report's red gates and harmed guardrails fail it; what is not known yet holds it up, and so do facts that are
// stale: what they do not show may have come since. What the goal says is no matter of a gate: a release is not held up
// because an experiment has found nothing.
Verdict VerdictOf(const Value& report) {
  Verdict verdict, hold{kHold, {}};
  for (const Value& gate : ListIn(report, "gates")) {
    const std::string id = Text(gate, "id"), light = Text(gate, "light");
    if (id == "rebuilding" && light == "red") {
      hold.reasons.push_back(Text(gate, "sentence"));
    } else if (light == "red") {
      verdict.reasons.push_back(Text(gate, "sentence"));
    } else if ((id == "minimum_events" || id == "freshness") && light != "green") {
      hold.reasons.push_back(Text(gate, "sentence"));
    }
  }
  for (const Value& metric : ListIn(report, "metrics")) {
    if (Text(metric, "role") != "guardrail") continue;
    const std::string word = Text(metric, "verdict");
    if (word == "harmed") verdict.reasons.push_back("guardrail " + Text(metric, "metric") + " is harmed");
    // Without a margin there is nothing that could be shown to hold.
    if (word == "not_sure_yet" && metric.Find("margin") != nullptr) {
      hold.reasons.push_back("guardrail " + Text(metric, "metric") + " is not known to hold yet");
    }
  }
  if (Text(report, "decision") == "stop_for_harm" && verdict.reasons.empty()) {
    verdict.reasons.push_back(Text(report, "verdict"));
  }
  if (!verdict.reasons.empty()) {
    verdict.exit_code = kProblem;
    return verdict;
  }
  return hold.reasons.empty() ? verdict : hold;
}

// Why it has no report: it is there, and was never started. Empty: for another reason.
std::string NotStarted(const GateOptions& options, const std::string& project) {
  const Result<ApiAnswer> found =
      Ask(options.connection, "GET", ProjectPath(project) + "/experiments/" + Escape(options.experiment));
  if (!found || !found->ok()) return "";
  const Value *definition = found->body.Find("definition"), *state = found->body.Find("state");
  if (definition == nullptr || state == nullptr || state->Find("iteration") != nullptr) return "";
  return Text(*definition, "environment") == options.environment ? "it has not been started yet" : "";
}

int Say(const GateOptions& options, const Verdict& verdict, const std::string& decision) {
  const std::string_view word = verdict.exit_code == kPass ? "pass" : verdict.exit_code == kHold ? "hold" : "fail";
  if (options.json) {
    Array reasons;
    for (const std::string& reason : verdict.reasons) reasons.emplace_back(reason);
    PrintJson(Object{{"verdict", Value(word)},
                     {"environment", Value(options.environment)},
                     {"experiment", Value(options.experiment)},
                     {"decision", Value(decision)},
                     {"reasons", Value(std::move(reasons))}});
    return verdict.exit_code;
  }
  std::cout << (verdict.exit_code == kPass   ? Out().Green("PASS")
                : verdict.exit_code == kHold ? Out().Yellow("HOLD")
                                             : Out().Red("FAIL"))
            << "  " << options.experiment << " in " << options.environment << "\n";
  for (const std::string& reason : verdict.reasons) std::cout << Wrapped(reason, 6) << "\n";
  return verdict.exit_code;
}

int GateExperiment(const GateOptions& options) {
  const Result<std::string> project = ResolveProject(options.connection, options.project);
  if (!project) return Explain(project.error(), options.json);
  const Result<ApiAnswer> answer =
      Ask(options.connection, "GET",
          EnvironmentPath(*project, options.environment) + "/experiments/" + Escape(options.experiment) + "/report");
  if (!answer) return Explain(answer.error(), options.json);
  if (answer->status == 404) {
    if (std::string reason = NotStarted(options, *project); !reason.empty()) {
      return Say(options, {kHold, {std::move(reason)}}, "cannot_say");
    }
  }
  if (!answer->ok()) return Explain(*answer, options.json);
  return Say(options, VerdictOf(answer->body), Text(answer->body, "decision"));
}

}  // namespace

int Gate(const GateOptions& options) {
  if (!options.experiment.empty()) return GateExperiment(options);
  Result<Workspace> workspace = ReadWorkspace(options.workspace);
  if (!workspace) {
    Complain(workspace.error(), options.json);
    return kUsage;
  }
  const Project& project = workspace->definitions.project;
  if (!project.key.empty() && project.FindEnvironment(options.environment) == nullptr) {
    Complain(NoSuchEnvironment(project, options.environment), options.json);
    return kUsage;
  }
  const std::size_t errors = workspace->Count(Severity::kError);
  const std::size_t warnings = workspace->Count(Severity::kWarning);
  if (options.json) {
    PrintJson(Object{{"verdict", Value(errors == 0 ? "pass" : "fail")},
                     {"environment", Value(options.environment)},
                     {"errors", Value(errors)},
                     {"warnings", Value(warnings)},
                     {"findings", ToValue(workspace->issues)}});
    return errors == 0 ? kPass : kProblem;
  }
  std::cout << (errors == 0 ? Out().Green("PASS") : Out().Red("FAIL")) << "  " << options.environment << ": "
            << Plural(errors, "error") << ", " << Plural(warnings, "warning") << "\n";
  for (const PlacedIssue& placed : workspace->issues) std::cout << "  " << Describe(placed, Out()) << "\n";
  return errors == 0 ? kPass : kProblem;
}

}  // namespace guidon::cli
