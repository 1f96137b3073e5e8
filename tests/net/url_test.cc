#include "net/url.h"

#include <gtest/gtest.h>

namespace guidon::net {
namespace {

Url Parsed(std::string_view text) {
  Url url;
  std::string error;
  EXPECT_TRUE(ParseUrl(text, &url, &error)) << error;
  return url;
}

std::string FaultOf(std::string_view text) {
  Url url;
  std::string error;
  return ParseUrl(text, &url, &error) ? "" : error;
}

TEST(UrlTest, APortThatIsNotGivenIsTheSchemes) {
  EXPECT_EQ(Parsed("http://example.org").port, 80);
  EXPECT_FALSE(Parsed("http://example.org").tls);
  EXPECT_EQ(Parsed("https://example.org").port, 443);
  EXPECT_TRUE(Parsed("HTTPS://example.org").tls);
  EXPECT_EQ(Parsed("http://127.0.0.1:8400").port, 8400);
}

TEST(UrlTest, APrefixLosesItsSlashAtTheEnd) {
  EXPECT_EQ(Parsed("http://example.org").prefix, "");
  EXPECT_EQ(Parsed("http://example.org/").prefix, "");
  EXPECT_EQ(Parsed("http://example.org/flags//").prefix, "/flags");
  EXPECT_EQ(Parsed("http://example.org:81/a/b").prefix, "/a/b");
}

TEST(UrlTest, AnIpv6AddressStandsInBrackets) {
  const Url url = Parsed("http://[::1]:8400/x");
  EXPECT_EQ(url.host, "::1");
  EXPECT_EQ(url.port, 8400);
  EXPECT_EQ(url.Authority(), "[::1]:8400");
  EXPECT_EQ(Parsed("http://[fe80::1]").Authority(), "[fe80::1]");
}

TEST(UrlTest, AuthorityLeavesOutTheSchemesOwnPort) {
  EXPECT_EQ(Parsed("http://example.org:80").Authority(), "example.org");
  EXPECT_EQ(Parsed("https://example.org:443").Authority(), "example.org");
  EXPECT_EQ(Parsed("https://example.org:80").Authority(), "example.org:80");
}

TEST(UrlTest, WhatIsNoAddressIsRefusedWithTheReason) {
  const std::pair<const char*, const char*> cases[] = {
      {"", "http:// or https://"},
      {"example.org", "http:// or https://"},
      {"ftp://example.org", "http:// or https://"},
      {"http:/example.org", "http:// or https://"},
      {"http://", "no host"},
      {"http://:80", "no host"},
      {"http://[]:80", "no host"},
      {"http:///path", "no host"},
      {"http://[::1", "no ']'"},
      {"http://[example]", "no address"},
      {"http://example.org:", "port"},
      {"http://example.org:0", "port"},
      {"http://example.org:65536", "port"},
      {"http://example.org:99999999999999", "port"},
      {"http://example.org:+80", "port"},
      {"http://example.org:8o", "port"},
      {"http://[::1]8400", "port"},
      {"http://ana:secret@example.org", "user name"},
      {"http://example.org?x=1", "query"},
      {"http://example.org/#top", "fragment"},
      {"http://exa mple.org", "blanks"},
      {"http://example.org/\r\nHost: x", "blanks"},
      {"http://ex\xC3\xA4mple.org", "ASCII"},
  };
  for (const auto& [text, part] : cases) {
    EXPECT_NE(FaultOf(text).find(part), std::string::npos) << text << " gave: " << FaultOf(text);
    EXPECT_EQ(FaultOf(text).rfind("'" + std::string(text) + "'", 0), 0u) << "names the text: " << FaultOf(text);
  }
}

TEST(UrlTest, AFaultBeforeDoesNotLeaveAnythingBehind) {
  Url url = Parsed("https://example.org:444/a");
  std::string error;
  ASSERT_FALSE(ParseUrl("ftp://x", &url, &error));
  ASSERT_TRUE(ParseUrl("http://y", &url, &error));
  EXPECT_EQ(url.Authority() + url.prefix, "y");
  EXPECT_FALSE(url.tls);
}

}  // namespace
}  // namespace guidon::net
