// What a member of the team is called wherever the server has written it down: "member:ana", the ids of their keys,
// their mail address.
//
//   Result<MemberNames> names = MemberNames::Read(store, "ana", "erased-k3v9x0q2", {});
//   if (names->AreIn(link)) Redact(link.revision);
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

  // Whether one of them stands there as a name of its own, as text or within JSON.
  bool AreIn(std::string_view bytes) const;
  // In an entry of the audit log or what the log says of that revision, or that it is about them.
  bool AreIn(const RevisionEntry& link) const;
  // Puts the placeholder in place of each, in every text; how many there were. What a change request would change is
  // left alone.
  std::size_t EraseFromNote(Value& note) const;

 private:
  MemberNames() = default;

  std::string id_;
  std::set<std::string> records_;
  std::vector<UnitTraces> traces_;  // of each name
};

}  // namespace guidon
