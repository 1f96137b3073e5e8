// The flags of project shop, one typed accessor each.
//
// Written by `guidon generate cpp` from the workspace. Do not edit: change the workspace, and write it anew.
// clang-format off
#pragma once

#include <guidon/client.h>

#include <cstdint>
#include <string_view>

namespace flags {

/// The variations of `checkout.layout`.
enum class CheckoutLayout { kMultiStep, kSinglePage };
inline constexpr std::string_view kCheckoutLayoutNames[] = {"multi_step", "single_page"};

/// Flag `checkout.layout`, owner shop.
template <typename Reader>
CheckoutLayout checkout_layout(const Reader& reader, const guidon::Context& context,
                               CheckoutLayout fallback = CheckoutLayout::kMultiStep) noexcept {
  const int index = reader.Variation("checkout.layout", context, kCheckoutLayoutNames, 2,
                                     static_cast<int>(fallback));
  return static_cast<CheckoutLayout>(index);
}

/// Flag `checkout.new`, owner shop.
template <typename Reader>
bool checkout_new(const Reader& reader, const guidon::Context& context,
                  bool fallback = false) noexcept {
  return reader.Bool("checkout.new", context, fallback);
}

/// Flag `items.limit`, owner shop.
template <typename Reader>
std::int64_t items_limit(const Reader& reader, const guidon::Context& context,
                         std::int64_t fallback = 10) noexcept {
  return reader.Int("items.limit", context, fallback);
}

}  // namespace flags
