// Webhooks are told of every revision that they want, in order, however they answer.
#include "server/webhooks/deliverer.h"

#include <gtest/gtest.h>

#include <atomic>

#include "core/base/json.h"
#include "tests/support/process.h"
#include "tests/support/scripted_server.h"

namespace guidon {
namespace {

using namespace std::chrono_literals;
using testing::Eventually;
using testing::ScriptedServer;
using Connection = std::unique_ptr<ScriptedServer::Connection>;

class DelivererTest : public ::testing::Test {
 protected:
  DelivererTest() {
    StoreOptions options;
    options.clock = [this] { return Now(); };
    store_ = OpenMemoryStore(std::move(options));
  }

  Timestamp Now() const { return Timestamp(std::chrono::milliseconds(now_ms_.load())); }

  void Start(DelivererOptions options = {}) {
    options.allow_private = true;
    options.version = "0.1.0";
    options.backoff = {1ms, 1ms};
    options.clock = [this] { return Now(); };
    options.report = [this](const Webhook&, const std::string&) { ++reports_; };
    options.disable = [this](const Webhook&, const std::string&) { ++disabled_; };
    deliverer_ = std::make_unique<Deliverer>(*store_, std::move(options));
  }
  void Restart() {
    deliverer_.reset();
    Start();
    deliverer_->Put(webhook_);
  }

  Revision Change(const std::string& flag) {
    Txn txn;
    txn.ops = {TxnOp::Put("entity/shop/flag/" + flag, "{}")};
    txn.revision = RevisionRecord{R"({"project":"shop","changes":[{"kind":"flag","key":")" + flag + "\"}]}",
                                  R"({"principal":"key:a","action":"definitions.change","subject":"shop"})"};
    return store_->Commit(std::move(txn))->revision;
  }

  void Tell(const ScriptedServer& server, std::vector<std::string> events = {}) {
    webhook_.id = "w1";
    webhook_.url = server.url() + "/hook?of=shop";
    webhook_.events = std::move(events);
    webhook_.secret = *NewWebhookSecret();
    webhook_.after = store_->Head().revision;
    deliverer_->Put(webhook_);
  }

  static Revision RevisionIn(const Connection& connection) {
    if (connection == nullptr) return 0;
    const Result<Value> body = ParseJson(connection->request().body);
    return static_cast<Revision>(body->Find("data")->Find("revision")->AsInt());
  }

  std::atomic<std::int64_t> now_ms_{1'700'000'000'000};
  std::atomic<int> reports_{0}, disabled_{0};
  std::unique_ptr<Store> store_;
  Webhook webhook_;
  std::unique_ptr<Deliverer> deliverer_;
};

TEST_F(DelivererTest, EachRevisionIsToldOnceInOrderAndSigned) {
  ScriptedServer server;
  Start();
  Change("before");
  Tell(server);
  for (int i = 0; i < 5; ++i) {
    const Revision revision = Change("a");
    const Connection connection = server.Accept();
    ASSERT_TRUE(connection);
    const ScriptedServer::Request& request = connection->request();
    EXPECT_EQ(RevisionIn(connection), revision);
    EXPECT_EQ(request.method, "POST");
    EXPECT_EQ(request.target, "/hook?of=shop");
    EXPECT_EQ(request.Header("Content-Type"), "application/json");
    EXPECT_EQ(request.Header("User-Agent"), "guidon/0.1.0");
    EXPECT_EQ(request.Header("webhook-id"), MessageId(store_->Epoch(), revision, "w1"));
    EXPECT_EQ(request.Header("webhook-timestamp"), "1700000000");
    EXPECT_EQ(request.Header("webhook-signature"),
              *SignWebhook(webhook_.secret, request.Header("webhook-id"), 1'700'000'000, request.body));
    connection->SendAnswer(204);
    EXPECT_TRUE(Eventually([&] { return deliverer_->StateOf("w1")->told == revision; }));
  }
  EXPECT_EQ(deliverer_->StateOf("w1")->delivered, 5u);
}

TEST_F(DelivererTest, WhatFailsIsTriedAgainAndWhatFollowsWaits) {
  ScriptedServer server;
  Start();
  Tell(server);
  const Revision first = Change("a"), second = Change("b");
  for (const int status : {500, 404, 301, 429}) {
    const Connection refused = server.Accept();
    EXPECT_EQ(RevisionIn(refused), first);
    refused->SendAnswer(status, {{"Location", "http://127.0.0.1:1/elsewhere"}});
  }
  EXPECT_TRUE(Eventually([&] { return deliverer_->StateOf("w1")->last_error.ends_with("answered 429"); }));
  EXPECT_EQ(deliverer_->StateOf("w1")->failing_since, Now());
  const Connection cut = server.Accept();
  EXPECT_EQ(RevisionIn(cut), first);
  cut->Reset();
  const Connection taken = server.Accept();
  EXPECT_EQ(RevisionIn(taken), first);
  taken->SendAnswer(200, {}, "thanks");
  const Connection next = server.Accept();
  EXPECT_EQ(RevisionIn(next), second);
  next->SendAnswer(200);
  EXPECT_TRUE(Eventually([&] { return deliverer_->StateOf("w1")->told == second; }));
  const WebhookState state = *deliverer_->StateOf("w1");
  EXPECT_EQ(state.failing_since, Timestamp{});
  EXPECT_EQ(state.last_error, "");
}

TEST_F(DelivererTest, OnlyWhatIsWantedIsSent) {
  ScriptedServer server;
  Start();
  Tell(server, {"segment.*"});
  const Revision last = Change("a");
  EXPECT_TRUE(Eventually([&] { return deliverer_->StateOf("w1")->told == last; }));
  EXPECT_EQ(deliverer_->StateOf("w1")->delivered, 0u);
  EXPECT_FALSE(server.IsAsked(0ms));
}

TEST_F(DelivererTest, AStartGoesOnWhereItStopped) {
  ScriptedServer server;
  Start();
  Tell(server);
  const Revision told = Change("a");
  server.Accept()->SendAnswer(200);
  EXPECT_TRUE(Eventually([&] { return deliverer_->StateOf("w1")->told == told; }));
  const Revision missed = Change("b");
  const Connection half = server.Accept();  // and no answer
  EXPECT_EQ(RevisionIn(half), missed);
  const std::string id = half->request().Header("webhook-id");
  Restart();
  EXPECT_EQ(deliverer_->StateOf("w1")->told, told);
  const Connection again = server.Accept();
  EXPECT_EQ(RevisionIn(again), missed);
  EXPECT_EQ(again->request().Header("webhook-id"), id);
  again->SendAnswer(200);
  EXPECT_TRUE(Eventually([&] { return deliverer_->StateOf("w1")->told == missed; }));
}

TEST_F(DelivererTest, WhatIsTooOldIsPassedOverAfterOneAttempt) {
  ScriptedServer server;
  DelivererOptions options;
  options.give_up = std::chrono::hours(72);
  Start(std::move(options));
  Tell(server);
  const Revision old = Change("a");
  server.Accept()->SendAnswer(500);
  server.Accept()->SendAnswer(500);
  now_ms_ += std::chrono::milliseconds(std::chrono::hours(72)).count();
  const Revision fresh = Change("b");
  Connection next;
  do {  // one that was under way when the clock moved, at most
    next = server.Accept();
    ASSERT_TRUE(next);
    if (RevisionIn(next) == old) next->SendAnswer(500);
  } while (RevisionIn(next) == old);
  EXPECT_EQ(RevisionIn(next), fresh);
  next->SendAnswer(200);
  EXPECT_TRUE(Eventually([&] { return deliverer_->StateOf("w1")->told == fresh; }));
  EXPECT_EQ(deliverer_->StateOf("w1")->passed_over, 1u);
  EXPECT_EQ(reports_, 1);
}

TEST_F(DelivererTest, OneThatIsGoneIsToldNothingMore) {
  ScriptedServer server;
  Start();
  Tell(server);
  Change("a");
  server.Accept()->SendAnswer(410);
  EXPECT_TRUE(Eventually([&] { return disabled_ == 1; }));
  EXPECT_NE(deliverer_->Find("w1")->disabled, "");
  const Revision missed = Change("b");
  EXPECT_LT(deliverer_->StateOf("w1")->told, missed);
  // Put again, it is told all of it.
  deliverer_->Put(webhook_);
  for (const Revision revision : {missed - 1, missed}) {
    const Connection connection = server.Accept();
    EXPECT_EQ(RevisionIn(connection), revision);
    connection->SendAnswer(200);
  }
}

TEST_F(DelivererTest, WhatIsOldBehindWhatIsPassedOverIsNotTriedAnyMore) {
  ScriptedServer server;
  Start();
  for (const char* flag : {"a", "b", "c"}) Change(flag);
  Tell(server);
  deliverer_->Remove("w1");
  webhook_.id = "w2";
  webhook_.after = 0;
  deliverer_->Put(webhook_);
  const Connection first = server.Accept();
  EXPECT_EQ(RevisionIn(first), 1u);
  now_ms_ += std::chrono::milliseconds(std::chrono::hours(73)).count();
  first->SendAnswer(500);
  EXPECT_TRUE(Eventually([&] { return deliverer_->StateOf("w2")->passed_over == 3; }));
  const Revision fresh = Change("d");
  const Connection next = server.Accept();
  EXPECT_EQ(RevisionIn(next), fresh);
  next->SendAnswer(200);
}

TEST_F(DelivererTest, OneThatIsReplacedIsToldUnderItsNewAddressAtOnce) {
  ScriptedServer before, after;
  Start();
  Tell(before);
  const Revision first = Change("a"), second = Change("b");
  const Connection asked = before.Accept();
  ASSERT_TRUE(asked);
  webhook_.url = after.url();
  deliverer_->Put(webhook_);
  asked->SendAnswer(410);  // which is said of the address before
  for (const Revision revision : {first, second}) {
    const Connection connection = after.Accept();
    EXPECT_EQ(RevisionIn(connection), revision);
    connection->SendAnswer(200);
  }
  EXPECT_TRUE(Eventually([&] { return deliverer_->StateOf("w1")->told == second; }));
  EXPECT_EQ(disabled_, 0);
  EXPECT_EQ(deliverer_->Find("w1")->disabled, "");
}

TEST_F(DelivererTest, AReceiverMaySayMuchAboutWhatItTook) {
  ScriptedServer server;
  Start();
  Tell(server);
  const Revision revision = Change("a");
  const Connection connection = server.Accept();
  connection->SendHead(200, {{"Content-Length", "1000000000"}});
  EXPECT_TRUE(Eventually([&] { return deliverer_->StateOf("w1")->told == revision; }));
  EXPECT_EQ(deliverer_->StateOf("w1")->delivered, 1u);
}

TEST_F(DelivererTest, ASilentReceiverHoldsUpNobodyElseAndNotTheEnd) {
  ScriptedServer silent, healthy;
  Start();
  Tell(silent);
  Webhook other = webhook_;
  other.id = "w2";
  other.url = healthy.url();
  deliverer_->Put(other);
  const Revision first = Change("a");
  const Connection held = silent.Accept();
  EXPECT_EQ(RevisionIn(held), first);
  healthy.Accept()->SendAnswer(200);
  const Revision second = Change("b");
  const Connection next = healthy.Accept();
  EXPECT_EQ(RevisionIn(next), second);
  next->SendAnswer(200);
  EXPECT_TRUE(Eventually([&] { return deliverer_->StateOf("w2")->told == second; }));
  EXPECT_EQ(deliverer_->StateOf("w1")->told, first - 1);
  deliverer_->Remove("w1");
  EXPECT_TRUE(held->WaitUntilClosed());
  EXPECT_FALSE(deliverer_->StateOf("w1"));
  Change("c");
  const Connection third = healthy.Accept();
  ASSERT_TRUE(third);
  deliverer_.reset();  // while one is under way
  EXPECT_TRUE(third->WaitUntilClosed());
}

TEST_F(DelivererTest, AMessageGoesToTheAddressThatWasCheckedUnderTheNameThatWasGiven) {
  ScriptedServer server(ScriptedServer::Mode::kTls);
  DelivererOptions options;
  options.ca_file = server.certificate_file();
  Start(std::move(options));
  Tell(server);
  webhook_.url = "https://localhost:" + std::to_string(server.port()) + "/hook";
  deliverer_->Put(webhook_);
  const Revision revision = Change("a");
  const Connection connection = server.Accept();
  EXPECT_EQ(RevisionIn(connection), revision);
  EXPECT_EQ(connection->request().Header("Host"), "localhost:" + std::to_string(server.port()));
  connection->SendAnswer(200);
  EXPECT_TRUE(Eventually([&] { return deliverer_->StateOf("w1")->told == revision; }));
}

TEST_F(DelivererTest, APingSaysWhatBecameOfIt) {
  ScriptedServer server;
  Start();
  Tell(server);
  auto served = server.Serve({[](ScriptedServer::Connection& connection) {
                                EXPECT_EQ(ParseJson(connection.request().body)->Find("type")->AsString(), "ping");
                                connection.SendAnswer(200);
                              },
                              [](ScriptedServer::Connection& connection) { connection.SendAnswer(503); }});
  EXPECT_TRUE(deliverer_->Ping(webhook_));
  const Status failed = deliverer_->Ping(webhook_);
  ASSERT_FALSE(failed);
  EXPECT_NE(failed.error().message.find("answered 503"), std::string::npos);
  EXPECT_TRUE(served.get());
  EXPECT_EQ(deliverer_->StateOf("w1")->delivered, 0u);
}

}  // namespace
}  // namespace guidon
