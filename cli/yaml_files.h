// Which files a verb looks at that takes folders and files of YAML.
//
// Thread safety: functions without state.
#pragma once

#include <string>
#include <vector>

#include "core/base/result.h"

namespace guidon::cli {

// Of folders all YAML below, hidden files and folders aside, in order; files as they were named. kIo: a folder that
// cannot be read; kTooLarge: one that holds more than a workspace may have.
Result<std::vector<std::string>> YamlFilesOf(const std::vector<std::string>& paths);

}  // namespace guidon::cli
