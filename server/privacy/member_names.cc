#include "server/privacy/member_names.h"

#include <algorithm>

#include "core/base/json.h"
#include "core/base/json_record.h"
#include "server/auth/key_records.h"
#include "server/auth/members.h"
#include "server/auth/sessions.h"
#include "server/catalog/audit_entry.h"
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

bool IsAbout(const Value& item, std::string_view id) {
  return TextOf(item, "space") == kMemberSpace && TextOf(item, "id") == id;
}

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
  std::set<std::string> words = {"member:" + id};
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
          if (space == kKeySpace) words.insert(stored.key.substr(prefix.size()));
        },
        stop);
    if (!read) return Fail(read.error());
  }
  for (const std::string& word : words) names.traces_.emplace_back(UnitName{.id = word}, placeholder);
  return names;
}

bool MemberNames::AreIn(std::string_view bytes) const {
  return std::any_of(traces_.begin(), traces_.end(), [&](const UnitTraces& traces) { return traces.IsIn(bytes); });
}

bool MemberNames::AreIn(const RevisionEntry& link) const {
  if (AreIn(link.audit.bytes) || AreIn(link.log.bytes)) return true;
  const AuditEntry entry = DecodeAudit(link);
  const bool is_subject = std::any_of(entry.subjects.begin(), entry.subjects.end(), [&](const AuditSubject& subject) {
    return subject.kind == kMemberSpace && subject.key == id_;
  });
  if (is_subject) return true;
  const Result<Value> log = ParseJson(link.log.bytes);
  if (!log) return false;
  const Array& also = ListIn(*log, "also");
  return IsAbout(*log, id_) ||
         std::any_of(also.begin(), also.end(), [&](const Value& item) { return IsAbout(item, id_); });
}

std::size_t MemberNames::EraseFromNote(Value& note) const {
  if (!note.is_object()) return 0;
  std::size_t count = 0;
  for (Member& member : note.MutableObject()) {
    if (member.name == "changes") continue;
    for (const UnitTraces& traces : traces_) count += traces.EraseFromWords(member.value);
  }
  return count;
}

}  // namespace guidon
