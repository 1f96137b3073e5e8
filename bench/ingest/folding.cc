#include "bench/ingest/folding.h"

#include <sys/resource.h>

#include <chrono>
#include <cstdint>
#include <cstdio>
#include <future>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "server/ingest/fold.h"
#include "server/ingest/journal.h"
#include "server/store/rocks_store.h"
#include "tests/server/ingest/fold_plans.h"
#include "tests/support/process.h"

namespace guidon::bench {
namespace {

constexpr std::int64_t kDayMs = 24 * kHourMs;
constexpr std::uint64_t kUnits = 20'000;
constexpr int kFoldedAtOnce = 100;

// The tests' experiment with a cap, CUPED, and two more kinds of metrics.
FoldPlan Plan() {
  FoldPlan plan = CheckoutPlan();
  plan.sources.push_back({"page", "", {}});
  plan.plan.metrics.push_back(MetricOf("per_page", stats::MetricKind::kRatio, {1, 3}));
  plan.plan.metrics.push_back(MetricOf("funnel", stats::MetricKind::kFunnel, {3, 0}));
  plan.plan.metrics[1].cap_value = 500;
  for (stats::MetricPlan& metric : plan.plan.metrics) metric.adjust = true;
  return plan;
}

// The same numbers in every run.
class Numbers {
 public:
  std::uint64_t Below(std::uint64_t bound) {
    state_ = state_ * 6'364'136'223'846'793'005u + 1'442'695'040'888'963'407u;
    return (state_ >> 33) % bound;
  }

 private:
  std::uint64_t state_ = 7;
};

std::string EventOf(Numbers& numbers) {
  const std::uint64_t number = numbers.Below(kUnits);
  const std::string unit = "user-" + std::to_string(number);
  const std::int64_t time = kStartMs + static_cast<std::int64_t>(numbers.Below(kDayMs));
  const std::uint64_t kind = numbers.Below(5);
  if (kind == 0) return Exposure(unit, number % 2 == 0 ? "control" : "one_page", time);
  const std::string amount = std::to_string(numbers.Below(1'000)) + ".25";
  return kind == 1 ? Track(unit, "order", time, R"({"currency":"EUR","amount":)" + amount + "}")
                   : Track(unit, "page", time, R"({"value":)" + amount + "}");
}

void FillJournal(Journal& journal, int batches) {
  Numbers numbers;
  for (int batch = 0; batch < batches; ++batch) {
    std::vector<std::string> events;
    for (int i = 0; i < kFoldedAtOnce; ++i) events.push_back(EventOf(numbers));
    std::promise<bool> answer;
    journal.Append(BatchOf(events), [&answer](const Result<Appended>& done) { answer.set_value(done.has_value()); });
    if (!answer.get_future().get()) std::fputs("a batch was not taken\n", stderr);
  }
}

double CpuSeconds() {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + 1e-6 * static_cast<double>(time.tv_usec);
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

Timestamp DayAfter() {
  return Timestamp(std::chrono::milliseconds(kStartMs + kDayMs));
}

}  // namespace

FoldingSpeed FoldJournal(int batches) {
  const testing::TemporaryFolder folder;
  RocksStoreOptions store_options;
  store_options.folder = folder / "data";
  const auto store = OpenRocksStore(std::move(store_options));
  if (!store) return {};
  JournalOptions journal_options;
  journal_options.clock = DayAfter;
  const auto journal = Journal::Open(**store, std::move(journal_options));
  if (!journal) return {};
  FillJournal(**journal, batches);
  FoldOptions options;
  options.plans = Always({Plan()});
  options.clock = DayAfter;
  const auto fold = Fold::Open(**store, **journal, std::move(options));
  if (!fold) return {};
  const auto begin = std::chrono::steady_clock::now();
  const double cpu = CpuSeconds();
  if (!(*fold)->CatchUp([] { return false; })) return {};
  const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  const double cpu_seconds = CpuSeconds() - cpu;
  const auto asked = std::chrono::steady_clock::now();
  if (!(*fold)->Facts({"shop", "production", "checkout", 1})) return {};
  const double read_seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - asked).count();
  const std::size_t events = static_cast<std::size_t>(batches) * kFoldedAtOnce;
  return {events, static_cast<double>(events) / seconds, static_cast<double>(events) / cpu_seconds, 1e3 * read_seconds};
}

}  // namespace guidon::bench
