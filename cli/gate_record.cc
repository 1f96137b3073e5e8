#include "cli/gate_record.h"

#include <iostream>
#include <optional>
#include <set>
#include <utility>

#include "cli/api_client.h"
#include "cli/output.h"
#include "core/base/json_record.h"
#include "core/model/units.h"
#include "workspace/file.h"

namespace guidon::cli {
namespace {

Value EncodeRun(const GateRun& run) {
  const gate::Counts counts = gate::CountsOf(run.report);
  const gate::Verdict verdict = gate::VerdictOf(run.report);
  Array looked, failed;
  for (const gate::Looked& one : run.report.looked) {
    if (one.done) looked.emplace_back(one.group);
  }
  std::set<std::string> rules;
  for (const gate::Finding& finding : run.report.findings) {
    if (finding.waived.empty() && finding.severity <= gate::Severity::kHold) rules.insert(finding.rule);
  }
  for (const std::string& rule : rules) failed.emplace_back(rule);
  Object body{{"verdict", Value(ToString(verdict))},
              {"exit_code", Value(gate::ExitCodeOf(verdict))},
              {"day", Value(FormatDay(run.report.day))},
              {"policy", Value(run.report.policy)}};
  const auto append = [&](std::string_view name, const std::string& text) {
    if (!text.empty()) body.Append(name, Value(text));
  };
  append("policy_hash", run.report.policy_hash);
  append("inputs_hash", run.report.inputs_hash);
  body.Append("looked", Value(std::move(looked)));
  body.Append("counts", Object{{"fail", Value(counts.fail)},
                               {"hold", Value(counts.hold)},
                               {"warn", Value(counts.warn)},
                               {"note", Value(counts.note)},
                               {"waived", Value(counts.waived)}});
  body.Append("failed", Value(std::move(failed)));
  append("release", run.release);
  append("revision", run.revision);
  append("version", GUIDON_VERSION);
  return Value(std::move(body));
}

// Why there is no record; nothing: there is one, and its receipt.
struct Unrecorded {
  int exit_code = kUsage;
  std::string why;
};

std::optional<Unrecorded> Send(const Connection& connection, const GateRun& run, Value& receipt) {
  if (run.report.unreachable) return Unrecorded{kUnreachable, "the server cannot be reached"};
  const Result<std::string> project = ResolveProject(connection, run.project);
  if (!project) {
    return Unrecorded{project.error().code == ErrorCode::kUnavailable ? kUnreachable : kUsage, project.error().message};
  }
  const Result<ApiAnswer> answer =
      Ask(connection, "POST", EnvironmentPath(*project, run.report.environment) + "/gate-runs", EncodeRun(run));
  if (!answer) {
    return Unrecorded{answer.error().code == ErrorCode::kUnavailable ? kUnreachable : kUsage, answer.error().message};
  }
  if (!answer->ok()) {
    const std::string detail = Text(answer->body, "detail");
    return Unrecorded{answer->is_passing() ? kUnreachable : kUsage,
                      detail.empty() ? "the server answers " + std::to_string(answer->status) : detail};
  }
  receipt = answer->body;
  return std::nullopt;
}

}  // namespace

int RecordGateRun(const Connection& connection, const GateRun& run, gate::Recording recording,
                  const std::string& receipt) {
  const gate::Verdict verdict = gate::VerdictOf(run.report);
  const int exit_code = gate::ExitCodeOf(verdict);
  if (verdict == gate::Verdict::kNone) return exit_code;  // nothing was decided, and why is said
  const bool is_demanded = recording == gate::Recording::kRequired || !receipt.empty();
  if (recording == gate::Recording::kOff && !is_demanded) return exit_code;
  Value answer;
  std::optional<Unrecorded> unrecorded = Send(connection, run, answer);
  if (!unrecorded && !receipt.empty()) {
    const std::string checkpoint = TextOf(answer, "checkpoint");
    if (checkpoint.empty()) {
      unrecorded = {kUsage, "the server signs no receipts"};
    } else if (const Status written = WriteFile(receipt, checkpoint + "\n"); !written) {
      unrecorded = {kUsage, written.error().message};
    } else {
      Complain("recorded as revision " + Text(answer, "revision"));
    }
  }
  if (!unrecorded) return exit_code;
  Complain("not recorded: " + unrecorded->why);
  if (!is_demanded) return exit_code;
  run.report.unrecorded = unrecorded->why;
  return exit_code != kProblem ? unrecorded->exit_code : exit_code;
}

}  // namespace guidon::cli
