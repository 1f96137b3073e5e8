// What operators watch: /metrics is what Prometheus reads, and the alert rules and the dashboard of packaging/ ask for
// what is there. promtool of Prometheus judges; ./dev fetches it to build/tools.
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <iterator>
#include <map>
#include <regex>
#include <set>
#include <sstream>

#include "core/base/json.h"
#include "tests/support/guidond.h"

namespace guidon::testing {
namespace {

const std::string kPackaging = GUIDON_SOURCE_DIR "/packaging/";

std::string TextOf(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  EXPECT_TRUE(in) << path;
  return std::string(std::istreambuf_iterator<char>(in), {});
}

// "" when promtool is content; what it says otherwise.
std::string Promtool(std::vector<std::string> arguments, const std::string& input = "/dev/null") {
  const std::string fetched = GUIDON_SOURCE_DIR "/build/tools/promtool";
  const std::string tool = access(fetched.c_str(), X_OK) == 0 ? fetched : "/usr/bin/promtool";
  if (access(tool.c_str(), X_OK) != 0) return "there is no promtool: ./dev test fetches it";
  std::vector<std::string> command = {"/bin/sh", "-c", "input=$1; shift; exec \"$@\" <\"$input\"", "sh", input, tool};
  command.insert(command.end(), arguments.begin(), arguments.end());
  const Finished done = Run(command);
  return done.exit_code == 0 ? "" : done.output + done.errors;
}

std::vector<std::smatch> AllOf(const std::string& text, const char* pattern) {
  const std::regex regex(pattern);
  return {std::sregex_iterator(text.begin(), text.end(), regex), std::sregex_iterator()};
}

// What a running server says of itself: each name with its type, and each pair of a label.
struct Exposed {
  explicit Exposed(const std::string& text) {
    for (const std::smatch& type : AllOf(text, "# TYPE (\\S+) (\\S+)")) {
      const std::string name = type[1];
      if (type[2] == "histogram") {
        for (const char* part : {"_bucket", "_sum", "_count"}) names.insert(name + part);
      } else {
        names.insert(name);
      }
    }
    for (const std::smatch& series : AllOf(text, "(?:^|\n)(guidon_\\w+)\\{([^\n]*)\\} ")) {
      const std::string labels = series[2];
      for (const std::smatch& label : AllOf(labels, "(\\w+)=\"([^\"]*)\"")) {
        values[series[1].str() + " " + label[1].str()].insert(label[2]);
      }
    }
  }
  std::set<std::string> names;
  std::map<std::string, std::set<std::string>> values;  // "name label" to what it can be
};

// What an expression asks for and the server does not have: "" when there is nothing.
std::string MissingOf(const std::string& expression, const Exposed& exposed) {
  std::string missing;
  for (const std::smatch& use : AllOf(expression, "(guidon_\\w+)(?:\\{([^}]*)\\})?")) {
    const std::string name = use[1], matchers = use[2];
    if (!exposed.names.contains(name)) missing += name + "; ";
    for (const std::smatch& matcher : AllOf(matchers, "(\\w+)(=~?)\"([^\"]*)\"")) {
      const std::string label = matcher[1], value = matcher[3];
      if (label == "job" || label == "instance") continue;  // of the scrape
      const auto held = exposed.values.find(name + " " + label);
      bool is_there = false;
      if (held != exposed.values.end()) {
        const std::regex wanted(value);
        for (const std::string& one : held->second) {
          is_there = is_there || (matcher[2] == "=" ? one == value : std::regex_match(one, wanted));
        }
      }
      if (!is_there) missing += name + " with " + matcher[0].str() + "; ";
    }
  }
  return missing;
}

class MonitoringTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    // With all that brings metrics of its own.
    const CertificateFiles certificate;
    const TemporaryFolder backups;
    const Guidond server({.arguments = {"--backup-folder", backups.path()}, .certificate = &certificate});
    // An environment, with a process in it, for the series that come with them.
    server.Call("POST", "/api/v1/projects", {.body = R"({"project":"shop","environments":{"production":{}}})"});
    const std::string key = server.CreateSdkKey("shop", "production");
    server.Call("POST", "/sdk/v1/status", {.key = key, .body = R"({"instance":"a"})"});
    metrics_ = server.Call("GET", "/metrics", {.key = ""}).body;
  }
  // Every expression of the dashboard, with its variables filled in.
  static std::vector<std::string> Expressions() {
    std::vector<std::string> expressions;
    Collect(*ParseJson(TextOf(kPackaging + "grafana/guidon.json")), expressions);
    return expressions;
  }
  static void Collect(const Value& value, std::vector<std::string>& out) {
    if (value.is_array()) {
      for (const Value& item : value.AsArray()) Collect(item, out);
    }
    if (!value.is_object()) return;
    for (const Member& member : value.AsObject()) {
      if (member.name == "expr") {
        std::string text = std::regex_replace(member.value.AsString(), std::regex("\\$__rate_interval"), "5m");
        out.push_back(std::regex_replace(text, std::regex("\\$(job|instance)"), ".+"));
      } else {
        Collect(member.value, out);
      }
    }
  }

  static inline std::string metrics_;
};

TEST_F(MonitoringTest, MetricsAreWhatPrometheusReads) {
  const TemporaryFolder folder;
  std::ofstream(folder / "metrics") << metrics_;
  EXPECT_EQ(Promtool({"check", "metrics"}, folder / "metrics"), "");
  std::ofstream(folder / "broken") << metrics_ << "guidon_broken{\n";
  EXPECT_NE(Promtool({"check", "metrics"}, folder / "broken"), "");
}

TEST_F(MonitoringTest, AlertsAreRaisedWhenTheyHaveToBeAndNotOnAnOrdinaryDay) {
  EXPECT_EQ(Promtool({"check", "rules", kPackaging + "prometheus/alerts.yaml"}), "");
  EXPECT_EQ(Promtool({"test", "rules", kPackaging + "prometheus/alerts_test.yaml"}), "");
  const std::string rules = TextOf(kPackaging + "prometheus/alerts.yaml");
  const std::string tests = TextOf(kPackaging + "prometheus/alerts_test.yaml");
  const std::string page = TextOf(GUIDON_SOURCE_DIR "/docs/operations.md");
  const std::vector<std::smatch> alerts = AllOf(rules, "- alert: (\\w+)");
  EXPECT_GE(alerts.size(), 10u) << "the pattern finds no alerts any more";
  for (const std::smatch& alert : alerts) {
    EXPECT_NE(tests.find("name: " + alert[1].str() + " is raised\n"), std::string::npos) << alert[1];
    EXPECT_NE(tests.find("name: " + alert[1].str() + " is not raised "), std::string::npos) << alert[1];
    EXPECT_NE(page.find("\n| `" + alert[1].str() + "` |"), std::string::npos) << alert[1] << " is not in the page";
  }
}

TEST_F(MonitoringTest, AlertsAndDashboardAskForWhatTheServerHas) {
  const Exposed exposed(metrics_);
  EXPECT_EQ(MissingOf(TextOf(kPackaging + "prometheus/alerts.yaml"), exposed), "");
  const std::vector<std::string> expressions = Expressions();
  EXPECT_GE(expressions.size(), 30u);
  for (const std::string& expression : expressions) EXPECT_EQ(MissingOf(expression, exposed), "") << expression;
  EXPECT_NE(MissingOf("rate(guidon_nothing_total[5m])", exposed), "");
  EXPECT_NE(MissingOf("guidon_http_requests_total{status=\"five\"}", exposed), "");
}

TEST_F(MonitoringTest, TheDashboardShowsAllThatTheServerHas) {
  std::string asked;
  for (const std::string& expression : Expressions()) asked += expression + "\n";
  for (const std::smatch& type : AllOf(metrics_, "# TYPE (guidon_\\w+)")) {
    EXPECT_TRUE(std::regex_search(asked, std::regex(type[1].str() + "(_bucket|_sum|_count)?\\b"))) << type[1];
  }
}

TEST_F(MonitoringTest, EveryExpressionOfTheDashboardCanBeRead) {
  const TemporaryFolder folder;
  std::ofstream rules(folder / "rules.yaml");
  rules << "groups:\n- name: dashboard\n  rules:\n";
  std::size_t number = 0;
  for (const std::string& expression : Expressions()) {
    rules << "  - record: panel:" << ++number << "\n    expr: " << ToJson(Value(expression)) << "\n";
  }
  rules.close();
  EXPECT_EQ(Promtool({"check", "rules", folder / "rules.yaml"}), "");
}

}  // namespace
}  // namespace guidon::testing
