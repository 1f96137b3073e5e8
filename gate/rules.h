// The rules of the gate: what each asks, and how bad it is that something breaks it, unless a policy says otherwise.
// docs/gate.md has the same list; a test holds the two against each other.
//
// Thread safety: constants.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "gate/finding.h"

namespace guidon::gate {

struct PolicyRule {
  std::string_view id;       // "static.expiry": group and name
  Severity severity;         // of its findings, unless a policy says otherwise
  std::string_view asks;     // "Are flags removed when their time is over?"
  std::string_view explain;  // what breaks it, and what to do; for SARIF's help
  // Whether the policy and the clock are enough, so that it is looked at whatever becomes of its group.
  bool asks_nobody() const { return id == "live.freeze"; }
  std::string_view group() const { return id.substr(0, id.find('.')); }
  // What of Report::looked says whether it was: its group, but for what takes more than that.
  std::string_view looked() const {
    return id == "static.test" ? "tests" : id == "code.settled-flag" ? "usage" : group();
  }
};

std::span<const PolicyRule> Rules();              // by group, in the order in which they are looked at
const PolicyRule* FindRule(std::string_view id);  // nullptr: there is none

// "static.expriy" -> "did you mean 'static.expiry'?"
std::string DidYouMeanRule(std::string_view id);

}  // namespace guidon::gate
