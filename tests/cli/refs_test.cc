// guidon refs: the table, the document, a config, and headers that guidon generate cpp writes.
#include <gmock/gmock.h>

#include "core/base/json.h"
#include "tests/cli/cli.h"

namespace guidon::testing {
namespace {

using Texts = std::vector<std::pair<std::string, std::string>>;

using ::testing::HasSubstr;

constexpr const char* kCart =
    "void Show(const guidon::Client& client) {\n"
    "  client.String(\"checkout.layout\", user, \"multi\");\n"
    "  client.Bool(\"payments.v2\", user, false);\n"
    "}\n";

TEST(RefsVerbTest, AFlagIsFollowedByTheLinesThatReadIt) {
  const Workspace files({{"src/cart.cc", kCart}, {"src/page.ts", "client.getStringValue('checkout.layout', x);\n"}});
  const Finished done = Guidon({"refs", files / "src/cart.cc", files / "src"});
  EXPECT_EQ(done.exit_code, 0);
  EXPECT_EQ(done.errors, "");
  std::string output = done.output;
  for (std::size_t at; (at = output.find(files.path() + "/")) != std::string::npos;) {
    output.erase(at, files.path().size() + 1);
  }
  EXPECT_THAT(output, ::testing::MatchesRegex("checkout.layout\n"
                                              "  src/cart.cc:2:17 +String as string, default \"multi\"\n"
                                              "  src/page.ts:1:23 +getStringValue as string\n"
                                              "payments.v2\n"
                                              "  src/cart.cc:3:15 +Bool as boolean, default false\n"
                                              "3 reads of 2 flags in 2 files\n"));
  EXPECT_THAT(Guidon({"refs", files / "src", "--flag", "payments.v2"}).output,
              HasSubstr("1 read of 1 flag in 2 files\n"));
  EXPECT_EQ(Guidon({"refs", files / "src", "--flag", "another"}).output, "0 reads of 0 flags in 2 files\n");
}

TEST(RefsVerbTest, NoLineIsLongerThanATerminalIsWide) {
  const Workspace files(Texts{{"a/folder/with/a/name/that/is/rather/long/indeed/cart.cc", kCart}});
  const std::string shown = OnTerminal({"refs", files.path()}, {"NO_COLOR=1"});
  std::size_t begin = 0;
  for (std::size_t end; (end = shown.find("\r\n", begin)) != std::string::npos; begin = end + 2) {
    const std::string line = shown.substr(begin, end - begin);
    if (line.starts_with("  /")) continue;  // a path is left whole
    EXPECT_LE(line.size(), 80u) << line;
  }
  EXPECT_THAT(shown, HasSubstr("\r\n    String as string, default \"multi\"\r\n"));
}

TEST(RefsVerbTest, ProgramsGetEveryReadWithAllThatIsKnownOfIt) {
  const Workspace files(Texts{{"cart.cc", kCart}});
  const Value answer = JsonOf(Guidon({"refs", files.path(), "--json"}));
  EXPECT_EQ(
      ToJson(answer.Find("references")->AsArray().at(1)),
      R"({"key":"payments.v2","file":")" + files / "cart.cc" +
          R"(","line":3,"column":15,"wanted":"boolean","default":false,"language":"cpp","how":"call","by":"Bool"})");
  EXPECT_EQ(answer.Find("files")->AsInt(), 1);
  EXPECT_EQ(answer.Find("bytes")->AsInt(), static_cast<std::int64_t>(std::string(kCart).size()));
  EXPECT_TRUE(answer.Find("skipped")->AsArray().empty());
}

TEST(RefsVerbTest, AccessorsAreFoundAsGenerateWritesThem) {
  const Workspace files(
      {{"main.cc",
        "#include \"flags.h\"\n"
        "int main() { shop::flags::checkout_layout(client, user); shop::flags::payments_v2(c, u, true); }\n"},
       {"config/refs.yaml", "refs: { generated: ../build/flags.h }\n"},
       {"build/.gitkeep", ""}});
  const auto generate = [&](const std::string& to) {
    return Guidon({"generate", "cpp", ShopFolder(), "--namespace", "shop::flags", "--output", files / to}).exit_code;
  };
  ASSERT_EQ(generate("build/flags.h"), 0);
  const auto expect = [&](const std::vector<std::string>& words) {
    const Finished done = Guidon(words);
    EXPECT_THAT(done.output, HasSubstr("main.cc:2:27  flags::checkout_layout as string\n"));
    EXPECT_THAT(done.output, HasSubstr("main.cc:2:71  flags::payments_v2 as boolean, default true\n"));
    EXPECT_THAT(done.output, HasSubstr("2 reads of 2 flags"));
  };
  expect({"refs", files.path()});
  expect({"refs", files / "main.cc", "--config", files / "config/refs.yaml"});
}

TEST(RefsVerbTest, WhatCannotBeReadIsAFaultOfUsageWithItsPlace) {
  const Workspace files({{"a.cc", kCart},
                         {"bad.yaml", "refs:\n  calls:\n    - { call: 1x, type: flag }\n"},
                         {"broken.yaml", "refs: [\n"},
                         {"empty.yaml", ""}});
  EXPECT_EQ(Guidon({"refs", files / "nowhere"}).exit_code, 2);
  const Finished bad = Guidon({"refs", files.path(), "--config", files / "bad.yaml"});
  EXPECT_EQ(bad.exit_code, 2);
  EXPECT_EQ(bad.output, "");
  const std::string place = "guidon: " + files / "bad.yaml";
  EXPECT_EQ(bad.errors, place + ":3:15: '1x' is no name of a function (such as is_enabled or features.is_enabled)\n" +
                            place + ":3:25: unknown type 'flag' (one of unknown, boolean, string, number, json)\n" +
                            place + " cannot be used\n");
  EXPECT_THAT(Guidon({"refs", files.path(), "--config", files / "broken.yaml"}).errors, HasSubstr("broken.yaml:"));
  EXPECT_THAT(Guidon({"refs", files.path(), "--config", files / "empty.yaml"}).errors,
              HasSubstr("0 documents, not one"));
  EXPECT_EQ(JsonOf(Guidon({"refs", files / "nowhere", "--json"})).Find("code")->AsString(), "io");
}

constexpr const char* kFlags =
    "- { flag: checkout.layout, type: string, owner: a, variations: { old: multi, new: single }, environments: {\n"
    "    production: { enabled: true, off: old, rules: [{ when: { country: DE }, serve: new }], default: old } } }\n"
    "- { flag: payments.v2, type: boolean, owner: a, environments: {\n"
    "    production: { enabled: true, rules: [{ when: { country: DE }, serve: on }], default: off } } }\n";

TEST(GateCodeTest, CodeIsHeldAgainstTheWorkspaceByItsConfigToo) {
  const Workspace files({{"shop/guidon.yaml", "project: shop\nenvironments: { production: {} }\n"},
                         {"shop/flags/all.yaml", kFlags},
                         {"shop/refs.yaml", "refs: { calls: [{ call: is_on, type: boolean }] }\n"},
                         {"src/cart.cc", kCart},
                         {"web/a.py", "is_on('payment.v2')\n"}});
  const std::vector<std::string> words = {"gate", "-e", "production", "-w", files / "shop", "--offline"};
  const auto with = [&](std::vector<std::string> more) {
    more.insert(more.begin(), words.begin(), words.end());
    return Guidon(more);
  };
  const Finished pass = with({"--code", files / "src"});
  EXPECT_EQ(pass.exit_code, 0);
  EXPECT_EQ(pass.output,
            "not looked at: change, as --offline was given, and no --snapshot\n"
            "not looked at: usage, as no server was asked\n"
            "not looked at: live, as --offline was given\n"
            "not looked at: delivery, as --offline was given\nPASS  production: nothing found\n");
  const Finished fail = with({"--code", files / "src", "--code", files / "web"});
  EXPECT_EQ(fail.exit_code, 1);
  EXPECT_EQ(fail.output, "fail    code.unknown-flag  " + files / "web/a.py" +
                             ":1:7\n"
                             "        flag payment.v2: the code reads it, and there is no such flag (did you mean "
                             "'payments.v2'?); owner a\n"
                             "not looked at: change, as --offline was given, and no --snapshot\n"
                             "not looked at: usage, as no server was asked\n"
                             "not looked at: live, as --offline was given\n"
                             "not looked at: delivery, as --offline was given\n"
                             "FAIL  production: 1 to mend\n");
  files.Write("none.yaml", "refs: {}\n");
  EXPECT_EQ(with({"--code", files / "src", "--code", files / "web", "--code-config", files / "none.yaml"}).exit_code,
            0);
  EXPECT_EQ(with({"--code", files / "nowhere"}).exit_code, 2);
  // Where there is no code, none says that nothing reads a flag.
  const std::string empty = files / "empty";
  files.Write("empty/README.md", "nothing yet\n");
  const Finished none = with({"--code", empty});
  EXPECT_EQ(none.exit_code, 0);
  EXPECT_THAT(none.output, HasSubstr("not looked at: code, as there is none in " + empty + "\n"));
  EXPECT_THAT(none.output, ::testing::Not(HasSubstr("code.unused-flag")));
  EXPECT_EQ(with({"--code-config", files / "none.yaml"}).exit_code, 2);  // of no code
}

}  // namespace
}  // namespace guidon::testing
