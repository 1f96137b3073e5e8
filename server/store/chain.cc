#include "server/store/chain.h"

#include <openssl/evp.h>

#include <cstdlib>

#include "server/store/random.h"

namespace guidon {
namespace {

constexpr std::size_t kSaltBytes = 16;
constexpr std::size_t kMaxFaults = 100;
constexpr std::size_t kPage = 256;

void AppendU64(std::string& out, std::uint64_t number) {
  for (int shift = 56; shift >= 0; shift -= 8) out += static_cast<char>(number >> shift);
}

void AppendHash(std::string& out, const Hash256& hash) {
  out.append(reinterpret_cast<const char*>(hash.data()), hash.size());
}

StoredPayload Salted(std::string bytes) {
  return {StoredPayload::State::kPresent, RandomBytes(kSaltBytes), std::move(bytes)};
}

}  // namespace

Hash256 Sha256(std::string_view bytes) {
  Hash256 hash;
  unsigned int size = 0;
  if (EVP_Digest(bytes.data(), bytes.size(), hash.data(), &size, EVP_sha256(), nullptr) != 1) std::abort();
  return hash;
}

Hash256 CommitTo(std::string_view salt, std::string_view payload) {
  return Sha256(std::string(salt).append(payload));
}

Hash256 LinkHash(const Hash256& previous, Revision revision, Timestamp time, const Hash256& log_commitment,
                 const Hash256& audit_commitment) {
  std::string bytes = "guidon-chain-1";
  AppendHash(bytes, previous);
  AppendU64(bytes, revision);
  AppendU64(bytes, static_cast<std::uint64_t>(time.time_since_epoch().count()));
  AppendHash(bytes, log_commitment);
  AppendHash(bytes, audit_commitment);
  return Sha256(bytes);
}

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

ChainVerifier::ChainVerifier(Revision from, const Hash256& previous) : next_(from) {
  report_.from = from;
  report_.to = from - 1;
  report_.head = previous;
}

void ChainVerifier::Add(const RevisionEntry& entry) {
  if (entry.revision != next_) {
    AddFault(entry.revision, "revision " + std::to_string(next_) + " was expected here");
  }
  const Hash256 expected =
      LinkHash(report_.head, entry.revision, entry.time, entry.log_commitment, entry.audit_commitment);
  if (entry.hash != expected) AddFault(entry.revision, "the link does not follow from the one before");
  if (entry.position <= last_position_) AddFault(entry.revision, "its position is not after the one before");
  if (entry.time < last_time_) AddFault(entry.revision, "its time is before that of the revision before");
  CheckPayload(entry.revision, "log", entry.log, entry.log_commitment);
  CheckPayload(entry.revision, "audit", entry.audit, entry.audit_commitment);
  if (entry.audit.state == StoredPayload::State::kRedacted) ++report_.redacted;
  if (entry.log.state == StoredPayload::State::kCompacted) ++report_.compacted;
  // Go on from what is stored, so that one altered link is one fault and not all that follow.
  report_.head = entry.hash;
  report_.to = entry.revision;
  last_position_ = entry.position;
  last_time_ = entry.time;
  next_ = entry.revision + 1;
}

void ChainVerifier::CheckPayload(Revision revision, std::string_view name, const StoredPayload& payload,
                                 const Hash256& commitment) {
  if (payload.state != StoredPayload::State::kPresent) return;
  if (CommitTo(payload.salt, payload.bytes) == commitment) return;
  AddFault(revision, "the " + std::string(name) + " entry is not what was committed");
}

void ChainVerifier::AddFault(Revision revision, std::string what) {
  if (report_.faults.size() < kMaxFaults) report_.faults.push_back({revision, std::move(what)});
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
  if (verifier.report().to < last) {
    verifier.AddFault(verifier.report().to + 1, "missing, as is everything up to " + std::to_string(last));
  } else if (last == head.revision && last >= from && verifier.report().head != head.hash) {
    verifier.AddFault(last, "the last link is not the one that the head names");
  }
  return verifier.report();
}

}  // namespace guidon
