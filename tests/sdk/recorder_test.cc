// What reads leave behind: each is counted once, and exposes what it consulted.
#include <guidon/client.h>
#include <guidon/test_source.h>

#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <iostream>
#include <limits>
#include <random>
#include <set>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/base/hash.h"
#include "tests/sdk/recorded.h"
#include "tests/sdk/world.h"
#include "tests/support/sanitizer.h"
#include "tests/support/workspace.h"

namespace guidon {
namespace {

using internal::RecordedExposure;
using internal::RecorderOptions;
using ::testing::Contains;
using testing::Counts;
using testing::CountsOf;
using ::testing::ElementsAre;
using testing::ExposuresOf;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::RecorderOf;
using testing::Recording;
using testing::RecordingClient;
using ::testing::SizeIs;

const Context kUser("user-1");
const std::string kLayout = BooleanFlag("layout", R"("default": "off")");

std::string TrialBy(const std::string& unit, const std::string& more = R"("state": "running")") {
  return R"({"experiment": "trial", "flag": "layout", "environment": "production", "unit": ")" + unit + R"(",
             "variants": {"control": {"serves": "off", "weight": "50%"}, "new": {"serves": "on", "weight": "50%"}}, )" +
         more + "}";
}
std::string Trial(const std::string& more = R"("state": "running")") {
  return TrialBy("account_id", more);
}

Context Account(const Value& id) {
  Context context("user-1");
  context.Set("account_id", id);
  return context;
}

// A copy that outlives the call.
struct Kept {
  std::string epoch, environment, flag, experiment, variant, holdout, unit_attribute, unit;
  std::int64_t time_ms;
  std::uint64_t revision;
  std::int32_t bucket;
  Value context;
};

std::vector<Kept> Take(internal::Recorder& recorder, std::size_t most = 1'000'000) {
  std::vector<Kept> kept;
  recorder.TakeExposures(most, [&](const RecordedExposure& e) {
    kept.push_back({std::string(e.epoch), std::string(e.environment), std::string(e.flag), std::string(e.experiment),
                    std::string(e.variant), std::string(e.holdout), std::string(e.unit_attribute), std::string(e.unit),
                    e.time_ms, e.revision, e.bucket, e.context});
  });
  return kept;
}

// ---- Counts ------------------------------------------------------------------------------------------------------

TEST(CountTest, EveryReadIsCountedOnceHoweverItIsDone) {
  const RecordingClient client(Workspace({BooleanFlag("a", R"("default": "on")"),
                                          R"({"flag": "n", "type": "number", "variations": {"half": 0.5, "two": 2},
                             "environments": {"production": {"enabled": true, "default": "half"}}})"}));
  const Pin pin = client.Pin();
  const Flag<bool> a(client, "a", false);
  client.Bool("a", kUser, false);
  client.BoolDetail("a", kUser, false);
  pin.Bool("a", kUser, false);
  pin.BoolDetail("a", kUser, false);
  a(kUser);
  a.Detail(kUser);
  a(kUser, pin);
  a.Detail(kUser, pin);
  client.String("a", kUser, "");
  client.Double("n", kUser, 0);
  client.Int("n", kUser, 0);
  client.Json("n", kUser, Value());
  client.Bool("gone", kUser, false);
  Flag<bool>(client, "gone", false)(kUser);
  EXPECT_THAT(CountsOf(client), ElementsAre("a ERROR TYPE_MISMATCH 1", "a on STATIC 8", "gone ERROR FLAG_NOT_FOUND 2",
                                            "n ERROR TYPE_MISMATCH 2", "n half STATIC 1"));
  EXPECT_THAT(CountsOf(client), IsEmpty());
  a(kUser);
  EXPECT_THAT(CountsOf(client), ElementsAre("a on STATIC 1"));
}

TEST(CountTest, PeeksLeaveNothingBehind) {
  const RecordingClient client(Workspace({kLayout, Trial()}));
  const Context context = Account("acct-1");
  const Pin pin = client.Pin();
  const Flag<bool> layout(client, "layout", false);
  const EvaluationDetail<bool> seen = client.Peek().BoolDetail("layout", context, false);
  EXPECT_EQ(seen.experiment, "trial");
  EXPECT_EQ(client.Peek().Bool("layout", context, !seen.value), seen.value);
  EXPECT_EQ(pin.Peek().Bool("layout", context, !seen.value), seen.value);
  EXPECT_EQ(layout.Peek(context), seen.value);
  EXPECT_EQ(layout.Peek(context, pin), seen.value);
  EXPECT_EQ(layout.PeekDetail(context).variant, seen.variant);
  EXPECT_EQ(layout.PeekDetail(context, pin).variant, seen.variant);
  EXPECT_EQ(client.Peek().Int("gone", context, 7), 7);
  EXPECT_EQ(client.Peek().String("layout", context, "x"), "x");
  EXPECT_THAT(CountsOf(client), IsEmpty());
  EXPECT_THAT(ExposuresOf(client), IsEmpty());
}

TEST(CountTest, APeekOfAPinStaysAtItsRevision) {
  TestSource flags;
  flags.Set("a", 1);
  const Client client(flags);
  const Peek pinned = client.Pin().Peek(), current = client.Peek();
  flags.Set("a", 2);
  EXPECT_EQ(pinned.Int("a", kUser, 0), 1);
  EXPECT_EQ(current.Int("a", kUser, 0), 2);
}

TEST(CountTest, AReadThroughAPinOfAnotherClientIsThatClients) {
  TestSource flags;
  flags.Set("a", true);
  const Client one(flags), other(flags);
  const Flag<bool> a(one, "a", false);
  EXPECT_TRUE(a(kUser, other.Pin()));
  EXPECT_THAT(CountsOf(one), IsEmpty());
  EXPECT_THAT(CountsOf(other), SizeIs(1));
}

TEST(CountTest, ReadsBeforeTheFirstRulesetAreCountedByName) {
  const Client client(ClientConfig{});
  client.Bool("a", kUser, false);
  client.IntDetail("a", kUser, 0);
  EXPECT_THAT(CountsOf(client), ElementsAre("a ERROR PROVIDER_NOT_READY 2"));
}

TEST(CountTest, OneVariationMayBeServedForManyReasons) {
  Recording recording(
      Workspace({BooleanFlag("other", R"("rules": [{"when": {"key": "blocked"}, "serve": "off"}], "default": "on")"),
                 BooleanFlag("a", R"("requires": [{"flag": "other", "is": "on"}], "targets": {"off": ["vip"]},
                           "rules": [{"id": "split", "when": {"beta": true}, "serve": "off", "rollout": "100%"}],
                           "default": "off")")}));
  Context beta("user-1");
  beta.Set("beta", true);
  for (int i = 0; i < 2; ++i) {
    recording.Read("a", Context("blocked"));
    recording.Read("a", Context("vip"));
    recording.Read("a", beta);
    recording.Read("a", kUser);
  }
  EXPECT_THAT(CountsOf(recording.recorder), ElementsAre("a off DEFAULT 2", "a off TARGETING_MATCH 2", "a off SPLIT 2",
                                                        "a off PREREQUISITE_FAILED 2"));
}

TEST(CountTest, TheCallersDefaultIsCountedWithoutAVariation) {
  Recording recording(Workspace(
      {R"({"flag": "s", "type": "string", "variations": {"a": "1"}, "environments": {"production": {"enabled": false}}})",
       R"({"flag": "t", "type": "string", "variations": {"a": "1", "b": "2"}, "environments": {"production":
            {"enabled": true, "default": {"serve": {"a": "50%", "b": "50%"}}}}})"}));
  recording.Read("s", kUser);
  recording.Read("t", Context());
  EXPECT_THAT(CountsOf(recording.recorder), ElementsAre("s DISABLED 1", "t ERROR TARGETING_KEY_MISSING 1"));
}

TEST(CountTest, AFlagThatGetsOtherVariationsIsCountedByTheNamesThatItHad) {
  const auto flag = [](const std::string& variations, const std::string& served) {
    return Workspace({R"({"flag": "a", "type": "string", "variations": )" + variations +
                      R"(, "environments": {"production": {"enabled": true, "default": ")" + served + R"("}}})"});
  };
  Recording recording(flag(R"({"x": "1", "y": "2"})", "y"));
  const auto first = recording.current;
  recording.Read("a", kUser);
  recording.Publish(flag(R"({"z": "3", "x": "1", "y": "2"})", "x"));
  recording.Read("a", kUser);
  recording.Read(*first, "a", kUser);                       // a pin
  recording.Publish(flag(R"({"x": "1", "y": "2"})", "y"));  // as it was
  recording.Read("a", kUser);
  recording.Publish(Workspace({}));
  recording.Read("a", kUser);
  recording.Read(*first, "a", kUser);
  EXPECT_THAT(CountsOf(recording.recorder), ElementsAre("a ERROR FLAG_NOT_FOUND 1", "a x STATIC 1", "a y STATIC 4"));
}

TEST(CountTest, ABrokenFlagIsCountedByItsKey) {
  Recording recording(Workspace({BooleanFlag("a", R"("requires": [{"flag": "b", "is": "on"}], "default": "on")"),
                                 BooleanFlag("b", R"("requires": [{"flag": "a", "is": "on"}], "default": "on")")}));
  recording.Read("a", kUser);
  EXPECT_THAT(CountsOf(recording.recorder), ElementsAre("a ERROR PARSE_ERROR 1"));
}

TEST(CountTest, UnknownFlagsBeyondTheBoundAreCountedTogether) {
  RecorderOptions options;
  options.unknown_flags = 3;
  Recording recording(Workspace({}), options);
  for (int round = 0; round < 2; ++round) {
    for (const char* flag : {"a", "b", "c", "d", "e"}) recording.Read(flag, kUser);
  }
  EXPECT_THAT(CountsOf(recording.recorder), ElementsAre("(other) ERROR FLAG_NOT_FOUND 4", "a ERROR FLAG_NOT_FOUND 2",
                                                        "b ERROR FLAG_NOT_FOUND 2", "c ERROR FLAG_NOT_FOUND 2"));
}

TEST(CountTest, WhatCanBeNoKeyIsCountedWithTheOthers) {
  Recording recording(Workspace({}));
  for (const std::string& flag : {std::string(), std::string("\xff\xfe"), std::string("a\0b", 3), std::string(129, 'x'),
                                  std::string("line\nbreak")}) {
    recording.Read(flag, kUser);
  }
  recording.Read("chek out", kUser);
  EXPECT_THAT(CountsOf(recording.recorder),
              ElementsAre("(other) ERROR FLAG_NOT_FOUND 5", "chek out ERROR FLAG_NOT_FOUND 1"));
}

TEST(CountTest, AFlagWithAsManyVariationsAsThereMayBeIsCounted) {
  std::string variations;
  for (int i = 0; i < 256; ++i) {
    const std::string name = "v" + std::to_string(i);
    variations += (i == 0 ? "\"" : ", \"") + name + "\": " + std::to_string(i);
  }
  Recording recording(Workspace(
      {R"({"flag": "wide", "type": "number", "variations": {)" + variations +
       R"(}, "environments": {"production": {"enabled": true, "targets": {"v255": ["last"]}, "default": "v3"}}})"}));
  recording.Read("wide", Context("last"));
  recording.Read("wide", kUser);
  recording.Read("wide", kUser);
  EXPECT_THAT(CountsOf(recording.recorder), ElementsAre("wide v255 TARGETING_MATCH 1", "wide v3 DEFAULT 2"));
}

TEST(CountPlacesTest, PlacesNeverOverlapAndEndAtTheBound) {
  internal::CountPlaces places;
  std::vector<bool> taken(internal::CountPlace::kChunks * internal::CountPlace::kChunkWords);
  std::uint32_t without_place = 0;
  for (std::uint32_t i = 0; i < internal::CountedFlag::kMost; ++i) {
    std::string names = "f" + std::to_string(i) + '\0';
    for (std::uint32_t v = 0; v < i % 7; ++v) (names += "v") += '\0';
    const auto flag = places.Take(names);
    ASSERT_NE(flag, nullptr);
    ASSERT_EQ(flag->number(), i);
    ASSERT_EQ(flag->variations(), i % 7);
    if (flag->place().value == 0) {
      ++without_place;
      continue;
    }
    ASSERT_GT(flag->place().chunk(), 0u);
    ASSERT_LE(flag->place().word() + 2 * (i % 7), internal::CountPlace::kChunkWords) << "within one chunk";
    for (std::uint32_t word = 0; word < 2 * (i % 7); ++word) {
      ASSERT_FALSE(taken[flag->place().value + word]);
      taken[flag->place().value + word] = true;
    }
  }
  EXPECT_EQ(places.Take(std::string("one too many\0", 13)), nullptr);
  EXPECT_GT(without_place, internal::CountedFlag::kMost / 7) << "those without variations, and the last ones";
}

// ---- Exposures ---------------------------------------------------------------------------------------------------

TEST(ExposureTest, AReadExposesTheUnitOnceWithAllThatIsKnown) {
  Recording recording(Workspace({kLayout, Trial()}));
  Context context = Account("acct-1");
  context.Set("country", "DE").Set("age", 31).Set("beta", true).Set("score", 0.5);
  context.Set("roles", Json(R"(["a"])"))
      .Set("app", Json(R"({"v": 1})"))
      .Set("odd", std::numeric_limits<double>::infinity());
  context.Set("broken", "\xff");
  std::string variant;
  for (int i = 0; i < 3; ++i) variant = recording.Read("layout", context).variant_name();
  const std::vector<Kept> exposures = Take(recording.recorder);
  ASSERT_THAT(exposures, SizeIs(1));
  const Kept& exposure = exposures[0];
  EXPECT_EQ(exposure.epoch + " " + exposure.environment, "epoch-1 production");
  EXPECT_EQ(exposure.flag + " " + exposure.experiment + " " + exposure.variant, "layout trial " + variant);
  EXPECT_EQ(exposure.unit_attribute + "=" + exposure.unit, "account_id=acct-1");
  EXPECT_EQ(exposure.holdout, "");
  EXPECT_EQ(exposure.time_ms, recording.now_ms);
  EXPECT_EQ(exposure.revision, recording.current->ruleset->revision());
  const std::uint64_t bucket = (std::uint64_t{Murmur3("trial#1:acct-1")} * 100'000) >> 32;
  EXPECT_EQ(exposure.bucket, static_cast<std::int32_t>(bucket));
  EXPECT_EQ(ToJson(exposure.context),
            R"({"key":"user-1","account_id":"acct-1","country":"DE","age":31,"beta":true,"score":0.5})");
  recording.Read("layout", context);
  EXPECT_THAT(Take(recording.recorder), IsEmpty());
  EXPECT_EQ(recording.recorder.dropped_exposures(), 0u);
}

TEST(ExposureTest, TheUnitIsTextAsBucketingHasIt) {
  Recording recording(Workspace({kLayout, Trial()}));
  for (const Value& id : {Value(17), Value(17.0), Value("17"), Value(-3), Value(true), Value(0.5), Value("")}) {
    recording.Read("layout", Account(id));
  }
  std::vector<std::string> units;
  for (const Kept& exposure : Take(recording.recorder)) units.push_back(exposure.unit);
  EXPECT_THAT(units, ElementsAre("17", "-3")) << "the same unit, however it is written; what is none is not exposed";
}

TEST(ExposureTest, TheContextsKeyIsAnAttributeToo) {
  Recording recording(Workspace({kLayout, TrialBy("key")}));
  recording.Read("layout", kUser);
  const std::vector<Kept> exposures = Take(recording.recorder);
  ASSERT_THAT(exposures, SizeIs(1));
  EXPECT_EQ(exposures[0].unit_attribute + "=" + exposures[0].unit, "key=user-1");
}

TEST(ExposureTest, HeldOutUnitsAndTheComparisonGroupAreExposedAsSuch) {
  Recording recording(Workspace({kLayout, R"({"holdout": "half-year", "unit": "org", "size": "50%"})",
                                 Trial(R"("state": "running", "holdout": "half-year")")}));
  int held_out = 0;
  for (int i = 0; i < 40; ++i) {
    const std::string n = std::to_string(i);
    Context context = Account("a-" + n);
    context.Set("org", "o-" + n);
    const bool is_held = (std::uint64_t{Murmur3("holdout:half-year:o-" + n)} * 100'000) >> 32 < 50'000;
    const std::string variant(recording.Read("layout", context).variant_name());
    const std::vector<std::string> exposures = ExposuresOf(recording.recorder);
    if (is_held) {
      EXPECT_THAT(exposures, ElementsAre("trial#1 control held_out org=o-" + n + " in half-year"));
      ++held_out;
    } else {
      EXPECT_THAT(exposures, ElementsAre("trial#1 comparison org=o-" + n + " in half-year",
                                         "trial#1 " + variant + " assigned account_id=a-" + n));
    }
    recording.Read("layout", context);
    EXPECT_THAT(ExposuresOf(recording.recorder), IsEmpty());
  }
  EXPECT_GT(held_out, 5);
  EXPECT_LT(held_out, 35);
}

TEST(ExposureTest, ForcedOnesAreMarkedAndHideNoneThatIsNot) {
  const auto snapshot = [](const std::string& force) {
    return Workspace(
        {kLayout, Trial(R"("state": "running", "qa": {"force": [{)" + force + R"(, "variant": "new"}]})")});
  };
  Recording recording(snapshot(R"("qa": true)"));
  std::string unit;  // one that is assigned `new` anyway
  for (int i = 0; unit.empty(); ++i) {
    const std::string candidate = "a-" + std::to_string(i);
    if (recording.Read("layout", Account(candidate)).variant == 1) unit = candidate;
  }
  Recording fresh(snapshot(R"("qa": true)"));
  Context forced = Account(unit);
  forced.Set("qa", true);
  fresh.Read("layout", forced);
  fresh.Read("layout", Account(unit));
  const std::vector<Kept> exposures = Take(fresh.recorder);
  ASSERT_THAT(exposures, SizeIs(2));
  EXPECT_EQ(exposures[0].bucket, -1);
  EXPECT_GE(exposures[1].bucket, 0);
  Context nobody("user-2");
  nobody.Set("qa", true);
  EXPECT_TRUE(fresh.Read("layout", nobody).forced);
  EXPECT_THAT(Take(fresh.recorder), IsEmpty()) << "forced, but there is no unit";
}

TEST(ExposureTest, APrerequisitesExperimentIsExposedWithTheFlagThatNeedsIt) {
  const RecordingClient client(
      Workspace({kLayout, Trial(),
                 BooleanFlag("needs", R"("requires": [{"flag": "layout", "is": ["on", "off"]}], "default": "on")")}));
  client.Bool("needs", Account("acct-1"), false);
  EXPECT_THAT(ExposuresOf(client), ElementsAre(HasSubstr("assigned account_id=acct-1")));
  EXPECT_THAT(CountsOf(client), ElementsAre("needs on DEFAULT 1")) << "a prerequisite is not read";
}

TEST(ExposureTest, ACallerWhoSeesItsOwnDefaultIsNotExposed) {
  const std::string number = R"({"flag": "n", "type": "number", "variations": {"half": 0.5, "two": 2},
                                 "environments": {"production": {"enabled": true, "default": "half"}}})";
  const std::string experiment =
      R"({"experiment": "sizes", "flag": "n", "environment": "production", "unit": "key", "state": "running",
          "variants": {"control": {"serves": "half", "weight": "50%"}, "new": {"serves": "two", "weight": "50%"}}})";
  const RecordingClient client(Workspace({number, experiment}));
  int whole = 0;
  std::vector<std::string> expected;
  for (int i = 0; i < 20; ++i) {
    const Context context("u-" + std::to_string(i));
    client.String("n", context, "");
    client.Bool("n", context, false);
    if (client.IntDetail("n", context, 0).error != EvaluationError::kNone) continue;
    expected.push_back("sizes#1 new assigned key=u-" + std::to_string(i));
    ++whole;
  }
  EXPECT_THAT(ExposuresOf(client), ::testing::ElementsAreArray(expected));
  EXPECT_GT(whole, 3);
  EXPECT_LT(whole, 17);
  const std::string counted = "n two SPLIT " + std::to_string(whole);
  EXPECT_THAT(CountsOf(client), Contains(counted)) << "once, though it was evaluated twice";
  client.Double("n", Context("u-new"), 0);
  EXPECT_THAT(ExposuresOf(client), SizeIs(1));
}

TEST(ExposureTest, AnotherIterationEpochOrEnvironmentIsExposedAnew) {
  Snapshot snapshot = Workspace({kLayout, Trial()});
  Recording recording(snapshot);
  const auto exposed = [&] {
    recording.Read("layout", Account("acct-1"));
    return Take(recording.recorder).size();
  };
  EXPECT_EQ(exposed(), 1u);
  snapshot.revision = 2;
  recording.Publish(snapshot);
  EXPECT_EQ(exposed(), 0u) << "another revision is not";
  recording.Publish(snapshot, "epoch-2");
  EXPECT_EQ(exposed(), 1u);
  recording.Publish(snapshot, "epoch-2", "staging");
  EXPECT_EQ(exposed(), 1u);
  snapshot.entities.experiments[0].state.iteration = 2;
  recording.Publish(snapshot, "epoch-2", "staging");
  EXPECT_EQ(exposed(), 1u);
  EXPECT_EQ(exposed(), 0u);
}

TEST(ExposureTest, NamesOutliveTheirRuleset) {
  Recording recording(Workspace({kLayout, Trial()}));
  recording.Read("layout", Account("acct-1"));
  recording.Publish(Workspace({}), "epoch-2");
  EXPECT_THAT(ExposuresOf(recording.recorder), ElementsAre(HasSubstr("trial#1")));
}

TEST(ExposureTest, WhatDoesNotFitIsDroppedCountedAndOfferedAgain) {
  RecorderOptions options;
  options.ring_bytes = 32 << 10;
  Recording recording(Workspace({kLayout, Trial()}), options);
  const auto read_all = [&] {
    for (int i = 0; i < 1'000; ++i) recording.Read("layout", Account("acct-" + std::to_string(i)));
  };
  read_all();
  const std::uint64_t dropped = recording.recorder.dropped_exposures();
  EXPECT_GT(dropped, 500u);
  std::set<std::string> units;
  std::size_t taken = 0;
  for (int round = 0; round < 30 && units.size() < 1'000; ++round) {
    for (const Kept& exposure : Take(recording.recorder)) {
      units.insert(exposure.unit);
      ++taken;
      EXPECT_EQ(exposure.context.Find("account_id")->AsString(), exposure.unit);
    }
    read_all();
  }
  EXPECT_EQ(units.size(), 1'000u);
  EXPECT_LT(taken, 1'400u) << "most are remembered";
  EXPECT_EQ(CountsOf(recording.recorder).size(), 2u);
}

TEST(ExposureTest, AFullRingIsFollowedByOthersWithinTheirBoundWhichIsThereAgainWhenTheyAreEmpty) {
  RecorderOptions one_ring;
  one_ring.ring_bytes = 32 << 10;
  RecorderOptions three_rings = one_ring;
  three_rings.spare_bytes = 64 << 10;
  Recording alone(Workspace({kLayout, Trial()}), one_ring);
  Recording recording(Workspace({kLayout, Trial()}), three_rings);
  int next = 100'000;  // all of one length
  const auto read_and_take = [&](Recording& of) {
    const std::uint64_t dropped = of.recorder.dropped_exposures();
    for (int i = 0; i < 1'000; ++i) of.Read("layout", Account("acct-" + std::to_string(next++)));
    std::vector<std::string> units;
    for (const Kept& exposure : Take(of.recorder)) units.push_back(exposure.unit);
    EXPECT_TRUE(std::is_sorted(units.begin(), units.end())) << "oldest first";
    EXPECT_EQ(units.size() + of.recorder.dropped_exposures() - dropped, 1'000u);
    return static_cast<double>(units.size());
  };
  const double of_one = read_and_take(alone), near = 8;  // records differ by the names of variants
  EXPECT_LT(of_one, 300);
  for (int round = 0; round < 4; ++round) EXPECT_NEAR(read_and_take(recording), 3 * of_one, near) << round;

  // Another thread has its own ring, and none of the spare ones while the first has them.
  for (int i = 0; i < 1'000; ++i) recording.Read("layout", Account("acct-" + std::to_string(next++)));
  std::thread([&] {
    for (int i = 0; i < 1'000; ++i) recording.Read("layout", Account("acct-" + std::to_string(next++)));
  }).join();
  EXPECT_NEAR(static_cast<double>(Take(recording.recorder).size()), 4 * of_one, near);
}

TEST(ExposureTest, AtMostAsManyAreGivenAsAreAskedForOldestFirst) {
  Recording recording(Workspace({kLayout, Trial()}));
  for (int i = 0; i < 5; ++i) recording.Read("layout", Account(i));
  EXPECT_THAT(Take(recording.recorder, 0), IsEmpty());
  std::vector<std::string> units;
  for (const std::size_t most : {2u, 2u, 2u}) {
    for (const Kept& exposure : Take(recording.recorder, most)) units.push_back(exposure.unit);
  }
  EXPECT_THAT(units, ElementsAre("0", "1", "2", "3", "4"));
}

TEST(ExposureTest, WhatTheTakerThrowsLosesNothing) {
  Recording recording(Workspace({kLayout, Trial()}));
  recording.Read("layout", Account("acct-1"));
  EXPECT_THROW(recording.recorder.TakeExposures(10, [](const RecordedExposure&) { throw std::bad_alloc(); }),
               std::bad_alloc);
  EXPECT_THAT(Take(recording.recorder), SizeIs(1));
}

TEST(ExposureTest, ATooLongContextIsLeftOutAndTheExposureIsNot) {
  const auto context_of = [](std::size_t size) {
    Recording recording(Workspace({kLayout, Trial()}));
    Context context = Account("a");
    context.Set("text", std::string(size, 'x'));
    recording.Read("layout", context);
    const std::vector<Kept> exposures = Take(recording.recorder);
    return exposures.size() == 1 ? exposures[0].context : Value("nothing was recorded");
  };
  const std::size_t around = std::string_view(R"({"key":"user-1","account_id":"a","text":""})").size();
  EXPECT_EQ(ToJson(context_of(4'096 - around)).size(), 4'096u);
  EXPECT_TRUE(context_of(4'097 - around).is_null());
  EXPECT_TRUE(context_of(100'000).is_null());
}

TEST(ExposureTest, AUnitThatCannotBeSentIsDroppedOnce) {
  Recording recording(Workspace({kLayout, Trial()}));
  for (int i = 0; i < 3; ++i) {
    recording.Read("layout", Account(std::string(1'025, 'x')));
    recording.Read("layout", Account("\xff"));
  }
  EXPECT_THAT(Take(recording.recorder), IsEmpty());
  EXPECT_EQ(recording.recorder.dropped_exposures(), 2u);
  recording.Read("layout", Account(std::string(1'024, 'x')));
  EXPECT_THAT(Take(recording.recorder), SizeIs(1));
}

TEST(ExposureTest, PrivateAttributesStayInTheProcess) {
  RecorderOptions options;
  options.private_attributes = {"email", "address"};
  Recording recording(Workspace({kLayout, Trial()}), options);
  Context context = Account("acct-1");
  context.Set("email", "a@shop.example").Set("address.city", "Oslo").Set("addressee", "me");
  recording.Read("layout", context);
  const std::vector<Kept> exposures = Take(recording.recorder);
  ASSERT_THAT(exposures, SizeIs(1));
  EXPECT_EQ(ToJson(exposures[0].context), R"({"key":"user-1","account_id":"acct-1","addressee":"me"})");
  EXPECT_THAT(recording.recorder.TakeWarnings(), IsEmpty());
}

TEST(ExposureTest, AnExperimentByAPrivateAttributeRecordsNoneAndSaysSoOnce) {
  RecorderOptions options;
  options.private_attributes = {"key", "account_id"};
  const Snapshot snapshot = Workspace({kLayout, Trial()});
  Recording recording(snapshot, options);
  EXPECT_THAT(recording.recorder.TakeWarnings(), ElementsAre(HasSubstr("experiment 'trial'")));
  recording.Read("layout", Account("acct-1"));
  EXPECT_THAT(Take(recording.recorder), IsEmpty());
  EXPECT_EQ(recording.recorder.dropped_exposures(), 0u) << "nothing that should have been kept was lost";
  recording.Publish(snapshot);
  EXPECT_THAT(recording.recorder.TakeWarnings(), IsEmpty());
}

TEST(ExposureTest, WithoutExposuresReadsAreStillCounted) {
  RecorderOptions options;
  options.exposures = false;
  Recording recording(Workspace({kLayout, Trial()}), options);
  recording.Read("layout", Account("acct-1"));
  EXPECT_THAT(Take(recording.recorder), IsEmpty());
  EXPECT_EQ(recording.recorder.dropped_exposures(), 0u);
  EXPECT_THAT(CountsOf(recording.recorder), SizeIs(1));
}

TEST(ExposureTest, WhenAllAttributesArePrivateTheKeyIsLeft) {
  RecorderOptions options;
  options.all_attributes_private = true;
  Recording recording(Workspace({kLayout, TrialBy("key")}), options);
  recording.Read("layout", Account("acct-1"));
  const std::vector<Kept> exposures = Take(recording.recorder);
  ASSERT_THAT(exposures, SizeIs(1));
  EXPECT_EQ(ToJson(exposures[0].context), R"({"key":"user-1"})");
}

TEST(ExposureTest, AHoldoutByAPrivateAttributeIsSaidToo) {
  RecorderOptions options;
  options.private_attributes = {"org"};
  Recording recording(Workspace({kLayout, R"({"holdout": "half-year", "unit": "org", "size": "50%"})",
                                 Trial(R"("state": "running", "holdout": "half-year")")}),
                      options);
  EXPECT_THAT(recording.recorder.TakeWarnings(), ElementsAre(HasSubstr("of its holdout")));
}

// ---- Fork --------------------------------------------------------------------------------------------------------

#if !defined(__SANITIZE_THREAD__)  // TSan does not follow a child that has threads' state
TEST(RecorderForkTest, AChildStartsWithNothingAndTheParentKeepsWhatItHas) {
  Recording recording(Workspace({kLayout, Trial(), BooleanFlag("a", R"("default": "on")")}));
  std::atomic<bool> ready{false}, stop{false};
  std::thread other([&] {
    for (int i = 0; i < 10 || !stop; ++i) {
      recording.Read("a", kUser);
      recording.Read("layout", Account("other-" + std::to_string(i % 5)));
      ready = i >= 10;
    }
  });
  while (!ready) std::this_thread::yield();
  recording.Read("layout", Account("acct-1"));
  for (int i = 0; i < 20; ++i) {
    const pid_t child = fork();
    if (child == 0) {
      recording.recorder.ContinueInChild();
      bool ok = CountsOf(recording.recorder).empty() && ExposuresOf(recording.recorder).empty();
      std::thread([&] { recording.Read("a", kUser); }).join();
      recording.Read("layout", Account("acct-1"));
      ok = ok && CountsOf(recording.recorder).size() == 2 && ExposuresOf(recording.recorder).size() == 1;
      _exit(ok ? 0 : 1);
    }
    int status = -1;
    ASSERT_EQ(waitpid(child, &status, 0), child);
    EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0) << status;
    Counts counts;
    testing::AddCounts(recording.recorder, counts);  // so that a fork may meet it
  }
  stop = true;
  other.join();
  EXPECT_THAT(ExposuresOf(recording.recorder), SizeIs(6));
}

#if !defined(__SANITIZE_ADDRESS__)  // its allocator is no use in a child when other threads allocated at the fork
TEST(RecorderForkTest, AChildHasAllTheRoomForExposuresWhateverItsParentsThreadsAreAt) {
  RecorderOptions options;
  options.ring_bytes = 32 << 10;
  options.spare_bytes = 128 << 10;
  Recording recording(Workspace({kLayout, Trial()}), options);
  for (int i = 0; i < 2'000; ++i) recording.Read("layout", Account("mine-" + std::to_string(i)));
  ASSERT_GT(recording.recorder.dropped_exposures(), 0u) << "all room is taken";
  std::atomic<bool> stop{false};
  std::thread other([&] {
    for (int i = 0; !stop; ++i) recording.Read("layout", Account("other-" + std::to_string(i)));
  });
  std::thread taker([&] {
    while (!stop) Take(recording.recorder, 100);
  });
  for (int i = 0; i < 20; ++i) {
    const pid_t child = fork();
    if (child == 0) {
      recording.recorder.ContinueInChild();
      for (int n = 0; n < 600; ++n) recording.Read("layout", Account("childs-" + std::to_string(n)));
      _exit(ExposuresOf(recording.recorder).size() == 600 && recording.recorder.dropped_exposures() == 0 ? 0 : 1);
    }
    int status = -1;
    ASSERT_EQ(waitpid(child, &status, 0), child);
    EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0) << status;
  }
  stop = true;
  other.join();
  taker.join();
}
#endif
#endif

// ---- Against a model ---------------------------------------------------------------------------------------------

int Scaled(int count) {
  const char* scale = std::getenv("GUIDON_PROPERTY_SCALE");
  return scale == nullptr ? count : std::max(1, static_cast<int>(count * std::atof(scale)));
}

// Random reads of flags that come, go and get other variations, with the newest ruleset or an older one that is kept.
TEST(RecorderPropertyTest, TakesWhatAMapWouldHaveCounted) {
  constexpr std::uint64_t kSeed = 20270501;
  const int walks = Scaled(20);
  std::cout << "seeds from " << kSeed << ", " << walks << " walks\n";
  for (int walk = 0; walk < walks; ++walk) {
    const std::uint64_t seed = kSeed + static_cast<std::uint64_t>(walk);
    std::mt19937_64 random(seed);
    const auto below = [&](std::uint64_t end) { return random() % end; };
    const auto workspace = [&] {
      std::vector<std::string> definitions;
      for (char key = 'a'; key <= 'e'; ++key) {
        if (below(4) == 0) continue;
        const std::string on = below(2) == 0 ? "x" : "y", off = below(2) == 0 ? "off" : "none";
        definitions.push_back(R"({"flag": ")" + std::string(1, key) + R"(", "type": "string", "variations": {")" + on +
                              R"(": "1", ")" + off + R"(": "0"}, "environments": {"production": {"enabled": )" +
                              (below(5) == 0 ? "false" : "true") +
                              (below(2) == 0 ? R"(, "off": ")" + off + "\"" : std::string()) + R"(, "targets": {")" +
                              on + R"(": ["vip"]}, "rules": [{"id": "r", "when": {"beta": true},
                                  "serve": {")" +
                              on + R"(": "50%", ")" + off + R"(": "50%"}}], "default": ")" + off + R"("}}})");
      }
      if (std::any_of(definitions.begin(), definitions.end(),
                      [](const std::string& d) { return d.find("\"a\"") != d.npos && d.find("\"x\"") != d.npos; })) {
        definitions.push_back(
            R"({"experiment": "e", "flag": "a", "environment": "production", "unit": "key", "state": "running",
                "variants": {"one": {"serves": "x", "weight": "50%"}, "two": {"serves": "x", "weight": "50%"}}})");
      }
      return Workspace(definitions);
    };
    RecorderOptions options;
    options.unknown_flags = 4;
    Recording recording(workspace(), options);
    std::vector<std::shared_ptr<const testing::Recorded>> kept = {recording.current};
    Counts model, taken;
    std::set<std::string> named, exposed, exposures;
    for (int step = 0; step < 400; ++step) {
      switch (below(40)) {
        case 0:
          recording.Publish(workspace());
          kept.push_back(recording.current);
          break;
        case 1:
          testing::AddCounts(recording.recorder, taken);
          break;
        case 2:
          for (const std::string& e : ExposuresOf(recording.recorder)) {
            EXPECT_TRUE(exposures.insert(e).second) << e << " again, seed " << seed;
          }
          break;
        default: {
          const std::string flag(1, static_cast<char>('a' + below(14)));
          Context context(below(3) == 0 ? "vip" : "u-" + std::to_string(below(50)));
          context.Set("beta", below(2) == 0);
          const Decision decision = recording.Read(*kept[below(kept.size())], flag, context);
          std::string name = flag;
          if (decision.flag == nullptr) {
            if (named.size() < 4) named.insert(flag);
            if (!named.contains(flag)) name = "(other)";
          }
          if (decision.variation != kNone) name += " " + std::string(decision.variation_name());
          name += " " + std::string(ToString(decision.reason));
          if (decision.error != EvaluationError::kNone) name += " " + std::string(ToString(decision.error));
          ++model[name];
          if (decision.experiment != nullptr) {
            exposed.insert("e#1 " + std::string(decision.variant_name()) +
                           " assigned key=" + std::string(context.key()));
          }
        }
      }
    }
    testing::AddCounts(recording.recorder, taken);
    for (const std::string& e : ExposuresOf(recording.recorder)) EXPECT_TRUE(exposures.insert(e).second) << e;
    ASSERT_EQ(taken, model) << "seed " << seed;
    ASSERT_EQ(exposures, exposed) << "seed " << seed;
  }
}

}  // namespace
}  // namespace guidon
