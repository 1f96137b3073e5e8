// What a client sends of what happened, and when it does not, by docs/spec/events.md.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <guidon/test_source.h>

#include <cmath>
#include <fstream>
#include <limits>
#include <regex>
#include <set>

#include "tests/sdk/application.h"

namespace guidon {
namespace {

using namespace std::chrono_literals;
using testing::Accepted;
using testing::AcceptStream;
using testing::Application;
using testing::ConfigForEvents;
using testing::Eventually;
using ::testing::HasSubstr;
using testing::kPatience;
using testing::Log;
using ::testing::Not;
using testing::ScriptedServer;
using testing::SentBatch;
using testing::World;

const Context kUser("user-1");

// The `n` of each tracked event: {"attributes": {"n": 17}}.
std::vector<std::int64_t> NumbersOf(const SentBatch& batch) {
  std::vector<std::int64_t> numbers;
  for (const Value& event : batch.EventsOf("track")) {
    const Value* attributes = event.Find("attributes");
    const Value* n = attributes == nullptr ? nullptr : attributes->Find("n");
    numbers.push_back(n == nullptr ? -1 : n->AsInt());
  }
  return numbers;
}

void TrackNumbers(const Client& client, int begin, int end) {
  for (int n = begin; n < end; ++n) client.Track("step", kUser, {{"n", n}});
}

std::vector<std::int64_t> Numbers(int begin, int end) {
  std::vector<std::int64_t> numbers;
  for (int n = begin; n < end; ++n) numbers.push_back(n);
  return numbers;
}

// What can go wrong on the way, over plain and over TLS.
class EventDeliveryTest : public ::testing::TestWithParam<ScriptedServer::Mode> {};
INSTANTIATE_TEST_SUITE_P(Over, EventDeliveryTest, testing::kBothModes, testing::NameOfMode);

// ---- What is in a batch ------------------------------------------------------------------------------------------

TEST(EventsTest, WhatIsTrackedGoesOutInOneBatch) {
  Application application([](ClientConfig& config) {
    config.application = "shop";
    config.application_version = "4.2.0";
  });
  const Client& client = *application.client;
  const auto before = std::chrono::system_clock::now() - 200ms;
  Context user("user-42");
  user.Set("account_id", "acct-17").Set("country", "DE").Set("age", 31).Set("score", 0.5).Set("beta", true);
  client.Track("order", user, 31.50, {{"currency", "EUR"}, {"items", 3}, {"gift", false}});
  client.Track("page_view", user);
  client.Track("latency", user, 120);
  client.Track("click", user, {{"button", "buy"}});
  EXPECT_EQ(client.Status().events.queued, 4u);
  auto flushed = application.Flush();
  const auto connection = application.server.Accept();
  ASSERT_TRUE(connection);
  EXPECT_EQ(connection->request().Header("Authorization"), "Bearer gdn_srv_test");
  EXPECT_EQ(connection->request().Header("Guidon-Schema"), "1");
  EXPECT_EQ(connection->request().Header("Guidon-Application"), "shop/4.2.0");
  EXPECT_EQ(connection->request().Header("User-Agent"), "guidon-cpp/" GUIDON_VERSION);
  const SentBatch batch(connection->request());
  EXPECT_FALSE(batch.is_gzip) << "it is small";
  EXPECT_EQ(batch.Get("schema"), Value(1));
  EXPECT_TRUE(std::regex_match(batch.id(), std::regex("[A-Za-z0-9_-]{16,64}"))) << batch.id();
  EXPECT_EQ(batch.Get("sdk"), Value(Object{{"name", "guidon-cpp"}, {"version", GUIDON_VERSION}}));
  EXPECT_EQ(batch.Get("application"), Value(Object{{"name", "shop"}, {"version", "4.2.0"}}));
  EXPECT_TRUE(std::regex_match(batch.Get("instance").AsString(), std::regex("[a-z0-9]{16}")));
  const auto ms = [](std::chrono::system_clock::time_point time) {
    return std::chrono::duration_cast<std::chrono::milliseconds>(time.time_since_epoch()).count();
  };
  EXPECT_GE(batch.Get("sent").AsInt(), ms(before));
  EXPECT_LE(batch.Get("sent").AsInt(), ms(std::chrono::system_clock::now()));

  ASSERT_EQ(batch.events().size(), 4u) << batch.text;
  for (const Value& event : batch.events()) {
    EXPECT_GE(event.Find("time")->AsInt(), ms(before));
    EXPECT_LE(event.Find("time")->AsInt(), batch.Get("sent").AsInt());
  }
  const auto without_time = [&](std::size_t i) {
    Object event = batch.events()[i].AsObject();
    event.Erase("time");
    return Value(event);
  };
  const Object context{{"key", "user-42"}, {"account_id", "acct-17"}, {"country", "DE"}, {"age", 31}, {"score", 0.5},
                       {"beta", true}};
  EXPECT_EQ(without_time(0), Value(Object{{"type", "track"},
                                          {"event", "order"},
                                          {"value", 31.5},
                                          {"context", context},
                                          {"attributes", Object{{"currency", "EUR"}, {"items", 3}, {"gift", false}}}}));
  EXPECT_EQ(without_time(1), Value(Object{{"type", "track"}, {"event", "page_view"}, {"context", context}}));
  EXPECT_EQ(without_time(2),
            Value(Object{{"type", "track"}, {"event", "latency"}, {"value", 120}, {"context", context}}));
  EXPECT_EQ(
      without_time(3),
      Value(Object{
          {"type", "track"}, {"event", "click"}, {"context", context}, {"attributes", Object{{"button", "buy"}}}}));
  EXPECT_EQ(client.Status().events.queued, 4u) << "until they are durable";
  EXPECT_EQ(client.Status().events.batches, 0u);
  connection->SendAnswer(202, {}, Accepted(4));
  EXPECT_TRUE(flushed.get());
  EXPECT_EQ(client.Status().events.queued, 0u);
  EXPECT_EQ(client.Status().events.batches, 1u);
  EXPECT_EQ(client.Status().events.dropped, DroppedEvents());
  EXPECT_EQ(client.Status().events.last_error, "");
}

TEST(EventsTest, WhatNoEventCanSayIsLeftOutAndTheRestIsSent) {
  Application application;
  Context user("user-1");
  user.Set("roles", Array{"admin"}).Set("address", Object{{"city", "Oslo"}}).Set("bad", "\xff").Set("plan", "pro");
  user.Set("novel", std::string(1'025, 'x')).Set("nan", std::nan("")).Set(std::string(1'025, 'n'), 1);
  application.client->Track("order", user,
                            {{"list", Array{1}}, {"none", nullptr}, {"bad", "\xc3"}, {"inf", HUGE_VAL}, {"kept", "é"}});
  application.client->Track("visit", Context());
  auto flushed = application.Flush();
  const SentBatch batch = application.TakeBatch();
  ASSERT_TRUE(flushed.get());
  ASSERT_EQ(batch.events().size(), 2u);
  EXPECT_EQ(*batch.events()[0].Find("context"), Value(Object{{"key", "user-1"}, {"plan", "pro"}}));
  EXPECT_EQ(*batch.events()[0].Find("attributes"), Value(Object{{"kept", "é"}}));
  EXPECT_EQ(*batch.events()[1].Find("context"), Value(Object()));
}

TEST(EventsTest, PrivateAttributesAreInNoByteThatIsSent) {
  Application application([](ClientConfig& config) {
    config.private_attributes = {"secret_mail", "secret_age"};
    config.send_status = true;
    config.status_delay = 1ms;
  });
  ASSERT_TRUE(application.server.Accept()) << "the status";
  Context user("user-1");
  user.Set("secret_mail", "ana@private.example").Set("plan", "pro").Set("secret_age", 4711);
  application.client->Track("order", user, 1, {{"secret_mail", "ana@private.example"}, {"currency", "EUR"}});
  auto flushed = application.Flush();
  const SentBatch batch = application.TakeBatch();
  ASSERT_TRUE(flushed.get());
  EXPECT_THAT(batch.text, HasSubstr("\"plan\":\"pro\""));
  EXPECT_THAT(batch.text, HasSubstr("\"currency\":\"EUR\""));
  for (const char* secret : {"secret", "private", "4711"}) EXPECT_THAT(batch.text, Not(HasSubstr(secret)));
}

TEST(EventsTest, WithAllAttributesPrivateOnlyTheKeyOfAContextIsSentUnlessItIsPrivateToo) {
  for (const bool is_key_private : {false, true}) {
    Application application([&](ClientConfig& config) {
      config.all_attributes_private = true;
      if (is_key_private) config.private_attributes = {"key"};
    });
    Context user("user-1");
    user.Set("plan", "pro");
    application.client->Track("order", user, {{"currency", "EUR"}});
    auto flushed = application.Flush();
    const SentBatch batch = application.TakeBatch();
    ASSERT_TRUE(flushed.get());
    ASSERT_EQ(batch.events().size(), 1u);
    EXPECT_EQ(*batch.events()[0].Find("context"), Value(is_key_private ? Object() : Object{{"key", "user-1"}}));
    EXPECT_EQ(*batch.events()[0].Find("attributes"), Value(Object{{"currency", "EUR"}}));
  }
}

TEST_P(EventDeliveryTest, ALargeBatchIsCompressed) {
  Application application(GetParam());
  TrackNumbers(*application.client, 0, 100);
  auto flushed = application.Flush();
  const auto connection = application.server.Accept();
  ASSERT_TRUE(connection);
  const SentBatch batch(connection->request());
  EXPECT_TRUE(batch.is_gzip);
  EXPECT_LT(connection->request().body.size(), batch.text.size() / 3);
  EXPECT_EQ(NumbersOf(batch), Numbers(0, 100));
  connection->SendAnswer(202);
  EXPECT_TRUE(flushed.get());
}

// ---- When --------------------------------------------------------------------------------------------------------

TEST(EventsTest, WithoutBeingAskedTheyGoOutAfterTheInterval) {
  Application application([](ClientConfig& config) { config.flush_interval = 20ms; });
  TrackNumbers(*application.client, 0, 3);
  std::vector<std::int64_t> seen = NumbersOf(application.TakeBatch());
  while (seen.size() < 3) {
    for (const std::int64_t n : NumbersOf(application.TakeBatch())) seen.push_back(n);
  }
  EXPECT_EQ(seen, Numbers(0, 3));
  EXPECT_TRUE(Eventually([&] { return application.client->Status().events.queued == 0; }));
}

TEST(EventsTest, WithoutBeingAskedTheyGoOutWhenThereAreEnoughForABatch) {
  Application application;
  TrackNumbers(*application.client, 0, 1'000);
  EXPECT_EQ(NumbersOf(application.TakeBatch()), Numbers(0, 1'000));
}

TEST(EventsTest, NothingIsSentWhenThereIsNothingToSay) {
  Application application;
  EXPECT_TRUE(application.client->Flush(kPatience));
  application.client->Close(kPatience);
  EXPECT_FALSE(application.server.IsAsked(0ms));
}

TEST(EventsTest, NoBatchHasMoreThanAThousandEvents) {
  Application application;
  TrackNumbers(*application.client, 0, 2'500);
  auto flushed = application.Flush();
  std::vector<std::int64_t> seen;
  std::set<std::string> ids;
  while (seen.size() < 2'500) {
    const SentBatch batch = application.TakeBatch();
    ASSERT_LE(batch.events().size(), 1'000u);
    ASSERT_GT(batch.events().size(), 0u);
    EXPECT_TRUE(ids.insert(batch.id()).second);
    for (const std::int64_t n : NumbersOf(batch)) seen.push_back(n);
  }
  EXPECT_EQ(seen, Numbers(0, 2'500));
  EXPECT_TRUE(flushed.get());
}

TEST(EventsTest, NoBatchHasMoreThanAMebibyte) {
  Application application;
  const std::string text(14'000, 'x');
  for (int n = 0; n < 200; ++n) application.client->Track("step", kUser, {{"n", n}, {"text", text}});
  auto flushed = application.Flush();
  std::vector<std::int64_t> seen;
  while (seen.size() < 200) {
    const SentBatch batch = application.TakeBatch();
    ASSERT_LE(batch.text.size(), 1u << 20);
    ASSERT_GT(batch.events().size(), 0u);
    for (const std::int64_t n : NumbersOf(batch)) seen.push_back(n);
  }
  EXPECT_EQ(seen, Numbers(0, 200));
  EXPECT_TRUE(flushed.get());
}

// ---- Until it is durable -----------------------------------------------------------------------------------------

TEST_P(EventDeliveryTest, AServerThatAsksToWaitGetsTheSameBatchAfterThat) {
  Application application(GetParam());
  TrackNumbers(*application.client, 0, 2);
  auto flushed = application.Flush();
  const SentBatch first = application.TakeBatch(503, {{"Retry-After", "1"}});
  const auto refused = std::chrono::steady_clock::now();
  TrackNumbers(*application.client, 2, 3);
  auto another = application.Flush();  // does not hurry it
  const SentBatch second = application.TakeBatch();
  EXPECT_GE(std::chrono::steady_clock::now() - refused, 900ms);
  EXPECT_EQ(second.id(), first.id());
  EXPECT_EQ(NumbersOf(second), Numbers(0, 2)) << "a batch is what it was, whatever came since";
  EXPECT_TRUE(flushed.get());
  const SentBatch third = application.TakeBatch();
  EXPECT_NE(third.id(), first.id());
  EXPECT_EQ(NumbersOf(third), Numbers(2, 3));
  EXPECT_TRUE(another.get());
  EXPECT_EQ(application.Dropped(), DroppedEvents());
}

TEST_P(EventDeliveryTest, EveryOtherAnswerIsFollowedByTheSameBatch) {
  Application application(GetParam());
  TrackNumbers(*application.client, 0, 2);
  auto flushed = application.Flush();
  std::string id;
  for (const int status : {200, 204, 302, 405, 408, 429, 500, 502, 503, 504, 507}) {
    const SentBatch batch = application.TakeBatch(status);
    if (id.empty()) id = batch.id();
    EXPECT_EQ(batch.id(), id) << status;
    EXPECT_EQ(NumbersOf(batch), Numbers(0, 2));
    EXPECT_TRUE(Eventually([&] { return application.log.Count("answered " + std::to_string(status)) == 1; }))
        << application.log.Text();
  }
  EXPECT_THAT(application.client->Status().events.last_error, HasSubstr("answered 507"));
  EXPECT_EQ(application.TakeBatch().id(), id);
  EXPECT_TRUE(flushed.get());
  EXPECT_EQ(application.client->Status().events.last_error, "");
  EXPECT_EQ(application.client->Status().events.batches, 1u);
}

TEST_P(EventDeliveryTest, AConnectionThatIsCutIsFollowedByTheSameBatch) {
  Application application(GetParam());
  TrackNumbers(*application.client, 0, 2);
  auto flushed = application.Flush();
  std::vector<std::string> ids;
  for (int i = 0; i < 3; ++i) {
    const auto connection = application.server.Accept();
    ASSERT_TRUE(connection);
    ids.push_back(SentBatch(connection->request()).id());
    if (i == 0) connection->Close();
    if (i == 1) connection->Reset();
    if (i == 2) connection->Send("HTTP/1.1 202 Acc");  // and no more
  }
  const SentBatch batch = application.TakeBatch();
  EXPECT_EQ(NumbersOf(batch), Numbers(0, 2));
  EXPECT_THAT(ids, ::testing::Each(batch.id()));
  EXPECT_TRUE(flushed.get());
}

TEST_P(EventDeliveryTest, AnAnswerThatDoesNotComeIsFollowedByTheSameBatch) {
  Application application(GetParam(), [](ClientConfig& config) { config.request_timeout = 100ms; });
  TrackNumbers(*application.client, 0, 2);
  auto flushed = application.Flush();
  const auto silent = application.server.Accept();
  ASSERT_TRUE(silent);
  const SentBatch batch = application.TakeBatch();
  EXPECT_EQ(batch.id(), SentBatch(silent->request()).id());
  EXPECT_TRUE(flushed.get());
}

TEST_P(EventDeliveryTest, EventsWaitWhileTheServerIsGoneAndGoOutWhenItIsBack) {
  Application application(GetParam(), [](ClientConfig& config) { config.max_batch_age = 1ms; });
  application.server.Stop();
  TrackNumbers(*application.client, 0, 5);
  EXPECT_FALSE(application.client->Flush(50ms));
  TrackNumbers(*application.client, 5, 10);
  EXPECT_FALSE(application.client->Flush(50ms));
  EXPECT_EQ(application.client->Status().events.queued, 10u);
  EXPECT_NE(application.client->Status().events.last_error, "");
  auto flushed = application.Flush();
  application.server.Start();
  std::vector<std::int64_t> seen;
  while (seen.size() < 10) {
    const auto connection = application.server.Accept();
    ASSERT_TRUE(connection);
    if (connection->request().method == "GET") continue;  // the stream was not to end
    const SentBatch batch(connection->request());
    for (const std::int64_t n : NumbersOf(batch)) seen.push_back(n);
    connection->SendAnswer(202);
  }
  EXPECT_EQ(seen, Numbers(0, 10)) << "what surely did not arrive is not lost with its batch";
  EXPECT_TRUE(flushed.get());
  EXPECT_EQ(application.Dropped(), DroppedEvents());
}

TEST_P(EventDeliveryTest, ABatchWithoutAClearAnswerIsDroppedWhenItIsTooOld) {
  Application application(GetParam(), [](ClientConfig& config) {
    config.max_batch_age = 1ms;
    config.backoff_first = config.backoff_most = 20ms;
  });
  TrackNumbers(*application.client, 0, 5);
  auto flushed = application.Flush();
  while (application.Dropped().batches == 0) {
    if (!application.server.IsAsked(10ms)) continue;
    EXPECT_EQ(NumbersOf(application.TakeBatch(500)), Numbers(0, 5));
  }
  EXPECT_FALSE(flushed.get());
  EXPECT_EQ(application.Dropped().batches, 1u);
  EXPECT_EQ(application.client->Status().events.queued, 0u);
  flushed = application.Flush();
  const SentBatch next = application.TakeBatch();
  EXPECT_TRUE(flushed.get());
  ASSERT_EQ(next.events().size(), 1u) << next.text;
  EXPECT_EQ(next.events()[0], Value(Object{{"type", "dropped"}, {"counts", Object{{"batches", 1}}}}));
}

TEST_P(EventDeliveryTest, ABatchThatIsRefusedIsDroppedAndSaidOnceAndTheNextOneSaysSo) {
  Application application(GetParam());
  for (int i = 1; i <= 3; ++i) {
    TrackNumbers(*application.client, 0, 5);
    auto flushed = application.Flush();
    application.TakeBatch(i <= 2 ? 400 : 415);
    EXPECT_FALSE(flushed.get()) << "what was queued will never be durable";
    EXPECT_EQ(application.Dropped().batches, static_cast<std::uint64_t>(i));
    EXPECT_EQ(application.client->Status().events.queued, 0u);
  }
  EXPECT_EQ(application.log.Count("answered 400", LogLevel::kInfo), 1) << application.log.Text();
  TrackNumbers(*application.client, 5, 6);
  auto flushed = application.Flush();
  SentBatch batch = application.TakeBatch();
  EXPECT_TRUE(flushed.get());
  EXPECT_EQ(NumbersOf(batch), Numbers(5, 6));
  ASSERT_EQ(batch.EventsOf("dropped").size(), 1u) << batch.text;
  EXPECT_EQ(*batch.EventsOf("dropped")[0].Find("counts"), Value(Object{{"batches", 3}}));
  TrackNumbers(*application.client, 6, 7);
  flushed = application.Flush();
  batch = application.TakeBatch();
  EXPECT_TRUE(flushed.get());
  EXPECT_TRUE(batch.EventsOf("dropped").empty()) << "it was said";
}

TEST_P(EventDeliveryTest, ABatchThatIsTooLargeIsCutUntilItFits) {
  Application application(GetParam());
  TrackNumbers(*application.client, 0, 40);
  auto flushed = application.Flush();
  std::vector<std::int64_t> seen;
  int refused = 0;
  std::set<std::string> ids;
  while (seen.size() < 40) {
    const auto connection = application.server.Accept();
    ASSERT_TRUE(connection);
    const SentBatch batch(connection->request());
    EXPECT_TRUE(ids.insert(batch.id()).second) << "another batch has another id";
    const bool fits = batch.events().size() <= 3;
    refused += fits ? 0 : 1;
    connection->SendAnswer(fits ? 202 : 413);
    if (!fits) continue;
    for (const std::int64_t n : NumbersOf(batch)) seen.push_back(n);
  }
  EXPECT_EQ(seen, Numbers(0, 40));
  EXPECT_TRUE(flushed.get());
  EXPECT_GT(refused, 0);
  EXPECT_LT(refused, 10);
  EXPECT_EQ(application.Dropped(), DroppedEvents());
}

TEST_P(EventDeliveryTest, ASingleEventThatIsTooLargeIsDroppedAndTheOthersAreNot) {
  Application application(GetParam());
  application.client->Track("step", kUser, {{"n", 0}});
  application.client->Track("step", kUser, {{"n", 1}, {"text", std::string(8'000, 'x')}});
  application.client->Track("step", kUser, {{"n", 2}});
  auto flushed = application.Flush();
  std::vector<std::int64_t> seen;
  while (seen.size() < 2) {
    const auto connection = application.server.Accept();
    ASSERT_TRUE(connection);
    const SentBatch batch(connection->request());
    const bool fits = batch.text.size() < 4'000;
    connection->SendAnswer(fits ? 202 : 413);
    if (!fits) continue;
    for (const std::int64_t n : NumbersOf(batch)) seen.push_back(n);
  }
  EXPECT_THAT(seen, ::testing::ElementsAre(0, 2));
  EXPECT_FALSE(flushed.get());
  EXPECT_EQ(application.Dropped().batches, 1u);
}

TEST_P(EventDeliveryTest, AServerThatDoesNotAcceptTheKeyIsAskedAgainSlowlyAndNothingIsLost) {
  for (const int status : {401, 403, 404}) {
    Application application(GetParam(), [](ClientConfig& config) { config.unauthorised_recheck = 24h; });
    TrackNumbers(*application.client, 0, 2);
    auto flushed = application.Flush();
    const SentBatch first = application.TakeBatch(status);
    EXPECT_FALSE(flushed.get()) << "at once, not at the deadline";
    const EventStatus events = application.client->Status().events;
    EXPECT_EQ(events.queued, 2u);
    EXPECT_THAT(events.last_error, HasSubstr("answered " + std::to_string(status)));
    EXPECT_EQ(events.dropped, DroppedEvents());
    flushed = application.Flush();  // somebody put it right, and does not want to wait for a day
    EXPECT_EQ(application.TakeBatch().id(), first.id());
    EXPECT_TRUE(flushed.get());
  }
}

TEST_P(EventDeliveryTest, AServerThatAcceptsTheKeyLaterIsGivenWhatWasKept) {
  Application application(GetParam(), [](ClientConfig& config) { config.unauthorised_recheck = 20ms; });
  TrackNumbers(*application.client, 0, 2);
  auto flushed = application.Flush();
  const SentBatch first = application.TakeBatch(401);
  EXPECT_FALSE(flushed.get());
  EXPECT_EQ(application.TakeBatch().id(), first.id()) << "without being asked";
}

TEST_P(EventDeliveryTest, WhatTheServerLeavesOutOfABatchIsCountedAndSaid) {
  Application application(GetParam());
  TrackNumbers(*application.client, 0, 5);
  auto flushed = application.Flush();
  const auto connection = application.server.Accept();
  ASSERT_TRUE(connection);
  connection->SendAnswer(
      202, {},
      R"({"accepted":2,"rejected":[{"event":3,"reason":"time_ahead","message":"time: too far ahead"}],"duplicate":false})");
  EXPECT_TRUE(flushed.get());
  EXPECT_EQ(application.Dropped().rejected, 3u) << "only the first ones are named";
  EXPECT_EQ(application.log.Count("left out 3 events: time: too far ahead", LogLevel::kWarning), 1);
  EXPECT_EQ(application.client->Status().events.queued, 0u);
}

// ---- Bounds ------------------------------------------------------------------------------------------------------

TEST(EventsTest, AFullQueueDropsWhatComesAndSaysHowMuch) {
  Application application([](ClientConfig& config) { config.max_queued_events = 3; });
  TrackNumbers(*application.client, 0, 5);
  EXPECT_EQ(application.client->Status().events.queued, 3u);
  EXPECT_EQ(application.Dropped().track, 2u);
  auto flushed = application.Flush();
  const auto connection = application.server.Accept();
  ASSERT_TRUE(connection);
  const SentBatch batch(connection->request());
  TrackNumbers(*application.client, 5, 6);  // while the batch is under way there is no room either
  EXPECT_EQ(application.Dropped().track, 3u);
  connection->SendAnswer(202);
  EXPECT_TRUE(flushed.get());
  EXPECT_EQ(NumbersOf(batch), Numbers(0, 3)) << "the first ones";
  ASSERT_EQ(batch.EventsOf("dropped").size(), 1u);
  EXPECT_EQ(*batch.EventsOf("dropped")[0].Find("counts"), Value(Object{{"track", 2}}));
  TrackNumbers(*application.client, 6, 7);
  flushed = application.Flush();
  const SentBatch next = application.TakeBatch();
  EXPECT_TRUE(flushed.get());
  EXPECT_EQ(NumbersOf(next), Numbers(6, 7));
  ASSERT_EQ(next.EventsOf("dropped").size(), 1u);
  EXPECT_EQ(*next.EventsOf("dropped")[0].Find("counts"), Value(Object{{"track", 1}})) << "since the last one";
}

// Promise R6.
TEST(EventsTest, AQueueIsBoundedInBytesToo) {
  Application application([](ClientConfig& config) { config.max_queued_bytes = 64u << 10; });
  const std::string text(10'000, 'x');
  for (int n = 0; n < 100; ++n) application.client->Track("step", kUser, {{"n", n}, {"text", text}});
  const EventStatus events = application.client->Status().events;
  EXPECT_EQ(events.queued, 6u);
  EXPECT_EQ(events.dropped.track, 94u);
}

TEST(EventsTest, WhatIsNoEventIsCountedAndTheFirstIsLogged) {
  Application application;
  const Client& client = *application.client;
  client.Track("", kUser);
  client.Track("order", kUser, std::nan(""));
  client.Track("order", kUser, std::numeric_limits<double>::infinity());
  client.Track(std::string(1'025, 'x'), kUser);
  client.Track("\xff", kUser);
  client.Track("order", kUser, {{"text", std::string(20'000, 'x')}});
  EXPECT_EQ(application.Dropped().invalid, 6u);
  EXPECT_EQ(client.Status().events.queued, 0u);
  client.Track(std::string(1'024, 'x'), kUser);
  auto flushed = application.Flush();
  const SentBatch batch = application.TakeBatch();
  EXPECT_TRUE(flushed.get());
  ASSERT_EQ(batch.events().size(), 2u);
  EXPECT_EQ(batch.events()[0], Value(Object{{"type", "dropped"}, {"counts", Object{{"invalid", 6}}}}));
  EXPECT_TRUE(Eventually([&] { return application.log.Count("Track: ", LogLevel::kWarning) == 1; }));
  EXPECT_EQ(application.log.Count("the event has no name"), 1) << application.log.Text();
}

// ---- Flush and Close ---------------------------------------------------------------------------------------------

TEST_P(EventDeliveryTest, FlushGivesUpAtItsDeadlineWhenTheServerHangs) {
  Application application(GetParam());
  TrackNumbers(*application.client, 0, 2);
  EXPECT_FALSE(application.client->Flush(0ms));
  auto flushed = application.Flush(200ms);
  const auto silent = application.server.Accept();
  ASSERT_TRUE(silent);
  EXPECT_FALSE(flushed.get());
  EXPECT_EQ(application.client->Status().events.queued, 2u);
  flushed = application.Flush();
  silent->SendAnswer(202);
  EXPECT_TRUE(flushed.get());
}

TEST_P(EventDeliveryTest, CloseSendsWhatIsThere) {
  Application application(GetParam());
  TrackNumbers(*application.client, 0, 2);
  const auto served = application.server.Serve([](ScriptedServer::Connection& connection) {
    EXPECT_EQ(NumbersOf(SentBatch(connection.request())), Numbers(0, 2));
    connection.SendAnswer(202);
  });
  EXPECT_TRUE(application.client->Close(kPatience));
  EXPECT_EQ(application.client->Status().events.batches, 1u);
  EXPECT_EQ(application.Dropped(), DroppedEvents());
  application.client->Track("late", kUser);
  EXPECT_EQ(application.Dropped().track, 1u);
  EXPECT_FALSE(application.client->Flush(kPatience)) << "there is nobody any more to send";
}

TEST_P(EventDeliveryTest, CloseEndsInTimeWhenTheServerHangsAndCountsWhatIsLost) {
  Application application(GetParam());
  TrackNumbers(*application.client, 0, 1'001);
  const auto silent = application.server.Accept();  // it went out because there is enough for a batch
  ASSERT_TRUE(silent);
  EXPECT_TRUE(application.client->Close(2s)) << "its thread ended";
  EXPECT_TRUE(silent->WaitUntilClosed());
  EXPECT_EQ(application.client->Status().events.queued, 0u);
  EXPECT_EQ(application.Dropped().batches, 1u);
  EXPECT_EQ(application.Dropped().track, 1u);
}

TEST_P(EventDeliveryTest, FlushReturnsWhenTheClientIsClosedMeanwhile) {
  Application application(GetParam());
  TrackNumbers(*application.client, 0, 1);
  auto flushed = application.Flush();
  const auto silent = application.server.Accept();
  ASSERT_TRUE(silent);
  application.client->Close(0ms);
  EXPECT_FALSE(flushed.get());
}

TEST(EventsTest, ALogSinkThatFlushesOnTheThreadOfTheEventsDoesNotWaitForItself) {
  Client* client = nullptr;
  std::promise<bool> answer;
  Application application([&](ClientConfig& config) {
    config.log = [&](LogLevel, std::string_view message) {
      if (message.find("answered 400") != std::string_view::npos) answer.set_value(client->Flush(1h));
    };
  });
  client = application.client.get();
  client->Track("order", kUser);
  auto flushed = application.Flush();
  application.TakeBatch(400);
  EXPECT_FALSE(answer.get_future().get());
  EXPECT_FALSE(flushed.get());
}

// ---- Nothing to send to ------------------------------------------------------------------------------------------

TEST(EventsTest, NothingIsKeptOrSentWhenEventsAreSwitchedOff) {
  Application application([](ClientConfig& config) { config.send_events = false; });
  TrackNumbers(*application.client, 0, 2'000);
  EXPECT_EQ(application.client->Status().events.queued, 0u);
  EXPECT_TRUE(application.client->Flush(kPatience));
  EXPECT_TRUE(application.client->Close(kPatience));
  EXPECT_FALSE(application.server.IsAsked(0ms));
  EXPECT_EQ(application.Dropped(), DroppedEvents());
}

TEST(EventsTest, WithoutAServerEventsAreThrownAwayAndFaultsAreSaidAllTheSame) {
  Log log;
  ClientConfig config;
  config.log = log.Sink();
  Client client(config);
  TrackNumbers(client, 0, 30'000);
  EXPECT_EQ(client.Status().events.queued, 0u);
  EXPECT_EQ(client.Status().events.dropped, DroppedEvents());
  client.Track("", kUser);
  EXPECT_TRUE(client.Flush(kPatience));
  EXPECT_TRUE(Eventually([&] { return log.Count("Track: the event has no name") == 1; }));

  TestSource flags;
  Client tested(flags);
  tested.Track("order", kUser);
  EXPECT_TRUE(tested.Flush(kPatience));
  EXPECT_EQ(tested.Status().events.queued, 0u);
}

// ---- Status ------------------------------------------------------------------------------------------------------

Value TakeStatus(ScriptedServer& server, int status = 204) {
  const auto connection = server.Accept();
  if (connection == nullptr) return {};
  EXPECT_EQ(connection->request().method, "POST");
  EXPECT_EQ(connection->request().target, "/sdk/v1/status");
  EXPECT_EQ(connection->request().Header("Authorization"), "Bearer gdn_srv_test");
  EXPECT_EQ(connection->request().Header("Content-Type"), "application/json");
  const Result<Value> body = ParseJson(connection->request().body);
  EXPECT_TRUE(body) << connection->request().body;
  connection->SendAnswer(status);
  return body ? *body : Value();
}

TEST(EventsTest, TheServerHearsWhichRulesetWasAppliedAndOfTheNextOne) {
  World world("k3v9x0q2m7p1c8d4", 16);
  world.Serve("search.ranker", "v2");
  Application application(
      [](ClientConfig& config) {
        config.send_status = true;
        config.status_delay = 1ms;
        config.application = "shop";
        config.application_version = "4.2.0";
        config.max_queued_events = 1;
      },
      world);
  Value status = TakeStatus(application.server);
  EXPECT_EQ(*status.Find("schema"), Value(1));
  EXPECT_TRUE(std::regex_match(status.Find("instance")->AsString(), std::regex("[a-z0-9]{16}")));
  EXPECT_EQ(*status.Find("sdk"), Value(Object{{"name", "guidon-cpp"}, {"version", GUIDON_VERSION}}));
  EXPECT_EQ(*status.Find("application"), Value(Object{{"name", "shop"}, {"version", "4.2.0"}}));
  EXPECT_EQ(*status.Find("epoch"), Value("k3v9x0q2m7p1c8d4"));
  EXPECT_EQ(*status.Find("revision"), Value(17));
  EXPECT_EQ(*status.Find("digest"), Value(world.Digest()));
  EXPECT_EQ(*status.Find("source"), Value("server"));
  EXPECT_GE(status.Find("age_ms")->AsInt(), 0);
  EXPECT_EQ(*status.Find("broken"), Value(Array()));
  EXPECT_EQ(status.Find("dropped")->Find("track")->AsInt(), 0);
  const std::string instance = status.Find("instance")->AsString();

  TrackNumbers(*application.client, 0, 2);  // of which one is dropped
  application.stream->Send(application.world.Put(
      "flag", "broken",
      ParseJson(R"({"flag":"broken","type":"boolean","environments":{"production":{"enabled":true,"rules":[)"
                R"({"id":"r","when":{"place":{"within_km":5}},"serve":"on"}],"default":"off"}}})")
          .value()));
  status = TakeStatus(application.server);
  EXPECT_EQ(*status.Find("revision"), Value(18));
  EXPECT_EQ(*status.Find("digest"), Value(application.world.Digest()));
  EXPECT_EQ(*status.Find("state"), Value("live"));
  EXPECT_EQ(*status.Find("broken"), Value(Array{"broken"}));
  EXPECT_EQ(status.Find("dropped")->Find("track")->AsInt(), 1);
  EXPECT_EQ(status.Find("instance")->AsString(), instance);
}

TEST(EventsTest, TheServerHearsOfAProcessEveryNowAndThen) {
  Application application([](ClientConfig& config) {
    config.send_status = true;
    config.send_events = false;
    config.status_interval = 10ms;
  });
  for (int i = 0; i < 3; ++i) EXPECT_EQ(*TakeStatus(application.server, i == 1 ? 503 : 204).Find("revision"), Value(1));
  TrackNumbers(*application.client, 0, 5);
  EXPECT_TRUE(application.client->Flush(kPatience));
  EXPECT_EQ(*TakeStatus(application.server).Find("revision"), Value(1)) << "and of nothing else";
}

TEST_P(EventDeliveryTest, AServerThatTakesNoStatusIsAskedAgainSlowly) {
  Application application(GetParam(), [](ClientConfig& config) {
    config.send_status = true;
    config.status_interval = config.status_delay = 1ms;
  });
  TakeStatus(application.server, 404);
  application.stream->Send(application.world.Serve("a", 1));
  ASSERT_TRUE(testing::WaitForRevision(*application.client, application.world.revision()));
  TrackNumbers(*application.client, 0, 1);
  auto flushed = application.Flush();
  EXPECT_EQ(NumbersOf(application.TakeBatch()), Numbers(0, 1)) << "the next that comes is no status";
  EXPECT_TRUE(flushed.get());
  EXPECT_TRUE(application.client->Close(kPatience));
  EXPECT_FALSE(application.server.IsAsked(0ms));
}

TEST(EventsTest, AProcessThatHoldsNothingSaysNothing) {
  ScriptedServer server;
  ClientConfig config = ConfigForEvents(server.url());
  config.send_status = true;
  config.status_interval = 1ms;
  Client client(config);
  const auto stream = AcceptStream(server);
  ASSERT_TRUE(stream);
  EXPECT_FALSE(client.WaitReady(50ms));
  EXPECT_TRUE(client.Close(kPatience));
  EXPECT_FALSE(server.IsAsked(0ms));
}

}  // namespace
}  // namespace guidon
