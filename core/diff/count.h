// How many of given contexts are served another variation: what a diff counts where conditions, segments or targets
// change and no share of buckets can be told from the definitions alone.
//
//   Result<std::vector<Context>> contexts = ParseContexts(text_of_contexts_jsonl);
//   for (const FlagMoves& flag : CountMoves(*Compile(before), *Compile(after), *contexts, now_ms)) {
//     if (flag.moved > 0) Print(flag);   // "checkout.layout: 120 of 1 000 contexts move: multi_step → single_page 120"
//   }
//
// Evaluates with the evaluator that applications use: prerequisites, segments, kept ranges, experiments and holdouts
// count as they would there.
//
// Thread safety: pure functions. Cost: two evaluations for each flag and context.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <guidon/context.h>
#include "core/base/result.h"
#include "core/ruleset/ruleset.h"

namespace guidon {

// Names of variations; "" is the caller's fallback: no such flag, no `off`, or an error.
struct VariationMove {
  std::string from, to;
  std::uint64_t contexts = 0;
  friend bool operator==(const VariationMove&, const VariationMove&) = default;
};

struct FlagMoves {
  std::string flag;
  std::uint64_t contexts = 0;        // all that were looked at
  std::uint64_t moved = 0;           // are served another variation
  std::uint64_t revalued = 0;        // are served the variation of before, which has another value now
  std::vector<VariationMove> moves;  // most contexts first, then by name; their counts add up to `moved`
  friend bool operator==(const FlagMoves&, const FlagMoves&) = default;
};

// One entry for each flag of either side, by key; also for those that move nobody. `now_ms` stands for `now` in
// conditions, on both sides.
std::vector<FlagMoves> CountMoves(const Ruleset& before, const Ruleset& after, const std::vector<Context>& contexts,
                                  std::int64_t now_ms);

// One context a line, as JSON: {"key": "user-42", "country": "DE"}. Blank lines are skipped, and so is a byte
// order mark. kInvalid with an issue for each line that is none, naming the line; its message names them all.
Result<std::vector<Context>> ParseContexts(std::string_view text);

}  // namespace guidon
