// Fixed horizon: an effect that is looked at once, at the end that was planned.
//
//   Outcome<Effect> effect = EffectOf(control, treatment, Scale::kRelative);
//   Estimate estimate = FixedEstimate(*effect, {.alpha = 0.05});
//
// Looked at repeatedly, these find an effect where there is none far more often than alpha says (20 looks: in 25 of 100
// experiments, not 5): whoever wants to look takes group_sequential.h
// or confidence_sequence.h.
//
// Effects come from effects.h, so their standard errors are above 0; alpha is within (0, 1) (asserted).
//
// Thread safety: pure functions.
#pragma once

#include "stats/inference/effect.h"

namespace guidon::stats {

// Student's t with the effect's degrees of freedom (Welch 1947). Two-sided: p = 2 P(T > |t|), interval -+ t(1 -
// alpha/2) SE; greater: p = P(T > t), interval from point - t(1 - alpha) SE to infinity; less: the mirror image. t =
// (point - null_value) / SE.
Estimate FixedEstimate(const Effect& effect, const Question& question = {});
// The same with the normal distribution: for thousands of units, or where others use it.
Estimate NormalEstimate(const Effect& effect, const Question& question = {});

// Which way is good.
enum class Direction { kIncrease, kDecrease };

struct NonInferiority {
  Estimate estimate;      // one-sided, of the good direction; its p-value is that of "worse by the margin or more"
  double null_value = 0;  // the margin on the effect's scale, towards what is bad: -margin where increase is good
  // The interval excludes the margin: what harm there may be is smaller than was said to matter.
  bool shown = false;
};
// A guardrail: is the treatment, at worst, worse by less than `margin`? On the effect's scale, > 0: of a relative
// effect 0.02 is 2 % of the control; of an absolute one it is in the metric's own unit. One-sided at alpha. Which
// distribution: `normal` as NormalEstimate, else as FixedEstimate.
NonInferiority NonInferiorityTest(const Effect& effect, double margin, Direction good, double alpha,
                                  bool normal = false);

// The ends and the p-value of any statistic (point - null) / SE with symmetric quantiles: what these are made of.
// `upper_quantile(q)` leaves q above, `upper_tail(t)` is what lies above t.
template <typename UpperQuantile, typename UpperTail>
Estimate SymmetricEstimate(const Effect& effect, const Question& question, UpperQuantile upper_quantile,
                           UpperTail upper_tail) {
  const double t = (effect.point - question.null_value) / effect.standard_error;
  Estimate estimate;
  estimate.effect = effect;
  if (question.alternative == Alternative::kTwoSided) {
    const double half = upper_quantile(question.alpha / 2) * effect.standard_error;
    estimate.interval = {effect.point - half, effect.point + half};
    estimate.p_value = 2 * upper_tail(t < 0 ? -t : t);
  } else if (question.alternative == Alternative::kGreater) {
    estimate.interval.lower = effect.point - upper_quantile(question.alpha) * effect.standard_error;
    estimate.p_value = upper_tail(t);
  } else {
    estimate.interval.upper = effect.point + upper_quantile(question.alpha) * effect.standard_error;
    estimate.p_value = upper_tail(-t);
  }
  return estimate;
}

}  // namespace guidon::stats
