// Where in the store something is, in words, and the walk along its revisions: what exports and erasures share.
//
// Thread safety: pure functions, but for the read of the store.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "core/base/result.h"
#include "server/catalog/audit_entry.h"
#include "server/catalog/records.h"
#include "server/privacy/unit_traces.h"
#include "server/store/store.h"

namespace guidon {

// `project` empty: all, and what belongs to none.
bool IsIn(const std::string& project, std::string_view of);
// The project that what is stored under a key belongs to; empty: none.
std::string ProjectOf(std::string_view stored, const StoreKey& key);
// As it was last applied from files.
bool IsApplied(const StoreKey& key);

// "flag checkout.layout of project shop", as people know it.
std::string PlaceOf(const KeyValue& stored, bool is_newest);
std::string TimeText(Timestamp time);

// An audit entry can name a unit where people and programs write what they like.
bool Names(const UnitTraces& traces, const AuditEntry& entry);

// Every revision's link from `first` on, in turn, until `see` fails.
Status ForEachLink(const Store& store, Revision first, const std::function<Status(const RevisionEntry&)>& see);

}  // namespace guidon
