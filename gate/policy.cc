#include "gate/policy.h"

#include <re2/re2.h>

#include <algorithm>
#include <array>
#include <map>
#include <set>
#include <tuple>
#include <utility>

#include "audit/chain.h"
#include "audit/hex.h"
#include "core/base/text.h"
#include "core/codec/reader.h"
#include "core/model/names.h"
#include "core/model/units.h"
#include "gate/rules.h"
#include "gate/wildcard.h"

namespace guidon::gate {
namespace {

using codec::Fields;
using codec::Node;

constexpr std::uint64_t kMostLive = 1'000'000;                              // that may be demanded
constexpr std::uint64_t kMostDays = 3'650, kMostUnits = 1'000'000'000'000;  // that evidence may be wanted of

// ---- Reading -------------------------------------------------------------------------------------------------------

constexpr std::uint64_t kMostSettledDays = 90;  // that a server keeps counts for
constexpr std::uint64_t kMostLeast = 1'000'000'000'000;

// "fail", "warn", "note" or "off". A rule that holds does so by itself, where it fails.
std::optional<Severity> ReadSeverity(const Node& node) {
  const std::string* word = node.value().is_string() ? &node.value().AsString() : nullptr;
  if (word != nullptr && *word == "off") return std::nullopt;
  for (const Severity severity : {Severity::kFail, Severity::kWarn, Severity::kNote}) {
    if (word != nullptr && *word == ToString(severity)) return severity;
  }
  codec::UnknownWord(node, "severity", {"fail", "warn", "note", "off"});
  return Severity::kFail;
}

// Nothing may make less of it: with an error in the definitions neither their tests nor what they would change is
// looked at, and a pass would say nothing.
constexpr std::string_view kAlwaysFails = "static.definitions";

void RefuseToSoften(const Node& node) {
  node.Fault("bad_rule",
             std::string(kAlwaysFails) +
                 " always fails: where definitions have errors, neither their tests nor what "
                 "they would change is looked at",
             "mend the definitions");
}

std::optional<Severity> ReadSeverityOf(std::string_view rule, const Node& node) {
  const std::optional<Severity> severity = ReadSeverity(node);
  if (rule == kAlwaysFails && severity != Severity::kFail) RefuseToSoften(node);
  return severity;
}

int ReadUnreachable(const Node& node) {
  static const std::map<std::string, int, std::less<>> kCodes = {{"pass", 0}, {"fail", 1}, {"hold", 3}};
  const auto code = node.value().is_string() ? kCodes.find(node.value().AsString()) : kCodes.end();
  if (code != kCodes.end()) return code->second;
  codec::UnknownWord(node, "verdict", {"pass", "fail", "hold"});
  return 1;
}

std::string ReadPattern(const Node& node) {
  const std::string text = codec::ReadText(node);
  re2::RE2::Options options;
  options.set_log_errors(false);
  options.set_max_mem(kMaxExpressionMemory);
  if (const re2::RE2 pattern(text, options); !pattern.ok()) {
    node.Fault("bad_operand", "'" + text + "' is not a regular expression: " + pattern.error());
  }
  return text;
}

std::vector<std::string> ReadWildcards(const Node& node) {
  return codec::ReadOneOrList(node, "patterns", kMaxItems, codec::ReadName);
}

std::chrono::days ReadDays(const Node& node) {
  const std::chrono::milliseconds duration = codec::ReadDuration(node);
  if (duration % std::chrono::days(1) != std::chrono::milliseconds(0)) {
    node.Fault("bad_duration", "it has to be whole days", "such as 14d");
  }
  return std::chrono::duration_cast<std::chrono::days>(duration);
}

std::int64_t ReadMoment(const Node& node) {
  const Value time = codec::ReadTimestamp(node);
  return time.is_string() ? ParseTimestamp(time.AsString()).value_or(0) : time.AsInt();
}

// "0.2.0" of each SDK.
std::map<std::string, std::string, std::less<>> ReadVersions(const Node& node) {
  static const re2::RE2 kVersion("[0-9]+(\\.[0-9]+){0,3}");
  std::map<std::string, std::string, std::less<>> versions;
  codec::ReadMap(node, "SDKs", kMaxItems, [&](const Node& n) {
    const std::string version = codec::ReadText(n);
    if (n.value().is_string() && !re2::RE2::FullMatch(version, kVersion)) {
      n.Fault("bad_version", "'" + version + "' is no version", "such as 0.2.0");
    }
    versions[std::string(n.name())] = version;
    return true;
  });
  return versions;
}

FreezeWindow ReadWindow(const Node& node) {
  FreezeWindow window;
  Fields fields(node, "a freeze window");
  fields.Required("from", window.from_ms, ReadMoment);
  fields.Required("to", window.to_ms, ReadMoment);
  fields.Required("why", window.why, codec::ReadText);
  fields.Finish();
  if (node.value().Find("from") != nullptr && node.value().Find("to") != nullptr && window.to_ms <= window.from_ms) {
    node.Fault("bad_date", "the window ends before it begins");
  }
  return window;
}

bool ReadEnabled(const Node& node) {
  const std::string word = node.value().is_string() ? node.value().AsString() : "";
  if (word != "enabled" && word != "disabled") codec::UnknownWord(node, "state", {"enabled", "disabled"});
  return word == "enabled";
}

struct Placer {
  const SourceMap& positions;
  const std::string& file;
  Place operator()(const Node& node) const { return {file, positions.Of(node.path())}; }
};

Demand ReadDemand(const Node& node, const Placer& place) {
  Demand demand;
  demand.place = place(node);
  Fields fields(node, "a demand");
  fields.Required("flag", demand.flag, codec::ReadKey);
  bool enabled = false;
  if (fields.Optional("is", enabled, ReadEnabled)) {
    demand.enabled = enabled;
    fields.Forbid("serves", "a demand has 'is' or 'serves', not both");
    fields.Forbid("share", "'share' goes with 'serves', not with 'is'");
  } else {
    if (!fields.Has("serves") && fields) fields.Missing("serves", "or 'is: enabled'");
    fields.Optional("serves", demand.serves, codec::ReadVariation);
    fields.Optional("share", demand.share, codec::ReadShare);
  }
  fields.Optional("in", demand.environment, codec::ReadKey);
  fields.Optional("for", demand.time, codec::ReadDuration);
  fields.Finish();
  return demand;
}

Waiver ReadWaiver(const Node& node, const Placer& place) {
  Waiver waiver;
  waiver.place = place(node);
  Fields fields(node, "a waiver");
  fields.Required("rule", waiver.rule, [](const Node& n) {
    const std::string id = codec::ReadText(n);
    if (FindRule(id) == nullptr) n.Fault("unknown_rule", "there is no rule '" + id + "'", DidYouMeanRule(id));
    if (id == kAlwaysFails) RefuseToSoften(n);
    return id;
  });
  fields.Optional("subject", waiver.subject, codec::ReadText);
  fields.Optional("file", waiver.file, codec::ReadText);
  fields.Required("reason", waiver.reason, [](const Node& n) {
    std::string reason = codec::ReadText(n);
    if (n.value().is_string() && reason.empty()) n.Fault("bad_text", "a waiver needs a reason");
    return reason;
  });
  fields.Required("until", waiver.until, codec::ReadDay);
  fields.Finish();
  return waiver;
}

class PolicyReader {
 public:
  PolicyReader(Policy& policy, Placer place) : policy_(policy), place_(place) {}

  bool Read(const Node& node) {
    Fields fields(node, "a policy");
    fields.Optional("policy", policy_.name, codec::ReadName);
    int code = 0;
    if (fields.Optional("unreachable", code, ReadUnreachable)) policy_.unreachable = code;
    fields.Optional("record", policy_.record, [](const Node& n) {
      return codec::ReadWord(n, "way to record", std::array{Recording::kWanted, Recording::kRequired, Recording::kOff});
    });
    bool read = false;
    fields.Optional("rules", read, [this](const Node& n) { return ReadRules(n); });
    fields.Optional("waivers", policy_.waivers, [this](const Node& n) {
      return codec::ReadList(n, "waivers", kMaxItems, [this](const Node& w) { return ReadWaiver(w, place_); });
    });
    fields.Finish();
    return true;
  }

 private:
  bool ReadRules(const Node& node) {
    codec::ReadMap(node, "rules", kMaxItems, [this](const Node& n) {
      const std::string id(n.name());
      if (FindRule(id) == nullptr) {
        n.Fault("unknown_rule", "there is no rule '" + id + "'", DidYouMeanRule(id));
        return false;
      }
      if (n.value().is_object()) return ReadSettings(id, n);
      policy_.severities[id] = ReadSeverityOf(id, n);
      return true;
    });
    return true;
  }

  // `is`, and what this rule can be told besides.
  bool ReadSettings(const std::string& id, const Node& node) {
    const std::string what = "the settings of " + id;
    Fields fields(node, what);
    std::optional<Severity> severity;
    if (fields.Optional("is", severity, [&](const Node& n) { return ReadSeverityOf(id, n); })) {
      policy_.severities[id] = severity;
    }
    if (id == "static.naming") {
      for (const auto& [name, kind] : kNamed) {
        std::string pattern;
        if (fields.Optional(name, pattern, ReadPattern)) policy_.names[kind] = pattern;
      }
    } else if (id == "static.owner") {
      fields.Optional("owners", policy_.owners, ReadWildcards);
    } else if (id == "static.expiry") {
      fields.Optional("within", policy_.expires_within, ReadDays);
    } else if (id == "static.personal-data") {
      fields.Optional("attributes", policy_.personal_data, ReadWildcards);
    } else if (id == "static.regex-cost") {
      fields.Optional("size", policy_.regex_size, [](const Node& n) {
        return static_cast<std::uint32_t>(codec::ReadCount(n, 1, kMaxExpressionProgram));
      });
    } else if (id == "change.moves") {
      fields.Optional("limit", policy_.moves_limit, codec::ReadPercent);
    } else if (id == "change.jump") {
      fields.Optional("limit", policy_.jump_limit, codec::ReadPercent);
    } else if (id == "change.protected-flag") {
      fields.Optional("flags", policy_.protected_flags, ReadWildcards);
    } else if (id == "code.settled-flag") {
      fields.Optional("days", policy_.settled_days,
                      [](const Node& n) { return std::chrono::days(codec::ReadCount(n, 1, kMostSettledDays)); });
      fields.Optional("least", policy_.settled_least, [](const Node& n) { return codec::ReadCount(n, 1, kMostLeast); });
    } else if (id == "live.state") {
      fields.Optional("demands", policy_.demands, [this](const Node& n) {
        return codec::ReadList(n, "demands", kMaxItems, [this](const Node& d) { return ReadDemand(d, place_); });
      });
    } else if (id == "live.ramp") {
      std::uint32_t share = 0;
      if (fields.Optional("at_least", share, codec::ReadShare)) policy_.ramp_at_least = share;
    } else if (id == "live.evidence") {
      fields.Optional("min_days", policy_.least_days, [](const Node& n) { return codec::ReadCount(n, 1, kMostDays); });
      fields.Optional("min_units", policy_.least_units,
                      [](const Node& n) { return codec::ReadCount(n, 1, kMostUnits); });
    } else if (id == "delivery.share") {
      std::uint32_t share = 0;
      if (fields.Optional("min_share", share, codec::ReadShare)) policy_.min_share = share;
      std::uint64_t live = 0;
      if (fields.Optional("min_live", live, [](const Node& n) { return codec::ReadCount(n, 0, kMostLive); })) {
        policy_.min_live = static_cast<std::int64_t>(live);
      }
    } else if (id == "delivery.old-sdk") {
      fields.Optional("least", policy_.least_sdks, ReadVersions);
    } else if (id == "live.freeze") {
      fields.Optional("windows", policy_.freezes,
                      [](const Node& n) { return codec::ReadList(n, "windows", kMaxItems, ReadWindow); });
    }
    fields.Finish();
    return true;
  }

  static constexpr std::array<std::pair<std::string_view, EntityKind>, 6> kNamed = {{
      {"flags", EntityKind::kFlag},
      {"segments", EntityKind::kSegment},
      {"layers", EntityKind::kLayer},
      {"holdouts", EntityKind::kHoldout},
      {"experiments", EntityKind::kExperiment},
      {"metrics", EntityKind::kMetric},
  }};

  Policy& policy_;
  const Placer place_;
};

// ---- Waivers -------------------------------------------------------------------------------------------------------

bool Waives(const Waiver& waiver, const Finding& finding) {
  return waiver.rule == finding.rule && (waiver.subject.empty() || MatchesWildcard(waiver.subject, finding.subject)) &&
         (waiver.file.empty() || MatchesWildcard(waiver.file, finding.place.file));
}

std::string Named(const Waiver& waiver) {
  return waiver.rule + (waiver.subject.empty() ? "" : " of " + waiver.subject) +
         (waiver.file.empty() ? "" : " in " + waiver.file);
}

// Whether what it waives was looked at in this run: what was not is no reason to call it needless.
bool WasLookedAt(const Report& report, std::string_view rule) {
  const PolicyRule* known = FindRule(rule);
  if (known == nullptr) return false;
  if (known->asks_nobody()) return true;
  return std::any_of(report.looked.begin(), report.looked.end(),
                     [&](const Looked& looked) { return looked.done && looked.group == known->looked(); });
}

Finding OfWaiver(const Waiver& waiver, std::string message, std::string fix) {
  return {"static.waiver",    Severity::kWarn, "waiver of " + Named(waiver), "", waiver.place,
          std::move(message), std::move(fix)};
}

void ApplyWaivers(Report& report, const Policy& policy) {
  const std::chrono::sys_days today = report.day;
  std::vector<Finding> of_waivers;
  for (const Waiver& waiver : policy.waivers) {
    const bool has_ended = waiver.until < today;
    bool is_needed = false;
    for (Finding& finding : report.findings) {
      if (!Waives(waiver, finding)) continue;
      is_needed = true;
      if (!has_ended && finding.waived.empty()) {
        finding.waived = waiver.reason + " (until " + FormatDay(waiver.until) + ")";
      }
    }
    if (has_ended) {
      of_waivers.push_back(OfWaiver(waiver, "it ended on " + FormatDay(waiver.until),
                                    is_needed ? "mend what it waived, or move the day" : "remove it"));
    } else if (waiver.until - today > kLongestWaiver) {
      of_waivers.push_back(OfWaiver(waiver, "it waives for more than a year", "choose a nearer day"));
    } else if (!is_needed && WasLookedAt(report, waiver.rule)) {
      of_waivers.push_back(OfWaiver(waiver, "nothing that it waives was found", "remove it"));
    }
  }
  report.findings.insert(report.findings.end(), of_waivers.begin(), of_waivers.end());
}

}  // namespace

std::string_view ToString(Recording recording) {
  constexpr std::array<std::string_view, 3> kWords = {"required", "wanted", "off"};
  return kWords.at(static_cast<std::size_t>(recording));
}

std::optional<Severity> Policy::SeverityOf(std::string_view rule) const {
  const auto said = severities.find(rule);
  if (said != severities.end()) return said->second;
  const PolicyRule* known = FindRule(rule);
  return known == nullptr ? Severity::kFail : known->severity;
}

PolicyResult ReadPolicy(std::string_view text, const std::string& file) {
  PolicyResult result;
  result.policy.hash = ToHex(Sha256(text));
  result.policy.name = Printable(file.substr(file.rfind('/') + 1));
  YamlResult yaml = ParseYaml(text);
  for (YamlFault& fault : yaml.faults) result.faults.push_back({fault.at, std::move(fault.issue)});
  if (!result.faults.empty()) return result;
  if (yaml.documents.size() != 1) {
    Issue issue;
    issue.code = "bad_policy";
    issue.message = yaml.documents.empty() ? "it is empty" : "a policy is one document";
    result.faults.push_back({{1, 1}, std::move(issue)});
    return result;
  }
  const YamlDocument& document = yaml.documents.front();
  PolicyReader reader(result.policy, Placer{document.positions, file});
  const Result<bool> read = codec::Decode("policy", document.value, Strictness::kAuthored,
                                          [&](const Node& node) { return reader.Read(node); });
  if (!read) {
    for (const Issue& issue : read.error().issues) {
      const bool about_key = issue.code == "unknown_key" || issue.code == "unknown_rule";
      result.faults.push_back(
          {about_key ? document.positions.OfKey(issue.path) : document.positions.Of(issue.path), issue});
    }
  }
  return result;
}

void Settle(Report& report, const Policy& policy) {
  ApplyWaivers(report, policy);
  std::vector<Finding> kept;
  for (Finding& finding : report.findings) {
    const std::optional<Severity> severity = policy.SeverityOf(finding.rule);
    if (!severity) continue;
    // A check that cannot say yet holds, unless the policy wants no more than to be told.
    if (finding.severity != Severity::kHold || *severity > Severity::kHold) finding.severity = *severity;
    kept.push_back(std::move(finding));
  }
  const auto key = [](const Finding& f) {
    return std::tuple(!f.waived.empty(), f.severity, std::string_view(f.rule), std::string_view(f.place.file),
                      f.place.at.line, f.place.at.column, std::string_view(f.subject), std::string_view(f.message));
  };
  std::sort(kept.begin(), kept.end(), [&](const Finding& a, const Finding& b) { return key(a) < key(b); });
  kept.erase(std::unique(kept.begin(), kept.end()), kept.end());
  report.findings = std::move(kept);
}

}  // namespace guidon::gate
