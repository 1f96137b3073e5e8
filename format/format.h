// The one layout of YAML that people write: what it says stays, every comment stays, and nothing else is a matter of
// taste. docs/spec/definitions.md ("Layout") has the rules.
//
// Thread safety: pure functions. Cost: linear; some 10 times that of reading the text.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/result.h"

namespace guidon {

struct FormatOptions {
  std::size_t columns = 100;  // in characters; a list or map in brackets that needs more is broken into lines
};

// The text in the one layout; formatting that once more changes nothing. kInvalid, with `LINE:COLUMN: what is wrong` as
// its message, for what ParseYaml refuses, for directives (%YAML), which say nothing here, and for carriage returns
// that end no line. kInternal when the result would not say the same, or would lack a comment: it is read again before
// it is given out.
Result<std::string> FormatYaml(std::string_view text, const FormatOptions& options = {});

// All comments, in the order in which they stand, from '#' to the end of the line without blanks there. Fails as
// FormatYaml.
Result<std::vector<std::string>> CommentsOf(std::string_view text);

}  // namespace guidon
