#include "core/ruleset/ruleset.h"

#include <algorithm>
#include <set>
#include <utility>

#include "core/base/hash.h"
#include "core/ruleset/compiled.h"
#include "core/ruleset/compiler.h"

namespace guidon {
namespace {

// Prerequisites, flag conditions and segments within each other, at most; evaluation recurses that deep.
constexpr int kMaxDepth = 64;

}  // namespace

std::uint32_t KeySlots::SlotOf(std::string_view key) {
  MutexLock lock(mutex_);
  const auto held = slots_.find(key);
  if (held != slots_.end()) return held->second;
  const auto slot = static_cast<std::uint32_t>(slots_.size());
  slots_.emplace(std::string(key), slot);
  return slot;
}

std::string KeySlots::KeyOf(std::uint32_t slot) const {
  MutexLock lock(mutex_);
  for (const auto& [key, held] : slots_) {
    if (held == slot) return key;
  }
  return "";
}

// Puts records in and out, then links what belongs together and finds what is broken.
class RulesetBuilder {
 public:
  explicit RulesetBuilder(std::shared_ptr<Ruleset> ruleset) : ruleset_(std::move(ruleset)), r_(*ruleset_) {}

  void Put(const EntityRecord& record) {
    const EntityRef ref = RefOf(record);
    Forget(ref);
    if (const auto* flag = std::get_if<FlagRecord>(&record)) {
      PutFlag(*flag);
    } else if (const auto* segment = std::get_if<SegmentRecord>(&record)) {
      PutSegment(*segment);
    } else if (ref.kind != EntityKind::kMetric) {
      r_.records_[ref] = std::make_shared<const EntityRecord>(record);
      experiments_changed_ = true;
    }
  }

  void PutUndecodable(const Undecodable& entity) {
    Forget(entity.ref);
    if (entity.ref.kind == EntityKind::kFlag) KeyAt(lineage().flags.SlotOf(entity.ref.key)) = entity.ref.key;
    r_.faults_[entity.ref] = entity.message;
    if (entity.ref.kind != EntityKind::kSegment) experiments_changed_ = true;
  }

  void Remove(const EntityRef& ref) { Forget(ref); }

  std::shared_ptr<const Ruleset> Finish(Revision revision) {
    r_.revision_ = revision;
    if (experiments_changed_) CompileExperiments();
    Attach();
    FindBroken();
    BuildIndex();
    return std::move(ruleset_);
  }

 private:
  Lineage& lineage() { return *r_.lineage_; }

  std::string& KeyAt(std::uint32_t slot) {
    if (slot >= r_.keys_.size()) {
      r_.keys_.resize(slot + 1);
      r_.flags_.resize(slot + 1);
    }
    return r_.keys_[slot];
  }

  void PutFlag(const FlagRecord& record) {
    const std::string& key = record.definition.key;
    const std::uint32_t slot = lineage().flags.SlotOf(key);
    KeyAt(slot) = key;
    auto compiled = CompileFlag(record, environment(record), lineage());
    if (!compiled) {
      r_.faults_[{EntityKind::kFlag, key}] = compiled.error().message;
      return;
    }
    r_.flags_[slot].flag = *std::move(compiled);
  }

  // Records carry one environment's targeting only.
  static std::string_view environment(const FlagRecord& record) {
    return record.definition.environments.empty() ? std::string_view() : record.definition.environments[0].environment;
  }

  void PutSegment(const SegmentRecord& record) {
    const std::uint32_t slot = lineage().segments.SlotOf(record.definition.key);
    if (slot >= r_.segments_.size()) r_.segments_.resize(slot + 1);
    auto compiled = CompileSegment(record, lineage());
    if (!compiled) {
      r_.faults_[{EntityKind::kSegment, record.definition.key}] = compiled.error().message;
      return;
    }
    r_.segments_[slot] = *std::move(compiled);
  }

  void Forget(const EntityRef& ref) {
    r_.faults_.erase(ref);
    switch (ref.kind) {
      case EntityKind::kFlag: {
        const std::uint32_t slot = lineage().flags.SlotOf(ref.key);
        KeyAt(slot).clear();
        r_.flags_[slot] = {};
        return;
      }
      case EntityKind::kSegment: {
        const std::uint32_t slot = lineage().segments.SlotOf(ref.key);
        if (slot < r_.segments_.size()) r_.segments_[slot] = nullptr;
        return;
      }
      case EntityKind::kLayer:
      case EntityKind::kHoldout:
      case EntityKind::kExperiment:
        if (r_.records_.erase(ref) > 0) experiments_changed_ = true;
        return;
      case EntityKind::kMetric:
        return;
    }
  }

  template <typename RecordType>
  const RecordType* Find(EntityKind kind, const std::string& key) const {
    const auto held = r_.records_.find({kind, key});
    return held == r_.records_.end() ? nullptr : std::get_if<RecordType>(held->second.get());
  }

  // There are few, and a change of a layer or a holdout reaches several: all of them anew.
  void CompileExperiments() {
    r_.experiments_.clear();
    for (const auto& [ref, record] : r_.records_) {
      const auto* experiment = std::get_if<ExperimentRecord>(record.get());
      if (experiment == nullptr) continue;
      const Experiment& definition = experiment->definition;
      r_.faults_.erase(ref);
      const LayerRecord* layer = nullptr;
      const HoldoutRecord* holdout = nullptr;
      std::string fault;
      if (definition.layer) {
        layer = Find<LayerRecord>(EntityKind::kLayer, definition.layer->layer);
        if (layer == nullptr) fault = "layer '" + definition.layer->layer + "' is missing";
      }
      if (!definition.holdout.empty()) {
        holdout = Find<HoldoutRecord>(EntityKind::kHoldout, definition.holdout);
        if (holdout == nullptr) fault = "holdout '" + definition.holdout + "' is missing";
        if (holdout != nullptr && holdout->definition.archived) holdout = nullptr;
      }
      if (fault.empty()) {
        auto compiled = CompileExperiment(*experiment, layer, holdout, lineage());
        if (compiled) {
          r_.experiments_[definition.key] = *std::move(compiled);
        } else {
          fault = compiled.error().message;
        }
      }
      if (!fault.empty()) r_.faults_[ref] = fault;
    }
  }

  static bool Acts(const CompiledExperiment& experiment) {
    switch (experiment.status) {
      case ExperimentStatus::kRunning:
        return true;
      case ExperimentStatus::kConcluded:
        return experiment.has_holdout;
      case ExperimentStatus::kDraft:
      case ExperimentStatus::kPaused:
        return !experiment.force.empty();
      case ExperimentStatus::kScheduled:
      case ExperimentStatus::kStopped:
        return false;
    }
    return false;
  }

  // Gives every flag the experiments that act on it, with variants resolved to the flag's variations.
  void Attach() {
    std::map<std::uint32_t, std::vector<Ruleset::Attached>> lists;
    for (const auto& [key, experiment] : r_.experiments_) {
      const std::uint32_t slot = lineage().flags.SlotOf(experiment->flag);
      if (!Acts(*experiment) || slot >= r_.flags_.size() || !r_.flags_[slot].flag) continue;
      const CompiledFlag& flag = *r_.flags_[slot].flag;
      const std::uint32_t own = lineage().experiments.SlotOf(key);
      Ruleset::Attached attached{experiment.get(), own, {}, true};
      for (const std::uint32_t named : flag.needs_experiments) attached.on_default &= named != own;
      for (const std::string& serves : experiment->serves) {
        std::int32_t index = kNone;
        for (std::size_t i = 0; i < flag.variations.size(); ++i) {
          if (flag.variations[i].name == serves) index = static_cast<std::int32_t>(i);
        }
        if (index == kNone) {
          r_.faults_[{EntityKind::kExperiment, key}] = "flag '" + flag.key + "' has no variation '" + serves + "'";
        }
        attached.variations.push_back(index);
      }
      lists[slot].push_back(std::move(attached));
    }
    for (std::uint32_t slot = 0; slot < r_.flags_.size(); ++slot) {
      Ruleset::Entry& entry = r_.flags_[slot];
      const auto list = lists.find(slot);
      bool runs = false;
      if (list == lists.end()) {
        entry.attached = nullptr;
      } else {
        for (const Ruleset::Attached& attached : list->second) {
          runs |= attached.experiment->status == ExperimentStatus::kRunning;
        }
        entry.attached = std::make_shared<const std::vector<Ruleset::Attached>>(std::move(list->second));
      }
      entry.is_static = entry.flag && entry.flag->serves_one_thing && !runs;
    }
  }

  // --- what is broken: faults, missing segments, cycles, and all that leans on them --------------------------------

  struct Visit {
    enum class State : std::uint8_t { kNew, kOpen, kDone };
    State state = State::kNew;
    int depth = 0;
    std::string fault;
  };

  void FindBroken() {
    flag_visits_.assign(r_.flags_.size(), {});
    segment_visits_.assign(r_.segments_.size(), {});
    r_.broken_.clear();
    for (std::uint32_t slot = 0; slot < r_.flags_.size(); ++slot) {
      Ruleset::Entry& entry = r_.flags_[slot];
      entry.is_broken = false;
      if (r_.keys_[slot].empty()) continue;
      const Visit& visit = VisitFlag(slot, 0);
      if (visit.fault.empty()) continue;
      entry.is_broken = true;
      r_.broken_.push_back({r_.keys_[slot], visit.fault});
    }
    std::sort(r_.broken_.begin(), r_.broken_.end(),
              [](const BrokenFlag& a, const BrokenFlag& b) { return a.key < b.key; });
  }

  std::string FaultOf(EntityKind kind, const std::string& key) const {
    const auto fault = r_.faults_.find({kind, key});
    return fault == r_.faults_.end() ? "" : fault->second;
  }

  const Visit& VisitFlag(std::uint32_t slot, int level) {
    Visit& visit = flag_visits_[slot];
    if (visit.state == Visit::State::kDone) return visit;
    const std::string& key = r_.keys_[slot];
    if (visit.state == Visit::State::kOpen) {
      visit.fault = "flag '" + key + "' requires itself, through its prerequisites or segments";
      return visit;
    }
    visit.state = Visit::State::kOpen;
    std::string fault = FaultOf(EntityKind::kFlag, key);
    if (level > kMaxDepth) fault = "prerequisites and segments are nested deeper than " + std::to_string(kMaxDepth);
    const CompiledFlag* flag = r_.flags_[slot].flag.get();
    if (fault.empty() && flag != nullptr) fault = FaultIn(flag->needs_flags, flag->needs_segments, level);
    if (fault.empty() && flag != nullptr) fault = FaultInExperiments(slot, level);
    visit.state = Visit::State::kDone;
    if (!fault.empty()) visit.fault = fault;
    return visit;
  }

  std::string FaultIn(const std::vector<std::uint32_t>& flags, const std::vector<std::uint32_t>& segments, int level) {
    for (const std::uint32_t slot : flags) {
      // A flag that is not there is not met; one that is there and broken breaks this one.
      if (slot >= r_.keys_.size() || r_.keys_[slot].empty()) continue;
      const Visit& visit = VisitFlag(slot, level + 1);
      if (!visit.fault.empty()) return "it needs flag '" + r_.keys_[slot] + "': " + visit.fault;
    }
    for (const std::uint32_t slot : segments) {
      const std::string fault = VisitSegment(slot, level + 1);
      if (!fault.empty()) return fault;
    }
    return "";
  }

  std::string VisitSegment(std::uint32_t slot, int level) {
    const CompiledSegment* segment = r_.Segment(slot);
    if (segment == nullptr) {
      const std::string key = lineage().segments.KeyOf(slot);
      const std::string fault = FaultOf(EntityKind::kSegment, key);
      return "it needs segment '" + key + "', which " + (fault.empty() ? "is missing" : "cannot be read: " + fault);
    }
    Visit& visit = segment_visits_[slot];
    if (visit.state == Visit::State::kDone) return visit.fault;
    if (visit.state == Visit::State::kOpen) return "segment '" + segment->key + "' contains itself";
    visit.state = Visit::State::kOpen;
    std::string fault;
    if (level > kMaxDepth) fault = "prerequisites and segments are nested deeper than " + std::to_string(kMaxDepth);
    if (fault.empty()) fault = FaultIn(segment->needs_flags, segment->needs_segments, level);
    visit.state = Visit::State::kDone;
    visit.fault = std::move(fault);
    return visit.fault;
  }

  std::string FaultInExperiments(std::uint32_t slot, int level) {
    const CompiledFlag& flag = *r_.flags_[slot].flag;
    if (r_.flags_[slot].attached) {
      for (const Ruleset::Attached& attached : *r_.flags_[slot].attached) {
        const CompiledExperiment& experiment = *attached.experiment;
        std::string fault = FaultOf(EntityKind::kExperiment, experiment.key);
        if (fault.empty()) fault = FaultIn(experiment.needs_flags, experiment.needs_segments, level);
        if (!fault.empty()) return "experiment '" + experiment.key + "': " + fault;
      }
    }
    // An experiment on this flag that could not be compiled at all.
    for (const auto& [ref, record] : r_.records_) {
      const auto* experiment = std::get_if<ExperimentRecord>(record.get());
      if (experiment == nullptr || experiment->definition.flag != flag.key) continue;
      const std::string fault = FaultOf(EntityKind::kExperiment, ref.key);
      if (!fault.empty()) return "experiment '" + ref.key + "': " + fault;
    }
    for (const std::uint32_t named : flag.needs_experiments) {
      const std::string key = lineage().experiments.KeyOf(named);
      const std::string fault = FaultOf(EntityKind::kExperiment, key);
      if (!fault.empty()) return "experiment '" + key + "': " + fault;
    }
    return "";
  }

  void BuildIndex() {
    std::size_t count = 0;
    for (const std::string& key : r_.keys_) count += key.empty() ? 0 : 1;
    std::size_t cells = 16;
    while (cells < 2 * count) cells *= 2;
    r_.index_.assign(cells, {});
    r_.index_size_ = count;
    for (std::uint32_t slot = 0; slot < r_.keys_.size(); ++slot) {
      if (r_.keys_[slot].empty()) continue;
      const std::uint64_t hash = Hash64(r_.keys_[slot]);
      std::size_t cell = hash & (cells - 1);
      while (r_.index_[cell].slot != Ruleset::kNoSlot) cell = (cell + 1) & (cells - 1);
      r_.index_[cell] = {hash, slot};
    }
  }

  std::shared_ptr<Ruleset> ruleset_;
  Ruleset& r_;
  bool experiments_changed_ = false;
  std::vector<Visit> flag_visits_, segment_visits_;
};

Ruleset::Ruleset() = default;
Ruleset::Ruleset(const Ruleset&) = default;
Ruleset::~Ruleset() = default;

std::string_view Ruleset::BrokenReason(std::string_view key) const {
  const auto held = std::lower_bound(broken_.begin(), broken_.end(), key,
                                     [](const BrokenFlag& flag, std::string_view k) { return flag.key < k; });
  return held != broken_.end() && held->key == key ? std::string_view(held->reason) : std::string_view();
}

std::vector<std::string> Ruleset::FlagKeys() const {
  std::vector<std::string> keys;
  for (const std::string& key : keys_) {
    if (!key.empty()) keys.push_back(key);
  }
  std::sort(keys.begin(), keys.end());
  return keys;
}

std::uint32_t Ruleset::Find(std::string_view key) const noexcept {
  if (index_.empty()) return kNoSlot;
  const std::uint64_t hash = Hash64(key);
  const std::size_t mask = index_.size() - 1;
  for (std::size_t cell = hash & mask; index_[cell].slot != kNoSlot; cell = (cell + 1) & mask) {
    if (index_[cell].hash == hash && keys_[index_[cell].slot] == key) return index_[cell].slot;
  }
  return kNoSlot;
}

std::shared_ptr<const Ruleset> Ruleset::With(const ChangeSet& changes, const std::vector<Undecodable>& undecodable,
                                             Revision revision) const {
  RulesetBuilder builder(std::shared_ptr<Ruleset>(new Ruleset(*this)));
  for (const EntityRef& ref : changes.removals) builder.Remove(ref);
  for (const EntityRecord& record : changes.upserts) builder.Put(record);
  for (const Undecodable& entity : undecodable) builder.PutUndecodable(entity);
  return builder.Finish(revision);
}

std::shared_ptr<const Ruleset> Ruleset::AtRevision(Revision revision) const {
  auto next = std::shared_ptr<Ruleset>(new Ruleset(*this));
  next->revision_ = revision;
  return next;
}

std::shared_ptr<const Ruleset> Compile(const Snapshot& snapshot, CompileOptions options) {
  auto ruleset = std::shared_ptr<Ruleset>(new Ruleset());
  ruleset->lineage_ = options.lineage ? std::move(options.lineage) : std::make_shared<Lineage>();
  RulesetBuilder builder(std::move(ruleset));
  const auto put_all = [&](const auto& records) {
    for (const auto& record : records) builder.Put(record);
  };
  put_all(snapshot.entities.segments);
  put_all(snapshot.entities.flags);
  put_all(snapshot.entities.layers);
  put_all(snapshot.entities.holdouts);
  put_all(snapshot.entities.experiments);
  for (const Undecodable& entity : options.undecodable) builder.PutUndecodable(entity);
  return builder.Finish(snapshot.revision);
}

}  // namespace guidon
