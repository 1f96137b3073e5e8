// Verifies the workloads, then measures them with Google Benchmark.
//
// Thread safety: once in a process; Google Benchmark keeps its settings in globals.
#pragma once

#include <string>
#include <vector>

#include "bench/eval/report.h"
#include "bench/eval/workloads.h"

namespace guidon::bench {

struct RunOptions {
  double seconds = 0.2;  // of each repetition
  int repetitions = 5;   // the median counts; repetitions of different workloads are interleaved
};

struct RunResult {
  std::string fault;                      // a workload does not do what it is there to measure: nothing was timed
  std::vector<Measurement> measurements;  // each workload by key and by handle, on 1 and on 2 threads
};

RunResult RunEval(const RunOptions& options);

// For scripts/count-instructions: verifies one workload, then reads it so many times by handle, all within
// ReadForCounting, which a profiler finds by its name. Returns a fault, or "".
std::string RunCount(const std::string& name, std::size_t count);
[[gnu::noinline]] void ReadForCounting(const Workload& workload, const std::vector<Context>& contexts,
                                       std::size_t count);

}  // namespace guidon::bench
