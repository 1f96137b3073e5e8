// The configuration file, which is YAML.
#pragma once

#include <string>

#include "core/base/result.h"
#include "server/config/config.h"

namespace guidon {

// Errors name the file and the line.
Status ReadConfigFile(Config& config, const std::string& path);

}  // namespace guidon
