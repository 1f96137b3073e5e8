// guidon login|logout: a session of one's own instead of a key.
//
// The browser signs in at the server, which asks whether this program may have a session and then sends it to our port
// with a code; the code and the verifier, which only we know (PKCE), are exchanged for the session.
#include "cli/login.h"

#include <openssl/evp.h>
#include <openssl/rand.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <cstdlib>
#include <iostream>
#include <optional>

#include "cli/credentials.h"
#include "cli/loopback.h"
#include "cli/output.h"

namespace guidon::cli {
namespace {

constexpr std::chrono::minutes kPatience(10);  // as long as the server waits for the browser

// RFC 4648, section 5.
std::string Base64Url(const unsigned char* bytes, std::size_t size) {
  std::string text(4 * ((size + 2) / 3) + 1, '\0');
  text.resize(static_cast<std::size_t>(
      EVP_EncodeBlock(reinterpret_cast<unsigned char*>(text.data()), bytes, static_cast<int>(size))));
  while (text.ends_with('=')) text.pop_back();
  for (char& c : text) c = c == '+' ? '-' : c == '/' ? '_' : c;
  return text;
}

Result<std::string> RandomText() {
  std::array<unsigned char, 32> bytes;
  if (RAND_bytes(bytes.data(), static_cast<int>(bytes.size())) != 1) {
    return Fail(ErrorCode::kIo, "the operating system gave no random bytes");
  }
  return Base64Url(bytes.data(), bytes.size());
}

std::string ChallengeOf(const std::string& verifier) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> hash;
  unsigned int size = 0;
  EVP_Digest(verifier.data(), verifier.size(), hash.data(), &size, EVP_sha256(), nullptr);
  return Base64Url(hash.data(), size);
}

// Where there is a screen. Whether it works is seen there; the address is printed in any case.
void OpenBrowser(const std::string& address) {
  const bool has_screen = std::getenv("DISPLAY") != nullptr || std::getenv("WAYLAND_DISPLAY") != nullptr;
  if (!has_screen || isatty(STDERR_FILENO) == 0) return;
  const pid_t child = fork();
  if (child == 0) {
    if (fork() == 0) execlp("xdg-open", "xdg-open", address.c_str(), static_cast<char*>(nullptr));
    _exit(0);
  }
  if (child > 0) waitpid(child, nullptr, 0);
}

Result<ApiAnswer> ByBrowser(const LoginOptions& options) {
  const Result<std::string> verifier = RandomText(), state = RandomText();
  for (const auto* random : {&verifier, &state}) {
    if (!*random) return Fail(random->error());
  }
  const Result<std::unique_ptr<Loopback>> loopback = Loopback::Open();
  if (!loopback) return Fail(loopback.error());
  std::string server = options.connection.server;
  while (server.ends_with('/')) server.pop_back();
  const std::string address = server + "/auth/login?cli_redirect=" + Escape((*loopback)->uri()) +
                              "&code_challenge=" + ChallengeOf(*verifier) + "&cli_state=" + *state;
  std::cerr << "Sign in with a browser of this machine:\n\n    " << address << "\n\n";
  if (!options.no_browser) OpenBrowser(address);
  const Result<std::string> code = (*loopback)->WaitForCode(*state, kPatience);
  if (!code) return Fail(code.error());
  return AskAs(options.connection, "", "POST", "/auth/token",
               Object{{"code", Value(*code)}, {"code_verifier", Value(*verifier)}});
}

std::optional<std::string> ReadPassword() {
  termios before{};
  const bool is_terminal = isatty(STDIN_FILENO) == 1 && tcgetattr(STDIN_FILENO, &before) == 0;
  if (is_terminal) {
    std::cerr << "Password of the break-glass admin: " << std::flush;
    termios quiet = before;
    quiet.c_lflag &= ~static_cast<tcflag_t>(ECHO);
    tcsetattr(STDIN_FILENO, TCSAFLUSH, &quiet);
  }
  std::string line;
  const bool is_read = static_cast<bool>(std::getline(std::cin, line));
  if (is_terminal) {
    tcsetattr(STDIN_FILENO, TCSAFLUSH, &before);
    std::cerr << "\n";
  }
  if (!is_read) return std::nullopt;
  return line;
}

Result<ApiAnswer> ByPassword(const LoginOptions& options) {
  const std::optional<std::string> password = ReadPassword();
  if (!password || password->empty()) return Fail(ErrorCode::kInvalid, "standard input has no password");
  return AskAs(options.connection, "", "POST", "/auth/break-glass", Object{{"password", Value(*password)}});
}

}  // namespace

int Login(const LoginOptions& options) {
  const Result<ApiAnswer> answer = options.break_glass ? ByPassword(options) : ByBrowser(options);
  if (!answer) return Explain(answer.error(), options.json);
  if (!answer->ok()) return Explain(*answer, options.json);
  const Value* token = answer->body.Find("token");
  if (token == nullptr || token->AsString().empty()) {
    return Explain(Error{ErrorCode::kUnavailable, "the answer of the server has no session; is it a guidond?", {}},
                   options.json);
  }
  const StoredSession session{token->AsString(), Text(answer->body, "principal"), Text(answer->body, "expires")};
  if (Status kept = KeepSession(options.connection.server, session); !kept) {
    // Of no use to anybody then.
    (void)AskAs(options.connection, session.token, "POST", "/auth/logout");
    return Explain(kept.error(), options.json);
  }
  if (options.json) {
    PrintJson(Object{{"principal", Value(session.principal)}, {"expires", Value(session.expires)}});
    return kPass;
  }
  const std::string name = Text(answer->body, "name");
  std::cout << "signed in to " << Printable(options.connection.server) << " as "
            << (name.empty() ? session.principal : name + " (" + session.principal + ")") << ", until "
            << session.expires << " at the longest\n";
  return kPass;
}

int Logout(const LoginOptions& options) {
  const Result<StoredSession> session = FindSession(options.connection.server);
  if (!session) return Explain(session.error(), options.json);
  const Result<ApiAnswer> answer = AskAs(options.connection, session->token, "POST", "/auth/logout");
  if (!answer) return Explain(answer.error(), options.json);  // it goes on there, and so is kept here
  const bool is_over = answer->status == 401;
  if (!answer->ok() && !is_over) return Explain(*answer, options.json);
  if (Status gone = ForgetSession(options.connection.server); !gone) return Explain(gone.error(), options.json);
  if (options.json) {
    PrintJson(Object{{"principal", Value(session->principal)}});
  } else {
    std::cout << "signed out of " << Printable(options.connection.server) << (is_over ? ": it was over" : "") << "\n";
  }
  return kPass;
}

}  // namespace guidon::cli
