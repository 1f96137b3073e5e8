// Hooks around reads: their order, what they see, what they may do, and what they cannot break.
#include <guidon/client.h>
#include <guidon/hooks.h>
#include <guidon/test_source.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "core/base/json.h"
#include "tests/sdk/world.h"

namespace guidon::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Pair;

// Writes down "NAME.stage", and what it was told.
class Recording : public Hook {
 public:
  Recording(std::string name, std::vector<std::string>& calls) : name_(std::move(name)), calls_(calls) {}
  std::optional<Context> Before(HookContext& read) override {
    calls_.push_back(name_ + ".before " + std::string(read.flag));
    read.data = std::make_shared<std::string>(name_);
    return std::nullopt;
  }
  void After(HookContext& read, const HookDetail& detail) override { Note("after", read, detail); }
  void Error(HookContext& read, const HookDetail& detail) override { Note("error", read, detail); }
  void Finally(HookContext& read, const HookDetail& detail) override { Note("finally", read, detail); }

 private:
  void Note(const std::string& stage, const HookContext& read, const HookDetail& detail) {
    calls_.push_back(name_ + "." + stage + " " + ToJson(detail.value));
    EXPECT_EQ(*static_cast<const std::string*>(read.data.get()), name_);  // its own, not another hook's
  }
  const std::string name_;
  std::vector<std::string>& calls_;
};

// A client of a bootstrap: "on" serves true, "layout" text, "german" asks for the country, "retries" a number, "limits"
// JSON.
std::string Document() {
  World world;
  world.Serve("on", true);
  world.Serve("layout", "single");
  world.Serve("retries", 3);
  world.Serve("ratio", 0.5);
  world.Serve("limits", Object{{"rps", 200}});
  world.Put(
      "flag", "german",
      Object{
          {"flag", "german"},
          {"type", "boolean"},
          {"environments",
           Object{{"production", Object{{"enabled", true},
                                        {"rules", Array{Object{{"when", Object{{"country", "DE"}}}, {"serve", "on"}}}},
                                        {"default", "off"}}}}}});
  return world.Document();
}

ClientConfig ConfigWith(std::vector<std::shared_ptr<Hook>> hooks, LogSink log = {}) {
  ClientConfig config;
  config.bootstrap = Document();
  config.hooks = std::move(hooks);
  config.log = std::move(log);
  return config;
}

TEST(HooksTest, StagesAreCalledInOrderAndBack) {
  std::vector<std::string> calls;
  Client client(ConfigWith({std::make_shared<Recording>("a", calls), std::make_shared<Recording>("b", calls)}));
  EXPECT_TRUE(client.Bool("on", Context("user-42"), false));
  EXPECT_THAT(calls, ElementsAre("a.before on", "b.before on", "b.after true", "a.after true", "b.finally true",
                                 "a.finally true"));
  calls.clear();
  EXPECT_EQ(client.Int("nowhere", Context("user-42"), 7), 7);
  EXPECT_THAT(calls, ElementsAre("a.before nowhere", "b.before nowhere", "b.error 7", "a.error 7", "b.finally 7",
                                 "a.finally 7"));
}

TEST(HooksTest, EveryKindOfReadCallsThemAndSaysWhatItAsksFor) {
  struct Kinds : Hook {
    std::vector<std::pair<ReadType, std::string>> seen;
    void Finally(HookContext& read, const HookDetail& detail) override {
      seen.emplace_back(read.type, ToJson(read.fallback) + "->" + ToJson(detail.value));
    }
  };
  const auto kinds = std::make_shared<Kinds>();
  Client client(ConfigWith({kinds}));
  const Context user("user-42");
  const Pin pin = client.Pin();
  client.Bool("on", user, false);
  client.String("layout", user, "multi");
  client.Int("retries", user, 0);
  client.Double("ratio", user, 0.0);
  client.Json("limits", user, Value());
  client.BoolDetail("on", user, false);
  client.StringDetail("layout", user, "multi");
  pin.Bool("on", user, false);
  pin.IntDetail("retries", user, 1);
  const Flag<bool> on(client, "on", false);
  on(user);
  on.Detail(user);
  on(user, pin);
  on.Detail(user, pin);
  EXPECT_THAT(kinds->seen,
              ElementsAre(Pair(ReadType::kBool, "false->true"), Pair(ReadType::kString, "\"multi\"->\"single\""),
                          Pair(ReadType::kInt, "0->3"), Pair(ReadType::kDouble, "0.0->0.5"),
                          Pair(ReadType::kJson, "null->{\"rps\":200}"), Pair(ReadType::kBool, "false->true"),
                          Pair(ReadType::kString, "\"multi\"->\"single\""), Pair(ReadType::kBool, "false->true"),
                          Pair(ReadType::kInt, "1->3"), Pair(ReadType::kBool, "false->true"),
                          Pair(ReadType::kBool, "false->true"), Pair(ReadType::kBool, "false->true"),
                          Pair(ReadType::kBool, "false->true")));
  kinds->seen.clear();
  constexpr std::string_view kNames[] = {"off", "on"};
  EXPECT_EQ(client.Variation("on", user, kNames, 2, 0), 1);
  EXPECT_EQ(pin.Variation("nowhere", user, kNames, 2, 0), 0);
  EXPECT_THAT(kinds->seen, ElementsAre(Pair(ReadType::kVariation, "\"off\"->\"on\""),
                                       Pair(ReadType::kVariation, "\"off\"->\"off\"")));
  kinds->seen.clear();
  client.Peek().Bool("on", user, false);
  pin.Peek().Bool("on", user, false);
  EXPECT_TRUE(kinds->seen.empty());
}

TEST(HooksTest, AHookMayPutAnotherContextInPlace) {
  struct InGermany : Hook {
    std::optional<Context> Before(HookContext& read) override {
      Context with = read.context;
      with.Set("country", "DE");
      return with;
    }
  };
  struct Seen : Hook {
    std::string before, after;
    std::optional<Context> Before(HookContext& read) override {
      before = ToJson(read.context.ToValue());
      return std::nullopt;
    }
    void After(HookContext& read, const HookDetail&) override { after = ToJson(read.context.ToValue()); }
  };
  const auto first = std::make_shared<Seen>(), last = std::make_shared<Seen>();
  Client client(ConfigWith({first, std::make_shared<InGermany>(), last}));
  const Context user("user-42");
  EXPECT_TRUE(client.Bool("german", user, false));
  EXPECT_EQ(first->before, R"({"key":"user-42"})");
  EXPECT_EQ(last->before, R"({"key":"user-42","country":"DE"})");
  EXPECT_EQ(first->after, last->before);
  EXPECT_EQ(ToJson(user.ToValue()), R"({"key":"user-42"})");  // the caller's is as it was
}

TEST(HooksTest, WhatAHookThrowsIsLoggedAndTheReadGoesOn) {
  struct Throwing : Hook {
    std::optional<Context> Before(HookContext&) override { throw std::runtime_error("no span"); }
    void After(HookContext&, const HookDetail&) override { throw 7; }
    void Finally(HookContext&, const HookDetail&) override { throw std::runtime_error("no end"); }
  };
  std::vector<std::string> calls;
  Log log;
  Client client(ConfigWith({std::make_shared<Throwing>(), std::make_shared<Recording>("b", calls)}, log.Sink()));
  // Many times: a read never waits, so what is thrown while another thread holds the lock is not noted.
  constexpr std::size_t kReads = 1'000;
  for (std::size_t i = 0; i < kReads; ++i) EXPECT_TRUE(client.Bool("on", Context("user-42"), false));
  EXPECT_EQ(calls.size(), 3 * kReads);
  ASSERT_TRUE(client.Close(kPatience));  // what is to be said is
  EXPECT_EQ(log.Count("a hook threw in Before: no span", LogLevel::kError), 1);
  EXPECT_EQ(log.Count("a hook threw in After", LogLevel::kError), 1);
  EXPECT_EQ(log.Count("a hook threw in Finally: no end", LogLevel::kError), 1);
}

TEST(HooksTest, AHookThatThrowsAtEveryReadIsSaidOnceAndNotOnTheThreadThatReads) {
  struct Throwing : Hook {
    std::optional<Context> Before(HookContext&) override { throw std::runtime_error("no span"); }
  };
  std::atomic<int> lines{0}, on_reading_thread{0};
  const auto reader = std::this_thread::get_id();
  const LogSink sink = [&](LogLevel, std::string_view line) {
    if (line.find("a hook threw") == std::string_view::npos) return;
    ++lines;
    if (std::this_thread::get_id() == reader) ++on_reading_thread;
  };
  Client client(ConfigWith({std::make_shared<Throwing>(), std::make_shared<Throwing>()}, sink));
  for (int i = 0; i < 1'000; ++i) EXPECT_TRUE(client.Bool("on", Context("user-42"), false));
  ASSERT_TRUE(client.Close(kPatience));
  client.Bool("on", Context("user-42"), false);
  EXPECT_EQ(lines, 2) << "one of each hook";
  EXPECT_EQ(on_reading_thread, 0);
}

TEST(HooksTest, AHookMayReadFlagsItself) {
  struct Nested : Hook {
    Client* client = nullptr;
    int reads = 0;
    std::optional<Context> Before(HookContext& read) override {
      if (reads++ == 0) client->String("layout", read.context, "");
      return std::nullopt;
    }
  };
  const auto nested = std::make_shared<Nested>();
  Client client(ConfigWith({nested, nullptr}));  // an empty one is passed over
  nested->client = &client;
  EXPECT_TRUE(client.Bool("on", Context("user-42"), false));
  EXPECT_EQ(nested->reads, 2);
}

TEST(LoggingHookTest, WritesALineForEachStage) {
  std::vector<std::pair<LogLevel, std::string>> lines;
  const LogSink sink = [&](LogLevel level, std::string_view line) { lines.emplace_back(level, line); };
  Client client(ConfigWith({LoggingHook(sink)}));
  client.String("layout", Context("user-42"), "multi");
  client.Bool("layout", Context("user-42"), false);
  client.Bool("a \"b\"", Context("user-42"), false);
  ASSERT_EQ(lines.size(), 6u);
  EXPECT_THAT(lines[0],
              Pair(LogLevel::kDebug, "stage=before provider_name=guidon flag_key=layout default_value=\"multi\""));
  EXPECT_THAT(lines[1], Pair(LogLevel::kDebug,
                             "stage=after provider_name=guidon flag_key=layout default_value=\"multi\" reason=STATIC "
                             "variant=served value=\"single\""));
  EXPECT_THAT(lines[3], Pair(LogLevel::kError,
                             "stage=error provider_name=guidon flag_key=layout default_value=false "
                             "error_code=TYPE_MISMATCH error_message=\"flag 'layout' is of type string\""));
  EXPECT_THAT(lines[4].second, HasSubstr("flag_key=\"a \\\"b\\\"\" "));
  for (const auto& [level, line] : lines) EXPECT_EQ(line.find("user-42"), std::string::npos) << line;
}

TEST(LoggingHookTest, TheContextIsInItOnlyWhenAskedFor) {
  std::string first;
  Client client(ConfigWith({LoggingHook(
      [&](LogLevel, std::string_view line) {
        if (first.empty()) first = line;
      },
      {.include_context = true})}));
  client.Bool("on", Context("user-42"), false);
  EXPECT_THAT(first, HasSubstr("evaluation_context={\"key\":\"user-42\"}"));
}

TEST(TelemetryHookTest, GivesTheAttributesOfTheConventions) {
  std::vector<std::vector<std::pair<std::string, std::string>>> events;
  Client client(ConfigWith({TelemetryHook([&](const TelemetryEvent& event) {
    EXPECT_EQ(event.name, "feature_flag.evaluation");
    auto& one = events.emplace_back();
    for (const auto& [name, value] : event.attributes) one.emplace_back(name, ToJson(value));
  })}));
  client.String("layout", Context("user-42"), "multi");
  client.Bool("nowhere", Context(), true);
  ASSERT_EQ(events.size(), 2u);
  EXPECT_THAT(
      events[0],
      ElementsAre(Pair("feature_flag.key", "\"layout\""), Pair("feature_flag.provider.name", "\"guidon\""),
                  Pair("feature_flag.result.reason", "\"static\""), Pair("feature_flag.result.variant", "\"served\""),
                  Pair("feature_flag.context.id", "\"user-42\""), Pair("feature_flag.version", ::testing::_)));
  EXPECT_THAT(events[1],
              ElementsAre(Pair("feature_flag.key", "\"nowhere\""), Pair("feature_flag.provider.name", "\"guidon\""),
                          Pair("feature_flag.result.reason", "\"error\""), Pair("feature_flag.result.value", "true"),
                          Pair("feature_flag.version", ::testing::_), Pair("error.type", "\"flag_not_found\""),
                          Pair("error.message", "\"there is no flag 'nowhere'\"")));
}

}  // namespace
}  // namespace guidon::testing
