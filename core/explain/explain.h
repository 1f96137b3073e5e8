// Why a flag served what it served, in words: the trace of an evaluation beside the definitions that it was of.
//
//   TraceSink trace;
//   const Decision decision = Evaluate(*ruleset, ruleset->Find(key), context, now_ms, trace);
//   const Explanation explanation = Explain({snapshot, *ruleset, context}, key, decision, trace);
//   Print(explanation.answer, explanation.because, WrittenSteps(explanation, columns));
//
// It decides nothing: what held and what did not is the trace's. What would have to be different for another answer is
// not said, for there may be many ways to it.
//
// Thread safety: pure functions. Cost: linear in the trace, and a look through the snapshot for each flag and segment.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <guidon/context.h>
#include <guidon/value.h>
#include "core/eval/evaluator.h"
#include "core/model/definitions.h"
#include "core/ruleset/ruleset.h"

namespace guidon {

// Something that was asked on the way to an answer.
struct ExplainedStep {
  std::string text;                  // R"(country is one of "DE", "FR" (it is "US"))"
  std::optional<bool> result = {};   // whether it is so; absent: nothing was asked, or it was left before it was known
  Object data = {};                  // for programs: the step of the trace, with the value that it looked at
  std::vector<ExplainedStep> steps;  // what it rests on, in the order in which it was asked
};

struct Explanation {
  std::string answer;                // R"(checkout.layout serves single_page, "single")"
  std::string because;               // "rule beta applies, and …"
  std::vector<ExplainedStep> steps;  // in the order in which they were asked; the last one decided
  std::vector<std::string> unasked;  // what comes after it: "rule beta", "the default"
};

struct ExplainedEvaluation {
  const Snapshot& snapshot;
  const Ruleset& ruleset;  // the snapshot, compiled
  const Context& context;
};
Explanation Explain(const ExplainedEvaluation& of, std::string_view flag, const Decision& decision,
                    const TraceSink& trace);

// The steps as a tree of lines, no line longer than `room`; "" when there are none. What a step asked stands beside
// "yes" or "no".
std::string WrittenSteps(const Explanation& explanation, std::size_t indent, std::size_t room);

// {"answer", "because", "steps": [{…, "text", "steps"}], "unasked"}
Value ToValue(const Explanation& explanation);

}  // namespace guidon
