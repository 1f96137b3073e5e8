// What webhooks are sent, and who is told of what.
#include "server/webhooks/webhook.h"

#include <gtest/gtest.h>

#include "core/base/json.h"

namespace guidon {
namespace {

RevisionEntry Entry(std::string log, std::string audit) {
  RevisionEntry entry;
  entry.revision = 17;
  entry.time = Timestamp(std::chrono::milliseconds(1'700'000'000'000));
  entry.log.bytes = std::move(log);
  entry.audit.bytes = std::move(audit);
  return entry;
}

const std::string kAudit =
    R"({"principal":"key:4fJ2","action":"definitions.change","subject":"shop","comment":"slower ramp"})";
const std::string kLog = R"({"project":"shop","changes":[{"kind":"flag","key":"checkout.layout"},)"
                         R"({"kind":"flag","key":"search.v2"},{"kind":"segment","key":"beta","removed":true}]})";

// The example of the specification: https://github.com/standard-webhooks/standard-webhooks, spec, "Signature scheme".
TEST(WebhookTest, AMessageIsSignedAsStandardWebhooksSay) {
  const Result<std::string> signature = SignWebhook(
      "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, R"({"test": 2432232314})");
  ASSERT_TRUE(signature);
  EXPECT_EQ(*signature, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
  for (const char* secret :
       {"", "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_", "whsec_MfKQ", "whsec_????????????????????????????????"}) {
    EXPECT_FALSE(SignWebhook(secret, "msg", 1, "{}")) << secret;
  }
}

TEST(WebhookTest, SecretsAndIdsAreFresh) {
  const std::string secret = *NewWebhookSecret();
  EXPECT_TRUE(SignWebhook(secret, "msg", 1, "{}"));
  EXPECT_NE(secret, *NewWebhookSecret());
  EXPECT_EQ(NewWebhookId()->size(), 12u);
  EXPECT_NE(*NewWebhookId(), *NewWebhookId());
}

TEST(WebhookTest, ARecordIsReadAsItWasWritten) {
  Webhook webhook;
  webhook.id = "w1";
  webhook.url = "https://hooks.shop.example/a";
  webhook.project = "shop";
  webhook.events = {"flag.*", "webhook.create"};
  webhook.format = WebhookFormat::kSlack;
  webhook.description = "Release channel";
  webhook.secret = *NewWebhookSecret();
  webhook.after = 12;
  webhook.created_ms = 1'700'000'000'000;
  webhook.disabled = "gone";
  const Result<Webhook> read = DecodeWebhook("w1", EncodeWebhook(webhook));
  ASSERT_TRUE(read);
  EXPECT_EQ(EncodeWebhook(*read), EncodeWebhook(webhook));
  EXPECT_EQ(ToJson(DescribeWebhook(*read)).find(webhook.secret), std::string::npos);
  for (const char* text : {"", "{}", "[]", R"({"format":"json"})", R"({"format":"xml","events":[]})"}) {
    const Result<Webhook> refused = DecodeWebhook("w1", text);
    ASSERT_FALSE(refused) << text;
    EXPECT_EQ(refused.error().code, ErrorCode::kCorrupt);
    EXPECT_NE(refused.error().message.find("w1"), std::string::npos);
  }
}

TEST(WebhookTest, ARevisionHasTheNamesOfWhatItDid) {
  const std::optional<RevisionEvent> event = ReadRevisionEvent(Entry(kLog, kAudit));
  ASSERT_TRUE(event);
  EXPECT_EQ(EventsOf(*event), (std::vector<std::string>{"definitions.change", "flag.change", "segment.remove"}));
  struct Case {
    const char* project;
    std::vector<std::string> events;
    bool is_wanted;
  };
  for (const Case& one : {Case{"", {}, true},
                          {"shop", {}, true},
                          {"bank", {}, false},
                          {"shop", {"flag.change"}, true},
                          {"shop", {"flag.remove"}, false},
                          {"shop", {"segment.*"}, true},
                          {"shop", {"seg*"}, true},
                          {"shop", {"*"}, true},
                          {"shop", {"experiment.*", "definitions.change"}, true},
                          {"shop", {"experiment.*", "key.*"}, false},
                          {"bank", {"flag.change"}, false}}) {
    Webhook webhook;
    webhook.project = one.project;
    webhook.events = one.events;
    EXPECT_EQ(Wants(webhook, *event), one.is_wanted) << one.project << " " << one.events.size();
  }
  // One of no project is of interest to webhooks of all projects only.
  const auto key = ReadRevisionEvent(
      Entry(R"({"space":"key","id":"k"})", R"({"principal":"system","action":"key.create","subject":"k"})"));
  ASSERT_TRUE(key);
  Webhook webhook;
  EXPECT_TRUE(Wants(webhook, *key));
  webhook.project = "shop";
  EXPECT_FALSE(Wants(webhook, *key));
}

TEST(WebhookTest, WhatWasErasedIsToldToNobodyAndWhatWasTrimmedWithoutWhatChanged) {
  RevisionEntry erased = Entry("", "");
  erased.log.state = erased.audit.state = StoredPayload::State::kRedacted;
  EXPECT_FALSE(ReadRevisionEvent(erased));
  RevisionEntry trimmed = Entry("", kAudit);
  trimmed.log.state = StoredPayload::State::kCompacted;
  const auto event = ReadRevisionEvent(trimmed);
  ASSERT_TRUE(event);
  EXPECT_EQ(EventsOf(*event), std::vector<std::string>{"definitions.change"});
}

TEST(WebhookTest, TheBodySaysWhatChangedAndWhoDidIt) {
  const RevisionEvent event = *ReadRevisionEvent(Entry(kLog, kAudit));
  Webhook webhook;
  EXPECT_EQ(
      BodyFor(webhook, event),
      R"({"type":"definitions.change","timestamp":"2023-11-14T22:13:20.000Z","data":{"revision":17,"project":"shop",)"
      R"("events":["definitions.change","flag.change","segment.remove"],"subject":"shop",)"
      R"("principal":"key:4fJ2","comment":"slower ramp","changes":[{"kind":"flag","key":"checkout.layout"},)"
      R"({"kind":"flag","key":"search.v2"},{"kind":"segment","key":"beta","removed":true}]}})");
  webhook.format = WebhookFormat::kSlack;
  EXPECT_EQ(BodyFor(webhook, event),
            R"({"text":"shop: key:4fJ2 changed flag checkout.layout, changed flag search.v2, removed segment beta )"
            R"((revision 17): slower ramp"})");
  RevisionEvent odd = event;
  odd.changes.clear();
  odd.action = "webhook.create";
  odd.comment = "<!channel> & co";
  EXPECT_EQ(BodyFor(webhook, odd),
            R"({"text":"shop: key:4fJ2 webhook.create shop (revision 17): &lt;!channel&gt; &amp; co"})");
}

TEST(WebhookTest, AVeryLargeChangeIsCutAndSaysSo) {
  RevisionEvent event = *ReadRevisionEvent(Entry(kLog, kAudit));
  event.changes.assign(5'000, {"flag", std::string(128, 'k'), false});
  for (const WebhookFormat format : {WebhookFormat::kJson, WebhookFormat::kSlack}) {
    Webhook webhook;
    webhook.format = format;
    const std::string body = BodyFor(webhook, event);
    EXPECT_LT(body.size(), 64u << 10);
    EXPECT_NE(body.find(format == WebhookFormat::kJson ? R"("changes_left_out":4800)" : "and 4990 more"),
              std::string::npos);
  }
}

// Of an experiment whose state moved, as the catalog's log has it.
std::string Moved(const std::string& key, const std::string& before, const std::string& after) {
  return R"({"kind":"experiment","key":")" + key +
         R"(","experiment":{"environment":"production","variants":["control","one_page"],"before":)" + before +
         R"(,"after":)" + after + "}}";
}
std::string Stands(const std::string& status, int iteration, const std::string& more = "") {
  return R"({"status":")" + status + R"(","iteration":)" + std::to_string(iteration) + R"(,"ramp_step":0)" + more + "}";
}
std::string LogOf(const std::string& changes) {
  return R"({"project":"shop","changes":[)" + changes + "]}";
}

TEST(WebhookTest, AnExperimentHasAnEventForEachTurnThatItTakes) {
  const std::string kWinner = R"(,"winner":"one_page")";
  struct Case {
    std::string before, after, event;
  };
  for (const Case& one : std::initializer_list<Case>{
           {Stands("draft", 0), Stands("running", 1), "experiment.started"},
           {Stands("scheduled", 0), Stands("running", 1), "experiment.started"},
           {Stands("stopped", 1), Stands("running", 2), "experiment.started"},
           {Stands("running", 1), Stands("running", 2), "experiment.started"},
           {Stands("running", 1), Stands("paused", 1), "experiment.paused"},
           {Stands("draft", 0), Stands("paused", 1), "experiment.paused"},
           {Stands("paused", 1), Stands("running", 1), "experiment.resumed"},
           {Stands("running", 1), Stands("stopped", 1), "experiment.stopped"},
           {Stands("paused", 1), Stands("stopped", 1), "experiment.stopped"},
           {Stands("running", 1), Stands("concluded", 1, kWinner), "experiment.concluded"},
           {Stands("stopped", 1), Stands("concluded", 1, kWinner), "experiment.concluded"},
           {Stands("draft", 0), Stands("scheduled", 0), ""},
           {Stands("draft", 0), Stands("stopped", 0), ""},
           {Stands("scheduled", 1), Stands("stopped", 1), ""},
           {R"({"status":"running","iteration":1,"ramp_step":0})",
            R"({"status":"running","iteration":1,"ramp_step":1})", ""},
       }) {
    const auto event = ReadRevisionEvent(Entry(LogOf(Moved("e", one.before, one.after)), kAudit));
    std::vector<std::string> expected = {"definitions.change", "experiment.change"};
    if (!one.event.empty()) expected.push_back(one.event);
    EXPECT_EQ(EventsOf(*event), expected) << one.before << " → " << one.after;
  }
}

TEST(WebhookTest, TheBodySaysWhatBefellAnExperiment) {
  const RevisionEvent event = *ReadRevisionEvent(
      Entry(LogOf(Moved("checkout-one-page", Stands("draft", 0), Stands("running", 1)) + "," +
                  Moved("search", Stands("running", 3), Stands("concluded", 3, R"(,"winner":"one_page")")) +
                  R"(,{"kind":"flag","key":"search.v2"})"),
            kAudit));
  Webhook webhook;
  const Value body = *ParseJson(BodyFor(webhook, event));
  EXPECT_EQ(ToJson(*body.Find("data")->Find("experiments")),
            R"([{"event":"experiment.started","key":"checkout-one-page","environment":"production","was":"draft",)"
            R"("is":"running","iteration":1,"variants":["control","one_page"]},)"
            R"({"event":"experiment.concluded","key":"search","environment":"production","was":"running",)"
            R"("is":"concluded","iteration":3,"variants":["control","one_page"],"winner":"one_page"}])");
  webhook.format = WebhookFormat::kSlack;
  EXPECT_EQ(BodyFor(webhook, event),
            R"({"text":"shop: Experiment checkout-one-page started (iteration 1) in production, experiment search )"
            R"(concluded (iteration 3, winner one_page) in production by key:4fJ2; changed flag search.v2 )"
            R"((revision 17): slower ramp"})");
  const RevisionEvent applied = *ReadRevisionEvent(Entry(
      LogOf(Moved("e", Stands("running", 1), Stands("paused", 1))),
      R"({"principal":"key:4f","action":"change_request.apply","subject":"shop","change_request":"12","comment":"go"})"));
  EXPECT_EQ(
      BodyFor(webhook, applied),
      R"({"text":"shop: Experiment e paused (iteration 1) in production by key:4f, who applied change request 12 )"
      R"((revision 17): go"})");
  webhook.events = {"experiment.paused"};
  EXPECT_TRUE(Wants(webhook, applied));
  EXPECT_FALSE(Wants(webhook, event));

  RevisionEvent large = event;
  RevisionEvent::Change change = large.changes[0];
  change.key = std::string(128, 'k');
  change.move->variants.assign(50, std::string(128, 'v'));
  large.changes.assign(5'000, change);
  webhook.format = WebhookFormat::kJson;
  const std::string cut = BodyFor(webhook, large);
  EXPECT_LT(cut.size(), 64u << 10);
  EXPECT_NE(cut.find(R"("experiments_left_out":4990)"), std::string::npos);
  EXPECT_NE(cut.find(R"("variants_left_out":40)"), std::string::npos);
}

TEST(WebhookTest, ChangeRequestsCommentsAndEmergenciesAreToldInWords) {
  Webhook slack;
  slack.format = WebhookFormat::kSlack;
  struct Case {
    std::string log, audit, text;
    std::vector<std::string> events;
  };
  const std::string kItem = R"({"space":"x","id":"y"})";
  for (
      const Case& one : std::initializer_list<Case>{
          {kItem,
           R"({"principal":"key:4f","action":"change_request.open","subject":"shop/12","project":"shop","comment":"EU","change_request":"12"})",
           "shop: key:4f opened change request 12 (revision 17): EU",
           {"change_request.open"}},
          {kItem,
           R"({"principal":"system","action":"change_request.stale","subject":"shop/12","project":"shop","comment":"flag 'a' changed in revision 16","change_request":"12"})",
           "shop: system finds stale change request 12 (revision 17): flag 'a' changed in revision 16",
           {"change_request.stale"}},
          {kLog,
           R"({"principal":"key:4f","action":"change_request.apply","subject":"shop","project":"shop","change_request":"12","requested_by":["key:4f"],"approved_by":["member:ana","member:ben"]})",
           "shop: key:4f applied change request 12: changed flag checkout.layout, changed flag search.v2, removed "
           "segment beta (revision 17), approved by member:ana, member:ben",
           {"change_request.apply", "flag.change", "segment.remove"}},
          {R"({"project":"shop","changes":[{"kind":"flag","key":"a"}]})",
           R"({"principal":"key:4f","action":"definitions.change","subject":"shop","project":"shop","overridden":["production"],"emergency":"orders fail"})",
           "shop: EMERGENCY in production: key:4f changed flag a (revision 17), without approvals, as orders fail",
           {"definitions.change", "flag.change", "emergency.override"}},
          {kItem,
           R"({"principal":"key:4f","action":"comment.create","subject":"shop/flag/checkout.layout/3","project":"shop"})",
           "shop: key:4f commented on flag checkout.layout (revision 17)",
           {"comment.create"}},
          {kItem,
           R"({"principal":"key:4f","action":"comment.delete","subject":"shop/change_request/12/3","project":"shop"})",
           "shop: key:4f took back a comment on change request 12 (revision 17)",
           {"comment.delete"}},
      }) {
    const std::optional<RevisionEvent> event = ReadRevisionEvent(Entry(one.log, one.audit));
    ASSERT_TRUE(event);
    EXPECT_EQ(ParseJson(BodyFor(slack, *event))->Find("text")->AsString(), one.text);
    EXPECT_EQ(EventsOf(*event), one.events);
  }
  Webhook json;
  const std::optional<RevisionEvent> event = ReadRevisionEvent(Entry(
      kLog,
      R"({"principal":"k","action":"change_request.apply","subject":"shop","change_request":"12","approved_by":["member:ana"],"overridden":["production"],"emergency":"now"})"));
  EXPECT_NE(
      BodyFor(json, *event)
          .find(R"("change_request":"12","approved_by":["member:ana"],"overridden":["production"],"emergency":"now")"),
      std::string::npos)
      << BodyFor(json, *event);
  json.events = {"emergency.override"};
  EXPECT_TRUE(Wants(json, *event));
}

TEST(WebhookTest, WhatWasFoundOfAnExperimentIsToldWithItsNumbers) {
  const std::string finding =
      R"({"iteration":1,"kind":"guardrail_breached","metric":"errors","action":"rollback","numbers":{"p":0.25}})";
  const std::optional<RevisionEvent> event = ReadRevisionEvent(
      Entry(R"({"project":"shop","changes":[{"kind":"experiment","key":"e"}]})",
            R"({"principal":"system:experiment","action":"experiment.rolled_back","subject":"shop","finding":)" +
                finding + "}"));
  ASSERT_TRUE(event);
  EXPECT_EQ(EventsOf(*event),
            (std::vector<std::string>{"experiment.rolled_back", "experiment.change", "experiment.guardrail_breached"}));
  EXPECT_NE(BodyFor(Webhook(), *event).find(R"("finding":)" + finding), std::string::npos);
}

}  // namespace
}  // namespace guidon
