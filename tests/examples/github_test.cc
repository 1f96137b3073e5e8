// examples/pipelines/github/flags.yml: what it refers to is there, and its shell steps do what it says, as they stand.
#include <gmock/gmock.h>

#include <regex>
#include <set>

#include "core/base/json.h"
#include "core/base/json_record.h"
#include "tests/examples/github_workflow.h"
#include "tests/examples/pipelines.h"

namespace guidon::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

constexpr const char* kWorkflowFile = "github/flags.yml";

// ---- The file alone ------------------------------------------------------------------------------------------------

TEST(GitHubWorkflowTest, RefersOnlyToJobsStepsAndNamesThatAreThere) {
  const GitHubWorkflow workflow(kWorkflowFile);
  const std::string file = PipelineFile(kWorkflowFile);
  const Value& jobs = *workflow.value().Find("jobs");
  const std::set<std::string> kOfGitHub = {"github.event_name",
                                           "github.ref",
                                           "github.repository",
                                           "github.token",
                                           "github.event.pull_request.number",
                                           "github.event.pull_request.head.repo.full_name"};
  for (const Member& job : jobs.AsObject()) {
    std::set<std::string> needs, outputs;
    if (!TextOf(job.value, "needs").empty()) needs.insert(TextOf(job.value, "needs"));
    for (const Value& need : ListIn(job.value, "needs")) needs.insert(need.AsString());
    for (const std::string& need : needs) EXPECT_NE(jobs.Find(need), nullptr) << job.name << " needs " << need;
    std::set<std::string> ids;
    for (const Value& step : ListIn(job.value, "steps")) {
      const std::string id = TextOf(step, "id");
      EXPECT_TRUE(id.empty() || ids.insert(id).second) << id;
      EXPECT_NE(step.Find("run") == nullptr, step.Find("uses") == nullptr) << ToJson(step);
      // A script writes the outputs that are read.
      std::smatch match;
      const std::string run = TextOf(step, "run");
      if (std::regex_search(run, match, std::regex("echo \"?(\\w+)=[^\\n]*>>\"\\$GITHUB_OUTPUT\""))) {
        outputs.insert("steps." + id + ".outputs." + match[1].str());
      }
    }
    for (const auto& [path, text] : TextsOf(job.value)) {
      // A script sees what others may choose as variables only, never as its own text.
      EXPECT_FALSE(path.ends_with(".run") && text.find("${{") != std::string::npos) << job.name << "." << path;
      for (const std::string& name : NamesIn(text)) {
        const std::string where = job.name + "." + path + ": " + name;
        if (name.starts_with("steps.")) {
          EXPECT_TRUE(outputs.contains(name)) << where;
        } else if (name.starts_with("needs.")) {
          const std::string need = name.substr(6, name.find('.', 6) - 6), output = name.substr(name.rfind('.') + 1);
          EXPECT_TRUE(needs.contains(need)) << where;
          const Value* there = jobs.Find(need) == nullptr ? nullptr : jobs.Find(need)->Find("outputs");
          EXPECT_TRUE(there != nullptr && there->Find(output) != nullptr) << where;
        } else if (name.starts_with("vars.") || name.starts_with("secrets.")) {
          const std::string kind = name.starts_with("vars.") ? "variable " : "secret   ";
          EXPECT_THAT(file, HasSubstr("#   " + kind + name.substr(name.find('.') + 1) + " ")) << where;
        } else {
          EXPECT_TRUE(kOfGitHub.contains(name)) << where;
        }
      }
    }
  }
}

TEST(GitHubWorkflowTest, ActionsArePinnedAndJobsHaveAsFewRightsAsTheyNeed) {
  const GitHubWorkflow workflow(kWorkflowFile);
  EXPECT_EQ(ToJson(*workflow.value().Find("permissions")), "{}");
  std::map<std::string, std::string> rights;
  for (const Member& job : workflow.value().Find("jobs")->AsObject()) {
    ASSERT_NE(job.value.Find("permissions"), nullptr) << job.name;
    rights[job.name] = ToJson(*job.value.Find("permissions"));
    EXPECT_NE(job.value.Find("timeout-minutes"), nullptr) << job.name;
    for (const Value& step : ListIn(job.value, "steps")) {
      const std::string uses = TextOf(step, "uses");
      if (uses.empty()) continue;
      EXPECT_TRUE(std::regex_match(uses, std::regex("[\\w./-]+@[0-9a-f]{40}"))) << uses;
      if (uses.starts_with("actions/checkout@")) {
        EXPECT_EQ(ToJson(*step.Find("with")), R"({"persist-credentials":false})") << job.name;
      }
    }
  }
  const std::map<std::string, std::string> wanted = {
      {"check", R"({"contents":"read"})"},
      {"gate", R"({"contents":"read"})"},
      {"comment", R"({"pull-requests":"write"})"},
      {"scanning", R"({"actions":"read","contents":"read","security-events":"write"})"},
      {"release", R"({"contents":"read"})"},
      {"delivery", R"({"contents":"read"})"}};
  EXPECT_EQ(rights, wanted);
}

// ---- Its steps -----------------------------------------------------------------------------------------------------

class GitHubTest : public PipelineTest {
 protected:
  GitHubTest() {
    shop_.Copy(kWorkflowFile, ".github/workflows/flags.yml");
    // What it is asked for it writes down; its list of comments is a file. --jq is jq's own language.
    shop_.Fake("gh", R"(#!/bin/bash
printf '%s ' "$@" >>~/gh.log && echo >>~/gh.log
for ((i = 1; i <= $#; i++)); do
  [[ ${!i} != --jq ]] || { j=$((i + 1)) && exec jq --raw-output "${!j}" ~/comments.json; }
  [[ ${!i} != body=@* ]] || { file=${!i} && cp "${file#body=@}" ~/posted.md; }
done
)");
    shop_.Write("../home/comments.json", "[]");
  }

  std::map<std::string, std::string> PullRequest() const {
    return {{"github.event_name", "pull_request"},     {"github.ref", "refs/pull/7/merge"},
            {"github.repository", "books/shop"},       {"github.token", "token"},
            {"github.event.pull_request.number", "7"}, {"github.event.pull_request.head.repo.full_name", "books/shop"},
            {"vars.GUIDON_SERVER", server_.url()},     {"vars.GUIDON_COMMENT", "true"},
            {"vars.GUIDON_SCANNING", "true"},          {"secrets.GUIDON_KEY", pipeline_}};
  }
  std::map<std::string, std::string> Push() const {
    std::map<std::string, std::string> names = PullRequest();
    names["github.event_name"] = "push";
    names["github.ref"] = "refs/heads/main";
    names["github.event.pull_request.number"] = "";
    names["github.event.pull_request.head.repo.full_name"] = "";
    names["secrets.GUIDON_RELEASE_KEY"] = editor_;
    return names;
  }

  GitHubWorkflow workflow_{kWorkflowFile};
};

TEST_F(GitHubTest, APullRequestThatMayGoOutPassesAndIsToldSo) {
  Mend();
  auto runs = workflow_.Run(shop_, PullRequest());
  EXPECT_EQ(runs["check"].result, "success") << runs["check"].output;
  EXPECT_THAT(runs["check"].output, HasSubstr("passed  flags: 5 tests"));
  EXPECT_EQ(runs["gate"].result, "success") << runs["gate"].output;
  EXPECT_THAT(runs["gate"].output, HasSubstr("::notice title=guidon gate::pass for production"));
  EXPECT_THAT(workflow_.summary(), HasSubstr("May be released to production"));
  EXPECT_EQ(FaultsOf({shop_ / "gate.sarif", shop_ / "gate.xml"}), "");
  EXPECT_THAT(runs["gate"].steps, ElementsAre("actions/checkout", "Gate", "actions/upload-artifact"));
  EXPECT_THAT(runs["scanning"].steps,
              ElementsAre("actions/checkout", "actions/download-artifact", "github/codeql-action/upload-sarif"));
  EXPECT_EQ(runs["release"].result, "skipped");
  EXPECT_EQ(WeightOnServer(), "5%");

  EXPECT_EQ(runs["comment"].result, "success") << runs["comment"].output;
  EXPECT_THAT(shop_.Read("../home/gh.log"), HasSubstr("--method POST repos/books/shop/issues/7/comments "));
  const std::string posted = shop_.Read("../home/posted.md");
  EXPECT_EQ(posted, "<!-- guidon gate: production -->\n" + shop_.Read("gate.md"));
  // The next time it is the same comment, and neither that of a person nor that of another workflow.
  const auto comment = [](int id, const std::string& type, const std::string& body) {
    return Value(Object{{"id", Value(id)}, {"user", Value(Object{{"type", Value(type)}})}, {"body", Value(body)}});
  };
  shop_.Write("../home/comments.json",
              ToJson(Value(Array{comment(1, "User", posted), comment(2, "Bot", "Coverage: 80 %"),
                                 comment(3, "Bot", posted), comment(4, "Bot", posted)})));
  runs = workflow_.Run(shop_, PullRequest());
  EXPECT_EQ(runs["comment"].result, "success") << runs["comment"].output;
  EXPECT_THAT(shop_.Read("../home/gh.log"), HasSubstr("--method PATCH repos/books/shop/issues/comments/3 "));
}

TEST_F(GitHubTest, APullRequestThatBreaksSomethingFailsAndIsToldWhereAndWhatToDo) {
  Break();
  auto runs = workflow_.Run(shop_, PullRequest());
  EXPECT_EQ(runs["check"].result, "success") << runs["check"].output;  // valid it is
  EXPECT_EQ(runs["gate"].result, "failure");
  EXPECT_THAT(runs["gate"].output, HasSubstr("::error file=flags/flags/cart.yaml,line=11,col=11,title=change.jump::"));
  EXPECT_THAT(workflow_.summary(), HasSubstr("May not be released to production"));
  EXPECT_EQ(runs["comment"].result, "success") << runs["comment"].output;
  EXPECT_THAT(shop_.Read("../home/posted.md"), HasSubstr("May not be released to production"));
  EXPECT_EQ(runs["scanning"].result, "success");
  EXPECT_EQ(FaultsOf({shop_ / "gate.sarif", shop_ / "gate.xml"}), "");
}

TEST_F(GitHubTest, AForkGetsNoSecretsAndIsLookedAtWithoutThem) {
  Break();
  auto names = PullRequest();
  names["secrets.GUIDON_KEY"] = "";
  names["github.event.pull_request.head.repo.full_name"] = "stranger/shop";
  auto runs = workflow_.Run(shop_, names);
  EXPECT_EQ(runs["gate"].result, "success") << runs["gate"].output;
  EXPECT_THAT(runs["gate"].output, HasSubstr("not looked at: change, as --offline was given"));
  EXPECT_EQ(runs["comment"].result, "skipped");
  EXPECT_EQ(runs["scanning"].result, "skipped");
  shop_.Edit("src/cart.cc", "cart.express", "cart.expres");
  runs = workflow_.Run(shop_, names);
  EXPECT_EQ(runs["gate"].result, "failure");
  EXPECT_THAT(runs["gate"].output, HasSubstr("::error file=src/cart.cc,line=8,"));
}

TEST_F(GitHubTest, AHoldLetsAPullRequestThroughAndKeepsARelease) {
  Hold();
  auto names = Push();
  names["vars.GUIDON_SERVER"] = kNoServer;
  auto runs = workflow_.Run(shop_, names, {{"LOOKS", "2"}, {"WAIT", "0"}});
  EXPECT_EQ(runs["gate"].result, "success") << runs["gate"].output;
  EXPECT_THAT(runs["gate"].output, HasSubstr("::warning title=guidon gate::It holds"));
  EXPECT_EQ(runs["release"].result, "failure");
  EXPECT_THAT(runs["release"].output, HasSubstr("The gate holds; look 1 of 2, again in 0 s\n"));
  EXPECT_THAT(runs["release"].output, HasSubstr("::error title=guidon gate::It still holds"));
  EXPECT_THAT(runs["release"].steps, ElementsAre("actions/checkout", "Gate, once more"));
}

TEST_F(GitHubTest, WithoutAServerThereIsNoVerdictAndThatIsTold) {
  auto names = PullRequest();
  names["vars.GUIDON_SERVER"] = kNoServer;
  auto runs = workflow_.Run(shop_, names);
  EXPECT_EQ(runs["check"].result, "success");
  EXPECT_EQ(runs["gate"].result, "failure");
  EXPECT_THAT(runs["gate"].output, HasSubstr("::error title=guidon gate::no verdict for production: "));
  EXPECT_EQ(runs["comment"].result, "success") << runs["comment"].output;
  EXPECT_THAT(shop_.Read("../home/posted.md"), HasSubstr("No verdict on a release to production"));
  EXPECT_EQ(runs["scanning"].result, "success");
  EXPECT_EQ(FaultsOf({shop_ / "gate.sarif", shop_ / "gate.xml"}), "");
}

TEST_F(GitHubTest, MainIsGatedAppliedDeployedAndWaitedFor) {
  Mend();
  const Application application(server_, "bookshop", "production");
  auto runs = workflow_.Run(shop_, Push(), {{"SETTLE", "0s"}, {"RELEASE", "1.0"}});
  EXPECT_EQ(runs["release"].result, "success") << runs["release"].output;
  EXPECT_THAT(runs["release"].steps, ElementsAre("actions/checkout", "Gate, once more", "Apply the flags", "Deploy"));
  EXPECT_THAT(runs["release"].output, HasSubstr("deployed to production\n"));
  EXPECT_EQ(runs["delivery"].result, "success") << runs["delivery"].output;
  EXPECT_THAT(runs["delivery"].steps, ElementsAre("actions/checkout", "Wait for the processes"));
  EXPECT_THAT(runs["delivery"].output, HasSubstr("PASS  production"));
  EXPECT_THAT(runs["delivery"].output, Not(HasSubstr("not looked at: delivery")));
  EXPECT_EQ(runs["comment"].result, "skipped");
  EXPECT_EQ(WeightOnServer(), "10%");
}

// The job that failed is what people run again, and it deploys nothing.
TEST_F(GitHubTest, AReleaseEndsWithAHoldWhileProcessesLagBehind) {
  Mend();
  Application application(server_, "bookshop", "production");
  application.LagBehind();
  const std::map<std::string, std::string> settings = {{"SETTLE", "0s"}, {"WITHIN", "0s"}};
  auto runs = workflow_.Run(shop_, Push(), settings);
  EXPECT_EQ(runs["release"].result, "success") << runs["release"].output;
  EXPECT_EQ(WeightOnServer(), "10%");
  EXPECT_EQ(runs["delivery"].result, "failure");
  EXPECT_THAT(runs["delivery"].steps, ElementsAre("actions/checkout", "Wait for the processes"));
  EXPECT_THAT(runs["delivery"].output, HasSubstr("hold    delivery.share  application request-server 1.0\n"));
  EXPECT_THAT(runs["delivery"].output, HasSubstr("::error title=guidon gate::It is deployed, and too few processes"));
}

TEST_F(GitHubTest, AProtectedEnvironmentGetsWhatOthersHaveApproved) {
  Protect();
  Mend();
  const Application application(server_, "bookshop", "production");
  auto runs = workflow_.Run(shop_, Push());
  EXPECT_EQ(runs["gate"].result, "failure");
  EXPECT_THAT(runs["gate"].output, HasSubstr("title=change.approval::"));
  EXPECT_EQ(runs["release"].result, "skipped");
  OpenAndApprove();
  EXPECT_EQ(WeightOnServer(), "5%");
  for (const bool is_first : {true, false}) {
    runs = workflow_.Run(shop_, Push(), {{"SETTLE", "0s"}});
    EXPECT_EQ(runs["release"].result, "success") << runs["release"].output;
    EXPECT_THAT(runs["release"].output,
                HasSubstr(is_first ? "applied change request 1 as revision " : "nothing to change: "));
    EXPECT_EQ(runs["delivery"].result, "success") << runs["delivery"].output;
    EXPECT_EQ(WeightOnServer(), "10%");
  }
}

TEST_F(GitHubTest, WhatTheGateRefusesIsNotReleased) {
  Break();
  auto runs = workflow_.Run(shop_, Push());
  EXPECT_EQ(runs["gate"].result, "failure");
  EXPECT_EQ(runs["release"].result, "skipped");
  EXPECT_EQ(WeightOnServer(), "5%");
}

}  // namespace
}  // namespace guidon::testing
