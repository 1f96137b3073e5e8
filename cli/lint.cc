// guidon lint DIR|FILE...: what definitions can say plainer without meaning anything else; --fix writes it.
#include <algorithm>
#include <filesystem>
#include <iostream>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "cli/api_client.h"
#include "cli/output.h"
#include "cli/unified_diff.h"
#include "cli/verbs.h"
#include "cli/yaml_files.h"
#include "lint/lint.h"
#include "workspace/file.h"
#include "workspace/replace.h"

namespace guidon::cli {
namespace {

namespace fs = std::filesystem;

struct LookedAt {
  std::string file, text;
  lint::LintedText linted;
};

// The folder of a file, and what it defines; nothing of these, or several: "".
using Neighbours = std::pair<std::string, std::string>;

Neighbours NeighboursOf(const LookedAt& looked) {
  return {fs::path(looked.file).parent_path().string(), lint::KindOf(looked.text)};
}

// The one modeline that files of a folder have, by folder and kind: each kind has a schema of its own.
std::map<Neighbours, std::string> ModelinesOf(const std::vector<LookedAt>& files) {
  std::map<Neighbours, std::set<std::string>> found;
  for (const LookedAt& looked : files) {
    const std::string line = lint::ModelineOf(looked.text);
    if (line.empty()) continue;
    Neighbours neighbours = NeighboursOf(looked);
    if (!neighbours.second.empty()) found[std::move(neighbours)].insert(line);
  }
  std::map<Neighbours, std::string> modelines;
  for (const auto& [neighbours, lines] : found) {
    if (lines.size() == 1) modelines[neighbours] = *lines.begin();
  }
  return modelines;
}

Value ToValue(const std::string& file, const lint::LintProblem& problem) {
  return Object{
      {"file", Value(file)},         {"line", Value(problem.at.line)},    {"column", Value(problem.at.column)},
      {"rule", Value(problem.rule)}, {"message", Value(problem.message)}, {"fixable", Value(problem.fixable)}};
}

class Linting {
 public:
  explicit Linting(const LintOptions& options) : options_(options) {}

  int Run() {
    if (const std::optional<int> stop = ReadAll()) return *stop;
    for (const LookedAt& looked : files_) Take(looked);
    // All or nothing is written: a text that cannot be looked at may be what another leans on.
    if (options_.fix && !Write()) return kUsage;
    return options_.json ? SayInJson() : Say();
  }

 private:
  // Each that cannot be looked at is named, and then nothing is said of the others.
  std::optional<int> ReadAll() {
    const Result<std::vector<std::string>> names = YamlFilesOf(options_.paths);
    if (!names) return Explain(names.error(), options_.json);
    std::vector<Error> faults;
    for (const std::string& file : *names) {
      Result<std::string> text = ReadFile(file, YamlLimits().max_bytes);
      if (!text) {
        faults.push_back(text.error());
        continue;
      }
      files_.push_back({file, *std::move(text), {}});
    }
    const std::map<Neighbours, std::string> modelines = ModelinesOf(files_);
    const std::set<std::string> skip(options_.skip.begin(), options_.skip.end());
    for (LookedAt& looked : files_) {
      const auto modeline = modelines.empty() ? modelines.end() : modelines.find(NeighboursOf(looked));
      Result<lint::LintedText> linted =
          lint::LintText(looked.text, looked.file,
                         {.skip = skip, .modeline = modeline == modelines.end() ? std::string() : modeline->second});
      if (!linted) {
        const char* separator = linted.error().code == ErrorCode::kInvalid ? ":" : ": ";
        faults.push_back({linted.error().code, looked.file + separator + linted.error().message, {}});
        continue;
      }
      looked.linted = *std::move(linted);
    }
    return faults.empty() ? std::nullopt : std::optional(Refuse(faults));
  }

  // For programs the first is the error, and all of several are its issues.
  int Refuse(const std::vector<Error>& faults) const {
    for (const Error& fault : faults) Complain(fault.message);
    if (!options_.json) return kUsage;
    Object document{{"code", Value(ToString(faults.front().code))}, {"detail", Value(faults.front().message)}};
    if (faults.size() > 1) {
      Array issues;
      for (const Error& fault : faults) {
        issues.emplace_back(Object{{"code", Value(ToString(fault.code))}, {"message", Value(fault.message)}});
      }
      document.Append("issues", Value(std::move(issues)));
    }
    PrintJson(document);
    return kUsage;
  }

  void Take(const LookedAt& looked) {
    for (const lint::LintProblem& problem : options_.fix ? looked.linted.left : looked.linted.problems) {
      if (problem.fixable) ++fixable_;
      problems_.emplace_back(looked.file, problem);
    }
    if (looked.linted.fixed != looked.text) changed_.push_back(&looked);
  }

  bool Write() const {
    std::vector<Replacement> files;
    for (const LookedAt* looked : changed_) files.push_back({looked->file, looked->text, looked->linted.fixed});
    const Status written = ReplaceAll(files);
    if (!written) Explain(written.error(), options_.json);
    return written.has_value();
  }

  int ExitCode() const { return problems_.empty() ? kPass : kProblem; }

  int SayInJson() const {
    Array problems, files;
    for (const auto& [file, problem] : problems_) problems.push_back(ToValue(file, problem));
    for (const LookedAt* looked : changed_) files.emplace_back(looked->file);
    PrintJson(Object{{"problems", Value(std::move(problems))},
                     {options_.fix ? "fixed" : "fixable", Value(std::move(files))}});
    return ExitCode();
  }

  int Say() const {
    if (options_.diff) {
      for (const LookedAt* looked : changed_)
        std::cout << UnifiedDiff(looked->file, looked->text, looked->linted.fixed);
    }
    if (options_.fix) {
      for (const LookedAt* looked : changed_)
        std::cout << Out().Green("fixed") << "  " << Printable(looked->file) << "\n";
    }
    constexpr std::size_t kIndent = 6;
    for (const auto& [file, problem] : problems_) {
      if (options_.diff && problem.fixable) continue;
      std::cout << Printable(file) << ":" << problem.at.line << ":" << problem.at.column << "  "
                << Out().Yellow(problem.rule) << "\n"
                << Wrapped(Printable(problem.message), kIndent) << "\n";
    }
    if (!problems_.empty()) std::cout << Summary() << "\n";
    return ExitCode();
  }

  std::string Summary() const {
    const std::string count = Plural(problems_.size(), "problem");
    if (options_.fix) return count + " left, to mend by hand";
    if (fixable_ == 0) return count + ", to mend by hand";
    return count + "; --fix mends " +
           (fixable_ == problems_.size() ? (fixable_ == 1 ? "it" : "them all") : std::to_string(fixable_));
  }

  const LintOptions& options_;
  std::vector<LookedAt> files_;
  std::vector<std::pair<std::string, lint::LintProblem>> problems_;
  std::vector<const LookedAt*> changed_;
  std::size_t fixable_ = 0;
};

int ListRules(bool json) {
  Array rules;
  for (const lint::LintRule& rule : lint::LintRules()) {
    rules.emplace_back(Object{{"rule", Value(rule.id)}, {"asks", Value(rule.asks)}});
    if (!json) std::cout << Out().Bold(rule.id) << "\n" << Wrapped(rule.asks, 6) << "\n";
  }
  if (json) PrintJson(Object{{"rules", Value(std::move(rules))}});
  return kPass;
}

// Those that were named have to be there.
Status CheckSkipped(const LintOptions& options) {
  std::vector<std::string> known;
  for (const lint::LintRule& rule : lint::LintRules()) known.emplace_back(rule.id);
  for (const std::string& rule : options.skip) {
    if (std::find(known.begin(), known.end(), rule) != known.end()) continue;
    const std::string hint = DidYouMean(rule, known);
    return Fail(ErrorCode::kInvalid,
                "there is no rule '" + rule + "'" + (hint.empty() ? "; --rules lists them" : " (" + hint + ")"));
  }
  return {};
}

}  // namespace

int Lint(const LintOptions& options) {
  if (options.rules) return ListRules(options.json);
  if (const Status skipped = CheckSkipped(options); !skipped) return Explain(skipped.error(), options.json);
  return Linting(options).Run();
}

}  // namespace guidon::cli
