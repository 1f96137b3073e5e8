// A C++ header with one typed accessor for each flag of a project: what `guidon generate cpp` writes.
//
//   boolean   bool payments_v2(reader, context, fallback = false)
//   string    CheckoutLayout checkout_layout(reader, context, fallback = CheckoutLayout::kMultiStep)
//   number    std::int64_t or double, by its values
//   json      guidon::Value
//
// A reader is a guidon::Client or a guidon::Pin. Archived flags have no accessor, so that code which still reads one
// does not compile; those past their day are [[deprecated]]. The header is C++17, needs neither exceptions nor RTTI,
// and is the same text for the same definitions.
//
// Names. The accessor of `checkout.layout` is `checkout_layout`: what is no letter or digit becomes one underscore; a
// keyword gets one behind, a leading digit `flag_` in front. Types and enumerators are in PascalCase. Two flags, or two
// variations of one, that would get the same name are refused: nobody could tell which is which.
//
// Thread safety: pure functions.
#pragma once

#include <chrono>
#include <string>
#include <string_view>

#include "core/base/result.h"
#include "core/model/definitions.h"

namespace guidon::cli {

struct CppHeaderOptions {
  std::string name_space = "flags";  // "flags", "shop::flags"
  std::chrono::sys_days today{};     // flags that expired before it are deprecated
};

// kInvalid names the two that collide, or what is wrong with the namespace.
Result<std::string> CppHeader(const Definitions& definitions, const CppHeaderOptions& options);

// What the accessor of a flag is called: "checkout_layout".
std::string AccessorName(std::string_view key);

// The same header but for deprecations, which come by the day and not by a change of the workspace.
bool IsSameApartFromDeprecations(std::string_view a, std::string_view b);

}  // namespace guidon::cli
