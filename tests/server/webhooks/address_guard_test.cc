// Where webhooks may go.
#include "server/webhooks/address_guard.h"

#include <gtest/gtest.h>

#include <string>

namespace guidon {
namespace {

TEST(AddressGuardTest, OnlyThePublicInternetIsPublic) {
  for (const char* address :
       {"1.1.1.1",           "8.8.8.8",         "9.255.255.255",   "11.0.0.0",           "93.184.216.34",
        "100.63.255.255",    "100.128.0.0",     "126.255.255.255", "128.0.0.1",          "169.253.255.255",
        "172.15.255.255",    "172.32.0.0",      "192.0.1.0",       "192.167.255.255",    "192.169.0.0",
        "198.17.255.255",    "198.20.0.0",      "223.255.255.255", "2606:2800:220:1::1", "2a00:1450::1",
        "2002:0808:0808::1", "64:ff9b::8.8.8.8"}) {
    EXPECT_TRUE(IsPublicAddress(address)) << address;
  }
  for (const char* address : {"0.0.0.0",
                              "0.1.2.3",
                              "10.0.0.1",
                              "100.64.0.1",
                              "100.127.255.255",
                              "127.0.0.1",
                              "127.255.255.255",
                              "169.254.169.254",
                              "172.16.0.1",
                              "172.31.255.255",
                              "192.0.0.1",
                              "192.0.2.1",
                              "192.88.99.1",
                              "192.168.1.1",
                              "198.18.0.1",
                              "198.19.255.255",
                              "198.51.100.1",
                              "203.0.113.1",
                              "224.0.0.1",
                              "239.255.255.255",
                              "240.0.0.1",
                              "255.255.255.255",
                              "::",
                              "::1",
                              "::ffff:10.0.0.1",
                              "::ffff:8.8.8.8",
                              "::8.8.8.8",
                              "64:ff9b::10.0.0.1",
                              "64:ff9b::127.0.0.1",
                              "64:ff9b:1::1",
                              "100::1",
                              "2001::1",
                              "2001:1ff::1",
                              "2001:db8::1",
                              "2002:0a00:0001::1",
                              "2002:7f00:0001::1",
                              "3fff::1",
                              "3fff:fff::1",
                              "fc00::1",
                              "fd12::1",
                              "fe80::1",
                              "fe80::1%lo",
                              "fec0::1",
                              "ff02::1",
                              "",
                              "localhost",
                              "1",
                              "0x7f.1",
                              "127.1",
                              "8.8.8.8 ",
                              "8.8.8"}) {
    EXPECT_FALSE(IsPublicAddress(address)) << address;
  }
}

TEST(AddressGuardTest, AnAddressSaysAtOnceWhatIsWrongWithIt) {
  for (const char* url : {"https://hooks.shop.example", "https://hooks.shop.example:8443/a?b=c", "https://1.1.1.1/a",
                          "https://[2606:2800::1]/a"}) {
    EXPECT_TRUE(CheckWebhookUrl(url, false)) << url;
  }
  for (const char* url : {"http://hooks.shop.example", "https://localhost/a", "https://127.0.0.1", "https://[::1]/",
                          "https://169.254.169.254/latest/meta-data", "https://10.1.2.3:8400/api"}) {
    EXPECT_FALSE(CheckWebhookUrl(url, false)) << url;
    EXPECT_TRUE(CheckWebhookUrl(url, true)) << url;
  }
  for (const std::string& url :
       {std::string(), std::string("hooks.shop.example"), std::string("ftp://hooks.shop.example"),
        std::string("https://user@hooks.shop.example/"), std::string("https://hooks.shop.example/#a"),
        std::string("https://hooks.shop.example/a b"), std::string("https://hooks.shop.example/\r\nHost: x"),
        "https://hooks.shop.example/" + std::string(2048, 'a')}) {
    EXPECT_FALSE(CheckWebhookUrl(url, true)) << url;
  }
}

// What a name says is not believed: the addresses behind it count.
TEST(AddressGuardTest, ANameOfThisMachineIsFoundOut) {
  net::Url url;
  std::string fault;
  ASSERT_TRUE(net::ParseUrl("https://localhost", &url, &fault));
  const Result<std::string> refused = ResolveForWebhook(url, false);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::kInvalid);
  EXPECT_NE(refused.error().message.find("localhost has the address"), std::string::npos) << refused.error().message;
  EXPECT_TRUE(ResolveForWebhook(url, true));
  // Notations that a look-up takes for an address.
  for (const char* odd : {"https://2130706433", "https://0x7f000001", "https://127.1", "https://0177.0.0.1"}) {
    if (!net::ParseUrl(odd, &url, &fault)) continue;
    EXPECT_FALSE(ResolveForWebhook(url, false)) << odd;
  }
}

TEST(AddressGuardTest, AnAddressIsTakenApart) {
  using Parts = std::pair<std::string, std::string>;
  EXPECT_EQ(SplitWebhookUrl("https://a.example"), Parts("https://a.example", "/"));
  EXPECT_EQ(SplitWebhookUrl("https://a.example/"), Parts("https://a.example", "/"));
  EXPECT_EQ(SplitWebhookUrl("https://a.example:1/b/c?d=/e"), Parts("https://a.example:1", "/b/c?d=/e"));
  EXPECT_EQ(SplitWebhookUrl("https://a.example?d"), Parts("https://a.example", "/?d"));
}

}  // namespace
}  // namespace guidon
