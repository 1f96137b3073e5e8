#include "lsp/folder.h"

#include <algorithm>
#include <chrono>

#include "core/base/text.h"
#include "core/expect/expect.h"
#include "workspace/file.h"

namespace guidon::lsp {
namespace {

constexpr std::uint64_t kMaxTestCases = 20'000;  // at each reading; what would be more is left to `guidon test`

std::uint64_t CasesOf(const FlagTest& test) {
  std::uint64_t cases = 1;
  for (const MatrixAxis& axis : test.matrix) cases *= axis.values.size();
  return cases;
}

// Where an issue of reading stands when there is nothing in the file that it could be at.
constexpr std::string_view kProject = "guidon.yaml";

}  // namespace

File FileOf(const std::string& path, Text text) {
  File file;
  file.kind = FileKindOf(path);
  file.text = std::move(text);
  file.outline = OutlineOf(file.text.str());
  file.names = NamesIn(file.kind, file.outline);
  return file;
}

void Folder::Put(const std::string& file, Text text) {
  open_.insert(file);
  files_[file] = std::make_shared<const File>(FileOf(file, std::move(text)));
}

void Folder::Drop(const std::string& file) {
  open_.erase(file);
  files_.erase(file);
}

const File* Folder::Find(const std::string& file) const {
  const auto held = files_.find(file);
  return held == files_.end() ? nullptr : held->second.get();
}

void Folder::Read(std::int64_t now_ms) {
  WorkspaceOptions options;
  options.today = std::chrono::floor<std::chrono::days>(
      std::chrono::sys_time<std::chrono::milliseconds>(std::chrono::milliseconds(now_ms)));
  for (const std::string& file : open_) options.unsaved.emplace(file, files_.at(file)->text.str());
  const Result<guidon::Workspace> workspace = ReadWorkspace(root_, options);
  was_read_ = true;
  if (!workspace) {
    issues_ = {{std::string(kProject), {}, {Severity::kError, "unreadable", {}, workspace.error().message, "", ""}}};
    return;
  }
  issues_ = workspace->issues;
  const std::map<EntityRef, std::string> before = std::move(sources_);
  const Definitions old = std::exchange(definitions_, workspace->definitions);
  sources_.clear();
  for (const auto& [ref, origin] : workspace->origins) sources_.emplace(ref, origin.file);
  std::set<std::string> broken;
  for (const PlacedIssue& placed : issues_) {
    if (placed.issue.severity == Severity::kError) broken.insert(placed.file);
  }
  for (const auto& [ref, file] : before) {
    if (sources_.contains(ref) || !broken.contains(file)) continue;
    if (std::optional<EntityRecord> record = old.entities.Find(ref)) {
      definitions_.entities.Append(*std::move(record));
      sources_.emplace(ref, file);
    }
  }
  if (definitions_.project.key.empty()) definitions_.project = old.project;
  ReadFiles(*workspace);
  if (!workspace->HasErrors()) RunTests(*workspace, now_ms);
}

void Folder::ReadFiles(const guidon::Workspace& workspace) {
  std::set<std::string> names = {std::string(kProject), "gate.yaml"};
  for (const auto& [ref, origin] : workspace.origins) names.insert(origin.file);
  for (const Origin& origin : workspace.test_origins) names.insert(origin.file);
  for (const PlacedIssue& placed : workspace.issues) names.insert(placed.file);
  std::erase_if(files_, [&](const auto& held) { return !open_.contains(held.first) && !names.contains(held.first); });
  for (const std::string& name : names) {
    if (open_.contains(name)) continue;
    Result<std::string> text = ReadFile(root_ + "/" + name, YamlLimits().max_bytes);
    if (!text) {
      files_.erase(name);
      continue;
    }
    const File* known = Find(name);
    if (known != nullptr && known->text.str() == *text) continue;
    files_[name] = std::make_shared<const File>(FileOf(name, Text(*std::move(text))));
  }
}

void Folder::RunTests(const guidon::Workspace& workspace, std::int64_t now_ms) {
  TestRunner runner(workspace.definitions, now_ms);
  std::uint64_t cases = 0;
  const auto say = [&](const Origin& origin, const Path& path, const TestOutcome& outcome) {
    if (outcome.passed()) return;
    std::string message = "the test fails";
    if (!outcome.failures.empty()) message += ": " + Joined(outcome.failures.front().differences);
    if (outcome.cases > 1) {
      message += "; " + std::to_string(outcome.failed) + " of " + std::to_string(outcome.cases) + " cases";
    }
    issues_.push_back({origin.file,
                       origin.Of(path),
                       {Severity::kWarning, "test_fails", path, message, "`guidon test` says what led there", ""}});
  };
  for (std::size_t i = 0; i < workspace.tests.size(); ++i) {
    if ((cases += CasesOf(workspace.tests[i])) > kMaxTestCases) return;
    say(workspace.test_origins[i], Path(), runner.Run(workspace.tests[i]));
  }
  for (const ExperimentRecord& record : workspace.definitions.entities.experiments) {
    const Experiment& experiment = record.definition;
    if (experiment.archived || (cases += experiment.tests.size()) > kMaxTestCases) continue;
    const auto origin = workspace.origins.find({EntityKind::kExperiment, experiment.key});
    if (origin == workspace.origins.end()) continue;
    for (std::size_t i = 0; i < experiment.tests.size(); ++i) {
      say(origin->second, Path().Key("tests").Index(i), runner.Run(experiment, experiment.tests[i]));
    }
  }
}

std::vector<Found> Folder::All(const Name& name) const {
  std::vector<Found> found;
  for (const auto& [file, held] : files_) {
    for (const Occurrence& occurrence : held->names) {
      if (IsSame(occurrence.name, name)) found.push_back({file, &occurrence});
    }
  }
  return found;
}

std::vector<Found> Folder::Defining(const Name& name) const {
  std::vector<Found> found = All(name);
  std::erase_if(found, [](const Found& one) { return !one.occurrence->name.defines; });
  return found;
}

}  // namespace guidon::lsp
