// The tables of folds/: code, and what becomes of it once a flag serves one value for ever. All cases of a table are
// one file, which is parsed as one.
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "tests/cli/cli.h"

namespace guidon::testing {
namespace {

constexpr const char* kAround = R"(#include <guidon/client.h>

#include <cstdint>
#include <string>
#include <string_view>

extern const guidon::Client& client;
extern const guidon::Context user;
void A();
void B();
void C();
bool Charge();
void Log(bool);
void Count(double);
void Show(std::string_view);
guidon::Context MakeUser(int);
struct Lock {
  Lock();
  ~Lock();
};
)";

struct Case {
  std::string name, before, after;
  std::vector<std::string> left;
};

std::vector<Case> CasesOf(const std::string& table) {
  std::vector<Case> cases;
  std::istringstream lines(TextFile(std::string(GUIDON_SOURCE_DIR) + "/tests/removal/folds/" + table + ".txt"));
  bool is_after = false;
  for (std::string line; std::getline(lines, line);) {
    if (line.rfind("== ", 0) == 0) {
      cases.push_back({line.substr(3), "", "", {}});
      is_after = false;
    } else if (cases.empty()) {
      continue;
    } else if (line == "-- becomes") {
      is_after = true;
    } else if (line.rfind("left: ", 0) == 0) {
      cases.back().left.push_back(line.substr(6));
    } else {
      (is_after ? cases.back().after : cases.back().before) += line + "\n";
    }
  }
  for (Case& one : cases) {
    for (std::string* text : {&one.before, &one.after}) text->erase(text->find_last_not_of('\n') + 1);
    std::sort(one.left.begin(), one.left.end());
  }
  return cases;
}

std::string Begin(std::size_t i) {
  return "\nnamespace case_" + std::to_string(i) + " {\n\n";
}
std::string End(std::size_t i) {
  return "\n\n}  // namespace case_" + std::to_string(i) + "\n";
}

// Which case stands in each line, from 1.
std::vector<std::size_t> CasesByLine(const std::string& text) {
  std::vector<std::size_t> of{0};
  std::size_t at = 0;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    if (line.rfind("namespace case_", 0) == 0) at = std::stoul(line.substr(15));
    of.push_back(at);
  }
  return of;
}

void CheckTable(const std::string& table, const std::string& flag, const std::string& keep) {
  const std::vector<Case> cases = CasesOf(table);
  ASSERT_FALSE(cases.empty());
  std::string before = kAround;
  for (std::size_t i = 0; i < cases.size(); ++i) before += Begin(i) + cases[i].before + End(i);
  const std::string root = GUIDON_SOURCE_DIR;
  const Workspace files(std::vector<std::pair<std::string, std::string>>{{"folds.cc", before}});
  files.Write("compile_commands.json", R"([{"directory": ")" + files.path() + R"(", "file": "folds.cc", "command":
    "c++ -std=c++20 -I)" + root + "/sdk/include -I" +
                                           root + R"(/core/include -c folds.cc"}])");
  const Finished done = Guidon({"remove", flag, "--code", files / "folds.cc", "--keep", keep, "--write", "--json"});
  EXPECT_EQ(done.errors, "");
  const std::string after = TextFile(files / "folds.cc");
  const std::vector<std::size_t> by_line = CasesByLine(after);
  std::map<std::size_t, std::vector<std::string>> left;
  const Value answer = JsonOf(done);
  for (const Value& place : answer.Find("left")->AsArray()) {
    const auto line = static_cast<std::size_t>(place.Find("line")->AsInt());
    ASSERT_LT(line, by_line.size());
    left[by_line[line]].push_back(place.Find("why")->AsString());
  }
  for (std::size_t i = 0; i < cases.size(); ++i) {
    const std::size_t begin = after.find(Begin(i));
    const std::size_t end = after.find("\n}  // namespace case_" + std::to_string(i) + "\n", begin);
    ASSERT_NE(begin, std::string::npos) << cases[i].name;
    ASSERT_NE(end, std::string::npos) << cases[i].name;
    std::string became = after.substr(begin + Begin(i).size(), end - begin - Begin(i).size());
    became.erase(became.find_last_not_of('\n') + 1);
    became.erase(0, became.find_first_not_of('\n'));
    EXPECT_EQ(became, cases[i].after) << cases[i].name;
    std::sort(left[i].begin(), left[i].end());
    EXPECT_EQ(left[i], cases[i].left) << cases[i].name;
  }
}

TEST(FoldsTest, ABooleanThatIsAlwaysTrue) {
  CheckTable("boolean", "new-checkout", "on");
}

TEST(FoldsTest, ATextThatIsAlwaysTheSame) {
  CheckTable("text", "layout", "single_page");
}

TEST(FoldsTest, ANumberThatIsAlwaysTheSame) {
  CheckTable("number", "limit", "25");
}

}  // namespace
}  // namespace guidon::testing
