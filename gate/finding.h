// What a gate finds, and what it makes of all that it found.
//
//   Report report = …;                            // the checks have added what they found
//   Settle(report, policy);                       // severities, waivers, order
//   std::cout << ToTable(report, 80);
//   return ExitCodeOf(report);
//
// Thread safety: plain values and pure functions.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/diff/diff.h"
#include "yaml/yaml.h"

namespace guidon::gate {

// What it does to the verdict; the worst first.
enum class Severity : std::uint8_t {
  kFail,  // may not be released
  kHold,  // nobody can say yet: try again later
  kWarn,  // may be released, and somebody should look
  kNote,  // is told
};
std::string_view ToString(Severity severity);  // "fail", "hold", "warn", "note"

struct Place {
  std::string file;  // as a person would open it from where the gate was run; empty: in no file
  SourcePosition at;
  friend bool operator==(const Place& a, const Place& b) {
    return a.file == b.file && a.at.line == b.at.line && a.at.column == b.at.column;
  }
};

struct Finding {
  std::string rule;                     // "static.expiry": gate/rules.h has them all
  Severity severity = Severity::kFail;  // of the check; Settle makes it that of the policy
  std::string subject;                  // "flag checkout.layout", "experiment one-page"
  std::string owner;                    // of the subject; empty: nobody is named
  Place place;
  std::string message;      // "its time was over on 2026-03-31"
  std::string fix;          // "remove it, or move the day"; may be empty
  std::string waived = {};  // why it does not count; empty: it counts
  friend bool operator==(const Finding&, const Finding&) = default;
};

// What the files would do to a definition of the environment: no finding, but what the verdict is about.
struct Changed {
  EntityChange what;
  std::string owner;  // as it will be; empty: nobody is named
  Place place;
  friend bool operator==(const Changed&, const Changed&) = default;
};

// Which checks were made. What could not be looked at is told: a pass says nothing about it.
struct Looked {
  // "static", "tests" (of static.test), "change", "code", "usage" (of code.settled-flag), "live", "delivery"
  std::string group;
  bool done = false;
  std::string reason;  // why not: "no --workspace was given"
  friend bool operator==(const Looked&, const Looked&) = default;
};

enum class Verdict : std::uint8_t {
  kPass,
  kFail,
  kHold,
  kNone,  // a server cannot be reached, and nobody has said what that means
};
std::string_view ToString(Verdict verdict);  // "pass", "fail", "hold", "none"

struct Report {
  std::string environment;
  std::string policy;           // its name, or that of its file; "default" without a file
  std::string policy_hash;      // 64 hex digits: SHA-256 of its text; empty without a file
  std::chrono::sys_days day{};  // of the run: what has expired, and which waivers hold, depends on it
  std::vector<Looked> looked;
  std::vector<Finding> findings;
  std::optional<std::vector<Changed>> changes = {};  // by kind and key; absent: nothing was compared
  std::string inputs_hash = {};                      // of all that decided (gate/inputs.h); empty: nobody has asked
  // What the policy makes of a server that could not be reached, kNone if it says nothing; absent: it was reached.
  std::optional<Verdict> unreachable = {};
  // Why there is no record of this run, where one is demanded: then there is no pass and no hold. Empty: there is one,
  // or need not be.
  std::string unrecorded = {};
  std::string file = "guidon.yaml";  // stands for what is in no file, where a format wants one
  friend bool operator==(const Report&, const Report&) = default;
};

// Its message, without the full stop of a sentence: the formats have their own.
std::string MessageOf(const Finding& finding);
// "flag checkout.layout: its time was over on 2026-03-31 (remove it, or move the day)"
std::string SentenceOf(const Finding& finding);
std::string LineOf(const Place& place);  // "shop/flags/layout.yaml:4"; "" where there is no file

std::chrono::sys_days DayOf(std::int64_t epoch_ms);  // the UTC day of a moment

// What a change does, a line each: as many as `most`, and then how many there are besides.
std::vector<std::string> LinesOf(const EntityChange& change, std::size_t most);

// By the worst finding that counts, and what the policy makes of a server that is away, or a record that is not there:
// that hides no failure.
Verdict VerdictOf(const Report& report);
int ExitCodeOf(Verdict verdict);  // 0, 1, 3, 4

// The same as findings, for formats that show findings and no verdict; none: it was reached, and there is the record
// that was demanded. They are none of Report::findings: no rules of the policy, so that they can be neither waived nor
// switched off.
inline constexpr std::string_view kUnreachableRule = "server.unreachable", kUnrecordedRule = "server.unrecorded";
std::vector<Finding> ServerFindingsOf(const Report& report);

// How many findings count, by severity.
struct Counts {
  std::size_t fail = 0, hold = 0, warn = 0, note = 0, waived = 0;
};
Counts CountsOf(const Report& report);

// "2 to mend, 1 to wait for, 3 warnings; 1 waived", "nothing found".
std::string SummaryOf(const Counts& counts);
// The same, and that the server could not be reached, or has no record of the run.
std::string SummaryOf(const Report& report);

}  // namespace guidon::gate
