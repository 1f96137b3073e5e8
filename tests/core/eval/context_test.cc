#include <gtest/gtest.h>
#include <guidon/context.h>

#include <string>
#include <utility>

#include "core/base/json.h"
#include "tests/support/workspace.h"

namespace guidon {
namespace {

std::string TextOf(const Context& context) {
  return ToJson(context.ToValue());
}

// Twelve attributes and a kilobyte of text: beyond what fits inline.
Context Large() {
  Context context("user-1");
  for (int i = 0; i < 12; ++i)
    context.Set("attribute-" + std::to_string(i), std::string(80, static_cast<char>('a' + i)));
  return context;
}

TEST(ContextTest, HoldsWhatWasSet) {
  Context context("user-42");
  context.Set("country", "DE").Set("age", 31).Set("beta", true).Set("score", 0.5).Set("roles", Json(R"(["a", "b"])"));
  EXPECT_EQ(TextOf(context), R"({"key":"user-42","country":"DE","age":31,"beta":true,"score":0.5,"roles":["a","b"]})");
  EXPECT_EQ(context.key(), "user-42");
  EXPECT_EQ(Context().key(), "");
}

TEST(ContextTest, SettingAgainReplacesWhateverTheKind) {
  Context context("k");
  context.Set("a", "text").Set("b", 1).Set("a", 2).Set("b", "more").Set("a", true).Set("a", "last");
  EXPECT_EQ(TextOf(context), R"({"key":"k","a":"last","b":"more"})");
  context.SetKey("other");
  EXPECT_EQ(context.key(), "other");
}

TEST(ContextTest, ANullRemoves) {
  Context context("k");
  context.Set("a", 1).Set("b", 2).Set("c", 3).Set("a", Value()).Set("gone", Value());
  const Value value = context.ToValue();
  EXPECT_EQ(value.Find("a"), nullptr);
  EXPECT_EQ(value.Find("b")->AsInt(), 2);
  EXPECT_EQ(value.Find("c")->AsInt(), 3);
  EXPECT_EQ(value.AsObject().size(), 3u);
}

TEST(ContextTest, GrowsBeyondItsInlineSpaceAndKeepsEverything) {
  const Value value = Large().ToValue();
  EXPECT_EQ(value.AsObject().size(), 13u);
  for (int i = 0; i < 12; ++i) {
    EXPECT_EQ(value.Find("attribute-" + std::to_string(i))->AsString(), std::string(80, static_cast<char>('a' + i)))
        << i;
  }
}

TEST(ContextTest, TextOfItsOwnMayBeSetAgain) {
  Context context("user-42");
  context.SetKey(context.key());
  for (int i = 0; i < 40; ++i) context.Set("copy-" + std::to_string(i), context.key());
  EXPECT_EQ(context.key(), "user-42");
  EXPECT_EQ(context.ToValue().Find("copy-39")->AsString(), "user-42");
}

TEST(ContextTest, AnAttributeThatIsSetManyTimesDoesNotLoseOthers) {
  Context context("user-42");
  context.Set("first", "1");
  for (int i = 0; i < 10'000; ++i) context.Set("counter", std::to_string(i)).SetKey("user-" + std::to_string(i));
  EXPECT_EQ(TextOf(context), R"({"key":"user-9999","first":"1","counter":"9999"})");
}

TEST(ContextTest, ListsAndObjectsReplaceEachOtherAndOtherKinds) {
  Context context("k");
  context.Set("a", Json("[1]")).Set("b", Json("[2]")).Set("c", Json(R"({"x": 3})"));
  context.Set("a", Json(R"({"y": 4})")).Set("b", 5).Set("b", "text");
  EXPECT_EQ(TextOf(context), R"({"key":"k","a":{"y":4},"b":"text","c":{"x":3}})");
  context.Set("b", Json("[6]")).Set("a", Value()).Set("c", Json("[7]"));
  EXPECT_EQ(TextOf(context), R"({"key":"k","c":[7],"b":[6]})");
}

TEST(ContextTest, NoTextAtAllRemoves) {
  Context context("k");
  const char* none = nullptr;
  context.Set("a", "text").Set("a", none).Set("b", none);
  EXPECT_EQ(TextOf(context), R"({"key":"k"})");
}

TEST(ContextTest, AnAttributeCalledKeyIsTheKey) {
  constexpr Attribute kKey("key");
  Context context;
  EXPECT_EQ(TextOf(context.Set("key", "user-1")), R"({"key":"user-1"})");
  EXPECT_EQ(TextOf(context.Set(kKey, 17)), R"({"key":"17"})");
  EXPECT_EQ(TextOf(context.Set("key", 18.0)), R"({"key":"18"})");
  EXPECT_EQ(TextOf(context.Set("key", Value("user-2"))), R"({"key":"user-2"})");
  EXPECT_EQ(TextOf(context.Set("key", true)), R"({"key":""})") << "no unit";
  EXPECT_EQ(TextOf(context.Set("key", "u").Set("key", Value())), R"({"key":""})");
  EXPECT_EQ(TextOf(context.Set("key", "u").Set("key", Json("[1]"))), R"({"key":""})");
}

TEST(ContextTest, CopiesAreApart) {
  for (const bool large : {false, true}) {
    Context original = large ? Large() : Context("k").Set("a", "x").Set("list", Json("[1]"));
    const std::string before = TextOf(original);
    Context copy(original);
    Context assigned("other");
    assigned.Set("old", 1);
    assigned = original;
    original.Set("a", "changed").SetKey("changed");
    EXPECT_EQ(TextOf(copy), before);
    EXPECT_EQ(TextOf(assigned), before);
    copy.Set("more", 1);
    EXPECT_EQ(copy.ToValue().Find("more")->AsInt(), 1);
    const Context& self = copy;
    const std::string held = TextOf(copy);
    copy = self;
    EXPECT_EQ(TextOf(copy), held) << "assigned to itself";
  }
}

TEST(ContextTest, AMoveLeavesAnEmptyContextThatCanBeUsed) {
  for (const bool large : {false, true}) {
    Context original = large ? Large() : Context("k").Set("a", "x").Set("list", Json("[1]"));
    const std::string before = TextOf(original);
    Context moved(std::move(original));
    EXPECT_EQ(TextOf(moved), before);
    EXPECT_EQ(TextOf(original), R"({"key":""})");  // NOLINT(bugprone-use-after-move): the promise under test
    original.SetKey("again").Set("b", 2);
    EXPECT_EQ(TextOf(original), R"({"key":"again","b":2})");
    original = std::move(moved);
    EXPECT_EQ(TextOf(original), before);
    for (int i = 0; i < 20; ++i) original.Set("more-" + std::to_string(i), std::string(50, 'm'));
    EXPECT_EQ(original.ToValue().Find("more-19")->AsString(), std::string(50, 'm'));
  }
}

TEST(ContextTest, IsMadeFromAnObject) {
  const auto from = [](const char* text) { return TextOf(Context::FromValue(Json(text))); };
  EXPECT_EQ(from(R"({"country": "DE", "key": "u", "app": {"version": "1"}, "none": null})"),
            R"({"key":"u","country":"DE","app":{"version":"1"}})");
  EXPECT_EQ(from(R"({"targetingKey": "t"})"), R"({"key":"t"})");
  EXPECT_EQ(from(R"({"targetingKey": "t", "key": "k"})"), R"({"key":"k"})") << "whatever their order";
  EXPECT_EQ(from(R"({"key": "k", "targetingKey": "t"})"), R"({"key":"k"})");
  EXPECT_EQ(from(R"({"key": null, "targetingKey": "t"})"), R"({"key":"t"})");
  EXPECT_EQ(from(R"({"key": 17})"), R"({"key":"17"})");
  EXPECT_EQ(from(R"({"key": 17.0})"), R"({"key":"17"})");
  EXPECT_EQ(from(R"({"key": 9007199254740992})"), R"({"key":"9007199254740992"})");
  EXPECT_EQ(from(R"({"key": 9007199254740993})"), R"({"key":""})") << "no unit";
  for (const char* none : {R"({"key": 1.5})", R"({"key": true})", R"({"key": ["k"]})", R"([1])", R"("text")", "null"}) {
    EXPECT_EQ(from(none), R"({"key":""})") << none;
  }
}

// Short names are kept in another place than long ones; some of each, through every way to have a context.
TEST(ContextTest, NamesOfEveryLengthAreTheirOwn) {
  const std::string letters = "abcdefghijklmnop";
  Context context("k");
  std::string expected = R"({"key":"k")";
  for (std::size_t size = 1; size <= letters.size(); ++size) {
    const std::string name = letters.substr(0, size);
    context.Set(Attribute(name), static_cast<int>(size)).Set(Attribute(name), name);
    expected += ",\"" + name + "\":\"" + name + "\"";
  }
  expected += "}";
  EXPECT_EQ(TextOf(context), expected);
  Context copy = context, assigned("other");
  assigned = copy;
  const Context moved = std::move(copy);
  EXPECT_EQ(TextOf(assigned), expected);
  EXPECT_EQ(TextOf(moved), expected);
  for (std::size_t size = 1; size <= letters.size(); ++size) context.Set(letters.substr(0, size), Value());
  EXPECT_EQ(TextOf(context), R"({"key":"k"})");
}

TEST(ContextTest, NamesAndValuesMayBeAnyBytes) {
  Context context(std::string_view("\xff\x00\xfe", 3));
  context.Set(std::string_view("", 0), "empty name").Set(std::string_view("a\0b", 3), std::string_view("\0", 1));
  EXPECT_EQ(context.key().size(), 3u);
  EXPECT_EQ(context.ToValue().Find(std::string_view("a\0b", 3))->AsString().size(), 1u);
}

}  // namespace
}  // namespace guidon
