// ./dev bench load: how long an SDK takes to have a large ruleset, and a change of it, ready for readers, and what it
// keeps in memory for it. bench/README.md says how to read it.
#include <guidon/client.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <functional>
#include <memory>
#include <vector>

#include "bench/load/environment.h"
#include "core/base/hash.h"
#include "core/ruleset/ruleset.h"
#include "sdk/client/client_core.h"

namespace guidon::bench {
namespace {

constexpr int kRepetitions = 9;

double MillisecondsOf(const std::function<void()>& work) {
  const auto begin = std::chrono::steady_clock::now();
  work();
  return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - begin).count();
}

double Median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

void Line(const char* what, double value, const char* unit, double target) {
  std::printf("%-44s%9.2f %-3s%9.0f\n", what, value, unit, target);
}

int Run() {
  std::vector<EncodedEntity> entities = MakeEnvironment();
  const std::string document = ToDocument(entities);
  std::printf("%zu flags, %.2f MB of JSON; medians of %d\n\n%-44s%9s    %9s\n", kLoadedFlags,
              static_cast<double>(document.size()) / 1e6, kRepetitions, "", "", "target");

  std::vector<double> load;
  for (int i = 0; i < kRepetitions; ++i) {
    const auto core = std::make_shared<internal::ClientCore>(ClientConfig());
    load.push_back(
        MillisecondsOf([&] { core->Take(internal::DocumentKind::kSnapshot, document, "", RulesetSource::kServer); }));
  }

  const std::size_t before = BytesInUse();
  const auto core = std::make_shared<internal::ClientCore>(ClientConfig());
  const Applied taken = core->Take(internal::DocumentKind::kSnapshot, document, "", RulesetSource::kServer);
  const double kept = static_cast<double>(BytesInUse() - before);
  if (taken.outcome != ApplyOutcome::kApplied || !core->current.Share()->ruleset->broken().empty()) {
    std::fprintf(stderr, "bench_load: the ruleset was not taken: %s\n", taken.message.c_str());
    return 1;
  }

  std::vector<double> change;
  for (int i = 0; i < 5 * kRepetitions; ++i) {
    const std::string text =
        ToChange(entities, static_cast<std::size_t>(i) * 97 % kLoadedFlags, static_cast<Revision>(i) + 1);
    Applied applied;
    change.push_back(MillisecondsOf(
        [&] { applied = core->Take(internal::DocumentKind::kChange, text, "", RulesetSource::kServer); }));
    if (applied.outcome == ApplyOutcome::kApplied) continue;
    std::fprintf(stderr, "bench_load: a change was not taken: %s\n", applied.message.c_str());
    return 1;
  }

  Line("from bytes to ready", Median(load), "ms", 120);
  Line("a change of one flag", Median(change), "ms", 2);
  Line("memory kept, times the JSON", kept / static_cast<double>(document.size()), "x", 3);
  return 0;
}

}  // namespace
}  // namespace guidon::bench

int main() {
  return guidon::bench::Run();
}
