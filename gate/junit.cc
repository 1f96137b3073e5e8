// For CI servers, which show test cases.
#include <algorithm>
#include <pugixml.hpp>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/text.h"
#include "core/model/units.h"
#include "gate/formats.h"
#include "gate/rules.h"

namespace guidon::gate {
namespace {

// XML 1.0 has no place for most control characters, escaped or not.
std::string Xml(const std::string& text) {
  return Printable(text);
}

std::string TextOf(const Finding& finding) {
  std::string line(ToString(finding.severity));
  if (const std::string place = LineOf(finding.place); !place.empty()) line += "  " + place;
  line += (finding.subject.empty() ? ": " : "  ") + SentenceOf(finding);
  if (!finding.owner.empty()) line += "; owner " + finding.owner;
  if (!finding.waived.empty()) line += "; waived: " + finding.waived;
  return Xml(line);
}

bool Counts(const Finding& finding) {
  return finding.waived.empty() && (finding.severity == Severity::kFail || finding.severity == Severity::kHold);
}

std::size_t CountOf(const Report& report, const PolicyRule& rule) {
  return static_cast<std::size_t>(
      std::count_if(report.findings.begin(), report.findings.end(),
                    [&](const Finding& finding) { return finding.rule == rule.id && Counts(finding); }));
}

// Whether and why not it was: of a rule that takes more or less than the rest of its group, by that.
const Looked& LookedOf(const Report& report, const PolicyRule& rule, const Looked& of_group) {
  static const Looked kDone{"", true, ""};
  if (rule.asks_nobody()) return kDone;
  const auto own = std::find_if(report.looked.begin(), report.looked.end(),
                                [&](const Looked& looked) { return looked.group == rule.looked(); });
  return own == report.looked.end() ? of_group : *own;
}

struct SuiteCounts {
  std::size_t tests = 0, failures = 0, errors = 0, skipped = 0;
};

pugi::xml_node BeginSuite(pugi::xml_node suites, const Report& report, const std::string& name, int number,
                          const SuiteCounts& counts) {
  pugi::xml_node suite = suites.append_child("testsuite");
  suite.append_attribute("name").set_value(name.c_str());
  suite.append_attribute("package").set_value(("guidon.gate." + report.environment).c_str());
  suite.append_attribute("id").set_value(number);
  suite.append_attribute("timestamp").set_value((FormatDay(report.day) + "T00:00:00").c_str());
  suite.append_attribute("hostname").set_value("localhost");
  suite.append_attribute("tests").set_value(counts.tests);
  suite.append_attribute("failures").set_value(counts.failures);
  suite.append_attribute("errors").set_value(counts.errors);
  suite.append_attribute("skipped").set_value(counts.skipped);
  suite.append_attribute("time").set_value(0);
  suite.append_child("properties");
  return suite;
}

pugi::xml_node AddTest(pugi::xml_node suite, std::string_view name, std::string_view group) {
  pugi::xml_node test = suite.append_child("testcase");
  test.append_attribute("name").set_value(std::string(name).c_str());
  test.append_attribute("classname").set_value(("guidon.gate." + std::string(group)).c_str());
  test.append_attribute("time").set_value(0);
  return test;
}

void EndSuite(pugi::xml_node suite, const std::string& told) {
  suite.append_child("system-out").text().set(told.c_str());
  suite.append_child("system-err");
}

void AddCase(pugi::xml_node suite, const Report& report, const PolicyRule& rule, const Looked& looked) {
  pugi::xml_node test = AddTest(suite, rule.id, rule.group());
  const std::size_t count = CountOf(report, rule);
  if (count == 0) {
    if (!looked.done) test.append_child("skipped").append_attribute("message").set_value(Xml(looked.reason).c_str());
    return;
  }
  std::string lines;
  for (const Finding& finding : report.findings) {
    if (finding.rule == rule.id && Counts(finding)) lines += TextOf(finding) + "\n";
  }
  pugi::xml_node failure = test.append_child("failure");
  failure.append_attribute("message").set_value((std::string(rule.asks) + " " + Plural(count, "finding")).c_str());
  failure.append_attribute("type").set_value(std::string(rule.id).c_str());
  failure.text().set(lines.c_str());
}

// An <error> is what kept the tests from running; where the policy lets that pass, they are skipped and no more.
void AddServer(pugi::xml_node suites, const Report& report, int number) {
  const std::vector<Finding> findings = ServerFindingsOf(report);
  if (findings.empty()) return;
  const auto skipped = static_cast<std::size_t>(std::count_if(
      findings.begin(), findings.end(), [](const Finding& finding) { return finding.severity == Severity::kNote; }));
  pugi::xml_node suite =
      BeginSuite(suites, report, "server", number,
                 {.tests = findings.size(), .errors = findings.size() - skipped, .skipped = skipped});
  for (const Finding& finding : findings) {
    const bool is_error = finding.severity != Severity::kNote;
    pugi::xml_node told = AddTest(suite, finding.rule, "server").append_child(is_error ? "error" : "skipped");
    told.append_attribute("message").set_value(Xml(SentenceOf(finding)).c_str());
    if (is_error) told.append_attribute("type").set_value(finding.rule.c_str());
  }
  EndSuite(suite, "");
}

void AddSuite(pugi::xml_node suites, const Report& report, const Looked& looked, int& number) {
  std::vector<const PolicyRule*> rules;
  std::size_t failures = 0, skipped = 0;
  for (const PolicyRule& rule : Rules()) {
    if (rule.group() != looked.group) continue;
    rules.push_back(&rule);
    const bool is_broken = CountOf(report, rule) > 0;
    failures += is_broken ? 1 : 0;
    skipped += !is_broken && !LookedOf(report, rule, looked).done ? 1 : 0;
  }
  if (rules.empty()) return;
  // Warnings and notes, and what is waived: a test case has no place for them.
  std::string told;
  for (const Finding& finding : report.findings) {
    const PolicyRule* rule = FindRule(finding.rule);
    if (rule != nullptr && rule->group() == looked.group && !Counts(finding)) told += TextOf(finding) + "\n";
  }
  pugi::xml_node suite = BeginSuite(suites, report, looked.group, number++,
                                    {.tests = rules.size(), .failures = failures, .skipped = skipped});
  for (const PolicyRule* rule : rules) AddCase(suite, report, *rule, LookedOf(report, *rule, looked));
  EndSuite(suite, told);
}

}  // namespace

std::string ToJUnit(const Report& report) {
  pugi::xml_document document;
  pugi::xml_node suites = document.append_child("testsuites");
  int number = 0;
  for (const Looked& looked : report.looked) AddSuite(suites, report, looked, number);
  AddServer(suites, report, number);
  std::ostringstream out;
  document.save(out, "  ", pugi::format_default, pugi::encoding_utf8);
  return out.str();
}

}  // namespace guidon::gate
