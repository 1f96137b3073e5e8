// What a gate found, sent to the audit log of the server that it asked (docs/gate.md, The record).
//
// Thread safety: one thread.
#pragma once

#include <string>

#include "cli/verbs.h"
#include "gate/finding.h"
#include "gate/policy.h"

namespace guidon::cli {

struct GateRun {
  gate::Report& report;  // settled
  std::string project;
  std::string release = {}, revision = {};  // that were asked about; empty: none
};

// Sends it, as far as the policy wants that, and puts the server's receipt into a file, unless that is empty: who wants
// a receipt demands the record. Says on standard error what went wrong, and with a receipt as which revision it is
// recorded. Returns the exit code of the gate: that of the verdict, or, where a record was demanded and there is none,
// 2 or 4, with Report::unrecorded set; a verdict that fails stays one. Before the report is shown: nobody reads of a
// pass that is none.
int RecordGateRun(const Connection& connection, const GateRun& run, gate::Recording recording,
                  const std::string& receipt);

}  // namespace guidon::cli
