#include "server/ingest/batch.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/base/json.h"
#include "tests/support/gzip.h"

namespace guidon {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using testing::Gzip;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr std::chrono::sys_time<milliseconds> kNow{milliseconds(1'790'000'000'000)};

std::string BatchOf(const std::string& events, const std::string& more = "") {
  return R"({"schema":1,"batch":"4v0b3k2m9x7c1q8d5n6p0a",)" + more + R"("events":[)" + events + "]}";
}

// "accepted", "unknown", or "reason: message".
std::string WordOn(const std::string& event) {
  const Result<EventBatch> batch = ReadBatch(BatchOf(event), kNow);
  if (!batch) return std::string(ToString(batch.error().code)) + ": " + batch.error().message;
  if (batch->counts.Accepted() == 1) return batch->events == "[" + event + "]" ? "accepted" : batch->events;
  if (batch->counts.unknown == 1) return "unknown";
  if (batch->first_rejected.size() != 1) return "neither";
  return std::string(ToString(batch->first_rejected[0].reason)) + ": " + batch->first_rejected[0].message;
}

// An event with a member changed, or without it when `value` is empty.
std::string With(const std::string& event, const std::string& name, const std::string& value) {
  Value changed = *ParseJson(event);
  if (value.empty()) {
    EXPECT_TRUE(changed.MutableObject().Erase(name)) << name;
  } else {
    changed.MutableObject().Set(name, *ParseJson(value));
  }
  return ToJson(changed);
}

const std::string kExposure =
    R"({"type":"exposure","time":1790000000000,"flag":"checkout.layout","experiment":"checkout-one-page",)"
    R"("iteration":1,"variant":"one_page","role":"assigned","unit_attribute":"account_id","unit":"acct-17",)"
    R"("bucket":48213,"revision":17,"context":{"key":"user-42","account_id":"acct-17","country":"DE"}})";
const std::string kEvaluations = R"({"type":"evaluations","from":1790000000000,"to":1790000060000,)"
                                 R"("counts":[{"flag":"payments.v2","variation":"on","reason":"STATIC","count":8123},)"
                                 R"({"flag":"chekout","reason":"ERROR","error":"FLAG_NOT_FOUND","count":2}]})";
const std::string kTrack =
    R"({"type":"track","time":1790000000000,"event":"order","value":31.5,)"
    R"("context":{"key":"user-42","account_id":"acct-17","country":"DE"},"attributes":{"currency":"EUR"}})";
const std::string kDropped = R"({"type":"dropped","counts":{"exposures":3,"track":0,"batches":1}})";
const std::string kComparison =
    With(With(With(kExposure, "role", "\"comparison\""), "variant", ""), "holdout", "\"h\"");

TEST(BatchTest, TheExamplesOfTheSpecificationAreAccepted) {
  for (const std::string& event : {kExposure, kEvaluations, kTrack, kDropped}) EXPECT_EQ(WordOn(event), "accepted");
}

TEST(BatchTest, WhatMayBeMissingOrAddedIsAcceptedAsItIs) {
  for (const std::string& event : {
           kComparison,
           With(With(kExposure, "role", "\"held_out\""), "holdout", "\"h\""),
           With(With(kExposure, "forced", "true"), "bucket", ""),
           With(kExposure, "forced", "false"),
           With(kExposure, "context", ""),
           With(kExposure, "epoch", "\"k3v9x0q2m7p1c8d4\""),
           With(kExposure, "bucket", "0"),
           With(kExposure, "bucket", "99999"),
           With(kExposure, "revision", "0"),
           With(kExposure, "colour", "[{\"a\":[1]}]"),
           With(kExposure, "unit", "\"" + std::string(1024, 'u') + "\""),
           With(kTrack, "value", ""),
           With(kTrack, "value", "-0.5"),
           With(kTrack, "value", "7"),
           With(kTrack, "value", "null"),
           With(kTrack, "attributes", ""),
           With(kTrack, "attributes", "{\"a\":null,\"b\":true,\"c\":1.5}"),
           With(kTrack, "context", "{}"),
           With(kTrack, "time", std::to_string(kNow.time_since_epoch().count() + 86'400'000)),
           With(kTrack, "time", std::to_string(kNow.time_since_epoch().count() - 30LL * 86'400'000)),
           With(kEvaluations, "counts", "[]"),
           With(kDropped, "counts", "{}"),
           With(kDropped, "time", "1790000000000"),
       }) {
    EXPECT_EQ(WordOn(event), "accepted") << event;
  }
}

struct Refused {
  std::string event;
  std::string word;
};

TEST(BatchTest, AnEventThatBreaksARuleIsNamedWithTheMemberAndTheReason) {
  const std::string long_text = "\"" + std::string(1025, 'u') + "\"";
  const std::string ahead = std::to_string(kNow.time_since_epoch().count() + 86'400'001);
  const std::string behind = std::to_string(kNow.time_since_epoch().count() - 30LL * 86'400'000 - 1);
  const std::string long_context = "{\"key\":\"" + std::string(4'087, 'x') + "\"}";
  ASSERT_EQ(long_context.size(), 4'097u);
  std::string counts;
  for (int i = 0; i <= 10'000; ++i) counts += std::string(i == 0 ? "" : ",") + R"({"flag":"a","reason":"R","count":1})";
  const std::string text = "expected text of 1 to 1024 bytes", whole_from_0 = "expected a whole number from 0";
  for (const Refused& refused : std::vector<Refused>{
           {"17", "no_event: expected an object"},
           {"null", "no_event: expected an object"},
           {"[]", "no_event: expected an object"},
           {"{}", "no_event: type: missing, or no text"},
           {R"({"type":7})", "no_event: type: missing, or no text"},
           {With(kExposure, "time", ""), "missing_member: time: missing"},
           {With(kExposure, "time", "null"), "missing_member: time: missing"},
           {With(kExposure, "time", "1.5"), "wrong_value: time: expected milliseconds since 1970 UTC"},
           {With(kExposure, "time", ahead), "time_ahead: time: more than 24 hours ahead of the server's clock"},
           {With(kTrack, "time", behind), "time_behind: time: more than 30 days behind the server's clock"},
           {With(kEvaluations, "from", behind), "time_behind: from: more than 30 days behind the server's clock"},
           {With(kEvaluations, "to", ahead), "time_ahead: to: more than 24 hours ahead of the server's clock"},
           {With(kDropped, "time", ahead), "time_ahead: time: more than 24 hours ahead of the server's clock"},
           {With(kExposure, "flag", ""), "missing_member: flag: missing"},
           {With(kExposure, "flag", "7"), "wrong_value: flag: " + text},
           {With(kExposure, "experiment", "\"\""), "wrong_value: experiment: " + text},
           {With(kExposure, "unit", long_text), "wrong_value: unit: " + text},
           {With(kExposure, "unit", "17"), "wrong_value: unit: " + text},
           {With(kExposure, "unit_attribute", ""), "missing_member: unit_attribute: missing"},
           {With(kExposure, "iteration", "0"), "wrong_value: iteration: expected a whole number from 1"},
           {With(kExposure, "revision", "-1"), "wrong_value: revision: " + whole_from_0},
           {With(kExposure, "role", "\"seen\""), "wrong_value: role: expected one of assigned, held_out, comparison"},
           {With(kExposure, "variant", ""), "missing_member: variant: missing"},
           {With(kExposure, "holdout", "\"h\""), "wrong_value: holdout: does not go with the role 'assigned'"},
           {With(kExposure, "role", "\"held_out\""), "missing_member: holdout: missing"},
           {With(kComparison, "variant", "\"a\""), "wrong_value: variant: does not go with the role 'comparison'"},
           {With(kComparison, "holdout", ""), "missing_member: holdout: missing"},
           {With(kExposure, "bucket", ""), "missing_member: bucket: missing"},
           {With(kExposure, "bucket", "100000"), "wrong_value: bucket: expected a whole number from 0 to 99999"},
           {With(kExposure, "forced", "1"), "wrong_value: forced: expected true or false"},
           {With(kExposure, "epoch", "7"), "wrong_value: epoch: " + text},
           {With(kExposure, "context", "[]"), "wrong_value: context: expected an object"},
           {With(kExposure, "context", "{\"a\":[1]}"),
            "wrong_value: context: expected text, numbers and booleans only"},
           {With(kExposure, "context", long_context), "too_large: context: larger than 4096"},
           {With(kEvaluations, "counts", "{}"), "wrong_value: counts: expected a list"},
           {With(kEvaluations, "counts", "[7]"), "wrong_value: counts[0]: expected an object"},
           {With(kEvaluations, "counts", R"([{"flag":"a","reason":"R","count":1},{"flag":"a","reason":"R"}])"),
            "missing_member: counts[1].count: missing"},
           {With(kEvaluations, "counts", R"([{"flag":"a","reason":"R","count":0}])"),
            "wrong_value: counts[0].count: expected a whole number from 1"},
           {With(kEvaluations, "counts", R"([{"flag":"a","reason":"","count":1}])"),
            "wrong_value: counts[0].reason: " + text},
           {With(kEvaluations, "counts", R"([{"flag":"a","reason":"R","variation":3,"count":1}])"),
            "wrong_value: counts[0].variation: " + text},
           {With(kEvaluations, "counts", "[" + counts + "]"), "too_large: counts: larger than 10000"},
           {With(With(kEvaluations, "from", ""), "counts", "[{}]"), "missing_member: from: missing"},  // the first
           {With(kTrack, "event", ""), "missing_member: event: missing"},
           {With(kTrack, "value", "\"31.5\""), "wrong_value: value: expected a number"},
           {With(kTrack, "context", ""), "missing_member: context: missing"},
           {With(kTrack, "attributes", "{\"a\":{}}"),
            "wrong_value: attributes: expected text, numbers and booleans only"},
           {With(kDropped, "counts", ""), "missing_member: counts: missing"},
           {With(kDropped, "counts", "{\"track\":-1}"), "wrong_value: counts: expected whole numbers from 0 by reason"},
           {With(kDropped, "counts", "3"), "wrong_value: counts: expected an object"},
       }) {
    EXPECT_EQ(WordOn(refused.event), refused.word) << refused.event.substr(0, 200);
  }
}

TEST(BatchTest, WhatIsImportedMayBeOldAndAssignedElsewhere) {
  const std::string old =
      R"({"type":"exposure","time":1490000000000,"flag":"f","experiment":"e","iteration":1,"variant":"a",)"
      R"("role":"assigned","unit_attribute":"key","unit":"u1"})";
  const auto rejected = [&](const std::string& event, bool imported) {
    return ReadBatch(BatchOf(event), kNow, {.imported = imported})->counts.Rejected();
  };
  EXPECT_EQ(rejected(old, true), 0u);
  EXPECT_EQ(rejected(old, false), 1u);
  EXPECT_EQ(rejected(With(old, "time", "1790000000000"), false), 1u) << "without bucket and revision";
  EXPECT_EQ(rejected(With(old, "bucket", "100000"), true), 1u) << "what is there is looked at";
  EXPECT_EQ(rejected(With(old, "time", "1890000000000"), true), 1u) << "yet to come";
}

TEST(BatchTest, TheContextOfAnExposureMayHave4KiBAndThatOfATrackMore) {
  const std::string context = "{\"key\":\"" + std::string(4'086, 'x') + "\"}";
  ASSERT_EQ(context.size(), 4'096u);
  EXPECT_EQ(WordOn(With(kExposure, "context", context)), "accepted");
  EXPECT_EQ(WordOn(With(kTrack, "context", "{\"key\":\"" + std::string(9'000, 'x') + "\"}")), "accepted");
}

TEST(BatchTest, UnknownTypesAreCountedAndNotKept) {
  const Result<EventBatch> batch =
      ReadBatch(BatchOf(R"({"type":"click","x":1},)" + kTrack + R"(,{"type":"Exposure"})"), kNow);
  ASSERT_TRUE(batch);
  EXPECT_EQ(batch->counts.unknown, 2u);
  EXPECT_EQ(batch->events, "[" + kTrack + "]");
  EXPECT_EQ(batch->counts.Rejected(), 0u);
}

TEST(BatchTest, OneOddEventCostsTheOthersNothing) {
  const std::string bad = With(kTrack, "event", "\"\"");
  const Result<EventBatch> batch = ReadBatch(BatchOf(kTrack + "," + bad + "," + kExposure + "," + bad), kNow);
  ASSERT_TRUE(batch);
  EXPECT_EQ(batch->id, "4v0b3k2m9x7c1q8d5n6p0a");
  EXPECT_EQ(batch->events, "[" + kTrack + "," + kExposure + "]");
  EXPECT_EQ(batch->counts.accepted[static_cast<std::size_t>(EventType::kTrack)], 1u);
  EXPECT_EQ(batch->counts.accepted[static_cast<std::size_t>(EventType::kExposure)], 1u);
  EXPECT_EQ(batch->counts.rejected[static_cast<std::size_t>(Rejection::kWrongValue)], 2u);
  ASSERT_EQ(batch->first_rejected.size(), 2u);
  EXPECT_EQ(batch->first_rejected[0].event, 1u);
  EXPECT_EQ(batch->first_rejected[1].event, 3u);
}

TEST(BatchTest, TheFirstTwentyThatAreLeftOutAreNamedAndAllAreCounted) {
  std::string events = "1";
  for (int i = 0; i < 24; ++i) events += ",1";
  const Result<EventBatch> batch = ReadBatch(BatchOf(events), kNow);
  ASSERT_TRUE(batch);
  EXPECT_EQ(batch->first_rejected.size(), 20u);
  EXPECT_EQ(batch->counts.Rejected(), 25u);
  EXPECT_EQ(batch->events, "[]");
}

TEST(BatchTest, EventsAreKeptByteForByteButForBlanks) {
  const std::string sent =
      "{ \"type\" : \"track\",\n\t\"time\":1790000000000, \"event\":\"a \\\" b\\\\\" ,\r\n"
      "\"value\": 31.50, \"context\": { \"key\" : \"\\u00fc  \xc3\xbc\" } }";
  const Result<EventBatch> batch = ReadBatch(BatchOf("  " + sent + "\n"), kNow);
  ASSERT_TRUE(batch);
  EXPECT_EQ(batch->events,
            "[{\"type\":\"track\",\"time\":1790000000000,\"event\":\"a \\\" b\\\\\",\"value\":31.50,"
            "\"context\":{\"key\":\"\\u00fc  \xc3\xbc\"}}]");
  EXPECT_TRUE(ParseJson(batch->events));
}

TEST(BatchTest, OfTheSenderIsKeptWhatIsWellFormed) {
  const auto sender = [](const std::string& more) { return ReadBatch(BatchOf("", more + ","), kNow)->sender; };
  EXPECT_EQ(sender(R"("sent":1790000000123,"sdk":{"name":"guidon-cpp","version":"0.1.0","x":1},)"
                   R"("application":{"name":"shop"},"instance":"k3v9x0q2m7p1c8d4","epoch":"k3v9x0q2m7p1c8d4")"),
            R"("sent":1790000000123,"sdk":{"name":"guidon-cpp","version":"0.1.0"},"application":{"name":"shop"},)"
            R"("instance":"k3v9x0q2m7p1c8d4","epoch":"k3v9x0q2m7p1c8d4",)");
  EXPECT_EQ(sender(R"("sent":"now","sdk":"guidon","application":{"name":7},"instance":"")"), "");
  EXPECT_EQ(sender("\"instance\":\"" + std::string(257, 'i') + "\""), "");
  EXPECT_EQ(ReadBatch(BatchOf(""), kNow)->sender, "");
}

TEST(BatchTest, WhatIsNoBatchIsRefusedAsAWhole) {
  for (const std::string& text : {
           std::string(),
           std::string("{"),
           std::string("[]"),
           std::string("17"),
           std::string("{}"),
           std::string("{\"batch\":\"4v0b3k2m9x7c1q8d5n6p0a\"}"),
           std::string("{\"batch\":\"4v0b3k2m9x7c1q8d5n6p0a\",\"events\":{}}"),
           std::string("{\"events\":[]}"),
           std::string("{\"batch\":7,\"events\":[]}"),
           std::string("{\"batch\":\"fifteen-charact\",\"events\":[]}"),
           "{\"batch\":\"" + std::string(65, 'a') + "\",\"events\":[]}",
           std::string("{\"batch\":\"4v0b3k2m9x7c1q8d5n6p0/\",\"events\":[]}"),
           std::string("{\"batch\":\"4v0b3k2m9x7c1q8d5n6p0a\",\"events\":[],\"events\":[]}"),
           std::string("{\"batch\":\"4v0b3k2m9x7c1q8d5n6p0a\",\"\\u0065vents\":[1]}"),
           BatchOf("{\"type\":\"\xff\"}"),
           BatchOf(std::string(40, '[') + std::string(40, ']')),
           BatchOf("99999999999999999999"),
       }) {
    const Result<EventBatch> batch = ReadBatch(text, kNow);
    ASSERT_FALSE(batch) << text;
    EXPECT_EQ(batch.error().code, ErrorCode::kInvalid) << text;
  }
}

TEST(BatchTest, AnIdOf16To64CharactersIsTaken) {
  for (const std::size_t size : {16u, 64u}) {
    EXPECT_TRUE(ReadBatch("{\"batch\":\"" + std::string(size, '_') + "\",\"events\":[]}", kNow));
  }
}

TEST(BatchTest, TheBoundsAreOfBytesAndOfEvents) {
  const BatchLimits limits{.bytes = 600, .events = 2};
  EXPECT_TRUE(ReadBatch(BatchOf("1,2"), kNow, limits));
  EXPECT_EQ(ReadBatch(BatchOf("1,2,3"), kNow, limits).error().code, ErrorCode::kTooLarge);
  EXPECT_EQ(ReadBatch(BatchOf("1") + std::string(600, ' '), kNow, limits).error().code, ErrorCode::kTooLarge);
  EXPECT_EQ(BatchLimits().bytes, 1'048'576u);
  EXPECT_EQ(BatchLimits().events, 1'000u);
}

TEST(GunzipTest, GivesBackWhatWasPacked) {
  for (const std::size_t size : {0u, 1u, 16'384u, 16'385u, 100'000u}) {
    const std::string text(size, 'x');
    EXPECT_EQ(*Gunzip(Gzip(text), size), text) << size;
  }
}

TEST(GunzipTest, OfWhatUnpacksToMoreThanTheBoundNoMoreThanThatIsUnpacked) {
  const std::string bomb = Gzip(std::string(64u << 20, '\0'));
  ASSERT_LT(bomb.size(), 100'000u);
  EXPECT_EQ(Gunzip(bomb, 1u << 20).error().code, ErrorCode::kTooLarge);
  EXPECT_EQ(Gunzip(Gzip("four"), 3).error().code, ErrorCode::kTooLarge);
}

TEST(GunzipTest, WhatIsNoWholeGzipIsRefused) {
  const std::string good = Gzip("hello, world");
  std::string flipped = good;
  flipped[flipped.size() - 6] = static_cast<char>(flipped[flipped.size() - 6] ^ 1);  // in the checksum
  for (const std::string& bad : {std::string(), std::string("hello"), good.substr(0, good.size() - 1),
                                 good.substr(0, 9), good + "x", good + good, flipped, good.substr(1)}) {
    const Result<std::string> text = Gunzip(bad, 1'000);
    ASSERT_FALSE(text) << bad;
    EXPECT_EQ(text.error().code, ErrorCode::kInvalid) << bad;
  }
}

}  // namespace
}  // namespace guidon
