// Post-stratification: the effect within each stratum, weighted by how many units the stratum has in both arms
// together. Strata that matter to the metric then differ between the arms by chance no longer.
//
//   std::vector<Stratum> strata = {{control_new, treatment_new}, {control_known, treatment_known}};
//   Outcome<StratifiedEffect> effect = PostStratifiedEffect(strata, Scale::kRelative);
//
// What a unit's stratum is must have been known before it was exposed. Shares of strata are taken as random: their own
// variance is part of the standard error (Miratrix, Sekhon & Yu 2013).
//
// Thread safety: pure functions. Cost: O(strata).
#pragma once

#include <cstddef>
#include <span>

#include "stats/inference/effect.h"
#include "stats/statistic/power_sums.h"

namespace guidon::stats {

struct Stratum {
  ArmStatistic control;
  ArmStatistic treatment;
};

struct StratifiedEffect {
  Effect effect;           // its means are those of the arms as a whole, not adjusted
  std::size_t strata = 1;  // how many were analysed; with 1 the effect is EffectOf of everything added up
};

// Means, shares and ratios, with a covariate or without (kInvalid for quantiles: theirs do not add up). A stratum that
// cannot stand alone - an arm with one unit or without variance; with a covariate, 3 units or fewer in all, 6 for a
// ratio - is added to the largest; when that cannot either, everything is one stratum. With a covariate each stratum
// has a regression of its own on (1, treated, covariate), or none where the covariate does not vary. Degrees of freedom
// are those of everything added up. Errors as EffectOf; kInvalid also without strata, and when statistics are of
// different kinds.
Outcome<StratifiedEffect> PostStratifiedEffect(std::span<const Stratum> strata, Scale scale);

}  // namespace guidon::stats
