// The sweep of sessions that are over: which go and when, on a clock of the test's own, and what happens when nothing
// can be written.
#include "server/auth/session_keeper.h"

#include <gmock/gmock.h>

#include <atomic>

#include "tests/server/catalog/catalog_fixture.h"
#include "tests/support/process.h"

namespace guidon {
namespace {

using testing::Eventually;
using ::testing::HasSubstr;

constexpr std::int64_t kHour = 3'600'000;

class SessionKeeperTest : public ::testing::Test {
 protected:
  SessionKeeperTest() { sessions.SetPolicy({.epoch = "this", .idle_ms = kHour, .life_ms = 12 * kHour}); }

  // One that begins now.
  SessionRecord Begin(const std::string& id, const std::string& epoch = "this") {
    SessionRecord record;
    record.id = id;
    record.verifier = "of its token";
    record.created_ms = now_ms;
    record.expires_ms = now_ms + 12 * kHour;
    record.epoch = epoch;
    on.Must(on.catalog().PutItem({std::string(kSessionSpace), id, EncodeSession(record)}, "session.create", on.author));
    sessions.Put(record, now_ms);
    return record;
  }
  std::string Swept() {
    const Result<std::size_t> swept = SweepSessions(sessions, on.catalog(), now_ms, [] { return false; });
    return swept ? std::to_string(*swept) : swept.error().message;
  }
  // Ids, in their order.
  std::string Stored() {
    std::string ids;
    const Result<std::vector<Item>> items = on.catalog().Items(kSessionSpace);
    for (const Item& item : *items) ids += (ids.empty() ? "" : " ") + item.id;
    return ids;
  }

  CatalogHarness on{"memory"};
  std::atomic<std::int64_t> now_ms{1'798'761'600'000};
  Sessions sessions;
};

TEST_F(SessionKeeperTest, WhatIsOverGoesAndNothingElse) {
  const SessionRecord used = Begin("used");
  Begin("idle");
  Begin("restored", "of the backup");
  Begin("signed-out");
  sessions.End("signed-out");
  EXPECT_EQ(Swept(), "2");
  EXPECT_EQ(Stored(), "idle used");
  const Revision head = on.head();
  const RevisionEntry entry = on.store().Revisions(head, head, 1)->at(0);
  EXPECT_THAT(entry.audit.bytes, HasSubstr("session.expire"));
  EXPECT_THAT(entry.audit.bytes, HasSubstr("restored"));

  now_ms += kHour - 1;
  sessions.Put(used, now_ms);
  EXPECT_EQ(Swept(), "0");
  EXPECT_EQ(on.head(), head) << "a look that finds nothing writes nothing";
  now_ms += 1;
  EXPECT_EQ(Swept(), "1");
  EXPECT_EQ(Stored(), "used");
  now_ms += 11 * kHour;
  sessions.Put(used, now_ms);
  EXPECT_EQ(Swept(), "1") << "twelve hours, however it is used";
  EXPECT_EQ(Stored(), "");
  EXPECT_EQ(sessions.size(), 0u);
}

TEST_F(SessionKeeperTest, AllOfManyGoInSmallRevisions) {
  Begin("first");
  for (std::size_t i = 0; i < kMostSweptAtOnce; ++i) {
    SessionRecord record;
    record.id = "s" + std::to_string(i);
    sessions.Put(record, now_ms);
  }
  now_ms += kHour;
  const Revision head = on.head();
  EXPECT_EQ(Swept(), std::to_string(kMostSweptAtOnce + 1));
  EXPECT_EQ(on.head(), head + 2);
  EXPECT_EQ(Stored(), "");
}

TEST_F(SessionKeeperTest, WhatCannotBeRemovedStaysOverAndGoesLater) {
  Begin("idle");
  now_ms += kHour;
  on.doubtful().next = DoubtfulStore::Doubt::kLost;
  EXPECT_THAT(Swept(), HasSubstr("the disk failed"));
  EXPECT_EQ(Stored(), "idle");
  EXPECT_EQ(sessions.Over(now_ms, 10), std::vector<std::string>{"idle"});
  EXPECT_EQ(Swept(), "1");
  EXPECT_EQ(Stored(), "");
}

TEST_F(SessionKeeperTest, TheKeeperLooksAgainAndAgainAndSaysWhatFailed) {
  Begin("restored", "of the backup");
  Begin("idle");
  on.doubtful().next = DoubtfulStore::Doubt::kLost;
  std::atomic<int> looks{0}, reports{0};
  const SessionKeeper keeper(sessions, on.catalog(),
                             {.interval = std::chrono::milliseconds(1),
                              .now_ms = [&] { return ++looks, now_ms.load(); },
                              .report = [&](const Error&) { ++reports; }});
  EXPECT_TRUE(Eventually([&] { return looks > 2 && sessions.size() == 1; }));
  EXPECT_EQ(Stored(), "idle");
  EXPECT_EQ(reports, 1);
  now_ms += kHour;
  EXPECT_TRUE(Eventually([&] { return sessions.size() == 0; }));
  EXPECT_EQ(Stored(), "");
}

}  // namespace
}  // namespace guidon
