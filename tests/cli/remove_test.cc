// guidon remove: which value stays by the files of a workspace and by a real server. Here no code is C++, so that
// nothing is parsed; tests/removal has that.
#include <gmock/gmock.h>

#include <string>
#include <utility>
#include <vector>

#include "core/base/json.h"
#include "tests/cli/cli.h"

namespace guidon::testing {
namespace {

using Texts = std::vector<std::pair<std::string, std::string>>;
using ::testing::HasSubstr;

// Of 'greeting', whose default is 'long'. "": no state is written.
std::string HelloExperiment(const std::string& state, const std::string& more = "") {
  return "experiment: hello\nowner: growth\nhypothesis: A short one is read.\nflag: greeting\n"
         "environment: production\nunit: key\n" +
         (state.empty() ? "" : "state: " + state + "\n") +
         "variants: { control: { serves: long, weight: 50% }, brief: { serves: short, weight: 50% } }\n"
         "metrics: { primary: orders }\n" +
         more;
}

class RemoveTest : public ::testing::Test {
 protected:
  RemoveTest() : files(SmallShop("shop")), code(Texts{{"page.ts", "page();\n"}}) {
    files.Write("metrics/orders.yaml", "metric: orders\nowner: growth\ntype: conversion\nevent: order\n");
  }
  std::vector<std::string> Words(const std::vector<std::string>& more) const {
    std::vector<std::string> words = {"remove", "greeting", "--code", code.path(), "-e", "production"};
    words.insert(words.end(), more.begin(), more.end());
    return words;
  }

  const Workspace files, code;
};

const char* const kOfHello =
    "flag 'greeting' does not serve one variation alone in production, as experiment 'hello' is on it: say with --keep "
    "which one stays (short, long)";

TEST_F(RemoveTest, AnExperimentOfTheFilesServesMoreThanOneVariation) {
  const auto kept = [&] { return ToJson(*JsonOf(Guidon(Words({"-w", files.path(), "--json"}))).Find("kept")); };
  const auto refused = [&] {
    const Finished done = Guidon(Words({"-w", files.path()}));
    EXPECT_EQ(done.exit_code, 2) << done.output;
    EXPECT_THAT(done.errors, HasSubstr(kOfHello));
  };
  const std::string alone = R"({"variation":"long","value":"Good morning"})";
  EXPECT_EQ(kept(), alone);
  for (const char* state : {"running", "paused", ""}) {  // without one the server says whether it runs
    files.Write("experiments/hello.yaml", HelloExperiment(state));
    refused();
  }
  files.Write("experiments/hello.yaml", HelloExperiment("draft", "qa: { force: [{ key: tester, variant: brief }] }\n"));
  refused();
  for (const char* state : {"draft", "stopped"}) {
    files.Write("experiments/hello.yaml", HelloExperiment(state));
    EXPECT_EQ(kept(), alone) << state;
  }
  files.Write("experiments/hello.yaml", HelloExperiment("running"));
  const Finished named = Guidon(Words({"-w", files.path(), "--keep", "short"}));
  EXPECT_EQ(named.exit_code, 0) << named.errors;
  files.Write("experiments/hello.yaml", HelloExperiment("running", "archived: true\n"));
  EXPECT_EQ(kept(), alone);
}

TEST_F(RemoveTest, AnExperimentOfTheServerServesMoreThanOneVariation) {
  Guidond server;
  files.Write("experiments/hello.yaml", HelloExperiment("running"));
  const Finished applied = GuidonOf(server, {"apply", files.path()});
  ASSERT_EQ(applied.exit_code, 0) << applied.output << applied.errors;
  const Finished done = GuidonOf(server, Words({"--project", "shop"}));
  EXPECT_EQ(done.exit_code, 2) << done.output;
  EXPECT_THAT(done.errors, HasSubstr(kOfHello));
  files.Write("experiments/hello.yaml", HelloExperiment("stopped"));
  ASSERT_EQ(GuidonOf(server, {"apply", files.path()}).exit_code, 0);
  EXPECT_EQ(ToJson(*JsonOf(GuidonOf(server, Words({"--json"}))).Find("kept")),
            R"({"variation":"long","value":"Good morning"})");
}

TEST_F(RemoveTest, AWorkspaceWithFaultsSaysNothing) {
  files.Write("flags/other.yaml", "flag: other\ntype: nothing\n");
  for (const char* keep : {"", "long"}) {
    const Finished done = Guidon(Words(*keep == 0 ? std::vector<std::string>{"-w", files.path()}
                                                  : std::vector<std::string>{"-w", files.path(), "--keep", keep}));
    EXPECT_EQ(done.exit_code, 2) << done.output;
    EXPECT_EQ(done.output, "");
    EXPECT_THAT(done.errors, HasSubstr("flags/other.yaml:2:7  error  unknown type of flag 'nothing'"));
    EXPECT_THAT(done.errors, HasSubstr("the workspace is not valid\n"));
  }
}

}  // namespace
}  // namespace guidon::testing
