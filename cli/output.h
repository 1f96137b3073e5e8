// What the command line says: for people on a terminal, for programs with --json.
//
// Thread safety: one thread.
#pragma once

#include <string>
#include <string_view>

#include <guidon/value.h>
#include "cli/workspace.h"
#include "core/base/result.h"

namespace guidon::cli {

// Colours only on a terminal, and not when NO_COLOR is set.
std::string Red(std::string_view text);
std::string Yellow(std::string_view text);
std::string Green(std::string_view text);
std::string Bold(std::string_view text);

// "experiments/one-page.yaml:14:21  error  unknown segment 'eu-wbe' (did you mean 'eu-web'?)"
std::string Describe(const PlacedIssue& placed);
Value ToValue(const PlacedIssue& placed);

// One line on standard error: "guidon: …".
void Complain(std::string_view message);

void PrintJson(const Value& value);  // on standard output, for programs: one line

// "1 error, 2 warnings"
std::string Count(std::size_t errors, std::size_t warnings);
std::string Plural(std::size_t count, std::string_view one);  // "1 flag", "2 flags"

}  // namespace guidon::cli
