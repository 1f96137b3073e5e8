#include "src/pages.h"

#include "src/client.h"
#include "src/flags.h"
#include "src/log.h"

namespace shop {

std::string Checkout(const guidon::Context& user) {
  // Of a TestSource variations have no names, so the fallback is what is served.
  switch (flags::checkout_layout(TheClient(), user, flags::CheckoutLayout::kSinglePage)) {
    case flags::CheckoutLayout::kMultiStep:
      Log("step 1");
      return "step 1 of 3";
    case flags::CheckoutLayout::kSinglePage:
      return "all on one page";
  }
  return "";
}

std::string Title(const guidon::Context& user) {
  const std::string layout = TheClient().String("checkout.layout", user, "multi_step");
  if (layout == "single_page") return "Checkout (" + layout + ")";
  return "Checkout, step by step";
}

int Shown(const guidon::Context& user, int items) {
  const std::int64_t limit = flags::items_limit(TheClient(), user);
  if (limit <= 10) {
    Log("few");
  }
  return items < limit ? items : static_cast<int>(limit);
}

}  // namespace shop
