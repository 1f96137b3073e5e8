// Who changed what, over HTTP: reading and filtering, what became of one flag, and what somebody was served then.
#include <gtest/gtest.h>

#include <chrono>

#include "audit/audit_file.h"
#include "core/model/units.h"
#include "server/catalog/audit_log.h"
#include "tests/server/api/api_fixture.h"

namespace guidon {
namespace {

constexpr std::int64_t kHourMs = 3'600'000;

// "7 6 2": the revisions of a page.
std::string RevisionsOf(const Value& page, std::string_view list = "entries") {
  std::string revisions;
  const Value* entries = page.Find(list);
  if (entries == nullptr) return ToJson(page);
  for (const Value& entry : entries->AsArray()) revisions += (revisions.empty() ? "" : " ") + TextAt(entry, "revision");
  return revisions;
}

// 1 project shop, 2 flag a, 3 flag b, 4 flag a off, 5 a key, 6 flag b gone, 7 project bank
class AuditApiTest : public ::testing::Test {
 protected:
  AuditApiTest() {
    // The store's times are the system's; what was committed must not be in the future.
    server.SetNow(
        std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::system_clock::now().time_since_epoch())
            .count() +
        kHourMs);
    server.MakeShop();
    server.PutFlag("a");
    server.PutFlag("b");
    Expect(200, server.Call("POST", "/api/v1/projects/shop/changes",
                            {.body = R"({"comment":"too slow","changes":[{"kind":"flag","key":"a","action":"patch",)"
                                     R"("definition":{"environments":{"production":{"default":"off"}}}}]})"}));
    Expect(201, server.Call("POST", "/api/v1/projects/shop/keys",
                            {.body = R"({"kind":"server","environment":"production"})"}));
    Expect(200, server.Call("DELETE", "/api/v1/projects/shop/flags/b"));
    Expect(201, server.Call("POST", "/api/v1/projects", {.body = R"({"project":"bank"})"}));
  }
  static void Expect(int status, const HttpAnswer& answer) { EXPECT_EQ(answer.status, status) << answer.body; }
  std::string Log(const std::string& query) { return RevisionsOf(server.Get("/api/v1/audit?" + query)); }

  TestServer server;
};

TEST_F(AuditApiTest, AnEntrySaysWhoDidWhatToWhatFromWhereAndWhy) {
  const Value page = server.Get("/api/v1/projects/shop/audit?since=4&until=4");
  ASSERT_EQ(RevisionsOf(page), "4");
  const Value& entry = page.Find("entries")->AsArray()[0];
  EXPECT_TRUE(TextAt(entry, "principal").starts_with("key:"));
  EXPECT_EQ(TextAt(entry, "action"), "definitions.change");
  EXPECT_EQ(TextAt(entry, "project"), "shop");
  EXPECT_EQ(TextAt(entry, "address"), "127.0.0.1");
  EXPECT_EQ(TextAt(entry, "comment"), "too slow");
  EXPECT_NE(TextAt(entry, "request_id"), "");
  EXPECT_TRUE(TextAt(entry, "time").starts_with("20"));
  EXPECT_EQ(TextAt(entry, "environments"), R"(["production"])");
  EXPECT_EQ(TextAt(entry, "subjects"), R"([{"kind":"flag","key":"a","change":"change","before":2}])");
}

TEST_F(AuditApiTest, EveryFilterLeavesOutWhatItDoesNotName) {
  EXPECT_EQ(Log(""), "7 6 5 4 3 2 1");
  EXPECT_EQ(Log("order=oldest"), "1 2 3 4 5 6 7");
  EXPECT_EQ(Log("kind=flag"), "6 4 3 2");
  EXPECT_EQ(Log("kind=flag&key=a"), "4 2");
  EXPECT_EQ(Log("action=key.create"), "5");
  EXPECT_EQ(Log("environment=production"), "6 5 4 3 2 1");
  EXPECT_EQ(Log("environment=staging"), "6 3 2 1");
  EXPECT_EQ(Log("since=3&until=5"), "5 4 3");
  EXPECT_EQ(Log("principal=system"), "");
  EXPECT_EQ(RevisionsOf(server.Get("/api/v1/projects/bank/audit")), "7");
  EXPECT_EQ(RevisionsOf(server.Get("/api/v1/projects/shop/audit")), "6 5 4 3 2 1");
  const std::string then = TextAt(server.Get("/api/v1/audit?since=3&until=3").Find("entries")->AsArray()[0], "time");
  EXPECT_TRUE(Log("until=" + then).ends_with("3 2 1")) << Log("until=" + then);
  EXPECT_NE(Log("since=" + then).find("3"), std::string::npos);
  EXPECT_EQ(Log("since=2090-01-01T00:00:00Z"), "");
  for (const char* wrong : {"since=yesterday", "until=-1", "order=random", "limit=0", "limit=501", "cursor=x"}) {
    EXPECT_EQ(server.Call("GET", std::string("/api/v1/audit?") + wrong).status, 400) << wrong;
  }
}

TEST_F(AuditApiTest, PagesLeadFromOneEndToTheOther) {
  for (const auto& [order, wanted] : {std::pair("newest", "7 6 5 4 3 2 1"), std::pair("oldest", "1 2 3 4 5 6 7")}) {
    std::string all, cursor;
    for (int pages = 0; pages < 10; ++pages) {
      const Value page = server.Get(std::string("/api/v1/audit?limit=2&order=") + order + cursor);
      all += (all.empty() ? "" : " ") + RevisionsOf(page);
      if (page.Find("next") == nullptr) break;
      cursor = "&cursor=" + TextAt(page, "next");
    }
    EXPECT_EQ(all, wanted);
  }
}

TEST_F(AuditApiTest, AnErasedEntryIsThereAndSaysNothing) {
  Txn txn;
  txn.ops = {TxnOp::Put("item/note/a", "x")};
  txn.revision = RevisionRecord{"{}", R"({"principal":"system","action":"privacy.erase","subject":"shop"})"};
  txn.redact = {4};
  ASSERT_TRUE(server.store().Commit(std::move(txn)));
  const Value page = server.Get("/api/v1/audit?since=4&until=4");
  ASSERT_EQ(RevisionsOf(page), "4");
  EXPECT_EQ(TextAt(page.Find("entries")->AsArray()[0], "redacted"), "true");
  EXPECT_EQ(page.Find("entries")->AsArray()[0].AsObject().size(), 3u);
  EXPECT_EQ(RevisionsOf(server.Get("/api/v1/audit?kind=flag&key=a")), "2");
  // Entries of servers that named a project only.
  EXPECT_EQ(RevisionsOf(server.Get("/api/v1/projects/shop/audit?action=privacy.erase")), "8");
}

TEST_F(AuditApiTest, LinksAndCheckpointsAreAllThatItTakesToVerify) {
  const Result<AuditHeader> header = DecodeAuditHeader(server.Get("/api/v1/audit/checkpoints"));
  ASSERT_TRUE(header) << header.error().message;
  std::string text = ToJson(EncodeAuditHeader(*header)) + "\n";
  for (const char* page : {"after=0&limit=4", "after=4"}) {
    const Value links = server.Get(std::string("/api/v1/audit/links?") + page);
    for (const Value& link : links.Find("links")->AsArray()) text += ToJson(link) + "\n";
    EXPECT_EQ(TextAt(links, "more"), page[6] == '0' ? "true" : "false");
  }
  const Result<AuditReport> report = VerifyAuditFile(text, {});
  ASSERT_TRUE(report) << report.error().message;
  EXPECT_TRUE(report->ok()) << report->chain.faults.front().what;
  EXPECT_EQ(report->chain.to, 7u);
}

// Keys of two projects go with their member, who is of none: each project's log says what became of its own.
TEST_F(AuditApiTest, WhatIsAboutSeveralProjectsIsInTheLogOfEach) {
  Expect(201, server.Call("PUT", "/api/v1/members/ana",
                          {.body = R"({"name":"Ana","bindings":[{"role":"viewer"},{"role":"editor"}]})"}));
  Expect(201, server.Call("POST", "/api/v1/projects/shop/keys",
                          {.body = R"({"kind":"admin","role":"viewer","member":"ana"})"}));
  Expect(201, server.Call("POST", "/api/v1/projects/bank/keys",
                          {.body = R"({"kind":"admin","role":"viewer","member":"ana"})"}));
  Expect(200, server.Call("DELETE", "/api/v1/members/ana"));
  EXPECT_EQ(Log("action=member.delete"), "11");
  const Value all = server.Get("/api/v1/audit?since=11"), shop = server.Get("/api/v1/projects/shop/audit?since=11"),
              bank = server.Get("/api/v1/projects/bank/audit?since=8");
  EXPECT_EQ(all.Find("entries")->AsArray()[0].Find("subjects")->AsArray().size(), 3u);
  ASSERT_EQ(RevisionsOf(shop), "11");
  const Value& entry = shop.Find("entries")->AsArray()[0];
  EXPECT_EQ(TextAt(entry, "subjects_left_out"), "2");
  const Array& subjects = entry.Find("subjects")->AsArray();
  ASSERT_EQ(subjects.size(), 1u);
  EXPECT_EQ(TextAt(subjects[0], "kind"), "key");
  EXPECT_EQ(TextAt(subjects[0], "project"), "shop");
  EXPECT_EQ(TextAt(subjects[0], "before"), "9");
  EXPECT_EQ(RevisionsOf(bank), "11 10");
}

// A store of many years has checkpoints by the hundred thousand: the answer has some of each time, and that of now.
TEST(AuditLogTest, AHeaderHasSoManyCheckpointsAtMostFromTheFirstToTheLast) {
  const std::unique_ptr<Store> store = OpenMemoryStore();
  AuditLog log(*store, std::make_shared<SigningKey>(*SigningKey::Generate()));
  const auto keep = [&](int count) {
    for (int i = 0; i < count; ++i) {
      Txn txn;
      txn.ops = {TxnOp::Put("a", std::to_string(i))};
      txn.revision = RevisionRecord{"log", "audit"};
      ASSERT_TRUE(store->Commit(std::move(txn)));
      ASSERT_TRUE(log.KeepCheckpoint(Timestamp{}));
    }
  };
  keep(1'000);
  EXPECT_EQ(log.Header(Timestamp{})->checkpoints.size(), 1'001u) << "all, and that of now";
  keep(1'001);
  const Result<AuditHeader> header = log.Header(Timestamp{});
  ASSERT_TRUE(header) << header.error().message;
  EXPECT_GT(header->checkpoints.size(), AuditLog::kMostCheckpoints / 2);
  EXPECT_LE(header->checkpoints.size(), AuditLog::kMostCheckpoints + 1);
  EXPECT_EQ(header->checkpoints.front().revision, 1u);
  EXPECT_EQ(header->checkpoints.back().revision, 2'001u);
}

TEST_F(AuditApiTest, TheHistoryOfAFlagGoesBackBeyondItsRemoval) {
  const Value a = server.Get("/api/v1/projects/shop/flags/a/history");
  EXPECT_EQ(RevisionsOf(a, "changes"), "4 2");
  const Value& change = a.Find("changes")->AsArray()[0];
  EXPECT_EQ(TextAt(change, "action"), "update");
  EXPECT_EQ(TextAt(change, "comment"), "too slow");
  EXPECT_NE(TextAt(change, "summary").find("default"), std::string::npos) << TextAt(change, "summary");
  EXPECT_EQ(TextAt(a.Find("changes")->AsArray()[1], "action"), "create");
  EXPECT_EQ(TextAt(a, "complete"), "true");
  EXPECT_EQ(RevisionsOf(server.Get("/api/v1/projects/shop/flags/b/history"), "changes"), "6 3");
  server.PutFlag("b");
  const Value first = server.Get("/api/v1/projects/shop/flags/b/history?limit=2");
  EXPECT_EQ(RevisionsOf(first, "changes"), "8 6");
  EXPECT_EQ(RevisionsOf(server.Get("/api/v1/projects/shop/flags/b/history?cursor=" + TextAt(first, "next")), "changes"),
            "3");
  ASSERT_TRUE(server.store().Compact(*server.store().PositionOf(4)));
  const Value later = server.Get("/api/v1/projects/shop/flags/a/history");
  EXPECT_EQ(RevisionsOf(later, "changes"), "4");
  EXPECT_EQ(later.Find("changes")->AsArray()[0].Find("summary"), nullptr);
  EXPECT_EQ(TextAt(later, "complete"), "false");
}

TEST_F(AuditApiTest, ADryRunSaysWhatWouldChangeAndWritesNothing) {
  const Revision before = server.head();
  const HttpAnswer answer =
      server.Call("POST", "/api/v1/projects/shop/changes?dry_run=true",
                  {.body = R"({"changes":[{"kind":"flag","key":"a","action":"patch",)"
                           R"("definition":{"environments":{"production":{"default":"on"}}}}]})"});
  Expect(200, answer);
  const Value plan = TestServer::Body(answer);
  EXPECT_EQ(TextAt(plan, "revision"), "null");
  ASSERT_EQ(plan.Find("changes")->AsArray().size(), 1u);
  EXPECT_EQ(TextAt(plan.Find("changes")->AsArray()[0], "key"), "a");
  EXPECT_EQ(server.head(), before);
}

TEST_F(AuditApiTest, AMomentIsEvaluatedWithTheRulesAndTheClockOfThen) {
  const std::string then = TextAt(server.Get("/api/v1/audit?since=4&until=4").Find("entries")->AsArray()[0], "time");
  const auto evaluate = [&](const std::string& when) {
    return server.Call("POST", "/api/v1/projects/shop/environments/production/evaluate",
                       {.body = R"({"flag":"a","context":{"key":"u"})" + when + "}"});
  };
  const HttpAnswer at = evaluate(R"(,"at":")" + then + "\"");
  Expect(200, at);
  EXPECT_GE(TestServer::Body(at).Find("revision")->AsInt(), 4);  // the newest of that millisecond
  EXPECT_EQ(TextAt(TestServer::Body(evaluate(R"(,"revision":2)")).Find("evaluations")->AsArray()[0], "value"), "true");
  Expect(404, evaluate(R"(,"at":"2001-01-01T00:00:00Z")"));
  Expect(422, evaluate(R"(,"at":"2090-01-01T00:00:00Z")"));
  Expect(422, evaluate(R"(,"at":"tuesday")"));
  Expect(422, evaluate(R"(,"revision":2,"at":")" + then + "\""));
  const std::string snapshot = "/api/v1/projects/shop/environments/production/snapshot?at=";
  Expect(200, server.Call("GET", snapshot + then));
  Expect(400, server.Call("GET", snapshot + "tuesday"));
  Expect(400, server.Call("GET", snapshot + then + "&revision=2"));
}

// What `now` is in a condition.
TEST_F(AuditApiTest, AMomentIsWhatNowWasThen) {
  const std::int64_t change =
      *ParseTimestamp(TextAt(server.Get("/api/v1/audit?limit=1").Find("entries")->AsArray()[0], "time"));
  server.SetNow(change + kHourMs);
  const std::string bound = FormatTimestamp(change + kHourMs / 2);
  Expect(200, server.Call("PATCH", "/api/v1/projects/shop/flags/a",
                          {.body = R"({"environments":{"production":{"rules":[{"id":"late","when":{"now":{"after":")" +
                                   bound + R"("}},"serve":"on"}]}}})"}));
  const auto served = [&](const std::string& when) {
    const HttpAnswer answer = server.Call("POST", "/api/v1/projects/shop/environments/production/evaluate",
                                          {.body = R"({"flag":"a","context":{"key":"u"})" + when + "}"});
    Expect(200, answer);
    return TextAt(TestServer::Body(answer).Find("evaluations")->AsArray()[0], "value");
  };
  EXPECT_EQ(served(""), "true");
  EXPECT_EQ(served(R"(,"at":")" + FormatTimestamp(change + kHourMs / 2 - 1000) + "\""), "false");
  EXPECT_EQ(served(R"(,"at":")" + FormatTimestamp(change + kHourMs / 2 + 1000) + "\""), "true");
}

}  // namespace
}  // namespace guidon
