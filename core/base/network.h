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

}  // namespace guidon
