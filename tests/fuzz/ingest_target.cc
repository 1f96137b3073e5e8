#include "core/base/json.h"
#include "server/ingest/batch.h"
#include "server/ingest/processes.h"
#include "tests/fuzz/targets.h"

namespace guidon::fuzz {
namespace {

constexpr std::chrono::sys_time<std::chrono::milliseconds> kNow{std::chrono::milliseconds(1'790'000'000'000)};
constexpr BatchLimits kLimits{.bytes = 64u << 10, .events = 100};

void CheckBatch(std::string_view json) {
  const Result<EventBatch> batch = ReadBatch(json, kNow, kLimits);
  if (!batch) return Require(!batch.error().message.empty(), "a refusal says why");
  const Result<Value> body = ParseJson(json);
  Require(body.has_value(), "a batch is JSON");
  const std::size_t sent = body->Find("events")->AsArray().size();
  Require(batch->counts.Accepted() + batch->counts.Rejected() + batch->counts.unknown == sent,
          "every event is counted once");
  Require(batch->first_rejected.size() <= 20 && batch->first_rejected.size() <= batch->counts.Rejected(),
          "the first of those that were left out are named");
  for (const RejectedEvent& event : batch->first_rejected) Require(event.event < sent, "by their place");

  const std::string line = "{" + batch->sender + "\"events\":" + batch->events + "}";
  Require(line.find('\n') == std::string::npos, "an entry of the journal is one line");
  const Result<Value> entry = ParseJson(line);
  Require(entry.has_value(), "of JSON");
  Require(entry->Find("events")->AsArray().size() == batch->counts.Accepted(), "with what was accepted");
  const std::string again = R"({"batch":")" + batch->id + R"(","events":)" + batch->events + "}";
  const Result<EventBatch> second = ReadBatch(again, kNow, {2 * kLimits.bytes, kLimits.events});
  Require(second && second->events == batch->events, "what was accepted is accepted again as it is");
}

}  // namespace

void Ingest(std::string_view input) {
  CheckBatch(input);
  const Result<std::string> unpacked = Gunzip(input, kLimits.bytes);
  if (unpacked) {
    Require(unpacked->size() <= kLimits.bytes, "no more is unpacked than the bound");
    CheckBatch(*unpacked);
  }
  const Result<ProcessStatus> status = ReadStatus(input);
  if (status) Require(!status->instance.empty() && status->broken.size() <= 100, "a status is of an instance");
}

}  // namespace guidon::fuzz
