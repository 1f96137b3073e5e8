// One definition at a time into its compiled form. Internal to the ruleset room.
#pragma once

#include <memory>

#include "core/base/result.h"
#include "core/ruleset/compiled.h"
#include "core/ruleset/ruleset.h"

namespace guidon {

// The errors' messages say what this version cannot compile; the record itself was read.
Result<std::shared_ptr<const CompiledFlag>> CompileFlag(const FlagRecord& record, std::string_view environment,
                                                        Lineage& lineage);
Result<std::shared_ptr<const CompiledSegment>> CompileSegment(const SegmentRecord& record, Lineage& lineage);
// `layer` and `holdout` are null when the experiment has none; a holdout that has ended is passed as null.
Result<std::shared_ptr<const CompiledExperiment>> CompileExperiment(const ExperimentRecord& record,
                                                                    const LayerRecord* layer,
                                                                    const HoldoutRecord* holdout, Lineage& lineage);

}  // namespace guidon
