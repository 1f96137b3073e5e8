// What acts by itself: valid at every moment, whatever the method of the goals is.
#include <vector>

#include "stats/inference/srm.h"
#include "stats/report/gates.h"
#include "stats/report/measure.h"
#include "stats/report/report.h"
#include "stats/report/view.h"
#include "stats/report/words.h"

namespace guidon::stats {
namespace {

// Of the sequential test, which may be asked at every unit: at most one sound experiment in a hundred is ever stopped
// by it; simulated, it is far fewer.
constexpr double kRatioStop = 0.01;

std::optional<Alarm> RatioAlarm(const Design& design, const Totals& totals) {
  const std::vector<double> units = UnitsByVariant(design, totals);
  Outcome<SequentialRatio> test = SequentialRatio::Begin(design.plan.weights);
  if (!test) return std::nullopt;
  const Outcome<double> p = test->Add(units);
  if (!p || *p >= kRatioStop) return std::nullopt;
  Alarm alarm;
  alarm.kind = Alarm::Kind::kSampleRatio;
  Array observed;
  std::string split;
  for (const double count : units) {
    observed.emplace_back(count);
    split += (split.empty() ? "" : " : ") + CountText(count);
  }
  alarm.sentence = "The split is not as planned: " + split + " units (sequential p " + ProbabilityText(*p) + ").";
  alarm.numbers = Object{{"observed", Value(std::move(observed))}, {"p", Value(*p)}, {"alarm", Value(kRatioStop)}};
  return alarm;
}

}  // namespace

std::string_view ToString(Alarm::Kind kind) {
  switch (kind) {
    case Alarm::Kind::kGuardrail:
      return "guardrail";
    case Alarm::Kind::kSampleRatio:
      return "sample_ratio";
    case Alarm::Kind::kNoTraffic:
      break;
  }
  return "no_traffic";
}

std::vector<Alarm> AlarmsOf(const Design& design, const Facts& facts, Time) {
  std::vector<Alarm> alarms;
  // What is counted again is not all there yet.
  if (facts.totals == nullptr || facts.quality.rebuilding) return alarms;
  const Totals& totals = *facts.totals;
  std::optional<Alarm> ratio = RatioAlarm(design, totals);
  const bool is_split = !ratio;
  if (ratio) alarms.push_back(*std::move(ratio));
  for (const GuardrailGoal& goal : design.guardrails) {
    const MetricPlan& metric = design.plan.metrics.at(goal.metric);
    const bool up_is_good = !metric.lower_is_better;
    const ArmStatistic control = totals.Arm(goal.metric, 0);
    for (std::uint32_t v = 1; v < design.plan.variants.size(); ++v) {
      const Outcome<Guarded> guarded = Guard(goal, up_is_good, control, totals.Arm(goal.metric, v), design.alpha);
      if (!guarded || guarded->verdict != "harmed") continue;
      const bool is_share = IsShare(metric.kind);
      MetricReport about;  // for the words of its margin
      about.kind = KindText(metric.kind);
      about.margin = goal.margin;
      about.margin_is_relative = goal.margin_is_relative;
      about.on_breach = goal.on_breach;
      Alarm alarm;
      alarm.metric = metric.key;
      alarm.variant = design.plan.variants[v];
      alarm.sentence = alarm.variant + " harms " + alarm.metric + ": " +
                       EffectText(guarded->effect.point, guarded->is_relative, is_share) + " (" +
                       IntervalText(guarded->interval, guarded->is_relative, is_share) + "), " + MarginText(about) +
                       (is_split ? "." : "; the split is not as planned, and the numbers may be off by it.");
      Object numbers{{"scale", Value(guarded->is_relative ? "relative" : "absolute")},
                     {"effect", Value(guarded->effect.point)},
                     {"lower", Value(guarded->interval.lower)},
                     {"upper", Value(guarded->interval.upper)},
                     {"p", Value(guarded->p_harm)},
                     {"control", Value(guarded->effect.control_mean)},
                     {"treatment", Value(guarded->effect.treatment_mean)}};
      if (goal.margin) numbers.Append("margin", Value(*goal.margin));
      alarm.numbers = Value(std::move(numbers));
      alarms.push_back(std::move(alarm));
    }
  }
  return alarms;
}

}  // namespace guidon::stats
