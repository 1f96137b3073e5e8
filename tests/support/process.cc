#include "tests/support/process.h"

#include <fcntl.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>
#include <csignal>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <thread>
#include <utility>

extern char** environ;

namespace guidon::testing {
namespace {

std::vector<char*> Pointers(std::vector<std::string>& texts) {
  std::vector<char*> pointers;
  for (std::string& text : texts) pointers.push_back(text.data());
  pointers.push_back(nullptr);
  return pointers;
}

std::vector<std::string> EnvironmentWith(const std::vector<std::string>& added) {
  std::vector<std::string> all = added;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    // What a developer has set must not change what is tested.
    if (!std::string_view(*entry).starts_with("GUIDON_")) all.emplace_back(*entry);
  }
  return all;
}

int MemoryFile(const char* name) {
  const int file = memfd_create(name, MFD_CLOEXEC);
  if (file < 0) throw std::runtime_error(std::string("memfd_create: ") + std::strerror(errno));
  return file;
}

std::string Content(int file) {
  std::string text;
  char bytes[1 << 14];
  for (;;) {
    const ssize_t size = pread(file, bytes, sizeof bytes, static_cast<off_t>(text.size()));
    if (size <= 0) return text;
    text.append(bytes, static_cast<std::size_t>(size));
  }
}

}  // namespace

int FromEnvironment(const char* name, int otherwise) {
  const char* text = std::getenv(name);
  return text != nullptr ? std::atoi(text) : otherwise;
}

std::size_t ResidentKiB(pid_t process) {
  std::ifstream status("/proc/" + std::to_string(process) + "/status");
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with("VmRSS:")) return static_cast<std::size_t>(std::atoll(line.c_str() + 6));
  }
  return 0;
}

Process::Process(std::vector<std::string> command, const std::vector<std::string>& environment) {
  output_ = MemoryFile("output");
  errors_ = MemoryFile("errors");
  posix_spawn_file_actions_t files;
  posix_spawn_file_actions_init(&files);
  posix_spawn_file_actions_addopen(&files, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_adddup2(&files, output_, STDOUT_FILENO);
  posix_spawn_file_actions_adddup2(&files, errors_, STDERR_FILENO);
  std::vector<std::string> variables = EnvironmentWith(environment);
  const int failed =
      posix_spawn(&pid_, command.at(0).c_str(), &files, nullptr, Pointers(command).data(), Pointers(variables).data());
  posix_spawn_file_actions_destroy(&files);
  if (failed == 0) return;
  close(output_);
  close(errors_);
  throw std::runtime_error("cannot start " + command[0] + ": " + std::strerror(failed));
}

Process::~Process() {
  Kill();
  close(output_);
  close(errors_);
}

bool Process::IsRunning() {
  return !WaitForExit(std::chrono::milliseconds(0));
}

void Process::Signal(int signal) {
  if (!exit_) kill(pid_, signal);
}

std::optional<int> Process::WaitForExit(std::chrono::milliseconds patience) {
  Eventually(
      [this] {
        int status = 0;
        if (exit_ || waitpid(pid_, &status, WNOHANG) != pid_) return exit_.has_value();
        exit_ = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
        return true;
      },
      patience);
  return exit_;
}

int Process::Kill() {
  Signal(SIGKILL);
  return WaitForExit().value_or(-1);
}

std::string Process::Output() const {
  return Content(output_);
}
std::string Process::Errors() const {
  return Content(errors_);
}

bool Process::WaitForOutput(std::string_view text, std::chrono::milliseconds patience) {
  return WaitForText(output_, text, patience);
}
bool Process::WaitForErrors(std::string_view text, std::chrono::milliseconds patience) {
  return WaitForText(errors_, text, patience);
}

bool Process::WaitForText(int file, std::string_view text, std::chrono::milliseconds patience) {
  bool found = false;
  Eventually(
      [&] {
        // In this order: what it wrote just before its end counts.
        const bool gone = !IsRunning();
        found = Content(file).find(text) != std::string::npos;
        return found || gone;
      },
      patience);
  return found;
}

Finished Run(std::vector<std::string> command, const std::vector<std::string>& environment) {
  Process process(std::move(command), environment);
  const std::optional<int> code = process.WaitForExit(std::chrono::minutes(2));
  if (!code) throw std::runtime_error("it does not end; it said: " + process.Output() + process.Errors());
  return {*code, process.Output(), process.Errors()};
}

void Pause() {
  std::this_thread::sleep_for(std::chrono::milliseconds(3));
}

TemporaryFolder::TemporaryFolder() {
  path_ = (std::filesystem::temp_directory_path() / "guidon-test-XXXXXX").string();
  if (mkdtemp(path_.data()) == nullptr) throw std::runtime_error(std::string("mkdtemp: ") + std::strerror(errno));
}

TemporaryFolder::~TemporaryFolder() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

}  // namespace guidon::testing
