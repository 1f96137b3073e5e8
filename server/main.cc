// guidond: the server.
#include <sys/resource.h>
#include <unistd.h>
#include <csignal>

#include <algorithm>
#include <cstdlib>
#include <iostream>

#include "server/app.h"
#include "server/arguments.h"
#include "server/backup_command.h"
#include "server/config/config.h"
#include "server/config/config_file.h"
#include "server/password_command.h"
#include "server/telemetry/log.h"

namespace {

constexpr int kFailed = 1;
constexpr int kUsage = 2;

// Signals are taken by sigwait on this thread; all others inherit the mask and never see them. SIGHUP asks for a
// reload, but where there is nothing to read again and a terminal to be closed: there it ends the process as usual.
sigset_t BlockSignals(bool has_files) {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGINT);
  sigaddset(&signals, SIGTERM);
  if (has_files || isatty(STDIN_FILENO) == 0) sigaddset(&signals, SIGHUP);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  signal(SIGPIPE, SIG_IGN);
  return signals;
}

// Who presses Ctrl-C again does not want to wait for streams to drain. Nothing is lost: what was acknowledged is safe.
void StopAtSecondInterrupt() {
  sigset_t interrupt;
  sigemptyset(&interrupt);
  sigaddset(&interrupt, SIGINT);
  pthread_sigmask(SIG_UNBLOCK, &interrupt, nullptr);
}

// Every connection is a descriptor, and the usual soft limit is 1024. Returns what there is.
rlim_t RaiseFileLimit() {
  rlimit files{};
  if (getrlimit(RLIMIT_NOFILE, &files) != 0) return 0;
  const rlim_t before = files.rlim_cur;
  files.rlim_cur = files.rlim_max;
  return setrlimit(RLIMIT_NOFILE, &files) == 0 ? files.rlim_max : before;
}

// As many connections as leave the store its files: clients who take the last descriptor must not make it fail to
// write, which is final. So many for each listener. 0 files: nobody knows how many there may be.
std::size_t FittingConnections(rlim_t files, std::size_t wanted, rlim_t listeners) {
  constexpr rlim_t kOfTheStore = 256;
  if (files == 0) return wanted;
  const rlim_t room = files >= 2 * kOfTheStore ? files - kOfTheStore : files / 2;
  return static_cast<std::size_t>(std::min<rlim_t>(wanted, room / listeners));
}

void WarnOfFileLimit(const guidon::Log& log, rlim_t files, std::size_t connections, std::size_t wanted) {
  if (connections == wanted) return;
  log.Warn("the limit on open files leaves room for fewer connections than max-connections; raise it (ulimit -n)",
           {{"limit", std::to_string(files)},
            {"connections", std::to_string(connections)},
            {"max_connections", std::to_string(wanted)}});
}

int Say(const guidon::Error& error, int code) {
  std::cerr << "guidond: " << error.message << "\n";
  return code;
}

// File, environment, arguments; the later wins.
guidon::Status ReadAll(guidon::Config& config, const std::string& file,
                       const std::map<std::string, std::string>& arguments) {
  if (!file.empty()) {
    if (guidon::Status read = guidon::ReadConfigFile(config, file); !read) return read;
  }
  if (guidon::Status read = guidon::ReadEnvironment(config, [](const char* name) { return std::getenv(name); });
      !read) {
    return read;
  }
  for (const auto& [name, text] : arguments) {
    if (guidon::Status set = guidon::SetSetting(config, name, text); !set) return set;
  }
  return guidon::CheckConfig(config);
}

std::vector<std::string> VariableNames() {
  std::vector<std::string> names;
  for (char** variable = environ; *variable != nullptr; ++variable) {
    const std::string_view text(*variable);
    names.emplace_back(text.substr(0, text.find('=')));
  }
  return names;
}

}  // namespace

int main(int argc, char** argv) {
  guidon::ArgumentsRead read_arguments = guidon::ReadArguments(argc, argv, guidon::kVersion);
  if (!read_arguments.arguments) return read_arguments.exit_code;
  auto& [backup, hash_password, file, settings, print] = *read_arguments.arguments;
  if (backup) return guidon::RunBackupCommand(*backup);
  if (hash_password) return guidon::RunPasswordCommand();
  if (const char* named = std::getenv("GUIDON_CONFIG"); file.empty() && named != nullptr) file = named;

  guidon::Config config;
  if (guidon::Status read = ReadAll(config, file, settings); !read) return Say(read.error(), kUsage);
  const std::vector<std::string> doubts = guidon::DoubtfulVariables(VariableNames());
  if (print) {
    for (const std::string& doubt : doubts) std::cerr << "guidond: " << doubt << "\n";
    std::cout << guidon::PrintConfig(config);
    return 0;
  }
  const sigset_t signals = BlockSignals(!config.tls_cert.empty());
  guidon::LogLevel level = guidon::LogLevel::kInfo;
  guidon::ParseLogLevel(config.log_level, level);
  const guidon::Log log(level);
  for (const std::string& doubt : doubts) log.Warn(doubt);
  const rlim_t files = RaiseFileLimit();
  const std::size_t wanted = config.max_connections;
  config.max_connections = FittingConnections(files, wanted, config.admin_listen.empty() ? 1 : 2);
  guidon::Result<std::unique_ptr<guidon::App>> app = guidon::App::Start(config, log);
  if (!app) {
    log.Flush();  // so that the reason stands last
    return Say(app.error(), kFailed);
  }
  WarnOfFileLimit(log, files, config.max_connections, wanted);
  int signal = 0;
  for (sigwait(&signals, &signal); signal == SIGHUP; sigwait(&signals, &signal)) (*app)->Reload();
  StopAtSecondInterrupt();
  (*app)->Stop();
  return 0;
}
