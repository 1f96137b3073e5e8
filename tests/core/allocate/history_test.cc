// Random lives of a layer's experiments and of a flag's splits: what is done to one never moves the units of another.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <random>
#include <set>

#include "core/allocate/allocate.h"
#include "core/allocate/ranges.h"

namespace guidon {
namespace {

using Status = ExperimentStatus;

std::uint64_t Seed() {
  const char* given = std::getenv("GUIDON_SEED");
  return given != nullptr ? std::strtoull(given, nullptr, 10) : 20261124;
}

int Histories(int usual) {
  const char* scale = std::getenv("GUIDON_PROPERTY_SCALE");
  const double longer = std::getenv("GUIDON_TEST_ALL") != nullptr ? 10 : 1;
  const int histories = std::max(1, static_cast<int>(usual * longer * (scale != nullptr ? std::atof(scale) : 1.0)));
  std::printf("GUIDON_SEED=%llu, %d histories\n", static_cast<unsigned long long>(Seed()), histories);
  return histories;
}

std::set<std::uint32_t> BucketsOf(const std::vector<BucketRange>& ranges, std::uint32_t grain) {
  std::set<std::uint32_t> buckets;
  for (const BucketRange& range : ranges) {
    for (std::uint32_t b = range.begin; b < range.end; b += grain) buckets.insert(b / grain);
  }
  return buckets;
}

bool IsLive(Status status) {
  return status == Status::kRunning || status == Status::kPaused;
}

// Slices are whole per cents, so that a set of a hundred says who holds what.
constexpr std::uint32_t kPercent = kWhole / 100;

class LayerHistory {
 public:
  explicit LayerHistory(std::mt19937_64& random) : random_(random) {
    definitions_.project = {"shop", "", {{"production", true, ""}}};
    definitions_.entities.layers.push_back({{"checkout", "", "account_id"}, {}});
    for (const char* key : {"a", "b", "c", "d", "e"}) {
      Experiment experiment;
      experiment.key = key;
      experiment.flag = "checkout";
      experiment.environment = "production";
      experiment.unit = "account_id";
      experiment.state = Status::kDraft;
      experiment.variants = {{"control", "off", 50'000}, {"treatment", "on", 50'000}};
      experiment.layer = LayerSlice{"checkout", static_cast<std::uint32_t>(1 + random_() % 60) * kPercent};
      definitions_.entities.experiments.push_back({experiment, {}});
    }
    EXPECT_TRUE(AllocateStates(nullptr, definitions_).empty());
  }

  // One to three experiments change their state in one commit. Everything that has to hold is looked at.
  void Step() {
    Definitions next = definitions_;
    std::set<std::string> touched;
    for (int i = static_cast<int>(1 + random_() % 3); i > 0; --i) {
      ExperimentRecord& record = next.entities.experiments[random_() % 5];
      record.definition.state = NextOf(record.state);
      touched.insert(record.definition.key);
    }
    const std::vector<Issue> issues = AllocateStates(&definitions_, next);
    if (HasErrors(issues)) {
      EXPECT_TRUE(std::all_of(issues.begin(), issues.end(), [](const Issue& i) { return i.code == "layer_full"; }));
      EXPECT_GT(WantedOf(next), 100u) << "refused although there is room";
      ++refused;
      return;
    }
    EXPECT_LE(WantedOf(next), 100u);
    LookAt(next, touched);
    definitions_ = std::move(next);
    ++done;
  }

  int done = 0, refused = 0;

 private:
  Status NextOf(const ExperimentState& state) {
    switch (state.status) {
      case Status::kRunning:
        return random_() % 2 == 0 ? Status::kPaused : Status::kStopped;
      case Status::kPaused:
        return random_() % 2 == 0 ? Status::kRunning : Status::kStopped;
      default:
        return Status::kRunning;
    }
  }

  static std::uint32_t WantedOf(const Definitions& definitions) {
    std::uint32_t percent = 0;
    for (const ExperimentRecord& record : definitions.entities.experiments) {
      if (IsLive(*record.definition.state)) percent += record.definition.layer->slice / kPercent;
    }
    return percent;
  }

  void LookAt(const Definitions& next, const std::set<std::string>& touched) {
    std::set<std::uint32_t> taken;  // by those who stay, then by those who start, in list order
    for (const bool starting : {false, true}) {
      for (const ExperimentRecord& record : next.entities.experiments) {
        const ExperimentState& before = definitions_.entities.FindExperiment(record.definition.key)->state;
        const ExperimentState& after = record.state;
        const bool starts = IsLive(after.status) && !IsLive(before.status);
        if (starts != starting) continue;
        if (!touched.contains(record.definition.key)) {
          EXPECT_EQ(after, before) << "a neighbour moved";
        }
        if (!IsLive(after.status)) {
          EXPECT_TRUE(after.slots.empty()) << "slots are given back at the stop";
          continue;
        }
        const std::set<std::uint32_t> held = BucketsOf(after.slots, kPercent);
        EXPECT_EQ(held.size(), record.definition.layer->slice / kPercent);
        if (starts) {
          EXPECT_EQ(after.iteration, before.iteration + 1);
          EXPECT_EQ(after.salt, record.definition.key + "#" + std::to_string(after.iteration));
          EXPECT_EQ(held, LowestFree(taken, held.size())) << "lowest free first";
        } else {
          EXPECT_EQ(after.slots, before.slots);
          EXPECT_EQ(after.arms, before.arms);
          EXPECT_EQ(after.iteration, before.iteration);
        }
        for (const std::uint32_t slot : held) EXPECT_TRUE(taken.insert(slot).second) << "two hold slot " << slot;
      }
    }
  }

  static std::set<std::uint32_t> LowestFree(const std::set<std::uint32_t>& taken, std::size_t count) {
    std::set<std::uint32_t> free;
    for (std::uint32_t slot = 0; free.size() < count && slot < 100; ++slot) {
      if (!taken.contains(slot)) free.insert(slot);
    }
    return free;
  }

  std::mt19937_64& random_;
  Definitions definitions_;
};

TEST(HistoryTest, WhatExperimentsOfALayerDoNeverMovesTheirNeighbours) {
  std::mt19937_64 random(Seed());
  int done = 0, refused = 0;
  for (int history = Histories(100); history > 0; --history) {
    SCOPED_TRACE("GUIDON_SEED=" + std::to_string(Seed()) + ", " + std::to_string(history) + " histories to go");
    LayerHistory layer(random);
    for (int step = 0; step < 12; ++step) layer.Step();
    done += layer.done;
    refused += layer.refused;
    if (::testing::Test::HasFailure()) return;
  }
  EXPECT_GT(done, 0);
  EXPECT_GT(refused, 0) << "no layer was ever full";
}

// The variation of each bucket, in steps of 0.1 %.
std::vector<std::string> ServedBy(const std::vector<ArmRanges>& arms, std::uint32_t rollout) {
  std::vector<std::string> served(kWhole);
  for (const ArmRanges& arm : arms) {
    for (const BucketRange& range : FirstBuckets(arm.ranges, rollout)) {
      for (std::uint32_t b = range.begin; b < range.end; ++b) served[b] = arm.arm;
    }
  }
  return served;
}

TEST(HistoryTest, ANewArmTakesFromThoseThatShrinkAndMovesNobodyElse) {
  std::mt19937_64 random(Seed());
  for (int history = Histories(20); history > 0; --history) {
    SCOPED_TRACE("GUIDON_SEED=" + std::to_string(Seed()) + ", " + std::to_string(history) + " histories to go");
    const auto a = static_cast<std::uint32_t>(1'000 + random() % 90'000);
    const auto taken = static_cast<std::uint32_t>(1 + random() % a);
    const auto before = AllocateFirst({{"a", a}, {"b", kWhole - a}});
    const auto after = Reallocate(before, {{"a", a - taken}, {"b", kWhole - a}, {"new", taken}});
    const std::vector<std::string> was = ServedBy(before, kWhole), is = ServedBy(after, kWhole);
    for (std::uint32_t b = 0; b < kWhole; ++b) {
      ASSERT_TRUE(is[b] == was[b] || (was[b] == "a" && is[b] == "new")) << "bucket " << b;
    }
  }
}

TEST(HistoryTest, ARampUpAddsUnitsAndARampDownTakesTheSameOnesAway) {
  std::mt19937_64 random(Seed());
  for (int history = Histories(20); history > 0; --history) {
    SCOPED_TRACE("GUIDON_SEED=" + std::to_string(Seed()) + ", " + std::to_string(history) + " histories to go");
    std::vector<ArmRanges> arms = AllocateFirst({{"a", 50'000}, {"b", 50'000}});
    for (int i = 0; i < 3; ++i) {  // lists of several ranges
      const auto a = static_cast<std::uint32_t>(random() % (kWhole + 1));
      arms = Reallocate(arms, {{"a", a}, {"b", kWhole - a}});
    }
    auto low = static_cast<std::uint32_t>(random() % kWhole), high = static_cast<std::uint32_t>(random() % kWhole);
    if (low > high) std::swap(low, high);
    const std::vector<std::string> narrow = ServedBy(arms, low), wide = ServedBy(arms, high);
    for (std::uint32_t b = 0; b < kWhole; ++b) {
      ASSERT_TRUE(narrow[b].empty() || narrow[b] == wide[b]) << "bucket " << b << " changed its arm";
    }
    EXPECT_EQ(ServedBy(arms, low), narrow);
  }
}

}  // namespace
}  // namespace guidon
