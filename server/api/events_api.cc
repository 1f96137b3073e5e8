// What SDKs send (docs/spec/events.md): events into the journal, statuses into the table of processes; and both for
// people and tools.
#include <algorithm>
#include <limits>
#include <utility>

#include "core/base/json.h"
#include "server/api/api.h"
#include "server/api/problem.h"
#include "server/api/requests.h"

namespace guidon {
namespace {

constexpr std::uint64_t kMostEntries = 1'000;      // of the journal, in one page
constexpr std::uint64_t kMostProcesses = 1'000;    // in one page
constexpr std::size_t kMostSummaryGroups = 1'000;  // of processes that say the same
constexpr std::uint64_t kMostNumber = std::numeric_limits<std::int64_t>::max();

// {"accepted":97,"rejected":[…] without its end: whether it is a repetition comes last.
std::string AnswerOf(const EventBatch& batch) {
  Array rejected;
  for (const RejectedEvent& event : batch.first_rejected) {
    rejected.emplace_back(Object{
        {"event", Value(event.event)}, {"reason", Value(ToString(event.reason))}, {"message", Value(event.message)}});
  }
  std::string text = "{\"accepted\":" + std::to_string(batch.counts.Accepted()) + ",\"rejected\":";
  AppendJson(text, Value(std::move(rejected)));
  return text;
}

http::Response Accepted(std::string answer, bool duplicate) {
  http::Response response;
  response.status = 202;
  response.Header("Content-Type", "application/json");
  response.Header("Cache-Control", "no-store");
  response.body = std::move(answer.append(duplicate ? ",\"duplicate\":true}" : ",\"duplicate\":false}"));
  return response;
}

bool IsBusy(ErrorCode code) {
  return code == ErrorCode::kOverloaded || code == ErrorCode::kUnavailable || code == ErrorCode::kStorageFull;
}

Value EncodeGroup(const ProcessGroup& group) {
  return Object{{"application", Value(group.application)},
                {"version", Value(group.version)},
                {"epoch", Value(group.epoch)},
                {"revision", Value(group.revision)},
                {"processes", Value(group.processes)}};
}

Value EncodeProcess(const HeardProcess& process) {
  const ProcessStatus& status = *process.status;
  Array broken;
  for (const std::string& flag : status.broken) broken.emplace_back(flag);
  return Object{{"instance", Value(status.instance)},
                {"sdk", Value(Object{{"name", Value(status.sdk)}, {"version", Value(status.sdk_version)}})},
                {"application", Value(Object{{"name", Value(status.application)}, {"version", Value(status.version)}})},
                {"epoch", Value(status.epoch)},
                {"revision", Value(status.revision)},
                {"digest", Value(status.digest)},
                {"source", Value(status.source)},
                {"state", Value(status.state)},
                {"age_ms", Value(status.age_ms)},
                {"broken", Value(std::move(broken))},
                {"dropped", Value(Object{{"exposures", Value(status.dropped_exposures)},
                                         {"track", Value(status.dropped_track)},
                                         {"batches", Value(status.dropped_batches)}})},
                {"heard_ms_ago", Value(process.ago.count())}};
}

}  // namespace

void Api::SendEvents(const Call& call, const Answered& answered) {
  const auto refuse = [&](http::Response response) {
    parts_.counters.CountRefused(response.status);
    answered(std::move(response));
  };
  if (!parts_.feed.Find({call.who.project, call.who.environment})) {
    return refuse(ProblemResponse(GoneScope(call.who), call.request.id));
  }
  const Result<std::string> json = ReadPacked(call.request, BatchLimits().bytes);
  if (!json) return refuse(PackedProblem(call.request, json.error()));
  const Timestamp now{std::chrono::milliseconds(parts_.now_ms())};
  Result<EventBatch> batch = ReadBatch(*json, now);
  if (!batch) return refuse(BadRequest(call.request, batch.error()));
  std::string answer = AnswerOf(*batch);
  if (batch->counts.Accepted() == 0) {  // there is nothing to keep
    parts_.counters.CountLeftOut(batch->counts);
    return answered(Accepted(std::move(answer), false));
  }
  AppendBatch(call.request, json->size(), answered,
              {call.who.project, call.who.environment, call.who.id.substr(call.who.id.find(':') + 1), *std::move(batch),
               std::move(answer)});
}

void Api::AppendBatch(const http::Request& request, std::size_t bytes, const Answered& answered, NewEntry entry) {
  const EventCounts counts = entry.batch.counts;
  parts_.journal.Append(std::move(entry), [this, &request, counts, bytes, answered](Result<Appended> appended) {
    if (!appended) {
      http::Response response = IsBusy(appended.error().code) ? Busy(appended.error(), request.id)
                                                              : ProblemResponse(appended.error(), request.id);
      parts_.counters.CountRefused(response.status);
      return answered(std::move(response));
    }
    if (appended->duplicate) {
      parts_.counters.CountDuplicate();
    } else {
      parts_.counters.CountKept(counts, bytes);
    }
    answered(Accepted(std::move(appended->answer), appended->duplicate));
  });
}

http::Response Api::SendStatus(const Call& call) {
  const std::shared_ptr<Channel> channel = parts_.feed.Find({call.who.project, call.who.environment});
  if (!channel) return ProblemResponse(GoneScope(call.who), call.request.id);
  const Result<std::string> json = ReadPacked(call.request, kMostStatusBytes);
  if (!json) return PackedProblem(call.request, json.error());
  Result<ProcessStatus> status = ReadStatus(*json);
  if (!status) return BadRequest(call.request, status.error());
  const std::string epoch = status->epoch;
  const Revision revision = status->revision;
  const auto before = parts_.processes.Update(call.who.project, call.who.environment, *std::move(status));
  // How long the oldest change that it did not have took; of a process that is new here nobody knows what it missed.
  if (before && before->epoch == epoch && epoch == parts_.feed.epoch()) {
    if (const auto age = channel->AgeOfChange(before->revision, revision)) parts_.api_counters.ObserveAck(*age);
  }
  http::Response response;
  response.status = 204;
  return response;
}

http::Response Api::ReadEvents(const Call& call) {
  JournalQuery query;
  query.project = call.request.Param("project");
  query.environment = call.request.Param("environment");
  if (!parts_.feed.Find({query.project, query.environment})) return GetEnvironment(call);  // which says what is missing
  const Result<std::uint64_t> after = ReadNumber(call.request, "after", 0, 0, kMostNumber);
  if (!after) return BadRequest(call.request, after.error());
  const Result<std::uint64_t> limit = ReadNumber(call.request, "limit", query.entries, 1, kMostEntries);
  if (!limit) return BadRequest(call.request, limit.error());
  query.after = *after;
  query.entries = *limit;
  const Result<JournalPage> page = parts_.journal.Read(query);
  if (!page) return ProblemResponse(page.error(), call.request.id);
  http::Response response;
  response.Header("Content-Type", "application/x-ndjson");
  response.Header("Cache-Control", "no-store");
  response.Header("Guidon-After", std::to_string(page->next));
  response.Header("Guidon-More", page->more ? "true" : "false");
  for (const JournalEntry& entry : page->entries) {
    response.body += "{\"sequence\":" + std::to_string(entry.sequence) + ",";
    response.body.append(entry.text, 1).append("\n");
  }
  return response;
}

http::Response Api::ListProcesses(const Call& call) {
  const std::string project(call.request.Param("project")), environment(call.request.Param("environment"));
  if (!parts_.feed.Find({project, environment})) return GetEnvironment(call);
  const Result<std::optional<Revision>> asked = ReadRevision(call.request);
  if (!asked) return BadRequest(call.request, asked.error());
  const Revision head = parts_.feed.head(), revision = asked->value_or(head);
  if (revision > head) {
    return ProblemResponse(
        {ErrorCode::kNotFound,
         "there is no revision " + std::to_string(revision) + "; the newest is " + std::to_string(head),
         {}},
        call.request.id);
  }
  const Result<std::uint64_t> limit = ReadNumber(call.request, "limit", 100, 0, kMostProcesses);
  if (!limit) return BadRequest(call.request, limit.error());
  ProcessSummary summary = parts_.processes.Summarise(project, environment, {parts_.feed.epoch(), revision});
  if (summary.groups.size() > kMostSummaryGroups) {  // the largest
    std::stable_sort(summary.groups.begin(), summary.groups.end(),
                     [](const ProcessGroup& a, const ProcessGroup& b) { return a.processes > b.processes; });
  }
  const std::size_t shown = std::min(summary.groups.size(), kMostSummaryGroups);
  Array groups, processes;
  for (std::size_t i = 0; i < shown; ++i) groups.push_back(EncodeGroup(summary.groups[i]));
  const ProcessPage page =
      parts_.processes.List(project, environment, call.request.Query("after"), static_cast<std::size_t>(*limit));
  for (const HeardProcess& process : page.processes) processes.push_back(EncodeProcess(process));
  Object body{{"epoch", Value(parts_.feed.epoch())},
              {"revision", Value(revision)},
              {"live", Value(summary.live)},
              {"at_least", Value(summary.at_least)},
              {"groups", Value(std::move(groups))},
              {"groups_left_out", Value(summary.groups.size() - shown)},
              {"processes", Value(std::move(processes))}};
  if (page.more && !page.processes.empty()) body.Append("next", Value(page.processes.back().status->instance));
  return JsonResponse(200, Value(std::move(body)));
}

}  // namespace guidon
