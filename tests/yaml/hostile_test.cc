// Text that was made to hurt: bombs, depth, size, bytes that are no text, garbage.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <random>

#include "core/base/json.h"
#include "yaml/yaml.h"

namespace guidon {
namespace {

std::string CodeOf(const YamlResult& result) {
  return result.faults.empty() ? "" : result.faults[0].issue.code;
}

// Of a property test: ten times as many in the long run, a tenth under sanitizers.
int Rounds(int usual) {
  const char* scale = std::getenv("GUIDON_PROPERTY_SCALE");
  const double all = std::getenv("GUIDON_TEST_ALL") != nullptr ? 10 : 1;
  return std::max(1, static_cast<int>(usual * all * (scale != nullptr ? std::atof(scale) : 1.0)));
}

std::string Repeated(std::string_view text, std::size_t count) {
  std::string out;
  for (std::size_t i = 0; i < count; ++i) out += text;
  return out;
}

TEST(HostileYamlTest, AnAliasBombIsRefusedByCountingWhatItStandsFor) {
  std::string bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n";
  for (int level = 1; level < 12; ++level) {
    const std::string last = "*a" + std::to_string(level - 1);
    bomb += "a" + std::to_string(level) + ": &a" + std::to_string(level) + " [" + last;
    for (int i = 1; i < 10; ++i) bomb += ", " + last;
    bomb += "]\n";
  }
  const YamlResult result = ParseYaml(bomb);
  EXPECT_EQ(CodeOf(result), "yaml_nodes");
  EXPECT_GT(result.faults[0].at.line, 3);
}

TEST(HostileYamlTest, AliasesOfALongTextAreCountedInBytes) {
  const std::string text = "a: &a " + std::string(1 << 20, 'x') + "\nb: [" + Repeated("*a, ", 100'000) + "]\n";
  EXPECT_EQ(CodeOf(ParseYaml(text)), "yaml_nodes");
  EXPECT_EQ(CodeOf(ParseYaml("a: &a [" + std::string(3 << 20, 'x') + "]\nb: [*a, *a]\n")), "yaml_nodes");
  EXPECT_EQ(CodeOf(ParseYaml("a: &a " + std::string(1 << 20, 'x') + "\nb: [*a, *a, *a]\n")), "");
}

TEST(HostileYamlTest, AnchorsAtEveryLevelAreCountedAsTheCopiesTheyAre) {
  std::string text;
  for (int i = 0; i < 60; ++i) text += "&a" + std::to_string(i) + " [";
  text += Repeated("1,", 100'000) + Repeated("]", 60);
  EXPECT_EQ(CodeOf(ParseYaml(text)), "yaml_nodes");
  text = text.substr(0, text.find("1,")) + std::string(1 << 20, 'x') + Repeated("]", 60);
  EXPECT_EQ(CodeOf(ParseYaml(text)), "yaml_nodes") << "few values, many bytes";
}

TEST(HostileYamlTest, MessagesAreShortHoweverLongTheTextIs) {
  for (const std::string& text :
       {std::string(100'000, '9'), std::string(100'000, '9') + ".5e999999", "a: !" + std::string(1'000, 't') + " x",
        Repeated("? " + std::string(5'000, 'k') + "\n: 1\n", 2)}) {
    const YamlResult result = ParseYaml(text);
    ASSERT_FALSE(result.faults.empty());
    EXPECT_LT(result.faults[0].issue.message.size(), 200u);
  }
}

TEST(HostileYamlTest, ATokenThatNothingCanBeginWithIsRefusedAndNotMetForEver) {
  for (const char* text : {", b: ", "]", "}", "a: 1\n]", "--- x\n---\n, y", "[1] ,", "? ]"}) {
    const YamlResult result = ParseYaml(text);
    EXPECT_EQ(CodeOf(result), "yaml_syntax") << text;
    ASSERT_FALSE(result.faults.empty());
    EXPECT_GT(result.faults[0].at.line, 0) << text;
  }
}

TEST(HostileYamlTest, ALongKeyAboveManyValuesCostsItsLengthOnce) {
  const std::string text = "? " + std::string(1 << 20, 'k') + "\n: [" + Repeated("1,", 300'000) + "]\n";
  const YamlResult result = ParseYaml(text);
  ASSERT_EQ(CodeOf(result), "");
  EXPECT_EQ(result.documents[0].value.AsObject().begin()->value.AsArray().size(), 300'000u);
}

TEST(HostileYamlTest, SixtyFourLevelsAreReadAndOneMoreIsRefused) {
  EXPECT_EQ(CodeOf(ParseYaml(Repeated("[", 64) + Repeated("]", 64))), "");
  EXPECT_EQ(CodeOf(ParseYaml(Repeated("[", 65) + Repeated("]", 65))), "yaml_depth");
  EXPECT_EQ(CodeOf(ParseYaml(Repeated("{a: ", 64) + "1" + Repeated("}", 64))), "");
  EXPECT_EQ(CodeOf(ParseYaml(Repeated("{a: ", 65) + "1" + Repeated("}", 65))), "yaml_depth");
  EXPECT_EQ(CodeOf(ParseYaml(Repeated("- ", 64) + "1")), "");
  EXPECT_EQ(CodeOf(ParseYaml(Repeated("- ", 65) + "1")), "yaml_depth");
  EXPECT_FALSE(ParseYaml(Repeated("[", 100'000)).faults.empty());
  EXPECT_EQ(CodeOf(ParseYaml(Repeated("- ", 100'000) + "1")), "yaml_depth");
}

TEST(HostileYamlTest, WhatAnAliasStandsForCountsTowardsTheDepth) {
  const std::string half = Repeated("[", 40) + Repeated("]", 40);
  EXPECT_EQ(CodeOf(ParseYaml("a: &a " + half + "\nb: " + Repeated("[", 23) + "*a" + Repeated("]", 23))), "");
  EXPECT_EQ(CodeOf(ParseYaml("a: &a " + half + "\nb: " + Repeated("[", 24) + "*a" + Repeated("]", 24))), "yaml_depth");
}

TEST(HostileYamlTest, BytesThatAreNoTextAreRefusedWithTheirLine) {
  for (const std::string& bad : {std::string("\xff"), std::string("\xc3\x28"), std::string("\xed\xa0\x80"),
                                 std::string("\xf4\x90\x80\x80"), std::string("\xc0\xaf"), std::string("\0", 1)}) {
    const YamlResult result = ParseYaml("a: 1\nb: " + bad + "\nc: 2\n");
    EXPECT_EQ(CodeOf(result), "yaml_utf8");
    EXPECT_EQ(result.faults[0].at.line, 2);
  }
  EXPECT_EQ(CodeOf(ParseYaml(std::string_view("\xff\xfe"
                                              "a\0:\0",
                                              6))),
            "yaml_utf8")
      << "UTF-16";
}

TEST(HostileYamlTest, TheBoundOnSizeIsExact) {
  YamlLimits limits;
  limits.max_bytes = 20;
  EXPECT_EQ(CodeOf(ParseYaml("a: " + std::string(17, 'x'), limits)), "");
  EXPECT_EQ(CodeOf(ParseYaml("a: " + std::string(18, 'x'), limits)), "yaml_size");
  EXPECT_EQ(CodeOf(ParseYaml("a: " + std::string(4 << 20, 'x'))), "yaml_size");
}

TEST(HostileYamlTest, TheBoundOnNodesIsExact) {
  YamlLimits limits;
  limits.max_nodes = 4;  // the list and three numbers
  EXPECT_EQ(CodeOf(ParseYaml("[1, 2, 3]", limits)), "");
  EXPECT_EQ(CodeOf(ParseYaml("[1, 2, 3, 4]", limits)), "yaml_nodes");
}

// Whatever comes in, something comes out: documents or faults, never both, and every document is JSON again.
void ExpectAnAnswer(const std::string& text) {
  const YamlResult result = ParseYaml(text);
  ASSERT_TRUE(result.faults.empty() || result.documents.empty());
  for (const YamlDocument& document : result.documents) {
    const Result<Value> again = ParseJson(ToJson(document.value));
    ASSERT_TRUE(again) << again.error().message;
    ASSERT_EQ(*again, document.value);
  }
  for (const YamlFault& fault : result.faults) {
    ASSERT_FALSE(fault.issue.code.empty());
    ASSERT_FALSE(fault.issue.message.empty());
  }
}

TEST(HostileYamlTest, RandomBytesAreAnsweredWithDocumentsOrFaults) {
  constexpr unsigned kSeed = 20270331;
  std::mt19937 random(kSeed);
  for (int round = Rounds(2'000); round > 0; --round) {
    std::string text(random() % 64, '\0');
    for (char& c : text) c = static_cast<char>(random());
    SCOPED_TRACE("seed " + std::to_string(kSeed) + ", round " + std::to_string(round));
    ExpectAnAnswer(text);
    if (HasFatalFailure()) return;
  }
}

TEST(HostileYamlTest, RandomIndicatorsAreAnsweredWithDocumentsOrFaults) {
  constexpr unsigned kSeed = 4711;
  const char* const kParts[] = {"a",   "b: ", "- ", "\n",  "  ", "[",   "]", "{",  "}",    ", ",      ": ", "? ",
                                "&x ", "*x",  "'",  "\"",  "|",  ">\n", "#", "!!", "!",    "---",     "\n", "...",
                                "%",   "<<",  "~",  "1e9", "\t", "\\",  "@", "`",  "\r\n", "\xc2\xa0"};
  std::mt19937 random(kSeed);
  for (int round = Rounds(10'000); round > 0; --round) {
    std::string text;
    for (unsigned i = random() % 24; i > 0; --i) text += kParts[random() % std::size(kParts)];
    SCOPED_TRACE("seed " + std::to_string(kSeed) + ", round " + std::to_string(round) + ": " + text);
    ExpectAnAnswer(text);
    if (HasFatalFailure()) return;
  }
}

TEST(HostileYamlTest, ADefinitionWithOneByteChangedIsAnswered) {
  constexpr unsigned kSeed = 99;
  const std::string good =
      "flag: checkout.layout\ntype: string\nvariations: { a: multi, b: \"si\\u00e9\" }\nenvironments:\n"
      "  production:\n    enabled: true\n    rules:\n      - id: x\n        when: &w { country: [DE, \"NO\"] }\n"
      "      - { when: *w, serve: a }\n    default: |\n      text\n";
  ASSERT_TRUE(ParseYaml(good).faults.empty());
  std::mt19937 random(kSeed);
  for (int round = Rounds(2'000); round > 0; --round) {
    std::string text = good;
    for (unsigned i = 1 + random() % 3; i > 0; --i) text[random() % text.size()] = static_cast<char>(random() % 128);
    SCOPED_TRACE("seed " + std::to_string(kSeed) + ", round " + std::to_string(round));
    ExpectAnAnswer(text);
    if (HasFatalFailure()) return;
  }
}

}  // namespace
}  // namespace guidon
