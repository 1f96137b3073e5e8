// From totals, looks and plan to the report; the rules of decision are in decide.cc.
#include <algorithm>
#include <cmath>
#include <utility>

#include "stats/inference/bayesian.h"
#include "stats/inference/confidence_sequence.h"
#include "stats/inference/distributions.h"
#include "stats/inference/effects.h"
#include "stats/inference/fixed.h"
#include "stats/inference/multiplicity.h"
#include "stats/inference/srm.h"
#include "stats/report/decide.h"
#include "stats/report/findings.h"
#include "stats/report/gates.h"
#include "stats/report/measure.h"
#include "stats/report/more.h"
#include "stats/report/overlaps.h"
#include "stats/report/planning.h"
#include "stats/report/report.h"
#include "stats/report/words.h"

namespace guidon::stats {
namespace {

// Of an effect over time; a longer experiment shows every second day, every third, …
constexpr std::size_t kMostPoints = 60;

std::uint32_t VariantCount(const Design& design) {
  return static_cast<std::uint32_t>(design.plan.variants.size());
}

class Judging {
 public:
  Judging(const Design& design, const Facts& facts, const std::vector<PublishedLook>& looks)
      : design_(design), totals_(*facts.totals), looks_(looks), method_(EffectiveMethod(design)) {
    for (const auto& [day, counts] : totals_.UnitsByDay()) days_.push_back(day);
  }

  MetricReport OfGoal(const Goal& goal, std::string role, bool is_hidden) const {
    MetricReport report = Head(goal.metric, std::move(role), goal.expect_up);
    report.arms = Arms(goal.metric, is_hidden);
    if (is_hidden) return report;
    const ArmStatistic control = totals_.Arm(goal.metric, 0);
    for (std::uint32_t v = 1; v < VariantCount(design_); ++v) {
      report.comparisons.push_back(Compare(goal.metric, v, control, goal.expect_up));
    }
    return report;
  }

  // Guardrails hold at every moment, so that they are shown while goals are hidden; a broken split hides them, too.
  MetricReport OfGuardrail(const GuardrailGoal& goal, bool is_hidden) const {
    const bool up_is_good = !design_.plan.metrics.at(goal.metric).lower_is_better;
    MetricReport report = Head(goal.metric, "guardrail", up_is_good);
    report.margin = goal.margin;
    report.margin_is_relative = goal.margin_is_relative;
    report.on_breach = goal.on_breach;
    report.arms = Arms(goal.metric, is_hidden);
    if (is_hidden) return report;
    const ArmStatistic control = totals_.Arm(goal.metric, 0);
    bool all_safe = true, any_harmed = false;
    for (std::uint32_t v = 1; v < VariantCount(design_); ++v) {
      ComparisonOfVariant comparison;
      comparison.variant = design_.plan.variants[v];
      const ArmStatistic treatment = totals_.Arm(goal.metric, v);
      const Outcome<Guarded> guarded = Guard(goal, up_is_good, control, treatment, design_.alpha);
      comparison.guardrail = guarded ? guarded->verdict : "not_sure_yet";
      if (guarded) {
        comparison.estimate = {guarded->effect, guarded->interval, guarded->p_harm};
        comparison.is_relative = guarded->is_relative;
        comparison.p_adjusted = guarded->p_harm;
        AddBadges(goal.metric, v, control, treatment, false, comparison);
      } else {
        comparison.error = guarded.error();
      }
      all_safe = all_safe && comparison.guardrail == "safe";
      any_harmed = any_harmed || comparison.guardrail == "harmed";
      report.comparisons.push_back(std::move(comparison));
    }
    report.guardrail_verdict = any_harmed ? "harmed" : all_safe ? "safe" : "not_sure_yet";
    return report;
  }

  // What the plan's method found at the looks, and at the present moment where every moment counts.
  void FindOut(MetricReport& primary) const {
    Findings findings(design_);
    for (const PublishedLook& look : looks_) findings.Add(look);
    const Findings of_looks = findings;
    if (method_ == PlanMethod::kSequential && (looks_.empty() || !looks_.back().is_final)) {
      std::vector<std::pair<double, double>> now;
      for (const ComparisonOfVariant& one : primary.comparisons) {
        const bool says_nothing = one.error || HasBadge(one, kSmallCounts);
        now.emplace_back(says_nothing ? 1 : one.estimate.p_value, says_nothing ? 0 : one.estimate.effect.point);
      }
      findings.AddNow(now);
    }
    for (std::size_t i = 0; i < primary.comparisons.size(); ++i) {
      // What the present says stands where a look may keep it: of a plan that may still find its size none does.
      const Finding& finding = (FindsAtEveryMoment(design_, looks_) ? findings : of_looks).variants().at(i);
      primary.comparisons[i].found = finding.found;
      primary.comparisons[i].found_at_look = finding.at_look;
      primary.comparisons[i].p_adjusted = findings.variants().at(i).p_adjusted;
    }
  }

  void AdjustSecondary(std::vector<MetricReport*> metrics) const {
    std::vector<double> p_values;
    std::vector<std::pair<ComparisonOfVariant*, bool>> comparisons;
    for (MetricReport* metric : metrics) {
      for (ComparisonOfVariant& comparison : metric->comparisons) {
        if (comparison.error) continue;
        p_values.push_back(comparison.at_look ? comparison.at_look->p : comparison.estimate.p_value);
        comparisons.emplace_back(&comparison, metric->expect_up);
      }
    }
    const Outcome<std::vector<double>> adjusted = AdjustP(p_values, Correction::kBenjaminiHochberg);
    if (!adjusted) return;
    for (std::size_t i = 0; i < comparisons.size(); ++i) {
      ComparisonOfVariant& comparison = *comparisons[i].first;
      comparison.p_adjusted = (*adjusted)[i];
      if (comparison.p_adjusted > design_.alpha || HasBadge(comparison, kSmallCounts)) continue;
      const double point = comparison.at_look ? comparison.at_look->point : comparison.estimate.effect.point;
      comparison.found = (point > 0) == comparisons[i].second ? "better" : "worse";
      if (comparison.at_look) comparison.found_at_look = looks_.back().number;
    }
  }

  // The effect of all units that were first exposed up to a day, as of now, with the band that holds on all days: from
  // the day on at which a sequence may begin.
  void AddOverTime(MetricReport& report, std::size_t metric) const {
    if (days_.empty() || report.comparisons.empty()) return;
    const auto first_with = std::find_if(report.comparisons.begin(), report.comparisons.end(),
                                         [](const ComparisonOfVariant& one) { return !one.error; });
    if (first_with == report.comparisons.end()) return;
    report.over_time_is_relative = first_with->is_relative;
    const Scale scale = report.over_time_is_relative ? Scale::kRelative : Scale::kAbsolute;
    const std::size_t stride = (days_.size() + kMostPoints - 1) / kMostPoints;
    for (std::size_t i = (days_.size() - 1) % stride; i < days_.size(); i += stride) {
      const std::int32_t day = days_[i];
      const ArmStatistic control = totals_.ArmOfDays(metric, 0, days_.front(), day);
      const Outcome<ArmValue> baseline = ValueOf(control);
      if (!baseline || (scale == Scale::kRelative && !HasSteadyBaseline(*baseline))) continue;
      for (std::uint32_t v = 1; v < VariantCount(design_); ++v) {
        const ArmStatistic treatment = totals_.ArmOfDays(metric, v, days_.front(), day);
        const Outcome<Effect> effect = EffectOf(control, treatment, scale);
        if (!effect || !IsBurntInPair(control, treatment, *effect)) continue;
        const Outcome<SequenceEstimate> band = ConfidenceSequence(*effect, {.alpha = AlphaOfOne(design_)});
        if (!band) continue;
        report.over_time.push_back(
            {day, v, effect->point, band->estimate.interval.lower, band->estimate.interval.upper});
      }
    }
  }

  // Of the primary metric. One look at each, without the plan's alpha: ideas, and marked so.
  std::vector<SliceReport> Slices(std::size_t metric) const {
    std::vector<SliceReport> slices;
    if (design_.plan.metrics.at(metric).kind == MetricKind::kQuantile) return slices;  // kept as a whole only
    std::vector<double> p_values;
    std::vector<std::size_t> with_p;
    for (const Slice& slice : SlicesThatSplit(totals_)) {
      std::vector<double> units;
      for (std::uint32_t v = 0; v < VariantCount(design_); ++v) {
        units.push_back(static_cast<double>(totals_.Units(v, slice).units));
      }
      const Outcome<RatioTest> ratio = TestRatio(units, design_.plan.weights);
      const bool has_ratio = ratio && HasEnoughForRatio(units, design_.plan.weights);
      const ArmStatistic control = totals_.Arm(metric, 0, slice);
      for (std::uint32_t v = 1; v < VariantCount(design_); ++v) {
        SliceReport report;
        report.dimension =
            slice.dimension < design_.plan.dimensions.size() ? design_.plan.dimensions[slice.dimension] : "?";
        report.value = slice.value.empty() ? "(none)" : slice.value;
        report.metric = design_.plan.metrics[metric].key;
        report.variant = design_.plan.variants[v];
        report.units = static_cast<std::uint64_t>(units[0] + units[v]);
        report.srm_p = has_ratio ? ratio->p_value : 1;
        const ArmStatistic treatment = totals_.Arm(metric, v, slice);
        const Outcome<Measured> measured = Measure(control, treatment);
        if (measured) {
          report.is_relative = measured->is_relative;
          report.estimate = measured->small_counts ? AnytimeEstimate(*measured, control, treatment, design_.alpha)
                                                   : FixedEstimate(measured->effect, {.alpha = design_.alpha});
          p_values.push_back(report.estimate.p_value);
          with_p.push_back(slices.size());
        } else {
          report.error = measured.error();
        }
        slices.push_back(std::move(report));
      }
    }
    if (const Outcome<std::vector<double>> adjusted = AdjustP(p_values, Correction::kBenjaminiHochberg)) {
      for (std::size_t i = 0; i < with_p.size(); ++i) slices[with_p[i]].p_adjusted = (*adjusted)[i];
    }
    return slices;
  }

 private:
  MetricReport Head(std::size_t metric, std::string role, bool expect_up) const {
    const MetricPlan& plan = design_.plan.metrics.at(metric);
    MetricReport report;
    report.metric = plan.key;
    report.role = std::move(role);
    report.kind = KindText(plan.kind);
    report.lower_is_better = plan.lower_is_better;
    report.expect_up = expect_up;
    return report;
  }

  std::vector<MetricReport::ArmFigures> Arms(std::size_t metric, bool is_hidden) const {
    std::vector<MetricReport::ArmFigures> arms;
    for (std::uint32_t v = 0; v < VariantCount(design_); ++v) {
      MetricReport::ArmFigures arm;
      arm.variant = design_.plan.variants[v];
      arm.units = static_cast<double>(totals_.Units(v).units);
      if (!is_hidden) {
        const ArmStatistic statistic = totals_.Arm(metric, v);
        if (const Outcome<ArmValue> value = ValueOf(statistic)) arm.mean = value->value;
        arm.statistics = StatisticsOf(statistic);
        const MetricPlan& plan = design_.plan.metrics[metric];
        if (plan.kind == MetricKind::kFunnel) arm.steps = totals_.StepCounts(metric, v);
        SetFigures(statistic, arm);
        // Those without an event have no part in a mean.
        if (plan.kind == MetricKind::kMean) arm.units = std::get<MeanStatistic>(statistic).y.n;
      }
      arms.push_back(std::move(arm));
    }
    return arms;
  }

  static void SetFigures(const ArmStatistic& statistic, MetricReport::ArmFigures& arm) {
    if (const std::optional<ProportionStatistic> share = AsProportion(statistic)) {
      arm.numerator = share->successes;
    } else if (const auto* mean = std::get_if<MeanStatistic>(&statistic)) {
      arm.numerator = mean->y.n * mean->y.mean;
    } else if (const auto* adjusted = std::get_if<CupedStatistic>(&statistic)) {
      arm.numerator = adjusted->yx.n * adjusted->yx.mean[0];
    } else if (const auto* ratio = std::get_if<RatioStatistic>(&statistic)) {
      arm.numerator = ratio->md.n * ratio->md.mean[0];
      arm.denominator = ratio->md.n * ratio->md.mean[1];
    } else if (const auto* both = std::get_if<CupedRatioStatistic>(&statistic)) {
      arm.numerator = both->moments.n * both->moments.mean[0];
      arm.denominator = both->moments.n * both->moments.mean[1];
    }
  }

  ComparisonOfVariant Compare(std::size_t metric, std::uint32_t v, const ArmStatistic& control, bool expect_up) const {
    ComparisonOfVariant comparison;
    comparison.variant = design_.plan.variants[v];
    if (method_ != PlanMethod::kSequential && !looks_.empty()) {
      if (const PublishedLook::Of* of = FindEffect(looks_.back(), metric, v)) comparison.at_look = *of;
    }
    const ArmStatistic treatment = totals_.Arm(metric, v);
    const Outcome<Measured> measured = Measure(control, treatment);
    if (!measured) {
      comparison.error = measured.error();
      return comparison;
    }
    comparison.is_relative = measured->is_relative;
    comparison.estimate = Now(*measured, control, treatment);
    if (measured->is_relative) {
      if (const Outcome<Effect> effect = EffectOf(control, treatment, Scale::kAbsolute)) {
        Measured absolute = *measured;
        absolute.effect = *effect;
        absolute.is_relative = false;
        comparison.absolute = Now(absolute, control, treatment);
      }
    }
    const std::optional<ArmStatistic> plain_control = Unadjusted(control), plain_treatment = Unadjusted(treatment);
    if (plain_control && plain_treatment) {
      if (const Outcome<Measured> plain = Measure(*plain_control, *plain_treatment)) {
        comparison.unadjusted = Now(*plain, *plain_control, *plain_treatment);
      }
    }
    AddBadges(metric, v, control, treatment, measured->small_counts, comparison);
    if (!measured->small_counts && !measured->burnt_in && method_ != PlanMethod::kFixed) {
      comparison.badges.emplace_back(kTooFewUnits);
    }
    AddSecondView(*measured, control, treatment, expect_up, comparison);
    return comparison;
  }

  // Of the fixed horizon, whose end has come, the only interval; else one that holds at every moment.
  Estimate Now(const Measured& measured, const ArmStatistic& control, const ArmStatistic& treatment) const {
    if (method_ == PlanMethod::kFixed && !measured.small_counts) {
      return FixedEstimate(measured.effect, {.alpha = AlphaOfOne(design_)});
    }
    return AnytimeEstimate(measured, control, treatment, AlphaOfOne(design_));
  }

  void AddBadges(std::size_t metric, std::uint32_t v, const ArmStatistic& control, const ArmStatistic& treatment,
                 bool small_counts, ComparisonOfVariant& comparison) const {
    if (small_counts) comparison.badges.emplace_back(kSmallCounts);
    if (const std::optional<double> off = VarianceTakenOff(control, treatment); off && *off > 0.005) {
      comparison.badges.push_back("CUPED " + WholePercent(-*off) + " variance");
    }
    const std::uint64_t capped = totals_.CappedUnits(metric, 0) + totals_.CappedUnits(metric, v);
    if (capped > 0) {
      const double units = static_cast<double>(totals_.Units(0).units + totals_.Units(v).units);
      const std::string share = PlainShareText(units > 0 ? static_cast<double>(capped) / units : 0);
      comparison.badges.push_back((share == "0%" ? "<0.001%" : share) + " capped");
    }
    if (!comparison.is_relative && !small_counts && !comparison.guardrail.size()) {
      comparison.badges.push_back("baseline near 0: absolute");
    }
  }

  static std::string WholePercent(double share) {
    return (share < 0 ? "\xE2\x88\x92" : "+") + std::to_string(std::lround(std::fabs(share) * 100)) + "%";
  }

  void AddSecondView(const Measured& measured, const ArmStatistic& control, const ArmStatistic& treatment,
                     bool expect_up, ComparisonOfVariant& comparison) const {
    if (measured.small_counts) {
      const ProportionStatistic c = *AsProportion(control), t = *AsProportion(treatment);
      const auto view = BetaBinomialPosterior({c.n, c.successes}, {t.n, t.successes});
      if (view) {
        comparison.chance_to_win = expect_up ? view->chance_to_win : 1 - view->chance_to_win;
        comparison.expected_loss = expect_up ? view->loss_of_treatment : view->loss_of_control;
        comparison.prior = "uniform_shares";
      }
      return;
    }
    const Outcome<Posterior> view =
        NormalPosterior(measured.effect, Prior::Flat(),
                        {.alpha = design_.alpha, .good = expect_up ? Direction::kIncrease : Direction::kDecrease});
    if (view) {
      comparison.chance_to_win = view->chance_to_win;
      comparison.expected_loss = view->loss_of_treatment;
      comparison.prior = "flat";
    }
    if (measured.is_relative) {
      comparison.detectable = (NormalUpperQuantile(AlphaOfOne(design_) / 2) + NormalUpperQuantile(1 - design_.power)) *
                              measured.effect.standard_error;
    }
  }

  const Design& design_;
  const Totals& totals_;
  const std::vector<PublishedLook>& looks_;
  const PlanMethod method_;
  std::vector<std::int32_t> days_;
};

}  // namespace

bool Report::HasRedGate() const {
  return HasRed(gates);
}

Report Judge(const Design& design, const Facts& facts, const std::vector<PublishedLook>& looks, Time now,
             std::uint64_t revision) {
  Report report;
  report.project = design.project;
  report.environment = design.environment;
  report.experiment = design.plan.experiment;
  report.flag = design.flag;
  report.iteration = design.plan.iteration;
  report.revision = revision;
  report.as_of = now;
  report.plan_hash = HashOf(design);
  report.design = design;
  report.looks = looks;
  report.quality = facts.quality;
  report.gates = GatesOf(design, facts, now);
  report.progress = ProgressOf(design, facts, now);
  report.fraction = FractionOf(design, report.progress);
  if (!looks.empty()) {
    report.look = looks.back().number;
    report.alpha_spent = looks.back().alpha_spent;
    report.fraction = std::max(report.fraction, looks.back().fraction);
  }
  report.looks_planned =
      std::max(LooksPlanned(design, report.progress),
               EffectiveMethod(design) == PlanMethod::kGroupSequential && report.look ? *report.look : 0);
  for (const auto& [day, counts] : facts.totals->UnitsByDay()) {
    std::vector<std::uint64_t>& units = report.units_by_day[day];
    for (const UnitCounts& count : counts) units.push_back(count.units);
  }

  const std::size_t forgotten = facts.ramp.size() - std::min(facts.ramp.size(), kMostRampSteps);
  report.ramp.assign(facts.ramp.begin() + static_cast<std::ptrdiff_t>(forgotten), facts.ramp.end());

  const bool is_red = HasRed(report.gates);
  const bool is_early = EffectiveMethod(design) == PlanMethod::kFixed && looks.empty() &&
                        !(report.progress.at_end && now >= *report.progress.settled);
  report.results_hidden = is_red || is_early;
  if (report.results_hidden) {
    for (PublishedLook& look : report.looks) {
      look.effects.clear();
      look.safe.reset();
    }
  }

  const Judging judging(design, facts, looks);
  if (design.primary) {
    MetricReport primary = judging.OfGoal(*design.primary, "primary", report.results_hidden);
    if (!report.results_hidden) {
      judging.FindOut(primary);
      judging.AddOverTime(primary, design.primary->metric);
      report.slices = judging.Slices(design.primary->metric);
    }
    report.metrics.push_back(std::move(primary));
  }
  for (const GuardrailGoal& goal : design.guardrails) {
    MetricReport guardrail = judging.OfGuardrail(goal, is_red);
    if (!is_red) judging.AddOverTime(guardrail, goal.metric);
    report.metrics.push_back(std::move(guardrail));
  }
  for (const Goal& goal : design.secondary) {
    report.metrics.push_back(judging.OfGoal(goal, "secondary", report.results_hidden));
  }
  std::vector<MetricReport*> secondary;
  for (MetricReport& metric : report.metrics) {
    if (metric.role == "secondary") secondary.push_back(&metric);
  }
  judging.AdjustSecondary(std::move(secondary));
  AddMore(report, facts);
  AddOverlaps(report, facts);

  if (design.primary && !report.results_hidden) {
    std::vector<std::pair<std::string, double>> lifts;
    for (const ComparisonOfVariant& comparison : report.metrics.front().comparisons) {
      if (comparison.error || !comparison.is_relative) continue;
      const Interval& interval = comparison.estimate.interval;
      if (interval.lower > 0 || interval.upper < 0) {
        lifts.emplace_back(comparison.variant, comparison.estimate.effect.point);
      }
    }
    report.gates.push_back(TooGoodGate(lifts));
  }
  Decide(report, now);
  report.would_change = WouldChange(report, now);
  return report;
}

}  // namespace guidon::stats
