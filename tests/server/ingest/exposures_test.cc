// Exposures of the server's own: into the journal, each once, and what happens when there is no room.
#include "server/ingest/exposures.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <optional>
#include <thread>

#include "core/base/json.h"
#include "server/store/store.h"

namespace guidon {
namespace {

using std::chrono::hours;
using ::testing::HasSubstr;

class ExposuresTest : public ::testing::Test {
 protected:
  // Nothing goes out before Finish(), unless there is enough for a batch.
  Exposures& Make(std::size_t waiting_bytes = 1u << 20, std::size_t in_flight_batches = 2'048) {
    journal_ = *Journal::Open(*store_, {.in_flight_batches = in_flight_batches});
    ExposureOptions options;
    options.waiting_bytes = waiting_bytes;
    options.delay = hours(1);
    options.finish = hours(1);
    options.epoch = "e";
    options.version = "0.1.0";
    return exposures_.emplace(*journal_, counters_, options);
  }
  static NewExposure Of(std::uint64_t fingerprint) {
    return {fingerprint, R"({"type":"exposure","unit":")" + std::to_string(fingerprint) + "\"}"};
  }
  // What the journal has, a line for each batch.
  std::string Kept() {
    std::string text;
    const auto page = journal_->Read({});
    for (const JournalEntry& entry : page->entries) text += entry.text + "\n";
    return text;
  }
  std::size_t Batches() { return journal_->Read({})->entries.size(); }

  const Exposures::Source production_{"shop", "production", "4fJ2kQz9wXbT"};
  const Exposures::Source staging_{"shop", "staging", "4fJ2kQz9wXbT"};
  guidon::Metrics metrics_;
  IngestCounters counters_{metrics_};
  std::unique_ptr<Store> store_ = OpenMemoryStore({});
  std::unique_ptr<Journal> journal_;
  std::optional<Exposures> exposures_;
};

TEST_F(ExposuresTest, AFlushWaitsForNoTimeAndOnlyUntilTheyAreKept) {
  Exposures& exposures = Make();
  exposures.Flush();
  exposures.Offer(production_, Of(1));
  exposures.Flush();
  EXPECT_EQ(exposures.waiting(), 0u);
  EXPECT_EQ(Batches(), 1u);
  exposures.Offer(production_, Of(2));
  exposures.Flush();
  EXPECT_EQ(Batches(), 2u);
}

TEST_F(ExposuresTest, AreKeptOnceForEachEnvironmentInBatchesOfTheirSource) {
  Exposures& exposures = Make();
  EXPECT_FALSE(exposures.Knows(production_, 1));
  for (int i = 0; i < 3; ++i) exposures.Offer(production_, Of(1));
  exposures.Offer(production_, Of(2));
  EXPECT_TRUE(exposures.Knows(production_, 1));
  EXPECT_FALSE(exposures.Knows(staging_, 1));
  exposures.Offer(staging_, Of(1));
  exposures.Offer(staging_, {7, ""});  // what no event can say
  EXPECT_EQ(exposures.waiting(), 3u);
  exposures.Finish();
  EXPECT_EQ(exposures.waiting(), 0u);
  EXPECT_EQ(exposures.dropped(), 0u);
  EXPECT_EQ(Batches(), 2u);
  EXPECT_THAT(Kept(), HasSubstr(R"("events":[{"type":"exposure","unit":"1"},{"type":"exposure","unit":"2"}])"));
  EXPECT_THAT(Kept(), HasSubstr(R"("sdk":{"name":"guidond","version":"0.1.0"},"epoch":"e","events":[)"));
  EXPECT_THAT(metrics_.Render(), HasSubstr(R"(guidon_events_accepted_total{type="exposure"} 3)"));
}

TEST_F(ExposuresTest, GoOutAtOnceWhenThereIsEnoughForABatch) {
  Exposures& exposures = Make();
  for (std::uint64_t i = 1; i <= 500; ++i) exposures.Offer(production_, Of(i));
  while (exposures.waiting() > 0) std::this_thread::yield();
  EXPECT_EQ(Batches(), 1u);
}

TEST_F(ExposuresTest, WithoutRoomTheyAreDroppedCountedAndToldInTheJournal) {
  const std::size_t one = Of(1).event.size();
  Exposures& exposures = Make(2 * one);
  for (std::uint64_t i = 1; i <= 5; ++i) exposures.Offer(production_, Of(i));
  EXPECT_EQ(exposures.dropped(), 3u);
  EXPECT_TRUE(exposures.Knows(production_, 2));
  EXPECT_FALSE(exposures.Knows(production_, 3));  // the next read of the unit offers it again
  exposures.Finish();
  EXPECT_THAT(Kept(), HasSubstr(R"("unit":"2"},{"type":"dropped","counts":{"exposures":3}}])"));
  exposures.Offer(production_, Of(9));
  EXPECT_EQ(exposures.dropped(), 4u);  // after the end
}

TEST_F(ExposuresTest, WhatTheJournalDoesNotTakeIsDroppedAtTheEndAndNotBefore) {
  Exposures& exposures = Make(1u << 20, 0);
  for (std::uint64_t i = 1; i <= 500; ++i) exposures.Offer(production_, Of(i));
  EXPECT_EQ(exposures.waiting(), 500u);
  exposures.Finish();
  EXPECT_EQ(Batches(), 0u);
  EXPECT_EQ(exposures.waiting(), 0u);
  EXPECT_EQ(exposures.dropped(), 500u);
}

TEST_F(ExposuresTest, AFingerprintIsRememberedUntilItsPlaceIsTaken) {
  Exposures& exposures = Make();
  exposures.Offer(production_, Of(1));
  for (std::uint64_t i = 2; i <= 2'000; ++i) exposures.Offer(production_, Of(i));
  for (std::uint64_t i = 1; i <= 2'000; ++i) EXPECT_TRUE(exposures.Knows(production_, i)) << i;
}

}  // namespace
}  // namespace guidon
