// The benchmark's plants are what they are said to be: all reads are found in plain files, and no decoy.
#include <gtest/gtest.h>

#include <fstream>
#include <string>

#include "bench/refs/plants.h"
#include "tests/support/process.h"

namespace guidon::bench {
namespace {

TEST(RefsBenchTest, PlantsAreFoundAndMissesAreCounted) {
  const testing::TemporaryFolder folder;
  for (int i = 0; i < 40; ++i) {
    std::ofstream(folder / (std::to_string(i) + ".hpp")) << "#pragma once\n#include <string>\nint x;\n";
  }
  Plants plants = Plant(folder.path());
  EXPECT_EQ(plants.keys.size(), kPlanted);
  EXPECT_EQ(plants.decoys, kPlanted);
  const refs::Scan scan = refs::FindReferences({folder.path()}, {}).value();
  const Score all = ScoreOf(plants, scan);
  EXPECT_EQ(all.right, kPlanted);
  EXPECT_EQ(all.precision(), 1);
  EXPECT_EQ(all.recall(), 1);
  plants.keys.erase("planted_0");
  plants.keys.insert("another");
  const Score less = ScoreOf(plants, scan);
  EXPECT_EQ(less.wrong, 1u);
  EXPECT_EQ(less.missed, 1u);
  EXPECT_LT(less.precision(), 1);
  EXPECT_LT(less.recall(), 1);
}

}  // namespace
}  // namespace guidon::bench
