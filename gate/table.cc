// For people on a terminal.
#include <algorithm>
#include <string>

#include "core/base/text.h"
#include "gate/formats.h"

namespace guidon::gate {
namespace {

constexpr std::size_t kIndent = 8;

const std::string& MarkOf(Severity severity, const Marks& marks) {
  return severity == Severity::kFail ? marks.red : severity == Severity::kNote ? marks.plain : marks.yellow;
}

std::string Marked(const std::string& mark, const std::string& text, const Marks& marks) {
  return mark.empty() ? text : mark + text + marks.plain;
}

// "src/cart.cc:88:12", or what it is about.
std::string WhereOf(const Finding& finding) {
  if (finding.place.file.empty()) return finding.subject;
  const SourcePosition& at = finding.place.at;
  return LineOf(finding.place) + (at.line > 0 && at.column > 0 ? ":" + std::to_string(at.column) : "");
}

std::string DetailOf(const Finding& finding) {
  std::string text = MessageOf(finding);
  // Where the place stands in the first line, the subject is not said yet.
  if (!finding.place.file.empty() && !finding.subject.empty()) text = finding.subject + ": " + text;
  if (!finding.fix.empty()) text += " (" + finding.fix + ")";
  if (!finding.owner.empty()) text += "; owner " + finding.owner;
  if (!finding.waived.empty()) text += "; waived: " + finding.waived;
  return text;
}

std::string ChangesText(const Report& report, std::size_t width) {
  if (!report.changes) return "";
  constexpr std::size_t kMost = 10, kMostLines = 5;  // `guidon plan` shows all of it
  std::string text;
  const std::size_t count = report.changes->size(), shown = std::min(count, kMost);
  for (std::size_t i = 0; i < shown; ++i) {
    const Changed& change = (*report.changes)[i];
    text += "change  " + Printable(change.what.ref.ToText()) + "\n";
    for (const std::string& line : LinesOf(change.what, kMostLines)) {
      text += Wrapped(Printable(line), kIndent, width) + "\n";
    }
  }
  if (shown < count) text += "change  " + std::to_string(count - shown) + " more; `guidon plan` shows them\n";
  return text;
}

}  // namespace

std::string ToTable(const Report& report, std::size_t width, const Marks& marks) {
  constexpr std::size_t kWord = 6, kMostRule = 26;
  std::size_t rule_width = 0;
  for (const Finding& finding : report.findings) rule_width = std::max(rule_width, finding.rule.size());
  rule_width = std::min(rule_width, kMostRule);
  std::string text;
  for (const Finding& finding : report.findings) {
    const std::string word(finding.waived.empty() ? ToString(finding.severity) : "waived");
    const std::string& mark = finding.waived.empty() ? MarkOf(finding.severity, marks) : marks.plain;
    text += Marked(mark, Padded(word, kWord), marks) + "  " + Padded(finding.rule, rule_width) + "  " +
            Printable(WhereOf(finding)) + "\n" + Wrapped(Printable(DetailOf(finding)), kIndent, width) + "\n";
  }
  text += ChangesText(report, width);
  for (const Looked& looked : report.looked) {
    if (!looked.done) text += Wrapped("not looked at: " + looked.group + ", as " + looked.reason, 0, width) + "\n";
  }
  const Verdict verdict = VerdictOf(report);
  const std::string word = verdict == Verdict::kPass   ? "PASS"
                           : verdict == Verdict::kFail ? "FAIL"
                           : verdict == Verdict::kHold ? "HOLD"
                                                       : "NO VERDICT";
  const std::string& mark = verdict == Verdict::kPass   ? marks.green
                            : verdict == Verdict::kFail ? marks.red
                                                        : marks.yellow;
  return text + Marked(mark, word, marks) + "  " + report.environment + ": " + SummaryOf(report) + "\n";
}

}  // namespace guidon::gate
