// ./dev bench eval: nanoseconds and allocations of one evaluation; bench/README.md says how to read them.
#include <charconv>
#include <cstdio>
#include <fstream>
#include <string>
#include <string_view>

#include "bench/eval/runner.h"

namespace {

using guidon::bench::RunOptions;

constexpr char kUsage[] =
    "Usage: bench_eval [--json FILE] [--seconds S] [--repetitions N]\n"
    "       bench_eval --count N WORKLOAD\n"
    "\n"
    "  --json FILE      also writes a list of {workload, access, threads, ns, allocs, murmur_ns}\n"
    "  --seconds S      of each repetition (0.2)\n"
    "  --repetitions N  whose median counts (5)\n"
    "  --count N        only reads the workload N times, for ./dev bench instructions\n";

struct Arguments {
  RunOptions options;
  std::string json;
  std::size_t count = 0;
  std::string counted;  // workload
  bool help = false;
};

template <typename T>
bool Parse(std::string_view text, T& out) {
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), out);
  return parsed.ec == std::errc() && parsed.ptr == text.data() + text.size() && out > 0;
}

bool Read(int argc, char** argv, Arguments& out) {
  for (int i = 1; i < argc; ++i) {
    const std::string_view name = argv[i];
    if (name == "--help" || name == "-h") {
      out.help = true;
      return true;
    }
    if (++i == argc) return false;
    if (name == "--json") {
      out.json = argv[i];
    } else if (name == "--seconds") {
      if (!Parse(argv[i], out.options.seconds)) return false;
    } else if (name == "--count") {
      if (!Parse(argv[i], out.count) || ++i == argc) return false;
      out.counted = argv[i];
    } else if (name == "--repetitions") {
      if (!Parse(argv[i], out.options.repetitions)) return false;
    } else {
      return false;
    }
  }
  return true;
}

}  // namespace

int main(int argc, char** argv) {
  Arguments arguments;
  if (!Read(argc, argv, arguments)) {
    std::fputs(kUsage, stderr);
    return 2;
  }
  if (arguments.help) {
    std::fputs(kUsage, stdout);
    return 0;
  }
  if (arguments.count > 0) {
    const std::string fault = guidon::bench::RunCount(arguments.counted, arguments.count);
    if (!fault.empty()) std::fprintf(stderr, "bench_eval: %s\n", fault.c_str());
    return fault.empty() ? 0 : 1;
  }
  std::ofstream json;
  if (!arguments.json.empty()) {
    json.open(arguments.json, std::ios::trunc);
    if (!json) {
      std::fprintf(stderr, "bench_eval: %s cannot be written\n", arguments.json.c_str());
      return 2;
    }
  }

  std::printf(
      "ns for an evaluation, all threads together, and x times the murmur loop;\n"
      "medians of %d repetitions of %g s\n\n",
      arguments.options.repetitions, arguments.options.seconds);
  std::fflush(stdout);
  const guidon::bench::RunResult result = guidon::bench::RunEval(arguments.options);
  if (!result.fault.empty()) {
    std::fprintf(stderr, "bench_eval: %s\n", result.fault.c_str());
    return 1;
  }
  std::fputs(guidon::bench::ToTable(result.measurements).c_str(), stdout);
  if (json.is_open()) {
    json << guidon::bench::ToJson(result.measurements) << std::flush;
    if (!json) {
      std::fprintf(stderr, "bench_eval: %s could not be written\n", arguments.json.c_str());
      return 1;
    }
  }
  return 0;
}
