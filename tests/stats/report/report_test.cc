// What a report says, and when it says nothing. Golden files in golden/: GUIDON_WRITE_GOLDEN=1 writes them anew.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <functional>
#include <random>
#include <sstream>

#include "core/base/json.h"
#include "stats/inference/confidence_sequence.h"
#include "stats/inference/group_sequential.h"
#include "stats/inference/heterogeneity.h"
#include "stats/inference/power.h"
#include "stats/report/charts.h"
#include "stats/report/measure.h"
#include "stats/report/planning.h"
#include "stats/report/report.h"
#include "stats/report/view.h"
#include "stats/report/words.h"
#include "tests/stats/random_facts.h"
#include "tests/stats/report/samples.h"

namespace guidon::stats::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

const Gate& GateOf(const Report& report, std::string_view id) {
  for (const Gate& gate : report.gates) {
    if (gate.id == id) return gate;
  }
  throw std::invalid_argument("no gate " + std::string(id));
}

const MetricReport& MetricOf(const Report& report, std::string_view role) {
  for (const MetricReport& metric : report.metrics) {
    if (metric.role == role) return metric;
  }
  throw std::invalid_argument("no metric that is " + std::string(role));
}

constexpr const char* kParts[] = {"verdict", "data",  "primary-metric", "guardrails", "secondary-metrics", "over-time",
                                  "looks",   "units", "slices",         "plan",       "statistics"};

// Drawings that a page of an experiment with a ramp has, by their ids.
constexpr const char* kDrawings[] = {"by-day-1", "time-0", "time-1", "z", "units-chart"};

// By their headings' ids, in the order of the page.
std::vector<std::pair<std::string, std::string>> PartsOf(const std::string& page) {
  std::vector<std::pair<std::string, std::string>> parts;
  const std::string begin = "<section ", id = "<h2 id=\"", end = "</section>";
  for (std::size_t at = page.find(begin); at != std::string::npos; at = page.find(begin, at + 1)) {
    const std::size_t name = page.find(id, at) + id.size();
    parts.emplace_back(page.substr(name, page.find('"', name) - name), page.substr(at, page.find(end, at) - at));
  }
  return parts;
}

std::string PartOf(const std::string& page, std::string_view name) {
  for (const auto& [part, text] : PartsOf(page)) {
    if (part == name) return text;
  }
  return "";
}

std::size_t CountOf(std::string_view text, std::string_view what) {
  std::size_t count = 0;
  for (std::size_t at = text.find(what); at != std::string_view::npos; at = text.find(what, at + 1)) ++count;
  return count;
}

std::vector<std::string> NamesOf(const std::vector<std::pair<std::string, std::string>>& parts) {
  std::vector<std::string> names;
  for (const auto& [name, text] : parts) names.push_back(name);
  return names;
}

// ---- Golden files -------------------------------------------------------------------------------------------------

// Everything as it is in the file, numbers within 1e-9 of it.
std::string DifferenceOf(const Value& got, const Value& wanted, const std::string& path) {
  if (got.is_number() && wanted.is_number()) {
    const double a = got.AsDouble(), b = wanted.AsDouble();
    return std::fabs(a - b) <= 1e-12 + 1e-9 * std::fabs(b) ? "" : path + ": " + ToJson(got) + ", not " + ToJson(wanted);
  }
  if (got.is_array() && wanted.is_array() && got.AsArray().size() == wanted.AsArray().size()) {
    for (std::size_t i = 0; i < got.AsArray().size(); ++i) {
      std::string fault = DifferenceOf(got.AsArray()[i], wanted.AsArray()[i], path + "[" + std::to_string(i) + "]");
      if (!fault.empty()) return fault;
    }
    return "";
  }
  if (got.is_object() && wanted.is_object() && got.AsObject().size() == wanted.AsObject().size()) {
    for (const Member& member : wanted.AsObject()) {
      const Value* found = got.Find(member.name);
      if (found == nullptr) return path + "." + member.name + " is missing";
      std::string fault = DifferenceOf(*found, member.value, path + "." + member.name);
      if (!fault.empty()) return fault;
    }
    return "";
  }
  return got == wanted ? "" : path + ": " + guidon::ToJson(got) + ", not " + guidon::ToJson(wanted);
}

std::string FileOf(const std::string& name) {
  return GUIDON_SOURCE_DIR "/tests/stats/report/golden/" + name;
}

std::string ReadFile(const std::string& name) {
  std::ifstream file(FileOf(name));
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

class GoldenTest : public ::testing::TestWithParam<const char*> {};

TEST_P(GoldenTest, IsTheDocumentAndTheTextThatWereLookedAt) {
  const std::string name = GetParam();
  const Report& report = SampleOf(name);
  const Value json = stats::ToJson(report);
  const std::string text = ToText(report);
  if (std::getenv("GUIDON_WRITE_GOLDEN") != nullptr) {
    std::ofstream(FileOf(name + ".json")) << ToPrettyJson(json);
    std::ofstream(FileOf(name + ".txt")) << text;
  }
  const Result<Value> wanted = ParseJson(ReadFile(name + ".json"));
  ASSERT_TRUE(wanted) << wanted.error().message;
  EXPECT_EQ(DifferenceOf(json, *wanted, "report"), "");
  EXPECT_EQ(text, ReadFile(name + ".txt"));
}

INSTANTIATE_TEST_SUITE_P(Samples, GoldenTest,
                         ::testing::Values("ship", "harm", "broken-split", "hidden", "small-counts", "novelty",
                                           "overlapping"),
                         [](const auto& sample) {
                           std::string name = sample.param;
                           std::erase(name, '-');
                           return name;
                         });

// ---- Decisions ----------------------------------------------------------------------------------------------------

TEST(JudgeTest, ShipsWhatIsBetterWhenEveryGuardrailHolds) {
  const Report& report = SampleOf("ship");
  EXPECT_EQ(report.decision, Decision::kShip) << report.verdict;
  EXPECT_EQ(report.winner, "one_page");
  EXPECT_THAT(report.verdict, HasSubstr("one_page raises order_completed by "));
  EXPECT_EQ(MetricOf(report, "primary").comparisons[0].found, "better");
  EXPECT_GE(MetricOf(report, "primary").comparisons[0].found_at_look, 1u);
}

TEST(JudgeTest, AHarmedGuardrailStopsItWhateverTheGoalSays) {
  const Report& report = SampleOf("harm");
  EXPECT_EQ(report.decision, Decision::kStopForHarm) << report.verdict;
  EXPECT_THAT(report.verdict, HasSubstr("one_page harms checkout_error"));
  EXPECT_EQ(MetricOf(report, "guardrail").guardrail_verdict, "harmed");
}

TEST(JudgeTest, AGuardrailThatIsNotKnownToHoldKeepsItRunningAndThenLeavesItOpen) {
  Design design = DesignOf();
  design.guardrails = {{2, 0.0001, false, "rollback"}};  // too narrow to be shown
  ArmOf better;
  better.conversion = 0.23;
  Watched watched = Watch(design, {.seed = 3, .arms = {{}, better}});
  const Report running = watched.Read();
  EXPECT_EQ(running.decision, Decision::kKeepRunning) << running.verdict;
  EXPECT_THAT(running.next, HasSubstr("with the first look that shows checkout_error to be within its margin. The next "
                                      "look is due on 2027-02-01."));
  watched.now = After(42);
  EXPECT_EQ(watched.Read().decision, Decision::kKeepRunning) << "the last look is still to come";
  EXPECT_THAT(watched.Read().verdict, HasSubstr("the last outcomes count until 2027-02-19 00:00"));
  watched.now = After(46);
  EXPECT_THAT(watched.Read().verdict, HasSubstr("its final look is still to be taken"));
  watched.TakeDueLook();
  const Report ended = watched.Read();
  EXPECT_EQ(ended.decision, Decision::kInconclusive) << ended.verdict;
  EXPECT_THAT(ended.verdict, HasSubstr("could not be shown that checkout_error"));
}

TEST(JudgeTest, ARedGateHidesEveryResult) {
  const Report& report = SampleOf("broken-split");
  EXPECT_EQ(report.decision, Decision::kCannotSay);
  EXPECT_TRUE(report.results_hidden);
  EXPECT_EQ(GateOf(report, "sample_ratio").light, Light::kRed);
  EXPECT_THAT(GateOf(report, "sample_ratio").sentence, HasSubstr("cause: platform=ios"));
  for (const MetricReport& metric : report.metrics) {
    EXPECT_TRUE(metric.comparisons.empty()) << metric.metric;
    EXPECT_TRUE(metric.over_time.empty()) << metric.metric;
  }
  EXPECT_TRUE(report.slices.empty());
  EXPECT_FALSE(report.units_by_day.empty());
  const std::string json = guidon::ToJson(stats::ToJson(report));
  EXPECT_THAT(json, Not(HasSubstr("\"effect\"")));
  EXPECT_THAT(json, Not(HasSubstr("\"statistics\"")));
  EXPECT_THAT(json, Not(HasSubstr("by_exposure_day")));
  EXPECT_THAT(ToText(report), HasSubstr("hidden: the data cannot be trusted"));
  EXPECT_THAT(ToText(report), Not(HasSubstr("By day of first exposure")));
}

TEST(JudgeTest, ADimensionThatNobodySendsIsNoSlice) {
  Design design = DesignOf();
  design.plan.dimensions.push_back("sdk");  // which no unit of the sample has
  const Report report = Watch(design, {.seed = 3, .arms = {{}, {}}}).Read();
  EXPECT_FALSE(report.slices.empty()) << "of platform and country there are";
  for (const std::string& said : {guidon::ToJson(stats::ToJson(report)), ToText(report), ToHtml(report)}) {
    EXPECT_THAT(said, HasSubstr("country")) << "which splits";
    EXPECT_THAT(said, Not(HasSubstr("sdk=(none)")));
    EXPECT_THAT(said, Not(HasSubstr("\"dimension\":\"sdk\"")));
  }
}

TEST(JudgeTest, AFixedHorizonShowsGuardrailsOnlyUntilItsEndAndThenDecides) {
  const Report& early = SampleOf("hidden");
  EXPECT_EQ(early.decision, Decision::kKeepRunning);
  EXPECT_TRUE(early.results_hidden);
  EXPECT_TRUE(MetricOf(early, "primary").comparisons.empty());
  EXPECT_TRUE(MetricOf(early, "secondary").comparisons.empty());
  EXPECT_FALSE(MetricOf(early, "guardrail").comparisons.empty());
  EXPECT_THAT(ToText(early), HasSubstr("hidden until the planned end"));
  EXPECT_THAT(guidon::ToJson(stats::ToJson(early)), Not(HasSubstr("by_exposure_day")));

  Design design = DesignOf(PlanMethod::kFixed);
  design.planned_units = 20'000;
  ArmOf better;
  better.conversion = 0.226;
  Watched watched = Watch(design, {.seed = 14, .days = 25, .arms = {{}, better}});
  ASSERT_EQ(watched.looks.size(), 1u);
  EXPECT_TRUE(watched.looks[0].is_final);
  const Report report = watched.Read();
  EXPECT_FALSE(report.results_hidden);
  EXPECT_EQ(report.decision, Decision::kShip) << report.verdict;
  EXPECT_TRUE(MetricOf(report, "primary").comparisons[0].by_exposure_day);
}

TEST(JudgeTest, SmallCountsAreShownByMethodsOfTheirOwnAndDecideNothing) {
  const Report& report = SampleOf("small-counts");
  const ComparisonOfVariant& comparison = MetricOf(report, "primary").comparisons[0];
  EXPECT_THAT(comparison.badges, ::testing::Contains("small counts"));
  EXPECT_FALSE(comparison.is_relative);
  EXPECT_EQ(comparison.found, "");
  EXPECT_EQ(comparison.p_adjusted, 1);
  // Each second view says what it begins with.
  const auto prior_of = [](std::string_view sample) {
    const Value json = stats::ToJson(SampleOf(sample));
    return json.Find("metrics")->AsArray()[0].Find("comparisons")->AsArray()[0].Find("prior")->AsString();
  };
  EXPECT_EQ(prior_of("small-counts"), "uniform_shares");
  EXPECT_EQ(prior_of("ship"), "flat");

  // 40 to 0 in two arms of 800: Fisher is sure, the plan is not asked.
  Design design = DesignOf(PlanMethod::kSequential);
  design.guardrails.clear();
  ArmOf many, no_one;
  many.conversion = 0.05;
  no_one.conversion = 0;
  const Report sure = Watch(design, {.seed = 2, .units_per_day = 100, .days = 16, .arms = {no_one, many}}).Read();
  EXPECT_LT(MetricOf(sure, "primary").comparisons[0].estimate.p_value, 1e-6);
  EXPECT_EQ(sure.decision, Decision::kKeepRunning) << sure.verdict;
}

TEST(JudgeTest, StopsForFutilityOnlyWhenTheLookedForEffectCannotBeFoundAnyMore) {
  const Report& futile = SampleOf("futile");
  EXPECT_EQ(futile.decision, Decision::kStopForFutility) << futile.verdict;
  const Report& running = SampleOf("running");
  EXPECT_EQ(running.decision, Decision::kKeepRunning) << running.verdict;
  EXPECT_THAT(running.next, HasSubstr("The next look is due on 2027-01-25."));
  EXPECT_THAT(running.next, HasSubstr("Its end is expected on "));

  // Nor is what was found already looked for: it waits for its guardrails.
  ArmOf worse;
  worse.conversion = 0.188;
  Watched watched = Watch(DesignOf(), {.seed = 27, .days = 28, .arms = {{}, worse}});
  ASSERT_EQ(watched.Read().decision, Decision::kStopForFutility);
  for (PublishedLook& look : watched.looks) look.safe.emplace();
  watched.looks.front().effects.front().p = 1e-6;
  watched.looks.front().effects.front().z = 6;
  EXPECT_EQ(watched.Read().decision, Decision::kKeepRunning) << watched.Read().verdict;
}

TEST(JudgeTest, SaysWhatWouldChangeEveryVerdict) {
  const auto of = [](std::string_view sample) { return SampleOf(sample).would_change; };
  EXPECT_THAT(of("ship"),
              HasSubstr("A guardrail of one_page that is found harmed (the nearest is checkout_error, at worst "
                        "+0.39pp where the margin is +0.50pp), or a gate that turns red,"));
  EXPECT_THAT(of("harm"), HasSubstr("The interval of checkout_error holds at every moment"));
  EXPECT_THAT(of("futile"), HasSubstr("or more by the planned end, if it goes on; now that of one_page is "));
  EXPECT_EQ(of("running"), SampleOf("running").next);
  EXPECT_EQ(of("hidden"), SampleOf("hidden").next);
  EXPECT_THAT(of("broken-split"), HasSubstr("while 'Sample ratio' says stop"));
  for (const Sample& sample : Samples()) EXPECT_NE(sample.report.would_change, "") << sample.name;

  // The end asks for its bound times what the standard error will be then, at all of the planned units.
  const Report& futile = SampleOf("futile");
  const PublishedLook& last = futile.looks.back();
  const double enough = 2.0 * last.effects[0].standard_error * std::sqrt(last.fraction);
  const double said = std::stod(of("futile").substr(of("futile").find('+') + 1)) / 100;
  EXPECT_GT(said, enough * 0.98);
  EXPECT_LT(said, enough * 1.1);

  // Of a sequence the present, and the bound that it has at the planned units.
  const Design sequential = DesignOf(PlanMethod::kSequential);
  ArmOf worse;
  worse.conversion = 0.188;
  const Totals going_on = TotalsOf(sequential, {.seed = 27, .days = 28, .arms = {{}, worse}});
  const Report sequence = Judge(sequential, {&going_on, {}}, {}, After(28));
  ASSERT_EQ(sequence.decision, Decision::kStopForFutility) << sequence.verdict;
  EXPECT_THAT(sequence.would_change, HasSubstr("or more by the planned end, if it goes on; now that of one_page is "));

  // Nothing was found by the end: what it could have found, and that only a new iteration would tell more.
  Watched watched = Watch(DesignOf(), {.seed = 16, .units_per_day = 950, .days = 46});
  const Report ended = watched.Read();
  ASSERT_EQ(ended.decision, Decision::kInconclusive) << ended.verdict;
  EXPECT_THAT(ended.would_change, HasSubstr("only a new one, which begins from nothing. At this size an effect of "));
  // Nothing was exposed, and there is nothing to decide by.
  Design design = DesignOf();
  const Totals none(design.plan);
  EXPECT_THAT(Judge(design, {&none, {}}, {}, After(1)).would_change, HasSubstr("first units"));
  design.primary.reset();
  EXPECT_THAT(Judge(design, {&watched.totals, {}}, {}, After(43)).would_change, HasSubstr("A primary metric"));
}

TEST(JudgeTest, ShipsWholeWeeks) {
  Design design = DesignOf();
  design.min_days = 9;
  design.look_every = std::chrono::days(1);
  ArmOf better;
  better.conversion = 0.235;
  Watched watched = Watch(design, {.seed = 11, .units_per_day = 2'000, .days = 10, .arms = {{}, better}});
  const Report early = watched.Read();
  ASSERT_EQ(MetricOf(early, "primary").comparisons[0].found, "better");
  ASSERT_EQ(MetricOf(early, "primary").comparisons[0].found_at_look, 1u) << "after nine days";
  EXPECT_EQ(early.decision, Decision::kKeepRunning) << early.verdict;
  EXPECT_THAT(early.verdict, HasSubstr("the week is not over"));
  EXPECT_THAT(early.next, HasSubstr("It is shipped on 2027-01-18, unless harm"));
  watched.now = After(13.9);
  EXPECT_EQ(watched.Read().decision, Decision::kKeepRunning);
  watched.now = After(14);
  EXPECT_EQ(watched.Read().decision, Decision::kShip);
  watched.now = After(17);
  EXPECT_EQ(watched.Read().decision, Decision::kShip) << "it was found in whole weeks";
  // Where the plan asks for less than a week, or has come to its end, or there is no more to come.
  watched.now = After(10);
  watched.design.min_days = 3;
  EXPECT_EQ(watched.Read().decision, Decision::kShip);
  watched.design.min_days = 9;
  watched.design.max_days = 10;
  EXPECT_EQ(watched.Read().decision, Decision::kShip);
  watched.design.max_days = 42;
  watched.design.plan.ended = After(10);
  const Report ended = watched.Read();
  EXPECT_EQ(ended.decision, Decision::kShip);
  EXPECT_THAT(ended.notes, ::testing::Contains(HasSubstr("It was ended after 10 days")));
}

// A sequence holds at every moment, and nobody keeps what somebody read: what ships is a look.
TEST(JudgeTest, ASequenceShipsByTheLookThatKeepsWhatItFoundAndGoesOnDoingSo) {
  Design design = DesignOf(PlanMethod::kSequential);
  design.max_days.reset();
  ArmOf better;
  better.conversion = 0.235;
  Watched watched{
      design, TotalsOf(design, {.seed = 11, .units_per_day = 2'000, .arms = {{}, better}}, 16), {}, After(16)};
  // Two weeks, and a day more: between two weekly looks.
  const Report found = watched.Read();
  ASSERT_EQ(MetricOf(found, "primary").comparisons[0].found, "better");
  ASSERT_EQ(MetricOf(found, "primary").comparisons[0].found_at_look, 0u);
  EXPECT_EQ(found.decision, Decision::kKeepRunning) << found.verdict;
  ASSERT_TRUE(watched.TakeDueLook());
  EXPECT_FALSE(watched.TakeDueLook()) << "it finds nothing new";
  watched.now = After(16.1);
  EXPECT_FALSE(watched.TakeDueLook());
  EXPECT_THAT(watched.Read().next, HasSubstr("It is shipped on 2027-01-25, unless harm"));
  // In between the numbers have become those of no effect, and it is in the middle of a week.
  watched.totals = TotalsOf(design, {.seed = 3, .units_per_day = 2'000}, 21);
  for (const double days : {21.0, 24.0}) {
    watched.now = After(days);
    const Report later = watched.Read();
    EXPECT_EQ(later.decision, Decision::kShip) << later.verdict;
    EXPECT_EQ(later.winner, "one_page");
    EXPECT_THAT(later.verdict, HasSubstr("one_page raises order_completed by 1"));
    EXPECT_THAT(later.verdict, HasSubstr(" at look 1"));
    EXPECT_THAT(later.notes, ::testing::Contains(HasSubstr("what was found first stands")));
  }
  EXPECT_TRUE(watched.TakeDueLook()) << "the weekly one";
  EXPECT_EQ(watched.Read().decision, Decision::kShip);
}

TEST(JudgeTest, AGuardrailThatALookHasShownToHoldIsNotAskedAgain) {
  const auto since = [](double errors, std::uint32_t days) {
    ArmOf better;
    better.conversion = 0.235;
    better.errors = errors;
    Design design = DesignOf();
    design.guardrails = {{2, 0.008, false, "rollback"}};
    design.planned_units = 100'000;
    return Watch(design, {.seed = 11, .units_per_day = 2'500, .days = days, .arms = {{}, better}});
  };
  Watched watched = since(0.010, 15);
  ASSERT_EQ(watched.Read().decision, Decision::kShip) << watched.Read().verdict;
  ASSERT_THAT(watched.looks.front().safe, ::testing::Optional(ElementsAre(PublishedLook::Held{2, 1})));
  watched.totals = since(0.017, 16).totals;
  watched.now = After(16);
  const Report unsure = watched.Read();
  ASSERT_EQ(MetricOf(unsure, "guardrail").guardrail_verdict, "not_sure_yet");
  EXPECT_EQ(unsure.decision, Decision::kShip) << unsure.verdict;
  EXPECT_THAT(unsure.notes, ::testing::Contains(HasSubstr("checkout_error of one_page is within its margin")));
  // What an older server kept says nothing of it: the present counts.
  for (PublishedLook& look : watched.looks) look.safe.reset();
  EXPECT_EQ(watched.Read().decision, Decision::kKeepRunning);
  watched.totals = since(0.010, 15).totals;
  EXPECT_EQ(watched.Read().decision, Decision::kShip);
  // Harm that is shown speaks against it, whatever was found before.
  watched.totals = since(0.035, 16).totals;
  EXPECT_EQ(watched.Read().decision, Decision::kStopForHarm);
}

// Facts that go any way, read at any moment, looks that are taken now or later: what was said to be shipped is, until a
// guardrail is harmed or the data cannot be trusted.
TEST(JudgeTest, WhatWasShippedStaysShippedUntilSomethingSpeaksAgainstIt) {
  std::mt19937_64 random = Random("WhatWasShippedStaysShipped");
  const auto uniform = [&](double from, double to) { return std::uniform_real_distribution(from, to)(random); };
  int shipped_paths = 0, doubted = 0, unsure = 0;
  for (int path = 0, paths = Runs(24); path < paths; ++path) {
    Design design = DesignOf(path % 6 == 0   ? PlanMethod::kFixed
                             : path % 2 == 0 ? PlanMethod::kSequential
                                             : PlanMethod::kGroupSequential,
                             2 + static_cast<std::size_t>(path / 2 % 2));
    design.plan.dimensions.clear();
    design.plan.weights.assign(design.plan.variants.size(), 1.0 / static_cast<double>(design.plan.variants.size()));
    design.plan.metrics.resize(3);
    design.secondary.clear();
    design.guardrails = {{2, 0.08, false, "alert"}};
    design.min_days = std::array{2u, 7u, 9u}.at(random() % 3);
    design.max_days = random() % 2 == 0 ? std::optional(std::uint32_t{16}) : std::nullopt;
    design.planned_units = uniform(2'000, 5'000);
    design.look_every = std::chrono::days(std::array{1, 3, 7}.at(random() % 3));
    const std::size_t variants = design.plan.variants.size();
    const std::string told = "path " + std::to_string(path);
    Watched watched{design, Totals(design.plan), {}, Start()};
    std::vector<Contribution> units;
    std::string shipped;
    bool was_shipped = false;
    for (std::uint32_t day = 0; day < 21; ++day) {
      // At first it is better, later often worse; so is the guardrail.
      const double effect = day < 9 ? uniform(0.02, 0.16) : uniform(-0.2, 0.05),
                   harm = day < 9 ? 0 : uniform(0.02, 0.2);
      for (std::uint32_t i = 0; i < 40 * variants * 3; ++i) {
        Contribution unit;
        unit.kind = Contribution::Kind::kUnit;
        unit.variant = static_cast<std::uint32_t>(i % variants);
        unit.day = 20'457 + static_cast<std::int32_t>(day);
        const double more = unit.variant == 0 ? 0 : unit.variant == 1 ? 1 : 0.8;
        unit.metrics.resize(3);
        const auto yes_or_no = [&](MetricContribution& of, double chance) {
          of.y = of.y_uncapped = uniform(0, 1) < chance ? 1 : 0;
          of.events = of.y > 0 ? 1 : 0;
        };
        yes_or_no(unit.metrics[0], 0.4 + more * effect);
        yes_or_no(unit.metrics[2], 0.05 + more * harm);
        watched.totals.Add(unit);
        units.push_back(std::move(unit));
      }
      for (int i = 0; i < 3; ++i) {  // somebody asks to be erased
        const std::size_t place = random() % units.size();
        watched.totals.Remove(units[place]);
        units[place] = std::move(units.back());
        units.pop_back();
      }
      for (int i = random() % 4 == 0 ? 2 : 1; i > 0; --i) {
        const double hour = i == 2 ? uniform(0, 0.5) : uniform(0.5, 0.99);
        watched.now = After(day + hour);
        if (random() % 2 == 0) watched.TakeDueLook();
        const Report report = watched.Read();
        const bool is_ship = report.decision == Decision::kShip;
        if (is_ship) {
          const auto at = std::find(design.plan.variants.begin(), design.plan.variants.end(), report.winner);
          ASSERT_NE(at, design.plan.variants.end());
          const auto place = static_cast<std::size_t>(at - design.plan.variants.begin()) - 1;
          const ComparisonOfVariant& winner = MetricOf(report, "primary").comparisons.at(place);
          ASSERT_GE(winner.found_at_look, 1u) << told;
          was_shipped = true;
          doubted += winner.estimate.interval.lower < 0 ? 1 : 0;
          unsure += MetricOf(report, "guardrail").comparisons.at(place).guardrail == "not_sure_yet" ? 1 : 0;
        }
        const bool is_harmed = !shipped.empty() && !report.HasRedGate() &&
                               std::any_of(MetricOf(report, "guardrail").comparisons.begin(),
                                           MetricOf(report, "guardrail").comparisons.end(), [&](const auto& one) {
                                             return one.variant == shipped && one.guardrail == "harmed";
                                           });
        if (is_harmed) shipped.clear();
        if (!shipped.empty() && !report.HasRedGate()) {
          ASSERT_EQ(ToString(report.decision), "ship") << told << ", day " << day + hour << ": " << report.verdict;
          ASSERT_EQ(report.winner, shipped) << told << ", day " << day + hour;
        }
        if (is_ship) shipped = report.winner;
      }
    }
    shipped_paths += was_shipped ? 1 : 0;
  }
  std::printf("%d paths shipped; by the newest numbers %d times no better, %d times a guardrail not sure\n",
              shipped_paths, doubted, unsure);
  if (Runs(24) < 24) return;  // too few to say how many there should be
  EXPECT_GE(shipped_paths, Runs(24) / 4);
  EXPECT_GE(doubted, Runs(24) / 2) << "or it would try nothing";
  EXPECT_GE(unsure, Runs(24) / 6) << "likewise";
}

TEST(JudgeTest, SaysNothingButHarmBeforeTheFewestDays) {
  ArmOf better;
  better.conversion = 0.26;
  const Watched early = Watch(DesignOf(PlanMethod::kSequential), {.seed = 5, .days = 10, .arms = {{}, better}});
  const Report report = early.Read();
  EXPECT_EQ(MetricOf(report, "primary").comparisons[0].found, "better");
  EXPECT_EQ(report.decision, Decision::kKeepRunning) << report.verdict;
  EXPECT_THAT(report.verdict, HasSubstr("too early"));
  EXPECT_THAT(report.next, HasSubstr("A difference is there already; what is missing is time."));
  EXPECT_NE(MetricOf(report, "primary").comparisons[0].found_at_look, 0u) << "a look has kept it, and it stands";
  ArmOf worse;
  worse.conversion = 0.15;
  EXPECT_EQ(Watch(DesignOf(PlanMethod::kSequential), {.seed = 5, .days = 10, .arms = {{}, worse}}).Read().decision,
            Decision::kStopForHarm);
}

TEST(JudgeTest, AFirstCrossingStandsAndAReversalIsShown) {
  Watched watched = Watch(DesignOf(), {.seed = 7});
  ASSERT_FALSE(watched.looks.empty());
  PublishedLook crossed = watched.looks.front();
  crossed.effects.front().z = 6;
  crossed.effects.front().p = 1e-6;
  watched.looks.front() = crossed;
  const Report report = watched.Read();
  const ComparisonOfVariant& comparison = MetricOf(report, "primary").comparisons[0];
  EXPECT_EQ(comparison.found, "better");
  EXPECT_EQ(comparison.found_at_look, 1u);
  EXPECT_THAT(report.notes, ::testing::Contains(HasSubstr("what was found first stands")));
}

// With two variants, each at p = 0.03, Holm finds neither; with one at 0.02 it finds that and then the other.
TEST(JudgeTest, SeveralVariantsShareAlphaByHolm) {
  Watched watched = Watch(DesignOf(PlanMethod::kGroupSequential, 3), {.seed = 8, .arms = {{}, {}, {}}});
  ASSERT_FALSE(watched.looks.empty());
  const auto with = [&](double first, double second) {
    std::vector<PublishedLook> looks = watched.looks;
    for (PublishedLook& look : looks) {
      look.effects[0].p = first;
      look.effects[1].p = second;
      look.effects[0].z = look.effects[1].z = 2.2;
    }
    const Report report = Judge(watched.design, {&watched.totals, {}}, looks, watched.now);
    return std::pair(MetricOf(report, "primary").comparisons[0].found,
                     MetricOf(report, "primary").comparisons[1].found);
  };
  EXPECT_EQ(with(0.03, 0.04), std::pair(std::string(), std::string()));
  EXPECT_EQ(with(0.02, 0.04), std::pair(std::string("better"), std::string("better")));
  EXPECT_EQ(with(0.02, 0.2), std::pair(std::string("better"), std::string()));
}

TEST(JudgeTest, WithoutSizeAndEndGroupSequentialIsSequentialAndSaysSo) {
  Design design = DesignOf();
  design.planned_units.reset();
  design.max_days.reset();
  EXPECT_EQ(EffectiveMethod(design), PlanMethod::kSequential);
  const Report report = Watch(design, {.seed = 9, .units_per_day = 300, .days = 15}).Read();
  EXPECT_THAT(report.notes, ::testing::Contains(HasSubstr("neither a size nor an end")));

  // One that may still find its size does not say on Tuesday what it takes back when it has: no look keeps it.
  ArmOf worse;
  worse.conversion = 0.15;
  const Watched sizeless = Watch(design, {.seed = 5, .days = 4, .arms = {{}, worse}});
  ASSERT_TRUE(sizeless.looks.empty());
  const Report early = sizeless.Read();
  EXPECT_LT(MetricOf(early, "primary").comparisons[0].p_adjusted, 0.001);
  EXPECT_EQ(MetricOf(early, "primary").comparisons[0].found, "");
  EXPECT_EQ(early.decision, Decision::kKeepRunning) << early.verdict;
}

// 2,000 units of each variant, each with a revenue of `y` of unit and variant, half of them on ios.
Totals RevenueOf(const Design& design, const std::function<double(std::uint32_t, std::uint32_t)>& y,
                 const std::function<bool(std::uint32_t, std::uint32_t)>& is_ios) {
  Totals totals(design.plan);
  for (std::uint32_t i = 0; i < 4'000; ++i) {
    Contribution unit;
    unit.kind = Contribution::Kind::kUnit;
    unit.variant = i % 2;
    unit.day = 20'460;
    unit.dimensions = {is_ios(i / 2, i % 2) ? "ios" : "web", "DE"};
    unit.metrics.resize(design.plan.metrics.size());
    unit.metrics[1].y_uncapped = y(i / 2, i % 2);
    unit.metrics[1].y = std::min(unit.metrics[1].y_uncapped, 75.0);
    unit.metrics[1].capped = unit.metrics[1].y < unit.metrics[1].y_uncapped;
    unit.metrics[1].events = 1;
    totals.Add(unit);
  }
  return totals;
}

TEST(JudgeTest, ABaselineNearZeroIsComparedAbsolutely) {
  Design design = DesignOf(PlanMethod::kSequential);
  design.plan.metrics[1].adjust = false;
  design.primary = Goal{1, true, std::nullopt};
  const Totals totals = RevenueOf(
      design, [](std::uint32_t unit, std::uint32_t variant) { return (unit % 2 == 0 ? 10.0 : -10.0) + variant; },
      [](std::uint32_t, std::uint32_t) { return true; });
  const Report report = Judge(design, {&totals, {}}, {}, After(20));
  const ComparisonOfVariant& comparison = MetricOf(report, "primary").comparisons[0];
  EXPECT_FALSE(comparison.is_relative);
  EXPECT_NEAR(comparison.estimate.effect.point, 1, 1e-9);
  EXPECT_THAT(comparison.badges, ::testing::Contains("baseline near 0: absolute"));
}

TEST(JudgeTest, NoIntervalIsShownBeforeASequenceMayBegin) {
  Design design = DesignOf(PlanMethod::kSequential);
  design.primary = Goal{1, true, std::nullopt};  // revenue: every unit has some
  design.secondary = {Goal{0, true, std::nullopt}};
  design.guardrails.push_back({1, 0.05, true, "alert"});
  const World world{.seed = 9, .units_per_day = 80, .days = 10};
  const auto report_of = [&](std::uint32_t days) {
    const Totals totals = TotalsOf(design, world, days);
    return Judge(design, {&totals, {}}, {}, After(days));
  };
  const Report early = report_of(2);  // some 80 units in each arm
  const Estimate& nothing = MetricOf(early, "primary").comparisons[0].estimate;
  EXPECT_NE(nothing.effect.point, 0);
  EXPECT_TRUE(std::isinf(nothing.interval.lower) && std::isinf(nothing.interval.upper));
  EXPECT_EQ(nothing.p_value, 1);
  EXPECT_EQ(early.metrics[3].metric, "revenue_per_account");
  EXPECT_TRUE(std::isinf(early.metrics[3].comparisons[0].estimate.interval.lower));
  EXPECT_EQ(early.metrics[3].guardrail_verdict, "not_sure_yet");
  EXPECT_TRUE(MetricOf(early, "primary").over_time.empty());

  const Report late = report_of(10);
  EXPECT_TRUE(std::isfinite(MetricOf(late, "primary").comparisons[0].estimate.interval.lower));
  // The first day of the line is that on which the smaller arm has its hundred.
  std::uint64_t control = 0, treatment = 0;
  for (const auto& [day, units] : late.units_by_day) {
    control += units[0];
    treatment += units[1];
    EXPECT_EQ(day >= MetricOf(late, "primary").over_time.front().day, std::min(control, treatment) >= 100) << day;
  }
}

// ---- More about a comparison --------------------------------------------------------------------------------------

Design DesignOfRevenue() {
  Design design = DesignOf(PlanMethod::kSequential);
  design.plan.metrics[1].adjust = false;
  design.primary = Goal{1, true, std::nullopt};
  design.secondary.clear();
  return design;
}

TEST(MoreTest, WhereAMetricIsCutAndWhatItWouldBeWithoutIsSaid) {
  Design design = DesignOfRevenue();
  // 50 of the treatment's units have 1,000; all others 40, or 50.
  const Totals totals = RevenueOf(
      design,
      [](std::uint32_t unit, std::uint32_t variant) {
        return variant == 1 && unit < 50 ? 1'000 : 40.0 + unit % 2 * 10;
      },
      [](std::uint32_t unit, std::uint32_t) { return unit % 2 == 0; });
  const Report report = Judge(design, {&totals, {}}, {}, After(20));
  const MetricReport& revenue = MetricOf(report, "primary");
  EXPECT_EQ(revenue.cap, 75);
  const ComparisonOfVariant& comparison = revenue.comparisons[0];
  EXPECT_EQ(comparison.capped, 50u);
  ASSERT_TRUE(comparison.uncapped);
  EXPECT_NEAR(comparison.estimate.effect.treatment_mean, (1'950 * 45 + 50 * 75) / 2'000.0, 1e-9);
  EXPECT_NEAR(comparison.uncapped->effect.treatment_mean, (1'950 * 45 + 50 * 1'000) / 2'000.0, 1e-9);
  EXPECT_LT(comparison.uncapped->interval.lower, comparison.uncapped->effect.point);
  EXPECT_THAT(ToText(report), HasSubstr("totals above 75 count as 75"));
  EXPECT_THAT(PartOf(ToHtml(report), "primary-metric"), HasSubstr("Without the cap, which cut 50 units: +"));
  // Of a percentile, what the last pass over the units has found.
  design.plan.metrics[1].cap_value.reset();
  design.plan.metrics[1].cap_share = 0.99;
  Caps caps;
  caps.metrics.resize(design.plan.metrics.size());
  EXPECT_FALSE(MetricOf(Judge(design, {&totals, {}, caps}, {}, After(20)), "primary").cap);
  caps.metrics[1].y = 61.5;
  EXPECT_EQ(MetricOf(Judge(design, {&totals, {}, caps}, {}, After(20)), "primary").cap, 61.5);
}

TEST(MoreTest, WhereNoLiftIsShownFiellersIntervalHoldsAtEveryMoment) {
  const Design design = DesignOfRevenue();
  // Means 0.8 and 1.8, deviation 10: the control is 3.6 of its standard errors above 0.
  const Totals totals = RevenueOf(
      design, [](std::uint32_t unit, std::uint32_t variant) { return (unit % 2 == 0 ? 10.0 : -10.0) + 0.8 + variant; },
      [](std::uint32_t, std::uint32_t) { return true; });
  const Report report = Judge(design, {&totals, {}}, {}, After(20));
  const ComparisonOfVariant& comparison = MetricOf(report, "primary").comparisons[0];
  ASSERT_FALSE(comparison.is_relative);
  ASSERT_TRUE(comparison.fieller);
  // At both ends "treatment - (1 + lift) control" is as far from 0 as the sequence allows.
  const double variance = 100.0 * 2'000 / 1'999 / 2'000, bound = SequenceBound(0.05, 4'000, kSequenceTunedTo);
  for (const double lift : {comparison.fieller->lower, comparison.fieller->upper}) {
    const double ratio = 1 + lift;
    EXPECT_NEAR(std::fabs(1.8 - ratio * 0.8) / std::sqrt(variance * (1 + ratio * ratio)), bound, 1e-9);
  }
  EXPECT_LT(comparison.fieller->lower, 1.25);
  EXPECT_GT(comparison.fieller->upper, 1.25);
  EXPECT_THAT(PartOf(ToHtml(report), "primary-metric"), HasSubstr("As a share of the control, by Fieller: "));
  EXPECT_FALSE(MetricOf(SampleOf("ship"), "primary").comparisons[0].fieller) << "its lift is shown";
}

TEST(MoreTest, LikeIsComparedWithLikeByEachDimension) {
  const Design design = DesignOfRevenue();
  // 60 on ios and 20 on the web, whatever the variant, of which the treatment has more on ios by chance.
  const auto is_ios = [](std::uint32_t unit, std::uint32_t variant) { return unit % 100 < 50 + 5 * variant; };
  const Totals totals = RevenueOf(
      design,
      [&](std::uint32_t unit, std::uint32_t variant) { return (is_ios(unit, variant) ? 60.0 : 20.0) + unit / 100 % 2; },
      is_ios);
  const Report report = Judge(design, {&totals, {}}, {}, After(20));
  const ComparisonOfVariant& comparison = MetricOf(report, "primary").comparisons[0];
  EXPECT_NEAR(comparison.estimate.effect.point, 2 / 40.5, 1e-9);
  ASSERT_EQ(comparison.stratified.size(), 1u) << "the country splits nobody";
  EXPECT_EQ(comparison.stratified[0].dimension, "platform");
  EXPECT_EQ(comparison.stratified[0].strata, 2u);
  EXPECT_NEAR(comparison.stratified[0].estimate.effect.point, 0, 1e-9);
  EXPECT_LT(comparison.stratified[0].estimate.effect.standard_error, 0.1 * comparison.estimate.effect.standard_error);
  EXPECT_TRUE(std::isfinite(comparison.stratified[0].estimate.interval.lower));
  EXPECT_THAT(PartOf(ToHtml(report), "primary-metric"), HasSubstr("<li>Post-stratified by platform: "));
}

TEST(MoreTest, WhatAnEffectComesToInADayIsOfTheUnitsThatCome) {
  const Report& report = SampleOf("ship");
  const ComparisonOfVariant& comparison = MetricOf(report, "primary").comparisons[0];
  ASSERT_TRUE(comparison.per_day);
  EXPECT_NEAR(comparison.per_day->effect.point,
              (comparison.estimate.effect.treatment_mean - comparison.estimate.effect.control_mean) *
                  report.progress.units_per_day,
              1e-9);
  EXPECT_NEAR(comparison.per_day->interval.upper, comparison.absolute->interval.upper * report.progress.units_per_day,
              1e-9);
  EXPECT_THAT(PartOf(ToHtml(report), "primary-metric"), HasSubstr("<li>If all units that come in a day had it, of "));
}

// Of each arm so many units on each day from that of the start on, of whom so many convert.
struct DayOf {
  std::uint32_t units = 0, control = 0, treatment = 0;
};
Totals TotalsOfDays(const Design& design, const std::vector<DayOf>& days) {
  Totals totals(design.plan);
  for (std::size_t day = 0; day < days.size(); ++day) {
    for (std::uint32_t i = 0; i < 2 * days[day].units; ++i) {
      Contribution unit;
      unit.kind = Contribution::Kind::kUnit;
      unit.variant = i % 2;
      unit.day = 20'822 + static_cast<std::int32_t>(day);
      unit.metrics.resize(design.plan.metrics.size());
      const bool converts = i / 2 < (i % 2 == 0 ? days[day].control : days[day].treatment);
      unit.metrics[0].y = unit.metrics[0].y_uncapped = converts ? 1 : 0;
      unit.metrics[0].events = converts ? 1 : 0;
      totals.Add(unit);
    }
  }
  return totals;
}

TEST(MoreTest, DaysOfFirstExposureAreComparedOnceTheirUnitsHaveComeToTheirOutcomes) {
  Design design = DesignOf(PlanMethod::kSequential);
  design.guardrails.clear();
  design.secondary.clear();
  // Of some days there are too few units, or conversions; the last three are of a time whose windows are not over.
  const std::vector<DayOf> days = {{200, 40, 80}, {100, 20, 36}, {99, 30, 60},  {400, 80, 130},
                                   {150, 30, 9},  {200, 44, 48}, {300, 60, 66}, {200, 0, 200},
                                   {200, 0, 200}, {200, 0, 200}, {200, 0, 200}};
  const Totals totals = TotalsOfDays(design, days);
  const Time matured{std::chrono::days(20'822 + 7 + 3)};  // 72 hours after the end of the seventh
  const auto at = [&](const Design& of, Time now, const DataQuality& quality = {}) {
    return Judge(of, {&totals, quality}, {}, now);
  };
  const Report report = at(design, matured);
  const ComparisonOfVariant& comparison = MetricOf(report, "primary").comparisons[0];
  ASSERT_TRUE(comparison.by_exposure_day);
  const ByExposureDay& by = *comparison.by_exposure_day;
  ASSERT_EQ(by.points.size(), 5u);
  EXPECT_EQ(by.days_together, 1u);
  EXPECT_EQ(by.left_out, 2u);
  ASSERT_TRUE(by.is_relative);
  // Of the control's mean of all seven days, those too few by themselves among them.
  const double control = (40 + 20 + 30 + 80 + 30 + 44 + 60) / 1'449.0;
  std::vector<PlacedEffect> placed;
  std::size_t next = 0;
  for (const std::size_t day : {0u, 1u, 3u, 5u, 6u}) {
    const ByExposureDay::Point& point = by.points[next++];
    const double n = days[day].units, c = days[day].control / n, t = days[day].treatment / n;
    EXPECT_EQ(point.first, 20'822 + static_cast<std::int32_t>(day));
    EXPECT_EQ(point.last, point.first);
    EXPECT_EQ(point.units_control, days[day].units);
    EXPECT_NEAR(point.point, (t - c) / control, 1e-12);
    EXPECT_NEAR(point.standard_error, std::sqrt((c * (1 - c) + t * (1 - t)) / n) / control, 1e-12);
    EXPECT_NEAR((point.upper - point.lower) / point.standard_error, 2 * 1.96, 0.03);
    placed.push_back({static_cast<double>(day), point.point, point.standard_error});
  }
  EXPECT_NEAR(by.difference.q, HeterogeneityOf(placed)->q, 1e-9);
  EXPECT_NEAR(by.trend.p_value, TrendOf(placed)->p_value, 1e-9);
  EXPECT_NEAR(by.trend.slope, TrendOf(placed)->slope, 1e-9);
  EXPECT_LT(by.trend.p_value, kDayAlpha);
  EXPECT_THAT(ByDayText(by, true), HasSubstr("The effect on units that came later is lower by "));
  EXPECT_THAT(ToText(report), HasSubstr("By day of first exposure: "));

  // The seventh is not over an instant before, nor while not all has been counted that came until then.
  EXPECT_EQ(MetricOf(at(design, matured - Milliseconds(1)), "primary").comparisons[0].by_exposure_day->points.size(),
            4u);
  DataQuality behind;
  behind.folded_to = matured - Milliseconds(1);
  EXPECT_EQ(MetricOf(at(design, matured, behind), "primary").comparisons[0].by_exposure_day->points.size(), 4u);
  EXPECT_FALSE(MetricOf(at(design, Time(std::chrono::days(20'822 + 3 + 3))), "primary").comparisons[0].by_exposure_day)
      << "two days say nothing of a trend";
  // Who came later had less time.
  Design endless = design;
  endless.plan.metrics[0].window.reset();
  EXPECT_FALSE(MetricOf(at(endless, After(60)), "primary").comparisons[0].by_exposure_day);
  // Nothing is asked of what nobody decides by in the first place.
  endless = DesignOf(PlanMethod::kSequential);
  endless.primary = Goal{1, true, std::nullopt};
  endless.secondary = {Goal{0, true, std::nullopt}};
  EXPECT_FALSE(MetricOf(at(endless, matured), "secondary").comparisons[0].by_exposure_day);
}

TEST(MoreTest, DaysOfALongExperimentArePutTogether) {
  Design design = DesignOf(PlanMethod::kSequential);
  design.guardrails.clear();
  const Report report = [&] {
    const Totals totals = TotalsOfDays(design, std::vector<DayOf>(131, {60, 12, 13}));
    return Judge(design, {&totals, {}}, {}, After(131));
  }();
  const ByExposureDay& by = MetricOf(report, "primary").comparisons[0].by_exposure_day.value();
  // Of 127 days that have matured three each, and one that is not whole.
  EXPECT_EQ(by.days_together, 3u);
  ASSERT_EQ(by.points.size(), 42u);
  EXPECT_EQ(by.points[0].units_control, 180u);
  EXPECT_EQ(by.points[1].first, by.points[0].last + 1);
  EXPECT_EQ(by.points.back().last, by.points.front().first + 125);
  EXPECT_NEAR(by.difference.q, 0, 1e-9);
  EXPECT_EQ(PointsText(by), "42 blocks of 3 days each");
  EXPECT_THAT(ByDayText(by, true), HasSubstr("No more difference between days than chance makes (p 1.000"));
  EXPECT_THAT(ToHtml(report), HasSubstr("42 blocks of 3 days each"));
}

// Nor is a difference a trend.
TEST(MoreTest, DaysThatDifferWithoutATrendAreSaidToDiffer) {
  ByExposureDay by;
  by.difference.p_value = 0.002;
  by.trend = {.slope = -0.001, .p_value = 0.4};
  EXPECT_EQ(ByDayText(by, true), "Days differ by more than chance makes (p 0.002), without a trend (p 0.400).");
  by.is_relative = false;
  by.trend = {.slope = 0.001, .p_value = 0.04};
  EXPECT_THAT(ByDayText(by, true), HasSubstr("came later is higher by 0.70pp a week (p 0.040; "));
}

// ---- Experiments that overlap --------------------------------------------------------------------------------------

TEST(OverlapsTest, AnEffectThatDiffersBesideAnotherExperimentIsSuspectAndDecidesNothing) {
  const Report& report = SampleOf("overlapping");
  ASSERT_TRUE(report.overlaps);
  const OverlapsReport& overlaps = *report.overlaps;
  EXPECT_EQ(overlaps.as_of, After(15));
  std::vector<std::string> order;
  for (const OverlapsReport::Of& other : overlaps.experiments) order.push_back(other.experiment);
  EXPECT_THAT(order, ElementsAre("free-shipping", "banner", "recommendations", "search"))
      << "the suspect, then by units";
  EXPECT_EQ(overlaps.experiments[0].units, 8'000u);
  const OverlapsReport::Question& suspect = overlaps.experiments[0].questions.at(0);
  EXPECT_NEAR(suspect.with_control, 0.04, 1e-12);
  EXPECT_NEAR(suspect.with_variant, -0.04, 1e-12);
  EXPECT_NEAR(suspect.point, -0.08, 1e-12);
  EXPECT_NEAR(suspect.standard_error, std::sqrt((0.16 + 0.1875 + 0.1824 + 0.1659) / 2'000), 1e-12);
  EXPECT_NEAR(suspect.p_adjusted, 4 * suspect.p, 1e-12) << "of four questions that can be answered";
  EXPECT_TRUE(suspect.is_suspect);
  const std::string sentence =
      "The effect of one_page on order_completed differs by \xE2\x88\x92"
      "8.00pp where free of experiment free-shipping is on: \xE2\x88\x92"
      "4.00pp there, +4.00pp where its paid is (p <0.0001, adjusted for 4 questions). Decide the two together.";
  EXPECT_THAT(overlaps.sentences, ElementsAre(sentence));
  EXPECT_EQ(overlaps.experiments[2].questions.size(), 2u);
  ASSERT_TRUE(overlaps.experiments[3].questions.at(0).error);
  EXPECT_EQ(overlaps.experiments[3].questions[0].error->message, "fewer than 100 units in a pair of variants");
  for (std::size_t i = 1; i < 4; ++i) EXPECT_FALSE(overlaps.experiments[i].questions[0].is_suspect);

  const Gate& gate = GateOf(report, "interaction");
  EXPECT_EQ(gate.light, Light::kYellow);
  EXPECT_EQ(gate.sentence,
            "The effect on order_completed seems to depend on what units see of free-shipping: look at them side by "
            "side, and "
            "decide them together. Overlapping experiments has the numbers.");
  EXPECT_FALSE(report.results_hidden);
  EXPECT_EQ(report.decision, SampleOf("running").decision);
  const std::string part = PartOf(ToHtml(report), "overlaps");
  EXPECT_THAT(part, HasSubstr(Escaped(sentence)));
  EXPECT_THAT(part, HasSubstr("2027-01-19 08:00 UTC"));
  EXPECT_THAT(part, HasSubstr("Not looked at, for there are too many: sorting and wishlist."));
  EXPECT_EQ(CountOf(part, "<th scope=\"row\">"), 5u);
}

TEST(OverlapsTest, WithoutASuspectThereIsNoNoteAndWithoutOthersNothing) {
  const Design design = DesignOf();
  const Totals totals = TotalsOf(design, {.days = 3});
  Overlaps overlaps = OverlapsOf(design);
  std::erase_if(overlaps.others, [](const Overlap& other) { return other.experiment == "free-shipping"; });
  const auto judge = [&](const Design& by, const Overlaps* given) {
    return Judge(by, {&totals, {}, {}, {}, given}, {}, After(3));
  };
  const Report calm = judge(design, &overlaps);
  ASSERT_TRUE(calm.overlaps);
  EXPECT_THAT(calm.overlaps->sentences, ElementsAre());
  EXPECT_THROW(GateOf(calm, "interaction"), std::invalid_argument);
  EXPECT_THAT(PartOf(ToHtml(calm), "overlaps"), HasSubstr("banner"));
  EXPECT_FALSE(judge(design, nullptr).overlaps);
  EXPECT_EQ(PartOf(ToHtml(judge(design, nullptr)), "overlaps"), "");

  // Few units, or few who did it, would seem to vary hardly at all.
  const auto why_not = [&](const OverlapCell& last) {
    const OverlapCell many{1'000, 1'000, 0.2, 0.16};
    overlaps.others = {{"banner", 1, {"off", "on"}, {{many, many}, {many, last}}}};
    const Report report = judge(design, &overlaps);
    const OverlapsReport::Question& question = report.overlaps->experiments.at(0).questions.at(0);
    return question.error ? question.error->message : "";
  };
  EXPECT_EQ(why_not({1'000, 1'000, 0.01, 0.0099}), "");
  EXPECT_EQ(why_not({1'000, 1'000, 0.009, 0.008919}), "fewer than 10 in a pair of variants did, or did not");
  EXPECT_EQ(why_not({1'000, 99, 0.2, 0.16}), "fewer than 100 units in a pair of variants");
  overlaps = OverlapsOf(design);

  // Where effects are hidden, so are these; and what was found of another plan is not of this one.
  const Report hidden = judge(DesignOf(PlanMethod::kFixed), &overlaps);
  ASSERT_TRUE(hidden.overlaps);
  EXPECT_EQ(hidden.overlaps->experiments.at(0).units, 12'000u);
  for (const OverlapsReport::Of& other : hidden.overlaps->experiments) EXPECT_TRUE(other.questions.empty());
  EXPECT_THAT(PartOf(ToHtml(hidden), "overlaps"), HasSubstr("Effects are hidden."));
  overlaps.metric = "another";
  EXPECT_THAT(judge(design, &overlaps).overlaps->unasked, HasSubstr("another one since"));
  overlaps.variants = {"control", "two_pages"};
  EXPECT_FALSE(judge(design, &overlaps).overlaps);
}

// ---- Looks --------------------------------------------------------------------------------------------------------

TEST(LooksTest, AreTakenByThePlanOnceAnIntervalFromTheFewestDaysOn) {
  const Design design = DesignOf();
  const World world{.seed = 20};
  const Totals totals = TotalsOf(design, world, 14);
  EXPECT_FALSE(DueLook(design, {&totals, {}}, {}, After(13.9)));
  const auto first = DueLook(design, {&totals, {}}, {}, After(14));
  ASSERT_TRUE(first);
  EXPECT_EQ(first->number, 1u);
  EXPECT_FALSE(first->is_final);
  EXPECT_GT(first->alpha_spent, 0);
  EXPECT_LT(first->alpha_spent, 0.05);
  EXPECT_FALSE(DueLook(design, {&totals, {}}, {*first}, After(14.5)));
  EXPECT_FALSE(DueLook(design, {&totals, {}}, {*first}, After(20.9)));
  EXPECT_TRUE(DueLook(design, {&totals, {}}, {*first}, After(21)));
  // The same facts, the same look.
  EXPECT_EQ(*first, *DueLook(design, {&totals, {}}, {}, After(14)));
  // One that was to have a size must not become sequential for what it finds.
  Design sized = design;
  sized.planned_units.reset();
  sized.max_days.reset();
  sized.min_days = 2;
  ArmOf better;
  better.conversion = 0.4;
  const Totals clear = TotalsOf(design, {.seed = 20, .arms = {{}, better}}, 3);
  ASSERT_EQ(EffectiveMethod(sized), PlanMethod::kSequential);
  EXPECT_FALSE(DueLook(sized, {&clear, {}}, {}, After(3)));
  sized.method = PlanMethod::kSequential;
  EXPECT_TRUE(DueLook(sized, {&clear, {}}, {}, After(3)));
}

// 500 units of each arm on each of the first days, UTC; `of` says what those of a day came to.
struct Came {
  double control = 0.2, treatment = 0.2;              // order_completed
  double revenue_control = 0, revenue_treatment = 0;  // a unit's, half of them 1 more and half 1 less
  double latency = 400;                               // of the treatment; 400 of the control
};
Totals DaysOf(const Design& design, std::int32_t days, const std::function<Came(std::int32_t)>& of) {
  Totals totals(design.plan);
  for (std::int32_t day = 0; day < days; ++day) {
    const Came came = of(day);
    for (std::uint32_t i = 0; i < 1'000; ++i) {
      Contribution unit;
      unit.kind = Contribution::Kind::kUnit;
      unit.variant = i % 2;
      unit.day = 20'822 + day;
      unit.group = static_cast<std::uint8_t>(i / 2 % 256);
      unit.metrics.resize(4);
      const bool is_control = unit.variant == 0;
      unit.metrics[0].y = unit.metrics[0].y_uncapped = i / 2 < 500 * (is_control ? came.control : came.treatment);
      unit.metrics[0].events = 1;
      const double revenue = (is_control ? came.revenue_control : came.revenue_treatment) + (i / 2 % 2 == 0 ? 1 : -1);
      unit.metrics[1].y = unit.metrics[1].y_uncapped = revenue;
      unit.metrics[3].values = {{(is_control ? 400 : came.latency) + i / 2, 1}};
      totals.Add(unit);
    }
  }
  return totals;
}

// Recent units have hardly any outcomes: with them looks would hang together less than their bounds assume.
TEST(LooksTest, SeeUnitsWhoseOutcomesAreInAndNoOthers) {
  Design design = DesignOf();
  design.min_days = 7;
  design.plan.metrics[1].window = std::chrono::hours(120);  // longer than that of the primary metric
  design.secondary.push_back(Goal{3, false, std::nullopt});
  // On Monday at 08:00, a week after the start, those of Monday to Thursday have had their 72 hours.
  const Totals totals = DaysOf(design, 8, [](std::int32_t day) {
    Came came;
    came.treatment = day < 4 ? 0.25 : 0.02;
    if (day >= 4) came.control = 0.05;
    came.revenue_control = 10;
    came.revenue_treatment = day < 2 ? 11.5 : 1;
    came.latency = day < 4 ? 400 : 500;
    return came;
  });
  const auto look = DueLook(design, {&totals, {}}, {}, After(7));
  ASSERT_TRUE(look);
  EXPECT_EQ(look->units, 4'000u);
  EXPECT_DOUBLE_EQ(look->fraction, 0.1);
  EXPECT_DOUBLE_EQ(look->alpha_spent, GroupSequential::Begin({})->Next(0.1)->alpha_spent);
  ASSERT_EQ(look->effects.size(), 3u);
  EXPECT_NEAR(look->effects[0].point, 0.25, 1e-12);
  // A metric sees whoever has come to its outcome, too: by five days those of Monday and Tuesday.
  EXPECT_NEAR(look->effects[1].point, 0.15, 1e-12);
  EXPECT_NEAR(look->effects[1].standard_error, std::sqrt((1.0 + 1.15 * 1.15) / 1'000) / 10, 1e-4);
  // Quantiles have no days.
  EXPECT_DOUBLE_EQ(look->effects[2].point, Measure(totals.Arm(3, 0), totals.Arm(3, 1))->effect.point);
  EXPECT_GT(look->effects[2].point, 0.01);

  const Report report = Judge(design, {&totals, {}}, {*look}, After(7));
  EXPECT_EQ(report.progress.units, 8'000u);
  EXPECT_EQ(report.progress.matured.units, 4'000u);
  EXPECT_DOUBLE_EQ(report.fraction, 0.1) << "what a look has, and no more";
  EXPECT_EQ(stats::ToJson(report).Find("progress")->Find("matured_units")->AsInt(), 4'000);
  EXPECT_THAT(ToText(report), HasSubstr("10.0% of the information (4,000 units whose outcomes are in)"));
  // Planned by days: up to the end of the last one that it sees.
  Design by_days = design;
  by_days.planned_units.reset();
  by_days.primary->detect.reset();
  EXPECT_DOUBLE_EQ(DueLook(by_days, {&totals, {}}, {}, After(7))->fraction, (3 + 16.0 / 24) / 42);
  // Without a window all that there is; and a sequence holds for all units.
  Design open = design;
  open.plan.metrics[0].window.reset();
  EXPECT_EQ(DueLook(open, {&totals, {}}, {}, After(7))->units, 8'000u);
  EXPECT_EQ(ToText(Judge(open, {&totals, {}}, {}, After(7))).find("outcomes are in"), std::string::npos);
  design.method = PlanMethod::kSequential;
  EXPECT_EQ(DueLook(design, {&totals, {}}, {}, After(7))->units, 8'000u);
}

TEST(LooksTest, WaitForUnitsWhoseOutcomesAreInAndForMoreOfThemThanBefore) {
  Design design = DesignOf();
  design.min_days = 2;
  design.look_every = std::chrono::days(1);
  design.guardrails.clear();
  const Totals totals = DaysOf(design, 5, [](std::int32_t) { return Came(); });
  Facts facts{&totals, {}};
  // Monday's units have until Thursday's midnight.
  const Time first = Time(std::chrono::days(20'822 + 1)) + std::chrono::hours(72);
  EXPECT_FALSE(DueLook(design, facts, {}, After(3)));
  EXPECT_THAT(Judge(design, facts, {}, After(3)).next, HasSubstr("The next look is due on 2027-01-08."));
  EXPECT_FALSE(DueLook(design, facts, {}, first - Milliseconds(1)));
  facts.quality.folded_to = first - Milliseconds(1);
  EXPECT_FALSE(DueLook(design, facts, {}, first)) << "what they did at last is not counted yet";
  facts.quality.folded_to = first;
  std::vector<PublishedLook> looks;
  looks.push_back(DueLook(design, facts, looks, first).value());
  EXPECT_EQ(looks[0].units, 1'000u);

  // The next day begins at 08:00, and nobody has matured since.
  facts.quality.folded_to.reset();
  EXPECT_FALSE(DueLook(design, facts, looks, After(4)));
  EXPECT_THAT(Judge(design, facts, looks, After(4)).next,
              HasSubstr("The next look waits for more units whose outcomes are in."));
  looks.push_back(DueLook(design, facts, looks, first + std::chrono::days(1)).value());
  EXPECT_EQ(looks[1].units, 2'000u);
  EXPECT_DOUBLE_EQ(looks[1].fraction, 2 * looks[0].fraction);
  // When nobody comes any more, every outcome is in at last, and there is nothing to look at again.
  looks.push_back(DueLook(design, facts, looks, After(12)).value());
  EXPECT_EQ(looks[2].units, 5'000u);
  EXPECT_FALSE(DueLook(design, facts, looks, After(15)));
  // The end sees them all the same.
  const auto last = DueLook(design, facts, looks, After(47));
  ASSERT_TRUE(last);
  EXPECT_TRUE(last->is_final);
  EXPECT_EQ(last->units, 5'000u);
  EXPECT_EQ(last->fraction, looks[2].fraction);
}

TEST(LooksTest, TheLastSpendsWhatIsLeftAndThenThereAreNone) {
  Design design = DesignOf();
  const World world{.seed = 20};
  const Totals totals = TotalsOf(design, world, 21);
  const Totals early = TotalsOf(design, world, 14);
  std::vector<PublishedLook> looks{*DueLook(design, {&early, {}}, {}, After(14))};
  const auto last = DueLook(design, {&totals, {}}, looks, After(46));
  ASSERT_TRUE(last);
  EXPECT_TRUE(last->is_final);
  EXPECT_LT(last->fraction, 0.7);
  EXPECT_NEAR(last->alpha_spent, 0.05, 1e-9);
  looks.push_back(*last);
  EXPECT_FALSE(DueLook(design, {&totals, {}}, looks, After(60)));
}

// A few accounts with heavy revenue are no normal estimate, however many events they have.
TEST(LooksTest, FindNothingAmongFewUnits) {
  Design design = DesignOf();
  design.primary = Goal{1, true, 0.05};
  design.secondary.clear();
  design.guardrails.clear();
  const auto at_look = [&](std::uint32_t units, double days) {
    Totals totals(design.plan);
    for (std::uint32_t i = 0; i < 2 * units; ++i) {
      Contribution unit;
      unit.kind = Contribution::Kind::kUnit;
      unit.variant = i % 2;
      unit.day = 20'822;
      unit.metrics.resize(4);
      unit.metrics[1].y = unit.metrics[1].y_uncapped = (i % 2 == 0 ? 10 : 40) + i / 2 % 5;
      unit.metrics[1].events = 3;
      totals.Add(unit);
    }
    std::vector<PublishedLook> looks;
    if (const auto due = DueLook(design, {&totals, {}}, {}, After(days))) looks.push_back(*due);
    return Judge(design, {&totals, {}}, std::move(looks), After(days));
  };
  for (const double days : {14.0, 50.0}) {  // one in between, which waits, and the last
    const Report report = at_look(99, days);
    EXPECT_EQ(report.decision, days < 42 ? Decision::kKeepRunning : Decision::kInconclusive) << report.verdict;
    EXPECT_THAT(report.verdict + report.next, HasSubstr("t takes 100"));
    ASSERT_EQ(report.looks.size(), days < 42 ? 0u : 1u);
    if (!report.looks.empty()) {
      const PublishedLook::Of& few = report.looks[0].effects.at(0);
      EXPECT_GT(few.z, 10);
      EXPECT_EQ(few.p, 1);
      EXPECT_EQ(few.lower, -INFINITY);
    }
    const Report then = at_look(100, days);
    EXPECT_LT(then.looks.at(0).effects.at(0).p, 0.001);
    EXPECT_EQ(then.decision, Decision::kShip) << then.verdict;
  }
}

TEST(LooksTest, WaitForTheOutcomesOfAnEndedExperimentAndForSoundData) {
  Design design = DesignOf();
  const Totals totals = TotalsOf(design, {.seed = 20}, 15);
  design.plan.ended = After(15);
  EXPECT_FALSE(DueLook(design, {&totals, {}}, {}, After(16)));
  const auto final_look = DueLook(design, {&totals, {}}, {}, After(18));  // 72 h later
  ASSERT_TRUE(final_look);
  EXPECT_TRUE(final_look->is_final);
  DataQuality rebuilding;
  rebuilding.rebuilding = true;
  EXPECT_FALSE(DueLook(design, {&totals, rebuilding}, {}, After(18)));
}

// Whoever came after the end, or has time left to convert, is no part of the final look, and it waits for the others.
TEST(LooksTest, TheLastWaitsForTheOutcomesOfItsUnitsAndSeesThoseOnly) {
  Design by_size = DesignOf(), by_days = DesignOf();
  by_size.planned_units = 15'500;  // on the 16th day or so
  by_days.max_days = 15;
  by_days.min_days = 14;
  const World world{.seed = 20, .days = 30};
  const Totals totals = TotalsOf(DesignOf(), world);
  std::int32_t day = 20'821;
  for (double units = 0; units < 15'500; units = UnitsTo(totals, day)) ++day;
  // In the middle of the 15th day the days are over.
  for (const auto& [design, last_day] : {std::pair(by_size, day), std::pair(by_days, 20'822 + 15)}) {
    const Time settled = Time(std::chrono::days(last_day + 1)) + std::chrono::hours(72);
    Totals then = TotalsOf(design, world, static_cast<std::uint32_t>(last_day + 2 - 20'822));
    const PublishedLook first = DueLook(DesignOf(), {&totals, {}}, {}, After(14)).value();  // of a longer plan
    const std::vector<PublishedLook> taken(1, [&] {
      PublishedLook look = first;
      look.fraction = 0.8;
      look.is_final = false;
      return look;
    }());
    const Report report = Judge(design, {&then, {}}, taken, settled - Milliseconds(1));
    EXPECT_TRUE(report.progress.at_end);
    EXPECT_EQ(report.decision, Decision::kKeepRunning) << report.verdict;
    EXPECT_THAT(report.verdict, HasSubstr("the last outcomes count until " + TimeText(settled)));
    EXPECT_FALSE(DueLook(design, {&then, {}}, taken, settled - Milliseconds(1)));
    const auto last = DueLook(design, {&then, {}}, taken, settled);
    ASSERT_TRUE(last);
    EXPECT_TRUE(last->is_final);
    EXPECT_LT(static_cast<double>(last->units), UnitsTo(then, last_day + 2)) << "more came since";
    EXPECT_EQ(static_cast<double>(last->units), UnitsTo(totals, last_day));
    EXPECT_EQ(last->effects, DueLook(design, {&totals, {}}, taken, settled)->effects);
  }
  // Outcomes without a window have no end to wait for.
  by_days.plan.metrics[0].window.reset();
  EXPECT_TRUE(DueLook(by_days, {&totals, {}}, {}, After(15)));
}

TEST(LooksTest, AreReadAsTheyWereWritten) {
  const Design design = DesignOf();
  const Totals totals = TotalsOf(design, {.seed = 20, .units_per_day = 200}, 14);
  PublishedLook look = *DueLook(design, {&totals, {}}, {}, After(14));
  look.effects[0].upper = INFINITY;
  const Result<Value> stored = ParseJson(guidon::ToJson(stats::ToJson(look, design.plan)));
  ASSERT_TRUE(stored);
  const Result<PublishedLook> read = ReadLook(*stored, design.plan);
  ASSERT_TRUE(read);
  EXPECT_EQ(*read, look);
  ASSERT_TRUE(look.safe) << "it says which guardrails hold";
  PublishedLook older = look;
  older.safe.reset();
  EXPECT_EQ(*ReadLook(stats::ToJson(older, design.plan), design.plan), older);
  EXPECT_FALSE(ReadLook(Value(3), design.plan));
  Value broken = *stored;
  broken.MutableObject().Erase("fraction");
  EXPECT_EQ(ReadLook(broken, design.plan).error().code, ErrorCode::kCorrupt);

  // By keys: a metric before it moves nothing, and one that is gone is said.
  ExperimentPlan other = design.plan;
  other.metrics.insert(other.metrics.begin(), MetricPlan{.key = "added"});
  const Result<PublishedLook> moved = ReadLook(*stored, other);
  ASSERT_TRUE(moved);
  EXPECT_EQ(moved->effects[0].metric, look.effects[0].metric + 1);
  EXPECT_EQ(moved->effects[0].point, look.effects[0].point);
  other.metrics.erase(other.metrics.begin() + static_cast<std::ptrdiff_t>(moved->effects[0].metric));
  EXPECT_THAT(ReadLook(*stored, other).error().message,
              ::testing::HasSubstr("metric '" + design.plan.metrics[look.effects[0].metric].key + "'"));
}

TEST(ProgressTest, ThereIsNoRateBeforeADayHasPassed) {
  Design design = DesignOf();
  const Totals totals = TotalsOf(design, {.seed = 20, .units_per_day = 240}, 1);
  const auto at = [&](Milliseconds after) { return Judge(design, {&totals, {}}, {}, After(0) + after, 1); };
  const Report early = at(std::chrono::minutes(10));
  EXPECT_GT(early.progress.units, 200u);
  EXPECT_EQ(early.progress.units_per_day, 0);
  EXPECT_EQ(ToText(early).find(" a day,"), std::string::npos) << ToText(early);
  // A start shortly before midnight: of whole days there is an hour only.
  design.plan.started += std::chrono::hours(15);
  const Report next = at(std::chrono::hours(15 + 24) + std::chrono::minutes(30));
  EXPECT_NEAR(next.progress.units_per_day, static_cast<double>(next.progress.units) / (24.5 / 24), 1e-9);
}

// ---- Gates --------------------------------------------------------------------------------------------------------

Report ReportOf(const World& world, const DataQuality& quality = {}) {
  const Design design = DesignOf();
  const Totals totals = TotalsOf(design, world);
  return Judge(design, {&totals, quality}, {}, After(world.days));
}

TEST(GatesTest, UnitsInSeveralVariantsWarnAndThenBlock) {
  World world{.seed = 30, .units_per_day = 500, .days = 14};
  EXPECT_EQ(GateOf(ReportOf(world), "multiple_exposure").light, Light::kGreen);
  for (ArmOf& arm : world.arms) arm.multiple = 0.02;
  EXPECT_EQ(GateOf(ReportOf(world), "multiple_exposure").light, Light::kYellow);
  for (ArmOf& arm : world.arms) arm.multiple = 0.07;
  EXPECT_EQ(GateOf(ReportOf(world), "multiple_exposure").light, Light::kRed);
  world.arms[1].multiple = 0.02;
  const Gate gate = GateOf(ReportOf(world), "multiple_exposure");
  const Array& rates = gate.numbers.Find("crossover_rates")->AsArray();
  ASSERT_EQ(rates.size(), 2u);
  EXPECT_NEAR(rates[0].AsDouble(), 0.07, 0.015);
  EXPECT_NEAR(rates[1].AsDouble(), 0.02, 0.008);
  EXPECT_THAT(gate.sentence, HasSubstr("seen first, there crossed over: control " + ShareText(rates[0].AsDouble()) +
                                       " and one_page " + ShareText(rates[1].AsDouble()) + "."));
  for (ArmOf& arm : world.arms) arm.multiple = 0.07;
  // Few are no sign of anything; and of one arm alone they are.
  EXPECT_EQ(GateOf(ReportOf({.seed = 31, .units_per_day = 10, .days = 7, .arms = {{.multiple = 0.05}, {}}}),
                   "multiple_exposure")
                .light,
            Light::kGreen);
  world.arms = {{.multiple = 0.008}, {}};
  EXPECT_THAT(GateOf(ReportOf(world), "multiple_exposure").sentence, HasSubstr("not set aside alike"));
}

// Two variants whose units had as much before as `x` says of unit and variant.
Report ReportOfBefore(const Design& design, const std::function<double(std::uint32_t, std::uint32_t)>& x,
                      std::uint32_t units = 2'000) {
  Totals totals(design.plan);
  for (std::uint32_t i = 0; i < units; ++i) {
    Contribution unit;
    unit.kind = Contribution::Kind::kUnit;
    unit.variant = i % 2;
    unit.day = 20'460;
    unit.dimensions = {"ios", "DE"};
    unit.metrics.resize(design.plan.metrics.size());
    unit.metrics[1].x = x(i / 2, i % 2);
    unit.has_history = unit.metrics[1].x > 0;
    unit.metrics[1].y = unit.metrics[1].y_uncapped = (i % 11);
    totals.Add(unit);
  }
  return Judge(design, {&totals, {}}, {}, After(20));
}

TEST(GatesTest, UnitsThatDifferedBeforeAreNotBelievedWhetherThePlanAdjustsOrNot) {
  const auto more = [](std::uint32_t unit, std::uint32_t variant) { return unit % 7 + variant * 1.0; };
  const auto alike = [](std::uint32_t unit, std::uint32_t) { return unit % 7; };
  for (const bool adjust : {true, false}) {
    Design design = DesignOf();
    for (MetricPlan& metric : design.plan.metrics) metric.adjust = adjust;
    const Report report = ReportOfBefore(design, more);
    EXPECT_EQ(GateOf(report, "pre_exposure_bias").light, Light::kRed) << adjust;
    EXPECT_THAT(GateOf(report, "pre_exposure_bias").sentence, HasSubstr("revenue_per_account"));
    EXPECT_THAT(GateOf(ReportOfBefore(design, alike), "pre_exposure_bias").sentence, HasSubstr("were alike"));
  }
  EXPECT_EQ(GateOf(SampleOf("ship"), "pre_exposure_bias").light, Light::kGreen);
  // Of a mean only units with an event after exposure count: that these differ may be the variant's doing.
  Design of_events = DesignOf();
  of_events.plan.metrics[1].kind = MetricKind::kMean;
  EXPECT_EQ(GateOf(ReportOfBefore(of_events, more), "pre_exposure_bias").light, Light::kGreen);
}

TEST(GatesTest, WhatIsKnownOfUnitsBeforeIsSaid) {
  const Design design = DesignOf();
  const auto no_one = [](std::uint32_t, std::uint32_t) { return 0.0; };
  EXPECT_THAT(GateOf(ReportOfBefore(design, no_one), "pre_exposure_bias").sentence, HasSubstr("Nothing is known"));
  const auto a_few = [](std::uint32_t unit, std::uint32_t variant) { return unit < 3 ? unit + variant + 1.0 : 0; };
  const Report small = ReportOfBefore(design, a_few, 150);
  EXPECT_EQ(GateOf(small, "pre_exposure_bias").light, Light::kGreen);
  EXPECT_THAT(GateOf(small, "pre_exposure_bias").sentence, HasSubstr("Of 6 units (4.00%) something is known"));
}

TEST(GatesTest, TellWhatIsMissingOldRefusedOrEdited) {
  const World world{.seed = 33, .units_per_day = 100, .days = 8};
  EXPECT_EQ(GateOf(ReportOf(world), "minimum_runtime").light, Light::kYellow);
  EXPECT_EQ(GateOf(ReportOf({.seed = 33, .units_per_day = 20, .days = 2}), "minimum_events").light, Light::kYellow);
  EXPECT_EQ(GateOf(SampleOf("ship"), "minimum_runtime").light, Light::kGreen);
  EXPECT_THAT(GateOf(SampleOf("running"), "minimum_runtime").sentence, HasSubstr("not whole weeks"));
  DataQuality quality;
  quality.folded_to = After(8) - std::chrono::hours(3);
  quality.rejected = {{"too_late", 900}, {"clock_skew", 2}};
  quality.changes = {"traffic was raised to 50% on 2027-01-06"};
  const Report report = ReportOf(world, quality);
  EXPECT_EQ(GateOf(report, "freshness").light, Light::kYellow);
  EXPECT_EQ(GateOf(report, "rejected_events").light, Light::kYellow);
  EXPECT_THAT(GateOf(report, "rejected_events").sentence, HasSubstr("too late"));
  EXPECT_THAT(GateOf(report, "edits").sentence, HasSubstr("raised to 50%"));
  quality = {};
  quality.rebuilding = true;
  EXPECT_EQ(ReportOf(world, quality).decision, Decision::kCannotSay);
}

TEST(GatesTest, AnEffectThatIsTooGoodIsDoubted) {
  ArmOf magic;
  magic.conversion = 0.35;
  const Report report = Watch(DesignOf(PlanMethod::kSequential), {.seed = 34, .days = 14, .arms = {{}, magic}}).Read();
  EXPECT_EQ(GateOf(report, "too_good").light, Light::kYellow);
  EXPECT_THAT(GateOf(report, "too_good").sentence, HasSubstr("Twyman"));
}

// ---- Alarms -------------------------------------------------------------------------------------------------------

TEST(AlarmsTest, AreOfHarmedGuardrailsAlsoUnderABrokenSplitWhichComesFirst) {
  const Design design = DesignOf();
  ArmOf harmful;
  harmful.errors = 0.04;
  const Totals harmed = TotalsOf(design, {.seed = 40, .days = 10, .arms = {{}, harmful}});
  const std::vector<Alarm> alarms = AlarmsOf(design, {&harmed, {}}, After(10));
  ASSERT_EQ(alarms.size(), 1u);
  EXPECT_EQ(alarms[0].kind, Alarm::Kind::kGuardrail);
  EXPECT_EQ(alarms[0].metric, "checkout_error");
  EXPECT_EQ(alarms[0].variant, "one_page");
  harmful.more_units = 0.2;
  const Totals broken = TotalsOf(design, {.seed = 40, .days = 10, .arms = {{}, harmful}});
  const std::vector<Alarm> of_split = AlarmsOf(design, {&broken, {}}, After(10));
  ASSERT_EQ(of_split.size(), 2u);
  EXPECT_EQ(of_split[0].kind, Alarm::Kind::kSampleRatio);
  EXPECT_EQ(of_split[1].kind, Alarm::Kind::kGuardrail);
  EXPECT_EQ(of_split[1].metric, "checkout_error");
  EXPECT_NE(of_split[1].sentence.find("the split is not as planned"), std::string::npos) << of_split[1].sentence;
  EXPECT_EQ(alarms[0].sentence.find("split"), std::string::npos) << alarms[0].sentence;
  const Totals sound = TotalsOf(design, {.seed = 41, .days = 10});
  EXPECT_TRUE(AlarmsOf(design, {&sound, {}}, After(10)).empty());
  DataQuality rebuilding;
  rebuilding.rebuilding = true;
  EXPECT_TRUE(AlarmsOf(design, {&broken, rebuilding}, After(10)).empty());
}

// The size is found while it runs. What a sequence showed before must hold afterwards.
TEST(AlarmsTest, WhatHoldsAtEveryMomentDoesNotMoveWhenTheSizeIsFound) {
  Design before = DesignOf(PlanMethod::kSequential), after = before;
  before.planned_units.reset();
  after.planned_units = 78'111;
  ArmOf harmful;
  harmful.errors = 0.04;
  const Totals totals = TotalsOf(before, {.seed = 40, .days = 21, .arms = {{}, harmful}});
  const std::vector<Alarm> first = AlarmsOf(before, {&totals, {}}, After(21)),
                           then = AlarmsOf(after, {&totals, {}}, After(21));
  ASSERT_EQ(first.size(), 1u);
  ASSERT_EQ(then.size(), 1u);
  EXPECT_EQ(ToJson(first[0].numbers), ToJson(then[0].numbers));
  const Report early = Judge(before, {&totals, {}}, {}, After(21), 1),
               late = Judge(after, {&totals, {}}, {}, After(21), 1);
  for (std::size_t i = 0; i < early.metrics.size(); ++i) {
    const ComparisonOfVariant &a = early.metrics[i].comparisons.at(0), &b = late.metrics[i].comparisons.at(0);
    EXPECT_EQ(a.estimate.interval.lower, b.estimate.interval.lower) << early.metrics[i].metric;
    EXPECT_EQ(a.estimate.p_value, b.estimate.p_value) << early.metrics[i].metric;
  }
}

// ---- The plan -----------------------------------------------------------------------------------------------------

TEST(PlannedUnitsTest, AreThoseThatFindTheEffectWithThePowerThatWasPlanned) {
  Design design = DesignOf(PlanMethod::kFixed);
  design.primary->detect = 0.10;
  const Outcome<double> units = PlannedUnits(design, ProportionStatistic{1'000, 100});
  ASSERT_TRUE(units);
  // z(.975) + z(.8) over the relative standard error of 10 % against 11 %.
  const double error = std::sqrt(9.0 / (*units / 2) * (1 + 1.21));
  EXPECT_NEAR(0.10 / error, 1.959964 + 0.841621, 1e-3);
  design.method = PlanMethod::kSequential;
  // 1.76 for a sequence that is narrowest at the end, and what it is wider there, squared.
  const Outcome<double> sequential = PlannedUnits(design, ProportionStatistic{1'000, 100});
  ASSERT_TRUE(sequential);
  const double at_end = SequenceBound(0.05, *sequential, kSequenceTunedTo) + 0.841621;
  const double narrowest = SequenceBound(0.05, kSequenceTunedTo, kSequenceTunedTo) + 0.841621;
  EXPECT_GT(at_end, 1.02 * narrowest);
  EXPECT_NEAR(*sequential / *units, 1.76 * std::pow(at_end / narrowest, 2), 0.005);
  design.method = PlanMethod::kFixed;
  design.primary->detect = 0.05;
  EXPECT_GT(*PlannedUnits(design, ProportionStatistic{1'000, 100}), 3.8 * *units);
  EXPECT_EQ(PlannedUnits(design, ProportionStatistic{1'000, 0}).error().code, StatsErrorCode::kBaselineZero);
  design.primary->detect.reset();
  EXPECT_EQ(PlannedUnits(design, ProportionStatistic{1'000, 100}).error().code, StatsErrorCode::kInvalid);
}

TEST(PlannedUnitsTest, OfAMeanAreThoseOfWhomEnoughHaveAnEvent) {
  Design design = DesignOf();
  design.planned_units.reset();
  design.plan.metrics[1].kind = MetricKind::kMean;
  design.primary = Goal{1, true, 0.05};
  Totals totals(design.plan);
  for (std::uint32_t i = 0; i < 20'000; ++i) {
    Contribution unit;
    unit.kind = Contribution::Kind::kUnit;
    unit.variant = i % 2;
    unit.day = 20'822;
    unit.metrics.resize(4);
    unit.metrics[1].counted = i / 2 % 10 == 0;
    unit.metrics[1].y = unit.metrics[1].y_uncapped = 10 + i / 20 % 5;
    totals.Add(unit);
  }
  const ArmStatistic both = Merge(std::get<MeanStatistic>(totals.Arm(1, 0)), std::get<MeanStatistic>(totals.Arm(1, 1)));
  ASSERT_EQ(std::get<MeanStatistic>(both).y.n, 2'000);
  EXPECT_EQ(FindSize(design, {&totals, {}}, After(20)), 10 * *PlannedUnits(design, both));
  const Report report = Judge(design, {&totals, {}}, {}, After(20));
  EXPECT_EQ(MetricOf(report, "primary").arms[0].units, 1'000) << "of whom the mean is";
  EXPECT_EQ(report.progress.units, 20'000u);
}

// The other way round, against formulas of their own (stats/inference/power.h).
TEST(PlannedUnitsTest, SayWhatSoManyUnitsCanFind) {
  Design design = DesignOf(PlanMethod::kFixed);
  design.primary->detect = 0.10;
  const ProportionStatistic share{1'000, 100};
  // Which counts what is shown on the wrong side, too: a ten-thousandth.
  EXPECT_NEAR(*PlannedPower(design, share, 12'000), *PowerForLift(ShareBaseline(0.1), 0.10, 6'000), 2e-4);
  EXPECT_NEAR(*PlannedEffect(design, share, 12'000), *DetectableLift(ShareBaseline(0.1), 6'000), 1e-5);
  design.method = PlanMethod::kGroupSequential;
  design.look_every = std::chrono::days(1);
  design.min_days = 1;
  design.max_days = 10;
  const double drift = 0.10 / LiftStandardError(ShareBaseline(0.1), 0.10, 6'000);
  EXPECT_NEAR(*PlannedPower(design, share, 12'000), *PowerWithLooks(drift, {.looks = 10}), 1e-3);
  for (const PlanMethod method : {PlanMethod::kGroupSequential, PlanMethod::kSequential, PlanMethod::kFixed}) {
    design.method = method;
    const double planned = *PlannedUnits(design, share);
    EXPECT_NEAR(*PlannedPower(design, share, planned), design.power, 1e-4);
    EXPECT_NEAR(*PlannedEffect(design, share, planned), 0.10, 1e-5);
  }
  EXPECT_DOUBLE_EQ(*PlannedPower(design, share, 1e9), 0.9999) << "never certain";
  EXPECT_NEAR(*PlannedPower(design, share, 2), 0.05, 1e-5);
  EXPECT_EQ(PlannedEffect(design, share, 50).error().code, StatsErrorCode::kInsufficientN);
  EXPECT_EQ(PlannedPower(design, share, 0).error().code, StatsErrorCode::kInsufficientN);
  design.primary->detect.reset();
  EXPECT_TRUE(PlannedEffect(design, share, 12'000)) << "no effect has to be named";
  EXPECT_EQ(PlannedPower(design, share, 12'000).error().code, StatsErrorCode::kInvalid);
}

TEST(HashOfTest, ChangesWithThePlanAndNotWithItsEnd) {
  const Design design = DesignOf();
  Design other = design;
  EXPECT_EQ(HashOf(design), HashOf(other));
  EXPECT_EQ(HashOf(design).size(), 16u);
  other.plan.ended = After(3);
  EXPECT_EQ(HashOf(design), HashOf(other));
  other.guardrails[0].margin = 0.006;
  EXPECT_NE(HashOf(design), HashOf(other));
  other = design;
  other.plan.weights = {0.4, 0.6};
  EXPECT_NE(HashOf(design), HashOf(other));
}

// ---- The page -----------------------------------------------------------------------------------------------------

TEST(PageTest, HasEveryPartInItsOrderVerdictFirst) {
  const Report& report = SampleOf("ship");
  const std::string page = ToHtml(report);
  EXPECT_THAT(NamesOf(PartsOf(page)), ::testing::ElementsAreArray(kParts));
  EXPECT_THAT(PartOf(page, "verdict"), HasSubstr("Ship one_page</h2><p class=\"why\">" + Escaped(report.verdict)));
  EXPECT_THAT(PartOf(page, "verdict"), HasSubstr("<b>What to do:</b> " + Escaped(report.next)));
  EXPECT_THAT(PartOf(page, "verdict"), HasSubstr("<b>What would change this:</b> " + Escaped(report.would_change)));
  for (const Gate& gate : report.gates) EXPECT_THAT(PartOf(page, "data"), HasSubstr(Escaped(gate.sentence)));

  // A forest plot of each metric, with its effect and interval in words.
  const std::pair<const char*, const char*> roles[] = {
      {"primary", "primary-metric"}, {"guardrail", "guardrails"}, {"secondary", "secondary-metrics"}};
  for (const auto& [role, name] : roles) {
    const std::string part = PartOf(page, name);
    const std::vector<const MetricReport*> metrics = OfRole(report, role);
    EXPECT_EQ(CountOf(part, "<div class=\"forest\">"), metrics.size()) << name;
    EXPECT_EQ(CountOf(part, "<line class=\"interval "), metrics.size()) << name;
    const std::size_t by_day = part.find("id=\"by-day-1-t\"") == std::string::npos ? 0 : 1;
    EXPECT_EQ(by_day, metrics[0]->role == "primary" ? 1u : 0u) << name;
    EXPECT_EQ(CountOf(part, "<line class=\"zero\""), metrics.size() + by_day) << name;
    for (const MetricReport* metric : metrics) {
      const Shown shown = ShownOf(metric->comparisons[0]);
      EXPECT_THAT(part, HasSubstr("<h3>" + metric->metric));
      EXPECT_THAT(part, HasSubstr(IntervalText({shown.lower, shown.upper}, shown.is_relative, IsShare(metric->kind))));
    }
  }
  const std::string guardrails = PartOf(page, "guardrails");
  EXPECT_EQ(CountOf(guardrails, "<line class=\"margin\""), 2u);
  EXPECT_EQ(CountOf(guardrails, "<rect class=\"beyond\""), 2u);
  EXPECT_THAT(guardrails, HasSubstr("never worse by 0.5pp, else rollback"));
  EXPECT_THAT(guardrails, HasSubstr("never worse by 5%, else pause"));
  const std::string primary = PartOf(page, "primary-metric");
  EXPECT_EQ(CountOf(primary, "\"margin\""), 0u);
  const ByExposureDay& by_day = MetricOf(report, "primary").comparisons[0].by_exposure_day.value();
  EXPECT_EQ(by_day.points.size(), 18u) << "of 21 days, the last three of which have not matured";
  EXPECT_EQ(CountOf(primary, "<line class=\"whisker s1\""), by_day.points.size());
  EXPECT_EQ(CountOf(primary, "<polyline class=\"bound\""), 1u) << "their mean";
  EXPECT_THAT(primary, HasSubstr("Exploratory</span> " + Escaped(ByDayText(by_day, true))));

  // A line with its band of every metric that has days (a quantile has none), and the looks that decide.
  const std::string over_time = PartOf(page, "over-time");
  EXPECT_EQ(CountOf(over_time, "<polygon class=\"band s1\""), 2u);
  EXPECT_EQ(CountOf(over_time, "<polyline class=\"line s1\""), 2u);
  EXPECT_EQ(CountOf(over_time, "<line class=\"whisker s1\""), report.looks.size());
  EXPECT_EQ(CountOf(over_time, "<polyline class=\"bound\""), 1u) << "the guardrail's margin";
  const std::string looks = PartOf(page, "looks");
  EXPECT_EQ(CountOf(looks, "<polyline class=\"bound\""), 2u) << "of Z, on both sides";
  EXPECT_EQ(CountOf(looks, "<th scope=\"row\">"), report.looks.size());
  const std::string units = PartOf(page, "units");
  EXPECT_EQ(CountOf(units, "<polyline class=\"line s0\""), 1u);
  EXPECT_EQ(CountOf(units, "<polyline class=\"line s1\""), 1u);
  EXPECT_EQ(CountOf(units, "<th scope=\"row\">"), report.units_by_day.size());

  EXPECT_EQ(CountOf(units, "class=\"step"), 0u) << "there was no ramp";
  EXPECT_THAT(units, Not(HasSubstr("Ramp")));

  EXPECT_THAT(PartOf(page, "slices"), HasSubstr("Exploratory"));
  EXPECT_EQ(CountOf(PartOf(page, "slices"), "<line class=\"interval "), report.slices.size());
  for (const auto& [name, what] : PlanLines(report)) {
    EXPECT_THAT(PartOf(page, "plan"), HasSubstr("<dt>" + name + "</dt><dd>" + Escaped(what) + "</dd>"));
  }
  EXPECT_EQ(CountOf(PartOf(page, "statistics"), "<pre "), report.metrics.size());
}

TEST(PageTest, HasEveryDrawingWithItsNameAndTheStepsOfTheRamp) {
  const Report& report = SampleOf("novelty");
  const std::string page = ToHtml(report);
  for (const std::string drawing : kDrawings) {
    EXPECT_THAT(page, HasSubstr("role=\"img\" aria-labelledby=\"" + drawing + "-t " + drawing + "-d\"><title id=\"" +
                                drawing + "-t\">"));
  }
  ASSERT_EQ(report.ramp.size(), 4u);
  const std::string units = PartOf(page, "units");
  EXPECT_EQ(CountOf(units, "<line class=\"step\""), 4u);
  EXPECT_EQ(CountOf(units, "class=\"tick step-label\""), 4u);
  const std::string ramp =
      "10% of each variant from 2027-01-04 08:00 UTC, 25% from 2027-01-05 08:00 UTC, 50% from 2027-01-07 08:00 UTC and "
      "100% from 2027-01-09 08:00 UTC";
  EXPECT_EQ(RampText(report), ramp);
  EXPECT_EQ(CountOf(units, ramp + "."), 2u) << "for those who see the drawing, and for those who do not";
  EXPECT_THAT(ToText(report, {.columns = 400}), HasSubstr("  ramp: " + ramp + "\n"));
  const Value json = stats::ToJson(report);
  ASSERT_EQ(json.Find("ramp")->AsArray().size(), 4u);
  EXPECT_EQ(ToJson(json.Find("ramp")->AsArray()[1]), R"({"at":"2027-01-05T08:00:00Z","share":0.25})");
  EXPECT_EQ(stats::ToJson(SampleOf("ship")).Find("ramp"), nullptr);
  // Units are told while results are hidden, and so is what they came by. The newest of a long history.
  std::vector<RampStep> steps;
  for (std::size_t i = 0; i < 70; ++i) steps.push_back({After(static_cast<double>(i) / 10), 0.01});
  const Design design = DesignOf(PlanMethod::kFixed);
  const Totals totals = TotalsOf(design, {.seed = 20, .units_per_day = 100}, 8);
  const Report early = Judge(design, {&totals, {}, {}, steps}, {}, After(8));
  EXPECT_TRUE(early.results_hidden);
  ASSERT_EQ(early.ramp.size(), kMostRampSteps);
  EXPECT_EQ(early.ramp.front().at, steps[20].at);
  EXPECT_EQ(CountOf(ToHtml(early), "<line class=\"step\""), kMostRampSteps);
}

TEST(PageTest, ShowsNoResultThatIsHidden) {
  const Report& broken = SampleOf("broken-split");
  const std::string red = ToHtml(broken);
  EXPECT_THAT(NamesOf(PartsOf(red)), ::testing::ElementsAre("verdict", "data", "primary-metric", "guardrails",
                                                            "secondary-metrics", "units", "plan", "statistics"));
  EXPECT_THAT(PartOf(red, "verdict"), HasSubstr("No verdict</h2>"));
  EXPECT_THAT(PartOf(red, "data"), HasSubstr("<ul class=\"gates\"><li><span class=\"tag bad\">Stop</span>"))
      << "what is red comes first";
  for (const char* name : {"primary-metric", "guardrails", "secondary-metrics"}) {
    EXPECT_THAT(PartOf(red, name), HasSubstr("Hidden, for the data cannot be trusted."));
  }
  for (const char* result :
       {"class=\"forest\"", "class=\"interval", "class=\"band", "class=\"whisker", "by-day", "<pre"}) {
    EXPECT_THAT(red, Not(HasSubstr(result)));
  }

  // Of a fixed horizon guardrails are shown, which hold at every moment, and nothing else.
  const std::string early = ToHtml(SampleOf("hidden"));
  EXPECT_EQ(PartOf(early, "looks") + PartOf(early, "slices"), "");
  for (const char* name : {"primary-metric", "secondary-metrics"}) {
    EXPECT_THAT(PartOf(early, name), HasSubstr("Hidden until the planned end"));
    EXPECT_THAT(PartOf(early, name), Not(HasSubstr("forest")));
    EXPECT_THAT(PartOf(early, name), Not(HasSubstr("by-day")));
  }
  EXPECT_EQ(CountOf(early, "<div class=\"forest\">"), 2u);
  EXPECT_EQ(CountOf(PartOf(early, "over-time"), "<polygon class=\"band "), 1u);
  EXPECT_THAT(PartOf(early, "over-time"), Not(HasSubstr("order_completed")));
  EXPECT_EQ(CountOf(PartOf(early, "statistics"), "<pre "), 2u);
}

// ---- What is written ----------------------------------------------------------------------------------------------

TEST(ReportTest, TheSameFactsInAnotherOrderGiveTheSameBytes) {
  const Design design = DesignOf();
  World world{.seed = 50, .units_per_day = 200, .days = 14};
  const Totals forwards = TotalsOf(design, world);
  const Totals left = TotalsOf(design, world, 7);
  world.backwards = true;
  const Totals backwards = TotalsOf(design, world);
  const Report a = Judge(design, {&forwards, {}}, {}, After(14)), b = Judge(design, {&backwards, {}}, {}, After(14));
  EXPECT_EQ(guidon::ToJson(stats::ToJson(a)), guidon::ToJson(stats::ToJson(b)));
  EXPECT_EQ(ToHtml(a), ToHtml(b));
  EXPECT_EQ(ToText(a), ToText(b));
  const Report other = Judge(design, {&left, {}}, {}, After(14));
  EXPECT_NE(ToHtml(a), ToHtml(other));
}

TEST(ReportTest, HostileNamesAreTextAndNothingElse) {
  const Report& report = SampleOf("hostile-names");
  const std::string page = ToHtml(report);
  EXPECT_THAT(page, Not(HasSubstr("<script")));
  EXPECT_THAT(page, Not(HasSubstr("<img")));
  EXPECT_THAT(page, Not(HasSubstr("<svg onload")));
  EXPECT_THAT(page, HasSubstr("&lt;script&gt;alert(1)&lt;/script&gt;"));
  EXPECT_THAT(page, HasSubstr("download=\"-script-alert-1---script-.json\""));
  const std::string text = ToText(report);
  EXPECT_EQ(text.find('\x1b'), std::string::npos);
  EXPECT_EQ(text.find('\x07'), std::string::npos);
}

TEST(ReportTest, ThePageFetchesNothing) {
  const std::string page = ToHtml(SampleOf("ship"));
  EXPECT_TRUE(page.starts_with("<!doctype html><html lang=\"en\">"));
  EXPECT_TRUE(page.ends_with("</html>\n"));
  for (const char* reference : {"http:", "https:", "src=", "url(", "@import", "<script"}) {
    EXPECT_THAT(page, Not(HasSubstr(reference)));
  }
}

TEST(ReportTest, ThePlanHasEveryGuardrailWithItsMarginInTheUnitOfItsKind) {
  Design design = DesignOf();
  const auto plan_of = [&](MetricKind kind) {
    design.plan.metrics[2].kind = kind;
    const Totals none(design.plan);
    const Report report = Judge(design, {&none, {}}, {}, After(1));
    const std::string text = ToText(report);
    return std::pair(PartOf(ToHtml(report), "plan"), text.substr(text.find("\nPlan\n")));
  };
  for (const MetricKind kind :
       {MetricKind::kConversion, MetricKind::kRatio, MetricKind::kRetention, MetricKind::kFunnel}) {
    const auto [page, text] = plan_of(kind);
    EXPECT_THAT(page, HasSubstr("<dt>Guardrail</dt><dd>checkout_error, never worse by 0.5pp, else rollback</dd>"));
    EXPECT_THAT(text, HasSubstr("checkout_error, never worse by 0.5pp, else rollback\n"));
    EXPECT_THAT(text, HasSubstr("page_latency_p95, never worse by 5%, else pause\n"));
  }
  EXPECT_THAT(plan_of(MetricKind::kCount).second, HasSubstr("checkout_error, never worse by 0.005, else rollback\n"));
}

TEST(ReportTest, NoLineOfTheTextIsWiderThanTheTerminal) {
  for (const Sample& sample : Samples()) {
    for (const std::size_t columns : {40u, 60u, 80u, 120u}) {
      std::istringstream lines(ToText(sample.report, {.columns = columns}));
      for (std::string line; std::getline(lines, line);) {
        const auto width = static_cast<std::size_t>(std::count_if(
            line.begin(), line.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; }));
        EXPECT_LE(width, columns) << sample.name << ": " << line;
      }
    }
    // Colour repeats what words say.
    std::string colored = ToText(sample.report, {.color = true});
    for (std::size_t at; (at = colored.find('\x1b')) != std::string::npos;) {
      colored.erase(at, colored.find('m', at) - at + 1);
    }
    EXPECT_EQ(colored, ToText(sample.report)) << sample.name;
  }
}

// ---- Words --------------------------------------------------------------------------------------------------------

TEST(WordsTest, NumbersReadAsPeopleWriteThem) {
  EXPECT_EQ(CountText(std::uint64_t{1'234'567}), "1,234,567");
  EXPECT_EQ(CountText(std::uint64_t{999}), "999");
  EXPECT_EQ(LiftText(0.0231), "+2.31%");
  EXPECT_EQ(LiftText(-0.004),
            "\xE2\x88\x92"
            "0.40%");
  EXPECT_EQ(EffectText(0.002, false, true), "+0.20pp");
  EXPECT_EQ(ShareText(0.4482), "44.8%");
  EXPECT_EQ(ShareText(0.0086), "0.860%");
  EXPECT_EQ(NumberText(12'345.6), "12,346");
  EXPECT_EQ(NumberText(0.01234), "0.0123");
  EXPECT_EQ(ProbabilityText(0.00001), "<0.0001");
  EXPECT_EQ(StampText(Start()), "2027-01-04T08:00:00Z");
  EXPECT_EQ(DayText(std::int32_t{0}), "1970-01-01");
  EXPECT_EQ(ListText({"a", "b", "c"}), "a, b and c");
}

}  // namespace
}  // namespace guidon::stats::testing
