#include "tests/architecture/arrows.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

namespace guidon::architecture {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

// A small tree that has something to include in most rooms.
std::vector<SourceFile> TreeWith(SourceFile file) {
  return {{"core/include/guidon/value.h", ""},
          {"core/base/result.h", ""},
          {"core/model/flag.h", ""},
          {"core/ruleset/ruleset.h", ""},
          {"core/eval/evaluator.h", ""},
          {"sdk/include/guidon/client.h", ""},
          {"net/http_client.h", ""},
          {"yaml/reader.h", ""},
          {"cli/verb.h", ""},
          {"server/store/store.h", ""},
          {"server/catalog/catalog.h", ""},
          {"server/telemetry/log.h", ""},
          std::move(file)};
}

std::vector<std::string> ViolationsOf(std::string path, std::string text) {
  return Violations(TreeWith({std::move(path), std::move(text)}));
}

TEST(ArrowsTest, RoomsAreTheFoldersOfCoreAndServerAndOtherTopFolders) {
  EXPECT_EQ(RoomOf("core/eval/evaluator.cc"), "core/eval");
  EXPECT_EQ(RoomOf("core/include/guidon/value.h"), "core/include");
  EXPECT_EQ(RoomOf("server/app.cc"), "server/app");
  EXPECT_EQ(RoomOf("server/store/rocksdb/driver.cc"), "server/store");
  EXPECT_EQ(RoomOf("sdk/include/guidon/client.h"), "sdk/include");
  EXPECT_EQ(RoomOf("sdk/source/stream.cc"), "sdk");
  EXPECT_EQ(RoomOf("cli/plan.cc"), "cli");
}

TEST(ArrowsTest, AlongTheArrowsEverythingIsAllowed) {
  EXPECT_THAT(ViolationsOf("core/eval/a.cc",
                           "#include \"core/eval/evaluator.h\"\n#include \"core/ruleset/ruleset.h\"\n"
                           "#include <guidon/value.h>\n#include <re2/re2.h>\n#include <vector>\n"),
              IsEmpty());
  EXPECT_THAT(ViolationsOf("server/catalog/a.cc",
                           "#include \"server/store/store.h\"\n#include \"server/telemetry/log.h\"\n"
                           "#include \"core/model/flag.h\"\n"),
              IsEmpty());
  EXPECT_THAT(ViolationsOf("server/app.cc", "#include \"server/store/store.h\"\n"), IsEmpty());
  EXPECT_THAT(ViolationsOf("sdk/client/a.cc", "#include <guidon/client.h>\n#include \"net/http_client.h\"\n"),
              IsEmpty());
}

TEST(ArrowsTest, AgainstAnArrowInsideCoreIsNamedWithFileAndLine) {
  EXPECT_THAT(ViolationsOf("core/model/a.h", "#pragma once\n#include \"core/ruleset/ruleset.h\"\n"),
              ElementsAre("core/model/a.h:2: core/model may not reach into core/ruleset (core/ruleset/ruleset.h)"));
}

TEST(ArrowsTest, AgainstAnArrowInsideTheServer) {
  EXPECT_THAT(ViolationsOf("server/store/a.cc", "#include \"server/catalog/catalog.h\"\n"),
              ElementsAre(HasSubstr("server/store may not reach into server/catalog")));
  EXPECT_THAT(ViolationsOf("server/api/a.cc", "#include \"server/store/store.h\"\n"),
              ElementsAre(HasSubstr("server/api may not reach into server/store")));
  EXPECT_THAT(ViolationsOf("server/http/a.cc", "#include \"core/model/flag.h\"\n"),
              ElementsAre(HasSubstr("server/http may not reach into core/model")));
}

TEST(ArrowsTest, SdkServerAndCliNeverUseEachOther) {
  EXPECT_THAT(ViolationsOf("sdk/client/a.cc", "#include \"server/store/store.h\"\n"),
              ElementsAre(HasSubstr("sdk may not reach into server/store")));
  EXPECT_THAT(ViolationsOf("server/api/a.cc", "#include <guidon/client.h>\n"),
              ElementsAre(HasSubstr("server/api may not reach into sdk/include")));
  EXPECT_THAT(ViolationsOf("cli/a.cc", "  #  include \"server/catalog/catalog.h\"  // why not\n"),
              ElementsAre(HasSubstr("cli may not reach into server/catalog")));
  EXPECT_THAT(ViolationsOf("server/app.cc", "#include \"cli/verb.h\"\n"),
              ElementsAre(HasSubstr("server/app may not reach into cli")));
}

TEST(ArrowsTest, NetHasNeverHeardOfAFlag) {
  EXPECT_THAT(
      ViolationsOf("net/a.cc", "#include \"core/base/result.h\"\n#include <guidon/value.h>\n"),
      ElementsAre(HasSubstr("net may not reach into core/base"), HasSubstr("net may not reach into core/include")));
}

TEST(ArrowsTest, PublicHeadersIncludeTheStandardLibraryAndEachOtherOnly) {
  EXPECT_THAT(
      ViolationsOf("sdk/include/guidon/a.h", "#include <guidon/value.h>\n#include <vector>\n#include <stdint.h>\n"),
      IsEmpty());
  EXPECT_THAT(ViolationsOf("sdk/include/guidon/a.h",
                           "#include <simdjson.h>\n#include <tl/expected.hpp>\n#include \"core/base/result.h\"\n"),
              ElementsAre(HasSubstr("a.h:1:"), HasSubstr("a.h:2:"), HasSubstr("a.h:3:")));
  EXPECT_THAT(ViolationsOf("core/include/guidon/a.h", "#include <guidon/client.h>\n"),
              ElementsAre(HasSubstr("core/include may not reach into sdk/include")));
}

TEST(ArrowsTest, ALibraryIsMetInTheRoomThatWrapsItOnly) {
  EXPECT_THAT(ViolationsOf("server/store/a.cc", "#include <rocksdb/db.h>\n"), IsEmpty());
  EXPECT_THAT(ViolationsOf("server/api/a.cc", "#include <rocksdb/db.h>\n"), ElementsAre(HasSubstr("<rocksdb/db.h>")));
  EXPECT_THAT(ViolationsOf("sdk/client/a.cc", "#include <boost/asio.hpp>\n"),
              ElementsAre(HasSubstr("<boost/asio.hpp>")));
  EXPECT_THAT(ViolationsOf("cli/a.cc", "#include <yaml-cpp/yaml.h>\n"), ElementsAre(HasSubstr("<yaml-cpp/yaml.h>")));
  EXPECT_THAT(ViolationsOf("core/model/a.cc", "#include <re2/re2.h>\n#include <xxhash.h>\n"),
              ElementsAre(HasSubstr("<re2/re2.h>"), HasSubstr("<xxhash.h>")));
}

TEST(ArrowsTest, CoreOpensNoSocketStartsNoThreadAndReadsNoClock) {
  EXPECT_THAT(ViolationsOf("core/eval/a.cc", "#include <thread>\nauto now = std::chrono::system_clock::now();\n"),
              ElementsAre(HasSubstr("a.cc:1:"), HasSubstr("a.cc:2:")));
}

TEST(ArrowsTest, IncludesAreWrittenFromTheRootAndEveryRoomIsKnown) {
  EXPECT_THAT(ViolationsOf("core/model/a.cc", "#include \"flag.h\"\n"),
              ElementsAre(HasSubstr("\"flag.h\" is no path")));
  EXPECT_THAT(ViolationsOf("core/base/a.cc", "#include <guidon/no.h>\n"),
              ElementsAre(HasSubstr("no public header <guidon/no.h>")));
  EXPECT_THAT(ViolationsOf("server/managers/a.cc", ""),
              ElementsAre(HasSubstr("no arrows are known for the room server/managers")));
}

bool IsSource(const std::filesystem::path& path) {
  const std::string ending = path.extension().string();
  return ending == ".h" || ending == ".cc" || ending == ".c" || ending == ".cpp";
}

std::vector<SourceFile> ReadTree(const std::filesystem::path& root) {
  std::vector<SourceFile> files;
  for (const char* top : {"core", "audit", "yaml", "net", "sdk", "stats", "server", "workspace", "refs", "removal",
                          "gate", "format", "lint", "lsp", "cli", "examples", "bench"}) {
    if (!std::filesystem::exists(root / top)) continue;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(root / top)) {
      if (!entry.is_regular_file() || !IsSource(entry.path())) continue;
      if (entry.path().generic_string().find("/node_modules/") != std::string::npos) continue;  // somebody else's
      std::ifstream in(entry.path(), std::ios::binary);
      files.push_back({entry.path().lexically_relative(root).generic_string(),
                       std::string(std::istreambuf_iterator<char>(in), {})});
    }
  }
  std::sort(files.begin(), files.end(), [](const auto& a, const auto& b) { return a.path < b.path; });
  return files;
}

TEST(ArrowsTest, TheTreeKeepsToTheArrowsOfTheDesign) {
  const std::vector<SourceFile> files = ReadTree(GUIDON_SOURCE_DIR);
  ASSERT_GE(files.size(), 10u) << "too few sources found under " << GUIDON_SOURCE_DIR;
  std::string list;
  for (const std::string& violation : Violations(files)) list += violation + "\n";
  EXPECT_EQ(list, "") << "docs/architecture.md says which rooms may use which";
}

// --- the reference evaluator ----------------------------------------------------------------------------------------

std::string ReadSource(const std::string& path) {
  std::ifstream in(std::filesystem::path(GUIDON_SOURCE_DIR) / path, std::ios::binary);
  EXPECT_TRUE(in) << path;
  return std::string(std::istreambuf_iterator<char>(in), {});
}

// What leads to the compiled form in a file of the tests, and in the files of the tests that it includes, as
// "FILE includes HEADER". The other rooms of core do not reach there: the arrows see to that.
void FindCompiledForm(const std::string& path, std::vector<std::string>& seen, std::vector<std::string>& found) {
  if (std::find(seen.begin(), seen.end(), path) != seen.end()) return;
  seen.push_back(path);
  for (const std::string& header : IncludesOf(ReadSource(path))) {
    if (header.starts_with("tests/")) FindCompiledForm(header, seen, found);
    for (const char* room :
         {"core/ruleset/", "core/eval/", "core/diff/", "sdk/", "server/", "cli/", "guidon/client.h"}) {
      if (header.starts_with(room)) found.push_back(path + " includes " + header);
    }
  }
}

TEST(ReferenceEvaluatorTest, SharesNothingWithWhatIsHeldAgainstIt) {
  std::vector<std::string> seen, found;
  for (const char* file :
       {"tests/support/reference_evaluator.cc", "tests/support/reference_evaluator.h", "tests/support/outcome.h"}) {
    FindCompiledForm(file, seen, found);
  }
  EXPECT_THAT(found, IsEmpty());
  EXPECT_GE(seen.size(), 3u);
}

TEST(ReferenceEvaluatorTest, AnIncludeOfTheCompiledFormWouldBeFound) {
  std::vector<std::string> seen, found;
  FindCompiledForm("tests/support/core_door.h", seen, found);
  EXPECT_THAT(found, ::testing::Contains(HasSubstr("includes core/eval/")));
}

}  // namespace
}  // namespace guidon::architecture
