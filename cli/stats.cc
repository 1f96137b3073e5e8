// guidon stats: calculators for those who plan an experiment, or have numbers of one that was run elsewhere. They ask
// nobody: what they know of statistics is stats/inference, by docs/statistics.md.
#include <array>
#include <charconv>
#include <cmath>
#include <cstdio>
#include <iostream>
#include <optional>

#include "cli/output.h"
#include "cli/verbs.h"
#include "stats/inference/effects.h"
#include "stats/inference/fixed.h"
#include "stats/inference/power.h"
#include "stats/inference/proportion.h"
#include "stats/inference/srm.h"

namespace guidon::cli {
namespace {

std::string Short(double number, int digits = 4) {
  char text[40];
  std::snprintf(text, sizeof text, "%.*g", digits, number);
  return text;
}

std::string Percent(double share) {
  return Short(100 * share) + "%";
}

std::string Whole(double number) {
  char text[40];
  std::snprintf(text, sizeof text, "%.0f", number);
  return text;
}

// A number that has no fraction, without one.
Value NumberValue(double number) {
  const bool is_whole = std::floor(number) == number && std::abs(number) < 1e15;
  return is_whole ? Value(static_cast<std::int64_t>(number)) : Value(number);
}

int Explain(const stats::StatsError& error, bool json) {
  Complain(error.message);
  std::string code(ToString(error.code));
  for (char& c : code) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  if (json) PrintJson(Object{{"code", code}, {"detail", error.message}});
  switch (error.code) {
    case stats::StatsErrorCode::kInvalid:
      return kUsage;
    case stats::StatsErrorCode::kInsufficientN:
      return kHold;
    case stats::StatsErrorCode::kZeroVariance:
    case stats::StatsErrorCode::kBaselineZero:
      return kProblem;
  }
  return kProblem;
}

// ---- Plans -------------------------------------------------------------------------------------------------------

stats::Baseline BaselineOf(const StatsOptions& options) {
  const stats::Baseline plain = options.baseline ? stats::ShareBaseline(*options.baseline)
                                                 : stats::MeanBaseline(*options.mean, options.stddev.value_or(0));
  return stats::WithCuped(plain, options.correlation);
}

stats::DesignOptions DesignOf(const StatsOptions& options) {
  stats::DesignOptions design;
  design.alpha = options.bonferroni ? options.alpha / static_cast<double>(options.variants - 1) : options.alpha;
  design.power = options.power;
  return design;
}

stats::LookPlan LooksOf(const StatsOptions& options) {
  stats::LookPlan plan;
  plan.looks = options.looks;
  plan.method = options.method == "fixed"        ? stats::Method::kFixed
                : options.method == "sequential" ? stats::Method::kConfidenceSequence
                                                 : stats::Method::kGroupSequential;
  return plan;
}

// What the methods take for granted, or would call by other names.
std::optional<stats::StatsError> FaultOf(const StatsOptions& options) {
  using stats::StatsError, stats::StatsErrorCode;
  if (options.baseline && !(*options.baseline > 0 && *options.baseline < 1)) {
    return StatsError{StatsErrorCode::kInvalid, "a conversion rate lies between 0 and 100%"};
  }
  if (!(std::abs(options.correlation) < 1)) {
    return StatsError{StatsErrorCode::kInvalid, "a correlation lies between -1 and 1"};
  }
  if (options.stddev && *options.stddev < 0) {
    return StatsError{StatsErrorCode::kInvalid, "a standard deviation is not negative"};
  }
  return std::nullopt;
}

std::string MethodText(const StatsOptions& options) {
  return options.method == "fixed" ? "fixed: one look, at the end"
                                   : options.method + ", " + Plural(options.looks, "look");
}

std::string OverBaseline(const StatsOptions& options) {
  return Percent(options.lift) + " over " + (options.baseline ? Percent(*options.baseline) : Short(*options.mean, 6));
}

int Power(const StatsOptions& options) {
  const stats::DesignOptions design = DesignOf(options);
  const stats::LookPlan looks = LooksOf(options);
  if (const auto fault = FaultOf(options)) return Explain(*fault, options.json);
  const stats::Outcome<double> inflation = stats::Inflation(looks, design);
  if (!inflation) return Explain(inflation.error(), options.json);
  const stats::Baseline baseline = BaselineOf(options);
  const double per_variant = options.units / static_cast<double>(options.variants);
  // Of one look, for what it refuses; its number is that of `looks` only for the method fixed.
  if (const auto one = stats::PowerForLift(baseline, options.lift, per_variant, design); !one) {
    return Explain(one.error(), options.json);
  }
  const double drift = options.lift / stats::LiftStandardError(baseline, options.lift, per_variant);
  const stats::Outcome<double> power = stats::PowerWithLooks(drift, looks, design);
  if (!power) return Explain(power.error(), options.json);
  const stats::Outcome<double> detectable = stats::DetectableLift(baseline, per_variant / *inflation, design);
  if (options.json) {
    PrintJson(Object{{"power", *power},
                     {"detectable_lift", detectable ? Value(*detectable) : Value(nullptr)},
                     {"units_per_variant", NumberValue(per_variant)},
                     {"variants", options.variants},
                     {"lift", options.lift},
                     {"alpha", design.alpha},
                     {"method", options.method},
                     {"looks", looks.method == stats::Method::kFixed ? std::size_t{1} : options.looks}});
    return kPass;
  }
  std::cout << "power       " << Out().Bold(Percent(*power)) << " to show a lift of " << OverBaseline(options)
            << ", with " << Whole(per_variant) << " units in each of " << options.variants << " variants\n"
            << "detectable  "
            << (detectable ? "a lift of " + Percent(*detectable) : std::string("no lift, with so few units,"))
            << " with a power of " << Percent(options.power) << "\n"
            << "method      " << MethodText(options) << "; alpha " << Percent(design.alpha) << "\n";
  return kPass;
}

int SampleSize(const StatsOptions& options) {
  const stats::DesignOptions design = DesignOf(options);
  const stats::LookPlan looks = LooksOf(options);
  if (const auto fault = FaultOf(options)) return Explain(*fault, options.json);
  const stats::Outcome<double> inflation = stats::Inflation(looks, design);
  if (!inflation) return Explain(inflation.error(), options.json);
  const stats::Outcome<double> one_look = stats::UnitsForLift(BaselineOf(options), options.lift, design);
  if (!one_look) return Explain(one_look.error(), options.json);
  const double per_variant = std::ceil(*one_look * *inflation);
  const double total = per_variant * static_cast<double>(options.variants);
  std::optional<stats::Duration> duration;
  if (options.daily) {
    const stats::Outcome<stats::Duration> days = stats::DaysFor(total, std::vector<double>{*options.daily});
    if (!days) return Explain(days.error(), options.json);
    duration = *days;
  }
  if (options.json) {
    Object answer{{"units_per_variant", NumberValue(per_variant)},
                  {"units", NumberValue(total)},
                  {"inflation", *inflation},
                  {"variants", options.variants},
                  {"lift", options.lift},
                  {"alpha", design.alpha},
                  {"power", options.power},
                  {"method", options.method},
                  {"looks", looks.method == stats::Method::kFixed ? std::size_t{1} : options.looks}};
    if (duration) {
      answer.Append("days", NumberValue(duration->days));
      answer.Append("whole_weeks_days", NumberValue(duration->whole_weeks));
    }
    PrintJson(answer);
    return kPass;
  }
  std::cout << "units   " << Out().Bold(Whole(per_variant)) << " in each of " << options.variants << " variants, "
            << Whole(total) << " in all\n"
            << "for     a lift of " << OverBaseline(options) << ", found with a power of " << Percent(options.power)
            << "; alpha " << Percent(design.alpha) << "\n"
            << "method  " << MethodText(options) << "; " << Short(*inflation, 3) << " times what one look takes\n";
  if (duration) {
    std::cout << "days    " << Whole(duration->days) << " with " << Short(*options.daily, 6) << " new units a day; "
              << Whole(duration->whole_weeks) << " in whole weeks\n";
  }
  return kPass;
}

// ---- Numbers of an experiment ------------------------------------------------------------------------------------

int Srm(const StatsOptions& options) {
  const std::vector<double> weights =
      options.weights.empty() ? std::vector<double>(options.counts.size(), 1) : options.weights;
  const stats::Outcome<stats::RatioTest> test = stats::TestRatio(options.counts, weights);
  if (!test) return Explain(test.error(), options.json);
  if (!stats::HasEnoughForRatio(options.counts, weights)) {
    return Explain({stats::StatsErrorCode::kInsufficientN,
                    "too few units: in each arm " + Whole(stats::kRatioEnough) + " must be expected"},
                   options.json);
  }
  // Units where none may be are a mismatch whatever the others are.
  const bool is_mismatch = test->p_value < stats::kRatioAlarm || test->strays > 0;
  if (options.json) {
    PrintJson(Object{{"mismatch", is_mismatch},
                     {"chi_squared", test->chi_squared},
                     {"degrees_of_freedom", NumberValue(test->degrees_of_freedom)},
                     {"p_value", test->p_value},
                     {"alarm", stats::kRatioAlarm},
                     {"strays", NumberValue(test->strays)}});
  } else {
    std::cout << (is_mismatch ? Out().Red("mismatch") : Out().Green("no mismatch")) << "  chi2 "
              << Short(test->chi_squared) << ", "
              << Plural(static_cast<std::size_t>(test->degrees_of_freedom), "degree") << " of freedom, p "
              << Short(test->p_value, 2) << "; alarm below " << Short(stats::kRatioAlarm) << "\n";
    if (test->strays > 0) std::cout << Whole(test->strays) << " units are in arms of weight 0\n";
  }
  return is_mismatch ? kProblem : kPass;
}

using Estimated = stats::Outcome<stats::Estimate>;

struct Comparison {
  Estimated absolute, relative;
  bool is_small = false;  // counts: the methods are others
};

stats::MeanStatistic MeanOf(const StatsArm& arm) {
  return {stats::Moments{arm.units, arm.mean, arm.stddev * arm.stddev * (arm.units - 1)}};
}

stats::ProportionStatistic ShareOf(const StatsArm& arm) {
  return {arm.units, *arm.conversions};
}

Estimated FixedOf(const StatsOptions& options, stats::Scale scale) {
  const auto effect = stats::MeanEffect(MeanOf(options.control), MeanOf(options.treatment), scale);
  if (!effect) return tl::unexpected(effect.error());
  return stats::FixedEstimate(*effect, {.alpha = options.alpha});
}

// A lift over a control that may well be 0 is none.
template <typename Arm>
stats::Outcome<void> SteadyBaseline(const Arm& control) {
  const stats::Outcome<stats::ArmValue> value = stats::ValueOf(control);
  if (!value) return tl::unexpected(value.error());
  if (stats::HasSteadyBaseline(*value)) return {};
  return stats::FailStats(stats::StatsErrorCode::kBaselineZero, "the control is too near to 0 for a lift");
}

Comparison CompareShares(const StatsOptions& options) {
  const stats::ProportionStatistic control = ShareOf(options.control), treatment = ShareOf(options.treatment);
  const auto of = [&](stats::Scale scale) -> Estimated {
    const auto readout = stats::CompareProportions(control, treatment, scale, options.alpha);
    if (!readout) return tl::unexpected(readout.error());
    return readout->estimate;
  };
  Comparison comparison{of(stats::Scale::kAbsolute), of(stats::Scale::kRelative), false};
  comparison.is_small = stats::HasSmallCounts(control, treatment);
  if (comparison.is_small) {
    comparison.relative =
        stats::FailStats(stats::StatsErrorCode::kInsufficientN, "the counts are too small for a lift");
  } else if (const auto steady = SteadyBaseline(control); !steady) {
    comparison.relative = tl::unexpected(steady.error());
  }
  return comparison;
}

Comparison CompareMeans(const StatsOptions& options) {
  Comparison comparison{FixedOf(options, stats::Scale::kAbsolute), FixedOf(options, stats::Scale::kRelative), false};
  if (const auto steady = SteadyBaseline(MeanOf(options.control)); !steady && comparison.relative) {
    comparison.relative = tl::unexpected(steady.error());
  }
  return comparison;
}

Value ToValue(const Estimated& estimate) {
  if (!estimate) return nullptr;
  return Object{{"effect", estimate->effect.point},
                {"standard_error", estimate->effect.standard_error},
                {"interval", Array{estimate->interval.lower, estimate->interval.upper}},
                {"p_value", estimate->p_value}};
}

enum class Unit { kNone, kPercent, kPoints };

void PrintEstimate(const char* name, const Estimated& estimate, double alpha, Unit unit) {
  std::cout << name;
  if (!estimate) {
    std::cout << "none: " << estimate.error().message << "\n";
    return;
  }
  const auto text = [&](double number) {
    return unit == Unit::kPercent ? Percent(number) : Short(unit == Unit::kPoints ? 100 * number : number);
  };
  const std::string points = unit == Unit::kPoints ? " points" : "";
  std::cout << Out().Bold(text(estimate->effect.point)) << points << ", " << Percent(1 - alpha) << " interval "
            << text(estimate->interval.lower) << " … " << text(estimate->interval.upper) << points << ", p "
            << Short(estimate->p_value, 2) << "\n";
}

// Every method that the library has for two shares, small counts or not.
struct ExactComparison {
  stats::Interval newcombe;
  stats::ScoreInterval score;  // Miettinen & Nurminen
  double fisher_p = 1;
  std::optional<stats::ZTest> pooled;                      // none: all convert, or nobody does
  std::array<stats::Interval, 2> wilson, clopper_pearson;  // control, treatment
};

stats::Outcome<ExactComparison> CompareExactly(const StatsOptions& options) {
  const stats::ProportionStatistic control = ShareOf(options.control), treatment = ShareOf(options.treatment);
  const auto newcombe = stats::NewcombeInterval(control, treatment, options.alpha);
  if (!newcombe) return tl::unexpected(newcombe.error());  // what it takes, all of them take
  ExactComparison exact;
  exact.newcombe = *newcombe;
  if (const auto score = stats::MiettinenNurminen(control, treatment, options.alpha)) exact.score = *score;
  if (const auto p = stats::FisherExact(control, treatment)) exact.fisher_p = *p;
  if (const auto test = stats::PooledZTest(control, treatment)) exact.pooled = *test;
  for (const std::size_t arm : {0u, 1u}) {
    const stats::ProportionStatistic& of = arm == 0 ? control : treatment;
    if (const auto interval = stats::WilsonInterval(of, options.alpha)) exact.wilson[arm] = *interval;
    if (const auto interval = stats::ClopperPearsonInterval(of, options.alpha)) exact.clopper_pearson[arm] = *interval;
  }
  return exact;
}

Value ToValue(const ExactComparison& exact) {
  const auto ends = [](const stats::Interval& interval) { return Array{interval.lower, interval.upper}; };
  const auto arm = [&](std::size_t i) {
    return Object{{"wilson", ends(exact.wilson[i])}, {"clopper_pearson", ends(exact.clopper_pearson[i])}};
  };
  return Object{
      {"newcombe", Object{{"interval", ends(exact.newcombe)}}},
      {"miettinen_nurminen", Object{{"interval", ends(exact.score.interval)}, {"p_value", exact.score.p_value}}},
      {"fisher", Object{{"p_value", exact.fisher_p}}},
      {"pooled_z",
       exact.pooled ? Value(Object{{"z", exact.pooled->z}, {"p_value", exact.pooled->p_value}}) : Value(nullptr)},
      {"control", arm(0)},
      {"treatment", arm(1)}};
}

void PrintExact(const ExactComparison& exact, double alpha) {
  const auto points = [](const stats::Interval& interval) {
    return Short(100 * interval.lower) + " … " + Short(100 * interval.upper) + " points";
  };
  const auto shares = [](const stats::Interval& interval) {
    return Percent(interval.lower) + " … " + Percent(interval.upper);
  };
  std::cout << "\nby every method, " << Percent(1 - alpha) << " intervals\n"
            << "difference  Newcombe               " << points(exact.newcombe) << "\n"
            << "            Miettinen & Nurminen   " << points(exact.score.interval) << ", p "
            << Short(exact.score.p_value, 2) << "\n"
            << "            Fisher's exact test    p " << Short(exact.fisher_p, 2) << "\n"
            << "            pooled z-test          "
            << (exact.pooled ? "p " + Short(exact.pooled->p_value, 2) : std::string("none: nothing varies")) << "\n";
  for (const std::size_t arm : {0u, 1u}) {
    std::cout << (arm == 0 ? "control   " : "treatment ") << "  Wilson                 " << shares(exact.wilson[arm])
              << "\n            Clopper & Pearson      " << shares(exact.clopper_pearson[arm]) << "\n";
  }
}

int Compare(const StatsOptions& options) {
  const bool are_shares = options.control.conversions && options.treatment.conversions;
  if (!(options.alpha > 0 && options.alpha < 1)) {
    return Explain({stats::StatsErrorCode::kInvalid, "alpha lies between 0 and 100%"}, options.json);
  }
  if (!are_shares && (options.control.conversions || options.treatment.conversions)) {
    return Explain({stats::StatsErrorCode::kInvalid, "one arm is of conversions, the other of a mean"}, options.json);
  }
  if (options.exact && !are_shares) {
    return Explain({stats::StatsErrorCode::kInvalid, "--exact is of conversions, CONVERSIONS/UNITS, and not of means"},
                   options.json);
  }
  std::optional<ExactComparison> exact;
  if (options.exact) {
    const stats::Outcome<ExactComparison> compared = CompareExactly(options);
    if (!compared) return Explain(compared.error(), options.json);
    exact = *compared;
  }
  const Comparison comparison = are_shares ? CompareShares(options) : CompareMeans(options);
  if (!comparison.absolute) return Explain(comparison.absolute.error(), options.json);
  const double control = are_shares ? *options.control.conversions / options.control.units : options.control.mean;
  const double treatment =
      are_shares ? *options.treatment.conversions / options.treatment.units : options.treatment.mean;
  if (options.json) {
    Object answer{{"control", Object{{"units", NumberValue(options.control.units)}, {"value", control}}},
                  {"treatment", Object{{"units", NumberValue(options.treatment.units)}, {"value", treatment}}},
                  {"absolute", ToValue(comparison.absolute)},
                  {"relative", ToValue(comparison.relative)},
                  {"small_counts", comparison.is_small},
                  {"alpha", options.alpha}};
    if (exact) answer.Append("exact", ToValue(*exact));
    PrintJson(answer);
    return kPass;
  }
  const auto value = [&](double number) { return are_shares ? Percent(number) : Short(number, 6); };
  std::cout << "control    " << value(control) << " of " << Whole(options.control.units) << " units\n"
            << "treatment  " << value(treatment) << " of " << Whole(options.treatment.units) << " units\n";
  PrintEstimate("absolute   ", comparison.absolute, options.alpha, are_shares ? Unit::kPoints : Unit::kNone);
  PrintEstimate("lift       ", comparison.relative, options.alpha, Unit::kPercent);
  if (comparison.is_small) std::cout << "small counts: Newcombe's interval, Fisher's exact test\n";
  std::cout << "for one look, at an end that was planned\n";
  if (exact) PrintExact(*exact, options.alpha);
  return kPass;
}

}  // namespace

std::optional<double> ParseQuantity(std::string_view text) {
  const bool is_percent = text.ends_with('%');
  if (is_percent) text.remove_suffix(1);
  double number = 0;
  const auto [end, fault] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (fault != std::errc() || end != text.data() + text.size() || !std::isfinite(number)) return std::nullopt;
  return is_percent ? number / 100 : number;
}

std::optional<StatsArm> ParseStatsArm(std::string_view text) {
  StatsArm arm;
  if (const std::size_t slash = text.find('/'); slash != std::string_view::npos) {
    const auto conversions = ParseQuantity(text.substr(0, slash)), units = ParseQuantity(text.substr(slash + 1));
    if (!conversions || !units) return std::nullopt;
    arm.units = *units;
    arm.conversions = conversions;
    return arm;
  }
  const std::size_t first = text.find(':');
  const std::size_t second = first == std::string_view::npos ? first : text.find(':', first + 1);
  if (second == std::string_view::npos) return std::nullopt;
  const auto units = ParseQuantity(text.substr(0, first));
  const auto mean = ParseQuantity(text.substr(first + 1, second - first - 1));
  const auto stddev = ParseQuantity(text.substr(second + 1));
  if (!units || !mean || !stddev || *stddev < 0) return std::nullopt;
  arm.units = *units;
  arm.mean = *mean;
  arm.stddev = *stddev;
  return arm;
}

int Stats(const StatsOptions& options) {
  if (options.action == "power") return Power(options);
  if (options.action == "sample-size") return SampleSize(options);
  if (options.action == "srm") return Srm(options);
  return Compare(options);
}

}  // namespace guidon::cli
