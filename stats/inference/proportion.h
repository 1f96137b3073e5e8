// Yes or no per unit, without the large-sample formulas of effects.h: intervals of a share, tests and intervals of two
// shares that hold when few units convert.
//
//   Outcome<ProportionReadout> readout = CompareProportions(control, treatment, Scale::kRelative, 0.05);
//   if (readout->small_counts) Tag("small counts");
//
// All take successes of n, 0 <= successes <= n, n >= 1. Errors: kInvalid for anything else, kInsufficientN for an arm
// without units. alpha within (0, 1) (asserted).
//
// Thread safety: pure functions. Cost: constant, but for FisherExact: O(tables with the same margins), at most the
// smallest of the four margins.
#pragma once

#include "stats/inference/effect.h"
#include "stats/statistic/power_sums.h"

namespace guidon::stats {

// Of one share. Wilson (1927): never leaves [0, 1], covers 1 - alpha on average.
Outcome<Interval> WilsonInterval(const ProportionStatistic& arm, double alpha);
// Clopper & Pearson (1934): covers at least 1 - alpha whatever the share is, and so is wide.
Outcome<Interval> ClopperPearsonInterval(const ProportionStatistic& arm, double alpha);

struct ZTest {
  double z = 0;  // > 0: the treatment converts more
  double p_value = 1;
};
// Variance of the pooled share. kZeroVariance when all units of both arms convert, or none.
Outcome<ZTest> PooledZTest(const ProportionStatistic& control, const ProportionStatistic& treatment,
                           Alternative alternative = Alternative::kTwoSided);

// Treatment - control, within [-1, 1].
// Newcombe (1998), method 10: the distances of Wilson's ends, squared and added. Close to 1 - alpha from some five
// units on.
Outcome<Interval> NewcombeInterval(const ProportionStatistic& control, const ProportionStatistic& treatment,
                                   double alpha);

// Miettinen & Nurminen (1985): the differences that the score test does not reject, its variance at the most likely
// shares of that difference, times N/(N-1). p_value: that test of no difference; 1 where nothing tells the arms apart.
struct ScoreInterval {
  Interval interval;
  double p_value = 1;
};
Outcome<ScoreInterval> MiettinenNurminen(const ProportionStatistic& control, const ProportionStatistic& treatment,
                                         double alpha);

// Fisher (1935), two-sided: the probability, all margins given, of a table that is no likelier than the one observed.
// Counts are rounded to whole numbers.
Outcome<double> FisherExact(const ProportionStatistic& control, const ProportionStatistic& treatment);

// Fewer than this many conversions or non-conversions in an arm: the large-sample formulas are not to be shown.
constexpr double kSmallCount = 10;
bool HasSmallCounts(const ProportionStatistic& control, const ProportionStatistic& treatment);

struct ProportionReadout {
  // With small counts, and whatever scale was asked for: absolute, Newcombe's interval, Fisher's p-value; its standard
  // error is half the interval over z, its degrees of freedom n - 2. Else FixedEstimate of ProportionEffect.
  Estimate estimate;
  bool small_counts = false;
};
// Two-sided. With small counts it answers where ProportionEffect cannot: no conversions in an arm. Other errors as
// there.
Outcome<ProportionReadout> CompareProportions(const ProportionStatistic& control, const ProportionStatistic& treatment,
                                              Scale scale, double alpha);

}  // namespace guidon::stats
