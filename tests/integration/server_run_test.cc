// guidond at work, seen from outside: what it logs and measures, what it refuses, how it stops.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <csignal>

#include <algorithm>
#include <atomic>
#include <cctype>
#include <cstdlib>
#include <ctime>
#include <map>
#include <regex>
#include <set>
#include <sstream>
#include <thread>

#include "core/base/json.h"
#include "core/base/json_record.h"
#include "tests/support/guidond.h"
#include "tests/support/sdk_stream.h"

namespace guidon::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

constexpr const char* kProject = R"({"project": "shop", "environments": {"production": {}}})";
constexpr const char* kFlag =
    R"({"flag": "banner", "type": "boolean", "environments": {"production": {"enabled": true, "default": "on"}}})";

constexpr std::string_view kNamelessFlag =
    R"({"type": "boolean", "owner": "x", "environments": {"production": {"enabled": true, "default": "on"}}})";

// A server with a project, an environment and a key for it.
class ServerRunTest : public ::testing::Test {
 protected:
  void Start(GuidondOptions options = {}) {
    server_ = std::make_unique<Guidond>(std::move(options));
    const HttpAnswer created = server_->Call("POST", "/api/v1/projects", {.body = kProject});
    ASSERT_EQ(created.status, 201) << created.body;
    sdk_key_ = server_->CreateSdkKey("shop", "production");
  }
  HttpAnswer PutFlag(const std::string& body = kFlag) {
    return server_->Call("PUT", "/api/v1/projects/shop/flags/banner", {.body = body});
  }

  std::unique_ptr<Guidond> server_;
  std::string sdk_key_;
};

// ---- Stopping --------------------------------------------------------------------------------------------------

class StopTest : public ServerRunTest, public ::testing::WithParamInterface<int> {};
INSTANTIATE_TEST_SUITE_P(Signals, StopTest, ::testing::Values(SIGTERM, SIGINT));

TEST_P(StopTest, StreamsAreToldGoodbyeAndTheProcessEndsWithZero) {
  Start();
  ASSERT_EQ(PutFlag().status, 201);
  SdkStream stream(server_->port(), sdk_key_), other(server_->port(), sdk_key_);
  for (SdkStream* each : {&stream, &other}) {
    ASSERT_TRUE(each->ReadUntil([&] { return each->client().snapshots() == 1; })) << each->fault();
  }
  server_->process().Signal(GetParam());
  for (SdkStream* each : {&stream, &other}) {
    EXPECT_TRUE(each->ReadToEnd()) << each->fault();
    EXPECT_EQ(each->client().goodbye(), "shutdown");
  }
  EXPECT_EQ(server_->process().WaitForExit(), 0);
  EXPECT_THAT(server_->Log(), HasSubstr("msg=stopped"));
}

TEST_F(ServerRunTest, AClientThatDoesNotReadDoesNotKeepItFromStopping) {
  Start({.arguments = {"--stop-seconds", "1"}});
  // Far more than sockets hold.
  for (int i = 0; i < 3; ++i) {
    const std::string flag = R"({"flag": "f)" + std::to_string(i) + R"(", "type": "string", "variations": {"a": ")" +
                             std::string(1'000'000, 'x') + R"(", "b": "b"}})";
    const HttpAnswer put = server_->Call("PUT", "/api/v1/projects/shop/flags/f" + std::to_string(i), {.body = flag});
    if (put.status == 422) break;  // a bound on values; then the snapshot stays small, which is as well
    ASSERT_EQ(put.status, 201) << put.body;
  }
  SdkStream stalled(server_->port(), sdk_key_);
  EXPECT_EQ(stalled.status(), 200);
  EXPECT_EQ(server_->Stop(), 0);
}

TEST_F(ServerRunTest, WhatWasAcknowledgedBeforeAStopIsThereAfterTheNextStart) {
  Start();
  ASSERT_EQ(PutFlag().status, 201);
  EXPECT_EQ(server_->Stop(), 0);
  server_->Start();
  EXPECT_EQ(server_->Call("GET", "/api/v1/projects/shop/flags/banner").status, 200);
  SdkStream stream(server_->port(), sdk_key_);
  EXPECT_TRUE(stream.ReadUntil([&] { return stream.client().snapshots() == 1; })) << stream.fault();
}

// The time between two steps is the least there is: it is killed between them, and in the middle.
TEST_F(ServerRunTest, ARampGoesOnAfterEachKillWithTheNextStepAndEndsWithNoneLeftOutOrTakenTwice) {
  constexpr int kSteps = 9;
  Start();
  std::string steps;
  for (int i = 1; i < kSteps; ++i) steps += R"({"at":")" + std::to_string(i) + R"(%","hold":"1ms"},)";
  ASSERT_EQ(PutFlag(R"({"type":"boolean","owner":"x","environments":{"production":{"enabled":true,"default":"off",)"
                    R"("rules":[{"id":"slow","serve":"on","ramp":[{"at":"10%","hold":"1h"},{"at":"20%"}]},)"
                    R"({"id":"beta","serve":"on","ramp":[)" +
                    steps + R"({"at":"100%"}]}]}}})")
                .status,
            201);
  const auto ramps = [&] {
    const Result<Value> body =
        ParseJson(server_->Call("GET", "/api/v1/projects/shop/environments/production/flags/banner/ramps").body);
    return body ? body->Find("ramps")->AsArray() : Array();
  };
  const std::string slow = ToJson(ramps().at(0));
  const auto at = [&] { return std::atoi(ramps().at(1).Find("at")->AsString().c_str()); };
  const auto comes_to = [&](int percent) { return Eventually([&] { return at() >= percent; }); };
  for (const int seen : {2, 5, 7}) {
    ASSERT_TRUE(comes_to(seen)) << server_->Log();
    server_->Kill();
    server_->Start();
  }
  ASSERT_TRUE(comes_to(100)) << server_->Log();
  EXPECT_EQ(ToJson(ramps().at(0)), slow) << "its hold goes on, whatever restarts";
  std::string taken;
  const Result<Value> audit =
      ParseJson(server_->Call("GET", "/api/v1/projects/shop/audit?action=ramp.step&limit=100").body);
  ASSERT_TRUE(audit);
  for (const Value& entry : audit->Find("entries")->AsArray()) {
    EXPECT_EQ(entry.Find("principal")->AsString(), "system:ramp");
    taken = entry.Find("comment")->AsString() + "\n" + taken;
  }
  std::string expected;
  for (int i = 1; i < kSteps; ++i) {
    expected += "rule beta in production: " + std::to_string(i) + "% to " +
                (i + 1 < kSteps ? std::to_string(i + 1) : "100") + "%\n";
  }
  EXPECT_EQ(taken, expected);
}

TEST_F(ServerRunTest, TheRampOfAnExperimentGoesOnAfterEachKillAtItsStepAndWithTheHoldThatWasKept) {
  constexpr int kSteps = 9;
  Start();
  std::string steps;
  for (int i = 1; i < kSteps; ++i) steps += R"({"at":")" + std::to_string(i) + R"(%","hold":"1ms"},)";
  const auto put = [&](const std::string& key, const std::string& ramp) {
    const std::string experiment = R"({"owner":"x","flag":")" + key +
                                   R"(","environment":"production","unit":"key","state":"running",)"
                                   R"("variants":{"control":{"serves":"off","weight":"50%"},)"
                                   R"("one":{"serves":"on","weight":"50%"}},"ramp":[)" +
                                   ramp + "]}";
    const std::string flag =
        R"({"type":"boolean","owner":"x","environments":{"production":{"enabled":true,"default":"off"}}})";
    ASSERT_EQ(server_->Call("PUT", "/api/v1/projects/shop/flags/" + key, {.body = flag}).status, 201);
    const HttpAnswer made = server_->Call("PUT", "/api/v1/projects/shop/experiments/" + key, {.body = experiment});
    ASSERT_EQ(made.status, 201) << made.body;
  };
  put("slow", R"({"at":"10%","hold":"1ms"},{"at":"20%","hold":"1h"},{"at":"30%"})");
  put("fast", steps + R"({"at":"100%"})");
  const auto status = [&](const std::string& key) {
    const Result<Value> body =
        ParseJson(server_->Call("GET", "/api/v1/projects/shop/experiments/" + key + "/status").body);
    return body ? *body : Value();
  };
  const auto ramp = [&](const std::string& key) {
    const Value of_it = status(key);
    const Value* found = of_it.Find("ramp");
    return found == nullptr ? Value() : *found;
  };
  const auto at = [&](const std::string& key) { return std::atoi(TextOf(ramp(key), "at").c_str()); };
  const auto comes_to = [&](const std::string& key, int percent) {
    return Eventually([&] { return at(key) >= percent; });
  };
  ASSERT_TRUE(comes_to("slow", 20)) << server_->Log();
  const Value slow = ramp("slow");
  ASSERT_FALSE(TextOf(slow, "since").empty()) << ToJson(slow);
  for (const int seen : {2, 5, 7}) {
    ASSERT_TRUE(comes_to("fast", seen)) << server_->Log();
    server_->Kill();
    server_->Start();
    EXPECT_EQ(ToJson(ramp("slow")), ToJson(slow)) << "its hold goes on from where it was, whatever restarts";
  }
  ASSERT_TRUE(comes_to("fast", 100)) << server_->Log();
  EXPECT_EQ(ToJson(ramp("slow")), ToJson(slow));
  std::string taken, expected;
  const Result<Value> audit =
      ParseJson(server_->Call("GET", "/api/v1/projects/shop/audit?action=experiment.ramp_step&limit=100").body);
  ASSERT_TRUE(audit);
  for (const Value& entry : ListIn(*audit, "entries")) {
    EXPECT_EQ(TextOf(entry, "principal"), "system:experiment");
    const std::string comment = TextOf(entry, "comment");
    if (comment != "ramp: 10% to 20%") taken = comment + "\n" + taken;
  }
  std::string at_each = "1%";
  for (int i = 1; i < kSteps; ++i) {
    const std::string next = i + 1 < kSteps ? std::to_string(i + 1) + "%" : "100%";
    expected += "ramp: " + std::to_string(i) + "% to " + next + "\n";
    at_each += " " + next;
  }
  EXPECT_EQ(taken, expected) << "none left out, none twice";
  // Of one iteration, and each step at a time of its own.
  const Value fast = status("fast");
  ASSERT_EQ(ListIn(fast, "iterations").size(), 1u);
  std::string kept, before;
  for (const Value& step : ListIn(ListIn(fast, "iterations").front(), "steps")) {
    kept += (kept.empty() ? "" : " ") + TextOf(step, "at");
    EXPECT_LT(before, TextOf(step, "from"));
    before = TextOf(step, "from");
  }
  EXPECT_EQ(kept, at_each);
}

// ---- Bodies ----------------------------------------------------------------------------------------------------

TEST_F(ServerRunTest, ABodyOfMoreThanFourMebibytesIsRefusedBeforeItIsRead) {
  Start();
  const std::string path = "/api/v1/projects/shop/flags/banner";
  HttpConnection connection(server_->port());
  connection.Send("PUT " + path + " HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer " + server_->admin_key() +
                  "\r\nContent-Type: application/json\r\nContent-Length: 4194305\r\n\r\n");
  const HttpAnswer refused = connection.ReadAnswer();  // no byte of the body was sent
  EXPECT_EQ(refused.status, 413) << refused.fault;
  EXPECT_EQ(refused.Header("Content-Type"), "application/problem+json");
  EXPECT_EQ(server_->Call("GET", path).status, 404);

  // One that ends at the bound is read, and found wanting for what it says.
  const HttpAnswer read = PutFlag("\"" + std::string((4u << 20) - 2, 'x') + "\"");
  EXPECT_EQ(read.status / 100, 4);
  EXPECT_NE(read.status, 413);
}

// ---- What operators ask ----------------------------------------------------------------------------------------

TEST_F(ServerRunTest, LiveAndReadyAreForEverybodyAndSayWhatIsGoingOn) {
  Start();
  HttpCallOptions nobody;
  nobody.key = "none";
  const HttpAnswer live = server_->Call("GET", "/livez", nobody);
  EXPECT_EQ(live.status, 200);
  EXPECT_EQ(live.body, "ok\n");
  EXPECT_EQ(server_->Call("HEAD", "/livez", nobody).status, 200);
  const HttpAnswer ready = server_->Call("GET", "/readyz", nobody);
  EXPECT_EQ(ready.status, 200);
  const Result<Value> body = ParseJson(ready.body);
  ASSERT_TRUE(body) << ready.body;
  EXPECT_EQ(body->Find("ready")->AsBool(), true);
  EXPECT_EQ(body->Find("writable")->AsBool(), true);
  EXPECT_TRUE(body->Find("revision")->is_number());
}

TEST_F(ServerRunTest, ThereIsNothingAndThisIsNotPossibleAreSaidWithTheirHeaders) {
  Start();
  const HttpAnswer nothing = server_->Call("GET", "/nothing/here");
  EXPECT_EQ(nothing.status, 404);
  EXPECT_THAT(nothing.body, HasSubstr("/nothing/here"));
  EXPECT_NE(nothing.Header("X-Request-Id"), "");
  const HttpAnswer method = server_->Call("DELETE", "/api/v1/projects");
  EXPECT_EQ(method.status, 405);
  EXPECT_EQ(method.Header("Allow"), "GET, HEAD, POST");
  EXPECT_EQ(server_->Call("GET", "/api/v1/projects/%zz").status, 400);
}

// ---- Metrics ---------------------------------------------------------------------------------------------------

struct Sample {
  std::string name;
  std::map<std::string, std::string> labels;
  double value = 0;
};

// Reads the Prometheus text format strictly; what is wrong goes to `faults`.
std::vector<Sample> ReadMetrics(const std::string& text, std::vector<std::string>& faults) {
  static const std::regex kComment("# (HELP|TYPE) ([a-zA-Z_:][a-zA-Z0-9_:]*) (.+)");
  static const std::regex kLine(R"re(([a-zA-Z_:][a-zA-Z0-9_:]*)(\{(.*)\})? (\S+))re");
  static const std::regex kLabel(R"re(([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\["\\n])*)"(,|$))re");
  std::vector<Sample> samples;
  std::set<std::string> helped, finished, series;
  std::map<std::string, std::string> types;
  std::string family;  // whose lines these are
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    std::smatch found;
    if (std::regex_match(line, found, kComment)) {
      const std::string name = found[2];
      if (found[1] == "HELP" && !helped.insert(name).second) faults.push_back("HELP twice: " + name);
      if (found[1] == "TYPE" && !types.emplace(name, found[3]).second) faults.push_back("TYPE twice: " + name);
      if (name != family && !finished.insert(name).second) faults.push_back("not together: " + name);
      family = name;
      continue;
    }
    if (!std::regex_match(line, found, kLine)) {
      faults.push_back("not a line: " + line);
      continue;
    }
    Sample sample;
    sample.name = found[1];
    std::string labels = found[3];
    for (std::smatch label; !labels.empty(); labels = label.suffix()) {
      if (!std::regex_search(labels, label, kLabel, std::regex_constants::match_continuous)) {
        faults.push_back("bad labels: " + line);
        break;
      }
      sample.labels[label[1]] = label[2];
    }
    std::size_t used = 0;
    const std::string number = found[4];
    sample.value = number == "+Inf" || number == "NaN" ? 0 : std::stod(number, &used);
    if (used != number.size() && number != "+Inf" && number != "NaN") faults.push_back("bad number: " + line);
    if (!series.insert(line.substr(0, line.rfind(' '))).second) faults.push_back("twice: " + line);
    const std::string type = types[family];
    const std::string rest = sample.name.starts_with(family) ? sample.name.substr(family.size()) : "?";
    const bool of_histogram = type == "histogram" && (rest == "_bucket" || rest == "_sum" || rest == "_count");
    if (!of_histogram && !(type != "histogram" && rest.empty())) faults.push_back("not of " + family + ": " + line);
    if (type == "counter" && !family.ends_with("_total")) faults.push_back("a counter without _total: " + family);
    samples.push_back(std::move(sample));
  }
  for (const auto& [name, type] : types) {
    if (!helped.contains(name)) faults.push_back("no HELP: " + name);
  }
  if (text.empty() || text.back() != '\n') faults.push_back("the last line has no end");
  return samples;
}

TEST_F(ServerRunTest, MetricsAreWellFormedAndCountWhatHappens) {
  Start();
  std::vector<Sample> samples;
  const auto read = [&] {
    const HttpAnswer answer = HttpCall(server_->port(), "GET", "/metrics");
    EXPECT_EQ(answer.status, 200);
    EXPECT_THAT(answer.Header("Content-Type"), HasSubstr("text/plain; version=0.0.4"));
    std::vector<std::string> faults;
    samples = ReadMetrics(answer.body, faults);
    EXPECT_THAT(faults, ::testing::IsEmpty());
  };
  const auto value = [&](const std::string& name, const std::map<std::string, std::string>& labels = {}) {
    for (const Sample& sample : samples) {
      if (sample.name == name && sample.labels == labels) return sample.value;
    }
    ADD_FAILURE() << "no " << name;
    return -1.0;
  };
  const std::map<std::string, std::string> puts = {{"route", "putFlag"}, {"status", "2xx"}};
  const std::map<std::string, std::string> strangers = {{"route", "none"}, {"status", "4xx"}};
  read();
  const double revision = value("guidon_revision"), commits = value("guidon_commit_seconds_count"),
               fsyncs = value("guidon_fsync_seconds_count"), requests = value("guidon_http_request_seconds_count");
  EXPECT_EQ(value("guidon_http_requests_total", puts), 0);
  EXPECT_EQ(value("guidon_stream_clients"), 0);
  EXPECT_GT(fsyncs, 0);

  ASSERT_EQ(PutFlag().status, 201);
  server_->Call("GET", "/nothing");
  SdkStream stream(server_->port(), sdk_key_);
  HttpConnection bad(server_->port());
  bad.Send("nonsense\r\n\r\n");
  EXPECT_EQ(bad.ReadAnswer().status, 400);
  read();
  EXPECT_EQ(value("guidon_http_requests_total", puts), 1);
  EXPECT_EQ(value("guidon_http_requests_total", strangers), 1);
  EXPECT_EQ(value("guidon_revision"), revision + 1);
  EXPECT_EQ(value("guidon_commit_seconds_count"), commits + 1);
  EXPECT_GT(value("guidon_commit_seconds_sum"), 0);
  EXPECT_GE(value("guidon_group_transactions_sum"), revision + 1);
  EXPECT_EQ(value("guidon_init_slots"), 64);
  EXPECT_EQ(value("guidon_init_queue_waiting"), 0);
  EXPECT_GE(value("guidon_fsync_seconds_count"), fsyncs + 2);  // the log and the head record
  EXPECT_GE(value("guidon_http_request_seconds_count"), requests + 4);
  EXPECT_EQ(value("guidon_stream_clients"), 1);
  EXPECT_EQ(value("guidon_http_bad_requests_total"), 1);
  EXPECT_EQ(value("guidon_store_writable"), 1);
  EXPECT_EQ(value("guidon_log_lines_lost_total"), 0);

  stream.connection().Reset();
  EXPECT_TRUE(Eventually([&] { return read(), value("guidon_stream_clients") == 0; }));
}

// ---- Clients that misbehave --------------------------------------------------------------------------------------

// A byte now and then, in the handshake, the header and the body, and answers that nobody takes: forty of each, while
// others are served as ever. How long each may go on is the business of tests/server/http.
TEST_F(ServerRunTest, ClientsWhoDribbleInEveryPhaseCostTheOthersNothingAndLittleMemory) {
  const CertificateFiles certificate;
  const TlsClient trusting{.ca_file = certificate.certificate_file()};
  Start({.arguments = {"--stop-seconds", "1"}, .certificate = &certificate});
  HttpConnection stream(server_->port(), trusting), healthy(server_->port(), trusting);
  stream.Send("GET /sdk/v1/stream HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer " + sdk_key_ + "\r\n\r\n");
  ASSERT_EQ(stream.ReadHead().status, 200);
  const std::string bearer = "Host: localhost\r\nAuthorization: Bearer " + server_->admin_key() + "\r\n";
  const std::string handshake = std::string("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 11) + std::string(64, 'r');
  const std::string header = "PUT /api/v1/projects/shop/flags/slow HTTP/1.1\r\n" + bearer + std::string(200, 'X');
  const std::string body =
      "PUT /api/v1/projects/shop/flags/slow HTTP/1.1\r\n" + bearer + "Content-Length: 1000\r\n\r\n";
  const std::size_t before = ResidentKiB(server_->process().pid());

  constexpr int kOfEach = 40, kRounds = 20;
  std::vector<std::unique_ptr<HttpConnection>> shaking, heading, sending, deaf;
  for (int i = 0; i < kOfEach; ++i) {
    shaking.push_back(std::make_unique<HttpConnection>(server_->port()));
    for (auto* group : {&heading, &sending, &deaf}) {
      group->push_back(std::make_unique<HttpConnection>(server_->port(), trusting));
    }
    sending.back()->Send(body);
    for (int asked = 0; asked < 10; ++asked) deaf.back()->Send("GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n");
  }
  for (int round = 0; round < kRounds; ++round) {
    const auto at = static_cast<std::size_t>(round);
    for (std::size_t i = 0; i < kOfEach; ++i) {
      shaking[i]->SendSome(handshake.substr(at, 1));
      heading[i]->Send(header.substr(at, 1));
      sending[i]->Send(" ");
    }
    healthy.Send("PUT /api/v1/projects/shop/flags/f" + std::to_string(round) + " HTTP/1.1\r\n" + bearer +
                 "Content-Length: " + std::to_string(kNamelessFlag.size()) + "\r\n\r\n" + std::string(kNamelessFlag));
    const HttpAnswer answer = healthy.ReadAnswer();
    ASSERT_EQ(answer.status, 201) << answer.body << answer.fault;
    EXPECT_THAT(stream.ReadUntil("\"f" + std::to_string(round) + "\""),
                HasSubstr("\"f" + std::to_string(round) + "\""));
  }
  EXPECT_LT(ResidentKiB(server_->process().pid()), before + (64u << 10)) << "KiB";
  EXPECT_EQ(server_->Stop(), 0) << "and none of them holds it up";
}

TEST_F(ServerRunTest, ClientsWhoTakeEveryDescriptorTakeNoneFromTheStoreAndCostTheOthersNothing) {
  Start({.launcher = {"/bin/sh", "-c", "ulimit -n 160; exec \"$@\"", "sh"}});
  EXPECT_THAT(server_->Log(), HasSubstr("leaves room for fewer connections than max-connections"));
  SdkStream stream(server_->port(), sdk_key_);
  ASSERT_TRUE(stream.ReadUntil([&] { return stream.client().snapshots() == 1; })) << stream.fault();
  HttpConnection healthy(server_->port());
  const auto put = [&](int number) {
    const std::string path = "/api/v1/projects/shop/flags/f" + std::to_string(number);
    healthy.Send("PUT " + path + " HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer " + server_->admin_key() +
                 "\r\nContent-Length: " + std::to_string(kNamelessFlag.size()) + "\r\n\r\n" +
                 std::string(kNamelessFlag));
    return healthy.ReadAnswer();
  };
  const auto readyz = [&] {
    healthy.Send("GET /readyz HTTP/1.1\r\nHost: localhost\r\n\r\n");
    return healthy.ReadAnswer().body;
  };
  std::vector<std::unique_ptr<HttpConnection>> hogs;  // that say nothing
  for (int i = 0; i < 300; ++i) hogs.push_back(std::make_unique<HttpConnection>(server_->port()));
  EXPECT_EQ(HttpCall(server_->port(), "GET", "/livez").status, 503);
  for (int i = 0; i < 10; ++i) {
    const HttpAnswer answer = put(i);
    ASSERT_EQ(answer.status, 201) << answer.body << answer.fault;
  }
  EXPECT_TRUE(stream.ReadUntil([&] { return stream.client().changes() == 10; })) << stream.fault();
  EXPECT_THAT(readyz(), HasSubstr(R"("writable":true)"));
  hogs.clear();
  EXPECT_TRUE(Eventually([&] { return HttpCall(server_->port(), "GET", "/livez").status == 200; }));
  EXPECT_EQ(server_->Stop(), 0);
}

// ---- Logs ------------------------------------------------------------------------------------------------------

// `name=value name="quoted value"`; nothing when it is anything else.
std::optional<std::map<std::string, std::string>> ReadLine(const std::string& line) {
  static const std::regex kField(R"re(([a-z_]+)=("((?:[^"\\]|\\["\\n]|\\x[0-9a-f]{2})*)"|[^\s"=\\]+)( |$))re");
  std::map<std::string, std::string> fields;
  std::string rest = line;
  for (std::smatch found; !rest.empty(); rest = found.suffix()) {
    if (!std::regex_search(rest, found, kField, std::regex_constants::match_continuous)) return std::nullopt;
    const bool is_quoted = found[3].matched;
    if (!fields.emplace(found[1], is_quoted ? found[3] : found[2]).second) return std::nullopt;
  }
  return fields;
}

TEST_F(ServerRunTest, EveryLogLineIsReadableRequestsHaveTheirIdAndKeysAreNowhere) {
  Start({.arguments = {"--log-level", "debug"}});
  const std::string admin = server_->admin_key();
  std::vector<HttpAnswer> answers = {
      PutFlag(),
      PutFlag("{\"flag\": \"" + sdk_key_ + "\"}"),  // a key in a body
      server_->Call("GET", "/" + sdk_key_),         // in a path
      server_->Call("GET", "/api/v1/projects/" + sdk_key_ + "/flags"),
      server_->Call("GET", "/api/v1/projects?key=" + sdk_key_),  // in a query
      server_->Call("GET", "/api/v1/projects", {.headers = {{"X-Key", sdk_key_}}}),
      server_->Call("GET", "/api/v1/projects", {.key = sdk_key_}),     // of the wrong kind
      server_->Call("GET", "/api/v1/projects", {.key = admin + "x"}),  // mistyped
      server_->Call("GET", "/livez"),
      server_->Call("GET", "/sdk/v1/ruleset", {.key = sdk_key_}),
      server_->Call("GET", "/sdk/v1/ruleset"),  // of the wrong kind
      server_->Call("GET", "/a%0Alevel=error%20msg=forged"),
      server_->Call("GET", "/caf\xe9"),
  };
  HttpConnection bad(server_->port());
  bad.Send("GET " + sdk_key_ + " HTTP/1.1\r\nHost: t\r\n\r\n");
  answers.push_back(bad.ReadAnswer());
  const SdkStream stream(server_->port(), sdk_key_);
  EXPECT_EQ(stream.status(), 200);
  EXPECT_EQ(server_->Stop(), 0);

  std::set<std::string> ids;
  std::map<std::string, std::string> levels;  // by "route status"
  int secrets = 0;
  std::istringstream lines(server_->Log());
  for (std::string line; std::getline(lines, line);) {
    const auto fields = ReadLine(line);
    ASSERT_TRUE(fields) << line;
    for (const char* name : {"level", "time", "msg"}) EXPECT_TRUE(fields->contains(name)) << line;
    if (fields->at("msg").starts_with("request")) {
      ASSERT_TRUE(fields->contains("request_id")) << line;
      EXPECT_TRUE(ids.insert(fields->at("request_id")).second) << "twice: " << line;
      if (fields->contains("route")) levels[fields->at("route") + " " + fields->at("status")] = fields->at("level");
    }
    // The part of a key that is secret begins after its selector, at character 21.
    for (const std::string& key : {admin, sdk_key_}) {
      if (line.find(key.substr(21, 16)) == std::string::npos) continue;
      EXPECT_TRUE(fields->at("msg").starts_with("first start")) << line;
      ++secrets;
    }
  }
  EXPECT_EQ(secrets, 1);
  // What comes many times a second is told apart from what does not.
  for (const char* routine : {"livez 200", "ruleset 200"}) EXPECT_EQ(levels[routine], "debug") << routine;
  for (const char* other : {"ruleset 403", "listProjects 200", "putFlag 201", "stream 200"}) {
    EXPECT_EQ(levels[other], "info") << other;
  }
  for (const HttpAnswer& answer : answers) {
    EXPECT_NE(answer.status, 0) << answer.fault;
    EXPECT_TRUE(ids.contains(answer.Header("X-Request-Id"))) << answer.status << " " << answer.body;
    EXPECT_TRUE(answer.status < 400 || answer.body.find(answer.Header("X-Request-Id")) != std::string::npos)
        << answer.body;
  }
}

// ---- Events ----------------------------------------------------------------------------------------------------

TEST_F(ServerRunTest, WhatEventsAndStatusesHoldIsNeverLogged) {
  Start({.arguments = {"--log-level", "debug"}});
  const auto send = [&](const char* path, const std::string& body) {
    return HttpCall(server_->port(), "POST", path, {.key = sdk_key_, .body = body}).status;
  };
  const std::string track = R"({"type":"track","time":)" + std::to_string(std::time(nullptr) * 1000) +
                            R"(,"event":"whispered","context":{"key":"whispered"}})";
  EXPECT_EQ(send("/sdk/v1/events", R"({"batch":"batch-0000000001","events":[)" + track + "]}"), 202);
  EXPECT_EQ(send("/sdk/v1/events", R"({"batch":"batch-0000000002","events":["whispered"]})"), 202);
  EXPECT_EQ(send("/sdk/v1/events", R"({"whispered":1,"whispered":2})"), 400);
  EXPECT_EQ(send("/sdk/v1/status", R"({"instance":"whispered","application":{"name":"whispered"}})"), 204);
  EXPECT_EQ(send("/sdk/v1/status", R"({"instance":["whispered"]})"), 400);
  const HttpAnswer metrics = server_->Call("GET", "/metrics");
  EXPECT_THAT(metrics.body, HasSubstr("guidon_processes{project=\"shop\",environment=\"production\"} 1\n"));
  EXPECT_THAT(metrics.body, HasSubstr("guidon_journal_commit_seconds_count 1\n"));
  std::vector<std::string> faults;
  ReadMetrics(metrics.body, faults);
  EXPECT_THAT(faults, ::testing::IsEmpty());
  EXPECT_EQ(server_->Stop(), 0);
  EXPECT_THAT(server_->Log(), HasSubstr("route=sendEvents"));
  EXPECT_THAT(server_->Log(), Not(HasSubstr("whispered")));
}

TEST_F(ServerRunTest, AStopAnswersTheEventsUnderWayAndLosesNoneOfThem) {
  Start();
  std::atomic<int> accepted{0};
  std::vector<std::thread> senders;
  for (int sender = 0; sender < 4; ++sender) {
    senders.emplace_back([&, sender] {
      for (int i = 0;; ++i) {
        const std::string body = R"({"batch":"batch-)" + std::to_string(1'000'000'000 + 1'000'000 * sender + i) +
                                 R"(","events":[{"type":"dropped","counts":{}}]})";
        try {
          if (HttpCall(server_->port(), "POST", "/sdk/v1/events", {.key = sdk_key_, .body = body}).status != 202)
            return;
        } catch (const std::exception&) {
          return;  // nobody listens any more
        }
        ++accepted;
      }
    });
  }
  EXPECT_TRUE(Eventually([&] { return accepted >= 20; }));
  EXPECT_EQ(server_->Stop(), 0);
  for (std::thread& sender : senders) sender.join();
  server_->Start();
  int kept = 0;
  for (std::string after = "0", more = "true"; more == "true";) {
    const HttpAnswer page =
        server_->Call("GET", "/api/v1/projects/shop/environments/production/events?limit=1000&after=" + after);
    ASSERT_EQ(page.status, 200) << page.body;
    kept += static_cast<int>(std::count(page.body.begin(), page.body.end(), '\n'));
    after = page.Header("Guidon-After");
    more = page.Header("Guidon-More");
  }
  EXPECT_GE(kept, accepted);
}

}  // namespace
}  // namespace guidon::testing
