// JSON Merge Patch, RFC 7396: members of the patch replace those of the target, null removes, lists are replaced whole.
//
// Thread safety: a pure function.
#pragma once

#include <guidon/value.h>

namespace guidon {

Value MergePatch(Value target, const Value& patch);

}  // namespace guidon
