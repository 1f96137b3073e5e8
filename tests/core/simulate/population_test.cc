// Populations: what is read and refused, units that are the same everywhere, and shares that are those of the
// description.
#include "core/simulate/population.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iostream>
#include <map>
#include <set>
#include <sstream>

#include "tests/support/workspace.h"

namespace guidon {
namespace {

namespace fs = std::filesystem;

Population Made(const std::string& text) {
  Result<Population> population = DecodePopulation(Json(text));
  EXPECT_TRUE(population) << population.error().message;
  return population ? *std::move(population) : Population();
}

std::vector<std::string> FaultsOf(const std::string& text) {
  std::vector<std::string> faults;
  const Result<Population> population = DecodePopulation(Json(text));
  if (population) return faults;
  for (const Issue& issue : population.error().issues) faults.push_back(issue.path.ToText() + ": " + issue.message);
  return faults;
}

TEST(PopulationTest, TheCasesOfTheSchemaAreReadAndRefusedAlike) {
  std::size_t counts[2] = {0, 0};
  for (const bool good : {false, true}) {
    for (const auto& entry : fs::directory_iterator(fs::path(GUIDON_POPULATION_CASES) / (good ? "good" : "bad"))) {
      std::stringstream text;
      text << std::ifstream(entry.path()).rdbuf();
      const Value read = Json(text.str());
      EXPECT_EQ(DecodePopulation(*read.Find("document")).has_value(), good) << entry.path();
      ++counts[good ? 1 : 0];
    }
  }
  EXPECT_GE(counts[0], 20u);
  EXPECT_GE(counts[1], 2u);
}

TEST(PopulationTest, EachFaultSaysWhereAndWhatToDo) {
  EXPECT_EQ(FaultsOf(R"({"population": 10000001})"),
            (std::vector<std::string>{"population: 10000001 has to be a whole number from 1 to 10000000"}));
  EXPECT_EQ(
      FaultsOf(R"({"population": 1, "attributes": {"a": {"by": "contry", "cases": {}}, "b": {"missing": "1%"}}})"),
      (std::vector<std::string>{"attributes.a.by: 'contry' is no attribute above this one",
                                "attributes.b: it does not say where its values come from"}));
}

const std::string kEverything = R"({"population": 1000000, "seed": 7, "key": "u{n}", "attributes": {
    "account": {"unit": "acc-{n}", "shared_by": 2, "missing": "25%"},
    "country": {"weights": {"DE": 40, "FR": 20, "US": 40}},
    "beta": {"share": "50%"},
    "age": {"uniform": [18, 80]},
    "score": {"uniform": [0.5, 1.5], "decimals": 3},
    "fine": {"uniform": [0, 2.5]},
    "orders": {"normal": {"mean": 6, "deviation": 4, "least": 0}, "decimals": 0},
    "version": {"by": "country", "cases": {"DE": ["4.1.0", "4.2.0"], "FR": "5.0.0"}}}})";

// Computed by another program from the description in population.h. They never change: who named a seed in a report
// can count again.
TEST(PopulationTest, UnitsAreTheSameOnEveryMachineAndForEver) {
  const Population population = Made(kEverything);
  for (const auto& [number, unit] : std::initializer_list<std::pair<std::uint64_t, const char*>>{
           {1, R"({"key":"u1","account":"acc-1","country":"US","beta":false,"age":65,"score":1.268,
                   "fine":0.5063780919503493,"orders":9})"},
           {2, R"({"key":"u2","account":"acc-1","country":"US","beta":false,"age":24,"score":0.758,
                   "fine":2.2610751998603256,"orders":4})"},
           {3, R"({"key":"u3","account":"acc-2","country":"US","beta":true,"age":22,"score":0.873,
                   "fine":2.486674998747881,"orders":7})"},
           {1000000, R"({"key":"u1000000","account":"acc-500000","country":"DE","beta":false,"age":59,"score":1.138,
                         "fine":2.412610357732682,"orders":6,"version":"4.1.0"})"}}) {
    EXPECT_EQ(ContextOf(population, number).ToValue(), Json(unit)) << ToJson(ContextOf(population, number).ToValue());
  }
}

TEST(PopulationTest, WholeNumbersAreWithinBrokenEnds) {
  const Population population = Made(R"({"population": 300, "attributes": {
      "a": {"uniform": [0.5, 2.5], "decimals": 0}, "b": {"uniform": [-2.5, -0.5], "decimals": 0},
      "c": {"uniform": [-0.5, 1], "decimals": 0}, "d": {"uniform": [0.6, 5e9], "decimals": 0}}})");
  std::map<std::string, std::set<std::int64_t>> drawn;
  for (std::uint64_t n = 1; n <= 300; ++n) {
    const Value unit = ContextOf(population, n).ToValue();
    for (const std::string name : {"a", "b", "c", "d"}) drawn[name].insert(unit.Find(name)->AsInt());
  }
  EXPECT_THAT(drawn["a"], ::testing::ElementsAre(1, 2));
  EXPECT_THAT(drawn["b"], ::testing::ElementsAre(-2, -1));
  EXPECT_THAT(drawn["c"], ::testing::ElementsAre(0, 1));
  EXPECT_GE(*drawn["d"].begin(), 1);
  EXPECT_THAT(FaultsOf(R"({"population": 1, "attributes": {"a": {"uniform": [0.2, 0.8], "decimals": 0}}})"),
              ::testing::ElementsAre("attributes.a: there is no whole number in this range"));
}

TEST(PopulationTest, RoundedNumbersAreWithinTheirEnds) {
  const Population population = Made(R"({"population": 300, "attributes": {
      "a": {"uniform": [0.25, 0.45], "decimals": 1}, "b": {"uniform": [-1.26, -1.24], "decimals": 2},
      "c": {"uniform": [-0.44, -0.26], "decimals": 1},
      "d": {"normal": {"mean": 0, "deviation": 9, "least": -0.26, "most": 0.26}, "decimals": 1},
      "e": {"normal": {"mean": 0, "deviation": 9, "least": -1.6, "most": 1.6}, "decimals": 0}}})");
  std::map<std::string, std::set<double>> drawn;
  for (std::uint64_t n = 1; n <= 300; ++n) {
    const Value unit = ContextOf(population, n).ToValue();
    for (const std::string name : {"a", "b", "c", "d", "e"}) drawn[name].insert(unit.Find(name)->AsDouble());
  }
  EXPECT_THAT(drawn["a"], ::testing::ElementsAre(0.3, 0.4));
  EXPECT_THAT(drawn["b"], ::testing::ElementsAre(-1.26, -1.25, -1.24));
  EXPECT_THAT(drawn["c"], ::testing::ElementsAre(-0.4, -0.3));
  EXPECT_THAT(drawn["d"], ::testing::ElementsAre(-0.2, -0.1, 0, 0.1, 0.2));
  EXPECT_THAT(drawn["e"], ::testing::ElementsAre(-1, 0, 1));
  EXPECT_THAT(FaultsOf(R"({"population": 1, "attributes": {"a": {"uniform": [0.21, 0.28], "decimals": 1}}})"),
              ::testing::ElementsAre("attributes.a: there is no number with 1 decimal in this range"));
  EXPECT_THAT(FaultsOf(R"({"population": 1, "attributes": {"a": {"decimals": 0,
                           "normal": {"mean": 0, "deviation": 1, "least": 0.2, "most": 0.8}}}})"),
              ::testing::ElementsAre("attributes.a: there is no number with 0 decimals in this range"));
}

TEST(PopulationTest, AnAttributeMoreChangesNoOther) {
  const Population population = Made(R"({"population": 3, "seed": 7, "key": "u{n}",
                                         "attributes": {"new": ["x"], "age": {"uniform": [18, 80]}}})");
  EXPECT_EQ(ToJson(ContextOf(population, 3).ToValue()), R"({"key":"u3","new":"x","age":22})");
}

TEST(PopulationTest, SharesAndMomentsAreThoseOfTheDescription) {
  constexpr std::uint64_t kSeed = 20270402, kUnits = 10'000;
  std::cout << "seeds from " << kSeed << "\n";
  for (std::uint64_t seed = kSeed; seed < kSeed + 3; ++seed) {
    Population population = Made(kEverything);
    population.seed = seed;
    double sum = 0, squares = 0;
    std::map<std::string, double> counts;
    for (std::uint64_t n = 1; n <= kUnits; ++n) {
      const Value unit = ContextOf(population, n).ToValue();
      counts["account"] += unit.Find("account") != nullptr ? 1 : 0;
      const std::string country = unit.Find("country")->AsString();
      ++counts[country];
      counts["beta"] += unit.Find("beta")->AsBool() ? 1 : 0;
      counts["beta DE"] += country == "DE" && unit.Find("beta")->AsBool() ? 1 : 0;
      counts["age 18"] += unit.Find("age")->AsInt() == 18 ? 1 : 0;
      counts["no orders"] += unit.Find("orders")->AsInt() == 0 ? 1 : 0;
      EXPECT_EQ(unit.Find("version") == nullptr, country == "US");
      const double fine = unit.Find("fine")->AsDouble();
      sum += fine;
      squares += fine * fine;
    }
    const auto expect = [&](const std::string& name, double share) {
      const double deviation = std::sqrt(kUnits * share * (1 - share));
      EXPECT_NEAR(counts[name], kUnits * share, 5 * deviation) << name << ", seed " << seed;
    };
    expect("account", 0.75);
    expect("DE", 0.4);
    expect("FR", 0.2);
    expect("beta", 0.5);
    expect("beta DE", 0.2);  // attributes do not depend on each other
    expect("age 18", 1.0 / 63);
    expect("no orders", 0.0856);  // twelve uniform draws below 6 + (0.5 - 6) / 4
    const double mean = sum / kUnits, variance = squares / kUnits - mean * mean;
    EXPECT_NEAR(mean, 1.25, 5 * 2.5 / std::sqrt(12.0 * kUnits)) << "seed " << seed;
    EXPECT_NEAR(variance, 2.5 * 2.5 / 12, 0.04) << "seed " << seed;
  }
}

}  // namespace
}  // namespace guidon
