// Another process, started, watched and stopped by a test.
//
//   Process server({GUIDON_BIN_DIR "/guidond", "--data", folder});
//   ASSERT_TRUE(server.WaitForErrors("msg=listening")) << server.Errors();
//   server.Signal(SIGTERM);
//   EXPECT_EQ(server.WaitForExit(), 0);
//
// What it writes goes to memory that the test reads at any time, also after its end; it never waits for a reader. Its
// standard input is empty. It is killed when the object goes, at the latest.
//
// Thread safety: one thread at a time.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace guidon::testing {

// How long a test waits for what should happen at once, on a machine that is busy. Waits end as soon as it happens.
inline constexpr std::chrono::seconds kPatience{30};

// A setting of this test, as `./dev test all` and people give them.
int FromEnvironment(const char* name, int otherwise);

// Of a process: 0 when there is none.
std::size_t ResidentKiB(pid_t process);

class Process {
 public:
  // `command[0]` is a path; `environment` ("NAME=value") is added to this process's own, without its GUIDON_*. Throws
  // std::runtime_error when it cannot be started.
  explicit Process(std::vector<std::string> command, const std::vector<std::string>& environment = {});
  ~Process();
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;

  pid_t pid() const { return pid_; }
  bool IsRunning();
  void Signal(int signal);  // nothing when it is gone

  // The exit code, or 128 + signal; nothing when it still runs after that time.
  std::optional<int> WaitForExit(std::chrono::milliseconds patience = kPatience);
  int Kill();  // SIGKILL, and what WaitForExit says

  // What it wrote so far.
  std::string Output() const;
  std::string Errors() const;
  // False when the text does not come in that time, or the process ends without it.
  bool WaitForOutput(std::string_view text, std::chrono::milliseconds patience = kPatience);
  bool WaitForErrors(std::string_view text, std::chrono::milliseconds patience = kPatience);

 private:
  bool WaitForText(int file, std::string_view text, std::chrono::milliseconds patience);

  pid_t pid_ = 0;
  std::optional<int> exit_;
  int output_ = -1;  // memory files
  int errors_ = -1;
};

// Runs a command to its end.
struct Finished {
  int exit_code = 0;
  std::string output, errors;
};
Finished Run(std::vector<std::string> command, const std::vector<std::string>& environment = {});

// Asks until it is true; false when that takes longer than the patience.
template <typename Condition>
bool Eventually(Condition condition, std::chrono::milliseconds patience = kPatience);

// Sleeps for the few milliseconds between two looks at a condition.
void Pause();

template <typename Condition>
bool Eventually(Condition condition, std::chrono::milliseconds patience) {
  const auto deadline = std::chrono::steady_clock::now() + patience;
  while (!condition()) {
    if (std::chrono::steady_clock::now() >= deadline) return false;
    Pause();
  }
  return true;
}

// A folder that goes away with the object.
class TemporaryFolder {
 public:
  TemporaryFolder();
  ~TemporaryFolder();
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  const std::string& path() const { return path_; }
  std::string operator/(std::string_view name) const { return path_ + "/" + std::string(name); }

 private:
  std::string path_;
};

}  // namespace guidon::testing
