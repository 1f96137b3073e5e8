#include "refs/walk.h"

#include <dirent.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <memory>
#include <optional>
#include <unordered_set>
#include <utility>

#include "refs/ignore.h"

namespace guidon::refs {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kMaxIgnoreBytes = 1u << 20;  // a larger .gitignore is skipped, and said
constexpr std::size_t kMaxDepth = 256;             // of folders; deeper ones are skipped, and said

// The patterns of one folder, and of those above it.
struct Level {
  std::shared_ptr<const Level> above;
  IgnoreRules rules;
  std::size_t folder = 0;  // bytes of its path, with the slash behind it; paths are asked for from there on
  std::string prefix;      // before them, where the patterns are of a folder above the source: "server/"
};

bool IsIgnored(const Level* level, const std::string& path, bool is_folder) {
  for (; level != nullptr; level = level->above.get()) {
    const IgnoreRules::Answer answer = level->rules.Ask(level->prefix + path.substr(level->folder), is_folder);
    if (answer != IgnoreRules::Answer::kNothing) return answer == IgnoreRules::Answer::kIgnored;
  }
  return false;
}

class Walker {
 public:
  Walker(std::size_t max_files, bool may_overlap, std::vector<SkippedFile>& skipped)
      : max_files_(max_files), may_overlap_(may_overlap), skipped_(skipped) {}

  Status Add(const std::string& source) {
    struct stat status {};
    if (::stat(source.c_str(), &status) != 0) {
      return Fail(ErrorCode::kIo, "cannot look at " + source + ": " + std::strerror(errno));
    }
    if (!S_ISDIR(status.st_mode)) return AddFile(source);
    std::string folder = fs::path(source).lexically_normal().generic_string();
    if (folder == ".") folder.clear();
    if (!folder.empty() && folder.back() != '/') folder += '/';
    source_ = folder.size();
    if (may_overlap_) canonical_ = Canonical(Opened(folder)) + "/";
    return Walk(folder, LevelsAbove(folder), 0);
  }

  std::vector<FoundFile> Take() {
    std::sort(files_.begin(), files_.end(), [](const auto& a, const auto& b) { return a.path < b.path; });
    return std::move(files_);
  }

 private:
  Status AddFile(const std::string& source) {
    const std::optional<Language> language = LanguageOf(source);
    if (!language) {
      return Fail(ErrorCode::kInvalid, source +
                                           " is in no language that we know by its ending: give a folder, or a "
                                           "file of C, C++, Python, JavaScript, TypeScript, Go, Java, Rust or YAML");
    }
    if (may_overlap_ && !seen_.insert(Canonical(source)).second) return {};
    files_.push_back({fs::path(source).lexically_normal().generic_string(), *language});
    return {};
  }

  // Empty, or with a slash behind it.
  static std::string Opened(const std::string& folder) { return folder.empty() ? "." : folder; }

  static std::string Canonical(const std::string& path) {
    std::error_code error;
    const fs::path canonical = fs::canonical(path, error);
    return error ? fs::path(path).lexically_normal().generic_string() : canonical.generic_string();
  }

  std::shared_ptr<const Level> WithRulesOf(const std::string& file, std::size_t folder, std::string prefix,
                                           std::shared_ptr<const Level> above) {
    std::error_code error;
    const std::uintmax_t size = fs::file_size(file, error);
    if (error) return above;
    if (size > kMaxIgnoreBytes) {
      skipped_.push_back({file, "larger than 1 MiB: its patterns are not obeyed"});
      return above;
    }
    std::string text(static_cast<std::size_t>(size), '\0');
    std::ifstream in(file, std::ios::binary);
    in.read(text.data(), static_cast<std::streamsize>(size));
    text.resize(static_cast<std::size_t>(in.gcount()));
    IgnoreRules rules(text);
    if (rules.empty()) return above;
    return std::make_shared<Level>(Level{std::move(above), std::move(rules), folder, std::move(prefix)});
  }

  // Of the folders above a source, down from the one that holds `.git`.
  std::shared_ptr<const Level> LevelsAbove(const std::string& folder) {
    std::error_code error;
    const fs::path whole = fs::weakly_canonical(folder.empty() ? "." : folder, error);
    fs::path root = whole;
    while (!fs::exists(root / ".git", error)) {
      if (root == root.root_path()) return nullptr;
      root = root.parent_path();
    }
    const auto below = [&](const fs::path& above) {
      const std::string text = whole.lexically_relative(above).generic_string();
      return text == "." ? std::string() : text + "/";
    };
    std::shared_ptr<const Level> level =
        WithRulesOf((root / ".git" / "info" / "exclude").string(), folder.size(), below(root), nullptr);
    std::vector<fs::path> way;
    for (fs::path at = whole; at != root; at = at.parent_path()) way.push_back(at.parent_path());
    for (auto at = way.rbegin(); at != way.rend(); ++at) {
      level = WithRulesOf((*at / ".gitignore").string(), folder.size(), below(*at), level);
    }
    return level;
  }

  // `folder` is empty or ends in a slash.
  Status Walk(const std::string& folder, std::shared_ptr<const Level> level, std::size_t depth) {
    const std::string opened = Opened(folder);
    if (depth > kMaxDepth) {
      skipped_.push_back({folder, "more than 256 folders deep"});
      return {};
    }
    const std::unique_ptr<DIR, int (*)(DIR*)> dir(::opendir(opened.c_str()), &::closedir);
    if (dir == nullptr) {
      skipped_.push_back({opened, std::strerror(errno)});
      return {};
    }
    level = WithRulesOf(folder + ".gitignore", folder.size(), "", std::move(level));
    std::vector<std::string> folders;
    while (const dirent* entry = ::readdir(dir.get())) {
      const std::string name = entry->d_name;
      if (name == "." || name == ".." || name == ".git") continue;
      const unsigned char type = TypeOf(*entry, folder + name);
      if (type == DT_DIR) {
        if (!IsIgnored(level.get(), folder + name, true)) folders.push_back(folder + name + "/");
      } else if (type == DT_REG) {
        const std::optional<Language> language = LanguageOf(name);
        if (!language || IsIgnored(level.get(), folder + name, false)) continue;
        if (may_overlap_ && !seen_.insert(canonical_ + folder.substr(source_) + name).second) continue;
        if (files_.size() == max_files_) {
          return Fail(ErrorCode::kTooLarge, "there are more than " + std::to_string(max_files_) +
                                                " files to look at: name folders that are smaller");
        }
        files_.push_back({folder + name, *language});
      }
    }
    for (const std::string& below : folders) {
      if (Status walked = Walk(below, level, depth + 1); !walked) return walked;
    }
    return {};
  }

  static unsigned char TypeOf(const dirent& entry, const std::string& path) {
    if (entry.d_type != DT_UNKNOWN) return entry.d_type;
    struct stat status {};
    if (::lstat(path.c_str(), &status) != 0) return DT_UNKNOWN;
    return S_ISDIR(status.st_mode) ? DT_DIR : S_ISREG(status.st_mode) ? DT_REG : DT_LNK;
  }

  const std::size_t max_files_;
  const bool may_overlap_;  // there are several sources
  std::vector<SkippedFile>& skipped_;
  std::size_t source_ = 0;  // bytes of the source that is walked
  std::string canonical_;   // the same place, with a slash behind it: links within a source are not followed
  std::unordered_set<std::string> seen_;
  std::vector<FoundFile> files_;
};

}  // namespace

Result<std::vector<FoundFile>> FilesOf(const std::vector<std::string>& sources, std::size_t max_files,
                                       std::vector<SkippedFile>& skipped) {
  Walker walker(max_files, sources.size() > 1, skipped);
  for (const std::string& source : sources) {
    if (Status added = walker.Add(source); !added) return Fail(added.error());
  }
  return walker.Take();
}

}  // namespace guidon::refs
