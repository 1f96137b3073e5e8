// guidon fmt DIR|FILE...: the one layout of YAML, with every comment kept.
#include <algorithm>
#include <filesystem>
#include <iostream>
#include <iterator>
#include <string>
#include <vector>

#include "cli/api_client.h"
#include "cli/output.h"
#include "cli/unified_diff.h"
#include "cli/verbs.h"
#include "format/format.h"
#include "workspace/file.h"

namespace guidon::cli {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kMaxFiles = 100'000;  // as many as a workspace may have

// The YAML below the folder, hidden files and folders aside, in order.
Status CollectFrom(const std::string& folder, std::vector<std::string>& files) {
  std::error_code error;
  std::vector<std::string> found;
  fs::recursive_directory_iterator entries(folder, error);
  for (; !error && entries != fs::recursive_directory_iterator(); entries.increment(error)) {
    const std::string name = entries->path().filename().string();
    std::error_code ignored;
    if (name.starts_with('.')) {
      entries.disable_recursion_pending();
    } else if ((name.ends_with(".yaml") || name.ends_with(".yml")) && entries->is_regular_file(ignored)) {
      found.push_back(entries->path().string());
    }
    if (found.size() > kMaxFiles) {
      return Fail(ErrorCode::kTooLarge, folder + " holds more than " + std::to_string(kMaxFiles) + " YAML files");
    }
  }
  if (error) return Fail(ErrorCode::kIo, folder + " cannot be read: " + error.message());
  std::sort(found.begin(), found.end());
  std::move(found.begin(), found.end(), std::back_inserter(files));
  return {};
}

Result<std::vector<std::string>> FilesOf(const std::vector<std::string>& paths) {
  std::vector<std::string> files;
  for (const std::string& path : paths) {
    std::error_code error;
    if (!fs::is_directory(path, error)) {
      files.push_back(path);
    } else if (const Status collected = CollectFrom(path, files); !collected) {
      return Fail(collected.error());
    }
  }
  return files;
}

struct Outcome {
  std::vector<std::string> changed;
  bool failed = false;
};

void FormatFile(const FmtOptions& options, const std::string& file, Outcome& outcome) {
  const auto refuse = [&](const std::string& why) {
    outcome.failed = true;
    Complain(why);
  };
  const Result<std::string> before = ReadFile(file, YamlLimits().max_bytes);
  if (!before) return refuse(before.error().message);
  const Result<std::string> after = FormatYaml(*before);
  if (!after) return refuse(file + ":" + after.error().message);
  if (*after == *before) return;
  outcome.changed.push_back(file);
  if (options.diff) std::cout << UnifiedDiff(file, *before, *after);
  if (options.check || options.diff) return;
  if (const Status written = WriteFile(file, *after); !written) refuse(written.error().message);
}

int FormatInput(const FmtOptions& options) {
  std::string before;
  constexpr std::size_t kChunk = 64 << 10;
  const std::size_t most = YamlLimits().max_bytes;
  while (std::cin && before.size() <= most) {
    std::string chunk(kChunk, '\0');
    std::cin.read(chunk.data(), static_cast<std::streamsize>(chunk.size()));
    before.append(chunk, 0, static_cast<std::size_t>(std::cin.gcount()));
  }
  if (before.size() > most) {
    return Explain({ErrorCode::kTooLarge, "standard input has more than " + std::to_string(most) + " bytes", {}},
                   false);
  }
  const Result<std::string> after = FormatYaml(before);
  if (!after) {
    Complain("-:" + after.error().message);
    return kUsage;
  }
  if (options.diff) std::cout << UnifiedDiff("-", before, *after);
  if (!options.check && !options.diff) std::cout << *after;
  return (options.check || options.diff) && *after != before ? kProblem : kPass;
}

}  // namespace

int Fmt(const FmtOptions& options) {
  if (options.from_stdin) return FormatInput(options);
  const Result<std::vector<std::string>> files = FilesOf(options.paths);
  if (!files) return Explain(files.error(), false);
  Outcome outcome;
  for (const std::string& file : *files) FormatFile(options, file, outcome);
  const bool only_looks = options.check || options.diff;
  if (!options.diff) {
    for (const std::string& file : outcome.changed) {
      std::cout << (only_looks ? Out().Yellow("not formatted") : Out().Green("formatted")) << "  " << Printable(file)
                << "\n";
    }
  }
  if (outcome.failed) return kUsage;
  return only_looks && !outcome.changed.empty() ? kProblem : kPass;
}

}  // namespace guidon::cli
