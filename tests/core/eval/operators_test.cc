// What each operator holds for: the tables of docs/spec/definitions.md, "Conditions".
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "core/eval/evaluator.h"
#include "core/ruleset/ruleset.h"
#include "tests/support/workspace.h"

namespace guidon {
namespace {

// A condition, compiled; asked with contexts.
class When {
 public:
  explicit When(const std::string& condition)
      : ruleset_(Compile(Workspace(
            {BooleanFlag("f", R"("rules": [{"when": )" + condition + R"(, "serve": "on"}], "default": "off")")}))) {
    EXPECT_TRUE(ruleset_->broken().empty()) << ruleset_->BrokenReason("f");
  }
  bool Holds(const Context& context, std::int64_t now_ms = 0) const {
    const Decision decision = Evaluate(*ruleset_, ruleset_->Find("f"), context, now_ms);
    EXPECT_EQ(decision.error, EvaluationError::kNone);
    return decision.variation_name() == "on";
  }
  bool Holds(const std::string& context, std::int64_t now_ms = 0) const {
    return Holds(Context::FromValue(Json(context)), now_ms);
  }

 private:
  std::shared_ptr<const Ruleset> ruleset_;
};

struct Row {
  const char* condition;
  const char* context;
  bool holds;
};

void Check(const std::vector<Row>& rows) {
  for (const Row& row : rows) {
    EXPECT_EQ(When(row.condition).Holds(std::string(row.context)), row.holds) << row.condition << " of " << row.context;
  }
}

TEST(OperatorTest, InEqualsOneOperandAndNeverAcrossTypes) {
  Check({{R"({"a": "DE"})", R"({"a": "DE"})", true},
         {R"({"a": ["FR", "DE"]})", R"({"a": "DE"})", true},
         {R"({"a": "DE"})", R"({"a": "de"})", false},
         {R"({"a": 1})", R"({"a": 1.0})", true},
         {R"({"a": 1})", R"({"a": "1"})", false},
         {R"({"a": "1"})", R"({"a": 1})", false},
         {R"({"a": true})", R"({"a": true})", true},
         {R"({"a": true})", R"({"a": "true"})", false},
         {R"({"a": true})", R"({"a": 1})", false},
         {R"({"a": 0.5})", R"({"a": 0.5})", true},
         {R"({"a": 9007199254740993})", R"({"a": 9007199254740993})", true},
         {R"({"a": 9007199254740993})", R"({"a": 9007199254740992})", false},
         {R"({"a": 9007199254740992})", R"({"a": 9007199254740992.0})", true},
         {R"({"a": ""})", R"({"a": ""})", true},
         {R"({"a": ["v", "w", "x", "y", "z", "z", "long"]})", R"({"a": "z"})", true},
         {R"({"a": ["v", "w", "x", "y", "z", "z", "long"]})", R"({"a": "u"})", false}});
}

TEST(OperatorTest, NotInIsExactlyNotIn) {
  Check({{R"({"a": {"not_in": ["DE", 7]}})", R"({"a": "FR"})", true},
         {R"({"a": {"not_in": ["DE", 7]}})", R"({"a": 7.0})", false},
         {R"({"a": {"not_in": "DE"}})", R"({})", true},
         {R"({"a": {"not_in": "DE"}})", R"({"a": null})", true},
         {R"({"a": {"not_in": "DE"}})", R"({"a": ["FR", "DE"]})", false},
         {R"({"a": {"not_in": "DE"}})", R"({"a": []})", true},
         {R"({"a": {"not_in": "DE"}})", R"({"a": {"b": "DE"}})", true}});
}

TEST(OperatorTest, AMissingAttributeMakesEveryOtherOperatorFalse) {
  for (const char* test :
       {R"("in": "x")", R"("starts_with": "")", R"("ends_with": "")", R"("contains": "")", R"("matches": "")",
        R"("lt": 1)", R"("lte": 1)", R"("gt": -1)", R"("gte": -1)", R"("before": 1)", R"("after": -1)",
        R"("semver_eq": "1.0.0")", R"("semver_lt": "1.0.0")", R"("semver_lte": "1.0.0")", R"("semver_gt": "0.0.0")",
        R"("semver_gte": "0.0.0")", R"("exists": true)", R"("in_cidr": "0.0.0.0/0")"}) {
    const When when(R"({"a": {)" + std::string(test) + "}}");
    for (const char* context : {"{}", R"({"a": null})", R"({"b": 1})", R"({"key": "k"})"}) {
      EXPECT_FALSE(when.Holds(std::string(context))) << test << " of " << context;
    }
  }
  Check({{R"({"a": {"exists": false}})", "{}", true}, {R"({"a": {"exists": false}})", R"({"a": null})", true}});
}

TEST(OperatorTest, ExistsLooksAtTheAttributeItself) {
  Check({{R"({"a": {"exists": true}})", R"({"a": false})", true},
         {R"({"a": {"exists": true}})", R"({"a": []})", true},
         {R"({"a": {"exists": true}})", R"({"a": [null]})", true},
         {R"({"a": {"exists": true}})", R"({"a": {}})", true},
         {R"({"a": {"exists": false}})", R"({"a": []})", false},
         {R"({"a": {"exists": false}})", R"({"a": ""})", false}});
}

TEST(OperatorTest, TextOperatorsTakeAnyOperandAndTextOnly) {
  Check({{R"({"a": {"starts_with": ["x", "ab"]}})", R"({"a": "abc"})", true},
         {R"({"a": {"starts_with": "abc"}})", R"({"a": "ab"})", false},
         {R"({"a": {"ends_with": "@shop.example"}})", R"({"a": "a@shop.example"})", true},
         {R"({"a": {"ends_with": "@shop.example"}})", R"({"a": "a@shop.example.com"})", false},
         {R"({"a": {"contains": ["q", "b"]}})", R"({"a": "abc"})", true},
         {R"({"a": {"contains": "bd"}})", R"({"a": "abc"})", false},
         {R"({"a": {"contains": ""}})", R"({"a": ""})", true},
         {R"({"a": {"contains": "1"}})", R"({"a": 1})", false},
         {R"({"a": {"matches": "b+"}})", R"({"a": "abbc"})", true},
         {R"({"a": {"matches": "^b"}})", R"({"a": "abbc"})", false},
         {R"({"a": {"matches": ["^x", "c$"]}})", R"({"a": "abbc"})", true},
         {R"({"a": {"matches": "1"}})", R"({"a": 1})", false}});
}

TEST(OperatorTest, IgnoreCaseIsAsciiAndCoversItsMap) {
  const std::string long_text(300, 'A');
  Check({{R"({"a": {"in": ["De", "Fr"], "ignore_case": true}})", R"({"a": "dE"})", true},
         {R"({"a": {"in": "De"}})", R"({"a": "dE"})", false},
         {R"({"a": {"not_in": "De", "ignore_case": true}})", R"({"a": "dE"})", false},
         {R"({"a": {"starts_with": "AB", "ends_with": "Z", "ignore_case": true}})", R"({"a": "abz"})", true},
         {R"({"a": {"contains": "BC", "ignore_case": true}})", R"({"a": "abcd"})", true},
         {R"({"a": {"matches": "B+", "ignore_case": true}})", R"({"a": "abbc"})", true},
         {R"({"a": {"in": "ÄRGER", "ignore_case": true}})", R"({"a": "ärger"})", false},
         {R"({"a": {"in": "ÄRGER", "ignore_case": true}})", R"({"a": "Ärger"})", true},
         {R"({"a": {"in": ["1", "2", "3", "4", "DE", "de"], "ignore_case": true}})", R"({"a": "De"})", true},
         {R"({"a": {"in": "[", "ignore_case": true}})", R"({"a": "{"})", false}});
  const When when(R"({"a": {"in": ")" + long_text + R"(", "ignore_case": true}})");
  EXPECT_TRUE(when.Holds(R"({"a": ")" + std::string(300, 'a') + R"("})"))
      << "beyond the buffer that folds on the stack";
  EXPECT_FALSE(when.Holds(R"({"a": ")" + std::string(299, 'a') + R"("})"));
}

TEST(OperatorTest, AnyElementOfAListWillDo) {
  Check({{R"({"a": "admin"})", R"({"a": ["user", "admin"]})", true},
         {R"({"a": "admin"})", R"({"a": []})", false},
         {R"({"a": {"gt": 5}})", R"({"a": [1, "9", 7]})", true},
         {R"({"a": {"gt": 5}})", R"({"a": [1, "9", null, {}, [7]]})", false},
         {R"({"a": {"starts_with": "x", "ends_with": "y"}})", R"({"a": ["x1", "2y"]})", true},
         {R"({"a": {"in_cidr": "10.0.0.0/8"}})", R"({"a": ["::1", "10.1.2.3"]})", true}});
}

TEST(OperatorTest, NumbersCompareExactlyWhateverTheirForm) {
  Check({{R"({"a": {"lt": 5}})", R"({"a": 4.999})", true},
         {R"({"a": {"lt": 5}})", R"({"a": 5.0})", false},
         {R"({"a": {"lte": 5}})", R"({"a": 5.0})", true},
         {R"({"a": {"gt": 5.5}})", R"({"a": 5})", false},
         {R"({"a": {"gt": 5.5}})", R"({"a": 6})", true},
         {R"({"a": {"lt": -5.5}})", R"({"a": -6})", true},
         {R"({"a": {"gte": -5.5}})", R"({"a": -5})", true},
         {R"({"a": {"gt": 9007199254740992}})", R"({"a": 9007199254740993})", true},
         {R"({"a": {"gt": 9007199254740993}})", R"({"a": 9007199254740992.0})", false},
         {R"({"a": {"lt": 1e300}})", R"({"a": 9223372036854775807})", true},
         {R"({"a": {"gt": -1e300}})", R"({"a": -9223372036854775808})", true},
         {R"({"a": {"gt": 7}})", R"({"a": 1e300})", true},
         {R"({"a": {"gt": 7}})", R"({"a": -1e300})", false},
         {R"({"a": {"gt": 9223372036854775807}})", R"({"a": 9223372036854775808.0})", true},
         {R"({"a": {"gt": 5}})", R"({"a": "6"})", false},
         {R"({"a": {"gt": 5}})", R"({"a": true})", false}});
}

TEST(OperatorTest, NotANumberAndInfinityHaveTheirPlace) {
  const double nan = std::numeric_limits<double>::quiet_NaN(), inf = std::numeric_limits<double>::infinity();
  for (const char* test : {R"("lt": 1)", R"("lte": 1)", R"("gt": 1)", R"("gte": 1)", R"("lt": 0.5)", R"("gt": 0.5)",
                           R"("in": 0.5)", R"("before": 1)", R"("after": 1)"}) {
    EXPECT_FALSE(When(R"({"a": {)" + std::string(test) + "}}").Holds(Context("k").Set("a", nan))) << test;
  }
  EXPECT_TRUE(When(R"({"a": {"exists": true}})").Holds(Context("k").Set("a", nan)));
  EXPECT_TRUE(When(R"({"a": {"not_in": 0.5}})").Holds(Context("k").Set("a", nan)));
  EXPECT_TRUE(When(R"({"a": {"gt": 1e300}})").Holds(Context("k").Set("a", inf)));
  EXPECT_TRUE(When(R"({"a": {"lt": 7}})").Holds(Context("k").Set("a", -inf)));
  EXPECT_FALSE(When(R"({"a": {"before": 7}})").Holds(Context("k").Set("a", -inf))) << "no time";
}

TEST(OperatorTest, TimesAreStrictAndKnowTheirZone) {
  Check({{R"({"a": {"before": "2027-03-31T08:00:00Z"}})", R"({"a": "2027-03-31T07:59:59.999Z"})", true},
         {R"({"a": {"before": "2027-03-31T08:00:00Z"}})", R"({"a": "2027-03-31T10:00:00+02:00"})", false},
         {R"({"a": {"before": "2027-03-31T08:00:00Z"}})", R"({"a": "2027-03-31T09:00:00+02:00"})", true},
         {R"({"a": {"after": "2027-03-31T08:00:00Z"}})", R"({"a": 1806480000000})", false},
         {R"({"a": {"after": "2027-03-31T08:00:00Z"}})", R"({"a": 1806480000001})", true},
         {R"({"a": {"after": 1806480000000}})", R"({"a": "2027-03-31T08:00:00.001Z"})", true},
         {R"({"a": {"after": 0}})", R"({"a": "2027-03-31"})", false},
         {R"({"a": {"after": 0}})", R"({"a": "2027-03-31T08:00:00"})", false},
         {R"({"a": {"after": 0}})", R"({"a": "2027-02-30T08:00:00Z"})", false},
         {R"({"a": {"after": 0}})", R"({"a": "soon"})", false},
         {R"({"a": {"after": 0}})", R"({"a": 1.5})", false},
         {R"({"a": {"after": 0}})", R"({"a": 1e300})", false},
         {R"({"a": {"before": 0}})", R"({"a": -1})", true}});
}

TEST(OperatorTest, NowIsTheParameter) {
  const When when(R"({"now": {"after": "2027-03-31T08:00:00Z", "before": 1806480000010}})");
  EXPECT_FALSE(when.Holds(std::string("{}"), 1806480000000));
  EXPECT_TRUE(when.Holds(std::string("{}"), 1806480000001));
  EXPECT_TRUE(when.Holds(std::string("{}"), 1806480000009));
  EXPECT_FALSE(when.Holds(std::string("{}"), 1806480000010));
  EXPECT_FALSE(when.Holds(std::string("{}"), std::numeric_limits<std::int64_t>::min()));
  EXPECT_FALSE(when.Holds(std::string("{}"), std::numeric_limits<std::int64_t>::max()));
}

// semver.org 2.0.0, item 11, and a few around it; ascending.
constexpr const char* kPrecedence[] = {"0.0.0-0",
                                       "0.0.0",
                                       "0.9.9",
                                       "1.0.0-0",
                                       "1.0.0-9",
                                       "1.0.0-10",
                                       "1.0.0-99999999999999999999999",
                                       "1.0.0-A",
                                       "1.0.0-alpha",
                                       "1.0.0-alpha.1",
                                       "1.0.0-alpha.1.0",
                                       "1.0.0-alpha.beta",
                                       "1.0.0-beta",
                                       "1.0.0-beta.2",
                                       "1.0.0-beta.11",
                                       "1.0.0-rc.1",
                                       "1.0.0",
                                       "1.0.1",
                                       "1.2.0",
                                       "1.10.0",
                                       "2.0.0",
                                       "2.1.0",
                                       "2.1.1",
                                       "99999999999999999999999.0.0"};

TEST(OperatorTest, VersionsAreInTheOrderOfSemver) {
  const std::size_t count = std::size(kPrecedence);
  for (std::size_t i = 0; i < count; ++i) {
    const std::string operand = kPrecedence[i];
    const When eq(R"({"v": {"semver_eq": ")" + operand + R"("}})"), lt(R"({"v": {"semver_lt": ")" + operand + R"("}})"),
        lte(R"({"v": {"semver_lte": ")" + operand + R"("}})"), gt(R"({"v": {"semver_gt": ")" + operand + R"("}})"),
        gte(R"({"v": {"semver_gte": ")" + operand + R"("}})");
    for (std::size_t j = 0; j < count; ++j) {
      for (const char* build : {"", "+build.7", "+001"}) {
        Context context("k");
        context.Set("v", kPrecedence[j] + std::string(build));
        const std::string what = kPrecedence[j] + std::string(build) + " against " + operand;
        EXPECT_EQ(eq.Holds(context), j == i) << what;
        EXPECT_EQ(lt.Holds(context), j < i) << what;
        EXPECT_EQ(lte.Holds(context), j <= i) << what;
        EXPECT_EQ(gt.Holds(context), j > i) << what;
        EXPECT_EQ(gte.Holds(context), j >= i) << what;
      }
    }
  }
}

TEST(OperatorTest, WhatIsNoVersionMakesEveryVersionOperatorFalse) {
  const When any(R"({"any": [{"v": {"semver_gte": "0.0.0-0"}}, {"w": {"semver_lt": "0.0.0-0"}}]})");
  for (const char* text : {"",       "1",      "1.2",        "1.2.3.4",  "v1.2.3", "1.2.x",      "01.2.3",    "1.02.3",
                           "1.2.03", "1.2.3-", "1.2.3-a..b", "1.2.3-01", "1.2.3+", "1.2.3+a..b", "1.2.3-a_b", " 1.2.3",
                           "1.2.3 ", "-1.2.3", "1.2.3-ä",    "..",       "1..3",   "1.2.",       "1.2.3+a+b"}) {
    EXPECT_FALSE(any.Holds(Context("k").Set("v", text).Set("w", text))) << "'" << text << "'";
  }
  EXPECT_FALSE(any.Holds(std::string(R"({"v": 1.2})")));
  EXPECT_TRUE(any.Holds(std::string(R"({"v": "1.2.3--"})"))) << "an identifier may be a hyphen";
}

TEST(OperatorTest, AddressesAreWithinNetworksOfTheirOwnKind) {
  const std::string nets =
      R"({"ip": {"in_cidr": ["10.0.0.0/8", "192.168.1.128/25", "203.0.113.9", "2001:db8::/33", "::1"]}})";
  const When when(nets);
  for (const char* in :
       {"10.0.0.0", "10.255.255.255", "192.168.1.128", "192.168.1.255", "203.0.113.9", "2001:db8::1",
        "2001:0DB8:0000::ffff", "2001:db8:7fff:ffff::", "::1", "0:0:0:0:0:0:0:1", "2001:db8::10.0.0.1"}) {
    EXPECT_TRUE(when.Holds(Context("k").Set("ip", in))) << in;
  }
  for (const char* out : {"11.0.0.0", "9.255.255.255", "192.168.1.127", "203.0.113.8", "2001:db8:8000::", "2001:db7::1",
                          "::2", "::ffff:10.0.0.1", "10.0.0", "10.0.0.256", "10.0.0.0/8", "010.0.0.1", "", "10.0.0.1 ",
                          "::1::", "1:2:3:4:5:6:7", "fe80::1%eth0", "example.com"}) {
    EXPECT_FALSE(when.Holds(Context("k").Set("ip", out))) << out;
  }
  EXPECT_FALSE(when.Holds(Context("k").Set("ip", 167772160))) << "a number is no address";
  EXPECT_TRUE(When(R"({"ip": {"in_cidr": "0.0.0.0/0"}})").Holds(Context("k").Set("ip", "255.255.255.255")));
  EXPECT_FALSE(When(R"({"ip": {"in_cidr": "0.0.0.0/0"}})").Holds(Context("k").Set("ip", "::1")));
  EXPECT_TRUE(When(R"({"ip": {"in_cidr": "::/0"}})").Holds(Context("k").Set("ip", "ff::")));
  EXPECT_TRUE(When(R"({"ip": {"in_cidr": "10.9.8.7/8"}})").Holds(Context("k").Set("ip", "10.1.1.1")))
      << "host bits are ignored";
}

TEST(OperatorTest, ADotPathFindsMembersUnlessALiteralNameIsThere) {
  Check({{R"({"app.version": "1"})", R"({"app": {"version": "1"}})", true},
         {R"({"app.version": "1"})", R"({"app.version": "1"})", true},
         {R"({"app.version": "1"})", R"({"app.version": "2", "app": {"version": "1"}})", false},
         {R"({"app.version": "1"})", R"({"app": {"version": "2"}, "app.version": "1"})", true},
         {R"({"app.version": "1"})", R"({"app.version": null, "app": {"version": "1"}})", true},
         {R"({"a.b.c": "1"})", R"({"a": {"b": {"c": ["0", "1"]}}})", true},
         {R"({"a.b.c": "1"})", R"({"a": {"b.c": "1"}})", false},
         {R"({"a.b.c": "1"})", R"({"a.b": {"c": "1"}})", false},
         {R"({"a.b": {"exists": false}})", R"({"a": {"b": null}})", true},
         {R"({"a.b": {"exists": false}})", R"({"a": "b"})", true},
         {R"({"a.b": {"exists": false}})", R"({"a": [{"b": 1}]})", true}});
}

TEST(OperatorTest, TheKeyIsAnAttribute) {
  Check({{R"({"key": "user-1"})", R"({"key": "user-1"})", true},
         {R"({"key": "user-1"})", R"({"targetingKey": "user-1"})", true},
         {R"({"key": "7"})", R"({"key": 7})", true},
         {R"({"key": {"exists": false}})", R"({"country": "DE"})", true},
         {R"({"key": {"exists": false}})", R"({"key": ""})", true}});
}

TEST(OperatorTest, AllAnyAndNotNest) {
  Check({{R"({"a": 1, "b": 2})", R"({"a": 1, "b": 2})", true},
         {R"({"a": 1, "b": 2})", R"({"a": 1})", false},
         {R"({"any": [{"a": 1}, {"b": 2}]})", R"({"b": 2})", true},
         {R"({"any": [{"a": 1}, {"b": 2}]})", R"({"a": 2, "b": 1})", false},
         {R"({"all": [{"a": 1}, {"a": {"gt": 0}}]})", R"({"a": 1})", true},
         {R"({"not": {"a": 1, "b": 2}})", R"({"a": 1, "b": 3})", true},
         {R"({"not": {"a": 1, "b": 2}})", R"({"a": 1, "b": 2})", false},
         {R"({"not": {"any": [{"all": [{"not": {"a": 1}}]}]}})", R"({"a": 1})", true},
         {R"({"attribute": "now", "in": "x"})", R"({"now": "x"})", true}});
}

}  // namespace
}  // namespace guidon
