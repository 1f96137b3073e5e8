// Places in a text, as editors, YAML and we count them.
#include "lsp/text.h"

#include <gtest/gtest.h>

#include "lsp/uri.h"

namespace guidon::lsp {
namespace {

struct Case {
  const char* what;
  std::string text;
  std::size_t offset;
  Place utf16, utf8;
};

TEST(TextTest, PlacesInBothEncodings) {
  const Case cases[] = {
      {"the beginning", "abc", 0, {0, 0}, {0, 0}},
      {"the end", "abc", 3, {0, 3}, {0, 3}},
      {"nothing", "", 0, {0, 0}, {0, 0}},
      {"behind two bytes", "é:x", 2, {0, 1}, {0, 2}},
      {"behind three bytes", "€:x", 3, {0, 1}, {0, 3}},
      {"behind a surrogate pair", "😀:x", 4, {0, 2}, {0, 4}},
      {"behind two of them", "😀😀x", 8, {0, 4}, {0, 8}},
      {"a combining accent is one of its own", "e\xCC\x81x", 3, {0, 2}, {0, 3}},
      {"the second line", "a\nbc", 3, {1, 1}, {1, 1}},
      {"behind CRLF", "a\r\n😀c", 7, {1, 2}, {1, 4}},
      {"behind a lone CR", "a\rb", 2, {1, 0}, {1, 0}},
      {"behind the last end of line", "a\n", 2, {1, 0}, {1, 0}},
      {"a byte that is no UTF-8", "\xFFx", 1, {0, 1}, {0, 1}},
      {"a character that is cut off", "a\xF0\x9F", 3, {0, 3}, {0, 3}},
  };
  for (const Case& one : cases) {
    const Text text(one.text);
    EXPECT_EQ(text.PlaceOf(one.offset, Encoding::kUtf16), one.utf16) << one.what;
    EXPECT_EQ(text.PlaceOf(one.offset, Encoding::kUtf8), one.utf8) << one.what;
    EXPECT_EQ(text.OffsetOf(one.utf16, Encoding::kUtf16), one.offset) << one.what;
    EXPECT_EQ(text.OffsetOf(one.utf8, Encoding::kUtf8), one.offset) << one.what;
  }
}

TEST(TextTest, PlacesThatAreNoneAreTheClosestBefore) {
  const Text text("a😀b\r\ncd");
  EXPECT_EQ(text.OffsetOf({0, 2}, Encoding::kUtf16), 1u) << "within a surrogate pair";
  EXPECT_EQ(text.OffsetOf({0, 3}, Encoding::kUtf8), 1u) << "within a character";
  EXPECT_EQ(text.OffsetOf({0, 99}, Encoding::kUtf16), 6u) << "behind the end of a line, which is before its CRLF";
  EXPECT_EQ(text.OffsetOf({7, 0}, Encoding::kUtf16), text.size());
  EXPECT_EQ(text.PlaceOf(3, Encoding::kUtf16), (Place{0, 1})) << "within a character";
  EXPECT_EQ(text.PlaceOf(7, Encoding::kUtf16), (Place{0, 4})) << "between CR and LF";
  EXPECT_EQ(text.PlaceOf(99, Encoding::kUtf16), (Place{1, 2}));
}

TEST(TextTest, PlacesOfYamlAreThoseOfItsFaults) {
  const std::pair<std::string, std::string> cases[] = {
      {"a: 1\nb: 2\nb: 3\n", "b: 3"},           {"a: 1\r\nb: 2\r\nb: 3\r\n", "b: 3"},
      {"{ ü: 1, b: 2, b: 3 }\n", "b: 3"},       {"{ \"😀€\": 1, b: 2, b: 3 }\n", "b: 3"},
      {"\xEF\xBB\xBF{ b: 2, b: 3 }\n", "b: 3"}, {"\xEF\xBB\xBF# é\nx: { b: 2, b: 3 }\n", "b: 3"},
  };
  for (const auto& [text, what] : cases) {
    const YamlResult yaml = ParseYaml(text);
    ASSERT_EQ(yaml.faults.size(), 1u) << text;
    EXPECT_EQ(Text(text).OffsetOf(yaml.faults[0].at), text.find(what)) << text;
  }
  EXPECT_EQ(Text("abc").OffsetOf(SourcePosition{0, 0}), 0u);
  EXPECT_EQ(Text("abc\n").OffsetOf(SourcePosition{9, 9}), 4u);
}

TEST(TextTest, ChangesAreInPlace) {
  Text text("a: 😀\nb: 2\n");
  text.Replace(text.OffsetOf({0, 3}, Encoding::kUtf16), text.OffsetOf({0, 5}, Encoding::kUtf16), "x\ny");
  EXPECT_EQ(text.str(), "a: x\ny\nb: 2\n");
  EXPECT_EQ(text.OffsetOf({2, 3}, Encoding::kUtf16), 10u);
  text.Replace(5, 2, "!");  // the wrong way round
  EXPECT_EQ(text.str(), "a: x\n!y\nb: 2\n");
  text.Replace(999, 1'000, "z");
  EXPECT_EQ(text.str(), "a: x\n!y\nb: 2\nz");
}

TEST(UriTest, ArePathsAndBack) {
  EXPECT_EQ(PathOfUri("file:///srv/a%20b/%C3%BC.yaml"), "/srv/a b/ü.yaml");
  EXPECT_EQ(PathOfUri("file://localhost/a/./b/../c"), "/a/c");
  EXPECT_EQ(PathOfUri("file:///a%2"), "/a%2");
  EXPECT_EQ(PathOfUri("untitled:one"), std::nullopt);
  EXPECT_EQ(PathOfUri("file://other/a"), std::nullopt);
  EXPECT_EQ(PathOfUri("file:///a%00b"), std::nullopt);
  EXPECT_EQ(UriOfPath("/srv/a b/ü.yaml"), "file:///srv/a%20b/%C3%BC.yaml");
}

}  // namespace
}  // namespace guidon::lsp
