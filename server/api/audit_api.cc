// The audit log over HTTP: reading it, what it takes to verify it, and what became of one entity.
#include <charconv>
#include <limits>
#include <utility>

#include "audit/audit_file.h"
#include "core/model/units.h"
#include "server/api/api.h"
#include "server/api/problem.h"
#include "server/api/requests.h"

namespace guidon {
namespace {

constexpr std::uint64_t kMostEntries = 500;  // of the log, in one page
constexpr std::uint64_t kMostLinks = 1'000;  // likewise
constexpr std::uint64_t kMostChanges = 100;  // of one entity, likewise: each compares two versions
constexpr std::uint64_t kMostNumber = std::numeric_limits<std::int64_t>::max();

std::string TimeText(Timestamp time) {
  return FormatTimestamp(time.time_since_epoch().count());
}

// `?since=17` or `?since=2027-03-31T08:00:00Z`
Status ReadMoment(const http::Request& request, std::string_view name, std::optional<Revision>& revision,
                  std::optional<Timestamp>& time) {
  const std::string_view text = request.Query(name);
  if (text.empty()) return {};
  Revision number = 0;
  const auto read = std::from_chars(text.data(), text.data() + text.size(), number);
  if (read.ec == std::errc() && read.ptr == text.data() + text.size()) {
    revision = number;
    return {};
  }
  const std::optional<std::int64_t> moment = ParseTimestamp(text);
  if (!moment) {
    return Fail(ErrorCode::kInvalid, std::string(name) + " is '" + std::string(text) +
                                         "'; expected a revision, or a time such as 2027-03-31T08:00:00Z");
  }
  time = Timestamp(std::chrono::milliseconds(*moment));
  return {};
}

Result<AuditQuery> ReadQuery(const http::Request& request) {
  AuditQuery query;
  query.project = request.Param("project");
  query.principal = request.Query("principal");
  query.action = request.Query("action");
  query.kind = request.Query("kind");
  query.key = request.Query("key");
  query.environment = request.Query("environment");
  if (Status read = ReadMoment(request, "since", query.since, query.since_time); !read) return Fail(read.error());
  if (Status read = ReadMoment(request, "until", query.until, query.until_time); !read) return Fail(read.error());
  const std::string_view order = request.Query("order");
  if (!order.empty() && order != "newest" && order != "oldest") {
    return Fail(ErrorCode::kInvalid,
                "order is '" + std::string(order) + "'; expected newest or oldest, which comes first");
  }
  query.oldest_first = order == "oldest";
  const Result<std::uint64_t> cursor = ReadNumber(request, "cursor", 0, 0, kMostNumber);
  if (!cursor) return Fail(cursor.error());
  if (*cursor > 0) query.cursor = *cursor;
  const Result<std::uint64_t> limit = ReadNumber(request, "limit", query.limit, 1, kMostEntries);
  if (!limit) return Fail(limit.error());
  query.limit = *limit;
  return query;
}

Object EncodeEntry(const AuditEntry& entry) {
  Object object{{"revision", Value(entry.revision)}, {"time", Value(TimeText(entry.time))}};
  if (entry.redacted) {
    object.Append("redacted", true);
    return object;
  }
  object.Append("principal", Value(entry.principal));
  object.Append("action", Value(entry.action));
  const auto append = [&](std::string_view name, const std::string& text) {
    if (!text.empty()) object.Append(name, Value(text));
  };
  append("project", entry.project);
  append("request_id", entry.request_id);
  append("address", entry.address);
  append("comment", entry.comment);
  Array environments, subjects;
  for (const std::string& name : entry.environments) environments.emplace_back(name);
  for (const AuditSubject& subject : entry.subjects) subjects.push_back(EncodeSubject(subject));
  object.Append("environments", Value(std::move(environments)));
  object.Append("subjects", Value(std::move(subjects)));
  if (entry.subjects_left_out > 0) object.Append("subjects_left_out", Value(entry.subjects_left_out));
  append("change_request", entry.change_request);
  const auto append_all = [&](std::string_view name, const std::vector<std::string>& texts) {
    Array array;
    for (const std::string& text : texts) array.emplace_back(text);
    if (!array.empty()) object.Append(name, Value(std::move(array)));
  };
  append_all("requested_by", entry.requested_by);
  append_all("approved_by", entry.approved_by);
  append_all("overridden", entry.overridden);
  append("emergency", entry.emergency);
  if (!entry.finding.is_null()) object.Append("finding", entry.finding);
  if (!entry.gate.is_null()) object.Append("gate", entry.gate);
  return object;
}

}  // namespace

http::Response Api::ListAudit(const Call& call) {
  const std::string project(call.request.Param("project"));
  if (!project.empty() && parts_.catalog.View()->FindProject(project) == nullptr) {
    return ProblemResponse({ErrorCode::kNotFound, "there is no project '" + project + "'", {}}, call.request.id);
  }
  const Result<AuditQuery> query = ReadQuery(call.request);
  if (!query) return BadRequest(call.request, query.error());
  const Result<AuditPage> page = parts_.catalog.audit().Read(*query);
  if (!page) return ProblemResponse(page.error(), call.request.id);
  Array entries;
  for (const AuditEntry& entry : page->entries) entries.emplace_back(EncodeEntry(entry));
  Object body{{"revision", Value(page->head)}, {"entries", Value(std::move(entries))}};
  if (page->next) body.Append("next", Value(*page->next));
  return JsonResponse(200, Value(std::move(body)));
}

http::Response Api::ListAuditLinks(const Call& call) {
  const Result<std::uint64_t> after = ReadNumber(call.request, "after", 0, 0, kMostNumber);
  if (!after) return BadRequest(call.request, after.error());
  const Result<std::uint64_t> limit = ReadNumber(call.request, "limit", 256, 1, kMostLinks);
  if (!limit) return BadRequest(call.request, limit.error());
  const Result<AuditLinks> page = parts_.catalog.audit().Links(*after, *limit);
  if (!page) return ProblemResponse(page.error(), call.request.id);
  Array links;
  for (const RevisionEntry& entry : page->entries) links.push_back(EncodeRevisionEntry(entry));
  return JsonResponse(200, Object{{"links", Value(std::move(links))}, {"more", Value(page->more)}});
}

http::Response Api::ListCheckpoints(const Call& call) {
  const Result<AuditHeader> header =
      parts_.catalog.audit().Header(Timestamp(std::chrono::milliseconds(parts_.now_ms())));
  if (!header) return ProblemResponse(header.error(), call.request.id);
  return JsonResponse(200, EncodeAuditHeader(*header));
}

http::Response Api::HistoryOf(EntityKind kind, const Call& call) {
  const std::string project(call.request.Param("project"));
  const EntityRef ref{kind, std::string(call.request.Param("key"))};
  if (parts_.catalog.View()->FindProject(project) == nullptr) {
    return ProblemResponse({ErrorCode::kNotFound, "there is no project '" + project + "'", {}}, call.request.id);
  }
  const Result<std::uint64_t> cursor = ReadNumber(call.request, "cursor", 0, 0, kMostNumber);
  if (!cursor) return BadRequest(call.request, cursor.error());
  const Result<std::uint64_t> limit = ReadNumber(call.request, "limit", 20, 1, kMostChanges);
  if (!limit) return BadRequest(call.request, limit.error());
  const Result<EntityHistory> history = parts_.catalog.HistoryOf(project, ref, *cursor, *limit);
  if (!history) return ProblemResponse(history.error(), call.request.id);
  if (*cursor == 0 && history->changes.empty() && !history->next) {
    return ProblemResponse(
        {ErrorCode::kNotFound,
         "project '" + project + "' has no " + ref.ToText() + ", and had none in what is kept of its history",
         {}},
        call.request.id);
  }
  Array changes;
  for (const EntityChangeRecord& record : history->changes) {
    Object encoded{{"revision", Value(record.audit.revision)}, {"time", Value(TimeText(record.audit.time))}};
    if (record.audit.redacted) {
      encoded.Append("redacted", true);
    } else {
      encoded.Append("principal", Value(record.audit.principal));
      if (!record.audit.comment.empty()) encoded.Append("comment", Value(record.audit.comment));
      if (!record.audit.emergency.empty()) encoded.Append("emergency", Value(record.audit.emergency));
    }
    if (record.change) {
      const Value change = EncodePlannedChange(*record.change);
      for (const Member& member : change.AsObject()) {
        if (member.name != "kind" && member.name != "key") encoded.Append(member.name, member.value);
      }
    }
    changes.emplace_back(std::move(encoded));
  }
  Object body{{"kind", Value(ToString(kind))}, {"key", Value(ref.key)}, {"changes", Value(std::move(changes))}};
  if (history->next) {
    body.Append("next", Value(*history->next));
  } else {
    body.Append("complete", history->complete);
  }
  return JsonResponse(200, Value(std::move(body)));
}

}  // namespace guidon
