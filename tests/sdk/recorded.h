// What reads left behind in a client or a recorder, in words.
//
//   Client client(Holding(Workspace({…})));
//   client.Bool("a", user, false);
//   EXPECT_THAT(CountsOf(client), ElementsAre("a on STATIC 1"));
//
// Thread safety: one thread at a time.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <guidon/client.h>
#include "core/base/json.h"
#include "core/codec/wire.h"
#include "core/eval/evaluator.h"
#include "core/ruleset/ruleset.h"
#include "sdk/client/client_core.h"
#include "sdk/events/recorder.h"

namespace guidon::testing {

inline ClientConfig Holding(const Snapshot& snapshot) {
  ClientConfig config;
  config.bootstrap = EncodeSnapshot(snapshot);
  return config;
}

// A client that holds it, and records exposures though nobody is there to take them.
struct RecordingClient : Client {
  explicit RecordingClient(const Snapshot& snapshot) : RecordingClient(Holding(snapshot)) {}
  explicit RecordingClient(const ClientConfig& config) : Client(config) {
    internal::CoreOf(*this).core.recorder.SetExposures(true);
  }
};

inline internal::Recorder& RecorderOf(const Client& client) {
  return internal::CoreOf(client).core.recorder;
}

// "flag variation REASON ERROR", what is empty left out.
inline std::string NameOf(const internal::EvaluationCount& count) {
  std::string name = count.flag;
  for (const std::string_view word :
       {std::string_view(count.variation), ToString(count.reason), ToString(count.error)}) {
    if (!word.empty()) name += " " + std::string(word);
  }
  return name;
}

using Counts = std::map<std::string, std::uint64_t>;

inline void AddCounts(internal::Recorder& recorder, Counts& counts) {
  for (const internal::EvaluationCount& count : recorder.TakeCounts()) counts[NameOf(count)] += count.count;
}

// Since the last call: "flag variation REASON ERROR 3".
inline std::vector<std::string> CountsOf(internal::Recorder& recorder) {
  std::vector<std::string> counts;
  for (const internal::EvaluationCount& count : recorder.TakeCounts()) {
    counts.push_back(NameOf(count) + " " + std::to_string(count.count));
  }
  return counts;
}
inline std::vector<std::string> CountsOf(const Client& client) {
  return CountsOf(RecorderOf(client));
}

// "experiment#iteration variant role unit_attribute=unit", with " in holdout" and " forced".
inline std::string NameOf(const internal::RecordedExposure& exposure) {
  constexpr const char* kRoles[] = {"assigned", "held_out", "comparison"};
  std::string name = std::string(exposure.experiment) + "#" + std::to_string(exposure.iteration);
  if (!exposure.variant.empty()) name += " " + std::string(exposure.variant);
  name += " " + std::string(kRoles[static_cast<int>(exposure.role)]);
  name += " " + std::string(exposure.unit_attribute) + "=" + std::string(exposure.unit);
  if (!exposure.holdout.empty()) name += " in " + std::string(exposure.holdout);
  return name + (exposure.forced ? " forced" : "");
}

inline std::vector<std::string> ExposuresOf(internal::Recorder& recorder) {
  std::vector<std::string> exposures;
  recorder.TakeExposures(1'000'000,
                         [&](const internal::RecordedExposure& exposure) { exposures.push_back(NameOf(exposure)); });
  return exposures;
}
inline std::vector<std::string> ExposuresOf(const Client& client) {
  return ExposuresOf(RecorderOf(client));
}

// A recorder without a client: rulesets one after the other, and reads of the newest, or of one that is kept.
struct Recorded {
  std::shared_ptr<const Ruleset> ruleset;
  internal::RecordedRuleset recorded;
};

class Recording {
 public:
  explicit Recording(const Snapshot& snapshot, internal::RecorderOptions options = {}) : recorder(std::move(options)) {
    Publish(snapshot);
  }
  void Publish(const Snapshot& snapshot, std::string_view epoch = "epoch-1",
               std::string_view environment = "production") {
    auto next = std::make_shared<Recorded>();
    next->ruleset = Compile(snapshot, {lineage_, {}});
    next->recorded = recorder.Enlist(*next->ruleset, epoch, environment, current ? &current->recorded : nullptr);
    current = std::move(next);
  }

  Decision Read(const std::string& flag, const Context& context) { return Read(*current, flag, context); }
  Decision Read(const Recorded& of, const std::string& flag, const Context& context) {
    struct Exposing {
      internal::Recorder& recorder;
      const internal::RecordedRuleset& recorded;
      const Context& context;
      std::int64_t now_ms;
    } exposing{recorder, of.recorded, context, now_ms};
    CallSink sink{[](void* self, const Consulted& consulted) noexcept {
                    const auto& to = *static_cast<Exposing*>(self);
                    to.recorder.Expose(to.recorded, to.context, to.now_ms, consulted);
                  },
                  &exposing};
    const std::uint32_t slot = of.ruleset->Find(flag);
    const Decision decision = Evaluate(*of.ruleset, slot, context, now_ms, sink);
    recorder.Count(of.recorded, slot, flag, decision);
    return decision;
  }

  internal::Recorder recorder;
  std::shared_ptr<const Recorded> current;
  std::int64_t now_ms = 1'790'000'000'000;

 private:
  std::shared_ptr<Lineage> lineage_ = std::make_shared<Lineage>();
};

}  // namespace guidon::testing
