// A flag that is nothing but a value: what a TestSource sets, and what a flag file says that names flags by their keys.
//
// Thread safety: pure functions.
#pragma once

#include <string_view>

#include <guidon/value.h>
#include "core/codec/wire.h"

namespace guidon::internal {

// Enabled in `environment`, and served to everyone. Its type is that of the value: bool, text, number, or for anything
// else JSON.
EncodedEntity PlainFlag(std::string_view key, Value value, std::string_view environment);

}  // namespace guidon::internal
