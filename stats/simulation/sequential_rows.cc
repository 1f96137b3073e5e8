// Looking while it runs: S3, S4, S6.
#include <array>
#include <cmath>
#include <cstddef>
#include <string>
#include <vector>

#include "stats/inference/confidence_sequence.h"
#include "stats/inference/distributions.h"
#include "stats/inference/effects.h"
#include "stats/inference/group_sequential.h"
#include "stats/inference/msprt.h"
#include "stats/inference/srm.h"
#include "stats/simulation/rows.h"

namespace guidon::stats {
namespace {

constexpr int kPairs = 5'000;

// |Z| above which the sequence shows an effect, after each pair.
std::vector<double> Bounds(double tuned_to) {
  std::vector<double> bounds(kPairs + 1);
  for (int pair = 1; pair <= kPairs; ++pair)
    bounds[static_cast<std::size_t>(pair)] = SequenceBound(.05, 2 * pair, tuned_to);
  return bounds;
}

// Whether the sequence leaves the truth out after some pair; the standard deviation of a value is known.
bool EverOut(Generator& generator, const std::vector<double>& bounds, double effect) {
  double difference = 0;
  for (int pair = 1; pair <= kPairs; ++pair) {
    difference += generator.Normal() + effect - generator.Normal();
    const double z = (difference - effect * pair) / std::sqrt(2.0 * pair);
    if (std::abs(z) > bounds[static_cast<std::size_t>(pair)]) return true;
  }
  return false;
}

// The same with the standard error of the data, from `burn_in` units an arm on.
template <typename Draw>
bool EverOutEstimated(const std::vector<double>& bounds, int burn_in, Draw draw) {
  Moments control, treatment;
  for (int pair = 1; pair <= kPairs; ++pair) {
    control.Add(draw());
    treatment.Add(draw());
    if (pair < burn_in) continue;
    const double variance = (control.Variance() + treatment.Variance()) / pair;
    if (variance > 0 &&
        std::abs(treatment.mean - control.mean) > bounds[static_cast<std::size_t>(pair)] * std::sqrt(variance)) {
      return true;
    }
  }
  return false;
}

template <typename Run>
std::vector<Check> Share(const SimulationOptions& options, const std::string& row, const char* what, std::size_t whole,
                         double lower, double upper, Run run) {
  const std::size_t runs = ScaledRuns(whole, options);
  double found = 0;
  ForEachRun(runs, options, row, [&](Generator& generator) { found += run(generator); });
  return {ShareCheck(what, found, static_cast<double>(runs), lower, upper, whole, runs)};
}

constexpr char kFalsePositives[] = "false positives, ever, at .05";

std::vector<Check> KnownVariance(const SimulationOptions& options) {
  const std::vector<double> bounds = Bounds(5'000);
  return Share(options, "S3", kFalsePositives, 20'000, .020, .031,
               [&](Generator& generator) { return EverOut(generator, bounds, 0); });
}

std::vector<Check> EstimatedVariance(const SimulationOptions& options) {
  const std::vector<double> bounds = Bounds(5'000);
  return Share(options, "S3b", kFalsePositives, 20'000, .020, .032,
               [&](Generator& generator) { return EverOutEstimated(bounds, 50, [&] { return generator.Normal(); }); });
}

std::vector<Check> OtherValues(const SimulationOptions& options) {
  const std::vector<double> bounds = Bounds(5'000);
  std::vector<Check> checks =
      Share(options, "S3c-b", "false positives, ever; conversions of 5 %", 20'000, 0, .05, [&](Generator& generator) {
        return EverOutEstimated(bounds, 200, [&] { return generator.Bernoulli(.05) ? 1.0 : 0.0; });
      });
  checks.push_back(
      Share(options, "S3c-l", "false positives, ever; lognormal", 20'000, 0, .05, [&](Generator& generator) {
        return EverOutEstimated(bounds, 100, [&] { return generator.LogNormal(0, 1); });
      })[0]);
  return checks;
}

std::vector<Check> TunedEarlier(const SimulationOptions& options) {
  const std::vector<double> bounds = Bounds(500);
  return Share(options, "S3d", kFalsePositives, 20'000, .031, .044,
               [&](Generator& generator) { return EverOut(generator, bounds, 0); });
}

std::vector<Check> DailyLooks(const SimulationOptions& options) {
  const std::vector<double> bounds = Bounds(5'000);
  return Share(options, "S3e", "false positives at 14 looks", 20'000, 0, .05, [&](Generator& generator) {
    double difference = 0;
    int seen = 0;
    for (int look = 1; look <= 14; ++look) {
      const int pairs = kPairs * look / 14;
      difference += std::sqrt(2.0 * (pairs - seen)) * generator.Normal();
      seen = pairs;
      if (std::abs(difference) / std::sqrt(2.0 * pairs) > bounds[static_cast<std::size_t>(pairs)]) return true;
    }
    return false;
  });
}

std::vector<Check> EveryPairMsprt(const SimulationOptions& options) {
  // The |difference of means| whose p is .05, which is what Lambda = 1 / .05 solves for: half of the interval's width.
  std::vector<double> bounds(kPairs + 1);
  for (int pair = 1; pair <= kPairs; ++pair) {
    bounds[static_cast<std::size_t>(pair)] = MixtureSprt(0, 2.0 / pair, {.tau = .1, .alpha = .05})->interval.upper;
  }
  return Share(options, "S3f", kFalsePositives, 20'000, 0, .05, [&](Generator& generator) {
    double difference = 0;
    for (int pair = 1; pair <= kPairs; ++pair) {
      difference += generator.Normal() - generator.Normal();
      if (std::abs(difference) / pair > bounds[static_cast<std::size_t>(pair)]) return true;
    }
    return false;
  });
}

std::vector<Check> Coverage(const SimulationOptions& options) {
  const std::vector<double> bounds = Bounds(5'000);
  return Share(options, "S3g", "intervals that always hold the truth", 20'000, .945, 1,
               [&](Generator& generator) { return !EverOut(generator, bounds, .05); });
}

// --- Group-sequential ------------------------------------------------------------------------------------------------

struct Walk {
  double found = 0;     // share of walks that cross
  double fraction = 0;  // mean information at which they end
};
Walk Cross(const SimulationOptions& options, const std::string& row, std::size_t runs, int looks, SpendingKind spending,
           double drift) {
  std::vector<double> fractions;
  for (int look = 1; look <= looks; ++look) fractions.push_back(static_cast<double>(look) / looks);
  const std::vector<Look> plan = *Boundaries(fractions, {.alpha = .05, .spending = {.kind = spending}});
  const double step = 1.0 / looks;
  Walk walk;
  ForEachRun(runs, options, row, [&](Generator& generator) {
    double score = 0;
    for (std::size_t look = 0; look < plan.size(); ++look) {
      score += std::sqrt(step) * generator.Normal() + drift * step;
      if (std::abs(score) / std::sqrt(fractions[look]) > plan[look].bound) {
        ++walk.found;
        walk.fraction += fractions[look];
        return;
      }
    }
    walk.fraction += 1;
  });
  walk.found /= static_cast<double>(runs);
  walk.fraction /= static_cast<double>(runs);
  return walk;
}

constexpr double kDrift = 2.8016;  // with which a fixed test has a power of .8

std::vector<Check> FiveLooks(const SimulationOptions& options) {
  const std::size_t whole = 100'000, runs = ScaledRuns(whole, options);
  const auto share = [&](const char* what, double found, double expected, double width) {
    return ShareCheck(what, found, 1, expected - width, expected + width, whole, runs);
  };
  const Walk power = Cross(options, "S4-power", runs, 5, SpendingKind::kObrienFleming, kDrift);
  return {
      share("false positives, O'Brien-Fleming",
            Cross(options, "S4-obf", runs, 5, SpendingKind::kObrienFleming, 0).found, .05, .003),
      share("false positives, Pocock", Cross(options, "S4-pocock", runs, 5, SpendingKind::kPocock, 0).found, .05, .003),
      share("power, O'Brien-Fleming", power.found, .789, .006),
      MeanCheck("share of the planned units that it took", power.fraction, .808, .006, whole, runs)};
}

std::vector<Check> FourteenLooks(const SimulationOptions& options) {
  const std::size_t whole = 200'000, runs = ScaledRuns(whole, options);
  return {ShareCheck("false positives", Cross(options, "S4b", runs, 14, SpendingKind::kObrienFleming, 0).found, 1, .048,
                     .052, whole, runs),
          ShareCheck("power", Cross(options, "S4b-power", runs, 14, SpendingKind::kObrienFleming, kDrift).found, 1,
                     .778, .786, whole, runs)};
}

// --- Sample ratio ----------------------------------------------------------------------------------------------------

std::array<double, 2> SplitOf(Generator& generator, std::uint64_t units, double share) {
  const auto first = static_cast<double>(generator.Binomial(units, share));
  return {first, static_cast<double>(units) - first};
}

constexpr std::array<double, 2> kHalves = {.5, .5};

std::vector<Check> Srm(const SimulationOptions& options) {
  return Share(options, "S6", "false alarms at .001", 200'000, .0007, .0013,
               [](Generator& generator) { return TestRatio(SplitOf(generator, 20'000, .5), kHalves)->p_value < .001; });
}

std::vector<Check> SrmFound(const SimulationOptions& options) {
  return Share(options, "S6b", "51 to 49 found among 20 000 units", 200'000, .318, .328, [](Generator& generator) {
    return TestRatio(SplitOf(generator, 20'000, .51), kHalves)->p_value < .001;
  });
}

std::vector<Check> DailySrm(const SimulationOptions& options) {
  return Share(options, "S6c", "any false alarm in 14 days", 20'000, 0, .010, [](Generator& generator) {
    std::array<double, 2> units = {0, 0};
    bool any = false;
    for (int day = 0; day < 14; ++day) {
      const std::array<double, 2> more = SplitOf(generator, 20'000 / 14, .5);
      units = {units[0] + more[0], units[1] + more[1]};
      any = any || TestRatio(units, kHalves)->p_value < .001;
    }
    return any;
  });
}

std::vector<Check> SequentialSrm(const SimulationOptions& options) {
  return Share(options, "S6d", "false alarms, ever, at .05", 4'000, 0, .05, [](Generator& generator) {
    SequentialRatio srm = *SequentialRatio::Begin(kHalves);
    for (int unit = 0; unit < 20'000; ++unit) {
      const double first = generator.Bernoulli(.5) ? 1 : 0;
      if (*srm.Add(std::array<double, 2>{first, 1 - first}) < .05) return true;
    }
    return false;
  });
}

}  // namespace

void AddSequentialRows(std::vector<Row>& rows) {
  rows.push_back({"S3", "confidence sequence, every pair, known variance", KnownVariance});
  rows.push_back({"S3b", "the same, variance of the data, 50 units an arm to begin with", EstimatedVariance});
  rows.push_back({"S3c", "the same of conversions and of lognormal values", OtherValues});
  rows.push_back({"S3d", "confidence sequence, tuned to 500 units", TunedEarlier});
  rows.push_back({"S3e", "confidence sequence, daily looks", DailyLooks});
  rows.push_back({"S3f", "mixture SPRT, every pair", EveryPairMsprt});
  rows.push_back({"S3g", "confidence sequence, coverage at all times", Coverage});
  rows.push_back({"S4", "group-sequential, 5 looks", FiveLooks});
  rows.push_back({"S4b", "group-sequential, 14 looks", FourteenLooks});
  rows.push_back({"S6", "sample ratio, equal arms", Srm});
  rows.push_back({"S6b", "sample ratio, 51 to 49", SrmFound});
  rows.push_back({"S6c", "sample ratio every day", DailySrm});
  rows.push_back({"S6d", "sequential sample ratio at every unit", SequentialSrm});
}

}  // namespace guidon::stats
