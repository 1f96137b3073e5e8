#include "stats/statistic/exact_sum.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdlib>

namespace guidon::stats {
namespace {

constexpr std::uint64_t kLimbMask = 0xffff'ffff;
constexpr std::int64_t kLimbRange = std::int64_t{1} << 32;
constexpr std::uint32_t kMostPending = 1u << 28;  // 2^28 * 2^33 leaves a limb room to spare
constexpr int kMostLimbs = 65;                    // what they say is less than 2^1006, which is a double
constexpr int kLeastExponent = -1074;

// high + low == a + b exactly (Knuth).
Wide TwoSum(double a, double b) {
  const double high = a + b;
  const double part = high - a;
  return {high, (a - (high - part)) + (b - part)};
}
// The same for |a| >= |b|, or a == 0.
Wide FastTwoSum(double a, double b) {
  const double high = a + b;
  return {high, b - (high - a)};
}

}  // namespace

Wide operator-(Wide a, Wide b) {
  Wide high = TwoSum(a.high, -b.high);
  const Wide low = TwoSum(a.low, -b.low);
  high = FastTwoSum(high.high, high.low + low.high);
  return FastTwoSum(high.high, high.low + low.low);
}

Wide operator*(Wide a, Wide b) {
  const double high = a.high * b.high;
  const double low = std::fma(a.high, b.high, -high) + (a.high * b.low + a.low * b.high);
  return FastTwoSum(high, low);
}

Wide operator/(Wide a, double b) {
  const double high = a.high / b;
  const double rest = std::fma(-high, b, a.high) + a.low;
  return FastTwoSum(high, rest / b);
}

// ---- Adding
// -----------------------------------------------------------------------------------------------------------

void ExactSum::Add(double x) {
  const auto bits = std::bit_cast<std::uint64_t>(x);
  const int exponent = static_cast<int>((bits >> 52) & 0x7ff);
  if (x == 0 || exponent == 0x7ff) return;
  std::uint64_t digits = bits & ((std::uint64_t{1} << 52) - 1);
  if (exponent > 0) digits |= std::uint64_t{1} << 52;
  const int position = exponent > 0 ? exponent - 1 : 0;  // x = ± digits * 2^(position - 1074)
  const int limb = position / 32, shift = position % 32;
  // Shifted, it is at most 84 bits: lower half and upper half do not leave 64 bits each.
  const std::uint64_t lower = (digits & kLimbMask) << shift;
  const std::uint64_t upper = (digits >> 32) << shift;
  std::int64_t* at = Reach(limb, limb + 3);
  const std::int64_t sign = (bits >> 63) != 0 ? -1 : 1;
  at[0] += sign * static_cast<std::int64_t>(lower & kLimbMask);
  at[1] += sign * static_cast<std::int64_t>((lower >> 32) + (upper & kLimbMask));
  at[2] += sign * static_cast<std::int64_t>(upper >> 32);
  if (++pending_ >= kMostPending) Normalize();
}

void ExactSum::AddProduct(double a, double b) {
  const double product = a * b;
  if (product == 0) return;
  Add(product);
  Add(std::fma(a, b, -product));  // what rounding took, exactly
}

void ExactSum::Add(const ExactSum& other) {
  AddSigned(other, 1);
}
void ExactSum::Subtract(const ExactSum& other) {
  AddSigned(other, -1);
}

void ExactSum::AddSigned(const ExactSum& other, std::int64_t sign) {
  const ExactSum term = other.Normalized();
  if (term.limbs_.empty()) return;
  std::int64_t* at = Reach(term.first_, term.first_ + static_cast<int>(term.limbs_.size()));
  for (std::size_t i = 0; i < term.limbs_.size(); ++i) at[i] += sign * term.limbs_[i];
  if (++pending_ >= kMostPending) Normalize();
}

// Makes room for the limbs begin … end - 1; where the first of them is.
std::int64_t* ExactSum::Reach(int begin, int end) {
  if (limbs_.empty()) first_ = begin;
  if (begin < first_) {
    limbs_.insert(limbs_.begin(), static_cast<std::size_t>(first_ - begin), 0);
    first_ = begin;
  }
  const auto size = static_cast<std::size_t>(end - first_);
  if (limbs_.size() < size) limbs_.resize(size, 0);
  return limbs_.data() + (begin - first_);
}

void ExactSum::Normalize() {
  // Carries go up, until every limb is within 0 … 2^32 - 1 and what is left over is 0, or -1 of a number below 0.
  std::int64_t carry = 0;
  for (std::int64_t& limb : limbs_) {
    const std::int64_t value = limb + carry;
    limb = value & static_cast<std::int64_t>(kLimbMask);
    carry = (value - limb) / kLimbRange;
  }
  while (carry != 0 && carry != -1) {
    const std::int64_t limb = carry & static_cast<std::int64_t>(kLimbMask);
    limbs_.push_back(limb);
    carry = (carry - limb) / kLimbRange;
  }
  // A number below 0 is 2^(32 size) too large: what it lacks to that is its size.
  if (carry == -1) {
    std::int64_t more = 1;
    for (std::int64_t& limb : limbs_) {
      const std::int64_t value = (static_cast<std::int64_t>(kLimbMask) - limb) + more;
      limb = -(value & static_cast<std::int64_t>(kLimbMask));
      more = value / kLimbRange;
    }
    if (more != 0) limbs_.push_back(-more);
  }
  while (!limbs_.empty() && limbs_.back() == 0) limbs_.pop_back();
  const auto begin = std::find_if(limbs_.begin(), limbs_.end(), [](std::int64_t limb) { return limb != 0; });
  first_ = limbs_.empty() ? 0 : first_ + static_cast<std::int32_t>(begin - limbs_.begin());
  limbs_.erase(limbs_.begin(), begin);
  pending_ = 0;
}

ExactSum ExactSum::Normalized() const {
  ExactSum copy = *this;
  copy.Normalize();
  return copy;
}

// ---- Reading
// ----------------------------------------------------------------------------------------------------------

bool ExactSum::IsZero() const {
  return limbs_.empty() || Normalized().limbs_.empty();
}

Wide ExactSum::ToWide() const {
  const ExactSum sum = Normalized();
  Wide wide;
  for (std::size_t i = sum.limbs_.size();
       i-- > 0;) {  // the greatest first: what follows is smaller than its last digit
    const int exponent = 32 * (sum.first_ + static_cast<int>(i)) + kLeastExponent;
    const Wide next = TwoSum(wide.high, std::ldexp(static_cast<double>(sum.limbs_[i]), exponent));
    wide = FastTwoSum(next.high, next.low + wide.low);
  }
  return wide;
}

bool operator==(const ExactSum& a, const ExactSum& b) {
  const ExactSum x = a.Normalized(), y = b.Normalized();
  return x.first_ == y.first_ && x.limbs_ == y.limbs_;
}

// Number of limbs, and if there are any: the first one's place with the sign in the lowest bit, then each.
void ExactSum::Write(Packer& out) const {
  const ExactSum sum = Normalized();
  out.Unsigned(sum.limbs_.size());
  if (sum.limbs_.empty()) return;
  out.Unsigned(2 * static_cast<std::uint64_t>(sum.first_) + (sum.limbs_.back() < 0 ? 1 : 0));
  for (const std::int64_t limb : sum.limbs_) out.Fixed32(static_cast<std::uint32_t>(std::llabs(limb)));
}

bool ExactSum::Read(Unpacker& in) {
  *this = {};
  const std::uint64_t size = in.UnsignedTo(kMostLimbs);
  if (size == 0) return in.ok();
  const std::uint64_t head = in.UnsignedTo(2 * (kMostLimbs - size) + 1);
  first_ = static_cast<std::int32_t>(head / 2);
  for (std::uint64_t i = 0; i < size && in.ok(); ++i) {
    limbs_.push_back((head % 2 == 0 ? 1 : -1) * static_cast<std::int64_t>(in.Fixed32()));
  }
  if (!in.ok() || limbs_.front() == 0 || limbs_.back() == 0) {
    in.Break();
    *this = {};
    return false;
  }
  return true;
}

}  // namespace guidon::stats
