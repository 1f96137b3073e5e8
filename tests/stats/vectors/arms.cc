#include "tests/stats/vectors/arms.h"

#include <string>

namespace guidon::stats::vectors {
namespace {

// A component that is "binomial" is 0 or 1 for each unit, and so its own square.
UnitValue KindOf(const Value& arm, std::string_view name) {
  const Value* kind = arm.Find(name);
  return kind != nullptr && kind->AsString() == "binomial" ? UnitValue::kBinary : UnitValue::kCount;
}

double SquaresOf(const Value& arm, std::string_view component, UnitValue kind) {
  const std::string sum = std::string(component) + "_sum";
  return kind == UnitValue::kBinary ? Number(arm, sum) : Number(arm, sum + "_squares");
}

MeanStatistic ReadMean(const Value& arm) {
  return {Moments::FromSums(Number(arm, "n"), Number(arm, "sum"), Number(arm, "sum_squares"))};
}

RatioStatistic ReadRatio(const Value& arm) {
  const UnitValue numerator = KindOf(arm, "main_type");
  const UnitValue denominator = KindOf(arm, "denominator_type");
  return {CoMoments::FromSums(Number(arm, "n"), {Number(arm, "main_sum"), Number(arm, "denominator_sum")},
                              {SquaresOf(arm, "main", numerator), Number(arm, "main_denominator_sum_product"),
                               SquaresOf(arm, "denominator", denominator)}),
          numerator, denominator};
}

CupedStatistic ReadCuped(const Value& arm) {
  const UnitValue value = KindOf(arm, "main_type");
  return {CoMoments::FromSums(Number(arm, "n"), {Number(arm, "main_sum"), Number(arm, "covariate_sum")},
                              {SquaresOf(arm, "main", value), Number(arm, "main_covariate_sum_product"),
                               SquaresOf(arm, "covariate", value)}),
          value};
}

CupedRatioStatistic ReadCupedRatio(const Value& arm) {
  return {QuadMoments::FromSums(
      Number(arm, "n"),
      {Number(arm, "m_post_sum"), Number(arm, "d_post_sum"), Number(arm, "m_pre_sum"), Number(arm, "d_pre_sum")},
      {Number(arm, "m_post_sum_squares"), Number(arm, "m_post_d_post"), Number(arm, "m_post_m_pre"),
       Number(arm, "m_post_d_pre"), Number(arm, "d_post_sum_squares"), Number(arm, "m_pre_d_post"),
       Number(arm, "d_post_d_pre"), Number(arm, "m_pre_sum_squares"), Number(arm, "m_pre_d_pre"),
       Number(arm, "d_pre_sum_squares")})};
}

QuantileStatistic ReadQuantile(const Value& arm) {
  return {Number(arm, "n"),
          Number(arm, "n_star"),
          Number(arm, "nu"),
          Number(arm, "quantile_hat"),
          Number(arm, "quantile_lower"),
          Number(arm, "quantile_upper")};
}

QuantileClusteredStatistic ReadClusteredQuantile(const Value& arm) {
  return {ReadQuantile(arm),
          CoMoments::FromSums(Number(arm, "n_clusters"), {Number(arm, "main_sum"), Number(arm, "denominator_sum")},
                              {Number(arm, "main_sum_squares"), Number(arm, "main_denominator_sum_product"),
                               Number(arm, "denominator_sum_squares")})};
}

}  // namespace

ArmStatistic ReadArm(const Value& arm, std::string_view statistic_type) {
  if (statistic_type == "mean") return ReadMean(arm);
  if (statistic_type == "proportion") return ProportionStatistic{Number(arm, "n"), Number(arm, "sum")};
  if (statistic_type == "ratio") return ReadRatio(arm);
  if (statistic_type == "cuped") return ReadCuped(arm);
  if (statistic_type == "cuped_ratio") return ReadCupedRatio(arm);
  if (statistic_type == "quantile") return ReadQuantile(arm);
  if (statistic_type == "quantile_clustered") return ReadClusteredQuantile(arm);
  throw MalformedCase("the statistic type '" + std::string(statistic_type) + "' is not known");
}

Arms ReadArms(const Case& c) {
  const std::string& type = Text(c.inputs, "statistic_type");
  return {ReadArm(Need(c.inputs, "control"), type), ReadArm(Need(c.inputs, "treatment"), type)};
}

Scale ScaleOf(const Case& c) {
  const std::string& type = Text(c.params, "difference_type");
  if (type == "relative") return Scale::kRelative;
  if (type == "absolute" || type == "scaled") return Scale::kAbsolute;
  throw MalformedCase("the difference type '" + type + "' is not known");
}

double ImpactFactorOf(const Case& c) {
  if (Text(c.params, "difference_type") != "scaled") return 1;
  return Number(c.params, "total_users") /
         (Number(c.params, "traffic_percentage") * Number(c.params, "phase_length_days"));
}

Outcome<Effect> EffectOf(const Case& c) {
  const Arms arms = ReadArms(c);
  Outcome<Effect> effect = stats::EffectOf(arms.control, arms.treatment, ScaleOf(c));
  if (effect) *effect = ScaledImpact(*effect, ImpactFactorOf(c));
  return effect;
}

}  // namespace guidon::stats::vectors
