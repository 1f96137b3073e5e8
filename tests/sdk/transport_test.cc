// What carries a client's requests: TLS with certificates on both sides, and transports of the application.
#include <algorithm>
#include <condition_variable>
#include <deque>
#include <fstream>
#include <mutex>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/sdk/world.h"

namespace guidon {
namespace {

using namespace std::chrono_literals;
using testing::AcceptStream;
using testing::ConfigFor;
using testing::Eventually;
using testing::FilesFolder;
using ::testing::HasSubstr;
using testing::kPatience;
using testing::ScriptedServer;
using testing::WaitForRevision;
using testing::WaitForState;
using testing::World;
using Mode = ScriptedServer::Mode;

const Context kUser("user-1");

// --- TLS -----------------------------------------------------------------------------------------------------------

class TlsTest : public ::testing::Test {
 protected:
  TlsTest() { world_.Serve("a", 1); }

  // The client does not come as far as a request; returns what it says of that.
  std::string FaultOf(const ClientConfig& config) {
    Client client(config);
    while (client.Status().last_error.empty() && server_.Accept(10ms) == nullptr) {
    }
    EXPECT_FALSE(client.WaitReady(0ms));
    return client.Status().last_error;
  }
  void ExpectServed(const ClientConfig& config) {
    Client client(config);
    const auto stream = AcceptStream(server_, world_.SnapshotEvent());
    ASSERT_TRUE(stream && WaitForState(client, ClientState::kLive)) << client.Status().last_error;
    EXPECT_EQ(client.Int("a", kUser, 0), 1);
  }

  ScriptedServer server_{Mode::kTls};
  World world_;
};

TEST_F(TlsTest, AClientShowsItsCertificateToAServerThatAsks) {
  server_.DemandClientCertificate(server_);
  ClientConfig config = ConfigFor(server_);
  config.client_certificate_file = server_.certificate_file();
  config.client_key_file = server_.key_file();
  ExpectServed(config);
}

TEST_F(TlsTest, OneThatIsNotAskedForDoesNoHarm) {
  ClientConfig config = ConfigFor(server_);
  config.client_certificate_file = server_.certificate_file();
  config.client_key_file = server_.key_file();
  ExpectServed(config);
}

TEST_F(TlsTest, WithoutOneOrWithAStrangersItIsRefused) {
  server_.DemandClientCertificate(server_);
  ClientConfig config = ConfigFor(server_);
  EXPECT_THAT(FaultOf(config), HasSubstr("127.0.0.1:" + std::to_string(server_.port())));
  const ScriptedServer stranger(Mode::kTls);
  config.client_certificate_file = stranger.certificate_file();
  config.client_key_file = stranger.key_file();
  EXPECT_THAT(FaultOf(config), HasSubstr("127.0.0.1:" + std::to_string(server_.port())));
}

TEST_F(TlsTest, FilesThatCannotBeUsedAreNamedAndNobodyIsAsked) {
  FilesFolder folder;
  const ScriptedServer stranger(Mode::kTls);
  ClientConfig config = ConfigFor(server_);
  config.client_certificate_file = server_.certificate_file();
  EXPECT_THAT(FaultOf(config), HasSubstr("only one is configured"));
  config.client_key_file = folder.File("absent.pem");
  EXPECT_THAT(FaultOf(config), HasSubstr("key '" + config.client_key_file + "' cannot be read"));
  config.client_key_file = stranger.key_file();
  EXPECT_THAT(FaultOf(config), HasSubstr("is not that of '" + server_.certificate_file()));
  config.client_key_file = folder.File("encrypted.pem");
  std::ofstream(config.client_key_file)
      << "-----BEGIN ENCRYPTED PRIVATE KEY-----\nMAA=\n-----END ENCRYPTED PRIVATE KEY-----\n";
  EXPECT_THAT(FaultOf(config), HasSubstr(config.client_key_file));
  config.client_certificate_file = folder.File("none.pem");
  EXPECT_THAT(FaultOf(config), HasSubstr("certificate '" + config.client_certificate_file + "' cannot be read"));
}

TEST_F(TlsTest, AServerThatIsNotTrustedIsNotAsked) {
  const ScriptedServer stranger(Mode::kTls);
  ClientConfig config = ConfigFor(server_);
  config.ca_file = stranger.certificate_file();
  EXPECT_THAT(FaultOf(config), HasSubstr("not trusted"));
  config = ConfigFor(server_);
  config.ca_file.clear();  // the system's
  EXPECT_THAT(FaultOf(config), HasSubstr("not trusted"));
}

// --- an application's transport ------------------------------------------------------------------------------------

// A server in memory: what it is asked is kept, what it streams is given by the test.
class Memory {
 public:
  std::deque<TransportRequest> asked;
  std::vector<TransportOptions> made;
  std::string document;
  int transports = 0;  // that live

  void Push(std::string bytes) {
    const std::lock_guard<std::mutex> lock(mutex);
    pieces.push_back(std::move(bytes));
    changed.notify_all();
  }
  template <typename F>
  auto Look(F look) {
    const std::lock_guard<std::mutex> lock(mutex);
    return look();
  }

  class OverMemory final : public Transport {
   public:
    explicit OverMemory(Memory& memory) : memory_(memory) {
      memory_.Look([&] { ++memory_.transports; });
    }
    ~OverMemory() override {
      memory_.Look([&] { --memory_.transports; });
    }
    TransportResult Send(const TransportRequest& request) override {
      const std::lock_guard<std::mutex> lock(memory_.mutex);
      memory_.asked.push_back(request);
      return {TransportFailure::kAnswered, "", {200, {{"content-type", "application/json"}}, memory_.document}};
    }
    TransportResult Stream(const TransportRequest& request, const OnHead& on_head, const OnBytes& on_bytes) override {
      std::unique_lock<std::mutex> lock(memory_.mutex);
      memory_.asked.push_back(request);
      lock.unlock();
      if (!on_head({200, {{"CONTENT-TYPE", "text/event-stream"}}, ""})) return {TransportFailure::kRefused, "head", {}};
      lock.lock();
      while (true) {
        memory_.changed.wait(lock, [&] { return stopped_ || !memory_.pieces.empty(); });
        if (stopped_) return {TransportFailure::kStopped, "stopped", {}};
        const std::string piece = std::move(memory_.pieces.front());
        memory_.pieces.pop_front();
        if (piece == "end") return {};
        lock.unlock();
        if (!on_bytes(piece)) return {TransportFailure::kRefused, "bytes", {}};
        lock.lock();
      }
    }
    void Stop() noexcept override {
      const std::lock_guard<std::mutex> lock(memory_.mutex);
      stopped_ = true;
      memory_.changed.notify_all();
    }

   private:
    Memory& memory_;
    bool stopped_ = false;
  };

  TransportFactory Factory() {
    return [this](const TransportOptions& options) {
      Look([&] { made.push_back(options); });
      return std::make_unique<OverMemory>(*this);
    };
  }

  std::mutex mutex;  // guards all
  std::condition_variable changed;
  std::deque<std::string> pieces;
};

class TransportTest : public ::testing::Test {
 protected:
  TransportTest() {
    world_.Serve("a", 1);
    config_.transport = memory_.Factory();
  }
  Memory memory_;
  World world_;
  ClientConfig config_ = ConfigFor("https://flags.invalid/guidon");
};

TEST_F(TransportTest, AnythingThatCarriesRequestsWillDo) {
  config_.ca_file = "/etc/ca.pem";
  config_.client_certificate_file = "/etc/me.pem";
  config_.client_key_file = "/etc/me.key";
  {
    Client client(config_);
    memory_.Push(world_.SnapshotEvent());
    ASSERT_TRUE(client.WaitReady(kPatience)) << client.Status().last_error;
    memory_.Push(world_.Serve("a", 2));
    ASSERT_TRUE(WaitForRevision(client, world_.revision()));
    EXPECT_EQ(client.Int("a", kUser, 0), 2);
    EXPECT_TRUE(WaitForState(client, ClientState::kLive));
    memory_.Push("end");
    ASSERT_TRUE(Eventually([&] { return memory_.Look([&] { return memory_.asked.size() == 2; }); }));
    memory_.Push(world_.HeartbeatEvent());
    EXPECT_TRUE(WaitForState(client, ClientState::kLive));
    EXPECT_TRUE(client.Close(kPatience)) << "Stop reaches it";
  }
  EXPECT_EQ(memory_.transports, 0) << "all of them were destroyed";
  const TransportRequest& first = memory_.asked[0];
  EXPECT_EQ(first.method, "GET");
  EXPECT_EQ(first.path, "/sdk/v1/stream");
  EXPECT_TRUE(std::find(first.headers.begin(), first.headers.end(),
                        std::pair<std::string, std::string>("Authorization", "Bearer gdn_srv_test")) !=
              first.headers.end());
  EXPECT_TRUE(std::find(memory_.asked[1].headers.begin(), memory_.asked[1].headers.end(),
                        std::pair<std::string, std::string>("Last-Event-ID", world_.Id())) !=
              memory_.asked[1].headers.end());
  const TransportOptions& options = memory_.made[0];
  EXPECT_EQ(options.server, config_.server);
  EXPECT_EQ(options.silence, config_.silence_timeout);
  EXPECT_EQ(options.connect, config_.connect_timeout);
  EXPECT_GT(options.total, 0ms);
  EXPECT_GT(options.max_body_bytes, 0u);
  EXPECT_EQ(options.ca_file, "/etc/ca.pem");
  EXPECT_EQ(options.client_certificate_file, "/etc/me.pem");
  EXPECT_EQ(options.client_key_file, "/etc/me.key");
}

TEST_F(TransportTest, PollsGoOverItToo) {
  config_.failures_before_polling = 1;
  memory_.document = world_.Document();
  memory_.Push("end");
  Client client(config_);
  ASSERT_TRUE(client.WaitReady(kPatience));
  EXPECT_EQ(client.Int("a", kUser, 0), 1);
}

TEST_F(TransportTest, OneThatThrowsFailsAndIsTriedAgain) {
  class Broken final : public Transport {
   public:
    TransportResult Send(const TransportRequest&) override { throw 7; }
    TransportResult Stream(const TransportRequest&, const OnHead&, const OnBytes&) override {
      throw std::runtime_error("out of order");
    }
    void Stop() noexcept override {}
  };
  std::atomic<int> made{0};
  config_.failures_before_polling = 1;
  config_.transport = [&](const TransportOptions&) -> std::unique_ptr<Transport> {
    if (++made % 3 == 0) throw std::runtime_error("none left");
    return std::make_unique<Broken>();
  };
  Client client(config_);
  ASSERT_TRUE(Eventually([&] { return client.Status().reconnects >= 6; }));
  EXPECT_TRUE(Eventually([&] { return client.Status().last_error.find("threw: out of order") != std::string::npos; }));
  EXPECT_TRUE(Eventually([&] { return client.Status().last_error.find("none left") != std::string::npos; }));
  EXPECT_EQ(client.Int("a", kUser, 9), 9);
  EXPECT_TRUE(client.Close(kPatience));
}

TEST_F(TransportTest, NoneAtAllIsOfflineAndSaid) {
  config_.transport = [](const TransportOptions&) { return nullptr; };
  Client client(config_);
  const Readiness ready = client.WaitReady(kPatience);
  EXPECT_FALSE(ready);
  EXPECT_THAT(ready.cause, HasSubstr("offline: the application's ClientConfig::transport gave no transport"));
}

TEST_F(TransportTest, OneThatDoesNotStopIsLeftAtTheDeadlineOfClose) {
  struct Gate {
    std::promise<void> entered, leave;
    std::shared_future<void> left = leave.get_future().share();
  };
  class Deaf final : public Transport {
   public:
    explicit Deaf(Gate& gate) : gate_(gate) {}
    TransportResult Send(const TransportRequest&) override { return {TransportFailure::kClosed, "", {}}; }
    TransportResult Stream(const TransportRequest&, const OnHead&, const OnBytes&) override {
      gate_.entered.set_value();
      gate_.left.wait();
      return {TransportFailure::kStopped, "", {}};
    }
    void Stop() noexcept override {}

   private:
    Gate& gate_;
  };
  Gate gate;
  config_.transport = [&](const TransportOptions&) -> std::unique_ptr<Transport> {
    return std::make_unique<Deaf>(gate);
  };
  Client client(config_);
  gate.entered.get_future().wait();
  EXPECT_FALSE(client.Close(20ms));
  EXPECT_EQ(client.Status().state, ClientState::kClosed);
  gate.leave.set_value();
  EXPECT_TRUE(Eventually([&] { return client.Close(kPatience); }));
}

}  // namespace
}  // namespace guidon
