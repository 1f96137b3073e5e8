// guidon fmt: files are rewritten, looked at, or refused and left alone.
#include <gmock/gmock.h>

#include "tests/cli/cli.h"

namespace guidon::testing {
namespace {

using ::testing::HasSubstr;

TEST(FmtTest, WritesTheLayoutAndSaysWhichFilesItChanged) {
  const Workspace files({{"a.yaml", "a:   1 # one\n"}, {"b/c.yml", "c: 3\n"}, {".hidden/d.yaml", "d:   4\n"}});
  const Finished done = Guidon({"fmt", files.path()});
  EXPECT_EQ(done.exit_code, 0) << done.output;
  EXPECT_EQ(done.output, "formatted  " + (files / "a.yaml") + "\n");
  EXPECT_EQ(TextFile(files / "a.yaml"), "a: 1  # one\n");
  EXPECT_EQ(TextFile(files / ".hidden/d.yaml"), "d:   4\n");
  EXPECT_EQ(Guidon({"fmt", files.path(), "--check"}).exit_code, 0);
}

TEST(FmtTest, CheckAndDiffWriteNothingAndFail) {
  const std::string text = "a:   1\nb: 2\n";
  const Workspace files({{"a.yaml", text}});
  const Finished checked = Guidon({"fmt", files / "a.yaml", "--check"});
  EXPECT_EQ(checked.exit_code, 1);
  EXPECT_EQ(checked.output, "not formatted  " + (files / "a.yaml") + "\n");
  const Finished shown = Guidon({"fmt", files.path(), "--diff"});
  EXPECT_EQ(shown.exit_code, 1);
  EXPECT_THAT(shown.output, HasSubstr("@@ -1,2 +1,2 @@\n-a:   1\n+a: 1\n b: 2\n"));
  EXPECT_EQ(TextFile(files / "a.yaml"), text);
}

TEST(FmtTest, WhatCannotBeReadIsLeftAloneAndTheOthersAreWritten) {
  const Workspace files({{"bad.yaml", "a:   1\na: 2\n"}, {"good.yaml", "a:   1\n"}});
  const Finished done = Guidon({"fmt", files.path()});
  EXPECT_EQ(done.exit_code, 2);
  EXPECT_THAT(done.errors, HasSubstr("bad.yaml:2:1: 'a' is here twice"));
  EXPECT_EQ(TextFile(files / "bad.yaml"), "a:   1\na: 2\n");
  EXPECT_EQ(TextFile(files / "good.yaml"), "a: 1\n");
  EXPECT_EQ(Guidon({"fmt"}).exit_code, 2);
  EXPECT_EQ(Guidon({"fmt", files / "none.yaml"}).exit_code, 2);
}

// The name has no room for the ending of a file beside it.
TEST(FmtTest, WhereOneCannotBeWrittenNoneIs) {
  const std::string longest = std::string(245, 'z') + ".yaml";
  const Workspace files({{"a.yaml", "a:   1\n"}, {longest, "z:   1\n"}});
  const Finished done = Guidon({"fmt", files.path()});
  EXPECT_EQ(done.exit_code, 2);
  EXPECT_EQ(done.output, "");
  EXPECT_THAT(done.errors, HasSubstr("cannot write " + (files / longest)));
  EXPECT_THAT(done.errors, HasSubstr("no file was changed"));
  EXPECT_EQ(TextFile(files / "a.yaml"), "a:   1\n");
  EXPECT_EQ(TextFile(files / longest), "z:   1\n");
  EXPECT_EQ(Guidon({"fmt", files / "a.yaml", files / "a.yaml"}).exit_code, 0) << "named twice";
  EXPECT_EQ(TextFile(files / "a.yaml"), "a: 1\n");
}

TEST(FmtTest, TheShopIsFormatted) {
  const Finished done = Guidon({"fmt", ShopFolder(), "--check"});
  EXPECT_EQ(done.exit_code, 0) << done.output;
}

}  // namespace
}  // namespace guidon::testing
