// Texts as trees, also while they are no YAML.
#include "lsp/outline.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <iterator>

#include "yaml/yaml.h"

namespace guidon::lsp {
namespace {

// {a: 1, b: [2, 3]}; a key without a colon as a?, nothing as ~.
std::string Shape(const Node& node) {
  if (node.kind == Node::Kind::kNothing) return "~";
  if (node.kind == Node::Kind::kScalar) return node.text;
  const bool is_map = node.kind == Node::Kind::kMap;
  std::string text = is_map ? "{" : "[";
  for (const Entry& entry : node.entries) {
    if (text.size() > 1) text += ", ";
    if (is_map && !entry.has_colon) {
      text += entry.key + "?";
      continue;
    }
    text += (is_map ? entry.key + ": " : "") + Shape(entry.value);
  }
  return text + (is_map ? "}" : "]");
}
std::string Shape(std::string_view text) {
  std::string shapes;
  for (const Node& document : OutlineOf(text).documents) shapes += (shapes.empty() ? "" : " | ") + Shape(document);
  return shapes;
}

TEST(OutlineTest, WholeTexts) {
  EXPECT_EQ(Shape("a: 1\nb:\n  c: x # no\n  d: [1, {e: f}]\n"), "{a: 1, b: {c: x, d: [1, {e: f}]}}");
  EXPECT_EQ(Shape("- a: 1\n  b: 2\n-\n  c: 3\n- - 4\n  - 5\n"), "[{a: 1, b: 2}, {c: 3}, [4, 5]]");
  EXPECT_EQ(Shape("rules:\n- id: a\n- id: b\nx: 1\n"), "{rules: [{id: a}, {id: b}], x: 1}");
  EXPECT_EQ(Shape("a: \"x: # \\\" y\"\n'b''c': 'd''e'\n"), "{a: x: # \" y, b'c: d'e}");
  EXPECT_EQ(Shape("a: |\n  b: c\n\n  d\ne: 1\n"), "{a: , e: 1}");
  EXPECT_EQ(Shape("a: one\n  two\nb: 1\n"), "{a: one two, b: 1}");
  EXPECT_EQ(Shape("---\na: 1\n--- # x\n- b\n...\n"), "{a: 1} | [b]");
  EXPECT_EQ(Shape("a: {\n  b: 1,\n  c: 2\n}\nd: 3\n"), "{a: {b: 1, c: 2}, d: 3}");
  EXPECT_EQ(Shape("a: &x !!str 1\nb: *x\nc: http://d\n"), "{a: 1, b: *x, c: http://d}");
  EXPECT_EQ(Shape("a:\r\n  b: 1\r\nc: 2\r\n"), "{a: {b: 1}, c: 2}");
  EXPECT_EQ(Shape("\xEF\xBB\xBF"
                  "a: 1\nb: 2\n"),
            "{a: 1, b: 2}");
  EXPECT_EQ(Shape(""), "");
  EXPECT_EQ(Shape("# only\n"), "");
}

TEST(OutlineTest, TextsThatAreBeingTyped) {
  EXPECT_EQ(Shape("a: 1\nty\nb: 2\n"), "{a: 1, ty?, b: 2}");
  EXPECT_EQ(Shape("a:\n  ty\n  b: 2\nc: 3\n"), "{a: {ty?, b: 2}, c: 3}");
  EXPECT_EQ(Shape("a:\n  ty\nb: 2\n"), "{a: ty, b: 2}");
  EXPECT_EQ(Shape("when: { segment: eu-\nserve: x\n"), "{when: {segment: eu-}, serve: x}");
  EXPECT_EQ(Shape("- when: { segment: [a, b\n  serve: x\n- id: y\n"), "[{when: {segment: [a, b]}, serve: x}, {id: y}]");
  EXPECT_EQ(Shape("when: { seg }\nserve: x\n"), "{when: {seg?}, serve: x}");
  EXPECT_EQ(Shape("when: { a: 1, , b }\n"), "{when: {a: 1, b?}}");
  EXPECT_EQ(Shape("a: \"open\nb: 1\n"), "{a: open, b: 1}");
  EXPECT_EQ(Shape("a: 1\n    stray: 2\nb: 3\n"), "{a: 1, b: 3}");
  EXPECT_EQ(Shape("a: [1, 2\nb: }\nc: ]\n"), "{a: [1, 2], b: }, c: ]}");
  EXPECT_EQ(Shape("- a\nb: 1\n- c\n"), "[a]");
  EXPECT_EQ(Shape("a:\n  - \n  - b\n"), "{a: [~, b]}");
}

TEST(OutlineTest, FindsWhatStandsAtAPlace) {
  const std::string text = "a:\n  - { b: \"x y\", c: z }\n";
  const Outline outline = OutlineOf(text);
  const auto at = [&](const char* what) { return *SpotAt(outline, text.find(what)); };
  EXPECT_EQ(at("b:").path.ToText(), "a[0].b");
  EXPECT_TRUE(at("b:").on_key);
  EXPECT_EQ(at("x y").path.ToText(), "a[0].b");
  EXPECT_FALSE(at("x y").on_key);
  EXPECT_EQ(at("x y").text, "x y");
  EXPECT_EQ(text.substr(at("x y").begin, at("x y").end - at("x y").begin), "\"x y\"");
  EXPECT_EQ(SpotAt(outline, text.find("z }") + 1)->text, "z");  // behind its last character
  EXPECT_EQ(SpotAt(outline, text.size()), std::nullopt);
}

TEST(OutlineTest, DeepAndOddTextsEnd) {
  const std::string deep(100'000, '['), dashes = [] {
    std::string text;
    for (int i = 0; i < 20'000; ++i) text += "- ";
    return text;
  }();
  std::string quotes;
  for (int i = 0; i < 5'000; ++i) quotes += std::to_string(i) + ": \"open\n";
  for (const std::string& text :
       {deep, dashes, quotes, std::string(100'000, '{'), std::string(100'000, '\n'), std::string("\t\t: \t-\t:"),
        std::string("? a\n: b\n"), std::string("--- ---\n---a")}) {
    OutlineOf(text);
  }
}

// The same keys and values as the reader of YAML has them.
std::string Shape(const Value& value) {
  if (value.is_object()) {
    std::string text = "{";
    for (const Member& member : value.AsObject()) {
      text += (text.size() > 1 ? ", " : "") + member.name + ": " + Shape(member.value);
    }
    return text + "}";
  }
  std::string text = "[";
  for (const Value& element : value.AsArray()) text += (text.size() > 1 ? ", " : "") + Shape(element);
  return value.is_array() ? text + "]" : "*";
}
std::string ShapeOfKeys(const Node& node) {
  if (node.kind == Node::Kind::kScalar || node.kind == Node::Kind::kNothing) return "*";
  std::string text = node.kind == Node::Kind::kMap ? "{" : "[";
  for (const Entry& entry : node.entries) {
    text += (text.size() > 1 ? ", " : "") + (node.kind == Node::Kind::kMap ? entry.key + ": " : std::string()) +
            ShapeOfKeys(entry.value);
  }
  return text + (node.kind == Node::Kind::kMap ? "}" : "]");
}

// Each looks at itself only: were it at the whole line, this would take minutes.
TEST(OutlineTest, ManyQuotedKeysInOneLine) {
  constexpr std::size_t kKeys = 200'000;
  std::string text = "{";
  for (std::size_t i = 0; i < kKeys; ++i) text += "\"key " + std::to_string(i) + "\": 'it''s', ";
  const Outline outline = OutlineOf(text + "\"last\": \"a \n  \\\" b\"}\n");
  ASSERT_EQ(outline.documents.size(), 1u);
  const Node& map = outline.documents[0];
  ASSERT_EQ(map.entries.size(), kKeys + 1);
  EXPECT_EQ(map.entries[kKeys - 1].key, "key 199999");
  EXPECT_EQ(map.entries[kKeys - 1].value.text, "it's");
  EXPECT_EQ(map.entries[kKeys].value.text, "a \n  \" b");
}

TEST(OutlineTest, IsAsTheReaderOfYamlHasIt) {
  std::size_t files = 0;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(GUIDON_SOURCE_DIR "/experiments/shop")) {
    if (!entry.is_regular_file()) continue;
    ++files;
    std::ifstream in(entry.path(), std::ios::binary);
    const std::string text(std::istreambuf_iterator<char>(in), {});
    const YamlResult yaml = ParseYaml(text);
    const Outline outline = OutlineOf(text);
    ASSERT_EQ(yaml.documents.size(), outline.documents.size()) << entry.path();
    for (std::size_t i = 0; i < yaml.documents.size(); ++i) {
      EXPECT_EQ(ShapeOfKeys(outline.documents[i]), Shape(yaml.documents[i].value)) << entry.path();
    }
  }
  EXPECT_GT(files, 10u);
}

}  // namespace
}  // namespace guidon::lsp
