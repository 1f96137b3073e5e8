// guidon evaluate: what a context is served, and why; from a workspace, a ruleset file, or the server.
#include <chrono>
#include <iostream>
#include <sstream>

#include "cli/api_client.h"
#include "cli/output.h"
#include "cli/ruleset_source.h"
#include "cli/verbs.h"
#include "core/base/json.h"
#include "core/eval/evaluator.h"
#include "core/model/units.h"
#include "core/ruleset/ruleset.h"

namespace guidon::cli {
namespace {

struct Case {
  std::string flag;
  Value context;
};

Result<std::vector<Case>> ReadCases(const EvaluateOptions& options) {
  std::vector<Case> cases;
  if (options.cases.empty()) {
    Result<Value> context = ParseJson(options.context.empty() ? "{}" : options.context);
    if (!context || !context->is_object()) {
      return Fail(ErrorCode::kInvalid,
                  "--context is no JSON object" + (context ? std::string() : ": " + context.error().message));
    }
    cases.push_back({options.flag, *std::move(context)});
    return cases;
  }
  Result<std::string> text = ReadFile(options.cases);
  if (!text) return Fail(text.error());
  std::istringstream lines(*text);
  std::string line;
  for (int number = 1; std::getline(lines, line); ++number) {
    if (line.find_first_not_of(" \t\r") == std::string::npos) continue;
    Result<Value> value = ParseJson(line);
    const Value* context = value ? value->Find("context") : nullptr;
    if (context == nullptr || !context->is_object()) {
      return Fail(ErrorCode::kInvalid,
                  options.cases + ":" + std::to_string(number) + ": expected {\"flag\": …, \"context\": {…}}");
    }
    const Value* flag = value->Find("flag");
    cases.push_back({flag == nullptr ? options.flag : flag->AsString(), *context});
  }
  return cases;
}

std::string Text(const Value& object, std::string_view name) {
  const Value* member = object.Find(name);
  if (member == nullptr || member->is_null()) return "";
  return member->is_string() ? member->AsString() : ToJson(*member);
}

void PrintStep(const Value& step) {
  std::string line = "    " + Text(step, "step");
  for (const char* name : {"rule", "attribute", "operator", "segment", "flag", "variation", "experiment", "what"}) {
    if (!Text(step, name).empty()) line += " " + Text(step, name);
  }
  std::cout << line << " → " << Text(step, "result") << "\n";
}

void Print(const EvaluateOptions& options, const Value& evaluation) {
  if (options.json) return PrintJson(evaluation);
  const Value* value = evaluation.Find("value");
  const bool is_default = evaluation.Find("variation") == nullptr;
  std::cout << Bold(Text(evaluation, "flag")) << " = "
            << (is_default ? std::string("(the caller's default)") : ToJson(*value)) << "  "
            << Text(evaluation, "reason");
  if (!Text(evaluation, "rule").empty()) std::cout << "  rule " << Text(evaluation, "rule");
  if (!Text(evaluation, "experiment").empty()) {
    std::cout << "  experiment " << Text(evaluation, "experiment") << ", " << Text(evaluation, "variant");
  }
  if (!Text(evaluation, "error").empty()) std::cout << "  " << Red(Text(evaluation, "message"));
  std::cout << "\n";
  if (const Value* trace = evaluation.Find("trace")) {
    for (const Value& step : trace->AsArray()) PrintStep(step);
  }
}

// 1 when any evaluation is an error: a pipeline that asks wants to know.
int PrintAll(const EvaluateOptions& options, const Array& evaluations) {
  bool failed = false;
  for (const Value& evaluation : evaluations) {
    failed |= Text(evaluation, "reason") == "ERROR";
    Print(options, evaluation);
  }
  return failed ? kProblem : kPass;
}

int EvaluateOnServer(const EvaluateOptions& options, const std::vector<Case>& cases) {
  Array all;
  for (const Case& c : cases) {
    Object body{{"context", c.context}, {"explain", Value(options.explain)}};
    if (!c.flag.empty()) body.Append("flag", Value(c.flag));
    if (!options.now.empty()) body.Append("now", Value(options.now));
    Result<ApiAnswer> answer = Ask(
        options.connection, "POST",
        "/api/v1/projects/" + Escape(options.project) + "/environments/" + Escape(options.environment) + "/evaluate",
        Value(std::move(body)));
    if (!answer) return Explain(answer.error());
    if (!answer->ok()) return Explain(*answer);
    const Array& evaluations = answer->body.Find("evaluations")->AsArray();
    all.insert(all.end(), evaluations.begin(), evaluations.end());
  }
  return PrintAll(options, all);
}

Result<std::shared_ptr<const Ruleset>> LocalRuleset(const EvaluateOptions& options) {
  if (!options.ruleset.empty()) {
    Result<SnapshotDocument> document = ReadRulesetFile(options.ruleset);
    if (!document) return Fail(document.error());
    return Compile(document->snapshot, {.undecodable = document->undecodable});
  }
  Result<Snapshot> snapshot = SnapshotOfWorkspace(options.workspace, options.environment);
  if (!snapshot) return Fail(snapshot.error());
  return Compile(*snapshot);
}

}  // namespace

int Evaluate(const EvaluateOptions& options) {
  Result<std::vector<Case>> cases = ReadCases(options);
  if (!cases) return Explain(cases.error());
  if (options.use_server) return EvaluateOnServer(options, *cases);
  Result<std::shared_ptr<const Ruleset>> ruleset = LocalRuleset(options);
  if (!ruleset) {
    Complain(ruleset.error().message);
    return ruleset.error().code == ErrorCode::kInvalid ? kProblem : kUsage;
  }
  std::int64_t now_ms =
      std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::system_clock::now().time_since_epoch())
          .count();
  if (!options.now.empty()) {
    const auto time = ParseTimestamp(options.now);
    if (!time) {
      Complain("--now is no time such as 2027-03-31T08:00:00Z");
      return kUsage;
    }
    now_ms = *time;
  }
  if (options.ruleset.empty() && !options.json) {
    std::cout << "From the workspace alone: buckets are first allocations; a server may have kept others.\n";
  }
  Array all;
  for (const Case& c : *cases) {
    const std::vector<std::string> keys = c.flag.empty() ? (*ruleset)->FlagKeys() : std::vector<std::string>{c.flag};
    const Context context = Context::FromValue(c.context);
    for (const std::string& key : keys) {
      TraceSink trace;
      const Decision decision = guidon::Evaluate(**ruleset, (*ruleset)->Find(key), context, now_ms, trace);
      all.push_back(DescribeDecision(**ruleset, key, decision, options.explain ? &trace : nullptr));
    }
  }
  return PrintAll(options, all);
}

}  // namespace guidon::cli
