// Integrals as sums, and where a function crosses zero: what the sequential and the Bayesian methods are computed by.
//
//   const Quadrature rule = GaussLegendre(-1, 1, 4);
//   for (std::size_t i = 0; i < rule.at.size(); ++i) sum += rule.weight[i] * f(rule.at[i]);
//
// Thread safety: pure functions.
#pragma once

#include <functional>
#include <vector>

namespace guidon::stats {

struct Quadrature {
  std::vector<double> at;      // rising
  std::vector<double> weight;  // > 0, of the same length
};

// 20 Gauss-Legendre points in each of `panels` (>= 1) equal parts of [lower, upper]. A normal density, or tail, is
// integrated to 1e-12 of its mass when its standard deviation is a sixth of a panel's width, to 1e-10 when it is a
// ninth.
Quadrature GaussLegendre(double lower, double upper, int panels);

// So many panels that none is wider than `width`; within 1 … 4096, at which the integral gets coarser.
int PanelsFor(double lower, double upper, double width);

// Where f, which is below 0 at one of lower < upper and above it at the other, is 0; good to `precision`, as a share of
// the root. When f does not change its sign, the end at which it is nearer to 0. At most 100 calls of f, some 10 of a
// smooth one (Alefeld, Potra & Shi 1995, algorithm 748). f is finite at both ends.
double FindRoot(const std::function<double(double)>& f, double lower, double upper, double precision = 1e-13);

}  // namespace guidon::stats
