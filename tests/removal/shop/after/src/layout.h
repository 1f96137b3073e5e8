// What is below every page.
#pragma once

#include <string>

#include "src/cart.h"

namespace shop {

std::string Footer(const guidon::Context& user);

}  // namespace shop
