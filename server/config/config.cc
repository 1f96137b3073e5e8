#include "server/config/config.h"

#include <arpa/inet.h>

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <utility>

#include "core/base/issue.h"
#include "core/base/json.h"
#include "core/model/names.h"
#include "net/url.h"
#include "server/telemetry/log.h"

namespace guidon {
namespace {

// One setting: what it is for, and how it is read from and written as text.
struct Setting {
  SettingHelp help;
  std::function<bool(Config&, std::string_view)> read;
  std::function<std::string(const Config&)> write;
  std::string expects;
};

Setting TextSetting(SettingHelp help, std::string Config::*member) {
  return {std::move(help),
          [member](Config& config, std::string_view text) {
            config.*member = std::string(text);
            return true;
          },
          [member](const Config& config) {
            std::string quoted;
            AppendJsonString(quoted, MaskKeys(config.*member));
            return quoted;
          },
          "text"};
}

Setting BoolSetting(SettingHelp help, bool Config::*member) {
  return {std::move(help),
          [member](Config& config, std::string_view text) {
            if (text != "true" && text != "false") return false;
            config.*member = text == "true";
            return true;
          },
          [member](const Config& config) { return std::string(config.*member ? "true" : "false"); }, "true or false"};
}

template <typename Number>
Setting NumberSetting(SettingHelp help, Number Config::*member, std::int64_t least, std::int64_t most) {
  return {std::move(help),
          [=](Config& config, std::string_view text) {
            std::int64_t number = 0;
            const auto read = std::from_chars(text.data(), text.data() + text.size(), number);
            if (read.ec != std::errc() || read.ptr != text.data() + text.size()) return false;
            if (number < least || number > most) return false;
            config.*member = static_cast<Number>(number);
            return true;
          },
          [member](const Config& config) { return std::to_string(config.*member); },
          "a whole number from " + std::to_string(least) + " to " + std::to_string(most)};
}

// 0 stands for no bound.
Setting AuditDaysSetting(SettingHelp help) {
  Setting setting = NumberSetting(std::move(help), &Config::audit_days, 0, 36'500);
  setting.read = [read = std::move(setting.read)](Config& config, std::string_view text) {
    Config wanted;
    if (!read(wanted, text) || (wanted.audit_days > 0 && wanted.audit_days < kLeastAuditDays)) return false;
    config.audit_days = wanted.audit_days;
    return true;
  };
  setting.expects = "0 (for good), or a whole number from " + std::to_string(kLeastAuditDays) +
                    " to 36500, since webhooks may be owed what happened in the last 3 days";
  return setting;
}

struct BudgetClass {
  std::string_view name;
  std::uint32_t BudgetSetting::*member;
};
constexpr BudgetClass kBudgetClasses[] = {{"config", &BudgetSetting::config},
                                          {"streams", &BudgetSetting::streams},
                                          {"evaluation", &BudgetSetting::evaluation},
                                          {"events", &BudgetSetting::events},
                                          {"admin", &BudgetSetting::admin}};
constexpr std::uint32_t kMostPerSecond = 1'000'000;

// "streams=500,admin=0": classes that are not named stay as they are. False, and nothing is changed, when it is not
// that.
bool ReadBudgets(std::string_view text, BudgetSetting& budgets) {
  BudgetSetting read = budgets;
  while (!text.empty()) {
    const std::string_view item = text.substr(0, text.find(','));
    text.remove_prefix(std::min(text.size(), item.size() + 1));
    const std::size_t equals = std::min(item.find('='), item.size());
    const auto* const known = std::find_if(std::begin(kBudgetClasses), std::end(kBudgetClasses),
                                           [&](const BudgetClass& one) { return one.name == item.substr(0, equals); });
    const std::string_view number = item.substr(std::min(equals + 1, item.size()));
    std::uint32_t rate = 0;
    const auto end = std::from_chars(number.data(), number.data() + number.size(), rate);
    const bool is_number = end.ec == std::errc() && end.ptr == number.data() + number.size();
    if (known == std::end(kBudgetClasses) || !is_number || rate > kMostPerSecond) return false;
    read.*known->member = rate;
  }
  budgets = read;
  return true;
}

Setting BudgetsSetting(SettingHelp help, BudgetSetting Config::*member) {
  return {
      std::move(help), [member](Config& config, std::string_view text) { return ReadBudgets(text, config.*member); },
      [member](const Config& config) {
        std::string text;
        for (const BudgetClass& one : kBudgetClasses) {
          text += (text.empty() ? "" : ",") + std::string(one.name) + "=" + std::to_string(config.*member.*one.member);
        }
        return "\"" + text + "\"";
      },
      "a list such as config=200,streams=500,evaluation=20000,events=2000,admin=200, each up to " +
          std::to_string(kMostPerSecond)};
}

const std::vector<Setting>& Settings() {
  static const std::vector<Setting> kSettings = {
      TextSetting({"listen", "ADDRESS", "Address and port; port 0 takes a free one"}, &Config::listen),
      TextSetting({"admin-listen", "ADDRESS", "Address and port for people and monitoring alone"},
                  &Config::admin_listen),
      TextSetting({"data", "DIR", "Folder of the store; made if its parent is there"}, &Config::data),
      TextSetting({"audit-key", "FILE", "Key that signs checkpoints of the audit log"}, &Config::audit_key),
      TextSetting({"port-file", "FILE", "File for the address that was bound, for scripts"}, &Config::port_file),
      TextSetting({"tls-cert", "FILE", "Certificate with its chain, a PEM file"}, &Config::tls_cert),
      TextSetting({"tls-key", "FILE", "Key of the certificate, a PEM file"}, &Config::tls_key),
      TextSetting({"tls-client-ca", "FILE", "Who signs what clients must show, a PEM file"}, &Config::tls_client_ca),
      BoolSetting({"insecure", "", "Allows other addresses than loopback without TLS"}, &Config::insecure),
      BoolSetting({"open-page", "", "Shows the page at / to everybody, without a key"}, &Config::open_page),
      NumberSetting({"io-threads", "N", "Threads that read and write sockets, 1 … 256"}, &Config::io_threads, 1, 256),
      NumberSetting({"worker-threads", "N", "Threads that wait for the disk, 1 … 256"}, &Config::worker_threads, 1,
                    256),
      TextSetting({"log-level", "LEVEL", "Least grave lines to log: debug, info, warn, error"}, &Config::log_level),
      NumberSetting({"max-connections", "N", "Connections beyond it are answered 503 and closed"},
                    &Config::max_connections, 1, 1'000'000),
      NumberSetting({"max-body-bytes", "N", "A larger body is answered 413 before it is read"}, &Config::max_body_bytes,
                    1'024, 64 << 20),
      NumberSetting({"ring-changes", "N", "Newest changes kept for each environment"}, &Config::ring_changes, 1,
                    1'000'000),
      NumberSetting({"ring-bytes", "N", "Bytes of newest changes kept for each environment"}, &Config::ring_bytes,
                    4'096, std::int64_t{1} << 30),
      NumberSetting({"init-slots", "N", "Streams that may be sending their first snapshot"}, &Config::init_slots, 1,
                    100'000),
      NumberSetting({"init-queue", "N", "Streams that may wait for such a slot"}, &Config::init_queue, 0, 1'000'000),
      BudgetsSetting({"address-budgets", "LIST", "Requests a second from one address, by class"},
                     &Config::address_budgets),
      BudgetsSetting({"key-budgets", "LIST", "Requests a second with one key, by class"}, &Config::key_budgets),
      TextSetting({"cors-origins", "LIST", "Origins of pages that may call, by commas, or *"}, &Config::cors_origins),
      NumberSetting({"heartbeat-seconds", "N", "Time between two heartbeats of a stream, 1 … 30"},
                    &Config::heartbeat_seconds, 1, 30),
      NumberSetting({"stop-seconds", "N", "How long a stop may drain, 0 … 600"}, &Config::stop_seconds, 0, 600),
      NumberSetting({"history-days", "N", "How long a replaced revision stays readable"}, &Config::history_days,
                    kLeastHistoryDays, 36'500),
      NumberSetting({"events-days", "N", "How long events are kept"}, &Config::events_days, 1, 36'500),
      AuditDaysSetting({"audit-days", "N", "How long audit entries say who did what; 0: for good"}),
      BoolSetting({"webhook-private", "", "Webhooks may go to private addresses, and over http"},
                  &Config::webhook_private),
      TextSetting({"webhook-ca", "FILE", "Authorities that webhooks are held against, as PEM"}, &Config::webhook_ca),
      TextSetting({"backup-folder", "DIR", "Folder of the backups; without it none can be made"},
                  &Config::backup_folder),
      TextSetting({"public-url", "URL", "Where people find this server: https://HOST"}, &Config::public_url),
      TextSetting({"oidc-issuer", "URL", "The OpenID provider by which people sign in"}, &Config::oidc_issuer),
      TextSetting({"oidc-client-id", "ID", "What this server is called there"}, &Config::oidc_client_id),
      TextSetting({"oidc-client-secret-file", "FILE", "Its secret there; none: a public client"},
                  &Config::oidc_client_secret_file),
      TextSetting({"oidc-scopes", "LIST", "Scopes to ask for, by blanks"}, &Config::oidc_scopes),
      TextSetting({"oidc-groups-claim", "NAME", "Claim of the ID token with a person's groups"},
                  &Config::oidc_groups_claim),
      TextSetting({"oidc-roles", "LIST", "Roles that groups of the provider give, by semicolons"}, &Config::oidc_roles),
      TextSetting({"oidc-ca", "FILE", "Authorities that the provider is held against, as PEM"}, &Config::oidc_ca),
      NumberSetting({"session-idle-minutes", "N", "A session not used for so long is over"},
                    &Config::session_idle_minutes, 1, 43'200),
      NumberSetting({"session-hours", "N", "A session is over after so long, used or not"}, &Config::session_hours, 1,
                    2'160),
      TextSetting({"break-glass-file", "FILE", "Hash of the break-glass admin's password"}, &Config::break_glass_file),
      NumberSetting({"crash-limit", "N", "Crashes within 10 minutes before it starts read-only"}, &Config::crash_limit,
                    0, 100),
  };
  return kSettings;
}

// --init-slots -> init_slots, GUIDON_INIT_SLOTS
std::string InFile(std::string_view name) {
  std::string text(name);
  std::replace(text.begin(), text.end(), '-', '_');
  return text;
}
std::string InEnvironment(std::string_view name) {
  std::string text = "GUIDON_" + InFile(name);
  std::transform(text.begin(), text.end(), text.begin(),
                 [](char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 32) : c; });
  return text;
}

std::string WrongValue(const Setting& setting, std::string_view shown_as, std::string_view text) {
  return std::string(shown_as) + " is '" + MaskKeys(text) + "'; expected " + setting.expects;
}

Status Set(Config& config, const Setting& setting, std::string_view shown_as, std::string_view text) {
  if (setting.read(config, text)) return {};
  return Fail(ErrorCode::kInvalid, WrongValue(setting, shown_as, text));
}

// One member of the file; nothing when it is fine.
std::optional<Issue> ReadMember(Config& config, const Member& member) {
  const auto fault = [&](std::string_view code, std::string message, std::string hint = "") {
    return Issue{Severity::kError, std::string(code), Path().Key(member.name), std::move(message), std::move(hint), ""};
  };
  std::vector<std::string> names;
  for (const Setting& setting : Settings()) names.push_back(InFile(setting.help.name));
  const auto held = std::find(names.begin(), names.end(), member.name);
  if (held == names.end()) {
    return fault("unknown_key", "unknown setting '" + MaskKeys(member.name) + "'", DidYouMean(member.name, names));
  }
  const Setting& setting = Settings()[static_cast<std::size_t>(held - names.begin())];
  if (member.value.is_null()) return fault("no_value", member.name + " is empty; expected " + setting.expects);
  if (member.value.is_array() || member.value.is_object()) {
    return fault("wrong_type", member.name + " is no single value; expected " + setting.expects);
  }
  const std::string text = member.value.is_string() ? member.value.AsString() : ToJson(member.value);
  if (setting.read(config, text)) return std::nullopt;
  return fault("wrong_value", WrongValue(setting, member.name, text));
}

}  // namespace

Result<ListenAddress> ParseListen(std::string_view listen, std::string_view setting) {
  const std::size_t colon = listen.rfind(':');
  const auto fail = [&](std::string_view why) {
    return Fail(ErrorCode::kInvalid, std::string(setting) + " is '" + MaskKeys(listen) + "', " + std::string(why) +
                                         "; write it as 127.0.0.1:8400 or [::1]:8400");
  };
  if (colon == std::string_view::npos) return fail("without a port");
  ListenAddress parsed;
  std::string_view address = listen.substr(0, colon);
  if (address.starts_with('[') && address.ends_with(']')) address = address.substr(1, address.size() - 2);
  if (address == "localhost") address = "127.0.0.1";
  parsed.address = address;
  const std::string_view port = listen.substr(colon + 1);
  const auto read = std::from_chars(port.data(), port.data() + port.size(), parsed.port);
  if (port.empty() || read.ec != std::errc() || read.ptr != port.data() + port.size()) return fail("with a bad port");
  in_addr v4{};
  in6_addr v6{};
  if (inet_pton(AF_INET, parsed.address.c_str(), &v4) == 1) {
    parsed.is_loopback = (ntohl(v4.s_addr) >> 24) == 127;
  } else if (inet_pton(AF_INET6, parsed.address.c_str(), &v6) == 1) {
    parsed.is_loopback = IN6_IS_ADDR_LOOPBACK(&v6);
  } else {
    return fail("whose address is no IP address");
  }
  return parsed;
}

Result<std::vector<std::string>> ParseOrigins(std::string_view origins) {
  std::vector<std::string> list;
  const auto fail = [](std::string_view origin, std::string_view why) {
    return Fail(ErrorCode::kInvalid, "cors-origins has '" + MaskKeys(origin) + "', " + std::string(why) +
                                         "; write origins as https://shop.example or http://localhost:3000");
  };
  for (bool has_more = !origins.empty(); has_more;) {
    const std::size_t comma = origins.find(',');
    has_more = comma != std::string_view::npos;
    std::string_view origin = origins.substr(0, comma);
    origins.remove_prefix(has_more ? comma + 1 : origins.size());
    while (origin.starts_with(' ')) origin.remove_prefix(1);
    while (origin.ends_with(' ')) origin.remove_suffix(1);
    const std::string_view scheme = origin.substr(0, origin.find("://"));
    const std::string_view host = origin.substr(std::min(origin.size(), scheme.size() + 3));
    constexpr std::string_view kOfSchemes = "abcdefghijklmnopqrstuvwxyz0123456789+.-";
    constexpr std::string_view kOfHosts = "abcdefghijklmnopqrstuvwxyz0123456789.-_:[]";
    const bool is_known = !scheme.empty() && scheme.find_first_not_of(kOfSchemes) == std::string_view::npos &&
                          !host.empty() && host.find_first_not_of(kOfHosts) == std::string_view::npos;
    if (origin != "*" && !is_known) return fail(origin, "which is no scheme and host in lower case, without a path");
    list.emplace_back(origin);
  }
  const bool has_all = std::find(list.begin(), list.end(), "*") != list.end();
  if (has_all && list.size() > 1) return fail("*", "which stands for all and goes alone");
  return list;
}

Result<std::vector<GroupRoleSetting>> ParseGroupRoles(std::string_view roles) {
  constexpr std::size_t kMost = 500;
  std::vector<GroupRoleSetting> list;
  const auto trim = [](std::string_view text) {
    while (text.starts_with(' ')) text.remove_prefix(1);
    while (text.ends_with(' ')) text.remove_suffix(1);
    return text;
  };
  while (!roles.empty()) {
    const std::string_view item = trim(roles.substr(0, roles.find(';')));
    roles.remove_prefix(
        std::min(roles.size(), roles.find(';') == std::string_view::npos ? roles.size() : roles.find(';') + 1));
    if (item.empty()) continue;
    const std::size_t equals = std::min(item.rfind('='), item.size());
    const std::string_view place = trim(item.substr(std::min(equals + 1, item.size())));
    const std::string_view role = place.substr(0, place.find('@'));
    const std::string_view in = place.substr(std::min(role.size() + 1, place.size()));
    const std::string_view project = in.substr(0, in.find('/'));
    const std::string_view environment = in.substr(std::min(project.size() + 1, in.size()));
    const std::string_view group = trim(item.substr(0, equals));
    const auto is_fine = [](std::string_view name, bool may_lack) { return name.empty() ? may_lack : IsKey(name); };
    const bool is_whole = !group.empty() && is_fine(role, false) && is_fine(project, true) &&
                          is_fine(environment, true) && !place.ends_with('@') && !place.ends_with('/');
    if (!is_whole || list.size() == kMost) {
      return Fail(ErrorCode::kInvalid, "oidc-roles has '" + MaskKeys(item) +
                                           "'; expected GROUP=ROLE, GROUP=ROLE@PROJECT or "
                                           "GROUP=ROLE@PROJECT/ENVIRONMENT, by semicolons, at most 500");
    }
    list.push_back({std::string(group), std::string(role), std::string(project), std::string(environment)});
  }
  return list;
}

std::vector<std::string> SettingNames() {
  std::vector<std::string> names;
  for (const Setting& setting : Settings()) names.emplace_back(setting.help.name);
  return names;
}

std::vector<SettingHelp> DescribeSettings() {
  const Config defaults;
  std::vector<SettingHelp> described;
  for (const Setting& setting : Settings()) {
    described.push_back(setting.help);
    std::string& text = described.back().default_value = setting.write(defaults);
    text.erase(std::remove(text.begin(), text.end(), '"'), text.end());
  }
  return described;
}

Status SetSetting(Config& config, std::string_view name, std::string_view text) {
  for (const Setting& setting : Settings()) {
    if (setting.help.name == name) return Set(config, setting, "--" + std::string(name), text);
  }
  const std::string hint = DidYouMean(name, SettingNames());
  return Fail(ErrorCode::kInvalid, "unknown setting '" + std::string(name) + "'" + (hint.empty() ? "" : "; " + hint));
}

std::vector<Issue> ReadConfig(Config& config, const Value& file) {
  if (file.is_null()) return {};
  if (!file.is_object()) {
    return {{Severity::kError, "wrong_type", Path(), "a configuration file holds one map of settings", "", ""}};
  }
  Config read = config;
  std::vector<Issue> issues;
  for (const Member& member : file.AsObject()) {
    if (std::optional<Issue> issue = ReadMember(read, member)) issues.push_back(*std::move(issue));
  }
  if (issues.empty()) config = std::move(read);
  return issues;
}

Status ReadEnvironment(Config& config, const std::function<const char*(const char*)>& look_up) {
  for (const Setting& setting : Settings()) {
    const std::string name = InEnvironment(setting.help.name);
    const char* text = look_up(name.c_str());
    if (text == nullptr) continue;
    if (Status set = Set(config, setting, name, text); !set) return set;
  }
  return {};
}

std::vector<std::string> DoubtfulVariables(const std::vector<std::string>& names) {
  constexpr std::string_view kOurs = "GUIDON_";
  std::vector<std::string> known = {"GUIDON_CONFIG"}, doubts;
  for (const Setting& setting : Settings()) known.push_back(InEnvironment(setting.help.name));
  std::vector<std::string> words;  // without what they all begin with, which would bring them near to each other
  for (const std::string& name : known) words.push_back(name.substr(kOurs.size()));
  for (const std::string& name : names) {
    if (!name.starts_with(kOurs) || std::find(known.begin(), known.end(), name) != known.end()) continue;
    const std::string closest = ClosestMatch(std::string_view(name).substr(kOurs.size()), words);
    if (closest.empty()) continue;
    doubts.push_back(MaskKeys(name) + " is no setting; did you mean '" + std::string(kOurs) + closest + "'?");
  }
  return doubts;
}

namespace {

Status CheckAddress(const Config& config, std::string_view setting, const std::string& address) {
  const Result<ListenAddress> parsed = ParseListen(address, setting);
  if (!parsed) return Fail(parsed.error());
  if (parsed->is_loopback || config.insecure || !config.tls_cert.empty()) return {};
  return Fail(ErrorCode::kInvalid,
              "listening on " + address +
                  " would send keys and rules in the clear: give it --tls-cert and --tls-key, listen on 127.0.0.1 "
                  "behind a TLS proxy, or pass --insecure if the network is trusted");
}

// https, or http on this machine: what goes over it lets people in.
Status CheckWebAddress(std::string_view setting, const std::string& address, bool is_origin) {
  net::Url url;
  std::string fault;
  const bool is_read = net::ParseUrl(address, &url, &fault);
  const bool is_here = url.host == "localhost" || url.host == "::1" ||
                       (url.host.starts_with("127.") && url.host.find_first_not_of("0123456789.") == std::string::npos);
  if (is_read && (url.tls || is_here) && (!is_origin || (url.prefix.empty() && !address.ends_with('/')))) return {};
  return Fail(ErrorCode::kInvalid, std::string(setting) + " is '" + MaskKeys(address) + "'; expected https://HOST" +
                                       (is_origin ? ", without a path" : "") + " (http:// on this machine alone)");
}

Status CheckSignIn(const Config& config) {
  if (!config.public_url.empty()) {
    if (Status checked = CheckWebAddress("public-url", config.public_url, true); !checked) return checked;
  }
  if (const auto roles = ParseGroupRoles(config.oidc_roles); !roles) return Fail(roles.error());
  if (config.oidc_issuer.empty()) {
    if (config.oidc_client_id.empty()) return {};
    return Fail(ErrorCode::kInvalid, "oidc-client-id is of no use without oidc-issuer");
  }
  if (Status checked = CheckWebAddress("oidc-issuer", config.oidc_issuer, false); !checked) return checked;
  if (config.oidc_client_id.empty() || config.public_url.empty()) {
    return Fail(ErrorCode::kInvalid,
                "oidc-issuer needs oidc-client-id, and public-url, to which the provider sends "
                "people back (public-url + /auth/callback)");
  }
  if ((" " + config.oidc_scopes + " ").find(" openid ") == std::string::npos) {
    return Fail(ErrorCode::kInvalid, "oidc-scopes is '" + MaskKeys(config.oidc_scopes) + "'; it has to have openid");
  }
  return {};
}

}  // namespace

Status CheckConfig(const Config& config) {
  namespace fs = std::filesystem;
  if (!config.backup_folder.empty() && fs::absolute(config.backup_folder + "/").lexically_normal() ==
                                           fs::absolute(config.data + "/").lexically_normal()) {
    return Fail(ErrorCode::kInvalid, "backup-folder is the data folder; give backups a folder of their own");
  }
  if (Status checked = CheckAddress(config, "listen", config.listen); !checked) return checked;
  if (!config.admin_listen.empty()) {
    if (Status checked = CheckAddress(config, "admin-listen", config.admin_listen); !checked) return checked;
  }
  if (config.tls_cert.empty() != config.tls_key.empty()) {
    const std::string given = config.tls_cert.empty() ? "tls-key" : "tls-cert";
    return Fail(ErrorCode::kInvalid, given + " is of no use alone: give both tls-cert and tls-key");
  }
  if (!config.tls_client_ca.empty() && config.tls_cert.empty()) {
    return Fail(ErrorCode::kInvalid, "tls-client-ca is of no use without tls-cert and tls-key");
  }
  if (LogLevel level{}; !ParseLogLevel(config.log_level, level)) {
    return Fail(ErrorCode::kInvalid,
                "log-level is '" + MaskKeys(config.log_level) + "'; expected debug, info, warn or error");
  }
  if (const auto origins = ParseOrigins(config.cors_origins); !origins) return Fail(origins.error());
  if (Status checked = CheckSignIn(config); !checked) return checked;
  if (config.data.empty()) return Fail(ErrorCode::kInvalid, "data is empty; name the folder of the store");
  return {};
}

std::string PrintConfig(const Config& config) {
  std::string text;
  for (const Setting& setting : Settings()) text += InFile(setting.help.name) + ": " + setting.write(config) + "\n";
  return text;
}

}  // namespace guidon
