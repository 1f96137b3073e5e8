// The address of a server: http://host[:port][/prefix], nothing more.
//
// Thread safety: plain values.
#pragma once

#include <string>
#include <string_view>

namespace guidon::net {

struct Url {
  bool tls = false;    // https
  std::string host;    // a name, an IPv4 address, or an IPv6 address without its brackets
  int port = 0;        // as given, or 80 or 443
  std::string prefix;  // put in front of every path; empty or "/…" without a slash at the end

  std::string Authority() const;  // host:port as in a Host header; brackets around IPv6, default port left out
};

// False, with a sentence in `*error` that names the text, when it is not such an address: another scheme, a user name,
// a query, a fragment, a port out of range.
bool ParseUrl(std::string_view text, Url* url, std::string* error);

}  // namespace guidon::net
