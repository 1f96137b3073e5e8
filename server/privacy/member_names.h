// What a member of the team is called wherever the server has written it down: "member:ana", the ids of their keys,
// their mail address.
//
//   Result<MemberNames> names = MemberNames::Read(store, "ana", "erased-k3v9x0q2", {});
//   if (names->AreIn(link)) Redact(link.revision);
//
// In records whose fields are known, such as audit entries, change requests and comments, they are looked for field by
// field: a flag that is called like a key of theirs is none of theirs.
//
// The name that people know them by is not looked for: others have it, too. Nor is their id where it stands alone in a
// text, as it may be a word; only records that are about members say whom they mean by it.
//
// Thread safety: immutable once it was read; every method may be called from any thread. Read waits for the disk.
#pragma once

#include <cstddef>
#include <functional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include <guidon/value.h>
#include "core/base/result.h"
#include "server/privacy/unit_traces.h"
#include "server/store/store.h"

namespace guidon {

class MemberNames {
 public:
  // From all that is kept of the member, their keys and sessions, the past among it: they need not be there any more.
  static Result<MemberNames> Read(const Store& store, const std::string& id, const std::string& placeholder,
                                  const std::function<bool()>& stop);

  // The keys of the store under which they themselves, their keys and their sessions are, or were.
  const std::set<std::string>& records() const { return records_; }
  bool AreOf(const KeyValue& stored) const { return records_.contains(stored.key); }

  // Whether one of them stands there as a name of its own, as text or within JSON, whatever is meant by it.
  bool AreIn(std::string_view bytes) const;
  // Whether an entry of the audit log is by them or about them, their keys or their sessions, or names them as author,
  // as approver or in what somebody wrote. Sessions do not count in another one's sign-in, which may have removed
  // them: it is about that one.
  bool AreIn(const RevisionEntry& link) const;
  // Of entries in their order: a session that they began is theirs, also when its record is kept no more.
  void Learn(const RevisionEntry& link);
  // Of a change request or a comment, by its space: puts the placeholder in place of each in the fields that name
  // persons and in texts for people; how many there were. What a request would change, and what it touches, is left
  // alone.
  std::size_t EraseFromNote(std::string_view space, Value& note) const;

 private:
  MemberNames() = default;

  bool IsPerson(std::string_view person) const;  // "member:ana", or "key:SELECTOR" of a key of theirs
  bool IsSubject(std::string_view space, const std::string& id) const;
  std::size_t EraseFromPerson(Value* person) const;
  std::size_t EraseFromText(Value* text) const;

  std::string id_, placeholder_;
  std::set<std::string> records_;
  std::set<std::string, std::less<>> keys_, sessions_;  // ids
  std::vector<UnitTraces> traces_;                      // of each name that may stand in a text
};

}  // namespace guidon
