// What verbs that write and the verb `change` have in common: a change request in place of the write.
//
// Thread safety: one thread.
#pragma once

#include <string>

#include <guidon/value.h>
#include "cli/verbs.h"

namespace guidon::cli {

// Opens one; `body` says what it changes: with "changes", or with "workspace". Says what came of it, and gives the exit
// code.
int OpenRequest(const Connection& connection, const std::string& project, const WriteOptions& write, Object body,
                bool json);

// "?emergency=…" of an address, or "".
std::string EmergencyQuery(const WriteOptions& write);

}  // namespace guidon::cli
