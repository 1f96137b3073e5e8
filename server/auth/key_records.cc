#include "server/auth/key_records.h"

#include <utility>

#include "core/base/json.h"
#include "core/model/units.h"
#include "server/auth/roles.h"

namespace guidon {

std::string EncodeKeyRecord(const KeyRecord& record) {
  Object object{{"kind", Value(ToString(record.kind))},     {"project", Value(record.project)},
                {"environment", Value(record.environment)}, {"description", Value(record.description)},
                {"verifier", Value(record.verifier)},       {"created_ms", Value(record.created_ms)},
                {"expires_ms", Value(record.expires_ms)},   {"revoked_ms", Value(record.revoked_ms)}};
  if (!record.role.empty()) object.Append("role", Value(record.role));
  if (!record.member.empty()) object.Append("member", Value(record.member));
  if (!record.replaced_by.empty()) object.Append("replaced_by", Value(record.replaced_by));
  return ToJson(Value(std::move(object)));
}

Result<KeyRecord> DecodeKeyRecord(std::string_view id, std::string_view text) {
  const Result<Value> value = ParseJson(text);
  const Value* kind = value ? value->Find("kind") : nullptr;
  const auto known = kind == nullptr ? std::nullopt : KeyKindFromString(kind->AsString());
  if (!known) return Fail(ErrorCode::kCorrupt, "the record of key '" + std::string(id) + "' cannot be read");
  const auto text_of = [&](std::string_view name) {
    const Value* member = value->Find(name);
    return member == nullptr ? std::string() : member->AsString();
  };
  const auto time_of = [&](std::string_view name) {
    const Value* member = value->Find(name);
    return member == nullptr ? std::int64_t{0} : member->AsInt();
  };
  KeyRecord record;
  record.id = id;
  record.kind = *known;
  record.project = text_of("project");
  record.environment = text_of("environment");
  record.role = text_of("role");
  record.member = text_of("member");
  record.replaced_by = text_of("replaced_by");
  record.description = text_of("description");
  record.verifier = text_of("verifier");
  record.created_ms = time_of("created_ms");
  record.expires_ms = time_of("expires_ms");
  record.revoked_ms = time_of("revoked_ms");
  return record;
}

Value DescribeKey(const KeyRecord& record, std::int64_t seen_ms, std::optional<std::int64_t> ended_ms) {
  Object object{{"id", Value(record.id)}, {"kind", Value(ToString(record.kind))}};
  if (!record.project.empty()) object.Append("project", Value(record.project));
  if (!record.environment.empty()) object.Append("environment", Value(record.environment));
  if (record.kind == KeyKind::kAdmin) object.Append("role", Value(RoleOf(record)));
  if (!record.member.empty()) object.Append("member", Value(record.member));
  if (!record.description.empty()) object.Append("description", Value(record.description));
  object.Append("created", Value(FormatTimestamp(record.created_ms)));
  if (record.expires_ms != 0) object.Append("expires", Value(FormatTimestamp(record.expires_ms)));
  if (record.revoked_ms != 0) {
    object.Append("revoked", Value(FormatTimestamp(record.revoked_ms)));
  } else if (ended_ms) {
    object.Append("revoked", Value(FormatTimestamp(*ended_ms)));
    object.Append("revocation_stored", false);
  }
  if (!record.replaced_by.empty()) object.Append("replaced_by", Value(record.replaced_by));
  if (seen_ms != 0) object.Append("last_seen", Value(FormatTimestamp(seen_ms)));
  return object;
}

}  // namespace guidon
