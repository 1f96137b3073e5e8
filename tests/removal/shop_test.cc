// guidon remove on a program of several files: three flags go, one after the other. The program that is left is built
// beside the one before (CMakeLists.txt), and does the same with the flags at the values that survived.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <string>
#include <vector>

#include "tests/cli/cli.h"

namespace guidon::testing {
namespace {

namespace fs = std::filesystem;

using ::testing::HasSubstr;

const std::string& Root() {
  static const std::string kRoot = GUIDON_SOURCE_DIR;
  return kRoot;
}
std::string Shop() {
  return Root() + "/tests/removal/shop";
}

// The shop with its own compile_commands.json, as CMake would write it.
class ShopCopy {
 public:
  ShopCopy() {
    fs::copy(Shop() + "/before/src", folder_ / "src", fs::copy_options::recursive);
    fs::copy(Root() + "/.clang-format", folder_ / ".clang-format");
    fs::create_directory(folder_ / "build");
    std::string commands;
    for (const char* name : {"cart", "layout", "pages"}) {
      const std::string file = folder_ / "src/" + name + ".cc";
      commands += (commands.empty() ? "" : ",\n") + (R"({"directory": ")" + folder_ / "build") + R"(", "file": ")" +
                  file + R"(", "arguments": ["c++", "-std=c++17", "-I)" + folder_.path() + R"(", "-I)" + Root() +
                  R"(/sdk/include", "-I)" + Root() + R"(/core/include", "-c", ")" + file + R"("]})";
    }
    folder_.Write("build/compile_commands.json", "[" + commands + "]\n");
  }

  Finished Remove(const std::string& flag, std::vector<std::string> more = {}) const {
    std::vector<std::string> words = {
        "remove", flag, "--code", folder_ / "src", "--workspace", Shop() + "/workspace", "--environment", "production"};
    words.insert(words.end(), more.begin(), more.end());
    return Guidon(words);
  }
  std::string Text(const std::string& name) const { return TextFile(folder_ / name); }
  std::string path() const { return folder_.path(); }

 private:
  Workspace folder_;
};

std::string WithoutPaths(std::string text, const std::string& path) {
  for (std::size_t at; (at = text.find(path + "/")) != std::string::npos;) text.erase(at, path.size() + 1);
  return text;
}

TEST(ShopTest, TheHeaderIsWhatGenerateWrites) {
  const Finished done =
      Guidon({"generate", "cpp", Shop() + "/workspace", "--output", Shop() + "/before/src/flags.h", "--check"});
  EXPECT_EQ(done.exit_code, 0) << done.output << done.errors;
}

TEST(ShopTest, ADryRunShowsADiffAndWritesNothing) {
  const ShopCopy shop;
  const Finished done = shop.Remove("checkout.new");
  EXPECT_EQ(done.errors, "");
  EXPECT_EQ(done.exit_code, 1);  // something is unused now
  EXPECT_EQ(WithoutPaths(done.output, shop.path()), TextFile(Shop() + "/checkout.new.diff"));
  EXPECT_EQ(shop.Text("src/cart.cc"), TextFile(Shop() + "/before/src/cart.cc"));
}

TEST(ShopTest, WhatIsWrittenIsTheProgramThatIsBuilt) {
  const ShopCopy shop;
  for (const char* flag : {"checkout.new", "checkout.layout", "items.limit"}) {
    const Finished done = shop.Remove(flag, {"--write"});
    EXPECT_EQ(done.exit_code, 1) << flag << done.output << done.errors;  // `user` is needed by nobody now
  }
  for (const char* name : {"cart.cc", "cart.h", "layout.cc", "layout.h", "pages.cc", "pages.h", "flags.h"}) {
    EXPECT_EQ(shop.Text(std::string("src/") + name), TextFile(Shop() + "/after/src/" + name)) << name;
  }
  // A second run has nothing to do, and nobody reads them any more.
  const Finished again = shop.Remove("checkout.new", {"--write"});
  EXPECT_EQ(again.exit_code, 0);
  EXPECT_EQ(again.output, "the code does not read checkout.new\n");
  EXPECT_THAT(Guidon({"refs", shop.path() + "/src"}).output, HasSubstr("0 reads of 0 flags"));
}

TEST(ShopTest, TheProgramDoesTheSameBeforeAndAfter) {
  const Finished before = testing::Run({GUIDON_BIN_DIR "/removal_shop_before"});
  const Finished after = testing::Run({GUIDON_BIN_DIR "/removal_shop_after"});
  EXPECT_EQ(before.exit_code, 0);
  EXPECT_EQ(after.exit_code, 0);
  EXPECT_EQ(before.output, after.output);
  EXPECT_THAT(before.output, HasSubstr("Your order\n"));
  EXPECT_THAT(before.output, HasSubstr("log: page\n"));  // a call of a condition that was folded
}

}  // namespace
}  // namespace guidon::testing
