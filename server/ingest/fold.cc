#include "server/ingest/fold.h"

#include <algorithm>
#include <cmath>
#include <set>
#include <unordered_map>
#include <utility>

#include "core/base/json.h"
#include "server/ingest/fact_space.h"
#include "server/ingest/fold_sweep.h"
#include "server/store/system_clock.h"
#include "stats/metric/lateness.h"
#include "stats/statistic/facts_json.h"

namespace guidon {
namespace {

using stats::Contribution;
using stats::Time;
using stats::Totals;
using stats::UnitRecord;

constexpr double kMostDrift = 1e-9;
constexpr std::size_t kUnitsAtOnce = 1'000;        // that a list reads
constexpr std::size_t kKeysAtOnce = 10'000;        // that are removed in one transaction, or looked at
constexpr std::size_t kMostLookedAt = 20'000;      // of a list
constexpr std::size_t kBytesOfEvent = 32;          // that a record grows by, at most
constexpr std::size_t kMostDimensionBytes = 64;    // of a value; what is longer is cut
constexpr std::chrono::seconds kPublish(1);        // between two states that readers see while it catches up
constexpr std::string_view kSdkDimension = "sdk";  // of the batch, where the context has no such attribute

std::string TextOfPlan(const stats::ExperimentPlan& plan) {
  return ToJson(stats::EncodePlan(plan));
}

std::string ScalarText(const Value* value) {
  if (value == nullptr || value->is_null()) return {};
  return value->is_string() ? value->AsString() : ToJson(*value);
}

std::vector<std::string> DimensionsOf(const stats::ExperimentPlan& plan, const FactEvent& event,
                                      const std::string& sdk) {
  std::vector<std::string> values;
  values.reserve(plan.dimensions.size());
  for (const std::string& name : plan.dimensions) {
    std::string value = ScalarText(event.context == nullptr ? nullptr : event.context->Find(name));
    if (value.empty() && name == kSdkDimension) value = sdk;
    values.push_back(Shortened(value, kMostDimensionBytes));
  }
  return values;
}

// As units are read: exposures before the start are of another experiment, and gone; those that older versions kept at
// their own time within the tolerance before it are at the start.
void ReadFromStart(const stats::ExperimentPlan& plan, UnitRecord& unit) {
  const stats::IterationLess::View iteration{plan.experiment, plan.iteration};
  const std::vector<stats::FirstExposure>* known = unit.Exposures(iteration);
  if (known == nullptr || known->empty() || known->front().time >= plan.started) return;
  const std::vector<stats::FirstExposure> exposures = *known;
  unit.ForgetExposures(iteration, plan.started);
  for (stats::FirstExposure exposure : exposures) {
    if (exposure.time >= plan.started || exposure.time < plan.started - kClockTolerance) continue;
    exposure.time = plan.started;
    unit.AddExposure({plan.experiment, plan.iteration}, std::move(exposure));
  }
}

bool HasSharedCap(const stats::ExperimentPlan& plan) {
  return std::any_of(plan.metrics.begin(), plan.metrics.end(),
                     [](const stats::MetricPlan& metric) { return metric.cap_share.has_value(); });
}

// An iteration that may still get facts.
struct Live {
  Live(IterationName its_name, FactSpace& its_space, stats::ExperimentPlan its_plan)
      : name(std::move(its_name)), space(&its_space), plan(std::move(its_plan)), text(TextOfPlan(plan)), totals(plan) {}

  const IterationName name;
  FactSpace* const space;
  const stats::ExperimentPlan plan;
  const std::string text;  // of the plan
  stats::Caps caps;
  Totals totals;
  std::map<std::string, std::uint64_t> rejected;
  bool rebuilding = false;
  bool changed = true;            // since readers were told
  bool rejected_changed = false;  // since it was stored
  bool totals_changed = false;    // likewise
  std::optional<SweepJob> job;    // of the walk over its space, when that is for it

  stats::Iteration iteration() const { return {name.experiment, name.iteration}; }
  StoredIteration Stored(bool is_rebuilding) const {
    return {space->name().attribute, plan, caps, is_rebuilding, false};
  }
  // What the walk's totals go by: those that are kept, where they are.
  const Totals* slots() const { return rebuilding ? nullptr : &totals; }
  Contribution Of(const UnitRecord& unit, std::uint8_t group) const {
    return stats::ContributionOf(plan, unit, group, caps);
  }
};

// What a unit came to for an iteration: in its totals, and in those of the walk that has passed the unit.
struct Before {
  Live* live = nullptr;
  Contribution kept, swept;
};

// A unit while a page is folded.
struct Touched {
  const FactSpace* space = nullptr;
  UnitRecord record;
  std::uint8_t group = 0;
  bool passed = false;         // by the walk that is under way
  bool damaged = false;        // what is stored cannot be read: it stays as it is
  std::size_t bytes = 0;       // as it was stored
  bool changed = false;        // since the last transaction
  std::vector<Before> before;  // as of then
};

// Holds the mutex of the work, for which everybody waits in turn: who does one piece of work after the other would
// otherwise take it again before anybody else has woken up.
class GUIDON_SCOPED_CAPABILITY Turn {
 public:
  Turn(Mutex& queue, Mutex& work) GUIDON_ACQUIRE(work) : work_(work) {
    queue.lock();
    work.lock();
    queue.unlock();
  }
  ~Turn() GUIDON_RELEASE() { work_.unlock(); }
  Turn(const Turn&) = delete;
  Turn& operator=(const Turn&) = delete;

 private:
  Mutex& work_;
};

// What readers know of an iteration that may still get facts.
struct Shown {
  std::uint64_t version = 1;                            // grows with what they are to see
  std::uint64_t read = 0;                               // the version that `facts` are of
  std::shared_ptr<const stats::ExperimentFacts> facts;  // null: nobody has asked
};

}  // namespace

class Fold::Impl {
 public:
  Impl(Store& store, const Journal& journal, FoldOptions options)
      : store_(store), journal_(journal), options_([&] {
          if (!options.clock) options.clock = SystemNow;
          return std::move(options);
        }()) {}

  Status Open() {
    MutexLock lock(work_);
    return Load();
  }

  Status CatchUp(const std::function<bool()>& stop) {
    Status done = TryCatchUp(stop);
    if (!done && options_.counters != nullptr) options_.counters->CountFailure();
    return done;
  }

  Status PassNow(const std::function<bool()>& stop) {
    for (bool begun = false, done = false; !done;) {
      if (stop()) return Fail(ErrorCode::kUnavailable, "the daily pass was stopped");
      Turn turn(queue_, work_);
      if (Status ready = Prepare(); !ready) return ready;
      const bool begins = !begun && !sweep_.active;
      begun = begun || begins;
      const Result<bool> swept = begins ? BeginDaily() : SweepOn(false);
      if (!swept) return Fail(swept.error());
      done = begun && !*swept;
      Publish();
    }
    return {};
  }

  // ---- Reading ---------------------------------------------------------------------------------------------------

  Result<std::shared_ptr<const stats::ExperimentFacts>> Facts(const IterationName& name) const {
    std::uint64_t version = 0;
    if (auto known = KnownFacts(name, version)) return known;
    MutexLock lock(writing_);
    if (auto known = KnownFacts(name, version)) return known;  // somebody read it while this waited
    auto facts = std::make_shared<stats::ExperimentFacts>();
    {
      MutexLock publishing(publishing_);
      facts->watermark = published_watermark_;
      facts->sequence = published_sequence_;
    }
    Result<StoredIteration> stored = ReadIteration(name);
    if (!stored) return Fail(stored.error());
    if (stored->rebuilding && stored->forgotten) {
      return Fail(ErrorCode::kNotFound, Describe(name) +
                                            " was left out while it was being counted again, and what its units had "
                                            "is forgotten: there are no numbers of it");
    }
    // While it is made anew there may be parts of another plan.
    Result<Totals> totals = stored->rebuilding ? Totals(stored->plan) : ReadTotals(name, stored->plan);
    if (!totals) return Fail(totals.error());
    Result<std::map<std::string, std::uint64_t>> rejected = ReadRejected(name);
    if (!rejected) return Fail(rejected.error());
    Result<std::shared_ptr<const stats::Overlaps>> overlaps = ReadOverlaps(name);
    if (!overlaps) return Fail(overlaps.error());
    facts->plan = std::move(stored->plan);
    facts->caps = std::move(stored->caps);
    facts->rebuilding = stored->rebuilding;
    facts->totals = std::make_shared<const Totals>(*std::move(totals));
    facts->rejected = *std::move(rejected);
    facts->overlaps = *std::move(overlaps);
    MutexLock publishing(publishing_);
    if (const auto shown = shown_.find(name); shown != shown_.end()) {
      shown->second.facts = facts;
      shown->second.read = version;
    }
    return std::shared_ptr<const stats::ExperimentFacts>(std::move(facts));
  }

  // What was read before, when nothing has changed since; else null, and the version that is to be read.
  std::shared_ptr<const stats::ExperimentFacts> KnownFacts(const IterationName& name, std::uint64_t& version) const {
    MutexLock lock(publishing_);
    const auto found = shown_.find(name);
    if (found == shown_.end()) return nullptr;
    Shown& shown = found->second;
    version = shown.version;
    if (!shown.facts || shown.read != version) return nullptr;
    if (shown.facts->watermark != published_watermark_ || shown.facts->sequence != published_sequence_) {
      auto facts = std::make_shared<stats::ExperimentFacts>(*shown.facts);
      facts->watermark = published_watermark_;
      facts->sequence = published_sequence_;
      shown.facts = std::move(facts);
    }
    return shown.facts;
  }

  Result<ExposedUnits> ListExposed(const IterationName& name, std::string_view after, std::size_t limit) const {
    Result<StoredIteration> stored = [&] {
      MutexLock lock(writing_);
      return ReadIteration(name);
    }();
    if (!stored) return Fail(stored.error());
    const std::string prefix = UnitKeyPrefix({name.project, name.environment, stored->unit}), end = EndOf(prefix);
    ExposedUnits page;
    page.dimensions = stored->plan.dimensions;
    page.next = std::string(after);
    std::size_t looked_at = 0;
    for (bool more = true; more;) {
      RangeQuery query;
      query.begin = prefix + page.next + (page.next.empty() ? std::string() : std::string(1, '\0'));
      query.end = end;
      query.limit = kUnitsAtOnce;
      query.bytes = options_.txn_bytes;
      const Result<RangeResult> range = [&] {
        MutexLock lock(writing_);
        return store_.Range(query);
      }();
      if (!range) return Fail(range.error());
      more = range->more;
      for (const KeyValue& entry : range->entries) {
        page.more = page.units.size() >= limit || looked_at >= kMostLookedAt;
        if (page.more) return page;
        ++looked_at;
        page.next = entry.key.substr(prefix.size());
        Result<UnitRecord> record = UnitRecord::Decode(entry.value);
        if (!record) {
          ++page.unreadable;
          continue;
        }
        ReadFromStart(stored->plan, *record);
        AppendExposed(stored->plan, *record, page);
      }
    }
    return page;
  }

  Result<EnvironmentUsage> Usage(const UsageQuery& query) const {
    // The fold waits for one step of it at most, and has its turn before the next one.
    return ReadUsage(
        [this](const std::vector<std::string>& keys) {
          Turn turn(writing_queue_, writing_);
          return store_.GetPlain(keys);
        },
        query);
  }

  static void AppendExposed(const stats::ExperimentPlan& plan, const UnitRecord& record, ExposedUnits& page) {
    const std::vector<stats::FirstExposure>* exposures =
        record.Exposures(stats::IterationLess::View(plan.experiment, plan.iteration));
    if (exposures == nullptr) return;
    const auto first = stats::FirstOf(plan, *exposures);
    if (first == exposures->end() || first->variant >= plan.variants.size()) return;
    page.units.push_back(
        {page.next, plan.variants[first->variant], exposures->end() - first > 1, first->time, first->dimensions});
  }

  Result<std::vector<UnitFacts>> FindUnit(const std::string& project, const std::string& attribute,
                                          const std::string& unit) {
    Turn turn(queue_, work_);
    if (!loaded_) {  // or no space would be known, and nothing would be found
      if (Status loaded = Load(); !loaded) return Fail(loaded.error());
    }
    std::vector<UnitFacts> found;
    for (const auto& [name, space] : spaces_) {
      if (!IsOf(name, project, attribute)) continue;
      Result<std::optional<UnitRecord>> record = ReadUnit(space->unit_prefix() + unit);
      if (!record && record.error().code == ErrorCode::kCorrupt) {
        found.push_back({name, Object{{"fault", Value("what analysis keeps of it cannot be read: " +
                                                      record.error().message + "; an erasure removes it")}}});
        continue;
      }
      if (!record) return Fail(record.error());
      if (*record) found.push_back({name, Describe(*space, **record)});
    }
    return found;
  }

  Result<std::size_t> EraseUnit(const std::string& project, const std::string& attribute, const std::string& unit) {
    Turn turn(queue_, work_);
    if (Status ready = Prepare(); !ready) return Fail(ready.error());
    std::size_t erased = 0;
    for (const auto& [name, space] : spaces_) {
      if (!IsOf(name, project, attribute)) continue;
      const std::string key = space->unit_prefix() + unit;
      const Result<std::optional<UnitRecord>> record = ReadUnit(key);
      if (!record && record.error().code == ErrorCode::kCorrupt) {
        // What it came to cannot be told: the next daily pass makes the totals of live iterations without it.
        if (Status done = Write({TxnOp::Delete(key)}); !done) return Fail(done.error());
        ++erased;
        continue;
      }
      if (!record) return Fail(record.error());
      if (!*record) continue;
      Status done = EraseRecord(*space, key, unit, **record);
      if (!done) return Fail(done.error());
      ++erased;
    }
    Publish();
    return erased;
  }

 private:
  // ---- What is stored --------------------------------------------------------------------------------------------

  Result<StoredIteration> ReadIteration(const IterationName& name) const {
    const Result<std::optional<KeyValue>> stored = store_.Get(FoldedKey(name));
    if (!stored) return Fail(stored.error());
    if (*stored) return DecodeIteration((*stored)->value);
    return Fail(ErrorCode::kNotFound, Describe(name) + " has not been analysed");
  }

  static std::string Describe(const IterationName& name) {
    return "iteration " + std::to_string(name.iteration) + " of experiment '" + name.experiment + "' in environment '" +
           name.environment + "' of project '" + name.project + "'";
  }

  Result<Totals> ReadTotals(const IterationName& name, const stats::ExperimentPlan& plan) const {
    const Result<std::map<std::string, std::string>> parts = ReadParts(TotalKeyPrefix(name));
    return parts ? Totals::FromParts(plan, *parts) : Fail(parts.error());
  }

  // By what their keys have after the prefix.
  Result<std::map<std::string, std::string>> ReadParts(const std::string& prefix) const {
    Result<RangeResult> range = store_.Range(RangeQuery::Prefix(prefix));
    if (!range) return Fail(range.error());
    std::map<std::string, std::string> parts;
    for (KeyValue& entry : range->entries) parts[entry.key.substr(prefix.size())] = std::move(entry.value);
    return parts;
  }

  Result<std::map<std::string, std::uint64_t>> ReadRejected(const IterationName& name) const {
    const Result<std::optional<KeyValue>> stored = store_.Get(RejectedKey(name));
    if (!stored) return Fail(stored.error());
    if (!*stored) return std::map<std::string, std::uint64_t>();
    return DecodeCounts((*stored)->value);
  }

  // Null: none. What cannot be read is as if there were none; the next daily pass makes it anew.
  Result<std::shared_ptr<const stats::Overlaps>> ReadOverlaps(const IterationName& name) const {
    const Result<std::optional<KeyValue>> stored = store_.Get(OverlapKey(name));
    if (!stored) return Fail(stored.error());
    std::shared_ptr<const stats::Overlaps> overlaps;
    if (!*stored) return overlaps;
    const Result<Value> value = ParseJson((*stored)->value);
    Result<stats::Overlaps> decoded = value ? stats::DecodeOverlaps(*value) : Fail(value.error());
    if (decoded) overlaps = std::make_shared<const stats::Overlaps>(*std::move(decoded));
    return overlaps;
  }

  Result<std::optional<UnitRecord>> ReadUnit(const std::string& key) const {
    const Result<std::optional<KeyValue>> stored = store_.Get(key);
    if (!stored) return Fail(stored.error());
    if (!*stored) return std::optional<UnitRecord>();
    Result<UnitRecord> record = UnitRecord::Decode((*stored)->value);
    if (!record) return Fail(record.error());
    return std::optional<UnitRecord>(*std::move(record));
  }

  Status Load() GUIDON_REQUIRES(work_) {
    lives_.clear();
    spaces_.clear();
    Index();
    plans_ = nullptr;
    const Result<std::optional<KeyValue>> cursor = store_.Get(kCursorKey);
    if (!cursor) return Fail(cursor.error());
    cursor_ = {};
    if (*cursor) {
      const Result<FoldCursor> decoded = DecodeCursor((*cursor)->value);
      if (!decoded) return Fail(decoded.error());
      cursor_ = *decoded;
    }
    const Result<std::optional<KeyValue>> daily = store_.Get(kDailyKey);
    if (!daily) return Fail(daily.error());
    daily_ = std::nullopt;
    if (*daily) {
      const Result<Time> decoded = DecodeTime((*daily)->value);
      if (!decoded) return Fail(decoded.error());
      daily_ = *decoded;
    }
    if (Status read = LoadSweep(); !read) return read;
    const Result<RangeResult> sources = store_.Range(RangeQuery::Prefix(kSourcePrefix));
    if (!sources) return Fail(sources.error());
    for (const KeyValue& entry : sources->entries) {
      const std::optional<UnitSpace> name = SpaceOfSourceKey(entry.key);
      Result<std::vector<StoredSource>> decoded = DecodeSources(entry.value);
      if (!decoded) return Fail(decoded.error());
      if (name) spaces_[*name] = std::make_unique<FactSpace>(*name, *std::move(decoded));
    }
    sweep_.active = sweep_.active && spaces_.contains(sweep_.space);
    if (Status found = FindUnfinished(); !found) return found;
    loaded_ = true;
    return {};
  }

  // What cannot be read is found when it is planned.
  Status FindUnfinished() GUIDON_REQUIRES(work_) {
    unfinished_.clear();
    return ForEachPage(RangeQuery::Prefix(kFoldedPrefix), [&](const RangeResult& stored) GUIDON_REQUIRES(work_) {
      for (const KeyValue& entry : stored.entries) {
        const Result<StoredIteration> iteration = DecodeIteration(entry.value);
        if (!iteration || !iteration->rebuilding || iteration->forgotten) continue;
        const std::optional<IterationName> name = NameOfFoldedKey(entry.key);
        if (name) unfinished_.insert(*name);
      }
      return Status();
    });
  }

  Status LoadSweep() GUIDON_REQUIRES(work_) {
    sweep_ = {};
    after_.clear();
    const Result<std::optional<KeyValue>> sweep = store_.Get(kSweepKey);
    if (!sweep) return Fail(sweep.error());
    if (!*sweep) return {};
    Result<StoredSweep> decoded = DecodeSweep((*sweep)->value);
    if (!decoded) return Fail(decoded.error());
    sweep_ = *std::move(decoded);
    const Result<std::optional<KeyValue>> swept = store_.Get(kSweptKey);
    if (!swept) return Fail(swept.error());
    if (!*swept) return {};
    Result<std::string> after = DecodeSwept((*swept)->value);
    if (!after) return Fail(after.error());
    after_ = *std::move(after);
    return {};
  }

  // After an error that left memory ahead of the store, or behind it: everything is read again.
  Error Forget(Error error) GUIDON_REQUIRES(work_) {
    loaded_ = false;
    return error;
  }

  Status Prepare() GUIDON_REQUIRES(work_) {
    if (!loaded_) {
      if (Status loaded = Load(); !loaded) return loaded;
    }
    if (cursor_.event == 0) return TakePlans(cursor_.sequence);
    if (plans_ != nullptr) return {};
    // A crash was in the middle of an entry, which only the fold itself can finish.
    return Fail(ErrorCode::kUnavailable, "analysis has not gone on since the start; try again in a moment");
  }

  // ---- Plans -----------------------------------------------------------------------------------------------------

  struct NewPlans {
    std::map<IterationName, std::unique_ptr<Live>> lives;
    std::map<FactSpace*, std::vector<bool>> used;  // sources
    std::vector<TxnOp> ops;
    std::int64_t left_out = 0;
  };

  // Sources that are new are made up for up to the entry `from`, and folded after it.
  Status TakePlans(std::uint64_t from) GUIDON_REQUIRES(work_) {
    std::shared_ptr<const FoldPlans> plans = options_.plans();
    if (plans == plans_ && !has_room_) return {};
    std::map<const FactSpace*, std::size_t> before;
    for (const auto& [name, space] : spaces_) before[space.get()] = space->sources().size();
    NewPlans taken;
    for (const FoldPlan& plan : plans->plans) {
      if (Status done = TakePlan(plan, from, taken); !done) return Fail(Forget(done.error()));
    }
    if (Status done = TakeUnfinished(*plans, from, taken); !done) return Fail(Forget(done.error()));
    bool has_retired = false;
    for (const auto& [name, space] : spaces_) {
      const bool retired = space->Retire(taken.used[space.get()]);
      has_retired = has_retired || retired;
      const auto known = before.find(space.get());
      if (retired || known == before.end() || known->second != space->sources().size()) {
        taken.ops.push_back(TxnOp::Put(SourceKey(name), Encode(space->sources())));
      }
    }
    if (sweep_.active) {
      // Of a plan that is another by now, or none, what the walk has come to so far is of no use.
      const std::size_t jobs = std::erase_if(sweep_.jobs, [&](const StoredSweep::Job& job) GUIDON_REQUIRES(work_) {
        const auto live = taken.lives.find(NameOf(job));
        return live == taken.lives.end() || !live->second->job;
      });
      if (jobs > 0) taken.ops.push_back(TxnOp::Put(std::string(kSweepKey), Encode(sweep_)));
      const auto space = spaces_.find(sweep_.space);
      if (sweep_.forgets && space != spaces_.end()) {
        if (Status marked = MarkForgotten(space->first, taken.lives); !marked) return Fail(Forget(marked.error()));
      }
    }
    if (Status written = WriteInSteps(std::move(taken.ops)); !written) return Fail(Forget(written.error()));
    lives_ = std::move(taken.lives);
    plans_ = std::move(plans);
    has_room_ = has_retired && taken.left_out > 0;
    Index();
    if (options_.counters != nullptr) options_.counters->left_out = taken.left_out;
    if (taken.left_out > 0 && !has_room_ && options_.report) {
      options_.report(std::to_string(taken.left_out) + " experiments are not analysed: there are more than " +
                      std::to_string(options_.most_iterations) + ", or they have too many metrics");
    }
    return {};
  }

  // Those of no plan any more that are being made anew: they stay until they are, after which their totals are as if
  // they had been closed then.
  Status TakeUnfinished(const FoldPlans& plans, std::uint64_t from, NewPlans& taken) GUIDON_REQUIRES(work_) {
    for (const auto& [name, live] : lives_) {  // null: it is in `taken`
      if (live && live->rebuilding) unfinished_.insert(name);
    }
    for (auto name = unfinished_.begin(); name != unfinished_.end();) {
      const bool is_gone = (plans.environments && !plans.environments->contains({name->project, name->environment})) ||
                           plans.LackExperimentOf(name->project, name->experiment, name->iteration);
      std::optional<FoldPlan> plan;
      if (!is_gone && !taken.lives.contains(*name)) {
        Result<std::optional<FoldPlan>> stored = UnfinishedPlan(*name);
        if (!stored) return Fail(stored.error());
        plan = *std::move(stored);
      }
      if (!plan) {
        name = unfinished_.erase(name);
        continue;
      }
      if (Status done = TakePlan(*plan, from, taken); !done) return done;
      ++name;
    }
    return {};
  }

  // Nothing: it cannot be made anew.
  Result<std::optional<FoldPlan>> UnfinishedPlan(const IterationName& name) const {
    Result<StoredIteration> stored = ReadIteration(name);
    if (!stored && stored.error().code != ErrorCode::kNotFound && stored.error().code != ErrorCode::kCorrupt) {
      return Fail(stored.error());
    }
    if (!stored || !stored->rebuilding || stored->forgotten) return std::optional<FoldPlan>();
    const auto space = spaces_.find({name.project, name.environment, stored->unit});
    if (space == spaces_.end()) return std::optional<FoldPlan>();
    FoldPlan plan{name.project, name.environment, stored->unit, std::move(stored->plan), {}};
    for (stats::MetricPlan& metric : plan.plan.metrics) {
      for (stats::SourceId& source : metric.sources) {
        if (source >= space->second->sources().size()) return std::optional<FoldPlan>();
        plan.sources.push_back(space->second->sources()[source].source);
        source = static_cast<stats::SourceId>(plan.sources.size() - 1);
      }
    }
    return std::optional<FoldPlan>(std::move(plan));
  }

  Status TakePlan(const FoldPlan& plan, std::uint64_t from, NewPlans& taken) GUIDON_REQUIRES(work_) {
    if (taken.lives.size() >= options_.most_iterations) return ++taken.left_out, Status();
    const UnitSpace space_name{plan.project, plan.environment, plan.unit};
    std::unique_ptr<FactSpace>& space = spaces_[space_name];
    if (!space) space = std::make_unique<FactSpace>(space_name, std::vector<StoredSource>());
    const std::optional<std::vector<stats::SourceId>> ids = space->Take(plan.sources, from, options_.most_sources);
    if (!ids) return ++taken.left_out, Status();
    stats::ExperimentPlan with_ids = plan.plan;
    for (stats::MetricPlan& metric : with_ids.metrics) {
      for (stats::SourceId& source : metric.sources) source = (*ids)[source];
    }
    std::vector<bool>& used = taken.used[space.get()];
    used.resize(space->sources().size());
    for (const stats::SourceId id : *ids) used[id] = true;
    const IterationName name{plan.project, plan.environment, with_ids.experiment, with_ids.iteration};
    auto live = std::make_unique<Live>(name, *space, std::move(with_ids));
    if (const auto old = lives_.find(name);
        old != lives_.end() && old->second->text == live->text && old->second->space == live->space) {
      live = std::move(old->second);
    } else if (Status restored = Restore(*live, taken.ops); !restored) {
      return restored;
    }
    taken.lives[name] = std::move(live);
    return {};
  }

  // As it was stored under the same plan, or to be made anew.
  Status Restore(Live& live, std::vector<TxnOp>& ops) GUIDON_REQUIRES(work_) {
    Result<StoredIteration> stored = ReadIteration(live.name);
    if (!stored && stored.error().code != ErrorCode::kNotFound) return Fail(stored.error());
    // Older versions knew no start.
    if (stored && stored->plan.started != Time{} && stored->plan.started != live.plan.started) {
      ops.push_back(TxnOp::Delete(RejectedKey(live.name)));
      ops.push_back(TxnOp::Delete(OverlapKey(live.name)));
    } else {
      Result<std::map<std::string, std::uint64_t>> rejected = ReadRejected(live.name);
      if (!rejected) return Fail(rejected.error());
      live.rejected = *std::move(rejected);
    }
    if (stored && !stored->forgotten && stored->unit == live.space->name().attribute &&
        TextOfPlan(stored->plan) == live.text) {
      live.caps = std::move(stored->caps);
      live.rebuilding = stored->rebuilding;
      if (Status job = RestoreJob(live); !job) return job;
      if (live.rebuilding) return {};
      Result<Totals> totals = ReadTotals(live.name, live.plan);
      if (totals) {
        live.totals = *std::move(totals);
        return {};
      }
      if (totals.error().code != ErrorCode::kCorrupt) return Fail(totals.error());
      if (options_.report) options_.report("totals are made anew: " + totals.error().message);
      live.job.reset();
    }
    // Of one that was never there no exposure is known: there is nothing to make anew, unless history is missing.
    live.rebuilding = stored.has_value() || !HasAllSources(live);
    ops.push_back(TxnOp::Put(FoldedKey(live.name), Encode(live.Stored(live.rebuilding))));
    return {};
  }

  IterationName NameOf(const StoredSweep::Job& job) const {
    return {sweep_.space.project, sweep_.space.environment, job.experiment, job.iteration};
  }

  // What the walk that is under way has come to for it.
  Status RestoreJob(Live& live) GUIDON_REQUIRES(work_) {
    if (!sweep_.active || live.space->name() != sweep_.space) return {};
    const auto found = std::find_if(sweep_.jobs.begin(), sweep_.jobs.end(),
                                    [&](const StoredSweep::Job& job) { return NameOf(job) == live.name; });
    if (found == sweep_.jobs.end() || found->beside == live.rebuilding) return {};
    const Result<std::map<std::string, std::string>> parts = ReadParts(SweptKeyPrefix(sweep_.number, live.name));
    if (!parts) return Fail(parts.error());
    Result<SweepJob> job = SweepJob::Read(live.plan, *found, *parts);
    if (job) {
      live.job = *std::move(job);
    } else if (options_.report) {
      options_.report("the next pass looks at it again: " + job.error().message);
    }
    return {};
  }

  static bool HasAllSources(const Live& live) {
    for (const stats::MetricPlan& metric : live.plan.metrics) {
      for (const stats::SourceId source : metric.sources) {
        if (!live.space->sources()[source].is_complete()) return false;
      }
    }
    return true;
  }

  // Who is found by what.
  void Index() GUIDON_REQUIRES(work_) {
    by_experiment_.clear();
    by_iteration_.clear();
    users_.clear();
    scopes_.clear();
    std::int64_t rebuilding = 0;
    for (const auto& [name, live] : lives_) {
      rebuilding += live->rebuilding ? 1 : 0;
      by_experiment_[{name.project + "/" + name.environment, name.experiment}][name.iteration] = live.get();
      by_iteration_[live->space][live->iteration()] = live.get();
      std::vector<std::vector<Live*>>& users = users_[live->space];
      users.resize(live->space->sources().size());
      std::set<stats::SourceId> sources;
      for (const stats::MetricPlan& metric : live->plan.metrics) {
        sources.insert(metric.sources.begin(), metric.sources.end());
      }
      for (const stats::SourceId source : sources) users[source].push_back(live.get());
    }
    for (const auto& [name, space] : spaces_) {
      if (users_.contains(space.get())) scopes_[name.project + "/" + name.environment].push_back(space.get());
    }
    if (options_.counters == nullptr) return;
    options_.counters->iterations = static_cast<std::int64_t>(lives_.size());
    options_.counters->rebuilding = rebuilding;
  }

  // ---- Folding ---------------------------------------------------------------------------------------------------

  // A page of the journal, a page of what is to be made up for, some units of a walk, and so on; others may have their
  // turn after each.
  Status TryCatchUp(const std::function<bool()>& stop) {
    Status walk;  // one that cannot go on keeps no event from being folded
    for (bool goes_on = true; goes_on && !stop();) {
      const Result<bool> folded = InTurn([this]() GUIDON_REQUIRES(work_) { return FoldPage(); });
      if (!folded) return Fail(folded.error());
      const Result<bool> made_up = InTurn([this]() GUIDON_REQUIRES(work_) { return MakeUpPage(); });
      if (!made_up) return Fail(made_up.error());
      const bool idle = !*folded && !*made_up;
      goes_on = !idle;
      if (!walk) continue;
      const Result<bool> swept = InTurn([this, idle]() GUIDON_REQUIRES(work_) { return SweepOn(idle); });
      if (!swept) walk = Fail(swept.error());
      goes_on = goes_on || (swept && *swept);
    }
    Turn turn(queue_, work_);
    if (Status trimmed = TrimUsage(); !trimmed) return trimmed;
    Publish();
    return walk;
  }

  template <typename Step>
  Result<bool> InTurn(Step step) {
    Turn turn(queue_, work_);
    if (!loaded_) {
      if (Status loaded = Load(); !loaded) return Fail(loaded.error());
    }
    Result<bool> done = step();
    if (std::chrono::steady_clock::now() - published_at_ >= kPublish) Publish();
    return done;
  }

  struct Page {
    std::unordered_map<std::string, Touched> units;  // by key
    std::size_t bytes = 0, changed = 0;
    UsageDeltas usage;
    std::size_t most_bytes() const { return bytes + usage.most_bytes(); }
  };

  // Whether there was anything to fold.
  Result<bool> FoldPage() GUIDON_REQUIRES(work_) {
    const Time now = options_.clock();
    Result<JournalPage> read = ReadJournal(cursor_.sequence, {});
    if (!read && read.error().code == ErrorCode::kGone) {
      if (options_.counters != nullptr) options_.counters->CountLost();
      if (options_.report)
        options_.report("analysis goes on without events that it had not seen: " + read.error().message);
      cursor_.event = 0;
      read = ReadJournal(0, {});
    }
    if (!read) return Fail(read.error());
    if (read->entries.empty()) cursor_.event = 0;
    const std::uint64_t from = cursor_.event == 0 ? cursor_.sequence : read->entries.front().sequence;
    if (Status taken = TakePlans(from); !taken) return Fail(taken.error());
    if (read->entries.empty()) {
      if (!read->more) watermark_ = now;
      cursor_.sequence = std::max(cursor_.sequence, read->next);
      Show(0);
      return read->more;
    }
    std::vector<FactEntry> entries;
    for (const JournalEntry& entry : read->entries) entries.push_back(ReadEntry(entry));
    Page page;
    std::map<std::string, const FactSpace*> keys;
    for (std::size_t i = 0; i < entries.size(); ++i) {
      for (const FactEvent& event : entries[i].events) CollectKeys(ScopeOf(read->entries[i]), event, keys);
    }
    if (Status got = ReadUnits(keys, page); !got) return Fail(got.error());
    for (std::size_t i = 0; i < entries.size(); ++i) {
      const std::string scope = ScopeOf(read->entries[i]);
      for (std::size_t e = cursor_.event; e < entries[i].events.size(); ++e) {
        Apply(scope, read->entries[i].sequence, entries[i], entries[i].events[e], page);
        cursor_.event = e + 1;
        if (page.most_bytes() < options_.txn_bytes && page.changed < options_.txn_ops) continue;
        if (Status done = Commit(page); !done) return Fail(Forget(done.error()));
      }
      // What an entry counts goes into one transaction with the cursor behind it, so it goes alone where it is much.
      if (page.most_bytes() + UsageDeltas::MostBytesOf(entries[i]) > options_.txn_bytes && page.most_bytes() > 0) {
        if (Status done = Commit(page); !done) return Fail(Forget(done.error()));
      }
      cursor_ = {read->entries[i].sequence, 0};
      watermark_ = entries[i].received;
      AddUsage(read->entries[i], entries[i], page);
    }
    cursor_.sequence = std::max(cursor_.sequence, read->next);
    if (Status done = Commit(page); !done) return Fail(Forget(done.error()));
    Show((now - entries.front().received).count());
    return true;
  }

  void AddUsage(const JournalEntry& at, const FactEntry& entry, Page& page) GUIDON_REQUIRES(work_) {
    if (entry.evaluations.empty()) return;
    page.usage.Add(at.project, at.environment, entry,
                   options_.flags_of ? options_.flags_of(at.project) : std::function<bool(std::string_view)>());
    if (page.usage.newest() > usage_trimmed_) usage_to_trim_ = page.usage.newest();
  }

  // Days that are too old, once for each day in which something came.
  Status TrimUsage() GUIDON_REQUIRES(work_) {
    if (!usage_to_trim_) return {};
    const RangeQuery old = OldUsage(*usage_to_trim_);
    if (Status removed = RemoveKeys(old.begin, old.end); !removed) return removed;
    usage_trimmed_ = std::exchange(usage_to_trim_, std::nullopt);
    return {};
  }

  // One that cannot be read is as one without events: it would not be readable tomorrow either.
  FactEntry ReadEntry(const JournalEntry& entry) GUIDON_REQUIRES(work_) {
    Result<FactEntry> facts = ReadFacts(entry.text);
    if (facts) return *std::move(facts);
    CountRejected(FactRejection::kUnreadable);
    if (!std::exchange(said_unreadable_, true) && options_.report) {
      options_.report("analysis goes on without entry " + std::to_string(entry.sequence) + " of the journal, of '" +
                      ScopeOf(entry) + "': " + facts.error().message +
                      "; further ones are counted in guidon_facts_rejected_total{reason=\"unreadable\"} only");
    }
    FactEntry nothing;
    nothing.received = entry.received;
    return nothing;
  }

  // A unit that cannot be read is passed over, like an entry. No unit is named: this goes into a log.
  void SayDamaged(const FactSpace& space, const Error& error) GUIDON_REQUIRES(work_) {
    if (std::exchange(said_damaged_, true) || !options_.report) return;
    options_.report(
        "analysis goes on without a unit of '" + space.name().attribute + "' in '" + space.name().project + "/" +
        space.name().environment + "': " + error.message +
        "; what is left out for such is counted in guidon_facts_rejected_total{reason=\"unreadable\"} only");
  }

  Result<JournalPage> ReadJournal(std::uint64_t after, const UnitSpace& of) const {
    JournalQuery query;
    query.after = after;
    query.project = of.project;
    query.environment = of.environment;
    query.entries = options_.page_entries;
    query.bytes = options_.page_bytes;
    return journal_.Read(query);
  }

  static std::string ScopeOf(const JournalEntry& entry) { return entry.project + "/" + entry.environment; }

  void Show(std::int64_t behind_ms) {
    if (options_.counters == nullptr) return;
    options_.counters->sequence = static_cast<std::int64_t>(cursor_.sequence);
    options_.counters->behind_ms = std::max<std::int64_t>(behind_ms, 0);
  }

  // The iteration that an exposure names, or else the newest of its experiment.
  Live* FindLive(const std::string& scope, const FactEvent& exposure) GUIDON_REQUIRES(work_) {
    const auto found = by_experiment_.find({scope, exposure.experiment});
    if (found == by_experiment_.end()) return nullptr;
    const auto named = found->second.find(exposure.iteration);
    return named != found->second.end() ? named->second : found->second.rbegin()->second;
  }

  // Of the units that an event may be of.
  void CollectKeys(const std::string& scope, const FactEvent& event, std::map<std::string, const FactSpace*>& keys)
      GUIDON_REQUIRES(work_) {
    if (event.is_exposure) {
      if (const Live* live = FindLive(scope, event)) {
        keys.emplace(live->space->unit_prefix() + event.unit, live->space);
      }
      return;
    }
    const auto spaces = scopes_.find(scope);
    if (spaces == scopes_.end() || event.context == nullptr) return;
    for (const FactSpace* space : spaces->second) CollectKey(*space, event, keys);
  }
  static void CollectKey(const FactSpace& space, const FactEvent& event,
                         std::map<std::string, const FactSpace*>& keys) {
    if (!space.Names(event.name)) return;
    const std::string unit = UnitTextOf(event.context->Find(space.name().attribute));
    if (!unit.empty()) keys.emplace(space.unit_prefix() + unit, &space);
  }

  // All that a page is about to touch, in one go.
  Status ReadUnits(const std::map<std::string, const FactSpace*>& keys, Page& page) GUIDON_REQUIRES(work_) {
    std::vector<std::string> wanted;
    wanted.reserve(keys.size());
    for (const auto& [key, space] : keys) wanted.push_back(key);
    const Result<std::vector<std::optional<std::string>>> stored = store_.GetPlain(wanted);
    if (!stored) return Fail(stored.error());
    page.units.reserve(wanted.size());
    for (std::size_t i = 0; i < wanted.size(); ++i) {
      Touched& unit = page.units[wanted[i]];
      unit.space = keys.at(wanted[i]);
      unit.group = stats::HashGroupOf(std::string_view(wanted[i]).substr(unit.space->unit_prefix().size()));
      unit.passed = IsPassed(*unit.space, std::string_view(wanted[i]).substr(unit.space->unit_prefix().size()));
      unit.bytes = wanted[i].size();
      if (!(*stored)[i]) continue;
      unit.bytes += (*stored)[i]->size();
      Result<UnitRecord> record = UnitRecord::Decode(*(*stored)[i]);
      unit.damaged = !record;
      if (!record) {
        SayDamaged(*unit.space, record.error());
        continue;
      }
      unit.record = *std::move(record);
      ReadFromStarts(*unit.space, unit.record);
    }
    return {};
  }

  void Reject(Live* live, FactRejection reason) {
    if (live == nullptr) return;
    ++live->rejected[std::string(ToString(reason))];
    live->rejected_changed = live->changed = true;
  }
  void CountRejected(FactRejection reason) {
    if (options_.counters != nullptr) options_.counters->CountRejected(reason);
  }

  void Apply(const std::string& scope, std::uint64_t sequence, const FactEntry& entry, const FactEvent& event,
             Page& page) GUIDON_REQUIRES(work_) {
    if (options_.counters != nullptr) options_.counters->CountEvent(event.is_exposure);
    if (event.is_exposure) {
      Live* live = FindLive(scope, event);
      const std::optional<FactRejection> rejected = ApplyExposure(live, entry, event, page);
      if (!rejected) return;
      Reject(live, *rejected);
      CountRejected(*rejected);
      return;
    }
    const auto spaces = scopes_.find(scope);
    if (spaces == scopes_.end()) return;
    for (FactSpace* space : spaces->second) ApplyTrack(*space, sequence, entry, event, page);
  }

  std::optional<FactRejection> ApplyExposure(Live* live, const FactEntry& entry, const FactEvent& event, Page& page)
      GUIDON_REQUIRES(work_) {
    if (live == nullptr) return FactRejection::kUnknownExperiment;
    const stats::ExperimentPlan& plan = live->plan;
    if (event.iteration != plan.iteration) return FactRejection::kOtherIteration;
    if (event.forced) return FactRejection::kForced;
    if (event.unit.empty() || event.unit_attribute != live->space->name().attribute) return FactRejection::kNoUnit;
    const auto variant = std::find(plan.variants.begin(), plan.variants.end(), event.variant);
    if (variant == plan.variants.end()) return FactRejection::kUnknownVariant;
    if (!event.time) return FactRejection::kClock;
    Time time = *event.time;
    // Nobody can have been exposed before: a clock within the tolerance.
    if (time < plan.started && time >= plan.started - kClockTolerance) time = plan.started;
    if (time < plan.started) return FactRejection::kBeforeStart;
    if (plan.ended && time >= *plan.ended) return FactRejection::kClosed;
    if (stats::IsLateExposure(plan, time, entry.ReceiptOf(time))) return FactRejection::kLate;
    Touched& unit = page.units.at(live->space->unit_prefix() + event.unit);
    if (unit.damaged) return CountRejected(FactRejection::kUnreadable), std::nullopt;
    stats::FirstExposure exposure;
    exposure.variant = static_cast<std::uint32_t>(variant - plan.variants.begin());
    exposure.time = time;
    if (IsKnown(unit, *live, exposure)) return std::nullopt;
    exposure.dimensions = DimensionsOf(plan, event, entry.sdk);
    Touch(unit, page);
    unit.record.AddExposure(live->iteration(), std::move(exposure));
    // At once, and not with the page: the first values of a dimension get cells of their own, and which are the first
    // must not depend on pages.
    Settle(unit);
    return std::nullopt;
  }

  // Most exposures are: clients send one again when they have forgotten that they did.
  static bool IsKnown(const Touched& unit, const Live& live, const stats::FirstExposure& exposure) {
    const std::vector<stats::FirstExposure>* exposures = unit.record.Exposures(live.iteration());
    if (exposures == nullptr) return false;
    return std::any_of(exposures->begin(), exposures->end(), [&](const stats::FirstExposure& known) {
      return known.variant == exposure.variant && known.time >= live.plan.started && known.time < exposure.time;
    });
  }

  void ApplyTrack(FactSpace& space, std::uint64_t sequence, const FactEntry& entry, const FactEvent& event, Page& page)
      GUIDON_REQUIRES(work_) {
    space.Read(event, readings_);
    if (readings_.empty()) return;
    const std::string unit_text =
        event.context == nullptr ? std::string() : UnitTextOf(event.context->Find(space.name().attribute));
    Touched* unit = unit_text.empty() ? nullptr : &page.units.at(space.unit_prefix() + unit_text);
    if (unit != nullptr && unit->damaged) return CountRejected(FactRejection::kUnreadable);
    std::optional<FactRejection> counted;  // an event once, by the first of its reasons
    std::set<Live*> rejecting;
    for (const FactSpace::Reading& reading : readings_) {
      if (sequence <= space.sources()[reading.source].from) continue;  // it is made up for
      std::optional<FactRejection> rejection = reading.rejection;
      if (unit == nullptr) rejection = FactRejection::kNoUnit;
      if (!rejection && !event.time) rejection = FactRejection::kClock;
      if (unit != nullptr && !rejection &&
          IsLate(space, *unit, reading.source, *event.time, entry.ReceiptOf(*event.time))) {
        rejection = FactRejection::kLate;
      }
      if (!rejection) {
        Touch(*unit, page);
        unit->record.AddEvent(reading.source, {*event.time, reading.value, 1});
        continue;
      }
      if (!counted) counted = rejection;
      for (Live* live : users_[&space][reading.source]) {
        if (rejecting.insert(live).second) Reject(live, *rejection);
      }
    }
    if (counted) CountRejected(*counted);
  }

  // Whether it would have counted, and every window in which it would was closed too long ago when it came.
  bool IsLate(const FactSpace& space, const Touched& unit, stats::SourceId source, Time time, Time received)
      GUIDON_REQUIRES(work_) {
    bool would_count = false;
    for (const Live* live : users_[&space][source]) {
      const std::vector<stats::FirstExposure>* exposures = unit.record.Exposures(live->iteration());
      if (exposures == nullptr) continue;
      const stats::Timeliness of_it = stats::TimelinessOf(live->plan, *exposures, source, time, received);
      if (of_it == stats::Timeliness::kInTime) return false;
      would_count = would_count || of_it == stats::Timeliness::kLate;
    }
    return would_count;
  }

  Live* FindIteration(const FactSpace& space, const stats::Iteration& iteration) GUIDON_REQUIRES(work_) {
    const std::map<stats::Iteration, Live*>& lives = by_iteration_[&space];
    const auto found = lives.find(iteration);
    return found == lives.end() ? nullptr : found->second;
  }

  void ReadFromStarts(const FactSpace& space, UnitRecord& unit) GUIDON_REQUIRES(work_) {
    std::vector<const Live*> earlier;
    for (const auto& [iteration, exposures] : unit.iterations()) {
      const Live* live = FindIteration(space, iteration);
      if (live == nullptr || exposures.empty() || exposures.front().time >= live->plan.started) continue;
      earlier.push_back(live);
    }
    for (const Live* live : earlier) ReadFromStart(live->plan, unit);
  }

  // Before a change of its record.
  void Touch(Touched& unit, Page& page) GUIDON_REQUIRES(work_) {
    page.bytes += kBytesOfEvent;
    if (unit.changed) return;
    unit.changed = true;
    ++page.changed;
    page.bytes += unit.bytes;
    unit.before.clear();
    for (const auto& [iteration, exposures] : unit.record.iterations()) {
      Live* live = FindIteration(*unit.space, iteration);
      if (live == nullptr) continue;
      Before& before = unit.before.emplace_back();
      before.live = live;
      if (!live->rebuilding) before.kept = live->Of(unit.record, unit.group);
      if (unit.passed && live->job) before.swept = live->job->Of(unit.record, unit.group);
    }
  }

  // From what a unit came to when it was touched, or settled, to what it comes to.
  void Settle(Touched& unit) GUIDON_REQUIRES(work_) {
    for (const auto& [iteration, exposures] : unit.record.iterations()) {
      Live* live = FindIteration(*unit.space, iteration);
      if (live == nullptr) continue;
      auto before =
          std::find_if(unit.before.begin(), unit.before.end(), [live](const auto& one) { return one.live == live; });
      if (before == unit.before.end()) before = unit.before.insert(before, {live, {}, {}});
      // A walk that has not passed it will find it as it is then.
      SweepJob* job = unit.passed && live->job ? &*live->job : nullptr;
      Contribution swept = job != nullptr ? job->Of(unit.record, unit.group) : Contribution();
      const bool moves = job != nullptr && !(swept == before->swept);
      if (moves) job->Remove(before->swept, live->slots());
      if (!live->rebuilding) SettleKept(*live, *before, live->Of(unit.record, unit.group));
      if (!moves) continue;
      job->Add(swept, live->slots());
      before->swept = std::move(swept);
    }
  }

  static void SettleKept(Live& live, Before& before, Contribution after) {
    if (after == before.kept) return;
    if (before.kept.kind != Contribution::Kind::kNone) live.totals.Remove(before.kept);
    if (after.kind != Contribution::Kind::kNone) live.totals.Add(after);
    before.kept = std::move(after);
    live.totals_changed = live.changed = true;
  }

  // Everything of a page, and how far it is.
  Status Commit(Page& page) GUIDON_REQUIRES(work_) {
    for (auto& [key, unit] : page.units) {
      if (unit.changed) Settle(unit);
    }
    std::vector<TxnOp> ops = UnitOps(page);
    ops.push_back(TxnOp::Put(std::string(kCursorKey), Encode(cursor_)));
    Result<std::vector<TxnOp>> usage = page.usage.Ops(store_);
    if (!usage) return Fail(usage.error());
    std::move(usage->begin(), usage->end(), std::back_inserter(ops));
    std::vector<TxnOp> totals;
    for (const auto& [name, live] : lives_) {
      if (live->rejected_changed) ops.push_back(TxnOp::Put(RejectedKey(name), EncodeCounts(live->rejected)));
      live->rejected_changed = false;
      if (!live->totals_changed) continue;
      AppendParts(TotalKeyPrefix(name), live->totals.TakeDirtyParts(), totals);
    }
    if (!Fits(ops, totals)) {
      // Not all of it fits into one transaction: until the last one they are being rebuilt, and would be again.
      std::vector<TxnOp> marks;
      for (const auto& [name, live] : lives_) {
        if (!live->totals_changed) continue;
        marks.push_back(TxnOp::Put(FoldedKey(name), Encode(live->Stored(true))));
        ops.push_back(TxnOp::Put(FoldedKey(name), Encode(live->Stored(false))));
      }
      if (Status written = WriteInSteps(std::move(marks)); !written) return written;
      if (Status written = WriteInSteps(std::exchange(totals, {})); !written) return written;
    }
    for (const auto& [name, live] : lives_) live->totals_changed = false;
    std::move(totals.begin(), totals.end(), std::back_inserter(ops));
    return WriteSwept(std::move(ops));
  }

  // Both in one transaction.
  bool Fits(const std::vector<TxnOp>& a, const std::vector<TxnOp>& b) const {
    return SizeOf(a) + SizeOf(b) <= options_.store_bytes && a.size() + b.size() <= options_.store_ops;
  }

  static void AppendParts(const std::string& prefix, std::map<std::string, std::string> parts,
                          std::vector<TxnOp>& ops) {
    for (auto& [part, bytes] : parts) {
      ops.push_back(bytes.empty() ? TxnOp::Delete(prefix + part) : TxnOp::Put(prefix + part, std::move(bytes)));
    }
  }

  static std::vector<TxnOp> UnitOps(Page& page) {
    std::vector<TxnOp> ops;
    for (auto& [key, unit] : page.units) {
      if (!unit.changed) continue;
      ops.push_back(TxnOp::Put(key, unit.record.Encode()));
      unit.bytes = key.size() + ops.back().value.size();
      unit.changed = false;
    }
    page.bytes = page.changed = 0;
    return ops;
  }

  static std::size_t SizeOf(const std::vector<TxnOp>& ops) {
    std::size_t bytes = 0;
    for (const TxnOp& op : ops) bytes += op.key.size() + op.value.size();
    return bytes;
  }

  Status Write(std::vector<TxnOp> ops) {
    if (ops.empty()) return {};
    Txn txn;
    txn.ops = std::move(ops);
    Turn turn(writing_queue_, writing_);
    const Result<TxnResult> done = store_.Commit(std::move(txn));
    return done ? Status() : Fail(done.error());
  }

  // Of a range that may be of any size: `see` has a page of it after the other, by the bounds of units of a
  // transaction.
  Status ForEachPage(RangeQuery query, const std::function<Status(const RangeResult&)>& see) const {
    query.limit = kKeysAtOnce;
    query.bytes = options_.txn_bytes;
    for (bool more = true; more;) {
      const Result<RangeResult> page = store_.Range(query);
      if (!page) return Fail(page.error());
      if (Status seen = see(*page); !seen) return seen;
      more = page->more;
      if (more) query.begin = page->entries.back().key + '\0';
    }
    return {};
  }

  // ---- Making up for new sources -----------------------------------------------------------------------------------

  Result<bool> MakeUpPage() GUIDON_REQUIRES(work_) {
    if (plans_ == nullptr) return true;  // forgotten after an error of an erasure
    for (const auto& [name, space] : spaces_) {
      const std::optional<FactSpace::Gap> gap = space->OldestGap();
      if (!gap) continue;
      if (Status done = MakeUp(*space, *gap); !done) return Fail(Forget(done.error()));
      return true;
    }
    return false;
  }

  Status MakeUp(FactSpace& space, const FactSpace::Gap& gap) GUIDON_REQUIRES(work_) {
    Result<JournalPage> read = ReadJournal(gap.after, space.name());
    if (!read && read.error().code == ErrorCode::kGone) read = ReadJournal(0, space.name());
    if (!read) return Fail(read.error());
    std::vector<std::pair<std::uint64_t, FactEntry>> entries;
    std::map<std::string, const FactSpace*> keys;
    for (const JournalEntry& entry : read->entries) {
      if (entry.sequence > gap.to) break;
      Result<FactEntry> facts = ReadFacts(entry.text);
      if (!facts) continue;  // it was counted when it came
      for (const FactEvent& event : facts->events) {
        if (!event.is_exposure && event.context != nullptr) CollectKey(space, event, keys);
      }
      entries.emplace_back(entry.sequence, *std::move(facts));
    }
    Page page;
    if (Status got = ReadUnits(keys, page); !got) return got;
    for (const auto& [sequence, entry] : entries) {
      for (const FactEvent& event : entry.events) {
        if (!event.is_exposure) MakeUpEvent(space, sequence, entry, event, page);
      }
      if (page.bytes < options_.txn_bytes && page.changed < options_.txn_ops) continue;
      space.MadeUpFor(sequence);
      if (Status done = CommitMadeUp(space, page); !done) return done;
    }
    space.MadeUpFor(read->more ? read->next : gap.to);
    return CommitMadeUp(space, page);
  }

  void MakeUpEvent(FactSpace& space, std::uint64_t sequence, const FactEntry& entry, const FactEvent& event, Page& page)
      GUIDON_REQUIRES(work_) {
    if (!event.time || event.context == nullptr) return;
    const std::string unit_text = UnitTextOf(event.context->Find(space.name().attribute));
    if (unit_text.empty()) return;
    space.Read(event, readings_);
    for (const FactSpace::Reading& reading : readings_) {
      const StoredSource& source = space.sources()[reading.source];
      if (reading.rejection || sequence <= source.done || sequence > source.from) continue;
      Touched& unit = page.units.at(space.unit_prefix() + unit_text);
      if (unit.damaged || IsLate(space, unit, reading.source, *event.time, entry.ReceiptOf(*event.time))) continue;
      Touch(unit, page);  // what uses the source is being rebuilt, so that nothing has to be settled
      unit.record.AddEvent(reading.source, {*event.time, reading.value, 1});
    }
  }

  Status CommitMadeUp(const FactSpace& space, Page& page) {
    std::vector<TxnOp> ops = UnitOps(page);
    ops.push_back(TxnOp::Put(SourceKey(space.name()), Encode(space.sources())));
    return Write(std::move(ops));
  }

  // ---- Anew from level 1 -------------------------------------------------------------------------------------------

  // `beside`: what goes into the same transaction, the last if it takes several.
  Status Replace(Live& live, Totals totals, stats::Caps caps, std::vector<TxnOp> beside) GUIDON_REQUIRES(work_) {
    const std::string prefix = TotalKeyPrefix(live.name);
    RangeQuery old = RangeQuery::Prefix(prefix);
    old.keys_only = true;
    const Result<RangeResult> there = store_.Range(old);
    if (!there) return Fail(there.error());
    live.caps = std::move(caps);
    std::map<std::string, std::string> parts = totals.AllParts();
    totals.TakeDirtyParts();  // all of them are written now
    std::vector<TxnOp> ops;
    for (const KeyValue& entry : there->entries) {
      if (!parts.contains(entry.key.substr(prefix.size()))) ops.push_back(TxnOp::Delete(entry.key));
    }
    for (auto& [part, content] : parts) ops.push_back(TxnOp::Put(prefix + part, std::move(content)));
    if (!Fits(ops, beside)) {
      // Not all of it fits into one transaction: until the last one it is being rebuilt, and would be again.
      if (Status marked = Write({TxnOp::Put(FoldedKey(live.name), Encode(live.Stored(true)))}); !marked) return marked;
      if (Status written = WriteInSteps(std::exchange(ops, {})); !written) return written;
    }
    ops.push_back(TxnOp::Put(FoldedKey(live.name), Encode(live.Stored(false))));
    std::move(beside.begin(), beside.end(), std::back_inserter(ops));
    if (Status written = Write(std::move(ops)); !written) return written;
    live.totals = std::move(totals);
    live.rebuilding = live.totals_changed = false;
    live.changed = true;
    has_room_ = unfinished_.erase(live.name) > 0 || has_room_;
    return {};
  }

  // ---- Walks over units --------------------------------------------------------------------------------------------
  //
  // One at a time, over one space, for all of its iterations: what has to be made anew, and once a day everything. It
  // goes on by some units in each turn; pages of the journal come between. A page that changes a unit that was passed
  // changes the walk's totals with it; one that was not is found later as it is then. So in the end the walk's totals
  // are those of all units as they are. They are stored as they grow, in the transactions that make them grow, and so
  // is how far it is: after a restart it goes on from there.

  // A clock that was set back must not keep it away for long.
  bool IsPassDue(Time now) const { return !daily_ || now < *daily_ || now - *daily_ >= options_.daily; }

  bool IsPassed(const FactSpace& space, std::string_view unit) const GUIDON_REQUIRES(work_) {
    return sweep_.active && space.name() == sweep_.space && unit <= after_;
  }

  // Whether there was anything to do. `idle`: nothing else is, so that a daily pass may begin.
  Result<bool> SweepOn(bool idle) GUIDON_REQUIRES(work_) {
    if (plans_ == nullptr) return true;
    if (!sweep_.active) {
      for (const auto& [name, live] : lives_) {
        if (live->rebuilding && HasAllSources(*live)) return BeginSweep(*live->space, std::nullopt);
      }
      return idle && IsPassDue(options_.clock()) ? BeginDaily() : false;
    }
    if (Status done = Sweep(); !done) return Fail(Forget(done.error()));
    return true;
  }

  Result<bool> BeginDaily() GUIDON_REQUIRES(work_) {
    drift_ = 0;
    const Time now = options_.clock();
    if (!spaces_.empty()) return BeginSweep(*spaces_.begin()->second, now);
    if (Status done = EndDaily(now); !done) return Fail(Forget(done.error()));
    return false;
  }

  Result<bool> BeginSweep(const FactSpace& space, std::optional<Time> daily) GUIDON_REQUIRES(work_) {
    std::vector<StoredSweep::Job> jobs;
    for (const auto& [name, live] : lives_) {
      if (live->space != &space || !(live->rebuilding ? HasAllSources(*live) : daily.has_value())) continue;
      const bool gathers = HasSharedCap(live->plan);
      // Caps come before totals that are cut at them; totals that there are are held against the caps they have.
      const bool sums = !(live->rebuilding && gathers);
      StoredSweep::Job& job = jobs.emplace_back();
      job = {name.experiment, name.iteration, {}, sums, gathers, !live->rebuilding, daily && !IsOfHoldout(name)};
      if (!live->rebuilding) job.caps = live->caps;
    }
    if (Status begun = BeginSweep(space, daily, daily.has_value(), std::move(jobs)); !begun) {
      return Fail(Forget(begun.error()));
    }
    return true;
  }

  Status BeginSweep(const FactSpace& space, std::optional<Time> daily, bool forgets, std::vector<StoredSweep::Job> jobs)
      GUIDON_REQUIRES(work_) {
    sweep_ = {sweep_.number + 1, true, daily, space.name(), forgets, {}, std::move(jobs)};
    if (forgets) sweep_.retired = space.Retired();
    after_.clear();
    if (forgets) {
      if (Status marked = MarkForgotten(space.name(), lives_); !marked) return marked;
    }
    std::vector<TxnOp> ops;
    ops.push_back(TxnOp::Put(std::string(kSweptKey), EncodeSwept(after_)));
    ops.push_back(TxnOp::Put(std::string(kSweepKey), Encode(sweep_)));  // last, should it take several
    if (Status written = WriteInSteps(std::move(ops)); !written) return written;
    for (const auto& [name, live] : lives_) live->job.reset();
    for (const StoredSweep::Job& job : sweep_.jobs) {
      Live& live = *lives_.at(NameOf(job));
      live.job.emplace(live.plan, job);
    }
    return RemoveOldParts();
  }

  // Iterations of which the walk forgets exposures, being of no plan: should one be planned again, its totals are not
  // those of its units any more. Before the walk begins; should it not, they are made anew all the same.
  Status MarkForgotten(const UnitSpace& space, const std::map<IterationName, std::unique_ptr<Live>>& lives) {
    return ForEachPage(RangeQuery::Prefix(ScopeKeyPrefix(kFoldedPrefix, space)), [&](const RangeResult& stored) {
      std::vector<TxnOp> ops;
      for (const KeyValue& entry : stored.entries) {
        Result<StoredIteration> iteration = DecodeIteration(entry.value);
        if (!iteration) continue;  // nor can it be planned again
        const stats::ExperimentPlan& plan = iteration->plan;
        if (lives.contains({space.project, space.environment, plan.experiment, plan.iteration})) continue;
        if (iteration->forgotten || iteration->unit != space.attribute) continue;
        iteration->forgotten = true;
        ops.push_back(TxnOp::Put(entry.key, Encode(*iteration)));
      }
      return WriteInSteps(std::move(ops));
    });
  }

  // Of walks that have ended.
  Status RemoveOldParts() GUIDON_REQUIRES(work_) {
    const std::string current = SweptKeyPrefix(sweep_.number);
    if (Status done = RemoveKeys(std::string(kSweptPrefix), current); !done) return done;
    return RemoveKeys(EndOf(current), EndOf(std::string(kSweptPrefix)));
  }

  // By the bounds of everything that is in one transaction.
  Status RemoveKeys(std::string begin, const std::string& end) {
    RangeQuery range;
    range.begin = std::move(begin);
    range.end = end;
    range.limit = std::min(kKeysAtOnce, options_.store_ops);
    range.bytes = options_.store_bytes;
    return guidon::RemoveKeys(store_, std::move(range),
                              [this](std::vector<TxnOp> ops) { return Write(std::move(ops)); });
  }

  // It begins anew some time: what it has come to is not stored any more. The caller stores that.
  void DropSweep() GUIDON_REQUIRES(work_) {
    sweep_.active = false;
    for (const auto& [name, live] : lives_) live->job.reset();
  }

  // Some units.
  Status Sweep() GUIDON_REQUIRES(work_) {
    const FactSpace& space = *spaces_.at(sweep_.space);
    RangeQuery query;
    query.begin = space.unit_prefix() + after_ + (after_.empty() ? std::string() : std::string(1, '\0'));
    query.end = EndOf(space.unit_prefix());
    query.limit = options_.sweep_units;
    query.bytes = options_.txn_bytes;  // what is left of a record is no larger than it was
    const Result<RangeResult> range = store_.Range(query);
    if (!range) return Fail(range.error());
    const Keep keep = KeepOf(space);
    std::vector<TxnOp> ops;
    for (const KeyValue& entry : range->entries) {
      after_ = entry.key.substr(space.unit_prefix().size());
      if (IsGone(space)) {
        ops.push_back(TxnOp::Delete(entry.key));
        continue;
      }
      PassUnit(space, entry, keep, ops);
    }
    ops.push_back(TxnOp::Put(std::string(kSweptKey), EncodeSwept(after_)));
    if (Status written = WriteSwept(std::move(ops)); !written) return written;
    return range->more ? Status() : EndSweep();
  }

  // What of a space is not forgotten.
  struct Keep {
    std::vector<stats::Iteration> iterations;
    std::vector<stats::SourceId> sources;
    stats::Milliseconds lookback{0}, allowance{0};
    Time now{};
  };
  Keep KeepOf(const FactSpace& space) GUIDON_REQUIRES(work_) {
    Keep keep;
    keep.now = options_.clock();
    for (const auto& [name, live] : lives_) {
      if (live->space != &space) continue;
      keep.iterations.push_back(live->iteration());
      keep.lookback = std::max(keep.lookback, live->plan.lookback);
      keep.allowance = std::max(keep.allowance, live->plan.allowance);
    }
    for (std::size_t id = 0; id < space.sources().size(); ++id) {
      if (!space.sources()[id].retired) keep.sources.push_back(static_cast<stats::SourceId>(id));
    }
    return keep;
  }

  void PassUnit(const FactSpace& space, const KeyValue& stored, const Keep& keep, std::vector<TxnOp>& ops)
      GUIDON_REQUIRES(work_) {
    Result<UnitRecord> record = UnitRecord::Decode(stored.value);
    if (!record) {
      CountRejected(FactRejection::kUnreadable);
      SayDamaged(space, record.error());
      return;
    }
    ReadFromStarts(space, *record);
    const std::uint8_t group = stats::HashGroupOf(after_);
    const std::vector<stats::OverlapSums::Taker> takers = TakersOf(space, *record);
    for (const auto& [iteration, exposures] : record->iterations()) {
      Live* live = FindIteration(space, iteration);
      if (live != nullptr && live->job) live->job->Pass(*record, group, takers, live->slots());
    }
    if (!sweep_.forgets) return;
    // What no window and no lookback can reach any more, and what is of closed iterations and retired sources.
    Time reach = keep.now - keep.allowance;  // an exposure may still come from so long ago
    for (const stats::Iteration& iteration : keep.iterations) {
      const std::vector<stats::FirstExposure>* exposures = record->Exposures(iteration);
      if (exposures == nullptr || exposures->empty()) continue;
      reach = std::min(reach, exposures->front().time - keep.allowance);
    }
    const bool is_left = record->Forget(reach - keep.lookback, keep.iterations, keep.sources);
    std::string after = is_left ? record->Encode() : std::string();
    if (after == stored.value) return;
    ops.push_back(is_left ? TxnOp::Put(stored.key, std::move(after)) : TxnOp::Delete(stored.key));
  }

  // What a unit takes part in, by one arm: an iteration that it saw several arms of is set aside. Who is held out of
  // experiments overlaps with none of them.
  std::vector<stats::OverlapSums::Taker> TakersOf(const FactSpace& space, const UnitRecord& record)
      GUIDON_REQUIRES(work_) {
    std::vector<stats::OverlapSums::Taker> takers;
    if (record.iterations().size() < 2) return takers;
    for (const auto& [iteration, exposures] : record.iterations()) {
      const Live* live = FindIteration(space, iteration);
      if (live == nullptr || IsOfHoldout(live->name)) continue;
      const auto counts = [&plan = live->plan](const stats::FirstExposure& exposure) {
        return exposure.time >= plan.started && (!plan.ended || exposure.time < *plan.ended);
      };
      if (std::count_if(exposures.begin(), exposures.end(), counts) != 1) continue;
      takers.push_back({&live->plan, std::find_if(exposures.begin(), exposures.end(), counts)->variant});
    }
    return takers;
  }

  static bool IsOfHoldout(const IterationName& name) { return name.experiment.starts_with(kHoldoutExperiment); }

  // What walks have come to since it was stored last.
  std::vector<TxnOp> SweptParts() GUIDON_REQUIRES(work_) {
    std::vector<TxnOp> ops;
    if (!sweep_.active) return ops;
    for (const auto& [name, live] : lives_) {
      if (live->job) AppendParts(SweptKeyPrefix(sweep_.number, name), live->job->TakeDirtyParts(), ops);
    }
    return ops;
  }

  // `ops` with what the walk has come to by them.
  Status WriteSwept(std::vector<TxnOp> ops) GUIDON_REQUIRES(work_) {
    std::vector<TxnOp> parts = SweptParts();
    if (!parts.empty() && !Fits(ops, parts)) {
      // Not all of it fits into one transaction: until the last one there is no walk to go on with.
      StoredSweep none = sweep_;
      none.active = false;
      if (Status written = Write({TxnOp::Put(std::string(kSweepKey), Encode(none))}); !written) return written;
      if (Status written = WriteInSteps(std::move(parts)); !written) return written;
      parts = {TxnOp::Put(std::string(kSweepKey), Encode(sweep_))};
    }
    std::move(parts.begin(), parts.end(), std::back_inserter(ops));
    return Write(std::move(ops));
  }

  Status WriteInSteps(std::vector<TxnOp> ops) {
    std::vector<TxnOp> step;
    std::size_t bytes = 0;
    for (TxnOp& op : ops) {
      bytes += op.key.size() + op.value.size();
      if (!step.empty() && (bytes > options_.store_bytes || step.size() >= options_.store_ops)) {
        if (Status written = Write(std::exchange(step, {})); !written) return written;
        bytes = op.key.size() + op.value.size();
      }
      step.push_back(std::move(op));
    }
    return Write(std::move(step));
  }

  // All units were passed. Each step may be made twice: a kill between two has the last units passed again.
  Status EndSweep() GUIDON_REQUIRES(work_) {
    std::vector<StoredSweep::Job> next;  // with caps that only all units could tell
    for (const StoredSweep::Job& job : sweep_.jobs) {
      Live& live = *lives_.at(NameOf(job));
      SweepJob done = *std::exchange(live.job, std::nullopt);
      if (done.has_totals()) {
        if (Status used = UseTotals(live, done); !used) return used;
      }
      if (!done.gathers()) continue;
      stats::Caps caps = std::move(done).TakeCaps();
      if (live.rebuilding || !(caps == live.caps)) {
        next.push_back({job.experiment, job.iteration, std::move(caps), true, false, !live.rebuilding, job.overlaps});
      }
    }
    Index();
    const auto space = spaces_.find(sweep_.space);
    if (sweep_.forgets) {
      if (Status forgotten = Forgotten(*space->second); !forgotten) return forgotten;
      if (Status removed = RemoveGone(space->first); !removed) return removed;
    }
    if (!next.empty()) return BeginSweep(*space->second, sweep_.daily, false, std::move(next));
    const std::optional<Time> daily = sweep_.daily;
    const auto following = std::next(space);
    if (sweep_.forgets && IsGone(*space->second)) {
      if (Status removed = RemoveSpace(space); !removed) return removed;
    }
    if (daily && following != spaces_.end()) {
      const Result<bool> begun = BeginSweep(*following->second, daily);
      return begun ? Status() : Fail(begun.error());
    }
    DropSweep();
    if (daily) return EndDaily(*daily);
    return Write({TxnOp::Put(std::string(kSweepKey), Encode(sweep_))});
  }

  Status EndDaily(Time began) GUIDON_REQUIRES(work_) {
    if (options_.counters != nullptr) options_.counters->drift = drift_;
    if (Status written = Write({TxnOp::Put(std::string(kDailyKey), EncodeTime(began)),
                                TxnOp::Put(std::string(kSweepKey), Encode(sweep_))});
        !written) {
      return written;
    }
    daily_ = began;
    return {};
  }

  // Totals of all units, made anew, in the place of those that are kept; or held against them.
  Status UseTotals(Live& live, SweepJob& job) GUIDON_REQUIRES(work_) {
    stats::Caps caps = job.caps();
    if (live.rebuilding && options_.counters != nullptr) options_.counters->CountRebuilt();
    Result<std::vector<TxnOp>> overlaps = OverlapOps(live.name, job);
    if (!overlaps) return Fail(overlaps.error());
    if (!live.rebuilding && caps == live.caps) {
      const double drift = job.DriftOf(live.totals);
      if (drift == 0) {
        live.changed = live.changed || !overlaps->empty();
        return Write(*std::move(overlaps));
      }
      drift_ = std::max(drift_, drift);
      if (!(drift <= kMostDrift)) ReportDrift(live, drift);
    }
    return Replace(live, std::move(job).TakeTotals(live.slots()), std::move(caps), *std::move(overlaps));
  }

  // What units in others, too, have come to, in the place of what the last daily pass found. None where it is there
  // already: a step that is made again writes nothing.
  Result<std::vector<TxnOp>> OverlapOps(const IterationName& name, const SweepJob& job) GUIDON_REQUIRES(work_) {
    std::vector<TxnOp> ops;
    if (!job.has_overlaps() || !sweep_.daily) return ops;
    const std::string key = OverlapKey(name);
    const Result<std::optional<KeyValue>> stored = store_.Get(key);
    if (!stored) return Fail(stored.error());
    const stats::Overlaps overlaps = job.OverlapsOf(*sweep_.daily);
    if (overlaps.others.empty() && overlaps.left_out.empty()) {
      if (*stored) ops.push_back(TxnOp::Delete(key));
      return ops;
    }
    std::string text = ToJson(stats::EncodeOverlaps(overlaps));
    if (!*stored || (*stored)->value != text) ops.push_back(TxnOp::Put(key, std::move(text)));
    return ops;
  }

  void ReportDrift(const Live& live, double drift) const {
    if (options_.counters != nullptr) options_.counters->CountDriftAlarm();
    if (!options_.report) return;
    options_.report("the totals of experiment '" + live.name.experiment + "' in environment '" + live.name.environment +
                    "' of project '" + live.name.project + "' were off by " + std::to_string(drift) +
                    " of their size, and were made anew");
  }

  // No unit has facts any more of sources that were retired when the walk began.
  Status Forgotten(FactSpace& space) GUIDON_REQUIRES(work_) {
    if (sweep_.retired.empty()) return {};
    space.Free(sweep_.retired);
    return Write({TxnOp::Put(SourceKey(space.name()), Encode(space.sources()))});
  }

  // ---- What is gone ------------------------------------------------------------------------------------------------

  // Experiments of an environment: their exposures were forgotten by the walk, being of no plan.
  Status RemoveGone(const UnitSpace& space) GUIDON_REQUIRES(work_) {
    if (plans_ == nullptr || !plans_->experiments) return {};
    const std::string prefix = ScopeKeyPrefix(kFoldedPrefix, space);
    RangeQuery query = RangeQuery::Prefix(prefix);
    query.keys_only = true;
    return ForEachPage(std::move(query), [&](const RangeResult& stored) {
      for (const KeyValue& entry : stored.entries) {
        const std::optional<IterationName> name = NameOfFoldedKey(entry.key);
        if (!name || !plans_->LackExperimentOf(name->project, name->experiment, name->iteration)) continue;
        if (Status removed = RemoveIteration(entry.key.substr(kFoldedPrefix.size())); !removed) return removed;
      }
      return Status();
    });
  }

  // The record last: what a kill leaves is found again by it.
  Status RemoveIteration(const std::string& name) {
    const std::string totals = std::string(kTotalPrefix) + name + "/";
    if (Status removed = RemoveKeys(totals, EndOf(totals)); !removed) return removed;
    return Write({TxnOp::Delete(std::string(kRejectedPrefix) + name), TxnOp::Delete(std::string(kOverlapPrefix) + name),
                  TxnOp::Delete(std::string(kFoldedPrefix) + name)});
  }

  bool IsGone(const FactSpace& space) const {
    return plans_ != nullptr && plans_->environments &&
           !plans_->environments->contains({space.name().project, space.name().environment});
  }

  // After its units: the totals of its environment, and its sources last.
  Status RemoveSpace(std::map<UnitSpace, std::unique_ptr<FactSpace>>::iterator space) GUIDON_REQUIRES(work_) {
    for (const std::string_view prefix : {kFoldedPrefix, kTotalPrefix, kRejectedPrefix, kOverlapPrefix}) {
      const std::string begin = ScopeKeyPrefix(prefix, space->first);
      if (Status removed = RemoveKeys(begin, EndOf(begin)); !removed) return removed;
    }
    if (Status written = Write({TxnOp::Delete(SourceKey(space->first))}); !written) return written;
    spaces_.erase(space);
    Index();
    return {};
  }

  // ---- Publishing --------------------------------------------------------------------------------------------------

  // Readers are to see what there is by now. Nothing is copied: who asks reads it from the store, once.
  void Publish() GUIDON_REQUIRES(work_) {
    published_at_ = std::chrono::steady_clock::now();
    MutexLock lock(publishing_);
    for (const auto& [name, live] : lives_) {
      Shown& shown = shown_[name];
      if (std::exchange(live->changed, false)) ++shown.version;
    }
    std::erase_if(shown_, [this](const auto& one) GUIDON_REQUIRES(work_) { return !lives_.contains(one.first); });
    published_watermark_ = watermark_;
    published_sequence_ = cursor_.sequence;
  }

  // ---- Units of people ---------------------------------------------------------------------------------------------

  static bool IsOf(const UnitSpace& name, const std::string& project, const std::string& attribute) {
    return name.attribute == attribute && (project.empty() || name.project == project);
  }

  Value Describe(const FactSpace& space, const UnitRecord& record) const {
    Array exposures, events;
    for (const auto& [iteration, list] : record.iterations()) {
      const IterationName name{space.name().project, space.name().environment, iteration.first, iteration.second};
      const Result<StoredIteration> stored = ReadIteration(name);
      for (const stats::FirstExposure& exposure : list) {
        Object one{{"experiment", Value(iteration.first)},
                   {"iteration", Value(iteration.second)},
                   {"time", Value(exposure.time.time_since_epoch().count())}};
        if (stored && exposure.variant < stored->plan.variants.size()) {
          one.Append("variant", Value(stored->plan.variants[exposure.variant]));
        }
        exposures.emplace_back(std::move(one));
      }
    }
    for (std::size_t id = 0; id < space.sources().size(); ++id) {
      const std::vector<stats::Observation>* list = record.Events(static_cast<stats::SourceId>(id));
      if (list == nullptr) continue;
      for (const stats::Observation& observation : *list) {
        events.emplace_back(Object{{"event", Value(space.sources()[id].source.event)},
                                   {"time", Value(observation.time.time_since_epoch().count())},
                                   {"value", Value(observation.value)},
                                   {"count", Value(observation.count)}});
      }
    }
    return Object{{"exposures", Value(std::move(exposures))}, {"events", Value(std::move(events))}};
  }

  Status EraseRecord(const FactSpace& space, const std::string& key, const std::string& unit, const UnitRecord& record)
      GUIDON_REQUIRES(work_) {
    std::vector<TxnOp> ops = {TxnOp::Delete(key)};
    const auto take_out = [&](const IterationName& name, Totals& totals, const stats::ExperimentPlan& plan,
                              const stats::Caps& caps) {
      UnitRecord read = record;
      ReadFromStart(plan, read);
      const Contribution gave = stats::ContributionOf(plan, read, stats::HashGroupOf(unit), caps);
      if (gave.kind != Contribution::Kind::kNone) totals.Remove(gave);
      AppendParts(TotalKeyPrefix(name), totals.TakeDirtyParts(), ops);
    };
    const bool passed = IsPassed(space, unit);
    for (const auto& [iteration, exposures] : record.iterations()) {
      const IterationName name{space.name().project, space.name().environment, iteration.first, iteration.second};
      if (const auto live = lives_.find(name); live != lives_.end()) {
        std::optional<SweepJob>& job = live->second->job;
        if (job && passed) {
          UnitRecord read = record;
          ReadFromStart(live->second->plan, read);
          job->Remove(job->Of(read, stats::HashGroupOf(unit)), live->second->slots());
        }
        live->second->changed = true;
        if (live->second->rebuilding) continue;  // it will be made without it
        take_out(name, live->second->totals, live->second->plan, live->second->caps);
        continue;
      }
      const Result<StoredIteration> stored = ReadIteration(name);
      if (!stored) continue;                           // nothing is known of it
      ops.push_back(TxnOp::Delete(OverlapKey(name)));  // no daily pass makes it without the unit any more
      Result<Totals> totals = ReadTotals(name, stored->plan);
      if (!totals && totals.error().code == ErrorCode::kCorrupt) continue;  // there is nothing to take it out of
      if (!totals) return Fail(totals.error());
      take_out(name, *totals, stored->plan, stored->caps);
    }
    std::vector<TxnOp> swept = SweptParts();
    std::move(swept.begin(), swept.end(), std::back_inserter(ops));
    Status written = Write(std::move(ops));
    return written ? written : Fail(Forget(written.error()));
  }

  Store& store_;
  const Journal& journal_;
  const FoldOptions options_;

  mutable Mutex queue_;  // held while its holder waits for the next one only
  mutable Mutex work_;   // a page, some units of a walk, an erasure
  bool loaded_ GUIDON_GUARDED_BY(work_) = false;
  bool said_unreadable_ GUIDON_GUARDED_BY(work_) = false;
  bool said_damaged_ GUIDON_GUARDED_BY(work_) = false;
  FoldCursor cursor_;
  std::optional<Time> daily_, watermark_;
  StoredSweep sweep_;  // the walk that is under way
  std::string after_;  // the unit that it passed last; empty: none yet
  double drift_ = 0;   // the greatest that this daily pass has found
  std::shared_ptr<const FoldPlans> plans_;
  std::set<IterationName> unfinished_;  // are made anew, though they are in no plan any more
  // Plans are taken anew, though they are the same: an unfinished one is to be closed, or one that was left out may
  // find room where sources were retired after it.
  bool has_room_ = false;
  std::map<UnitSpace, std::unique_ptr<FactSpace>> spaces_;
  std::map<IterationName, std::unique_ptr<Live>> lives_;
  // By scope and experiment, then by iteration.
  std::map<std::pair<std::string, std::string>, std::map<std::uint32_t, Live*>> by_experiment_;
  std::map<const FactSpace*, std::map<stats::Iteration, Live*>> by_iteration_;
  std::map<const FactSpace*, std::vector<std::vector<Live*>>> users_;   // of each source
  std::map<std::string, std::vector<FactSpace*>, std::less<>> scopes_;  // that live iterations go by
  std::vector<FactSpace::Reading> readings_;
  std::optional<std::chrono::sys_days> usage_to_trim_, usage_trimmed_;  // the day as of which old counts go, or went
  std::chrono::steady_clock::time_point published_at_;

  // A transaction, or what somebody reads of several keys: of a plain key that is put again a reader may miss both
  // values for a moment.
  mutable Mutex writing_;
  mutable Mutex writing_queue_;  // held while its holder waits for that: who reads in many steps lets the fold through

  mutable Mutex publishing_;  // a few lines
  mutable std::map<IterationName, Shown> shown_ GUIDON_GUARDED_BY(publishing_);
  std::optional<Time> published_watermark_ GUIDON_GUARDED_BY(publishing_);
  std::uint64_t published_sequence_ GUIDON_GUARDED_BY(publishing_) = 0;
};

Result<std::unique_ptr<Fold>> Fold::Open(Store& store, const Journal& journal, FoldOptions options) {
  auto impl = std::make_unique<Impl>(store, journal, std::move(options));
  if (Status opened = impl->Open(); !opened) return Fail(opened.error());
  return std::unique_ptr<Fold>(new Fold(std::move(impl)));
}

Fold::Fold(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Fold::~Fold() = default;

Status Fold::CatchUp(const std::function<bool()>& stop) {
  return impl_->CatchUp(stop);
}
Status Fold::PassNow(const std::function<bool()>& stop) {
  return impl_->PassNow(stop);
}
Result<std::shared_ptr<const stats::ExperimentFacts>> Fold::Facts(const IterationName& name) const {
  return impl_->Facts(name);
}
Result<ExposedUnits> Fold::ListExposed(const IterationName& name, std::string_view after, std::size_t limit) const {
  return impl_->ListExposed(name, after, limit);
}
Result<EnvironmentUsage> Fold::Usage(const UsageQuery& query) const {
  return impl_->Usage(query);
}
Result<std::vector<UnitFacts>> Fold::FindUnit(const std::string& project, const std::string& attribute,
                                              const std::string& unit) const {
  return impl_->FindUnit(project, attribute, unit);
}
Result<std::size_t> Fold::EraseUnit(const std::string& project, const std::string& attribute, const std::string& unit) {
  return impl_->EraseUnit(project, attribute, unit);
}

std::uint64_t Fold::ExposedUnitsOf(const IterationName& name) const {
  const auto facts = Facts(name);
  if (!facts) return 0;
  std::uint64_t units = 0;
  for (std::uint32_t variant = 0; variant < (*facts)->plan.variants.size(); ++variant) {
    const stats::UnitCounts counts = (*facts)->totals->Units(variant);
    units += counts.units + counts.multiple;
  }
  return units;
}

}  // namespace guidon
