// Keeps webhooks from being used to reach what stands behind the server: whoever may make one chooses an address that
// the server then asks, from within the operator's network.
//
// A name is looked up once, all its addresses are checked, and the connection goes to one that was checked: a name that
// answers differently the next time gains nothing. Redirects are not followed.
//
// Thread safety: pure functions; Resolve waits for the system's resolver, so never on an I/O thread.
#pragma once

#include <string>
#include <string_view>
#include <utility>

#include "core/base/result.h"
#include "net/url.h"

namespace guidon {

// "https://hooks.shop.example/a?b" -> "https://hooks.shop.example", as net::ParseUrl takes it, and "/a?b".
std::pair<std::string, std::string> SplitWebhookUrl(std::string_view url);

// What can be said of an address before anything is looked up: kInvalid for what is no http(s) address, a blank or a
// control character in it, a fragment, a user name, more than kMaxWebhookUrlBytes; and, unless `allow_private`, for
// http, a host that is a numeric address which is not public, and localhost.
Status CheckWebhookUrl(std::string_view url, bool allow_private);

// Whether an address, "93.184.216.34" or "2606:2800::1", is one of the public internet. Not so: the special-purpose
// blocks of RFC 6890 and its registries (this host, private, shared, loopback, link-local with the metadata services of
// clouds, documentation, benchmarking, multicast, reserved, unique local), IPv6 addresses that carry an IPv4 address
// which is not (mapped, 6to4, Teredo, NAT64), and what is no address.
bool IsPublicAddress(std::string_view address);

// The numeric address to connect to. kInvalid when the scheme is http, or one of the host's addresses is not public,
// unless `allow_private`; kUnavailable when the name cannot be looked up. Says what to do.
Result<std::string> ResolveForWebhook(const net::Url& url, bool allow_private);

}  // namespace guidon
