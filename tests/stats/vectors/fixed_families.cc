// Families of stats/inference that look once: effects, proportions, raw values, regression, strata, distributions.
#include <cmath>
#include <variant>

#include "stats/inference/distributions.h"
#include "stats/inference/effects.h"
#include "stats/inference/fixed.h"
#include "stats/inference/proportion.h"
#include "stats/inference/ranks.h"
#include "stats/inference/raw_values.h"
#include "stats/inference/regression.h"
#include "stats/inference/stratify.h"
#include "tests/stats/vectors/arms.h"
#include "tests/stats/vectors/registry.h"

namespace guidon::stats::vectors {
namespace {

void Require(const Case& c, std::string_view method) {
  if (c.method != method) UnknownMethod(c);
}

Question QuestionOf(const Case& c) {
  return {Number(c.params, "alpha"), AlternativeOf(c), NumberOr(c.params, "null_value", 0)};
}

Object Describe(const Estimate& estimate) {
  const Effect& effect = estimate.effect;
  return {{"point_estimate", effect.point},      {"standard_error", effect.standard_error},
          {"dof", effect.degrees_of_freedom},    {"ci_lower", estimate.interval.lower},
          {"ci_upper", estimate.interval.upper}, {"p_value", estimate.p_value},
          {"control_mean", effect.control_mean}, {"treatment_mean", effect.treatment_mean}};
}

Outputs DescribeFixed(const Outcome<Effect>& effect, const Question& question) {
  if (!effect) return FailStats(effect.error());
  return Describe(FixedEstimate(*effect, question));
}

// What the arms' statistics say beside their effect.
void AddDetails(Object& outputs, const ArmStatistic& control, const ArmStatistic& treatment) {
  const auto add = [&](const auto& c, const auto& t) {
    const double theta = Theta(c, t);
    outputs.Set("theta", theta);
    outputs.Set("variance_control_adjusted", AdjustedVariance(c, theta));
    outputs.Set("variance_treatment_adjusted", AdjustedVariance(t, theta));
  };
  if (const auto* c = std::get_if<CupedStatistic>(&control)) add(*c, std::get<CupedStatistic>(treatment));
  if (const auto* c = std::get_if<CupedRatioStatistic>(&control)) add(*c, std::get<CupedRatioStatistic>(treatment));
  const Outcome<ArmValue> of_control = ValueOf(control);
  const Outcome<ArmValue> of_treatment = ValueOf(treatment);
  if (of_control && of_treatment) {
    outputs.Set("variance_control", of_control->variance);
    outputs.Set("variance_treatment", of_treatment->variance);
  }
}

Outputs WelchTest(const Case& c) {
  Require(c, "welch_t_test");
  Outputs outputs = DescribeFixed(EffectOf(c), QuestionOf(c));
  if (!outputs) return outputs;
  const Arms arms = ReadArms(c);
  AddDetails(*outputs, arms.control, arms.treatment);
  return outputs;
}

template <typename Statistic>
void AddTheta(Object& outputs, const std::vector<Stratum>& strata) {
  if (!std::holds_alternative<Statistic>(strata.front().control)) return;
  Statistic control, treatment;
  for (const Stratum& stratum : strata) {
    control = Merge(control, std::get<Statistic>(stratum.control));
    treatment = Merge(treatment, std::get<Statistic>(stratum.treatment));
  }
  outputs.Set("theta", Theta(control, treatment));
}

Outputs PostStratification(const Case& c) {
  Require(c, "welch_t_test");
  const std::string& type = Text(c.inputs, "statistic_type");
  std::vector<Stratum> strata;
  for (const Value& stratum : Need(c.inputs, "strata").AsArray()) {
    strata.push_back({ReadArm(Need(stratum, "control"), type), ReadArm(Need(stratum, "treatment"), type)});
  }
  const Outcome<StratifiedEffect> stratified = PostStratifiedEffect(strata, ScaleOf(c));
  if (!stratified) return FailStats(stratified.error());
  Object outputs = Describe(FixedEstimate(ScaledImpact(stratified->effect, ImpactFactorOf(c)), QuestionOf(c)));
  AddTheta<CupedStatistic>(outputs, strata);
  AddTheta<CupedRatioStatistic>(outputs, strata);
  return outputs;
}

// ---- Proportions

ProportionStatistic ReadShare(const Value& arm) {
  return {Number(arm, "n"), Number(arm, "sum")};
}

Object Describe(const Interval& interval) {
  return {{"ci_lower", interval.lower}, {"ci_upper", interval.upper}};
}

Outputs ProportionInterval(const Case& c) {
  const double alpha = Number(c.params, "alpha");
  if (c.method != "wilson" && c.method != "clopper_pearson") UnknownMethod(c);
  const ProportionStatistic arm = ReadShare(c.inputs);
  return (c.method == "wilson" ? WilsonInterval(arm, alpha) : ClopperPearsonInterval(arm, alpha))
      .map([](const Interval& interval) { return Describe(interval); });
}

Outputs ProportionTest(const Case& c) {
  const ProportionStatistic control = ReadShare(Need(c.inputs, "control"));
  const ProportionStatistic treatment = ReadShare(Need(c.inputs, "treatment"));
  if (c.method == "pooled_z_two_sided") {
    return PooledZTest(control, treatment, AlternativeOf(c)).map([](const ZTest& test) {
      return Object{{"z", test.z}, {"p_value", test.p_value}};
    });
  }
  const double alpha = Number(c.params, "alpha");
  if (c.method == "proportion_diff_ci_newcombe") {
    return NewcombeInterval(control, treatment, alpha).map([](const Interval& interval) { return Describe(interval); });
  }
  if (c.method != "proportion_diff_ci_miettinen_nurminen") UnknownMethod(c);
  return MiettinenNurminen(control, treatment, alpha).map([](const ScoreInterval& score) {
    Object outputs = Describe(score.interval);
    outputs.Set("p_value", score.p_value);
    return outputs;
  });
}

Outputs Fisher(const Case& c) {
  Require(c, "fisher_exact_two_sided");
  return FisherExact(ReadShare(Need(c.inputs, "control")), ReadShare(Need(c.inputs, "treatment"))).map([](double p) {
    return Object{{"p_value", p}};
  });
}

// ---- Differences as others report them

// A number that is its own square in all units is a yes or no.
ArmStatistic ReadMeanOrShare(const Value& arm) {
  const bool binary = arm.Find("sum_squares") == nullptr || Number(arm, "sum_squares") == Number(arm, "sum");
  return ReadArm(arm, binary ? "proportion" : "mean");
}

Outputs Difference(const Case& c) {
  const ArmStatistic control = ReadMeanOrShare(Need(c.inputs, "control"));
  const ArmStatistic treatment = ReadMeanOrShare(Need(c.inputs, "treatment"));
  const Value* type = c.params.Find("difference_type");
  const Outcome<Effect> effect = stats::EffectOf(control, treatment, type == nullptr ? Scale::kAbsolute : ScaleOf(c));
  if (!effect) return FailStats(effect.error());

  Object outputs;
  Estimate estimate;
  if (c.method == "welch_t_test") {
    estimate = FixedEstimate(*effect, QuestionOf(c));
  } else if (c.method == "z_test") {
    estimate = NormalEstimate(*effect, QuestionOf(c));
  } else if (c.method == "z_test_non_inferiority") {
    const double margin = Number(c.params, "non_inferiority_margin_relative") * std::abs(effect->control_mean);
    const Direction good =
        Text(c.params, "preferred_direction") == "increase" ? Direction::kIncrease : Direction::kDecrease;
    const NonInferiority test = NonInferiorityTest(*effect, margin, good, Number(c.params, "alpha"), true);
    outputs.Set("null_hypothesis", test.null_value);
    estimate = test.estimate;
  } else {
    UnknownMethod(c);
  }
  for (const Member& member : Describe(estimate)) outputs.Set(member.name, member.value);
  outputs.Set("difference", effect->point);
  return outputs;
}

// ---- From values

Clusters ReadClusters(const Value& object, std::string_view name) {
  Clusters clusters;
  for (const Value& cluster : Need(object, name).AsArray()) clusters.push_back(Numbers(cluster));
  return clusters;
}

Outputs Winsorize(const Case& c) {
  Require(c, "winsorized_welch_t");
  const std::vector<double> control = Numbers(c.inputs, "control");
  const std::vector<double> treatment = Numbers(c.inputs, "treatment");
  std::vector<double> pooled = control;
  pooled.insert(pooled.end(), treatment.begin(), treatment.end());
  WinsorRule rule{.ignore_zeros = BoolOr(c.params, "ignore_zeros", false)};
  const auto percentile = [&](std::string_view name) {
    const double q = NumberOr(c.params, name, -1);
    return q < 0 ? std::nullopt : std::optional(q);
  };
  rule.upper = percentile("upper_percentile");
  rule.lower = percentile("lower_percentile");
  const Outcome<WinsorCaps> caps = PercentileCaps(pooled, rule);
  if (!caps) return FailStats(caps.error());
  Outputs outputs = DescribeFixed(
      MeanEffect(WinsorizedMean(control, *caps), WinsorizedMean(treatment, *caps), ScaleOf(c)), QuestionOf(c));
  if (!outputs) return outputs;
  outputs->Set("upper_cap", OrNull(caps->upper));
  outputs->Set("lower_cap", OrNull(caps->lower));
  return outputs;
}

Outputs QuantileRaw(const Case& c) {
  Require(c, "cluster_adjusted_quantile_test");
  const Value& values = Need(c.inputs, "values_by_cluster");
  const double nu = Number(c.params, "nu");
  const Outcome<QuantileClusteredStatistic> control = ClusteredQuantile(ReadClusters(values, "control"), nu);
  if (!control) return FailStats(control.error());
  const Outcome<QuantileClusteredStatistic> treatment = ClusteredQuantile(ReadClusters(values, "treatment"), nu);
  if (!treatment) return FailStats(treatment.error());
  Outputs outputs = DescribeFixed(QuantileEffect(*control, *treatment, ScaleOf(c)), QuestionOf(c));
  if (!outputs) return outputs;
  const auto add = [&](const std::string& arm, const QuantileStatistic& quantile) {
    outputs->Set(arm + "_quantile_hat", quantile.estimate);
    outputs->Set(arm + "_quantile_lower", quantile.lower);
    outputs->Set(arm + "_quantile_upper", quantile.upper);
  };
  add("control", control->quantile);
  add("treatment", treatment->quantile);
  return outputs;
}

Outputs RatioRaw(const Case& c) {
  Require(c, "ratio_from_events");
  const Value& values = Need(c.inputs, "values_by_user");
  const RatioStatistic control = MeanPerEvent(ReadClusters(values, "control"));
  const RatioStatistic treatment = MeanPerEvent(ReadClusters(values, "treatment"));
  Outputs outputs = DescribeFixed(RatioEffect(control, treatment, ScaleOf(c)), QuestionOf(c));
  if (!outputs) return outputs;
  // The sandwich of clusters, which has the divisor n where ours has n - 1.
  double squares = 0;
  for (const RatioStatistic* arm : {&control, &treatment}) {
    const ArmValue value = *ValueOf(*arm);
    squares += value.variance * (value.n - 1) / (value.n * value.n);
  }
  outputs->Set("cluster_robust_se_uncorrected", std::sqrt(squares));
  return outputs;
}

Outputs RegressionAdjustment(const Case& c) {
  Require(c, "ols_adjusted_ate");
  const std::vector<double> y = Numbers(c.inputs, "y");
  const std::vector<double> x = Numbers(c.inputs, "x");
  std::vector<bool> treated;
  for (double arm : Numbers(c.inputs, "treated")) treated.push_back(arm != 0);
  const Outcome<AdjustedEffect> ancova = Ancova(y, x, treated);
  if (!ancova) return FailStats(ancova.error());
  const Outcome<AdjustedEffect> lin = Lin(y, x, treated);
  if (!lin) return FailStats(lin.error());
  CupedStatistic control, treatment;
  for (std::size_t i = 0; i < y.size(); ++i) (treated[i] ? treatment : control).yx.Add({y[i], x[i]});
  const Outcome<Effect> cuped = CupedEffect(control, treatment, Scale::kAbsolute);
  if (!cuped) return FailStats(cuped.error());
  return Object{{"ancova_effect", ancova->effect},          {"ancova_se_classic", ancova->se_classic},
                {"ancova_se_hc2", ancova->se_robust},       {"lin_effect", lin->effect},
                {"lin_se_classic", lin->se_classic},        {"lin_se_hc2", lin->se_robust},
                {"cuped_theta", Theta(control, treatment)}, {"cuped_effect", cuped->point},
                {"cuped_se", cuped->standard_error},        {"cuped_p_value", FixedEstimate(*cuped).p_value}};
}

Outputs RankSum(const Case& c) {
  Require(c, "mann_whitney_asymptotic");
  return MannWhitney(Numbers(c.inputs, "control"), Numbers(c.inputs, "treatment"),
                     BoolOr(c.params, "continuity_correction", true))
      .map([](const RankTest& test) {
        return Object{{"u_treatment", test.u_treatment}, {"p_value", test.p_value}};
      });
}

Outputs MomentAccumulator(const Case& c) {
  Require(c, "streaming_merge");
  const std::vector<double> x = Numbers(c.inputs, "x");
  const std::vector<double> y = Numbers(c.inputs, "y");
  if (x.size() != y.size()) throw MalformedCase("'x' and 'y' differ in length");
  CoMoments all;
  std::size_t next = 0;
  for (double size : Numbers(c.params, "merge_chunks")) {
    CoMoments chunk;
    for (double i = 0; i < size && next < x.size(); ++i, ++next) chunk.Add({x[next], y[next]});
    all = Merge(all, chunk);
  }
  if (next != x.size()) throw MalformedCase("'merge_chunks' are not as many as the values");
  return Object{{"mean_x", all.mean[0]},
                {"mean_y", all.mean[1]},
                {"var_x", all.Variance(0)},
                {"var_y", all.Variance(1)},
                {"cov_xy", all.Covariance(0, 1)}};
}

Outputs Distributions(const Case& c) {
  const auto of_one = [&](std::string_view name, double (*function)(double)) {
    std::vector<double> values;
    for (double x : Numbers(c.inputs, name)) values.push_back(function(x));
    return Object{{"values", ToList(values)}};
  };
  const auto of_two = [&](std::string_view name, double (*function)(double, double)) {
    const std::vector<double> x = Numbers(c.inputs, name);
    const std::vector<double> dof = Numbers(c.inputs, "dof");
    if (x.size() != dof.size()) throw MalformedCase("points and degrees of freedom differ in number");
    std::vector<double> values;
    for (std::size_t i = 0; i < x.size(); ++i) values.push_back(function(x[i], dof[i]));
    return Object{{"values", ToList(values)}};
  };
  if (c.method == "normal_upper_tail") return of_one("z", NormalUpperTail);
  if (c.method == "normal_quantile") return of_one("p", NormalQuantile);
  if (c.method == "student_t_upper_tail") return of_two("t", StudentUpperTail);
  if (c.method == "student_t_quantile") return of_two("p", StudentQuantile);
  if (c.method == "chi2_upper_tail") return of_two("x", ChiSquaredUpperTail);
  UnknownMethod(c);
}

}  // namespace

void AddFixedFamilies(Registry& registry) {
  for (const char* family :
       {"mean_ttest", "proportion_ttest", "ratio_metric", "cuped", "cuped_ratio", "quantile_test"}) {
    registry.Add(family, WelchTest);
  }
  registry.Add("post_stratification", PostStratification);
  registry.Add("proportion_ztest", ProportionTest);
  registry.Add("proportion_ci", ProportionInterval);
  registry.Add("fisher_exact", Fisher);
  registry.Add("spotify_difference", Difference);
  registry.Add("winsorize", Winsorize);
  registry.Add("quantile_raw", QuantileRaw);
  registry.Add("ratio_raw", RatioRaw);
  registry.Add("regression_adjustment", RegressionAdjustment);
  registry.Add("mann_whitney", RankSum);
  registry.Add("moment_accumulator", MomentAccumulator);
  registry.Add("distributions", Distributions);
}

}  // namespace guidon::stats::vectors
