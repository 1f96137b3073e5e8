// What a gate found, for people on a terminal and in a pull request, and for the programs that show it elsewhere.
//
// The same report gives the same bytes. Texts come from files and servers: each format escapes what would mean
// something in it.
//
// Thread safety: pure functions.
#pragma once

#include <cstddef>
#include <string>

#include <guidon/value.h>
#include "gate/finding.h"

namespace guidon::gate {

// How words are marked on a terminal; "" where there are no colours.
struct Marks {
  std::string red, yellow, green, bold, plain;
};

// A short table, worst first, then what changes, as far as it has room, and one line with the verdict. No line is
// longer than `width`.
std::string ToTable(const Report& report, std::size_t width, const Marks& marks = {});

// {"verdict", "environment", "policy", "policy_hash", "inputs_hash", "unreachable", "unrecorded", "looked", "counts",
// "findings", "changes"}: docs/gate.md.
Value ToJson(const Report& report);

// SARIF 2.1.0 (OASIS), one run; what GitHub's and GitLab's code scanning read. Waived findings are `suppressions`; what
// is in no file is at the first line of Report::file.
std::string ToSarif(const Report& report, const std::string& version);

// JUnit XML as CI servers read it: a suite for each group, a test case for each of its rules; a rule that is broken
// fails with all of its findings; a server that is away is an error of a suite of its own. Its time is the beginning of
// the day.
std::string ToJUnit(const Report& report);

// GitLab's Code Quality report: what is at a line of a file and counts, and at that of Report::file a server that is
// away. GitLab shows the same finding once, by a fingerprint that does not change when it moves within its file.
std::string ToCodeQuality(const Report& report);

// A comment for a pull request, which a product manager understands: the verdict, what has to be mended and by whom,
// what changes and who moves (as far as a comment of GitHub has room), the rest folded away.
std::string ToMarkdown(const Report& report);

// Workflow commands of GitHub Actions, which mark the lines of a pull request: "::error file=…,line=…::…".
std::string ToGitHub(const Report& report);

}  // namespace guidon::gate
