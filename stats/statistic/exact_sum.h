// A sum of doubles that is never rounded, so that it is the same to the bit in whatever order its terms came, and what
// is taken out again leaves nothing behind.
//
//   ExactSum sum;
//   sum.Add(1e16);
//   sum.Add(1);
//   sum.Add(-1e16);
//   sum.ToDouble();                  // 1
//
// A double is a whole number of 53 bits times a power of two; a sum of them is one long whole number times 2^-1074.
// Kept are the 32-bit digits ("limbs") of it between the highest and the lowest that were ever needed: three to eight
// for what people measure. Kulisch's accumulator; with carries put off as in R. M. Neal, "Fast exact summation using
// small and large superaccumulators" (2015).
//
// Bound: a sum stays below 1e302 in size; a greater one cannot be read back.
//
// Thread safety: a plain value. Cost: Add and AddProduct about 20 ns once there are limbs; 32 bytes and 8 for
// each limb.
#pragma once

#include <cstdint>
#include <vector>

#include "stats/metric/packed.h"

namespace guidon::stats {

// A number as the sum of two doubles that do not overlap: 106 bits (Dekker 1971).
struct Wide {
  double high = 0;
  double low = 0;
};
Wide operator-(Wide a, Wide b);
Wide operator*(Wide a, Wide b);
Wide operator/(Wide a, double b);

class ExactSum {
 public:
  // `x` is finite; what is not adds nothing.
  void Add(double x);
  // The whole product, not the double nearest to it. Each factor is 0, or of a size within 1e-100 … 1e100.
  void AddProduct(double a, double b);
  void Add(const ExactSum& other);
  void Subtract(const ExactSum& other);

  bool IsZero() const;
  double ToDouble() const { return ToWide().high; }  // the nearest, or its neighbour
  Wide ToWide() const;                               // to about 2^-104 of its size

  // One text for each value. False: there is no sum in front of `in`, which is broken then.
  void Write(Packer& out) const;
  bool Read(Unpacker& in);

  friend bool operator==(const ExactSum& a, const ExactSum& b);

 private:
  std::int64_t* Reach(int begin, int end);
  void Normalize();
  ExactSum Normalized() const;
  void AddSigned(const ExactSum& other, std::int64_t sign);

  // The value is the sum of limbs_[i] * 2^(32 (first_ + i) - 1074). Normalized: all limbs have the same sign and are
  // below 2^32 in size, and neither the first nor the last is 0; so there is one form for each value.
  std::vector<std::int64_t> limbs_;
  std::int32_t first_ = 0;
  std::uint32_t pending_ = 0;  // additions since it was normalized: each adds less than 2^33 to a limb
};

}  // namespace guidon::stats
