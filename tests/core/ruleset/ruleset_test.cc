#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <iostream>

#include "core/codec/wire.h"
#include "core/eval/evaluator.h"
#include "core/ruleset/ruleset.h"
#include "tests/support/core_door.h"
#include "tests/support/random_environment.h"
#include "tests/support/workspace.h"

namespace guidon {
namespace {

using ::testing::ElementsAre;

EntityRecord FlagOf(const std::string& text) {
  return Workspace({text}).entities.flags[0];
}

Snapshot ThreeFlags() {
  return Workspace({BooleanFlag("a", R"("default": "on")"), BooleanFlag("b", R"("default": "on")"),
                    BooleanFlag("c", R"("requires": [{"flag": "a", "is": "on"}], "default": "on")")});
}

std::string Serves(const Ruleset& ruleset, std::uint32_t slot) {
  const Decision decision = Evaluate(ruleset, slot, Context("user-1"), 0);
  return std::string(decision.error == EvaluationError::kNone ? decision.variation_name() : ToString(decision.error));
}

TEST(RulesetTest, AnEmptyEnvironmentHasNoFlags) {
  const auto ruleset = Compile(Snapshot{});
  EXPECT_EQ(ruleset->flag_count(), 0u);
  EXPECT_EQ(ruleset->Find("a"), Ruleset::kNoSlot);
  EXPECT_EQ(ruleset->At(Ruleset::kNoSlot), nullptr);
  EXPECT_EQ(ruleset->At(0), nullptr);
  EXPECT_EQ(Serves(*ruleset, Ruleset::kNoSlot), "FLAG_NOT_FOUND");
}

TEST(RulesetTest, FlagsAreFoundByKeyAndListedInOrder) {
  const auto ruleset = Compile(ThreeFlags());
  EXPECT_EQ(ruleset->flag_count(), 3u);
  EXPECT_EQ(ruleset->revision(), 1u);
  EXPECT_THAT(ruleset->FlagKeys(), ElementsAre("a", "b", "c"));
  for (const char* key : {"a", "b", "c"}) EXPECT_EQ(ruleset->At(ruleset->Find(key))->flag->key, key);
  EXPECT_EQ(ruleset->Find(""), Ruleset::kNoSlot);
  EXPECT_EQ(ruleset->Find("A"), Ruleset::kNoSlot);
}

TEST(RulesetTest, ThousandsOfFlagsAreAllFound) {
  std::vector<std::string> flags;
  for (int i = 0; i < 2'000; ++i) flags.push_back(BooleanFlag("flag-" + std::to_string(i), R"("default": "on")"));
  const auto ruleset = Compile(Workspace(flags));
  for (int i = 0; i < 2'000; ++i) {
    const std::uint32_t slot = ruleset->Find("flag-" + std::to_string(i));
    ASSERT_NE(slot, Ruleset::kNoSlot) << i;
    ASSERT_EQ(ruleset->At(slot)->flag->key, "flag-" + std::to_string(i));
  }
}

TEST(RulesetTest, ALaterRevisionOfTheSameSharesEverything) {
  const auto ruleset = Compile(ThreeFlags());
  const auto later = ruleset->AtRevision(17);
  EXPECT_EQ(later->revision(), 17u);
  EXPECT_EQ(ruleset->revision(), 1u);
  for (const char* key : {"a", "b", "c"}) {
    ASSERT_EQ(later->Find(key), ruleset->Find(key));
    EXPECT_EQ(later->At(later->Find(key))->flag, ruleset->At(ruleset->Find(key))->flag) << "the same object";
  }
}

TEST(RulesetTest, AChangeOfOneFlagSharesTheOthersAndLeavesTheOldRulesetAsItWas) {
  const auto before = Compile(ThreeFlags());
  const auto after = before->With({{FlagOf(BooleanFlag("a", R"("default": "off")"))}, {}}, {}, 2);
  EXPECT_EQ(after->revision(), 2u);
  EXPECT_NE(after->At(after->Find("a"))->flag, before->At(before->Find("a"))->flag);
  EXPECT_EQ(after->At(after->Find("b"))->flag, before->At(before->Find("b"))->flag);
  EXPECT_EQ(after->At(after->Find("c"))->flag, before->At(before->Find("c"))->flag);
  EXPECT_EQ(Serves(*before, before->Find("c")), "on");
  EXPECT_EQ(Serves(*after, after->Find("c")), "off") << "c requires a, which is off now";
}

TEST(RulesetTest, AChangeThatClosesACircleBreaksItAndTheNextOneMendsIt) {
  const auto sound = Compile(ThreeFlags());
  const auto circle = sound->With(
      {{FlagOf(BooleanFlag("a", R"("requires": [{"flag": "c", "is": "on"}], "default": "on")"))}, {}}, {}, 2);
  EXPECT_EQ(circle->broken().size(), 2u);
  EXPECT_EQ(Serves(*circle, circle->Find("a")), "PARSE_ERROR");
  EXPECT_EQ(Serves(*circle, circle->Find("b")), "on");
  EXPECT_EQ(Serves(*circle, circle->Find("c")), "PARSE_ERROR");
  const auto mended = circle->With({{FlagOf(BooleanFlag("a", R"("default": "on")"))}, {}}, {}, 3);
  EXPECT_TRUE(mended->broken().empty());
  for (const char* key : {"a", "b", "c"}) EXPECT_EQ(Serves(*mended, mended->Find(key)), "on");
  const auto gone = mended->With({{}, {{EntityKind::kFlag, "a"}}}, {}, 4);
  EXPECT_TRUE(gone->broken().empty()) << "a prerequisite that is missing is not met, and no fault";
  EXPECT_EQ(Serves(*gone, gone->Find("c")), "off");
}

TEST(RulesetTest, AFlagKeepsItsSlotWhileItIsChangedRemovedAndAddedAgain) {
  const auto first = Compile(ThreeFlags());
  const std::uint32_t slot = first->Find("b");
  const auto without = first->With({{}, {{EntityKind::kFlag, "b"}}}, {}, 2);
  EXPECT_EQ(without->Find("b"), Ruleset::kNoSlot);
  EXPECT_EQ(without->At(slot), nullptr);
  EXPECT_EQ(Serves(*without, slot), "FLAG_NOT_FOUND") << "a handle that was taken before";
  const auto others = without->With(
      {{FlagOf(BooleanFlag("d", R"("default": "on")")), FlagOf(BooleanFlag("e", R"("default": "on")"))}, {}}, {}, 3);
  EXPECT_NE(others->Find("d"), slot);
  EXPECT_NE(others->Find("e"), slot);
  const auto again = others->With({{FlagOf(BooleanFlag("b", R"("default": "off")"))}, {}}, {}, 4);
  EXPECT_EQ(again->Find("b"), slot);
  EXPECT_EQ(Serves(*again, slot), "off");
}

TEST(RulesetTest, AHandleTakenBeforeTheFlagExistsMeetsItLater) {
  const auto lineage = std::make_shared<Lineage>();
  const std::uint32_t slot = lineage->flags.SlotOf("later");
  const auto first = Compile(ThreeFlags(), {lineage, {}});
  EXPECT_EQ(Serves(*first, slot), "FLAG_NOT_FOUND");
  const auto second = first->With({{FlagOf(BooleanFlag("later", R"("default": "on")"))}, {}}, {}, 2);
  EXPECT_EQ(second->Find("later"), slot);
  EXPECT_EQ(Serves(*second, slot), "on");
  EXPECT_EQ(Compile(ThreeFlags(), {lineage, {}})->Find("b"), first->Find("b"))
      << "a fresh snapshot of the same lineage";
}

TEST(RulesetTest, RemovingAndAddingInOneChangeIsAReplacement) {
  const auto before = Compile(ThreeFlags());
  const auto after = before->With(
      {{FlagOf(BooleanFlag("a", R"("default": "off")"))}, {{EntityKind::kFlag, "a"}, {EntityKind::kFlag, "gone"}}}, {},
      2);
  EXPECT_EQ(Serves(*after, after->Find("a")), "off");
}

// --- many small changes are as one large
// -------------------------------------------------------------------------------

constexpr std::uint64_t kSeed = 20270401;

int Scaled(int count) {
  const char* scale = std::getenv("GUIDON_PROPERTY_SCALE");
  return scale == nullptr ? count : std::max(1, static_cast<int>(count * std::atof(scale)));
}

// An environment that is changed, and the same as a whole.
struct Walk {
  EntitySet entities;
  std::vector<Undecodable> undecodable;
  std::shared_ptr<const Ruleset> ruleset = Compile(Snapshot{});

  void Step(RandomModel& model, const std::vector<EntityRecord>& pool, Revision revision) {
    ChangeSet changes;
    std::vector<Undecodable> unreadable;
    std::vector<EntityRef> touched;
    for (std::uint64_t i = 1 + model.Below(3); i > 0; --i) {
      const EntityRecord& record = model.Pick(pool);
      const EntityRef ref = RefOf(record);
      if (std::find(touched.begin(), touched.end(), ref) != touched.end()) continue;
      touched.push_back(ref);
      entities.Remove(ref);
      std::erase_if(undecodable, [&](const Undecodable& u) { return u.ref == ref; });
      if (model.OneIn(6)) {
        changes.removals.push_back(ref);
      } else if (model.OneIn(10)) {
        const auto* experiment = std::get_if<ExperimentRecord>(&record);
        unreadable.push_back({ref, "unknown word", experiment != nullptr ? experiment->definition.flag : ""});
        undecodable.push_back(unreadable.back());
      } else {
        changes.upserts.push_back(record);
        entities.Append(record);
      }
    }
    ruleset = ruleset->With(changes, unreadable, revision);
  }
};

TEST(RulesetPropertyTest, ManySmallChangesAnswerLikeTheWholeCompiledAtOnce) {
  const int walks = Scaled(40);
  std::cout << "seeds from " << kSeed << ", " << walks << " walks\n";
  int broken = 0;
  for (int i = 0; i < walks; ++i) {
    const std::uint64_t seed = kSeed + static_cast<std::uint64_t>(i);
    std::mt19937_64 random(seed);
    RandomModel model(random);
    std::vector<std::unique_ptr<RandomEnvironment>> sources;
    std::vector<EntityRecord> pool;
    for (std::uint64_t j = 0; j < 4; ++j) {
      sources.push_back(std::make_unique<RandomEnvironment>(seed * 100 + j));
      const EntitySet& all = sources.back()->snapshot().entities;
      for (const EntityRef& ref : all.Refs()) pool.push_back(*all.Find(ref));
    }
    Walk walk;
    for (Revision revision = 1; revision <= 30; ++revision) {
      walk.Step(model, pool, revision);
      Snapshot snapshot;
      snapshot.revision = revision;
      snapshot.entities = walk.entities;
      const auto whole = Compile(snapshot, {nullptr, walk.undecodable});
      ASSERT_EQ(walk.ruleset->revision(), whole->revision());
      ASSERT_EQ(walk.ruleset->FlagKeys(), whole->FlagKeys()) << "seed " << seed << ", revision " << revision;
      ASSERT_EQ(walk.ruleset->broken().size(), whole->broken().size()) << "seed " << seed << ", revision " << revision;
      for (std::size_t k = 0; k < whole->broken().size(); ++k) {
        ASSERT_EQ(walk.ruleset->broken()[k].key, whole->broken()[k].key)
            << "seed " << seed << ", revision " << revision;
        ASSERT_EQ(walk.ruleset->broken()[k].reason, whole->broken()[k].reason)
            << "seed " << seed << ", revision " << revision;
        ++broken;
      }
      for (int k = 0; k < 10; ++k) {
        const Question question = model.Pick(sources)->Ask();
        const Context context = Context::FromValue(question.context);
        ExperimentSink one, other;
        ASSERT_EQ(AskWith(*walk.ruleset, question, context, one), AskWith(*whole, question, context, other))
            << "seed " << seed << ", revision " << revision << ", flag " << question.flag;
      }
    }
  }
  EXPECT_GT(broken, walks) << "some of it was broken";
}

}  // namespace
}  // namespace guidon
