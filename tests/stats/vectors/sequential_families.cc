// The families of methods that look more than once, ask more than one question, or plan: sequential, Bayesian,
// multiplicity, sample-ratio mismatch, power and bandits.
#include <cmath>
#include <map>
#include <optional>
#include <utility>

#include "stats/inference/bandit.h"
#include "stats/inference/bayesian.h"
#include "stats/inference/confidence_sequence.h"
#include "stats/inference/effects.h"
#include "stats/inference/group_sequential.h"
#include "stats/inference/msprt.h"
#include "stats/inference/multiplicity.h"
#include "stats/inference/power.h"
#include "stats/inference/srm.h"
#include "tests/stats/vectors/arms.h"
#include "tests/stats/vectors/registry.h"

namespace guidon::stats::vectors {
namespace {

Outputs Failed(const StatsError& error) {
  return tl::unexpected<StatsError>(error);
}

// The member, unless it is missing or null.
const Value* Given(const Value& object, std::string_view name) {
  const Value* const member = object.Find(name);
  return member == nullptr || member->is_null() ? nullptr : member;
}

std::optional<double> NumberIfGiven(const Value& object, std::string_view name) {
  if (Given(object, name) == nullptr) return std::nullopt;
  return Number(object, name);
}

Direction GoodOf(const Case& c) {
  return BoolOr(c.params, "inverse", false) ? Direction::kDecrease : Direction::kIncrease;
}

// A prior without "proper" is proper, for it was given.
Prior PriorOf(const Case& c) {
  const Value* const prior = Given(c.params, "prior");
  if (prior == nullptr || !BoolOr(*prior, "proper", true)) return Prior::Flat();
  return Prior::Lift(Number(*prior, "mean"), Number(*prior, "stddev"));
}

// ---- Looking more than once --------------------------------------------------------------------------------------

Outputs Sequential(const Case& c) {
  const Outcome<Effect> effect = EffectOf(c);
  if (!effect) return Failed(effect.error());
  SequencePlan plan;
  plan.alpha = Number(c.params, "alpha");
  plan.tuned_to = Number(c.params, "tuning_parameter");
  plan.alternative = AlternativeOf(c);
  const Outcome<SequenceEstimate> sequence = ConfidenceSequence(*effect, plan);
  if (!sequence) return Failed(sequence.error());
  return Object{{"point_estimate", effect->point},
                {"standard_error", effect->standard_error},
                {"rho", sequence->rho},
                {"halfwidth", sequence->half_width},
                {"ci_lower", sequence->estimate.interval.lower},
                {"ci_upper", sequence->estimate.interval.upper},
                {"p_value", sequence->estimate.p_value}};
}

MsprtPlan MsprtPlanOf(const Case& c) {
  return {Number(c.params, "tau"), NumberOr(c.params, "theta0", 0), NumberOr(c.params, "alpha", 0.05)};
}

Outputs MsprtOfPairs(const Case& c) {
  const std::vector<double> control = Numbers(c.inputs, "control"), treatment = Numbers(c.inputs, "treatment");
  if (control.size() != treatment.size()) throw MalformedCase("pairs need as many of control as of treatment");
  const double sigma = Number(c.params, "sigma");
  std::vector<double> ratios, p_values;
  RunningP running;
  double sum = 0;
  for (std::size_t i = 0; i < control.size(); ++i) {
    sum += treatment[i] - control[i];
    const double n = static_cast<double>(i + 1);
    const Outcome<Msprt> test = MixtureSprt(sum / n, 2 * sigma * sigma / n, MsprtPlanOf(c));
    if (!test) return Failed(test.error());
    ratios.push_back(std::exp(test->log_likelihood_ratio));
    p_values.push_back(running.Add(test->p_value));
  }
  return Object{{"likelihood_ratio", ToList(ratios)}, {"always_valid_p", ToList(p_values)}};
}

Outputs MsprtOf(const Case& c, double difference, double variance) {
  const Outcome<Msprt> test = MixtureSprt(difference, variance, MsprtPlanOf(c));
  if (!test) return Failed(test.error());
  return Object{{"log_lambda", test->log_likelihood_ratio},
                {"likelihood_ratio", std::exp(test->log_likelihood_ratio)},
                {"p_value", test->p_value},
                {"ci_lower", test->interval.lower},
                {"ci_upper", test->interval.upper}};
}

Outputs MsprtFamily(const Case& c) {
  if (c.method == "two_sample_normal_known_sigma") return MsprtOfPairs(c);
  if (c.method == "two_sample_bernoulli_plugin_variance") {
    const double n = Number(c.inputs, "n_pairs");
    const double p = Number(c.inputs, "control_sum") / n, q = Number(c.inputs, "treatment_sum") / n;
    return MsprtOf(c, q - p, (p * (1 - p) + q * (1 - q)) / n);
  }
  if (c.method == "two_sample_sufficient_statistics") {
    const Value& control = Need(c.inputs, "control");
    const Value& treatment = Need(c.inputs, "treatment");
    const double variance =
        Number(control, "variance") / Number(control, "n") + Number(treatment, "variance") / Number(treatment, "n");
    return MsprtOf(c, Number(treatment, "mean") - Number(control, "mean"), variance);
  }
  UnknownMethod(c);
}

Outputs ConfidenceSequenceBounds(const Case& c) {
  const double alpha = Number(c.params, "alpha"), alpha_opt = Number(c.params, "alpha_opt");
  if (c.method == "bernoulli_beta_binomial") {
    const Outcome<Interval> interval =
        BernoulliConfidenceSequence(Number(c.inputs, "successes"), Number(c.inputs, "n"),
                                    {.alpha = alpha, .t_opt = Number(c.params, "t_opt"), .alpha_opt = alpha_opt});
    if (!interval) return Failed(interval.error());
    return Object{{"ci_lower", interval->lower}, {"ci_upper", interval->upper}};
  }
  const bool is_one_sided = c.method == "normal_mixture_one_sided";
  if (!is_one_sided && c.method != "normal_mixture_two_sided") UnknownMethod(c);
  const double rho = NormalMixtureRho(Number(c.params, "v_opt"), alpha_opt,
                                      is_one_sided ? Alternative::kGreater : Alternative::kTwoSided);
  std::vector<double> bounds;
  for (const double v : Numbers(c.inputs, "v")) {
    bounds.push_back(is_one_sided ? NormalMixtureBoundOneSided(v, alpha, rho) : NormalMixtureBound(v, alpha, rho));
  }
  return Object{{"rho", rho}, {"bound", ToList(bounds)}};
}

Outputs GroupSequentialFamily(const Case& c) {
  const std::map<std::string, SpendingKind> kinds = {{"lan_demets_obf", SpendingKind::kObrienFleming},
                                                     {"lan_demets_pocock", SpendingKind::kPocock},
                                                     {"power", SpendingKind::kPower}};
  const auto kind = kinds.find(Text(c.params, "spending"));
  if (kind == kinds.end()) throw MalformedCase("unknown spending function");
  GroupSequentialPlan plan;
  plan.alpha = Number(c.params, "alpha");
  plan.spending = {kind->second, NumberOr(c.params, "rho", 1)};
  if (c.method == "alpha_spending_spotify_power2") {
    // One side of it, with that side's share of alpha.
    plan.alternative = Alternative::kGreater;
    plan.alpha /= Number(c.params, "sides");
  } else if (c.method != "alpha_spending_two_sided") {
    UnknownMethod(c);
  }
  const Outcome<std::vector<Look>> looks = Boundaries(Numbers(c.inputs, "information_fractions"), plan);
  if (!looks) return Failed(looks.error());
  std::vector<double> bounds, spent;
  for (const Look& look : *looks) {
    bounds.push_back(look.bound);
    spent.push_back(look.alpha_spent);
  }
  return Object{{"z_bounds", ToList(bounds)}, {"cumulative_alpha_two_sided", ToList(spent)}};
}

// ---- Bayesian ----------------------------------------------------------------------------------------------------

Outputs Bayesian(const Case& c) {
  const Arms arms = ReadArms(c);
  const Outcome<Effect> effect = stats::EffectOf(arms.control, arms.treatment, ScaleOf(c));
  if (!effect) return Failed(effect.error());
  const Outcome<Posterior> view =
      NormalPosterior(*effect, PriorOf(c), {.alpha = Number(c.params, "alpha"), .good = GoodOf(c)});
  if (!view) return Failed(view.error());
  const double factor = ImpactFactorOf(c);  // losses are never scaled
  return Object{{"chance_to_win", view->chance_to_win},      {"expected", view->mean * factor},
                {"posterior_stddev", view->stddev * factor}, {"ci_lower", view->credible.lower * factor},
                {"ci_upper", view->credible.upper * factor}, {"risk_control", view->loss_of_control},
                {"risk_treatment", view->loss_of_treatment}};
}

Outputs BetaBinomial(const Case& c) {
  const auto arm = [&](std::string_view name) {
    const Value& counts = Need(c.inputs, name);
    return ProportionStatistic{Number(counts, "n"), Number(counts, "sum")};
  };
  const Outcome<BetaPosterior> view = BetaBinomialPosterior(
      arm("control"), arm("treatment"), {Number(c.params, "prior_alpha"), Number(c.params, "prior_beta")});
  if (!view) return Failed(view.error());
  return Object{{"prob_treatment_better", view->chance_to_win},
                {"expected_loss_if_choose_treatment", view->loss_of_treatment},
                {"expected_loss_if_choose_control", view->loss_of_control},
                {"posterior_mean_control", view->mean_control},
                {"posterior_mean_treatment", view->mean_treatment}};
}

Interval IntervalOf(const Case& c) {
  return {Number(c.inputs, "ci_lower"), Number(c.inputs, "ci_upper")};
}

Outputs ChanceToWinFlatPrior(const Case& c) {
  const Outcome<double> chance =
      ChanceToWinOf(Number(c.inputs, "point_estimate"), IntervalOf(c), Number(c.params, "alpha"), GoodOf(c));
  if (!chance) return Failed(chance.error());
  return Object{{"chance_to_win", *chance}};
}

// ---- Several questions -------------------------------------------------------------------------------------------

Outputs MultipleTesting(const Case& c) {
  const std::map<std::string, Correction> corrections = {{"bonferroni", Correction::kBonferroni},
                                                         {"holm", Correction::kHolm},
                                                         {"holm_sidak", Correction::kHolmSidak},
                                                         {"hochberg", Correction::kHochberg},
                                                         {"hommel", Correction::kHommel},
                                                         {"benjamini_hochberg", Correction::kBenjaminiHochberg},
                                                         {"benjamini_yekutieli", Correction::kBenjaminiYekutieli}};
  const auto correction = corrections.find(c.method);
  if (correction == corrections.end()) UnknownMethod(c);
  const Outcome<std::vector<double>> adjusted = AdjustP(Numbers(c.inputs, "p_values"), correction->second);
  if (!adjusted) return Failed(adjusted.error());
  return Object{{"adjusted_p_values", ToList(*adjusted)}};
}

Outputs AdjustedCi(const Case& c) {
  const Interval wide = WidenToAdjustedP(Number(c.inputs, "point_estimate"), IntervalOf(c),
                                         Number(c.inputs, "adjusted_p_value"), Number(c.params, "alpha"));
  return Object{{"ci_lower", wide.lower}, {"ci_upper", wide.upper}};
}

Outputs SrmChi2(const Case& c) {
  const Outcome<RatioTest> test = TestRatio(Numbers(c.inputs, "observed"), Numbers(c.params, "weights"));
  if (!test) return Failed(test.error());
  return Object{{"chi2", test->chi_squared}, {"dof", test->degrees_of_freedom}, {"p_value", test->p_value}};
}

Outputs SrmSequential(const Case& c) {
  Outcome<SequentialRatio> test = SequentialRatio::Begin(Numbers(c.params, "null_probabilities"),
                                                         NumberOr(c.params, "dirichlet_concentration", 1e4));
  if (!test) return Failed(test.error());
  std::vector<double> factors, p_values;
  for (const Value& increment : Need(c.inputs, "increments").AsArray()) {
    const Outcome<double> p = test->Add(Numbers(increment));
    if (!p) return Failed(p.error());
    factors.push_back(test->log_bayes_factor());
    p_values.push_back(*p);
  }
  return Object{{"log_bayes_factor", ToList(factors)}, {"p_value", ToList(p_values)}};
}

// ---- Planning ----------------------------------------------------------------------------------------------------

Baseline BaselineOf(const Value& metric) {
  if (Text(metric, "type") == "binomial") return ShareBaseline(Number(metric, "conversion_rate"));
  return MeanBaseline(Number(metric, "mean"), Number(metric, "stddev"));
}

DesignOptions DesignOf(const Case& c) {
  DesignOptions options;
  options.alpha = Number(c.params, "alpha");
  options.power = NumberOr(c.params, "power", options.power);
  options.is_two_sided = BoolOr(c.params, "two_sided", true);
  options.sequence_tuned_to = NumberIfGiven(c.params, "sequential_tuning_parameter");
  return options;
}

Outputs Named(std::string_view name, const Outcome<double>& number) {
  if (!number) return Failed(number.error());
  Object outputs;
  outputs.Append(name, *number);
  return outputs;
}

Outputs Power(const Case& c) {
  const Value& metric = Need(c.inputs, "metric");
  const double lift = Number(metric, "relative_effect");
  if (c.method == "bayesian_power") {
    return Named("power", BayesianPowerForLift(BaselineOf(metric), lift, Number(c.inputs, "n_per_variation"),
                                               PriorOf(c), Number(c.params, "alpha")));
  }
  if (c.method != "relative_effect_power") UnknownMethod(c);
  const double per_arm = Number(c.inputs, "total_n") / Number(c.inputs, "variations");
  return Named("power", PowerForLift(BaselineOf(metric), lift, per_arm, DesignOf(c)));
}

Outputs Mde(const Case& c) {
  const double per_arm = Number(c.inputs, "total_n") / Number(c.inputs, "variations");
  return Named("mde", DetectableLift(BaselineOf(Need(c.inputs, "metric")), per_arm, DesignOf(c)));
}

Outputs SpotifySize(const Case& c) {
  const double baseline = NumberOr(c.inputs, "baseline", 0);
  const double variance =
      c.method == "spotify_total_binomial" ? baseline * (1 - baseline) : Number(c.inputs, "variance");
  ArmsPlan plan;
  plan.allocations = Numbers(c.params, "allocations");
  plan.comparisons =
      Text(c.params, "comparisons") == "all_vs_all" ? Comparisons::kAllToAll : Comparisons::kControlToAll;
  plan.bonferroni = BoolOr(c.params, "bonferroni", false);
  const Outcome<TotalUnits> units = UnitsForArms(Number(c.inputs, "absolute_mde"), variance, plan, DesignOf(c));
  if (!units) return Failed(units.error());
  return Object{{"total_n", units->total}, {"n_by_arm", ToList(units->by_arm)}};
}

Outputs SampleSize(const Case& c) {
  const double ratio = NumberOr(c.params, "ratio_treatment_to_control", 1);
  if (c.method == "spotify_total_binomial" || c.method == "spotify_total_continuous") return SpotifySize(c);
  if (c.method == "two_proportions_pooled_null") {
    return Named("n_per_arm", UnitsForShares(Number(c.inputs, "baseline"), Number(c.inputs, "treatment"), DesignOf(c)));
  }
  if (c.method == "two_sample_z") {
    return Named("n_control", UnitsForEffectZ(Number(c.inputs, "standardized_effect"), DesignOf(c), ratio));
  }
  if (c.method == "two_sample_t") {
    return Named("n_control", UnitsForEffectT(Number(c.inputs, "standardized_effect"), DesignOf(c), ratio));
  }
  if (c.method != "cohen_h_normal") UnknownMethod(c);
  const double h = CohenH(Number(c.inputs, "baseline"), Number(c.inputs, "treatment"));
  const Outcome<double> n = UnitsForEffectZ(h, DesignOf(c), ratio);
  if (!n) return Failed(n.error());
  return Object{{"effect_size_h", h}, {"n_control", *n}};
}

Outputs MidExperimentPower(const Case& c) {
  const Arms arms = ReadArms(c);
  const Outcome<Effect> effect = stats::EffectOf(arms.control, arms.treatment, Scale::kRelative);
  if (!effect) return Failed(effect.error());
  MidwayPlan plan;
  plan.lift = Number(c.params, "target_mde");
  plan.power = Number(c.params, "target_power");
  plan.alpha = Number(c.params, "alpha");
  plan.goals = NumberOr(c.params, "num_goal_metrics", 1);
  plan.variations = NumberOr(c.params, "num_variations", 2);
  plan.is_corrected = BoolOr(c.params, "p_value_corrected", false);
  plan.sequence_tuned_to = NumberIfGiven(c.params, "sequential_tuning_parameter");
  plan.prior = PriorOf(c);
  const Outcome<Midway> midway = MidwayPower(*effect, plan);
  if (!midway) return Failed(midway.error());
  const std::optional<double> more = midway->scale > 0 ? std::optional<double>(midway->additional_units) : std::nullopt;
  return Object{
      {"current_power", midway->power}, {"scaling_factor", midway->scale}, {"additional_users", OrNull(more)}};
}

// ---- Bandits -----------------------------------------------------------------------------------------------------

Outputs Bandit(const Case& c) {
  std::vector<BanditArm> arms;
  for (const Value& sums : Need(c.inputs, "arms").AsArray()) {
    const Moments moments = Moments::FromSums(Number(sums, "n"), Number(sums, "sum"), Number(sums, "sum_squares"));
    arms.push_back({moments.n, moments.mean, moments.Variance()});
  }
  BanditOptions options;
  options.floor = Number(c.params, "min_variation_weight");
  options.min_units = 0;
  options.good = GoodOf(c);
  options.top_two = BoolOr(c.params, "top_two", false);
  if (const Value* const prior = Given(c.params, "prior")) {
    options.prior = BanditPrior{Number(*prior, "mean"), Number(*prior, "stddev")};
  }
  const Outcome<BanditAllocation> next = Allocate(arms, options);
  if (!next) return Failed(next.error());
  return Object{{"posterior_mean", ToList(next->mean)},
                {"posterior_variance", ToList(next->variance)},
                {"best_arm_probabilities", ToList(next->best)},
                {"weights", ToList(next->weights)}};
}

}  // namespace

void AddSequentialFamilies(Registry& registry) {
  registry.Add("sequential", Sequential);
  registry.Add("msprt", MsprtFamily);
  registry.Add("confidence_sequence_bounds", ConfidenceSequenceBounds);
  registry.Add("group_sequential", GroupSequentialFamily);
  registry.Add("bayesian", Bayesian);
  registry.Add("beta_binomial", BetaBinomial);
  registry.Add("chance_to_win_flat_prior", ChanceToWinFlatPrior);
  registry.Add("multiple_testing", MultipleTesting);
  registry.Add("adjusted_ci", AdjustedCi);
  registry.Add("srm_chi2", SrmChi2);
  registry.Add("srm_sequential", SrmSequential);
  registry.Add("power", Power);
  registry.Add("mde", Mde);
  registry.Add("sample_size", SampleSize);
  registry.Add("mid_experiment_power", MidExperimentPower);
  registry.Add("bandit", Bandit);
}

}  // namespace guidon::stats::vectors
