// The runner of the reference vectors, as a process: that all of them hold, and that one that does not is seen.
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <stdexcept>
#include <string>

#include "core/base/json.h"

namespace guidon {
namespace {

const std::string kVectors = GUIDON_SOURCE_DIR "/tests/vectors/statistics/dev.json";

struct Ran {
  int exit_code = -1;
  std::string output;

  std::string LastLine() const {
    if (output.empty()) return {};
    const std::size_t end = output.size() - 1;  // its newline
    const std::size_t begin = output.rfind('\n', end - 1);
    return output.substr(begin == std::string::npos ? 0 : begin + 1,
                         end - (begin == std::string::npos ? 0 : begin + 1));
  }
};

Ran RunVectors(const std::string& file) {
  Ran ran;
  FILE* pipe = popen(("'" GUIDON_BIN_DIR "/stats_vectors' --cases '" + file + "' 2>&1").c_str(), "r");
  if (pipe == nullptr) return ran;
  char buffer[4096];
  for (std::size_t n; (n = fread(buffer, 1, sizeof buffer, pipe)) > 0;) ran.output.append(buffer, n);
  const int status = pclose(pipe);
  if (WIFEXITED(status)) ran.exit_code = WEXITSTATUS(status);
  return ran;
}

std::string Read(const std::string& path) {
  std::ostringstream text;
  text << std::ifstream(path, std::ios::binary).rdbuf();
  return text.str();
}

// The vectors with something in them changed.
class Altered {
 public:
  template <typename Change>
  explicit Altered(Change change)
      : path_(std::filesystem::temp_directory_path() / ("guidon-vectors-" + std::to_string(getpid()) + ".json")) {
    Value document = *ParseJson(Read(kVectors));
    change(document.MutableObject().Find("cases")->MutableArray());
    std::ofstream(path_) << ToJson(document);
  }
  ~Altered() { std::filesystem::remove(path_); }

  std::string path() const { return path_.string(); }

 private:
  const std::filesystem::path path_;
};

Value& FindCase(Array& cases, std::string_view id) {
  for (Value& c : cases) {
    if (c.Find("id")->AsString() == id) return c;
  }
  throw std::runtime_error("there is no such case");
}

Value& Expected(Value& c) {
  return *c.MutableObject().Find("expected");
}

TEST(StatsVectorsTest, AllOfThemHold) {
  const Ran ran = RunVectors(kVectors);
  EXPECT_EQ(ran.exit_code, 0);
  EXPECT_EQ(ran.output, "passed 281 of 281\n");
}

// Where the vectors come from there may be more of them than in the copy here.
TEST(StatsVectorsTest, SoDoThoseOfANewerFile) {
  const std::string file = GUIDON_SHARED "/stats-vectors/dev.json";
  if (!std::filesystem::exists(file)) {
    GTEST_SKIP() << "needs data that is no part of the project: stats-vectors/dev.json in the folder GUIDON_SHARED";
  }
  const Ran ran = RunVectors(file);
  EXPECT_EQ(ran.exit_code, 0) << ran.output;
}

TEST(StatsVectorsTest, AnExpectationThatDoesNotHoldIsAMiss) {
  const Altered altered([](Array& cases) {
    Value& of_means = FindCase(cases, "mean_ttest-d001");
    Expected(of_means).MutableObject().Set("standard_error", 0.020124611798);  // within 1e-9 of itself: no miss
    Value& of_tails = FindCase(cases, "distributions-d003");
    Expected(of_tails).MutableObject().Find("values")->MutableArray()[1] = 0.8413447465;
  });
  const Ran ran = RunVectors(altered.path());
  EXPECT_EQ(ran.exit_code, 1);
  EXPECT_EQ(ran.LastLine(), "passed 280 of 281");
  EXPECT_TRUE(
      ran.output.starts_with("distributions-d003 distributions values[1]: expected 0.8413447465, got 0.84134474"))
      << ran.output;
  EXPECT_NE(ran.output.find(", allowed 8.4"), std::string::npos) << ran.output;
}

TEST(StatsVectorsTest, WhatNobodyComputesIsAMiss) {
  const Altered altered([](Array& cases) {
    FindCase(cases, "mean_ttest-d001").MutableObject().Set("family", "astrology");
    FindCase(cases, "mean_ttest-d002").MutableObject().Set("method", "guess");
    Expected(FindCase(cases, "mean_ttest-d003")).MutableObject().Set("luck", 0);
    // A number where an error is expected, an error where numbers are, and the wrong error.
    FindCase(cases, "mean_ttest-d004")
        .MutableObject()
        .Set("expected", Object{{"status", "error"}, {"code", "ZERO_VARIANCE"}});
    FindCase(cases, "mean_ttest-d016").MutableObject().Set("expected", Object{{"p_value", 0.5}});
    FindCase(cases, "ratio_metric-d011")
        .MutableObject()
        .Set("expected", Object{{"status", "error"}, {"code", "INSUFFICIENT_N"}});
  });
  const Ran ran = RunVectors(altered.path());
  EXPECT_EQ(ran.exit_code, 1);
  EXPECT_EQ(ran.LastLine(), "passed 275 of 281");
  for (const char* miss : {"mean_ttest-d001 astrology -: the family is not known",
                           "mean_ttest-d002 mean_ttest -: the family has no method 'guess'",
                           "mean_ttest-d003 mean_ttest luck: expected 0, got nothing",
                           "mean_ttest-d004 mean_ttest status: expected an error, got",
                           "mean_ttest-d016 mean_ttest status: got the error ZERO_VARIANCE",
                           "ratio_metric-d011 ratio_metric code: expected"}) {
    EXPECT_NE(ran.output.find(miss), std::string::npos) << miss << "\n" << ran.output;
  }
}

TEST(StatsVectorsTest, AFileThatCannotBeReadIsNoMiss) {
  EXPECT_EQ(RunVectors("/nowhere/vectors.json").exit_code, 2);
  EXPECT_EQ(RunVectors(GUIDON_SOURCE_DIR "/tests/vectors/statistics/README.md").exit_code, 2);
}

}  // namespace
}  // namespace guidon
