#include "src/layout.h"

#include <cstdint>

#include "src/client.h"
#include "src/flags.h"
#include "src/log.h"

namespace shop {

std::string Footer(const guidon::Context& user) {
  std::string text = "new";
  text += " footer";
  text += "!";
  text += " *";
  return text;
}

}  // namespace shop
