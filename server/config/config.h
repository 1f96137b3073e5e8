// How guidond is set up: a YAML file, then GUIDON_* variables, then arguments; the later wins.
//
// A setting has one name: `init-slots` as an argument is --init-slots, in the file `init_slots:`, in the environment
// GUIDON_INIT_SLOTS.
//
// Thread safety: plain values and pure functions.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <guidon/value.h>
#include "core/base/issue.h"
#include "core/base/result.h"

namespace guidon {

// The least that audit-days may be. What webhooks are still to be told of (kWebhookGiveUp) is read from the audit log,
// and of a tombstone nothing is sent; a day more, for what is tried once when the server was down.
inline constexpr int kLeastAuditDays = 4;
// That of history-days, likewise: what a revision changed, by which webhooks choose, is read from the log.
inline constexpr int kLeastHistoryDays = 4;

// Requests a second that one caller may make of each class; 0: as many as it likes.
struct BudgetSetting {
  std::uint32_t config, streams, evaluation, events, admin;
};

struct Config {
  std::string listen = "127.0.0.1:8400";  // address:port; port 0 takes a free one
  std::string admin_listen;               // likewise, for people and monitoring; empty: they are served at `listen`
  std::string data = "guidon-data";       // folder of the store
  std::string audit_key;                  // file of the key that signs checkpoints; empty: one in the data folder
  std::string port_file;                  // the address that was bound is written here, for scripts
  std::string tls_cert;                   // PEM files: the certificate with its chain, …
  std::string tls_key;                    // … its key; both or none
  std::string tls_client_ca;              // who signs the certificates that clients must show; empty: none is asked for
  bool insecure = false;                  // allows other addresses than loopback without TLS
  bool open_page = false;                 // the page at `/` answers everybody, without a key
  int io_threads = 2;
  int worker_threads = 4;
  std::string log_level = "info";
  std::size_t max_connections = 20'000;
  std::size_t max_body_bytes = 4u << 20;
  std::size_t ring_changes = 1024;  // changes kept per environment for streams that resume
  std::size_t ring_bytes = 8u << 20;
  std::size_t init_slots = 64;  // streams that may be sending their first snapshot
  std::size_t init_queue = 1024;
  BudgetSetting address_budgets{200, 500, 20'000, 2'000, 200};
  BudgetSetting key_budgets{5'000, 2'000, 50'000, 5'000, 2'000};
  std::string cors_origins;  // of pages that may call with a client key, by commas; `*`: of all; empty: none
  int heartbeat_seconds = 15;
  int stop_seconds = 10;         // how long a graceful stop may drain
  int history_days = 90;         // how long past revisions can be read, at least kLeastHistoryDays
  int events_days = 90;          // how long events are kept
  int audit_days = 0;            // how long audit entries say who did what, at least kLeastAuditDays; 0: for good
  bool webhook_private = false;  // webhooks may go to addresses that are not public, and over http
  std::string webhook_ca;        // PEM with the authorities that webhooks' certificates are held against
  std::string backup_folder;     // empty: no backups can be made
  std::string public_url;        // where people find this server, as origin: https://guidon.example.com
  std::string oidc_issuer;       // of the OpenID provider; empty: nobody signs in by one
  std::string oidc_client_id;
  std::string oidc_client_secret_file;  // empty: a public client
  std::string oidc_scopes = "openid profile email";
  std::string oidc_groups_claim = "groups";
  std::string oidc_roles;         // ParseGroupRoles
  std::string oidc_ca;            // PEM with the authorities that the provider's certificate is held against
  int session_idle_minutes = 60;  // a session that was not used for so long is over
  int session_hours = 12;         // and after so long in any case
  std::string break_glass_file;   // with the hash of that admin's password; empty: there is none
  int crash_limit = 5;            // so many crashes in ten minutes: read-only; 0: never
};

struct ListenAddress {
  std::string address;
  std::uint16_t port = 0;
  bool is_loopback = false;
};
// "127.0.0.1:8400", "[::1]:8400"; kInvalid says what is wrong, with the name of the setting.
Result<ListenAddress> ParseListen(std::string_view listen, std::string_view setting = "listen");

// "https://shop.example, http://localhost:3000" as a list, each as browsers send it in `Origin`; "*" stands alone.
// Empty when there are none. kInvalid names the one that no browser would send.
Result<std::vector<std::string>> ParseOrigins(std::string_view origins);

// What the members of a group of the OpenID provider may: a role, in a project or all, in an environment or all.
struct GroupRoleSetting {
  std::string group, role, project, environment;
};
// "guidon-owners=owner; cn=shop,ou=teams=editor@shop/staging": by semicolons, since names of groups have commas; what
// stands behind the last = is the role. kInvalid names the one that cannot be read. At most 500.
Result<std::vector<GroupRoleSetting>> ParseGroupRoles(std::string_view roles);

// The names of all settings, as arguments, in order.
std::vector<std::string> SettingNames();

// What people are told of a setting.
struct SettingHelp {
  std::string_view name;
  std::string_view value;     // what stands for its value: "N", "FILE"; nothing for a switch
  std::string_view purpose;   // "Folder of the store"; docs/operations.md says the same, and more
  std::string default_value;  // as text; may be empty
};
std::vector<SettingHelp> DescribeSettings();

// Sets one setting from text. kInvalid names it, with a suggestion for a name that is unknown.
Status SetSetting(Config& config, std::string_view name, std::string_view text);

// From the file's content. All that is wrong with it, each with the path to it; then nothing was taken over.
std::vector<Issue> ReadConfig(Config& config, const Value& file);
// From GUIDON_* variables, by a look-up such as getenv (nullptr: not set).
Status ReadEnvironment(Config& config, const std::function<const char*(const char*)>& look_up);
// Of the names of variables, what is to be said of those that are no setting and are nearly called as one. They are not
// refused: others have variables of that kind, too, such as GUIDON_SERVER, and Kubernetes makes some of a service's
// name.
std::vector<std::string> DoubtfulVariables(const std::vector<std::string>& names);

// What all of it says together: addresses other than loopback need TLS or `insecure`; numbers are within sense.
Status CheckConfig(const Config& config);

// As a configuration file would say it. Whatever looks like an API key is masked.
std::string PrintConfig(const Config& config);

}  // namespace guidon
