// Thread safety: a pure function.
#pragma once

#include <string>
#include <string_view>

namespace guidon::net {

// One gzip member at zlib's default level: JSON becomes about a tenth. "" when there is no memory for it.
std::string Gzip(std::string_view text);

}  // namespace guidon::net
