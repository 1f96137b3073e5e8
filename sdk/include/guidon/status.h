// What is going on in a Client.
//
// Thread safety: plain values.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace guidon {

enum class ClientState : std::uint8_t {
  kInitialising,  // no ruleset yet: every read gives its default with PROVIDER_NOT_READY
  kLive,          // the stream is open
  kPolling,       // the stream fails; the ruleset is polled
  kStale,         // neither works: what is held is from `since`
  kUnauthorised,  // the server does not accept the key; looked at again slowly
  kOffline,       // no server is configured
  kClosed,
};
std::string_view ToString(ClientState state) noexcept;  // "initialising", "live", …

// Where the ruleset that is held came from.
enum class RulesetSource : std::uint8_t { kNone, kBootstrap, kCache, kServer };
std::string_view ToString(RulesetSource source) noexcept;

struct ClientStatus {
  ClientState state = ClientState::kInitialising;
  RulesetSource source = RulesetSource::kNone;
  std::string project;
  std::string environment;
  std::string epoch;
  std::uint64_t revision = 0;
  std::size_t flags = 0;
  std::chrono::milliseconds age{0};  // since the server last confirmed what is held; 0 while there is nothing
  std::string last_error;            // of the last attempt that failed; empty while live
  // Flags that this version cannot evaluate, with the reason.
  std::vector<std::pair<std::string, std::string>> broken;
  std::uint64_t snapshots = 0;  // whole rulesets applied
  std::uint64_t changes = 0;    // changes applied
  std::uint64_t refused = 0;    // documents that were older, damaged or unreadable
  std::uint64_t reconnects = 0;
};

}  // namespace guidon
