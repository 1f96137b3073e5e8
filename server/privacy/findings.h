// What an export finds of a unit.
//
// Thread safety: pure functions; what they return may be called from any thread.
#pragma once

#include <string>

#include "server/privacy/export.h"
#include "server/privacy/unit_traces.h"

namespace guidon {

// `project` empty: in all, and in what belongs to none.
ExportFindings FindingsOfUnit(const UnitName& unit, const std::string& project);

}  // namespace guidon
