// What is made of an answer about how far a revision has come.
#include "gate/delivery_checks.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/base/json.h"

namespace guidon::gate {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

std::vector<std::string> Lines(const std::vector<Finding>& findings) {
  std::vector<std::string> lines;
  for (const Finding& finding : findings) {
    lines.push_back(std::string(ToString(finding.severity)) + " " + finding.rule + " " + finding.subject + ": " +
                    finding.message);
  }
  return lines;
}

Value AnswerWith(const std::string& members) {
  return *ParseJson(R"({"epoch":"e","revision":17)" + members + "}");
}

TEST(DeliveryTest, WhoLagsBehindIsToldByApplicationAndVersion) {
  const Value far = AnswerWith(R"(,"laggards_left_out":2,"laggards":[
    {"application":"shop","version":"4.1.0","epoch":"e","revision":16,"processes":3},
    {"application":"api","version":"","epoch":"e","revision":9,"processes":1},
    {"application":"shop","version":"4.1.0","epoch":"other","revision":90,"processes":1},
    {"application":"","version":"","epoch":"e","revision":16,"processes":1}])");
  EXPECT_THAT(Lines(CheckShare({"production", far, "30 of 38 live processes (78.9%)", ""})), IsEmpty());
  EXPECT_THAT(
      Lines(CheckShare({"production", far, "30 of 38 live processes (78.9%)", "95% wanted"})),
      ElementsAre("hold delivery.share environment production: 30 of 38 live processes (78.9%) hold revision 17; 95% "
                  "wanted; not named here: 2 processes",
                  "hold delivery.share application api: 1 process holds revision 9",
                  "hold delivery.share application shop 4.1.0: 1 process holds what is of another data folder, 3 "
                  "processes hold revision 16",
                  "hold delivery.share applications without a name: 1 process holds revision 16"));
}

TEST(DeliveryTest, AnSdkThatCannotReadAFlagFails) {
  const Value far = AnswerWith(R"(,"sdks_left_out":0,"sdks":[
    {"application":"shop","version":"4.0.0","sdk":"guidon-cpp","sdk_version":"0.0.9","processes":3,"with_broken":2,
     "broken":["layout","ranker"]},
    {"application":"shop","version":"4.1.0","sdk":"guidon-cpp","sdk_version":"0.1.0","processes":9,"with_broken":0}])");
  EXPECT_THAT(
      Lines(CheckSdks({"production", far, "", ""}, {})),
      ElementsAre("fail delivery.old-sdk application shop 4.0.0: 2 processes use guidon-cpp 0.0.9, which cannot "
                  "evaluate layout, ranker"));
}

TEST(DeliveryTest, AnSdkMayBeTooOldForThePolicy) {
  const Value far = AnswerWith(R"(,"sdks_left_out":4,"sdks":[
    {"application":"shop","version":"4.1.0","sdk":"guidon-cpp","sdk_version":"0.9.2","processes":1,"with_broken":0},
    {"application":"shop","version":"4.2.0","sdk":"guidon-cpp","sdk_version":"0.10.0","processes":9,"with_broken":0},
    {"application":"web","version":"1","sdk":"guidon-js","sdk_version":"0.1.0","processes":9,"with_broken":0}])");
  Policy policy;
  EXPECT_THAT(Lines(CheckSdks({"production", far, "", ""}, policy)), IsEmpty());
  policy.least_sdks = {{"guidon-cpp", "0.10"}};
  EXPECT_THAT(Lines(CheckSdks({"production", far, "", ""}, policy)),
              ElementsAre("fail delivery.old-sdk application shop 4.1.0: 1 process uses guidon-cpp 0.9.2; the policy "
                          "demands 0.10",
                          "hold delivery.old-sdk environment production: which SDK it is that 4 processes use was not "
                          "told"));
}

TEST(DeliveryTest, VersionsAreComparedByTheirNumbers) {
  EXPECT_TRUE(IsOlder("0.9.2", "0.10"));
  EXPECT_TRUE(IsOlder("", "0.1"));
  EXPECT_TRUE(IsOlder("1.2.3", "1.2.4-rc1"));
  EXPECT_FALSE(IsOlder("0.10", "0.10.0"));
  EXPECT_FALSE(IsOlder("2", "1.9.9"));
  EXPECT_FALSE(IsOlder("1.2.3-rc1", "1.2.3"));
}

}  // namespace
}  // namespace guidon::gate
