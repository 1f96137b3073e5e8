// Records, snapshots and changes as JSON: what the store keeps, the stream sends (docs/spec/wire.md), and bootstrap,
// export and last-known-good files hold.
//
//   record    {"definition":{…},"state":{…}}
//   snapshot  {"schema":1,"project":…,"environment":…,"epoch":…,"revision":17,"digest":"…","entities":[{"kind":"flag",
//             "key":"checkout.layout","record":{…}}, …]}
//   change {"from":17,"to":19,"digest":"…","upserts":[{"kind":…,"key":…,"record":{…}}],"removals":[{"kind":…,"key":…}]}
//
// Whoever holds entities keeps the bytes of each record as they were sent: the digest is over those, and nobody encodes
// a record that somebody else encoded.
//
// Reading is tolerant, so that neighbouring versions work together: unknown keys and unknown kinds of entities are
// skipped; an entity with an unknown operator or word, or any other fault of its own, is Undecodable and disturbs only
// the flags that need it. A document that is not of the shape above, or whose digest is not that of its entities, is
// refused as a whole.
//
// Thread safety: pure functions.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <guidon/value.h>
#include "core/base/hash.h"
#include "core/base/result.h"
#include "core/model/definitions.h"

namespace guidon {

inline constexpr int kWireSchema = 1;

// --- one record ----------------------------------------------------------------------------------------------------

// The definition tolerantly, the state with its invariants: ranges within 0 … 100 000, none empty, none overlapping.
// A state that is absent is the empty one.
Result<EntityRecord> DecodeRecord(EntityKind kind, const Value& value);
Value EncodeRecord(const EntityRecord& record);

// An entity in its encoded form.
struct EncodedEntity {
  std::string kind;    // text: it may be a kind that this version does not know
  std::string key;     // the same key as in the record's definition
  std::string record;  // JSON, as sent
  friend bool operator==(const EncodedEntity&, const EncodedEntity&) = default;
};
EncodedEntity EncodeEntity(const EntityRecord& record);
std::vector<EncodedEntity> EncodeEntities(const EntitySet& entities);  // by kind, each in its order

Digest128 DigestOf(std::span<const EncodedEntity> entities);

// --- snapshot ------------------------------------------------------------------------------------------------------

struct SnapshotHeader {
  std::string project;
  std::string environment;
  std::string epoch;
  Revision revision = 0;
  friend bool operator==(const SnapshotHeader&, const SnapshotHeader&) = default;
};

std::string EncodeSnapshot(const SnapshotHeader& header, std::span<const EncodedEntity> entities);
std::string EncodeSnapshot(const Snapshot& snapshot);

struct SnapshotDocument {
  Snapshot snapshot;                     // what could be decoded
  std::vector<Undecodable> undecodable;  // entities of known kinds that could not
  std::vector<EncodedEntity> entities;   // all, in their order, unknown kinds too
  Digest128 digest;                      // of `entities`; what the document said
};

// kInvalid: not such a document. kCorrupt: it is, but its digest is another one. kTooLarge: beyond JsonLimits.
Result<SnapshotDocument> DecodeSnapshot(std::string_view text);

// --- change --------------------------------------------------------------------------------------------------------

struct WireRef {
  std::string kind;
  std::string key;
  friend bool operator==(const WireRef&, const WireRef&) = default;
};

// `digest` is the one after the change is applied.
std::string EncodeChange(Revision from, Revision to, const Digest128& digest, std::span<const EncodedEntity> upserts,
                         std::span<const EntityRef> removals);

struct ChangeDocument {
  Revision from = 0;
  Revision to = 0;                       // always beyond `from`
  std::string digest;                    // 32 hex digits; the reader compares it with its own after applying
  ChangeSet changes;                     // what could be decoded; removals of known kinds
  std::vector<Undecodable> undecodable;  // upserts of known kinds that could not
  std::vector<EncodedEntity> upserts;    // all, unknown kinds too
  std::vector<WireRef> removals;         // all, unknown kinds too
};

// kInvalid: not such a document, or a key occurs twice in it.
Result<ChangeDocument> DecodeChange(std::string_view text);

}  // namespace guidon
