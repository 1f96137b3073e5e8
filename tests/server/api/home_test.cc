#include "server/api/home.h"

#include <gtest/gtest.h>

namespace guidon {
namespace {

bool Contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

TEST(HomeTest, ShowsEveryProjectFlagAndExperimentWithTheRevision) {
  HomeView view{"0.1.0", "k3v9", 17, {{"shop", "The web shop", {"staging", "production"}, {}, {}}}};
  view.projects[0].flags.push_back({"payments.v2", "boolean", "release", "payments", "", {"on", "not enabled"}, true});
  view.projects[0].experiments.push_back({"one-page", "checkout.layout", "production", "running", "ana@shop.example"});
  const std::string page = RenderHome(view);
  for (const char* part : {"<strong>17</strong>", "payments.v2", "not enabled", "one-page", "running", "1 flag<",
                           "Past its expiry", "<th scope=\"col\">staging</th>", "lang=\"en\"", "<main>"}) {
    EXPECT_TRUE(Contains(page, part)) << part;
  }
}

TEST(HomeTest, TextFromDefinitionsIsNeverMarkup) {
  HomeView view{"0.1.0", "k3v9", 1, {{"shop", "<script>alert(1)</script>", {"a\"b"}, {}, {}}}};
  view.projects[0].flags.push_back({"f", "json", "release", "o'brien & co", "<b>", {"on"}, false});
  const std::string page = RenderHome(view);
  EXPECT_FALSE(Contains(page, "<script"));
  EXPECT_FALSE(Contains(page, "<b>"));
  EXPECT_TRUE(Contains(page, "o&#39;brien &amp; co"));
  EXPECT_TRUE(Contains(page, "a&quot;b"));
}

TEST(HomeTest, AnEmptyServerSaysWhatToDo) {
  EXPECT_TRUE(Contains(RenderHome({"0.1.0", "k3v9", 0, {}}), "guidon apply DIR"));
}

}  // namespace
}  // namespace guidon
