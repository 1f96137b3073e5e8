#include "sdk/events/recorder.h"

#include <algorithm>
#include <bit>
#include <new>
#include <utility>

#include "core/base/hash.h"
#include "core/base/json.h"
#include "core/model/names.h"
#include "core/ruleset/compiled.h"

namespace guidon::internal {
namespace {

std::string_view NameOf(const AttributeRef& attribute) noexcept {
  return attribute.is_key ? std::string_view("key") : attribute.name;
}

std::string NamesOf(std::string_view key, const CompiledFlag* flag) {
  std::string names(key);
  names += '\0';
  if (flag == nullptr) return names;
  for (const CompiledVariation& variation : flag->variations) (names += variation.name) += '\0';
  return names;
}

std::tuple<std::string, std::string, Reason, EvaluationError> KeyOf(const OutcomeName& name) {
  return {std::string(name.flag), std::string(name.variation), name.reason, name.error};
}

std::uint64_t FingerprintOf(std::uint64_t seed, const Consulted& consulted) noexcept {
  const std::uint64_t details = (std::uint64_t{consulted.experiment->iteration} << 32) |
                                (static_cast<std::uint64_t>(static_cast<std::uint16_t>(consulted.variant)) << 8) |
                                (static_cast<std::uint64_t>(consulted.role) << 1) | (consulted.forced ? 1 : 0);
  const std::uint64_t position = Mix64(Mix64(seed ^ Hash64(consulted.experiment->key)) + details);
  return std::max<std::uint64_t>(1, Mix64(position + Hash64(consulted.unit)));  // 0 is a place that remembers nothing
}

RecordedExposure ExposureOf(const RecordedRuleset& recorded, std::int64_t now_ms, const Consulted& consulted) noexcept {
  const CompiledExperiment& experiment = *consulted.experiment;
  RecordedExposure exposure;
  exposure.time_ms = now_ms;
  exposure.revision = recorded.revision;
  exposure.epoch = recorded.epoch;
  exposure.environment = recorded.environment;
  exposure.flag = experiment.flag;
  exposure.experiment = experiment.key;
  exposure.iteration = experiment.iteration;
  if (consulted.variant != kNone) exposure.variant = experiment.variants[static_cast<std::size_t>(consulted.variant)];
  if (consulted.role != Consulted::Role::kAssigned) exposure.holdout = experiment.holdout;
  exposure.role = consulted.role;
  exposure.forced = consulted.forced;
  exposure.unit_attribute = NameOf(*consulted.unit_attribute);
  exposure.unit = consulted.unit;
  exposure.bucket = consulted.bucket;
  return exposure;
}

}  // namespace

Recorder::Recorder(RecorderOptions options)
    : options_(std::move(options)),
      private_(options_.private_attributes, options_.all_attributes_private),
      exposes_(options_.exposures),
      spare_(options_.spare_bytes),
      unknown_(std::bit_ceil(2 * options_.unknown_flags + 1)),
      unknown_is_full_(options_.unknown_flags == 0),
      other_(CountedFlagOf(kOtherFlags, nullptr)) {}

Recorder::~Recorder() = default;

// ---- For the thread that publishes -------------------------------------------------------------------------------

RecordedRuleset Recorder::Enlist(const Ruleset& ruleset, std::string_view epoch, std::string_view environment,
                                 const RecordedRuleset* before) {
  RecordedRuleset recorded;
  recorded.size = ruleset.slot_count();
  recorded.places = std::make_unique<CountPlace[]>(recorded.size);
  recorded.counted = std::make_unique<const CountedFlag*[]>(recorded.size);
  recorded.compiled = std::make_unique<const CompiledFlag*[]>(recorded.size);
  for (std::uint32_t slot = 0; slot < recorded.size; ++slot) {
    const Ruleset::Entry* entry = ruleset.At(slot);
    if (entry == nullptr) continue;
    const CompiledFlag* flag = entry->flag;
    const bool is_same = before != nullptr && slot < before->size && flag != nullptr && before->compiled[slot] == flag;
    const CountedFlag* counted = is_same ? before->counted[slot] : CountedFlagOf(ruleset.KeyAt(slot), flag);
    recorded.compiled[slot] = flag;
    recorded.counted[slot] = counted;
    if (counted != nullptr) recorded.places[slot] = counted->place();
  }
  recorded.epoch = epoch;
  recorded.environment = environment;
  recorded.revision = ruleset.revision();
  recorded.seed = Mix64(Mix64(Hash64(epoch)) + Hash64(environment));
  if (options_.exposures && !private_.empty()) WarnOfPrivateUnits(ruleset);
  return recorded;
}

// nullptr: there is no place any more. `flag` may be null: it could not be read, and serves nothing.
const CountedFlag* Recorder::CountedFlagOf(std::string_view key, const CompiledFlag* flag) {
  std::string names = NamesOf(key, flag);
  MutexLock lock(ShardMutex());
  if (const auto held = counted_.find(names); held != counted_.end()) return held->second;
  const CountedFlag* counted = Place(std::move(names));
  if (counted != nullptr) counted_.emplace(counted->names(), counted);
  return counted;
}

const CountedFlag* Recorder::Place(std::string names) {
  flags_.reserve(flags_.size() + 1);
  std::unique_ptr<const CountedFlag> placed = places_.Take(std::move(names));
  if (placed == nullptr) return nullptr;
  flags_.push_back(std::move(placed));
  return flags_.back().get();
}

void Recorder::WarnOfPrivateUnits(const Ruleset& ruleset) {
  const auto warn = [&](const CompiledExperiment& experiment, const char* whose, const Scheme& scheme) {
    if (!private_.Covers(NameOf(scheme.unit))) return;
    std::string warning = "experiment '" + experiment.key + "' records no exposures of its " + whose +
                          ": their unit, '" + std::string(NameOf(scheme.unit)) + "', is a private attribute";
    if (warned_.insert(warning).second) warnings_.push_back(std::move(warning));
  };
  for (std::uint32_t slot = 0; slot < ruleset.slot_count(); ++slot) {
    const Ruleset::Entry* entry = ruleset.At(slot);
    if (entry == nullptr || entry->attached == nullptr) continue;
    for (const Ruleset::Attached& attached : *entry->attached) {
      warn(*attached.experiment, "variants", attached.experiment->split.scheme);
      if (attached.experiment->has_holdout) warn(*attached.experiment, "holdout", attached.experiment->holdout_scheme);
    }
  }
}

std::vector<std::string> Recorder::TakeWarnings() {
  return std::exchange(warnings_, {});
}

// ---- For threads that read: counts -------------------------------------------------------------------------------

// What has no short counter, or not yet.
void Recorder::CountAnyway(const RecordedRuleset& recorded, std::uint32_t slot, std::string_view key,
                           const Decision& decision) noexcept {
  const CountedFlag* counted = slot < recorded.size ? recorded.counted[slot] : nullptr;
  if (counted == nullptr && decision.flag == nullptr) counted = UnknownFlagOf(key);
  Shard& shard = shards_.Own();
  if (counted != nullptr && &shard != &ShardList::Nobodys()) {
    try {
      return shard.counts.Count(*counted, decision);
    } catch (const std::bad_alloc&) {  // perhaps there is memory for less
    }
  }
  AddExactly({key, decision.variation_name(), decision.reason, decision.error});
}

void Recorder::AddExactly(const OutcomeName& name) noexcept {
  try {
    auto key = KeyOf(name);
    MutexLock lock(ShardMutex());
    ++exact_[std::move(key)];
  } catch (const std::bad_alloc&) {
    const std::size_t place = name.error == EvaluationError::kNone
                                  ? static_cast<std::size_t>(name.reason)
                                  : kReasonCount + static_cast<std::size_t>(name.error);
    without_memory_[place].fetch_add(1, std::memory_order_relaxed);
  }
}

// Where it is, or belongs.
std::size_t Recorder::PlaceOfUnknown(std::string_view key, std::uint64_t hash) const noexcept {
  const std::size_t mask = unknown_.size() - 1;
  std::size_t place = hash & mask;
  while (const UnknownFlag* held = unknown_[place].load(std::memory_order_acquire)) {
    if (held->hash == hash && held->flag->key() == key) break;
    place = (place + 1) & mask;
  }
  return place;
}

const CountedFlag* Recorder::UnknownFlagOf(std::string_view key) noexcept {
  const std::uint64_t hash = Hash64(key);
  if (const UnknownFlag* held = unknown_[PlaceOfUnknown(key, hash)].load(std::memory_order_acquire)) return held->flag;
  // What is no name is not remembered: it may be what no JSON can hold.
  if (unknown_is_full_.load(std::memory_order_relaxed) || !IsAttributeName(key) || !IsValidUtf8(key)) return other_;
  try {
    auto unknown = std::make_unique<UnknownFlag>();
    MutexLock lock(ShardMutex());
    std::atomic<const UnknownFlag*>& place = unknown_[PlaceOfUnknown(key, hash)];
    if (const UnknownFlag* held = place.load(std::memory_order_relaxed)) return held->flag;
    if (unknown_flags_.size() == options_.unknown_flags) return other_;
    unknown_flags_.reserve(unknown_flags_.size() + 1);
    unknown->hash = hash;
    unknown->flag = Place(NamesOf(key, nullptr));
    if (unknown->flag == nullptr) return other_;
    unknown_flags_.push_back(std::move(unknown));
    place.store(unknown_flags_.back().get(), std::memory_order_release);
    unknown_is_full_.store(unknown_flags_.size() == options_.unknown_flags, std::memory_order_relaxed);
    return unknown_flags_.back()->flag;
  } catch (const std::bad_alloc&) {
    return other_;
  }
}

// ---- For threads that read: exposures ----------------------------------------------------------------------------

void Recorder::Expose(const RecordedRuleset& recorded, const Context& context, std::int64_t now_ms,
                      const Consulted& consulted) noexcept {
  if (consulted.unit.empty() || !exposes_.load(std::memory_order_relaxed)) return;
  Shard& shard = shards_.Own();
  ThreadExposures* const exposures = ExposuresOf(shard);
  if (exposures == nullptr) return CountDropped(shard);
  const std::uint64_t fingerprint = FingerprintOf(recorded.seed, consulted);
  if (exposures->remembered.Has(fingerprint)) return;
  const bool is_private = private_.Covers(NameOf(*consulted.unit_attribute));
  const bool is_too_long = consulted.unit.size() > kMaxUnitBytes;
  if (!is_private &&
      (is_too_long || !exposures->rings.Write(ExposureOf(recorded, now_ms, consulted), context, private_))) {
    CountDropped(shard);
    if (!is_too_long) return;  // the next read of the unit offers it again
  }
  exposures->remembered.Add(fingerprint);
}

// nullptr: there is no memory for it now.
ThreadExposures* Recorder::ExposuresOf(Shard& shard) noexcept {
  ThreadExposures* exposures = shard.exposures.load(std::memory_order_relaxed);
  if (exposures != nullptr || &shard == &ShardList::Nobodys()) return exposures;
  try {
    exposures = new ThreadExposures(options_.ring_bytes, spare_, options_.remembered);
    shard.exposures.store(exposures, std::memory_order_release);
  } catch (const std::bad_alloc&) {  // the next exposure tries again
  }
  return exposures;
}

void Recorder::CountDropped(Shard& shard) noexcept {
  if (&shard == &ShardList::Nobodys()) {
    dropped_elsewhere_.fetch_add(1, std::memory_order_relaxed);
  } else {
    shard.dropped.store(shard.dropped.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
  }
}

// ---- For the thread that sends -----------------------------------------------------------------------------------

// Counters only grow, and stay when their thread ends: what was counted since is the sum over all threads without what
// was reported. Nothing that throws comes after the first change.
std::vector<EvaluationCount> Recorder::TakeCounts() {
  struct Change {
    std::size_t flag;
    std::uint32_t outcome;
    std::uint64_t total;
  };
  MutexLock collecting(CollectMutex());
  SeeNewFlags();
  std::vector<Change> changes;
  ExactCounts counts;
  std::vector<std::uint64_t> totals;
  for (std::size_t i = 0; i < reported_.size(); ++i) {
    const CountedFlag& flag = *reported_[i].flag;
    if (!Sum(flag, totals)) continue;
    std::vector<std::uint64_t>& reported = reported_[i].counts;
    reported.resize(totals.size());
    for (std::uint32_t outcome = 0; outcome < totals.size(); ++outcome) {
      if (totals[outcome] == reported[outcome]) continue;
      changes.push_back({i, outcome, totals[outcome]});
      counts[KeyOf(flag.NameOf(outcome))] += totals[outcome] - reported[outcome];
    }
  }
  std::vector<EvaluationCount> taken;
  {
    MutexLock lock(ShardMutex());
    taken.reserve(counts.size() + exact_.size() + without_memory_.size());
    counts.merge(exact_);
    for (const auto& [key, count] : exact_) counts.find(key)->second += count;  // what both had
    exact_.clear();
  }
  for (const Change& change : changes) reported_[change.flag].counts[change.outcome] = change.total;
  while (!counts.empty()) {
    auto node = counts.extract(counts.begin());
    auto& [flag, variation, reason, error] = node.key();
    taken.push_back({std::move(flag), std::move(variation), reason, error, node.mapped()});
  }
  for (std::size_t i = 0; i < without_memory_.size(); ++i) {
    const std::uint64_t count = without_memory_[i].exchange(0, std::memory_order_relaxed);
    if (count == 0) continue;
    EvaluationCount& other = taken.emplace_back();
    other.flag = kOtherFlags;
    other.count = count;
    if (i < kReasonCount) other.reason = static_cast<Reason>(i);
    if (i >= kReasonCount) other.error = static_cast<EvaluationError>(i - kReasonCount);
  }
  return taken;
}

void Recorder::SeeNewFlags() {
  MutexLock lock(ShardMutex());
  while (reported_.size() < flags_.size()) reported_.push_back({flags_[reported_.size()].get(), {}});
}

// By outcome, over all threads. False when none of them has read it.
bool Recorder::Sum(const CountedFlag& flag, std::vector<std::uint64_t>& totals) const {
  totals.assign(flag.outcomes(), 0);
  bool is_read = false;
  for (const Shard* shard = shards_.first(); shard != nullptr; shard = shard->next) {
    is_read |= shard->counts.AddTo(totals, flag);
  }
  return is_read;
}

std::size_t Recorder::TakeExposures(std::size_t most, const std::function<void(const RecordedExposure&)>& take) {
  if (next_shard_ == nullptr) next_shard_ = shards_.first();
  Shard* const start = next_shard_;
  std::size_t given = 0;
  RecordedExposure exposure;
  if (start == nullptr) return 0;
  do {
    ThreadExposures* const exposures = next_shard_->exposures.load(std::memory_order_acquire);
    next_shard_ = next_shard_->next != nullptr ? next_shard_->next : shards_.first();
    while (exposures != nullptr && given < most && exposures->rings.Front(exposure)) {
      if (IsValidUtf8(exposure.unit)) {
        take(exposure);
        ++given;
      } else {
        dropped_elsewhere_.fetch_add(1, std::memory_order_relaxed);  // no JSON can hold it
      }
      exposures->rings.Pop();
    }
  } while (given < most && next_shard_ != start);
  return given;
}

std::uint64_t Recorder::dropped_exposures() const {
  std::uint64_t dropped = dropped_elsewhere_.load(std::memory_order_relaxed);
  for (const Shard* shard = shards_.first(); shard != nullptr; shard = shard->next) {
    dropped += shard->dropped.load(std::memory_order_relaxed);
  }
  return dropped;
}

// There is one thread, and whoever had the locks at the fork may not have given them back yet: none is taken.
void Recorder::ContinueInChild() GUIDON_THREAD_ANNOTATION(no_thread_safety_analysis) {
  shards_.ContinueInChild();
  while (reported_.size() < flags_.size()) reported_.push_back({flags_[reported_.size()].get(), {}});
  for (Reported& reported : reported_) {
    if (!Sum(*reported.flag, reported.counts)) reported.counts.clear();
  }
  exact_.clear();
  for (std::atomic<std::uint64_t>& count : without_memory_) count.store(0, std::memory_order_relaxed);
  dropped_elsewhere_.store(0, std::memory_order_relaxed);
  for (Shard* shard = shards_.first(); shard != nullptr; shard = shard->next) {
    shard->dropped.store(0, std::memory_order_relaxed);
    ThreadExposures* const exposures = shard->exposures.load(std::memory_order_relaxed);
    if (exposures == nullptr) continue;
    exposures->rings.Clear();
    exposures->remembered.Clear();
  }
  spare_.Reset();
}

}  // namespace guidon::internal
