// The check of ID tokens, with the examples of the RFCs; the keys; the password.
#include "server/signin/id_token.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "core/base/json.h"
#include "server/signin/key_set.h"
#include "server/signin/password.h"
#include "server/signin/provider.h"
#include "server/signin/sign_in.h"
#include "tests/support/oidc_provider.h"

namespace guidon {
namespace {

using testing::Base64UrlOf;
using ::testing::HasSubstr;
using testing::JwksOf;
using testing::JwtKey;

constexpr std::int64_t kNow = 1'798'761'600;  // 2027-01-01T00:00:00Z

TEST(KeySetTest, TheExamplesOfTheRfcsVerifyAndNothingElseDoes) {
  const auto verifies = [](const std::string& jwk, SigningAlgorithm algorithm, const std::string& text,
                           const std::string& signature) {
    const Result<KeySet> keys = KeySet::Parse(R"({"keys":[)" + jwk + "]}");
    EXPECT_TRUE(keys);
    const Result<const SigningJwk*> key = keys->Find("", algorithm);
    EXPECT_TRUE(key) << key.error().message;
    return key && Verify(**key, text, *DecodeBase64Url(signature));
  };
  const std::string p256 = R"({"kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
      "y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"})";  // RFC 7515, A.3
  const std::string es_text =
      "eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFt"
      "cGxlLmNvbS9pc19yb290Ijp0cnVlfQ";
  const std::string es_signature =
      "DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q";
  EXPECT_TRUE(verifies(p256, SigningAlgorithm::kEs256, es_text, es_signature));
  EXPECT_FALSE(verifies(p256, SigningAlgorithm::kEs256, es_text + "x", es_signature));
  EXPECT_FALSE(verifies(p256, SigningAlgorithm::kEs256, es_text, es_signature.substr(0, 84)));
  EXPECT_FALSE(verifies(p256, SigningAlgorithm::kEs256, es_text, Base64UrlOf(std::string(64, '\0'))));
  const std::string ed = R"({"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"})";
  const std::string ed_text = "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc";  // RFC 8037, A.4
  const std::string ed_signature =
      "hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg";
  EXPECT_TRUE(verifies(ed, SigningAlgorithm::kEdDsa, ed_text, ed_signature));
  EXPECT_FALSE(verifies(ed, SigningAlgorithm::kEdDsa, ed_text + "x", ed_signature));
}

TEST(KeySetTest, KeysThatAreNotForUsArePassedOver) {
  const JwtKey ours("RS256", "ours"), weak("RS256", "weak", 1024), curve("ES256", "curve");
  Object encrypts = ours.Jwk(), other_alg = ours.Jwk(), off_curve = curve.Jwk(), wraps = ours.Jwk();
  encrypts.Set("use", "enc");
  other_alg.Set("alg", "RS512");
  off_curve.Set("y", off_curve.Find("x")->AsString());
  wraps.Set("key_ops", Array{Value("wrapKey")});
  wraps.Erase("use");
  Array list;
  for (const Object& one : {encrypts, other_alg, off_curve, wraps, weak.Jwk(), ours.Jwk(),
                            Object{{"kty", Value("oct")}, {"k", Value("AAAA")}}}) {
    list.emplace_back(one);
  }
  list.emplace_back(7);
  const Result<KeySet> keys = KeySet::Parse(ToJson(Object{{"keys", Value(std::move(list))}}));
  ASSERT_TRUE(keys);
  EXPECT_EQ(keys->size(), 1u);
  EXPECT_TRUE(keys->Find("ours", SigningAlgorithm::kRs256));
  EXPECT_EQ(keys->Find("ours", SigningAlgorithm::kEs256).error().code, ErrorCode::kUnauthenticated);
  EXPECT_EQ(keys->Find("gone", SigningAlgorithm::kRs256).error().code, ErrorCode::kNotFound);
  EXPECT_FALSE(KeySet::Parse("{}"));
  EXPECT_FALSE(KeySet::Parse("<html>"));
  std::string many = R"({"keys":[{})";
  for (int i = 0; i < 64; ++i) many += ",{}";
  EXPECT_FALSE(KeySet::Parse(many + "]}"));
}

TEST(Base64UrlTest, IsStrict) {
  for (const std::string text : {"", "a", "ab", "abc", "\xff\xfe\xfd\xfc"}) {
    EXPECT_EQ(DecodeBase64Url(EncodeBase64Url(text)), text);
    EXPECT_EQ(EncodeBase64Url(text), Base64UrlOf(text));
  }
  for (const char* wrong : {"Y", "YQ==", "YR", "Y W", "a+b/", "YWJj\n"}) EXPECT_FALSE(DecodeBase64Url(wrong)) << wrong;
}

class IdTokenTest : public ::testing::Test {
 protected:
  const JwtKey es{"ES256", "es"}, rs{"RS256", "rs"}, ed{"EdDSA", "ed"}, stranger{"ES256", "es"};
  const KeySet keys = *KeySet::Parse(JwksOf({&es, &rs, &ed}));
  const IdTokenExpectation expected{"https://id.example.com", "guidon", "n-0S6_WzA2Mj", "groups", kNow};

  static Object Claims(const std::function<void(Object&)>& change = nullptr) {
    Object claims{{"iss", Value("https://id.example.com")}, {"sub", Value("24400320")}, {"aud", Value("guidon")},
                  {"nonce", Value("n-0S6_WzA2Mj")},         {"exp", Value(kNow + 300)}, {"iat", Value(kNow - 5)}};
    if (change) change(claims);
    return claims;
  }
  std::string Fault(const std::string& token) const {
    const Result<Identity> who = CheckIdToken(token, keys, expected);
    return who ? "" : who.error().message;
  }
};

TEST_F(IdTokenTest, OfEachAlgorithmIsTakenAndSaysWhoItIs) {
  for (const JwtKey* key : {&es, &rs, &ed}) {
    const Result<Identity> who = CheckIdToken(key->Token(Claims([](Object& claims) {
      claims.Set("name", "Ana Example");
      claims.Set("email", "ana@example.com");
      claims.Set("groups", Array{Value("a"), Value("cn=b,ou=c")});
    })),
                                              keys, expected);
    ASSERT_TRUE(who) << who.error().message;
    EXPECT_EQ(who->issuer, "https://id.example.com");
    EXPECT_EQ(who->subject, "24400320");
    EXPECT_EQ(who->name, "Ana Example");
    EXPECT_EQ(who->email, "ana@example.com");
    EXPECT_EQ(who->groups, (std::vector<std::string>{"a", "cn=b,ou=c"}));
  }
  // What the claims may be, too.
  const std::function<void(Object&)> fine[] = {
      [](Object& c) { c.Set("aud", Array{Value("guidon")}); },
      [](Object& c) {
        c.Set("aud", Array{Value("other"), Value("guidon")}), c.Set("azp", "guidon");
      },
      [](Object& c) { c.Set("groups", "one"); },
      [](Object& c) { c.Set("exp", kNow - 59); },
      [](Object& c) { c.Set("iat", kNow + 60); },
      [](Object& c) { c.Set("nbf", kNow + 60); },
      [](Object& c) { c.Set("exp", static_cast<double>(kNow) + 0.5); },
  };
  for (const auto& change : fine) EXPECT_EQ(Fault(es.Token(Claims(change))), "");
}

TEST_F(IdTokenTest, WhateverIsWrongIsNamed) {
  const struct {
    std::function<void(Object&)> change;
    const char* fault;
  } kClaims[] = {
      {[](Object& c) { c.Set("iss", "https://id.example.com/"); }, "another issuer"},
      {[](Object& c) { c.Erase("iss"); }, "another issuer"},
      {[](Object& c) { c.Set("aud", "other"); }, "another audience (\"other\")"},
      {[](Object& c) {
         c.Set("aud", Array{Value("other"), Value(7)});
       },
       "another audience"},
      {[](Object& c) { c.Erase("aud"); }, "no audience"},
      {[](Object& c) {
         c.Set("aud", Array{Value("guidon"), Value("other")});
       },
       "several audiences"},
      {[](Object& c) { c.Set("azp", "other"); }, "asked for by \"other\""},
      {[](Object& c) { c.Set("exp", kNow - 60); }, "expired 60 s ago"},
      {[](Object& c) { c.Erase("exp"); }, "when it expires"},
      {[](Object& c) { c.Set("exp", "never"); }, "when it expires"},
      {[](Object& c) { c.Set("exp", -1); }, "when it expires"},
      {[](Object& c) { c.Set("iat", kNow + 61); }, "61 s from now"},
      {[](Object& c) { c.Erase("iat"); }, "when it was issued"},
      {[](Object& c) { c.Set("nbf", kNow + 61); }, "61 s from now"},
      {[](Object& c) { c.Set("nbf", "soon"); }, "'nbf'"},
      {[](Object& c) { c.Set("nonce", "another"); }, "nonce"},
      {[](Object& c) { c.Erase("nonce"); }, "nonce"},
      {[](Object& c) { c.Erase("sub"); }, "who it is"},
      {[](Object& c) { c.Set("sub", ""); }, "who it is"},
      {[](Object& c) { c.Set("sub", 7); }, "who it is"},
      {[](Object& c) { c.Set("sub", std::string(256, 's')); }, "who it is"},
      {[](Object& c) { c.Set("groups", Array{Value(7)}); }, "no text"},
      {[](Object& c) { c.Set("groups", 7); }, "no list of groups"},
      {[](Object& c) { c.Set("groups", Array(1001, Value("g"))); }, "1001 groups"},
  };
  for (const auto& [change, fault] : kClaims) EXPECT_THAT(Fault(es.Token(Claims(change))), HasSubstr(fault));

  const struct {
    Object header;
    const char* fault;
  } kHeaders[] = {
      {{{"alg", Value("none")}}, "signed with \"none\""},
      {{{"alg", Value("HS256")}}, "signed with \"HS256\""},
      {{{"alg", Value("ES384")}}, "signed with \"ES384\""},
      {{{"alg", Value("es256")}}, "signed with \"es256\""},
      {{{"alg", Value(7)}}, "signed with 7"},
      {{{"alg", Value("RS256")}}, "is of another algorithm"},
      {{{"kid", Value("gone")}}, "no key 'gone'"},
      {{{"kid", Value("")}}, "no text"},
      {{{"kid", Value(7)}}, "no text"},
      {{{"crit", Value(Array{Value("b64")})}, {"b64", Value(false)}}, "'crit'"},
      {{{"typ", Value("at+jwt")}}, "of type 'at+jwt'"},
  };
  for (const auto& [header, fault] : kHeaders) EXPECT_THAT(Fault(es.Token(Claims(), header)), HasSubstr(fault));

  const std::string good = es.Token(Claims());
  const std::size_t last = good.rfind('.'), first = good.find('.');
  ASSERT_EQ(Fault(good), "");
  EXPECT_THAT(Fault(stranger.Token(Claims())), HasSubstr("wrong signature"));
  EXPECT_THAT(Fault(good.substr(0, last + 1)), HasSubstr("wrong signature"));
  EXPECT_THAT(Fault(good.substr(0, last)), HasSubstr("three parts"));
  EXPECT_THAT(Fault(good + ".x"), HasSubstr("three parts"));
  EXPECT_THAT(Fault("x" + good.substr(first)), HasSubstr("header that is no JSON"));
  EXPECT_THAT(Fault(good + "="), HasSubstr("wrong signature"));
  EXPECT_THAT(Fault(good.substr(0, first + 1) + Base64UrlOf("{}") + good.substr(last)), HasSubstr("wrong signature"));
  EXPECT_THAT(Fault(std::string(40'000, 'x')), HasSubstr("longer than"));
  EXPECT_THAT(Fault(""), HasSubstr("three parts"));
}

// The classic forgery: the public key, which everybody has, as the secret of a MAC.
TEST_F(IdTokenTest, AMacByThePublicKeyIsRefused) {
  const std::string text = Base64UrlOf(R"({"alg":"HS256","kid":"rs"})") + "." + Base64UrlOf(ToJson(Value(Claims())));
  const std::string pem = rs.PublicPem();
  unsigned char mac[EVP_MAX_MD_SIZE];
  unsigned int size = 0;
  HMAC(EVP_sha256(), pem.data(), static_cast<int>(pem.size()), reinterpret_cast<const unsigned char*>(text.data()),
       text.size(), mac, &size);
  EXPECT_THAT(Fault(text + "." + Base64UrlOf({reinterpret_cast<const char*>(mac), size})),
              HasSubstr("ES256, RS256 and EdDSA are taken"));
}

TEST_F(IdTokenTest, WithoutAKidThereHasToBeOneKeyOnly) {
  const std::string text = Base64UrlOf(R"({"alg":"ES256"})") + "." + Base64UrlOf(ToJson(Value(Claims())));
  const std::string token = text + "." + Base64UrlOf(es.Signature(text));
  EXPECT_EQ(Fault(token), "");
  const JwtKey another("ES256", "another");
  const KeySet two = *KeySet::Parse(JwksOf({&es, &another}));
  const Result<Identity> who = CheckIdToken(token, two, expected);
  ASSERT_FALSE(who);
  EXPECT_EQ(who.error().code, ErrorCode::kNotFound);
}

TEST(PasswordTest, IsHashedWithSaltAndHeldAgainstItsHash) {
  const Result<std::string> hash = HashPassword("correct horse battery");
  ASSERT_TRUE(hash);
  EXPECT_THAT(*hash, ::testing::StartsWith("$argon2id$v=19$m=19456,t=2,p=1$"));
  EXPECT_NE(*hash, *HashPassword("correct horse battery"));
  EXPECT_TRUE(CheckPasswordHash(*hash));
  EXPECT_TRUE(MatchesPassword(*hash, "correct horse battery"));
  EXPECT_FALSE(MatchesPassword(*hash, "correct horse batterx"));
  EXPECT_FALSE(MatchesPassword(*hash, ""));
  EXPECT_FALSE(HashPassword("too short"));
  EXPECT_FALSE(HashPassword(std::string(1'025, 'p')));
  for (const char* wrong :
       {"", "secret", "$2b$12$abc", "$argon2i$v=19$m=4096,t=3,p=1$c2FsdHNhbHQ$AAAA",
        "$argon2id$v=19$m=4194304,t=1,p=1$c2FsdHNhbHQ$AAAA", "$argon2id$v=19$m=64,t=99,p=1$c2FsdHNhbHQ$AAAA"}) {
    EXPECT_FALSE(CheckPasswordHash(wrong)) << wrong;
    EXPECT_FALSE(MatchesPassword(wrong, "secret")) << wrong;
  }
}

TEST(SignInTest, OnlyProgramsOfThisMachineAreSentACode) {
  const std::string challenge = ChallengeOf("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk");
  EXPECT_EQ(challenge, "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM");  // RFC 7636, appendix B
  for (const char* fine : {"http://127.0.0.1:43210/signed-in", "http://[::1]:43210", "http://127.0.0.1:1"}) {
    EXPECT_TRUE(CheckLoopbackRequest({fine, challenge, "s"})) << fine;
  }
  for (const char* wrong :
       {"", "https://127.0.0.1:43210/", "http://127.0.0.1/", "http://localhost:43210/", "http://127.0.0.2:43210/",
        "http://127.0.0.1:43210@evil.example/", "http://evil.example:43210/", "http://127.0.0.1.evil.example:43210/",
        "http://127.0.0.1:43210/?a=b", "http://127.0.0.1:43210/#x", "http://127.0.0.1:43210/\"><script>",
        "javascript:alert(1)"}) {
    EXPECT_FALSE(CheckLoopbackRequest({wrong, challenge, "s"})) << wrong;
  }
  EXPECT_FALSE(CheckLoopbackRequest({"http://127.0.0.1:43210/", "plain", "s"}));
  EXPECT_FALSE(CheckLoopbackRequest({"http://127.0.0.1:43210/", challenge, std::string(257, 's')}));
}

TEST(ProviderTest, AddressesAreHttpsOrOfThisMachine) {
  for (const char* safe : {"https://id.example.com/token", "http://127.0.0.1:3000/a?b=c", "http://localhost:1/x"}) {
    EXPECT_TRUE(IsSafeAddress(safe)) << safe;
  }
  for (const char* unsafe : {"http://id.example.com/token", "http://127.evil.example/", "ftp://127.0.0.1/", "",
                             "/token", "https://id.example.com/#x", "https://u@id.example.com/"}) {
    EXPECT_FALSE(IsSafeAddress(unsafe)) << unsafe;
  }
}

}  // namespace
}  // namespace guidon
