// The commands of docs/experiments.md, typed as they stand there into a shell beside a real server.
//
//   ```yaml      whose first line is `# PATH`: the file is written
//   ```diff      whose first line is `# PATH`: lines with - are replaced by those with +
//   ```console   `$ COMMAND`, and below it what it writes; `…` stands for any text. It ends with 0, unless the fence
//                says `console fails`
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <sstream>
#include <string>
#include <vector>

#include "tests/support/guidond.h"
#include "tests/support/process.h"

namespace guidon::testing {
namespace {

namespace fs = std::filesystem;

struct Block {
  std::string kind;  // what stands behind the fence
  std::vector<std::string> lines;
  int line = 0;  // where it begins
};

std::string TextOf(const fs::path& file) {
  std::ifstream in(file, std::ios::binary);
  EXPECT_TRUE(in) << file;
  return std::string(std::istreambuf_iterator<char>(in), {});
}

std::vector<Block> BlocksOf(const std::string& page) {
  std::vector<Block> blocks;
  bool inside = false;
  int number = 0;
  std::istringstream in(page);
  for (std::string line; std::getline(in, line);) {
    ++number;
    if (line.starts_with("```")) {
      inside = !inside;
      if (inside) blocks.push_back({line.substr(3), {}, number});
    } else if (inside) {
      blocks.back().lines.push_back(line);
    }
  }
  EXPECT_FALSE(inside) << "a fence is left open";
  return blocks;
}

// Whether `text` is what `pattern` says, where `…` stands for any text, also for several lines and for none.
bool Matches(const std::string& pattern, const std::string& text) {
  const std::string any = "…";
  std::size_t at = 0, from = 0;
  bool is_first = true;
  while (true) {
    const std::size_t end = pattern.find(any, at);
    const std::string part = pattern.substr(at, end == std::string::npos ? end : end - at);
    const bool is_last = end == std::string::npos;
    if (is_first) {
      if (!text.starts_with(part)) return false;
      if (is_last) return text == part;
      from = part.size();
    } else if (is_last) {
      return text.size() >= from + part.size() && text.ends_with(part);
    } else {
      const std::size_t found = text.find(part, from);
      if (found == std::string::npos) return false;
      from = found + part.size();
    }
    is_first = false;
    at = end + any.size();
  }
}

class Walkthrough {
 public:
  explicit Walkthrough(const std::string& page) : page_(page) {}

  void Run() {
    int commands = 0;
    for (const Block& block : BlocksOf(TextOf(fs::path(GUIDON_SOURCE_DIR) / page_))) {
      SCOPED_TRACE(page_ + ":" + std::to_string(block.line));
      if (block.kind == "yaml") Write(block);
      if (block.kind == "diff") Edit(block);
      if (block.kind.starts_with("console")) commands += Type(block);
    }
    EXPECT_GT(commands, 0);
  }

 private:
  fs::path FileOf(const Block& block) {
    EXPECT_FALSE(block.lines.empty());
    EXPECT_TRUE(block.lines.at(0).starts_with("# ")) << block.lines.at(0);
    return fs::path(folder_.path()) / block.lines.at(0).substr(2);
  }

  static void Write(const fs::path& file, const std::string& text) {
    fs::create_directories(file.parent_path());
    std::ofstream(file, std::ios::binary) << text;
  }

  void Write(const Block& block) {
    std::string text;
    for (std::size_t i = 1; i < block.lines.size(); ++i) text += block.lines[i] + "\n";
    Write(FileOf(block), text);
  }

  void Edit(const Block& block) {
    const fs::path file = FileOf(block);
    std::string before, after;
    for (std::size_t i = 1; i < block.lines.size(); ++i) {
      const std::string& line = block.lines[i];
      ASSERT_TRUE(line.starts_with("-") || line.starts_with("+")) << line;
      (line[0] == '-' ? before : after) += line.substr(1) + "\n";
    }
    std::string text = TextOf(file);
    const std::size_t at = text.find(before);
    ASSERT_NE(at, std::string::npos) << before << "is not in " << file;
    Write(file, text.replace(at, before.size(), after));
  }

  int Type(const Block& block) {
    int commands = 0;
    for (std::size_t i = 0; i < block.lines.size();) {
      const std::string& line = block.lines[i++];
      EXPECT_TRUE(line.starts_with("$ ")) << line;
      std::string wanted;
      while (i < block.lines.size() && !block.lines[i].starts_with("$ ")) wanted += block.lines[i++] + "\n";
      const std::string command = "cd '" + folder_.path() + "' && " + line.substr(2);
      const Finished done = guidon::testing::Run(
          {"/bin/sh", "-c", "export PATH=\"" GUIDON_BIN_DIR ":$PATH\"; exec 2>&1; " + command},
          {"GUIDON_SERVER=" + server_.url(), "GUIDON_KEY=" + server_.admin_key(), "GUIDON_ENVIRONMENT=production"});
      EXPECT_EQ(done.exit_code != 0, block.kind == "console fails") << line << "\n" << done.output;
      EXPECT_TRUE(Matches(wanted, done.output)) << line << "\nwrites\n" << done.output << "and not\n" << wanted;
      ++commands;
    }
    return commands;
  }

  const std::string page_;
  Guidond server_;
  TemporaryFolder folder_;
};

TEST(WalkthroughTest, AFirstExperimentIsAsThePageSays) {
  Walkthrough("docs/experiments.md").Run();
}

TEST(WalkthroughTest, AnEllipsisStandsForAnyTextAndNothingElseDoes) {
  EXPECT_TRUE(Matches("", ""));
  EXPECT_FALSE(Matches("", "x"));
  EXPECT_TRUE(Matches("…", "a\nb"));
  EXPECT_TRUE(Matches("a…c\n", "a b\nc\n"));
  EXPECT_FALSE(Matches("a…c\n", "a b\nd\n"));
  EXPECT_TRUE(Matches("…\nend\n", "begin\nend\n"));
  EXPECT_FALSE(Matches("a…b…c", "abb"));
  EXPECT_FALSE(Matches("ab…b", "ab"));
}

}  // namespace
}  // namespace guidon::testing
