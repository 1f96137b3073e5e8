#include "server/auth/key.h"

#include <gtest/gtest.h>

#include <set>

namespace guidon {
namespace {

TEST(KeyTest, AGeneratedKeyParsesAndMatchesItsRecordOnly) {
  const NewKey key = *GenerateKey(KeyKind::kServer);
  const NewKey other = *GenerateKey(KeyKind::kServer);
  const std::optional<ParsedKey> parsed = ParseKey(key.text);
  ASSERT_TRUE(parsed) << key.text;
  EXPECT_EQ(parsed->selector, key.record.id);
  EXPECT_TRUE(Matches(key.record, *parsed));
  EXPECT_FALSE(Matches(other.record, *parsed));
}

TEST(KeyTest, TheSecretIsNotInTheRecordNorInTheMask) {
  const NewKey key = *GenerateKey(KeyKind::kAdmin);
  const std::string secret(ParseKey(key.text)->secret);
  EXPECT_EQ(key.record.verifier.size(), 64u);
  EXPECT_EQ(key.record.verifier.find(secret), std::string::npos);
  EXPECT_EQ(MaskKey(key.text), "gdn_adm_" + key.record.id + "_…");
  EXPECT_EQ(MaskKey("hunter2"), "(not a key)");
}

TEST(KeyTest, AnyChangedOrMissingCharacterIsNoticed) {
  const std::string text = GenerateKey(KeyKind::kServer)->text;
  for (std::size_t i = 0; i < text.size(); ++i) {
    std::string changed = text;
    changed[i] = changed[i] == 'x' ? 'y' : 'x';
    EXPECT_FALSE(ParseKey(changed)) << i;
    EXPECT_FALSE(ParseKey(text.substr(0, i))) << i;
  }
  EXPECT_FALSE(ParseKey(text + "0"));
}

TEST(KeyTest, AKeyOfOneKindIsNotAKeyOfAnother) {
  NewKey key = *GenerateKey(KeyKind::kServer);
  key.record.kind = KeyKind::kAdmin;
  EXPECT_FALSE(Matches(key.record, *ParseKey(key.text)));
}

TEST(KeyTest, KindsReadBackFromTheirWords) {
  for (KeyKind kind : {KeyKind::kServer, KeyKind::kClient, KeyKind::kAdmin, KeyKind::kRelay, KeyKind::kEvents}) {
    EXPECT_EQ(KeyKindFromString(ToString(kind)), kind);
    EXPECT_EQ(ParseKey(GenerateKey(kind)->text)->kind, kind);
  }
  EXPECT_FALSE(KeyKindFromString("root"));
}

TEST(KeyTest, KeysDoNotRepeat) {
  std::set<std::string> ids;
  for (int i = 0; i < 1000; ++i) ids.insert(GenerateKey(KeyKind::kServer)->record.id);
  EXPECT_EQ(ids.size(), 1000u);
}

}  // namespace
}  // namespace guidon
