#include "stats/inference/regression.h"

#include <algorithm>
#include <cmath>

#include "stats/inference/small_matrix.h"

namespace guidon::stats {
namespace {

double MeanOf(std::span<const double> values) {
  double mean = 0;
  double n = 0;
  for (double value : values) mean += (value - mean) / ++n;
  return mean;
}

// Least squares of y on an intercept and K columns; the first column's coefficient is the effect. row(i) gives the
// columns of a unit; they are centred here, which changes the intercept only.
template <std::size_t K, typename Row>
Outcome<AdjustedEffect> Fit(std::span<const double> y, Row row) {
  const std::size_t n = y.size();
  Vector<K> center{};
  for (std::size_t i = 0; i < n; ++i) {
    const Vector<K> columns = row(i);
    for (std::size_t k = 0; k < K; ++k) center[k] += (columns[k] - center[k]) / static_cast<double>(i + 1);
  }
  const double mean_y = MeanOf(y);
  const auto centred = [&](std::size_t i) {
    Vector<K> columns = row(i);
    for (std::size_t k = 0; k < K; ++k) columns[k] -= center[k];
    return columns;
  };

  Matrix<K> gram{};
  Vector<K> with_y{};
  for (std::size_t i = 0; i < n; ++i) {
    const Vector<K> columns = centred(i);
    for (std::size_t a = 0; a < K; ++a) {
      with_y[a] += columns[a] * (y[i] - mean_y);
      for (std::size_t b = 0; b < K; ++b) gram[a][b] += columns[a] * columns[b];
    }
  }
  const std::optional<Matrix<K>> inverse = Inverse(gram);
  if (!inverse) {
    return FailStats(StatsErrorCode::kZeroVariance, "the covariate does not vary, or tells the arms apart");
  }
  const Vector<K> slopes = Times(*inverse, with_y);

  // What a unit's residual moves the effect by is the effect's row of the inverse times the unit's columns.
  double squares = 0;
  double robust = 0;
  for (std::size_t i = 0; i < n; ++i) {
    const Vector<K> columns = centred(i);
    const double residual = y[i] - mean_y - Dot(slopes, columns);
    const double leverage = 1 / static_cast<double>(n) + Quadratic(columns, *inverse, columns);
    const double influence = Dot((*inverse)[0], columns);
    squares += residual * residual;
    // A unit with leverage 1 is fitted exactly: its residual is 0, and says nothing.
    if (leverage < 1 - 1e-12) robust += influence * influence * residual * residual / (1 - leverage);
  }
  const double sigma = squares / static_cast<double>(n - K - 1);
  AdjustedEffect fit;
  fit.effect = slopes[0];
  fit.se_classic = std::sqrt(sigma * (*inverse)[0][0]);
  fit.se_robust = std::sqrt(robust);
  return fit;
}

std::optional<StatsError> FaultOf(std::span<const double> y, std::span<const double> x,
                                  const std::vector<bool>& treated) {
  if (y.size() != x.size() || y.size() != treated.size()) {
    return StatsError{StatsErrorCode::kInvalid,
                      "values, covariates and arms are not of the same units: their numbers differ"};
  }
  const auto finite = [](double value) { return std::isfinite(value); };
  if (!std::all_of(y.begin(), y.end(), finite) || !std::all_of(x.begin(), x.end(), finite)) {
    return StatsError{StatsErrorCode::kInvalid, "a value or covariate is not finite"};
  }
  const auto in_treatment = std::count(treated.begin(), treated.end(), true);
  const auto in_control = static_cast<std::ptrdiff_t>(treated.size()) - in_treatment;
  if (in_treatment < 2 || in_control < 2 || y.size() < 5) {
    return StatsError{StatsErrorCode::kInsufficientN, "a regression needs two units in each arm and five in all"};
  }
  return std::nullopt;
}

}  // namespace

Outcome<AdjustedEffect> Ancova(std::span<const double> y, std::span<const double> x, const std::vector<bool>& treated) {
  if (auto fault = FaultOf(y, x, treated)) return FailStats(*std::move(fault));
  return Fit<2>(y, [&](std::size_t i) { return Vector<2>{treated[i] ? 1.0 : 0.0, x[i]}; });
}

Outcome<AdjustedEffect> Lin(std::span<const double> y, std::span<const double> x, const std::vector<bool>& treated) {
  if (auto fault = FaultOf(y, x, treated)) return FailStats(*std::move(fault));
  const double mean_x = MeanOf(x);
  return Fit<3>(y, [&](std::size_t i) {
    const double about = x[i] - mean_x;
    return treated[i] ? Vector<3>{1, about, about} : Vector<3>{0, about, 0};
  });
}

}  // namespace guidon::stats
