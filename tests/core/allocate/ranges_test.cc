#include "core/allocate/ranges.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <random>

namespace guidon {
namespace {

using Ranges = std::vector<BucketRange>;

TEST(RangesTest, FirstAllocationStartsAtBucketZeroInOrder) {
  const auto arms = AllocateFirst({{"a", 33'000}, {"b", 33'000}, {"c", 34'000}});
  EXPECT_EQ(arms[0].ranges, (Ranges{{0, 33'000}}));
  EXPECT_EQ(arms[1].ranges, (Ranges{{33'000, 66'000}}));
  EXPECT_EQ(arms[2].ranges, (Ranges{{66'000, 100'000}}));
}

TEST(RangesTest, AShrinkingArmGivesUpItsEndAndAGrowingOneAppends) {
  auto arms = AllocateFirst({{"a", 20'000}, {"b", 80'000}});
  arms = Reallocate(arms, {{"a", 30'000}, {"b", 70'000}});
  EXPECT_EQ(arms[0].ranges, (Ranges{{0, 20'000}, {90'000, 100'000}}));
  EXPECT_EQ(arms[1].ranges, (Ranges{{20'000, 90'000}}));
  // Back again: the same units as before.
  arms = Reallocate(arms, {{"a", 20'000}, {"b", 80'000}});
  EXPECT_EQ(arms[0].ranges, (Ranges{{0, 20'000}}));
  EXPECT_EQ(arms[1].ranges, (Ranges{{20'000, 100'000}}));
}

TEST(RangesTest, ANewArmMovesOnlyWhatItGets) {
  const auto before = AllocateFirst({{"a", 50'000}, {"b", 50'000}});
  const auto after = Reallocate(before, {{"a", 50'000}, {"b", 40'000}, {"c", 10'000}});
  EXPECT_EQ(MovedBuckets(before, after), 10'000u);
  EXPECT_EQ(after[2].ranges, (Ranges{{90'000, 100'000}}));
}

TEST(RangesTest, ARemovedArmGoesToTheOthersInAuthoredOrderLowestBucketFirst) {
  const auto before = AllocateFirst({{"a", 40'000}, {"gone", 20'000}, {"b", 40'000}});
  const auto after = Reallocate(before, {{"a", 50'000}, {"b", 50'000}});
  EXPECT_EQ(after[0].ranges, (Ranges{{0, 50'000}}));
  EXPECT_EQ(after[1].ranges, (Ranges{{60'000, 100'000}, {50'000, 60'000}}));
}

TEST(RangesTest, ARolloutTakesTheFirstBucketsOfTheList) {
  EXPECT_EQ(FirstBuckets({{0, 100'000}}, 10'000), (Ranges{{0, 10'000}}));
  EXPECT_EQ(FirstBuckets({{60'000, 100'000}, {50'000, 60'000}}, 90'000), (Ranges{{60'000, 100'000}, {50'000, 55'000}}));
  EXPECT_EQ(FirstBuckets({{0, 3}}, 50'000), (Ranges{{0, 1}}));  // floor(1.5)
  EXPECT_TRUE(FirstBuckets({{0, 3}}, 0).empty());
}

TEST(RangesTest, SlotsAreTheLowestFreeBuckets) {
  EXPECT_EQ(*TakeSlots({{0, 40'000}, {60'000, 70'000}}, 30'000), (Ranges{{40'000, 60'000}, {70'000, 80'000}}));
  EXPECT_FALSE(TakeSlots({{0, 40'000}}, 60'001));
}

std::vector<Weight> RandomWeights(std::mt19937_64& random) {
  // A random subset of arms with random cuts of the whole.
  std::vector<std::string> names = {"a", "b", "c", "d", "e"};
  std::shuffle(names.begin(), names.end(), random);
  names.resize(1 + random() % names.size());
  std::vector<std::uint32_t> cuts = {0, kWhole};
  for (std::size_t i = 1; i < names.size(); ++i) cuts.push_back(static_cast<std::uint32_t>(random() % (kWhole + 1)));
  std::sort(cuts.begin(), cuts.end());
  std::vector<Weight> weights;
  for (std::size_t i = 0; i < names.size(); ++i) weights.push_back({names[i], cuts[i + 1] - cuts[i]});
  return weights;
}

// Counts by intervals instead of by buckets, so that ten thousand histories stay cheap; also an independent check.
std::uint32_t Overlap(const Ranges& a, const Ranges& b) {
  std::uint32_t common = 0;
  for (const BucketRange& x : a) {
    for (const BucketRange& y : b) {
      const std::uint32_t begin = std::max(x.begin, y.begin), end = std::min(x.end, y.end);
      common += end > begin ? end - begin : 0;
    }
  }
  return common;
}

const ArmRanges* Find(const std::vector<ArmRanges>& arms, const std::string& name) {
  const auto it = std::find_if(arms.begin(), arms.end(), [&](const ArmRanges& a) { return a.arm == name; });
  return it == arms.end() ? nullptr : &*it;
}

TEST(RangesTest, NobodyMovesWithoutNeedInTenThousandRandomHistories) {
  const char* given = std::getenv("GUIDON_SEED");
  const std::uint64_t seed = given != nullptr ? std::strtoull(given, nullptr, 10) : 20261124;
  const char* scale = std::getenv("GUIDON_PROPERTY_SCALE");
  const int histories = static_cast<int>(10'000 * (scale != nullptr ? std::atof(scale) : 1.0));
  std::printf("GUIDON_SEED=%llu, %d histories\n", static_cast<unsigned long long>(seed), histories);
  SCOPED_TRACE("GUIDON_SEED=" + std::to_string(seed));
  std::mt19937_64 random(seed);
  for (int history = 0; history < histories; ++history) {
    std::vector<ArmRanges> arms = AllocateFirst(RandomWeights(random));
    for (int step = 0; step < 6; ++step) {
      const std::vector<Weight> weights = RandomWeights(random);
      const std::vector<ArmRanges> next = Reallocate(arms, weights);
      std::uint32_t total = 0, kept = 0, must_move = 0;
      for (std::size_t i = 0; i < weights.size(); ++i) {
        ASSERT_EQ(SizeOf(next[i].ranges), weights[i].parts);
        total += weights[i].parts;
        for (std::size_t j = i + 1; j < weights.size(); ++j) ASSERT_EQ(Overlap(next[i].ranges, next[j].ranges), 0u);
      }
      ASSERT_EQ(total, kWhole);
      for (const ArmRanges& old : arms) {
        const ArmRanges* now = Find(next, old.arm);
        const std::uint32_t old_size = SizeOf(old.ranges), new_size = now == nullptr ? 0 : SizeOf(now->ranges);
        if (now != nullptr) kept += Overlap(old.ranges, now->ranges);
        must_move += old_size > new_size ? old_size - new_size : 0;
      }
      ASSERT_EQ(kWhole - kept, must_move) << "history " << history << " step " << step;
      if (history % 500 == 0) {
        ASSERT_EQ(MovedBuckets(arms, next), must_move);
      }
      arms = next;
    }
  }
}

}  // namespace
}  // namespace guidon
