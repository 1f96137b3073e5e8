// How often flags were evaluated, over HTTP.
#include <gmock/gmock.h>

#include "tests/server/api/api_fixture.h"

namespace guidon {
namespace {

constexpr std::int64_t kDayMs = 86'400'000;
const std::string kUsage = "/api/v1/projects/shop/environments/production/usage";

class UsageApiTest : public ::testing::Test {
 protected:
  UsageApiTest() {
    server.MakeShop();
    for (const char* flag : {"a", "b", "c"}) server.PutFlag(flag);
    key = server.MakeKey(KeyKind::kServer, "shop", "production");
  }
  void Count(const std::string& counts) {
    const std::string now = std::to_string(server.now_ms());
    const HttpAnswer answer =
        server.Call("POST", "/sdk/v1/events",
                    {.key = key,
                     .body = R"({"batch":"batch-0123456789-)" + std::to_string(++batches) + R"(","sent":)" + now +
                             R"(,"events":[{"type":"evaluations","from":)" + now + R"(,"to":)" + now +
                             R"(,"counts":[)" + counts + "]}]}"});
    EXPECT_EQ(answer.status, 202) << answer.body;
    EXPECT_TRUE(server.fold().CatchUp([] { return false; }));
  }
  static std::string One(const std::string& flag, const std::string& variation, int count) {
    return R"({"flag":")" + flag + R"(","variation":")" + variation + R"(","reason":"STATIC","count":)" +
           std::to_string(count) + "}";
  }

  TestServer server;
  std::string key;
  int batches = 0;
};

TEST_F(UsageApiTest, SaysPerFlagHowOftenWhenLastAndWhatAlone) {
  Count(One("a", "on", 5) + "," + One("a", "off", 1));
  server.SetNow(server.now_ms() + kDayMs);
  Count(One("a", "on", 7) + R"(,{"flag":"b","reason":"ERROR","error":"PROVIDER_NOT_READY","count":2})");
  const Value all = server.Get(kUsage);
  EXPECT_EQ(TextAt(all, "since"), "2027-01-01T00:00:00.000Z");
  EXPECT_EQ(TextAt(all, "today"), "2027-01-02");
  const Array& flags = all.Find("flags")->AsArray();
  ASSERT_EQ(flags.size(), 3U);
  EXPECT_EQ(ToJson(flags[0]),
            R"({"flag":"a","evaluations":13,"variations":{"off":1,"on":12},)"
            R"("last_evaluated":"2027-01-02T00:00:00.000Z","alone":{"variation":"on","since":"2027-01-02"}})");
  EXPECT_EQ(ToJson(flags[1]), R"({"flag":"b","evaluations":0,"variations":{},"errors":2,)"
                              R"("last_evaluated":"2027-01-02T00:00:00.000Z"})");
  EXPECT_EQ(ToJson(flags[2]), R"({"flag":"c","evaluations":0,"variations":{}})");
  EXPECT_EQ(TextAt(server.Get(kUsage + "?days=1").Find("flags")->AsArray()[0], "variations"), R"({"on":7})");
  const Value one = server.Get(kUsage + "?flag=a");
  EXPECT_EQ(TextAt(one.Find("flags")->AsArray()[0], "by_day"),
            R"([{"day":"2027-01-01","variations":{"off":1,"on":5}},{"day":"2027-01-02","variations":{"on":7}}])");
  EXPECT_EQ(server.Get("/api/v1/projects/shop/environments/staging/usage").Find("since"), nullptr);
}

TEST_F(UsageApiTest, AFlagThatSaysTheFallbackServesIsNotAlone) {
  Count(One("a", "on", 5));
  Count(R"({"flag":"a","reason":"DISABLED","count":1})");
  const Value flag = server.Get(kUsage + "?flag=a").Find("flags")->AsArray()[0];
  EXPECT_EQ(flag.Find("alone"), nullptr) << ToJson(flag);
  EXPECT_EQ(TextAt(flag, "fallback"), "1");
  EXPECT_EQ(TextAt(flag, "evaluations"), "6");
}

TEST_F(UsageApiTest, VariationsWithoutANameOfTheirOwnAreNotOneThatIsAlone) {
  Count(One("a", "not a name", 5) + "," + One("a", "nor this", 5));
  const std::string longest(128, 'x');
  Count(One("b", longest, 1));
  server.SetNow(server.now_ms() + kDayMs);
  Count(One("a", "not a name", 5) + "," + One("c", "on", 1));
  const Value all = server.Get(kUsage);
  const Array& flags = all.Find("flags")->AsArray();
  EXPECT_EQ(flags[0].Find("alone"), nullptr) << ToJson(flags[0]);
  EXPECT_EQ(TextAt(flags[0], "variations"), R"-({"(other)":15})-");
  EXPECT_EQ(TextAt(flags[1], "alone"), R"({"variation":")" + longest + R"(","since":"2027-01-01"})");
}

TEST_F(UsageApiTest, ComesInPagesAndRefusesWhatIsNotThere) {
  const Value first = server.Get(kUsage + "?limit=2");
  EXPECT_EQ(first.Find("flags")->AsArray().size(), 2U);
  EXPECT_EQ(TextAt(first, "next"), "b");
  const Value second = server.Get(kUsage + "?limit=2&after=b");
  EXPECT_EQ(TextAt(second.Find("flags")->AsArray()[0], "flag"), "c");
  EXPECT_EQ(second.Find("next"), nullptr);
  EXPECT_EQ(server.Call("GET", kUsage + "?flag=nothing").status, 404);
  EXPECT_EQ(server.Call("GET", kUsage + "?days=91").status, 400);
  EXPECT_EQ(server.Call("GET", kUsage + "?limit=0").status, 400);
  const std::string elsewhere = server.MakeKey(KeyKind::kAdmin, "shop", "staging", "viewer");
  EXPECT_EQ(server.Call("GET", kUsage, {.key = elsewhere}).status, 403);
}

}  // namespace
}  // namespace guidon
