// Requests and answers on raw sockets: what HTTP/1.1 asks for, and every bound.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <future>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "tests/server/http/test_server.h"

namespace guidon::http {
namespace {

using namespace std::chrono_literals;
using namespace std::string_literals;
using guidon::testing::Eventually;
using guidon::testing::HttpAnswer;
using guidon::testing::HttpConnection;
using ::testing::HasSubstr;

class RequestsFixture : public ::testing::Test {
 protected:
  virtual Over over() const { return Over::kPlain; }

  void Start(ServerOptions options = TestOptions()) {
    if (over() == Over::kTls) options.tls = TestTls();
    server_ = MustStart(options, [this](std::shared_ptr<Request> request, Responder respond) {
      Handle(std::move(request), std::move(respond));
    });
  }
  void TearDown() override {
    Release();
    if (server_) server_->Stop(1s);
    for (std::thread& thread : threads_) thread.join();
  }

  HttpConnection Connect() const { return ConnectTo(server_->port(), over()); }

  // One request on a connection of its own.
  HttpAnswer Ask(std::string_view request) const {
    HttpConnection connection = Connect();
    connection.Send(request);
    return connection.ReadAnswer(request.starts_with("HEAD "));
  }

  // Lets /later answer.
  void Release() {
    if (!std::exchange(released_, true)) release_.set_value();
  }

  std::unique_ptr<Server> server_;
  std::promise<void> release_;
  std::shared_future<void> on_release_ = release_.get_future().share();
  std::atomic<int> handled_{0};

 private:
  void Handle(std::shared_ptr<Request> request, Responder respond) {
    ++handled_;
    if (request->path == "/nobody") return;  // the responder goes unanswered
    if (request->path == "/later") {
      threads_.emplace_back([this, request, respond = std::move(respond)] {
        on_release_.wait();
        respond(Echo(*request));
      });
      return;
    }
    if (request->path == "/twice") respond(Echo(*request));
    Response response = Echo(*request);
    if (request->path == "/304") response.status = 304;
    if (request->path == "/204") response.status = 204;
    if (request->path == "/big") response.shared_body = std::make_shared<const std::string>(Big());
    if (request->path == "/big-of-its-own") response.body = Big();
    respond(std::move(response));
  }

 protected:
  // More than two kernels hold of a connection whose client does not read.
  static const std::string& Big() {
    static const std::string kText = [] {
      std::string text;
      while (text.size() < (12u << 20)) text += std::to_string(text.size()) + std::string(100, ' ');
      return text;
    }();
    return kText;
  }

 private:
  static Response Echo(const Request& request) {
    Response response;
    response.Header("X-Request-Id", request.id);
    response.Header("X-Peer", request.peer);
    response.Header("X-Fields", std::to_string(request.headers.size()));
    response.body = request.method + " " + request.target + " " + request.body;
    return response;
  }

  bool released_ = false;
  std::vector<std::thread> threads_;
};

class RequestsTest : public RequestsFixture, public ::testing::WithParamInterface<Over> {
 protected:
  Over over() const override { return GetParam(); }
};
// What depends on the kernel's buffers, or is another thing over TLS.
class PlainRequestsTest : public RequestsFixture {};
INSTANTIATE_TEST_SUITE_P(All, RequestsTest, ::testing::Values(Over::kPlain, Over::kTls), NameOf);

// ---- Answers ---------------------------------------------------------------------------------------------------

TEST_P(RequestsTest, AnAnswerHasWhatTheHandlerSaidAndWhatHttpAsksFor) {
  Start();
  const HttpAnswer answer = Ask(Post("/echo?a=1", "text"));
  EXPECT_EQ(answer.status, 200) << answer.fault;
  EXPECT_EQ(answer.body, "POST /echo?a=1 text");
  EXPECT_EQ(answer.Header("Content-Length"), std::to_string(answer.body.size()));
  EXPECT_EQ(answer.Header("X-Peer"), "127.0.0.1");
  EXPECT_THAT(answer.Header("Date"), ::testing::MatchesRegex("[A-Z][a-z]{2}, [0-9]{2} [A-Z][a-z]{2} [0-9]{4} .* GMT"));
  EXPECT_EQ(answer.Header("Server"), "guidon");
}

TEST_P(RequestsTest, AConnectionCarriesManyRequestsEachWithItsOwnId) {
  Start();
  HttpConnection connection = Connect();
  std::string last;
  for (int i = 0; i < 5; ++i) {
    ASSERT_TRUE(connection.Send(Get("/echo")));
    const HttpAnswer answer = connection.ReadAnswer();
    ASSERT_EQ(answer.status, 200) << answer.fault;
    EXPECT_NE(answer.Header("X-Request-Id"), last);
    last = answer.Header("X-Request-Id");
  }
  EXPECT_EQ(server_->Counts().accepted, 1u);
}

TEST_P(RequestsTest, RequestsSentAheadAreAnsweredInTheirOrder) {
  Start();
  HttpConnection connection = Connect();
  connection.Send(Get("/later") + Post("/second", "body") + Get("/third"));
  ASSERT_TRUE(Eventually([&] { return handled_ == 1; }));
  Release();
  EXPECT_EQ(connection.ReadAnswer().body, "GET /later ");
  EXPECT_EQ(connection.ReadAnswer().body, "POST /second body");
  EXPECT_EQ(connection.ReadAnswer().body, "GET /third ");
}

TEST_P(RequestsTest, WhatIsSentAheadIsNotHandledBeforeTheAnswerBefore) {
  Start();
  HttpConnection connection = Connect();
  connection.Send(Get("/later") + Get("/second"));
  ASSERT_TRUE(Eventually([&] { return handled_ >= 1; }));
  EXPECT_EQ(Ask(Get("/other")).status, 200);  // the server is not held up by it
  EXPECT_EQ(handled_, 2);
  Release();
  connection.ReadAnswer();
  EXPECT_EQ(connection.ReadAnswer().body, "GET /second ");
}

TEST_P(RequestsTest, HeadHasTheHeaderOfGetWithoutABody) {
  Start();
  HttpConnection connection = Connect();
  connection.Send("HEAD /echo HTTP/1.1\r\nHost: test\r\n\r\n" + Get("/next"));
  const HttpAnswer head = connection.ReadAnswer(true);
  EXPECT_EQ(head.status, 200);
  EXPECT_EQ(head.Header("Content-Length"), std::to_string(std::string("HEAD /echo ").size()));
  EXPECT_EQ(connection.ReadAnswer().body, "GET /next ");
}

TEST_P(RequestsTest, AnswersWithoutContentHaveNeitherBodyNorLength) {
  Start();
  HttpConnection connection = Connect();
  for (const int status : {304, 204}) {
    connection.Send(Get("/" + std::to_string(status)));
    const HttpAnswer answer = connection.ReadAnswer();
    EXPECT_EQ(answer.status, status);
    EXPECT_EQ(answer.CountOf("Content-Length"), 0);
  }
  connection.Send(Get("/next"));
  EXPECT_EQ(connection.ReadAnswer().body, "GET /next ");
}

TEST_P(RequestsTest, AClientThatAsksForItGetsItsConnectionClosed) {
  Start();
  HttpConnection connection = Connect();
  connection.Send(Get("/echo", "Connection: close\r\n"));
  const HttpAnswer answer = connection.ReadAnswer();
  EXPECT_EQ(answer.status, 200);
  EXPECT_EQ(answer.Header("Connection"), "close");
  EXPECT_TRUE(connection.IsAtEnd());
}

TEST_P(RequestsTest, Http10ClosesUnlessAskedNotTo) {
  Start();
  HttpConnection closes = Connect();
  closes.Send("GET /echo HTTP/1.0\r\n\r\n");
  EXPECT_EQ(closes.ReadAnswer().status, 200);
  EXPECT_TRUE(closes.IsAtEnd());

  HttpConnection stays = Connect();
  stays.Send("GET /echo HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
  EXPECT_EQ(stays.ReadAnswer().Header("Connection"), "keep-alive");
  stays.Send("GET /next HTTP/1.0\r\n\r\n");
  EXPECT_EQ(stays.ReadAnswer().body, "GET /next ");
}

TEST_P(RequestsTest, AnAbsoluteTargetIsThePathInIt) {
  Start();
  EXPECT_EQ(Ask(Get("http://test/echo?a=1")).body, "GET /echo?a=1 ");
  EXPECT_EQ(Ask(Get("HTTPS://test:8400/echo")).body, "GET /echo ");
  EXPECT_EQ(Ask(Get("http://test")).body, "GET / ");
  EXPECT_EQ(Ask(Get("http://test?a=1")).body, "GET /?a=1 ");
  EXPECT_EQ(Ask("OPTIONS * HTTP/1.1\r\nHost: test\r\n\r\n").body, "OPTIONS * ");
}

TEST_P(RequestsTest, AHandlerThatNeverAnswersIsA500) {
  Start();
  const HttpAnswer answer = Ask(Get("/nobody"));
  EXPECT_EQ(answer.status, 500);
  EXPECT_EQ(answer.Header("Content-Type"), "application/problem+json");
}

TEST_P(RequestsTest, OnlyTheFirstAnswerCounts) {
  Start();
  HttpConnection connection = Connect();
  connection.Send(Get("/twice") + Get("/next"));
  EXPECT_EQ(connection.ReadAnswer().body, "GET /twice ");
  EXPECT_EQ(connection.ReadAnswer().body, "GET /next ");
}

TEST_P(RequestsTest, AClientThatLeavesWhileItIsServedHarmsNobody) {
  Start();
  {
    HttpConnection connection = Connect();
    connection.Send(Get("/later"));
    ASSERT_TRUE(Eventually([&] { return handled_ == 1; }));
    connection.Reset();
  }
  Release();
  EXPECT_EQ(Ask(Get("/echo")).status, 200);
  EXPECT_TRUE(Eventually([&] { return server_->Counts().connections == 0; }));
}

// ---- Bodies ----------------------------------------------------------------------------------------------------

TEST_P(RequestsTest, WhoExpects100IsToldToGoOn) {
  Start();
  HttpConnection connection = Connect();
  connection.Send("POST /echo HTTP/1.1\r\nHost: test\r\nContent-Length: 4\r\nExpect: 100-Continue\r\n\r\n");
  EXPECT_EQ(connection.ReadHead().status, 100);
  EXPECT_EQ(handled_, 0);
  connection.Send("body");
  EXPECT_EQ(connection.ReadAnswer().body, "POST /echo body");
}

TEST_P(RequestsTest, WhoExpects100ForTooMuchIsRefusedInstead) {
  Start();
  HttpConnection connection = Connect();
  connection.Send("POST /echo HTTP/1.1\r\nHost: test\r\nContent-Length: 4194305\r\nExpect: 100-continue\r\n\r\n");
  EXPECT_EQ(connection.ReadHead().status, 413);
}

TEST_P(RequestsTest, NoContinueIsSentWhereNobodyWaitsForIt) {
  Start();
  // HTTP/1.0 does not know it; without a body, or with the body there already, nobody waits.
  EXPECT_EQ(Ask("POST /echo HTTP/1.0\r\nContent-Length: 4\r\nExpect: 100-continue\r\n\r\nbody").status, 200);
  EXPECT_EQ(Ask(Get("/echo", "Expect: 100-continue\r\n")).status, 200);
  EXPECT_EQ(Ask(Post("/echo", "body", "Expect: 100-continue\r\n")).status, 200);
}

TEST_P(RequestsTest, ChunksAreJoined) {
  Start();
  HttpConnection connection = Connect();
  connection.Send("POST /echo HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: Chunked\r\n\r\n");
  connection.Send("3\r\none\r\n");
  connection.Send("4;name=\"an extension\"\r\n two\r\n0\r\nA-Trailer: 1\r\n\r\n" + Get("/next"));
  const HttpAnswer answer = connection.ReadAnswer();
  EXPECT_EQ(answer.body, "POST /echo one two");
  EXPECT_EQ(answer.Header("X-Fields"), "2") << "trailers are no part of the header";
  EXPECT_EQ(connection.ReadAnswer().body, "GET /next ");
}

TEST_P(RequestsTest, ABodyMayComeByteByByte) {
  Start();
  HttpConnection connection = Connect();
  for (const char byte : Post("/echo", "slowly")) ASSERT_TRUE(connection.Send({&byte, 1}));
  EXPECT_EQ(connection.ReadAnswer().body, "POST /echo slowly");
}

TEST_P(RequestsTest, ABodyOfExactlyTheBoundIsTaken) {
  ServerOptions options = TestOptions();
  options.body_bytes = 1000;
  Start(options);
  EXPECT_EQ(Ask(Post("/echo", std::string(1000, 'x'))).status, 200);
  EXPECT_EQ(Ask(Post("/echo", std::string(1001, 'x'))).status, 413);
}

TEST_P(RequestsTest, ATooLargeBodyIsRefusedBeforeItIsRead) {
  Start();
  for (const char* length : {"4194305", "99999999999", "18446744073709551615"}) {
    HttpConnection connection = Connect();
    connection.Send("POST /echo HTTP/1.1\r\nHost: test\r\nContent-Length: " + std::string(length) + "\r\n\r\n");
    const HttpAnswer answer = connection.ReadAnswer();  // none of the body was sent
    EXPECT_EQ(answer.status, 413) << length;
    EXPECT_THAT(answer.body, HasSubstr("larger than 4194304 bytes"));
    EXPECT_EQ(answer.Header("Connection"), "close");
    EXPECT_TRUE(connection.IsAtEnd());
  }
  EXPECT_EQ(handled_, 0);
}

TEST_P(RequestsTest, ChunksThatAddUpToTooMuchAreRefusedAtTheChunk) {
  ServerOptions options = TestOptions();
  options.body_bytes = 1000;
  Start(options);
  HttpConnection connection = Connect();
  connection.Send("POST /echo HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\n\r\n");
  connection.Send("258\r\n" + std::string(600, 'x') + "\r\n");
  connection.Send("258\r\n");
  EXPECT_EQ(connection.ReadAnswer().status, 413);
  EXPECT_EQ(handled_, 0);
}

TEST_P(RequestsTest, ARefusalReachesAClientThatGoesOnSending) {
  Start();
  HttpConnection connection = Connect();
  const std::string body(8u << 20, 'x');
  EXPECT_TRUE(connection.Send(Post("/echo", body)));  // all of it is taken, and dropped
  EXPECT_EQ(connection.ReadAnswer().status, 413);
  EXPECT_TRUE(connection.IsAtEnd());
}

// Promise R6.
TEST_P(RequestsTest, AllBodiesTogetherAreBounded) {
  ServerOptions options = TestOptions();
  options.body_bytes = 1000;
  options.all_bodies_bytes = 2500;
  Start(options);
  const std::string begun = "POST /echo HTTP/1.1\r\nHost: test\r\nContent-Length: 1000\r\n\r\n";
  const std::string most(900, 'x');
  HttpConnection first = Connect(), second = Connect(), third = Connect();
  first.Send(begun + most);
  second.Send("POST /echo HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\n\r\n384\r\n" + most + "\r\n");
  // Until both have come, a third finds room.
  EXPECT_TRUE(Eventually([&] { return Ask(Post("/echo", most)).status == 503; }));
  third.Send(begun + most);
  const HttpAnswer refused = third.ReadAnswer();
  EXPECT_EQ(refused.status, 503);
  EXPECT_EQ(refused.Header("Retry-After"), "1");
  EXPECT_EQ(Ask(Post("/echo", "small")).status, 200);
  EXPECT_EQ(Ask(Get("/echo")).status, 200);

  // Whoever is done gives its room back: the one that was answered, and the one that went away.
  first.Send(std::string(100, 'x'));
  EXPECT_EQ(first.ReadAnswer().status, 200);
  EXPECT_EQ(Ask(Post("/echo", most)).status, 200);
  second.Reset();
  const std::string whole = Post("/echo", std::string(1000, 'x'));
  HttpConnection again = Connect();
  again.Send(begun + most);
  EXPECT_TRUE(Eventually([&] { return Ask(whole).status == 200; }));
}

TEST_P(RequestsTest, ABodyThatIsOnlyAnnouncedKeepsNobodyOut) {
  ServerOptions options = TestOptions();
  options.body_bytes = options.all_bodies_bytes = 1000;
  Start(options);
  std::vector<std::unique_ptr<HttpConnection>> idle;
  for (const char* header : {"Content-Length: 1000", "Transfer-Encoding: chunked", "Content-Length: 1000"}) {
    idle.push_back(std::unique_ptr<HttpConnection>(new HttpConnection(Connect())));
    idle.back()->Send("POST /echo HTTP/1.1\r\nHost: test\r\n" + std::string(header) +
                      "\r\nExpect: 100-continue\r\n\r\n");
    EXPECT_EQ(idle.back()->ReadHead().status, 100);
  }
  EXPECT_EQ(Ask(Post("/echo", std::string(1000, 'x'))).status, 200);
  EXPECT_EQ(Ask(Post("/echo", "")).status, 200);
}

// ---- What is refused -------------------------------------------------------------------------------------------

struct Refused {
  std::string name;
  int status;
  std::string request;
};
void PrintTo(const Refused& refused, std::ostream* out) {
  *out << ::testing::PrintToString(refused.request);
}

class RefusedTest : public RequestsFixture, public ::testing::WithParamInterface<Refused> {};

INSTANTIATE_TEST_SUITE_P(
    All, RefusedTest,
    ::testing::Values(
        Refused{"TwoLengths", 400, "POST / HTTP/1.1\r\nHost: t\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab"},
        Refused{"ALengthAndChunks", 400,
                "POST / HTTP/1.1\r\nHost: t\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"},
        Refused{"ChunksAndALength", 400,
                "POST / HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n"},
        Refused{"ANegativeLength", 400, "POST / HTTP/1.1\r\nHost: t\r\nContent-Length: -1\r\n\r\n"},
        Refused{"ALengthInHex", 400, "POST / HTTP/1.1\r\nHost: t\r\nContent-Length: 0x10\r\n\r\n"},
        Refused{"ALengthWithASign", 400, "POST / HTTP/1.1\r\nHost: t\r\nContent-Length: +1\r\n\r\na"},
        Refused{"AListOfEqualLengths", 400, "POST / HTTP/1.1\r\nHost: t\r\nContent-Length: 1, 1\r\n\r\na"},
        Refused{"AListOfLengths", 400, "POST / HTTP/1.1\r\nHost: t\r\nContent-Length: 1, 2\r\n\r\nab"},
        Refused{"ALengthBeyondSixtyFourBits", 400,
                "POST / HTTP/1.1\r\nHost: t\r\nContent-Length: 18446744073709551616\r\n\r\n"},
        Refused{"AnUnknownCoding", 501, "POST / HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: gzip\r\n\r\n"},
        Refused{"ACodingBeforeChunks", 501, "POST / HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: gzip, chunked\r\n\r\n"},
        Refused{"ACodingLikeChunked", 501, "POST / HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: xchunked\r\n\r\n"},
        Refused{"ChunksOfHttp10", 400, "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"},
        Refused{"ABadChunkSize", 400, "POST / HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n"},
        Refused{"AChunkLongerThanSaid", 400,
                "POST / HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabcd\r\n0\r\n\r\n"},
        Refused{"AHugeChunkSize", 400,
                "POST / HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: chunked\r\n\r\nfffffffffffffffffff\r\n"},
        Refused{"TwoEqualLengths", 400,
                "POST / HTTP/1.1\r\nHost: t\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\na"},
        Refused{"AnEmptyLength", 400, "POST / HTTP/1.1\r\nHost: t\r\nContent-Length: \r\n\r\n"},
        Refused{"TwoCodings", 400,
                "POST / HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n"},
        Refused{"ChunkedTwice", 501, "POST / HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: chunked, chunked\r\n\r\n"},
        Refused{"ANegativeChunkSize", 400,
                "POST / HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: chunked\r\n\r\n-1\r\na\r\n0\r\n\r\n"},
        Refused{"AChunkSizeWithAPrefix", 400,
                "POST / HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: chunked\r\n\r\n0x3\r\nabc\r\n0\r\n\r\n"},
        Refused{"AChunkSizeThatEndsWithLfOnly", 400,
                "POST / HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: chunked\r\n\r\n3\nabc\r\n0\r\n\r\n"},
        Refused{"ATrailerWithoutAColon", 400,
                "POST / HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nnonsense\r\n\r\n"},
        Refused{"AChunkHeaderThatDoesNotEnd", 431,
                "POST / HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: chunked\r\n\r\n3;" + std::string(20'000, 'x')},
        Refused{"AChunkHeaderBeyondTheBound", 431,
                "POST / HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: chunked\r\n\r\n3;" + std::string(20'000, 'x') +
                    "\r\nabc\r\n0\r\n\r\n"},
        Refused{"TrailersBeyondTheBound", 431,
                "POST / HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nA: " +
                    std::string(20'000, 'x') + "\r\n\r\n"},
        Refused{"NoHost", 400, "GET / HTTP/1.1\r\n\r\n"},
        Refused{"TwoHosts", 400, "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n"},
        Refused{"NoTarget", 400, "GET HTTP/1.1\r\nHost: t\r\n\r\n"},
        Refused{"ATargetWithoutASlash", 400, "GET echo HTTP/1.1\r\nHost: t\r\n\r\n"},
        Refused{"ATargetOfAProxy", 400, "CONNECT example.org:443 HTTP/1.1\r\nHost: t\r\n\r\n"},
        Refused{"ATargetWithABlank", 400, "GET /a b HTTP/1.1\r\nHost: t\r\n\r\n"},
        Refused{"AnotherProtocol", 400, "SSH-2.0-OpenSSH_9.2\r\n\r\n"},
        Refused{"Tls", 400, "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n"s},
        Refused{"Http2", 505, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"}, Refused{"Http09", 400, "GET /\r\n\r\n"},
        Refused{"AMethodWithABrace", 400, "G{T / HTTP/1.1\r\nHost: t\r\n\r\n"},
        Refused{"LinesThatEndWithLfOnly", 400, "GET / HTTP/1.1\nHost: t\n\n"},
        Refused{"ABlankBeforeTheColon", 400, "GET / HTTP/1.1\r\nHost : t\r\n\r\n"},
        Refused{"AHeaderWithoutAColon", 400, "GET / HTTP/1.1\r\nHost: t\r\nnonsense\r\n\r\n"},
        Refused{"AHeaderWithoutAName", 400, "GET / HTTP/1.1\r\nHost: t\r\n: value\r\n\r\n"},
        Refused{"ABlankBeforeTheFirstHeader", 400, "GET / HTTP/1.1\r\n Host: t\r\n\r\n"},
        Refused{"CrInAHeader", 400, "GET / HTTP/1.1\r\nHost: t\r\nA: b\rc\r\n\r\n"},
        Refused{"CrInATarget", 400, "GET /a\rb HTTP/1.1\r\nHost: t\r\n\r\n"},
        Refused{"NulInAHeader", 400, "GET / HTTP/1.1\r\nHost: t\r\nA: b\0c\r\n\r\n"s},
        Refused{"AnUnknownExpectation", 417, "POST / HTTP/1.1\r\nHost: t\r\nExpect: tea\r\nContent-Length: 1\r\n\r\na"},
        Refused{"AnEndInTheHeader", 400, "GET / HTTP/1.1\r\nHos"},
        Refused{"AnEndInTheBody", 400, "POST / HTTP/1.1\r\nHost: t\r\nContent-Length: 10\r\n\r\nabc"}),
    [](const auto& param) { return param.param.name; });

TEST_P(RefusedTest, IsAnsweredWithoutTheHandlerAndTheConnectionCloses) {
  std::promise<RefusedRequest> told;
  ServerOptions options = TestOptions();
  options.on_refused = [&](const RefusedRequest& refused) { told.set_value(refused); };
  Start(options);
  HttpConnection connection = Connect();
  connection.Send(GetParam().request);
  connection.ShutDownSending();
  const HttpAnswer answer = connection.ReadAnswer();
  ASSERT_EQ(answer.status, GetParam().status) << answer.fault << answer.body;
  EXPECT_EQ(answer.Header("Content-Type"), "application/problem+json");
  EXPECT_NE(answer.Header("Connection"), "keep-alive");
  EXPECT_TRUE(connection.IsAtEnd());
  EXPECT_EQ(handled_, 0);
  EXPECT_EQ(server_->Counts().bad_requests, 1u);
  const RefusedRequest refused = told.get_future().get();
  EXPECT_EQ(refused.status, GetParam().status);
  EXPECT_EQ(refused.id, answer.Header("X-Request-Id"));
  EXPECT_THAT(answer.body, HasSubstr("\"detail\":\"" + refused.detail + "\""));
}

TEST_P(RequestsTest, WhatComesAfterARefusedRequestIsNotHandled) {
  Start();
  HttpConnection connection = Connect();
  connection.Send("POST / HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: x\r\n\r\n" + Get("/smuggled"));
  EXPECT_EQ(connection.ReadAnswer().status, 501);
  EXPECT_TRUE(connection.IsAtEnd());
  EXPECT_EQ(handled_, 0);
}

TEST_P(RequestsTest, ABadRequestAfterAHeadHasABody) {
  Start();
  HttpConnection connection = Connect();
  connection.Send("HEAD / HTTP/1.1\r\nHost: t\r\n\r\n" + std::string("nonsense\r\n\r\n"));
  EXPECT_EQ(connection.ReadAnswer(true).status, 200);
  const HttpAnswer refused = connection.ReadAnswer();
  EXPECT_EQ(refused.status, 400);
  EXPECT_THAT(refused.body, HasSubstr("this is not HTTP/1.1"));
}

TEST_P(RequestsTest, AnAddressThatIsTooLongIsToldFromAHeaderThatIsTooLarge) {
  ServerOptions options = TestOptions();
  options.header_bytes = 2000;
  Start(options);
  const std::string long_address = Get("/" + std::string(3000, 'a'));
  const std::string long_header = Get("/echo", "A: " + std::string(3000, 'a') + "\r\n");
  std::string many_headers;
  for (int i = 0; i < 300; ++i) many_headers += "A" + std::to_string(i) + ": b\r\n";
  EXPECT_EQ(Ask(long_address).status, 414);
  EXPECT_EQ(Ask(long_header).status, 431);
  EXPECT_EQ(Ask(Get("/echo", many_headers)).status, 431);
  // However the bytes arrive.
  for (const auto& [request, status] : {std::pair(long_address, 414), std::pair(long_header, 431)}) {
    HttpConnection connection = Connect();
    for (std::size_t at = 0; at < request.size(); at += 7) connection.Send(std::string_view(request).substr(at, 7));
    EXPECT_EQ(connection.ReadAnswer().status, status);
  }
}

// That the bounds hold however a header comes is shown by the corpus of tests/fuzz/request_target.cc.
// Promise R6.
TEST_P(RequestsTest, SoManyFieldsAreTakenAndNoMore) {
  Start();
  std::string fields;
  for (int i = 1; i < 128; ++i) fields += "a:\r\n";  // beside Host
  EXPECT_EQ(Ask(Get("/echo", fields)).Header("X-Fields"), "128");
  const HttpAnswer refused = Ask(Get("/echo", fields + "a:\r\n"));
  EXPECT_EQ(refused.status, 431);
  EXPECT_THAT(refused.body, HasSubstr("more than 128 fields"));
}

// ---- Deadlines and connections ---------------------------------------------------------------------------------

TEST_P(RequestsTest, AHeaderThatTakesTooLongIsA408) {
  ServerOptions options = TestOptions();
  options.header_deadline = 50ms;
  Start(options);
  HttpConnection connection = Connect();
  connection.Send("GET / HT");
  EXPECT_EQ(connection.ReadAnswer().status, 408);
  EXPECT_TRUE(connection.IsAtEnd());
}

TEST_P(RequestsTest, BytesThatDribbleInDoNotExtendTheDeadline) {
  ServerOptions options = TestOptions();
  options.header_deadline = 50ms;
  Start(options);
  HttpConnection connection = Connect();
  connection.Send("GET / HTTP/1.1\r\n");
  std::string answer;
  EXPECT_TRUE(Eventually([&] {
    connection.SendSome("A: b\r\n");
    answer += connection.ReadSome(1ms);
    return answer.find("\r\n\r\n") != std::string::npos;
  }));
  EXPECT_THAT(answer, HasSubstr("HTTP/1.1 408 "));
}

TEST_P(RequestsTest, ABodyThatTakesTooLongIsA408) {
  ServerOptions options = TestOptions();
  options.body_deadline = 50ms;
  Start(options);
  HttpConnection connection = Connect();
  connection.Send("POST / HTTP/1.1\r\nHost: t\r\nContent-Length: 10\r\n\r\nabc");
  const HttpAnswer answer = connection.ReadAnswer();
  EXPECT_EQ(answer.status, 408);
  EXPECT_THAT(answer.body, HasSubstr("the body took too long"));
  EXPECT_EQ(server_->Counts().bad_requests, 1u);
}

TEST_P(RequestsTest, AConnectionThatIsIdleTooLongIsClosedWithoutAWord) {
  ServerOptions options = TestOptions();
  options.idle_deadline = 50ms;
  Start(options);
  HttpConnection fresh = Connect();
  EXPECT_TRUE(fresh.IsAtEnd());
  HttpConnection used = Connect();
  used.Send(Get("/echo"));
  EXPECT_EQ(used.ReadAnswer().status, 200);
  EXPECT_TRUE(used.IsAtEnd());
  EXPECT_EQ(server_->Counts().bad_requests, 0u);
}

TEST_P(RequestsTest, AHandlerMayTakeLongerThanEveryDeadline) {
  ServerOptions options = TestOptions();
  options.header_deadline = options.body_deadline = options.idle_deadline = options.write_deadline = 30ms;
  Start(options);
  HttpConnection connection = Connect();
  connection.Send(Get("/later"));
  HttpConnection idle = Connect();
  EXPECT_TRUE(idle.IsAtEnd());  // so the deadlines have passed
  Release();
  EXPECT_EQ(connection.ReadAnswer().status, 200);
}

TEST_P(RequestsTest, AClientThatDoesNotTakeItsAnswerIsClosed) {
  ServerOptions options = TestOptions();
  options.write_deadline = 50ms;
  Start(options);
  HttpConnection connection = Connect();
  connection.Send(Get("/big"));
  ASSERT_TRUE(Eventually([&] { return handled_ == 1; }));
  EXPECT_TRUE(Eventually([&] { return server_->Counts().connections == 0; }));
  const HttpAnswer answer = connection.ReadAnswer();
  EXPECT_EQ(answer.status, 200);
  EXPECT_LT(answer.body.size(), Big().size());  // what the kernels held
}

// Takes an answer in piece by piece, with a pause after each; how much came before the other side ended.
std::size_t ReadSlowly(HttpConnection& connection, std::chrono::milliseconds pause) {
  std::size_t size = 0;
  for (std::string piece = connection.ReadSome(); !piece.empty(); piece = connection.ReadSome()) {
    size += piece.size();
    std::this_thread::sleep_for(pause);
  }
  return size;
}

TEST_F(PlainRequestsTest, AnAnswerThatIsTakenDropByDropIsCutOff) {
  ServerOptions options = TestOptions();
  options.write_deadline = 500ms;
  options.write_bytes_per_second = 1u << 30;
  Start(options);
  HttpConnection connection = Connect();
  connection.ShrinkReceiveBuffer(16 << 10);
  connection.Send(Get("/big", "Connection: close\r\n"));
  EXPECT_LT(ReadSlowly(connection, 2ms), Big().size());
}

TEST_F(PlainRequestsTest, AReaderThatIsSlowAndGoesOnGetsItAll) {
  ServerOptions options = TestOptions();
  options.write_deadline = 500ms;  // passes before it is all read
  options.write_bytes_per_second = 128u << 10;
  Start(options);
  HttpConnection connection = Connect();
  connection.ShrinkReceiveBuffer(64 << 10);
  connection.Send(Get("/big", "Connection: close\r\n"));
  EXPECT_GT(ReadSlowly(connection, 5ms), Big().size());
}

// Promise R6.
TEST_P(RequestsTest, AllAnswersTogetherAreBounded) {
  ServerOptions options = TestOptions();
  options.all_answers_bytes = Big().size() + 1000;
  Start(options);
  HttpConnection first = Connect();
  first.Send(Get("/big-of-its-own", "Connection: close\r\n"));
  ASSERT_EQ(first.ReadHead().status, 200);
  EXPECT_EQ(Ask(Get("/big-of-its-own")).status, 503);
  EXPECT_EQ(Ask(Get("/big-of-its-own")).Header("Retry-After"), "1");
  EXPECT_EQ(Ask(Get("/echo")).status, 200) << "what is small";
  EXPECT_EQ(Ask(Get("/big")).body, Big()) << "what is shared";
  EXPECT_EQ(Ask(Post("/big-of-its-own", "")).body, Big()) << "what may have done something";
  EXPECT_EQ(ReadSlowly(first, 0ms), Big().size());
  EXPECT_TRUE(Eventually([&] { return Ask(Get("/big-of-its-own")).status == 200; })) << "the room was given back";
  HttpConnection gone = Connect();
  gone.Send(Get("/big-of-its-own"));
  gone.Reset();
  EXPECT_TRUE(Eventually([&] { return Ask(Get("/big-of-its-own")).status == 200; }));
}

TEST_P(RequestsTest, ALargeAnswerArrivesWhole) {
  Start();
  HttpConnection connection = Connect();
  connection.Send(Get("/big") + Get("/next"));
  EXPECT_EQ(connection.ReadAnswer().body, Big());
  EXPECT_EQ(connection.ReadAnswer().body, "GET /next ");
}

TEST_F(PlainRequestsTest, BeyondTheBoundConnectionsAreAnswered503AndClosed) {
  ServerOptions options = TestOptions();
  options.connections = 2;
  Start(options);
  {
    HttpConnection first = Connect(), second = Connect();
    first.Send(Get("/echo"));
    EXPECT_EQ(first.ReadAnswer().status, 200);
    second.Send(Get("/echo"));
    EXPECT_EQ(second.ReadAnswer().status, 200);
    HttpConnection third = Connect();
    const HttpAnswer refused = third.ReadAnswer();
    EXPECT_EQ(refused.status, 503);
    EXPECT_EQ(refused.Header("Retry-After"), "1");
    EXPECT_TRUE(third.IsAtEnd());
    EXPECT_EQ(server_->Counts().refused, 1u);
    first.Send(Get("/echo"));
    EXPECT_EQ(first.ReadAnswer().status, 200);  // who is in stays in
  }
  EXPECT_TRUE(Eventually([&] { return Ask(Get("/echo")).status == 200; }));
}

// ---- Listening -------------------------------------------------------------------------------------------------

TEST_F(PlainRequestsTest, AnAddressThatCannotBeHadIsOneClearLine) {
  Start();
  const auto error_of = [&](std::string address, std::uint16_t port) {
    ServerOptions options;
    options.address = std::move(address);
    options.port = port;
    const auto server = Server::Start(options, [](std::shared_ptr<Request>, const Responder&) {});
    return server ? std::string("started") : server.error().message;
  };
  const std::string used = "127.0.0.1:" + std::to_string(server_->port());
  EXPECT_EQ(error_of("127.0.0.1", server_->port()),
            "cannot listen on " + used + ": another process does; stop it or choose another port");
  EXPECT_EQ(error_of("example.org", 1), "cannot listen on example.org:1: not an IP address");
  EXPECT_THAT(error_of("192.0.2.1", 0), HasSubstr("cannot listen on 192.0.2.1:0: "));
}

// ---- Stopping --------------------------------------------------------------------------------------------------

TEST_P(RequestsTest, StoppingFinishesWhatIsUnderWayAndClosesWhatIsIdle) {
  Start();
  HttpConnection busy = Connect();
  busy.Send(Get("/later"));
  // Connections go to the threads in turn: one of them is on the thread of the busy one, and each thread ends its own.
  HttpConnection idle[] = {Connect(), Connect(), Connect()};
  for (HttpConnection& connection : idle) {
    connection.Send(Get("/echo"));
    EXPECT_EQ(connection.ReadAnswer().status, 200);
  }
  ASSERT_TRUE(Eventually([&] { return handled_ == 4; }));
  std::thread stopping([&] { server_->Stop(30s); });
  for (HttpConnection& connection : idle) EXPECT_TRUE(connection.IsAtEnd());
  EXPECT_THROW(HttpConnection(server_->port()), std::runtime_error);  // it accepts no more
  Release();
  const HttpAnswer answer = busy.ReadAnswer();
  EXPECT_EQ(answer.status, 200);
  EXPECT_EQ(answer.Header("Connection"), "close");
  stopping.join();
  EXPECT_EQ(server_->Counts().connections, 0u);
}

// Half a header and half a body, each sent along with a request before it: once that is answered, they have come.
TEST_P(RequestsTest, StoppingDoesNotWaitForTheRestOfARequest) {
  ServerOptions options = TestOptions();
  options.stop_deadline = options.linger_deadline = 20ms;
  Start(options);
  const std::string body = Post("/echo", "whole");
  HttpConnection halves[] = {Connect(), Connect()};
  halves[0].Send(Get("/echo") + "GET /echo HT");
  halves[1].Send(Get("/echo") + body.substr(0, body.size() - 2));
  for (HttpConnection& half : halves) EXPECT_EQ(half.ReadAnswer().status, 200);
  server_->Stop(10s);
  for (HttpConnection& half : halves) {
    const HttpAnswer answer = half.ReadAnswer();
    EXPECT_EQ(answer.status, 503) << answer.fault;
    EXPECT_EQ(answer.Header("Connection"), "close");
    EXPECT_THAT(answer.body, HasSubstr("the server is stopping"));
    EXPECT_TRUE(half.IsAtEnd());
  }
  EXPECT_EQ(handled_, 2);
  EXPECT_EQ(server_->Counts().connections, 0u);
}

TEST_P(RequestsTest, StoppingDoesNotWaitLongerThanItMay) {
  Start();
  HttpConnection connection = Connect();
  connection.Send(Get("/later"));
  ASSERT_TRUE(Eventually([&] { return handled_ == 1; }));
  server_->Stop(20ms);
  EXPECT_TRUE(connection.IsAtEnd());
  Release();  // and its answer goes nowhere
}

TEST_P(RequestsTest, ManyClientsAtOnceAreAllServed) {
  Start();
  std::atomic<int> good{0};
  std::vector<std::thread> clients;
  for (int c = 0; c < 4; ++c) {
    clients.emplace_back([&, c] {
      for (int i = 0; i < 25; ++i) {
        const std::string body = std::to_string(c) + "/" + std::to_string(i);
        good += Ask(Post("/echo", body)).body == "POST /echo " + body ? 1 : 0;
      }
    });
  }
  for (std::thread& client : clients) client.join();
  EXPECT_EQ(good, 100);
}

}  // namespace
}  // namespace guidon::http
