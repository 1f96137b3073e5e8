#include "cli/event_readout.h"

#include <algorithm>
#include <cstdio>
#include <iostream>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "cli/output.h"
#include "stats/inference/readout.h"
#include "stats/inference/srm.h"
#include "stats/report/words.h"

namespace guidon::cli {
namespace {

using TextRow = std::vector<std::string>;

// Cells below each other, two blanks apart; the last of a row is not filled up, and makes no other wider.
void PrintRows(const std::vector<TextRow>& rows) {
  for (const TextRow& row : rows) {
    for (std::size_t column = 0; column < row.size(); ++column) {
      std::size_t width = 0;
      for (const TextRow& each : rows) {
        if (column + 1 < each.size()) width = std::max(width, Width(each[column]));
      }
      const bool is_last = column + 1 == row.size();
      std::cout << (is_last ? row[column] : Padded(row[column], width + 2));
    }
    std::cout << "\n";
  }
}

// ---- Arms ----------------------------------------------------------------------------------------------------------

std::string SixDigits(double number) {
  char text[64];
  std::snprintf(text, sizeof text, "%.6g", number);
  return text;
}

// What an arm came to.
struct ArmWriter {
  std::string operator()(const stats::ProportionStatistic& arm) const {
    char text[64];
    std::snprintf(text, sizeof text, "%.2f%%", arm.n > 0 ? 100 * arm.successes / arm.n : 0);
    return text;
  }
  std::string operator()(const stats::MeanStatistic& arm) const { return SixDigits(arm.y.mean); }
  std::string operator()(const stats::CupedStatistic& arm) const { return SixDigits(arm.yx.mean[0]); }
  std::string operator()(const stats::RatioStatistic& arm) const { return Ratio(arm.md.mean[0], arm.md.mean[1]); }
  std::string operator()(const stats::CupedRatioStatistic& arm) const {
    return Ratio(arm.moments.mean[0], arm.moments.mean[1]);
  }
  std::string operator()(const stats::QuantileStatistic& arm) const { return SixDigits(arm.estimate); }
  std::string operator()(const stats::QuantileClusteredStatistic& arm) const {
    return SixDigits(arm.quantile.estimate);
  }

  static std::string Ratio(double numerator, double denominator) {
    return denominator == 0 ? "-" : SixDigits(numerator / denominator);
  }
};

void ShowArms(const stats::ExperimentFacts& facts) {
  std::vector<TextRow> rows = {{"variant", "units", "in several"}};
  for (const stats::MetricPlan& metric : facts.plan.metrics) rows[0].push_back(Printable(metric.key));
  for (std::uint32_t v = 0; v < facts.plan.variants.size(); ++v) {
    const stats::UnitCounts units = facts.totals->Units(v);
    TextRow& row = rows.emplace_back();
    row = {Printable(facts.plan.variants[v]), std::to_string(units.units), std::to_string(units.multiple)};
    for (std::size_t m = 0; m < facts.plan.metrics.size(); ++m) {
      row.push_back(std::visit(ArmWriter(), facts.totals->Arm(m, v)));
    }
  }
  PrintRows(rows);
}

// ---- The split -----------------------------------------------------------------------------------------------------

// Whether the arms have the units that their weights promise, as reports ask it: of those that results are made of.
// Nothing: too few to tell.
std::optional<stats::RatioTest> SampleRatio(const stats::ExperimentFacts& facts) {
  std::vector<double> units;
  for (std::uint32_t v = 0; v < facts.plan.variants.size(); ++v) {
    units.push_back(static_cast<double>(facts.totals->Units(v).units));
  }
  if (!stats::HasEnoughForRatio(units, facts.plan.weights)) return std::nullopt;
  const stats::Outcome<stats::RatioTest> test = stats::TestRatio(units, facts.plan.weights);
  return test ? std::optional(*test) : std::nullopt;
}

void ShowSampleRatio(const stats::ExperimentFacts& facts) {
  const std::optional<stats::RatioTest> test = SampleRatio(facts);
  if (!test) {
    std::cout << "sample ratio: too few units to tell\n";
    return;
  }
  char text[96];
  std::snprintf(text, sizeof text, "sample ratio: chi-square %.2f, p %.4f", test->chi_squared, test->p_value);
  std::cout << text;
  if (test->p_value < stats::kRatioAlarm) std::cout << Out().Red("  the arms do not have the shares that were planned");
  std::cout << "\n";
}

// ---- Effects -------------------------------------------------------------------------------------------------------

bool HasShares(const stats::MetricPlan& metric) {
  return metric.kind == stats::MetricKind::kConversion;
}

// "−0.82pp (−1.33pp … −0.31pp)"
std::string EffectWithInterval(const stats::Estimate& estimate, bool is_relative, bool is_share) {
  return stats::EffectText(estimate.effect.point, is_relative, is_share) + " (" +
         stats::IntervalText(estimate.interval, is_relative, is_share) + ")";
}

std::string LiftCell(const stats::Readout& readout) {
  if (readout.relative) return EffectWithInterval(*readout.relative, true, false);
  if (readout.small_counts) return "small counts";
  if (readout.fieller) return "(" + stats::IntervalText(*readout.fieller, true, false) + ")";
  return "control near 0";
}

void ShowEffects(const stats::ExperimentFacts& facts, std::uint32_t variant) {
  std::cout << "\n"
            << Printable(facts.plan.variants[variant]) << " against " << Printable(facts.plan.variants[0]) << "\n";
  std::vector<TextRow> rows = {{"metric", "difference", "lift", "p"}};
  for (std::size_t m = 0; m < facts.plan.metrics.size(); ++m) {
    const stats::MetricPlan& metric = facts.plan.metrics[m];
    TextRow& row = rows.emplace_back();
    row = {Printable(metric.key)};
    const stats::Outcome<stats::Readout> readout =
        stats::ReadOut(facts.totals->Arm(m, 0), facts.totals->Arm(m, variant), kReadoutAlpha);
    if (!readout) {
      row.push_back("none: " + readout.error().message);
      continue;
    }
    row.push_back(EffectWithInterval(readout->absolute, false, HasShares(metric)));
    row.push_back(LiftCell(*readout));
    row.push_back(stats::ProbabilityText(readout->absolute.p_value));
    if (!readout->unadjusted) continue;
    rows.push_back({"  without CUPED", EffectWithInterval(*readout->unadjusted, false, HasShares(metric)), "",
                    stats::ProbabilityText(readout->unadjusted->p_value)});
  }
  PrintRows(rows);
}

Value EstimateValue(const stats::Estimate& estimate) {
  Object object{{"effect", Value(estimate.effect.point)}};
  if (estimate.effect.standard_error > 0) {
    object.Append("standard_error", Value(estimate.effect.standard_error));
  }
  object.Append("interval", Array{estimate.interval.lower, estimate.interval.upper});
  object.Append("p_value", Value(estimate.p_value));
  return object;
}

Value EffectValue(const stats::ExperimentFacts& facts, std::size_t metric, std::uint32_t variant) {
  Object object{{"metric", Value(facts.plan.metrics[metric].key)},
                {"variant", Value(facts.plan.variants[variant])},
                {"alpha", Value(kReadoutAlpha)}};
  const stats::Outcome<stats::Readout> readout =
      stats::ReadOut(facts.totals->Arm(metric, 0), facts.totals->Arm(metric, variant), kReadoutAlpha);
  object.Append("small_counts", Value(readout && readout->small_counts));
  if (!readout) {
    object.Append("error", Value(readout.error().message));
    return object;
  }
  object.Append("absolute", EstimateValue(readout->absolute));
  object.Append("relative", readout->relative ? EstimateValue(*readout->relative) : Value(nullptr));
  if (readout->fieller) object.Append("fieller", Array{readout->fieller->lower, readout->fieller->upper});
  if (readout->unadjusted) {
    object.Append("unadjusted", EstimateValue(*readout->unadjusted));
    object.Append("variance_left", Value(readout->variance_left));
  }
  return object;
}

}  // namespace

void ShowReadout(const stats::ExperimentFacts& facts) {
  ShowArms(facts);
  ShowSampleRatio(facts);
  for (std::uint32_t v = 1; v < facts.plan.variants.size(); ++v) ShowEffects(facts, v);
  std::cout << "\n95% intervals, each by itself, for one look at an end that was planned\n";
}

void AppendReadout(const stats::ExperimentFacts& facts, Object& object) {
  if (const std::optional<stats::RatioTest> test = SampleRatio(facts)) {
    object.Append("sample_ratio", Object{{"chi_squared", Value(test->chi_squared)}, {"p_value", Value(test->p_value)}});
  }
  Array effects;
  for (std::size_t m = 0; m < facts.plan.metrics.size(); ++m) {
    for (std::uint32_t v = 1; v < facts.plan.variants.size(); ++v) effects.push_back(EffectValue(facts, m, v));
  }
  object.Append("effects", Value(std::move(effects)));
}

}  // namespace guidon::cli
