// How a Client is set up. Every field but `server` and `key` may stay as it is.
//
//   guidon::ClientConfig config;
//   config.server = "http://127.0.0.1:8400";
//   if (const char* key = std::getenv("GUIDON_SDK_KEY")) config.key = key;
//   config.cache_file = "/var/cache/shop/flags.json";
//
// Thread safety: a plain value.
#pragma once

#include <guidon/export.h>
#include <guidon/transport.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace guidon {

class GUIDON_API Hook;

// How much a line of the log matters.
enum class LogLevel : std::uint8_t { kDebug, kInfo, kWarning, kError };

// Called on threads of the SDK and in the Client's constructor, maybe on several at once; never on a thread because it
// evaluates, and never under a lock. What it throws is dropped.
using LogSink = std::function<void(LogLevel level, std::string_view message)>;

// What a Client is made from. It is copied; changing it afterwards changes nothing.
struct ClientConfig {
  std::string server{};  // http(s)://host[:port][/prefix]; empty: no server at all, only what files say
  std::string key{};     // a server key, gdn_srv_…; says which project and environment

  // Read while the Client is made, so that flags are there before the network is.
  std::string bootstrap_file{};  // a ruleset document, as `guidon export` writes it
  std::string bootstrap{};       // the same as bytes; used when there is no such file, or none that can be used
  // The last ruleset that arrived is kept here (written beside it, synced and renamed; at most once a second, and when
  // the client closes) and read again at the next start; it wins over bootstrap. The file's time is when the server
  // last confirmed it, up to a minute earlier while the client runs. A damaged file is ignored, and logged; one that
  // cannot be written is tried again, with pauses of up to a minute. One that another environment left is used until
  // the server answers: give every environment a file of its own.
  std::string cache_file{};

  // For local work, tests and deployments that hand out flags as files: flags are what this file says and nothing else,
  // read while the Client is made and again whenever it changes. No server is asked or told of anything, and cache and
  // bootstrap are not read. It is a ruleset document, as `guidon export` writes it, or flags by their keys:
  //
  //   {"new-checkout": true, "checkout.layout": "single", "account.returns_days": 14}
  //
  // (an object with a member `schema` is taken for the former). The system tells of changes, also when the file is
  // replaced by a rename, or a symbolic link on the way to it is; where it does not (network mounts), the file is
  // looked at every `flag_file_interval`, from a millisecond to a day. What cannot be used (missing, half-written,
  // damaged, more than 64 MiB) leaves the flags as they are: Status() is `stale` then and says why, until the file is
  // whole again. The file decides, so its revision may also be lower than the one before. Give new content by a rename:
  // a file that is written in place may be read between two writes.
  std::string flag_file{};
  std::chrono::milliseconds flag_file_interval{2'000};

  // Whether variables of the process override flags: GUIDON_FLAG_NEW_CHECKOUT=true has `new-checkout` serve true to
  // everyone, whatever its source, its rules and experiments say. The name is the flag's key in upper case, with `_`
  // for `.` and `-`; the value is `true` or `false`, a number, JSON, or for a text flag the text itself. Read once,
  // while the Client is made. Each that is followed, and each that cannot be (another type, no such flag, two flags
  // that it may mean), is logged as a warning. A detail says TARGETING_MATCH, with the variable as its rule.
  bool flag_overrides = false;

  std::string ca_file{};  // PEM with the authorities to trust instead of the system's
  // For servers that ask clients for a certificate: PEM of it (with those between it and the authority after it) and of
  // its key, not encrypted. Both or none. Read anew for every connection, so they may be replaced while the client
  // runs.
  std::string client_certificate_file{};
  std::string client_key_file{};
  TransportFactory transport{};  // empty: cpp-httplib. See guidon/transport.h

  // Sent with every connection; shown to operators. At most 256 bytes each, without line ends and other control
  // characters: what is not like that is left out, and logged.
  std::string application{};
  std::string application_version{};

  // From a millisecond to a day; what is beyond is cut.
  std::chrono::milliseconds connect_timeout{5'000};
  std::chrono::milliseconds silence_timeout{45'000};  // a stream without a byte for so long is dead
  std::chrono::milliseconds backoff_first{500};       // ceiling of the first delay between attempts; doubles …
  std::chrono::milliseconds backoff_most{30'000};     // … up to this; each delay is random below its ceiling
  int failures_before_polling = 3;                    // streams that fail in a row before the ruleset is polled, too
  std::chrono::milliseconds unauthorised_recheck{300'000};  // after a 401, 403 or 404

  // What is sent about what happens in this process.
  bool send_events = true;  // exposures, counts of evaluations, Track; false: nothing of it is kept, or leaves
  bool send_status = true;  // which ruleset this process holds, so that operators see how far a change has come
  // Attributes that never leave this process, by name, from contexts and from Track; "key" is the context's key. An
  // experiment that is randomised by one of them records no exposures.
  std::vector<std::string> private_attributes{};
  bool all_attributes_private = false;  // of contexts, only the key leaves

  // Events wait in two queues, of exposures and of what is tracked, each bounded by both numbers. What finds its queue
  // full is dropped and counted in Status(); what was queued does not give way. At least 1 and 64 KiB. While a batch is
  // under way, or the queue is full, exposures wait where reads left them: 64 KiB of each thread, and max_queued_bytes
  // of all threads together. They are dropped when these are full, too.
  std::size_t max_queued_events = 20'000;
  std::size_t max_queued_bytes = 4u << 20;
  // The times have the bounds of those above.
  std::chrono::milliseconds flush_interval{10'000};   // events are sent at random moments, so far apart or half of it
  std::chrono::milliseconds request_timeout{15'000};  // until a batch is answered
  std::chrono::milliseconds max_batch_age{std::chrono::hours(24)};  // a batch without a clear answer is dropped then
  std::chrono::milliseconds status_interval{60'000};                // between two statuses, when nothing changes
  std::chrono::milliseconds status_delay{5'000};                    // after a change, at a random moment within

  // How old what is held may become before it is not served any more; 0, the default: it is served however old. Counted
  // from when the server last confirmed it (from the file's time for the cache, from the start for bootstrap) by a
  // clock that does not jump. Beyond, every read gives its default with ERROR and PROVIDER_NOT_READY, as before the
  // first ruleset; as soon as the server confirms or sends one, flags are served again; OnStatus tells of both. A
  // server confirms every 15 s unless it is set otherwise (heartbeat-seconds, 1 to 30): take a multiple of that.
  // Without a `server` it means nothing. At most a year.
  std::chrono::milliseconds serve_defaults_after{0};

  LogSink log{};  // empty: silent

  std::vector<std::shared_ptr<Hook>> hooks{};  // see guidon/hooks.h
};

}  // namespace guidon
