#include "server/api/counters.h"

#include <string>

namespace guidon {
namespace {

// In the order of the enums.
constexpr std::array<std::string_view, 3> kStarts = {"fresh", "resumed", "reset"};
constexpr std::array<std::string_view, 2> kRefusals = {"init_queue", "stopping"};
constexpr std::array<std::string_view, 6> kCloses = {"client", "broken", "stalled", "shutdown", "revoked", "gone"};

Labels ReasonLabel(std::string_view reason) {
  return {{"reason", std::string(reason)}};
}

}  // namespace

std::string_view ToString(StreamClose close) {
  return kCloses[static_cast<std::size_t>(close)];
}

StreamClose CloseOf(http::StreamEnd end) {
  switch (end) {
    case http::StreamEnd::kSource:
    case http::StreamEnd::kClient:
      break;
    case http::StreamEnd::kBroken:
      return StreamClose::kBroken;
    case http::StreamEnd::kStalled:
      return StreamClose::kStalled;
    case http::StreamEnd::kServer:
      return StreamClose::kShutdown;
  }
  return StreamClose::kClient;
}

std::uint64_t StreamCounters::open() const {
  // In this order: one that ends meanwhile has begun before.
  std::uint64_t closed = 0, opened = 0;
  for (const Counter* counter : closes_) closed += counter->value();
  for (const Counter* counter : starts_) opened += counter->value();
  return opened > closed ? opened - closed : 0;
}

ApiCounters::ApiCounters(Metrics& metrics)
    : forbidden_(metrics.AddCounter("guidon_keys_denied_total", "Requests refused for their key, by reason",
                                    ReasonLabel("forbidden"))),
      acks_(metrics.AddHistogram("guidon_propagation_ack_seconds",
                                 "From publishing a change to a process saying that it holds it", {}, kSlowSeconds)) {
  for (std::size_t i = 0; i < kStarts.size(); ++i) {
    const Labels reason = ReasonLabel(kStarts[i]);
    sdk_streams_.starts_[i] =
        &metrics.AddCounter("guidon_streams_opened_total", "Streams of SDKs that began, by how", reason);
    ofrep_streams_.starts_[i] =
        &metrics.AddCounter("guidon_ofrep_streams_opened_total", "Event streams of OFREP that began, by how", reason);
  }
  for (std::size_t i = 0; i < kRefusals.size(); ++i) {
    refusals_[i] = &metrics.AddCounter("guidon_streams_refused_total", "Streams that were asked for and not given",
                                       ReasonLabel(kRefusals[i]));
  }
  for (std::size_t i = 0; i < kCloses.size(); ++i) {
    const Labels reason = ReasonLabel(kCloses[i]);
    sdk_streams_.closes_[i] =
        &metrics.AddCounter("guidon_streams_closed_total", "Streams of SDKs that ended, by why", reason);
    ofrep_streams_.closes_[i] =
        &metrics.AddCounter("guidon_ofrep_streams_closed_total", "Event streams of OFREP that ended, by why", reason);
  }
  metrics.AddGauge("guidon_stream_clients", "Streams of SDKs that are open", {},
                   [this] { return static_cast<double>(sdk_streams_.open()); });
  metrics.AddGauge("guidon_ofrep_stream_clients", "Event streams of OFREP that are open", {},
                   [this] { return static_cast<double>(ofrep_streams_.open()); });
}

}  // namespace guidon
