// guidon evaluate and explain: what a context is served, and why; from a workspace, a ruleset file, or the server.
//
// A workspace alone gets first allocations; with --snapshot it is put on the ranges that a ruleset file holds, as the
// server would serve it once it is applied.
//
// One context is asked of the server itself. Many (--cases) are evaluated here, by the same evaluator, on the ruleset
// that the server has at that moment, so that all of them see one revision. So is what is explained, for its words are
// those of the definitions.
#include <iostream>

#include "cli/api_client.h"
#include "cli/output.h"
#include "cli/ruleset_source.h"
#include "cli/verbs.h"
#include "core/base/json.h"
#include "core/eval/evaluator.h"
#include "core/explain/explain.h"
#include "core/model/units.h"
#include "core/ruleset/ruleset.h"
#include "workspace/file.h"

namespace guidon::cli {
namespace {

struct Case {
  std::string flag;  // empty: all of them
  Value context;
  std::size_t line = 0;  // in the file of cases; 0: from --context
};

Result<std::vector<Case>> ReadCases(const EvaluateOptions& options) {
  std::vector<Case> cases;
  if (options.cases.empty()) {
    Result<Value> context = ParseJson(options.context.empty() ? "{}" : options.context);
    if (!context) {
      const std::string& said = context.error().message;
      constexpr std::string_view kOf = "JSON: ";  // which is said by the option
      return Fail(ErrorCode::kInvalid, "--context: " + said.substr(said.starts_with(kOf) ? kOf.size() : 0));
    }
    if (!context->is_object()) {
      return Fail(ErrorCode::kInvalid, R"(--context is no JSON object such as {"key": "user-42", "country": "DE"})");
    }
    cases.push_back({options.flag, *std::move(context)});
    return cases;
  }
  Result<std::vector<JsonLine>> lines = ReadJsonLines(options.cases);
  if (!lines) return Fail(lines.error());
  for (JsonLine& line : *lines) {
    const Value* context = line.value.Find("context");
    const Value* flag = line.value.Find("flag");
    if (context == nullptr || !context->is_object() || (flag != nullptr && !flag->is_string())) {
      return Fail(ErrorCode::kInvalid, options.cases + ":" + std::to_string(line.number) +
                                           R"(: expected {"flag": "KEY", "context": {"key": "user-42"}})");
    }
    cases.push_back({flag == nullptr ? options.flag : flag->AsString(), *context, line.number});
  }
  return cases;
}

// The answer, what it came from, and what was asked on the way.
void PrintInWords(const Explanation& explanation) {
  std::cout << Out().Bold(Printable(explanation.answer)) << "\n"
            << Wrapped(Printable("because " + explanation.because), 0) << "\n";
  const std::string steps = WrittenSteps(explanation, 2, LineWidth());
  if (!steps.empty()) std::cout << "\n" << steps;
}

void Print(const Value& evaluation, const Case& asked) {
  const Value* value = evaluation.Find("value");
  const bool is_default = evaluation.Find("variation") == nullptr;
  if (asked.line > 0) {
    const std::string key = Text(asked.context, "key");
    std::cout << (key.empty() ? "line " + std::to_string(asked.line) : key) << ": ";
  }
  std::cout << Out().Bold(Text(evaluation, "flag")) << " = "
            << (is_default || value == nullptr ? std::string("(the caller's fallback)") : ToJson(*value)) << "  "
            << Text(evaluation, "reason");
  if (!Text(evaluation, "rule").empty()) std::cout << "  rule " << Text(evaluation, "rule");
  if (!Text(evaluation, "experiment").empty()) {
    std::cout << "  experiment " << Text(evaluation, "experiment") << ", " << Text(evaluation, "variant");
  }
  if (evaluation.Find("forced") != nullptr) std::cout << "  forced";
  if (!Text(evaluation, "error").empty()) {
    std::cout << "  " << Text(evaluation, "error") << ": " << Out().Red(Text(evaluation, "message"));
  }
  std::cout << "\n";
}

// Says each evaluation as it comes. 1 when any is an error: a pipeline that asks wants to know.
class Report {
 public:
  explicit Report(const EvaluateOptions& options) : json_(options.json), in_words_(options.in_words) {}

  // `explanation` may be null.
  void Add(Value evaluation, const Case& asked, std::optional<Revision> revision, const Explanation* explanation) {
    failed_ |= Text(evaluation, "reason") == "ERROR";
    if (!json_ && in_words_) return PrintInWords(*explanation);
    if (!json_) {
      Print(evaluation, asked);
      if (explanation != nullptr) std::cout << WrittenSteps(*explanation, 4, LineWidth());
      return;
    }
    if (explanation != nullptr) evaluation.MutableObject().Append("explanation", guidon::ToValue(*explanation));
    if (revision) evaluation.MutableObject().Append("revision", Value(*revision));
    if (asked.line > 0) evaluation.MutableObject().Append("case", Value(asked.line));
    PrintJson(evaluation);
  }
  int exit_code() const { return failed_ ? kProblem : kPass; }

 private:
  const bool json_, in_words_;
  bool failed_ = false;
};

int AskServer(const EvaluateOptions& options, const std::string& project, const Case& asked) {
  Object body{{"context", asked.context}};
  if (!asked.flag.empty()) body.Append("flag", Value(asked.flag));
  if (!options.now.empty()) body.Append("now", Value(options.now));
  if (options.revision) body.Append("revision", Value(*options.revision));
  if (!options.at.empty()) body.Append("at", Value(options.at));
  Result<ApiAnswer> answer = Ask(options.connection, "POST",
                                 EnvironmentPath(project, options.environment) + "/evaluate", Value(std::move(body)));
  if (!answer) return Explain(answer.error(), options.json);
  const Value* evaluations = answer->body.Find("evaluations");
  if (!answer->ok() || evaluations == nullptr) return Explain(*answer, options.json);
  const Value* revision = answer->body.Find("revision");
  Report report(options);
  for (const Value& evaluation : evaluations->AsArray()) {
    report.Add(evaluation, asked, revision == nullptr ? 0 : static_cast<Revision>(revision->AsInt()), nullptr);
  }
  return report.exit_code();
}

int EvaluateHere(const EvaluateOptions& options, const std::vector<Case>& cases, const SnapshotDocument& document,
                 std::int64_t now_ms) {
  const std::shared_ptr<const Ruleset> ruleset =
      Compile(document.snapshot, {.lineage = nullptr, .undecodable = document.undecodable});
  const std::vector<std::string> all = ruleset->FlagKeys();
  std::optional<Revision> revision;
  if (options.workspace.empty()) revision = document.snapshot.revision;
  Report report(options);
  for (const Case& asked : cases) {
    const Context context = Context::FromValue(asked.context);
    for (const std::string& key : asked.flag.empty() ? all : std::vector<std::string>{asked.flag}) {
      if (!options.explain) {
        const Decision decision = guidon::Evaluate(*ruleset, ruleset->Find(key), context, now_ms);
        report.Add(DescribeDecision(*ruleset, key, decision, nullptr), asked, revision, nullptr);
        continue;
      }
      TraceSink trace;
      const Decision decision = guidon::Evaluate(*ruleset, ruleset->Find(key), context, now_ms, trace);
      const Explanation explanation = guidon::Explain({document.snapshot, *ruleset, context}, key, decision, trace);
      report.Add(DescribeDecision(*ruleset, key, decision, nullptr), asked, revision, &explanation);
    }
  }
  return report.exit_code();
}

// nullopt, with `exit_code` set and the reason said, when there is none.
std::optional<SnapshotDocument> LocalRuleset(const EvaluateOptions& options, int& exit_code) {
  if (!options.ruleset.empty()) {
    Result<SnapshotDocument> document = ReadRulesetFile(options.ruleset);
    if (document) return *std::move(document);
    exit_code = Explain(document.error(), options.json);
    return std::nullopt;
  }
  Result<Snapshot> snapshot = options.snapshot.empty()
                                  ? SnapshotOfWorkspace(options.workspace, options.environment)
                                  : SnapshotOfWorkspace(options.workspace, options.environment, options.snapshot);
  if (!snapshot) {
    exit_code = ExplainRefusal(snapshot.error(), options.json);
    return std::nullopt;
  }
  SnapshotDocument document;
  document.snapshot = *std::move(snapshot);
  return document;
}

int EvaluateOnServer(const EvaluateOptions& options, const std::vector<Case>& cases, std::int64_t now_ms) {
  const Result<std::string> project = ResolveProject(options.connection, options.project);
  if (!project) return Explain(project.error(), options.json);
  if (options.cases.empty() && !options.explain) return AskServer(options, *project, cases.front());
  std::string path = EnvironmentPath(*project, options.environment) + "/snapshot";
  if (options.revision) path += "?revision=" + std::to_string(*options.revision);
  if (!options.at.empty()) path += "?at=" + Escape(options.at);
  Result<ApiAnswer> answer = Ask(options.connection, "GET", path);
  if (!answer) return Explain(answer.error(), options.json);
  if (!answer->ok()) return Explain(*answer, options.json);
  Result<SnapshotDocument> document = DecodeSnapshot(answer->text);
  if (!document) return Explain(document.error(), options.json);
  return EvaluateHere(options, cases, *document, now_ms);
}

}  // namespace

int Evaluate(const EvaluateOptions& options) {
  Result<std::vector<Case>> cases = ReadCases(options);
  if (!cases) return Explain(cases.error(), options.json);
  const Result<std::int64_t> now_ms = MomentOf(options.at, options.now);
  if (!now_ms) return Explain(now_ms.error(), options.json);
  if (options.workspace.empty() && options.ruleset.empty()) return EvaluateOnServer(options, *cases, *now_ms);
  int exit_code = kPass;
  const std::optional<SnapshotDocument> document = LocalRuleset(options, exit_code);
  return document ? EvaluateHere(options, *cases, *document, *now_ms) : exit_code;
}

}  // namespace guidon::cli
