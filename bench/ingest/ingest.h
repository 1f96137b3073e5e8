// Clients that send events as fast as they become durable, in processes and at addresses of their own.
//
// Thread safety: as bench/server/load.h: it forks.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

namespace guidon::bench {

inline constexpr int kEventsOfABatch = 100;

// The JSON of one event that a shop tracks, of now.
std::string IngestedEvent();

struct EventRate {
  double per_second = 0;      // events acknowledged, by the clock
  double per_cpu_second = 0;  // for each second of CPU of the server's process
};

struct EventLoadOptions {
  int server_process = 0;
  std::uint16_t port = 0;  // of loopback
  std::string key;         // of its environment
  int clients = 64;        // connections
  double seconds = 2;
  std::function<void()> when_forked = {};  // first thing in each process of clients
};

// Four processes have the clients, each of which sends batch after batch, each when the one before is durable. Throws
// std::runtime_error when the server does not take one.
EventRate DurableEvents(const EventLoadOptions& options);

}  // namespace guidon::bench
