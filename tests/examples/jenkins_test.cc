// examples/pipelines/jenkins/Jenkinsfile: its shell steps, as they stand. What Groovy does with their exit codes is
// looked at as text.
#include <gmock/gmock.h>

#include <regex>

#include "tests/examples/pipelines.h"

namespace guidon::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

struct Step {
  std::string stage, label, script;
};

// A text in ''' of Groovy: a backslash takes the next character as it is.
std::string Unescaped(const std::string& text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\\' && i + 1 < text.size()) {
      EXPECT_EQ(text[i + 1], '\\') << "an escape that is not understood here: " << text.substr(i, 2);
      ++i;
    }
    out += text[i];
  }
  return out;
}

std::vector<Step> StepsOf(const std::string& file) {
  std::vector<Step> steps;
  const std::regex stage("stage\\('([^']*)'\\)"), label("label: '([^']*)', script: '''");
  std::string current;
  std::istringstream lines(file);
  std::smatch match;
  for (std::string line; std::getline(lines, line);) {
    if (std::regex_search(line, match, stage)) current = match[1];
    if (!std::regex_search(line, match, label)) {
      EXPECT_EQ(line.find("'''"), std::string::npos) << "a script without a label: " << line;
      continue;
    }
    Step step{current, match[1], ""};
    while (std::getline(lines, line) && line.find("'''") == std::string::npos) step.script += line + "\n";
    step.script = Unescaped(step.script);
    steps.push_back(std::move(step));
  }
  return steps;
}

class JenkinsTest : public PipelineTest {
 protected:
  // Those of a stage, until one fails: Jenkins runs `sh` with -xe.
  Finished Run(const std::string& stage, const std::map<std::string, std::string>& more) {
    std::map<std::string, std::string> variables;
    const std::regex setting("^    ([A-Z]+) = '([^']*)'$");
    std::istringstream lines(file_);
    std::smatch match;
    for (std::string line; std::getline(lines, line);) {
      if (std::regex_match(line, match, setting)) variables[match[1]] = match[2];
    }
    for (const auto& [name, value] : more) variables[name] = value;
    Finished all;
    for (const Step& step : StepsOf(file_)) {
      if (step.stage != stage || all.exit_code != 0) continue;
      const Finished done = shop_.Run({"sh", "-xe", "-c", step.script}, variables);
      all = {done.exit_code, all.output + done.output, all.errors + done.errors};
    }
    return all;
  }
  std::map<std::string, std::string> With(const std::string& key) const {
    return {{"GUIDON_SERVER", server_.url()}, {"GUIDON_KEY", key}};
  }

  const std::string file_ = PipelineFile("jenkins/Jenkinsfile");
};

TEST(JenkinsfileTest, EveryShellStepIsFoundAndBracesCloseWhatTheyOpen) {
  const std::string file = PipelineFile("jenkins/Jenkinsfile");
  std::vector<std::string> names;
  for (const Step& step : StepsOf(file)) names.push_back(step.stage + ": " + step.label);
  EXPECT_THAT(names,
              ElementsAre("Check: Valid, laid out, tested", "Gate: May it be released?", "Release: Gate, once more",
                          "Release: Apply the flags", "Release: Deploy", "Delivery: Wait for the processes"));
  EXPECT_EQ(std::count(file.begin(), file.end(), '{'), std::count(file.begin(), file.end(), '}'));
  EXPECT_EQ(std::count(file.begin(), file.end(), '('), std::count(file.begin(), file.end(), ')'));
  // Steps that only Jenkins has.
  for (const char* step : {"junit testResults: 'gate.xml'", "archiveArtifacts artifacts: 'gate.md'",
                           "if (status == 3) {\n            unstable(", "sleep time: 5, unit: 'MINUTES'",
                           "credentials('guidon-pipeline')", "credentials('guidon-editor')", "branch 'main'"}) {
    EXPECT_THAT(file, HasSubstr(step));
  }
}

TEST_F(JenkinsTest, ABranchThatMayGoOutPasses) {
  Mend();
  const Finished check = Run("Check", {});
  EXPECT_EQ(check.exit_code, 0) << check.output << check.errors;
  const Finished gate = Run("Gate", With(pipeline_));
  EXPECT_EQ(gate.exit_code, 0) << gate.output << gate.errors;
  EXPECT_EQ(FaultsOf({shop_ / "gate.xml"}), "");
  EXPECT_THAT(shop_.Read("gate.md"), HasSubstr("May be released to production"));
  EXPECT_THAT(gate.errors, Not(HasSubstr(pipeline_)));  // -x shows commands
}

TEST_F(JenkinsTest, ABranchThatBreaksSomethingFailsAndAHoldIsExitCode3) {
  Break();
  EXPECT_EQ(Run("Gate", With(pipeline_)).exit_code, 1);
  EXPECT_EQ(FaultsOf({shop_ / "gate.xml"}), "");
  EXPECT_THAT(shop_.Read("gate.xml"), HasSubstr("change.jump"));
  const Finished release = Run("Release", With(editor_));
  EXPECT_EQ(release.exit_code, 1);
  EXPECT_EQ(WeightOnServer(), "5%");
  // What was told before is no answer to this look.
  Hold();
  EXPECT_EQ(Run("Gate", {{"GUIDON_SERVER", kNoServer}, {"GUIDON_KEY", pipeline_}}).exit_code, 3);
  EXPECT_THAT(shop_.Read("gate.xml"), Not(HasSubstr("change.jump\">")));
}

TEST_F(JenkinsTest, MainIsReleased) {
  Mend();
  const Application application(server_, "bookshop", "production");
  const Finished release = Run("Release", With(editor_));
  EXPECT_EQ(release.exit_code, 0) << release.output << release.errors;
  EXPECT_THAT(release.output, HasSubstr("deployed to production\n"));
  EXPECT_EQ(WeightOnServer(), "10%");
  std::map<std::string, std::string> settings = With(pipeline_);
  settings["SETTLE"] = "0s";
  settings["RELEASE"] = "1.0";
  const Finished delivery = Run("Delivery", settings);
  EXPECT_EQ(delivery.exit_code, 0) << delivery.output << delivery.errors;
}

TEST_F(JenkinsTest, AReleaseHoldsWhileProcessesLagBehind) {
  Mend();
  Application application(server_, "bookshop", "production");
  application.LagBehind();
  const Finished release = Run("Release", With(editor_));
  EXPECT_EQ(release.exit_code, 0) << release.output << release.errors;
  EXPECT_EQ(WeightOnServer(), "10%");
  std::map<std::string, std::string> settings = With(pipeline_);
  settings["SETTLE"] = settings["WITHIN"] = "0s";
  const Finished delivery = Run("Delivery", settings);
  EXPECT_EQ(delivery.exit_code, 3) << delivery.output << delivery.errors;
  EXPECT_THAT(delivery.output, HasSubstr("hold    delivery.share  application request-server 1.0\n"));
  EXPECT_THAT(delivery.output, Not(HasSubstr("deployed")));
}

}  // namespace
}  // namespace guidon::testing
