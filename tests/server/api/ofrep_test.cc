// OFREP 0.3 over HTTP: what is answered, and that the specification allows it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <sstream>

#include "net/sse.h"
#include "tests/server/api/api_fixture.h"
#include "tests/server/api/openapi.h"
#include "tests/support/process.h"

namespace guidon {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

constexpr const char* kBulk = "/ofrep/v1/evaluate/flags";
constexpr const char* kAnyone = R"({"context":{"targetingKey":"user-1","country":"DE"}})";

// Flags that show every way in which one can answer.
constexpr std::pair<const char*, const char*> kFlags[] = {
    {"on", R"({"type":"boolean","client":true,"environments":{"production":{"enabled":true,"default":"on"}}})"},
    {"text",
     R"({"type":"string","client":true,"variations":{"a":"A \"quoted\" text","b":"b"},"environments":{"production":
        {"enabled":true,"rules":[{"id":"french","when":{"country":"FR"},"serve":"b"}],"default":"a"}}})"},
    {"number", R"({"type":"number","client":true,"variations":{"a":1.5,"b":7},"environments":{"production":
        {"enabled":true,"rules":[{"when":{"country":"FR"},"serve":"b"}],"default":"a"}}})"},
    {"json", R"({"type":"json","client":true,"variations":{"a":{"x":[1,null,{"y":true}]}},"environments":{"production":
        {"enabled":true,"default":"a"}}})"},
    {"disabled", R"({"type":"string","client":true,"variations":{"a":"A"},"environments":{"production":
        {"enabled":false,"default":"a"}}})"},
    {"needy", R"({"type":"boolean","client":true,"environments":{"production":
        {"enabled":true,"requires":[{"flag":"on","is":"off"}],"default":"on"}}})"},
    {"split", R"({"type":"string","client":true,"variations":{"a":"A","b":"B"},"environments":{"production":
        {"enabled":true,"default":{"serve":{"a":"50%","b":"50%"}}}}})"},
    {"hidden", R"({"type":"boolean","environments":{"production":{"enabled":true,"default":"on"}}})"},
    {"tested", R"({"type":"string","client":true,"variations":{"a":"A","b":"B"},"environments":{"production":
        {"enabled":true,"default":"a"}}})"},
};

class OfrepTest : public ::testing::Test {
 protected:
  explicit OfrepTest(const TestServerOptions& options = {.api = {.version = "0.1.0",
                                                                 .cors_origins = {"https://shop.example"}}})
      : server(options) {
    server.MakeShop();
    for (const auto& [key, definition] : kFlags) Put(key, definition);
    const HttpAnswer made =
        server.Call("PUT", "/api/v1/projects/shop/experiments/exp",
                    {.body = R"({"experiment":"exp","owner":"x","hypothesis":"B is better","flag":"tested",
        "environment":"production","state":"running","unit":"account","variants":{"control":{"serves":"a","weight":"50%"},
        "treated":{"serves":"b","weight":"50%"}},"metrics":{"primary":{"use":"m","expect":"up","detect":"2%"}}})"});
    EXPECT_EQ(made.status, 201) << made.body;
    server_key = server.MakeKey(KeyKind::kServer, "shop", "production");
    client_key = server.MakeKey(KeyKind::kClient, "shop", "production");
  }

  void Put(const std::string& key, const std::string& definition) {
    if (!has_metric_) {
      has_metric_ = true;
      EXPECT_EQ(
          server.Call("PUT", "/api/v1/projects/shop/metrics/m", {.body = R"({"event":"e","type":"count"})"}).status,
          201);
    }
    const HttpAnswer answer =
        server.Call("PUT", "/api/v1/projects/shop/flags/" + key, {.body = R"({"owner":"x",)" + definition.substr(1)});
    EXPECT_TRUE(answer.status == 200 || answer.status == 201) << answer.body;
  }

  // Every answer is kept for the specification.
  HttpAnswer Ask(const std::string& key, const std::string& path, const std::string& body,
                 std::vector<std::pair<std::string, std::string>> headers = {}) {
    HttpAnswer answer = server.Call("POST", path, {.key = key, .body = body, .headers = std::move(headers)});
    const bool is_bulk = path == kBulk || path.starts_with(std::string(kBulk) + "?");
    answers_.emplace_back(Object{{"operation", Value(is_bulk ? "evaluateFlagsBulk" : "evaluateFlag")},
                                 {"status", Value(answer.status)},
                                 {"body", answer.body.empty() ? Value() : TestServer::Body(answer)}});
    if (!answer.body.empty()) {
      EXPECT_EQ(answer.Header("Content-Type"), "application/json");
    }
    return answer;
  }
  HttpAnswer One(const std::string& flag, const std::string& body = kAnyone) {
    return Ask(server_key, std::string(kBulk) + "/" + flag, body);
  }
  static std::string StreamPath(const HttpAnswer& bulk) {
    const Value body = TestServer::Body(bulk);
    const Value* streams = body.Find("eventStreams");
    if (streams == nullptr) return "";
    EXPECT_EQ(TextAt(streams->AsArray()[0], "type"), "sse");
    return TextAt(*streams->AsArray()[0].Find("endpoint"), "requestUri");
  }

  // All of them at once, which starts one process.
  static void TearDownTestSuite() {
    if (answers_.empty()) return;
    const testing::TemporaryFolder folder;
    const std::string path = folder.path() + "/answers.json";
    std::ofstream(path) << ToJson(
        Object{{"openapi", ReadYaml(GUIDON_SOURCE_DIR "/tests/ofrep/openapi.yaml")}, {"answers", Value(answers_)}});
    const testing::Finished checked =
        testing::Run({GUIDON_PYTHON, GUIDON_SOURCE_DIR "/tests/ofrep/check_answers.py", path}, {});
    EXPECT_EQ(checked.exit_code, 0) << checked.output << checked.errors;
  }

  TestServer server;
  std::string server_key, client_key;

 private:
  bool has_metric_ = false;
  inline static Array answers_;
};

TEST_F(OfrepTest, OneFlagAnswersWithTheWordsOfOfrep) {
  struct Case {
    const char* flag;
    const char* context;
    int status;
    const char* answer;  // how it begins
  };
  for (
      const Case& c : {
          Case{"on", "{}", 200, R"({"key":"on","value":true,"reason":"STATIC","variant":"on","metadata":{"revision":)"},
          Case{
              "text", R"({"country":"DE"})", 200,
              R"({"key":"text","value":"A \"quoted\" text","reason":"UNKNOWN","variant":"a","metadata":{"reason":"DEFAULT",)"},
          Case{"text", R"({"targetingKey":"u","country":"FR"})", 200,
               R"({"key":"text","value":"b","reason":"TARGETING_MATCH","variant":"b","metadata":{"rule":"french",)"},
          Case{"number", "{}", 200, R"({"key":"number","value":1.5,"reason":"UNKNOWN")"},
          Case{"number", R"({"country":"FR"})", 200, R"({"key":"number","value":7,"reason":"TARGETING_MATCH")"},
          Case{"json", "{}", 200, R"({"key":"json","value":{"x":[1,null,{"y":true}]},"reason":"STATIC")"},
          Case{"disabled", "{}", 200, R"({"key":"disabled","reason":"DISABLED","metadata":{"revision":)"},
          Case{
              "needy", "{}", 200,
              R"({"key":"needy","value":false,"reason":"UNKNOWN","variant":"off","metadata":{"reason":"PREREQUISITE_FAILED",)"},
          Case{"split", R"({"targetingKey":"u"})", 200, R"({"key":"split","value":)"},
          Case{"split", R"({"key":"u"})", 200, R"({"key":"split","value":)"},
          Case{"split", R"({"targetingKey":null})", 400,
               R"({"key":"split","errorCode":"TARGETING_KEY_MISSING","errorDetails":"flag 'split')"},
          Case{"hidden", "{}", 200, R"({"key":"hidden","value":true,"reason":"STATIC")"},
          Case{"nobody", "{}", 404, R"({"key":"nobody","errorCode":"FLAG_NOT_FOUND","errorDetails":)"},
          Case{"a/b%20c", "{}", 404, R"({"key":"a/b c","errorCode":"FLAG_NOT_FOUND")"},
      }) {
    const HttpAnswer answer = One(c.flag, std::string(R"({"context":)") + c.context + "}");
    EXPECT_EQ(answer.status, c.status) << c.flag;
    EXPECT_THAT(answer.body, ::testing::StartsWith(c.answer));
  }
}

TEST_F(OfrepTest, TheTargetingKeyIsTheKeyWhateverElseIsCalledSo) {
  std::set<std::string> values;
  for (int user = 0; user < 20; ++user) {
    const std::string id = "user-" + std::to_string(user);
    const HttpAnswer mine = One("split", R"({"context":{"key":"other","targetingKey":")" + id + "\"}}");
    EXPECT_EQ(mine.body, One("split", R"({"context":{"targetingKey":")" + id + "\"}}").body);
    values.insert(TextAt(TestServer::Body(mine), "value"));
  }
  EXPECT_EQ(values.size(), 2u);
}

TEST_F(OfrepTest, WhatCannotBeReadIsRefusedInTheSameWords) {
  std::string many = R"({"context":{)";
  for (int i = 0; i < 1'001; ++i) many += (i == 0 ? "\"a" : ",\"a") + std::to_string(i) + "\":1";
  struct Case {
    std::string body;
    const char* code;
  };
  for (const Case& c :
       {Case{"", "PARSE_ERROR"}, Case{"{", "PARSE_ERROR"}, Case{"7", "PARSE_ERROR"},
        Case{R"({"context":{"a":1,"a":2}})", "PARSE_ERROR"}, Case{"{}", "INVALID_CONTEXT"},
        Case{R"({"context":[]})", "INVALID_CONTEXT"}, Case{R"({"context":{"targetingKey":7}})", "INVALID_CONTEXT"},
        Case{many + "}}", "INVALID_CONTEXT"},
        Case{R"({"context":{"a":")" + std::string(70'000, 'x') + "\"}}", "INVALID_CONTEXT"}}) {
    SCOPED_TRACE(c.body.substr(0, 60));
    const HttpAnswer one = One("on", c.body), all = Ask(server_key, kBulk, c.body);
    EXPECT_EQ(one.status, 400);
    EXPECT_EQ(all.status, 400);
    EXPECT_EQ(TextAt(TestServer::Body(one), "errorCode"), c.code);
    EXPECT_EQ(TextAt(TestServer::Body(one), "key"), "on");
    EXPECT_EQ(TextAt(TestServer::Body(all), "errorCode"), c.code);
  }
}

TEST_F(OfrepTest, WhoMayNotHearsWhy) {
  const HttpAnswer unknown = Ask("-", kBulk, kAnyone), admin = Ask(server.admin(), kBulk, kAnyone);
  EXPECT_EQ(unknown.status, 401);
  EXPECT_EQ(unknown.Header("WWW-Authenticate"), "Bearer");
  EXPECT_THAT(unknown.body, ::testing::StartsWith(R"({"errorDetails":"the request has no key)"));
  EXPECT_EQ(admin.status, 403);
  EXPECT_EQ(server.Call("POST", kBulk, {.key = "-", .body = kAnyone, .headers = {{"X-API-Key", client_key}}}).status,
            200);
}

TEST_F(OfrepTest, AClientKeySeesFlagsForClientsOnly) {
  const HttpAnswer all = Ask(client_key, kBulk, kAnyone);
  EXPECT_EQ(all.status, 200);
  EXPECT_THAT(all.body, Not(HasSubstr("hidden")));
  EXPECT_THAT(all.body, HasSubstr(R"({"key":"on","value":true,"reason":"STATIC","variant":"on"})"));
  EXPECT_EQ(Ask(client_key, std::string(kBulk) + "/hidden", kAnyone).status, 404);
  EXPECT_EQ(Ask(client_key, std::string(kBulk) + "/on", kAnyone).status, 200);
  EXPECT_THAT(Ask(server_key, kBulk, kAnyone).body, HasSubstr("hidden"));
  // Rules have names that are nobody's business.
  const std::string french = R"({"context":{"targetingKey":"u","country":"FR"}})";
  EXPECT_THAT(Ask(client_key, std::string(kBulk) + "/text", french).body, Not(HasSubstr("french")));
  // A flag that fails is one in the list; the others are there.
  EXPECT_THAT(Ask(client_key, kBulk, R"({"context":{}})").body,
              HasSubstr(R"({"key":"split","errorCode":"TARGETING_KEY_MISSING")"));
}

TEST_F(OfrepTest, TheTagMovesWithWhatIsAnsweredAndWithNothingElse) {
  const HttpAnswer first = Ask(client_key, kBulk, kAnyone);
  const std::string tag = first.Header("ETag");
  const auto again = [&](const std::string& body) { return Ask(client_key, kBulk, body, {{"If-None-Match", tag}}); };
  const HttpAnswer same = again(kAnyone);
  EXPECT_EQ(same.status, 304);
  EXPECT_EQ(same.body, "");
  EXPECT_EQ(same.Header("ETag"), tag);
  EXPECT_EQ(Ask(client_key, kBulk, kAnyone, {{"If-None-Match", "W/" + tag}}).status, 304);  // a proxy compressed it
  EXPECT_EQ(again(R"({"context":{"targetingKey":"user-1","country":"FR"}})").status, 200);  // the same key
  server.PutFlag("hidden", "off");
  EXPECT_EQ(again(kAnyone).status, 304);
  server.PutFlag("shown");
  EXPECT_EQ(again(kAnyone).status, 304);
  Put("on", R"({"type":"boolean","client":true,"environments":{"production":{"enabled":true,"default":"off"}}})");
  const HttpAnswer changed = again(kAnyone);
  EXPECT_EQ(changed.status, 200);
  EXPECT_NE(changed.Header("ETag").substr(0, 33), tag.substr(0, 33));
  server.SetNow(1'798'761'600'000 + 3'600'000);  // who only polls never used its ticket, and needs no other
  EXPECT_EQ(Ask(client_key, kBulk, kAnyone, {{"If-None-Match", changed.Header("ETag")}}).status, 304);
  EXPECT_EQ(Ask(client_key, kBulk, kAnyone, {{"If-None-Match", "\"x\""}}).status, 200);
}

// --- exposures -----------------------------------------------------------------------------------------------------

TEST_F(OfrepTest, OneFlagRecordsItsExposureOnceAndAllFlagsNone) {
  const std::string path = std::string(kBulk) + "/tested";
  const std::string body = R"({"context":{"targetingKey":"u","account":"acct-17","country":"DE","tags":["x"]}})";
  Ask(client_key, kBulk, body);
  const Value answer = TestServer::Body(Ask(client_key, path, body));
  EXPECT_EQ(TextAt(answer, "reason"), "SPLIT");
  EXPECT_EQ(TextAt(*answer.Find("metadata"), "experiment"), "exp");
  Ask(client_key, path, body);
  Ask(server_key, path, R"({"context":{"targetingKey":"u"}})");  // no unit: no exposure
  Ask(server_key, path, R"({"context":{"targetingKey":"v","account":"acct-18"}})");
  std::string events;
  const auto count = [&] {
    events = server.Call("GET", "/api/v1/projects/shop/environments/production/events").body;
    std::size_t n = 0;
    for (std::size_t at = events.find("\"type\":\"exposure\""); at != events.npos; ++n) {
      at = events.find("\"type\":\"exposure\"", at + 1);
    }
    return n;
  };
  EXPECT_TRUE(testing::Eventually([&] { return count() >= 2; }));
  EXPECT_EQ(count(), 2u) << events;
  const std::string variant = TextAt(*answer.Find("metadata"), "variant");
  EXPECT_THAT(events, HasSubstr(R"("flag":"tested","experiment":"exp","iteration":1,"variant":")" + variant +
                                R"(","role":"assigned","unit_attribute":"account","unit":"acct-17","bucket":)"));
  EXPECT_THAT(events, HasSubstr(R"("context":{"key":"u",)"));
  EXPECT_THAT(events, Not(HasSubstr("tags")));
  EXPECT_THAT(events, HasSubstr("\"epoch\":\"" + server.store().Epoch() + "\""));
  // What the server writes is what it takes.
  std::istringstream lines(events);
  for (std::string line; std::getline(lines, line);) {
    const Result<EventBatch> batch = ReadBatch(line, Timestamp(std::chrono::milliseconds(1'798'761'600'000)));
    ASSERT_TRUE(batch) << line;
    EXPECT_EQ(batch->counts.Rejected(), 0u) << batch->first_rejected[0].message;
  }
}

// --- event streams -------------------------------------------------------------------------------------------------

// An EventSource: no header but those of HTTP.
class Events {
 public:
  Events(TestServer& server, const std::string& path, const std::string& headers = "") : connection_(server.port()) {
    connection_.Send("GET " + path + " HTTP/1.1\r\nHost: localhost\r\n" + headers + "\r\n");
    head_ = connection_.ReadHead();
  }
  int status() const { return head_.status; }
  const HttpAnswer& head() const { return head_; }
  // False when the stream ends, or nothing comes.
  bool WaitForRefetches(int count) {
    while (refetches_ < count) {
      const std::string bytes = connection_.ReadSome(testing::kPatience);
      if (bytes.empty()) return false;
      raw_ += bytes;
      parser_.Feed(bytes, [this](const net::SseEvent& event) {
        EXPECT_EQ(event.type, "message");
        const Result<Value> data = ParseJson(event.data);
        if (data && TextAt(*data, "type") == "refetchEvaluation") ++refetches_;
      });
    }
    return true;
  }
  int refetches() const { return refetches_; }
  const net::SseParser& parser() const { return parser_; }
  bool IsAtEnd() { return connection_.IsAtEnd(); }
  const std::string& raw() const { return raw_; }

 private:
  HttpConnection connection_;
  HttpAnswer head_;
  net::SseParser parser_;
  std::string raw_;
  int refetches_ = 0;
};

TEST_F(OfrepTest, AStreamSaysThatSomethingChanged) {
  const std::string path = StreamPath(Ask(client_key, kBulk, kAnyone));
  EXPECT_THAT(path, Not(HasSubstr("gdn_")));
  server.PutFlag("hidden", "off");  // between the answer and the stream
  Events events(server, path, "Origin: https://shop.example\r\n");
  EXPECT_EQ(events.status(), 200);
  EXPECT_EQ(events.head().Header("Content-Type"), "text/event-stream");
  EXPECT_EQ(events.head().Header("Access-Control-Allow-Origin"), "https://shop.example");
  ASSERT_TRUE(events.WaitForRefetches(1));
  server.PutFlag("hidden", "on");
  ASSERT_TRUE(events.WaitForRefetches(2));
  // With a key, where the other side can send one; from where it was.
  Events with_key(server, "/ofrep/v1/events", "X-API-Key: " + server_key + "\r\n");
  Events resumed(server, "/ofrep/v1/events",
                 "X-API-Key: " + server_key + "\r\nLast-Event-ID: " + server.store().Epoch() + "-2\r\n");
  ASSERT_TRUE(resumed.WaitForRefetches(1));
  server.PutFlag("hidden", "off");
  ASSERT_TRUE(with_key.WaitForRefetches(1));
  EXPECT_EQ(with_key.parser().last_id(), server.store().Epoch() + "-" + std::to_string(server.head()));
  // Counted by themselves: pages that people close are no applications that were lost.
  EXPECT_EQ(server.Metric("guidon_ofrep_stream_clients"), "3");
  EXPECT_EQ(server.Metric("guidon_ofrep_streams_opened_total{reason=\"fresh\"}"), "2");
  EXPECT_EQ(server.Metric("guidon_stream_clients"), "0");
}

TEST_F(OfrepTest, ATicketOpensOneStreamWithinHalfAMinute) {
  const std::string path = StreamPath(Ask(client_key, kBulk, kAnyone));
  EXPECT_EQ(Events(server, path + "0").status(), 401);
  EXPECT_EQ(Events(server, "/ofrep/v1/events?ticket=gdn_cli_x").status(), 401);
  EXPECT_EQ(Events(server, "/ofrep/v1/events").status(), 401);
  Events events(server, path);
  EXPECT_EQ(events.status(), 200);
  EXPECT_EQ(Events(server, path).status(), 401);
  EXPECT_EQ(server.Call("GET", path.substr(0, path.find('?')) + "?ticket=x", {.key = client_key}).status, 401);
  EXPECT_EQ(server.Call("POST", std::string(kBulk) + path.substr(path.find('?')), {.key = "-", .body = kAnyone}).status,
            401);  // it opens nothing else
  const std::string late = StreamPath(Ask(client_key, kBulk, kAnyone));
  server.SetNow(1'798'761'600'000 + 30'000);
  EXPECT_EQ(Events(server, late).status(), 401);
}

TEST_F(OfrepTest, WhoLostItsStreamGetsATicketAlthoughItsFlagsAreTheSame) {
  const HttpAnswer first = Ask(client_key, kBulk, kAnyone);
  const std::string path = StreamPath(first), tag = first.Header("ETag");
  const auto again = [&](const std::string& held) {
    return Ask(client_key, kBulk, kAnyone, {{"If-None-Match", held}});
  };
  {
    Events events(server, path);
    EXPECT_EQ(events.status(), 200);
    EXPECT_EQ(again(tag).status, 304);
    // What is new goes out with the address of the stream that is open.
    Put("on", R"({"type":"boolean","client":true,"environments":{"production":{"enabled":true,"default":"off"}}})");
    EXPECT_EQ(StreamPath(again(tag)), path);
    Put("on", R"({"type":"boolean","client":true,"environments":{"production":{"enabled":true,"default":"on"}}})");
    EXPECT_EQ(again(tag).status, 304);
  }
  // It comes again as an EventSource does, with what it has, and is refused for good.
  EXPECT_EQ(Events(server, path).status(), 401);
  HttpAnswer fresh;
  EXPECT_TRUE(testing::Eventually([&] { return (fresh = again(tag)).status == 200; }));
  EXPECT_EQ(fresh.body.substr(0, fresh.body.find("eventStreams")),
            first.body.substr(0, first.body.find("eventStreams")));
  EXPECT_NE(StreamPath(fresh), path);
  EXPECT_EQ(again(fresh.Header("ETag")).status, 304);
  EXPECT_EQ(Events(server, StreamPath(fresh)).status(), 200);
  // Of another process: unknown here, and tried in vain.
  const std::string other = tag.substr(0, 34) + "0123456789abcdef\"";
  EXPECT_EQ(again(other).status, 304);
  EXPECT_EQ(Events(server, "/ofrep/v1/events?ticket=0123456789abcdef.0.0.x.0").status(), 401);
  EXPECT_EQ(again(other).status, 200);
}

// So that nobody is told by a tick.
class OfrepWithoutTicksTest : public OfrepTest {
 protected:
  OfrepWithoutTicksTest() : OfrepTest({.tick = std::chrono::hours(1)}) {}
};

TEST_F(OfrepWithoutTicksTest, ARevokedKeyEndsItsStreams) {
  const HttpAnswer made =
      server.Call("POST", "/api/v1/projects/shop/keys", {.body = R"({"kind":"client","environment":"production"})"});
  const std::string key = TextAt(TestServer::Body(made), "key"), id = TextAt(TestServer::Body(made), "id");
  Events events(server, StreamPath(Ask(key, kBulk, kAnyone)));
  EXPECT_EQ(events.status(), 200);
  const std::string unused = StreamPath(Ask(key, kBulk, kAnyone));
  EXPECT_EQ(server.Call("DELETE", "/api/v1/projects/shop/keys/" + id).status, 200);
  EXPECT_FALSE(events.WaitForRefetches(1));
  EXPECT_TRUE(events.IsAtEnd());
  EXPECT_EQ(Events(server, unused).status(), 401);
  EXPECT_TRUE(testing::Eventually([&] { return server.Metric("guidon_ofrep_stream_clients") == "0"; }));
  EXPECT_EQ(server.Metric("guidon_ofrep_streams_closed_total{reason=\"revoked\"}"), "1");
}

// --- pages of other origins ----------------------------------------------------------------------------------------

TEST_F(OfrepTest, PagesOfListedOriginsMayCall) {
  const auto preflight = [&](const std::string& path, const std::string& origin) {
    return server.Call("OPTIONS", path,
                       {.key = "-",
                        .headers = {{"Origin", origin},
                                    {"Access-Control-Request-Method", "POST"},
                                    {"Access-Control-Request-Headers", "authorization,content-type,if-none-match"}}});
  };
  for (const char* path : {kBulk, "/ofrep/v1/evaluate/flags/on", "/sdk/v1/events"}) {
    const HttpAnswer allowed = preflight(path, "https://shop.example");
    EXPECT_EQ(allowed.status, 204);
    EXPECT_EQ(allowed.Header("Access-Control-Allow-Origin"), "https://shop.example");
    EXPECT_EQ(allowed.Header("Access-Control-Allow-Methods"), "POST");
    EXPECT_THAT(allowed.Header("Access-Control-Allow-Headers"), HasSubstr("Authorization"));
    EXPECT_THAT(allowed.Header("Access-Control-Allow-Headers"), HasSubstr("If-None-Match"));
    EXPECT_EQ(allowed.Header("Vary"), "Origin");
    const HttpAnswer denied = preflight(path, "https://shop.example.net");
    EXPECT_EQ(denied.status, 403);
    EXPECT_EQ(denied.Header("Access-Control-Allow-Origin"), "");
    EXPECT_THAT(denied.body, HasSubstr("cors-origins"));
  }
  const HttpAnswer answer = Ask(client_key, kBulk, kAnyone, {{"Origin", "https://shop.example"}});
  EXPECT_EQ(answer.Header("Access-Control-Allow-Origin"), "https://shop.example");
  EXPECT_THAT(answer.Header("Access-Control-Expose-Headers"), HasSubstr("ETag"));
  EXPECT_EQ(answer.Header("Vary"), "Origin");
  // A page has to be able to read that its key is wrong.
  EXPECT_EQ(Ask("-", kBulk, kAnyone, {{"Origin", "https://shop.example"}}).Header("Access-Control-Allow-Origin"),
            "https://shop.example");
  const HttpAnswer other = Ask(client_key, kBulk, kAnyone, {{"Origin", "http://shop.example"}});
  EXPECT_EQ(other.status, 200);
  EXPECT_EQ(other.Header("Access-Control-Allow-Origin"), "");
  EXPECT_EQ(server.Call("GET", "/api/v1/projects", {.headers = {{"Origin", "https://shop.example"}}})
                .Header("Access-Control-Allow-Origin"),
            "");
}

TEST(OfrepCorsTest, NobodyMayCallUnlessTheSettingSaysSo) {
  for (const std::vector<std::string>& origins : {std::vector<std::string>(), std::vector<std::string>{"*"}}) {
    TestServer server({.api = {.version = "0.1.0", .cors_origins = origins}});
    server.MakeShop();
    const HttpAnswer answer = server.Call("POST", kBulk,
                                          {.key = server.MakeKey(KeyKind::kClient, "shop", "production"),
                                           .body = kAnyone,
                                           .headers = {{"Origin", "https://anywhere.example"}}});
    EXPECT_EQ(answer.status, 200);
    EXPECT_EQ(answer.Header("Access-Control-Allow-Origin"), origins.empty() ? "" : "https://anywhere.example");
  }
}

}  // namespace
}  // namespace guidon
