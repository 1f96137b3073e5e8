// An environment from definitions as text, with their first allocation: what a workspace without a server gives.
//
//   const Snapshot snapshot = Workspace({R"({"flag": "a", "type": "boolean", "environments": {"production": {…}}})"});
//
// Thread safety: pure functions.
#pragma once

#include <initializer_list>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/allocate/allocate.h"
#include "core/base/json.h"
#include "core/codec/codec.h"
#include "core/model/definitions.h"

namespace guidon {

inline Value Json(std::string_view text) {
  Result<Value> value = ParseJson(text);
  if (!value) throw std::invalid_argument(value.error().message + ": " + std::string(text));
  return *std::move(value);
}

// Definitions of one project, as JSON; of the environment `production`.
inline Snapshot Workspace(const std::vector<std::string>& definitions) {
  Definitions all;
  all.project.key = "shop";
  all.project.environments.push_back({"production", false, ""});
  for (const std::string& text : definitions) {
    Result<EntityRecord> record = DecodeDefinition(Json(text));
    if (!record) throw std::invalid_argument(record.error().message + ": " + text);
    all.entities.Append(*std::move(record));
  }
  const std::vector<Issue> issues = AllocateStates(nullptr, all);
  if (!issues.empty()) throw std::invalid_argument(issues[0].message);
  return SnapshotOf(all, "production", 1);
}

// A boolean flag that is enabled; `targeting` are further members of its environment: R"("rules": [...], "default":
// "on")".
inline std::string BooleanFlag(const std::string& key, const std::string& targeting) {
  return R"({"flag": ")" + key + R"(", "type": "boolean", "environments": {"production": {"enabled": true, )" +
         targeting + "}}}";
}

}  // namespace guidon
