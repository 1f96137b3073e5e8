// What the tests of the fold share beside plans and events: a journal that is filled, and a look at what is stored.
#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <future>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "server/ingest/fold.h"
#include "server/store/store.h"
#include "tests/server/ingest/fold_plans.h"

namespace guidon {

// One batch, received now.
inline void Append(Journal& journal, const std::vector<std::string>& events, const std::string& sender = "") {
  std::promise<bool> answer;
  journal.Append(BatchOf(events, sender), [&](const Result<Appended>& done) { answer.set_value(done.has_value()); });
  EXPECT_TRUE(answer.get_future().get());
}

// All that a fold knows, so that the next one begins anew. There is none at the time.
inline void ForgetFacts(Store& store) {
  Txn clean;
  for (const std::string_view prefix :
       {kUnitPrefix, kTotalPrefix, kRejectedPrefix, kOverlapPrefix, kFoldedPrefix, kSourcePrefix, kSweptPrefix,
        kUsagePrefix, kUsageSincePrefix, std::string_view("!fold/")}) {
    const RangeResult range = *store.Range(RangeQuery::Prefix(prefix));
    for (const KeyValue& entry : range.entries) clean.ops.push_back(TxnOp::Delete(entry.key));
  }
  ASSERT_TRUE(store.Commit(std::move(clean)));
}

// All that the fold keeps of units, totals and evaluations, but for how far it is.
inline std::map<std::string, std::string> StoredFacts(const Store& store) {
  std::map<std::string, std::string> facts;
  for (const std::string_view prefix : {kUnitPrefix, kTotalPrefix, kRejectedPrefix, kFoldedPrefix, kUsagePrefix}) {
    const Result<RangeResult> range = store.Range(RangeQuery::Prefix(prefix));
    EXPECT_TRUE(range);
    if (!range) continue;
    for (const KeyValue& entry : range->entries) facts[entry.key] = entry.value;
  }
  return facts;
}

// A crowd that orders, pays and waits, some of it twice, late, out of order or in both arms: `batches` of 25 events.
// Another `seed`, other events; `version` is that of the first batch's SDK, of which there are 30.
inline void AppendCrowd(Journal& journal, int batches, std::uint64_t seed = 7, int version = 0) {
  std::uint64_t state = seed;
  const auto next = [&state](std::uint64_t below) {
    state = state * 6'364'136'223'846'793'005u + 1'442'695'040'888'963'407u;
    return (state >> 33) % below;
  };
  for (int batch = 0; batch < batches; ++batch) {
    std::vector<std::string> events;
    for (int i = 0; i < 25; ++i) {
      const std::string unit = "user-" + std::to_string(next(200));
      const std::int64_t ms = kStartMs + static_cast<std::int64_t>(next(48 * kHourMs));
      const std::string amount = std::to_string(next(10'000)) + "." + std::to_string(next(100));
      if (next(3) == 0) {
        const bool strays = next(40) == 0;
        events.push_back(Exposure(unit, (unit.back() % 2 == 0) != strays ? "control" : "one_page", ms));
      } else if (next(2) == 0) {
        events.push_back(Track(unit, "order", ms, R"({"currency":"EUR","amount":)" + amount + "}"));
      } else {
        events.push_back(Track(unit, "page", ms, R"({"value":)" + amount + "}"));
      }
    }
    Append(journal, events,
           R"("sdk":{"name":"guidon-cpp","version":"0.1.)" + std::to_string((version + batch) % 30) + R"("},)");
  }
}

// Of a fold that is killed, and of one that goes on after it; `store_ops`: what a transaction takes, 0 as it is.
inline FoldOptions OptionsOfKilled(std::size_t store_ops) {
  FoldOptions options;
  options.plans = Always({CheckoutPlan()});
  options.clock = [] { return Timestamp(std::chrono::milliseconds(kStartMs + 49 * kHourMs)); };
  options.page_entries = 3;
  options.txn_ops = 30;
  options.sweep_units = 50;
  if (store_ops > 0) options.store_ops = store_ops;
  return options;
}

}  // namespace guidon
