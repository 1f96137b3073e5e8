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

// Flags with the variations that they have or had, at about 250 bytes each. Reads of later ones are counted exactly,
// behind a lock.
constexpr std::size_t kMaxCountedFlags = 1u << 18;

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

// murmur3's finaliser: every bit of the result depends on every bit of `bits`.
std::uint64_t Mix(std::uint64_t bits) noexcept {
  bits = (bits ^ (bits >> 33)) * 0xff51afd7ed558ccdull;
  bits = (bits ^ (bits >> 33)) * 0xc4ceb9fe1a85ec53ull;
  return bits ^ (bits >> 33);
}

std::uint64_t FingerprintOf(std::uint64_t seed, const Consulted& consulted) noexcept {
  const std::uint64_t details = (std::uint64_t{consulted.experiment->iteration} << 32) |
                                (static_cast<std::uint64_t>(static_cast<std::uint16_t>(consulted.variant)) << 8) |
                                (static_cast<std::uint64_t>(consulted.role) << 1) | (consulted.forced ? 1 : 0);
  const std::uint64_t position = Mix(Mix(seed ^ Hash64(consulted.experiment->key)) + details);
  return std::max<std::uint64_t>(1, Mix(position + Hash64(consulted.unit)));  // 0 is a place that remembers nothing
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
      private_(options_.private_attributes),
      unknown_(std::bit_ceil(2 * options_.unknown_flags + 1)),
      unknown_is_full_(options_.unknown_flags == 0),
      other_(NamesOf(kOtherFlags, nullptr)) {}

Recorder::~Recorder() = default;

// ---- For the thread that publishes -------------------------------------------------------------------------------

RecordedRuleset Recorder::Enlist(const Ruleset& ruleset, std::string_view epoch, std::string_view environment,
                                 const RecordedRuleset* before) {
  RecordedRuleset recorded;
  recorded.cells.resize(ruleset.slot_count());
  recorded.counted.resize(ruleset.slot_count());
  recorded.compiled.resize(ruleset.slot_count());
  for (std::uint32_t slot = 0; slot < ruleset.slot_count(); ++slot) {
    const Ruleset::Entry* entry = ruleset.At(slot);
    if (entry == nullptr) continue;
    const CompiledFlag* flag = entry->flag.get();
    const bool is_same =
        before != nullptr && slot < before->compiled.size() && flag != nullptr && before->compiled[slot] == flag;
    CountedFlag* counted = is_same ? before->counted[slot] : CountedFlagOf(ruleset.KeyAt(slot), flag);
    recorded.compiled[slot] = flag;
    recorded.counted[slot] = counted;
    if (counted != nullptr) recorded.cells[slot] = counted->cells();
  }
  recorded.epoch = epoch;
  recorded.environment = environment;
  recorded.revision = ruleset.revision();
  recorded.seed = Mix(Mix(Hash64(epoch)) + Hash64(environment));
  if (!private_.empty()) WarnOfPrivateUnits(ruleset);
  return recorded;
}

// nullptr: there are too many.
CountedFlag* Recorder::CountedFlagOf(std::string_view key, const CompiledFlag* flag) {
  std::string names = NamesOf(key, flag);
  MutexLock lock(ShardMutex());
  if (const auto held = counted_.find(names); held != counted_.end()) return held->second.get();
  if (counted_.size() >= kMaxCountedFlags) return nullptr;
  auto counted = std::make_unique<CountedFlag>(std::move(names));
  const std::string_view name = counted->names();
  return counted_.emplace(name, std::move(counted)).first->second.get();
}

void Recorder::WarnOfPrivateUnits(const Ruleset& ruleset) {
  for (std::uint32_t slot = 0; slot < ruleset.slot_count(); ++slot) {
    const Ruleset::Entry* entry = ruleset.At(slot);
    if (entry == nullptr || entry->attached == nullptr) continue;
    for (const Ruleset::Attached& attached : *entry->attached) {
      const CompiledExperiment& experiment = *attached.experiment;
      const std::string_view attribute = NameOf(experiment.split.scheme.unit);
      if (!private_.Covers(attribute) || warned_.find(experiment.key) != warned_.end()) continue;
      warned_.insert(experiment.key);
      warnings_.push_back("experiment '" + experiment.key + "' records no exposures: its unit '" +
                          std::string(attribute) + "' is a private attribute");
    }
  }
}

std::vector<std::string> Recorder::TakeWarnings() {
  return std::exchange(warnings_, {});
}

// ---- For threads that read: counts -------------------------------------------------------------------------------

// When there is no cell for it yet, or the thread has no counter for the cell.
void Recorder::AddFirst(CountedFlag& flag, std::uint32_t outcome) noexcept {
  try {
    Shard& shard = shards_.Own();
    const std::uint32_t cell = TakeCell(flag, outcome);
    if (cell != 0 && &shard != &ShardList::Nobodys()) {
      shard.counts.AddChunkOf(cell);
      shard.counts.Increase(cell);
      return;
    }
  } catch (const std::bad_alloc&) {  // perhaps there is memory for less
  }
  AddExactly(flag.NameOf(outcome));
}

// 0: there are no more.
std::uint32_t Recorder::TakeCell(CountedFlag& flag, std::uint32_t outcome) {
  CountedFlag::Cell& cell = flag.cells()[outcome];
  if (const std::uint32_t held = cell.load(std::memory_order_relaxed); held != 0) return held;
  MutexLock lock(ShardMutex());
  if (const std::uint32_t held = cell.load(std::memory_order_relaxed); held != 0) return held;
  const auto next = static_cast<std::uint32_t>(kFirstCell + outcomes_.size());
  if (next == kEndOfCells) return 0;
  outcomes_.push_back({&flag, outcome});
  cell.store(next, std::memory_order_relaxed);
  return next;
}

void Recorder::AddExactly(const OutcomeName& name) noexcept {
  try {
    auto key = std::make_tuple(std::string(name.flag), std::string(name.variation), name.reason, name.error);
    MutexLock lock(ShardMutex());
    ++exact_[std::move(key)];
  } catch (const std::bad_alloc&) {
    Decision decision;
    decision.reason = name.reason;
    decision.error = name.error;
    without_memory_[OutcomeOf(decision)].fetch_add(1, std::memory_order_relaxed);
  }
}

// A read of a flag that is not in the ruleset, or is in one with too many.
void Recorder::AddUnlisted(std::string_view key, const Decision& decision) noexcept {
  if (decision.flag != nullptr) {
    return AddExactly({key, decision.variation_name(), decision.reason, decision.error});
  }
  CountedFlag& flag = UnknownFlagOf(key);
  Add(flag.cells(), &flag, OutcomeOf(decision));
}

// Where it is, or belongs.
std::size_t Recorder::PlaceOf(std::string_view key, std::uint64_t hash) const noexcept {
  const std::size_t mask = unknown_.size() - 1;
  std::size_t place = hash & mask;
  while (const UnknownFlag* held = unknown_[place].load(std::memory_order_acquire)) {
    if (held->hash == hash && held->flag.NameOf(0).flag == key) break;
    place = (place + 1) & mask;
  }
  return place;
}

CountedFlag& Recorder::UnknownFlagOf(std::string_view key) noexcept {
  const std::uint64_t hash = Hash64(key);
  if (UnknownFlag* held = unknown_[PlaceOf(key, hash)].load(std::memory_order_acquire)) return held->flag;
  // What can be no key is not remembered; it may be what no JSON can hold.
  if (unknown_is_full_.load(std::memory_order_relaxed) || !IsAttributeName(key)) return other_;
  try {
    std::unique_ptr<UnknownFlag> unknown(new UnknownFlag{hash, CountedFlag(NamesOf(key, nullptr))});
    MutexLock lock(ShardMutex());
    std::atomic<UnknownFlag*>& place = unknown_[PlaceOf(key, hash)];
    if (UnknownFlag* held = place.load(std::memory_order_relaxed)) return held->flag;
    if (unknown_flags_.size() == options_.unknown_flags) return other_;
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
  if (consulted.unit.empty()) return;
  Shard& shard = shards_.Own();
  ThreadExposures* const exposures = ExposuresOf(shard);
  if (exposures == nullptr) return CountDropped(shard);
  const std::uint64_t fingerprint = FingerprintOf(recorded.seed, consulted);
  if (exposures->remembered.Has(fingerprint)) return;
  const bool is_private = private_.Covers(NameOf(*consulted.unit_attribute));
  const bool is_too_long = consulted.unit.size() > kMaxUnitBytes;
  if (!is_private &&
      (is_too_long || !exposures->ring.Write(ExposureOf(recorded, now_ms, consulted), context, private_))) {
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
    exposures = new ThreadExposures(options_.ring_bytes, options_.remembered);
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
  MutexLock collecting(CollectMutex());
  {
    MutexLock lock(ShardMutex());
    known_.insert(known_.end(), outcomes_.begin() + static_cast<std::ptrdiff_t>(known_.size()), outcomes_.end());
  }
  std::vector<std::uint64_t> totals = Totals(known_.size());
  reported_.resize(totals.size());
  ExactCounts counts;
  for (std::size_t i = 0; i < totals.size(); ++i) {
    if (totals[i] == reported_[i]) continue;
    const OutcomeName name = known_[i].flag->NameOf(known_[i].number);
    counts[{std::string(name.flag), std::string(name.variation), name.reason, name.error}] += totals[i] - reported_[i];
  }
  std::vector<EvaluationCount> taken;
  {
    MutexLock lock(ShardMutex());
    taken.reserve(counts.size() + exact_.size() + without_memory_.size());
    counts.merge(exact_);
    for (const auto& [name, count] : exact_) counts.find(name)->second += count;  // those that both had
    exact_.clear();
  }
  reported_.swap(totals);
  while (!counts.empty()) {
    auto node = counts.extract(counts.begin());
    auto& [flag, variation, reason, error] = node.key();
    taken.push_back({std::move(flag), std::move(variation), reason, error, node.mapped()});
  }
  for (std::uint32_t outcome = 0; outcome < without_memory_.size(); ++outcome) {
    const std::uint64_t count = without_memory_[outcome].exchange(0, std::memory_order_relaxed);
    if (count == 0) continue;
    const OutcomeName name = other_.NameOf(outcome);
    taken.push_back({std::string(name.flag), "", name.reason, name.error, count});
  }
  return taken;
}

std::vector<std::uint64_t> Recorder::Totals(std::size_t cells) const {
  std::vector<std::uint64_t> totals(cells);
  for (std::size_t begin = 0; begin < cells; begin += kCellsInChunk) {
    const std::size_t size = std::min<std::size_t>(kCellsInChunk, cells - begin);
    const auto index = static_cast<std::uint32_t>((kFirstCell + begin) / kCellsInChunk);
    for (const Shard* shard = shards_.first(); shard != nullptr; shard = shard->next) {
      const CountChunk* chunk = shard->counts.chunk(index);
      if (chunk == nullptr) continue;
      for (std::size_t i = 0; i < size; ++i) totals[begin + i] += chunk->counts[i].load(std::memory_order_relaxed);
    }
  }
  return totals;
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
    while (exposures != nullptr && given < most && exposures->ring.Front(exposure)) {
      if (IsValidUtf8(exposure.unit)) {
        take(exposure);
        ++given;
      } else {
        dropped_elsewhere_.fetch_add(1, std::memory_order_relaxed);  // no JSON can hold it
      }
      exposures->ring.Pop();
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
  known_ = outcomes_;
  reported_ = Totals(known_.size());
  exact_.clear();
  for (std::atomic<std::uint64_t>& count : without_memory_) count.store(0, std::memory_order_relaxed);
  dropped_elsewhere_.store(0, std::memory_order_relaxed);
  for (Shard* shard = shards_.first(); shard != nullptr; shard = shard->next) {
    shard->dropped.store(0, std::memory_order_relaxed);
    ThreadExposures* const exposures = shard->exposures.load(std::memory_order_relaxed);
    if (exposures == nullptr) continue;
    exposures->ring.Clear();
    exposures->remembered.Clear();
  }
}

}  // namespace guidon::internal
