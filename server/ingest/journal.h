// The journal of events: what was accepted, in one order, each batch once.
//
//   Result<std::unique_ptr<Journal>> journal = Journal::Open(*store, {});
//   (*journal)->Append({.project = "shop", .environment = "production", .batch = …}, [](Result<Appended> done) { … });
//   Result<JournalPage> page = (*journal)->Read({.after = cursor});      // then again from page->next
//
// An entry is one batch. It takes a sequence number when it is handed to the store, and the store commits in that
// order: entries become visible in the order of their numbers, so a reader that goes on from the last number it has
// seen misses none and sees none twice, across restarts too. Numbers grow; some are never used (of a batch that came
// twice, or was refused). They belong to the store's epoch, as revisions do.
//
// In one transaction with the entry goes a record of (project, environment, batch id), which keeps the same batch from
// being taken a second time, and holds what the first was answered. Trim removes these after their time, and entries
// after theirs. The store commits waiting transactions as a group: one fsync for many batches.
//
// Layout, all under plain keys (server/store/store.h); numbers are 8 bytes, big-endian:
//   !events/ sequence time project/environment   {"received":…,"project":…,…,"events":[…]}
//   !batch/ project/environment/id                sequence and what was answered; "kept:" before an id that stays
//   !expiry/ sequence time                        the key of the batch's record; not of one that is kept for ever
// and `journal/trimmed`, the number of the newest entry that was removed.
//
// Thread safety: every method may be called from any thread. Append does not wait for the disk; Read and Trim do.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/mutex.h"
#include "core/base/result.h"
#include "server/ingest/batch.h"
#include "server/store/store.h"

namespace guidon {

struct NewEntry {
  std::string project;
  std::string environment;
  std::string key;  // the id of the API key that sent it; empty: of an import, whose announcement says who
  EventBatch batch;
  std::string answer;  // kept for a repetition
  // Trim does not remove the record of the batch's id: it is taken once for ever, apart from ids of others. Some 150
  // bytes, and its answer.
  bool keeps_id = false;
};

struct Appended {
  std::uint64_t sequence = 0;
  bool duplicate = false;  // it was there already: nothing was written
  std::string answer;      // of the first time
};

struct JournalEntry {
  std::uint64_t sequence = 0;
  Timestamp received{};  // the server's clock
  std::string project;
  std::string environment;
  std::string text;  // a JSON object on one line, as docs/spec/events.md has it, but for the sequence
};

struct JournalQuery {
  std::uint64_t after = 0;  // 0: from the oldest that is kept
  std::string project;      // with environment; both empty: all
  std::string environment;
  std::size_t entries = 100;     // at most, and at least 1
  std::size_t bytes = 4u << 20;  // no more are added to a page of so many
  std::size_t look_at = 20'000;  // entries, also of other environments
};

struct JournalPage {
  std::vector<JournalEntry> entries;
  std::uint64_t next = 0;  // go on after it, now or later; `after` if there was nothing
  bool more = false;       // a bound cut it, and there may be more to see at once
};

struct JournalTrim {
  std::uint64_t entries = 0;  // removed
  std::uint64_t batches = 0;  // records of batch ids removed
  bool stopped = false;       // before the end; the next one goes on
};

struct JournalOptions {
  // What Append has taken and not answered yet; beyond either: kOverloaded. Well below what the store takes, so that
  // events cannot keep changes of definitions out.
  std::size_t in_flight_batches = 2'048;
  std::size_t in_flight_bytes = 64u << 20;
  std::function<Timestamp()> clock;               // empty: the system's
  std::function<void(double seconds)> on_commit;  // from Append to the answer of what was written
};

// Of a key in the store: the sequence and the scope of the entry under it; nothing where it is none of the journal's.
struct EntryPlace {
  std::uint64_t sequence = 0;
  std::string project, environment;
};
std::optional<EntryPlace> EntryPlaceOf(std::string_view store_key);

class Journal {
 public:
  // Finds where the journal ends. Errors as of Store::Range. The store outlives the journal.
  static Result<std::unique_ptr<Journal>> Open(Store& store, JournalOptions options);
  ~Journal();  // waits until everything is answered
  Journal(const Journal&) = delete;
  Journal& operator=(const Journal&) = delete;

  using Done = std::function<void(Result<Appended>)>;
  // `done` gets exactly one answer, once the entry is durable and visible; on a thread of the store, or before Append
  // returns. It must be short and must not call Append. Errors: kOverloaded here, and those of Store::Submit.
  void Append(NewEntry entry, Done done);

  // kGone: entries after `after` were removed in the meantime; go on from 0. The disk's as of Store::Range.
  Result<JournalPage> Read(const JournalQuery& query) const;

  // Removes entries that were received `keep` before now, and records of batch ids after `keep_ids`, in small
  // transactions; `stop` is asked before each. What counts as now is never later than the newest entry: a clock that
  // is far ahead must not cost what was just received. So the newest entry always stays. An entry from a clock that
  // was ahead of what is now goes with the one after it. What entries were removed leaves the files, too.
  Result<JournalTrim> Trim(Timestamp now, std::chrono::milliseconds keep, std::chrono::milliseconds keep_ids,
                           const std::function<bool()>& stop);

 private:
  Journal(Store& store, JournalOptions options, std::uint64_t last);

  Status Enter(std::size_t bytes);
  void Leave(std::size_t bytes);
  Txn TxnOf(const NewEntry& entry, std::string text, std::uint64_t sequence, Timestamp received) const;
  Result<std::uint64_t> Remove(std::string_view prefix, Timestamp now, Timestamp cutoff,
                               const std::function<bool()>& stop, bool& stopped);

  Store& store_;
  const JournalOptions options_;

  Mutex order_;  // held while a number is given out and handed on: the store sees them in their order
  std::uint64_t last_ GUIDON_GUARDED_BY(order_);

  Mutex flight_;
  CondVar landed_;
  std::size_t batches_ GUIDON_GUARDED_BY(flight_) = 0;
  std::size_t bytes_ GUIDON_GUARDED_BY(flight_) = 0;
};

}  // namespace guidon
