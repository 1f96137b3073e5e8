#include "core/base/network.h"

#include <arpa/inet.h>
#include <netinet/in.h>

namespace guidon {

std::string NetworkOf(const std::string& address) {
  in_addr v4{};
  in6_addr v6{};
  if (inet_pton(AF_INET, address.c_str(), &v4) == 1) return address.starts_with("127.") ? "" : address;
  // A link-local one has a zone behind it.
  if (inet_pton(AF_INET6, address.substr(0, address.find('%')).c_str(), &v6) != 1) return address;
  if (IN6_IS_ADDR_LOOPBACK(&v6)) return "";
  const auto* const bytes = reinterpret_cast<const char*>(v6.s6_addr);
  if (IN6_IS_ADDR_V4MAPPED(&v6)) {
    return v6.s6_addr[12] == 127
               ? ""
               : NetworkOf(std::to_string(v6.s6_addr[12]) + "." + std::to_string(v6.s6_addr[13]) + "." +
                           std::to_string(v6.s6_addr[14]) + "." + std::to_string(v6.s6_addr[15]));
  }
  return std::string(bytes, 8);
}

bool IsLoopbackAddress(const std::string& address) {
  return !address.empty() && NetworkOf(address).empty();
}

}  // namespace guidon
