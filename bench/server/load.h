// Clients in processes of their own, so that what they cost is not the server's: streams, and requests on connections
// that stay open.
//
//   StreamLoad load({.port = port, .request = request, .streams = 10'000});
//   load.WaitForChange(1);   // when the last stream had its first change, in ns of CLOCK_MONOTONIC
//
// Addresses are 127.0.0.2 and on, one for each process.
//
// Thread safety: one thread at a time, and no other thread in the process, because it forks.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace guidon::bench {

std::int64_t MonotonicNs();

struct StreamLoadOptions {
  std::uint16_t port = 0;
  std::string request;  // the whole head of a GET
  int streams = 10'000;
  int stalled = 0;  // so many of them read no more once they have their snapshot
  int processes = 4;
  std::string tls_ca = {};                 // PEM file; empty: no TLS
  std::function<void()> when_forked = {};  // first thing in each process
};

class StreamLoad {
 public:
  // Connects all at once. Who is sent away with 429 or 503 comes back when Retry-After says.
  explicit StreamLoad(StreamLoadOptions options);
  ~StreamLoad();  // ends the processes
  StreamLoad(const StreamLoad&) = delete;
  StreamLoad& operator=(const StreamLoad&) = delete;

  // When the last stream had its whole snapshot. Nothing when that takes longer than two minutes.
  std::optional<std::int64_t> WaitForSnapshots();
  // When the last stream that reads had its `number`th change since it connected.
  std::optional<std::int64_t> WaitForChange(std::uint64_t number);
  int sent_away() const;  // answers 429 and 503

 private:
  struct Shared;
  const StreamLoadOptions options_;
  Shared* shared_ = nullptr;
  std::vector<int> processes_;
};

struct RequestLoadOptions {
  std::uint16_t port = 0;
  std::string request;  // head and body
  int status = 200;     // any other ends the program
  int connections = 64;
  int processes = 2;
  double seconds = 2;
  std::function<void()> when_forked = {};
};

// Answers for each second of CPU that the server's process used meanwhile. Throws std::runtime_error when an answer has
// another status, or none comes.
double RequestsPerServerSecond(int server_process, const RequestLoadOptions& options);

// CPU that a process has used, all threads together, in seconds.
double CpuSeconds(int process);

}  // namespace guidon::bench
