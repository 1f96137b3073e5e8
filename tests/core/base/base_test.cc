#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <cstring>
#include <random>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>

#include "core/base/hash.h"
#include "core/base/issue.h"
#include "core/base/json.h"

namespace guidon {
namespace {

std::string CodeOf(const Result<Value>& result) {
  return result ? "ok" : result.error().issues.at(0).code;
}

TEST(JsonTest, KeepsOrderAndEveryDigitOfWholeNumbers) {
  const std::string text = R"({"b":9007199254740993,"a":[1.5,-0.25,"x\n\u00e4"],"c":{"d":null,"e":true},"f":1.0})";
  Result<Value> value = ParseJson(text);
  ASSERT_TRUE(value) << value.error().message;
  EXPECT_EQ(value->Find("b")->AsInt(), 9007199254740993);
  EXPECT_EQ(ToJson(*value), R"({"b":9007199254740993,"a":[1.5,-0.25,"x\nä"],"c":{"d":null,"e":true},"f":1.0})");
}

TEST(JsonTest, NumbersCompareByValue) {
  EXPECT_EQ(Value(1), Value(1.0));
  EXPECT_NE(Value(1), Value(1.5));
  EXPECT_NE(Value(9007199254740993), Value(9007199254740992.0));
  EXPECT_EQ(*ParseJson(R"({"a":1,"b":[2]})"), *ParseJson(R"({"b":[2.0],"a":1.0})"));
}

TEST(JsonTest, RandomDoublesSurviveTheRoundTrip) {
  std::mt19937_64 random(20261124);
  for (int i = 0; i < 100'000; ++i) {
    const std::uint64_t bits = random();
    double number;
    std::memcpy(&number, &bits, sizeof number);
    if (!std::isfinite(number)) continue;
    Result<Value> back = ParseJson(ToJson(Value(number)));
    ASSERT_TRUE(back);
    ASSERT_EQ(back->AsDouble(), number) << ToJson(Value(number));
  }
}

TEST(JsonTest, RefusesWhatIsNotStrictJson) {
  EXPECT_EQ(CodeOf(ParseJson("")), "json_syntax");
  EXPECT_EQ(CodeOf(ParseJson("{\"a\":1,}")), "json_syntax");
  EXPECT_EQ(CodeOf(ParseJson("[1,2")), "json_syntax");
  EXPECT_EQ(CodeOf(ParseJson("\"a\xff\"")), "json_utf8");
  EXPECT_EQ(CodeOf(ParseJson("1e400")), "json_number");
  EXPECT_EQ(CodeOf(ParseJson("[9223372036854775808]")), "json_number");
  EXPECT_EQ(CodeOf(ParseJson("NaN")), "json_syntax");
  EXPECT_EQ(CodeOf(ParseJson(R"({"a":{"b":1,"b":2}})")), "json_duplicate_key");
}

TEST(JsonTest, DuplicateKeyNamesItsPathAlsoInLargeObjects) {
  std::string text = "{";
  for (int i = 0; i < 40; ++i) text += "\"k" + std::to_string(i) + "\":0,";
  Result<Value> value = ParseJson("[" + text + "\"k7\":1}]");
  ASSERT_FALSE(value);
  EXPECT_EQ(value.error().issues.at(0).path.ToText(), "[0].k7");
}

TEST(JsonTest, SaysWhereTheTextGoesWrong) {
  Result<Value> value = ParseJson("{\n  \"a\": tru\n}");
  ASSERT_FALSE(value);
  EXPECT_NE(value.error().message.find("line 2, column 8"), std::string::npos) << value.error().message;
}

TEST(JsonTest, AWordThatOnlyBeginsLikeOneOfJsonIsASyntaxError) {
  for (const char* text : {"nul1", "[nul1]", R"({"a":{"b":nil}})", "[tru1]", "[falsy]", "[true1]", "[nullx]"}) {
    EXPECT_EQ(CodeOf(ParseJson(text)), "json_syntax") << text;
  }
}

TEST(JsonTest, NestingIsBoundedExactly) {
  const auto nested = [](int levels) { return std::string(levels, '[') + std::string(levels, ']'); };
  EXPECT_TRUE(ParseJson(nested(64)));
  EXPECT_EQ(CodeOf(ParseJson(nested(65))), "json_depth");
  EXPECT_TRUE(ParseJson(std::string(64, '[') + "1" + std::string(64, ']')));
  EXPECT_EQ(CodeOf(ParseJson(std::string(65, '[') + "1" + std::string(65, ']'))), "json_depth");
}

TEST(JsonTest, TextOfBracketsAloneIsAnErrorAndNotADeepStack) {
  for (const std::string_view level : {"[", "{\"a\":", "[[1],"}) {
    std::string text;
    while (text.size() < 2'000'000) text += level;
    EXPECT_FALSE(ParseJson(text)) << level;
    JsonLimits deep;
    deep.max_depth = 1'000'000;
    EXPECT_FALSE(ParseJson(text, deep)) << level;
  }
}

TEST(JsonTest, RawTextIsWhatWasSent) {
  const std::string_view text = R"( { "a" : [ 1 , {"x":"]}\""} ,"s" ] , "b" : 1.50 } )";
  ASSERT_TRUE(ParseJson(text));
  EXPECT_EQ(RawMember(text, "b"), "1.50");
  const auto elements = RawElements(RawMember(text, "a"));
  ASSERT_EQ(elements.size(), 3u);
  EXPECT_EQ(elements[1], R"({"x":"]}\""})");
  EXPECT_EQ(RawMember(text, "c"), "");
}

TEST(JsonPartsTest, AreReadOneByOneAndAreWhatWasSent) {
  const std::string_view text =
      R"( { "list" : [ {"n":1,"part": {"a":[1,{"part":2}]} }, {"part":"x"} , {"n":3} , 4, {"p\u0061rt":5}], "part" : 6 } )";
  const Result<JsonParts> parts = JsonParts::Parse(text, "list", "part");
  ASSERT_TRUE(parts) << parts.error().message;
  EXPECT_EQ(ToJson(parts->frame()), R"({"list":[{"n":1,"part":null},{"part":null},{"n":3},4,{"part":null}],"part":6})");
  ASSERT_EQ(parts->size(), 5u);
  EXPECT_EQ(parts->Text(0), R"({"a":[1,{"part":2}]})");
  EXPECT_EQ(parts->Text(1), R"("x")");
  for (const std::size_t without : {2, 3, 4}) EXPECT_EQ(parts->Text(without), "");
  std::string values;
  for (std::size_t i = 0; i < parts->size(); ++i) values += ToJson(*parts->Read(i)) + ' ';
  EXPECT_EQ(values, R"({"a":[1,{"part":2}]} "x" null null 5 )");
}

TEST(JsonPartsTest, ADocumentWithoutTheListHasNone) {
  for (const char* text : {"{}", "[]", "3", R"({"list":{"part":1}})", R"({"other":[{"part":1}]})"}) {
    const Result<JsonParts> parts = JsonParts::Parse(text, "list", "part");
    ASSERT_TRUE(parts) << text;
    EXPECT_EQ(parts->size(), 0u) << text;
    EXPECT_EQ(parts->frame(), *ParseJson(text)) << text;
  }
}

TEST(JsonPartsTest, FaultsAreThoseOfTheWholeDocument) {
  const auto fault = [](const auto& result) {
    return result ? "" : result.error().issues.at(0).code + " " + result.error().issues.at(0).path.ToText();
  };
  const auto parse = [](std::string_view text) { return JsonParts::Parse(text, "list", "part", {1'000, 8}); };
  EXPECT_EQ(fault(parse(R"({"list":[{"part":{"a":tru}}]})")), "json_syntax ");
  EXPECT_EQ(fault(parse(R"({"list":[{"part":1,"part":2}]})")), "json_duplicate_key list[0].part");
  for (const std::string part : {R"({"a":1,"a":2})", "18446744073709551615", "[[[[[[]]]]]]"}) {
    const std::string text = R"({"list":[{"part":7},{"part":)" + part + "}]}";
    const Result<JsonParts> parts = parse(text);
    ASSERT_TRUE(parts) << text;
    EXPECT_TRUE(parts->Read(0));
    EXPECT_EQ(fault(parts->Read(1)), fault(ParseJson(text, {1'000, 8})));
    EXPECT_NE(fault(parts->Read(1)), "");
  }
}

TEST(HashTest, MurmurKnownAnswers) {
  EXPECT_EQ(Murmur3(""), 0u);
  EXPECT_EQ(Murmur3("hello"), 0x248bfa47u);
  EXPECT_EQ(Murmur3("hello, world"), 0x149bbb7fu);
}

TEST(HashTest, PrefixStateEqualsHashingTheWhole) {
  const std::string text = "checkout.layout:user-4711-ä";
  for (std::size_t cut = 0; cut <= text.size(); ++cut) {
    EXPECT_EQ(Murmur3Prefix(text.substr(0, cut)).Finish(text.substr(cut)), Murmur3(text)) << cut;
  }
}

// Whoever compares the hashes of short texts does not look at the texts.
TEST(HashTest, ShortTextsWithTheSameHashAreTheSame) {
  std::unordered_map<std::uint64_t, std::string> seen;
  const auto see = [&seen](const std::string& text) {
    ASSERT_LE(text.size(), kShortText);
    const auto [held, is_new] = seen.emplace(Hash64(text), text);
    ASSERT_TRUE(is_new || held->second == text) << "sizes " << held->second.size() << " and " << text.size();
  };
  see("");
  for (int a = 0; a < 256; ++a) {
    see(std::string(1, static_cast<char>(a)));
    for (int b = 0; b < 256; ++b) see({static_cast<char>(a), static_cast<char>(b)});
  }
  // Longer ones that differ in one byte, or in their size alone.
  std::mt19937_64 random(7);
  for (int i = 0; i < 2'000; ++i) {
    std::string text(3 + random() % 5, '\0');
    for (char& c : text) c = static_cast<char>(random() % 3);
    see(text);
    for (std::size_t at = 0; at < text.size(); ++at) {
      std::string other = text;
      other[at] = static_cast<char>(random());
      see(other);
    }
  }
  EXPECT_GT(seen.size(), 70'000u);
}

TEST(HashTest, AttributesHaveTheSameHashWhenTheyAreCompiledAndWhenTheyAreRead) {
  constexpr std::string_view kText = "an attribute of forty bytes, and no more";
  constexpr auto kHashes = []<std::size_t... sizes>(std::string_view text, std::index_sequence<sizes...>) {
    return std::array{Attribute::HashOf(text.substr(0, sizes))...};
  }(kText, std::make_index_sequence<kText.size() + 1>());
  std::set<std::uint64_t> all;
  for (std::size_t size = 0; size <= kText.size(); ++size) {
    const std::string name(kText.substr(0, size));  // where it ends, the memory may, too
    EXPECT_EQ(Attribute::HashOf(name), kHashes[size]) << name;
    EXPECT_EQ((kHashes[size] & Attribute::kIsHashed) == 0, Attribute::kNamesInHash && size <= kShortText) << name;
    all.insert(kHashes[size]);
  }
  EXPECT_EQ(all.size(), kText.size() + 1);
}

TEST(HashTest, DigestDoesNotDependOnOrderAndForgetsWhatIsRemoved) {
  Digest128 a, b;
  a.Toggle("flag", "x", "1");
  a.Toggle("flag", "y", "2");
  b.Toggle("flag", "y", "2");
  EXPECT_NE(a, b);
  b.Toggle("flag", "x", "1");
  EXPECT_EQ(a.ToHex(), b.ToHex());
  b.Toggle("flag", "x", "1");
  b.Toggle("flag", "y", "2");
  EXPECT_EQ(b.ToHex(), std::string(32, '0'));
}

TEST(IssueTest, PathsReadWellAndPointersAreUnambiguous) {
  const Path path = Path().Key("rules").Index(2).Key("when").Key("app.version").Key("a/b~c");
  EXPECT_EQ(path.ToText(), R"(rules[2].when["app.version"]["a/b~c"])");
  EXPECT_EQ(path.ToPointer(), "/rules/2/when/app.version/a~1b~0c");
}

TEST(IssueTest, SuggestsTheClosestNameOnlyWhenItIsClose) {
  const std::vector<std::string> names = {"eu-web", "us-web", "staff"};
  EXPECT_EQ(DidYouMean("eu-wbe", names), "did you mean 'eu-web'?");
  EXPECT_EQ(DidYouMean("payments", names), "");
}

}  // namespace
}  // namespace guidon
