// A request that was read and an answer to be sent, without any HTTP library in sight.
//
// Thread safety: plain values.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace guidon::http {

class StreamSource;

// Names are compared without case; of a header that occurs twice the first counts.
using Headers = std::vector<std::pair<std::string, std::string>>;

struct Request {
  std::string method;  // "GET"
  std::string target;  // as sent: path and query
  std::string path;    // without the query, still percent-encoded
  Headers headers;
  std::string body;
  std::string peer;                                         // address of the other side
  std::string id;                                           // unique in this process; in logs and problem documents
  std::vector<std::pair<std::string, std::string>> params;  // by the router: decoded parts of the path
  std::vector<std::pair<std::string, std::string>> query;   // decoded; a name that occurs twice: the first counts

  // "" when absent.
  std::string_view Header(std::string_view name) const;
  std::string_view Param(std::string_view name) const;
  std::string_view Query(std::string_view name) const;
};

struct Response {
  int status = 200;
  Headers headers;
  std::string body;
  std::shared_ptr<const std::string> shared_body;  // instead of `body`: bytes that many answers share
  std::shared_ptr<StreamSource> stream;            // instead of a body: what follows is pulled from it until it ends

  void Header(std::string_view name, std::string_view value) {
    constexpr std::size_t kUsual = 8;
    if (headers.empty()) headers.reserve(kUsual);
    headers.emplace_back(name, value);
  }
};

// Percent-decoding of a path segment or a query part ('+' is a blank in queries only). False when it is malformed or
// does not decode to UTF-8 without NUL.
bool PercentDecode(std::string_view text, bool is_query, std::string& out);

// If-None-Match against a strong tag (without quotes): a list of quoted tags, or *.
bool MatchesEtag(std::string_view if_none_match, std::string_view etag);

// Whether Accept-Encoding lets us answer with gzip.
bool AcceptsGzip(std::string_view accept_encoding);

}  // namespace guidon::http
