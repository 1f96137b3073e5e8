#include "net/sse.h"

#include <cstdlib>
#include <ostream>
#include <random>
#include <string>
#include <vector>

#include <gtest/gtest.h>

using namespace std::string_view_literals;

namespace guidon::net {

bool operator==(const SseEvent& a, const SseEvent& b) {
  return a.type == b.type && a.data == b.data && a.id == b.id;
}
void PrintTo(const SseEvent& event, std::ostream* out) {
  *out << "{" << event.type << ", id " << event.id << ", data " << ::testing::PrintToString(event.data) << "}";
}

namespace {

using Events = std::vector<SseEvent>;

Events ParseChunks(const std::vector<std::string_view>& chunks) {
  SseParser parser;
  Events events;
  for (const std::string_view chunk : chunks) {
    EXPECT_TRUE(parser.Feed(chunk, [&](const SseEvent& event) { events.push_back(event); }));
  }
  return events;
}

Events Parse(std::string_view text) {
  return ParseChunks({text});
}

// --- what the WHATWG standard shows and says -----------------------------------------------------------------------

TEST(SseParserTest, LinesOfDataAreJoined) {
  EXPECT_EQ(Parse("data: YHOO\ndata: +2\ndata: 10\n\n"), (Events{{"message", "YHOO\n+2\n10", ""}}));
}

TEST(SseParserTest, CommentsIdsAndTheOneLeadingSpace) {
  EXPECT_EQ(
      Parse(": test stream\n\n"
            "data: first event\nid: 1\n\n"
            "data:second event\nid\n\n"
            "data:  third event\n\n"),
      (Events{{"message", "first event", "1"}, {"message", "second event", ""}, {"message", " third event", ""}}));
}

TEST(SseParserTest, AnEmptyDataLineIsAnEventAndNoneIsNot) {
  EXPECT_EQ(Parse("data\n\ndata\ndata\n\ndata:"), (Events{{"message", "", ""}, {"message", "\n", ""}}));
  EXPECT_EQ(Parse("event: change\n\ndata: x\n\n"), (Events{{"message", "x", ""}})) << "the type is dropped, too";
}

TEST(SseParserTest, EveryKindOfLineEndCounts) {
  const Events expected = {{"a", "1\n2", "x"}, {"message", "3", "x"}};
  EXPECT_EQ(Parse("event:a\nid:x\ndata:1\ndata:2\n\ndata:3\n\n"), expected);
  EXPECT_EQ(Parse("event:a\rid:x\rdata:1\rdata:2\r\rdata:3\r\r"), expected);
  EXPECT_EQ(Parse("event:a\r\nid:x\r\ndata:1\r\ndata:2\r\n\r\ndata:3\r\n\r\n"), expected);
  EXPECT_EQ(Parse("event:a\nid:x\r\ndata:1\rdata:2\r\n\ndata:3\n\r"), expected);
}

TEST(SseParserTest, OneByteOrderMarkAtTheBeginningIsSkipped) {
  EXPECT_EQ(Parse("\xEF\xBB\xBF"
                  "data: x\n\n"),
            (Events{{"message", "x", ""}}));
  EXPECT_EQ(Parse("\xEF\xBB\xBF\xEF\xBB\xBF"
                  "data: x\n\n"),
            Events{})
      << "the second is part of a name";
  EXPECT_EQ(Parse("data: \xEF\xBB\xBFx\n\n\xEF\xBB\xBF"
                  "data: y\n\n"),
            (Events{{"message", "\xEF\xBB\xBFx", ""}}));
}

TEST(SseParserTest, UnknownFieldsAndOtherCaseAreIgnored) {
  EXPECT_EQ(Parse("Data: x\n data: y\nfoo: z\ndata : q\ndata: w\n\n"), (Events{{"message", "w", ""}}));
}

TEST(SseParserTest, AnIdStaysUntilTheNextAndMayNotHoldNul) {
  SseParser parser;
  Events events;
  const auto take = [&](const SseEvent& event) { events.push_back(event); };
  parser.Feed("id: 7\ndata: a\n\ndata: b\n\nid: 8\0\ndata: c\n\nid: 9\n\n"sv, take);
  EXPECT_EQ(events, (Events{{"message", "a", "7"}, {"message", "b", "7"}, {"message", "c", "7"}}));
  EXPECT_EQ(parser.last_id(), "9") << "of an event without data, too";
  parser.Feed("id: 10\ndata: never finished", take);
  EXPECT_EQ(parser.last_id(), "9");
  parser.Reset();
  EXPECT_EQ(parser.last_id(), "9");
}

TEST(SseParserTest, RetryIsDigitsOnly) {
  const auto retry = [](std::string_view text) {
    SseParser parser;
    parser.Feed(text, [](const SseEvent&) {});
    return parser.retry() ? parser.retry()->count() : -1;
  };
  EXPECT_EQ(retry("retry: 1500\n"), 1500);
  EXPECT_EQ(retry("retry:0\n"), 0);
  EXPECT_EQ(retry("retry: 1500\nretry: x\n"), 1500);
  EXPECT_EQ(retry("retry: 99999999999999999999\n"), 24 * 3'600'000);
  for (const char* text : {"retry:\n", "retry: -1\n", "retry: 1.5\n", "retry: 1 \n", "retry: 0x10\n", "retry: 1500"}) {
    EXPECT_EQ(retry(text), -1) << text;
  }
}

TEST(SseParserTest, WhatIsHalfReadAtTheEndOfAConnectionIsDropped) {
  SseParser parser;
  Events events;
  const auto take = [&](const SseEvent& event) { events.push_back(event); };
  parser.Feed("event: a\ndata: half an ev", take);
  parser.Reset();
  parser.Feed(
      "\xEF\xBB\xBF"
      "data: whole\n\n",
      take);
  EXPECT_EQ(events, (Events{{"message", "whole", ""}}));

  parser.Feed("data: x\r", take);
  parser.Reset();
  parser.Feed("\n\ndata: y\n\n", take);  // the LF does not belong to a CR of another connection
  EXPECT_EQ(events.back().data, "y");
}

// --- limits --------------------------------------------------------------------------------------------------------

TEST(SseParserTest, ALineBeyondTheLimitEndsItHoweverItComes) {
  for (const std::size_t chunk : {1u, 3u, 1000u}) {
    SseParser parser({10, 100});
    Events events;
    const auto take = [&](const SseEvent& event) { events.push_back(event); };
    const std::string text = "data:67890\n\ndata:678901\n\ndata:x\n\n";  // 10 and 11 bytes
    bool fed = true;
    for (std::size_t i = 0; i < text.size(); i += chunk)
      fed = parser.Feed(std::string_view(text).substr(i, chunk), take);
    EXPECT_FALSE(fed);
    EXPECT_EQ(events, (Events{{"message", "67890", ""}})) << "nothing after it either; chunks of " << chunk;
    parser.Reset();
    EXPECT_TRUE(parser.Feed("data:y\n\n", take));
    EXPECT_EQ(events.back().data, "y");
  }
}

TEST(SseParserTest, AnEventBeyondTheLimitEndsIt) {
  SseParser parser({100, 5});
  int events = 0;
  const auto take = [&](const SseEvent&) { ++events; };
  EXPECT_TRUE(parser.Feed("data:12\ndata:45\n\n", take));    // with its LF: 5
  EXPECT_FALSE(parser.Feed("data:123\ndata:45\n\n", take));  // 6
  EXPECT_EQ(events, 1);
}

// --- chunks --------------------------------------------------------------------------------------------------------

constexpr std::string_view kEverything =
    "\xEF\xBB\xBF"
    ": hi\r\nid: e-1\r\nevent: snapshot\r\ndata: {\"a\":1}\r\ndata: b\r\n\r\n"
    "retry: 250\rdata: one\r\rid: e-2\ndata\n\n\r\n\rdata:\xC3\xA4\n\nevent\ndata: last\n\n";

TEST(SseParserTest, EveryCutInTwoOrThreeGivesTheSameEvents) {
  const Events whole = Parse(kEverything);
  ASSERT_EQ(whole.size(), 5u);
  for (std::size_t i = 0; i <= kEverything.size(); ++i) {
    for (std::size_t j = i; j <= kEverything.size(); ++j) {
      ASSERT_EQ(ParseChunks({kEverything.substr(0, i), kEverything.substr(i, j - i), kEverything.substr(j)}), whole)
          << "cut at " << i << " and " << j;
    }
  }
}

TEST(SseParserTest, RandomTextInRandomChunksGivesTheSameEvents) {
  const char* scale = std::getenv("GUIDON_PROPERTY_SCALE");
  const int runs = static_cast<int>(20'000 * (scale == nullptr ? 1.0 : std::atof(scale)));
  const std::vector<std::string_view> pieces = {
      "data", "data:", "data: ", "id:",  "event:", "retry:", ":",  "\n",
      "\r",   "\r\n",  "\n\n",   "\r\r", " ",      "x",      "12", "\xEF\xBB\xBF"};
  for (int run = 0; run < runs; ++run) {
    SCOPED_TRACE("seed " + std::to_string(run));
    std::mt19937 random(static_cast<std::uint32_t>(run));
    const auto below = [&](std::size_t n) { return random() % n; };
    std::string text;
    for (std::size_t i = below(40); i > 0; --i) text += pieces[below(pieces.size())];
    std::vector<std::string_view> chunks;
    for (std::string_view rest = text; !rest.empty();) {
      const std::size_t size = 1 + below(rest.size() < 8 ? rest.size() : 8);
      chunks.push_back(rest.substr(0, size));
      rest.remove_prefix(size);
    }
    ASSERT_EQ(ParseChunks(chunks), Parse(text)) << ::testing::PrintToString(text);
  }
}

// --- writer --------------------------------------------------------------------------------------------------------

TEST(SseWriterTest, WhatIsWrittenIsReadBack) {
  std::string text;
  AppendSseRetry(text, std::chrono::milliseconds(1'500));
  AppendSseComment(text, "still here");
  AppendSse(text, "snapshot", R"({"a":1})", "e-17");
  AppendSse(text, "change", "two\nlines");
  AppendSse(text, "empty", "");
  EXPECT_EQ(text,
            "retry: 1500\n\n: still here\n\nevent: snapshot\nid: e-17\ndata: {\"a\":1}\n\n"
            "event: change\ndata: two\ndata: lines\n\nevent: empty\ndata: \n\n");
  EXPECT_EQ(Parse(text),
            (Events{{"snapshot", R"({"a":1})", "e-17"}, {"change", "two\nlines", "e-17"}, {"empty", "", "e-17"}}));
}

TEST(SseWriterTest, LineEndsWithinDataCannotMakeFieldsOfTheirOwn) {
  std::string text;
  AppendSse(text, "change", "a\rid: 9\r\nevent: goodbye\n", "1");
  EXPECT_EQ(Parse(text), (Events{{"change", "a\nid: 9\nevent: goodbye\n", "1"}}));
}

}  // namespace
}  // namespace guidon::net
