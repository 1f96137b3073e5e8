// Applying a workspace: a three-way merge against what was last applied.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/server/catalog/catalog_fixture.h"

namespace guidon {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

constexpr std::string_view kShop = R"({"project":"shop","environments":{"production":{}}})";

std::string FlagOf(const std::string& served, const std::string& more = "") {
  return R"({"type":"boolean","owner":"payments")" + more +
         R"(,"environments":{"production":{"enabled":true,"default":")" + served + R"("}}})";
}

class ApplyTest : public ::testing::TestWithParam<const char*> {
 protected:
  CatalogHarness on{GetParam()};

  WorkspacePlan Must(Result<WorkspacePlan> plan) {
    if (!plan) {
      ADD_FAILURE() << plan.error().message;
      return {};
    }
    return *std::move(plan);
  }
  // "create flag a, update flag b"
  static std::string Show(const WorkspacePlan& plan) {
    std::string text;
    for (const PlannedChange& change : plan.changes) {
      text += (text.empty() ? "" : ", ") + change.action + " " + change.kind + " " + change.key;
    }
    return text;
  }
};
INSTANTIATE_TEST_SUITE_P(Stores, ApplyTest, ::testing::Values("memory", "rocksdb"),
                         [](const auto& store) { return std::string(store.param); });

TEST_P(ApplyTest, CreatesTheProjectAndEverythingInOneRevision) {
  const WorkspacePlan plan = Must(on.Apply(kShop, {{Flag("b"), FlagOf("on")}, {Flag("a"), FlagOf("off")}}));
  EXPECT_EQ(plan.revision, 1u);
  EXPECT_EQ(Show(plan), "create project shop, create flag a, create flag b");
  EXPECT_EQ(on.Served("a") + on.Served("b"), "offon");
  const WorkspacePlan again = Must(on.Apply(kShop, {{Flag("b"), FlagOf("on")}, {Flag("a"), FlagOf("off")}}));
  EXPECT_EQ(again.revision, 1u);
  EXPECT_EQ(Show(again), "");
  EXPECT_EQ(on.head(), 1u);
}

TEST_P(ApplyTest, ADryRunSaysTheSameAndWritesNothing) {
  const WorkspacePlan plan = Must(on.Apply(kShop, {{Flag("a"), FlagOf("on")}}, false, true));
  EXPECT_FALSE(plan.revision);
  EXPECT_EQ(Show(plan), "create project shop, create flag a");
  EXPECT_EQ(on.head(), 0u);
  EXPECT_EQ(on.catalog().View()->FindProject("shop"), nullptr);
}

TEST_P(ApplyTest, WhatWasChangedElsewhereAndNotInTheFilesStays) {
  Must(on.Apply(kShop, {{Flag("a"), FlagOf("on")}}));
  on.MustCommit({PatchOf(Flag("a"), R"({"environments":{"production":{"default":"off"}}})")});
  const WorkspacePlan plan = Must(on.Apply(kShop, {{Flag("a"), FlagOf("on", R"(,"tags":["new"])")}}));
  EXPECT_TRUE(plan.conflicts.empty());
  EXPECT_EQ(on.Served("a"), "off");
  EXPECT_THAT(on.DefinitionOf(Flag("a")), HasSubstr(R"("tags":["new"])"));
}

TEST_P(ApplyTest, WhatChangedOnBothSidesIsShownAndNothingIsWritten) {
  Must(on.Apply(kShop, {{Flag("a"), FlagOf("on")}, {Flag("b"), FlagOf("on")}}));
  on.MustCommit({PatchOf(Flag("a"), R"({"owner":"search"})")});
  const std::string before = on.Everything();
  const WorkspacePlan plan =
      Must(on.Apply(kShop, {{Flag("a"), R"({"type":"boolean","owner":"growth"})"}, {Flag("b"), FlagOf("off")}}));
  ASSERT_EQ(plan.conflicts.size(), 1u);
  EXPECT_FALSE(plan.revision);
  EXPECT_EQ(plan.conflicts[0].kind + " " + plan.conflicts[0].key, "flag a");
  EXPECT_EQ(plan.conflicts[0].path, "owner");
  EXPECT_EQ(plan.conflicts[0].base, Value("payments"));
  EXPECT_EQ(plan.conflicts[0].theirs, Value("search"));
  EXPECT_EQ(plan.conflicts[0].ours, Value("growth"));
  EXPECT_EQ(on.Everything(), before);
  // With the server's value in the file there is none.
  EXPECT_TRUE(Must(on.Apply(kShop, {{Flag("a"), R"({"type":"boolean","owner":"search"})"}})).conflicts.empty());
}

TEST_P(ApplyTest, AnotherOrderOfVariantsOrVariationsIsAChange) {
  const auto experiment = [](const std::string& first, const std::string& second) {
    return R"({"flag":"a","environment":"production","unit":"user_id","variants":{")" + first + R"(":{"serves":")" +
           first + R"(","weight":"50%"},")" + second + R"(":{"serves":")" + second + R"(","weight":"50%"}}})";
  };
  const auto flag = [](const std::string& variations) {
    return R"({"type":"string","owner":"payments","variations":{)" + variations +
           R"(},"environments":{"production":{"enabled":true,"default":"red"}}})";
  };
  const EntityRef trial{EntityKind::kExperiment, "trial"};
  Must(on.Apply(
      kShop,
      {{Flag("a"), FlagOf("on")}, {trial, experiment("off", "on")}, {Flag("b"), flag(R"("red":"r","blue":"b")")}}));
  const WorkspacePlan plan = Must(on.Apply(
      kShop,
      {{Flag("a"), FlagOf("on")}, {trial, experiment("on", "off")}, {Flag("b"), flag(R"("blue":"b","red":"r")")}}));
  EXPECT_EQ(Show(plan), "update flag b, update experiment trial");
  EXPECT_THAT(on.DefinitionOf(trial), ::testing::ContainsRegex(R"("variants":\{"on".*"off")"));
  EXPECT_THAT(on.DefinitionOf(Flag("b")), HasSubstr(R"("variations":{"blue":"b","red":"r"})"));
  // The new order is what the next one is merged against.
  on.MustCommit({PatchOf(Flag("b"), R"({"description":"colours"})")});
  EXPECT_EQ(Show(Must(on.Apply(kShop, {{Flag("a"), FlagOf("on")},
                                       {trial, experiment("on", "off")},
                                       {Flag("b"), flag(R"("blue":"b","red":"r")")}}))),
            "");
}

TEST_P(ApplyTest, AbsenceRemovesNothingUnlessPrunedAndPruningArchives) {
  const std::pair<EntityRef, std::string> a{Flag("a"), FlagOf("on")}, b{Flag("b"), FlagOf("on")};
  const std::pair<EntityRef, std::string> eu{Segment_("eu"), R"({"include":["user-1"]})"};
  Must(on.Apply(kShop, {a, b, eu}));
  on.MustCommit({PutOf(Flag("mine"), FlagOf("on"))});
  EXPECT_EQ(Show(Must(on.Apply(kShop, {a}))), "");
  EXPECT_EQ(on.Served("b"), "on");
  EXPECT_EQ(Show(Must(on.Apply(kShop, {a}, true))), "archive flag b, remove segment eu");
  EXPECT_EQ(on.Served("b"), "FLAG_NOT_FOUND");
  EXPECT_THAT(on.DefinitionOf(Flag("b")), HasSubstr(R"("archived":true)"));
  EXPECT_EQ(on.Served("mine"), "on");  // never applied, so not the workspace's to prune
  // What comes back to the files comes back.
  EXPECT_EQ(Show(Must(on.Apply(kShop, {a, eu}))), "create segment eu");
}

TEST_P(ApplyTest, PruningWhatIsReferredToIsAConflict) {
  const std::pair<EntityRef, std::string> base{Flag("base"), FlagOf("on")};
  Must(on.Apply(kShop, {base}));
  on.MustCommit({PutOf(Flag("user"), R"({"type":"boolean","environments":{"production":{"enabled":true,
      "requires":[{"flag":"base","is":"on"}],"default":"on"}}})")});
  const Result<WorkspacePlan> plan = on.Apply(kShop, {}, true);
  ASSERT_FALSE(plan);
  EXPECT_EQ(plan.error().code, ErrorCode::kConflict);
  EXPECT_THAT(plan.error().message, HasSubstr("flag base is still referred to by flag user"));
  EXPECT_EQ(on.Served("base"), "on");
}

TEST_P(ApplyTest, WhatWasRemovedElsewhereStaysRemovedAndIsSaid) {
  Must(on.Apply(kShop, {{Flag("a"), FlagOf("on")}}));
  on.MustCommit({DeleteOf(Flag("a"))});
  const WorkspacePlan plan = Must(on.Apply(kShop, {{Flag("a"), FlagOf("on")}}));
  EXPECT_EQ(Show(plan), "");
  ASSERT_FALSE(plan.warnings.empty());
  EXPECT_EQ(plan.warnings[0].code, "removed_elsewhere");
  EXPECT_EQ(plan.warnings[0].entity, "flag a");
  // Out of the files and back: then it is a new one.
  Must(on.Apply(kShop, {}));
  EXPECT_EQ(Show(Must(on.Apply(kShop, {{Flag("a"), FlagOf("on")}}))), "create flag a");
}

TEST_P(ApplyTest, ALaterProjectOfTheSameNameKnowsNothingOfTheFirst) {
  Must(on.Apply(kShop, {{Flag("a"), FlagOf("on")}}));
  on.MustCommit({DeleteOf(Flag("a"))});
  on.Must(on.catalog().DeleteProject("shop", {}, on.author, std::nullopt));
  EXPECT_EQ(Show(Must(on.Apply(kShop, {{Flag("a"), FlagOf("on")}}))), "create project shop, create flag a");
  EXPECT_EQ(on.Served("a"), "on");
}

TEST_P(ApplyTest, TheProjectIsMergedToo) {
  Must(on.Apply(R"({"project":"shop","description":"A shop","environments":{"production":{"protected":true}}})", {}));
  on.MakeShop(R"({"project":"shop","description":"A shop","environments":{"production":{},"mine":{}}})");  // elsewhere
  const WorkspacePlan plan = Must(on.Apply(
      R"({"project":"shop","description":"The shop","environments":{"production":{"protected":true},"new":{}}})", {}));
  EXPECT_EQ(Show(plan), "update project shop");
  EXPECT_EQ(plan.changes[0].environments, std::vector<std::string>{"new"});
  EXPECT_EQ(ToJson(EncodeProject(on.Project().definitions.project)),
            R"({"project":"shop","description":"The shop","environments":{"production":{},"new":{},"mine":{}}})");
  const WorkspacePlan both =
      Must(on.Apply(R"({"project":"shop","description":"The shop","environments":{"production":{"protected":true,
                    "description":"x"}}})",
                    {}));
  EXPECT_TRUE(both.conflicts.empty());
  on.MakeShop(R"({"project":"shop","description":"Mine","environments":{"production":{}}})");
  const WorkspacePlan conflict =
      Must(on.Apply(R"({"project":"shop","description":"Ours","environments":{"production":{}}})", {}));
  ASSERT_FALSE(conflict.conflicts.empty());
  EXPECT_EQ(conflict.conflicts[0].kind + " " + conflict.conflicts[0].path, "project description");
}

TEST_P(ApplyTest, AChangedSegmentNamesEveryEnvironmentThatUsesIt) {
  constexpr std::string_view kThree =
      R"({"project":"shop","environments":{"production":{},"staging":{},"qa":{},"unused":{}}})";
  const auto rule_for = [](const char* segment) {
    return R"({"enabled":true,"default":"off","rules":[{"when":{"not":{"segment":")" + std::string(segment) +
           R"("}},"serve":"on"}]})";
  };
  std::vector<std::pair<EntityRef, std::string>> files = {
      {Segment_("eu"), R"({"when":{"country":"DE"}})"},
      {Segment_("eu-web"), R"({"when":{"segment":"eu","platform":"web"}})"},
      {Flag("a"), R"({"type":"boolean","environments":{"production":)" + rule_for("eu") + R"(,"staging":)" +
                      rule_for("eu-web") + R"(,"unused":{"enabled":true,"default":"on"}}})"},
      {{EntityKind::kExperiment, "e"},
       R"({"owner":"ana","flag":"a","environment":"qa","unit":"key","audience":{"segment":"eu-web"},"variants":
       {"control":{"serves":"off","weight":"50%"},"one":{"serves":"on","weight":"50%"}}})"}};
  Must(on.Apply(kThree, files));
  files[0].second = R"({"when":{"country":"FR"}})";
  const WorkspacePlan plan = Must(on.Apply(kThree, files, false, true));
  ASSERT_EQ(Show(plan), "update segment eu");
  EXPECT_EQ(plan.changes[0].environments, (std::vector<std::string>{"production", "qa", "staging"}));
}

TEST_P(ApplyTest, ARunningExperimentThatTheFilesLeaveOutIsStoppedByPruning) {
  const std::pair<EntityRef, std::string> flag{Flag("a"), FlagOf("off")};
  const std::pair<EntityRef, std::string> experiment{
      {EntityKind::kExperiment, "e"},
      R"({"owner":"ana","flag":"a","environment":"production","unit":"key","state":"running","variants":
      {"control":{"serves":"off","weight":"50%"},"one":{"serves":"on","weight":"50%"}}})"};
  Must(on.Apply(kShop, {flag, experiment}));
  EXPECT_EQ(on.Project().definitions.entities.experiments.at(0).state.status, ExperimentStatus::kRunning);
  Must(on.Apply(kShop, {flag}, true));
  EXPECT_EQ(on.Project().definitions.entities.experiments.at(0).state.status, ExperimentStatus::kStopped);
}

TEST_P(ApplyTest, ARepetitionGetsTheFirstPlanAgain) {
  WorkspaceRequest request;
  request.workspace.project = *DecodeProject(Json(kShop));
  request.workspace.entities.Append(
      *DecodeEntity(EntityKind::kFlag, Json(R"({"flag":"a","type":"boolean","owner":"x"})")));
  request.author = on.author;
  request.idempotency = IdempotencyKey{"k1", "hash"};
  const WorkspacePlan first = Must(on.catalog().ApplyWorkspace(request));
  on.MustCommit({DeleteOf(Flag("a"))});
  const WorkspacePlan again = Must(on.catalog().ApplyWorkspace(request));
  EXPECT_TRUE(again.replayed);
  EXPECT_EQ(again.revision, first.revision);
  EXPECT_EQ(Show(again), Show(first));
  EXPECT_EQ(on.DefinitionOf(Flag("a")), "absent");
  // Nor does a repetition of what changed nothing show what somebody else did in that revision.
  request.workspace.entities = {};
  request.idempotency = IdempotencyKey{"k2", "hash"};
  EXPECT_EQ(Show(Must(on.catalog().ApplyWorkspace(request))), "");
  EXPECT_EQ(Show(Must(on.catalog().ApplyWorkspace(request))), "");
}

}  // namespace
}  // namespace guidon
