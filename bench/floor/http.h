// The floor under requests: bare Beast, on one thread, without a word about flags.
//
// Thread safety: runs a process of its own.
#pragma once

#include <cstdint>
#include <string>

namespace guidon::bench {

struct HttpFloor {
  std::uint16_t port = 0;
  int process = 0;
};

// Forks a process that listens on a free port of loopback and answers on connections that stay open: a POST with its
// own body; a GET with If-None-Match with 304; any other GET with `document`. Ends with this process, or with
// StopHttpFloor. Throws std::runtime_error when there are no sockets or processes to be had.
HttpFloor StartHttpFloor(const std::string& document);
void StopHttpFloor(HttpFloor& floor);

}  // namespace guidon::bench
