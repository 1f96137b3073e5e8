// file:// addresses of documents and the paths that they are of.
//
// Thread safety: pure functions.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace guidon::lsp {

// "file:///srv/a%20b.yaml" -> "/srv/a b.yaml", without "." and ".."; nothing for other schemes and hosts.
std::optional<std::string> PathOfUri(std::string_view uri);
std::string UriOfPath(std::string_view path);

}  // namespace guidon::lsp
