// What an erasure and an export look at: one project or all, mentions or none, every copy in the folder of backups.
#include "server/privacy/privacy.h"

#include <gmock/gmock.h>

#include <atomic>
#include <filesystem>
#include <fstream>
#include <future>

#include "core/base/json.h"
#include "core/codec/codec.h"
#include "server/catalog/comments.h"
#include "server/ingest/fold.h"
#include "server/store/chain.h"
#include "tests/support/process.h"

namespace guidon {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::StartsWith;
using ::testing::UnorderedElementsAre;

const Author kAna{"key:ana", "r", ""};

// A store in memory that counts what is shown and, once told so, stops before the step after the next `steps`: a
// transaction, one value rewritten, one key forgotten, a purge. From then on it is dead, as for a killed process.
class MortalStore final : public Store {
 public:
  static constexpr int kForEver = 1'000'000;
  std::atomic<int> steps = kForEver;  // left
  mutable std::atomic<std::size_t> shown = 0;

  void Submit(Txn txn, TxnDone done) override {
    if (!Lives()) return done(Fail(Dead()));
    store_->Submit(std::move(txn), std::move(done));
  }
  Result<RangeResult> Range(const RangeQuery& query) const override { return store_->Range(query); }
  Result<std::vector<std::optional<std::string>>> GetPlain(const std::vector<std::string>& keys) const override {
    return store_->GetPlain(keys);
  }
  Result<std::vector<RevisionEntry>> Revisions(Revision from, Revision to, std::size_t limit) const override {
    return store_->Revisions(from, to, limit);
  }
  std::unique_ptr<WatchCursor> Watch(Position after, std::function<void()> wake) override {
    return store_->Watch(after, std::move(wake));
  }
  using Store::Compact;
  Status Compact(Position position, const std::function<bool()>& stop) override {
    return store_->Compact(position, stop);
  }
  Position compacted() const override { return store_->compacted(); }
  Result<std::size_t> Rewrite(KeySpace space, const Rewriter& rewrite, const std::function<bool()>& stop) override {
    bool lives = steps > 0;
    const Rewriter until_dead = [&](const KeyValue& stored, bool is_newest) {
      std::optional<std::string> value = lives ? rewrite(stored, is_newest) : std::nullopt;
      if (value && !Lives()) {
        lives = false;
        value.reset();
      }
      return value;
    };
    Result<std::size_t> done = store_->Rewrite(space, until_dead, stop);
    return lives ? done : Fail(Dead());
  }
  Status Forget(const std::vector<std::string>& keys, const std::function<bool()>& stop) override {
    for (const std::string& key : keys) {
      if (!Lives()) return Fail(Dead());
      if (Status gone = store_->Forget({key}, stop); !gone) return gone;
    }
    return {};
  }
  Status ScanFrom(KeySpace space, const ScanPlace& from, const Scanner& see,
                  const std::function<bool()>& stop) const override {
    const Scanner counts = [&](const KeyValue& stored, bool is_newest) {
      ++shown;
      return see(stored, is_newest);
    };
    return store_->ScanFrom(space, from, counts, stop);
  }
  Status Purge(const std::function<bool()>& stop) override { return Lives() ? store_->Purge(stop) : Fail(Dead()); }
  StoreHead Head() const override { return store_->Head(); }
  std::string Epoch() const override { return store_->Epoch(); }
  Status Health() const override { return store_->Health(); }

 private:
  bool Lives() { return steps.fetch_sub(1) > 0; }
  static Error Dead() { return {ErrorCode::kUnavailable, "the process was killed", {}}; }

  const std::unique_ptr<Store> store_ = OpenMemoryStore();
};

// How it ended.
ErasureState EraseBy(Privacy& privacy, const UnitRequest& request) {
  const Result<ErasureState> begun = privacy.Start(request, kAna);
  EXPECT_TRUE(begun) << begun.error().message;
  if (!begun) return {};
  ErasureState state = *begun;
  EXPECT_TRUE(testing::Eventually([&] {
    state = *privacy.Find(begun->id);
    return state.phase != ErasureState::Phase::kRunning;
  }));
  return state;
}

class PrivacyTest : public ::testing::Test {
 protected:
  PrivacyTest() {
    EXPECT_TRUE(catalog_.Load());
    for (const char* project : {"shop", "bank"}) {
      Apply(project, R"(,"description":"the first for user-4")");
      Apply(project, "");  // as it is, and as it was last applied: without it; the past has it
      Open(project, "for user-4");
      EXPECT_TRUE(comments_.Add({project, "flag", "beta"}, "asked for by user-4", kAna));
      Append(project, R"([{"type":"track","context":{"key":"user-4"}},)"
                      R"({"type":"track","context":{"key":"a"},"attributes":{"by":"user-4"}}])");
    }
  }

  void Apply(const std::string& project, const std::string& of_project) {
    WorkspaceRequest request;
    request.workspace.project = *DecodeProject(
        *ParseJson(R"({"project":")" + project + R"(","environments":{"production":{}})" + of_project + "}"));
    request.workspace.entities.Append(*DecodeEntity(
        EntityKind::kFlag,
        *ParseJson(R"({"flag":"beta","type":"boolean","owner":"x","description":"beta of user-4","environments":)"
                   R"({"production":{"enabled":true,"targets":{"on":["user-4","user-5"]},"default":"off"}}})")));
    request.author = kAna;
    const auto applied = catalog_.ApplyWorkspace(request);
    EXPECT_TRUE(applied) << applied.error().message;
  }
  void Open(const std::string& project, const std::string& title) {
    const Value patch = *ParseJson(R"({"owner":"y"})");
    const auto opened = requests_.Open({.project = project,
                                        .title = title,
                                        .description = "",
                                        .edits = {{{EntityKind::kFlag, "beta"}, Edit::Action::kPatch, patch, {}}}},
                                       kAna);
    EXPECT_TRUE(opened) << opened.error().message;
  }
  void Append(const std::string& project, const std::string& events) {
    NewEntry entry{project, "production", "4fJ2kQz9wXbT", {}, "answer"};
    entry.batch.id = "of-" + project + "-" + std::to_string(++batches_);
    entry.batch.sender = "\"sent\":7,";
    entry.batch.events = events;
    std::promise<bool> answer;
    journal_->Append(std::move(entry),
                     [&](const Result<Appended>& done) { answer.set_value(static_cast<bool>(done)); });
    EXPECT_TRUE(answer.get_future().get());
  }

  // How it ended.
  ErasureState Erase(const UnitRequest& request) {
    ErasureState state = EraseBy(privacy_, request);
    EXPECT_EQ(state.phase, ErasureState::Phase::kDone) << state.error.message;
    return state;
  }
  std::string Export(const UnitRequest& request, std::size_t limit = kMostFindings) {
    std::string lines;
    std::optional<std::string> cursor = "";
    for (pages_ = 0; cursor && pages_ < 1'000; ++pages_) {
      Result<UnitPage> page = privacy_.Export(request, *cursor, limit);
      if (!page) return std::string(ToString(page.error().code));
      EXPECT_LE(page->findings.size(), limit);
      for (const Value& finding : page->findings) lines += ToJson(finding) + "\n";
      cursor = std::move(page->next);
    }
    return lines;
  }

  int pages_ = 0;  // of the last export
  int batches_ = 0;
  std::string removed_;  // items, as was told of them
  // One experiment by `key`, which looks at orders.
  static std::shared_ptr<const FoldPlans> Plans() {
    auto plans = std::make_shared<FoldPlans>();
    FoldPlan& plan = plans->plans.emplace_back();
    plan.project = "shop";
    plan.environment = "production";
    plan.unit = "key";
    plan.plan.experiment = "checkout";
    plan.plan.variants = {"a", "b"};
    plan.plan.weights = {0.5, 0.5};
    plan.sources = {{"order", "", {}}};
    plan.plan.metrics.emplace_back().sources = {0};
    return plans;
  }

  const testing::TemporaryFolder folder_;
  const std::unique_ptr<MortalStore> store_ = std::make_unique<MortalStore>();
  Feed feed_{store_->Epoch(), {}, [] {}};
  Catalog catalog_{*store_, feed_, {}};
  const std::unique_ptr<Journal> journal_ = *Journal::Open(*store_, {});
  const std::unique_ptr<Fold> fold_ = *Fold::Open(*store_, *journal_, {.plans = [plans = Plans()] { return plans; }});
  Processes processes_{{}};
  Metrics metrics_;
  IngestCounters counters_{metrics_};
  Exposures exposures_{*journal_, counters_, {.epoch = store_->Epoch(), .version = "0.1.0"}};
  Backups backups_{*store_, {.folder = folder_.path(), .most_listed = 1}};
  ChangeRequests requests_{catalog_, {.now_ms = [] { return 1'798'761'600'000; }}};
  Comments comments_{catalog_, {.now_ms = [] { return 1'798'761'600'000; }}};
  std::atomic<bool> stopping_ = false;
  Privacy privacy_{
      {catalog_, *store_, feed_, *journal_, exposures_, processes_, backups_,
       [this](const auto& rewrite, std::string_view action, const Author& author) {
         return requests_.Rewrite(rewrite, action, author);
       },
       [this](const Item& item) { removed_ += item.space + "/" + item.id + "=" + item.value + " "; }, fold_.get()},
      {.clock = {}, .on_done = {}, .stopping = [this] { return stopping_.load(); }}};
};

TEST_F(PrivacyTest, OneProjectIsErasedAndLookedAtAloneWithItsRequestsAndComments) {
  const UnitRequest of_shop{.unit = {.id = "user-4"}, .project = "shop"};
  const std::string before = Export(of_shop);
  EXPECT_THAT(before,
              AllOf(HasSubstr("change_request shop/1"), HasSubstr("comment shop/flag/beta/1"),
                    HasSubstr("project shop, as it was last applied from files as of"), Not(HasSubstr("bank"))));
  UnitRequest dry = of_shop;
  dry.dry_run = true;
  const ErasureState counted = Erase(dry), erased = Erase(of_shop);
  EXPECT_EQ(erased.project, "shop");
  EXPECT_EQ(erased.counts.notes, 2u);
  EXPECT_EQ(erased.counts.past_versions, counted.counts.past_versions);
  EXPECT_EQ(erased.counts.mentions, 1u);
  EXPECT_THAT(erased.remains, IsEmpty());
  EXPECT_EQ(Export(of_shop), "");
  EXPECT_THAT(requests_.List("shop").at(0).title, StartsWith("for erased-"));
  EXPECT_EQ(requests_.List("bank").at(0).title, "for user-4");

  EXPECT_THAT(Erase({.unit = {.id = "user-4"}}).remains, IsEmpty());
  EXPECT_EQ(Export({.unit = {.id = "user-4"}}), "");
}

TEST_F(PrivacyTest, FactsOfTheUnitAreShownAndGoWithItsEvents) {
  const std::string now = std::to_string(
      std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::system_clock::now().time_since_epoch())
          .count());
  std::string events;
  for (const std::string unit : {"user-4", "user-42"}) {
    events +=
        (events.empty() ? "[" : ",") + std::string(R"({"type":"exposure","time":)") + now +
        R"(,"experiment":"checkout","iteration":1,"variant":"a","role":"assigned","unit_attribute":"key","unit":")" +
        unit + R"(","context":{"key":")" + unit + R"("}},{"type":"track","event":"order","time":)" + now +
        R"(,"context":{"key":")" + unit + R"("}})";
  }
  // `sent` 7 is of a clock that nobody believes: without it.
  NewEntry entry{"shop", "production", "4fJ2kQz9wXbT", {}, "answer"};
  entry.batch.id = "facts-of-shop";
  entry.batch.events = events + "]";
  std::promise<bool> answer;
  journal_->Append(std::move(entry), [&](const Result<Appended>& done) { answer.set_value(done.has_value()); });
  ASSERT_TRUE(answer.get_future().get());
  ASSERT_TRUE(fold_->CatchUp([] { return false; }));
  const IterationName checkout{"shop", "production", "checkout", 1};
  EXPECT_EQ(fold_->ExposedUnitsOf(checkout), 2u);
  EXPECT_THAT(Export({.unit = {.id = "user-4"}}), HasSubstr(R"("class":"facts","project":"shop")"));
  UnitRequest dry{.unit = {.id = "user-4"}};
  dry.dry_run = true;
  EXPECT_EQ(Erase(dry).counts.facts, 1u);
  EXPECT_EQ(fold_->ExposedUnitsOf(checkout), 2u);
  const ErasureState erased = Erase({.unit = {.id = "user-4"}});
  EXPECT_EQ(erased.counts.facts, 1u);
  EXPECT_THAT(erased.remains, IsEmpty());
  EXPECT_EQ(Export({.unit = {.id = "user-4"}}), "");
  EXPECT_EQ(fold_->ExposedUnitsOf(checkout), 1u) << "user-42 is somebody else";
}

TEST_F(PrivacyTest, MentionsThatAreLeftAreNotWhatRemains) {
  const ErasureState erased = Erase({.unit = {.id = "user-4", .mentions = false}});
  EXPECT_EQ(erased.counts.events, 2u);
  EXPECT_EQ(erased.counts.mentions, 0u);
  EXPECT_EQ(erased.counts.notes, 0u);
  EXPECT_THAT(erased.remains, IsEmpty());
  EXPECT_THAT(Export({.unit = {.id = "user-4"}}), AllOf(HasSubstr("beta of user-4"), HasSubstr(R"("by":"user-4")"),
                                                        Not(HasSubstr(R"("targets":{"on":["user-4)"))));
}

TEST_F(PrivacyTest, WhatIsCurrentIsExportedAsAWholeAndOfThePastWhereItIs) {
  const Result<UnitPage> page = privacy_.Export({.unit = {.id = "user-4"}}, "", kMostFindings);
  ASSERT_TRUE(page);
  std::size_t past = 0, current = 0;
  for (const Value& finding : page->findings) {
    if (finding.Find("class")->AsString() != "definition") continue;
    const bool is_current = finding.Find("current")->AsBool();
    ++(is_current ? current : past);
    EXPECT_EQ(finding.Find("content") != nullptr, is_current) << ToJson(finding);
    EXPECT_TRUE(finding.Find("revision") != nullptr && finding.Find("places") != nullptr) << ToJson(finding);
  }
  EXPECT_GT(past, 0u);
  EXPECT_GT(current, 0u);
  stopping_ = true;
  EXPECT_EQ(Export({.unit = {.id = "user-4"}}), "unavailable");
}

TEST_F(PrivacyTest, AnExportInPagesIsTheOneInOnePiece) {
  Append("shop", R"([{"type":"track","context":{"key":"user-4"}},{"type":"track","context":{"key":"b"}},)"
                 R"({"type":"track","context":{"key":"user-4"},"event":"order"}])");
  const UnitRequest all{.unit = {.id = "user-4"}};
  const std::string whole = Export(all);
  EXPECT_EQ(pages_, 1);
  const auto lines = static_cast<std::size_t>(std::count(whole.begin(), whole.end(), '\n'));
  ASSERT_GT(lines, 10u);
  EXPECT_THAT(whole, AllOf(HasSubstr(R"("class":"audit")"), HasSubstr(R"("event":"order")")));
  for (const std::size_t limit : {1u, 2u, 7u}) {
    EXPECT_EQ(Export(all, limit), whole) << limit;
    EXPECT_GE(static_cast<std::size_t>(pages_), lines / limit);
  }
  const std::string tag = privacy_.Export(all, "", 1)->next->substr(0, 17);
  EXPECT_TRUE(privacy_.Export(all, tag + "audit 1", 1));
  for (const std::string cursor : {"x", "records 7", "records x item/a", "audit 0", "audit 1 ", "events 0 0",
                                   "events 3", "events 3 -1", "audit 99999999999999999999"}) {
    for (const std::string& text : {cursor, tag + cursor}) {
      const Result<UnitPage> page = privacy_.Export(all, text, 1);
      ASSERT_FALSE(page) << text;
      EXPECT_EQ(page.error().code, ErrorCode::kInvalid) << text;
      EXPECT_THAT(page.error().message, HasSubstr("expected `next` of an answer")) << text;
    }
  }
}

TEST_F(PrivacyTest, ACursorIsOfItsExportAlone) {
  const UnitRequest all{.unit = {.id = "user-4"}}, of_member{.unit = {}, .member = "mia"};
  const std::string cursor = *privacy_.Export(all, "", 1)->next;
  EXPECT_TRUE(privacy_.Export(all, cursor, 1));
  for (const UnitRequest& other :
       {UnitRequest{.unit = {.id = "user-5"}}, UnitRequest{.unit = {.id = "user-4", .attribute = "account"}},
        UnitRequest{.unit = {.id = "user-4", .mentions = false}},
        UnitRequest{.unit = {.id = "user-4"}, .project = "shop"}, of_member,
        UnitRequest{.unit = {}, .member = "user-4"}}) {
    const Result<UnitPage> page = privacy_.Export(other, cursor, 1);
    ASSERT_FALSE(page);
    EXPECT_EQ(page.error().code, ErrorCode::kInvalid);
    EXPECT_THAT(page.error().message, AllOf(HasSubstr("it is of another export"), HasSubstr("leave it out")));
  }
  ASSERT_TRUE(catalog_.PutItem({"member", "mia", R"({"name":"Mia M","email":""})"}, "member.create", kAna));
  const std::string of_mia = *privacy_.Export(of_member, "", 1)->next;
  EXPECT_TRUE(privacy_.Export(of_member, of_mia, 1));
  EXPECT_FALSE(privacy_.Export(UnitRequest{.unit = {}, .member = "ben"}, of_mia, 1));
}

TEST_F(PrivacyTest, PagesOfAMemberLookForTheirNamesOnce) {
  const Author mia{"member:mia", "r", ""};
  constexpr int kSessions = 100;
  for (int i = 0; i < kSessions; ++i) {
    const Item session{"session", "s" + std::to_string(1'000 + i), R"({"verifier":"f","member":"mia","groups":[]})"};
    ASSERT_TRUE(catalog_.PutItem(session, "session.create", mia));
  }
  const UnitRequest of_mia{.unit = {}, .member = "mia"};
  const std::string whole = Export(of_mia);
  store_->shown = 0;
  EXPECT_EQ(Export(of_mia, 2), whole);
  ASSERT_GE(pages_, kSessions);
  // The records once for the names and once for the findings, and a few where pages meet.
  EXPECT_LT(store_->shown, 5u * kSessions + static_cast<std::size_t>(2 * pages_));
}

// All that is stored, and all that the chain has, as it is read.
std::string Everything(const Store& store) {
  std::string text;
  const Viewer add = [&](const KeyValue& stored, bool) { text += stored.key + " " + stored.value + "\n"; };
  for (const KeySpace space : {KeySpace::kVersioned, KeySpace::kPlain}) EXPECT_TRUE(store.Scan(space, add, {}));
  const Result<std::vector<RevisionEntry>> links = store.Revisions(1, 1'000, 1'000);
  EXPECT_TRUE(links);
  for (const RevisionEntry& link : links ? *links : std::vector<RevisionEntry>()) {
    text += link.audit.bytes + " " + link.log.bytes + "\n";
  }
  return text;
}

TEST_F(PrivacyTest, AMemberWhoWasRemovedIsErasedWithTheirKeysAndSessionsAndIsNamedNowhere) {
  const std::string key = "8hT5rWq2ZxLn";
  const Author ben{"member:ben", "r", ""}, by_session{"member:mia", "r", "", "203.0.113.77"},
      by_key{"key:" + key, "r", ""};
  const auto put = [&](const std::string& space, const std::string& id, const std::string& value) {
    EXPECT_TRUE(catalog_.PutItem({space, id, value}, space + ".change", ben)) << space;
  };
  put("member", "mia", R"({"name":"Mia M","email":"mia@shop.example","bindings":[]})");
  put("member", "mia-2", R"({"name":"Other","email":"other@shop.example","bindings":[]})");
  put("key", key, R"({"kind":"admin","verifier":"f00d","member":"mia","description":"laptop of Mia"})");
  put("session", "s1", R"({"verifier":"f00d","member":"mia","groups":["editors"]})");
  put("session", "s2", R"({"verifier":"f00d","member":"ben","groups":[]})");
  const CommentSubject flag{"shop", "flag", "beta"};
  EXPECT_TRUE(comments_.Add(flag, "slower, please", by_session));
  EXPECT_TRUE(comments_.Add(flag, "ask mia@shop.example, not member:mia-2", ben));
  EXPECT_TRUE(requests_.Approve("shop", 1, 1, by_key, {}));

  const UnitRequest mia{.unit = {}, .project = "", .dry_run = false, .member = "mia"};
  UnitRequest dry = mia;
  dry.dry_run = true;
  const Result<ErasureState> refused = privacy_.Start(mia, kAna);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::kConflict);
  EXPECT_THAT(refused.error().message, HasSubstr("guidon member remove mia"));
  ASSERT_TRUE(catalog_.PutItems({{"member", "mia", ""}, {"session", "s1", ""}}, "member.delete", ben));

  const std::string held = Export(mia);
  EXPECT_THAT(held, AllOf(HasSubstr(R"({"class":"member","where":"member mia as of revision)"), HasSubstr("Mia M"),
                          HasSubstr(R"({"class":"key","where":"key )" + key + R"(")"), HasSubstr("laptop of Mia"),
                          HasSubstr(R"({"class":"session","where":"session s1 as of)")));
  EXPECT_THAT(held, AllOf(HasSubstr(R"("person":"member:mia","at_ms":1798761600000,"text":"slower, please")"),
                          HasSubstr(R"("as":["approver"])"), HasSubstr(R"({"class":"audit")"),
                          HasSubstr("203.0.113.77"), Not(HasSubstr("f00d")), Not(HasSubstr("other@shop.example"))));
  EXPECT_EQ(Export(mia, 1), held);

  const ErasureState counted = Erase(dry), erased = Erase(mia);
  EXPECT_THAT(erased.remains, IsEmpty());
  EXPECT_EQ(erased.counts.records, 3u);
  EXPECT_EQ(erased.counts.notes, 3u);
  EXPECT_EQ(counted.counts.records, 3u);
  EXPECT_EQ(counted.counts.notes, 3u);
  EXPECT_EQ(counted.counts.past_versions, erased.counts.past_versions);
  EXPECT_EQ(counted.counts.audit_entries, erased.counts.audit_entries);
  EXPECT_EQ(removed_, "key/" + key + "= ");
  const std::string left = Everything(*store_);
  for (const std::string& name : {std::string("member:mia\""), std::string("item/member/mia "), key,
                                  std::string("mia@shop.example"), std::string("Mia"), std::string("203.0.113.77")}) {
    EXPECT_EQ(left.find(name), std::string::npos) << name;
  }
  EXPECT_THAT(left, AllOf(HasSubstr("item/member/mia-2 "), HasSubstr("item/session/s2 ")));
  EXPECT_TRUE(VerifyChain(*store_)->ok());
  EXPECT_EQ(Export(mia), "");

  const std::vector<Comment> said = *comments_.List(flag);
  ASSERT_EQ(said.size(), 3u);
  EXPECT_THAT(said[1].person, StartsWith("erased-"));
  EXPECT_EQ(said[1].text, "slower, please");
  EXPECT_EQ(said[2].text, "ask " + said[1].person + ", not member:mia-2");
  const ChangeRequest request = *requests_.Find("shop", 1);
  ASSERT_EQ(request.approvals.size(), 1u);
  EXPECT_EQ(request.approvals[0].person, "key:" + said[1].person);
  EXPECT_EQ(requests_.List("shop").at(0).approvals.at(0).person, request.approvals[0].person) << "in memory, too";

  // What is not for a machine to change is said.
  Apply("shop", R"(,"description":"ask member:mia")");
  EXPECT_THAT(Erase(mia).remains,
              UnorderedElementsAre("project shop", "project shop, as it was last applied from files"));
}

TEST_F(PrivacyTest, SessionsOfAMemberThatEndedByThemselvesAreNamedNowhere) {
  const Author mia{"member:mia", "r", ""}, ben{"member:ben", "r", ""}, system{"system", "", ""};
  const auto session = [&](const std::string& id, const std::string& of, const Author& by) {
    const std::string value = R"({"verifier":"f","member":")" + of + R"(","groups":[]})";
    ASSERT_TRUE(catalog_.PutItems({{"session", id, value}}, "session.create", by));
  };
  const std::vector<std::string> gone = {"sesOfMia0001", "sesOfMia0002", "sesOfMia0003"};
  session(gone[0], "mia", mia);
  session("sesOfBen0001", "ben", ben);
  ASSERT_TRUE(catalog_.PutItems({{"session", gone[0], ""}, {"session", "sesOfBen0001", ""}}, "session.expire", system));
  ASSERT_TRUE(store_->Compact(store_->Head().position));  // of that one, only the audit log knows
  session(gone[1], "mia", mia);
  ASSERT_TRUE(catalog_.PutItems({{"session", gone[1], ""}}, "session.expire", system));
  session("sesOfBen0002", "ben", ben);
  ASSERT_TRUE(catalog_.PutItems({{"session", "sesOfBen0002", ""}}, "session.expire", system));
  session(gone[2], "mia", mia);  // which is there still

  EXPECT_THAT(Erase({.unit = {}, .member = "mia"}).remains, IsEmpty());
  const std::string left = Everything(*store_);
  for (const std::string& id : gone) EXPECT_EQ(left.find(id), std::string::npos) << id;
  EXPECT_THAT(left, AllOf(HasSubstr(R"("subjects":[{"kind":"session","key":"sesOfBen0002","change":"remove")"),
                          HasSubstr(R"("subjects":[{"kind":"session","key":"sesOfBen0001","change":"create")")))
      << "what others did stays, and what became of their sessions";
  EXPECT_TRUE(VerifyChain(*store_)->ok());
}

TEST_F(PrivacyTest, WhatIsCalledLikeAKeyOfAMemberIsNotTheirs) {
  const std::string key = "8hT5rWq2ZxLn";
  const Author ben{"member:ben", "r", ""};
  ASSERT_TRUE(catalog_.PutItem({"key", key, R"({"kind":"admin","verifier":"f","member":"mia"})"}, "key.create", ben));
  Edit flag{{EntityKind::kFlag, key}, Edit::Action::kPut, {}, {}};
  flag.definition =
      *ParseJson(R"({"type":"boolean","owner":"x","environments":{"production":{"enabled":true,"default":"off"}}})");
  const auto put = catalog_.Commit({.project = "shop", .edits = {flag}, .author = ben});
  ASSERT_TRUE(put) << put.error().message;
  Edit patch{{EntityKind::kFlag, key}, Edit::Action::kPatch, *ParseJson(R"({"owner":"y"})"), {}};
  ASSERT_TRUE(
      requests_.Open({.project = "shop", .title = "as key:" + key + " said", .description = "", .edits = {patch}},
                     {"key:" + key, "r", ""}));
  const ChangeRequest before = *requests_.Find("shop", 2);

  EXPECT_THAT(Erase({.unit = {}, .member = "mia"}).remains, Not(IsEmpty())) << "the flag is for people to look at";
  const ChangeRequest after = *requests_.Find("shop", 2);
  EXPECT_THAT(after.title, StartsWith("as key:erased-"));
  EXPECT_TRUE(HasErasedAuthor(after));
  EXPECT_THAT(after.written_by, StartsWith("key:erased-"));
  EXPECT_EQ(after.touched, before.touched);
  EXPECT_EQ(ToJson(EncodeEdits(after.edits)), ToJson(EncodeEdits(before.edits)));
  const AuditEntry entry = *catalog_.audit().Find(put->revision);
  EXPECT_FALSE(entry.redacted) << "ben changed a flag that has this key";
  EXPECT_EQ(entry.principal, "member:ben");
}

// Requests and comments, keys, sessions, audit entries of a member who was removed; and the server that erases them.
class Team {
 public:
  explicit Team(Store& store) : store_(store) {
    EXPECT_TRUE(catalog_.Load());
    EXPECT_TRUE(requests_.Load());
  }
  void Fill() {
    WorkspaceRequest request;
    request.workspace.project = *DecodeProject(*ParseJson(R"({"project":"shop","environments":{"production":{}}})"));
    request.workspace.entities.Append(
        *DecodeEntity(EntityKind::kFlag, *ParseJson(R"({"flag":"beta","type":"boolean","owner":"x","environments":)"
                                                    R"({"production":{"enabled":true,"default":"off"}}})")));
    request.author = kAna;
    EXPECT_TRUE(catalog_.ApplyWorkspace(request));
    const Author mia{"member:mia", "r", "", "203.0.113.77"}, by_key{"key:8hT5rWq2ZxLn", "r", ""};
    const auto put = [&](const char* space, const char* id, const char* value) {
      EXPECT_TRUE(catalog_.PutItem({space, id, value}, std::string(space) + ".create", mia)) << space;
    };
    put("member", "mia", R"({"name":"Mia M","email":"mia@shop.example"})");
    put("key", "8hT5rWq2ZxLn", R"({"kind":"admin","verifier":"f00d","member":"mia"})");
    put("session", "sesOfMia0001", R"({"verifier":"f00d","member":"mia","groups":[]})");
    put("session", "sesOfMia0002", R"({"verifier":"f00d","member":"mia","groups":[]})");
    const Value patch = *ParseJson(R"({"owner":"y"})");
    for (const Author& author : {mia, by_key}) {
      EXPECT_TRUE(requests_.Open({.project = "shop",
                                  .title = "of mia@shop.example",
                                  .description = "",
                                  .edits = {{{EntityKind::kFlag, "beta"}, Edit::Action::kPatch, patch, {}}}},
                                 author));
      EXPECT_TRUE(comments_.Add({"shop", "flag", "beta"}, "ask mia@shop.example", author));
    }
    EXPECT_TRUE(requests_.Change("shop", 1, {.title = "again, of member:mia", .description = {}, .edits = {}}, mia));
    EXPECT_TRUE(catalog_.PutItem({"session", "sesOfMia0001", ""}, "session.expire", {"system", "", ""}));
    EXPECT_TRUE(catalog_.PutItem({"member", "mia", ""}, "member.delete", kAna));
  }
  Privacy& privacy() { return privacy_; }
  const ChangeRequests& requests() const { return requests_; }

 private:
  const testing::TemporaryFolder folder_;
  Store& store_;
  Feed feed_{store_.Epoch(), {}, [] {}};
  Catalog catalog_{store_, feed_, {}};
  const std::unique_ptr<Journal> journal_ = *Journal::Open(store_, {});
  Processes processes_{{}};
  Metrics metrics_;
  IngestCounters counters_{metrics_};
  Exposures exposures_{*journal_, counters_, {.epoch = store_.Epoch(), .version = "0.1.0"}};
  Backups backups_{store_, {.folder = folder_.path()}};
  ChangeRequests requests_{catalog_, {.now_ms = [] { return 1'798'761'600'000; }}};
  Comments comments_{catalog_, {.now_ms = [] { return 1'798'761'600'000; }}};
  Privacy privacy_{{catalog_, store_, feed_, *journal_, exposures_, processes_, backups_,
                    [this](const auto& rewrite, std::string_view action, const Author& author) {
                      return requests_.Rewrite(rewrite, action, author);
                    }},
                   {}};
};

TEST(MemberErasureTest, OneThatIsKilledAfterAnyOfItsStepsIsFinishedByTheNext) {
  const UnitRequest mia{.unit = {}, .member = "mia"};
  int steps = 0;
  for (bool was_killed = true; was_killed; ++steps) {
    ASSERT_LT(steps, 200);
    MortalStore store;
    {
      Team first(store);
      first.Fill();
      store.steps = steps;
      was_killed = EraseBy(first.privacy(), mia).phase == ErasureState::Phase::kFailed;
    }
    store.steps = MortalStore::kForEver;
    Team second(store);
    if (was_killed) {
      const ErasureState finished = EraseBy(second.privacy(), mia);
      EXPECT_EQ(finished.phase, ErasureState::Phase::kDone) << steps << ": " << finished.error.message;
      EXPECT_THAT(finished.remains, IsEmpty()) << steps;
    }
    const std::string left = Everything(store);
    for (const char* name : {"mia", "Mia", "8hT5rWq2ZxLn", "sesOfMia", "203.0.113.77"}) {
      EXPECT_EQ(left.find(name), std::string::npos) << name << " after " << steps << " steps";
    }
    EXPECT_TRUE(HasErasedAuthor(*second.requests().Find("shop", 1))) << steps;
    EXPECT_TRUE(VerifyChain(store)->ok()) << steps;
    if (::testing::Test::HasFailure()) return;
  }
  EXPECT_GE(steps, 19) << "the erasure has fewer steps than it had";
}

TEST_F(PrivacyTest, CopiesThatCannotBeToldAreNamed) {
  namespace fs = std::filesystem;
  const fs::path folder = folder_.path();
  for (const char* name : {"cut.partial", "damaged", "of-others"}) fs::create_directory(folder / name);
  std::ofstream(folder / "damaged" / kManifestName) << "{";
  EXPECT_THAT(Erase({.unit = {.id = "user-4"}}).remains,
              ElementsAre(StartsWith("perhaps a backup that cannot be read, " + (folder / "damaged").string()),
                          "perhaps a backup that was not finished, " + (folder / "cut.partial").string()));
  fs::remove_all(folder);
  EXPECT_THAT(Erase({.unit = {.id = "user-4"}}).remains, ElementsAre(StartsWith("perhaps backups: cannot list")));
}

}  // namespace
}  // namespace guidon
