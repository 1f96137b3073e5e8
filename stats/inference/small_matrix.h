// Symmetric matrices of at most a handful of rows: the normal equations of regressions with a few columns.
//
// Columns should be centred: then the condition of the equations is that of the correlations, and doubles leave twelve
// digits of a regression whose columns are not nearly the same.
//
// Thread safety: pure functions.
#pragma once

#include <array>
#include <cmath>
#include <cstddef>
#include <optional>

namespace guidon::stats {

template <std::size_t K>
using Vector = std::array<double, K>;
template <std::size_t K>
using Matrix = std::array<std::array<double, K>, K>;

// Of a symmetric positive definite matrix, by Cholesky's factors. Empty when a column is a combination of the others to
// within 1e-12 of its length.
template <std::size_t K>
std::optional<Matrix<K>> Inverse(const Matrix<K>& a) {
  Matrix<K> l{};
  for (std::size_t j = 0; j < K; ++j) {
    for (std::size_t i = j; i < K; ++i) {
      double rest = a[i][j];
      for (std::size_t k = 0; k < j; ++k) rest -= l[i][k] * l[j][k];
      if (i > j) {
        l[i][j] = rest / l[j][j];
      } else if (!(rest > 1e-12 * a[j][j])) {
        return std::nullopt;
      } else {
        l[j][j] = std::sqrt(rest);
      }
    }
  }
  Matrix<K> inverse{};
  for (std::size_t column = 0; column < K; ++column) {
    Vector<K> x{};
    for (std::size_t i = 0; i < K; ++i) {  // L z = e
      double rest = i == column ? 1 : 0;
      for (std::size_t k = 0; k < i; ++k) rest -= l[i][k] * x[k];
      x[i] = rest / l[i][i];
    }
    for (std::size_t i = K; i-- > 0;) {  // L' x = z
      double rest = x[i];
      for (std::size_t k = i + 1; k < K; ++k) rest -= l[k][i] * x[k];
      x[i] = rest / l[i][i];
    }
    for (std::size_t i = 0; i < K; ++i) inverse[i][column] = x[i];
  }
  return inverse;
}

template <std::size_t K>
Vector<K> Times(const Matrix<K>& a, const Vector<K>& x) {
  Vector<K> product{};
  for (std::size_t i = 0; i < K; ++i) {
    for (std::size_t j = 0; j < K; ++j) product[i] += a[i][j] * x[j];
  }
  return product;
}

template <std::size_t K>
double Dot(const Vector<K>& a, const Vector<K>& b) {
  double sum = 0;
  for (std::size_t i = 0; i < K; ++i) sum += a[i] * b[i];
  return sum;
}

// a' M b
template <std::size_t K>
double Quadratic(const Vector<K>& a, const Matrix<K>& m, const Vector<K>& b) {
  return Dot(a, Times(m, b));
}

}  // namespace guidon::stats
