#include "server/privacy/unit_traces.h"

#include <gtest/gtest.h>

#include "core/base/json.h"

namespace guidon {
namespace {

using Mode = UnitTraces::Mode;

const UnitTraces kUser({.id = "user-4"}, "gone");

// What becomes of a definition, with the count of places in front.
std::string Erased(const UnitTraces& traces, std::string_view json, Mode mode = Mode::kRemove) {
  Value value = *ParseJson(json);
  const std::size_t count = traces.EraseFromDefinition(value, mode);
  return std::to_string(count) + " " + ToJson(value);
}

TEST(UnitTracesTest, ANameEndsWhereAnotherCannotGoOn) {
  for (const char* text : {"user-4", "for user-4.", "(user-4)", R"({"a":"user-4"})", "user-4, user-5", "user-4: yes"}) {
    EXPECT_TRUE(kUser.IsIn(text)) << text;
  }
  for (const char* text : {"user-42", "superuser-4", "user-4.eu", "user-4@shop.example", "user-4-b", "user-4_", "us",
                           "x.user-4", "USER-4"}) {
    EXPECT_FALSE(kUser.IsIn(text)) << text;
  }
  const UnitTraces odd({.id = "a\"b\\c\n"}, "gone");
  EXPECT_TRUE(odd.IsIn(R"({"key":"a\"b\\c\n"})")) << "as JSON writes it";
}

TEST(UnitTracesTest, ListsOfUnitsLoseItAndWhatIsEmptyThenGoes) {
  EXPECT_EQ(Erased(kUser, R"({"targets":{"on":["user-3","user-4"],"off":["user-4"]},"enabled":true})"),
            R"(2 {"targets":{"on":["user-3"]},"enabled":true})");
  EXPECT_EQ(Erased(kUser, R"({"targets":{"on":["user-4"]},"enabled":true})"), R"(1 {"enabled":true})");
  EXPECT_EQ(Erased(kUser, R"({"segment":"a","include":["user-4"],"exclude":["user-5","user-4"]})"),
            R"(2 {"segment":"a","exclude":["user-5"]})");
  EXPECT_EQ(Erased(kUser, R"({"qa":{"force":[{"key":"user-4","variant":"b"}]},"unit":"key"})"), R"(1 {"unit":"key"})");
}

TEST(UnitTracesTest, ThePastKeepsItsShape) {
  EXPECT_EQ(
      Erased(kUser, R"({"targets":{"on":["user-3","user-4"],"off":["user-42"]},"include":["user-4"]})", Mode::kReplace),
      R"(2 {"targets":{"on":["user-3","gone"],"off":["user-42"]},"include":["gone"]})");
  EXPECT_EQ(Erased(kUser, R"({"force":[{"key":"user-4","variant":"b"}]})", Mode::kReplace),
            R"(1 {"force":[{"key":"gone","variant":"b"}]})");
}

TEST(UnitTracesTest, ConditionsOnItsAttributeAreReplacedAndOthersAreLeft) {
  EXPECT_EQ(Erased(kUser, R"({"when":{"any":[{"key":"user-4"},{"key":{"in":["user-3","user-4"]}},{"plan":"user-4"},)"
                          R"({"not":{"attribute":"key","not_in":["user-4"]}},{"segment":"user-4"}]}})"),
            R"(3 {"when":{"any":[{"key":"gone"},{"key":{"in":["user-3","gone"]}},{"plan":"user-4"},)"
            R"({"not":{"attribute":"key","not_in":["gone"]}},{"segment":"user-4"}]}})");
  const UnitTraces account({.id = "17", .attribute = "account_id"}, "gone");
  EXPECT_EQ(Erased(account, R"({"when":{"account_id":[16,17]},"targets":{"on":["17"]},"force":[{"account_id":"17"}]})"),
            R"(2 {"when":{"account_id":[16,"gone"]},"targets":{"on":["17"]}})");
}

TEST(UnitTracesTest, KeysVariationsAndValuesAreNotUnits) {
  const char* kFlag =
      R"({"flag":"user-4","variations":{"user-4":"user-4"},"environments":{"user-4":{"default":"user-4"}},"tags":["user-4"]})";
  EXPECT_EQ(Erased(kUser, kFlag), std::string("0 ") + kFlag);
}

TEST(UnitTracesTest, TextsForPeopleAreRewrittenUnlessMentionsAreLeft) {
  EXPECT_EQ(Erased(kUser, R"({"description":"beta of user-4, and of user-42","tests":[{"given":{"key":"user-4"}}]})"),
            R"(2 {"description":"beta of gone, and of user-42","tests":[{"given":{"key":"gone"}}]})");
  const UnitTraces strict({.id = "user-4", .mentions = false}, "gone");
  EXPECT_EQ(Erased(strict, R"({"description":"beta of user-4"})"), R"(0 {"description":"beta of user-4"})");
}

TEST(UnitTracesTest, AnEntryLosesTheEventsOfTheUnitAndKeepsTheOthersByteForByte) {
  const std::string entry =
      R"({"received":1,"project":"shop","events":[)"
      R"({"type":"track","context":{"key":"user-3"},"value":1.50},)"
      R"({"type":"track","context":{"key":"\u0075ser-4"}},)"
      R"({"type":"exposure","unit_attribute":"key","unit":"user-4"},)"
      R"({"type":"track","event":"user-4","context":{"key":"user-5"},"attributes":{"by":"user-4"}},)"
      R"({"type":"evaluations","counts":[{"flag":"user-4"}]}],"x":1})";
  const auto erased = kUser.EraseFromEntry(entry);
  ASSERT_TRUE(erased);
  EXPECT_EQ(erased->text, R"({"received":1,"project":"shop","events":[)"
                          R"({"type":"track","context":{"key":"user-3"},"value":1.50},)"
                          R"({"type":"track","event":"user-4","context":{"key":"user-5"},"attributes":{"by":"gone"}},)"
                          R"({"type":"evaluations","counts":[{"flag":"user-4"}]}],"x":1})");
  EXPECT_EQ(erased->events, 2u);
  EXPECT_EQ(erased->mentions, 1u);
  EXPECT_FALSE(kUser.EraseFromEntry(erased->text));
  EXPECT_FALSE(kUser.EraseFromEntry("no JSON, user-4"));
}

TEST(UnitTracesTest, NumbersAndNamesOfMembersAreMentionsToo) {
  const UnitTraces account({.id = "17", .attribute = "account_id"}, "gone");
  const auto erased = account.EraseFromEntry(
      R"({"events":[{"context":{"key":"a","parent":17,"plan":170},"attributes":{"by":{"17":true,"17.5":1.5}},"value":17}]})");
  ASSERT_TRUE(erased);
  EXPECT_EQ(erased->text, R"({"events":[{"context":{"key":"a","parent":"gone","plan":170},)"
                          R"("attributes":{"by":{"gone":true,"17.5":1.5}},"value":17}]})");
  EXPECT_EQ(erased->mentions, 1u);
}

}  // namespace
}  // namespace guidon
