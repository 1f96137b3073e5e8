// The floor under streams: a bare loop of send(2) over sockets that epoll accepted, on one thread.
//
// Thread safety: runs a process of its own.
#pragma once

#include <cstdint>
#include <string>

namespace guidon::bench {

struct StreamsFloor {
  std::uint16_t port = 0;
  int commands = -1;  // a byte written here sends `frame` to every connection …
  int answers = -1;   // … after a byte came back from here, as a server acknowledges a write before it tells of it
  int process = 0;
};

// Forks a process that listens on a free port of loopback. Whoever sends a request, up to its blank line, is answered
// with `first`; the connection stays open. The process ends with this one, or with StopStreamsFloor.
// Throws std::runtime_error when there are no sockets or processes to be had.
StreamsFloor StartStreamsFloor(const std::string& first, const std::string& frame);
void StopStreamsFloor(StreamsFloor& floor);

}  // namespace guidon::bench
