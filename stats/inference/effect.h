// What every method begins with and ends in: two arms, their difference, and how sure it is.
//
//   Outcome<Effect> effect = MeanEffect(control, treatment, Scale::kRelative);
//   if (!effect) return Say(effect.error());
//   Estimate estimate = FixedEstimate(*effect, {.alpha = 0.05});
//
// Control is always the baseline: an effect is treatment - control, on the absolute scale or as a share of |control|.
// The unit of randomisation is the unit of analysis: `n` counts units, never events.
//
// Thread safety: plain values.
#pragma once

#include <limits>
#include <string>
#include <string_view>
#include <utility>

#include "core/base/result.h"

namespace guidon::stats {

// Why there is no number. A method that cannot answer says so; it never returns NaN or an infinity in place of an
// answer (an end of an interval may be infinite).
enum class StatsErrorCode {
  kZeroVariance,   // nothing varies: no standard error
  kBaselineZero,   // a share of a control that is 0, or a ratio whose denominator is 0
  kInsufficientN,  // fewer units than the method needs
  kInvalid,        // an input that no data can give: a negative count, weights that are no shares, …
};
std::string_view ToString(StatsErrorCode code);  // "ZERO_VARIANCE", "BASELINE_ZERO", "INSUFFICIENT_N", "INVALID"

struct StatsError {
  StatsErrorCode code = StatsErrorCode::kInvalid;
  std::string message;  // one sentence for people
};

template <typename T>
using Outcome = tl::expected<T, StatsError>;

inline tl::unexpected<StatsError> FailStats(StatsError error) {
  return tl::unexpected<StatsError>(std::move(error));
}
inline tl::unexpected<StatsError> FailStats(StatsErrorCode code, std::string message) {
  return FailStats(StatsError{code, std::move(message)});
}

enum class Scale { kAbsolute, kRelative };
enum class Alternative { kTwoSided, kGreater, kLess };

// The difference of two arms, before any method of inference is chosen.
struct Effect {
  Scale scale = Scale::kAbsolute;
  double point = 0;               // adjusted, where the statistic is
  double standard_error = 0;      // > 0
  double degrees_of_freedom = 0;  // Welch-Satterthwaite, always of the absolute scale
  double control_mean = 0;        // not adjusted, for people
  double treatment_mean = 0;
  double n_control = 0;  // units
  double n_treatment = 0;
};

// What is asked of an effect.
struct Question {
  double alpha = 0.05;  // 0 < alpha < 1: the interval holds the truth in 1 - alpha of all experiments
  Alternative alternative = Alternative::kTwoSided;
  double null_value = 0;  // on the effect's scale
};

// Both ends belong to it; either may be infinite.
struct Interval {
  double lower = -std::numeric_limits<double>::infinity();
  double upper = std::numeric_limits<double>::infinity();
};

struct Estimate {
  Effect effect;
  Interval interval;   // of the effect, on its scale
  double p_value = 1;  // of "no effect" (or of the null value that was asked about)
};

}  // namespace guidon::stats
