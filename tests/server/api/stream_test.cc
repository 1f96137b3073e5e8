// What SDKs see over HTTP.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/codec/wire.h"
#include "tests/server/api/api_fixture.h"
#include "tests/support/gunzip.h"

namespace guidon {
namespace {

using ::testing::HasSubstr;
using testing::StreamClient;

struct Shop {
  explicit Shop(const TestServerOptions& options = {}) : server(options) {
    server.MakeShop();
    server.PutFlag("a");
    key = server.MakeKey(KeyKind::kServer, "shop", "production");
  }
  TestServer server;
  std::string key;
};

TEST(RulesetTest, HasAStrongTagPerEncodingThatMovesWithTheScope) {
  Shop shop;
  const HttpAnswer plain = shop.server.Call("GET", "/sdk/v1/ruleset", {.key = shop.key});
  EXPECT_EQ(plain.status, 200);
  EXPECT_EQ(plain.Header("Content-Type"), "application/json");
  EXPECT_EQ(plain.Header("Vary"), "Accept-Encoding");
  EXPECT_TRUE(DecodeSnapshot(plain.body));
  const std::string tag = plain.Header("ETag");
  EXPECT_EQ(tag.front(), '"');
  const HttpAnswer zipped =
      shop.server.Call("GET", "/sdk/v1/ruleset", {.key = shop.key, .headers = {{"Accept-Encoding", "br, gzip"}}});
  EXPECT_EQ(zipped.Header("Content-Encoding"), "gzip");
  EXPECT_NE(zipped.Header("ETag"), tag);
  EXPECT_EQ(testing::Gunzip(zipped.body), plain.body);

  const auto ask = [&](const std::string& held, const std::string& encoding) {
    return shop.server
        .Call("GET", "/sdk/v1/ruleset",
              {.key = shop.key, .headers = {{"If-None-Match", held}, {"Accept-Encoding", encoding}}})
        .status;
  };
  EXPECT_EQ(ask(tag, "identity"), 304);
  EXPECT_EQ(ask(tag, "gzip"), 200);
  EXPECT_EQ(ask(zipped.Header("ETag"), "gzip"), 304);
  EXPECT_EQ(ask("\"x\", " + tag, "identity"), 304);
  EXPECT_EQ(
      shop.server.Call("PUT", "/api/v1/projects/shop/metrics/m", {.body = R"({"event":"e","type":"count"})"}).status,
      201);
  EXPECT_EQ(ask(tag, "identity"), 304);  // metrics are no part of it
  shop.server.PutFlag("a", "off");
  EXPECT_EQ(ask(tag, "identity"), 200);
  const HttpAnswer now = shop.server.Call("GET", "/sdk/v1/ruleset", {.key = shop.key});
  EXPECT_EQ(DecodeSnapshot(now.body)->snapshot.revision, shop.server.head());
}

// An I/O thread, which others share, sends what is there and makes nothing.
TEST(RulesetTest, IsEncodedOnceForEachStateAndNotByAnIoThread) {
  Shop shop;
  const auto ask = [&](const std::string& encoding) {
    return shop.server.Call("GET", "/sdk/v1/ruleset", {.key = shop.key, .headers = {{"Accept-Encoding", encoding}}})
        .status;
  };
  shop.server.PutFlag("a", "off");
  const int before = shop.server.put_off();
  EXPECT_EQ(ask("identity"), 200);
  EXPECT_EQ(shop.server.put_off(), before + 1);
  EXPECT_EQ(ask("identity"), 200);
  EXPECT_EQ(shop.server.put_off(), before + 1);
  EXPECT_EQ(ask("gzip"), 200);
  EXPECT_EQ(ask("gzip"), 200);
  EXPECT_EQ(shop.server.put_off(), before + 2);
  shop.server.PutFlag("a", "on");
  EXPECT_EQ(ask("gzip"), 200);
  EXPECT_EQ(shop.server.put_off(), before + 3);
}

TEST(StreamTest, ResumesExactlyWhereItWasCutOff) {
  Shop shop;
  StreamClient client;
  {
    OpenStream stream(shop.server, shop.key);
    const HttpAnswer head = stream.Head();
    EXPECT_EQ(head.status, 200);
    EXPECT_EQ(head.Header("Content-Type"), "text/event-stream");
    EXPECT_EQ(head.Header("Cache-Control"), "no-store");
    ASSERT_TRUE(stream.ReadUntil(client, [&] { return client.snapshots() == 1; }));
    shop.server.PutFlag("a", "off");
    ASSERT_TRUE(stream.ReadUntil(client, [&] { return client.changes() == 1; }));
  }
  shop.server.PutFlag("b");
  shop.server.PutFlag("c");
  client.Reconnect();
  OpenStream stream(shop.server, shop.key, client.LastEventId());
  EXPECT_EQ(stream.Head().status, 200);
  ASSERT_TRUE(stream.ReadUntil(client, [&] { return client.revision() == shop.server.head(); }));
  EXPECT_EQ(client.snapshots(), 1);
  EXPECT_EQ(client.changes(), 3);
}

TEST(StreamTest, ResumingWithTheWrongIdGivesASnapshot) {
  Shop shop;
  const std::string epoch = shop.server.store().Epoch();
  for (const std::string& id :
       {std::string("nonsense"), std::string("zzzzzzzzzzzzzzzz-2"), epoch + "-400", epoch + "-0"}) {
    StreamClient client;
    OpenStream stream(shop.server, shop.key, id);
    EXPECT_EQ(stream.Head().status, 200);
    EXPECT_TRUE(stream.ReadUntil(client, [&] { return client.snapshots() == 1; })) << id;
  }
}

TEST(StreamTest, OlderThanTheRingGivesASnapshot) {
  TestServerOptions options;
  options.feed.ring_changes = 3;
  Shop shop(options);
  StreamClient client;
  {
    OpenStream stream(shop.server, shop.key);
    stream.Head();
    ASSERT_TRUE(stream.ReadUntil(client, [&] { return client.snapshots() == 1; }));
  }
  for (int i = 0; i < 6; ++i) shop.server.PutFlag("a", i % 2 == 0 ? "off" : "on");
  client.Reconnect();
  OpenStream stream(shop.server, shop.key, client.LastEventId());
  stream.Head();
  ASSERT_TRUE(stream.ReadUntil(client, [&] { return client.snapshots() == 2; }));
  EXPECT_EQ(client.changes(), 0);
  EXPECT_EQ(client.revision(), shop.server.head());
}

TEST(StreamTest, WhoDoesNotReadSkipsToTheCurrentStateAndDelaysNobody) {
  TestServerOptions options;
  options.feed.ring_changes = 4;
  Shop shop(options);
  OpenStream slow(shop.server, shop.key);
  slow.Head();
  OpenStream quick(shop.server, shop.key);
  quick.Head();
  StreamClient slow_client, quick_client;
  const std::string padding(100'000, 'x');  // more in all than two sockets' buffers hold
  for (int i = 0; i < 100; ++i) {
    const std::string body = R"({"type":"json","owner":"x","variations":{"v":")" + padding + std::to_string(i) + "\"}}";
    ASSERT_LT(shop.server.Call("PUT", "/api/v1/projects/shop/flags/big", {.body = body}).status, 300);
    ASSERT_TRUE(quick.ReadUntil(quick_client, [&] { return quick_client.revision() == shop.server.head(); }));
  }
  EXPECT_EQ(quick_client.snapshots(), 1);
  EXPECT_EQ(quick_client.changes(), 100);
  ASSERT_TRUE(slow.ReadUntil(slow_client, [&] { return slow_client.revision() == shop.server.head(); }));
  EXPECT_GE(slow_client.snapshots(), 2);
  EXPECT_LT(slow_client.changes(), 100);
  EXPECT_EQ(slow_client.records(), quick_client.records());
}

// Promise R8.
TEST(StreamTest, RevokingAKeyEndsItsStreamsAtOnceAndNoOther) {
  TestServerOptions options;
  // So that nobody is told by a tick: the revocation itself sends the goodbye, and there is no other second to wait
  // for.
  options.tick = std::chrono::hours(1);
  Shop shop(options);
  const HttpAnswer made = shop.server.Call("POST", "/api/v1/projects/shop/keys",
                                           {.body = R"({"kind":"server","environment":"production"})"});
  ASSERT_EQ(made.status, 201);
  EXPECT_EQ(made.Header("Cache-Control"), "no-store");
  const Value document = TestServer::Body(made);
  StreamClient revoked, other;
  OpenStream stream(shop.server, TextAt(document, "key")), beside(shop.server, shop.key);
  stream.Head();
  beside.Head();
  ASSERT_TRUE(stream.ReadUntil(revoked, [&] { return revoked.snapshots() == 1; }));
  ASSERT_TRUE(beside.ReadUntil(other, [&] { return other.snapshots() == 1; }));
  EXPECT_EQ(shop.server.Call("DELETE", "/api/v1/projects/shop/keys/" + TextAt(document, "id")).status, 200);
  ASSERT_TRUE(stream.ReadUntil(revoked, [&] { return revoked.said_goodbye(); }));
  EXPECT_EQ(revoked.goodbye(), "revoked");
  EXPECT_TRUE(stream.IsAtEnd());
  shop.server.PutFlag("b");
  EXPECT_TRUE(beside.ReadUntil(other, [&] { return other.revision() == shop.server.head(); }));
  EXPECT_FALSE(other.said_goodbye());
  EXPECT_EQ(shop.server.Call("GET", "/sdk/v1/ruleset", {.key = TextAt(document, "key")}).status, 401);
}

TEST(StreamTest, AKeyThatExpiresEndsItsStreamsAndIsRefused) {
  Shop shop;
  constexpr std::int64_t kNow = 1'800'000'000'000;
  shop.server.SetNow(kNow);
  const HttpAnswer made =
      shop.server.Call("POST", "/api/v1/projects/shop/keys",
                       {.body = R"({"kind":"server","environment":"production","expires_in":"2h"})"});
  ASSERT_EQ(made.status, 201) << made.body;
  const Value document = TestServer::Body(made);
  EXPECT_EQ(TextAt(document, "expires"), "2027-01-15T10:00:00.000Z");
  StreamClient client;
  OpenStream stream(shop.server, TextAt(document, "key"));
  stream.Head();
  ASSERT_TRUE(stream.ReadUntil(client, [&] { return client.snapshots() == 1; }));
  shop.server.SetNow(kNow + 2 * 3'600'000);
  ASSERT_TRUE(stream.ReadUntil(client, [&] { return client.said_goodbye(); }));
  EXPECT_EQ(client.goodbye(), "revoked");
  const HttpAnswer refused =
      shop.server.Call("GET", "/sdk/v1/ruleset", {.key = "-", .headers = {{"X-API-Key", TextAt(document, "key")}}});
  EXPECT_EQ(refused.status, 401);
  EXPECT_NE(refused.body.find("expired at 2027-01-15T10:00:00"), std::string::npos) << refused.body;
  EXPECT_EQ(shop.server.Call("GET", "/sdk/v1/ruleset", {.key = "-", .headers = {{"X-API-Key", shop.key}}}).status, 200);
  for (const char* wrong : {"90", "-1d", "0d", "forever", "4000d"}) {
    const HttpAnswer answer =
        shop.server.Call("POST", "/api/v1/projects/shop/keys",
                         {.body = R"({"kind":"admin","expires_in":")" + std::string(wrong) + "\"}"});
    EXPECT_EQ(answer.status, 422) << wrong << answer.body;
  }
}

TEST(StreamTest, ARotatedKeyKeepsItsStreamsForTheOverlap) {
  Shop shop({.tick = std::chrono::milliseconds(50)});
  constexpr std::int64_t kNow = 1'800'000'000'000;
  shop.server.SetNow(kNow);
  const Value old = TestServer::Body(shop.server.Call("POST", "/api/v1/projects/shop/keys",
                                                      {.body = R"({"kind":"server","environment":"production"})"}));
  StreamClient client, next_client;
  OpenStream stream(shop.server, TextAt(old, "key"));
  stream.Head();
  ASSERT_TRUE(stream.ReadUntil(client, [&] { return client.snapshots() == 1; }));
  const HttpAnswer rotated = shop.server.Call("POST", "/api/v1/projects/shop/keys/" + TextAt(old, "id") + "/rotate",
                                              {.body = R"({"overlap":"1h"})"});
  ASSERT_EQ(rotated.status, 201) << rotated.body;
  OpenStream next(shop.server, TextAt(TestServer::Body(rotated), "key"));
  next.Head();
  shop.server.PutFlag("b");
  ASSERT_TRUE(stream.ReadUntil(client, [&] { return client.revision() == shop.server.head(); }));
  shop.server.SetNow(kNow + 3'600'000);
  ASSERT_TRUE(stream.ReadUntil(client, [&] { return client.said_goodbye(); }));
  EXPECT_EQ(client.goodbye(), "revoked");
  shop.server.PutFlag("c");
  EXPECT_TRUE(next.ReadUntil(next_client, [&] { return next_client.revision() == shop.server.head(); }));
  EXPECT_FALSE(next_client.said_goodbye());
}

TEST(StreamTest, DeletingAnEnvironmentSaysGone) {
  Shop shop;
  const std::string key = shop.server.MakeKey(KeyKind::kRelay, "bank", "production");
  EXPECT_EQ(
      shop.server.Call("POST", "/api/v1/projects", {.body = R"({"project":"bank","environments":{"production":{}}})"})
          .status,
      201);
  StreamClient client;
  OpenStream stream(shop.server, key);
  stream.Head();
  ASSERT_TRUE(stream.ReadUntil(client, [&] { return client.snapshots() == 1; }));
  // A valid key of it is in the way of a person, so the catalog is asked.
  ASSERT_TRUE(shop.server.catalog().DeleteEnvironment("bank", "production", {}, {"system", "", ""}, std::nullopt));
  ASSERT_TRUE(stream.ReadUntil(client, [&] { return client.said_goodbye(); }));
  EXPECT_EQ(client.goodbye(), "gone");
  EXPECT_TRUE(stream.IsAtEnd());
  OpenStream again(shop.server, key);
  EXPECT_EQ(again.Head().status, 404);
}

TEST(StreamTest, BeyondSlotsAndQueueAConnectIsSentAwayForAJitteredWhile) {
  TestServerOptions options;
  options.api.init_slots = 1;
  options.api.init_queue = 2;
  Shop shop(options);
  // A snapshot that no socket takes at once keeps the slot.
  const std::string body = R"({"type":"json","owner":"x","variations":{"v":")" + std::string(2'500'000, 'x') + "\"}}";
  for (const char* flag : {"b1", "b2", "b3"}) {
    ASSERT_EQ(shop.server.Call("PUT", "/api/v1/projects/shop/flags/" + std::string(flag), {.body = body}).status, 201);
  }
  OpenStream slow(shop.server, shop.key, "", 4'096);
  ASSERT_EQ(slow.Head().status, 200);
  OpenStream second(shop.server, shop.key), third(shop.server, shop.key);
  ASSERT_EQ(second.Head().status, 200);
  ASSERT_EQ(third.Head().status, 200);
  std::set<std::string> delays;
  for (int i = 0; i < 40; ++i) {
    OpenStream refused(shop.server, shop.key);
    const HttpAnswer answer = refused.Head();
    ASSERT_EQ(answer.status, 503);
    ASSERT_EQ(answer.CountOf("Retry-After"), 1);
    const int seconds = std::stoi(answer.Header("Retry-After"));
    EXPECT_GE(seconds, 1);
    EXPECT_LE(seconds, 10);
    delays.insert(answer.Header("Retry-After"));
  }
  EXPECT_GT(delays.size(), 2u);
  EXPECT_EQ(shop.server.Metric("guidon_streams_refused_total{reason=\"init_queue\"}"), "40");
  // Who resumes is not held up, and once the slow one goes the others come, in their order.
  OpenStream resumed(shop.server, shop.key, shop.server.store().Epoch() + "-" + std::to_string(shop.server.head()));
  StreamClient resumed_client, second_client, third_client;
  EXPECT_EQ(resumed.Head().status, 200);
  EXPECT_THAT(resumed.connection().ReadUntil("\n\n"), HasSubstr("event: heartbeat"));
  slow.connection().Reset();
  EXPECT_TRUE(second.ReadUntil(second_client, [&] { return second_client.snapshots() == 1; }));
  EXPECT_TRUE(third.ReadUntil(third_client, [&] { return third_client.snapshots() == 1; }));
}

TEST(StreamTest, AServerThatStopsSaysGoodbyeAndTakesNoNewStream) {
  Shop shop;
  StreamClient client;
  OpenStream stream(shop.server, shop.key);
  stream.Head();
  ASSERT_TRUE(stream.ReadUntil(client, [&] { return client.snapshots() == 1; }));
  shop.server.SetStopping();
  OpenStream late(shop.server, shop.key);
  const HttpAnswer answer = late.Head();
  EXPECT_EQ(answer.status, 503);
  EXPECT_NE(answer.Header("Retry-After"), "");
  EXPECT_EQ(shop.server.Metric("guidon_streams_refused_total{reason=\"stopping\"}"), "1");
  shop.server.http().Stop(std::chrono::seconds(5));
  ASSERT_TRUE(stream.ReadUntil(client, [&] { return client.said_goodbye(); }));
  EXPECT_EQ(client.goodbye(), "shutdown");
}

TEST(StreamTest, StreamsAreCountedByHowTheyBeginAndWhyTheyEnd) {
  Shop shop({.api = {.version = "0.1.0", .init_slots = 1, .init_queue = 0}});
  TestServer& server = shop.server;
  const auto count = [&](const std::string& name, const std::string& reason) {
    return server.Metric("guidon_" + name + "_total{reason=\"" + reason + "\"}");
  };
  const auto becomes = [&](const std::string& reason, const std::string& wanted) {
    return testing::Eventually([&] { return count("streams_closed", reason) == wanted; });
  };
  StreamClient client;
  {
    OpenStream fresh(server, shop.key);
    ASSERT_TRUE(fresh.ReadUntil(client, [&] { return client.snapshots() == 1; }));
    server.PutFlag("b");
    ASSERT_TRUE(fresh.ReadUntil(client, [&] { return client.changes() == 1; }));
  }
  EXPECT_TRUE(becomes("client", "1"));
  EXPECT_EQ(server.written(), 1) << "the change reached the only stream that there was";
  const std::string resume = client.LastEventId();
  OpenStream resumed(server, shop.key, resume);
  EXPECT_EQ(resumed.Head().status, 200);
  {
    StreamClient other;
    OpenStream reset(server, shop.key, "zzzzzzzzzzzzzzzz-1");
    ASSERT_TRUE(reset.ReadUntil(other, [&] { return other.snapshots() == 1; }));
    reset.connection().Reset();
    EXPECT_TRUE(becomes("broken", "1"));
  }
  EXPECT_EQ(count("streams_opened", "fresh"), "1");
  EXPECT_EQ(count("streams_opened", "resumed"), "1");
  EXPECT_EQ(count("streams_opened", "reset"), "1");

  // Who may not have one.
  EXPECT_EQ(server.Call("GET", "/sdk/v1/stream").status, 403) << "an admin key";
  EXPECT_EQ(count("keys_denied", "forbidden"), "1");

  const std::string key =
      TextAt(TestServer::Body(server.Call("POST", "/api/v1/projects/shop/keys",
                                          {.body = R"({"kind":"server","environment":"staging"})"})),
             "key");
  StreamClient staging;
  OpenStream revoked(server, key);
  ASSERT_TRUE(revoked.ReadUntil(staging, [&] { return staging.snapshots() == 1; }));
  EXPECT_EQ(server.Call("DELETE", "/api/v1/projects/shop/keys/" + std::string(ParseKey(key)->selector)).status, 200);
  EXPECT_TRUE(becomes("revoked", "1"));
  server.http().Stop(std::chrono::seconds(5));
  EXPECT_EQ(count("streams_closed", "shutdown"), "1");
}

TEST(StreamTest, AHeadRequestGetsNoStream) {
  Shop shop;
  const HttpAnswer answer = shop.server.Call("HEAD", "/sdk/v1/stream", {.key = shop.key});
  EXPECT_EQ(answer.status, 200);
  EXPECT_EQ(answer.Header("Content-Type"), "text/event-stream");
}

}  // namespace
}  // namespace guidon
