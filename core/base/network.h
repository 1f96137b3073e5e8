// Whom an address stands for, where callers are counted by it.
//
// Thread safety: a pure function.
#pragma once

#include <string>

namespace guidon {

// An IPv4 address, also as ::ffff:192.0.2.7, stands for itself, as text; an IPv6 address for its first 64 bits, as
// eight bytes, which is what one customer or machine gets: else it would have as many budgets as it likes. "" for
// loopback: a proxy on this machine stands for everybody. What is no address stands for itself.
std::string NetworkOf(const std::string& address);

// Whether it is an address of this machine alone: 127.0.0.0/8, ::1, and the former as ::ffff:127.0.0.1. "" is none: of
// whom nothing is known may be anybody.
bool IsLoopbackAddress(const std::string& address);

}  // namespace guidon
