#include "server/ingest/processes.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>
#include <memory>

namespace guidon {
namespace {

using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using TimePoint = std::chrono::steady_clock::time_point;

constexpr const char* kEpoch = "k3v9x0q2m7p1c8d4";

ProcessStatus StatusOf(const std::string& instance, std::uint64_t revision, const std::string& version = "1.0.0") {
  ProcessStatus status;
  status.instance = instance;
  status.application = "shop";
  status.version = version;
  status.epoch = kEpoch;
  status.revision = revision;
  return status;
}

class ProcessesTest : public ::testing::Test {
 protected:
  ProcessesTest() { Make({}); }
  void Make(ProcessOptions options) {
    options.clock = [now = now_] { return *now; };
    processes_ = std::make_unique<Processes>(options);
  }
  void Move(milliseconds by) { *now_ += by; }
  void Update(const ProcessStatus& status, const std::string& environment = "production") {
    processes_->Update("shop", environment, status);
  }
  ProcessSummary Summary(std::uint64_t revision = 0, const std::string& environment = "production") {
    return processes_->Summarise("shop", environment, {kEpoch, revision});
  }
  // "a b …"
  std::string List(const std::string& after = "", std::size_t limit = 100) {
    const ProcessPage page = processes_->List("shop", "production", after, limit);
    std::string text;
    for (const HeardProcess& process : page.processes) text += (text.empty() ? "" : " ") + process.status->instance;
    return text + (page.more ? " …" : "");
  }

  const std::shared_ptr<TimePoint> now_ = std::make_shared<TimePoint>();
  std::unique_ptr<Processes> processes_;
};

TEST_F(ProcessesTest, TheNewestStatusOfEachInstanceCounts) {
  Update(StatusOf("a", 16));
  Update(StatusOf("b", 17));
  Update(StatusOf("a", 18));
  EXPECT_EQ(Summary().live, 2u);
  EXPECT_EQ(List(), "a b");
  EXPECT_EQ(processes_->List("shop", "production", "", 1).processes[0].status->revision, 18u);
}

TEST_F(ProcessesTest, ASummaryCountsByApplicationVersionEpochAndRevision) {
  Update(StatusOf("a", 17));
  Update(StatusOf("b", 17));
  Update(StatusOf("c", 16));
  Update(StatusOf("d", 17, "1.1.0"));
  ProcessStatus restored = StatusOf("e", 900);
  restored.epoch = "another-epoch";
  Update(restored);
  EXPECT_THAT(
      Summary().groups,
      ElementsAre(ProcessGroup{"shop", "1.0.0", "another-epoch", 900, 1}, ProcessGroup{"shop", "1.0.0", kEpoch, 16, 1},
                  ProcessGroup{"shop", "1.0.0", kEpoch, 17, 2}, ProcessGroup{"shop", "1.1.0", kEpoch, 17, 1}));
  EXPECT_EQ(Summary(16).at_least, 4u);
  EXPECT_EQ(Summary(17).at_least, 3u);
  EXPECT_EQ(Summary(18).at_least, 0u) << "a revision of another epoch says nothing";
}

TEST_F(ProcessesTest, EnvironmentsAreApart) {
  Update(StatusOf("a", 1));
  Update(StatusOf("a", 2), "staging");
  EXPECT_EQ(Summary(2).at_least, 0u);
  EXPECT_EQ(Summary(2, "staging").at_least, 1u);
  const std::vector<Processes::Count> counts = processes_->Counts();
  ASSERT_EQ(counts.size(), 2u);
  EXPECT_EQ(counts[0].environment, "production");
  EXPECT_EQ(counts[1].live, 1u);
  EXPECT_THAT(Summary(0, "mars").groups, IsEmpty());
}

TEST_F(ProcessesTest, HowFarARevisionHasComeIsAShareOfThoseThatAreHeard) {
  EXPECT_EQ(processes_->HowFar("shop", "production", {kEpoch, 17}).live, 0u);
  const auto laggard = [&](const std::string& instance, std::uint64_t revision, std::int64_t age_ms) {
    ProcessStatus status = StatusOf(instance, revision, "0.9.0");
    status.age_ms = age_ms;
    Update(status);
  };
  laggard("old-1", 16, 5'000);
  Move(seconds(30));
  laggard("old-2", 16, std::numeric_limits<std::int64_t>::max());
  Update(StatusOf("new-1", 17));
  Update(StatusOf("new-2", 18));
  ProcessStatus restored = StatusOf("restored", 900);
  restored.epoch = "another-epoch";
  Update(restored);
  Move(seconds(10));
  const Propagation far = processes_->HowFar("shop", "production", {kEpoch, 17});
  EXPECT_EQ(far.live, 5u);
  EXPECT_EQ(far.holding, 2u);
  EXPECT_EQ(far.observed, seconds(40));
  const milliseconds ten_years = std::chrono::hours(24 * 3'650);
  EXPECT_THAT(
      far.laggards,
      ElementsAre(
          Laggards{"shop", "0.9.0", kEpoch, 16, 2, {seconds(10), seconds(40)}, {seconds(45), ten_years + seconds(10)}},
          Laggards{"shop", "1.0.0", "another-epoch", 900, 1, {seconds(10), seconds(10)}, {seconds(10), seconds(10)}}));
  // Who is gone counts for three minutes, then no more.
  Move(minutes(3));
  Update(StatusOf("new-1", 17));
  EXPECT_EQ(processes_->HowFar("shop", "production", {kEpoch, 17}).live, 1u);
  EXPECT_THAT(processes_->HowFar("shop", "production", {kEpoch, 17}).laggards, IsEmpty());
}

TEST_F(ProcessesTest, HowFarIsAskedOfOneVersionAndTellsTheSdks) {
  ProcessStatus old = StatusOf("old", 16, "0.9.0");
  old.sdk = "guidon-cpp";
  old.sdk_version = "0.0.9";
  for (int i = 0; i < 30; ++i) old.broken.push_back("flag-" + std::to_string(10 + 29 - i));
  Update(old);
  old.instance = "old-2";
  old.broken = {"another"};
  Update(old);
  old.instance = "old-3";
  old.broken.clear();
  Update(old);
  for (const char* instance : {"a", "b", "c", "d"}) Update(StatusOf(instance, 17));
  const Propagation far = processes_->HowFar("shop", "production", {kEpoch, 17});
  ASSERT_EQ(far.sdks.size(), 2u);
  EXPECT_EQ(far.sdks[0].sdk + " " + far.sdks[0].sdk_version + " " + far.sdks[0].version, "guidon-cpp 0.0.9 0.9.0");
  EXPECT_EQ(far.sdks[0].processes, 3u);
  EXPECT_EQ(far.sdks[0].with_broken, 2u);
  ASSERT_EQ(far.sdks[0].broken.size(), kMostBrokenNamed);
  EXPECT_EQ(far.sdks[0].broken.front(), "another");
  EXPECT_EQ(far.sdks[0].broken.back(), "flag-28");
  EXPECT_EQ(far.sdks[1].processes, 4u);
  EXPECT_THAT(far.sdks[1].broken, IsEmpty());
  const Propagation of_old = processes_->HowFar("shop", "production", {kEpoch, 17}, "0.9.0");
  EXPECT_EQ(of_old.live, 3u);
  EXPECT_EQ(of_old.holding, 0u);
  EXPECT_EQ(of_old.sdks.size(), 1u);
  EXPECT_EQ(processes_->HowFar("shop", "production", {kEpoch, 17}, "7").live, 0u);
}

TEST_F(ProcessesTest, WhoIsSilentForThreeMinutesIsForgotten) {
  Update(StatusOf("a", 1));
  Move(minutes(2));
  Update(StatusOf("b", 1));
  Move(minutes(1));
  EXPECT_EQ(List(), "a b");
  EXPECT_EQ(processes_->List("shop", "production", "", 1).processes[0].ago, minutes(3));
  Move(milliseconds(1));
  EXPECT_EQ(List(), "b");
  Update(StatusOf("b", 1));
  Move(minutes(3));
  EXPECT_EQ(Summary().live, 1u);
  Move(milliseconds(1));
  EXPECT_EQ(Summary().live, 0u);
  EXPECT_THAT(processes_->Counts(), IsEmpty());
  EXPECT_THAT(Summary().groups, IsEmpty());
}

TEST_F(ProcessesTest, AtTheBoundTheOneHeardOfLongestAgoGivesWay) {
  Make({.most = 3});
  for (const char* instance : {"a", "b", "c"}) Update(StatusOf(instance, 1));
  Update(StatusOf("a", 2));
  Update(StatusOf("d", 1), "staging");
  EXPECT_EQ(List(), "a c");
  EXPECT_EQ(Summary().groups.size(), 2u);
  EXPECT_EQ(ProcessOptions().most, 100'000u);
}

TEST_F(ProcessesTest, WhatProcessesSayIsBoundedInBytes) {
  Make({.most_bytes = 4'000});
  ProcessStatus wordy = StatusOf("a", 1);
  wordy.broken.assign(20, std::string(100, 'f'));
  Update(wordy);
  EXPECT_EQ(List(), "a");
  Update(StatusOf("b", 1));
  EXPECT_EQ(List(), "a b");
  wordy.instance = "c";
  Update(wordy);
  EXPECT_EQ(List(), "b c");
}

TEST_F(ProcessesTest, TheListIsPagedByInstance) {
  for (const char* instance : {"d", "a", "c", "b", "e"}) Update(StatusOf(instance, 1));
  EXPECT_EQ(List("", 2), "a b …");
  EXPECT_EQ(List("b", 2), "c d …");
  EXPECT_EQ(List("d", 2), "e");
  EXPECT_EQ(List("e", 2), "");
  EXPECT_EQ(List("", 0), " …");
}

TEST(StatusTest, TheExampleOfTheSpecificationIsRead) {
  const Result<ProcessStatus> status =
      ReadStatus(R"({"schema":1,"instance":"k3v9x0q2m7p1c8d4","sdk":{"name":"guidon-cpp","version":"0.1.0"},
 "application":{"name":"shop","version":"4.2.0"},
 "epoch":"k3v9x0q2m7p1c8d4","revision":17,"digest":"0123456789abcdef0123456789abcdef","source":"server","state":"live",
 "age_ms":120,"broken":["search.ranker"],"dropped":{"exposures":3,"track":1,"batches":2}})");
  ASSERT_TRUE(status) << status.error().message;
  const ProcessStatus expected{"k3v9x0q2m7p1c8d4",
                               "guidon-cpp",
                               "0.1.0",
                               "shop",
                               "4.2.0",
                               "k3v9x0q2m7p1c8d4",
                               17,
                               "0123456789abcdef0123456789abcdef",
                               "server",
                               "live",
                               120,
                               {"search.ranker"},
                               3,
                               1,
                               2};
  EXPECT_EQ(*status, expected);
}

TEST(StatusTest, OnlyTheInstanceIsNeededAndUnknownMembersAreIgnored) {
  const Result<ProcessStatus> status = ReadStatus(R"({"instance":"a","colour":[1],"sdk":null})");
  ASSERT_TRUE(status);
  EXPECT_EQ(status->instance, "a");
}

TEST(StatusTest, WhatIsWrongIsNamed) {
  for (const auto& [text, word] : std::vector<std::pair<std::string, std::string>>{
           {"", "JSON"},
           {"[]", "an object with 'instance'"},
           {"{}", "'instance': missing"},
           {R"({"instance":7})", "'instance': expected text"},
           {R"({"instance":")" + std::string(65, 'i') + "\"}", "'instance': expected text of at most 64"},
           {R"({"instance":"a","sdk":"x"})", "'sdk': expected an object"},
           {R"({"instance":"a","application":{"name":7}})", "'name': expected text"},
           {R"({"instance":"a","revision":-1})", "'revision': expected a whole number"},
           {R"({"instance":"a","age_ms":1.5})", "'age_ms': expected a whole number"},
           {R"({"instance":"a","broken":"x"})", "'broken': expected a list"},
           {R"({"instance":"a","broken":[7]})", "'broken': expected keys"},
           {R"({"instance":"a","dropped":{"track":"3"}})", "'track': expected a whole number"}}) {
    const Result<ProcessStatus> status = ReadStatus(text);
    ASSERT_FALSE(status) << text;
    EXPECT_EQ(status.error().code, ErrorCode::kInvalid);
    EXPECT_THAT(status.error().message, HasSubstr(word));
  }
  std::string many = "\"f\"";
  for (int i = 0; i < 100; ++i) many += ",\"f\"";
  EXPECT_FALSE(ReadStatus("{\"instance\":\"a\",\"broken\":[" + many + "]}"));
  EXPECT_EQ(ReadStatus("{\"instance\":\"a\"}" + std::string(kMostStatusBytes, ' ')).error().code, ErrorCode::kTooLarge);
}

}  // namespace
}  // namespace guidon
