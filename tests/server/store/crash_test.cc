// kill -9 of a process that writes, at random times and at every kill point: what was acknowledged is there, what was
// not is there whole or not at all, and nothing is out of order. GUIDON_STORE_KILLS says how often (50).
#include <gtest/gtest.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>
#include <csignal>

#include <cstdlib>
#include <map>
#include <random>
#include <set>
#include <sstream>
#include <thread>

#include "server/store/chain.h"
#include "tests/server/store/store_fixture.h"

extern char** environ;

namespace guidon {
namespace {

struct Acknowledged {
  Position position = 0;
  Revision revision = 0;
  std::string id;
};

// A running store_crash_writer; killed at the latest when it goes out of scope.
class Writer {
 public:
  Writer(const std::string& folder, int run, int writers, const std::string& kill_at) {
    int ends[2];
    if (pipe(ends) != 0) throw std::runtime_error("no pipe");
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
    posix_spawn_file_actions_addclose(&actions, ends[0]);
    posix_spawn_file_actions_addclose(&actions, ends[1]);
    const std::string program = GUIDON_BIN_DIR "/store_crash_writer";
    std::vector<std::string> words = {program, folder, std::to_string(run), std::to_string(writers), kill_at};
    std::vector<char*> arguments;
    for (std::string& word : words) arguments.push_back(word.data());
    arguments.push_back(nullptr);
    EXPECT_EQ(posix_spawn(&pid_, program.c_str(), &actions, nullptr, arguments.data(), environ), 0) << program;
    posix_spawn_file_actions_destroy(&actions);
    close(ends[1]);
    pipe_ = ends[0];
  }
  ~Writer() {
    Kill();
    close(pipe_);
  }
  Writer(const Writer&) = delete;
  Writer& operator=(const Writer&) = delete;

  // Reads acknowledgements: `count` of them, or until the process is gone. False when it is gone.
  bool Read(std::size_t count, std::vector<Acknowledged>& into) {
    while (into.size() < count) {
      const std::size_t newline = text_.find('\n');
      if (newline == std::string::npos) {
        if (!Fill()) return false;
        continue;
      }
      std::istringstream line(text_.substr(0, newline));
      Acknowledged acknowledged;
      line >> acknowledged.position >> acknowledged.revision >> acknowledged.id;
      into.push_back(acknowledged);
      text_.erase(0, newline + 1);
    }
    return true;
  }

  void Kill() {
    if (pid_ <= 0) return;
    kill(pid_, SIGKILL);
    EXPECT_EQ(waitpid(pid_, &status_, 0), pid_);
    pid_ = 0;
  }
  bool WasKilled() const { return WIFSIGNALED(status_) && WTERMSIG(status_) == SIGKILL; }

 private:
  bool Fill() {
    char bytes[4096];
    const ssize_t size = read(pipe_, bytes, sizeof bytes);
    if (size > 0) text_.append(bytes, static_cast<std::size_t>(size));
    return size > 0;
  }

  pid_t pid_ = 0;
  int pipe_ = -1;
  int status_ = 0;
  std::string text_;
};

constexpr std::size_t kAll = static_cast<std::size_t>(-1);

// Everything that was written, and all that was acknowledged since the folder was new.
void CheckStore(const std::string& folder, const std::vector<Acknowledged>& acknowledged, StoreHead* head) {
  RocksStoreOptions options;
  options.folder = folder;
  Result<std::unique_ptr<Store>> opened = OpenRocksStore(options);
  ASSERT_TRUE(opened) << opened.error().message;
  Store& store = **opened;
  *head = store.Head();

  std::map<std::string, CommittedTxn> written;
  const auto cursor = store.Watch(0, [] {});
  for (Position position = 1; position <= head->position; ++position) {
    WatchEvent event = cursor->Next();
    ASSERT_TRUE(std::holds_alternative<CommittedTxn>(event)) << "at position " << position;
    auto& txn = std::get<CommittedTxn>(event);
    ASSERT_EQ(txn.position, position);
    ASSERT_EQ(txn.revision, position);  // every transaction of the writer takes one
    ASSERT_EQ(txn.ops.size(), 3u) << "a torn transaction at " << position;
    const std::string id = txn.ops[0].value;
    for (const TxnOp& op : txn.ops) ASSERT_EQ(op.value, id);
    ASSERT_EQ(txn.record, (RevisionRecord{"log " + id, "audit " + id}));
    ASSERT_TRUE(written.emplace(id, std::move(txn)).second) << id << " twice";
  }
  for (const Acknowledged& each : acknowledged) {
    const auto found = written.find(each.id);
    ASSERT_NE(found, written.end()) << each.id << " was acknowledged as " << each.position << " and is gone";
    ASSERT_EQ(found->second.position, each.position);
    ASSERT_EQ(found->second.revision, each.revision);
  }
  EXPECT_EQ(store.Range(RangeQuery::Prefix("k/"))->entries.size(), 3 * written.size());
  const ChainReport chain = *VerifyChain(store);
  EXPECT_TRUE(chain.ok()) << chain.faults.front().what;
  EXPECT_EQ(chain.to, head->revision);
}

// ---- Each kill point, with one writer: exactly what it says ----------------------------------------------------

struct AtPoint {
  const char* kill_at;
  Position stored;  // of ten groups of one transaction, the fifth one dies; four were acknowledged
};

class StoreKillPoint : public testing::TestWithParam<AtPoint> {};

INSTANTIATE_TEST_SUITE_P(All, StoreKillPoint,
                         testing::Values(AtPoint{"before_wal:5", 4}, AtPoint{"after_wal:5", 5},
                                         AtPoint{"after_head:5", 5}, AtPoint{"before_answer:5", 5}),
                         [](const auto& param) {
                           const std::string text = param.param.kill_at;
                           return text.substr(0, text.find(':'));
                         });

TEST_P(StoreKillPoint, DecidesWhatIsStored) {
  const TempFolder temp;
  const std::string folder = temp.path() / "data";
  std::vector<Acknowledged> acknowledged;
  Writer writer(folder, 1, 1, GetParam().kill_at);
  EXPECT_FALSE(writer.Read(kAll, acknowledged));
  writer.Kill();
  EXPECT_TRUE(writer.WasKilled());
  EXPECT_EQ(acknowledged.size(), 4u);
  StoreHead head;
  CheckStore(folder, acknowledged, &head);
  EXPECT_EQ(head.position, GetParam().stored);
}

// ---- Random times ----------------------------------------------------------------------------------------------

int Kills() {
  const char* text = std::getenv("GUIDON_STORE_KILLS");
  return text != nullptr ? std::atoi(text) : 50;
}

TEST(StoreCrashTest, NothingThatWasAcknowledgedIsLostByKills) {
  const std::uint64_t seed = 20270102;
  std::mt19937_64 random(seed);
  std::unique_ptr<TempFolder> temp;
  std::vector<Acknowledged> acknowledged;
  std::size_t total = 0;
  for (int run = 0; run < Kills() && !testing::Test::HasFailure(); ++run) {
    SCOPED_TRACE("seed " + std::to_string(seed) + ", kill " + std::to_string(run));
    if (run % 50 == 0) {
      temp = std::make_unique<TempFolder>();
      acknowledged.clear();
    }
    const std::string folder = temp->path() / "data";
    {
      // Every fifth one dies at a kill point, between the steps of a group of several writers.
      const char* points[] = {"before_wal:", "after_wal:", "after_head:", "before_answer:"};
      const std::string kill_at = run % 5 == 4 ? points[run / 5 % 4] + std::to_string(1 + random() % 20) : "";
      Writer writer(folder, run, 4, kill_at);
      std::vector<Acknowledged> heard;
      if (writer.Read(kill_at.empty() ? random() % 60 : kAll, heard)) {
        std::this_thread::sleep_for(std::chrono::microseconds(random() % 2000));  // anywhere within a group
        writer.Kill();
        writer.Read(kAll, heard);  // what was said before
      }
      writer.Kill();
      EXPECT_TRUE(writer.WasKilled());
      total += heard.size();
      acknowledged.insert(acknowledged.end(), heard.begin(), heard.end());
    }
    StoreHead head;
    CheckStore(folder, acknowledged, &head);
  }
  EXPECT_GT(total, static_cast<std::size_t>(Kills()));
}

}  // namespace
}  // namespace guidon
