// What the documents say is so: settings and their defaults, metrics, and where links lead.
#include <gtest/gtest.h>

#include <algorithm>
#include <cctype>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <regex>
#include <set>
#include <sstream>

#include "server/config/config.h"

namespace guidon {
namespace {

namespace fs = std::filesystem;
const fs::path kRoot = GUIDON_SOURCE_DIR;

std::string ReadAll(const fs::path& file) {
  std::ifstream in(file, std::ios::binary);
  EXPECT_TRUE(in) << file;
  return std::string(std::istreambuf_iterator<char>(in), {});
}

// The rows `| `name` | `value` | …` of the section "## TITLE"; a cell without backquotes is empty.
std::map<std::string, std::string> TableOf(const std::string& text, const std::string& title) {
  std::map<std::string, std::string> rows;
  const std::size_t begin = text.find("\n## " + title + "\n");
  EXPECT_NE(begin, std::string::npos) << title;
  if (begin == std::string::npos) return rows;
  std::istringstream section(text.substr(begin, text.find("\n## ", begin + 1) - begin));
  const std::regex row("^\\| `([^`]+)` \\| (?:`([^`]*)` )?.*");
  std::smatch match;
  for (std::string line; std::getline(section, line);) {
    if (std::regex_match(line, match, row)) rows.emplace(match[1], match[2]);
  }
  return rows;
}

TEST(OperationsTest, EverySettingIsThereWithItsDefault) {
  std::map<std::string, std::string> wanted;
  const std::vector<std::string> names = SettingNames();
  std::istringstream printed(PrintConfig(Config()));  // in the order of the names
  std::size_t at = 0;
  for (std::string line; std::getline(printed, line); ++at) {
    std::string value = line.substr(line.find(": ") + 2);
    value.erase(std::remove(value.begin(), value.end(), '"'), value.end());
    wanted.emplace(names.at(at), value);
  }
  EXPECT_EQ(TableOf(ReadAll(kRoot / "docs/operations.md"), "Settings"), wanted);
}

TEST(OperationsTest, EverySettingIsSaidToBeForWhatItsHelpSays) {
  const std::string page = ReadAll(kRoot / "docs/operations.md");
  const std::string rows = page.substr(page.find("\n## Settings\n"));
  for (const SettingHelp& setting : DescribeSettings()) {
    std::string purpose(setting.purpose);
    ASSERT_NE(purpose, "") << setting.name;
    purpose[0] = static_cast<char>(std::tolower(purpose[0]));
    std::string row = rows.substr(rows.find("\n| `" + std::string(setting.name) + "` |") + 1);
    row = row.substr(0, row.find('\n'));
    row.erase(std::remove(row.begin(), row.end(), '`'), row.end());
    EXPECT_NE(row.find(" | " + purpose), std::string::npos) << "--help: " << purpose << "\nthe page: " << row;
  }
}

TEST(OperationsTest, EveryMetricIsThere) {
  std::set<std::string> wanted, found;
  const std::regex added("Add(?:Counter|Gauge|Histogram)\\(\\s*\"(guidon_[a-z_]+)\"");
  for (const auto& entry : fs::recursive_directory_iterator(kRoot / "server")) {
    if (entry.path().extension() != ".cc") continue;
    const std::string source = ReadAll(entry.path());
    for (std::sregex_iterator it(source.begin(), source.end(), added), end; it != end; ++it) wanted.insert((*it)[1]);
  }
  ASSERT_GE(wanted.size(), 10u) << "the pattern finds no metrics any more";
  for (const auto& [name, unused] : TableOf(ReadAll(kRoot / "docs/operations.md"), "Metrics")) found.insert(name);
  EXPECT_EQ(found, wanted);
}

std::vector<fs::path> Documents() {
  std::vector<fs::path> files;
  for (auto it = fs::recursive_directory_iterator(kRoot); it != fs::recursive_directory_iterator(); ++it) {
    const std::string name = it->path().filename().string();
    if (it->is_directory() && (name == "build" || name.starts_with('.'))) it.disable_recursion_pending();
    if (it->is_regular_file() && it->path().extension() == ".md") files.push_back(it->path());
  }
  return files;
}

TEST(DocumentsTest, LinksLeadToFilesThatAreThere) {
  const std::regex link("\\]\\(([^)#\\s]+)[^)]*\\)");
  std::size_t links = 0;
  for (const fs::path& file : Documents()) {
    const std::string text = ReadAll(file);
    for (std::sregex_iterator it(text.begin(), text.end(), link), end; it != end; ++it) {
      const std::string target = (*it)[1];
      if (target.find("://") != std::string::npos) continue;
      ++links;
      EXPECT_TRUE(fs::exists(file.parent_path() / target)) << file.lexically_relative(kRoot) << " links to " << target;
    }
  }
  EXPECT_GE(links, 20u) << "the pattern finds no links any more";
}

TEST(DocumentsTest, EveryTopLevelFolderSaysWhatItIs) {
  for (const auto& entry : fs::directory_iterator(kRoot)) {
    const std::string name = entry.path().filename().string();
    if (!entry.is_directory() || name == "build" || name.starts_with('.')) continue;
    EXPECT_TRUE(fs::exists(entry.path() / "README.md")) << name;
  }
}

TEST(DocumentsTest, EveryDecisionIsInTheList) {
  const std::string list = ReadAll(kRoot / "docs/decisions/README.md");
  for (const auto& entry : fs::directory_iterator(kRoot / "docs/decisions")) {
    const std::string name = entry.path().filename().string();
    EXPECT_TRUE(name == "README.md" || list.find("(" + name + ")") != std::string::npos) << name;
  }
}

}  // namespace
}  // namespace guidon
