// The code that a verb looks at, and the config that says which functions read flags there.
//
// Thread safety: functions without state.
#pragma once

#include <string>
#include <vector>

#include "core/base/result.h"
#include "refs/refs.h"

namespace guidon::cli {

// refs.yaml, refs/config.h; headers that it names are beside it. Of several faults of what it says each is told on
// standard error, with FILE:LINE:COLUMN, and kInvalid has them as issues; kIo.
Result<refs::Config> ReadRefsConfig(const std::string& path);

// With the config of that path; empty: none. What was not looked at is said on standard error.
Result<refs::Scan> ScanCode(const std::vector<std::string>& sources, const std::string& config);

// "there is none in src, web": why a scan that looked at no file says nothing; empty: it looked at some.
std::string NoCodeIn(const std::vector<std::string>& sources, const refs::Scan& scan);

}  // namespace guidon::cli
