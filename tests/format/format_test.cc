#include "format/format.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "tests/format/random_yaml.h"
#include "yaml/yaml.h"

namespace guidon {
namespace {

namespace fs = std::filesystem;

std::string Formatted(std::string_view text) {
  const Result<std::string> formatted = FormatYaml(text);
  return formatted ? *formatted : "refused: " + formatted.error().message;
}

std::vector<std::string> SortedComments(std::string_view text) {
  std::vector<std::string> comments = CommentsOf(text).value();
  std::sort(comments.begin(), comments.end());
  return comments;
}

// What FormatYaml promises of every text that can be read.
void ExpectFaithful(const std::string& text, const std::string& where) {
  const YamlResult before = ParseYaml(text);
  const Result<std::string> formatted = FormatYaml(text);
  if (!before.faults.empty()) {
    EXPECT_FALSE(formatted) << where;
    return;
  }
  ASSERT_TRUE(formatted) << where << ": " << formatted.error().message << "\n" << text;
  const YamlResult after = ParseYaml(*formatted);
  ASSERT_EQ(after.documents.size(), before.documents.size()) << where << "\n" << text;
  for (std::size_t i = 0; i < before.documents.size(); ++i) {
    EXPECT_EQ(after.documents[i].value, before.documents[i].value) << where << "\n" << text << "\n=>\n" << *formatted;
  }
  EXPECT_EQ(SortedComments(*formatted), SortedComments(text)) << where << "\n" << text;
  EXPECT_EQ(Formatted(*formatted), *formatted) << where << ": once more changes it; from\n" << text;
}

std::string ReadWhole(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

TEST(FormatTest, IndentsByTwoAndKeepsTheOrderOfKeys) {
  EXPECT_EQ(Formatted("b:\n- 1\n-   c: 2\n    a:\n        deep: 1\na:    x\n"),
            "b:\n  - 1\n  - c: 2\n    a:\n      deep: 1\na: x\n");
}

TEST(FormatTest, CommentsStayWithWhatTheyAreAbout) {
  const std::string text =
      "# the file\n"
      "\n"
      "flag: a  # behind\n"
      "rules:  # behind a key\n"
      "  # before an element\n"
      "  - id: x  # of a member\n"
      "    when: { a: 1 }\n"
      "    # at the end of an element\n"
      "  # at the end of a list\n"
      "\n"
      "# before a key\n"
      "text: |  # behind a header\n"
      "  # no comment\n"
      "# at the end of the document\n"
      "---\n"
      "# before the second\n"
      "b: [1, 2]\n"
      "# at the end of the file\n";
  EXPECT_EQ(Formatted(text), text);
}

TEST(FormatTest, ACommentThatHasNoPlaceInTheLayoutMovesAboveWhatItWasIn) {
  EXPECT_EQ(Formatted("a:\n  # why\n  1\n"), "# why\na: 1\n");
  EXPECT_EQ(Formatted("- # why\n  a: 1\n"), "# why\n- a: 1\n");
  EXPECT_EQ(Formatted("a: [ # none\n]\n"), "# none\na: []\n");
  EXPECT_EQ(Formatted("---  # new\na: 1\n"), "# new\na: 1\n");
}

TEST(FormatTest, WhatIsInBracketsStaysWhereItFitsAndIsBrokenWhereNot) {
  EXPECT_EQ(Formatted("a: {b: [1,2 ,3],c: { }}\n"), "a: { b: [1, 2, 3], c: {} }\n");
  EXPECT_EQ(Formatted("a: [\n  1,\n  2,\n]\n"), "a: [1, 2]\n");
  EXPECT_EQ(Formatted("- [a: 1]\n"), "- [{ a: 1 }]\n");
  const std::string exactly(90, 'x');  // "k: [a, " and "]" around it: 98
  EXPECT_EQ(Formatted("k: [a, " + exactly + "xx]\n"), "k: [a, " + exactly + "xx]\n");
  EXPECT_EQ(Formatted("k: [a, " + exactly + "xxx]  # c\n"), "k:  # c\n  - a\n  - " + exactly + "xxx\n");
  EXPECT_EQ(Formatted("- { a: 1,  # one\n    b: 2 }\n"), "- a: 1  # one\n  b: 2\n");
}

TEST(FormatTest, QuotesGoWhereTheyAreNotNeeded) {
  EXPECT_EQ(Formatted("a: \"text of words\"\n'b': 'on'\nc: on\n"), "a: text of words\nb: \"on\"\nc: on\n");
  // What another reader could take for something else keeps them.
  const std::string kept =
      "a: \"17\"\nb: \"true\"\nc: \"4.2.0\"\nd: \"null\"\ne: \"\"\nf: \"a: b\"\ng: \"@x\"\nh: \"x \"\n";
  EXPECT_EQ(Formatted(kept), kept);
  EXPECT_EQ(Formatted("a: '@x'\nb: \"^\\\\d+$\"\nc: 'say \"hi\"'\nd: 'it''s #1'\n"),
            "a: \"@x\"\nb: '^\\d+$'\nc: 'say \"hi\"'\nd: \"it's #1\"\n");
}

TEST(FormatTest, TextsOfSeveralLinesKeepTheirLines) {
  EXPECT_EQ(Formatted("a: |-\n      one\n        two\n\n      three\n\n\nb: >+\n   folded\n\n\nc: 1\n"),
            "a: |-\n  one\n    two\n\n  three\n\nb: >+\n  folded\n\n\nc: 1\n");
  EXPECT_EQ(Formatted("a: |4\n      indented\n    less\n"), "a: |2\n    indented\n  less\n");
  EXPECT_EQ(Formatted("a: some words\n      and more\n"), "a: some words\n  and more\n");
}

TEST(FormatTest, AnchorsAliasesAndTagsStay) {
  EXPECT_EQ(Formatted("a: &x\n    b: &z key\nc:   &y   !!str  17\n*z : *x\n"),
            "a: &x\n  b: &z key\nc: &y !!str 17\n*z : *x\n");
  EXPECT_EQ(Formatted("- &x # c\n  a: 1\n- [*x , *x ]\n"), "- &x  # c\n  a: 1\n- [*x, *x]\n");
}

TEST(FormatTest, AtMostOneBlankLineAndNoneAtTheBeginOfABlock) {
  EXPECT_EQ(Formatted("\n\na:\n\n  b: 1\n\n\n\n  c: 2\n\n\n---\n\nd: 1\n\n\n"), "a:\n  b: 1\n\n  c: 2\n---\nd: 1\n");
}

TEST(FormatTest, LinesEndAsOnUnix) {
  EXPECT_EQ(Formatted("\xEF\xBB\xBF"
                      "a: 1 # x\r\nb: |\r\n  y\r\n"),
            "a: 1  # x\nb: |\n  y\n");
  EXPECT_EQ(Formatted("a: 1"), "a: 1\n");
  EXPECT_EQ(Formatted("#\ttab\tin it \n"), "#\ttab\tin it\n");
  EXPECT_EQ(Formatted(""), "");
}

TEST(FormatTest, RefusesWhatCannotBeReadAndSaysWhere) {
  EXPECT_EQ(Formatted("a: 1\na: 2\n"), "refused: 2:1: 'a' is here twice; first in line 1");
  EXPECT_EQ(Formatted("%YAML 1.2\n---\na: 1\n"),
            "refused: 1:1: a directive (%YAML, %TAG) says nothing here: leave it out");
  EXPECT_EQ(Formatted("a: 1\nb: over\rtwo\n"),
            R"(refused: 2:8: a carriage return without a line feed (within a text write \r in double quotes))");
}

TEST(FormatTest, IsFaithfulToRandomTexts) {
  constexpr std::uint64_t kSeeds = 600;
  std::size_t read = 0;
  for (std::uint64_t seed = 1; seed <= kSeeds && !::testing::Test::HasFailure(); ++seed) {
    const std::string text = testing::RandomYaml(seed);
    read += ParseYaml(text).faults.empty() ? 1 : 0;
    ExpectFaithful(text, "seed " + std::to_string(seed));
  }
  EXPECT_GT(read, kSeeds / 2);
}

TEST(FormatTest, IsFaithfulToTheFilesOfThisProject) {
  std::size_t files = 0;
  for (const char* folder : {"experiments/shop", "tests/core/codec/cases", "tests/fuzz/corpus/yaml"}) {
    for (const auto& entry : fs::recursive_directory_iterator(fs::path(GUIDON_SOURCE_DIR) / folder)) {
      const std::string ending = entry.path().extension().string();
      if (!entry.is_regular_file() || (ending != ".yaml" && ending != ".json" && !ending.empty())) continue;
      ExpectFaithful(ReadWhole(entry.path()), entry.path().string());
      ++files;
    }
  }
  EXPECT_GT(files, 50U);
}

TEST(FormatTest, TheShopHasTheLayout) {
  for (const auto& entry : fs::recursive_directory_iterator(GUIDON_SOURCE_DIR "/experiments/shop")) {
    if (entry.path().extension() != ".yaml") continue;
    const std::string text = ReadWhole(entry.path());
    EXPECT_EQ(Formatted(text), text) << entry.path() << ": guidon fmt experiments/shop";
  }
}

}  // namespace
}  // namespace guidon
