// The mixture sequential probability ratio test: the normal mixture of confidence_sequence.h with its width given as
// the standard deviation tau of the effects that are expected, rather than by where it is narrowest. The two are the
// same test when tau^2 = rho^2 n SE^2. Not offered as a mode of its own: no experiment needs a third knob for one
// thing.
//
// Lambda = sqrt(V / (V + tau^2)) exp(tau^2 (d - theta0)^2 / (2 V (V + tau^2))), V the variance of the difference d; a
// p that is valid at every moment is the smallest of min(1, 1 / Lambda) so far (RunningP). Johari, Koomen, Pekelis &
// Walsh 2015/2022. Assumes V is known, or estimated from 100 units and more.
//
// Thread safety: pure functions.
#pragma once

#include "stats/inference/effect.h"

namespace guidon::stats {

struct MsprtPlan {
  double tau = 0;  // > 0, on the scale of the difference
  double theta0 = 0;
  double alpha = 0.05;
};

struct Msprt {
  double log_likelihood_ratio = 0;  // ln Lambda
  double p_value = 1;               // at this moment: min(1, 1 / Lambda)
  Interval interval;
};

// kInvalid: tau is not above 0, alpha not within (0, 1), or a difference that is no number. kZeroVariance: `variance`,
// that of the difference, is not above 0.
Outcome<Msprt> MixtureSprt(double difference, double variance, const MsprtPlan& plan);

}  // namespace guidon::stats
