// A page of the documents whose commands are typed, as they stand there, into a shell beside a real server.
//
//   Walkthrough("docs/experiments.md").Run();
//
//   ```yaml      whose first line is `# PATH`: the file is written
//   ```diff      whose first line is `# PATH`: lines with - are replaced by those with +
//   ```console   `$ COMMAND`, and below it what it writes; `…` stands for any text. It ends with 0, unless the fence
//                says `console fails`; `console soon` and `console soon fails` are typed again until they write that
//
// Thread safety: one thread.
#pragma once

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

struct Block {
  std::string kind;  // what stands behind the fence
  std::vector<std::string> lines;
  int line = 0;  // where it begins
};

inline std::string TextOf(const std::filesystem::path& file) {
  std::ifstream in(file, std::ios::binary);
  EXPECT_TRUE(in) << file;
  return std::string(std::istreambuf_iterator<char>(in), {});
}

inline std::vector<Block> BlocksOf(const std::string& page) {
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
inline bool Matches(const std::string& pattern, const std::string& text) {
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

  // Where the commands run, under this name.
  void Give(const std::string& name, const std::filesystem::path& file) const {
    std::filesystem::create_symlink(file, folder_ / name);
  }

  const Guidond& server() const { return server_; }

  void Run() {
    int commands = 0;
    for (const Block& block : BlocksOf(TextOf(std::filesystem::path(GUIDON_SOURCE_DIR) / page_))) {
      SCOPED_TRACE(page_ + ":" + std::to_string(block.line));
      if (block.kind == "yaml") Write(block);
      if (block.kind == "diff") Edit(block);
      if (block.kind.starts_with("console")) commands += Type(block);
    }
    EXPECT_GT(commands, 0);
  }

 private:
  std::filesystem::path FileOf(const Block& block) {
    EXPECT_FALSE(block.lines.empty());
    EXPECT_TRUE(block.lines.at(0).starts_with("# ")) << block.lines.at(0);
    return std::filesystem::path(folder_.path()) / block.lines.at(0).substr(2);
  }

  static void Write(const std::filesystem::path& file, const std::string& text) {
    std::filesystem::create_directories(file.parent_path());
    std::ofstream(file, std::ios::binary) << text;
  }

  void Write(const Block& block) {
    std::string text;
    for (std::size_t i = 1; i < block.lines.size(); ++i) text += block.lines[i] + "\n";
    Write(FileOf(block), text);
  }

  void Edit(const Block& block) {
    const std::filesystem::path file = FileOf(block);
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

  Finished Type(const std::string& command) const {
    return guidon::testing::Run(
        {"/bin/sh", "-c",
         "export PATH=\"" GUIDON_BIN_DIR ":$PATH\"; exec 2>&1; cd '" + folder_.path() + "' && " + command},
        {"GUIDON_SERVER=" + server_.url(), "GUIDON_KEY=" + server_.admin_key(), "GUIDON_ENVIRONMENT=production"});
  }

  int Type(const Block& block) {
    int commands = 0;
    for (std::size_t i = 0; i < block.lines.size();) {
      const std::string& line = block.lines[i++];
      EXPECT_TRUE(line.starts_with("$ ")) << line;
      std::string wanted;
      while (i < block.lines.size() && !block.lines[i].starts_with("$ ")) wanted += block.lines[i++] + "\n";
      Finished done = Type(line.substr(2));
      if (block.kind.starts_with("console soon") && !Matches(wanted, done.output)) {
        Eventually([&] { return Matches(wanted, (done = Type(line.substr(2))).output); });
      }
      EXPECT_EQ(done.exit_code != 0, block.kind.ends_with(" fails")) << line << "\n" << done.output;
      EXPECT_TRUE(Matches(wanted, done.output)) << line << "\nwrites\n" << done.output << "and not\n" << wanted;
      ++commands;
    }
    return commands;
  }

  const std::string page_;
  Guidond server_;
  TemporaryFolder folder_;
};

}  // namespace guidon::testing
