// The configuration file, which is YAML.
#pragma once

#include <string>

#include "core/base/result.h"
#include "server/config/config.h"

namespace guidon {

// What is wrong is one line each, with file, line and column, in the error's message.
Status ReadConfigFile(Config& config, const std::string& path);

}  // namespace guidon
