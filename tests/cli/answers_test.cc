// What the command line makes of answers that no healthy guidond gives: of proxies, of overload, of failures.
#include <algorithm>
#include <cctype>

#include "tests/cli/cli.h"
#include "tests/support/scripted_server.h"

namespace guidon::testing {
namespace {

Answer Problem(int status) {
  return {R"({"status":)" + std::to_string(status) + R"(,"detail":"as it is"})", "application/problem+json", status};
}

TEST(AnswersTest, ASuccessWithoutAJsonObjectIsNoAnswerOfAServer) {
  const Workspace files(SmallShop("shop"));
  const std::string flag = "greeting";
  for (const std::vector<std::string>& words :
       std::vector<std::vector<std::string>>{{"apply", files.path()},
                                             {"plan", files.path()},
                                             {"flag", "off", flag, "-p", "shop", "-e", "production"},
                                             {"key", "list", "-p", "shop"},
                                             {"key", "revoke", "k1", "-p", "shop"},
                                             {"evaluate", "-p", "shop", "-e", "production"},
                                             {"export", "-p", "shop", "-e", "production"}}) {
    for (const Answer& answer :
         {Answer{"<html>Sign in</html>", "text/html"}, Answer{"", "text/plain", 204}, Answer{"[]"}}) {
      const Finished done = Asking(words, {answer});
      EXPECT_EQ(done.exit_code, 4) << words[0] << " " << answer.body << ": " << done.output << done.errors;
      EXPECT_EQ(done.output, "") << words[0];
      EXPECT_NE(done.errors.find("not of a guidond"), std::string::npos) << words[0] << ": " << done.errors;
    }
  }
}

TEST(AnswersTest, AServerThatFailsOrRefusesForNowIsNoProblemOfTheDefinitions) {
  const Workspace files(SmallShop("shop"));
  for (const auto& [status, exit_code] : std::vector<std::pair<int, int>>{{400, 2},
                                                                          {401, 2},
                                                                          {404, 2},
                                                                          {413, 2},
                                                                          {409, 1},
                                                                          {422, 1},
                                                                          {429, 4},
                                                                          {500, 4},
                                                                          {501, 4},
                                                                          {503, 4},
                                                                          {507, 4},
                                                                          {520, 4}}) {
    const Finished done = Asking({"apply", files.path()}, {Problem(status)});
    EXPECT_EQ(done.exit_code, exit_code) << status << ": " << done.errors;
    EXPECT_EQ(done.errors, "guidon: as it is\n") << status;
  }
}

TEST(AnswersTest, AnExperimentSaysWhyItsRampIsHeldBack) {
  const std::string status =
      R"({"experiment":"e","flag":"f","environment":"production","revision":7,"status":"running","iteration":1,)"
      R"("ramp":{"status":"held_back","at":"10%","step":1,"next":{"at":"100%","due":"2027-01-01T01:00:00.000Z"},)"
      R"("held_back":{"reason":"not_counted","since":"2027-01-01T01:05:00.000Z","sentence":"nobody counts"},)"
      R"("steps":[{"at":"10%","hold":"1h"},{"at":"100%"}]}})";
  const Finished done = Asking({"experiment", "status", "e", "-p", "shop"}, {{status}});
  EXPECT_EQ(done.exit_code, 0) << done.errors;
  std::string text = done.output;  // lines are wrapped
  text.erase(std::unique(text.begin(), text.end(), [](char a, char b) { return std::isspace(a) && std::isspace(b); }),
             text.end());
  std::replace(text.begin(), text.end(), '\n', ' ');
  EXPECT_NE(text.find("held back since 2027-01-01 01:05 UTC, not_counted: nobody counts"), std::string::npos)
      << done.output;
}

TEST(AnswersTest, LookingForTheProjectFailsLikeEverythingElse) {
  const std::vector<std::string> list = {"key", "list"};
  EXPECT_EQ(Asking(list, {Problem(500)}).exit_code, 4);
  EXPECT_EQ(Asking(list, {Problem(429)}).exit_code, 4);
  EXPECT_EQ(Asking(list, {Problem(401)}).exit_code, 2);
  EXPECT_EQ(Asking(list, {{"{}"}}).exit_code, 4);
  const Finished bad_gateway = Asking(list, {{"<html>Bad Gateway</html>", "text/html", 502}});
  EXPECT_EQ(bad_gateway.exit_code, 4);
  EXPECT_EQ(bad_gateway.errors, "guidon: the server answered 502\n");
}

TEST(AnswersTest, APrivateAuthorityAndACertificateOfOnesOwnCanBeGiven) {
  ScriptedServer server(ScriptedServer::Mode::kTls);
  server.DemandClientCertificate(server);
  const std::vector<std::string> words = {"key", "list", "-p", "shop", "--server", server.url(), "--key", "gdn_adm_x"};
  std::future<bool> served =
      server.Serve([](ScriptedServer::Connection& connection) { connection.SendAnswer(200, {}, R"({"keys": []})"); });
  // Whom it does not know it says nothing to: not even the key.
  EXPECT_EQ(Guidon(words).exit_code, 4);
  const Finished done =
      Guidon(words, {"GUIDON_CA=" + server.certificate_file(), "GUIDON_CERT=" + server.certificate_file(),
                     "GUIDON_CERT_KEY=" + server.key_file()});
  EXPECT_EQ(done.exit_code, 0) << done.errors;
}

}  // namespace
}  // namespace guidon::testing
