// Clients in processes of their own, so that what they cost is not the server's: streams, and requests on connections
// that stay open.
//
//   StreamLoad load({.port = port, .request = request, .streams = 10'000});
//   load.WaitForChange(1);   // when the last stream had its first change, in ns of CLOCK_MONOTONIC
//
// Addresses are 127.0.0.2 and on, one for each process.
//
// Thread safety: one thread at a time; it forks, so any other thread of the process has to be idle meanwhile, as those
// are that RocksDB leaves behind.
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
  // Head and body of what a connection asks for, the first time and again after each answer. Connections count from 0,
  // over all processes, and requests from 0 on each connection.
  std::function<std::string(int connection, std::uint64_t number)> request;
  int status = 200;             // any other ends the measurement …
  std::string answer_has = {};  // … as does an answer without this
  int connections = 64;         // each with one request under way; at least one for each process
  int processes = 2;
  double seconds = 2;  // after a quarter of it in which nothing is counted
  std::function<void()> when_forked = {};
};

struct RequestRate {
  double per_second = 0;      // answers, by the clock
  double per_cpu_second = 0;  // answers for each second of CPU that the server's process used meanwhile
};

// Throws std::runtime_error when an answer is another one, or none comes.
RequestRate MeasureRequests(int server_process, const RequestLoadOptions& options);

// The same one, again and again.
std::function<std::string(int, std::uint64_t)> SameRequest(std::string request);

// CPU that a process has used, all threads together, in seconds.
double CpuSeconds(int process);

}  // namespace guidon::bench
