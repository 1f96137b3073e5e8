#include "server/config/config_file.h"

#include <filesystem>
#include <fstream>
#include <sstream>
#include <system_error>

#include "yaml/yaml.h"

namespace guidon {
namespace {

Result<std::string> ReadText(const std::string& path) {
  std::error_code error;
  // A folder opens like a file and reads like an empty one.
  const bool is_folder = std::filesystem::is_directory(path, error);
  std::ifstream file(path, std::ios::binary);
  if (is_folder || !file) {
    return Fail(ErrorCode::kIo, "cannot read the configuration file " + path + ": " +
                                    (is_folder ? "it is a folder" : "no such file, or not readable"));
  }
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

std::string Line(const std::string& path, SourcePosition at, const Issue& issue) {
  return path + ":" + std::to_string(at.line) + ":" + std::to_string(at.column) + ": " + issue.message +
         (issue.hint.empty() ? "" : "; " + issue.hint);
}

Status FailWith(const std::vector<std::string>& lines) {
  std::string message;
  for (const std::string& line : lines) message += (message.empty() ? "" : "\n") + line;
  return Fail(ErrorCode::kInvalid, message);
}

}  // namespace

Status ReadConfigFile(Config& config, const std::string& path) {
  const Result<std::string> text = ReadText(path);
  if (!text) return Fail(text.error());
  const YamlResult yaml = ParseYaml(*text);
  std::vector<std::string> lines;
  for (const YamlFault& fault : yaml.faults) lines.push_back(Line(path, fault.at, fault.issue));
  if (!lines.empty()) return FailWith(lines);
  if (yaml.documents.empty()) return {};
  if (yaml.documents.size() > 1) return FailWith({path + ": a configuration file is one YAML document"});
  const YamlDocument& document = yaml.documents[0];
  for (const Issue& issue : ReadConfig(config, document.value)) {
    // A value that is not there has no place.
    const bool is_key = issue.code == "unknown_key" || issue.code == "no_value";
    lines.push_back(
        Line(path, is_key ? document.positions.OfKey(issue.path) : document.positions.Of(issue.path), issue));
  }
  return lines.empty() ? Status() : FailWith(lines);
}

}  // namespace guidon
