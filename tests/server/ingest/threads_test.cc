// Many who append at once, and readers who follow: everybody sees one order, and misses nothing.
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <cstdlib>
#include <iostream>
#include <map>
#include <mutex>
#include <random>
#include <thread>

#include "server/ingest/journal.h"
#include "tests/server/store/store_fixture.h"

namespace guidon {
namespace {

std::uint64_t Seed() {
  const char* given = std::getenv("GUIDON_SEED");
  return given != nullptr ? std::strtoull(given, nullptr, 10) : 20271125;
}
int Scaled(int count) {
  const char* scale = std::getenv("GUIDON_PROPERTY_SCALE");
  return std::max(1, static_cast<int>(count * (scale != nullptr ? std::atof(scale) : 1.0)));
}

NewEntry EntryOf(const std::string& id) {
  NewEntry entry{"shop", "production", "k", {}, "{}"};
  entry.batch.id = id;
  entry.batch.events = "[]";
  return entry;
}

std::string IdIn(const JournalEntry& entry) {
  const std::string name = "\"batch\":\"";
  const std::size_t begin = entry.text.find(name) + name.size();
  return entry.text.substr(begin, entry.text.find('"', begin) - begin);
}

// What readers have seen from the beginning to the end, each on its own.
using Seen = std::vector<std::pair<std::uint64_t, std::string>>;

Seen Follow(const Journal& journal, const std::atomic<bool>& done, std::uint64_t seed) {
  std::mt19937_64 random(seed);
  Seen seen;
  JournalQuery query;
  for (bool last = false;;) {
    query.entries = 1 + random() % 50;
    const Result<JournalPage> page = journal.Read(query);
    if (!page) {
      ADD_FAILURE() << page.error().message;
      return seen;
    }
    for (const JournalEntry& entry : page->entries) seen.emplace_back(entry.sequence, IdIn(entry));
    query.after = page->next;
    if (last && !page->more && page->entries.empty()) return seen;
    last = done;
  }
}

// Answers as they come, held against each other.
class Ledger {
 public:
  void Take(const std::string& id, const Result<Appended>& appended) {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (!appended) {
      ADD_FAILURE() << appended.error().message;
    } else {
      const auto [known, is_new] = sequences_.emplace(id, appended->sequence);
      EXPECT_EQ(known->second, appended->sequence) << "one id, one entry: " << id;
      EXPECT_EQ(is_new, !appended->duplicate) << id;
      duplicates_ += appended->duplicate ? 1 : 0;
    }
    ++answers_;
    changed_.notify_all();
  }
  void WaitFor(int answers) {
    std::unique_lock<std::mutex> lock(mutex_);
    changed_.wait(lock, [&] { return answers_ == answers; });
  }
  // Every id that was answered, in the order of the numbers.
  Seen InOrder() {
    const std::lock_guard<std::mutex> lock(mutex_);
    Seen seen;
    for (const auto& [id, sequence] : sequences_) seen.emplace_back(sequence, id);
    std::sort(seen.begin(), seen.end());
    return seen;
  }
  int duplicates() {
    const std::lock_guard<std::mutex> lock(mutex_);
    return duplicates_;
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::map<std::string, std::uint64_t> sequences_;
  int answers_ = 0, duplicates_ = 0;
};

TEST(JournalThreadsTest, WhoFollowsSeesEveryEntryOnceInTheSameOrderAndARestartChangesNothing) {
  SCOPED_TRACE("GUIDON_SEED=" + std::to_string(Seed()));
  std::cout << "seed " << Seed() << "\n";
  constexpr int kWriters = 4, kReaders = 3;
  const int batches = Scaled(400);
  const TempFolder folder;
  std::unique_ptr<Store> store = *OpenRocksStore(RocksOptions(folder));
  JournalOptions options;
  options.in_flight_batches = static_cast<std::size_t>(kWriters * batches);
  std::unique_ptr<Journal> journal = *Journal::Open(*store, options);
  std::atomic<bool> done{false};
  Ledger ledger;

  std::vector<Seen> seen(kReaders);
  std::vector<std::thread> readers, writers;
  for (std::size_t i = 0; i < kReaders; ++i) {
    readers.emplace_back([&, i] { seen[i] = Follow(*journal, done, Seed() + 100 + i); });
  }
  for (int writer = 0; writer < kWriters; ++writer) {
    writers.emplace_back([&, writer] {
      std::mt19937_64 random(Seed() + static_cast<std::uint64_t>(writer));
      for (int i = 0; i < batches; ++i) {
        // Some ids are those of others, too: only the first to come is taken.
        const std::string owner = random() % 4 == 0 ? "all" : std::to_string(writer);
        const std::string id = "batch-of-" + owner + "-number-" + std::to_string(i);
        journal->Append(EntryOf(id), [&ledger, id](const Result<Appended>& appended) { ledger.Take(id, appended); });
        if (random() % 16 == 0) std::this_thread::yield();
      }
    });
  }
  for (std::thread& writer : writers) writer.join();
  ledger.WaitFor(kWriters * batches);
  done = true;
  for (std::thread& reader : readers) reader.join();
  const Seen all = ledger.InOrder();
  for (const Seen& each : seen) EXPECT_EQ(each, all);
  EXPECT_TRUE(batches < 100 || ledger.duplicates() > 0) << "no id met itself: the test shows less than it says";

  journal.reset();
  store.reset();
  store = *OpenRocksStore(RocksOptions(folder));
  journal = *Journal::Open(*store, {});
  EXPECT_EQ(Follow(*journal, done, Seed()), all);
  journal->Append(EntryOf("batch-after-restart"), [&](const Result<Appended>& appended) {
    EXPECT_GT(appended->sequence, all.back().first) << "numbers go on";
  });
  journal.reset();  // waits for the answer
}

}  // namespace
}  // namespace guidon
