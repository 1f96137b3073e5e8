// What /metrics says of streams, of keys that may not do what was asked, and of how long a change takes to arrive.
//
// Thread safety: counting from any thread.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <string_view>

#include "server/http/stream.h"
#include "server/telemetry/metrics.h"

namespace guidon {

// How a stream began.
enum class StreamStart : std::uint8_t {
  kFresh,    // without Last-Event-ID: a snapshot
  kResumed,  // exactly where it had been
  kReset,    // with a Last-Event-ID of another epoch, or older than what is kept: a snapshot
};

// Why a request for a stream got none.
enum class StreamRefusal : std::uint8_t { kInitQueue, kStopping };

// Why a stream ended.
enum class StreamClose : std::uint8_t {
  kClient,    // the client closed it
  kBroken,    // the connection was reset, or the other side is not there any more
  kStalled,   // the client did not read
  kShutdown,  // this server stopped
  kRevoked,   // its key may not be used any more
  kGone,      // its environment was deleted
};

std::string_view ToString(StreamClose close);  // "client", …; of the last three also the reason of the goodbye
// Of a stream whose source had nothing to say about its end.
StreamClose CloseOf(http::StreamEnd end);

// Streams of one kind: what began is open until it has ended.
class StreamCounters {
 public:
  StreamCounters(const StreamCounters&) = delete;
  StreamCounters& operator=(const StreamCounters&) = delete;

  void Count(StreamStart start) { starts_[static_cast<std::size_t>(start)]->Add(); }
  void Count(StreamClose close) { closes_[static_cast<std::size_t>(close)]->Add(); }
  std::uint64_t open() const;

 private:
  friend class ApiCounters;  // makes them
  StreamCounters() = default;

  std::array<Counter*, 3> starts_{};
  std::array<Counter*, 6> closes_{};
};

class ApiCounters {
 public:
  explicit ApiCounters(Metrics& metrics);  // adds them; the metrics are rendered no more when it goes

  // Apart, as the ones belong to applications, and the others to pages that people open and close.
  StreamCounters& sdk_streams() { return sdk_streams_; }
  StreamCounters& ofrep_streams() { return ofrep_streams_; }
  void Count(StreamRefusal refusal) { refusals_[static_cast<std::size_t>(refusal)]->Add(); }
  // A key that is valid and may not do what was asked; the authenticator counts the others.
  void CountForbidden() { forbidden_.Add(); }
  // A process said that it holds a change which was published so long ago.
  void ObserveAck(std::chrono::nanoseconds after) { acks_.Observe(std::chrono::duration<double>(after).count()); }

 private:
  StreamCounters sdk_streams_, ofrep_streams_;
  std::array<Counter*, 2> refusals_{};
  Counter& forbidden_;
  Histogram& acks_;
};

}  // namespace guidon
