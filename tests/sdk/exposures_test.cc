// What reads leave behind reaches the server: exposures and counts, as docs/spec/events.md has them.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <set>
#include <thread>

#include "sdk/client/client_core.h"
#include "tests/sdk/application.h"
#include "tests/sdk/trial.h"

namespace guidon {
namespace {

using namespace std::chrono_literals;
using testing::Accepted;
using testing::Account;
using testing::Application;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;
using testing::SentBatch;
using testing::TrialWorkspace;

// {"flag variation reason error": count}, what is missing left out.
std::map<std::string, std::int64_t> CountsOf(const SentBatch& batch) {
  std::map<std::string, std::int64_t> counts;
  for (const Value& event : batch.EventsOf("evaluations")) {
    for (const Value& entry : event.Find("counts")->AsArray()) {
      std::string name;
      for (const char* member : {"flag", "variation", "reason", "error"}) {
        const Value* text = entry.Find(member);
        if (text != nullptr) name += (name.empty() ? "" : " ") + text->AsString();
      }
      counts[name] += entry.Find("count")->AsInt();
    }
  }
  return counts;
}

TEST(ExposuresTest, AReadOfAnExperimentArrivesAsAnExposureAndIsCounted) {
  Application application(TrialWorkspace());
  const Client& client = *application.client;
  Context user = Account(17);
  user.Set("country", "DE").Set("roles", Array{"admin"});
  const EvaluationDetail<bool> detail = client.BoolDetail("layout", user, false);
  client.Bool("layout", user, false);
  client.Bool("banner", user, false);
  client.Bool("baner", user, false);
  client.Peek().Bool("layout", Account(18), false);
  auto flushed = application.Flush();
  const SentBatch batch = application.TakeBatch();
  ASSERT_TRUE(flushed.get());
  EXPECT_EQ(batch.Get("epoch"), Value("k3v9x0q2m7p1c8d4"));
  ASSERT_EQ(batch.events().size(), 2u) << batch.text;
  const Array exposures = batch.EventsOf("exposure");
  ASSERT_EQ(exposures.size(), 1u);
  Object exposure = exposures[0].AsObject();
  EXPECT_LE(exposure.Find("time")->AsInt(), batch.Get("sent").AsInt());
  EXPECT_GE(exposure.Find("bucket")->AsInt(), 0);
  exposure.Erase("time");
  exposure.Erase("bucket");
  EXPECT_EQ(Value(exposure),
            Value(Object{{"type", "exposure"},
                         {"flag", "layout"},
                         {"experiment", "trial"},
                         {"iteration", 1},
                         {"variant", detail.variant},
                         {"role", "assigned"},
                         {"unit_attribute", "account_id"},
                         {"unit", "acct-17"},
                         {"revision", 1},
                         {"context", Object{{"key", "user-17"}, {"account_id", "acct-17"}, {"country", "DE"}}}}));
  const std::string variation = detail.variation;
  EXPECT_EQ(CountsOf(batch),
            (std::map<std::string, std::int64_t>{
                {"layout " + variation + " SPLIT", 2}, {"banner on STATIC", 1}, {"baner ERROR FLAG_NOT_FOUND", 1}}));
  const Value counted = batch.EventsOf("evaluations")[0];
  EXPECT_LE(counted.Find("from")->AsInt(), counted.Find("to")->AsInt());
  EXPECT_LE(counted.Find("to")->AsInt(), batch.Get("sent").AsInt());
}

TEST(ExposuresTest, AUnitIsExposedOnceWhicheverThreadsReadForIt) {
  Application application(TrialWorkspace());
  const auto read_all = [&] {
    for (int i = 0; i < 50; ++i) application.client->Bool("layout", Account(i), false);
  };
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) threads.emplace_back(read_all);
  for (std::thread& thread : threads) thread.join();
  auto flushed = application.Flush();
  const SentBatch first = application.TakeBatch();
  ASSERT_TRUE(flushed.get());
  std::multiset<std::string> units;
  for (const Value& exposure : first.EventsOf("exposure")) units.insert(exposure.Find("unit")->AsString());
  EXPECT_EQ(units.size(), 50u);
  EXPECT_EQ(std::set<std::string>(units.begin(), units.end()).size(), 50u);

  std::thread(read_all).join();
  flushed = application.Flush();
  const SentBatch second = application.TakeBatch();
  ASSERT_TRUE(flushed.get());
  EXPECT_TRUE(second.EventsOf("exposure").empty()) << "nor later";
  std::int64_t reads = 0;
  for (const SentBatch* batch : {&first, &second}) {
    for (const auto& [name, count] : CountsOf(*batch)) reads += count;
  }
  EXPECT_EQ(reads, 5 * 50);
}

TEST(ExposuresTest, CountsGoOnWhileABatchIsUnderWayAndNoneIsMissing) {
  Application application(TrialWorkspace());
  application.client->Bool("banner", Account(1), false);
  auto flushed = application.Flush();
  const SentBatch first = application.TakeBatch(503);
  for (int i = 0; i < 10; ++i) application.client->Bool("banner", Account(1), false);
  const SentBatch again = application.TakeBatch();
  EXPECT_EQ(again.id(), first.id());
  EXPECT_EQ(CountsOf(again), CountsOf(first));
  EXPECT_TRUE(flushed.get());
  flushed = application.Flush();
  const SentBatch next = application.TakeBatch();
  EXPECT_TRUE(flushed.get());
  EXPECT_THAT(CountsOf(next), ElementsAre(std::pair<const std::string, std::int64_t>("banner on STATIC", 10)));
  EXPECT_GE(next.EventsOf("evaluations")[0].Find("from")->AsInt(),
            first.EventsOf("evaluations")[0].Find("to")->AsInt());
}

TEST(ExposuresTest, NewUnitsThatAreReadWhileABatchWaitsForItsAnswerAllArrive) {
  Application application(TrialWorkspace());
  application.client->Track("order", Account(0));
  auto flushed = application.Flush();
  const auto kept_back = application.server.Accept();
  ASSERT_TRUE(kept_back);
  constexpr std::size_t kUnits = 5'000;  // of one thread, and far from the bounds of the queue
  for (std::size_t i = 0; i < kUnits; ++i) application.client->Bool("layout", Account(static_cast<int>(i)), false);
  kept_back->SendAnswer(202, {}, Accepted(1));
  std::set<std::string> units;
  std::future<bool> all_flushed = application.Flush();
  while (units.size() < kUnits && application.Dropped() == DroppedEvents()) {
    const SentBatch batch = application.TakeBatch();
    ASSERT_FALSE(batch.events().empty());
    for (const Value& exposure : batch.EventsOf("exposure")) {
      EXPECT_TRUE(units.insert(exposure.Find("unit")->AsString()).second) << "twice";
    }
  }
  EXPECT_EQ(application.Dropped(), DroppedEvents());
  ASSERT_EQ(units.size(), kUnits);
  EXPECT_TRUE(flushed.get());
  EXPECT_TRUE(all_flushed.get());
}

TEST(ExposuresTest, CountsOfABatchThatIsTooLargeAreCutAndNoneIsMissing) {
  Application application(TrialWorkspace());
  for (int i = 0; i < 100; ++i) {
    for (int n = 0; n <= i; ++n) application.client->Bool("unknown-" + std::to_string(i), Account(1), false);
  }
  auto flushed = application.Flush();
  std::map<std::string, std::int64_t> counts;
  int batches = 0;
  while (counts.size() < 100) {
    const auto connection = application.server.Accept();
    ASSERT_TRUE(connection);
    const SentBatch batch(connection->request());
    const bool fits = batch.text.size() < 3'000;
    connection->SendAnswer(fits ? 202 : 413);
    if (!fits) continue;
    ++batches;
    for (const auto& [name, count] : CountsOf(batch)) counts[name] += count;
  }
  EXPECT_TRUE(flushed.get());
  EXPECT_GT(batches, 1);
  for (int i = 0; i < 100; ++i) {
    EXPECT_EQ(counts["unknown-" + std::to_string(i) + " ERROR FLAG_NOT_FOUND"], i + 1);
  }
}

TEST(ExposuresTest, CountsOfABatchThatSurelyDidNotArriveAreNotLostWithIt) {
  Application application(TrialWorkspace(), [](ClientConfig& config) { config.max_batch_age = 1ms; });
  for (int i = 0; i < 5; ++i) application.client->Bool("banner", Account(i), false);
  auto flushed = application.Flush();
  const SentBatch first = application.TakeBatch(429);
  SentBatch next = application.TakeBatch(429);
  while (next.id() == first.id()) next = application.TakeBatch(429);  // until it is too old
  while (flushed.wait_for(0ms) != std::future_status::ready) {
    if (application.server.IsAsked(10ms)) next = application.TakeBatch();
  }
  EXPECT_TRUE(flushed.get());
  EXPECT_EQ(CountsOf(next), CountsOf(first));
  EXPECT_EQ(application.Dropped(), DroppedEvents());
}

TEST(ExposuresTest, PrivateAttributesAreInNoExposureAndAnExperimentByOneRecordsNone) {
  for (const bool is_all : {false, true}) {
    Application application(TrialWorkspace(), [&](ClientConfig& config) {
      config.private_attributes = {is_all ? "other" : "secret_mail"};
      config.all_attributes_private = is_all;
    });
    Context user = Account(17);
    user.Set("secret_mail", "ana@private.example").Set("country", "DE");
    application.client->Bool("layout", user, false);
    auto flushed = application.Flush();
    const SentBatch batch = application.TakeBatch();
    ASSERT_TRUE(flushed.get());
    for (const char* secret : {"secret", "private"}) EXPECT_THAT(batch.text, Not(HasSubstr(secret)));
    EXPECT_EQ(batch.EventsOf("exposure").size(), is_all ? 0u : 1u) << "account_id is private, too";
    EXPECT_EQ(CountsOf(batch).size(), 1u);
  }
}

TEST(ExposuresTest, WhileTheQueueIsFullExposuresWaitWhereTheyWereRecordedAndNoneIsLost) {
  Application application(TrialWorkspace(), [](ClientConfig& config) { config.max_queued_events = 10; });
  for (int i = 0; i < 60; ++i) application.client->Bool("layout", Account(i), false);
  auto flushed = application.Flush();
  std::set<std::string> units;
  while (units.size() < 60) {
    const SentBatch batch = application.TakeBatch();
    EXPECT_LE(batch.EventsOf("exposure").size(), 10u);
    for (const Value& exposure : batch.EventsOf("exposure")) {
      EXPECT_TRUE(units.insert(exposure.Find("unit")->AsString()).second);
    }
  }
  EXPECT_TRUE(flushed.get());
  EXPECT_EQ(application.Dropped(), DroppedEvents());
}

TEST(ExposuresTest, WhatReadsCouldNotLeaveBehindIsCountedAndOfferedAgain) {
  Application application(TrialWorkspace(), [](ClientConfig& config) { config.max_queued_events = 1; });
  application.client->Bool("layout", Account(0), false);
  ASSERT_TRUE(testing::Eventually([&] { return application.client->Status().events.queued == 1; }));
  constexpr int kUnits = 5'000;  // more than a ring holds
  for (int i = 1; i < kUnits; ++i) application.client->Bool("layout", Account(i), false);
  EXPECT_GT(application.Dropped().exposures, 0u);
  EXPECT_LT(application.Dropped().exposures, static_cast<std::uint64_t>(kUnits));
}

TEST(ExposuresTest, NothingIsRecordedWhenEventsAreSwitchedOff) {
  Application application(TrialWorkspace(), [](ClientConfig& config) { config.send_events = false; });
  for (int i = 0; i < 5'000; ++i) application.client->Bool("layout", Account(i), false);
  EXPECT_EQ(application.Dropped(), DroppedEvents());
  EXPECT_TRUE(application.client->Flush(testing::kPatience));
  EXPECT_TRUE(application.client->Close(testing::kPatience));
  EXPECT_FALSE(application.server.IsAsked(0ms));
}

TEST(ExposuresTest, WhatIsLeftWhenTheClientIsClosedIsCounted) {
  Application application(TrialWorkspace(), [](ClientConfig& config) { config.max_queued_events = 10; });
  application.client->Track("order", Account(1));
  auto flushed = application.Flush();
  application.TakeBatch(401);  // and so it is kept, and what comes stays behind it
  EXPECT_FALSE(flushed.get());
  for (int i = 0; i < 120; ++i) application.client->Bool("layout", Account(i % 60), false);
  ASSERT_TRUE(testing::Eventually([&] { return application.client->Status().events.queued == 11; }));
  application.client->Close(200ms);
  EXPECT_TRUE(testing::Eventually([&] { return application.Dropped().evaluations > 0; }));
  EXPECT_EQ(application.Dropped().evaluations, 120u);
  EXPECT_EQ(application.Dropped().exposures, 60u) << "those in the queue, and those that it had no room for";
  EXPECT_EQ(application.Dropped().batches, 1u);
  EXPECT_EQ(application.Dropped().track, 0u) << "it is in the batch";
}

std::size_t Recorded(const Client& client) {
  internal::Recorder& recorder = internal::CoreOf(client).core.recorder;
  return recorder.TakeExposures(1'000'000, [](const internal::RecordedExposure&) {}) + recorder.dropped_exposures();
}

TEST(ExposuresTest, WithNobodyToSendThemToNoneIsRecorded) {
  ClientConfig config;
  config.bootstrap = EncodeSnapshot(TrialWorkspace());
  const Client offline(config);
  for (int i = 0; i < 1'000; ++i) offline.Bool("layout", Account(i), false);
  EXPECT_EQ(Recorded(offline), 0u);

  Application application(TrialWorkspace());
  EXPECT_TRUE(application.client->Close(testing::kPatience));  // nobody else takes what is recorded any more
  for (int i = 0; i < 1'000; ++i) application.client->Bool("layout", Account(i), false);
  EXPECT_EQ(Recorded(*application.client), 0u);
}

}  // namespace
}  // namespace guidon
