#include "server/ingest/fact_space.h"

#include <algorithm>
#include <utility>

#include <guidon/context.h>
#include "core/base/json.h"
#include "core/codec/codec.h"
#include "core/eval/evaluator.h"
#include "core/model/definitions.h"
#include "core/ruleset/ruleset.h"

namespace guidon {
namespace {

constexpr std::string_view kEnvironment = "facts";

// A condition holds where this flag is on: conditions on events mean what those on contexts do.
FlagRecord FlagOf(std::string key, const Condition& when) {
  FlagRecord record;
  record.definition.key = std::move(key);
  record.definition.variations = {{"on", Value(true)}, {"off", Value(false)}};
  Targeting& targeting = record.definition.environments.emplace_back();
  targeting.environment = kEnvironment;
  targeting.enabled = true;
  targeting.off = "off";
  targeting.rules.push_back({"holds", when, FixedServe{"on"}, std::nullopt, "", {}});
  targeting.default_serve = DefaultServe{FixedServe{"off"}, ""};
  return record;
}

// The canonical form: two conditions that are written alike are one.
bool IsSame(const FactSource& a, const FactSource& b) {
  if (a.event != b.event || a.value != b.value || a.where.has_value() != b.where.has_value()) return false;
  return !a.where || EncodeCondition(*a.where) == EncodeCondition(*b.where);
}

const Value* NumberIn(const FactEvent& event, const std::string& name) {
  const Value* value = event.attributes == nullptr ? nullptr : event.attributes->Find(name);
  if (value != nullptr && !value->is_null()) return value;
  return name == "value" ? event.value : nullptr;
}

}  // namespace

FactSpace::FactSpace(UnitSpace name, std::vector<StoredSource> sources)
    : name_(std::move(name)), unit_prefix_(UnitKeyPrefix(name_)), sources_(std::move(sources)) {}

std::optional<std::vector<stats::SourceId>> FactSpace::Take(const std::vector<FactSource>& sources, std::uint64_t from,
                                                            std::size_t most) {
  // Before any is taken: who is left out must not use up ids, each time that it is asked for.
  const auto live = std::count_if(sources_.begin(), sources_.end(), [](const StoredSource& s) { return !s.retired; });
  std::size_t count = static_cast<std::size_t>(live);
  for (auto source = sources.begin(); source != sources.end(); ++source) {
    const auto is_it = [&](const FactSource& other) { return IsSame(other, *source); };
    if (!Find(*source) && std::none_of(sources.begin(), source, is_it)) ++count;
  }
  if (count > std::max(most, static_cast<std::size_t>(live))) return std::nullopt;
  std::vector<stats::SourceId> ids;
  for (const FactSource& source : sources) {
    const std::optional<stats::SourceId> known = Find(source);
    ids.push_back(known ? *known : Add(source, from));
  }
  return ids;
}

std::optional<stats::SourceId> FactSpace::Find(const FactSource& source) const {
  for (std::size_t id = 0; id < sources_.size(); ++id) {
    if (!sources_[id].retired && IsSame(sources_[id].source, source)) return static_cast<stats::SourceId>(id);
  }
  return std::nullopt;
}

stats::SourceId FactSpace::Add(const FactSource& source, std::uint64_t from) {
  is_compiled_ = false;
  auto place = std::find_if(sources_.begin(), sources_.end(), [](const StoredSource& s) { return s.free; });
  if (place == sources_.end()) place = sources_.emplace(place);
  *place = {source, from, 0, false, false};
  return static_cast<stats::SourceId>(place - sources_.begin());
}

bool FactSpace::Retire(const std::vector<bool>& used) {
  bool changed = false;
  for (std::size_t id = 0; id < sources_.size(); ++id) {
    if (sources_[id].retired || (id < used.size() && used[id])) continue;
    sources_[id].retired = changed = true;
  }
  if (changed) is_compiled_ = false;
  return changed;
}

std::vector<stats::SourceId> FactSpace::Retired() const {
  std::vector<stats::SourceId> ids;
  for (std::size_t id = 0; id < sources_.size(); ++id) {
    if (sources_[id].retired && !sources_[id].free) ids.push_back(static_cast<stats::SourceId>(id));
  }
  return ids;
}

void FactSpace::Free(const std::vector<stats::SourceId>& ids) {
  for (const stats::SourceId id : ids) {
    if (id < sources_.size() && sources_[id].retired) sources_[id].free = true;
  }
}

void FactSpace::MadeUpFor(std::uint64_t sequence) {
  for (StoredSource& stored : sources_) {
    if (!stored.retired) stored.done = std::max(stored.done, std::min(sequence, stored.from));
  }
}

std::optional<FactSpace::Gap> FactSpace::OldestGap() const {
  std::optional<Gap> gap;
  for (const StoredSource& stored : sources_) {
    if (stored.retired || stored.is_complete()) continue;
    if (!gap) gap = Gap{stored.done, stored.from};
    gap->after = std::min(gap->after, stored.done);
    gap->to = std::max(gap->to, stored.from);
  }
  return gap;
}

void FactSpace::Compile() {
  by_event_.clear();
  slots_.assign(sources_.size(), Ruleset::kNoSlot);
  Snapshot snapshot;
  snapshot.environment = kEnvironment;
  for (std::size_t id = 0; id < sources_.size(); ++id) {
    const StoredSource& stored = sources_[id];
    if (stored.retired) continue;
    by_event_[stored.source.event].push_back(static_cast<stats::SourceId>(id));
    if (stored.source.where) snapshot.entities.flags.push_back(FlagOf(std::to_string(id), *stored.source.where));
  }
  conditions_ = guidon::Compile(snapshot);
  for (std::size_t id = 0; id < sources_.size(); ++id) slots_[id] = conditions_->Find(std::to_string(id));
  is_compiled_ = true;
}

bool FactSpace::Names(std::string_view event) const {
  return std::any_of(sources_.begin(), sources_.end(),
                     [event](const StoredSource& stored) { return !stored.retired && stored.source.event == event; });
}

void FactSpace::Read(const FactEvent& event, std::vector<Reading>& readings) {
  readings.clear();
  if (!is_compiled_) Compile();
  const auto found = by_event_.find(event.name);
  if (found == by_event_.end()) return;
  std::optional<Context> attributes;  // made once, where a condition asks for it
  for (const stats::SourceId id : found->second) {
    const FactSource& source = sources_[id].source;
    if (source.where) {
      if (!attributes) {
        attributes.emplace();
        if (event.attributes != nullptr) {
          for (const Member& member : event.attributes->AsObject()) attributes->Set(member.name, member.value);
        }
      }
      const std::int64_t now_ms = event.time ? event.time->time_since_epoch().count() : 0;
      if (!Evaluate(*conditions_, slots_[id], *attributes, now_ms).truth) continue;
    }
    Reading& reading = readings.emplace_back();
    reading.source = id;
    if (source.value.empty()) continue;
    const Value* number = NumberIn(event, source.value);
    if (number == nullptr) {
      reading.rejection = FactRejection::kNoValue;
    } else if (!number->is_number()) {
      reading.rejection = FactRejection::kNotANumber;
    } else {
      reading.value = number->AsDouble();
    }
  }
}

}  // namespace guidon
