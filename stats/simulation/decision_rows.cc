// What is decided by: S7 (several metrics), S8 (the Bayesian view), S12 (bandits).
#include <array>
#include <cmath>
#include <cstddef>
#include <numeric>
#include <string>
#include <vector>

#include "stats/inference/bandit.h"
#include "stats/inference/bayesian.h"
#include "stats/inference/distributions.h"
#include "stats/inference/multiplicity.h"
#include "stats/simulation/rows.h"

namespace guidon::stats {
namespace {

constexpr std::size_t kMetrics = 20, kReal = 5;

// The first kReal of them have an effect of three standard errors.
std::vector<double> PValues(Generator& generator) {
  std::vector<double> p_values(kMetrics);
  for (std::size_t metric = 0; metric < kMetrics; ++metric) {
    const double z = generator.Normal() + (metric < kReal ? 3 : 0);
    p_values[metric] = 2 * NormalUpperTail(std::abs(z));
  }
  return p_values;
}

std::vector<Check> SeveralMetrics(const SimulationOptions& options) {
  const std::size_t whole = 40'000, runs = ScaledRuns(whole, options);
  double holm = 0, uncorrected = 0, false_share = 0;
  ForEachRun(runs, options, "S7", [&](Generator& generator) {
    const std::vector<double> p = PValues(generator), by_holm = *AdjustP(p, Correction::kHolm),
                              by_bh = *AdjustP(p, Correction::kBenjaminiHochberg);
    bool any_holm = false, any = false;
    double found = 0, found_falsely = 0;
    for (std::size_t metric = 0; metric < kMetrics; ++metric) {
      const bool is_real = metric < kReal;
      any_holm = any_holm || (!is_real && by_holm[metric] < .05);
      any = any || (!is_real && p[metric] < .05);
      found += by_bh[metric] < .05;
      found_falsely += !is_real && by_bh[metric] < .05;
    }
    holm += any_holm;
    uncorrected += any;
    if (found > 0) false_share += found_falsely / found;
  });
  const auto of = static_cast<double>(runs);
  return {ShareCheck("any false finding, Holm", holm, of, 0, .05, whole, runs),
          MeanCheck("share of findings that are false, B-H", false_share / of, .0375, .004, whole, runs),
          ShareCheck("any false finding, uncorrected", uncorrected, of, .527, .547, whole, runs)};
}

std::vector<Check> DrawnTruths(const SimulationOptions& options) {
  const std::size_t whole = 200'000, runs = ScaledRuns(whole, options);
  double covered = 0, expected_loss = 0, real_loss = 0;
  std::array<double, 10> chances{}, wins{}, count{};
  ForEachRun(runs, options, "S8", [&](Generator& generator) {
    const double truth = .1 * generator.Normal();
    Effect effect;
    effect.scale = Scale::kRelative;
    effect.control_mean = 1;
    effect.standard_error = .05;
    effect.point = truth + .05 * generator.Normal();
    const Posterior posterior = *NormalPosterior(effect, Prior::Lift(0, .1));
    covered += posterior.credible.lower <= truth && truth <= posterior.credible.upper;
    // The better arm by the posterior is taken; what that costs, if it was not.
    if (posterior.chance_to_win > .5) {
      expected_loss += posterior.loss_of_treatment;
      real_loss += std::max(-truth, 0.0);
    } else {
      expected_loss += posterior.loss_of_control;
      real_loss += std::max(truth, 0.0);
    }
    const auto decile = static_cast<std::size_t>(std::min(posterior.chance_to_win * 10, 9.0));
    chances[decile] += posterior.chance_to_win;
    wins[decile] += truth > 0;
    ++count[decile];
  });
  double worst = 0;  // of the deciles, between the chance that was told and the share that won
  for (std::size_t decile = 0; decile < 10; ++decile) {
    if (count[decile] > 0) worst = std::max(worst, std::abs(chances[decile] - wins[decile]) / count[decile]);
  }
  const double wider = std::sqrt(static_cast<double>(whole) / static_cast<double>(runs));
  return {
      ShareCheck("credible intervals that hold the truth", covered, static_cast<double>(runs), .948, .952, whole, runs),
      MeanCheck("real loss / expected loss", real_loss / expected_loss, 1, .02, whole, runs),
      {"chance to win against wins, worst decile", worst, 0, .02 * wider, runs}};
}

// Documents the danger: it does not cure peeking.
std::vector<Check> BayesianPeeking(const SimulationOptions& options) {
  const std::size_t whole = 20'000, runs = ScaledRuns(whole, options);
  double crossed = 0;
  ForEachRun(runs, options, "S8b", [&](Generator& generator) {
    double sum = 0;
    for (int look = 1; look <= 20; ++look) {
      sum += generator.Normal();
      Effect effect;
      effect.point = sum / look;
      effect.standard_error = 1 / std::sqrt(look);
      const double chance = NormalPosterior(effect, Prior::Flat())->chance_to_win;
      if (chance > .95 || chance < .05) {
        ++crossed;
        return;
      }
    }
  });
  return {ShareCheck("equal arms ever beyond 95 or 5 %", crossed, static_cast<double>(runs), .404, .432, whole, runs)};
}

std::vector<Check> Thompson(const SimulationOptions& options) {
  const std::size_t whole = 2'000, runs = ScaledRuns(whole, options);
  const std::array<double, 3> rates = {.10, .11, .12};
  double to_best = 0, ends_on_best = 0;
  ForEachRun(runs, options, "S12", [&](Generator& generator) {
    std::vector<BanditArm> arms(3);
    std::vector<double> weights(3, 1.0 / 3);
    double best = 0;
    std::array<double, 3> n{}, successes{};
    for (int period = 0; period < 20; ++period) {
      for (std::size_t arm = 0; arm < 3; ++arm) {
        const double units = std::round(3'000 * weights[arm]);
        n[arm] += units;
        successes[arm] += static_cast<double>(generator.Binomial(static_cast<std::uint64_t>(units), rates[arm]));
        if (arm == 2) best += units;
        arms[arm] = {n[arm], successes[arm] / n[arm], successes[arm] / n[arm] * (1 - successes[arm] / n[arm])};
      }
      weights = Allocate(arms, {.floor = .01})->weights;
    }
    to_best += best / (20 * 3'000.0);
    ends_on_best += weights[2] > .5;
  });
  const auto of = static_cast<double>(runs);
  return {{"share of units on the best arm", to_best / of, .82, 1, runs},
          ShareCheck("ends with more than half on the best arm", ends_on_best, of, .985, 1, whole, runs)};
}

}  // namespace

void AddDecisionRows(std::vector<Row>& rows) {
  rows.push_back({"S7", "20 metrics, of which 5 have an effect", SeveralMetrics});
  rows.push_back({"S8", "posteriors, truths drawn from the prior", DrawnTruths});
  rows.push_back({"S8b", "peeking at the chance to win, flat prior", BayesianPeeking});
  rows.push_back({"S12", "Thompson sampling over 20 periods", Thompson});
}

}  // namespace guidon::stats
