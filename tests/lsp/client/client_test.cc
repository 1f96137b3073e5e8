// `guidon lsp` and the library that VS Code speaks to language servers with; the JSON Schemas and the YAML language
// server. Both as npm has them (package-lock.json).
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "tests/support/process.h"

namespace guidon::testing {
namespace {

TEST(LspClientTest, TheLibraryOfVsCodeUnderstandsIt) {
  const TemporaryFolder folder;
  for (const auto& [file, text] :
       {std::pair<std::string, std::string>{"guidon.yaml", "project: shop\nenvironments: { production: {} }\n"},
        {"segments/eu.yaml", "segment: eu-web\nowner: web\nwhen: { country: DE }\n"}}) {
    std::filesystem::create_directories(std::filesystem::path(folder / file).parent_path());
    std::ofstream(folder / file) << text;
  }
  const Finished done = guidon::testing::Run({"/usr/bin/env", "node", GUIDON_SOURCE_DIR "/tests/lsp/client/client.mjs",
                                              GUIDON_BIN_DIR "/guidon", folder.path()});
  EXPECT_EQ(done.output, "ok\n") << done.errors;
}

TEST(SchemasTest, EveryOneIsFoundByTheFirstLineOfAFile) {
  const Finished done = guidon::testing::Run({"/usr/bin/env", "node", GUIDON_SOURCE_DIR "/tests/lsp/client/schemas.mjs",
                                              GUIDON_SOURCE_DIR "/experiments/shop"});
  EXPECT_EQ(done.output, "ok\n") << done.errors;
}

}  // namespace
}  // namespace guidon::testing
