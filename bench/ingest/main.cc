// ./dev bench ingest: events that guidond makes durable in a second, beside bare RocksDB (bench/README.md).
#include <algorithm>
#include <charconv>
#include <chrono>
#include <cstdio>
#include <exception>
#include <fstream>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "bench/floor/write_batch.h"
#include "bench/ingest/folding.h"
#include "bench/ingest/ingest.h"
#include "tests/support/guidond.h"

namespace guidon::bench {
namespace {

using testing::Guidond;
using testing::TemporaryFolder;

constexpr char kUsage[] =
    "Usage: bench_ingest [--json FILE] [--seconds S] [--pairs N] [--clients N] [--batches N]\n"
    "\n"
    "  --json FILE   also writes a list of {name, ours, floor, ratio, target, unit}\n"
    "  --seconds S   of each measurement (3)\n"
    "  --pairs N     of floor and ours, in turn, whose median counts (5)\n"
    "  --clients N   keep-alive connections, and threads of the floor (64)\n"
    "  --batches N   of 100 events, that are folded (2000)\n";

constexpr double kTarget = 0.5;  // of ours by the floor, by the clock

struct Arguments {
  std::string json;
  int seconds = 3, pairs = 5, clients = 64, batches = 2'000;
};

bool Read(int argc, char** argv, Arguments& out) {
  for (int i = 1; i < argc; ++i) {
    const std::string_view name = argv[i];
    if (++i == argc) return false;
    const std::string_view text = argv[i];
    int* number = name == "--seconds"   ? &out.seconds
                  : name == "--pairs"   ? &out.pairs
                  : name == "--batches" ? &out.batches
                                        : &out.clients;
    if (name == "--json") {
      out.json = text;
    } else if (name != "--seconds" && name != "--pairs" && name != "--clients" && name != "--batches") {
      return false;
    } else if (std::from_chars(text.data(), text.data() + text.size(), *number).ptr != text.data() + text.size() ||
               *number < 1) {
      return false;
    }
  }
  return true;
}

EventRate Ours(const Arguments& arguments) {
  Guidond server;
  server.Call("POST", "/api/v1/projects", {.body = R"({"project":"shop","environments":{"production":{}}})"});
  EventLoadOptions load;
  load.server_process = server.process().pid();
  load.port = server.port();
  load.key = server.CreateSdkKey("shop", "production");
  load.clients = arguments.clients;
  load.seconds = arguments.seconds;
  return DurableEvents(load);
}

WriteRate Floor(const Arguments& arguments) {
  const TemporaryFolder folder;
  return SyncedWriteBatches(folder / "db", arguments.clients, IngestedEvent(), std::chrono::seconds(arguments.seconds));
}

// What was measured in turn.
struct Pairs {
  std::vector<double> floors, ours, ratios;

  void Add(double floor, double our) {
    floors.push_back(floor);
    ours.push_back(our);
    ratios.push_back(floor > 0 ? our / floor : 0);
  }
};

double Median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

int Main(int argc, char** argv) {
  Arguments arguments;
  if (!Read(argc, argv, arguments)) {
    std::fputs(kUsage, stderr);
    return 2;
  }
  Pairs by_clock, by_cpu;
  std::printf("durable events; floor: RocksDB alone, synced WriteBatch of 100 records\n");
  std::printf("%-8s %14s %14s %8s %8s\n", "pair", "floor events/s", "ours events/s", "ratio", "target");
  for (int pair = 1; pair <= arguments.pairs; ++pair) {
    const WriteRate floor = Floor(arguments);
    const EventRate ours = Ours(arguments);
    by_clock.Add(floor.per_second, ours.per_second);
    by_cpu.Add(floor.per_cpu_second, ours.per_cpu_second);
    std::printf("%-8d %14.0f %14.0f %8.2f\n", pair, floor.per_second, ours.per_second, by_clock.ratios.back());
    std::fflush(stdout);
  }
  const double ratio = Median(by_clock.ratios);
  std::printf("%-8s %14.0f %14.0f %8.2f  >= %.2f  %s\n", "median", Median(by_clock.floors), Median(by_clock.ours),
              ratio, kTarget, ratio >= kTarget ? "met" : "missed");
  std::printf("%-8s %14.0f %14.0f %8.2f\n", "by CPU", Median(by_cpu.floors), Median(by_cpu.ours),
              Median(by_cpu.ratios));
  const FoldingSpeed folding = FoldJournal(arguments.batches);
  if (folding.events == 0) {
    std::fputs("the journal could not be folded\n", stderr);
    return 1;
  }
  std::printf(
      "folding of %zu events: %.0f events/s by the clock, %.0f events per second of CPU (%.1f us each); then the "
      "facts of the experiment are read in %.1f ms\n",
      folding.events, folding.per_second, folding.per_cpu_second, 1e6 / folding.per_cpu_second, folding.read_ms);
  if (arguments.json.empty()) return 0;
  std::ofstream file(arguments.json);
  file << "[{\"name\":\"ingest_eps, by clock\",\"ours\":" << Median(by_clock.ours)
       << ",\"floor\":" << Median(by_clock.floors) << ",\"ratio\":" << ratio << ",\"target\":" << kTarget
       << ",\"unit\":\"events/s\"},\n"
       << "{\"name\":\"fold_eps\",\"ours\":" << folding.per_cpu_second << ",\"unit\":\"events/s of CPU\"}]\n";
  file.close();
  return file ? 0 : 1;
}

}  // namespace
}  // namespace guidon::bench

int main(int argc, char** argv) {
  try {
    return guidon::bench::Main(argc, argv);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "bench_ingest: %s\n", error.what());
    return 1;
  }
}
