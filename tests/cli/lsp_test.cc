// guidon lsp: the conversations of tests/lsp with the program, by its standard streams; and a server that it asks.
#include <gmock/gmock.h>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/live_states.h"
#include "core/base/json.h"
#include "lsp/framing.h"
#include "lsp/uri.h"
#include "tests/cli/cli.h"
#include "tests/lsp/script.h"
#include "tests/support/scripted_server.h"

namespace guidon::testing {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

// The program, written to through a pipe.
class There : public Peer {
 public:
  explicit There(std::vector<std::string> arguments = {}, const std::vector<std::string>& environment = {}) {
    const std::string pipe = folder_ / "in";
    if (mkfifo(pipe.c_str(), 0600) != 0) throw std::runtime_error("no pipe can be made");
    arguments.insert(arguments.begin(),
                     {"/bin/sh", "-c", R"(in=$1; shift; exec "$0" lsp "$@" <"$in")", GUIDON_BIN_DIR "/guidon", pipe});
    process_ = std::make_unique<Process>(std::move(arguments), environment);
    pipe_ = open(pipe.c_str(), O_WRONLY | O_CLOEXEC);  // waits for who reads
  }
  ~There() override { Close(); }

  void Send(const std::string& bytes) override {
    EXPECT_EQ(write(pipe_, bytes.data(), bytes.size()), static_cast<ssize_t>(bytes.size()));
  }
  std::string Receive() override {
    std::string output;
    Eventually([&] { return (output = process_->Output()).size() > taken_ || !process_->IsRunning(); });
    return output.substr(std::exchange(taken_, output.size()));
  }
  std::optional<int> ExitCode() override { return process_->WaitForExit(); }

  void Close() {
    if (pipe_ >= 0) close(std::exchange(pipe_, -1));
  }
  Process& process() { return *process_; }

 private:
  TemporaryFolder folder_;
  std::unique_ptr<Process> process_;
  int pipe_ = -1;
  std::size_t taken_ = 0;
};

class LspTest : public ::testing::TestWithParam<const char*> {};

TEST_P(LspTest, TheProgramSpeaksAsItIsWritten) {
  const Workspace files;
  There peer;
  RunScript(std::string(GetParam()) + ".yaml", files.path(), peer);
  EXPECT_EQ(peer.process().Errors(), "");
}

INSTANTIATE_TEST_SUITE_P(Scripts, LspTest, ::testing::Values("editing", "faults", "folders", "policy", "roots"),
                         [](const auto& given) { return std::string(given.param); });

TEST(LspProcessTest, TheEndOfTheStreamIsTheEnd) {
  There peer;
  peer.Close();
  EXPECT_EQ(peer.ExitCode(), 1);
}

TEST(LspProcessTest, AnEditorThatGoesAwayIsTheEnd) {
  const TemporaryFolder folder;
  const std::string in = folder / "in", out = folder / "out";
  ASSERT_EQ(mkfifo(in.c_str(), 0600), 0);
  ASSERT_EQ(mkfifo(out.c_str(), 0600), 0);
  Process process({"/bin/sh", "-c", R"(exec "$0" lsp <"$1" >"$2")", GUIDON_BIN_DIR "/guidon", in, out});
  const int to = open(in.c_str(), O_WRONLY | O_CLOEXEC);  // both wait for it
  const int from = open(out.c_str(), O_RDONLY | O_CLOEXEC);
  close(from);
  const std::string bytes = lsp::Framed(R"({"id":0,"method":"initialize","params":{}})");
  ASSERT_EQ(write(to, bytes.data(), bytes.size()), static_cast<ssize_t>(bytes.size()));
  EXPECT_EQ(process.WaitForExit(), 1);
  close(to);
}

TEST(LspProcessTest, WhoIsNoEditorIsToldSo) {
  There peer;
  peer.Send("GET / HTTP/1.1\r\n\r\n");
  EXPECT_EQ(peer.ExitCode(), 2);
  EXPECT_THAT(peer.process().Errors(), HasSubstr("guidon: standard input is no stream of messages"));
}

// The text of a hover over the flag of SmallShop, once the server has answered or is known not to.
std::string HoverOverFlag(There& peer, const std::string& folder, const std::string& options = "null") {
  const std::string uri = lsp::UriOfPath(folder) + "/flags/new-checkout.yaml";
  const std::string document = R"({"textDocument":{"uri":")" + uri + R"("},"position":{"line":0,"character":8}})";
  peer.Send(lsp::Framed(R"({"id":0,"method":"initialize","params":{"initializationOptions":)" + options + "}}") +
            lsp::Framed(R"({"method":"textDocument/didOpen","params":{"textDocument":{"uri":")" + uri +
                        R"(","text":"flag: new-checkout\ntype: boolean\nowner: payments\n"}}})"));
  lsp::FrameReader reader;
  for (int id = 1; id < 1'000; ++id) {
    peer.Send(
        lsp::Framed(R"({"id":)" + std::to_string(id) + R"(,"method":"textDocument/hover","params":)" + document + "}"));
    for (bool is_answered = false; !is_answered;) {
      const std::string bytes = peer.Receive();
      if (bytes.empty()) return "nothing came";
      reader.Feed(bytes);
      while (const std::optional<lsp::Frame> frame = reader.Next()) {
        const Value message = ParseJson(frame->text).value();
        if (const Value* number = message.Find("id"); number == nullptr || number->AsInt() != id) continue;
        is_answered = true;
        const std::string text = message.Find("result")->Find("contents")->Find("value")->AsString();
        if (text.find("it has not answered yet") == std::string::npos) return text;
      }
    }
  }
  return "it never answered";
}

TEST(LspProcessTest, HoverHasWhatTheServerHas) {
  ScriptedServer server;
  ScriptedServer::Request request;
  std::future<bool> served = server.Serve([&](ScriptedServer::Connection& connection) {
    request = connection.request();
    connection.SendAnswer(200, {{"Content-Type", "application/json"}},
                          R"({"revision":7,"definition":{"flag":"new-checkout","type":"boolean","owner":"payments",
                             "environments":{"production":{"enabled":true,"default":"on"}}}})");
  });
  const Workspace files(SmallShop("shop"));
  There peer({}, {"GUIDON_SERVER=" + server.url(), "GUIDON_KEY=gdn_adm_whatever"});
  EXPECT_THAT(HoverOverFlag(peer, files.path()),
              AllOf(HasSubstr("In the files:\n- enabled nowhere"),
                    HasSubstr("On " + server.url() + ", since revision 7: \n- production: on, serves on")));
  EXPECT_TRUE(served.get());
  EXPECT_EQ(request.target, "/api/v1/projects/shop/flags/new-checkout");
  EXPECT_EQ(request.Header("Authorization"), "Bearer gdn_adm_whatever");
}

TEST(LspProcessTest, AServerThatTheEditorNamesNeverGetsTheKeyOfAnother) {
  ScriptedServer other;
  const Workspace files(SmallShop("shop"));
  There peer({}, {"GUIDON_SERVER=http://127.0.0.1:1", "GUIDON_KEY=gdn_adm_secret"});
  EXPECT_THAT(HoverOverFlag(peer, files.path(), R"({"server":")" + other.url() + R"("})"),
              HasSubstr("On " + other.url() + ": not known, there is no key for it"));
}

TEST(LspProcessTest, AServerThatIsNotThereIsSaidToBe) {
  const Workspace files(SmallShop("shop"));
  const std::string server = "http://127.0.0.1:" + std::to_string(FixedPort());
  There peer({"--server", server}, {"GUIDON_KEY=gdn_adm_whatever"});
  EXPECT_THAT(HoverOverFlag(peer, files.path()), HasSubstr("On " + server + ": not known, "));
}

TEST(LspProcessTest, TheNewestQuestionIsAskedFirst) {
  ScriptedServer server;
  cli::Connection to;
  to.server = server.url();
  to.key = "gdn_adm_whatever";
  cli::LiveStates states(to);
  const auto ask = [&](const char* flag) { return states.Ask("shop", {EntityKind::kFlag, flag}).state; };
  EXPECT_EQ(ask("first"), lsp::LiveAnswer::State::kPending);
  const auto first = server.Accept();
  ASSERT_TRUE(first);
  EXPECT_EQ(ask("second"), lsp::LiveAnswer::State::kPending);
  EXPECT_EQ(ask("third"), lsp::LiveAnswer::State::kPending);
  first->SendAnswer(404);
  for (const char* next : {"third", "second"}) {
    const auto connection = server.Accept();
    ASSERT_TRUE(connection);
    EXPECT_EQ(connection->request().target, std::string("/api/v1/projects/shop/flags/") + next);
    connection->SendAnswer(404);
  }
}

TEST(LspProcessTest, ANameThatIsStillLookedUpKeepsNobodyFromLeaving) {
  const Workspace files(SmallShop("shop"));
  There peer({}, {"GUIDON_SERVER=http://never.example", "GUIDON_KEY=gdn_adm_whatever",
                  "LD_PRELOAD=" GUIDON_BIN_DIR "/libendless_names.so"});
  const std::string uri = lsp::UriOfPath(files.path()) + "/flags/new-checkout.yaml";
  peer.Send(lsp::Framed(R"({"id":0,"method":"initialize","params":{}})") +
            lsp::Framed(R"({"method":"textDocument/didOpen","params":{"textDocument":{"uri":")" + uri +
                        R"(","text":"flag: new-checkout\ntype: boolean\n"}}})") +
            lsp::Framed(R"({"id":1,"method":"textDocument/hover","params":{"textDocument":{"uri":")" + uri +
                        R"("},"position":{"line":0,"character":8}}})"));
  std::string said;
  while (said.find("it has not answered yet") == std::string::npos) {
    const std::string more = peer.Receive();
    ASSERT_FALSE(more.empty()) << said;
    said += more;
  }
  peer.Send(lsp::Framed(R"({"id":2,"method":"shutdown"})") + lsp::Framed(R"({"method":"exit"})"));
  EXPECT_EQ(peer.ExitCode(), 0);
}

TEST(LspProcessTest, WithoutAServerNobodyIsAsked) {
  const Workspace files(SmallShop("shop"));
  There peer;
  EXPECT_THAT(HoverOverFlag(peer, files.path()), AllOf(HasSubstr("flag new-checkout"), Not(HasSubstr("On http"))));
}

}  // namespace
}  // namespace guidon::testing
