// What the server holds of somebody, as findings, a page at a time: records and their past, the audit log, events.
//
//   ExportPlace place;                                                      // the beginning
//   Result<UnitPage> page = ReadExportPage(store, journal, findings, place, {.limit = 500});
//   if (page->next) place = *ReadExportPlace(*page->next);                  // and so on, until there is no `next`
//
// Bounds of a page, whichever comes first: `limit` findings; 4 MiB of what they show, and the one that goes beyond it;
// 100 000 versions, or 5 000 revisions, or 1 000 entries of events that were looked at. So a page may be short, or
// empty, and have a `next`.
//
// Thread safety: pure functions, but for the reads.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <guidon/value.h>
#include "core/base/result.h"
#include "server/ingest/journal.h"
#include "server/store/store.h"

namespace guidon {

inline constexpr std::size_t kMostFindings = 1'000;  // of a page

struct UnitPage {
  std::vector<Value> findings;      // an object each, with its `class`: docs/privacy.md
  std::optional<std::string> next;  // the cursor of the page after this one
};

// Where a page begins.
struct ExportPlace {
  enum class Part : std::uint8_t { kRecords, kAudit, kEvents, kEnd };
  Part part = Part::kRecords;
  ScanPlace record = {};
  Revision revision = 1;
  std::uint64_t sequence = 1;  // of the journal's entry,
  std::uint64_t event = 0;     // and how many of its events are behind
};
std::string WriteExportPlace(const ExportPlace& place);
// Empty text: the beginning. Nothing when it is none that was written.
std::optional<ExportPlace> ReadExportPlace(std::string_view cursor);

// What to look for. Each answers nothing, or 0, where there is none of it.
struct ExportFindings {
  std::function<std::optional<Object>(const KeyValue& stored, bool is_newest)> of_record;
  std::function<std::optional<Object>(const RevisionEntry& link)> of_link;
  // One for each event of an entry that is of the project and names the unit; empty: events are not looked at.
  struct Event {
    std::uint64_t number = 0;  // within the entry, from 0
    std::size_t bytes = 0;     // as JSON
    Object finding;
  };
  std::function<std::vector<Event>(const JournalEntry& entry)> of_entry;
};

struct ExportBounds {
  std::size_t limit = 500;
  std::function<bool()> stopping = {};  // empty: never
};

// kUnavailable: it was stopped; and the errors of the reads.
Result<UnitPage> ReadExportPage(const Store& store, const Journal& journal, const ExportFindings& findings,
                                const ExportPlace& from, const ExportBounds& bounds);

}  // namespace guidon
