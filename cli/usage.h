// How often flags were evaluated, asked of a server.
//
// Thread safety: one thread.
#pragma once

#include <chrono>
#include <string>

#include "cli/verbs.h"
#include "core/base/result.h"
#include "gate/usage.h"

namespace guidon::cli {

// Of so many days. kNotFound: there is no such environment, or the server counts nothing; kUnavailable: it cannot be
// reached; kPermissionDenied; kInvalid: what it answers cannot be read.
Result<gate::Usage> AskUsage(const Connection& connection, const std::string& project, const std::string& environment,
                             std::chrono::days days);

}  // namespace guidon::cli
