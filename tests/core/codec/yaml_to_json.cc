// Prints YAML files as one JSON object, {"PATH": [DOCUMENT, …]}, read as the workspace reader does; exit 1 at a fault.
//
//   yaml_to_json FILE...
#include <fstream>
#include <iostream>
#include <sstream>

#include "core/base/json.h"
#include "yaml/yaml.h"

int main(int argc, char** argv) {
  guidon::Object files;
  for (int i = 1; i < argc; ++i) {
    std::ostringstream text;
    text << std::ifstream(argv[i]).rdbuf();
    guidon::YamlResult read = guidon::ParseYaml(text.str());
    for (const guidon::YamlFault& fault : read.faults) {
      std::cerr << argv[i] << ":" << fault.at.line << ": " << fault.issue.message << "\n";
      return 1;
    }
    guidon::Array documents;
    for (guidon::YamlDocument& document : read.documents) documents.push_back(std::move(document.value));
    files.Set(argv[i], std::move(documents));
  }
  std::cout << guidon::ToJson(guidon::Value(std::move(files))) << "\n";
  return 0;
}
