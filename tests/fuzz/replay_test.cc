// Every input of corpus/, the seeds and what fuzzing has ever found, through its target: what was fixed stays fixed.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <vector>

#include "tests/fuzz/targets.h"

namespace guidon::fuzz {
namespace {

namespace fs = std::filesystem;

std::string ReadAll(const fs::path& file) {
  std::ifstream in(file, std::ios::binary);
  return std::string(std::istreambuf_iterator<char>(in), {});
}

class CorpusTest : public testing::TestWithParam<Target> {
 protected:
  static std::vector<fs::path> FilesUnder(const fs::path& folder) {
    std::vector<fs::path> files;
    for (const auto& entry : fs::recursive_directory_iterator(folder)) {
      if (entry.is_regular_file()) files.push_back(entry.path());
    }
    std::sort(files.begin(), files.end());
    return files;
  }
  static std::vector<fs::path> Corpus() {
    return FilesUnder(fs::path(GUIDON_SOURCE_DIR) / "tests/fuzz/corpus" / GetParam().name);
  }
  void Run(const std::string& input, const std::string& name) const {
    try {
      GetParam().run(input);
    } catch (const std::exception& error) {
      ADD_FAILURE() << name << ": " << error.what();
    }
  }
};

TEST_P(CorpusTest, EveryInputIsTaken) {
  std::vector<fs::path> files = Corpus();
  ASSERT_GE(files.size(), 3u) << "a target needs seeds";
  if (GetParam().more_seeds != nullptr) {
    const std::vector<fs::path> more = FilesUnder(fs::path(GUIDON_SOURCE_DIR) / GetParam().more_seeds);
    ASSERT_GE(more.size(), 3u);
    files.insert(files.end(), more.begin(), more.end());
  }
  for (const fs::path& file : files) Run(ReadAll(file), file.filename().string());
}

// A poor man's fuzzing, so that a parser that trusts the end of its text is found without clang.
TEST_P(CorpusTest, EveryInputIsTakenThatWasCutOrHasAnotherByte) {
  constexpr std::size_t kCuts = 24;
  for (const fs::path& file : Corpus()) {
    const std::string whole = ReadAll(file);
    if (whole.size() > 20'000) continue;
    const std::size_t step = std::max<std::size_t>(1, whole.size() / kCuts);
    for (std::size_t at = 0; at < whole.size(); at += step) {
      const std::string name = file.filename().string() + " at " + std::to_string(at);
      Run(whole.substr(0, at), name);
      std::string other = whole;
      other[at] = static_cast<char>(other[at] ^ (at % 2 == 0 ? 0x80 : 0x10));
      Run(other, name + ", changed");
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Targets, CorpusTest, testing::ValuesIn(kTargets),
                         [](const auto& given) { return std::string(given.param.name); });

}  // namespace
}  // namespace guidon::fuzz
