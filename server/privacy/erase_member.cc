// The erasure of a member: what is present first, as ordinary revisions, then the past, then the audit log.
#include <utility>

#include "core/base/json.h"
#include "server/auth/members.h"
#include "server/privacy/erasure.h"
#include "server/privacy/member_names.h"
#include "server/privacy/places.h"

namespace guidon {
namespace {

bool IsNote(const StoreKey& key) {
  return key.kind == StoreKey::Kind::kItem && (key.project == kChangeRequestSpace || key.project == kCommentSpace);
}

class MemberErasure : private ErasureSteps {
 public:
  MemberErasure(const Privacy::Parts& parts, const std::string& member, const Author& author, ErasureState& state,
                const std::function<bool()>& stop)
      : ErasureSteps(parts, author, state, stop), member_(member), last_before_(parts.store.Head().revision) {}

  Status Run() {
    if (!state_.dry_run) {
      if (Status noted = NoteBegun(""); !noted) return noted;
    }
    Result<MemberNames> names = MemberNames::Read(parts_.store, member_, Placeholder(), stop_);
    if (!names) return Fail(names.error());
    names_ = &*names;
    for (const auto step :
         {&MemberErasure::ChangeRequestItems, &MemberErasure::ChangeComments, &MemberErasure::RewriteNotes,
          &MemberErasure::RemoveRecords, &MemberErasure::FindAuditEntries}) {
      if (stop_()) return Stopped();
      if (Status done = (this->*step)(); !done) return done;
    }
    if (!state_.dry_run) {
      if (Status noted = NoteErased("", Counts(), std::move(redact_)); !noted) return noted;
      // Last: what an erasure that is begun again looks for stands in these records alone.
      if (Status gone = parts_.store.Forget({names_->records().begin(), names_->records().end()}, stop_); !gone) {
        return gone;
      }
      if (Status purged = parts_.store.Purge(stop_); !purged) return purged;
      if (Status looked = LookForRemains(); !looked) return looked;
    }
    ListBackups();
    return {};
  }

 private:
  std::string Counts() const {
    const ErasureCounts& counts = state_.counts;
    return "a member, records: " + std::to_string(counts.records) +
           ", requests and comments: " + std::to_string(counts.notes) +
           ", past versions: " + std::to_string(counts.past_versions) +
           ", audit entries: " + std::to_string(counts.audit_entries);
  }

  // ---- What is current ----

  std::optional<std::string> NoteWithout(std::string_view space, const std::string& text) const {
    Result<Value> note = ParseJson(text);
    if (!note || names_->EraseFromNote(space, *note) == 0) return std::nullopt;
    return ToJson(*note);
  }

  Status ChangeRequestItems() {
    if (state_.dry_run || !parts_.rewrite_requests) return ChangeItems(kChangeRequestSpace);
    const auto without = [this](const Item& item) {
      return stop_() ? std::nullopt : NoteWithout(kChangeRequestSpace, item.value);
    };
    const Result<std::size_t> changed = parts_.rewrite_requests(without, "privacy.erase", author_);
    if (!changed) return Fail(changed.error());
    state_.counts.notes += *changed;
    return {};
  }
  Status ChangeComments() { return ChangeItems(kCommentSpace); }

  // Of those that nobody keeps in memory.
  Status ChangeItems(std::string_view space) {
    const Result<std::vector<Item>> items = parts_.catalog.Items(space);
    if (!items) return Fail(items.error());
    for (Item item : *items) {
      if (stop_()) return Stopped();
      std::optional<std::string> value = NoteWithout(space, item.value);
      if (!value) continue;
      ++state_.counts.notes;
      if (state_.dry_run) {
        ++state_.counts.past_versions;  // which it would be then
        continue;
      }
      item.project = item.id.substr(0, item.id.find('/'));
      item.value = *std::move(value);
      const Result<Committed> done =
          parts_.catalog.PutItem(item, "privacy.erase", author_, Precondition{item.revision, false, false});
      // Somebody was quicker: what they left is looked at with all that remains.
      if (!done && done.error().code != ErrorCode::kStale) return Fail(done.error());
    }
    return {};
  }

  // ---- What was ----

  Status RewriteNotes() {
    return Rewrite(KeySpace::kVersioned, [this](const KeyValue& stored, bool is_newest) {
      std::optional<std::string> value;
      const StoreKey key = ParseStoreKey(stored.key);
      if (!is_newest && IsNote(key)) value = NoteWithout(key.project, stored.value);
      state_.counts.past_versions += value ? 1 : 0;
      return value;
    });
  }

  // Keys stay when they are revoked, and a session may have been left: they go now; their past, when all else is done.
  Status RemoveRecords() {
    state_.counts.records = names_->records().size();
    if (state_.dry_run) return {};
    for (const std::string& stored : names_->records()) {
      if (stop_()) return Stopped();
      const StoreKey key = ParseStoreKey(stored);
      const std::string id = stored.substr(ItemStoreKey(key.project, "").size());
      const Result<std::optional<Item>> held = parts_.catalog.FindItem(key.project, id);
      if (!held) return Fail(held.error());
      if (!*held) continue;
      if (key.project == kMemberSpace) {
        return Fail(ErrorCode::kConflict,
                    "'" + id + "' has become a member again meanwhile; remove them, and begin again");
      }
      const Item gone{key.project, id, ""};
      const Result<Committed> done =
          parts_.catalog.PutItem(gone, "privacy.erase", author_, Precondition{(*held)->revision, false, false});
      if (!done) return Fail(done.error());
      if (parts_.on_removed) parts_.on_removed(gone);
    }
    return {};
  }

  // With the entries of this erasure that name a key which it removed.
  Status FindAuditEntries() {
    return ForEachLink(parts_.store, 1, [this](const RevisionEntry& link) -> Status {
      if (stop_()) return Stopped();
      names_->Learn(link);
      if (!names_->AreIn(link)) return {};
      redact_.push_back(link.revision);
      if (link.revision <= last_before_) ++state_.counts.audit_entries;
      return {};
    });
  }

  // ---- What is left ----

  Status LookForRemains() {
    const Viewer look = [this](const KeyValue& stored, bool is_newest) {
      if (names_->AreOf(stored) || names_->AreIn(stored.value)) Remains(PlaceOf(stored, is_newest));
    };
    for (const KeySpace space : {KeySpace::kVersioned, KeySpace::kPlain}) {
      if (Status looked = parts_.store.Scan(space, look, stop_); !looked) return looked;
    }
    return ForEachLink(parts_.store, 1, [this](const RevisionEntry& link) -> Status {
      if (stop_()) return Stopped();
      if (names_->AreIn(link) || names_->AreIn(link.audit.bytes) || names_->AreIn(link.log.bytes)) {
        Remains("the audit entry of revision " + std::to_string(link.revision));
      }
      return {};
    });
  }

  const std::string member_;
  const Revision last_before_;  // the newest one when it began
  MemberNames* names_ = nullptr;
  std::vector<Revision> redact_;
};

}  // namespace

Status EraseMember(const Privacy::Parts& parts, const std::string& member, const Author& author, ErasureState& state,
                   const std::function<bool()>& stop) {
  return MemberErasure(parts, member, author, state, stop).Run();
}

}  // namespace guidon
