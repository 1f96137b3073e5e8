// What every verb has in common: usage, exit codes, help, colours.
#include <algorithm>
#include <fstream>
#include <iterator>
#include <sstream>

#include "tests/cli/cli.h"

namespace guidon::testing {
namespace {

TEST(TerminalTest, ColoursAreForTerminalsOnly) {
  EXPECT_NE(OnTerminal({"validate", ShopFolder()}).find("\033[32mvalid\033[0m"), std::string::npos);
  EXPECT_EQ(OnTerminal({"validate", ShopFolder()}, {"NO_COLOR=1"}).find('\033'), std::string::npos);
  EXPECT_EQ(OnTerminal({"validate", ShopFolder()}, {"TERM=dumb"}).find('\033'), std::string::npos);
  EXPECT_NE(OnTerminal({"validate", ShopFolder()}, {"NO_COLOR="}).find('\033'), std::string::npos);  // no-color.org
  EXPECT_EQ(Guidon({"validate", ShopFolder()}).output.find('\033'), std::string::npos);
}

TEST(UsageTest, WithoutAVerbTheHelpIsShownAsAFault) {
  const Finished done = Guidon({});
  EXPECT_EQ(done.exit_code, 2);
  EXPECT_EQ(done.output, "");
  for (const char* verb :
       {"validate", "plan", "apply", "evaluate", "export", "key", "member", "role", "flag", "gate"}) {
    EXPECT_NE(done.errors.find(std::string("\n  ") + verb + " "), std::string::npos) << verb;
  }
}

// Asks for the help of a verb and of all below it, and says how many that were.
int ExpectHelp(std::vector<std::string> words) {
  words.emplace_back("--help");
  const Finished done = Guidon(words);
  words.pop_back();
  const std::string name = words.empty() ? "" : words.back();
  EXPECT_EQ(done.exit_code, 0) << name;
  EXPECT_EQ(done.errors, "");
  EXPECT_NE(done.output.find("Exit codes: 0 pass, 1 problem found"), std::string::npos) << name;
  EXPECT_EQ(done.output.find("\n\n\n"), std::string::npos) << done.output;
  std::istringstream lines(done.output);
  bool lists_verbs = false;
  int count = 1;
  for (std::string line; std::getline(lines, line);) {
    const auto width = std::count_if(line.begin(), line.end(), [](char c) { return (c & 0xc0) != 0x80; });
    EXPECT_LE(width, 80) << name << ": " << line;
    if (line.empty()) lists_verbs = false;
    if (lists_verbs && line.starts_with("  ") && !line.starts_with("   ")) {
      words.push_back(line.substr(2, line.find(' ', 2) - 2));
      count += ExpectHelp(words);
      words.pop_back();
    }
    lists_verbs |= line == "Subcommands:";
  }
  return count;
}

TEST(UsageTest, AskingForHelpIsNoFaultAndFitsATerminalWhateverTheVerb) {
  EXPECT_GT(ExpectHelp({}), 70) << "the list of verbs is not found any more";
}

// From "0 pass" to its end, with single blanks.
std::string ExitCodesIn(const std::string& text) {
  const std::size_t begin = text.find("0 pass,");
  const std::size_t end = begin == std::string::npos ? begin : text.find("failing", begin);
  if (end == std::string::npos) return "none";
  std::istringstream words(text.substr(begin, end - begin));
  std::string codes;
  for (std::string word; words >> word;) codes += word + " ";
  return codes;
}

TEST(UsageTest, ExitCodesAreThoseOfTheDocuments) {
  const std::string codes = ExitCodesIn(Guidon({"--help"}).output);
  EXPECT_NE(codes, "none");
  for (const char* document : {"/README.md", "/cli/README.md"}) {
    std::ifstream file(GUIDON_SOURCE_DIR + std::string(document));
    EXPECT_EQ(ExitCodesIn({std::istreambuf_iterator<char>(file), {}}), codes) << document;
  }
}

TEST(UsageTest, AVerbThatNeedsAnotherOneShowsHowItIsCalled) {
  const Finished done = Guidon({"flag"});
  EXPECT_EQ(done.exit_code, 2);
  EXPECT_NE(done.errors.find("Usage: guidon flag [OPTIONS] SUBCOMMAND\n"), std::string::npos) << done.errors;
}

TEST(UsageTest, TheVersionIsSaid) {
  const Finished done = Guidon({"--version"});
  EXPECT_EQ(done.exit_code, 0);
  EXPECT_EQ(done.output, "guidon " GUIDON_VERSION "\n");
}

TEST(UsageTest, AWrongWordGetsTheRightOneAsAHint) {
  const Finished verb = Guidon({"validte", "x"});
  EXPECT_EQ(verb.exit_code, 2);
  EXPECT_EQ(verb.errors, "guidon: there is no verb 'validte'; did you mean 'validate'?\n`guidon --help` says more.\n");
  const Finished below = Guidon({"key", "creat"});
  EXPECT_EQ(below.exit_code, 2);
  EXPECT_NE(below.errors.find("did you mean 'create'?\n`guidon key --help`"), std::string::npos) << below.errors;
  const Finished option = Guidon({"validate", "--jsn", "x"});
  EXPECT_EQ(option.exit_code, 2);
  EXPECT_NE(option.errors.find("there is no option '--jsn'; did you mean '--json'?"), std::string::npos)
      << option.errors;
}

TEST(UsageTest, WhatIsMissingOrExcludedIsNamed) {
  const std::vector<std::pair<std::vector<std::string>, std::string>> cases = {
      {{"validate"}, "DIR is required"},
      {{"refs"}, "SRC is required"},
      {{"plan"}, "DIR is required"},
      {{"apply"}, "DIR is required"},
      {{"export"}, "--environment is required"},
      {{"evaluate"}, "--environment is required"},
      {{"explain", "-e", "p"}, "FLAG is required"},
      {{"simulate", "f", "-e", "p"}, "--contexts FILE.jsonl or --population SPEC"},
      {{"simulate", "f", "--population", "{population: 1}"}, "--environment is required"},
      {{"simulate", "f", "--contexts", "x", "-e", "p", "--offline"}, "--workspace"},
      {{"evaluate", "-e", "p", "--ruleset", "a", "--workspace", "b"}, "excludes"},
      {{"evaluate", "-e", "p", "--cases", "a", "--context", "b"}, "excludes"},
      {{"key", "create"}, "--environment is required"},
      {{"key", "create", "--kind", "king"}, "king"},
      {{"key", "revoke"}, "ID is required"},
      {{"flag", "on"}, "FLAG is required"},
      {{"flag", "off", "a"}, "--environment is required"},
      {{"gate", "-e", "p", "--offline"}, "--workspace is required"},
      {{"gate", "-e", "p", "--snapshot", "x"}, "--workspace or --code is required"},
      {{"gate", "-e", "p", "--wait", "1m"}, "--revision"},
      {{"gate", "-e", "p", "-w", "x", "--contexts", "y", "--offline"},
       "--contexts: who moves is counted on a server or a --snapshot; --offline has neither"},
      {{"gate", "-e", "p", "-w", "x", "--json", "--junit"}, "excludes"},
      {{"key", "create", "--kind", "bla"}, "'bla' is not server, client, relay, events or admin"},
      {{"evaluate", "-e", "p", "--at"}, "--at needs TIME after it"},
      {{"evaluate", "-e", "p", "-w", "x", "-c", "{no"}, "--context: not valid JSON at line 1"}};
  for (const auto& [words, text] : cases) {
    const Finished done = Guidon(words);
    EXPECT_EQ(done.exit_code, 2) << text;
    EXPECT_EQ(done.output, "") << text;
    EXPECT_NE(done.errors.find(text), std::string::npos) << done.errors;
  }
}

TEST(ServerFaultTest, AServerThatIsNotThereIsExitCodeFourForEveryVerb) {
  // Port 1 of loopback is nobody's.
  const std::vector<std::string> variables = {"GUIDON_SERVER=http://127.0.0.1:1", "GUIDON_KEY=gdn_adm_x"};
  const std::vector<std::vector<std::string>> verbs = {
      {"plan", ShopFolder()},
      {"apply", ShopFolder()},
      {"evaluate", "-e", "production"},
      {"explain", "x", "-e", "production"},
      {"simulate", "x", "-e", "production", "--population", "{population: 1}"},
      {"export", "-e", "production"},
      {"key", "create", "-e", "production"},
      {"key", "list"},
      {"key", "revoke", "x"},
      {"flag", "on", "x", "-e", "production"},
      {"flag", "off", "x", "-p", "shop", "-e", "production"},
      {"ready"}};
  for (const auto& words : verbs) {
    const Finished done = Guidon(words, variables);
    EXPECT_EQ(done.exit_code, 4) << words[0];
    EXPECT_EQ(done.output, "") << words[0];
    EXPECT_NE(done.errors.find("http://127.0.0.1:1 does not accept connections; does guidond run there?"),
              std::string::npos)
        << done.errors;
  }
}

TEST(ServerFaultTest, EveryVerbHasJsonForItsFaultsToo) {
  const std::vector<std::string> nobody = {"GUIDON_SERVER=http://127.0.0.1:1", "GUIDON_KEY=gdn_adm_x"};
  const std::vector<std::pair<std::vector<std::string>, std::string>> cases = {
      {{"plan", ShopFolder()}, "unavailable"},
      {{"apply", ShopFolder()}, "unavailable"},
      {{"evaluate", "-e", "production"}, "unavailable"},
      {{"explain", "x", "-e", "production"}, "unavailable"},
      {{"simulate", "x", "-e", "production", "--population", "{population: 1}"}, "unavailable"},
      {{"simulate", "x", "-e", "production", "--contexts", "/nowhere"}, "io"},
      {{"simulate", "x", "-e", "production", "--population", "{population: 0}"}, "invalid"},
      {{"export", "-e", "production"}, "unavailable"},
      {{"export", "-e", "production", "-w", "/nowhere"}, "io"},
      {{"export", "-e", "nowhere", "-w", ShopFolder()}, "not_found"},
      {{"export", "-e", "production", "-w", ShopFolder(), "-o", "/nowhere/out.json"}, "io"},
      {{"key", "create", "-e", "production"}, "unavailable"},
      {{"key", "list"}, "unavailable"},
      {{"key", "revoke", "x"}, "unavailable"},
      {{"flag", "on", "x", "-e", "production"}, "unavailable"},
      {{"flag", "off", "x", "-e", "production"}, "unavailable"},
      {{"validate", "/nowhere"}, "io"},
      {{"refs", "/nowhere"}, "io"},
      {{"gate", "-e", "production", "-w", "/nowhere", "--offline"}, "io"}};
  for (const auto& [words, code] : cases) {
    std::vector<std::string> arguments = words;
    arguments.push_back("--json");
    const Finished done = Guidon(arguments, nobody);
    EXPECT_EQ(done.exit_code, code == "unavailable" ? 4 : 2) << words[0] << ": " << done.errors;
    const Value fault = JsonOf(done);
    ASSERT_NE(fault.Find("code"), nullptr) << words[0] << ": " << done.errors;
    EXPECT_EQ(fault.Find("code")->AsString(), code) << words[0];
    EXPECT_FALSE(fault.Find("detail")->AsString().empty()) << words[0];
  }
}

TEST(ServerFaultTest, NoKeyAndNoAddressAreUsageErrors) {
  const Finished key = Guidon({"key", "list"});
  EXPECT_EQ(key.exit_code, 2);
  EXPECT_NE(key.errors.find("GUIDON_KEY"), std::string::npos) << key.errors;
  const Finished address = Guidon({"key", "list", "--server", "ftp://x", "--key", "k"});
  EXPECT_EQ(address.exit_code, 2);
  EXPECT_NE(address.errors.find("ftp://x"), std::string::npos) << address.errors;
}

TEST(OutputTest, AFullDiskIsNoSuccess) {
  const Finished done =
      guidon::testing::Run({"/bin/sh", "-c", GUIDON_BIN_DIR "/guidon validate " + ShopFolder() + " > /dev/full"});
  EXPECT_EQ(done.exit_code, 2);
  EXPECT_EQ(done.errors, "guidon: cannot write to standard output\n");
}

}  // namespace
}  // namespace guidon::testing
