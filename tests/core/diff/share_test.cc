// The exact share of a change, held against asking the evaluator about a unit in every bucket, before and after.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <random>

#include "core/allocate/allocate.h"
#include "core/base/hash.h"
#include "core/diff/diff.h"
#include "core/eval/evaluator.h"

namespace guidon {
namespace {

constexpr const char* kFlag = "checkout";

std::uint32_t BucketOf(std::string_view salt, std::string_view unit) {
  const std::string text = std::string(salt) + ":" + std::string(unit);
  return static_cast<std::uint32_t>((std::uint64_t{Murmur3(text)} * kWhole) >> 32);
}

// A unit for each bucket of the salt: all that can happen at a split.
const std::vector<Context>& UnitOfEveryBucket() {
  static const std::vector<Context> kUnits = [] {
    std::vector<Context> units(kWhole);
    std::vector<bool> found(kWhole, false);
    std::uint32_t missing = kWhole;
    for (std::uint64_t i = 0; missing > 0; ++i) {
      const std::string unit = std::to_string(i);
      const std::uint32_t bucket = BucketOf(kFlag, unit);
      if (found[bucket]) continue;
      found[bucket] = true;
      --missing;
      units[bucket].SetKey(unit);
      units[bucket].Set("account_id", unit);
    }
    return units;
  }();
  return kUnits;
}

// The variation that the unit of each bucket is served.
std::vector<std::string> ServedToEach(const Definitions& definitions) {
  const auto ruleset = Compile(SnapshotOf(definitions, "production", 1));
  const std::uint32_t slot = ruleset->Find(kFlag);
  std::vector<std::string> served;
  served.reserve(kWhole);
  for (const Context& unit : UnitOfEveryBucket()) {
    served.emplace_back(Evaluate(*ruleset, slot, unit, 0).variation_name());
  }
  return served;
}

// One split that decides alone: at the default, or in a rule for everyone before a default that nothing else serves.
class Edits {
 public:
  explicit Edits(std::uint64_t seed) : random_(seed) {}

  FlagRecord NewFlag() {
    FlagRecord record;
    record.definition.key = kFlag;
    record.definition.type = FlagType::kString;
    for (const char* name : {"a", "b", "c", "d", "rest"}) record.definition.variations.push_back({name, Value(name)});
    Targeting targeting;
    targeting.environment = "production";
    targeting.enabled = true;
    by_ = Any(2) == 0 ? "" : "account_id";
    in_rule_ = Any(2) == 0;
    if (in_rule_) {
      targeting.rules.push_back({"ramp", std::nullopt, RandomServe(), RandomRollout(), by_});
      targeting.default_serve = DefaultServe{FixedServe{"rest"}, ""};
    } else {
      targeting.default_serve = DefaultServe{RandomServe(), by_};
    }
    record.definition.environments = {targeting};
    return record;
  }

  void Edit(FlagDefinition& flag) {
    Targeting& targeting = flag.environments[0];
    if (!in_rule_) {
      targeting.default_serve->serve = RandomServe();
      return;
    }
    Rule& rule = targeting.rules[0];
    if (Any(2) == 0) rule.serve = RandomServe();
    if (Any(2) == 0) rule.rollout = RandomRollout();
  }

 private:
  std::uint32_t Any(std::uint32_t below) { return static_cast<std::uint32_t>(random_() % below); }

  std::optional<std::uint32_t> RandomRollout() {
    if (Any(4) == 0) return std::nullopt;
    return Any(8) == 0 ? kWhole : 1 + Any(kWhole);
  }

  Serve RandomServe() {
    std::vector<std::string> names = {"a", "b", "c", "d"};
    std::shuffle(names.begin(), names.end(), random_);
    if (Any(5) == 0) return FixedServe{names[0]};
    names.resize(1 + Any(4));
    std::vector<std::uint32_t> cuts = {0, kWhole};
    for (std::size_t i = 1; i < names.size(); ++i) cuts.push_back(Any(kWhole + 1));
    std::sort(cuts.begin(), cuts.end());
    SplitServe serve;
    for (std::size_t i = 0; i < names.size(); ++i) serve.weights.push_back({names[i], cuts[i + 1] - cuts[i]});
    return serve;
  }

  std::mt19937_64 random_;
  std::string by_;
  bool in_rule_ = false;
};

TEST(ShareTest, IsWhatEvaluatingEveryBucketFinds) {
  const char* given = std::getenv("GUIDON_SEED");
  const std::uint64_t seed = given != nullptr ? std::strtoull(given, nullptr, 10) : 20261124;
  const char* scale = std::getenv("GUIDON_PROPERTY_SCALE");
  const double longer = std::getenv("GUIDON_TEST_ALL") != nullptr ? 20 : 1;
  const int histories = std::max(1, static_cast<int>(10 * longer * (scale != nullptr ? std::atof(scale) : 1.0)));
  std::printf("GUIDON_SEED=%llu, %d histories\n", static_cast<unsigned long long>(seed), histories);
  Edits edits(seed);
  int shares = 0, moving = 0;
  for (int history = 0; history < histories; ++history) {
    Definitions held;
    held.project = {"shop", "", {{"production", true, ""}}};
    held.entities.flags = {edits.NewFlag()};
    ASSERT_TRUE(AllocateStates(nullptr, held).empty());
    std::vector<std::string> before = ServedToEach(held);
    for (int step = 0; step < 3; ++step) {
      SCOPED_TRACE("GUIDON_SEED=" + std::to_string(seed) + " history " + std::to_string(history) + " step " +
                   std::to_string(step));
      Definitions next = held;
      edits.Edit(next.entities.flags[0].definition);
      ASSERT_TRUE(AllocateStates(&held, next).empty());
      std::vector<std::string> after = ServedToEach(next);
      std::uint32_t counted = 0;
      for (std::uint32_t bucket = 0; bucket < kWhole; ++bucket) counted += before[bucket] != after[bucket] ? 1 : 0;
      std::uint32_t told = 0;
      for (const EntityChange& change : DescribeChanges(held.entities, next.entities)) {
        for (const Move& move : change.moves) {
          ASSERT_TRUE(move.share_parts) << change.summary.at(0);
          told += *move.share_parts;
          ++shares;
        }
      }
      EXPECT_EQ(told, counted);
      moving += counted > 0 ? 1 : 0;
      held = std::move(next);
      before = std::move(after);
    }
  }
  EXPECT_GE(shares, histories) << "too few edits had an exact share to be held";
  EXPECT_GE(moving, histories);
}

}  // namespace
}  // namespace guidon
