#include "server/telemetry/log.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <stdexcept>
#include <thread>
#include <utility>
#include <vector>

namespace guidon {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

constexpr std::int64_t kTime = 1'798'761'600'123;  // 2027-01-01T00:00:00.123Z
constexpr std::string_view kKey = "gdn_adm_4fJ2kQz9wXbT_8sVnAAAAbbbbCCCCddddEEEEffffGGGGc1Zk0a";

std::string Line(std::string_view message, const LogFields& fields = {}) {
  return Log::Format(LogLevel::kInfo, kTime, message, fields);
}

// Where a log may write; read from the other end.
class Pipe {
 public:
  Pipe() {
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0) throw std::runtime_error("no pipe");
    out_ = ends[0], in_ = ends[1];
  }
  ~Pipe() {
    close(out_);
    CloseIn();
  }
  int in() const { return in_; }
  void CloseIn() {
    if (in_ >= 0) close(std::exchange(in_, -1));
  }
  // At least `lines` lines, or until the end.
  std::string Read(int lines) {
    std::string text;
    std::string bytes(1 << 16, ' ');
    while (lines > 0) {
      const ssize_t size = read(out_, bytes.data(), bytes.size());
      if (size <= 0) break;
      text.append(bytes, 0, static_cast<std::size_t>(size));
      lines -= static_cast<int>(std::count(bytes.begin(), bytes.begin() + size, '\n'));
    }
    return text;
  }

 private:
  int out_ = -1, in_ = -1;
};

TEST(LogTest, ALineIsLevelTimeMessageAndFields) {
  EXPECT_EQ(Line("listening", {{"address", "127.0.0.1:8400"}, {"revision", "7"}}),
            "level=info time=2027-01-01T00:00:00.123Z msg=listening address=127.0.0.1:8400 revision=7");
  EXPECT_THAT(Log::Format(LogLevel::kDebug, kTime, "a", {}), StartsWith("level=debug "));
  EXPECT_THAT(Log::Format(LogLevel::kWarn, kTime, "a", {}), StartsWith("level=warn "));
  EXPECT_THAT(Log::Format(LogLevel::kError, kTime, "a", {}), StartsWith("level=error "));
}

TEST(LogTest, ValuesAreQuotedSoThatNoInputForgesALineOrAField) {
  const auto value = [](std::string text) {
    const std::string line = Line("m", {{"v", std::move(text)}});
    return line.substr(line.find(" v=") + 3);
  };
  EXPECT_EQ(value("plain/path?x"), "plain/path?x");
  EXPECT_EQ(value(""), "\"\"");
  EXPECT_EQ(value("two words"), "\"two words\"");
  EXPECT_EQ(value("a=b"), "\"a=b\"");
  EXPECT_EQ(value("say \"hi\" \\o/"), R"("say \"hi\" \\o/")");
  EXPECT_EQ(value("x\nlevel=error msg=forged"), R"("x\nlevel=error msg=forged")");
  EXPECT_EQ(value("\r\t\x1b[31m\x7f"), R"("\x0d\x09\x1b[31m\x7f")");
  EXPECT_EQ(value(std::string("a\0b", 3)), R"("a\x00b")");
  EXPECT_EQ(value("café"), "\"café\"");
  EXPECT_EQ(value("caf\xe9"), R"("caf\xe9")");  // not UTF-8, and the line still is
}

TEST(LogTest, KeysAreCutAfterTheirSelectorWhateverTheyStandIn) {
  const std::string secret(kKey.substr(21));
  const std::string key(kKey);
  for (const std::string& text : {key, "Bearer " + key, "/path/" + key + "/more", key + key, "x" + key + "," + key}) {
    const std::string line = Line(text, {{"field", text}});
    EXPECT_THAT(line, HasSubstr("gdn_adm_4fJ2kQz9wXbT…"));
    EXPECT_THAT(line, Not(HasSubstr(secret.substr(0, 8)))) << text;
  }
  EXPECT_EQ(MaskKeys("gdn_srv_short and gdn_"), "gdn_srv_short and gdn_");
}

TEST(LogTest, LinesBelowTheLeastLevelAreLeftOut) {
  Pipe pipe;
  {
    const Log log(LogLevel::kWarn, pipe.in());
    log.Debug("one");
    log.Info("two");
    log.Warn("three");
    log.Error("four");
  }
  pipe.CloseIn();
  const std::string text = pipe.Read(100);
  EXPECT_THAT(text, Not(HasSubstr("msg=one")));
  EXPECT_THAT(text, Not(HasSubstr("msg=two")));
  EXPECT_THAT(text, HasSubstr("level=warn "));
  EXPECT_THAT(text, HasSubstr("msg=four\n"));
}

TEST(LogTest, ASecretIsShownAtEveryLevelAndIsWrittenWhenItReturns) {
  Pipe pipe;
  const Log log(LogLevel::kError, pipe.in());
  log.Secret("first start", "key", kKey);
  EXPECT_THAT(pipe.Read(1), HasSubstr("msg=\"first start\" key=" + std::string(kKey) + "\n"));
}

TEST(LogTest, WhoLogsNeverWaitsForAPipeThatNobodyReads) {
  Pipe pipe;
  std::string text;
  std::thread reader;
  {
    const Log log(LogLevel::kInfo, pipe.in());
    const std::string filler(1000, 'x');
    int lines = 0;
    for (; log.lost() == 0; ++lines) log.Info(filler);  // a pipe holds 64 KiB, the log 1 MiB
    EXPECT_GT(lines, 900);
    EXPECT_LT(lines, 1200);
    reader = std::thread([&] { text = pipe.Read(1 << 20); });
    // Once somebody reads, it goes on and says what is missing.
    for (std::uint64_t lost = 0; lost != log.lost(); std::this_thread::yield()) {
      lost = log.lost();
      log.Info("after");
    }
  }
  pipe.CloseIn();
  reader.join();
  EXPECT_THAT(text, HasSubstr("level=warn "));
  EXPECT_THAT(text, HasSubstr("msg=\"log lines lost\" lines="));
  EXPECT_THAT(text, HasSubstr("msg=after\n"));
}

TEST(LogTest, ALogThatNobodyReadsCanBeClosed) {
  Pipe pipe;
  const Log log(LogLevel::kInfo, pipe.in());
  for (int i = 0; i < 200; ++i) log.Info(std::string(1000, 'x'));
}

TEST(LogTest, AFileThatCannotBeWrittenLosesLinesAndNothingElse) {
  Pipe pipe;
  const int closed = dup(pipe.in());
  close(closed);
  const Log log(LogLevel::kInfo, closed);
  log.Secret("one", "key", "value");
  EXPECT_EQ(log.lost(), 1u);
}

TEST(LogTest, LinesOfManyThreadsAreNeverMixed) {
  Pipe pipe;
  std::string text;
  std::thread reader([&] { text = pipe.Read(800); });
  {
    const Log log(LogLevel::kInfo, pipe.in());
    std::vector<std::thread> threads;
    for (int t = 0; t < 4; ++t) {
      threads.emplace_back([&log, t] {
        const std::string value(300, static_cast<char>('a' + t));
        for (int i = 0; i < 200; ++i) log.Info("m", {{"v", value}});
      });
    }
    for (std::thread& thread : threads) thread.join();
  }
  reader.join();
  std::size_t lines = 0;
  for (std::size_t at = 0; at < text.size(); ++lines) {
    const std::size_t end = text.find('\n', at);
    const std::string line = text.substr(at, end - at);
    const std::string value = line.substr(line.find(" v=") + 3);
    EXPECT_EQ(value, std::string(300, value[0])) << line;
    at = end + 1;
  }
  EXPECT_EQ(lines, 800u);
}

}  // namespace
}  // namespace guidon
