#include "cli/event_readout.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <iostream>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "cli/event_ways.h"
#include "cli/output.h"
#include "stats/inference/srm.h"
#include "stats/report/words.h"

namespace guidon::cli {
namespace {

using TextRow = std::vector<std::string>;

constexpr std::string_view kNone = "none: ";  // and the reason
std::string NoneFor(const stats::StatsError& error) {
  return std::string(kNone) + error.message;
}

constexpr std::size_t kTextWidth = 80;
constexpr std::size_t kLeastRoom = 30;  // with less, a text is not broken

// Cells below each other, two blanks apart; the last of a row is not filled up, and makes no other wider. Where that is
// a sentence it goes on below itself.
void PrintRows(const std::vector<TextRow>& rows) {
  for (const TextRow& row : rows) {
    std::size_t begin = 0;
    for (std::size_t column = 0; column + 1 < row.size(); ++column) {
      std::size_t width = 0;
      for (const TextRow& each : rows) {
        if (column + 1 < each.size()) width = std::max(width, Width(each[column]));
      }
      std::cout << Padded(row[column], width + 2);
      begin += width + 2;
    }
    const bool is_broken = begin + kLeastRoom <= kTextWidth && row.back().starts_with(kNone);
    std::cout << (is_broken ? Wrapped(row.back(), begin, kTextWidth).substr(begin) : row.back()) << "\n";
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

void ShowArms(const TableFacts& table) {
  const stats::ExperimentFacts& facts = table.facts;
  const bool has_clusters = !table.cluster.empty();
  std::vector<TextRow> rows = {{"variant", "units", has_clusters ? "clusters" : "in several"}};
  for (const stats::MetricPlan& metric : facts.plan.metrics) rows[0].push_back(Printable(metric.key));
  for (std::uint32_t v = 0; v < facts.plan.variants.size(); ++v) {
    const stats::UnitCounts units = facts.totals->Units(v);
    TextRow& row = rows.emplace_back();
    row = {Printable(facts.plan.variants[v]), std::to_string(units.units),
           std::to_string(has_clusters ? table.cluster_counts[v] : units.multiple)};
    for (std::size_t m = 0; m < facts.plan.metrics.size(); ++m) {
      row.push_back(std::visit(ArmWriter(), facts.totals->Arm(m, v)));
    }
  }
  PrintRows(rows);
}

// ---- The split -----------------------------------------------------------------------------------------------------

// Whether the arms have the units that their weights promise, as reports ask it: of those that results are made of, or
// of clusters, where these were assigned. Nothing: too few to tell.
std::optional<stats::RatioTest> SampleRatio(const TableFacts& table) {
  const stats::ExperimentFacts& facts = table.facts;
  std::vector<double> units;
  for (std::uint32_t v = 0; v < facts.plan.variants.size(); ++v) {
    units.push_back(
        static_cast<double>(table.cluster.empty() ? facts.totals->Units(v).units : table.cluster_counts[v]));
  }
  if (!stats::HasEnoughForRatio(units, facts.plan.weights)) return std::nullopt;
  const stats::Outcome<stats::RatioTest> test = stats::TestRatio(units, facts.plan.weights);
  return test ? std::optional(*test) : std::nullopt;
}

void ShowSampleRatio(const TableFacts& table) {
  const std::string_view what = table.cluster.empty() ? "units" : "clusters";
  std::cout << "sample ratio" << (table.cluster.empty() ? "" : " of clusters") << ": ";
  const std::optional<stats::RatioTest> test = SampleRatio(table);
  if (!test) {
    std::cout << "too few " << what << " to tell\n";
    return;
  }
  char text[96];
  std::snprintf(text, sizeof text, "chi-square %.2f, p %.4f", test->chi_squared, test->p_value);
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

// What was shown beside the effects, and so has to be explained below them.
struct Shown {
  bool adjusted = false, stratified = false, ranks = false;
};

std::string NarrowerCell(double width) {
  const long long percent = std::llround(100 * std::abs(1 - width));
  if (percent == 0) return "as wide";
  return std::to_string(percent) + (width < 1 ? "% narrower" : "% wider");
}

TextRow RowOf(const std::string& name, const AdjustedWay& way, bool is_share) {
  if (!way.estimate) return {"  " + name, NoneFor(way.estimate.error())};
  TextRow row = {"  " + name, EffectWithInterval(*way.estimate, false, is_share),
                 stats::ProbabilityText(way.estimate->p_value)};
  if (way.width) row.push_back(NarrowerCell(*way.width));
  return row;
}

void AddWays(const MetricEffect& effect, const stats::MetricPlan& metric, std::vector<TextRow>& rows, Shown& shown) {
  if (!effect.plain || !*effect.plain) return;
  const stats::Readout& plain = **effect.plain;
  const bool is_share = HasShares(metric);
  std::vector<TextRow> ways;
  if (plain.unadjusted) {
    ways.push_back(RowOf("without CUPED", {*plain.unadjusted, std::nullopt}, is_share));
    ways.push_back(RowOf("with CUPED, as above", {plain.absolute, effect.cuped_width}, is_share));
  }
  if (effect.lin) ways.push_back(RowOf("regression (Lin)", *effect.lin, is_share));
  for (const StratifiedWay& by : effect.stratified) {
    ways.push_back(RowOf("post-stratified by " + Printable(by.dimension), by.way, is_share));
  }
  if (effect.ranks && *effect.ranks) {
    ways.push_back({"  ranks", "chance of more " + stats::ChanceText((*effect.ranks)->superiority),
                    stats::ProbabilityText((*effect.ranks)->p_value)});
  } else if (effect.ranks) {
    ways.push_back({"  ranks", NoneFor(effect.ranks->error())});
  }
  if (ways.empty()) return;
  rows.push_back({Printable(metric.key)});
  rows.insert(rows.end(), ways.begin(), ways.end());
  shown.adjusted |= plain.unadjusted || effect.lin;
  shown.stratified |= !effect.stratified.empty();
  shown.ranks |= effect.ranks.has_value();
}

TextRow PlainRow(const MetricEffect& effect, const stats::MetricPlan& metric) {
  const stats::Outcome<stats::Readout>& readout = *effect.plain;
  if (!readout) return {Printable(metric.key), NoneFor(readout.error())};
  return {Printable(metric.key), EffectWithInterval(readout->absolute, false, HasShares(metric)), LiftCell(*readout),
          stats::ProbabilityText(readout->absolute.p_value)};
}

TextRow ClusterRow(const MetricEffect& effect, const stats::MetricPlan& metric) {
  const stats::Outcome<stats::ClusterTest>& test = *effect.clusters;
  if (!test) return {Printable(metric.key), NoneFor(test.error())};
  return {Printable(metric.key), EffectWithInterval(test->estimate, false, HasShares(metric)),
          stats::ProbabilityText(test->estimate.p_value),
          stats::ProbabilityText(test->permutation_p) + (test->is_exact ? " (exact)" : "")};
}

void ShowEffects(const TableFacts& table, std::uint32_t variant, Shown& shown) {
  const stats::ExperimentPlan& plan = table.facts.plan;
  const bool has_clusters = !table.cluster.empty();
  std::cout << "\n" << Printable(plan.variants[variant]) << " against " << Printable(plan.variants[0]);
  if (has_clusters) std::cout << ", by " << Printable(table.cluster);
  std::cout << "\n";
  std::vector<TextRow> rows = {has_clusters ? TextRow{"metric", "difference", "p", "permutation p"}
                                            : TextRow{"metric", "difference", "lift", "p"}};
  std::vector<TextRow> ways = {{"Other ways to compute it", "difference", "p", "interval"}};
  for (std::size_t m = 0; m < plan.metrics.size(); ++m) {
    const MetricEffect effect = EffectOfTable(table, m, variant, kReadoutAlpha);
    rows.push_back(has_clusters ? ClusterRow(effect, plan.metrics[m]) : PlainRow(effect, plan.metrics[m]));
    AddWays(effect, plan.metrics[m], ways, shown);
  }
  PrintRows(rows);
  if (ways.size() == 1) return;
  std::cout << "\n";
  PrintRows(ways);
}

void ShowNote(const std::string& text) {
  std::cout << Wrapped(text, 0, kTextWidth) << "\n";
}

// Of what was shown.
void ShowNotes(const TableFacts& table, const Shown& shown) {
  std::cout << "\n";
  ShowNote("95% intervals, each by itself, for one look at an end that was planned");
  if (shown.adjusted || shown.stratified) {
    ShowNote(
        "narrower, wider: than without CUPED, regression or strata. Choose one way before you see results: the "
        "smallest p of several promises nothing");
  }
  if (shown.ranks) {
    ShowNote(
        "ranks: the chance that a unit of the variant has more than one of the control (equal ones count half), and "
        "p by Mann & Whitney. It does not ask whether means differ");
  }
  if (table.cluster.empty()) return;
  ShowNote(
      "permutation p: of all ways to assign the clusters, how many differ by as many standard errors, where there "
      "are " +
      std::to_string(stats::kExactPermutations) + " at most (exact), else of " + std::to_string(kPermutations) +
      " random ones (seed " + std::to_string(kPermutationSeed) + ")");
  std::size_t fewest = 0;
  for (std::size_t v = 1; v < table.cluster_counts.size(); ++v) {
    const std::size_t both = table.cluster_counts[0] + table.cluster_counts[v];
    fewest = fewest == 0 ? both : std::min(fewest, both);
  }
  if (static_cast<double>(fewest) < stats::kFewClusters) {
    ShowNote("fewer than 40 clusters: go by the permutation p");
  }
}

// ---- For programs --------------------------------------------------------------------------------------------------

Object EstimateObject(const stats::Estimate& estimate) {
  Object object{{"effect", Value(estimate.effect.point)}};
  if (estimate.effect.standard_error > 0) {
    object.Append("standard_error", Value(estimate.effect.standard_error));
  }
  object.Append("interval", Array{estimate.interval.lower, estimate.interval.upper});
  object.Append("p_value", Value(estimate.p_value));
  return object;
}

void AppendWay(const AdjustedWay& way, Object& object) {
  if (!way.estimate) {
    object.Append("error", Value(way.estimate.error().message));
    return;
  }
  for (const auto& [name, value] : EstimateObject(*way.estimate)) object.Append(name, value);
  if (way.width) object.Append("width", Value(*way.width));
}

void AppendPlain(const MetricEffect& effect, Object& object) {
  const stats::Outcome<stats::Readout>& readout = *effect.plain;
  object.Append("small_counts", Value(readout && readout->small_counts));
  if (!readout) {
    object.Append("error", Value(readout.error().message));
    return;
  }
  object.Append("absolute", EstimateObject(readout->absolute));
  object.Append("relative", readout->relative ? Value(EstimateObject(*readout->relative)) : Value(nullptr));
  if (readout->fieller) object.Append("fieller", Array{readout->fieller->lower, readout->fieller->upper});
  if (readout->unadjusted) {
    object.Append("unadjusted", EstimateObject(*readout->unadjusted));
    object.Append("variance_left", Value(readout->variance_left));
  }
  if (effect.cuped_width) object.Append("cuped", Object{{"width", Value(*effect.cuped_width)}});
  if (effect.lin) {
    Object lin;
    AppendWay(*effect.lin, lin);
    object.Append("lin", Value(std::move(lin)));
  }
  if (!effect.stratified.empty()) {
    Array stratified;
    for (const StratifiedWay& by : effect.stratified) {
      Object one{{"dimension", Value(by.dimension)}};
      if (by.strata > 0) one.Append("strata", Value(by.strata));
      AppendWay(by.way, one);
      stratified.emplace_back(std::move(one));
    }
    object.Append("stratified", Value(std::move(stratified)));
  }
  if (effect.ranks && *effect.ranks) {
    object.Append("ranks", Object{{"superiority", Value((*effect.ranks)->superiority)},
                                  {"p_value", Value((*effect.ranks)->p_value)}});
  } else if (effect.ranks) {
    object.Append("ranks", Object{{"error", Value(effect.ranks->error().message)}});
  }
}

void AppendClusters(const stats::Outcome<stats::ClusterTest>& test, Object& object) {
  object.Append("small_counts", Value(false));
  if (!test) {
    object.Append("error", Value(test.error().message));
    return;
  }
  object.Append("absolute", EstimateObject(test->estimate));
  object.Append("relative", Value(nullptr));
  object.Append("permutation_p", Value(test->permutation_p));
  object.Append("exact", Value(test->is_exact));
}

Value EffectValue(const TableFacts& table, std::size_t metric, std::uint32_t variant) {
  const stats::ExperimentPlan& plan = table.facts.plan;
  Object object{{"metric", Value(plan.metrics[metric].key)},
                {"variant", Value(plan.variants[variant])},
                {"alpha", Value(kReadoutAlpha)}};
  const MetricEffect effect = EffectOfTable(table, metric, variant, kReadoutAlpha);
  effect.clusters ? AppendClusters(*effect.clusters, object) : AppendPlain(effect, object);
  return object;
}

}  // namespace

void ShowReadout(const TableFacts& table) {
  ShowArms(table);
  ShowSampleRatio(table);
  Shown shown;
  for (std::uint32_t v = 1; v < table.facts.plan.variants.size(); ++v) ShowEffects(table, v, shown);
  ShowNotes(table, shown);
}

void AppendReadout(const TableFacts& table, Object& object) {
  const stats::ExperimentPlan& plan = table.facts.plan;
  if (const std::optional<stats::RatioTest> test = SampleRatio(table)) {
    object.Append("sample_ratio", Object{{"chi_squared", Value(test->chi_squared)}, {"p_value", Value(test->p_value)}});
  }
  if (!table.cluster.empty()) {
    Array counts;
    for (std::size_t v = 0; v < plan.variants.size(); ++v) {
      counts.emplace_back(Object{{"variant", Value(plan.variants[v])}, {"clusters", Value(table.cluster_counts[v])}});
    }
    object.Append("clusters", Object{{"column", Value(table.cluster)},
                                     {"counts", Value(std::move(counts))},
                                     {"permutations", Value(kPermutations)},
                                     {"seed", Value(kPermutationSeed)}});
  }
  Array effects;
  for (std::size_t m = 0; m < plan.metrics.size(); ++m) {
    for (std::uint32_t v = 1; v < plan.variants.size(); ++v) effects.push_back(EffectValue(table, m, v));
  }
  object.Append("effects", Value(std::move(effects)));
}

}  // namespace guidon::cli
