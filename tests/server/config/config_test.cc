#include "server/config/config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <functional>
#include <map>

#include "server/config/config_file.h"
#include "tests/support/process.h"

namespace guidon {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using testing::TemporaryFolder;

// What is wrong with a file of this content, or "" after it was read into `config`.
std::string FileFault(Config& config, const std::string& text) {
  const TemporaryFolder folder;
  std::ofstream(folder / "guidon.yaml") << text;
  const Status read = ReadConfigFile(config, folder / "guidon.yaml");
  if (read) return "";
  std::string message = read.error().message;
  for (std::size_t at; (at = message.find(folder.path() + "/")) != std::string::npos;) {
    message.erase(at, folder.path().size() + 1);
  }
  return message;
}
std::string FileFault(const std::string& text) {
  Config config;
  return FileFault(config, text);
}

Status ReadVariables(Config& config, const std::map<std::string, std::string>& variables) {
  return ReadEnvironment(config, [&](const char* name) {
    const auto held = variables.find(name);
    return held == variables.end() ? nullptr : held->second.c_str();
  });
}

std::string ListenFault(std::string listen, bool insecure = false) {
  Config config;
  config.listen = std::move(listen);
  config.insecure = insecure;
  const Status checked = CheckConfig(config);
  return checked ? "" : checked.error().message;
}

TEST(ConfigTest, ADefaultConfigurationIsFineAndListensOnLoopback) {
  EXPECT_TRUE(CheckConfig(Config()));
  EXPECT_EQ(Config().listen, "127.0.0.1:8400");
}

TEST(ConfigTest, EverySettingHasTheSameNameInTheFileInTheEnvironmentAndAsAnArgument) {
  const Config defaults;
  for (const std::string& name : SettingNames()) {
    std::string in_file = name, in_environment = "GUIDON_";
    for (char& c : in_file) c = c == '-' ? '_' : c;
    for (const char c : in_file) in_environment += static_cast<char>(std::toupper(c));
    // A value that is not the default, for whatever type it is.
    for (const char* text : {"true", "29", "1025", "5000", "elsewhere", "admin=1"}) {
      Config by_argument, by_variable, by_file;
      if (!SetSetting(by_argument, name, text) || PrintConfig(by_argument) == PrintConfig(defaults)) continue;
      EXPECT_TRUE(ReadVariables(by_variable, {{in_environment, text}}));
      EXPECT_EQ(FileFault(by_file, in_file + ": " + text + "\n"), "");
      EXPECT_EQ(PrintConfig(by_variable), PrintConfig(by_argument)) << name;
      EXPECT_EQ(PrintConfig(by_file), PrintConfig(by_argument)) << name;
      in_file.clear();
      break;
    }
    EXPECT_EQ(in_file, "") << name << " took none of the values";
  }
}

TEST(ConfigTest, WhatIsReadLaterWins) {
  Config config;
  EXPECT_EQ(FileFault(config, "io_threads: 3\nworker_threads: 3\nstop_seconds: 3\n"), "");
  EXPECT_TRUE(ReadVariables(config, {{"GUIDON_WORKER_THREADS", "4"}, {"GUIDON_STOP_SECONDS", "4"}}));
  EXPECT_TRUE(SetSetting(config, "stop-seconds", "5"));
  EXPECT_EQ(config.io_threads, 3);
  EXPECT_EQ(config.worker_threads, 4);
  EXPECT_EQ(config.stop_seconds, 5);
}

TEST(ConfigTest, AuditEntriesAreKeptForWhatWebhooksAreOwed) {
  Config config;
  for (const char* text : {"1", "3", "-1", "36501", "4 "}) {
    const Status set = SetSetting(config, "audit-days", text);
    ASSERT_FALSE(set) << text;
    EXPECT_THAT(set.error().message,
                HasSubstr("expected 0 (for good), or a whole number from 4 to 36500, since webhooks"));
    EXPECT_EQ(config.audit_days, 0);
  }
  EXPECT_THAT(FileFault(config, "audit_days: 3\n"),
              HasSubstr("guidon.yaml:1:13: audit_days is '3'; expected 0 (for good)"));
  EXPECT_TRUE(SetSetting(config, "audit-days", "4"));
  EXPECT_EQ(config.audit_days, 4);
  EXPECT_TRUE(SetSetting(config, "audit-days", "0"));
  EXPECT_EQ(config.audit_days, 0);
}

TEST(ConfigTest, HistoryIsKeptForWhatWebhooksAreOwed) {
  Config config;
  for (const char* text : {"0", "1", "3", "36501"}) {
    const Status set = SetSetting(config, "history-days", text);
    ASSERT_FALSE(set) << text;
    EXPECT_THAT(set.error().message, HasSubstr("expected a whole number from 4 to 36500"));
    EXPECT_EQ(config.history_days, 90);
  }
  EXPECT_TRUE(SetSetting(config, "history-days", "4"));
  EXPECT_EQ(config.history_days, 4);
}

// ---- The file --------------------------------------------------------------------------------------------------

TEST(ConfigFileTest, WhatIsPrintedCanBeReadBack) {
  Config config;
  config.listen = "[::1]:9000";
  config.data = "a \"folder\" with: # odd \\ characters\n";
  config.insecure = true;
  config.max_body_bytes = 65536;
  Config read;
  EXPECT_EQ(FileFault(read, PrintConfig(config)), "");
  EXPECT_EQ(PrintConfig(read), PrintConfig(config));
  EXPECT_EQ(read.data, config.data);
}

TEST(ConfigFileTest, AnUnknownSettingIsNamedWithItsLineAndASuggestion) {
  EXPECT_EQ(FileFault("# guidond\ndata: here\n  \nlissen: 127.0.0.1:1\n"),
            "guidon.yaml:4:1: unknown setting 'lissen'; did you mean 'listen'?");
  EXPECT_EQ(FileFault("colour: red\n"), "guidon.yaml:1:1: unknown setting 'colour'");
}

TEST(ConfigFileTest, EverythingThatIsWrongIsSaidAtOnceAndNothingIsTakenOver) {
  Config config;
  EXPECT_EQ(FileFault(config,
                      "io_threads: 7\n"
                      "worker_threads: many\n"
                      "init_slots: 0\n"
                      "insecure: yes\n"
                      "stop_secs: 1\n"
                      "data: [a, b]\n"
                      "port_file:\n"
                      "heartbeat_seconds: 1.5\n"),
            "guidon.yaml:2:17: worker_threads is 'many'; expected a whole number from 1 to 256\n"
            "guidon.yaml:3:13: init_slots is '0'; expected a whole number from 1 to 100000\n"
            "guidon.yaml:4:11: insecure is 'yes'; expected true or false\n"
            "guidon.yaml:5:1: unknown setting 'stop_secs'; did you mean 'stop_seconds'?\n"
            "guidon.yaml:6:7: data is no single value; expected text\n"
            "guidon.yaml:7:1: port_file is empty; expected text\n"
            "guidon.yaml:8:20: heartbeat_seconds is '1.5'; expected a whole number from 1 to 30");
  EXPECT_EQ(config.io_threads, 2);
}

TEST(ConfigFileTest, WhatIsNoYamlOrNoMapIsNamedWithItsPlace) {
  EXPECT_THAT(FileFault("listen: [unclosed\n"), HasSubstr("guidon.yaml:"));
  EXPECT_THAT(FileFault("data: a\ndata: b\n"), HasSubstr("guidon.yaml:2:1: "));
  EXPECT_EQ(FileFault("- listen\n"), "guidon.yaml:1:1: a configuration file holds one map of settings");
  EXPECT_EQ(FileFault("data: a\n---\ndata: b\n"), "guidon.yaml: a configuration file is one YAML document");
  EXPECT_THAT(FileFault(std::string("data: \xff\n")), HasSubstr("guidon.yaml:1"));
}

TEST(ConfigFileTest, AnEmptyFileSetsNothing) {
  EXPECT_EQ(FileFault(""), "");
  EXPECT_EQ(FileFault("# only a comment\n"), "");
}

TEST(ConfigFileTest, AFileThatCannotBeReadIsNamed) {
  const TemporaryFolder folder;
  Config config;
  const Status missing = ReadConfigFile(config, folder / "no.yaml");
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().message,
            "cannot read the configuration file " + folder / "no.yaml" + ": no such file, or not readable");
  const Status is_folder = ReadConfigFile(config, folder.path());
  ASSERT_FALSE(is_folder);
  EXPECT_THAT(is_folder.error().message, HasSubstr("it is a folder"));
}

// ---- The environment and arguments -----------------------------------------------------------------------------

TEST(ConfigTest, ABadVariableIsNamed) {
  Config config;
  const Status read = ReadVariables(config, {{"GUIDON_IO_THREADS", "two"}});
  ASSERT_FALSE(read);
  EXPECT_EQ(read.error().message, "GUIDON_IO_THREADS is 'two'; expected a whole number from 1 to 256");
}

TEST(ConfigTest, NumbersAreWholeAndWithinTheirBounds) {
  for (const char* text :
       {"", "0", "257", "-1", "+3", "3 ", " 3", "0x3", "3.0", "3e1", "99999999999999999999", "NaN"}) {
    Config config;
    EXPECT_FALSE(SetSetting(config, "io-threads", text)) << "'" << text << "'";
    EXPECT_EQ(config.io_threads, 2);
  }
  Config config;
  EXPECT_TRUE(SetSetting(config, "io-threads", "256"));
  EXPECT_EQ(config.io_threads, 256);
}

TEST(ConfigTest, AnUnknownNameHasASuggestion) {
  Config config;
  EXPECT_EQ(SetSetting(config, "log-levl", "info").error().message,
            "unknown setting 'log-levl'; did you mean 'log-level'?");
}

TEST(ConfigTest, LogLevelIsOneOfFour) {
  Config config;
  for (const char* level : {"debug", "info", "warn", "error"}) {
    config.log_level = level;
    EXPECT_TRUE(CheckConfig(config));
  }
  config.log_level = "verbose";
  EXPECT_EQ(CheckConfig(config).error().message, "log-level is 'verbose'; expected debug, info, warn or error");
}

TEST(ConfigTest, BudgetsAreSetClassByClass) {
  Config config;
  EXPECT_TRUE(SetSetting(config, "key-budgets", "streams=7,admin=0"));
  EXPECT_EQ(config.key_budgets.streams, 7u);
  EXPECT_EQ(config.key_budgets.admin, 0u);
  EXPECT_EQ(config.key_budgets.events, Config().key_budgets.events);
  for (const char* wrong : {"stream=1", "streams", "streams=", "streams=-1", "streams=1x", "streams=1000001",
                            "streams=1;admin=2", "=1", "admin=1,streams=x"}) {
    const Status set = SetSetting(config, "key-budgets", wrong);
    ASSERT_FALSE(set) << wrong;
    EXPECT_THAT(set.error().message, HasSubstr("expected a list such as config=200,streams=500")) << wrong;
  }
  EXPECT_EQ(config.key_budgets.admin, 0u);  // nothing of a wrong list is taken
}

TEST(ListenTest, AnAddressForPeopleIsHeldToTheSameRules) {
  Config config;
  config.admin_listen = "0.0.0.0:1";
  EXPECT_FALSE(CheckConfig(config));
  config.admin_listen = "nowhere";
  ASSERT_FALSE(CheckConfig(config));
  EXPECT_THAT(CheckConfig(config).error().message, HasSubstr("admin-listen is 'nowhere', without a port"));
}

// ---- Addresses -------------------------------------------------------------------------------------------------

TEST(ListenTest, LoopbackNeedsNothing) {
  for (const char* listen : {"127.0.0.1:8400", "127.8.9.1:1", "[::1]:8400", "localhost:8400", "127.0.0.1:0"}) {
    EXPECT_EQ(ListenFault(listen), "") << listen;
  }
}

TEST(ListenTest, EverythingElseNeedsTlsOrInsecure) {
  for (const char* listen : {"0.0.0.0:8400", "[::]:8400", "192.0.2.1:8400", "[2001:db8::1]:8400", "126.0.0.1:8400",
                             "128.0.0.1:8400", "[::ffff:127.0.0.1]:8400"}) {
    EXPECT_THAT(ListenFault(listen), HasSubstr("--insecure")) << listen;
    EXPECT_EQ(ListenFault(listen, true), "") << listen;
    Config config;
    config.listen = listen;
    config.tls_cert = config.tls_key = "both.pem";
    EXPECT_TRUE(CheckConfig(config)) << listen;
  }
}

TEST(ListenTest, ACertificateAndItsKeyComeTogether) {
  for (const auto& [name, other] : {std::pair("tls-cert", "tls-key"), std::pair("tls-key", "tls-cert"),
                                    std::pair("tls-client-ca", "tls-cert and tls-key")}) {
    Config config;
    ASSERT_TRUE(SetSetting(config, name, "one.pem"));
    const Status checked = CheckConfig(config);
    ASSERT_FALSE(checked) << name;
    EXPECT_THAT(checked.error().message, HasSubstr(name));
    EXPECT_THAT(checked.error().message, HasSubstr(other));
  }
}

TEST(ListenTest, WhatIsNoAddressIsRefusedEvenIfInsecure) {
  for (const char* listen : {"", ":", "127.0.0.1", "127.0.0.1:", ":8400", "127.0.0.1:65536", "127.0.0.1:-1",
                             "127.0.0.1:80a", "example.org:80", "[::1", "[::1]", "127.1:80", "[127.0.0.1:80"}) {
    EXPECT_THAT(ListenFault(listen, true), HasSubstr("write it as 127.0.0.1:8400 or [::1]:8400")) << listen;
  }
}

TEST(ListenTest, ItsPartsAreTakenApart) {
  const Result<ListenAddress> v6 = ParseListen("[::1]:8400");
  ASSERT_TRUE(v6);
  EXPECT_EQ(v6->address, "::1");
  EXPECT_EQ(v6->port, 8400);
  EXPECT_TRUE(v6->is_loopback);
  EXPECT_EQ(ParseListen("localhost:1")->address, "127.0.0.1");
}

// ---- Secrets ---------------------------------------------------------------------------------------------------

TEST(ConfigTest, OriginsAreWhatABrowserSends) {
  EXPECT_EQ(*ParseOrigins(""), std::vector<std::string>());
  EXPECT_EQ(*ParseOrigins("*"), std::vector<std::string>{"*"});
  EXPECT_EQ(*ParseOrigins("https://shop.example, http://[::1]:3000"),
            (std::vector<std::string>{"https://shop.example", "http://[::1]:3000"}));
  for (const char* wrong : {"shop.example", "https://Shop.example", "https://shop.example/", "https://", "://x", "null",
                            "https://a,", "https://*.example", "*,https://a"}) {
    EXPECT_FALSE(ParseOrigins(wrong)) << wrong;
    Config config;
    config.cors_origins = wrong;
    EXPECT_FALSE(CheckConfig(config)) << wrong;
  }
}

TEST(ConfigTest, SigningInNeedsAllOfItsParts) {
  const auto fault = [](const std::function<void(Config&)>& change) {
    Config config;
    config.public_url = "https://flags.example.com";
    config.oidc_issuer = "https://id.example.com/realms/all";
    config.oidc_client_id = "guidon";
    change(config);
    const Status checked = CheckConfig(config);
    return checked ? "" : checked.error().message;
  };
  EXPECT_EQ(fault([](Config&) {}), "");
  EXPECT_EQ(fault([](Config& config) { config.oidc_issuer = "http://127.0.0.1:3000"; }), "");
  EXPECT_EQ(fault([](Config& config) { config.public_url = "http://localhost:8400"; }), "");
  for (const char* wrong : {"http://id.example.com", "id.example.com", "http://127.0.0.1.example.com", "https://"}) {
    EXPECT_THAT(fault([wrong](Config& config) { config.oidc_issuer = wrong; }), HasSubstr("oidc-issuer is '")) << wrong;
    EXPECT_THAT(fault([wrong](Config& config) { config.public_url = wrong; }), HasSubstr("public-url is '")) << wrong;
  }
  EXPECT_THAT(fault([](Config& config) { config.public_url = "https://flags.example.com/"; }), HasSubstr("public-url"));
  EXPECT_THAT(fault([](Config& config) { config.public_url = "https://example.com/f"; }), HasSubstr("without a path"));
  EXPECT_THAT(fault([](Config& config) { config.public_url = ""; }), HasSubstr("oidc-issuer needs"));
  EXPECT_THAT(fault([](Config& config) { config.oidc_client_id = ""; }), HasSubstr("oidc-issuer needs"));
  EXPECT_THAT(fault([](Config& config) { config.oidc_issuer = ""; }), HasSubstr("without oidc-issuer"));
  EXPECT_THAT(fault([](Config& config) { config.oidc_scopes = "profile"; }), HasSubstr("openid"));
  EXPECT_THAT(fault([](Config& config) { config.oidc_roles = "editors"; }), HasSubstr("oidc-roles has 'editors'"));
}

TEST(ConfigTest, GroupsHaveRolesInPlaces) {
  const auto roles = ParseGroupRoles("owners=owner; cn=shop,ou=teams=editor@shop/staging ;all=viewer@shop;");
  ASSERT_TRUE(roles) << roles.error().message;
  ASSERT_EQ(roles->size(), 3u);
  const GroupRoleSetting& second = (*roles)[1];
  EXPECT_EQ((*roles)[0].group + " " + (*roles)[0].role + (*roles)[0].project, "owners owner");
  EXPECT_EQ(second.group, "cn=shop,ou=teams");
  EXPECT_EQ(second.role + " " + second.project + " " + second.environment, "editor shop staging");
  EXPECT_EQ((*roles)[2].project + (*roles)[2].environment, "shop");
  EXPECT_TRUE(ParseGroupRoles("")->empty());
  for (const char* wrong : {"=owner", "a=", "a", "a=b@", "a=b@c/", "a=b@c/d/e", "a=b c", "a=@shop"}) {
    EXPECT_FALSE(ParseGroupRoles(wrong)) << wrong;
  }
}

TEST(ConfigTest, WhatLooksLikeAKeyIsShownNowhere) {
  const std::string key = "gdn_srv_4fJ2kQz9wXbT_8sVnAAAAbbbbCCCCddddEEEEffffGGGGc1Zk0a";
  const std::string secret = key.substr(21);
  Config config;
  config.data = "/srv/" + key;
  EXPECT_THAT(PrintConfig(config), HasSubstr("gdn_srv_4fJ2kQz9wXbT…"));
  EXPECT_THAT(PrintConfig(config), Not(HasSubstr(secret)));
  for (const std::string& name : SettingNames()) {
    Config other;
    const Status set = SetSetting(other, name, key);
    const std::string said = set ? PrintConfig(other) : set.error().message;
    EXPECT_THAT(said, Not(HasSubstr(secret))) << name;
  }
  EXPECT_THAT(FileFault("io_threads: " + key + "\n" + key + ": 1\n"), Not(HasSubstr(secret)));
  EXPECT_THAT(ListenFault(key), Not(HasSubstr(secret)));
}

}  // namespace
}  // namespace guidon
