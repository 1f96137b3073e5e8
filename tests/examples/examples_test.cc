// The examples, as they are built, against a guidond: what their comments promise, they do.
#include <gtest/gtest.h>
#include <csignal>

#include <atomic>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <thread>

#include "core/base/json.h"
#include "tests/support/guidond.h"

namespace guidon::testing {
namespace {

class ExamplesTest : public ::testing::Test {
 protected:
  void SetUp() override {
    const Finished applied =
        guidon::testing::Run({GUIDON_BIN_DIR "/guidon", "apply", GUIDON_SOURCE_DIR "/experiments/shop"},
                             {"GUIDON_SERVER=" + server_.url(), "GUIDON_KEY=" + server_.admin_key()});
    ASSERT_EQ(applied.exit_code, 0) << applied.output << applied.errors;
    key_ = server_.CreateSdkKey("shop", "production");
  }

  // Switches payments.v2 and checkout.layout in one commit.
  void Serve(const std::string& payments, const std::string& layout) {
    const auto change = [](const std::string& flag, const std::string& serves) {
      return R"({"kind": "flag", "key": ")" + flag +
             R"(", "action": "patch", "definition": {"environments": {"production": {"enabled": true, "rules": null,)" +
             R"( "targets": null, "default": ")" + serves + R"("}}}})";
    };
    const HttpAnswer answer = server_.Call("POST", "/api/v1/projects/shop/changes",
                                           {.body = R"({"changes": [)" + change("payments.v2", payments) + "," +
                                                    change("checkout.layout", layout) + "]}"});
    ASSERT_EQ(answer.status, 200) << answer.body;
  }

  Guidond server_;
  std::string key_;
};

TEST_F(ExamplesTest, QuickstartReadsTwoFlags) {
  const Finished done = guidon::testing::Run({GUIDON_BIN_DIR "/quickstart", server_.url()}, {"GUIDON_SDK_KEY=" + key_});
  EXPECT_EQ(done.exit_code, 0);
  EXPECT_EQ(done.errors, "");
  EXPECT_TRUE(done.output.starts_with("payments.v2 is off\ncheckout.layout is multi because DEFAULT, revision "))
      << done.output;
}

TEST_F(ExamplesTest, QuickstartGoesOnWithItsDefaultsWithoutAServer) {
  const Finished done =
      guidon::testing::Run({GUIDON_BIN_DIR "/quickstart", "http://127.0.0.1:1"}, {"GUIDON_SDK_KEY=" + key_});
  EXPECT_EQ(done.exit_code, 0);
  EXPECT_NE(done.errors, "");
  EXPECT_TRUE(done.output.starts_with("payments.v2 is off\ncheckout.layout is multi because ERROR")) << done.output;
}

// The same program in other languages, through the C interface.
constexpr const char* kInOtherLanguages[][2] = {
    {GUIDON_BIN_DIR "/quickstart_c", ""},
    {"/usr/bin/env python3", GUIDON_SOURCE_DIR "/examples/python/quickstart.py"},
    {"/usr/bin/env node", GUIDON_SOURCE_DIR "/examples/node/quickstart.js"},
};

Finished RunIn(const char* const (&language)[2], const std::string& server, const std::string& key) {
  std::vector<std::string> command;
  const std::string program = std::string(language[0]) + " " + language[1];
  std::istringstream words(program);
  for (std::string word; words >> word;) command.push_back(word);
  command.push_back(server);
  return guidon::testing::Run(command, {"GUIDON_SDK_KEY=" + key, "GUIDON_LIBRARY=" GUIDON_LIBRARY_FILE});
}

TEST_F(ExamplesTest, QuickstartReadsTwoFlagsFromCPythonAndNode) {
  for (const auto& language : kInOtherLanguages) {
    const Finished done = RunIn(language, server_.url(), key_);
    EXPECT_EQ(done.exit_code, 0) << language[0];
    EXPECT_EQ(done.errors, "") << language[0];
    EXPECT_EQ(done.output, "payments.v2 is off\ncheckout.layout is multi\n") << language[0];
  }
  ASSERT_NO_FATAL_FAILURE(Serve("on", "single_page"));
  for (const auto& language : kInOtherLanguages) {
    const Finished done = RunIn(language, server_.url(), key_);
    EXPECT_EQ(done.output, "payments.v2 is on\ncheckout.layout is single\n") << language[0] << done.errors;
  }
}

TEST_F(ExamplesTest, QuickstartSaysInEveryLanguageWhyItHasNoFlags) {
  for (const auto& language : kInOtherLanguages) {
    const Finished done = RunIn(language, server_.url(), "gdn_srv_unknown");
    EXPECT_EQ(done.exit_code, 0) << language[0];
    EXPECT_NE(done.errors.find("does not accept the key"), std::string::npos) << language[0] << ": " << done.errors;
    EXPECT_EQ(done.output, "payments.v2 is off\ncheckout.layout is multi\n") << language[0];
  }
}

TEST(QuickstartTest, IsAboutTwentyLines) {
  std::ifstream source(GUIDON_SOURCE_DIR "/examples/quickstart/main.cc");
  int lines = 0;
  for (std::string line; std::getline(source, line);) {
    lines += line.find_first_not_of(' ') == std::string::npos || line.starts_with("//") ? 0 : 1;
  }
  EXPECT_GT(lines, 10);
  EXPECT_LE(lines, 22);
}

// Two flags that change in one commit: a request that reads both sees them as they were together, whenever it comes.
TEST_F(ExamplesTest, RequestServerAnswersEachRequestFromOneRevision) {
  ASSERT_NO_FATAL_FAILURE(Serve("off", "multi_step"));
  Process shop({GUIDON_BIN_DIR "/request_server", "--port", "0", "--server", server_.url()},
               {"GUIDON_SDK_KEY=" + key_});
  ASSERT_TRUE(shop.WaitForOutput("listening on 127.0.0.1:")) << shop.Errors();
  const std::string said = shop.Output();
  const auto port = static_cast<std::uint16_t>(std::atoi(said.c_str() + said.rfind(':') + 1));
  ASSERT_TRUE(Eventually([&] { return HttpCall(port, "GET", "/status").body.starts_with("live revision="); }));

  constexpr int kCommits = 60;
  std::atomic<bool> stopping{false};
  std::atomic<int> answers{0}, with_v2{0};
  std::vector<std::string> mixed[2];
  std::vector<std::thread> visitors;
  for (auto& faults : mixed) {
    visitors.emplace_back([&] {
      while (!stopping) {
        const std::string answer = HttpCall(port, "GET", "/checkout?user=user-42&country=US").body;
        const bool is_old = answer.starts_with("layout=multi payments=v1 revision=");
        const bool is_new = answer.starts_with("layout=single payments=v2 revision=");
        if (!is_old && !is_new) faults.push_back(answer);
        ++answers;
        with_v2 += is_new ? 1 : 0;
      }
    });
  }
  for (int i = 0; i < kCommits; ++i) {
    Serve(i % 2 == 0 ? "on" : "off", i % 2 == 0 ? "single_page" : "multi_step");
    // Both sides are seen: the next commit waits for a few answers.
    const int seen = answers;
    EXPECT_TRUE(Eventually([&] { return answers >= seen + 3; }));
  }
  stopping = true;
  for (std::thread& visitor : visitors) visitor.join();
  for (const auto& faults : mixed) {
    for (const std::string& answer : faults) ADD_FAILURE() << "a mixed answer: " << answer;
  }
  EXPECT_GT(with_v2, 0);
  EXPECT_LT(with_v2, answers);

  // Without the server it goes on with what it has.
  server_.Kill();
  EXPECT_TRUE(HttpCall(port, "GET", "/checkout?user=user-42&country=US").body.starts_with("layout=multi payments=v1"));
  shop.Signal(SIGTERM);
  EXPECT_EQ(shop.WaitForExit(), 0);
}

// As a newcomer lives it: reads what it says, does what it proposes, ends it with Ctrl-C.
TEST(DemoTest, WhatItProposesWorksAsPrintedAndCtrlCEndsItAll) {
  const TemporaryFolder temporary;
  Process demo({GUIDON_SOURCE_DIR "/scripts/demo", "--port", "0", GUIDON_BIN_DIR}, {"TMPDIR=" + temporary.path()});
  ASSERT_TRUE(demo.WaitForOutput("Ctrl-C stops everything and removes the data.\n")) << demo.Output() << demo.Errors();
  const std::string said = demo.Output();
  const std::size_t begin = said.find("Try:   ") + 7;
  const std::string proposed = said.substr(begin, said.find("Ctrl-C") - begin);
  const Finished tried = guidon::testing::Run({"/bin/sh", "-e", "-c", proposed});
  EXPECT_EQ(tried.exit_code, 0) << proposed << tried.errors;
  EXPECT_TRUE(tried.output.starts_with("payments.v2 is now disabled in production")) << tried.output;
  EXPECT_NE(tried.output.find("search-hybrid-ranker  search.ranker in production"), std::string::npos) << tried.output;
  EXPECT_TRUE(demo.WaitForOutput("flag=payments.v2 value=false")) << demo.Output();

  const std::size_t address = said.find("http://127.0.0.1:") + 17;
  const auto port = static_cast<std::uint16_t>(std::atoi(said.c_str() + address));
  EXPECT_EQ(HttpCall(port, "GET", "/livez").status, 200);
  demo.Signal(SIGINT);
  EXPECT_EQ(demo.WaitForExit(), 130);
  EXPECT_EQ(guidon::testing::Run({"/bin/ls", "-A", temporary.path()}).output, "");
  EXPECT_THROW(HttpCall(port, "GET", "/livez"), std::runtime_error) << "the server still runs";
}

TEST(DemoTest, ChecksItselfAndLeavesNothingBehind) {
  const TemporaryFolder temporary;
  const std::string page = GUIDON_BIN_DIR "/../demo-report.html";
  std::filesystem::remove(page);
  const Finished done = guidon::testing::Run({GUIDON_SOURCE_DIR "/scripts/demo", "--once", GUIDON_BIN_DIR},
                                             {"TMPDIR=" + temporary.path()});
  EXPECT_EQ(done.exit_code, 0) << done.output << done.errors;
  EXPECT_NE(done.output.find("  search_clicked  conversion, up is good"), std::string::npos) << done.output;
  EXPECT_NE(done.output.find("/demo-report.html\n"), std::string::npos) << done.output;
  std::string first;
  std::getline(std::ifstream(page), first);
  EXPECT_TRUE(first.starts_with("<!doctype html>")) << first;
  EXPECT_NE(done.output.find("payments.v2 = true everywhere"), std::string::npos) << done.output;
  EXPECT_EQ(done.output.find("gdn_"), std::string::npos) << "a key is shown";
  EXPECT_EQ(guidon::testing::Run({"/bin/ls", "-A", temporary.path()}).output, "");
}

}  // namespace
}  // namespace guidon::testing
