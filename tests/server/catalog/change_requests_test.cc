// Change requests: what state each step leads to, who may take it, schedules on a clock of their own, and writes whose
// end nobody knows.
#include "server/catalog/change_requests.h"

#include <gtest/gtest.h>

#include <map>
#include <random>
#include <set>

#include "server/catalog/comments.h"
#include "server/catalog/records.h"
#include "tests/server/catalog/catalog_fixture.h"

namespace guidon {
namespace {

constexpr std::int64_t kMinuteMs = 60'000;

// Flags a (production, protected) and s (staging, not); the state of request 1, and steps by people of one letter.
class Office {
 public:
  explicit Office(const std::string& driver = "memory", int approvals = 1) : on(driver) {
    on.MakeShop(
        R"({"project":"shop","environments":{"staging":{},"production":{"protected":true,"required_approvals":)" +
        std::to_string(approvals) + "}}}");
    for (const char* key : {"a", "s"}) on.MustCommit({PutOf(Flag(key), FlagOf(key, false))});
    Open();
  }
  void Open() {
    ChangeRequestOptions options;
    options.now_ms = [this] { return now_ms; };
    options.most_closed = most_closed;
    // "key:ana-2" is another key of key:ana.
    options.person_of = [](std::string_view principal) {
      return std::string(principal.substr(0, principal.find('-')));
    };
    options.since_of = [this](std::string_view person) -> std::optional<std::int64_t> {
      const auto held = since_ms.find(person);
      return held == since_ms.end() ? std::nullopt : std::optional(held->second);
    };
    options.rights_of = [this](const std::string& principal, const std::string&) -> Permit {
      return RightsOf(principal);
    };
    options.approval_rights_of = options.rights_of;
    options.report = [this](const ChangeRequest&, const std::string& what) { reports.push_back(what); };
    requests = std::make_unique<ChangeRequests>(on.catalog(), std::move(options));
    on.on_item = [this](const Item& item) { EXPECT_TRUE(requests->Take(item)); };
    EXPECT_TRUE(requests->Load());
  }
  Permit RightsOf(const std::string& principal) const {
    if (!revoked.contains(principal)) return {};
    return [](const Alteration&) -> Status { return Fail(ErrorCode::kPermissionDenied, "it was revoked"); };
  }
  void Restart() {
    requests.reset();
    on.Restart();
    Open();
  }

  static std::string FlagOf(const std::string& key, bool enabled) {
    return std::string(R"({"type":"boolean","owner":"x","environments":{")") + (key == "s" ? "staging" : "production") +
           R"(":{"enabled":)" + (enabled ? "true" : "false") + R"(,"default":"on"}}})";
  }
  static Author By(const std::string& who) { return {"key:" + who, "r", ""}; }

  // "" when it was done, else the code of the error.
  std::string Outcome(const Result<ChangeRequest>& result) {
    if (!result) said = result.error().message;
    if (!result && !result.error().issues.empty() && result.error().issues[0].code == kChangeRequestRequired) {
      return std::string(kChangeRequestRequired);
    }
    return result ? "" : std::string(ToString(result.error().code));
  }
  std::string OpenBy(const std::string& who, const std::string& flag = "a", std::int64_t in_ms = 0) {
    NewChangeRequest wanted{
        .project = "shop", .title = "t", .description = "", .edits = {PutOf(Flag(flag), FlagOf(flag, true))}};
    if (in_ms != 0) wanted.apply_at_ms = now_ms + in_ms;
    return Outcome(requests->Open(wanted, By(who)));
  }
  // "approve ben", "apply ana", "rebase eve", "emergency eve", "schedule ana", "commit", "look", "restart", "wait" …
  std::string Do(const std::string& step) {
    const std::string verb = step.substr(0, step.find(' '));
    const Author author = By(step.substr(step.find(' ') + 1));
    if (verb == "open") return OpenBy(author.principal.substr(4));
    if (verb == "approve") {
      const Result<ChangeRequest> held = requests->Find("shop", 1);
      return Outcome(requests->Approve("shop", 1, held ? held->version : 1, author, {}));
    }
    if (verb == "old-approve") return Outcome(requests->Approve("shop", 1, 77, author, {}));
    if (verb == "reject") return Outcome(requests->Reject("shop", 1, "no", author, {}));
    if (verb == "withdraw") return Outcome(requests->Withdraw("shop", 1, author, false));
    if (verb == "rebase") return Outcome(requests->Rebase("shop", 1, author, RightsOf(author.principal)));
    if (verb == "apply") return Outcome(requests->Apply("shop", 1, author, {}));
    if (verb == "emergency") {
      Author hurried = author;
      hurried.emergency = "orders fail";
      return Outcome(requests->Apply("shop", 1, hurried, {}));
    }
    if (verb == "change") {
      ChangeRequestEdit edit;
      edit.edits = {
          {PatchOf(Flag("a"), R"({"description":"changed","environments":{"production":{"enabled":true}}})")}};
      return Outcome(requests->Change("shop", 1, edit, author));
    }
    if (verb == "retitle")
      return Outcome(requests->Change("shop", 1, {.title = "u", .description = {}, .edits = {}}, author));
    if (verb == "schedule") return Outcome(requests->Schedule("shop", 1, now_ms + 10 * kMinuteMs, author, {}));
    if (verb == "unschedule") return Outcome(requests->Schedule("shop", 1, 0, author, {}));
    if (verb == "commit") on.MustCommit({PatchOf(Flag("a"), R"({"tags":["t)" + std::to_string(++commits) + "\"]}")});
    if (verb == "wait") now_ms += 11 * kMinuteMs;
    if (verb == "sleep") now_ms += 3 * 60 * kMinuteMs;
    if (verb == "revoke") revoked.insert(author.principal);
    if (verb == "restore") revoked.erase(author.principal);
    if (verb == "restart") Restart();
    if (verb == "look") requests->Look();
    return "";
  }
  std::string State() {
    const Result<ChangeRequest> request = requests->Find("shop", 1);
    if (!request) return "none";
    const std::string state(ToString(requests->StateOf(*request, &on.Project())));
    // What is listed is what is kept.
    for (const ChangeRequest& listed : requests->List("shop")) {
      if (listed.number != 1) continue;
      EXPECT_EQ(ToString(requests->StateOf(listed, &on.Project())), state);
    }
    return state;
  }
  bool IsOn() { return on.DefinitionOf(Flag("a")).find(R"("enabled":true)") != std::string::npos; }
  AuditEntry Newest() { return *on.catalog().audit().Find(on.head()); }

  CatalogHarness on;
  std::int64_t now_ms = 1'798'761'600'000;
  std::size_t most_closed = kMostClosedRequests;
  std::set<std::string> revoked;
  std::map<std::string, std::int64_t, std::less<>> since_ms;  // of persons; who is not there is known for ever
  std::vector<std::string> reports;
  std::string said;
  int commits = 0;
  std::unique_ptr<ChangeRequests> requests;
};

TEST(ChangeRequestsTest, EveryStepLeadsWhereTheTableSays) {
  struct Case {
    const char* steps;  // after "open ana", each with what came of it where that is not done
    const char* state;
    bool is_on;
  };
  for (const Case& one : std::initializer_list<Case>{
           {"", "open", false},
           {"approve ana permission_denied", "open", false},
           {"approve ana-2 permission_denied", "open", false},
           {"old-approve ben stale", "open", false},
           {"apply ana change_request_required", "open", false},
           {"approve ben", "approved", false},
           {"approve ben; apply ana", "applied", true},
           {"approve ben; apply ana; apply ana conflict", "applied", true},
           {"approve ben; apply ana; approve cat conflict", "applied", true},
           {"approve ben; retitle ana", "approved", false},
           {"approve ben; change ana", "open", false},
           {"change ben permission_denied", "open", false},
           {"change ana; approve ben; apply ben", "applied", true},
           {"approve ben; commit", "stale", false},
           {"approve ben; commit; apply ana conflict", "stale", false},
           {"commit; approve ben conflict", "stale", false},
           {"commit; emergency eve conflict", "stale", false},
           {"approve ben; commit; rebase ana", "open", false},
           {"approve ben; commit; rebase ana; approve ben; apply ana", "applied", true},
           {"approve ben; rebase ana", "approved", false},  // there was nothing to do
           {"commit; rebase eve; approve eve permission_denied; approve ben", "approved", false},
           {"emergency eve", "applied", true},
           {"reject ben; approve ben conflict", "rejected", false},
           {"withdraw ben permission_denied", "open", false},
           {"withdraw ana; commit; rebase ana conflict", "withdrawn", false},
           {"schedule ana; look", "open", false},
           {"schedule ana; approve ben; look", "scheduled", false},
           {"schedule ana; approve ben; wait; look", "applied", true},
           {"schedule ana; approve ben; wait; look; look; restart; look", "applied", true},
           {"schedule ana; approve ben; wait; restart; look", "applied", true},
           {"schedule ana; approve ben; sleep; restart; look", "failed", false},
           {"schedule ana; wait; look", "failed", false},
           {"schedule ana; approve ben; commit; wait; look", "failed", false},
           {"schedule ana; approve ben; commit; look; rebase ana; approve ben; wait; look", "applied", true},
           {"schedule ana; approve ben; revoke ana; wait; look", "failed", false},
           {"schedule ben; approve cat; revoke ben; wait; look", "failed", false},
           // Who may not approve any more has not approved, at whatever time it is looked at.
           {"approve ben; revoke ben; apply ana change_request_required", "open", false},
           {"approve ben; revoke ben; restore ben; apply ana", "applied", true},
           {"approve ben; revoke ben; approve cat; apply ana", "applied", true},
           {"approve ben; revoke ben; emergency eve", "applied", true},
           {"schedule ana; approve ben; revoke ben; wait; look", "failed", false},
           // Nobody's edits are applied in the name of somebody else.
           {"schedule ana; commit; revoke eve; rebase eve permission_denied; change eve permission_denied", "stale",
            false},
           {"revoke ana; commit; rebase ana", "open", false},  // one's own
           {"schedule ana; commit; rebase eve; change eve; approve ben; revoke eve; wait; look", "failed", false},
           {"schedule ana; commit; rebase eve; rebase ana; approve ben; revoke eve; wait; look", "failed", false},
           {"schedule ana; change ana-2; approve ben; revoke ana-2; wait; look", "failed", false},
           {"schedule ana; approve ben; unschedule ana; wait; look", "approved", false},
           {"schedule ana; approve ben; apply ana; wait; look", "applied", true},
           {"approve ben; restart", "approved", false},
       }) {
    SCOPED_TRACE(one.steps);
    Office office;
    ASSERT_EQ(office.Do("open ana"), "");
    std::istringstream steps(one.steps);
    for (std::string step; std::getline(steps, step, ';');) {
      std::istringstream words(step);
      std::string verb, who, expected;
      words >> verb >> who >> expected;
      EXPECT_EQ(office.Do(verb + " " + who), expected) << step << ": " << office.said;
    }
    EXPECT_EQ(office.State(), one.state);
    EXPECT_EQ(office.IsOn(), one.is_on);
  }
}

// Random steps against a model that says what should come of them.
TEST(ChangeRequestsTest, ARandomWalkIsWhereTheModelIs) {
  const std::uint32_t seed = 20'270'101;
  SCOPED_TRACE(seed);
  std::mt19937 random(seed);
  for (int walk = 0; walk < 24; ++walk) {
    const int required = 1 + walk % 3;
    Office office("memory", required);
    ASSERT_EQ(office.Do("open ana"), "");
    std::set<std::string> authors = {"ana"}, approvals;
    bool stale = false, is_on = false;
    std::int64_t due_ms = 0;
    std::string closed;
    const std::vector<std::string> people = {"ana", "ben", "cat", "dan", "eve"};
    std::string path;
    for (int i = 0; i < 30; ++i) {
      const std::string who = people[random() % people.size()];
      const std::vector<std::string> verbs = {"approve",  "approve", "approve", "apply",  "rebase",  "commit",
                                              "schedule", "wait",    "look",    "change", "restart", "emergency"};
      const std::string verb = verbs[random() % (i < 20 ? verbs.size() - 1 : verbs.size())];
      const bool is_live = closed.empty();
      const bool is_enough = approvals.size() >= static_cast<std::size_t>(required);
      std::string expected;
      if (verb == "approve") {
        expected = !is_live || stale ? "conflict" : authors.contains(who) ? "permission_denied" : "";
        if (expected.empty()) approvals.insert(who);
      } else if (verb == "apply" || verb == "emergency") {
        expected = !is_live || stale ? "conflict" : is_enough || verb == "emergency" ? "" : "change_request_required";
        if (expected.empty()) closed = "applied", is_on = true;
      } else if (verb == "rebase") {
        expected = is_live ? "" : "conflict";
        if (is_live && stale) approvals.clear(), authors.insert(who), stale = false;
      } else if (verb == "change") {
        expected = !is_live ? "conflict" : authors.contains(who) ? "" : "permission_denied";
        if (expected.empty()) approvals.clear(), stale = false;
      } else if (verb == "commit") {
        stale = stale || is_live;
      } else if (verb == "schedule") {
        expected = is_live ? "" : "conflict";
        if (is_live) due_ms = office.now_ms + 10 * kMinuteMs;
      } else if (verb == "look" && is_live && due_ms != 0 && due_ms <= office.now_ms) {
        const bool is_late = office.now_ms - due_ms > kMostLateMs;
        closed = !is_late && !stale && is_enough ? "applied" : "failed";
        is_on = closed == "applied";
      }
      path += verb + " " + who + "; ";
      ASSERT_EQ(office.Do(verb + " " + who), expected) << path << office.said;
      const std::string live = stale                                                   ? "stale"
                               : approvals.size() < static_cast<std::size_t>(required) ? "open"
                               : due_ms != 0                                           ? "scheduled"
                                                                                       : "approved";
      ASSERT_EQ(office.State(), closed.empty() ? live : closed) << path;
      ASSERT_EQ(office.IsOn(), is_on) << path;
    }
  }
}

TEST(ChangeRequestsTest, WhatAppliesItSaysWhoWantedAndWhoApprovedIt) {
  Office office("memory", 2);
  office.Do("open ana");
  office.Do("approve ben");
  office.Do("approve ben-2");  // the same person
  EXPECT_EQ(office.State(), "open");
  const Revision before = office.on.head();
  EXPECT_EQ(office.Do("apply cat"), "change_request_required");
  EXPECT_NE(office.said.find("has 1 approval, and 'production' takes 2"), std::string::npos) << office.said;
  EXPECT_EQ(office.on.head(), before);
  office.Do("approve dan");
  EXPECT_EQ(office.Do("apply cat"), "");
  EXPECT_EQ(office.on.head(), before + 2);
  const AuditEntry entry = office.Newest();
  EXPECT_EQ(entry.action, "change_request.apply");
  EXPECT_EQ(entry.principal, "key:cat");
  EXPECT_EQ(entry.change_request, "1");
  EXPECT_EQ(entry.requested_by, std::vector<std::string>{"key:ana"});
  EXPECT_EQ(entry.approved_by, (std::vector<std::string>{"key:ben", "key:dan"}));
  EXPECT_EQ(entry.overridden, std::vector<std::string>{});
  ASSERT_EQ(entry.subjects.size(), 2u);
  EXPECT_EQ(entry.subjects[0].kind + " " + entry.subjects[0].key, "flag a");
  EXPECT_EQ(entry.subjects[1].kind + " " + entry.subjects[1].key, "change_request shop/1");
  EXPECT_EQ(office.requests->Find("shop", 1)->revision, office.on.head());
}

TEST(ChangeRequestsTest, AnEmergencyIsAuditedAsSuchAndOnlyWhereItIsOne) {
  Office office;
  office.Do("open ana");
  office.Do("emergency eve");
  AuditEntry entry = office.Newest();
  EXPECT_EQ(entry.overridden, std::vector<std::string>{"production"});
  EXPECT_EQ(entry.emergency, "orders fail");
  Office approved;
  approved.Do("open ana");
  approved.Do("approve ben");
  approved.Do("emergency eve");
  entry = approved.Newest();
  EXPECT_EQ(entry.overridden, std::vector<std::string>{});
  EXPECT_EQ(entry.emergency, "");
  Office gone;
  gone.Do("open ana");
  gone.Do("approve ben");
  gone.Do("revoke ben");
  EXPECT_EQ(gone.Do("apply ana"), "change_request_required");
  EXPECT_NE(gone.said.find("has 0 approvals of people who may still approve it, and 'production' takes 1"),
            std::string::npos)
      << gone.said;
  gone.Do("emergency eve");
  entry = gone.Newest();
  EXPECT_EQ(entry.overridden, std::vector<std::string>{"production"});
  EXPECT_EQ(entry.approved_by, std::vector<std::string>{});
}

TEST(ChangeRequestsTest, ARebaseKeepsWhatOthersChangedAndRefusesWhatBothDid) {
  Office office;
  office.Do("open ana");
  office.on.MustCommit({PatchOf(Flag("a"), R"({"description":"by somebody else"})")});
  EXPECT_EQ(office.Do("rebase ana"), "") << office.said;
  office.Do("approve ben");
  EXPECT_EQ(office.Do("apply ana"), "");
  const std::string flag = office.on.DefinitionOf(Flag("a"));
  EXPECT_NE(flag.find("by somebody else"), std::string::npos) << flag;
  EXPECT_TRUE(office.IsOn());

  Office both;
  NewChangeRequest wanted{.project = "shop",
                          .title = "t",
                          .description = "",
                          .edits = {PutOf(Flag("a"), R"({"type":"boolean","owner":"mine","environments":
                                                        {"production":{"enabled":true,"default":"on"}}})")}};
  ASSERT_TRUE(both.requests->Open(wanted, Office::By("ana")));
  both.on.MustCommit({PatchOf(Flag("a"), R"({"owner":"theirs"})")});
  EXPECT_EQ(both.Do("rebase ana"), "conflict");
  EXPECT_NE(both.said.find("(owner)"), std::string::npos) << both.said;
  both.on.MustCommit({DeleteOf(Flag("a"))});
  EXPECT_EQ(both.State(), "stale");
  EXPECT_EQ(both.Do("rebase ana"), "") << both.said;  // it is put anew
  EXPECT_EQ(both.State(), "open");
}

TEST(ChangeRequestsTest, WhatWouldAlterMoreThanWasApprovedIsRebasedFirst) {
  Office office;
  office.on.MustCommit({PutOf(Segment_("eu"), R"({"owner":"x","include":["user-1"]})")});
  NewChangeRequest wanted{.project = "shop",
                          .title = "t",
                          .description = "",
                          .edits = {PutOf(Segment_("eu"), R"({"owner":"x","include":["user-2"]})")}};
  const Result<ChangeRequest> request = office.requests->Open(wanted, Office::By("ana"));
  ASSERT_TRUE(request);
  EXPECT_EQ(office.State(), "approved") << "it is used nowhere";
  office.on.MustCommit({PatchOf(Flag("a"), R"({"environments":{"production":{"rules":[
      {"id":"eu","when":{"segment":"eu"},"serve":"off"}]}}})")});
  EXPECT_EQ(office.Do("apply ana"), "conflict");
  EXPECT_NE(office.said.find("would alter 'production', too"), std::string::npos) << office.said;
  EXPECT_EQ(office.Do("rebase ana"), "");
  EXPECT_EQ(office.State(), "open");
  EXPECT_EQ(office.requests->Find("shop", 1)->environments, std::vector<std::string>{"production"});
}

// Who may not alter production may still edit what is not used there yet.
TEST(ChangeRequestsTest, WhatARequestBringsIntoAnEnvironmentIsHeldToWhatWasApproved) {
  const auto segment = [](const std::string& user) {
    return PutOf(Segment_("beta"), R"({"owner":"x","include":[")" + user + "\"]}");
  };
  constexpr std::string_view kOnBeta =
      R"({"environments":{"production":{"rules":[{"id":"beta","when":{"segment":"beta"},"serve":"off"}]}}})";
  Office office;
  office.on.MustCommit({segment("user-1")});
  NewChangeRequest wanted{.project = "shop", .title = "t", .description = "", .edits = {PatchOf(Flag("a"), kOnBeta)}};
  ASSERT_TRUE(office.requests->Open(wanted, Office::By("ana")));
  office.Do("approve ben");
  EXPECT_EQ(office.State(), "approved");
  office.on.MustCommit({segment("everybody")});
  EXPECT_EQ(office.State(), "stale");
  EXPECT_EQ(office.Do("apply ana"), "conflict");
  EXPECT_NE(office.said.find("segment 'beta' changed in revision"), std::string::npos) << office.said;
  EXPECT_EQ(office.Do("rebase ana"), "") << office.said;
  EXPECT_EQ(office.State(), "open");
  office.Do("approve ben");
  EXPECT_EQ(office.Do("apply ana"), "") << office.said;

  // In use when it was opened, and out of use before it is applied.
  Office later;
  later.on.MustCommit({segment("user-1"), PutOf(Flag("b"), Office::FlagOf("b", true))});
  later.on.MustCommit({PatchOf(Flag("b"), kOnBeta)});
  ASSERT_TRUE(later.requests->Open(wanted, Office::By("ana")));
  later.Do("approve ben");
  later.on.MustCommit({DeleteOf(Flag("b"))});
  later.on.MustCommit({segment("everybody")});
  EXPECT_EQ(later.Do("apply ana"), "conflict");
  EXPECT_NE(later.said.find("would bring segment 'beta' of revision"), std::string::npos) << later.said;
  EXPECT_EQ(later.Do("rebase ana"), "") << later.said;
  EXPECT_EQ(later.State(), "open");
  later.Do("approve ben");
  EXPECT_EQ(later.Do("apply ana"), "") << later.said;
}

TEST(ChangeRequestsTest, ThatOneIsStaleIsSaidOnceInTheLog) {
  Office office;
  office.Do("open ana");
  office.Do("look");
  const Revision before = office.on.head();
  office.Do("commit");
  office.Do("look");
  EXPECT_EQ(office.on.head(), before + 2);
  const AuditEntry entry = office.Newest();
  EXPECT_EQ(entry.action, "change_request.stale");
  EXPECT_EQ(entry.comment, "flag 'a' changed in revision " + std::to_string(before + 1));
  office.Do("look");
  office.Do("restart");
  office.Do("look");
  EXPECT_EQ(office.on.head(), before + 2);
}

// In both ends of a write whose end nobody knows: it is applied once.
TEST(ChangeRequestsTest, AScheduleWhoseWriteWasInDoubtIsCarriedOutOnce) {
  for (const auto doubt : {DoubtfulStore::Doubt::kWritten, DoubtfulStore::Doubt::kLost}) {
    SCOPED_TRACE(static_cast<int>(doubt));
    Office office;
    office.Do("open ana");
    office.Do("schedule ana");
    office.Do("approve ben");
    office.Do("wait");
    const Revision before = office.on.head();
    office.on.doubtful().next = doubt;
    office.Do("look");
    ASSERT_EQ(office.reports.size(), 1u);
    EXPECT_TRUE(office.reports[0].starts_with("cannot be applied yet")) << office.reports[0];
    office.Do("look");
    EXPECT_EQ(office.State(), "applied");
    EXPECT_TRUE(office.IsOn());
    EXPECT_EQ(office.on.head(), before + 1);
    office.Do("look");
    EXPECT_EQ(office.on.head(), before + 1);
  }
}

TEST(ChangeRequestsTest, WhatIsRewrittenKeepsTheStepsThatWereTakenMeanwhile) {
  Office office;
  ASSERT_EQ(office.Do("open ana"), "");
  ASSERT_EQ(office.Do("open ana"), "");
  bool approved = false;
  const auto retitle = [&](const Item& item) -> std::optional<std::string> {
    Value value = *ParseJson(item.value);
    value.MutableObject().Set("title", Value("erased"));
    if (item.id != "shop/1") return std::nullopt;
    if (!std::exchange(approved, true)) {
      EXPECT_EQ(office.Do("approve ben"), "");  // after it was read
    }
    return ToJson(value);
  };
  const auto rewritten = office.requests->Rewrite(retitle, "privacy.erase", Office::By("eve"));
  ASSERT_TRUE(rewritten) << rewritten.error().message;
  EXPECT_EQ(*rewritten, 1u);
  const auto held = office.requests->List("shop");
  EXPECT_EQ(held.at(0).title, "t");
  EXPECT_EQ(held.at(1).title, "erased") << "in memory, too";
  EXPECT_EQ(held.at(1).revision, office.on.head());
  const Result<ChangeRequest> stored = office.requests->Find("shop", 1);
  EXPECT_EQ(stored->title, "erased");
  EXPECT_EQ(stored->approvals.size(), 1u) << "an approval was undone";
}

TEST(ChangeRequestsTest, WhatCouldNotBeReadIsNotWritten) {
  Office office;
  ASSERT_EQ(office.Do("open ana"), "");
  const Revision before = office.on.head();
  for (const char* text : {"{", "{}", R"({"closed":"open","changes":[{"kind":"spoon","key":"a"}]})"}) {
    const auto rewritten =
        office.requests->Rewrite([&](const Item&) { return std::string(text); }, "privacy.erase", Office::By("eve"));
    ASSERT_FALSE(rewritten) << text;
    EXPECT_EQ(rewritten.error().code, ErrorCode::kCorrupt) << text;
  }
  EXPECT_EQ(office.on.head(), before);
  EXPECT_EQ(office.requests->Find("shop", 1)->title, "t");
  EXPECT_EQ(office.Do("approve ben"), "") << "steps go on";
}

TEST(ChangeRequestsTest, WhoComesAfterItsAuthorWasErasedDoesNotApproveIt) {
  Office office;
  office.since_ms = {{"key:ana", 1}, {"key:ben", 1}, {"key:ann", office.now_ms}};
  ASSERT_EQ(office.Do("open ana"), "");
  EXPECT_EQ(office.Do("approve ana"), "permission_denied");
  for (const char* author : {"erased-k3v9x0q2", "key:erased-k3v9x0q2"}) {
    const auto erase = [&](const Item& item) -> std::optional<std::string> {
      Value value = *ParseJson(item.value);
      value.MutableObject().Set("authors", Array{Value(author)});
      return ToJson(value);
    };
    ASSERT_TRUE(office.requests->Rewrite(erase, "privacy.erase", Office::By("eve")));
    for (const char* who : {"ana", "ann"}) {  // by the same id as before, and by another one
      office.since_ms["key:ana"] = office.now_ms + 1;
      EXPECT_EQ(office.Do("approve " + std::string(who)), "permission_denied") << who;
      EXPECT_NE(office.said.find("has an author who was erased, and you came after it was opened"), std::string::npos)
          << office.said;
    }
    office.Restart();
    EXPECT_EQ(office.Do("approve ana-2"), "permission_denied") << "another key of hers";
  }
  EXPECT_EQ(office.State(), "open");
  EXPECT_EQ(office.Do("approve ben"), "") << "who was here before is none of its authors";
  EXPECT_EQ(office.State(), "approved");
  // Nobody was erased from this one.
  ASSERT_EQ(office.Do("open ben"), "");
  EXPECT_TRUE(office.requests->Approve("shop", 2, 1, Office::By("ann"), {}));
}

TEST(ChangeRequestsTest, BoundsHoldAndProjectsTakeTheirsWithThem) {
  Office office;
  EXPECT_EQ(office.OpenBy("ana", "a", -1), "invalid");
  EXPECT_EQ(office.OpenBy("ana", "a", kFarthestMs + 1), "invalid");
  for (std::size_t i = 0; i < kMostLiveRequestsOfProject; ++i) ASSERT_EQ(office.Do("open ana"), "");
  EXPECT_EQ(office.Do("open ana"), "conflict");
  office.Do("withdraw ana");
  EXPECT_EQ(office.Do("open ana"), "");
  EXPECT_EQ(office.requests->List("shop").front().number, kMostLiveRequestsOfProject + 1);
  Office roomy;
  NewChangeRequest nothing{
      .project = "shop", .title = "", .description = "", .edits = {PutOf(Flag("a"), Office::FlagOf("a", false))}};
  EXPECT_EQ(roomy.Outcome(roomy.requests->Open(nothing, Office::By("ana"))), "invalid");
  nothing.title = "nothing to change";
  EXPECT_EQ(roomy.Outcome(roomy.requests->Open(nothing, Office::By("ana"))), "invalid");
  std::string keys;
  for (std::size_t i = 0; i * 14 < kMaxRequestBytes; ++i) keys += R"("user-)" + std::to_string(1'000'000 + i) + "\",";
  keys.pop_back();
  nothing.edits = {PutOf(Segment_("many"), R"({"owner":"x","include":[)" + keys + "]}")};
  EXPECT_EQ(roomy.Outcome(roomy.requests->Open(nothing, Office::By("ana"))), "too_large") << roomy.said;

  Comments comments(office.on.catalog(), {.now_ms = [&] { return office.now_ms; }});
  ASSERT_TRUE(comments.Add({"shop", "flag", "a"}, "hello", Office::By("ana")));
  ASSERT_TRUE(comments.Add({"shop", "change_request", "2"}, "hello", Office::By("ana")));
  office.on.MustCommit({DeleteOf(Flag("a"))});
  EXPECT_TRUE(comments.List({"shop", "flag", "a"})->empty()) << "the next flag of that key would inherit them";
  EXPECT_EQ(comments.List({"shop", "change_request", "2"})->size(), 1u);
  office.on.MustCommit({DeleteOf(Flag("s"))});
  const Result<Committed> gone =
      office.on.catalog().DeleteProject("shop", {}, Office::By("ana"), IdempotencyKey{"k", "hash"});
  ASSERT_TRUE(gone);
  // Written when the project had gone, or what it is about had: the next of that name would inherit it.
  for (const char* id : {"shop/7", "shop/flag/a/1", "shop/change_request/2/2"}) {
    const std::string space(std::string_view(id) == "shop/7" ? kChangeRequestSpace : kCommentSpace);
    const Result<Committed> late = office.on.catalog().PutItem({space, id, "{}", "shop"}, "x", Office::By("ana"));
    EXPECT_EQ(late ? ErrorCode::kInternal : late.error().code, ErrorCode::kNotFound) << id;
  }
  office.requests->Forget("shop", gone->revision);
  office.on.MakeShop();
  EXPECT_EQ(comments.Add({"shop", "change_request", "2"}, "late", Office::By("ana")).error().code,
            ErrorCode::kNotFound);
  EXPECT_TRUE(office.requests->List("shop").empty());
  EXPECT_EQ(office.State(), "none");
  office.on.MustCommit({PutOf(Flag("a"), Office::FlagOf("a", false))});
  EXPECT_EQ(office.Do("open ana"), "");
  const Result<Committed> again =
      office.on.catalog().DeleteProject("shop", {}, Office::By("ana"), IdempotencyKey{"k", "hash"});
  ASSERT_TRUE(again && again->replayed);
  office.requests->Forget("shop", again->revision);
  EXPECT_EQ(office.requests->List("shop").size(), 1u) << "those of the next project are not what was deleted";
  EXPECT_EQ(office.State(), "approved");
  EXPECT_TRUE(comments.List({"shop", "change_request", "2"})->empty());
}

TEST(ChangeRequestsTest, NumbersAreGivenOnceAlsoWhenTheOldestAreForgotten) {
  Office office;
  office.most_closed = 2;
  office.Open();
  for (std::uint64_t number = 1; number <= 4; ++number) {
    ASSERT_EQ(office.Do("open ana"), "");
    EXPECT_EQ(office.requests->List("shop").front().number, number);
    ASSERT_TRUE(office.requests->Withdraw("shop", number, Office::By("ana"), false));
    office.now_ms -= kMinuteMs;  // a clock that was set back: the newest looks like the oldest
  }
  EXPECT_EQ(office.requests->List("shop").size(), 2u);
}

TEST(CommentsTest, ANumberIsGivenOnceAlsoWhenTheLastWasTakenBack) {
  CatalogHarness on("memory");
  on.MakeShop();
  on.MustCommit({PutOf(Flag("a"), Office::FlagOf("a", false)), PutOf(Flag("b"), Office::FlagOf("b", false))});
  Comments comments(on.catalog(), {.now_ms = [] { return 7; }});
  const CommentSubject flag{"shop", "flag", "a"};
  const auto add = [&](const CommentSubject& subject) {
    return comments.Add(subject, "hello", Office::By("ana"))->number;
  };
  const auto remove = [&](std::uint64_t number) { EXPECT_TRUE(comments.Remove(flag, number, Office::By("ana"))); };
  EXPECT_EQ(add(flag), 1u);  // as servers of before wrote it: there is nothing beside it
  EXPECT_EQ(add(flag), 2u);
  remove(2);
  on.Restart();
  Comments later(on.catalog(), {.now_ms = [] { return 7; }});
  EXPECT_EQ(later.Add(flag, "hello", Office::By("ana"))->number, 3u);
  EXPECT_EQ(later.List(flag)->size(), 2u);
  EXPECT_TRUE(later.Remove(flag, 1, Office::By("ana")));
  EXPECT_TRUE(later.Remove(flag, 3, Office::By("ana")));
  EXPECT_TRUE(later.List(flag)->empty());
  EXPECT_EQ(later.Add(flag, "hello", Office::By("ana"))->number, 4u);
  EXPECT_EQ(later.Add({"shop", "flag", "b"}, "hello", Office::By("ana"))->number, 1u);
  // The next flag of that key begins anew.
  on.MustCommit({DeleteOf(Flag("a"))});
  on.MustCommit({PutOf(Flag("a"), Office::FlagOf("a", false))});
  EXPECT_EQ(later.Add(flag, "hello", Office::By("ana"))->number, 1u);
}

TEST(CommentsTest, AreOnesOwnPlainAndBounded) {
  CatalogHarness on("memory");
  on.MakeShop();
  Comments comments(on.catalog(), {.now_ms = [] { return 7; }});
  const CommentSubject flag{"shop", "flag", "a"};
  EXPECT_EQ(comments.Add(flag, "hello", Office::By("ana")).error().code, ErrorCode::kNotFound);
  on.MustCommit({PutOf(Flag("a"), Office::FlagOf("a", false))});
  for (const std::string& text :
       {std::string(), std::string("\x1b[31mred"), std::string(kMaxCommentTextBytes + 1, 'x')}) {
    EXPECT_FALSE(comments.Add(flag, text, Office::By("ana")));
  }
  for (std::size_t i = 0; i < kMostComments; ++i) ASSERT_TRUE(comments.Add(flag, "line\none", Office::By("ana")));
  EXPECT_EQ(comments.Add(flag, "more", Office::By("ana")).error().code, ErrorCode::kConflict);
  EXPECT_EQ(comments.Remove(flag, 2, Office::By("ben")).error().code, ErrorCode::kPermissionDenied);
  EXPECT_TRUE(comments.Remove(flag, 2, Office::By("ana")));
  EXPECT_EQ(comments.Remove(flag, 2, Office::By("ana")).error().code, ErrorCode::kNotFound);
  const auto list = comments.List(flag);
  ASSERT_EQ(list->size(), kMostComments - 1);
  EXPECT_EQ(list->at(1).number, 3u);
  EXPECT_EQ(list->back().number, kMostComments) << "they are in the order of their numbers";
  const AuditEntry entry = *on.catalog().audit().Find(on.head());
  EXPECT_EQ(entry.action, "comment.delete");
  EXPECT_EQ(EncodeAudit(entry, "").find("line"), std::string::npos) << "what is taken back is gone";
}

}  // namespace
}  // namespace guidon
