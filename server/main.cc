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
  files.rlim_cur = files.rlim_max;
  setrlimit(RLIMIT_NOFILE, &files);
  return files.rlim_max;
}

void WarnOfFileLimit(const guidon::Log& log, rlim_t files, std::size_t connections) {
  if (files >= connections) return;
  log.Warn("the limit on open files is lower than max-connections; raise it (ulimit -n) to serve as many",
           {{"limit", std::to_string(files)}, {"max_connections", std::to_string(connections)}});
}

int Say(const guidon::Error& error, int code) {
  std::cerr << "guidond: " << error.message << "\n";
  return code;
}

guidon::Error UnknownArgument(const std::string& argument) {
  std::vector<std::string> known = {"--config", "--print-config", "--version", "--help"};
  for (const std::string& name : guidon::SettingNames()) known.push_back("--" + name);
  const std::string hint = guidon::DidYouMean(argument.substr(0, argument.find('=')), known);
  return {guidon::ErrorCode::kInvalid,
          "unknown argument '" + guidon::MaskKeys(argument) + "'; " + (hint.empty() ? "--help lists them" : hint),
          {}};
}

// The default stands behind what a setting is for, or below where a terminal of 80 columns has no room for it.
constexpr std::size_t kHelpColumn = 26;
std::string HelpText(const guidon::SettingHelp& setting) {
  std::string text(setting.purpose);
  if (setting.default_value.empty() || setting.value.empty()) return text;
  const bool fits = kHelpColumn + text.size() + setting.default_value.size() + 3 <= 80;
  return text + (fits ? " [" : "\n[") + setting.default_value + "]";
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
  options.get_formatter()->column_width(kHelpColumn);
  options.footer(
      "Settings are read from the file, then from the environment (GUIDON_IO_THREADS),\n"
      "then from arguments; the later wins.");
  options.add_option("--config", file, "YAML file of settings; or GUIDON_CONFIG")->type_name("FILE");
  options.add_flag("--print-config", print, "Show the settings that result, and exit");
  std::map<std::string, std::string> values;
  for (const guidon::SettingHelp& setting : guidon::DescribeSettings()) {
    const std::string name(setting.name);
    if (name == "insecure") {
      options.add_flag("--insecure", insecure, HelpText(setting));
    } else {
      options.add_option("--" + name, values[name], HelpText(setting))->type_name(std::string(setting.value));
    }
  }
  try {
    options.parse(argc, argv);
  } catch (const CLI::ExtrasError&) {
    return Say(UnknownArgument(options.remaining().front()), kUsage);
  } catch (const CLI::ParseError& error) {
    return options.exit(error) == 0 ? 0 : kUsage;
  }
  std::map<std::string, std::string> arguments;
  for (const auto& [name, text] : values) {
    if (options.count("--" + name) > 0) arguments[name] = text;
  }
  if (options.count("--insecure") > 0) arguments["insecure"] = insecure ? "true" : "false";
  if (const char* named = std::getenv("GUIDON_CONFIG"); file.empty() && named != nullptr) file = named;

  guidon::Config config;
  if (guidon::Status read = ReadAll(config, file, arguments); !read) return Say(read.error(), kUsage);
  if (print) {
    std::cout << guidon::PrintConfig(config);
    return 0;
  }
  const sigset_t signals = BlockSignals();
  guidon::LogLevel level = guidon::LogLevel::kInfo;
  guidon::ParseLogLevel(config.log_level, level);
  const guidon::Log log(level);
  const rlim_t files = RaiseFileLimit();
  guidon::Result<std::unique_ptr<guidon::App>> app = guidon::App::Start(config, log);
  if (!app) {
    log.Flush();  // so that the reason stands last
    return Say(app.error(), kFailed);
  }
  WarnOfFileLimit(log, files, config.max_connections);
  int signal = 0;
  sigwait(&signals, &signal);
  StopAtSecondInterrupt();
  (*app)->Stop();
  return 0;
}
