#include "core/codec/wire.h"

#include <limits>
#include <set>

#include "core/base/json.h"
#include "core/codec/codec.h"
#include "core/codec/state_codec.h"
#include "core/model/names.h"

namespace guidon {
namespace codec {
namespace {

template <typename RecordType, typename ReadDefinition, typename ReadState>
RecordType ReadRecordOf(const Node& node, ReadDefinition read_definition, ReadState read_state) {
  RecordType record;
  Fields fields(node, "a record");
  fields.Required("definition", record.definition, read_definition);
  fields.Optional("state", record.state, read_state);
  fields.Finish();
  return record;
}

EntityRecord ReadRecord(EntityKind kind, const Node& node) {
  switch (kind) {
    case EntityKind::kFlag:
      return ReadRecordOf<FlagRecord>(node, ReadFlag, ReadFlagState);
    case EntityKind::kSegment:
      return ReadRecordOf<SegmentRecord>(node, ReadSegment, ReadNoState);
    case EntityKind::kLayer:
      return ReadRecordOf<LayerRecord>(node, ReadLayer, ReadLayerState);
    case EntityKind::kHoldout:
      return ReadRecordOf<HoldoutRecord>(node, ReadHoldout, ReadHoldoutState);
    case EntityKind::kExperiment:
      return ReadRecordOf<ExperimentRecord>(node, ReadExperiment, ReadExperimentState);
    case EntityKind::kMetric:
      break;
  }
  return ReadRecordOf<MetricRecord>(node, ReadMetric, ReadNoState);
}

// --- documents: the parts around the records -----------------------------------------------------------------------

std::string ReadPlainText(const Node& node) {
  if (!node.value().is_string()) node.WrongType("text");
  return node.value().AsString();
}

Revision ReadRevision(const Node& node) {
  return ReadCount(node, 0, std::numeric_limits<std::int64_t>::max());
}

// {"kind":…,"key":…} and, of an upsert, "record", which is not there here: it is a part.
WireRef ReadRef(const Node& node, bool with_record) {
  WireRef ref;
  Fields fields(node, "an entity");
  fields.Required("kind", ref.kind, ReadPlainText);
  fields.Required("key", ref.key, ReadPlainText);
  if (with_record && fields && !fields.Has("record")) fields.Missing("record");
  fields.Finish();
  return ref;
}

std::vector<WireRef> ReadRefs(const Node& node, bool with_record) {
  return ReadList(node, "entities", std::numeric_limits<std::size_t>::max(),
                  [with_record](const Node& n) { return ReadRef(n, with_record); });
}

void CheckUnique(const Node& root, const std::vector<WireRef>& refs,
                 std::set<std::pair<std::string, std::string>>& seen) {
  for (const WireRef& ref : refs) {
    if (seen.emplace(ref.kind, ref.key).second) continue;
    root.Fault("duplicate_entity", ref.kind + " '" + ref.key + "' occurs twice");
  }
}

// The entities of a document, with their records as they were sent. Fewer than `refs` when a name on the way is written
// with escapes, which no writer does.
std::vector<EncodedEntity> WithBytes(const JsonParts& document, std::vector<WireRef> refs) {
  std::vector<EncodedEntity> entities;
  entities.reserve(refs.size());
  for (std::size_t i = 0; i < refs.size(); ++i) {
    const std::string_view record = document.Text(i);
    if (record.empty()) break;
    entities.push_back({std::move(refs[i].kind), std::move(refs[i].key), std::string(record)});
  }
  return entities;
}

Error EscapedNames() {
  return {ErrorCode::kInvalid, "the names of a document's members have to be written without escapes", {}};
}

// The flag that a record of an experiment names, or "".
std::string FlagNamedBy(EntityKind kind, const Value& record) {
  const Value* definition = kind == EntityKind::kExperiment ? record.Find("definition") : nullptr;
  const Value* flag = definition != nullptr ? definition->Find("flag") : nullptr;
  return flag != nullptr ? flag->AsString() : std::string();
}

// Decodes what it can of what is JSON; `entities` are those of the document.
template <typename Take>
Status DecodeEach(const std::vector<EncodedEntity>& entities, const JsonParts& document,
                  std::vector<Undecodable>& undecodable, Take take) {
  for (std::size_t i = 0; i < entities.size(); ++i) {
    Result<Value> value = document.Read(i);
    if (!value) return Fail(std::move(value.error()));
    const auto kind = EntityKindFromString(entities[i].kind);
    if (!kind) continue;
    const EntityRef ref{*kind, entities[i].key};
    Result<EntityRecord> record = DecodeRecord(*kind, *value);
    if (!record) {
      undecodable.push_back({ref, record.error().message, FlagNamedBy(*kind, *value)});
    } else if (const std::string key = RefOf(*record).key; key != ref.key) {
      undecodable.push_back({ref, ref.ToText() + ": its definition is of '" + key + "'", FlagNamedBy(*kind, *value)});
    } else {
      take(*std::move(record));
    }
  }
  return {};
}

struct SnapshotHead {
  SnapshotHeader header;
  std::string digest;
  std::vector<WireRef> refs;
};

SnapshotHead ReadSnapshotHead(const Node& node) {
  SnapshotHead head;
  std::uint64_t schema = 0;
  Fields fields(node, "a snapshot");
  fields.Required("schema", schema, [](const Node& n) { return ReadCount(n, 1, kMaxItems); });
  fields.Required("project", head.header.project, ReadPlainText);
  fields.Required("environment", head.header.environment, ReadPlainText);
  fields.Required("epoch", head.header.epoch, ReadPlainText);
  fields.Required("revision", head.header.revision, ReadRevision);
  fields.Required("digest", head.digest, ReadPlainText);
  fields.Required("entities", head.refs, [](const Node& n) { return ReadRefs(n, true); });
  fields.Finish();
  std::set<std::pair<std::string, std::string>> seen;
  CheckUnique(node, head.refs, seen);
  return head;
}

struct ChangeHead {
  Revision from = 0, to = 0;
  std::string digest;
  std::vector<WireRef> upserts, removals;
};

ChangeHead ReadChangeHead(const Node& node) {
  ChangeHead head;
  Fields fields(node, "a change");
  fields.Required("from", head.from, ReadRevision);
  fields.Required("to", head.to, ReadRevision);
  fields.Required("digest", head.digest, ReadPlainText);
  fields.Required("upserts", head.upserts, [](const Node& n) { return ReadRefs(n, true); });
  fields.Required("removals", head.removals, [](const Node& n) { return ReadRefs(n, false); });
  fields.Finish();
  if (head.to <= head.from) node.Fault("bad_number", "'to' has to be more than 'from'");
  std::set<std::pair<std::string, std::string>> seen;
  CheckUnique(node, head.upserts, seen);
  CheckUnique(node, head.removals, seen);
  return head;
}

// --- writing -------------------------------------------------------------------------------------------------------

void AppendMember(std::string& out, std::string_view name, std::string_view text) {
  out.append("\"").append(name).append("\":");
  AppendJsonString(out, text);
}

void AppendEntities(std::string& out, std::span<const EncodedEntity> entities) {
  out += '[';
  for (const EncodedEntity& entity : entities) {
    out += out.back() == '[' ? "{" : ",{";
    AppendMember(out, "kind", entity.kind);
    out += ',';
    AppendMember(out, "key", entity.key);
    out.append(",\"record\":").append(entity.record).append("}");
  }
  out += ']';
}

void AppendRefs(std::string& out, std::span<const EntityRef> refs) {
  out += '[';
  for (const EntityRef& ref : refs) {
    out += out.back() == '[' ? "{" : ",{";
    AppendMember(out, "kind", ToString(ref.kind));
    out += ',';
    AppendMember(out, "key", ref.key);
    out += '}';
  }
  out += ']';
}

std::size_t BytesOf(std::span<const EncodedEntity> entities) {
  constexpr std::size_t kAround = 64;  // names, quotes, braces
  std::size_t bytes = 0;
  for (const EncodedEntity& entity : entities) bytes += entity.key.size() + entity.record.size() + kAround;
  return bytes;
}

}  // namespace
}  // namespace codec

// --- one record ----------------------------------------------------------------------------------------------------

Result<EntityRecord> DecodeRecord(EntityKind kind, const Value& value) {
  codec::Report report{Strictness::kTolerant, {}, 0};
  const codec::Node node(value, report);
  EntityRecord record = codec::ReadRecord(kind, node);
  if (report.issues.empty()) return record;
  const Value* definition = value.Find("definition");
  const std::string entity = codec::EntityText(ToString(kind), definition != nullptr ? *definition : Value());
  return Fail(std::move(report).ToError(entity, ToString(kind)));
}

Value EncodeRecord(const EntityRecord& record) {
  Object state = std::visit([](const auto& r) { return codec::WriteState(r.state); }, record);
  return Object{{"definition", EncodeDefinition(record)}, {"state", std::move(state)}};
}

EncodedEntity EncodeEntity(const EntityRecord& record) {
  EntityRef ref = RefOf(record);
  return {std::string(ToString(ref.kind)), std::move(ref.key), ToJson(EncodeRecord(record))};
}

std::vector<EncodedEntity> EncodeEntities(const EntitySet& entities) {
  std::vector<EncodedEntity> encoded;
  const auto append = [&](const auto& records) {
    for (const auto& record : records) encoded.push_back(EncodeEntity(record));
  };
  append(entities.flags);
  append(entities.segments);
  append(entities.layers);
  append(entities.holdouts);
  append(entities.experiments);
  append(entities.metrics);
  return encoded;
}

Digest128 DigestOf(std::span<const EncodedEntity> entities) {
  Digest128 digest;
  for (const EncodedEntity& entity : entities) digest.Toggle(entity.kind, entity.key, entity.record);
  return digest;
}

// --- snapshot ------------------------------------------------------------------------------------------------------

std::string EncodeSnapshot(const SnapshotHeader& header, std::span<const EncodedEntity> entities) {
  std::string out;
  out.reserve(codec::BytesOf(entities) + 512);
  out.append("{\"schema\":").append(std::to_string(kWireSchema)).append(",");
  codec::AppendMember(out, "project", header.project);
  out += ',';
  codec::AppendMember(out, "environment", header.environment);
  out += ',';
  codec::AppendMember(out, "epoch", header.epoch);
  out.append(",\"revision\":").append(std::to_string(header.revision)).append(",");
  codec::AppendMember(out, "digest", DigestOf(entities).ToHex());
  out += ",\"entities\":";
  codec::AppendEntities(out, entities);
  out += '}';
  return out;
}

std::string EncodeSnapshot(const Snapshot& snapshot) {
  return EncodeSnapshot({snapshot.project, snapshot.environment, snapshot.epoch, snapshot.revision},
                        EncodeEntities(snapshot.entities));
}

Result<SnapshotDocument> DecodeSnapshot(std::string_view text) {
  const Result<JsonParts> parts = JsonParts::Parse(text, "entities", "record");
  if (!parts) return Fail(parts.error());
  auto head = codec::Decode("snapshot", parts->frame(), Strictness::kTolerant, codec::ReadSnapshotHead);
  if (!head) return Fail(std::move(head.error()));
  SnapshotDocument document;
  const std::size_t count = head->refs.size();
  document.entities = codec::WithBytes(*parts, std::move(head->refs));
  if (document.entities.size() != count) return Fail(codec::EscapedNames());
  document.digest = DigestOf(document.entities);
  if (document.digest.ToHex() != head->digest) {
    return Fail(ErrorCode::kCorrupt, "the snapshot says digest " + head->digest + ", its entities have " +
                                         document.digest.ToHex() + "; it was cut or altered on the way");
  }
  SnapshotHeader& header = head->header;
  document.snapshot = {
      std::move(header.project), std::move(header.environment), std::move(header.epoch), header.revision, {}};
  const auto take = [&](EntityRecord record) { document.snapshot.entities.Append(std::move(record)); };
  Status decoded = codec::DecodeEach(document.entities, *parts, document.undecodable, take);
  if (!decoded) return Fail(std::move(decoded.error()));
  return document;
}

// --- change --------------------------------------------------------------------------------------------------------

std::string EncodeChange(Revision from, Revision to, const Digest128& digest, std::span<const EncodedEntity> upserts,
                         std::span<const EntityRef> removals) {
  std::string out;
  out.reserve(codec::BytesOf(upserts) + 256 * (removals.size() + 1));
  out.append("{\"from\":").append(std::to_string(from)).append(",\"to\":").append(std::to_string(to)).append(",");
  codec::AppendMember(out, "digest", digest.ToHex());
  out += ",\"upserts\":";
  codec::AppendEntities(out, upserts);
  out += ",\"removals\":";
  codec::AppendRefs(out, removals);
  out += '}';
  return out;
}

Result<ChangeDocument> DecodeChange(std::string_view text) {
  const Result<JsonParts> parts = JsonParts::Parse(text, "upserts", "record");
  if (!parts) return Fail(parts.error());
  auto head = codec::Decode("change", parts->frame(), Strictness::kTolerant, codec::ReadChangeHead);
  if (!head) return Fail(std::move(head.error()));
  ChangeDocument document;
  document.from = head->from;
  document.to = head->to;
  document.digest = std::move(head->digest);
  const std::size_t count = head->upserts.size();
  document.upserts = codec::WithBytes(*parts, std::move(head->upserts));
  if (document.upserts.size() != count) return Fail(codec::EscapedNames());
  document.removals = std::move(head->removals);
  const auto take = [&](EntityRecord record) { document.changes.upserts.push_back(std::move(record)); };
  Status decoded = codec::DecodeEach(document.upserts, *parts, document.undecodable, take);
  if (!decoded) return Fail(std::move(decoded.error()));
  for (const WireRef& ref : document.removals) {
    if (const auto kind = EntityKindFromString(ref.kind)) document.changes.removals.push_back({*kind, ref.key});
  }
  return document;
}

}  // namespace guidon
