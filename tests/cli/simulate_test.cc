// guidon simulate: distributions and moves, from files, a ruleset document and a server.
#include <algorithm>
#include <filesystem>
#include <fstream>

#include "core/base/json.h"
#include "core/base/text.h"
#include "tests/cli/cli.h"

namespace guidon::testing {
namespace {

const std::string kPopulation = ShopFolder() + "/populations/shoppers.yaml";

class SimulateTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    server_ = new Guidond();
    ASSERT_EQ(Cli({"apply", ShopFolder()}).exit_code, 0);
  }
  static void TearDownTestSuite() {
    delete server_;
    server_ = nullptr;
  }
  static Finished Cli(std::vector<std::string> arguments) { return GuidonOf(*server_, std::move(arguments)); }

  // The shop with the ramp of the one page at so much.
  std::string ShopAt(const std::string& single, const std::string& multi) const {
    const std::string folder = folder_ / ("shop-" + single.substr(0, single.size() - 1));
    std::filesystem::copy(ShopFolder(), folder, std::filesystem::copy_options::recursive);
    const std::string file = folder + "/flags/checkout-layout.yaml", was = "{ single_page: 20%, multi_step: 80% }";
    std::string text = TextFile(file);
    const std::size_t at = text.find(was);
    EXPECT_NE(at, std::string::npos);
    std::ofstream(file) << text.replace(at, was.size(), "{ single_page: " + single + ", multi_step: " + multi + " }");
    return folder;
  }

  static std::int64_t Units(const Value& list, std::string_view name, std::string_view wanted) {
    for (const Value& counted : list.AsArray()) {
      if (counted.Find(name)->AsString() == wanted) return counted.Find("units")->AsInt();
    }
    return 0;
  }

  static Guidond* server_;
  const TemporaryFolder folder_;
};
Guidond* SimulateTest::server_ = nullptr;

TEST_F(SimulateTest, ServerRulesetAndWorkspaceCountAlike) {
  const std::vector<std::string> verb = {"simulate", "checkout.layout", "--population", kPopulation, "--json"};
  const auto with = [&](std::vector<std::string> more) {
    more.insert(more.begin(), verb.begin(), verb.end());
    return more;
  };
  Value asked = JsonOf(Cli(with({"-e", "production"})));
  EXPECT_EQ(asked.Find("units")->AsInt(), 20'000);
  EXPECT_EQ(asked.Find("seed")->AsInt(), 20270331);
  const std::int64_t single = Units(*asked.Find("variations"), "variation", "single_page");
  EXPECT_EQ(single + Units(*asked.Find("variations"), "variation", "multi_step"), 20'000);
  EXPECT_GT(single, 500);
  EXPECT_GT(Units(*asked.Find("decided"), "by", "rule eu-ramp"), 0);
  EXPECT_GT(Units(*asked.Find("reasons"), "reason", "SPLIT"), 0);
  EXPECT_EQ(JsonOf(Cli(with({"-e", "production", "--revision", ToJson(*asked.Find("revision"))}))), asked);
  const std::string file = folder_ / "production.json";
  ASSERT_EQ(Cli({"export", "-e", "production", "-o", file}).exit_code, 0);
  EXPECT_EQ(JsonOf(Guidon(with({"--ruleset", file}))), asked);
  const Value authored = JsonOf(Guidon(with({"-e", "production", "-w", ShopFolder(), "--offline"})));
  asked.MutableObject().Erase("revision");
  EXPECT_EQ(authored, asked);
  EXPECT_EQ(authored.Find("moved"), nullptr);
}

TEST_F(SimulateTest, AChangeIsComparedWithTheServerOrAFile) {
  const std::string edited = ShopAt("40%", "60%"), file = folder_ / "production.json";
  ASSERT_EQ(Cli({"export", "-e", "production", "-o", file}).exit_code, 0);
  const std::vector<std::string> verb = {"simulate", "checkout.layout", "--population", kPopulation, "-w", edited};
  std::vector<std::string> with_file = verb, with_server = verb;
  with_file.insert(with_file.end(), {"--snapshot", file, "--json"});
  with_server.insert(with_server.end(), {"-e", "production", "--json"});
  const Value moves = JsonOf(Cli(with_server));
  EXPECT_EQ(JsonOf(Guidon(with_file)), moves);
  const std::int64_t before = Units(*moves.Find("before")->Find("variations"), "variation", "single_page");
  const std::int64_t after = Units(*moves.Find("variations"), "variation", "single_page");
  const std::int64_t moved = moves.Find("moved")->AsInt();
  // As few move as have to: those that the one page gains.
  EXPECT_EQ(after - before, moved);
  EXPECT_GT(moved, 500);
  std::int64_t all = 0;
  for (const Value& move : moves.Find("moves")->AsArray()) {
    all += move.Find("units")->AsInt();
    const std::string from = move.Find("from")->AsString(), to = move.Find("to")->AsString();
    EXPECT_TRUE(from == to || from + " " + to == "multi_step single_page") << from << " " << to;
  }
  EXPECT_EQ(all, 20'000);
  std::vector<std::string> for_people = verb;
  for_people.insert(for_people.end(), {"-e", "production"});
  const Finished said = Cli(for_people);
  EXPECT_NE(said.output.find("\n" + std::to_string(moved) + " move, "), std::string::npos) << said.output;
  EXPECT_NE(said.output.find("\n  from \\ to "), std::string::npos) << said.output;
  const Finished same =
      Cli({"simulate", "checkout.layout", "--population", kPopulation, "-w", ShopFolder(), "-e", "production"});
  EXPECT_NE(same.output.find("\nnobody moves\n"), std::string::npos) << same.output;
}

// A matrix that is too wide is a list, and the list ends with a word.
TEST_F(SimulateTest, MovesOfVeryManyVariationsAreListedToABound) {
  Guidond server;
  const auto wide = [&](const std::string& name, std::size_t variations, std::size_t letters, bool splits) {
    std::string text = "flag: wide\ntype: number\nowner: web\nvariations: { ", shares;
    for (std::size_t i = 0; i < variations; ++i) {
      const std::string variation = std::string(letters, 'v') + std::to_string(i);
      text += (i == 0 ? "" : ", ") + variation + ": " + std::to_string(i);
      shares += (i == 0 ? "" : ", ") + variation + ": " + (i == 0 ? std::to_string(101 - variations) : "1") + "%";
    }
    text += " }\nenvironments: { production: { enabled: true, default: ";
    text += splits ? "{ serve: { " + shares + " } }" : std::string(letters, 'v') + "0";
    const std::string folder = folder_ / (name + (splits ? "-after" : "-before"));
    std::filesystem::create_directories(folder + "/flags");
    std::ofstream(folder + "/guidon.yaml") << "project: " + name + "\nenvironments: { production: {} }\n";
    std::ofstream(folder + "/flags/wide.yaml") << text << " } }\n";
    return folder;
  };
  const auto moves = [&](const std::string& name, std::size_t variations, std::size_t letters) {
    const std::string before = wide(name, variations, letters, false), file = folder_ / (name + ".json");
    EXPECT_EQ(GuidonOf(server, {"apply", before}).exit_code, 0);
    const Finished exported = GuidonOf(server, {"export", "--project", name, "-e", "production", "-o", file});
    EXPECT_EQ(exported.exit_code, 0) << exported.errors;
    const Finished done = Guidon({"simulate", "wide", "--population", "{ population: 5000 }", "--snapshot", file, "-w",
                                  wide(name, variations, letters, true)});
    EXPECT_EQ(done.exit_code, 0) << done.errors;
    return done.output.substr(done.output.find(" move, "));
  };
  const std::string many = moves("many", 30, 1);
  EXPECT_EQ(many.find("from \\ to"), std::string::npos) << many;
  EXPECT_EQ(std::count(many.begin(), many.end(), '\n'), 1 + 20 + 1) << many;
  EXPECT_NE(many.find(" in 9 other ways; --json has them all\n"), std::string::npos) << many;
  // Each column is as wide as its name, so that these fit; with a letter more they do not.
  const std::string fits = moves("fits", 4, 12), wider = moves("wider", 4, 13);
  EXPECT_NE(fits.find("from \\ to"), std::string::npos) << fits;
  EXPECT_EQ(wider.find("from \\ to"), std::string::npos) << wider;
  EXPECT_EQ(std::count(wider.begin(), wider.end(), '\n'), 1 + 3) << wider;
}

TEST_F(SimulateTest, GivenContextsAreCountedExactly) {
  const std::string file = folder_ / "contexts.jsonl";
  std::ofstream(file)
      << "{\"key\": \"user-17\"}\n\n{\"key\": \"user-23\"}\n{\"key\": \"u\", \"email\": \"a@shop.example\"}\n{}\n";
  const Finished done = Cli({"simulate", "checkout.layout", "-e", "production", "--contexts", file});
  EXPECT_EQ(done.exit_code, 0) << done.errors;
  EXPECT_EQ(done.output, "checkout.layout in production: 4 contexts of " + file + R"(

served
  single_page   3  75.0%
  multi_step    1  25.0%

decided by
  targets     single_page   2  50.0%
  default     multi_step    1  25.0%
  rule staff  single_page   1  25.0%

reasons
  TARGETING_MATCH   3  75.0%
  DEFAULT           1  25.0%
)");
}

TEST_F(SimulateTest, WhatCannotBeUsedIsNamedWithItsPlace) {
  const std::string file = folder_ / "population.yaml";
  std::ofstream(file) << "population: 20000000\nattributes:\n  country: { weigths: { DE: 1 } }\n";
  const Finished done = Cli({"simulate", "checkout.layout", "-e", "production", "--population", file});
  EXPECT_EQ(done.exit_code, 2);
  EXPECT_EQ(done.output, "");
  EXPECT_NE(done.errors.find(file + ":1:13  error  20000000 has to be a whole number from 1 to 10000000"),
            std::string::npos)
      << done.errors;
  EXPECT_NE(done.errors.find(file + ":3:14  error  unknown key 'weigths'"), std::string::npos) << done.errors;
  const Finished empty = Cli({"simulate", "checkout.layout", "-e", "production", "--population", "{"});
  EXPECT_EQ(empty.exit_code, 2);
  EXPECT_NE(empty.errors.find("--population:1:"), std::string::npos) << empty.errors;
  const Finished flag = Cli({"simulate", "checkout.layot", "-e", "production", "--population", "{population: 1}"});
  EXPECT_EQ(flag.exit_code, 2);
  EXPECT_NE(flag.errors.find("did you mean 'checkout.layout'?"), std::string::npos) << flag.errors;
}

TEST_F(SimulateTest, NoLineIsLongerThanATerminalIsWide) {
  const std::string population = folder_ / "a/folder/with/a/name/that/is/rather/long/indeed/shoppers.yaml";
  std::filesystem::create_directories(std::filesystem::path(population).parent_path());
  std::filesystem::copy_file(kPopulation, population);
  const std::string shown = OnTerminal(
      {"simulate", "checkout.layout", "--population", population, "-w", ShopFolder(), "-e", "production", "--offline"},
      {"NO_COLOR=1"});
  EXPECT_NE(shown.find("From the workspace alone"), std::string::npos) << shown;
  EXPECT_NE(shown.find("checkout.layout in production: 20000 units of"), std::string::npos) << shown;
  std::size_t begin = 0;
  for (std::size_t end; (end = shown.find("\r\n", begin)) != std::string::npos; begin = end + 2) {
    EXPECT_LE(Width(shown.substr(begin, end - begin)), 80U) << shown.substr(begin, end - begin);
  }
}

TEST_F(SimulateTest, AConflictIsAProblemAndNothingIsCounted) {
  const Finished done = Asking(
      {"simulate", "checkout.layout", "-w", ShopFolder(), "-e", "production", "--population", "{population: 100}"},
      {{R"({"changes": [], "conflicts": [{"kind": "flag", "key": "checkout.layout"}]})"}});
  EXPECT_EQ(done.exit_code, 1);
  EXPECT_EQ(done.output, "");
  EXPECT_NE(done.errors.find("`guidon plan` shows it"), std::string::npos) << done.errors;
}

}  // namespace
}  // namespace guidon::testing
