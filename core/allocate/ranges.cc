#include "core/allocate/ranges.h"

#include <algorithm>
#include <utility>

namespace guidon {
namespace {

// Appends a range, joining it to the last one where they touch.
void Append(std::vector<BucketRange>& ranges, BucketRange range) {
  if (range.size() == 0) return;
  if (!ranges.empty() && ranges.back().end == range.begin) {
    ranges.back().end = range.end;
  } else {
    ranges.push_back(range);
  }
}

// Cuts `count` buckets off the end of the list.
void GiveUp(std::vector<BucketRange>& ranges, std::uint32_t count) {
  while (count > 0) {
    BucketRange& last = ranges.back();
    const std::uint32_t cut = std::min(count, last.size());
    last.end -= cut;
    count -= cut;
    if (last.size() == 0) ranges.pop_back();
  }
}

// What no list holds, in order.
std::vector<BucketRange> FreeBuckets(std::vector<BucketRange> taken) {
  std::sort(taken.begin(), taken.end(), [](const BucketRange& a, const BucketRange& b) { return a.begin < b.begin; });
  std::vector<BucketRange> free;
  std::uint32_t next = 0;
  for (const BucketRange& range : taken) {
    if (range.begin > next) free.push_back({next, range.begin});
    next = std::max(next, range.end);
  }
  if (next < kWhole) free.push_back({next, kWhole});
  return free;
}

// Moves `count` buckets from the front of `free` to the end of `ranges`.
void TakeFrom(std::vector<BucketRange>& free, std::uint32_t count, std::vector<BucketRange>& ranges) {
  std::size_t used = 0;
  while (count > 0 && used < free.size()) {
    BucketRange& first = free[used];
    const std::uint32_t take = std::min(count, first.size());
    Append(ranges, {first.begin, first.begin + take});
    first.begin += take;
    count -= take;
    if (first.size() == 0) ++used;
  }
  free.erase(free.begin(), free.begin() + static_cast<std::ptrdiff_t>(used));
}

// Each bucket's owner: 0 for none, else 1 + the index of its arm's name in `names`.
std::vector<std::uint32_t> OwnersOf(const std::vector<ArmRanges>& arms, std::vector<std::string>& names) {
  std::vector<std::uint32_t> owners(kWhole, 0);
  for (const ArmRanges& arm : arms) {
    auto name = std::find(names.begin(), names.end(), arm.arm);
    if (name == names.end()) name = names.insert(names.end(), arm.arm);
    const auto owner = static_cast<std::uint32_t>(name - names.begin()) + 1;
    for (const BucketRange& range : arm.ranges) {
      std::fill(owners.begin() + range.begin, owners.begin() + range.end, owner);
    }
  }
  return owners;
}

}  // namespace

std::uint32_t SizeOf(const std::vector<BucketRange>& ranges) {
  std::uint32_t size = 0;
  for (const BucketRange& range : ranges) size += range.size();
  return size;
}

std::vector<ArmRanges> AllocateFirst(const std::vector<Weight>& weights) {
  return Reallocate({}, weights);
}

std::vector<ArmRanges> Reallocate(const std::vector<ArmRanges>& held, const std::vector<Weight>& weights) {
  std::vector<ArmRanges> arms;
  std::vector<BucketRange> taken;
  for (const Weight& weight : weights) {
    ArmRanges& arm = arms.emplace_back(ArmRanges{weight.variation, {}});
    const auto old = std::find_if(held.begin(), held.end(), [&](const ArmRanges& a) { return a.arm == arm.arm; });
    if (old != held.end()) arm.ranges = old->ranges;
    const std::uint32_t size = SizeOf(arm.ranges);
    if (size > weight.parts) GiveUp(arm.ranges, size - weight.parts);
    taken.insert(taken.end(), arm.ranges.begin(), arm.ranges.end());
  }
  std::vector<BucketRange> free = FreeBuckets(std::move(taken));
  for (std::size_t i = 0; i < arms.size(); ++i) {
    TakeFrom(free, weights[i].parts - SizeOf(arms[i].ranges), arms[i].ranges);
  }
  return arms;
}

std::vector<BucketRange> FirstBuckets(const std::vector<BucketRange>& ranges, std::uint32_t parts) {
  auto left = static_cast<std::uint32_t>(std::uint64_t{SizeOf(ranges)} * parts / kWhole);
  std::vector<BucketRange> first;
  for (const BucketRange& range : ranges) {
    const std::uint32_t take = std::min(left, range.size());
    if (take == 0) break;
    first.push_back({range.begin, range.begin + take});
    left -= take;
  }
  return first;
}

std::optional<std::vector<BucketRange>> TakeSlots(const std::vector<BucketRange>& taken, std::uint32_t parts) {
  std::vector<BucketRange> free = FreeBuckets(taken);
  if (SizeOf(free) < parts) return std::nullopt;
  std::vector<BucketRange> slots;
  TakeFrom(free, parts, slots);
  return slots;
}

std::uint32_t MovedBuckets(const std::vector<ArmRanges>& before, const std::vector<ArmRanges>& after) {
  std::vector<std::string> names;
  const std::vector<std::uint32_t> old_owners = OwnersOf(before, names);
  const std::vector<std::uint32_t> new_owners = OwnersOf(after, names);
  std::uint32_t moved = 0;
  for (std::uint32_t bucket = 0; bucket < kWhole; ++bucket) moved += old_owners[bucket] != new_owners[bucket] ? 1 : 0;
  return moved;
}

}  // namespace guidon
