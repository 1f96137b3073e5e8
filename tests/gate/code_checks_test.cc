// Each rule of code, broken and kept.
#include "gate/code_checks.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/gate/workspaces.h"

namespace guidon::gate {
namespace {

using refs::Wanted;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr std::int64_t kDay = 1'800'000'000'000;  // 2027-01-15T08:00:00Z

// `code.v2` is boolean, `layout` a string, `days` a number, `wallets` JSON; `needed` is read by a flag, `seen` by a
// segment, `old` is archived, `expired` is over since yesterday.
const std::vector<std::pair<std::string, std::string>> kProject = {
    {"flags/all.yaml",
     "- { flag: code.v2, type: boolean, owner: payments, expires: 2027-01-15 }\n"
     "- { flag: layout, type: string, variations: { old: multi, new: single }, environments: {\n"
     "    staging: { enabled: true, off: new, default: new },\n"
     "    production: { enabled: true, off: old, requires: [{ flag: needed, is: on }], default: old } } }\n"
     "- { flag: days, type: number, variations: { few: 7, many: 14 }, environments: {\n"
     "    production: { enabled: true, off: few, default: few } } }\n"
     "- { flag: wallets, type: json, variations: { a: [], b: [1] }, environments: {\n"
     "    production: { enabled: true, off: a, default: a } } }\n"
     "- { flag: needed, type: boolean, environments: { production: { enabled: true, default: on } } }\n"
     "- { flag: seen, type: boolean, environments: { production: { enabled: true, default: on } } }\n"
     "- { flag: old, type: boolean, archived: true, expires: 2026-01-01 }\n"
     "- { flag: expired, type: boolean, owner: search, expires: 2027-01-14, environments: {\n"
     "    production: { enabled: true, off: on, default: on } } }\n"},
    {"segments/eu.yaml", "segment: eu\nwhen: { not: { flag: { seen: on } } }\n"}};

struct Read {
  std::string key;
  Wanted wanted = Wanted::kUnknown;
  std::optional<Value> fallback = {};
};

// "RULE FILE:LINE:COLUMN SUBJECT (OWNER): MESSAGE (FIX)", of each finding of this rule.
std::vector<std::string> Found(const std::string& rule, const std::vector<Read>& reads,
                               const std::string& environment = "production") {
  const Files files(kProject);
  const Workspace workspace = files.Read();
  EXPECT_FALSE(workspace.HasErrors()) << workspace.issues.front().issue.message;
  std::vector<refs::Reference> references;
  int line = 0;
  for (const Read& read : reads) {
    references.push_back({.key = read.key,
                          .file = "src/a.cc",
                          .line = ++line,
                          .column = 9,
                          .wanted = read.wanted,
                          .fallback = read.fallback,
                          .by = "Bool"});
  }
  std::vector<std::string> found;
  for (const Finding& finding : CheckCode({workspace, environment, references, kDay})) {
    if (finding.rule != rule) continue;
    std::string file = finding.place.file;
    if (file.starts_with(files.path())) file = file.substr(files.path().size() + 1);
    found.push_back(file + ":" + std::to_string(finding.place.at.line) + ":" + std::to_string(finding.place.at.column) +
                    " " + finding.subject + " (" + finding.owner + "): " + finding.message + " (" + finding.fix + ")");
  }
  return found;
}

TEST(CodeChecksTest, FlagsThatAreNotThereAreNamedAtEachReadWithTheOwnerOfWhatWasMeant) {
  EXPECT_THAT(Found("code.unknown-flag", {{"layout"}, {"layuot"}, {"other.thing"}, {"old"}, {"code.v3"}}),
              ElementsAre("src/a.cc:2:9 flag layuot (): the code reads it, and there is no such flag (did you mean "
                          "'layout'?)",
                          "src/a.cc:3:9 flag other.thing (): the code reads it, and there is no such flag (mend the "
                          "key, or define the flag)",
                          "src/a.cc:5:9 flag code.v3 (payments): the code reads it, and there is no such flag (did you "
                          "mean 'code.v2'?)"));
}

TEST(CodeChecksTest, FlagsAreReadAsWhatTheyAre) {
  EXPECT_THAT(Found("code.type", {{"code.v2", Wanted::kBoolean},
                                  {"layout", Wanted::kString},
                                  {"days", Wanted::kNumber},
                                  {"wallets", Wanted::kJson},
                                  {"layout", Wanted::kUnknown},
                                  {"old", Wanted::kString},
                                  {"nowhere", Wanted::kString}}),
              IsEmpty());
  EXPECT_THAT(Found("code.type", {{"code.v2", Wanted::kString}}),
              ElementsAre("src/a.cc:1:9 flag code.v2 (payments): the code reads it as string, and it is boolean (read "
                          "it as what it is)"));
}

TEST(CodeChecksTest, ArchivedFlagsAreNotRead) {
  EXPECT_THAT(Found("code.archived-flag", {{"layout"}, {"expired"}}), IsEmpty());
  EXPECT_THAT(Found("code.archived-flag", {{"old"}}),
              ElementsAre("src/a.cc:1:9 flag old (): the code reads it, and it is archived (remove the read)"));
}

TEST(CodeChecksTest, FlagsThatSayNothingOfTheEnvironmentAreNotReadForTheirFallback) {
  const std::vector<Read> all = {{"code.v2", Wanted::kBoolean, Value(false)}, {"layout"}, {"days"}, {"old"}, {"none"}};
  EXPECT_THAT(Found("code.no-targeting", all), IsEmpty());
  EXPECT_THAT(
      Found("code.no-targeting", all, "staging"),
      ElementsAre("src/a.cc:3:9 flag days (): the code reads it, and gets its own fallback in staging, of which "
                  "the flag says nothing (say in its `environments` what staging gets)"));
}

TEST(CodeChecksTest, FlagsWhoseDayIsOverAreNotRead) {
  EXPECT_THAT(Found("code.expired-flag", {{"code.v2"}, {"layout"}, {"old"}}), IsEmpty());
  EXPECT_THAT(Found("code.expired-flag", {{"expired"}}),
              ElementsAre("src/a.cc:1:9 flag expired (search): the code reads it, and its time was over on 2027-01-14 "
                          "(take it out of the code)"));
}

TEST(CodeChecksTest, FlagsAreReadByCodeOrByOthers) {
  const std::vector<Read> all = {{"code.v2"}, {"layout"}, {"days"}, {"wallets"}, {"expired"}};
  EXPECT_THAT(Found("code.unused-flag", all), IsEmpty());
  EXPECT_THAT(Found("code.unused-flag", {all.begin() + 1, all.end()}),
              ElementsAre("flags/all.yaml:1:11 flag code.v2 (payments): no code reads it (archive it, or name with "
                          "`--code` where else it is read)"));
}

TEST(CodeChecksTest, FallbacksAreWhatTheFlagServesThereWhileItIsOff) {
  const std::vector<Read> safe = {
      {"code.v2", Wanted::kBoolean, Value(false)}, {"layout", Wanted::kString, Value("multi")},
      {"days", Wanted::kNumber, Value(7.0)},       {"layout", Wanted::kString, {}},
      {"layout", Wanted::kBoolean, Value(true)},   {"wallets", Wanted::kJson, Value("[1]")},
      {"expired", Wanted::kBoolean, Value(true)}};
  EXPECT_THAT(Found("code.unsafe-default", safe), IsEmpty());
  EXPECT_THAT(
      Found("code.unsafe-default", {{"code.v2", Wanted::kBoolean, Value(true)},
                                    {"layout", Wanted::kUnknown, Value("single")},
                                    {"days", Wanted::kNumber, Value(14)}}),
      ElementsAre("src/a.cc:1:9 flag code.v2 (payments): the code falls back to true, and production serves "
                  "false while the flag is off (let the code fall back to that)",
                  "src/a.cc:2:9 flag layout (): the code falls back to \"single\", and production serves "
                  "\"multi\" while the flag is off (let the code fall back to that)",
                  "src/a.cc:3:9 flag days (): the code falls back to 14, and production serves 7 while the flag "
                  "is off (let the code fall back to that)"));
  // Another environment has another safe variation; one that the flag does not name serves the fallback itself.
  EXPECT_THAT(
      Found("code.unsafe-default", {{"layout", Wanted::kString, Value("multi")}}, "staging"),
      ElementsAre("src/a.cc:1:9 flag layout (): the code falls back to \"multi\", and staging serves \"single\" "
                  "while the flag is off (let the code fall back to that)"));
  EXPECT_THAT(Found("code.unsafe-default", {{"days", Wanted::kNumber, Value(14)}}, "staging"), IsEmpty());
}

// "RULE SUBJECT: MESSAGE (FIX)" of reads of these, with files that have errors.
std::vector<std::string> FoundBeside(const std::vector<std::pair<std::string, std::string>>& wrong,
                                     const std::vector<std::string>& keys) {
  std::vector<std::pair<std::string, std::string>> all = kProject;
  all.insert(all.end(), wrong.begin(), wrong.end());
  const Files files(all);
  const Workspace workspace = files.Read();
  EXPECT_TRUE(workspace.HasErrors());
  std::vector<refs::Reference> references;
  for (const std::string& key : keys) references.push_back({.key = key, .file = "a.cc", .line = 1, .by = "Bool"});
  std::vector<std::string> found;
  for (const Finding& finding : CheckCode({workspace, "production", references, kDay})) {
    found.push_back(finding.rule + " " + SentenceOf(finding));
  }
  return found;
}

TEST(CodeChecksTest, BesideDefinitionsWithErrorsTheRestIsLookedAt) {
  // What was refused is known by its key, and nothing is unused: that may look at it.
  const std::pair<std::string, std::string> refused = {"flags/wrong.yaml", "flag: wrong\ntype: booleann\n"};
  EXPECT_THAT(FoundBeside({refused}, {"wrong", "wrogn", "old"}),
              ElementsAre("code.unknown-flag flag wrogn: the code reads it, and there is no such flag (did you mean "
                          "'wrong'?)",
                          "code.archived-flag flag old: the code reads it, and it is archived (remove the read)"));
  // An error that hides no definition hides nothing.
  const std::string elsewhere = "flag: a\ntype: boolean\nowner: x\nenvironments: { nowhere: { enabled: false } }\n";
  EXPECT_THAT(
      FoundBeside({{"flags/b.yaml", elsewhere}}, {"wrogn", "layout", "days", "wallets", "code.v2"}),
      ElementsAre(::testing::HasSubstr("code.unknown-flag flag wrogn: "),
                  "code.unused-flag flag expired: no code reads it (archive it, or name with `--code` where else "
                  "it is read)",
                  ::testing::HasSubstr("code.unused-flag flag a: ")));
  // A definition without a key, or a text that is no YAML: it may be any.
  for (const char* text : {"type: boolean\n", "flag: [\n"}) {
    EXPECT_THAT(FoundBeside({{"flags/wrong.yaml", text}}, {"wrogn", "old"}),
                ElementsAre(::testing::HasSubstr("code.archived-flag")))
        << text;
  }
  // It is no flag where flags do not stand.
  EXPECT_THAT(FoundBeside({{"segments/wrong.yaml", "segment: [\n"}}, {"wrogn"}),
              ElementsAre(::testing::HasSubstr("code.unknown-flag flag wrogn: ")));
  EXPECT_THAT(FoundBeside({{"metrics/m.yaml", "metric: wrong\ntype: none\n"}}, {"wrong"}),
              ElementsAre(::testing::HasSubstr("code.unknown-flag flag wrong: ")));
}

}  // namespace
}  // namespace guidon::gate
