#include "stats/statistic/power_sums.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <random>
#include <string>
#include <vector>

namespace guidon::stats {
namespace {

constexpr std::uint64_t kSeed = 20130204;

int Rounds() {
  const char* scale = std::getenv("GUIDON_PROPERTY_SCALE");
  return std::max(1, static_cast<int>(200 * (scale == nullptr ? 1 : std::atof(scale))));
}

using Row = std::array<double, 4>;

// Rows that hang together, at an offset and of a spread that differ from round to round.
std::vector<Row> RandomRows(std::mt19937_64& random) {
  const auto uniform = [&](double low, double high) { return std::uniform_real_distribution(low, high)(random); };
  const double offset = std::pow(10, uniform(-3, 6)) * (random() % 2 ? 1 : -1);
  const double spread = std::abs(offset) * std::pow(10, uniform(-6, 3));
  std::normal_distribution<double> normal;
  std::vector<Row> rows(2 + random() % 200);
  for (Row& row : rows) {
    const double common = normal(random);
    for (double& x : row) x = offset + spread * (common + normal(random));
  }
  return rows;
}

// To within 1e-10 of what the numbers' own spread allows.
void ExpectSame(const QuadMoments& got, const QuadMoments& want) {
  ASSERT_EQ(got.n, want.n);
  for (std::size_t i = 0; i < 4; ++i) {
    EXPECT_NEAR(got.mean[i], want.mean[i], 1e-12 * std::abs(want.mean[i]) + 1e-12);
    for (std::size_t j = i; j < 4; ++j) {
      const double size = std::sqrt(want.Deviations(i, i) * want.Deviations(j, j));
      EXPECT_NEAR(got.Deviations(i, j), want.Deviations(i, j), 1e-10 * size + 1e-12) << i << j;
    }
  }
}

TEST(JointMomentsTest, MergedInAnyPartsTheyAreThoseOfOnePass) {
  std::mt19937_64 random(kSeed);
  for (int round = 0; round < Rounds(); ++round) {
    SCOPED_TRACE("seed " + std::to_string(kSeed) + ", round " + std::to_string(round));
    std::vector<Row> rows = RandomRows(random);
    QuadMoments whole;
    for (const Row& row : rows) whole.Add(row);

    std::shuffle(rows.begin(), rows.end(), random);
    std::vector<QuadMoments> parts(1 + random() % 9);  // some may stay empty
    for (const Row& row : rows) parts[random() % parts.size()].Add(row);
    while (parts.size() > 1) {  // as a tree, and on either side
      const std::size_t other = random() % (parts.size() - 1);
      parts[other] = random() % 2 ? Merge(parts[other], parts.back()) : Merge(parts.back(), parts[other]);
      parts.pop_back();
    }
    ExpectSame(parts.front(), whole);
    if (HasFailure()) return;
  }
}

TEST(JointMomentsTest, WhatIsRemovedWasNeverThere) {
  std::mt19937_64 random(kSeed);
  for (int round = 0; round < Rounds(); ++round) {
    SCOPED_TRACE("seed " + std::to_string(kSeed) + ", round " + std::to_string(round));
    std::vector<Row> rows = RandomRows(random);
    QuadMoments kept, all;
    Moments kept_first, all_first;
    for (std::size_t i = 0; i < rows.size(); ++i) {
      all.Add(rows[i]);
      all_first.Add(rows[i][0]);
      if (i % 4 != 0) {
        kept.Add(rows[i]);
        kept_first.Add(rows[i][0]);
      }
    }
    for (std::size_t i = 0; i < rows.size(); i += 4) {
      all.Remove(rows[i]);
      all_first.Remove(rows[i][0]);
    }
    ExpectSame(all, kept);
    EXPECT_NEAR(all_first.m2, kept_first.m2, 1e-10 * kept_first.m2 + 1e-12);
    if (HasFailure()) return;
  }
}

TEST(MomentsTest, NothingIsLeftOfAUnitThatWasAlone) {
  Moments moments;
  moments.Add(0.1);
  moments.Remove(0.1);
  EXPECT_EQ(moments.n, 0);
  EXPECT_EQ(moments.mean, 0);
  EXPECT_EQ(moments.m2, 0);
}

// Values a million standard deviations from 0: sums of squares have no digit of the variance left.
TEST(MomentsTest, AMeanFarFromZeroLeavesTheVariance) {
  constexpr double kOffset = 1e9;
  Moments left, right;
  double sum = 0, squares = 0, n = 0;
  for (int i = 0; i < 2000; ++i) {
    const double deviation = i % 2 ? 1000 : -1000;
    (i < 700 ? left : right).Add(kOffset + deviation);
    sum += kOffset + deviation;
    squares += (kOffset + deviation) * (kOffset + deviation);
    ++n;
  }
  const double truth = 1e6 * 2000 / 1999;
  EXPECT_NEAR(Merge(left, right).Variance(), truth, 1e-12 * truth);
  EXPECT_GT(std::abs(Moments::FromSums(n, sum, squares).Variance() - truth), 1e-6 * truth);  // why they are not used
}

TEST(MomentsTest, EqualValuesHaveNoVarianceWhicheverWayTheyCome) {
  Moments added;
  double sum = 0, squares = 0;
  for (int i = 0; i < 10; ++i) {
    added.Add(0.1);
    sum += 0.1;
    squares += 0.1 * 0.1;
  }
  EXPECT_EQ(added.m2, 0);
  EXPECT_EQ(Moments::FromSums(10, sum, squares).m2, 0);
  EXPECT_EQ((CoMoments::FromSums(10, {sum, sum}, {squares, squares, squares}).Deviations(1, 1)), 0);
  EXPECT_EQ(Moments::FromSums(0, 0, 0).n, 0);
}

TEST(JointMomentsTest, TheMarginalOfTwoIsTheirOwn) {
  QuadMoments four;
  CoMoments two;
  for (int i = 0; i < 20; ++i) {
    const double x = i * i % 7, y = i * 3 % 5;
    four.Add({y, i * 1.0, x, 1.0});
    two.Add({x, y});
  }
  const CoMoments marginal = Marginal(four, 2, 0);
  EXPECT_NEAR(marginal.mean[0], two.mean[0], 1e-15);
  EXPECT_NEAR(marginal.mean[1], two.mean[1], 1e-15);
  for (std::size_t i = 0; i < 3; ++i) EXPECT_NEAR(marginal.products[i], two.products[i], 1e-12);
}

}  // namespace
}  // namespace guidon::stats
