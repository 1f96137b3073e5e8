#include "src/layout.h"

#include <cstdint>

#include "src/client.h"
#include "src/flags.h"
#include "src/log.h"

namespace shop {

// A wrapper of this file.
static bool IsNew(const guidon::Context& user) {
  return TheClient().Bool("checkout.new", user, false);
}

std::string Footer(const guidon::Context& user) {
  const guidon::Pin pin = TheClient().Pin();
  std::string text = pin.Bool("checkout.new", user, false) ? "new" : "old";
  if (flags::checkout_new(TheClient(), user)) {
    text += " footer";
  } else {
    text += " line";
    Log("old footer");
  }
  if (IsNew(user)) text += "!";
  if (ShowsBadge(user)) text += " *";
  while (!IsNew(user)) Log("waiting");
  return text;
}

}  // namespace shop
