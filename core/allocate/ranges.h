// Which buckets belong to which arm, kept so that nobody moves without need (docs/spec/bucketing.md, "Kept ranges").
//
// An arm's ranges are an ordered list. Its order is its history: a shrinking arm gives up from the end, a growing one
// appends, so that weights that go up and down again give the same units back. All is integer arithmetic on buckets
// 0 … 99 999.
//
// Thread safety: pure functions.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/model/flag.h"

namespace guidon {

// The number of buckets in a list.
std::uint32_t SizeOf(const std::vector<BucketRange>& ranges);

// From bucket 0 on, in the order of the weights. An arm of weight 0 has an empty list.
std::vector<ArmRanges> AllocateFirst(const std::vector<Weight>& weights);

// The ranges for new weights with the least possible number of buckets moved: Σ max(0, old − new). Arms of `held` that
// have no weight any more give up everything. Freed and unowned buckets go to growing arms in the order of `weights`,
// lowest bucket first. Weights sum to at most kWhole.
std::vector<ArmRanges> Reallocate(const std::vector<ArmRanges>& held, const std::vector<Weight>& weights);

// The first floor(parts × size / kWhole) buckets of a list: a rollout, or a ramp.
std::vector<BucketRange> FirstBuckets(const std::vector<BucketRange>& ranges, std::uint32_t parts);

// `parts` buckets that none of `taken` holds, lowest first; nullopt when there are not enough.
std::optional<std::vector<BucketRange>> TakeSlots(const std::vector<BucketRange>& taken, std::uint32_t parts);

// How many buckets have another owner in `after` than in `before`, unowned counted as an owner of its own.
std::uint32_t MovedBuckets(const std::vector<ArmRanges>& before, const std::vector<ArmRanges>& after);

}  // namespace guidon
