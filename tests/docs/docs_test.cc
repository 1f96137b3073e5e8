// What the documents say is so: settings and their defaults, metrics, command lines, and where links lead.
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

#include "cli/arguments.h"
#include "server/arguments.h"
#include "server/auth/roles.h"
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
  const std::regex added("Add(?:Counter|Gauges?|Histogram)\\(\\s*\"(guidon_[a-z_]+)\"");
  for (const auto& entry : fs::recursive_directory_iterator(kRoot / "server")) {
    if (entry.path().extension() != ".cc") continue;
    const std::string source = ReadAll(entry.path());
    for (std::sregex_iterator it(source.begin(), source.end(), added), end; it != end; ++it) wanted.insert((*it)[1]);
  }
  ASSERT_GE(wanted.size(), 10u) << "the pattern finds no metrics any more";
  for (const auto& [name, unused] : TableOf(ReadAll(kRoot / "docs/operations.md"), "Metrics")) found.insert(name);
  EXPECT_EQ(found, wanted);
}

// The rows `| `name` | … |` of the section "## TITLE": the words in backquotes of the second cell.
std::map<std::string, std::set<std::string>> WordListsOf(const std::string& text, const std::string& title) {
  std::map<std::string, std::set<std::string>> rows;
  const std::size_t begin = text.find("\n## " + title + "\n");
  std::istringstream section(text.substr(begin, text.find("\n## ", begin + 1) - begin));
  const std::regex row("^\\| `([^`]+)` \\| ([^|]*)\\|.*"), word("`([^`]+)`");
  std::smatch match;
  for (std::string line; std::getline(section, line);) {
    if (!std::regex_match(line, match, row)) continue;
    std::set<std::string>& words = rows[match[1]];
    const std::string cell = match[2];
    for (std::sregex_iterator it(cell.begin(), cell.end(), word), end; it != end; ++it) words.insert((*it)[1]);
  }
  return rows;
}

TEST(AccessTest, EveryRoleIsThereWithItsVerbsAndEveryVerbIsExplained) {
  const std::string page = ReadAll(kRoot / "docs/access.md");
  std::map<std::string, std::set<std::string>> roles;
  for (const Role& role : BuiltInRoles()) {
    for (const Verb verb : kVerbs) {
      if (role.verbs.Has(verb)) roles[role.name].insert(std::string(ToString(verb)));
    }
  }
  EXPECT_EQ(WordListsOf(page, "Roles"), roles);
  std::set<std::string> wanted, found;
  for (const Verb verb : kVerbs) {
    if (IsOfRoles(verb)) wanted.insert(std::string(ToString(verb)));
  }
  for (const auto& [verb, unused] : WordListsOf(page, "Verbs")) found.insert(verb);
  EXPECT_EQ(found, wanted);
}

std::vector<fs::path> Documents() {
  std::vector<fs::path> files;
  for (auto it = fs::recursive_directory_iterator(kRoot); it != fs::recursive_directory_iterator(); ++it) {
    const std::string name = it->path().filename().string();
    const bool is_ours = name != "build" && name != "node_modules" && !name.starts_with('.');
    if (it->is_directory() && !is_ours) it.disable_recursion_pending();
    if (it->is_regular_file() && it->path().extension() == ".md") files.push_back(it->path());
  }
  return files;
}

// --- command lines -------------------------------------------------------------------------------------------------

// As a shell would: words between blanks, quotes taken off; a word that begins with # ends it.
std::vector<std::string> WordsOf(const std::string& line) {
  std::vector<std::string> words;
  std::string word;
  bool in_word = false;
  char quote = 0;
  for (const char c : line) {
    if (quote != 0) {
      if (c == quote) quote = 0;
      if (c != quote && quote != 0) word += c;
    } else if (c == '\'' || c == '"') {
      quote = c;
      in_word = true;
    } else if (c == ' ' || c == '\t') {
      if (in_word) words.push_back(std::move(word));
      word.clear();
      in_word = false;
    } else if (c == '#' && !in_word) {
      return words;
    } else {
      word += c;
      in_word = true;
    }
  }
  if (in_word) words.push_back(std::move(word));
  return words;
}

// Lines of code, whose end may be on the next line, and `code` within a sentence that has more than one word.
std::vector<std::string> CommandLinesOf(const std::string& text) {
  std::vector<std::string> commands;
  std::istringstream lines(text);
  const std::regex code("`(guidond? [^`]+)`");
  for (std::string line; std::getline(lines, line);) {
    const std::size_t begin = line.find_first_not_of(' ');
    if (begin != std::string::npos && std::regex_search(line.substr(begin), std::regex("^(\\$ )?guidond? "))) {
      std::string command = line.substr(line[begin] == '$' ? begin + 2 : begin);
      for (std::string next; command.ends_with('\\') && std::getline(lines, next);) {
        command.back() = ' ';
        command += next;
      }
      commands.push_back(command);
      continue;
    }
    for (std::sregex_iterator it(line.begin(), line.end(), code), end; it != end; ++it) commands.push_back((*it)[1]);
  }
  return commands;
}

// What the program that is named says against it; "" when it would begin.
std::string RefusalOf(const std::string& command) {
  const std::vector<std::string> words = WordsOf(command);
  std::vector<const char*> argv;
  for (const std::string& word : words) argv.push_back(word.c_str());
  const int argc = static_cast<int>(argv.size());
  ::testing::internal::CaptureStderr();
  std::string refusal;
  int exit_code = 0;
  if (words.front() == "guidon") {
    exit_code = cli::ReadArguments(argc, argv.data(), "").exit_code;
  } else {
    const ArgumentsRead read = ReadArguments(argc, argv.data(), "");
    exit_code = read.exit_code;
    Config config;
    if (read.arguments) {
      for (const auto& [name, value] : read.arguments->settings) {
        if (const Status set = SetSetting(config, name, value); !set) refusal = set.error().message;
      }
    }
  }
  const std::string said = ::testing::internal::GetCapturedStderr();
  return exit_code == 0 ? refusal : said + "exit code " + std::to_string(exit_code);
}

TEST(CommandLinesTest, AreAcceptedByTheProgramAsTheyStandInTheDocuments) {
  for (const char* file : {"README.md", "docs/operations.md", "docs/access.md", "docs/audit.md",
                           "docs/change-requests.md", "cli/README.md", "experiments/README.md"}) {
    const std::vector<std::string> commands = CommandLinesOf(ReadAll(kRoot / file));
    EXPECT_GE(commands.size(), 2u) << file << ": the pattern finds no command lines any more";
    for (const std::string& command : commands) EXPECT_EQ(RefusalOf(command), "") << file << ": " << command;
  }
}

TEST(CommandLinesTest, AWrongOneWouldBeRefused) {
  EXPECT_EQ(WordsOf("guidon evaluate -c '{\"key\": \"a b\"}'   # why"),
            (std::vector<std::string>{"guidon", "evaluate", "-c", "{\"key\": \"a b\"}"}));
  EXPECT_EQ(
      CommandLinesOf("    guidon plan \\\n      DIR\nSay `guidon key list` or `guidon`.\n```\n$ guidond --data x\n"),
      (std::vector<std::string>{"guidon plan        DIR", "guidon key list", "guidond --data x"}));
  for (const char* command : {"guidon validat x", "guidon validate", "guidon plan x --prone", "guidon gate -w x",
                              "guidond --date x", "guidond --io-threads many", "guidond x"}) {
    EXPECT_NE(RefusalOf(command), "") << command;
  }
}

// What is not within fences: in code, a lambda looks like a link.
std::string WithoutCode(const std::string& page) {
  std::string text;
  bool is_code = false;
  std::istringstream in(page);
  for (std::string line; std::getline(in, line);) {
    if (line.starts_with("```")) is_code = !is_code;
    if (!is_code) text += line + "\n";
  }
  return text;
}

TEST(DocumentsTest, LinksLeadToFilesThatAreThere) {
  const std::regex link("\\]\\(([^)#\\s]+)[^)]*\\)");
  std::size_t links = 0;
  for (const fs::path& file : Documents()) {
    const std::string text = WithoutCode(ReadAll(file));
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

// Each promise has a test, the page names those that have its number above themselves, and no other.
TEST(PromisesTest, EachIsHeldByTheTestsThatThePageNames) {
  using Tests = std::set<std::string>;  // "tests/…_test.cc Suite.Name"
  std::map<std::string, Tests> named, numbered;
  const std::string page = ReadAll(kRoot / "docs/promises.md");
  const std::regex row(R"(\| \*\*(R\d+)\*\* \|.*)"), test(R"(`(tests/[^`]+)` (\w+\.\w+))");
  std::istringstream lines(page);
  std::smatch match;
  for (std::string line; std::getline(lines, line);) {
    if (!std::regex_match(line, match, row)) continue;
    Tests& tests = named[match[1]];
    for (std::sregex_iterator it(line.begin(), line.end(), test), end; it != end; ++it) {
      tests.insert((*it)[1].str() + " " + (*it)[2].str());
    }
  }
  const std::regex above(R"(// Promise ((?:R\d+(?:, )?)+)\.\nTEST(?:_F|_P)?\((\w+), (\w+)\))"), number(R"(R\d+)");
  for (const auto& entry : fs::recursive_directory_iterator(kRoot / "tests")) {
    if (entry.path().extension() != ".cc") continue;
    const std::string text = ReadAll(entry.path());
    for (std::sregex_iterator it(text.begin(), text.end(), above), end; it != end; ++it) {
      const std::string numbers = (*it)[1];
      const std::string name = fs::relative(entry.path(), kRoot).string() + " " + (*it)[2].str() + "." + (*it)[3].str();
      for (std::sregex_iterator n(numbers.begin(), numbers.end(), number); n != end; ++n)
        numbered[n->str()].insert(name);
    }
  }
  EXPECT_EQ(named, numbered);
  EXPECT_EQ(named.size(), 11u);
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
