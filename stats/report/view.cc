#include "stats/report/view.h"

#include <algorithm>
#include <cmath>

#include "stats/report/measure.h"
#include "stats/report/planning.h"
#include "stats/report/words.h"

namespace guidon::stats {
namespace {

// 1, 2 or 5 times a power of ten, not below `step`.
double RoundStep(double step) {
  const double power = std::pow(10.0, std::floor(std::log10(step)));
  for (const double factor : {1.0, 2.0, 5.0}) {
    if (factor * power >= step * (1 - 1e-9)) return factor * power;
  }
  return 10 * power;
}

}  // namespace

Shown ShownOf(const ComparisonOfVariant& comparison) {
  if (comparison.at_look) {
    const PublishedLook::Of& of = *comparison.at_look;
    return {of.point, of.lower, of.upper, of.is_relative};
  }
  const Estimate& estimate = comparison.estimate;
  return {estimate.effect.point, estimate.interval.lower, estimate.interval.upper, comparison.is_relative};
}

double Axis::At(double value) const {
  if (std::isnan(value)) return 0;
  return std::clamp((value - low) / (high - low), 0.0, 1.0);
}

Axis AxisFor(const std::vector<double>& values) {
  double low = 0, high = 0;
  for (const double value : values) {
    if (!std::isfinite(value)) continue;
    low = std::min(low, value);
    high = std::max(high, value);
  }
  if (!(high - low > 0) || !std::isfinite(high - low)) {
    low = -1;
    high = 1;
  }
  const double step = RoundStep((high - low) / 5);
  Axis axis;
  const double first = std::floor(low / step + 1e-9), last = std::ceil(high / step - 1e-9);
  axis.low = first * step;
  axis.high = last * step;
  for (double at = first; at <= last; at += 1) axis.ticks.push_back(at == 0 ? 0.0 : at * step);
  return axis;
}

const MetricReport* PrimaryOf(const Report& report) {
  const auto primaries = OfRole(report, "primary");
  return primaries.empty() ? nullptr : primaries.front();
}

std::vector<const MetricReport*> OfRole(const Report& report, std::string_view role) {
  std::vector<const MetricReport*> metrics;
  for (const MetricReport& metric : report.metrics) {
    if (metric.role == role) metrics.push_back(&metric);
  }
  return metrics;
}

std::vector<double> ValuesOf(const std::vector<const MetricReport*>& metrics, bool is_relative) {
  std::vector<double> values;
  for (const MetricReport* metric : metrics) {
    for (const ComparisonOfVariant& comparison : metric->comparisons) {
      if (comparison.error) continue;
      const Shown shown = ShownOf(comparison);
      if (shown.is_relative != is_relative) continue;
      values.insert(values.end(), {shown.point, shown.lower, shown.upper});
    }
    if (metric->margin && metric->margin_is_relative == is_relative) {
      values.push_back(*MarginAt(*metric) * 1.1);  // some of what lies beyond it is to be seen
    }
  }
  return values;
}

std::optional<double> MarginAt(const MetricReport& metric) {
  if (!metric.margin) return std::nullopt;
  return metric.expect_up ? -*metric.margin : *metric.margin;
}

std::string MarginText(const MetricReport& metric) {
  if (!metric.margin) return "any harm that is shown, else " + metric.on_breach;
  // As definitions have it, those of ratios, too.
  const bool is_in_points = IsShare(metric.kind) || metric.kind == "ratio";
  const std::string margin = metric.margin_is_relative ? PlainShareText(*metric.margin)
                             : is_in_points            ? PlainNumberText(*metric.margin * 100) + "pp"
                                                       : PlainNumberText(*metric.margin);
  return "never worse by " + margin + ", else " + metric.on_breach;
}

std::string CapText(const MetricReport& metric) {
  const double at = metric.cap.value_or(0);
  const std::string cap = at > 0 && at == std::floor(at) ? CountText(at) : NumberText(at);
  return "totals above " + cap + " count as " + cap;
}

std::string LooksText(const Report& report) {
  std::string text;
  if (EffectiveMethod(report.design) == PlanMethod::kSequential) return text;
  if (report.look) {
    text = "look " + CountText(std::uint64_t{*report.look});
    if (report.looks_planned > 0) text += " of " + CountText(std::uint64_t{report.looks_planned});
  } else if (report.looks_planned > 0) {
    text = "no look yet of " + CountText(std::uint64_t{report.looks_planned});
  }
  if (report.fraction > 0) text += (text.empty() ? "" : ", ") + ShareText(report.fraction) + " of the information";
  if (const std::string matured = MaturedText(report); !matured.empty()) text += " (" + matured + ")";
  if (report.alpha_spent > 0) {
    text += ", alpha spent " + ProbabilityText(report.alpha_spent) + " of " + PlainNumberText(report.design.alpha);
  }
  return text;
}

std::string MaturedText(const Report& report) {
  const bool takes_time = OutcomeTime(report.design) > Milliseconds(0);
  if (!takes_time || EffectiveMethod(report.design) != PlanMethod::kGroupSequential) return "";
  return PluralText(report.progress.matured.units, "unit") + " whose outcomes are in";
}

std::string ProgressText(const Report& report) {
  const Progress& progress = report.progress;
  std::string text = DaysText(progress.days) + ", " + PluralText(progress.units, "unit");
  if (progress.units_per_day >= 1 && !progress.at_end)
    text += ", about " + CountText(progress.units_per_day) + " a day";
  if (progress.days_left && !progress.at_end) text += ", about " + DaysText(std::ceil(*progress.days_left)) + " left";
  return text;
}

std::string RampText(const Report& report) {
  std::vector<std::string> steps;
  for (const RampStep& step : report.ramp) {
    steps.push_back(PlainShareText(step.share) + (steps.empty() ? " of each variant" : "") + " from " +
                    TimeText(step.at));
  }
  return ListText(steps);
}

std::string ByDayText(const ByExposureDay& by, bool is_share) {
  const double p = by.difference.p_value, p_of_trend = by.trend.p_value;
  if (p_of_trend < kDayAlpha) {
    const double a_week = 7 * by.trend.slope;
    std::string much = EffectText(std::fabs(a_week), by.is_relative, is_share);
    if (much.starts_with('+')) much.erase(0, 1);
    return std::string("The effect on units that came later is ") + (a_week < 0 ? "lower" : "higher") + " by " + much +
           (by.is_relative ? " of the control" : "") + " a week (p " + ProbabilityText(p_of_trend) +
           "; that days differ at all p " + ProbabilityText(p) + ").";
  }
  if (p < kDayAlpha) {
    return "Days differ by more than chance makes (p " + ProbabilityText(p) + "), without a trend (p " +
           ProbabilityText(p_of_trend) + ").";
  }
  return "No more difference between days than chance makes (p " + ProbabilityText(p) + "; of a trend p " +
         ProbabilityText(p_of_trend) + ").";
}

std::string PointsText(const ByExposureDay& by) {
  std::string text = PluralText(by.points.size(), by.days_together == 1 ? "day" : "block");
  if (by.days_together > 1) text += " of " + DaysText(by.days_together) + " each";
  if (by.left_out > 0) {
    text += ", " + CountText(std::uint64_t{by.left_out}) + " more with too few units or conversions left out";
  }
  return text;
}

std::string GateTitle(const std::string& id) {
  std::string title = id == "pre_exposure_bias" ? "pre-exposure_bias" : id;
  std::replace(title.begin(), title.end(), '_', ' ');
  if (!title.empty() && title[0] >= 'a' && title[0] <= 'z') title[0] = static_cast<char>(title[0] - 'a' + 'A');
  return title;
}

std::string OverlapsLead(const OverlapsReport& overlaps) {
  const std::string since = "Units that are in both, as of the daily pass of " + TimeText(overlaps.as_of) + ". ";
  if (!overlaps.unasked.empty()) return since + overlaps.unasked;
  return since + "Exploratory: does the effect on " + overlaps.metric +
         " differ where the other experiment's variant is on? That nothing is found is no proof: it takes some four "
         "times the units that an effect of the same size takes.";
}

std::string LeftOutText(const OverlapsReport& overlaps) {
  if (overlaps.left_out.empty()) return "";
  const bool has_all = overlaps.left_out.size() < OverlapSums::kMostNamed;
  return "Not looked at, for there are too many: " + ListText(overlaps.left_out) +
         (has_all ? "." : ", and perhaps more.");
}

std::vector<std::pair<std::string, std::string>> PlanLines(const Report& report) {
  const Design& design = report.design;
  const ExperimentPlan& plan = design.plan;
  std::vector<std::pair<std::string, std::string>> lines;
  if (!design.hypothesis.empty()) lines.emplace_back("Hypothesis", design.hypothesis);
  if (design.primary) {
    const Goal& goal = *design.primary;
    std::string text = plan.metrics.at(goal.metric).key + " goes " + (goal.expect_up ? "up" : "down");
    if (goal.detect) text += ", by " + PlainShareText(*goal.detect) + " or more";
    lines.emplace_back("Primary metric", std::move(text));
  }
  for (const GuardrailGoal& goal : design.guardrails) {
    MetricReport about;
    about.kind = KindText(plan.metrics.at(goal.metric).kind);
    about.margin = goal.margin;
    about.margin_is_relative = goal.margin_is_relative;
    about.on_breach = goal.on_breach;
    lines.emplace_back("Guardrail", plan.metrics[goal.metric].key + ", " + MarginText(about));
  }
  std::string method = MethodText(design.method);
  const double days = static_cast<double>(design.look_every.count()) / 86'400'000;
  if (design.method == PlanMethod::kGroupSequential) method += ", a look every " + DaysText(days);
  method += ", alpha " + PlainShareText(design.alpha) + ", power " + PlainShareText(design.power);
  lines.emplace_back("Method", std::move(method));
  std::string size;
  if (design.planned_units) size = CountText(*design.planned_units) + " units";
  if (design.min_days) size += (size.empty() ? "" : ", ") + ("at least " + DaysText(*design.min_days));
  if (design.max_days) size += (size.empty() ? "" : ", ") + ("at most " + DaysText(*design.max_days));
  if (!size.empty()) lines.emplace_back("Size", std::move(size));
  std::vector<std::string> variants;
  for (std::size_t i = 0; i < plan.variants.size(); ++i) {
    variants.push_back(plan.variants[i] + " " + PlainShareText(plan.weights.at(i)) + (i == 0 ? " as control" : ""));
  }
  lines.emplace_back("Variants", ListText(variants));
  lines.emplace_back("Started", TimeText(plan.started));
  if (plan.ended) lines.emplace_back("Ended", TimeText(*plan.ended));
  if (!design.owner.empty()) lines.emplace_back("Owner", design.owner);
  lines.emplace_back("Plan", report.plan_hash);
  return lines;
}

std::string SideOf(const Shown& shown, bool expect_up) {
  if (shown.lower > 0) return expect_up ? "better" : "worse";
  if (shown.upper < 0) return expect_up ? "worse" : "better";
  return "";
}

}  // namespace guidon::stats
