// A population for `guidon simulate`, as a text has it (docs/simulate.md).
//
// Thread safety: a plain value and a function.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/simulate/population.h"
#include "workspace/workspace.h"

namespace guidon {

struct PopulationText {
  std::optional<Population> population;  // absent where there are faults
  std::vector<PlacedIssue> faults;
};
// `file` is what faults are placed in.
PopulationText ReadPopulation(std::string_view text, const std::string& file);

}  // namespace guidon
