#include "stats/statistic/exact_sum.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "tests/stats/random_facts.h"

namespace guidon::stats {
namespace {

// Of both signs, from 1e-100 to 1e100.
double RandomNumber(std::mt19937_64& random) {
  const double size = std::pow(10, std::uniform_real_distribution<double>(-100, 100)(random));
  return random() % 2 == 0 ? size : -size;
}

std::string TextOf(const ExactSum& sum) {
  Packer out;
  sum.Write(out);
  return out.Take();
}

TEST(ExactSumTest, NothingIsLostBesideWhatIsLarge) {
  ExactSum sum;
  for (const double x : {1e100, 1.0, -1e100, 1e-100}) sum.Add(x);
  EXPECT_EQ(sum.ToDouble(), 1);
  sum.Add(-1);
  EXPECT_EQ(sum.ToDouble(), 1e-100);
  sum.Add(-1e-100);
  EXPECT_TRUE(sum.IsZero());
  sum.Add(-0.1);
  sum.Add(0.3);
  EXPECT_EQ(sum.ToDouble(), 0.3 - 0.1);  // the nearest double to the difference of these two doubles
}

TEST(ExactSumTest, ProductsAreNotRounded) {
  ExactSum sum;
  const double a = 1 + 0x1p-52;
  sum.AddProduct(a, a);  // 1 + 2^-51 + 2^-104
  sum.Add(-1 - 0x1p-51);
  EXPECT_EQ(sum.ToDouble(), 0x1p-104);
  sum.AddProduct(-1e100, 1e100);
  sum.AddProduct(1e-100, -1e-100);
  sum.AddProduct(1e100, 1e100);
  sum.AddProduct(1e-100, 1e-100);
  EXPECT_EQ(sum.ToDouble(), 0x1p-104);
}

TEST(ExactSumTest, AnyOrderGivesTheSameAndTakingOutLeavesNothing) {
  std::mt19937_64 random = Random("AnyOrderGivesTheSameAndTakingOutLeavesNothing");
  for (int run = 0; run < Runs(200); ++run) {
    std::vector<double> terms(1 + random() % 40);
    for (double& term : terms) term = RandomNumber(random);
    ExactSum one_way, other_way, left, right;
    for (const double term : terms) one_way.Add(term);
    std::shuffle(terms.begin(), terms.end(), random);
    for (const double term : terms) other_way.Add(term);
    EXPECT_EQ(one_way, other_way);
    EXPECT_EQ(TextOf(one_way), TextOf(other_way));
    for (const double term : terms) (random() % 2 == 0 ? left : right).Add(term);
    left.Add(right);
    EXPECT_EQ(left, one_way);
    left.Subtract(one_way);
    EXPECT_TRUE(left.IsZero());

    const std::string text = TextOf(one_way);
    Unpacker in(text);
    ExactSum read;
    ASSERT_TRUE(read.Read(in) && in.AtEnd());
    EXPECT_EQ(read, one_way);
    for (const double term : terms) read.Add(-term);
    EXPECT_TRUE(read.IsZero());
  }
}

TEST(ExactSumTest, IsRoundedOnceWhenItIsRead) {
  std::mt19937_64 random = Random("IsRoundedOnceWhenItIsRead");
  for (int run = 0; run < 200; ++run) {
    ExactSum sum;
    long double expected = 0;  // 64 bits are enough for a hundred numbers of 50
    for (int i = 0; i < 100; ++i) {
      const double x =
          std::ldexp(static_cast<double>(random() % (std::uint64_t{1} << 50)), -20) * (random() % 2 ? 1 : -1);
      sum.Add(x);
      expected += x;
    }
    EXPECT_EQ(sum.ToDouble(), static_cast<double>(expected));
  }
}

TEST(ExactSumTest, WhatIsNoNumberAddsNothing) {
  ExactSum sum;
  sum.Add(std::nan(""));
  sum.Add(-INFINITY);
  EXPECT_TRUE(sum.IsZero());
}

TEST(ExactSumTest, DamagedTextIsRefusedOrAnotherSum) {
  ExactSum sum;
  for (const double x : {1e9, 0.1, -7e-9}) sum.AddProduct(x, x);
  const std::string text = TextOf(sum);
  for (std::size_t bit = 0; bit < 8 * text.size(); ++bit) {
    std::string damaged = text;
    damaged[bit / 8] = static_cast<char>(damaged[bit / 8] ^ (1 << (bit % 8)));
    Unpacker in(damaged);
    ExactSum read;
    if (read.Read(in) && in.AtEnd()) {
      EXPECT_EQ(TextOf(read), damaged) << "there is one text for each value";
      EXPECT_TRUE(std::isfinite(read.ToDouble()));
    }
  }
}

}  // namespace
}  // namespace guidon::stats
