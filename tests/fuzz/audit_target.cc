#include "audit/audit_file.h"
#include "core/base/json.h"
#include "tests/fuzz/targets.h"

namespace guidon::fuzz {
namespace {

void CheckCheckpoints(std::string_view text) {
  if (const Result<Checkpoint> read = ReadCheckpoint(text)) {
    Require(read->text == text, "a checkpoint is all of its line");
    Require(FindCheckpoints(text) == std::vector<Checkpoint>{*read}, "and is found where it is all that there is");
  }
  for (const Checkpoint& found : FindCheckpoints(text)) {
    const bool may_be_escaped = text.find('\\') != std::string_view::npos;  // within a JSON object
    Require(may_be_escaped || text.find(found.text) != std::string_view::npos, "what is found stands there");
    Require(ReadCheckpoint(found.text).has_value(), "and can be read");
  }
  if (const Result<PublicKey> key = PublicKey::FromText(text)) {
    const Result<PublicKey> again = PublicKey::FromText(key->Hex());
    Require(again && *again == *key, "a key can be written and read again");
  }
}

void CheckLine(std::string_view line) {
  const Result<Value> value = ParseJson(line);
  if (!value) return;
  if (const Result<RevisionEntry> entry = DecodeRevisionEntry(*value)) {
    Require(EncodeRevisionEntry(*entry) == *value, "there is one way to write a link");
  }
  if (const Result<AuditHeader> header = DecodeAuditHeader(*value)) {
    Require(EncodeAuditHeader(*header) == *value, "there is one way to write a header");
  }
}

}  // namespace

void Audit(std::string_view input) {
  CheckCheckpoints(input);
  CheckLine(input);
  const Result<AuditReport> report = VerifyAuditFile(input, {});
  if (!report) return Require(!report.error().message.empty(), "a refusal says why");
  for (const ChainFault& fault : report->chain.faults) Require(!fault.what.empty(), "a fault says what it is");
  // What is cut off is noticed.
  if (!report->ok()) return;
  const Result<AuditReport> cut = VerifyAuditFile(input.substr(0, input.size() - 1), {});
  Require(!cut || !cut->ok(), "the last byte is missed");
}

}  // namespace guidon::fuzz
