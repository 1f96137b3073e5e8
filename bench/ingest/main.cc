// ./dev bench ingest: events that guidond makes durable in a second, beside bare RocksDB (bench/README.md).
#include <algorithm>
#include <charconv>
#include <chrono>
#include <cstdio>
#include <fstream>
#include <string>
#include <string_view>
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
    "  --json FILE   also writes a list of {name, ours, floor, ratio, unit}\n"
    "  --seconds S   of each measurement (3)\n"
    "  --pairs N     of floor and ours, in turn, whose median counts (5)\n"
    "  --clients N   keep-alive connections, and threads of the floor (64)\n"
    "  --batches N   of 100 events, that are folded (2000)\n";

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

// Events per second.
double Ours(int clients, std::chrono::milliseconds time) {
  Guidond server;
  server.Call("POST", "/api/v1/projects", {.body = R"({"project":"shop","environments":{"production":{}}})"});
  return DurableEvents(server.port(), server.CreateSdkKey("shop", "production"), clients, time);
}

double Floor(int clients, std::chrono::milliseconds time) {
  const TemporaryFolder folder;
  return SyncedWriteBatches(folder / "db", clients, IngestedEvent(), time);
}

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
  const std::chrono::seconds time(arguments.seconds);
  std::vector<double> floors, ours, ratios;
  std::printf("%-8s %14s %14s %8s\n", "pair", "floor ev/s", "ours ev/s", "ratio");
  for (int pair = 1; pair <= arguments.pairs; ++pair) {
    floors.push_back(Floor(arguments.clients, time));
    ours.push_back(Ours(arguments.clients, time));
    ratios.push_back(floors.back() > 0 ? ours.back() / floors.back() : 0);
    std::printf("%-8d %14.0f %14.0f %8.2f\n", pair, floors.back(), ours.back(), ratios.back());
    std::fflush(stdout);
  }
  std::printf("%-8s %14.0f %14.0f %8.2f\n", "median", Median(floors), Median(ours), Median(ratios));
  const FoldingSpeed folding = FoldJournal(arguments.batches);
  if (folding.events == 0) {
    std::fputs("the journal could not be folded\n", stderr);
    return 1;
  }
  std::printf("folding %zu events: %.0f events/s, %.1f us of CPU each; reading the facts %.1f ms\n", folding.events,
              folding.per_second, 1e6 / folding.per_cpu_second, folding.read_ms);
  if (arguments.json.empty()) return 0;
  std::ofstream file(arguments.json);
  file << "[{\"name\":\"ingest_eps\",\"ours\":" << Median(ours) << ",\"floor\":" << Median(floors)
       << ",\"ratio\":" << Median(ratios) << ",\"unit\":\"events/s\"},\n"
       << "{\"name\":\"fold_eps\",\"ours\":" << folding.per_cpu_second << ",\"unit\":\"events/s of CPU\"}]\n";
  file.close();
  return file ? 0 : 1;
}

}  // namespace
}  // namespace guidon::bench

int main(int argc, char** argv) {
  return guidon::bench::Main(argc, argv);
}
