#include "stats/metric/unit_record.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>

#include "tests/stats/random_facts.h"

namespace guidon::stats {
namespace {

const Iteration kIteration{"checkout-one-page", 1};

UnitRecord SomeRecord() {
  UnitRecord record;
  record.AddExposure(kIteration, {1, kStart + 1h, {"ios", ""}});
  record.AddExposure({"search-order", 3}, {0, kStart + 2h, {}});
  record.AddEvent(kOrders, {kStart + 3h, 1, 1});
  record.AddEvent(kSpend, {kStart + 3h, 31.55, 1});
  record.AddEvent(kSpend, {kStart + 4h, -20, 1});
  record.AddEvent(kLatency, {kStart - 4h, 0.12345678901, 2});
  return record;
}

TEST(UnitRecordTest, TheEarliestExposureToEachVariantIsKept) {
  UnitRecord record;
  EXPECT_TRUE(record.AddExposure(kIteration, {1, kStart + 2h, {"web"}}));
  EXPECT_FALSE(record.AddExposure(kIteration, {1, kStart + 3h, {"ios"}}));
  EXPECT_FALSE(record.AddExposure(kIteration, {1, kStart + 2h, {"web"}}));
  EXPECT_TRUE(record.AddExposure(kIteration, {1, kStart + 1h, {"ios"}}));
  EXPECT_TRUE(record.AddExposure(kIteration, {0, kStart + 5h, {"web"}}));
  const std::vector<FirstExposure> expected = {{1, kStart + 1h, {"ios"}}, {0, kStart + 5h, {"web"}}};
  ASSERT_NE(record.Exposures({"checkout-one-page", 1}), nullptr);
  EXPECT_EQ(*record.Exposures({"checkout-one-page", 1}), expected);
  EXPECT_EQ(record.Exposures({"checkout-one-page", 2}), nullptr);
}

TEST(UnitRecordTest, AnyOrderOfArrivalGivesTheSameBytes) {
  std::mt19937_64 random = Random("AnyOrderOfArrivalGivesTheSameBytes");
  const ExperimentPlan plan = PlanOfAllKinds();
  std::vector<Fact> facts = RandomFacts(random, Runs(60));
  const auto records = RecordsOf(plan, facts);
  const std::vector<Fact> once = facts;  // exposures come again
  std::copy_if(once.begin(), once.end(), std::back_inserter(facts), [](const Fact& fact) { return fact.is_exposure; });
  std::shuffle(facts.begin(), facts.end(), random);
  for (const auto& [unit, record] : RecordsOf(plan, facts)) {
    EXPECT_EQ(record.Encode(), records.at(unit).Encode()) << unit;
  }
}

TEST(UnitRecordTest, BytesAreReadAsWhatWasWritten) {
  std::mt19937_64 random = Random("BytesAreReadAsWhatWasWritten");
  std::vector<UnitRecord> records = {UnitRecord(), SomeRecord()};
  for (auto& [unit, record] : RecordsOf(PlanOfAllKinds(), RandomFacts(random, Runs(60)))) records.push_back(record);
  for (const UnitRecord& record : records) {
    const Result<UnitRecord> read = UnitRecord::Decode(record.Encode());
    ASSERT_TRUE(read.has_value());
    EXPECT_EQ(*read, record);
  }
}

TEST(UnitRecordTest, AnEventTakesSixBytes) {
  UnitRecord record;
  for (int i = 0; i < 100; ++i) record.AddEvent(kOrders, {kStart + i * 5h, 1, 1});
  EXPECT_LE(record.Encode().size(), 610u);
  for (int i = 0; i < 100; ++i) record.AddEvent(kSpend, {kStart + i * 5h, 19.99 + i, 1});  // and its price three more
  EXPECT_LE(record.Encode().size(), 610u + 910u);
}

TEST(UnitRecordTest, DamagedBytesAreCorruptOrAnotherRecord) {
  const std::string bytes = SomeRecord().Encode();
  int corrupt = 0;
  for (std::size_t bit = 0; bit < 8 * bytes.size(); ++bit) {
    std::string damaged = bytes;
    damaged[bit / 8] = static_cast<char>(damaged[bit / 8] ^ (1 << (bit % 8)));
    const Result<UnitRecord> read = UnitRecord::Decode(damaged);
    if (!read) {
      EXPECT_EQ(read.error().code, ErrorCode::kCorrupt);
      ++corrupt;
      continue;
    }
    const Result<UnitRecord> again = UnitRecord::Decode(read->Encode());
    ASSERT_TRUE(again.has_value()) << "bit " << bit;
    EXPECT_EQ(*again, *read);
  }
  EXPECT_GT(corrupt, 50);
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    EXPECT_FALSE(UnitRecord::Decode(std::string_view(bytes).substr(0, size)).has_value()) << size;
  }
  EXPECT_FALSE(UnitRecord::Decode(bytes + '\0').has_value());
}

TEST(UnitRecordTest, TooManyEventsArePutTogetherAlikeInAnyOrder) {
  std::mt19937_64 random = Random("TooManyEventsArePutTogetherAlikeInAnyOrder");
  std::vector<Observation> events;
  for (int i = 0; i < 3'000; ++i) events.push_back({kStart + i * 1s + 500ms, static_cast<double>(i), 1});
  UnitRecord record;
  for (const Observation& event : events) record.AddEvent(kSpend, event);
  ASSERT_TRUE(record.coarse());
  // 3,000 seconds are too many, 300 times 10 seconds are not; each begins with its first event.
  const std::vector<Observation>& kept = *record.Events(kSpend);
  ASSERT_EQ(kept.size(), 300u);
  EXPECT_EQ(kept[1], (Observation{kStart + 10s + 500ms, 10 + 11 + 12 + 13 + 14 + 15 + 16 + 17 + 18 + 19, 10}));
  EXPECT_EQ(std::accumulate(kept.begin(), kept.end(), 0.0, [](double sum, const auto& o) { return sum + o.value; }),
            2'999 * 3'000 / 2);

  for (int run = 0; run < 5; ++run) {
    std::shuffle(events.begin(), events.end(), random);
    UnitRecord other;
    for (const Observation& event : events) other.AddEvent(kSpend, event);
    EXPECT_EQ(other, record);
  }
  const Result<UnitRecord> read = UnitRecord::Decode(record.Encode());
  ASSERT_TRUE(read.has_value());
  EXPECT_EQ(*read, record);
}

TEST(UnitRecordTest, EventsOfAllTimesFitInTheEnd) {
  UnitRecord record;
  for (int i = 0; i < 1'500; ++i) record.AddEvent(kSpend, {kEarliest + i * 2'000 * 24h, 1, 1});
  for (int i = 0; i < 1'500; ++i) record.AddEvent(kSpend, {kLatest - i * 2'000 * 24h, 1, 1});
  std::uint32_t count = 0;
  for (const Observation& observation : *record.Events(kSpend)) count += observation.count;
  EXPECT_EQ(count, 3'000u);
  EXPECT_LE(record.Events(kSpend)->size(), UnitRecord::kMostObservations);
}

TEST(UnitRecordTest, ForgettingDropsWhatNobodyAsksForAnyMore) {
  UnitRecord record = SomeRecord();
  EXPECT_TRUE(record.Forget(kStart, {kIteration}, {kSpend, kLatency}));
  EXPECT_EQ(record.Exposures({"search-order", 3}), nullptr);
  EXPECT_NE(record.Exposures(kIteration), nullptr);
  EXPECT_EQ(record.Events(kOrders), nullptr) << "no metric asks for it";
  EXPECT_EQ(record.Events(kLatency), nullptr) << "all of it was before";
  EXPECT_EQ(record.Events(kSpend)->size(), 2u);
  EXPECT_TRUE(record.Forget(kStart + 4h, {}, {kSpend}));
  EXPECT_EQ(record.Events(kSpend)->size(), 1u) << "an event at the instant stays";
  EXPECT_FALSE(record.Forget(kStart + 5h, {}, {kSpend}));
  EXPECT_EQ(record, UnitRecord());
}

TEST(UnitRecordTest, ForgettingKeepsAStepThatReachesPastTheInstant) {
  UnitRecord record;
  for (int i = 0; i < 1'100; ++i) record.AddEvent(kOrders, {kStart + i * 100ms, 1, 1});  // 110 steps of a second
  ASSERT_EQ(record.Events(kOrders)->size(), 110u);
  record.Forget(kStart + 10s + 500ms, {}, {kOrders});
  EXPECT_EQ(record.Events(kOrders)->front(), (Observation{kStart + 10s, 10, 10}));
}

TEST(UnitRecordTest, ValuesAndTimesBeyondTheirBoundsCountAsThem) {
  UnitRecord record;
  record.AddEvent(kSpend, {Time::max(), 1e300, 0});
  record.AddEvent(kSpend, {Time::min(), std::nan(""), 1});
  record.AddEvent(kSpend, {kStart, -1e-300, 1});
  const std::vector<Observation> expected = {{kEarliest, 0, 1}, {kStart, 0, 1}, {kLatest, kGreatestValue, 1}};
  EXPECT_EQ(*record.Events(kSpend), expected);
}

}  // namespace
}  // namespace guidon::stats
