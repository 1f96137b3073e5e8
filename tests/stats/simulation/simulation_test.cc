// The table of docs/statistics.md: every row within its band.
#include "stats/simulation/simulation.h"

#include <gtest/gtest.h>

#ifndef GUIDON_SIMULATION_SCALE
#define GUIDON_SIMULATION_SCALE 0.05
#endif

namespace guidon::stats {
namespace {

class SimulationTest : public ::testing::TestWithParam<std::size_t> {};

TEST_P(SimulationTest, IsWithinItsBand) {
  const Row& row = Rows()[GetParam()];
  const SimulationOptions options{.scale = GUIDON_SIMULATION_SCALE};
  std::printf("seed %llu: %s\n", static_cast<unsigned long long>(options.seed), row.what.c_str());
  for (const Check& check : row.run(options)) {
    std::printf("%s\n", ToLine(row, check).c_str());
    EXPECT_TRUE(check.Passes()) << ToLine(row, check);
  }
}

INSTANTIATE_TEST_SUITE_P(Rows, SimulationTest, ::testing::Range<std::size_t>(0, Rows().size()),
                         [](const auto& row) { return Rows()[row.param].id; });

// A row whose data is not what it says must miss: the bands are no decoration.
TEST(SimulationTest, ABandThatIsMissedIsSaid) {
  const Check check{"false positives at .05", .0561, .045, .055, 40'000};
  EXPECT_FALSE(check.Passes());
  EXPECT_EQ(ToLine(Rows().front(), check).substr(0, 9), "S1   MISS");
}

TEST(SimulationTest, TheSameSeedGivesTheSameNumbersAndAnotherOneOthers) {
  const Row& row = Rows().front();
  const double once = row.run({.seed = 1, .scale = .01}).front().measured;
  EXPECT_EQ(row.run({.seed = 1, .scale = .01}).front().measured, once);
  EXPECT_NE(row.run({.seed = 2, .scale = .01}).front().measured, once);
}

}  // namespace
}  // namespace guidon::stats
