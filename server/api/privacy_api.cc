// What is held of a unit or of a member, and their erasure, over HTTP.
#include <algorithm>
#include <utility>

#include "core/base/json_record.h"
#include "core/model/units.h"
#include "server/api/api.h"
#include "server/api/problem.h"
#include "server/api/requests.h"

namespace guidon {
namespace {

constexpr std::uint64_t kFindings = 500;  // of a page that says no other number

// {"unit": "user-42", "attribute": "key", "project": "shop", "mentions": true}, or {"member": "ana"}: remembers every
// fault.
class UnitReader {
 public:
  explicit UnitReader(const Value& body) : body_(body) {}

  void Text(std::string_view name, std::string& out) {
    const Value* value = Take(name);
    if (value == nullptr) return;
    if (!value->is_string() || value->AsString().empty()) return Fault(name, "expected text");
    out = value->AsString();
  }
  void Switch(std::string_view name, bool& out) {
    const Value* value = Take(name);
    if (value == nullptr) return;
    if (!value->is_bool()) return Fault(name, "expected true or false");
    out = value->AsBool();
  }
  void Number(std::string_view name, std::uint64_t& out, std::uint64_t least, std::uint64_t most) {
    const Value* value = Take(name);
    if (value == nullptr) return;
    const std::uint64_t number =
        value->is_int() && value->AsInt() >= 0 ? static_cast<std::uint64_t>(value->AsInt()) : 0;
    if (number < least || number > most) {
      return Fault(name, "expected a whole number, " + std::to_string(least) + " … " + std::to_string(most));
    }
    out = number;
  }
  Status Finish() {
    if (!body_.is_object()) return Fail(ErrorCode::kInvalid, "expected an object with a 'unit', or a 'member'");
    const bool is_member = body_.Find("member") != nullptr;
    if (!is_member && body_.Find("unit") == nullptr) {
      Fault("unit", "missing: the id of the unit, such as user-42; or 'member', the id of one");
    }
    for (const std::string_view name : {"unit", "attribute", "project", "mentions"}) {
      if (is_member && body_.Find(name) != nullptr) {
        Fault(name, "does not go with 'member', who is looked for everywhere, under all their names");
      }
    }
    for (const Member& member : body_.AsObject()) {
      if (std::find(taken_.begin(), taken_.end(), member.name) == taken_.end()) {
        Fault(member.name, "unknown key '" + member.name + "'");
      }
    }
    if (issues_.empty()) return {};
    return Fail(InvalidError("the request about a unit cannot be read", std::move(issues_)));
  }

 private:
  const Value* Take(std::string_view name) {
    taken_.emplace_back(name);
    return body_.Find(name);
  }
  void Fault(std::string_view name, std::string message) {
    issues_.push_back({Severity::kError, "wrong_value", Path().Key(name), std::move(message), "", ""});
  }

  const Value& body_;
  std::vector<std::string> taken_;
  std::vector<Issue> issues_;
};

void ReadUnit(UnitReader& reader, UnitRequest& request) {
  reader.Text("unit", request.unit.id);
  reader.Text("attribute", request.unit.attribute);
  reader.Text("project", request.project);
  reader.Switch("mentions", request.unit.mentions);
  reader.Text("member", request.member);
}

std::string TimeText(Timestamp time) {
  return FormatTimestamp(time.time_since_epoch().count());
}

Value Describe(const ErasureChange& change) {
  Object object{{"project", Value(change.project)}};
  if (change.revision > 0) object.Append("revision", Value(change.revision));
  object.Append("definitions", TextsOf(change.definitions));
  object.Append("environments", TextsOf(change.environments));
  object.Append("processes", Value(change.processes));
  object.Append("holding", Value(change.holding));
  return Value(std::move(object));
}

Value Describe(const ErasureState& state) {
  Object object{{"erasure", Value(state.id)},
                {"state", Value(ToString(state.phase))},
                {"dry_run", Value(state.dry_run)},
                {"begun", Value(TimeText(state.begun))}};
  if (!state.project.empty()) object.Append("project", Value(state.project));
  if (state.phase == ErasureState::Phase::kRunning) return Value(std::move(object));
  object.Append("ended", Value(TimeText(state.ended)));
  if (state.phase == ErasureState::Phase::kFailed) {
    object.Append("code", Value(ToString(state.error.code)));
    object.Append("detail", Value(state.error.message));
  }
  const ErasureCounts& counts = state.counts;
  object.Append("counts", Object{{"definitions", Value(counts.definitions)},
                                 {"notes", Value(counts.notes)},
                                 {"past_versions", Value(counts.past_versions)},
                                 {"events", Value(counts.events)},
                                 {"mentions", Value(counts.mentions)},
                                 {"facts", Value(counts.facts)},
                                 {"audit_entries", Value(counts.audit_entries)},
                                 {"records", Value(counts.records)}});
  Array changes, backups;
  for (const ErasureChange& change : state.changes) changes.push_back(Describe(change));
  for (const BackupState& backup : state.backups) {
    backups.emplace_back(Object{{"name", Value(backup.name)},
                                {"made", Value(TimeText(backup.manifest.made))},
                                {"revision", Value(backup.manifest.head.revision)},
                                {"folder", Value(backup.folder)}});
  }
  object.Append("changes", Value(std::move(changes)));
  object.Append("remains", TextsOf(state.remains));
  if (state.remains_left_out > 0) object.Append("remains_left_out", Value(state.remains_left_out));
  object.Append("backups", Value(std::move(backups)));
  return Value(std::move(object));
}

}  // namespace

http::Response Api::ExportUnit(const Call& call) {
  const Result<Value> body = ReadJson(call.request);
  if (!body) return BadRequest(call.request, body.error());
  UnitRequest request;
  std::string cursor;
  std::uint64_t limit = kFindings;
  UnitReader reader(*body);
  ReadUnit(reader, request);
  reader.Text("cursor", cursor);
  reader.Number("limit", limit, 1, kMostFindings);
  if (Status read = reader.Finish(); !read) return ProblemResponse(read.error(), call.request.id);
  Result<UnitPage> page = parts_.privacy.Export(request, cursor, limit);
  if (!page) return ProblemResponse(page.error(), call.request.id);
  Array findings;
  for (Value& finding : page->findings) findings.push_back(std::move(finding));
  Object answer{{"findings", Value(std::move(findings))}};
  if (page->next) answer.Append("next", Value(*page->next));
  return JsonResponse(200, Value(std::move(answer)));
}

http::Response Api::EraseUnit(const Call& call) {
  const Result<Value> body = ReadJson(call.request);
  if (!body) return BadRequest(call.request, body.error());
  UnitRequest request;
  UnitReader reader(*body);
  ReadUnit(reader, request);
  reader.Switch("dry_run", request.dry_run);
  if (Status read = reader.Finish(); !read) return ProblemResponse(read.error(), call.request.id);
  const Result<ErasureState> state = parts_.privacy.Start(request, AuthorOf(call));
  if (!state) return ProblemResponse(state.error(), call.request.id);
  http::Response response = JsonResponse(202, Describe(*state));
  response.Header("Location", "/api/v1/privacy/erasures/" + state->id);
  return response;
}

http::Response Api::GetErasure(const Call& call) {
  const Result<ErasureState> state = parts_.privacy.Find(call.request.Param("id"));
  if (!state) return ProblemResponse(state.error(), call.request.id);
  return JsonResponse(200, Describe(*state));
}

}  // namespace guidon
