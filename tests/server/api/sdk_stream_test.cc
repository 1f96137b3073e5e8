// Streams and their admission, without a socket.
#include "server/api/sdk_stream.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/stream_client.h"

namespace guidon {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

constexpr char kEpoch[] = "abcdefgh12345678";
const Scope kProduction{"shop", "production"};

EncodedEntity FlagEntity(const std::string& owner) {
  return {"flag", "a", R"({"definition":{"flag":"a","type":"boolean","owner":")" + owner + R"("},"state":{}})"};
}

class SdkStreamTest : public ::testing::Test {
 protected:
  SdkStreamTest() { feed.Open(kProduction, {FlagEntity("1")}, nullptr, 1, 1); }

  std::unique_ptr<SdkStream> Open(const std::string& last_event_id = "", InitGate* at = nullptr) {
    const auto channel = feed.Find(kProduction);
    const Cursor cursor = channel->Resume(last_event_id);
    SdkStreamOptions options;
    options.is_valid = [this] { return valid.load(); };
    options.revocations = &revocations;
    options.retry_ms = [] { return std::uint64_t{750}; };
    options.ticks_per_heartbeat = 3;
    options.ticks_per_slot = 4;
    auto ticket = cursor.needs_snapshot ? (at == nullptr ? gate : *at).Enter() : nullptr;
    return std::make_unique<SdkStream>(channel, cursor, std::move(ticket), std::move(options));
  }
  static std::string Take(SdkStream& stream) {
    std::string bytes;
    while (const http::Bytes piece = stream.Next()) bytes += *piece;
    return bytes;
  }
  void Publish(Revision revision) {
    feed.Publish(revision, {{kProduction, {{FlagEntity(std::to_string(revision))}, {}, nullptr}}});
  }

  std::atomic<bool> valid{true};
  std::atomic<std::uint64_t> revocations{0};
  int wakes = 0;
  Feed feed{kEpoch, {}, nullptr};
  InitGate gate{2, 2, [this] { ++wakes; }};
};

TEST_F(SdkStreamTest, BeginsWithASnapshotAndHearsAHeartbeatEverySoManyTicks) {
  testing::StreamClient client;
  const auto stream = Open();
  EXPECT_EQ(client.Feed(Take(*stream)), "");
  EXPECT_EQ(client.snapshots(), 1);
  for (int tick = 1; tick <= 6; ++tick) {
    stream->OnTick();
    EXPECT_EQ(client.Feed(Take(*stream)), "");
    EXPECT_EQ(client.heartbeats(), tick / 3);
  }
}

TEST_F(SdkStreamTest, WhoResumesUpToDateHearsItAtOnce) {
  testing::StreamClient client;
  const auto first = Open();
  ASSERT_EQ(client.Feed(Take(*first)), "");
  client.Reconnect();
  const auto second = Open(client.LastEventId());
  EXPECT_THAT(Take(*second), StartsWith("event: heartbeat"));
}

TEST_F(SdkStreamTest, AHeartbeatNeverOvertakesAChange) {
  testing::StreamClient client;
  const auto stream = Open();
  ASSERT_EQ(client.Feed(Take(*stream)), "");
  for (Revision revision = 2; revision < 40; ++revision) {
    for (int tick = 0; tick < 3; ++tick) stream->OnTick();  // a heartbeat is due
    Publish(revision);
    ASSERT_EQ(client.Feed(Take(*stream)), "");
    ASSERT_EQ(client.revision(), revision);
  }
  // Between being told that there is no change and asking for the heartbeat, there may be one.
  const auto channel = feed.Find(kProduction);
  Cursor cursor{39, false};
  ASSERT_EQ(channel->Next(cursor), nullptr);
  Publish(40);
  EXPECT_EQ(channel->HeartbeatFor(cursor), nullptr);
  ASSERT_TRUE(channel->Next(cursor));
  EXPECT_TRUE(channel->HeartbeatFor(cursor));
  EXPECT_EQ(channel->HeartbeatFor({}), nullptr);
}

TEST_F(SdkStreamTest, ARevokedKeyIsToldWithoutWaitingForATick) {
  const auto stream = Open();
  Take(*stream);
  valid = false;
  EXPECT_EQ(Take(*stream), "");  // nobody said so yet
  ++revocations;
  EXPECT_EQ(Take(*stream), "event: goodbye\ndata: {\"reason\":\"revoked\",\"retry_ms\":750}\n\n");
  EXPECT_TRUE(stream->Ended());
  Publish(2);
  EXPECT_EQ(Take(*stream), "");
}

TEST_F(SdkStreamTest, ARevocationOfAnotherKeyChangesNothing) {
  const auto stream = Open();
  Take(*stream);
  ++revocations;
  Publish(2);
  EXPECT_THAT(Take(*stream), StartsWith("event: change"));
  EXPECT_FALSE(stream->Ended());
}

TEST_F(SdkStreamTest, AKeyThatWasRevokedWhileItConnectedGetsNothing) {
  valid = false;
  const auto stream = Open();
  EXPECT_THAT(Take(*stream), StartsWith("event: goodbye"));
  EXPECT_TRUE(stream->Ended());
}

TEST_F(SdkStreamTest, AnEnvironmentThatGoesAndAServerThatStopsSayGoodbye) {
  const auto gone = Open();
  Take(*gone);
  const auto stopped = Open();
  Take(*stopped);
  stopped->OnShutdown();
  EXPECT_THAT(Take(*stopped), HasSubstr(R"("reason":"shutdown")"));
  feed.Close(kProduction);
  EXPECT_THAT(Take(*gone), HasSubstr(R"("reason":"gone")"));
  EXPECT_TRUE(gone->Ended());
}

TEST_F(SdkStreamTest, SlotsAreGivenInTheOrderOfArrivalAndTheQueueIsBounded) {
  const auto a = Open(), b = Open(), c = Open(), d = Open();
  EXPECT_EQ(gate.waiting(), 2u);
  EXPECT_EQ(gate.Enter(), nullptr);
  EXPECT_EQ(Take(*d), "");
  EXPECT_EQ(Take(*c), "");
  EXPECT_THAT(Take(*a), StartsWith("event: snapshot"));  // and being asked again, its slot is free
  EXPECT_EQ(wakes, 1);
  EXPECT_EQ(Take(*d), "");  // c came before
  EXPECT_THAT(Take(*c), StartsWith("event: snapshot"));
  EXPECT_THAT(Take(*d), StartsWith("event: snapshot"));
  EXPECT_EQ(gate.waiting(), 0u);
}

TEST_F(SdkStreamTest, WhoTakesItsSnapshotInTooSlowlyLosesItsSlotAndNothingElse) {
  InitGate narrow(1, 8, [this] { ++wakes; });
  const auto slow = Open("", &narrow), next = Open("", &narrow);
  const std::string snapshot = *slow->Next();  // and as long as it is on its way, it is not asked again
  EXPECT_THAT(snapshot, StartsWith("event: snapshot"));
  for (int tick = 0; tick < 3; ++tick) slow->OnTick(), next->OnTick();
  EXPECT_EQ(narrow.waiting(), 1u);
  slow->OnTick();
  EXPECT_EQ(narrow.waiting(), 0u);
  EXPECT_EQ(wakes, 1);
  EXPECT_THAT(Take(*next), HasSubstr("event: snapshot"));
  Publish(2);
  testing::StreamClient client;
  EXPECT_EQ(client.Feed(snapshot), "");
  EXPECT_EQ(client.Feed(Take(*slow)), "");
  EXPECT_EQ(client.revision(), 2u);
}

TEST_F(SdkStreamTest, WhoWaitsForASlotDoesNotLoseItsPlace) {
  InitGate narrow(1, 8, nullptr);
  const auto first = Open("", &narrow), waiting = Open("", &narrow);
  for (int tick = 0; tick < 20; ++tick) waiting->OnTick();
  EXPECT_EQ(narrow.waiting(), 1u);
  Take(*first);
  EXPECT_THAT(Take(*waiting), HasSubstr("event: snapshot"));
}

TEST_F(SdkStreamTest, WhoGoesWhileWaitingLeavesTheQueue) {
  auto a = Open(), b = Open(), c = Open();
  const auto d = Open();
  c.reset();
  EXPECT_EQ(gate.waiting(), 1u);
  a.reset();
  EXPECT_EQ(wakes, 2);  // d moved up twice, and now has a slot
  EXPECT_THAT(Take(*d), StartsWith("event: snapshot"));
}

TEST_F(SdkStreamTest, WhoWaitsHearsCommentsSoThatTheLineIsNotTakenForDead) {
  InitGate narrow(1, 8, nullptr);
  const auto first = Open("", &narrow), waiting = Open("", &narrow);
  testing::StreamClient client;
  for (int tick = 0; tick < 3; ++tick) waiting->OnTick();
  const std::string bytes = Take(*waiting);
  EXPECT_THAT(bytes, StartsWith(":"));
  EXPECT_EQ(client.Feed(bytes), "");
  EXPECT_EQ(client.epoch(), "");
  Take(*first);
  EXPECT_EQ(client.Feed(Take(*waiting)), "");
  EXPECT_EQ(client.snapshots(), 1);
}

TEST_F(SdkStreamTest, WhoWaitsIsToldWhenThereIsNothingToWaitFor) {
  InitGate narrow(1, 8, nullptr);
  const auto first = Open("", &narrow), waiting = Open("", &narrow);
  feed.Close(kProduction);
  EXPECT_THAT(Take(*waiting), HasSubstr(R"("reason":"gone")"));
}

TEST_F(SdkStreamTest, ResumingStreamsAreNeverHeldUp) {
  const auto a = Open(), b = Open(), c = Open(), d = Open();
  EXPECT_EQ(gate.Enter(), nullptr);
  const auto resumed = Open(std::string(kEpoch) + "-1");
  EXPECT_THAT(Take(*resumed), StartsWith("event: heartbeat"));
}

}  // namespace
}  // namespace guidon
