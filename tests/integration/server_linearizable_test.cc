// Sixteen writers with compare-and-set on three flags, answers that are dropped, and kills: what everybody saw could
// have happened one thing after the other. And the checker that says so finds what it is there for.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <chrono>
#include <iostream>
#include <mutex>
#include <random>
#include <set>
#include <stdexcept>
#include <thread>

#include "core/base/json.h"
#include "tests/support/guidond.h"
#include "tests/support/linearizable.h"

namespace guidon::testing {
namespace {

using Kind = RegisterOp::Kind;
using Outcome = RegisterOp::Outcome;

// ---- The checker -----------------------------------------------------------------------------------------------

RegisterOp Read(int client, std::int64_t value, std::int64_t begin, std::int64_t end) {
  return {client, Kind::kRead, Outcome::kOk, 0, value, begin, end};
}
RegisterOp Swap(int client, std::int64_t expected, std::int64_t value, std::int64_t begin, std::int64_t end,
                Outcome outcome = Outcome::kOk) {
  return {client, Kind::kSwap, outcome, expected, value, begin, end};
}

TEST(LinearizableTest, WhatCanHaveHappenedIsNoFault) {
  EXPECT_EQ(FaultIn({}, 0), "");
  EXPECT_EQ(FaultIn({Swap(1, 0, 1, 0, 10), Read(2, 0, 5, 20), Read(3, 1, 6, 7)}, 0), "") << "in the middle of a swap";
  EXPECT_EQ(FaultIn({Swap(1, 0, 1, 0, 10), Swap(2, 0, 2, 0, 10, Outcome::kRefused)}, 0), "");
  EXPECT_EQ(FaultIn({Swap(1, 1, 2, 0, 10), Swap(2, 0, 1, 0, 10), Read(3, 2, 11, 12)}, 0), "");
  const RegisterOp unknown = Swap(1, 0, 1, 0, 0, Outcome::kUnknown);
  EXPECT_EQ(FaultIn({unknown, Read(2, 0, 5, 6), Read(2, 0, 50, 60)}, 0), "") << "never";
  EXPECT_EQ(FaultIn({unknown, Read(2, 0, 5, 6), Read(2, 1, 50, 60)}, 0), "") << "late";
}

TEST(LinearizableTest, ALostUpdateIsFound) {
  EXPECT_NE(FaultIn({Swap(1, 0, 1, 0, 10), Swap(2, 0, 2, 5, 15)}, 0), "");
}
TEST(LinearizableTest, AStaleReadIsFound) {
  EXPECT_NE(FaultIn({Swap(1, 0, 1, 0, 10), Read(2, 0, 11, 12)}, 0), "");
}
TEST(LinearizableTest, AReadOfWhatWasRefusedIsFound) {
  EXPECT_NE(FaultIn({Swap(1, 7, 1, 0, 10, Outcome::kRefused), Read(2, 1, 5, 12)}, 0), "");
}
TEST(LinearizableTest, AReadThatGoesBackIsFound) {
  EXPECT_NE(FaultIn({Swap(1, 0, 1, 0, 100), Read(2, 1, 10, 20), Read(2, 0, 30, 40)}, 0), "");
}
TEST(LinearizableTest, ASwapThatIsAppliedTwiceIsFound) {
  EXPECT_NE(FaultIn({Swap(1, 0, 1, 0, 10), Swap(2, 1, 2, 11, 20), Read(3, 1, 21, 22)}, 0), "");
}

// Each of the five, anywhere in a long history of many clients in which nothing else is wrong.
TEST(LinearizableTest, OneFaultInALongHistoryIsFound) {
  std::mt19937 random(20270312);
  for (int round = 0; round < 10; ++round) {
    std::vector<RegisterOp> history;
    for (std::int64_t i = 0; i < 150; ++i) {
      const std::int64_t at = 10 * i;
      history.push_back(
          Swap(static_cast<int>(i % 16), i, i + 1, at - static_cast<std::int64_t>(random() % 60), at + 5));
      history.push_back(Read(16, i + 1, at + 5, at + 5 + static_cast<std::int64_t>(random() % 5)));
      history.push_back(Swap(17, -1, 1000 + i, at - 20, at + 20, Outcome::kRefused));
    }
    ASSERT_EQ(FaultIn(history, 0), "") << round;
    std::vector<RegisterOp> planted = history;
    const auto at = static_cast<std::int64_t>(50 + random() % 50);
    const std::array<RegisterOp, 5> faults = {
        Swap(18, at, 5000, 10 * at - 50, 10 * at + 90), Read(18, at, 10 * at + 40, 10 * at + 45),
        Read(18, 1000 + at, 10 * at, 10 * at + 100), Read(18, at + 1, 10 * at + 300, 10 * at + 310),
        Read(18, 1, 10 * at, 10 * at + 100)};
    planted.push_back(faults[static_cast<std::size_t>(round) % faults.size()]);
    EXPECT_NE(FaultIn(planted, 0), "") << round;
  }
}

// ---- The server ------------------------------------------------------------------------------------------------

constexpr int kClients = 16;
constexpr int kRounds = 20;
constexpr int kFlags = 3;

std::int64_t Now() {
  return std::chrono::steady_clock::now().time_since_epoch().count();
}

std::string PathOf(int flag) {
  return "/api/v1/projects/shop/flags/counter-" + std::to_string(flag);
}

std::string FlagOf(int flag, std::int64_t number) {
  return R"({"flag": "counter-)" + std::to_string(flag) +
         R"(", "type": "number", "owner": "tests", "variations": {"it": )" + std::to_string(number) + "}}";
}

class LinearizableServerTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_EQ(
        server_.Call("POST", "/api/v1/projects", {.body = R"({"project": "shop", "environments": {"production": {}}})"})
            .status,
        201);
    for (int flag = 0; flag < kFlags; ++flag) {
      ASSERT_EQ(server_.Call("PUT", PathOf(flag), {.body = FlagOf(flag, 0)}).status, 201);
    }
  }

  // Until it is answered; nobody listens while the server is down.
  HttpAnswer Ask(std::string_view method, const std::string& path, const HttpCallOptions& options) {
    HttpAnswer answer;
    const bool answered = Eventually([&] {
      try {
        answer = HttpCall(port_, method, path, options);
      } catch (const std::runtime_error&) {
        return false;
      }
      return answer.status != 0 && answer.fault.empty() && answer.status < 500;
    });
    if (!answered) Blame("no answer to " + path + ": " + std::to_string(answer.status) + " " + answer.body);
    return answer;
  }

  // The request is sent as a whole, and nobody stays for the answer: it may be done or not.
  void SendAndLeave(const std::string& path, const HttpCallOptions& options) {
    std::string text = "PUT " + path + " HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer " + options.key +
                       "\r\nContent-Type: application/json\r\nContent-Length: " + std::to_string(options.body.size()) +
                       "\r\n";
    for (const auto& [name, value] : options.headers) text += name + ": " + value + "\r\n";
    try {
      HttpConnection connection(port_);
      connection.Send(text + "\r\n" + options.body);
      connection.ReadSome(std::chrono::milliseconds(1));  // gone before the answer as a rule
    } catch (const std::runtime_error&) {
      // The server is down: nothing was sent.
    }
  }

  void Work(int client) {
    std::mt19937 random(static_cast<unsigned>(client));
    for (int round = 0; round < kRounds && !stopping_; ++round) {
      const int flag = static_cast<int>(random() % kFlags);
      RegisterOp read{client, Kind::kRead, Outcome::kOk, 0, 0, Now(), 0};
      const HttpAnswer held = Ask("GET", PathOf(flag), {.key = server_.admin_key()});
      read.end = Now();
      const Result<Value> body = ParseJson(held.body);
      const Value* number = body ? body->Find("definition") : nullptr;
      for (const char* step : {"variations", "it"}) number = number == nullptr ? nullptr : number->Find(step);
      if (held.status != 200 || number == nullptr) return Blame("a flag cannot be read: " + held.body);
      read.value = number->AsInt();
      Note(flag, read);

      RegisterOp swap{client, Kind::kSwap, Outcome::kOk, read.value, 1 + client * 1000 + round, Now(), 0};
      HttpCallOptions options{.key = server_.admin_key(), .body = FlagOf(flag, swap.value)};
      options.headers = {{"If-Match", held.Header("ETag")},
                         {"Idempotency-Key", std::to_string(client) + "-" + std::to_string(round)}};
      if (random() % 4 == 0) SendAndLeave(PathOf(flag), options);
      const HttpAnswer answer = Ask("PUT", PathOf(flag), options);
      swap.end = Now();
      if (answer.status != 200 && answer.status != 412) return Blame("a write was refused: " + answer.body);
      if (answer.status == 412) swap.outcome = Outcome::kRefused;
      Note(flag, swap);
      if (answer.status == 200) ++swapped_;
    }
  }

  void Note(int flag, const RegisterOp& op) {
    const std::lock_guard lock(mutex_);
    histories_[static_cast<std::size_t>(flag)].push_back(op);
  }
  void Blame(const std::string& fault) {
    stopping_ = true;
    const std::lock_guard lock(mutex_);
    faults_.push_back(fault);
  }

  Guidond server_{GuidondOptions{.listen = "127.0.0.1:" + std::to_string(FixedPort())}};
  const std::uint16_t port_ = server_.port();
  std::atomic<bool> stopping_ = false;
  std::atomic<int> swapped_ = 0;
  std::mutex mutex_;
  std::array<std::vector<RegisterOp>, kFlags> histories_;
  std::vector<std::string> faults_;
};

// Promise R2.
TEST_F(LinearizableServerTest, SixteenWritersWithCompareAndSetSeeOneOrder) {
  std::vector<std::thread> clients;
  for (int client = 0; client < kClients; ++client) clients.emplace_back([this, client] { Work(client); });
  for (const int wanted : {15, 40}) {
    EXPECT_TRUE(Eventually([&] { return swapped_ >= wanted || stopping_; }));
    server_.Kill();
    server_.Start();
  }
  for (std::thread& client : clients) client.join();
  for (const std::string& fault : faults_) ADD_FAILURE() << fault;
  std::size_t operations = 0;
  for (const std::vector<RegisterOp>& history : histories_) {
    EXPECT_EQ(FaultIn(history, 0), "");
    operations += history.size();
  }
  EXPECT_EQ(operations, 2u * kClients * kRounds);
  std::cout << operations << " operations, " << swapped_ << " swaps\n";
}

}  // namespace
}  // namespace guidon::testing
