// What the fold of the journal keeps in the store, all of it under plain keys (server/store/store.h):
//
//   !fold/cursor                                {"sequence":17,"event":0}: everything before that event of the entry
//                                               after 17 is in
//   !fold/daily                                 {"time":…}: when the last daily pass that came to its end began
//   !fold/sweep                                 the walk over units that is under way
//   !fold/swept                                 {"after":"user-42"}: how far it is
//   !swept/ number / project/environment/experiment#iteration/part   what it has come to so far (fold_sweep.h)
//   !source/ project/environment/attribute      the sources of that unit's facts; a place in the list is a SourceId
//   !unit/   project/environment/attribute NUL unit     stats::UnitRecord, its own bytes
//   !folded/ project/environment/experiment#iteration   plan, caps, and whether it is being rebuilt
//   !total/  project/environment/experiment#iteration/part   a part of stats::Totals
//   !rejected/ project/environment/experiment#iteration      {"late":3}
//   !overlap/ project/environment/experiment#iteration       stats::Overlaps of the last daily pass; absent: none
//
// Thread safety: pure functions and plain values.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/result.h"
#include "server/ingest/fold_plan.h"
#include "server/store/store.h"
#include "stats/metric/contribution.h"
#include "stats/metric/plan.h"

namespace guidon {

inline constexpr std::string_view kCursorKey = "!fold/cursor", kDailyKey = "!fold/daily", kSweepKey = "!fold/sweep",
                                  kSweptKey = "!fold/swept", kSweptPrefix = "!swept/", kSourcePrefix = "!source/",
                                  kUnitPrefix = "!unit/", kFoldedPrefix = "!folded/", kTotalPrefix = "!total/",
                                  kRejectedPrefix = "!rejected/", kOverlapPrefix = "!overlap/";

struct FoldCursor {
  std::uint64_t sequence = 0;  // entries up to here are in
  std::uint64_t event = 0;     // and so many events of the next
  friend bool operator==(const FoldCursor&, const FoldCursor&) = default;
};

// Units of one attribute in one environment: they share records and sources.
struct UnitSpace {
  std::string project, environment, attribute;
  friend auto operator<=>(const UnitSpace&, const UnitSpace&) = default;
};

struct StoredSource {
  FactSource source;
  std::uint64_t from = 0;  // entries after it are folded as they come,
  std::uint64_t done = 0;  // those up to it are made up for, and so far they are
  bool retired = false;    // nothing uses it any more, and its facts are forgotten
  bool free = false;       // retired, and no unit has any: its id can be given out again
  bool is_complete() const { return done >= from; }
};

struct IterationName {
  std::string project, environment, experiment;
  std::uint32_t iteration = 1;
  friend auto operator<=>(const IterationName&, const IterationName&) = default;
};

struct StoredIteration {
  std::string unit;  // attribute
  stats::ExperimentPlan plan;
  stats::Caps caps;
  bool rebuilding = false;
  bool forgotten = false;  // its sources may be others by now: should it be planned again, it is made anew
};

// A walk over all units of a space, for its iterations.
struct StoredSweep {
  struct Job {
    std::string experiment;
    std::uint32_t iteration = 1;
    stats::Caps caps;       // that its totals are cut at
    bool sums = true;       // it makes totals
    bool gathers = false;   // it finds caps
    bool beside = true;     // there are totals that are kept beside it
    bool overlaps = false;  // it finds what units come to that take part in others, too; with `sums` only
  };

  std::uint64_t number = 0;  // another one for each walk
  bool active = false;
  std::optional<stats::Time>
      daily;  // when the daily pass began to which it belongs; nothing: it makes totals anew only
  UnitSpace space;
  bool forgets = false;                  // what nothing can reach any more
  std::vector<stats::SourceId> retired;  // when it began, and not free
  std::vector<Job> jobs;
};

std::string SourceKey(const UnitSpace& space);
std::string UnitKeyPrefix(const UnitSpace& space);  // the unit follows
std::string FoldedKey(const IterationName& name);
std::string TotalKeyPrefix(const IterationName& name);  // the part's name follows
std::string RejectedKey(const IterationName& name);
std::string OverlapKey(const IterationName& name);
std::string SweptKeyPrefix(std::uint64_t number);                             // of all its parts
std::string SweptKeyPrefix(std::uint64_t number, const IterationName& name);  // the part's name follows
// Of all iterations of an environment, under one of the prefixes above.
std::string ScopeKeyPrefix(std::string_view prefix, const UnitSpace& space);
std::optional<IterationName> NameOfFoldedKey(std::string_view key);  // nothing: it is none of these
std::optional<UnitSpace> SpaceOfSourceKey(std::string_view key);     // nothing: it is none of these
std::optional<UnitSpace> SpaceOfUnitKey(std::string_view key);
// The end of the range of keys that begin with `prefix`.
std::string EndOf(std::string prefix);

std::string Encode(const FoldCursor& cursor);
std::string Encode(const std::vector<StoredSource>& sources);
std::string Encode(const StoredIteration& iteration);
std::string Encode(const StoredSweep& sweep);
std::string EncodeSwept(const std::string& after);
std::string EncodeTime(stats::Time time);
std::string EncodeCounts(const std::map<std::string, std::uint64_t>& counts);
// kCorrupt: not what was written.
Result<FoldCursor> DecodeCursor(std::string_view bytes);
Result<std::vector<StoredSource>> DecodeSources(std::string_view bytes);
Result<StoredIteration> DecodeIteration(std::string_view bytes);
Result<StoredSweep> DecodeSweep(std::string_view bytes);
Result<std::string> DecodeSwept(std::string_view bytes);
Result<stats::Time> DecodeTime(std::string_view bytes);
Result<std::map<std::string, std::uint64_t>> DecodeCounts(std::string_view bytes);

}  // namespace guidon
