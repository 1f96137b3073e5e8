// Reads that are recorded allocate nothing once they were done before, and lose nothing when there is no memory. This
// program counts every operator new of its own.
#include <guidon/client.h>

#include <gtest/gtest.h>

#include "bench/eval/allocations.h"
#include "tests/sdk/recorded.h"
#include "tests/support/workspace.h"

namespace guidon {
namespace {

using testing::AddCounts;
using testing::Counts;
using testing::RecorderOf;
using testing::RecordingClient;

Snapshot Flags() {
  return Workspace(
      {BooleanFlag("plain", R"("default": "on")"),
       BooleanFlag(
           "ruled",
           R"("targets": {"off": ["u-1"]}, "rules": [{"when": {"beta": true}, "serve": "off"}], "default": "off")"),
       BooleanFlag("layout", R"("default": "off")"),
       R"({"experiment": "trial", "flag": "layout", "environment": "production", "unit": "key", "state": "running",
           "variants": {"control": {"serves": "off", "weight": "50%"}, "new": {"serves": "on", "weight": "50%"}}})"});
}

TEST(RecorderMemoryTest, ReadsAllocateNothingOnceTheirFlagsWereRead) {
  const RecordingClient client(Flags());
  std::vector<Context> contexts;
  for (int i = 0; i < 200; ++i) {
    contexts.emplace_back("u-" + std::to_string(i));
    contexts.back().Set("beta", i % 3 == 0);
  }
  const Flag<bool> layout(client, "layout", false);
  const auto round = [&](std::size_t begin) {
    for (std::size_t i = begin; i < begin + 100; ++i) {
      client.Bool("plain", contexts[i], false);
      client.Bool("ruled", contexts[i], false);
      client.Bool("gone", contexts[i], false);
      client.Int("plain", contexts[i], 0);
      layout(contexts[i]);
    }
  };
  round(0);
  const std::uint64_t before = bench::Allocations();
  round(0);
  round(100);  // new exposures
  EXPECT_EQ(bench::Allocations(), before);
  std::size_t exposures = RecorderOf(client).TakeExposures(1'000, [](const auto&) {});
  EXPECT_EQ(exposures, 200u);
}

TEST(RecorderMemoryTest, WithoutMemoryReadsAreStillCounted) {
  for (int allowed = 0; allowed < 12; ++allowed) {
    const RecordingClient client(Flags());
    const Context user("u-1");
    bench::AllowAllocations(allowed);
    client.Bool("plain", user, false);
    client.Bool("gone", user, false);
    client.Bool("layout", user, false);
    client.Bool("plain", user, false);
    bench::AllowAllocations(-1);
    Counts counts;
    AddCounts(RecorderOf(client), counts);
    std::uint64_t sum = 0;
    for (const auto& [name, count] : counts) sum += count;
    EXPECT_EQ(sum, 4u) << allowed << " allocations";
    const std::size_t exposures = RecorderOf(client).TakeExposures(10, [](const auto&) {});
    EXPECT_EQ(exposures + RecorderOf(client).dropped_exposures(), 1u) << allowed << " allocations";
  }
}

TEST(RecorderMemoryTest, TakingCountsThatFailsForWantOfMemoryLosesNone) {
  const RecordingClient client(Flags());
  const Context user("u-1");
  for (const char* flag : {"plain", "ruled", "layout", "an.unknown.flag.with.a.long.name"}) {
    client.Bool(flag, user, false);
  }
  for (int allowed = 0;; ++allowed) {
    Counts counts;
    bench::AllowAllocations(allowed);
    std::vector<internal::EvaluationCount> taken;
    bool is_done = true;
    try {
      taken = RecorderOf(client).TakeCounts();
    } catch (const std::bad_alloc&) {
      is_done = false;
    }
    bench::AllowAllocations(-1);
    if (!is_done) continue;
    EXPECT_GT(allowed, 3);
    EXPECT_EQ(taken.size(), 4u);
    break;
  }
}

}  // namespace
}  // namespace guidon
