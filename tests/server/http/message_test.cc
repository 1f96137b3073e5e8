#include "server/http/message.h"

#include <gtest/gtest.h>

namespace guidon::http {
namespace {

// What it decodes to, or "(refused)".
std::string Decoded(std::string_view text, bool is_query = false) {
  std::string out = "left over";
  return PercentDecode(text, is_query, out) ? out : "(refused)";
}

TEST(PercentDecodeTest, TakesHexDigitsOfBothCases) {
  EXPECT_EQ(Decoded(""), "");
  EXPECT_EQ(Decoded("checkout.layout"), "checkout.layout");
  EXPECT_EQ(Decoded("a%20b%2Fc%2fd"), "a b/c/d");
  EXPECT_EQ(Decoded("caf%C3%A9"), "café");
  EXPECT_EQ(Decoded("%25"), "%");
  EXPECT_EQ(Decoded("100%2525"), "100%25");  // once, not until nothing is left to decode
}

TEST(PercentDecodeTest, APlusIsABlankInQueriesOnly) {
  EXPECT_EQ(Decoded("a+b", true), "a b");
  EXPECT_EQ(Decoded("a%2Bb", true), "a+b");
  EXPECT_EQ(Decoded("a+b", false), "a+b");
}

TEST(PercentDecodeTest, RefusesWhatIsCutOffOrNoHex) {
  for (const char* text : {"%", "%2", "abc%", "abc%2", "%zz", "%2g", "%g2", "%%20", "%-1", "% 1"}) {
    EXPECT_EQ(Decoded(text), "(refused)") << text;
  }
}

TEST(PercentDecodeTest, RefusesWhatIsNotUtf8AndNul) {
  for (const char* text : {"%00", "a%00b", "%FF", "%C3", "%C3%28", "%ED%A0%80", "%C0%AF", "%F4%90%80%80"}) {
    EXPECT_EQ(Decoded(text), "(refused)") << text;
  }
}

TEST(MatchesEtagTest, FindsTheTagInTheList) {
  EXPECT_TRUE(MatchesEtag("\"7-ab\"", "7-ab"));
  EXPECT_TRUE(MatchesEtag("\"1\", \"7-ab\" ,\"3\"", "7-ab"));
  EXPECT_TRUE(MatchesEtag("W/\"7-ab\"", "7-ab"));  // If-None-Match compares weakly
  EXPECT_TRUE(MatchesEtag("*", "7-ab"));
  EXPECT_TRUE(MatchesEtag(" * ", "7-ab"));
}

TEST(MatchesEtagTest, NothingElseMatches) {
  for (const char* sent : {"", "\"\"", "7-ab", "\"7-abc\"", "\"7-a\"", "\"7-ab", "7-ab\"", "\"", "w/\"7-ab\"", ",,,"}) {
    EXPECT_FALSE(MatchesEtag(sent, "7-ab")) << sent;
  }
}

TEST(AcceptsGzipTest, ByNameInAnyCaseAndByStar) {
  for (const char* sent : {"gzip", "GZip", "deflate, gzip", "gzip;q=0.001", "gzip; q=1", "*", "identity, *;q=0.5",
                           "br;q=1.0, gzip;q=0.8, *;q=0.1", "*;q=0, gzip"}) {
    EXPECT_TRUE(AcceptsGzip(sent)) << sent;
  }
}

TEST(AcceptsGzipTest, NotWhenItIsNotNamedOrWeighsNothing) {
  for (const char* sent :
       {"", "identity", "br", "gzipped", "gzip;q=0", "gzip;Q=0.000", "gzip; q=0", "*;q=0", "gzip;q=0, *"}) {
    EXPECT_FALSE(AcceptsGzip(sent)) << sent;
  }
}

TEST(RequestTest, HeadersAreFoundWithoutCaseAndTheFirstCounts) {
  Request request;
  request.headers = {{"if-match", "1"}, {"If-Match", "2"}};
  request.query = {{"at", "7"}, {"at", "8"}, {"AT", "9"}};
  EXPECT_EQ(request.Header("IF-MATCH"), "1");
  EXPECT_EQ(request.Header("if-none-match"), "");
  EXPECT_EQ(request.Query("at"), "7");
  EXPECT_EQ(request.Query("At"), "");
}

}  // namespace
}  // namespace guidon::http
