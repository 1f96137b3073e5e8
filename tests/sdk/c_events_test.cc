// Events through the C interface.
#include <guidon.h>

#include <gtest/gtest.h>

#include <future>
#include <memory>
#include <string>

#include "tests/sdk/application.h"

namespace guidon::testing {
namespace {

TEST(CEventsTest, WhatIsTrackedIsSentWithoutWhatIsPrivate) {
  ScriptedServer server;
  World world;
  const std::string url = server.url();
  const char* const secret[] = {"email"};
  guidon_config config = GUIDON_CONFIG_INIT;
  config.server = url.c_str();
  config.key = "gdn_srv_test";
  config.private_attributes = secret;
  config.private_attribute_count = 1;
  const std::unique_ptr<guidon_client, void (*)(guidon_client*)> client{guidon_client_new(&config, nullptr),
                                                                        guidon_client_free};
  const auto stream = AcceptStream(server, world.SnapshotEvent());
  ASSERT_NE(stream, nullptr);
  ASSERT_EQ(guidon_client_wait_ready(client.get(), -1, nullptr), GUIDON_OK);

  guidon_context* user = guidon_context_new("user-42");
  guidon_context_set_text(user, "email", "a@shop.example");
  guidon_context_set_text(user, "plan", "pro");
  const guidon_attribute attributes[] = {{"currency", "EUR", 0}, {"items", nullptr, 3}};
  const double value = 31.5;
  EXPECT_EQ(guidon_track(client.get(), "order", user, &value, attributes, 2), GUIDON_OK);
  EXPECT_EQ(guidon_track(client.get(), "signup", user, nullptr, nullptr, 0), GUIDON_OK);
  EXPECT_EQ(guidon_track(nullptr, "signup", user, nullptr, nullptr, 0), GUIDON_INVALID_ARGUMENT);
  EXPECT_EQ(guidon_track(client.get(), nullptr, user, nullptr, nullptr, 0), GUIDON_INVALID_ARGUMENT);
  EXPECT_EQ(guidon_track(client.get(), "signup", user, nullptr, nullptr, 1), GUIDON_INVALID_ARGUMENT);
  guidon_context_free(user);

  auto flushed = std::async(std::launch::async, [&] { return guidon_flush(client.get(), 20'000); });
  std::unique_ptr<ScriptedServer::Connection> asked = server.Accept();
  while (asked != nullptr && asked->request().target != "/sdk/v1/events") {
    asked->SendAnswer(204);  // a status
    asked = server.Accept();
  }
  ASSERT_NE(asked, nullptr);
  const SentBatch batch(asked->request());
  asked->SendAnswer(202, {}, Accepted(batch.events().size()));
  EXPECT_EQ(flushed.get(), GUIDON_OK);
  EXPECT_EQ(batch.text.find("a@shop.example"), std::string::npos);
  const Array tracked = batch.EventsOf("track");
  ASSERT_EQ(tracked.size(), 2u);
  EXPECT_EQ(*tracked[0].Find("event"), Value("order"));
  EXPECT_EQ(*tracked[0].Find("value"), Value(31.5));
  EXPECT_EQ(*tracked[0].Find("attributes"), Value(Object{{"currency", "EUR"}, {"items", 3}}));
  EXPECT_EQ(*tracked[0].Find("context"), Value(Object{{"key", "user-42"}, {"plan", "pro"}}));
  EXPECT_EQ(tracked[1].Find("value"), nullptr);
  EXPECT_EQ(guidon_flush(nullptr, 0), GUIDON_INVALID_ARGUMENT);
}

}  // namespace
}  // namespace guidon::testing
