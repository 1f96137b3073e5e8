#include "tests/examples/github_workflow.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cctype>
#include <set>
#include <sstream>

#include "core/base/json.h"
#include "core/base/json_record.h"
#include "yaml/yaml.h"

namespace guidon::testing {
namespace {

using Names = std::map<std::string, std::string>;

// What has happened so far, for `success()` and its sisters.
struct State {
  bool has_failed = false;
};

bool IsTrue(const std::string& value) {
  return !value.empty() && value != "false";
}

class Expression {
 public:
  Expression(const std::string& text, const Names& names, State state) : text_(text), names_(names), state_(state) {}

  std::string Value() {
    const std::string value = Or();
    Blanks();
    EXPECT_EQ(at_, text_.size()) << "not understood: " << text_.substr(at_) << " in " << text_;
    return value;
  }
  bool asks_state() const { return asks_state_; }  // after Value

 private:
  void Blanks() {
    while (at_ < text_.size() && std::isspace(static_cast<unsigned char>(text_[at_])) != 0) ++at_;
  }
  bool Take(std::string_view token) {
    Blanks();
    if (text_.compare(at_, token.size(), token) != 0) return false;
    at_ += token.size();
    return true;
  }
  static std::string Text(bool value) { return value ? "true" : "false"; }

  std::string Or() {
    std::string value = And();
    while (Take("||")) {
      const std::string other = And();
      if (!IsTrue(value)) value = other;
    }
    return value;
  }
  std::string And() {
    std::string value = Equals();
    while (Take("&&")) {
      const std::string other = Equals();
      if (IsTrue(value)) value = other;
    }
    return value;
  }
  std::string Equals() {
    const std::string value = Not();
    if (Take("==")) return Text(value == Not());
    if (Take("!=")) return Text(value != Not());
    return value;
  }
  std::string Not() {
    if (Take("!")) return Text(!IsTrue(Not()));
    if (Take("(")) {
      const std::string value = Or();
      EXPECT_TRUE(Take(")")) << text_;
      return value;
    }
    return Word();
  }
  std::string Word() {
    if (Take("'")) {
      const std::size_t end = text_.find('\'', at_);
      EXPECT_NE(end, std::string::npos) << text_;
      const std::string value = text_.substr(at_, end - at_);
      at_ = end + 1;
      return value;
    }
    const std::size_t begin = at_;
    while (at_ < text_.size() && (std::isalnum(static_cast<unsigned char>(text_[at_])) != 0 || text_[at_] == '.' ||
                                  text_[at_] == '_' || text_[at_] == '-')) {
      ++at_;
    }
    const std::string name = text_.substr(begin, at_ - begin);
    if (Take("()")) return Function(name);
    const auto found = names_.find(name);
    if (found != names_.end()) return found->second;
    const bool may_be_absent = name.starts_with("vars.") || name.starts_with("secrets.") ||
                               name.starts_with("steps.") || name.starts_with("needs.");
    EXPECT_TRUE(may_be_absent) << "'" << name << "' in " << text_;
    return "";
  }
  std::string Function(const std::string& name) {
    asks_state_ = true;
    if (name == "success") return Text(!state_.has_failed);
    if (name == "failure") return Text(state_.has_failed);
    if (name == "always") return "true";
    EXPECT_EQ(name, "cancelled") << text_;
    return "false";
  }

  const std::string text_;
  const Names& names_;
  const State state_;
  std::size_t at_ = 0;
  bool asks_state_ = false;
};

// What stands within ${{ }}, with where it begins and ends.
struct Inset {
  std::size_t begin, end;
  std::string text;
};
std::vector<Inset> InsetsOf(const std::string& text) {
  std::vector<Inset> insets;
  for (std::size_t at = 0; (at = text.find("${{", at)) != std::string::npos;) {
    const std::size_t end = text.find("}}", at);
    EXPECT_NE(end, std::string::npos) << text;
    if (end == std::string::npos) break;
    insets.push_back({at, end + 2, text.substr(at + 3, end - at - 3)});
    at = end + 2;
  }
  return insets;
}

std::string Filled(const std::string& text, const Names& names, State state) {
  std::string out;
  std::size_t from = 0;
  for (const Inset& inset : InsetsOf(text)) {
    out += text.substr(from, inset.begin - from) + Expression(inset.text, names, state).Value();
    from = inset.end;
  }
  return out + text.substr(from);
}

// Without a function of states in it, an `if` is only asked when nothing has failed.
bool IsMet(const Value& of, const Names& names, State state) {
  std::string text = TextOf(of, "if");
  if (text.empty()) return !state.has_failed;
  if (const std::vector<Inset> insets = InsetsOf(text); !insets.empty()) text = insets.front().text;
  Expression expression(text, names, state);
  const bool is_true = IsTrue(expression.Value());
  return is_true && (expression.asks_state() || !state.has_failed);
}

std::string ScalarOf(const Value& value) {
  return value.is_string() ? value.AsString() : ToJson(value);
}

void AddEnvironment(const Value& of, const Names& names, std::map<std::string, std::string>& variables) {
  const Value* env = of.Find("env");
  if (env == nullptr) return;
  for (const Member& member : env->AsObject()) variables[member.name] = Filled(ScalarOf(member.value), names, {});
}

std::string ActionOf(const std::string& uses) {
  return uses.substr(0, uses.find('@'));
}

// "actions/checkout"; with what a step of it needs to be there.
void Serve(const std::string& action, const Value& step, const Checkout& checkout) {
  static const std::set<std::string> kKnown = {"actions/checkout", "actions/upload-artifact",
                                               "actions/download-artifact", "github/codeql-action/upload-sarif"};
  EXPECT_TRUE(kKnown.contains(action)) << action;
  const Value* with = step.Find("with");
  if (action == "actions/upload-artifact") {
    EXPECT_EQ(TextOf(*with, "path"), "gate.*");
    EXPECT_TRUE(checkout.Has("gate.md") && checkout.Has("gate.sarif"));
  }
  EXPECT_TRUE(action != "github/codeql-action/upload-sarif" || checkout.Has(TextOf(*with, "sarif_file")));
}

class Runner {
 public:
  Runner(const Value& workflow, const Checkout& checkout, Names names, const Names& settings)
      : workflow_(workflow), checkout_(checkout), names_(std::move(names)), settings_(settings) {}

  JobRun RunJob(const std::string& key, const Value& job, std::map<std::string, JobRun>& all) {
    State state;
    for (const std::string& need : NeedsOf(job)) state.has_failed = state.has_failed || all[need].result != "success";
    JobRun run;
    run.result = "skipped";
    if (!IsMet(job, names_, state)) return run;
    std::map<std::string, std::string> variables;
    AddEnvironment(workflow_, names_, variables);
    AddEnvironment(job, names_, variables);
    for (const auto& [name, value] : settings_) {
      if (variables.contains(name)) variables[name] = value;
    }
    State steps;
    for (const Value& step : ListIn(job, "steps")) RunStep(step, variables, run, steps);
    run.result = steps.has_failed ? "failure" : "success";
    if (const Value* outputs = job.Find("outputs")) {
      for (const Member& member : outputs->AsObject()) {
        names_["needs." + key + ".outputs." + member.name] = Filled(member.value.AsString(), names_, steps);
      }
    }
    return run;
  }

  static std::vector<std::string> NeedsOf(const Value& job) {
    std::vector<std::string> needs;
    if (const std::string one = TextOf(job, "needs"); !one.empty()) needs.push_back(one);
    for (const Value& need : ListIn(job, "needs")) needs.push_back(need.AsString());
    return needs;
  }

  std::string summary() const { return summary_; }

 private:
  void RunStep(const Value& step, std::map<std::string, std::string> variables, JobRun& run, State& state) {
    if (!IsMet(step, names_, state)) return;
    if (const std::string uses = TextOf(step, "uses"); !uses.empty()) {
      run.steps.push_back(ActionOf(uses));
      return Serve(ActionOf(uses), step, checkout_);
    }
    run.steps.push_back(TextOf(step, "name"));
    AddEnvironment(step, names_, variables);
    // Where a runner has its own files; in the checkout they would be looked at.
    const std::string place = checkout_.home();
    for (const char* name : {"GITHUB_OUTPUT", "GITHUB_STEP_SUMMARY"}) variables[name] = place + "/" + name;
    variables["GITHUB_REPOSITORY"] = names_["github.repository"];
    variables["STEP"] = TextOf(step, "run");
    // As GitHub does for `shell: bash`: a script file, no profile, the first failure ends it.
    const Finished done = checkout_.Run(
        {"bash", "-c",
         "rm -f \"$GITHUB_OUTPUT\" \"$GITHUB_STEP_SUMMARY\"; touch \"$GITHUB_OUTPUT\" \"$GITHUB_STEP_SUMMARY\"; "
         "printf '%s' \"$STEP\" >~/step.sh; unset STEP; exec bash --noprofile --norc -eo pipefail ~/step.sh"},
        variables);
    run.output += done.output + done.errors;
    state.has_failed = state.has_failed || done.exit_code != 0;
    summary_ += checkout_.Read("../home/GITHUB_STEP_SUMMARY");
    std::istringstream outputs(checkout_.Read("../home/GITHUB_OUTPUT"));
    for (std::string line; std::getline(outputs, line);) {
      const std::size_t equals = line.find('=');
      names_["steps." + TextOf(step, "id") + ".outputs." + line.substr(0, equals)] = line.substr(equals + 1);
    }
  }

  const Value& workflow_;
  const Checkout& checkout_;
  Names names_;
  const Names& settings_;
  std::string summary_;
};

void AddTexts(const Value& value, const std::string& path, std::map<std::string, std::string>& texts) {
  if (value.is_string()) texts[path] = value.AsString();
  if (value.is_object()) {
    for (const Member& member : value.AsObject()) {
      AddTexts(member.value, path.empty() ? member.name : path + "." + member.name, texts);
    }
  }
  if (value.is_array()) {
    for (std::size_t i = 0; i < value.AsArray().size(); ++i) {
      AddTexts(value.AsArray()[i], path + "[" + std::to_string(i) + "]", texts);
    }
  }
}

}  // namespace

GitHubWorkflow::GitHubWorkflow(const std::string& file) {
  YamlResult yaml = ParseYaml(PipelineFile(file));
  for (const YamlFault& fault : yaml.faults)
    ADD_FAILURE() << file << ":" << fault.at.line << ": " << fault.issue.message;
  EXPECT_EQ(yaml.documents.size(), 1u) << file;
  if (!yaml.documents.empty()) value_ = std::move(yaml.documents.front().value);
}

std::map<std::string, JobRun> GitHubWorkflow::Run(const Checkout& checkout,
                                                  const std::map<std::string, std::string>& names,
                                                  const std::map<std::string, std::string>& settings) {
  Runner runner(value_, checkout, names, settings);
  std::map<std::string, JobRun> runs;
  const Value* jobs = value_.Find("jobs");
  for (bool is_done = false; !is_done;) {
    is_done = true;
    for (const Member& job : jobs->AsObject()) {
      const std::vector<std::string> needs = Runner::NeedsOf(job.value);
      const bool is_ready = !runs.contains(job.name) && std::all_of(needs.begin(), needs.end(), [&](const auto& need) {
        return runs.contains(need);
      });
      if (!is_ready) continue;
      JobRun run = runner.RunJob(job.name, job.value, runs);
      runs[job.name] = std::move(run);
      is_done = false;
    }
  }
  EXPECT_EQ(runs.size(), jobs->AsObject().size()) << "jobs wait for each other";
  summary_ = runner.summary();
  return runs;
}

std::map<std::string, std::string> TextsOf(const Value& document) {
  std::map<std::string, std::string> texts;
  AddTexts(document, "", texts);
  return texts;
}

std::vector<std::string> NamesIn(const std::string& text) {
  std::vector<std::string> names;
  for (const Inset& inset : InsetsOf(text)) {
    bool in_text = false;
    std::string name;
    for (const char c : inset.text + " ") {
      if (c == '\'') in_text = !in_text;
      const bool is_of_name = std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '.' || c == '_' || c == '-';
      if (!in_text && is_of_name) {
        name += c;
      } else {
        if (name.find('.') != std::string::npos) names.push_back(name);
        name.clear();
      }
    }
  }
  return names;
}

}  // namespace guidon::testing
