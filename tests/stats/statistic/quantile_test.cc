#include "stats/statistic/quantile.h"

#include <gtest/gtest.h>

#include <cmath>

#include "stats/inference/effects.h"
#include "stats/inference/raw_values.h"
#include "tests/stats/random_facts.h"

namespace guidon::stats {
namespace {

// Units that are slow or fast, each with several values.
std::vector<std::vector<double>> ClusteredValues(std::mt19937_64& random, int units) {
  std::normal_distribution<double> normal(0, 1);
  std::vector<std::vector<double>> values(static_cast<std::size_t>(units));
  for (std::vector<double>& of_unit : values) {
    const double own = normal(random);
    of_unit.resize(random() % 8);
    for (double& value : of_unit) value = std::exp(own + 0.5 * normal(random));
  }
  return values;
}

TEST(QuantileTest, GroupsSayAlmostWhatUnitsSay) {
  std::mt19937_64 random = Random("GroupsSayAlmostWhatUnitsSay");
  const auto values = ClusteredValues(random, 6'000);
  std::vector<Sketch> groups(kHashGroups);
  for (std::size_t i = 0; i < values.size(); ++i) {
    for (const double value : values[i]) groups[HashGroupOf("acct-" + std::to_string(i))].Add(value);
  }
  for (const double nu : {0.5, 0.9, 0.99}) {
    const QuantileClusteredStatistic of_units = *ClusteredQuantile(values, nu);
    const QuantileClusteredStatistic of_groups = QuantileOfGroups(groups, nu);
    EXPECT_EQ(of_groups.quantile.n, of_units.quantile.n);
    EXPECT_EQ(of_groups.quantile.nu, nu);
    for (const auto end : {&QuantileStatistic::lower, &QuantileStatistic::estimate, &QuantileStatistic::upper}) {
      const double exact = of_units.quantile.*end;
      EXPECT_NEAR(of_groups.quantile.*end, exact, Sketch::kRelativeError * exact);
    }
    EXPECT_EQ(of_groups.clusters.n, 256);
    // Groups estimate the variance with 255 degrees of freedom, and its density from values that are 0.5 % off.
    EXPECT_NEAR(ValueOf(of_groups)->variance / ValueOf(of_units)->variance, 1, 0.45) << nu;
  }
}

TEST(QuantileTest, WhatCannotBeBoundedIsAnError) {
  std::vector<Sketch> groups(kHashGroups);
  EXPECT_EQ(QuantileOfGroups(groups, 0.9).quantile.n, 0);
  EXPECT_EQ(QuantileOfGroups(groups, 0.9).quantile.nu, 0.9);
  const auto code_at = [&](double nu) { return ValueOf(QuantileOfGroups(groups, nu)).error().code; };
  EXPECT_EQ(code_at(0.9), StatsErrorCode::kInsufficientN);
  for (std::size_t i = 0; i < 100; ++i) groups[i].Add(1 + 0.00001 * static_cast<double>(i));
  EXPECT_EQ(code_at(0.99), StatsErrorCode::kInsufficientN) << "of 100 values, the last one has no bound above";
  EXPECT_EQ(code_at(0.5), StatsErrorCode::kZeroVariance) << "all of them lie in one bucket";
}

}  // namespace
}  // namespace guidon::stats
