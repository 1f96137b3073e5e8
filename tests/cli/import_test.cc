// guidon events import into a guidond: the file's events, each once, or nothing of it.
#include <gmock/gmock.h>

#include <cmath>

#include "core/base/json.h"
#include "tests/cli/cli.h"
#include "tests/support/scripted_server.h"

namespace guidon::testing {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::SizeIs;

constexpr const char* kWorkspace = R"json({"workspace":{"project":{"project":"shop","environments":{"production":{}}},
  "flags":[{"flag":"layout","type":"string","owner":"x","variations":{"multi":"m","single":"s"},
    "environments":{"production":{"enabled":true,"default":"multi"}}}],
  "metrics":[{"metric":"bought","owner":"x","event":"order","type":"conversion"},
    {"metric":"spent","owner":"x","event":"order","type":"sum","value":"amount","cap":15},
    {"metric":"paid-in-euros","owner":"x","event":"order","type":"conversion","where":{"currency":"EUR"}}],
  "experiments":[{"experiment":"gate","flag":"layout","environment":"production","owner":"x","state":"running",
    "unit":"account_id","variants":{"b":{"serves":"multi","weight":"50%"},"a":{"serves":"single","weight":"50%"}},
    "metrics":{"primary":"bought","secondary":["spent","paid-in-euros"]},"plan":{"adjust":"cuped(7d)"}}]}})json";

// One conversion and what was paid are numbers of the same order.
constexpr const char* kTable =
    "user,arm,bought,paid,before,platform\n"
    "u1,b,true,10.5,1,ios\n"
    "u2,b,false,,2,android\n"
    "\"u,3\",a,yes,\"20\",3,ios\n"
    "u4,a,no,0,4,ios\n"
    "u5,a,1,5,5,\n"
    "u5,b,1,5,5,\n";

class ImportTest : public ::testing::Test {
 protected:
  ImportTest() {
    const HttpAnswer applied = server.Call("POST", "/api/v1/projects/shop/apply", {.body = kWorkspace});
    EXPECT_EQ(applied.status, 200) << applied.body;
    files.Write("table.csv", kTable);
  }
  Finished Import(const std::vector<std::string>& more = {},
                  const std::string& exposure = "unit=user,variant=arm,dimension=platform",
                  const std::string& metrics = "bought:conversion,paid:sum:before=before:metric=spent") {
    std::vector<std::string> words = {"events",       "import", files / "table.csv",  "-e",     "production",
                                      "--experiment", "gate",   "--exposure-columns", exposure, "--metric-columns",
                                      metrics};
    words.insert(words.end(), more.begin(), more.end());
    return GuidonOf(server, words);
  }
  Value Totals() const {
    const auto body =
        ParseJson(server.Call("GET", "/api/v1/projects/shop/environments/production/experiments/gate/totals").body);
    return body ? *body : Value();
  }
  // Its units, and the arms of its first two metrics.
  static std::string Counts(const Value& facts) {
    std::string text = facts.Find("units") == nullptr ? "" : ToJson(*facts.Find("units"));
    const Value* metrics = facts.Find("metrics");
    for (std::size_t m = 0; metrics != nullptr && m < 2; ++m) text += ToJson(*metrics->AsArray().at(m).Find("arms"));
    return text;
  }

  Guidond server;
  Workspace files;
};

TEST_F(ImportTest, AFileComesToTheSameOnAServerAndTwiceToo) {
  // What it comes to here, by the same cap and covariate.
  const Finished here =
      Guidon({"events", "import", files / "table.csv", "--exposure-columns", "unit=user,variant=arm,dimension=platform",
              "--metric-columns", "bought:conversion,paid:sum:cap=15:before=before", "--control", "b", "--json"});
  ASSERT_EQ(here.exit_code, 0) << here.errors;
  const std::string wanted = Counts(JsonOf(here));
  const Finished done = Import({"--json"});
  ASSERT_EQ(done.exit_code, 0) << done.errors;
  EXPECT_EQ(JsonOf(done).Find("rows")->AsInt(), 6);
  EXPECT_EQ(JsonOf(done).Find("known")->AsInt(), 0);
  // Six exposures, four orders, six of before.
  EXPECT_EQ(JsonOf(done).Find("events")->AsInt(), 16);
  EXPECT_TRUE(Eventually([&] { return Counts(Totals()) == wanted; })) << Counts(Totals()) << "\n" << wanted;
  EXPECT_EQ(ToJson(*Totals().Find("rejected")), "{}");

  const Finished again = Import({"--json"});
  EXPECT_EQ(again.exit_code, 0) << again.errors;
  EXPECT_EQ(JsonOf(again).Find("known")->AsInt(), 16);
  EXPECT_THAT(server.Journal("shop", "production"), SizeIs(1));
  EXPECT_THAT(Import().output,
              AllOf(HasSubstr("6 rows, 16 events into iteration 1 of gate in production; all of them had "
                              "come before and count once"),
                    HasSubstr("guidon experiment report gate")));
  const Finished other = Import({}, "unit=user,variant=arm");
  EXPECT_EQ(other.exit_code, 1);
  EXPECT_THAT(other.errors, HasSubstr("imported before, with other columns"));
  EXPECT_EQ(Counts(Totals()), wanted);
}

TEST_F(ImportTest, AnExportThatFindsNobodySaysWhereItLooked) {
  const auto found = [&](const std::vector<std::string>& more) {
    std::vector<std::string> words = {"events", "export", "-e", "production", "--experiment", "gate"};
    words.insert(words.end(), more.begin(), more.end());
    return GuidonOf(server, words).errors;
  };
  const std::string nobody = "0 units: none has been exposed to ";
  EXPECT_TRUE(Eventually([&] { return found({}).starts_with(nobody); })) << found({});
  EXPECT_EQ(found({}), nobody +
                           "the newest iteration of gate in production yet; --iteration and --environment name "
                           "others\n");
  EXPECT_THAT(found({"--iteration", "1"}), HasSubstr("iteration 1 of gate"));
  ASSERT_EQ(Import().exit_code, 0);
  EXPECT_TRUE(Eventually([&] { return found({}) == "5 units\n"; })) << found({});
}

TEST_F(ImportTest, WhatDoesNotFitTheExperimentIsRefusedBeforeAnythingIsSent) {
  const std::string time = "unit=user,variant=arm,time=when";
  const auto complaint = [&](const std::string& table, const std::string& exposure = "unit=user,variant=arm",
                             const std::string& metrics = "bought:conversion", std::vector<std::string> more = {}) {
    files.Write("table.csv", table);
    const Finished done = Import(more, exposure, metrics);
    EXPECT_EQ(done.exit_code, 2) << done.output;
    return done.errors;
  };
  EXPECT_THAT(complaint("user,arm,bought\nu1,a,1\nu2,c,1\n"),
              HasSubstr("row 3 is of variant 'c'; the experiment 'gate' has b, a"));
  EXPECT_THAT(complaint("user,arm,bought,when\nu1,a,1,2017-03-01\n", time),
              HasSubstr("row 2 is of 2017-03-01T00:00:00.000Z, before the iteration began"));
  EXPECT_THAT(complaint("user,arm,bought,when\nu1,a,1,2117-03-01\n", time),
              HasSubstr("row 2 is of 2117-03-01T00:00:00"));
  EXPECT_THAT(complaint("user,arm,bought,when\nu1,a,1,soon\n", time), HasSubstr("row 2 'when' is no time"));
  EXPECT_THAT(complaint("user,arm,bought\nu1,a,perhaps\n"),
              HasSubstr("row 2 'bought' is 'perhaps', which is no yes or no"));
  EXPECT_THAT(complaint("user,arm,bought,paid\nu1,a,no,5\n", "unit=user,variant=arm",
                        "bought:conversion,paid:sum:metric=spent"),
              HasSubstr("row 2 contradicts itself: one column says that there was 'order', another that not"));
  EXPECT_THAT(complaint("user,arm,n\nu1,a,5\n", "unit=user,variant=arm", "n:count"),
              HasSubstr("the experiment 'gate' has no metric 'n'; it has bought, spent, paid-in-euros"));
  EXPECT_THAT(complaint("user,arm,bought\nu1,a,5\n", "unit=user,variant=arm", "bought:count"),
              HasSubstr("the metric 'bought' is of type conversion, and not count"));
  EXPECT_THAT(complaint("user,arm,x\nu1,a,1\n", "unit=user,variant=arm", "x:conversion:metric=paid-in-euros"),
              HasSubstr("by a condition on their attributes, which a column does not have"));
  EXPECT_THAT(complaint("user,arm,bought\nu1,a,1\n", "unit=user,variant=arm", "bought:conversion:down"),
              HasSubstr("are those of the metric on the server"));
  EXPECT_THAT(complaint("user,arm,bought\n"), HasSubstr("has no rows"));
  EXPECT_THAT(
      complaint("user,arm,bought\nu1,a,1\n", "unit=user,variant=arm", "bought:conversion", {"--iteration", "2"}),
      HasSubstr("is in iteration 1"));
  EXPECT_THAT(server.Journal("shop", "production"), SizeIs(0));
  EXPECT_EQ(server.Call("GET", "/api/v1/audit?action=events.import").body.find("events.import"), std::string::npos);
}

// 400 players with the columns of Cookie Cats, and 10 more who were seen in both variants, gate_40 first.
std::string PlayersTable() {
  std::string table = "userid,version,sum_game_rounds,retention_1,retention_7\n";
  const auto yes = [](bool is_so) { return is_so ? "True" : "False"; };
  const auto add = [&](int unit, const std::string& version, int rounds, bool day_1, bool day_7) {
    table += std::to_string(unit) + "," + version + "," + std::to_string(rounds) + "," + yes(day_1) + "," + yes(day_7);
    table += "\n";
  };
  for (int i = 0; i < 210; ++i) add(i, "gate_30", i % 7, i < 126, i < 105);
  for (int i = 0; i < 190; ++i) add(1'000 + i, "gate_40", i % 7, i < 114, i < 57);
  for (int i = 0; i < 10; ++i) add(2'000 + i, "gate_40", 1, true, true);
  for (int i = 0; i < 10; ++i) add(2'000 + i, "gate_30", 1, true, true);
  return table;
}

TEST_F(ImportTest, ATableOfPlayersComesToTheSameEffectsHereAndInTheReportOfAServer) {
  files.Write("table.csv", PlayersTable());
  const std::string exposure = "unit=userid,variant=version",
                    metrics = "retention_7:conversion,retention_1:conversion,sum_game_rounds:sum";
  const std::vector<std::string> words = {
      "events",    "import", files / "table.csv", "--exposure-columns", exposure, "--metric-columns", metrics,
      "--control", "gate_30"};
  std::vector<std::string> as_json = words;
  as_json.emplace_back("--json");
  const Value here = JsonOf(Guidon(as_json));
  const Value& ratio = *here.Find("sample_ratio");
  EXPECT_NEAR(ratio.Find("chi_squared")->AsDouble(), 1.0, 1e-12) << "210 and 190, as the report has it";
  // 50 % and 30 %; 60 % of both.
  const auto of = [&](std::size_t metric) -> const Value& {
    return *here.Find("effects")->AsArray().at(metric).Find("absolute");
  };
  const double error = std::sqrt(0.25 / 210 + 0.21 / 190);
  EXPECT_NEAR(of(0).Find("effect")->AsDouble(), -0.2, 1e-12);
  EXPECT_NEAR(of(0).Find("standard_error")->AsDouble(), error, 1e-12);
  EXPECT_NEAR(of(0).Find("interval")->AsArray().at(0).AsDouble(), -0.2 - 1.966 * error, 1e-4) << "Student's t";
  EXPECT_NEAR(of(1).Find("effect")->AsDouble(), 0, 1e-12);
  EXPECT_NEAR(of(1).Find("p_value")->AsDouble(), 1, 1e-9);
  EXPECT_THAT(Guidon(words).output,
              AllOf(HasSubstr("sample ratio: chi-square 1.00, p 0.3173\n"), HasSubstr("gate_40 against gate_30\n"),
                    HasSubstr("retention_7      −20.00pp")));

  const HttpAnswer applied = server.Call("POST", "/api/v1/projects/shop/apply", {.body = R"json({"workspace":{
    "project":{"project":"shop","environments":{"production":{}}},
    "flags":[{"flag":"level","type":"number","owner":"x","variations":{"at_30":30,"at_40":40},
      "environments":{"production":{"enabled":true,"default":"at_30"}}}],
    "metrics":[{"metric":"retention_7","owner":"x","event":"day_7","type":"conversion","window":"none"},
      {"metric":"retention_1","owner":"x","event":"day_1","type":"conversion","window":"none"},
      {"metric":"sum_game_rounds","owner":"x","event":"rounds","type":"sum","value":"rounds",
        "cap":"none","window":"none"}],
    "holdouts":[{"holdout":"half-year","owner":"x","unit":"player","size":"5%"}],
    "experiments":[{"experiment":"players","holdout":"half-year","flag":"level","environment":"production","owner":"x","state":"running",
      "unit":"player","variants":{"gate_30":{"serves":"at_30","weight":"50%"},"gate_40":{"serves":"at_40","weight":"50%"}},
      "metrics":{"primary":"retention_7","secondary":["retention_1","sum_game_rounds"]},
      "plan":{"method":"fixed","adjust":"none"}}]}})json"});
  ASSERT_EQ(applied.status, 200) << applied.body;
  const Finished done = GuidonOf(server, {"events", "import", files / "table.csv", "-e", "production", "--experiment",
                                          "players", "--exposure-columns", exposure, "--metric-columns", metrics});
  ASSERT_EQ(done.exit_code, 0) << done.errors;
  Value report;
  const auto read = [&] {
    report = JsonOf(GuidonOf(server, {"experiment", "report", "players", "--json"}));
    return report.Find("progress")->Find("units")->AsInt();
  };
  EXPECT_TRUE(Eventually([&] { return read() == 400; })) << ToJson(report);
  EXPECT_TRUE(report.Find("metrics")->AsArray().at(0).Find("comparisons")->AsArray().empty()) << "it has not ended";
  EXPECT_EQ(GuidonOf(server, {"experiment", "stop", "players"}).exit_code, 0);
  EXPECT_TRUE(Eventually([&] { return read() == 400 && report.Find("decision")->AsString() != "keep_running"; }))
      << "the final look is taken";
  EXPECT_EQ(GuidonOf(server, {"experiment", "report", "players"}).exit_code, 1) << "it does harm";
  // Of the holdout nobody came here.
  const Finished held = GuidonOf(server, {"experiment", "report", "holdout:half-year", "-e", "production"});
  EXPECT_EQ(held.exit_code, 0) << held.errors;
  EXPECT_THAT(held.output, AllOf(HasSubstr("holdout:half-year  holdout in production"), HasSubstr("No unit has been")));
  const Finished nowhere = GuidonOf(server, {"experiment", "report", "holdout:half-year"});
  EXPECT_EQ(nowhere.exit_code, 2);
  EXPECT_THAT(nowhere.errors, HasSubstr("name one with --environment"));
  read();
  EXPECT_EQ(report.Find("decision")->AsString(), "stop_for_harm");
  const Value& split = *report.Find("gates")->AsArray().at(0).Find("numbers");
  EXPECT_EQ(ToJson(*split.Find("observed")), "[210.0,190.0]");
  EXPECT_EQ(split.Find("chi_squared")->AsDouble(), ratio.Find("chi_squared")->AsDouble());
  for (std::size_t m = 0; m < 3; ++m) {
    const Value& there = *report.Find("metrics")->AsArray().at(m).Find("comparisons")->AsArray().at(0).Find("absolute");
    EXPECT_EQ(there.Find("effect")->AsDouble(), of(m).Find("effect")->AsDouble()) << m;
    EXPECT_EQ(there.Find("lower")->AsDouble(), of(m).Find("interval")->AsArray().at(0).AsDouble()) << m;
    EXPECT_EQ(there.Find("upper")->AsDouble(), of(m).Find("interval")->AsArray().at(1).AsDouble()) << m;
  }
}

// What a busy server says for now is tried again when it says so, and not for ever.
TEST_F(ImportTest, ABusyServerIsWaitedForAndWhatIsInIsSaid) {
  const std::string experiment = server.Call("GET", "/api/v1/projects/shop/experiments/gate").body;
  const auto answer = [](int status, std::string body, std::string retry = "") {
    return [=](ScriptedServer::Connection& connection) {
      ScriptedServer::Headers headers = {{"Content-Type", "application/json"}};
      if (!retry.empty()) headers.emplace_back("Retry-After", retry);
      connection.SendAnswer(status, headers, body);
    };
  };
  std::string table = "user,arm,bought\n";
  for (int i = 0; i < 600; ++i) table += "u" + std::to_string(i) + ",a,1\n";  // two batches
  files.Write("table.csv", table);
  ScriptedServer busy;
  std::future<bool> served = busy.Serve({answer(200, experiment), answer(429, "{}", "0"), answer(201, "{}"),
                                         answer(503, "{}", "0"), answer(202, R"({"accepted":1000,"duplicate":false})"),
                                         answer(503, R"({"detail":"not today"})", "3600")});
  const Finished done =
      Guidon({"events", "import", files / "table.csv", "-p", "shop", "-e", "production", "--experiment", "gate",
              "--exposure-columns", "unit=user,variant=arm", "--metric-columns", "bought:conversion"},
             {"GUIDON_SERVER=" + busy.url(), "GUIDON_KEY=gdn_adm_whatever"});
  EXPECT_TRUE(served.get()) << done.errors;
  EXPECT_EQ(done.exit_code, 4);
  EXPECT_THAT(done.errors,
              AllOf(HasSubstr("not today"), HasSubstr("1000 of 1200 events are in; the same command goes on")));
}

}  // namespace
}  // namespace guidon::testing
