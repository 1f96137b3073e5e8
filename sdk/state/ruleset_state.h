// What a client holds of its environment: records as they were sent, their digest, and the compiled ruleset. Applies
// what arrives by the rules of docs/spec/wire.md, whole or not at all.
//
// What is served may differ from what is held: by the overrides, which are put on top of every ruleset. Records, digest
// and document are of what is held.
//
// What throws (there may be no memory) leaves it as it was.
//
// Thread safety: one thread at a time.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/base/hash.h"
#include "core/base/result.h"
#include "core/codec/wire.h"
#include "core/ruleset/ruleset.h"
#include "sdk/state/overrides.h"

namespace guidon {

enum class ApplyOutcome {
  kApplied,   // there is a new ruleset
  kNothing,   // what is held is what it says; its revision may have moved
  kIgnored,   // a heartbeat of before what is held: says nothing about it
  kRefused,   // older than what is held, damaged or unreadable; nothing changed
  kNeedsAll,  // changes were missed, or what is held is not what the server has: a snapshot is needed
};

struct Applied {
  ApplyOutcome outcome = ApplyOutcome::kNothing;
  std::string message{};             // for kRefused and kNeedsAll
  std::vector<std::string> flags{};  // whose own definition changed
  bool anything = false;             // something that several flags may share changed
};

// Whether a document may be of a lower revision than what is held of the same environment and epoch.
enum class Order { kGrowing, kAny };

class RulesetState {
 public:
  explicit RulesetState(std::shared_ptr<Lineage> lineage, Overrides overrides = {});

  Applied TakeSnapshot(std::string_view document, Order order = Order::kGrowing);
  // `event_id` as it was sent, "<epoch>-<revision>"; one of another epoch than what is held needs a snapshot.
  Applied TakeChange(std::string_view data, std::string_view event_id);
  Applied TakeHeartbeat(std::string_view data, std::string_view event_id);

  // Compiles anew what holds locks of its own: patterns (RE2), which a thread that is not in the child of a fork() may
  // have locked. True when there is another ruleset now; what throws leaves it as it was.
  bool RenewPatterns();

  // What there is to say of the overrides and was not said.
  std::vector<std::string> TakeWarnings() { return std::exchange(warnings_, {}); }

  // The ruleset document of what is held, for the cache file.
  std::string Document() const;

  bool has_ruleset() const { return ruleset_ != nullptr; }
  // What is served. Null until the first snapshot.
  const std::shared_ptr<const Ruleset>& ruleset() const { return ruleset_; }
  const SnapshotHeader& header() const { return header_; }
  std::string digest() const { return digest_.ToHex(); }
  std::string EventId() const;  // "<epoch>-<revision>", or ""

 private:
  using Name = std::pair<std::string, std::string>;  // kind, key
  using Records = std::map<Name, std::string>;
  // A ruleset of what would be held, and of what would be served.
  struct Compiled {
    std::shared_ptr<const Ruleset> held, served;
    std::map<std::string, std::string> said;
  };

  // Finds records in `first`, or in `second`.
  Compiled WithOverrides(std::shared_ptr<const Ruleset> held, const Records& first, const Records& second) const;
  bool Put(Compiled compiled);  // whether overrides do something else than before
  void MoveTo(Revision revision);
  bool IsOfAnotherEpoch(std::string_view event_id) const;

  std::shared_ptr<Lineage> lineage_;  // of all its rulesets, so that slots stay
  SnapshotHeader header_;
  Records records_;
  Digest128 digest_;
  std::shared_ptr<const Ruleset> held_;     // of the records
  std::shared_ptr<const Ruleset> ruleset_;  // with the overrides; the same without any

  const Overrides overrides_;
  std::map<std::string, std::string> said_;  // of overrides, by variable
  std::vector<std::string> warnings_;
};

}  // namespace guidon
