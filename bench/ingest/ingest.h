// Clients that send events as fast as they become durable.
//
// Thread safety: one thread at a time.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

namespace guidon::bench {

inline constexpr int kEventsOfABatch = 100;

// The JSON of one event that a shop tracks, of now.
std::string IngestedEvent();

// Events per second that the server on this port of loopback acknowledges: so many clients, each with a connection and
// a thread of its own, send batch after batch, each when the one before is durable.
double DurableEvents(std::uint16_t port, const std::string& key, int clients, std::chrono::milliseconds time);

}  // namespace guidon::bench
