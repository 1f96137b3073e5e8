// docs/sdk.md: every example compiles, as C++17, without exceptions and RTTI, and every public call has one.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <regex>
#include <set>
#include <sstream>
#include <string>

#include "tests/support/process.h"

namespace guidon::testing {
namespace {

std::string TextOf(const std::string& file) {
  std::ifstream in(std::string(GUIDON_SOURCE_DIR "/") + file, std::ios::binary);
  EXPECT_TRUE(in) << file;
  return std::string(std::istreambuf_iterator<char>(in), {});
}

// The C++ blocks of the page as one program: each a function of a client and a user, its includes in front of all.
std::string ProgramOf(const std::string& page, int* blocks) {
  std::string includes = "#include <guidon/client.h>\n", functions;
  bool inside = false;
  std::istringstream in(page);
  int number = 0;
  for (std::string line; std::getline(in, line);) {
    ++number;
    if (line == "```cpp") {
      inside = true;
      functions +=
          "void Example" + std::to_string((*blocks)++) + "(guidon::Client& client, guidon::Context& user) {\n{\n";
      functions += "#line " + std::to_string(number + 1) + " \"docs/sdk.md\"\n";
    } else if (line == "```" && inside) {
      inside = false;
      functions += "}\nstatic_cast<void>(client);\nstatic_cast<void>(user);\n}\n";
    } else if (inside && line.starts_with("#include")) {
      includes += line + "\n";
      functions += "\n";
    } else if (inside) {
      functions += line + "\n";
    }
  }
  return includes + functions;
}

TEST(SdkPageTest, EveryExampleCompiles) {
  const TemporaryFolder folder;
  int blocks = 0;
  std::ofstream(folder / "page.cc") << ProgramOf(TextOf("docs/sdk.md"), &blocks);
  EXPECT_GT(blocks, 10);
  const Finished done = guidon::testing::Run(
      {GUIDON_CXX, "-std=c++17", "-fsyntax-only", "-fno-exceptions", "-fno-rtti", "-Wall", "-Wextra", "-Werror",
       "-Wno-unused-variable", "-Wno-unused-but-set-variable", "-Wno-unused-parameter", "-I",
       GUIDON_SOURCE_DIR "/core/include", "-I", GUIDON_SOURCE_DIR "/sdk/include", folder / "page.cc"});
  EXPECT_EQ(done.exit_code, 0) << done.errors;
}

// What the headers declare with a capital letter and a parenthesis: functions, and constructors by their class.
std::set<std::string> CallsOf(const std::string& header) {
  std::set<std::string> calls;
  static const std::regex kCall("\\b([A-Z][A-Za-z]+)\\(");
  std::istringstream in(TextOf(header));
  for (std::string line; std::getline(in, line);) {
    line = line.substr(0, line.find("//"));
    if (line.find("static_assert") != std::string::npos || line.starts_with("#")) continue;
    for (std::sregex_iterator call(line.begin(), line.end(), kCall), end; call != end; ++call) calls.insert((*call)[1]);
  }
  return calls;
}

TEST(SdkPageTest, EveryPublicCallHasAnExample) {
  std::string code;  // of the page, without its sentences
  bool inside = false;
  std::istringstream page(TextOf("docs/sdk.md"));
  for (std::string line; std::getline(page, line);) {
    if (line.starts_with("```")) inside = line == "```cpp";
    if (inside) code += line + "\n";
  }
  const std::set<std::string> inner = {"Read",   "ReadDetail", "ReadVariation", "SlotIn",        "SetBool",
                                       "SetInt", "SetKeyTo",   "SlotFor",       "FindSlot",      "Keep",
                                       "Grow",   "Release",    "CopyFrom",      "IsHeldByIndex", "HashOf",
                                       "Reads",  "Append",     "GrowSlots",     "HasRoomFor",    "IsItsName",
                                       "NameOf", "WordAt",     "NumberOfShort", "Mix",           "KeptOf"};
  int seen = 0;
  for (const char* header :
       {"sdk/include/guidon/client.h", "sdk/include/guidon/hooks.h", "sdk/include/guidon/test_source.h",
        "core/include/guidon/attribute.h", "core/include/guidon/context.h"}) {
    for (const std::string& call : CallsOf(header)) {
      if (inner.contains(call)) continue;
      ++seen;
      EXPECT_TRUE(std::regex_search(code, std::regex("\\b" + call + "\\b"))) << call << " of " << header;
    }
  }
  EXPECT_GT(seen, 30);
}

}  // namespace
}  // namespace guidon::testing
