#include "stats/statistic/power_sums.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace guidon::stats {
namespace {

// The sum of squared deviations from sums. Both terms carry rounding of their last digits; a rest within it is none.
double SquaresAboutMean(double n, double sum, double sum_squares) {
  const double rest = sum_squares - sum * sum / n;
  return rest <= 4 * std::numeric_limits<double>::epsilon() * sum_squares ? 0 : rest;
}

// mean + rest += change, to twice the digits of a double (Knuth's exact sum).
void Move(double& mean, double& rest, double change) {
  const double part = rest + change;
  const double sum = mean + part;
  const double of_part = sum - mean;
  rest = (mean - (sum - of_part)) + (part - of_part);
  mean = sum;
}

double From(double mean, double rest, double x) {
  return (x - mean) - rest;
}

}  // namespace

Moments Moments::FromSums(double n, double sum, double sum_squares) {
  if (n == 0) return {};
  return {n, sum / n, SquaresAboutMean(n, sum, sum_squares)};
}

void Moments::Add(double x) {
  n += 1;
  const double before = From(mean, mean_rest, x);
  Move(mean, mean_rest, before / n);
  m2 += before * From(mean, mean_rest, x);
}

void Moments::Remove(double x) {
  if (n <= 1) return void(*this = {});
  n -= 1;
  const double with = From(mean, mean_rest, x);
  Move(mean, mean_rest, -with / n);
  m2 = n == 1 ? 0 : std::max(0.0, m2 - with * From(mean, mean_rest, x));
}

Moments Merge(const Moments& a, const Moments& b) {
  if (a.n == 0) return b;
  if (b.n == 0) return a;
  Moments merged = a;
  merged.n = a.n + b.n;
  const double delta = From(a.mean, a.mean_rest - b.mean_rest, b.mean);
  Move(merged.mean, merged.mean_rest, delta * (b.n / merged.n));
  merged.m2 += b.m2 + delta * delta * (a.n * b.n / merged.n);
  return merged;
}

template <std::size_t K>
JointMoments<K> JointMoments<K>::FromSums(double n, const std::array<double, K>& sums,
                                          const std::array<double, kPairs>& sums_of_products) {
  JointMoments moments;
  if (n == 0) return moments;
  moments.n = n;
  for (std::size_t i = 0; i < K; ++i) {
    moments.mean[i] = sums[i] / n;
    for (std::size_t j = i; j < K; ++j) {
      const double product = sums_of_products[Index(i, j)];
      moments.products[Index(i, j)] = i == j ? SquaresAboutMean(n, sums[i], product) : product - sums[i] * sums[j] / n;
    }
  }
  return moments;
}

template <std::size_t K>
void JointMoments<K>::Add(const std::array<double, K>& x) {
  n += 1;
  std::array<double, K> before;  // deviations from the mean without x
  std::array<double, K> after;   // from that with it
  for (std::size_t i = 0; i < K; ++i) {
    before[i] = From(mean[i], mean_rest[i], x[i]);
    Move(mean[i], mean_rest[i], before[i] / n);
    after[i] = From(mean[i], mean_rest[i], x[i]);
  }
  for (std::size_t i = 0; i < K; ++i) {
    for (std::size_t j = i; j < K; ++j) products[Index(i, j)] += before[i] * after[j];
  }
}

template <std::size_t K>
void JointMoments<K>::Remove(const std::array<double, K>& x) {
  if (n <= 1) return void(*this = {});
  n -= 1;
  std::array<double, K> with;     // deviations from the mean with x
  std::array<double, K> without;  // from that without it
  for (std::size_t i = 0; i < K; ++i) {
    with[i] = From(mean[i], mean_rest[i], x[i]);
    Move(mean[i], mean_rest[i], -with[i] / n);
    without[i] = From(mean[i], mean_rest[i], x[i]);
  }
  if (n == 1) return void(products = {});
  for (std::size_t i = 0; i < K; ++i) {
    for (std::size_t j = i; j < K; ++j) products[Index(i, j)] -= with[i] * without[j];
    products[Index(i, i)] = std::max(0.0, products[Index(i, i)]);
  }
}

template <std::size_t K>
JointMoments<K> Merge(const JointMoments<K>& a, const JointMoments<K>& b) {
  if (a.n == 0) return b;
  if (b.n == 0) return a;
  JointMoments<K> merged = a;
  merged.n = a.n + b.n;
  std::array<double, K> delta;
  for (std::size_t i = 0; i < K; ++i) {
    delta[i] = From(a.mean[i], a.mean_rest[i] - b.mean_rest[i], b.mean[i]);
    Move(merged.mean[i], merged.mean_rest[i], delta[i] * (b.n / merged.n));
  }
  for (std::size_t i = 0; i < K; ++i) {
    for (std::size_t j = i; j < K; ++j) {
      const std::size_t ij = merged.Index(i, j);
      merged.products[ij] += b.products[ij] + delta[i] * delta[j] * (a.n * b.n / merged.n);
    }
  }
  return merged;
}

template struct JointMoments<2>;
template struct JointMoments<4>;
template JointMoments<2> Merge(const JointMoments<2>&, const JointMoments<2>&);
template JointMoments<4> Merge(const JointMoments<4>&, const JointMoments<4>&);

CoMoments Marginal(const QuadMoments& moments, std::size_t i, std::size_t j) {
  return {moments.n,
          {moments.mean[i], moments.mean[j]},
          {moments.Deviations(i, i), moments.Deviations(i, j), moments.Deviations(j, j)},
          {moments.mean_rest[i], moments.mean_rest[j]}};
}

MeanStatistic Merge(const MeanStatistic& a, const MeanStatistic& b) {
  return {Merge(a.y, b.y)};
}

ProportionStatistic Merge(const ProportionStatistic& a, const ProportionStatistic& b) {
  return {a.n + b.n, a.successes + b.successes};
}

RatioStatistic Merge(const RatioStatistic& a, const RatioStatistic& b) {
  return {Merge(a.md, b.md), a.numerator, a.denominator};
}

CupedStatistic Merge(const CupedStatistic& a, const CupedStatistic& b) {
  return {Merge(a.yx, b.yx), a.value};
}

CupedRatioStatistic Merge(const CupedRatioStatistic& a, const CupedRatioStatistic& b) {
  return {Merge(a.moments, b.moments)};
}

ArmStatistic WithoutCovariate(const CupedStatistic& arm) {
  const Moments y = arm.yx.Of(0);
  if (arm.value == UnitValue::kBinary) return ProportionStatistic{y.n, std::round(y.mean * y.n)};
  return MeanStatistic{y};
}

RatioStatistic WithoutCovariate(const CupedRatioStatistic& arm) {
  return {Marginal(arm.moments, 0, 1)};
}

ArmStatistic WithoutCovariate(const ArmStatistic& arm) {
  if (const auto* cuped = std::get_if<CupedStatistic>(&arm)) return WithoutCovariate(*cuped);
  if (const auto* cuped = std::get_if<CupedRatioStatistic>(&arm)) return WithoutCovariate(*cuped);
  return arm;
}

}  // namespace guidon::stats
