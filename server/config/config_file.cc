#include "server/config/config_file.h"

#include <fstream>
#include <sstream>

#include "yaml/yaml.h"

namespace guidon {

Status ReadConfigFile(Config& config, const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) return Fail(ErrorCode::kIo, "cannot read the configuration file " + path);
  std::ostringstream text;
  text << file.rdbuf();
  const YamlResult yaml = ParseYaml(text.str());
  if (!yaml.faults.empty()) {
    const YamlFault& fault = yaml.faults[0];
    return Fail(ErrorCode::kInvalid, path + ":" + std::to_string(fault.at.line) + ":" +
                                         std::to_string(fault.at.column) + ": " + fault.issue.message);
  }
  if (yaml.documents.empty()) return {};
  Status read = ReadConfig(config, yaml.documents[0].value);
  if (!read) return Fail(read.error().code, path + ": " + read.error().message);
  return {};
}

}  // namespace guidon
