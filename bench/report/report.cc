// ./dev bench report: what a report costs, for few units and for 1 000 000. It reads totals and looks only, so the two
// should cost the same; the design asks for 50 ms.
#include <benchmark/benchmark.h>

#include "core/base/json.h"
#include "tests/stats/report/samples.h"

namespace guidon::stats::testing {
namespace {

// Six weeks of three variants, four metrics, two dimensions, with the looks of the plan.
const Watched& Experiment(std::int64_t units) {
  static std::map<std::int64_t, Watched> made;
  const auto found = made.find(units);
  if (found != made.end()) return found->second;
  Design design = DesignOf(PlanMethod::kGroupSequential, 3);
  design.planned_units = static_cast<double>(units) * 1.2;
  ArmOf alike;
  alike.conversion = 0.2005;
  const World world{
      .seed = 1, .units_per_day = static_cast<std::uint32_t>(units / 42), .days = 42, .arms = {{}, alike, alike}};
  design.max_days = 60;
  return made.emplace(units, Watch(design, world)).first->second;
}

void Judging(benchmark::State& state) {
  const Watched& experiment = Experiment(state.range(0));
  for (auto _ : state) benchmark::DoNotOptimize(experiment.Read());
  state.counters["looks"] = static_cast<double>(experiment.looks.size());
}
BENCHMARK(Judging)->Arg(20'000)->Arg(1'000'000)->Unit(benchmark::kMillisecond);

void JudgingAndJson(benchmark::State& state) {
  const Watched& experiment = Experiment(state.range(0));
  for (auto _ : state) benchmark::DoNotOptimize(guidon::ToJson(stats::ToJson(experiment.Read())));
}
BENCHMARK(JudgingAndJson)->Arg(1'000'000)->Unit(benchmark::kMillisecond);

void JudgingAndPage(benchmark::State& state) {
  const Watched& experiment = Experiment(state.range(0));
  for (auto _ : state) benchmark::DoNotOptimize(ToHtml(experiment.Read()));
}
BENCHMARK(JudgingAndPage)->Arg(1'000'000)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace guidon::stats::testing

BENCHMARK_MAIN();
