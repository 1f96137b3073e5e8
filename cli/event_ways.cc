#include "cli/event_ways.h"

#include <algorithm>
#include <utility>

#include "stats/inference/fixed.h"
#include "stats/inference/regression.h"
#include "stats/inference/stratify.h"

namespace guidon::cli {
namespace {

using stats::MetricKind;

double WidthOf(const stats::Interval& interval) {
  return interval.upper - interval.lower;
}

AdjustedWay Against(const stats::Interval& plain, stats::Outcome<stats::Estimate> estimate) {
  AdjustedWay way{std::move(estimate), std::nullopt};
  if (way.estimate && WidthOf(plain) > 0) way.width = WidthOf(way.estimate->interval) / WidthOf(plain);
  return way;
}

stats::Outcome<stats::Estimate> LinOf(const MetricValues& values, std::uint32_t variant, double alpha) {
  std::vector<double> y = values.y[0], x = values.x[0];
  y.insert(y.end(), values.y[variant].begin(), values.y[variant].end());
  x.insert(x.end(), values.x[variant].begin(), values.x[variant].end());
  std::vector<bool> treated(y.size(), false);
  std::fill(treated.begin() + static_cast<std::ptrdiff_t>(values.y[0].size()), treated.end(), true);
  const stats::Outcome<stats::AdjustedEffect> fit = stats::Lin(y, x, treated);
  if (!fit) return stats::FailStats(fit.error());
  if (!(fit->se_robust > 0)) {
    return stats::FailStats(stats::StatsErrorCode::kZeroVariance, "what was before tells all of it");
  }
  stats::Effect effect;
  effect.point = fit->effect;
  effect.standard_error = fit->se_robust;
  effect.n_control = static_cast<double>(values.y[0].size());
  effect.n_treatment = static_cast<double>(values.y[variant].size());
  effect.degrees_of_freedom = effect.n_control + effect.n_treatment - 4;
  return stats::FixedEstimate(effect, {.alpha = alpha});
}

// As reports do it.
StratifiedWay StratifiedBy(const stats::ExperimentFacts& facts, std::uint32_t dimension, std::size_t metric,
                           std::uint32_t variant, double alpha, const stats::Interval& plain) {
  std::vector<stats::Stratum> strata;
  for (const stats::Slice& slice : facts.totals->Slices()) {
    if (slice.dimension != dimension) continue;
    strata.push_back({facts.totals->Arm(metric, 0, slice), facts.totals->Arm(metric, variant, slice)});
  }
  StratifiedWay by{facts.plan.dimensions[dimension], 0, {}};
  const stats::Outcome<stats::StratifiedEffect> effect = stats::PostStratifiedEffect(strata, stats::Scale::kAbsolute);
  if (!effect) {
    by.way.estimate = stats::FailStats(effect.error());
  } else if (effect->strata < 2) {
    by.way.estimate =
        stats::FailStats(stats::StatsErrorCode::kInsufficientN, "no two of its values have enough units of both");
  } else {
    by.strata = effect->strata;
    by.way = Against(plain, stats::FixedEstimate(effect->effect, {.alpha = alpha}));
  }
  return by;
}

}  // namespace

MetricEffect EffectOfTable(const TableFacts& table, std::size_t metric, std::uint32_t variant, double alpha) {
  const stats::ExperimentFacts& facts = table.facts;
  const MetricValues& values = table.values[metric];
  const MetricKind kind = facts.plan.metrics[metric].kind;
  MetricEffect effect;
  if (!table.cluster.empty()) {
    effect.clusters = stats::CompareClusters(values.clusters[0], values.clusters[variant],
                                             {.alpha = alpha, .seed = kPermutationSeed, .permutations = kPermutations});
    return effect;
  }
  effect.plain = stats::ReadOut(facts.totals->Arm(metric, 0), facts.totals->Arm(metric, variant), alpha);
  if (!*effect.plain) return effect;
  const stats::Readout& plain = **effect.plain;
  const bool is_number = kind == MetricKind::kCount || kind == MetricKind::kSum || kind == MetricKind::kMean;
  if (is_number) effect.ranks = stats::MannWhitney(values.y[0], values.y[variant]);
  if (plain.small_counts) return effect;

  const stats::Interval unadjusted = plain.unadjusted ? plain.unadjusted->interval : plain.absolute.interval;
  if (plain.unadjusted) effect.cuped_width = Against(unadjusted, plain.absolute).width;
  if (!values.x[0].empty()) effect.lin = Against(unadjusted, LinOf(values, variant, alpha));
  if (kind == MetricKind::kMean || kind == MetricKind::kQuantile) return effect;
  for (std::uint32_t dimension = 0; dimension < facts.plan.dimensions.size(); ++dimension) {
    effect.stratified.push_back(StratifiedBy(facts, dimension, metric, variant, alpha, unadjusted));
  }
  return effect;
}

}  // namespace guidon::cli
