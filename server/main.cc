// guidond: the server.
#include <signal.h>
#include <sys/resource.h>

#include <CLI/CLI.hpp>
#include <cstdlib>
#include <iostream>

#include "server/app.h"
#include "server/config/config.h"
#include "server/config/config_file.h"
#include "server/telemetry/log.h"

namespace {

constexpr int kFailed = 1;
constexpr int kUsage = 2;

// Signals are taken by sigwait on this thread; all others inherit the mask and never see them.
sigset_t BlockSignals() {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGINT);
  sigaddset(&signals, SIGTERM);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  signal(SIGPIPE, SIG_IGN);
  return signals;
}

// Each stream is a descriptor: what the system lets us have, not only what it gives unasked (often 1 024).
void RaiseFileLimit() {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur == limit.rlim_max) return;
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
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

}  // namespace

int main(int argc, char** argv) {
  CLI::App options("guidond: feature flags and A/B tests, streamed to SDKs", "guidond");
  options.set_version_flag("--version", std::string("guidond ") + guidon::kVersion);
  std::string file;
  bool print = false, insecure = false;
  options.add_option("--config", file, "YAML file of settings");
  options.add_flag("--print-config", print, "Show the settings that result, and exit");
  options.add_flag("--insecure", insecure, "Allow addresses other than loopback without TLS");
  std::map<std::string, std::string> values;
  for (const std::string& name : guidon::SettingNames()) {
    if (name != "insecure") options.add_option("--" + name, values[name], "Setting '" + name + "'");
  }
  try {
    options.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return options.exit(error) == 0 ? 0 : kUsage;
  }
  std::map<std::string, std::string> arguments;
  for (const auto& [name, text] : values) {
    if (options.count("--" + name) > 0) arguments[name] = text;
  }
  if (insecure) arguments["insecure"] = "true";

  guidon::Config config;
  if (guidon::Status read = ReadAll(config, file, arguments); !read) return Say(read.error(), kUsage);
  if (print) {
    std::cout << guidon::PrintConfig(config);
    return 0;
  }
  const sigset_t signals = BlockSignals();
  RaiseFileLimit();
  guidon::LogLevel level = guidon::LogLevel::kInfo;
  guidon::ParseLogLevel(config.log_level, level);
  const guidon::Log log(level);
  guidon::Result<std::unique_ptr<guidon::App>> app = guidon::App::Start(config, log);
  if (!app) return Say(app.error(), kFailed);
  int signal = 0;
  sigwait(&signals, &signal);
  (*app)->Stop();
  return 0;
}
