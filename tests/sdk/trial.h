// A workspace with one experiment that runs, and what a batch says of it.
//
// Thread safety: pure functions.
#pragma once

#include <string>

#include "tests/support/workspace.h"

namespace guidon::testing {

// `layout` shows half of the accounts something new; `banner` is on for everyone.
inline Snapshot TrialWorkspace(const std::string& more_of_the_experiment = "") {
  Snapshot snapshot = Workspace(
      {BooleanFlag("layout", R"("default": "off")"), BooleanFlag("banner", R"("default": "on")"),
       R"({"experiment": "trial", "flag": "layout", "environment": "production", "unit": "account_id", "state": "running",
           "variants": {"control": {"serves": "off", "weight": "50%"}, "new": {"serves": "on", "weight": "50%"}})" +
           more_of_the_experiment + "}"});
  snapshot.epoch = "k3v9x0q2m7p1c8d4";
  return snapshot;
}

inline Context Account(int number) {
  Context context("user-" + std::to_string(number));
  context.Set("account_id", "acct-" + std::to_string(number));
  return context;
}

}  // namespace guidon::testing
