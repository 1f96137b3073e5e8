#include "server/privacy/member_names.h"

#include <algorithm>

#include "core/base/json.h"
#include "core/base/json_record.h"
#include "server/auth/key_records.h"
#include "server/auth/members.h"
#include "server/auth/sessions.h"
#include "server/catalog/audit_entry.h"
#include "server/catalog/change_request.h"
#include "server/catalog/records.h"

namespace guidon {
namespace {

// Every version that is kept of the keys that begin so.
Status ForEachBelow(const Store& store, const std::string& prefix, const std::function<void(const KeyValue&)>& see,
                    const std::function<bool()>& stop) {
  const Scanner within = [&](const KeyValue& stored, bool) {
    if (!stored.key.starts_with(prefix)) return false;
    see(stored);
    return true;
  };
  return store.ScanFrom(KeySpace::kVersioned, {prefix, 0}, within, stop);
}

static_assert(kPlaceholder == kErasedPerson, "change requests would not know that an author of theirs was erased");

constexpr std::string_view kOfMember = "member:", kOfKey = "key:";  // how principals begin

// What a provider calls a mail address may be any text, also one that stands in records and means something there.
bool IsAddress(const std::string& text) {
  const std::size_t at = text.find('@');
  return at != std::string::npos && at > 0 && at + 1 < text.size();
}

}  // namespace

Result<MemberNames> MemberNames::Read(const Store& store, const std::string& id, const std::string& placeholder,
                                      const std::function<bool()>& stop) {
  MemberNames names;
  names.id_ = id;
  names.placeholder_ = placeholder;
  std::set<std::string> words = {std::string(kOfMember) + id};
  const std::string own = ItemStoreKey(kMemberSpace, id);
  Status read = ForEachBelow(
      store, own,
      [&](const KeyValue& stored) {
        if (stored.key != own) return;  // of another, whose id begins so
        names.records_.insert(stored.key);
        const Result<Value> member = ParseJson(stored.value);
        if (std::string mail = member ? TextOf(*member, "email") : std::string(); IsAddress(mail)) words.insert(mail);
      },
      stop);
  if (!read) return Fail(read.error());
  for (const std::string_view space : {kKeySpace, kSessionSpace}) {
    const std::string prefix = ItemStoreKey(space, "");
    read = ForEachBelow(
        store, prefix,
        [&](const KeyValue& stored) {
          const Result<Value> record = ParseJson(stored.value);
          if (!record || TextOf(*record, "member") != id) return;
          names.records_.insert(stored.key);
          (space == kKeySpace ? names.keys_ : names.sessions_).insert(stored.key.substr(prefix.size()));
        },
        stop);
    if (!read) return Fail(read.error());
  }
  words.insert(names.keys_.begin(), names.keys_.end());
  for (const std::string& word : words) names.traces_.emplace_back(UnitName{.id = word}, placeholder);
  return names;
}

bool MemberNames::AreIn(std::string_view bytes) const {
  return std::any_of(traces_.begin(), traces_.end(), [&](const UnitTraces& traces) { return traces.IsIn(bytes); });
}

bool MemberNames::IsPerson(std::string_view person) const {
  if (person.starts_with(kOfKey)) return keys_.contains(person.substr(kOfKey.size()));
  return person.starts_with(kOfMember) && person.substr(kOfMember.size()) == id_;
}

bool MemberNames::IsSubject(std::string_view space, const std::string& id) const {
  return (space == kMemberSpace && id == id_) || (space == kKeySpace && keys_.contains(id));
}

bool MemberNames::AreIn(const RevisionEntry& link) const {
  const AuditEntry entry = DecodeAudit(link);
  const auto is_person = [this](const std::string& person) { return IsPerson(person); };
  if (is_person(entry.principal) || std::any_of(entry.requested_by.begin(), entry.requested_by.end(), is_person) ||
      std::any_of(entry.approved_by.begin(), entry.approved_by.end(), is_person)) {
    return true;
  }
  if (AreIn(entry.comment) || AreIn(entry.emergency) || AreIn(entry.request_id)) return true;
  // Which removes sessions of whoever, when they are over or too many.
  const bool is_sign_in = entry.action == "session.create" || entry.action == "session.break_glass";
  const auto is_about = [&](std::string_view space, const std::string& id) {
    return IsSubject(space, id) || (!is_sign_in && space == kSessionSpace && sessions_.contains(id));
  };
  const bool is_subject = std::any_of(entry.subjects.begin(), entry.subjects.end(),
                                      [&](const AuditSubject& subject) { return is_about(subject.kind, subject.key); });
  if (is_subject) return true;
  // Which has all items, where the entry has the first thousand.
  const Result<Value> log = ParseJson(link.log.bytes);
  if (!log) return false;
  const auto is_item = [&](const Value& item) { return is_about(TextOf(item, "space"), TextOf(item, "id")); };
  const Array& also = ListIn(*log, "also");
  return is_item(*log) || std::any_of(also.begin(), also.end(), is_item);
}

void MemberNames::Learn(const RevisionEntry& link) {
  const AuditEntry entry = DecodeAudit(link);
  if (!IsPerson(entry.principal)) return;
  for (const AuditSubject& subject : entry.subjects) {
    if (subject.kind == kSessionSpace && subject.change == "create") sessions_.insert(subject.key);
  }
}

std::size_t MemberNames::EraseFromPerson(Value* person) const {
  if (person == nullptr || !person->is_string() || !IsPerson(person->AsString())) return 0;
  *person = Value(person->AsString().starts_with(kOfKey) ? std::string(kOfKey) + placeholder_ : placeholder_);
  return 1;
}

std::size_t MemberNames::EraseFromText(Value* text) const {
  if (text == nullptr || !text->is_string()) return 0;
  std::size_t count = 0;
  for (const UnitTraces& traces : traces_) count += traces.EraseFromWords(*text);
  return count;
}

std::size_t MemberNames::EraseFromNote(std::string_view space, Value& note) const {
  if (!note.is_object()) return 0;
  Object& fields = note.MutableObject();
  std::size_t count = 0;
  if (space == kCommentSpace) return EraseFromPerson(fields.Find("person")) + EraseFromText(fields.Find("text"));
  for (const std::string_view name : {"opened_by", "written_by", "scheduled_by", "closed_by"}) {
    count += EraseFromPerson(fields.Find(name));
  }
  for (const std::string_view name : {"title", "description", "reason"}) count += EraseFromText(fields.Find(name));
  if (Value* authors = fields.Find("authors"); authors != nullptr && authors->is_array()) {
    for (Value& author : authors->MutableArray()) count += EraseFromPerson(&author);
  }
  if (Value* approvals = fields.Find("approvals"); approvals != nullptr && approvals->is_array()) {
    for (Value& approval : approvals->MutableArray()) {
      if (!approval.is_object()) continue;
      Object& given = approval.MutableObject();
      count += EraseFromPerson(given.Find("person")) + EraseFromPerson(given.Find("principal"));
    }
  }
  return count;
}

}  // namespace guidon
