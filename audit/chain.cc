#include "audit/chain.h"

#include <openssl/evp.h>

#include <algorithm>
#include <cstdlib>
#include <utility>

namespace guidon {
namespace {

constexpr std::size_t kMaxListed = 100;

void AppendU64(std::string& out, std::uint64_t number) {
  for (int shift = 56; shift >= 0; shift -= 8) out += static_cast<char>(number >> shift);
}

void AppendHash(std::string& out, const Hash256& hash) {
  out.append(reinterpret_cast<const char*>(hash.data()), hash.size());
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

std::string_view ToString(ChainFault::Kind kind) {
  static constexpr std::array<std::string_view, 5> kWords = {"altered", "missing", "inserted", "reordered",
                                                             "truncated"};
  return kWords[static_cast<std::size_t>(kind)];
}

ChainVerifier::ChainVerifier(Revision from, const Hash256& previous) : next_(from) {
  report_.from = from;
  report_.to = from - 1;
  report_.head = previous;
}

void ChainVerifier::Expect(Revision revision, const Hash256& hash, std::string who) {
  expected_.emplace(revision, Expected{hash, std::move(who)});
}

void ChainVerifier::CheckPlace(const RevisionEntry& entry) {
  if (entry.revision == next_) return;
  const std::string here = "revision " + std::to_string(next_) + " was expected here";
  if (entry.revision < next_) {
    const bool is_late = seen_out_of_place_.erase(entry.revision) > 0;
    if (!is_late) AddFault(ChainFault::Kind::kInserted, entry.revision, "it is there twice: " + here);
    return;
  }
  const bool comes_later = announced_.contains(next_);
  if (comes_later) {
    AddFault(ChainFault::Kind::kReordered, next_, "it comes after revision " + std::to_string(entry.revision));
  } else {
    AddFault(ChainFault::Kind::kMissing, next_,
             "it is gone: revision " + std::to_string(entry.revision) + " follows " + std::to_string(next_ - 1));
  }
  for (auto later = announced_.lower_bound(next_); later != announced_.end() && *later < entry.revision; ++later) {
    seen_out_of_place_.insert(*later);
  }
}

void ChainVerifier::Add(const RevisionEntry& entry) {
  const bool is_late = entry.revision < next_, in_place = entry.revision == next_;
  CheckPlace(entry);
  CheckPayload(entry.revision, "log", entry.log, entry.log_commitment);
  CheckPayload(entry.revision, "audit", entry.audit, entry.audit_commitment);
  if (entry.audit.state == StoredPayload::State::kCompacted) {
    AddFault(ChainFault::Kind::kAltered, entry.revision, "its audit entry is gone, and those are kept for good");
  }
  for (auto [held, end] = expected_.equal_range(entry.revision); held != end; ++held) {
    if (held->second.hash == entry.hash) continue;
    AddFault(ChainFault::Kind::kAltered, entry.revision,
             "the chain up to here is not the one that " + held->second.who + " names");
  }
  // What stands in another place follows from something else; that it does has been said.
  if (is_late) return;
  if (in_place) CheckLink(entry);
  if (entry.audit.state == StoredPayload::State::kRedacted || entry.log.state == StoredPayload::State::kRedacted) {
    ++report_.redacted;
    if (report_.redacted_revisions.size() < kMaxListed) report_.redacted_revisions.push_back(entry.revision);
  }
  if (entry.log.state == StoredPayload::State::kCompacted) ++report_.compacted;
  // Go on from what is stored, so that one altered link is one fault and not all that follow.
  report_.head = entry.hash;
  report_.to = entry.revision;
  last_position_ = entry.position;
  last_time_ = entry.time;
  next_ = entry.revision + 1;
}

void ChainVerifier::CheckLink(const RevisionEntry& entry) {
  const Hash256 expected =
      LinkHash(report_.head, entry.revision, entry.time, entry.log_commitment, entry.audit_commitment);
  if (entry.hash != expected) {
    AddFault(ChainFault::Kind::kAltered, entry.revision, "the link does not follow from the one before");
  }
  if (entry.position != 0 && entry.position <= last_position_) {
    AddFault(ChainFault::Kind::kAltered, entry.revision, "its position is not after the one before");
  }
  if (entry.time < last_time_) {
    AddFault(ChainFault::Kind::kAltered, entry.revision, "its time is before that of the revision before");
  }
}

void ChainVerifier::CheckPayload(Revision revision, std::string_view name, const StoredPayload& payload,
                                 const Hash256& commitment) {
  if (payload.state != StoredPayload::State::kPresent) return;
  if (CommitTo(payload.salt, payload.bytes) == commitment) return;
  AddFault(ChainFault::Kind::kAltered, revision, "the " + std::string(name) + " entry is not what was committed");
}

void ChainVerifier::Finish(Revision head) {
  for (const auto& [revision, expected] : expected_) {
    if (revision <= report_.to || revision <= head) continue;
    AddFault(ChainFault::Kind::kTruncated, report_.to + 1,
             "it is gone, as is everything up to " + std::to_string(revision) + ", which " + expected.who + " names");
  }
  if (report_.to >= head) return;
  AddFault(ChainFault::Kind::kTruncated, report_.to + 1, "it is gone, as is everything up to " + std::to_string(head));
}

void ChainVerifier::AddFault(ChainFault::Kind kind, Revision revision, std::string what) {
  if (report_.faults.size() < kMaxListed) report_.faults.push_back({kind, revision, std::move(what)});
}

}  // namespace guidon
