#include "stats/report/gates.h"

#include <algorithm>
#include <cmath>

#include "stats/inference/confidence_sequence.h"
#include "stats/inference/effects.h"
#include "stats/inference/fixed.h"
#include "stats/inference/proportion.h"
#include "stats/inference/srm.h"
#include "stats/report/measure.h"
#include "stats/report/words.h"

namespace guidon::stats {
namespace {

Gate Green(std::string id, std::string sentence, Value numbers = Object{}) {
  return {std::move(id), Light::kGreen, std::move(sentence), std::move(numbers)};
}

Array NumbersOf(const std::vector<double>& numbers) {
  Array list;
  for (const double number : numbers) list.emplace_back(number);
  return list;
}

std::string SplitText(const std::vector<double>& units) {
  std::string text;
  for (const double count : units) text += (text.empty() ? "" : " : ") + CountText(count);
  return text;
}

std::vector<double> UnitsInSlice(const Design& design, const Totals& totals, const Slice& slice) {
  std::vector<double> units;
  for (std::uint32_t v = 0; v < design.plan.variants.size(); ++v) {
    units.push_back(static_cast<double>(totals.Units(v, slice).units));
  }
  return units;
}

std::string NameOf(const Design& design, const Slice& slice) {
  const std::vector<std::string>& dimensions = design.plan.dimensions;
  const std::string dimension = slice.dimension < dimensions.size() ? dimensions[slice.dimension] : "?";
  return dimension + "=" + (slice.value.empty() ? "(none)" : slice.value);
}

// Which slices the mismatch sits in, those that are worst first.
struct Cause {
  std::vector<RatioFinding> suspects;
  // The split of everybody else, when there is one suspect and it explains everything.
  std::optional<double> p_without;
};

Cause LocateCause(const Design& design, const Totals& totals, const std::vector<double>& whole) {
  Cause cause;
  std::vector<RatioSegment> segments;
  const std::vector<Slice> slices = SlicesThatSplit(totals);
  for (const Slice& slice : slices) segments.push_back({NameOf(design, slice), UnitsInSlice(design, totals, slice)});
  if (segments.empty()) return cause;
  const Outcome<std::vector<RatioFinding>> found = LocateMismatch(segments, design.plan.weights);
  if (!found) return cause;
  for (const RatioFinding& finding : *found) {
    if (finding.is_suspect) cause.suspects.push_back(finding);
  }
  if (cause.suspects.empty()) return cause;
  const auto at = std::find_if(segments.begin(), segments.end(),
                               [&](const RatioSegment& one) { return one.name == cause.suspects.front().name; });
  std::vector<double> rest = whole;
  for (std::size_t v = 0; v < rest.size(); ++v) rest[v] = std::max(0.0, rest[v] - at->observed[v]);
  if (HasEnoughForRatio(rest, design.plan.weights)) {
    if (const Outcome<RatioTest> test = TestRatio(rest, design.plan.weights)) cause.p_without = test->p_value;
  }
  return cause;
}

Gate SampleRatioGate(const Design& design, const Totals& totals) {
  const std::string id = "sample_ratio";
  const std::vector<double> units = UnitsByVariant(design, totals);
  double whole = 0, weights = 0;
  for (const double count : units) whole += count;
  for (const double weight : design.plan.weights) weights += weight;
  std::vector<double> expected;
  for (const double weight : design.plan.weights) expected.push_back(weights > 0 ? whole * weight / weights : 0);
  Object numbers{{"observed", Value(NumbersOf(units))}, {"expected", Value(NumbersOf(expected))}};
  if (!HasEnoughForRatio(units, design.plan.weights)) {
    return Green(id, "Too few units to tell whether the split is as planned: " + SplitText(units) + ".",
                 std::move(numbers));
  }
  const Outcome<RatioTest> test = TestRatio(units, design.plan.weights);
  if (!test) {
    return {id, Light::kRed, "The split cannot be checked: " + test.error().message, std::move(numbers)};
  }
  numbers.Append("chi_squared", Value(test->chi_squared));
  numbers.Append("degrees_of_freedom", Value(test->degrees_of_freedom));
  numbers.Append("p", Value(test->p_value));
  numbers.Append("alarm", Value(design.srm_alpha));
  const bool is_broken = test->p_value < design.srm_alpha || test->strays > 0;
  const Cause cause = LocateCause(design, totals, units);
  if (!cause.suspects.empty()) {
    Array suspects;
    for (const RatioFinding& finding : cause.suspects) {
      suspects.emplace_back(Object{{"slice", Value(finding.name)},
                                   {"p", Value(finding.test.p_value)},
                                   {"p_adjusted", Value(finding.adjusted_p)}});
    }
    numbers.Append("slices", Value(std::move(suspects)));
  }
  std::string sentence =
      SplitText(units) + " units, expected " + SplitText(expected) + " (p " + ProbabilityText(test->p_value) + ")";
  if (!is_broken) {
    if (cause.suspects.empty()) return Green(id, "The split is as planned: " + sentence + ".", std::move(numbers));
    return {id, Light::kYellow,
            "The split as a whole is as planned, " + sentence + ", but not where " + cause.suspects.front().name +
                " (p " + ProbabilityText(cause.suspects.front().adjusted_p) + ").",
            std::move(numbers)};
  }
  sentence = "The split is not as planned: " + sentence + ". Units are lost or counted wrong in an arm";
  if (!cause.suspects.empty()) {
    sentence += "; cause: " + cause.suspects.front().name;
    if (cause.p_without && *cause.p_without >= design.srm_alpha) {
      sentence += ", for all others are split as planned (p " + ProbabilityText(*cause.p_without) + ")";
      numbers.Append("p_without_cause", Value(*cause.p_without));
    }
  }
  return {id, Light::kRed, sentence + ".", std::move(numbers)};
}

Gate MultipleExposureGate(const Design& design, const Totals& totals) {
  const std::string id = "multiple_exposure";
  std::uint64_t multiple = 0, all = 0;
  std::vector<double> set_aside, exposed, crossover;
  std::vector<std::string> crossed;  // "control 0.21%"
  for (std::uint32_t v = 0; v < design.plan.variants.size(); ++v) {
    const UnitCounts counts = totals.Units(v);
    multiple += counts.multiple;
    all += counts.units + counts.multiple;
    set_aside.push_back(static_cast<double>(counts.multiple));
    exposed.push_back(static_cast<double>(counts.units + counts.multiple));
    crossover.push_back(exposed.back() > 0 ? set_aside.back() / exposed.back() : 0);
    crossed.push_back(design.plan.variants[v] + " " + ShareText(crossover.back()));
  }
  const double share = all > 0 ? static_cast<double>(multiple) / static_cast<double>(all) : 0;
  Object numbers{{"multiple", Value(multiple)},
                 {"share", Value(share)},
                 {"by_variant", Value(NumbersOf(set_aside))},
                 {"crossover_rates", Value(NumbersOf(crossover))}};
  // Were units set aside from one arm rather than another? Of all exposed units, each arm should lose its share.
  double p = 1;
  if (HasEnoughForRatio(set_aside, exposed)) {
    if (const Outcome<RatioTest> test = TestRatio(set_aside, exposed)) p = test->p_value;
    numbers.Append("p_imbalance", Value(p));
  }
  const std::string sentence =
      multiple == 0
          ? "No unit was seen in more than one variant."
          : PluralText(multiple, "unit") + " (" + ShareText(share) + ") saw more than one variant and " +
                (multiple == 1 ? "is" : "are") +
                " set aside. By the variant that was seen first, there crossed over: " + ListText(crossed) + ".";
  if (multiple >= kMultipleEnough && share >= kMultipleRed) {
    return {id, Light::kRed,
            sentence + " That is too many: is the unit's id stable, and do all applications use the same one?",
            std::move(numbers)};
  }
  if (p < kBiasAlarm) {
    return {id, Light::kYellow,
            sentence + " They are not set aside alike in all variants (p " + ProbabilityText(p) + ").",
            std::move(numbers)};
  }
  const bool is_many = multiple >= kMultipleEnough && share >= kMultipleYellow;
  return {id, is_many ? Light::kYellow : Light::kGreen, sentence, std::move(numbers)};
}

Gate PreExposureGate(const Design& design, const Totals& totals) {
  const std::string id = "pre_exposure_bias";
  struct Test {
    std::string metric, variant;
    double p;
  };
  std::vector<Test> tests;
  for (std::size_t m = 0; m < design.plan.metrics.size(); ++m) {
    // A mean counts the units that had an event after they were exposed: who those are may be the variant's doing.
    if (design.plan.metrics[m].kind == MetricKind::kMean) continue;
    const ArmStatistic control = totals.CovariateArm(m, 0);
    for (std::uint32_t v = 1; v < design.plan.variants.size(); ++v) {
      const ArmStatistic treatment = totals.CovariateArm(m, v);
      const std::optional<ProportionStatistic> c = AsProportion(control), t = AsProportion(treatment);
      if (c && t && HasSmallCounts(*c, *t)) continue;
      const Outcome<Effect> effect = EffectOf(control, treatment, Scale::kAbsolute);
      if (!effect) continue;  // nothing was known of these units, or nothing varies
      if (!IsBurntIn(BurnIn{}, effect->n_control, effect->n_treatment)) continue;
      tests.push_back({design.plan.metrics[m].key, design.plan.variants[v], FixedEstimate(*effect).p_value});
    }
  }
  std::uint64_t units = 0, known = 0;
  for (std::uint32_t v = 0; v < design.plan.variants.size(); ++v) {
    units += totals.Units(v).units;
    known += totals.Units(v).with_history;
  }
  if (tests.empty()) {
    return Green(id,
                 known == 0 ? "Nothing is known of the units before they were exposed."
                            : "Of " + PluralText(known, "unit") + " (" +
                                  ShareText(static_cast<double>(known) / static_cast<double>(units)) +
                                  ") something is known from before they were exposed: too little to compare the "
                                  "variants by.",
                 Object{{"tests", Value(0)}, {"with_history", Value(known)}});
  }
  const auto worst =
      std::min_element(tests.begin(), tests.end(), [](const Test& a, const Test& b) { return a.p < b.p; });
  const double alarm = kBiasAlarm / static_cast<double>(tests.size());
  Object numbers{{"tests", Value(tests.size())},     {"smallest_p", Value(worst->p)}, {"metric", Value(worst->metric)},
                 {"variant", Value(worst->variant)}, {"alarm", Value(alarm)},         {"with_history", Value(known)}};
  if (worst->p >= alarm) {
    return Green(id,
                 "Before they were exposed, the variants' units were alike (smallest p " + ProbabilityText(worst->p) +
                     " of " + PluralText(tests.size(), "test") + ").",
                 std::move(numbers));
  }
  return {id, Light::kRed,
          worst->variant + " differs from the control in " + worst->metric + " before anybody saw it (p " +
              ProbabilityText(worst->p) + "): units were not assigned at random, or an earlier experiment still shows.",
          std::move(numbers)};
}

Gate MinimumEventsGate(const Totals& totals) {
  const std::uint64_t events = totals.Events();
  Object numbers{{"events", Value(events)}, {"needed", Value(kFewestEvents)}};
  if (events >= kFewestEvents) {
    return Green("minimum_events", CountText(events) + " events were counted.", std::move(numbers));
  }
  return {"minimum_events", Light::kYellow,
          PluralText(events, "event") + " so far; there is no verdict before " + CountText(kFewestEvents) + ".",
          std::move(numbers)};
}

Gate MinimumRuntimeGate(const Design& design, Time now) {
  const std::string id = "minimum_runtime";
  const Time until = design.plan.ended.value_or(now);
  const double days = DaysSince(design.plan.started, std::min(now, until));
  const std::uint32_t needed = FewestDays(design);
  Object numbers{{"days", Value(days)}, {"needed", Value(needed)}};
  if (days < needed) {
    return {id, Light::kYellow,
            "It has run for " + DaysText(days) + "; there is no verdict but that of harm before " +
                PluralText(needed, "day") + ".",
            std::move(numbers)};
  }
  if (WholeWeeks(days) > days) {
    return {id, Light::kYellow,
            "It has run for " + DaysText(days) + ", which is not whole weeks: some weekdays count more than others.",
            std::move(numbers)};
  }
  return Green(id, "It has run for " + DaysText(days) + ".", std::move(numbers));
}

Gate FreshnessGate(const Design& design, const DataQuality& quality, Time now) {
  const std::string id = "freshness";
  if (!quality.folded_to) return Green(id, "How far events have been counted is not known.");
  const auto behind = now > *quality.folded_to ? now - *quality.folded_to : Milliseconds(0);
  Object numbers{{"folded_to", Value(StampText(*quality.folded_to))}, {"behind_ms", Value(behind.count())}};
  const bool runs = !design.plan.ended || now < *design.plan.ended;
  if (behind <= kStale || (!runs && *quality.folded_to >= *design.plan.ended)) {
    return Green(id, "All that was received by " + TimeText(*quality.folded_to) + " is counted.", std::move(numbers));
  }
  return {id, Light::kYellow,
          "What was received since " + TimeText(*quality.folded_to) + ", " +
              DaysText(static_cast<double>(behind.count()) / 86'400'000) + " ago, is not counted yet.",
          std::move(numbers)};
}

Gate RejectedGate(const Totals& totals, const DataQuality& quality) {
  const std::string id = "rejected_events";
  std::uint64_t rejected = 0;
  std::string most;
  std::uint64_t count_of_most = 0;
  Object by_reason;
  for (const auto& [reason, count] : quality.rejected) {
    rejected += count;
    by_reason.Append(reason, Value(count));
    if (count > count_of_most) {
      count_of_most = count;
      most = reason;
    }
  }
  const std::uint64_t accepted = std::max(quality.accepted, totals.Events());
  const double all = static_cast<double>(rejected) + static_cast<double>(accepted);
  const double share = all > 0 ? static_cast<double>(rejected) / all : 0;
  Object numbers{{"rejected", Value(rejected)}, {"share", Value(share)}, {"by_reason", Value(std::move(by_reason))}};
  if (rejected == 0) return Green(id, "No event was refused.", std::move(numbers));
  std::replace(most.begin(), most.end(), '_', ' ');
  const std::string sentence = PluralText(rejected, "event") + " (" + ShareText(share) + ") " +
                               (rejected == 1 ? "was" : "were") + " refused, most often as " + most + ".";
  return {id, share >= kRejectedYellow ? Light::kYellow : Light::kGreen, sentence, std::move(numbers)};
}

}  // namespace

std::vector<double> UnitsByVariant(const Design& design, const Totals& totals) {
  std::vector<double> units;
  for (std::uint32_t v = 0; v < design.plan.variants.size(); ++v) {
    units.push_back(static_cast<double>(totals.Units(v).units));
  }
  return units;
}

std::uint32_t FewestDays(const Design& design) {
  return design.min_days.value_or(std::min(kFewestDays, design.max_days.value_or(kFewestDays)));
}

bool AsksForWholeWeeks(const Design& design) {
  return FewestDays(design) >= kFewestDays;
}

double WholeWeeks(double days) {
  const double over = days - 7 * std::floor(days / 7);
  return days >= kWeeksUntil || over < 1 ? days : days - over + 7;
}

double DaysSince(Time start, Time now) {
  return now <= start ? 0 : static_cast<double>((now - start).count()) / 86'400'000;
}

std::vector<Gate> GatesOf(const Design& design, const Facts& facts, Time now) {
  const Totals& totals = *facts.totals;
  std::vector<Gate> gates{SampleRatioGate(design, totals), MultipleExposureGate(design, totals),
                          PreExposureGate(design, totals), MinimumEventsGate(totals),
                          MinimumRuntimeGate(design, now), FreshnessGate(design, facts.quality, now)};
  if (facts.quality.rebuilding) {
    gates.push_back({"rebuilding", Light::kRed,
                     "The events are being counted again, because what is measured was changed; come back when that is "
                     "done.",
                     Object{}});
  }
  gates.push_back(RejectedGate(totals, facts.quality));
  if (!facts.quality.changes.empty()) {
    Array changes;
    for (const std::string& change : facts.quality.changes) changes.emplace_back(change);
    gates.push_back({"edits", Light::kYellow,
                     "It was edited while it ran (" + PluralText(facts.quality.changes.size(), "time") +
                         "): " + facts.quality.changes.back(),
                     Object{{"changes", Value(std::move(changes))}}});
  }
  return gates;
}

Gate TooGoodGate(const std::vector<std::pair<std::string, double>>& lifts) {
  for (const auto& [variant, lift] : lifts) {
    if (std::fabs(lift) <= kTooGood) continue;
    return {"too_good", Light::kYellow,
            variant + " changes the primary metric by " + LiftText(lift) +
                ". Lifts beyond 50% are nearly always a fault of the measurement (Twyman's law): look there first.",
            Object{{"variant", Value(variant)}, {"lift", Value(lift)}, {"bound", Value(kTooGood)}}};
  }
  return Green("too_good", "No effect is too large to be believed.", Object{{"bound", Value(kTooGood)}});
}

bool HasRed(const std::vector<Gate>& gates) {
  return std::any_of(gates.begin(), gates.end(), [](const Gate& gate) { return gate.light == Light::kRed; });
}

const Gate* FindGate(const std::vector<Gate>& gates, std::string_view id) {
  const auto at = std::find_if(gates.begin(), gates.end(), [&](const Gate& gate) { return gate.id == id; });
  return at == gates.end() ? nullptr : &*at;
}

}  // namespace guidon::stats
