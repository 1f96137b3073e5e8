#include "tests/support/stream_client.h"

#include "core/base/hash.h"
#include "core/base/json.h"

namespace guidon::testing {

std::string StreamClient::Feed(std::string_view bytes) {
  std::string fault;
  const bool fed = parser_.Feed(bytes, [&](const net::SseEvent& event) {
    if (fault.empty()) fault = Take(event);
  });
  if (fault.empty() && !fed) fault = "an event is larger than a client accepts";
  return fault;
}

std::string StreamClient::DigestHex() const {
  Digest128 digest;
  for (const auto& [name, record] : records_) digest.Toggle(name.first, name.second, record);
  return digest.ToHex();
}

std::string StreamClient::Take(const net::SseEvent& event) {
  if (event.type == "snapshot") return TakeSnapshot(event);
  if (event.type == "change") return TakeChange(event);
  if (event.type == "heartbeat") return TakeHeartbeat(event);
  if (event.type == "goodbye") {
    const Result<Value> data = ParseJson(event.data);
    if (!data || data->Find("reason") == nullptr) return "goodbye without a reason: " + event.data;
    goodbye_ = data->Find("reason")->AsString();
  }
  return "";
}

std::string StreamClient::TakeSnapshot(const net::SseEvent& event) {
  const Result<SnapshotDocument> document = DecodeSnapshot(event.data);
  if (!document) return "snapshot: " + document.error().message;
  const Snapshot& snapshot = document->snapshot;
  if (snapshot.epoch == epoch_ && snapshot.revision < revision_) {
    return "snapshot of revision " + std::to_string(snapshot.revision) + " after " + std::to_string(revision_);
  }
  if (event.id != snapshot.epoch + "-" + std::to_string(snapshot.revision)) return "snapshot with id " + event.id;
  if (!accepts_undecodable_ && !document->undecodable.empty()) {
    return "undecodable: " + document->undecodable[0].message;
  }
  epoch_ = snapshot.epoch;
  revision_ = snapshot.revision;
  records_.clear();
  for (const EncodedEntity& entity : document->entities) records_[{entity.kind, entity.key}] = entity.record;
  ++snapshots_;
  return "";
}

std::string StreamClient::TakeChange(const net::SseEvent& event) {
  const Result<ChangeDocument> change = DecodeChange(event.data);
  if (!change) return "change: " + change.error().message;
  if (event.id != epoch_ + "-" + std::to_string(change->to)) return "change with id " + event.id;
  if (change->to <= revision_) return "change to " + std::to_string(change->to) + " sent again";
  if (change->from > revision_) {
    return "changes were skipped: held " + std::to_string(revision_) + ", got from " + std::to_string(change->from);
  }
  for (const EncodedEntity& entity : change->upserts) records_[{entity.kind, entity.key}] = entity.record;
  for (const WireRef& ref : change->removals) {
    if (records_.erase({ref.kind, ref.key}) == 0) return "removal of '" + ref.key + "', which is not held";
  }
  revision_ = change->to;
  ++changes_;
  return DigestHex() == change->digest ? "" : "the digest differs after change to " + std::to_string(revision_);
}

std::string StreamClient::TakeHeartbeat(const net::SseEvent& event) {
  const Result<Value> data = ParseJson(event.data);
  if (!data || data->Find("revision") == nullptr || data->Find("digest") == nullptr) return "heartbeat " + event.data;
  const auto revision = static_cast<Revision>(data->Find("revision")->AsInt());
  if (revision < revision_) return "heartbeat of " + std::to_string(revision) + " after " + std::to_string(revision_);
  if (event.id != epoch_ + "-" + std::to_string(revision)) return "heartbeat with id " + event.id;
  if (data->Find("digest")->AsString() != DigestHex()) return "the digest differs at " + std::to_string(revision);
  revision_ = revision;
  ++heartbeats_;
  return "";
}

}  // namespace guidon::testing
