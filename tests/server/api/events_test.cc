// What SDKs send over HTTP (docs/spec/events.md): events, statuses; and how people and tools see them.
#include <gmock/gmock.h>

#include "tests/server/api/api_fixture.h"
#include "tests/support/gzip.h"

namespace guidon {
namespace {

using ::testing::ElementsAre;
using testing::Gzip;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr const char* kScope = "/api/v1/projects/shop/environments/production";

std::string Track(const std::string& event) {
  return R"({"type":"track","time":1798761600000,"event":")" + event + R"(","context":{"key":"user-42"}})";
}
std::string Batch(const std::string& id, const std::string& events) {
  return R"({"schema":1,"batch":")" + id + R"(","sent":1798761600123,"instance":"i1","events":[)" + events + "]}";
}

class EventsTest : public ::testing::Test {
 protected:
  explicit EventsTest(const TestServerOptions& options = {}) : server(options) {
    server.MakeShop();
    key = server.MakeKey(KeyKind::kServer, "shop", "production");
  }

  HttpAnswer Send(const std::string& body, std::vector<std::pair<std::string, std::string>> headers = {}) {
    return server.Call("POST", "/sdk/v1/events", {.key = key, .body = body, .headers = std::move(headers)});
  }
  HttpAnswer SendStatus(const std::string& body) {
    return server.Call("POST", "/sdk/v1/status", {.key = key, .body = body});
  }
  HttpAnswer Read(const std::string& query = "") { return server.Call("GET", kScope + std::string("/events") + query); }
  Value Processes(const std::string& query = "") { return server.Get(kScope + std::string("/processes") + query); }
  std::string Metric(const std::string& series) { return server.Metric(series); }

  TestServer server;
  std::string key;
};

TEST_F(EventsTest, ABatchThatWasAcceptedIsInTheJournalAsItWasSent) {
  const HttpAnswer answer = Send(Batch("batch-0000000001", Track("order") + "," + Track("return")));
  EXPECT_EQ(answer.status, 202);
  EXPECT_EQ(answer.body, R"({"accepted":2,"rejected":[],"duplicate":false})");
  const HttpAnswer journal = Read();
  EXPECT_EQ(journal.status, 200);
  EXPECT_EQ(journal.Header("Content-Type"), "application/x-ndjson");
  EXPECT_EQ(journal.body, R"({"sequence":1,"received":1798761600000,"project":"shop","environment":"production",)"
                          R"("key":")" +
                              std::string(ParseKey(key)->selector) +
                              R"(","batch":"batch-0000000001","sent":1798761600123,"instance":"i1","events":[)" +
                              Track("order") + "," + Track("return") + "]}\n");
}

TEST_F(EventsTest, GzipIsUnpackedAndAnyOtherCodingIsRefused) {
  EXPECT_EQ(Send(Gzip(Batch("batch-0000000001", Track("order"))), {{"Content-Encoding", "gzip"}}).status, 202);
  EXPECT_EQ(Send(Batch("batch-0000000002", Track("order")), {{"Content-Encoding", "identity"}}).status, 202);
  EXPECT_THAT(Read().body, HasSubstr(Track("order")));
  const HttpAnswer answer = Send(Batch("batch-0000000003", Track("order")), {{"Content-Encoding", "br"}});
  EXPECT_EQ(answer.status, 415);
  EXPECT_THAT(answer.body, HasSubstr("the only Content-Encoding understood here is gzip"));
  EXPECT_EQ(Send(Batch("batch-0000000003", Track("order")), {{"Content-Encoding", "gzip"}}).status, 400);
}

TEST_F(EventsTest, AnOddEventIsNamedAndTheOthersAreKept) {
  const HttpAnswer answer = Send(Batch("batch-0000000001", R"({"type":"click"},)" + Track("") + "," + Track("order")));
  EXPECT_EQ(answer.status, 202);
  EXPECT_EQ(answer.body, R"({"accepted":1,"rejected":[{"event":1,"reason":"wrong_value",)"
                         R"("message":"event: expected text of 1 to 1024 bytes"}],"duplicate":false})");
  EXPECT_THAT(Read().body, HasSubstr(R"("events":[)" + Track("order") + "]"));
}

TEST_F(EventsTest, ARepetitionGetsTheFirstAnswerAndIsKeptOnce) {
  const std::string batch = Batch("batch-0000000001", Track("") + "," + Track("order"));
  const HttpAnswer first = Send(batch), again = Send(Gzip(batch), {{"Content-Encoding", "gzip"}});
  EXPECT_EQ(again.status, 202);
  EXPECT_THAT(first.body, HasSubstr(R"("duplicate":false)"));
  std::string expected = first.body;
  expected.replace(expected.find("false"), 5, "true");
  EXPECT_EQ(again.body, expected);
  const std::string journal = Read().body;
  EXPECT_EQ(std::count(journal.begin(), journal.end(), '\n'), 1);
}

TEST_F(EventsTest, WhatHoldsNothingToKeepIsAnsweredAndNotJournalled) {
  EXPECT_EQ(Send(Batch("batch-0000000001", "")).body, R"({"accepted":0,"rejected":[],"duplicate":false})");
  EXPECT_EQ(Send(Batch("batch-0000000001", Track(""))).status, 202);
  EXPECT_EQ(Read().body, "");
}

TEST_F(EventsTest, WhatIsNoBatchIsRefusedWithAProblem) {
  for (const char* body : {"", "{", "[]", R"({"batch":"short","events":[]})", R"({"batch":"batch-0000000001"})"}) {
    const HttpAnswer answer = Send(body);
    EXPECT_EQ(answer.status, 400) << body;
    EXPECT_EQ(answer.Header("Content-Type"), "application/problem+json");
  }
}

TEST_F(EventsTest, TheBoundsAreOneMebibyteAndAThousandEventsOnceUnpacked) {
  std::string events = Track("order");
  for (int i = 1; i < 1000; ++i) events += "," + Track("order");
  EXPECT_EQ(Send(Batch("batch-0000000001", events)).body, R"({"accepted":1000,"rejected":[],"duplicate":false})");
  EXPECT_EQ(Send(Batch("batch-0000000002", events + "," + Track("order"))).status, 413);
  std::string full = Batch("batch-0000000003", Track("order"));
  full += std::string((1u << 20) - full.size(), ' ');
  EXPECT_EQ(Send(full).status, 202);
  EXPECT_EQ(Send(full + " ").status, 413);
  EXPECT_EQ(Send(Gzip(full + " "), {{"Content-Encoding", "gzip"}}).status, 413);
  EXPECT_EQ(Send(Gzip(std::string(64u << 20, ' ')), {{"Content-Encoding", "gzip"}}).status, 413);
}

TEST_F(EventsTest, ABodyBeyondTheServersBoundIsRefusedBeforeItIsSent) {
  HttpConnection connection(server.port());
  connection.Send("POST /sdk/v1/events HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer " + key +
                  "\r\nContent-Length: 5000000\r\n\r\n");
  EXPECT_EQ(connection.ReadAnswer().status, 413);
}

TEST_F(EventsTest, AKeyWhoseEnvironmentIsGoneHears404) {
  key = server.MakeKey(KeyKind::kServer, "shop", "mars");
  EXPECT_EQ(Send(Batch("batch-0000000001", Track("order"))).status, 404);
  EXPECT_EQ(SendStatus(R"({"instance":"a"})").status, 404);
}

TEST_F(EventsTest, TheJournalIsReadInPages) {
  const std::string staging = server.MakeKey(KeyKind::kServer, "shop", "staging");
  for (int i = 1; i <= 6; ++i) {
    const std::string body = Batch("batch-000000000" + std::to_string(i), Track("n" + std::to_string(i)));
    EXPECT_EQ(server.Call("POST", "/sdk/v1/events", {.key = i == 2 ? staging : key, .body = body}).status, 202);
  }
  std::vector<std::string> sequences;
  std::string after = "0";
  for (bool more = true; more;) {
    const HttpAnswer page = Read("?limit=2&after=" + after);
    ASSERT_EQ(page.status, 200) << page.body;
    for (std::size_t at = 0; (at = page.body.find("{\"sequence\":", at)) != std::string::npos; at += 12) {
      sequences.push_back(page.body.substr(at + 12, 1));
    }
    after = page.Header("Guidon-After");
    more = page.Header("Guidon-More") == "true";
  }
  EXPECT_THAT(sequences, ElementsAre("1", "3", "4", "5", "6"));
  EXPECT_EQ(after, "6");
  EXPECT_EQ(Read("?after=6").body, "");
  EXPECT_EQ(Read("?after=6").Header("Guidon-After"), "6");
}

TEST_F(EventsTest, WhatWasRemovedIsGone) {
  for (int i = 1; i <= 3; ++i) {
    Send(Batch("batch-000000000" + std::to_string(i), Track("order")));
    server.SetNow(1'798'761'600'000 + i * 1'000);
  }
  ASSERT_TRUE(server.journal().Trim(Timestamp(std::chrono::milliseconds(1'798'761'602'000)),
                                    std::chrono::milliseconds(0), std::chrono::hours(1), [] { return false; }));
  EXPECT_EQ(Read("?after=1").status, 410);
  EXPECT_THAT(Read().body, HasSubstr("\"sequence\":3"));
}

TEST_F(EventsTest, WhatCannotBeAskedForIsRefused) {
  for (const char* query : {"?after=-1", "?after=x", "?after=99999999999999999999", "?limit=0", "?limit=1001"}) {
    EXPECT_EQ(Read(query).status, 400) << query;
  }
  EXPECT_EQ(server.Call("GET", "/api/v1/projects/shop/environments/mars/events").status, 404);
  EXPECT_EQ(server.Call("GET", "/api/v1/projects/mars/environments/production/processes").status, 404);
  for (const char* query : {"?revision=x", "?revision=0", "?limit=1001", "?limit=-1"}) {
    EXPECT_EQ(server.Call("GET", kScope + std::string("/processes") + query).status, 400) << query;
  }
}

TEST_F(EventsTest, ProcessesAreCountedByWhatTheyHold) {
  server.PutFlag("a");
  ASSERT_EQ(server.head(), 2u);
  const auto status = [&](const std::string& instance, int revision, const std::string& version = "4.2.0") {
    return SendStatus(R"({"instance":")" + instance + R"(","application":{"name":"shop","version":")" + version +
                      R"("},"epoch":")" + server.feed().epoch() + R"(","revision":)" + std::to_string(revision) + "}")
        .status;
  };
  EXPECT_EQ(status("a", 1), 204);
  EXPECT_EQ(status("b", 2), 204);
  EXPECT_EQ(status("c", 2, "4.3.0"), 204);
  const Value all = Processes("?revision=2");
  EXPECT_EQ(TextAt(all, "live"), "3");
  EXPECT_EQ(TextAt(all, "at_least"), "2");
  EXPECT_EQ(TextAt(all, "revision"), "2");
  EXPECT_EQ(TextAt(all, "epoch"), server.feed().epoch());
  ASSERT_EQ(all.Find("groups")->AsArray().size(), 3u);
  EXPECT_EQ(TextAt(all.Find("groups")->AsArray()[2], "version"), "4.3.0");
  EXPECT_EQ(TextAt(all.Find("processes")->AsArray()[0], "instance"), "a");
  EXPECT_EQ(all.Find("next"), nullptr);
  const Value page = Processes("?after=a&limit=1");
  EXPECT_EQ(TextAt(page.Find("processes")->AsArray()[0], "instance"), "b");
  EXPECT_EQ(TextAt(page, "next"), "b");
  EXPECT_EQ(TextAt(page, "revision"), std::to_string(server.head())) << "the newest, when none is named";
}

TEST_F(EventsTest, PropagationIsCountedByTheNewestRevisionThatAlteredTheEnvironment) {
  const std::string path = kScope + std::string("/propagation");
  EXPECT_EQ(ToJson(*server.Get(path).Find("share")), "null") << "nobody is there";
  server.PutFlag("a");
  ASSERT_EQ(server.head(), 2u);
  server.Call("POST", "/api/v1/projects", {.body = R"({"project":"other","environments":{"production":{}}})"});
  ASSERT_EQ(server.head(), 3u);
  const auto say = [&](const std::string& instance, int revision) {
    return SendStatus(R"({"instance":")" + instance + R"(","application":{"name":"shop","version":"4.2.0"},"epoch":")" +
                      server.feed().epoch() + R"(","revision":)" + std::to_string(revision) + "}")
        .status;
  };
  EXPECT_EQ(say("a", 1), 204);
  EXPECT_EQ(say("b", 2), 204);
  EXPECT_EQ(say("c", 2), 204);
  EXPECT_EQ(say("d", 3), 204);
  for (const char* query : {"", "?revision=head", "?revision=3", "?revision=2"}) {
    const Value far = server.Get(path + query);
    EXPECT_EQ(TextAt(far, "altered"), "2") << "revision 3 was made elsewhere";
    EXPECT_EQ(TextAt(far, "revision"), std::string(query) == "?revision=2" ? "2" : "3");
    EXPECT_EQ(TextAt(far, "live"), "4");
    EXPECT_EQ(TextAt(far, "holding"), "3");
    EXPECT_EQ(TextAt(far, "share"), "0.75");
    ASSERT_EQ(far.Find("laggards")->AsArray().size(), 1u);
    const Value& laggard = far.Find("laggards")->AsArray()[0];
    EXPECT_EQ(TextAt(laggard, "version") + " " + TextAt(laggard, "revision"), "4.2.0 1");
    EXPECT_EQ(TextAt(laggard, "processes"), "1");
  }
  EXPECT_EQ(TextAt(server.Get(path + "?revision=1"), "share"), "1.0");
  ASSERT_EQ(
      SendStatus(R"({"instance":"old","application":{"name":"shop","version":"4.1.0"},"sdk":{"name":"guidon-cpp",)"
                 R"("version":"0.0.9"},"epoch":"x","revision":1,"broken":["a"]})")
          .status,
      204);
  const Value of_old = server.Get(path + "?version=4.1.0");
  EXPECT_EQ(TextAt(of_old, "live"), "1");
  EXPECT_EQ(ToJson(*of_old.Find("sdks")),
            R"([{"application":"shop","version":"4.1.0","sdk":"guidon-cpp","sdk_version":"0.0.9","processes":1,)"
            R"("with_broken":1,"broken":["a"]}])");
  EXPECT_EQ(TextAt(server.Get(path + "?version=4.2.0"), "live"), "4");
  EXPECT_EQ(TextAt(server.Get(path), "live"), "5");
  EXPECT_EQ(server.Call("GET", path + "?version=" + std::string(257, 'v')).status, 400);
  EXPECT_EQ(server.Call("GET", path + "?revision=4").status, 404);
  EXPECT_EQ(server.Call("GET", path + "?revision=tail").status, 400);
  EXPECT_EQ(server.Call("GET", "/api/v1/projects/shop/environments/mars/propagation").status, 404);
}

TEST_F(EventsTest, HowLongAChangeTookIsCountedWhenAProcessSaysThatItHasIt) {
  const auto say = [&](const std::string& instance, Revision revision, const std::string& epoch) {
    EXPECT_EQ(SendStatus(R"({"instance":")" + instance + R"(","epoch":")" + epoch + R"(","revision":)" +
                         std::to_string(revision) + "}")
                  .status,
              204);
    return Metric("guidon_propagation_ack_seconds_count");
  };
  const std::string epoch = server.feed().epoch();
  server.PutFlag("a");
  EXPECT_EQ(say("new", server.head(), epoch), "0") << "what it missed nobody knows";
  EXPECT_EQ(say("a", 1, epoch), "0");
  EXPECT_EQ(say("a", 1, epoch), "0") << "nothing new";
  EXPECT_EQ(say("a", server.head(), epoch), "1");
  server.PutFlag("b");
  server.PutFlag("c");
  EXPECT_EQ(say("new", server.head() - 1, "another-epoch"), "1");
  EXPECT_EQ(say("new", server.head(), epoch), "1");
  EXPECT_EQ(say("a", server.head(), epoch), "2") << "once for both: by the older";
}

TEST_F(EventsTest, AStatusThatCannotBeReadIsRefused) {
  EXPECT_EQ(SendStatus("{").status, 400);
  EXPECT_EQ(SendStatus(R"({"revision":1})").status, 400);
  EXPECT_EQ(SendStatus(R"({"instance":"a"})" + std::string(40'000, ' ')).status, 413);
  EXPECT_EQ(TextAt(Processes(), "live"), "0");
}

TEST_F(EventsTest, MetricsSayWhatBecameOfThem) {
  const std::string batch = Batch("batch-0000000001", Track("order") + R"(,{"type":"click"},17)");
  Send(batch);
  Send(batch);
  Send("{");
  EXPECT_EQ(Metric("guidon_events_accepted_total{type=\"track\"}"), "1");
  EXPECT_EQ(Metric("guidon_events_accepted_total{type=\"exposure\"}"), "0");
  EXPECT_EQ(Metric("guidon_events_rejected_total{reason=\"no_event\"}"), "1");
  EXPECT_EQ(Metric("guidon_events_unknown_total"), "1");
  EXPECT_EQ(Metric("guidon_event_batches_total"), "1");
  EXPECT_EQ(Metric("guidon_event_bytes_total"), std::to_string(batch.size()));
  EXPECT_EQ(Metric("guidon_event_batches_duplicate_total"), "1");
  EXPECT_EQ(Metric("guidon_event_batches_refused_total{status=\"400\"}"), "1");
}

// What was sent comes back as what the experiment has come to.
class TotalsTest : public EventsTest {
 protected:
  TotalsTest() {
    const HttpAnswer applied = server.Call(
        "POST", "/api/v1/projects/shop/apply",
        {.body = R"json({"workspace":{"project":{"project":"shop","environments":{"production":{},"staging":{}}},
          "flags":[{"flag":"layout","type":"string","owner":"x","variations":{"multi":"m","single":"s"},
            "environments":{"production":{"enabled":true,"default":"multi"}}}],
          "metrics":[{"metric":"ordered","owner":"x","event":"order","type":"conversion","window":"72h"},
            {"metric":"revenue","owner":"x","event":"order","type":"sum","value":"amount","cap":500,
             "window":"none","where":{"currency":"EUR"},"direction":"down"}],
          "holdouts":[{"holdout":"none-of-it","owner":"x","unit":"key","size":"5%"}],
          "experiments":[{"experiment":"one-page","flag":"layout","environment":"production","owner":"x",
            "state":"running","unit":"key","holdout":"none-of-it",
            "variants":{"control":{"serves":"multi","weight":"50%"},"one_page":{"serves":"single","weight":"50%"}},
            "metrics":{"primary":"ordered","guardrails":["revenue"]},"plan":{"adjust":"cuped(7d)"}}]}})json"});
    EXPECT_EQ(applied.status, 200) << applied.body;
  }
  std::string Exposure(const std::string& unit, const std::string& role_and_variant) {
    return R"({"type":"exposure","time":1798761600000,"flag":"layout","experiment":"one-page","iteration":1,)" +
           role_and_variant + R"(,"unit_attribute":"key","unit":")" + unit +
           R"(","bucket":7,"revision":2,"context":{"key":")" + unit + R"(","platform":"ios"}})";
  }
  std::string Order(const std::string& unit, const std::string& amount) {
    return R"({"type":"track","time":1798761600001,"event":"order","context":{"key":")" + unit +
           R"("},"attributes":{"currency":"EUR","amount":)" + amount + "}}";
  }
  void Fold() {
    server.SetNow(1'798'761'650'000);
    const std::string control = R"("role":"assigned","variant":"control")",
                      other = R"("role":"assigned","variant":"one_page")";
    const HttpAnswer sent =
        Send(Batch("batch-0000000001",
                   Exposure("u1", control) + "," + Exposure("u2", other) + "," + Exposure("u3", other) + "," +
                       Order("u2", "600") + "," + Order("u3", "20.5") + "," + Order("u3", R"("much")") + "," +
                       Exposure("u4", R"("role":"held_out","holdout":"none-of-it","variant":"control")") + "," +
                       Exposure("u5", R"("role":"comparison","holdout":"none-of-it")") + "," + Order("u4", "1")));
    EXPECT_EQ(sent.status, 202) << sent.body;
    EXPECT_TRUE(server.fold().CatchUp([] { return false; }));
  }
};

TEST_F(TotalsTest, ExposuresAndOutcomesComeToStatisticsOfArms) {
  EXPECT_EQ(server.Call("GET", kScope + std::string("/experiments/one-page/totals")).status, 404) << "nothing yet";
  Fold();
  const Value totals = server.Get(kScope + std::string("/experiments/one-page/totals"));
  const std::string text = ToJson(totals);
  EXPECT_THAT(text, HasSubstr(R"("units":[{"variant":"control","units":1,"multiple":0,"with_history":0},)"
                              R"({"variant":"one_page","units":2,"multiple":0,"with_history":0}])"));
  EXPECT_THAT(text, HasSubstr(R"("watermark":"2027-01-01T00:00:50.000Z")"));
  EXPECT_THAT(text, HasSubstr(R"("rejected":{"not_a_number":1})"));
  EXPECT_THAT(text, HasSubstr(R"("dimension":"platform","value":"ios")"));
  EXPECT_THAT(text, HasSubstr(R"({"key":"revenue","kind":"sum","lower_is_better":true)"));
  EXPECT_THAT(text, HasSubstr(R"("lookback":604800000)"));
  const auto arm = [&](std::size_t metric, std::size_t variant) {
    return totals.Find("metrics")->AsArray().at(metric).Find("arms")->AsArray().at(variant);
  };
  EXPECT_EQ(arm(0, 0).Find("successes")->AsDouble(), 0);
  EXPECT_EQ(arm(0, 1).Find("successes")->AsDouble(), 2);
  EXPECT_EQ(arm(1, 1).Find("mean")->AsArray().at(0).AsDouble(), (500 + 20.5) / 2) << "capped";
  EXPECT_EQ(arm(1, 1).Find("capped_units")->AsInt(), 1);
  EXPECT_EQ(totals.Find("days")->AsArray().at(0).Find("day")->AsString(), "2027-01-01");
}

// Events of 120 days ago, of a file.
TEST_F(TotalsTest, AnImportIsAnnouncedOnceAndCountsOnce) {
  server.SetNow(1'798'761'600'000 + 120 * 86'400'000LL);
  const std::string id = "0123456789abcdef0123456789abcdef", path = kScope + std::string("/imports/") + id;
  const auto announce = [&](const std::string& columns = "unit=u", int iteration = 1,
                            const std::string& file = "t.csv") {
    return server.Call("PUT", path,
                       {.body = R"({"experiment":"one-page","iteration":)" + std::to_string(iteration) +
                                R"(,"file":")" + file + R"(","rows":2,"events":3,"columns":")" + columns + R"("})"});
  };
  const auto send = [&](const std::string& batch, const std::string& events) {
    return server.Call("POST", path + "/events", {.body = Batch(batch, events)});
  };
  std::string exposure = Exposure("u1", R"("role":"assigned","variant":"one_page")");
  exposure.erase(exposure.find(R"("bucket":7,"revision":2,)"), 24);  // it was assigned elsewhere
  EXPECT_EQ(send(id + "-1", exposure).status, 404) << "nobody has heard of it";
  EXPECT_EQ(announce("unit=u", 2).status, 409) << "which has not begun";
  const auto head = server.head();
  EXPECT_EQ(announce().status, 201);
  EXPECT_EQ(announce().status, 200) << "and writes nothing";
  EXPECT_EQ(announce("unit=u", 1, "renamed.csv").status, 200);
  EXPECT_EQ(server.head(), head + 1);
  const HttpAnswer other = announce("unit=other");
  EXPECT_EQ(other.status, 409);
  EXPECT_THAT(other.body, HasSubstr("imported before, with other columns or numbers of events (unit=u)"));
  const Value entry = server.Get("/api/v1/audit?limit=1").Find("entries")->AsArray().at(0);
  EXPECT_EQ(entry.Find("action")->AsString(), "events.import");
  EXPECT_EQ(entry.Find("comment")->AsString(), "experiment one-page, iteration 1: 2 rows, 3 events");

  EXPECT_EQ(send("batch-0000000001", exposure).status, 400) << "an id of another";
  EXPECT_EQ(send(id + "-1", exposure + "," + Track("")).status, 400) << "whole or not at all";
  EXPECT_EQ(send(id + "-1", Exposure("u1", R"("role":"held_out","holdout":"none-of-it","variant":"control")")).status,
            400)
      << "of another experiment";
  for (const char* number : {"", "0", "01", "4", "1x", "-1", "99999999999999999999"}) {
    EXPECT_EQ(send(id + "-" + number, exposure).status, 400) << number << ": more ids than there are events";
  }
  EXPECT_EQ(Read().body, "") << "nothing of these";
  // Who sends that id as an SDK does takes nothing away.
  const std::string sdk = server.MakeKey(KeyKind::kServer, "shop", "production");
  EXPECT_EQ(server.Call("POST", "/sdk/v1/events", {.key = sdk, .body = Batch(id + "-1", Order("u1", "1"))}).status,
            202);
  const std::string batch = exposure + "," + Order("u1", "20") + "," + Order("u1", "5");
  EXPECT_EQ(send(id + "-1", batch).body, R"({"accepted":3,"rejected":[],"duplicate":false})");
  EXPECT_EQ(send(id + "-1", batch).body, R"({"accepted":3,"rejected":[],"duplicate":true})");
  // Packed as an SDK may send it, within the same bounds.
  const auto packed = [&](const std::string& body, const std::string& encoding) {
    return server.Call("POST", path + "/events", {.body = body, .headers = {{"Content-Encoding", encoding}}});
  };
  EXPECT_EQ(packed(Gzip(Batch(id + "-1", batch)), "gzip").body, R"({"accepted":3,"rejected":[],"duplicate":true})");
  EXPECT_EQ(packed(Gzip(std::string(64u << 20, ' ')), "gzip").status, 413);
  EXPECT_EQ(packed(Batch(id + "-1", batch), "gzip").status, 400);
  EXPECT_EQ(packed(Batch(id + "-1", batch), "br").status, 415);
  EXPECT_THAT(Read().body, HasSubstr(R"("import":")" + id + "\""));
  EXPECT_THAT(Read().body, HasSubstr(R"("key":"","batch":")" + id)) << "who it was is told where it can be erased";
  EXPECT_TRUE(server.fold().CatchUp([] { return false; }));
  const Value totals = server.Get(kScope + std::string("/experiments/one-page/totals"));
  EXPECT_THAT(ToJson(totals), HasSubstr(R"({"variant":"one_page","units":1,"multiple":0,"with_history":0}])"));
  EXPECT_THAT(ToJson(totals), HasSubstr(R"("rejected":{})"));
  const Value arm = totals.Find("metrics")->AsArray().at(1).Find("arms")->AsArray().at(1);
  EXPECT_EQ(arm.Find("mean")->AsArray().at(0).AsDouble(), 25);
  EXPECT_EQ(server.Call("POST", path + "/events", {.key = sdk, .body = Batch(id + "-2", batch)}).status, 403);
  // Ended for so long that analysis takes nothing more.
  server.Call("POST", "/api/v1/projects/shop/experiments/one-page/stop", {});
  server.SetNow(1'798'761'600'000 + 160 * 86'400'000LL);
  const HttpAnswer closed = send(id + "-2", exposure);
  EXPECT_EQ(closed.status, 409);
  EXPECT_THAT(closed.body, HasSubstr("is closed"));
}

TEST_F(TotalsTest, TheCheckBeforeAStartKnowsWhatExperimentsOnTheFlagHaveCounted) {
  const std::string check = "/api/v1/projects/shop/experiments/one-page/check";
  EXPECT_THAT(server.Call("GET", check).body, HasSubstr("no experiment on its flag has counted any"));
  Fold();
  const std::string body = server.Call("GET", check).body;
  // Three, of the 95 % that no holdout takes.
  EXPECT_THAT(body, HasSubstr("about 3 units a day enter, by the exposures of its iteration 1 on the day 2027-01-01"));
  EXPECT_THAT(body, HasSubstr(R"("source":"exposures")"));
  const std::string staging = server.MakeKey(KeyKind::kAdmin, "shop", "staging", "viewer");
  const HttpAnswer from_staging = server.Call("GET", check, {.key = staging});
  EXPECT_EQ(from_staging.status, 200) << from_staging.body;
  EXPECT_THAT(from_staging.body, Not(HasSubstr(R"("source":"exposures")"))) << "what is counted is read where it is";
  EXPECT_THAT(server.Call("GET", check + "?daily_units=100").body, HasSubstr("about 95 units a day enter, as told"));
  // Whole days, once there are any: 4 units on the first and 6 on the second, not those of the start, nor of today.
  constexpr std::int64_t kDay = 86'400'000;
  int units = 0;
  for (const auto& [day, count] : {std::pair(1, 4), std::pair(2, 6), std::pair(3, 1)}) {
    const std::int64_t now = 1'798'761'600'000 + day * kDay + 1'000;
    server.SetNow(now);
    std::string events;
    for (int i = 0; i < count; ++i) {
      std::string event = Exposure("v" + std::to_string(++units), R"("role":"assigned","variant":"control")");
      event.replace(event.find("1798761600000"), 13, std::to_string(now));
      events += (i == 0 ? "" : ",") + event;
    }
    const std::string batch =
        R"({"batch":"batch-of-the-day-)" + std::to_string(day) + R"(","events":[)" + events + "]}";
    EXPECT_EQ(Send(batch).status, 202);
  }
  EXPECT_TRUE(server.fold().CatchUp([] { return false; }));
  EXPECT_THAT(server.Call("GET", check).body,
              HasSubstr("about 5 units a day enter, by the exposures of its iteration 1 on 2 days from 2027-01-02"));
}

TEST_F(TotalsTest, TheCheckBeforeAStartKnowsWhatThePrimaryMetricWas) {
  const std::string experiment = "/api/v1/projects/shop/experiments/one-page", check = experiment + "/check";
  std::string first, second;
  for (int i = 0; i < 1'200; ++i) {
    const std::string unit = "u" + std::to_string(i);
    std::string& events = i < 600 ? first : second;
    events += (events.empty() ? "" : ",") + Exposure(unit, i % 2 == 0 ? R"("role":"assigned","variant":"control")"
                                                                      : R"("role":"assigned","variant":"one_page")");
    if (i % 5 == 0) events += "," + Order(unit, "20");
  }
  server.SetNow(1'798'761'650'000);
  EXPECT_EQ(Send(Batch("batch-0000000001", first)).status, 202);
  EXPECT_EQ(Send(Batch("batch-0000000002", second)).status, 202);
  const auto at = [&](std::int64_t now_ms) {
    server.SetNow(now_ms);
    EXPECT_TRUE(server.fold().CatchUp([] { return false; }));
    return server.Call("GET", check).body;
  };
  constexpr std::int64_t kDay = 86'400'000;
  EXPECT_EQ(server.Call("POST", experiment + "/stop", {}).status, 200);
  const HttpAnswer edited =
      server.Call("PATCH", experiment, {.body = R"({"metrics":{"primary":{"use":"ordered","detect":"5%"}}})"});
  EXPECT_EQ(edited.status, 200) << edited.body;
  EXPECT_THAT(at(1'798'761'600'000 + kDay), HasSubstr("what ordered is without the experiment is not known"))
      << "who was exposed a day ago has two more to order";
  // The next event tells the fold how late it is.
  server.SetNow(1'798'761'600'000 + 5 * kDay);
  EXPECT_EQ(Send(Batch("batch-0000000003", Track("hello"))).status, 202);
  const std::string known = at(1'798'761'600'000 + 5 * kDay);
  EXPECT_THAT(known, HasSubstr(" to show +5% of ordered, from 20.0% in its iteration 1, with 80% power, which is "));
  EXPECT_THAT(known, HasSubstr(R"("baseline":0.2,"source":"totals","experiment":"one-page","iteration":1,)"
                               R"("baseline_units":1200.0)"));
  EXPECT_THAT(server.Call("GET", check + "?baseline=0.1").body, HasSubstr(R"("baseline":0.1,"source":"told")"));
  // What is defined in another way is not what was measured.
  EXPECT_EQ(server.Call("PATCH", "/api/v1/projects/shop/metrics/ordered", {.body = R"({"window":"48h"})"}).status, 200);
  EXPECT_THAT(server.Call("GET", check).body, HasSubstr("no experiment on its flag has measured it with enough units"));
}

TEST_F(TotalsTest, TheReportIsADocumentAPageAndText) {
  const std::string path = kScope + std::string("/experiments/one-page/report");
  EXPECT_EQ(server.Get(path).Find("verdict")->AsString(), "No unit has been exposed yet.");
  Fold();
  const Value report = server.Get(path);
  EXPECT_EQ(report.Find("format")->AsString(), "guidon.report/1");
  EXPECT_EQ(report.Find("decision")->AsString(), "keep_running");
  EXPECT_EQ(report.Find("as_of")->AsString(), "2027-01-01T00:00:50Z");
  EXPECT_EQ(report.Find("progress")->Find("units")->AsInt(), 3);
  EXPECT_EQ(report.Find("plan")->Find("primary")->Find("metric")->AsString(), "ordered");
  EXPECT_EQ(ToJson(*report.Find("quality")->Find("rejected")), R"({"not_a_number":1})");
  EXPECT_EQ(server.Get(path), report) << "reading it changes nothing";

  const HttpAnswer page = server.Call("GET", path + "?as=html");
  EXPECT_EQ(page.status, 200);
  EXPECT_EQ(page.Header("content-type"), "text/html; charset=utf-8");
  EXPECT_THAT(page.Header("content-security-policy"), HasSubstr("default-src 'none'"));
  EXPECT_THAT(page.body, HasSubstr("Keep running"));
  const HttpAnswer text = server.Call("GET", path + "?as=text&columns=60");
  EXPECT_EQ(text.Header("content-type"), "text/plain; charset=utf-8");
  EXPECT_THAT(text.body, HasSubstr("Keep running\n"));
  EXPECT_EQ(server.Call("GET", path + "?as=pdf").status, 400);
  EXPECT_EQ(server.Call("GET", path + "?as=text&columns=9").status, 400);
  EXPECT_EQ(server.Call("GET", kScope + std::string("/experiments/of-nobody/report")).status, 404);

  // What it is held against stays, whatever becomes of the definition.
  const HttpAnswer edited = server.Call("PATCH", "/api/v1/projects/shop/experiments/one-page",
                                        {.body = R"({"hypothesis":"what one would rather have meant"})"});
  EXPECT_EQ(edited.status, 200) << edited.body;
  EXPECT_EQ(server.Get(path).Find("plan_hash")->AsString(), report.Find("plan_hash")->AsString());
}

TEST_F(TotalsTest, AHoldoutIsAnExperimentOfItsOwn) {
  Fold();
  const Value totals = server.Get(kScope + std::string("/experiments/holdout:none-of-it/totals"));
  EXPECT_THAT(ToJson(totals), HasSubstr(R"("units":[{"variant":"held_out","units":1,"multiple":0,"with_history":0},)"
                                        R"({"variant":"comparison","units":1)"));
  EXPECT_THAT(ToJson(*totals.Find("plan")), Not(HasSubstr("window"))) << "being held out has no moment";
  const std::string path = kScope + std::string("/experiments/holdout:none-of-it/report");
  const Value report = server.Get(path);
  EXPECT_EQ(report.Find("decision")->AsString(), "cannot_say");
  EXPECT_EQ(report.Find("progress")->Find("units")->AsInt(), 2);
  EXPECT_EQ(report.Find("plan")->Find("method")->AsString(), "sequential");
  EXPECT_EQ(report.Find("plan")->Find("primary"), nullptr);
  EXPECT_EQ(report.Find("metrics")->AsArray().at(0).Find("role")->AsString(), "secondary");
  EXPECT_THAT(server.Call("GET", path + "?as=text").body, HasSubstr("holdout:none-of-it  holdout in production, "));
  EXPECT_EQ(server.Call("GET", path + "?as=html").status, 200);
  EXPECT_EQ(server.Call("GET", path + "?iteration=2").status, 404);
}

TEST_F(TotalsTest, WhoWasExposedIsListedInPages) {
  Fold();
  const std::string path = kScope + std::string("/experiments/one-page/exposures");
  const Value page = server.Get(path + "?limit=2");
  EXPECT_EQ(ToJson(page.Find("exposures")->AsArray().at(1)),
            R"({"unit":"u2","variant":"one_page","time":"2027-01-01T00:00:00.000Z","dimensions":{"platform":"ios"}})");
  const Value rest = server.Get(path + "?limit=2&after=" + page.Find("next")->AsString());
  EXPECT_EQ(rest.Find("exposures")->AsArray().size(), 1u);
  EXPECT_EQ(rest.Find("next"), nullptr);
  EXPECT_EQ(server.Call("GET", path + "?iteration=7").status, 404);
}

class BusyEventsTest : public EventsTest {
 protected:
  BusyEventsTest() : EventsTest({.journal = {.in_flight_batches = 0}}) {}
};

TEST_F(BusyEventsTest, WhenTooMuchWaitsForTheDiskTheClientIsToldWhenToComeBackAndNotAllAtOnce) {
  std::set<std::string> told;
  for (int i = 0; i < 20; ++i) {
    const HttpAnswer answer = Send(Batch("batch-0000000001", Track("order")));
    EXPECT_EQ(answer.status, 503);
    EXPECT_EQ(answer.CountOf("Retry-After"), 1);
    told.insert(answer.Header("Retry-After"));
  }
  EXPECT_GT(told.size(), 1u);
  EXPECT_EQ(Metric("guidon_event_batches_refused_total{status=\"503\"}"), "20");
}

}  // namespace
}  // namespace guidon
