#include "bench/ingest/ingest.h"

#include <chrono>
#include <utility>

#include "bench/server/load.h"

namespace guidon::bench {

std::string IngestedEvent() {
  const auto now =
      std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::system_clock::now().time_since_epoch());
  return R"({"type":"track","time":)" + std::to_string(now.count()) +
         R"(,"event":"order","value":31.5,"context":{"key":"user-42","account_id":"acct-17","country":"DE"},)"
         R"("attributes":{"currency":"EUR"}})";
}

EventRate DurableEvents(const EventLoadOptions& options) {
  std::string events = IngestedEvent();
  for (int i = 1; i < kEventsOfABatch; ++i) events += "," + IngestedEvent();
  RequestLoadOptions load;
  load.port = options.port;
  load.request = [events = std::move(events), key = options.key](int client, std::uint64_t number) {
    const std::string body = R"({"batch":"client-)" + std::to_string(client) + "-batch-" +
                             std::to_string(1'000'000'000 + number) + R"(","events":[)" + events + "]}";
    return "POST /sdk/v1/events HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer " + key +
           "\r\nContent-Type: application/json\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
  };
  load.status = 202;
  load.answer_has = "\"accepted\":" + std::to_string(kEventsOfABatch) + ",";
  load.connections = options.clients;
  load.processes = 4;
  load.seconds = options.seconds;
  load.when_forked = options.when_forked;
  const RequestRate batches = MeasureRequests(options.server_process, load);
  return {kEventsOfABatch * batches.per_second, kEventsOfABatch * batches.per_cpu_second};
}

}  // namespace guidon::bench
