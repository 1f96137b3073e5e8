// The example ci-gate says each of its answers, against a real server.
#include <gmock/gmock.h>
#include <gtest/gtest-spi.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "core/base/json.h"
#include "tests/examples/checkout.h"

namespace guidon::testing {
namespace {

using ::testing::HasSubstr;

class CiGateTest : public ::testing::Test {
 protected:
  CiGateTest() {
    shop_.Ask(server_);
    const Finished applied = shop_.Run({"guidon", "apply", "flags"});
    EXPECT_EQ(applied.exit_code, 0) << applied.output << applied.errors;
  }
  Finished Gate(std::vector<std::string> more = {}, const std::map<std::string, std::string>& environment = {}) {
    more.insert(more.begin(), {"./gate.sh", "production"});
    return shop_.Run(more, environment);
  }

  Guidond server_;
  Checkout shop_;
};

TEST_F(CiGateTest, PassesAsItIsAndLeavesItsReports) {
  const Finished done = Gate();
  EXPECT_EQ(done.exit_code, 0) << done.output << done.errors;
  EXPECT_THAT(done.output, HasSubstr("\ngo on: deploy to production\n"));
  EXPECT_THAT(shop_.Read("gate-report/gate.md"), HasSubstr("May be released to production"));
  EXPECT_EQ(FaultsOf({shop_ / "gate-report/gate.xml", shop_ / "gate-report/gate.sarif"}), "");
  EXPECT_EQ(shop_.Run({"./deploy.sh", "production"}).output, "deployed to production\n");
}

TEST_F(CiGateTest, FailsForAJumpAndForAMisspeltFlag) {
  shop_.Edit("flags/flags/cart.yaml", "{ on: 5%, off: 95% }", "{ on: 100%, off: 0% }");
  shop_.Edit("src/cart.cc", "cart.express", "cart.expres");
  const Finished done = Gate();
  EXPECT_EQ(done.exit_code, 1) << done.errors;
  for (const char* line : {"fail    change.jump        flags/flags/cart.yaml:11:11\n",

                           "fail    code.unknown-flag  src/cart.cc:8:19\n", "stop: mend what is listed above"}) {
    EXPECT_THAT(done.output, HasSubstr(line));
  }
  EXPECT_THAT(shop_.Read("gate-report/gate.md"), HasSubstr("May not be released to production"));
  EXPECT_EQ(FaultsOf({shop_ / "gate-report/gate.xml", shop_ / "gate-report/gate.sarif"}), "");
}

TEST_F(CiGateTest, HoldsWhileTooLittleIsKnownAndLooksAgain) {
  const Finished done = Gate({"--experiment", "search-semantic"}, {{"GATE_LOOKS", "3"}, {"GATE_WAIT", "0"}});
  EXPECT_EQ(done.exit_code, 3) << done.errors;
  EXPECT_THAT(done.output, HasSubstr("look 1 of 3; again in 0 s\n"));
  EXPECT_THAT(done.output, HasSubstr("look 2 of 3; again in 0 s\n"));
  EXPECT_THAT(done.output, HasSubstr("\nwait: nothing is wrong"));
  EXPECT_THAT(shop_.Read("gate-report/gate.md"), HasSubstr("Not yet to be released to production"));
}

TEST_F(CiGateTest, SaysThatTheServerIsAwayAndThePolicyMayMakeAFailOfIt) {
  EXPECT_EQ(server_.Stop(), 0);
  const Finished away = Gate();
  EXPECT_EQ(away.exit_code, 4) << away.errors;
  EXPECT_THAT(away.output, HasSubstr("stop: the server cannot be asked"));
  EXPECT_THAT(shop_.Read("gate-report/gate.md"), HasSubstr("No verdict on a release to production"));
  shop_.Edit("flags/gate.yaml", "policy: bookshop\n", "policy: bookshop\nunreachable: fail\n");
  EXPECT_EQ(Gate().exit_code, 1);
  EXPECT_THAT(shop_.Read("gate-report/gate.xml"), HasSubstr("<error message=\"the server cannot be reached"));
  EXPECT_THAT(shop_.Read("gate-report/gate.sarif"), HasSubstr(R"({"artifactLocation":{"uri":"flags/gate.yaml"})"));
  EXPECT_EQ(FaultsOf({shop_ / "gate-report/gate.xml", shop_ / "gate-report/gate.sarif"}), "");
  EXPECT_EQ(Gate({"--offline"}).exit_code, 0);
  EXPECT_EQ(shop_.Run({"./gate.sh"}).exit_code, 2);
}

TEST_F(CiGateTest, WaitsUntilTheProcessesHaveItAndNamesThoseThatHaveNot) {
  Application application(server_, "bookshop", "production");
  const Finished done = shop_.Run({"./delivered.sh", "production", "--settle", "0s", "--release", "1.0"});
  EXPECT_EQ(done.exit_code, 0) << done.output << done.errors;
  EXPECT_THAT(done.output, HasSubstr("\ndone: production has it\n"));
  application.LagBehind();
  shop_.Edit("flags/flags/cart.yaml", "{ on: 5%, off: 95% }", "{ on: 10%, off: 90% }");
  ASSERT_EQ(shop_.Run({"guidon", "apply", "flags"}).exit_code, 0);
  const Finished held = shop_.Run({"./delivered.sh", "production", "--settle", "0s"}, {{"GATE_WITHIN", "0s"}});
  EXPECT_EQ(held.exit_code, 3) << held.output << held.errors;
  EXPECT_THAT(held.output, HasSubstr("hold    delivery.share  environment production\n        0 of 1 live processes"));
  EXPECT_THAT(held.output, HasSubstr("hold    delivery.share  application request-server 1.0\n"));
  EXPECT_THAT(held.output, HasSubstr("\nwait: not everybody has it yet"));
  EXPECT_EQ(shop_.Run({"./delivered.sh"}).exit_code, 2);
}

// Whoever has no schemas is told that files were not held against them.
TEST(SchemasTest, WithoutThemATestIsSkippedAndSaysSo) {
  const TemporaryFolder elsewhere;
  ::testing::TestPartResultArray told;
  {
    const ::testing::ScopedFakeTestPartResultReporter reporter(
        ::testing::ScopedFakeTestPartResultReporter::INTERCEPT_ONLY_CURRENT_THREAD, &told);
    EXPECT_EQ(FaultsOf({elsewhere / "gate.xml"}, elsewhere.path()), "");
  }
  ASSERT_EQ(told.size(), 1);
  EXPECT_TRUE(told.GetTestPartResult(0).skipped());
  EXPECT_THAT(told.GetTestPartResult(0).message(), HasSubstr("schemas in the folder GUIDON_SHARED"));
}

// What an example shows is valid, laid out and tested, and the next one who edits it learns no bad habits.
TEST_F(CiGateTest, ItsFilesAreAsTheToolsWantThem) {
  for (const std::vector<std::string>& command : {std::vector<std::string>{"guidon", "validate", "flags"},
                                                  {"guidon", "lint", "flags"},
                                                  {"guidon", "fmt", "--check", "flags"},
                                                  {"guidon", "test", "flags"}}) {
    const Finished done = shop_.Run(command);
    EXPECT_EQ(done.exit_code, 0) << done.output << done.errors;
    EXPECT_THAT(done.output, ::testing::Not(HasSubstr("warning  "))) << done.output;
  }
}

}  // namespace
}  // namespace guidon::testing
