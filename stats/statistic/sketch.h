// A distribution in little memory, from which every quantile can be read to half a per cent of its value.
//
//   Sketch latency;
//   latency.Add(0.231);
//   latency.Quantile(0.95);          // within 0.5 % of the value of that rank
//
// DDSketch (Masson, Rim & Lee, VLDB 2019): counts of buckets whose ends grow by a factor, so that the middle of each is
// within kRelativeError of all that is in it. Counts are whole numbers: merging is exact in any order, and what is
// removed leaves nothing behind.
//
// Buckets are cut on the bits of a double instead of by a logarithm, which not every C library computes alike: 75 for
// each power of two, where 70 is the least that could do, along s(4 - s)/3 of the fraction s (the sketches-java
// library's quadratic interpolation). Six decades have 1 496.
//
// Bounds: below kLeast in size a value counts as 0; from kMost on it counts in the last bucket, which answers kMost. So
// there are at most 12 003 buckets, of 16 bytes, and those without values take none.
//
// Thread safety: a plain value. Cost: Add is a search among the buckets in use.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "stats/metric/packed.h"

namespace guidon::stats {

class Sketch {
 public:
  static constexpr double kRelativeError = 0.005;
  static constexpr double kLeast = 0x1p-30;  // 9.3e-10
  static constexpr double kMost = 0x1p50;    // 1.1e15

  void Add(double value, std::uint64_t count = 1);  // what is no number is left out
  // Values that were added before; of others nothing is removed.
  void Remove(double value, std::uint64_t count = 1);
  void Merge(const Sketch& other);

  std::uint64_t count() const { return count_; }
  bool empty() const { return count_ == 0; }
  std::size_t buckets() const { return buckets_.size(); }
  // The value of that rank, 1 … count: one that is kRelativeError off at most. nullopt without values.
  std::optional<double> AtRank(std::uint64_t rank) const;
  // The value of rank ceil(q * count), at least 1; 0 <= q <= 1.
  std::optional<double> Quantile(double q) const;
  // How many values lie in the bucket of `value` or below it.
  std::uint64_t CountUpTo(double value) const;

  // One text for each content. False: there is no sketch in front of `in`, which is broken then.
  void Write(Packer& out) const;
  bool Read(Unpacker& in);

  friend bool operator==(const Sketch&, const Sketch&) = default;

 private:
  struct Bucket {
    std::int32_t key = 0;     // in the order of values; 0 of the value 0
    std::uint64_t count = 0;  // > 0
    friend bool operator==(const Bucket&, const Bucket&) = default;
  };

  std::vector<Bucket> buckets_;  // by key
  std::uint64_t count_ = 0;
};

}  // namespace guidon::stats
