// What the server remembers: a revisioned key-value store with watch, modelled on etcd.
//
//   Result<std::unique_ptr<Store>> store = OpenRocksStore({.folder = "/var/lib/guidon"});
//   Txn txn;
//   txn.compares = {TxnCompare::NotModifiedAfter("flag/shop/checkout.layout", 17)};
//   txn.ops = {TxnOp::Put("flag/shop/checkout.layout", record)};
//   txn.revision = RevisionRecord{.log = change_set, .audit = who_did_what};
//   Result<TxnResult> result = (*store)->Commit(std::move(txn));
//   if (result && result->outcome == TxnOutcome::kCommitted) Announce(result->revision);
//
// Two numbers. Every transaction takes the next **position**, the store's own order. A transaction that carries a
// RevisionRecord also takes the next **revision**, the public number: both are gap-free from 1, and no revision exists
// without its log entry, its audit entry and its link in the hash chain (audit/chain.h). Journals that are no
// change of definitions (events) commit without a revision. docs/decisions/store-revisions.md says why.
//
// Order: a transaction is durable, then visible to readers and watches, then answered. After a crash, what was answered
// is there; what was not answered is there whole or not at all.
//
// Keys and values are byte strings; a key is not empty. Old versions stay readable until Compact.
//
// Keys that begin with '!' are **plain**: they have no history, for journals that are written once, read in order and
// removed when they are old (docs/decisions/plain-keys.md). A delete of one removes it for good, at once. Readers see
// the newest value only: a range of plain keys has those that were put at or before its position and are still there.
// Watches, compaction and past positions know nothing of them. Each is put once: a second put replaces the first, and
// a reader may miss the key for the moment that this takes.
//
// Thread safety: every method may be called from any thread. Reads never wait for writers, but may read the disk;
// Commit waits for it. Neither belongs on an I/O thread. Watch cursors must be destroyed before the store.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "audit/chain.h"
#include "core/base/result.h"

namespace guidon {

using Position = std::uint64_t;  // order of all transactions; 0: none, or "newest" where a read asks for one
using Revision = std::uint64_t;  // as in core/model: order of the catalog's commits; 0: nothing committed

constexpr bool IsPlainKey(std::string_view key) {
  return key.starts_with('!');
}

// ---- Reading ---------------------------------------------------------------------------------------------------

struct KeyValue {
  std::string key;
  std::string value;
  Position created = 0;           // the transaction that put it first, since it was last absent
  Position modified = 0;          // the transaction that put this value
  Revision created_revision = 0;  // the revisions of those two; 0 for a transaction that took none
  Revision modified_revision = 0;

  friend bool operator==(const KeyValue&, const KeyValue&) = default;
};

// Keys in [begin, end), in byte order; an empty end: to the last key.
// Plain keys are found by a range that begins with one, which then has no others.
struct RangeQuery {
  std::string begin;
  std::string end;
  Position at = 0;         // 0: newest
  std::size_t limit = 0;   // 0: all of them; the caller knows that they fit into memory
  std::size_t bytes = 0;   // of keys and values, likewise; the first entry is given however large it is
  bool keys_only = false;  // leaves the values empty

  static RangeQuery Key(std::string_view key, Position at = 0);
  static RangeQuery Prefix(std::string_view prefix, Position at = 0);
};

struct RangeResult {
  std::vector<KeyValue> entries;
  Position at = 0;    // what was read; a next page asks for the same
  bool more = false;  // the limit, or that of bytes, cut it; go on from the last key + '\0'
};

// The state of the whole store after its newest visible transaction.
struct StoreHead {
  Position position = 0;
  Revision revision = 0;
  Timestamp time{};  // of the newest transaction
  Hash256 hash{};    // of that revision's link in the chain; zeros before the first

  friend bool operator==(const StoreHead&, const StoreHead&) = default;
};

// ---- Writing ---------------------------------------------------------------------------------------------------

// A condition on one key, as it is just before the transaction.
struct TxnCompare {
  enum class Kind : std::uint8_t { kExists, kAbsent, kValueIs, kModifiedAt, kNotModifiedAfter };
  Kind kind = Kind::kExists;
  std::string key;
  std::string value;         // kValueIs
  std::uint64_t number = 0;  // kModifiedAt: a Position; kNotModifiedAfter: a Revision

  static TxnCompare Exists(std::string key);
  static TxnCompare Absent(std::string key);
  static TxnCompare ValueIs(std::string key, std::string value);
  // Holds if the key exists and its value was put by that very transaction.
  static TxnCompare ModifiedAt(std::string key, Position position);
  // Holds if the key exists and no revision later than this one put it (`If-Match: N`).
  static TxnCompare NotModifiedAfter(std::string key, Revision revision);
};

struct TxnOp {
  enum class Kind : std::uint8_t { kPut, kDelete };
  Kind kind = Kind::kPut;
  std::string key;
  std::string value;  // kPut

  static TxnOp Put(std::string key, std::string value);
  static TxnOp Delete(std::string key);  // of an absent key: no effect
  friend bool operator==(const TxnOp&, const TxnOp&) = default;
};

// What a transaction that takes a revision must bring. Both are opaque to the store, and kept apart from the chain,
// which holds only salted hashes of them: erasing one later does not break the chain.
struct RevisionRecord {
  std::string log;    // what changed: for feeds, history and `plan`
  std::string audit;  // who did what, from where

  friend bool operator==(const RevisionRecord&, const RevisionRecord&) = default;
};

// The same principal, key and body within 24 hours: the first answer is given again and nothing is written.
// The same principal and key with another body: kMismatch. Only what committed is remembered.
struct Idempotency {
  std::string principal;
  std::string key;
  std::string body_hash;  // a hash of the request; compared for equality only
  std::string response;   // what to give back to a repetition, beside position and revision
};

// Another value for what one transaction put under a key: the version and all that is said of it stay, and whoever
// reads it, now or as of a past position, reads this. No effect where that version is not there (any more).
struct TxnRewrite {
  std::string key;
  Position position = 0;  // of the transaction that put it
  std::string value;
};

struct Txn {
  std::vector<TxnCompare> compares;  // all must hold; looked at after the idempotency key
  std::vector<TxnOp> ops;            // each key at most once
  std::optional<RevisionRecord> revision;
  std::optional<Idempotency> idempotency;
  std::vector<Revision> redact;           // erase log and audit of these earlier revisions; needs a revision of its own
  std::vector<TxnRewrite> rewrites = {};  // of Store::Rewrite, which keeps compaction away meanwhile; of nobody else
};

enum class TxnOutcome : std::uint8_t { kCommitted, kCompareFailed, kReplayed };

struct TxnResult {
  TxnOutcome outcome = TxnOutcome::kCommitted;
  Position position = 0;           // kCommitted: of this transaction; kReplayed: of the first one
  Revision revision = 0;           // likewise; 0 if it took none
  Timestamp time{};                // likewise
  std::size_t failed_compare = 0;  // kCompareFailed: index of the first that does not hold
  std::optional<KeyValue> found;   // kCompareFailed: what is there instead; nothing if the key is absent
  std::string response;            // kReplayed
};

// Runs once, on a thread of the store, possibly before Submit returns. Must be short and must not call Commit.
using TxnDone = std::function<void(Result<TxnResult>)>;

// ---- Watching --------------------------------------------------------------------------------------------------

// One whole transaction, as it was committed.
struct CommittedTxn {
  Position position = 0;
  Revision revision = 0;  // 0 if it took none
  Timestamp time{};
  std::vector<TxnOp> ops;  // in their order, without deletes of what was absent, and without plain keys
  RevisionRecord record;   // empty without a revision, and once redacted

  friend bool operator==(const CommittedTxn&, const CommittedTxn&) = default;
};

struct WatchProgress {
  Position position = 0;  // everything up to here has been yielded; wait for the wake
};
struct WatchCompacted {
  Position oldest = 0;  // the first position that is still kept; read the state afresh and watch from there
};
struct WatchLost {
  std::string reason;  // the driver cannot tell what came next; read the state afresh
};
using WatchEvent = std::variant<CommittedTxn, WatchProgress, WatchCompacted, WatchLost>;

// A cursor over transactions. Level-triggered: it queues nothing, a slow reader costs nothing, and one wake may stand
// for many transactions or none. Call Next until it yields Progress, then again after a wake; from one thread at a
// time, not from within the wake.
class WatchCursor {
 public:
  virtual ~WatchCursor() = default;  // no wake runs after it, nor while it returns; never from within the wake
  virtual WatchEvent Next() = 0;     // Compacted and Lost are final
};

// ---- Erasing ---------------------------------------------------------------------------------------------------

enum class KeySpace : std::uint8_t { kVersioned, kPlain };

// Asked for one value that is stored: what it is to be from now on; nothing: as it is. `is_newest`: no later version of
// the key is kept, deletions among them. Must not call into the store.
using Rewriter = std::function<std::optional<std::string>(const KeyValue& stored, bool is_newest)>;

// Likewise, of who only looks.
using Viewer = std::function<void(const KeyValue& stored, bool is_newest)>;
// Of who may have seen enough: whether to go on.
using Scanner = std::function<bool(const KeyValue& stored, bool is_newest)>;

// Where a look begins: at that version of a key, or at what comes after it where that is not there (any more).
struct ScanPlace {
  std::string key = {};   // empty: at the beginning of the space
  Position position = 0;  // of the transaction that put it; 0: the newest one. Plain keys have one only
};

struct BackupManifest;
struct BackupRequest;

// ---- The store -------------------------------------------------------------------------------------------------

class Store {
 public:
  virtual ~Store() = default;  // commits what is queued, then closes

  // Queues a transaction; `done` gets exactly one answer. Errors:
  //   kInvalid        nothing to write, a key twice, an empty key, a redaction without a revision or of one that does
  //                   not exist
  //   kTooLarge       beyond StoreLimits
  //   kMismatch       the idempotency key was used with another body
  //   kOverloaded     the queue is full; nothing was written; retry later
  //   kStorageFull    nothing was written; the store recovers by itself once there is room
  //   kUnavailable    the store is closing, or read-only after a failed write; nothing was written
  //   kIndeterminate  the disk failed in the middle: it may or may not be there after a restart
  virtual void Submit(Txn txn, TxnDone done) = 0;
  Result<TxnResult> Commit(Txn txn);  // Submit, and wait for the answer

  // kGone: `at` is older than the last compaction. kInvalid: `at` is in the future. kCorrupt, kIo: the disk.
  virtual Result<RangeResult> Range(const RangeQuery& query) const = 0;
  Result<std::optional<KeyValue>> Get(std::string_view key, Position at = 0) const;
  // The values of many plain keys at once, in their order; nothing where there is none. Cheaper than as many Gets, most
  // of all when the keys are sorted. kInvalid: one that is not plain.
  virtual Result<std::vector<std::optional<std::string>>> GetPlain(const std::vector<std::string>& keys) const;

  // Revisions in [from, to], at most `limit`, in order; links are kept for good, log payloads until compaction.
  virtual Result<std::vector<RevisionEntry>> Revisions(Revision from, Revision to, std::size_t limit) const = 0;
  // Where to read the state as of a revision: Range(…, at = *PositionOf(17)). kNotFound: no such revision.
  Result<Position> PositionOf(Revision revision) const;

  // Yields transactions after position `after`. `wake` runs on a thread of the store whenever transactions have become
  // visible; it must be short and must neither call into the store nor destroy the cursor.
  virtual std::unique_ptr<WatchCursor> Watch(Position after, std::function<void()> wake) = 0;

  // Gives up reading before `position`: older versions, transactions and log payloads are removed for good; the newest
  // version of each key, audit entries and the chain stay. Reads every version once; other calls go on meanwhile. Ends
  // early, with an error, in the middle of removing when `stop`, which may be empty, says so or the store is closing
  // (kUnavailable), or when room on the disk runs short (kStorageFull): what is left is removed by the next compaction,
  // of whatever position, compacted() among them.
  virtual Status Compact(Position position, const std::function<bool()>& stop) = 0;
  Status Compact(Position position) { return Compact(position, {}); }
  virtual Position compacted() const = 0;  // the oldest position that can be read (0: all)

  // For what must not be kept: shows every value of that space that is stored, past versions among them, in the order
  // of the keys, and replaces those for which `rewrite` gives another. Positions, revisions and the chain stay as they
  // are; reads and watches give the new value from then on. Returns how many were replaced. It is done in small
  // transactions; where it ends early, the rest is as it was, and another one goes on. What is put meanwhile may not be
  // shown. One at a time, and no compaction meanwhile. Errors as of Compact.
  virtual Result<std::size_t> Rewrite(KeySpace space, const Rewriter& rewrite, const std::function<bool()>& stop);
  // For keys that must not even be named any more: removes every version of each, and what transactions say of it, as
  // if it had never been. They have to be deleted before: kConflict for one that is there, and those before it are
  // gone. kInvalid for a plain key, of which nothing stays anyway. Errors else as of Compact; no compaction meanwhile.
  virtual Status Forget(const std::vector<std::string>& keys, const std::function<bool()>& stop);
  // Only shows them, as they are when it begins, beside whatever else goes on: it takes no lock that a writer or a
  // compaction wants, and needs neither a healthy store nor room. Begins at `from` and ends when `see` has seen enough.
  // kUnavailable: `stop`, which may be empty, said so, or the store is closing; kIo; kCorrupt.
  virtual Status ScanFrom(KeySpace space, const ScanPlace& from, const Scanner& see,
                          const std::function<bool()>& stop) const;
  // All of them.
  Status Scan(KeySpace space, const Viewer& see, const std::function<bool()>& stop) const;
  // After those, and after redactions: removes what was replaced, deleted or compacted before from every file of the
  // store. Waits for a backup that is being made; reads and writes the whole store once; other calls go on meanwhile
  // (writers may wait once some 500 MiB were written beside it), and what is being read may stay in files until that is
  // done. kUnavailable: it was stopped, or the store takes
  // no writes; kStorageFull; kIo.
  virtual Status Purge(const std::function<bool()>& /*stop*/) { return {}; }
  // The same for what was deleted of plain keys in [begin, end), both of them plain, and without waiting for a backup,
  // which keeps the old files for so long: for what is past its time. Reads and writes what lies around that range.
  virtual Status PurgeRange(std::string_view /*begin*/, std::string_view /*end*/,
                            const std::function<bool()>& /*stop*/) {
    return {};
  }
  // The same for what was redacted of these revisions, both included. Reads and writes what lies around their payloads.
  virtual Status PurgeRedacted(Revision /*from*/, Revision /*to*/, const std::function<bool()>& /*stop*/) { return {}; }

  // Copies what is visible, and perhaps some of what becomes so meanwhile, into a folder (server/store/backup.h), one
  // backup at a time. Reads and writes go on. Errors: kAlreadyExists, when there is something; kStorageFull; kIo;
  // kCorrupt, when what was copied is not whole; kUnavailable: stopped, closing or read-only; kInvalid: a driver that
  // has no files. After any error nothing is left but, at most, folders that the next backup removes.
  virtual Result<BackupManifest> Backup(const BackupRequest& request);

  // The beginning of the end, for who has threads within the store and waits for them before destroying it: no more
  // transactions are taken, a compaction ends, and what waits for room on the disk fails. Reads go on.
  virtual void BeginClose() {}
  // This start has served, and ends in good order: once closed, the crashes before it are forgotten
  // (RocksStoreOptions::crash_limit). Closed without it, the start is as if it had not been: neither a crash, nor a
  // reason to forget those before.
  virtual void ForgetCrashes() {}

  virtual StoreHead Head() const = 0;  // visible, hence durable; never blocks
  // Random text of 16 characters [a-z0-9], drawn when the store is created or restored: revisions of two epochs
  // cannot be compared.
  virtual std::string Epoch() const = 0;
  // OK, or why the store takes no writes, and what to do.
  virtual Status Health() const = 0;
};

// ---- Opening ---------------------------------------------------------------------------------------------------

struct StoreLimits {
  std::size_t key_bytes = 4096;
  std::size_t txn_bytes = 32u << 20;  // keys, values, payloads and response of one transaction
  std::size_t txn_ops = 100'000;
  std::size_t queued_txns = 4096;         // waiting for the committer; beyond: kOverloaded
  std::size_t queued_bytes = 128u << 20;  // likewise
  std::size_t group_txns = 256;           // committed by one fsync
  std::size_t group_bytes = 8u << 20;     // likewise; a larger transaction goes alone
};

// Where the telemetry room listens; each may be empty. Called on the committer's thread: short, no calls into the
// store.
struct StoreMetrics {
  std::function<void(double seconds)> commit;  // from Submit to the answer, of each committed transaction
  std::function<void(double seconds)> fsync;   // of each fsync of the log and of the head record
  std::function<void(std::size_t transactions)> group;
};

struct StoreOptions {
  StoreLimits limits;
  StoreMetrics metrics;
  std::function<Timestamp()> clock;  // empty: the system's; the times of revisions never run backwards even if it does
  std::chrono::seconds idempotency_retention = std::chrono::hours(24);
};

// Removes the keys of a range. Its limit and bytes, of keys, are those of each transaction, which `write` commits. An
// error of the store, or of `write`, ends it: some of them are gone then, from the beginning.
Status RemoveKeys(const Store& store, RangeQuery range, const std::function<Status(std::vector<TxnOp>)>& write);

// Keeps everything in memory: for tests, and the oracle that the other drivers are held against. Submit commits at
// once, on the caller's thread.
std::unique_ptr<Store> OpenMemoryStore(StoreOptions options = {});

}  // namespace guidon
