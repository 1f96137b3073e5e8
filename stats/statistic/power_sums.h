// Moments that can be added up in any order, and what an arm of an experiment comes down to for each kind of metric.
//
//   Moments spend;
//   for (double x : values) spend.Add(x);
//   spend = Merge(spend, of_another_day);
//   ArmStatistic arm = MeanStatistic{spend};
//
// Kept are the count, means and sums of products of deviations from the means, by Welford's updates and the pairwise
// merge of Chan, Golub & LeVeque (1979); of each mean also what its double leaves out, or a mean of 1e9 would be known
// to no better than 1e-7. Sums of squares lose every digit of the variance once the mean is a million standard
// deviations away from 0; these lose none that the values had. FromSums is for statistics that others computed.
//
// Merging in the same order gives the same bits; in another order, results equal to about 1e-13 of the variance.
//
// Thread safety: plain values. Cost: O(K²) per Add and Merge, no allocation.
#pragma once

#include <array>
#include <cstddef>
#include <variant>

namespace guidon::stats {

// Of one number per unit. (A JointMoments<1> with names.)
struct Moments {
  double n = 0;
  double mean = 0;
  double m2 = 0;         // sum of (x - mean)², >= 0
  double mean_rest = 0;  // the mean is mean + mean_rest to twice the digits of a double

  // From n, the sum of x and the sum of x². What is left of the squares after the mean is taken out, and is no more
  // than their rounding, is 0: values that are all the same have no variance.
  static Moments FromSums(double n, double sum, double sum_squares);

  void Add(double x);
  void Remove(double x);  // x was added before
  double Variance() const { return n > 1 ? m2 / (n - 1) : 0; }
};
Moments Merge(const Moments& a, const Moments& b);

// Of K numbers per unit, with how they vary together.
template <std::size_t K>
struct JointMoments {
  static constexpr std::size_t kPairs = K * (K + 1) / 2;

  double n = 0;
  std::array<double, K> mean{};
  // Sums of (x_i - mean_i)(x_j - mean_j), i <= j, by rows: 00 01 11 for K = 2; 00 01 02 03 11 12 13 22 23 33 for K = 4.
  std::array<double, kPairs> products{};
  std::array<double, K> mean_rest{};  // as Moments::mean_rest

  // From n, the sums of x_i and the sums of x_i x_j in the same order. Diagonals as Moments::FromSums.
  static JointMoments FromSums(double n, const std::array<double, K>& sums, const std::array<double, kPairs>& products);

  void Add(const std::array<double, K>& x);
  void Remove(const std::array<double, K>& x);  // x was added before

  double Deviations(std::size_t i, std::size_t j) const { return products[Index(i, j)]; }
  double Covariance(std::size_t i, std::size_t j) const { return n > 1 ? Deviations(i, j) / (n - 1) : 0; }
  double Variance(std::size_t i) const { return Covariance(i, i); }
  Moments Of(std::size_t i) const { return {n, mean[i], Deviations(i, i), mean_rest[i]}; }

  static constexpr std::size_t Index(std::size_t i, std::size_t j) {
    return i <= j ? i * (2 * K - i - 1) / 2 + j : Index(j, i);
  }
};
template <std::size_t K>
JointMoments<K> Merge(const JointMoments<K>& a, const JointMoments<K>& b);

using CoMoments = JointMoments<2>;
using QuadMoments = JointMoments<4>;
extern template struct JointMoments<2>;
extern template struct JointMoments<4>;
extern template JointMoments<2> Merge(const JointMoments<2>&, const JointMoments<2>&);
extern template JointMoments<4> Merge(const JointMoments<4>&, const JointMoments<4>&);

// The marginal of two of four, in that order.
CoMoments Marginal(const QuadMoments& moments, std::size_t i, std::size_t j);

// ---- What an arm comes down to. Units are those of randomisation. Statistics of one type and plan merge by Merge, but
// for quantiles, which come from a sketch.

// A number per unit.
struct MeanStatistic {
  Moments y;
};

// A yes or no per unit.
struct ProportionStatistic {
  double n = 0;
  double successes = 0;  // 0 … n
};

// Whether a number per unit may be anything or is 0 or 1. A yes or no has the variance m(1-m), of divisor n; anything
// else the divisor n - 1.
enum class UnitValue { kCount, kBinary };

// Two numbers per unit; the arm's value is the ratio of their sums.
struct RatioStatistic {
  CoMoments md;  // numerator, denominator
  UnitValue numerator = UnitValue::kCount;
  UnitValue denominator = UnitValue::kCount;
};

// A number per unit, and one that was known of the unit before it was exposed.
struct CupedStatistic {
  CoMoments yx;  // after, before
  UnitValue value = UnitValue::kCount;
};

// A ratio after and a ratio before.
struct CupedRatioStatistic {
  QuadMoments moments;  // numerator after, denominator after, numerator before, denominator before
};

// The quantile nu of values that are independent of each other: one per unit.
struct QuantileStatistic {
  double n = 0;       // values
  double n_star = 0;  // values that `lower` and `upper` were computed for
  double nu = 0.5;    // 0 < nu < 1
  double estimate = 0;
  double lower = 0;  // the order statistics at nu -+ z(.975) sqrt(nu (1 - nu) / n_star)
  double upper = 0;
};

// The quantile nu of all values of all units: those of one unit (or group of units) hang together.
struct QuantileClusteredStatistic {
  QuantileStatistic quantile;
  CoMoments clusters;  // per cluster: how many values are <= estimate, how many values
};

using ArmStatistic = std::variant<MeanStatistic, ProportionStatistic, RatioStatistic, CupedStatistic,
                                  CupedRatioStatistic, QuantileStatistic, QuantileClusteredStatistic>;

MeanStatistic Merge(const MeanStatistic& a, const MeanStatistic& b);
ProportionStatistic Merge(const ProportionStatistic& a, const ProportionStatistic& b);
RatioStatistic Merge(const RatioStatistic& a, const RatioStatistic& b);
CupedStatistic Merge(const CupedStatistic& a, const CupedStatistic& b);
CupedRatioStatistic Merge(const CupedRatioStatistic& a, const CupedRatioStatistic& b);

// Without what was known before: what the plain test of the same metric takes.
ArmStatistic WithoutCovariate(const CupedStatistic& arm);  // a MeanStatistic, or of yes and no a ProportionStatistic
RatioStatistic WithoutCovariate(const CupedRatioStatistic& arm);
ArmStatistic WithoutCovariate(const ArmStatistic& arm);  // of other kinds: itself

}  // namespace guidon::stats
