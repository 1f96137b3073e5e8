// Takes a flag out of one translation unit: every read becomes the value that survives, and what is dead then goes.
//
//   UnitResult result = Fold(context, request, names);
//
// What lies in macros and templates is left as it is. A statement is folded as a whole or not at all. Whatever mentions
// the flag and is neither changed nor taken away is a Mention that is not `gone`, with the reason.
//
// Thread safety: one thread.
#pragma once

#include <clang/AST/ASTContext.h>

#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "removal/cpp/known.h"
#include "removal/edits.h"
#include "removal/exchange.h"

namespace guidon::removal {

using Place = std::pair<std::string, std::size_t>;  // a file and an offset in it

struct Mention {
  std::size_t end = 0;
  int line = 0, column = 0;
  bool is_read = false;  // else the declaration of a handle, a test that sets the flag, …
  bool gone = false;
  std::string handle;  // its USR, of what uses or declares one
  std::string why;     // it is left
};

// How the declaration of a handle would be taken away.
struct HandleRemoval {
  std::map<std::string, std::set<Edit>> edits;  // by file
  bool possible = true;
};

struct UnitResult {
  std::map<std::string, Edits> edits;  // by file
  std::map<Place, Mention> mentions;
  std::map<std::string, HandleRemoval> handles;  // by USR
  std::set<Place> folds;
  std::vector<Left> left;
};

// `names` as FindNames has gathered them from all translation units.
UnitResult Fold(clang::ASTContext& context, const Request& request, const Names& names);

// Adds what this translation unit declares; `known` as it was gathered before.
void FindNames(clang::ASTContext& context, const Request& request, Names& names);

}  // namespace guidon::removal
