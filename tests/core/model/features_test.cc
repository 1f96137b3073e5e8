#include "core/model/features.h"

#include <gtest/gtest.h>

#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "core/model/condition.h"

namespace guidon {
namespace {

TEST(FeaturesTest, EveryOperatorHasAVersion) {
  std::set<std::string> names;
  for (const Feature& feature : Features()) EXPECT_TRUE(names.emplace(feature.name).second) << feature.name;
  for (int i = 0; i < kOperatorCount; ++i) {
    const std::string name = "operator " + std::string(ToString(static_cast<Operator>(i)));
    EXPECT_TRUE(names.contains(name)) << name;
  }
}

std::vector<int> NumbersOf(std::string_view version) {
  std::vector<int> numbers;
  std::stringstream text{std::string(version)};
  for (std::string part; std::getline(text, part, '.');) numbers.push_back(std::stoi(part));
  return numbers;
}

TEST(FeaturesTest, NothingIsOfAVersionThatIsNotThereYet) {
  for (const Feature& feature : Features()) {
    const std::vector<int> since = NumbersOf(feature.since);
    EXPECT_EQ(since.size(), 3u) << feature.name;
    EXPECT_LE(since, NumbersOf(GUIDON_VERSION)) << feature.name;
  }
}

}  // namespace
}  // namespace guidon
