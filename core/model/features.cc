#include "core/model/features.h"

namespace guidon {
namespace {

constexpr Feature kFeatures[] = {
    // Operators of conditions, by their authored words (condition.h).
    {"operator in", "0.1.0"},
    {"operator not_in", "0.1.0"},
    {"operator starts_with", "0.1.0"},
    {"operator ends_with", "0.1.0"},
    {"operator contains", "0.1.0"},
    {"operator matches", "0.1.0"},
    {"operator lt", "0.1.0"},
    {"operator lte", "0.1.0"},
    {"operator gt", "0.1.0"},
    {"operator gte", "0.1.0"},
    {"operator before", "0.1.0"},
    {"operator after", "0.1.0"},
    {"operator semver_eq", "0.1.0"},
    {"operator semver_lt", "0.1.0"},
    {"operator semver_lte", "0.1.0"},
    {"operator semver_gt", "0.1.0"},
    {"operator semver_gte", "0.1.0"},
    {"operator exists", "0.1.0"},
    {"operator in_cidr", "0.1.0"},
    // What else a condition may hold.
    {"condition all", "0.1.0"},
    {"condition any", "0.1.0"},
    {"condition not", "0.1.0"},
    {"condition segment", "0.1.0"},
    {"condition flag", "0.1.0"},
    {"condition now", "0.1.0"},
    {"ignore_case", "0.1.0"},
    // Flags.
    {"requires", "0.1.0"},
    {"targets", "0.1.0"},
    {"split", "0.1.0"},
    {"rollout", "0.1.0"},
    {"by", "0.1.0"},
    // Experiments, and what is around them.
    {"experiment", "0.1.0"},
    {"audience", "0.1.0"},
    {"layer", "0.1.0"},
    {"holdout", "0.1.0"},
    {"forced variants", "0.1.0"},
};

}  // namespace

std::span<const Feature> Features() {
  return kFeatures;
}

}  // namespace guidon
