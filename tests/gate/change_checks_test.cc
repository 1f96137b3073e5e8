// Each rule of changes, broken and kept.
#include "gate/change_checks.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/allocate/allocate.h"
#include "core/base/json.h"
#include "core/diff/count.h"
#include "tests/gate/workspaces.h"

namespace guidon::gate {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

std::string Ranker(const std::string& rule, const std::string& last = "old", const std::string& more = "") {
  return "flag: ranker\ntype: string\nowner: search\nvariations: { old: o, new: n }\n"
         "environments:\n  production:\n    enabled: true\n    off: old\n" +
         more + "    rules:\n      - " + rule + "\n    default: " + last + "\n";
}
std::string Ramp(const std::string& weights, const std::string& when = "{ country: DE }") {
  return "{ id: ramp, when: " + when + ", serve: " + weights + " }";
}
constexpr const char* kPayments = "flag: payments\ntype: boolean\nowner: x\nenvironments: { production: { enabled: ";

// Before and after a change of files, as a server that keeps ranges would have it.
struct Edited {
  Edited(const std::vector<std::pair<std::string, std::string>>& from,
         const std::vector<std::pair<std::string, std::string>>& to)
      : files(to), workspace(files.Read()) {
    before = Files(from).Read().definitions;
    EXPECT_FALSE(HasErrors(AllocateStates(nullptr, before)));
    after = workspace.definitions;
    for (const EntityRef& ref : after.entities.Refs()) {
      EntityRecord record = *after.entities.Find(ref);
      if (const auto held = before.entities.Find(ref)) KeepState(*held, record);
      after.entities.Upsert(std::move(record));
    }
    EXPECT_FALSE(HasErrors(AllocateStates(&before, after)));
  }
  // "RULE PLACE SUBJECT (OWNER): MESSAGE"
  std::vector<std::string> Found(const Policy& policy = {}, const std::vector<Context>* contexts = nullptr) const {
    const Snapshot from = SnapshotOf(before, "production", 1), to = SnapshotOf(after, "production", 1);
    std::vector<std::string> found;
    for (const Finding& finding :
         CheckChange({workspace, "production", from.entities, to.entities, contexts, 0}, policy)) {
      found.push_back(finding.rule + " " + InFolder(finding.place) + " " + finding.subject + " (" + finding.owner +
                      "): " + finding.message);
    }
    return found;
  }

  // "ACTION PLACE SUBJECT (OWNER): SUMMARY"
  std::vector<std::string> Told() const {
    const Snapshot from = SnapshotOf(before, "production", 1), to = SnapshotOf(after, "production", 1);
    std::vector<std::string> told;
    for (const Changed& change : ChangesOf({workspace, "production", from.entities, to.entities, nullptr, 0})) {
      std::string text = std::string(ToString(change.what.action)) + " " + InFolder(change.place) + " " +
                         change.what.ref.ToText() + " (" + change.owner + "):";
      for (const std::string& line : change.what.summary) text += " " + line;
      told.push_back(std::move(text));
    }
    return told;
  }

  // "flags/r.yaml:1"
  std::string InFolder(const Place& place) const {
    std::string file = place.file;
    if (file.starts_with(files.path())) file = file.substr(files.path().size() + 1);
    return file + ":" + std::to_string(place.at.line);
  }

  Files files;
  Workspace workspace;
  Definitions before, after;
};

Edited OfRanker(const std::string& from, const std::string& to) {
  return Edited({{"flags/r.yaml", from}}, {{"flags/r.yaml", to}});
}

Policy Limits(std::uint32_t moves, std::uint32_t jump) {
  Policy policy;
  policy.moves_limit = moves;
  policy.jump_limit = jump;
  return policy;
}

TEST(ChangeChecksTest, WhatChangesIsToldWithItsOwnerAndItsPlace) {
  const Edited same = OfRanker(Ranker(Ramp("old")), Ranker(Ramp("old")));
  EXPECT_THAT(same.Told(), IsEmpty());
  const Edited more = OfRanker(Ranker(Ramp("{ new: 5%, old: 95% }")), Ranker(Ramp("{ new: 25%, old: 75% }")));
  EXPECT_THAT(more.Told(), ElementsAre("update flags/r.yaml:1 flag ranker (search): rule ramp (production): new 5%, "
                                       "old 95% → new 25%, old 75%; moves 20.000% of the units that reach it, nobody "
                                       "else"));
  const Edited fresh({{"flags/r.yaml", Ranker("{ serve: old }")}},
                     {{"flags/r.yaml", Ranker("{ serve: old }")},
                      {"flags/p.yaml", std::string(kPayments) + "true, default: on } }\n"}});
  EXPECT_THAT(fresh.Told(), ElementsAre("create flags/p.yaml:1 flag payments (x): new boolean flag"));
}

TEST(ChangeChecksTest, WithoutAChangeOrALimitNothingIsFound) {
  const Edited same = OfRanker(Ranker(Ramp("{ new: 5%, old: 95% }")), Ranker(Ramp("{ new: 5%, old: 95% }")));
  EXPECT_THAT(same.Found(Limits(0, 0)), IsEmpty());
  const Edited all = OfRanker(Ranker(Ramp("{ new: 5%, old: 95% }")), Ranker(Ramp("{ new: 100%, old: 0% }")));
  EXPECT_THAT(all.Found(), IsEmpty());
}

TEST(ChangeChecksTest, ASplitThatMovesMoreThanThePolicyAllowsIsFoundAtItsRule) {
  const Edited grown = OfRanker(Ranker(Ramp("{ new: 5%, old: 95% }")), Ranker(Ramp("{ new: 35%, old: 65% }")));
  EXPECT_THAT(grown.Found(Limits(30'000, kWhole)), IsEmpty());
  EXPECT_THAT(
      grown.Found(Limits(29'999, kWhole)),
      ElementsAre("change.moves flags/r.yaml:10 flag ranker (search): rule ramp: 30% of the units that reach it "
                  "change what they see; the policy allows 29.999%"));
}

TEST(ChangeChecksTest, AJumpIsOfEachVariationsShare) {
  const Edited grown = OfRanker(Ranker(Ramp("{ new: 5%, old: 95% }")), Ranker(Ramp("{ new: 60%, old: 40% }")));
  EXPECT_THAT(grown.Found(Limits(kWhole, 55'000)), IsEmpty());
  EXPECT_THAT(
      grown.Found(Limits(kWhole, 50'000)),
      ElementsAre("change.jump flags/r.yaml:10 flag ranker (search): rule ramp: new grows from 5% to 60% in one "
                  "step; the policy allows 50%"));
  // Back is no jump of what is rolled out, but one of the other.
  const Edited back = OfRanker(Ranker(Ramp("{ new: 60%, old: 40% }")), Ranker(Ramp("{ new: 5%, old: 95% }")));
  EXPECT_THAT(back.Found(Limits(kWhole, 50'000)),
              ElementsAre(::testing::HasSubstr("old grows from 40% to 95% in one step")));
}

TEST(ChangeChecksTest, ARolloutAndADefaultJumpToo) {
  const std::string at5 = "{ id: beta, when: { beta: true }, serve: new, rollout: 5% }";
  const std::string at80 = "{ id: beta, when: { beta: true }, serve: new, rollout: 80% }";
  EXPECT_THAT(OfRanker(Ranker(at5), Ranker(at80)).Found(Limits(kWhole, 50'000)),
              ElementsAre(::testing::HasSubstr("rule beta: new grows from 5% to 80% in one step")));
  EXPECT_THAT(OfRanker(Ranker(at5), Ranker(at5, "new")).Found(Limits(kWhole, 50'000)),
              ElementsAre("change.jump flags/r.yaml:11 flag ranker (search): default: new grows from 0% to 100% in one "
                          "step; the policy allows 50%"));
}

std::string Switched(const std::string& enabled, const std::string& off = "old", const std::string& rules = "") {
  return "flag: ranker\ntype: string\nowner: search\nvariations: { old: o, new: n }\n"
         "environments:\n  production:\n    enabled: " +
         enabled + "\n    off: " + off + "\n" + rules + "    default: new\n";
}

TEST(ChangeChecksTest, SwitchingAFlagOnOrOffMovesAndJumps) {
  const Edited on = OfRanker(Switched("false"), Switched("true"));
  EXPECT_THAT(on.Found(Limits(kWhole, kWhole)), IsEmpty());
  EXPECT_THAT(on.Found(Limits(99'999, kWhole)),
              ElementsAre("change.moves flags/r.yaml:7 flag ranker (search): enabled: 100% of the units that reach it "
                          "change what they see; the policy allows 99.999%"));
  EXPECT_THAT(on.Found(Limits(kWhole, 50'000)),
              ElementsAre("change.jump flags/r.yaml:9 flag ranker (search): default: new grows from 0% to 100% in one "
                          "step; the policy allows 50%"));
  const Edited off = OfRanker(Switched("true"), Switched("false"));
  EXPECT_THAT(off.Found(Limits(99'999, 0)), ElementsAre(::testing::HasSubstr("enabled: 100% of the units")))
      << "a kill is no jump";
  const std::string old_to_all =
      "flag: ranker\ntype: string\nowner: search\nvariations: { old: o, new: n, newest: m }\n"
      "environments: { production: { enabled: true, off: old, default: new } }\n";
  std::string killed = old_to_all, replaced = old_to_all;
  killed.replace(killed.find("true"), 4, "false");
  replaced.replace(replaced.find("true, off: old"), 14, "false, off: newest");
  EXPECT_THAT(OfRanker(old_to_all, killed).Found(Limits(kWhole, 0)), IsEmpty());
  EXPECT_THAT(OfRanker(old_to_all, replaced).Found(Limits(kWhole, 50'000)),
              ElementsAre(::testing::HasSubstr("default: newest grows from 0% to 100% in one step")))
      << "what is new for everybody is no kill";
  // Where the files say nothing of the environment any more it is off, too.
  std::string unsaid = old_to_all;
  unsaid.replace(unsaid.find("environments: "), std::string::npos, "");
  EXPECT_THAT(OfRanker(old_to_all, unsaid).Found(Limits(kWhole, 0)),
              ElementsAre(::testing::HasSubstr("change.attributes ")));
  const Edited other = OfRanker(Switched("false"), Switched("false", "new"));
  EXPECT_THAT(other.Found(Limits(99'999, 50'000)),
              ElementsAre("change.moves flags/r.yaml:8 flag ranker (search): off: 100% of the units that reach it "
                          "change what they see; the policy allows 99.999%",
                          "change.jump flags/r.yaml:8 flag ranker (search): off: new grows from 0% to 100% in one "
                          "step; the policy allows 50%"));
  // On, with what it served while it was off.
  EXPECT_THAT(OfRanker(Switched("false", "new"), Switched("true", "new")).Found(Limits(0, 0)), IsEmpty());
}

TEST(ChangeChecksTest, ANewFlagAndANewRuleForEveryoneGrowFromWhatWasServedBefore) {
  const Edited made = Edited({}, {{"flags/r.yaml", Switched("true")}});
  EXPECT_THAT(made.Found(Limits(kWhole, 50'000)),
              ElementsAre(::testing::HasSubstr("default: new grows from 0% to 100% in one step")));
  EXPECT_THAT(Edited({}, {{"flags/r.yaml", Switched("true", "new")}}).Found(Limits(0, 0)), IsEmpty());
  const std::string plain = Switched("true", "new"), ruled = Switched("true", "new", "    rules: [{ serve: old }]\n");
  EXPECT_THAT(OfRanker(plain, ruled).Found(Limits(kWhole, 50'000)),
              ElementsAre(::testing::HasSubstr("change.attributes"),
                          ::testing::HasSubstr("rule #1: old grows from 0% to 100% in one step")));
  const std::string slowly = "    rules: [{ id: s, serve: { old: 5%, new: 95% } }]\n";
  EXPECT_THAT(OfRanker(Switched("false", "new", slowly), Switched("true", "new", slowly)).Found(Limits(5'000, 5'000)),
              IsEmpty());
  EXPECT_THAT(OfRanker(Switched("false", "new", slowly), Switched("true", "new", slowly)).Found(Limits(4'999, 4'999)),
              ElementsAre(::testing::HasSubstr("enabled: 5% of the units"),
                          ::testing::HasSubstr("rule s: old grows from 0% to 5%")));
}

TEST(ChangeChecksTest, ARuleThatLosesItsConditionsGrowsFromWhatTheOthersHad) {
  const std::string all = "{ id: ramp, serve: ";
  const Edited everybody = OfRanker(Ranker(Ramp("new")), Ranker(all + "new }"));
  EXPECT_THAT(everybody.Found(Limits(kWhole, 50'000)),
              ElementsAre(::testing::HasSubstr("change.attributes"),
                          "change.jump flags/r.yaml:10 flag ranker (search): rule ramp: new grows from 0% to 100% in "
                          "one step; the policy allows 50%"));
  // Also where it has no id, and for whom the rule was before.
  EXPECT_THAT(
      OfRanker(Ranker("{ when: { country: DE }, serve: new }"), Ranker("{ serve: new }")).Found(Limits(kWhole, 50'000)),
      ElementsAre(::testing::HasSubstr("change.attributes"),
                  ::testing::HasSubstr("rule #1: new grows from 0% to 100% in one step")));
  EXPECT_THAT(OfRanker(Ranker(Ramp("new")), Ranker(all + "old }")).Found(Limits(kWhole, 50'000)),
              ElementsAre(::testing::HasSubstr("change.attributes"),
                          ::testing::HasSubstr("rule ramp: old grows from 0% to 100% in one step")));
  // A little of it, or what everybody had anyway, is no jump.
  EXPECT_THAT(OfRanker(Ranker(Ramp("{ new: 5%, old: 95% }")), Ranker(all + "{ new: 5%, old: 95% } }"))
                  .Found(Limits(kWhole, 5'000)),
              ElementsAre(::testing::HasSubstr("change.attributes")));
  EXPECT_THAT(OfRanker(Ranker(Ramp("new"), "new"), Ranker(all + "new }", "new")).Found(Limits(kWhole, 0)),
              ElementsAre(::testing::HasSubstr("change.attributes")));
}

TEST(ChangeChecksTest, WhereConditionsChangeItIsToldOrCounted) {
  const Edited wider =
      OfRanker(Ranker(Ramp("{ new: 100%, old: 0% }")), Ranker(Ramp("{ new: 100%, old: 0% }", "{ country: [DE, FR] }")));
  EXPECT_THAT(
      wider.Found(Limits(0, 0)),
      ElementsAre("change.attributes flags/r.yaml:1 flag ranker (search): who moves depends on attributes: rule "
                  "ramp"));
  const std::vector<Context> contexts =
      ParseContexts(
          "{\"key\":\"1\",\"country\":\"FR\"}\n{\"key\":\"2\",\"country\":\"DE\"}\n{\"key\":\"3\"}\n"
          "{\"key\":\"4\"}\n")
          .value();
  EXPECT_THAT(wider.Found(Limits(25'000, kWhole), &contexts),
              ElementsAre("change.attributes flags/r.yaml:7 flag ranker (search): 1 of 4 contexts move: old → new 1"));
  EXPECT_THAT(wider.Found(Limits(24'999, kWhole), &contexts),
              ElementsAre("change.moves flags/r.yaml:7 flag ranker (search): 1 of 4 contexts move: old → new 1; the "
                          "policy allows 24.999%"));
}

TEST(ChangeChecksTest, WhatIsRequiredHasToBeEnabledThere) {
  const std::string rule = Ramp("{ new: 5%, old: 95% }");
  const std::string requiring = Ranker(rule, "old", "    requires: [{ flag: payments, is: on }]\n");
  const std::string enabled = std::string(kPayments) + "true, default: on } }\n";
  const std::string disabled = std::string(kPayments) + "false, default: on } }\n";
  const auto files = [](const std::string& flag, const std::string& payments) {
    return std::vector<std::pair<std::string, std::string>>{{"flags/r.yaml", flag}, {"flags/p.yaml", payments}};
  };
  const auto unmet = [](const Edited& changed) {
    std::vector<std::string> found = changed.Found();
    std::erase_if(found, [](const std::string& line) { return !line.starts_with("change.prerequisite"); });
    return found;
  };
  EXPECT_THAT(unmet(Edited(files(Ranker(rule), enabled), files(requiring, enabled))), IsEmpty());
  EXPECT_THAT(unmet(Edited(files(Ranker(rule), disabled), files(requiring, disabled))),
              ElementsAre("change.prerequisite flags/r.yaml:9 flag ranker (search): it requires payments, which is not "
                          "enabled in production: everybody is served `off`"));
  // The other side of it; and what was so before is not this change's doing.
  EXPECT_THAT(unmet(Edited(files(requiring, enabled), files(requiring, disabled))).size(), 1u);
  EXPECT_THAT(unmet(Edited(files(requiring, disabled), files(requiring, disabled))), IsEmpty());
}

// ---- What a server says --------------------------------------------------------------------------------------------

TEST(ChangeChecksTest, EditsOfRunningExperimentsAreToldFromOtherRefusals) {
  const Files files({{"flags/r.yaml", Ranker(Ramp("{ new: 5%, old: 95% }"))}});
  const Workspace workspace = files.Read();
  const std::vector<Finding> found = CheckRefusal(
      workspace, {{guidon::Severity::kError, "running_experiment", {}, "its weights change", "stop it", "experiment e"},
                  {guidon::Severity::kError, "layer_full", {}, "it is full", "", "flag ranker"},
                  {guidon::Severity::kWarning, "expired", {}, "it is over", "", "flag ranker"}});
  ASSERT_EQ(found.size(), 2u);
  EXPECT_EQ(found[0].rule, "change.experiment");
  EXPECT_EQ(found[0].fix, "stop it");
  EXPECT_EQ(found[1].rule, "change.refused");
  EXPECT_EQ(found[1].owner, "search");
  EXPECT_EQ(found[1].place.at.line, 1);
}

TEST(ChangeChecksTest, AConflictNamesWhatBothSidesEdited) {
  const Files files({{"flags/r.yaml", Ranker(Ramp("{ new: 5%, old: 95% }"))}});
  const Workspace workspace = files.Read();
  const std::vector<Finding> found = CheckConflicts(
      workspace,
      *ParseJson(R"({"conflicts":[{"kind":"flag","key":"ranker","path":"environments.production.enabled"}]})"));
  ASSERT_EQ(found.size(), 1u);
  EXPECT_EQ(found[0].subject, "flag ranker");
  EXPECT_EQ(found[0].message, "environments.production.enabled was changed on the server, too");
  EXPECT_THAT(CheckConflicts(workspace, *ParseJson(R"({"conflicts":[]})")), IsEmpty());
}

}  // namespace
}  // namespace guidon::gate
