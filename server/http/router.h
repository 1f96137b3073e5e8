// Finds the route of a request by method and path. Knows no handlers: a match is an index into the caller's table.
//
// Thread safety: immutable after construction.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "server/http/message.h"

namespace guidon::http {

struct RoutePattern {
  std::string_view method;
  std::string_view path;    // segments are literal, or `{name}` for one non-empty segment
  bool takes_rest = false;  // the last segment, a `{name}`, is all that is left of the path, slashes included
};

struct Match {
  std::optional<std::size_t> route;  // index into the table
  bool malformed = false;            // the path or the query cannot be decoded: 400
  std::string allow;                 // the methods of this path, "GET, HEAD, PUT": 405
};

class Router {
 public:
  explicit Router(std::vector<RoutePattern> routes);

  // Fills in params and query of the request. HEAD finds the GET route.
  Match Find(Request& request) const;

 private:
  struct Compiled {
    std::string method;
    std::vector<std::string> segments;
    bool takes_rest = false;
  };
  std::vector<Compiled> routes_;
};

}  // namespace guidon::http
