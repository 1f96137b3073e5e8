// Policies: how they are read, what is refused and where, and what they make of findings.
#include "gate/policy.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace guidon::gate {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

// "LINE:COLUMN CODE MESSAGE (HINT)"
std::vector<std::string> FaultsOf(const std::string& text) {
  std::vector<std::string> faults;
  for (const PlacedFault& fault : ReadPolicy(text, "gate.yaml").faults) {
    faults.push_back(std::to_string(fault.at.line) + ":" + std::to_string(fault.at.column) + " " + fault.issue.code +
                     " " + fault.issue.message + (fault.issue.hint.empty() ? "" : " (" + fault.issue.hint + ")"));
  }
  return faults;
}

TEST(PolicyTest, SaysWhatTheDefaultDoesNot) {
  const PolicyResult read = ReadPolicy(R"(policy: release
unreachable: hold
record: required
rules:
  static.warnings: fail
  static.constant-flag: off
  static.naming: { flags: "[a-z.]+", metrics: "[a-z_]+" }
  static.owner: { is: fail, owners: [payments, "*@shop.example"] }
  static.expiry: { within: 14d }
  static.personal-data: { attributes: email }
  static.regex-cost: { size: 200 }
  code.settled-flag: { days: 60, least: 5 }
  live.freeze:
    windows: [{ from: 2026-12-20T00:00:00Z, to: 2027-01-02T00:00:00Z, why: the holidays }]
  live.state:
    demands:
      - { flag: v2, serves: on, share: 50%, in: staging, for: 24h }
      - { flag: open, is: disabled }
  live.ramp: { at_least: 50% }
  live.evidence: { min_days: 7, min_units: 1000 }
  delivery.share: { min_share: 95%, min_live: 3 }
  delivery.old-sdk: { least: { guidon-cpp: 0.2.0 } }
waivers:
  - { rule: static.expiry, subject: flag old.*, reason: goes with the old app, until: 2027-01-31 }
)",
                                       "shop/gate.yaml");
  ASSERT_THAT(read.faults, IsEmpty());
  const Policy& policy = read.policy;
  EXPECT_EQ(policy.name, "release");
  EXPECT_EQ(policy.hash.size(), 64u);
  EXPECT_EQ(policy.unreachable, 3);
  EXPECT_EQ(policy.record, Recording::kRequired);
  EXPECT_EQ(policy.SeverityOf("static.warnings"), Severity::kFail);
  EXPECT_EQ(policy.SeverityOf("static.constant-flag"), std::nullopt);
  EXPECT_EQ(policy.SeverityOf("static.owner"), Severity::kFail);
  EXPECT_EQ(policy.SeverityOf("static.expiry"), Severity::kWarn);  // its own
  EXPECT_EQ(policy.names.at(EntityKind::kMetric), "[a-z_]+");
  EXPECT_THAT(policy.owners, ElementsAre("payments", "*@shop.example"));
  EXPECT_EQ(policy.expires_within, std::chrono::days(14));
  EXPECT_THAT(policy.personal_data, ElementsAre("email"));
  EXPECT_EQ(policy.regex_size, 200u);
  EXPECT_EQ(policy.settled_days, std::chrono::days(60));
  EXPECT_EQ(policy.settled_least, 5u);
  ASSERT_EQ(policy.freezes.size(), 1u);
  EXPECT_EQ(policy.freezes[0].to_ms - policy.freezes[0].from_ms, 13 * 86'400'000ll);
  ASSERT_EQ(policy.waivers.size(), 1u);
  EXPECT_EQ(policy.waivers[0].place, (Place{"shop/gate.yaml", {24, 5}}));
  ASSERT_EQ(policy.demands.size(), 2u);
  EXPECT_EQ(policy.demands[0].flag + policy.demands[0].serves + policy.demands[0].environment, "v2onstaging");
  EXPECT_EQ(policy.demands[0].share, 50'000u);
  EXPECT_EQ(policy.demands[0].time, std::chrono::hours(24));
  EXPECT_EQ(policy.demands[0].place, (Place{"shop/gate.yaml", {17, 9}}));
  EXPECT_EQ(policy.demands[0].enabled, std::nullopt);
  EXPECT_EQ(policy.demands[1].enabled, false);
  EXPECT_EQ(policy.ramp_at_least, 50'000u);
  EXPECT_EQ(policy.least_days, 7u);
  EXPECT_EQ(policy.least_units, 1'000u);
  EXPECT_EQ(policy.min_share, 95'000u);
  EXPECT_EQ(policy.min_live, 3);
  EXPECT_THAT(policy.least_sdks, ElementsAre(std::pair<const std::string, std::string>("guidon-cpp", "0.2.0")));
}

TEST(PolicyTest, IsCalledByItsFileUnlessItSaysOtherwise) {
  EXPECT_EQ(ReadPolicy("record: off\n", "shop/release gate.yaml").policy.name, "release gate.yaml");
  EXPECT_EQ(ReadPolicy("record: off\n", "gate.yaml").policy.name, "gate.yaml");
  EXPECT_EQ(ReadPolicy("policy: strict\n", "gate.yaml").policy.name, "strict");
  EXPECT_EQ(Policy().name, "default") << "is that of a run without a file";
}

TEST(PolicyTest, FlagsAreProtectedByOneNameOrMany) {
  const std::string text = "rules: { change.protected-flag: { is: warn, flags: ";
  const Policy many = ReadPolicy(text + "[payments, 'checkout.*'] } }\n", "gate.yaml").policy;
  EXPECT_THAT(many.protected_flags, ElementsAre("payments", "checkout.*"));
  EXPECT_EQ(many.SeverityOf("change.protected-flag"), Severity::kWarn);
  EXPECT_THAT(ReadPolicy(text + "payments } }\n", "gate.yaml").policy.protected_flags, ElementsAre("payments"));
  EXPECT_THAT(FaultsOf(text + "[] } }\n"), ::testing::SizeIs(1));
}

TEST(PolicyTest, AFaultIsNamedWhereItStandsAndNothingOfThePolicyIsUsed) {
  EXPECT_THAT(FaultsOf("ruels: {}\n"),
              ElementsAre("1:1 unknown_key unknown key 'ruels' in a policy (did you mean 'rules'?)"));
  EXPECT_THAT(FaultsOf("rules:\n  static.expriy: off\n"),
              ElementsAre("2:3 unknown_rule there is no rule 'static.expriy' (did you mean 'static.expiry'?)"));
  EXPECT_THAT(FaultsOf("rules: { static.expiry: no }\n"),
              ElementsAre("1:25 unknown_word unknown severity 'no' (one of fail, warn, note, off)"));
  EXPECT_THAT(FaultsOf("rules: { static.expiry: { within: 36h } }\n"),
              ElementsAre("1:35 bad_duration it has to be whole days (such as 14d)"));
  EXPECT_THAT(FaultsOf("rules: { static.naming: { flags: \"[a-\" } }\n"),
              ElementsAre(::testing::StartsWith("1:34 bad_operand '[a-' is not a regular expression: ")));
  EXPECT_THAT(
      FaultsOf("rules: { static.owner: { within: 14d } }\n"),
      ElementsAre(::testing::StartsWith("1:26 unknown_key unknown key 'within' in the settings of static.owner")));
  EXPECT_THAT(FaultsOf("rules: { live.freeze: { windows: [{ from: 2027-01-02T00:00:00Z, to: 2027-01-01T00:00:00Z, "
                       "why: x }] } }\n"),
              ElementsAre("1:35 bad_date the window ends before it begins"));
  const auto of_demand = [](const std::string& demand) {
    return FaultsOf("rules: { live.state: { demands: [{ " + demand + " }] } }\n");
  };
  EXPECT_THAT(of_demand("flag: v2"), ElementsAre("1:34 missing_key a demand needs 'serves' (or 'is: enabled')"));
  EXPECT_THAT(of_demand("flag: v2, is: on"), ElementsAre(::testing::HasSubstr("unknown state 'on'")));
  EXPECT_THAT(of_demand("flag: v2, is: enabled, serves: on, share: 5%"), ::testing::SizeIs(2));
  EXPECT_THAT(of_demand("flag: v2, serves: on, share: 0%"), ::testing::SizeIs(1));
  EXPECT_THAT(FaultsOf("rules: { delivery.old-sdk: { least: { guidon-cpp: new } } }\n"),
              ElementsAre("1:51 bad_version 'new' is no version (such as 0.2.0)"));
  EXPECT_THAT(FaultsOf("rules: { live.evidence: { min_days: 0 } }\n"), ::testing::SizeIs(1));
  EXPECT_THAT(FaultsOf("waivers: [{ rule: static.expiry, until: 2027-01-01, reason: '' }]\n"),
              ElementsAre("1:61 bad_text a waiver needs a reason"));
  EXPECT_THAT(FaultsOf("waivers: [{ rule: static.expiry, reason: x }]\n"),
              ElementsAre(::testing::HasSubstr("missing_key")));
  EXPECT_THAT(FaultsOf("record: always\n"), ElementsAre(::testing::HasSubstr("unknown way to record 'always'")));
  EXPECT_THAT(FaultsOf("unreachable: maybe\n"), ElementsAre(::testing::HasSubstr("unknown verdict 'maybe'")));
  // What a server that is away means is said there alone.
  EXPECT_THAT(FaultsOf("rules: { server.unreachable: off }\n"),
              ElementsAre(::testing::HasSubstr("there is no rule 'server.unreachable'")));
  EXPECT_THAT(FaultsOf(""), ElementsAre("1:1 bad_policy it is empty"));
  EXPECT_THAT(FaultsOf("policy: a\n---\npolicy: b\n"), ElementsAre("1:1 bad_policy a policy is one document"));
  EXPECT_THAT(FaultsOf("policy: [\n"), ::testing::SizeIs(1));
}

// Without valid definitions too little is looked at for a pass.
TEST(PolicyTest, NothingMakesLessOfDefinitionsWithErrors) {
  const std::string why =
      "bad_rule static.definitions always fails: where definitions have errors, neither their tests "
      "nor what they would change is looked at (mend the definitions)";
  EXPECT_THAT(FaultsOf("rules: { static.definitions: warn }\n"), ElementsAre("1:30 " + why));
  EXPECT_THAT(FaultsOf("rules:\n  static.definitions: off\n"), ElementsAre("2:23 " + why));
  EXPECT_THAT(FaultsOf("rules: { static.definitions: { is: note } }\n"), ElementsAre("1:36 " + why));
  EXPECT_THAT(FaultsOf("waivers: [{ rule: static.definitions, file: a.yaml, reason: x, until: 2027-01-31 }]\n"),
              ElementsAre("1:19 " + why));
  EXPECT_THAT(FaultsOf("rules: { static.definitions: fail, static.warnings: off }\n"), IsEmpty());
  EXPECT_THAT(FaultsOf("rules: { static.definitions: { is: fail } }\n"), IsEmpty());
}

// ---- Settling ------------------------------------------------------------------------------------------------------

const std::chrono::sys_days kToday = std::chrono::sys_days(std::chrono::year(2027) / 1 / 15);

Finding Of(const std::string& rule, const std::string& subject, Severity severity = Severity::kFail) {
  return {rule, severity, subject, "", {"a.yaml", {3, 1}}, "it is so", ""};
}

Report Found(std::vector<Finding> findings) {
  Report report{"production",
                "default",
                "",
                kToday,
                {{"static", true, ""}, {"tests", true, ""}, {"live", false, "--offline was given"}},
                {}};
  report.findings = std::move(findings);
  return report;
}

// "SEVERITY RULE SUBJECT[; waived: WHY]"
std::vector<std::string> Lines(const Report& report) {
  std::vector<std::string> lines;
  for (const Finding& finding : report.findings) {
    lines.push_back(std::string(ToString(finding.severity)) + " " + finding.rule + " " + finding.subject +
                    (finding.waived.empty() ? "" : "; waived: " + finding.waived));
  }
  return lines;
}

TEST(SettleTest, TheWorstComesFirstAndEqualOnesCountOnce) {
  Report report = Found({Of("static.constant-flag", "flag a"), Of("static.expiry", "flag b"),
                         Of("static.test", "flag z"), Of("static.test", "flag a"), Of("static.test", "flag a"),
                         Of("live.evidence", "experiment e", Severity::kHold)});
  Settle(report, {});
  EXPECT_THAT(Lines(report),
              ElementsAre("fail static.test flag a", "fail static.test flag z", "hold live.evidence experiment e",
                          "warn static.expiry flag b", "note static.constant-flag flag a"));
  EXPECT_EQ(VerdictOf(report), Verdict::kFail);
  EXPECT_EQ(SummaryOf(CountsOf(report)), "2 to mend, 1 to wait for, 1 warning, 1 note");
}

TEST(SettleTest, ARuleThatIsOffIsNotThereAndOthersAreAsBadAsThePolicySays) {
  Policy policy;
  policy.severities = {{"static.test", std::nullopt},
                       {"static.expiry", Severity::kFail},
                       {"live.evidence", Severity::kWarn},
                       {"live.guardrail", Severity::kNote}};
  Report report = Found({Of("static.test", "flag a"), Of("static.expiry", "flag b"),
                         Of("live.evidence", "experiment e", Severity::kHold), Of("live.guardrail", "experiment e")});
  Settle(report, policy);
  EXPECT_THAT(Lines(report), ElementsAre("fail static.expiry flag b", "warn live.evidence experiment e",
                                         "note live.guardrail experiment e"));
}

TEST(SettleTest, WhatCannotBeSaidYetHoldsWhereTheRuleFails) {
  Report hold = Found({Of("live.evidence", "experiment e", Severity::kHold)});
  Settle(hold, {});
  EXPECT_EQ(VerdictOf(hold), Verdict::kHold);
  EXPECT_EQ(ExitCodeOf(VerdictOf(hold)), 3);
  Report pass = Found({Of("static.expiry", "flag a")});
  Settle(pass, {});
  EXPECT_EQ(ExitCodeOf(VerdictOf(pass)), 0);
}

Waiver WaiverOf(const std::string& rule, const std::string& subject, std::chrono::days left) {
  return {rule, subject, "", "it is known", kToday + left, {"gate.yaml", {5, 5}}};
}

TEST(SettleTest, AWaiverHoldsThroughItsLastDay) {
  Policy policy;
  policy.waivers = {WaiverOf("static.test", "flag a*", std::chrono::days(0))};
  Report report = Found({Of("static.test", "flag abc"), Of("static.naming", "flag abc")});
  Settle(report, policy);
  EXPECT_THAT(Lines(report), ElementsAre("fail static.naming flag abc",
                                         "fail static.test flag abc; waived: it is known (until 2027-01-15)"));
  EXPECT_EQ(SummaryOf(CountsOf(report)), "1 to mend; 1 waived");
  report = Found({Of("static.test", "flag abc")});
  report.day += std::chrono::days(1);
  Settle(report, policy);
  EXPECT_THAT(Lines(report),
              ElementsAre("fail static.test flag abc", "warn static.waiver waiver of static.test of flag a*"));
}

TEST(SettleTest, AWaiverThatNothingNeedsIsTold) {
  Policy policy;
  policy.waivers = {WaiverOf("static.test", "flag a", std::chrono::days(9)),
                    WaiverOf("live.guardrail", "", std::chrono::days(9)),  // was not looked at
                    WaiverOf("live.freeze", "", std::chrono::days(9)),     // is, whatever becomes of its group
                    WaiverOf("static.naming", "", std::chrono::days(400))};
  Report report = Found({});
  Settle(report, policy);
  ASSERT_EQ(report.findings.size(), 3u);
  EXPECT_EQ(report.findings[0].subject, "waiver of live.freeze");
  EXPECT_EQ(report.findings[1].message, "it waives for more than a year");
  EXPECT_EQ(report.findings[2].message, "nothing that it waives was found");
  EXPECT_EQ(report.findings[2].subject, "waiver of static.test of flag a");
}

TEST(SettleTest, AWaiverMayBeOfFiles) {
  Policy policy;
  policy.waivers = {WaiverOf("static.test", "", std::chrono::days(9))};
  policy.waivers[0].file = "old/*";
  Report report = Found({Of("static.test", "flag a")});
  report.findings[0].place.file = "old/flags/a.yaml";
  report.findings.push_back(Of("static.test", "flag b"));
  Settle(report, policy);
  EXPECT_THAT(Lines(report), ElementsAre("fail static.test flag b",
                                         "fail static.test flag a; waived: it is known (until 2027-01-24)"));
}

}  // namespace
}  // namespace guidon::gate
