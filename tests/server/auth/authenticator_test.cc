#include "server/auth/authenticator.h"

#include <gtest/gtest.h>

namespace guidon {
namespace {

struct Fixture {
  std::int64_t now_ms = 1'000;
  Authenticator authenticator{[this] { return now_ms; }};
  NewKey Make(KeyKind kind, std::string project = "", std::string environment = "") {
    NewKey key = *GenerateKey(kind);
    key.record.project = std::move(project);
    key.record.environment = std::move(environment);
    authenticator.Put(key.record);
    return key;
  }
};

ErrorCode CodeOf(const Result<Principal>& result) {
  return result ? ErrorCode::kInternal : result.error().code;
}

TEST(AuthenticatorTest, KnowsWhoAKeyBelongsTo) {
  Fixture f;
  const NewKey key = f.Make(KeyKind::kServer, "shop", "production");
  for (const std::string prefix : {"Bearer ", "bearer  ", ""}) {
    Result<Principal> who = f.authenticator.Authenticate(prefix + key.text);
    ASSERT_TRUE(who) << prefix;
    EXPECT_EQ(who->id, "key:" + key.record.id);
    EXPECT_EQ(who->environment, "production");
  }
}

TEST(AuthenticatorTest, TakesAKeyFromTheHeaderOfItsOwnWhereThereIsNoOther) {
  Fixture f;
  const NewKey key = f.Make(KeyKind::kServer, "shop", "production");
  EXPECT_TRUE(f.authenticator.Authenticate("", key.text));
  EXPECT_EQ(CodeOf(f.authenticator.Authenticate("", "Bearer " + key.text)), ErrorCode::kUnauthenticated);
  EXPECT_EQ(CodeOf(f.authenticator.Authenticate("Bearer x", key.text)), ErrorCode::kUnauthenticated)
      << "what stands in Authorization counts";
}

TEST(AuthenticatorTest, AKeyIsValidUntilItExpires) {
  Fixture f;
  NewKey key = f.Make(KeyKind::kAdmin);
  key.record.expires_ms = 2'000;
  f.authenticator.Put(key.record);
  f.now_ms = 1'999;
  EXPECT_TRUE(f.authenticator.Authenticate(key.text));
  EXPECT_TRUE(f.authenticator.IsValid(key.record.id));
  EXPECT_TRUE(f.authenticator.HasValidAdminKey());
  f.now_ms = 2'000;
  const Result<Principal> who = f.authenticator.Authenticate(key.text);
  EXPECT_EQ(CodeOf(who), ErrorCode::kUnauthenticated);
  EXPECT_NE(who.error().message.find("expired at 1970-01-01T00:00:02"), std::string::npos) << who.error().message;
  EXPECT_FALSE(f.authenticator.IsValid(key.record.id));
  EXPECT_FALSE(f.authenticator.HasValidAdminKey());
}

TEST(AuthenticatorTest, TellsAMissingAMalformedAndAnUnknownKeyApartWithoutRepeatingIt) {
  Fixture f;
  const std::string stranger = GenerateKey(KeyKind::kServer)->text;
  for (const std::string& header : {std::string(), std::string("Bearer x"), "Bearer " + stranger}) {
    Result<Principal> who = f.authenticator.Authenticate(header);
    EXPECT_EQ(CodeOf(who), ErrorCode::kUnauthenticated);
    EXPECT_EQ(who.error().message.find(stranger), std::string::npos);
  }
}

TEST(AuthenticatorTest, ARightSelectorWithAnotherSecretIsUnknown) {
  Fixture f;
  const NewKey key = f.Make(KeyKind::kServer, "shop", "production");
  NewKey forged = *GenerateKey(KeyKind::kServer);
  KeyRecord record = forged.record;
  record.verifier = key.record.verifier;  // the server holds the true key's verifier under this selector
  f.authenticator.Put(record);
  EXPECT_EQ(CodeOf(f.authenticator.Authenticate(forged.text)), ErrorCode::kUnauthenticated);
}

TEST(AuthenticatorTest, ARevokedKeyIsRefusedAndNoLongerValid) {
  Fixture f;
  NewKey key = f.Make(KeyKind::kAdmin);
  EXPECT_TRUE(f.authenticator.IsValid(key.record.id));
  EXPECT_TRUE(f.authenticator.HasValidAdminKey());
  key.record.revoked_ms = 1;
  f.authenticator.Put(key.record);
  EXPECT_EQ(CodeOf(f.authenticator.Authenticate(key.text)), ErrorCode::kUnauthenticated);
  EXPECT_FALSE(f.authenticator.IsValid(key.record.id));
  EXPECT_FALSE(f.authenticator.HasValidAdminKey());
}

TEST(AuthorizeTest, KindsMayDoTheirOwnThingAndNothingElse) {
  const Resource scope{"shop", "production"};
  for (KeyKind kind : {KeyKind::kServer, KeyKind::kClient, KeyKind::kAdmin, KeyKind::kRelay, KeyKind::kEvents}) {
    const Principal who{"key:x", kind, "", ""};
    const bool reads_rules = kind == KeyKind::kServer || kind == KeyKind::kRelay;
    EXPECT_EQ(Authorize(who, Verb::kReadRules, scope).has_value(), reads_rules) << ToString(kind);
    for (Verb verb : {Verb::kRead, Verb::kWrite, Verb::kManage, Verb::kManageKeys}) {
      EXPECT_EQ(Authorize(who, verb, scope).has_value(), kind == KeyKind::kAdmin) << ToString(kind) << ToString(verb);
    }
    EXPECT_TRUE(Authorize(who, Verb::kPublic, scope));
  }
}

TEST(AuthorizeTest, AScopedKeyStaysInItsScope) {
  const Principal who{"key:x", KeyKind::kAdmin, "shop", ""};
  EXPECT_TRUE(Authorize(who, Verb::kWrite, {"shop", "production"}));
  EXPECT_FALSE(Authorize(who, Verb::kWrite, {"bank", "production"}));
  EXPECT_FALSE(Authorize(who, Verb::kRead, {}));
  const Principal sdk{"key:y", KeyKind::kServer, "shop", "production"};
  EXPECT_TRUE(Authorize(sdk, Verb::kReadRules, {"shop", "production"}));
  EXPECT_FALSE(Authorize(sdk, Verb::kReadRules, {"shop", "staging"}));
}

}  // namespace
}  // namespace guidon
