// The hash chain over all revisions: whoever holds one link's hash can tell whether anything before it was altered.
//
//   commitment = SHA-256(salt || payload)                           one each for the log entry and the audit entry
//   hash(n)    = SHA-256("guidon-chain-1" || hash(n-1) || n || time || log commitment || audit commitment)
//
// hash(0) is 32 zero bytes; n and time (milliseconds since 1970) are 8 bytes, big-endian; a salt is 16 random bytes.
// The chain covers the commitments, not the payloads: a payload may be erased, together with its salt, and the chain
// still verifies. The position is left out, so that a store can move to another engine with its chain.
//
// Who alters a payload and then all hashes from there on has a chain that holds in itself: that is what checkpoints are
// for (audit/checkpoint.h).
//
// Thread safety: pure functions; a ChainVerifier belongs to one thread.
#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace guidon {

using Revision = std::uint64_t;  // as in core/model
using Timestamp = std::chrono::sys_time<std::chrono::milliseconds>;
using Hash256 = std::array<std::uint8_t, 32>;

// A log or audit payload and what became of it.
struct StoredPayload {
  enum class State : std::uint8_t { kPresent, kRedacted, kCompacted };
  State state = State::kPresent;
  std::string salt;  // hashed before the bytes, so that erased bytes cannot be guessed from the commitment
  std::string bytes;

  friend bool operator==(const StoredPayload&, const StoredPayload&) = default;
};

// A revision's link in the chain, with what it commits to.
struct RevisionEntry {
  Revision revision = 0;
  std::uint64_t position = 0;  // of the store; 0: of none
  Timestamp time{};
  Hash256 log_commitment{};
  Hash256 audit_commitment{};
  Hash256 hash{};  // of the previous link's hash and all of the above but the position
  StoredPayload log;
  StoredPayload audit;

  friend bool operator==(const RevisionEntry&, const RevisionEntry&) = default;
};

Hash256 Sha256(std::string_view bytes);
Hash256 CommitTo(std::string_view salt, std::string_view payload);
Hash256 LinkHash(const Hash256& previous, Revision revision, Timestamp time, const Hash256& log_commitment,
                 const Hash256& audit_commitment);

struct ChainFault {
  enum class Kind : std::uint8_t {
    kAltered,    // something of it is not what was committed
    kMissing,    // it is gone, and what comes after it is there
    kInserted,   // it is there twice
    kReordered,  // it is there, in another place
    kTruncated,  // it is gone, and everything after it
  };
  Kind kind = Kind::kAltered;
  Revision revision = 0;  // the first that is concerned
  std::string what;       // "the audit entry is not what was committed"

  friend bool operator==(const ChainFault&, const ChainFault&) = default;
};
std::string_view ToString(ChainFault::Kind kind);  // "altered", "missing", "inserted", "reordered", "truncated"

struct ChainReport {
  Revision from = 0;  // as checked
  Revision to = 0;
  Hash256 head{};                            // hash of the last link
  std::size_t redacted = 0;                  // revisions whose payloads were erased
  std::vector<Revision> redacted_revisions;  // the first 100 of them
  std::size_t compacted = 0;                 // revisions whose log payload is older than what is kept
  std::vector<ChainFault> faults;            // the first 100

  bool ok() const { return faults.empty(); }
};

// Checks links one after the other, from wherever they come.
class ChainVerifier {
 public:
  // `previous` is the hash of link from - 1.
  explicit ChainVerifier(Revision from = 1, const Hash256& previous = {});

  // Where it is known beforehand which revisions come, in whatever order: tells one that stands in another place from
  // one that is gone. Before the first Add.
  void Announce(std::set<Revision> revisions) { announced_ = std::move(revisions); }
  // A hash that somebody holds of this revision, from somewhere else: a fault when the link has another. Before the
  // revision is added.
  void Expect(Revision revision, const Hash256& hash, std::string who);

  void Add(const RevisionEntry& entry);
  // When all were added that there are: `head` is the newest that there must be.
  void Finish(Revision head);
  void AddFault(ChainFault::Kind kind, Revision revision, std::string what);

  const ChainReport& report() const { return report_; }

 private:
  struct Expected {
    Hash256 hash;
    std::string who;
  };
  void CheckPlace(const RevisionEntry& entry);
  void CheckLink(const RevisionEntry& entry);
  void CheckPayload(Revision revision, std::string_view name, const StoredPayload& payload, const Hash256& commitment);

  ChainReport report_;
  std::set<Revision> announced_, seen_out_of_place_;
  std::multimap<Revision, Expected> expected_;
  Revision next_;
  std::uint64_t last_position_ = 0;
  Timestamp last_time_{};
};

}  // namespace guidon
