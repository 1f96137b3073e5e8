#include <gtest/gtest.h>

#include "core/base/json.h"
#include "core/codec/codec.h"

namespace guidon {
namespace {

Value Json(std::string_view text) {
  Result<Value> value = ParseJson(text);
  EXPECT_TRUE(value) << value.error().message << "\n" << text;
  return value ? *value : Value();
}

// The flag of the specification, as canonical JSON.
constexpr std::string_view kCheckoutLayout =
    R"({"flag":"checkout.layout","type":"string","description":"One-page checkout","owner":"payments",)"
    R"("tags":["checkout"],"expires":"2027-03-31","client":true,)"
    R"("variations":{"multi_step":"multi","single_page":"single"},"environments":{"production":{"enabled":true,)"
    R"("off":"multi_step","requires":[{"flag":"payments.v2","is":"on"}],)"
    R"("targets":{"single_page":["user-17","user-23"]},"rules":[)"
    R"({"id":"staff","when":{"email":{"ends_with":"@shop.example"}},"serve":"single_page"},)"
    R"({"id":"eu-ramp","when":{"segment":"eu-web","app.version":{"semver_gte":"4.2.0"},"not":{"plan":"trial"}},)"
    R"("serve":{"single_page":"20%","multi_step":"80%"},"by":"account_id"},)"
    R"({"id":"beta","when":{"beta":true},"serve":"single_page","rollout":"10%"}],"default":"multi_step"}}})";

TEST(DefinitionTest, TheFlagOfTheSpecificationIsReadAndWrittenAsItStands) {
  const Result<Flag> flag = DecodeFlag(Json(kCheckoutLayout));
  ASSERT_TRUE(flag) << flag.error().message;
  const Rule& ramp = flag->environments.at(0).rules.at(1);
  EXPECT_EQ(std::get<SplitServe>(ramp.serve), (SplitServe{{{"single_page", 20'000}, {"multi_step", 80'000}}}));
  EXPECT_EQ(ramp.by, "account_id");
  EXPECT_EQ(flag->environments.at(0).rules.at(2).rollout, 10'000);
  EXPECT_EQ(ToJson(EncodeFlag(*flag)), kCheckoutLayout);
}

}  // namespace
}  // namespace guidon
