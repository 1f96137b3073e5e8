#include "bench/ingest/folding.h"

#include <sys/resource.h>

#include <chrono>
#include <cstdint>
#include <cstdio>
#include <future>
#include <memory>
#include <string>
#include <utility>

#include "server/ingest/fold.h"
#include "server/ingest/journal.h"
#include "server/store/rocks_store.h"
#include "tests/support/process.h"

namespace guidon::bench {
namespace {

constexpr std::int64_t kStartMs = 1'798'761'600'000;
constexpr std::int64_t kDayMs = 86'400'000;
constexpr std::uint64_t kUnits = 20'000;
constexpr int kEventsOfABatch = 100;

stats::MetricPlan MetricOf(std::string key, stats::MetricKind kind, std::vector<stats::SourceId> sources) {
  stats::MetricPlan metric;
  metric.key = std::move(key);
  metric.kind = kind;
  metric.sources = std::move(sources);
  metric.window = std::chrono::hours(72);
  return metric;
}

FoldPlan Plan() {
  FoldPlan plan;
  plan.project = "shop";
  plan.environment = "production";
  plan.unit = "key";
  plan.plan.experiment = "checkout";
  plan.plan.variants = {"control", "one_page"};
  plan.plan.weights = {0.5, 0.5};
  plan.plan.dimensions = {"country"};
  plan.sources = {{"order", "", {}}, {"order", "value", {}}, {"page", "value", {}}, {"page", "", {}}};
  plan.plan.metrics = {
      MetricOf("ordered", stats::MetricKind::kConversion, {0}), MetricOf("revenue", stats::MetricKind::kSum, {1}),
      MetricOf("per_page", stats::MetricKind::kRatio, {1, 3}), MetricOf("latency", stats::MetricKind::kQuantile, {2}),
      MetricOf("funnel", stats::MetricKind::kFunnel, {3, 0})};
  plan.plan.metrics[1].cap_value = 500;
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
  const std::string time = std::to_string(kStartMs + static_cast<std::int64_t>(numbers.Below(kDayMs)));
  const std::string context = R"("context":{"key":")" + unit + R"(","country":"DE","plan":"pro"})";
  const std::uint64_t kind = numbers.Below(5);
  if (kind == 0) {
    return R"({"type":"exposure","time":)" + time +
           R"(,"flag":"checkout.layout","experiment":"checkout","iteration":1,"variant":")" +
           (number % 2 == 0 ? "control" : "one_page") + R"(","role":"assigned","unit_attribute":"key","unit":")" +
           unit + R"(","bucket":48213,"revision":17,)" + context + "}";
  }
  return R"({"type":"track","time":)" + time + R"(,"event":")" + (kind == 1 ? "order" : "page") + R"(","value":)" +
         std::to_string(numbers.Below(1'000)) + ".25," + context + "}";
}

void FillJournal(Journal& journal, int batches) {
  Numbers numbers;
  for (int batch = 0; batch < batches; ++batch) {
    NewEntry entry{"shop", "production", "4fJ2kQz9wXbT", {}, "{}"};
    entry.batch.id = "batch-" + std::to_string(1'000'000'000 + batch);
    for (int i = 0; i < kEventsOfABatch; ++i) entry.batch.events += (i == 0 ? "[" : ",") + EventOf(numbers);
    entry.batch.events += "]";
    std::promise<bool> answer;
    journal.Append(std::move(entry), [&answer](const Result<Appended>& done) { answer.set_value(done.has_value()); });
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
  auto plans = std::make_shared<FoldPlans>();
  plans->plans = {Plan()};
  FoldOptions options;
  options.plans = [plans = std::shared_ptr<const FoldPlans>(plans)] { return plans; };
  options.clock = DayAfter;
  const auto fold = Fold::Open(**store, **journal, std::move(options));
  if (!fold) return {};
  const auto begin = std::chrono::steady_clock::now();
  const double cpu = CpuSeconds();
  if (!(*fold)->CatchUp([] { return false; })) return {};
  const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  const double cpu_seconds = CpuSeconds() - cpu;
  const std::size_t events = static_cast<std::size_t>(batches) * kEventsOfABatch;
  return {events, static_cast<double>(events) / seconds, static_cast<double>(events) / cpu_seconds};
}

}  // namespace guidon::bench
