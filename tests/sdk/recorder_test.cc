// What reads leave behind: each is counted once, and exposes what it consulted.
#include <guidon/client.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/sdk/recorded.h"
#include "tests/sdk/world.h"
#include "tests/support/workspace.h"

namespace guidon {
namespace {

using testing::CountsOf;
using ::testing::ElementsAre;
using testing::ExposuresOf;
using testing::Holding;
using ::testing::IsEmpty;

const Context kUser("user-1");

std::string Trial(const std::string& more) {
  return R"({"experiment": "trial", "flag": "layout", "environment": "production", "unit": "account_id",
             "variants": {"control": {"serves": "off", "weight": "50%"}, "new": {"serves": "on", "weight": "50%"}}, )" +
         more + "}";
}
const std::string kLayout = BooleanFlag("layout", R"("default": "off")");

TEST(CountTest, EveryReadIsCountedByFlagVariationReasonAndError) {
  const Client client(
      Holding(Workspace({BooleanFlag("a", R"("default": "on")"), BooleanFlag("b", R"("default": "off")")})));
  for (int i = 0; i < 3; ++i) client.Bool("a", kUser, false);
  client.BoolDetail("b", kUser, false);
  client.String("b", kUser, "");
  client.Bool("gone", kUser, false);
  EXPECT_THAT(CountsOf(client),
              ElementsAre("a on STATIC 3", "b ERROR TYPE_MISMATCH 1", "b off STATIC 1", "gone ERROR FLAG_NOT_FOUND 1"));
  EXPECT_THAT(CountsOf(client), IsEmpty());
}

TEST(ExposureTest, AReadExposesTheUnitOnce) {
  const Client client(Holding(Workspace({kLayout, Trial(R"("state": "running")")})));
  Context context("user-1");
  context.Set("account_id", "acct-1").Set("country", "DE");
  for (int i = 0; i < 3; ++i) client.Bool("layout", context, false);
  const std::string variant = client.BoolDetail("layout", context, false).variant;
  EXPECT_THAT(ExposuresOf(client), ElementsAre("trial#1 " + variant + " assigned account_id=acct-1"));
}

}  // namespace
}  // namespace guidon
