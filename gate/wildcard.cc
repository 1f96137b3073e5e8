#include "gate/wildcard.h"

#include <fnmatch.h>

namespace guidon::gate {

bool MatchesWildcard(const std::string& pattern, const std::string& text) {
  return fnmatch(pattern.c_str(), text.c_str(), FNM_NOESCAPE) == 0;
}

}  // namespace guidon::gate
