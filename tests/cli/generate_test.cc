// guidon generate cpp: the header that it writes, compiled by the compiler that compiles us, and what it reads.
#include <gmock/gmock.h>

#include <fstream>

#include "core/base/json.h"
#include "tests/cli/cli.h"

namespace guidon::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

constexpr const char* kProject = "project: shop\nenvironments: { staging: {}, production: {} }\n";
constexpr const char* kLayout =
    "flag: checkout.layout\n"
    "type: string\n"
    "owner: payments\n"
    "description: One-page checkout\n"
    "variations: { multi_step: multi, single_page: single }\n";
constexpr const char* kPayments = "flag: payments.v2\ntype: boolean\nowner: payments\n";

Workspace Shop(const std::vector<std::string>& flags) {
  std::vector<std::pair<std::string, std::string>> files = {{"guidon.yaml", kProject}};
  for (const std::string& flag : flags) {
    files.emplace_back("flags/" + std::to_string(files.size()) + ".yaml", flag);
  }
  return Workspace(files);
}

// The header on standard output.
std::string HeaderOf(const std::vector<std::string>& flags) {
  const Workspace shop = Shop(flags);
  const Finished done = Guidon({"generate", "cpp", shop.path()});
  EXPECT_EQ(done.exit_code, 0) << done.errors;
  return done.output;
}

// Compiles `code` after the header of these flags, as strictly as an application may; what the compiler says.
struct Compiled {
  int exit_code = 0;
  std::string errors;
};
Compiled Compile(const std::vector<std::string>& flags, const std::string& code,
                 const std::vector<std::string>& options = {"-std=c++17"}) {
  const Workspace shop = Shop(flags);
  const Finished made = Guidon({"generate", "cpp", shop.path(), "--output", shop / "flags.h"});
  EXPECT_EQ(made.exit_code, 0) << made.errors;
  shop.Write("use.cc", "#include \"flags.h\"\n" + code);
  std::vector<std::string> command = {GUIDON_CXX,
                                      "-fsyntax-only",
                                      "-Wall",
                                      "-Wextra",
                                      "-Wpedantic",
                                      "-Werror",
                                      "-fno-exceptions",
                                      "-fno-rtti",
                                      "-I",
                                      GUIDON_SOURCE_DIR "/core/include",
                                      "-I",
                                      GUIDON_SOURCE_DIR "/sdk/include",
                                      shop / "use.cc"};
  command.insert(command.end(), options.begin(), options.end());
  const Finished done = Run(command);
  return {done.exit_code, done.errors};
}

constexpr const char* kUse =
    "flags::CheckoutLayout Layout(const guidon::Client& client, const guidon::Context& user) {\n"
    "  return flags::checkout_layout(client, user);\n"
    "}\n"
    "bool Payments(const guidon::Pin& pin, const guidon::Context& user) {\n"
    "  return flags::payments_v2(pin, user);\n"
    "}\n";

TEST(GenerateCppTest, TheHeaderCompilesInEveryDialect) {
  for (const char* standard : {"-std=c++17", "-std=c++20", "-std=gnu++20"}) {
    const Compiled compiled = Compile({kLayout, kPayments}, kUse, {standard});
    EXPECT_EQ(compiled.exit_code, 0) << standard << ": " << compiled.errors;
  }
}

TEST(GenerateCppTest, ARemovedOrArchivedFlagIsACompileError) {
  const Compiled removed = Compile({kLayout}, kUse);
  EXPECT_NE(removed.exit_code, 0);
  EXPECT_THAT(removed.errors, HasSubstr("payments_v2"));
  const Compiled archived = Compile({kLayout, std::string(kPayments) + "archived: true\n"}, kUse);
  EXPECT_NE(archived.exit_code, 0);
  EXPECT_THAT(archived.errors, HasSubstr("payments_v2"));
}

TEST(GenerateCppTest, ARemovedVariationAndAnotherTypeAreCompileErrors) {
  const std::string use =
      "bool IsOne(const guidon::Client& c, const guidon::Context& u) {\n"
      "  return flags::checkout_layout(c, u) == flags::CheckoutLayout::kSinglePage;\n"
      "}\n";
  EXPECT_EQ(Compile({kLayout}, use).exit_code, 0);
  EXPECT_NE(
      Compile({"flag: checkout.layout\ntype: string\nowner: a\nvariations: { multi_step: multi }\n"}, use).exit_code,
      0);
  EXPECT_NE(Compile({"flag: checkout.layout\ntype: boolean\nowner: a\n"}, use).exit_code, 0);
}

TEST(GenerateCppTest, AFlagPastItsDayIsDeprecatedAndOneBeforeItIsNot) {
  const std::string use =
      "bool Payments(const guidon::Client& c, const guidon::Context& u) { return flags::payments_v2(c, u); }\n";
  EXPECT_EQ(Compile({std::string(kPayments) + "expires: 2199-12-31\n"}, use).exit_code, 0);
  const Compiled expired = Compile({std::string(kPayments) + "expires: 2020-03-31\n"}, use);
  EXPECT_NE(expired.exit_code, 0);
  EXPECT_THAT(expired.errors, HasSubstr("flag payments.v2 expired on 2020-03-31"));
}

TEST(GenerateCppTest, EveryTypeHasItsAccessorWithAFallbackOfItsOwn) {
  const std::string header = HeaderOf({
      kPayments,
      "flag: retries\ntype: number\nowner: a\nvariations: { few: 3, many: 10 }\n",
      "flag: ratio\ntype: number\nowner: a\nvariations: { low: 1, high: 0.25 }\n",
      "flag: lowest\ntype: number\nowner: a\nvariations: { least: -9223372036854775808 }\n",
      "flag: limits\ntype: json\nowner: a\nvariations: { small: { rps: 1 } }\n",
  });
  EXPECT_THAT(header, HasSubstr("bool payments_v2(const Reader& reader, const guidon::Context& context,\n"
                                "                 bool fallback = false) noexcept {\n"
                                "  return reader.Bool(\"payments.v2\", context, fallback);\n}\n"));
  EXPECT_THAT(header, HasSubstr("std::int64_t fallback = 3) noexcept {\n  return reader.Int(\"retries\""));
  EXPECT_THAT(header, HasSubstr("double fallback = 1.0) noexcept {\n  return reader.Double(\"ratio\""));
  EXPECT_THAT(header, HasSubstr("std::int64_t fallback = -9223372036854775807 - 1) noexcept {"));
  EXPECT_THAT(header, HasSubstr("const guidon::Value& fallback = guidon::Value()) noexcept {\n  return reader.Json("));
}

TEST(GenerateCppTest, TheFallbackIsWhatAllEnvironmentsServeWhileOffElseTheFirst) {
  const auto with_off = [](const std::string& staging, const std::string& production) {
    return HeaderOf({std::string(kLayout) + "environments:\n  staging: { enabled: false, off: " + staging +
                     " }\n  production: { enabled: false, off: " + production + " }\n"});
  };
  EXPECT_THAT(with_off("single_page", "single_page"), HasSubstr("fallback = CheckoutLayout::kSinglePage)"));
  EXPECT_THAT(with_off("single_page", "multi_step"), HasSubstr("fallback = CheckoutLayout::kMultiStep)"));
  EXPECT_THAT(HeaderOf({kLayout}), HasSubstr("fallback = CheckoutLayout::kMultiStep)"));
  const std::string on =
      "environments: { staging: { enabled: false, off: on }, production: { enabled: false, off: on } }\n";
  EXPECT_THAT(HeaderOf({kPayments + on}), HasSubstr("bool fallback = true)"));
}

TEST(GenerateCppTest, OddKeysBecomeNamesThatCompile) {
  const Compiled compiled = Compile(
      {"flag: 2x\ntype: boolean\nowner: a\n", "flag: default\ntype: boolean\nowner: a\n",
       "flag: a..b--c\ntype: boolean\nowner: a\n", "flag: Reader\ntype: boolean\nowner: a\n",
       "flag: end.\ntype: string\nowner: a\nvariations: { 1st: x, 2nd.: y }\n",
       "flag: linux\ntype: boolean\nowner: a\n"},
      "bool All(const guidon::Client& c, const guidon::Context& u) {\n"
      "  return flags::flag_2x(c, u) && flags::default_(c, u) && flags::a_b_c(c, u) && flags::Reader_(c, u) &&\n"
      "         flags::end(c, u) == flags::End::k1st && flags::linux_(c, u);\n"
      "}\n",
      {"-std=gnu++17"});
  EXPECT_EQ(compiled.exit_code, 0) << compiled.errors;
}

TEST(GenerateCppTest, DescriptionsCannotLeaveTheirComment) {
  const std::string flag =
      "flag: odd\ntype: boolean\nowner: 'a\\'\ndescription: \"ends in a backslash \\\\\\nint injected; \\\\\\n*/ int "
      "other;\"\n";
  const Compiled compiled = Compile({flag}, "int injected, other;\n");
  EXPECT_EQ(compiled.exit_code, 0) << compiled.errors;
}

TEST(GenerateCppTest, KeysThatWouldGetTheSameNameAreRefusedByName) {
  const Workspace flags = Shop({"flag: a.b\ntype: boolean\nowner: a\n", "flag: a-b\ntype: boolean\nowner: a\n"});
  const Finished done = Guidon({"generate", "cpp", flags.path()});
  EXPECT_EQ(done.exit_code, 1);
  EXPECT_EQ(done.output, "");
  EXPECT_THAT(done.errors, HasSubstr("flag 'a-b' and flag 'a.b' would both be 'a_b' in C++"));

  const Workspace variations =
      Shop({"flag: layout\ntype: string\nowner: a\nvariations: { one-page: x, one_page: y }\n"});
  const Finished other = Guidon({"generate", "cpp", variations.path()});
  EXPECT_EQ(other.exit_code, 1);
  EXPECT_THAT(other.errors, HasSubstr("flag 'layout': the variations 'one-page' and 'one_page'"));
}

TEST(GenerateCppTest, AWorkspaceThatIsNotValidWritesNothing) {
  const Workspace shop = Shop({"flag: a\ntype: bool\nowner: a\n"});
  const Finished done = Guidon({"generate", "cpp", shop.path(), "-o", shop / "flags.h"});
  EXPECT_EQ(done.exit_code, 1);
  EXPECT_THAT(done.errors, HasSubstr("flags/1.yaml:2:7  error  unknown type of flag 'bool'"));
  EXPECT_FALSE(std::ifstream(shop / "flags.h").is_open());
  EXPECT_EQ(Guidon({"generate", "cpp", shop / "nowhere"}).exit_code, 2);
  EXPECT_EQ(Guidon({"generate", "cpp", shop.path(), "--namespace", "a b"}).exit_code, 1);
  EXPECT_EQ(Guidon({"generate", "cpp", shop.path(), "--json"}).exit_code, 2);
  EXPECT_EQ(Guidon({"generate", "cobol", shop.path()}).exit_code, 2);
}

TEST(GenerateCppTest, AHeaderThatIsUpToDateIsNotWrittenAnew) {
  const Workspace shop = Shop({kLayout});
  const std::vector<std::string> generate = {"generate", "cpp", shop.path(), "-o", shop / "flags.h", "--json"};
  EXPECT_EQ(JsonOf(Guidon(generate)).Find("changed")->AsBool(), true);
  EXPECT_EQ(JsonOf(Guidon(generate)).Find("changed")->AsBool(), false);
}

TEST(GenerateCppTest, CheckSaysWhetherTheHeaderIsUpToDateAndWritesNothing) {
  const Workspace shop = Shop({std::string(kPayments) + "expires: 2199-12-31\n"});
  const std::vector<std::string> check = {"generate", "cpp", shop.path(), "-o", shop / "flags.h", "--check"};
  EXPECT_EQ(Guidon(check).exit_code, 1);  // not there
  EXPECT_EQ(Guidon({"generate", "cpp", shop.path(), "-o", shop / "flags.h"}).exit_code, 0);
  EXPECT_EQ(Guidon(check).exit_code, 0);
  const std::string before = TextFile(shop / "flags.h");
  shop.Write("flags/2.yaml", kLayout);
  const Finished old = Guidon(check);
  EXPECT_EQ(old.exit_code, 1);
  EXPECT_THAT(old.errors, HasSubstr("flags.h is not what " + shop.path() + " says now"));
  EXPECT_EQ(TextFile(shop / "flags.h"), before);
}

TEST(GenerateCppTest, CheckDoesNotFailBecauseAFlagsDayHasPassed) {
  const Workspace shop = Shop({std::string(kPayments) + "expires: 2020-03-31\n"});
  EXPECT_EQ(Guidon({"generate", "cpp", shop.path(), "-o", shop / "flags.h"}).exit_code, 0);
  std::string header = TextFile(shop / "flags.h");
  const std::size_t begin = header.find("[[deprecated(");
  ASSERT_NE(begin, std::string::npos);
  header.erase(begin, header.find('\n', begin) + 1 - begin);
  shop.Write("flags.h", header);  // as it was written before that day
  EXPECT_EQ(Guidon({"generate", "cpp", shop.path(), "-o", shop / "flags.h", "--check"}).exit_code, 0);
}

TEST(GenerateCppTest, TheQuickstartsHeaderIsThatOfTheShop) {
  const Finished done =
      Guidon({"generate", "cpp", ShopFolder(), "-o", GUIDON_SOURCE_DIR "/examples/quickstart/flags.h", "--check"});
  EXPECT_EQ(done.exit_code, 0) << done.errors;
}

}  // namespace
}  // namespace guidon::testing
