#include "server/feed/feed.h"

#include <algorithm>
#include <charconv>
#include <iterator>
#include <limits>
#include <utility>

#include "core/base/json.h"
#include "net/gzip.h"
#include "net/sse.h"

namespace guidon {
namespace {

// Of an environment; a reader that does not read keeps them for as long as it may. Beyond it the oldest counts as if it
// had arrived.
constexpr std::size_t kMostOnTheirWay = 64;

Bytes Share(std::string text) {
  return std::make_shared<const std::string>(std::move(text));
}

Bytes EncodeEvent(std::string_view type, std::string_view id, std::string_view data) {
  std::string event;
  event.reserve(data.size() + 128);
  net::AppendSse(event, type, data, id);
  return Share(std::move(event));
}

EntityRef RefOf(const EncodedEntity& entity) {
  return {*EntityKindFromString(entity.kind), entity.key};
}

// "<epoch>-<revision>"; nullopt when it is not one of this epoch.
std::optional<Revision> RevisionOf(std::string_view event_id, std::string_view epoch) {
  if (event_id.size() <= epoch.size() + 1 || !event_id.starts_with(epoch) || event_id[epoch.size()] != '-') {
    return std::nullopt;
  }
  const std::string_view digits = event_id.substr(epoch.size() + 1);
  Revision revision = 0;
  const auto read = std::from_chars(digits.data(), digits.data() + digits.size(), revision);
  if (read.ec != std::errc() || read.ptr != digits.data() + digits.size()) return std::nullopt;
  return revision;
}

}  // namespace

Channel::Channel(Scope scope, std::string epoch, const FeedOptions& options)
    : scope_(std::move(scope)), epoch_(std::move(epoch)), options_(options) {}

Cursor Channel::Resume(std::string_view last_event_id) const {
  const std::optional<Revision> held = RevisionOf(last_event_id, epoch_);
  MutexLock lock(mutex_);
  Cursor cursor;
  if (!held || *held < floor_ || *held > head_) return cursor;
  cursor.revision = *held;
  cursor.needs_snapshot = false;
  return cursor;
}

Bytes Channel::Next(Cursor& cursor) {
  MutexLock lock(mutex_);
  if (closed_) return nullptr;
  NoteWritten(cursor);
  if (cursor.needs_snapshot || cursor.revision < floor_) {
    if (!snapshot_event_) snapshot_event_ = EncodeEvent("snapshot", EventId(head_), *DocumentLocked());
    cursor.revision = head_;
    cursor.needs_snapshot = false;
    return snapshot_event_;
  }
  const auto next = std::upper_bound(ring_.begin(), ring_.end(), cursor.revision,
                                     [](Revision held, const Change& change) { return held < change.to; });
  if (next == ring_.end()) return nullptr;
  cursor.revision = next->to;
  return next->event;
}

void Channel::Leave(Cursor& cursor) {
  MutexLock lock(mutex_);
  if (!std::exchange(cursor.counted, false)) return;
  --readers_;
  Arrived(cursor.written, std::numeric_limits<Revision>::max());
}

// A reader counts from when it has what there is: how long a first snapshot takes is its own affair.
void Channel::NoteWritten(Cursor& cursor) {
  if (cursor.needs_snapshot) return;
  if (!cursor.counted) {
    if (cursor.revision < changed_) return;
    cursor.counted = true;
    ++readers_;
  } else if (cursor.revision > cursor.written) {
    Arrived(cursor.written, cursor.revision);
  }
  cursor.written = cursor.revision;
}

// Of a reader, which has now what was changed after `from` up to `to`.
void Channel::Arrived(Revision from, Revision to) {
  if (on_its_way_.empty()) return;
  for (OnItsWay& change : on_its_way_) {
    if (change.revision > from && change.revision <= to && --change.readers == 0) {
      options_.on_written(Now() - change.since);
    }
  }
  std::erase_if(on_its_way_, [](const OnItsWay& change) { return change.readers == 0; });
}

Channel::TimePoint Channel::Now() const {
  return options_.clock ? options_.clock() : std::chrono::steady_clock::now();
}

Bytes Channel::Heartbeat() {
  MutexLock lock(mutex_);
  return HeartbeatLocked();
}

Bytes Channel::HeartbeatFor(const Cursor& cursor) {
  MutexLock lock(mutex_);
  return cursor.needs_snapshot || cursor.revision < changed_ ? nullptr : HeartbeatLocked();
}

Bytes Channel::HeartbeatLocked() {
  if (!heartbeat_event_) {
    const std::string data = "{\"revision\":" + std::to_string(head_) + ",\"digest\":\"" + digest_.ToHex() + "\"}";
    heartbeat_event_ = EncodeEvent("heartbeat", EventId(head_), data);
  }
  return heartbeat_event_;
}

Bytes Channel::NextRefetch(Revision& seen) {
  MutexLock lock(mutex_);
  if (closed_ || changed_ <= seen) return nullptr;
  seen = changed_;
  if (!refetch_event_) {
    const std::string data = R"({"type":"refetchEvaluation","etag":")" + EtagLocked() + "\"}";
    refetch_event_ = EncodeEvent("message", EventId(changed_), data);
  }
  return refetch_event_;
}

Revision Channel::changed() const {
  MutexLock lock(mutex_);
  return changed_;
}

Channel::Document Channel::Current(bool with_gzip) {
  Document document;
  {
    MutexLock lock(mutex_);
    document.plain = DocumentLocked();
    document.gzip = document_gzip_;
    document.etag = EtagLocked();
    document.revision = head_;
  }
  if (with_gzip && !document.gzip) {
    // Compressing takes milliseconds: outside the lock. Two callers may do it at once; both results are the same.
    document.gzip = Share(net::Gzip(*document.plain));
    MutexLock lock(mutex_);
    if (document_ == document.plain) document_gzip_ = document.gzip;
  }
  return document;
}

std::optional<Channel::Document> Channel::CurrentIfEncoded(bool with_gzip) const {
  MutexLock lock(mutex_);
  if (!document_ || (with_gzip && !document_gzip_)) return std::nullopt;
  return Document{document_, document_gzip_, EtagLocked(), head_};
}

std::string Channel::CurrentEtag() const {
  MutexLock lock(mutex_);
  return EtagLocked();
}

std::string Channel::EtagLocked() const {
  return std::to_string(changed_) + "-" + digest_.ToHex();
}

Revision Channel::AlteredBy(Revision revision) const {
  MutexLock lock(mutex_);
  if (revision >= changed_) return changed_;
  const auto after = std::upper_bound(ring_.begin(), ring_.end(), revision,
                                      [](Revision asked, const Change& change) { return asked < change.to; });
  if (after != ring_.begin()) return std::prev(after)->to;
  return revision >= floor_ ? floor_ : revision;
}

std::optional<std::chrono::nanoseconds> Channel::AgeOfChange(Revision held, Revision upto) const {
  MutexLock lock(mutex_);
  if (held < floor_) return std::nullopt;  // the first one is forgotten
  const auto next = std::upper_bound(ring_.begin(), ring_.end(), held,
                                     [](Revision asked, const Change& change) { return asked < change.to; });
  if (next == ring_.end() || next->to > upto || !next->published) return std::nullopt;
  return Now() - *next->published;
}

Channel::Compiled Channel::CurrentRuleset() const {
  MutexLock lock(mutex_);
  return {ruleset_, head_};
}

bool Channel::closed() const {
  MutexLock lock(mutex_);
  return closed_;
}

void Channel::Load(std::vector<EncodedEntity> entities, std::shared_ptr<const Ruleset> ruleset, Revision changed,
                   Revision head) {
  MutexLock lock(mutex_);
  for (EncodedEntity& entity : entities) Put(std::move(entity));
  ruleset_ = std::move(ruleset);
  changed_ = floor_ = changed;
  head_ = head;
}

void Channel::Apply(EncodedChange change, Revision revision) {
  MutexLock lock(mutex_);
  for (const EncodedEntity& entity : change.upserts) Put(entity);
  for (const EntityRef& ref : change.removals) Drop(ref);
  const std::string data = EncodeChange(changed_, revision, digest_, change.upserts, change.removals);
  // What is replayed at the start comes without a ruleset: when it was published, another process knew.
  const std::optional<TimePoint> published = change.ruleset ? std::optional(Now()) : std::nullopt;
  ring_.push_back({changed_, revision, EncodeEvent("change", EventId(revision), data), published});
  if (published && readers_ > 0 && options_.on_written) {
    on_its_way_.push_back({revision, *published, readers_});
    if (on_its_way_.size() > kMostOnTheirWay) {
      options_.on_written(*published - on_its_way_.front().since);
      on_its_way_.pop_front();
    }
  }
  ring_bytes_ += ring_.back().event->size();
  ruleset_ = std::move(change.ruleset);
  changed_ = revision;
  Trim();
  MoveHead(revision);
}

void Channel::Advance(Revision revision) {
  MutexLock lock(mutex_);
  MoveHead(revision);
}

void Channel::SetRuleset(std::shared_ptr<const Ruleset> ruleset) {
  MutexLock lock(mutex_);
  ruleset_ = std::move(ruleset);
}

void Channel::ForgetChanges() {
  MutexLock lock(mutex_);
  ring_.clear();
  ring_bytes_ = 0;
  floor_ = changed_;
}

void Channel::Close() {
  MutexLock lock(mutex_);
  closed_ = true;
}

void Channel::MoveHead(Revision revision) {
  head_ = revision;
  document_ = document_gzip_ = snapshot_event_ = heartbeat_event_ = refetch_event_ = nullptr;
}

void Channel::Put(EncodedEntity entity) {
  const EntityRef ref = RefOf(entity);
  Drop(ref);
  digest_.Toggle(entity.kind, entity.key, entity.record);
  entities_.emplace(ref, std::move(entity));
}

void Channel::Drop(const EntityRef& ref) {
  const auto held = entities_.find(ref);
  if (held == entities_.end()) return;
  digest_.Toggle(held->second.kind, held->second.key, held->second.record);
  entities_.erase(held);
}

void Channel::Trim() {
  // The newest change stays even if it alone is larger than the bound: every session that is up to date needs it.
  while (ring_.size() > 1 && (ring_.size() > options_.ring_changes || ring_bytes_ > options_.ring_bytes)) {
    ring_bytes_ -= ring_.front().event->size();
    floor_ = ring_.front().to;
    ring_.pop_front();
  }
}

Bytes Channel::DocumentLocked() {
  if (document_) return document_;
  std::vector<EncodedEntity> entities;
  entities.reserve(entities_.size());
  for (const auto& [ref, entity] : entities_) entities.push_back(entity);
  document_ = Share(EncodeSnapshot({scope_.project, scope_.environment, epoch_, head_}, entities));
  return document_;
}

std::string Channel::EventId(Revision revision) const {
  return epoch_ + "-" + std::to_string(revision);
}

Feed::Feed(std::string epoch, FeedOptions options, std::function<void()> wake)
    : epoch_(std::move(epoch)), options_(options), wake_(std::move(wake)) {}

void Feed::Open(const Scope& scope, std::vector<EncodedEntity> entities, std::shared_ptr<const Ruleset> ruleset,
                Revision changed, Revision head) {
  auto channel = std::make_shared<Channel>(scope, epoch_, options_);
  channel->Load(std::move(entities), std::move(ruleset), changed, head);
  MutexLock lock(mutex_);
  channels_[scope] = std::move(channel);
  head_ = std::max(head_, head);
}

void Feed::Publish(Revision revision, std::map<Scope, EncodedChange> changes) {
  std::map<Scope, std::shared_ptr<Channel>> channels;
  {
    MutexLock lock(mutex_);
    channels = channels_;
  }
  for (auto& [scope, channel] : channels) {
    const auto change = changes.find(scope);
    if (change != changes.end()) {
      channel->Apply(std::move(change->second), revision);
    } else {
      channel->Advance(revision);
    }
  }
  {
    MutexLock lock(mutex_);
    head_ = revision;
  }
  if (wake_) wake_();
}

void Feed::SetRuleset(const Scope& scope, std::shared_ptr<const Ruleset> ruleset) {
  if (const auto channel = Find(scope)) channel->SetRuleset(std::move(ruleset));
}

void Feed::Close(const Scope& scope) {
  std::shared_ptr<Channel> channel;
  {
    MutexLock lock(mutex_);
    const auto held = channels_.find(scope);
    if (held == channels_.end()) return;
    channel = std::move(held->second);
    channels_.erase(held);
  }
  channel->Close();
  if (wake_) wake_();
}

void Feed::ForgetChanges() {
  std::vector<std::shared_ptr<Channel>> channels;
  {
    MutexLock lock(mutex_);
    for (const auto& [scope, channel] : channels_) channels.push_back(channel);
  }
  for (const auto& channel : channels) channel->ForgetChanges();
}

std::shared_ptr<Channel> Feed::Find(const Scope& scope) const {
  MutexLock lock(mutex_);
  const auto held = channels_.find(scope);
  return held == channels_.end() ? nullptr : held->second;
}

Revision Feed::head() const {
  MutexLock lock(mutex_);
  return head_;
}

Bytes EncodeGoodbye(std::string_view reason, std::uint64_t retry_ms) {
  std::string data = "{\"reason\":";
  AppendJsonString(data, reason);
  data += ",\"retry_ms\":" + std::to_string(retry_ms) + "}";
  return EncodeEvent("goodbye", "", data);
}

}  // namespace guidon
