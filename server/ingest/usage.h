// How often each flag was evaluated, by UTC day and by what it gave: the sums of what SDKs count (docs/spec/events.md,
// `evaluations`). No unit is in them.
//
//   UsageDeltas deltas;
//   deltas.Add("shop", "production", entry, is_flag);        // of each entry of a page of the journal
//   Result<std::vector<TxnOp>> ops = deltas.Ops(store);      // into the transaction that moves the fold's cursor
//   Result<EnvironmentUsage> usage = ReadUsage(read, {"shop", "production", flags, today});
//
// The fold (fold.h) writes them in the transaction of its cursor, so an entry counts once whatever is killed in
// between; and the journal takes each batch once.
//
// A count is of the day in which its event ends (`to`, corrected as times of events are; of a clock that is off by more
// than a day, the receipt): some seconds around midnight may stand a day too late. What was counted more than
// kUsageDays before its receipt is left out.
//
// Bounds: kUsageDays days of each flag that the project has when the event is folded (others are left out); of a flag
// and a day kMostVariations variations, the rest together as "(other)", and with them what is no name of a variation
// (IsKey), whatever it is; of an entry kMostEntryFlags flags, the rest is left out. Memory: what one page of the
// journal says. In the store some 100 bytes a day for each flag that is evaluated, kMostDayBytes at most:
//
//   !usage/day/ day / project/environment NUL flag {"last":1790000000123,"counts":{"on":812},"fallback":3,"errors":1}
//   !usage/since/ project/environment                 {"since":1790000000123}
//
// The day is the number of days since 1970, 8 digits, so that what is too old is one range. A record of either kind
// that is damaged is made anew by the next count that belongs to it: a day is begun anew, and `since` is what the days
// that are kept tell of it.
//
// Thread safety: plain values; reading and Ops read the disk.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/result.h"
#include "server/store/store.h"

namespace guidon {

struct FactEntry;

inline constexpr std::chrono::days kUsageDays{90};
// All of an entry goes into one transaction, whose size these bound, whatever clients say.
inline constexpr std::size_t kMostVariations = 16;  // of a flag and a day, beside the others
inline constexpr std::size_t kMostEntryFlags = 8'000;
inline constexpr std::size_t kUsageKeysAtOnce = 2'000;           // read in one step
inline constexpr std::size_t kMostDayBytes = 3u << 10;           // of a flag and a day, as stored, with its key
inline constexpr std::string_view kOtherVariations = "(other)";  // no name of any
inline constexpr std::string_view kUsagePrefix = "!usage/day/", kUsageSincePrefix = "!usage/since/";

struct UsageCounts {
  std::map<std::string, std::uint64_t, std::less<>> variations;
  std::uint64_t fallback = 0;  // the flag said that the caller's fallback is served
  std::uint64_t errors = 0;    // it could not be evaluated, so the caller's fallback was served

  // Saturates.
  void Add(const UsageCounts& other);
  std::uint64_t total() const;  // errors are none of it
};

class UsageDeltas {
 public:
  // `is_flag`: whether the project has a flag of that key; empty: all are taken.
  void Add(const std::string& project, const std::string& environment, const FactEntry& entry,
           const std::function<bool(std::string_view flag)>& is_flag);
  // What is stored, and this. Afterwards it is empty.
  Result<std::vector<TxnOp>> Ops(const Store& store);
  // Of the operations, whatever is stored already; and what those of an entry may add.
  std::size_t most_bytes() const { return (days_.size() + since_.size()) * kMostDayBytes; }
  static std::size_t MostBytesOf(const FactEntry& entry);
  // The newest receipt of an entry that had any, since the beginning.
  std::optional<std::chrono::sys_days> newest() const { return newest_; }

 private:
  struct Day {
    std::int64_t last_ms = 0;
    UsageCounts counts;
  };
  std::map<std::string, Day> days_;            // by key in the store
  std::map<std::string, std::int64_t> since_;  // likewise: the first receipt
  std::optional<std::chrono::sys_days> newest_;
};

// What is older than kUsageDays on that day, as a range of keys.
RangeQuery OldUsage(std::chrono::sys_days today);

struct UsageQuery {
  std::string project, environment;
  std::vector<std::string> flags;
  std::chrono::sys_days today{};
};
struct FlagUsage {
  std::string flag;
  std::optional<Timestamp> last;                      // evaluated; within kUsageDays
  std::map<std::chrono::sys_days, UsageCounts> days;  // in which it was
};
struct EnvironmentUsage {
  std::optional<Timestamp> since;  // from when on evaluations are counted; nothing: none has been yet
  std::vector<FlagUsage> flags;    // as they were asked for
};
// As Store::GetPlain, and with whatever lock that takes.
using ReadKeys = std::function<Result<std::vector<std::optional<std::string>>>(const std::vector<std::string>& keys)>;
// kCorrupt: a record cannot be read; says which. flags x kUsageDays keys are looked up, kUsageKeysAtOnce at a time and
// the newest days last: what is counted meanwhile may be in some of them only.
Result<EnvironmentUsage> ReadUsage(const ReadKeys& read, const UsageQuery& query);

}  // namespace guidon
