#include "core/codec/wire.h"

#include <gtest/gtest.h>

#include "core/base/json.h"
#include "core/codec/codec.h"
#include "tests/support/random_model.h"

namespace guidon {
namespace {

Value Json(std::string_view text) {
  Result<Value> value = ParseJson(text);
  EXPECT_TRUE(value) << value.error().message << "\n" << text;
  return value ? *value : Value();
}

// --- records -------------------------------------------------------------------------------------------------------

constexpr std::string_view kSearchDefinition =
    R"({"flag":"search","type":"string","variations":{"a":"A","b":"B"},"environments":{"production":)"
    R"({"enabled":true,"default":{"serve":{"a":"50%","b":"50%"}}}}})";
constexpr std::string_view kSearchState =
    R"({"environments":{"production":{"default":{"salt":"search","arms":{"a":[[0,50000]],"b":[[50000,100000]]}}}}})";

std::string SearchRecord(std::string_view state) {
  return R"({"definition":)" + std::string(kSearchDefinition) + R"(,"state":)" + std::string(state) + "}";
}

TEST(RecordTest, StateStandsBesideTheDefinition) {
  const std::string text = SearchRecord(kSearchState);
  const Result<EntityRecord> record = DecodeRecord(EntityKind::kFlag, Json(text));
  ASSERT_TRUE(record) << record.error().message;
  const FlagState& state = std::get<FlagRecord>(*record).state;
  EXPECT_EQ(state.environments.at(0).splits.at(0),
            (SplitState{"default", "search", {{"a", {{0, 50'000}}}, {"b", {{50'000, 100'000}}}}}));
  EXPECT_EQ(ToJson(EncodeRecord(*record)), text);
}

TEST(RecordTest, AFlagsStateSaysWhereItsRampsStand) {
  const std::string text = SearchRecord(
      R"({"ramps":{"production":{"beta":{"at":"10%","since":"2027-03-31T08:00:00.000Z"},)"
      R"("rest":{"at":"0.5%","paused":true,"held":"90m"}},"staging":{"beta":{"at":"0%","paused":true}}}})");
  const Result<EntityRecord> record = DecodeRecord(EntityKind::kFlag, Json(text));
  ASSERT_TRUE(record) << record.error().message;
  const FlagState& state = std::get<FlagRecord>(*record).state;
  ASSERT_NE(state.FindRamp("production", "rest"), nullptr);
  EXPECT_EQ(*state.FindRamp("production", "rest"),
            (RampState{"production", "rest", 500, true, std::nullopt, std::chrono::minutes(90)}));
  EXPECT_EQ(ToJson(EncodeRecord(*record)), text);
}

TEST(RecordTest, AnExperimentsStateSaysWhereItStands) {
  const std::string text =
      R"({"definition":{"experiment":"e","flag":"search","environment":"production","unit":"key","variants":)"
      R"({"control":{"serves":"a","weight":"50%"},"b":{"serves":"b","weight":"50%"}}},"state":{"status":"concluded",)"
      R"("iteration":2,"salt":"e#2","arms":{"control":[[0,50000]],"b":[[50000,100000]]},"slots":[[0,10],[20,40000]],)"
      R"("ramp_step":1,"winner":"b"}})";
  const Result<EntityRecord> record = DecodeRecord(EntityKind::kExperiment, Json(text));
  ASSERT_TRUE(record) << record.error().message;
  EXPECT_EQ(ToJson(EncodeRecord(*record)), text);
}

TEST(RecordTest, AnExperimentsStateSaysWhatItWentThroughAndEvaluationIsNotTold) {
  const std::string definition =
      R"({"definition":{"experiment":"e","flag":"search","environment":"production","unit":"key","variants":)"
      R"({"control":{"serves":"a","weight":"50%"},"b":{"serves":"b","weight":"50%"}}},"state":)";
  const std::string stands = R"({"status":"concluded","iteration":2,"salt":"e#1","winner":"b")";
  const std::string life =
      R"(,"decision":"+3 % orders","concluded":"2027-04-03T08:00:00.000Z","concluded_by":"key:ana",)"
      R"("scheduled":"2027-04-04T08:00:00.000Z","keeps_assignments":true,)"
      R"("ramp":{"paused":true,"since":"2027-04-01T08:00:00.000Z","held":"90m"},"iterations_before":3,"iterations":[)"
      R"({"number":1,"salt":"e#1","unit":"key","weights":{"control":"50%","b":"50%"},"layer":"l","slots":[[0,40000]],)"
      R"("started":"2027-03-31T08:00:00.000Z","started_by":"key:ana","ended":"2027-04-01T08:00:00.000Z",)"
      R"("ended_by":"system:experiment","pauses":[{"from":"2027-03-31T09:00:00.000Z","to":"2027-03-31T10:00:00.000Z",)"
      R"("by":"key:ben"},{"from":"2027-03-31T11:00:00.000Z"}],"steps":[{"at":"1%","from":"2027-03-31T08:00:00.000Z"}]},)"
      R"({"number":2,"started":"2027-04-02T08:00:00.000Z"}],"findings":[{"iteration":1,"kind":"guardrail_breached",)"
      R"("metric":"errors","variant":"b","occasion":"x","action":"rollback","at":"2027-04-01T08:00:00.000Z",)"
      R"("sentence":"more errors","numbers":{"p":0.001,"units":[1,2]}},{"iteration":2,"kind":"no_traffic",)"
      R"("action":"alert","at":"2027-04-02T08:00:00.000Z"}])";
  const std::string text = definition + stands + life + "}}";
  const Result<EntityRecord> record = DecodeRecord(EntityKind::kExperiment, Json(text));
  ASSERT_TRUE(record) << record.error().issues.at(0).path.ToText() << record.error().message;
  EXPECT_EQ(ToJson(EncodeRecord(*record)), text);
  const ExperimentState& state = std::get<ExperimentRecord>(*record).state;
  EXPECT_EQ(state.iterations.at(0).pauses.at(0).by, "key:ben");
  EXPECT_EQ(state.findings.at(0).numbers.Find("p")->AsDouble(), 0.001);
  const std::optional<EntityRecord> part = EnvironmentPart(*record, "production");
  ASSERT_TRUE(part);
  EXPECT_EQ(ToJson(EncodeRecord(*part)), definition + stands + "}}");
}

TEST(RecordTest, WithoutStateItIsEmpty) {
  const Result<EntityRecord> record = DecodeRecord(EntityKind::kSegment, Json(R"({"definition":{"segment":"eu"}})"));
  ASSERT_TRUE(record) << record.error().message;
  EXPECT_EQ(ToJson(EncodeRecord(*record)), R"({"definition":{"segment":"eu"},"state":{}})");
}

TEST(RecordTest, RangesThatEvaluationCouldNotTrustAreRefused) {
  const auto fault = [](std::string_view arms) {
    const std::string state =
        R"({"environments":{"production":{"default":{"salt":"s","arms":)" + std::string(arms) + "}}}}";
    const Result<EntityRecord> record = DecodeRecord(EntityKind::kFlag, Json(SearchRecord(state)));
    return record ? "" : record.error().issues.at(0).path.ToText() + " " + record.error().issues.at(0).code;
  };
  const std::string arms = "state.environments.production.default.arms";
  EXPECT_EQ(fault(R"({"a":[[0,1]],"b":[]})"), "");
  EXPECT_EQ(fault(R"({"a":[[5,5]]})"), arms + ".a[0] bad_range");
  EXPECT_EQ(fault(R"({"a":[[5,4]]})"), arms + ".a[0] bad_range");
  EXPECT_EQ(fault(R"({"a":[[0,1],[-1,5]]})"), arms + ".a[1] bad_range");
  EXPECT_EQ(fault(R"({"a":[[0,100001]]})"), arms + ".a[0] bad_range");
  EXPECT_EQ(fault(R"({"a":[[0,1.5]]})"), arms + ".a[0] bad_range");
  EXPECT_EQ(fault(R"({"a":[[0,1,2]]})"), arms + ".a[0] bad_range");
  EXPECT_EQ(fault(R"({"a":[[0,50]],"b":[[49,60]]})"), arms + " overlapping_ranges");
  EXPECT_EQ(fault(R"({"a":[[10,20],[0,11]]})"), arms + " overlapping_ranges");
  EXPECT_EQ(fault(R"({"a":[0,50]})"), arms + ".a[0] bad_range");
  EXPECT_EQ(fault(R"([])"), arms + " wrong_type");
}

TEST(RecordTest, FaultsNameTheEntity) {
  const Result<EntityRecord> record =
      DecodeRecord(EntityKind::kFlag, Json(R"({"definition":{"flag":"search","type":"colour"}})"));
  ASSERT_FALSE(record);
  EXPECT_EQ(record.error().issues[0].entity, "flag search");
  EXPECT_EQ(record.error().issues[0].path.ToText(), "definition.type");
}

// --- snapshots -----------------------------------------------------------------------------------------------------

Snapshot RandomSnapshot(std::uint64_t seed) {
  std::mt19937_64 random(seed);
  RandomModel model(random);
  Snapshot snapshot{"shop", "production", "k3v9x0q2m7p1c8d4", 17 + seed, {}};
  for (EntityKind kind : kEntityKinds) {
    for (const char* key : {"one", "two", "three"}) {
      if (!model.OneIn(3)) snapshot.entities.Append(model.MakeRecord(kind, key));
    }
  }
  return snapshot;
}

TEST(SnapshotTest, AnySnapshotIsReadAsItWasWritten) {
  for (std::uint64_t seed = 1; seed <= 100; ++seed) {
    const Snapshot snapshot = RandomSnapshot(seed);
    const std::string text = EncodeSnapshot(snapshot);
    const Result<SnapshotDocument> document = DecodeSnapshot(text);
    ASSERT_TRUE(document) << "seed " << seed << ": " << document.error().message;
    EXPECT_EQ(document->snapshot, snapshot) << "seed " << seed;
    EXPECT_TRUE(document->undecodable.empty()) << "seed " << seed;
    EXPECT_EQ(document->entities, EncodeEntities(snapshot.entities)) << "seed " << seed;
    // Whoever forwards the entities writes the same document.
    EXPECT_EQ(EncodeSnapshot({"shop", "production", "k3v9x0q2m7p1c8d4", 17 + seed}, document->entities), text);
  }
}

TEST(SnapshotTest, IsWrittenInTheFormOfTheSpecification) {
  const Snapshot empty{"shop", "production", "", 3, {}};
  EXPECT_EQ(EncodeSnapshot(empty), R"({"schema":1,"project":"shop","environment":"production","epoch":"","revision":3,)"
                                   R"("digest":"00000000000000000000000000000000","entities":[]})");
  const EncodedEntity eu{"segment", "eu", R"({"definition":{"segment":"eu"},"state":{}})"};
  Digest128 digest;
  digest.Toggle("segment", "eu", eu.record);
  EXPECT_EQ(EncodeSnapshot({"shop", "production", "e", 4}, std::vector{eu}),
            R"({"schema":1,"project":"shop","environment":"production","epoch":"e","revision":4,"digest":")" +
                digest.ToHex() +
                R"(","entities":[{"kind":"segment","key":"eu","record":{"definition":{"segment":"eu"},"state":{}}}]})");
}

// A document of these entities, each {kind, key, record}.
std::string DocumentOf(const std::vector<EncodedEntity>& entities) {
  return EncodeSnapshot({"shop", "production", "e", 4}, entities);
}

const EncodedEntity kEu = {"segment", "eu", R"({"definition":{"segment":"eu","when":{"country":"DE"}},"state":{}})"};

TEST(SnapshotTest, AnEntityOfANewerVersionDisturbsNoOther) {
  const EncodedEntity newer{"segment", "near", R"({"definition":{"segment":"near","when":{"place":{"within_km":5}}}})"};
  const Result<SnapshotDocument> document = DecodeSnapshot(DocumentOf({newer, kEu}));
  ASSERT_TRUE(document) << document.error().message;
  ASSERT_EQ(document->undecodable.size(), 1u);
  EXPECT_EQ(document->undecodable[0].ref, (EntityRef{EntityKind::kSegment, "near"}));
  EXPECT_EQ(document->undecodable[0].message,
            "segment near: definition.when.place.within_km: unknown operator 'within_km'");
  EXPECT_NE(document->snapshot.entities.FindSegment("eu"), nullptr);
  EXPECT_EQ(document->entities.size(), 2u);
}

TEST(SnapshotTest, AnExperimentOfANewerVersionStillSaysWhichFlagItIsOn) {
  const Result<SnapshotDocument> document = DecodeSnapshot(DocumentOf(
      {{"experiment", "trial", R"({"definition":{"experiment":"trial","flag":"layout","unit":{"any_of":["a","b"]}}})"},
       {"experiment", "other", R"({"definition":{"experiment":"third","flag":"banner"}})"},
       {"experiment", "blank", R"({"definition":{"experiment":"blank","flag":7}})"},
       {"experiment", "none", R"([])"},
       {"flag", "newer", R"({"definition":{"flag":"newer","type":"colour"}})"}}));
  ASSERT_TRUE(document) << document.error().message;
  std::vector<std::string> flags;
  for (const Undecodable& entity : document->undecodable) flags.push_back(entity.flag);
  EXPECT_EQ(flags, (std::vector<std::string>{"layout", "banner", "", "", ""}));
}

TEST(SnapshotTest, KindsAndFieldsOfANewerVersionAreSkippedAndCounted) {
  const EncodedEntity hologram{"hologram", "h", R"({ "anything" : [1, 2] })"};
  const EncodedEntity more{"layer", "checkout",
                           R"({"definition":{"layer":"checkout","unit":"key","colour":"red"},)"
                           R"("state":{"salt":"s","parts":7},"signature":"x"})"};
  std::string text = DocumentOf({hologram, more});
  text.insert(1, R"("generator":{"name":"x"},)");
  const Result<SnapshotDocument> document = DecodeSnapshot(text);
  ASSERT_TRUE(document) << document.error().message;
  EXPECT_TRUE(document->undecodable.empty());
  ASSERT_EQ(document->entities.size(), 2u);
  EXPECT_EQ(document->entities[0], hologram);
  EXPECT_EQ(document->snapshot.entities.FindLayer("checkout")->state.salt, "s");
}

TEST(SnapshotTest, TheBytesOfARecordAreHashedAsTheyWereSent) {
  const EncodedEntity spaced{"segment", "eu", "{ \"definition\" : {\"segment\":\"\\u0065u\"} }"};
  const Result<SnapshotDocument> document = DecodeSnapshot(DocumentOf({spaced}));
  ASSERT_TRUE(document) << document.error().message;
  EXPECT_EQ(document->entities[0], spaced);
  EXPECT_EQ(document->digest, DigestOf(std::vector{spaced}));
}

TEST(SnapshotTest, AFlippedLetterIsCorruption) {
  std::string text = DocumentOf({kEu});
  text[text.find("\"DE\"") + 1] = 'B';
  const Result<SnapshotDocument> document = DecodeSnapshot(text);
  ASSERT_FALSE(document);
  EXPECT_EQ(document.error().code, ErrorCode::kCorrupt);
}

TEST(SnapshotTest, ARecordUnderAnotherKeyIsNotServed) {
  const Result<SnapshotDocument> document = DecodeSnapshot(DocumentOf({{"segment", "us", kEu.record}}));
  ASSERT_TRUE(document) << document.error().message;
  ASSERT_EQ(document->undecodable.size(), 1u);
  EXPECT_EQ(document->undecodable[0].message, "segment us: its definition is of 'eu'");
}

TEST(SnapshotTest, DocumentsOfAnotherShapeAreRefusedAsAWhole) {
  const auto code = [](std::string_view text) {
    const Result<SnapshotDocument> document = DecodeSnapshot(text);
    return document ? "ok" : document.error().issues.empty() ? "no issue" : document.error().issues[0].code;
  };
  std::string good = DocumentOf({kEu});
  EXPECT_EQ(code(good), "ok");
  EXPECT_EQ(code(""), "json_syntax");
  EXPECT_EQ(code("[]"), "wrong_type");
  EXPECT_EQ(code("{}"), "missing_key");
  EXPECT_EQ(code(good.substr(0, good.size() / 2)), "json_syntax");
  EXPECT_EQ(code(DocumentOf({kEu, kEu})), "duplicate_entity");
  const auto with = [&](std::string_view from, std::string_view to) {
    std::string text = good;
    return text.replace(text.find(from), from.size(), to);
  };
  EXPECT_EQ(code(with(R"("schema":1)", R"("schema":0)")), "bad_number");
  EXPECT_EQ(code(with(R"("schema":1)", R"("schema":2)")), "ok");
  EXPECT_EQ(code(with(R"("revision":4)", R"("revision":-4)")), "bad_number");
  EXPECT_EQ(code(with(R"("kind":"segment")", R"("kind":7)")), "wrong_type");
  EXPECT_EQ(code(with(R"("record":)", R"("recrod":)")), "missing_key");
  EXPECT_EQ(code(DocumentOf({{"segment", "eu", R"({"definition":{},"definition":{}})"}})), "json_duplicate_key");
  EXPECT_EQ(code(with(R"("record":)", R"("\u0072ecord":)")), "no issue");  // kInvalid: names without escapes
}

// --- changes -------------------------------------------------------------------------------------------------------

TEST(ChangeTest, IsReadAsItWasWritten) {
  Digest128 digest;
  digest.Toggle(kEu.kind, kEu.key, kEu.record);
  const std::vector<EntityRef> removals = {{EntityKind::kFlag, "old"}, {EntityKind::kLayer, "checkout"}};
  const std::string text = EncodeChange(17, 19, digest, std::vector{kEu}, removals);
  EXPECT_EQ(text, R"({"from":17,"to":19,"digest":")" + digest.ToHex() +
                      R"(","upserts":[{"kind":"segment","key":"eu","record":)" + kEu.record +
                      R"(}],"removals":[{"kind":"flag","key":"old"},{"kind":"layer","key":"checkout"}]})");
  const Result<ChangeDocument> change = DecodeChange(text);
  ASSERT_TRUE(change) << change.error().message;
  EXPECT_EQ(change->from, 17u);
  EXPECT_EQ(change->to, 19u);
  EXPECT_EQ(change->digest, digest.ToHex());
  EXPECT_EQ(change->upserts, std::vector{kEu});
  EXPECT_EQ(change->changes.removals, removals);
  ASSERT_EQ(change->changes.upserts.size(), 1u);
  EXPECT_EQ(RefOf(change->changes.upserts[0]).ToText(), "segment eu");
}

TEST(ChangeTest, WhatThisVersionDoesNotKnowIsKeptForTheDigest) {
  const Result<ChangeDocument> change = DecodeChange(
      R"({"from":1,"to":2,"digest":"x","upserts":[{"kind":"hologram","key":"h","record":[1]},)"
      R"({"kind":"segment","key":"near","record":{"definition":{"segment":"near","when":{"place":{"within_km":5}}}}}],)"
      R"("removals":[{"kind":"hologram","key":"g"}],"note":"x"})");
  ASSERT_TRUE(change) << change.error().message;
  EXPECT_EQ(change->upserts[0], (EncodedEntity{"hologram", "h", "[1]"}));
  EXPECT_EQ(change->removals[0], (WireRef{"hologram", "g"}));
  EXPECT_TRUE(change->changes.empty());
  ASSERT_EQ(change->undecodable.size(), 1u);
  EXPECT_EQ(change->undecodable[0].ref.key, "near");
}

TEST(ChangeTest, MustGoForwardAndNameEachEntityOnce) {
  const auto code = [](std::string_view text) {
    const Result<ChangeDocument> change = DecodeChange(text);
    return change ? "ok" : change.error().issues.at(0).code;
  };
  EXPECT_EQ(code(R"({"from":2,"to":2,"digest":"","upserts":[],"removals":[]})"), "bad_number");
  EXPECT_EQ(code(R"({"from":1,"to":2,"digest":"","upserts":[]})"), "missing_key");
  EXPECT_EQ(code(R"({"from":1,"to":2,"digest":"","upserts":[{"kind":"flag","key":"a","record":{}}],)"
                 R"("removals":[{"kind":"flag","key":"a"}]})"),
            "duplicate_entity");
  EXPECT_EQ(
      code(R"({"from":1,"to":2,"digest":"","upserts":[{"kind":"flag","key":"a","record":{"state":{},"state":{}}}],)"
           R"("removals":[]})"),
      "json_duplicate_key");
}

}  // namespace
}  // namespace guidon
