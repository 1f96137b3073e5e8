#include "core/diff/reach.h"

#include <gtest/gtest.h>

#include <functional>

namespace guidon {
namespace {

Condition InSegment(const std::string& segment) {
  Condition condition;
  condition.clauses.emplace_back();
  condition.clauses.back().segments = {segment};
  return condition;
}

// Flag `a` has targeting in staging and production, with segment `eu` in the rules of staging only; segment `eu` leans
// on `all`. Experiment `x` on flag `b` runs in production, in layer `l`, with holdout `h` and metric `m`.
EntitySet Shop() {
  EntitySet set;
  FlagRecord& a = set.flags.emplace_back();
  a.definition.key = "a";
  a.definition.environments.resize(2);
  a.definition.environments[0].environment = "staging";
  a.definition.environments[0].rules.resize(1);
  a.definition.environments[0].rules[0].when = InSegment("eu");
  a.definition.environments[1].environment = "production";
  set.flags.emplace_back().definition.key = "b";
  set.segments.emplace_back().definition.key = "eu";
  set.segments[0].definition.when = InSegment("all");
  for (const char* key : {"all", "idle"}) set.segments.emplace_back().definition.key = key;
  set.layers.emplace_back().definition.key = "l";
  set.holdouts.emplace_back().definition.key = "h";
  for (const char* key : {"m", "idle"}) set.metrics.emplace_back().definition.key = key;
  Experiment& x = set.experiments.emplace_back().definition;
  x.key = "x";
  x.flag = "b";
  x.environment = "production";
  x.layer = LayerSlice{"l", 1};
  x.holdout = "h";
  x.guardrails.emplace_back().use = "m";
  return set;
}

std::string Altered(EntityKind kind, const std::string& key, const std::function<void(EntitySet&)>& change) {
  const EntitySet before = Shop();
  EntitySet after = before;
  change(after);
  std::string names;
  // As well the other way round: what is taken out of use was in use.
  for (const std::string& name : EnvironmentsAltered({{kind, key}}, before, after)) names += name + " ";
  std::string back;
  for (const std::string& name : EnvironmentsAltered({{kind, key}}, after, before)) back += name + " ";
  EXPECT_EQ(names, back) << key;
  return names;
}

TEST(ReachTest, AChangeAltersTheEnvironmentsInWhichItIsUsed) {
  const auto flag = [](const std::string& key, const std::function<void(FlagDefinition&)>& change) {
    return Altered(EntityKind::kFlag, key, [&](EntitySet& set) {
      for (FlagRecord& record : set.flags) {
        if (record.definition.key == key) change(record.definition);
      }
    });
  };
  EXPECT_EQ(flag("a", [](FlagDefinition& f) { f.environments[0].enabled = true; }), "staging ");
  EXPECT_EQ(flag("a", [](FlagDefinition& f) { f.environments.pop_back(); }), "production ");
  EXPECT_EQ(flag("a", [](FlagDefinition& f) { f.variations.emplace_back(); }), "production staging ");
  EXPECT_EQ(flag("a", [](FlagDefinition& f) { f.archived = true; }), "production staging ");
  EXPECT_EQ(flag("b", [](FlagDefinition& f) { f.variations.emplace_back(); }), "production ") << "of the experiment";
  // What is archived comes back as it is left.
  const auto archived = [](const std::function<void(EntitySet&)>& change) {
    EntitySet before = Shop();
    before.flags[0].definition.archived = true;
    EntitySet after = before;
    change(after);
    std::string names;
    for (const std::string& name : EnvironmentsAltered({{EntityKind::kFlag, "a"}}, before, after)) names += name + " ";
    return names;
  };
  EXPECT_EQ(archived([](EntitySet& s) { s.flags[0].definition.environments[0].enabled = true; }), "staging ");
  EXPECT_EQ(archived([](EntitySet& s) { s.flags[0].definition.archived = false; }), "production staging ");
  EXPECT_EQ(archived([](EntitySet& s) { s.flags.erase(s.flags.begin()); }), "production staging ");
  const auto segment = [](const std::string& key) {
    return Altered(EntityKind::kSegment, key, [&](EntitySet& set) {
      for (SegmentRecord& record : set.segments) {
        if (record.definition.key == key) record.definition.include = {"user-1"};
      }
    });
  };
  EXPECT_EQ(segment("eu"), "staging ");
  EXPECT_EQ(segment("all"), "staging ");
  EXPECT_EQ(segment("idle"), "");
  EXPECT_EQ(Altered(EntityKind::kLayer, "l", [](EntitySet& s) { s.layers[0].definition.unit = "u"; }), "production ");
  EXPECT_EQ(Altered(EntityKind::kHoldout, "h", [](EntitySet& s) { s.holdouts[0].definition.size = 1; }), "production ");
  EXPECT_EQ(Altered(EntityKind::kMetric, "m", [](EntitySet& s) { s.metrics[0].definition.event = "e"; }),
            "production ");
  EXPECT_EQ(Altered(EntityKind::kMetric, "idle", [](EntitySet& s) { s.metrics[1].definition.event = "e"; }), "");
  EXPECT_EQ(Altered(EntityKind::kExperiment, "x", [](EntitySet& s) { s.experiments[0].definition.environment = "qa"; }),
            "production qa ");
  EXPECT_EQ(Altered(EntityKind::kExperiment, "x", [](EntitySet& s) { s.experiments.clear(); }), "production ");
}

TEST(ReachTest, AChangeLeansAnewOnWhatItBringsIntoAnEnvironment) {
  const auto leaned_on = [](
                             EntityKind kind, const std::string& key, const std::function<void(EntitySet&)>& change,
                             const std::function<void(EntitySet&)>& first = [](EntitySet&) {}) {
    EntitySet before = Shop();
    first(before);
    EntitySet after = before;
    change(after);
    std::string names;
    for (const EntityRef& ref : NewlyLeanedOn({{kind, key}}, before, after)) names += ref.ToText() + "; ";
    return names;
  };
  const auto in = [](const char* segment) {
    return [segment](EntitySet& set) { set.experiments[0].definition.audience = InSegment(segment); };
  };
  EXPECT_EQ(leaned_on(EntityKind::kExperiment, "x", in("eu")), "segment all; segment eu; ") << "used in staging only";
  EXPECT_EQ(leaned_on(EntityKind::kExperiment, "x", in("all"), in("eu")), "") << "it was used there";
  const auto archive = [](bool archived) {
    return [archived](EntitySet& set) {
      set.flags[0].definition.archived = archived;
      set.experiments[0].definition.archived = archived;
    };
  };
  EXPECT_EQ(leaned_on(EntityKind::kFlag, "a", archive(false), archive(true)),
            "flag b; segment all; segment eu; layer l; holdout h; metric m; ");
  EXPECT_EQ(leaned_on(EntityKind::kFlag, "a", archive(true)), "");
  EXPECT_EQ(leaned_on(EntityKind::kExperiment, "x", [](EntitySet& set) { set.experiments[0].definition.flag = "a"; }),
            "")
      << "it has targeting there";
}

}  // namespace
}  // namespace guidon
