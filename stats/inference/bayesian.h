// The Bayesian view: the chance that the treatment wins, and what it costs to be wrong. Secondary everywhere: it does
// not cure peeking (20 looks at two equal arms cross 95 or 5 % in 42 of 100 experiments), so nothing acts on it.
//
//   Outcome<Posterior> view = NormalPosterior(effect, Prior::Lift(0, 0.3), {.alpha = 0.05});
//
// Thread safety: pure functions.
#pragma once

#include "stats/inference/effect.h"
#include "stats/inference/fixed.h"
#include "stats/statistic/power_sums.h"

namespace guidon::stats {

// What is believed of the lift (the relative effect) before there are data.
struct Prior {
  bool is_proper = false;  // not: flat, data alone speak
  double mean = 0;
  double stddev = 0.3;

  static Prior Flat() { return {}; }
  static Prior Lift(double mean, double stddev) { return {true, mean, stddev}; }
};

struct PosteriorOptions {
  double alpha = 0.05;  // of the credible interval
  Direction good = Direction::kIncrease;
};

struct Posterior {
  double mean = 0;  // of the effect, on its scale
  double stddev = 0;
  double chance_to_win = 0.5;  // P(the treatment is better)
  Interval credible;           // holds the effect with probability 1 - alpha
  // How much is lost, on average, by choosing an arm: 0 where it is the better one, else the difference.
  double loss_of_control = 0;
  double loss_of_treatment = 0;
};

// Data N(effect, SE^2) times prior N(m, s^2) of the lift; for an absolute effect the prior is N(m |mC|, s^2 mC^2).
// precision = 1 / SE^2 + 1 / s^2, mean = (effect / SE^2 + m / s^2) / precision, chance to win = Phi(mean / sd), losses
// E[max(delta, 0)] = mean Phi(mean / sd) + sd phi(mean / sd) and E[max(-delta, 0)].
// Assumes an effect that is normal (100 units and more in each arm). kInvalid: alpha outside (0, 1), a proper prior
// without a standard deviation. kZeroVariance. kBaselineZero: an absolute effect, a proper prior, and a control of 0.
Outcome<Posterior> NormalPosterior(const Effect& effect, const Prior& prior, const PosteriorOptions& options = {});

// With a flat prior the interval of a test says it all: SE = half of its width / z. One of its ends may be infinite.
// kInvalid: both ends are, or it does not hold the point. kZeroVariance: it has no width.
Outcome<double> ChanceToWinOf(double point, const Interval& interval, double alpha,
                              Direction good = Direction::kIncrease);

// Conversions of small numbers of units, exactly: Beta(alpha + x, beta + n - x) for each arm, and integrals over both.
// Good to 1e-9; some milliseconds at most, whatever the counts.
struct BetaPrior {
  double alpha = 1;  // >= 0.5, the prior of Jeffreys; beta likewise
  double beta = 1;
};
struct BetaPosterior {
  double chance_to_win = 0.5;    // P(treatment's rate > control's)
  double loss_of_treatment = 0;  // E[max(rate of control - rate of treatment, 0)]
  double loss_of_control = 0;    // E[max(rate of treatment - rate of control, 0)]
  double mean_control = 0;
  double mean_treatment = 0;
};
// kInvalid: counts that are none, a prior below 0.5.
Outcome<BetaPosterior> BetaBinomialPosterior(const ProportionStatistic& control, const ProportionStatistic& treatment,
                                             const BetaPrior& prior = {});

}  // namespace guidon::stats
