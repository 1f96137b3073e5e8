// For how long no new unit has entered an experiment, as far as this server could have seen one.
//
//   Silences silences(store);
//   Result<Silence> silence = silences.Look({"shop", "production", "checkout-one-page", 1}, 5012, …);
//   if (silence && silence->lasts >= hours(6)) Tell();
//
// Looked at again and again, a silence goes on while the number of units does. Only time that could have brought a unit
// counts: that up to which events are counted (so none while counting is behind), while the server ran, the experiment
// was not paused, and its flag was enabled. After a pause and the like it begins anew.
//
// What a restart must not forget is kept under a plain key, "!silence/PROJECT/ENVIRONMENT/EXPERIMENT": {"iteration": 1,
// "units": 5012, "since": MS, "lasts": MS}, written every five minutes of a silence and when one comes to its bound. So
// a restart takes at most five minutes from it, and the time during which the server was down; and of a silence that is
// known already it says the same beginning again.
//
// Memory and disk: some hundred bytes for each experiment that is looked at.
//
// Thread safety: one thread at a time; it may wait for the disk.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "core/base/result.h"
#include "server/analysis/looks.h"
#include "server/store/store.h"

namespace guidon {

inline constexpr std::string_view kSilencePrefix = "!silence/";

// Times: milliseconds since the epoch.
struct Silence {
  std::int64_t since_ms = 0;  // its beginning: of the iteration, of the last time that was no silence, or the look
                              // that saw the last new unit
  std::chrono::milliseconds lasts{0};
};

// How an experiment is found.
struct TrafficSeen {
  std::uint64_t units = 0;    // exposed so far
  std::int64_t begin_ms = 0;  // of its iteration, or the end of its last pause; 0: not known
  bool is_open = true;        // units can come: its flag is enabled
  std::int64_t known_ms = 0;  // all that came until then is counted
  std::int64_t now_ms = 0;
};

class Silences {
 public:
  // The store outlives it. `report` is told of what is kept and cannot be read, once: that silence begins anew.
  explicit Silences(Store& store, std::function<void(const std::string&)> report = {})
      : store_(store), report_(std::move(report)) {}

  // `bound`: how long is too long. Errors of the store: nothing is known then, and nothing changes.
  Result<Silence> Look(const IterationOf& of, const TrafficSeen& seen, std::chrono::milliseconds bound);

 private:
  struct Held {
    std::uint32_t iteration = 0;
    std::uint64_t units = 0;
    Silence silence;
  };
  struct Watched {
    Held held;
    std::optional<Held> stored;
    std::int64_t known_ms = 0;  // up to where it was looked at
  };
  Result<std::optional<Held>> Read(const std::string& key) const;
  Status Write(const std::string& key, Watched& watched);

  Store& store_;
  const std::function<void(const std::string&)> report_;
  std::map<std::string, Watched> watched_;  // by key
};

}  // namespace guidon
