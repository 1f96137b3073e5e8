#include "cli/workspace.h"

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <map>
#include <set>
#include <sstream>

#include "core/codec/codec.h"
#include "core/validate/validate.h"

namespace guidon::cli {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kProjectFile = "guidon.yaml";
constexpr std::size_t kMaxFiles = 100'000;

// Where an entity was defined: its document and the path within it.
struct Origin {
  std::string file;
  std::shared_ptr<const SourceMap> positions;
  Path path;
};

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
  explicit Reader(std::string folder) { workspace_.folder = std::move(folder); }

  Result<Workspace> Read() {
    std::error_code error;
    if (!fs::is_directory(workspace_.folder, error)) {
      return Fail(ErrorCode::kIo, "there is no folder " + workspace_.folder);
    }
    if (!fs::is_regular_file(fs::path(workspace_.folder) / kProjectFile, error)) {
      return Fail(ErrorCode::kIo, workspace_.folder + " is no workspace: it has no guidon.yaml");
    }
    CollectFiles(workspace_.folder, "");
    std::sort(files_.begin(), files_.end());
    for (const std::string& file : files_) ReadFile(file);
    if (!workspace_.HasErrors()) ValidateAll();
    std::stable_sort(workspace_.issues.begin(), workspace_.issues.end(),
                     [](const PlacedIssue& a, const PlacedIssue& b) {
                       return std::tie(a.file, a.at.line, a.at.column) < std::tie(b.file, b.at.line, b.at.column);
                     });
    return std::move(workspace_);
  }

 private:
  void CollectFiles(const fs::path& folder, const std::string& prefix) {
    std::error_code error;
    const fs::path real = fs::canonical(folder, error);
    if (error || !folders_.insert(real.string()).second) return;
    for (const fs::directory_entry& entry : fs::directory_iterator(folder, error)) {
      const std::string name = prefix + entry.path().filename().string();
      if (entry.path().filename().string().starts_with('.')) continue;
      if (entry.is_directory(error)) {
        CollectFiles(entry.path(), name + "/");
      } else if (name.ends_with(".yaml") || name.ends_with(".yml")) {
        if (files_.size() == kMaxFiles) return;
        files_.push_back(name);
      }
    }
  }

  static std::optional<EntityKind> KindOfFile(const std::string& file) {
    for (const auto& [place, kind] :
         std::initializer_list<std::pair<std::string_view, EntityKind>>{{"flags/", EntityKind::kFlag},
                                                                        {"segments/", EntityKind::kSegment},
                                                                        {"metrics/", EntityKind::kMetric},
                                                                        {"experiments/", EntityKind::kExperiment},
                                                                        {"layers.", EntityKind::kLayer},
                                                                        {"holdouts.", EntityKind::kHoldout}}) {
      if (file.starts_with(place)) return kind;
    }
    return std::nullopt;
  }

  void Say(const Origin& origin, Issue issue) {
    const bool about_key = issue.code == "unknown_key" || issue.code.starts_with("missing");
    const Path path = Join(origin.path, issue.path);
    const Position at = about_key ? origin.positions->OfKey(path) : origin.positions->Of(path);
    workspace_.issues.push_back({origin.file, at, std::move(issue)});
  }

  void ReadFile(const std::string& file) {
    const auto kind = KindOfFile(file);
    if (!kind && file != kProjectFile && !file.starts_with("tests/")) {
      Issue issue;
      issue.severity = Severity::kWarning;
      issue.code = "unknown_file";
      issue.message = "nothing is read from here";
      issue.hint = "definitions stand in flags/, segments/, metrics/, experiments/, layers.yaml and holdouts.yaml";
      workspace_.issues.push_back({file, {}, std::move(issue)});
      return;
    }
    std::ifstream stream(fs::path(workspace_.folder) / file, std::ios::binary);
    std::ostringstream text;
    text << stream.rdbuf();
    YamlResult yaml = ParseYaml(text.str());
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
      Result<Project> project = DecodeProject(value);
      if (!project) return SayAll(project.error(), origin);
      workspace_.definitions.project = *std::move(project);
      project_ = origin;
    } else if (!kind) {
      Result<FlagTest> test = DecodeFlagTest(value);
      if (!test) return SayAll(test.error(), origin);
      workspace_.tests.push_back(*std::move(test));
    } else {
      Result<EntityRecord> record = DecodeEntity(*kind, value);
      if (!record) return SayAll(record.error(), origin);
      TakeEntity(*std::move(record), origin);
    }
  }

  void SayAll(const Error& error, const Origin& origin) {
    for (const Issue& issue : error.issues) Say(origin, issue);
  }

  void TakeEntity(EntityRecord record, const Origin& origin) {
    const EntityRef ref = RefOf(record);
    const auto [held, is_new] = origins_.emplace(ref, origin);
    if (!is_new) {
      Issue issue;
      issue.code = "duplicate_entity";
      issue.message = ref.ToText() + " is defined twice; first in " + held->second.file;
      return Say(origin, std::move(issue));
    }
    workspace_.definitions.entities.Upsert(std::move(record));
  }

  void ValidateAll() {
    const auto today = std::chrono::floor<std::chrono::days>(std::chrono::system_clock::now());
    for (Issue& issue : Validate(workspace_.definitions, {.today = today})) {
      const auto origin = std::find_if(origins_.begin(), origins_.end(),
                                       [&](const auto& entry) { return entry.first.ToText() == issue.entity; });
      Say(origin == origins_.end() ? project_ : origin->second, std::move(issue));
    }
  }

  Workspace workspace_;
  std::vector<std::string> files_;
  std::set<std::string> folders_;
  std::map<EntityRef, Origin> origins_;
  Origin project_{std::string(kProjectFile), std::make_shared<const SourceMap>(), Path()};
};

}  // namespace

bool Workspace::HasErrors() const {
  return std::any_of(issues.begin(), issues.end(),
                     [](const PlacedIssue& placed) { return placed.issue.severity == Severity::kError; });
}

Result<Workspace> ReadWorkspace(const std::string& folder) {
  return Reader(folder).Read();
}

}  // namespace guidon::cli
