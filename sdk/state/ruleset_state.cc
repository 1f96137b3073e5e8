#include "sdk/state/ruleset_state.h"

#include <algorithm>

#include "core/base/json.h"

namespace guidon {
namespace {

Applied Refused(std::string message) {
  return {ApplyOutcome::kRefused, std::move(message), {}, false};
}
Applied NeedsAll(std::string message) {
  return {ApplyOutcome::kNeedsAll, std::move(message), {}, false};
}

}  // namespace

RulesetState::RulesetState(std::shared_ptr<Lineage> lineage, Overrides overrides)
    : lineage_(std::move(lineage)), overrides_(std::move(overrides)) {}

Applied RulesetState::TakeSnapshot(std::string_view document, Order order) {
  Result<SnapshotDocument> decoded = DecodeSnapshot(document);
  if (!decoded) return Refused(decoded.error().message);
  const Snapshot& snapshot = decoded->snapshot;
  // Of another environment when the application was given another key, but has kept its cache file.
  const bool comparable = has_ruleset() && snapshot.epoch == header_.epoch && snapshot.project == header_.project &&
                          snapshot.environment == header_.environment;
  if (comparable && order == Order::kGrowing && snapshot.revision < header_.revision) {
    return Refused("a ruleset of revision " + std::to_string(snapshot.revision) + ", older than revision " +
                   std::to_string(header_.revision) + " that is held");
  }
  if (comparable && decoded->digest == digest_) {
    MoveTo(snapshot.revision);
    return {};
  }
  // All that can fail comes first.
  SnapshotHeader header{snapshot.project, snapshot.environment, snapshot.epoch, snapshot.revision};
  Records records;
  for (EncodedEntity& entity : decoded->entities) {
    records[{std::move(entity.kind), std::move(entity.key)}] = std::move(entity.record);
  }
  Put(WithOverrides(Compile(snapshot, {lineage_, decoded->undecodable}), records, {}));
  std::swap(header_, header);
  records_.swap(records);
  digest_ = decoded->digest;
  return {ApplyOutcome::kApplied, "", {}, true};
}

RulesetState::Compiled RulesetState::WithOverrides(std::shared_ptr<const Ruleset> held, const Records& first,
                                                   const Records& second) const {
  if (overrides_.empty()) return {held, held, {}};
  const auto record_of = [&](const std::string& flag) -> const std::string* {
    for (const Records* records : {&first, &second}) {
      const auto found = records->find({"flag", flag});
      if (found != records->end()) return &found->second;
    }
    return nullptr;
  };
  Overrides::Effect effect = overrides_.On(*held, record_of);
  std::shared_ptr<const Ruleset> served =
      effect.changes.empty() ? held : held->With(effect.changes, {}, held->revision());
  return {std::move(held), std::move(served), std::move(effect.said)};
}

// The warnings may throw, and come first.
bool RulesetState::Put(Compiled compiled) {
  std::vector<std::string> warnings = warnings_;
  for (const auto& [variable, text] : compiled.said) {
    const auto said = said_.find(variable);
    if (said == said_.end() || said->second != text) warnings.push_back(text);
  }
  warnings_.swap(warnings);
  said_.swap(compiled.said);
  held_.swap(compiled.held);
  ruleset_.swap(compiled.served);
  return said_ != compiled.said;
}

void RulesetState::MoveTo(Revision revision) {
  if (revision == header_.revision) return;
  std::shared_ptr<const Ruleset> held = held_->AtRevision(revision);
  ruleset_ = ruleset_ == held_ ? held : ruleset_->AtRevision(revision);
  held_ = std::move(held);
  header_.revision = revision;
}

bool RulesetState::IsOfAnotherEpoch(std::string_view event_id) const {
  const std::string_view epoch = event_id.substr(0, event_id.rfind('-'));
  return has_ruleset() && !event_id.empty() && epoch != header_.epoch;
}

Applied RulesetState::TakeChange(std::string_view data, std::string_view event_id) {
  Result<ChangeDocument> change = DecodeChange(data);
  if (!change) return Refused(change.error().message);
  if (IsOfAnotherEpoch(event_id)) return NeedsAll("a change of another epoch: the server was restored");
  if (!has_ruleset() || change->from > header_.revision) {
    return NeedsAll("changes between revision " + std::to_string(header_.revision) + " and " +
                    std::to_string(change->from) + " were missed");
  }
  if (change->to <= header_.revision) return {};

  // First the digest of what would be, so that nothing is half-applied.
  Digest128 digest = digest_;
  const auto toggle_held = [&](const Name& name) {
    const auto held = records_.find(name);
    if (held != records_.end()) digest.Toggle(name.first, name.second, held->second);
  };
  for (const EncodedEntity& entity : change->upserts) {
    toggle_held({entity.kind, entity.key});
    digest.Toggle(entity.kind, entity.key, entity.record);
  }
  for (const WireRef& ref : change->removals) toggle_held({ref.kind, ref.key});
  if (digest.ToHex() != change->digest) {
    return NeedsAll("the digest differs after the change to revision " + std::to_string(change->to));
  }

  Applied applied{ApplyOutcome::kApplied, "", {}, false};
  const auto note = [&](const std::string& kind, const std::string& key) {
    if (kind == "flag") {
      applied.flags.push_back(key);
    } else {
      applied.anything = true;
    }
  };
  // All that can fail comes first: afterwards nodes only change places.
  Records records;
  std::vector<Name> gone;
  for (EncodedEntity& entity : change->upserts) {
    note(entity.kind, entity.key);
    records[{std::move(entity.kind), std::move(entity.key)}] = std::move(entity.record);
  }
  for (const WireRef& ref : change->removals) {
    note(ref.kind, ref.key);
    gone.emplace_back(ref.kind, ref.key);
  }
  applied.anything |=
      Put(WithOverrides(held_->With(change->changes, change->undecodable, change->to), records, records_));
  for (const Name& name : gone) records_.erase(name);
  while (!records.empty()) {
    auto node = records.extract(records.begin());
    records_.erase(node.key());
    records_.insert(std::move(node));
  }
  digest_ = digest;
  header_.revision = change->to;
  return applied;
}

Applied RulesetState::TakeHeartbeat(std::string_view data, std::string_view event_id) {
  const Result<Value> value = ParseJson(data);
  const Value* revision = value ? value->Find("revision") : nullptr;
  const Value* digest = value ? value->Find("digest") : nullptr;
  if (revision == nullptr || !revision->is_int() || revision->AsInt() < 0 || digest == nullptr) {
    return Refused("a heartbeat that is none");
  }
  if (!has_ruleset()) return NeedsAll("a heartbeat before any ruleset");
  if (IsOfAnotherEpoch(event_id)) return NeedsAll("a heartbeat of another epoch: the server was restored");
  const auto said = static_cast<Revision>(revision->AsInt());
  if (said < header_.revision) return {ApplyOutcome::kIgnored, "", {}, false};
  if (digest->AsString() != digest_.ToHex()) {
    return NeedsAll("the digest differs at revision " + std::to_string(said));
  }
  MoveTo(said);
  return {};
}

bool RulesetState::RenewPatterns() {
  // The operator's name in quotes, as in any record that has it; it may stand elsewhere, too.
  const auto has_pattern = [](const auto& record) { return record.second.find("\"matches\"") != std::string::npos; };
  if (!has_ruleset() || std::none_of(records_.begin(), records_.end(), has_pattern)) return false;
  const Result<SnapshotDocument> decoded = DecodeSnapshot(Document());
  if (!decoded) return false;  // it was read before
  Put(WithOverrides(Compile(decoded->snapshot, {lineage_, decoded->undecodable}), records_, {}));
  return true;
}

std::string RulesetState::Document() const {
  std::vector<EncodedEntity> entities;
  entities.reserve(records_.size());
  for (const auto& [name, record] : records_) entities.push_back({name.first, name.second, record});
  return EncodeSnapshot(header_, entities);
}

std::string RulesetState::EventId() const {
  return has_ruleset() && !header_.epoch.empty() ? header_.epoch + "-" + std::to_string(header_.revision) : "";
}

}  // namespace guidon
