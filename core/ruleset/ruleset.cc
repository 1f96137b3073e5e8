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

// How often one evaluation may look at flags and segments, at most. Flags that need two others each, over a few dozen
// levels, would otherwise keep a caller busy for years.
constexpr std::uint64_t kMaxLooks = 100'000;

// Whether an experiment in this state has anything to say about its flag. One that has not is not compiled, and its
// faults disturb nobody. `holdout_has_ended`: of the holdout that it names.
bool Acts(const ExperimentRecord& record, bool holdout_has_ended) {
  switch (record.state.status) {
    case ExperimentStatus::kRunning:
      return true;
    case ExperimentStatus::kConcluded:
      return !record.definition.holdout.empty() && !holdout_has_ended;
    case ExperimentStatus::kDraft:
    case ExperimentStatus::kPaused:
      return !record.definition.force.empty();
    case ExperimentStatus::kScheduled:
    case ExperimentStatus::kStopped:
      return false;
  }
  return false;
}

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
    r_.faults_[entity.ref] = {entity.message, entity.flag};
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
      r_.faults_[{EntityKind::kFlag, key}] = {compiled.error().message, {}};
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
      r_.faults_[{EntityKind::kSegment, record.definition.key}] = {compiled.error().message, {}};
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
      r_.faults_.erase(ref);
      const Experiment& definition = experiment->definition;
      const auto* holdout = Find<HoldoutRecord>(EntityKind::kHoldout, definition.holdout);
      const bool has_ended = holdout != nullptr && holdout->definition.archived;
      if (!Acts(*experiment, has_ended)) continue;
      auto compiled = CompileOne(*experiment, has_ended ? nullptr : holdout, has_ended);
      if (compiled) {
        r_.experiments_[definition.key] = *std::move(compiled);
      } else {
        r_.faults_[ref] = {compiled.error().message, definition.flag};
      }
    }
  }

  Result<std::shared_ptr<const CompiledExperiment>> CompileOne(const ExperimentRecord& record,
                                                               const HoldoutRecord* holdout, bool has_ended) {
    const Experiment& definition = record.definition;
    const LayerRecord* layer = nullptr;
    if (definition.layer) {
      layer = Find<LayerRecord>(EntityKind::kLayer, definition.layer->layer);
      if (layer == nullptr) return Absent(EntityKind::kLayer, definition.layer->layer);
    }
    if (!definition.holdout.empty() && holdout == nullptr && !has_ended) {
      return Absent(EntityKind::kHoldout, definition.holdout);
    }
    return CompileExperiment(record, layer, holdout, lineage());
  }

  // "segment 'eu-web' is missing", or why it could not be read.
  std::string AbsentText(EntityKind kind, const std::string& key) const {
    const auto fault = r_.faults_.find({kind, key});
    const std::string entity = std::string(ToString(kind)) + " '" + key + "'";
    return fault == r_.faults_.end() ? entity + " is missing" : entity + ": " + fault->second.message;
  }
  tl::unexpected<Error> Absent(EntityKind kind, const std::string& key) const {
    return Fail(ErrorCode::kInvalid, AbsentText(kind, key));
  }

  // Gives every flag the experiments that act on it, with variants resolved to the flag's variations.
  void Attach() {
    std::map<std::uint32_t, std::vector<Ruleset::Attached>> lists;
    for (const auto& [key, experiment] : r_.experiments_) {
      const std::uint32_t slot = lineage().flags.SlotOf(experiment->flag);
      if (slot >= r_.flags_.size() || !r_.flags_[slot].flag) continue;
      const CompiledFlag& flag = *r_.flags_[slot].flag;
      const std::uint32_t own = lineage().experiments.SlotOf(key);
      Ruleset::Attached attached{experiment.get(), own, {}, true, {}};
      for (const std::uint32_t named : flag.needs_experiments) attached.on_default &= named != own;
      for (const std::string& serves : experiment->serves) {
        std::int32_t index = kNone;
        for (std::size_t i = 0; i < flag.variations.size(); ++i) {
          if (flag.variations[i].name == serves) index = static_cast<std::int32_t>(i);
        }
        if (index == kNone) attached.fault = "the flag has no variation '" + serves + "'";
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

  // --- what is broken: faults of its own, circles, bounds, and all that leans on those -----------------------------

  // A flag, or a segment that is there, by slot.
  struct Part {
    bool is_segment = false;
    std::uint32_t slot = 0;
    friend bool operator==(const Part&, const Part&) = default;
  };
  struct Need {
    Part part;
    std::uint64_t times = 1;  // how often one evaluation may look at it for this reason
  };
  struct Visit {
    enum class State : std::uint8_t { kNew, kOpen, kDone };
    State state = State::kNew;
    int height = 0;           // parts within each other below this one
    std::uint64_t looks = 1;  // how often an evaluation may look at a part, this one counted
    std::string fault;        // of its own, or of what it needs
    std::string blame;        // the same as others say it: "flag 'x': …", of the part whose fault it is
  };
  struct Frame {
    Part part;
    std::vector<Need> needs;
    std::size_t next = 0;
  };

  // Twice when there is something to say: which flags are broken does not depend on where the search begins, but the
  // words for a circle do, and the second search begins in order of keys.
  void FindBroken() {
    r_.broken_.clear();
    for (const auto& [ref, fault] : r_.faults_) {
      if (ref.kind == EntityKind::kExperiment)
        experiment_faults_.emplace(fault.flag, "experiment '" + ref.key + "': " + fault.message);
    }
    std::map<std::string_view, std::uint32_t> broken;
    StartVisits();
    for (std::uint32_t slot = 0; slot < r_.flags_.size(); ++slot) {
      r_.flags_[slot].is_broken = !r_.keys_[slot].empty() && !VisitFrom({false, slot}).fault.empty();
      if (r_.flags_[slot].is_broken) broken[r_.keys_[slot]] = slot;
    }
    if (broken.empty()) return;
    StartVisits();
    for (const auto& [key, slot] : broken) r_.broken_.push_back({std::string(key), VisitFrom({false, slot}).fault});
  }

  void StartVisits() {
    flag_visits_.assign(r_.flags_.size(), {});
    segment_visits_.assign(r_.segments_.size(), {});
  }

  Visit& VisitOf(const Part& part) { return (part.is_segment ? segment_visits_ : flag_visits_)[part.slot]; }

  std::string NameOf(const Part& part) const {
    return part.is_segment ? "segment '" + r_.segments_[part.slot]->key + "'" : "flag '" + r_.keys_[part.slot] + "'";
  }

  // Depth first, with a stack of its own: a chain of flags may be as long as there are flags.
  const Visit& VisitFrom(const Part& start) {
    std::vector<Frame> stack;
    if (VisitOf(start).state == Visit::State::kNew) Open(start, stack);
    while (!stack.empty()) {
      Frame& frame = stack.back();
      Visit& visit = VisitOf(frame.part);
      if (!visit.fault.empty() || frame.next == frame.needs.size()) {
        Close(frame.part);
        stack.pop_back();
        continue;
      }
      const Need needed = frame.needs[frame.next];
      if (VisitOf(needed.part).state == Visit::State::kNew) {
        Open(needed.part, stack);  // `frame` is gone; it comes back to this need when that is done
        continue;
      }
      ++frame.next;
      Lean(frame.part, needed);
    }
    return VisitOf(start);
  }

  void Open(const Part& part, std::vector<Frame>& stack) {
    Visit& visit = VisitOf(part);
    visit.state = Visit::State::kOpen;
    Frame frame{part, {}, 0};
    visit.fault = part.is_segment ? NeedsOfSegment(part.slot, frame.needs) : NeedsOfFlag(part.slot, frame.needs);
    stack.push_back(std::move(frame));
  }

  void Lean(const Part& part, const Need& need) {
    const Part& needed = need.part;
    Visit& visit = VisitOf(part);
    const Visit& other = VisitOf(needed);
    if (other.state == Visit::State::kOpen) {
      visit.fault = part == needed ? std::string("it needs itself")
                                   : "it and " + NameOf(needed) + " need each other, perhaps through others";
      return;
    }
    visit.height = std::max(visit.height, other.height + 1);
    visit.looks = std::min(visit.looks + need.times * other.looks, kMaxLooks + 1);
    if (other.fault.empty()) return;
    visit.fault = "it needs " + other.blame;
    visit.blame = other.blame;
  }

  void Close(const Part& part) {
    Visit& visit = VisitOf(part);
    visit.state = Visit::State::kDone;
    if (visit.fault.empty() && visit.height > kMaxDepth) {
      visit.fault = "prerequisites, conditions and segments are nested deeper than " + std::to_string(kMaxDepth);
    }
    if (visit.fault.empty() && visit.looks > kMaxLooks) {
      visit.fault = "evaluating it would look at more than " + std::to_string(kMaxLooks) + " flags and segments";
    }
    if (!visit.fault.empty() && visit.blame.empty()) visit.blame = NameOf(part) + ": " + visit.fault;
  }

  // Appends what the flag needs; returns its own fault, or "".
  std::string NeedsOfFlag(std::uint32_t slot, std::vector<Need>& needs) const {
    const auto own = r_.faults_.find({EntityKind::kFlag, r_.keys_[slot]});
    if (own != r_.faults_.end()) return own->second.message;
    const auto experiment = experiment_faults_.find(r_.keys_[slot]);
    if (experiment != experiment_faults_.end()) return experiment->second;
    const CompiledFlag& flag = *r_.flags_[slot].flag;
    for (const std::uint32_t named : flag.needs_experiments) {
      const EntityRef ref{EntityKind::kExperiment, r_.lineage_->experiments.KeyOf(named)};
      // One that was read acts on its own flag only, which its faults break; one that was not might act on this.
      if (r_.faults_.contains(ref) && !r_.records_.contains(ref)) return AbsentText(ref.kind, ref.key);
    }
    std::string fault = Needs(flag.needs_flags, flag.needs_segments, 1, needs);
    if (r_.flags_[slot].attached == nullptr) return fault;
    for (const Ruleset::Attached& attached : *r_.flags_[slot].attached) {
      const CompiledExperiment& acting = *attached.experiment;
      // Every rule that names it asks its audience anew.
      const auto times = attached.on_default
                             ? 1
                             : std::count(flag.needs_experiments.begin(), flag.needs_experiments.end(), attached.slot);
      std::string found = attached.fault;
      if (found.empty()) {
        found = Needs(acting.needs_flags, acting.needs_segments, static_cast<std::uint64_t>(times), needs);
      }
      if (fault.empty() && !found.empty()) fault = "experiment '" + acting.key + "': " + found;
    }
    return fault;
  }

  std::string NeedsOfSegment(std::uint32_t slot, std::vector<Need>& needs) const {
    return Needs(r_.segments_[slot]->needs_flags, r_.segments_[slot]->needs_segments, 1, needs);
  }

  std::string Needs(const std::vector<std::uint32_t>& flags, const std::vector<std::uint32_t>& segments,
                    std::uint64_t times, std::vector<Need>& needs) const {
    for (const std::uint32_t slot : flags) {
      // A flag that is not there is not met; one that is there and broken breaks this one.
      if (slot < r_.keys_.size() && !r_.keys_[slot].empty()) needs.push_back({{false, slot}, times});
    }
    for (const std::uint32_t slot : segments) {
      if (r_.Segment(slot) == nullptr)
        return "it needs " + AbsentText(EntityKind::kSegment, r_.lineage_->segments.KeyOf(slot));
      needs.push_back({{true, slot}, times});
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
  std::map<std::string, std::string, std::less<>> experiment_faults_;  // by flag, the first in order of keys
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
