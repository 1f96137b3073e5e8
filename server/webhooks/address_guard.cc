#include "server/webhooks/address_guard.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>
#include <memory>

#include "server/webhooks/webhook.h"

namespace guidon {
namespace {

struct Block4 {
  std::uint32_t network;
  int bits;
};
// IANA's registry of special-purpose IPv4 addresses, those that are not globally reachable, and multicast.
constexpr Block4 kSpecial4[] = {
    {0x00000000, 8},   // 0.0.0.0/8 this network
    {0x0A000000, 8},   // 10.0.0.0/8 private
    {0x64400000, 10},  // 100.64.0.0/10 shared
    {0x7F000000, 8},   // 127.0.0.0/8 loopback
    {0xA9FE0000, 16},  // 169.254.0.0/16 link-local
    {0xAC100000, 12},  // 172.16.0.0/12 private
    {0xC0000000, 24},  // 192.0.0.0/24 protocol assignments
    {0xC0000200, 24},  // 192.0.2.0/24 documentation
    {0xC0586300, 24},  // 192.88.99.0/24 6to4 relays
    {0xC0A80000, 16},  // 192.168.0.0/16 private
    {0xC6120000, 15},  // 198.18.0.0/15 benchmarking
    {0xC6336400, 24},  // 198.51.100.0/24 documentation
    {0xCB007100, 24},  // 203.0.113.0/24 documentation
    {0xE0000000, 4},   // 224.0.0.0/4 multicast
    {0xF0000000, 4},   // 240.0.0.0/4 reserved, broadcast
};

bool IsPublic4(std::uint32_t address) {
  return std::none_of(std::begin(kSpecial4), std::end(kSpecial4), [address](const Block4& block) {
    return (address >> (32 - block.bits)) == (block.network >> (32 - block.bits));
  });
}

using Address6 = std::array<std::uint8_t, 16>;

std::uint32_t Ipv4At(const Address6& address, std::size_t at) {
  return static_cast<std::uint32_t>(address[at]) << 24 | static_cast<std::uint32_t>(address[at + 1]) << 16 |
         static_cast<std::uint32_t>(address[at + 2]) << 8 | static_cast<std::uint32_t>(address[at + 3]);
}

bool StartsWith(const Address6& address, std::initializer_list<std::uint8_t> bytes) {
  return std::equal(bytes.begin(), bytes.end(), address.begin());
}

// Global unicast is 2000::/3; all else is special, but for NAT64, which carries an IPv4 address.
bool IsPublic6(const Address6& address) {
  if (StartsWith(address, {0x00, 0x64, 0xFF, 0x9B, 0, 0, 0, 0, 0, 0, 0, 0})) return IsPublic4(Ipv4At(address, 12));
  if ((address[0] & 0xE0) != 0x20) return false;
  if (StartsWith(address, {0x20, 0x02})) return IsPublic4(Ipv4At(address, 2));      // 6to4
  if (StartsWith(address, {0x20, 0x01}) && (address[2] & 0xFE) == 0) return false;  // 2001::/23, Teredo among them
  if (StartsWith(address, {0x20, 0x01, 0x0D, 0xB8})) return false;                  // documentation
  return !StartsWith(address, {0x3F, 0xFF, 0x00}) && !(StartsWith(address, {0x3F, 0xFF}) && address[2] < 0x10);
}

std::string Numeric(const sockaddr* address, socklen_t size) {
  std::array<char, NI_MAXHOST> text{};
  const int failed =
      ::getnameinfo(address, size, text.data(), static_cast<socklen_t>(text.size()), nullptr, 0, NI_NUMERICHOST);
  return failed != 0 ? std::string() : std::string(text.data());
}

bool IsNumeric(const std::string& host) {
  in6_addr address{};
  return ::inet_pton(AF_INET, host.c_str(), &address) == 1 || ::inet_pton(AF_INET6, host.c_str(), &address) == 1;
}

Error NotPublic(const std::string& what) {
  return {
      ErrorCode::kInvalid, what + ", which is not of the public internet; the setting webhook-private allows it", {}};
}

}  // namespace

std::pair<std::string, std::string> SplitWebhookUrl(std::string_view url) {
  const std::size_t host = url.find("://");
  const std::size_t path = host == std::string_view::npos ? host : url.find_first_of("/?", host + 3);
  if (path == std::string_view::npos) return {std::string(url), "/"};
  return {std::string(url.substr(0, path)), (url[path] == '?' ? "/" : "") + std::string(url.substr(path))};
}

Status CheckWebhookUrl(std::string_view url, bool allow_private) {
  if (url.size() > kMaxWebhookUrlBytes) {
    return Fail(ErrorCode::kInvalid, "longer than " + std::to_string(kMaxWebhookUrlBytes) + " bytes");
  }
  if (std::any_of(url.begin(), url.end(), [](char c) { return c <= ' ' || c > '~' || c == '#'; })) {
    return Fail(ErrorCode::kInvalid, "has a blank, a '#' or a character that has to be percent-encoded");
  }
  net::Url parsed;
  std::string fault;
  if (!net::ParseUrl(SplitWebhookUrl(url).first, &parsed, &fault)) return Fail(ErrorCode::kInvalid, fault);
  if (allow_private) return {};
  if (!parsed.tls) {
    return Fail(ErrorCode::kInvalid, "webhooks are sent over https only; the setting webhook-private allows http");
  }
  if (parsed.host == "localhost" || (IsNumeric(parsed.host) && !IsPublicAddress(parsed.host))) {
    return Fail(NotPublic("goes to " + parsed.host));
  }
  return {};
}

bool IsPublicAddress(std::string_view text) {
  const std::string address(text);
  in_addr four{};
  if (::inet_pton(AF_INET, address.c_str(), &four) == 1) return IsPublic4(ntohl(four.s_addr));
  in6_addr six{};
  if (::inet_pton(AF_INET6, address.c_str(), &six) != 1) return false;
  Address6 bytes;
  std::memcpy(bytes.data(), six.s6_addr, bytes.size());
  return IsPublic6(bytes);
}

Result<std::string> ResolveForWebhook(const net::Url& url, bool allow_private) {
  if (!url.tls && !allow_private) {
    return Fail(ErrorCode::kInvalid, "webhooks are sent over https only; the setting webhook-private allows http");
  }
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  if (const int failed = ::getaddrinfo(url.host.c_str(), nullptr, &hints, &found); failed != 0) {
    return Fail(ErrorCode::kUnavailable, "the name " + url.host + " cannot be looked up: " + ::gai_strerror(failed));
  }
  const std::unique_ptr<addrinfo, void (*)(addrinfo*)> owned(found, ::freeaddrinfo);
  std::string first;
  for (const addrinfo* one = found; one != nullptr; one = one->ai_next) {
    const std::string address = Numeric(one->ai_addr, one->ai_addrlen);
    if (!allow_private && !IsPublicAddress(address)) {
      return Fail(NotPublic("the host " + url.host + " has the address " + address));
    }
    if (first.empty()) first = address;
  }
  if (first.empty()) return Fail(ErrorCode::kUnavailable, "the name " + url.host + " has no address");
  return first;
}

}  // namespace guidon
