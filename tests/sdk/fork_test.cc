// What fork() leaves of a client: all of it in the parent, and in the child one that goes on by itself.
#include <guidon/test_source.h>

#include <arpa/inet.h>
#include <dirent.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <filesystem>
#include <fstream>
#include <future>
#include <set>
#include <sstream>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/sdk/application.h"
#include "tests/sdk/trial.h"
#include "tests/sdk/world.h"
#include "tests/support/fork.h"
#include "tests/support/sanitizer.h"

namespace guidon {
namespace {

using namespace std::chrono_literals;
using testing::AcceptStream;
using testing::ConfigFor;
using testing::Eventually;
using testing::FilesFolder;
using testing::kPatience;
using testing::ReplaceFile;
using testing::ScriptedServer;
using testing::WaitForRevision;
using testing::WaitForState;
using testing::World;

const Context kUser("user-1");

bool is_child = false;

// A forked process that runs `body` and ends; its fault is what `body` returns, or how it died. It must not hang: after
// a minute it is killed by its alarm.
class Child {
 public:
  enum class End { kAtOnce, kExit };  // _exit(); exit(), with handlers and destructors of statics

  explicit Child(const std::function<std::string()>& body, End end = End::kAtOnce) {
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC) != 0) throw std::runtime_error("no pipe");
    pid_ = testing::Fork();
    if (pid_ == 0) {
      is_child = true;
      ::alarm(60);
      Report(ends[1], body());
      if (end == End::kExit) std::exit(0);
      ::_exit(0);
    }
    ::close(ends[1]);
    fault_ = ends[0];
  }
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;
  ~Child() { Join(); }

  static void Report(int to, const std::string& fault) {
    std::string text = fault.empty() ? "ok" : fault;
    if (::write(to, text.data(), text.size()) < 0) ::_exit(2);
  }

  // "ok", or what went wrong.
  std::string Join() {
    if (pid_ < 0) return said_;
    char part[1024];
    for (ssize_t n = 0; (n = ::read(fault_, part, sizeof(part))) > 0;) said_.append(part, static_cast<std::size_t>(n));
    int status = 0;
    ::waitpid(std::exchange(pid_, -1), &status, 0);
    ::close(fault_);
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) said_ += " [ended with status " + std::to_string(status) + "]";
    return said_;
  }

 private:
  pid_t pid_ = -1;
  int fault_ = -1;
  std::string said_;
};

// Forks in the callback of the first change that a client tells of: the child runs `body` on what was the source's
// thread.
class ForkAtFirstChange {
 public:
  ForkAtFirstChange(Client& client, std::function<std::string()> body)
      : subscription_(client.OnChange([this, body = std::move(body)](const RulesetChange&) {
          if (is_child || child_ != nullptr) return;
          child_ = std::make_unique<Child>(body);
          forked_.set_value();
        })) {}
  void Wait() { forked_.get_future().wait(); }
  std::string Join() { return child_->Join(); }

 private:
  std::unique_ptr<Child> child_;
  std::promise<void> forked_;
  const Subscription subscription_;
};

// The first thing that is not as it should be, for the report of a child.
#define GUIDON_CHECK(condition) \
  if (!(condition)) return "not so: " #condition " (line " + std::to_string(__LINE__) + ")"

// The inodes of this process's sockets that are connected to the server, on the client's side.
std::set<ino_t> SocketsTo(std::uint16_t port) {
  std::set<ino_t> inodes;
  DIR* folder = ::opendir("/proc/self/fd");
  while (const dirent* entry = ::readdir(folder)) {
    const int fd = std::atoi(entry->d_name);
    sockaddr_in peer{};
    socklen_t size = sizeof(peer);
    struct stat about {};
    if (::getpeername(fd, reinterpret_cast<sockaddr*>(&peer), &size) != 0 || peer.sin_family != AF_INET) continue;
    if (ntohs(peer.sin_port) == port && ::fstat(fd, &about) == 0) inodes.insert(about.st_ino);
  }
  ::closedir(folder);
  return inodes;
}

class ForkTest : public testing::OverBoth {
 protected:
  FilesFolder folder_;
  ClientConfig config_ = ConfigFor(server_);
};
INSTANTIATE_TEST_SUITE_P(Over, ForkTest, testing::kBothModes, testing::NameOfMode);

// --- a prefork server ----------------------------------------------------------------------------------------------

TEST_P(ForkTest, WorkersReadAtOnceAndHaveStreamsOfTheirOwnAndTheParentIsNotDisturbed) {
  config_.cache_file = folder_.File("flags.json");
  Client client(config_);
  auto stream = AcceptStream(server_, world_.SnapshotEvent());
  ASSERT_TRUE(stream && WaitForState(client, ClientState::kLive));
  const std::set<ino_t> parents = SocketsTo(server_.port());
  ASSERT_FALSE(parents.empty());
  const Revision held = world_.revision();

  const auto work = [&]() -> std::string {
    GUIDON_CHECK(client.Int("a", kUser, 0) == 1);
    GUIDON_CHECK(client.Status().forks == 1);
    GUIDON_CHECK(client.Status().revision == held);
    GUIDON_CHECK(client.WaitReady(0ms));
    for (const ino_t inode : SocketsTo(server_.port())) GUIDON_CHECK(parents.count(inode) == 0);
    const Flag<std::int64_t> b(client, "b", 0);
    GUIDON_CHECK(Eventually([&] { return client.Int("a", kUser, 0) == 2 && b(kUser) == 5; }));
    GUIDON_CHECK(WaitForState(client, ClientState::kLive));
    GUIDON_CHECK(client.Status().reconnects == 0);
    return "";
  };
  std::vector<std::unique_ptr<Child>> workers;
  for (int i = 0; i < 4; ++i) {
    workers.push_back(std::make_unique<Child>(work, i % 2 == 0 ? Child::End::kAtOnce : Child::End::kExit));
  }
  std::vector<std::unique_ptr<ScriptedServer::Connection>> streams;
  for (std::size_t i = 0; i < workers.size(); ++i) {
    streams.push_back(AcceptStream(server_, world_.HeartbeatEvent()));
    ASSERT_TRUE(streams.back());
    EXPECT_EQ(streams.back()->request().Header("Last-Event-ID"), world_.Id()) << "resumed from what the parent held";
  }
  streams.push_back(std::move(stream));
  for (const std::string& change : {world_.Serve("a", 2), world_.Serve("b", 5)}) {
    for (const auto& each : streams) ASSERT_TRUE(each->Send(change));
  }
  for (const auto& worker : workers) EXPECT_EQ(worker->Join(), "ok");

  ASSERT_TRUE(WaitForRevision(client, world_.revision()));
  ASSERT_TRUE(streams.back()->Send(world_.Serve("a", 3))) << "also after the workers are gone";
  ASSERT_TRUE(WaitForRevision(client, world_.revision()));
  EXPECT_EQ(client.Int("a", kUser, 0), 3);
  const ClientStatus status = client.Status();
  EXPECT_EQ(status.forks, 0u);
  EXPECT_EQ(status.reconnects, 0u);
  EXPECT_EQ(status.state, ClientState::kLive);
  EXPECT_FALSE(streams.back()->WaitUntilClosed(0ms));
  ASSERT_TRUE(client.Close(kPatience));
  std::ostringstream cache;
  cache << std::ifstream(config_.cache_file).rdbuf();
  EXPECT_EQ(cache.str(), world_.Document()) << "though the workers wrote it, too";
}

TEST_P(ForkTest, AClientThatIsDestroyedInTheChildGoesOnInTheParent) {
  auto client = std::make_unique<Client>(config_);
  const auto stream = AcceptStream(server_, world_.SnapshotEvent());
  ASSERT_TRUE(stream && WaitForState(*client, ClientState::kLive));
  Child child([&]() -> std::string {
    GUIDON_CHECK(client->Close(kPatience));
    GUIDON_CHECK(client->Status().state == ClientState::kClosed);
    client.reset();
    Client another(config_);
    GUIDON_CHECK(another.WaitReady(kPatience));
    return "";
  });
  std::unique_ptr<ScriptedServer::Connection> childs;
  do childs = AcceptStream(server_, world_.SnapshotEvent());
  while (childs != nullptr && childs->request().raw.find("Last-Event-ID") != std::string::npos);  // cut short by Close
  EXPECT_EQ(child.Join(), "ok");
  ASSERT_TRUE(stream->Send(world_.Serve("a", 2)));
  ASSERT_TRUE(WaitForRevision(*client, world_.revision()));
  EXPECT_EQ(client->Status().reconnects, 0u);
}

TEST_P(ForkTest, AChildOfAChildAndTheNextChildAreServedToo) {
  Client client(config_);
  const auto stream = AcceptStream(server_, world_.SnapshotEvent());
  ASSERT_TRUE(stream && WaitForState(client, ClientState::kLive));
  const auto live = [&](unsigned forks) -> std::string {
    GUIDON_CHECK(client.Status().forks == forks);
    GUIDON_CHECK(WaitForState(client, ClientState::kLive));
    GUIDON_CHECK(client.Int("a", kUser, 0) == 1);
    return "";
  };
  Child first([&]() -> std::string {
    if (std::string fault = live(1); !fault.empty()) return fault;
    Child grandchild([&] { return live(2); });
    const std::string fault = grandchild.Join();
    return fault == "ok" ? live(1) : fault;
  });
  const auto of_first = AcceptStream(server_, world_.HeartbeatEvent());
  const auto of_grandchild = AcceptStream(server_, world_.HeartbeatEvent());
  EXPECT_TRUE(of_first && of_grandchild);
  EXPECT_EQ(first.Join(), "ok");
  Child second([&] { return live(1); });
  const auto of_second = AcceptStream(server_, world_.HeartbeatEvent());
  EXPECT_EQ(second.Join(), "ok");
  EXPECT_EQ(client.Status().reconnects, 0u);
}

#if !defined(__SANITIZE_ADDRESS__)  // its allocator is no use in a child when other threads allocated at the fork
TEST_P(ForkTest, AClientThatIsStillConnectingForks) {
  for (int i = 0; i < 25; ++i) {
    ScriptedServer server(GetParam());
    Client client(ConfigFor(server));
    std::this_thread::sleep_for(std::chrono::microseconds(400 * i));  // any moment will do; none is right or wrong
    Child child([&]() -> std::string {
      GUIDON_CHECK(client.WaitReady(kPatience));
      return "";
    });
    const auto one = AcceptStream(server, world_.SnapshotEvent());
    const auto other = AcceptStream(server, world_.SnapshotEvent());
    ASSERT_TRUE(one && other) << i;
    ASSERT_EQ(child.Join(), "ok") << i;
    ASSERT_TRUE(client.WaitReady(kPatience));
    ASSERT_EQ(client.Status().reconnects, 0u);
  }
}
#endif

// --- from within, and while something else goes on -----------------------------------------------------------------

TEST_P(ForkTest, ACallbackMayForkAndItsChildHasAThreadInItsPlace) {
  Client client(config_);
  ForkAtFirstChange fork(client, [&]() -> std::string {
    GUIDON_CHECK(client.Int("a", kUser, 0) == 1);
    GUIDON_CHECK(WaitForState(client, ClientState::kLive));
    GUIDON_CHECK(Eventually([&] { return client.Int("a", kUser, 0) == 2; }));
    GUIDON_CHECK(client.Close(kPatience));
    return "";
  });
  const auto stream = AcceptStream(server_, world_.SnapshotEvent());
  ASSERT_TRUE(stream);
  fork.Wait();
  ASSERT_TRUE(WaitForState(client, ClientState::kLive));
  const std::string change = world_.Serve("a", 2);
  const auto childs = AcceptStream(server_, change);
  ASSERT_TRUE(childs);
  ASSERT_TRUE(stream->Send(change));
  EXPECT_EQ(fork.Join(), "ok");
  ASSERT_TRUE(WaitForRevision(client, world_.revision()));
  EXPECT_EQ(client.Status().reconnects, 0u);
}

TEST_P(ForkTest, ACallbackThatReturnsInTheChildLeavesTheParentsConnectionAlone) {
  int ends[2];
  ASSERT_EQ(::pipe2(ends, O_CLOEXEC), 0);
  Client client(config_);
  std::promise<void> forked;
  std::atomic<bool> did{false};
  std::atomic<pid_t> pid{-1};
  const Subscription subscription = client.OnChange([&](const RulesetChange& change) {
    if (is_child) {  // told by the child's own source
      Child::Report(ends[1], change.flags == std::vector<std::string>{"b"} ? "" : "told of something else");
      ::_exit(0);
    }
    if (did.exchange(true)) return;
    pid = testing::Fork();
    is_child = pid == 0;
    if (is_child) ::alarm(60);
    if (!is_child) forked.set_value();
  });
  const auto stream = AcceptStream(server_, world_.SnapshotEvent());
  ASSERT_TRUE(stream);
  forked.get_future().wait();
  ::close(ends[1]);
  ASSERT_TRUE(WaitForState(client, ClientState::kLive));
  const auto childs = AcceptStream(server_, world_.HeartbeatEvent());
  ASSERT_TRUE(childs);
  const std::string change = world_.Serve("b", 1);
  ASSERT_TRUE(childs->Send(change) && stream->Send(change));
  char said[64] = "";
  EXPECT_GT(::read(ends[0], said, sizeof(said) - 1), 0);
  EXPECT_STREQ(said, "ok");
  ::waitpid(pid, nullptr, 0);
  ::close(ends[0]);
  ASSERT_TRUE(WaitForRevision(client, world_.revision()));
  EXPECT_EQ(client.Status().reconnects, 0u);
  EXPECT_FALSE(stream->WaitUntilClosed(0ms));
}

TEST_P(ForkTest, ALogMayFork) {
  std::unique_ptr<Child> child;
  std::promise<void> forked;
  std::atomic<Client*> client{nullptr};
  config_.log = [&](LogLevel, std::string_view line) {
    if (is_child || child != nullptr || line.find("there is no flag") == std::string_view::npos) return;
    child = std::make_unique<Child>([&]() -> std::string {  // on what was the keeper's thread
      GUIDON_CHECK(WaitForState(*client.load(), ClientState::kLive));
      GUIDON_CHECK(client.load()->Close(kPatience));
      return "";
    });
    forked.set_value();
  };
  Client made(config_);
  client = &made;
  const auto stream = AcceptStream(server_, world_.SnapshotEvent());
  ASSERT_TRUE(stream && WaitForState(made, ClientState::kLive));
  auto told = forked.get_future();
  ASSERT_TRUE(Eventually([&] {
    made.Bool("unknown", kUser, false);  // not noted when somebody holds the lock just then
    return told.wait_for(0ms) == std::future_status::ready;
  }));
  const auto childs = AcceptStream(server_, world_.HeartbeatEvent());
  EXPECT_TRUE(childs);
  EXPECT_EQ(child->Join(), "ok");
}

TEST_P(ForkTest, WhileItClosesTheChildsIsClosed) {
  std::promise<void> entered, leave;
  auto gate = leave.get_future().share();
  Client client(config_);
  const Subscription subscription = client.OnChange([&](const RulesetChange&) {
    entered.set_value();
    gate.wait();
  });
  const auto stream = AcceptStream(server_, world_.SnapshotEvent());
  ASSERT_TRUE(stream);
  entered.get_future().wait();
  auto closed = std::async(std::launch::async, [&] { return client.Close(kPatience); });
  ASSERT_TRUE(stream->WaitUntilClosed());
  Child child([&]() -> std::string {
    GUIDON_CHECK(client.Status().state == ClientState::kClosed);
    GUIDON_CHECK(client.Int("a", kUser, 0) == 1);
    GUIDON_CHECK(client.Close(kPatience));
    return "";
  });
  EXPECT_EQ(child.Join(), "ok");
  leave.set_value();
  EXPECT_TRUE(closed.get());
}

TEST_P(ForkTest, AClosedClientStaysClosed) {
  Client client(config_);
  const auto stream = AcceptStream(server_, world_.SnapshotEvent());
  ASSERT_TRUE(stream && client.WaitReady(kPatience));
  ASSERT_TRUE(client.Close(kPatience));
  Child child([&]() -> std::string {
    GUIDON_CHECK(client.Status().state == ClientState::kClosed);
    GUIDON_CHECK(client.Int("a", kUser, 0) == 1);
    GUIDON_CHECK(!server_.IsAsked(50ms));
    return "";
  });
  EXPECT_EQ(child.Join(), "ok");
}

#if !defined(__SANITIZE_ADDRESS__)  // its allocator is no use in a child when other threads allocated at the fork
TEST_P(ForkTest, WhileAllOthersReadAskSubscribeAndChange) {
  Client client(config_);
  auto stream = AcceptStream(server_, world_.SnapshotEvent());
  ASSERT_TRUE(stream && WaitForState(client, ClientState::kLive));
  std::atomic<bool> stop{false};
  const auto use = [&](int n) {
    client.Int("a", kUser, 0);
    client.Bool("unknown-" + std::to_string(n % 5), kUser, false);
    const Flag<bool> flag(client, "made-" + std::to_string(n % 50), false);
    client.Status();
    client.Pin();
    const Subscription subscription = client.OnChange([](const RulesetChange&) {});
  };
  std::vector<std::thread> threads;
  for (int t = 0; t < 3; ++t) {
    threads.emplace_back([&, t] {
      for (int n = t; !stop; n += 3) use(n);
    });
  }
  std::thread changes([&] {
    for (int n = 0; !stop; ++n) stream->Send(world_.Serve("a", n)), std::this_thread::sleep_for(1ms);
  });
  for (int i = 0; i < 30; ++i) {
    Child child([&]() -> std::string {
      for (int n = 0; n < 50; ++n) use(n);
      GUIDON_CHECK(client.Int("a", kUser, -1) >= 0);
      GUIDON_CHECK(client.Close(kPatience));
      return "";
    });
    EXPECT_EQ(child.Join(), "ok") << i;
  }
  stop = true;
  changes.join();
  for (std::thread& thread : threads) thread.join();
  EXPECT_TRUE(WaitForRevision(client, world_.revision()));
  EXPECT_EQ(client.Status().reconnects, 0u);
}
#endif

#if !defined(__SANITIZE_ADDRESS__)  // its allocator is no use in a child when other threads allocated at the fork
TEST_P(ForkTest, WhileOthersMatchPatternsTheChildMatchesThemToo) {
  const Value flag = ParseJson(R"({"flag":"p","type":"boolean","environments":{"production":{"enabled":true,"rules":[)"
                               R"({"id":"r","when":{"text":{"matches":"(a|b|ab)*c[a-f]{3,9}(x|yy|zzz)+d"}},)"
                               R"("serve":"on"}],"default":"off"}}})")
                         .value();
  world_.Put("flag", "p", flag);
  Client client(config_);
  const auto stream = AcceptStream(server_, world_.SnapshotEvent());
  ASSERT_TRUE(stream && WaitForState(client, ClientState::kLive));
  const auto match = [&](std::uint64_t n) {  // every text takes the automaton elsewhere
    std::string text = "ab";
    for (std::uint64_t rest = n * 0x9e3779b97f4a7c15ull; rest != 0; rest /= 7) text += "abcdxyz"[rest % 7];
    return client.Bool("p", Context(text).Set("text", text + "abcabcxd"), false);
  };
  std::atomic<bool> stop{false};
  std::atomic<std::uint64_t> next{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < 2; ++t) {
    threads.emplace_back([&] {
      while (!stop) match(++next);
    });
  }
  for (int i = 0; i < 20; ++i) {
    Child child([&]() -> std::string {
      for (int n = 0; n < 200; ++n) match(++next);
      return "";
    });
    EXPECT_EQ(child.Join(), "ok") << i;
  }
  stop = true;
  for (std::thread& thread : threads) thread.join();
}
#endif

// --- without a server ----------------------------------------------------------------------------------------------

TEST(ForkOfTestSourceTest, TheChildSetsFlagsWhoeverWasDoingSoInTheParent) {
  TestSource flags;
  flags.Set("a", 1);
  Client client(flags);
  std::promise<void> entered, leave;
  const Subscription subscription = client.OnChange([&](const RulesetChange&) {
    if (is_child) return;
    entered.set_value();
    leave.get_future().wait();
  });
  std::thread setter([&] { flags.Set("a", 2); });
  entered.get_future().wait();
  Child child([&]() -> std::string {
    GUIDON_CHECK(client.Int("a", kUser, 0) == 2);
    flags.Set("a", 3);
    GUIDON_CHECK(client.Int("a", kUser, 0) == 3);
    GUIDON_CHECK(client.Status().state == ClientState::kOffline);
    Client another(flags);
    GUIDON_CHECK(another.Int("a", kUser, 0) == 3);
    return "";
  });
  EXPECT_EQ(child.Join(), "ok");
  leave.set_value();
  setter.join();
  EXPECT_EQ(client.Int("a", kUser, 0), 2);
}

TEST(ForkOfTestSourceTest, ACallbackForksAndBothGoOnSetting) {
  TestSource flags;
  Client client(flags);
  std::unique_ptr<Child> child;
  const Subscription subscription = client.OnChange([&](const RulesetChange&) {
    if (is_child || child != nullptr) return;
    child = std::make_unique<Child>([&]() -> std::string {
      flags.Set("a", 2);
      GUIDON_CHECK(client.Int("a", kUser, 0) == 2);
      std::thread([&] { flags.Remove("b"); }).detach();  // waits for this callback
      return "";
    });
    flags.Set("a", 5);
  });
  flags.Set("a", 1);
  EXPECT_EQ(child->Join(), "ok");
  EXPECT_EQ(client.Int("a", kUser, 0), 5);
}

// --- a flag file ---------------------------------------------------------------------------------------------------

int InotifyDescriptors() {
  int count = 0;
  for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fd")) {
    std::error_code gone;
    if (std::filesystem::read_symlink(entry, gone) == "anon_inode:inotify") ++count;
  }
  return count;
}

class ForkOfFlagFileTest : public ::testing::Test {
 protected:
  ForkOfFlagFileTest() {
    config_.flag_file = folder_.File("flags.json");
    config_.flag_file_interval = 24h;
    ReplaceFile(config_.flag_file, R"({"a": 1})");
  }
  FilesFolder folder_;
  ClientConfig config_;
};

TEST_F(ForkOfFlagFileTest, TheChildWatchesItByItselfAndTheParentGoesOn) {
  Client client(config_);
  const auto change_to = [&](int value) -> std::string {
    GUIDON_CHECK(client.Int("a", kUser, 0) == value - 1);
    GUIDON_CHECK(WaitForState(client, ClientState::kLive));
    GUIDON_CHECK(InotifyDescriptors() == 1);
    const std::uint64_t before = client.Status().revision;  // of two changes that come together one is seen
    ReplaceFile(config_.flag_file, "{\"a\": " + std::to_string(value) + "}");
    GUIDON_CHECK(Eventually([&] { return client.Int("a", kUser, 0) == value; }));
    GUIDON_CHECK(Eventually([&] { return client.Status().revision > before; }));
    return "";
  };
  Child first([&]() -> std::string {
    if (std::string fault = change_to(2); !fault.empty()) return fault;
    return Child([&] { return change_to(3); }).Join() == "ok" ? "" : "the grandchild is not served";
  });
  EXPECT_EQ(first.Join(), "ok");
  ASSERT_TRUE(Eventually([&] { return client.Int("a", kUser, 0) == 3; }));
  Child second([&] { return change_to(4); });
  EXPECT_EQ(second.Join(), "ok");
  EXPECT_EQ(InotifyDescriptors(), 1);
}

TEST_F(ForkOfFlagFileTest, ACallbackForksAndBothGoOnWatching) {
  Client client(config_);
  ForkAtFirstChange fork(client, [&]() -> std::string {
    GUIDON_CHECK(WaitForState(client, ClientState::kLive));
    GUIDON_CHECK(Eventually([&] { return client.Int("a", kUser, 0) == 3; }));
    GUIDON_CHECK(client.Close(kPatience));
    return "";
  });
  ReplaceFile(config_.flag_file, R"({"a": 2})");
  fork.Wait();
  ReplaceFile(config_.flag_file, R"({"a": 3})");
  EXPECT_EQ(fork.Join(), "ok");
  EXPECT_TRUE(Eventually([&] { return client.Int("a", kUser, 0) == 3; }));
}

TEST_F(ForkOfFlagFileTest, ACallbackThatReturnsInTheChildLeavesItsWatchToAnother) {
  int ends[2];
  ASSERT_EQ(::pipe2(ends, O_CLOEXEC), 0);
  Client client(config_);
  std::promise<void> forked;
  std::atomic<bool> did{false};
  std::atomic<pid_t> pid{-1};
  const Subscription subscription = client.OnChange([&](const RulesetChange&) {
    if (is_child) {  // told by the child's own source
      Child::Report(ends[1], client.Int("a", kUser, 0) == 3 ? "" : "told of something else");
      ::_exit(0);
    }
    if (did.exchange(true)) return;
    pid = testing::Fork();
    is_child = pid == 0;
    if (is_child) ::alarm(60);
    if (!is_child) forked.set_value();
  });
  ReplaceFile(config_.flag_file, R"({"a": 2})");
  forked.get_future().wait();
  ::close(ends[1]);
  ReplaceFile(config_.flag_file, R"({"a": 3})");
  char said[64] = "";
  EXPECT_GT(::read(ends[0], said, sizeof(said) - 1), 0);
  EXPECT_STREQ(said, "ok");
  ::waitpid(pid, nullptr, 0);
  ::close(ends[0]);
  EXPECT_TRUE(Eventually([&] { return client.Int("a", kUser, 0) == 3; }));
}

// --- events --------------------------------------------------------------------------------------------------------

// The next batch; streams that are asked for meanwhile are kept open in `streams`.
testing::SentBatch TakeBatch(ScriptedServer& server,
                             std::vector<std::unique_ptr<ScriptedServer::Connection>>& streams) {
  while (true) {
    auto connection = server.Accept();
    if (connection == nullptr) throw std::runtime_error("no batch came");
    if (connection->request().method == "GET") {
      testing::SendStreamHead(*connection);
      streams.push_back(std::move(connection));
      continue;
    }
    testing::SentBatch batch(connection->request());
    connection->SendAnswer(202, {}, testing::Accepted(batch.events().size()));
    return batch;
  }
}

TEST(ForkEventsTest, TheChildSendsWhatHappenedInItAndTheParentAllOfItsOwn) {
  testing::Application application(testing::TrialWorkspace());
  const Client& client = *application.client;
  client.Track("parents", kUser);
  client.Bool("layout", testing::Account(1), false);
  ASSERT_TRUE(Eventually([&] { return client.Status().events.queued == 2; }));
  client.Bool("layout", testing::Account(2), false);  // still where it was recorded, maybe

  Child child([&]() -> std::string {
    GUIDON_CHECK(client.Status().events.queued == 0);
    client.Track("childs", kUser);
    client.Bool("layout", testing::Account(1), false);
    GUIDON_CHECK(client.Flush(kPatience));
    GUIDON_CHECK(client.Status().events.batches == 1);
    return "";
  });
  std::vector<std::unique_ptr<ScriptedServer::Connection>> streams;
  const testing::SentBatch childs = TakeBatch(application.server, streams);
  EXPECT_EQ(child.Join(), "ok");
  auto flushed = application.Flush();
  const testing::SentBatch parents = TakeBatch(application.server, streams);
  EXPECT_TRUE(flushed.get());

  ASSERT_EQ(childs.EventsOf("track").size(), 1u);
  EXPECT_EQ(*childs.EventsOf("track")[0].Find("event"), Value("childs"));
  ASSERT_EQ(childs.EventsOf("exposure").size(), 1u) << "what the parent exposed says nothing of the child";
  EXPECT_EQ(*childs.EventsOf("exposure")[0].Find("unit"), Value("acct-1"));
  ASSERT_EQ(parents.EventsOf("track").size(), 1u);
  EXPECT_EQ(*parents.EventsOf("track")[0].Find("event"), Value("parents"));
  EXPECT_EQ(parents.EventsOf("exposure").size(), 2u);
  EXPECT_EQ(childs.reads(), 1);
  EXPECT_EQ(parents.reads(), 2);
  EXPECT_NE(childs.id(), parents.id());
  EXPECT_NE(childs.Get("instance"), parents.Get("instance"));
  EXPECT_EQ(application.Dropped(), DroppedEvents());
}

// Whether the thread that this process was forked from has ended, with the process going on.
bool HasFirstThreadEnded() {
  std::string text;
  std::getline(std::ifstream("/proc/self/stat"), text);
  return text.find(") Z ") != std::string::npos;
}

// The thread that sends events forks in the application's log, and finds its way out of the parent's work in the child:
// what the child recorded meanwhile is not its to take.
TEST(ForkEventsTest, AThreadThatIsLeftOverTakesNothingOfTheChilds) {
  constexpr int kReads = 5;
  std::atomic<pid_t> child{0};
  std::atomic<const Client*> client{nullptr};
  testing::Application application([&](ClientConfig& config) {
    config.log = [&](LogLevel, std::string_view line) {
      if (is_child || child != 0 || client == nullptr || line.find("503") == std::string_view::npos) return;
      const pid_t forked = testing::Fork();
      child = forked;
      if (forked != 0) return;
      is_child = true;
      ::alarm(60);
      for (int i = 0; i < kReads; ++i) client.load()->Int("a", kUser, 0);
      std::thread([&] {
        if (!Eventually(HasFirstThreadEnded)) ::_exit(2);
        ::_exit(client.load()->Flush(kPatience) ? 0 : 1);
      }).detach();
    };
  });
  client = application.client.get();
  client.load()->Track("parents", kUser);
  auto flushed = application.Flush();
  const auto refused = application.server.Accept();
  ASSERT_TRUE(refused);
  refused->SendAnswer(503);
  std::vector<std::unique_ptr<ScriptedServer::Connection>> streams;
  std::int64_t childs_reads = 0;
  const std::string parent(testing::SentBatch(refused->request()).Get("instance").AsString());
  for (int batches = 0; batches < 2; ++batches) {
    const testing::SentBatch batch = TakeBatch(application.server, streams);
    if (batch.Get("instance").AsString() != parent) childs_reads += batch.reads();
  }
  EXPECT_EQ(childs_reads, kReads);
  EXPECT_TRUE(flushed.get());
  int status = -1;
  ASSERT_TRUE(Eventually([&] { return child > 0; }));
  ::waitpid(child, &status, 0);
  EXPECT_EQ(status, 0);
}

TEST(ForkEventsTest, ABatchThatIsUnderWayAtTheForkStaysTheParents) {
  testing::Application application;
  const Client& client = *application.client;
  client.Track("parents", kUser);
  auto flushed = application.Flush();
  const auto under_way = application.server.Accept();
  ASSERT_TRUE(under_way);
  Child child([&]() -> std::string {
    GUIDON_CHECK(client.Status().events.queued == 0);
    GUIDON_CHECK(client.Flush(kPatience));  // there is nothing
    GUIDON_CHECK(client.Status().events.batches == 0);
    return "";
  });
  EXPECT_EQ(child.Join(), "ok");
  under_way->SendAnswer(202);
  EXPECT_TRUE(flushed.get());
  EXPECT_EQ(client.Status().events.batches, 1u);
}

}  // namespace
}  // namespace guidon

// What the threads of the parent had on their stacks cannot be reached in a child that ends with exit().
extern "C" int __lsan_is_turned_off();
extern "C" int __lsan_is_turned_off() {
  return guidon::is_child ? 1 : 0;
}
