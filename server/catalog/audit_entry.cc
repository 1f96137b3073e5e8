#include "server/catalog/audit_entry.h"

#include <utility>

#include "core/base/json.h"
#include "core/base/json_record.h"

namespace guidon {
namespace {

constexpr std::size_t kMostSubjects = 1'000;

// {"principal":…,"action":…,"subject":…}: the subject is a key's id, or a project.
void DecodeOlder(const Value& audit, const StoredPayload& log, AuditEntry& entry) {
  const std::string subject = TextOf(audit, "subject");
  if (entry.action.starts_with("key.")) {
    entry.subjects.push_back({"key", subject, "", 0});
    return;
  }
  entry.project = subject;
  const Result<Value> changes = ParseJson(log.bytes);
  if (!changes) return;
  if (changes->Find("project_changed") != nullptr) entry.subjects.push_back({"project", subject, "", 0});
  for (const Value& change : ListIn(*changes, "changes")) {
    if (entry.subjects.size() == kMostSubjects) {
      ++entry.subjects_left_out;
      continue;
    }
    entry.subjects.push_back(
        {TextOf(change, "kind"), TextOf(change, "key"), change.Find("removed") != nullptr ? "remove" : "", 0});
  }
}

}  // namespace

Value EncodeSubject(const AuditSubject& subject) {
  Object encoded{{"kind", Value(subject.kind)}, {"key", Value(subject.key)}};
  if (!subject.change.empty()) encoded.Append("change", Value(subject.change));
  if (subject.before > 0) encoded.Append("before", Value(subject.before));
  if (!subject.project.empty()) encoded.Append("project", Value(subject.project));
  return encoded;
}

std::string EncodeAudit(const AuditEntry& entry, std::string_view subject) {
  Object audit{{"principal", Value(entry.principal)}, {"action", Value(entry.action)}, {"subject", Value(subject)}};
  const auto append = [&](std::string_view name, const std::string& text) {
    if (!text.empty()) audit.Append(name, Value(text));
  };
  append("project", entry.project);
  append("request_id", entry.request_id);
  append("address", entry.address);
  append("comment", entry.comment);
  Array environments, subjects;
  for (const std::string& name : entry.environments) environments.emplace_back(name);
  if (!environments.empty()) audit.Append("environments", Value(std::move(environments)));
  for (const AuditSubject& one : entry.subjects) {
    if (subjects.size() == kMostSubjects) break;
    subjects.push_back(EncodeSubject(one));
  }
  const std::size_t left_out = entry.subjects_left_out + entry.subjects.size() - subjects.size();
  audit.Append("subjects", Value(std::move(subjects)));
  if (left_out > 0) audit.Append("subjects_left_out", Value(left_out));
  append("change_request", entry.change_request);
  if (!entry.requested_by.empty()) audit.Append("requested_by", TextsOf(entry.requested_by));
  if (!entry.approved_by.empty()) audit.Append("approved_by", TextsOf(entry.approved_by));
  if (!entry.overridden.empty()) audit.Append("overridden", TextsOf(entry.overridden));
  append("emergency", entry.emergency);
  if (!entry.finding.is_null()) audit.Append("finding", entry.finding);
  if (!entry.gate.is_null()) audit.Append("gate", entry.gate);
  return ToJson(Value(std::move(audit)));
}

AuditEntry DecodeAudit(const RevisionEntry& link) {
  AuditEntry entry;
  entry.revision = link.revision;
  entry.time = link.time;
  entry.redacted = link.audit.state != StoredPayload::State::kPresent;
  const Result<Value> audit = ParseJson(link.audit.bytes);
  if (entry.redacted || !audit) return entry;
  entry.principal = TextOf(*audit, "principal");
  entry.action = TextOf(*audit, "action");
  entry.project = TextOf(*audit, "project");
  entry.request_id = TextOf(*audit, "request_id");
  entry.address = TextOf(*audit, "address");
  entry.comment = TextOf(*audit, "comment");
  for (const Value& name : ListIn(*audit, "environments")) entry.environments.push_back(name.AsString());
  for (const Value& subject : ListIn(*audit, "subjects")) {
    entry.subjects.push_back({TextOf(subject, "kind"), TextOf(subject, "key"), TextOf(subject, "change"),
                              CountOf(subject, "before"), TextOf(subject, "project")});
  }
  entry.subjects_left_out = CountOf(*audit, "subjects_left_out");
  entry.change_request = TextOf(*audit, "change_request");
  entry.requested_by = TextsIn(*audit, "requested_by");
  entry.approved_by = TextsIn(*audit, "approved_by");
  entry.overridden = TextsIn(*audit, "overridden");
  entry.emergency = TextOf(*audit, "emergency");
  if (const Value* finding = audit->Find("finding")) entry.finding = *finding;
  if (const Value* gate = audit->Find("gate")) entry.gate = *gate;
  if (audit->Find("subjects") == nullptr) DecodeOlder(*audit, link.log, entry);
  return entry;
}

}  // namespace guidon
