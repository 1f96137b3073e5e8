// How guidond starts, and how it says that it cannot.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/guidond.h"

namespace guidon::testing {
namespace {

using ::testing::HasSubstr;

int CountOf(const std::string& text, const std::string& word) {
  int count = 0;
  for (std::size_t at = text.find(word); at != std::string::npos; at = text.find(word, at + 1)) ++count;
  return count;
}

TEST(ServerStartTest, TheFirstStartShowsAnAdminKeyThatWorksAndLaterStartsShowNone) {
  Guidond server;
  ASSERT_THAT(server.admin_key(), ::testing::StartsWith("gdn_adm_"));
  EXPECT_EQ(CountOf(server.Log(), server.admin_key()), 1);
  EXPECT_EQ(server.Call("GET", "/api/v1/projects").status, 200);
  EXPECT_EQ(server.Stop(), 0);

  server.Start();
  EXPECT_EQ(server.Call("GET", "/api/v1/projects").status, 200);
  EXPECT_EQ(server.Stop(), 0);
  EXPECT_EQ(CountOf(server.Log(), "gdn_"), 0) << server.Log();
}

}  // namespace
}  // namespace guidon::testing
