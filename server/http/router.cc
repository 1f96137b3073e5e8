#include "server/http/router.h"

namespace guidon::http {
namespace {

std::vector<std::string> Split(std::string_view path) {
  std::vector<std::string> segments;
  if (path.starts_with('/')) path.remove_prefix(1);
  for (std::size_t start = 0;;) {
    const std::size_t slash = path.find('/', start);
    segments.emplace_back(path.substr(start, slash - start));
    if (slash == std::string_view::npos) return segments;
    start = slash + 1;
  }
}

// The segments from the `first` on, with the slashes between them.
std::string Joined(const std::vector<std::string>& segments, std::size_t first) {
  std::string joined = segments[first];
  for (std::size_t s = first + 1; s < segments.size(); ++s) joined.append("/").append(segments[s]);
  return joined;
}

bool IsParameter(std::string_view segment) {
  return segment.size() > 2 && segment.front() == '{';
}

bool ReadQuery(std::string_view target, Request& request) {
  const std::size_t question = target.find('?');
  if (question == std::string_view::npos) return true;
  std::string_view rest = target.substr(question + 1);
  while (!rest.empty()) {
    const std::size_t end = rest.find('&');
    const std::string_view item = rest.substr(0, end);
    rest = end == std::string_view::npos ? std::string_view() : rest.substr(end + 1);
    if (item.empty()) continue;
    const std::size_t equals = item.find('=');
    std::string name, value;
    if (!PercentDecode(item.substr(0, equals), true, name)) return false;
    if (equals != std::string_view::npos && !PercentDecode(item.substr(equals + 1), true, value)) return false;
    request.query.emplace_back(std::move(name), std::move(value));
  }
  return true;
}

}  // namespace

Router::Router(std::vector<RoutePattern> routes) {
  for (const RoutePattern& route : routes) {
    routes_.push_back({std::string(route.method), Split(route.path), route.takes_rest});
  }
}

Match Router::Find(Request& request) const {
  Match match;
  std::vector<std::string> segments = Split(request.path);
  for (std::string& segment : segments) {
    std::string decoded;
    if (!PercentDecode(segment, false, decoded)) match.malformed = true;
    segment = std::move(decoded);
  }
  if (match.malformed || !ReadQuery(request.target, request)) {
    match.malformed = true;
    return match;
  }
  const std::string method = request.method == "HEAD" ? "GET" : request.method;
  for (std::size_t i = 0; i < routes_.size(); ++i) {
    const Compiled& route = routes_[i];
    const std::size_t count = route.segments.size();
    if (route.takes_rest ? segments.size() < count : segments.size() != count) continue;
    bool fits = true;
    for (std::size_t s = 0; s < count && fits; ++s) {
      fits = IsParameter(route.segments[s]) ? !segments[s].empty() : route.segments[s] == segments[s];
    }
    if (!fits) continue;
    if (route.method != method) {
      match.allow += (match.allow.empty() ? "" : ", ") + route.method + (route.method == "GET" ? ", HEAD" : "");
      continue;
    }
    for (std::size_t s = 0; s < count; ++s) {
      const std::string& name = route.segments[s];
      if (!IsParameter(name)) continue;
      const bool is_rest = route.takes_rest && s + 1 == count;
      request.params.emplace_back(name.substr(1, name.size() - 2), is_rest ? Joined(segments, s) : segments[s]);
    }
    match.route = i;
    return match;
  }
  return match;
}

}  // namespace guidon::http
