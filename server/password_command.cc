#include "server/password_command.h"

#include <termios.h>
#include <unistd.h>

#include <iostream>
#include <optional>
#include <string>

#include "server/signin/password.h"

namespace guidon {
namespace {

constexpr int kFailed = 1;
constexpr int kUsage = 2;

// What is typed is not shown for as long as this lives.
class Unseen {
 public:
  Unseen() {
    if (tcgetattr(STDIN_FILENO, &before_) != 0) return;
    is_set_ = true;
    termios quiet = before_;
    quiet.c_lflag &= ~static_cast<tcflag_t>(ECHO);
    tcsetattr(STDIN_FILENO, TCSAFLUSH, &quiet);
  }
  ~Unseen() {
    if (is_set_) tcsetattr(STDIN_FILENO, TCSAFLUSH, &before_);
  }
  Unseen(const Unseen&) = delete;
  Unseen& operator=(const Unseen&) = delete;

 private:
  termios before_{};
  bool is_set_ = false;
};

std::optional<std::string> Ask(const char* prompt) {
  const Unseen unseen;
  std::cerr << prompt << std::flush;
  std::string line;
  const bool is_read = static_cast<bool>(std::getline(std::cin, line));
  std::cerr << "\n";
  if (!is_read) return std::nullopt;
  return line;
}

int Complain(const std::string& what, int code) {
  std::cerr << "guidond: " << what << "\n";
  return code;
}

}  // namespace

int RunPasswordCommand() {
  std::string password;
  if (isatty(STDIN_FILENO) == 1) {
    const auto first = Ask("Password: "), again = Ask("Once more: ");
    if (!first || first != again) return Complain("these are not the same", kUsage);
    password = *first;
  } else if (!std::getline(std::cin, password)) {
    return Complain("standard input has no password: it is read from its first line", kUsage);
  }
  const Result<std::string> hash = HashPassword(password);
  if (!hash) return Complain(hash.error().message, hash.error().code == ErrorCode::kInvalid ? kUsage : kFailed);
  std::cout << *hash << std::endl;
  return std::cout ? 0 : kFailed;
}

}  // namespace guidon
