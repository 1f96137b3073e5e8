#include "server/ingest/counters.h"

#include <algorithm>
#include <iterator>
#include <string>

namespace guidon {
namespace {

// What a batch can be refused with; anything else counts as the last.
constexpr std::array<int, 5> kRefusals = {400, 413, 503, 507, 500};

}  // namespace

IngestCounters::IngestCounters(Metrics& metrics)
    : unknown_(metrics.AddCounter("guidon_events_unknown_total", "Events of a type that this server does not know")),
      batches_(metrics.AddCounter("guidon_event_batches_total", "Batches of events that were kept")),
      duplicates_(metrics.AddCounter("guidon_event_batches_duplicate_total", "Batches that were there already")),
      bytes_(metrics.AddCounter("guidon_event_bytes_total", "Bytes of the batches that were kept, unpacked")),
      commit_seconds_(metrics.AddHistogram("guidon_journal_commit_seconds",
                                           "From handing a batch to the journal to its being durable")) {
  for (std::size_t i = 0; i < kEventTypes; ++i) {
    accepted_[i] = &metrics.AddCounter("guidon_events_accepted_total", "Events that were kept, by type",
                                       {{"type", std::string(ToString(static_cast<EventType>(i)))}});
  }
  for (std::size_t i = 0; i < kRejections; ++i) {
    rejected_[i] = &metrics.AddCounter("guidon_events_rejected_total", "Events that were left out, by reason",
                                       {{"reason", std::string(ToString(static_cast<Rejection>(i)))}});
  }
  for (std::size_t i = 0; i < kRefusals.size(); ++i) {
    refused_[i] = &metrics.AddCounter("guidon_event_batches_refused_total", "Batches refused as a whole, by status",
                                      {{"status", std::to_string(kRefusals[i])}});
  }
}

void IngestCounters::CountKept(const EventCounts& counts, std::size_t bytes) {
  batches_.Add();
  bytes_.Add(bytes);
  for (std::size_t i = 0; i < kEventTypes; ++i) accepted_[i]->Add(counts.accepted[i]);
  CountLeftOut(counts);
}

void IngestCounters::CountRefused(int status) {
  const auto known = std::find(kRefusals.begin(), std::prev(kRefusals.end()), status);
  refused_[static_cast<std::size_t>(known - kRefusals.begin())]->Add();
}

void IngestCounters::CountLeftOut(const EventCounts& counts) {
  for (std::size_t i = 0; i < kRejections; ++i) rejected_[i]->Add(counts.rejected[i]);
  unknown_.Add(counts.unknown);
}

}  // namespace guidon
