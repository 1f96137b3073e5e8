// guidon remove: which value stays, what it refuses, and what it lists.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "core/base/json.h"
#include "tests/cli/cli.h"

namespace guidon::testing {
namespace {

using ::testing::HasSubstr;

using Texts = std::vector<std::pair<std::string, std::string>>;

constexpr const char* kMain =
    "#include <guidon/client.h>\n"
    "void Pay(bool);\n"
    "void Go(const guidon::Client& client, const guidon::Context& user) {\n"
    "  Pay(client.Bool(\"payments.v2\", user, false));\n"
    "  client.Track(\"paid\", user);\n"
    "}\n";

constexpr const char* kFlags =
    "- { flag: payments.v2, type: boolean, owner: a, environments: {\n"
    "    production: { enabled: true, rules: [{ when: { country: DE }, serve: on }], default: off },\n"
    "    staging: { enabled: true, rules: [{ when: { country: DE }, serve: on }], default: on } } }\n";

std::string Command(const Workspace& files, const std::string& file, const std::string& more = "") {
  const std::string root = GUIDON_SOURCE_DIR;
  return R"({"directory": ")" + files.path() + R"(", "file": ")" + file + R"(", "command": "c++ -std=c++17 )" + more +
         "-I" + root + "/sdk/include -I" + root + "/core/include -c " + file + R"("})";
}

Finished Remove(const Workspace& files, std::vector<std::string> more) {
  std::vector<std::string> words = {"remove", "payments.v2", "--code", files / "src"};
  words.insert(words.end(), more.begin(), more.end());
  return Guidon(words);
}

std::vector<std::string> LeftOf(const Finished& done, const Workspace& files) {
  std::vector<std::string> left;
  const Value answer = JsonOf(done);
  for (const Value& place : answer.Find("left")->AsArray()) {
    std::string file = place.Find("file")->AsString();
    if (file.rfind(files.path(), 0) == 0) file.erase(0, files.path().size() + 1);
    const Value* line = place.Find("line");
    left.push_back(file + (line == nullptr ? "" : ":" + std::to_string(line->AsInt())) + ": " +
                   place.Find("why")->AsString());
  }
  return left;
}

TEST(RemoveVerbTest, TheValueThatStaysIsNamedOrWhatTheEnvironmentServesToEverybody) {
  const Workspace files({{"src/main.cc", kMain},
                         {"shop/guidon.yaml", "project: shop\nenvironments: { production: {}, staging: {} }\n"},
                         {"shop/flags/all.yaml", kFlags}});
  files.Write("compile_commands.json", "[" + Command(files, files / "src/main.cc") + "]");
  const auto becomes = [&](const std::vector<std::string>& words, const std::string& value) {
    const Finished done = Remove(files, words);
    EXPECT_EQ(done.exit_code, 0) << done.output << done.errors;
    EXPECT_THAT(done.output, HasSubstr("+  Pay(" + value + ");\n"));
  };
  becomes({"--keep", "on"}, "true");
  becomes({"--keep", "off", "--dry-run"}, "false");
  becomes({"-w", files / "shop", "--keep", "off"}, "false");
  becomes({"-w", files / "shop", "-e", "staging"}, "true");
  const Finished several = Remove(files, {"-w", files / "shop", "-e", "production"});
  EXPECT_EQ(several.exit_code, 2);
  EXPECT_THAT(several.errors, HasSubstr("does not serve one variation alone in production: say with --keep which one "
                                        "stays (on, off)"));
  EXPECT_THAT(Remove(files, {"-w", files / "shop", "--keep", "maybe"}).errors,
              HasSubstr("has no variation 'maybe'; it has on, off"));
  EXPECT_THAT(Remove(files, {"-w", files / "shop", "-e", "prod"}).errors, HasSubstr("no environment 'prod'"));
  EXPECT_THAT(Guidon({"remove", "payment.v2", "--code", files / "src", "-w", files / "shop", "--keep", "on"}).errors,
              HasSubstr("did you mean 'payments.v2'?"));
  EXPECT_EQ(Remove(files, {}).exit_code, 2);  // neither --keep nor --environment
  EXPECT_EQ(Remove(files, {"--keep", "on", "--write", "--dry-run"}).exit_code, 2);
}

TEST(RemoveVerbTest, OfAnArchivedFlagTheValueIsNamed) {
  const Workspace files({{"src/main.cc", kMain},
                         {"shop/guidon.yaml", "project: shop\nenvironments: { production: {}, staging: {} }\n"},
                         {"shop/flags/all.yaml",
                          "- { flag: payments.v2, type: boolean, owner: a, archived: true, environments: {\n"
                          "    staging: { enabled: true, default: on } } }\n"}});
  files.Write("compile_commands.json", "[" + Command(files, files / "src/main.cc") + "]");
  const Finished done = Remove(files, {"-w", files / "shop", "-e", "staging"});
  EXPECT_EQ(done.exit_code, 2);
  EXPECT_THAT(done.errors, HasSubstr("flag 'payments.v2' is archived, and serves what each caller falls back on: say "
                                     "with --keep which variation stays (on, off)"));
  EXPECT_EQ(Remove(files, {"-w", files / "shop", "--keep", "on"}).exit_code, 0);
}

TEST(RemoveVerbTest, WithoutCommandsItSaysWhereTheyComeFrom) {
  const Workspace files({{"src/main.cc", kMain}, {".git/HEAD", ""}});
  const Finished none = Remove(files, {"--keep", "on"});
  EXPECT_EQ(none.exit_code, 2);
  EXPECT_THAT(none.errors, HasSubstr("no compile_commands.json was found above"));
  EXPECT_THAT(Remove(files, {"--keep", "on", "-p", files / "src"}).errors,
              HasSubstr("there is no compile_commands.json in " + files / "src"));
  files.Write("build/dev/compile_commands.json", "[" + Command(files, files / "src/main.cc") + "]");
  EXPECT_EQ(Remove(files, {"--keep", "on"}).exit_code, 0);
  EXPECT_EQ(Remove(files, {"--keep", "on", "-p", files / "build/dev"}).exit_code, 0);
}

TEST(RemoveVerbTest, AUnitThatDoesNotCompileIsRefusedWhole) {
  const Workspace files({{"src/main.cc", kMain}, {"src/broken.cc", std::string(kMain) + "int x = nothing;\n"}});
  files.Write("compile_commands.json",
              "[" + Command(files, files / "src/main.cc") + ", " + Command(files, files / "src/broken.cc") + "]");
  const Finished done = Remove(files, {"--keep", "on", "--write", "--json"});
  EXPECT_EQ(done.exit_code, 1);
  EXPECT_THAT(LeftOf(done, files),
              ::testing::ElementsAre("src/broken.cc:4: the compiler does not see it here: it is of another #if, or no "
                                     "unit has the file",
                                     "src/broken.cc:7: not looked at: it does not compile: use of undeclared "
                                     "identifier 'nothing'"));
  EXPECT_THAT(TextFile(files / "src/main.cc"), HasSubstr("Pay(true);"));
  EXPECT_EQ(TextFile(files / "src/broken.cc"), std::string(kMain) + "int x = nothing;\n");
}

// The name has no room for the ending of a file beside it.
TEST(RemoveVerbTest, WhereOneFileCannotBeWrittenNoneIs) {
  const std::string longest = "src/" + std::string(247, 'z') + ".cc";
  const Workspace files({{"src/main.cc", kMain}, {longest, kMain}});
  files.Write("compile_commands.json",
              "[" + Command(files, files / "src/main.cc") + ", " + Command(files, files / longest) + "]");
  const Finished done = Remove(files, {"--keep", "on", "--write"});
  EXPECT_EQ(done.exit_code, 2);
  EXPECT_THAT(done.errors, HasSubstr(std::string(247, 'z') + ".cc: File name too long; no file was changed"));
  EXPECT_EQ(TextFile(files / "src/main.cc"), kMain);
  EXPECT_EQ(TextFile(files / longest), kMain);
}

TEST(RemoveVerbTest, OtherCodeThatReadsItIsListed) {
  const Workspace files(
      {{"src/main.cc",
        std::string(kMain) + "#ifdef OTHER\nvoid Never() { client.Bool(\"payments.v2\", user, false); }\n#endif\n"},
       {"src/page.ts", "client.getBooleanValue('payments.v2', false);\n"},
       {"src/deploy.yaml", "flagKey: payments.v2\n"},
       {"src/alone.h", "inline bool Is(const C& c) { return c.Bool(\"payments.v2\", user, false); }\n"}});
  files.Write("compile_commands.json", "[" + Command(files, files / "src/main.cc") + "]");
  const Finished done = Remove(files, {"--keep", "on", "--json"});
  EXPECT_EQ(done.exit_code, 1);
  EXPECT_THAT(LeftOf(done, files),
              ::testing::ElementsAre(
                  "src/alone.h:1: the compiler does not see it here: it is of another #if, or no unit has the file",
                  "src/deploy.yaml:1: yaml: flagKey reads it",
                  "src/main.cc:8: the compiler does not see it here: it is of another #if, or no unit has the file",
                  "src/page.ts:1: typescript: getBooleanValue reads it"));
}

TEST(RemoveVerbTest, FilesOutsideOfTheCodeAreNeverChanged) {
  const std::string header =
      "#pragma once\n#include <guidon/client.h>\ninline bool Is(const guidon::Client& client, const guidon::Context& "
      "user) "
      "{\n  return client.Bool(\"payments.v2\", user, false);\n}\n";
  const Workspace files({{"src/main.cc", "#include \"../other/is.h\"\n" + std::string(kMain)}, {"other/is.h", header}});
  files.Write("compile_commands.json", "[" + Command(files, files / "src/main.cc") + "]");
  EXPECT_EQ(Remove(files, {"--keep", "on", "--write"}).exit_code, 0);
  EXPECT_EQ(TextFile(files / "other/is.h"), header);
  EXPECT_THAT(TextFile(files / "src/main.cc"), HasSubstr("Pay(true);"));
}

TEST(RemoveVerbTest, AHeaderOfSeveralUnitsIsChangedOnce) {
  const std::string header =
      "#pragma once\n#include <guidon/client.h>\ninline int Is(const guidon::Client& client, const guidon::Context& "
      "user) "
      "{\n  return client.Bool(\"payments.v2\", user, false) ? 1 : 2;\n}\n";
  const Workspace files(
      {{"src/is.h", header}, {"src/a.cc", "#include \"is.h\"\n"}, {"src/b.cc", "#include \"is.h\"\n"}});
  files.Write("compile_commands.json",
              "[" + Command(files, files / "src/a.cc") + ", " + Command(files, files / "src/b.cc") + "]");
  const Value answer = JsonOf(Remove(files, {"--keep", "on", "--write", "--json"}));
  EXPECT_EQ(answer.Find("reads")->AsInt(), 1);
  EXPECT_EQ(answer.Find("folds")->AsInt(), 1);
  EXPECT_THAT(TextFile(files / "src/is.h"), HasSubstr("  return 1;\n"));
}

TEST(RemoveVerbTest, ProgramsGetTheDiffOfEachFile) {
  const Workspace files(Texts{{"src/main.cc", kMain}});
  files.Write("compile_commands.json", "[" + Command(files, files / "src/main.cc") + "]");
  const Value answer = JsonOf(Remove(files, {"--keep", "on", "--json"}));
  EXPECT_EQ(answer.Find("flag")->AsString(), "payments.v2");
  EXPECT_EQ(ToJson(*answer.Find("kept")), R"({"variation":"on","value":true})");
  EXPECT_FALSE(answer.Find("written")->AsBool());
  const Value& file = answer.Find("files")->AsArray().at(0);
  EXPECT_EQ(file.Find("file")->AsString(), files / "src/main.cc");
  EXPECT_THAT(file.Find("diff")->AsString(), HasSubstr("-  Pay(client.Bool(\"payments.v2\", user, false));\n"));
  EXPECT_TRUE(answer.Find("left")->AsArray().empty());
}

// A source: `head` declares what the flag is read through, `body` reads.
std::string Unit(const std::string& head, const std::string& body) {
  return "#include <guidon/client.h>\nextern const guidon::Client& client;\nvoid A();\nvoid B();\n" + head + "\n" +
         "void Go(const guidon::Context& user) {\n" + body + "}\n";
}

TEST(RemoveVerbTest, NamesThatOtherFilesCannotSeeAreOfOneFile) {
  const std::string mine = Unit(
      "static const guidon::Flag<bool> kOn(client, \"payments.v2\", false);\n"
      "namespace { bool IsOn(const guidon::Context& user) { return kOn(user); } }",
      "  if (kOn(user)) A();\n  if (IsOn(user)) B();\n");
  const std::string other = Unit(
      "static const guidon::Flag<bool> kOn(client, \"other\", false);\n"
      "namespace { bool IsOn(const guidon::Context& user) { return kOn(user); } }",
      "  if (kOn(user)) A();\n  if (IsOn(user)) B();\n");
  const Workspace files({{"src/a/page.cc", mine}, {"src/b/page.cc", other}});
  files.Write("compile_commands.json",
              "[" + Command(files, files / "src/a/page.cc") + ", " + Command(files, files / "src/b/page.cc") + "]");
  EXPECT_THAT(LeftOf(Remove(files, {"--keep", "on", "--write", "--json"}), files),
              ::testing::ElementsAre(HasSubstr("unused parameter 'user' now")));
  EXPECT_THAT(TextFile(files / "src/a/page.cc"), HasSubstr("{\n  A();\n  B();\n}"));
  EXPECT_EQ(TextFile(files / "src/b/page.cc"), other);
}

TEST(RemoveVerbTest, ANameThatIsSomethingElseElsewhereIsNoReadOfTheFlag) {
  const std::string header =
      "#pragma once\n#include <guidon/client.h>\nextern const guidon::Flag<bool> kOn;\nbool IsOn(const "
      "guidon::Context&);\n";
  const std::string user = Unit("#include \"on.h\"", "  if (kOn(user)) A();\n  if (IsOn(user)) B();\n");
  const auto definitions = [](const std::string& key) {
    return "#include \"on.h\"\nextern const guidon::Client& client;\nconst guidon::Flag<bool> kOn(client, \"" + key +
           "\", false);\nbool IsOn(const guidon::Context& user) { return kOn(user); }\n";
  };
  const Workspace files({{"src/on.h", header},
                         {"src/one.cc", definitions("payments.v2")},
                         {"src/two.cc", definitions("other")},
                         {"src/user.cc", user}});
  files.Write("compile_commands.json", "[" + Command(files, files / "src/one.cc") + ", " +
                                           Command(files, files / "src/two.cc") + ", " +
                                           Command(files, files / "src/user.cc") + "]");
  EXPECT_EQ(Remove(files, {"--keep", "on", "--write"}).exit_code, 1);
  EXPECT_EQ(TextFile(files / "src/two.cc"), definitions("other"));
  EXPECT_EQ(TextFile(files / "src/user.cc"), user);
}

TEST(RemoveVerbTest, AHandleThatMayHaveAnotherKeyIsLeft) {
  const auto is_left = [](const std::string& head, const std::string& body) {
    const std::string text = Unit(head, body);
    const Workspace files(Texts{{"src/main.cc", text}});
    files.Write("compile_commands.json", "[" + Command(files, files / "src/main.cc") + "]");
    EXPECT_EQ(Remove(files, {"--keep", "on", "--write"}).exit_code, 1);
    EXPECT_EQ(TextFile(files / "src/main.cc"), text);
  };
  is_left(
      "struct Page {\n  Page() : on(client, \"payments.v2\", false) {}\n  explicit Page(int) : on(client, "
      "\"other\", false) {}\n  guidon::Flag<bool> on;\n};",
      "  if (Page(1).on(user)) A();\n");
  is_left(
      "struct Page {\n  guidon::Flag<bool> on{client, \"payments.v2\", false};\n};\nPage other{{client, \"other\", "
      "false}};",
      "  if (other.on(user)) A();\n");
  is_left("guidon::Flag<bool> on(client, \"payments.v2\", false);\nguidon::Flag<bool> off(client, \"other\", false);",
          "  on = off;\n  if (on(user)) A();\n");
}

TEST(RemoveVerbTest, ASourceOfSeveralTargetsIsSeenInAllWays) {
  const std::string same = kMain;
  const std::string torn =
      "#include <guidon/client.h>\nvoid Pay(bool);\nvoid Go(const guidon::Client& client, const "
      "guidon::Context& user) {\n  bool on = client.Bool(\"payments.v2\", user, false);\n"
      "  if (MODE) on = false;\n  if (on) Pay(MODE);\n}\n";
  const std::string split =
      "#include <guidon/client.h>\nvoid Pay(bool);\nvoid Go(const guidon::Client& client, const "
      "guidon::Context& user) {\n  bool on = client.Bool(\"payments.v2\", user, false);\n"
      "  if (on) Pay(true);\n  CHANGE;\n}\n";
  const Workspace files({{"src/same.cc", same}, {"src/torn.cc", torn}, {"src/split.cc", split}});
  const auto in_both = [&](const std::string& file, const std::string& one, const std::string& two) {
    return Command(files, file, one) + ", " + Command(files, file, two);
  };
  files.Write("compile_commands.json",
              "[" + in_both(files / "src/same.cc", "", "") + ", " +
                  in_both(files / "src/torn.cc", "-DMODE=0 ", "-DMODE=1 ") + ", " +
                  in_both(files / "src/split.cc", "'-DCHANGE=Pay(on)' ", "'-DCHANGE=on=false' ") + "]");
  const Finished done = Remove(files, {"--keep", "on", "--write", "--json"});
  EXPECT_THAT(TextFile(files / "src/same.cc"), HasSubstr("Pay(true);"));
  EXPECT_THAT(TextFile(files / "src/torn.cc"), HasSubstr("bool on = true;"));
  EXPECT_EQ(TextFile(files / "src/split.cc"), split);
  EXPECT_THAT(LeftOf(done, files), ::testing::Contains(HasSubstr("src/split.cc: left as it is: it is compiled in 2 "
                                                                 "ways, and becomes something else in each")));
}

// `guidon stale` names the variation, which is not its value.
TEST(RemoveVerbTest, TheCommandOfAnIssueKeepsTheValueOfTheVariation) {
  const Workspace files({{"src/main.cc",
                          "#include <guidon/client.h>\n"
                          "int Pages(const guidon::Client& client, const guidon::Context& user) {\n"
                          "  if (client.String(\"layout\", user, \"multi\") == \"single\") return 1;\n"
                          "  return 4;\n"
                          "}\n"},
                         {"shop/guidon.yaml", "project: shop\nenvironments: { production: {} }\n"},
                         {"shop/flags/layout.yaml",
                          "flag: layout\ntype: string\nowner: a\nexpires: 2026-01-31\n"
                          "variations: { single_page: single, multi_step: multi }\n"
                          "environments: { production: { enabled: true, off: multi_step, default: single_page } }\n"}});
  files.Write("compile_commands.json", "[" + Command(files, files / "src/main.cc") + "]");
  const Finished issue = Guidon({"stale", "-w", files / "shop", "--code", files / "src", "--offline", "--now",
                                 "2026-11-30T12:00:00Z", "--issue-body", "layout"});
  ASSERT_EQ(issue.exit_code, 0) << issue.errors;
  const std::size_t begin = issue.output.find("`guidon remove "), end = issue.output.find("` shows", begin);
  ASSERT_NE(end, std::string::npos) << issue.output;
  std::istringstream command(issue.output.substr(begin + 8, end - begin - 8));
  std::vector<std::string> words;
  for (std::string word; command >> word;) words.push_back(word);
  words.push_back("--write");
  const Finished done = Guidon(words);
  EXPECT_EQ(done.errors, "");
  EXPECT_THAT(TextFile(files / "src/main.cc"), HasSubstr("{\n  return 1;\n}\n"));
}

TEST(RemoveVerbTest, WithoutItsHelperItSaysWhatToInstall) {
  const Workspace files(Texts{{"src/main.cc", kMain}});
  std::filesystem::copy(GUIDON_BIN_DIR "/guidon", files / "guidon");
  const Finished done =
      testing::Run({files / "guidon", "remove", "payments.v2", "--code", files / "src", "--keep", "on"});
  EXPECT_EQ(done.exit_code, 2);
  EXPECT_THAT(done.errors, HasSubstr("guidon-remove-cpp is not beside guidon: install the package guidon-remove"));
}

}  // namespace
}  // namespace guidon::testing
