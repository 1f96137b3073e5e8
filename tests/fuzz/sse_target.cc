#include "net/sse.h"

#include <algorithm>
#include <tuple>
#include <vector>

#include "tests/fuzz/targets.h"

namespace guidon::fuzz {
namespace {

struct Seen {
  std::vector<std::tuple<std::string, std::string, std::string>> events;
  bool ok = true;
  std::string last_id;
  std::optional<std::chrono::milliseconds> retry;
  friend bool operator==(const Seen&, const Seen&) = default;
};

// Feeds the stream in chunks whose sizes `next` gives.
template <typename Next>
Seen Read(std::string_view stream, const net::SseLimits& limits, Next next) {
  net::SseParser parser(limits);
  Seen seen;
  const auto keep = [&](const net::SseEvent& event) { seen.events.emplace_back(event.type, event.data, event.id); };
  for (std::size_t at = 0; at < stream.size() && seen.ok;) {
    const std::size_t size = std::min(stream.size() - at, std::max<std::size_t>(1, next()));
    seen.ok = parser.Feed(stream.substr(at, size), keep);
    at += size;
  }
  seen.last_id = parser.last_id();
  seen.retry = parser.retry();
  return seen;
}

void CheckChunks(std::string_view stream, unsigned seed, const net::SseLimits& limits) {
  const Seen whole = Read(stream, limits, [&] { return stream.size(); });
  const Seen single = Read(stream, limits, [] { return std::size_t{1}; });
  unsigned state = seed * 2 + 1;
  const Seen mixed = Read(stream, limits, [&] {
    state = state * 1'664'525 + 1'013'904'223;
    return std::size_t{(state >> 16) % 9};
  });
  Require(whole == single && whole == mixed, "any chunks give the same events");
}

// What was parsed can be written, and any parser reads it back.
void CheckWriting(std::string_view stream) {
  const Seen seen = Read(stream, {}, [&] { return stream.size(); });
  std::string written;
  for (const auto& [type, data, id] : seen.events) {
    if (type.find('\0') != std::string::npos) return;  // a parser passes it on; nobody may write it
    net::AppendSse(written, type, data, id);
  }
  const Seen again = Read(written, {}, [&] { return written.size(); });
  Require(again.events.size() == seen.events.size(), "every event that is written is read");
  for (std::size_t i = 0; i < seen.events.size(); ++i) {
    Require(std::get<0>(again.events[i]) == std::get<0>(seen.events[i]) &&
                std::get<1>(again.events[i]) == std::get<1>(seen.events[i]),
            "type and data survive");
  }
}

}  // namespace

void Sse(std::string_view input) {
  if (input.empty()) return;
  const unsigned seed = static_cast<unsigned char>(input.front());
  const std::string_view stream = input.substr(1);
  CheckChunks(stream, seed, {});
  CheckChunks(stream, seed, {.max_line_bytes = 24, .max_event_bytes = 32});
  CheckWriting(stream);
}

}  // namespace guidon::fuzz
