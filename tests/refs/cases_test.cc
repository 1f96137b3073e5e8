// What is found in each language, as data: tests/refs/cases/. A line that reads flags says so in a comment, "ref: KEY
// TYPE [FALLBACK]", several with " ; " between them; whatever else a file holds has to be passed over.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include "core/base/json.h"
#include "refs/scan.h"

namespace guidon::refs {
namespace {

std::string TextOf(const std::filesystem::path& file) {
  std::stringstream text;
  text << std::ifstream(file, std::ios::binary).rdbuf();
  return text.str();
}

// "12: checkout.v2 boolean false"
std::string Told(const Reference& reference) {
  return std::to_string(reference.line) + ": " + reference.key + " " + std::string(ToString(reference.wanted)) +
         (reference.fallback ? " " + ToJson(*reference.fallback) : "");
}

std::vector<std::string> Wanted(const std::string& text) {
  constexpr std::string_view kMark = "ref: ";
  std::vector<std::string> wanted;
  std::istringstream lines(text);
  int number = 0;
  for (std::string line; std::getline(lines, line);) {
    ++number;
    const std::size_t mark = line.find(kMark);
    if (mark == std::string::npos || line.find("\"ref:\"") != std::string::npos) continue;
    std::string rest = line.substr(mark + kMark.size());
    if (const std::size_t end = rest.find(" */"); end != std::string::npos) rest.erase(end);
    rest += " ; ";
    for (std::size_t end; (end = rest.find(" ; ")) != std::string::npos; rest.erase(0, end + 3)) {
      wanted.push_back(std::to_string(number) + ": " + rest.substr(0, end));
    }
  }
  return wanted;
}

class CasesTest : public ::testing::TestWithParam<const char*> {};

TEST_P(CasesTest, ReadsAreFoundAndNothingElse) {
  const std::string text = TextOf(std::filesystem::path(GUIDON_SOURCE_DIR "/tests/refs/cases") / GetParam());
  std::vector<std::string> wanted = Wanted(text);
  ASSERT_GE(wanted.size(), 2u) << "the marks are not found any more";
  std::vector<Reference> found;
  ScanText(text, LanguageOf(GetParam()).value(), CallTable(KnownCalls()), GetParam(), found);
  std::vector<std::string> told;
  for (const Reference& reference : found) told.push_back(Told(reference));
  std::sort(told.begin(), told.end());
  std::sort(wanted.begin(), wanted.end());
  EXPECT_EQ(told, wanted);
}

INSTANTIATE_TEST_SUITE_P(Languages, CasesTest,
                         ::testing::Values("cpp.cc", "c.c", "python.py", "script.ts", "script.jsx", "code.go",
                                           "Code.java", "code.rs", "entries.yaml"),
                         [](const auto& file) {
                           std::string name = file.param;
                           std::replace(name.begin(), name.end(), '.', '_');
                           return name;
                         });

// Whatever is cut off somewhere is read to its end, and nothing behind it.
TEST(ScanTest, TextsThatAreCutOffAnywhereAreReadToTheirEnd) {
  const CallTable calls(KnownCalls());
  for (const char* file : {"cpp.cc", "python.py", "script.ts", "code.go", "Code.java", "code.rs", "entries.yaml"}) {
    const std::string text = TextOf(std::filesystem::path(GUIDON_SOURCE_DIR "/tests/refs/cases") / file);
    std::vector<Reference> found;
    for (std::size_t size = 0; size < text.size(); size += 5) {
      const std::string cut = text.substr(0, size);  // of its own memory, for the sanitizers
      found.clear();
      ScanText(cut, LanguageOf(file).value(), calls, file, found);
    }
    EXPECT_FALSE(found.empty());
  }
}

TEST(ScanTest, ColumnsCountCharactersAndPlacesAreOfTheKey) {
  std::vector<Reference> found;
  ScanText("\n/* é€ */ c.Bool(\"a\", x, false);\n", Language::kCpp, CallTable(KnownCalls()), "a.cc", found);
  ASSERT_EQ(found.size(), 1u);
  EXPECT_EQ(found[0].line, 2);
  EXPECT_EQ(found[0].column, 17);
  EXPECT_EQ(found[0].by, "Bool");
  EXPECT_EQ(found[0].how, How::kCall);
  EXPECT_EQ(found[0].file, "a.cc");
}

TEST(ScanTest, ACallBeyondItsBoundsIsNone) {
  const std::string many = "guidon_bool(c, \"a\", u" + std::string(20, ',') + "false);";
  const std::string large = "guidon_bool(c, \"a\", " + std::string(kMaxArgumentBytes, 'u') + ", false);";
  std::vector<Reference> found;
  for (const std::string& text : {many, large}) {
    ScanText(text, Language::kC, CallTable(KnownCalls()), "a.c", found);
    EXPECT_TRUE(found.empty());
  }
}

}  // namespace
}  // namespace guidon::refs
