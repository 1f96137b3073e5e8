#include <gtest/gtest.h>

#include <functional>

#include "core/base/json.h"
#include "core/codec/codec.h"
#include "core/codec/wire.h"
#include "tests/support/random_model.h"

namespace guidon {
namespace {

constexpr std::uint64_t kSeed = 20270331;
constexpr int kRuns = 500;

// Through text, so that what the writer of JSON does is part of the trip.
Value ThroughText(const Value& value) {
  const std::string text = ToJson(value);
  Result<Value> back = ParseJson(text);
  EXPECT_TRUE(back) << back.error().message;
  EXPECT_EQ(ToJson(*back), text);
  return back ? *back : Value();
}

// `make` a random T, encode it, decode it: the same T, and the same encoding.
template <typename T>
void ExpectRoundTrips(std::function<T(RandomModel&)> make, std::function<Value(const T&)> encode,
                      std::function<Result<T>(const Value&)> decode) {
  for (int run = 0; run < kRuns; ++run) {
    std::mt19937_64 random(kSeed + static_cast<std::uint64_t>(run));
    RandomModel model(random);
    const T original = make(model);
    const Value encoded = encode(original);
    const Result<T> decoded = decode(ThroughText(encoded));
    ASSERT_TRUE(decoded) << "seed " << kSeed + run << ": " << decoded.error().message << "\n" << ToPrettyJson(encoded);
    ASSERT_EQ(*decoded, original) << "seed " << kSeed + run << "\n" << ToPrettyJson(encoded);
    ASSERT_EQ(ToJson(encode(*decoded)), ToJson(encoded)) << "seed " << kSeed + run;
  }
}

TEST(RoundTripTest, AnyConditionIsReadAsItWasWritten) {
  ExpectRoundTrips<Condition>([](RandomModel& model) { return model.MakeCondition(5); }, EncodeCondition,
                              [](const Value& v) { return DecodeCondition(v); });
}

TEST(RoundTripTest, AnyProjectIsReadAsItWasWritten) {
  ExpectRoundTrips<Project>([](RandomModel& model) { return model.MakeProject("shop"); }, EncodeProject,
                            [](const Value& v) { return DecodeProject(v); });
}

TEST(RoundTripTest, AnyTestIsReadAsItWasWritten) {
  ExpectRoundTrips<FlagTest>([](RandomModel& model) { return model.MakeFlagTest(); }, EncodeFlagTest, DecodeFlagTest);
}

class EveryKindTest : public ::testing::TestWithParam<EntityKind> {};
INSTANTIATE_TEST_SUITE_P(Kinds, EveryKindTest, ::testing::ValuesIn(kEntityKinds),
                         [](const auto& kind) { return std::string(ToString(kind.param)); });

TEST_P(EveryKindTest, AnyDefinitionIsReadAsItWasWritten) {
  const auto without_state = [](EntityRecord record) {
    std::visit([](auto& r) { r.state = {}; }, record);
    return record;
  };
  ExpectRoundTrips<EntityRecord>(
      [&](RandomModel& model) { return without_state(model.MakeRecord(GetParam(), "some.key")); }, EncodeDefinition,
      DecodeDefinition);
}

TEST_P(EveryKindTest, AnyRecordIsReadAsItWasWritten) {
  ExpectRoundTrips<EntityRecord>([&](RandomModel& model) { return model.MakeRecord(GetParam(), "some.key"); },
                                 EncodeRecord, [&](const Value& v) { return DecodeRecord(GetParam(), v); });
}

const Value* ValueAt(const Value& root, const Path& path) {
  const Value* value = &root;
  for (const Path::Step& step : path.steps()) {
    if (const auto* name = std::get_if<std::string>(&step)) {
      value = value->Find(*name);
    } else if (std::get<std::size_t>(step) < value->AsArray().size()) {
      value = &value->AsArray()[std::get<std::size_t>(step)];
    } else {
      value = nullptr;
    }
    if (value == nullptr) return nullptr;
  }
  return value;
}

// Calls `visit` with every object within `value`, innermost first.
void ForEachObject(Value& value, const std::function<void(Object&)>& visit) {
  if (value.is_array()) {
    for (Value& element : value.MutableArray()) ForEachObject(element, visit);
  } else if (value.is_object()) {
    for (Member& member : value.MutableObject()) ForEachObject(member.value, visit);
    visit(value.MutableObject());
  }
}

// A key that was not there either means something (an attribute of a condition, a member of a JSON variation), and then
// it is written again, or it is a fault. Nothing that a person wrote is dropped in silence.
TEST_P(EveryKindTest, WhatIsAuthoredIsNeverDroppedInSilence) {
  constexpr std::string_view kMore = "zz_more";
  int faults = 0;
  for (std::uint64_t seed = kSeed; seed < kSeed + 300; ++seed) {
    std::mt19937_64 random(seed);
    RandomModel model(random);
    Value value = EncodeDefinition(model.MakeRecord(GetParam(), "some.key"));
    ForEachObject(value, [&](Object& object) {
      object.Append(kMore, "50%");
      const Result<EntityRecord> decoded = DecodeEntity(GetParam(), value);
      if (decoded) {
        EXPECT_NE(ToJson(EncodeDefinition(*decoded)).find(kMore), std::string::npos) << "seed " << seed << "\n"
                                                                                     << ToPrettyJson(value);
      } else {
        ++faults;
      }
      object.Erase(kMore);
    });
  }
  EXPECT_GE(faults, 300);
}

// Whatever a value is, decoding answers; and every fault lies on the way to something that is there.
TEST_P(EveryKindTest, BrokenDefinitionsAreAnsweredWithPathsThatExist) {
  const std::vector<Value> broken = {Value(), true, 7, 4.1, "50%", "", "\u00e4 b", Array{}, Object{}, Array{Value()}};
  for (std::uint64_t seed = kSeed; seed < kSeed + 300; ++seed) {
    std::mt19937_64 random(seed);
    RandomModel model(random);
    Value value = EncodeDefinition(model.MakeRecord(GetParam(), "some.key"));
    ForEachObject(value, [&](Object& object) {
      if (object.empty()) return;
      Member& member = object.begin()[model.Below(object.size())];
      const Value kept = std::exchange(member.value, model.Pick(broken));
      const Result<EntityRecord> decoded = DecodeEntity(GetParam(), value);
      for (const Issue& issue : decoded ? std::vector<Issue>() : decoded.error().issues) {
        EXPECT_NE(ValueAt(value, issue.path), nullptr) << "seed " << seed << " " << issue.path.ToText();
      }
      member.value = kept;
    });
  }
}

}  // namespace
}  // namespace guidon
