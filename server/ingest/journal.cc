#include "server/ingest/journal.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "core/base/json.h"
#include "server/store/system_clock.h"

namespace guidon {
namespace {

constexpr std::string_view kEvents = "!events/", kBatch = "!batch/", kExpiry = "!expiry/";
constexpr std::string_view kTrimmed = "journal/trimmed";
constexpr std::size_t kNumberBytes = 8;
constexpr std::size_t kStep = 256;  // entries looked at, or removed, at once

void AppendNumber(std::string& out, std::uint64_t number) {
  for (int shift = 56; shift >= 0; shift -= 8) out += static_cast<char>(number >> shift);
}

// Of the first 8 bytes; 0 when there are fewer.
std::uint64_t NumberOf(std::string_view bytes) {
  if (bytes.size() < kNumberBytes) return 0;
  std::uint64_t number = 0;
  for (const char byte : bytes.substr(0, kNumberBytes)) number = number << 8 | static_cast<unsigned char>(byte);
  return number;
}

std::string NumberedKey(std::string_view prefix, std::uint64_t sequence) {
  std::string key(prefix);
  AppendNumber(key, sequence);
  return key;
}

std::string NumberedKey(std::string_view prefix, std::uint64_t sequence, Timestamp time) {
  std::string key = NumberedKey(prefix, sequence);
  AppendNumber(key, static_cast<std::uint64_t>(time.time_since_epoch().count()));
  return key;
}

// A key of either numbered kind, taken apart.
struct Numbered {
  std::uint64_t sequence = 0;
  Timestamp time{};
  std::string_view scope;  // project/environment; of entries only
};
Numbered ParseNumbered(std::string_view prefix, std::string_view key) {
  Numbered parsed;
  key.remove_prefix(std::min(prefix.size(), key.size()));
  if (key.size() < 2 * kNumberBytes) return parsed;
  parsed.sequence = NumberOf(key);
  parsed.time = Timestamp(std::chrono::milliseconds(static_cast<std::int64_t>(NumberOf(key.substr(kNumberBytes)))));
  parsed.scope = key.substr(2 * kNumberBytes);
  return parsed;
}

// The keys from `sequence` on.
Result<RangeResult> Range(const Store& store, std::string_view prefix, std::uint64_t sequence, std::size_t limit,
                          bool keys_only) {
  RangeQuery query = RangeQuery::Prefix(prefix);
  query.begin = NumberedKey(prefix, sequence);
  query.limit = limit;
  query.keys_only = keys_only;
  return store.Range(query);
}

// The newest entry, by halves: there is one at or after its number, and none after that. Nothing in an empty journal.
Result<std::optional<std::string>> NewestKey(const Store& store) {
  std::optional<std::string> newest;
  std::uint64_t low = 0, high = ~std::uint64_t{0};
  while (low < high) {
    const std::uint64_t middle = low + (high - low) / 2;
    Result<RangeResult> found = Range(store, kEvents, middle, 1, true);
    if (!found) return Fail(found.error());
    if (found->entries.empty()) {
      high = middle;
    } else {
      newest = std::move(found->entries.front().key);
      low = ParseNumbered(kEvents, *newest).sequence + 1;
    }
  }
  return newest;
}

std::string TextOf(const NewEntry& entry, Timestamp received) {
  std::string text;
  text.reserve(entry.batch.events.size() + entry.batch.sender.size() + 512);
  text = "{\"received\":" + std::to_string(received.time_since_epoch().count());
  for (const auto& [name, value] : {std::pair<std::string_view, const std::string&>{"project", entry.project},
                                    {"environment", entry.environment},
                                    {"key", entry.key},
                                    {"batch", entry.batch.id}}) {
    text.append(",\"").append(name).append("\":");
    AppendJsonString(text, value);
  }
  return text.append(",").append(entry.batch.sender).append("\"events\":").append(entry.batch.events).append("}");
}

JournalEntry EntryOf(const Numbered& key, std::string text) {
  const std::size_t slash = std::min(key.scope.find('/'), key.scope.size());
  JournalEntry entry{key.sequence, key.time, std::string(key.scope.substr(0, slash)), "", std::move(text)};
  if (slash < key.scope.size()) entry.environment = key.scope.substr(slash + 1);
  return entry;
}

Appended FirstTime(const KeyValue& record) {
  return {NumberOf(record.value), true, record.value.substr(std::min(kNumberBytes, record.value.size()))};
}

}  // namespace

std::optional<EntryPlace> EntryPlaceOf(std::string_view store_key) {
  if (!store_key.starts_with(kEvents)) return std::nullopt;
  const Numbered parsed = ParseNumbered(kEvents, store_key);
  JournalEntry entry = EntryOf(parsed, {});
  return EntryPlace{entry.sequence, std::move(entry.project), std::move(entry.environment)};
}

Result<std::unique_ptr<Journal>> Journal::Open(Store& store, JournalOptions options) {
  if (!options.clock) options.clock = SystemNow;
  const Result<std::optional<std::string>> newest = NewestKey(store);
  if (!newest) return Fail(newest.error());
  const std::uint64_t last = *newest ? ParseNumbered(kEvents, **newest).sequence : 0;
  return std::unique_ptr<Journal>(new Journal(store, std::move(options), last));
}

Journal::Journal(Store& store, JournalOptions options, std::uint64_t last)
    : store_(store), options_(std::move(options)), last_(last) {}

Journal::~Journal() {
  MutexLock lock(flight_);
  landed_.Wait(lock, [this]() GUIDON_REQUIRES(flight_) { return batches_ == 0; });
}

// ---- Appending ---------------------------------------------------------------------------------------------------

Status Journal::Enter(std::size_t bytes) {
  MutexLock lock(flight_);
  if (batches_ >= options_.in_flight_batches || (batches_ > 0 && bytes_ + bytes > options_.in_flight_bytes)) {
    return Fail(ErrorCode::kOverloaded, "too many events wait for the disk; send the batch again in a moment");
  }
  ++batches_;
  bytes_ += bytes;
  return {};
}

void Journal::Leave(std::size_t bytes) {
  MutexLock lock(flight_);
  --batches_;
  bytes_ -= bytes;
  // Under the lock: whoever waits may destroy this as soon as it is released.
  if (batches_ == 0) landed_.NotifyAll();
}

Txn Journal::TxnOf(const NewEntry& entry, std::string text, std::uint64_t sequence, Timestamp received) const {
  const std::string scope = entry.project + "/" + entry.environment;
  // No id has a colon: whatever is sent otherwise, it takes none of those that are kept for ever.
  const std::string batch = std::string(kBatch) + scope + (entry.keeps_id ? "/kept:" : "/") + entry.batch.id;
  std::string record;
  AppendNumber(record, sequence);
  record += entry.answer;
  Txn txn;
  txn.compares = {TxnCompare::Absent(batch)};
  txn.ops = {TxnOp::Put(NumberedKey(kEvents, sequence, received) + scope, std::move(text)),
             TxnOp::Put(batch, std::move(record))};
  if (!entry.keeps_id) txn.ops.push_back(TxnOp::Put(NumberedKey(kExpiry, sequence, received), batch));
  return txn;
}

void Journal::Append(NewEntry entry, Done done) {
  const auto since = std::chrono::steady_clock::now();
  const Timestamp received = options_.clock();
  std::string text = TextOf(entry, received);
  const std::size_t bytes = text.size() + entry.answer.size();
  if (Status entered = Enter(bytes); !entered) return done(Fail(entered.error()));
  entry.batch.events.clear();
  MutexLock lock(order_);
  const std::uint64_t sequence = ++last_;
  Txn txn = TxnOf(entry, std::move(text), sequence, received);
  auto answered = [this, bytes, since, sequence, answer = std::move(entry.answer),
                   done = std::move(done)](Result<TxnResult> result) mutable {
    if (!result) {
      done(Fail(result.error()));
    } else if (result->outcome == TxnOutcome::kCommitted) {
      if (options_.on_commit) {
        options_.on_commit(std::chrono::duration<double>(std::chrono::steady_clock::now() - since).count());
      }
      done(Appended{sequence, false, std::move(answer)});
    } else if (result->found) {
      done(FirstTime(*result->found));
    } else {
      done(Fail(ErrorCode::kInternal, "the store refused an entry of the journal"));
    }
    done = nullptr;  // what it holds goes before this may
    Leave(bytes);
  };
  store_.Submit(std::move(txn), std::move(answered));
}

// ---- Reading -----------------------------------------------------------------------------------------------------

Result<JournalPage> Journal::Read(const JournalQuery& query) const {
  const std::string scope = query.project.empty() ? "" : query.project + "/" + query.environment;
  JournalPage page;
  page.next = query.after;
  std::size_t looked_at = 0, bytes = 0;
  for (bool more = true; more;) {
    Result<RangeResult> keys = Range(store_, kEvents, page.next + 1, kStep, true);
    if (!keys) return Fail(keys.error());
    more = keys->more;
    for (const KeyValue& key : keys->entries) {
      if (page.entries.size() >= std::max<std::size_t>(1, query.entries) || bytes >= query.bytes ||
          looked_at >= query.look_at) {
        page.more = true;
        more = false;
        break;
      }
      ++looked_at;
      const Numbered parsed = ParseNumbered(kEvents, key.key);
      page.next = parsed.sequence;
      if (!scope.empty() && parsed.scope != scope) continue;
      Result<std::optional<KeyValue>> stored = store_.Get(key.key);
      if (!stored) return Fail(stored.error());
      if (!*stored) continue;  // removed since
      bytes += (*stored)->value.size();
      page.entries.push_back(EntryOf(parsed, std::move((*stored)->value)));
    }
  }
  // After the entries: what was removed while they were read shows here.
  const Result<std::optional<KeyValue>> trimmed = store_.Get(kTrimmed);
  if (!trimmed) return Fail(trimmed.error());
  const std::uint64_t oldest_gone = *trimmed ? NumberOf((*trimmed)->value) : 0;
  if (query.after > 0 && query.after < oldest_gone) {
    return Fail(ErrorCode::kGone, "entries after " + std::to_string(query.after) + " are no longer kept; those after " +
                                      std::to_string(oldest_gone) + " are");
  }
  return page;
}

// ---- Trimming ----------------------------------------------------------------------------------------------------

Result<JournalTrim> Journal::Trim(Timestamp now, std::chrono::milliseconds keep, std::chrono::milliseconds keep_ids,
                                  const std::function<bool()>& stop) {
  JournalTrim trim;
  const Result<std::optional<std::string>> newest = NewestKey(store_);
  if (!newest) return Fail(newest.error());
  if (!*newest) return trim;
  now = std::min(now, ParseNumbered(kEvents, **newest).time);
  const Result<std::uint64_t> batches = Remove(kExpiry, now, now - keep_ids, stop, trim.stopped);
  if (!batches) return Fail(batches.error());
  trim.batches = *batches;
  const Result<std::uint64_t> entries = Remove(kEvents, now, now - keep, stop, trim.stopped);
  if (!entries) return Fail(entries.error());
  trim.entries = *entries;
  if (trim.entries == 0 || trim.stopped) return trim;
  // Deleted is not gone: their bytes leave the files, too. The newest entry always stays.
  const Result<RangeResult> kept = Range(store_, kEvents, 0, 1, true);
  if (!kept) return Fail(kept.error());
  if (kept->entries.empty()) return trim;
  const Status purged = store_.PurgeRange(kEvents, kept->entries[0].key, stop);
  if (purged || purged.error().code == ErrorCode::kStorageFull) return trim;  // which the next one makes up for
  if (purged.error().code != ErrorCode::kUnavailable) return Fail(purged.error());
  trim.stopped = true;
  return trim;
}

// Removes from the oldest on what is older than the cutoff, and what such a key of `!expiry/` leads to.
Result<std::uint64_t> Journal::Remove(std::string_view prefix, Timestamp now, Timestamp cutoff,
                                      const std::function<bool()>& stop, bool& stopped) {
  const bool is_events = prefix == kEvents;
  for (std::uint64_t removed = 0;;) {
    if ((stopped = stopped || stop())) return removed;
    Result<RangeResult> range = Range(store_, prefix, 0, kStep, is_events);
    if (!range) return Fail(range.error());
    std::size_t old = 0;  // so many from the front
    for (std::size_t i = 0; i < range->entries.size(); ++i) {
      const Timestamp time = ParseNumbered(prefix, range->entries[i].key).time;
      if (time < cutoff) old = i + 1;
      if (cutoff <= time && time <= now) break;
    }
    if (old == 0) return removed;
    Txn txn;
    for (std::size_t i = 0; i < old; ++i) {
      KeyValue& entry = range->entries[i];
      if (is_events && i + 1 == old) {
        std::string number;
        AppendNumber(number, ParseNumbered(prefix, entry.key).sequence);
        txn.ops.push_back(TxnOp::Put(std::string(kTrimmed), std::move(number)));
      }
      txn.ops.push_back(TxnOp::Delete(std::move(entry.key)));
      if (!is_events) txn.ops.push_back(TxnOp::Delete(std::move(entry.value)));
    }
    const Result<TxnResult> done = store_.Commit(std::move(txn));
    if (!done) return Fail(done.error());
    removed += old;
  }
}

}  // namespace guidon
