// For GitLab, which shows it at the lines of a merge request.
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "audit/chain.h"
#include "audit/hex.h"
#include "core/base/json.h"
#include "core/base/text.h"
#include "gate/formats.h"

namespace guidon::gate {
namespace {

std::string_view GravityOf(Severity severity) {
  switch (severity) {
    case Severity::kFail:
      return "critical";
    case Severity::kHold:
      return "major";
    case Severity::kWarn:
      return "minor";
    case Severity::kNote:
      break;
  }
  return "info";
}

}  // namespace

std::string ToCodeQuality(const Report& report) {
  Array entries;
  std::map<std::string, int> seen;
  std::vector<Finding> findings = report.findings;
  for (Finding& finding : ServerFindingsOf(report)) findings.push_back(std::move(finding));
  for (const Finding& finding : findings) {
    if (!finding.waived.empty() || finding.place.file.empty()) continue;
    // By what it is, not by its line: it is the same finding after lines above it have moved. Of equal ones, such as
    // two reads in a file, each is told apart by its number.
    std::string identity;
    for (const std::string& part : {finding.rule, finding.place.file, finding.subject, finding.message}) {
      identity += part + '\0';
    }
    identity += std::to_string(seen[identity]++);
    const int line = finding.place.at.line > 0 ? finding.place.at.line : 1;
    entries.push_back(Object{{"description", Value(Printable(SentenceOf(finding)))},
                             {"check_name", Value(finding.rule)},
                             {"fingerprint", Value(ToHex(Sha256(identity)))},
                             {"severity", Value(GravityOf(finding.severity))},
                             {"location", Value(Object{{"path", Value(finding.place.file)},
                                                       {"lines", Value(Object{{"begin", Value(line)}})}})}});
  }
  return guidon::ToJson(Value(std::move(entries))) + "\n";
}

}  // namespace guidon::gate
