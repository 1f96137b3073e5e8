#include "server/arguments.h"

#include <CLI/CLI.hpp>
#include <iostream>
#include <vector>

#include "server/config/config.h"
#include "server/telemetry/log.h"

namespace guidon {
namespace {

constexpr int kUsage = 2;
constexpr std::size_t kHelpColumn = 26;

Error UnknownArgument(const std::string& argument) {
  std::vector<std::string> known = {"--config", "--print-config", "--version", "--help"};
  for (const std::string& name : SettingNames()) known.push_back("--" + name);
  const std::string hint = DidYouMean(argument.substr(0, argument.find('=')), known);
  return {ErrorCode::kInvalid,
          "unknown argument '" + MaskKeys(argument) + "'; " + (hint.empty() ? "--help lists them" : hint),
          {}};
}

// The default stands behind what a setting is for, or below where a terminal of 80 columns has no room for it.
std::string HelpText(const SettingHelp& setting) {
  std::string text(setting.purpose);
  if (setting.default_value.empty() || setting.value.empty()) return text;
  const bool fits = kHelpColumn + text.size() + setting.default_value.size() + 3 <= 80;
  std::string value = setting.default_value;
  constexpr std::size_t kRoom = 80 - kHelpColumn - 2;
  if (value.size() > kRoom) value.insert(value.rfind(',', kRoom) + 1, "\n");  // a list
  return text + (fits ? " [" : "\n[") + value + "]";
}

void AddBackup(CLI::App& options, std::optional<BackupCommand>& wanted, BackupCommand& words) {
  CLI::App* backup = options.add_subcommand("backup", "Check or restore a backup, without a server");
  backup->require_subcommand(1);
  for (const bool restores : {false, true}) {
    CLI::App* verb = backup->add_subcommand(restores ? "restore" : "verify",
                                            restores ? "Make a store of a backup, in a folder that is not there"
                                                     : "Read every byte of a backup, and say whether it is whole");
    verb->get_formatter()->column_width(kHelpColumn);
    verb->add_option("FOLDER", words.folder, "Of the backup")->type_name("")->required();
    if (restores) verb->add_option("--data", words.data, "Folder of the new store")->type_name("DIR")->required();
    verb->add_flag("--json", words.json, "Say it in JSON, for programs");
    verb->callback([&wanted, &words, restores] {
      wanted = words;
      wanted->restore = restores;
    });
  }
}

}  // namespace

ArgumentsRead ReadArguments(int argc, const char* const* argv, std::string_view version) {
  CLI::App options("guidond: feature flags and A/B tests, streamed to SDKs", "guidond");
  options.set_version_flag("--version", "guidond " + std::string(version), "Show the version");
  options.set_help_flag("--help,-h", "Show this help");
  Arguments arguments;
  options.get_formatter()->column_width(kHelpColumn);
  options.footer(
      "Settings are read from the file, then from the environment (GUIDON_IO_THREADS),\n"
      "then from arguments; the later wins.");
  options.add_option("--config", arguments.file, "YAML file of settings; or GUIDON_CONFIG")->type_name("FILE");
  options.add_flag("--print-config", arguments.print_config, "Show the settings that result, and exit");
  BackupCommand words;
  AddBackup(options, arguments.backup, words);
  // The password is never an argument: every process of the machine may read those.
  options.add_subcommand("hash-password", "Hash a password, typed or piped, for break-glass-file")
      ->callback([&arguments] { arguments.hash_password = true; });
  std::map<std::string, std::string> values;
  std::map<std::string, bool> switches;
  for (const SettingHelp& setting : DescribeSettings()) {
    const std::string name(setting.name);
    if (setting.value.empty()) {
      options.add_flag("--" + name, switches[name], HelpText(setting));
    } else {
      options.add_option("--" + name, values[name], HelpText(setting))->type_name(std::string(setting.value));
    }
  }
  try {
    options.parse(argc, argv);
  } catch (const CLI::ExtrasError&) {
    std::cerr << "guidond: " << UnknownArgument(options.remaining(true).front()).message << "\n";
    return {std::nullopt, kUsage};
  } catch (const CLI::Success& wish) {  // --help, --version
    return {std::nullopt, options.exit(wish)};
  } catch (const CLI::ParseError& error) {
    const bool is_backup = options.got_subcommand("backup");
    const bool wants_verb = is_backup && options.get_subcommand("backup")->get_subcommands().empty();
    std::cerr << "guidond: " << (wants_verb ? "backup needs a verb: verify or restore" : error.what()) << "; `guidond "
              << (is_backup ? "backup " : "") << "--help` says more\n";
    return {std::nullopt, kUsage};
  }
  for (const auto& [name, text] : values) {
    if (options.count("--" + name) > 0) arguments.settings[name] = text;
  }
  for (const auto& [name, is_on] : switches) {
    if (options.count("--" + name) > 0) arguments.settings[name] = is_on ? "true" : "false";
  }
  return {std::move(arguments), 0};
}

}  // namespace guidon
