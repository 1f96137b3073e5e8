// Fixes of a text that is not in the one layout, and is to stay so.
//
// Thread safety: a pure function.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace guidon::lint {

struct KeptLayout {
  std::string text;
  // Lines of the text as it was that others stand for, from 0, each without its end; in their order.
  std::vector<std::pair<std::size_t, std::size_t>> replaced;

  bool Replaces(std::size_t line) const;
};

// What differs between the text in the layout and that with its fixes, done to the text itself: where its lines are
// those of the layout. All else stays. Cost: that of MatchLines (core/base/lines.h); beyond its bound nothing
// is done.
KeptLayout KeepLayout(std::string_view text, std::string_view formatted, std::string_view fixed);

}  // namespace guidon::lint
