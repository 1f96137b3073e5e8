// The audit log: who changed what, when and from where; and what it takes to verify that nobody has bent it.
//
//   AuditLog log(*store, key);
//   Result<AuditPage> page = log.Read({.project = "shop", .principal = "key:4fJ2kQz9wXbT"});
//   for (const AuditEntry& entry : page->entries) Show(entry);
//   if (page->next) …                                        // go on with query.before = *page->next
//
// There is one for each revision, written in the transaction of what it is about. An entry stays for good, or becomes a
// tombstone: by an erasure (server/privacy), or when it is older than it is to be (audit_retention.h). The hash chain
// over them, and checkpoints, are in audit/.
//
// Thread safety: every method may be called from any thread; all read the disk.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "audit/audit_file.h"
#include "audit/checkpoint.h"
#include "core/base/result.h"
#include "server/catalog/audit_entry.h"
#include "server/store/keeper.h"
#include "server/store/store.h"

namespace guidon {

// All that are given must hold. An erased entry has nothing to compare with: only what no text filter asks for shows
// it. Of an entry that is about several projects, a `project` shows what it says about that one, and counts the rest as
// left out.
struct AuditQuery {
  std::string project, principal, action, kind, key, environment;  // empty: any
  std::optional<Revision> since, until;                            // both included
  std::optional<Timestamp> since_time, until_time;                 // likewise
  bool oldest_first = false;
  std::optional<Revision> cursor;  // from the page before: go on there
  std::size_t limit = 100;         // entries of a page
};

struct AuditPage {
  std::vector<AuditEntry> entries;  // newest first, unless asked otherwise
  std::optional<Revision> next;     // the cursor for what follows; a page may be short, or empty, and have one
  Revision head = 0;
};

struct AuditLinks {
  std::vector<RevisionEntry> entries;
  bool more = false;
};

class AuditLog {
 public:
  // The store outlives it. Without a key, nothing is signed.
  explicit AuditLog(Store& store, std::shared_ptr<const SigningKey> key = nullptr)
      : store_(store), key_(std::move(key)) {}

  // Looks at 5 000 revisions at most.
  Result<AuditPage> Read(const AuditQuery& query) const;
  // Of one revision. kNotFound.
  Result<AuditEntry> Find(Revision revision) const;
  // The newest revision at or before a time; 0 when there was none yet. A few reads, by halves.
  Result<Revision> RevisionAt(Timestamp time) const;

  // Links of the chain after `after`, at most `limit`; fewer when their payloads reach 4 MiB.
  Result<AuditLinks> Links(Revision after, std::size_t limit) const;
  // Where the chain is now, with the key and the checkpoints that were kept, and one of now at the end. Without a key:
  // without any. Of more than kMostCheckpoints: the first one of each of so many equal stretches of revisions, so that
  // the answer stays small however old the store is; the one of now covers them all.
  Result<AuditHeader> Header(Timestamp now) const;
  static constexpr std::size_t kMostCheckpoints = 1'000;

  // Signs the link of one revision, and keeps nothing: for who is to hold it as a receipt. A read, and no write.
  // Nothing without a key; kNotFound.
  Result<std::optional<Checkpoint>> Sign(Revision revision, Timestamp now) const;

  // Signs where the chain is and keeps it, unless that was done for this revision. Nothing without a key or a revision.
  // Waits for the disk.
  Result<std::optional<Checkpoint>> KeepCheckpoint(Timestamp now);
  // The newest that was kept.
  Result<std::optional<Checkpoint>> NewestCheckpoint() const;

 private:
  Result<std::vector<KeyValue>> KeptCheckpoints(Revision head) const;

  Store& store_;
  const std::shared_ptr<const SigningKey> key_;
};

// The key of a file. Where there is none and one `may_be_made`: a fresh one, which is written there, for its owner's
// eyes only. kIo, kInvalid: names the file.
Result<std::shared_ptr<const SigningKey>> OpenAuditKey(const std::string& path, bool may_be_made);

struct CheckpointKeeperOptions {
  std::chrono::milliseconds look = std::chrono::seconds(10);   // how often it looks
  std::chrono::milliseconds after = std::chrono::minutes(10);  // a revision waits no longer for a checkpoint,
  Revision revisions = 100;                                    // and no more than so many do
  std::function<Timestamp()> clock;                            // empty: the system's
  // Told of each checkpoint, and of what went wrong, which is tried again at the next look. On the keeper's thread.
  std::function<void(const Result<Checkpoint>&)> report;
};

// Keeps a checkpoint from time to time.
//
// Threads: one of its own.
class CheckpointKeeper {
 public:
  // Log and store outlive it. Destroyed, it waits for a checkpoint under way.
  CheckpointKeeper(AuditLog& log, Store& store, CheckpointKeeperOptions options);

 private:
  void Look(Timestamp now);
  Result<std::optional<Checkpoint>> KeepIfDue(Timestamp now);

  AuditLog& log_;
  Store& store_;
  const CheckpointKeeperOptions options_;
  // Of the keeper's thread.
  std::optional<Checkpoint> newest_;
  bool failing_ = false;
  Keeper keeper_;
};

}  // namespace guidon
