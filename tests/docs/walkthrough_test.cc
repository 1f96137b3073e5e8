// The commands of docs/experiments.md and docs/simulate.md.
#include "tests/docs/walkthrough.h"

namespace guidon::testing {
namespace {

TEST(WalkthroughTest, AFirstExperimentIsAsThePageSays) {
  Walkthrough("docs/experiments.md").Run();
}

TEST(WalkthroughTest, ExplanationsAndSimulationsAreAsThePageSays) {
  Walkthrough walkthrough("docs/simulate.md");
  walkthrough.Give("shop", GUIDON_SOURCE_DIR "/experiments/shop");
  walkthrough.Run();
}

TEST(WalkthroughTest, AnEllipsisStandsForAnyTextAndNothingElseDoes) {
  EXPECT_TRUE(Matches("", ""));
  EXPECT_FALSE(Matches("", "x"));
  EXPECT_TRUE(Matches("…", "a\nb"));
  EXPECT_TRUE(Matches("a…c\n", "a b\nc\n"));
  EXPECT_FALSE(Matches("a…c\n", "a b\nd\n"));
  EXPECT_TRUE(Matches("…\nend\n", "begin\nend\n"));
  EXPECT_FALSE(Matches("a…b…c", "abb"));
  EXPECT_FALSE(Matches("ab…b", "ab"));
}

}  // namespace
}  // namespace guidon::testing
