#include "removal/edits.h"

#include <gtest/gtest.h>

#include <string>

namespace guidon::removal {
namespace {

std::string Applied(const Edits& edits, const std::string& text) {
  const Result<std::string> after = edits.ApplyTo(text);
  return after ? *after : "refused: " + after.error().message;
}

TEST(EditsTest, WhatLiesWithinAnotherGoesWithIt) {
  Edits edits;
  edits.Replace(6, 9, "x");
  edits.Delete(4, 12);
  EXPECT_EQ(Applied(edits, "0123456789abcdef"), "0123 cdef");
}

TEST(EditsTest, TheSameTwiceCountsOnce) {
  Edits edits;
  edits.Replace(0, 1, "on");
  edits.Replace(0, 1, "on");
  EXPECT_EQ(Applied(edits, "x + 1"), "on + 1");
}

TEST(EditsTest, DeletionsThatOverlapAreOne) {
  Edits edits;
  edits.Delete(2, 6);
  edits.Delete(4, 8);
  EXPECT_EQ(Applied(edits, "0123456789"), "01 89");
}

TEST(EditsTest, NoTwoWordsBecomeOne) {
  Edits edits;
  edits.Replace(6, 10, "true");
  edits.Delete(15, 16);
  edits.Delete(17, 18);
  EXPECT_EQ(Applied(edits, "return(on)and y(x)z + (1)"), "return true and y x z + (1)");
}

TEST(EditsTest, TextsThatOverlapAreRefused) {
  Edits edits;
  edits.Replace(2, 6, "a");
  edits.Replace(4, 8, "b");
  EXPECT_EQ(Applied(edits, "0123456789"), "refused: two edits overlap");
  Edits beyond;
  beyond.Delete(4, 11);
  EXPECT_EQ(Applied(beyond, "0123456789"), "refused: an edit beyond the text");
}

TEST(EditsTest, LinesLoseTheBlanksThatTheyHave) {
  Edits edits;
  edits.Outdent(2, 2);
  edits.Outdent(2, 2);
  edits.Outdent(9, 4);
  EXPECT_EQ(Applied(edits, "a\n    b;\n c;\n"), "a\nb;\nc;\n");
}

TEST(EditsTest, WhatIsTakenAwayIsCovered) {
  Edits edits;
  edits.Delete(2, 6);
  EXPECT_TRUE(edits.Covers(2, 6));
  EXPECT_TRUE(edits.Covers(3, 4));
  EXPECT_FALSE(edits.Covers(5, 7));
  EXPECT_FALSE(Edits().Covers(0, 0));
}

std::string Without(const std::string& text, const std::string& statement) {
  const std::size_t begin = text.find(statement);
  const Edit edit = WholeStatement(text, begin, begin + statement.size());
  return text.substr(0, edit.begin) + text.substr(edit.end);
}

TEST(WholeStatementTest, TakesItsLinesAndTheCommentBehind) {
  EXPECT_EQ(Without("{\n  a;\n  b;  // that\n  c;\n}\n", "b;"), "{\n  a;\n  c;\n}\n");
  EXPECT_EQ(Without("{\n  // before\n  b;\n}\n", "b;"), "{\n  // before\n}\n");
}

TEST(WholeStatementTest, LeavesNoEmptyLineTooMany) {
  EXPECT_EQ(Without("{\n  a;\n\n  b;\n\n  c;\n}\n", "b;"), "{\n  a;\n\n  c;\n}\n");
  EXPECT_EQ(Without("{\n  a;\n\n  b;\n}\n", "b;"), "{\n  a;\n}\n");
  EXPECT_EQ(Without("{\n  b;\n\n  c;\n}\n", "b;"), "{\n  c;\n}\n");
}

TEST(WholeDeclarationTest, TakesTheCommentRightAbove) {
  const std::string text = "// of the file\n\n// One.\n// Two.\nint a;\n\nint b;\n";
  const std::size_t begin = text.find("int a;");
  const Edit edit = WholeDeclaration(text, begin, begin + 6);
  EXPECT_EQ(text.substr(0, edit.begin) + text.substr(edit.end), "// of the file\n\nint b;\n");
}

TEST(WholeStatementTest, WithinALineTakesNoMoreThanItself) {
  EXPECT_EQ(Without("{ a; b; c; }\n", "b;"), "{ a; c; }\n");
  EXPECT_EQ(Without("  a; b;\n", "b;"), "  a;\n");
}

TEST(LinesTest, DirectivesAreFoundAtTheBeginOfALineOnly) {
  const std::string text = "a;\n  #if X\nb; // #else\n#endif\n";
  EXPECT_TRUE(HasDirective(text, 0, 12));
  EXPECT_FALSE(HasDirective(text, 12, 22));
  EXPECT_TRUE(HasDirective(text, 12, text.size()));
}

TEST(LinesTest, TheGuardOfAHeaderIsNoCondition) {
  const std::string text = "// One.\n#ifndef A_H_\n#define A_H_\n# include <b>\na;\n#ifdef X\nb;\n#endif\nc;\n#endif\n";
  EXPECT_FALSE(IsWithinIf(text, text.find("a;")));
  EXPECT_TRUE(IsWithinIf(text, text.find("b;")));
  EXPECT_FALSE(IsWithinIf(text, text.find("c;")));
  const std::string bare = "#ifndef X\na;\n#else\nb;\n#endif\n";
  EXPECT_TRUE(IsWithinIf(bare, bare.find("a;")));
  EXPECT_TRUE(IsWithinIf(bare, bare.find("b;")));
}

}  // namespace
}  // namespace guidon::removal
