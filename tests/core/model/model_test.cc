#include <gtest/gtest.h>

#include <set>

#include "core/model/definitions.h"
#include "core/model/names.h"

namespace guidon {
namespace {

TEST(NamesTest, KeysAreOf128LettersDigitsDotsUnderlinesAndHyphens) {
  for (const std::string& key : {std::string("a"), std::string("7"), std::string("checkout.layout"),
                                 std::string("multi_step"), std::string("Eu-Web.2"), std::string(128, 'k')}) {
    EXPECT_TRUE(IsKey(key)) << key;
  }
  for (const std::string& key :
       {std::string(""), std::string(".a"), std::string("-a"), std::string("_a"), std::string("a b"),
        std::string("a/b"), std::string("ä"), std::string("a\n"), std::string("a\0", 2), std::string(129, 'k')}) {
    EXPECT_FALSE(IsKey(key)) << key;
  }
}

TEST(NamesTest, AttributesAreOfAnyTextWithoutControlCharacters) {
  EXPECT_TRUE(IsAttributeName("app.version"));
  EXPECT_TRUE(IsAttributeName("Größe in cm"));
  EXPECT_TRUE(IsAttributeName(std::string(128, 'x')));
  EXPECT_FALSE(IsAttributeName(""));
  EXPECT_FALSE(IsAttributeName(std::string(129, 'x')));
  EXPECT_FALSE(IsAttributeName("a\tb"));
  EXPECT_FALSE(IsAttributeName("a\x7f"));
}

TEST(WordsTest, EveryOperatorAndKindIsFoundByItsWord) {
  std::set<std::string_view> words;
  for (int i = 0; i < kOperatorCount; ++i) {
    const auto op = static_cast<Operator>(i);
    words.insert(ToString(op));
    EXPECT_EQ(OperatorFromString(ToString(op)), op);
  }
  EXPECT_EQ(words.size(), static_cast<std::size_t>(kOperatorCount));
  EXPECT_EQ(OperatorFromString("equals"), std::nullopt);
  for (EntityKind kind : kEntityKinds) EXPECT_EQ(EntityKindFromString(ToString(kind)), kind);
  EXPECT_EQ(EntityKindFromString("flags"), std::nullopt);
}

// --- entity sets ---------------------------------------------------------------------------------------------------

SegmentRecord SegmentOf(std::string key, std::string owner = "") {
  SegmentRecord record;
  record.definition.key = std::move(key);
  record.definition.owner = std::move(owner);
  return record;
}

template <typename RecordType>
RecordType RecordOf(std::string_view key) {
  RecordType record;
  record.definition.key = key;
  return record;
}

TEST(EntitySetTest, UpsertReplacesInPlaceOrAppends) {
  EntitySet set;
  set.Upsert(SegmentOf("a"));
  set.Upsert(SegmentOf("b"));
  set.Upsert(SegmentOf("a", "web"));
  ASSERT_EQ(set.segments.size(), 2u);
  EXPECT_EQ(set.segments[0].definition.owner, "web");
  EXPECT_EQ(set.segments[1].definition.key, "b");
}

TEST(EntitySetTest, KindsDoNotMix) {
  EntitySet set;
  set.Upsert(RecordOf<FlagRecord>("x"));
  set.Upsert(RecordOf<SegmentRecord>("x"));
  set.Upsert(RecordOf<LayerRecord>("x"));
  set.Upsert(RecordOf<HoldoutRecord>("x"));
  set.Upsert(RecordOf<ExperimentRecord>("x"));
  set.Upsert(RecordOf<MetricRecord>("x"));
  ASSERT_EQ(set.Refs().size(), 6u);
  for (EntityKind kind : kEntityKinds) {
    const std::optional<EntityRecord> found = set.Find({kind, "x"});
    ASSERT_TRUE(found);
    EXPECT_EQ(RefOf(*found), (EntityRef{kind, "x"}));
    EXPECT_FALSE(set.Find({kind, "y"}));
  }
  EXPECT_TRUE(set.Remove({EntityKind::kLayer, "x"}));
  EXPECT_FALSE(set.Remove({EntityKind::kLayer, "x"}));
  EXPECT_EQ(set.FindLayer("x"), nullptr);
  EXPECT_NE(set.FindHoldout("x"), nullptr);
}

TEST(EntitySetTest, AChangeOfFieldsIsAnotherEntity) {
  EXPECT_EQ(SegmentOf("a"), SegmentOf("a"));
  EXPECT_NE(SegmentOf("a"), SegmentOf("a", "web"));
  EXPECT_EQ((EntityRef{EntityKind::kFlag, "checkout.layout"}).ToText(), "flag checkout.layout");
}

// --- what an environment sees --------------------------------------------------------------------------------------

TEST(SnapshotOfTest, CarriesOneEnvironmentOnly) {
  FlagRecord flag = RecordOf<FlagRecord>("search");
  for (const char* environment : {"staging", "production"}) {
    Targeting& targeting = flag.definition.environments.emplace_back();
    targeting.environment = environment;
    flag.state.environments.push_back({environment, {}});
  }
  FlagRecord archived = RecordOf<FlagRecord>("old");
  archived.definition.archived = true;
  ExperimentRecord here = RecordOf<ExperimentRecord>("here"), elsewhere = here;
  here.definition.environment = "production";
  elsewhere.definition.key = "elsewhere";
  elsewhere.definition.environment = "staging";
  HoldoutRecord ended = RecordOf<HoldoutRecord>("ended");
  ended.definition.archived = true;

  Definitions definitions;
  definitions.project.key = "shop";
  for (const EntityRecord& record : std::vector<EntityRecord>{flag, archived, SegmentOf("eu"), ended, here, elsewhere,
                                                              RecordOf<MetricRecord>("m")}) {
    definitions.entities.Append(record);
  }
  const Snapshot snapshot = SnapshotOf(definitions, "production", 7);
  EXPECT_EQ(snapshot.project, "shop");
  EXPECT_EQ(snapshot.environment, "production");
  EXPECT_EQ(snapshot.revision, 7u);
  EXPECT_EQ(snapshot.entities.Refs(), (std::vector<EntityRef>{{EntityKind::kFlag, "search"},
                                                              {EntityKind::kSegment, "eu"},
                                                              {EntityKind::kHoldout, "ended"},
                                                              {EntityKind::kExperiment, "here"}}));
  const FlagRecord& part = snapshot.entities.flags.at(0);
  ASSERT_EQ(part.definition.environments.size(), 1u);
  EXPECT_NE(part.definition.FindEnvironment("production"), nullptr);
  EXPECT_EQ(part.definition.FindEnvironment("staging"), nullptr);
  ASSERT_EQ(part.state.environments.size(), 1u);
  EXPECT_NE(part.state.FindEnvironment("production"), nullptr);
}

}  // namespace
}  // namespace guidon
