#include "stats/inference/srm.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "stats/inference/distributions.h"
#include "stats/inference/multiplicity.h"

namespace guidon::stats {
namespace {

// Up to 1e15 of anything; then whole numbers have gaps.
bool IsCount(double value) {
  return value >= 0 && value <= 1e15;
}

constexpr double kSmallestShare = 1e-12;  // of an arm that has one

// Of each weight; none when they are no weights.
std::optional<std::vector<double>> SharesOf(std::span<const double> weights) {
  const bool are_weights = std::all_of(weights.begin(), weights.end(), IsCount);
  const auto used = std::count_if(weights.begin(), weights.end(), [](double w) { return w > 0; });
  const double sum = std::accumulate(weights.begin(), weights.end(), 0.0);
  if (!are_weights || used < 2 || !std::isfinite(sum)) return std::nullopt;
  std::vector<double> shares;
  for (const double weight : weights) {
    if (weight > 0 && weight / sum < kSmallestShare) return std::nullopt;
    shares.push_back(weight / sum);
  }
  return shares;
}

// Units of the arms that have a share.
double Expected(std::span<const double> observed, const std::vector<double>& shares) {
  double sum = 0;
  for (std::size_t i = 0; i < shares.size(); ++i) sum += shares[i] > 0 ? observed[i] : 0;
  return sum;
}

}  // namespace

Outcome<RatioTest> TestRatio(std::span<const double> observed, std::span<const double> weights) {
  const auto shares = SharesOf(weights);
  if (!shares || observed.size() != weights.size()) {
    return FailStats(StatsErrorCode::kInvalid, "a ratio test needs a weight for each arm, two of them above 0");
  }
  if (!std::all_of(observed.begin(), observed.end(), IsCount)) {
    return FailStats(StatsErrorCode::kInvalid, "a number of units is negative, or no number");
  }
  const double units = Expected(observed, *shares);
  if (!(units > 0)) return FailStats(StatsErrorCode::kInsufficientN, "no arm has a unit yet");
  RatioTest test;
  test.degrees_of_freedom = -1;
  for (std::size_t i = 0; i < observed.size(); ++i) {
    if ((*shares)[i] == 0) {
      test.strays += observed[i];
      continue;
    }
    const double expected = units * (*shares)[i];
    test.chi_squared += (observed[i] - expected) * (observed[i] - expected) / expected;
    test.degrees_of_freedom += 1;
  }
  test.p_value = ChiSquaredUpperTail(test.chi_squared, test.degrees_of_freedom);
  return test;
}

bool HasEnoughForRatio(std::span<const double> observed, std::span<const double> weights) {
  const auto shares = SharesOf(weights);
  if (!shares || observed.size() != weights.size()) return false;
  const double units = Expected(observed, *shares);
  return std::all_of(shares->begin(), shares->end(),
                     [&](double share) { return share == 0 || units * share >= kRatioEnough; });
}

RatioTest CombinePeriods(std::span<const RatioTest> periods) {
  RatioTest all;
  for (const RatioTest& period : periods) {
    all.chi_squared += period.chi_squared;
    all.degrees_of_freedom += period.degrees_of_freedom;
    all.strays += period.strays;
  }
  if (all.degrees_of_freedom > 0) all.p_value = ChiSquaredUpperTail(all.chi_squared, all.degrees_of_freedom);
  return all;
}

Outcome<SequentialRatio> SequentialRatio::Begin(std::span<const double> weights, double concentration) {
  auto shares = SharesOf(weights);
  if (!shares) {
    return FailStats(StatsErrorCode::kInvalid, "a ratio test needs a weight for each arm, two of them above 0");
  }
  if (!(concentration >= 1e-3 && concentration <= 1e15)) {
    return FailStats(StatsErrorCode::kInvalid, "the concentration must be within 0.001 and 1e15");
  }
  SequentialRatio test;
  test.shares_ = *std::move(shares);
  test.counts_.assign(weights.size(), 0);
  test.evidence_.assign(weights.size(), 0);
  test.concentration_ = concentration;
  return test;
}

Outcome<double> SequentialRatio::Add(std::span<const double> units) {
  if (units.size() != counts_.size() || !std::all_of(units.begin(), units.end(), IsCount)) {
    return FailStats(StatsErrorCode::kInvalid, "a number of units is needed for each arm, none of them negative");
  }
  double evidence = 0;
  for (std::size_t i = 0; i < units.size(); ++i) {
    if (shares_[i] == 0) continue;
    if (units[i] > 0) {
      counts_[i] += units[i];
      n_ += units[i];
      const double prior = concentration_ * shares_[i];
      evidence_[i] = LogGamma(prior + counts_[i]) - LogGamma(prior) - counts_[i] * std::log(shares_[i]);
    }
    evidence += evidence_[i];
  }
  log_bayes_factor_ = evidence + LogGamma(concentration_) - LogGamma(concentration_ + n_);
  p_ = std::min(p_, std::exp(-std::max(0.0, log_bayes_factor_)));
  return p_;
}

Outcome<std::vector<RatioFinding>> LocateMismatch(std::span<const RatioSegment> segments,
                                                  std::span<const double> weights, double alarm) {
  std::vector<RatioFinding> findings;
  std::vector<double> p_values;
  for (const RatioSegment& segment : segments) {
    if (!HasEnoughForRatio(segment.observed, weights)) {
      const bool is_small = SharesOf(weights) && segment.observed.size() == weights.size();
      if (is_small) continue;
    }
    const Outcome<RatioTest> test = TestRatio(segment.observed, weights);
    if (!test) return tl::unexpected(test.error());
    findings.push_back({segment.name, *test, 1, false});
    p_values.push_back(test->p_value);
  }
  const Outcome<std::vector<double>> adjusted = AdjustP(p_values, Correction::kBenjaminiHochberg);
  if (!adjusted) return tl::unexpected(adjusted.error());
  for (std::size_t i = 0; i < findings.size(); ++i) {
    findings[i].adjusted_p = (*adjusted)[i];
    findings[i].is_suspect = findings[i].adjusted_p < alarm;
  }
  // The adjusted ones rise with the others, so that the suspects come first.
  std::stable_sort(findings.begin(), findings.end(),
                   [](const RatioFinding& a, const RatioFinding& b) { return a.test.p_value < b.test.p_value; });
  return findings;
}

}  // namespace guidon::stats
