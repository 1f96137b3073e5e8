#include "server/privacy/places.h"

#include <optional>
#include <vector>

#include "core/model/units.h"
#include "server/ingest/fold_records.h"
#include "server/ingest/journal.h"

namespace guidon {
namespace {

constexpr Revision kRevisionsAtOnce = 64;

}  // namespace

bool IsIn(const std::string& project, std::string_view of) {
  return project.empty() || project == of;
}

std::string ProjectOf(std::string_view stored, const StoreKey& key) {
  if (key.kind == StoreKey::Kind::kOther) {
    if (const std::optional<EntryPlace> entry = EntryPlaceOf(stored)) return entry->project;
    const std::optional<UnitSpace> space = SpaceOfUnitKey(stored);
    return space ? space->project : std::string();
  }
  if (key.kind != StoreKey::Kind::kItem) return key.project;
  if (key.project != kChangeRequestSpace && key.project != kCommentSpace && key.project != kImportSpace) return {};
  const std::string_view id = stored.substr(ItemStoreKey(key.project, "").size());
  return std::string(id.substr(0, id.find('/')));
}

bool IsApplied(const StoreKey& key) {
  return key.kind == StoreKey::Kind::kApplied || key.kind == StoreKey::Kind::kAppliedProject;
}

std::string PlaceOf(const KeyValue& stored, bool is_newest) {
  const StoreKey key = ParseStoreKey(stored.key);
  std::string text;
  if (key.kind == StoreKey::Kind::kProject) {
    text = "project " + key.project;
  } else if (key.kind == StoreKey::Kind::kAppliedProject) {
    text = "project " + key.project + ", as it was last applied from files";
  } else if (key.kind == StoreKey::Kind::kEntity) {
    text = key.ref.ToText() + " of project " + key.project;
  } else if (key.kind == StoreKey::Kind::kApplied) {
    text = key.ref.ToText() + " of project " + key.project + ", as it was last applied from files";
  } else if (const std::optional<EntryPlace> entry = EntryPlaceOf(stored.key)) {
    return "entry " + std::to_string(entry->sequence) + " of the events of " + entry->project + "/" +
           entry->environment;
  } else if (const std::optional<UnitSpace> space = SpaceOfUnitKey(stored.key)) {
    return "facts of a unit by " + space->attribute + " in " + space->project + "/" + space->environment;
  } else if (key.kind == StoreKey::Kind::kItem) {
    text = key.project + " " + stored.key.substr(ItemStoreKey(key.project, "").size());
  } else {
    text = "a record of the server";
  }
  return is_newest ? text : text + " as of revision " + std::to_string(stored.modified_revision);
}

std::string TimeText(Timestamp time) {
  return FormatTimestamp(time.time_since_epoch().count());
}

bool Names(const UnitTraces& traces, const AuditEntry& entry) {
  return traces.unit().mentions && !entry.redacted &&
         (traces.IsIn(entry.comment) || traces.IsIn(entry.request_id) || traces.IsIn(entry.emergency));
}

Status ForEachLink(const Store& store, Revision first, const std::function<Status(const RevisionEntry&)>& see) {
  const Revision head = store.Head().revision;
  for (Revision next = first; next <= head;) {
    const Result<std::vector<RevisionEntry>> links = store.Revisions(next, head, kRevisionsAtOnce);
    if (!links) return Fail(links.error());
    if (links->empty()) break;
    for (const RevisionEntry& link : *links) {
      if (Status seen = see(link); !seen) return seen;
    }
    next = links->back().revision + 1;
  }
  return {};
}

}  // namespace guidon
