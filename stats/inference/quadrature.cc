#include "stats/inference/quadrature.h"

#include <algorithm>
#include <boost/math/quadrature/gauss.hpp>
#include <boost/math/tools/toms748_solve.hpp>
#include <cmath>
#include <cstdint>

namespace guidon::stats {

Quadrature GaussLegendre(double lower, double upper, int panels) {
  using Rule = boost::math::quadrature::gauss<double, 20>;  // tells the upper half of [-1, 1], which is symmetric
  const auto& points = Rule::abscissa();
  const auto& weights = Rule::weights();
  Quadrature rule;
  rule.at.reserve(2 * points.size() * static_cast<std::size_t>(panels));
  rule.weight.reserve(rule.at.capacity());
  const double half = (upper - lower) / (2.0 * panels);
  for (int panel = 0; panel < panels; ++panel) {
    const double middle = lower + (2.0 * panel + 1) * half;
    for (std::size_t i = points.size(); i-- > 0;) {
      rule.at.push_back(middle - half * points[i]);
      rule.weight.push_back(half * weights[i]);
    }
    for (std::size_t i = 0; i < points.size(); ++i) {
      rule.at.push_back(middle + half * points[i]);
      rule.weight.push_back(half * weights[i]);
    }
  }
  return rule;
}

int PanelsFor(double lower, double upper, double width) {
  return static_cast<int>(std::clamp(std::ceil((upper - lower) / width), 1.0, 4096.0));
}

double FindRoot(const std::function<double(double)>& f, double lower, double upper, double precision) {
  const double at_lower = f(lower), at_upper = f(upper);
  if (at_lower == 0) return lower;
  if (at_upper == 0) return upper;
  if ((at_lower < 0) == (at_upper < 0)) return std::abs(at_lower) < std::abs(at_upper) ? lower : upper;
  std::uintmax_t calls = 98;
  const auto is_close = [precision](double a, double b) {
    return std::abs(b - a) <= precision * std::max(std::abs(a), std::abs(b)) + 1e-300;
  };
  const auto [a, b] = boost::math::tools::toms748_solve(f, lower, upper, at_lower, at_upper, is_close, calls);
  return a + (b - a) / 2;
}

}  // namespace guidon::stats
