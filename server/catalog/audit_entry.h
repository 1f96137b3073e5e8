// What the audit log says of one revision: who did what to what, and from where; as JSON in the store.
//
// Thread safety: plain values and pure functions.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include <guidon/value.h>
#include "audit/chain.h"

namespace guidon {

struct AuditSubject {
  std::string kind;  // of the entity, or "project", or the space of an item: "key"
  std::string key;
  std::string change;        // "create", "change", "remove"; "" in entries of older servers
  Revision before = 0;       // the revision that changed it last before; 0: none, or not known
  std::string project = {};  // where that is another than the entry's: a key that went with its member
};

struct AuditEntry {
  Revision revision = 0;
  Timestamp time{};
  bool redacted = false;  // everything below was erased
  std::string principal;  // "key:SELECTOR", "system", "system:ramp" or "system:experiment"
  std::string action;     // "definitions.change", "key.revoke", …
  std::string project;    // empty: about none, as members and roles are
  std::string request_id;
  std::string address;  // of the other side of the connection
  std::string comment;
  std::vector<std::string> environments;  // whose evaluation it altered, or that the subject belongs to
  std::vector<AuditSubject> subjects;     // the first 1 000
  std::size_t subjects_left_out = 0;
  // Of what carried out a change request: its number, who wrote it, and who approved it.
  std::string change_request;
  std::vector<std::string> requested_by, approved_by;
  // Protected environments that it altered without the approvals that they take, and why that could not wait.
  std::vector<std::string> overridden;
  std::string emergency;
  // What was found of an experiment, for which this was done:
  // {"kind":…,"metric":…,"action":…,"sentence":…,"numbers":…}; null: it was not done for that.
  Value finding = {};
  // What a gate found (docs/api/openapi.yaml, GateRun); null: it is about no gate.
  Value gate = {};
};

// {"kind":…,"key":…,"change":…,"before":N,"project":…}, without what is empty; in the store and in the API.
Value EncodeSubject(const AuditSubject& subject);

// The payload of a revision (server/store/store.h). Revision, time and `redacted` are the link's, not the payload's.
// `subject` is all of it in one word, for readers that need no list: the project, or the id of the first item.
std::string EncodeAudit(const AuditEntry& entry, std::string_view subject);
// With what the payload does not say: the link's part; and of older servers' entries the subjects, which then only the
// log entry knows. A payload that cannot be read leaves its fields empty.
AuditEntry DecodeAudit(const RevisionEntry& link);

}  // namespace guidon
