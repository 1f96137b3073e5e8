#include "core/codec/wire.h"

#include "core/base/json.h"
#include "tests/fuzz/targets.h"

namespace guidon::fuzz {
namespace {

void CheckSnapshot(std::string_view text) {
  const Result<SnapshotDocument> document = DecodeSnapshot(text);
  if (!document) return;
  const Snapshot& snapshot = document->snapshot;
  const std::string written = EncodeSnapshot(
      SnapshotHeader{snapshot.project, snapshot.environment, snapshot.epoch, snapshot.revision}, document->entities);
  const Result<SnapshotDocument> again = DecodeSnapshot(written);
  Require(again.has_value(), "a snapshot that was read can be written and read again");
  Require(again->snapshot == snapshot && again->entities == document->entities && again->digest == document->digest,
          "and is the same one");
}

void CheckChange(std::string_view text) {
  const Result<ChangeDocument> document = DecodeChange(text);
  if (!document) return;
  Require(document->from < document->to, "a change leads forward");
  Require(document->changes.upserts.size() + document->undecodable.size() <= document->upserts.size(),
          "what is decoded was sent");
}

// An input that is a list of {"kind","key","record"} gets the header and digest that no fuzzer would guess.
void CheckEntities(std::string_view text) {
  const Result<Value> list = ParseJson(text);
  if (!list || !list->is_array()) return;
  std::vector<EncodedEntity> entities;
  for (const Value& item : list->AsArray()) {
    const Value *kind = item.Find("kind"), *key = item.Find("key"), *record = item.Find("record");
    if (kind == nullptr || key == nullptr || record == nullptr) return;
    entities.push_back({kind->AsString(), key->AsString(), ToJson(*record)});
  }
  CheckSnapshot(EncodeSnapshot(SnapshotHeader{"shop", "production", "e", 7}, entities));
  CheckChange(EncodeChange(6, 7, DigestOf(entities), entities, {}));
}

}  // namespace

void Wire(std::string_view input) {
  CheckSnapshot(input);
  CheckChange(input);
  CheckEntities(input);
}

}  // namespace guidon::fuzz
