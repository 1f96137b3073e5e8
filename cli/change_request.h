// What verbs have in common with the verb `change`: a change request in place of a write, those that are there, and one
// that is applied.
//
// Thread safety: one thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <guidon/value.h>
#include "cli/api_client.h"
#include "cli/verbs.h"

namespace guidon::cli {

// Opens one; `body` says what it changes: with "changes", or with "workspace". Says what came of it, and gives the exit
// code.
int OpenRequest(const Connection& connection, const std::string& project, const WriteOptions& write, Object body,
                bool json);

// Those that are not closed and alter one of these environments, each with what it would do now ("plan"), the newest
// first. nullopt: why not is said, and `exit_code` is set.
std::optional<std::vector<Value>> ReadLiveRequests(const Connection& connection, const std::string& project,
                                                   const std::vector<std::string>& environments, AsJson json,
                                                   int& exit_code);

// As it is then.
Result<ApiAnswer> ApplyRequest(const Connection& connection, const std::string& project, std::int64_t number);

// "?emergency=…" of an address, or "".
std::string EmergencyQuery(const WriteOptions& write);

}  // namespace guidon::cli
