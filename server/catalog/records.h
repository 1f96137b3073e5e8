// How the catalog's records are named and written in the store.
//
//   project/P              the project's definition
//   entity/P/KIND/KEY      {"definition":…,"state":…}
//   applied/P/KIND/KEY     the definition as it was last applied from a workspace
//   applied-project/P      likewise, the project's
//   item/SPACE/ID          what another room keeps
//
// Keys never contain '/', so the names take apart again.
//
// Thread safety: pure functions.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include <guidon/value.h>
#include "core/base/result.h"
#include "core/model/definitions.h"
#include "server/catalog/catalog.h"

namespace guidon {

struct StoreKey {
  enum class Kind : std::uint8_t { kProject, kEntity, kApplied, kAppliedProject, kItem, kOther };
  Kind kind = Kind::kOther;
  std::string project;  // kItem: the space
  EntityRef ref;        // kEntity, kApplied
};
StoreKey ParseStoreKey(std::string_view key);

std::string ProjectStoreKey(std::string_view project);
std::string EntityStoreKey(std::string_view project, const EntityRef& ref);
std::string EntityPrefix(std::string_view project);
std::string AppliedStoreKey(std::string_view project, const EntityRef& ref);
std::string AppliedPrefix(std::string_view project);
std::string AppliedProjectStoreKey(std::string_view project);
std::string ItemStoreKey(std::string_view space, std::string_view id);

// Items of projects, which go with them: `item/change_request/P/N` (server/catalog/change_request.h),
// `item/comment/P/KIND/KEY/N` (server/catalog/comments.h) and `item/import/P/E/ID` (docs/imported-experiments.md).
inline constexpr std::string_view kChangeRequestSpace = "change_request";
inline constexpr std::string_view kCommentSpace = "comment";
inline constexpr std::string_view kImportSpace = "import";
// `item/iterations/P/KEY`: of experiments of that key that were deleted, the number of the last. Stays when the project
// goes, for units are known longer than that. Some 100 bytes for each key that ever ran and was deleted.
inline constexpr std::string_view kIterationsSpace = "iterations";
std::string CommentPrefix(std::string_view project, const EntityRef& ref);  // of an id

std::string IterationsStoreKey(std::string_view project, std::string_view experiment);

std::string EncodeIterations(std::uint32_t last);  // {"last":3}
std::string EncodeProjectText(const Project& project);
std::string EncodeRecordText(const EntityRecord& record);

struct StoredEntity {
  std::string project;
  EntityRecord record;
};

// kCorrupt, naming the record, when it cannot be read.
Result<std::uint32_t> DecodeIterations(std::string_view key, std::string_view text);
Result<Project> DecodeProjectText(std::string_view key, std::string_view text);
Result<StoredEntity> DecodeEntityText(std::string_view key, std::string_view text);

// A definition that a caller sent for `ref`: its key, if it has one, must be that key.
Result<EntityRecord> DecodeDefinitionOf(const EntityRef& ref, const Value& definition);

// One entity that a revision changed, as its log has it.
struct LoggedChange {
  EntityRef ref;
  bool removed = false;
  Value experiment = {};  // DescribeMove; null: it is none, or stands where it stood
};

// Where an experiment stood before and stands after a commit, for whoever is told of it; null when that is the same.
//
//   {"environment":"production","variants":["control","one_page"],
//    "before":{"status":"running","iteration":1,"ramp_step":0},
//    "after":{"status":"concluded","iteration":1,"ramp_step":0,"winner":"one_page"}}
//
// Null pointers: it is new (a draft before), or gone; what is gone while it runs is stopped by that.
Value DescribeMove(const ExperimentRecord* before, const ExperimentRecord* after);

// The log payload of a revision (server/store/store.h), as JSON; server/catalog/audit_entry.h has the other one.
std::string EncodeLog(std::string_view project, bool project_changed, const std::vector<LoggedChange>& changes);
std::string EncodeItemLog(const std::vector<Item>& items);  // the first, and the others as `also`

}  // namespace guidon
