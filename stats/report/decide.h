// The rules of decision, over a report that has everything but its verdict.
#pragma once

#include "stats/report/report.h"

namespace guidon::stats {

// Sets decision, verdict, winner, next and notes. In this order, and the first that holds:
//
//   1. a red gate, no unit, or no primary metric (unless a guardrail is harmed): cannot_say
//   2. every variant is harmed: a guardrail beyond its margin, or the primary metric found worse: stop_for_harm
//   3. enough days and events; a variant that is not harmed was found better, and every guardrail that has a margin is
//      safe: ship (of several, the one with the largest effect), once the week in which it was found is over, or the
//      plan's end has come; until then keep_running
//   4. the plan's end has come: inconclusive
//   5. conditional power of every variant that is left below 10 %, from 30 % of the information on: stop_for_futility
//   6. keep_running, until when, and what would change it
void Decide(Report& report, Time now);

}  // namespace guidon::stats
