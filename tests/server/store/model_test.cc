// Random histories on both drivers: whatever one of them lets a caller see, the other shows as well.
#include <gtest/gtest.h>

#include <cstdlib>
#include <random>

#include "server/store/chain.h"
#include "tests/server/store/store_fixture.h"
#include "tests/support/sanitizer.h"

namespace guidon {
namespace {

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr int kSteps = 400;
#else
constexpr int kSteps = 4000;
#endif
constexpr int kHistories = 3;

// ---- What a caller sees, as text; hashes and salts are random and are left out -------------------------------------

std::string Show(const std::optional<KeyValue>& entry) {
  if (!entry) return "absent";
  return entry->key + "=" + entry->value + "@" + std::to_string(entry->created) + "," +
         std::to_string(entry->modified) + "r" + std::to_string(entry->created_revision) + "," +
         std::to_string(entry->modified_revision);
}

std::string Show(const Error& error) {
  return std::string(ToString(error.code)) + ": " + error.message;
}

std::string Show(const Result<TxnResult>& result) {
  if (!result) return Show(result.error());
  const std::string number = std::to_string(result->position) + " r" + std::to_string(result->revision) + " at " +
                             std::to_string(result->time.time_since_epoch().count());
  switch (result->outcome) {
    case TxnOutcome::kCommitted:
      return "committed " + number;
    case TxnOutcome::kReplayed:
      return "replayed " + number + " " + result->response;
    case TxnOutcome::kCompareFailed:
      break;
  }
  return "compare " + std::to_string(result->failed_compare) + " found " + Show(result->found);
}

std::string ShowEntries(const Result<RangeResult>& range) {
  if (!range) return Show(range.error());
  std::string text = "at " + std::to_string(range->at) + (range->more ? " more" : "");
  for (const KeyValue& entry : range->entries) text += " " + Show(entry);
  return text;
}

std::string Show(const Result<std::vector<RevisionEntry>>& entries) {
  if (!entries) return Show(entries.error());
  std::string text;
  for (const RevisionEntry& entry : *entries) {
    text += "r" + std::to_string(entry.revision) + "@" + std::to_string(entry.position) + " " +
            std::to_string(entry.time.time_since_epoch().count()) + " log " +
            std::to_string(static_cast<int>(entry.log.state)) + entry.log.bytes + " audit " +
            std::to_string(static_cast<int>(entry.audit.state)) + entry.audit.bytes + "; ";
  }
  return text;
}

std::string Show(const WatchEvent& event) {
  if (const auto* progress = std::get_if<WatchProgress>(&event))
    return "progress " + std::to_string(progress->position);
  if (const auto* gone = std::get_if<WatchCompacted>(&event)) return "compacted " + std::to_string(gone->oldest);
  if (const auto* lost = std::get_if<WatchLost>(&event)) return "lost " + lost->reason;
  const auto& txn = std::get<CommittedTxn>(event);
  std::string text = "@" + std::to_string(txn.position) + " r" + std::to_string(txn.revision) + " " +
                     std::to_string(txn.time.time_since_epoch().count()) + " " + txn.record.log + "|" +
                     txn.record.audit;
  for (const TxnOp& op : txn.ops) text += (op.kind == TxnOp::Kind::kPut ? " +" : " -") + op.key + "=" + op.value;
  return text;
}

std::string Show(const Store& store) {
  const StoreHead head = store.Head();
  return std::to_string(head.position) + " r" + std::to_string(head.revision) + " " +
         std::to_string(head.time.time_since_epoch().count()) + " compacted " + std::to_string(store.compacted());
}

// ---- Random histories ------------------------------------------------------------------------------------------

class Dice {
 public:
  explicit Dice(std::uint64_t seed) : random_(seed) {}
  std::uint64_t Below(std::uint64_t bound) { return random_() % bound; }
  bool OneIn(std::uint64_t n) { return Below(n) == 0; }
  // Few keys, so that they meet again; some are the beginning of others, or hold the bytes that escaping is about.
  std::string Key() {
    static const std::vector<std::string> keys = {
        "a", "ab", "a/b", "b", std::string("a\0", 2), std::string("a\0\xff", 3), "\xff", "zz", "c",
        "d", "!j", "!k",  "!"};
    return keys[Below(keys.size())];
  }

 private:
  std::mt19937_64 random_;
};

class History {
 public:
  explicit History(std::uint64_t seed) : dice_(seed) {
    options_.clock = clock_.Function();
    options_.limits.txn_bytes = 200;
    model_ = OpenMemoryStore(options_);
    Reopen();
  }

  void Run() {
    for (step_ = 0; step_ < kSteps && !testing::Test::HasFailure(); ++step_) Step();
    const Result<ChainReport> chain = VerifyChain(*store_);
    EXPECT_TRUE(chain && chain->ok());
    EXPECT_GT(store_->Head().revision, static_cast<Revision>(kSteps / 10));
  }

 private:
  void Reopen() {
    cursor_.reset();
    store_.reset();
    RocksStoreOptions options = RocksOptions(folder_, options_);
    options.file_system = FastFileSystem();
    Result<std::unique_ptr<Store>> store = OpenRocksStore(options);
    ASSERT_TRUE(store) << store.error().message;
    store_ = *std::move(store);
  }

  void Step() {
    switch (dice_.Below(16)) {
      case 0:
        return Same("range", [query = RandomRange()](Store& store) { return ShowEntries(store.Range(query)); });
      case 1:
        return Same("revisions", RandomRevisions());
      case 2:
        return NewCursors();
      case 3:
      case 4:
      case 5:
        return NextOfCursors();
      case 6:
        return clock_.Move(std::chrono::minutes(static_cast<std::int64_t>(dice_.Below(240)) - 20));
      case 7:
        return Rarely();
      default:
        return Same("commit", [txn = RandomTxn()](Store& store) { return Show(store.Commit(txn)); });
    }
  }

  void Rarely() {
    if (dice_.OneIn(8)) Reopen();
    if (dice_.OneIn(8)) {
      const Position position = RandomPosition();
      Same("compact", [position](Store& store) {
        const Status status = store.Compact(position);
        return status ? "compacted" : Show(status.error());
      });
    }
  }

  template <typename Observe>
  void Same(const char* what, Observe observe) {
    EXPECT_EQ(observe(*model_), observe(*store_)) << what << " in step " << step_;
    EXPECT_EQ(Show(*model_), Show(*store_)) << "after " << what << " in step " << step_;
  }

  void NewCursors() {
    const Position after = RandomPosition();
    model_cursor_ = model_->Watch(after, [] {});
    cursor_ = store_->Watch(after, [] {});
  }
  void NextOfCursors() {
    if (!cursor_) return NewCursors();
    EXPECT_EQ(Show(model_cursor_->Next()), Show(cursor_->Next())) << "watch in step " << step_;
  }

  // Mostly what exists, sometimes what is gone or yet to come.
  Position RandomPosition() { return dice_.Below(model_->Head().position + 3); }
  Revision RandomRevision() { return dice_.Below(model_->Head().revision + 3); }

  RangeQuery RandomRange() {
    RangeQuery query;
    query.begin = dice_.OneIn(2) ? "" : dice_.Key();
    query.end = dice_.OneIn(2) ? "" : dice_.Key();
    query.at = dice_.OneIn(2) ? 0 : RandomPosition();
    query.limit = dice_.OneIn(2) ? 0 : dice_.Below(5);
    query.keys_only = dice_.OneIn(4);
    return query;
  }

  std::function<std::string(Store&)> RandomRevisions() {
    const Revision from = RandomRevision(), to = RandomRevision();
    const std::size_t limit = dice_.Below(20);
    return [=](Store& store) { return Show(store.Revisions(from, to, limit)); };
  }

  Txn RandomTxn() {
    Txn txn;
    while (dice_.OneIn(3)) txn.compares.push_back(RandomCompare());
    while (!dice_.OneIn(3)) txn.ops.push_back(RandomOp());
    if (!dice_.OneIn(4)) txn.revision = RevisionRecord{"log " + std::to_string(step_), "audit"};
    if (dice_.OneIn(20)) txn.redact.push_back(RandomRevision());
    if (dice_.OneIn(4)) {
      txn.idempotency = Idempotency{dice_.OneIn(2) ? "ana" : "bo", std::to_string(dice_.Below(6)),
                                    dice_.OneIn(8) ? "other" : "hash", "answer " + std::to_string(step_)};
    }
    return txn;
  }

  TxnOp RandomOp() {
    if (dice_.OneIn(4)) return TxnOp::Delete(dice_.Key());
    return TxnOp::Put(dice_.Key(), dice_.OneIn(40) ? std::string(200, 'x') : std::to_string(dice_.Below(5)));
  }

  TxnCompare RandomCompare() {
    switch (dice_.Below(5)) {
      case 0:
        return TxnCompare::Exists(dice_.Key());
      case 1:
        return TxnCompare::Absent(dice_.Key());
      case 2:
        return TxnCompare::ValueIs(dice_.Key(), std::to_string(dice_.Below(5)));
      case 3:
        return TxnCompare::ModifiedAt(dice_.Key(), RandomPosition());
      default:
        return TxnCompare::NotModifiedAfter(dice_.Key(), RandomRevision());
    }
  }

  Dice dice_;
  FakeClock clock_;
  StoreOptions options_;
  TempFolder folder_;
  int step_ = 0;
  std::unique_ptr<Store> model_, store_;
  std::unique_ptr<WatchCursor> model_cursor_, cursor_;  // gone before their stores
};

TEST(StoreModelTest, BothDriversShowTheSameInRandomHistories) {
  const char* given = std::getenv("GUIDON_SEED");
  const std::uint64_t first = given != nullptr ? std::strtoull(given, nullptr, 10) : 20270101;
  for (std::uint64_t seed = first; seed < first + kHistories && !HasFailure(); ++seed) {
    SCOPED_TRACE("GUIDON_SEED=" + std::to_string(seed));
    History(seed).Run();
  }
}

}  // namespace
}  // namespace guidon
