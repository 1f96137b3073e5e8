// examples/pipelines/gitlab/gitlab-ci.yml: its jobs are put together as GitLab does, and their scripts run as they
// stand.
#include <gmock/gmock.h>

#include <future>
#include <set>

#include "core/base/json.h"
#include "core/base/json_record.h"
#include "tests/examples/github_workflow.h"
#include "tests/examples/pipelines.h"
#include "tests/support/scripted_server.h"
#include "yaml/yaml.h"

namespace guidon::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

constexpr const char* kGitLabFile = "gitlab/gitlab-ci.yml";

Value Document() {
  YamlResult yaml = ParseYaml(PipelineFile(kGitLabFile));
  for (const YamlFault& fault : yaml.faults) ADD_FAILURE() << fault.at.line << ": " << fault.issue.message;
  return yaml.documents.empty() ? Value(Object()) : std::move(yaml.documents.front().value);
}

// What is no job.
bool IsKeyword(const std::string& name) {
  return name.starts_with('.') || name == "stages" || name == "workflow" || name == "variables";
}

class Job {
 public:
  Job(const Value& document, const std::string& name) : document_(document), job_(*document.Find(name)) {
    const std::string base = TextOf(job_, "extends");
    if (!base.empty()) base_ = document.Find(base);
  }

  const Value* Find(std::string_view key) const {
    const Value* own = job_.Find(key);
    return own != nullptr || base_ == nullptr ? own : base_->Find(key);
  }

  // Lines of before_script and script: one shell runs them all.
  std::string Script() const {
    std::string text;
    for (const char* part : {"before_script", "script"}) {
      const Value* lines = Find(part);
      if (lines == nullptr) continue;
      for (const Value& line : lines->AsArray()) text += line.AsString() + "\n";
    }
    return text;
  }

  // As a runner does, by the shell that its image has: Debian's bash, Alpine's sh.
  Finished Run(const Checkout& checkout, const std::map<std::string, std::string>& settings) const {
    std::map<std::string, std::string> variables;
    for (const Value* of : {document_.Find("variables"), Find("variables")}) {
      if (of == nullptr) continue;
      for (const Member& member : of->AsObject()) variables[member.name] = member.value.AsString();
    }
    for (const auto& [name, value] : settings) variables[name] = value;
    const Value* image = Find("image");
    const bool has_bash = image != nullptr && image->is_object();
    return has_bash ? checkout.Run({"bash", "-eo", "pipefail", "-c", Script()}, variables)
                    : checkout.Run({"sh", "-e", "-c", Script()}, variables);
  }

 private:
  const Value& document_;
  const Value& job_;
  const Value* base_ = nullptr;
};

TEST(GitLabFileTest, RefersOnlyToStagesJobsAndVariablesThatAreThere) {
  const Value document = Document();
  const std::string file = PipelineFile(kGitLabFile);
  std::set<std::string> stages;
  for (const Value& stage : ListIn(document, "stages")) stages.insert(stage.AsString());
  std::size_t jobs = 0;
  for (const Member& member : document.AsObject()) {
    if (IsKeyword(member.name)) continue;
    ++jobs;
    const Job job(document, member.name);
    EXPECT_TRUE(stages.contains(TextOf(member.value, "stage"))) << member.name;
    EXPECT_NE(job.Find("script"), nullptr) << member.name;
    EXPECT_NE(job.Find("image"), nullptr) << member.name;
    EXPECT_NE(job.Find("timeout"), nullptr) << member.name;
    if (const std::string base = TextOf(member.value, "extends"); !base.empty()) {
      EXPECT_NE(document.Find(base), nullptr) << base;
    }
    for (const Value& need : ListIn(member.value, "needs")) {
      EXPECT_NE(document.Find(need.is_string() ? need.AsString() : TextOf(need, "job")), nullptr) << ToJson(need);
    }
  }
  EXPECT_EQ(jobs, 5u);
  // What people have to set is said at the top.
  for (const char* name : {"GUIDON_IMAGE", "GUIDON_SERVER", "GUIDON_KEY", "GUIDON_RELEASE_KEY", "GUIDON_NOTE_TOKEN"}) {
    EXPECT_THAT(file, HasSubstr("#   " + std::string(name) + " ")) << name;
  }
  // A hold warns a merge request, and has processes waited for again.
  EXPECT_EQ(ToJson(*Job(document, "flags:gate").Find("allow_failure")), R"({"exit_codes":3})");
  EXPECT_EQ(ToJson(*Job(document, "flags:delivery").Find("retry")), R"({"max":2,"exit_codes":3})");
}

// GitLab runs the whole script of a job again.
TEST(GitLabFileTest, NoJobThatIsTriedAgainAppliesOrDeploys) {
  const Value document = Document();
  std::size_t retried = 0;
  for (const Member& member : document.AsObject()) {
    if (IsKeyword(member.name)) continue;
    const Job job(document, member.name);
    if (job.Find("retry") == nullptr) continue;
    ++retried;
    EXPECT_THAT(job.Script(), Not(HasSubstr("guidon apply"))) << member.name;
    EXPECT_THAT(job.Script(), Not(HasSubstr("deploy.sh"))) << member.name;
  }
  EXPECT_EQ(retried, 1u);
}

class GitLabTest : public PipelineTest {
 protected:
  Finished Run(const std::string& job, const std::map<std::string, std::string>& settings) {
    return Job(document_, job).Run(shop_, settings);
  }
  std::map<std::string, std::string> Review() const {
    return {{"GUIDON_SERVER", server_.url()}, {"GUIDON_KEY", pipeline_}};
  }

  // What waits for the processes has no key that could change anything.
  std::map<std::string, std::string> Delivery() const {
    std::map<std::string, std::string> settings = Review();
    settings["SETTLE"] = "0s";
    return settings;
  }
  std::map<std::string, std::string> Release() const {
    return {{"GUIDON_SERVER", server_.url()}, {"GUIDON_KEY", pipeline_}, {"GUIDON_RELEASE_KEY", editor_}};
  }

  const Value document_ = Document();
};

TEST_F(GitLabTest, AMergeRequestIsCheckedAndGated) {
  Mend();
  const Finished check = Run("flags:check", {});
  EXPECT_EQ(check.exit_code, 0) << check.output << check.errors;
  const Finished gate = Run("flags:gate", Review());
  EXPECT_EQ(gate.exit_code, 0) << gate.output << gate.errors;
  const Value& artifacts = *Job(document_, "flags:gate").Find("artifacts");
  EXPECT_EQ(ToJson(*artifacts.Find("reports")), R"({"junit":"gate.xml","codequality":"gate.codequality.json"})");
  EXPECT_EQ(FaultsOf({shop_ / "gate.xml"}), "");
  EXPECT_EQ(shop_.Read("gate.codequality.json"), "[]\n");
  EXPECT_THAT(shop_.Read("gate.md"), HasSubstr("May be released to production"));
}

TEST_F(GitLabTest, WhatBreaksIsInTheReportsOfTheMergeRequest) {
  Break();
  const Finished gate = Run("flags:gate", Review());
  EXPECT_EQ(gate.exit_code, 1) << gate.output << gate.errors;
  EXPECT_EQ(FaultsOf({shop_ / "gate.xml"}), "");
  EXPECT_THAT(shop_.Read("gate.xml"), HasSubstr("change.jump"));
  const Result<Value> report = ParseJson(shop_.Read("gate.codequality.json"));
  ASSERT_TRUE(report);
  std::set<std::string> fingerprints;
  for (const Value& entry : report->AsArray()) {
    EXPECT_EQ(TextOf(entry, "severity"), "critical") << ToJson(entry);
    EXPECT_EQ(ToJson(*entry.Find("location")), R"({"path":"flags/flags/cart.yaml","lines":{"begin":11}})");
    fingerprints.insert(TextOf(entry, "fingerprint"));
  }
  EXPECT_EQ(fingerprints.size(), 1u);
}

TEST_F(GitLabTest, AForkHasNoKeyAndIsLookedAtWithoutAServer) {
  Break();
  shop_.Edit("flags/gate.yaml", "policy: bookshop\n", "policy: bookshop\nrecord: required\n");
  const Finished gate = Run("flags:gate", {{"GUIDON_SERVER", server_.url()}});
  EXPECT_EQ(gate.exit_code, 0) << gate.output << gate.errors;
  EXPECT_THAT(gate.output, HasSubstr("not looked at: change, as --offline was given"));
}

TEST_F(GitLabTest, AHoldIsExitCode3) {
  Hold();
  EXPECT_EQ(Run("flags:gate", {{"GUIDON_SERVER", kNoServer}, {"GUIDON_KEY", pipeline_}}).exit_code, 3);
  const Finished release = Run(
      "flags:release", {{"GUIDON_SERVER", kNoServer}, {"GUIDON_RELEASE_KEY", editor_}, {"LOOKS", "3"}, {"WAIT", "0"}});
  EXPECT_EQ(release.exit_code, 3) << release.errors;
  EXPECT_THAT(release.output, HasSubstr("The gate holds; look 2 of 3, again in 0 s\n"));
  EXPECT_THAT(release.output, Not(HasSubstr("look 3 of 3")));
}

// One note for a merge request, with the real curl, held against what GitLab is asked.
TEST_F(GitLabTest, TheNoteIsMadeOnceAndThenWrittenAnew) {
  shop_.Write("gate.md", "## May be released\n\n* a & b = \"c\"\n");
  const std::string mark = "<!-- guidon gate: production -->\n";
  const std::string notes = "/api/v4/projects/12/merge_requests/7/notes";
  for (const bool is_there : {false, true}) {
    ScriptedServer gitlab;
    std::string list = R"([{"id": 1, "body": "Looks good"}])";
    if (is_there)
      list = R"([{"id": 1, "body": "Looks good"}, {"id": 42, "body": "<!-- guidon gate: production -->\nold"}])";
    std::vector<ScriptedServer::Request> requests;
    std::future<bool> served = gitlab.Serve({[&](ScriptedServer::Connection& connection) {
                                               requests.push_back(connection.request());
                                               connection.SendAnswer(200, {{"Content-Type", "application/json"}}, list);
                                             },
                                             [&](ScriptedServer::Connection& connection) {
                                               requests.push_back(connection.request());
                                               connection.SendAnswer(201, {}, "{}");
                                             }});
    const Finished done = Run("flags:note", {{"GUIDON_NOTE_TOKEN", "glpat-secret"},
                                             {"CI_API_V4_URL", gitlab.url() + "/api/v4"},
                                             {"CI_PROJECT_ID", "12"},
                                             {"CI_MERGE_REQUEST_IID", "7"}});
    EXPECT_EQ(done.exit_code, 0) << done.output << done.errors;
    ASSERT_TRUE(served.get());
    ASSERT_EQ(requests.size(), 2u);
    EXPECT_EQ(requests[0].method + " " + requests[0].target, "GET " + notes + "?per_page=100&sort=asc");
    EXPECT_EQ(requests[1].method + " " + requests[1].target, is_there ? "PUT " + notes + "/42" : "POST " + notes);
    for (const auto& request : requests) EXPECT_EQ(request.Header("PRIVATE-TOKEN"), "glpat-secret");
    EXPECT_THAT(requests[1].body, HasSubstr("body=%3C%21--"));  // a form, whose blanks are + or %20
    EXPECT_THAT(requests[1].body, ::testing::ContainsRegex("a([+]|%20)%26([+]|%20)b([+]|%20)%3D([+]|%20)%22c%22%0A"));
    EXPECT_THAT(done.output + done.errors, Not(HasSubstr("glpat-secret")));
    EXPECT_EQ(shop_.Read("note.md"), mark + shop_.Read("gate.md"));
  }
}

TEST_F(GitLabTest, ANoteIsNotMadeWithoutAVerdict) {
  EXPECT_EQ(Run("flags:note", {{"GUIDON_NOTE_TOKEN", "x"}, {"CI_API_V4_URL", kNoServer}}).exit_code, 0);
}

TEST_F(GitLabTest, TheDefaultBranchIsReleased) {
  Mend();
  const Application application(server_, "bookshop", "production");
  const Finished release = Run("flags:release", Release());
  EXPECT_EQ(release.exit_code, 0) << release.output << release.errors;
  EXPECT_THAT(release.output, HasSubstr("deployed to production\n"));
  EXPECT_EQ(WeightOnServer(), "10%");
  const Finished delivery = Run("flags:delivery", Delivery());
  EXPECT_EQ(delivery.exit_code, 0) << delivery.output << delivery.errors;
  EXPECT_THAT(delivery.output, Not(HasSubstr("not looked at: delivery")));
}

// However often GitLab tries the wait again, what was deployed is not deployed again.
TEST_F(GitLabTest, AReleaseHoldsWhileProcessesLagBehindOrAreOfAnotherVersion) {
  shop_.Edit("deploy.sh", "echo ", "echo deployed >>~/deployments\necho ");
  Mend();
  Application application(server_, "bookshop", "production");
  application.LagBehind();
  const Finished release = Run("flags:release", Release());
  EXPECT_EQ(release.exit_code, 0) << release.output << release.errors;
  EXPECT_EQ(WeightOnServer(), "10%");
  std::map<std::string, std::string> settings = Delivery();
  settings["WITHIN"] = "0s";
  for (int run = 0; run < 3; ++run) {
    const Finished behind = Run("flags:delivery", settings);
    EXPECT_EQ(behind.exit_code, 3) << behind.output << behind.errors;
    EXPECT_THAT(behind.output, HasSubstr("hold    delivery.share  application request-server 1.0\n"));
  }
  settings["RELEASE"] = "2.0";
  const Finished old = Run("flags:delivery", settings);
  EXPECT_EQ(old.exit_code, 3) << old.output << old.errors;
  EXPECT_THAT(old.output, HasSubstr("0 of 0 live processes of 2.0 hold revision "));
  EXPECT_EQ(shop_.Read("../home/deployments"), "deployed\n");
}

// An experiment runs, and the policy wants to know how it does.
TEST_F(GitLabTest, NothingIsReleasedWhileTooLittleIsKnown) {
  Mend();
  shop_.Edit("flags/gate.yaml", "  change.jump:", "  live.evidence: { min_days: 7 }\n  change.jump:");
  std::map<std::string, std::string> settings = Release();
  settings["LOOKS"] = "2";
  settings["WAIT"] = "0";
  const Finished release = Run("flags:release", settings);
  EXPECT_EQ(release.exit_code, 3) << release.output << release.errors;
  EXPECT_THAT(release.output, HasSubstr("hold    live.evidence"));
  EXPECT_THAT(release.output, HasSubstr("The gate holds; look 1 of 2, again in 0 s\n"));
  EXPECT_THAT(release.output, Not(HasSubstr("deployed")));
  EXPECT_EQ(WeightOnServer(), "5%");
}

TEST_F(GitLabTest, WhatTheGateRefusesIsNotReleased) {
  Break();
  const Finished release = Run("flags:release", {{"GUIDON_SERVER", server_.url()}, {"GUIDON_RELEASE_KEY", editor_}});
  EXPECT_EQ(release.exit_code, 1);
  EXPECT_THAT(release.output, Not(HasSubstr("deployed")));
  EXPECT_EQ(WeightOnServer(), "5%");
}

}  // namespace
}  // namespace guidon::testing
