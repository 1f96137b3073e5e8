#include "server/catalog/audit_log.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <iterator>

#include "server/catalog/history.h"

namespace guidon {
namespace {

constexpr Revision kMostLookedAt = 5'000;                     // revisions, for one page
constexpr std::size_t kMostBytes = 4u << 20;                  // of payloads, in one page
constexpr Revision kChunk = 64;                               // revisions read at once
constexpr Revision kLinksAtOnce = 8;                          // likewise, with all that they changed: up to 32 MiB each
constexpr std::string_view kCheckpoints = "!checkpoint/";     // by revision: the text
constexpr std::string_view kPublicKeys = "!checkpoint-key/";  // by id: 64 hex digits

// In the order of numbers.
std::string CheckpointKey(Revision revision) {
  std::string digits = std::to_string(revision);
  return std::string(kCheckpoints).append(20 - digits.size(), '0').append(digits);
}

bool IsAbout(const AuditEntry& entry, const std::string& kind, const std::string& key) {
  if (kind.empty() && key.empty()) return true;
  return std::any_of(entry.subjects.begin(), entry.subjects.end(), [&](const AuditSubject& subject) {
    return (kind.empty() || subject.kind == kind) && (key.empty() || subject.key == key);
  });
}

// What an entry says about one project: who may read that one only learns nothing of others. False when it is nothing.
bool NarrowTo(const std::string& project, AuditEntry& entry) {
  const bool is_its_own = entry.project == project;
  const std::size_t all = entry.subjects.size();
  std::erase_if(entry.subjects, [&](const AuditSubject& subject) {
    return subject.project.empty() ? !is_its_own : subject.project != project;
  });
  entry.subjects_left_out += all - entry.subjects.size();
  if (!is_its_own) entry.environments.clear();
  return is_its_own || !entry.subjects.empty();
}

bool Matches(const AuditEntry& entry, const AuditQuery& query) {
  const auto is = [](const std::string& wanted, const std::string& held) { return wanted.empty() || wanted == held; };
  const bool here = query.environment.empty() || std::find(entry.environments.begin(), entry.environments.end(),
                                                           query.environment) != entry.environments.end();
  return is(query.principal, entry.principal) && is(query.action, entry.action) && here &&
         IsAbout(entry, query.kind, query.key);
}

Error FileError(const std::string& what, const std::string& path) {
  return {ErrorCode::kIo, "cannot " + what + " the audit key " + path + ": " + std::strerror(errno), {}};
}

// Whole or not at all, and never readable by others, not even for a moment.
Status WriteKey(const std::string& path, const std::string& text) {
  const std::string partial = path + ".new";
  const int file = open(partial.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, S_IRUSR | S_IWUSR);
  if (file < 0) return Fail(FileError("write", path));
  const bool written = write(file, text.data(), text.size()) == static_cast<ssize_t>(text.size()) && fsync(file) == 0;
  if (close(file) != 0 || !written || rename(partial.c_str(), path.c_str()) != 0) {
    const Error error = FileError("write", path);
    unlink(partial.c_str());
    return Fail(error);
  }
  return {};
}

}  // namespace

// ---- Reading -----------------------------------------------------------------------------------------------------

Result<AuditPage> AuditLog::Read(const AuditQuery& query) const {
  AuditPage page;
  page.head = store_.Head().revision;
  Revision low = std::max<Revision>(query.since.value_or(1), 1),
           high = std::min(query.until.value_or(page.head), page.head);
  if (query.since_time) {
    const Result<Revision> before = RevisionAt(*query.since_time - std::chrono::milliseconds(1));
    if (!before) return Fail(before.error());
    low = std::max(low, *before + 1);
  }
  if (query.until_time) {
    const Result<Revision> last = RevisionAt(*query.until_time);
    if (!last) return Fail(last.error());
    high = std::min(high, *last);
  }
  if (query.cursor && query.oldest_first) low = std::max(low, *query.cursor);
  if (query.cursor && !query.oldest_first) high = std::min(high, *query.cursor);
  Revision looked_at = 0;
  std::size_t bytes = 0;
  while (low <= high) {
    const Revision count = std::min(kChunk, high - low + 1);
    const Revision from = query.oldest_first ? low : high - count + 1;
    Result<std::vector<RevisionEntry>> links = store_.Revisions(from, from + count - 1, count);
    if (!links) return Fail(links.error());
    if (links->empty()) break;
    if (!query.oldest_first) std::reverse(links->begin(), links->end());
    for (const RevisionEntry& link : *links) {
      if (page.entries.size() == query.limit || bytes >= kMostBytes || looked_at == kMostLookedAt) {
        page.next = link.revision;
        return page;
      }
      ++looked_at;
      AuditEntry entry = DecodeAudit(link);
      if (!query.project.empty() && !NarrowTo(query.project, entry)) continue;
      if (!Matches(entry, query)) continue;
      bytes += link.audit.bytes.size();
      page.entries.push_back(std::move(entry));
    }
    if (query.oldest_first) {
      low += count;
    } else {
      high -= count;
    }
  }
  return page;
}

Result<AuditEntry> AuditLog::Find(Revision revision) const {
  const Result<std::vector<RevisionEntry>> link = store_.Revisions(revision, revision, 1);
  if (!link) return Fail(link.error());
  if (link->empty()) {
    return Fail(ErrorCode::kNotFound, "there is no revision " + std::to_string(revision) + "; the newest is " +
                                          std::to_string(store_.Head().revision));
  }
  return DecodeAudit(link->front());
}

Result<Revision> AuditLog::RevisionAt(Timestamp time) const {
  const Result<std::optional<Revision>> revision = OldestToKeep(store_, time);
  if (!revision) return Fail(revision.error());
  return revision->value_or(0);
}

// ---- Verifying ---------------------------------------------------------------------------------------------------

Result<AuditLinks> AuditLog::Links(Revision after, std::size_t limit) const {
  AuditLinks links;
  const Revision head = store_.Head().revision;
  std::size_t bytes = 0;
  for (Revision next = after + 1; next <= head && links.entries.size() < limit && bytes < kMostBytes;) {
    const Revision last =
        std::min<Revision>(head, next + std::min<Revision>(kLinksAtOnce, limit - links.entries.size()) - 1);
    Result<std::vector<RevisionEntry>> chunk = store_.Revisions(next, last, kLinksAtOnce);
    if (!chunk) return Fail(chunk.error());
    if (chunk->empty()) break;
    for (RevisionEntry& entry : *chunk) {
      bytes += entry.log.bytes.size() + entry.audit.bytes.size();
      entry.position = 0;  // of this store, and of nobody else's concern
      links.entries.push_back(std::move(entry));
      if (bytes >= kMostBytes) break;
    }
    next = last + 1;
  }
  links.more = !links.entries.empty() && links.entries.back().revision < head;
  return links;
}

Result<AuditHeader> AuditLog::Header(Timestamp now) const {
  const StoreHead head = store_.Head();
  AuditHeader header{store_.Epoch(), head.revision, head.hash, {}, {}};
  if (!key_) return header;
  const Result<RangeResult> keys = store_.Range(RangeQuery::Prefix(kPublicKeys));
  if (!keys) return Fail(keys.error());
  for (const KeyValue& stored : keys->entries) {
    Result<PublicKey> key = PublicKey::FromText(stored.value);
    if (!key) return Fail(ErrorCode::kCorrupt, "stored record '" + stored.key + "': " + key.error().message);
    header.keys.push_back(*std::move(key));
  }
  if (std::find(header.keys.begin(), header.keys.end(), key_->public_key()) == header.keys.end()) {
    header.keys.push_back(key_->public_key());
  }
  const Result<std::vector<KeyValue>> checkpoints = KeptCheckpoints(head.revision);
  if (!checkpoints) return Fail(checkpoints.error());
  for (const KeyValue& stored : *checkpoints) {
    Result<Checkpoint> checkpoint = ReadCheckpoint(stored.value);
    if (!checkpoint)
      return Fail(ErrorCode::kCorrupt, "stored record '" + stored.key + "': " + checkpoint.error().message);
    header.checkpoints.push_back(*std::move(checkpoint));
  }
  if (head.revision == 0) return header;
  header.checkpoints.push_back(*ReadCheckpoint(key_->Sign(header.epoch, head.revision, head.hash, now)));
  return header;
}

Result<std::vector<KeyValue>> AuditLog::KeptCheckpoints(Revision head) const {
  const std::string end = CheckpointKey(head) + '\0';
  Result<RangeResult> all = store_.Range({std::string(kCheckpoints), end, 0, kMostCheckpoints, false});
  if (!all) return Fail(all.error());
  if (!all->more) return std::move(all->entries);
  std::vector<KeyValue> first;
  const Revision stretch = head / kMostCheckpoints + 1;
  for (Revision from = 0; from <= head; from += stretch) {
    const Revision next = std::min(from + stretch, head + 1);
    Result<RangeResult> found = store_.Range({CheckpointKey(from), CheckpointKey(next), 0, 1, false});
    if (!found) return Fail(found.error());
    for (KeyValue& stored : found->entries) first.push_back(std::move(stored));
  }
  return first;
}

Result<std::optional<Checkpoint>> AuditLog::Sign(Revision revision, Timestamp now) const {
  if (!key_) return std::nullopt;
  const Result<std::vector<RevisionEntry>> link = store_.Revisions(revision, revision, 1);
  if (!link) return Fail(link.error());
  if (link->empty()) return Fail(ErrorCode::kNotFound, "there is no revision " + std::to_string(revision));
  Result<Checkpoint> checkpoint = ReadCheckpoint(key_->Sign(store_.Epoch(), revision, link->front().hash, now));
  if (!checkpoint) return Fail(ErrorCode::kInternal, "a checkpoint cannot be read: " + checkpoint.error().message);
  return std::optional<Checkpoint>(*std::move(checkpoint));
}

Result<std::optional<Checkpoint>> AuditLog::KeepCheckpoint(Timestamp now) {
  const StoreHead head = store_.Head();
  if (!key_ || head.revision == 0) return std::nullopt;
  const std::string name = CheckpointKey(head.revision), key_name = std::string(kPublicKeys) + key_->public_key().Id();
  Txn txn;
  txn.compares.push_back(TxnCompare::Absent(name));
  Result<Checkpoint> checkpoint = ReadCheckpoint(key_->Sign(store_.Epoch(), head.revision, head.hash, now));
  if (!checkpoint) return Fail(ErrorCode::kInternal, "a checkpoint cannot be read: " + checkpoint.error().message);
  txn.ops.push_back(TxnOp::Put(name, checkpoint->text));
  const Result<std::optional<KeyValue>> key = store_.Get(key_name);
  if (!key) return Fail(key.error());
  if (!*key) txn.ops.push_back(TxnOp::Put(key_name, key_->public_key().Hex()));
  const Result<TxnResult> result = store_.Commit(std::move(txn));
  if (!result) return Fail(result.error());
  if (result->outcome != TxnOutcome::kCommitted) return std::nullopt;
  return std::optional<Checkpoint>(*std::move(checkpoint));
}

// A range is read from its beginning, so the newest is looked for in ever longer ones before the head.
Result<std::optional<Checkpoint>> AuditLog::NewestCheckpoint() const {
  const Revision head = store_.Head().revision;
  for (Revision span = 256;; span *= 4) {
    const Revision from = head > span ? head - span : 0;
    const Result<RangeResult> stored = store_.Range({CheckpointKey(from), CheckpointKey(head) + '\0', 0, 0, false});
    if (!stored) return Fail(stored.error());
    if (!stored->entries.empty()) {
      Result<Checkpoint> checkpoint = ReadCheckpoint(stored->entries.back().value);
      if (!checkpoint)
        return Fail(ErrorCode::kCorrupt, "stored record '" + stored->entries.back().key + "' is no checkpoint");
      return std::optional<Checkpoint>(*std::move(checkpoint));
    }
    if (from == 0) return std::nullopt;
  }
}

// ---- The key -----------------------------------------------------------------------------------------------------

Result<std::shared_ptr<const SigningKey>> OpenAuditKey(const std::string& path, bool may_be_made) {
  errno = 0;
  std::ifstream file(path, std::ios::binary);
  if (file) {
    const std::string text(std::istreambuf_iterator<char>(file), {});
    if (file.bad()) return Fail(FileError("read", path));
    Result<SigningKey> key = SigningKey::FromPem(text);
    if (!key) return Fail(ErrorCode::kInvalid, "the audit key " + path + " cannot be used: " + key.error().message);
    return std::make_shared<const SigningKey>(*std::move(key));
  }
  if (errno != ENOENT || !may_be_made) return Fail(FileError("read", path));
  Result<SigningKey> key = SigningKey::Generate();
  if (!key) return Fail(key.error());
  if (Status written = WriteKey(path, key->Pem()); !written) return Fail(written.error());
  return std::make_shared<const SigningKey>(*std::move(key));
}

// ---- Keeping checkpoints -----------------------------------------------------------------------------------------

CheckpointKeeper::CheckpointKeeper(AuditLog& log, Store& store, CheckpointKeeperOptions options)
    : log_(log),
      store_(store),
      options_(std::move(options)),
      keeper_({options_.look, options_.look, options_.clock},
              [this](Timestamp now, const std::function<bool()>&) { Look(now); }) {}

void CheckpointKeeper::Look(Timestamp now) {
  const Result<std::optional<Checkpoint>> kept = KeepIfDue(now);
  // Said once, not every ten seconds.
  if (!kept && !failing_) options_.report(Fail(kept.error()));
  failing_ = !kept;
  if (!kept || !*kept) return;
  newest_ = **kept;
  options_.report(*newest_);
}

Result<std::optional<Checkpoint>> CheckpointKeeper::KeepIfDue(Timestamp now) {
  if (!newest_) {
    Result<std::optional<Checkpoint>> newest = log_.NewestCheckpoint();
    if (!newest) return Fail(newest.error());
    newest_ = *std::move(newest);
  }
  const Revision head = store_.Head().revision, held = newest_ ? newest_->revision : 0;
  // A clock that was put back must not keep a revision waiting.
  const bool is_due = !newest_ || now < newest_->time || now - newest_->time >= options_.after;
  if (head <= held || (head - held < options_.revisions && !is_due)) return std::nullopt;
  return log_.KeepCheckpoint(now);
}

}  // namespace guidon
