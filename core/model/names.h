// What may be a name, and the bounds of a definition. The codec lets nothing past them.
//
// Thread safety: pure functions.
#pragma once

#include <cstddef>
#include <string_view>

namespace guidon {

inline constexpr std::size_t kMaxNameBytes = 128;
inline constexpr std::size_t kMaxContextKeyBytes = 1'024;  // targets, include and exclude lists
inline constexpr std::size_t kMaxTextBytes = 10'000;       // descriptions, hypotheses
inline constexpr std::size_t kMaxTags = 64;
inline constexpr std::size_t kMaxVariations = 256;  // and variants
inline constexpr std::size_t kMaxRules = 1'000;     // of a flag in one environment
inline constexpr std::size_t kMaxRampSteps = 100;   // of a rule
inline constexpr std::size_t kMaxList = 100'000;    // operands, target keys, segment keys
inline constexpr std::size_t kMaxItems = 1'000;     // all other lists and maps
inline constexpr int kMaxConditionDepth = 16;       // `all`, `any` and `not` within each other, the outermost counted
inline constexpr int kMaxDurationDays = 3'650;

// Of one regular expression (`matches`): instructions of its compiled program, and bytes of memory for that and for the
// automaton that grows from it while texts are searched. At the bound of memory the search goes on without an
// automaton, in time that is still linear in the text and in the program, which is why the program has a bound of its
// own.
inline constexpr int kMaxExpressionProgram = 5'000;
inline constexpr int kMaxExpressionMemory = 1 << 20;

// [A-Za-z0-9][A-Za-z0-9._-]{0,127}: keys of entities, projects and environments, names of variations and variants, ids
// of rules.
bool IsKey(std::string_view text);

// 1 … 128 bytes of UTF-8 without control characters. Also names of events and of their attributes.
bool IsAttributeName(std::string_view text);

// all, any, not, segment, flag, now, attribute: not attributes where they are keys of a condition.
bool IsReservedInConditions(std::string_view word);

}  // namespace guidon
