#include "stats/inference/score_walk.h"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <utility>

#include "stats/inference/quadrature.h"

namespace guidon::stats {
namespace {

constexpr double kReach = 9.5;  // standard deviations; what lies beyond is below 1e-20

// As in distributions.h, where a call costs more than the arithmetic: a boundary takes some 100 000 of these.
double Bell(double z) {
  return std::exp(-z * z / 2) * std::numbers::inv_sqrtpi / std::numbers::sqrt2;
}
double Tail(double z) {  // P(Z > z)
  return std::erfc(z / std::numbers::sqrt2) / 2;
}

}  // namespace

void ScoreWalk::StepTo(double fraction) {
  if (now_ > 0) {
    if (lower_ == upper_) Stay(drift_ * now_ - kReach * std::sqrt(now_), drift_ * now_ + kReach * std::sqrt(now_));
    const double step = fraction - now_, last_step = now_ - from_;
    // What is integrated is the product of two normal densities, of these variances; 20 points over 9 standard
    // deviations of it are good to 1e-10.
    const double deviation = std::sqrt(step * last_step / (step + last_step));
    const Quadrature rule = GaussLegendre(lower_, upper_, PanelsFor(lower_, upper_, 9 * deviation));
    std::vector<double> mass(rule.at.size());
    for (std::size_t i = 0; i < mass.size(); ++i) mass[i] = rule.weight[i] * Density(rule.at[i]);
    at_ = rule.at;
    mass_ = std::move(mass);
    from_ = now_;
  }
  now_ = fraction;
  lower_ = upper_ = 0;
}

double ScoreWalk::Density(double score) const {
  const double step = now_ - from_, deviation = std::sqrt(step), centre = score - drift_ * step;
  const auto begin = std::lower_bound(at_.begin(), at_.end(), centre - kReach * deviation);
  const auto end = std::upper_bound(begin, at_.end(), centre + kReach * deviation);
  double sum = 0;
  for (auto it = begin; it != end; ++it) {
    sum += mass_[static_cast<std::size_t>(it - at_.begin())] * Bell((centre - *it) / deviation);
  }
  return sum / deviation;
}

double ScoreWalk::Above(double score) const {
  const double step = now_ - from_, deviation = std::sqrt(step), centre = score - drift_ * step;
  double sum = 0;
  for (std::size_t i = 0; i < at_.size(); ++i) {
    const double z = (centre - at_[i]) / deviation;
    if (z < -kReach) sum += mass_[i];
    if (std::abs(z) <= kReach) sum += mass_[i] * Tail(z);
  }
  return sum;
}

double ScoreWalk::Below(double score) const {
  const double step = now_ - from_, deviation = std::sqrt(step), centre = score - drift_ * step;
  double sum = 0;
  for (std::size_t i = 0; i < at_.size(); ++i) {
    const double z = (centre - at_[i]) / deviation;
    if (z > kReach) sum += mass_[i];
    if (std::abs(z) <= kReach) sum += mass_[i] * Tail(-z);
  }
  return sum;
}

void ScoreWalk::Stay(double lower, double upper) {
  lower_ = lower;
  upper_ = upper;
}

}  // namespace guidon::stats
