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

#include <guidon/export.h>

namespace guidon {

// How the client and its server get along.
enum class ClientState : std::uint8_t {
  kInitialising,  // no ruleset yet: every read gives its default with PROVIDER_NOT_READY
  kLive,          // the stream is open, or the flag file watched
  kPolling,       // the stream fails and the ruleset is polled; or the system does not tell of changes of the flag file
  kStale,         // there is a ruleset, but no connection (yet), or its file cannot be used; `age`: how old it may be
  kUnauthorised,  // the server does not accept the key; looked at again slowly
  kOffline,       // there is no server to ask: none is configured, or not in a way that one could be asked
  kClosed,
};
GUIDON_API std::string_view ToString(ClientState state) noexcept;  // "initialising", "live", …

// Where the ruleset that is held came from. kFile: ClientConfig::flag_file.
enum class RulesetSource : std::uint8_t { kNone, kBootstrap, kCache, kServer, kTest, kFile };
GUIDON_API std::string_view ToString(RulesetSource source) noexcept;  // "none", "bootstrap", …

// What the client could not keep for the server, since it was made.
struct DroppedEvents {
  std::uint64_t exposures = 0;  // there was no room, or they were left when the client was closed
  std::uint64_t track = 0;      // calls of Track for which there was no room, that were left, or that came after Close
  std::uint64_t invalid = 0;    // calls of Track that were no event; the first one is logged
  std::uint64_t batches = 0;    // that were refused as a whole, had no clear answer for a day, or at Close
  std::uint64_t rejected = 0;   // events that the server left out of a batch
  std::uint64_t evaluations = 0;  // reads whose counts were in no batch when the client was closed

  // All of them are the same, or not.
  friend bool operator==(const DroppedEvents& a, const DroppedEvents& b) noexcept {
    return a.exposures == b.exposures && a.track == b.track && a.invalid == b.invalid && a.batches == b.batches &&
           a.rejected == b.rejected && a.evaluations == b.evaluations;
  }
  friend bool operator!=(const DroppedEvents& a, const DroppedEvents& b) noexcept { return !(a == b); }
};

// How far events have come. A forked child begins with nothing: what its parent has not sent is the parent's.
struct EventStatus {
  std::size_t queued = 0;     // exposures and tracked events that are not durable yet
  std::uint64_t batches = 0;  // that the server has made durable
  DroppedEvents dropped;      // what could not be kept
  std::string last_error;     // of the last attempt, when it failed
};

// A client as it was at one moment.
struct ClientStatus {
  ClientState state = ClientState::kInitialising;  // how it and its server get along
  RulesetSource source = RulesetSource::kNone;     // where what is held came from
  std::string project;                             // of what is held, and so the next four; empty or 0: nothing
  std::string environment;                         // its key within the project
  std::string epoch;                               // of the server's store; another after it was restored
  std::uint64_t revision = 0;                      // grows within an epoch
  std::size_t flags = 0;                           // how many there are
  // Since the server last confirmed what is held; of a ruleset from the cache, by the file's time; of a flag file,
  // since it was last looked at and said what is held. 0 when nobody knows: there is nothing, or it is the bootstrap.
  std::chrono::milliseconds age{0};
  // While the client is neither live nor polling: when the server last confirmed what is held, as far as that is known
  // (of a ruleset from the cache: the file's time). Otherwise 1970.
  std::chrono::system_clock::time_point stale_since{};
  bool serves_defaults = false;  // what is held is older than ClientConfig::serve_defaults_after allows
  std::string last_error;        // of the last attempt that failed; empty while live
  // Flags that this version cannot evaluate, with the reason.
  std::vector<std::pair<std::string, std::string>> broken;
  std::uint64_t snapshots = 0;   // whole rulesets applied
  std::uint64_t changes = 0;     // changes applied
  std::uint64_t refused = 0;     // documents and events that were older, damaged, unreadable or did not fit
  std::uint64_t reconnects = 0;  // streams that ended, or were never there
  EventStatus events;
  // How many fork() lie between the process that made the client and this one: a child begins with what its parent
  // held, as `stale`, and has a stream of its own soon. The counts above go on from the parent's.
  std::uint32_t forks = 0;
};

}  // namespace guidon
