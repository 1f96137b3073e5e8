#include "stats/report/decide.h"

#include <algorithm>
#include <cmath>

#include "stats/inference/confidence_sequence.h"
#include "stats/inference/group_sequential.h"
#include "stats/report/findings.h"
#include "stats/report/gates.h"
#include "stats/report/measure.h"
#include "stats/report/planning.h"
#include "stats/report/view.h"
#include "stats/report/words.h"

namespace guidon::stats {
namespace {

// What is known of one variant.
struct Standing {
  std::string variant;
  std::uint32_t index = 1;
  const ComparisonOfVariant* primary = nullptr;  // null: hidden, or no primary metric
  std::vector<std::string> harmed_by;            // guardrails
  std::vector<std::string> unsafe;               // guardrails with a margin that are not known to hold now
  std::vector<std::string> unshown;              // that no look has shown to hold
  bool IsBetter() const { return primary != nullptr && primary->found == "better"; }
  bool IsWorse() const { return primary != nullptr && primary->found == "worse"; }
  bool IsHarmed() const { return IsWorse() || !harmed_by.empty(); }
};

bool Has(const Standing& standing, std::string_view badge) {
  return standing.primary != nullptr && HasBadge(*standing.primary, badge);
}

class Deciding {
 public:
  Deciding(Report& report, Time now) : report_(report), design_(report.design), now_(now) {
    primary_ = PrimaryOf(report);
    for (std::uint32_t v = 1; v < design_.plan.variants.size(); ++v) standings_.push_back(StandingOf(v));
    if (design_.primary) FindShipping();
  }

  void Run() {
    AddNotes();
    if (CannotSay() || Harm() || Ship() || AtEnd() || Futility()) return;
    KeepRunning();
  }

 private:
  Standing StandingOf(std::uint32_t v) const {
    Standing standing;
    standing.variant = design_.plan.variants[v];
    standing.index = v;
    for (const MetricReport& metric : report_.metrics) {
      if (v > metric.comparisons.size()) continue;
      const ComparisonOfVariant& comparison = metric.comparisons[v - 1];
      if (metric.role == "primary") standing.primary = &comparison;
      if (comparison.guardrail == "harmed") standing.harmed_by.push_back(metric.metric);
      if (metric.role == "guardrail" && metric.margin && comparison.guardrail != "safe") {
        standing.unsafe.push_back(metric.metric);
      }
    }
    return standing;
  }

  // What counts for looks that kept nothing of guardrails.
  std::vector<PublishedLook::Held> SafeNow() const {
    std::vector<PublishedLook::Held> safe;
    for (const GuardrailGoal& goal : design_.guardrails) {
      const std::string& metric = design_.plan.metrics.at(goal.metric).key;
      for (const Standing& standing : standings_) {
        const std::vector<std::string>& unsafe = standing.unsafe;
        if (std::find(unsafe.begin(), unsafe.end(), metric) == unsafe.end()) {
          safe.push_back({goal.metric, standing.index});
        }
      }
    }
    return safe;
  }

  // The first look by which a variant can be shipped that is not harmed.
  void FindShipping() {
    Findings findings(design_, SafeNow());
    for (const PublishedLook& look : report_.looks) {
      findings.Add(look);
      if (shipped_by_ != nullptr) continue;
      double largest = -1;
      for (const Standing& standing : standings_) {
        if (standing.IsHarmed() || !findings.CanShip(standing.index)) continue;
        const double effect = EffectAt(look, standing.index);
        if (effect <= largest) continue;
        largest = effect;
        shipped_by_ = &look;
        shipped_ = &standing;
      }
    }
    for (Standing& standing : standings_) {
      for (const std::size_t metric : findings.Unsafe(standing.index)) {
        standing.unshown.push_back(design_.plan.metrics.at(metric).key);
      }
    }
  }

  double EffectAt(const PublishedLook& look, std::uint32_t variant) const {
    const PublishedLook::Of* of = FindEffect(look, design_.primary->metric, variant);
    return of == nullptr ? 0 : std::fabs(of->point);
  }

  void Say(Decision decision, std::string verdict, std::string next) {
    report_.decision = decision;
    report_.verdict = std::move(verdict);
    report_.next = std::move(next);
  }

  // "one_page raises order_completed by 3.10% (+0.90% … +5.30%)", of what was found: by the newest numbers, or, where
  // they would say less, by those of the look that found it.
  std::string EffectSentence(const Standing& standing) const {
    const ComparisonOfVariant& comparison = *standing.primary;
    const Shown shown = ShownOf(comparison);
    if (SideOf(shown, primary_->expect_up) == comparison.found) return EffectSentence(standing, shown);
    for (const PublishedLook& look : report_.looks) {
      if (look.number != comparison.found_at_look) continue;
      const PublishedLook::Of* of = FindEffect(look, design_.primary->metric, standing.index);
      if (of == nullptr) break;
      return EffectSentence(standing, {of->point, of->lower, of->upper, of->is_relative}) + " at look " +
             CountText(std::uint64_t{look.number});
    }
    return EffectSentence(standing, shown);
  }

  std::string EffectSentence(const Standing& standing, const Shown& shown) const {
    const bool is_share = IsShare(primary_->kind);
    std::string size = EffectText(std::fabs(shown.point), shown.is_relative, is_share);
    if (!size.empty() && size[0] == '+') size.erase(0, 1);
    return standing.variant + (shown.point < 0 ? " lowers " : " raises ") + primary_->metric + " by " + size + " (" +
           IntervalText({shown.lower, shown.upper}, shown.is_relative, is_share) + ")";
  }

  static bool IsGreen(const std::vector<Gate>& gates, std::string_view id) {
    const Gate* gate = FindGate(gates, id);
    return gate == nullptr || gate->light == Light::kGreen;
  }

  bool IsLongEnough() const { return report_.progress.days >= FewestDays(design_) || HasEnded(); }
  // The end has come, and the outcomes of its units have not.
  bool IsSettling() const { return report_.progress.settled && now_ < *report_.progress.settled; }
  bool HasEnded() const { return design_.plan.ended && now_ >= *design_.plan.ended; }

  // Days after the start from which on what this look found can be shipped: whole weeks, or the plan's end before. What
  // was ended has no more days to come.
  double ShipsAfter(const PublishedLook& look) const {
    // The final look waits for outcomes: the days are those on which its units came.
    const bool is_of_end = look.is_final && report_.progress.settled;
    const Time until = is_of_end ? *report_.progress.settled - OutcomeTime(design_) : look.time;
    const double found = DaysSince(design_.plan.started, until);
    double days = std::max<double>(FewestDays(design_), AsksForWholeWeeks(design_) ? WholeWeeks(found) : found);
    if (design_.max_days) days = std::min<double>(days, *design_.max_days);
    return HasEnded() ? 0 : days;
  }

  void AddNotes() {
    if (design_.method == PlanMethod::kGroupSequential && EffectiveMethod(design_) == PlanMethod::kSequential) {
      report_.notes.push_back(
          "The plan has neither a size nor an end, which group sequential looks need: intervals are those of the "
          "sequential method, which are wider.");
    }
    if (primary_ == nullptr) return;
    for (const ComparisonOfVariant& comparison : primary_->comparisons) {
      if (comparison.found.empty() || comparison.error) continue;
      const Shown shown = ShownOf(comparison);
      if (comparison.found_at_look > 0 && SideOf(shown, primary_->expect_up) != comparison.found) {
        report_.notes.push_back("Of " + comparison.variant + " the newest numbers would say less than those of look " +
                                CountText(std::uint64_t{comparison.found_at_look}) +
                                "; what was found first stands, and the change is shown, not undone.");
      }
      if (!report_.progress.at_end && EffectiveMethod(design_) != PlanMethod::kFixed) {
        report_.notes.push_back("Found before the planned end, the effect of " + comparison.variant +
                                " is, on average, overstated; the interval holds.");
      }
    }
    if (IsSettling()) {
      report_.notes.push_back("The last units have until " + TimeText(*report_.progress.settled) +
                              " for what counts as their outcome.");
    }
  }

  bool CannotSay() {
    for (const Gate& gate : report_.gates) {
      if (gate.light != Light::kRed) continue;
      if (gate.id == "rebuilding") {
        Say(Decision::kCannotSay, gate.sentence, "It comes back by itself when all events are counted.");
      } else {
        Say(Decision::kCannotSay, "The data cannot be trusted. " + gate.sentence,
            "Find and mend the cause, then start a new iteration: what was measured so far cannot be repaired by "
            "waiting.");
      }
      return true;
    }
    if (report_.progress.units == 0) {
      Say(Decision::kCannotSay, "No unit has been exposed yet.",
          "Is the flag enabled, do applications read it, and does the audience exist?");
      return true;
    }
    if (standings_.empty()) {
      Say(Decision::kCannotSay, "There is no variant to compare with the control.", "");
      return true;
    }
    return false;
  }

  bool Harm() {
    std::vector<std::string> harmed;
    for (const Standing& standing : standings_) {
      if (standing.IsHarmed()) harmed.push_back(HarmSentence(standing));
    }
    if (harmed.empty()) return false;
    if (harmed.size() < standings_.size()) {
      for (const std::string& sentence : harmed) report_.notes.push_back(sentence + ": it is out of the running.");
      return false;
    }
    std::string verdict = harmed.front();
    for (std::size_t i = 1; i < harmed.size(); ++i) verdict += "; " + harmed[i];
    Say(Decision::kStopForHarm, verdict + ".",
        "Nothing that can still be measured outweighs it: send everybody back to " + design_.plan.variants.front() +
            ", and look for the reason before you try again.");
    return true;
  }

  std::string HarmSentence(const Standing& standing) const {
    if (standing.harmed_by.empty()) return EffectSentence(standing) + ", which is worse";
    std::string sentence = standing.variant + " harms " + ListText(standing.harmed_by);
    for (const MetricReport& metric : report_.metrics) {
      if (metric.role != "guardrail" || metric.metric != standing.harmed_by.front()) continue;
      const ComparisonOfVariant& comparison = metric.comparisons.at(standing.index - 1);
      sentence += " (" + EffectText(comparison.estimate.effect.point, comparison.is_relative, IsShare(metric.kind)) +
                  ", " + MarginText(metric) + ")";
      break;
    }
    return sentence;
  }

  bool Ship() {
    if (primary_ == nullptr) {
      Say(Decision::kCannotSay, "The plan has no primary metric, so that there is nothing to decide by.",
          "Guardrails are watched all the same.");
      return true;
    }
    if (report_.results_hidden || shipped_by_ == nullptr || !IsLongEnough()) return false;
    // A last look is taken of however little there is.
    if (shipped_by_->is_final && !IsGreen(report_.gates, "minimum_events")) return false;
    const Standing* const best = shipped_;
    std::string verdict = EffectSentence(*best);
    if (const double after = ShipsAfter(*shipped_by_); report_.progress.days < after) {
      const Time then = design_.plan.started + Milliseconds(std::llround(after * 86'400'000));
      Say(Decision::kKeepRunning, verdict + ", but the week is not over: so far some weekdays count more than others.",
          std::string("It is shipped on ") + DayText(then) + ", unless harm is found before.");
      return true;
    }
    if (!best->unsafe.empty()) {
      report_.notes.push_back("By the newest numbers alone it would not be sure that " + ListText(best->unsafe) +
                              " of " + best->variant + " is within its margin; look " +
                              CountText(std::uint64_t{shipped_by_->number}) +
                              " or one before has shown it, and what was found first stands.");
    }
    if (HasEnded() && (report_.progress.days < FewestDays(design_) ||
                       (AsksForWholeWeeks(design_) && WholeWeeks(report_.progress.days) > report_.progress.days))) {
      report_.notes.push_back("It was ended after " + DaysText(report_.progress.days) +
                              ", which are fewer than the plan asks for, or no whole weeks: weekdays that are missing "
                              "may differ.");
    }
    if (!design_.guardrails.empty()) {
      verdict += design_.guardrails.size() == 1 ? ", and the guardrail holds" : ", and every guardrail holds";
    }
    report_.winner = best->variant;
    Say(Decision::kShip, verdict + ".", "Conclude it with " + best->variant + " as the winner.");
    return true;
  }

  bool AtEnd() {
    if (!report_.progress.at_end && !HasFinalLook()) return false;
    if (IsSettling() && !HasFinalLook()) {
      Say(Decision::kKeepRunning,
          "Its time is over; the last outcomes count until " + TimeText(*report_.progress.settled) + ".",
          "The verdict comes with the final look then.");
      return true;
    }
    if (!HasFinalLook()) {
      Say(Decision::kKeepRunning, "Its time is over, and its final look is still to be taken.",
          "The verdict comes with it: once all that was received by the end has been counted.");
      return true;
    }
    for (const Standing& standing : standings_) {
      if (!standing.IsBetter() || standing.IsHarmed()) continue;
      Say(Decision::kInconclusive,
          EffectSentence(standing) +
              (standing.unshown.empty()
                   ? ", but there is too little data to decide by"
                   : ", but it could not be shown that " + ListText(standing.unshown) + " is within its margin") +
              ".",
          standing.unshown.empty()
              ? "Run it longer, in a new iteration."
              : "Decide whether the gain is worth that risk, or run it longer, in a new iteration, "
                "with that as its question.");
      return true;
    }
    if (std::all_of(standings_.begin(), standings_.end(), [](const Standing& one) { return Has(one, kTooFewUnits); })) {
      Say(Decision::kInconclusive,
          "The plan's end has come with too few units to decide by: it takes 100 in each variant.",
          "Run it longer, in a new iteration.");
      return true;
    }
    std::vector<std::string> parts;
    for (const Standing& standing : standings_) {
      if (standing.primary == nullptr || standing.primary->error) continue;
      const Shown shown = ShownOf(*standing.primary);
      parts.push_back(standing.variant + " " +
                      IntervalText({shown.lower, shown.upper}, shown.is_relative, IsShare(primary_->kind)));
    }
    std::string verdict = "The plan's end has come, and no difference in " + primary_->metric + " was found";
    if (!parts.empty()) verdict += "; what is left possible: " + ListText(parts);
    std::string next = "Keep " + design_.plan.variants.front() + ", or choose by other reasons.";
    if (design_.primary && design_.primary->detect) {
      next += " An effect of " + PlainShareText(*design_.primary->detect) +
              ", which was looked for, would most likely have shown.";
    }
    Say(Decision::kInconclusive, verdict + ".", std::move(next));
    return true;
  }

  // The one of the plan's end, after which none is taken.
  bool HasFinalLook() const { return !report_.looks.empty() && report_.looks.back().is_final; }

  bool Futility() {
    if (report_.results_hidden || !design_.primary || !design_.primary->detect || !IsLongEnough()) return false;
    const PlanMethod method = EffectiveMethod(design_);
    if (method == PlanMethod::kFixed) return false;
    double highest = 0;
    for (const Standing& standing : standings_) {
      if (standing.IsHarmed()) continue;
      if (standing.IsBetter()) return false;  // that is found already; it waits for something else
      const std::optional<stats::Futility> futility = FutilityOf(standing);
      if (!futility || !futility->is_futile) return false;
      highest = std::max(highest, futility->under_plan);
    }
    std::vector<std::string> names;
    for (const Standing& standing : standings_) {
      if (!standing.IsHarmed()) names.push_back(standing.variant);
    }
    Say(Decision::kStopForFutility,
        "If " + ListText(names) + " truly changed " + primary_->metric + " by " +
            PlainShareText(*design_.primary->detect) + ", the chance to find it by the end would be " +
            ShareText(highest) + " only.",
        "Stop, or go on at no risk to the error rate: this rule does not bind.");
    return true;
  }

  // Of an effect that is a lift, as the one is that is looked for.
  std::optional<stats::Futility> FutilityOf(const Standing& standing) const {
    const std::optional<Outlook> from = OutlookOf(report_, standing.index);
    if (!from || !from->is_relative) return std::nullopt;
    const double direction = primary_->expect_up ? 1 : -1;
    const Outcome<stats::Futility> futility =
        CheckFutility(direction * from->point / from->standard_error, from->fraction, from->final_bound,
                      DriftOf(*design_.primary->detect, from->standard_error, from->fraction));
    if (!futility) return std::nullopt;
    return *futility;
  }

  void KeepRunning() {
    std::string until;
    if (report_.progress.until) {
      until = " Its end is expected on " + DayText(*report_.progress.until) + ", in " +
              DaysText(std::max(1.0, std::ceil(*report_.progress.days_left))) + ".";
    }
    if (report_.results_hidden) {
      Say(Decision::kKeepRunning, "Results are hidden until the planned end, for the plan allows one look only.",
          "Nothing but a harmed guardrail or a broken split changes that." + until);
      return;
    }
    if (!IsGreen(report_.gates, "minimum_events") || !IsLongEnough()) {
      const bool is_time = IsGreen(report_.gates, "minimum_events");
      const Gate* gate = FindGate(report_.gates, is_time ? "minimum_runtime" : "minimum_events");
      const bool is_found = std::any_of(standings_.begin(), standings_.end(), [](const Standing& standing) {
        return standing.IsBetter() && !standing.IsHarmed();
      });
      const std::string missing =
          std::string("A difference is there already; what is missing is ") + (is_time ? "time." : "events.");
      Say(Decision::kKeepRunning, "It is too early for a verdict. " + gate->sentence,
          (is_found ? missing : WhatWouldChange()) + until);
      return;
    }
    for (const Standing& standing : standings_) {
      if (!standing.IsBetter() || standing.IsHarmed()) continue;
      KeepBetter(standing, until);
      return;
    }
    std::vector<std::string> parts;
    for (const Standing& standing : standings_) {
      if (standing.primary == nullptr || standing.primary->error || standing.IsHarmed()) continue;
      const Shown shown = ShownOf(*standing.primary);
      parts.push_back(standing.variant + " " + EffectText(shown.point, shown.is_relative, IsShare(primary_->kind)) +
                      " (" + IntervalText({shown.lower, shown.upper}, shown.is_relative, IsShare(primary_->kind)) +
                      ")");
    }
    std::string verdict = "Nothing is decided yet";
    if (!parts.empty()) verdict += ": " + primary_->metric + " with " + ListText(parts);
    Say(Decision::kKeepRunning, verdict + ".", WhatWouldChange() + until);
  }

  // What is better, and no look says that it can be shipped.
  void KeepBetter(const Standing& standing, const std::string& until) {
    const bool is_any_time = FindsAtEveryMoment(design_, report_.looks);
    const std::string found = EffectSentence(standing);
    const std::vector<std::string>& open = standing.unsafe.empty() ? standing.unshown : standing.unsafe;
    if (!open.empty()) {
      const std::string names = ListText(open);
      Say(Decision::kKeepRunning,
          found + (standing.unsafe.empty() ? ", but no look has shown yet that " + names + " is within its margin."
                                           : ", but " + names + " may still be worse by more than its margin."),
          (is_any_time ? "It is shipped as soon as a look shows " + names + " to be within its margin."
                       : "It is shipped with the first look that shows " + names + " to be within its margin. " +
                             NextLookText()) +
              until);
      return;
    }
    Say(Decision::kKeepRunning, found + "; no look has kept that yet.",
        (is_any_time ? "It is shipped by the look that does, which is taken once what was received has been counted."
                     : "It is shipped with the next look, if it is found then, too. " + NextLookText()) +
            until);
  }

  // Which effect would be enough, and when it is looked for.
  std::string WhatWouldChange() const {
    const Standing* first = nullptr;
    for (const Standing& standing : standings_) {
      if (standing.primary != nullptr && !standing.primary->error && !standing.IsHarmed()) {
        first = &standing;
        break;
      }
    }
    if (first == nullptr) return "It is decided when there are numbers of " + primary_->metric + ".";
    const Estimate& estimate = first->primary->estimate;
    const bool is_relative = first->primary->is_relative, is_share = IsShare(primary_->kind);
    const double sign = primary_->expect_up ? 1 : -1;
    if (Has(*first, kTooFewUnits)) return "It takes 100 units in each variant before anything is decided.";
    if (Has(*first, kSmallCounts)) {
      return "It takes 10 conversions, and 10 units without one, in each variant before anything is decided.";
    }
    if (EffectiveMethod(design_) == PlanMethod::kSequential && !FindsAtEveryMoment(design_, report_.looks)) {
      return "It is decided by a look whose interval leaves 0 out. " + NextLookText();
    }
    if (EffectiveMethod(design_) == PlanMethod::kSequential) {
      if (!std::isfinite(estimate.interval.upper)) return "It is decided once an interval leaves 0 out.";
      const double half = (estimate.interval.upper - estimate.interval.lower) / 2;
      return "It is decided as soon as an interval leaves 0 out: today an effect of " +
             EffectText(sign * half, is_relative, is_share) + " or more would be enough.";
    }
    std::string text = NextLookText();
    const double units = static_cast<double>(report_.progress.units);
    if (!(units > 0) || !(estimate.effect.standard_error > 0)) return text;
    if (!(report_.progress.units_per_day > 0)) return text;  // how many there will be by then is not known
    const Time next = NextLook().value_or(now_);
    const bool is_last = IsOfEnd(next);
    const Time seen_to = SeenTo(next);
    const double then = UnitsExpectedTo(seen_to);
    double fraction = report_.fraction;
    if (design_.planned_units && *design_.planned_units > 0) {
      fraction = std::max(fraction, InformationFraction(then, *design_.planned_units));
    } else if (design_.max_days) {
      const double days = is_last ? *design_.max_days : DaysSince(design_.plan.started, seen_to);
      fraction = std::max(fraction, std::min(1.0, days / *design_.max_days));
    }
    if (!(fraction > 0) || !(then > 0)) return text;
    Outcome<GroupSequential> walk = Replay(design_, report_.looks);
    if (!walk) return text;
    const auto look = is_last ? walk->Last(fraction) : walk->Next(fraction);
    if (!look) return text;
    const double enough = look->bound * estimate.effect.standard_error * std::sqrt(units / then);
    return text + " An effect of " + EffectText(sign * enough, is_relative, is_share) +
           " or more would be enough then; now it is " + EffectText(estimate.effect.point, is_relative, is_share) + ".";
  }

  bool IsOfEnd(Time next) const { return OfEnd() && next >= *OfEnd(); }

  // Of the units that a look sees at `next`, when the last of them has been exposed.
  Time SeenTo(Time next) const {
    if (IsOfEnd(next)) return *report_.progress.until;
    const std::int32_t last = LastMaturedDay(design_, next);
    return last == kAllDays ? next : std::min<Time>(next, Time(std::chrono::days(last + 1)));
  }

  // How many are exposed up to a moment, of days that are over and of time that is to come.
  double UnitsExpectedTo(Time to) const {
    if (to >= now_) {
      const double days = static_cast<double>((to - now_).count()) / 86'400'000;
      return static_cast<double>(report_.progress.units) + days * report_.progress.units_per_day;
    }
    double units = 0;
    for (const auto& [day, by_variant] : report_.units_by_day) {
      if (Time(std::chrono::days(day + 1)) > to) break;
      for (const std::uint64_t of_variant : by_variant) units += static_cast<double>(of_variant);
    }
    return units;
  }

  // When the outcomes of the plan's last units are expected; nothing where the end is not.
  std::optional<Time> OfEnd() const {
    if (!report_.progress.until) return std::nullopt;
    return *report_.progress.until + OutcomeTime(design_);
  }

  // When the plan has its next look; nothing: it is due. As DueLook has it.
  std::optional<Time> NextLook() const {
    const std::vector<PublishedLook>& looks = report_.looks;
    if (looks.size() + 1 >= kMostLooks) return OfEnd();
    const std::int64_t taken = looks.empty() ? 0 : LookIntervals(design_, looks.back().time);
    Time next = design_.plan.started +
                std::max<Milliseconds>((taken + 1) * LookEvery(design_), std::chrono::days(FewestDays(design_)));
    if (EffectiveMethod(design_) == PlanMethod::kGroupSequential) next = std::max(next, FirstMatured(design_));
    if (report_.progress.until && *report_.progress.until <= next) next = *OfEnd();
    if (looks.empty() && AwaitsSize(design_, std::max(now_, next))) next += OutcomeTime(design_);
    return next > now_ ? std::optional(next) : std::nullopt;
  }

  std::string NextLookText() const {
    if (const std::optional<Time> next = NextLook()) return "The next look is due on " + DayText(*next) + ".";
    if (report_.looks.size() + 1 >= kMostLooks) return "The next look is the last, at the plan's end.";
    if (EffectiveMethod(design_) == PlanMethod::kGroupSequential &&
        !HasEnoughToSee(design_, report_.progress, report_.looks)) {
      return std::string("The next look waits for ") +
             (report_.progress.matured.is_enough ? "more units" : "100 units") +
             (OutcomeTime(design_) > Milliseconds(0) ? " whose outcomes are in" : "") +
             (report_.progress.matured.is_enough ? "." : ", of the control and of another variant each.");
    }
    return "The next look is due now: it is taken once what was received has been counted.";
  }

  Report& report_;
  const Design& design_;
  const Time now_;
  const MetricReport* primary_ = nullptr;
  std::vector<Standing> standings_;
  // The look by which a variant is shipped, and that variant; of the report and the standings. nullptr: there is none.
  const PublishedLook* shipped_by_ = nullptr;
  const Standing* shipped_ = nullptr;
};

}  // namespace

std::optional<Outlook> OutlookOf(const Report& report, std::uint32_t variant) {
  const Design& design = report.design;
  const MetricReport* primary = PrimaryOf(report);
  if (primary == nullptr || variant < 1 || variant > primary->comparisons.size()) return std::nullopt;
  const ComparisonOfVariant& comparison = primary->comparisons[variant - 1];
  if (comparison.error) return std::nullopt;
  Outlook from;
  if (EffectiveMethod(design) == PlanMethod::kGroupSequential) {
    if (report.looks.empty() || !comparison.at_look) return std::nullopt;
    from.point = comparison.at_look->point;
    from.standard_error = comparison.at_look->standard_error;
    from.is_relative = comparison.at_look->is_relative;
    from.fraction = report.looks.back().fraction;
    const Outcome<GroupSequential> walk = Replay(design, report.looks);
    if (!walk) return std::nullopt;
    from.final_bound = walk->FinalBound();
  } else if (EffectiveMethod(design) == PlanMethod::kSequential) {
    const std::optional<double> units = PlannedUnitsOfPair(design, variant);
    if (!units) return std::nullopt;
    from.point = comparison.estimate.effect.point;
    from.standard_error = comparison.estimate.effect.standard_error;
    from.is_relative = comparison.is_relative;
    from.fraction = std::min(1.0, static_cast<double>(report.progress.units) / *design.planned_units);
    from.final_bound = SequenceBound(AlphaOfOne(design), *units, kSequenceTunedTo);
  } else {
    return std::nullopt;  // nothing is seen before the end
  }
  if (!(from.standard_error > 0) || !(from.fraction > 0) || from.fraction > 1 || !(from.final_bound > 0)) {
    return std::nullopt;
  }
  return from;
}

std::string_view ToString(Light light) {
  switch (light) {
    case Light::kGreen:
      return "green";
    case Light::kYellow:
      return "yellow";
    case Light::kRed:
      break;
  }
  return "red";
}

std::string_view ToString(Decision decision) {
  switch (decision) {
    case Decision::kShip:
      return "ship";
    case Decision::kStopForHarm:
      return "stop_for_harm";
    case Decision::kStopForFutility:
      return "stop_for_futility";
    case Decision::kKeepRunning:
      return "keep_running";
    case Decision::kInconclusive:
      return "inconclusive";
    case Decision::kCannotSay:
      break;
  }
  return "cannot_say";
}

void Decide(Report& report, Time now) {
  Deciding(report, now).Run();
}

}  // namespace guidon::stats
