// Events through the C interface.
#include <guidon.h>

#include <gtest/gtest.h>

#include <future>
#include <memory>
#include <string>

#include "tests/sdk/application.h"
#include "tests/sdk/c_client.h"

namespace guidon::testing {
namespace {

constexpr bool kYes = true;

TEST(CEventsTest, WhatIsTrackedIsSentWithoutWhatIsPrivate) {
  StreamingCClient c;
  const char* const secret[] = {"email"};
  c.config.private_attributes = secret;
  c.config.private_attribute_count = 1;
  ASSERT_TRUE(c.Open());
  const CClientPtr& client = c.client;

  guidon_context* user = guidon_context_new("user-42");
  guidon_context_set_text(user, "email", "a@shop.example");
  guidon_context_set_text(user, "plan", "pro");
  const guidon_attribute attributes[] = {
      {"currency", "EUR", 0, nullptr}, {"items", nullptr, 3, nullptr}, {"gift", nullptr, 0, &kYes}};
  const double value = 31.5;
  EXPECT_EQ(guidon_track(client.get(), "order", user, &value, attributes, 3), GUIDON_OK);
  EXPECT_EQ(guidon_track(client.get(), "signup", user, nullptr, nullptr, 0), GUIDON_OK);
  EXPECT_EQ(guidon_track(nullptr, "signup", user, nullptr, nullptr, 0), GUIDON_INVALID_ARGUMENT);
  EXPECT_EQ(guidon_track(client.get(), nullptr, user, nullptr, nullptr, 0), GUIDON_INVALID_ARGUMENT);
  EXPECT_EQ(guidon_track(client.get(), "signup", user, nullptr, nullptr, 1), GUIDON_INVALID_ARGUMENT);
  guidon_context_free(user);

  auto flushed = std::async(std::launch::async, [&] { return guidon_flush(client.get(), 20'000); });
  const auto asked = c.NextEvents();
  ASSERT_NE(asked, nullptr);
  const SentBatch batch(asked->request());
  asked->SendAnswer(202, {}, Accepted(batch.events().size()));
  EXPECT_EQ(flushed.get(), GUIDON_OK);
  EXPECT_EQ(batch.text.find("a@shop.example"), std::string::npos);
  const Array tracked = batch.EventsOf("track");
  ASSERT_EQ(tracked.size(), 2u);
  EXPECT_EQ(*tracked[0].Find("event"), Value("order"));
  EXPECT_EQ(*tracked[0].Find("value"), Value(31.5));
  EXPECT_EQ(*tracked[0].Find("attributes"), Value(Object{{"currency", "EUR"}, {"items", 3}, {"gift", true}}));
  EXPECT_EQ(*tracked[0].Find("context"), Value(Object{{"key", "user-42"}, {"plan", "pro"}}));
  EXPECT_EQ(tracked[1].Find("value"), nullptr);
  EXPECT_EQ(guidon_flush(nullptr, 0), GUIDON_INVALID_ARGUMENT);
}

// A client whose stream is open, and what it tells of a context to a server that refuses everything.
TEST(CEventsTest, PeeksLeaveNothingBehindAndWhatIsDroppedIsShown) {
  StreamingCClient c;
  c.world.Serve("on", true);
  c.config.all_attributes_private = true;
  ASSERT_TRUE(c.Open());
  const CClientPtr& client = c.client;

  guidon_context* user = guidon_context_new("user-42");
  guidon_context_set_text(user, "plan", "pro");
  guidon_reader* peek = guidon_peek_new(client.get());
  guidon_reader* pin = guidon_pin_new(client.get());
  for (int i = 0; i < 10; ++i) EXPECT_TRUE(guidon_reader_bool(peek, "on", user, false));
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(guidon_reader_bool(pin, "on", user, false));
  guidon_reader_free(peek);
  guidon_reader_free(pin);
  EXPECT_EQ(guidon_track(client.get(), "signup", user, nullptr, nullptr, 0), GUIDON_OK);
  EXPECT_EQ(guidon_track(client.get(), "", user, nullptr, nullptr, 0), GUIDON_OK) << "no event, as it has no name";
  guidon_context_free(user);
  guidon_status status = GUIDON_STATUS_INIT;
  ASSERT_EQ(guidon_client_status(client.get(), &status), GUIDON_OK);
  EXPECT_EQ(status.queued_events, 1u);
  EXPECT_EQ(status.invalid_track, 1u);
  EXPECT_EQ(status.dropped_batches, 0u);

  auto flushed = std::async(std::launch::async, [&] { return guidon_flush(client.get(), 20'000); });
  const auto asked = c.NextEvents();
  ASSERT_NE(asked, nullptr);
  const SentBatch batch(asked->request());
  asked->SendAnswer(400);
  EXPECT_EQ(flushed.get(), GUIDON_TIMED_OUT);
  const Array tracked = batch.EventsOf("track");
  ASSERT_EQ(tracked.size(), 1u);
  EXPECT_EQ(*tracked[0].Find("context"), Value(Object{{"key", "user-42"}}));
  EXPECT_NE(batch.text.find("\"count\":3"), std::string::npos) << batch.text;
  EXPECT_EQ(batch.text.find("\"count\":13"), std::string::npos) << batch.text;
  ASSERT_EQ(guidon_client_status(client.get(), &status), GUIDON_OK);
  EXPECT_EQ(status.dropped_batches, 1u);
  EXPECT_EQ(status.queued_events, 0u);
}

}  // namespace
}  // namespace guidon::testing
