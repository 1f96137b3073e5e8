#include "stats/inference/distributions.h"

#include <boost/math/distributions/beta.hpp>
#include <boost/math/distributions/chi_squared.hpp>
#include <boost/math/distributions/non_central_t.hpp>
#include <boost/math/distributions/normal.hpp>
#include <boost/math/distributions/students_t.hpp>
#include <boost/math/special_functions/beta.hpp>
#include <boost/math/special_functions/gamma.hpp>
#include <cassert>
#include <cmath>
#include <limits>

namespace guidon::stats {
namespace {

namespace bm = boost::math;
// What over- or underflows becomes infinite or 0: no exception leaves this file.
using Quiet = bm::policies::policy<
    bm::policies::domain_error<bm::policies::ignore_error>, bm::policies::pole_error<bm::policies::ignore_error>,
    bm::policies::overflow_error<bm::policies::ignore_error>, bm::policies::underflow_error<bm::policies::ignore_error>,
    bm::policies::rounding_error<bm::policies::ignore_error>,
    bm::policies::evaluation_error<bm::policies::ignore_error>>;
using Normal = bm::normal_distribution<double, Quiet>;
using Student = bm::students_t_distribution<double, Quiet>;
using NoncentralStudent = bm::non_central_t_distribution<double, Quiet>;
using ChiSquared = bm::chi_squared_distribution<double, Quiet>;
using Beta = bm::beta_distribution<double, Quiet>;

constexpr double kInfinity = std::numeric_limits<double>::infinity();
// Beyond this many degrees of freedom Student's is the normal distribution to the last digit of a double, and Boost's
// continued fractions become slow.
constexpr double kNormalFrom = 1e16;

[[maybe_unused]] bool IsProbability(double p) {
  return 0 <= p && p <= 1;
}

}  // namespace

double NormalDensity(double z) {
  constexpr double kInverseRootOfTwoPi = 0.39894228040143267794;
  return kInverseRootOfTwoPi * std::exp(-z * z / 2);
}

double NormalLowerTail(double z) {
  return NormalUpperTail(-z);
}

double NormalUpperTail(double z) {
  if (std::isinf(z)) return z > 0 ? 0 : 1;
  return bm::cdf(bm::complement(Normal(), z));
}

double LogNormalLowerTail(double z) {
  if (z > -30) return std::log(NormalLowerTail(z));
  // The tail's asymptotic series; at z = -30 its fifth term is below 1e-12 of the first.
  const double w = 1 / (z * z);
  const double series = 1 - w * (1 - 3 * w * (1 - 5 * w * (1 - 7 * w * (1 - 9 * w))));
  return -z * z / 2 - std::log(-z) - 0.91893853320467274178 + std::log(series);  // ln sqrt(2 pi)
}

double NormalQuantile(double probability) {
  return -NormalUpperQuantile(probability);
}

double NormalUpperQuantile(double probability) {
  assert(IsProbability(probability));
  if (probability == 0) return kInfinity;
  if (probability == 1) return -kInfinity;
  return bm::quantile(bm::complement(Normal(), probability));
}

double StudentLowerTail(double t, double degrees_of_freedom) {
  return StudentUpperTail(-t, degrees_of_freedom);
}

double StudentUpperTail(double t, double degrees_of_freedom) {
  assert(degrees_of_freedom > 0);
  if (std::isinf(t)) return t > 0 ? 0 : 1;
  if (degrees_of_freedom >= kNormalFrom) return NormalUpperTail(t);
  return bm::cdf(bm::complement(Student(degrees_of_freedom), t));
}

double StudentQuantile(double probability, double degrees_of_freedom) {
  return -StudentUpperQuantile(probability, degrees_of_freedom);
}

double StudentUpperQuantile(double probability, double degrees_of_freedom) {
  assert(IsProbability(probability) && degrees_of_freedom > 0);
  if (probability == 0) return kInfinity;
  if (probability == 1) return -kInfinity;
  if (degrees_of_freedom >= kNormalFrom) return NormalUpperQuantile(probability);
  return bm::quantile(bm::complement(Student(degrees_of_freedom), probability));
}

double NoncentralStudentLowerTail(double t, double degrees_of_freedom, double noncentrality) {
  return NoncentralStudentUpperTail(-t, degrees_of_freedom, -noncentrality);
}

double NoncentralStudentUpperTail(double t, double degrees_of_freedom, double noncentrality) {
  assert(degrees_of_freedom > 0 && std::isfinite(noncentrality));
  if (std::isinf(t)) return t > 0 ? 0 : 1;
  return bm::cdf(bm::complement(NoncentralStudent(degrees_of_freedom, noncentrality), t));
}

double ChiSquaredUpperTail(double x, double degrees_of_freedom) {
  assert(x >= 0 && degrees_of_freedom > 0);
  if (std::isinf(x)) return 0;
  return bm::cdf(bm::complement(ChiSquared(degrees_of_freedom), x));
}

double ChiSquaredUpperQuantile(double probability, double degrees_of_freedom) {
  assert(IsProbability(probability) && degrees_of_freedom > 0);
  if (probability == 0) return kInfinity;
  return bm::quantile(bm::complement(ChiSquared(degrees_of_freedom), probability));
}

double BetaDensity(double x, double alpha, double beta) {
  return bm::pdf(Beta(alpha, beta), x);
}

double BetaLowerTail(double x, double alpha, double beta) {
  assert(IsProbability(x) && alpha > 0 && beta > 0);
  return bm::cdf(Beta(alpha, beta), x);
}

double BetaUpperTail(double x, double alpha, double beta) {
  assert(IsProbability(x) && alpha > 0 && beta > 0);
  return bm::cdf(bm::complement(Beta(alpha, beta), x));
}

double BetaQuantile(double probability, double alpha, double beta) {
  assert(IsProbability(probability) && alpha > 0 && beta > 0);
  return bm::quantile(Beta(alpha, beta), probability);
}

double BetaUpperQuantile(double probability, double alpha, double beta) {
  assert(IsProbability(probability) && alpha > 0 && beta > 0);
  return bm::quantile(bm::complement(Beta(alpha, beta), probability));
}

double LogGamma(double x) {
  assert(x > 0);
  return bm::lgamma(x, Quiet());
}

double LogBeta(double alpha, double beta) {
  return LogGamma(alpha) + LogGamma(beta) - LogGamma(alpha + beta);
}

}  // namespace guidon::stats
