#include "server/privacy/export.h"

#include <charconv>
#include <utility>

namespace guidon {
namespace {

constexpr std::size_t kMostBytes = 4u << 20;
constexpr std::size_t kMostLooks = 100'000;   // of a page, in versions
constexpr std::size_t kLooksOfRevision = 20;  // what reading a revision counts for
constexpr std::size_t kEntriesAtOnce = 1'000;
constexpr std::string_view kRecords = "records ", kAudit = "audit ", kEvents = "events ";

// Takes a number off the beginning, and the blank before what follows.
bool TakeNumber(std::string_view& text, std::uint64_t& number) {
  const auto read = std::from_chars(text.data(), text.data() + text.size(), number);
  if (read.ec != std::errc()) return false;
  text.remove_prefix(static_cast<std::size_t>(read.ptr - text.data()));
  if (text.empty()) return true;
  if (text.front() != ' ') return false;
  text.remove_prefix(1);
  return !text.empty();
}

class Page {
 public:
  Page(const Store& store, const Journal& journal, const ExportFindings& findings, const ExportPlace& from,
       const ExportBounds& bounds)
      : store_(store), journal_(journal), findings_(findings), bounds_(bounds), place_(from) {}

  Result<UnitPage> Read() {
    while (place_.part != ExportPlace::Part::kEnd && !IsFull()) {
      const Status read = place_.part == ExportPlace::Part::kRecords ? ReadRecords()
                          : place_.part == ExportPlace::Part::kAudit ? ReadAudit()
                                                                     : ReadEvents();
      if (!read) return Fail(read.error());
    }
    if (place_.part != ExportPlace::Part::kEnd) page_.next = WriteExportPlace(place_);
    return std::move(page_);
  }

 private:
  bool IsFull() const { return page_.findings.size() >= bounds_.limit || bytes_ >= kMostBytes || looks_ >= kMostLooks; }
  void Add(Object finding, std::size_t bytes) {
    page_.findings.emplace_back(std::move(finding));
    bytes_ += bytes;
  }

  Status ReadRecords() {
    bool is_end = true;
    const Scanner see = [&](const KeyValue& stored, bool is_newest) {
      if (IsFull()) {
        place_.record = {stored.key, stored.modified};
        is_end = false;
        return false;
      }
      ++looks_;
      if (auto finding = findings_.of_record(stored, is_newest)) {
        Add(*std::move(finding), is_newest ? stored.value.size() : 0);
      }
      return true;
    };
    if (Status seen = store_.ScanFrom(KeySpace::kVersioned, place_.record, see, bounds_.stopping); !seen) return seen;
    if (is_end) place_.part = ExportPlace::Part::kAudit;
    return {};
  }

  Status ReadAudit() {
    constexpr Revision kAtOnce = 64;
    const Revision head = store_.Head().revision;
    while (place_.revision <= head) {
      if (bounds_.stopping && bounds_.stopping()) return Fail(ErrorCode::kUnavailable, "the server is stopping");
      const Result<std::vector<RevisionEntry>> links = store_.Revisions(place_.revision, head, kAtOnce);
      if (!links) return Fail(links.error());
      if (links->empty()) break;
      for (const RevisionEntry& link : *links) {
        if (IsFull()) return {};
        looks_ += kLooksOfRevision;
        if (auto finding = findings_.of_link(link)) Add(*std::move(finding), link.audit.bytes.size());
        place_.revision = link.revision + 1;
      }
    }
    place_.part = findings_.of_entry ? ExportPlace::Part::kEvents : ExportPlace::Part::kEnd;
    return {};
  }

  // One page of the journal is enough for one of ours.
  Status ReadEvents() {
    JournalQuery query;
    query.after = place_.sequence - 1;
    query.entries = kEntriesAtOnce;
    const Result<JournalPage> entries = journal_.Read(query);
    if (!entries) return Fail(entries.error());
    if (findings_.of_entry == nullptr && !entries->entries.empty()) {
      return Fail(ErrorCode::kInvalid, "the cursor is that of another export; begin without one");
    }
    for (const JournalEntry& entry : entries->entries) {
      const std::uint64_t behind = entry.sequence == place_.sequence ? place_.event : 0;
      for (ExportFindings::Event& event : findings_.of_entry(entry)) {
        if (event.number < behind) continue;
        if (IsFull()) {
          place_.sequence = entry.sequence;
          place_.event = event.number;
          return {};
        }
        Add(std::move(event.finding), event.bytes);
      }
    }
    place_.sequence = entries->next + 1;
    place_.event = 0;
    looks_ = kMostLooks;
    if (!entries->more) place_.part = ExportPlace::Part::kEnd;
    return {};
  }

  const Store& store_;
  const Journal& journal_;
  const ExportFindings& findings_;
  const ExportBounds& bounds_;
  ExportPlace place_;
  UnitPage page_;
  std::size_t bytes_ = 0, looks_ = 0;
};

}  // namespace

std::string WriteExportPlace(const ExportPlace& place) {
  switch (place.part) {
    case ExportPlace::Part::kRecords:
      return std::string(kRecords) + std::to_string(place.record.position) + " " + place.record.key;
    case ExportPlace::Part::kAudit:
      return std::string(kAudit) + std::to_string(place.revision);
    case ExportPlace::Part::kEvents:
      return std::string(kEvents) + std::to_string(place.sequence) + " " + std::to_string(place.event);
    case ExportPlace::Part::kEnd:
      break;
  }
  return "";
}

std::optional<ExportPlace> ReadExportPlace(std::string_view cursor) {
  ExportPlace place;
  if (cursor.empty()) return place;
  const auto takes = [&cursor](std::string_view word) {
    if (!cursor.starts_with(word)) return false;
    cursor.remove_prefix(word.size());
    return true;
  };
  bool is_whole = false;
  if (takes(kRecords)) {
    is_whole = TakeNumber(cursor, place.record.position) && !cursor.empty();
    place.record.key = cursor;
  } else if (takes(kAudit)) {
    place.part = ExportPlace::Part::kAudit;
    is_whole = TakeNumber(cursor, place.revision) && cursor.empty() && place.revision > 0;
  } else if (takes(kEvents)) {
    place.part = ExportPlace::Part::kEvents;
    is_whole = TakeNumber(cursor, place.sequence) && !cursor.empty() && TakeNumber(cursor, place.event) &&
               cursor.empty() && place.sequence > 0;
  }
  return is_whole ? std::optional<ExportPlace>(std::move(place)) : std::nullopt;
}

Result<UnitPage> ReadExportPage(const Store& store, const Journal& journal, const ExportFindings& findings,
                                const ExportPlace& from, const ExportBounds& bounds) {
  return Page(store, journal, findings, from, bounds).Read();
}

}  // namespace guidon
