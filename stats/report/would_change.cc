// What would turn a decision that was made.
#include <algorithm>
#include <cmath>
#include <optional>
#include <vector>

#include "stats/report/decide.h"
#include "stats/report/gates.h"
#include "stats/report/measure.h"
#include "stats/report/view.h"
#include "stats/report/words.h"

namespace guidon::stats {
namespace {

bool IsHarmed(const Report& report, std::size_t v) {
  return std::any_of(report.metrics.begin(), report.metrics.end(), [&](const MetricReport& metric) {
    return v <= metric.comparisons.size() && (metric.comparisons[v - 1].guardrail == "harmed" ||
                                              (metric.role == "primary" && metric.comparisons[v - 1].found == "worse"));
  });
}

// The end of a guardrail's interval that lies on the side of harm.
double WorstOf(const MetricReport& metric, const ComparisonOfVariant& comparison) {
  return metric.expect_up ? comparison.estimate.interval.lower : comparison.estimate.interval.upper;
}

// "page_latency_p95 may be worse by up to 1.94% now, where 5% is allowed"; "" where no guardrail has a margin and ends.
std::string NearestGuardrail(const Report& report, const std::string& variant) {
  double nearest = -INFINITY;
  std::string text;
  for (const MetricReport* metric : OfRole(report, "guardrail")) {
    for (const ComparisonOfVariant& comparison : metric->comparisons) {
      if (comparison.variant != variant || comparison.error || !metric->margin) continue;
      const double worst = WorstOf(*metric, comparison);
      const double used = (metric->expect_up ? -worst : worst) / *metric->margin;
      if (!std::isfinite(used) || used <= nearest) continue;
      nearest = used;
      text = metric->metric + ", at worst " + EffectText(worst, comparison.is_relative, IsShare(metric->kind)) +
             " where the margin is " +
             EffectText(*MarginAt(*metric), metric->margin_is_relative, IsShare(metric->kind));
    }
  }
  return text;
}

std::string OfShip(const Report& report) {
  std::string text;
  if (!report.design.guardrails.empty()) {
    const std::string nearest = NearestGuardrail(report, report.winner);
    text = "A guardrail of " + report.winner + " that is found harmed" +
           (nearest.empty() ? "" : " (the nearest is " + nearest + ")") + ", or a gate that turns red,";
  } else {
    text = "A gate that turns red";
  }
  return text + " before it is concluded. That a later look says less takes nothing back: what was found first stands.";
}

std::string OfHarm(const Report& report) {
  std::vector<std::string> metrics;
  bool found_worse = false;
  for (const MetricReport& metric : report.metrics) {
    for (const ComparisonOfVariant& comparison : metric.comparisons) {
      found_worse = found_worse || (metric.role == "primary" && comparison.found == "worse");
      if (comparison.guardrail != "harmed") continue;
      if (std::find(metrics.begin(), metrics.end(), metric.metric) == metrics.end()) metrics.push_back(metric.metric);
    }
  }
  std::string text = "Nothing but a fault in the data, such as events that one variant alone sends.";
  if (!metrics.empty()) {
    text +=
        " The interval of " + ListText(metrics) + " holds at every moment, and all of it lies beyond what is allowed.";
  }
  if (found_worse) text += " What the plan's method found first stands, whatever later looks say.";
  return text;
}

// The effect that the end would ask for, of the variant that is nearest to it.
std::string OfFutility(const Report& report) {
  const MetricReport* primary = PrimaryOf(report);
  if (primary == nullptr) return "";
  const double direction = primary->expect_up ? 1 : -1;
  std::string text;
  double nearest = -INFINITY;
  for (std::uint32_t v = 1; v <= primary->comparisons.size(); ++v) {
    const std::optional<Outlook> from = IsHarmed(report, v) ? std::nullopt : OutlookOf(report, v);
    if (!from || direction * from->point <= nearest) continue;
    nearest = direction * from->point;
    const bool is_share = IsShare(primary->kind);
    const double enough = from->final_bound * from->standard_error * std::sqrt(from->fraction);
    text = "An effect of " + EffectText(direction * enough, from->is_relative, is_share) +
           " or more by the planned end, if it goes on; now that of " + primary->comparisons[v - 1].variant + " is " +
           EffectText(from->point, from->is_relative, is_share) + ".";
  }
  return text.empty() ? "An effect that is larger than the planned one, if it goes on." : text;
}

std::string OfInconclusive(const Report& report) {
  const MetricReport* primary = PrimaryOf(report);
  std::string text = "Nothing in this iteration, whose end has come; only a new one, which begins from nothing";
  if (primary == nullptr) return text + ".";
  for (std::uint32_t v = 1; v <= primary->comparisons.size(); ++v) {
    if (primary->comparisons[v - 1].found != "better" || IsHarmed(report, v)) continue;
    const std::string nearest = NearestGuardrail(report, primary->comparisons[v - 1].variant);
    return text + ", with units enough to show that the guardrails hold" + (nearest.empty() ? "" : ": now " + nearest) +
           ".";
  }
  for (const ComparisonOfVariant& comparison : primary->comparisons) {
    if (!comparison.detectable || comparison.error) continue;
    return text + ". At this size an effect of " + ShareText(*comparison.detectable) + " is found with a power of " +
           PlainShareText(report.design.power) + " by one look; half of that takes four times the units.";
  }
  return text + ", with more units.";
}

std::string OfNoVerdict(const Report& report) {
  std::vector<std::string> red;
  for (const Gate& gate : report.gates) {
    if (gate.light != Light::kRed) continue;
    if (gate.id == "rebuilding") return "That all events are counted again.";
    red.push_back("'" + GateTitle(gate.id) + "'");
  }
  if (!red.empty()) {
    return "No number of the metrics, while " + ListText(red) + (red.size() == 1 ? " says" : " say") +
           " stop: only data that can be trusted.";
  }
  if (report.progress.units == 0) return "The first units that are exposed.";
  if (report.design.plan.variants.size() < 2) return "A second variant, in a new iteration.";
  return "A primary metric, in the plan of a new iteration; or a guardrail that is found harmed.";
}

}  // namespace

std::string WouldChange(const Report& report, Time now) {
  const std::optional<Time>& settled = report.progress.settled;
  const bool is_settled = report.design.plan.ended && settled && now >= *settled;
  switch (report.decision) {
    case Decision::kKeepRunning:
      return report.next;
    case Decision::kShip:
      return is_settled ? "Nothing that is still to come: it has ended, and every outcome is in." : OfShip(report);
    case Decision::kStopForHarm:
      return OfHarm(report);
    case Decision::kStopForFutility:
      return OfFutility(report);
    case Decision::kInconclusive:
      return OfInconclusive(report);
    case Decision::kCannotSay:
      break;
  }
  return OfNoVerdict(report);
}

}  // namespace guidon::stats
