#include "gate/finding.h"

#include <algorithm>
#include <array>
#include <utility>

namespace guidon::gate {

std::string_view ToString(Severity severity) {
  constexpr std::array<std::string_view, 4> kWords = {"fail", "hold", "warn", "note"};
  return kWords.at(static_cast<std::size_t>(severity));
}

std::string_view ToString(Verdict verdict) {
  constexpr std::array<std::string_view, 4> kWords = {"pass", "fail", "hold", "none"};
  return kWords.at(static_cast<std::size_t>(verdict));
}

std::string MessageOf(const Finding& finding) {
  std::string text = finding.message;
  if (text.ends_with('.')) text.pop_back();
  return text;
}

std::string SentenceOf(const Finding& finding) {
  std::string text = (finding.subject.empty() ? "" : finding.subject + ": ") + MessageOf(finding);
  if (!finding.fix.empty()) text += " (" + finding.fix + ")";
  return text;
}

std::string LineOf(const Place& place) {
  return place.file.empty() || place.at.line <= 0 ? place.file : place.file + ":" + std::to_string(place.at.line);
}

std::chrono::sys_days DayOf(std::int64_t epoch_ms) {
  return std::chrono::floor<std::chrono::days>(
      std::chrono::sys_time<std::chrono::milliseconds>(std::chrono::milliseconds(epoch_ms)));
}

std::vector<std::string> LinesOf(const EntityChange& change, std::size_t most) {
  std::vector<std::string> lines = change.summary;
  if (lines.size() <= most) return lines;
  const std::size_t rest = lines.size() - most;
  lines.resize(most);
  lines.push_back("and " + std::to_string(rest) + " more");
  return lines;
}

Counts CountsOf(const Report& report) {
  Counts counts;
  for (const Finding& finding : report.findings) {
    if (!finding.waived.empty()) {
      ++counts.waived;
      continue;
    }
    switch (finding.severity) {
      case Severity::kFail:
        ++counts.fail;
        break;
      case Severity::kHold:
        ++counts.hold;
        break;
      case Severity::kWarn:
        ++counts.warn;
        break;
      case Severity::kNote:
        ++counts.note;
        break;
    }
  }
  return counts;
}

Verdict VerdictOf(const Report& report) {
  const Counts counts = CountsOf(report);
  if (counts.fail > 0 || report.unreachable == Verdict::kFail) return Verdict::kFail;
  if (report.unreachable == Verdict::kNone || !report.unrecorded.empty()) return Verdict::kNone;
  return counts.hold > 0 || report.unreachable == Verdict::kHold ? Verdict::kHold : Verdict::kPass;
}

int ExitCodeOf(Verdict verdict) {
  switch (verdict) {
    case Verdict::kPass:
      return 0;
    case Verdict::kFail:
      return 1;
    case Verdict::kHold:
      return 3;
    case Verdict::kNone:
      break;
  }
  return 4;
}

std::vector<Finding> ServerFindingsOf(const Report& report) {
  std::vector<Finding> findings;
  const auto add = [&](std::string_view rule, Severity severity, std::string message, std::string fix) {
    findings.push_back(
        {std::string(rule), severity, "", "", {report.file, {1, 0}}, std::move(message), std::move(fix)});
  };
  if (report.unreachable) {
    const Verdict made = *report.unreachable;
    const std::string of_policy =
        made == Verdict::kNone ? "" : "; `unreachable:` of the policy says " + std::string(ToString(made));
    const Severity severity = made == Verdict::kPass   ? Severity::kNote
                              : made == Verdict::kHold ? Severity::kHold
                                                       : Severity::kFail;
    add(kUnreachableRule, severity, "the server cannot be reached" + of_policy,
        "run it again when the server is there");
  }
  if (!report.unrecorded.empty()) {
    add(kUnrecordedRule, Severity::kFail, "this run has to be recorded, and is not: " + report.unrecorded,
        "run it again where it can be");
  }
  return findings;
}

std::string SummaryOf(const Counts& counts) {
  std::string text;
  const auto add = [&](std::size_t count, std::string_view one, std::string_view many) {
    if (count == 0) return;
    text += (text.empty() ? "" : ", ") + std::to_string(count) + " " + std::string(count == 1 ? one : many);
  };
  add(counts.fail, "to mend", "to mend");
  add(counts.hold, "to wait for", "to wait for");
  add(counts.warn, "warning", "warnings");
  add(counts.note, "note", "notes");
  if (text.empty()) text = "nothing found";
  if (counts.waived > 0) text += "; " + std::to_string(counts.waived) + " waived";
  return text;
}

std::string SummaryOf(const Report& report) {
  return SummaryOf(CountsOf(report)) + (report.unreachable ? "; the server cannot be reached" : "") +
         (report.unrecorded.empty() ? "" : "; the run is not recorded");
}

}  // namespace guidon::gate
