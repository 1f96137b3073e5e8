#include "server/catalog/records.h"

#include <tuple>
#include <utility>

#include "core/base/json.h"
#include "core/base/json_record.h"
#include "core/codec/codec.h"
#include "core/codec/wire.h"

namespace guidon {
namespace {

// Cuts the text before the next '/' off `rest`.
std::string_view NextPart(std::string_view& rest) {
  const std::size_t slash = rest.find('/');
  const std::string_view part = rest.substr(0, slash);
  rest = slash == std::string_view::npos ? std::string_view() : rest.substr(slash + 1);
  return part;
}

std::string Join(std::string_view a, std::string_view b, std::string_view c) {
  return std::string(a) + std::string(b) + "/" + std::string(c);
}

std::string RefName(const EntityRef& ref) {
  return std::string(ToString(ref.kind)) + "/" + ref.key;
}

Error Unreadable(std::string_view key, const Error& cause) {
  return {ErrorCode::kCorrupt,
          "stored record '" + std::string(key) + "' cannot be read: " + cause.message +
              "; was it written by a newer version of guidond?",
          {}};
}

Value StandingOf(const ExperimentState& state) {
  Object standing{{"status", Value(ToString(state.status))},
                  {"iteration", Value(state.iteration)},
                  {"ramp_step", Value(state.ramp_step)}};
  if (!state.winner.empty()) standing.Append("winner", Value(state.winner));
  return standing;
}

}  // namespace

StoreKey ParseStoreKey(std::string_view key) {
  StoreKey parsed;
  const std::string_view space = NextPart(key);
  parsed.project = NextPart(key);
  if (space == "project") {
    parsed.kind = StoreKey::Kind::kProject;
  } else if (space == "applied-project") {
    parsed.kind = StoreKey::Kind::kAppliedProject;
  } else if (space == "item") {
    parsed.kind = StoreKey::Kind::kItem;
  } else if (space == "entity" || space == "applied") {
    const auto kind = EntityKindFromString(NextPart(key));
    if (!kind) return parsed;
    parsed.kind = space == "entity" ? StoreKey::Kind::kEntity : StoreKey::Kind::kApplied;
    parsed.ref = {*kind, std::string(key)};
  }
  return parsed;
}

std::string ProjectStoreKey(std::string_view project) {
  return "project/" + std::string(project);
}
std::string EntityPrefix(std::string_view project) {
  return Join("entity/", project, "");
}
std::string AppliedPrefix(std::string_view project) {
  return Join("applied/", project, "");
}
std::string AppliedProjectStoreKey(std::string_view project) {
  return "applied-project/" + std::string(project);
}
std::string EntityStoreKey(std::string_view project, const EntityRef& ref) {
  return Join("entity/", project, RefName(ref));
}
std::string AppliedStoreKey(std::string_view project, const EntityRef& ref) {
  return Join("applied/", project, RefName(ref));
}
std::string ItemStoreKey(std::string_view space, std::string_view id) {
  return Join("item/", space, id);
}

std::string CommentPrefix(std::string_view project, const EntityRef& ref) {
  return std::string(project) + "/" + RefName(ref) + "/";
}

std::string IterationsStoreKey(std::string_view project, std::string_view experiment) {
  return ItemStoreKey(kIterationsSpace, Join("", project, experiment));
}

std::string EncodeIterations(std::uint32_t last) {
  return ToJson(Object{{"last", Value(last)}});
}
std::string EncodeProjectText(const Project& project) {
  return ToJson(EncodeProject(project));
}
std::string EncodeRecordText(const EntityRecord& record) {
  return EncodeEntity(record).record;
}

Result<std::uint32_t> DecodeIterations(std::string_view key, std::string_view text) {
  const Result<Value> value = ParseJson(text);
  if (!value) return Fail(Unreadable(key, value.error()));
  return static_cast<std::uint32_t>(CountOf(*value, "last"));
}

Result<Project> DecodeProjectText(std::string_view key, std::string_view text) {
  Result<Value> value = ParseJson(text);
  if (!value) return Fail(Unreadable(key, value.error()));
  Result<Project> project = DecodeProject(*value, Strictness::kTolerant);
  if (!project) return Fail(Unreadable(key, project.error()));
  return project;
}

Result<StoredEntity> DecodeEntityText(std::string_view key, std::string_view text) {
  const StoreKey parsed = ParseStoreKey(key);
  if (parsed.kind != StoreKey::Kind::kEntity) {
    return Fail(Unreadable(key, {ErrorCode::kCorrupt, "its name is not one of this version", {}}));
  }
  Result<Value> value = ParseJson(text);
  if (!value) return Fail(Unreadable(key, value.error()));
  Result<EntityRecord> record = DecodeRecord(parsed.ref.kind, *value);
  if (!record) return Fail(Unreadable(key, record.error()));
  return StoredEntity{parsed.project, *std::move(record)};
}

Result<EntityRecord> DecodeDefinitionOf(const EntityRef& ref, const Value& definition) {
  const std::string_view word = ToString(ref.kind);
  Value complete = definition;
  if (complete.is_object() && complete.Find(word) == nullptr) complete.MutableObject().Set(word, Value(ref.key));
  Result<EntityRecord> record = DecodeEntity(ref.kind, complete);
  if (!record) {
    Error error = record.error();
    for (Issue& issue : error.issues) issue.entity = ref.ToText();
    return Fail(std::move(error));
  }
  if (RefOf(*record).key != ref.key) {
    return Fail(InvalidError("the definition is not that of " + ref.ToText(),
                             {{Severity::kError, "key_differs", Path().Key(word),
                               "the key is '" + RefOf(*record).key + "', but the change is about '" + ref.key + "'",
                               "keys are immutable: create the other one and remove this one", ref.ToText()}}));
  }
  return record;
}

Value DescribeMove(const ExperimentRecord* before, const ExperimentRecord* after) {
  const ExperimentRecord& known = after != nullptr ? *after : *before;
  const ExperimentState was = before != nullptr ? before->state : ExperimentState();
  ExperimentState is = after != nullptr ? after->state : was;
  const bool was_live = was.status == ExperimentStatus::kRunning || was.status == ExperimentStatus::kPaused;
  if (after == nullptr && was_live) is.status = ExperimentStatus::kStopped;
  const auto place = [](const ExperimentState& state) {
    return std::tie(state.status, state.iteration, state.ramp_step, state.winner);
  };
  if (place(was) == place(is)) return {};
  Array variants;
  for (const Variant& variant : known.definition.variants) variants.emplace_back(variant.name);
  return Object{{"environment", Value(known.definition.environment)},
                {"variants", Value(std::move(variants))},
                {"before", StandingOf(was)},
                {"after", StandingOf(is)}};
}

std::string EncodeLog(std::string_view project, bool project_changed, const std::vector<LoggedChange>& changes) {
  Array list;
  for (const LoggedChange& change : changes) {
    Object one{{"kind", Value(ToString(change.ref.kind))}, {"key", Value(change.ref.key)}};
    if (change.removed) one.Append("removed", true);
    if (!change.experiment.is_null()) one.Append("experiment", change.experiment);
    list.emplace_back(std::move(one));
  }
  Object log{{"project", Value(project)}};
  if (project_changed) log.Append("project_changed", true);
  log.Append("changes", std::move(list));
  return ToJson(Value(std::move(log)));
}

std::string EncodeItemLog(const std::vector<Item>& items) {
  const auto name = [](const Item& item) { return Object{{"space", Value(item.space)}, {"id", Value(item.id)}}; };
  Object log = name(items.at(0));
  Array also;
  for (std::size_t i = 1; i < items.size(); ++i) also.emplace_back(name(items[i]));
  if (!also.empty()) log.Append("also", Value(std::move(also)));
  return ToJson(Value(std::move(log)));
}

}  // namespace guidon
