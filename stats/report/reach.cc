// What an experiment of a given size can find: PlannedUnits, solved for another of its unknowns, so that there is one
// formula for both ways.
#include <cmath>
#include <functional>

#include "stats/inference/quadrature.h"
#include "stats/report/planning.h"

namespace guidon::stats {
namespace {

constexpr double kMostPower = 0.9999;
constexpr double kSmallestEffect = 1e-6, kLargestEffect = 1e3;
constexpr double kPrecision = 1e-5;

// Where the units that are planned for a value are these: its end where no value between them is. Units are compared by
// their logarithms, which are nearly straight lines.
double Solve(const std::function<Outcome<double>(double)>& units_for, double units, double lower, double upper) {
  const auto excess = [&](double value) {
    const Outcome<double> planned = units_for(value);
    return planned ? std::log(*planned / units) : 0;  // an error is one of every value, and was found before
  };
  return FindRoot(excess, lower, upper, kPrecision);
}

std::optional<StatsError> FaultOfUnits(double units) {
  if (units >= 2 && std::isfinite(units)) return std::nullopt;
  return StatsError{StatsErrorCode::kInsufficientN, "there are no units to find anything with"};
}

}  // namespace

Outcome<double> PlannedPower(const Design& design, const ArmStatistic& baseline, double units) {
  if (const Outcome<double> planned = PlannedUnits(design, baseline); !planned) return planned;
  if (auto fault = FaultOfUnits(units)) return FailStats(*std::move(fault));
  const auto units_for = [&, with = design](double power) mutable {
    with.power = power;
    return PlannedUnits(with, baseline);
  };
  return Solve(units_for, units, AlphaOfOne(design) * (1 + kPrecision), kMostPower);
}

Outcome<double> PlannedEffect(const Design& design, const ArmStatistic& baseline, double units) {
  Design largest = design;
  if (largest.primary) largest.primary->detect = kLargestEffect;
  const Outcome<double> fewest = PlannedUnits(largest, baseline);
  if (!fewest) return fewest;
  if (auto fault = FaultOfUnits(units)) return FailStats(*std::move(fault));
  if (units < *fewest) {
    return FailStats(StatsErrorCode::kInsufficientN, "with so few units no effect is large enough to be found");
  }
  const auto units_for = [&, with = design](double log_effect) mutable {
    with.primary->detect = std::exp(log_effect);
    return PlannedUnits(with, baseline);
  };
  return std::exp(Solve(units_for, units, std::log(kSmallestEffect), std::log(kLargestEffect)));
}

}  // namespace guidon::stats
