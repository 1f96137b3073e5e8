// What every driver of the store promises.
#include <gtest/gtest.h>

#include <condition_variable>
#include <mutex>

#include "server/store/chain.h"
#include "server/store/store.h"
#include "tests/server/store/store_fixture.h"

namespace guidon {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;

class StoreConformance : public testing::TestWithParam<const char*> {
 protected:
  void SetUp() override { Open({}); }

  void Open(StoreLimits limits) {
    store_.reset();
    StoreOptions options;
    options.limits = limits;
    options.clock = clock_.Function();
    if (GetParam() == std::string_view("memory")) {
      store_ = OpenMemoryStore(options);
      return;
    }
    folder_ = std::make_unique<TempFolder>();
    RocksStoreOptions rocks = RocksOptions(*folder_, options);
    rocks.file_system = FastFileSystem();
    Result<std::unique_ptr<Store>> opened = OpenRocksStore(rocks);
    ASSERT_TRUE(opened) << opened.error().message;
    store_ = *std::move(opened);
  }

  std::string TextOf(std::string_view key, Position at = 0) { return Show(store_->Range(RangeQuery::Key(key, at))); }

  FakeClock clock_;
  std::unique_ptr<TempFolder> folder_;
  std::unique_ptr<Store> store_;
};

INSTANTIATE_TEST_SUITE_P(Drivers, StoreConformance, testing::Values("memory", "rocksdb"),
                         [](const auto& param) { return std::string(param.param); });

TEST_P(StoreConformance, AnEmptyStoreHasNoPositionNoRevisionAndAnEpoch) {
  EXPECT_EQ(store_->Head(), StoreHead());
  EXPECT_EQ(ShowAll(*store_), "");
  EXPECT_EQ(store_->Epoch().size(), 16u);
  EXPECT_EQ(store_->Epoch().find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789"), std::string::npos);
  EXPECT_TRUE(store_->Health());
  EXPECT_EQ(store_->compacted(), 0u);
}

TEST_P(StoreConformance, ACommitIsThereForTheNextRead) {
  const TxnResult result = MustCommit(*store_, Put("a", "1"));
  EXPECT_EQ(result.position, 1u);
  EXPECT_EQ(result.revision, 1u);
  EXPECT_EQ(result.time, clock_.now());
  EXPECT_EQ(TextOf("a"), "a=1");
  EXPECT_EQ(store_->Head().revision, 1u);
}

TEST_P(StoreConformance, EveryPastPositionStaysReadable) {
  MustCommit(*store_, Change({TxnOp::Put("a", "1"), TxnOp::Put("b", "1")}));
  MustCommit(*store_, Change({TxnOp::Put("a", "2"), TxnOp::Delete("b")}));
  MustCommit(*store_, Put("b", "3"));
  EXPECT_EQ(ShowAll(*store_, 1), "a=1 b=1");
  EXPECT_EQ(ShowAll(*store_, 2), "a=2");
  EXPECT_EQ(ShowAll(*store_, 3), "a=2 b=3");
  EXPECT_EQ(ShowAll(*store_), "a=2 b=3");
}

TEST_P(StoreConformance, APositionThatIsNotWrittenYetIsRefused) {
  MustCommit(*store_, Put("a", "1"));
  EXPECT_EQ(ShowAll(*store_, 2), "invalid");
}

TEST_P(StoreConformance, JournalsTakeAPositionButNoRevision) {
  EXPECT_EQ(MustCommit(*store_, JournalTxn("event/1", "x")).revision, 0u);
  const TxnResult change = MustCommit(*store_, Put("flag/a", "1"));
  EXPECT_EQ(change.position, 2u);
  EXPECT_EQ(change.revision, 1u);
  MustCommit(*store_, JournalTxn("event/2", "x"));
  EXPECT_EQ(store_->Head().position, 3u);
  EXPECT_EQ(store_->Head().revision, 1u);
}

TEST_P(StoreConformance, AnEntryKnowsWhenItWasCreatedAndModified) {
  MustCommit(*store_, JournalTxn("a", "0"));
  MustCommit(*store_, Put("a", "1"));
  MustCommit(*store_, Put("a", "2"));
  EXPECT_EQ(**store_->Get("a"), (KeyValue{"a", "2", 1, 3, 0, 2}));
  EXPECT_EQ(**store_->Get("a", 2), (KeyValue{"a", "1", 1, 2, 0, 1}));
  MustCommit(*store_, Change({TxnOp::Delete("a")}));
  EXPECT_EQ(*store_->Get("a"), std::nullopt);
  MustCommit(*store_, Put("a", "4"));
  EXPECT_EQ(**store_->Get("a"), (KeyValue{"a", "4", 5, 5, 4, 4}));
}

TEST_P(StoreConformance, RangesAreHalfOpenAndInByteOrder) {
  MustCommit(*store_,
             Change({TxnOp::Put("b", "2"), TxnOp::Put("a", "1"), TxnOp::Put("c", "3"), TxnOp::Put("ab", "4")}));
  EXPECT_EQ(ShowAll(*store_), "a=1 ab=4 b=2 c=3");
  EXPECT_EQ(Show(store_->Range({.begin = "ab", .end = "c"})), "ab=4 b=2");
  EXPECT_EQ(Show(store_->Range({.begin = "b", .end = ""})), "b=2 c=3");
  EXPECT_EQ(Show(store_->Range(RangeQuery::Prefix("a"))), "a=1 ab=4");
  EXPECT_EQ(Show(store_->Range(RangeQuery::Prefix("x"))), "");
}

TEST_P(StoreConformance, KeysMayHoldAnyBytes) {
  const std::string zero("\0", 1), zeros("\0\0", 2), zero_one("\0\1", 2), zero_high("\0\xff", 2), high("\xff"),
      highs("\xff\xff");
  const std::vector<std::string> keys = {zero, zeros, zero_one, zero_high, "a", "a" + zero, "a" + zero + "b",
                                         high, highs};
  Txn txn = Change({});
  for (auto key = keys.rbegin(); key != keys.rend(); ++key) txn.ops.push_back(TxnOp::Put(*key, "v" + *key));
  MustCommit(*store_, txn);
  const RangeResult all = *store_->Range({.begin = "", .end = ""});
  ASSERT_EQ(all.entries.size(), keys.size());
  for (std::size_t i = 0; i < keys.size(); ++i) {
    EXPECT_EQ(all.entries[i].key, keys[i]) << i;
    EXPECT_EQ(all.entries[i].value, "v" + keys[i]) << i;
  }
  EXPECT_EQ(store_->Range(RangeQuery::Prefix(zero))->entries.size(), 4u);
  EXPECT_EQ(store_->Range(RangeQuery::Prefix(high))->entries.size(), 2u);
  EXPECT_EQ(store_->Range(RangeQuery::Key("a"))->entries.size(), 1u);
}

TEST_P(StoreConformance, ALimitCutsAndPagesGoOnAtTheSamePosition) {
  MustCommit(*store_, Change({TxnOp::Put("a", "1"), TxnOp::Put("b", "1"), TxnOp::Put("c", "1")}));
  const RangeResult first = *store_->Range({.begin = "", .end = "", .at = 0, .limit = 2});
  EXPECT_EQ(Show(first), "a=1 b=1 …");
  EXPECT_EQ(Show(store_->Range({.begin = "", .end = "", .bytes = 4})), "a=1 b=1 …");
  MustCommit(*store_, Change({TxnOp::Put("c", "2"), TxnOp::Put("d", "2")}));
  const std::string next = first.entries.back().key + '\0';
  EXPECT_EQ(Show(store_->Range({.begin = next, .end = "", .at = first.at, .limit = 2})), "c=1");
}

TEST_P(StoreConformance, ATransactionIsWholeOrAbsent) {
  MustCommit(*store_, Put("a", "1"));
  Txn txn = Change({TxnOp::Put("b", "2"), TxnOp::Put("c", "2")});
  txn.compares = {TxnCompare::Exists("a"), TxnCompare::Absent("a")};
  const Result<TxnResult> result = store_->Commit(txn);
  ASSERT_TRUE(result);
  EXPECT_EQ(result->outcome, TxnOutcome::kCompareFailed);
  EXPECT_EQ(result->failed_compare, 1u);
  ASSERT_TRUE(result->found);
  EXPECT_EQ(result->found->value, "1");
  EXPECT_EQ(ShowAll(*store_), "a=1");
  EXPECT_EQ(store_->Head().position, 1u);
}

// ---- Plain keys ----

TEST_P(StoreConformance, PlainKeysLieApartAndAreFoundByARangeThatBeginsWithOne) {
  MustCommit(*store_, Change({TxnOp::Put("a", "1"), TxnOp::Put("!j/1", "x"), TxnOp::Put("!j/2", "y")}));
  MustCommit(*store_, JournalTxn("!k/1", "z"));
  EXPECT_EQ(ShowAll(*store_), "a=1");
  EXPECT_EQ(Show(store_->Range(RangeQuery::Prefix("!j/"))), "!j/1=x !j/2=y");
  EXPECT_EQ(Show(store_->Range({.begin = "!j/1", .end = "!j/2", .limit = 9})), "!j/1=x");
  EXPECT_EQ(Show(store_->Range({.begin = "!j/2", .end = "!j/1", .limit = 9})), "");
  EXPECT_EQ(Show(store_->Range({.begin = "!", .end = "", .limit = 2})), "!j/1=x !j/2=y …");
  EXPECT_EQ(Show(store_->Range({.begin = "!k", .end = "zz", .limit = 9})), "!k/1=z");
  EXPECT_EQ(Show(store_->Range({.begin = "!", .end = "", .bytes = 10})), "!j/1=x !j/2=y …") << "of keys and values";
  EXPECT_EQ(Show(store_->Range({.begin = "!", .end = "", .bytes = 9})), "!j/1=x …");
  EXPECT_EQ(Show(store_->Range({.begin = "!", .end = "", .bytes = 1})), "!j/1=x …") << "or nobody would get on";
  EXPECT_EQ(Show(store_->Range({.begin = "!", .end = "", .bytes = 12, .keys_only = true})), "!j/1= !j/2= !k/1=");
  EXPECT_EQ(TextOf("!k/1"), "!k/1=z");
  const KeyValue entry = **store_->Get("!k/1");
  EXPECT_EQ(entry.created, 2u);
  EXPECT_EQ(entry.modified, 2u);
}

TEST_P(StoreConformance, APlainKeyIsSeenFromItsPositionOnAndADeleteRemovesItFromThePastAsWell) {
  MustCommit(*store_, JournalTxn("!j/1", "x"));
  MustCommit(*store_, JournalTxn("!j/2", "y"));
  EXPECT_EQ(Show(store_->Range(RangeQuery::Prefix("!j/", 1))), "!j/1=x");
  Txn remove;
  remove.ops = {TxnOp::Delete("!j/1"), TxnOp::Delete("!j/7")};
  EXPECT_EQ(MustCommit(*store_, std::move(remove)).position, 3u);
  EXPECT_EQ(Show(store_->Range(RangeQuery::Prefix("!j/", 2))), "!j/2=y");
  EXPECT_EQ(Show(store_->Range(RangeQuery::Prefix("!j/"))), "!j/2=y");
}

TEST_P(StoreConformance, ManyPlainKeysAreReadAtOnceAsTheyAreNow) {
  MustCommit(*store_, Change({TxnOp::Put("a", "1"), TxnOp::Put("!j/1", "x"), TxnOp::Put("!j/2", "y")}));
  MustCommit(*store_, JournalTxn("!j/2", "z"));
  Txn remove;
  remove.ops = {TxnOp::Delete("!j/1")};
  MustCommit(*store_, std::move(remove));
  using Values = std::vector<std::optional<std::string>>;
  EXPECT_EQ(*store_->GetPlain({"!j/2", "!j/1", "!j/2", "!k"}), (Values{"z", std::nullopt, "z", std::nullopt}));
  EXPECT_EQ(*store_->GetPlain({}), Values{});
  EXPECT_EQ(store_->GetPlain({"!j/2", "a"}).error().code, ErrorCode::kInvalid);
}

TEST_P(StoreConformance, ConditionsHoldForPlainKeysWithinAGroupToo) {
  Txn once = JournalTxn("!j/1", "x");
  once.compares = {TxnCompare::Absent("!j/1")};
  std::mutex mutex;
  std::condition_variable changed;
  std::vector<TxnOutcome> outcomes;
  for (int i = 0; i < 3; ++i) {
    store_->Submit(once, [&](const Result<TxnResult>& result) {
      const std::lock_guard<std::mutex> lock(mutex);
      outcomes.push_back(result->outcome);
      EXPECT_EQ(result->found ? result->found->value : "", outcomes.size() > 1 ? "x" : "");
      changed.notify_all();
    });
  }
  std::unique_lock<std::mutex> lock(mutex);
  changed.wait(lock, [&] { return outcomes.size() == 3; });
  EXPECT_EQ(outcomes[0], TxnOutcome::kCommitted);
  EXPECT_EQ(outcomes[1], TxnOutcome::kCompareFailed);
  EXPECT_EQ(outcomes[2], TxnOutcome::kCompareFailed);
}

TEST_P(StoreConformance, WatchesAndCompactionKnowNothingOfPlainKeys) {
  MustCommit(*store_, Change({TxnOp::Put("a", "1"), TxnOp::Put("!j/1", "x")}));
  MustCommit(*store_, JournalTxn("!j/2", "y"));
  MustCommit(*store_, Put("a", "2"));
  const std::unique_ptr<WatchCursor> cursor = store_->Watch(0, [] {});
  EXPECT_EQ(std::get<CommittedTxn>(cursor->Next()).ops, std::vector<TxnOp>{TxnOp::Put("a", "1")});
  EXPECT_EQ(std::get<CommittedTxn>(cursor->Next()).ops, std::vector<TxnOp>());
  EXPECT_TRUE(store_->Compact(3));
  EXPECT_EQ(Show(store_->Range(RangeQuery::Prefix("!j/"))), "!j/1=x !j/2=y");
}

TEST_P(StoreConformance, KeysCanBeReadWithoutTheirValues) {
  MustCommit(*store_, Change({TxnOp::Put("a", "1"), TxnOp::Put("!j/1", "x")}));
  EXPECT_EQ(Show(store_->Range({.begin = "", .end = "", .keys_only = true})), "a=");
  EXPECT_EQ(Show(store_->Range({.begin = "!j/", .end = "", .keys_only = true})), "!j/1=");
}

TEST_P(StoreConformance, ConditionsLookAtWhatIsStored) {
  MustCommit(*store_, Put("a", "1"));
  MustCommit(*store_, Put("a", "2"));
  MustCommit(*store_, JournalTxn("j", "x"));
  const auto holds = [&](TxnCompare compare) {
    Txn txn = JournalTxn("scratch", "");
    txn.compares = {std::move(compare)};
    return store_->Commit(std::move(txn))->outcome == TxnOutcome::kCommitted;
  };
  EXPECT_TRUE(holds(TxnCompare::Exists("a")));
  EXPECT_FALSE(holds(TxnCompare::Exists("b")));
  EXPECT_TRUE(holds(TxnCompare::Absent("b")));
  EXPECT_FALSE(holds(TxnCompare::Absent("a")));
  EXPECT_TRUE(holds(TxnCompare::ValueIs("a", "2")));
  EXPECT_FALSE(holds(TxnCompare::ValueIs("a", "1")));
  EXPECT_FALSE(holds(TxnCompare::ValueIs("b", "")));
  EXPECT_TRUE(holds(TxnCompare::ModifiedAt("a", 2)));
  EXPECT_FALSE(holds(TxnCompare::ModifiedAt("a", 1)));
  EXPECT_TRUE(holds(TxnCompare::NotModifiedAfter("a", 2)));
  EXPECT_TRUE(holds(TxnCompare::NotModifiedAfter("a", 9)));
  EXPECT_FALSE(holds(TxnCompare::NotModifiedAfter("a", 1)));
  EXPECT_FALSE(holds(TxnCompare::NotModifiedAfter("b", 9)));
  EXPECT_TRUE(holds(TxnCompare::NotModifiedAfter("j", 0)));
}

TEST_P(StoreConformance, ADeletedKeyIsAbsentForConditions) {
  MustCommit(*store_, Put("a", "1"));
  MustCommit(*store_, Change({TxnOp::Delete("a")}));
  Txn txn = Put("a", "2");
  txn.compares = {TxnCompare::Absent("a")};
  MustCommit(*store_, txn);
}

TEST_P(StoreConformance, MalformedTransactionsAreRefused) {
  EXPECT_EQ(ErrorOf(*store_, Txn{}), ErrorCode::kInvalid);
  EXPECT_EQ(ErrorOf(*store_, Put("", "1")), ErrorCode::kInvalid);
  EXPECT_EQ(ErrorOf(*store_, Change({TxnOp::Put("a", "1"), TxnOp::Delete("a")})), ErrorCode::kInvalid);
  EXPECT_EQ(ErrorOf(*store_, Put(std::string(4097, 'k'), "1")), ErrorCode::kTooLarge);
  Txn txn = JournalTxn("a", "1");
  txn.redact = {1};
  EXPECT_EQ(ErrorOf(*store_, txn), ErrorCode::kInvalid);
  EXPECT_EQ(store_->Head().position, 0u);
}

TEST_P(StoreConformance, TransactionsBeyondTheLimitsAreRefused) {
  StoreLimits limits;
  limits.txn_bytes = 100;
  limits.txn_ops = 3;
  Open(limits);
  EXPECT_EQ(ErrorOf(*store_, Put("a", std::string(100, 'x'))), ErrorCode::kTooLarge);
  EXPECT_EQ(
      ErrorOf(*store_, Change({TxnOp::Put("a", ""), TxnOp::Put("b", ""), TxnOp::Put("c", ""), TxnOp::Put("d", "")})),
      ErrorCode::kTooLarge);
  MustCommit(*store_, Put("a", "small"));
}

TEST_P(StoreConformance, ARepetitionGetsTheFirstAnswerAndWritesNothing) {
  Txn txn = Put("a", "1");
  txn.compares = {TxnCompare::Absent("a")};  // would fail the second time
  txn.idempotency = Idempotency{"key:k1", "request-1", "hash-1", "created"};
  const TxnResult first = MustCommit(*store_, txn);
  MustCommit(*store_, Put("a", "2"));
  clock_.Move(hours(1));
  const Result<TxnResult> second = store_->Commit(txn);
  ASSERT_TRUE(second);
  EXPECT_EQ(second->outcome, TxnOutcome::kReplayed);
  EXPECT_EQ(second->position, first.position);
  EXPECT_EQ(second->revision, first.revision);
  EXPECT_EQ(second->time, first.time);
  EXPECT_EQ(second->response, "created");
  EXPECT_EQ(TextOf("a"), "a=2");
  EXPECT_EQ(store_->Head().position, 2u);
}

TEST_P(StoreConformance, AnIdempotencyKeyWithAnotherBodyIsAMismatch) {
  Txn txn = Put("a", "1");
  txn.idempotency = Idempotency{"key:k1", "request-1", "hash-1", ""};
  MustCommit(*store_, txn);
  txn.idempotency->body_hash = "hash-2";
  EXPECT_EQ(ErrorOf(*store_, txn), ErrorCode::kMismatch);
}

TEST_P(StoreConformance, IdempotencyKeysBelongToTheirPrincipal) {
  for (const auto& [principal, key] : {std::pair("ab", "c"), std::pair("a", "bc"), std::pair("abc", "")}) {
    Txn txn = Put("a", "1");
    txn.idempotency = Idempotency{principal, key, "hash", ""};
    EXPECT_EQ(store_->Commit(txn)->outcome, TxnOutcome::kCommitted) << principal;
  }
}

TEST_P(StoreConformance, IdempotencyKeysAreForgottenAfterADay) {
  Txn txn = Put("a", "1");
  txn.idempotency = Idempotency{"key:k1", "request-1", "hash-1", ""};
  MustCommit(*store_, txn);
  clock_.Move(hours(24) - milliseconds(1));
  EXPECT_EQ(store_->Commit(txn)->outcome, TxnOutcome::kReplayed);
  clock_.Move(milliseconds(1));
  EXPECT_EQ(store_->Commit(txn)->outcome, TxnOutcome::kCommitted);
  clock_.Move(hours(1));
  EXPECT_EQ(store_->Commit(txn)->outcome, TxnOutcome::kReplayed);
}

TEST_P(StoreConformance, AFailedConditionIsNotRemembered) {
  Txn txn = Put("a", "1");
  txn.compares = {TxnCompare::Exists("b")};
  txn.idempotency = Idempotency{"key:k1", "request-1", "hash-1", ""};
  EXPECT_EQ(store_->Commit(txn)->outcome, TxnOutcome::kCompareFailed);
  MustCommit(*store_, Put("b", "1"));
  MustCommit(*store_, txn);
}

TEST_P(StoreConformance, TimeNeverRunsBackwards) {
  MustCommit(*store_, Put("a", "1"));
  const Timestamp first = clock_.now();
  clock_.Move(hours(-5));
  EXPECT_EQ(MustCommit(*store_, Put("a", "2")).time, first);
  clock_.Move(hours(6));
  EXPECT_EQ(MustCommit(*store_, Put("a", "3")).time, first + hours(1));
}

// ---- Watch -----------------------------------------------------------------------------------------------------

std::string Show(const WatchEvent& event) {
  if (const auto* progress = std::get_if<WatchProgress>(&event))
    return "progress " + std::to_string(progress->position);
  if (const auto* compacted = std::get_if<WatchCompacted>(&event))
    return "compacted " + std::to_string(compacted->oldest);
  if (std::get_if<WatchLost>(&event) != nullptr) return "lost";
  const auto& txn = std::get<CommittedTxn>(event);
  std::string text = "@" + std::to_string(txn.position) + " r" + std::to_string(txn.revision);
  for (const TxnOp& op : txn.ops) {
    text += op.kind == TxnOp::Kind::kPut ? " +" + op.key + "=" + op.value : " -" + op.key;
  }
  return text + (txn.revision != 0 ? " [" + txn.record.log + "|" + txn.record.audit + "]" : "");
}

TEST_P(StoreConformance, AWatchYieldsWholeTransactionsInOrder) {
  MustCommit(*store_, Change({TxnOp::Put("b", "1"), TxnOp::Put("a", "1")}, "ana"));
  MustCommit(*store_, JournalTxn("event", "x"));
  const auto cursor = store_->Watch(0, [] {});
  EXPECT_EQ(Show(cursor->Next()), "@1 r1 +b=1 +a=1 [changed 2|ana]");
  EXPECT_EQ(Show(cursor->Next()), "@2 r0 +event=x");
  EXPECT_EQ(Show(cursor->Next()), "progress 2");
  EXPECT_EQ(Show(cursor->Next()), "progress 2");
  MustCommit(*store_, Change({TxnOp::Delete("a"), TxnOp::Delete("never there"), TxnOp::Put("b", "2")}, "bo"));
  EXPECT_EQ(Show(cursor->Next()), "@3 r2 -a +b=2 [changed 3|bo]");
  EXPECT_EQ(Show(cursor->Next()), "progress 3");
}

TEST_P(StoreConformance, AWatchBeginsAfterThePositionItWasGiven) {
  for (int i = 1; i <= 3; ++i) MustCommit(*store_, Put("a", std::to_string(i)));
  EXPECT_EQ(Show(store_->Watch(2, [] {})->Next()), "@3 r3 +a=3 [changed 1|ana@shop.example]");
  EXPECT_EQ(Show(store_->Watch(3, [] {})->Next()), "progress 3");
  EXPECT_EQ(Show(store_->Watch(4, [] {})->Next()), "lost");
}

TEST_P(StoreConformance, ACommitWakesEveryWatch) {
  std::mutex mutex;
  std::condition_variable changed;
  int woken = 0;
  const auto wake = [&] {
    const std::lock_guard lock(mutex);
    ++woken;
    changed.notify_all();
  };
  const auto one = store_->Watch(0, wake);
  auto two = store_->Watch(0, wake);
  MustCommit(*store_, Put("a", "1"));
  std::unique_lock lock(mutex);
  EXPECT_TRUE(changed.wait_for(lock, std::chrono::seconds(30), [&] { return woken >= 2; }));
  lock.unlock();
  two.reset();
  MustCommit(*store_, Put("a", "2"));
  lock.lock();
  EXPECT_EQ(woken, 3);  // an answer comes after the wakes
}

TEST_P(StoreConformance, WhatWasAnsweredIsVisibleToAWatch) {
  const auto cursor = store_->Watch(0, [] {});
  for (int i = 1; i <= 50; ++i) {
    MustCommit(*store_, Put("a", std::to_string(i)));
    const WatchEvent event = cursor->Next();
    ASSERT_TRUE(std::holds_alternative<CommittedTxn>(event)) << i;
    EXPECT_EQ(std::get<CommittedTxn>(event).position, static_cast<Position>(i));
  }
}

// ---- Compaction ------------------------------------------------------------------------------------------------

TEST_P(StoreConformance, CompactionForgetsThePastAndNothingElse) {
  MustCommit(*store_, Change({TxnOp::Put("a", "1"), TxnOp::Put("b", "1"), TxnOp::Put("c", "1")}));
  MustCommit(*store_, Change({TxnOp::Put("a", "2"), TxnOp::Delete("b")}));
  MustCommit(*store_, Change({TxnOp::Put("a", "3")}));
  MustCommit(*store_, Change({TxnOp::Put("a", "4"), TxnOp::Delete("c")}));
  ASSERT_TRUE(store_->Compact(3));
  EXPECT_EQ(store_->compacted(), 3u);
  EXPECT_EQ(ShowAll(*store_, 2), "gone");
  EXPECT_EQ(ShowAll(*store_, 3), "a=3 c=1");
  EXPECT_EQ(ShowAll(*store_), "a=4");
  EXPECT_EQ(**store_->Get("a"), (KeyValue{"a", "4", 1, 4, 1, 4}));
  EXPECT_EQ(Show(store_->Watch(1, [] {})->Next()), "compacted 3");
  EXPECT_EQ(Show(store_->Watch(2, [] {})->Next()), "@3 r3 +a=3 [changed 1|ana@shop.example]");
}

TEST_P(StoreConformance, CompactionNeverGoesBackOrIntoTheFuture) {
  MustCommit(*store_, Put("a", "1"));
  MustCommit(*store_, Put("a", "2"));
  EXPECT_EQ(store_->Compact(3).error().code, ErrorCode::kInvalid);
  ASSERT_TRUE(store_->Compact(2));
  ASSERT_TRUE(store_->Compact(1));
  EXPECT_EQ(store_->compacted(), 2u);
}

TEST_P(StoreConformance, ACursorThatIsOvertakenByCompactionSaysSo) {
  for (int i = 1; i <= 5; ++i) MustCommit(*store_, Put("a", std::to_string(i)));
  const auto cursor = store_->Watch(0, [] {});
  EXPECT_EQ(Show(cursor->Next()), "@1 r1 +a=1 [changed 1|ana@shop.example]");
  ASSERT_TRUE(store_->Compact(4));
  EXPECT_EQ(Show(cursor->Next()), "compacted 4");
  EXPECT_EQ(Show(cursor->Next()), "compacted 4");
}

// ---- Revisions and their chain ---------------------------------------------------------------------------------

TEST_P(StoreConformance, EveryRevisionHasALogEntryAnAuditEntryAndALink) {
  MustCommit(*store_, JournalTxn("event/1", "x"));
  MustCommit(*store_, Change({TxnOp::Put("a", "1")}, "ana"));
  MustCommit(*store_, Change({}, "bo"));
  const std::vector<RevisionEntry> entries = *store_->Revisions(1, 99, 99);
  ASSERT_EQ(entries.size(), 2u);
  EXPECT_EQ(entries[0].revision, 1u);
  EXPECT_EQ(entries[0].position, 2u);
  EXPECT_EQ(entries[0].time, clock_.now());
  EXPECT_EQ(entries[0].log.bytes, "changed 1");
  EXPECT_EQ(entries[0].audit.bytes, "ana");
  EXPECT_EQ(entries[0].log.salt.size(), 16u);
  EXPECT_NE(entries[0].log.salt, entries[0].audit.salt);
  EXPECT_EQ(entries[0].hash, LinkHash({}, 1, clock_.now(), entries[0].log_commitment, entries[0].audit_commitment));
  EXPECT_EQ(entries[1].hash,
            LinkHash(entries[0].hash, 2, clock_.now(), entries[1].log_commitment, entries[1].audit_commitment));
  EXPECT_EQ(store_->Head().hash, entries[1].hash);
  EXPECT_EQ(store_->Revisions(1, 99, 1)->size(), 1u);
  EXPECT_EQ(store_->Revisions(2, 2, 99)->front().revision, 2u);
  EXPECT_TRUE(store_->Revisions(3, 99, 99)->empty());
}

TEST_P(StoreConformance, ARevisionLeadsToItsPosition) {
  MustCommit(*store_, JournalTxn("event/1", "x"));
  MustCommit(*store_, Put("a", "1"));
  MustCommit(*store_, Put("a", "2"));
  EXPECT_EQ(*store_->PositionOf(1), 2u);
  EXPECT_EQ(TextOf("a", *store_->PositionOf(1)), "a=1");
  EXPECT_EQ(store_->PositionOf(3).error().code, ErrorCode::kNotFound);
  EXPECT_EQ(store_->PositionOf(0).error().code, ErrorCode::kNotFound);
}

TEST_P(StoreConformance, TheChainVerifies) {
  for (int i = 0; i < 600; ++i) MustCommit(*store_, Put("a", std::to_string(i)));
  const ChainReport all = *VerifyChain(*store_);
  EXPECT_TRUE(all.ok()) << all.faults.front().what;
  EXPECT_EQ(all.from, 1u);
  EXPECT_EQ(all.to, 600u);
  EXPECT_EQ(all.head, store_->Head().hash);
  const ChainReport part = *VerifyChain(*store_, 100, 300);
  EXPECT_TRUE(part.ok());
  EXPECT_EQ(part.to, 300u);
  EXPECT_EQ(VerifyChain(*store_, 1, 601).error().code, ErrorCode::kInvalid);
}

TEST_P(StoreConformance, AnEmptyChainVerifies) {
  const ChainReport report = *VerifyChain(*store_);
  EXPECT_TRUE(report.ok());
  EXPECT_EQ(report.to, 0u);
}

TEST_P(StoreConformance, RedactionErasesPayloadsAndKeepsTheChain) {
  MustCommit(*store_, Change({TxnOp::Put("a", "1")}, "personal data"));
  MustCommit(*store_, Put("a", "2"));
  Txn redaction = Change({}, "erased revision 1");
  redaction.redact = {1};
  MustCommit(*store_, redaction);
  const std::vector<RevisionEntry> entries = *store_->Revisions(1, 3, 3);
  EXPECT_EQ(entries[0].audit, (StoredPayload{StoredPayload::State::kRedacted, "", ""}));
  EXPECT_EQ(entries[0].log, (StoredPayload{StoredPayload::State::kRedacted, "", ""}));
  EXPECT_EQ(entries[1].audit.bytes, "ana@shop.example");
  EXPECT_EQ(Show(store_->Watch(0, [] {})->Next()), "@1 r1 +a=1 [|]");
  const ChainReport report = *VerifyChain(*store_);
  EXPECT_TRUE(report.ok());
  EXPECT_EQ(report.redacted, 1u);
}

TEST_P(StoreConformance, WhatDoesNotExistCannotBeRedacted) {
  MustCommit(*store_, Put("a", "1"));
  for (const Revision revision : {0, 2, 3}) {
    Txn redaction = Change({}, "");
    redaction.redact = {revision};
    EXPECT_EQ(ErrorOf(*store_, redaction), ErrorCode::kInvalid) << revision;
  }
  EXPECT_EQ(store_->Head().revision, 1u);
}

TEST_P(StoreConformance, CompactionKeepsAuditAndChain) {
  for (int i = 1; i <= 4; ++i) MustCommit(*store_, Put("a", std::to_string(i)));
  ASSERT_TRUE(store_->Compact(3));
  const std::vector<RevisionEntry> entries = *store_->Revisions(1, 4, 4);
  EXPECT_EQ(entries[1].log, (StoredPayload{StoredPayload::State::kCompacted, "", ""}));
  EXPECT_EQ(entries[1].audit.bytes, "ana@shop.example");
  EXPECT_EQ(entries[2].log.bytes, "changed 1");
  const ChainReport report = *VerifyChain(*store_);
  EXPECT_TRUE(report.ok());
  EXPECT_EQ(report.compacted, 2u);
}

// --- erasing ---------------------------------------------------------------------------------------------------

std::optional<std::string> WithoutAna(const KeyValue& stored, bool) {
  const std::size_t at = stored.value.find("ana");
  if (at == std::string::npos) return std::nullopt;
  return stored.value.substr(0, at) + "-" + stored.value.substr(at + 3);
}

TEST_P(StoreConformance, ARewrittenValueIsTheOnlyOneThatAnybodyReadsAndNothingElseChanges) {
  MustCommit(*store_, Change({TxnOp::Put("a", "ana 1"), TxnOp::Put("b", "ben")}));
  MustCommit(*store_, Put("a", "ana 2"));
  MustCommit(*store_, Change({TxnOp::Delete("a")}));
  MustCommit(*store_, Put("a", "ana 3"));
  MustCommit(*store_, JournalTxn("!j/1", "ana was here"));
  const std::vector<RevisionEntry> links = *store_->Revisions(1, 9, 9);
  std::vector<std::string> seen;
  const Rewriter look = [&](const KeyValue& stored, bool is_newest) -> std::optional<std::string> {
    seen.push_back(stored.key + "@" + std::to_string(stored.modified) + (is_newest ? "!" : ""));
    return WithoutAna(stored, is_newest);
  };
  EXPECT_EQ(*store_->Rewrite(KeySpace::kVersioned, look, {}), 3u);
  EXPECT_EQ(seen, (std::vector<std::string>{"a@4!", "a@2", "a@1", "b@1!"}));
  EXPECT_EQ(*store_->Rewrite(KeySpace::kPlain, &WithoutAna, {}), 1u);
  EXPECT_TRUE(store_->Purge({}));

  EXPECT_EQ(ShowAll(*store_, 1), "a=- 1 b=ben");
  EXPECT_EQ(ShowAll(*store_, 2), "a=- 2 b=ben");
  EXPECT_EQ(ShowAll(*store_, 3), "b=ben");
  EXPECT_EQ(ShowAll(*store_), "a=- 3 b=ben");
  EXPECT_EQ(Show(store_->Range(RangeQuery::Prefix("!j/"))), "!j/1=- was here");
  EXPECT_EQ((*store_->Get("!j/1"))->modified, 5u) << "a reader as of that position must go on finding it";
  const auto cursor = store_->Watch(0, [] {});
  const WatchEvent first = cursor->Next();
  ASSERT_TRUE(std::holds_alternative<CommittedTxn>(first));
  EXPECT_EQ(std::get<CommittedTxn>(first).ops, (std::vector<TxnOp>{TxnOp::Put("a", "- 1"), TxnOp::Put("b", "ben")}));
  EXPECT_EQ(*store_->Revisions(1, 9, 9), links) << "no revision, and no link, was touched";
  EXPECT_TRUE(VerifyChain(*store_)->ok());

  EXPECT_EQ(*store_->Rewrite(KeySpace::kVersioned, &WithoutAna, {}), 0u) << "once more finds nothing";
  Txn held = Put("a", "4");
  held.compares = {TxnCompare::ValueIs("a", "- 3")};
  MustCommit(*store_, held);
}

TEST_P(StoreConformance, AKeyThatIsForgottenWasNeverThere) {
  MustCommit(*store_, Change({TxnOp::Put("ana", "1"), TxnOp::Put("b", "1")}));
  MustCommit(*store_, Put("ana", "2"));
  MustCommit(*store_, Put("an", "3"));
  EXPECT_EQ(store_->Forget({"ana"}, {}).error().code, ErrorCode::kConflict);
  EXPECT_EQ(store_->Forget({"!j/1"}, {}).error().code, ErrorCode::kInvalid);
  MustCommit(*store_, Change({TxnOp::Delete("ana")}));
  const std::vector<RevisionEntry> links = *store_->Revisions(1, 9, 9);
  ASSERT_TRUE(store_->Forget({"ana", "nobody"}, {}));
  EXPECT_EQ(ShowAll(*store_, 1), "b=1");
  EXPECT_EQ(ShowAll(*store_, 2), "b=1");
  EXPECT_EQ(ShowAll(*store_), "an=3 b=1");
  const auto cursor = store_->Watch(0, [] {});
  const std::vector<std::vector<TxnOp>> ops = {{TxnOp::Put("b", "1")}, {}, {TxnOp::Put("an", "3")}, {}};
  for (const std::vector<TxnOp>& expected : ops) {
    const WatchEvent event = cursor->Next();
    ASSERT_TRUE(std::holds_alternative<CommittedTxn>(event));
    EXPECT_EQ(std::get<CommittedTxn>(event).ops, expected);
  }
  EXPECT_EQ(*store_->Revisions(1, 9, 9), links);
  EXPECT_TRUE(VerifyChain(*store_)->ok());
  MustCommit(*store_, Put("ana", "4"));
  EXPECT_EQ((*store_->Get("ana"))->created_revision, 5u);
  ASSERT_TRUE(store_->Compact(5)) << "nothing is missing to it";
}

TEST_P(StoreConformance, ALookBeginsAtAVersionAndEndsWhenEnoughWasSeen) {
  MustCommit(*store_, Change({TxnOp::Put("a", "1"), TxnOp::Put("b", "1")}));
  MustCommit(*store_, Put("b", "2"));
  MustCommit(*store_, Put("b", "3"));
  MustCommit(*store_, Put("c", "4"));
  MustCommit(*store_, JournalTxn("!j/1", "5"));
  MustCommit(*store_, JournalTxn("!j/2", "6"));
  const auto seen_from = [&](const ScanPlace& from, std::size_t most, KeySpace space = KeySpace::kVersioned) {
    std::string seen;
    const Scanner see = [&](const KeyValue& stored, bool is_newest) {
      seen += (seen.empty() ? "" : " ") + stored.key + "@" + std::to_string(stored.modified) + (is_newest ? "!" : "");
      return --most > 0;
    };
    EXPECT_TRUE(store_->ScanFrom(space, from, see, {}));
    return seen;
  };
  EXPECT_EQ(seen_from({}, 9), "a@1! b@3! b@2 b@1 c@4!");
  EXPECT_EQ(seen_from({}, 2), "a@1! b@3!");
  EXPECT_EQ(seen_from({"b", 0}, 2), "b@3! b@2");
  EXPECT_EQ(seen_from({"b", 2}, 9), "b@2 b@1 c@4!") << "which are not the newest, wherever one begins";
  EXPECT_EQ(seen_from({"b", 3}, 1), "b@3!");
  EXPECT_EQ(seen_from({"bb", 2}, 9), "c@4!");
  EXPECT_EQ(seen_from({"!j/2", 0}, 9, KeySpace::kPlain), "!j/2@6!");
}

TEST_P(StoreConformance, WhatIsGoneStaysGoneWhenItIsRewritten) {
  const TxnResult first = MustCommit(*store_, Put("a", "ana"));
  MustCommit(*store_, Change({TxnOp::Delete("a")}));
  MustCommit(*store_, JournalTxn("!j/1", "ana"));
  Txn trim;
  trim.ops = {TxnOp::Delete("!j/1")};
  MustCommit(*store_, trim);
  ASSERT_TRUE(store_->Compact(store_->Head().position));
  Txn late;
  late.rewrites = {{"a", first.position, "-"}, {"!j/1", 3, "-"}, {"nobody", 1, "-"}};
  MustCommit(*store_, late);
  EXPECT_EQ(ShowAll(*store_), "");
  EXPECT_EQ(Show(store_->Range(RangeQuery::Prefix("!j/"))), "");
}

}  // namespace
}  // namespace guidon
