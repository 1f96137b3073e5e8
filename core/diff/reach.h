// Which environments a change of definitions can alter: where somebody may get another answer by it, or an experiment
// is judged otherwise.
//
// Thread safety: pure functions.
#pragma once

#include <string>
#include <vector>

#include "core/model/definitions.h"

namespace guidon {

// Sorted. Of the entities that are named:
//  - a flag alters the environments where its part or its ramps differ and that have targeting for it or an experiment
//    on it, an archived one too: what it says comes back with it;
//  - an experiment alters its environment, the old one, too, and likewise when it is archived; but not by holding its
//    ramp where it is, by what was found of it, or by the decision about one that is over;
//  - a segment alters those whose rules or audiences lean on it, through other segments, too;
//  - a layer, a holdout or a metric those whose experiments name it, but for archived ones.
// Before or after the change: what is taken out of use alters where it was in use. A definition that is used nowhere
// alters nothing. Cost: a pass over the definitions of both sides, and one over the experiments for each entity.
std::vector<std::string> EnvironmentsAltered(const std::vector<EntityRef>& changed, const EntitySet& before,
                                             const EntitySet& after);

// Sorted. What the change leans on anew: definitions that are not in `changed`, and whose own change would alter an
// environment after it that it would not have altered before. A segment that a rule there begins to use, or that an
// archived flag comes back with; what an experiment begins to name. Not the flags that others require: they alter
// whatever they have targeting for, required or not. Cost: likewise.
std::vector<EntityRef> NewlyLeanedOn(const std::vector<EntityRef>& changed, const EntitySet& before,
                                     const EntitySet& after);

}  // namespace guidon
