#include "server/catalog/audit_retention.h"

#include <algorithm>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "core/base/json.h"
#include "core/base/json_record.h"
#include "server/catalog/audit_entry.h"
#include "server/catalog/history.h"

namespace guidon {
namespace {

constexpr Revision kRevisionsAtOnce = 64;
constexpr std::string_view kSpace = "audit", kId = "retention";  // of the item
constexpr std::string_view kPurgedKey = "!audit-purged";         // the newest revision that no file holds any more

// Made by the server itself, by its own clock alone.
bool IsOurs(const RevisionEntry& link) {
  return DecodeAudit(link).principal.starts_with("system");
}

Result<Revision> ReadThrough(const Catalog& catalog) {
  const Result<std::optional<Item>> item = catalog.FindItem(kSpace, kId);
  if (!item) return Fail(item.error());
  if (!*item) return Revision{0};
  const Result<Value> record = ParseJson((*item)->value);
  if (!record) return Fail(ErrorCode::kCorrupt, "the record of the audit log's retention cannot be read");
  return Revision{CountOf(*record, "through")};
}

Result<Revision> ReadPurged(const Store& store) {
  const Result<std::optional<KeyValue>> held = store.Get(kPurgedKey);
  if (!held) return Fail(held.error());
  const Result<Value> record = *held ? ParseJson((*held)->value) : Value();
  return record ? Revision{CountOf(*record, "through")} : Revision{0};
}

std::string EncodeThrough(Revision through) {
  return ToJson(Object{{"through", Value(through)}});
}

// The time of the newest revision that was made by others. Nothing when there is none.
Result<std::optional<Timestamp>> NewestOfOthers(const Store& store) {
  for (Revision last = store.Head().revision; last > 0;) {
    const Revision from = last > kRevisionsAtOnce ? last - kRevisionsAtOnce + 1 : 1;
    const Result<std::vector<RevisionEntry>> links = store.Revisions(from, last, kRevisionsAtOnce);
    if (!links) return Fail(links.error());
    const auto found = std::find_if_not(links->rbegin(), links->rend(), IsOurs);
    if (found != links->rend()) return std::optional<Timestamp>(found->time);
    last = from - 1;
  }
  return std::optional<Timestamp>();
}

// The newest revision that is past its time; 0: none is.
Result<Revision> NewestDue(const Store& store, Timestamp now, std::chrono::milliseconds keep) {
  const Result<std::optional<Timestamp>> newest = NewestOfOthers(store);
  if (!newest) return Fail(newest.error());
  if (!*newest) return Revision{0};
  const Result<std::optional<Revision>> due = OldestToKeep(store, std::min(now, **newest) - keep);
  if (!due) return Fail(due.error());
  return due->value_or(0);
}

// One look: gathers what is due, and commits it a part at a time.
class Trim {
 public:
  Trim(Catalog& catalog, Store& store, Revision through) : catalog_(catalog), store_(store) { trim_.through = through; }

  Status MakeTombstones(Revision due, const std::function<bool()>& stop) {
    for (Revision next = trim_.through + 1; next <= due;) {
      if (stop && stop()) {
        trim_.stopped = true;
        break;
      }
      const Result<std::vector<RevisionEntry>> links =
          store_.Revisions(next, std::min(due, next + kRevisionsAtOnce - 1), kRevisionsAtOnce);
      if (!links) return Fail(links.error());
      if (links->empty()) break;
      for (const RevisionEntry& link : *links) {
        if (link.audit.state == StoredPayload::State::kPresent && !IsOurs(link)) due_.push_back(link.revision);
      }
      last_ = links->back().revision;
      next = last_ + 1;
      if (due_.size() < kMostExpiredAtOnce) continue;
      if (Status committed = Commit(); !committed) return committed;
    }
    return Commit();
  }
  const AuditTrim& result() const { return trim_; }

 private:
  // Nothing to say is not said.
  Status Commit() {
    if (due_.empty()) return {};
    Author author;
    author.principal = "system";
    author.comment = std::to_string(due_.size()) + " entries, up to revision " + std::to_string(due_.back());
    const Item mark{std::string(kSpace), std::string(kId), EncodeThrough(last_)};
    const std::size_t count = due_.size();
    const Result<Committed> done = catalog_.PutItems({mark}, kAuditExpire, author, {}, std::exchange(due_, {}));
    if (!done) return Fail(done.error());
    trim_.entries += count;
    trim_.through = last_;
    return {};
  }

  Catalog& catalog_;
  Store& store_;
  AuditTrim trim_;
  std::vector<Revision> due_;
  Revision last_ = 0;  // looked at
};

// Also what an earlier look had no time for.
Status RemoveFromFiles(Store& store, Revision through, const std::function<bool()>& stop) {
  const Result<Revision> purged = ReadPurged(store);
  if (!purged) return Fail(purged.error());
  if (*purged >= through) return {};
  if (Status done = store.PurgeRedacted(*purged + 1, through, stop); !done) return done;
  Txn txn;
  txn.ops = {TxnOp::Put(std::string(kPurgedKey), EncodeThrough(through))};
  const Result<TxnResult> kept = store.Commit(std::move(txn));
  return kept ? Status() : Fail(kept.error());
}

}  // namespace

Result<AuditTrim> TrimAudit(Catalog& catalog, Store& store, Timestamp now, std::chrono::milliseconds keep,
                            const std::function<bool()>& stop) {
  const Result<Revision> through = ReadThrough(catalog);
  if (!through) return Fail(through.error());
  const Result<Revision> due = NewestDue(store, now, keep);
  if (!due) return Fail(due.error());
  Trim trim(catalog, store, *through);
  if (Status made = trim.MakeTombstones(*due, stop); !made) return Fail(made.error());
  AuditTrim result = trim.result();
  const Status removed = RemoveFromFiles(store, result.through, stop);
  if (!removed && !(removed.error().code == ErrorCode::kUnavailable && stop && stop())) return Fail(removed.error());
  result.stopped = result.stopped || !removed;
  return result;
}

AuditKeeper::AuditKeeper(Catalog& catalog, Store& store, AuditKeeperOptions options)
    : keeper_({options.first_look, options.interval, options.clock},
              [&catalog, &store, keep = options.keep, report = options.report](Timestamp now,
                                                                               const std::function<bool()>& stop) {
                const Result<AuditTrim> trim = TrimAudit(catalog, store, now, keep, stop);
                if (report) report(trim);
              }) {}

}  // namespace guidon
