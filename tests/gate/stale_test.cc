// What speaks for removing a flag, and what does not.
#include "gate/stale.h"

#include <gmock/gmock.h>

#include "core/base/text.h"
#include "tests/gate/workspaces.h"

namespace guidon::gate {
namespace {

using std::chrono::days;
using std::chrono::sys_days;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

const sys_days kToday{std::chrono::year(2026) / 11 / 30};
constexpr const char* kProject = "project: shop\nenvironments: { staging: {}, production: {} }\n";

// Both environments serve something by a rule, so that it is not constant.
std::string Deciding(const std::string& key, const std::string& more = "") {
  const std::string targeting = "{ enabled: true, rules: [{ when: { country: DE }, serve: on }], default: off }";
  return "- { flag: " + key + ", type: boolean" + more + ", environments: { staging: " + targeting +
         ", production: " + targeting + " } }\n";
}

class StaleTest : public ::testing::Test {
 protected:
  StaleTest() { files.emplace_back("guidon.yaml", kProject); }
  void Flags(const std::string& text) { files.emplace_back("flags/all.yaml", text); }
  void Count(const std::string& environment, const std::string& flag, FlagUse use, sys_days since = kToday - days(60)) {
    Usage& usage = usages[environment];
    usage.since = since;
    usage.flags[flag] = std::move(use);
  }
  static FlagUse Alone(const std::string& variation, std::uint64_t times = 500) {
    return {times, kToday, variation, kToday - days(40)};
  }
  void Read(const std::string& flag) {
    reads.emplace_back();
    reads.back().key = flag;
    reads.back().file = "src/a.cc";
  }
  // "strong KEY: kind kind -> variation", the best founded first.
  std::vector<std::string> Found() {
    const Files folder(files);
    const Workspace workspace = folder.Read();
    EXPECT_FALSE(workspace.HasErrors()) << workspace.issues.front().issue.message;
    StaleInput input{workspace.definitions, kToday};
    if (has_code || !reads.empty()) input.references = &reads;
    input.usage = usages;
    input.ages = ages;
    std::vector<std::string> found;
    for (const Candidate& candidate : FindStale(input)) {
      std::string text = std::string(ToString(candidate.strength)) + " " + candidate.flag->key + ":";
      for (const Evidence& evidence : candidate.evidence) text += " " + std::string(ToString(evidence.kind));
      if (candidate.survives != nullptr) text += " -> " + candidate.survives->name;
      for (const std::string& other : candidate.needed_by) text += " needed by " + other;
      found.push_back(std::move(text));
    }
    return found;
  }

  std::vector<std::pair<std::string, std::string>> files;
  std::map<std::string, Usage> usages;
  std::map<std::string, FlagAge> ages;
  std::vector<refs::Reference> reads;
  bool has_code = false;
};

TEST_F(StaleTest, AFlagThatDecidesAndIsReadIsNone) {
  Flags(Deciding("a"));
  Read("a");
  Count("production", "a", {500, kToday, "", {}});
  Count("staging", "a", {5, kToday, "", {}});
  ages["a"] = {kToday - days(400), kToday - days(300)};  // old alone is no reason
  EXPECT_THAT(Found(), IsEmpty());
}

TEST_F(StaleTest, NotEvaluatedTakesEveryEnvironmentForAllOfTheDays) {
  Flags(Deciding("a"));
  Count("production", "a", {});
  EXPECT_THAT(Found(), IsEmpty()) << "staging counts nothing";
  Count("staging", "a", {}, kToday - days(10));
  EXPECT_THAT(Found(), IsEmpty()) << "staging has been counted for ten days only";
  Count("staging", "a", {0, kToday - days(45), "", {}});
  EXPECT_THAT(Found(), ElementsAre("fair a: not_evaluated"));
  ages["a"] = {kToday - days(3), kToday - days(3)};
  EXPECT_THAT(Found(), IsEmpty()) << "it was made three days ago";
}

TEST_F(StaleTest, OneVariationAloneTakesTheSameInEachEnvironmentThatEvaluatesIt) {
  Flags(Deciding("a"));
  Count("production", "a", Alone("on"));
  Count("staging", "a", Alone("off"));
  EXPECT_THAT(Found(), IsEmpty());
  Count("staging", "a", Alone("on"));
  EXPECT_THAT(Found(), ElementsAre("fair a: settled -> on"));
  Count("staging", "a", {});
  EXPECT_THAT(Found(), ElementsAre("fair a: settled -> on"));
  Count("staging", "a", Alone("on", 7));
  EXPECT_THAT(Found(), IsEmpty()) << "seven evaluations say little";
}

TEST_F(StaleTest, WhatDefinitionsAndCodeSayNeedsNoServer) {
  Flags("- { flag: constant, type: boolean }\n" + Deciding("expired", ", expires: 2026-11-29") +
        Deciding("lasts", ", expires: 2026-11-30") + Deciding("unread") +
        "- { flag: gone, type: boolean, archived: true }\n- { flag: rest, type: boolean, archived: true }\n");
  for (const char* read : {"constant", "expired", "lasts", "gone"}) Read(read);
  EXPECT_THAT(Found(), ElementsAre("strong gone: archived_but_read", "weak constant: constant -> off",
                                   "weak expired: expired", "weak unread: not_read"));
}

TEST_F(StaleTest, WithoutCodeNothingIsCalledUnread) {
  Flags(Deciding("a"));
  EXPECT_THAT(Found(), IsEmpty());
  has_code = true;
  EXPECT_THAT(Found(), ElementsAre("weak a: not_read"));
}

TEST_F(StaleTest, WhatSpeaksForItAddsUp) {
  Flags("- { flag: b, type: boolean }\n- { flag: a, type: boolean, expires: 2026-01-01 }\n");
  Count("production", "a", {});
  Count("staging", "a", {});
  has_code = true;
  ages["a"] = {kToday - days(400), kToday - days(30)};
  ages["b"] = {kToday - days(400), kToday - days(29)};
  EXPECT_THAT(Found(), ElementsAre("strong a: not_evaluated expired constant not_read unchanged -> off",
                                   "fair b: constant not_read -> off"));
}

TEST_F(StaleTest, WhatIsThereToStayIsNone) {
  Flags(
      "- { flag: switch, type: boolean, kind: kill_switch }\n- { flag: right, type: boolean, kind: permission }\n"
      "- { flag: tried, type: boolean, environments: { production: { enabled: true, default: off } } }\n"
      "- { flag: old.switch, type: boolean, kind: kill_switch, archived: true }\n");
  files.emplace_back("experiments/one.yaml",
                     "experiment: one\nowner: a\nhypothesis: More.\nflag: tried\nenvironment: production\nunit: key\n"
                     "variants: { control: { serves: off, weight: 50% }, other: { serves: on, weight: 50% } }\n");
  for (const char* flag : {"switch", "right", "tried"}) {
    Count("production", flag, {});
    Count("staging", flag, {});
  }
  Read("old.switch");
  EXPECT_THAT(Found(), ElementsAre("strong old.switch: archived_but_read"));
}

TEST_F(StaleTest, WhatLooksAtItIsNamedAndKeepsItFromBeingUnread) {
  Flags(
      "- { flag: base, type: boolean }\n"
      "- { flag: other, type: boolean, kind: permission, environments: { production: { enabled: true, off: off,\n"
      "    requires: [{ flag: base, is: on }], default: on } } }\n");
  files.emplace_back("segments/eu.yaml", "segment: eu\nwhen: { not: { flag: { base: on } } }\n");
  has_code = true;
  EXPECT_THAT(Found(), ElementsAre("weak base: constant -> off needed by flag other needed by segment eu"));
}

}  // namespace
}  // namespace guidon::gate
