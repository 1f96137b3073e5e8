// guidon validate and guidon gate --offline: what is wrong with files, with its place.
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>

#include "core/base/json.h"
#include "tests/cli/cli.h"

namespace guidon::testing {
namespace {

constexpr const char* kProject = "project: shop\nenvironments: { production: {} }\n";

std::string Flag(const std::string& rest) {
  return "flag: checkout.layout\ntype: boolean\nowner: payments\n" + rest;
}

// One file beside guidon.yaml, and what validate says of it: everything before the last line, which counts.
std::string FaultsOf(const std::string& file, const std::string& text) {
  const Workspace files({{"guidon.yaml", kProject}, {file, text}});
  const Finished done = Guidon({"validate", files.path()});
  EXPECT_EQ(done.exit_code, 1) << done.output << done.errors;
  EXPECT_EQ(done.errors, "");
  return done.output.substr(0, done.output.find("not valid"));
}

TEST(ValidateTest, TheShopIsValidAndItsContentsAreCounted) {
  const Finished done = Guidon({"validate", ShopFolder()});
  EXPECT_EQ(done.exit_code, 0);
  EXPECT_EQ(done.output, "valid  " + ShopFolder() + ": 14 flags, 3 segments, 4 experiments, 10 metrics\n");
  EXPECT_EQ(done.errors, "");
}

TEST(ValidateTest, AnUnknownKeyIsNamedWhereItStandsWithTheRightOne) {
  EXPECT_EQ(FaultsOf("flags/a.yaml", Flag("enviroments: {}\n")),
            "flags/a.yaml:4:1  error  unknown key 'enviroments' in a flag (did you mean 'environments'?)\n");
}

TEST(ValidateTest, AReferenceIsFoundWhereItStandsInTheFile) {
  const std::string faults = FaultsOf("flags/a.yaml", Flag("environments:\n"
                                                           "  production:\n"
                                                           "    enabled: true\n"
                                                           "    rules:\n"
                                                           "      - when: { segment: eu-wbe }\n"
                                                           "        serve: on\n"
                                                           "    default: off\n"
                                                           "---\n"
                                                           "flag: other\n"
                                                           "type: boolean\n"));
  EXPECT_NE(faults.find("flags/a.yaml:8:26  error  unknown segment 'eu-wbe'"), std::string::npos) << faults;
  EXPECT_NE(faults.find("flags/a.yaml:12:1  warning  flag other: it has no owner"), std::string::npos) << faults;
}

TEST(ValidateTest, EachEntityOfAListHasAPlaceOfItsOwn) {
  EXPECT_EQ(FaultsOf("flags/all.yaml",
                     "- flag: one\n  type: boolean\n  owner: a\n"
                     "- flag: two\n  type: bool\n  owner: a\n"
                     "- flag: three\n  type: boolean\n  owner: a\n  tags: on\n"),
            "flags/all.yaml:5:9  error  unknown type of flag 'bool' (one of boolean, string, number, json)\n"
            "flags/all.yaml:10:9  error  expected a list of tags, found text 'on'\n");
}

TEST(ValidateTest, BrokenYamlHasItsLineAndColumn) {
  const std::string faults = FaultsOf("flags/a.yaml", "flag: [a\ntype: boolean\n");
  EXPECT_TRUE(faults.starts_with("flags/a.yaml:2:")) << faults;
  EXPECT_NE(faults.find("  error  "), std::string::npos) << faults;
}

TEST(ValidateTest, APopulationIsReadAsSimulateReadsIt) {
  EXPECT_EQ(FaultsOf("populations/a.yaml", "population: 9\natributes: { country: [DE] }\nseed: -1\n"),
            "populations/a.yaml:2:1  error  unknown key 'atributes' in a population (did you mean 'attributes'?)\n"
            "populations/a.yaml:3:7  error  -1 has to be a whole number from 0 to 9007199254740992\n");
  EXPECT_EQ(FaultsOf("populations/a.yaml", "population: 9\n---\npopulation: 8\n"),
            "populations/a.yaml:1:1  error  a population is one document, not 2\n");
  EXPECT_NE(FaultsOf("populations/a.yaml", "population: [\n").find("populations/a.yaml:2:"), std::string::npos);
  const Workspace files({{"guidon.yaml", kProject}, {"populations/a.yaml", "population: 9\n"}});
  EXPECT_EQ(Guidon({"validate", files.path()}).exit_code, 0);
}

TEST(ValidateTest, WhatIsDefinedTwiceNamesTheFirstPlace) {
  const Workspace files(
      {{"guidon.yaml", kProject}, {"flags/a.yaml", "# first\n" + Flag("")}, {"flags/b.yaml", Flag("")}});
  const Finished done = Guidon({"validate", files.path()});
  EXPECT_EQ(done.exit_code, 1);
  EXPECT_EQ(done.output,
            "flags/b.yaml:1:1  error  flag checkout.layout is defined twice; first in flags/a.yaml:2\n"
            "not valid  " +
                files.path() + ": 1 error, 0 warnings\n");
}

TEST(ValidateTest, AllFaultsOfAllFilesComeAtOnceInTheOrderOfTheFiles) {
  const Workspace files(
      {{"guidon.yaml", kProject},
       {"flags/a.yaml", "flag: a\ntype: boolean\nowner: x\nunknown: 1\n"},
       {"flags/b.yaml", "flag: b\ntype: boolean\nowner: x\nenvironments:\n  production: { enabled: true, off: of }\n"},
       {"segments/c.yaml", "segment: c\nowner: x\nwhen: { segment: eu }\n"}});
  const Finished done = Guidon({"validate", files.path()});
  EXPECT_EQ(done.exit_code, 1);
  EXPECT_NE(done.output.find("flags/a.yaml:4:1  error  unknown key 'unknown'"), std::string::npos) << done.output;
  EXPECT_NE(done.output.find("flags/b.yaml:5:37  error  unknown variation 'of'"), std::string::npos) << done.output;
  EXPECT_NE(done.output.find("segments/c.yaml:3:18  error  unknown segment 'eu'"), std::string::npos) << done.output;
}

TEST(ValidateTest, AReferenceToWhatCouldNotBeReadIsLetPass) {
  const Workspace files({{"guidon.yaml", kProject},
                         {"segments/eu.yaml", "segment: eu\nowner: x\nwhen: { contry: }\nwhat: 1\n"},
                         {"flags/a.yaml", Flag("environments:\n  production:\n    enabled: true\n    default: off\n"
                                               "    rules: [{ when: { segment: eu }, serve: on }]\n")}});
  const Finished done = Guidon({"validate", files.path()});
  EXPECT_EQ(done.exit_code, 1);
  EXPECT_NE(done.output.find("segments/eu.yaml:4:1"), std::string::npos) << done.output;
  EXPECT_EQ(done.output.find("flags/a.yaml"), std::string::npos) << done.output;
}

TEST(ValidateTest, WarningsAloneAreValid) {
  const Workspace files(
      {{"guidon.yaml", kProject}, {"flags/a.yaml", "flag: a\ntype: boolean\n"}, {"notes/x.yaml", "a: 1\n"}});
  const Finished done = Guidon({"validate", files.path()});
  EXPECT_EQ(done.exit_code, 0);
  EXPECT_EQ(done.output,
            "flags/a.yaml:1:1  warning  flag a: it has no owner (add `owner:`, so that somebody can be asked)\n"
            "notes/x.yaml  warning  nothing is read from here (definitions stand in flags/, segments/, metrics/, "
            "experiments/, layers.yaml and holdouts.yaml)\n"
            "valid  " +
                files.path() + ": 1 flag, 0 segments, 0 experiments, 0 metrics; 2 warnings\n");
}

// One fault says what is wrong, and neither what its kind would want there nor what leans on it is a fault of its own.
TEST(ValidateTest, ADefinitionInThePlaceOfAnotherKindIsSentThere) {
  const Workspace files(
      {{"guidon.yaml", kProject},
       {"flags/a.yaml",
        "- { segment: eu, when: { country: DE } }\n"
        "- { experiment: one, flag: b, environment: production }\n"
        "- flag: b\n  type: boolean\n  owner: x\n  environments:\n    production: { enabled: true, rules: [{ when: { "
        "segment: eu }, serve: on }], default: off }\n"
        "- { flag: c, type: boolean, owner: x, tests: [{ given: {}, expect: on }] }\n"
        "- { layer: 3 }\n"}});
  const Finished done = Guidon({"validate", files.path()});
  EXPECT_EQ(done.exit_code, 1);
  EXPECT_EQ(done.output,
            "flags/a.yaml:1:3  error  it defines a segment, and none is read from here (move it to segments/)\n"
            "flags/a.yaml:2:3  error  it defines an experiment, and none is read from here (move it to experiments/)\n"
            "flags/a.yaml:8:39  error  unknown key 'tests' in a flag (those of a flag stand in the folder tests/)\n"
            "flags/a.yaml:9:3  error  it defines a layer, and none is read from here (move it to layers.yaml)\n"
            "not valid  " +
                files.path() + ": 4 errors, 0 warnings\n");
}

TEST(ValidateTest, AFileThatCannotBeReadIsAFault) {
  const Workspace files({{"guidon.yaml", kProject}, {"flags/a.yaml", Flag("")}});
  std::filesystem::create_symlink("/nowhere/at/all.yaml", files / "flags/gone.yaml");
  ASSERT_EQ(mkfifo((files / "flags/pipe.yaml").c_str(), 0600), 0);
  const Finished done = Guidon({"validate", files.path()});
  EXPECT_EQ(done.exit_code, 1);
  EXPECT_NE(done.output.find("flags/gone.yaml  error  it cannot be read: there is no file"), std::string::npos)
      << done.output;
  EXPECT_NE(done.output.find("flags/pipe.yaml  error  it cannot be read: "), std::string::npos) << done.output;
}

TEST(ValidateTest, FoldersThatLinkToEachOtherAreReadOnce) {
  const Workspace files({{"guidon.yaml", kProject}, {"flags/a.yaml", Flag("")}});
  std::filesystem::create_directory_symlink(files.path(), files / "flags/again");
  EXPECT_EQ(Guidon({"validate", files.path()}).exit_code, 0);
}

TEST(ValidateTest, AWorkspaceIsOfOneProject) {
  const Workspace two({{"guidon.yaml", std::string(kProject) + "---\nproject: other\n"}});
  EXPECT_EQ(
      Guidon({"validate", two.path()}).output,
      "guidon.yaml:4:1  error  a workspace is of one project\nnot valid  " + two.path() + ": 1 error, 0 warnings\n");
  const Workspace none;
  none.Write("guidon.yaml", "# to be written\n");
  const Finished done = Guidon({"validate", none.path()});
  EXPECT_EQ(done.exit_code, 1);
  EXPECT_TRUE(done.output.starts_with("guidon.yaml  error  it names no project")) << done.output;
}

TEST(ValidateTest, WhatIsNoWorkspaceIsUnreadableInput) {
  const Finished missing = Guidon({"validate", "/nowhere/at/all"});
  EXPECT_EQ(missing.exit_code, 2);
  EXPECT_EQ(missing.output, "");
  EXPECT_EQ(missing.errors, "guidon: there is no folder /nowhere/at/all\n");
  const Workspace empty;
  const Finished done = Guidon({"validate", empty.path(), "--json"});
  EXPECT_EQ(done.exit_code, 2);
  EXPECT_EQ(JsonOf(done).Find("code")->AsString(), "io");
}

TEST(ValidateTest, AFileCannotSteerTheTerminal) {
  const std::string faults = FaultsOf("flags/a.yaml", Flag("\"\\e[31mred\": 1\n"));
  EXPECT_EQ(faults.find('\033'), std::string::npos) << faults;
  EXPECT_NE(faults.find("\\x1b[31mred"), std::string::npos) << faults;
}

TEST(ValidateTest, ProgramsGetEveryFaultWithItsPlace) {
  const Workspace files({{"guidon.yaml", kProject}, {"flags/a.yaml", Flag("enviroments: {}\n")}});
  const Finished done = Guidon({"validate", "--json", files.path()});
  EXPECT_EQ(done.exit_code, 1);
  const Value answer = JsonOf(done);
  EXPECT_FALSE(answer.Find("valid")->AsBool());
  EXPECT_EQ(answer.Find("errors")->AsInt(), 1);
  ASSERT_EQ(answer.Find("issues")->AsArray().size(), 1u);
  const Value& issue = answer.Find("issues")->AsArray()[0];
  EXPECT_EQ(ToJson(issue),
            R"({"file":"flags/a.yaml","line":4,"column":1,"severity":"error","code":"unknown_key",)"
            R"("entity":"flag checkout.layout","path":"enviroments","message":"unknown key 'enviroments' in a flag",)"
            R"("hint":"did you mean 'environments'?"})");
}

TEST(GateTest, PassesWhatIsValidAndFailsWhatIsNot) {
  const Finished pass = Guidon({"gate", "--environment", "production", "--workspace", ShopFolder(), "--offline",
                                "--now", "2027-01-15T08:00:00Z"});
  EXPECT_EQ(pass.exit_code, 0);
  EXPECT_EQ(pass.output,
            "not looked at: change, as --offline was given, and no --snapshot\n"
            "not looked at: code, as no --code was given\n"
            "not looked at: live, as --offline was given\n"
            "not looked at: delivery, as --offline was given\nPASS  production: nothing found\n");
  const Workspace files({{"guidon.yaml", kProject}, {"flags/a.yaml", Flag("enviroments: {}\n")}});
  const Finished fail = Guidon({"gate", "-e", "production", "-w", files.path(), "--offline"});
  EXPECT_EQ(fail.exit_code, 1);
  EXPECT_EQ(fail.output,
            "fail    static.definitions  " + files.path() +
                "/flags/a.yaml:4:1\n        flag checkout.layout: unknown key 'enviroments' in a flag (did "
                "you mean 'environments'?)\n"
                "not looked at: tests, as the definitions have errors\n"
                "not looked at: change, as --offline was given, and no --snapshot\n"
                "not looked at: code, as no --code was given\n"
                "not looked at: live, as --offline was given\n"
                "not looked at: delivery, as --offline was given\nFAIL  production: 1 to mend\n");
  const Value verdict = JsonOf(Guidon({"gate", "-e", "production", "-w", files.path(), "--offline", "--json"}));
  EXPECT_EQ(verdict.Find("verdict")->AsString(), "fail");
  EXPECT_EQ(verdict.Find("findings")->AsArray().size(), 1u);
}

TEST(GateTest, APolicyIsTheOneThatIsNamedOrStandsInTheWorkspace) {
  const std::string old = Flag("expires: 2020-01-01\nenvironments: { production: { enabled: true, default: on } }\n");
  const Workspace files({{"guidon.yaml", kProject}, {"flags/a.yaml", old}});
  const auto gate = [&](std::vector<std::string> more) {
    more.insert(more.begin(), {"gate", "-e", "production", "-w", files.path(), "--offline"});
    return Guidon(more);
  };
  EXPECT_EQ(gate({}).exit_code, 0);
  files.Write("gate.yaml", "policy: strict\nrules: { static.expiry: fail }\n");
  EXPECT_EQ(gate({}).exit_code, 1);
  EXPECT_EQ(Guidon({"validate", files.path()}).output.find("gate.yaml"), std::string::npos);
  files.Write("../lenient.yaml", "rules: { static.expiry: off }\n");
  EXPECT_EQ(gate({"--policy", files.path() + "/../lenient.yaml"}).exit_code, 0);
  std::filesystem::remove(files.path() + "/../lenient.yaml");
  files.Write("gate.yaml", "ruels: {}\n");
  const Finished refused = gate({});
  EXPECT_EQ(refused.exit_code, 2);
  EXPECT_EQ(refused.output, "");
  EXPECT_NE(refused.errors.find("gate.yaml:1:1  error  unknown key 'ruels' in a policy (did you mean 'rules'?)"),
            std::string::npos)
      << refused.errors;
  EXPECT_EQ(gate({"--policy", "/nowhere.yaml"}).exit_code, 2);
  // Nor is there a verdict by one that would pass what was hardly looked at.
  files.Write("gate.yaml", "waivers: [{ rule: static.definitions, reason: later, until: 2099-01-01 }]\n");
  const Finished hiding = gate({});
  EXPECT_EQ(hiding.exit_code, 2) << hiding.output;
  EXPECT_NE(hiding.errors.find("gate.yaml:1:19  error  static.definitions always fails: where definitions have errors"),
            std::string::npos)
      << hiding.errors;
}

TEST(GateTest, SaysItInOneFormatAndIntoAFileWhereOneIsNamed) {
  const std::vector<std::string> gate = {"gate",       "-e",        "production", "-w",
                                         ShopFolder(), "--offline", "--now",      "2027-01-15T08:00:00Z"};
  const auto with = [&](std::vector<std::string> more) {
    more.insert(more.begin(), gate.begin(), gate.end());
    return Guidon(more);
  };
  EXPECT_EQ(with({"--sarif"}).output.substr(0, 12), R"({"$schema":")");
  EXPECT_EQ(with({"--junit"}).output.substr(0, 5), "<?xml");
  EXPECT_EQ(with({"--markdown"}).output.substr(0, 3), "## ");
  EXPECT_EQ(with({"--github"}).output.substr(0, 9), "::notice ");
  EXPECT_EQ(with({"--github", "--json"}).exit_code, 2);
  const Workspace folder;
  const Finished written = with({"--markdown", "--output", folder / "comment.md"});
  EXPECT_EQ(written.exit_code, 0);
  EXPECT_EQ(written.output, "");
  EXPECT_EQ(TextFile(folder / "comment.md"), with({"--markdown"}).output);
}

TEST(GateTest, WithoutAPolicyThatCanBeReadThereIsNoVerdict) {
  const Finished other = Guidon({"gate", "-e", "prodution", "-w", ShopFolder(), "--offline"});
  EXPECT_EQ(other.exit_code, 2);
  EXPECT_EQ(other.errors, "guidon: the workspace has no environment 'prodution'; did you mean 'production'?\n");
  EXPECT_EQ(Guidon({"gate", "-e", "production", "-w", "/nowhere", "--offline"}).exit_code, 2);
  EXPECT_EQ(Guidon({"gate", "-e", "production", "-w", ShopFolder(), "--offline", "--now", "soon"}).exit_code, 2);
  // Of that day, and of no other.
  const auto on = [](const std::string& day) {
    return Guidon({"gate", "-e", "production", "-w", ShopFolder(), "--offline", "--now", day + "T08:00:00Z"}).output;
  };
  EXPECT_EQ(on("2027-01-15").find("static.expiry"), std::string::npos);
  EXPECT_NE(on("2031-01-15").find("static.expiry"), std::string::npos);
}

TEST(ValidateTest, WhatNoApplicationCouldEvaluateIsAnError) {
  // Each needs the next twice: the first would look at 2^18 flags.
  std::string flags;
  for (int i = 0; i < 18; ++i) {
    const std::string next = "f" + std::to_string(i + 1);
    flags += "- { flag: f" + std::to_string(i) + ", type: boolean, owner: search, environments: { production: { " +
             "enabled: true, default: on, requires: [{ flag: " + next + ", is: on }, { flag: " + next +
             ", is: on }] } } }\n";
  }
  flags +=
      "- { flag: f18, type: boolean, owner: search, environments: { production: { enabled: true, default: on } } }\n";
  const Workspace files(
      {{"guidon.yaml", "project: shop\nenvironments: { production: {} }\n"}, {"flags/all.yaml", flags}});
  const Finished done = Guidon({"validate", files.path()});
  EXPECT_EQ(done.exit_code, 1) << done.output;
  EXPECT_NE(done.output.find("flags/all.yaml:1:"), std::string::npos) << done.output;
  EXPECT_NE(done.output.find("more than 100000 flags"), std::string::npos) << done.output;
  EXPECT_EQ(Guidon({"gate", "-w", files.path(), "-e", "production", "--offline"}).exit_code, 1);
}

}  // namespace
}  // namespace guidon::testing
