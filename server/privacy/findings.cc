#include "server/privacy/findings.h"

#include <memory>
#include <utility>

#include "core/base/json.h"
#include "core/base/json_record.h"
#include "server/privacy/places.h"

namespace guidon {
namespace {

Object RecordFinding(std::string_view class_of, const KeyValue& stored, bool is_newest, std::size_t places) {
  return Object{{"class", Value(class_of)},
                {"where", Value(PlaceOf(stored, is_newest))},
                {"revision", Value(stored.modified_revision)},
                {"current", Value(is_newest)},
                {"places", Value(places)}};
}

Object AuditFinding(const RevisionEntry& link) {
  Result<Value> content = ParseJson(link.audit.bytes);
  return Object{{"class", Value("audit")},
                {"revision", Value(link.revision)},
                {"time", Value(TimeText(link.time))},
                {"content", content ? *std::move(content) : Value()}};
}

std::optional<Object> RecordOfUnit(const UnitTraces& traces, const std::string& project, const KeyValue& stored,
                                   bool is_newest) {
  const StoreKey key = ParseStoreKey(stored.key);
  if (key.kind == StoreKey::Kind::kOther || !traces.IsIn(stored.value)) return std::nullopt;
  if (!IsIn(project, ProjectOf(stored.key, key))) return std::nullopt;
  Result<Value> value = ParseJson(stored.value);
  Value copy = value ? *value : Value();
  const std::size_t places = traces.EraseFromDefinition(copy, UnitTraces::Mode::kReplace);
  const bool is_definition = key.kind == StoreKey::Kind::kEntity || IsApplied(key);
  Object finding = RecordFinding(is_definition ? "definition" : "record", stored, is_newest, places);
  // What is no definition may be a key or a member: what it is says enough. So does where the past is, of which there
  // may be very much.
  if (is_definition && is_newest && value) finding.Append("content", *std::move(value));
  return finding;
}

std::optional<Object> LinkOfUnit(const UnitTraces& traces, const std::string& project, const RevisionEntry& link) {
  const AuditEntry entry = DecodeAudit(link);
  if (!IsIn(project, entry.project) || !Names(traces, entry)) return std::nullopt;
  return AuditFinding(link);
}

std::vector<ExportFindings::Event> EventsOfUnit(const UnitTraces& traces, const std::string& project,
                                                const JournalEntry& entry) {
  std::vector<ExportFindings::Event> found;
  if (!IsIn(project, entry.project) || !traces.EraseFromEntry(entry.text)) return found;
  const Result<Value> content = ParseJson(entry.text);
  if (!content) return found;
  std::uint64_t number = 0;
  for (const Value& event : ListIn(*content, "events")) {
    const std::uint64_t here = number++;
    const bool is_of_unit = traces.IsOfUnit(event);
    if (!is_of_unit && !traces.IsMentionedBy(event)) continue;
    found.push_back({here, ToJson(event).size(),
                     Object{{"class", Value("event")},
                            {"sequence", Value(entry.sequence)},
                            {"received", Value(TimeText(entry.received))},
                            {"project", Value(entry.project)},
                            {"environment", Value(entry.environment)},
                            {"of_unit", Value(is_of_unit)},
                            {"content", event}}});
  }
  return found;
}

// "author", "approver", … of a change request.
Value PartsOfMember(const MemberNames& names, const Value& request) {
  constexpr std::pair<std::string_view, std::string_view> kParts[] = {
      {"authors", "author"},   {"approvals", "approver"}, {"opened_by", "opener"},    {"scheduled_by", "scheduler"},
      {"closed_by", "closer"}, {"title", "mention"},      {"description", "mention"}, {"reason", "mention"}};
  Array parts;
  for (const auto& [member, part] : kParts) {
    const Value* held = request.Find(member);
    if (held == nullptr || !names.AreIn(ToJson(*held))) continue;
    if (parts.empty() || parts.back().AsString() != part) parts.emplace_back(part);
  }
  return Value(std::move(parts));
}

std::optional<Object> RecordOfMember(const MemberNames& names, const KeyValue& stored, bool is_newest) {
  const bool is_theirs = names.AreOf(stored);
  if (!is_theirs && !names.AreIn(stored.value)) return std::nullopt;
  const StoreKey key = ParseStoreKey(stored.key);
  const bool is_item = key.kind == StoreKey::Kind::kItem;
  const bool is_request = is_item && key.project == kChangeRequestSpace;
  const bool is_comment = is_item && key.project == kCommentSpace;
  const bool is_definition = key.kind == StoreKey::Kind::kEntity || IsApplied(key);
  Object finding{{"class", Value(is_theirs || is_request || is_comment ? std::string_view(key.project)
                                 : is_definition                       ? "definition"
                                                                       : "record")},
                 {"where", Value(PlaceOf(stored, is_newest))},
                 {"revision", Value(stored.modified_revision)},
                 {"current", Value(is_newest)}};
  Result<Value> value = ParseJson(stored.value);
  if (!value || !value->is_object()) return finding;
  if (is_request) finding.Append("as", PartsOfMember(names, *value));
  if (is_theirs || is_comment) {
    value->MutableObject().Erase("verifier");
    finding.Append("content", *std::move(value));
  }
  return finding;
}

}  // namespace

ExportFindings FindingsOfUnit(const UnitName& unit, const std::string& project) {
  const auto traces = std::make_shared<const UnitTraces>(unit, std::string(kPlaceholder));
  return {[traces, project](const KeyValue& stored, bool is_newest) {
            return RecordOfUnit(*traces, project, stored, is_newest);
          },
          [traces, project](const RevisionEntry& link) { return LinkOfUnit(*traces, project, link); },
          [traces, project](const JournalEntry& entry) { return EventsOfUnit(*traces, project, entry); }};
}

ExportFindings FindingsOfMember(std::shared_ptr<const MemberNames> names) {
  return {[names](const KeyValue& stored, bool is_newest) { return RecordOfMember(*names, stored, is_newest); },
          [names](const RevisionEntry& link) {
            return names->AreIn(link) ? std::optional<Object>(AuditFinding(link)) : std::nullopt;
          },
          {}};
}

}  // namespace guidon
