// Signing in: against an OpenID provider that misbehaves as it is told, with cookies as a browser keeps them.
#include <gmock/gmock.h>

#include "server/signin/provider.h"
#include "tests/server/api/api_fixture.h"
#include "tests/support/oidc_provider.h"

namespace guidon {
namespace {

using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;
using testing::OidcProvider;

constexpr std::int64_t kMinute = 60'000, kHour = 60 * kMinute;

// What stands behind `name=` in the query of an address.
std::string QueryOf(const std::string& address, const std::string& name) {
  const std::size_t at = address.find(name + "=");
  if (at == std::string::npos) return "";
  const std::size_t begin = at + name.size() + 1;
  return address.substr(begin, address.find_first_of("&\"", begin) - begin);
}

// Cookies, kept and sent as a browser does.
class Browser {
 public:
  explicit Browser(TestServer& server) : server_(server) {}

  HttpAnswer Call(std::string_view method, std::string_view path, HttpCallOptions options = {}) {
    options.key = "-";
    std::string cookies;
    for (const auto& [name, value] : cookies_) cookies += (cookies.empty() ? "" : "; ") + name + "=" + value;
    if (!cookies.empty()) options.headers.emplace_back("Cookie", cookies);
    HttpAnswer answer = server_.Call(method, path, std::move(options));
    for (const auto& [name, value] : answer.headers) {
      if (name != "Set-Cookie") continue;
      const std::size_t equals = value.find('=');
      EXPECT_THAT(value, HasSubstr("; Path=/; Secure; HttpOnly; SameSite=Lax; Max-Age="));
      EXPECT_TRUE(value.starts_with("__Host-")) << value;
      const std::string cookie = value.substr(0, equals);
      cookies_[cookie] = value.substr(equals + 1, value.find(';') - equals - 1);
      if (value.ends_with("Max-Age=0")) cookies_.erase(cookie);
    }
    return answer;
  }
  HttpAnswer Get(std::string_view path) { return Call("GET", path); }
  std::string Csrf() { return TextAt(TestServer::Body(Get("/auth/me")), "csrf_token"); }
  std::map<std::string, std::string>& cookies() { return cookies_; }
  std::string session() { return cookies_["__Host-guidon_session"]; }

 private:
  TestServer& server_;
  std::map<std::string, std::string> cookies_;
};

class SignInTest : public ::testing::Test {
 protected:
  SignInTest()
      : server({.api = {.version = "0.1.0", .public_url = "http://flags.test"},
                .sign_in = {.provider = {.issuer = provider.issuer(),
                                         .client_id = std::string(OidcProvider::kClient),
                                         .client_secret = "",
                                         .redirect_uri = "http://flags.test/auth/callback"}},
                .sessions = {.epoch = "first",
                             .idle_ms = kHour,
                             .life_ms = 12 * kHour,
                             .groups = {{"editors", {"editor", "shop", ""}}, {"viewers", {"viewer", "", ""}}}}}) {
    server.MakeShop();
    server.PutFlag("a");
    provider.SetNow(server.now_ms() / 1000);
  }
  // The state.
  std::string Begin(Browser& browser, const std::string& query = "") {
    const HttpAnswer answer = browser.Get("/auth/login" + query);
    EXPECT_EQ(answer.status, 303) << answer.body;
    location = answer.Header("Location");
    provider.SetNonce(QueryOf(location, "nonce"));
    return QueryOf(location, "state");
  }
  HttpAnswer SignIn(Browser& browser) { return browser.Get("/auth/callback?code=c&state=" + Begin(browser)); }
  void BeIn(const std::string& group) {
    provider.SetClaims([group](Object& claims) { claims.Set("groups", Array{Value("x"), Value(group)}); });
  }
  HttpAnswer PutFlag(Browser& browser, std::vector<std::pair<std::string, std::string>> headers) {
    return browser.Call("PUT", "/api/v1/projects/shop/flags/a",
                        {.body = R"({"type":"boolean","owner":"y"})", .headers = std::move(headers)});
  }
  Value NewestAudit() {
    const Value audit = server.Get("/api/v1/audit?limit=1");
    return audit.Find("entries")->AsArray().at(0);
  }

  OidcProvider provider;
  TestServer server;
  std::string location;
};

TEST_F(SignInTest, AGroupOfTheProviderGivesARoleAndTheAuditLogNamesThePerson) {
  BeIn("editors");
  EXPECT_EQ(server.Call("POST", "/api/v1/projects", {.body = R"({"project":"bank","environments":{"production":{}}})"})
                .status,
            201);
  Browser browser(server);
  const HttpAnswer answer = SignIn(browser);
  ASSERT_EQ(answer.status, 303) << answer.body;
  EXPECT_EQ(answer.Header("Location"), "/");
  const auto home = [&](Browser& one) {
    http::Request request;
    request.method = "GET";
    request.path = "/";
    request.headers = {{"Host", "flags.test"}, {"Cookie", "__Host-guidon_session=" + one.session()}};
    return server.Serve(request);
  };
  EXPECT_EQ(home(browser).status, 200);
  EXPECT_THAT(home(browser).body, HasSubstr("shop"));
  EXPECT_THAT(home(browser).body, Not(HasSubstr("bank"))) << "where an editor of the shop has no rights";
  Browser nobody(server);
  EXPECT_EQ(home(nobody).status, 403);
  EXPECT_EQ(browser.cookies().size(), 1u) << "that of the sign-in is gone";
  // What the provider was sent.
  EXPECT_TRUE(location.starts_with(provider.issuer() + "/authorize?response_type=code&client_id=guidon&"));
  EXPECT_THAT(location, HasSubstr("&redirect_uri=http%3A%2F%2Fflags.test%2Fauth%2Fcallback&scope=openid%20profile%20"));
  EXPECT_EQ(QueryOf(location, "code_challenge_method"), "S256");
  EXPECT_EQ(ChallengeOf(QueryOf(provider.last_exchange(), "code_verifier")), QueryOf(location, "code_challenge"));

  const Value me = TestServer::Body(browser.Get("/auth/me"));
  const std::string principal = TextAt(me, "principal");
  EXPECT_TRUE(principal.starts_with("member:oidc-")) << principal;
  EXPECT_EQ(TextAt(me, "name"), "Ana Example");
  EXPECT_EQ(TextAt(me, "email"), "ana@example.com");
  EXPECT_EQ(TextAt(NewestAudit(), "action"), "session.create");
  EXPECT_EQ(TextAt(NewestAudit(), "principal"), principal);
  EXPECT_THAT(ToJson(NewestAudit()), Not(HasSubstr("xample"))) << "neither name nor mail, which would stay for good";
  EXPECT_THAT(server.Call("GET", "/api/v1/members").body, HasSubstr("ana@example.com"));
  EXPECT_THAT(server.Reports(), ElementsAre("signed_in " + principal));

  EXPECT_EQ(browser.Get("/api/v1/projects/shop/flags").status, 200);
  EXPECT_EQ(PutFlag(browser, {{"X-CSRF-Token", browser.Csrf()}, {"Origin", "http://flags.test"}}).status, 200);
  EXPECT_EQ(TextAt(NewestAudit(), "principal"), principal);
  const HttpAnswer beyond = browser.Get("/api/v1/members");
  EXPECT_EQ(beyond.status, 403);
  EXPECT_THAT(beyond.body, HasSubstr("ask an owner for a role"));
}

TEST_F(SignInTest, ACookieAloneChangesNothing) {
  BeIn("editors");
  Browser browser(server), other(server);
  ASSERT_EQ(SignIn(browser).status, 303);
  ASSERT_EQ(SignIn(other).status, 303);
  const std::string csrf = browser.Csrf();
  const Revision before = server.head();
  EXPECT_EQ(PutFlag(browser, {}).status, 403);
  EXPECT_EQ(PutFlag(browser, {{"X-CSRF-Token", ""}}).status, 403);
  EXPECT_EQ(PutFlag(browser, {{"X-CSRF-Token", csrf + "0"}}).status, 403);
  EXPECT_EQ(PutFlag(browser, {{"X-CSRF-Token", other.Csrf()}}).status, 403) << "of another session";
  EXPECT_EQ(PutFlag(browser, {{"X-CSRF-Token", csrf}, {"Origin", "http://evil.test"}}).status, 403);
  EXPECT_EQ(PutFlag(browser, {{"X-CSRF-Token", csrf}, {"Origin", "null"}}).status, 403);
  EXPECT_EQ(PutFlag(browser, {{"X-CSRF-Token", csrf}, {"Sec-Fetch-Site", "cross-site"}}).status, 403);
  EXPECT_EQ(PutFlag(browser, {{"X-CSRF-Token", csrf}, {"Sec-Fetch-Site", "same-site"}}).status, 403);
  EXPECT_EQ(browser.Call("POST", "/auth/logout").status, 403);
  EXPECT_EQ(server.Call("GET", "/api/v1/projects", {.key = browser.session()}).status, 401) << "as a bearer";
  EXPECT_EQ(server.head(), before);
  EXPECT_EQ(PutFlag(browser, {{"X-CSRF-Token", csrf}, {"Sec-Fetch-Site", "same-origin"}}).status, 200);
}

TEST_F(SignInTest, NobodyGetsInWithoutARoleAndThePageSaysWhyAndHow) {
  Browser browser(server);
  const Revision before = server.head();
  for (const char* group : {"", "strangers"}) {
    BeIn(group);
    const HttpAnswer refused = SignIn(browser);
    EXPECT_EQ(refused.status, 403);
    EXPECT_THAT(refused.body, HasSubstr("Ana Example &lt;ana@example.com&gt;"));
    EXPECT_EQ(browser.session(), "");
  }
  EXPECT_EQ(server.head(), before) << "who is nobody leaves nothing";
  const HttpAnswer page = SignIn(browser);
  const std::size_t at = page.body.find("guidon member add oidc-");
  ASSERT_NE(at, std::string::npos) << page.body;
  const std::string id = page.body.substr(at + 18, 37);
  EXPECT_EQ(server.Reports().at(0), "no_role member:" + id);
  EXPECT_THAT(server.Details(), Each(Not(HasSubstr("xample")))) << "neither name nor mail";
  ASSERT_EQ(server
                .Call("PUT", "/api/v1/members/" + id,
                      {.body = R"({"name":"Ana","bindings":[{"role":"viewer","project":"shop"}]})"})
                .status,
            201);
  ASSERT_EQ(SignIn(browser).status, 303);
  EXPECT_EQ(browser.Get("/api/v1/projects/shop").status, 200);
  // What a member may do changes at once; and the person is the issuer's, whatever else they are called.
  EXPECT_EQ(server.Call("PUT", "/api/v1/members/" + id, {.body = R"({"name":"Ana"})"}).status, 200);
  EXPECT_EQ(browser.Get("/api/v1/projects/shop").status, 403);
  provider.SetClaims([](Object& claims) { claims.Set("sub", "another"), claims.Set("groups", "viewers"); });
  Browser another(server);
  ASSERT_EQ(SignIn(another).status, 303);
  EXPECT_NE(TextAt(TestServer::Body(another.Get("/auth/me")), "principal"), "member:" + id);
}

TEST_F(SignInTest, EveryTokenThatIsNotWhatItShouldBeIsRefusedWithItsReason) {
  const std::int64_t now = server.now_ms() / 1000;
  const testing::JwtKey stranger("ES256", "first");
  const auto claims = [&](std::function<void(Object&)> change) {
    return [this, change = std::move(change)] { provider.SetClaims(change); };
  };
  const auto header = [&](std::function<void(Object&)> change) {
    return [this, change = std::move(change)] { provider.SetHeader(change); };
  };
  const auto token = [&](std::function<std::string(std::string)> change) {
    return [this, change = std::move(change)] { provider.SetToken(change); };
  };
  const auto exchange = [&](int status, std::string body) {
    return [this, status, body = std::move(body)] { provider.SetExchange(status, body); };
  };
  const struct {
    std::function<void()> misbehave;
    int status;
    const char* reason;
  } kTable[] = {
      {header([](Object& h) { h.Set("alg", "none"); }), 401, "&quot;none&quot;"},
      {token([](const std::string& good) { return good.substr(0, good.rfind('.') + 1); }), 401, "wrong signature"},
      {header([](Object& h) { h.Set("alg", "HS256"); }), 401, "&quot;HS256&quot;"},
      {header([](Object& h) { h.Set("alg", "RS256"); }), 401, "is of another algorithm"},
      {token([&](const std::string&) {
         return stranger.Token(Object{{"sub", Value("x")}});
       }),
       401, "wrong signature"},
      {claims([](Object& c) { c.Set("iss", "https://evil.example"); }), 401, "another issuer"},
      {claims([](Object& c) { c.Set("aud", "other"); }), 401, "another audience"},
      {claims([](Object& c) {
         c.Set("aud", Array{Value("guidon"), Value("other")});
       }),
       401, "several audiences"},
      {claims([now](Object& c) { c.Set("exp", now - 60); }), 401, "expired 60 s ago"},
      {claims([now](Object& c) { c.Set("iat", now + 61); }), 401, "61 s from now"},
      {claims([](Object& c) { c.Set("nonce", "of another sign-in"); }), 401, "nonce"},
      {claims([](Object& c) { c.Erase("sub"); }), 401, "who it is"},
      {token([](const std::string&) { return "not a token"; }), 401, "three parts"},
      {token([](const std::string&) { return ""; }), 401, "no ID token"},
      {exchange(400, R"({"error":"invalid_grant"})"), 401, "invalid_grant"},
      {exchange(200, "<html>"), 401, "refused the code"},
      {exchange(302, "{}"), 401, "302"},
      {exchange(503, ""), 503, "answered 503"},
      {exchange(200, std::string(300'000, ' ')), 503, "did not answer"},
  };
  for (const auto& [misbehave, status, reason] : kTable) {
    SCOPED_TRACE(reason);
    provider.SetClaims(nullptr);
    provider.SetHeader(nullptr);
    provider.SetToken(nullptr);
    provider.SetExchange(0, "");
    misbehave();
    Browser browser(server);
    const HttpAnswer answer = SignIn(browser);
    EXPECT_EQ(answer.status, status);
    EXPECT_THAT(answer.body, HasSubstr(reason));
    EXPECT_EQ(browser.session(), "");
  }
  for (const std::string& report : server.Reports()) EXPECT_EQ(report, "failed ");
}

TEST_F(SignInTest, ASignInIsOfOneBrowserOneStateAndTenMinutes) {
  BeIn("viewers");
  Browser browser(server), other(server);
  std::string state = Begin(browser);
  EXPECT_EQ(other.Get("/auth/callback?code=c&state=" + state).status, 401) << "without the cookie";
  for (const char* forged : {"", "&state=x", "&state=%0d%0aX:y"}) {
    const HttpAnswer answer = other.Get(std::string("/auth/callback?error=forged") + forged);
    EXPECT_EQ(answer.status, 401);
    EXPECT_THAT(answer.body, Not(HasSubstr("forged")));
  }
  EXPECT_EQ(other.Get("/auth/callback?error=forged&state=" + state).status, 401);
  EXPECT_THAT(server.Reports(), ElementsAre()) << "anybody can send that";
  EXPECT_EQ(browser.Get("/auth/callback?code=c&state=" + state + "x").status, 401);
  EXPECT_EQ(browser.Get("/auth/callback?code=c&iss=https%3A%2F%2Fevil.example&state=" + state).status, 401);
  state = Begin(browser);
  const auto kept = browser.cookies();
  EXPECT_THAT(browser.Get("/auth/callback?error=access_denied&state=" + state).body, HasSubstr("access_denied"));
  EXPECT_TRUE(browser.cookies().empty()) << "it is over, however it went";
  browser.cookies() = kept;
  EXPECT_EQ(browser.Get("/auth/callback?code=c&state=" + state).status, 401) << "once, also where it is kept";
  EXPECT_THAT(server.Reports(), ElementsAre("failed ", "failed ")) << "that one, and the other provider's";
  browser.cookies().clear();
  state = Begin(browser);
  const std::string sealed = browser.cookies().begin()->second;
  browser.cookies().begin()->second = sealed.substr(0, sealed.size() / 2) + "A" + sealed.substr(sealed.size() / 2);
  EXPECT_EQ(browser.Get("/auth/callback?code=c&state=" + state).status, 401) << "altered";
  browser.cookies().begin()->second = sealed;
  server.SetNow(server.now_ms() + 10 * kMinute);
  EXPECT_EQ(browser.Get("/auth/callback?code=c&state=" + state).status, 401);
  EXPECT_EQ(browser.session(), "");
}

TEST_F(SignInTest, TwoSignInsOfOneBrowserDoNotDisturbEachOther) {
  BeIn("viewers");
  Browser browser(server);
  const std::string first = Begin(browser), second = Begin(browser);
  EXPECT_EQ(browser.Get("/auth/callback?code=c&state=" + second).status, 303);
  provider.SetNonce("");
  EXPECT_THAT(browser.Get("/auth/callback?code=c&state=" + first).body, HasSubstr("nonce")) << "it was looked at";
}

TEST_F(SignInTest, NobodyPushesOutWhatSomebodyElseHasBegun) {
  BeIn("viewers");
  Browser browser(server);
  const std::string state = Begin(browser);
  http::Request login;
  login.method = "GET";
  login.path = "/auth/login";
  login.peer = "127.0.0.1";  // a proxy, which stands for everybody
  for (int i = 0; i < 8'200; ++i) ASSERT_EQ(server.Serve(login).status, 303) << i;
  EXPECT_EQ(browser.Get("/auth/callback?code=c&state=" + state).status, 303);
}

TEST_F(SignInTest, ABrowserThatBeginsAgainAndAgainSendsNoMoreThanAHeaderTakes) {
  BeIn("viewers");
  Browser browser(server);
  const std::string program = "?cli_redirect=http%3A%2F%2F127.0.0.1%3A43210%2F" + std::string(460, 'p') +
                              "&cli_state=" + std::string(256, 's') + "&code_challenge=" + ChallengeOf("v");
  for (int i = 0; i < 20; ++i) Begin(browser, program);
  EXPECT_EQ(browser.cookies().size(), 8u);
  EXPECT_EQ(SignIn(browser).status, 303);
}

TEST_F(SignInTest, OneAnswerClearsNoMoreThanSixteenCookies) {
  std::string many;
  for (int i = 0; i < 300; ++i) {
    many += (i == 0 ? "" : "; ") + std::string("__Host-guidon_sign_in_") + std::to_string(10'000'000 + i) + "=x";
  }
  const HttpAnswer answer = server.Call("GET", "/auth/login", {.key = "-", .headers = {{"Cookie", many}}});
  EXPECT_EQ(answer.status, 303);
  std::vector<std::string> cleared;
  for (const auto& [name, value] : answer.headers) {
    if (name == "Set-Cookie" && value.ends_with("Max-Age=0")) cleared.push_back(value.substr(0, value.find('=')));
  }
  ASSERT_EQ(cleared.size(), 16u);
  EXPECT_EQ(cleared.front(), "__Host-guidon_sign_in_10000000") << "the oldest first";
}

TEST_F(SignInTest, AProviderThatIsNotWhoItShouldBeIsNotTrusted) {
  const struct {
    const char* member;
    std::string value;
    const char* reason;
  } kTable[] = {{"issuer", provider.issuer() + "/", "calls itself"},
                {"token_endpoint", "http://evil.example/token", "token_endpoint"},
                {"jwks_uri", "file:///etc/passwd", "jwks_uri"},
                {"authorization_endpoint", "javascript:alert(1)", "authorization_endpoint"}};
  for (const auto& [member, value, reason] : kTable) {
    provider.SetDiscovery([member = member, value = value](Object& document) { document.Set(member, value); });
    const HttpAnswer answer = server.Call("GET", "/auth/login", {.key = "-"});
    EXPECT_EQ(answer.status, 503);
    EXPECT_THAT(answer.body, HasSubstr(reason));
    server.SetNow(server.now_ms() + 5'000);
  }
}

TEST_F(SignInTest, AProviderThatHangsIsWaitedForOnceInAWhileAndWhatIsHeldGoesOn) {
  BeIn("viewers");
  Browser browser(server);
  std::atomic<int> reads{0};
  // It takes its ten seconds, and then there is nothing of use.
  const auto hang = [&](Object& document) {
    ++reads;
    server.SetNow(server.now_ms() + 10'000);
    document.Set("issuer", "nobody");
  };
  provider.SetDiscovery(hang);
  EXPECT_EQ(browser.Get("/auth/login").status, 503);
  EXPECT_THAT(browser.Get("/auth/login").body, HasSubstr("calls itself"));
  EXPECT_EQ(reads, 1) << "the last answer is good for some seconds";
  server.SetNow(server.now_ms() + 5'000);
  EXPECT_EQ(browser.Get("/auth/login").status, 503);
  EXPECT_EQ(reads, 2);
  server.SetNow(server.now_ms() + 5'000);
  provider.SetDiscovery(nullptr);
  EXPECT_EQ(SignIn(browser).status, 303);

  server.SetNow(server.now_ms() + kHour);
  provider.SetNow(server.now_ms() / 1000);
  provider.SetDiscovery(hang);
  provider.Publish("no keys");
  const int key_reads = provider.key_reads();
  for (int i = 0; i < 3; ++i) EXPECT_EQ(SignIn(browser).status, 303) << i;
  EXPECT_EQ(reads, 3);
  EXPECT_EQ(provider.key_reads(), key_reads + 1);
  server.SetNow(server.now_ms() + 30'000);
  EXPECT_EQ(SignIn(browser).status, 303);
  EXPECT_EQ(reads, 4);
  EXPECT_EQ(provider.key_reads(), key_reads + 2);
}

TEST_F(SignInTest, KeysAreRotatedAndReadAgainAtMostOnceInHalfAMinute) {
  BeIn("viewers");
  Browser browser(server);
  EXPECT_EQ(SignIn(browser).status, 303);
  EXPECT_EQ(SignIn(browser).status, 303);
  EXPECT_EQ(provider.key_reads(), 1);
  provider.Rotate("RS256", "second");
  EXPECT_EQ(SignIn(browser).status, 303);
  EXPECT_EQ(provider.key_reads(), 2);
  provider.Rotate("EdDSA", "third");
  const HttpAnswer early = SignIn(browser);
  EXPECT_EQ(early.status, 401);
  EXPECT_THAT(early.body, HasSubstr("no key &#39;third&#39;"));
  EXPECT_EQ(provider.key_reads(), 2) << "tokens that are made up would have us hammer the provider";
  server.SetNow(server.now_ms() + 30'000);
  EXPECT_EQ(SignIn(browser).status, 303);
  EXPECT_EQ(provider.key_reads(), 3);
  // A key that was withdrawn is not taken for more than an hour.
  provider.Publish(R"({"keys":[]})");
  server.SetNow(server.now_ms() + kHour);
  provider.SetNow(server.now_ms() / 1000);
  EXPECT_EQ(SignIn(browser).status, 401);
}

TEST_F(SignInTest, SessionsEndByThemselvesAndAtOnceWhenTheyAreEnded) {
  BeIn("viewers");
  Browser browser(server), idle(server), removed(server);
  ASSERT_EQ(SignIn(browser).status, 303);
  ASSERT_EQ(SignIn(idle).status, 303);
  const std::string id = TextAt(TestServer::Body(browser.Get("/auth/me")), "principal").substr(7);
  const auto is_in = [](Browser& one) { return one.Get("/api/v1/projects").status == 200; };
  const std::int64_t begin = server.now_ms();
  for (int i = 1; i <= 12; ++i) {  // it is used, and so goes on …
    server.SetNow(begin + i * 59 * kMinute);
    EXPECT_TRUE(is_in(browser)) << i;
    if (i == 2) {
      EXPECT_FALSE(is_in(idle));
    }
  }
  server.SetNow(begin + 12 * kHour);  // … but not for ever
  EXPECT_FALSE(is_in(browser));
  provider.SetNow(server.now_ms() / 1000);

  // What has ended goes with the next sign-in; what is signed out, at once.
  ASSERT_EQ(SignIn(browser).status, 303);
  EXPECT_EQ(server.catalog().Items(kSessionSpace)->size(), 1u);
  const std::string token = browser.session();
  EXPECT_EQ(browser.Call("POST", "/auth/logout", {.headers = {{"X-CSRF-Token", browser.Csrf()}}}).status, 200);
  EXPECT_EQ(browser.session(), "") << "the cookie is cleared";
  EXPECT_EQ(TextAt(NewestAudit(), "action"), "session.end");
  browser.cookies()["__Host-guidon_session"] = token;
  EXPECT_FALSE(is_in(browser));

  ASSERT_EQ(SignIn(removed).status, 303);
  EXPECT_TRUE(is_in(removed));
  const Revision before = server.head();
  EXPECT_EQ(server.Call("DELETE", "/api/v1/members/" + id).status, 200);
  EXPECT_EQ(server.head(), before + 1) << "her sessions go in the same commit";
  EXPECT_FALSE(is_in(removed));
  EXPECT_TRUE(server.catalog().Items(kSessionSpace)->empty());
}

TEST_F(SignInTest, SessionsSurviveARestartAndAreBounded) {
  BeIn("viewers");
  Browser browser(server);
  ASSERT_EQ(SignIn(browser).status, 303);
  const std::string first = browser.session();
  // As a start would read it.
  const auto restarted = [&](const std::string& epoch = "first") {
    auto again = std::make_unique<Authenticator>([this] { return server.now_ms(); });
    again->sessions().SetPolicy({.epoch = epoch, .groups = {{"viewers", {"viewer", "", ""}}}});
    for (const std::string_view space : {kMemberSpace, kSessionSpace}) {
      const auto items = server.catalog().Items(space);
      for (const Item& item : *items) EXPECT_TRUE(again->Take(item.space, item.id, item.value));
      for (const Item& item : *items) EXPECT_THAT(item.value, Not(HasSubstr(first.substr(21, 32)))) << "a secret";
    }
    return again;
  };
  EXPECT_FALSE(restarted("another")->AuthenticateSession(first, SessionDoor::kCookie)) << "from a backup";
  EXPECT_EQ(restarted("another")->sessions().Over(server.now_ms(), 10).size(), 1u) << "which is removed";
  const Result<Principal> who = restarted()->AuthenticateSession(first, SessionDoor::kCookie);
  ASSERT_TRUE(who) << who.error().message;
  EXPECT_EQ(who->grants.size(), 1u);
  for (int i = 0; i < 20; ++i) {
    server.SetNow(server.now_ms() + 1'000);  // the oldest goes, by the time
    ASSERT_EQ(SignIn(browser).status, 303);
  }
  EXPECT_EQ(server.authenticator().sessions().size(), 20u);
  EXPECT_FALSE(restarted()->AuthenticateSession(first, SessionDoor::kCookie)) << "the oldest of this member went";
  EXPECT_TRUE(restarted()->AuthenticateSession(browser.session(), SessionDoor::kCookie));
}

TEST_F(SignInTest, AProgramGetsASessionByItsCodeAndVerifierOnce) {
  BeIn("viewers");
  Browser browser(server);
  const std::string verifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
  const auto ask = [&] {
    const std::string state = Begin(browser,
                                    "?cli_redirect=http%3A%2F%2F127.0.0.1%3A43210%2Fsigned-in&cli_state=s1&"
                                    "code_challenge=" +
                                        ChallengeOf(verifier));
    const HttpAnswer page = browser.Get("/auth/callback?code=c&state=" + state);
    EXPECT_EQ(page.status, 200) << page.body;
    EXPECT_THAT(page.body, HasSubstr("asks for what Ana Example &lt;ana@example.com&gt; may do"));
    EXPECT_THAT(page.body, HasSubstr("href=\"http://127.0.0.1:43210/signed-in?code="));
    EXPECT_THAT(page.body, HasSubstr("&amp;state=s1\""));
    return QueryOf(page.body, "signed-in?code");
  };
  const auto exchange = [&](const std::string& code, const std::string& with) {
    return server.Call("POST", "/auth/token",
                       {.key = "-", .body = R"({"code":")" + code + R"(","code_verifier":")" + with + "\"}"});
  };
  std::string code = ask();
  EXPECT_EQ(browser.session(), "") << "the browser is not signed in by that";
  EXPECT_EQ(exchange(code, verifier + "x").status, 401);
  EXPECT_EQ(exchange(code, verifier).status, 401) << "a wrong verifier uses it up";
  code = ask();
  const HttpAnswer answer = exchange(code, verifier);
  ASSERT_EQ(answer.status, 200) << answer.body;
  EXPECT_EQ(exchange(code, verifier).status, 401);
  const std::string token = TextAt(TestServer::Body(answer), "token");
  EXPECT_TRUE(token.starts_with("gdn_ses_"));
  EXPECT_EQ(server.Call("GET", "/api/v1/projects", {.key = token}).status, 200);
  EXPECT_EQ(server.Call("PUT", "/api/v1/projects/shop/flags/a", {.key = token, .body = "{}"}).status, 403);
  browser.cookies()["__Host-guidon_session"] = token;
  EXPECT_EQ(browser.Get("/api/v1/projects").status, 401) << "as a cookie";
  EXPECT_EQ(server.Call("POST", "/auth/logout", {.key = token}).status, 200);
  EXPECT_EQ(server.Call("GET", "/api/v1/projects", {.key = token}).status, 401);
  code = ask();
  server.SetNow(server.now_ms() + 2 * kMinute);
  EXPECT_EQ(exchange(code, verifier).status, 401) << "late";
  EXPECT_EQ(
      server
          .Call("GET", "/auth/login?cli_redirect=https%3A%2F%2Fevil.example&code_challenge=" + ChallengeOf(verifier),
                {.key = "-"})
          .status,
      400);
}

TEST_F(SignInTest, WhatAGroupGivesCountsAsOfTheLastSignInForWhatWasScheduled) {
  BeIn("editors");
  Browser browser(server);
  ASSERT_EQ(SignIn(browser).status, 303);
  const std::string principal = TextAt(TestServer::Body(browser.Get("/auth/me")), "principal");
  const auto may_write = [&] {
    const auto standing = server.authenticator().StandingOf(principal);
    return standing && Authorize(*standing, Verb::kWrite, {"shop", "production"});
  };
  server.SetNow(server.now_ms() + 13 * kHour);
  EXPECT_EQ(browser.Get("/api/v1/projects").status, 401) << "the session is over";
  EXPECT_TRUE(may_write());
  EXPECT_EQ(server.Call("PUT", "/api/v1/members/" + principal.substr(7), {.body = R"({"name":"Ana"})"}).status, 200);
  EXPECT_TRUE(may_write()) << "a change of their own roles leaves it";
  const auto items = server.catalog().Items(kMemberSpace);
  EXPECT_EQ(DecodeMember(items->at(0).id, items->at(0).value)->groups, std::vector<std::string>{"editors"});
  provider.SetNow(server.now_ms() / 1000);
  BeIn("viewers");
  ASSERT_EQ(SignIn(browser).status, 303);
  EXPECT_FALSE(may_write());

  const HttpAnswer glass = server.Call(
      "POST", "/auth/break-glass", {.key = "-", .body = std::string(R"({"password":")") + kBreakGlassPassword + "\"}"});
  const HttpAnswer refused = server.Call(
      "POST", "/api/v1/projects/shop/change-requests",
      {.key = TextAt(TestServer::Body(glass), "token"),
       .body =
           R"({"title":"later","apply_at":"2027-02-01T00:00:00Z","changes":[{"op":"delete","kind":"flag","key":"a"}]})"});
  EXPECT_EQ(refused.status, 422) << refused.body;
  EXPECT_THAT(refused.body, HasSubstr("the break-glass admin"));
  const HttpAnswer unheard = server.Call("POST", "/api/v1/projects/shop/change-requests/1/approve",
                                         {.key = TextAt(TestServer::Body(glass), "token"), .body = R"({"version":1})"});
  EXPECT_EQ(unheard.status, 403) << unheard.body;
  EXPECT_THAT(unheard.body, HasSubstr("the break-glass admin cannot approve"));
}

TEST_F(SignInTest, TheBreakGlassAdminGetsInByThePasswordAlone) {
  const auto enter = [&](const std::string& password, const std::string& more = "") {
    return server.Call("POST", "/auth/break-glass",
                       {.key = "-", .body = R"({"password":")" + password + "\"" + more + "}"});
  };
  const HttpAnswer answer = enter(kBreakGlassPassword);
  ASSERT_EQ(answer.status, 200) << answer.body;
  const std::string token = TextAt(TestServer::Body(answer), "token");
  EXPECT_EQ(TextAt(NewestAudit(), "action"), "session.break_glass");
  EXPECT_EQ(TextAt(NewestAudit(), "principal"), "break-glass");
  EXPECT_THAT(server.Reports(), ElementsAre("break_glass break-glass"));
  EXPECT_EQ(
      server.Call("PUT", "/api/v1/members/ana", {.key = token, .body = R"({"name":"A","bindings":[{"role":"owner"}]})"})
          .status,
      201);
  server.SetNow(server.now_ms() + kHour);
  EXPECT_EQ(server.Call("GET", "/api/v1/projects", {.key = token}).status, 401) << "an hour, and no more";

  Browser browser(server);
  const HttpAnswer cookie =
      browser.Call("POST", "/auth/break-glass",
                   {.body = std::string(R"({"password":")") + kBreakGlassPassword + R"(","cookie":true})"});
  EXPECT_EQ(cookie.status, 200);
  EXPECT_THAT(cookie.body, Not(HasSubstr("gdn_ses_")));
  EXPECT_EQ(browser.Get("/api/v1/members").status, 200);

  const Revision before = server.head();
  int limited = 0;
  for (int i = 0; i < 12; ++i) {
    const int status = enter("wrong horse battery").status;
    EXPECT_TRUE(status == 401 || status == 429) << status;
    limited += status == 429 ? 1 : 0;
  }
  EXPECT_EQ(limited, 3) << "ten from one address, of which one was right";
  const std::vector<std::string> reports = server.Reports();
  EXPECT_EQ(std::count(reports.begin(), reports.end(), "wrong_password break-glass"), 9) << "of those looked at";
  EXPECT_EQ(enter(kBreakGlassPassword).status, 429);
  server.SetNow(server.now_ms() + kMinute);
  EXPECT_EQ(enter(kBreakGlassPassword).status, 200);
  EXPECT_EQ(server.head(), before + 1);
}

TEST_F(SignInTest, NobodyBehindAProxyKeepsOthersFromSigningIn) {
  const auto enter = [&](const std::string& password, std::vector<std::pair<std::string, std::string>> headers) {
    return server
        .Call("POST", "/auth/break-glass",
              {.key = "-", .body = R"({"password":")" + password + "\"}", .headers = std::move(headers)})
        .status;
  };
  for (int i = 0; i < 10; ++i) EXPECT_EQ(enter("wrong", {{"X-Forwarded-For", "192.0.2.1"}}), 401);
  EXPECT_EQ(enter(kBreakGlassPassword, {{"X-Forwarded-For", "192.0.2.2"}}), 429);
  EXPECT_EQ(enter(kBreakGlassPassword, {{"Forwarded", "for=192.0.2.2"}}), 429);
  EXPECT_EQ(enter(kBreakGlassPassword, {}), 200) << "on the server's own machine";

  http::Request login;
  login.method = "GET";
  login.path = "/auth/login";
  const auto begins = [&](const char* peer) {
    login.peer = peer;
    int begun = 0;
    for (int i = 0; i < 70; ++i) begun += server.Serve(login).status == 303 ? 1 : 0;
    return begun;
  };
  EXPECT_EQ(begins("192.0.2.1"), 60);
  EXPECT_EQ(begins("127.0.0.1"), 70) << "a proxy, which stands for everybody";
}

}  // namespace
}  // namespace guidon
