// Who has to approve a change.
#include "gate/approval_checks.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/base/json.h"
#include "core/base/text.h"
#include "tests/gate/workspaces.h"

namespace guidon::gate {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

Value PlanOf(const std::string& summary, const std::string& environment = "production") {
  return *ParseJson(R"({"changes":[{"kind":"flag","key":"ranker","action":"update","environments":[")" + environment +
                    R"("],"summary":[")" + summary + R"("]}]})");
}
Value RequestOf(const std::string& state, const Value& plan) {
  Value request = *ParseJson(R"({"number":7,"state":")" + state + "\"}");
  request.MutableObject().Append("plan", plan);
  return request;
}

TEST(ApprovalChecksTest, AProtectedEnvironmentWantsAnApprovedRequestThatDoesTheSame) {
  const Value plan = PlanOf("rule ramp: 5% → 10%");
  const auto found = [&](const std::vector<Value>& requests) {
    const std::vector<Finding> findings = CheckApproval({"production", plan, &requests});
    return findings.empty() ? std::string() : findings.front().message;
  };
  EXPECT_EQ(found({RequestOf("approved", plan)}), "");
  EXPECT_EQ(found({RequestOf("open", plan), RequestOf("scheduled", plan)}), "");
  EXPECT_EQ(found({}), "it is protected, and no change request does what the files change there");
  EXPECT_EQ(found({RequestOf("approved", PlanOf("rule ramp: 5% → 20%"))}),
            "it is protected, and no change request does what the files change there");
  EXPECT_EQ(found({RequestOf("open", plan)}), "it is protected, and change request 7 does it and is open");
  EXPECT_EQ(found({RequestOf("stale", plan)}), "it is protected, and change request 7 does it and is stale");
  // Nothing of it is altered.
  const Value elsewhere = PlanOf("rule ramp: 5% → 10%", "staging");
  EXPECT_THAT(CheckApproval({"production", elsewhere, nullptr}), IsEmpty());
  // Without a server nobody knows.
  const std::vector<Finding> offline = CheckApproval({"production", plan, nullptr});
  ASSERT_EQ(offline.size(), 1u);
  EXPECT_EQ(offline[0].severity, Severity::kFail);
  EXPECT_EQ(SentenceOf(offline[0]),
            "environment production: it is protected, and no server was asked whether it is approved (run the gate "
            "with the server)");
}

// ---- The request that does what a plan does

// "flag a", altered in these environments.
Value Altered(const std::string& entity, const std::vector<std::string>& environments, const std::string& summary) {
  const std::size_t blank = entity.find(' ');
  return Object{{"kind", Value(entity.substr(0, blank))},
                {"key", Value(entity.substr(blank + 1))},
                {"action", Value("update")},
                {"environments", Value(Array(environments.begin(), environments.end()))},
                {"summary", Value(Array{Value(summary)})}};
}
Value PlanWith(const Array& changes) {
  return Object{{"changes", Value(changes)}};
}

TEST(ApprovalChecksTest, ARequestDoesTheSameInAllEnvironmentsOrComesNextToIt) {
  const Value a = Altered("flag a", {"production", "staging"}, "enabled"),
              b = Altered("flag b", {"staging"}, "enabled"), m = Altered("metric m", {}, "changed"),
              c = Altered("flag c", {"production"}, "enabled"), b_in_qa = Altered("flag b", {"qa"}, "enabled"),
              b_in_words = Altered("flag b", {"staging"}, "off: on");
  const auto request = [](std::int64_t number, const std::string& state, const Array& changes) {
    Value of = RequestOf(state, PlanWith(changes));
    of.MutableObject().Set("number", Value(number));
    return of;
  };
  const auto found = [&](const std::vector<Value>& requests) {
    const MatchingRequest match = FindRequestFor(PlanWith({a, b, m}), requests);
    if (match.number == 0) return std::string("none");
    std::string text = std::to_string(match.number) + " " + match.state + (match.does_the_same() ? " same" : "");
    for (const auto* entities : {&match.left_out, &match.added, &match.different}) text += "|" + Joined(*entities);
    return text;
  };
  const Array all = {m, b, a};
  EXPECT_EQ(found({}), "none");
  EXPECT_EQ(found({request(1, "approved", {c})}), "none");
  EXPECT_EQ(found({request(1, "open", all), request(2, "approved", all), request(3, "stale", all)}),
            "2 approved same|||");
  EXPECT_EQ(found({request(1, "stale", all), request(2, "approved", {a})}), "1 stale same|||");
  // Less, more, elsewhere and otherwise.
  EXPECT_EQ(found({request(1, "approved", {a}), request(2, "open", {a, b})}), "2 open|metric m||");
  EXPECT_EQ(found({request(1, "approved", {a, b, c, m})}), "1 approved||flag c|");
  EXPECT_EQ(found({request(1, "approved", {a, b_in_qa, m})}), "1 approved|||flag b");
  EXPECT_EQ(found({request(1, "approved", {a, b_in_words, m})}), "1 approved|||flag b");
  // One that cannot be applied has no plan.
  EXPECT_EQ(found({*ParseJson(R"({"number":7,"state":"approved","fault":"gone"})")}), "none");
}

// ---- Protected flags
// -------------------------------------------------------------------------------------------------

// Two flags, of which one leans on a segment through another one, and has an experiment in a layer.
class ProtectedFlagsTest : public ::testing::Test {
 protected:
  ProtectedFlagsTest() {
    EXPECT_FALSE(workspace_.HasErrors());
    policy_.protected_flags = {"pay*"};
    before_ = after_ = SnapshotOf(workspace_.definitions, "production", 1).entities;
  }

  // As if "KIND KEY" had another description, and a server's plan said so.
  void Alter(const std::string& entity, const std::string& environment = "production") {
    const std::size_t blank = entity.find(' ');
    changes_.emplace_back(Object{{"kind", Value(entity.substr(0, blank))},
                                 {"key", Value(entity.substr(blank + 1))},
                                 {"action", Value("update")},
                                 {"environments", Value(Array{Value(environment)})},
                                 {"summary", Value(Array{Value(entity + " is another")})}});
  }
  Value Plan() const { return Object{{"changes", Value(changes_)}}; }
  static Value Request(const std::string& state, const std::string& approvals, const Value& plan) {
    Value request = *ParseJson(R"({"number":7,"state":")" + state + R"(","approvals":[)" + approvals + "]}");
    request.MutableObject().Append("plan", plan);
    return request;
  }

  std::vector<std::string> Found(const std::vector<Value>* requests) const {
    const Value plan = Plan();
    std::vector<std::string> found;
    for (const Finding& finding :
         CheckProtectedFlags({workspace_, "production", before_, after_, plan, requests}, policy_)) {
      EXPECT_EQ(finding.rule, "change.protected-flag");
      EXPECT_EQ(finding.severity, Severity::kFail);
      found.push_back(std::to_string(finding.place.at.line) + " " + finding.subject + " (" + finding.owner +
                      "): " + finding.message);
    }
    return found;
  }
  std::vector<std::string> Found() const { return Found(&none_); }

  const Files files_{
      {{"flags/all.yaml",
        "- flag: pay\n  type: boolean\n  owner: payments\n  environments:\n    production:\n      enabled: true\n"
        "      rules: [{ when: { segment: eu }, serve: on }]\n      default: off\n"
        "- flag: other\n  type: boolean\n  owner: x\n  environments:\n    production:\n      enabled: true\n"
        "      rules: [{ when: { segment: trial }, serve: on }]\n      default: off\n"},
       {"segments/eu.yaml",
        "- { segment: eu, when: { segment: west } }\n- { segment: west, when: { country: FR } }\n"
        "- { segment: trial, when: { plan: trial } }\n"},
       {"metrics/orders.yaml", "metric: orders\nowner: x\nevent: order\ntype: conversion\n"},
       {"layers.yaml", "- { layer: page, unit: account }\n"},
       {"experiments/one.yaml",
        "experiment: one\nowner: ana\nhypothesis: More.\nflag: pay\nenvironment: production\nunit: account\n"
        "layer: { name: page, slice: 50% }\nmetrics: { primary: { use: orders } }\n"
        "variants: { control: { serves: off, weight: 50% }, t: { serves: on, weight: 50% } }\n"}}};
  const Workspace workspace_ = files_.Read();
  Policy policy_;
  EntitySet before_, after_;
  Array changes_;
  const std::vector<Value> none_;
};

TEST_F(ProtectedFlagsTest, OneThatIsAlteredWantsAnApprovedRequestThatDoesTheSameOfIt) {
  EXPECT_THAT(Found(), IsEmpty());
  Alter("flag pay");
  const Value of_pay = Plan();
  Alter("flag other");
  EXPECT_THAT(Found(), ElementsAre("1 flag pay (payments): it is protected by the policy, and no change request does "
                                   "what the files change of it"));
  const auto found = [&](const Value& request) {
    const std::vector<Value> requests = {request};
    const std::vector<std::string> lines = Found(&requests);
    return lines.empty() ? std::string() : lines.front().substr(lines.front().rfind(", and ") + 6);
  };
  // The rest of the change is no matter of this rule.
  EXPECT_EQ(found(Request("approved", R"({"by":"bea","counts":true})", of_pay)), "");
  EXPECT_EQ(found(Request("scheduled", R"({"by":"bea"})", Plan())), "");
  EXPECT_EQ(found(Request("open", "", of_pay)), "change request 7 does it and is open");
  EXPECT_EQ(found(Request("stale", R"({"by":"bea"})", of_pay)), "change request 7 does it and is stale");
  // Where nothing is protected a request is approved from the start.
  EXPECT_EQ(found(Request("approved", "", of_pay)), "change request 7 does it and is approved by nobody");
  EXPECT_EQ(found(Request("approved", R"({"by":"bea","counts":false})", of_pay)),
            "change request 7 does it and is approved by nobody");
  EXPECT_EQ(found(Request("approved", R"({"by":"bea"})", *ParseJson(R"({"changes":[]})"))),
            "no change request does what the files change of it");
}

TEST_F(ProtectedFlagsTest, OthersAndOtherEnvironmentsAreFree) {
  Alter("flag other");
  Alter("flag pay", "staging");
  EXPECT_THAT(Found(), IsEmpty());
  policy_.protected_flags = {"pay", "ot?er"};
  EXPECT_THAT(Found(), ElementsAre(::testing::HasSubstr("flag other (x): it is protected")));
  policy_.protected_flags = {};
  EXPECT_THAT(Found(), IsEmpty());
  policy_.protected_flags = {"other"};
  policy_.severities["change.protected-flag"] = std::nullopt;
  EXPECT_THAT(Found(), IsEmpty());
}

TEST_F(ProtectedFlagsTest, WhatDecidesWhatItServesAltersIt) {
  Alter("experiment one");
  Alter("layer page");
  Alter("segment west");
  Alter("segment trial");
  Alter("metric orders");
  EXPECT_THAT(Found(), ElementsAre("1 flag pay (payments): it is protected by the policy, and altered by experiment "
                                   "one, layer page, segment west, and no change request does what the files change "
                                   "of it"));
  std::vector<Value> requests = {Request("approved", R"({"by":"bea"})", Plan())};
  EXPECT_THAT(Found(&requests), IsEmpty());
}

// What is required decides, too; so does what decides about that, and what was required before.
TEST_F(ProtectedFlagsTest, AFlagThatItRequiresAltersItWithAllThatAltersThat) {
  const auto require = [](EntitySet& entities, const std::string& key, const std::string& required) {
    for (FlagRecord& flag : entities.flags) {
      if (flag.definition.key != key) continue;
      flag.definition.environments.front().requirements = {{required, {"on"}}};
    }
  };
  policy_.protected_flags = {"other"};
  Alter("flag pay");
  Alter("experiment one");
  Alter("segment west");
  EXPECT_THAT(Found(), IsEmpty());
  require(after_, "pay", "other");  // and round again, which ends
  EXPECT_THAT(Found(), IsEmpty());
  require(before_, "other", "pay");
  EXPECT_THAT(Found(),
              ElementsAre("9 flag other (x): it is protected by the policy, and altered by experiment one, flag "
                          "pay, segment west, and no change request does what the files change of it"));
  std::swap(before_, after_);
  require(after_, "pay", "other");
  EXPECT_THAT(Found(), ::testing::SizeIs(1));
  after_.flags.front().definition.environments.front().environment = "staging";
  after_.flags.back().definition.environments.front().environment = "staging";
  EXPECT_THAT(Found(), IsEmpty()) << "elsewhere";
}

TEST_F(ProtectedFlagsTest, OneThatComesOrGoesIsAltered) {
  const EntitySet whole = after_;
  Alter("flag pay");
  std::erase_if(after_.flags, [](const FlagRecord& flag) { return flag.definition.key == "pay"; });
  EXPECT_THAT(Found(), ::testing::SizeIs(1));
  before_ = after_;
  after_ = whole;
  EXPECT_THAT(Found(), ::testing::SizeIs(1));
}

TEST_F(ProtectedFlagsTest, WithoutAServerNobodyCanHaveApprovedIt) {
  Alter("flag pay");
  EXPECT_THAT(Found(nullptr), ElementsAre("1 flag pay (payments): it is protected by the policy; no server was asked "
                                          "whether somebody has approved that"));
}

}  // namespace
}  // namespace guidon::gate
