#include "server/store/chain.h"

#include <gtest/gtest.h>

#include <functional>

#include "tests/server/store/store_fixture.h"

namespace guidon {
namespace {

std::string Hex(const Hash256& hash) {
  std::string text;
  for (const std::uint8_t byte : hash) {
    text += "0123456789abcdef"[byte >> 4];
    text += "0123456789abcdef"[byte & 15];
  }
  return text;
}

// Ten revisions as a store holds them.
std::vector<RevisionEntry> TenLinks() {
  const auto store = OpenMemoryStore();
  for (int i = 1; i <= 10; ++i) {
    MustCommit(*store, Change({TxnOp::Put("a", std::to_string(i))}, "actor " + std::to_string(i)));
  }
  return *store->Revisions(1, 10, 10);
}

ChainReport Verify(const std::vector<RevisionEntry>& entries) {
  ChainVerifier verifier;
  for (const RevisionEntry& entry : entries) verifier.Add(entry);
  return verifier.report();
}

// Computed with sha256sum from the description in chain.h.
TEST(ChainTest, KnownAnswersStayWhatTheyAre) {
  EXPECT_EQ(Hex(Sha256("abc")), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  const Hash256 log = CommitTo("0123456789abcdef", "log"), audit = CommitTo("fedcba9876543210", "audit");
  EXPECT_EQ(Hex(log), "7848c247463d78f04f2072542476158d2c4fa60b9050f1c84adda736382c205c");
  EXPECT_EQ(Hex(audit), "d735c1ee4962063ebbf45e6dddcdce722321e5ddf6d1405e391224c1b280966f");
  const Hash256 link = LinkHash({}, 1, Timestamp(std::chrono::milliseconds(1'798'761'600'000)), log, audit);
  EXPECT_EQ(Hex(link), "da500d4f8f847ad91e8098c62516e8db8aef95910a05d8674870dd014c4e1ab8");
}

TEST(ChainTest, UntouchedLinksVerify) {
  const ChainReport report = Verify(TenLinks());
  EXPECT_TRUE(report.ok());
  EXPECT_EQ(report.to, 10u);
}

TEST(ChainTest, AnyFieldThatChangesIsFound) {
  const std::vector<std::pair<const char*, std::function<void(RevisionEntry&)>>> faults = {
      {"log", [](RevisionEntry& entry) { entry.log.bytes[0] ^= 1; }},
      {"log salt", [](RevisionEntry& entry) { entry.log.salt[3] ^= 1; }},
      {"audit", [](RevisionEntry& entry) { entry.audit.bytes += "x"; }},
      {"log commitment", [](RevisionEntry& entry) { entry.log_commitment[31] ^= 1; }},
      {"audit commitment", [](RevisionEntry& entry) { entry.audit_commitment[0] ^= 0x80; }},
      {"time", [](RevisionEntry& entry) { entry.time += std::chrono::milliseconds(1); }},
      {"revision", [](RevisionEntry& entry) { entry.revision += 1; }},
      {"hash", [](RevisionEntry& entry) { entry.hash[7] ^= 1; }},
      {"position", [](RevisionEntry& entry) { entry.position = 1; }},
  };
  for (const auto& [name, apply] : faults) {
    std::vector<RevisionEntry> entries = TenLinks();
    apply(entries[4]);
    EXPECT_FALSE(Verify(entries).ok()) << name;
  }
}

TEST(ChainTest, AnErasedPayloadIsReportedAndVerifies) {
  std::vector<RevisionEntry> entries = TenLinks();
  entries[4].audit = entries[4].log = {StoredPayload::State::kRedacted, "", ""};
  const ChainReport report = Verify(entries);
  EXPECT_TRUE(report.ok());
  EXPECT_EQ(report.redacted, 1u);
}

TEST(ChainTest, AForgedEntryBreaksTheLinkAfterIt) {
  std::vector<RevisionEntry> entries = TenLinks();
  const RevisionEntry& before = entries[3];
  entries[4] = NewLink(before.hash, 5, entries[4].position, entries[4].time, {"forged", "nobody"});
  const ChainReport report = Verify(entries);
  ASSERT_EQ(report.faults.size(), 1u);
  EXPECT_EQ(report.faults[0],
            (ChainFault{ChainFault::Kind::kAltered, 6, "the link does not follow from the one before"}));
}

}  // namespace
}  // namespace guidon
