#include "server/catalog/change_requests.h"

#include <algorithm>
#include <set>

#include "core/base/json.h"
#include "core/codec/codec.h"
#include "core/codec/wire.h"
#include "core/diff/merge.h"
#include "core/model/units.h"
#include "server/catalog/comments.h"
#include "server/catalog/records.h"

namespace guidon {
namespace {

std::string NameOf(const std::string& project, std::uint64_t number) {
  return "change request " + std::to_string(number) + " of project '" + project + "'";
}

std::string NameOf(const ChangeRequest& request) {
  return NameOf(request.project, request.number);
}

std::string NameOf(const EntityRef& ref) {
  return std::string(ToString(ref.kind)) + " '" + ref.key + "'";
}

// "2 approvals"
std::string Approvals(std::size_t count) {
  return std::to_string(count) + (count == 1 ? " approval" : " approvals");
}

Error StaleError(const ChangeRequest& request, const StaleEntity& stale) {
  return {ErrorCode::kConflict,
          NameOf(request) + " is stale: " + DescribeStale(stale) + ", after it was written; rebase it",
          {}};
}

// What may go away by itself.
bool IsPassing(ErrorCode code) {
  return code == ErrorCode::kOverloaded || code == ErrorCode::kStorageFull || code == ErrorCode::kUnavailable ||
         code == ErrorCode::kIndeterminate || code == ErrorCode::kIo;
}

Status CheckTexts(const std::string& title, const std::string& description) {
  std::vector<Issue> issues;
  const auto add = [&](std::string_view name, std::size_t least, std::size_t most) {
    issues.push_back({Severity::kError, "wrong_value", Path().Key(name),
                      "expected text of " + std::to_string(least) + " to " + std::to_string(most) + " bytes", "", ""});
  };
  if (title.empty() || title.size() > kMaxTitleBytes) add("title", 1, kMaxTitleBytes);
  if (description.size() > kMaxRequestTextBytes) add("description", 0, kMaxRequestTextBytes);
  if (!issues.empty()) return Fail(InvalidError("the change request cannot be opened", std::move(issues)));
  return {};
}

void Close(ChangeRequest& request, ChangeState state, const std::string& by, std::string reason, std::int64_t now_ms) {
  request.closed = state;
  request.closed_by = by;
  request.closed_ms = now_ms;
  request.reason = std::move(reason);
}

Item ItemOf(const ChangeRequest& request) {
  Item item;
  item.space = kChangeRequestSpace;
  item.id = ItemIdOf(request.project, request.number);
  item.value = EncodeChangeRequest(request);
  item.project = request.project;
  return item;
}

}  // namespace

ChangeRequests::ChangeRequests(Catalog& catalog, ChangeRequestOptions options)
    : catalog_(catalog), options_(std::move(options)) {}

Status ChangeRequests::Load() {
  const Result<std::vector<Item>> items = catalog_.Items(kChangeRequestSpace);
  if (!items) return Fail(items.error());
  for (const Item& item : *items) {
    if (Status taken = Take(item); !taken) return taken;
  }
  return {};
}

Status ChangeRequests::Take(const Item& item) {
  if (item.space != kChangeRequestSpace) return {};
  if (item.value.empty()) {
    MutexLock lock(index_mutex_);
    std::erase_if(index_, [&](const auto& held) { return ItemIdOf(held.first.first, held.first.second) == item.id; });
    return {};
  }
  Result<ChangeRequest> request = DecodeChangeRequest(item);
  if (!request) return Fail(request.error());
  Keep(*std::move(request));
  return {};
}

void ChangeRequests::Forget(std::string_view project, Revision gone) {
  MutexLock lock(index_mutex_);
  std::erase_if(index_, [&](const auto& held) { return held.first.first == project && held.second.revision <= gone; });
}

void ChangeRequests::Keep(ChangeRequest request) {
  request.edits.clear();
  MutexLock lock(index_mutex_);
  index_.insert_or_assign({request.project, request.number}, std::move(request));
}

std::string ChangeRequests::PersonOf(std::string_view principal) const {
  return options_.person_of ? options_.person_of(principal) : std::string(principal);
}

// Asked anew for each: a key may have been rotated since.
bool ChangeRequests::IsAuthor(const ChangeRequest& request, const Author& author) const {
  const std::string person = PersonOf(author.principal);
  return std::any_of(request.authors.begin(), request.authors.end(),
                     [&](const std::string& one) { return PersonOf(one) == person; });
}

// Of who was erased nothing is kept by which they could be told, be it a hash: ids of members are guessed quickly. But
// whoever was here before the request and still is has not been erased since.
bool ChangeRequests::MayBeErasedAuthor(const ChangeRequest& request, const Author& author) const {
  if (!options_.since_of || !HasErasedAuthor(request)) return false;
  const std::optional<std::int64_t> since_ms = options_.since_of(PersonOf(author.principal));
  return since_ms && *since_ms >= request.created_ms;
}

std::shared_ptr<const ProjectView> ChangeRequests::ProjectOf(const std::string& project) const {
  const auto view = catalog_.View();
  const auto held = view->projects.find(project);
  return held == view->projects.end() ? nullptr : held->second;
}

Result<ChangeRequest> ChangeRequests::Find(const std::string& project, std::uint64_t number) const {
  const Result<std::optional<Item>> item = catalog_.FindItem(kChangeRequestSpace, ItemIdOf(project, number));
  if (!item) return Fail(item.error());
  if (!*item || ProjectOf(project) == nullptr) {
    return Fail(ErrorCode::kNotFound, "there is no " + NameOf(project, number));
  }
  return DecodeChangeRequest(**item);
}

std::vector<ChangeRequest> ChangeRequests::List(const std::string& project) const {
  std::vector<ChangeRequest> list;
  MutexLock lock(index_mutex_);
  for (auto held = index_.lower_bound({project, 0}); held != index_.end() && held->first.first == project; ++held) {
    list.push_back(held->second);
  }
  std::reverse(list.begin(), list.end());
  return list;
}

bool ChangeRequests::Counts(const ChangeRequest& request, const Approval& approval) const {
  const Permit rights =
      options_.approval_rights_of ? options_.approval_rights_of(approval.person, request.project) : Permit();
  return !rights || rights(AlterationOf(request)).has_value();
}

ChangeState ChangeRequests::StateOf(const ChangeRequest& request, const ProjectView* project) const {
  if (IsClosed(request.closed)) return request.closed;
  const auto given = std::count_if(request.approvals.begin(), request.approvals.end(),
                                   [&](const Approval& approval) { return Counts(request, approval); });
  return guidon::StateOf(request, project, static_cast<std::size_t>(given));
}

Result<Committed> ChangeRequests::Plan(const ChangeRequest& request) const {
  CommitRequest commit;
  commit.project = request.project;
  commit.edits = request.edits;
  commit.dry_run = true;
  return catalog_.Commit(commit);
}

Status ChangeRequests::SettleDoubt() {
  if (!in_doubt_) return {};
  if (Status settled = catalog_.Settle(); !settled) return settled;
  in_doubt_ = false;
  return {};
}

Result<ChangeRequest> ChangeRequests::Live(const std::string& project, std::uint64_t number) {
  if (Status settled = SettleDoubt(); !settled) return Fail(settled.error());
  Result<ChangeRequest> request = Find(project, number);
  if (!request || !IsClosed(request->closed)) return request;
  return Fail(ErrorCode::kConflict, NameOf(*request) + " is " + std::string(ToString(request->closed)) + " since " +
                                        FormatTimestamp(request->closed_ms) +
                                        (request->reason.empty() ? "" : ": " + request->reason));
}

Result<ChangeRequest> ChangeRequests::Fresh(const std::string& project, std::uint64_t number) {
  Result<ChangeRequest> request = Live(project, number);
  if (!request) return request;
  if (const auto stale = StaleBy(*request, ProjectOf(project).get())) return Fail(StaleError(*request, *stale));
  return request;
}

Alteration ChangeRequests::AlterationOf(const ChangeRequest& request) const {
  Alteration alteration;
  alteration.environments = request.environments;
  const auto project = ProjectOf(request.project);
  for (const std::string& name : request.environments) {
    const EnvironmentDefinition* held = project ? project->definitions.project.FindEnvironment(name) : nullptr;
    if (held != nullptr && held->is_protected) alteration.guarded.push_back({name, held->required_approvals});
  }
  return alteration;
}

Status ChangeRequests::Ground(ChangeRequest& request) const {
  Result<Committed> planned = Plan(request);
  if (!planned) return Fail(planned.error());
  if (planned->changes.empty()) {
    return Fail(ErrorCode::kInvalid, "there is nothing to change: the project is as these edits say");
  }
  request.base = planned->revision;
  request.environments = planned->alteration.environments;
  request.touched = planned->alteration.leaned_on;
  for (Edit& edit : request.edits) {
    const auto held = planned->project->revisions.find(edit.ref);
    request.touched[edit.ref] = held == planned->project->revisions.end() ? 0 : held->second;
    edit.condition = {};
    if (edit.action != Edit::Action::kPut) continue;
    Result<EntityRecord> record = DecodeDefinitionOf(edit.ref, edit.definition);
    if (!record) return Fail(record.error());
    edit.definition = EncodeDefinition(*record);
  }
  if (ToJson(EncodeEdits(request.edits)).size() > kMaxRequestBytes) {
    return Fail(ErrorCode::kTooLarge, "the edits take more than " + std::to_string(kMaxRequestBytes) +
                                          " bytes; open several change requests, or one for fewer definitions");
  }
  return {};
}

Status ChangeRequests::HasRoom(const std::string& project) const {
  std::size_t live = 0, of_project = 0;
  MutexLock lock(index_mutex_);
  for (const auto& [key, request] : index_) {
    if (IsClosed(request.closed)) continue;
    ++live;
    if (key.first == project) ++of_project;
  }
  const bool is_full = of_project >= kMostLiveRequestsOfProject;
  if (!is_full && live < kMostLiveRequests) return {};
  return Fail(ErrorCode::kConflict,
              (is_full ? "project '" + project + "' has " + std::to_string(of_project)
                       : "the server has " + std::to_string(live)) +
                  " change requests that are not closed, which is the most; apply, reject or withdraw some");
}

// Removes a closed request when they are too many, with its comments. Never the last of a project, which says what the
// next number is.
Result<std::vector<Item>> ChangeRequests::Oldest() const {
  std::vector<Item> gone;
  std::string id;
  {
    std::size_t closed = 0;
    std::int64_t oldest_ms = 0;
    MutexLock lock(index_mutex_);
    for (auto held = index_.begin(); held != index_.end(); ++held) {
      const auto& [key, request] = *held;
      if (!IsClosed(request.closed)) continue;
      ++closed;
      const auto next = std::next(held);
      if (next == index_.end() || next->first.first != key.first) continue;
      if (!id.empty() && request.closed_ms >= oldest_ms) continue;
      oldest_ms = request.closed_ms;
      id = ItemIdOf(key.first, key.second);
    }
    if (closed < options_.most_closed || id.empty()) return gone;
  }
  gone.emplace_back().space = kChangeRequestSpace;
  gone.back().id = id;
  gone.back().project = id.substr(0, id.find('/'));
  const std::size_t slash = id.find('/');
  const Result<std::vector<Item>> comments =
      catalog_.Items(kCommentSpace, PrefixOf({id.substr(0, slash), "change_request", id.substr(slash + 1)}));
  if (!comments) return Fail(comments.error());
  for (const Item& comment : *comments) {
    gone.emplace_back().space = comment.space;
    gone.back().id = comment.id;
    gone.back().project = gone.front().project;
  }
  return gone;
}

Result<ChangeRequest> ChangeRequests::Write(ChangeRequest request, std::string_view action, Author author,
                                            std::vector<Item> others) {
  std::vector<Item> items = {ItemOf(request)};
  items.insert(items.end(), others.begin(), others.end());
  author.change_request = std::to_string(request.number);
  Precondition as_read;
  if (request.revision > 0) as_read.if_match = request.revision;
  as_read.must_be_new = request.revision == 0;
  const Result<Committed> committed = catalog_.PutItems(items, action, author, as_read);
  in_doubt_ = !committed && committed.error().code == ErrorCode::kIndeterminate;
  if (!committed) return Fail(committed.error());
  request.revision = committed->revision;
  Keep(request);
  for (const Item& other : others) {
    if (Status taken = Take(other); !taken) return Fail(taken.error());
  }
  return request;
}

Result<ChangeRequest> ChangeRequests::Open(const NewChangeRequest& wanted, const Author& author) {
  if (Status texts = CheckTexts(wanted.title, wanted.description); !texts) return Fail(texts.error());
  MutexLock lock(changes_);
  if (in_doubt_) {
    if (Status settled = catalog_.Settle(); !settled) return Fail(settled.error());
    in_doubt_ = false;
  }
  if (Status room = HasRoom(wanted.project); !room) return Fail(room.error());
  ChangeRequest request;
  request.project = wanted.project;
  request.title = wanted.title;
  request.description = wanted.description;
  request.edits = wanted.edits;
  request.authors = {PersonOf(author.principal)};
  request.opened_by = author.principal;
  request.written_by = author.principal;
  request.created_ms = options_.now_ms();
  if (Status grounded = Ground(request); !grounded) return Fail(grounded.error());
  if (wanted.apply_at_ms != 0) {
    if (Status allowed = wanted.rights ? wanted.rights(AlterationOf(request)) : Status(); !allowed) {
      return Fail(allowed.error());
    }
    if (Status timed = CheckTime(wanted.apply_at_ms); !timed) return Fail(timed.error());
    request.apply_at_ms = wanted.apply_at_ms;
    request.scheduled_by = author.principal;
  }
  const std::vector<ChangeRequest> held = List(wanted.project);
  request.number = held.empty() ? 1 : held.front().number + 1;
  Result<std::vector<Item>> oldest = Oldest();
  if (!oldest) return Fail(oldest.error());
  Author noted = author;
  if (noted.comment.empty()) noted.comment = request.title;
  return Write(std::move(request), "change_request.open", noted, *std::move(oldest));
}

Status ChangeRequests::CheckTime(std::int64_t apply_at_ms) const {
  const std::int64_t now_ms = options_.now_ms();
  if (apply_at_ms > now_ms && apply_at_ms <= now_ms + kFarthestMs) return {};
  return Fail(InvalidError(
      "the change request cannot be scheduled",
      {{Severity::kError, "wrong_value", Path().Key("apply_at"),
        FormatTimestamp(apply_at_ms) + (apply_at_ms <= now_ms ? " has passed" : " is more than a year ahead"), "",
        ""}}));
}

Result<ChangeRequest> ChangeRequests::Change(const std::string& project, std::uint64_t number,
                                             const ChangeRequestEdit& edit, const Author& author) {
  MutexLock lock(changes_);
  Result<ChangeRequest> request = Live(project, number);
  if (!request) return request;
  if (!IsAuthor(*request, author)) {
    return Fail(ErrorCode::kPermissionDenied, NameOf(*request) + " is not yours; comment on it, or open another one");
  }
  if (edit.title) request->title = *edit.title;
  if (edit.description) request->description = *edit.description;
  if (Status texts = CheckTexts(request->title, request->description); !texts) return Fail(texts.error());
  if (edit.edits) {
    request->edits = *edit.edits;
    if (Status grounded = Ground(*request); !grounded) return Fail(grounded.error());
    ++request->version;
    request->written_by = author.principal;
    request->approvals.clear();
    request->stale_told = 0;
  }
  return Write(*std::move(request), "change_request.change", author);
}

Result<ChangeRequest> ChangeRequests::Approve(const std::string& project, std::uint64_t number, std::uint32_t version,
                                              const Author& author, const Permit& rights) {
  MutexLock lock(changes_);
  Result<ChangeRequest> request = Fresh(project, number);
  if (!request) return request;
  if (Status allowed = rights ? rights(AlterationOf(*request)) : Status(); !allowed) return Fail(allowed.error());
  if (IsAuthor(*request, author)) {
    return Fail(ErrorCode::kPermissionDenied,
                NameOf(*request) + " is your own; somebody else has to approve it, whatever key you use");
  }
  if (MayBeErasedAuthor(*request, author)) {
    return Fail(
        ErrorCode::kPermissionDenied,
        NameOf(*request) +
            " has an author who was erased, and you came after it was opened, so it may be your own; somebody " +
            "who was here before has to approve it, or open another one");
  }
  if (version != request->version) {
    return Fail(ErrorCode::kStale, NameOf(*request) + " is at version " + std::to_string(request->version) + ", not " +
                                       std::to_string(version) + " any more; look at it again");
  }
  const std::string person = PersonOf(author.principal);
  for (const Approval& approval : request->approvals) {
    if (PersonOf(approval.person) == person) return request;
  }
  request->approvals.push_back({person, author.principal, options_.now_ms(), version});
  return Write(*std::move(request), "change_request.approve", author);
}

Result<ChangeRequest> ChangeRequests::Reject(const std::string& project, std::uint64_t number,
                                             const std::string& reason, const Author& author, const Permit& rights) {
  MutexLock lock(changes_);
  Result<ChangeRequest> request = Live(project, number);
  if (!request) return request;
  if (Status allowed = rights ? rights(AlterationOf(*request)) : Status(); !allowed) return Fail(allowed.error());
  Close(*request, ChangeState::kRejected, author.principal, reason, options_.now_ms());
  Author noted = author;
  noted.comment = reason;
  return Write(*std::move(request), "change_request.reject", noted);
}

Result<ChangeRequest> ChangeRequests::Withdraw(const std::string& project, std::uint64_t number, const Author& author,
                                               bool manages) {
  MutexLock lock(changes_);
  Result<ChangeRequest> request = Live(project, number);
  if (!request) return request;
  if (!manages && !IsAuthor(*request, author)) {
    return Fail(ErrorCode::kPermissionDenied,
                NameOf(*request) + " is not yours to withdraw; who may approve it can reject it");
  }
  Close(*request, ChangeState::kWithdrawn, author.principal, "", options_.now_ms());
  return Write(*std::move(request), "change_request.withdraw", author);
}

namespace {

// One edit, brought from what it was written against to what is there now.
Result<Edit> Rebased(const Catalog& catalog, const ChangeRequest& request, Edit edit, const ProjectView& now) {
  const Revision then = request.touched.at(edit.ref);
  const auto held = now.definitions.entities.Find(edit.ref);
  const auto revision = now.revisions.find(edit.ref);
  if ((revision == now.revisions.end() ? 0 : revision->second) == then) return edit;
  if (!held && edit.action != Edit::Action::kPut) {
    return Fail(ErrorCode::kConflict, NameOf(edit.ref) + " was removed; change the request, or withdraw it");
  }
  if (!held || edit.action != Edit::Action::kPut) return edit;
  std::optional<Value> base;
  if (then > 0) {
    const Result<EntityVersion> old = catalog.EntityAt(request.project, edit.ref, then);
    if (!old) return Fail(old.error());
    base = EncodeDefinition(old->record);
  }
  Merged merged = MergeValues(base, EncodeDefinition(*held), edit.definition);
  if (!merged.conflicts.empty()) {
    return Fail(ErrorCode::kConflict, NameOf(edit.ref) + " was changed in revision " +
                                          std::to_string(revision->second) + " where the request changes it, too (" +
                                          merged.conflicts.front().path.ToText() + "); change the request");
  }
  if (merged.value) edit.definition = *std::move(merged.value);
  return edit;
}

}  // namespace

Result<ChangeRequest> ChangeRequests::Rebase(const std::string& project, std::uint64_t number, const Author& author,
                                             const Permit& rights) {
  MutexLock lock(changes_);
  Result<ChangeRequest> request = Live(project, number);
  if (!request) return request;
  const auto allows = [&](const ChangeRequest& one) {
    return rights && !IsAuthor(*request, author) ? rights(AlterationOf(one)) : Status();
  };
  if (Status allowed = allows(*request); !allowed) return Fail(allowed.error());
  const auto now = ProjectOf(project);
  if (!now) return Fail(ErrorCode::kNotFound, "there is no project '" + project + "'");
  const bool was_stale = StaleBy(*request, now.get()).has_value();
  ChangeRequest next = *request;
  for (Edit& edit : next.edits) {
    Result<Edit> rebased = Rebased(catalog_, *request, edit, *now);
    if (!rebased) return Fail(rebased.error());
    edit = *std::move(rebased);
  }
  if (Status grounded = Ground(next); !grounded) return Fail(grounded.error());
  if (Status allowed = allows(next); !allowed) return Fail(allowed.error());
  for (const auto& [ref, revision] : next.touched) {
    const auto held = now->revisions.find(ref);
    if (revision == (held == now->revisions.end() ? 0 : held->second)) continue;
    return Fail(ErrorCode::kConflict, NameOf(ref) + " has just changed once more; rebase again");
  }
  const bool leans_on_more = std::any_of(next.touched.begin(), next.touched.end(),
                                         [&](const auto& one) { return !request->touched.contains(one.first); });
  if (!was_stale && !leans_on_more && next.environments == request->environments) return request;
  ++next.version;
  next.written_by = author.principal;
  next.approvals.clear();
  next.stale_told = 0;
  if (!IsAuthor(next, author)) next.authors.push_back(PersonOf(author.principal));
  return Write(std::move(next), "change_request.rebase", author);
}

Result<ChangeRequest> ChangeRequests::Schedule(const std::string& project, std::uint64_t number,
                                               std::int64_t apply_at_ms, const Author& author, const Permit& rights) {
  MutexLock lock(changes_);
  Result<ChangeRequest> request = Live(project, number);
  if (!request) return request;
  if (Status allowed = rights ? rights(AlterationOf(*request)) : Status(); !allowed) return Fail(allowed.error());
  if (apply_at_ms != 0) {
    if (Status timed = CheckTime(apply_at_ms); !timed) return Fail(timed.error());
  }
  request->apply_at_ms = apply_at_ms;
  request->scheduled_by = apply_at_ms == 0 ? std::string() : author.principal;
  Author noted = author;
  noted.comment = apply_at_ms == 0 ? "at no time" : "at " + FormatTimestamp(apply_at_ms);
  return Write(*std::move(request), "change_request.schedule", noted);
}

Result<ChangeRequest> ChangeRequests::Apply(const std::string& project, std::uint64_t number, const Author& author,
                                            const Permit& rights) {
  MutexLock lock(changes_);
  Result<ChangeRequest> request = Fresh(project, number);
  if (!request) return request;
  return ApplyLocked(*std::move(request), author, rights);
}

Result<ChangeRequest> ChangeRequests::ApplyLocked(ChangeRequest request, Author author, const Permit& rights) {
  for (const Approval& approval : request.approvals) {
    if (Counts(request, approval)) author.approved_by.push_back(approval.person);
  }
  const std::size_t given = author.approved_by.size();
  const std::uint32_t required = RequiredApprovals(request, ProjectOf(request.project).get());
  // What has its approvals is no emergency, whatever is said.
  if (given >= required) author.emergency.clear();
  const bool is_emergency = !author.emergency.empty();
  CommitRequest commit;
  commit.project = request.project;
  commit.edits = request.edits;
  for (Edit& edit : commit.edits) {
    const Revision revision = request.touched.at(edit.ref);
    if (revision > 0) edit.condition.if_match = revision;
    edit.condition.must_be_new = revision == 0;
  }
  commit.permit = [&](const Alteration& alteration) -> Status {
    for (const std::string& name : alteration.environments) {
      const auto& known = request.environments;
      if (std::find(known.begin(), known.end(), name) != known.end()) continue;
      return Fail(ErrorCode::kConflict, NameOf(request) + " would alter '" + name +
                                            "', too, since other definitions have changed; rebase it");
    }
    for (const auto& [ref, revision] : alteration.leaned_on) {
      const auto seen = request.touched.find(ref);
      if (seen != request.touched.end() && seen->second == revision) continue;
      return Fail(ErrorCode::kConflict, NameOf(request) + " would bring " + NameOf(ref) + " of revision " +
                                            std::to_string(revision) +
                                            " into use, which nobody has looked at; rebase it");
    }
    if (Status allowed = rights ? rights(alteration) : Status(); !allowed) return allowed;
    for (const ProtectedEnvironment& environment : alteration.guarded) {
      if (is_emergency || given >= environment.required_approvals) continue;
      const bool all_count = given == request.approvals.size();
      return Fail(ChangeRequestRequired(
          NameOf(request) + " has " + Approvals(given) + (all_count ? "" : " of people who may still approve it") +
          ", and '" + environment.name + "' takes " + std::to_string(environment.required_approvals)));
    }
    return {};
  };
  Close(request, ChangeState::kApplied, author.principal, author.emergency, options_.now_ms());
  commit.items = {ItemOf(request)};
  commit.action = "change_request.apply";
  author.change_request = std::to_string(request.number);
  author.requested_by = request.authors;
  if (author.comment.empty()) author.comment = request.title;
  commit.author = std::move(author);
  const Result<Committed> committed = catalog_.Commit(commit);
  in_doubt_ = !committed && committed.error().code == ErrorCode::kIndeterminate;
  if (!committed) return Fail(committed.error());
  request.revision = committed->revision;
  Keep(request);
  return request;
}

// ---- What must not be kept ---------------------------------------------------------------------------------------

Result<std::size_t> ChangeRequests::Rewrite(const ItemRewriter& rewrite, std::string_view action,
                                            const Author& author) {
  const Result<std::vector<Item>> items = catalog_.Items(kChangeRequestSpace);
  if (!items) return Fail(items.error());
  std::size_t count = 0;
  for (const Item& item : *items) {
    if (!rewrite(item)) continue;  // most, without holding up a step
    const Result<bool> rewritten = RewriteOne(item.id, rewrite, action, author);
    if (!rewritten) return Fail(rewritten.error());
    count += *rewritten ? 1 : 0;
  }
  return count;
}

// As it is by now.
Result<bool> ChangeRequests::RewriteOne(const std::string& id, const ItemRewriter& rewrite, std::string_view action,
                                        const Author& author) {
  MutexLock lock(changes_);
  if (Status settled = SettleDoubt(); !settled) return Fail(settled.error());
  Result<std::optional<Item>> held = catalog_.FindItem(kChangeRequestSpace, id);
  if (!held) return Fail(held.error());
  std::optional<std::string> value = *held ? rewrite(**held) : std::nullopt;
  if (!value) return false;
  Item item = *std::move(*held);
  item.project = id.substr(0, id.find('/'));
  item.value = *std::move(value);
  // What nobody could read any more is not written.
  if (const Result<ChangeRequest> readable = DecodeChangeRequest(item); !readable) return Fail(readable.error());
  const Result<Committed> committed = catalog_.PutItem(item, action, author, Precondition{item.revision, false, false});
  in_doubt_ = !committed && committed.error().code == ErrorCode::kIndeterminate;
  if (!committed && committed.error().code == ErrorCode::kStale) return false;  // gone, with its project
  if (!committed) return Fail(committed.error());
  item.revision = committed->revision;
  if (Status taken = Take(item); !taken) return Fail(taken.error());
  return true;
}

// ---- The server's part -------------------------------------------------------------------------------------------

void ChangeRequests::Look() {
  const std::int64_t now_ms = options_.now_ms();
  const auto view = catalog_.View();
  std::vector<std::pair<std::string, std::uint64_t>> due, stale;
  {
    MutexLock lock(index_mutex_);
    for (const auto& [key, request] : index_) {
      if (IsClosed(request.closed)) continue;
      if (request.apply_at_ms > 0 && request.apply_at_ms <= now_ms) {
        due.push_back(key);
      } else if (request.stale_told == 0 && StaleBy(request, view->FindProject(key.first))) {
        stale.push_back(key);
      }
    }
  }
  for (const auto& [project, number] : due) ApplyDue(project, number, now_ms);
  for (const auto& [project, number] : stale) TellStale(project, number);
}

void ChangeRequests::ApplyDue(const std::string& project, std::uint64_t number, std::int64_t now_ms) {
  MutexLock lock(changes_);
  Result<ChangeRequest> request = Live(project, number);
  // Closed or put off in the meantime.
  if (!request || request->apply_at_ms == 0 || request->apply_at_ms > now_ms) return;
  const std::string due = FormatTimestamp(request->apply_at_ms);
  Author author;
  author.principal = "system";
  author.comment = "scheduled for " + due + " by " + request->scheduled_by + ": " + request->title;
  Error error;
  const auto stale = StaleBy(*request, ProjectOf(project).get());
  if (now_ms - request->apply_at_ms > kMostLateMs) {
    error.message = "missed: the server could not apply it within an hour of " + due;
  } else if (stale) {
    error = StaleError(*request, *stale);
  } else {
    const ChangeRequest before = *request;
    Result<ChangeRequest> applied = ApplyLocked(before, author, [&](const Alteration& alteration) -> Status {
      if (!options_.rights_of) return {};
      // A version is made by any of its authors, and what they wrote before may still be in it.
      std::set<std::string> principals(before.authors.begin(), before.authors.end());
      principals.insert({before.scheduled_by, before.opened_by, before.written_by});
      for (const std::string& principal : principals) {
        if (principal.empty()) continue;
        const Permit rights = options_.rights_of(principal, project);
        if (Status allowed = rights ? rights(alteration) : Status(); !allowed) {
          return Fail(ErrorCode::kPermissionDenied,
                      principal + " may not do this any more: " + allowed.error().message);
        }
      }
      return {};
    });
    if (applied) {
      if (options_.report) options_.report(*applied, "applied as revision " + std::to_string(applied->revision));
      return;
    }
    error = applied.error();
    if (IsPassing(error.code)) {
      if (waiting_.insert({project, number}).second && options_.report) {
        options_.report(before, "cannot be applied yet: " + error.message);
      }
      return;
    }
  }
  Close(*request, ChangeState::kFailed, "system", error.message, now_ms);
  author.comment = error.message;
  const Result<ChangeRequest> failed = Write(*request, "change_request.fail", author);
  if (options_.report) {
    options_.report(*request, failed ? "failed: " + error.message : "cannot be noted: " + failed.error().message);
  }
}

void ChangeRequests::TellStale(const std::string& project, std::uint64_t number) {
  MutexLock lock(changes_);
  Result<ChangeRequest> request = Live(project, number);
  if (!request || request->stale_told != 0) return;
  const auto stale = StaleBy(*request, ProjectOf(project).get());
  if (!stale) return;
  request->stale_told = std::max<Revision>(stale->revision, 1);
  Author author;
  author.principal = "system";
  author.comment = DescribeStale(*stale);
  // What cannot be told now is found again at the next look.
  const Result<ChangeRequest> told = Write(*request, "change_request.stale", author);
  if (!told && options_.report) options_.report(*request, "cannot be noted as stale: " + told.error().message);
}

}  // namespace guidon
