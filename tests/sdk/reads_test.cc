// Reads of every type, handles and pins, and guidon::TestSource, from which most tests here take their flags.
#include <guidon/test_source.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/sdk/world.h"

namespace guidon {
namespace {

using namespace std::chrono_literals;
using testing::AcceptStream;
using testing::ConfigFor;
using testing::Eventually;
using ::testing::HasSubstr;
using testing::kPatience;
using testing::Log;
using testing::ScriptedServer;
using testing::WaitForRevision;
using testing::World;

const Context kUser("user-1");
const Value kLimits = Object{{"rps", 200}, {"burst", 50.5}};

// A client that holds these flags, read through the file of an export.
ClientConfig Bootstrapped(const World& world) {
  ClientConfig config;
  config.bootstrap = world.Document();
  return config;
}

World EveryType() {
  World world;
  world.Serve("bool", true);
  world.Serve("text", "v2");
  world.Serve("whole", 42);
  world.Serve("big", 9'007'199'254'740'993);  // beyond what a double holds
  world.Serve("whole_double", Value(3.0));
  world.Serve("fraction", 2.5);
  world.Serve("huge", 1e300);
  world.Serve("json", kLimits);
  return world;
}

TEST(ReadTest, EveryTypeIsReadThroughClientPinAndHandle) {
  const Client client(Bootstrapped(EveryType()));
  const auto check = [](const auto& reads) {
    EXPECT_TRUE(reads.Bool("bool", kUser, false));
    EXPECT_EQ(reads.String("text", kUser, "-"), "v2");
    EXPECT_EQ(reads.Int("whole", kUser, -1), 42);
    EXPECT_EQ(reads.Int("big", kUser, -1), 9'007'199'254'740'993);
    EXPECT_EQ(reads.Int("whole_double", kUser, -1), 3);
    EXPECT_EQ(reads.Double("whole", kUser, -1), 42.0);
    EXPECT_EQ(reads.Double("fraction", kUser, -1), 2.5);
    EXPECT_EQ(reads.Double("huge", kUser, -1), 1e300);
    EXPECT_EQ(reads.Json("json", kUser, Value()), kLimits);
  };
  check(client);
  check(client.Pin());
  EXPECT_TRUE(Flag<bool>(client, "bool", false)(kUser));
  EXPECT_EQ(Flag<std::string>(client, "text", "-")(kUser), "v2");
  EXPECT_EQ(Flag<std::int64_t>(client, "whole", -1)(kUser), 42);
  EXPECT_EQ(Flag<double>(client, "fraction", -1)(kUser), 2.5);
  EXPECT_EQ(Flag<Value>(client, "json", Value())(kUser), kLimits);
}

TEST(ReadTest, AnotherTypeIsTheFallbackWithTypeMismatch) {
  const Client client(Bootstrapped(EveryType()));
  const auto check = [](const auto& reads) {
    for (const char* flag : {"text", "whole", "json"}) {
      EXPECT_TRUE(reads.Bool(flag, kUser, true)) << flag;
      EXPECT_EQ(reads.BoolDetail(flag, kUser, true).error, EvaluationError::kTypeMismatch) << flag;
    }
    for (const char* flag : {"bool", "whole", "json"}) EXPECT_EQ(reads.String(flag, kUser, "-"), "-") << flag;
    for (const char* flag : {"bool", "text", "fraction", "huge", "json"}) {
      EXPECT_EQ(reads.Int(flag, kUser, -1), -1) << flag;
      EXPECT_EQ(reads.IntDetail(flag, kUser, -1).error, EvaluationError::kTypeMismatch) << flag;
    }
    for (const char* flag : {"bool", "text", "json"}) EXPECT_EQ(reads.Double(flag, kUser, -1), -1.0) << flag;
    for (const char* flag : {"bool", "text", "whole"}) {
      EXPECT_EQ(reads.Json(flag, kUser, kLimits), kLimits) << flag;
      EXPECT_EQ(reads.JsonDetail(flag, kUser, kLimits).error, EvaluationError::kTypeMismatch) << flag;
    }
  };
  check(client);
  check(client.Pin());
}

TEST(ReadTest, ADetailSaysWhy) {
  World world;
  world.Put("flag", "layout",
            ParseJson(R"({"flag":"layout","type":"string","variations":{"multi":"m","single":"s"},"environments":)"
                      R"({"production":{"enabled":true,"rules":[{"id":"staff","when":{"staff":true},)"
                      R"("serve":"single"}],"default":"multi"}}})")
                .value());
  world.Put("flag", "resting",
            ParseJson(R"({"flag":"resting","type":"string","variations":{"a":"A"},"environments":)"
                      R"({"production":{"enabled":false}}})")
                .value());
  const Client client(Bootstrapped(world));
  const Flag<std::string> handle(client, "layout", "none");
  const Pin pin = client.Pin();
  Context staff("user-2");
  staff.Set("staff", true);
  for (const EvaluationDetail<std::string>& detail :
       {client.StringDetail("layout", staff, "none"), pin.StringDetail("layout", staff, "none"), handle.Detail(staff),
        handle.Detail(staff, pin)}) {
    EXPECT_EQ(detail.value, "s");
    EXPECT_EQ(detail.reason, Reason::kTargetingMatch);
    EXPECT_EQ(detail.error, EvaluationError::kNone);
    EXPECT_EQ(detail.variation, "single");
    EXPECT_EQ(detail.rule, "staff");
    EXPECT_EQ(detail.revision, world.revision());
    EXPECT_EQ(detail.message, "");
  }
  EXPECT_EQ(client.StringDetail("layout", kUser, "none").reason, Reason::kDefault);

  const EvaluationDetail<std::string> resting = client.StringDetail("resting", kUser, "mine");
  EXPECT_EQ(resting.value, "mine") << "it serves nothing";
  EXPECT_EQ(resting.reason, Reason::kDisabled);
  EXPECT_EQ(resting.error, EvaluationError::kNone);
  EXPECT_EQ(resting.variation, "");

  const EvaluationDetail<std::int64_t> absent = client.IntDetail("absent", kUser, 5);
  EXPECT_EQ(absent.value, 5);
  EXPECT_EQ(absent.reason, Reason::kError);
  EXPECT_EQ(absent.error, EvaluationError::kFlagNotFound);
  EXPECT_THAT(absent.message, HasSubstr("absent"));
}

TEST(ReadTest, KeysAndContextsOfAnyKindAreAnswered) {
  const Client client(Bootstrapped(EveryType()));
  const std::string keys[] = {"", std::string("\0", 1), "bool ", "\xFF\xFE", std::string(1 << 20, 'k')};
  for (const std::string& key : keys) {
    EXPECT_TRUE(client.Bool(key, Context(), true));
    EXPECT_FALSE(Flag<bool>(client, key, false)(Context()));
  }
  EXPECT_TRUE(client.Bool("bool", Context(std::string(1 << 20, 'u')), false));
}

TEST(ReadTest, AMisspeltKeyIsLoggedOnceWithTheRightOne) {
  Log log;
  World world;
  world.Serve("checkout.layout", "multi");
  ClientConfig config = Bootstrapped(world);
  config.log = log.Sink();
  const Client client(config);
  const Flag<std::string> handle(client, "checkout.layuot", "x");
  const auto said = [&] { return log.Count("there is no flag 'checkout.layuot'"); };
  // A read that finds the lock taken leaves it to the next.
  EXPECT_TRUE(Eventually([&] { return client.String("checkout.layuot", kUser, "x") == "x" && said() > 0; }));
  for (int i = 0; i < 100; ++i) {
    client.String("checkout.layuot", kUser, "x");
    client.Pin().StringDetail("checkout.layuot", kUser, "x");
    handle(kUser);
    handle.Detail(kUser);
  }
  EXPECT_TRUE(Eventually([&] { return client.Bool("zzz", kUser, true) && log.Count("'zzz'") > 0; }));
  EXPECT_EQ(said(), 1) << log.Text();
  EXPECT_EQ(log.Count("did you mean 'checkout.layout'?"), 1) << log.Text();
  EXPECT_EQ(log.Count("'zzz'; its default is served; did you mean"), 0) << log.Text();
}

TEST(ReadTest, NothingIsUnknownWhileNothingIsHeld) {
  Log log;
  ClientConfig config;
  config.log = log.Sink();
  Client client(config);
  for (int i = 0; i < 100; ++i) client.Bool("any", kUser, false);
  client.Close(kPatience);  // which says what is still to be said
  EXPECT_EQ(log.Count("there is no flag"), 0) << log.Text();
}

// --- handles -------------------------------------------------------------------------------------------------------

TEST(FlagTest, AHandleMayBeThereBeforeItsFlagAndAfter) {
  TestSource flags;
  const Client client(flags);
  const Flag<bool> handle(client, "late", false);
  EXPECT_EQ(handle.key(), "late");
  EXPECT_FALSE(handle(kUser));
  EXPECT_EQ(handle.Detail(kUser).error, EvaluationError::kFlagNotFound);
  flags.Set("late", true);
  EXPECT_TRUE(handle(kUser));
  flags.Remove("late");
  EXPECT_FALSE(handle(kUser));
  flags.Set("late", "a text now");
  EXPECT_EQ(handle.Detail(kUser).error, EvaluationError::kTypeMismatch);
}

TEST(FlagTest, AHandleMadeBeforeTheFirstRulesetReadsTheFirst) {
  ScriptedServer server;
  World world;
  for (int i = 0; i < 50; ++i) world.Serve("flag-" + std::to_string(i), i);
  Client client(ConfigFor(server.url()));
  const Flag<std::int64_t> handle(client, "flag-33", -1);
  EXPECT_EQ(handle.Detail(kUser).error, EvaluationError::kProviderNotReady);
  const auto stream = AcceptStream(server, world.SnapshotEvent());
  ASSERT_TRUE(stream && client.WaitReady(kPatience));
  EXPECT_EQ(handle(kUser), 33);
  stream->Send(world.Serve("flag-33", 34));
  ASSERT_TRUE(WaitForRevision(client, world.revision()));
  EXPECT_EQ(handle(kUser), 34);
}

TEST(FlagTest, AHandleAndAPinOutliveTheirClient) {
  TestSource flags;
  flags.Set("a", "kept");
  auto client = std::make_unique<Client>(flags);
  const Flag<std::string> handle(*client, "a", "-");
  const Pin pin = client->Pin();
  client.reset();
  EXPECT_EQ(handle(kUser), "kept");
  EXPECT_EQ(pin.String("a", kUser, "-"), "kept");
  EXPECT_EQ(handle(kUser, pin), "kept");
}

TEST(FlagTest, APinOfAnotherClientIsAskedByKey) {
  TestSource one, two;
  one.Set("a", 1).Set("b", 2);
  two.Set("b", 20).Set("c", 30).Set("a", 10);
  const Client first(one), second(two);
  const Flag<std::int64_t> of_first(first, "b", -1);
  EXPECT_EQ(of_first(kUser, first.Pin()), 2);
  EXPECT_EQ(of_first(kUser, second.Pin()), 20);
  EXPECT_EQ(of_first.Detail(kUser, second.Pin()).value, 20);
  EXPECT_EQ(Flag<std::int64_t>(first, "c", -1)(kUser, second.Pin()), 30);
}

// --- pins ----------------------------------------------------------------------------------------------------------

TEST(PinTest, APinStaysAtItsRevision) {
  TestSource flags;
  flags.Set("a", 1).Set("b", 1);
  const Client client(flags);
  const Flag<std::int64_t> handle(client, "a", -1);
  const Pin before = client.Pin();
  const Pin copy = before;
  flags.Set("a", 2).Set("b", 2).Remove("a");
  EXPECT_EQ(before.Int("a", kUser, -1), 1);
  EXPECT_EQ(copy.Int("b", kUser, -1), 1);
  EXPECT_EQ(handle(kUser, before), 1);
  EXPECT_EQ(before.IntDetail("a", kUser, -1).revision, before.revision());
  EXPECT_EQ(client.Pin().revision(), before.revision() + 3);
  EXPECT_EQ(client.IntDetail("a", kUser, -1).error, EvaluationError::kFlagNotFound);
}

TEST(PinTest, APinFromBeforeTheFirstRulesetIsNotReady) {
  TestSource flags;
  ClientConfig config;
  const Client client(config);
  const Pin pin = client.Pin();
  EXPECT_EQ(pin.revision(), 0u);
  EXPECT_EQ(pin.BoolDetail("a", kUser, true).error, EvaluationError::kProviderNotReady);
}

// --- TestSource ----------------------------------------------------------------------------------------------------

TEST(TestSourceTest, AClientIsReadyWithWhatIsSet) {
  TestSource flags;
  flags.Set("new-checkout", true);
  const Client client(flags);
  EXPECT_TRUE(client.WaitReady(0ms));
  EXPECT_TRUE(client.Bool("new-checkout", kUser, false));
  EXPECT_EQ(client.BoolDetail("new-checkout", kUser, false).reason, Reason::kStatic);
  EXPECT_EQ(client.Status().state, ClientState::kOffline);
  EXPECT_EQ(client.Status().source, RulesetSource::kTest);
  EXPECT_EQ(client.Status().last_error, "");
}

TEST(TestSourceTest, WithoutAnyFlagAClientIsReadyToo) {
  TestSource flags;
  const Client client(flags);
  EXPECT_TRUE(client.WaitReady(0ms));
  EXPECT_EQ(client.BoolDetail("a", kUser, true).error, EvaluationError::kFlagNotFound);
}

TEST(TestSourceTest, TheValueGivesTheType) {
  TestSource flags;
  flags.Set("bool", false).Set("text", "a").Set("int", 7).Set("double", 7.5).Set("json", kLimits);
  const Client client(flags);
  EXPECT_FALSE(client.Bool("bool", kUser, true));
  EXPECT_EQ(client.BoolDetail("bool", kUser, true).variation, "off");
  EXPECT_EQ(client.String("text", kUser, ""), "a");
  EXPECT_EQ(client.Int("int", kUser, 0), 7);
  EXPECT_EQ(client.Double("double", kUser, 0), 7.5);
  EXPECT_EQ(client.Json("json", kUser, Value()), kLimits);
  flags.Set("bool", "now a text");
  EXPECT_EQ(client.String("bool", kUser, ""), "now a text");
}

TEST(TestSourceTest, EveryClientSeesAChangeWhenSetReturnsAndIsToldOnThatThread) {
  TestSource flags;
  const Client first(flags), second(flags);
  Client watched(flags);
  std::vector<RulesetChange> changes;
  const Subscription subscription = watched.OnChange([&](const RulesetChange& change) {
    changes.push_back(change);
    if (changes.size() == 1) flags.Set("b", 1);  // a callback may set, too
  });
  flags.Set("a", 1);
  flags.Set("a", 1);  // the same: no change
  for (const Client* client : {&first, &second, &std::as_const(watched)}) {
    EXPECT_EQ(client->Int("a", kUser, 0), 1);
    EXPECT_EQ(client->Int("b", kUser, 0), 1);
  }
  ASSERT_EQ(changes.size(), 2u);
  EXPECT_EQ(changes[0].flags, std::vector<std::string>{"a"});
  EXPECT_FALSE(changes[0].anything);
  EXPECT_EQ(changes[1].revision, changes[0].revision + 1);
  EXPECT_EQ(Client(flags).Int("a", kUser, 0), 1) << "one that comes later sees it as well";
}

TEST(TestSourceTest, AClientThatIsToldLateOfWhatACallbackSetHasItAllTheSame) {
  TestSource flags;
  Client first(flags);
  Client second(flags);
  std::vector<RulesetChange> told;
  const Subscription late = second.OnChange([&](const RulesetChange& change) { told.push_back(change); });
  const Subscription nested = first.OnChange([&](const RulesetChange&) {
    if (flags.LastError().empty() && first.Int("b", kUser, 0) == 0) flags.Set("b", 1);
  });
  flags.Set("a", 1);  // `second` hears of b first
  EXPECT_EQ(second.Int("a", kUser, 0), 1);
  EXPECT_EQ(second.Int("b", kUser, 0), 1);
  flags.Set("a", 2);
  EXPECT_EQ(second.Int("a", kUser, 0), 2) << "and does not stay behind";
  ASSERT_EQ(told.size(), 2u);
  EXPECT_TRUE(told[0].anything) << "everything at once";
  EXPECT_EQ(told[1].flags, std::vector<std::string>{"a"});
}

TEST(TestSourceTest, WhatNoDocumentCanCarryIsRefusedAndNothingElseIsLost) {
  TestSource flags;
  const Client client(flags);
  flags.Set("a", "text");
  Value deep;
  for (int i = 0; i < 70; ++i) deep = Array{deep};
  for (const Value& value : {Value("\xff"), deep, Value(Array{"\xc3"})}) {
    flags.Set("a", value);
    EXPECT_NE(flags.LastError(), "");
    EXPECT_EQ(client.String("a", kUser, ""), "text");
  }
  flags.Set("\xfe", 1);
  EXPECT_NE(flags.LastError(), "");
  flags.Set("b", 1);
  EXPECT_EQ(flags.LastError(), "");
  EXPECT_EQ(client.Int("b", kUser, 0), 1);
  EXPECT_EQ(Client(flags).String("a", kUser, ""), "text");
}

TEST(TestSourceTest, SourceAndClientsMayGoInAnyOrder) {
  auto flags = std::make_unique<TestSource>();
  flags->Set("a", 1);
  auto first = std::make_unique<Client>(*flags);
  const Client second(*flags);
  first.reset();
  flags->Set("a", 2);
  flags.reset();
  EXPECT_EQ(second.Int("a", kUser, 0), 2);
}

TEST(TestSourceTest, WhatNoServerCouldSendIsBrokenAloneAndSaid) {
  TestSource flags;
  flags.Set("not a key!", true).Set("fine", true);
  const Client client(flags);
  EXPECT_TRUE(client.Bool("fine", kUser, false));
  EXPECT_EQ(client.BoolDetail("not a key!", kUser, true).error, EvaluationError::kParseError);
  ASSERT_EQ(client.Status().broken.size(), 1u);
}

}  // namespace
}  // namespace guidon
