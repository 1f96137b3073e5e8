// The rules of decision, over a report that has everything but its verdict.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "stats/report/report.h"

namespace guidon::stats {

// Sets decision, verdict, winner, next and notes. In this order, and the first that holds:
//
//   1. a red gate, no unit, or no primary metric (unless a guardrail is harmed): cannot_say
//   2. every variant is harmed: a guardrail beyond its margin, or the primary metric found worse: stop_for_harm
//   3. a look has shown, or several have together, that a variant which is not harmed is better and every guardrail
//      with a margin safe: ship (of several at one look, the one with the largest effect there), once the week of that
//      look is over, or the plan's end has come; until then keep_running. Looks are kept, and what they found stands:
//      ship is said from then on, whatever the newest numbers are, unless a gate is red or the variant is harmed
//   4. the plan's end has come: inconclusive, once its last look is there
//   5. conditional power of every variant that is left below 10 %, from 30 % of the information on: stop_for_futility
//   6. keep_running, until when, and what would change it
void Decide(Report& report, Time now);

// From where a variant, numbered from 1, goes on to the planned end, by the primary metric: of a group sequential plan
// from the newest look, of a sequential one from the present. Nothing for a variant that has no numbers, and where no
// end is planned by units or days, or no look was taken.
struct Outlook {
  double point = 0, standard_error = 0;  // above 0
  bool is_relative = true;               // both
  double fraction = 0;                   // of the information, above 0 and at most 1
  double final_bound = 0;                // for |Z| at the end, above 0
};
std::optional<Outlook> OutlookOf(const Report& report, std::uint32_t variant);

// What would turn the decision that a report has, one or two sentences for every one of them; where it is to keep
// running, that is `next`.
std::string WouldChange(const Report& report, Time now);

}  // namespace guidon::stats
