// The parts of sentences: what a test asks, what a context has there, whose buckets are whose.
//
// Internal to core/explain. Thread safety: pure functions.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include <guidon/value.h>
#include "core/model/condition.h"

namespace guidon::explain {

// Of a context's value, as evaluation finds it: by its whole name, or member by member; nullptr: it has none.
const Value* FindAttribute(const Value& context, std::string_view attribute);

std::string Shown(const Value& value);      // as JSON, shortened
std::string Quoted(std::string_view text);  // quoted, shortened

// R"(country is one of "DE", "FR")"
std::string AskedOf(std::string_view attribute, const Test& test, bool ignore_case);
// R"(it is "US")", "there is none", R"(it is "4.x", which is no version)"
std::string FoundAt(const Test& test, const Value* value);

// "0–19999 (20%)" of ranges as the trace has them ({"variation" or "variant", "begin", "end"}), of one arm; "nothing".
std::string BucketsOf(const Array& ranges, std::string_view kind, std::string_view arm);
// The arms, in the order of their first buckets.
std::vector<std::string> ArmsOf(const Array& ranges, std::string_view kind);

}  // namespace guidon::explain
