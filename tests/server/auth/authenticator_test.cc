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
  EXPECT_TRUE(f.authenticator.HasValidOwnerKey());
  f.now_ms = 2'000;
  const Result<Principal> who = f.authenticator.Authenticate(key.text);
  EXPECT_EQ(CodeOf(who), ErrorCode::kUnauthenticated);
  EXPECT_NE(who.error().message.find("expired at 1970-01-01T00:00:02"), std::string::npos) << who.error().message;
  EXPECT_FALSE(f.authenticator.IsValid(key.record.id));
  EXPECT_FALSE(f.authenticator.HasValidOwnerKey());
}

TEST(AuthenticatorTest, RemembersRoughlyWhenAKeyWasLastUsed) {
  Fixture f;
  const NewKey key = f.Make(KeyKind::kServer, "shop", "production");
  EXPECT_EQ(f.authenticator.LastSeen(key.record.id), 0);
  f.authenticator.Authenticate("Bearer " + GenerateKey(KeyKind::kServer)->text);
  EXPECT_EQ(f.authenticator.LastSeen(key.record.id), 0);
  EXPECT_TRUE(f.authenticator.Authenticate(key.text));
  EXPECT_EQ(f.authenticator.LastSeen(key.record.id), 1'000);
  f.now_ms = 10'999;
  EXPECT_TRUE(f.authenticator.Authenticate(key.text));
  EXPECT_EQ(f.authenticator.LastSeen(key.record.id), 1'000) << "not written for every request";
  f.now_ms = 11'000;
  EXPECT_TRUE(f.authenticator.IsValid(key.record.id)) << "a stream that goes on";
  EXPECT_EQ(f.authenticator.LastSeen(key.record.id), 11'000);
  f.authenticator.Put(key.record);
  EXPECT_EQ(f.authenticator.LastSeen(key.record.id), 11'000) << "what is known of it changed, not when it was used";
  EXPECT_EQ(f.authenticator.LastSeen("nobody"), 0);
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
  EXPECT_TRUE(f.authenticator.HasValidOwnerKey());
  key.record.revoked_ms = 1;
  f.authenticator.Put(key.record);
  EXPECT_EQ(CodeOf(f.authenticator.Authenticate(key.text)), ErrorCode::kUnauthenticated);
  EXPECT_FALSE(f.authenticator.IsValid(key.record.id));
  EXPECT_FALSE(f.authenticator.HasValidOwnerKey());
}

TEST(AuthenticatorTest, AKeyWhoseRevocationIsNotStoredIsRefusedAndKnownAsItIsStored) {
  Fixture f;
  const NewKey key = f.Make(KeyKind::kAdmin);
  const std::uint64_t before = f.authenticator.revocations();
  f.authenticator.End(key.record.id);
  f.now_ms = 2'000;
  f.authenticator.End(key.record.id);  // was tried once more
  f.authenticator.End("unknown");
  EXPECT_EQ(f.authenticator.revocations(), before + 2) << "streams have to look";
  f.authenticator.Put(key.record);  // as when it is rotated
  EXPECT_EQ(CodeOf(f.authenticator.Authenticate(key.text)), ErrorCode::kUnauthenticated);
  EXPECT_EQ(f.authenticator.denied(Denial::kRevoked), 1u);
  EXPECT_FALSE(f.authenticator.IsValid(key.record.id));
  EXPECT_FALSE(f.authenticator.PrincipalOf(key.record.id));
  EXPECT_FALSE(f.authenticator.StandingOf("key:" + key.record.id));
  EXPECT_FALSE(f.authenticator.HasValidOwnerKey());
  EXPECT_TRUE(f.authenticator.HasEnded(key.record.id));
  EXPECT_EQ(f.authenticator.EndedAt(key.record.id), 1'000);
  EXPECT_FALSE(f.authenticator.EndedAt("unknown"));
  EXPECT_EQ(f.authenticator.Find(key.record.id)->revoked_ms, 0) << "so that it is revoked once more";
}

TEST(AuthenticatorTest, LimitsGuessesOfAnAddressAndLetsValidKeysIn) {
  std::int64_t now_ms = 1'000;
  Authenticator authenticator([&now_ms] { return now_ms; }, {.burst = 3, .per_second = 1});
  NewKey key = *GenerateKey(KeyKind::kServer), revoked = *GenerateKey(KeyKind::kServer);
  revoked.record.revoked_ms = 1;
  authenticator.Put(key.record);
  authenticator.Put(revoked.record);
  const std::string stranger = GenerateKey(KeyKind::kServer)->text;
  const auto ask = [&](const std::string& text, const std::string& peer) {
    return CodeOf(authenticator.Authenticate(text, "", peer));
  };
  // Who shows a key that was one is not guessing, who shows none is not, either.
  for (int i = 0; i < 9; ++i) {
    EXPECT_EQ(ask(revoked.text, "10.0.0.1"), ErrorCode::kUnauthenticated);
    EXPECT_EQ(ask("", "10.0.0.1"), ErrorCode::kUnauthenticated);
  }
  EXPECT_EQ(ask("Bearer x", "10.0.0.1"), ErrorCode::kUnauthenticated);
  for (int i = 0; i < 2; ++i) EXPECT_EQ(ask(stranger, "10.0.0.1"), ErrorCode::kUnauthenticated);
  EXPECT_EQ(ask(stranger, "10.0.0.1"), ErrorCode::kOverloaded);
  EXPECT_EQ(ask("Bearer x", "10.0.0.1"), ErrorCode::kOverloaded);
  EXPECT_TRUE(authenticator.Authenticate(key.text, "", "10.0.0.1")) << "a valid key is let in";
  EXPECT_EQ(ask(revoked.text, "10.0.0.1"), ErrorCode::kUnauthenticated);
  EXPECT_EQ(ask(stranger, ""), ErrorCode::kUnauthenticated);
  now_ms += 1'000;
  EXPECT_EQ(ask(stranger, "10.0.0.1"), ErrorCode::kUnauthenticated);
  EXPECT_EQ(ask(stranger, "10.0.0.1"), ErrorCode::kOverloaded);
  std::string counts;
  for (const Denial denial : kDenials) {
    counts += std::string(ToString(denial)) + " " + std::to_string(authenticator.denied(denial)) + " ";
  }
  EXPECT_EQ(counts, "missing 9 malformed 1 unknown 4 revoked 10 expired 0 rate_limited 3 ");
}

TEST(AttemptLimiterTest, CountsAHouseholdOfIpv6AsOneAndIpv4InBothItsForms) {
  const auto is_one = [](const std::string& a, const std::string& b) {
    AttemptLimiter limiter({.burst = 1, .per_second = 0});
    EXPECT_TRUE(limiter.Take(a, 0));
    return !limiter.Take(b, 0);
  };
  EXPECT_TRUE(is_one("2001:db8:1:2::1", "2001:db8:1:2:ffff::9"));
  EXPECT_TRUE(is_one("10.0.0.1", "::ffff:10.0.0.1"));
  // Others may meet in a bucket by chance, so many are asked.
  int apart = 0;
  for (int i = 0; i < 100; ++i) {
    if (!is_one("10.0.0.1", "10.0.1." + std::to_string(i))) ++apart;
    if (!is_one("2001:db8:1:2::1", "2001:db8:1:" + std::to_string(i + 3) + "::1")) ++apart;
  }
  EXPECT_GT(apart, 190);
}

TEST(AttemptLimiterTest, AClockThatIsSetBackGivesNothingAndTakesNothing) {
  AttemptLimiter limiter({.burst = 2, .per_second = 1});
  EXPECT_TRUE(limiter.Take("10.0.0.1", 10'000));
  EXPECT_TRUE(limiter.Take("10.0.0.1", 10'000));
  EXPECT_FALSE(limiter.Take("10.0.0.1", 5'000));
  EXPECT_FALSE(limiter.Take("10.0.0.1", 5'500));
  EXPECT_TRUE(limiter.Take("10.0.0.1", 6'500));
  EXPECT_FALSE(limiter.Take("10.0.0.1", 6'500));
  EXPECT_TRUE(limiter.Take("10.0.0.1", 60'000));
  EXPECT_TRUE(limiter.Take("10.0.0.1", 60'000));
  EXPECT_FALSE(limiter.Take("10.0.0.1", 60'000)) << "no more than the burst";
}

Principal Admin(std::vector<Grant> grants) {
  return {"key:x", KeyKind::kAdmin, "", "", std::move(grants)};
}
VerbSet VerbsOf(std::string_view role) {
  return FindBuiltInRole(role)->verbs;
}

TEST(AuthenticatorTest, APersonIsTheMemberBehindAKeyOrTheLastOfTheKeysThatItWasRotatedTo) {
  std::int64_t now_ms = 1'000;
  Authenticator authenticator([&] { return now_ms; });
  const auto put = [&](const std::string& id, const std::string& member, const std::string& next, bool revoked) {
    KeyRecord record;
    record.id = id;
    record.kind = KeyKind::kAdmin;
    record.role = "viewer";
    record.member = member;
    record.replaced_by = next;
    record.revoked_ms = revoked ? 1 : 0;
    authenticator.Put(record);
  };
  put("a", "", "b", true);
  put("b", "", "c", false);
  put("c", "", "", false);
  put("x", "ana", "", true);
  put("y", "ana", "", false);
  put("p", "", "q", true);
  put("q", "", "p", true);  // which cannot be, and must end
  EXPECT_EQ(authenticator.PersonOf("key:a"), "key:c");
  EXPECT_EQ(authenticator.PersonOf("key:c"), "key:c");
  EXPECT_EQ(authenticator.PersonOf("key:x"), "member:ana");
  EXPECT_EQ(authenticator.PersonOf("key:y"), "member:ana");
  EXPECT_EQ(authenticator.PersonOf("member:ana"), "member:ana");
  EXPECT_EQ(authenticator.PersonOf("key:nobody"), "key:nobody");
  EXPECT_EQ(authenticator.PersonOf("system"), "system");
  EXPECT_TRUE(authenticator.PersonOf("key:p").starts_with("key:"));

  ASSERT_TRUE(authenticator.StandingOf("key:a"));
  EXPECT_EQ(authenticator.StandingOf("key:a")->id, "key:b");
  EXPECT_FALSE(authenticator.StandingOf("key:x"));
  EXPECT_FALSE(authenticator.StandingOf("key:p"));
  EXPECT_FALSE(authenticator.StandingOf("member:ana"));
  TeamMember ana;
  ana.id = "ana";
  ana.bindings = {{"editor", "shop", ""}};
  authenticator.members().Put(ana);
  ASSERT_TRUE(authenticator.StandingOf("member:ana"));
  EXPECT_TRUE(Authorize(*authenticator.StandingOf("member:ana"), Verb::kWrite, {"shop", "production"}));
  EXPECT_FALSE(Authorize(*authenticator.StandingOf("member:ana"), Verb::kWrite, {"bank", ""}));

  // Since when: as they were added the last time.
  EXPECT_EQ(authenticator.SinceOf("member:ana"), 0);
  ana.created_ms = 77;
  authenticator.members().Put(*DecodeMember("ana", EncodeMember(ana)));
  EXPECT_EQ(authenticator.SinceOf("member:ana"), 77);
  EXPECT_EQ(authenticator.SinceOf("key:c"), authenticator.Find("c")->created_ms);
  for (const char* who : {"member:ben", "key:nobody", "break-glass", ""}) EXPECT_FALSE(authenticator.SinceOf(who));

  // What a group gave at the last sign-in counts, without a session, too; and as its role is now.
  ana.groups = {"tellers"};
  authenticator.members().Put(*DecodeMember("ana", EncodeMember(ana)));
  EXPECT_FALSE(Authorize(*authenticator.StandingOf("member:ana"), Verb::kWrite, {"bank", ""}));
  authenticator.sessions().SetPolicy({.groups = {{"tellers", {"editor", "bank", ""}}}});
  EXPECT_TRUE(Authorize(*authenticator.StandingOf("member:ana"), Verb::kWrite, {"bank", ""}));
}

TEST(SessionsTest, WhatWasEndedWithoutTheStoreIsOverAndWaitsForTheKeeper) {
  Sessions sessions;
  NewSession made = *GenerateSession();
  made.record.expires_ms = 1'000;
  sessions.Put(made.record, 0);
  ASSERT_EQ(sessions.Find(made.token, made.record.door, 1).state, Sessions::State::kOpen);
  sessions.End(made.record.id);
  EXPECT_EQ(sessions.Find(made.token, made.record.door, 1).state, Sessions::State::kOver);
  EXPECT_EQ(sessions.Over(1, 10), std::vector<std::string>{made.record.id});
}

TEST(AuthorizeTest, KindsMayDoTheirOwnThingAndNothingElse) {
  const Resource scope{"shop", "production"};
  for (KeyKind kind : {KeyKind::kServer, KeyKind::kClient, KeyKind::kAdmin, KeyKind::kRelay, KeyKind::kEvents}) {
    // Verbs of roles are of no use to a key of another kind.
    const Principal who{"key:x", kind, "", "", {{VerbsOf("owner"), "", ""}}};
    const bool reads_rules = kind == KeyKind::kServer || kind == KeyKind::kRelay;
    EXPECT_EQ(Authorize(who, Verb::kReadRules, scope).has_value(), reads_rules) << ToString(kind);
    const bool is_client = kind == KeyKind::kClient;
    EXPECT_EQ(Authorize(who, Verb::kSendEvents, scope).has_value(),
              reads_rules || is_client || kind == KeyKind::kEvents);
    EXPECT_EQ(Authorize(who, Verb::kEvaluate, scope).has_value(), reads_rules || is_client);
    for (const Verb verb : kVerbs) {
      if (!IsOfRoles(verb)) continue;
      EXPECT_EQ(Authorize(who, verb, scope).has_value(), kind == KeyKind::kAdmin) << ToString(kind) << ToString(verb);
    }
    EXPECT_TRUE(Authorize(who, Verb::kPublic, scope));
  }
  EXPECT_FALSE(Authorize(Admin({}), Verb::kRead, scope)) << "nothing is granted";
}

TEST(AuthorizeTest, AScopedKeyStaysInItsScope) {
  const Principal who{"key:x", KeyKind::kAdmin, "shop", "", {{VerbsOf("owner"), "shop", ""}}};
  EXPECT_TRUE(Authorize(who, Verb::kWrite, {"shop", "production"}));
  EXPECT_FALSE(Authorize(who, Verb::kWrite, {"bank", "production"}));
  EXPECT_FALSE(Authorize(who, Verb::kRead, {}));
  const Principal sdk{"key:y", KeyKind::kServer, "shop", "production", {}};
  EXPECT_TRUE(Authorize(sdk, Verb::kReadRules, {"shop", "production"}));
  EXPECT_FALSE(Authorize(sdk, Verb::kReadRules, {"shop", "staging"}));
}

TEST(AuthorizeTest, ARightInOnePartIsNoneInTheWholeAndIsSaidToBeMissingWhere) {
  const Principal who = Admin({{VerbsOf("editor"), "shop", "staging"}, {VerbsOf("viewer"), "bank", ""}});
  EXPECT_TRUE(Authorize(who, Verb::kWrite, {"shop", "staging"}));
  EXPECT_TRUE(Authorize(who, Verb::kWrite, {"shop", "", true}));
  EXPECT_TRUE(Authorize(who, Verb::kRead, {"bank", ""}));
  EXPECT_TRUE(Authorize(who, Verb::kRead, {"", "", true}));
  for (const auto& [resource, place] : std::vector<std::pair<Resource, std::string>>{
           {{"shop", ""}, "in all environments of project 'shop'"},
           {{"shop", "production"}, "in environment 'production' of project 'shop'"},
           {{"bank", "", true}, "in any environment of project 'bank'"},
           {{}, "in all projects"}}) {
    const Status allowed = Authorize(who, Verb::kWrite, resource);
    ASSERT_FALSE(allowed) << place;
    EXPECT_EQ(allowed.error().message,
              "this key has no right to 'definitions.write' " + place + "; use a key of a role that has it");
  }
}

TEST(AuthorizeTest, NobodyGivesMoreThanTheyHold) {
  const Principal admin = Admin({{VerbsOf("admin"), "shop", ""}});
  EXPECT_TRUE(AuthorizeGiving(admin, {{VerbsOf("admin"), "shop", ""}, {VerbsOf("viewer"), "shop", "staging"}}));
  EXPECT_FALSE(AuthorizeGiving(admin, {{VerbsOf("owner"), "shop", ""}}));
  EXPECT_FALSE(AuthorizeGiving(admin, {{VerbsOf("viewer"), "", ""}}));
  EXPECT_FALSE(AuthorizeGiving(admin, {{VerbsOf("viewer"), "shop", ""}, {VerbsOf("viewer"), "bank", ""}}));
  EXPECT_FALSE(AuthorizeGiving(Admin({{VerbsOf("admin"), "shop", "staging"}}), {{VerbsOf("viewer"), "shop", ""}}));
}

TEST(RolesTest, ReadBackAndLeaveOutWhatIsNotKnown) {
  const Role role{"analyst", {Verb::kRead, Verb::kReadEvents}, "Looks at numbers", false};
  EXPECT_EQ(DecodeRole("analyst", EncodeRole(role))->verbs, role.verbs);
  EXPECT_EQ(DecodeRole("x", R"({"verbs":["definitions.read","time.travel","rules.read","public"]})")->verbs,
            VerbSet{Verb::kRead});
  EXPECT_FALSE(DecodeRole("x", R"({"verbs":7})"));
  for (const Verb verb : kVerbs) EXPECT_EQ(VerbFromString(ToString(verb)), verb);
  EXPECT_FALSE(VerbFromString("root"));
}

TEST(MembersTest, AKeyMayNoMoreThanItsRoleInItsPlaceAndItsMember) {
  Members members;
  members.PutRole({"analyst", {Verb::kRead, Verb::kReadEvents}, "", false});
  members.PutRole({"viewer", {Verb::kManageMembers}, "", false});
  EXPECT_FALSE(members.FindRole("viewer")->verbs.Has(Verb::kManageMembers)) << "a built-in role was replaced";
  members.Put({"ana", "Ana", "", {{"editor", "shop", ""}, {"analyst", "", "production"}}, 0});
  KeyRecord key{.id = "k", .kind = KeyKind::kAdmin};
  EXPECT_TRUE(members.IsOwnerKey(key)) << "as it was before there were roles";
  EXPECT_EQ(members.GrantsOf(key), (std::vector<Grant>{{VerbsOf("owner"), "", ""}}));
  key.role = "analyst";
  key.project = "bank";
  EXPECT_EQ(members.GrantsOf(key), (std::vector<Grant>{{{Verb::kRead, Verb::kReadEvents}, "bank", ""}}));
  key.member = "ana";
  EXPECT_EQ(members.GrantsOf(key), (std::vector<Grant>{{{Verb::kRead, Verb::kReadEvents}, "bank", "production"}}));
  key.project = "shop";
  EXPECT_EQ(members.GrantsOf(key), (std::vector<Grant>{{{Verb::kRead}, "shop", ""},
                                                       {{Verb::kRead, Verb::kReadEvents}, "shop", "production"}}));
  key.environment = "staging";
  EXPECT_EQ(members.GrantsOf(key), (std::vector<Grant>{{{Verb::kRead}, "shop", "staging"}}));
  members.RemoveRole("analyst");
  EXPECT_TRUE(members.GrantsOf(key).empty());
  key.role = "";
  EXPECT_FALSE(members.GrantsOf(key).empty());
  members.Remove("ana");
  EXPECT_TRUE(members.GrantsOf(key).empty());
  key.member = "";
  key.kind = KeyKind::kServer;
  EXPECT_TRUE(members.GrantsOf(key).empty());
}

TEST(MembersTest, ReadBack) {
  const TeamMember ana{"ana", "Ana", "ana@example.com", {{"editor", "shop", ""}, {"viewer", "", ""}}, 7};
  const TeamMember read = *DecodeMember("ana", EncodeMember(ana));
  EXPECT_EQ(read.name + read.email, "Anaana@example.com");
  EXPECT_EQ(read.bindings, ana.bindings);
  EXPECT_EQ(read.created_ms, 7);
  EXPECT_FALSE(DecodeMember("ana", "{}"));
}

}  // namespace
}  // namespace guidon
