// A flag's targeting in a file, made to say what it says of another environment. What is the same already stays as it
// is written, with its comments; the rest is taken as it stands there, with those that explain it.
//
// Thread safety: pure functions.
#pragma once

#include <string>

#include "core/base/result.h"
#include "core/diff/targeting_merge.h"
#include "format/tree.h"

namespace guidon::cli {

struct TargetingEdit {
  std::string flag;      // its key
  int line = 0;          // where the word `flag` of its definition stands, from 1
  std::string from, to;  // environments
  // What both say, in the canonical form.
  TargetingValue from_says, to_says;
};

// kInvalid: on that line there is no such flag, or it is written in a way that has no place for it (through an alias).
// The caller reads what comes of it again.
Status EditTargeting(format::Tree& tree, const TargetingEdit& edit);

}  // namespace guidon::cli
