// The ramps of experiments that are held back: why they do not rise though their step is due, and since when. What the
// keeper finds (experiment_keeper.h), for whoever asks.
//
//   HeldRamps held;
//   if (held.Note(running, hold, now)) Log(running, hold);                    // the keeper
//   std::optional<HeldRamp> ramp = held.Find("shop", "checkout-one-page");    // an API handler
//
// In memory only: after a start it fills up again with the keeper's first look. Memory: some hundred bytes for each
// experiment whose ramp is held back.
//
// Thread safety: every method may be called from any thread, and waits for nothing but the others.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/base/mutex.h"
#include "server/store/store.h"

namespace guidon {

struct RunningExperiment;

// Why a ramp does not rise.
struct RampHold {
  enum class Reason : std::uint8_t { kEvidenceUnread, kNotCounted, kSampleRatioMismatch, kActionPending };
  Reason reason = Reason::kEvidenceUnread;
  std::string sentence;  // for people, at most 1 024 bytes
  friend bool operator==(const RampHold&, const RampHold&) = default;
};
inline constexpr RampHold::Reason kRampHoldReasons[] = {
    RampHold::Reason::kEvidenceUnread, RampHold::Reason::kNotCounted, RampHold::Reason::kSampleRatioMismatch,
    RampHold::Reason::kActionPending};
// "evidence_unread", "not_counted", "sample_ratio_mismatch", "action_pending"
std::string_view ToString(RampHold::Reason reason);

struct HeldRamp {
  std::string project, environment, experiment;
  std::uint32_t iteration = 0;
  RampHold hold;
  Timestamp since{};  // when it was found first, whatever the reason was then; since the server's start at most
};

class HeldRamps {
 public:
  // What was found of a ramp at `now`; nothing: it is not held back. Whether that is news: it was not held before, for
  // another reason, or it was.
  bool Note(const RunningExperiment& of, std::optional<RampHold> hold, Timestamp now);

  // Nothing: it is not held back, as far as is known.
  std::optional<HeldRamp> Find(const std::string& project, const std::string& experiment) const;
  // In order of their projects and experiments.
  std::vector<HeldRamp> List() const;
  std::size_t Count(RampHold::Reason reason) const;

 private:
  mutable Mutex mutex_;
  std::map<std::pair<std::string, std::string>, HeldRamp> held_ GUIDON_GUARDED_BY(mutex_);
};

}  // namespace guidon
