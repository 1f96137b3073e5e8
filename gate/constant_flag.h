// Flags that decide nothing any more: they serve one and the same variation to everybody in every environment.
//
// Thread safety: pure functions.
#pragma once

#include <optional>
#include <string>

#include "core/model/definitions.h"

namespace guidon::gate {

// That variation; nullopt: there is none, or it has an experiment that is not archived.
std::optional<std::string> ConstantVariation(const Definitions& definitions, const FlagDefinition& flag);

// Whether an experiment that is not archived goes by it.
bool HasExperiment(const Definitions& definitions, const std::string& flag);

}  // namespace guidon::gate
