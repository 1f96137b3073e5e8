// What reports, experiments that were stopped, their ramps, and change requests say against a release.
#include "gate/live_checks.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/base/json.h"
#include "core/model/units.h"
#include "gate/rules.h"

namespace guidon::gate {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr std::int64_t kNow = 1'800'000'000'000;  // 2027-01-15T08:00:00Z

std::vector<std::string> Lines(const std::vector<Finding>& findings) {
  std::vector<std::string> lines;
  for (const Finding& finding : findings) {
    lines.push_back(std::string(ToString(finding.severity)) + " " + finding.rule + " " + finding.subject + " (" +
                    finding.owner + "): " + finding.message);
  }
  return lines;
}

std::vector<std::string> OfReport(const std::string& members, const Policy& policy, bool wants_evidence) {
  return Lines(CheckReport("one", *ParseJson(R"({"owner":"ana")" + members + "}"), policy, wants_evidence));
}

TEST(CheckReportTest, EvidenceIsDaysAndUnitsOfThePlanAndOfThePolicy) {
  const std::string report = R"(,"progress":{"units":900,"days":3.29},"plan":{"min_days":3})";
  Policy policy;
  EXPECT_THAT(OfReport(report, policy, true), IsEmpty());
  policy.least_days = 7;
  policy.least_units = 1'000;
  EXPECT_THAT(OfReport(report, policy, true),
              ElementsAre("hold live.evidence experiment one (ana): it has run for 3.2 days; 7 days are wanted",
                          "hold live.evidence experiment one (ana): it has 900 units; 1000 are wanted"));
  EXPECT_THAT(OfReport(report, policy, false), IsEmpty());
  EXPECT_THAT(OfReport(R"(,"progress":{"units":9000,"days":6.99},"plan":{"min_days":14})", policy, true),
              ElementsAre("hold live.evidence experiment one (ana): it has run for 6.9 days; 14 days are wanted"));
  EXPECT_THAT(OfReport(R"(,"progress":{"units":1000,"days":7})", policy, true), IsEmpty());
}

TEST(CheckReportTest, HarmAndABrokenSplitFailAlsoWhereNoEvidenceIsWanted) {
  const std::string report = R"(,"gates":[{"id":"sample_ratio","light":"red","sentence":"the split"},
    {"id":"minimum_events","light":"yellow","sentence":"few"}],"metrics":[
    {"metric":"errors","role":"guardrail","margin":0.1,"verdict":"harmed"},
    {"metric":"latency","role":"guardrail","margin":0.1,"verdict":"not_sure_yet"}])";
  EXPECT_THAT(OfReport(report, {}, false),
              ElementsAre("fail live.sample-ratio experiment one (ana): the split",
                          "fail live.guardrail experiment one (ana): guardrail errors is harmed"));
  EXPECT_EQ(OfReport(report, {}, true).size(), 4u);
}

TEST(PolicyTest, EvidenceOfAllExperimentsIsWantedWhereThePolicyNamesIt) {
  EXPECT_FALSE(Policy().WantsEvidenceOfAll());
  for (const char* text :
       {"live.evidence: fail", "live.evidence: { min_days: 7 }", "live.evidence: { min_units: 9 }"}) {
    EXPECT_TRUE(ReadPolicy("rules: { " + std::string(text) + " }\n", "g").policy.WantsEvidenceOfAll()) << text;
  }
}

ExperimentRecord Paused(const std::string& by, const std::string& kind) {
  ExperimentRecord record;
  record.definition.key = "one";
  record.definition.owner = "ana";
  record.state.status = ExperimentStatus::kPaused;
  record.state.iteration = 2;
  ExperimentIteration iteration;
  iteration.number = 2;
  iteration.pauses.push_back({kNow, {}, by});
  record.state.iterations.push_back(iteration);
  ExperimentFinding finding;
  finding.iteration = 2;
  finding.kind = kind;
  finding.action = BreachAction::kPause;
  finding.at_ms = kNow;
  finding.sentence = "errors rose";
  record.state.findings.push_back(finding);
  return record;
}

TEST(CheckStoppedTest, WhatTheServerHasStoppedFailsUntilSomebodyHasLookedAfterIt) {
  EXPECT_THAT(Lines(CheckStopped(Paused("system:experiment", "guardrail_breached"))),
              ElementsAre("fail live.guardrail experiment one (ana): the server has paused it at 2027-01-15 08:00 UTC: "
                          "errors rose"));
  EXPECT_THAT(Lines(CheckStopped(Paused("system:experiment", "sample_ratio_mismatch"))),
              ElementsAre("fail live.sample-ratio experiment one (ana): the server has paused it at 2027-01-15 08:00 "
                          "UTC: errors rose"));
  EXPECT_THAT(CheckStopped(Paused("key:a", "guardrail_breached")), IsEmpty()) << "somebody's own decision";
  ExperimentRecord rolled_back = Paused("key:a", "guardrail_breached");
  rolled_back.state.status = ExperimentStatus::kStopped;
  rolled_back.state.iterations[0].ended_by = "system:experiment";
  rolled_back.state.iterations[0].ended_ms = kNow;
  rolled_back.state.findings[0].action = BreachAction::kRollback;
  EXPECT_THAT(Lines(CheckStopped(rolled_back)),
              ElementsAre("fail live.guardrail experiment one (ana): the server has rolled it back at 2027-01-15 08:00 "
                          "UTC: errors rose"));
  rolled_back.state.status = ExperimentStatus::kConcluded;
  EXPECT_THAT(CheckStopped(rolled_back), IsEmpty());
  ExperimentRecord resumed = Paused("system:experiment", "guardrail_breached");
  resumed.state.status = ExperimentStatus::kRunning;
  EXPECT_THAT(CheckStopped(resumed), IsEmpty());
}

std::vector<std::string> OfRamp(const std::string& ramp, const std::string& at_least = "50%") {
  Policy policy;
  if (!at_least.empty()) policy.ramp_at_least = ParsePercent(at_least);
  return Lines(CheckExperimentRamp(*ParseJson(R"({"experiment":"one","ramp":)" + ramp + "}"), "ana", policy));
}

TEST(ExperimentRampTest, IsFarEnoughOrHolds) {
  EXPECT_THAT(OfRamp(R"({"status":"running","at":"50%"})"), IsEmpty());
  EXPECT_THAT(OfRamp(R"({"status":"finished","at":"10%"})"), IsEmpty());
  EXPECT_THAT(OfRamp(R"({"status":"running","at":"10%"})", ""), IsEmpty());
  EXPECT_THAT(OfRamp(R"({"status":"running","at":"10%","next":{"at":"60%","due":"2027-01-15T08:00:30.000Z"}})"),
              ElementsAre("hold live.ramp experiment one (ana): its ramp stands at 10%; the policy demands 50%; 60% is "
                          "due at 2027-01-15 08:01 UTC"));
  EXPECT_THAT(OfRamp(R"({"status":"paused","at":"60%"})", ""),
              ElementsAre("hold live.ramp experiment one (ana): its ramp is paused at 60%"));
  EXPECT_THAT(OfRamp(R"({"status":"held_back","at":"60%","held_back":{"sentence":"not all is counted"}})", ""),
              ElementsAre("hold live.ramp experiment one (ana): its ramp is held back at 60%: not all is counted"));
}

TEST(RequestsTest, ThoseThatWouldAlterTheEnvironmentAreToldWithWhatTheyWaitFor) {
  const Value list = *ParseJson(R"([
    {"number":1,"title":"More of it","state":"open","authors":["member:ana"],"version":2,"required_approvals":2,
     "environments":["production"],"approvals":[{"version":1},{"version":2},{"version":2,"counts":false}]},
    {"number":2,"title":"Elsewhere","state":"open","authors":["key:a"],"version":1,"environments":["staging"]},
    {"number":3,"title":"b","state":"approved","authors":["key:a","key:b"],"environments":["staging","production"]},
    {"number":4,"title":"c","state":"scheduled","authors":["key:a"],"environments":["production"],
     "apply_at":"2027-03-31T08:00:00.000Z"},
    {"number":5,"title":"d","state":"stale","authors":["key:a"],"environments":["production"]}])");
  EXPECT_THAT(
      Lines(CheckRequests("production", list.AsArray())),
      ElementsAre("fail live.change-request change request 1 (member:ana): “More of it” would alter production: "
                  "it has 1 of 2 approvals",
                  "fail live.change-request change request 3 (key:a, key:b): “b” would alter production: it is "
                  "approved, and waits to be applied",
                  "fail live.change-request change request 4 (key:a): “c” would alter production: it is applied "
                  "at 2027-03-31 08:00 UTC",
                  "fail live.change-request change request 5 (key:a): “d” would alter production: it is stale, "
                  "and waits to be rebased"));
  ASSERT_NE(FindRule("live.change-request"), nullptr);
  EXPECT_EQ(FindRule("live.change-request")->severity, Severity::kWarn);
}

}  // namespace
}  // namespace guidon::gate
