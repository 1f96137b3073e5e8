// Each static rule, broken and kept.
#include "gate/static_checks.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/gate/workspaces.h"

namespace guidon::gate {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr std::int64_t kNow = 1'800'000'000'000;  // 2027-01-15T08:00:00Z

// A flag that decides something, is owned, and says nothing wrong.
std::string Flag(const std::string& key, const std::string& more = "", const std::string& when = "{ country: DE }") {
  return "flag: " + key + "\ntype: boolean\nowner: payments\n" + more +
         "environments:\n"
         "  production:\n"
         "    enabled: true\n"
         "    rules:\n"
         "      - when: " +
         when +
         "\n"
         "        serve: off\n"
         "    default: on\n";
}

// "RULE PLACE SUBJECT (OWNER): MESSAGE (FIX)", of each finding of this rule; the folder is left out of the place.
std::vector<std::string> Found(const Files& files, const std::string& rule, const Policy& policy = {}) {
  const Workspace workspace = files.Read();
  std::vector<std::string> found;
  for (const Finding& finding : CheckStatic({workspace, kNow}, policy)) {
    if (finding.rule != rule) continue;
    std::string file = finding.place.file;
    if (file.starts_with(files.path())) file = file.substr(files.path().size() + 1);
    found.push_back(file + ":" + std::to_string(finding.place.at.line) + ":" + std::to_string(finding.place.at.column) +
                    " " + finding.subject + " (" + finding.owner + "): " + finding.message +
                    (finding.fix.empty() ? "" : " (" + finding.fix + ")"));
  }
  return found;
}

TEST(StaticChecksTest, NothingIsFoundWhereNothingIsWrong) {
  const Files files({{"flags/a.yaml", Flag("checkout.layout")}});
  const Workspace workspace = files.Read();
  EXPECT_THAT(CheckStatic({workspace, kNow}, {}), IsEmpty());
}

TEST(StaticChecksTest, ErrorsOfValidationAreOfTheDefinitions) {
  const Files files({{"flags/a.yaml", Flag("a", "", "{ segment: eu }")}});
  EXPECT_THAT(Found(files, "static.definitions"),
              ElementsAre("flags/a.yaml:8:26 flag a (payments): unknown segment 'eu' (none is defined)"));
  EXPECT_THAT(Found(files, "static.warnings"), IsEmpty());
}

TEST(StaticChecksTest, WarningsOfValidationHaveARuleOfTheirOwn) {
  const Files files({{"flags/a.yaml", Flag("a")}, {"segments/eu.yaml", "segment: eu\nwhen: { country: DE }\n"}});
  EXPECT_THAT(Found(files, "static.warnings"),
              ElementsAre("segments/eu.yaml:1:1 segment eu (): nothing uses it (use it, or remove it)"));
  EXPECT_THAT(Found(files, "static.definitions"), IsEmpty());
}

TEST(StaticChecksTest, ATestThatFailsSaysWhatItGot) {
  const std::string test = "{ flag: a, environment: production, given: { country: DE }, expect: ";
  EXPECT_THAT(Found(Files({{"flags/a.yaml", Flag("a")}, {"tests/a.yaml", test + "off }\n"}}), "static.test"),
              IsEmpty());
  EXPECT_THAT(Found(Files({{"flags/a.yaml", Flag("a")}, {"tests/a.yaml", "- " + test + "on }\n"}}), "static.test"),
              ElementsAre("tests/a.yaml:1:3 flag a (payments): a test fails: given {\"country\":\"DE\"}, variation is "
                          "'off', not 'on' (`guidon test` says what led there)"));
  EXPECT_THAT(Found(Files({{"flags/a.yaml", Flag("a")},
                           {"tests/a.yaml", "- { description: Germany has it, " + test.substr(2) + "on }\n"}}),
                    "static.test"),
              ElementsAre(HasSubstr("flag a (payments): the test \"Germany has it\" fails: given ")));
  EXPECT_THAT(
      Found(Files({{"flags/a.yaml", Flag("a")},
                   {"tests/a.yaml",
                    "flag: a\nenvironment: production\ngiven: {}\nmatrix: { country: [DE, NO], plan: [a, b] }\n"
                    "expect: on\n"}}),
            "static.test"),
      ElementsAre("tests/a.yaml:1:1 flag a (payments): a test fails: given {\"country\":\"DE\",\"plan\":\"a\"}, "
                  "variation is 'off', not 'on'; and 1 case more (`guidon test` says what led there)"));
}

TEST(StaticChecksTest, TestsOfExperimentsCountToo) {
  const std::string experiment =
      "experiment: one\nowner: ana@shop.example\nflag: a\nenvironment: production\nunit: account\n"
      "variants: { control: { serves: on, weight: 50% }, other: { serves: off, weight: 50% } }\n"
      "tests: [{ at: 75%, given: { country: NO }, expect: ";
  EXPECT_THAT(
      Found(Files({{"flags/a.yaml", Flag("a")}, {"experiments/one.yaml", experiment + "other }]\n"}}), "static.test"),
      IsEmpty());
  EXPECT_THAT(
      Found(Files({{"flags/a.yaml", Flag("a")}, {"experiments/one.yaml", experiment + "control }]\n"}}), "static.test"),
      ElementsAre("experiments/one.yaml:7:9 experiment one (ana@shop.example): a test fails: given "
                  "{\"country\":\"NO\"}, variant is 'other', not 'control' (`guidon test` says what led there)"));
}

TEST(StaticChecksTest, KeysAreHeldAgainstThePatternOfTheirKind) {
  const Files files({{"flags/a.yaml", Flag("Checkout")}, {"flags/b.yaml", Flag("checkout.layout")}});
  EXPECT_THAT(Found(files, "static.naming"), IsEmpty());
  Policy policy;
  policy.names[EntityKind::kFlag] = "[a-z]+([.][a-z]+)*";
  EXPECT_THAT(Found(files, "static.naming", policy),
              ElementsAre("flags/a.yaml:1:7 flag Checkout (payments): 'Checkout' is not named as the policy wants it "
                          "(keys of this kind match [a-z]+([.][a-z]+)*)"));
}

TEST(StaticChecksTest, OwnersAreThoseThatThePolicyKnows) {
  const Files files({{"flags/a.yaml", Flag("a")},
                     {"flags/b.yaml",
                      "flag: b\ntype: boolean\nenvironments: { production: { enabled: true, default: "
                      "on, rules: [{ when: { country: DE }, serve: off }] } }\n"}});
  // Whoever has none is told without a policy, too.
  EXPECT_THAT(Found(files, "static.owner"),
              ElementsAre("flags/b.yaml:1:1 flag b (): it has no owner (add `owner:`, so that somebody can be asked)"));
  Policy policy;
  policy.owners = {"payment", "*@shop.example"};
  EXPECT_THAT(Found(files, "static.owner", policy),
              ElementsAre("flags/b.yaml:1:1 flag b (): it has no owner (add `owner:`, so that somebody can be asked)",
                          "flags/a.yaml:3:8 flag a (payments): the policy knows no owner 'payments' (did you mean "
                          "'payment'?)"));
  policy.owners = {"pay*"};
  EXPECT_EQ(Found(files, "static.owner", policy).size(), 1u);
}

TEST(StaticChecksTest, DaysAreToldWhenTheyAreOverAndAsLongBeforeAsThePolicySays) {
  const Files files({{"flags/a.yaml", Flag("a", "expires: 2027-01-14\n")},
                     {"flags/b.yaml", Flag("b", "expires: 2027-01-15\n")},
                     {"flags/c.yaml", Flag("c", "expires: 2027-01-20\n")}});
  EXPECT_THAT(
      Found(files, "static.expiry"),
      ElementsAre("flags/a.yaml:4:10 flag a (payments): its time was over on 2027-01-14 (remove it, or move the "
                  "day)"));
  Policy policy;
  policy.expires_within = std::chrono::days(5);
  EXPECT_EQ(Found(files, "static.expiry", policy).size(), 2u);  // in 5 days is not within 5 days
  policy.expires_within = std::chrono::days(6);
  EXPECT_THAT(Found(files, "static.expiry", policy).back(),
              "flags/c.yaml:4:10 flag c (payments): its time is over on 2027-01-20, in 5 days (remove it, or move the "
              "day)");
  // Validation's warning of the same is not said twice.
  EXPECT_THAT(Found(files, "static.warnings"), IsEmpty());
}

TEST(StaticChecksTest, ForbiddenAttributesAreFoundWhereverSomethingLooksAtThem) {
  const Files files({{"flags/a.yaml", Flag("a", "", "{ any: [{ country: DE }, { not: { email: a@b.example } }] }")},
                     {"flags/b.yaml",
                      "flag: b\ntype: boolean\nowner: x\nenvironments: { production: { enabled: true, "
                      "default: { serve: { on: 50%, off: 50% }, by: email } } }\n"},
                     {"segments/s.yaml", "segment: s\nwhen: { address.street: Main }\n"},
                     {"layers.yaml", "- { layer: l, unit: email }\n"}});
  EXPECT_THAT(Found(files, "static.personal-data"), IsEmpty());
  Policy policy;
  policy.personal_data = {"email", "address.*"};
  EXPECT_THAT(Found(files, "static.personal-data", policy),
              ElementsAre("flags/a.yaml:8:49 flag a (payments): it looks at 'email', which the policy forbids",
                          "flags/b.yaml:4:87 flag b (x): it looks at 'email', which the policy forbids",
                          "segments/s.yaml:2:9 segment s (): it looks at 'address.street', which the policy forbids",
                          "layers.yaml:1:15 layer l (): it looks at 'email', which the policy forbids"));
}

TEST(StaticChecksTest, AnExpressionIsMeasuredByItsProgram) {
  const Files files({{"flags/a.yaml", Flag("a", "", R"({ email: { matches: "^[a-z]{1,200}@shop" } })")},
                     {"flags/b.yaml", Flag("b", "", R"({ email: { matches: "@shop" } })")}});
  EXPECT_THAT(Found(files, "static.regex-cost"), IsEmpty());
  Policy policy;
  policy.regex_size = 100;
  const std::vector<std::string> found = Found(files, "static.regex-cost", policy);
  ASSERT_EQ(found.size(), 1u);
  EXPECT_THAT(found.front(), ::testing::MatchesRegex("flags/a.yaml:8:35 flag a .payments.: the expression takes [0-9]+ "
                                                     "instructions; the policy allows 100 .write .*"));
}

TEST(StaticChecksTest, AReleaseFlagThatServesOneThingEverywhereDecidesNothing) {
  const auto found = [](const std::string& flag) {
    return Found(Files({{"flags/a.yaml", flag}}), "static.constant-flag");
  };
  const std::string head = "flag: a\ntype: boolean\nowner: payments\n";
  const std::string both = "environments: { staging: { enabled: true, default: on }, production: { enabled: true, ";
  EXPECT_THAT(
      found(head + both + "default: on } }\n"),
      ElementsAre("flags/a.yaml:1:7 flag a (payments): it serves 'on' to everybody in every environment (if that "
                  "stays so, remove it from the code)"));
  EXPECT_THAT(found(head + both + "default: off } }\n"), IsEmpty());
  EXPECT_THAT(found(head + both + "default: on, targets: { off: [u] } } }\n"), IsEmpty());
  EXPECT_THAT(found(head + both + "default: { serve: { on: 50%, off: 50% } } } }\n"), IsEmpty());
  EXPECT_THAT(found(head + "kind: kill_switch\n" + both + "default: on } }\n"), IsEmpty());
  // Not enabled is off.
  EXPECT_THAT(found(head + "environments: { production: { enabled: true, default: off } }\n").size(), 1u);
}

}  // namespace
}  // namespace guidon::gate
