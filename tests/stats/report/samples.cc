#include "tests/stats/report/samples.h"

#include <cmath>
#include <stdexcept>

#include "core/base/hash.h"

namespace guidon::stats::testing {
namespace {

// Uniform within (0, 1), of a seed and a number: the same on every machine, whatever the order.
double Uniform(std::uint64_t seed, std::uint64_t number, std::uint64_t what) {
  const std::uint64_t word = Mix64(Mix64(Mix64(seed) + number) + what);
  return (static_cast<double>(word >> 11) + 0.5) / static_cast<double>(std::uint64_t{1} << 53);
}

// Bell-shaped without a logarithm: the sum of four uniforms, to mean 0 and variance 1.
double Bell(std::uint64_t seed, std::uint64_t number, std::uint64_t what) {
  double sum = 0;
  for (std::uint64_t i = 0; i < 4; ++i) sum += Uniform(seed, number, 100 * what + i);
  return (sum - 2) * std::sqrt(3.0);
}

const char* PlatformOf(double uniform) {
  return uniform < 0.45 ? "ios" : uniform < 0.80 ? "android" : "web";
}

MetricContribution YesOrNo(bool yes) {
  MetricContribution one;
  one.y = one.y_uncapped = yes ? 1 : 0;
  one.events = yes ? 1 : 0;
  return one;
}

Contribution UnitOf(const World& world, const ArmOf& arm, std::uint32_t variant, std::uint32_t day,
                    std::uint64_t number, bool on_ios) {
  Contribution unit;
  unit.variant = variant;
  unit.day = static_cast<std::int32_t>(std::chrono::floor<std::chrono::days>(Start()).time_since_epoch().count()) +
             static_cast<std::int32_t>(day);
  unit.group = static_cast<std::uint8_t>(Mix64(number) & 255);
  unit.dimensions = {on_ios ? "ios" : PlatformOf(Uniform(world.seed, number, 1)),
                     Uniform(world.seed, number, 2) < 0.6 ? "DE" : "FR"};
  if (Uniform(world.seed, number, 3) < arm.multiple) {
    unit.kind = Contribution::Kind::kMultiple;
    return unit;
  }
  unit.kind = Contribution::Kind::kUnit;
  unit.has_history = true;
  const double new_still = std::max(0.0, 1 - static_cast<double>(day) / 14);
  const bool converts = Uniform(world.seed, number, 4) < arm.conversion + arm.novelty * new_still;
  MetricContribution revenue;
  const double taste = Bell(world.seed, number, 5);  // the same before and after: what CUPED takes out
  revenue.x = std::max(0.0, 30 + 12 * taste + 4 * Bell(world.seed, number, 6));
  revenue.y_uncapped = std::max(0.0, arm.spend + 12 * taste + 6 * Bell(world.seed, number, 7));
  revenue.y = std::min(revenue.y_uncapped, 75.0);
  revenue.capped = revenue.y < revenue.y_uncapped;
  revenue.events = 1;
  MetricContribution latency;
  for (std::uint64_t i = 0; i < 2; ++i) {
    latency.values.push_back({arm.latency * (1 + 0.3 * Bell(world.seed, number, 8 + i)) + 50 * std::fabs(taste), 1});
  }
  latency.events = 2;
  unit.metrics = {YesOrNo(converts), revenue, YesOrNo(Uniform(world.seed, number, 20) < arm.errors), latency};
  return unit;
}

template <typename Take>
void AddDay(const Design& design, const World& world, std::uint32_t day, std::uint64_t& number, const Take& take) {
  for (std::uint32_t v = 0; v < world.arms.size(); ++v) {
    const ArmOf& arm = world.arms[v];
    double share = 1;
    for (const auto& [from, of] : world.ramp) share = day >= from ? of : share;
    const double planned = design.plan.weights[v] * world.units_per_day * share;
    // Never the same on two days; on Sundays fewer come.
    const double wave = 1 + 0.05 * Bell(world.seed, day, 30) - (day % 7 == 6 ? 0.25 : 0);
    const auto units = static_cast<std::uint64_t>(
        std::llround(planned * wave + std::sqrt(planned) * 0.3 * Bell(world.seed, day * 8 + v, 31)));
    const auto more = static_cast<std::uint64_t>(std::llround(planned * arm.more_units));
    for (std::uint64_t i = 0; i < units + more; ++i) {
      ++number;
      take(UnitOf(world, arm, v, day, number, i >= units));
    }
  }
}

}  // namespace

Time Start() {
  return std::chrono::sys_days(std::chrono::year(2027) / 1 / 4) + std::chrono::hours(8);
}

Time After(double days) {
  return Start() + Milliseconds(std::llround(days * 86'400'000));
}

Design DesignOf(PlanMethod method, std::size_t variants) {
  Design design;
  ExperimentPlan& plan = design.plan;
  plan.experiment = "checkout-one-page";
  plan.variants = {"control", "one_page"};
  plan.weights = {0.5, 0.5};
  if (variants == 3) {
    plan.variants.push_back("bare");
    plan.weights = {0.4, 0.3, 0.3};
  }
  plan.started = Start();
  plan.dimensions = {"platform", "country"};
  MetricPlan orders{.key = "order_completed", .kind = MetricKind::kConversion, .sources = {0}};
  orders.window = std::chrono::hours(72);
  MetricPlan revenue{.key = "revenue_per_account", .kind = MetricKind::kSum, .sources = {1}};
  revenue.cap_value = 75;
  MetricPlan errors{.key = "checkout_error", .kind = MetricKind::kConversion, .lower_is_better = true, .sources = {2}};
  MetricPlan latency{.key = "page_latency_p95", .kind = MetricKind::kQuantile, .lower_is_better = true, .sources = {3}};
  latency.quantile = 0.95;
  plan.metrics = {orders, revenue, errors, latency};
  design.project = "shop";
  design.environment = "production";
  design.flag = "checkout.layout";
  design.owner = "ana@shop.example";
  design.hypothesis = "A single-page checkout raises completed orders without slowing the page.";
  design.method = method;
  design.min_days = 14;
  design.max_days = 42;
  design.planned_units = 40'000;
  design.primary = Goal{0, true, 0.05};
  design.secondary = {Goal{1, true, std::nullopt}};
  design.guardrails = {{2, 0.005, false, "rollback"}, {3, 0.05, true, "pause"}};
  return design;
}

Totals TotalsOf(const Design& design, const World& world, std::uint32_t days) {
  Totals totals(design.plan);
  std::vector<Contribution> units;
  std::uint64_t number = 0;
  for (std::uint32_t day = 0; day < (days == 0 ? world.days : days); ++day) {
    if (!world.backwards) {
      AddDay(design, world, day, number, [&](const Contribution& unit) { totals.Add(unit); });
    } else {
      AddDay(design, world, day, number, [&](Contribution unit) { units.push_back(std::move(unit)); });
    }
  }
  for (auto unit = units.rbegin(); unit != units.rend(); ++unit) totals.Add(*unit);
  return totals;
}

Watched Watch(const Design& design, const World& world, const DataQuality& quality) {
  Watched watched{design, Totals(design.plan), {}, After(world.days), quality};
  for (const auto& [day, share] : world.ramp) watched.ramp.push_back({After(day), share});
  std::uint64_t number = 0;
  for (std::uint32_t day = 0; day < world.days; ++day) {
    AddDay(design, world, day, number, [&](const Contribution& unit) { watched.totals.Add(unit); });
    watched.now = After(day + 1);
    watched.TakeDueLook();
  }
  return watched;
}

bool Watched::TakeDueLook() {
  const auto look = DueLook(design, {&totals, quality}, looks, now);
  if (look) looks.push_back(*look);
  return look.has_value();
}

Overlaps OverlapsOf(const Design& design) {
  const auto cell = [](std::uint64_t units, double share) {
    return OverlapCell{units, static_cast<double>(units), share, share * (1 - share)};
  };
  Overlaps overlaps;
  overlaps.time = After(15);
  overlaps.metric = "order_completed";
  overlaps.variants = design.plan.variants;
  overlaps.others = {
      {"banner", 1, {"off", "on"}, {{cell(3'000, 0.20), cell(3'000, 0.21)}, {cell(3'000, 0.21), cell(3'000, 0.225)}}},
      {"free-shipping",
       2,
       {"paid", "free"},
       {{cell(2'000, 0.20), cell(2'000, 0.25)}, {cell(2'000, 0.24), cell(2'000, 0.21)}}},
      {"recommendations",
       1,
       {"none", "few", "many"},
       {{cell(900, 0.20), cell(900, 0.20), cell(900, 0.21)}, {cell(900, 0.22), cell(900, 0.21), cell(900, 0.22)}}},
      {"search", 1, {"old", "new"}, {{cell(40, 0.20), cell(0, 0)}, {cell(35, 0.20), cell(1, 1)}}}};
  overlaps.left_out = {"sorting", "wishlist"};
  return overlaps;
}

namespace {

std::vector<Sample> MakeSamples() {
  std::vector<Sample> samples;
  DataQuality fresh;
  fresh.folded_to = After(21) - std::chrono::seconds(4);
  fresh.rejected = {{"too_late", 112}, {"unit_missing", 31}};
  const auto add = [&](std::string name, const Design& design, const World& world) {
    DataQuality quality = fresh;
    quality.folded_to = After(world.days) - std::chrono::seconds(4);
    samples.push_back({std::move(name), Watch(design, world, quality).Read()});
  };
  const Design plan = DesignOf();
  ArmOf control, better, harmful, crooked, few, none;
  better.conversion = 0.226;
  better.spend = 30.5;
  better.latency = 402;
  harmful.conversion = 0.207;
  harmful.errors = 0.031;
  crooked.conversion = 0.215;
  crooked.more_units = 0.09;
  add("ship", plan, {.seed = 11, .arms = {control, better}});
  add("harm", plan, {.seed = 12, .arms = {control, harmful}});
  add("broken-split", plan, {.seed = 13, .arms = {control, crooked}});
  add("hidden", DesignOf(PlanMethod::kFixed), {.seed = 14, .arms = {control, better}});
  few.conversion = 0.004;
  few.errors = 0.002;
  none = few;
  Design small = DesignOf(PlanMethod::kSequential);
  add("small-counts", small, {.seed = 15, .units_per_day = 80, .days = 16, .arms = {few, none}});
  ArmOf alike;
  alike.conversion = 0.203;
  add("running", plan, {.seed = 16, .days = 16, .arms = {control, alike}});
  ArmOf worse;
  worse.conversion = 0.188;
  add("futile", plan, {.seed = 27, .days = 28, .arms = {control, worse}});
  ArmOf bare;
  bare.conversion = 0.236;
  bare.latency = 399;
  add("three-variants", DesignOf(PlanMethod::kSequential, 3),
      {.seed = 18, .units_per_day = 1'500, .arms = {control, alike, bare}});
  ArmOf fading;
  fading.novelty = 0.12;
  add("novelty", plan,
      {.seed = 22,
       .units_per_day = 2'000,
       .days = 18,
       .arms = {control, fading},
       .ramp = {{0, 0.1}, {1, 0.25}, {3, 0.5}, {5, 1.0}}});
  const Watched beside = Watch(plan, {.seed = 16, .days = 16, .arms = {control, alike}});
  const Overlaps overlaps = OverlapsOf(plan);
  samples.push_back(
      {"overlapping", Judge(plan, {&beside.totals, {}, {}, {}, &overlaps}, beside.looks, beside.now, 42)});
  Design hostile = plan;
  const std::string script = "<script>alert(1)</script>";
  hostile.plan.experiment = script;
  hostile.plan.variants = {"control\"onload='x'", script};
  hostile.plan.metrics[0].key = "</title><img src=x onerror=alert(2)>";
  hostile.plan.dimensions = {script, "country\x1b[2J"};
  hostile.flag = script;
  hostile.owner = "\"><svg onload=alert(3)>";
  hostile.hypothesis = "a & b < c \x1b]0;owned\x07";
  DataQuality edited;
  edited.changes = {script};
  edited.rejected = {{script, 3}};
  samples.push_back({"hostile-names", Watch(hostile, {.seed = 19, .units_per_day = 300, .days = 15}, edited).Read()});
  return samples;
}

}  // namespace

const std::vector<Sample>& Samples() {
  static const std::vector<Sample> kSamples = MakeSamples();
  return kSamples;
}

const Report& SampleOf(std::string_view name) {
  for (const Sample& sample : Samples()) {
    if (sample.name == name) return sample.report;
  }
  throw std::invalid_argument("there is no sample '" + std::string(name) + "'");
}

}  // namespace guidon::stats::testing
