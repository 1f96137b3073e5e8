// For a pull request: a comment, and marks at its lines.
#include <map>
#include <string>
#include <vector>

#include "core/base/text.h"
#include "gate/formats.h"
#include "gate/rules.h"

namespace guidon::gate {
namespace {

// What would mean something in Markdown or HTML is escaped: keys, comments and values are shown as they are, and
// mention nobody.
std::string Plain(const std::string& text) {
  std::string out;
  for (const char c : Printable(text)) {
    if (c == '<') {
      out += "&lt;";
    } else if (c == '>') {
      out += "&gt;";
    } else if (c == '&') {
      out += "&amp;";
    } else if (c == '@') {
      out += "@<!-- -->";
    } else {
      if (std::string_view("\\`*_[]~|#").find(c) != std::string_view::npos) out += '\\';
      out += c;
    }
  }
  return out;
}

// What stands between backquotes is code, a command mostly, where nothing else means anything.
std::string WithCode(const std::string& text) {
  std::string out;
  std::size_t from = 0;
  for (std::size_t open; (open = text.find('`', from)) != std::string::npos;) {
    const std::size_t close = text.find('`', open + 1);
    if (close == std::string::npos || close == open + 1) break;
    out += Plain(text.substr(from, open - from)) + Printable(text.substr(open, close + 1 - open));
    from = close + 1;
  }
  return out + Plain(text.substr(from));
}

std::string ItemOf(const Finding& finding) {
  std::string item = "- ";
  if (!finding.subject.empty()) item += "**" + Plain(finding.subject) + "**: ";
  item += WithCode(MessageOf(finding)) + ".";
  if (!finding.fix.empty()) item += " *What to do:* " + WithCode(finding.fix) + (finding.fix.ends_with('?') ? "" : ".");
  if (!finding.owner.empty()) item += " Ask " + Plain(finding.owner) + ".";
  if (!finding.waived.empty()) item += " Waived: " + Plain(finding.waived) + ".";
  item += " <sub>" + finding.rule;
  if (const std::string place = LineOf(finding.place); !place.empty()) item += " · " + Plain(place);
  return item + "</sub>\n";
}

void AddSection(std::string& text, const std::string& title, const std::vector<const Finding*>& findings, bool folded) {
  if (findings.empty()) return;
  text += folded ? "\n<details><summary>" + title + " (" + std::to_string(findings.size()) + ")</summary>\n\n"
                 : "\n### " + title + "\n\n";
  for (const Finding* finding : findings) text += ItemOf(*finding);
  if (folded) text += "\n</details>\n";
}

void AddChanges(std::string& text, const Report& report) {
  if (!report.changes) return;
  // GitHub takes 65 536 characters as a comment: what is longer than that is in `guidon plan`.
  constexpr std::size_t kMostBytes = 20'000, kMostLines = 10, kMostOfLine = 300, kUnfolded = 10;
  const std::vector<Changed>& changes = *report.changes;
  if (changes.empty()) {
    text += "\n### What changes\n\nNothing that " + Plain(report.environment) + " serves.\n";
    return;
  }
  const bool is_folded = changes.size() > kUnfolded;
  text += is_folded ? "\n<details><summary>What changes (" + std::to_string(changes.size()) + ")</summary>\n\n"
                    : "\n### What changes\n\n";
  const std::size_t begin = text.size();
  std::size_t shown = 0;
  for (; shown < changes.size() && text.size() < begin + kMostBytes; ++shown) {
    const Changed& change = changes[shown];
    const std::vector<std::string> lines = LinesOf(change.what, kMostLines);
    text += "- **" + Plain(change.what.ref.ToText()) + "**";
    if (lines.size() == 1) text += ": " + Plain(Cut(lines[0], kMostOfLine));
    if (!change.owner.empty()) text += " (" + Plain(change.owner) + ")";
    text += "\n";
    if (lines.size() == 1) continue;
    for (const std::string& line : lines) text += "  - " + Plain(Cut(line, kMostOfLine)) + "\n";
  }
  if (shown < changes.size()) {
    text += "- and " + std::to_string(changes.size() - shown) + " more; `guidon plan` shows them\n";
  }
  if (is_folded) text += "\n</details>\n";
}

// As GitHub wants a property, or a message, of a workflow command.
std::string Escaped(const std::string& text, bool is_property) {
  std::string out;
  for (const char c : text) {
    switch (c) {
      case '%':
        out += "%25";
        break;
      case '\r':
        out += "%0D";
        break;
      case '\n':
        out += "%0A";
        break;
      case ':':
        out += is_property ? "%3A" : ":";
        break;
      case ',':
        out += is_property ? "%2C" : ",";
        break;
      default:
        out += c;
    }
  }
  return out;
}

}  // namespace

std::string ToMarkdown(const Report& report) {
  const Verdict verdict = VerdictOf(report);
  const Counts counts = CountsOf(report);
  std::vector<const Finding*> fail, hold, warn, note, waived;
  for (const Finding& finding : report.findings) {
    if (!finding.waived.empty()) {
      waived.push_back(&finding);
    } else if (finding.severity == Severity::kFail) {
      fail.push_back(&finding);
    } else if (finding.severity == Severity::kHold) {
      hold.push_back(&finding);
    } else if (finding.severity == Severity::kWarn) {
      warn.push_back(&finding);
    } else {
      note.push_back(&finding);
    }
  }
  std::string text = "## ";
  text += verdict == Verdict::kPass   ? "✅ May be released to "
          : verdict == Verdict::kFail ? "❌ May not be released to "
          : verdict == Verdict::kHold ? "⏳ Not yet to be released to "
                                      : "❔ No verdict on a release to ";
  text += Plain(report.environment) + "\n\n";
  text +=
      verdict == Verdict::kPass
          ? (counts.warn > 0 ? "Nothing stands in the way; " + Plural(counts.warn, "warning") + " to look at.\n"
                             : std::string("Nothing stands in the way.\n"))
      : counts.fail > 0           ? Plural(counts.fail, "thing") + " to mend before this can go out.\n"
      : verdict == Verdict::kFail ? std::string("Nothing is found to be wrong, but what could not be asked counts.\n")
      : verdict == Verdict::kHold ? std::string("Nothing is wrong, but not enough is known yet. Run it again later.\n")
      : report.unrecorded.empty()
          ? "Nothing is found to be wrong, but not everything could be asked. Run it again when the server is there.\n"
          : "Nothing is found to be wrong, but this run has to be recorded, and is not: " + Plain(report.unrecorded) +
                ".\n";
  if (report.unreachable) text += "\nThe server could not be reached: what the change does there was not looked at.\n";
  AddSection(text, "To mend", fail, false);
  AddSection(text, "To wait for", hold, false);
  AddChanges(text, report);
  AddSection(text, "Warnings", warn, true);
  AddSection(text, "Notes", note, true);
  AddSection(text, "Waived", waived, true);
  std::string missing;
  for (const Looked& looked : report.looked) {
    if (!looked.done) missing += "- " + Plain(looked.group) + ": " + Plain(looked.reason) + "\n";
  }
  if (!missing.empty()) text += "\n<details><summary>Not looked at</summary>\n\n" + missing + "\n</details>\n";
  text += "\n<sub>guidon gate, policy " + Plain(report.policy) + "</sub>\n";
  return text;
}

std::string ToGitHub(const Report& report) {
  std::string text;
  for (const Finding& finding : report.findings) {
    if (!finding.waived.empty()) continue;
    const bool is_notice = finding.severity == Severity::kNote;
    text += finding.severity == Severity::kFail ? "::error " : is_notice ? "::notice " : "::warning ";
    if (!finding.place.file.empty()) {
      text += "file=" + Escaped(finding.place.file, true) + ",";
      if (finding.place.at.line > 0) text += "line=" + std::to_string(finding.place.at.line) + ",";
      if (finding.place.at.column > 0) text += "col=" + std::to_string(finding.place.at.column) + ",";
    }
    text += "title=" + Escaped(finding.rule, true) + "::";
    text += Escaped(SentenceOf(finding), false) + "\n";
  }
  const Verdict verdict = VerdictOf(report);
  const bool stops = verdict == Verdict::kFail || verdict == Verdict::kNone;
  const std::string word = verdict == Verdict::kNone ? "no verdict" : std::string(ToString(verdict));
  return text + (stops ? "::error " : "::notice ") +
         "title=guidon gate::" + Escaped(word + " for " + report.environment + ": " + SummaryOf(report), false) + "\n";
}

}  // namespace guidon::gate
