#include "server/privacy/privacy.h"

#include <algorithm>
#include <set>
#include <utility>

#include "audit/hex.h"
#include "core/base/json.h"
#include "core/codec/codec.h"
#include "core/model/names.h"
#include "server/auth/members.h"
#include "server/catalog/records.h"
#include "server/ingest/fold.h"
#include "server/privacy/erasure.h"
#include "server/privacy/export.h"
#include "server/privacy/findings.h"
#include "server/privacy/member_names.h"
#include "server/privacy/places.h"
#include "server/store/random.h"
#include "server/store/system_clock.h"

namespace guidon {
namespace {

constexpr std::size_t kMostNamesKept = 8;  // of members who are being exported
constexpr std::size_t kTagBytes = 16;      // of a cursor, hex digits
constexpr int kMostAttempts = 5;           // at changing definitions that others change meanwhile

// What a cursor begins with: whose export it is of.
std::string TagOf(const UnitRequest& request) {
  const bool is_member = !request.member.empty();
  const Value what = is_member ? Value(Array{Value("member"), Value(request.member)})
                               : Value(Array{Value("unit"), Value(request.project), Value(request.unit.attribute),
                                             Value(request.unit.id), Value(request.unit.mentions)});
  return ToHex(Sha256(ToJson(what))).substr(0, kTagBytes);
}

Result<ExportPlace> ReadCursor(std::string_view cursor, const UnitRequest& request) {
  if (cursor.empty()) return ExportPlace();
  const std::string_view tag = cursor.substr(0, kTagBytes);
  const bool has_tag = tag.size() == kTagBytes && FromHex(tag) && cursor.substr(kTagBytes).starts_with(' ');
  const std::string_view rest = has_tag ? cursor.substr(kTagBytes + 1) : "";
  std::optional<ExportPlace> place = rest.empty() ? std::nullopt : ReadExportPlace(rest);
  if (!place) {
    return Fail(ErrorCode::kInvalid, "cursor: expected `next` of an answer, or nothing for the first page");
  }
  if (tag != TagOf(request)) {
    return Fail(ErrorCode::kInvalid,
                "cursor: it is of another export; send it with the unit, attribute, project and mentions, or the "
                "member, that it came from, or leave it out to begin with the first page");
  }
  return *std::move(place);
}

}  // namespace

std::string_view ToString(ErasureState::Phase phase) {
  switch (phase) {
    case ErasureState::Phase::kRunning:
      return "running";
    case ErasureState::Phase::kDone:
      return "done";
    case ErasureState::Phase::kFailed:
      return "failed";
  }
  return "";
}

// ---- One erasure -------------------------------------------------------------------------------------------------

class Privacy::Erasure : private ErasureSteps {
 public:
  Erasure(const Parts& parts, const UnitRequest& request, const Author& author, ErasureState& state,
          std::function<bool()> stop)
      : ErasureSteps(parts, author, state, std::move(stop)),
        project_(request.project),
        traces_(request.unit, Placeholder()) {}

  Status Run() {
    if (!state_.dry_run) {
      if (Status noted = NoteBegun(project_); !noted) return noted;
    }
    for (const auto step : {&Erasure::ChangeDefinitions, &Erasure::ChangeNotes, &Erasure::RewriteVersions,
                            &Erasure::RewriteEvents, &Erasure::EraseFacts, &Erasure::FindAuditEntries}) {
      if (stop_()) return Stopped();
      if (Status done = (this->*step)(); !done) return done;
    }
    if (!state_.dry_run) {
      if (Status noted = NoteErased(project_, Counts(), std::move(redact_)); !noted) return noted;
      parts_.feed.ForgetChanges();
      if (Status purged = parts_.store.Purge(stop_); !purged) return purged;
      if (Status looked = LookForRemains(); !looked) return looked;
      CountProcesses();
    }
    ListBackups();
    return {};
  }

 private:
  std::string Counts() const {
    const ErasureCounts& counts = state_.counts;
    return "definitions: " + std::to_string(counts.definitions) +
           ", requests and comments: " + std::to_string(counts.notes) +
           ", past versions: " + std::to_string(counts.past_versions) + ", events: " + std::to_string(counts.events) +
           ", mentions in events: " + std::to_string(counts.mentions) +
           ", facts of analysis: " + std::to_string(counts.facts) +
           ", audit entries: " + std::to_string(counts.audit_entries);
  }

  // ---- What is current ----

  Status ChangeDefinitions() {
    const std::shared_ptr<const CatalogView> view = parts_.catalog.View();
    for (const auto& [project, unused] : view->projects) {
      if (!IsIn(project_, project)) continue;
      for (int attempt = 1;; ++attempt) {
        Status changed = ChangeProject(project);
        if (changed) break;
        if (changed.error().code != ErrorCode::kStale || attempt == kMostAttempts) return changed;
      }
    }
    return {};
  }

  Status ChangeProject(const std::string& project) {
    const std::shared_ptr<const CatalogView> view = parts_.catalog.View();
    const ProjectView* held = view->FindProject(project);
    if (held == nullptr) return {};
    CommitRequest request;
    request.project = project;
    request.author = author_;
    request.action = "privacy.erase";
    ErasureChange change{project, 0, {}, {}};
    for (const auto& [ref, revision] : held->revisions) {
      const std::optional<EntityRecord> record = held->definitions.entities.Find(ref);
      if (!record) continue;
      Value definition = EncodeDefinition(*record);
      if (traces_.EraseFromDefinition(definition, UnitTraces::Mode::kRemove) == 0) continue;
      request.edits.push_back({ref, Edit::Action::kPut, std::move(definition), Precondition{revision, false, false}});
      change.definitions.push_back(ref.ToText());
    }
    if (request.edits.empty()) return {};
    std::set<std::string> environments;
    request.permit = [&](const Alteration& alteration) {
      environments.insert(alteration.environments.begin(), alteration.environments.end());
      return Status();
    };
    request.dry_run = state_.dry_run;
    const Result<Committed> done = parts_.catalog.Commit(request);
    if (!done) {
      Error error = done.error();
      error.message = "the unit cannot be taken out of project '" + project + "': " + error.message;
      return Fail(std::move(error));
    }
    for (const PlannedChange& planned : done->changes) {  // of a dry run, which asks for no permit
      environments.insert(planned.environments.begin(), planned.environments.end());
    }
    change.revision = state_.dry_run ? 0 : done->revision;
    change.environments.assign(environments.begin(), environments.end());
    state_.counts.definitions += change.definitions.size();
    if (state_.dry_run) state_.counts.past_versions += change.definitions.size();  // which these would be then
    state_.changes.push_back(std::move(change));
    return {};
  }

  // What change requests would change, and what people say of them and of flags. Approvals stay: the placeholder is a
  // unit that nobody is.
  Status ChangeNotes() {
    if (Status changed = ChangeRequestItems(); !changed) return changed;
    return ChangeItems(kCommentSpace);
  }

  Status ChangeRequestItems() {
    if (state_.dry_run || !parts_.rewrite_requests) return ChangeItems(kChangeRequestSpace);
    const auto without = [this](const Item& item) { return stop_() ? std::nullopt : NoteWithout(item); };
    const Result<std::size_t> changed = parts_.rewrite_requests(without, "privacy.erase", author_);
    if (!changed) return Fail(changed.error());
    state_.counts.notes += *changed;
    return stop_() ? Stopped() : Status();
  }

  // Of those that nobody keeps in memory.
  Status ChangeItems(std::string_view space) {
    const Result<std::vector<Item>> items = parts_.catalog.Items(space);
    if (!items) return Fail(items.error());
    for (const Item& item : *items) {
      if (stop_()) return Stopped();
      if (Status changed = ChangeNote(item); !changed) return changed;
    }
    return {};
  }

  static std::string ProjectOfNote(const Item& item) { return item.id.substr(0, item.id.find('/')); }

  std::optional<std::string> NoteWithout(const Item& item) const {
    if (!IsIn(project_, ProjectOfNote(item))) return std::nullopt;
    Result<Value> value = ParseJson(item.value);
    if (!value || traces_.EraseFromDefinition(*value, UnitTraces::Mode::kReplace) == 0) return std::nullopt;
    return ToJson(*value);
  }

  Status ChangeNote(Item item) {
    std::optional<std::string> value = NoteWithout(item);
    if (!value) return {};
    if (state_.dry_run) {
      ++state_.counts.notes;
      ++state_.counts.past_versions;  // which it would be then
      return {};
    }
    item.project = ProjectOfNote(item);
    item.value = *std::move(value);
    const Result<Committed> done =
        parts_.catalog.PutItem(item, "privacy.erase", author_, Precondition{item.revision, false, false});
    // Somebody was quicker: what they left is looked at with all that remains.
    if (!done) return done.error().code == ErrorCode::kStale ? Status() : Fail(done.error());
    ++state_.counts.notes;
    return {};
  }

  // ---- What was, and what happened ----

  Status RewriteVersions() {
    return Rewrite(KeySpace::kVersioned, [this](const KeyValue& stored, bool is_newest) {
      std::optional<std::string> value = VersionWithout(stored, is_newest);
      state_.counts.past_versions += value ? 1 : 0;
      return value;
    });
  }

  // What is current belongs to who keeps it, and would come back from their memory; but for what was last applied.
  std::optional<std::string> VersionWithout(const KeyValue& stored, bool is_newest) const {
    const StoreKey key = ParseStoreKey(stored.key);
    if (key.kind == StoreKey::Kind::kOther || (is_newest && !IsApplied(key))) return std::nullopt;
    if (!IsIn(project_, ProjectOf(stored.key, key))) return std::nullopt;
    Result<Value> value = ParseJson(stored.value);
    if (!value) return std::nullopt;
    const auto mode = is_newest ? UnitTraces::Mode::kRemove : UnitTraces::Mode::kReplace;
    if (traces_.EraseFromDefinition(*value, mode) == 0) return std::nullopt;
    return ToJson(*value);
  }

  Status RewriteEvents() {
    parts_.exposures.Flush();  // what was read before is in the journal then
    return Rewrite(KeySpace::kPlain, [this](const KeyValue& stored, bool) -> std::optional<std::string> {
      const std::optional<EntryPlace> place = EntryPlaceOf(stored.key);
      if (!place || !IsIn(project_, place->project)) return std::nullopt;
      std::optional<UnitTraces::ErasedEntry> erased = traces_.EraseFromEntry(stored.value);
      if (!erased) return std::nullopt;
      state_.counts.events += erased->events;
      state_.counts.mentions += erased->mentions;
      return std::move(erased->text);
    });
  }

  // After the journal, so that none of its events comes in again.
  Status EraseFacts() {
    if (parts_.fold == nullptr) return {};
    const UnitName& unit = traces_.unit();
    if (state_.dry_run) {
      const Result<std::vector<UnitFacts>> found = parts_.fold->FindUnit(project_, unit.attribute, unit.id);
      if (!found) return Fail(found.error());
      state_.counts.facts = found->size();
      return {};
    }
    const Result<std::size_t> erased = parts_.fold->EraseUnit(project_, unit.attribute, unit.id);
    if (!erased) return Fail(erased.error());
    state_.counts.facts = *erased;
    return {};
  }

  Status FindAuditEntries() {
    Status looked = ForEachLink(parts_.store, 1, [this](const RevisionEntry& link) -> Status {
      if (stop_()) return Stopped();
      const AuditEntry entry = DecodeAudit(link);
      if (IsIn(project_, entry.project) && Names(traces_, entry)) redact_.push_back(link.revision);
      return {};
    });
    state_.counts.audit_entries = redact_.size();
    return looked;
  }

  // ---- What is left ----

  // Of the project, if one was asked for. Mentions that were to be left are none.
  Status LookForRemains() {
    const bool mentions = traces_.unit().mentions;
    const Viewer look = [this, mentions](const KeyValue& stored, bool is_newest) {
      if (!IsIn(project_, ProjectOf(stored.key, ParseStoreKey(stored.key)))) return;
      if (mentions && traces_.IsIn(stored.key)) Remains("the name of " + PlaceOf(stored, is_newest));
      if (mentions ? traces_.IsIn(stored.value) : IsPlacedIn(stored)) Remains(PlaceOf(stored, is_newest));
    };
    for (const KeySpace space : {KeySpace::kVersioned, KeySpace::kPlain}) {
      if (Status looked = parts_.store.Scan(space, look, stop_); !looked) return looked;
    }
    if (!mentions) return {};  // there is nothing else in the audit log
    return ForEachLink(parts_.store, 1, [this](const RevisionEntry& link) -> Status {
      if (stop_()) return Stopped();
      if (!project_.empty() && DecodeAudit(link).project != project_) return {};
      if (traces_.IsIn(link.audit.bytes) || traces_.IsIn(link.log.bytes)) {
        Remains("the audit entry of revision " + std::to_string(link.revision));
      }
      return {};
    });
  }

  // Whether it is where units are.
  bool IsPlacedIn(const KeyValue& stored) const {
    if (EntryPlaceOf(stored.key)) return traces_.EraseFromEntry(stored.value).has_value();
    if (ParseStoreKey(stored.key).kind == StoreKey::Kind::kOther) return false;
    Result<Value> value = ParseJson(stored.value);
    return value && traces_.EraseFromDefinition(*value, UnitTraces::Mode::kReplace) > 0;
  }

  void CountProcesses() {
    for (ErasureChange& change : state_.changes) {
      for (const std::string& environment : change.environments) {
        const Propagation told =
            parts_.processes.HowFar(change.project, environment, {parts_.feed.epoch(), change.revision});
        change.processes += told.live;
        change.holding += told.holding;
      }
    }
  }

  const std::string project_;
  const UnitTraces traces_;
  std::vector<Revision> redact_;
};

// ---- Erasing -----------------------------------------------------------------------------------------------------

Privacy::Privacy(Parts parts, PrivacyOptions options)
    : parts_(parts), options_([&] {
        if (!options.clock) options.clock = SystemNow;
        return std::move(options);
      }()) {}

Privacy::~Privacy() {
  std::thread thread;
  {
    MutexLock lock(mutex_);
    stopping_ = true;
    thread.swap(thread_);
  }
  if (thread.joinable()) thread.join();
}

Status Privacy::Check(const UnitRequest& request) const {
  if (!request.member.empty()) {
    if (IsKey(request.member)) return {};
    return Fail(ErrorCode::kInvalid, "'" + request.member + "' cannot be the id of a member");
  }
  const std::string& id = request.unit.id;
  if (id.empty() || id.size() > kMaxUnitBytes) {
    return Fail(ErrorCode::kInvalid, "a unit is text of 1 to " + std::to_string(kMaxUnitBytes) + " bytes");
  }
  if (request.unit.attribute.empty() || request.unit.attribute.size() > kMaxUnitBytes) {
    return Fail(ErrorCode::kInvalid, "the attribute of a unit is text, such as key or account_id");
  }
  if (!request.project.empty() && parts_.catalog.View()->FindProject(request.project) == nullptr) {
    return Fail(ErrorCode::kNotFound, "there is no project '" + request.project + "'");
  }
  return {};
}

// They would come back from memory, and be written down with their next request.
Status Privacy::IsGone(const std::string& member) const {
  const Result<std::optional<Item>> held = parts_.catalog.FindItem(kMemberSpace, member);
  if (!held) return Fail(held.error());
  if (!*held) return {};
  return Fail(ErrorCode::kConflict,
              "'" + member + "' is still a member; remove them first, which ends their keys and " +
                  "sessions: guidon member remove " + member + ", or DELETE /api/v1/members/" + member);
}

Result<ErasureState> Privacy::Start(const UnitRequest& request, const Author& author) {
  if (Status fine = Check(request); !fine) return Fail(fine.error());
  if (!request.member.empty() && !request.dry_run) {
    if (Status gone = IsGone(request.member); !gone) return Fail(gone.error());
  }
  if (const Result<std::vector<BackupState>> backups = parts_.backups.List()) {
    for (const BackupState& backup : *backups) {
      if (backup.phase != BackupState::Phase::kRunning) continue;
      return Fail(ErrorCode::kConflict, "the backup '" + backup.name + "' is being made; erase when it is done");
    }
  }
  if (Status healthy = parts_.store.Health(); !healthy) return Fail(healthy.error());
  MutexLock lock(mutex_);
  if (last_ && last_->phase == ErasureState::Phase::kRunning) {
    return Fail(ErrorCode::kConflict, "another erasure is under way; one at a time");
  }
  if (stopping_) return Fail(ErrorCode::kUnavailable, "the server is stopping");
  if (thread_.joinable()) thread_.join();  // it has said how it ended, and has nothing left to do
  names_.clear();
  ++erasures_;
  last_ = ErasureState();
  last_->id = NewEpoch();
  last_->dry_run = request.dry_run;
  if (request.member.empty()) last_->project = request.project;
  last_->begun = options_.clock();
  thread_ = std::thread([this, request, author, state = *last_] { Run(request, author, state); });
  return *last_;
}

void Privacy::Run(const UnitRequest& request, const Author& author, ErasureState state) {
  const auto stop = [this] {
    MutexLock lock(mutex_);
    return stopping_;
  };
  const Status done = request.member.empty() ? Erasure(parts_, request, author, state, stop).Run()
                                             : EraseMember(parts_, request.member, author, state, stop);
  state.phase = done ? ErasureState::Phase::kDone : ErasureState::Phase::kFailed;
  if (!done) state.error = done.error();
  state.ended = options_.clock();
  if (options_.on_done) options_.on_done(state);
  MutexLock lock(mutex_);
  last_ = std::move(state);
}

Result<ErasureState> Privacy::Find(std::string_view id) const {
  MutexLock lock(mutex_);
  if (last_ && last_->id == id) return *last_;
  return Fail(ErrorCode::kNotFound, "no erasure '" + std::string(id) +
                                        "' was begun last by this server; one that a restart cut off is begun again");
}

// ---- Exporting ---------------------------------------------------------------------------------------------------

Result<UnitPage> Privacy::Export(const UnitRequest& request, std::string_view cursor, std::size_t limit) const {
  if (Status fine = Check(request); !fine) return Fail(fine.error());
  const Result<ExportPlace> place = ReadCursor(cursor, request);
  if (!place) return Fail(place.error());
  {
    MutexLock lock(mutex_);
    if (last_ && last_->phase == ErasureState::Phase::kRunning) {
      return Fail(ErrorCode::kConflict, "an erasure is under way; ask again when it is done");
    }
  }
  ExportFindings findings;
  if (request.member.empty()) {
    findings = FindingsOfUnit(request.unit, request.project);
  } else {
    Result<HeldNames> names = NamesOf(request.member, cursor.empty());
    if (!names) return Fail(names.error());
    findings = FindingsOfMember(*std::move(names));
  }
  const ExportBounds bounds{std::clamp<std::size_t>(limit, 1, kMostFindings), options_.stopping};
  Result<UnitPage> page = ReadExportPage(parts_.store, parts_.journal, findings, *place, bounds);
  if (!page) return page;
  if (request.member.empty() && cursor.empty()) {
    if (Status added = AddFacts(request, *page); !added) return Fail(added.error());
  }
  if (page->next) {
    page->next = TagOf(request) + " " + *page->next;
  } else {
    MutexLock lock(mutex_);
    names_.erase(request.member);
  }
  return page;
}

Result<Privacy::HeldNames> Privacy::NamesOf(const std::string& member, bool is_first_page) const {
  std::uint64_t erasures = 0;
  {
    MutexLock lock(mutex_);
    const auto held = names_.find(member);
    if (!is_first_page && held != names_.end()) return held->second;
    erasures = erasures_;
  }
  Result<MemberNames> read = MemberNames::Read(parts_.store, member, std::string(kPlaceholder), options_.stopping);
  if (!read) return Fail(read.error());
  HeldNames names = std::make_shared<const MemberNames>(*std::move(read));
  MutexLock lock(mutex_);
  if (erasures != erasures_ || (last_ && last_->phase == ErasureState::Phase::kRunning)) return names;
  if (names_.size() >= kMostNamesKept) names_.clear();  // others gave up, perhaps
  names_.insert_or_assign(member, names);
  return names;
}

// One for each environment at most.
Status Privacy::AddFacts(const UnitRequest& request, UnitPage& page) const {
  if (parts_.fold == nullptr) return {};
  Result<std::vector<UnitFacts>> found =
      parts_.fold->FindUnit(request.project, request.unit.attribute, request.unit.id);
  if (!found) return Fail(found.error());
  for (UnitFacts& facts : *found) {
    page.findings.emplace_back(Object{{"class", Value("facts")},
                                      {"project", Value(facts.space.project)},
                                      {"environment", Value(facts.space.environment)},
                                      {"content", std::move(facts.content)}});
  }
  return {};
}

}  // namespace guidon
