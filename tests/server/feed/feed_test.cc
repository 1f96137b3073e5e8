#include "server/feed/feed.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <optional>
#include <random>

#include "core/ruleset/ruleset.h"
#include "tests/support/gunzip.h"
#include "tests/support/stream_client.h"

namespace guidon {
namespace {

using testing::StreamClient;

constexpr char kEpoch[] = "abcdefgh12345678";
const Scope kProduction{"shop", "production"};
const Scope kStaging{"shop", "staging"};

EncodedEntity FlagEntity(const std::string& key, const std::string& description, std::size_t padding = 0) {
  return {"flag", key,
          R"({"definition":{"flag":")" + key + R"(","type":"boolean","description":")" + description +
              std::string(padding, '.') + R"("},"state":{}})"};
}

EncodedChange Upsert(EncodedEntity entity) {
  return {{std::move(entity)}, {}, nullptr};
}

// Everything that a session which is always ready would be sent.
std::string Drain(Channel& channel, Cursor& cursor) {
  std::string bytes;
  while (const Bytes event = channel.Next(cursor)) bytes += *event;
  return bytes;
}

TEST(FeedTest, AFreshSessionGetsOneSnapshotAndThenOnlyChanges) {
  Feed feed(kEpoch, {}, nullptr);
  feed.Open(kProduction, {FlagEntity("a", "1")}, nullptr, 3, 5);
  const auto channel = feed.Find(kProduction);
  StreamClient client;
  Cursor cursor = channel->Resume("");
  EXPECT_EQ(client.Feed(Drain(*channel, cursor)), "");
  EXPECT_EQ(client.revision(), 5u);
  feed.Publish(6, {{kProduction, Upsert(FlagEntity("a", "2"))}});
  feed.Publish(7, {{kProduction, {{}, {{EntityKind::kFlag, "a"}}, nullptr}}});
  EXPECT_EQ(client.Feed(Drain(*channel, cursor)), "");
  EXPECT_EQ(client.revision(), 7u);
  EXPECT_EQ(client.snapshots(), 1);
  EXPECT_EQ(client.changes(), 2);
  EXPECT_TRUE(client.records().empty());
}

TEST(FeedTest, ACommitElsewhereMovesTheRevisionByHeartbeatOnly) {
  Feed feed(kEpoch, {}, nullptr);
  feed.Open(kProduction, {FlagEntity("a", "1")}, nullptr, 1, 1);
  feed.Open(kStaging, {}, nullptr, 1, 1);
  const auto channel = feed.Find(kProduction);
  StreamClient client;
  Cursor cursor = channel->Resume("");
  ASSERT_EQ(client.Feed(Drain(*channel, cursor)), "");
  feed.Publish(2, {{kStaging, Upsert(FlagEntity("b", "1"))}});
  EXPECT_EQ(Drain(*channel, cursor), "");
  EXPECT_EQ(client.Feed(*channel->Heartbeat()), "");
  EXPECT_EQ(client.revision(), 2u);
  // And a change after that heartbeat still applies.
  feed.Publish(3, {{kProduction, Upsert(FlagEntity("a", "3"))}});
  EXPECT_EQ(client.Feed(Drain(*channel, cursor)), "");
  EXPECT_EQ(client.revision(), 3u);
}

TEST(FeedTest, ForgottenChangesAreToldToNobodyAndWhoMissedThemGetsASnapshot) {
  Feed feed(kEpoch, {}, nullptr);
  feed.Open(kProduction, {FlagEntity("a", "for ana")}, nullptr, 1, 1);
  const auto channel = feed.Find(kProduction);
  feed.Publish(2, {{kProduction, Upsert(FlagEntity("a", "for ana, still"))}});
  feed.Publish(3, {{kProduction, Upsert(FlagEntity("a", "for nobody"))}});
  Cursor behind = channel->Resume(std::string(kEpoch) + "-1"), current = channel->Resume(std::string(kEpoch) + "-3");
  ASSERT_FALSE(behind.needs_snapshot);
  feed.ForgetChanges();
  EXPECT_EQ(Drain(*channel, current), "") << "who has seen all goes on";
  for (Cursor cursor : {behind, channel->Resume(std::string(kEpoch) + "-2")}) {
    StreamClient client;
    const std::string told = Drain(*channel, cursor);
    EXPECT_EQ(told.find("ana"), std::string::npos) << told;
    EXPECT_EQ(client.Feed(told), "");
    EXPECT_EQ(client.snapshots(), 1);
  }
  feed.Publish(4, {{kProduction, Upsert(FlagEntity("a", "4"))}});
  EXPECT_NE(Drain(*channel, current).find("event: change"), std::string::npos);
}

TEST(FeedTest, ARevisionStandsForTheNewestUpToItThatAlteredTheEnvironment) {
  Feed feed(kEpoch, {.ring_changes = 2}, nullptr);
  feed.Open(kProduction, {}, nullptr, 3, 5);
  feed.Open(kStaging, {}, nullptr, 1, 5);
  const auto channel = feed.Find(kProduction);
  EXPECT_EQ(channel->AlteredBy(5), 3u);
  EXPECT_EQ(channel->AlteredBy(2), 2u) << "older than what is remembered";
  for (Revision r : {7, 10, 13}) feed.Publish(r, {{kProduction, Upsert(FlagEntity("a", std::to_string(r)))}});
  feed.Publish(14, {{kStaging, Upsert(FlagEntity("b", "1"))}});
  EXPECT_EQ(channel->AlteredBy(14), 13u);
  EXPECT_EQ(channel->AlteredBy(13), 13u);
  EXPECT_EQ(channel->AlteredBy(12), 10u);
  EXPECT_EQ(channel->AlteredBy(9), 7u) << "the newest that the ring forgot";
  EXPECT_EQ(channel->AlteredBy(6), 6u);
  EXPECT_EQ(feed.Find(kStaging)->AlteredBy(14), 14u);
}

class PropagationTest : public ::testing::Test {
 protected:
  PropagationTest() {
    FeedOptions options;
    options.ring_changes = 8;
    options.on_written = [this](std::chrono::nanoseconds after) {
      written.push_back(std::chrono::duration_cast<std::chrono::seconds>(after).count());
    };
    options.clock = [this] { return now; };
    feed.emplace(kEpoch, options, nullptr);
    feed->Open(kProduction, {}, nullptr, 1, 1);
    channel = feed->Find(kProduction);
  }
  void Publish(Revision revision) {
    EncodedChange change = Upsert(FlagEntity("a", std::to_string(revision)));
    change.ruleset = Compile({}, {});
    feed->Publish(revision, {{kProduction, std::move(change)}});
  }
  Cursor Reader() {
    Cursor cursor = channel->Resume("");
    Drain(*channel, cursor);
    return cursor;
  }

  std::chrono::steady_clock::time_point now;
  std::vector<std::int64_t> written;
  std::optional<Feed> feed;
  std::shared_ptr<Channel> channel;
};

TEST_F(PropagationTest, AChangeHasArrivedWhenItIsWrittenToTheLastOfThoseWhoWereUpToDate) {
  using Seconds = std::vector<std::int64_t>;
  Publish(2);  // nobody is there
  Cursor quick = Reader(), slow = Reader(), late = channel->Resume("");
  Publish(3);
  now += std::chrono::seconds(1);
  ASSERT_NE(channel->Next(quick), nullptr);
  ASSERT_EQ(channel->Next(quick), nullptr) << "being asked again means that it is written";
  now += std::chrono::seconds(1);
  Publish(4);
  Drain(*channel, quick);
  Drain(*channel, late);  // a first snapshot: nobody waits for it, not even for its end
  EXPECT_EQ(written, Seconds{});
  ASSERT_NE(channel->Next(slow), nullptr);
  now += std::chrono::seconds(3);
  ASSERT_NE(channel->Next(slow), nullptr);
  EXPECT_EQ(written, Seconds{5}) << "revision 3";
  now += std::chrono::seconds(10);
  channel->Leave(slow);
  EXPECT_EQ(written, (Seconds{5, 13})) << "revision 4: who goes is waited for no longer";
  Publish(5);
  channel->Leave(quick);
  EXPECT_EQ(written.size(), 2u);
  Drain(*channel, late);
  EXPECT_EQ(written, (Seconds{5, 13, 0}));
}

TEST_F(PropagationTest, WhatAReaderThatDoesNotReadKeepsIsBounded) {
  const Cursor stalled = Reader();
  for (Revision revision = 2; revision < 102; ++revision) {
    Publish(revision);
    now += std::chrono::seconds(1);
  }
  EXPECT_EQ(written.size(), 36u);
  EXPECT_EQ(written.back(), 64);
  EXPECT_EQ(stalled.written, 1u);
}

TEST_F(PropagationTest, AChangeHasAnAgeForWhoDoesNotHoldIt) {
  feed->Publish(2, {{kProduction, Upsert(FlagEntity("a", "2"))}});  // replayed: without a ruleset
  EXPECT_EQ(channel->AgeOfChange(1, 2), std::nullopt) << "made by another process, who knows when";
  Publish(4);
  now += std::chrono::seconds(2);
  Publish(6);
  now += std::chrono::seconds(3);
  EXPECT_EQ(channel->AgeOfChange(2, 6), std::chrono::seconds(5)) << "the first that was missed";
  EXPECT_EQ(channel->AgeOfChange(3, 4), std::chrono::seconds(5));
  EXPECT_EQ(channel->AgeOfChange(4, 7), std::chrono::seconds(3));
  EXPECT_EQ(channel->AgeOfChange(4, 5), std::nullopt);
  EXPECT_EQ(channel->AgeOfChange(6, 7), std::nullopt);
  EXPECT_EQ(channel->AgeOfChange(0, 6), std::nullopt) << "older than what is remembered";
}

TEST(FeedTest, ResumeIsExactWithinTheRingAndASnapshotOutsideIt) {
  Feed feed(kEpoch, {.ring_changes = 3}, nullptr);
  feed.Open(kProduction, {}, nullptr, 10, 10);
  const auto channel = feed.Find(kProduction);
  for (Revision r = 11; r <= 15; ++r) feed.Publish(r, {{kProduction, Upsert(FlagEntity("a", std::to_string(r)))}});
  const auto id = [](Revision r) { return std::string(kEpoch) + "-" + std::to_string(r); };
  EXPECT_TRUE(channel->Resume(id(11)).needs_snapshot);   // needs 12, which the ring forgot
  EXPECT_FALSE(channel->Resume(id(12)).needs_snapshot);  // needs 13, 14, 15
  EXPECT_FALSE(channel->Resume(id(15)).needs_snapshot);
  EXPECT_TRUE(channel->Resume(id(16)).needs_snapshot);  // from the future: of another life of this store
  EXPECT_TRUE(channel->Resume("zzzzefgh12345678-15").needs_snapshot);
  EXPECT_TRUE(channel->Resume(id(15) + "x").needs_snapshot);
  EXPECT_TRUE(channel->Resume("15").needs_snapshot);
}

TEST(FeedTest, ASessionThatFallsBehindTheRingSkipsToTheCurrentState) {
  Feed feed(kEpoch, {.ring_changes = 4}, nullptr);
  feed.Open(kProduction, {}, nullptr, 1, 1);
  const auto channel = feed.Find(kProduction);
  StreamClient client;
  Cursor cursor = channel->Resume("");
  ASSERT_EQ(client.Feed(Drain(*channel, cursor)), "");
  for (Revision r = 2; r <= 40; ++r) feed.Publish(r, {{kProduction, Upsert(FlagEntity("a", std::to_string(r)))}});
  EXPECT_EQ(client.Feed(Drain(*channel, cursor)), "");
  EXPECT_EQ(client.revision(), 40u);
  EXPECT_EQ(client.snapshots(), 2);
  EXPECT_EQ(client.changes(), 0);
}

TEST(FeedTest, TheRingIsBoundedByBytesToo) {
  Feed feed(kEpoch, {.ring_changes = 1000, .ring_bytes = 10'000}, nullptr);
  feed.Open(kProduction, {}, nullptr, 1, 1);
  const auto channel = feed.Find(kProduction);
  for (Revision r = 2; r <= 50; ++r) feed.Publish(r, {{kProduction, Upsert(FlagEntity("a", "x", 2'000))}});
  std::size_t kept = 0;
  for (Revision r = 1; r <= 50; ++r) {
    kept += channel->Resume(std::string(kEpoch) + "-" + std::to_string(r)).needs_snapshot ? 0 : 1;
  }
  EXPECT_GE(kept, 2u);
  EXPECT_LE(kept, 6u);
}

TEST(FeedTest, EventsAreEncodedOnceAndShared) {
  Feed feed(kEpoch, {}, nullptr);
  feed.Open(kProduction, {FlagEntity("a", "1")}, nullptr, 1, 1);
  const auto channel = feed.Find(kProduction);
  Cursor one, two;
  EXPECT_EQ(channel->Next(one), channel->Next(two));
  EXPECT_EQ(channel->Heartbeat(), channel->Heartbeat());
  feed.Publish(2, {{kProduction, Upsert(FlagEntity("a", "2"))}});
  EXPECT_EQ(channel->Next(one), channel->Next(two));
}

TEST(FeedTest, TheDocumentHasAnEtagThatChangesOnlyWithTheScope) {
  Feed feed(kEpoch, {}, nullptr);
  feed.Open(kProduction, {FlagEntity("a", "1")}, nullptr, 1, 1);
  feed.Open(kStaging, {}, nullptr, 1, 1);
  const auto channel = feed.Find(kProduction);
  const Channel::Document first = channel->Current(true);
  feed.Publish(2, {{kStaging, Upsert(FlagEntity("b", "1"))}});
  EXPECT_EQ(channel->Current(false).etag, first.etag);
  EXPECT_EQ(channel->Current(false).revision, 2u);
  feed.Publish(3, {{kProduction, Upsert(FlagEntity("a", "2"))}});
  EXPECT_NE(channel->Current(false).etag, first.etag);
}

TEST(FeedTest, TheGzipFormHoldsTheSameDocument) {
  Feed feed(kEpoch, {}, nullptr);
  feed.Open(kProduction, {FlagEntity("a", "1", 5'000)}, nullptr, 1, 1);
  const Channel::Document document = feed.Find(kProduction)->Current(true);
  ASSERT_TRUE(document.gzip);
  EXPECT_LT(document.gzip->size(), document.plain->size() / 4);
  EXPECT_EQ(testing::Gunzip(*document.gzip), *document.plain);
  EXPECT_EQ(feed.Find(kProduction)->Current(true).gzip, document.gzip);
}

TEST(FeedTest, AClosedChannelSaysSoAndIsNoLongerFound) {
  int wakes = 0;
  Feed feed(kEpoch, {}, [&] { ++wakes; });
  feed.Open(kProduction, {}, nullptr, 1, 1);
  const auto channel = feed.Find(kProduction);
  feed.Close(kProduction);
  EXPECT_TRUE(channel->closed());
  EXPECT_EQ(feed.Find(kProduction), nullptr);
  EXPECT_EQ(wakes, 1);
}

// Whatever is committed and whenever clients come, go, lag and lose their memory, what a client holds is
// what was committed at the revision it holds.
// Promise R3, R4.
TEST(FeedTest, ClientsAlwaysHoldACommittedState) {
  const char* given = std::getenv("GUIDON_SEED");
  const std::uint64_t seed = given != nullptr ? std::strtoull(given, nullptr, 10) : 20261124;
  SCOPED_TRACE("GUIDON_SEED=" + std::to_string(seed));
  std::mt19937_64 random(seed);
  const auto below = [&](std::uint64_t n) { return random() % n; };

  Feed feed(kEpoch, {.ring_changes = 8, .ring_bytes = 4'000}, nullptr);
  feed.Open(kProduction, {}, nullptr, 0, 0);
  const auto channel = feed.Find(kProduction);
  using State = std::map<std::pair<std::string, std::string>, std::string>;
  std::vector<State> committed(1);

  struct Session {
    StreamClient client;
    Cursor cursor;
  };
  std::vector<Session> sessions(12);
  for (int step = 0; step < 6'000; ++step) {
    if (below(3) == 0) {
      State next = committed.back();
      EncodedChange change;
      for (std::uint64_t i = below(3); i > 0; --i) {
        const std::string key = "flag" + std::to_string(below(6) * 10 + i);
        if (next.contains({"flag", key}) && below(3) == 0) {
          next.erase({"flag", key});
          change.removals.push_back({EntityKind::kFlag, key});
        } else {
          change.upserts.push_back(FlagEntity(key, std::to_string(random()), below(200)));
          next[{"flag", key}] = change.upserts.back().record;
        }
      }
      const Revision revision = committed.size();
      std::map<Scope, EncodedChange> changes;
      if (next != committed.back()) changes.emplace(kProduction, std::move(change));
      feed.Publish(revision, std::move(changes));
      committed.push_back(std::move(next));
      continue;
    }
    Session& session = sessions[below(sessions.size())];
    switch (below(8)) {
      case 0:
        session.client.Reconnect();
        session.cursor = channel->Resume(session.client.LastEventId());
        break;
      case 1:
        session.client.Forget();
        session.cursor = channel->Resume("");
        break;
      case 2:  // an event is lost with its connection
        channel->Next(session.cursor);
        session.client.Reconnect();
        session.cursor = channel->Resume(session.client.LastEventId());
        break;
      default:
        if (const Bytes event = channel->Next(session.cursor)) {
          ASSERT_EQ(session.client.Feed(*event), "") << "step " << step;
        } else if (below(2) == 0) {
          ASSERT_EQ(session.client.Feed(*channel->Heartbeat()), "") << "step " << step;
        }
    }
    if (session.client.epoch().empty()) continue;
    ASSERT_EQ(session.client.records(), committed[session.client.revision()]) << "step " << step;
  }
}

}  // namespace
}  // namespace guidon
