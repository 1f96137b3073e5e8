#include "net/url.h"

#include <algorithm>
#include <charconv>

namespace guidon::net {
namespace {

char Lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

// Cuts "scheme://" off `text`.
bool TakeScheme(std::string_view& text, bool* tls) {
  for (const std::string_view scheme : {"http://", "https://"}) {
    const bool same = text.size() >= scheme.size() && std::equal(scheme.begin(), scheme.end(), text.begin(),
                                                                 [](char a, char b) { return a == Lower(b); });
    if (!same) continue;
    *tls = scheme.size() == 8;
    text.remove_prefix(scheme.size());
    return true;
  }
  return false;
}

bool IsPlainText(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return c > ' ' && c < 0x7f; });
}

bool ParsePort(std::string_view digits, int* port) {
  const auto result = std::from_chars(digits.data(), digits.data() + digits.size(), *port);
  return result.ec == std::errc() && result.ptr == digits.data() + digits.size() && *port >= 1 && *port <= 65535;
}

// "host", "host:port", "[::1]", "[::1]:port"
const char* ParseAuthority(std::string_view text, Url* url) {
  std::string_view rest;
  if (!text.empty() && text.front() == '[') {
    const std::size_t close = text.find(']');
    if (close == std::string_view::npos) return "its '[' has no ']'";
    url->host = text.substr(1, close - 1);
    rest = text.substr(close + 1);
    if (url->host.find_first_not_of("0123456789abcdefABCDEF:.%") != std::string::npos) return "its host is no address";
  } else {
    const std::size_t colon = text.find(':');
    url->host = text.substr(0, colon);
    if (colon != std::string_view::npos) rest = text.substr(colon);
  }
  if (url->host.empty()) return "it names no host";
  url->port = url->tls ? 443 : 80;
  if (rest.empty()) return nullptr;
  if (rest.front() != ':' || !ParsePort(rest.substr(1), &url->port)) return "its port is not 1 to 65535";
  return nullptr;
}

const char* Parse(std::string_view text, Url* url) {
  *url = Url();
  if (!TakeScheme(text, &url->tls)) return "it does not begin with http:// or https://";
  if (!IsPlainText(text)) return "it has blanks or characters that are not ASCII";
  if (text.find_first_of("?#") != std::string_view::npos) return "it has a query or a fragment";
  const std::size_t slash = text.find('/');
  const std::string_view authority = text.substr(0, slash);
  if (authority.find('@') != std::string_view::npos) return "it has a user name; keys are configured on their own";
  if (slash != std::string_view::npos) url->prefix = text.substr(slash);
  while (!url->prefix.empty() && url->prefix.back() == '/') url->prefix.pop_back();
  return ParseAuthority(authority, url);
}

}  // namespace

std::string Url::Authority() const {
  std::string text = host.find(':') == std::string::npos ? host : "[" + host + "]";
  if (port != (tls ? 443 : 80)) text += ":" + std::to_string(port);
  return text;
}

bool ParseUrl(std::string_view text, Url* url, std::string* error) {
  const char* fault = Parse(text, url);
  if (fault == nullptr) return true;
  *error = "'" + std::string(text) + "' is not the address of a server: " + fault;
  return false;
}

}  // namespace guidon::net
