// Signing in as people do: a guidond, oidc-provider from npm, `guidon login`, and what a browser does in between.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <fstream>
#include <map>

#include "core/base/json.h"
#include "tests/support/guidond.h"

namespace guidon::testing {
namespace {

using ::testing::HasSubstr;

constexpr const char* kSecret = "a secret: of + this & client";

std::string Between(const std::string& text, const std::string& begin, const std::string& end) {
  const std::size_t at = text.find(begin);
  if (at == std::string::npos) return "";
  const std::size_t from = at + begin.size();
  return text.substr(from, text.find_first_of(end, from) - from);
}

std::string Unescaped(std::string text) {
  for (std::size_t at; (at = text.find("&amp;")) != std::string::npos;) text.erase(at + 1, 4);
  return text;
}

// Follows redirects, keeps cookies by host and path, and fills in the provider's own pages.
class Browser {
 public:
  explicit Browser(std::string login) : login_(std::move(login)) {}

  // Where it ends: an answer that is neither a redirect nor a page of the provider.
  HttpAnswer Go(std::string address) {
    for (int step = 0; step < 20; ++step) {
      HttpAnswer answer = Send("GET", address, "");
      if (answer.body.find("name=\"prompt\"") != std::string::npos) {
        const std::string prompt = Between(answer.body, "name=\"prompt\" value=\"", "\"");
        answer = Send("POST", address, "prompt=" + prompt + "&login=" + login_ + "&password=any");
        if (answer.status < 300 || answer.status >= 400) return answer;
      }
      const std::string location = answer.Header("Location");
      if (answer.status < 300 || answer.status >= 400 || location == "/") return answer;
      const std::size_t path = address.find('/', 8);
      address = location.starts_with('/') ? address.substr(0, path) + location : location;
    }
    ADD_FAILURE() << "the redirects have no end: " << address;
    return {};
  }
  HttpAnswer Send(const std::string& method, const std::string& address, const std::string& form) {
    const std::size_t path = std::min(address.find('/', 8), address.size());
    const std::string host = address.substr(7, path - 7);
    const std::string target = path == address.size() ? "/" : address.substr(path);
    HttpCallOptions options{.body = form, .type = "application/x-www-form-urlencoded"};
    std::string cookies;
    for (const auto& [key, value] : cookies_) {
      const auto& [of_host, of_path, name] = key;
      const bool is_below = target == of_path || target.starts_with(of_path.ends_with('/') ? of_path : of_path + "/") ||
                            target.starts_with(of_path + "?");
      if (of_host == host && is_below) cookies += (cookies.empty() ? "" : "; ") + name + "=" + value;
    }
    if (!cookies.empty()) options.headers.emplace_back("Cookie", cookies);
    const auto port = static_cast<std::uint16_t>(std::stoi(host.substr(host.find(':') + 1)));
    HttpAnswer answer = HttpCall(port, method, target, options);
    for (const auto& [name, value] : answer.headers) {
      std::string lower = name;
      for (char& c : lower) c = static_cast<char>(std::tolower(c));
      if (lower != "set-cookie") continue;
      std::string of_path = Between(value + ";", "ath=", ";");
      cookies_[{host, of_path.empty() ? "/" : of_path, value.substr(0, value.find('='))}] = Between(value, "=", ";");
    }
    return answer;
  }

 private:
  const std::string login_;
  std::map<std::tuple<std::string, std::string, std::string>, std::string> cookies_;  // by host, path and name
};

class SignInRunTest : public ::testing::Test {
 protected:
  Finished Guidon(const std::string& arguments, const std::string& input = "") const {
    const std::string command = "printf '%s\\n' '" + input + "' | " GUIDON_BIN_DIR "/guidon " + arguments;
    return guidon::testing::Run({"/bin/sh", "-c", command}, {"XDG_CONFIG_HOME=" + config.path()});
  }

  const TemporaryFolder config;
};

TEST_F(SignInRunTest, ByOidcProviderInABrowserAndWithTheCommandLine) {
  const std::string port = std::to_string(FixedPort()), provider_port = std::to_string(FixedPort());
  const std::string url = "http://127.0.0.1:" + port, issuer = "http://127.0.0.1:" + provider_port;
  std::ofstream(config / "secret") << kSecret << "\n";
  Guidond server({.arguments = {"--public-url", url, "--oidc-issuer", issuer, "--oidc-client-id", "guidon",
                                "--oidc-client-secret-file", config / "secret", "--oidc-roles", "editors=editor@shop"},
                  .listen = "127.0.0.1:" + port});
  ASSERT_EQ(server.Call("POST", "/api/v1/projects", {.body = R"({"project":"shop","environments":{"production":{}}})"})
                .status,
            201);
  const auto start = [&](const char* algorithm) {
    auto provider = std::make_unique<Process>(
        std::vector<std::string>{"/usr/bin/env", "node", GUIDON_SOURCE_DIR "/tests/oidc/provider.mjs", provider_port,
                                 url + "/auth/callback", algorithm},
        std::vector<std::string>{std::string("CLIENT_SECRET=") + kSecret});
    EXPECT_TRUE(provider->WaitForOutput("ready")) << provider->Errors();
    return provider;
  };
  // The provider is not there yet: said, and nothing is lost. It would be asked again five seconds later, and is by a
  // new start.
  EXPECT_EQ(HttpCall(server.port(), "GET", "/auth/login").status, 503);
  auto provider = start("ES256");
  EXPECT_EQ(server.Stop(), 0);
  server.Start();

  Browser ana("ana");
  const HttpAnswer in = ana.Go(url + "/auth/login");
  ASSERT_EQ(in.status, 303) << in.body << provider->Errors();
  const HttpAnswer me = ana.Send("GET", url + "/auth/me", "");
  EXPECT_THAT(me.body, HasSubstr("\"name\":\"The one called ana\",\"email\":\"ana@example.com\""));
  EXPECT_THAT(me.body, HasSubstr("definitions.write"));
  const HttpAnswer refused = Browser("ben").Go(url + "/auth/login");
  EXPECT_EQ(refused.status, 403) << refused.body;
  EXPECT_THAT(refused.body, HasSubstr("guidon member add oidc-"));

  // Other keys, of another algorithm, twice: the second time within half a minute of the first, so not at once; but a
  // restart knows nothing of that, and the session is still there.
  provider.reset();
  provider = start("RS256");
  EXPECT_EQ(Browser("ana").Go(url + "/auth/login").status, 303);
  provider.reset();
  provider = start("EdDSA");
  EXPECT_EQ(Browser("ana").Go(url + "/auth/login").status, 401);
  EXPECT_EQ(server.Stop(), 0);
  server.Start();
  EXPECT_EQ(Browser("ana").Go(url + "/auth/login").status, 303);
  EXPECT_EQ(ana.Send("GET", url + "/api/v1/projects/shop/flags", "").status, 200);

  // guidon login, with a browser that says yes.
  const std::string on = " --server " + url;
  EXPECT_THAT(Guidon("flag list" + on).errors, HasSubstr("guidon login"));
  Process login({GUIDON_BIN_DIR "/guidon", "login", "--server", url, "--no-browser"},
                {"XDG_CONFIG_HOME=" + config.path()});
  ASSERT_TRUE(login.WaitForErrors("cli_state=")) << login.Errors();
  ASSERT_TRUE(login.WaitForErrors("\n\n"));
  const HttpAnswer page = ana.Go("http://" + Between(login.Errors(), "http://", "\n"));
  ASSERT_EQ(page.status, 200) << page.body;
  const std::string yes = Unescaped(Between(page.body, "href=\"", "\""));
  EXPECT_EQ(ana.Send("GET", yes.substr(0, yes.find('?')) + "?code=x&state=wrong", "").status, 404);
  EXPECT_EQ(ana.Send("GET", yes, "").status, 200);
  EXPECT_EQ(login.WaitForExit(), 0) << login.Errors();
  EXPECT_THAT(login.Output(), HasSubstr("as The one called ana (member:oidc-"));
  struct stat about {};
  ASSERT_EQ(stat((config / "guidon/sessions.json").c_str(), &about), 0);
  EXPECT_EQ(about.st_mode & 0777, 0600u);
  const Finished listed = Guidon("flag list" + on);
  EXPECT_EQ(listed.exit_code, 0) << listed.errors;
  EXPECT_EQ(Guidon("member list" + on).exit_code, 2) << "an editor may not";
  const Finished out = Guidon("logout" + on);
  EXPECT_EQ(out.exit_code, 0) << out.errors;
  EXPECT_THAT(Guidon("flag list" + on).errors, HasSubstr("guidon login"));
  EXPECT_EQ(Guidon("logout" + on).exit_code, 2) << "there is nothing to sign out of";
  EXPECT_EQ(server.Log().find("gdn_ses_"), std::string::npos);
}

TEST_F(SignInRunTest, TheBreakGlassAdminByThePasswordFromStandardInput) {
  const Finished hashed = guidon::testing::Run(
      {"/bin/sh", "-c", "echo 'correct horse battery' | " + Guidond::Program() + " hash-password"});
  ASSERT_EQ(hashed.exit_code, 0) << hashed.errors;
  EXPECT_EQ(guidon::testing::Run({"/bin/sh", "-c", "echo short | " + Guidond::Program() + " hash-password"}).exit_code,
            2);
  std::ofstream(config / "hash") << hashed.output;
  Guidond server({.arguments = {"--break-glass-file", config / "hash"}});
  const std::string on = " --server " + server.url();
  EXPECT_EQ(Guidon("login --break-glass" + on, "wrong horse battery").exit_code, 2);
  const Finished in = Guidon("login --break-glass" + on, "correct horse battery");
  EXPECT_EQ(in.exit_code, 0) << in.errors;
  EXPECT_THAT(in.output, HasSubstr("as break-glass"));
  const Finished log = Guidon("audit log --limit 1" + on);
  EXPECT_EQ(log.exit_code, 0) << log.errors;
  EXPECT_THAT(log.output, HasSubstr("break-glass"));
  EXPECT_THAT(server.Log(), HasSubstr("level=error"));
  EXPECT_THAT(server.Log(), HasSubstr("BREAK-GLASS"));
  EXPECT_EQ(server.Log().find("horse"), std::string::npos);
  // Others may read what it was given: it is not used.
  ASSERT_EQ(chmod((config / "guidon/sessions.json").c_str(), 0644), 0);
  EXPECT_THAT(Guidon("audit log" + on).errors, HasSubstr("chmod 600"));
}

}  // namespace
}  // namespace guidon::testing
