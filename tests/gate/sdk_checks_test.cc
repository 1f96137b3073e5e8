// What a change begins to use, and the SDKs that do not know it, by versions that are not there yet.
#include "gate/sdk_checks.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "core/base/json.h"
#include "tests/gate/workspaces.h"

namespace guidon::gate {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr Feature kTable[] = {
    {"operator in", "0.1.0"}, {"targets", "0.1.0"}, {"operator in_cidr", "0.9.0"}, {"operator semver_gte", "0.10.0"}};

std::string Flag(const std::string& when, const std::string& more = "") {
  return "flag: ranker\ntype: boolean\nowner: search\nenvironments:\n  production:\n    enabled: true\n" + more +
         "    rules: [{ when: { " + when + " }, serve: on }]\n    default: off\n";
}

EntitySet OfProduction(const Workspace& workspace) {
  EXPECT_FALSE(workspace.HasErrors());
  return SnapshotOf(workspace.definitions, "production", 1).entities;
}

std::vector<std::string> Lines(const std::vector<NewUse>& uses) {
  std::vector<std::string> lines;
  for (const NewUse& use : uses) lines.push_back(use.entity.ToText() + ": " + std::string(use.feature.name));
  return lines;
}

// A flag before and after, held against SDKs.
struct Changed {
  Changed(const std::string& from, const std::string& to)
      : files({{"flags/r.yaml", to}}),
        workspace(files.Read()),
        uses(NewlyUsed(OfProduction(Files({{"flags/r.yaml", from}}).Read()), OfProduction(workspace), kTable)) {}

  std::vector<std::string> Found(const std::string& sdks, int left_out = 0) const {
    const Value far = *ParseJson("{\"sdks_left_out\":" + std::to_string(left_out) + ",\"sdks\":[" + sdks + "]}");
    std::vector<std::string> lines;
    for (const Finding& finding : CheckNewUses({workspace, "production", far, uses, kTable})) {
      EXPECT_EQ(finding.rule, "delivery.old-sdk");
      lines.push_back(std::string(ToString(finding.severity)) + " " + std::to_string(finding.place.at.line) + " " +
                      finding.subject + ": " + finding.message);
    }
    return lines;
  }

  Files files;
  Workspace workspace;
  std::vector<NewUse> uses;
};

std::string Sdk(const std::string& version, int processes = 1, const std::string& name = "guidon-cpp") {
  return R"({"application":"shop","version":"4.0.0","sdk":")" + name + R"(","sdk_version":")" + version +
         R"(","with_broken":0,"processes":)" + std::to_string(processes) + "}";
}

TEST(SdkChecksTest, WhatAChangeBeginsToUseIsHeldAgainstEachSdk) {
  const Changed changed(Flag("country: DE"),
                        Flag("app: { semver_gte: 4.2.0 }, country: DE", "    targets: { on: [u] }\n"));
  EXPECT_THAT(Lines(changed.uses), ElementsAre("flag ranker: targets", "flag ranker: operator semver_gte"));
  EXPECT_THAT(changed.Found(Sdk("0.10.0") + "," + Sdk("1.0.0")), IsEmpty());
  EXPECT_THAT(
      changed.Found(Sdk("0.9.7", 3) + "," + Sdk("0.0.9") + "," + Sdk("0.11.0")),
      ElementsAre("fail 1 application shop 4.0.0: 3 processes use guidon-cpp 0.9.7, which does not know what the "
                  "change uses: operator semver_gte of flag ranker (since 0.10.0)",
                  "fail 1 application shop 4.0.0: 1 process uses guidon-cpp 0.0.9, which does not know what the "
                  "change uses: targets of flag ranker (since 0.1.0), operator semver_gte of flag ranker "
                  "(since 0.10.0)"));
}

// Whoever cannot evaluate it now is no matter of this change.
TEST(SdkChecksTest, WhatWasUsedBeforeIsNoneOfTheChange) {
  const std::string same = Flag("app: { semver_gte: 4.2.0 }");
  EXPECT_THAT(Changed(same, Flag("app: { semver_gte: 4.3.0 }")).uses, IsEmpty());
  EXPECT_THAT(Changed(same, Flag("country: DE")).Found(Sdk("0.0.9")).size(), 1u);  // `in` is new
  EXPECT_THAT(Changed(same, same).Found(Sdk("0.0.9"), 4), IsEmpty());
}

TEST(SdkChecksTest, SdksOfOtherNamesHaveOtherVersions) {
  const Changed changed(Flag("country: DE"), Flag("ip: { in_cidr: 10.0.0.0/8 }"));
  EXPECT_THAT(changed.Found(Sdk("0.0.1", 1, "guidon-js") + "," + Sdk("", 2, "")), IsEmpty());
  EXPECT_THAT(changed.Found(Sdk("")),
              ElementsAre(::testing::HasSubstr("uses guidon-cpp of no version, which does not")));
}

TEST(SdkChecksTest, HoldsWhereSomebodyWhoWasNotNamedMayBeTooOld) {
  const std::string other = Flag("country: DE");
  EXPECT_THAT(Changed(other, Flag("ip: { in_cidr: 10.0.0.0/8 }")).Found(Sdk("0.9.0"), 4),
              ElementsAre("hold 0 environment production: which SDK it is that 4 processes use was not told"));
  // What came with the first version is in every one.
  EXPECT_THAT(Changed(other, Flag("country: DE", "    targets: { on: [u] }\n")).Found(Sdk("0.9.0"), 4), IsEmpty());
}

TEST(SdkChecksTest, AFindingNamesNoMoreThanItsReaderCanTakeIn) {
  std::string flags;
  for (const char* key : {"a", "b", "c", "d", "e", "f", "g"}) {
    flags += std::string("- { flag: ") + key +
             ", type: boolean, owner: x, environments: { production: { enabled: true, default: off, targets: { on: [u] "
             "} } } }\n";
  }
  const Changed changed("[]\n", flags);
  EXPECT_THAT(changed.Found(Sdk("0.0.9")),
              ElementsAre(::testing::EndsWith("targets of flag e (since 0.1.0), and 2 more")));
}

// Each line of the shipped table is something that a definition can use.
TEST(SdkChecksTest, EveryFeatureIsSeenWhereItIsUsed) {
  std::string when =
      "all: [{ any: [{ not: { segment: eu } }] }, { flag: { dep: on } }, { now: { after: 2026-01-01T00:00:00Z } },"
      " { a: { ignore_case: true, in: [x] } }";
  for (const char* test :
       {"not_in: [x]", "starts_with: x", "ends_with: x", "contains: x", "matches: x", "lt: 1", "lte: 1", "gt: 1",
        "gte: 1", "before: 2026-01-01T00:00:00Z", "semver_eq: 1.0.0", "semver_lt: 1.0.0", "semver_lte: 1.0.0",
        "semver_gt: 1.0.0", "semver_gte: 1.0.0", "exists: true", "in_cidr: 10.0.0.0/8"}) {
    when += std::string(", { a: { ") + test + " } }";
  }
  const Files files(
      {{"flags/all.yaml",
        "- flag: all\n  type: boolean\n  owner: x\n  environments:\n    production:\n      enabled: true\n"
        "      requires: [{ flag: dep, is: on }]\n      targets: { on: [u] }\n"
        "      rules:\n        - { id: r, when: { " +
            when +
            "] }, serve: on, rollout: 5%, by: account }\n"
            "      default: { serve: { on: 50%, off: 50% } }\n"
            "- { flag: dep, type: boolean, owner: x, environments: { production: { enabled: true, default: on } } }\n"
            "- { flag: tried, type: boolean, owner: x, environments: { production: { enabled: true, default: off } } "
            "}\n"},
       {"segments/eu.yaml", "segment: eu\nwhen: { country: FR }\n"},
       {"metrics/orders.yaml", "metric: orders\nowner: x\nevent: order\ntype: conversion\n"},
       {"layers.yaml", "- { layer: page, unit: account }\n"},
       {"holdouts.yaml", "- { holdout: h, unit: account, size: 5% }\n"},
       {"experiments/one.yaml",
        "experiment: one\nowner: ana\nhypothesis: More.\nflag: tried\nenvironment: production\nunit: account\n"
        "audience: { country: DE }\nlayer: { name: page, slice: 50% }\nholdout: h\n"
        "qa: { force: [{ account: u, variant: t }] }\nmetrics: { primary: { use: orders } }\n"
        "variants: { control: { serves: off, weight: 50% }, t: { serves: on, weight: 50% } }\n"}});
  const Workspace workspace = files.Read();
  for (const PlacedIssue& issue : workspace.issues) ADD_FAILURE() << issue.file << " " << issue.issue.message;
  std::set<std::string_view> seen;
  for (const NewUse& use : NewlyUsed({}, OfProduction(workspace), Features())) seen.insert(use.feature.name);
  for (const Feature& feature : Features()) EXPECT_TRUE(seen.contains(feature.name)) << feature.name;
}

}  // namespace
}  // namespace guidon::gate
