// The benchmark measures what it says: its workloads decide what they are there to decide, and its figures are
// complete.
#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <sstream>
#include <tuple>
#include <type_traits>

#include "bench/eval/allocations.h"
#include "bench/eval/report.h"
#include "bench/eval/runner.h"
#include "bench/eval/workloads.h"
#include "bench/floor/murmur.h"
#include "core/base/hash.h"
#include "core/base/json.h"

namespace guidon::bench {
namespace {

// Made once: the store of 5 000 flags takes its time without optimisation.
const std::vector<Workload>& Workloads() {
  static const std::vector<Workload> workloads = MakeWorkloads();
  return workloads;
}

TEST(WorkloadTest, EachDecidesWhatItIsThereToDecide) {
  const std::vector<Context> contexts = MakeContexts();
  ASSERT_EQ(contexts.size(), 1'000u);
  std::vector<std::string> names;
  for (const Workload& workload : Workloads()) {
    EXPECT_EQ(Verify(workload, contexts), "");
    names.push_back(workload.name);
  }
  EXPECT_EQ(names,
            (std::vector<std::string>{"no_rules", "three_rules", "three_rules_semver", "rollout", "prereq_segment",
                                      "store_5000", "context_build", "targets_10000", "regex", "experiment"}));
}

TEST(WorkloadTest, VerificationSeesContextsThatDecideOtherwise) {
  std::vector<Context> contexts = MakeContexts();
  contexts[500].Set("plan", "free").Set("country", "US").Set("email", "nobody").SetKey("stranger");
  std::vector<std::string> wrong;
  for (const Workload& workload : Workloads()) {
    if (!Verify(workload, contexts).empty()) wrong.push_back(workload.name);
  }
  // The others look at nothing that was changed, or follow the key.
  EXPECT_EQ(wrong, (std::vector<std::string>{"three_rules", "three_rules_semver", "prereq_segment", "store_5000",
                                             "context_build", "targets_10000", "regex"}));
}

TEST(WorkloadTest, TheStoreIsWalkedWholeInAnotherOrderThanItsOwn) {
  const Workload& store = Workloads()[5];
  const auto& keys = std::get<Reads<bool>>(store.reads).keys;
  EXPECT_EQ(std::set<std::string>(keys.begin(), keys.end()).size(), 5'000u);
  EXPECT_FALSE(std::is_sorted(keys.begin(), keys.end()));
  EXPECT_NE(keys.front(), "store.flag-0");
}

TEST(WorkloadTest, AContextThatIsMadeForAReadHasSixAttributesAndAnswersAlike) {
  const Workload workload = MakeWorkload("context_build");
  ASSERT_EQ(workload.people.size(), 1'000u);
  internal::CycleContexts({}, workload.people, 1, 7, 1, [](std::size_t, const Context& context) {
    EXPECT_EQ(
        ToJson(context.ToValue()),
        R"({"key":"user-7","country":"PL","appVersion":"1.7.0","plan":"pro","email":"user-7@shop.example","age":25,)"
        R"("beta":true})");
  });
  std::uint64_t on = 0;
  const auto count = [&](const auto& value) {
    if constexpr (std::is_same_v<decltype(value), const bool&>) on += value ? 1 : 0;
  };
  workload.ByHandle({}, 0, 1'000, count);
  workload.ByKey({}, 0, 1'000, count);
  EXPECT_EQ(on, 2'000u);
}

TEST(CountTest, ReadsOneWorkloadAndKnowsNoOther) {
  EXPECT_EQ(RunCount("no_rules", 10), "");
  EXPECT_EQ(RunCount("no_such", 10), "there is no workload 'no_such'");
}

TEST(WorkloadTest, ReadsByHandleAndByKeyAllocateNothing) {
  const std::vector<Context> contexts = MakeContexts();
  for (const Workload& workload : Workloads()) {
    std::uint64_t used = 0;
    const auto use = [&](const auto&) { ++used; };
    workload.ByHandle(contexts, 0, 1, use);
    if (workload.name == "regex") WarmUp(workload, contexts);  // what RE2 allocates, it allocates once
    const std::uint64_t before = Allocations();
    workload.ByHandle(contexts, 0, 6'000, use);
    workload.ByKey(contexts, 0, 6'000, use);
    EXPECT_EQ(Allocations(), before) << workload.name;
    EXPECT_EQ(used, 12'001u);
  }
}

TEST(AllocationsTest, CountsEveryFormOfNew) {
  struct alignas(64) Wide {
    char bytes[64];
  };
  const std::uint64_t before = Allocations();
  // Called as functions, so that no compiler may leave them out.
  ::operator delete(::operator new(8));
  ::operator delete[](::operator new[](8));
  ::operator delete(::operator new(64, std::align_val_t(64)), std::align_val_t(64));
  EXPECT_EQ(Allocations() - before, 3u);
}

TEST(MurmurLoopTest, IsMurmur) {
  EXPECT_EQ(MurmurStep(0), Murmur3("checkout.layout:user-0123456789a"));
  EXPECT_EQ(MurmurStep(7), Murmur3("checkout.layout:user-0123456789a", 7));
}

TEST(ReportTest, MedianIsTheMiddle) {
  EXPECT_EQ(Median({9, 1, 5}), 5);
  EXPECT_EQ(Median({4, 1, 2, 9}), 3);
}

TEST(ReportTest, AShortRunGivesEveryFigureAsJsonAndFitsATerminal) {
  const RunResult result = RunEval({.seconds = 1e-6, .repetitions = 1});
  ASSERT_EQ(result.fault, "");
  const Result<Value> json = ParseJson(ToJson(result.measurements));
  ASSERT_TRUE(json) << json.error().message;

  std::set<std::tuple<std::string, std::string, std::int64_t>> seen;
  for (const Value& entry : json->AsArray()) {
    SCOPED_TRACE(guidon::ToJson(entry));
    ASSERT_TRUE(entry.is_object());
    for (const char* name : {"workload", "access"}) EXPECT_TRUE(entry.Find(name) && entry.Find(name)->is_string());
    for (const char* name : {"threads", "ns", "allocs", "murmur_ns"}) {
      ASSERT_TRUE(entry.Find(name) && entry.Find(name)->is_number()) << name;
    }
    EXPECT_GT(entry.Find("ns")->AsDouble(), 0);
    EXPECT_GT(entry.Find("murmur_ns")->AsDouble(), 0);
    EXPECT_EQ(entry.Find("allocs")->AsDouble(), 0);
    seen.emplace(entry.Find("workload")->AsString(), entry.Find("access")->AsString(), entry.Find("threads")->AsInt());
  }
  std::set<std::tuple<std::string, std::string, std::int64_t>> wanted;
  for (const std::string& workload : WorkloadNames()) {
    for (const char* access : {"key", "handle"}) {
      for (const int threads : {1, 2}) wanted.emplace(workload, access, threads);
    }
  }
  EXPECT_EQ(seen, wanted);
  EXPECT_EQ(json->AsArray().size(), wanted.size());

  std::istringstream table(ToTable(result.measurements));
  for (std::string line; std::getline(table, line);) EXPECT_LE(line.size(), 80u) << line;
}

}  // namespace
}  // namespace guidon::bench
