// Whatever is done to an audit export is found, and named.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <functional>
#include <random>
#include <string>
#include <vector>

#include "audit/audit_file.h"
#include "audit/hex.h"
#include "core/base/json.h"

namespace guidon {
namespace {

using Kind = ChainFault::Kind;

constexpr const char* kEpoch = "abcdefgh01234567";

std::size_t Scaled(std::size_t cases) {
  const char* scale = std::getenv("GUIDON_PROPERTY_SCALE");
  return std::max<std::size_t>(20,
                               static_cast<std::size_t>(static_cast<double>(cases) * (scale ? std::atof(scale) : 1)));
}

// RFC 8032, section 7.1, test 1, as PKCS#8 (RFC 8410).
SigningKey KnownKey() {
  return *SigningKey::FromPem(
      "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIJ1hsZ3v/VpguoRK9JLsLMREScVpezJpGXA7rAMcrn9g\n"
      "-----END PRIVATE KEY-----\n");
}

Timestamp At(Revision revision) {
  return Timestamp(std::chrono::milliseconds(1'798'761'600'000 + 1000 * static_cast<std::int64_t>(revision)));
}

void Seal(RevisionEntry& entry, const Hash256& previous) {
  if (entry.log.state == StoredPayload::State::kPresent)
    entry.log_commitment = CommitTo(entry.log.salt, entry.log.bytes);
  if (entry.audit.state == StoredPayload::State::kPresent) {
    entry.audit_commitment = CommitTo(entry.audit.salt, entry.audit.bytes);
  }
  entry.hash = LinkHash(previous, entry.revision, entry.time, entry.log_commitment, entry.audit_commitment);
}

// All from `first` on, as who holds the database could do it.
void SealAll(std::vector<RevisionEntry>& entries, std::size_t first) {
  for (std::size_t i = first; i < entries.size(); ++i) {
    entries[i].revision = i + 1;
    Seal(entries[i], i == 0 ? Hash256{} : entries[i - 1].hash);
  }
}

std::vector<RevisionEntry> Links(std::size_t count, std::mt19937& random) {
  std::vector<RevisionEntry> entries(count);
  for (std::size_t i = 0; i < count; ++i) {
    RevisionEntry& entry = entries[i];
    entry.time = At(i + 1);
    entry.log.salt = std::string(16, static_cast<char>(random() & 0xff));
    entry.audit.salt = std::string(16, static_cast<char>(random() & 0xff));
    entry.log.bytes = R"({"project":"shop","changes":[{"kind":"flag","key":"a"}]})";
    entry.audit.bytes = "{\"principal\":\"key:" + std::to_string(random()) + "\",\"comment\":\"why: \\u001f é\"}";
    if (random() % 8 == 0) entry.log.bytes = "\xff\x01";  // no UTF-8
    Seal(entry, Hash256{});
    if (random() % 8 == 0) entry.log = entry.audit = {StoredPayload::State::kRedacted, "", ""};
    if (random() % 8 == 0) entry.log = {StoredPayload::State::kCompacted, "", ""};
  }
  SealAll(entries, 0);
  return entries;
}

std::string FileOf(const std::vector<RevisionEntry>& entries, const std::vector<Checkpoint>& checkpoints,
                   const SigningKey& key = KnownKey()) {
  AuditHeader header{kEpoch, entries.size(), entries.empty() ? Hash256{} : entries.back().hash, {}, checkpoints};
  header.keys.push_back(key.public_key());
  std::string text = ToJson(EncodeAuditHeader(header)) + "\n";
  for (const RevisionEntry& entry : entries) text += ToJson(EncodeRevisionEntry(entry)) + "\n";
  return text;
}

Checkpoint CheckpointOf(const RevisionEntry& entry, const SigningKey& key = KnownKey()) {
  return *ReadCheckpoint(key.Sign(kEpoch, entry.revision, entry.hash, entry.time));
}

std::vector<std::string> LinesOf(const std::string& text) {
  std::vector<std::string> lines;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = text.find('\n', at);
    lines.push_back(text.substr(at, end - at));
    at = end + 1;
  }
  return lines;
}
std::string Joined(const std::vector<std::string>& lines) {
  std::string text;
  for (const std::string& line : lines) text += line + "\n";
  return text;
}

// "altered 5: …" of the first fault; "" when nothing was found.
std::string FirstFault(const std::string& text, const AuditTrust& trust = {}) {
  const Result<AuditReport> report = VerifyAuditFile(text, trust);
  if (!report) return "unreadable: " + report.error().message;
  if (report->ok()) return "";
  const ChainFault& fault = report->chain.faults.front();
  return std::string(ToString(fault.kind)) + " " + std::to_string(fault.revision) + ": " + fault.what;
}

TEST(AuditFileTest, UntouchedVerifiesAndSaysWhatWasErased) {
  std::mt19937 random(7);
  std::vector<RevisionEntry> entries = Links(10, random);
  for (RevisionEntry& entry : entries) entry.log = entry.audit = {StoredPayload::State::kPresent, entry.log.salt, "x"};
  for (RevisionEntry& entry : entries) entry.log.salt = entry.audit.salt = std::string(16, 's');
  SealAll(entries, 0);
  entries[4].log = entries[4].audit = {StoredPayload::State::kRedacted, "", ""};
  entries[0].log = {StoredPayload::State::kCompacted, "", ""};
  const Result<AuditReport> report =
      VerifyAuditFile(FileOf(entries, {CheckpointOf(entries[2]), CheckpointOf(entries[9])}), {});
  ASSERT_TRUE(report) << report.error().message;
  EXPECT_TRUE(report->ok()) << report->chain.faults.front().what;
  EXPECT_EQ(report->chain.to, 10u);
  EXPECT_EQ(report->chain.redacted_revisions, std::vector<Revision>{5});
  EXPECT_EQ(report->chain.compacted, 1u);
  EXPECT_EQ(report->checkpoints, 2u);
  EXPECT_EQ(report->newest->revision, 10u);
  EXPECT_EQ(FirstFault(FileOf({}, {})), "");
}

// The property: a random export, and one thing done to it at random.
TEST(AuditFileTest, AFlipADeletionAnInsertionAReorderingAndATruncationAreEachFoundAndNamed) {
  const std::uint32_t seed = 20261129;
  std::mt19937 random(seed);
  for (std::size_t round = 0; round < Scaled(150); ++round) {
    SCOPED_TRACE("seed " + std::to_string(seed) + ", round " + std::to_string(round));
    const std::size_t count = 2 + random() % 12;
    const std::vector<RevisionEntry> entries = Links(count, random);
    std::vector<Checkpoint> checkpoints;
    if (random() % 2 == 0) checkpoints.push_back(CheckpointOf(entries[random() % count]));
    checkpoints.push_back(CheckpointOf(entries.back()));
    const std::string text = FileOf(entries, checkpoints);
    ASSERT_EQ(FirstFault(text), "");

    std::string flipped = text;
    flipped[random() % text.size()] ^= static_cast<char>(1u << (random() % 8));
    EXPECT_NE(FirstFault(flipped), "") << flipped;
    std::string without = text;
    without.erase(random() % text.size(), 1 + random() % 5);
    EXPECT_NE(FirstFault(without), "") << without;
    std::string with = text;
    with.insert(random() % text.size(), 1, static_cast<char>(random() & 0xff));
    EXPECT_NE(FirstFault(with), "") << with;
    EXPECT_NE(FirstFault(text.substr(0, random() % text.size())), "");

    // Whole lines; line i is revision i.
    const std::vector<std::string> lines = LinesOf(text);
    const std::size_t at = 1 + random() % count;
    const auto expect = [&](const char* kind, std::size_t revision, const std::vector<std::string>& altered) {
      const std::string wanted = std::string(kind) + " " + std::to_string(revision) + ": ";
      EXPECT_TRUE(FirstFault(Joined(altered)).starts_with(wanted)) << wanted << FirstFault(Joined(altered));
    };
    std::vector<std::string> altered = lines;
    altered.erase(altered.begin() + static_cast<std::ptrdiff_t>(at));
    expect(at == count ? "truncated" : "missing", at, altered);
    altered = lines;
    altered.insert(altered.begin() + static_cast<std::ptrdiff_t>(at + random() % (count - at + 1)) + 1, lines[at]);
    expect("inserted", at, altered);
    altered.assign(lines.begin(), lines.begin() + static_cast<std::ptrdiff_t>(at));
    expect("truncated", at, altered);
    if (at < count) {
      altered = lines;
      std::swap(altered[at], altered[at + 1 + random() % (count - at)]);
      expect("reordered", at, altered);
    }
    std::vector<RevisionEntry> forged = entries;
    forged[at - 1].audit = {StoredPayload::State::kPresent, std::string(16, 's'), "forged"};
    altered = lines;
    altered[at] = ToJson(EncodeRevisionEntry(forged[at - 1]));
    expect("altered", at, altered);
  }
}

// Who holds the database can make a chain that holds in itself; who has kept a checkpoint sees it all the same.
TEST(AuditFileTest, AChainThatWasMadeAnewIsNotTheOneThatACheckpointNames) {
  std::mt19937 random(11);
  const std::vector<RevisionEntry> entries = Links(12, random);
  const AuditTrust kept{{}, {CheckpointOf(entries[9])}};
  EXPECT_EQ(FirstFault(FileOf(entries, {}), kept), "");

  std::vector<RevisionEntry> forged = entries;
  forged[4].audit = {StoredPayload::State::kPresent, std::string(16, 's'), "forged"};
  SealAll(forged, 4);
  EXPECT_EQ(FirstFault(FileOf(forged, {})), "");
  EXPECT_EQ(FirstFault(FileOf(forged, {}), kept),
            "altered 10: the chain up to here is not the one that the checkpoint of revision 10 names");

  const std::vector<RevisionEntry> cut(entries.begin(), entries.begin() + 7);
  EXPECT_EQ(FirstFault(FileOf(cut, {})), "");
  EXPECT_EQ(FirstFault(FileOf(cut, {}), kept),
            "truncated 8: it is gone, as is everything up to 10, which the checkpoint of revision 10 names");
}

TEST(AuditFileTest, AnAuditEntryIsNeverCompactedAndWhatWasErasedIsListed) {
  std::mt19937 random(12);
  std::vector<RevisionEntry> entries = Links(3, random);
  entries[1].audit.state = StoredPayload::State::kCompacted;
  entries[1].audit.bytes.clear();
  EXPECT_EQ(FirstFault(FileOf(entries, {})), "altered 2: its audit entry is gone, and those are kept for good");
}

TEST(AuditFileTest, OnlyTheServersKeySignsACheckpoint) {
  std::mt19937 random(13);
  const std::vector<RevisionEntry> entries = Links(3, random);
  const SigningKey other = *SigningKey::Generate();
  // An export by somebody else's key is fine in itself, and worth nothing to who knows the server's.
  const std::string by_other = FileOf(entries, {CheckpointOf(entries[2], other)}, other);
  EXPECT_EQ(FirstFault(by_other), "");
  EXPECT_EQ(FirstFault(by_other, {{KnownKey().public_key()}, {}}),
            "altered 3: no checkpoint of its head is signed by a key that was given");
  // Nor is one without any, or whose only one is of an earlier revision: everything after it may be forged.
  const std::string stripped = FileOf(entries, {}, other);
  EXPECT_NE(FirstFault(stripped, {{KnownKey().public_key()}, {}}), "");
  EXPECT_NE(FirstFault(FileOf(entries, {CheckpointOf(entries[0])}, other), {{KnownKey().public_key()}, {}}), "");
  // One that was kept, and is by none of the server's keys.
  EXPECT_NE(FirstFault(FileOf(entries, {}), {{}, {CheckpointOf(entries[2], other)}}), "");
  // Another revision under the same signature.
  std::string forged = CheckpointOf(entries[2]).text;
  forged.replace(forged.find(".3."), 3, ".2.");
  const std::string fault = FirstFault(FileOf(entries, {}), {{}, {*ReadCheckpoint(forged)}});
  EXPECT_TRUE(fault.starts_with("altered 2: the signature of the checkpoint of revision 2 is not that of key "))
      << fault;
}

TEST(CheckpointTest, IsALineThatIsFoundInALogAndReadInOneWayOnly) {
  const SigningKey key = KnownKey();
  EXPECT_EQ(key.public_key().Hex(), "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a");
  const Hash256 hash = Sha256("abc");
  const std::string text = key.Sign(kEpoch, 17, hash, At(17));
  EXPECT_TRUE(
      text.starts_with("gcp1.abcdefgh01234567.17.1798761617000." + ToHex(hash) + "." + key.public_key().Id() + "."));
  const std::vector<Checkpoint> found =
      FindCheckpoints("level=info msg=\"audit checkpoint\" checkpoint=" + text + " x=1\nand gcp1.nothing.1");
  ASSERT_EQ(found.size(), 1u);
  for (const std::string& line : {
           text,
           "  " + text + "\r",
           "Nov 29 22:00:00 flags guidond[7]: level=info time=x msg=\"audit checkpoint\" revision=17 checkpoint=" +
               text,
           "{\"log\":\"level=info time=x msg=\\\"audit checkpoint\\\" checkpoint=" + text + "\\n\",\"stream\":\"x\"}",
           "{\"guidon_audit\":1,\"checkpoints\":[\"" + text + "\"]}",
           "{\"verified\":true,\"newest_checkpoint\":\"" + text + "\"}",
       }) {
    EXPECT_EQ(FindCheckpoints("x\n" + line + "\nx"), found) << line;
  }
  EXPECT_EQ(found[0], *ReadCheckpoint(text));
  EXPECT_EQ(found[0].revision, 17u);
  EXPECT_TRUE(key.public_key().Verifies(found[0]));
  for (const std::string& wrong :
       {text + "0", text + ".", text.substr(1), "gcp1.abcdefgh01234567.017" + text.substr(24), std::string("gcp1"),
        std::string(5000, '.')}) {
    EXPECT_FALSE(ReadCheckpoint(wrong)) << wrong;
  }
}

// Whoever may send a request may have the log say what they like: none of it is the server's word.
TEST(CheckpointTest, WhatSomebodyHadALogSayIsNone) {
  const std::string text = SigningKey::Generate()->Sign(kEpoch, 17, Sha256("abc"), At(17));
  for (const std::string& line : {
           "level=info time=x msg=request method=GET path=/" + text + " status=404",
           "level=info time=x msg=request path=\"/ level=info msg=\\\"audit checkpoint\\\" checkpoint=" + text + " \"",
           "level=info time=x msg=request checkpoint=" + text,
           "level=info time=x msg=\"audit checkpoint\" revision=17 path=\"checkpoint=" + text + "\"",
           "GET /" + text + " 404",
           "{\"path\":\"" + text + "\"}",
           "{\"path\":\"/ level=info msg=\\\"audit checkpoint\\\" checkpoint=" + text + "\"}",
           "{\"checkpoints\":[\"" + text + "\"],\"newest_checkpoint\":\"" + text + "\"}",
           "{\"guidon_audit\":1,\"checkpoints\":\"" + text + "\"}",
           std::string("{\"log\":[\"level=info msg=\"gcp1."),
       }) {
    EXPECT_TRUE(FindCheckpoints(line).empty()) << line;
  }
}

// 20 MB would take hours if what begins like one were read at every place.
TEST(CheckpointTest, AFloodOfBeginningsIsReadOnce) {
  std::string flood;
  while (flood.size() < (20u << 20)) flood += "gcp1.";
  EXPECT_TRUE(FindCheckpoints(flood).empty());
  EXPECT_TRUE(FindCheckpoints("level=info msg=\"audit checkpoint\" checkpoint=" + flood).empty());
}

TEST(CheckpointTest, KeysAreReadFromWhatTheyAreWrittenAs) {
  const SigningKey made = *SigningKey::Generate();
  EXPECT_EQ(SigningKey::FromPem(made.Pem())->public_key(), made.public_key());
  EXPECT_EQ(*PublicKey::FromText(made.public_key().Hex() + "\n"), made.public_key());
  // openssl pkey -pubout of KnownKey()
  EXPECT_EQ(*PublicKey::FromText("-----BEGIN PUBLIC KEY-----\n"
                                 "MCowBQYDK2VwAyEA11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=\n"
                                 "-----END PUBLIC KEY-----\n"),
            KnownKey().public_key());
  for (const char* wrong : {"", "d75a", "-----BEGIN PUBLIC KEY-----\nMCow\n-----END PUBLIC KEY-----\n"}) {
    EXPECT_FALSE(PublicKey::FromText(wrong)) << wrong;
    EXPECT_FALSE(SigningKey::FromPem(wrong)) << wrong;
  }
}

}  // namespace
}  // namespace guidon
