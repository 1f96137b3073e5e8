#include "server/catalog/change_request.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <iterator>
#include <utility>

#include "core/base/json.h"
#include "core/base/json_record.h"
#include "server/catalog/records.h"

namespace guidon {
namespace {

constexpr std::array<std::string_view, std::size(kChangeStates)> kWords = {
    "open", "approved", "scheduled", "stale", "applied", "rejected", "withdrawn", "failed"};

std::optional<EntityRef> ReadRef(const Value& object) {
  const auto kind = EntityKindFromString(TextOf(object, "kind"));
  if (!kind) return std::nullopt;
  return EntityRef{*kind, TextOf(object, "key")};
}

std::string_view WordOf(Edit::Action action) {
  if (action == Edit::Action::kPut) return "put";
  return action == Edit::Action::kPatch ? "patch" : "delete";
}

bool ReadEdits(const Value& record, std::vector<Edit>& edits) {
  for (const Value& value : ListIn(record, "changes")) {
    const std::optional<EntityRef> ref = ReadRef(value);
    if (!ref) return false;
    Edit& edit = edits.emplace_back();
    edit.ref = *ref;
    const std::string action = TextOf(value, "action");
    edit.action = action == "put"     ? Edit::Action::kPut
                  : action == "patch" ? Edit::Action::kPatch
                                      : Edit::Action::kDelete;
    if (const Value* definition = value.Find("definition")) edit.definition = *definition;
  }
  return !edits.empty();
}

}  // namespace

std::string_view ToString(ChangeState state) {
  return kWords[static_cast<std::size_t>(state)];
}

std::optional<ChangeState> ChangeStateFromString(std::string_view word) {
  const auto found = std::find(kWords.begin(), kWords.end(), word);
  if (found == kWords.end()) return std::nullopt;
  return static_cast<ChangeState>(found - kWords.begin());
}

bool HasErasedAuthor(const ChangeRequest& request) {
  return std::any_of(request.authors.begin(), request.authors.end(), [](std::string_view person) {
    constexpr std::string_view kKey = "key:";
    if (person.starts_with(kKey)) person.remove_prefix(kKey.size());
    return person.starts_with(kErasedPerson);
  });
}

std::string ItemIdOf(std::string_view project, std::uint64_t number) {
  return std::string(project) + "/" + std::to_string(number);
}

Value EncodeEdits(const std::vector<Edit>& edits) {
  Array changes;
  for (const Edit& edit : edits) {
    Object change{
        {"kind", Value(ToString(edit.ref.kind))}, {"key", Value(edit.ref.key)}, {"action", Value(WordOf(edit.action))}};
    if (edit.action != Edit::Action::kDelete) change.Append("definition", edit.definition);
    changes.emplace_back(std::move(change));
  }
  return changes;
}

std::string EncodeChangeRequest(const ChangeRequest& request) {
  Array touched, approvals;
  for (const auto& [ref, revision] : request.touched) {
    touched.emplace_back(
        Object{{"kind", Value(ToString(ref.kind))}, {"key", Value(ref.key)}, {"revision", Value(revision)}});
  }
  for (const Approval& approval : request.approvals) {
    approvals.emplace_back(Object{{"person", Value(approval.person)},
                                  {"principal", Value(approval.principal)},
                                  {"at_ms", Value(approval.at_ms)},
                                  {"version", Value(approval.version)}});
  }
  Object record{{"title", Value(request.title)},
                {"description", Value(request.description)},
                {"authors", TextsOf(request.authors)},
                {"opened_by", Value(request.opened_by)},
                {"written_by", Value(request.written_by)},
                {"created_ms", Value(request.created_ms)},
                {"version", Value(request.version)},
                {"changes", EncodeEdits(request.edits)},
                {"base", Value(request.base)},
                {"touched", Value(std::move(touched))},
                {"environments", TextsOf(request.environments)},
                {"approvals", Value(std::move(approvals))},
                {"apply_at_ms", Value(request.apply_at_ms)},
                {"scheduled_by", Value(request.scheduled_by)},
                {"stale_told", Value(request.stale_told)},
                {"closed", Value(ToString(request.closed))},
                {"closed_ms", Value(request.closed_ms)},
                {"closed_by", Value(request.closed_by)},
                {"reason", Value(request.reason)}};
  return ToJson(Value(std::move(record)));
}

Result<ChangeRequest> DecodeChangeRequest(const Item& item) {
  const auto unreadable = [&] {
    return Fail(ErrorCode::kCorrupt, "the record of change request '" + item.id + "' cannot be read");
  };
  ChangeRequest request;
  const std::size_t slash = item.id.find('/');
  const Result<Value> record = ParseJson(item.value);
  if (slash == std::string::npos || !record) return unreadable();
  request.project = item.id.substr(0, slash);
  const char* const end = item.id.data() + item.id.size();
  const auto number = std::from_chars(item.id.data() + slash + 1, end, request.number);
  const auto closed = ChangeStateFromString(TextOf(*record, "closed"));
  if (number.ec != std::errc() || number.ptr != end || !closed || !ReadEdits(*record, request.edits)) {
    return unreadable();
  }
  request.title = TextOf(*record, "title");
  request.description = TextOf(*record, "description");
  request.authors = TextsIn(*record, "authors");
  request.opened_by = TextOf(*record, "opened_by");
  request.written_by = TextOf(*record, "written_by");
  request.created_ms = CountOf(*record, "created_ms");
  request.version = static_cast<std::uint32_t>(CountOf(*record, "version"));
  request.base = static_cast<Revision>(CountOf(*record, "base"));
  for (const Value& value : ListIn(*record, "touched")) {
    const std::optional<EntityRef> ref = ReadRef(value);
    if (!ref) return unreadable();
    request.touched.emplace(*ref, static_cast<Revision>(CountOf(value, "revision")));
  }
  request.environments = TextsIn(*record, "environments");
  for (const Value& value : ListIn(*record, "approvals")) {
    request.approvals.push_back({TextOf(value, "person"), TextOf(value, "principal"),
                                 static_cast<std::int64_t>(CountOf(value, "at_ms")),
                                 static_cast<std::uint32_t>(CountOf(value, "version"))});
  }
  request.apply_at_ms = CountOf(*record, "apply_at_ms");
  request.scheduled_by = TextOf(*record, "scheduled_by");
  request.stale_told = static_cast<Revision>(CountOf(*record, "stale_told"));
  request.closed = *closed;
  request.closed_ms = CountOf(*record, "closed_ms");
  request.closed_by = TextOf(*record, "closed_by");
  request.reason = TextOf(*record, "reason");
  request.revision = item.revision;
  return request;
}

std::optional<StaleEntity> StaleBy(const ChangeRequest& request, const ProjectView* project) {
  for (const auto& [ref, revision] : request.touched) {
    Revision now = 0;
    if (project != nullptr) {
      const auto held = project->revisions.find(ref);
      if (held != project->revisions.end()) now = held->second;
    }
    if (now != revision) return StaleEntity{ref, now};
  }
  return std::nullopt;
}

std::string DescribeStale(const StaleEntity& stale) {
  const std::string name = std::string(ToString(stale.ref.kind)) + " '" + stale.ref.key + "'";
  return stale.revision == 0 ? name + " was removed" : name + " changed in revision " + std::to_string(stale.revision);
}

std::uint32_t RequiredApprovals(const ChangeRequest& request, const ProjectView* project) {
  std::uint32_t required = 0;
  for (const std::string& name : request.environments) {
    const EnvironmentDefinition* held =
        project == nullptr ? nullptr : project->definitions.project.FindEnvironment(name);
    if (held != nullptr && held->is_protected) required = std::max(required, held->required_approvals);
  }
  return required;
}

ChangeState StateOf(const ChangeRequest& request, const ProjectView* project, std::size_t given) {
  if (IsClosed(request.closed)) return request.closed;
  if (StaleBy(request, project)) return ChangeState::kStale;
  if (given < RequiredApprovals(request, project)) return ChangeState::kOpen;
  return request.apply_at_ms > 0 ? ChangeState::kScheduled : ChangeState::kApproved;
}

}  // namespace guidon
