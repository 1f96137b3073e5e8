#include "bench/ingest/ingest.h"

#include <atomic>
#include <cstdio>
#include <thread>
#include <vector>

#include "tests/support/http.h"

namespace guidon::bench {
namespace {

using testing::HttpAnswer;
using testing::HttpConnection;

// One client: batch after batch on one connection, each sent when the one before is durable. Accepted batches.
int SendBatches(std::uint16_t port, const std::string& key, const std::string& prefix, const std::string& events,
                const std::atomic<bool>& stopping) {
  HttpConnection connection(port);
  int batches = 0;
  while (!stopping) {
    const std::string body =
        R"({"batch":")" + prefix + std::to_string(1'000'000'000 + batches) + R"(","events":[)" + events + "]}";
    connection.Send("POST /sdk/v1/events HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer " + key +
                    "\r\nContent-Type: application/json\r\nContent-Length: " + std::to_string(body.size()) +
                    "\r\n\r\n" + body);
    const HttpAnswer answer = connection.ReadAnswer();
    if (answer.status != 202 || answer.body.find("\"accepted\":100,") == std::string::npos) {
      std::fprintf(stderr, "a batch was not taken: %d %s%s\n", answer.status, answer.body.c_str(),
                   answer.fault.c_str());
      return batches;
    }
    ++batches;
  }
  return batches;
}

}  // namespace

std::string IngestedEvent() {
  const auto now =
      std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::system_clock::now().time_since_epoch());
  return R"({"type":"track","time":)" + std::to_string(now.count()) +
         R"(,"event":"order","value":31.5,"context":{"key":"user-42","account_id":"acct-17","country":"DE"},)"
         R"("attributes":{"currency":"EUR"}})";
}

double DurableEvents(std::uint16_t port, const std::string& key, int clients, std::chrono::milliseconds time) {
  std::string events = IngestedEvent();
  for (int i = 1; i < kEventsOfABatch; ++i) events += "," + IngestedEvent();
  std::atomic<bool> stopping{false};
  std::atomic<int> batches{0};
  std::vector<std::thread> threads;
  const auto start = std::chrono::steady_clock::now();
  for (int i = 0; i < clients; ++i) {
    threads.emplace_back(
        [&, i] { batches += SendBatches(port, key, "client-" + std::to_string(i) + "-batch-", events, stopping); });
  }
  std::this_thread::sleep_for(time);
  stopping = true;
  for (std::thread& thread : threads) thread.join();
  return kEventsOfABatch * static_cast<double>(batches) /
         std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

}  // namespace guidon::bench
