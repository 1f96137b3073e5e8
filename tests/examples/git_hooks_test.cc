// The hooks of examples/pipelines in a real repository: what they refuse is not committed and not pushed.
#include <gmock/gmock.h>

#include <filesystem>

#include "tests/examples/pipelines.h"

namespace guidon::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

class GitHookTest : public PipelineTest {
 protected:
  GitHookTest() {
    shop_.MustGit({"init", "--quiet", "--bare", "../origin"});
    shop_.MustGit({"remote", "add", "origin", "../origin"});
    shop_.MustGit({"push", "--quiet", "origin", "main"});
    shop_.MustGit({"config", "guidon.code", "src"});
  }
  void Install(const std::string& hook) const { shop_.Copy("git-hooks/" + hook, ".git/hooks/" + hook); }

  // All that was changed, past the hook of commits.
  void Commit() const { shop_.MustGit({"commit", "--quiet", "--all", "--no-verify", "--message=A change"}); }
  // What git says, and whether the other side has the branch at our commit.
  Finished Push(const std::string& what = "main") const { return shop_.Git({"push", "origin", what}); }
  std::string There(const std::string& branch = "main") const {
    return shop_.Git({"ls-remote", "origin", "refs/heads/" + branch}).output.substr(0, 40);
  }
  std::string Here() const { return shop_.Git({"rev-parse", "HEAD"}).output.substr(0, 40); }
};

// ---- pre-commit ----------------------------------------------------------------------------------------------------

class PreCommitTest : public GitHookTest {
 protected:
  PreCommitTest() { Install("pre-commit"); }
  Finished Try() const { return shop_.Git({"commit", "--quiet", "--all", "--message=A change"}); }
};

TEST_F(PreCommitTest, RefusesFlagsThatAreNotValidNotLaidOutOrFailATest) {
  const std::string before = Here();
  shop_.Edit("flags/flags/cart.yaml", "off: 95%", "off: 94%");
  const Finished invalid = Try();
  EXPECT_NE(invalid.exit_code, 0);
  EXPECT_THAT(invalid.errors, HasSubstr("flags/cart.yaml:13:18  error  the weights add up to 99%, not to 100%"));
  EXPECT_THAT(invalid.errors, HasSubstr("guidon: the flags that are staged are not valid; nothing was committed"));
  shop_.Edit("flags/flags/cart.yaml", "{ on: 5%, off: 94% }", "{on: 5%, off: 95%}");
  EXPECT_THAT(Try().errors, HasSubstr("guidon: 'guidon fmt flags' lays these files out; stage them again"));
  shop_.MustGit({"checkout", "--quiet", "HEAD", "--", "flags"});
  shop_.Edit("flags/tests/cart.yaml", "at: 2%", "at: 7%");
  EXPECT_THAT(Try().errors, HasSubstr("guidon: a test of flags fails; nothing was committed"));
  EXPECT_EQ(Here(), before);
}

TEST_F(PreCommitTest, LetsThroughWhatIsWellAndSaysNothing) {
  Mend();
  const Finished done = Try();
  EXPECT_EQ(done.exit_code, 0) << done.errors;
  EXPECT_EQ(done.output + done.errors, "");
  shop_.MustGit({"rm", "--quiet", "-r", "flags"});  // all of it
  EXPECT_EQ(Try().exit_code, 0);
}

// What is committed is what is staged: neither does a fault in the folder hold it up, nor does the folder hide one.
TEST_F(PreCommitTest, LooksAtWhatIsStaged) {
  Mend();
  shop_.MustGit({"add", "flags"});
  shop_.Write("flags/flags/cart.yaml", "flag: [\n");
  EXPECT_EQ(shop_.Git({"commit", "--quiet", "--message=Well staged"}).exit_code, 0);
  shop_.MustGit({"add", "flags"});
  shop_.MustGit({"show", "HEAD:flags/flags/cart.yaml"});
  shop_.Write("flags/flags/cart.yaml", shop_.Git({"show", "HEAD:flags/flags/cart.yaml"}).output);
  EXPECT_NE(shop_.Git({"commit", "--quiet", "--message=Badly staged"}).exit_code, 0);
  // Where nothing of the flags is staged, they are not looked at.
  shop_.MustGit({"reset", "--quiet"});
  shop_.Write("flags/flags/cart.yaml", "flag: [\n");
  shop_.Write("notes.txt", "Nothing about flags.\n");
  shop_.MustGit({"add", "notes.txt"});
  EXPECT_EQ(shop_.Git({"commit", "--quiet", "--message=Notes"}).exit_code, 0);
}

// ---- pre-push ------------------------------------------------------------------------------------------------------

class PrePushTest : public GitHookTest {
 protected:
  PrePushTest() {
    Install("pre-push");
    shop_.Set("GUIDON_SERVER", server_.url());
    shop_.Set("GUIDON_KEY", pipeline_);
  }
};

TEST_F(PrePushTest, RefusesWhatTheGateRefusesAndLetsItThroughWhenItIsMended) {
  Break();
  Commit();
  const Finished refused = Push();
  EXPECT_NE(refused.exit_code, 0);
  EXPECT_THAT(refused.errors, HasSubstr("fail    change.jump  flags/flags/cart.yaml:11:11\n"));
  EXPECT_THAT(refused.errors, HasSubstr("guidon: refs/heads/main may not be released; nothing was pushed"));
  EXPECT_NE(There(), Here());
  shop_.Edit("flags/flags/cart.yaml", "{ on: 100%, off: 0% }", "{ on: 10%, off: 90% }");
  Commit();
  const Finished done = Push();
  EXPECT_EQ(done.exit_code, 0) << done.errors;
  EXPECT_THAT(done.errors, Not(HasSubstr("guidon:")));
  EXPECT_EQ(There(), Here());
}

TEST_F(PrePushTest, LooksAtTheCommitAndNotAtTheFolder) {
  shop_.Edit("src/cart.cc", "cart.express", "cart.expres");
  Commit();
  shop_.Edit("src/cart.cc", "cart.expres", "cart.express");  // mended, and not committed
  const Finished refused = Push();
  EXPECT_NE(refused.exit_code, 0);
  EXPECT_THAT(refused.errors, HasSubstr("code.unknown-flag  src/cart.cc:8:19"));
  Mend();
  Commit();
  shop_.Edit("src/cart.cc", "cart.express", "cart.expres");  // broken, and not committed
  EXPECT_EQ(Push().exit_code, 0);
}

TEST_F(PrePushTest, TakesEachRefAsGitNamesIt) {
  Break();
  Commit();
  EXPECT_NE(Push("main:refs/heads/new").exit_code, 0);  // a branch that is new there
  EXPECT_EQ(There("new"), "");
  EXPECT_EQ(Push("main~1:refs/heads/new").exit_code, 0);  // of an older commit, which is well
  EXPECT_NE(There("new"), "");
  EXPECT_NE(shop_.Git({"push", "origin", "main~1:refs/heads/third", "main:refs/heads/fourth"}).exit_code, 0);
  EXPECT_EQ(There("third"), "");  // with one that is refused nothing goes
  const Finished gone = shop_.Git({"push", "--delete", "origin", "new"});
  EXPECT_EQ(gone.exit_code, 0) << gone.errors;
  EXPECT_EQ(There("new"), "");
  shop_.MustGit({"tag", "v1"});
  EXPECT_EQ(Push("v1").exit_code, 0);  // tags are no branches
  // What changes neither flags nor code is not held up by what is there already.
  EXPECT_EQ(shop_.Git({"push", "--no-verify", "origin", "main"}).exit_code, 0);
  shop_.Write("notes.txt", "Nothing about flags.\n");
  shop_.MustGit({"add", "notes.txt"});
  Commit();
  EXPECT_EQ(Push().exit_code, 0);
}

TEST_F(PrePushTest, WhenTheServerIsAwayThePolicyDecides) {
  shop_.Set("GUIDON_SERVER", kNoServer);
  Break();  // which only the server shows
  Commit();
  const Finished through = Push();
  EXPECT_EQ(through.exit_code, 0) << through.errors;
  EXPECT_THAT(through.errors, HasSubstr("guidon: the server is away; refs/heads/main was looked at by its files and "
                                        "code alone\n"));
  for (const auto& [word, is_through] : {std::pair("hold", false), std::pair("fail", false), std::pair("pass", true)}) {
    shop_.Write("flags/gate.yaml", std::string("unreachable: ") + word + "\n");
    Commit();
    const Finished done = Push();
    EXPECT_EQ(done.exit_code == 0, is_through) << word << ": " << done.errors;
    EXPECT_EQ(There() == Here(), is_through) << word;
  }
  // Nor is a record required of whom no server can be asked.
  shop_.Write("flags/gate.yaml", "record: required\n");
  Commit();
  const Finished unrecorded = Push();
  EXPECT_EQ(unrecorded.exit_code, 0) << unrecorded.errors;
  EXPECT_EQ(There(), Here());
  // What files and code show needs no server: no policy lets it through.
  shop_.Edit("src/cart.cc", "cart.express", "cart.expres");
  Commit();
  EXPECT_NE(Push().exit_code, 0);
}

TEST_F(PrePushTest, WithoutAServerFilesAndCodeAreAllThatIsLookedAt) {
  shop_.Set("GUIDON_SERVER", "");
  Break();
  Commit();
  EXPECT_EQ(Push().exit_code, 0);
  shop_.Edit("src/cart.cc", "cart.express", "cart.expres");
  Commit();
  EXPECT_NE(Push().exit_code, 0);
}

TEST_F(PrePushTest, AnotherWorkTreeOfTheRepositoryIsLookedAtItself) {
  Install("pre-commit");
  shop_.MustGit({"worktree", "add", "--quiet", "-b", "side", "../side"});
  shop_.Edit("../side/flags/flags/cart.yaml", "off: 95%", "off: 94%");
  EXPECT_NE(shop_.Git({"-C", "../side", "commit", "--quiet", "--all", "--message=Invalid"}).exit_code, 0);
  shop_.Edit("../side/flags/flags/cart.yaml", "{ on: 5%, off: 94% }", "{ on: 100%, off: 0% }");
  shop_.MustGit({"-C", "../side", "commit", "--quiet", "--all", "--message=A jump"});
  const Finished refused = shop_.Git({"-C", "../side", "push", "origin", "side"});
  EXPECT_NE(refused.exit_code, 0);
  EXPECT_THAT(refused.errors, HasSubstr("fail    change.jump  flags/flags/cart.yaml:11:11\n"));
  EXPECT_EQ(shop_.Git({"push", "origin", "main:refs/heads/other"}).exit_code, 0);
}

TEST_F(PrePushTest, ABranchWithoutFlagsGoesAsItIs) {
  shop_.MustGit({"rm", "--quiet", "-r", "flags"});
  Commit();
  const Finished done = Push("main:refs/heads/without");
  EXPECT_EQ(done.exit_code, 0) << done.errors;
}

// ---- The framework pre-commit --------------------------------------------------------------------------------------

class FrameworkTest : public GitHookTest {
 protected:
  void SetUp() override {
    const bool is_there = shop_.Run({"sh", "-c", "command -v pre-commit"}).exit_code == 0;
    ASSERT_TRUE(is_there) << "pre-commit is not installed: ./dev setup does it";
  }
  void Start() const {
    shop_.MustGit({"add", "."});
    Commit();
    const Finished installed = shop_.Run({"pre-commit", "install"});
    ASSERT_EQ(installed.exit_code, 0) << installed.output << installed.errors;
  }
  Finished Try() const { return shop_.Git({"commit", "--all", "--message=A change"}); }
};

TEST_F(FrameworkTest, OurConfigRefusesAndLetsThrough) {
  shop_.Copy("pre-commit/pre-commit-config.yaml", ".pre-commit-config.yaml");
  Start();
  shop_.Edit("src/cart.cc", "cart.express", "cart.expres");
  const Finished refused = Try();
  EXPECT_NE(refused.exit_code, 0);
  EXPECT_THAT(refused.output + refused.errors, HasSubstr("code.unknown-flag  src/cart.cc:8:19"));
  shop_.MustGit({"checkout", "--quiet", "HEAD", "--", "src"});
  shop_.Edit("flags/flags/cart.yaml", "{ on: 5%, off: 95% }", "{on: 10%, off: 90%}");
  EXPECT_NE(Try().exit_code, 0);  // it was laid out, and waits to be looked at
  EXPECT_THAT(shop_.Read("flags/flags/cart.yaml"), HasSubstr("{ on: 10%, off: 90% }"));
  const Finished done = Try();
  EXPECT_EQ(done.exit_code, 0) << done.output << done.errors;
}

// As a repository of hooks that a tag names.
TEST_F(FrameworkTest, OurHooksAreThoseThatTheFrameworkFinds) {
  shop_.MustGit({"init", "--quiet", "../hooks"});
  std::filesystem::copy(GUIDON_SOURCE_DIR "/.pre-commit-hooks.yaml", shop_ / "../hooks/.pre-commit-hooks.yaml");
  shop_.MustGit({"-C", "../hooks", "add", "."});
  shop_.MustGit({"-C", "../hooks", "commit", "--quiet", "--message=Hooks"});
  shop_.MustGit({"-C", "../hooks", "tag", "v1"});
  shop_.Write(".pre-commit-config.yaml",
              "repos:\n  - repo: file://" + std::filesystem::canonical(shop_ / "../hooks").string() +
                  "\n    rev: v1\n    hooks:\n      - id: guidon-validate\n      - id: guidon-test\n      - id: "
                  "guidon-fmt\n      - id: guidon-gate\n        args: [--offline, --environment, production, "
                  "--workspace, flags, --code, src]\n");
  Start();
  Mend();
  const Finished done = Try();
  EXPECT_EQ(done.exit_code, 0) << done.output << done.errors;
  for (const char* hook : {"guidon validate", "guidon test", "guidon fmt", "guidon gate"}) {
    EXPECT_THAT(done.output + done.errors, ::testing::ContainsRegex(std::string(hook) + "\\.+Passed"));
  }
  shop_.Edit("flags/tests/cart.yaml", "at: 2%", "at: 20%");
  const Finished refused = Try();
  EXPECT_NE(refused.exit_code, 0);
  EXPECT_THAT(refused.output + refused.errors, ::testing::ContainsRegex("guidon test\\.+Failed"));
}

}  // namespace
}  // namespace guidon::testing
