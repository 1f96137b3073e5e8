#include "stats/report/overlaps.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "stats/inference/interaction.h"
#include "stats/inference/proportion.h"
#include "stats/report/words.h"

namespace guidon::stats {
namespace {

InteractionCell CellOf(const OverlapCell& cell) {
  return {cell.n, cell.mean, cell.variance};
}

InteractionCells CellsOf(const Overlap& other, std::size_t variant, std::size_t other_variant) {
  const auto& control = other.cells[0];
  const auto& treatment = other.cells[variant];
  return {
      {{CellOf(control[0]), CellOf(control[other_variant])}, {CellOf(treatment[0]), CellOf(treatment[other_variant])}}};
}

bool IsOfPlan(const Overlaps& overlaps, const ExperimentPlan& plan) {
  return overlaps.variants == plan.variants &&
         std::all_of(overlaps.others.begin(), overlaps.others.end(), [&](const Overlap& other) {
           return !other.variants.empty() && other.cells.size() == plan.variants.size() &&
                  std::all_of(other.cells.begin(), other.cells.end(),
                              [&](const auto& row) { return row.size() == other.variants.size(); });
         });
}

std::string WhyUnasked(const Report& report, const Overlaps& overlaps) {
  if (!report.design.primary) return "Without a primary metric nothing is asked of it.";
  const MetricPlan& metric = report.design.plan.metrics.at(report.design.primary->metric);
  if (metric.key != overlaps.metric) return "The primary metric is another one since; the next daily pass looks at it.";
  if (report.results_hidden) return "Effects are hidden.";
  if (metric.kind == MetricKind::kQuantile) return "Of a quantile no interaction is computed.";
  return "";
}

std::string SentenceOf(const OverlapsReport& overlaps, const OverlapsReport::Of& other,
                       const OverlapsReport::Question& question, const std::string& others_control,
                       std::size_t questions) {
  const auto effect = [&](double size) { return EffectText(size, false, overlaps.is_share); };
  return "The effect of " + question.variant + " on " + overlaps.metric + " differs by " + effect(question.point) +
         " where " + question.other_variant + " of experiment " + other.experiment +
         " is on: " + effect(question.with_variant) + " there, " + effect(question.with_control) + " where its " +
         others_control + " is (p " + ProbabilityText(question.p_adjusted) + ", adjusted for " +
         PluralText(questions, "question") + "). Decide the two together.";
}

// Why it cannot be answered; nothing where it can.
std::optional<StatsError> FaultOf(const InteractionCells& cells, bool is_share) {
  for (const auto& row : cells) {
    for (const InteractionCell& cell : row) {
      if (cell.n < kFewestOfPair) {
        return StatsError{StatsErrorCode::kInsufficientN, "fewer than 100 units in a pair of variants"};
      }
      const ProportionStatistic share{cell.n, std::round(cell.n * cell.mean)};
      if (is_share && HasSmallCounts(share, share)) {
        return StatsError{StatsErrorCode::kInsufficientN, "fewer than 10 in a pair of variants did, or did not"};
      }
    }
  }
  const Outcome<Interaction> interaction = InteractionOf(cells);
  return interaction ? std::nullopt : std::optional<StatsError>(interaction.error());
}

// Fills in what was found of questions that can be answered; `pairs` and `questions` are in one order.
void Ask(const std::vector<InteractionPair>& pairs, const std::vector<OverlapsReport::Question*>& questions) {
  const Outcome<std::vector<InteractionFinding>> found = ScanInteractions(pairs, kInteractionAlpha);
  if (!found) {
    for (OverlapsReport::Question* question : questions) question->error = found.error();
    return;
  }
  for (const InteractionFinding& finding : *found) {
    OverlapsReport::Question& question = *questions[finding.pair];
    const InteractionCells& cells = pairs[finding.pair].cells;
    question.with_control = cells[1][0].mean - cells[0][0].mean;
    question.with_variant = cells[1][1].mean - cells[0][1].mean;
    question.point = finding.interaction.point;
    question.standard_error = finding.interaction.standard_error;
    question.degrees_of_freedom = finding.interaction.degrees_of_freedom;
    question.p = finding.interaction.p_value;
    question.p_adjusted = finding.adjusted_p;
    question.is_suspect = finding.is_suspect;
  }
}

bool HasSuspect(const OverlapsReport::Of& other) {
  return std::any_of(other.questions.begin(), other.questions.end(),
                     [](const OverlapsReport::Question& question) { return question.is_suspect; });
}

Gate GateOf(const OverlapsReport& overlaps) {
  std::vector<std::string> names;
  Array suspects;
  for (const OverlapsReport::Of& other : overlaps.experiments) {
    if (!HasSuspect(other)) continue;
    names.push_back(other.experiment);
    suspects.emplace_back(other.experiment);
  }
  return {"interaction", Light::kYellow,
          "The effect on " + overlaps.metric + " seems to depend on what units see of " + ListText(names) +
              ": look at them side by side, and decide them together. Overlapping experiments has the numbers.",
          Object{{"experiments", Value(std::move(suspects))}}};
}

}  // namespace

void AddOverlaps(Report& report, const Facts& facts) {
  if (facts.overlaps == nullptr || !IsOfPlan(*facts.overlaps, report.design.plan)) return;
  const Overlaps& found = *facts.overlaps;
  OverlapsReport& overlaps = report.overlaps.emplace();
  overlaps.as_of = found.time;
  overlaps.left_out = found.left_out;
  overlaps.unasked = WhyUnasked(report, found);
  if (report.design.primary) {
    const MetricPlan& metric = report.design.plan.metrics.at(report.design.primary->metric);
    overlaps.metric = metric.key;
    overlaps.is_share = IsShare(report.metrics.front().kind);
  }
  std::vector<InteractionPair> pairs;
  for (const Overlap& other : found.others) {
    OverlapsReport::Of& of = overlaps.experiments.emplace_back();
    of.experiment = other.experiment;
    of.iteration = other.iteration;
    for (const auto& row : other.cells) {
      for (const OverlapCell& cell : row) of.units += cell.units;
    }
    if (!overlaps.unasked.empty()) continue;
    for (std::size_t v = 1; v < found.variants.size(); ++v) {
      for (std::size_t w = 1; w < other.variants.size(); ++w) {
        OverlapsReport::Question& question = of.questions.emplace_back();
        question.variant = found.variants[v];
        question.other_variant = other.variants[w];
        const InteractionCells cells = CellsOf(other, v, w);
        question.error = FaultOf(cells, overlaps.is_share);
        if (question.error) continue;
        pairs.push_back({question.variant + " x " + other.experiment + ": " + question.other_variant, cells});
      }
    }
  }
  std::vector<OverlapsReport::Question*> questions;
  for (OverlapsReport::Of& other : overlaps.experiments) {
    for (OverlapsReport::Question& question : other.questions) {
      if (!question.error) questions.push_back(&question);
    }
  }
  Ask(pairs, questions);
  for (std::size_t i = 0; i < found.others.size(); ++i) {
    for (const OverlapsReport::Question& question : overlaps.experiments[i].questions) {
      if (!question.is_suspect) continue;
      overlaps.sentences.push_back(
          SentenceOf(overlaps, overlaps.experiments[i], question, found.others[i].variants.front(), questions.size()));
    }
  }
  std::stable_sort(overlaps.experiments.begin(), overlaps.experiments.end(),
                   [](const OverlapsReport::Of& a, const OverlapsReport::Of& b) {
                     return std::pair(HasSuspect(a), a.units) > std::pair(HasSuspect(b), b.units);
                   });
  if (!overlaps.sentences.empty()) report.gates.push_back(GateOf(overlaps));
}

}  // namespace guidon::stats
