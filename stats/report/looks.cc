// Looks: when the plan has one due, and what it sees.
#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>
#include <vector>

#include "stats/inference/fixed.h"
#include "stats/inference/group_sequential.h"
#include "stats/report/findings.h"
#include "stats/report/gates.h"
#include "stats/report/measure.h"
#include "stats/report/planning.h"
#include "stats/report/report.h"

namespace guidon::stats {
namespace {

// Of units that were first exposed up to a day. Quantiles have no days.
ArmStatistic ArmAtLook(const Design& design, const Totals& totals, std::size_t metric, std::uint32_t variant,
                       std::int32_t last_day) {
  if (last_day == kAllDays || design.plan.metrics.at(metric).kind == MetricKind::kQuantile) {
    return totals.Arm(metric, variant);
  }
  return totals.ArmOfDays(metric, variant, std::numeric_limits<std::int32_t>::min(), last_day);
}

// What the method says of one comparison at this look.
PublishedLook::Of AtLook(const Design& design, const GroupSequential* walk, const Measured& measured,
                         const ArmStatistic& control, const ArmStatistic& treatment, std::uint32_t variant) {
  PublishedLook::Of of;
  of.variant = variant;
  of.is_relative = measured.is_relative;
  Estimate estimate;
  if (measured.small_counts) {
    estimate = AnytimeEstimate(measured, control, treatment, AlphaOfOne(design));
  } else if (EffectiveMethod(design) == PlanMethod::kFixed) {
    estimate = FixedEstimate(measured.effect, {.alpha = AlphaOfOne(design)});
  } else if (walk == nullptr) {
    estimate = AnytimeEstimate(measured, control, treatment, AlphaOfOne(design));
  } else if (measured.burnt_in) {  // the bound is one of normal estimates, which few units do not give
    const Outcome<Estimate> now = walk->EstimateNow(measured.effect);
    if (now) estimate = *now;
  }
  of.point = measured.effect.point;
  of.standard_error = measured.effect.standard_error;
  of.z = of.standard_error > 0 ? of.point / of.standard_error : 0;
  of.lower = estimate.interval.lower;
  of.upper = estimate.interval.upper;
  // What small counts say is shown, and nothing is decided by it; nor by few units, whose interval has no ends here.
  const bool may_say = !measured.small_counts && (walk == nullptr || measured.burnt_in);
  of.p = may_say ? std::clamp(estimate.p_value, 0.0, 1.0) : 1;
  return of;
}

// Guardrails that are shown to be within their margin now.
std::vector<PublishedLook::Held> SafeNow(const Design& design, const Totals& totals) {
  std::vector<PublishedLook::Held> safe;
  for (const GuardrailGoal& goal : design.guardrails) {
    if (!goal.margin) continue;
    const bool up_is_good = !design.plan.metrics.at(goal.metric).lower_is_better;
    const ArmStatistic control = totals.Arm(goal.metric, 0);
    for (std::uint32_t v = 1; v < design.plan.variants.size(); ++v) {
      const Outcome<Guarded> guarded = Guard(goal, up_is_good, control, totals.Arm(goal.metric, v), design.alpha);
      if (guarded && guarded->verdict == "safe") safe.push_back({goal.metric, v});
    }
  }
  return safe;
}

// Whether the look finds what those before it have not.
bool FindsMore(const Design& design, const std::vector<PublishedLook>& taken, const PublishedLook& look) {
  Findings findings(design, *look.safe);
  for (const PublishedLook& before : taken) findings.Add(before);
  const std::size_t known = findings.Count();
  findings.Add(look);
  return findings.Count() > known;
}

// Whether a whole interval has passed that had no look yet.
bool IsIntervalDue(const Design& design, const std::vector<PublishedLook>& taken, Time now) {
  if (taken.size() + 1 >= kMostLooks) return false;
  const std::int64_t interval = LookIntervals(design, now);
  return interval >= 1 && (taken.empty() || LookIntervals(design, taken.back().time) < interval);
}

}  // namespace

std::optional<PublishedLook> DueLook(const Design& design, const Facts& facts, const std::vector<PublishedLook>& taken,
                                     Time now) {
  if (!design.primary || facts.totals == nullptr) return std::nullopt;
  if (!taken.empty() && taken.back().is_final) return std::nullopt;
  const Progress progress = ProgressOf(design, facts, now);
  const PlanMethod method = EffectiveMethod(design);
  // The units of the end have outcomes to come.
  const bool is_final = progress.at_end && now >= *progress.settled;
  const bool is_early = progress.days < FewestDays(design);
  const bool is_due = is_final || (!is_early && IsIntervalDue(design, taken, now));
  if (!is_final) {
    if (progress.at_end || method == PlanMethod::kFixed) return std::nullopt;
    // What a sequence finds is kept from the first day on; ship waits for the days.
    if (!is_due && !FindsAtEveryMoment(design, taken)) return std::nullopt;
    if (taken.empty() && AwaitsSize(design, now)) return std::nullopt;
    if (method == PlanMethod::kGroupSequential && !HasEnoughToSee(design, progress, taken)) return std::nullopt;
  }
  const std::vector<Gate> gates = GatesOf(design, facts, now);
  const Gate* events = FindGate(gates, "minimum_events");
  if (HasRed(gates) || (events != nullptr && events->light != Light::kGreen && !is_final)) return std::nullopt;

  // A sequence holds for all units at every moment. Of a metric whose outcomes take longer than those of the primary
  // one, fewer units have come to them.
  const bool sees_matured = is_final || method == PlanMethod::kGroupSequential;
  const auto last_day_of = [&](std::size_t metric) {
    if (!sees_matured || metric == design.primary->metric) return progress.matured.last_day;
    return std::min(progress.matured.last_day, LastMaturedDay(design, metric, KnownTo(facts, now)));
  };
  PublishedLook look;
  look.number = taken.empty() ? 1 : taken.back().number + 1;
  look.time = now;
  look.is_final = is_final;
  look.units = progress.matured.units;
  look.fraction = FractionOf(design, progress);
  std::optional<GroupSequential> walk;
  if (method == PlanMethod::kGroupSequential) {
    // Information never goes down, whatever units were erased meanwhile.
    if (!taken.empty()) look.fraction = std::max(look.fraction, taken.back().fraction);
    if (!(look.fraction > 0)) return std::nullopt;
    Outcome<GroupSequential> replayed = Replay(design, taken);
    if (!replayed) return std::nullopt;
    const auto at = is_final ? replayed->Last(look.fraction) : replayed->Next(look.fraction);
    if (!at) return std::nullopt;
    // All of alpha is spent where the planned size was reached before the least number of days was over: that, then,
    // was the last look.
    look.is_final = is_final || at->is_final;
    look.alpha_spent = at->alpha_spent * static_cast<double>(design.plan.variants.size() - 1);
    look.z_bound = at->bound;
    walk = *std::move(replayed);
  } else if (method == PlanMethod::kFixed) {
    look.alpha_spent = design.alpha;
    look.fraction = std::max(look.fraction, is_final ? 1.0 : 0.0);
  }
  std::vector<std::size_t> metrics{design.primary->metric};
  for (const Goal& goal : design.secondary) metrics.push_back(goal.metric);
  for (const std::size_t metric : metrics) {
    const std::int32_t last_day = last_day_of(metric);
    const ArmStatistic control = ArmAtLook(design, *facts.totals, metric, 0, last_day);
    for (std::uint32_t v = 1; v < design.plan.variants.size(); ++v) {
      const ArmStatistic treatment = ArmAtLook(design, *facts.totals, metric, v, last_day);
      const Outcome<Measured> measured = Measure(control, treatment);
      if (!measured) continue;
      PublishedLook::Of of = AtLook(design, walk ? &*walk : nullptr, *measured, control, treatment, v);
      of.metric = metric;
      look.effects.push_back(of);
    }
  }
  look.safe = SafeNow(design, *facts.totals);
  if (!is_due && !FindsMore(design, taken, look)) return std::nullopt;
  return look;
}

}  // namespace guidon::stats
