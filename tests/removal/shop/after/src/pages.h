// Pages of the checkout.
#pragma once

#include <guidon/client.h>

#include <string>

namespace shop {

std::string Checkout(const guidon::Context& user);
std::string Title(const guidon::Context& user);
int Shown(const guidon::Context& user, int items);

}  // namespace shop
