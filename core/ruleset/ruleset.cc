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
  const auto slot = static_cast<std::uint32_t>(keys_.size());
  slots_.emplace(keys_.emplace_back(key), slot);
  return slot;
}

std::string_view KeySlots::KeyOf(std::uint32_t slot) const {
  MutexLock lock(mutex_);
  return slot < keys_.size() ? std::string_view(keys_[slot]) : std::string_view();
}

AttributeNames::AttributeNames() = default;
AttributeNames::~AttributeNames() = default;

const AttributeRef* AttributeNames::Of(std::string_view name) {
  MutexLock lock(mutex_);
  const auto held = names_.find(name);
  if (held != names_.end()) return held->second.get();
  auto made = std::make_unique<const AttributeRef>(MakeAttribute(name));
  const std::string_view kept = made->name;
  return names_.emplace(kept, std::move(made)).first->second.get();
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
    if (entity.ref.kind == EntityKind::kFlag) Touch(lineage().flags.SlotOf(entity.ref.key));
    r_.faults_[entity.ref] = {entity.message, entity.flag};
    if (entity.ref.kind != EntityKind::kSegment) experiments_changed_ = true;
  }

  void Remove(const EntityRef& ref) { Forget(ref); }

  std::shared_ptr<const Ruleset> Finish(Revision revision) {
    r_.revision_ = revision;
    if (experiments_changed_) CompileExperiments();
    Attach();
    for (const std::uint32_t slot : touched_) r_.entries_[slot] = EntryOf(slot);
    FindBroken();
    r_.codes_.resize(r_.entries_.size());
    for (const std::uint32_t slot : touched_) {
      const Entry& entry = r_.entries_[slot];
      r_.codes_[slot] = entry.kind == Entry::Kind::kRules ? entry.rules : nullptr;
    }
    BuildIndex();
    return std::move(ruleset_);
  }

 private:
  using Entry = Ruleset::Entry;

  Lineage& lineage() { return *r_.lineage_; }
  std::string_view KeyOf(std::uint32_t slot) const { return r_.lineage_->flags.KeyOf(slot); }
  bool IsThere(std::uint32_t slot) const {
    return slot < r_.entries_.size() && r_.entries_[slot].kind != Entry::Kind::kAbsent;
  }

  // There is a flag in this slot, if only one that cannot be compiled. Its entry is made anew at the end.
  void Touch(std::uint32_t slot) {
    if (slot >= r_.entries_.size()) {
      r_.entries_.resize(slot + 1);
      r_.flags_.resize(slot + 1);
    }
    r_.entries_[slot].kind = Entry::Kind::kBroken;
    touched_.push_back(slot);
  }

  void PutFlag(const FlagRecord& record) {
    const std::string& key = record.definition.key;
    const std::uint32_t slot = lineage().flags.SlotOf(key);
    Touch(slot);
    auto compiled = CompileFlag(record, environment(record), lineage());
    if (!compiled) {
      r_.faults_[{EntityKind::kFlag, key}] = {compiled.error().message, {}};
      return;
    }
    r_.flags_.Set(slot, *std::move(compiled));
  }

  // Everything but whether it is broken by what it needs.
  Entry EntryOf(std::uint32_t slot) const {
    Entry entry;
    if (!IsThere(slot)) return entry;
    entry.kind = Entry::Kind::kBroken;
    const CompiledFlag* flag = r_.flags_[slot].get();
    if (flag == nullptr) return entry;
    entry.flag = flag;
    entry.type = flag->type;
    entry.rules = flag->code.rules();
    entry.rule_count = static_cast<std::uint16_t>(flag->code.rule_count());
    const auto attached = r_.attached_.find(slot);
    bool runs = false;
    if (attached != r_.attached_.end()) {
      entry.attached = attached->second.get();
      for (const Ruleset::Attached& a : *entry.attached) runs |= a.experiment->status == ExperimentStatus::kRunning;
    }
    entry.is_static = flag->serves_one_thing && !runs;
    entry.needs_flags = !flag->needs_flags.empty();
    entry.has_needs = entry.attached != nullptr || !flag->needs_flags.empty() || !flag->needs_segments.empty() ||
                      !flag->needs_experiments.empty();
    if (flag->type == FlagType::kBoolean) {
      for (std::size_t i = 0; i < flag->variations.size(); ++i) {
        if (flag->variations[i].value.AsBool()) entry.truths |= static_cast<std::uint8_t>(1u << i) & 15u;
      }
    }
    return entry;
  }

  // How an entry answers that is not broken.
  static void Settle(Entry& entry) {
    entry.kind = Entry::Kind::kRules;
    if (!entry.flag->enabled) {
      entry.kind = Entry::Kind::kConstant;
      entry.reason = Reason::kDisabled;
      entry.variation = static_cast<std::int16_t>(entry.flag->off);
    } else if (entry.is_static && entry.attached == nullptr) {
      entry.kind = Entry::Kind::kConstant;
      entry.reason = Reason::kStatic;
      entry.variation = entry.rules[0].variation;
    }
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
        was_there_.emplace(slot, IsThere(slot));
        Touch(slot);
        r_.entries_[slot].kind = Entry::Kind::kAbsent;
        if (r_.flags_[slot] != nullptr) r_.flags_.Set(slot, nullptr);
        return;
      }
      case EntityKind::kSegment: {
        const std::uint32_t slot = lineage().segments.SlotOf(ref.key);
        if (slot < r_.segments_.size()) r_.segments_[slot] = nullptr;
        segments_changed_ = true;
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

  // Gives flags the experiments that act on them, with variants resolved to the flag's variations: to all flags when an
  // experiment changed, else to those that did.
  void Attach() {
    if (experiments_changed_) {
      for (const auto& [slot, list] : r_.attached_) touched_.push_back(slot);
      r_.attached_.clear();
    } else {
      for (const std::uint32_t slot : touched_) r_.attached_.erase(slot);
    }
    std::sort(touched_.begin(), touched_.end());
    touched_.erase(std::unique(touched_.begin(), touched_.end()), touched_.end());
    std::map<std::uint32_t, std::vector<Ruleset::Attached>> lists;
    for (const auto& [key, experiment] : r_.experiments_) {
      const std::uint32_t slot = lineage().flags.SlotOf(experiment->flag);
      if (!experiments_changed_ && !std::binary_search(touched_.begin(), touched_.end(), slot)) continue;
      if (slot >= r_.flags_.size() || !r_.flags_[slot]) continue;
      lists[slot].push_back(AttachedTo(*r_.flags_[slot], key, *experiment));
    }
    for (auto& [slot, list] : lists) {
      if (experiments_changed_) touched_.push_back(slot);
      r_.attached_[slot] = std::make_shared<const std::vector<Ruleset::Attached>>(std::move(list));
    }
  }

  Ruleset::Attached AttachedTo(const CompiledFlag& flag, const std::string& key, const CompiledExperiment& experiment) {
    const std::uint32_t own = lineage().experiments.SlotOf(key);
    Ruleset::Attached attached{&experiment, own, {}, true, {}};
    for (const std::uint32_t named : flag.needs_experiments) attached.on_default &= named != own;
    for (const std::string& serves : experiment.serves) {
      std::int32_t index = kNone;
      for (std::size_t i = 0; i < flag.variations.size(); ++i) {
        if (flag.variations[i].name == serves) index = static_cast<std::int32_t>(i);
      }
      if (index == kNone) attached.fault = "the flag has no variation '" + serves + "'";
      attached.variations.push_back(index);
    }
    return attached;
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
    if (SettleTouched()) return;
    r_.broken_.clear();
    for (const auto& [ref, fault] : r_.faults_) {
      if (ref.kind == EntityKind::kExperiment)
        experiment_faults_.emplace(fault.flag, "experiment '" + ref.key + "': " + fault.message);
    }
    const std::vector<bool> at_fault = SlotsAtFault();
    std::map<std::string_view, std::uint32_t> broken;
    StartVisits();
    for (std::uint32_t slot = 0; slot < r_.entries_.size(); ++slot) {
      Entry& entry = r_.entries_[slot];
      if (entry.kind == Entry::Kind::kAbsent) continue;
      // Most flags need nothing, and are at nobody's mercy.
      const bool is_sound = !entry.has_needs && !at_fault[slot];
      if (is_sound || VisitFrom({false, slot}).fault.empty()) {
        if (entry.kind == Entry::Kind::kBroken) Settle(entry);
        continue;
      }
      entry.kind = Entry::Kind::kBroken;
      broken[KeyOf(slot)] = slot;
    }
    if (broken.empty()) return;
    StartVisits();
    for (const auto& [key, slot] : broken) r_.broken_.push_back({std::string(key), VisitFrom({false, slot}).fault});
  }

  // The short way, for a change of a few flags where nothing was broken before: what they broke can only be they
  // themselves and the flags that need them. False: there is more to it, or something is broken now.
  bool SettleTouched() {
    if (!r_.faults_.empty() || !r_.broken_.empty() || experiments_changed_ || segments_changed_) return false;
    // By way of a segment or an audience, anything might need them.
    for (const auto& segment : r_.segments_) {
      if (segment != nullptr && !segment->needs_flags.empty()) return false;
    }
    for (const auto& [key, experiment] : r_.experiments_) {
      if (!experiment->needs_flags.empty()) return false;
    }
    StartVisits();
    for (const std::uint32_t slot : WithThoseThatNeedThem(touched_)) {
      if (IsThere(slot) && r_.entries_[slot].has_needs && !VisitFrom({false, slot}).fault.empty()) return false;
    }
    for (const std::uint32_t slot : touched_) {
      if (IsThere(slot)) Settle(r_.entries_[slot]);
    }
    return true;
  }

  // Flags, and those that need them, through however many others.
  std::vector<std::uint32_t> WithThoseThatNeedThem(std::vector<std::uint32_t> slots) const {
    std::vector<bool> is_in(r_.entries_.size());
    for (const std::uint32_t slot : slots) is_in[slot] = true;
    for (std::size_t before = 0; before != slots.size();) {
      before = slots.size();
      for (std::uint32_t slot = 0; slot < r_.entries_.size(); ++slot) {
        const Entry& entry = r_.entries_[slot];
        if (!entry.needs_flags || is_in[slot] || !IsThere(slot)) continue;
        const std::vector<std::uint32_t>& needs = entry.flag->needs_flags;
        if (std::none_of(needs.begin(), needs.end(), [&](std::uint32_t n) { return n < is_in.size() && is_in[n]; })) {
          continue;
        }
        is_in[slot] = true;
        slots.push_back(slot);
      }
    }
    return slots;
  }

  // Flags that could not be read or compiled, or whose experiment could not.
  std::vector<bool> SlotsAtFault() {
    std::vector<bool> at_fault(r_.entries_.size());
    const auto mark = [&](std::string_view key) {
      const std::uint32_t slot = lineage().flags.SlotOf(key);
      if (slot < at_fault.size()) at_fault[slot] = true;
    };
    for (const auto& [ref, fault] : r_.faults_) {
      if (ref.kind == EntityKind::kFlag) mark(ref.key);
      if (ref.kind == EntityKind::kExperiment && !fault.flag.empty()) mark(fault.flag);
    }
    return at_fault;
  }

  void StartVisits() {
    flag_visits_.assign(r_.entries_.size(), {});
    segment_visits_.assign(r_.segments_.size(), {});
  }

  Visit& VisitOf(const Part& part) { return (part.is_segment ? segment_visits_ : flag_visits_)[part.slot]; }

  std::string NameOf(const Part& part) const {
    return part.is_segment ? "segment '" + r_.segments_[part.slot]->key + "'"
                           : "flag '" + std::string(KeyOf(part.slot)) + "'";
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
    if (!r_.faults_.empty()) {
      const auto own = r_.faults_.find({EntityKind::kFlag, std::string(KeyOf(slot))});
      if (own != r_.faults_.end()) return own->second.message;
      const auto experiment = experiment_faults_.find(KeyOf(slot));
      if (experiment != experiment_faults_.end()) return experiment->second;
    }
    const CompiledFlag& flag = *r_.flags_[slot];
    for (const std::uint32_t named : flag.needs_experiments) {
      const EntityRef ref{EntityKind::kExperiment, std::string(r_.lineage_->experiments.KeyOf(named))};
      // One that was read acts on its own flag only, which its faults break; one that was not might act on this.
      if (r_.faults_.contains(ref) && !r_.records_.contains(ref)) return AbsentText(ref.kind, ref.key);
    }
    std::string fault = Needs(flag.needs_flags, flag.needs_segments, 1, needs);
    if (r_.entries_[slot].attached == nullptr) return fault;
    for (const Ruleset::Attached& attached : *r_.entries_[slot].attached) {
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
      if (IsThere(slot)) needs.push_back({{false, slot}, times});
    }
    for (const std::uint32_t slot : segments) {
      if (r_.Segment(slot) == nullptr)
        return "it needs " + AbsentText(EntityKind::kSegment, std::string(r_.lineage_->segments.KeyOf(slot)));
      needs.push_back({{true, slot}, times});
    }
    return "";
  }

  // Anew only when a flag came or went.
  void BuildIndex() {
    bool is_same = r_.index_ != nullptr;
    for (const auto& [slot, was_there] : was_there_) is_same &= was_there == IsThere(slot);
    if (is_same) return;
    std::vector<std::string_view> keys;
    std::vector<std::int32_t> slots;
    for (std::uint32_t slot = 0; slot < r_.entries_.size(); ++slot) {
      if (!IsThere(slot)) continue;
      keys.push_back(KeyOf(slot));
      slots.push_back(static_cast<std::int32_t>(slot));
    }
    r_.flag_count_ = keys.size();
    r_.index_ = std::make_shared<const TextSet>(keys, slots);
  }

  std::shared_ptr<Ruleset> ruleset_;
  Ruleset& r_;
  bool experiments_changed_ = false, segments_changed_ = false;
  std::vector<std::uint32_t> touched_;                                 // flags whose entry is made anew
  std::map<std::uint32_t, bool> was_there_;                            // of those that were put or removed: before
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
  for (std::uint32_t slot = 0; slot < slot_count(); ++slot) {
    if (At(slot) != nullptr) keys.emplace_back(KeyAt(slot));
  }
  std::sort(keys.begin(), keys.end());
  return keys;
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
