// guidon remove FLAG --code SRC: takes a flag out of C++ code. guidon-remove-cpp, a program beside this one, parses the
// code and says what would become of it; this one shows or writes that, and lists what other code still reads the flag.
#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <filesystem>
#include <iostream>
#include <map>
#include <set>

#include "cli/api_client.h"
#include "cli/code_refs.h"
#include "cli/cpp_header.h"
#include "cli/output.h"
#include "cli/ruleset_source.h"
#include "cli/unified_diff.h"
#include "cli/verbs.h"
#include "core/base/issue.h"
#include "core/base/json.h"
#include "core/codec/wire.h"
#include "refs/scan.h"
#include "refs/walk.h"
#include "removal/exchange.h"
#include "workspace/file.h"
#include "workspace/replace.h"
#include "workspace/workspace.h"

namespace guidon::cli {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kMostAnswerBytes = std::size_t{1} << 30;
constexpr std::size_t kMostFileBytes = 16u << 20;
constexpr std::string_view kHelper = "guidon-remove-cpp";

// ---- Which value stays
// -----------------------------------------------------------------------------------------------

struct Surviving {
  std::string variation;
  Value value;
};

// Where the flag is defined.
struct Held {
  const EntitySet& entities;
  bool of_files = false;                   // whose experiments have no state but the written one
  std::vector<Undecodable> undecodable{};  // of a server that knows more
};

// The one variation that an environment serves to everybody by the flag alone; nullopt: there are several.
std::optional<std::string> ServedAlone(const FlagDefinition& flag, const std::string& environment) {
  const Targeting* targeting = flag.FindEnvironment(environment);
  if (targeting == nullptr) return flag.type == FlagType::kBoolean ? std::optional<std::string>("off") : std::nullopt;
  if (!targeting->enabled) return targeting->off.empty() ? std::nullopt : std::optional(targeting->off);
  if (!targeting->default_serve || !targeting->requirements.empty()) return std::nullopt;
  std::set<std::string> served;
  bool is_fixed = true;
  const auto add = [&](const Serve& serve) {
    const auto* fixed = std::get_if<FixedServe>(&serve);
    is_fixed = is_fixed && fixed != nullptr;
    if (fixed != nullptr) served.insert(fixed->variation);
  };
  for (const Targets& targets : targeting->targets) {
    if (!targets.keys.empty()) served.insert(targets.variation);
  }
  for (const Rule& rule : targeting->rules) add(rule.serve);
  add(targeting->default_serve->serve);
  return is_fixed && served.size() == 1 ? std::optional(*served.begin()) : std::nullopt;
}

// nullopt: files leave it to the server.
std::optional<ExperimentStatus> StatusOf(const ExperimentRecord& record, bool of_files) {
  return of_files ? record.definition.state : std::optional(record.state.status);
}

// Whether it may serve somebody another variation than its flag would, now or as soon as it goes on.
bool MayServe(const ExperimentRecord& record, bool of_files) {
  const std::optional<ExperimentStatus> status = StatusOf(record, of_files);
  if (!status) return true;
  switch (*status) {
    case ExperimentStatus::kScheduled:
    case ExperimentStatus::kRunning:
    case ExperimentStatus::kPaused:
      return true;
    case ExperimentStatus::kDraft:
      return !record.definition.force.empty();
    case ExperimentStatus::kConcluded:
      return !record.definition.holdout.empty();
    case ExperimentStatus::kStopped:
      return false;
  }
  return true;
}

// The experiment that keeps a flag from serving one variation alone; "": none does. One that cannot be read may.
std::string ServingExperiment(const Held& all, const FlagDefinition& flag, const std::string& environment) {
  const Targeting* targeting = flag.FindEnvironment(environment);
  if (targeting == nullptr || !targeting->enabled) return "";
  for (const ExperimentRecord& record : all.entities.experiments) {
    const Experiment& experiment = record.definition;
    if (experiment.flag == flag.key && experiment.environment == environment && !experiment.archived &&
        MayServe(record, all.of_files)) {
      return experiment.key;
    }
  }
  for (const Undecodable& other : all.undecodable) {
    if (other.flag == flag.key) return other.ref.key;
  }
  return "";
}

std::vector<std::string> NamesOf(const FlagDefinition& flag) {
  std::vector<std::string> names;
  for (const Variation& variation : flag.variations) names.push_back(variation.name);
  return names;
}

std::string List(const std::vector<std::string>& names) {
  std::string text;
  for (const std::string& name : names) text += (text.empty() ? "" : ", ") + name;
  return text;
}

Result<Surviving> ChosenOf(const Held& all, const FlagDefinition& flag, const RemoveOptions& options) {
  std::string name = options.keep;
  if (name.empty()) {
    if (flag.archived) {
      return Fail(ErrorCode::kInvalid, "flag '" + flag.key + "' is archived, and serves what each caller falls back " +
                                           "on: say with --keep which variation stays (" + List(NamesOf(flag)) + ")");
    }
    const std::optional<std::string> alone = ServedAlone(flag, options.environment);
    const std::string experiment = ServingExperiment(all, flag, options.environment);
    if (!alone || !experiment.empty()) {
      return Fail(ErrorCode::kInvalid, "flag '" + flag.key + "' does not serve one variation alone in " +
                                           options.environment +
                                           (experiment.empty() ? "" : ", as experiment '" + experiment + "' is on it") +
                                           ": say with --keep which one stays (" + List(NamesOf(flag)) + ")");
    }
    name = *alone;
  }
  const Variation* variation = flag.FindVariation(name);
  if (variation == nullptr) {
    return Fail(ErrorCode::kInvalid,
                "flag '" + flag.key + "' has no variation '" + name + "'; it has " + List(NamesOf(flag)));
  }
  return Surviving{name, variation->value};
}

// Without a definition: on, off, a number, or a text that is its own name.
Surviving Literally(const std::string& keep) {
  if (keep == "on" || keep == "true") return {keep, Value(true)};
  if (keep == "off" || keep == "false") return {keep, Value(false)};
  const Result<Value> number = ParseJson(keep);
  return {keep, number && number->is_number() ? *number : Value(keep)};
}

Error NoSuchFlag(const EntitySet& entities, const std::string& key, const std::string& where) {
  std::vector<std::string> keys;
  for (const FlagRecord& record : entities.flags) keys.push_back(record.definition.key);
  const std::string hint = DidYouMean(key, keys);
  return {ErrorCode::kNotFound, where + " has no flag '" + key + "'" + (hint.empty() ? "" : " (" + hint + ")"), {}};
}

// The exit code of what went wrong; said already.
std::optional<int> FindSurviving(const RemoveOptions& options, Surviving& surviving) {
  const auto take = [&](const Held& all, const std::string& where) -> std::optional<int> {
    const FlagRecord* record = all.entities.FindFlag(options.flag);
    const FlagDefinition* flag = record == nullptr ? nullptr : &record->definition;
    if (flag == nullptr) return Explain(NoSuchFlag(all.entities, options.flag, where), options.json);
    const Result<Surviving> chosen = ChosenOf(all, *flag, options);
    if (!chosen) return Explain(chosen.error(), options.json);
    surviving = *chosen;
    return std::nullopt;
  };
  if (!options.workspace.empty()) {
    const Result<Workspace> workspace = ReadValidFiles(options.workspace);
    if (!workspace) return Explain(workspace.error(), options.json);
    const Project& project = workspace->definitions.project;
    if (!options.environment.empty() && project.FindEnvironment(options.environment) == nullptr) {
      return Explain(NoSuchEnvironment(project, options.environment), options.json);
    }
    return take({workspace->definitions.entities, true}, "the workspace");
  }
  if (options.environment.empty()) {
    surviving = Literally(options.keep);
    return std::nullopt;
  }
  const Result<std::string> project = ResolveProject(options.connection, options.project);
  if (!project) return Explain(project.error(), options.json);
  const Result<ApiAnswer> answer =
      Ask(options.connection, "GET", EnvironmentPath(*project, options.environment) + "/snapshot");
  if (!answer) return Explain(answer.error(), options.json);
  if (!answer->ok()) return Explain(*answer, options.json);
  const Result<SnapshotDocument> document = DecodeSnapshot(answer->text);
  if (!document) return Explain(document.error(), options.json);
  return take({document->snapshot.entities, false, document->undecodable}, options.environment);
}

// ---- The program that parses
// -----------------------------------------------------------------------------------------

// Beside this one; "" when it is not there.
std::string HelperPath() {
  std::error_code error;
  const fs::path self = fs::read_symlink("/proc/self/exe", error);
  const fs::path path = self.parent_path() / kHelper;
  return !error && access(path.c_str(), X_OK) == 0 ? path.string() : "";
}

Error SystemError(const std::string& what) {
  return {ErrorCode::kIo, what + ": " + std::strerror(errno), {}};
}

bool WriteAll(int file, std::string_view text) {
  while (!text.empty()) {
    const ssize_t count = write(file, text.data(), text.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return false;
    text.remove_prefix(static_cast<std::size_t>(count));
  }
  return true;
}

// It reads all of its input before it writes anything. Its complaints go where ours go.
Result<std::string> Start(const std::string& path, const std::string& input) {
  std::array<int, 2> in{}, out{};
  if (pipe2(in.data(), O_CLOEXEC) != 0) return Fail(SystemError("no pipe"));
  if (pipe2(out.data(), O_CLOEXEC) != 0) {
    close(in[0]), close(in[1]);
    return Fail(SystemError("no pipe"));
  }
  const pid_t child = fork();
  if (child == 0) {
    dup2(in[0], STDIN_FILENO);
    dup2(out[1], STDOUT_FILENO);
    execl(path.c_str(), path.c_str(), static_cast<char*>(nullptr));
    _exit(127);
  }
  close(in[0]), close(out[1]);
  if (child < 0) {
    close(in[1]), close(out[0]);
    return Fail(SystemError("cannot start " + path));
  }
  const auto before = std::signal(SIGPIPE, SIG_IGN);  // it may end before it has read everything
  WriteAll(in[1], input);
  close(in[1]);
  std::signal(SIGPIPE, before);
  std::string text;
  std::array<char, 1 << 16> chunk{};
  while (text.size() <= kMostAnswerBytes) {
    const ssize_t count = read(out[0], chunk.data(), chunk.size());
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) break;
    text.append(chunk.data(), static_cast<std::size_t>(count));
  }
  close(out[0]);
  int status = 0;
  while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  if (WIFSIGNALED(status)) {
    return Fail(ErrorCode::kInternal,
                std::string(kHelper) + " was ended by signal " + std::to_string(WTERMSIG(status)));
  }
  if (WEXITSTATUS(status) != 0) return Fail(ErrorCode::kInvalid, "the code could not be looked at");
  return text;
}

// ---- The verb
// --------------------------------------------------------------------------------------------------------

class Removing {
 public:
  explicit Removing(const RemoveOptions& options) : options_(options) {}

  int Run() {
    if (const std::optional<int> stop = FindSurviving(options_, surviving_)) return *stop;
    std::vector<refs::SkippedFile> skipped;
    const Result<std::vector<refs::FoundFile>> files =
        refs::FilesOf(options_.code, refs::ScanOptions().max_files, skipped);
    if (!files) return Explain(files.error(), options_.json);
    for (const refs::FoundFile& file : *files) {
      std::error_code error;
      const std::string real = fs::canonical(file.path, error).string();
      if (error) continue;
      shown_.emplace(real, file.path);
      languages_.emplace(real, file.language);
    }
    if (const std::optional<int> stop = AskHelper()) return *stop;
    if (const std::optional<int> stop = LookAtTheRest()) return *stop;
    PlaceLines();
    if (options_.write) {
      if (const Status written = Write(); !written) return Explain(written.error(), options_.json);
    }
    options_.json ? SayAsJson() : Say();
    return left_.empty() ? kPass : kProblem;
  }

 private:
  int Refuse(const std::string& why) const { return Explain({ErrorCode::kInvalid, why, {}}, options_.json); }

  Status Write() const {
    std::vector<Replacement> files;
    for (const removal::Rewritten& file : answer_.files) files.push_back({file.file, file.before, file.after});
    return ReplaceAll(files);
  }

  std::string Shown(const std::string& file) const {
    const auto found = shown_.find(file);
    return found == shown_.end() ? file : found->second;
  }

  // Of the folder above the code that has one, itself or in a folder `build` or one level below that.
  std::string FindBuild() const {
    constexpr const char* kName = "compile_commands.json";
    std::error_code error;
    fs::path at = fs::canonical(options_.code.front(), error);
    for (; !at.empty(); at = at.parent_path()) {
      for (const fs::path& folder : {at, at / "build"}) {
        if (fs::exists(folder / kName, error)) return folder.string();
      }
      std::set<std::string> below;
      for (fs::directory_iterator entries(at / "build", error), end; !error && entries != end;
           entries.increment(error)) {
        if (fs::exists(entries->path() / kName, error)) below.insert(entries->path().string());
      }
      if (!below.empty()) return *below.begin();
      if (fs::exists(at / ".git", error) || at == at.root_path()) break;
    }
    return "";
  }

  std::optional<int> AskHelper() {
    removal::Request request{
        options_.flag, surviving_.variation, surviving_.value, AccessorName(options_.flag), options_.build, {}};
    for (const auto& [file, language] : languages_) {
      if (language == refs::Language::kCpp) request.files.push_back(file);
    }
    if (request.files.empty()) return std::nullopt;
    const std::string helper = HelperPath();
    if (helper.empty()) {
      return Refuse(std::string(kHelper) +
                    " is not beside guidon: install the package guidon-remove, or build with -DGUIDON_REMOVE=ON, "
                    "which needs libclang-16-dev and llvm-16-dev");
    }
    if (request.build.empty()) request.build = FindBuild();
    std::error_code error;
    if (request.build.empty() || !fs::exists(fs::path(request.build) / "compile_commands.json", error)) {
      return Refuse((request.build.empty() ? "no compile_commands.json was found above " + options_.code.front()
                                           : "there is no compile_commands.json in " + request.build) +
                    ": have CMake write it (-DCMAKE_EXPORT_COMPILE_COMMANDS=ON), and name its folder with -p");
    }
    const Result<std::string> text = Start(helper, removal::ToJson(request));
    if (!text) return Explain(text.error(), options_.json);
    Result<removal::Answer> answer = removal::ReadAnswer(*text);
    if (!answer) return Refuse(std::string(kHelper) + " answered what cannot be read: " + answer.error().message);
    answer_ = *std::move(answer);
    left_ = answer_.left;
    return std::nullopt;
  }

  // Reads that remain: in other languages, and where the compiler did not look.
  std::optional<int> LookAtTheRest() {
    refs::ScanOptions scanning;
    if (!options_.config.empty()) {
      Result<refs::Config> config = ReadRefsConfig(options_.config);
      if (!config) return Explain(config.error(), options_.json);
      scanning.config = *std::move(config);
    }
    const Result<refs::Scan> scan = refs::FindReferences(options_.code, scanning);
    if (!scan) return Explain(scan.error(), options_.json);
    for (const refs::SkippedFile& file : scan->skipped) Complain("not looked at: " + file.file + ": " + file.reason);
    std::map<std::string, const removal::Rewritten*> rewritten;
    for (const removal::Rewritten& file : answer_.files) rewritten.emplace(file.file, &file);
    std::vector<refs::Reference> references;
    std::vector<refs::Call> calls = refs::KnownCalls();
    calls.insert(calls.end(), scanning.config.calls.begin(), scanning.config.calls.end());
    for (const auto& [file, language] : languages_) {
      if (language != refs::Language::kCpp) continue;
      const Result<std::string> text = ReadFile(file, kMostFileBytes);
      if (!text || !refs::IsGenerated(*text)) continue;
      for (refs::Call& call : refs::AccessorsOf(*text)) calls.push_back(std::move(call));
    }
    const refs::CallTable table(std::move(calls));
    for (const auto& [file, changed] : rewritten) {
      std::vector<refs::Reference> found;
      refs::ScanText(changed->after, refs::Language::kCpp, table, file, found);
      for (const refs::Reference& reference : found) AddRest(file, reference, true);
    }
    for (const refs::Reference& reference : scan->references) {
      std::error_code error;
      const std::string file = fs::canonical(reference.file, error).string();
      if (rewritten.count(file) == 0) AddRest(file, reference, false);
    }
    return std::nullopt;
  }

  void AddRest(const std::string& file, const refs::Reference& reference, bool of_after) {
    if (reference.key != options_.flag) return;
    int line = reference.line;
    if (of_after) line = Before(file, line);
    const bool is_known = std::any_of(left_.begin(), left_.end(), [&](const removal::Left& left) {
      return left.file == file && (left.line == line || left.line == 0);
    });
    if (is_known) return;
    const bool is_cpp = reference.language == refs::Language::kCpp;
    left_.push_back({file, line, reference.column,
                     is_cpp ? "the compiler does not see it here: it is of another #if, or no unit has the file"
                            : std::string(ToString(reference.language)) + ": " + reference.by + " reads it",
                     false});
  }

  // ---- Lines -----------------------------------------------------------------------------------------------------

  const removal::Rewritten* Changed(const std::string& file) const {
    for (const removal::Rewritten& changed : answer_.files) {
      if (changed.file == file) return &changed;
    }
    return nullptr;
  }

  static int Mapped(std::string_view from, std::string_view to, int line) {
    const std::vector<std::size_t> lines = LinesIn(from, to);
    if (line < 1 || static_cast<std::size_t>(line) > lines.size()) return line;
    return static_cast<int>(lines[static_cast<std::size_t>(line) - 1]) + 1;
  }
  int Before(const std::string& file, int line) const {
    const removal::Rewritten* changed = Changed(file);
    return changed == nullptr ? line : Mapped(changed->after, changed->before, line);
  }

  // Places are those of the files as they are when this has ended.
  void PlaceLines() {
    for (removal::Left& left : left_) {
      const removal::Rewritten* changed = Changed(left.file);
      if (changed != nullptr && left.of_after != options_.write) {
        left.line = left.of_after ? Mapped(changed->after, changed->before, left.line)
                                  : Mapped(changed->before, changed->after, left.line);
      }
      left.file = Shown(left.file);
    }
    std::sort(left_.begin(), left_.end());
  }

  // ---- What is said ----------------------------------------------------------------------------------------------

  void SayAsJson() const {
    Array files, left;
    for (const removal::Rewritten& file : answer_.files) {
      files.push_back(Object{{"file", Value(Shown(file.file))},
                             {"diff", Value(UnifiedDiff(Shown(file.file), file.before, file.after))}});
    }
    for (const removal::Left& place : left_) {
      Object object{{"file", Value(place.file)}};
      if (place.line > 0) {
        object.Append("line", Value(place.line));
        object.Append("column", Value(place.column));
      }
      object.Append("why", Value(place.why));
      left.push_back(Value(std::move(object)));
    }
    PrintJson(Object{{"flag", Value(options_.flag)},
                     {"kept", Object{{"variation", Value(surviving_.variation)}, {"value", surviving_.value}}},
                     {"written", Value(options_.write)},
                     {"reads", Value(answer_.reads)},
                     {"folds", Value(answer_.folds)},
                     {"files", Value(std::move(files))},
                     {"left", Value(std::move(left))}});
  }

  void Say() const {
    if (!options_.write) {
      for (const removal::Rewritten& file : answer_.files) {
        std::cout << UnifiedDiff(Shown(file.file), file.before, file.after);
      }
      if (!answer_.files.empty()) std::cout << "\n";
    }
    const std::string flag = Printable(options_.flag);
    if (answer_.reads == 0 && answer_.files.empty()) {
      std::cout << (left_.empty() ? "the code does not read " + flag : "nothing to change for " + flag) << "\n";
    } else {
      std::cout << Out().Bold(flag) << " = " << ToJson(surviving_.value) << ": " << Plural(answer_.reads, "read")
                << " replaced, " << (answer_.folds == 1 ? "1 branch" : std::to_string(answer_.folds) + " branches")
                << " folded, " << Plural(answer_.files.size(), "file") << (options_.write ? " written" : " to change")
                << "\n";
    }
    if (left_.empty()) return;
    std::cout << "left by hand:\n";
    for (const removal::Left& place : left_) {
      std::string at = Printable(place.file);
      if (place.line > 0) at += ":" + std::to_string(place.line) + ":" + std::to_string(place.column);
      std::cout << "  " << at << "\n" << Wrapped(Printable(place.why), 6) << "\n";
    }
  }

  const RemoveOptions& options_;
  Surviving surviving_;
  std::map<std::string, std::string> shown_;  // real path -> as a person would open it
  std::map<std::string, refs::Language> languages_;
  removal::Answer answer_;
  std::vector<removal::Left> left_;
};

}  // namespace

int Remove(const RemoveOptions& options) {
  return Removing(options).Run();
}

}  // namespace guidon::cli
