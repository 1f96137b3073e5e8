// What one iteration of an experiment measures, in the terms of the arithmetic: indices instead of names of events, and
// no conditions. server/ingest makes it of definitions; whoever has data of their own (imported files, simulations)
// writes it down directly.
//
// Thread safety: plain values.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace guidon::stats {

using Milliseconds = std::chrono::milliseconds;
using Time = std::chrono::sys_time<Milliseconds>;  // of the event, as the client's clock said, within stated bounds

// Which number of which events: one entry of a table that the caller keeps for each environment and unit attribute.
// The same events read in the same way are the same source for every experiment and metric.
using SourceId = std::uint32_t;

enum class MetricKind : std::uint8_t { kConversion, kCount, kSum, kMean, kRatio, kQuantile, kRetention, kFunnel };

struct MetricPlan {
  std::string key;
  MetricKind kind = MetricKind::kConversion;
  bool lower_is_better = false;
  // One; of a ratio the numerator and the denominator; of a funnel its steps in order. An event of a source that
  // counts has the value 1.
  std::vector<SourceId> sources;
  std::optional<Milliseconds> window;  // [exposure + after, exposure + after + window); absent: to the end
  Milliseconds after{0};
  std::optional<double> cap_value;  // of a unit's total
  std::optional<double> cap_share;  // at this share of all arms' unit totals together, 0.999 for 99.9 %
  double quantile = 0.5;            // of a quantile metric
  bool adjust = true;               // CUPED, where the kind allows it
};

struct ExperimentPlan {
  std::string experiment;
  std::uint32_t iteration = 1;
  std::vector<std::string> variants;  // the first is the control
  std::vector<double> weights;        // shares of 1, one for each variant
  std::vector<MetricPlan> metrics;
  Time started{};                                   // exposures before it are not of this iteration
  std::optional<Time> ended;                        // nor from here on; outcomes accrue for the metric's window
  Milliseconds lookback = std::chrono::days(14);    // before a unit's first exposure: the covariate of CUPED
  Milliseconds allowance = std::chrono::hours(72);  // how late an event may come and still move what was counted
  std::vector<std::string> dimensions;              // attributes of the exposure's context, such as "platform"
};

}  // namespace guidon::stats
