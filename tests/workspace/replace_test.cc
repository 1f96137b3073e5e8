#include "workspace/replace.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

#include "tests/support/process.h"

namespace guidon {
namespace {

namespace fs = std::filesystem;

class ReplaceAllTest : public ::testing::Test {
 protected:
  void Write(const std::string& name, const std::string& text) const { std::ofstream(folder_ / name) << text; }
  std::string Read(const std::string& name) const {
    std::ifstream in(folder_ / name);
    return std::string(std::istreambuf_iterator<char>(in), {});
  }
  std::size_t Files() const {
    return static_cast<std::size_t>(std::distance(fs::directory_iterator(folder_.path()), fs::directory_iterator()));
  }
  testing::TemporaryFolder folder_;
};

TEST_F(ReplaceAllTest, WritesAllOfThemAndKeepsTheirModes) {
  Write("a.cc", "one");
  Write("b.cc", "two");
  ::chmod((folder_ / "a.cc").c_str(), 0640);
  ASSERT_TRUE(ReplaceAll({{folder_ / "a.cc", "one", "1"}, {folder_ / "b.cc", "two", "2"}}));
  EXPECT_EQ(Read("a.cc"), "1");
  EXPECT_EQ(Read("b.cc"), "2");
  struct stat status {};
  ::stat((folder_ / "a.cc").c_str(), &status);
  EXPECT_EQ(status.st_mode & 0777u, 0640u);
  EXPECT_EQ(Files(), 2u);
}

TEST_F(ReplaceAllTest, WritesNoneWhenOneHasChanged) {
  Write("a.cc", "one");
  Write("b.cc", "changed");
  const Status written = ReplaceAll({{folder_ / "a.cc", "one", "1"}, {folder_ / "b.cc", "two", "2"}});
  ASSERT_FALSE(written);
  EXPECT_EQ(written.error().code, ErrorCode::kStale);
  EXPECT_NE(written.error().message.find("b.cc has changed meanwhile"), std::string::npos);
  EXPECT_EQ(Read("a.cc"), "one");
  EXPECT_EQ(Files(), 2u);
}

TEST_F(ReplaceAllTest, WritesNoneWhenOneCannotBeWritten) {
  Write("a.cc", "one");
  const Status written = ReplaceAll({{folder_ / "a.cc", "one", "1"}, {folder_ / "nowhere/b.cc", "", "2"}});
  ASSERT_FALSE(written);
  EXPECT_EQ(written.error().code, ErrorCode::kIo);
  EXPECT_NE(written.error().message.find("nowhere/b.cc"), std::string::npos);
  EXPECT_EQ(Read("a.cc"), "one");
  EXPECT_EQ(Files(), 1u);
}

TEST_F(ReplaceAllTest, WhatWasReplacedAlreadyIsPutBack) {
  Write("a.cc", "one");
  fs::create_directory(folder_ / "b.cc");  // read as nothing, and no file can take its place
  const Status written = ReplaceAll({{folder_ / "a.cc", "one", "1"}, {folder_ / "b.cc", "", "2"}});
  ASSERT_FALSE(written);
  EXPECT_EQ(written.error().code, ErrorCode::kIo);
  EXPECT_EQ(Read("a.cc"), "one");
  EXPECT_EQ(Files(), 2u);
}

TEST_F(ReplaceAllTest, TheFileBehindALinkIsWrittenOnceWhateverItIsNamed) {
  Write("a.cc", "one");
  fs::create_symlink("a.cc", folder_ / "link.cc");
  ASSERT_TRUE(ReplaceAll({{folder_ / "link.cc", "one", "1"}, {folder_ / "a.cc", "one", "1"}}));
  EXPECT_EQ(Read("a.cc"), "1");
  EXPECT_TRUE(fs::is_symlink(folder_ / "link.cc"));
  EXPECT_EQ(Files(), 2u);
}

}  // namespace
}  // namespace guidon
