// RulesetState when there is no memory: whatever allocation fails, it holds the whole of before or the whole of after.
#include <filesystem>
#include <fstream>
#include <sstream>

#include <gtest/gtest.h>

#include <guidon/client.h>  // before core: g++ 12 takes its enumerators for hidden by a constant there
#include "bench/eval/allocations.h"

#include "sdk/state/ruleset_state.h"
#include "tests/sdk/world.h"

namespace guidon {
namespace {

using testing::World;

std::string DataOf(const std::string& event) {
  std::string data;
  net::SseParser parser;
  parser.Feed(event, [&](const net::SseEvent& parsed) { data = parsed.data; });
  return data;
}

// Everything that it says of itself must fit together.
std::string Held(const RulesetState& state) {
  const Result<SnapshotDocument> document = DecodeSnapshot(state.Document());
  EXPECT_TRUE(document) << document.error().message;
  if (!document) return "";
  EXPECT_EQ(state.ruleset()->revision(), state.header().revision);
  EXPECT_EQ(state.ruleset()->flag_count(), document->entities.size());
  return state.EventId() + " " + document->digest.ToHex();
}

// Takes the event with one allocation after another failing, and returns how often it failed.
template <typename Take>
int FailEverywhere(const std::string& before, const std::string& after, RulesetState state, Take take) {
  EXPECT_EQ(Held(state), before);
  for (int failures = 0;; ++failures) {
    bool is_done = true;
    bench::AllowAllocations(failures);
    try {
      is_done = take(state).outcome == ApplyOutcome::kApplied;  // some libraries say it with an error of theirs
    } catch (const std::bad_alloc&) {
      is_done = false;
    }
    bench::AllowAllocations(-1);
    if (is_done) {
      EXPECT_EQ(Held(state), after);
      return failures;
    }
    EXPECT_EQ(Held(state), before) << "after " << failures << " allocations";
    if (::testing::Test::HasFailure()) return failures;
  }
}

class RulesetStateTest : public ::testing::TestWithParam<Overrides::Variables> {};
INSTANTIATE_TEST_SUITE_P(With, RulesetStateTest,
                         ::testing::Values(Overrides::Variables(), Overrides::Variables{{"GUIDON_FLAG_B", "2"}}),
                         [](const auto& with) { return with.param.empty() ? "NoOverrides" : "Overrides"; });

TEST_P(RulesetStateTest, WhatFailsForWantOfMemoryLeavesItAsItWas) {
  World world;
  world.Serve("a.flag.whose.key.is.longer.than.a.short.string", "1");
  world.Serve("b", "1");
  RulesetState state(std::make_shared<Lineage>(), Overrides(GetParam()));
  ASSERT_EQ(state.TakeSnapshot(world.Document()).outcome, ApplyOutcome::kApplied);
  const std::string before = Held(state);
  World changed = world;
  const std::string change =
      DataOf(changed.Serve("c.another.flag.whose.key.is.longer.than.a.short.string", std::string(100, 'x')));
  const std::string document = changed.Document();
  RulesetState next = state;
  ASSERT_EQ(next.TakeChange(change, "").outcome, ApplyOutcome::kApplied);
  const std::string after = Held(next);
  EXPECT_GT(FailEverywhere(before, after, state, [&](RulesetState& s) { return s.TakeChange(change, ""); }), 20);
  EXPECT_GT(FailEverywhere(before, after, state, [&](RulesetState& s) { return s.TakeSnapshot(document); }), 20);
}

// ---- The client's threads ----------------------------------------------------------------------------------------

// Whichever thread of the client says or tells something gets no memory for a while.
TEST(NoMemoryTest, ThreadsOfTheClientWaitForItAndGoOn) {
  using testing::Eventually;
  testing::FilesFolder folder;
  testing::ScriptedServer server;
  World world;
  world.Serve("a", 1);
  ClientConfig config = testing::ConfigFor(server);
  config.cache_file = folder.File("flags.json");
  config.log = [](LogLevel, std::string_view) { bench::Volunteer(); };  // the source's thread, and the keeper's
  config.send_events = true;
  config.flush_interval = std::chrono::milliseconds(1);
  Client client(config);
  const Subscription changes = client.OnChange([](const RulesetChange&) { bench::Volunteer(); });
  const Subscription states = client.OnStatus([](const ClientStatus&) { bench::Volunteer(); });
  auto stream = testing::AcceptStream(server, world.SnapshotEvent());
  ASSERT_TRUE(stream && testing::WaitForRevision(client, world.revision()));
  ASSERT_TRUE(Eventually([&] { return std::filesystem::exists(config.cache_file); }));
  client.Track("order", Context("user-1"));
  if (const auto batch = server.Accept()) batch->SendAnswer(500);  // said by the thread of the events

  bench::FailVolunteers(true);
  const std::uint64_t refused = bench::Refused();
  client.Bool("unknown.flag.with.a.name.that.is.long", Context("user-1"), false);
  client.Track("order", Context("user-1"));
  stream->Send(world.Serve("a", 2));
  stream->Close();
  EXPECT_TRUE(Eventually([&] { return bench::Refused() > refused + 10; }));
  bench::FailVolunteers(false);

  bool is_streamed = false, is_batch_taken = false;
  while (!is_streamed || !is_batch_taken) {
    auto connection = server.Accept();
    ASSERT_TRUE(connection);
    if (connection->request().target == "/sdk/v1/stream") {
      stream = std::move(connection);
      testing::SendStreamHead(*stream);
      stream->Send(world.SnapshotEvent());
      is_streamed = true;
    } else {
      is_batch_taken = connection->SendAnswer(202) || is_batch_taken;
    }
  }
  EXPECT_TRUE(testing::WaitForRevision(client, world.revision()));
  EXPECT_EQ(client.Int("a", Context("user-1"), 0), 2);
  EXPECT_TRUE(testing::WaitForState(client, ClientState::kLive));
  client.Close(std::chrono::milliseconds(100));
  std::ostringstream cached;
  EXPECT_TRUE(Eventually([&] {
    cached.str("");
    cached << std::ifstream(config.cache_file).rdbuf();
    return cached.str() == world.Document();
  }));
}

}  // namespace
}  // namespace guidon
