#include "tests/gate/workspaces.h"

#include <filesystem>
#include <fstream>

namespace guidon::gate {

Files::Files(const std::vector<std::pair<std::string, std::string>>& files) {
  std::ofstream(folder_ / "guidon.yaml") << "project: shop\nenvironments: { staging: {}, production: {} }\n";
  for (const auto& [file, text] : files) {
    const std::filesystem::path place = folder_ / file;
    std::filesystem::create_directories(place.parent_path());
    std::ofstream(place, std::ios::binary) << text;
  }
}

Workspace Files::Read() const {
  return ReadWorkspace(folder_.path()).value();
}

}  // namespace guidon::gate
