// guidon gate: may this be released? Gathers what is looked at, has it checked, and says one verdict.
#include <chrono>
#include <filesystem>
#include <iostream>

#include "cli/api_client.h"
#include "cli/output.h"
#include "cli/verbs.h"
#include "core/base/json.h"
#include "core/base/json_record.h"
#include "gate/formats.h"
#include "gate/live_checks.h"
#include "gate/policy.h"
#include "gate/static_checks.h"
#include "workspace/file.h"
#include "workspace/workspace.h"

namespace guidon::cli {
namespace {

constexpr std::string_view kPolicyFile = "gate.yaml";

// Why no verdict can be given at all, with its exit code; said already.
using Stop = std::optional<int>;

class Gating {
 public:
  Gating(const GateOptions& options, std::int64_t now_ms) : options_(options), now_ms_(now_ms) {
    report_.environment = options.environment;
    report_.day = std::chrono::floor<std::chrono::days>(
        std::chrono::sys_time<std::chrono::milliseconds>(std::chrono::milliseconds(now_ms_)));
  }

  int Run() {
    for (Stop (Gating::*step)() : {&Gating::TakePolicy, &Gating::LookAtFiles, &Gating::LookAtServer}) {
      if (const Stop stop = (this->*step)()) return *stop;
    }
    gate::Settle(report_, policy_);
    return Say();
  }

 private:
  Stop Refuse(const Error& error) const { return Explain(error, options_.json); }

  void Add(std::vector<gate::Finding> findings) {
    report_.findings.insert(report_.findings.end(), std::make_move_iterator(findings.begin()),
                            std::make_move_iterator(findings.end()));
  }

  // The one that was named, or gate.yaml of the workspace, or the default.
  Stop TakePolicy() {
    std::string path = options_.policy;
    if (path.empty() && !options_.workspace.empty()) {
      const std::filesystem::path beside = std::filesystem::path(options_.workspace) / kPolicyFile;
      std::error_code error;
      if (std::filesystem::exists(beside, error)) path = beside.lexically_normal().generic_string();
    }
    if (!path.empty()) {
      const Result<std::string> text = ReadFile(path, YamlLimits().max_bytes);
      if (!text) return Refuse(text.error());
      gate::PolicyResult read = gate::ReadPolicy(*text, path);
      if (!read.faults.empty()) {
        Error error{ErrorCode::kInvalid, "the policy " + path + " cannot be used", {}};
        for (gate::PlacedFault& fault : read.faults) {
          std::cerr << Describe(PlacedIssue{path, fault.at, fault.issue}, Err()) << "\n";
          error.issues.push_back(std::move(fault.issue));
        }
        Complain(error, options_.json);
        return kUsage;
      }
      policy_ = std::move(read.policy);
    }
    report_.policy = policy_.name;
    report_.policy_hash = policy_.hash;
    return std::nullopt;
  }

  Stop LookAtFiles() {
    if (options_.workspace.empty()) {
      report_.looked.push_back({"static", false, "no --workspace was given"});
      return std::nullopt;
    }
    Result<Workspace> workspace = ReadWorkspace(options_.workspace, {.today = report_.day});
    if (!workspace) return Refuse(workspace.error());
    const Project& project = workspace->definitions.project;
    if (!project.key.empty() && project.FindEnvironment(options_.environment) == nullptr) {
      return Refuse(NoSuchEnvironment(project, options_.environment));
    }
    Add(gate::CheckStatic({*workspace, now_ms_}, policy_));
    report_.looked.push_back({"static", true, ""});
    return std::nullopt;
  }

  Stop LookAtServer() {
    Add(gate::CheckFreeze(policy_, now_ms_));
    if (options_.experiment.empty()) {
      report_.looked.push_back({"live", false, options_.offline ? "--offline was given" : "no --experiment was given"});
      return std::nullopt;
    }
    const Result<std::string> project = ResolveProject(options_.connection, options_.project);
    if (!project) return Unreachable(Explain(project.error(), options_.json));
    const Result<ApiAnswer> answer = Ask(
        options_.connection, "GET",
        EnvironmentPath(*project, options_.environment) + "/experiments/" + Escape(options_.experiment) + "/report");
    if (!answer) return Unreachable(Explain(answer.error(), options_.json));
    report_.looked.push_back({"live", true, ""});
    if (answer->ok()) {
      Add(gate::CheckReport(options_.experiment, answer->body));
      return std::nullopt;
    }
    if (answer->status == 404) {
      if (std::optional<gate::Finding> finding = WasNotStarted(*project)) {
        Add({*std::move(finding)});
        return std::nullopt;
      }
    }
    return Unreachable(Explain(*answer, options_.json));
  }

  // Why it has no report: it is there, and was never started. Nothing: for another reason.
  std::optional<gate::Finding> WasNotStarted(const std::string& project) const {
    const Result<ApiAnswer> found =
        Ask(options_.connection, "GET", ProjectPath(project) + "/experiments/" + Escape(options_.experiment));
    if (!found || !found->ok()) return std::nullopt;
    const Value *definition = found->body.Find("definition"), *state = found->body.Find("state");
    if (definition == nullptr || state == nullptr || state->Find("iteration") != nullptr) return std::nullopt;
    if (Text(*definition, "environment") != options_.environment) return std::nullopt;
    return gate::NotStarted(options_.experiment, Text(*definition, "owner"));
  }

  // What the policy makes of a server that cannot be reached.
  Stop Unreachable(int exit_code) const {
    return exit_code == kUnreachable ? policy_.unreachable.value_or(kUnreachable) : exit_code;
  }

  int Say() const {
    std::string text;
    if (options_.json) {
      text = ToJson(gate::ToJson(report_)) + "\n";
    } else if (options_.sarif) {
      text = gate::ToSarif(report_, GUIDON_VERSION);
    } else if (options_.junit) {
      text = gate::ToJUnit(report_);
    } else if (options_.markdown) {
      text = gate::ToMarkdown(report_);
    } else if (options_.github) {
      text = gate::ToGitHub(report_);
    } else {
      text = gate::ToTable(report_, options_.output.empty() ? LineWidth() : 80,
                           options_.output.empty() ? Out().marks() : gate::Marks());
    }
    const int exit_code = gate::ExitCodeOf(gate::VerdictOf(report_));
    if (options_.output.empty()) {
      std::cout << text;
      return exit_code;
    }
    if (const Status written = WriteFile(options_.output, text); !written) {
      return Explain(written.error(), options_.json);
    }
    return exit_code;
  }

  const GateOptions& options_;
  const std::int64_t now_ms_;
  gate::Policy policy_;
  gate::Report report_;
};

}  // namespace

int Gate(const GateOptions& options) {
  const std::optional<std::int64_t> now_ms = TimeOf(options.now);
  if (!now_ms) return Explain({ErrorCode::kInvalid, "--now is no time such as 2027-03-31T08:00:00Z", {}}, options.json);
  return Gating(options, *now_ms).Run();
}

}  // namespace guidon::cli
