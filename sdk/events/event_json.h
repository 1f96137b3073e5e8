// What is sent, as text: the writers of docs/spec/events.md. What no JSON can carry (text that is not UTF-8, numbers
// that are not finite) never gets into it, so that one odd attribute does not spoil a batch.
//
// Thread safety: pure functions.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <guidon/client_config.h>
#include <guidon/context.h>
#include <guidon/status.h>
#include "core/base/result.h"
#include "core/model/definitions.h"
#include "sdk/events/recorder.h"

namespace guidon::internal {

inline constexpr std::size_t kMaxNameBytes = 1'024;       // of an event's name, a unit, a text in a context
inline constexpr std::size_t kMaxEventBytes = 16u << 10;  // of an exposure or a tracked event
inline constexpr std::size_t kMaxCounts = 10'000;         // of an `evaluations` event

// What never leaves the process of a context, and of the attributes of an event.
struct Privacy {
  PrivateAttributes of_contexts, of_events;
};

struct TrackCall {
  std::string_view event;
  const Context& context;
  std::optional<double> value;
  const Object& attributes;
};

// The event, or what is wrong with the call.
Result<std::string> EncodeTrack(const TrackCall& call, std::int64_t time_ms, const Privacy& privacy);

// Without its epoch; "" for one that no JSON can carry, or that is longer than kMaxEventBytes.
std::string EncodeExposure(const RecordedExposure& exposure);
// The same event with its epoch.
std::string WithEpoch(std::string_view exposure, std::string_view epoch);

// An `evaluations` event of as many counts, from the first on, as fit in `max_bytes`, but of at least one; `*taken`
// says how many. "" when there are none.
std::string EncodeEvaluations(const std::vector<EvaluationCount>& counts, std::int64_t from_ms, std::int64_t to_ms,
                              std::size_t max_bytes, std::size_t* taken);

std::string EncodeDropped(const DroppedEvents& dropped);

// Who sends: "sdk":…,"application":…,"instance":… as members of an object. An application's name or version that is not
// UTF-8 or longer than 256 bytes is left out.
std::string EncodeSender(const ClientConfig& config, std::string_view instance);

// What a process holds, for POST /sdk/v1/status.
struct Held {
  std::string epoch;
  Revision revision = 0;
  std::string digest;
};
std::string EncodeStatus(const ClientStatus& status, const Held& held, std::string_view sender);

}  // namespace guidon::internal
