// Streams: what a session does with its source, its socket and its client.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <deque>
#include <mutex>
#include <thread>
#include <vector>

#include "server/http/stream.h"
#include "tests/server/http/test_server.h"

namespace guidon::http {
namespace {

using namespace std::chrono_literals;
using guidon::testing::Eventually;
using guidon::testing::HttpAnswer;
using guidon::testing::HttpConnection;
using ::testing::HasSubstr;

// What a test tells its source, and what it sees of it. Any thread.
class Script {
 public:
  void Offer(std::string bytes) {
    std::lock_guard lock(mutex_);
    offered_.push_back(std::make_shared<const std::string>(std::move(bytes)));
  }
  void End() { ended = true; }
  Bytes Take() {
    std::lock_guard lock(mutex_);
    if (offered_.empty()) return nullptr;
    ++taken;
    Bytes bytes = offered_.front();
    offered_.pop_front();
    return bytes;
  }
  bool IsEmpty() {
    std::lock_guard lock(mutex_);
    return offered_.empty();
  }

  std::atomic<bool> ended{false}, must_end{false}, beats{false}, endless{false};
  std::atomic<int> taken{0}, ticks{0}, shutdowns{0}, alive{0}, closes{0};
  std::atomic<StreamEnd> end{StreamEnd::kSource};
  std::function<void()> on_gone = [] {};

 private:
  std::mutex mutex_;
  std::deque<Bytes> offered_;
};

class ScriptedSource final : public StreamSource {
 public:
  explicit ScriptedSource(std::shared_ptr<Script> script) : script_(std::move(script)) { ++script_->alive; }
  ~ScriptedSource() override {
    script_->on_gone();
    --script_->alive;
  }
  Bytes Next() override {
    if (script_->endless) return ++script_->taken, Megabyte();
    return script_->Take();
  }
  bool Ended() const override { return script_->ended && script_->IsEmpty(); }
  bool MustEnd() const override { return script_->must_end; }
  void OnTick() override {
    ++script_->ticks;
    if (script_->beats) script_->Offer("beat\n");
  }
  void OnShutdown() override {
    ++script_->shutdowns;
    script_->endless = false;
    script_->Offer("goodbye\n");
    script_->End();
  }
  void OnClosed(StreamEnd why) override {
    script_->end = why;
    ++script_->closes;
  }

 private:
  static Bytes Megabyte() {
    static const Bytes kBytes = std::make_shared<const std::string>(1u << 20, 'm');
    return kBytes;
  }
  const std::shared_ptr<Script> script_;
};

// So little that a client which does not read stalls its stream soon, and not so little that reading crawls.
constexpr int kSmallBuffer = 64 << 10;

class StreamsTest : public ::testing::TestWithParam<Over> {
 protected:
  void Start(ServerOptions options = TestOptions()) {
    if (GetParam() == Over::kTls) options.tls = TestTls();
    server_ = MustStart(options, [this](std::shared_ptr<Request> request, Responder respond) {
      Response response;
      response.Header("Content-Type", "text/event-stream");
      const bool is_other = request->path == "/other";
      response.stream = std::make_shared<ScriptedSource>(is_other ? other_ : script_);
      respond(std::move(response));
    });
  }
  void TearDown() override { server_.reset(); }

  // A client that has read the header of its stream.
  std::unique_ptr<HttpConnection> Open(std::string_view path = "/stream", int receive_buffer = 0) {
    std::unique_ptr<HttpConnection> client(new HttpConnection(Connect()));
    if (receive_buffer > 0) client->ShrinkReceiveBuffer(receive_buffer);
    client->Send(Get(path));
    const HttpAnswer head = client->ReadHead();
    EXPECT_EQ(head.status, 200) << head.fault;
    return client;
  }

  HttpConnection Connect() const { return ConnectTo(server_->port(), GetParam()); }

  // Until the source of a client that does not read has given more than its socket takes.
  void WaitUntilStalled() {
    int last = -1;
    EXPECT_TRUE(Eventually([&] {
      const int taken = script_->taken, ticks = script_->ticks;
      if (taken == 0 || taken != std::exchange(last, taken)) return false;
      return Eventually([&] { return script_->ticks > ticks + 5; }) && script_->taken == taken;
    }));
  }

  std::shared_ptr<Script> script_ = std::make_shared<Script>(), other_ = std::make_shared<Script>();
  std::unique_ptr<Server> server_;
};

INSTANTIATE_TEST_SUITE_P(All, StreamsTest, ::testing::Values(Over::kPlain, Over::kTls), NameOf);

TEST_P(StreamsTest, AStreamBeginsWithItsHeaderAndWhatTheSourceHas) {
  Start();
  script_->Offer("one\n");
  script_->Offer("two\n");
  HttpConnection client = Connect();
  client.Send(Get("/stream"));
  const HttpAnswer head = client.ReadHead();
  EXPECT_EQ(head.status, 200) << head.fault;
  EXPECT_EQ(head.Header("Content-Type"), "text/event-stream");
  EXPECT_EQ(head.Header("Connection"), "close");
  EXPECT_EQ(head.CountOf("Content-Length"), 0);
  EXPECT_EQ(client.ReadUntil("two\n"), "one\ntwo\n");
  EXPECT_EQ(server_->Counts().streams, 1u);
  EXPECT_EQ(server_->Counts().connections, 1u);
}

TEST_P(StreamsTest, WakingAsksEverySource) {
  ServerOptions options = TestOptions();
  options.tick = 1h;  // nothing comes by ticks
  Start(options);
  const auto client = Open(), other = Open("/other");
  for (int i = 0; i < 20; ++i) {
    const std::string text = std::to_string(i) + "\n";
    script_->Offer(text);
    other_->Offer(text);
    server_->WakeStreams();
    EXPECT_EQ(client->ReadUntil("\n"), text);
    EXPECT_EQ(other->ReadUntil("\n"), text);
  }
}

TEST_P(StreamsTest, TicksComeByThemselvesAndWhatTheyMakeIsSent) {
  Start();
  script_->beats = true;
  const auto client = Open();
  EXPECT_EQ(client->ReadUntil("beat\nbeat\nbeat\n"), "beat\nbeat\nbeat\n");
}

TEST_P(StreamsTest, ASourceThatEndsClosesAfterItsLastByte) {
  Start();
  const auto client = Open();
  const std::string last(4u << 20, 'z');  // more than a socket takes at once
  script_->Offer(last);
  script_->Offer("the end\n");
  script_->End();
  server_->WakeStreams();
  EXPECT_EQ(client->ReadUntil("the end\n"), last + "the end\n");
  EXPECT_TRUE(client->IsAtEnd());
  EXPECT_TRUE(Eventually([&] { return script_->alive == 0 && server_->Counts().connections == 0; }));
}

TEST_P(StreamsTest, HeadOfAStreamIsItsHeaderAlone) {
  Start();
  script_->Offer("body\n");
  HttpConnection client = Connect();
  client.Send("HEAD /stream HTTP/1.1\r\nHost: t\r\nConnection: close\r\n\r\n");
  const HttpAnswer head = client.ReadAnswer(true);
  EXPECT_EQ(head.status, 200);
  EXPECT_EQ(head.Header("Content-Type"), "text/event-stream");
  EXPECT_EQ(head.CountOf("Content-Length"), 0);
  EXPECT_TRUE(client.IsAtEnd());
  EXPECT_TRUE(Eventually([&] { return script_->alive == 0; }));
  EXPECT_EQ(script_->taken, 0);
}

TEST_P(StreamsTest, AClientThatLeavesIsNoticedAtOnce) {
  ServerOptions options = TestOptions();
  options.tick = 1h;
  Start(options);
  auto client = Open(), other = Open("/other");
  client.reset();
  EXPECT_TRUE(Eventually([&] { return script_->alive == 0; }));
  EXPECT_EQ(server_->Counts().streams, 1u);
  EXPECT_EQ(script_->end, StreamEnd::kClient);
  EXPECT_EQ(script_->closes, 1);
  other->Reset();
  EXPECT_TRUE(Eventually([&] { return other_->alive == 0; }));
  EXPECT_EQ(other_->end, StreamEnd::kBroken);
  EXPECT_EQ(other_->closes, 1);
  EXPECT_EQ(server_->Counts().connections, 0u);
}

TEST_P(StreamsTest, WhatAClientSaysOnItsStreamIsDropped) {
  Start();
  const auto client = Open();
  EXPECT_TRUE(client->Send(Get("/stream") + std::string(1u << 20, 'x')));  // all of it is taken
  script_->Offer("still here\n");
  server_->WakeStreams();
  EXPECT_EQ(client->ReadUntil("\n"), "still here\n");
  EXPECT_EQ(server_->Counts().streams, 1u);
}

// ---- Slow readers ----------------------------------------------------------------------------------------------

TEST_P(StreamsTest, ASlowReaderHoldsOnePieceAndDelaysNobody) {
  ServerOptions options = TestOptions();
  options.io_threads = 1;  // both on one thread
  Start(options);
  script_->endless = true;
  const auto slow = Open("/stream", kSmallBuffer), quick = Open("/other");
  WaitUntilStalled();
  const int taken = script_->taken;
  for (int i = 0; i < 50; ++i) {
    other_->Offer("news\n");
    server_->WakeStreams();
    EXPECT_EQ(quick->ReadUntil("\n"), "news\n");
  }
  // Woken fifty times, it was asked for nothing more: it is never ahead of its socket by more than one piece.
  EXPECT_EQ(script_->taken, taken);
}

TEST_P(StreamsTest, ASlowReaderGetsEveryByteOfWhatItWasGivenInOrder) {
  Start();
  std::string all;
  for (int piece = 0; piece < 200; ++piece) {
    const std::string text = std::string(50'000, static_cast<char>('a' + piece % 26)) + std::to_string(piece) + "\n";
    all += text;
    script_->Offer(text);
  }
  script_->Offer("the end\n");
  script_->End();
  const auto slow = Open("/stream", kSmallBuffer);
  WaitUntilStalled();
  EXPECT_TRUE(slow->ReadUntil("the end\n") == all + "the end\n");  // ten megabytes: not printed
  EXPECT_TRUE(slow->IsAtEnd());
}

TEST_P(StreamsTest, AStreamThatTakesNothingIsClosedAtTheStalledDeadline) {
  ServerOptions options = TestOptions();
  options.stalled_deadline = 100ms;
  Start(options);
  script_->endless = true;
  const auto stalled = Open("/stream", kSmallBuffer), idle = Open("/other");
  EXPECT_TRUE(Eventually([&] { return server_->Counts().streams_stalled == 1; }));
  EXPECT_TRUE(Eventually([&] { return script_->alive == 0; }));
  EXPECT_EQ(script_->end, StreamEnd::kStalled);
  // A stream that has nothing to take is not a stalled one.
  EXPECT_EQ(server_->Counts().streams, 1u);
  other_->Offer("still here\n");
  server_->WakeStreams();
  EXPECT_EQ(idle->ReadUntil("\n"), "still here\n");
}

TEST_P(StreamsTest, ASourceThatMustEndIsCutEvenInTheMiddleOfAPiece) {
  Start();
  script_->endless = true;
  const auto client = Open("/stream", kSmallBuffer);
  WaitUntilStalled();
  script_->must_end = true;
  EXPECT_TRUE(Eventually([&] { return script_->alive == 0; }));
  EXPECT_EQ(server_->Counts().streams_stalled, 0u);
}

// ---- Stopping --------------------------------------------------------------------------------------------------

TEST_P(StreamsTest, StoppingLetsEveryStreamSayGoodbye) {
  ServerOptions options = TestOptions();
  options.tick = 1h;
  Start(options);
  const auto client = Open(), other = Open("/other");
  server_->Stop(30s);
  EXPECT_EQ(client->ReadUntil("goodbye\n"), "goodbye\n");
  EXPECT_TRUE(client->IsAtEnd());
  EXPECT_EQ(other->ReadUntil("goodbye\n"), "goodbye\n");
  EXPECT_TRUE(other->IsAtEnd());
  EXPECT_EQ(script_->shutdowns, 1);
  EXPECT_EQ(script_->alive, 0);
  EXPECT_EQ(server_->Counts().connections, 0u);
}

TEST_P(StreamsTest, StoppingGivesSlowReadersTheTimeItHas) {
  Start();
  const std::string much(4u << 20, 'm');
  script_->Offer(much);
  const auto slow = Open("/stream", kSmallBuffer);
  WaitUntilStalled();
  std::thread stopping([&] { server_->Stop(60s); });
  EXPECT_TRUE(Eventually([&] { return script_->shutdowns == 1; }));
  EXPECT_TRUE(slow->ReadUntil("goodbye\n") == much + "goodbye\n");
  EXPECT_TRUE(slow->IsAtEnd());
  stopping.join();
}

TEST_P(StreamsTest, StoppingCutsOffWhoDoesNotReadAfterTheDrain) {
  Start();
  script_->endless = true;
  const auto stalled = Open("/stream", kSmallBuffer);
  WaitUntilStalled();
  server_->Stop(30ms);
  EXPECT_EQ(script_->alive, 0);
  EXPECT_THAT(stalled->ReadUntil("goodbye"), ::testing::Not(HasSubstr("goodbye")));
}

TEST_P(StreamsTest, ASourceMayWakeTheServerWhileItGoesAwayAtTheStop) {
  Start();
  script_->on_gone = [this] { server_->WakeStreams(); };
  script_->endless = true;
  const auto stalled = Open("/stream", kSmallBuffer);
  WaitUntilStalled();
  server_->Stop(0ms);
  EXPECT_EQ(script_->alive, 0);
}

// ---- Many at once, for the sanitizers --------------------------------------------------------------------------

TEST_P(StreamsTest, ClientsComeAndGoWhileAllAreWokenAndTheServerStops) {
  ServerOptions options = TestOptions();
  options.tick = 1ms;
  Start(options);
  script_->beats = true;
  std::atomic<bool> stop{false};
  std::atomic<int> opened{0};
  std::vector<std::thread> threads;
  threads.emplace_back([&] {
    while (!stop) {
      server_->WakeStreams();
      std::this_thread::yield();
    }
  });
  for (int c = 0; c < 3; ++c) {
    threads.emplace_back([&] {
      while (!stop) {
        try {
          HttpConnection client = Connect();
          client.Send(Get("/stream"));
          if (client.ReadHead(5s).status == 200) ++opened;
          client.ReadSome(20ms);
        } catch (const std::runtime_error&) {
          return;  // it has stopped listening
        }
      }
    });
  }
  EXPECT_TRUE(Eventually([&] { return opened > 60; }));
  server_->Stop(5s);
  stop = true;
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(script_->alive, 0);
  EXPECT_EQ(server_->Counts().connections, 0u);
}

}  // namespace
}  // namespace guidon::http
