// For programs, and the formats that are JSON.
#include <algorithm>
#include <string>

#include "core/base/json.h"
#include "gate/formats.h"
#include "gate/rules.h"

namespace guidon::gate {
namespace {

Object PlaceOf(const Place& place) {
  Object object{{"file", Value(place.file)}};
  if (place.at.line > 0) object.Append("line", Value(place.at.line));
  if (place.at.column > 0) object.Append("column", Value(place.at.column));
  return object;
}

// As `guidon plan --json` says it, but for the environment, which is the report's.
Object ChangeOf(const Changed& change) {
  Array summary, moved;
  for (const std::string& line : change.what.summary) summary.emplace_back(line);
  for (const Move& move : change.what.moves) {
    moved.emplace_back(
        Object{{"split", Value(move.split)}, {"share_parts", move.share_parts ? Value(*move.share_parts) : Value()}});
  }
  Object object{{"kind", Value(ToString(change.what.ref.kind))},
                {"key", Value(change.what.ref.key)},
                {"action", Value(ToString(change.what.action))},
                {"summary", Value(std::move(summary))},
                {"moved", Value(std::move(moved))}};
  if (!change.owner.empty()) object.Append("owner", Value(change.owner));
  if (!change.place.file.empty()) object.Append("place", PlaceOf(change.place));
  return object;
}

// What a line and column of SARIF are: from 1, and absent where they are not known.
Object RegionOf(const Place& place) {
  Object region{{"startLine", Value(std::max(place.at.line, 1))}};
  if (place.at.column > 0) region.Append("startColumn", Value(place.at.column));
  return region;
}

std::string_view LevelOf(Severity severity) {
  return severity == Severity::kFail ? "error" : severity == Severity::kNote ? "note" : "warning";
}

Object Text(std::string text) {
  return Object{{"text", Value(std::move(text))}};
}

// A path as a relative reference of RFC 3986: what is not allowed in one is escaped.
std::string UriOf(std::string_view path) {
  static constexpr char kHex[] = "0123456789ABCDEF";
  std::string uri;
  for (const char c : path) {
    const auto byte = static_cast<unsigned char>(c);
    const bool is_plain = (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') ||
                          (byte >= '0' && byte <= '9') ||
                          std::string_view("-._~/@!$&'()*+,;=").find(c) != std::string_view::npos;
    if (is_plain) {
      uri += c;
    } else {
      uri.append(1, '%').append(1, kHex[byte >> 4]).append(1, kHex[byte & 15]);
    }
  }
  return uri;
}

Value RuleOf(const PolicyRule& rule) {
  return Object{{"id", Value(rule.id)},
                {"shortDescription", Value(Text(std::string(rule.asks)))},
                {"help", Value(Text(std::string(rule.explain)))},
                {"defaultConfiguration", Value(Object{{"level", Value(LevelOf(rule.severity))}})}};
}

// Code scanning takes a result at a place of a file, and no other.
Value ResultOf(const Finding& finding, std::size_t index, const std::string& stand_in) {
  const Place place = finding.place.file.empty() ? Place{stand_in, {}} : finding.place;
  Object result{{"ruleId", Value(finding.rule)},
                {"ruleIndex", Value(index)},
                {"level", Value(LevelOf(finding.severity))},
                {"message", Value(Text(SentenceOf(finding)))}};
  Object location{
      {"physicalLocation", Value(Object{{"artifactLocation", Value(Object{{"uri", Value(UriOf(place.file))}})},
                                        {"region", Value(RegionOf(place))}})}};
  if (!finding.subject.empty()) {
    location.Append("logicalLocations", Array{Object{{"fullyQualifiedName", Value(finding.subject)}}});
  }
  result.Append("locations", Array{std::move(location)});
  if (!finding.waived.empty()) {
    result.Append("suppressions", Array{Object{{"kind", Value("external")}, {"justification", Value(finding.waived)}}});
  }
  if (!finding.owner.empty()) result.Append("properties", Object{{"owner", Value(finding.owner)}});
  return result;
}

}  // namespace

Value ToJson(const Report& report) {
  const Counts counts = CountsOf(report);
  Array looked, findings;
  for (const Looked& one : report.looked) {
    Object object{{"group", Value(one.group)}, {"done", Value(one.done)}};
    if (!one.reason.empty()) object.Append("reason", Value(one.reason));
    looked.emplace_back(std::move(object));
  }
  for (const Finding& finding : report.findings) {
    Object object{{"rule", Value(finding.rule)}, {"severity", Value(ToString(finding.severity))}};
    if (!finding.subject.empty()) object.Append("subject", Value(finding.subject));
    if (!finding.owner.empty()) object.Append("owner", Value(finding.owner));
    if (!finding.place.file.empty()) object.Append("place", PlaceOf(finding.place));
    object.Append("message", Value(finding.message));
    if (!finding.fix.empty()) object.Append("fix", Value(finding.fix));
    if (!finding.waived.empty()) object.Append("waived", Value(finding.waived));
    findings.emplace_back(std::move(object));
  }
  Object document{{"verdict", Value(ToString(VerdictOf(report)))},
                  {"environment", Value(report.environment)},
                  {"policy", Value(report.policy)}};
  if (!report.policy_hash.empty()) document.Append("policy_hash", Value(report.policy_hash));
  if (!report.inputs_hash.empty()) document.Append("inputs_hash", Value(report.inputs_hash));
  if (report.unreachable) document.Append("unreachable", Value(true));
  if (!report.unrecorded.empty()) document.Append("unrecorded", Value(report.unrecorded));
  document.Append("looked", Value(std::move(looked)));
  document.Append("counts", Object{{"fail", Value(counts.fail)},
                                   {"hold", Value(counts.hold)},
                                   {"warn", Value(counts.warn)},
                                   {"note", Value(counts.note)},
                                   {"waived", Value(counts.waived)}});
  document.Append("findings", Value(std::move(findings)));
  if (report.changes) {
    Array changes;
    for (const Changed& change : *report.changes) changes.push_back(ChangeOf(change));
    document.Append("changes", Value(std::move(changes)));
  }
  return document;
}

std::string ToSarif(const Report& report, const std::string& version) {
  Array rules, results;
  for (const PolicyRule& rule : Rules()) rules.push_back(RuleOf(rule));
  for (const Finding& finding : report.findings) {
    const PolicyRule* rule = FindRule(finding.rule);
    const std::size_t index = rule == nullptr ? 0 : static_cast<std::size_t>(rule - Rules().data());
    results.push_back(ResultOf(finding, index, report.file));
  }
  for (const Finding& finding : ServerFindingsOf(report)) {
    results.push_back(ResultOf(finding, rules.size(), report.file));
    rules.push_back(RuleOf(finding.rule == kUnreachableRule
                               ? PolicyRule{kUnreachableRule, Severity::kFail, "Can the server be reached?",
                                            "A server that is away cannot be asked what the change does there. "
                                            "`unreachable:` of the policy says what that means."}
                               : PolicyRule{kUnrecordedRule, Severity::kFail, "Is this run recorded?",
                                            "`record: required` of the policy, or `--receipt`, makes the record in the "
                                            "audit log a condition of every pass."}));
  }
  const Value document(Object{
      {"$schema", Value("https://json.schemastore.org/sarif-2.1.0.json")},
      {"version", Value("2.1.0")},
      {"runs",
       Value(Array{Object{{"tool", Value(Object{{"driver", Value(Object{{"name", Value("guidon gate")},
                                                                        {"version", Value(version)},
                                                                        {"rules", Value(std::move(rules))}})}})},
                          {"columnKind", Value("unicodeCodePoints")},
                          {"automationDetails", Value(Object{{"id", Value("guidon-gate/" + report.environment)}})},
                          {"results", Value(std::move(results))}}})}});
  return guidon::ToJson(document) + "\n";
}

}  // namespace guidon::gate
