// What leaves a server so that its audit log can be verified elsewhere: an export, and what the API says in its pages.
//
// An export is lines of JSON, as ToJson writes them and in no other way; each line ends in a newline:
//
//   {"guidon_audit":1,"epoch":"…","head":{"revision":N,"hash":"…"},
//    "keys":[{"id":"…","public_key":"…"}],"checkpoints":["gcp1.…"]}                       one line
//   {"revision":1,"time":1798761600000,"log":PAYLOAD,"audit":PAYLOAD,"hash":"…"}           one for each of 1 … N
//
//   PAYLOAD = {"commitment":"…","salt":"…","text":"…"}; "hex" instead of "text" where it is no UTF-8;
//             {"commitment":"…","state":"redacted"} (erased) or "compacted" (a log entry older than what is kept)
//
// Hashes, commitments, salts and keys are lower-case hex digits, times are milliseconds since 1970.
//
//   Result<AuditReport> report = VerifyAuditFile(text, {.keys = {key}, .checkpoints = kept_elsewhere});
//
// Thread safety: pure functions; an AuditVerifier belongs to one thread.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <guidon/value.h>
#include "audit/chain.h"
#include "audit/checkpoint.h"
#include "core/base/result.h"

namespace guidon {

Value EncodeRevisionEntry(const RevisionEntry& entry);
// kInvalid for anything that EncodeRevisionEntry does not write.
Result<RevisionEntry> DecodeRevisionEntry(const Value& value);

// The first line of an export.
struct AuditHeader {
  std::string epoch;
  Revision revision = 0;  // the newest
  Hash256 hash{};         // of its link
  std::vector<PublicKey> keys;
  std::vector<Checkpoint> checkpoints;  // by revision; the last is of this epoch, and of the head in an export
};
Value EncodeAuditHeader(const AuditHeader& header);
Result<AuditHeader> DecodeAuditHeader(const Value& value);

// What somebody who verifies has from elsewhere.
struct AuditTrust {
  std::vector<PublicKey> keys;          // empty: those that the header names, on the server's word
  std::vector<Checkpoint> checkpoints;  // kept outside of the server; beside those of the header
};

struct AuditReport {
  ChainReport chain;
  std::string epoch;
  std::size_t checkpoints = 0;            // that are signed and hold
  std::optional<Checkpoint> newest;       // of those
  std::size_t checkpoints_of_others = 0;  // signed by keys that were not given, so they prove nothing
  bool keys_given = false;

  bool ok() const { return chain.ok(); }
};

// Links one after the other, with their checkpoints.
class AuditVerifier {
 public:
  AuditVerifier(AuditHeader header, const AuditTrust& trust);

  void Announce(std::set<Revision> revisions) { chain_.Announce(std::move(revisions)); }
  void Add(const RevisionEntry& entry);
  // A line that is none, where the next revision was expected.
  void AddBroken(std::string what);
  AuditReport Finish();

 private:
  void Take(const Checkpoint& checkpoint, const std::vector<PublicKey>& keys, bool is_given);

  const AuditHeader header_;
  ChainVerifier chain_;
  AuditReport report_;
  std::vector<Checkpoint> signed_;
  std::map<Revision, Hash256> hashes_;  // of the revisions that checkpoints name
};

// kInvalid when it is no export at all; everything else that is wrong is a fault of the report.
// Memory: a few times the text.
Result<AuditReport> VerifyAuditFile(std::string_view text, const AuditTrust& trust);

}  // namespace guidon
