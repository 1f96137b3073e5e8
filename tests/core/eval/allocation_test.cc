// Evaluation allocates nothing. This program counts every operator new of its own.
#include <gtest/gtest.h>

#include "bench/eval/allocations.h"
#include "core/eval/evaluator.h"
#include "core/ruleset/ruleset.h"
#include "tests/support/workspace.h"

namespace guidon {
namespace {

std::string When(const std::string& condition) {
  return BooleanFlag("f", R"("rules": [{"when": )" + condition + R"(, "serve": "on"}], "default": "off")");
}

std::vector<Context> Contexts() {
  std::vector<Context> contexts;
  const char* countries[] = {"DE", "FR", "NO", "US", "JP"};
  for (int i = 0; i < 100; ++i) {
    Context context("user-" + std::to_string(i));
    context.Set("country", countries[i % 5]).Set("plan", i % 3 == 0 ? "pro" : "trial").Set("age", i);
    context.Set("version", "2." + std::to_string(i % 4) + ".0-rc.1").Set("ip", i % 2 == 0 ? "10.0.0.1" : "2001:db8::1");
    context.Set("account_id", i).Set("seen", "2027-03-31T08:00:00+02:00");
    context.Set("roles", Json(R"(["admin", "staff", 7])")).Set("app", Json(R"({"version": {"full": "1.2.3"}})"));
    contexts.push_back(std::move(context));
  }
  return contexts;
}

// Of one round over all contexts, after one that warms up.
std::uint64_t AllocationsOf(const std::vector<std::string>& definitions, const std::string& flag = "f") {
  const auto ruleset = Compile(Workspace(definitions));
  EXPECT_TRUE(ruleset->broken().empty()) << ruleset->broken()[0].reason;
  const std::vector<Context> contexts = Contexts();
  std::uint64_t served = 0;
  const auto round = [&] {
    for (const Context& context : contexts) {
      const Decision decision = Evaluate(*ruleset, ruleset->Find(flag), context, 1'806'480'000'000);
      served += decision.value() != nullptr ? 1 : 0;
    }
  };
  round();
  const std::uint64_t before = bench::Allocations();
  round();
  const std::uint64_t after = bench::Allocations();
  EXPECT_GT(served, 0u);
  return after - before;
}

TEST(AllocationTest, TheCountIsReal) {
  const std::uint64_t before = bench::Allocations();
  const std::string text(100, 'x');
  EXPECT_GT(bench::Allocations(), before);
  EXPECT_EQ(text.size(), 100u);
}

TEST(AllocationTest, EveryOperatorIsFree) {
  for (const char* condition :
       {R"({"country": "DE"})", R"({"country": ["A1", "B1", "C1", "D1", "E1", "F1", "G1", "H1", "I1", "J1"]})",
        R"({"country": {"not_in": ["de", "fr"], "ignore_case": true}})", R"({"country": {"starts_with": "D"}})",
        R"({"country": {"ends_with": "e", "ignore_case": true}})", R"({"plan": {"contains": ["x", "ria"]}})",
        R"({"plan": {"matches": "^pr[o0]$"}})", R"({"age": {"gt": 65, "lt": 70.5}})", R"({"age": 17})",
        R"({"version": {"semver_gt": "2.0.0"}})", R"({"version": {"semver_eq": "2.1.0-rc.1"}})",
        R"({"ip": {"in_cidr": ["10.0.0.0/8", "2001:db8::/32"]}})", R"({"seen": {"before": "2027-03-31T08:00:00Z"}})",
        R"({"seen": {"exists": true}})", R"({"roles": "admin"})", R"({"app.version.full": {"semver_gte": "1.0.0"}})",
        R"({"key": {"starts_with": "user-1"}})", R"({"now": {"after": "2027-03-31T07:59:00Z"}})",
        R"({"any": [{"country": "XX"}, {"not": {"all": [{"age": 1}, {"plan": "pro"}]}}]})"}) {
    EXPECT_EQ(AllocationsOf({When(condition)}), 0u) << condition;
  }
}

TEST(AllocationTest, TheSixWorkloadsOfTheBenchmarkAreFree) {
  const std::string ten = R"({"country": ["A1", "B1", "C1", "D1", "E1", "F1", "G1", "H1", "I1", "J1"]})";
  const auto rules = [&](const std::string& second) {
    return R"("rules": [{"when": )" + ten + R"(, "serve": "on"}, {"when": )" + second +
           R"(, "serve": "on"}, {"when": {"plan": "pro"}, "serve": "on"}], "default": "off")";
  };
  EXPECT_EQ(AllocationsOf({BooleanFlag("f", R"("default": "on")")}), 0u);
  EXPECT_EQ(AllocationsOf({BooleanFlag("f", rules(R"({"age": {"gt": 65}})"))}), 0u);
  EXPECT_EQ(AllocationsOf({BooleanFlag("f", rules(R"({"version": {"semver_gt": "2.0.0"}})"))}), 0u);
  EXPECT_EQ(AllocationsOf({R"({"flag": "f", "type": "string", "variations": {"a": "1", "b": "2", "c": "3"},
      "environments": {"production": {"enabled": true, "default": {"serve": {"a": "33%", "b": "33%", "c": "34%"}}}}})"}),
            0u);
  std::string keys;
  for (int i = 0; i < 1'000; ++i) keys += (i == 0 ? "\"user-" : ", \"user-") + std::to_string(i) + "\"";
  EXPECT_EQ(
      AllocationsOf({R"({"segment": "all", "include": [)" + keys + "]}", BooleanFlag("base", R"("default": "on")"),
                     BooleanFlag("f", R"("requires": [{"flag": "base", "is": "on"}],
                                               "rules": [{"when": {"segment": "all"}, "serve": "on"}], "default": "off")")}),
      0u);
  std::vector<std::string> store;
  for (int i = 0; i < 500; ++i) store.push_back(BooleanFlag("f" + std::to_string(i), rules(R"({"age": {"gt": 65}})")));
  EXPECT_EQ(AllocationsOf(store, "f499"), 0u);
}

TEST(AllocationTest, TargetsRolloutsExperimentsAndErrorsAreFree) {
  EXPECT_EQ(AllocationsOf({BooleanFlag("f", R"("targets": {"on": ["user-1", "user-2"]}, "default": "off")")}), 0u);
  EXPECT_EQ(
      AllocationsOf({BooleanFlag("f", R"("rules": [{"id": "r", "serve": "on", "rollout": "10%", "by": "account_id"}],
                                               "default": "off")")}),
      0u);
  EXPECT_EQ(AllocationsOf({BooleanFlag("f", R"("default": "off")"), R"({"layer": "page", "unit": "account_id"})",
                           R"({"holdout": "h", "unit": "account_id", "size": "10%"})",
                           R"({"experiment": "e", "flag": "f", "environment": "production", "state": "running",
                               "unit": "account_id", "layer": {"name": "page", "slice": "60%"}, "holdout": "h",
                               "audience": {"plan": "pro"}, "qa": {"force": [{"account_id": 7, "variant": "b"}]},
                               "variants": {"a": {"serves": "off", "weight": "50%"}, "b": {"serves": "on", "weight": "50%"}}})"}),
            0u);
  const auto ruleset = Compile(Snapshot{});
  const Context context("u");
  const std::uint64_t before = bench::Allocations();
  Decision decision = Evaluate(*ruleset, ruleset->Find("gone"), context, 0);
  CheckType(WantedType::kBool, decision);
  EXPECT_EQ(bench::Allocations(), before);
}

TEST(AllocationTest, AListThatIsSetAgainAndAgainIsHeldOnce) {
  const auto copies = [](int times) {
    Context context("user-42");
    for (int i = 0; i < times; ++i) {
      context.Set("roles", Json(R"(["a", "b"])")).Set("cart", Json(R"({"total": 3})"));
      context.Set("plan", Json("[1]")).Set("plan", "pro");
    }
    const std::uint64_t before = bench::Allocations();
    const Context copy(context);
    return bench::Allocations() - before;
  };
  EXPECT_EQ(copies(100), copies(1));
}

TEST(AllocationTest, AContextOfEightAttributesAndShortTextsIsFree) {
  const std::uint64_t before = bench::Allocations();
  Context context("user-42");
  context.Set("country", "DE").Set("plan", "pro").Set("age", 31).Set("beta", true);
  context.Set("score", 0.5).Set("email", "a@shop.example").Set("version", "4.2.0").Set("ip", "10.0.0.1");
  const Context copy(context);
  EXPECT_EQ(bench::Allocations(), before);
  EXPECT_EQ(copy.key(), "user-42");
}

}  // namespace
}  // namespace guidon
