#include "server/http/router.h"

#include <algorithm>

namespace guidon::http {
namespace {

std::vector<std::string_view> Split(std::string_view path) {
  constexpr std::size_t kUsual = 10;
  std::vector<std::string_view> segments;
  segments.reserve(kUsual);
  if (path.starts_with('/')) path.remove_prefix(1);
  for (std::size_t start = 0;;) {
    const std::size_t slash = path.find('/', start);
    segments.push_back(path.substr(start, slash - start));
    if (slash == std::string_view::npos) return segments;
    start = slash + 1;
  }
}

// The segments, decoded; `room` holds those that were written otherwise. False when one cannot be decoded.
bool Decode(std::string_view path, std::vector<std::string_view>& segments, std::vector<std::string>& room) {
  segments = Split(path);
  // Nearly always there is nothing to decode: all of it is ASCII, and none of it a '%'.
  if (std::all_of(path.begin(), path.end(), [](char c) { return c > '\0' && c < '\x7f' && c != '%'; })) return true;
  room.resize(segments.size());
  for (std::size_t s = 0; s < segments.size(); ++s) {
    if (!PercentDecode(segments[s], false, room[s])) return false;
    segments[s] = room[s];
  }
  return true;
}

// The segments from the `first` on, with the slashes between them.
std::string Joined(const std::vector<std::string_view>& segments, std::size_t first) {
  std::string joined(segments[first]);
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

Router::Router(const std::vector<RoutePattern>& routes) {
  for (const RoutePattern& route : routes) {
    const std::vector<std::string_view> segments = Split(route.path);
    routes_.push_back(
        {std::string(route.method), std::vector<std::string>(segments.begin(), segments.end()), route.takes_rest});
  }
  std::size_t most = 0;
  for (const Compiled& route : routes_) most = std::max(most, route.segments.size());
  by_segments_.resize(most + 2);
  for (std::size_t count = 0; count < by_segments_.size(); ++count) {
    for (std::size_t i = 0; i < routes_.size(); ++i) {
      const std::size_t own = routes_[i].segments.size();
      if (own == count || (routes_[i].takes_rest && own < count)) by_segments_[count].push_back(i);
    }
  }
}

const std::vector<std::size_t>& Router::RoutesOf(std::size_t segments) const {
  return by_segments_[std::min(segments, by_segments_.size() - 1)];
}

Match Router::Find(Request& request) const {
  Match match;
  std::vector<std::string_view> segments;
  std::vector<std::string> room;
  if (!Decode(request.path, segments, room) || !ReadQuery(request.target, request)) {
    match.malformed = true;
    return match;
  }
  const std::string_view method = request.method == "HEAD" ? std::string_view("GET") : request.method;
  for (const std::size_t i : RoutesOf(segments.size())) {
    const Compiled& route = routes_[i];
    const std::size_t count = route.segments.size();
    bool fits = true;
    // From the end, where they differ most.
    for (std::size_t s = count; s-- > 0 && fits;) {
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
      request.params.emplace_back(name.substr(1, name.size() - 2),
                                  is_rest ? Joined(segments, s) : std::string(segments[s]));
    }
    match.route = i;
    return match;
  }
  return match;
}

}  // namespace guidon::http
