// ./dev bench refs [FOLDER]: how fast flags are found in a large tree, and how surely. bench/README.md says how to read
// it.
#include <sys/resource.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <filesystem>
#include <stdexcept>
#include <string>
#include <vector>

#include "bench/refs/plants.h"
#include "refs/refs.h"

namespace guidon::bench {
namespace {

namespace fs = std::filesystem;

constexpr int kRepetitions = 7;

// Of all threads of this process.
double CpuSeconds() {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

// Gone with its files when it is left.
class Copy {
 public:
  explicit Copy(const fs::path& source) {
    std::string name = (fs::temp_directory_path() / "guidon-refs-XXXXXX").string();
    if (::mkdtemp(name.data()) == nullptr) throw std::runtime_error("cannot make " + name);
    path_ = name;
    fs::copy(source, path_, fs::copy_options::recursive | fs::copy_options::skip_symlinks);
  }
  ~Copy() {
    std::error_code ignored;
    fs::remove_all(path_, ignored);
  }
  Copy(const Copy&) = delete;
  Copy& operator=(const Copy&) = delete;
  std::string path() const { return path_.string(); }

 private:
  fs::path path_;
};

int Run(const std::string& source) {
  const Copy copy(source);
  const Plants plants = Plant(copy.path());
  std::printf("%zu reads and %zu decoys in a copy of %s; medians of %d, the files in memory\n\n", plants.keys.size(),
              plants.decoys, source.c_str(), kRepetitions);
  refs::Scan scan;
  for (const unsigned threads : {1u, 2u}) {
    std::vector<double> rates, cpu_rates;
    for (int i = 0; i <= kRepetitions; ++i) {
      const double cpu = CpuSeconds();
      const auto begin = std::chrono::steady_clock::now();
      Result<refs::Scan> scanned = refs::FindReferences({copy.path()}, {.threads = threads});
      const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begin;
      const double cpu_took = CpuSeconds() - cpu;
      if (!scanned) {
        std::fprintf(stderr, "bench_refs: %s\n", scanned.error().message.c_str());
        return 1;
      }
      scan = *std::move(scanned);
      if (i == 0) continue;  // it warms up
      rates.push_back(static_cast<double>(scan.bytes) / 1e6 / took.count());
      cpu_rates.push_back(static_cast<double>(scan.bytes) / 1e6 / cpu_took);
    }
    std::sort(rates.begin(), rates.end());
    std::sort(cpu_rates.begin(), cpu_rates.end());
    std::printf("%u thread%s  %6.0f MB/s (%.0f to %.0f)   by CPU %6.0f MB for each second of it\n", threads,
                threads == 1 ? " " : "s", rates[rates.size() / 2], rates.front(), rates.back(),
                cpu_rates[cpu_rates.size() / 2]);
  }
  const Score score = ScoreOf(plants, scan);
  std::printf("\n%zu files, %.1f MB\nprecision  %.4f   (%zu right, %zu wrong)\nrecall     %.4f   (%zu missed)\n",
              scan.files, static_cast<double>(scan.bytes) / 1e6, score.precision(), score.right, score.wrong,
              score.recall(), score.missed);
  return 0;
}

}  // namespace
}  // namespace guidon::bench

int main(int argc, char** argv) {
  try {
    return guidon::bench::Run(argc > 1 ? argv[1] : "/usr/include/boost");
  } catch (const std::exception& error) {
    std::fprintf(stderr, "bench_refs: %s\n", error.what());
    return 1;
  }
}
