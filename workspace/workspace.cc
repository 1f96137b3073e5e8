#include "workspace/workspace.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <filesystem>
#include <iterator>
#include <map>
#include <set>

#include "core/allocate/allocate.h"
#include "core/codec/codec.h"
#include "core/ruleset/ruleset.h"
#include "core/validate/validate.h"
#include "workspace/file.h"
#include "workspace/population_text.h"

namespace guidon {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kProjectFile = "guidon.yaml", kPolicyFile = "gate.yaml", kRefsFile = "refs.yaml";
constexpr std::size_t kMaxFiles = 100'000;  // beyond: an error, for this is no workspace

// References to what is not there, and things that nothing refers to.
constexpr std::array<std::string_view, 8> kReferenceCodes = {
    "unknown_environment", "unknown_flag",    "unknown_segment", "unknown_experiment",
    "unknown_layer",       "unknown_holdout", "unknown_metric",  "flag_not_enabled"};

Path Join(const Path& base, const Path& rest) {
  Path path = base;
  for (const Path::Step& step : rest.steps()) {
    path = std::holds_alternative<std::size_t>(step) ? path.Index(std::get<std::size_t>(step))
                                                     : path.Key(std::get<std::string>(step));
  }
  return path;
}

class Reader {
 public:
  Reader(const std::string& folder, const WorkspaceOptions& options) : options_(options) { workspace_.folder = folder; }

  Result<Workspace> Read() {
    std::error_code error;
    if (!fs::is_directory(workspace_.folder, error)) {
      return Fail(ErrorCode::kIo, "there is no folder " + workspace_.folder);
    }
    if (!fs::is_regular_file(fs::path(workspace_.folder) / kProjectFile, error)) {
      return Fail(ErrorCode::kIo, workspace_.folder + " is no workspace: it has no guidon.yaml");
    }
    CollectFiles(workspace_.folder, "");
    for (const auto& [file, text] : options_.unsaved) files_.push_back(file);
    std::sort(files_.begin(), files_.end());
    files_.erase(std::unique(files_.begin(), files_.end()), files_.end());
    if (files_.size() > kMaxFiles) {
      return Fail(ErrorCode::kTooLarge, workspace_.folder + " holds more than " + std::to_string(kMaxFiles) +
                                            " YAML files: that is no workspace");
    }
    for (const std::string& file : files_) ReadFile(file);
    ValidateAll();
    std::stable_sort(workspace_.issues.begin(), workspace_.issues.end(),
                     [](const PlacedIssue& a, const PlacedIssue& b) {
                       return std::tie(a.file, a.at.line, a.at.column) < std::tie(b.file, b.at.line, b.at.column);
                     });
    return std::move(workspace_);
  }

 private:
  // A link to a folder that was seen already is left alone, or a circle of them would have no end.
  void CollectFiles(const fs::path& folder, const std::string& prefix) {
    std::error_code error;
    const fs::path real = fs::canonical(folder, error);
    if (!error && !folders_.insert(real.string()).second) return;
    fs::directory_iterator entries(folder, error);
    for (; !error && entries != fs::directory_iterator(); entries.increment(error)) {
      const std::string base = entries->path().filename().string(), name = prefix + base;
      std::error_code ignored;
      if (base.starts_with('.')) continue;
      if (entries->is_directory(ignored)) {
        CollectFiles(entries->path(), name + "/");
      } else if (base.ends_with(".yaml") || base.ends_with(".yml")) {
        files_.push_back(name);
      }
      if (files_.size() > kMaxFiles) return;
    }
    if (!error) return;
    SayUnreadable(prefix.empty() ? "." : prefix, error.message());
    for (const EntityKind kind : kEntityKinds) workspace_.unread.push_back({kind, ""});
  }

  void SayUnreadable(const std::string& file, const std::string& why) {
    has_unread_text_ = true;
    workspace_.issues.push_back({file, {}, {Severity::kError, "unreadable", {}, "it cannot be read: " + why, "", ""}});
  }

  Result<std::string> TextOf(const std::string& file) const {
    const auto unsaved = options_.unsaved.find(file);
    if (unsaved != options_.unsaved.end()) return unsaved->second;
    return guidon::ReadFile(workspace_.folder + "/" + file, YamlLimits().max_bytes);
  }

  // A folder, or a file of any ending. The first whose member a definition has is its kind.
  static constexpr std::array<std::pair<std::string_view, EntityKind>, 6> kPlaces = {
      {{"experiments/", EntityKind::kExperiment},
       {"flags/", EntityKind::kFlag},
       {"segments/", EntityKind::kSegment},
       {"metrics/", EntityKind::kMetric},
       {"layers.", EntityKind::kLayer},
       {"holdouts.", EntityKind::kHoldout}}};

  static std::optional<EntityKind> KindOfFile(const std::string& file) {
    for (const auto& [place, kind] : kPlaces) {
      if (file.starts_with(place)) return kind;
    }
    return std::nullopt;
  }

  // Whether it is of another kind than its place is for, by the member that has its key. A fault for each of its
  // members would say everything but what is wrong.
  bool IsMisplaced(EntityKind kind, const Value& value, const Origin& origin) {
    if (!value.is_object()) return false;
    // An experiment names its flag, and has no type.
    const bool is_experiment = value.Find("experiment") != nullptr && value.Find("type") == nullptr;
    if (value.Find(ToString(kind)) != nullptr && !(kind == EntityKind::kFlag && is_experiment)) return false;
    for (const auto& [place, other] : kPlaces) {
      const Value* key = value.Find(ToString(other));
      if (key == nullptr) continue;
      workspace_.unread.push_back({other, key->is_string() ? key->AsString() : std::string()});
      Issue issue;
      issue.code = "misplaced_definition";
      issue.message = "it defines " + std::string(other == EntityKind::kExperiment ? "an " : "a ") +
                      std::string(ToString(other)) + ", and none is read from here";
      issue.hint = "move it to " + std::string(place) + (place.ends_with('.') ? "yaml" : "");
      Say(origin, std::move(issue));
      return true;
    }
    return false;
  }

  void Say(const Origin& origin, Issue issue) { workspace_.issues.push_back(PlacedIn(origin, std::move(issue))); }

  void ReadFile(const std::string& file) {
    const auto kind = KindOfFile(file);
    if (file == kPolicyFile) return;  // what a gate demands: `guidon gate` reads it
    if (file == kRefsFile) return;    // which functions read flags: the same
    const bool is_population = file.starts_with("populations/");
    if (!kind && file != kProjectFile && !file.starts_with("tests/") && !is_population) {
      Issue issue;
      issue.severity = Severity::kWarning;
      issue.code = "unknown_file";
      issue.message = "nothing is read from here";
      issue.hint = "definitions stand in flags/, segments/, metrics/, experiments/, layers.yaml and holdouts.yaml";
      workspace_.issues.push_back({file, {}, std::move(issue)});
      return;
    }
    const Result<std::string> text = TextOf(file);
    if (!text) {
      if (kind) workspace_.unread.push_back({*kind, ""});
      return SayUnreadable(file, text.error().message);
    }
    if (options_.keeps_texts) workspace_.texts.emplace(file, *text);
    if (is_population) {  // `guidon simulate` is told which it takes
      PopulationText read = ReadPopulation(*text, file);
      std::move(read.faults.begin(), read.faults.end(), std::back_inserter(workspace_.issues));
      return;
    }
    YamlResult yaml = ParseYaml(*text);
    has_unread_text_ |= !yaml.faults.empty();
    if (kind && !yaml.faults.empty()) workspace_.unread.push_back({*kind, ""});
    for (YamlFault& fault : yaml.faults) workspace_.issues.push_back({file, fault.at, std::move(fault.issue)});
    for (YamlDocument& document : yaml.documents) {
      const Origin origin{file, std::make_shared<const SourceMap>(std::move(document.positions)), Path()};
      ReadDocument(document.value, origin, kind);
    }
  }

  void ReadDocument(const Value& value, const Origin& origin, std::optional<EntityKind> kind) {
    if (!value.is_array()) return ReadOne(value, origin, kind);
    for (std::size_t i = 0; i < value.AsArray().size(); ++i) {
      Origin element = origin;
      element.path = origin.path.Index(i);
      ReadOne(value.AsArray()[i], element, kind);
    }
  }

  void ReadOne(const Value& value, const Origin& origin, std::optional<EntityKind> kind) {
    if (origin.file == kProjectFile) {
      ReadProject(value, origin);
    } else if (!kind) {
      Result<FlagTest> test = DecodeFlagTest(value);
      if (!test) return SayAll(test.error(), origin);
      workspace_.tests.push_back(*std::move(test));
      workspace_.test_origins.push_back(origin);
    } else if (!IsMisplaced(*kind, value, origin)) {
      Result<EntityRecord> record = DecodeEntity(*kind, value);
      if (!record) {
        const Value* key = value.Find(ToString(*kind));
        workspace_.unread.push_back({*kind, key == nullptr ? std::string() : key->AsString()});
        for (Issue issue : record.error().issues) {
          // As experiments have them.
          const bool is_tests = issue.code == "unknown_key" && issue.path == Path().Key("tests");
          if (is_tests && *kind == EntityKind::kFlag) issue.hint = "those of a flag stand in the folder tests/";
          Say(origin, std::move(issue));
        }
        return;
      }
      TakeEntity(*std::move(record), origin);
    }
  }

  void ReadProject(const Value& value, const Origin& origin) {
    Result<Project> project = DecodeProject(value);
    if (!project) return SayAll(project.error(), origin);
    if (has_project_) {
      return Say(origin, {Severity::kError, "duplicate_entity", {}, "a workspace is of one project", "", ""});
    }
    has_project_ = true;
    workspace_.definitions.project = *std::move(project);
    project_ = origin;
  }

  void SayAll(const Error& error, const Origin& origin) {
    for (const Issue& issue : error.issues) Say(origin, issue);
  }

  void TakeEntity(EntityRecord record, const Origin& origin) {
    const EntityRef ref = RefOf(record);
    const auto [held, is_new] = workspace_.origins.emplace(ref, origin);
    if (!is_new) {
      Issue issue;
      issue.code = "duplicate_entity";
      const Origin& first = held->second;
      issue.message =
          ref.ToText() + " is defined twice; first in " + first.file + ":" + std::to_string(first.Of({}).line);
      return Say(origin, std::move(issue));
    }
    workspace_.definitions.entities.Upsert(std::move(record));
  }

  void ValidateAll() {
    if (!has_project_ && !workspace_.HasErrors()) {
      workspace_.issues.push_back({std::string(kProjectFile),
                                   {},
                                   {Severity::kError,
                                    "missing_project",
                                    {},
                                    "it names no project",
                                    "write `project: NAME` and `environments:`",
                                    ""}});
    }
    if (!has_project_) return;
    std::map<std::string, const Origin*> origins;
    for (const auto& [ref, origin] : workspace_.origins) origins.emplace(ref.ToText(), &origin);
    const auto today = options_.today != std::chrono::sys_days()
                           ? options_.today
                           : std::chrono::floor<std::chrono::days>(std::chrono::system_clock::now());
    for (Issue& issue : Validate(workspace_.definitions, {.today = today})) {
      if (MayBeOfUnread(issue)) continue;
      const auto origin = origins.find(issue.entity);
      Say(origin == origins.end() ? project_ : *origin->second, std::move(issue));
    }
    std::vector<std::vector<Issue>> of_tests = ValidateTests(workspace_.definitions, workspace_.tests);
    for (std::size_t i = 0; i < of_tests.size(); ++i) {
      for (Issue& issue : of_tests[i]) {
        if (!MayBeOfUnread(issue)) Say(workspace_.test_origins[i], std::move(issue));
      }
    }
    if (workspace_.HasErrors()) return;
    for (Issue& issue : IssuesOfCompiling(workspace_.definitions)) {
      const auto origin = origins.find(issue.entity);
      Say(origin == origins.end() ? project_ : *origin->second, std::move(issue));
    }
  }

  // What no reader of definitions sees and an application would: the server refuses the same.
  static std::vector<Issue> IssuesOfCompiling(Definitions definitions) {
    std::vector<Issue> issues = AllocateStates(nullptr, definitions);
    if (HasErrors(issues)) return issues;
    for (const EnvironmentDefinition& environment : definitions.project.environments) {
      const auto ruleset = Compile(SnapshotOf(definitions, environment.key, 0));
      for (const BrokenFlag& broken : ruleset->broken()) {
        issues.push_back({Severity::kError, "cannot_compile", Path().Key("environments").Key(environment.key),
                          broken.reason, "let it need less", "flag " + broken.key});
      }
    }
    return issues;
  }

  // Whether what it misses may stand where we could not read, or in a definition that was refused.
  bool MayBeOfUnread(const Issue& issue) const {
    if (!has_unread_text_ && workspace_.unread.empty()) return false;
    if (issue.code.starts_with("unused_")) return true;
    if (std::find(kReferenceCodes.begin(), kReferenceCodes.end(), issue.code) == kReferenceCodes.end()) return false;
    return has_unread_text_ ||
           std::any_of(workspace_.unread.begin(), workspace_.unread.end(), [&](const EntityRef& ref) {
             return ref.key.empty() || issue.message.find("'" + ref.key + "'") != std::string::npos;
           });
  }

  const WorkspaceOptions& options_;
  Workspace workspace_;
  std::vector<std::string> files_;
  std::set<std::string> folders_;
  bool has_project_ = false;
  bool has_unread_text_ = false;  // of a file: nobody knows what it defines
  Origin project_{std::string(kProjectFile), std::make_shared<const SourceMap>(), Path()};
};

}  // namespace

SourcePosition Origin::Of(const Path& within) const {
  return positions->Of(Join(path, within));
}

SourcePosition Origin::OfKey(const Path& within) const {
  return positions->OfKey(Join(path, within));
}

PlacedIssue PlacedIn(const Origin& origin, Issue issue) {
  const bool about_key = issue.code == "unknown_key" || issue.code.starts_with("missing");
  const SourcePosition at = about_key ? origin.OfKey(issue.path) : origin.Of(issue.path);
  return {origin.file, at, std::move(issue)};
}

std::size_t Workspace::Count(Severity severity) const {
  return static_cast<std::size_t>(std::count_if(
      issues.begin(), issues.end(), [&](const PlacedIssue& placed) { return placed.issue.severity == severity; }));
}

Error NoSuchEnvironment(const Project& project, const std::string& wanted) {
  std::vector<std::string> names;
  std::string list;
  for (const EnvironmentDefinition& environment : project.environments) {
    names.push_back(environment.key);
    list += (list.empty() ? "" : ", ") + environment.key;
  }
  std::string message = "the workspace has no environment '" + wanted + "'";
  if (const std::string closest = DidYouMean(wanted, names); !closest.empty()) {
    message += "; " + closest;
  } else if (!list.empty()) {
    message += "; it has " + list;
  }
  return {ErrorCode::kNotFound, message, {}};
}

Result<Workspace> ReadWorkspace(const std::string& folder, const WorkspaceOptions& options) {
  return Reader(folder, options).Read();
}

}  // namespace guidon
