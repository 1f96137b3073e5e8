#include "stats/statistic/sketch.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdlib>
#include <utility>

namespace guidon::stats {
namespace {

constexpr int kPerOctave = 75;  // 0.75 / ln((1 + e) / (1 - e)) for e = 0.005, rounded up
constexpr int kLeastExponent = -30, kEndExponent = 50;
constexpr std::int32_t kMostKey = (kEndExponent - kLeastExponent) * kPerOctave + 1;  // from kMost on

// In an octave, at the fraction s of it: the curve 75 s(4 - s)/3, whose slope against ln(1 + s) is 100 at both ends and
// 112.5 in the middle: nowhere are buckets wider than a hundredth of ln.
std::int32_t KeyOf(double value) {
  const double size = std::abs(value);
  if (!(size >= Sketch::kLeast)) return 0;
  std::int32_t key = kMostKey;
  if (size < Sketch::kMost) {
    const auto bits = std::bit_cast<std::uint64_t>(size);
    const int exponent = static_cast<int>(bits >> 52) - 1023;
    constexpr std::uint64_t kFraction = (std::uint64_t{1} << 52) - 1;
    const double s = std::ldexp(static_cast<double>(bits & kFraction), -52);
    const int within = std::min(static_cast<int>(25 * (s * (4 - s))), kPerOctave - 1);
    key = (exponent - kLeastExponent) * kPerOctave + within + 1;
  }
  return value < 0 ? -key : key;
}

// The lower end of a bucket above 0: the curve the other way round.
double LowerEnd(std::int32_t key) {
  const int exponent = (key - 1) / kPerOctave + kLeastExponent;
  const int within = (key - 1) % kPerOctave;
  return std::ldexp(3 - std::sqrt(4 - within / 25.0), exponent);
}

// The value whose greatest relative error, at either end, is the least.
double ValueOf(std::int32_t key) {
  if (key == 0) return 0;
  const std::int32_t size = std::abs(key);
  const double lower = LowerEnd(size);
  const double upper = LowerEnd(size + 1);
  const double value = size == kMostKey ? Sketch::kMost : 2 * lower * upper / (lower + upper);
  return key < 0 ? -value : value;
}

}  // namespace

void Sketch::Add(double value, std::uint64_t count) {
  if (std::isnan(value) || count == 0) return;
  const std::int32_t key = KeyOf(value);
  const auto at = std::lower_bound(buckets_.begin(), buckets_.end(), key,
                                   [](const Bucket& bucket, std::int32_t wanted) { return bucket.key < wanted; });
  if (at != buckets_.end() && at->key == key) {
    at->count += count;
  } else {
    buckets_.insert(at, Bucket{key, count});
  }
  count_ += count;
}

void Sketch::Remove(double value, std::uint64_t count) {
  if (std::isnan(value)) return;
  const std::int32_t key = KeyOf(value);
  const auto at = std::lower_bound(buckets_.begin(), buckets_.end(), key,
                                   [](const Bucket& bucket, std::int32_t wanted) { return bucket.key < wanted; });
  if (at == buckets_.end() || at->key != key) return;
  const std::uint64_t removed = std::min(count, at->count);
  count_ -= removed;
  at->count -= removed;
  if (at->count == 0) buckets_.erase(at);
}

void Sketch::Merge(const Sketch& other) {
  std::vector<Bucket> merged;
  merged.reserve(buckets_.size() + other.buckets_.size());
  auto a = buckets_.begin();
  for (const Bucket& bucket : other.buckets_) {
    while (a != buckets_.end() && a->key < bucket.key) merged.push_back(*a++);
    merged.push_back(bucket);
    if (a != buckets_.end() && a->key == bucket.key) merged.back().count += (a++)->count;
  }
  merged.insert(merged.end(), a, buckets_.end());
  buckets_ = std::move(merged);
  count_ += other.count_;
}

std::optional<double> Sketch::AtRank(std::uint64_t rank) const {
  if (empty()) return std::nullopt;
  std::uint64_t seen = 0;
  for (const Bucket& bucket : buckets_) {
    seen += bucket.count;
    if (seen >= rank) return ValueOf(bucket.key);
  }
  return ValueOf(buckets_.back().key);
}

std::optional<double> Sketch::Quantile(double q) const {
  const double rank = std::ceil(std::clamp(q, 0.0, 1.0) * static_cast<double>(count_));
  return AtRank(static_cast<std::uint64_t>(std::max(rank, 1.0)));
}

std::uint64_t Sketch::CountUpTo(double value) const {
  const std::int32_t key = KeyOf(value);
  std::uint64_t seen = 0;
  for (const Bucket& bucket : buckets_) {
    if (bucket.key > key) break;
    seen += bucket.count;
  }
  return seen;
}

// Number of buckets, then each: what its key is more than the one before (the first as it is), its count.
void Sketch::Write(Packer& out) const {
  out.Unsigned(buckets_.size());
  for (std::size_t i = 0; i < buckets_.size(); ++i) {
    if (i == 0) {
      out.Signed(buckets_[i].key);
    } else {
      out.Unsigned(static_cast<std::uint64_t>(buckets_[i].key - buckets_[i - 1].key));
    }
    out.Unsigned(buckets_[i].count);
  }
}

bool Sketch::Read(Unpacker& in) {
  *this = {};
  const std::size_t size = in.Count(2);
  bool good = true;
  for (std::size_t i = 0; i < size && good; ++i) {
    const std::int64_t key =
        i == 0 ? in.Signed() : buckets_.back().key + static_cast<std::int64_t>(in.UnsignedTo(2 * kMostKey));
    const std::uint64_t count = in.UnsignedTo(~std::uint64_t{0} - count_);
    good = in.ok() && count > 0 && key >= -kMostKey && key <= kMostKey && (i == 0 || key > buckets_.back().key);
    if (!good) break;
    buckets_.push_back({static_cast<std::int32_t>(key), count});
    count_ += count;
  }
  if (in.ok() && good) return true;
  in.Break();
  *this = {};
  return false;
}

}  // namespace guidon::stats
