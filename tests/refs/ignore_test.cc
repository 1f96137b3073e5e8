// .gitignore, held against git itself.
#include "refs/ignore.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <memory>
#include <set>
#include <sstream>

#include "refs/refs.h"
#include "tests/support/process.h"

namespace guidon::refs {
namespace {

namespace fs = std::filesystem;

// Every folder has such files, so that each pattern meets each.
const std::vector<std::string> kNames = {"a.py",   "b.py",     "ab.py",     "#hash.py",  "!bang.py", "with blank.py",
                                         "x-y.py", "build.py", "[odd].py",  "a*b.py",    "Upper.py", "0.py",
                                         "é.py",   "foo.o.py", "trail .py", "back\\s.py"};
const std::vector<std::string> kFolders = {"",       "src/",        "src/build/", "src/deep/",   "src/deep/er/",
                                           "build/", "build/keep/", "docs/",      "docs/build/", "docs/src/deep/",
                                           "a/",     "a/x/",        "a/x/b/",     "a/b/"};

struct Rules {
  const char* name;
  std::vector<std::pair<std::string, std::string>> files;  // {folder, text of its .gitignore}
  friend void PrintTo(const Rules& rules, std::ostream* out) { *out << rules.name; }
};
const std::vector<Rules>& AllRules() {
  static const std::vector<Rules> kAll = {
      {"names", {{"", "a.py\nbuild\n"}}},
      {"tied", {{"", "/a.py\n/build\nsrc/b.py\n"}}},
      {"folders_alone", {{"", "build/\na.py/\n"}}},
      {"stars", {{"", "*b.py\n?.py\nsrc/*/a.py\n"}}},
      {"two_stars", {{"", "**/deep/a.py\na/**/b\nsrc/**\n!src/deep\n"}}},
      {"two_stars_elsewhere", {{"", "src**/a.py\nfoo**py\n**.py\n!a**\n"}}},
      {"taken_back", {{"", "*.py\n!b.py\n!src/a.py\n"}}},
      {"folder_is_not_taken_back_from_within", {{"", "build\n!build/keep\n!build/a.py\n"}}},
      {"contents_are", {{"", "build/*\n!build/keep\n"}}},
      {"nested", {{"", "*.py\n"}, {"src/", "!*.py\nb.py\n"}, {"src/deep/", "/a.py\n!er/b.py\n"}}},
      {"nearer_wins", {{"", "!a.py\n"}, {"src/", "a.py\n"}, {"src/deep/", "!a.py\n"}}},
      {"brackets", {{"", "[ab].py\n[!a-z]*.py\n[[:upper:]]*\n[]]x\n\\[odd].py\n[^0-9].py\n"}}},
      {"escapes", {{"", "\\#hash.py\n\\!bang.py\na\\*b.py\nback\\\\s.py\n"}}},
      {"comments_and_blanks", {{"", "# a.py\n\n   \nb.py   \nwith blank.py\ntrail\\ .py\n"}}},
      {"line_ends",
       {{"",
         "\xef\xbb\xbf"
         "a.py\r\nb.py\r\nsrc/\r"}}},
      {"odd", {{"", "/\n!\n//\n[\n[a\n\\\n*\\\n!/*\n[z-a].py\n[a-\n"}}},
      {"slash_in_brackets", {{"", "src[/]a.py\nsrc?a.py\n"}}},
      {"last_wins", {{"", "a.py\n!a.py\na.py\n!b.py\nb.py\n!b.py\n"}}},
  };
  return kAll;
}

class IgnoreTest : public ::testing::TestWithParam<Rules> {
 protected:
  // The same files for all.
  static void SetUpTestSuite() {
    folder_ = std::make_unique<testing::TemporaryFolder>();
    ASSERT_EQ(testing::Run({"/usr/bin/git", "init", "-q", folder_->path()}).exit_code, 0);
    for (const std::string& below : kFolders) {
      fs::create_directories(fs::path(folder_->path()) / below);
      for (const std::string& name : kNames) {
        std::ofstream(*folder_ / (below + name)) << "client.get_bool_value(\"k\")\n";
      }
    }
  }
  static void TearDownTestSuite() { folder_.reset(); }
  void TearDown() override {
    for (const auto& [below, text] : GetParam().files) fs::remove(*folder_ / (below + ".gitignore"));
  }
  static std::unique_ptr<testing::TemporaryFolder> folder_;
};
std::unique_ptr<testing::TemporaryFolder> IgnoreTest::folder_;

TEST_P(IgnoreTest, TheSameFilesAreLeftOutAsByGit) {
  const testing::TemporaryFolder& folder = *folder_;
  for (const auto& [below, text] : GetParam().files) {
    std::ofstream(folder / (below + ".gitignore"), std::ios::binary) << text;
  }
  const testing::Finished git = testing::Run({"/usr/bin/git", "-C", folder.path(), "-c", "core.excludesFile=/dev/null",
                                              "ls-files", "-z", "--others", "--exclude-standard", "*.py"});
  ASSERT_EQ(git.exit_code, 0) << git.errors;
  std::set<std::string> wanted, found;
  std::istringstream names(git.output);
  for (std::string name; std::getline(names, name, '\0');) wanted.insert(name);

  const Result<Scan> scan = FindReferences({folder.path()}, {});
  ASSERT_TRUE(scan.has_value()) << scan.error().message;
  for (const Reference& reference : scan->references) found.insert(reference.file.substr(folder.path().size() + 1));
  EXPECT_EQ(found, wanted);

  // A folder within sees what stands above it.
  std::set<std::string> below, wanted_below;
  for (const std::string& name : wanted) {
    if (name.starts_with("src/")) wanted_below.insert(name);
  }
  if (wanted_below.empty()) return;  // git leaves the folder out; who names it wants it
  const Result<Scan> part = FindReferences({folder / "src"}, {});
  ASSERT_TRUE(part.has_value());
  for (const Reference& reference : part->references) below.insert(reference.file.substr(folder.path().size() + 1));
  EXPECT_EQ(below, wanted_below);
}

INSTANTIATE_TEST_SUITE_P(Patterns, IgnoreTest, ::testing::ValuesIn(AllRules()),
                         [](const auto& rules) { return std::string(rules.param.name); });

TEST(IgnoreRulesTest, APatternBeyondItsBoundMatchesNothingAndStarsAreCheap) {
  EXPECT_EQ(IgnoreRules(std::string(IgnoreRules::kMaxPattern + 1, '*')).Ask("a", false), IgnoreRules::Answer::kNothing);
  std::string stars;
  for (int i = 0; i < 60; ++i) stars += "*a";
  EXPECT_FALSE(MatchesPath(stars + "b", std::string(200, 'a')));
}

}  // namespace
}  // namespace guidon::refs
