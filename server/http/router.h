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
  explicit Router(const std::vector<RoutePattern>& routes);

  // Fills in params and query of the request. HEAD finds the GET route.
  Match Find(Request& request) const;

 private:
  struct Compiled {
    std::string method;
    std::vector<std::string> segments;
    bool takes_rest = false;
  };
  // Those that a path of so many segments can find, in their order.
  const std::vector<std::size_t>& RoutesOf(std::size_t segments) const;

  std::vector<Compiled> routes_;
  std::vector<std::vector<std::size_t>> by_segments_;  // beyond the last: like the last
};

}  // namespace guidon::http
