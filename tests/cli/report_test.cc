// guidon experiment report|watch and guidon gate --experiment, against the answers of a server.
#include <gmock/gmock.h>

#include <fstream>
#include <sstream>

#include "tests/cli/cli.h"

namespace guidon::testing {
namespace {

std::string ReportWith(const std::string& decision, const std::string& ratio, const std::string& events,
                       const std::string& guardrail) {
  return R"({"format":"guidon.report/1","as_of":"2027-01-25T08:00:00Z","decision":")" + decision +
         R"(","verdict":"what it says","progress":{"look":2},"gates":[{"id":"sample_ratio","light":")" + ratio +
         R"(","sentence":"the split"},{"id":"minimum_events","light":")" + events +
         R"(","sentence":"few events"}],"metrics":[{"metric":"errors","role":"guardrail","margin":0.01,"verdict":")" +
         guardrail + R"("}]})";
}

// As the server has the experiment, beside its report.
constexpr const char* kRecord =
    R"({"definition":{"experiment":"one-page","flag":"layout","environment":"production","unit":"account_id",)"
    R"("variants":{"control":{"serves":"off","weight":"50%"},"one_page":{"serves":"on","weight":"50%"}},)"
    R"("metrics":{"primary":{"use":"orders","expect":"up"}}}})";

const std::vector<std::string> kGate = {"gate", "--environment", "production", "--experiment", "one-page",
                                        "-p",   "shop"};

TEST(ReportTest, TheGateFailsOnHarmAndOnABrokenSplitAndWaitsForWhatIsNotKnown) {
  const Workspace policies(
      {{"off.yaml", "record: off\n"}, {"fail.yaml", "unreachable: fail\n"}, {"pass.yaml", "unreachable: pass\n"}});
  const auto by = [&](const std::string& file) {
    std::vector<std::string> words = kGate;
    words.insert(words.end(), {"--policy", policies / file});
    return words;
  };
  const std::vector<std::string> gate = by("off.yaml");  // nothing is recorded: the server gives these answers alone
  const auto code = [&](const std::string& report) { return Asking(gate, {{report}, {kRecord}}).exit_code; };
  EXPECT_EQ(code(ReportWith("keep_running", "green", "green", "safe")), 0);
  EXPECT_EQ(code(ReportWith("ship", "green", "green", "safe")), 0);
  EXPECT_EQ(code(ReportWith("keep_running", "green", "green", "harmed")), 1);
  EXPECT_EQ(code(ReportWith("stop_for_harm", "green", "green", "safe")), 1);
  EXPECT_EQ(code(ReportWith("cannot_say", "red", "green", "safe")), 1);
  EXPECT_EQ(code(ReportWith("keep_running", "green", "yellow", "safe")), 3);
  EXPECT_EQ(code(ReportWith("keep_running", "green", "green", "not_sure_yet")), 3);
  // A fold that stands still: what it does not show may have come since.
  const std::string stale = R"({"id":"freshness","light":"yellow","sentence":"not counted yet"},)";
  const auto with_stale = [&](std::string report) { return report.insert(report.find(R"({"id":"sample)"), stale); };
  EXPECT_EQ(code(with_stale(ReportWith("keep_running", "green", "green", "safe"))), 3);
  EXPECT_EQ(code(with_stale(ReportWith("keep_running", "green", "green", "harmed"))), 1);
  const Finished held = Asking(gate, {{with_stale(ReportWith("ship", "green", "green", "safe"))}, {kRecord}});
  EXPECT_EQ(held.output,
            "hold    live.evidence  experiment one-page\n        not counted yet\n"
            "not looked at: static, as no --workspace was given\n"
            "not looked at: change, as no --workspace was given\n"
            "not looked at: code, as no --code was given\n"
            "not looked at: delivery, as no --revision was given\nHOLD  production: 1 to wait for\n");
  // Harm is harm, however little is known of the rest.
  EXPECT_EQ(code(ReportWith("keep_running", "green", "yellow", "harmed")), 1);
  const Answer later = {R"({"detail":"later"})", "application/problem+json", 503};
  EXPECT_EQ(Asking(gate, {later}).exit_code, 4);
  // The policy may make a verdict of that.
  EXPECT_EQ(Asking(by("fail.yaml"), {later}).exit_code, 1);
  EXPECT_EQ(Asking(by("pass.yaml"), {later}).exit_code, 0);
  // What was never started has no data yet; what is not there at all is a mistake of who asks.
  const Answer none = {R"({"detail":"that has been started"})", "application/problem+json", 404};
  const auto entity = [](const std::string& environment, const std::string& state) {
    return Answer{R"({"definition":{"environment":")" + environment + R"("},"state":{"status":"draft")" + state + "}}"};
  };
  EXPECT_EQ(Asking(gate, {none, entity("production", "")}).exit_code, 3);
  EXPECT_EQ(Asking(gate, {none, entity("staging", "")}).exit_code, 2);
  EXPECT_EQ(Asking(gate, {none, entity("production", R"(,"iteration":2)")}).exit_code, 2);
  EXPECT_EQ(Asking(gate, {none, none}).exit_code, 2);
  const Finished said = Asking(gate, {{ReportWith("keep_running", "green", "green", "harmed")}, {kRecord}});
  EXPECT_NE(said.output.find("FAIL  production: 1 to mend\n"), std::string::npos) << said.output;
  EXPECT_NE(said.output.find("guardrail errors is harmed"), std::string::npos) << said.output;
  EXPECT_EQ(Guidon({"gate", "--environment", "production"}, {}).exit_code, 2);
}

const std::vector<std::string> kReport = {"experiment", "report", "one-page", "-p", "shop", "-e", "production"};

TEST(ReportTest, TheReportIsTextOrJsonOrAPage) {
  const std::string document = ReportWith("keep_running", "green", "green", "safe");
  const Finished text = Asking(kReport, {{document}, {"Keep running\n", "text/plain; charset=utf-8"}});
  EXPECT_EQ(text.exit_code, 0) << text.errors;
  EXPECT_EQ(text.output, "Keep running\n");
  std::vector<std::string> arguments = kReport;
  arguments.push_back("--json");
  EXPECT_EQ(Asking(arguments, {{document}}).output, document + "\n");
  const Workspace folder;
  arguments = kReport;
  arguments.insert(arguments.end(), {"--html", folder.path() + "/out.html"});
  const Finished page = Asking(arguments, {{document}, {"<!doctype html>", "text/html; charset=utf-8"}});
  EXPECT_EQ(page.exit_code, 0) << page.errors;
  std::stringstream written;
  written << std::ifstream(folder.path() + "/out.html").rdbuf();
  EXPECT_EQ(written.str(), "<!doctype html>");
  // What a proxy makes of it is no report.
  EXPECT_EQ(Asking(kReport, {{document}, {"<html>Sign in</html>", "text/html"}}).exit_code, 4);
  EXPECT_EQ(Asking(kReport, {{ReportWith("cannot_say", "red", "green", "safe")}, {"x\n", "text/plain"}}).exit_code, 1);
}

TEST(ReportTest, WatchingEndsWithADecisionOrWithItsTime) {
  std::vector<std::string> arguments = {"experiment", "watch",   "one-page", "-p",        "shop", "-e",
                                        "production", "--every", "1s",       "--at-most", "20s"};
  const std::string running = ReportWith("keep_running", "green", "green", "safe");
  const Finished done = Asking(arguments, {{running},
                                           {"Keep running\n", "text/plain"},
                                           {running},
                                           {ReportWith("ship", "green", "green", "safe")},
                                           {"Ship\n", "text/plain"}});
  EXPECT_EQ(done.exit_code, 0) << done.errors;
  EXPECT_EQ(done.output, "Keep running\n\n--------------------\n\nShip\n");
  // What nobody was exposed to is waited for; a broken split is not, and ends with the code of the report.
  const std::string broken = ReportWith("cannot_say", "red", "green", "safe");
  const Finished red = Asking(arguments, {{ReportWith("cannot_say", "green", "yellow", "not_sure_yet")},
                                          {"Nobody yet\n", "text/plain"},
                                          {broken},
                                          {"Broken\n", "text/plain"}});
  EXPECT_EQ(red.exit_code, 1) << red.errors;
  EXPECT_THAT(red.output, ::testing::EndsWith("Broken\n"));
  arguments.back() = "0s";
  EXPECT_EQ(Asking(arguments, {{running}, {"Keep running\n", "text/plain"}}).exit_code, 3);
}

}  // namespace
}  // namespace guidon::testing
