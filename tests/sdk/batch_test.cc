// What waits to be sent, and how it is written.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/base/json.h"
#include "net/gzip.h"
#include "sdk/events/batch.h"
#include "sdk/events/event_json.h"
#include "tests/support/gunzip.h"

namespace guidon::internal {
namespace {

using ::testing::ElementsAre;

RecordedExposure ExposureOf(std::string_view unit) {
  RecordedExposure e;
  e.time_ms = 1'790'000'000'000;
  e.revision = 17;
  e.epoch = "k3v9x0q2m7p1c8d4";
  e.flag = "checkout.layout";
  e.experiment = "checkout-one-page";
  e.variant = "one_page";
  e.iteration = 1;
  e.unit_attribute = "account_id";
  e.unit = unit;
  e.bucket = 48'213;
  e.context = Object{{"key", "user-42"}, {"account_id", unit}};
  return e;
}

Value Read(const std::string& json) {
  const Result<Value> value = ParseJson(json);
  EXPECT_TRUE(value) << json;
  return value ? *value : Value();
}

std::vector<std::string> TextsOf(const std::vector<QueuedEvent>& events) {
  std::vector<std::string> texts;
  for (const QueuedEvent& event : events) texts.push_back(event.json);
  return texts;
}

// ---- Exposures ---------------------------------------------------------------------------------------------------

TEST(EventJsonTest, AnExposureIsWrittenAsThePageHasIt) {
  EXPECT_EQ(EncodeExposure(ExposureOf("acct-17")),
            R"({"type":"exposure","time":1790000000000,"flag":"checkout.layout","experiment":"checkout-one-page",)"
            R"("iteration":1,"variant":"one_page","role":"assigned","unit_attribute":"account_id","unit":"acct-17",)"
            R"("bucket":48213,"revision":17,"context":{"key":"user-42","account_id":"acct-17"}})");
}

TEST(EventJsonTest, AForcedExposureHasNoBucketAndSaysSo) {
  RecordedExposure e = ExposureOf("qa-17");
  e.forced = true;
  e.bucket = -1;
  e.context = Value();
  const Value event = Read(EncodeExposure(e));
  EXPECT_EQ(*event.Find("forced"), Value(true));
  EXPECT_EQ(event.Find("bucket"), nullptr);
  EXPECT_EQ(event.Find("context"), nullptr) << "it was too long";
}

TEST(EventJsonTest, OfAHoldoutTheHoldoutIsNamedAndTheComparisonGroupHasNoVariant) {
  RecordedExposure e = ExposureOf("acct-17");
  e.holdout = "payments-2027h1";
  e.role = Consulted::Role::kHeldOut;
  e.variant = "control";
  Value event = Read(EncodeExposure(e));
  EXPECT_EQ(*event.Find("role"), Value("held_out"));
  EXPECT_EQ(*event.Find("holdout"), Value("payments-2027h1"));
  EXPECT_EQ(*event.Find("variant"), Value("control"));
  e.role = Consulted::Role::kComparison;
  event = Read(EncodeExposure(e));
  EXPECT_EQ(*event.Find("role"), Value("comparison"));
  EXPECT_EQ(event.Find("variant"), nullptr);
}

TEST(EventJsonTest, AUnitThatNoEventCanNameIsNoExposure) {
  EXPECT_EQ(EncodeExposure(ExposureOf("\xff")), "");
  EXPECT_EQ(EncodeExposure(ExposureOf("")), "");
  EXPECT_EQ(EncodeExposure(ExposureOf(std::string(1'025, 'x'))), "");
  EXPECT_NE(EncodeExposure(ExposureOf(std::string(1'024, 'x'))), "");
}

TEST(EventJsonTest, AnExposureIsKnownByWhatItSaysOfTheUnitAndNothingElse) {
  const RecordedExposure e = ExposureOf("acct-17");
  RecordedExposure same = e;
  same.time_ms += 1;
  same.revision += 1;
  same.flag = "another";
  same.context = Value();
  EXPECT_EQ(HashOf(same), HashOf(e));
  std::vector<RecordedExposure> others(7, e);
  others[0].unit = "acct-18";
  others[1].variant = "control";
  others[2].iteration = 2;
  others[3].experiment = "another";
  others[4].role = Consulted::Role::kHeldOut;
  others[5].forced = true;
  others[6].holdout = "payments-2027h1";
  for (const RecordedExposure& other : others) EXPECT_NE(HashOf(other), HashOf(e));
}

TEST(RememberedTest, TheLatestAreRememberedAndTheEarliestForgotten) {
  Remembered remembered(100);
  for (std::uint64_t i = 0; i < 1'000; ++i) {
    EXPECT_FALSE(remembered.Has(i));
    remembered.Add(i);
    for (std::uint64_t j = i >= 99 ? i - 99 : 0; j <= i; ++j) ASSERT_TRUE(remembered.Has(j)) << j << " after " << i;
  }
  for (std::uint64_t i = 0; i < 800; ++i) EXPECT_FALSE(remembered.Has(i)) << i;
}

// ---- Counts ------------------------------------------------------------------------------------------------------

EvaluationCount CountOf(std::string flag, std::uint64_t count) {
  return {std::move(flag), "on", Reason::kStatic, EvaluationError::kNone, count};
}

TEST(EventJsonTest, CountsAreWrittenAsThePageHasThem) {
  std::size_t taken = 0;
  const std::vector<EvaluationCount> counts = {CountOf("payments.v2", 8'123),
                                               {"chekout", "", Reason::kError, EvaluationError::kFlagNotFound, 2}};
  EXPECT_EQ(EncodeEvaluations(counts, 1'790'000'000'000, 1'790'000'060'000, 10'000, &taken),
            R"({"type":"evaluations","from":1790000000000,"to":1790000060000,"counts":[)"
            R"({"flag":"payments.v2","variation":"on","reason":"STATIC","count":8123},)"
            R"({"flag":"chekout","reason":"ERROR","error":"FLAG_NOT_FOUND","count":2}]})");
  EXPECT_EQ(taken, 2u);
  EXPECT_EQ(EncodeEvaluations({}, 1, 2, 10'000, &taken), "");
  EXPECT_EQ(taken, 0u);
}

TEST(EventJsonTest, CountsAreCutByBytesAndByEntriesAndNoneIsMissing) {
  std::vector<EvaluationCount> counts;
  for (std::uint64_t i = 0; i < 12'000; ++i) counts.push_back(CountOf("flag-" + std::to_string(i), i + 1));
  for (const std::size_t bytes : {std::size_t{1}, std::size_t{100'000}, std::size_t{10'000'000}}) {
    std::vector<EvaluationCount> left = counts;
    if (bytes == 1) left.resize(100);
    const std::size_t all = left.size();
    std::size_t written = 0;
    while (!left.empty()) {
      std::size_t taken = 0;
      const std::string json = EncodeEvaluations(left, 1, 2, bytes, &taken);
      const Value event = Read(json);
      const Array& entries = event.Find("counts")->AsArray();
      ASSERT_GT(taken, 0u);
      ASSERT_EQ(entries.size(), taken);
      ASSERT_LE(entries.size(), kMaxCounts);
      ASSERT_LE(json.size(), std::max<std::size_t>(bytes, 200)) << "but for a single one";
      for (const Value& entry : entries) EXPECT_EQ(entry.Find("count")->AsInt(), static_cast<std::int64_t>(++written));
      left.erase(left.begin(), left.begin() + static_cast<std::ptrdiff_t>(taken));
    }
    EXPECT_EQ(written, all);
  }
}

TEST(EventJsonTest, WhatCanBeNoKeyIsCountedAsAnother) {
  std::size_t taken = 0;
  const std::vector<EvaluationCount> counts = {CountOf("\xff", 1), CountOf(std::string(2'000, 'x'), 2)};
  const Value event = Read(EncodeEvaluations(counts, 1, 2, 10'000, &taken));
  EXPECT_EQ(taken, 2u);
  for (const Value& entry : event.Find("counts")->AsArray()) EXPECT_EQ(*entry.Find("flag"), Value(kOtherFlags));
}

// ---- Batches -----------------------------------------------------------------------------------------------------

QueuedEvent Exposed(std::string_view unit, const char* epoch) {
  return {EncodeExposure(ExposureOf(unit)), epoch == nullptr ? nullptr : std::make_shared<const std::string>(epoch)};
}

TEST(BatchTest, TheEpochIsSaidOnceWhenItIsOne) {
  Batch batch;
  batch.id = "4v0b3k2m9x7c1q8d5n6p0a";
  batch.exposures = {Exposed("a", "one"), Exposed("b", "one")};
  const Value body = Read(EncodeBatch(batch, R"("instance":"i")", 17));
  EXPECT_EQ(*body.Find("epoch"), Value("one"));
  EXPECT_EQ(*body.Find("sent"), Value(17));
  EXPECT_EQ(*body.Find("instance"), Value("i"));
  for (const Value& event : body.Find("events")->AsArray()) EXPECT_EQ(event.Find("epoch"), nullptr);
}

TEST(BatchTest, TheEpochIsSaidWithEachExposureWhenThereAreSeveral) {
  Batch batch;
  batch.exposures = {Exposed("a", "one"), Exposed("b", "two"), Exposed("c", nullptr)};
  batch.tracks = {{R"({"type":"track"})", nullptr}};
  const Value body = Read(EncodeBatch(batch, R"("instance":"i")", 17));
  EXPECT_EQ(body.Find("epoch"), nullptr);
  const Array& events = body.Find("events")->AsArray();
  ASSERT_EQ(events.size(), 4u);
  EXPECT_EQ(*events[0].Find("epoch"), Value("one"));
  EXPECT_EQ(*events[1].Find("epoch"), Value("two"));
  EXPECT_EQ(events[2].Find("epoch"), nullptr) << "a ruleset without one";
  EXPECT_EQ(events[3].Find("epoch"), nullptr);
}

TEST(BatchTest, WhatIsCompressedIsTheSameAfterwards) {
  std::string text;
  for (int i = 0; i < 10'000; ++i) text += std::to_string(i * 7'919);
  EXPECT_EQ(testing::Gunzip(net::Gzip(text)), text);
  EXPECT_LT(net::Gzip(text).size(), text.size());
}

// ---- Queue -------------------------------------------------------------------------------------------------------

TEST(MomentTest, IsToldByTheClockAsItIsNow) {
  using std::chrono::hours;
  const std::chrono::steady_clock::time_point begin{hours(1)};
  constexpr std::int64_t kHour = 3'600'000, kNow = 1'790'000'000'000;
  const internal::Moment now{kNow, begin + hours(2)};
  EXPECT_EQ((internal::Moment{kNow - 2 * kHour + 59'000, begin}.WallAt(now)), kNow - 2 * kHour + 59'000) << "drift";
  EXPECT_EQ((internal::Moment{5'000, begin}.WallAt(now)), kNow - 2 * kHour) << "it was 1970 then";
  EXPECT_EQ((internal::Moment{kNow + 9 * kHour, begin}.WallAt(now)), kNow - 2 * kHour) << "it was in the future";
  const internal::Moment late{kNow, begin + hours(24 * 40)};
  EXPECT_EQ((internal::Moment{kNow - 24 * 40 * kHour, begin}.WallAt(late)), kNow - 24 * 29 * kHour);
}

TEST(EventQueueTest, WhatWasPoppedTakesRoomUntilItIsSettled) {
  EventQueue queue(3, 1'000'000);
  for (const char* json : {"1", "2", "3"}) EXPECT_TRUE(queue.TryPush({json, nullptr}));
  EXPECT_FALSE(queue.TryPush({"4", nullptr}));
  std::vector<QueuedEvent> popped;
  queue.Pop(2, 1'000, popped);
  EXPECT_THAT(TextsOf(popped), ElementsAre("1", "2"));
  EXPECT_EQ(queue.size(), 3u);
  EXPECT_FALSE(queue.TryPush({"4", nullptr}));
  queue.Settle(popped);
  EXPECT_EQ(queue.size(), 1u);
  EXPECT_EQ(queue.settled(), 2u);
  EXPECT_TRUE(queue.TryPush({"4", nullptr}));
  EXPECT_EQ(queue.pushed(), 4u);
}

TEST(EventQueueTest, WhatIsPutBackComesFirstAgain) {
  EventQueue queue(10, 1'000'000);
  for (const char* json : {"1", "2", "3"}) EXPECT_TRUE(queue.TryPush({json, nullptr}));
  std::vector<QueuedEvent> popped;
  queue.Pop(2, 1'000, popped);
  EXPECT_TRUE(queue.TryPush({"4", nullptr}));
  queue.PutBack(std::move(popped));
  popped.clear();
  queue.Pop(10, 1'000, popped);
  EXPECT_THAT(TextsOf(popped), ElementsAre("1", "2", "3", "4"));
  queue.Settle(popped);
  EXPECT_EQ(queue.size(), 0u);
  EXPECT_EQ(queue.room_bytes(), 1'000'000u);
}

TEST(EventQueueTest, APopIsBoundedInBytes) {
  EventQueue queue(10, 1'000'000);
  for (const char* json : {"333", "333", "333"}) EXPECT_TRUE(queue.TryPush({json, nullptr}));
  std::vector<QueuedEvent> popped;
  queue.Pop(10, 8, popped);
  EXPECT_EQ(popped.size(), 2u);
  queue.Pop(10, 3, popped);
  EXPECT_EQ(popped.size(), 2u);
}

}  // namespace
}  // namespace guidon::internal
