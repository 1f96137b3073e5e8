// A batch of events as clients send it (docs/spec/events.md): bytes in, what is worth keeping out.
//
//   Result<std::string> json = Gunzip(body, BatchLimits().bytes);
//   Result<EventBatch> batch = ReadBatch(*json, now);
//   if (batch) Keep(batch->events);
//
// What cannot be read as a batch is refused as a whole. Within one that can, each event is looked at for itself: one
// that breaks a rule is left out, counted by reason, and named; the others are kept, byte for byte but for blanks
// between them.
//
// Thread safety: pure functions and plain values.
#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/result.h"

namespace guidon {

struct BatchLimits {
  std::size_t bytes = 1u << 20;  // after decompression
  std::size_t events = 1'000;
  // Of what was run elsewhere: however long ago, and exposures need neither bucket nor revision.
  bool imported = false;
};

enum class EventType : std::uint8_t { kExposure, kEvaluations, kTrack, kDropped };
inline constexpr std::size_t kEventTypes = 4;
std::string_view ToString(EventType type);  // "exposure", …: as in the event's `type`

// Why an event was left out.
enum class Rejection : std::uint8_t {
  kNoEvent,        // no object, or without a type
  kMissingMember,  // a member that this type must have
  kWrongValue,     // a member of the wrong type, out of bounds, or one that does not go with the others
  kTimeAhead,      // more than 24 hours ahead of the server's clock
  kTimeBehind,     // more than 30 days behind it
  kTooLarge,       // a context beyond 4 KiB, a list beyond 10 000
};
inline constexpr std::size_t kRejections = 6;
std::string_view ToString(Rejection reason);  // "no_event", "missing_member", …

struct RejectedEvent {
  std::size_t event = 0;  // its place in the batch, from 0
  Rejection reason = Rejection::kNoEvent;
  std::string message;  // for people; names the member
};

struct EventCounts {
  std::array<std::size_t, kEventTypes> accepted{};  // by type
  std::array<std::size_t, kRejections> rejected{};  // by reason
  std::size_t unknown = 0;                          // of a type that this server does not know; not kept

  std::size_t Accepted() const;
  std::size_t Rejected() const;
};

struct EventBatch {
  std::string id;
  // What the client says of itself, as members of a JSON object, each with a comma after it; what was missing or
  // malformed is left out: "sent":1790000000123,"instance":"k3v9x0q2m7p1c8d4",
  std::string sender;
  std::string events;  // the accepted ones, in their order: a JSON array on one line
  EventCounts counts;
  std::vector<RejectedEvent> first_rejected;  // at most 20
};

// What `bytes` hold, in one gzip member. kTooLarge when that is more than `most` bytes: not more than that is ever
// unpacked. kInvalid when it is no gzip, is damaged or cut off, or is followed by something.
Result<std::string> Gunzip(std::string_view bytes, std::size_t most);

// kInvalid: no JSON, no batch id or no list of events. kTooLarge: beyond the limits. `now` is the server's clock.
Result<EventBatch> ReadBatch(std::string_view json, std::chrono::sys_time<std::chrono::milliseconds> now,
                             const BatchLimits& limits = {});

}  // namespace guidon
