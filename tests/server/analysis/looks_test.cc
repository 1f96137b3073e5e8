// Designs of authored experiments, and looks that are kept.
#include <gtest/gtest.h>

#include "core/base/json.h"
#include "core/codec/codec.h"
#include "server/analysis/design_of.h"
#include "server/analysis/looks.h"
#include "stats/report/planning.h"
#include "tests/stats/report/samples.h"

namespace guidon {
namespace {

using stats::testing::After;
using stats::testing::DesignOf;
using stats::testing::TotalsOf;

const IterationOf kIteration{"shop", "production", "checkout-one-page", 1};

TEST(DesignOfTest, IsWhatWasAuthored) {
  Experiment experiment;
  experiment.key = "checkout-one-page";
  experiment.environment = "production";
  experiment.flag = "checkout.layout";
  experiment.primary = PrimaryMetric{"page_latency_p95", std::nullopt, 2'000};
  experiment.secondary = {"revenue_per_account", "of_nobody"};
  experiment.guardrails = {{"checkout_error", Margin{200, Margin::Unit::kPoints}, BreachAction::kRollback},
                           {"page_latency_p95", Margin{5'000, Margin::Unit::kPercent}, BreachAction::kPause},
                           {"order_completed", std::nullopt, BreachAction::kAlert}};
  experiment.plan = Plan{.method = PlanMethod::kFixed, .alpha = 1'000, .min_days = 7, .max_days = 21};
  const stats::Design design = guidon::DesignOf("shop", experiment, DesignOf().plan);
  EXPECT_EQ(design.project, "shop");
  EXPECT_EQ(design.method, stats::PlanMethod::kFixed);
  EXPECT_DOUBLE_EQ(design.alpha, 0.01);
  EXPECT_DOUBLE_EQ(design.power, 0.8);
  EXPECT_EQ(design.look_every, std::chrono::days(7));
  ASSERT_TRUE(design.primary);
  EXPECT_EQ(design.primary->metric, 3u);
  EXPECT_FALSE(design.primary->expect_up);  // the metric's own direction
  EXPECT_DOUBLE_EQ(*design.primary->detect, 0.02);
  EXPECT_EQ(design.secondary.size(), 1u);
  ASSERT_EQ(design.guardrails.size(), 3u);
  EXPECT_DOUBLE_EQ(*design.guardrails[0].margin, 0.002);
  EXPECT_FALSE(design.guardrails[0].margin_is_relative);
  EXPECT_EQ(design.guardrails[0].on_breach, "rollback");
  EXPECT_DOUBLE_EQ(*design.guardrails[1].margin, 0.05);
  EXPECT_TRUE(design.guardrails[1].margin_is_relative);
  EXPECT_FALSE(design.guardrails[2].margin);
}

class LooksTest : public ::testing::Test {
 protected:
  static stats::Design Unsized() {
    stats::Design design = DesignOf();
    design.planned_units.reset();
    return design;
  }
  static stats::Facts Folded(const stats::Totals& totals, stats::Time to) {
    stats::Facts facts{&totals, {}};
    facts.quality.folded_to = to;
    return facts;
  }
  std::unique_ptr<Store> store_ = OpenMemoryStore();
};

TEST_F(LooksTest, TheSizeIsFoundOnceAndLooksAreTakenByThePlan) {
  Looks looks(*store_);
  const stats::testing::World world{.seed = 60};
  const stats::Totals week = TotalsOf(Unsized(), world, 7), fortnight = TotalsOf(Unsized(), world, 14);
  const Result<Published> early = looks.TakeDue(kIteration, Unsized(), Folded(week, After(7)), After(7));
  ASSERT_TRUE(early) << early.error().message;
  ASSERT_TRUE(early->design.planned_units);
  EXPECT_TRUE(early->looks.empty());
  const Result<Published> taken = looks.TakeDue(kIteration, Unsized(), Folded(fortnight, After(14)), After(14));
  ASSERT_TRUE(taken);
  EXPECT_EQ(taken->design.planned_units, early->design.planned_units);
  ASSERT_EQ(taken->looks.size(), 1u);

  // Whoever asks again, with whatever there is by then, gets what was published.
  const stats::Totals later = TotalsOf(Unsized(), world, 20);
  const Result<Published> again = Looks(*store_).TakeDue(kIteration, Unsized(), Folded(later, After(20)), After(20));
  ASSERT_TRUE(again);
  EXPECT_EQ(again->looks, taken->looks);
  EXPECT_EQ(Looks(*store_).Read(kIteration, Unsized())->looks, taken->looks);
  // Another iteration has none.
  IterationOf next = kIteration;
  next.iteration = 10;
  EXPECT_TRUE(looks.Read(next, Unsized())->looks.empty());
}

// A day's units, of which this share has converted by now.
void AddUnits(stats::Totals& totals, std::int32_t days_after_start, int units, double converted) {
  for (int i = 0; i < units; ++i) {
    stats::Contribution unit;
    unit.kind = stats::Contribution::Kind::kUnit;
    unit.variant = static_cast<std::uint32_t>(i % 2);
    unit.day = 20'822 + days_after_start;  // of 2027-01-04
    unit.metrics.resize(4);
    unit.metrics[0].y = unit.metrics[0].y_uncapped = i < converted * units ? 1 : 0;
    unit.metrics[0].events = static_cast<std::uint32_t>(unit.metrics[0].y);
    totals.Add(unit);
  }
}

// Who was exposed a minute ago has not converted yet: a size that counts on it is several times too large, for ever.
TEST_F(LooksTest, TheSizeIsFoundFromUnitsWhoseWindowIsOver) {
  Looks looks(*store_);
  const auto size_at = [&](const stats::Totals& totals, stats::Time now, stats::Time folded_to) {
    return looks.TakeDue(kIteration, Unsized(), Folded(totals, folded_to), now)->design.planned_units;
  };
  stats::Totals hour(Unsized().plan), later(Unsized().plan);
  AddUnits(hour, 0, 5'000, 0.02);
  EXPECT_FALSE(size_at(hour, After(1.0 / 24), After(1.0 / 24)));
  AddUnits(later, 0, 5'000, 0.12);
  AddUnits(later, 4, 5'000, 0.02);
  // The last of the first day's units have until 72 hours after midnight.
  const stats::Time over = stats::Time(std::chrono::days(20'823)) + std::chrono::hours(72);
  EXPECT_FALSE(size_at(later, over - stats::Milliseconds(1), over));
  EXPECT_FALSE(size_at(later, over, over - stats::Milliseconds(1))) << "what they did at last is not counted yet";
  EXPECT_EQ(size_at(later, over, over), *stats::PlannedUnits(Unsized(), stats::ProportionStatistic{5'000, 600}));
  EXPECT_EQ(size_at(later, After(9), After(9)),
            *stats::PlannedUnits(Unsized(), stats::ProportionStatistic{5'000, 600}));
}

// Its day has come, and nobody's outcome: it is taken as soon as there are enough, and these have been counted.
TEST_F(LooksTest, ALookThatWaitsForOutcomesIsTakenOnceTheyAreFolded) {
  Looks looks(*store_);
  stats::Design design = DesignOf();
  design.min_days = 1;
  design.look_every = std::chrono::days(1);
  stats::Totals totals(design.plan);
  for (const std::int32_t day : {0, 1, 2, 3}) AddUnits(totals, day, 2'000, day == 0 ? 0.12 : 0.02);
  const auto taken = [&](stats::Time now, stats::Time folded_to) {
    return looks.TakeDue(kIteration, design, Folded(totals, folded_to), now)->looks;
  };
  const stats::Time over = stats::Time(std::chrono::days(20'823)) + std::chrono::hours(72);
  EXPECT_TRUE(taken(After(2), After(2)).empty());
  EXPECT_TRUE(taken(over + std::chrono::minutes(1), over - stats::Milliseconds(1)).empty());
  ASSERT_EQ(taken(over + std::chrono::minutes(2), over).size(), 1u);
  const stats::PublishedLook look = looks.Read(kIteration, design)->looks[0];
  EXPECT_EQ(look.units, 2'000u);
  EXPECT_DOUBLE_EQ(look.fraction, 2'000 / 40'000.0);
  EXPECT_EQ(taken(After(4.1), After(4.1)).size(), 1u) << "a day has begun, and no more are in";
  EXPECT_EQ(taken(After(4.7), After(4.7)).size(), 2u);
}

TEST_F(LooksTest, ASizeOfOutcomesWithoutAWindowIsFoundByTheFirstLookAndTheFirstLookWaitsForOne) {
  stats::Totals totals(Unsized().plan);
  for (const std::int32_t day : {0, 1, 2}) AddUnits(totals, day, 5'000, 0.12);
  stats::Design open = Unsized();
  open.plan.metrics[0].window.reset();
  EXPECT_FALSE(stats::FindSize(open, Folded(totals, After(13.9)), After(13.9)));
  EXPECT_EQ(stats::FindSize(open, Folded(totals, After(14)), After(14)),
            *stats::PlannedUnits(open, stats::ProportionStatistic{15'000, 1'800}));

  // Of a return between the 13th day and the 16th nothing is known after two weeks; after the 16th there is.
  stats::Design slow = Unsized();
  slow.plan.metrics[0].after = std::chrono::days(13);
  Looks looks(*store_);
  const auto taken = [&](double days) {
    return looks.TakeDue(kIteration, slow, Folded(totals, After(days)), After(days))->looks.size();
  };
  EXPECT_EQ(taken(14), 0u);
  EXPECT_FALSE(looks.Read(kIteration, slow)->design.planned_units);
  EXPECT_EQ(taken(17), 1u);
  EXPECT_TRUE(looks.Read(kIteration, slow)->design.planned_units);
  // Not for ever: what does not come is not waited for.
  stats::Totals few(Unsized().plan);
  AddUnits(few, 0, 500, 0.5);
  slow.plan.metrics[0].after = {};
  EXPECT_FALSE(stats::DueLook(slow, Folded(few, After(16.9)), {}, After(16.9)));
  EXPECT_TRUE(stats::DueLook(slow, Folded(few, After(17)), {}, After(17)));
}

TEST_F(LooksTest, TheDefinitionIsKeptOnce) {
  Experiment experiment;
  experiment.key = "checkout-one-page";
  experiment.owner = "ana";
  experiment.flag = "checkout.layout";
  experiment.environment = "production";
  experiment.unit = "account_id";
  experiment.hypothesis = "as it was";
  experiment.variants = {{"control", "multi", 50'000}, {"one_page", "single", 50'000}};
  experiment.primary = PrimaryMetric{"order_completed", std::nullopt, 2'000};
  Looks looks(*store_);
  EXPECT_EQ(looks.Kept(kIteration)->has_value(), false);
  ASSERT_TRUE(looks.Keep(kIteration, experiment));
  Experiment edited = experiment;
  edited.hypothesis = "as one would have it now";
  ASSERT_TRUE(Looks(*store_).Keep(kIteration, edited));
  EXPECT_EQ(*looks.Kept(kIteration), std::optional(experiment));
  // A look beside it is read as before.
  EXPECT_TRUE(looks.Read(kIteration, Unsized())->looks.empty());
}

TEST_F(LooksTest, NothingIsTakenOfWhatIsNotAllThere) {
  Looks looks(*store_);
  const stats::Totals totals = TotalsOf(Unsized(), {.seed = 60}, 14), none(Unsized().plan);
  const auto taken = [&](stats::Design design, const stats::Totals& of, std::optional<stats::Time> folded_to) {
    stats::DataQuality quality;
    quality.folded_to = folded_to;
    const Result<Published> published = looks.TakeDue(kIteration, std::move(design), {&of, quality}, After(14));
    return published->looks.size() + (published->design.planned_units ? 1 : 0);
  };
  EXPECT_EQ(taken(Unsized(), totals, std::nullopt), 0u);
  EXPECT_EQ(taken(Unsized(), totals, After(14) - std::chrono::hours(1)), 0u) << "the fold is behind";
  stats::Design of_older_server = Unsized();
  of_older_server.plan.started = {};
  EXPECT_EQ(taken(of_older_server, totals, After(14)), 0u);
  stats::Design ended = Unsized();
  ended.plan.ended = After(0) + std::chrono::hours(1);
  EXPECT_EQ(taken(ended, none, After(14)), 0u) << "nobody was exposed";
  EXPECT_TRUE(store_->Range(RangeQuery::Prefix("!look/"))->entries.empty());
  EXPECT_EQ(taken(Unsized(), totals, After(14)), 2u);
}

TEST_F(LooksTest, TooLittleGivesNoSizeAndADamagedLookIsSaid) {
  Looks looks(*store_);
  const stats::Totals few = TotalsOf(Unsized(), {.seed = 61, .units_per_day = 100}, 7);
  EXPECT_FALSE(looks.TakeDue(kIteration, Unsized(), Folded(few, After(7)), After(7))->design.planned_units);
  Txn txn;
  txn.ops = {TxnOp::Put("!look/shop/production/checkout-one-page/1/0000000001", "{}")};
  ASSERT_TRUE(store_->Commit(std::move(txn)));
  const stats::Totals totals = TotalsOf(Unsized(), {.seed = 60}, 14);
  const Result<Published> published = looks.TakeDue(kIteration, Unsized(), Folded(totals, After(14)), After(14));
  ASSERT_TRUE(published);
  ASSERT_EQ(published->unread.size(), 1u);
  EXPECT_NE(published->unread[0].find("/1/0000000001'"), std::string::npos);
  EXPECT_TRUE(published->looks.empty()) << "what was spent is not known";
}

}  // namespace
}  // namespace guidon
