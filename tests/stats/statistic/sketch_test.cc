#include "stats/statistic/sketch.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "tests/stats/random_facts.h"

namespace guidon::stats {
namespace {

// Row S16 of the simulations: P1 … P99.9 of lognormal and Pareto values, merged over 256 parts, are within 0.5 %.
TEST(SketchTest, QuantilesAreWithinTheirErrorAfterMerging) {
  std::mt19937_64 random = Random("QuantilesAreWithinTheirErrorAfterMerging");
  std::lognormal_distribution<double> lognormal(0, 1.5);
  std::uniform_real_distribution<double> uniform(0, 1);
  for (int run = 0; run < Runs(6, 100); ++run) {
    std::vector<double> values;
    std::vector<Sketch> parts(256);
    for (int i = 0; i < 10'000; ++i) {
      values.push_back(run % 2 == 0 ? lognormal(random) : std::pow(1 - uniform(random), -1 / 1.2));
      parts[random() % parts.size()].Add(values.back());
    }
    std::shuffle(parts.begin(), parts.end(), random);
    Sketch merged;
    for (const Sketch& part : parts) merged.Merge(part);
    ASSERT_EQ(merged.count(), values.size());
    std::sort(values.begin(), values.end());
    for (int permille = 10; permille <= 999; ++permille) {
      const double q = permille / 1'000.0;
      const double exact = values[static_cast<std::size_t>(std::ceil(q * 10'000)) - 1];
      ASSERT_NEAR(*merged.Quantile(q), exact, Sketch::kRelativeError * exact) << "P" << 100 * q << ", run " << run;
    }
  }
}

TEST(SketchTest, EveryValueIsAnsweredWithinItsError) {
  std::mt19937_64 random = Random("EveryValueIsAnsweredWithinItsError");
  for (int i = 0; i < Runs(20'000); ++i) {
    double value = std::pow(2, std::uniform_real_distribution<double>(-30, 50)(random));
    if (random() % 8 == 0) value = std::nextafter(std::exp2(std::floor(std::log2(value))), random() % 2 ? 0 : 1e300);
    if (random() % 2 == 0) value = -value;
    Sketch sketch;
    sketch.Add(value);
    ASSERT_NEAR(*sketch.Quantile(0.5), value, std::max(Sketch::kLeast, Sketch::kRelativeError * std::abs(value)));
    EXPECT_EQ(sketch.CountUpTo(value), 1u);
  }
}

TEST(SketchTest, BucketsAreInTheOrderOfValues) {
  const std::vector<double> values = {-1e20, -5, -4.9, -1e-8, -1e-12, 0, 1e-12, 1e-8, 4.9, 5, 1e20};
  Sketch sketch;
  for (const double value : values) sketch.Add(value);
  EXPECT_EQ(sketch.buckets(), 9u) << "what is nearer to 0 than kLeast counts as 0";
  std::vector<double> answers;
  for (std::uint64_t rank = 1; rank <= values.size(); ++rank) answers.push_back(*sketch.AtRank(rank));
  EXPECT_TRUE(std::is_sorted(answers.begin(), answers.end()));
  EXPECT_EQ(answers[0], -Sketch::kMost);
  EXPECT_EQ(answers[5], 0);
  EXPECT_EQ(answers[10], Sketch::kMost);
  EXPECT_EQ(sketch.CountUpTo(-4.9), 3u);
  EXPECT_EQ(sketch.CountUpTo(1), 8u);
  EXPECT_EQ(*sketch.Quantile(0), answers[0]);
  EXPECT_EQ(*sketch.Quantile(1), answers[10]);
}

TEST(SketchTest, SixDecadesTakeFifteenHundredBuckets) {
  Sketch sketch;
  for (double value = 1; value < 1e6; value *= 1.0005) sketch.Add(value);
  EXPECT_EQ(sketch.buckets(), 1'496u);
}

TEST(SketchTest, WhatIsRemovedLeavesNothingBehind) {
  std::mt19937_64 random = Random("WhatIsRemovedLeavesNothingBehind");
  std::lognormal_distribution<double> values(0, 3);
  Sketch kept, sketch;
  std::vector<double> others;
  for (int i = 0; i < 2'000; ++i) {
    const double value = values(random);
    sketch.Add(value, 3);
    if (i % 3 == 0) {
      kept.Add(value, 3);
    } else {
      others.push_back(value);
    }
  }
  std::shuffle(others.begin(), others.end(), random);
  for (const double value : others) sketch.Remove(value, 3);
  EXPECT_EQ(sketch, kept);
  sketch.Remove(1e14);
  EXPECT_EQ(sketch, kept) << "it was never added";
  sketch.Add(std::nan(""));
  EXPECT_EQ(sketch, kept);
}

TEST(SketchTest, NothingHasNoQuantile) {
  EXPECT_EQ(Sketch().Quantile(0.5), std::nullopt);
}

TEST(SketchTest, DamagedTextIsRefusedOrAnotherSketch) {
  Sketch sketch;
  for (const double value : {-3.0, 0.0, 0.1, 7.0, 7.0, 1e9}) sketch.Add(value);
  const auto text_of = [](const Sketch& of) {
    Packer out;
    of.Write(out);
    return out.Take();
  };
  const std::string text = text_of(sketch);
  for (std::size_t bit = 0; bit <= 8 * text.size(); ++bit) {
    std::string damaged = text;
    if (bit < 8 * text.size()) damaged[bit / 8] = static_cast<char>(damaged[bit / 8] ^ (1 << (bit % 8)));
    Unpacker in(damaged);
    Sketch read;
    if (!read.Read(in)) {
      EXPECT_TRUE(read.empty());
      EXPECT_FALSE(in.ok());
      continue;
    }
    const std::string again = text_of(read);
    Unpacker in_again(again);
    Sketch same;
    ASSERT_TRUE(same.Read(in_again) && in_again.AtEnd());
    EXPECT_EQ(same, read);
    EXPECT_TRUE(bit < 8 * text.size() || read == sketch);
  }
}

}  // namespace
}  // namespace guidon::stats
