// Fixed horizon: S1, S2, S5, S9, S10, S11, S13.
#include <cmath>
#include <cstddef>
#include <vector>

#include "stats/inference/distributions.h"
#include "stats/inference/effects.h"
#include "stats/inference/fixed.h"
#include "stats/inference/raw_values.h"
#include "stats/simulation/rows.h"
#include "stats/statistic/power_sums.h"

namespace guidon::stats {
namespace {

ProportionStatistic Converted(Generator& generator, double n, double p) {
  return {n, static_cast<double>(generator.Binomial(static_cast<std::uint64_t>(n), p))};
}

template <typename Draw>
MeanStatistic Sample(std::size_t n, Draw draw) {
  Moments moments;
  for (std::size_t i = 0; i < n; ++i) moments.Add(draw());
  return {moments};
}

bool Holds(const Interval& interval, double truth) {
  return interval.lower <= truth && truth <= interval.upper;
}

std::vector<Check> AaBernoulli(const SimulationOptions& options) {
  const std::size_t whole = 40'000, runs = ScaledRuns(whole, options);
  double found = 0;
  ForEachRun(runs, options, "S1", [&](Generator& generator) {
    const auto effect =
        ProportionEffect(Converted(generator, 1000, .1), Converted(generator, 1000, .1), Scale::kAbsolute);
    if (effect && FixedEstimate(*effect).p_value < .05) ++found;
  });
  return {ShareCheck("false positives at .05", found, static_cast<double>(runs), .045, .055, whole, runs)};
}

std::vector<Check> AaLogNormal(const SimulationOptions& options) {
  const std::size_t whole = 40'000, runs = ScaledRuns(whole, options);
  double at_5 = 0, at_1 = 0, covered = 0;
  ForEachRun(runs, options, "S1b", [&](Generator& generator) {
    const auto draw = [&] { return generator.LogNormal(0, 1); };
    const MeanStatistic control = Sample(500, draw), treatment = Sample(500, draw);
    const double p = FixedEstimate(*MeanEffect(control, treatment, Scale::kAbsolute)).p_value;
    at_5 += p < .05;
    at_1 += p < .01;
    covered += Holds(FixedEstimate(*MeanEffect(control, treatment, Scale::kRelative)).interval, 0);
  });
  const auto of = static_cast<double>(runs);
  return {ShareCheck("false positives at .05", at_5, of, .0434, .0534, whole, runs),
          ShareCheck("false positives at .01", at_1, of, .0067, .0117, whole, runs),
          ShareCheck("intervals of lift that hold the truth", covered, of, .940, .955, whole, runs)};
}

std::vector<Check> UniformP(const SimulationOptions& options) {
  const std::size_t whole = 40'000, runs = ScaledRuns(whole, options);
  std::vector<double> p_values;
  ForEachRun(runs, options, "S1c", [&](Generator& generator) {
    const auto draw = [&] { return generator.Normal(); };
    const MeanStatistic control = Sample(50, draw), treatment = Sample(50, draw);
    p_values.push_back(FixedEstimate(*MeanEffect(control, treatment, Scale::kAbsolute)).p_value);
  });
  std::sort(p_values.begin(), p_values.end());
  double distance = 0;  // Kolmogorov-Smirnov
  const auto n = static_cast<double>(runs);
  for (std::size_t i = 0; i < runs; ++i) {
    distance =
        std::max({distance, static_cast<double>(i + 1) / n - p_values[i], p_values[i] - static_cast<double>(i) / n});
  }
  return {{"distance of p-values from uniform", distance, 0, .0105 * std::sqrt(static_cast<double>(whole) / n), runs}};
}

// Proves the harness: a fixed test at each of several looks finds what is not there, as often as is known.
std::vector<Check> NaivePeeking(const SimulationOptions& options) {
  const std::size_t whole = 40'000, runs = ScaledRuns(whole, options);
  const std::pair<int, double> known[] = {{1, .050},  {2, .083},  {5, .142},  {10, .193},
                                          {20, .248}, {50, .320}, {100, .374}};
  std::vector<Check> checks;
  for (const auto& [looks, expected] : known) {
    double found = 0;
    ForEachRun(runs, options, "S2-" + std::to_string(looks), [&, looks = looks](Generator& generator) {
      double sum = 0;
      bool any = false;
      for (int look = 1; look <= looks && !any; ++look) {
        sum += generator.Normal();
        Effect effect;
        effect.point = sum / look;
        effect.standard_error = 1 / std::sqrt(look);
        any = NormalEstimate(effect).p_value < .05;
      }
      found += any;
    });
    checks.push_back(ShareCheck("found by peeking " + std::to_string(looks) + " times", found,
                                static_cast<double>(runs), expected - .009, expected + .009, whole, runs));
  }
  return checks;
}

struct CupedRun {
  double adjusted = 0, plain = 0;  // effects
  double theta = 0, p = 1;
  bool covered = false;
};
CupedRun RunCuped(Generator& generator, double rho, double effect) {
  CupedStatistic arms[2];
  for (int arm = 0; arm < 2; ++arm) {
    for (int i = 0; i < 400; ++i) {
      const double x = generator.Normal();
      const double y = rho * x + std::sqrt(1 - rho * rho) * generator.Normal() + (arm == 1 ? effect : 0);
      arms[arm].yx.Add({y, x});
    }
  }
  const Effect adjusted = *CupedEffect(arms[0], arms[1], Scale::kAbsolute);
  const Estimate estimate = FixedEstimate(adjusted);
  return {adjusted.point, arms[1].yx.mean[0] - arms[0].yx.mean[0], Theta(arms[0], arms[1]), estimate.p_value,
          Holds(estimate.interval, effect)};
}

std::vector<Check> Cuped(const SimulationOptions& options) {
  const std::size_t whole = 20'000, runs = ScaledRuns(whole, options);
  Moments adjusted, plain, theta;
  double found = 0, covered = 0;
  ForEachRun(runs, options, "S5", [&](Generator& generator) {
    const CupedRun aa = RunCuped(generator, .7, 0);
    adjusted.Add(aa.adjusted);
    plain.Add(aa.plain);
    theta.Add(aa.theta);
    found += aa.p < .05;
    covered += RunCuped(generator, .7, .1).covered;
  });
  const auto of = static_cast<double>(runs);
  return {MeanCheck("variance that is left, of 1", adjusted.Variance() / plain.Variance(), .510, .02, whole, runs),
          ShareCheck("false positives at .05", found, of, .044, .056, whole, runs),
          MeanCheck("theta", theta.mean, .700, .003, whole, runs),
          ShareCheck("intervals that hold the truth", covered, of, .944, .956, whole, runs)};
}

std::vector<Check> UselessCuped(const SimulationOptions& options) {
  const std::size_t whole = 20'000, runs = ScaledRuns(whole, options);
  Moments adjusted, plain;
  ForEachRun(runs, options, "S5b", [&](Generator& generator) {
    const CupedRun aa = RunCuped(generator, 0, 0);
    adjusted.Add(aa.adjusted);
    plain.Add(aa.plain);
  });
  return {MeanCheck("variance that is left, of 1", adjusted.Variance() / plain.Variance(), 1.00, .04, whole, runs)};
}

// A user's events hang together: half of the variance of a value is the user's own.
std::vector<Check> Ratio(const SimulationOptions& options) {
  const std::size_t whole = 10'000, runs = ScaledRuns(whole, options);
  double found = 0, found_naively = 0;
  ForEachRun(runs, options, "S9", [&](Generator& generator) {
    RatioStatistic arms[2];
    Moments events[2];
    for (int arm = 0; arm < 2; ++arm) {
      for (int user = 0; user < 500; ++user) {
        const double own = generator.Normal();
        const int count = 1 + static_cast<int>(generator.Exponential() * 4);
        double sum = 0;
        for (int i = 0; i < count; ++i) {
          const double value = 10 + own + generator.Normal();
          events[arm].Add(value);
          sum += value;
        }
        arms[arm].md.Add({sum, static_cast<double>(count)});
      }
    }
    found += FixedEstimate(*RatioEffect(arms[0], arms[1], Scale::kAbsolute)).p_value < .05;
    found_naively +=
        FixedEstimate(*MeanEffect(MeanStatistic{events[0]}, MeanStatistic{events[1]}, Scale::kAbsolute)).p_value < .05;
  });
  const auto of = static_cast<double>(runs);
  return {ShareCheck("false positives at .05", found, of, .041, .060, whole, runs),
          ShareCheck("the same, events taken for independent", found_naively, of, .25, 1, whole, runs)};
}

// `clusters` of values of one arm: `users` users in so many groups.
std::vector<std::vector<double>> Latencies(Generator& generator, int users, std::size_t groups, double events) {
  std::vector<std::vector<double>> clusters(groups);
  for (int user = 0; user < users; ++user) {
    const double own = .7 * generator.Normal();
    const int count = 1 + static_cast<int>(generator.Exponential() * events);
    std::vector<double>& cluster =
        clusters[groups == static_cast<std::size_t>(users) ? static_cast<std::size_t>(user) : generator.Below(groups)];
    for (int i = 0; i < count; ++i) cluster.push_back(std::exp(5 + own + .7 * generator.Normal()));
  }
  return clusters;
}

std::vector<Check> Quantiles(const SimulationOptions& options, const char* row, std::size_t whole, int users,
                             std::size_t groups, double events, double lower, double upper) {
  const std::size_t runs = ScaledRuns(whole, options);
  const double quantiles[] = {.50, .90, .99};
  double found[3] = {};
  ForEachRun(runs, options, row, [&](Generator& generator) {
    const auto control = Latencies(generator, users, groups, events),
               treatment = Latencies(generator, users, groups, events);
    for (int i = 0; i < 3; ++i) {
      const auto effect = QuantileEffect(*ClusteredQuantile(control, quantiles[i]),
                                         *ClusteredQuantile(treatment, quantiles[i]), Scale::kAbsolute);
      found[i] += effect && FixedEstimate(*effect).p_value < .05;
    }
  });
  std::vector<Check> checks;
  for (int i = 0; i < 3; ++i) {
    checks.push_back(ShareCheck("false positives at .05, P" + std::to_string(static_cast<int>(quantiles[i] * 100 + .5)),
                                found[i], static_cast<double>(runs), lower, upper, whole, runs));
  }
  return checks;
}

std::vector<Check> Power(const SimulationOptions& options) {
  const std::size_t whole = 20'000, runs = ScaledRuns(whole, options);
  double absolute = 0, relative = 0, covered = 0;
  ForEachRun(runs, options, "S11", [&](Generator& generator) {
    const ProportionStatistic control = Converted(generator, 14'750, .10),
                              treatment = Converted(generator, 14'750, .11);
    absolute += FixedEstimate(*ProportionEffect(control, treatment, Scale::kAbsolute)).p_value < .05;
    const Estimate lift = FixedEstimate(*ProportionEffect(control, treatment, Scale::kRelative));
    relative += lift.p_value < .05;
    covered += Holds(lift.interval, .1);
  });
  const auto of = static_cast<double>(runs);
  return {ShareCheck("power, absolute", absolute, of, .788, .812, whole, runs),
          ShareCheck("power, relative", relative, of, .770, .800, whole, runs),
          ShareCheck("intervals of lift that hold the truth", covered, of, .940, .956, whole, runs)};
}

// A treatment that is exactly as bad as the margin allows.
std::vector<Check> AtTheMargin(const SimulationOptions& options) {
  const std::size_t whole = 20'000, runs = ScaledRuns(whole, options);
  double found = 0;
  ForEachRun(runs, options, "S13", [&](Generator& generator) {
    const MeanStatistic control = Sample(500, [&] { return 10 + 3 * generator.Normal(); });
    const MeanStatistic treatment = Sample(500, [&] { return 9.5 + 3 * generator.Normal(); });
    found +=
        NonInferiorityTest(*MeanEffect(control, treatment, Scale::kRelative), .05, Direction::kIncrease, .05).shown;
  });
  return {ShareCheck("taken for harmless at .05", found, static_cast<double>(runs), .0435, .0565, whole, runs)};
}

}  // namespace

void AddFixedRows(std::vector<Row>& rows) {
  rows.push_back({"S1", "A/A of conversions, 1000 units an arm", AaBernoulli});
  rows.push_back({"S1b", "A/A of lognormal values, 500 units an arm", AaLogNormal});
  rows.push_back({"S1c", "p-values of A/A are uniform", UniformP});
  rows.push_back({"S2", "peeking with a fixed test", NaivePeeking});
  rows.push_back({"S5", "CUPED, correlation .7", Cuped});
  rows.push_back({"S5b", "CUPED without correlation", UselessCuped});
  rows.push_back({"S9", "a ratio, events of a user hang together", Ratio});
  rows.push_back({"S10", "quantiles, users are the clusters", [](const SimulationOptions& options) {
                    return Quantiles(options, "S10", 6'000, 400, 400, 6, .035, .065);
                  }});
  rows.push_back({"S10b", "quantiles, 256 groups of users are the clusters", [](const SimulationOptions& options) {
                    return Quantiles(options, "S10b", 4'000, 4'000, 256, 2, .036, .066);
                  }});
  rows.push_back({"S11", "power of a lift of 10 % on 10 %", Power});
  rows.push_back({"S13", "non-inferiority exactly at the margin", AtTheMargin});
}

}  // namespace guidon::stats
