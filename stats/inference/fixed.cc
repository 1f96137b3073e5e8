#include "stats/inference/fixed.h"

#include <cassert>

#include "stats/inference/distributions.h"

namespace guidon::stats {

Estimate FixedEstimate(const Effect& effect, const Question& question) {
  assert(0 < question.alpha && question.alpha < 1 && effect.standard_error > 0);
  const double dof = effect.degrees_of_freedom;
  return SymmetricEstimate(
      effect, question, [&](double q) { return StudentUpperQuantile(q, dof); },
      [&](double t) { return StudentUpperTail(t, dof); });
}

Estimate NormalEstimate(const Effect& effect, const Question& question) {
  assert(0 < question.alpha && question.alpha < 1 && effect.standard_error > 0);
  return SymmetricEstimate(effect, question, NormalUpperQuantile, NormalUpperTail);
}

NonInferiority NonInferiorityTest(const Effect& effect, double margin, Direction good, double alpha, bool normal) {
  assert(margin > 0);
  NonInferiority result;
  Question question{.alpha = alpha};
  const bool up = good == Direction::kIncrease;
  question.alternative = up ? Alternative::kGreater : Alternative::kLess;
  question.null_value = up ? -margin : margin;
  result.estimate = normal ? NormalEstimate(effect, question) : FixedEstimate(effect, question);
  result.null_value = question.null_value;
  result.shown = up ? result.estimate.interval.lower > -margin : result.estimate.interval.upper < margin;
  return result;
}

}  // namespace guidon::stats
