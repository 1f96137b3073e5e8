#include "net/http_client.h"

#include <stdlib.h>
#include <unistd.h>
#include <csignal>

#include <atomic>
#include <fstream>
#include <future>
#include <string>
#include <thread>

#include <gtest/gtest.h>

#include "tests/support/gzip.h"
#include "tests/support/scripted_server.h"

namespace guidon::net {
namespace {

using testing::DeafServer;
using testing::Gzip;
using testing::ScriptedServer;
using Connection = ScriptedServer::Connection;
using std::chrono::milliseconds;
using Clock = std::chrono::steady_clock;

// Long enough that it never is the reason, where a test does not want it to be.
constexpr milliseconds kLong{20'000};
constexpr milliseconds kShort{60};

std::unique_ptr<HttpClient> ClientFor(const std::string& address, HttpOptions options = {kLong, kLong, kLong}) {
  Url url;
  std::string error;
  EXPECT_TRUE(ParseUrl(address, &url, &error)) << error;
  return MakeHttpClient(url, options);
}

HttpResult Get(ScriptedServer& server, HttpOptions options = {kLong, kLong, kLong}) {
  return ClientFor(server.url(), options)->Send({"GET", "/x", {}, ""});
}

// --- requests and answers ------------------------------------------------------------------------------------------

TEST(HttpClientTest, ARequestArrivesAsItWasGiven) {
  ScriptedServer server;
  ScriptedServer::Request seen;
  auto served = server.Serve([&](Connection& c) {
    seen = c.request();
    c.SendAnswer(201, {{"X-Answer", "yes"}, {"Content-Type", "text/plain"}}, "made");
  });
  const auto http = ClientFor(server.url() + "/prefix/");
  const HttpResult result =
      http->Send({"PUT", "/flags/a%2Fb?x=1&y=%20", {{"Content-Type", "application/json"}, {"X-Ask", "a, b"}}, "{}"});
  ASSERT_TRUE(result.ok()) << result.message;
  EXPECT_TRUE(served.get());
  EXPECT_EQ(seen.method, "PUT");
  EXPECT_EQ(seen.target, "/prefix/flags/a%2Fb?x=1&y=%20") << "nothing is encoded again";
  EXPECT_EQ(seen.Header("Host"), "127.0.0.1:" + std::to_string(server.port()));
  EXPECT_EQ(seen.Header("X-Ask"), "a, b");
  EXPECT_EQ(seen.Header("Content-Type"), "application/json");
  EXPECT_EQ(seen.body, "{}");
  EXPECT_EQ(result.response.status, 201);
  EXPECT_EQ(result.response.Header("x-answer"), "yes");
  EXPECT_EQ(result.response.Header("absent"), "");
  EXPECT_EQ(result.response.body, "made");
  EXPECT_EQ(result.message, "");
}

TEST(HttpClientTest, EveryStatusIsAnAnswerAndRedirectsAreNotFollowed) {
  for (const int status : {200, 204, 301, 302, 304, 307, 308, 400, 401, 404, 429, 500, 503}) {
    ScriptedServer server;
    auto served = server.Serve([&](Connection& c) { c.SendAnswer(status, {{"Location", server.url() + "/other"}}); });
    const HttpResult result = Get(server);
    EXPECT_TRUE(result.ok()) << status << ": " << result.message;
    EXPECT_EQ(result.response.status, status);
    EXPECT_TRUE(served.get());
    EXPECT_FALSE(server.IsAsked(milliseconds(0))) << "nobody came back after a " << status;
  }
}

TEST(HttpClientTest, ABodyComesWithALengthInChunksOrUntilTheEnd) {
  const auto body_of = [](std::string_view answer) {
    ScriptedServer server;
    auto served = server.Serve([&](Connection& c) { c.Send(answer); });
    const HttpResult result = Get(server);
    EXPECT_TRUE(result.ok()) << result.message;
    EXPECT_TRUE(served.get());
    return result.response.body;
  };
  EXPECT_EQ(body_of("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"), "hello");
  EXPECT_EQ(body_of("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nhel\r\n2\r\nlo\r\n0\r\n\r\n"), "hello");
  EXPECT_EQ(body_of("HTTP/1.1 200 OK\r\n\r\nhello"), "hello");
}

TEST(HttpClientTest, GzipIsAskedForAndUnpackedAndItsLimitIsOfWhatComesOut) {
  ScriptedServer server;
  const std::string text(200'000, 'x');
  std::string accepted;
  const ScriptedServer::Script answer = [&](Connection& c) {
    accepted = c.request().Header("Accept-Encoding");
    c.SendAnswer(200, {{"Content-Encoding", "gzip"}}, Gzip(text));
  };
  auto served = server.Serve({answer, answer});
  const HttpResult result = Get(server);
  ASSERT_TRUE(result.ok()) << result.message;
  EXPECT_EQ(accepted, "gzip");
  EXPECT_EQ(result.response.body, text);
  HttpOptions small{kLong, kLong, kLong};
  small.max_body_bytes = text.size() - 1;  // the answer itself is far below it
  EXPECT_EQ(Get(server, small).failure, HttpFailure::kTooLarge);
  EXPECT_TRUE(served.get());
}

TEST(HttpClientTest, ABodyOfTheLimitIsTakenAndOneBeyondIsNotReadOn) {
  ScriptedServer server;
  auto served = server.Serve({[](Connection& c) { c.SendAnswer(200, {}, "0123456789"); },
                              [](Connection& c) {
                                c.SendHead(200);
                                while (c.Send(std::string(1u << 16, 'x'))) {  // without an end
                                }
                              }});
  HttpOptions options{kLong, kLong, kLong};
  options.max_body_bytes = 10;
  EXPECT_EQ(Get(server, options).response.body, "0123456789");
  const HttpResult result = Get(server, options);
  EXPECT_EQ(result.failure, HttpFailure::kTooLarge);
  EXPECT_EQ(result.response.body, "");
  EXPECT_NE(result.message.find(std::to_string(server.port())), std::string::npos) << result.message;
  EXPECT_TRUE(served.get());
}

TEST(HttpClientTest, WhatCouldChangeTheRequestIsRefusedBeforeAnythingIsSent) {
  ScriptedServer server;
  const auto http = ClientFor(server.url());
  const HttpRequest requests[] = {
      {"GET", "/", {{"X-A", "a\r\nX-B: b"}}, ""},
      {"GET", "/", {{"X-A", "a\nb"}}, ""},
      {"GET", "/", {{"X-A", std::string("a\0b", 3)}}, ""},
      {"GET", "/", {{"X-A: 1\r\nX-B", "b"}}, ""},
      {"GET", "/", {{"", "b"}}, ""},
      {"GET", "/ HTTP/1.1\r\nX-B: b\r\n\r\n", {}, ""},
      {"GET", "/a b", {}, ""},
      {"GET", "", {}, ""},
      {"GET", "x", {}, ""},
      {"GET / HTTP/1.1\r\n", "/", {}, ""},
  };
  for (const HttpRequest& request : requests) {
    const HttpResult result = http->Send(request);
    EXPECT_EQ(result.failure, HttpFailure::kInvalid) << ::testing::PrintToString(request.path);
    EXPECT_NE(result.message.find("was not asked"), std::string::npos) << result.message;
  }
  EXPECT_FALSE(server.IsAsked(milliseconds(0)));
}

// --- failures ------------------------------------------------------------------------------------------------------

TEST(HttpClientTest, NobodyListens) {
  ScriptedServer server;
  server.Stop();
  const HttpResult result = Get(server);
  EXPECT_EQ(result.failure, HttpFailure::kConnect);
  EXPECT_NE(result.message.find("127.0.0.1:" + std::to_string(server.port())), std::string::npos) << result.message;
}

TEST(HttpClientTest, ConnectingHasItsOwnTime) {
  DeafServer server;
  const auto begin = Clock::now();
  const HttpResult result = ClientFor(server.url(), {kShort, kLong, kLong})->Send({});
  EXPECT_EQ(result.failure, HttpFailure::kConnect) << result.message;
  EXPECT_GE(Clock::now() - begin, kShort);
  EXPECT_LT(Clock::now() - begin, kLong);
}

TEST(HttpClientTest, SilenceBeforeTheHeadAndWithinTheBodyIsATimeout) {
  for (const std::string_view sent :
       {"", "HTTP/1.1 200 OK\r\nContent-", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhel"}) {
    ScriptedServer server;
    auto served = server.Serve([&](Connection& c) { c.Send(sent), c.WaitUntilClosed(); });
    const HttpResult result = Get(server, {kLong, kShort, kLong});
    EXPECT_EQ(result.failure, HttpFailure::kTimeout) << result.message;
    EXPECT_EQ(result.response.body, "");
    EXPECT_TRUE(served.get());
  }
}

TEST(HttpClientTest, AServerThatDripsIsLeftAfterTheTotalTime) {
  // A byte now and then keeps silence away; neither in the head nor in the body does that help for ever.
  for (const std::string_view head : {"HTTP/1.1 200 OK\r\nX-Long: ", "HTTP/1.1 200 OK\r\n\r\n"}) {
    ScriptedServer server;
    auto served = server.Serve([&](Connection& c) {
      c.Send(head);
      while (c.Send("x") && !c.WaitUntilClosed(milliseconds(5))) {
      }
    });
    const HttpResult result = Get(server, {kLong, kLong, milliseconds(100)});
    EXPECT_EQ(result.failure, HttpFailure::kTimeout) << result.message;
    EXPECT_TRUE(served.get());
  }
}

TEST(HttpClientTest, AnAnswerThatIsCutOrNoneIsAFailure) {
  const std::string_view answers[] = {
      "",
      "HTTP/1.1 200 OK\r\nContent-Le",
      "HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nhalf",
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhel",
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nhello\r\n0\r\n\r\n",
      "SSH-2.0-OpenSSH_9.2\r\n",
      "HTTP/1.1 abc OK\r\n\r\n",
      "\r\n\r\n\r\n",
      "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 5\r\n\r\nhello",
  };
  for (const std::string_view answer : answers) {
    ScriptedServer server;
    auto served = server.Serve([&](Connection& c) { c.Send(answer); });
    const HttpResult result = Get(server);
    EXPECT_EQ(result.failure, HttpFailure::kClosed) << ::testing::PrintToString(answer) << " " << result.message;
    EXPECT_EQ(result.response.body, "");
    EXPECT_TRUE(served.get());
  }
}

// An answer that never ends where the client looks for the end of a line, which it has to keep until then.
struct Flood {
  std::string_view begin, again;
};
constexpr Flood kFloods[] = {
    {"", "HTTP/1.1"},
    {"HTTP/1.1 200 ", "very good "},
    {"HTTP/1.1 200 OK\r\n", "X-Endless-Name"},
    {"HTTP/1.1 200 OK\r\nX-Long: ", "and so on "},
    {"HTTP/1.1 200 OK\r\n", "X-One-More: of them\r\n"},
    {"HTTP/1.1 200 OK\r\n", "a:\r\n"},
    {"", "HTTP/1.1 100 Continue\r\n\r\n"},
    {"HTTP/1.1 100 Continue\r\nX: y\r\nHTTP/1.1 200 ", "very good "},
    {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", "0000"},
    {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5; ", "and so on "},
};

// Sends it until the client closes; returns how many bytes it took.
std::size_t Pour(Connection& connection, const Flood& flood, std::size_t most) {
  std::string piece;
  while (piece.size() < 16'384) piece += flood.again;
  std::size_t sent = flood.begin.size();
  if (!connection.Send(flood.begin)) return 0;
  while (sent < most && connection.Send(piece)) sent += piece.size();
  return sent;
}

TEST(HttpClientTest, AHeadWithoutAnEndIsNotReadOn) {
  for (const auto mode : {ScriptedServer::Mode::kPlain, ScriptedServer::Mode::kTls}) {
    for (const Flood& flood : kFloods) {
      for (const bool is_stream : {false, true}) {
        ScriptedServer server(mode);
        std::size_t sent = 0;
        auto served = server.Serve([&](Connection& c) { sent = Pour(c, flood, 64u << 20); });
        HttpOptions options{kLong, kLong, kLong};
        options.ca_file = server.certificate_file();
        const auto client = ClientFor(server.url(), options);
        const HttpResult result = is_stream ? client->Stream(
                                                  {"GET", "/x", {}, ""}, [](const HttpResponse&) { return true; },
                                                  [](std::string_view) { return true; })
                                            : client->Send({"GET", "/x", {}, ""});
        EXPECT_EQ(result.failure, HttpFailure::kTooLarge) << flood.begin << flood.again << ": " << result.message;
        EXPECT_TRUE(served.get());
        EXPECT_LT(sent, 16u << 20) << flood.begin << flood.again << "; what the system holds is among it";
      }
    }
  }
}

TEST(HttpClientTest, ALongHeadAndManySmallPiecesAreTaken) {
  for (const auto mode : {ScriptedServer::Mode::kPlain, ScriptedServer::Mode::kTls}) {
    ScriptedServer server(mode);
    auto served = server.Serve([&](Connection& c) {
      std::string answer = "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 " + std::string(200, 'k') + "\r\n";
      for (int i = 0; i < 6; ++i) answer += "X-Long: " + std::string(8'000, 'y') + "\r\n";
      for (int i = 0; i < 200; ++i) answer += "X-Many: y\r\n";
      answer += "Transfer-Encoding: chunked\r\n\r\n";
      for (int i = 0; i < 40'000; ++i) answer += "1\r\nz\r\n";
      c.Send(answer + "0\r\n\r\n");
    });
    HttpOptions options{kLong, kLong, kLong};
    options.ca_file = server.certificate_file();
    const HttpResult result = Get(server, options);
    EXPECT_TRUE(result.ok()) << result.message;
    EXPECT_EQ(result.response.headers.size(), 207u);
    EXPECT_EQ(result.response.body, std::string(40'000, 'z'));
    EXPECT_TRUE(served.get());
  }
}

TEST(HttpClientTest, AResetIsAFailureToo) {
  ScriptedServer server;
  auto served = server.Serve([](Connection& c) { c.SendHead(200), c.Reset(); });
  EXPECT_FALSE(Get(server).ok());
  EXPECT_TRUE(served.get());
}

// --- streams -------------------------------------------------------------------------------------------------------

TEST(HttpClientTest, AStreamHandsOutTheHeadAndThenEveryPieceAsItComes) {
  ScriptedServer server;
  std::promise<void> got_first;
  auto served = server.Serve([&](Connection& c) {
    c.SendHead(200, {{"Content-Type", "text/event-stream"}});
    c.Send("first");
    got_first.get_future().wait();  // the second is only sent once the first was seen
    c.Send("second");
  });
  std::string seen;
  const HttpResult result = ClientFor(server.url())
                                ->Stream(
                                    {},
                                    [&](const HttpResponse& head) {
                                      EXPECT_EQ(head.status, 200);
                                      EXPECT_EQ(head.Header("content-type"), "text/event-stream");
                                      EXPECT_EQ(seen, "");
                                      return true;
                                    },
                                    [&](std::string_view bytes) {
                                      seen += bytes;
                                      if (seen == "first") got_first.set_value();
                                      return true;
                                    });
  EXPECT_TRUE(result.ok()) << result.message;
  EXPECT_EQ(seen, "firstsecond");
  EXPECT_TRUE(served.get());
}

TEST(HttpClientTest, AStreamMayLastLongerThanTheTotalOnceItsHeadIsThere) {
  ScriptedServer server;
  auto served = server.Serve([](Connection& c) {
    c.SendHead(200);
    c.Send("a");
    EXPECT_FALSE(c.WaitUntilClosed(milliseconds(200))) << "nobody hangs up";
    c.Send("b");
  });
  std::string seen;
  const HttpResult result =
      ClientFor(server.url(), {kLong, kLong, milliseconds(100)})->Stream({}, nullptr, [&](std::string_view bytes) {
        return seen += bytes, true;
      });
  EXPECT_TRUE(result.ok()) << result.message;
  EXPECT_EQ(seen, "ab");
  EXPECT_TRUE(served.get());
}

TEST(HttpClientTest, AHandlerCanRefuse) {
  ScriptedServer server;
  const ScriptedServer::Script endless = [](Connection& c) { c.SendHead(503), c.Send("x"), c.WaitUntilClosed(); };
  auto served = server.Serve({endless, endless});
  bool had_bytes = false;
  const HttpResult at_head =
      ClientFor(server.url())
          ->Stream(
              {}, [](const HttpResponse&) { return false; }, [&](std::string_view) { return had_bytes = true; });
  EXPECT_EQ(at_head.failure, HttpFailure::kRefused);
  EXPECT_EQ(at_head.response.status, 503) << "what was refused is still told";
  EXPECT_FALSE(had_bytes);
  const HttpResult at_bytes = ClientFor(server.url())->Stream({}, nullptr, [](std::string_view) { return false; });
  EXPECT_EQ(at_bytes.failure, HttpFailure::kRefused);
  EXPECT_TRUE(served.get());
}

// --- stopping ------------------------------------------------------------------------------------------------------

TEST(HttpClientTest, StopEndsACallThatWaitsForBytesAndIsForGood) {
  ScriptedServer server;
  const auto http = ClientFor(server.url());
  auto call = std::async(std::launch::async, [&] { return http->Stream({}, nullptr, [](auto) { return true; }); });
  const auto connection = server.Accept();
  ASSERT_TRUE(connection);
  connection->SendHead(200);
  const auto begin = Clock::now();
  EXPECT_TRUE(http->Stop(kLong));
  EXPECT_EQ(call.get().failure, HttpFailure::kStopped);
  EXPECT_LT(Clock::now() - begin, kLong);
  EXPECT_TRUE(connection->WaitUntilClosed());
  EXPECT_EQ(http->Send({}).failure, HttpFailure::kStopped) << "sticky";
  EXPECT_FALSE(server.IsAsked(milliseconds(0)));
}

TEST(HttpClientTest, StopEndsACallThatConnects) {
  DeafServer server;
  const auto http = ClientFor(server.url());
  auto call = std::async(std::launch::async, [&] { return http->Send({}); });
  const auto begin = Clock::now();
  // Whether the call has begun, has its socket, or waits for the connection: each is met over the rounds.
  while (call.wait_for(milliseconds(0)) != std::future_status::ready) http->Stop(milliseconds(1));
  EXPECT_EQ(call.get().failure, HttpFailure::kStopped);
  EXPECT_LT(Clock::now() - begin, kLong);
}

TEST(HttpClientTest, StopMeetsACallAtAnyMoment) {
  for (const auto mode : {ScriptedServer::Mode::kPlain, ScriptedServer::Mode::kTls}) {
    for (int i = 0; i < 25; ++i) {
      ScriptedServer server(mode);
      char pem[] = "/tmp/guidon-net-XXXXXX";
      ::close(::mkstemp(pem));
      std::ofstream(pem) << server.certificate();
      HttpOptions options{kLong, kLong, kLong};
      options.ca_file = mode == ScriptedServer::Mode::kTls ? pem : "";
      const auto http = ClientFor(server.url(), options);
      std::atomic<bool> stop{false}, over{false};
      auto served = std::async(std::launch::async, [&] {
        std::unique_ptr<Connection> c;
        while (c == nullptr && !over) c = server.Accept(milliseconds(10));
        if (c == nullptr) return;
        c->SendHead(200);
        stop = i % 2 == 0;
        while (c->Send(std::string(1000, 'x'))) {
        }
      });
      auto call = std::async(std::launch::async, [&] { return http->Stream({}, nullptr, [](auto) { return true; }); });
      if (i % 2 == 0) {  // while it reads; otherwise somewhere on the way to it
        while (!stop && call.wait_for(milliseconds(0)) != std::future_status::ready) std::this_thread::yield();
      }
      EXPECT_TRUE(http->Stop(kLong));
      EXPECT_EQ(call.get().failure, HttpFailure::kStopped);
      over = true;
      served.get();
      ::unlink(pem);
    }
  }
}

// --- TLS -----------------------------------------------------------------------------------------------------------

class HttpClientTlsTest : public ::testing::Test {
 protected:
  HttpClientTlsTest() {
    ::close(::mkstemp(ca_file_));
    std::ofstream(ca_file_) << server_.certificate();
  }
  ~HttpClientTlsTest() override { ::unlink(ca_file_); }

  HttpOptions Trusting() const {
    HttpOptions options{kLong, kLong, kLong};
    options.ca_file = ca_file_;
    return options;
  }

  ScriptedServer server_{ScriptedServer::Mode::kTls};
  char ca_file_[32] = "/tmp/guidon-net-XXXXXX";
};

TEST_F(HttpClientTlsTest, AServerWhoseAuthorityIsTrustedIsAsked) {
  auto served = server_.Serve([](Connection& c) { c.SendAnswer(200, {}, "private"); });
  const HttpResult result = Get(server_, Trusting());
  EXPECT_TRUE(result.ok()) << result.message;
  EXPECT_EQ(result.response.body, "private");
  EXPECT_TRUE(served.get());
}

TEST_F(HttpClientTlsTest, OneThatIsNotTrustedNeverSeesTheRequest) {
  auto accepted = std::async(std::launch::async, [&] { return server_.Accept(milliseconds(200)); });
  const HttpResult result = Get(server_);
  EXPECT_EQ(result.failure, HttpFailure::kTls) << result.message;
  EXPECT_EQ(accepted.get(), nullptr);
}

TEST_F(HttpClientTlsTest, NeitherDoesOneWithAnothersName) {
  // "localhost" is in the certificate; 127.0.0.2 is not.
  auto accepted = std::async(std::launch::async, [&] { return server_.Accept(milliseconds(200)); });
  const HttpResult result = ClientFor("https://127.0.0.2:" + std::to_string(server_.port()), Trusting())->Send({});
  EXPECT_FALSE(result.ok());
  EXPECT_EQ(accepted.get(), nullptr);
}

TEST_F(HttpClientTlsTest, AuthoritiesThatCannotBeReadAreNamed) {
  HttpOptions options{kLong, kLong, kLong};
  options.ca_file = "/nowhere/ca.pem";
  auto accepted = std::async(std::launch::async, [&] { return server_.Accept(milliseconds(200)); });
  const HttpResult result = Get(server_, options);
  EXPECT_EQ(result.failure, HttpFailure::kTls);
  EXPECT_NE(result.message.find("/nowhere/ca.pem"), std::string::npos) << result.message;
  accepted.get();
}

TEST_F(HttpClientTlsTest, AServerThatSpeaksNoTlsIsNotATlsServer) {
  ScriptedServer plain;
  auto served = std::async(std::launch::async, [&] {
    if (plain.IsAsked(kLong)) plain.Accept(milliseconds(200));
  });
  HttpOptions options = Trusting();
  options.connect = milliseconds(200);
  const HttpResult result = ClientFor("https://127.0.0.1:" + std::to_string(plain.port()), options)->Send({});
  EXPECT_EQ(result.failure, HttpFailure::kTls) << result.message;
}

// --- SIGPIPE -------------------------------------------------------------------------------------------------------

// Dies by SIGPIPE (its default) if a call lets one through.
[[noreturn]] void StopWhileItWrites() {
  ::signal(SIGPIPE, SIG_DFL);
  ScriptedServer server(ScriptedServer::Mode::kTls);
  char pem[] = "/tmp/guidon-net-XXXXXX";
  ::close(::mkstemp(pem));
  std::ofstream(pem) << server.certificate();
  HttpOptions options{kLong, kLong, kLong};
  options.ca_file = pem;
  for (int i = 0; i < 8; ++i) {
    const auto http = ClientFor(server.url(), options);
    // More than the sockets hold, and nobody reads: the client still writes when it is stopped.
    auto call = std::async(std::launch::async, [&] {
      return http->Send({"POST", "/", {}, std::string(16u << 20, 'b')});
    });
    const auto connection = server.AcceptUnread();
    http->Stop(kLong);
    if (call.get().failure != HttpFailure::kStopped) ::_exit(1);
  }
  ::unlink(pem);
  sigset_t pending;
  ::sigpending(&pending);
  ::_exit(::sigismember(&pending, SIGPIPE) == 1 ? 2 : 0);
}

TEST(HttpClientSigpipeDeathTest, StopWhileItWritesDoesNotEndTheProcess) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_EXIT(StopWhileItWrites(), ::testing::ExitedWithCode(0), "");
}

}  // namespace
}  // namespace guidon::net
