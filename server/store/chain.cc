#include "server/store/chain.h"

#include <utility>

#include "server/store/random.h"

namespace guidon {
namespace {

constexpr std::size_t kSaltBytes = 16;
constexpr std::size_t kPage = 256;

StoredPayload Salted(std::string bytes) {
  return {StoredPayload::State::kPresent, RandomBytes(kSaltBytes), std::move(bytes)};
}

}  // namespace

RevisionEntry NewLink(const Hash256& previous, Revision revision, Position position, Timestamp time,
                      RevisionRecord record) {
  RevisionEntry entry;
  entry.revision = revision;
  entry.position = position;
  entry.time = time;
  entry.log = Salted(std::move(record.log));
  entry.audit = Salted(std::move(record.audit));
  entry.log_commitment = CommitTo(entry.log.salt, entry.log.bytes);
  entry.audit_commitment = CommitTo(entry.audit.salt, entry.audit.bytes);
  entry.hash = LinkHash(previous, revision, time, entry.log_commitment, entry.audit_commitment);
  return entry;
}

Result<ChainReport> VerifyChain(const Store& store, Revision from, Revision to) {
  const StoreHead head = store.Head();
  const Revision last = to == 0 ? head.revision : to;
  if (from == 0 || last > head.revision) {
    return Fail(ErrorCode::kInvalid, "cannot verify revisions " + std::to_string(from) + " to " + std::to_string(last) +
                                         ": the store has 1 to " + std::to_string(head.revision));
  }
  Hash256 previous{};
  if (from > 1) {
    Result<std::vector<RevisionEntry>> before = store.Revisions(from - 1, from - 1, 1);
    if (!before) return Fail(before.error());
    if (!before->empty()) previous = before->front().hash;
  }
  ChainVerifier verifier(from, previous);
  for (Revision next = from; next <= last;) {
    Result<std::vector<RevisionEntry>> page = store.Revisions(next, last, kPage);
    if (!page) return Fail(page.error());
    if (page->empty()) break;
    for (const RevisionEntry& entry : *page) verifier.Add(entry);
    next = page->back().revision + 1;
  }
  verifier.Finish(last);
  if (verifier.report().to == last && last == head.revision && last >= from && verifier.report().head != head.hash) {
    verifier.AddFault(ChainFault::Kind::kAltered, last, "the last link is not the one that the head names");
  }
  return verifier.report();
}

}  // namespace guidon
