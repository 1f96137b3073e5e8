// What the processes that use an SDK say they hold (docs/spec/events.md, POST /sdk/v1/status): in memory, the newest
// of each, for as long as it is fresh.
//
//   Processes processes({});
//   if (Result<ProcessStatus> status = ReadStatus(body)) processes.Update("shop", "production", *std::move(status));
//   ProcessSummary summary = processes.Summarise("shop", "production", {"k3v9x0q2m7p1c8d4", 17});
//
//   Propagation propagation = processes.HowFar("shop", "production", {"k3v9x0q2m7p1c8d4", 17});
//
// Bounds: what was not heard of for `fresh`; `most` instances and `most_bytes` of what they say, of all environments
// together. At the bounds the one that was heard of longest ago gives way.
//
// Thread safety: every method may be called from any thread. Update is O(1); Summarise looks at each group of processes
// that say the same; List and HowFar at each process of the environment.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "core/base/mutex.h"
#include "core/base/result.h"

namespace guidon {

struct ProcessStatus {
  std::string instance;
  std::string sdk, sdk_version;  // empty: not said; likewise the other texts
  std::string application, version;
  std::string epoch;
  std::uint64_t revision = 0;
  std::string digest;
  std::string source, state;
  std::int64_t age_ms = 0;
  std::vector<std::string> broken;  // flags that its SDK cannot evaluate, at most 100
  std::uint64_t dropped_exposures = 0, dropped_track = 0, dropped_batches = 0;

  friend bool operator==(const ProcessStatus&, const ProcessStatus&) = default;
};

inline constexpr std::size_t kMostStatusBytes = 32u << 10;

// kInvalid: no JSON, or a member of the wrong type or size, which is named. kTooLarge: beyond kMostStatusBytes. Only
// `instance` is needed; unknown members are ignored.
Result<ProcessStatus> ReadStatus(std::string_view json);

struct ProcessOptions {
  std::size_t most = 100'000;
  std::size_t most_bytes = 64u << 20;
  std::chrono::milliseconds fresh = std::chrono::minutes(3);
  std::function<std::chrono::steady_clock::time_point()> clock;  // empty: the system's
};

// Live processes that say the same.
struct ProcessGroup {
  std::string application, version, epoch;
  std::uint64_t revision = 0;
  std::size_t processes = 0;

  friend bool operator==(const ProcessGroup&, const ProcessGroup&) = default;
};

struct ProcessSummary {
  std::size_t live = 0;
  std::size_t at_least = 0;          // that hold the epoch's revision, or a later one
  std::vector<ProcessGroup> groups;  // by application, version, epoch, revision
};

// From the least to the most of several.
struct Span {
  std::chrono::milliseconds least{0}, most{0};
  friend bool operator==(const Span&, const Span&) = default;
};

// Live processes that say the same, and do not hold what was asked about.
struct Laggards {
  std::string application, version, epoch;
  std::uint64_t revision = 0;
  std::size_t processes = 0;
  Span heard_ago;      // since they last said what they hold
  Span confirmed_ago;  // since a server last told them that it is the newest, as they said then; at most 10 years

  friend bool operator==(const Laggards&, const Laggards&) = default;
};

// Live processes of one application and version that use the same SDK.
struct SdkGroup {
  std::string application, version, sdk, sdk_version;
  std::size_t processes = 0;
  std::size_t with_broken = 0;      // of those: have flags that their SDK cannot evaluate
  std::vector<std::string> broken;  // of these flags the first kMostBrokenNamed, by name

  friend bool operator==(const SdkGroup&, const SdkGroup&) = default;
};
inline constexpr std::size_t kMostBrokenNamed = 20;

// How far a revision has come. Live is who said within `fresh` what it holds: a process that is gone counts for so
// long.
struct Propagation {
  std::size_t live = 0;
  std::size_t holding = 0;                // of those: the epoch's revision, or a later one
  std::vector<Laggards> laggards;         // the others; most processes first
  std::vector<SdkGroup> sdks;             // all of them; most with broken flags first, then most processes
  std::chrono::milliseconds observed{0};  // for so long this table has been there: before `fresh`, it may miss some
};

struct HeardProcess {
  std::shared_ptr<const ProcessStatus> status;
  std::chrono::milliseconds ago{0};
};

struct ProcessPage {
  std::vector<HeardProcess> processes;  // by instance
  bool more = false;                    // go on after the last instance
};

class Processes {
 public:
  explicit Processes(ProcessOptions options);

  // What the instance had said before; null when it was not known.
  std::shared_ptr<const ProcessStatus> Update(std::string_view project, std::string_view environment,
                                              ProcessStatus status);

  ProcessSummary Summarise(std::string_view project, std::string_view environment,
                           const std::pair<std::string, std::uint64_t>& epoch_and_revision);
  Propagation HowFar(std::string_view project, std::string_view environment,
                     const std::pair<std::string, std::uint64_t>& epoch_and_revision,
                     const std::optional<std::string>& version = {});  // of the application; absent: all
  ProcessPage List(std::string_view project, std::string_view environment, std::string_view after, std::size_t limit);

  struct Count {
    std::string project, environment;
    std::size_t live = 0;
  };
  std::vector<Count> Counts();  // of environments with any, by project and environment

 private:
  using TimePoint = std::chrono::steady_clock::time_point;
  using Scope = std::pair<std::string, std::string>;
  using GroupKey = std::pair<std::pair<std::string, std::string>, std::pair<std::string, std::uint64_t>>;
  struct Environment;
  struct Heard {
    std::shared_ptr<const ProcessStatus> status;
    TimePoint at;
    std::size_t bytes = 0;
    Environment* environment = nullptr;
  };
  using Order = std::list<Heard>;  // heard of longest ago first
  struct Environment {
    Scope scope;
    std::unordered_map<std::string_view, Order::iterator> by_instance;  // the text is the status's own
    std::map<GroupKey, std::size_t> groups;
  };

  TimePoint Now() const;
  void ForgetOld(TimePoint now) GUIDON_REQUIRES(mutex_);
  void Forget(Order::iterator heard) GUIDON_REQUIRES(mutex_);
  Environment* Find(std::string_view project, std::string_view environment) GUIDON_REQUIRES(mutex_);

  const ProcessOptions options_;
  const TimePoint since_;
  Mutex mutex_;
  std::map<Scope, std::unique_ptr<Environment>> environments_ GUIDON_GUARDED_BY(mutex_);
  Order order_ GUIDON_GUARDED_BY(mutex_);
  std::size_t bytes_ GUIDON_GUARDED_BY(mutex_) = 0;
};

}  // namespace guidon
