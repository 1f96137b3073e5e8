// What is said of a report in each format. Golden files in golden/: GUIDON_WRITE_GOLDEN=1 writes them anew;
// check_formats.py holds those of SARIF and JUnit against their schemas.
#include "gate/formats.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <sstream>

#include "core/base/json.h"
#include "core/base/text.h"

namespace guidon::gate {
namespace {

const std::chrono::sys_days kDay = std::chrono::sys_days(std::chrono::year(2027) / 1 / 15);

Report Passing() {
  return {"production", "default", "", kDay, {{"static", true, ""}, {"live", false, "--offline was given"}}, {}};
}

// One of each severity, with and without a place, and texts that mean something to each format.
Report Failing() {
  Report report{
      "production", "release & <more>", std::string(64, 'a'), kDay, {{"static", true, ""}, {"live", true, ""}}, {}};
  report.findings = {{"static.test",
                      Severity::kFail,
                      "flag checkout.layout",
                      "payments",
                      {"shop/tests/a file.yaml", {12, 3}},
                      "a test fails: given {\"key\":\"<b>\"}, variation is 'on', not 'off'",
                      "`guidon test` says what led there"},
                     {"live.guardrail",
                      Severity::kFail,
                      "experiment one-page",
                      "ana@shop.example",
                      {},
                      "guardrail page_latency_p95 is harmed",
                      "`guidon experiment report one-page` has the numbers"},
                     {"live.evidence",
                      Severity::kHold,
                      "experiment one-page",
                      "ana@shop.example",
                      {},
                      "What was received in the last hours is not counted yet: 100% of it\nneither",
                      ""},
                     {"static.expiry",
                      Severity::kWarn,
                      "flag old.banner",
                      "",
                      {"shop/flags/old.yaml", {4, 0}},
                      "its time was over on 2026-03-31",
                      "remove it, or move the day"},
                     {"static.constant-flag",
                      Severity::kNote,
                      "flag done",
                      "payments",
                      {"shop/flags/done.yaml", {1, 7}},
                      "it serves 'on' to everybody in every environment",
                      "if that stays so, remove it from the code"},
                     {"static.naming",
                      Severity::kFail,
                      "flag Old\x1b[31m",
                      "",
                      {"shop/flags/old.yaml", {1, 7}},
                      "'Old' is not named as the policy wants it",
                      "keys of this kind match [a-z]+",
                      "it is known (until 2027-01-31)"}};
  report.changes = {
      {{{EntityKind::kFlag, "checkout.layout"},
        EntityChange::Action::kUpdate,
        {"production"},
        {"default (production): on 10%, off 90% → on 35%, off 65%; moves 25.000% of the units that reach it",
         "rule de_*beta* (production): new"},
        {{"production", "default", 25'000u}, {"production", "rule de_*beta*", std::nullopt}}},
       "payments",
       {"shop/flags/a file.yaml", {1, 1}}},
      {{{EntityKind::kSegment, "eu"}, EntityChange::Action::kRemove, {}, {"removed <b>\x1b[31m"}, {}}, "", {}}};
  return report;
}

std::string Golden(const std::string& name, const std::string& text) {
  const std::string path = GUIDON_SOURCE_DIR "/tests/gate/golden/" + name;
  if (std::getenv("GUIDON_WRITE_GOLDEN") != nullptr) std::ofstream(path, std::ios::binary) << text;
  std::stringstream wanted;
  wanted << std::ifstream(path, std::ios::binary).rdbuf();
  return wanted.str();
}

// The policy makes a fail of a server that is away.
Report Unreachable() {
  Report report = Passing();
  report.looked[1].reason = "the server cannot be reached";
  report.unreachable = Verdict::kFail;
  return report;
}

TEST(FormatsTest, AreThoseThatWereLookedAt) {
  for (const auto& [name, report] :
       {std::pair("failing", Failing()), std::pair("passing", Passing()), std::pair("unreachable", Unreachable())}) {
    const std::string file = name;
    for (const auto& [ending, text] :
         std::initializer_list<std::pair<const char*, std::string>>{{".txt", ToTable(report, 80)},
                                                                    {".json", guidon::ToJson(ToJson(report)) + "\n"},
                                                                    {".sarif", ToSarif(report, "1.2.3")},
                                                                    {".junit.xml", ToJUnit(report)},
                                                                    {".codequality.json", ToCodeQuality(report)},
                                                                    {".md", ToMarkdown(report)},
                                                                    {".github.txt", ToGitHub(report)}}) {
      EXPECT_EQ(text, Golden(file + ending, text)) << file << ending;
    }
  }
}

TEST(FormatsTest, ATableKeepsToItsWidthAndNoByteSteersTheTerminal) {
  std::istringstream lines(ToTable(Failing(), 80));
  for (std::string line; std::getline(lines, line);) EXPECT_LE(Width(line), 80u) << line;
  EXPECT_THAT(ToTable(Failing(), 80), ::testing::Not(::testing::HasSubstr("\x1b")));
  EXPECT_THAT(ToTable(Failing(), 80, {"<r>", "<y>", "<g>", "<b>", "<0>"}), ::testing::HasSubstr("<r>FAIL<0>"));
}

// A verdict on nothing is another one than a verdict on something, and both than one on what nobody has compared.
TEST(FormatsTest, WhatChangesIsSaidWhereItWasCompared) {
  Report report = Passing();
  EXPECT_THAT(ToMarkdown(report), ::testing::Not(::testing::HasSubstr("What changes")));
  EXPECT_EQ(ToJson(report).Find("changes"), nullptr);
  report.changes.emplace();
  EXPECT_THAT(ToMarkdown(report), ::testing::HasSubstr("### What changes\n\nNothing that production serves.\n"));
  EXPECT_THAT(ToTable(report, 80), ::testing::Not(::testing::HasSubstr("change ")));
  EXPECT_EQ(*ToJson(report).Find("changes"), Value(Array()));
}

// Of a change of a thousand flags a comment is not refused, and a terminal does not scroll the verdict's reasons away.
TEST(FormatsTest, WhatChangesHasABoundWhereItIsRead) {
  Report report = Passing();
  report.changes.emplace();
  for (int i = 0; i < 1000; ++i) {
    Changed& change = report.changes->emplace_back();
    change.what.ref = {EntityKind::kFlag, "flag-" + std::to_string(i)};
    change.what.summary.assign(30, "rule a (production): on 10%, off 90% → on 35%, off 65%");
  }
  const std::string table = ToTable(report, 80), comment = ToMarkdown(report);
  EXPECT_THAT(table, ::testing::HasSubstr("change  990 more; `guidon plan` shows them\n"));
  EXPECT_THAT(table, ::testing::HasSubstr("        and 25 more\n"));
  EXPECT_LT(std::count(table.begin(), table.end(), '\n'), 80);
  EXPECT_THAT(comment, ::testing::HasSubstr("<summary>What changes (1000)</summary>"));
  EXPECT_THAT(comment, ::testing::ContainsRegex("- and 9[0-9][0-9] more; `guidon plan` shows them\n"));
  EXPECT_LT(comment.size(), 65'536u);
  for (Changed& change : *report.changes) change.what.summary.assign(30, std::string(2'000, '*'));
  EXPECT_LT(ToMarkdown(report).size(), 65'536u);
  EXPECT_EQ(ToJson(report).Find("changes")->AsArray().size(), 1000u) << "programs get all of it";
}

TEST(FormatsTest, ACommentHasNoMarkupOfWhatItShows) {
  Report report = Failing();
  report.findings[0].message = "<script>alert(1)</script> @everybody `code` [link](http://x.example) *bold*";
  const std::string text = ToMarkdown(report);
  EXPECT_THAT(text, ::testing::Not(::testing::HasSubstr("<script>")));
  EXPECT_THAT(text, ::testing::Not(::testing::HasSubstr("@everybody")));
  EXPECT_THAT(text, ::testing::HasSubstr("\\[link\\]"));
  EXPECT_THAT(text, ::testing::HasSubstr("\\*bold\\*"));
}

// GitHub refuses the whole upload where one result is in no file.
TEST(FormatsTest, EachResultOfSarifIsInAFile) {
  Report report = Failing();
  report.file = "shop/a policy.yaml";
  report.findings.push_back({"change.approval", Severity::kFail, "", "", {}, "nobody has approved it", ""});
  const Result<Value> document = ParseJson(ToSarif(report, "1.2.3"));
  std::vector<std::string> places;
  for (const Value& result : document->Find("runs")->AsArray().at(0).Find("results")->AsArray()) {
    const Value* place = result.Find("locations")->AsArray().at(0).Find("physicalLocation");
    places.push_back(place->Find("artifactLocation")->Find("uri")->AsString() + ":" +
                     std::to_string(place->Find("region")->Find("startLine")->AsInt()));
  }
  EXPECT_THAT(places,
              ::testing::ElementsAre("shop/tests/a%20file.yaml:12", "shop/a%20policy.yaml:1", "shop/a%20policy.yaml:1",
                                     "shop/flags/old.yaml:4", "shop/flags/done.yaml:1", "shop/flags/old.yaml:1",
                                     "shop/a%20policy.yaml:1"));
}

TEST(FormatsTest, JUnitTellsWhatWasFoundOfAGroupThatWasNotLookedAt) {
  Report report = Passing();
  EXPECT_THAT(ToJUnit(report),
              ::testing::HasSubstr("<testcase name=\"live.freeze\" classname=\"guidon.gate.live\" time=\"0\" />"))
      << "it asks no server";
  report.findings = {{"live.freeze", Severity::kFail, "environment production", "", {}, "it is frozen", ""}};
  const std::string text = ToJUnit(report);
  EXPECT_THAT(text, ::testing::HasSubstr("<failure message=\"Is it a time for releases? 1 finding\""));
  std::size_t skipped = 0;
  for (std::size_t at = 0; (at = text.find("<skipped", at)) != std::string::npos; ++at) ++skipped;
  const std::string suite = text.substr(text.find("<testsuite name=\"live\""));
  EXPECT_THAT(suite, ::testing::HasSubstr(" failures=\"1\" errors=\"0\" skipped=\"" + std::to_string(skipped) + "\""));
}

// What is asked of the counts is a case of the code, and no suite without cases.
TEST(FormatsTest, JUnitTellsOfUsageWithTheCode) {
  Report report = Passing();
  report.looked = {
      {"static", true, ""}, {"code", true, ""}, {"usage", false, "no server was asked"}, {"live", true, ""}};
  const std::string text = ToJUnit(report);
  EXPECT_THAT(text, ::testing::Not(::testing::HasSubstr("testsuite name=\"usage\"")));
  EXPECT_THAT(text, ::testing::Not(::testing::HasSubstr("tests=\"0\"")));
  EXPECT_THAT(text, ::testing::HasSubstr("<testcase name=\"code.settled-flag\" classname=\"guidon.gate.code\" "
                                         "time=\"0\">\n      <skipped message=\"no server was asked\" />"));
  EXPECT_THAT(text, ::testing::HasSubstr("<testsuite name=\"live\" package=\"guidon.gate.production\" id=\"2\""));
  const auto code = [&](const std::string& of) {
    const std::size_t begin = of.find("<testsuite name=\"code\"");
    return of.substr(begin, of.find('>', begin) - begin);
  };
  EXPECT_THAT(code(text), ::testing::HasSubstr(" failures=\"0\" errors=\"0\" skipped=\"1\""));
  report.looked[2] = {"usage", true, ""};
  EXPECT_THAT(code(ToJUnit(report)), ::testing::HasSubstr(" skipped=\"0\""));
}

TEST(FormatsTest, AServerThatIsAwayIsSaidWhateverThePolicyMakesOfIt) {
  Report report = Passing();
  for (const auto& [verdict, word, title] :
       {std::tuple(Verdict::kPass, "PASS", "May be released"), std::tuple(Verdict::kHold, "HOLD", "Not yet"),
        std::tuple(Verdict::kFail, "FAIL", "May not be released"),
        std::tuple(Verdict::kNone, "NO VERDICT", "No verdict")}) {
    report.unreachable = verdict;
    EXPECT_EQ(VerdictOf(report), verdict);
    EXPECT_THAT(ToTable(report, 80), ::testing::HasSubstr(std::string(word) + "  production: nothing found; the server "
                                                                              "cannot be reached\n"));
    EXPECT_THAT(ToMarkdown(report), ::testing::HasSubstr(title));
    EXPECT_THAT(ToMarkdown(report), ::testing::HasSubstr("The server could not be reached"));
  }
  for (const Verdict verdict : {Verdict::kPass, Verdict::kHold, Verdict::kFail, Verdict::kNone}) {
    report.unreachable = verdict;
    report.findings = Failing().findings;
    EXPECT_EQ(ExitCodeOf(VerdictOf(report)), 1) << "that hides no failure";
  }
  // What is to be waited for is no verdict, where nobody says what else there is.
  report.findings = {Failing().findings[2]};
  EXPECT_EQ(ExitCodeOf(VerdictOf(report)), 4);
}

// Services show what they find in the report, and not the exit code: a fail for a server that is away is found there.
TEST(FormatsTest, AServerThatIsAwayIsFoundWhereFindingsAreShown) {
  Report report = Passing();
  report.file = "shop/gate.yaml";
  const auto result = [&]() -> Value {
    const Result<Value> document = ParseJson(ToSarif(report, "1.2.3"));
    const Value& run = document->Find("runs")->AsArray().at(0);
    const Array& results = run.Find("results")->AsArray();
    if (results.size() != 1) return {};
    const auto index = static_cast<std::size_t>(results[0].Find("ruleIndex")->AsInt());
    EXPECT_EQ(*run.Find("tool")->Find("driver")->Find("rules")->AsArray().at(index).Find("id"),
              *results[0].Find("ruleId"));
    return results[0];
  };
  EXPECT_EQ(ToCodeQuality(report), "[]\n");
  EXPECT_THAT(guidon::ToJson(ToJson(report)), ::testing::Not(::testing::HasSubstr("unreachable")));
  EXPECT_THAT(ToJUnit(report), ::testing::Not(::testing::HasSubstr("unreachable")));
  EXPECT_THAT(ToSarif(report, "1.2.3"), ::testing::Not(::testing::HasSubstr("unreachable")));
  struct Case {
    Verdict made;
    const char *level, *gravity, *errors;
  };
  for (const auto& [made, level, gravity, errors] :
       {Case{Verdict::kFail, "error", "critical", "1"}, Case{Verdict::kNone, "error", "critical", "1"},
        Case{Verdict::kHold, "warning", "major", "1"}, Case{Verdict::kPass, "note", "info", "0"}}) {
    report.unreachable = made;
    const Value shown = result();
    ASSERT_TRUE(shown.is_object()) << ToString(made);
    EXPECT_EQ(shown.Find("ruleId")->AsString(), "server.unreachable");
    EXPECT_EQ(shown.Find("level")->AsString(), level);
    EXPECT_THAT(guidon::ToJson(shown), ::testing::HasSubstr(R"("uri":"shop/gate.yaml"},"region":{"startLine":1})"));
    const Result<Value> quality = ParseJson(ToCodeQuality(report));
    ASSERT_EQ(quality->AsArray().size(), 1u);
    EXPECT_EQ(quality->AsArray()[0].Find("severity")->AsString(), gravity);
    const std::string junit = ToJUnit(report);
    const std::string suite = junit.substr(junit.find("<testsuite name=\"server\""));
    EXPECT_THAT(suite, ::testing::HasSubstr(" failures=\"0\" errors=\"" + std::string(errors) + "\""));
    EXPECT_THAT(suite, ::testing::HasSubstr(made == Verdict::kPass ? "<skipped message=\"the server cannot be reached"
                                                                   : "<error message=\"the server cannot be reached"));
    EXPECT_TRUE(ToJson(report).Find("unreachable")->AsBool());
    EXPECT_TRUE(ToJson(report).Find("findings")->AsArray().empty()) << "it is no rule that could be waived";
  }
}

// As the same, with a rule of its own: a pass without the record that was demanded is none in any format.
TEST(FormatsTest, ARunThatHasToBeRecordedAndIsNotHasNoVerdict) {
  Report report = Passing();
  report.unrecorded = "this key has no right to 'gate.record' <b>";
  EXPECT_EQ(VerdictOf(report), Verdict::kNone);
  EXPECT_THAT(ToTable(report, 80),
              ::testing::EndsWith("NO VERDICT  production: nothing found; the run is not recorded\n"));
  EXPECT_THAT(ToMarkdown(report), ::testing::HasSubstr("has to be recorded, and is not: this key has no right to "
                                                       "'gate.record' &lt;b&gt;.\n"));
  EXPECT_THAT(ToGitHub(report), ::testing::StartsWith("::error title=guidon gate::no verdict for production"));
  EXPECT_EQ(ToJson(report).Find("verdict")->AsString(), "none");
  EXPECT_THAT(ToSarif(report, "1.2.3"), ::testing::HasSubstr(R"("ruleId":"server.unrecorded")"));
  EXPECT_THAT(ToCodeQuality(report), ::testing::HasSubstr("server.unrecorded"));
  report.unreachable = Verdict::kPass;  // the policy lets that pass; the record it wants all the same
  EXPECT_EQ(VerdictOf(report), Verdict::kNone);
  EXPECT_THAT(ToJUnit(report), ::testing::HasSubstr("<testsuite name=\"server\" package=\"guidon.gate.production\" "
                                                    "id=\"2\""));
  EXPECT_THAT(ToJUnit(report), ::testing::HasSubstr(" tests=\"2\" failures=\"0\" errors=\"1\" skipped=\"1\""));
  report.findings = Failing().findings;
  EXPECT_EQ(VerdictOf(report), Verdict::kFail) << "that hides no failure";
}

TEST(FormatsTest, AMessageHasNoFullStopTwiceAndCommandsAreCode) {
  Report report = Failing();
  report.findings.resize(1);
  report.findings[0].message = "0 events so far; there is no verdict before 150.";
  report.findings[0].fix = "`guidon test <x>` says *it*, `";
  EXPECT_THAT(ToTable(report, 200),
              ::testing::HasSubstr("before 150 (`guidon test <x>` says *it*, `); owner payments\n"));
  EXPECT_THAT(ToMarkdown(report),
              ::testing::HasSubstr("before 150. *What to do:* `guidon test <x>` says \\*it\\*, \\`. Ask payments."));
}

// GitLab shows what has the same fingerprint once.
TEST(FormatsTest, CodeQualityKnowsAFindingAgainWhenItMovesAndTellsEqualOnesApart) {
  const auto prints = [](const Report& report) {
    std::vector<std::string> found;
    const Result<Value> entries = ParseJson(ToCodeQuality(report));
    for (const Value& entry : entries->AsArray()) found.push_back(entry.Find("fingerprint")->AsString());
    return found;
  };
  Report report = Failing();
  report.findings = {report.findings[0], report.findings[0]};
  const std::vector<std::string> before = prints(report);
  ASSERT_EQ(before.size(), 2u);
  EXPECT_NE(before[0], before[1]);
  for (Finding& finding : report.findings) finding.place.at = {99, 1};
  EXPECT_EQ(prints(report), before);
  report.findings[0].place = {};  // GitLab has no place for it
  EXPECT_EQ(prints(report).size(), 1u);
  report.findings[1].waived = "it is known";
  EXPECT_EQ(ToCodeQuality(report), "[]\n");
}

TEST(FormatsTest, ACommandOfGitHubIsOneLine) {
  Report report = Failing();
  report.findings[0].place.file = "a,b:c\n::error::x.yaml";
  std::istringstream lines(ToGitHub(report));
  std::size_t count = 0;
  for (std::string line; std::getline(lines, line); ++count) {
    EXPECT_THAT(line, ::testing::MatchesRegex("::(error|warning|notice) .*"));
  }
  EXPECT_EQ(count, 6u);  // five findings that count, and the verdict
}

}  // namespace
}  // namespace guidon::gate
