// The hash chain over all revisions: whoever holds one link's hash can tell whether anything before it was altered.
//
//   commitment = SHA-256(salt || payload)                           one each for the log entry and the audit entry
//   hash(n)    = SHA-256("guidon-chain-1" || hash(n-1) || n || time || log commitment || audit commitment)
//
// hash(0) is 32 zero bytes; n and time (milliseconds since 1970) are 8 bytes, big-endian; a salt is 16 random bytes.
// The chain covers the commitments, not the payloads: a payload may be erased, together with its salt, and the chain
// still verifies. The position is left out, so that a store can move to another engine with its chain.
//
// Thread safety: pure functions; a ChainVerifier belongs to one thread.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/result.h"
#include "server/store/store.h"

namespace guidon {

Hash256 Sha256(std::string_view bytes);
Hash256 CommitTo(std::string_view salt, std::string_view payload);
Hash256 LinkHash(const Hash256& previous, Revision revision, Timestamp time, const Hash256& log_commitment,
                 const Hash256& audit_commitment);

// The link after `previous`, with fresh salts, ready to be stored.
RevisionEntry NewLink(const Hash256& previous, Revision revision, Position position, Timestamp time,
                      RevisionRecord record);

struct ChainFault {
  Revision revision = 0;
  std::string what;  // "the audit entry is not what was committed"

  friend bool operator==(const ChainFault&, const ChainFault&) = default;
};

struct ChainReport {
  Revision from = 0;  // as checked
  Revision to = 0;
  Hash256 head{};                  // hash of the last link
  std::size_t redacted = 0;        // revisions whose payloads were erased
  std::size_t compacted = 0;       // revisions whose log payload is older than what is kept
  std::vector<ChainFault> faults;  // the first 100

  bool ok() const { return faults.empty(); }
};

// Checks links one after the other, from wherever they come.
class ChainVerifier {
 public:
  // `previous` is the hash of link from - 1.
  explicit ChainVerifier(Revision from = 1, const Hash256& previous = {});

  void Add(const RevisionEntry& entry);
  const ChainReport& report() const { return report_; }
  void AddFault(Revision revision, std::string what);

 private:
  void CheckPayload(Revision revision, std::string_view name, const StoredPayload& payload, const Hash256& commitment);

  ChainReport report_;
  Revision next_;
  Position last_position_ = 0;
  Timestamp last_time_{};
};

// Recomputes the links of revisions [from, to]; to = 0: up to the head, which must then end in the head's hash.
// Reads 256 revisions at a time.
Result<ChainReport> VerifyChain(const Store& store, Revision from = 1, Revision to = 0);

}  // namespace guidon
