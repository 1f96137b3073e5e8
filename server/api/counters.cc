#include "server/api/counters.h"

#include <string>

namespace guidon {
namespace {

// In the order of the enums.
constexpr std::array<std::string_view, 3> kStarts = {"fresh", "resumed", "reset"};
constexpr std::array<std::string_view, 2> kRefusals = {"init_queue", "stopping"};
constexpr std::array<std::string_view, 6> kCloses = {"client", "broken", "stalled", "shutdown", "revoked", "gone"};

Labels Reason(std::string_view reason) {
  return {{"reason", std::string(reason)}};
}

}  // namespace

std::string_view ToString(StreamClose close) {
  return kCloses[static_cast<std::size_t>(close)];
}

ApiCounters::ApiCounters(Metrics& metrics)
    : forbidden_(metrics.AddCounter("guidon_keys_denied_total", "Requests refused for their key, by reason",
                                    Reason("forbidden"))),
      acks_(metrics.AddHistogram("guidon_propagation_ack_seconds",
                                 "From publishing a change to a process saying that it holds it", {}, kSlowSeconds)) {
  for (std::size_t i = 0; i < kStarts.size(); ++i) {
    starts_[i] = &metrics.AddCounter("guidon_streams_opened_total", "Streams that began, by how", Reason(kStarts[i]));
  }
  for (std::size_t i = 0; i < kRefusals.size(); ++i) {
    refusals_[i] = &metrics.AddCounter("guidon_streams_refused_total", "Streams that were asked for and not given",
                                       Reason(kRefusals[i]));
  }
  for (std::size_t i = 0; i < kCloses.size(); ++i) {
    closes_[i] = &metrics.AddCounter("guidon_streams_closed_total", "Streams that ended, by why", Reason(kCloses[i]));
  }
}

}  // namespace guidon
