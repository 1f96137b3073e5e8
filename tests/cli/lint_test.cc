// guidon lint: what can be written plainer is said, shown, or written.
#include <gmock/gmock.h>

#include "tests/cli/cli.h"

namespace guidon::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

const std::string kFlag =
    "flag: checkout.layout\n"
    "type: boolean\n"
    "owner: payments  # since May\n"
    "archived: false\n"
    "environments:\n"
    "  production:\n"
    "    enabled: true\n"
    "    rules:\n"
    "      # at home\n"
    "      - { id: home, when: { country: [DE], version: { semver_gte: 4.2.0 } }, serve: { on: 100% } }\n"
    "    default: { serve: off }\n";
const std::string kPlainer =
    "flag: checkout.layout\n"
    "type: boolean\n"
    "owner: payments  # since May\n"
    "environments:\n"
    "  production:\n"
    "    enabled: true\n"
    "    rules:\n"
    "      # at home\n"
    "      - { id: home, when: { country: DE, version: { semver_gte: \"4.2.0\" } }, serve: { on: 100% } }\n"
    "    default: off\n";

TEST(LintTest, SaysWhatCouldBePlainerAndWritesNothing) {
  const Workspace files({{"flags/checkout-layout.yaml", kFlag}});
  const std::string file = files / "flags/checkout-layout.yaml";
  const Finished done = Guidon({"lint", files.path()});
  EXPECT_EQ(done.exit_code, 1);
  EXPECT_EQ(done.output, file + ":4:1  default-said\n      archived: false holds anyway\n" +  //
                             file + ":10:38  list-of-one\n      a list of DE is DE\n" +       //
                             file +
                             ":10:67  ambiguous-text\n"                                                        //
                             "      4.2.0 is a text here, and not everywhere: it stands better in quotes\n" +  //
                             file +
                             ":10:85  split-of-one\n      all of it goes to on: `serve: on` is no split\n" +  //
                             file +
                             ":11:14  long-form\n      { serve: … } is off alone\n"  //
                             "5 problems; --fix mends 4\n");
  EXPECT_EQ(TextFile(file), kFlag);
}

TEST(LintTest, FixWritesWhatMeansTheSame) {
  const Workspace files({{"flags/checkout-layout.yaml", kFlag}, {"flags/b.yaml", "flag:   b\ntype: boolean\n"}});
  const Finished shown = Guidon({"lint", files.path(), "--diff"});
  EXPECT_EQ(shown.exit_code, 1);
  EXPECT_THAT(shown.output, HasSubstr("-    default: { serve: off }\n"));
  EXPECT_THAT(shown.output, HasSubstr("+    default: off\n"));
  EXPECT_EQ(TextFile(files / "flags/checkout-layout.yaml"), kFlag);
  const Finished done = Guidon({"lint", files.path(), "--fix"});
  EXPECT_EQ(done.exit_code, 1) << "one is left";
  EXPECT_THAT(done.output, HasSubstr("fixed  " + (files / "flags/b.yaml") + "\n"));
  EXPECT_THAT(done.output, HasSubstr("split-of-one\n"));
  EXPECT_THAT(done.output, HasSubstr("1 problem left, to mend by hand\n"));
  EXPECT_EQ(TextFile(files / "flags/checkout-layout.yaml"), kPlainer);
  EXPECT_EQ(TextFile(files / "flags/b.yaml"), "flag: b\ntype: boolean\n");
  const Finished again = Guidon({"lint", files / "flags/b.yaml", "--fix"});
  EXPECT_EQ(again.exit_code, 0);
  EXPECT_EQ(again.output, "");
}

TEST(LintTest, SaysItInJson) {
  const Workspace files({{"flags/checkout-layout.yaml", kFlag}});
  const Finished done = Guidon({"lint", files.path(), "--json"});
  EXPECT_EQ(done.exit_code, 1);
  const Value document = JsonOf(done);
  const Value& first = document.Find("problems")->AsArray().at(0);
  EXPECT_EQ(first.Find("rule")->AsString(), "default-said");
  EXPECT_EQ(first.Find("line")->AsInt(), 4);
  EXPECT_TRUE(first.Find("fixable")->AsBool());
  EXPECT_EQ(document.Find("fixable")->AsArray().size(), 1u);
  const Value fixed = JsonOf(Guidon({"lint", files.path(), "--fix", "--json"}));
  EXPECT_EQ(fixed.Find("problems")->AsArray().size(), 1u);
  EXPECT_EQ(fixed.Find("fixed")->AsArray().size(), 1u);
}

// All or nothing.
TEST(LintTest, WhereOneCannotBeReadNoneIsWritten) {
  const Workspace files({{"flags/a.yaml", "flag:   a\ntype: boolean\n"}, {"flags/b.yaml", "flag: b\nflag: b\n"}});
  const Finished done = Guidon({"lint", files.path(), "--fix"});
  EXPECT_EQ(done.exit_code, 2);
  EXPECT_THAT(done.errors, HasSubstr("b.yaml:2:1: 'flag' is here twice"));
  EXPECT_EQ(TextFile(files / "flags/a.yaml"), "flag:   a\ntype: boolean\n");
  // All of several are named.
  files.Write("flags/c.yaml", "[\n");
  const std::vector<std::string> several = {"lint", files.path(), files / "none.yaml"};
  const Finished all = Guidon(several);
  EXPECT_EQ(all.exit_code, 2);
  EXPECT_EQ(all.output, "");
  EXPECT_THAT(all.errors, HasSubstr("b.yaml:2:1: 'flag' is here twice"));
  EXPECT_THAT(all.errors, HasSubstr("flags/c.yaml:"));
  EXPECT_THAT(all.errors, HasSubstr("none.yaml"));
  const Value document = JsonOf(Guidon({"lint", files.path(), files / "none.yaml", "--json"}));
  EXPECT_EQ(document.Find("code")->AsString(), "io");
  EXPECT_EQ(document.Find("issues")->AsArray().size(), 3u);
  EXPECT_EQ(Guidon({"lint"}).exit_code, 2);
  EXPECT_EQ(Guidon({"lint", files / "none.yaml"}).exit_code, 2);
  EXPECT_EQ(Guidon({"lint", files.path(), "--fix", "--diff"}).exit_code, 2);
}

// The name has no room for the ending of a file beside it.
TEST(LintTest, WhereOneCannotBeWrittenNoneIs) {
  const std::string longest = "flags/" + std::string(245, 'z') + ".yaml", wide = "flag:   a\ntype: boolean\n";
  const Workspace files({{"flags/a.yaml", wide}, {longest, wide}});
  const Finished done = Guidon({"lint", files.path(), "--fix"});
  EXPECT_EQ(done.exit_code, 2);
  EXPECT_EQ(done.output, "");
  EXPECT_THAT(done.errors, HasSubstr("cannot write " + (files / longest)));
  EXPECT_EQ(TextFile(files / "flags/a.yaml"), wide);
  EXPECT_EQ(TextFile(files / longest), wide);
}

TEST(LintTest, TheModelineOfAFolderIsThatOfItsFiles) {
  const std::string modeline = "# yaml-language-server: $schema=../flag.schema.json\n";
  const Workspace files({{"guidon.yaml", modeline + "project: shop\nenvironments: { production: {} }\n"},
                         {"layers.yaml", "- { layer: a, unit: key }\n"},
                         {"flags/a.yaml", modeline + "flag: a\ntype: boolean\n"},
                         {"flags/b.yaml", "flag: b\ntype: boolean\n"},
                         {"segments/c.yaml", "segment: c\n"}});
  const Finished done = Guidon({"lint", files.path()});
  EXPECT_THAT(done.output, HasSubstr("b.yaml:1:1  modeline\n"));
  EXPECT_THAT(done.output, Not(HasSubstr("c.yaml")));
  EXPECT_THAT(done.output, Not(HasSubstr("layers.yaml")));
  EXPECT_EQ(Guidon({"lint", files.path(), "--fix"}).exit_code, 0);
  EXPECT_EQ(TextFile(files / "flags/b.yaml"), modeline + "flag: b\ntype: boolean\n");
}

// Each kind has a schema of its own, wherever its files are.
TEST(LintTest, AModelineIsNotThatOfFilesOfAnotherKind) {
  const std::string modeline = "# yaml-language-server: $schema=../flag.schema.json\n";
  const std::string segment = "segment: c\n", several = "segment: d\n---\nflag: d\ntype: boolean\n";
  const Workspace files({{"all/a.yaml", "# of the shop\n" + modeline + "flag: a\ntype: boolean\n"},
                         {"all/b.yaml", "- flag: b\n  type: boolean\n"},
                         {"all/c.yaml", segment},
                         {"all/d.yaml", several},
                         {"all/gate.yaml", "policy: release\n"}});
  const Finished done = Guidon({"lint", files.path(), "--fix"});
  EXPECT_EQ(done.exit_code, 0) << done.output << done.errors;
  EXPECT_EQ(done.output, "fixed  " + (files / "all/b.yaml") + "\n");
  EXPECT_EQ(TextFile(files / "all/b.yaml"), modeline + "- flag: b\n  type: boolean\n");
}

TEST(LintTest, RulesAreListedAndSkipped) {
  const Finished rules = Guidon({"lint", "--rules"});
  EXPECT_EQ(rules.exit_code, 0);
  EXPECT_THAT(rules.output, HasSubstr("list-of-one\n      a list of one value is that value\n"));
  EXPECT_GE(JsonOf(Guidon({"lint", "--rules", "--json"})).Find("rules")->AsArray().size(), 14u);
  const Workspace files({{"segments/b.yaml", "segment: a\n"}, {"segments/c.yaml", "segment: c\n"}});
  EXPECT_EQ(Guidon({"lint", files.path()}).exit_code, 1);
  EXPECT_EQ(Guidon({"lint", files.path(), "--skip", "file-name"}).exit_code, 0);
  const Finished unknown = Guidon({"lint", files.path(), "--skip", "file-nam"});
  EXPECT_EQ(unknown.exit_code, 2);
  EXPECT_THAT(unknown.errors, HasSubstr("did you mean 'file-name'?"));
}

TEST(LintTest, TheShopIsClean) {
  const Finished done = Guidon({"lint", ShopFolder()});
  EXPECT_EQ(done.exit_code, 0) << done.output << done.errors;
}

}  // namespace
}  // namespace guidon::testing
