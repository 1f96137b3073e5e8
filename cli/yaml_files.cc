#include "cli/yaml_files.h"

#include <algorithm>
#include <filesystem>
#include <iterator>

namespace guidon::cli {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kMaxFiles = 100'000;  // as many as a workspace may have

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

}  // namespace

Result<std::vector<std::string>> YamlFilesOf(const std::vector<std::string>& paths) {
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

}  // namespace guidon::cli
