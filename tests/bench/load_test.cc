// The benchmark loads what it says: its environment is as large and as sound as it is said to be, and its changes are.
#include <gtest/gtest.h>
#include <guidon/client.h>

#include "bench/load/environment.h"
#include "core/ruleset/ruleset.h"
#include "sdk/client/client_core.h"
#include "sdk/state/ruleset_state.h"

namespace guidon::bench {
namespace {

TEST(LoadTest, TheEnvironmentIsOfItsSizeSoundAndChangesOneFlagAtATime) {
  std::vector<EncodedEntity> entities = MakeEnvironment();
  const std::string document = ToDocument(entities);
  EXPECT_GT(document.size(), 4'500'000u);
  EXPECT_LT(document.size(), 5'500'000u);
  RulesetState state(std::make_shared<Lineage>());
  const Applied taken = state.TakeSnapshot(document);
  ASSERT_EQ(taken.outcome, ApplyOutcome::kApplied) << taken.message;
  EXPECT_EQ(state.ruleset()->flag_count(), kLoadedFlags);
  ASSERT_TRUE(state.ruleset()->broken().empty()) << state.ruleset()->broken()[0].reason;
  const Applied applied = state.TakeChange(ToChange(entities, 17, 1), "");
  ASSERT_EQ(applied.outcome, ApplyOutcome::kApplied) << applied.message;
  EXPECT_EQ(applied.flags, (std::vector<std::string>{entities[17].key}));
  EXPECT_EQ(state.ruleset()->revision(), 2u);
}

// The bound is the SDK's: three times the document, with all that a client keeps of it.
TEST(LoadTest, WhatAClientKeepsIsAtMostThreeTimesTheDocument) {
  const std::string document = ToDocument(MakeEnvironment());
  const std::size_t before = BytesInUse();
  const auto core = std::make_shared<internal::ClientCore>(ClientConfig());
  const Applied taken = core->Take(internal::DocumentKind::kSnapshot, document, "", RulesetSource::kServer);
  const std::size_t kept = BytesInUse() - before;
  ASSERT_EQ(taken.outcome, ApplyOutcome::kApplied) << taken.message;
  EXPECT_LE(kept, 3 * document.size());
  EXPECT_TRUE(before == 0 || kept > document.size()) << "the count is none";
}

}  // namespace
}  // namespace guidon::bench
