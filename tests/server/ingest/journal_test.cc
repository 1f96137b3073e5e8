// The journal over both drivers of the store: once, in order, for as long as it is kept, across restarts.
#include "server/ingest/journal.h"

#include <gmock/gmock.h>

#include <future>

#include "core/base/json.h"
#include "server/ingest/journal_keeper.h"
#include "tests/server/store/faulty_file_system.h"
#include "tests/server/store/store_fixture.h"

namespace guidon {
namespace {

using std::chrono::days;
using std::chrono::hours;
using std::chrono::milliseconds;
using ::testing::HasSubstr;

// A batch of one event that says `word`.
NewEntry EntryOf(const std::string& id, const std::string& word, const std::string& environment = "production") {
  NewEntry entry{"shop", environment, "4fJ2kQz9wXbT", {}, "answer to " + word};
  entry.batch.id = id;
  entry.batch.sender = "\"sent\":7,";
  entry.batch.events = "[\"" + word + "\"]";
  return entry;
}

std::string Show(const Result<Appended>& appended) {
  if (!appended) return std::string(ToString(appended.error().code));
  return std::to_string(appended->sequence) + (appended->duplicate ? " again: " : ": ") + appended->answer;
}

// The words of the entries by number, "1 a, 2 b", and how the page ends.
std::string Show(const Result<JournalPage>& page) {
  if (!page) return std::string(ToString(page.error().code)) + ": " + page.error().message;
  std::string text;
  for (const JournalEntry& entry : page->entries) {
    const Value stored = *ParseJson(entry.text);
    text += std::to_string(entry.sequence) + " " + stored.Find("events")->AsArray()[0].AsString() + ", ";
  }
  return text + "next " + std::to_string(page->next) + (page->more ? ", more" : "");
}

class JournalTest : public testing::TestWithParam<const char*> {
 protected:
  void SetUp() override { Open(); }

  bool is_memory() const { return GetParam() == std::string_view("memory"); }

  // Again, on what was written; one in memory is gone with its store.
  void Open() {
    journal_.reset();
    StoreOptions options;
    options.clock = clock_.Function();
    if (is_memory()) {
      if (!store_) store_ = OpenMemoryStore(options);
    } else {
      store_.reset();
      RocksStoreOptions rocks = RocksOptions(folder_, options);
      rocks.file_system = disk_;
      Result<std::unique_ptr<Store>> opened = OpenRocksStore(rocks);
      ASSERT_TRUE(opened) << opened.error().message;
      store_ = *std::move(opened);
    }
    JournalOptions journal = options_;
    journal.clock = clock_.Function();
    journal_ = *Journal::Open(*store_, std::move(journal));
  }

  std::string Append(NewEntry entry) {
    std::promise<Result<Appended>> answer;
    journal_->Append(std::move(entry), [&](Result<Appended> appended) { answer.set_value(std::move(appended)); });
    return Show(answer.get_future().get());
  }
  std::string Read(const JournalQuery& query = {}) { return Show(journal_->Read(query)); }
  std::string Trim(milliseconds keep, milliseconds keep_ids = hours(48)) {
    const Result<JournalTrim> trim = journal_->Trim(clock_.now(), keep, keep_ids, [] { return false; });
    if (!trim) return trim.error().message;
    return std::to_string(trim->entries) + " entries, " + std::to_string(trim->batches) + " ids";
  }

  FakeClock clock_;
  const TempFolder folder_;
  std::shared_ptr<rocksdb::FileSystem> disk_ = FastFileSystem();
  JournalOptions options_;
  std::unique_ptr<Store> store_;
  std::unique_ptr<Journal> journal_;
};

INSTANTIATE_TEST_SUITE_P(Drivers, JournalTest, testing::Values("memory", "rocksdb"),
                         [](const auto& name) { return std::string(name.param); });

TEST_P(JournalTest, AnEntryIsThereOnceItIsAnsweredWithWhatIsKnownOfIt) {
  EXPECT_EQ(Append(EntryOf("batch-0000000001", "a")), "1: answer to a");
  const JournalPage page = *journal_->Read({});
  ASSERT_EQ(page.entries.size(), 1u);
  const JournalEntry& entry = page.entries[0];
  EXPECT_EQ(entry.project, "shop");
  EXPECT_EQ(entry.environment, "production");
  EXPECT_EQ(entry.received, clock_.now());
  EXPECT_EQ(entry.text, R"({"received":1798761600000,"project":"shop","environment":"production",)"
                        R"("key":"4fJ2kQz9wXbT","batch":"batch-0000000001","sent":7,"events":["a"]})");
  EXPECT_EQ(store_->Head().revision, 0u) << "events take no revision";
}

TEST_P(JournalTest, ABatchThatComesAgainGetsTheFirstAnswerAndWritesNothing) {
  EXPECT_EQ(Append(EntryOf("batch-0000000001", "a")), "1: answer to a");
  const Position before = store_->Head().position;
  EXPECT_EQ(Append(EntryOf("batch-0000000001", "b")), "1 again: answer to a");
  EXPECT_EQ(store_->Head().position, before);
  EXPECT_EQ(Append(EntryOf("batch-0000000001", "c", "staging")), "3: answer to c") << "ids belong to an environment";
  EXPECT_EQ(Read(), "1 a, 3 c, next 3");
}

// Promise R1.
TEST_P(JournalTest, APowerCutLosesNothingThatWasAcknowledged) {
  if (is_memory()) return;  // there is nothing to lose
  const auto disk = std::make_shared<FaultyFileSystem>();
  disk_ = disk;
  Open();
  std::string kept;
  for (int round = 1; round <= 5; ++round) {
    for (int i = 0; i < 10; ++i) {
      const std::string number = std::to_string(10 * (round - 1) + i + 1), word = "w" + number;
      EXPECT_EQ(Append(EntryOf("batch-0000000" + std::to_string(100 + std::stoi(number)), word)),
                number + ": answer to " + word);
      kept += number + " " + word + ", ";
    }
    journal_.reset();
    store_.reset();
    disk->LoseUnsynced();
    Open();
    EXPECT_EQ(Read(), kept + "next " + std::to_string(10 * round)) << round;
  }
  EXPECT_EQ(Append(EntryOf("batch-0000000101", "w1")), "1 again: answer to w1");
}

TEST_P(JournalTest, AReaderGoesOnWhereItStoppedAcrossARestart) {
  Append(EntryOf("batch-0000000001", "a"));
  Append(EntryOf("batch-0000000002", "b"));
  EXPECT_EQ(Read({.entries = 1}), "1 a, next 1, more");
  Open();
  EXPECT_EQ(Append(EntryOf("batch-0000000003", "c")), "3: answer to c");
  EXPECT_EQ(Append(EntryOf("batch-0000000002", "x")), "2 again: answer to b");
  EXPECT_EQ(Read({.after = 1}), "2 b, 3 c, next 3");
  EXPECT_EQ(Read({.after = 3}), "next 3");
  EXPECT_EQ(Append(EntryOf("batch-0000000004", "d")), "5: answer to d");
  EXPECT_EQ(Read({.after = 3}), "5 d, next 5");
}

TEST_P(JournalTest, OneEnvironmentIsReadInPagesWithoutTheOthers) {
  for (int i = 1; i <= 9; ++i) {
    Append(EntryOf("batch-000000000" + std::to_string(i), std::to_string(i), i % 3 == 0 ? "production" : "staging"));
  }
  const auto production = [&](JournalQuery query) {
    query.project = "shop";
    query.environment = "production";
    return Read(query);
  };
  EXPECT_EQ(production({}), "3 3, 6 6, 9 9, next 9");
  EXPECT_EQ(production({.entries = 2}), "3 3, 6 6, next 6, more");
  EXPECT_EQ(production({.after = 6}), "9 9, next 9");
  EXPECT_EQ(production({.look_at = 4}), "3 3, next 4, more");
  EXPECT_EQ(production({.after = 4, .look_at = 1}), "next 5, more");
  EXPECT_EQ(Read({.project = "shop", .environment = "prod"}), "next 9");
  EXPECT_EQ(Read({.bytes = 1}), "1 1, next 1, more") << "a page has at least one";
}

TEST_P(JournalTest, WhatIsOlderIsRemovedToTheMillisecondAndTheRestReadsAsBefore) {
  Append(EntryOf("batch-0000000001", "a"));
  clock_.Move(days(1));
  Append(EntryOf("batch-0000000002", "b"));
  clock_.Move(days(1));
  Append(EntryOf("batch-0000000003", "c"));
  EXPECT_EQ(Trim(days(2), days(9)), "0 entries, 0 ids");
  EXPECT_EQ(Trim(days(2) - milliseconds(1), days(9)), "1 entries, 0 ids");
  EXPECT_EQ(Read(), "2 b, 3 c, next 3");
  EXPECT_EQ(Read({.after = 1}), "2 b, 3 c, next 3") << "nothing after 1 is gone";
  EXPECT_EQ(Trim(milliseconds(0), days(9)), "1 entries, 0 ids");
  EXPECT_THAT(Read({.after = 1}), HasSubstr("gone: entries after 1 are no longer kept; those after 2 are"));
  EXPECT_EQ(Read({.after = 2}), "3 c, next 3");
  EXPECT_EQ(Read(), "3 c, next 3") << "from the beginning: what there is";
  Open();
  EXPECT_THAT(Read({.after = 1}), HasSubstr("gone"));
  EXPECT_EQ(Append(EntryOf("batch-0000000004", "d")), "4: answer to d") << "numbers go on";
}

TEST_P(JournalTest, ABatchIsRecognisedForAsLongAsItsIdIsKept) {
  Append(EntryOf("batch-0000000001", "a"));
  clock_.Move(hours(48));
  Append(EntryOf("batch-0000000002", "b"));
  EXPECT_EQ(Trim(days(90)), "0 entries, 0 ids");
  EXPECT_EQ(Append(EntryOf("batch-0000000001", "x")), "1 again: answer to a");
  clock_.Move(milliseconds(1));
  Append(EntryOf("batch-0000000003", "c"));
  EXPECT_EQ(Trim(days(90)), "0 entries, 1 ids");
  Open();
  EXPECT_EQ(Append(EntryOf("batch-0000000002", "x")), "2 again: answer to b");
  EXPECT_THAT(Append(EntryOf("batch-0000000001", "y")), HasSubstr(": answer to y"));
  clock_.Move(hours(49));
  Append(EntryOf("batch-0000000005", "e"));
  EXPECT_EQ(Trim(days(90)), "0 entries, 3 ids");
}

TEST_P(JournalTest, AnIdThatIsKeptOutlivesEverything) {
  NewEntry imported = EntryOf("import-000000001", "a");
  imported.keeps_id = true;
  EXPECT_EQ(Append(imported), "1: answer to a");
  clock_.Move(days(400));
  Append(EntryOf("batch-0000000002", "b"));
  EXPECT_EQ(Trim(days(90)), "1 entries, 0 ids");
  Open();
  EXPECT_EQ(Append(imported), "1 again: answer to a");
}

TEST_P(JournalTest, IdsOutliveEntriesThatAreKeptForLess) {
  Append(EntryOf("batch-0000000001", "a"));
  clock_.Move(hours(30));
  Append(EntryOf("batch-0000000002", "b"));
  EXPECT_EQ(Trim(hours(24)), "1 entries, 0 ids");
  EXPECT_EQ(Append(EntryOf("batch-0000000001", "x")), "1 again: answer to a");
}

TEST_P(JournalTest, ManyAreRemovedInSmallStepsAndAStopIsResumed) {
  for (int i = 0; i < 600; ++i) Append(EntryOf("batch-" + std::to_string(1'000'000'000 + i), std::to_string(i)));
  clock_.Move(days(10));
  Append(EntryOf("batch-of-ten-days-later", "z"));
  const Position before = store_->Head().position;
  int asked = 0;
  const auto one_step = [&] { return ++asked > 1; };
  JournalTrim trim = *journal_->Trim(clock_.now(), days(5), days(9), one_step);
  EXPECT_TRUE(trim.stopped);
  EXPECT_EQ(trim.batches + trim.entries, 256u);
  EXPECT_EQ(store_->Head().position, before + 1) << "one transaction";
  trim = *journal_->Trim(clock_.now(), days(5), days(9), [] { return false; });
  EXPECT_FALSE(trim.stopped);
  EXPECT_EQ(trim.batches, 600u - 256);
  EXPECT_EQ(trim.entries, 600u);
  EXPECT_EQ(Read(), "601 z, next 601");
}

TEST_P(JournalTest, AClockThatIsFarAheadCostsNothingThatIsYoungerThanTheNewestEntry) {
  Append(EntryOf("batch-0000000001", "a"));
  clock_.Move(days(1));
  Append(EntryOf("batch-0000000002", "b"));
  clock_.Move(days(4000));
  EXPECT_EQ(Trim(days(90)), "0 entries, 0 ids");
  EXPECT_EQ(Trim(hours(1)), "1 entries, 0 ids");
  EXPECT_EQ(Read(), "2 b, next 2") << "the newest stays";
}

TEST_P(JournalTest, AnEntryFromAClockThatWasAheadGoesWithTheOneAfterIt) {
  Append(EntryOf("batch-0000000001", "a"));
  clock_.Move(days(4000));
  Append(EntryOf("batch-0000000002", "b"));
  clock_.Move(-days(4000) + days(1));
  Append(EntryOf("batch-0000000003", "c"));
  clock_.Move(days(2));
  Append(EntryOf("batch-0000000004", "d"));
  EXPECT_EQ(Trim(days(2)), "1 entries, 1 ids");
  EXPECT_EQ(Trim(days(2) - milliseconds(1), days(2) - milliseconds(1)), "2 entries, 2 ids");
  EXPECT_EQ(Read(), "4 d, next 4");
}

TEST_P(JournalTest, AnEmptyJournalHasNothingToReadOrTrim) {
  EXPECT_EQ(Read(), "next 0");
  EXPECT_EQ(Read({.after = 17}), "next 17");
  EXPECT_EQ(Trim(milliseconds(0), milliseconds(0)), "0 entries, 0 ids");
}

TEST_P(JournalTest, ALargeBatchStandsAloneAndComesBackWhole) {
  NewEntry entry = EntryOf("batch-0000000001", std::string(1u << 20, 'x'));
  const std::string events = entry.batch.events;
  Append(std::move(entry));
  EXPECT_THAT(journal_->Read({})->entries[0].text, HasSubstr(events));
}

TEST_P(JournalTest, TheKeeperLooksFromTimeToTimeAndNotAtOnce) {
  Append(EntryOf("batch-0000000001", "a"));
  clock_.Move(days(100));
  Append(EntryOf("batch-0000000002", "b"));
  JournalKeeperOptions options;
  EXPECT_EQ(options.keep_ids, hours(48)) << "as docs/spec/events.md says";
  options.clock = clock_.Function();
  options.report = [](const Result<JournalTrim>&) { ADD_FAILURE() << "it looked"; };
  { const JournalKeeper keeper(*journal_, options); }
  EXPECT_GE(options.first_look, std::chrono::minutes(1)) << "a machine that starts has to find out the time first";

  options.first_look = options.interval = milliseconds(1);
  std::promise<std::uint64_t> first, later;
  int looks = 0;
  bool found = false;
  options.report = [&](const Result<JournalTrim>& trim) {
    if (looks++ == 0) first.set_value(trim->entries);
    if (looks > 1 && trim->entries > 0 && !std::exchange(found, true)) later.set_value(trim->entries);
  };
  const JournalKeeper keeper(*journal_, options);
  EXPECT_EQ(first.get_future().get(), 1u);
  clock_.Move(days(100));
  Append(EntryOf("batch-0000000003", "c"));
  EXPECT_EQ(later.get_future().get(), 1u);
  EXPECT_EQ(Read(), "3 c, next 3");
}

// A store that answers nothing until it is told to.
class HeldStore final : public Store {
 public:
  HeldStore() : inner_(OpenMemoryStore({})) {}
  void Submit(Txn txn, TxnDone done) override { held_.emplace_back(std::move(txn), std::move(done)); }
  void Release() {
    for (auto& [txn, done] : std::exchange(held_, {})) inner_->Submit(std::move(txn), std::move(done));
  }
  Result<RangeResult> Range(const RangeQuery& query) const override { return inner_->Range(query); }
  Result<std::vector<RevisionEntry>> Revisions(Revision, Revision, std::size_t) const override { return {}; }
  std::unique_ptr<WatchCursor> Watch(Position, std::function<void()>) override { return nullptr; }
  using Store::Compact;
  Status Compact(Position, const std::function<bool()>&) override { return {}; }
  Position compacted() const override { return 0; }
  StoreHead Head() const override { return inner_->Head(); }
  std::string Epoch() const override { return inner_->Epoch(); }
  Status Health() const override { return {}; }

 private:
  const std::unique_ptr<Store> inner_;
  std::vector<std::pair<Txn, TxnDone>> held_;
};

TEST(JournalBoundsTest, WhatWaitsForTheDiskIsBoundedByBatchesAndBytesAndTheRestIsRefusedAtOnce) {
  for (const bool by_bytes : {false, true}) {
    HeldStore store;
    JournalOptions options;
    (by_bytes ? options.in_flight_bytes : options.in_flight_batches) = by_bytes ? 400 : 2;
    const std::unique_ptr<Journal> journal = *Journal::Open(store, options);
    std::vector<std::string> answers;
    const auto append = [&](const std::string& id) {
      journal->Append(EntryOf(id, "a"), [&](const Result<Appended>& appended) { answers.push_back(Show(appended)); });
    };
    append("batch-0000000001");
    append("batch-0000000002");
    EXPECT_TRUE(answers.empty());
    append("batch-0000000003");
    EXPECT_EQ(answers, std::vector<std::string>{"overloaded"});
    store.Release();
    append("batch-0000000003");
    store.Release();
    EXPECT_EQ(answers.size(), 4u);
    EXPECT_THAT(answers.back(), HasSubstr("answer to a"));
  }
}

TEST(JournalBoundsTest, ABatchLargerThanTheBoundIsTakenWhenNothingElseWaits) {
  HeldStore store;
  JournalOptions options;
  options.in_flight_bytes = 10;
  const std::unique_ptr<Journal> journal = *Journal::Open(store, options);
  std::string answer;
  journal->Append(EntryOf("batch-0000000001", "a"), [&](const Result<Appended>& appended) { answer = Show(appended); });
  store.Release();
  EXPECT_EQ(answer, "1: answer to a");
}

}  // namespace
}  // namespace guidon
