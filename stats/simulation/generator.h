// Randomness of a simulation: seeded, the same on every machine, and split so that runs may go in any order.
//
//   Generator generator(seed, "S1", run);
//   double x = generator.Normal();
//
// Boost.Random's Mersenne Twister (64 bits) and ziggurat normals: what the standard library's distributions return is
// up to each library.
//
// Thread safety: an object belongs to one thread.
#pragma once

#include <cmath>
#include <cstdint>
#include <string_view>

#include <boost/random/binomial_distribution.hpp>
#include <boost/random/mersenne_twister.hpp>
#include <boost/random/normal_distribution.hpp>
#include <boost/random/uniform_01.hpp>

#include "core/base/hash.h"

namespace guidon::stats {

class Generator {
 public:
  Generator(std::uint64_t seed, std::string_view row, std::uint64_t part)
      : engine_(Mix64(Mix64(seed + 0x9e3779b97f4a7c15ull) ^ Xxh3(row) ^ Mix64(part + 1))) {}

  double Uniform() { return uniform_(engine_); }  // [0, 1)
  double Normal() { return normal_(engine_); }
  double LogNormal(double mu, double sigma) { return std::exp(mu + sigma * Normal()); }
  double Exponential() { return -std::log1p(-Uniform()); }
  bool Bernoulli(double p) { return Uniform() < p; }
  std::uint64_t Below(std::uint64_t bound) {  // bound > 0
    return static_cast<std::uint64_t>(Uniform() * static_cast<double>(bound));
  }
  // How many of n succeed.
  std::uint64_t Binomial(std::uint64_t n, double p) {
    return static_cast<std::uint64_t>(
        boost::random::binomial_distribution<std::int64_t, double>(static_cast<std::int64_t>(n), p)(engine_));
  }

  // For std::shuffle.
  using result_type = boost::random::mt19937_64::result_type;
  static constexpr result_type min() { return boost::random::mt19937_64::min(); }
  static constexpr result_type max() { return boost::random::mt19937_64::max(); }
  result_type operator()() { return engine_(); }

 private:
  boost::random::mt19937_64 engine_;
  boost::random::uniform_01<double> uniform_;
  boost::random::normal_distribution<double> normal_;
};

}  // namespace guidon::stats
