#include "bench/refs/plants.h"

#include <algorithm>
#include <array>
#include <filesystem>
#include <fstream>
#include <random>
#include <sstream>
#include <stdexcept>
#include <vector>

namespace guidon::bench {
namespace {

namespace fs = std::filesystem;

// KEY stands for the key.
constexpr std::array kReads = {
    "inline bool KEY_a = client.Bool(\"KEY\", user, false);",
    "inline auto KEY_a = client->String(\"KEY\", MakeUser(\"x\", 1), \"off\");",
    "inline auto KEY_a = pin.Int(R\"(KEY)\", user, 1'000);",
    "inline auto KEY_a = client.Double(/* \"no\" */ \"KEY\", user, 0.5);",
    "inline auto KEY_a = client.BoolDetail(\n    \"KEY\",\n    user,\n    true).value;",
    "inline guidon::Flag<bool> KEY_a(client, \"KEY\", false);",
    "inline auto KEY_a = guidon_bool(client, \"KEY\", user, false);",
    "inline auto KEY_a = Pick('\"', client.Json(\"KEY\", user, {}));",
    "inline auto KEY_a = provider->GetBooleanValue(\"KEY\", false);",
    "#define KEY_A(client, user) client.Bool(\"KEY\", user, false)",
};
constexpr std::array kDecoys = {
    "// client.Bool(\"KEY\", user, false);",
    "/* client.Bool(\"KEY\", user, false);\n   \" ' */",
    "inline const char* KEY_a = \"client.Bool(\\\"KEY\\\", user, false)\";",
    "inline const char* KEY_a = R\"x(\")\" client.Bool(\"KEY\", user, false);)x\";",
    "inline auto KEY_a = writer.String(\"KEY\", 7, true);",
    "inline auto KEY_a = Bool(\"KEY\", user, false);",
    "inline auto KEY_a = client.Bool(\"KEY\" + suffix, user, false);",
    "inline auto KEY_a = client.Boolean(\"KEY\", user, false);",
    "#if 0\nclient.Bool(\"KEY\", user, false);\n#endif",
    "inline auto KEY_a = settings.find(\"KEY\");",
};

std::string Filled(std::string text, const std::string& key) {
  for (std::size_t at; (at = text.find("KEY")) != std::string::npos;) text.replace(at, 3, key);
  return text;
}

std::vector<fs::path> CppFilesOf(const std::string& folder) {
  std::vector<fs::path> files;
  for (const auto& entry : fs::recursive_directory_iterator(folder)) {
    if (entry.is_regular_file() && refs::LanguageOf(entry.path().string()) == refs::Language::kCpp) {
      files.push_back(entry.path());
    }
  }
  std::sort(files.begin(), files.end());
  if (files.empty()) throw std::runtime_error("there is no file of C++ in " + folder);
  return files;
}

// Line breaks of the file stay as they are.
void Insert(const fs::path& path, const std::string& text, std::size_t where) {
  std::stringstream read;
  read << std::ifstream(path, std::ios::binary).rdbuf();
  std::string file = read.str();
  std::size_t at = where == 0 ? 0 : file.size();
  if (where == 1) {
    const std::size_t include = file.find("\n#include ");
    if (include != std::string::npos) at = std::min(file.find('\n', include + 1), file.size());
  }
  file.insert(at, "\n" + text + "\n");
  std::ofstream(path, std::ios::binary) << file;
}

}  // namespace

Plants Plant(const std::string& folder) {
  const std::vector<fs::path> files = CppFilesOf(folder);
  std::mt19937 random(20270331);
  Plants plants;
  for (std::size_t i = 0; i < kPlanted; ++i) {
    const std::string key = "planted_" + std::to_string(i);
    plants.keys.insert(key);
    Insert(files[random() % files.size()], Filled(kReads[i % kReads.size()], key), i / kReads.size() % 3);
    Insert(files[random() % files.size()], Filled(kDecoys[i % kDecoys.size()], "decoy_" + std::to_string(i)),
           i / kDecoys.size() % 3);
    ++plants.decoys;
  }
  return plants;
}

Score ScoreOf(const Plants& plants, const refs::Scan& scan) {
  Score score;
  std::set<std::string> found;
  for (const refs::Reference& reference : scan.references) {
    const bool is_right = plants.keys.contains(reference.key) && found.insert(reference.key).second;
    ++(is_right ? score.right : score.wrong);
  }
  score.missed = plants.keys.size() - found.size();
  return score;
}

}  // namespace guidon::bench
