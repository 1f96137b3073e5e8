// What YAML text becomes, where each part of it stands, and how faults are said.
#include "yaml/yaml.h"

#include <gtest/gtest.h>

#include "core/base/json.h"

namespace guidon {
namespace {

// The documents as JSON, one a line, or the faults as line:column code.
std::string Read(std::string_view text, const YamlLimits& limits = {}) {
  const YamlResult result = ParseYaml(text, limits);
  std::string out;
  for (const YamlDocument& document : result.documents) out += (out.empty() ? "" : "\n") + ToJson(document.value);
  for (const YamlFault& fault : result.faults) {
    out += std::to_string(fault.at.line) + ":" + std::to_string(fault.at.column) + " " + fault.issue.code;
  }
  return out;
}

std::string MessageOf(std::string_view text) {
  const YamlResult result = ParseYaml(text);
  if (result.faults.empty()) return "";
  const Issue& issue = result.faults[0].issue;
  return issue.message + (issue.hint.empty() ? "" : " (" + issue.hint + ")");
}

TEST(YamlTest, PlainScalarsResolveByTheCoreSchema) {
  const std::pair<const char*, const char*> cases[] = {
      {"true", "true"},
      {"false", "false"},
      {"True", R"("True")"},
      {"TRUE", R"("TRUE")"},
      {"yes", R"("yes")"},
      {"no", R"("no")"},
      {"on", R"("on")"},
      {"off", R"("off")"},
      {"y", R"("y")"},
      {"NO", R"("NO")"},
      {"null", "null"},
      {"~", "null"},
      {"Null", "null"},
      {"NULL", "null"},
      {"", "null"},
      {"nULL", R"("nULL")"},
      {"0", "0"},
      {"-0", "0"},
      {"+7", "7"},
      {"-17", "-17"},
      {"0017", "17"},
      {"0o17", "15"},
      {"0o8", R"("0o8")"},
      {"0x1F", "31"},
      {"0xZZ", R"("0xZZ")"},
      {"-0x1F", R"("-0x1F")"},
      {"0b101", R"("0b101")"},
      {"1_000", R"("1_000")"},
      {"9223372036854775807", "9223372036854775807"},
      {"-9223372036854775808", "-9223372036854775808"},
      {"1.5", "1.5"},
      {"-.5", "-0.5"},
      {"+.5", "0.5"},
      {"5.", "5.0"},
      {"4.10", "4.1"},
      {"1e3", "1000.0"},
      {"1E+3", "1000.0"},
      {"1e", R"("1e")"},
      {"1.2.3", R"("1.2.3")"},
      {".", R"(".")"},
      {"20%", R"("20%")"},
      {"48h", R"("48h")"},
      {"2027-03-31", R"("2027-03-31")"},
      {"2027-03-31T08:00:00Z", R"("2027-03-31T08:00:00Z")"},
      {"12:30:45", R"("12:30:45")"},
      {"'17'", R"("17")"},
      {"\"true\"", R"("true")"},
      {"'null'", R"("null")"},
      {"'~'", R"("~")"},
      {"''", R"("")"},
      {"inf", R"("inf")"},
      {"nan", R"("nan")"},
      {"!!str 17", R"("17")"},
      {"!!str true", R"("true")"},
      {"! 17", R"("17")"},
      {"\"\\u00e9\\x41\"", R"("éA")"},
      {"é", R"("é")"},
  };
  for (const auto& [text, json] : cases) {
    EXPECT_EQ(Read("v: " + std::string(text)), "{\"v\":" + std::string(json) + "}") << text;
    EXPECT_EQ(Read("[ x, { v: " + std::string(text) + " } ]"), "[\"x\",{\"v\":" + std::string(json) + "}]") << text;
  }
}

TEST(YamlTest, IntegersKeepAllTheirDigitsAndDoublesStayDoubles) {
  const YamlResult result = ParseYaml("[9007199254740993, 5.0, 1e2]");
  ASSERT_EQ(result.documents.size(), 1u);
  const Array& list = result.documents[0].value.AsArray();
  EXPECT_TRUE(list[0].is_int());
  EXPECT_EQ(list[0].AsInt(), 9007199254740993);
  EXPECT_FALSE(list[1].is_int());
  EXPECT_FALSE(list[2].is_int());
}

TEST(YamlTest, NumbersThatCannotBeKeptAreRefusedWhereTheyStand) {
  for (const char* text : {".inf", "-.inf", "+.Inf", ".INF", ".nan", ".NaN", ".NAN", "9223372036854775808",
                           "-9223372036854775809", "0xFFFFFFFFFFFFFFFF", "1e400", "-1e400", "1e-400"}) {
    EXPECT_EQ(Read("a: 1\nb: " + std::string(text)), "2:4 yaml_number") << text;
    EXPECT_EQ(Read("a: 1\nb: \"" + std::string(text) + "\""), "{\"a\":1,\"b\":\"" + std::string(text) + "\"}") << text;
  }
}

TEST(YamlTest, KeysAreTextWhateverTheyLookLike) {
  EXPECT_EQ(Read("{ on: 1, 17: 2, true: 3, null: 4, 4.10: 5, NO: 6 }"),
            R"({"on":1,"17":2,"true":3,"null":4,"4.10":5,"NO":6})");
  EXPECT_EQ(Read("a: 1\n[b, c]: 2"), "2:1 yaml_key");
  EXPECT_EQ(Read("{ {b: c}: 2 }"), "1:3 yaml_key");
  EXPECT_EQ(Read("? [b]\n: 2"), "1:3 yaml_key");
}

TEST(YamlTest, ADuplicateKeyNamesBothLines) {
  EXPECT_EQ(Read("a: 1\nb: 2\na: 3\n"), "3:1 yaml_duplicate_key");
  EXPECT_EQ(MessageOf("a: 1\nb: 2\na: 3\n"), "'a' is here twice; first in line 1");
  EXPECT_EQ(Read("x:\n  - { a: 1,\n      'a': 2 }"), "3:7 yaml_duplicate_key");
  EXPECT_EQ(MessageOf("x:\n  - { a: 1,\n      'a': 2 }"), "'a' is here twice; first in line 2");
  EXPECT_EQ(Read("- { a: 1 }\n- { a: 1 }"), R"([{"a":1},{"a":1}])");
}

TEST(YamlTest, MergeKeysAreRefusedAndQuotedOnesAreKeys) {
  EXPECT_EQ(Read("base: &b { a: 1 }\nuse:\n  <<: *b\n"), "3:3 yaml_merge_key");
  EXPECT_EQ(Read("'<<': 1"), R"({"<<":1})");
  EXPECT_EQ(Read("a: <<"), R"({"a":"<<"})");
}

TEST(YamlTest, TagsButTextAreRefused) {
  EXPECT_EQ(Read("a: !!int 17"), "1:4 yaml_tag");
  EXPECT_EQ(Read("a: !!binary aGk="), "1:4 yaml_tag");
  EXPECT_EQ(Read("a: !secret x"), "1:4 yaml_tag");
  EXPECT_EQ(Read("a: !!set { b }"), "1:4 yaml_tag");
  EXPECT_EQ(Read("a: !!python/object:os.system [x]"), "1:4 yaml_tag");
}

TEST(YamlTest, AliasesStandForWhatIsAnchored) {
  EXPECT_EQ(Read("a: &x [1, { b: 2 }]\nc: *x\nd: [*x]"), R"({"a":[1,{"b":2}],"c":[1,{"b":2}],"d":[[1,{"b":2}]]})");
  EXPECT_EQ(Read("a: &x on\nb: *x"), R"({"a":"on","b":"on"})");
  EXPECT_EQ(Read("a: &x name\n*x : 2"), R"({"a":"name","name":2})");
  EXPECT_EQ(Read("a: &x 1\nb: &x 2\nc: *x"), R"({"a":1,"b":2,"c":2})") << "an anchor may be given again";
  EXPECT_EQ(Read("a: &x [1]\n---\nb: *x"), "3:4 yaml_syntax") << "anchors end with their document";
  EXPECT_EQ(Read("a: *nobody"), "1:4 yaml_syntax");
  EXPECT_EQ(Read("a: &x [*x]"), "1:8 yaml_syntax");
}

TEST(YamlTest, SeveralDocumentsAreReadInOrderAndEmptyOnesLeftOut) {
  EXPECT_EQ(Read("a: 1\n---\nb: 2\n---\n---\n# nothing\n---\n[3]\n...\n"), "{\"a\":1}\n{\"b\":2}\n[3]");
  EXPECT_EQ(Read(""), "");
  EXPECT_EQ(Read("# only a comment\n"), "");
  EXPECT_EQ(Read("%YAML 1.2\n---\na: 1"), R"({"a":1})");
  EXPECT_EQ(Read("\xEF\xBB\xBFmark: 1"), R"({"mark":1})");
}

TEST(YamlTest, AFaultRefusesTheTextWhole) {
  const YamlResult result = ParseYaml("a: 1\n---\nb: [\n");
  EXPECT_TRUE(result.documents.empty());
  EXPECT_EQ(result.faults.size(), 1u);
}

TEST(YamlTest, SyntaxFaultsSayWhere) {
  EXPECT_EQ(Read("a: 1\n b: 2\n"), "2:3 yaml_syntax");
  EXPECT_EQ(Read("a: [1, 2\n"), "2:1 yaml_syntax");
  EXPECT_EQ(Read("a: 'open\n"), "2:1 yaml_syntax");
  EXPECT_EQ(Read("a: \"open"), "2:1 yaml_syntax");
  EXPECT_EQ(MessageOf("a: \"open\n\n"), "a text in quotes is not closed (add the quote)");
  EXPECT_EQ(Read("a: 'x\n---\n"), "2:1 yaml_syntax");
  EXPECT_EQ(Read("flag: x\n\ttype: boolean\n"), "2:1 yaml_syntax");
  EXPECT_EQ(Read("a: }"), "1:4 yaml_syntax");
  EXPECT_EQ(Read("a: @shop"), "1:4 yaml_syntax");
}

TEST(YamlTest, TheCommonestMistakesAreSaidInPlainWords) {
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"a: New: checkout", "a ': ' within a text would begin a map (put the whole text in quotes)"},
      {"a: 1\n  b: 2",
       "this line does not belong to the one before: it is indented further "
       "(line up keys that belong together, or close the quote or bracket above)"},
      {"a:\n\tb: 2", "a tab at the beginning of a line (indent with blanks)"},
      {"a: 1\n\tb: 2", "a tab at the beginning of a line (indent with blanks)"},
      {"a: @me", "a text cannot begin with '@' (put it in quotes)"},
      {"a: `b`", "a text cannot begin with '`' (put it in quotes)"},
      {"a: [x, y\nb: 1", "a list that '[' begins is not closed (add ']')"},
      {"a: {x: 1\n", "a map that '{' begins is not closed (add '}')"},
      {"a:\n  - x\n b: 1", "this line does not belong to the ones before (line up what belongs together)"},
      {"a: b\n- c", "this line does not belong to the ones before (line up what belongs together)"},
  };
  for (const auto& [text, message] : cases) EXPECT_EQ(MessageOf(text), message) << text;
}

TEST(YamlTest, TextsInBlocksKeepTheirLines) {
  EXPECT_EQ(Read("a: |\n  x\n   y\n\nb: >\n  x\n  y\nc: |-\n  x"), R"({"a":"x\n y\n","b":"x y\n","c":"x"})");
}

TEST(YamlTest, AnEscapeThatMakesNoUtf8IsRefused) {
  EXPECT_EQ(Read(R"(a: "\N")"), "1:4 yaml_utf8");
  EXPECT_EQ(Read(R"(a: "\_")"), "1:4 yaml_utf8");
  EXPECT_EQ(Read(R"(a: "\ud800")"), "1:11 yaml_syntax");
}

TEST(YamlTest, PositionsOfKeysAndValuesCountFromOne) {
  const YamlResult result = ParseYaml(
      "flag: x\n"
      "environments:\n"
      "  production:\n"
      "    rules:\n"
      "      - id: a\n"
      "      - when: { app.version: 1,\n"
      "                  \"odd key\": [x,  yy] }\n"
      "copy: &c { deep: { er: 1 } }\n"
      "other: *c\n");
  ASSERT_EQ(result.documents.size(), 1u);
  const SourceMap& map = result.documents[0].positions;
  const auto at = [](SourcePosition position) {
    return std::to_string(position.line) + ":" + std::to_string(position.column);
  };
  const Path rules = Path().Key("environments").Key("production").Key("rules");
  EXPECT_EQ(at(map.Of(Path())), "1:1");
  EXPECT_EQ(at(map.Of(Path().Key("flag"))), "1:7");
  EXPECT_EQ(at(map.OfKey(Path().Key("flag"))), "1:1");
  EXPECT_EQ(at(map.OfKey(rules)), "4:5");
  EXPECT_EQ(at(map.Of(rules.Index(0))), "5:9");
  EXPECT_EQ(at(map.OfKey(rules.Index(0))), "5:9") << "an element has no key";
  const Path when = rules.Index(1).Key("when");
  EXPECT_EQ(at(map.OfKey(when.Key("app.version"))), "6:17");
  EXPECT_EQ(at(map.Of(when.Key("app.version"))), "6:30");
  EXPECT_EQ(at(map.OfKey(when.Key("odd key"))), "7:19");
  EXPECT_EQ(at(map.Of(when.Key("odd key").Index(1))), "7:35");
  EXPECT_EQ(at(map.Of(when.Key("odd key").Index(2))), "7:30") << "the closest parent";
  EXPECT_EQ(at(map.OfKey(when.Key("missing").Key("deeper"))), "6:15") << "the closest parent's value";
  EXPECT_EQ(at(map.Of(Path().Key("flag").Key("x"))), "1:7");
  EXPECT_EQ(at(map.Of(Path().Key("other").Key("deep").Key("er"))), "9:8") << "within an alias: the alias";
}

TEST(YamlTest, ColumnsCountCharacters) {
  const auto at = [](SourcePosition position) {
    return std::to_string(position.line) + ":" + std::to_string(position.column);
  };
  for (const std::string mark : {"", "\xEF\xBB\xBF"}) {
    const YamlResult whole = ParseYaml(mark + "{ größe: 1, \"😀€\": [é, yy], b: , c: 3 }\n---\nä: { ö: x }\n");
    ASSERT_EQ(whole.documents.size(), 2u) << mark;
    const SourceMap& map = whole.documents[0].positions;
    EXPECT_EQ(at(map.OfKey(Path().Key("größe"))), "1:3");
    EXPECT_EQ(at(map.Of(Path().Key("größe"))), "1:10");
    EXPECT_EQ(at(map.OfKey(Path().Key("😀€"))), "1:13");
    EXPECT_EQ(at(map.Of(Path().Key("😀€").Index(1))), "1:23");
    EXPECT_EQ(at(map.OfKey(Path().Key("b"))), "1:28");
    EXPECT_EQ(at(map.OfKey(Path().Key("c"))), "1:33");
    EXPECT_EQ(at(whole.documents[1].positions.Of(Path().Key("ä").Key("ö"))), "3:9");
    const YamlResult twice = ParseYaml(mark + "{ ü: 1, b: 2, b: 3 }\n");
    ASSERT_EQ(twice.faults.size(), 1u);
    EXPECT_EQ(at(twice.faults[0].at), "1:15");
    const YamlResult broken = ParseYaml(mark + "x: 1\nüüü: 'a' b\n");
    ASSERT_EQ(broken.faults.size(), 1u);
    EXPECT_EQ(at(broken.faults[0].at), "2:10");
  }
}

TEST(YamlTest, ColumnsCountFromTheDocumentNotTheStream) {
  const YamlResult result = ParseYaml("a: 1\n---\nb: 2\n");
  ASSERT_EQ(result.documents.size(), 2u);
  EXPECT_EQ(result.documents[1].positions.OfKey(Path().Key("b")).line, 3);
}

}  // namespace
}  // namespace guidon
