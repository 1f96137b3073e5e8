// The C interface, as C and other languages call it: what it answers, what it refuses, and that nothing throws out of
// it.
#include <guidon.h>

#include <stdlib.h>

#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <cmath>
#include <cstring>
#include <fstream>
#include <memory>
#include <string>

#include "tests/sdk/c_client.h"
#include "tests/sdk/world.h"

namespace guidon::testing {
namespace {

using ClientPtr = CClientPtr;
using ContextPtr = std::unique_ptr<guidon_context, void (*)(guidon_context*)>;

ContextPtr User(const char* key = "user-42") {
  return {guidon_context_new(key), guidon_context_free};
}

// Five flags of every type, and one that asks for an attribute.
std::string Document() {
  World world;
  world.Serve("on", true);
  world.Serve("layout", "single page \xC3\xA4\xC3\xB6");
  world.Serve("retries", 3);
  world.Serve("ratio", 0.25);
  world.Serve("limits", Object{{"rps", 200}});
  const auto rule = [](const Value& when) { return Object{{"when", when}, {"serve", "on"}, {"id", "rule"}}; };
  const auto boolean = [&](std::string_view key, const Value& when) {
    return Object{
        {"flag", key},
        {"type", "boolean"},
        {"environments",
         Object{{"production", Object{{"enabled", true}, {"rules", Array{rule(when)}}, {"default", "off"}}}}}};
  };
  world.Put("flag", "german", boolean("german", Object{{"country", "DE"}}));
  world.Put("flag", "adult", boolean("adult", Object{{"age", Object{{"gte", 18}}}}));
  world.Put("flag", "beta", boolean("beta", Object{{"beta", true}}));
  world.Put("flag", "tall", boolean("tall", Object{{"height", Object{{"gt", 1.8}}}}));
  world.Put("flag", "tagged", boolean("tagged", Object{{"tags", "gold"}}));
  return world.Document();
}

ClientPtr Offline(const std::string& document = Document()) {
  guidon_config config = GUIDON_CONFIG_INIT;
  config.bootstrap = document.c_str();
  return {guidon_client_new(&config, nullptr), guidon_client_free};
}

std::string Text(std::size_t (*read)(const guidon_client*, const char*, const guidon_context*, const char*, char*,
                                     std::size_t),
                 const guidon_client* client, const char* flag, const char* fallback) {
  std::array<char, 64> buffer{};
  const ContextPtr user = User();
  const std::size_t size = read(client, flag, user.get(), fallback, buffer.data(), buffer.size());
  EXPECT_EQ(size, std::strlen(buffer.data()));
  return buffer.data();
}

TEST(CInterfaceTest, EveryTypeIsRead) {
  const ClientPtr client = Offline();
  const ContextPtr user = User();
  ASSERT_EQ(guidon_client_wait_ready(client.get(), 0, nullptr), GUIDON_OK);
  EXPECT_TRUE(guidon_bool(client.get(), "on", user.get(), false));
  EXPECT_EQ(guidon_int(client.get(), "retries", user.get(), 0), 3);
  EXPECT_EQ(guidon_double(client.get(), "ratio", user.get(), 0), 0.25);
  EXPECT_EQ(Text(guidon_string, client.get(), "layout", "x"), "single page \xC3\xA4\xC3\xB6");
  EXPECT_EQ(Text(guidon_json, client.get(), "limits", "{}"), "{\"rps\":200}");
  const std::array<const char*, 2> names = {"off", "on"};
  EXPECT_EQ(guidon_variation(client.get(), "on", user.get(), names.data(), 2, -1), 1);
  EXPECT_EQ(guidon_variation(client.get(), "on", user.get(), names.data(), 1, -1), -1);
}

TEST(CInterfaceTest, WhatCannotBeReadIsTheFallback) {
  const ClientPtr client = Offline();
  const ContextPtr user = User();
  EXPECT_TRUE(guidon_bool(client.get(), "nowhere", user.get(), true));
  EXPECT_EQ(guidon_int(client.get(), "on", user.get(), -7), -7);
  EXPECT_EQ(guidon_double(client.get(), nullptr, user.get(), 0.5), 0.5);
  EXPECT_EQ(Text(guidon_string, client.get(), "nowhere", "classic"), "classic");
  EXPECT_EQ(Text(guidon_string, client.get(), "nowhere", nullptr), "");
  EXPECT_EQ(Text(guidon_json, client.get(), "nowhere", "not even JSON"), "not even JSON");
}

TEST(CInterfaceTest, TextThatDoesNotFitIsCutBetweenCharacters) {
  const ClientPtr client = Offline();
  const ContextPtr user = User();
  const std::string whole = "single page \xC3\xA4\xC3\xB6";
  for (std::size_t capacity = 0; capacity <= whole.size() + 1; ++capacity) {
    std::string buffer(capacity + 1, '#');
    EXPECT_EQ(guidon_string(client.get(), "layout", user.get(), "", buffer.data(), capacity), whole.size());
    EXPECT_EQ(buffer[capacity], '#') << "written beyond " << capacity;
    if (capacity == 0) continue;
    const std::string text = buffer.c_str();
    EXPECT_EQ(text, whole.substr(0, text.size()));
    const bool within = text.size() == 13 || text.size() == 15;  // between the bytes of a character
    EXPECT_FALSE(within) << capacity;
    EXPECT_GE(text.size() + 2, capacity) << capacity;
  }
  EXPECT_EQ(guidon_string(client.get(), "layout", user.get(), "", nullptr, 0), whole.size());
}

TEST(CInterfaceTest, AttributesOfEveryTypeReachTheRules) {
  const ClientPtr client = Offline();
  const ContextPtr user = User();
  const std::array<const char*, 5> flags = {"german", "adult", "beta", "tall", "tagged"};
  for (const char* flag : flags) EXPECT_FALSE(guidon_bool(client.get(), flag, user.get(), false)) << flag;
  const std::array<const char*, 2> tags = {"silver", "gold"};
  EXPECT_EQ(guidon_context_set_text(user.get(), "country", "DE"), GUIDON_OK);
  EXPECT_EQ(guidon_context_set_int(user.get(), "age", 18), GUIDON_OK);
  EXPECT_EQ(guidon_context_set_bool(user.get(), "beta", true), GUIDON_OK);
  EXPECT_EQ(guidon_context_set_double(user.get(), "height", 1.85), GUIDON_OK);
  EXPECT_EQ(guidon_context_set_texts(user.get(), "tags", tags.data(), tags.size()), GUIDON_OK);
  for (const char* flag : flags) EXPECT_TRUE(guidon_bool(client.get(), flag, user.get(), false)) << flag;

  const ContextPtr copy{guidon_context_copy(user.get()), guidon_context_free};
  EXPECT_EQ(guidon_context_set_text(user.get(), "country", nullptr), GUIDON_OK);  // removes
  EXPECT_FALSE(guidon_bool(client.get(), "german", user.get(), false));
  EXPECT_TRUE(guidon_bool(client.get(), "german", copy.get(), false));
  EXPECT_EQ(guidon_context_reset(copy.get(), "user-43"), GUIDON_OK);
  EXPECT_FALSE(guidon_bool(client.get(), "german", copy.get(), false));
}

TEST(CInterfaceTest, ADetailSaysWhy) {
  const ClientPtr client = Offline();
  const ContextPtr user = User();
  guidon_context_set_text(user.get(), "country", "DE");
  guidon_detail detail = GUIDON_DETAIL_INIT;
  EXPECT_TRUE(guidon_bool_detail(client.get(), "german", user.get(), false, &detail));
  EXPECT_EQ(detail.reason, GUIDON_REASON_TARGETING_MATCH);
  EXPECT_EQ(detail.error, GUIDON_EVALUATION_OK);
  EXPECT_STREQ(detail.variation, "on");
  EXPECT_STREQ(detail.rule, "rule");
  EXPECT_GT(detail.revision, 0u);
  EXPECT_EQ(guidon_int_detail(client.get(), "on", user.get(), 5, &detail), 5);
  EXPECT_EQ(detail.error, GUIDON_TYPE_MISMATCH);
  EXPECT_STREQ(detail.variation, "");
  EXPECT_NE(std::strstr(detail.message, "flag 'on' is of type boolean"), nullptr) << detail.message;
  EXPECT_EQ(guidon_double_detail(client.get(), "nowhere", user.get(), 0.5, &detail), 0.5);
  EXPECT_EQ(detail.error, GUIDON_FLAG_NOT_FOUND);
  std::array<char, 64> buffer{};
  guidon_string_detail(client.get(), "layout", user.get(), "", buffer.data(), buffer.size(), &detail);
  EXPECT_STREQ(detail.variation, "served");
  EXPECT_EQ(guidon_int_detail(client.get(), "retries", user.get(), 0, nullptr), 3);
}

TEST(CInterfaceTest, HandlesReadAndOutliveTheirClient) {
  ClientPtr client = Offline();
  const ContextPtr user = User();
  guidon_bool_flag* on = guidon_bool_flag_new(client.get(), "on", false);
  guidon_int_flag* retries = guidon_int_flag_new(client.get(), "retries", 0);
  guidon_double_flag* ratio = guidon_double_flag_new(client.get(), "ratio", 0);
  guidon_string_flag* layout = guidon_string_flag_new(client.get(), "nowhere", "classic");
  client.reset();
  EXPECT_TRUE(guidon_bool_flag_read(on, user.get()));
  EXPECT_EQ(guidon_int_flag_read(retries, user.get()), 3);
  EXPECT_EQ(guidon_double_flag_read(ratio, user.get()), 0.25);
  std::array<char, 16> buffer{};
  EXPECT_EQ(guidon_string_flag_read(layout, user.get(), buffer.data(), buffer.size()), 7u);
  EXPECT_STREQ(buffer.data(), "classic");
  guidon_bool_flag_free(on);
  guidon_int_flag_free(retries);
  guidon_double_flag_free(ratio);
  guidon_string_flag_free(layout);
}

TEST(CInterfaceTest, NullIsTakenEverywhere) {
  const ClientPtr client = Offline();
  const ContextPtr user = User();
  EXPECT_TRUE(guidon_bool(nullptr, "on", user.get(), true));
  EXPECT_TRUE(guidon_bool(client.get(), "on", nullptr, false));
  EXPECT_EQ(guidon_int(nullptr, "on", user.get(), 9), 9);
  EXPECT_EQ(guidon_double(nullptr, "on", user.get(), 0.5), 0.5);
  EXPECT_EQ(Text(guidon_string, nullptr, "layout", "classic"), "classic");
  EXPECT_EQ(Text(guidon_json, nullptr, "limits", "{}"), "{}");
  EXPECT_EQ(guidon_variation(client.get(), "on", user.get(), nullptr, 2, -1), -1);
  EXPECT_EQ(guidon_client_new(nullptr, nullptr), nullptr);
  EXPECT_EQ(guidon_client_close(nullptr, 0), GUIDON_INVALID_ARGUMENT);
  EXPECT_EQ(guidon_client_wait_ready(nullptr, 0, nullptr), GUIDON_INVALID_ARGUMENT);
  EXPECT_EQ(guidon_client_status(client.get(), nullptr), GUIDON_INVALID_ARGUMENT);
  EXPECT_EQ(guidon_client_on_change(nullptr, nullptr, nullptr), nullptr);
  EXPECT_EQ(guidon_context_set_int(nullptr, "a", 1), GUIDON_INVALID_ARGUMENT);
  EXPECT_EQ(guidon_context_set_int(user.get(), nullptr, 1), GUIDON_INVALID_ARGUMENT);
  EXPECT_EQ(guidon_context_set_double(user.get(), "a", std::nan("")), GUIDON_INVALID_ARGUMENT);
  EXPECT_EQ(guidon_context_set_texts(user.get(), "a", nullptr, 1), GUIDON_INVALID_ARGUMENT);
  EXPECT_EQ(guidon_bool_flag_new(nullptr, "on", true), nullptr);
  EXPECT_EQ(guidon_bool_flag_new(client.get(), nullptr, true), nullptr);
  EXPECT_FALSE(guidon_bool_flag_read(nullptr, user.get()));
  EXPECT_EQ(guidon_context_copy(nullptr), nullptr);
  guidon_context_free(nullptr);
  guidon_client_free(nullptr);
  guidon_subscription_free(nullptr);
  guidon_string_flag_free(nullptr);
}

TEST(CInterfaceTest, StructuresOfAnUnknownSizeAreRefusedAndLeftAlone) {
  guidon_config config = GUIDON_CONFIG_INIT;
  config.size -= 1;
  guidon_error error = GUIDON_ERROR_INIT;
  EXPECT_EQ(guidon_client_new(&config, &error), nullptr);
  EXPECT_EQ(error.code, GUIDON_INVALID_ARGUMENT);
  EXPECT_NE(std::strstr(error.message, "size"), nullptr) << error.message;

  const ClientPtr client = Offline();
  guidon_status status = GUIDON_STATUS_INIT;
  status.size = 1;
  status.revision = 77;
  EXPECT_EQ(guidon_client_status(client.get(), &status), GUIDON_INVALID_ARGUMENT);
  EXPECT_EQ(status.revision, 77u);
  guidon_detail detail = GUIDON_DETAIL_INIT;
  detail.size = 0;
  detail.revision = 77;
  const ContextPtr user = User();
  EXPECT_TRUE(guidon_bool_detail(client.get(), "on", user.get(), false, &detail));
  EXPECT_EQ(detail.revision, 77u);
}

TEST(CInterfaceTest, WhyItIsNotReadyIsSaid) {
  guidon_config config = GUIDON_CONFIG_INIT;
  config.bootstrap = "no document";
  std::atomic<int> lines{0};
  config.log = [](void* user, guidon_log_level level, const char* message) {
    if (level >= GUIDON_LOG_WARNING && std::strstr(message, "bootstrap is not used") != nullptr) {
      ++*static_cast<std::atomic<int>*>(user);
    }
  };
  config.log_user = &lines;
  const ClientPtr client{guidon_client_new(&config, nullptr), guidon_client_free};
  guidon_error error = GUIDON_ERROR_INIT;
  EXPECT_EQ(guidon_client_wait_ready(client.get(), -1, &error), GUIDON_NOT_READY);
  EXPECT_EQ(error.code, GUIDON_NOT_READY);
  EXPECT_NE(std::strstr(error.message, "offline: bootstrap is not used"), nullptr) << error.message;
  EXPECT_EQ(lines, 1);
}

TEST(CInterfaceTest, ALiveClientHasAStatusAndTellsOfChanges) {
  StreamingCClient c;
  World& world = c.world;
  world.Serve("on", false);
  c.config.without_events = true;
  ASSERT_TRUE(c.Open());
  const ClientPtr& client = c.client;

  std::atomic<std::uint64_t> seen{0};
  guidon_subscription* subscription = guidon_client_on_change(
      client.get(),
      [](void* user, std::uint64_t revision) { *static_cast<std::atomic<std::uint64_t>*>(user) = revision; }, &seen);
  ASSERT_NE(subscription, nullptr);
  c.stream->Send(world.Serve("on", true));
  EXPECT_TRUE(Eventually([&] { return seen == world.revision(); }));
  const ContextPtr user = User();
  EXPECT_TRUE(guidon_bool(client.get(), "on", user.get(), false));
  guidon_status status = GUIDON_STATUS_INIT;
  ASSERT_EQ(guidon_client_status(client.get(), &status), GUIDON_OK);
  EXPECT_EQ(status.state, GUIDON_STATE_LIVE);
  EXPECT_EQ(status.revision, world.revision());
  EXPECT_EQ(status.flags, 1u);
  EXPECT_STREQ(status.source, "server");
  EXPECT_STREQ(status.epoch, "epoch-1");
  guidon_subscription_free(subscription);
  EXPECT_EQ(guidon_client_close(client.get(), 20'000), GUIDON_OK);
  ASSERT_EQ(guidon_client_status(client.get(), &status), GUIDON_OK);
  EXPECT_EQ(status.state, GUIDON_STATE_CLOSED);
}

using ReaderPtr = std::unique_ptr<guidon_reader, void (*)(guidon_reader*)>;

TEST(CInterfaceTest, APinReadsOneRevisionAndOutlivesItsClient) {
  StreamingCClient c;
  World& world = c.world;
  world.Serve("on", true);
  world.Serve("retries", 3);
  world.Serve("ratio", 0.25);
  world.Serve("layout", "single");
  world.Serve("limits", Object{{"rps", 200}});
  const std::uint64_t pinned = world.revision();
  c.Make();
  ClientPtr& client = c.client;
  const ReaderPtr early{guidon_pin_new(client.get()), guidon_reader_free};
  ASSERT_TRUE(c.Stream());
  const ReaderPtr pin{guidon_pin_new(client.get()), guidon_reader_free};
  const ReaderPtr peek{guidon_peek_new(client.get()), guidon_reader_free};
  const ReaderPtr peek_at_pin{guidon_reader_peek(pin.get()), guidon_reader_free};
  const ReaderPtr another_peek{guidon_reader_peek(peek.get()), guidon_reader_free};
  for (const auto& [flag, value] : std::initializer_list<std::pair<const char*, Value>>{
           {"on", false}, {"retries", 4}, {"ratio", 0.5}, {"layout", "multi"}, {"limits", Object()}}) {
    c.stream->Send(world.Serve(flag, value));
  }
  const ContextPtr user = User();
  ASSERT_TRUE(Eventually([&] {
    return guidon_string(client.get(), "limits", user.get(), "", nullptr, 0) == 0 &&
           guidon_int(client.get(), "retries", user.get(), 0) == 4 &&
           Text(guidon_json, client.get(), "limits", "") == "{}";
  }));
  client.reset();

  EXPECT_EQ(guidon_reader_revision(early.get()), 0u);
  EXPECT_EQ(guidon_reader_int(early.get(), "retries", user.get(), -1), -1);
  EXPECT_EQ(guidon_reader_revision(pin.get()), pinned);
  EXPECT_EQ(guidon_reader_revision(peek.get()), 0u);
  for (const auto* reader : {pin.get(), peek_at_pin.get(), peek.get(), another_peek.get()}) {
    const bool is_old = reader == pin.get() || reader == peek_at_pin.get();
    guidon_detail detail = GUIDON_DETAIL_INIT;
    std::array<char, 32> buffer{};
    const std::array<const char*, 2> names = {"off", "on"};
    EXPECT_EQ(guidon_reader_bool(reader, "on", user.get(), !is_old), is_old);
    EXPECT_EQ(guidon_reader_int(reader, "retries", user.get(), 0), is_old ? 3 : 4);
    EXPECT_EQ(guidon_reader_double(reader, "ratio", user.get(), 0), is_old ? 0.25 : 0.5);
    EXPECT_EQ(guidon_reader_string(reader, "layout", user.get(), "", buffer.data(), buffer.size()), is_old ? 6u : 5u);
    EXPECT_STREQ(buffer.data(), is_old ? "single" : "multi");
    guidon_reader_json(reader, "limits", user.get(), "", buffer.data(), buffer.size());
    EXPECT_STREQ(buffer.data(), is_old ? "{\"rps\":200}" : "{}");
    EXPECT_EQ(guidon_reader_variation(reader, "on", user.get(), names.data(), 2, -1), is_old ? 1 : 0);
    EXPECT_EQ(guidon_reader_bool_detail(reader, "on", user.get(), !is_old, &detail), is_old);
    EXPECT_EQ(detail.revision == pinned, is_old);
    EXPECT_EQ(guidon_reader_int_detail(reader, "on", user.get(), 7, &detail), 7);
    EXPECT_EQ(detail.error, GUIDON_TYPE_MISMATCH);
    EXPECT_EQ(guidon_reader_double_detail(reader, "ratio", user.get(), 0, &detail), is_old ? 0.25 : 0.5);
    EXPECT_STREQ(detail.variation, "served");
    guidon_reader_string_detail(reader, "nowhere", user.get(), "classic", buffer.data(), buffer.size(), &detail);
    EXPECT_STREQ(buffer.data(), "classic");
    EXPECT_EQ(detail.error, GUIDON_FLAG_NOT_FOUND);
  }

  EXPECT_EQ(guidon_pin_new(nullptr), nullptr);
  EXPECT_EQ(guidon_peek_new(nullptr), nullptr);
  EXPECT_EQ(guidon_reader_peek(nullptr), nullptr);
  EXPECT_EQ(guidon_reader_revision(nullptr), 0u);
  EXPECT_TRUE(guidon_reader_bool(nullptr, "on", user.get(), true));
  EXPECT_EQ(guidon_reader_string(nullptr, "layout", user.get(), "classic", nullptr, 0), 7u);
  guidon_reader_free(nullptr);
}

TEST(CInterfaceTest, WhoAsksIsToldThatTheStatusChangesAndSinceWhenNobodyConfirms) {
  StreamingCClient c;
  c.world.Serve("on", true);
  c.config.serve_defaults_after_ms = 100;
  struct Told {
    guidon_client* client = nullptr;
    std::atomic<int> state{-1};
    std::atomic<bool> serves_defaults{false};
  } told;
  c.Make();
  const ClientPtr& client = c.client;
  told.client = client.get();
  guidon_subscription* subscription = guidon_client_on_status(
      client.get(),
      [](void* user) {
        Told& its = *static_cast<Told*>(user);
        guidon_status status = GUIDON_STATUS_INIT;
        EXPECT_EQ(guidon_client_status(its.client, &status), GUIDON_OK);
        its.state = status.state;
        its.serves_defaults = status.serves_defaults;
      },
      &told);
  ASSERT_NE(subscription, nullptr);
  EXPECT_EQ(guidon_client_on_status(client.get(), nullptr, nullptr), nullptr);
  EXPECT_EQ(guidon_client_on_status(
                nullptr, [](void*) {}, nullptr),
            nullptr);
  ASSERT_TRUE(c.Stream());
  EXPECT_TRUE(Eventually([&] { return told.state == GUIDON_STATE_LIVE; }));
  guidon_status status = GUIDON_STATUS_INIT;
  ASSERT_EQ(guidon_client_status(client.get(), &status), GUIDON_OK);
  EXPECT_FALSE(status.serves_defaults);
  EXPECT_EQ(status.stale_since_ms, 0);

  c.server.Stop();
  c.stream.reset();
  EXPECT_TRUE(Eventually([&] { return told.serves_defaults.load(); }));
  ASSERT_EQ(guidon_client_status(client.get(), &status), GUIDON_OK);
  EXPECT_TRUE(status.serves_defaults);
  EXPECT_GT(status.stale_since_ms, 1'600'000'000'000);
  guidon_subscription_free(subscription);
}

TEST(CInterfaceTest, FlagsMayComeFromAFileAndVariables) {
  const FilesFolder folder;
  const std::string file = folder.File("flags.json");
  std::ofstream(file) << R"({"on": false, "retries": 3})";
  ::setenv("GUIDON_FLAG_ON", "true", 1);
  guidon_config config = GUIDON_CONFIG_INIT;
  config.flag_file = file.c_str();
  config.flag_file_interval_ms = 5;
  config.flag_overrides = true;
  const ClientPtr client{guidon_client_new(&config, nullptr), guidon_client_free};
  ::unsetenv("GUIDON_FLAG_ON");
  const ContextPtr user = User();
  EXPECT_TRUE(guidon_bool(client.get(), "on", user.get(), false));
  EXPECT_EQ(guidon_int(client.get(), "retries", user.get(), 0), 3);
  guidon_status status = GUIDON_STATUS_INIT;
  ASSERT_EQ(guidon_client_status(client.get(), &status), GUIDON_OK);
  EXPECT_EQ(status.state, GUIDON_STATE_LIVE);
  EXPECT_STREQ(status.source, "file");
  std::ofstream(file) << R"({"on": false, "retries": 44})";
  EXPECT_TRUE(Eventually([&] { return guidon_int(client.get(), "retries", user.get(), 0) == 44; }));
}

TEST(CInterfaceTest, ItsNumbersAreThoseOfTheCppInterface) {
  EXPECT_EQ(static_cast<int>(GUIDON_REASON_ERROR), static_cast<int>(Reason::kError));
  EXPECT_EQ(static_cast<int>(GUIDON_REASON_SPLIT), static_cast<int>(Reason::kSplit));
  EXPECT_EQ(static_cast<int>(GUIDON_REASON_PREREQUISITE_FAILED), static_cast<int>(Reason::kPrerequisiteFailed));
  EXPECT_EQ(static_cast<int>(GUIDON_PROVIDER_NOT_READY), static_cast<int>(EvaluationError::kProviderNotReady));
  EXPECT_EQ(static_cast<int>(GUIDON_TARGETING_KEY_MISSING), static_cast<int>(EvaluationError::kTargetingKeyMissing));
  EXPECT_EQ(static_cast<int>(GUIDON_STATE_CLOSED), static_cast<int>(ClientState::kClosed));
  EXPECT_EQ(static_cast<int>(GUIDON_STATE_UNAUTHORISED), static_cast<int>(ClientState::kUnauthorised));
  EXPECT_EQ(static_cast<int>(GUIDON_LOG_ERROR), static_cast<int>(LogLevel::kError));
  EXPECT_STREQ(guidon_version(), GUIDON_VERSION);
}

}  // namespace
}  // namespace guidon::testing
