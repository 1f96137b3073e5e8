// What a server has of flags, held against what a policy demands.
#include "gate/live_state.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/model/units.h"
#include "tests/gate/workspaces.h"

namespace guidon::gate {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr std::int64_t kNow = 1'800'000'000'000;  // 2027-01-15T08:00:00Z
constexpr std::int64_t kHour = 3'600'000;

// `v2` in production as `targeting` says; `other` is on for 60 % there; an experiment `one` on v2 in staging.
EntitySet EntitiesWith(const std::string& targeting, const std::string& more = "") {
  const Files files(
      {{"flags/all.yaml", "- { flag: v2, type: boolean, owner: payments, environments: { production: { " + targeting +
                              " } } }\n- { flag: other, type: boolean, environments: { production: { enabled: true, "
                              "default: { serve: { on: 60%, off: 40% } }, off: off } } }\n"},
       {"metrics/m.yaml", "metric: orders\nowner: a\nevent: order\ntype: conversion\n"},
       {"holdouts.yaml", "- { holdout: h, unit: account, size: 5%, owner: a }\n"},
       {"experiments/one.yaml",
        "experiment: one\nowner: a\nhypothesis: More.\nflag: v2\nenvironment: production\nunit: account\n"
        "metrics: { primary: { use: orders } }\n" +
            more + "variants: { control: { serves: off, weight: 50% }, t: { serves: on, weight: 50% } }\n"}});
  const Workspace workspace = files.Read();
  EXPECT_FALSE(workspace.HasErrors()) << workspace.issues.front().issue.message;
  return workspace.definitions.entities;
}

std::string ShareIn(const EntitySet& entities) {
  return FormatPercent(LeastShareOf("on", *entities.FindFlag("v2"), entities, "production"));
}

std::string ShareWith(const std::string& targeting) {
  return ShareIn(EntitiesWith(targeting));
}

TEST(LeastShareTest, IsWhatEverybodyHasWhateverTheyAre) {
  EXPECT_EQ(ShareWith("enabled: true, default: on"), "100%");
  EXPECT_EQ(ShareWith("enabled: true, default: off"), "0%");
  EXPECT_EQ(ShareWith("enabled: true, default: { serve: { on: 30%, off: 70% } }"), "30%");
  // A rule for all, and one that nobody knows who comes to.
  EXPECT_EQ(ShareWith("enabled: true, rules: [{ id: r, serve: on, rollout: 50% }], default: off"), "50%");
  EXPECT_EQ(
      ShareWith(
          "enabled: true, rules: [{ id: r, serve: on, rollout: 50% }], default: { serve: { on: 10%, off: 90% } }"),
      "55%");
  EXPECT_EQ(ShareWith("enabled: true, rules: [{ id: r, when: { country: DE }, serve: on }], default: off"), "0%");
  EXPECT_EQ(ShareWith("enabled: true, rules: [{ id: r, when: { country: DE }, serve: off }], default: on"), "0%");
  EXPECT_EQ(
      ShareWith("enabled: true, rules: [{ id: r, when: { country: DE }, serve: off, rollout: 20% }], default: on"),
      "80%");
  EXPECT_EQ(ShareWith("enabled: true, rules: [{ id: r, when: { country: DE }, serve: { on: 40%, off: 60% } }], "
                      "default: on"),
            "40%");
  // Who is named is an exception.
  EXPECT_EQ(ShareWith("enabled: true, targets: { off: [user-1] }, default: on"), "100%");
}

TEST(LeastShareTest, OfAFlagThatIsNotEnabledIsThatOfItsOff) {
  EXPECT_EQ(ShareWith("enabled: false, default: on"), "0%");
  EXPECT_EQ(ShareWith("enabled: false, off: on, default: on"), "100%");
  EntitySet entities = EntitiesWith("enabled: true, default: on");
  EXPECT_EQ(LeastShareOf("off", *entities.FindFlag("v2"), entities, "staging"), kWhole) << "not named there";
  entities.flags[0].definition.archived = true;
  EXPECT_EQ(ShareIn(entities), "0%");
}

TEST(LeastShareTest, PrerequisitesTakeTheirShare) {
  EXPECT_EQ(ShareWith("enabled: true, requires: [{ flag: other, is: on }], default: on"), "60%");
  EXPECT_EQ(ShareWith("enabled: true, requires: [{ flag: other, is: [on, off] }], default: on"), "100%");
  // Who lacks it is served the same.
  EXPECT_EQ(ShareWith("enabled: true, off: on, requires: [{ flag: other, is: on }], default: on"), "100%");
  EXPECT_EQ(ShareWith("enabled: true, requires: [{ flag: other, is: off }], default: { serve: { on: 50%, off: 50% } }"),
            "0%");
}

TEST(LeastShareTest, ARampIsWhereItStands) {
  EntitySet entities = EntitiesWith(
      "enabled: true, rules: [{ id: r, serve: on, ramp: [{ at: 10%, hold: 1h }, { at: 100% }] }], default: off");
  EXPECT_EQ(ShareIn(entities), "0%");
  entities.flags[0].state.ramps = {{"production", "r", 10'000}};
  EXPECT_EQ(ShareIn(entities), "10%");
}

TEST(LeastShareTest, ARunningExperimentTakesNobodyKnowsWhom) {
  EntitySet entities = EntitiesWith("enabled: true, default: on");
  EXPECT_EQ(ShareIn(entities), "100%");
  entities.experiments[0].state.status = ExperimentStatus::kRunning;
  EXPECT_EQ(ShareIn(entities), "50%");
  entities.experiments[0].state.status = ExperimentStatus::kConcluded;
  EXPECT_EQ(ShareIn(entities), "100%");
  // Who is held out has the control, also afterwards.
  EntitySet held = EntitiesWith("enabled: true, default: on", "holdout: h\n");
  held.experiments[0].state.status = ExperimentStatus::kConcluded;
  EXPECT_EQ(ShareIn(held), "95%");
  held.experiments[0].state.status = ExperimentStatus::kRunning;
  EXPECT_EQ(ShareIn(held), "47.5%");
}

// ---- Findings ------------------------------------------------------------------------------------------------------

const std::vector<std::string> kNoFlags, kEnvironments = {"staging", "production"};

class LiveTest : public ::testing::Test {
 protected:
  explicit LiveTest() : entities(EntitiesWith("enabled: true, default: on")) {}

  LiveInput Input() const {
    return {"production",
            entities,
            unreadable,
            kEnvironments,
            is_protected,
            workspace,
            after,
            [this](const std::string&, const std::function<bool(const FlagRecord&)>&, std::int64_t) { return since; },
            [this](const std::string&) -> std::optional<bool> {
              return can_tell ? std::optional(since && !since->emergency.empty()) : std::nullopt;
            },
            kNow};
  }

  // "SEVERITY RULE SUBJECT (OWNER): MESSAGE (FIX)"
  static std::vector<std::string> Lines(const std::vector<Finding>& findings) {
    std::vector<std::string> lines;
    for (const Finding& finding : findings) {
      lines.push_back(std::string(ToString(finding.severity)) + " " + finding.rule + " " + finding.subject + " (" +
                      finding.owner + "): " + finding.message + (finding.fix.empty() ? "" : " (" + finding.fix + ")"));
    }
    return lines;
  }

  std::vector<std::string> Demand(const std::string& demand) {
    PolicyResult read = ReadPolicy("rules: { live.state: { demands: [{ " + demand + " }] } }\n", "gate.yaml");
    EXPECT_THAT(read.faults, IsEmpty()) << demand;
    const std::vector<Finding> findings = CheckDemands(Input(), read.policy);
    for (const Finding& finding : findings) EXPECT_EQ(finding.place, (Place{"gate.yaml", {1, 34}}));
    return Lines(findings);
  }

  std::vector<std::string> Ramps(const std::string& at_least = "") {
    Policy policy;
    if (!at_least.empty()) policy.ramp_at_least = ParsePercent(at_least);
    return Lines(CheckRamps(Input(), policy));
  }

  EntitySet entities;
  std::vector<std::string> unreadable;
  bool is_protected = false, can_tell = true;
  const Workspace* workspace = nullptr;
  const EntitySet* after = nullptr;
  std::optional<Since> since;
};

TEST_F(LiveTest, ADemandThatIsMetIsNoFinding) {
  EXPECT_THAT(Demand("flag: v2, serves: on"), IsEmpty());
  EXPECT_THAT(Demand("flag: v2, is: enabled"), IsEmpty());
  EXPECT_THAT(Demand("flag: v2, is: disabled, in: staging"), IsEmpty());
  EXPECT_THAT(Demand("flag: other, serves: on, share: 60%"), IsEmpty());
}

TEST_F(LiveTest, ADemandThatIsNotMetSaysWhatIsThere) {
  EXPECT_THAT(
      Demand("flag: v2, is: disabled"),
      ElementsAre("fail live.state flag v2 (payments): it is enabled in production, and the policy demands that "
                  "it is not (change the flag there, or the demand)"));
  EXPECT_THAT(
      Demand("flag: v2, is: enabled, in: staging"),
      ElementsAre("fail live.state flag v2 (payments): it is not enabled in staging, and the policy demands that "
                  "it is (change the flag there, or the demand)"));
  EXPECT_THAT(Demand("flag: other, serves: on, share: 61%"),
              ElementsAre("fail live.state flag other (): it serves 'on' to 60% for sure in production; the policy "
                          "demands 61% (change the flag there, or the demand)"));
  EXPECT_THAT(
      Demand("flag: v2, serves: on, in: staging"),
      ElementsAre("fail live.state flag v2 (payments): it serves 'on' to nobody for sure in staging, where it is "
                  "not enabled; the policy demands 100% (change the flag there, or the demand)"));
}

TEST_F(LiveTest, ADemandOfWhatIsNotThereFails) {
  EXPECT_THAT(
      Demand("flag: othr, is: enabled"),
      ElementsAre("fail live.state flag othr (): the policy demands something of it, and the server has no such "
                  "flag (did you mean 'other'?)"));
  unreadable = {"newer"};
  EXPECT_THAT(
      Demand("flag: newer, is: enabled"),
      ElementsAre("fail live.state flag newer (): the policy demands something of it, and this version of guidon "
                  "cannot read it (use the guidon of the server's version)"));
  EXPECT_THAT(Demand("flag: v2, is: enabled, in: prodution"),
              ElementsAre("fail live.state flag v2 (payments): the policy demands something of it in prodution, and "
                          "there is no such environment (did you mean 'production'?)"));
  EXPECT_THAT(Demand("flag: v2, serves: onn"),
              ElementsAre("fail live.state flag v2 (payments): the policy demands that it serves 'onn', and it has no "
                          "such variation (did you mean 'on'?)"));
}

TEST_F(LiveTest, WhatHasNotBeenSoForLongEnoughHoldsAndSaysUntilWhen) {
  since = Since{Since::Beginning::kChange, kNow - 24 * kHour, "key:a", "", ""};
  EXPECT_THAT(Demand("flag: v2, serves: on, for: 24h"), IsEmpty());
  since->at_ms += 1;
  EXPECT_THAT(Demand("flag: v2, serves: on, for: 24h"),
              ElementsAre("hold live.state flag v2 (payments): it is as demanded in production since 2027-01-14 08:00 "
                          "UTC; the policy demands 1d, which is at 2027-01-15 08:01 UTC"));
  since->beginning = Since::Beginning::kUnknown;
  EXPECT_THAT(
      Demand("flag: v2, serves: on, for: 48h"),
      ElementsAre("hold live.state flag v2 (payments): it is as demanded in production since 2027-01-14 08:00 "
                  "UTC, as far as its history is kept; the policy demands 2d, which is at 2027-01-16 08:01 UTC"));
  since.reset();
  EXPECT_THAT(
      Demand("flag: v2, serves: on, for: 1h"),
      ElementsAre("hold live.state flag v2 (payments): since when it is as demanded in production cannot be told; "
                  "the policy demands 1h"));
}

TEST_F(LiveTest, ARampIsFarEnoughOrHolds) {
  entities = EntitiesWith(
      "enabled: true, rules: [{ id: r, serve: on, ramp: [{ at: 10%, hold: 1h }, { at: 60%, hold: 1d }, { at: 100% }] "
      "}], default: off");
  RampState& state = entities.flags[0].state.ramps.emplace_back(RampState{"production", "r", 10'000});
  state.since_ms = kNow;
  EXPECT_THAT(Ramps(), IsEmpty());
  EXPECT_THAT(Ramps("10%"), IsEmpty());
  EXPECT_THAT(Ramps("50%"),
              ElementsAre("hold live.ramp flag v2 (payments): the ramp of rule r stands at 10%; the policy "
                          "demands 50%; 60% is due at 2027-01-15 09:00 UTC"));
  entities.flags[0].definition.environments[0].enabled = false;
  EXPECT_THAT(Ramps("50%"),
              ElementsAre("hold live.ramp flag v2 (payments): the ramp of rule r stands at 10%; the policy "
                          "demands 50%, and it stands still while the flag is not enabled"));
  state.at = kWhole;
  EXPECT_THAT(Ramps("100%"), IsEmpty());
}

TEST_F(LiveTest, APausedRampHoldsAndAnAbortedOneFails) {
  entities = EntitiesWith(
      "enabled: true, rules: [{ id: r, serve: on, ramp: [{ at: 10%, hold: 1h }, { at: 100% }] }], default: off");
  RampState& state = entities.flags[0].state.ramps.emplace_back(RampState{"production", "r", 10'000});
  state.paused = true;
  since = Since{Since::Beginning::kChange, kNow - kHour, "key:a", "more errors", ""};
  EXPECT_THAT(Ramps(), ElementsAre("hold live.ramp flag v2 (payments): the ramp of rule r is paused at 10% since "
                                   "2027-01-15 07:00 UTC by key:a: “more errors” (`guidon flag ramp v2 resume` lets it "
                                   "go on)"));
  state.at = 0;
  EXPECT_THAT(Ramps(), ElementsAre("fail live.ramp flag v2 (payments): the ramp of rule r was aborted at 2027-01-15 "
                                   "07:00 UTC by key:a: “more errors” (see why, then resume it or take the ramp out)"));
}

TEST_F(LiveTest, AKillSwitchThatWasThrownFails) {
  FlagDefinition& flag = entities.flags[0].definition;
  flag.environments[0].enabled = false;
  since = Since{Since::Beginning::kChange, kNow - kHour, "key:a", "", ""};
  EXPECT_THAT(Lines(CheckSwitches(Input())), IsEmpty()) << "a flag that is off is nothing special";
  flag.kind = FlagKind::kKillSwitch;
  EXPECT_THAT(Lines(CheckSwitches(Input())),
              ElementsAre("fail live.kill-switch flag v2 (payments): it was switched off at 2027-01-15 07:00 UTC by "
                          "key:a (see why, and enable it once that is mended)"));
  since->beginning = Since::Beginning::kCreated;
  EXPECT_THAT(Lines(CheckSwitches(Input())), IsEmpty()) << "it has never been on";
}

TEST_F(LiveTest, AKillSwitchOfWhichNobodyCanTellHolds) {
  FlagDefinition& flag = entities.flags[0].definition;
  flag.environments[0].enabled = false;
  const auto holds = ElementsAre(
      "hold live.kill-switch flag v2 (payments): it is not enabled on the server; since when, and by whom, cannot be "
      "told (see why it is off; waive the rule for it if that is as it should be)");
  flag.kind = FlagKind::kKillSwitch;
  EXPECT_THAT(Lines(CheckSwitches(Input())), holds) << "its history cannot be read";
  since = Since{Since::Beginning::kUnknown, kNow - kHour, "key:a", "", ""};
  EXPECT_THAT(Lines(CheckSwitches(Input())), holds) << "its history goes back further than is kept";
  // Whether a flag of another kind was switched off in an emergency.
  flag.kind = FlagKind::kRelease;
  EXPECT_THAT(Lines(CheckSwitches(Input())), IsEmpty());
  is_protected = true;
  since.reset();
  EXPECT_THAT(Lines(CheckSwitches(Input())), IsEmpty());
  can_tell = false;
  EXPECT_THAT(Lines(CheckSwitches(Input())), holds);
}

TEST_F(LiveTest, AFlagThatWasSwitchedOffInAnEmergencyFails) {
  entities.flags[0].definition.environments[0].enabled = false;
  is_protected = true;
  since = Since{Since::Beginning::kChange, kNow - kHour, "key:a", "", ""};
  EXPECT_THAT(Lines(CheckSwitches(Input())), IsEmpty());
  since->emergency = "orders are lost";
  EXPECT_THAT(Lines(CheckSwitches(Input())),
              ElementsAre("fail live.kill-switch flag v2 (payments): it was switched off at 2027-01-15 07:00 UTC by "
                          "key:a in an emergency: “orders are lost” (see why, and enable it once that is mended)"));
}

TEST_F(LiveTest, AFlagThatTheFilesHaveEnabledAndTheServerHasNotFails) {
  const std::vector<std::pair<std::string, std::string>> texts = {
      {"flags/v2.yaml",
       "flag: v2\ntype: boolean\nowner: payments\nenvironments:\n  production:\n    enabled: true\n"
       "    default: on\n"}};
  const Files files(texts);
  const Workspace read = files.Read();
  ASSERT_FALSE(read.HasErrors());
  workspace = &read;
  since = Since{Since::Beginning::kChange, kNow - kHour, "key:a", "errors", ""};
  after = &entities;
  EXPECT_THAT(Lines(CheckSwitches(Input())), IsEmpty());
  entities.flags[0].definition.environments[0].enabled = false;
  const std::vector<Finding> found = CheckSwitches(Input());
  EXPECT_THAT(Lines(found),
              ElementsAre("fail live.kill-switch flag v2 (payments): it was switched off at 2027-01-15 07:00 UTC by "
                          "key:a: “errors”, and the files have it enabled (see why; then enable it there, or say so in "
                          "the files)"));
  EXPECT_EQ(found[0].place, (Place{files.path() + "/flags/v2.yaml", {6, 14}}));
  // It is this release that enables it.
  const EntitySet enabled = EntitiesWith("enabled: true, default: on");
  after = &enabled;
  EXPECT_THAT(Lines(CheckSwitches(Input())), IsEmpty());
  // Unless somebody has pulled the brake.
  entities.flags[0].definition.kind = FlagKind::kKillSwitch;
  EXPECT_THAT(
      Lines(CheckSwitches(Input())),
      ElementsAre("fail live.kill-switch flag v2 (payments): it was switched off at 2027-01-15 07:00 UTC by "
                  "key:a: “errors”, and this would switch it on again (see why; then enable it there, or say so "
                  "in the files)"));
}

}  // namespace
}  // namespace guidon::gate
