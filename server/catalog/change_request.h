// A change request: edits of definitions that somebody wants, and what has become of that wish.
//
//   open ──► approved ──► applied              open: it lacks approvals    approved: it may be applied
//     │          │                             scheduled: approved, and applied by the server at `apply_at`
//     │          └─ at a time ─► failed        stale: something that it touches has changed since `base`
//     └──► rejected | withdrawn
//
// What is kept is whether it is closed and by what; that a live one is open, approved, scheduled or stale follows from
// its approvals and from what the project holds now, and is computed when somebody asks. So no change of the project
// has to find the requests that it makes stale.
//
// Approvals are of one version of the edits: a new version has none. One counts for as long as who gave it may approve
// (ChangeRequests::Counts). Edits are as whole as they can be: what is put is
// put in canonical form, so that a rebase can merge it.
//
// Kept as items `change_request/P/N`; N counts the requests of a project from 1.
//
// Thread safety: plain values and pure functions.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <guidon/value.h>
#include "core/base/result.h"
#include "core/model/definitions.h"
#include "server/catalog/catalog.h"

namespace guidon {

enum class ChangeState : std::uint8_t {
  kOpen,
  kApproved,
  kScheduled,
  kStale,
  kApplied,
  kRejected,
  kWithdrawn,
  kFailed,
};
inline constexpr ChangeState kChangeStates[] = {
    ChangeState::kOpen,    ChangeState::kApproved, ChangeState::kScheduled, ChangeState::kStale,
    ChangeState::kApplied, ChangeState::kRejected, ChangeState::kWithdrawn, ChangeState::kFailed};
std::string_view ToString(ChangeState state);  // "open", "approved", …
std::optional<ChangeState> ChangeStateFromString(std::string_view word);
constexpr bool IsClosed(ChangeState state) {
  return state >= ChangeState::kApplied;
}

// What stands in place of a person who was erased (server/privacy) begins so, or so behind "key:".
inline constexpr std::string_view kErasedPerson = "erased-";

struct Approval {
  std::string person;     // "member:ana", or "key:SELECTOR" of a key that is nobody's
  std::string principal;  // what they came with
  std::int64_t at_ms = 0;
  std::uint32_t version = 1;  // of the edits that they saw
};

struct ChangeRequest {
  std::string project;
  std::uint64_t number = 0;
  std::string title, description;
  std::vector<std::string> authors;  // persons who wrote a version of it, the first one first; none of them approves it
  std::string opened_by;             // a principal: who opened it
  std::string written_by;            // a principal: who made the version that it is at
  std::int64_t created_ms = 0;
  std::uint32_t version = 1;  // of the edits
  std::vector<Edit> edits;    // without conditions: `touched` stands for them. Not kept in lists
  Revision base = 0;          // what the edits were held against
  // What they are about, and what that leans on anew (Alteration::leaned_on), with the revision that changed it last,
  // then; 0: new.
  std::map<EntityRef, Revision> touched;
  std::vector<std::string> environments;  // that it alters; sorted
  std::vector<Approval> approvals;
  std::int64_t apply_at_ms = 0;  // 0: when somebody does
  std::string scheduled_by;      // a principal
  Revision stale_told = 0;       // that it is stale since then has a revision of its own; 0: not yet

  ChangeState closed = ChangeState::kOpen;  // kOpen: it is not
  std::int64_t closed_ms = 0;
  std::string closed_by;  // a principal
  std::string reason;     // why it was rejected, withdrawn or failed; of an emergency
  Revision revision = 0;  // that wrote it last; once it is applied: that did it
};

bool HasErasedAuthor(const ChangeRequest& request);

std::string ItemIdOf(std::string_view project, std::uint64_t number);  // "shop/12"
std::string EncodeChangeRequest(const ChangeRequest& request);
// kCorrupt, naming it, when it cannot be read.
Result<ChangeRequest> DecodeChangeRequest(const Item& item);

// The edits as a body of POST …/changes has them.
Value EncodeEdits(const std::vector<Edit>& edits);

// The first entity that it touches and that has changed since; `revision` 0: it is gone.
struct StaleEntity {
  EntityRef ref;
  Revision revision = 0;
};
std::optional<StaleEntity> StaleBy(const ChangeRequest& request, const ProjectView* project);
std::string DescribeStale(const StaleEntity& stale);  // "flag 'a' changed in revision 17"

// The most that a protected environment which it alters takes now; 0: none is protected.
std::uint32_t RequiredApprovals(const ChangeRequest& request, const ProjectView* project);

// `given`: how many of its approvals count.
ChangeState StateOf(const ChangeRequest& request, const ProjectView* project, std::size_t given);

}  // namespace guidon
