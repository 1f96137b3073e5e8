// Folders and files: which are looked at, in which order, and what a config and generated headers add.
#include "refs/refs.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "core/base/json.h"
#include "tests/support/process.h"
#include "yaml/yaml.h"

namespace guidon::refs {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

namespace fs = std::filesystem;

const std::string kRead = "bool on = client.Bool(\"a\", user, false);\n";

using Texts = std::vector<std::pair<std::string, std::string>>;

class Code {
 public:
  explicit Code(const Texts& files) {
    for (const auto& [file, text] : files) {
      fs::create_directories(fs::path(folder_ / file).parent_path());
      std::ofstream(folder_ / file, std::ios::binary) << text;
    }
  }
  std::string operator/(const std::string& name) const { return folder_ / name; }
  const std::string& path() const { return folder_.path(); }

  // "FILE:LINE KEY HOW BY"
  std::vector<std::string> Found(const ScanOptions& options = {}) const {
    std::vector<std::string> found;
    const Result<Scan> scan = FindReferences({path()}, options);
    if (!scan) return {scan.error().message};
    for (const Reference& reference : scan->references) {
      found.push_back(reference.file.substr(path().size() + 1) + ":" + std::to_string(reference.line) + " " +
                      reference.key + " " + std::string(ToString(reference.how)) + " " + reference.by);
    }
    return found;
  }

 private:
  testing::TemporaryFolder folder_;
};

Config ConfigOf(const std::string& yaml) {
  return ReadConfig(ParseYaml(yaml).documents.at(0).value).value();
}

TEST(RefsTest, FilesAreKnownByTheirEndingsAndOrderedWhateverTheThreads) {
  Texts files = {{"z.h", kRead}, {"README.md", kRead}, {".git/a.cc", kRead}};
  for (int i = 0; i < 60; ++i) files.emplace_back("d" + std::to_string(i) + "/a.cc", "\n" + kRead + kRead);
  const Code code(files);
  const std::vector<std::string> one = code.Found({.threads = 1});
  EXPECT_THAT(one, SizeIs(121));
  EXPECT_EQ(one.front(), "d0/a.cc:2 a call Bool");
  EXPECT_EQ(one.back(), "z.h:1 a call Bool");
  EXPECT_EQ(code.Found({.threads = 7}), one);
  const Scan scan = FindReferences({code.path()}, {.threads = 3}).value();
  EXPECT_EQ(scan.files, 61u);
  EXPECT_EQ(scan.bytes, 60 + 121 * kRead.size());
}

TEST(RefsTest, LinksAreNotFollowedAndSourcesThatOverlapAreLookedAtOnce) {
  const Code code(Texts{{"src/a.cc", kRead}});
  fs::create_directory_symlink("..", code / "src/loop");
  fs::create_symlink("a.cc", code / "src/link.cc");
  EXPECT_THAT(code.Found(), ElementsAre("src/a.cc:1 a call Bool"));
  const Result<Scan> scan = FindReferences({code.path(), code / "src", code / "src/a.cc", code / "src/../src"}, {});
  ASSERT_TRUE(scan.has_value());
  EXPECT_THAT(scan->references, SizeIs(1));
}

TEST(RefsTest, OneFileUnderSeveralNamesIsLookedAtOnceByTheFirst) {
  const Code code(Texts{{"src/a.cc", kRead}, {"src/below/b.cc", kRead}});
  fs::create_directory_symlink("src", code / "link");
  const std::string relative = fs::relative(code / "src").generic_string();
  const Result<Scan> scan = FindReferences({relative, code / "src", code / "link", code / "link/a.cc"}, {});
  ASSERT_TRUE(scan.has_value());
  EXPECT_EQ(scan->files, 2u);
  ASSERT_THAT(scan->references, SizeIs(2));
  EXPECT_EQ(scan->references[0].file, relative + "/a.cc");
  EXPECT_EQ(scan->references[1].file, relative + "/below/b.cc");
}

TEST(RefsTest, BinaryFilesArePassedOverAndLargeOnesAreSaid) {
  const Code code(Texts{{"binary.cc", kRead + std::string(1, '\0')}, {"large.cc", kRead + std::string(2'000, ' ')}});
  const Result<Scan> scan = FindReferences({code.path()}, {.max_file_bytes = 1'000});
  ASSERT_TRUE(scan.has_value());
  EXPECT_THAT(scan->references, IsEmpty());
  EXPECT_EQ(scan->files, 0u);
  EXPECT_THAT(scan->skipped, ElementsAre(SkippedFile{code / "large.cc", "larger than 1000 bytes"}));
}

TEST(RefsTest, WhatIsTooMuchOrNotThereIsRefused) {
  const Code code(Texts{{"a.cc", kRead}, {"b.cc", kRead}, {"notes.txt", kRead}});
  EXPECT_THAT(FindReferences({code.path()}, {.max_files = 1}).error().message, HasSubstr("more than 1 files"));
  EXPECT_THAT(FindReferences({code.path()}, {.max_references = 1}).error().message, HasSubstr("more than 1 places"));
  EXPECT_EQ(FindReferences({code / "nowhere"}, {}).error().code, ErrorCode::kIo);
  EXPECT_THAT(FindReferences({code / "notes.txt"}, {}).error().message, HasSubstr("no language that we know"));
}

TEST(RefsTest, FunctionsOfAConfigAreReads) {
  const Code code(Texts{{"a.py",
                         "is_on('one')\n"
                         "features.is_on('two', False)\n"
                         "features.text(user, 'three', 'x')\n"
                         "other.text(user, 'four', 'x')\n"
                         "# is_on('five')\n"},
                        {"b.go", "features.text(user, \"six\", \"x\")\n"}});
  const Config config = ConfigOf(
      "refs:\n  calls:\n"
      "    - { call: is_on, type: boolean, default: 2 }\n"
      "    - { call: shop.features.text, key: 2, default: 3, type: string, languages: [python] }\n");
  EXPECT_THAT(code.Found(), IsEmpty());
  EXPECT_THAT(code.Found({.config = config}),
              ElementsAre("a.py:1 one alias is_on", "a.py:2 two alias is_on", "a.py:3 three alias text"));
  const Scan scan = FindReferences({code.path()}, {.config = config}).value();
  EXPECT_EQ(scan.references[0].fallback, std::nullopt);
  EXPECT_EQ(scan.references[1].fallback, Value(false));
  EXPECT_EQ(scan.references[2].wanted, Wanted::kString);
  EXPECT_EQ(scan.references[2].fallback, Value("x"));
}

TEST(RefsTest, AConfigIsRefusedWithAllOfItsFaults) {
  const auto faults = [](const std::string& yaml) {
    std::vector<std::string> found;
    const Result<Config> config = ReadConfig(ParseYaml(yaml).documents.at(0).value);
    if (config) return found;
    for (const Issue& issue : config.error().issues) found.push_back(issue.path.ToText() + ": " + issue.message);
    return found;
  };
  EXPECT_THAT(faults("refs: { calls: [{ call: is_on }] }"), IsEmpty());
  EXPECT_THAT(faults("refs: { calls: [{ call: 'a b' }, { key: 0 }, { call: c, type: bool, key: 2, default: 2 }] }"),
              SizeIs(::testing::Ge(5)));
  EXPECT_THAT(faults("calls: []"), SizeIs(2));  // unknown, and `refs` is missing
}

// As `guidon generate cpp` writes it.
const std::string kHeader =
    "// The flags of project shop, one typed accessor each.\n//\n"
    "// Written by `guidon generate cpp` from the workspace. Do not edit: change the workspace, and write it anew.\n"
    "#pragma once\n\nnamespace shop::flags {\n\n"
    "template <typename Reader>\n"
    "bool payments_v2(const Reader& reader, const guidon::Context& context,\n"
    "                 bool fallback = false) noexcept {\n  return reader.Bool(\"payments.v2\", context, fallback);\n}\n"
    "template <typename Reader>\n"
    "Layout layout(const Reader& reader, const guidon::Context& context,\n"
    "              Layout fallback = Layout::kMulti) noexcept {\n"
    "  const int index = reader.Variation(\"layout\", context, kLayoutNames, 2, static_cast<int>(fallback));\n"
    "  return static_cast<Layout>(index);\n}\n\n}  // namespace shop::flags\n";

TEST(RefsTest, UsesOfGeneratedAccessorsAreReadsAndTheirHeaderIsNone) {
  const Code code(Texts{{"gen/flags.h", kHeader},
                        {"a.cc",
                         "if (shop::flags::payments_v2(client, user)) {}\n"
                         "flags::payments_v2(client, user, true);\n"
                         "// flags::payments_v2(client, user);\n"
                         "other::payments_v2(client, user);\n"
                         "payments_v2(client, user);\n"
                         "x.layout(client, user);\n"
                         "bool layout(client, user);\n"},
                        {"b.cc", "using namespace shop::flags;\nlayout(client, user);\n"},
                        {"c.cc", "namespace f = shop::flags;\nauto l = f::layout(client, user);\n"},
                        {"d.cc", "using shop::flags::layout;\nlayout(client, user); payments_v2(client, user);\n"}});
  EXPECT_THAT(code.Found(),
              ElementsAre("a.cc:1 payments.v2 accessor flags::payments_v2",
                          "a.cc:2 payments.v2 accessor flags::payments_v2", "b.cc:2 layout accessor flags::layout",
                          "c.cc:2 layout accessor flags::layout", "d.cc:2 layout accessor flags::layout"));
  const Scan scan = FindReferences({code.path()}, {}).value();
  EXPECT_EQ(scan.references[0].wanted, Wanted::kBoolean);
  EXPECT_EQ(scan.references[0].fallback, std::nullopt);
  EXPECT_EQ(scan.references[1].fallback, Value(true));
  EXPECT_EQ(scan.references[2].wanted, Wanted::kString);
}

TEST(RefsTest, AGeneratedHeaderMayLieElsewhere) {
  const Code elsewhere(Texts{{"flags.h", kHeader}, {"plain.h", "int x;\n"}});
  const Code code(Texts{{"a.cc", "flags::layout(client, user);\n"}});
  EXPECT_THAT(code.Found(), IsEmpty());
  Config config;
  config.generated = {elsewhere / "flags.h"};
  EXPECT_THAT(code.Found({.config = config}), ElementsAre("a.cc:1 layout accessor flags::layout"));
  config.generated = {elsewhere / "plain.h"};
  EXPECT_THAT(code.Found({.config = config}), ElementsAre(HasSubstr("has no accessors")));
  config.generated = {elsewhere / "nowhere.h"};
  EXPECT_THAT(code.Found({.config = config}), ElementsAre(HasSubstr("cannot read")));
}

}  // namespace
}  // namespace guidon::refs
