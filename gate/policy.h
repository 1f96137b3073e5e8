// What a gate demands: gate.yaml, with what it does not say left at a sensible default.
//
//   # gate.yaml
//   policy: release
//   unreachable: fail                            # pass | fail | hold; left out: exit code 4
//   record: required                             # required | wanted | off; left out: wanted
//   rules:
//     static.warnings: fail                      # fail | warn | note | off
//     static.naming: { flags: "[a-z]+([._-][a-z0-9]+)*" }
//     static.owner: { owners: [payments, "*@shop.example"] }
//     static.expiry: { is: warn, within: 14d }
//     static.personal-data: { attributes: [email, "address.*"] }
//     change.moves: { limit: 25% }
//     change.jump: { limit: 50% }
//     change.protected-flag: { flags: [payments, "checkout.*"] }
//     code.settled-flag: { days: 60, least: 1000 }
//     live.state:
//       demands: [{ flag: checkout.v2, serves: on, share: 100%, in: staging, for: 24h }, { flag: shop.open, is: enabled
//       }]
//     live.ramp: { at_least: 50% }
//     live.evidence: { min_days: 7, min_units: 1000 }
//     delivery.share: { min_share: 95%, min_live: 3 }
//     delivery.old-sdk: { least: { guidon-cpp: 0.2.0 } }
//     live.freeze:
//       windows: [{ from: 2026-12-20T00:00:00Z, to: 2027-01-02T00:00:00Z, why: the holidays }]
//   waivers:
//     - { rule: static.expiry, subject: flag old.banner, reason: removed with the old app, until: 2027-01-31 }
//
// Thread safety: plain values and pure functions.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/result.h"
#include "core/model/definitions.h"
#include "gate/finding.h"

namespace guidon::gate {

// A finding that is known, and does not count until a day.
struct Waiver {
  std::string rule;
  std::string subject;  // "flag old.banner"; empty: every subject
  std::string file;     // of the finding; empty: every file. `*` stands for any text
  std::string reason;
  std::chrono::sys_days until{};  // the last day on which it holds
  Place place;                    // in the policy
};
inline constexpr std::chrono::days kLongestWaiver{366};

struct FreezeWindow {
  std::int64_t from_ms = 0, to_ms = 0;  // since the epoch; half-open
  std::string why;
};

// What is done to have a run in the audit log of the server that was asked.
enum class Recording : std::uint8_t {
  kRequired,  // a run without a record has no verdict
  kWanted,    // what could not be recorded is said
  kOff,
};
std::string_view ToString(Recording recording);  // "required", "wanted", "off"

// How a flag has to be on the server.
struct Demand {
  std::string flag;
  std::string environment;           // empty: that of the gate
  std::optional<bool> enabled;       // whether it has to be; absent: it has to serve
  std::string serves;                // this variation, …
  std::uint32_t share = kWhole;      // … to so many units at least: LeastShareOf in gate/live_state.h
  std::chrono::milliseconds time{};  // and it has to have been so for so long
  Place place = {};                  // in the policy
};

struct Policy {
  std::string name = "default";    // what it calls itself, or else the name of its file
  std::string hash;                // 64 hex digits; empty: the default
  std::optional<int> unreachable;  // exit code for a server that cannot be reached; absent: 4
  Recording record = Recording::kWanted;
  std::map<std::string, std::optional<Severity>, std::less<>> severities;  // by rule; nullopt: off

  // static.naming: RE2, matched whole; kinds that are not here may have any name.
  std::map<EntityKind, std::string> names;
  // static.owner: who may own something, `*` standing for any text; empty: anybody.
  std::vector<std::string> owners;
  // static.expiry: so long before the day it is told already.
  std::chrono::days expires_within{0};
  // static.personal-data: attributes that must not decide what somebody sees, `*` standing for any text.
  std::vector<std::string> personal_data;
  // static.regex-cost: states of an expression's automaton, as RE2 counts its program.
  std::uint32_t regex_size = 1'000;
  // change.moves: of the buckets of one split or experiment, or of the contexts that are counted.
  std::uint32_t moves_limit = kWhole;
  // change.jump: by how much the share of a variation may grow at once.
  std::uint32_t jump_limit = kWhole;
  // change.protected-flag: whose changes have to be approved wherever they are, `*` standing for any text.
  std::vector<std::string> protected_flags;
  // code.settled-flag: so many days with one variation alone, and at least so many evaluations in them.
  std::chrono::days settled_days{30};
  std::uint64_t settled_least = 100;
  // live.state
  std::vector<Demand> demands;
  // live.ramp: below it a ramp that is under way holds; absent: it does not.
  std::optional<std::uint32_t> ramp_at_least;
  // live.evidence: of each experiment.
  std::uint64_t least_days = 0, least_units = 0;
  // live.freeze
  std::vector<FreezeWindow> freezes;
  // delivery.share: where the command line does not say; parts of kWhole.
  std::optional<std::uint32_t> min_share;
  std::optional<std::int64_t> min_live;
  // delivery.old-sdk: the oldest version of an SDK that may be in use, by its name.
  std::map<std::string, std::string, std::less<>> least_sdks;

  std::vector<Waiver> waivers;

  // Whether evidence is wanted of every running experiment, and not of one that is named alone.
  bool WantsEvidenceOfAll() const { return severities.contains("live.evidence") || least_days > 0 || least_units > 0; }
  // What the policy makes of a rule's findings; nullopt: nothing, it is off.
  std::optional<Severity> SeverityOf(std::string_view rule) const;
};

// From the text of a gate.yaml. kInvalid with all of its faults, each placed; `file` names it in places of waivers and
// demands, and the policy that does not say its name.
struct PlacedFault {
  SourcePosition at;
  Issue issue;
};
struct PolicyResult {
  Policy policy;
  std::vector<PlacedFault> faults;  // not empty: the policy is not to be used
};
PolicyResult ReadPolicy(std::string_view text, const std::string& file);

// What the policy says, on the day of the report, of what was found: severities of rules, those that are off left out,
// waivers that hold; sorted worst first, then by rule, place and subject. A waiver that has ended, or that nothing
// needs any more, is a finding itself (static.waiver).
void Settle(Report& report, const Policy& policy);

}  // namespace guidon::gate
