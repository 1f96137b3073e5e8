// An environment's definitions, compiled: what evaluation reads. Immutable; a change makes a new one that shares every
// compiled flag that did not change, and copies the index only.
//
//   std::shared_ptr<const Ruleset> ruleset = Compile(snapshot);
//   ruleset = ruleset->With(changes, {}, 18);
//
// Compiling never fails as a whole. A flag is broken when this version cannot read or compile it, or anything that it
// needs: its prerequisites, the flags and segments of its conditions, the experiments that act on it with their
// audience, layer and holdout. So it is when those need each other in a circle, are nested too deep or are too many
// (the bounds are in ruleset.cc). A broken flag evaluates to the caller's fallback with PARSE_ERROR, and disturbs no
// other. A flag that is missing is no fault: as a prerequisite it is not met.
//
// Thread safety: reading from any thread. Making the next one: one thread at a time per lineage.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include <guidon/evaluation_detail.h>
#include "core/base/hash.h"
#include "core/base/mutex.h"
#include "core/model/definitions.h"
#include "core/ruleset/shared_list.h"
#include "core/ruleset/text_set.h"

namespace guidon {

struct AttributeRef;
struct CompiledFlag;
struct CompiledRule;
struct CompiledSegment;
struct CompiledExperiment;

// Gives every key a small number that it keeps in all rulesets of a lineage, so that a flag's handle and a reference
// from another flag are an index. Grows only; bounded by the number of different keys ever named.
class KeySlots {
 public:
  std::uint32_t SlotOf(std::string_view key);
  std::string_view KeyOf(std::uint32_t slot) const;  // valid while this exists; "" when there is none
  Mutex& mutex() { return mutex_; }                  // for who holds it across a fork()

 private:
  mutable Mutex mutex_;
  std::deque<std::string> keys_ GUIDON_GUARDED_BY(mutex_);  // by slot
  std::unordered_map<std::string_view, std::uint32_t> slots_ GUIDON_GUARDED_BY(mutex_);
};

// Attributes that conditions and splits name, each once, so that the flags of a ruleset look at the same memory. Grows
// only, like the slots.
class AttributeNames {
 public:
  AttributeNames();
  ~AttributeNames();
  const AttributeRef* Of(std::string_view name);  // valid while this exists

 private:
  Mutex mutex_;
  std::unordered_map<std::string_view, std::unique_ptr<const AttributeRef>> names_ GUIDON_GUARDED_BY(mutex_);
};

// What the rulesets of one lineage have in common.
struct Lineage {
  KeySlots flags, segments, experiments;
  AttributeNames attributes;
};

struct CompileOptions {
  std::shared_ptr<Lineage> lineage;      // empty: a new one
  std::vector<Undecodable> undecodable;  // entities that were there but could not be read: what needs them is broken
};

struct BrokenFlag {
  std::string key;
  std::string reason;
};

class Ruleset {
 public:
  static constexpr std::uint32_t kNoSlot = UINT32_MAX;  // kNone, unsigned

  // What one variant of an attached experiment serves, resolved to the flag's variations.
  struct Attached {
    const CompiledExperiment* experiment = nullptr;
    std::uint32_t slot = 0;                // of the experiment, for rules that name it
    std::vector<std::int32_t> variations;  // by variant
    bool on_default = false;               // runs on the traffic that reaches `default`
    std::string fault;                     // why it does not fit the flag; the flag is broken then
  };
  // A flag, in half a cache line: enough to answer when it always answers one thing.
  struct alignas(32) Entry {
    enum class Kind : std::uint8_t {
      kAbsent,
      kBroken,
      kConstant,  // answers `reason` and `variation` to everyone
      kRules,
    };
    const CompiledFlag* flag = nullptr;               // null: it could not even be compiled
    const CompiledRule* rules = nullptr;              // of its code
    const std::vector<Attached>* attached = nullptr;  // in order of keys; null: none
    Kind kind = Kind::kAbsent;
    FlagType type = FlagType::kBoolean;
    Reason reason = Reason::kError;
    bool is_static : 1 = false;
    bool has_needs : 1 = false;    // of flags, segments or experiments
    bool needs_flags : 1 = false;  // itself, not by way of others
    std::uint8_t truths : 4 = 0;   // of a boolean flag: the values of its variations
    std::int16_t variation = kNone;
    std::uint16_t rule_count = 0;
  };
  static_assert(sizeof(Entry) == 32);

  ~Ruleset();

  Revision revision() const { return revision_; }
  std::size_t flag_count() const { return flag_count_; }
  const std::vector<BrokenFlag>& broken() const { return broken_; }
  std::string_view BrokenReason(std::string_view key) const;  // "" when it is not
  std::vector<std::string> FlagKeys() const;                  // sorted
  const std::shared_ptr<Lineage>& lineage() const { return lineage_; }

  // The flag's slot, or kNoSlot. Cost: a hash of the key and a probe.
  std::uint32_t Find(std::string_view key) const noexcept {
    return static_cast<std::uint32_t>(index_->Find(key, Hash64(key)));
  }
  // nullptr: no flag in that slot.
  const Entry* At(std::uint32_t slot) const noexcept {
    return slot < entries_.size() && entries_[slot].kind != Entry::Kind::kAbsent ? &entries_[slot] : nullptr;
  }
  // Asks for the flag's rules, before so much as its entry is near: in a large store neither is. Any slot.
  [[gnu::always_inline]] void Prefetch(std::uint32_t slot) const noexcept {
    if (slot >= codes_.size()) return;
    const auto code = reinterpret_cast<std::uintptr_t>(codes_[slot]);  // 0, no pointer to add to, where no flag is
    __builtin_prefetch(reinterpret_cast<const void*>(code));           // most codes are this long
    __builtin_prefetch(reinterpret_cast<const void*>(code + 64));
    __builtin_prefetch(reinterpret_cast<const void*>(code + 128));
  }
  // For walking all flags: slots are below slot_count(); KeyAt is "" where there is no flag.
  std::uint32_t slot_count() const { return static_cast<std::uint32_t>(entries_.size()); }
  std::string_view KeyAt(std::uint32_t slot) const {
    return At(slot) == nullptr ? std::string_view() : lineage_->flags.KeyOf(slot);
  }
  const CompiledSegment* Segment(std::uint32_t slot) const noexcept {
    return slot < segments_.size() ? segments_[slot].get() : nullptr;
  }

  // The next ruleset. `undecodable`: upserts that could not be read.
  std::shared_ptr<const Ruleset> With(const ChangeSet& changes, const std::vector<Undecodable>& undecodable,
                                      Revision revision) const;
  // The same at a later revision.
  std::shared_ptr<const Ruleset> AtRevision(Revision revision) const;

 private:
  friend class RulesetBuilder;
  friend std::shared_ptr<const Ruleset> Compile(const Snapshot& snapshot, CompileOptions options);
  Ruleset();
  Ruleset(const Ruleset&);

  // Why an entity could not be read or compiled.
  struct Fault {
    std::string message;
    std::string flag;  // of an experiment: the flag that it acts on
  };

  std::shared_ptr<Lineage> lineage_;
  Revision revision_ = 0;
  std::vector<Entry> entries_;                                    // by slot
  std::vector<const CompiledRule*> codes_;                        // by slot: of entries with rules, close together
  SharedList<CompiledFlag> flags_;                                // by slot; they keep what entries point to
  std::vector<std::shared_ptr<const CompiledSegment>> segments_;  // by slot
  std::shared_ptr<const TextSet> index_;                          // keys to slots; shared until a flag comes or goes
  std::size_t flag_count_ = 0;
  std::vector<BrokenFlag> broken_;

  std::map<EntityRef, Fault> faults_;  // kept so that dependents stay broken after other changes
  // Experiments, and what they lean on; few, and recompiled together when one of them changes.
  std::map<std::string, std::shared_ptr<const CompiledExperiment>> experiments_;
  std::map<std::uint32_t, std::shared_ptr<const std::vector<Attached>>> attached_;  // by the flag's slot
  std::map<EntityRef, std::shared_ptr<const EntityRecord>> records_;                // experiments, layers and holdouts
};

std::shared_ptr<const Ruleset> Compile(const Snapshot& snapshot, CompileOptions options = {});

}  // namespace guidon
