#include "bench/eval/runner.h"

#include <benchmark/benchmark.h>

#include <map>
#include <utility>

#include "bench/eval/allocations.h"
#include "bench/eval/workloads.h"
#include "bench/floor/murmur.h"

namespace guidon::bench {
namespace {

constexpr int kThreads[] = {1, 2};
constexpr char kMurmur[] = "murmur";

// Keeps what Google Benchmark measured, by name and threads, every repetition.
class Collector : public benchmark::BenchmarkReporter {
 public:
  struct Sample {
    std::vector<double> ns, allocs;
  };

  bool ReportContext(const Context&) override { return true; }
  void ReportRuns(const std::vector<Run>& runs) override {
    for (const Run& run : runs) {
      if (run.run_type != Run::RT_Iteration || run.error_occurred) continue;
      Sample& sample = samples_[{run.run_name.function_name, static_cast<int>(run.threads)}];
      sample.ns.push_back(run.GetAdjustedRealTime());
      sample.allocs.push_back(run.counters.at("allocs").value);
    }
  }

  // Medians; the murmur loop's are filled in by the caller.
  Measurement Of(const std::string& workload, const std::string& access, int threads) const {
    const Sample& sample = samples_.at({access.empty() ? workload : workload + "/" + access, threads});
    return {workload, access, threads, Median(sample.ns), Median(sample.allocs), 0, 0};
  }

 private:
  std::map<std::pair<std::string, int>, Sample> samples_;
};

// Where each thread begins: the second half way through.
std::size_t StartOf(const benchmark::State& state) {
  return static_cast<std::size_t>(state.thread_index()) * kContexts / 2;
}

// `run(start, count)` does the work in batches, so that the loop over the iterations costs nothing.
template <typename Run>
void Measure(benchmark::State& state, Run&& run) {
  constexpr std::size_t kBatch = 1'000;
  std::size_t start = StartOf(state);
  run(start, kBatch);  // warm: the thread has its slot, the caches have the rules
  const std::uint64_t before = Allocations();
  while (state.KeepRunningBatch(kBatch)) {
    run(start, kBatch);
    start += kBatch;
  }
  state.counters["allocs"] =
      benchmark::Counter(static_cast<double>(Allocations() - before), benchmark::Counter::kAvgIterations);
}

template <typename Function>
void Register(const std::string& name, Function function, const RunOptions& options) {
  auto* registered = benchmark::RegisterBenchmark(name.c_str(), std::move(function));
  registered->UseRealTime()->MinTime(options.seconds)->Repetitions(options.repetitions);
  for (const int threads : kThreads) registered->Threads(threads);
}

void RegisterAll(const std::vector<Workload>& workloads, const std::vector<Context>& contexts,
                 const RunOptions& options) {
  const auto keep = [](auto&& value) { benchmark::DoNotOptimize(value); };
  Register(
      kMurmur,
      [](benchmark::State& state) {
        std::uint32_t hash = 0;
        Measure(state, [&hash](std::size_t, std::size_t count) {
          for (std::size_t i = 0; i < count; ++i) hash = MurmurStep(hash);
          benchmark::DoNotOptimize(hash);
        });
      },
      options);
  for (const Workload& workload : workloads) {
    Register(
        workload.name + "/key",
        [&workload, &contexts, keep](benchmark::State& state) {
          Measure(state, [&](std::size_t start, std::size_t count) { workload.ByKey(contexts, start, count, keep); });
        },
        options);
    Register(
        workload.name + "/handle",
        [&workload, &contexts, keep](benchmark::State& state) {
          Measure(state,
                  [&](std::size_t start, std::size_t count) { workload.ByHandle(contexts, start, count, keep); });
        },
        options);
  }
}

}  // namespace

RunResult RunEval(const RunOptions& options) {
  RunResult result;
  const std::vector<Context> contexts = MakeContexts();
  const std::vector<Workload> workloads = MakeWorkloads();
  for (const Workload& workload : workloads) {
    result.fault = Verify(workload, contexts);
    if (!result.fault.empty()) return result;
    WarmUp(workload, contexts);
  }

  RegisterAll(workloads, contexts, options);
  char name[] = "bench_eval", interleave[] = "--benchmark_enable_random_interleaving=true";
  char* arguments[] = {name, interleave, nullptr};
  int count = 2;
  benchmark::Initialize(&count, arguments);
  Collector collector;
  benchmark::RunSpecifiedBenchmarks(&collector);

  for (const int threads : kThreads) {
    const double murmur = collector.Of(kMurmur, "", threads).ns;
    for (const Workload& workload : workloads) {
      for (const char* access : {"key", "handle"}) {
        Measurement& measured = result.measurements.emplace_back(collector.Of(workload.name, access, threads));
        measured.murmur_ns = murmur;
        measured.target_ns = workload.target_ns;
      }
    }
  }
  benchmark::Shutdown();
  return result;
}

void ReadForCounting(const Workload& workload, const std::vector<Context>& contexts, std::size_t count) {
  workload.ByHandle(contexts, 0, count, [](auto&& value) { benchmark::DoNotOptimize(value); });
}

std::string RunCount(const std::string& name, std::size_t count) {
  const std::vector<Context> contexts = MakeContexts();
  const Workload workload = MakeWorkload(name);
  if (workload.client == nullptr) return "there is no workload '" + name + "'";
  if (std::string fault = Verify(workload, contexts); !fault.empty()) return fault;
  WarmUp(workload, contexts);
  ReadForCounting(workload, contexts, count);
  return "";
}

}  // namespace guidon::bench
