#include "server/catalog/catalog.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/server/catalog/catalog_fixture.h"

namespace guidon {
namespace {

using ::testing::HasSubstr;

constexpr std::string_view kOn =
    R"({"type":"boolean","owner":"payments","environments":{"production":{"enabled":true,"default":"on"}}})";
constexpr std::string_view kOff =
    R"({"type":"boolean","owner":"payments","environments":{"production":{"enabled":true,"default":"off"}}})";

class CatalogTest : public ::testing::TestWithParam<const char*> {
 protected:
  CatalogHarness on{GetParam()};
};
INSTANTIATE_TEST_SUITE_P(Stores, CatalogTest, ::testing::Values("memory", "rocksdb"),
                         [](const auto& store) { return std::string(store.param); });

TEST_P(CatalogTest, WhatWasAnsweredIsOnDiskInTheViewAndInTheFeed) {
  on.MakeShop();
  Follower production(on, "production");
  const Committed done = on.MustCommit({PutOf(Flag("payments.v2"), kOn)});
  EXPECT_EQ(done.revision, 2u);
  EXPECT_TRUE(done.created);
  EXPECT_EQ(on.head(), 2u);
  EXPECT_EQ(on.Project().revisions.at(Flag("payments.v2")), 2u);
  EXPECT_EQ(on.feed().head(), 2u);
  EXPECT_EQ(on.Document().snapshot.revision, 2u);
  EXPECT_EQ(on.Served("payments.v2"), "on");
  EXPECT_EQ(production.CatchUp(), "");
  EXPECT_EQ(production.client().revision(), 2u);
  EXPECT_GT(on.wakes(), 0);
  const std::vector<RevisionEntry> entries = *on.store().Revisions(2, 2, 10);
  EXPECT_THAT(entries.at(0).audit.bytes, HasSubstr(R"("principal":"key:ana")"));
  EXPECT_THAT(entries.at(0).audit.bytes, HasSubstr(R"("request_id":"req-1")"));
  EXPECT_THAT(entries.at(0).log.bytes, HasSubstr(R"("key":"payments.v2")"));
}

TEST_P(CatalogTest, TheStateAfterARestartIsTheStateBefore) {
  on.MakeShop();
  on.MustCommit({PutOf(Flag("b"), kOn), PutOf(Flag("a"), kOff)});
  on.MustCommit({DeleteOf(Flag("b"))});
  on.MustCommit({PutOf(Segment_("staff"), R"({"include":["user-1"]})")});
  ASSERT_TRUE(on.catalog().PutItem({"key", "k1", "secret"}, "key.create", on.author));
  const std::string before = on.Everything();
  for (const std::size_t replayed : {1024, 3, 2, 1, 0}) {
    on.Restart(replayed);
    EXPECT_EQ(on.Everything(), before) << replayed;
    EXPECT_EQ(on.feed().head(), 5u) << replayed;
    EXPECT_EQ(on.Served("a"), "off") << replayed;
  }
}

TEST_P(CatalogTest, WhoHoldsWhatWasRemovedBeforeTheReplayedRevisionsGetsASnapshot) {
  on.MakeShop();
  on.MustCommit({PutOf(Flag("old"), kOn)});
  Follower production(on, "production");
  ASSERT_EQ(production.CatchUp(), "");  // holds `old`, at revision 2
  on.MustCommit({DeleteOf(Flag("old"))});
  for (int i = 0; i < 4; ++i)
    ASSERT_TRUE(on.catalog().PutItem({"key", "k", std::to_string(i)}, "key.create", on.author));
  on.Restart(2);  // the removal, revision 3, is not among them
  production.Connect();
  EXPECT_EQ(production.CatchUp(), "");
  EXPECT_EQ(production.client().snapshots(), 2);
  EXPECT_TRUE(production.client().records().empty());
}

TEST_P(CatalogTest, AStreamResumesAcrossARestartWithTheChangesItMissed) {
  on.MakeShop();
  on.MustCommit({PutOf(Flag("a"), kOn)});
  Follower production(on, "production");
  ASSERT_EQ(production.CatchUp(), "");
  on.MustCommit({PutOf(Flag("a"), kOff)});
  on.MustCommit({PutOf(Flag("b"), kOn)});
  on.Restart();
  production.Connect();
  EXPECT_EQ(production.CatchUp(), "");
  EXPECT_EQ(production.client().snapshots(), 1);
  EXPECT_EQ(production.client().changes(), 2);
  EXPECT_EQ(production.client().revision(), 4u);
}

TEST_P(CatalogTest, AStreamResumesAcrossARestartThoughOlderHistoryWasGivenUp) {
  on.MakeShop();
  on.MustCommit({PutOf(Flag("old"), kOn)});
  on.MustCommit({PutOf(Flag("a"), kOn)});  // 3
  Follower production(on, "production");
  ASSERT_EQ(production.CatchUp(), "");
  on.MustCommit({PutOf(Flag("a"), kOff)});
  on.MustCommit({PutOf(Flag("b"), kOn)});
  ASSERT_TRUE(on.store().Compact(*on.store().PositionOf(3)));
  const std::string before = on.Everything();
  on.Restart();
  EXPECT_EQ(on.Everything(), before);
  production.Connect();
  EXPECT_EQ(production.CatchUp(), "");
  EXPECT_EQ(production.client().snapshots(), 1);
  EXPECT_EQ(production.client().changes(), 2);
  EXPECT_EQ(production.client().revision(), 5u);
  // Given up to the end, and beyond the newest revision.
  MustCommit(on.store(), JournalTxn("event", "x"));
  ASSERT_TRUE(on.store().Compact(on.store().Head().position));
  on.Restart();
  EXPECT_EQ(on.Everything(), before);
}

TEST_P(CatalogTest, WhatIsRefusedLeavesNoTrace) {
  on.MakeShop();
  on.MustCommit({PutOf(Flag("a"), kOn)});
  const std::string before = on.Everything();
  const auto view = on.catalog().View();
  struct Case {
    std::vector<Edit> edits;
    ErrorCode code;
    std::string says;  // in the message, or an issue's path
  };
  Precondition stale{1, false, false}, fresh{std::nullopt, false, true}, there{std::nullopt, true, false};
  const std::vector<Case> cases = {
      {{PutOf(Flag("b"), R"({"type":"boolean","colour":"red"})")}, ErrorCode::kInvalid, "colour"},
      {{PutOf(Flag("b"), R"(7)")}, ErrorCode::kInvalid, "map"},
      {{PutOf(Flag("b"), R"({"flag":"c","type":"boolean"})")}, ErrorCode::kInvalid, "immutable"},
      {{PutOf(Flag("no spaces"), kOn)}, ErrorCode::kInvalid, "no spaces"},
      {{PutOf(Flag("b"), R"({"type":"boolean","environments":{"mars":{"enabled":true,"default":"on"}}})")},
       ErrorCode::kInvalid,
       "mars"},
      {{PutOf(Flag("b"), R"({"type":"boolean","environments":{"production":{"enabled":true,"default":"on",
        "rules":[{"when":{"segment":"nobody"},"serve":"on"}]}}})")},
       ErrorCode::kInvalid,
       "nobody"},
      {{PutOf(Flag("b"), R"({"type":"boolean","environments":{"production":{"enabled":true,"default":"on",
        "rules":[{"when":{"email":{"matches":"("}},"serve":"on"}]}}})")},
       ErrorCode::kInvalid,
       "rules[0]"},
      {{PutOf(Flag("b"), kOn), PutOf(Flag("c"), "{}")}, ErrorCode::kInvalid, "type"},
      {{PutOf(Flag("b"), kOn), PutOf(Flag("b"), kOff)}, ErrorCode::kInvalid, "twice"},
      {{PatchOf(Flag("b"), R"({"owner":"x"})")}, ErrorCode::kNotFound, "flag 'b'"},
      {{PutOf(Flag("c"), kOn), DeleteOf(Flag("b"))}, ErrorCode::kNotFound, "flag 'b'"},
      {{PutOf(Flag("a"), kOff, stale)}, ErrorCode::kStale, "revision 2"},
      {{PutOf(Flag("b"), kOff, stale)}, ErrorCode::kStale, "not there"},
      {{DeleteOf(Flag("b"), there)}, ErrorCode::kStale, "not there"},
      {{PutOf(Flag("a"), kOff, fresh)}, ErrorCode::kAlreadyExists, "exists"},
  };
  for (const Case& c : cases) {
    const Result<Committed> result = on.Commit(c.edits);
    ASSERT_FALSE(result) << c.says;
    std::string said = result.error().message;
    for (const Issue& issue : result.error().issues) said += "\n" + issue.path.ToText() + " " + issue.message;
    EXPECT_EQ(result.error().code, c.code) << said;
    EXPECT_THAT(said, HasSubstr(c.says));
    EXPECT_EQ(on.Everything(), before) << c.says;
    EXPECT_EQ(on.catalog().View(), view);
    EXPECT_EQ(on.head(), 2u);
  }
  on.Restart();
  EXPECT_EQ(on.Everything(), before);
  EXPECT_EQ(on.MustCommit({PutOf(Flag("b"), kOn)}).revision, 3u);  // nor did a refusal take a number
}

TEST_P(CatalogTest, IfMatchFailsOnlyIfThatEntityChangedSince) {
  on.MakeShop();
  on.MustCommit({PutOf(Flag("a"), kOn)});                                              // 2
  on.MustCommit({PutOf(Flag("b"), kOn)});                                              // 3
  EXPECT_EQ(on.MustCommit({PutOf(Flag("a"), kOff, {2, false, false})}).revision, 4u);  // b moved, a did not
  EXPECT_EQ(CodeOf(on.Commit({PutOf(Flag("a"), kOn, {3, false, false})})), ErrorCode::kStale);
  EXPECT_EQ(on.MustCommit({PutOf(Flag("a"), kOn, {4, false, false})}).revision, 5u);
  EXPECT_EQ(on.MustCommit({DeleteOf(Flag("b"), {400, false, false})}).revision, 6u);
}

TEST_P(CatalogTest, ManyChangesAreOneRevision) {
  on.MakeShop();
  const Committed done = on.MustCommit(
      {PutOf(Segment_("staff"), R"({"include":["user-1"]})"), PutOf(Flag("a"), kOn), PutOf(Flag("b"), kOff)});
  EXPECT_EQ(done.revision, 2u);
  for (const EntityRef& ref : {Segment_("staff"), Flag("a"), Flag("b")}) {
    EXPECT_EQ(on.Project().revisions.at(ref), 2u);
  }
}

TEST_P(CatalogTest, AnAnswerShowsTheProjectAsThatCommitLeftIt) {
  on.MakeShop();
  const Committed first = on.MustCommit({PutOf(Flag("a"), kOn)});
  on.MustCommit({DeleteOf(Flag("a"))});
  ASSERT_TRUE(first.project);
  EXPECT_EQ(first.project->revisions.at(Flag("a")), 2u);
}

TEST_P(CatalogTest, WhatIsSaidAgainTakesNoRevision) {
  on.MakeShop();
  on.MustCommit({PutOf(Flag("a"), kOn)});
  const Committed again = on.MustCommit({PutOf(Flag("a"), kOn)});
  EXPECT_EQ(again.revision, 2u);
  EXPECT_FALSE(again.created);
  EXPECT_EQ(on.head(), 2u);
}

TEST_P(CatalogTest, APatchChangesWhatItNamesAndKeepsTheState) {
  on.MakeShop();
  on.MustCommit({PutOf(Flag("a"), R"({"type":"boolean","owner":"x","environments":{"production":{"enabled":true,
      "default":{"serve":{"on":"30%","off":"70%"}}}}})")});
  on.MustCommit({PatchOf(Flag("a"), R"({"owner":null,"environments":{"production":{"default":
      {"serve":{"on":"50%","off":"50%"}}}}})")});
  EXPECT_THAT(on.DefinitionOf(Flag("a")), ::testing::Not(HasSubstr("owner")));
  // on keeps its first 30 000 buckets, and what it gains comes from the end of off's.
  EXPECT_THAT(ToJson(EncodeRecord(*on.Project().definitions.entities.Find(Flag("a")))),
              HasSubstr(R"({"on":[[0,30000],[80000,100000]],"off":[[30000,80000]]})"));
}

TEST_P(CatalogTest, AnArchivedFlagIsNotFoundByEvaluation) {
  on.MakeShop();
  on.MustCommit({PutOf(Flag("a"), kOn)});
  Follower production(on, "production");
  ASSERT_EQ(production.CatchUp(), "");
  on.MustCommit({PatchOf(Flag("a"), R"({"archived":true})")});
  EXPECT_EQ(on.Served("a"), "FLAG_NOT_FOUND");
  EXPECT_EQ(production.CatchUp(), "");
  EXPECT_TRUE(production.client().records().empty());
  on.MustCommit({PatchOf(Flag("a"), R"({"archived":null})")});
  EXPECT_EQ(on.Served("a"), "on");
  EXPECT_EQ(production.CatchUp(), "");
}

constexpr std::string_view kExperiment =
    R"({"owner":"ana","flag":"layout","environment":"production","unit":"account_id","layer":{"name":"checkout",
    "slice":"40%"},"holdout":"h1","variants":{"control":{"serves":"off","weight":"50%"},
    "one":{"serves":"on","weight":"50%"}},"metrics":{"primary":{"use":"orders"}},"state":"running",
    "audience":{"segment":"eu"}})";

// A flag with everything around it.
std::vector<Edit> Everything() {
  return {PutOf(Segment_("eu"), R"({"when":{"country":["DE","FR"]}})"),
          PutOf({EntityKind::kMetric, "orders"}, R"({"event":"order","type":"conversion"})"),
          PutOf({EntityKind::kLayer, "checkout"}, R"({"unit":"account_id"})"),
          PutOf({EntityKind::kHoldout, "h1"}, R"({"unit":"account_id","size":"5%"})"),
          PutOf(Flag("base"), kOn),
          PutOf(Flag("layout"), R"({"type":"boolean","owner":"x","environments":{"production":{"enabled":true,
              "requires":[{"flag":"base","is":"on"}],"default":"off"}}})"),
          PutOf({EntityKind::kExperiment, "one-page"}, kExperiment)};
}

TEST_P(CatalogTest, RemovingWhatIsReferredToIsAConflictThatNamesWho) {
  on.MakeShop();
  on.MustCommit(Everything());
  const std::string before = on.Everything();
  const std::vector<std::pair<EntityRef, std::string>> cases = {
      {Segment_("eu"), "experiment one-page"},
      {{EntityKind::kMetric, "orders"}, "experiment one-page"},
      {{EntityKind::kLayer, "checkout"}, "experiment one-page"},
      {{EntityKind::kHoldout, "h1"}, "experiment one-page"},
      {Flag("base"), "flag layout"},
      {Flag("layout"), "experiment one-page"},
  };
  for (const auto& [ref, who] : cases) {
    const Result<Committed> result = on.Commit({DeleteOf(ref)});
    ASSERT_FALSE(result) << ref.ToText();
    EXPECT_EQ(result.error().code, ErrorCode::kConflict) << result.error().message;
    EXPECT_THAT(result.error().message, HasSubstr(ref.ToText() + " is still referred to by " + who));
  }
  const Result<Committed> archived = on.Commit({PatchOf(Flag("base"), R"({"archived":true})")});
  EXPECT_EQ(CodeOf(archived), ErrorCode::kConflict);
  const Result<Committed> gone = on.catalog().DeleteEnvironment("shop", "production", {}, on.author, std::nullopt);
  EXPECT_EQ(CodeOf(gone), ErrorCode::kConflict);
  EXPECT_THAT(gone.error().message, HasSubstr("environment production is still referred to by flag base"));
  EXPECT_EQ(on.Everything(), before);
  // Together with who refers to it, it goes.
  on.MustCommit({DeleteOf({EntityKind::kExperiment, "one-page"}), DeleteOf(Flag("layout")), DeleteOf(Flag("base"))});
}

TEST_P(CatalogTest, ASegmentReachesEveryEnvironmentAndWarnsWhereAnAudienceMoves) {
  on.MakeShop();
  on.MustCommit(Everything());
  Follower production(on, "production"), staging(on, "staging");
  ASSERT_EQ(production.CatchUp() + staging.CatchUp(), "");
  const Committed done = on.MustCommit({PutOf(Segment_("eu"), R"({"when":{"country":["DE"]}})")});
  ASSERT_EQ(production.CatchUp() + staging.CatchUp(), "");
  EXPECT_EQ(production.client().changes(), 1);
  EXPECT_EQ(staging.client().changes(), 1);
  ASSERT_FALSE(done.warnings.empty());
  EXPECT_EQ(done.warnings[0].code, "audience_moves");
  EXPECT_EQ(done.warnings[0].entity, "experiment one-page");
  EXPECT_THAT(done.warnings[0].message, HasSubstr("segment 'eu'"));
  // Not while it is stopped.
  on.MustCommit({PatchOf({EntityKind::kExperiment, "one-page"}, R"({"state":"stopped"})")});
  for (const Issue& issue : on.MustCommit({PutOf(Segment_("eu"), R"({"when":{"country":["NO"]}})")}).warnings) {
    EXPECT_NE(issue.code, "audience_moves");
  }
}

TEST_P(CatalogTest, TargetingOfOneEnvironmentIsNoChangeOfAnother) {
  on.MakeShop();
  on.MustCommit({PutOf(Flag("a"), kOn)});
  Follower staging(on, "staging");
  ASSERT_EQ(staging.CatchUp(), "");
  on.MustCommit({PutOf(Flag("a"), kOff)});
  EXPECT_EQ(staging.CatchUp(), "");
  EXPECT_EQ(staging.client().changes(), 0);
  EXPECT_EQ(staging.client().revision(), 3u);  // by heartbeat
}

// --- retries -------------------------------------------------------------------------------------------------------

TEST_P(CatalogTest, ARepetitionGetsTheFirstAnswerWhateverHasHappenedSince) {
  on.MakeShop();
  const IdempotencyKey once{"k1", "hash"};
  const Committed first = on.Must(on.Commit({PutOf(Flag("a"), kOn)}, once));
  on.MustCommit({PutOf(Flag("a"), kOff)});
  on.MustCommit({DeleteOf(Flag("a"))});
  on.Restart();
  const Committed again = on.Must(on.Commit({PutOf(Flag("a"), kOn)}, once));
  EXPECT_TRUE(again.replayed);
  EXPECT_TRUE(again.created);
  EXPECT_EQ(again.revision, first.revision);
  ASSERT_TRUE(again.project);
  EXPECT_EQ(again.project->definitions, first.project->definitions);
  EXPECT_EQ(again.project->revisions, first.project->revisions);
  EXPECT_EQ(on.head(), 4u);
}

TEST_P(CatalogTest, ARepetitionOfWhatChangedNothingChangesNothingLater) {
  on.MakeShop();
  on.MustCommit({PutOf(Flag("a"), kOn)});
  const IdempotencyKey once{"k1", "hash"};
  EXPECT_EQ(on.Must(on.Commit({PutOf(Flag("a"), kOn)}, once)).revision, 2u);
  on.MustCommit({PutOf(Flag("a"), kOff)});
  const Committed again = on.Must(on.Commit({PutOf(Flag("a"), kOn)}, once));
  EXPECT_TRUE(again.replayed);
  EXPECT_EQ(again.revision, 2u);
  EXPECT_EQ(on.Served("a"), "off");
  EXPECT_EQ(CodeOf(on.Commit({PutOf(Flag("b"), kOn)}, IdempotencyKey{"k1", "other"})), ErrorCode::kMismatch);
}

TEST_P(CatalogTest, AnIdempotencyKeyIsOfOnePrincipalAndOneDay) {
  on.MakeShop();
  const IdempotencyKey once{"k1", "hash"};
  on.Must(on.Commit({PutOf(Flag("a"), kOn)}, once));
  EXPECT_EQ(CodeOf(on.Commit({PutOf(Flag("b"), kOn)}, IdempotencyKey{"k1", "other"})), ErrorCode::kMismatch);
  on.author.principal = "key:bob";
  EXPECT_FALSE(on.Must(on.Commit({PutOf(Flag("b"), kOn)}, once)).replayed);
  on.author.principal = "key:ana";
  on.clock().Move(std::chrono::hours(25));
  EXPECT_FALSE(on.Must(on.Commit({PutOf(Flag("c"), kOn)}, IdempotencyKey{"k1", "other"})).replayed);
}

TEST_P(CatalogTest, WhatWasRefusedMayBeTriedAgainWithTheSameKey) {
  on.MakeShop();
  const IdempotencyKey once{"k1", "hash"};
  EXPECT_EQ(CodeOf(on.Commit({PatchOf(Flag("a"), "{}")}, once)), ErrorCode::kNotFound);
  on.MustCommit({PutOf(Flag("a"), kOn)});
  EXPECT_FALSE(on.Must(on.Commit({PatchOf(Flag("a"), R"({"owner":"x"})")}, once)).replayed);
}

TEST_P(CatalogTest, EveryKindOfChangeIsRepeatable) {
  const Project shop = *DecodeProject(Json(R"({"project":"shop","environments":{"production":{}}})"));
  const EnvironmentDefinition staging{"staging", false, ""};
  const auto twice = [&](const std::string& key, const auto& change) {
    const IdempotencyKey once{key, "hash"};
    const Committed first = on.Must(change(once)), again = on.Must(change(once));
    EXPECT_FALSE(first.replayed) << key;
    EXPECT_TRUE(again.replayed) << key;
    EXPECT_EQ(first.revision, again.revision) << key;
    EXPECT_EQ(first.created, again.created) << key;
  };
  Catalog& catalog = on.catalog();
  twice("1", [&](const IdempotencyKey& k) { return catalog.PutProject(shop, {{}, false, true}, on.author, k); });
  twice("2", [&](const IdempotencyKey& k) {
    return catalog.PutEnvironment("shop", staging, {{}, false, true}, on.author, k);
  });
  twice("3", [&](const IdempotencyKey& k) { return catalog.DeleteEnvironment("shop", "staging", {}, on.author, k); });
  twice("4", [&](const IdempotencyKey& k) { return on.Commit({PutOf(Flag("a"), kOn)}, k); });
  twice("5", [&](const IdempotencyKey& k) { return on.Commit({DeleteOf(Flag("a"))}, k); });
  twice("6", [&](const IdempotencyKey& k) { return catalog.DeleteProject("shop", {}, on.author, k); });
  EXPECT_EQ(on.head(), 6u);
}

TEST_P(CatalogTest, ACommitThatNobodyKnowsTheEndOfIsInvisibleUntilItIsKnown) {
  for (const auto doubt : {DoubtfulStore::Doubt::kLost, DoubtfulStore::Doubt::kWritten}) {
    CatalogHarness here(GetParam());
    here.MakeShop();
    here.MustCommit({PutOf(Flag("a"), kOn)});
    Follower production(here, "production");
    ASSERT_EQ(production.CatchUp(), "");
    const std::string before = here.Everything();
    here.doubtful().next = doubt;
    const IdempotencyKey once{"k1", "hash"};
    EXPECT_EQ(CodeOf(here.Commit({PutOf(Flag("a"), kOff), PutOf(Flag("b"), kOn)}, once)), ErrorCode::kIndeterminate);
    EXPECT_EQ(here.Everything(), before);
    // The next change, whatever it is, builds on what is on the disk.
    here.MustCommit({PutOf(Flag("c"), kOn)});
    const bool written = doubt == DoubtfulStore::Doubt::kWritten;
    EXPECT_EQ(here.Served("a"), written ? "off" : "on");
    EXPECT_EQ(here.Served("b"), written ? "on" : "FLAG_NOT_FOUND");
    EXPECT_EQ(here.head(), written ? 4u : 3u);
    EXPECT_EQ(production.CatchUp(), "");
    EXPECT_EQ(production.client().revision(), here.head());
    EXPECT_EQ(production.client().DigestHex(), here.Document().digest.ToHex());
    const Committed retried = here.Must(here.Commit({PutOf(Flag("a"), kOff), PutOf(Flag("b"), kOn)}, once));
    EXPECT_EQ(retried.replayed, written);
    EXPECT_EQ(here.Served("a"), "off");
    const std::string after = here.Everything();
    here.Restart();
    EXPECT_EQ(here.Everything(), after);
  }
}

// --- projects and environments -------------------------------------------------------------------------------------

TEST_P(CatalogTest, AProjectAndItsEnvironmentsComeChangeAndGo) {
  on.MakeShop(R"({"project":"shop","description":"The shop","environments":{"production":{"protected":true}}})");
  const EnvironmentDefinition staging{"staging", false, "next"};
  EXPECT_TRUE(on.Must(on.catalog().PutEnvironment("shop", staging, {}, on.author, std::nullopt)).created);
  EXPECT_EQ(on.Document("staging").snapshot.revision, 2u);
  Follower follower(on, "staging");
  ASSERT_EQ(follower.CatchUp(), "");
  EXPECT_EQ(on.Must(on.catalog().DeleteEnvironment("shop", "staging", {}, on.author, std::nullopt)).revision, 3u);
  EXPECT_TRUE(follower.closed());
  EXPECT_EQ(on.feed().Find({"shop", "staging"}), nullptr);
  EXPECT_EQ(CodeOf(on.catalog().DeleteEnvironment("shop", "staging", {}, on.author, std::nullopt)),
            ErrorCode::kNotFound);
  EXPECT_EQ(CodeOf(on.catalog().PutEnvironment("bank", staging, {}, on.author, std::nullopt)), ErrorCode::kNotFound);
  // An environment of the same name later is another one: nobody resumes into it.
  on.Must(on.catalog().PutEnvironment("shop", staging, {}, on.author, std::nullopt));
  follower.Connect();
  EXPECT_EQ(follower.CatchUp(), "");
  EXPECT_EQ(follower.client().snapshots(), 2);
  on.MustCommit({PutOf(Flag("a"), kOn)});
  const Result<Committed> full = on.catalog().DeleteProject("shop", {}, on.author, std::nullopt);
  EXPECT_EQ(CodeOf(full), ErrorCode::kConflict);
  EXPECT_THAT(full.error().message, HasSubstr("flag a"));
  on.MustCommit({DeleteOf(Flag("a"))});
  on.Must(on.catalog().DeleteProject("shop", {}, on.author, std::nullopt));
  EXPECT_EQ(on.catalog().View()->FindProject("shop"), nullptr);
  EXPECT_EQ(CodeOf(on.Commit({PutOf(Flag("a"), kOn)})), ErrorCode::kNotFound);
  const std::string before = on.Everything();
  on.Restart();
  EXPECT_EQ(on.Everything(), before);
}

TEST_P(CatalogTest, PreconditionsOfAProjectAreItsOwn) {
  on.MakeShop();
  on.MustCommit({PutOf(Flag("a"), kOn)});
  const Project next = *DecodeProject(Json(R"({"project":"shop","description":"x","environments":{"production":{},
      "staging":{}}})"));
  EXPECT_EQ(CodeOf(on.catalog().PutProject(next, {{}, false, true}, on.author, {})), ErrorCode::kAlreadyExists);
  EXPECT_EQ(on.Must(on.catalog().PutProject(next, {1, false, false}, on.author, {})).revision,
            3u);  // a flag moved only
  EXPECT_EQ(CodeOf(on.catalog().PutProject(next, {2, false, false}, on.author, {})), ErrorCode::kStale);
  EXPECT_EQ(CodeOf(on.catalog().DeleteProject("shop", {2, false, false}, on.author, {})), ErrorCode::kStale);
}

// --- the past ------------------------------------------------------------------------------------------------------

TEST_P(CatalogTest, ThePastIsReadableUntilItIsCompacted) {
  on.MakeShop();
  on.MustCommit({PutOf(Flag("a"), kOn)});
  on.MustCommit({PutOf(Flag("b"), kOn)});
  on.MustCommit({PutOf(Flag("a"), kOff)});
  const auto default_at = [&](Revision revision) {
    const Result<EntityVersion> held = on.catalog().EntityAt("shop", Flag("a"), revision);
    if (!held) return std::string(ToString(held.error().code));
    const auto& targeting = std::get<FlagRecord>(held->record).definition.environments.at(0);
    return std::get<FixedServe>(targeting.default_serve->serve).variation + " of " + std::to_string(held->revision);
  };
  EXPECT_EQ(default_at(1), "not_found");
  EXPECT_EQ(default_at(2), "on of 2");
  EXPECT_EQ(default_at(3), "on of 2");
  EXPECT_EQ(default_at(4), "off of 4");
  EXPECT_EQ(default_at(5), "not_found");
  const Result<Snapshot> then = on.catalog().SnapshotAt("shop", "production", 2);
  ASSERT_TRUE(then);
  EXPECT_EQ(then->entities.flags.size(), 1u);
  EXPECT_EQ(then->revision, 2u);
  EXPECT_EQ(then->epoch, on.store().Epoch());
  EXPECT_EQ(on.catalog().SnapshotAt("shop", "mars", 2).error().code, ErrorCode::kNotFound);
  EXPECT_EQ(on.catalog().SnapshotAt("bank", "production", 2).error().code, ErrorCode::kNotFound);
  ASSERT_TRUE(on.store().Compact(*on.store().PositionOf(4)));
  EXPECT_EQ(default_at(2), "gone");
  EXPECT_EQ(on.catalog().SnapshotAt("shop", "production", 3).error().code, ErrorCode::kGone);
  const std::string kGone = "revision 2 is no longer kept; the oldest that can be read is 4, which came at 20";
  EXPECT_TRUE(on.catalog().SnapshotAt("shop", "production", 2).error().message.starts_with(kGone));
  EXPECT_TRUE(on.catalog().EntityAt("shop", Flag("a"), 2).error().message.starts_with(kGone));
  EXPECT_EQ(default_at(4), "off of 4");
  const std::string before = on.Everything();
  on.Restart();
  EXPECT_EQ(on.Everything(), before);
}

TEST_P(CatalogTest, AnItemThatAWriteInDoubtLeftIsToldToWhoKeepsIt) {
  using Doubt = DoubtfulStore::Doubt;
  on.MakeShop();
  const auto put = [&](std::string id, std::string value, Doubt doubt) {
    on.doubtful().next = doubt;
    return CodeOf(on.catalog().PutItem({"key", std::move(id), std::move(value)}, "key.revoke", on.author));
  };
  put("k1", "valid", Doubt::kNoDoubt);
  put("k2", "valid", Doubt::kNoDoubt);
  EXPECT_EQ(put("k1", "revoked", Doubt::kWritten), ErrorCode::kIndeterminate);
  EXPECT_EQ(on.items_taken, "") << "nobody knows yet";
  on.MustCommit({PutOf(Flag("a"), kOn)});
  EXPECT_EQ(on.items_taken, "key/k1=revoked ");
  EXPECT_EQ(put("k2", "revoked", Doubt::kLost), ErrorCode::kIndeterminate);
  EXPECT_EQ(put("k2", "", Doubt::kWritten), ErrorCode::kIndeterminate);
  on.MustCommit({PutOf(Flag("b"), kOn)});
  EXPECT_EQ(on.items_taken, "key/k1=revoked key/k2= ");
  on.Restart();
  EXPECT_EQ(on.items_taken, "key/k1=revoked key/k2= ") << "who starts reads them all";
}

TEST_P(CatalogTest, ARecordThatCannotBeReadStopsTheStartAndIsNamed) {
  on.MakeShop();
  Txn txn;
  txn.ops = {TxnOp::Put("entity/shop/flag/a", R"({"definition":{"flag":"a","type":"colour"}})")};
  txn.revision = RevisionRecord{"{}", "{}"};
  ASSERT_TRUE(on.store().Commit(std::move(txn)));
  for (const std::size_t replayed : {1024, 0}) {
    try {
      on.Restart(replayed);
      ADD_FAILURE() << "started";
    } catch (const std::runtime_error& refused) {
      EXPECT_THAT(refused.what(), HasSubstr("entity/shop/flag/a"));
    }
  }
}

}  // namespace
}  // namespace guidon
