// What an export finds of a unit, and of a member.
//
// Thread safety: pure functions; what they return may be called from any thread.
#pragma once

#include <string>

#include "server/privacy/export.h"
#include "server/privacy/member_names.h"
#include "server/privacy/unit_traces.h"

namespace guidon {

// `project` empty: in all, and in what belongs to none.
ExportFindings FindingsOfUnit(const UnitName& unit, const std::string& project);

// They themselves, their keys and their sessions, now and as they were, without what proves a key; comments and change
// requests that name them, and as what; other records that do; the audit log.
ExportFindings FindingsOfMember(std::shared_ptr<const MemberNames> names);

}  // namespace guidon
