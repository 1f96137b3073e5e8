#include "stats/inference/interaction.h"

#include <algorithm>
#include <cmath>
#include <optional>
#include <random>

#include "stats/inference/distributions.h"
#include "stats/inference/multiplicity.h"

namespace guidon::stats {
namespace {

constexpr std::uint64_t kMostPermutations = 1'000'000;

// ---- Clusters

struct Ratio {
  double value = 0;
  double variance = 0;  // of the value
};

// Of the clusters that `is_chosen` says are (or are not) of this arm; nothing when their denominators sum to 0.
template <typename IsChosen>
std::optional<Ratio> RatioOf(std::span<const ClusterTotal> clusters, IsChosen is_chosen) {
  double k = 0, numerator = 0, denominator = 0;
  for (std::size_t i = 0; i < clusters.size(); ++i) {
    if (!is_chosen(i)) continue;
    k += 1;
    numerator += clusters[i].numerator;
    denominator += clusters[i].denominator;
  }
  if (!(denominator > 0)) return std::nullopt;
  Ratio ratio{numerator / denominator, 0};
  double squares = 0;  // of residuals, whose mean is 0
  for (std::size_t i = 0; i < clusters.size(); ++i) {
    if (!is_chosen(i)) continue;
    const double residual = clusters[i].numerator - ratio.value * clusters[i].denominator;
    squares += residual * residual;
  }
  ratio.variance = squares / (k - 1) * k / (denominator * denominator);
  return ratio;
}

// |t| of an assignment; infinite where nothing varies and yet there is a difference, none where an arm has no ratio.
std::optional<double> ExtremityOf(std::span<const ClusterTotal> clusters, const std::vector<bool>& is_treated) {
  const auto treatment = RatioOf(clusters, [&](std::size_t i) { return is_treated[i]; });
  const auto control = RatioOf(clusters, [&](std::size_t i) { return !is_treated[i]; });
  if (!treatment || !control) return std::nullopt;
  const double apart = std::abs(treatment->value - control->value);
  if (apart == 0) return 0;
  return apart / std::sqrt(treatment->variance + control->variance);
}

// n over k, or kExactPermutations + 1 where it is more.
std::uint64_t WaysToChoose(std::uint64_t n, std::uint64_t k) {
  k = std::min(k, n - k);
  std::uint64_t ways = 1;
  for (std::uint64_t i = 1; i <= k; ++i) {
    ways = ways * (n - k + i) / i;  // whole at every step
    if (ways > kExactPermutations) return kExactPermutations + 1;
  }
  return ways;
}

// Evenly within [0, below); std::uniform_int_distribution draws other numbers with another library.
std::uint64_t Draw(std::mt19937_64& random, std::uint64_t below) {
  const std::uint64_t rest = (0 - below) % below;  // of 2^64 by `below`: these would come up too often
  for (;;) {
    if (const std::uint64_t drawn = random(); drawn >= rest) return drawn % below;
  }
}

void Shuffle(std::vector<bool>& marks, std::mt19937_64& random) {
  for (std::size_t i = marks.size(); i > 1; --i) {
    const std::size_t other = Draw(random, i);
    const bool mark = marks[other];
    marks[other] = marks[i - 1];
    marks[i - 1] = mark;
  }
}

// Sets permutation_p and is_exact. The treated clusters come last.
void Permute(std::span<const ClusterTotal> clusters, std::size_t treated, const ClusterOptions& options,
             ClusterTest& test) {
  std::vector<bool> marks(clusters.size(), false);
  std::fill(marks.end() - static_cast<std::ptrdiff_t>(treated), marks.end(), true);
  // Assignments that differ by rounding only are as extreme as what was observed.
  const double observed = ExtremityOf(clusters, marks).value_or(0) * (1 - 1e-10);
  std::uint64_t seen = 0, extreme = 0;
  const auto count = [&] {
    ++seen;
    const std::optional<double> extremity = ExtremityOf(clusters, marks);
    if (!extremity || *extremity >= observed) ++extreme;
  };
  test.is_exact = WaysToChoose(clusters.size(), treated) <= kExactPermutations;
  if (test.is_exact) {
    do {  // the marks begin in their lowest order
      count();
    } while (std::next_permutation(marks.begin(), marks.end()));
  } else {
    std::mt19937_64 random(options.seed);
    seen = extreme = 1;
    for (std::uint64_t i = 0; i < options.permutations; ++i) {
      Shuffle(marks, random);
      count();
    }
  }
  test.permutation_p = static_cast<double>(extreme) / static_cast<double>(seen);
}

bool AreTotals(std::span<const ClusterTotal> clusters) {
  return std::all_of(clusters.begin(), clusters.end(), [](const ClusterTotal& cluster) {
    return std::isfinite(cluster.numerator) && std::isfinite(cluster.denominator) && cluster.denominator >= 0;
  });
}

}  // namespace

Outcome<Interaction> InteractionOf(const InteractionCells& cells) {
  double variance = 0;
  for (const auto& row : cells) {
    for (const InteractionCell& cell : row) {
      if (!std::isfinite(cell.n) || !std::isfinite(cell.mean) || !std::isfinite(cell.variance) || cell.variance < 0) {
        return FailStats(StatsErrorCode::kInvalid, "a cell's units, mean or variance is no number");
      }
      if (!(cell.n >= 2)) return FailStats(StatsErrorCode::kInsufficientN, "a cell has fewer than two units");
      variance += cell.variance / cell.n;
    }
  }
  if (!(variance > 0)) return FailStats(StatsErrorCode::kZeroVariance, "no cell varies");
  double weight = 0;  // of Welch & Satterthwaite
  for (const auto& row : cells) {
    for (const InteractionCell& cell : row) {
      const double share = cell.variance / cell.n / variance;
      weight += share * share / (cell.n - 1);
    }
  }
  Interaction result;
  result.point = (cells[1][1].mean - cells[1][0].mean) - (cells[0][1].mean - cells[0][0].mean);
  if (!std::isfinite(variance) || !std::isfinite(result.point)) {
    return FailStats(StatsErrorCode::kInvalid, "the numbers of the cells are too large");
  }
  result.standard_error = std::sqrt(variance);
  result.degrees_of_freedom = 1 / weight;
  result.p_value = 2 * StudentUpperTail(std::abs(result.point) / result.standard_error, result.degrees_of_freedom);
  return result;
}

Outcome<std::vector<InteractionFinding>> ScanInteractions(std::span<const InteractionPair> pairs, double alpha) {
  if (!(alpha > 0 && alpha < 1)) return FailStats(StatsErrorCode::kInvalid, "alpha must be within 0 and 1");
  std::vector<InteractionFinding> findings;
  std::vector<double> p_values;
  for (std::size_t i = 0; i < pairs.size(); ++i) {
    const Outcome<Interaction> interaction = InteractionOf(pairs[i].cells);
    if (!interaction) continue;
    findings.push_back({pairs[i].name, *interaction, 1, false, i});
    p_values.push_back(interaction->p_value);
  }
  const Outcome<std::vector<double>> adjusted = AdjustP(p_values, Correction::kBenjaminiHochberg);
  if (!adjusted) return tl::unexpected(adjusted.error());
  for (std::size_t i = 0; i < findings.size(); ++i) {
    findings[i].adjusted_p = (*adjusted)[i];
    findings[i].is_suspect = findings[i].adjusted_p <= alpha;
  }
  std::stable_sort(findings.begin(), findings.end(), [](const InteractionFinding& a, const InteractionFinding& b) {
    return a.interaction.p_value < b.interaction.p_value;
  });
  return findings;
}

Outcome<ClusterTest> CompareClusters(std::span<const ClusterTotal> control, std::span<const ClusterTotal> treatment,
                                     const ClusterOptions& options) {
  if (!(options.alpha > 0 && options.alpha < 1) || options.permutations > kMostPermutations) {
    return FailStats(StatsErrorCode::kInvalid, "alpha must be within 0 and 1, permutations at most 1000000");
  }
  if (control.size() > kMaxClusters || treatment.size() > kMaxClusters || !AreTotals(control) ||
      !AreTotals(treatment)) {
    return FailStats(StatsErrorCode::kInvalid, "more than 10000 clusters, or totals that are no numbers");
  }
  if (control.size() < 2 || treatment.size() < 2) {
    return FailStats(StatsErrorCode::kInsufficientN, "an arm has fewer than two clusters");
  }
  const auto all = [](std::size_t) { return true; };
  const auto c = RatioOf(control, all), t = RatioOf(treatment, all);
  if (!c || !t) return FailStats(StatsErrorCode::kBaselineZero, "the denominators of an arm's clusters sum to 0");
  if (!std::isfinite(c->value - t->value) || !std::isfinite(c->variance + t->variance)) {
    return FailStats(StatsErrorCode::kInvalid, "totals of clusters are too large");
  }
  if (!(c->variance + t->variance > 0)) return FailStats(StatsErrorCode::kZeroVariance, "no cluster varies");
  ClusterTest test;
  Effect& effect = test.estimate.effect;
  effect.point = t->value - c->value;
  effect.standard_error = std::sqrt(c->variance + t->variance);
  effect.degrees_of_freedom = static_cast<double>(control.size() + treatment.size()) - 2;
  effect.control_mean = c->value;
  effect.treatment_mean = t->value;
  effect.n_control = static_cast<double>(control.size());
  effect.n_treatment = static_cast<double>(treatment.size());
  const double reach = StudentUpperQuantile(options.alpha / 2, effect.degrees_of_freedom) * effect.standard_error;
  test.estimate.interval = {effect.point - reach, effect.point + reach};
  test.estimate.p_value =
      2 * StudentUpperTail(std::abs(effect.point) / effect.standard_error, effect.degrees_of_freedom);
  std::vector<ClusterTotal> clusters(control.begin(), control.end());
  clusters.insert(clusters.end(), treatment.begin(), treatment.end());
  Permute(clusters, treatment.size(), options, test);
  return test;
}

}  // namespace guidon::stats
