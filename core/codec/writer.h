// What encoders share: members that are left out when they say nothing.
//
// Internal to core/codec. Thread safety: pure functions.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <guidon/value.h>
#include "core/model/flag.h"

namespace guidon::codec {

void PutText(Object& object, std::string_view name, const std::string& text);                 // unless empty
void PutTrue(Object& object, std::string_view name, bool value);                              // unless false
void PutTexts(Object& object, std::string_view name, const std::vector<std::string>& texts);  // unless empty
void PutPercent(Object& object, std::string_view name, std::optional<std::uint32_t> parts);
void PutDuration(Object& object, std::string_view name, std::optional<std::chrono::milliseconds> duration);
// Left out where nothing is given but the place.
void PutGiven(Object& object, const Value& given, std::optional<std::uint32_t> at);
void PutCondition(Object& object, std::string_view name, const std::optional<Condition>& condition);

Array Texts(const std::vector<std::string>& texts);
Value OneOrList(const std::vector<std::string>& texts);  // a scalar when there is one

}  // namespace guidon::codec
