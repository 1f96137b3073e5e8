// What is past its time in the audit log: it says nothing, verifies, and is in no file; the rest is as it was.
#include "server/catalog/audit_retention.h"

#include <gtest/gtest.h>

#include "audit/audit_file.h"
#include "server/store/chain.h"
#include "tests/server/catalog/catalog_fixture.h"

namespace guidon {
namespace {

using std::chrono::days;

constexpr const char* kOn = R"({"type":"boolean","owner":"x","environments":{"production":{"default":"on"}}})";

// Whether a text that does not compress is in any file of the store.
bool IsInFiles(const TempFolder& folder, const std::string& text) {
  for (const auto& file : std::filesystem::recursive_directory_iterator(folder.path())) {
    if (file.is_regular_file() && ReadAll(file.path()).find(text) != std::string::npos) return true;
  }
  return false;
}

// "- - key:cat system": who made each revision, or a dash for a tombstone.
std::string Who(CatalogHarness& on) {
  std::string text;
  const Result<AuditPage> page = on.catalog().audit().Read({.oldest_first = true});
  for (const AuditEntry& entry : page ? page->entries : std::vector<AuditEntry>()) {
    text += (text.empty() ? "" : " ") + (entry.redacted ? "-" : entry.principal);
  }
  return text;
}

AuditTrim TrimNow(CatalogHarness& on, int keep_days) {
  const Result<AuditTrim> trim = TrimAudit(on.catalog(), on.store(), on.clock().now(), days(keep_days), {});
  EXPECT_TRUE(trim) << trim.error().message;
  return trim ? *trim : AuditTrim();
}

void WriteAs(CatalogHarness& on, const std::string& who, const std::string& flag) {
  on.author = {"key:" + who, "r", "", "203.0.113.77"};
  on.author.comment = "said by " + who;
  on.MustCommit({PutOf(Flag(flag), kOn)});
  on.clock().Move(days(10));
}

TEST(AuditRetentionTest, WhatIsOlderSaysNothingVerifiesAndIsInNoFile) {
  const std::string ana = "Zq7XvB31kPw0", ben = "Lm9RtYcU5hJ2", cat = "sDf8GgQe4Nn6";
  CatalogHarness on("rocksdb");
  on.author = {"key:" + ana, "r", "", "203.0.113.77"};
  on.MakeShop();
  on.clock().Move(days(10));
  WriteAs(on, ben, "a");  // at 10 days,
  WriteAs(on, cat, "b");  // at 20,
  const AuditHeader before = *on.catalog().audit().Header(on.clock().now());
  EXPECT_EQ(TrimNow(on, 21).entries, 0u) << "nothing is so old";
  EXPECT_EQ(on.head(), 3u) << "and then nothing is written";
  on.Restart();  // from the log into tables
  for (const std::string& who : {ana, ben, cat}) EXPECT_TRUE(IsInFiles(on.folder(), who)) << who;

  // It is day 30; what counts is the newest revision's time, day 20.
  const AuditTrim trim = TrimNow(on, 10);
  EXPECT_EQ(trim.entries, 2u);
  EXPECT_EQ(trim.through, 2u);
  EXPECT_FALSE(trim.stopped);
  EXPECT_EQ(Who(on), "- - key:" + cat + " system");
  const AuditEntry own = *on.catalog().audit().Find(4);
  EXPECT_EQ(own.action, kAuditExpire);
  EXPECT_EQ(own.comment, "2 entries, up to revision 2");
  for (const std::string& who : {ana, ben}) EXPECT_FALSE(IsInFiles(on.folder(), who)) << who;
  EXPECT_TRUE(IsInFiles(on.folder(), cat));
  const ChainReport report = *VerifyChain(on.store());
  EXPECT_TRUE(report.ok());
  EXPECT_EQ(report.redacted_revisions, (std::vector<Revision>{1, 2}));
  const Result<AuditLinks> links = on.catalog().audit().Links(0, 10);
  EXPECT_NE(ToJson(EncodeRevisionEntry(links->entries[0])).find(R"("state":"redacted")"), std::string::npos);
  EXPECT_EQ(links->entries[2].hash, before.hash) << "the chain is the one that it was";
  EXPECT_NE(on.DefinitionOf(Flag("a")), "absent");
}

TEST(AuditRetentionTest, ItGoesOnWhereItEndedAndItsOwnEntriesAreNoReasonForMore) {
  CatalogHarness on("memory");
  on.MakeShop();
  on.clock().Move(days(10));
  WriteAs(on, "ben", "a");
  EXPECT_EQ(TrimNow(on, 5).entries, 1u);
  on.Restart();
  EXPECT_EQ(TrimNow(on, 5).entries, 0u);
  WriteAs(on, "cat", "b");
  EXPECT_EQ(TrimNow(on, 5).entries, 1u) << "ben's, and not the entry about the first";
  EXPECT_EQ(Who(on), "- - system key:cat system");
  const Revision head = on.head();
  on.clock().Move(days(1'000));
  EXPECT_EQ(TrimNow(on, 5).entries, 0u) << "a clock that is far ahead costs nothing, whatever it wrote itself";
  EXPECT_EQ(on.head(), head);
  const Result<AuditTrim> stopped = TrimAudit(on.catalog(), on.store(), on.clock().now(), days(0), [] { return true; });
  ASSERT_TRUE(stopped);
  EXPECT_TRUE(stopped->stopped);
  EXPECT_EQ(on.head(), head);
  EXPECT_EQ(TrimNow(on, 0).entries, 1u);
  EXPECT_EQ(Who(on), "- - system - system system");
  EXPECT_TRUE(VerifyChain(on.store())->ok());
}

}  // namespace
}  // namespace guidon
