// guidon plan and evaluate with --snapshot: a workspace on the ranges that a ruleset file holds, as the server would
// have it once it is applied.
#include <algorithm>
#include <fstream>

#include "cli/ruleset_source.h"
#include "core/base/json.h"
#include "tests/cli/cli.h"
#include "workspace/workspace.h"

namespace guidon::testing {
namespace {

std::string Ranker(const std::string& split, const std::string& more = "") {
  return "flag: ranker\ntype: string\nowner: search\nvariations: { a: A, b: B, c: C }\n" + more +
         "environments:\n"
         "  staging: { enabled: true, default: c }\n"
         "  production:\n"
         "    enabled: true\n"
         "    rules:\n"
         "      - id: ramp\n"
         "        when: { segment: eu }\n"
         "        serve: { " +
         split + " }\n    default: c\n";
}

std::string Switch(const std::string& key, const std::string& more = "") {
  return "flag: " + key + "\ntype: boolean\nowner: search\n" + more +
         "environments:\n  production: { enabled: true, default: off }\n";
}

std::string Experiment(const std::string& key, const std::string& state, const std::string& slice,
                       const std::string& more) {
  return "experiment: " + key + "\nowner: search\nhypothesis: More is found.\nflag: " + key +
         "\nenvironment: production\nstate: " + state + "\nunit: account_id\nlayer: { name: main, slice: " + slice +
         " }\n" + more + "variants:\n  without: { serves: off, weight: 60% }\n  with: { serves: on, weight: 40% }\n";
}

std::string Metric(const std::string& key) {
  return "metric: " + key + "\nowner: search\nevent: order\ntype: conversion\nwindow: 72h\ndirection: up\n";
}

const std::string kOrders = "metrics: { primary: { use: orders, expect: up } }\n";
const std::string kClicks = "audience: { segment: eu }\nmetrics: { primary: { use: clicks, expect: up } }\n";

// A server on which ranges and slots are no longer those of a first allocation, its production in a file, and a
// workspace that goes on from there.
class SnapshotTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    server_ = new Guidond();
    files_ = new Workspace({{"guidon.yaml", "project: kept\nenvironments: { staging: {}, production: {} }\n"},
                            {"layers.yaml", "- { layer: main, unit: account_id }\n"},
                            {"segments/eu.yaml", "segment: eu\nwhen: { country: [DE, FR] }\n"},
                            {"metrics/orders.yaml", Metric("orders")},
                            {"metrics/clicks.yaml", Metric("clicks")},
                            {"flags/ranker.yaml", Ranker("a: 20%, b: 30%, c: 50%")},
                            {"flags/first.yaml", Switch("first")},
                            {"flags/second.yaml", Switch("second")},
                            {"flags/old.yaml", Switch("old")},
                            // Never changes; what other environments do with it is no change of this one.
                            {"flags/both.yaml",
                             "flag: both\ntype: boolean\nowner: search\nenvironments:\n"
                             "  staging: { enabled: true, default: { serve: { on: 50%, off: 50% } } }\n"
                             "  production: { enabled: true, default: { serve: { on: 10%, off: 90% } } }\n"},
                            {"experiments/first.yaml", Experiment("first", "running", "40%", kOrders)},
                            {"experiments/second.yaml", Experiment("second", "draft", "30%", kClicks)}});
    ASSERT_EQ(Cli({"apply", files_->path()}).exit_code, 0);
    // Ranges move, and the layer's first buckets change hands.
    files_->Write("flags/ranker.yaml", Ranker("a: 50%, b: 30%, c: 20%"));
    files_->Write("experiments/first.yaml", Experiment("first", "stopped", "40%", kOrders));
    files_->Write("experiments/second.yaml", Experiment("second", "running", "30%", kClicks));
    ASSERT_EQ(Cli({"apply", files_->path()}).exit_code, 0);
    stored_ = new std::string(*files_ / "production.json");
    ASSERT_EQ(Cli({"export", "-e", "production", "-o", *stored_}).exit_code, 0);
    files_->Write("flags/ranker.yaml", Ranker("a: 35%, b: 30%, c: 35%"));
    files_->Write("flags/new.yaml", Switch("new"));
    files_->Write("flags/old.yaml", Switch("old", "archived: true\n"));
    files_->Write("segments/eu.yaml", "segment: eu\nwhen: { country: [DE, FR, NO] }\n");
    files_->Write("experiments/first.yaml", Experiment("first", "running", "40%", kOrders));
    // Not named any more, so it stays, with its slots; its metric is in no ruleset.
    files_->Remove("experiments/second.yaml");
    files_->Remove("metrics/clicks.yaml");
    std::ofstream contexts(*files_ / "contexts.jsonl"), cases(*files_ / "cases.jsonl");
    for (int i = 0; i < 400; ++i) {
      const std::string n = std::to_string(i);
      const std::string context = R"({"key": "user-)" + n + R"(", "account_id": "acc-)" + n + R"(", "country": ")" +
                                  (i % 4 == 0   ? "NO"
                                   : i % 4 == 1 ? "US"
                                                : "DE") +
                                  "\"}";
      contexts << context << "\n";
      cases << "{\"context\": " << context << "}\n";
    }
    contexts.close();
    cases.close();
    // What the server says, and then does.
    asked_ = new Value(JsonOf(Cli({"plan", files_->path(), "--contexts", *files_ / "contexts.jsonl", "--json"})));
    ASSERT_EQ(Cli({"apply", files_->path()}).exit_code, 0);
  }
  static void TearDownTestSuite() {
    delete server_;
    delete files_;
    delete stored_;
    delete asked_;
    server_ = nullptr;
    files_ = nullptr;
    stored_ = nullptr;
    asked_ = nullptr;
  }
  static Finished Cli(std::vector<std::string> arguments) { return GuidonOf(*server_, std::move(arguments)); }

  static Guidond* server_;
  static Workspace* files_;
  static std::string* stored_;  // the file
  static Value* asked_;         // the server's plan
};
Guidond* SnapshotTest::server_ = nullptr;
Workspace* SnapshotTest::files_ = nullptr;
std::string* SnapshotTest::stored_ = nullptr;
Value* SnapshotTest::asked_ = nullptr;

TEST_F(SnapshotTest, APlanOnAFileIsThatOfTheServerThatWroteIt) {
  const Finished done =
      Guidon({"plan", files_->path(), "--contexts", *files_ / "contexts.jsonl", "--json", "--snapshot", *stored_});
  EXPECT_EQ(done.exit_code, 0) << done.errors;
  const Value planned = JsonOf(done);
  EXPECT_EQ(ToJson(*planned.Find("changes")), ToJson(*asked_->Find("changes")));
  EXPECT_EQ(planned.Find("changes")->AsArray().size(), 5u);
  EXPECT_EQ(*planned.Find("contexts"), *asked_->Find("contexts"));
  const Value* counted = planned.Find("counted")->Find("production");
  EXPECT_EQ(ToJson(*counted), ToJson(*asked_->Find("counted")->Find("production")));
  EXPECT_GE(counted->AsArray().size(), 2u);
  EXPECT_EQ(planned.Find("warnings")->AsArray().at(0).Find("code")->AsString(), "audience_moves");
  EXPECT_EQ(planned.Find("snapshot")->Find("environment")->AsString(), "production");
}

TEST_F(SnapshotTest, APlanOnAFileSaysInWordsWhatItIsComparedWith) {
  const Finished done = Guidon({"plan", files_->path(), "--snapshot", *stored_});
  EXPECT_EQ(done.exit_code, 0);
  EXPECT_NE(done.errors.find("Compared with " + *stored_ + ": production at revision "), std::string::npos)
      << done.errors;
  for (const char* text :
       {"rule ramp (production): a 50%, b 30%, c 20% → a 35%, b 30%, c 35%; moves 15.000% of the units that reach it",
        "layer main 40% (buckets 30000–69999)", "+ flag new  new boolean flag", "- flag old",
        "1 to create, 3 to change, 1 to archive; nothing was written."}) {
    EXPECT_NE(done.output.find(text), std::string::npos) << text << "\n" << done.output;
  }
}

TEST_F(SnapshotTest, AWorkspaceOnAFileIsAllocatedAndAnswersAsTheServerOnceItIsApplied) {
  const std::string cases = *files_ / "cases.jsonl";
  const std::vector<std::string> evaluate = {"evaluate", "-w", files_->path(), "--cases", cases, "--json"};
  std::vector<std::string> on_file = evaluate, alone = evaluate;
  on_file.insert(on_file.end(), {"--snapshot", *stored_});
  alone.insert(alone.end(), {"-e", "production"});
  const Finished done = Guidon(on_file);
  EXPECT_EQ(done.errors, "");
  const std::vector<Value> planned = JsonLinesOf(done), first = JsonLinesOf(Guidon(alone));
  const Result<SnapshotDocument> before = cli::ReadRulesetFile(*stored_);
  const Result<guidon::Workspace> workspace = ReadWorkspace(files_->path());
  ASSERT_TRUE(before && workspace);
  const Result<cli::Applied> applied = cli::ApplyToRuleset(workspace->definitions, *before, *stored_);
  ASSERT_TRUE(applied) << applied.error().message;

  const std::string later = *files_ / "later.json";
  ASSERT_EQ(Cli({"export", "-e", "production", "-o", later}).exit_code, 0);
  const Result<SnapshotDocument> after = cli::ReadRulesetFile(later);
  ASSERT_TRUE(after);
  std::vector<EntityRef> refs = applied->after.entities.Refs(), wanted = after->snapshot.entities.Refs();
  std::sort(refs.begin(), refs.end());
  std::sort(wanted.begin(), wanted.end());
  EXPECT_EQ(refs, wanted);
  for (const EntityRef& ref : wanted) {
    EXPECT_EQ(applied->after.entities.Find(ref), after->snapshot.entities.Find(ref)) << ref.ToText();
  }
  std::vector<Value> served = JsonLinesOf(Cli({"evaluate", "-e", "production", "--cases", cases, "--json"}));
  for (Value& evaluation : served) evaluation.MutableObject().Erase("revision");
  EXPECT_GE(planned.size(), 400u * 4);
  EXPECT_EQ(planned, served);
  EXPECT_NE(first, served) << "a first allocation is the same: this shows nothing";
}

TEST_F(SnapshotTest, WhatAServerWouldRefuseIsAProblem) {
  const Workspace edited({{"guidon.yaml", "project: kept\nenvironments: { production: {} }\n"},
                          {"layers.yaml", "- { layer: main, unit: account_id }\n"},
                          {"segments/eu.yaml", "segment: eu\nwhen: { country: [DE, FR] }\n"},
                          {"metrics/clicks.yaml", Metric("clicks")},
                          {"flags/second.yaml", Switch("second")},
                          {"experiments/second.yaml", Experiment("second", "running", "20%", kClicks)}});
  const Finished edit = Guidon({"plan", edited.path(), "--snapshot", *stored_, "--json"});
  EXPECT_EQ(edit.exit_code, 1);
  EXPECT_EQ(JsonOf(edit).Find("issues")->AsArray().at(0).Find("code")->AsString(), "running_experiment");
  EXPECT_NE(edit.errors.find("experiment second  error  'layer' of a running experiment cannot change"),
            std::string::npos)
      << edit.errors;
  edited.Write("experiments/second.yaml", Experiment("second", "running", "30%", kClicks));
  EXPECT_EQ(Guidon({"plan", edited.path(), "--snapshot", *stored_}).exit_code, 0);
  // There is room in the files, but not beside what the server has.
  edited.Remove("experiments/second.yaml");
  edited.Write("flags/third.yaml", Switch("third"));
  edited.Write("experiments/third.yaml", Experiment("third", "running", "80%", kClicks));
  const Finished full = Guidon({"evaluate", "-w", edited.path(), "--snapshot", *stored_});
  EXPECT_EQ(full.exit_code, 1);
  EXPECT_NE(full.errors.find("running experiments of layer 'main' take more than 100%"), std::string::npos)
      << full.errors;
  EXPECT_TRUE(full.errors.ends_with("guidon: the workspace does not fit what is stored\n")) << full.errors;
}

TEST_F(SnapshotTest, AFileThatDoesNotFitIsAUsageError) {
  const Workspace other(SmallShop("other"));
  Workspace without;
  without.Write("guidon.yaml", "project: kept\nenvironments: { staging: {} }\n");
  for (const auto& [words, text] : std::vector<std::pair<std::vector<std::string>, std::string>>{
           {{"plan", other.path(), "--snapshot", *stored_}, "is of project 'kept', the workspace of 'other'"},
           {{"plan", without.path(), "--snapshot", *stored_}, "the workspace has no environment 'production'"},
           {{"plan", files_->path(), "--snapshot", "/nowhere.json"}, "there is no file /nowhere.json"},
           {{"plan", files_->path(), "--snapshot", *files_ / "guidon.yaml"}, "guidon.yaml: "},
           {{"plan", files_->path(), "--snapshot", *stored_, "--prune"}, "excludes"},
           {{"evaluate", "-w", files_->path(), "--snapshot", *stored_, "-e", "staging"},
            "is of production, not of staging"},
           {{"evaluate", "--snapshot", *stored_}, "--workspace"}}) {
    const Finished done = Guidon(words);
    EXPECT_EQ(done.exit_code, 2) << text;
    EXPECT_EQ(done.output, "") << text;
    EXPECT_NE(done.errors.find(text), std::string::npos) << done.errors;
  }
}

}  // namespace
}  // namespace guidon::testing
