// The flags of project shop, one typed accessor each.
//
// Written by `guidon generate cpp` from the workspace. Do not edit: change the workspace, and write it anew.
// clang-format off
#pragma once

#include <guidon/client.h>

#include <cstdint>
#include <string_view>

namespace flags {

/// Pay after delivery
///
/// Flag `account.invoice`, owner payments.
template <typename Reader>
bool account_invoice(const Reader& reader, const guidon::Context& context,
                     bool fallback = false) noexcept {
  return reader.Bool("account.invoice", context, fallback);
}

/// How many days somebody has to send things back
///
/// Flag `account.returns_days`, owner logistics.
template <typename Reader>
std::int64_t account_returns_days(const Reader& reader, const guidon::Context& context,
                                  std::int64_t fallback = 14) noexcept {
  return reader.Int("account.returns_days", context, fallback);
}

/// The variations of `checkout.layout`.
enum class CheckoutLayout { kMultiStep, kSinglePage };
inline constexpr std::string_view kCheckoutLayoutNames[] = {"multi_step", "single_page"};

/// The checkout on one page instead of four
///
/// Flag `checkout.layout`, owner payments, until 2027-03-31.
template <typename Reader>
CheckoutLayout checkout_layout(const Reader& reader, const guidon::Context& context,
                               CheckoutLayout fallback = CheckoutLayout::kMultiStep) noexcept {
  const int index = reader.Variation("checkout.layout", context, kCheckoutLayoutNames, 2,
                                     static_cast<int>(fallback));
  return static_cast<CheckoutLayout>(index);
}

/// Holds automatic refunds back while the ledger is checked
///
/// Flag `payments.pause_refunds`, owner payments.
template <typename Reader>
bool payments_pause_refunds(const Reader& reader, const guidon::Context& context,
                            bool fallback = false) noexcept {
  return reader.Bool("payments.pause_refunds", context, fallback);
}

/// The payment service that replaces the one of 2019
///
/// Flag `payments.v2`, owner payments, until 2027-06-30.
template <typename Reader>
bool payments_v2(const Reader& reader, const guidon::Context& context,
                 bool fallback = false) noexcept {
  return reader.Bool("payments.v2", context, fallback);
}

/// The wallets on offer, in the order of their buttons
///
/// Flag `payments.wallets`, owner payments.
template <typename Reader>
guidon::Value payments_wallets(const Reader& reader, const guidon::Context& context,
                               const guidon::Value& fallback = guidon::Value()) noexcept {
  return reader.Json("payments.wallets", context, fallback);
}

/// The variations of `search.ranker`.
enum class SearchRanker { kBm25, kHybrid, kSemantic };
inline constexpr std::string_view kSearchRankerNames[] = {"bm25", "hybrid", "semantic"};

/// What orders the results of a search
///
/// Flag `search.ranker`, owner search.
template <typename Reader>
SearchRanker search_ranker(const Reader& reader, const guidon::Context& context,
                           SearchRanker fallback = SearchRanker::kBm25) noexcept {
  const int index = reader.Variation("search.ranker", context, kSearchRankerNames, 3,
                                     static_cast<int>(fallback));
  return static_cast<SearchRanker>(index);
}

/// How many suggestions appear below the search box
///
/// Flag `search.suggestions`, owner search.
template <typename Reader>
std::int64_t search_suggestions(const Reader& reader, const guidon::Context& context,
                                std::int64_t fallback = 0) noexcept {
  return reader.Int("search.suggestions", context, fallback);
}

/// How long a search may take before the shop shows the cached results
///
/// Flag `search.timeout_ms`, owner search.
template <typename Reader>
std::int64_t search_timeout_ms(const Reader& reader, const guidon::Context& context,
                               std::int64_t fallback = 800) noexcept {
  return reader.Int("search.timeout_ms", context, fallback);
}

/// The line above the header
///
/// Flag `shop.banner`, owner growth.
template <typename Reader>
guidon::Value shop_banner(const Reader& reader, const guidon::Context& context,
                          const guidon::Value& fallback = guidon::Value()) noexcept {
  return reader.Json("shop.banner", context, fallback);
}

/// Delivery within the day, where a depot is near
///
/// Flag `shop.express_delivery`, owner logistics.
template <typename Reader>
bool shop_express_delivery(const Reader& reader, const guidon::Context& context,
                           bool fallback = false) noexcept {
  return reader.Bool("shop.express_delivery", context, fallback);
}

/// The variations of `shop.home_hero`.
enum class ShopHomeHero { kProduct, kPeople, kVideo };
inline constexpr std::string_view kShopHomeHeroNames[] = {"product", "people", "video"};

/// The large picture of the home page
///
/// Flag `shop.home_hero`, owner growth.
template <typename Reader>
ShopHomeHero shop_home_hero(const Reader& reader, const guidon::Context& context,
                            ShopHomeHero fallback = ShopHomeHero::kProduct) noexcept {
  const int index = reader.Variation("shop.home_hero", context, kShopHomeHeroNames, 3,
                                     static_cast<int>(fallback));
  return static_cast<ShopHomeHero>(index);
}

/// Shows the page that says we are back soon
///
/// Flag `shop.maintenance`, owner platform.
template <typename Reader>
bool shop_maintenance(const Reader& reader, const guidon::Context& context,
                      bool fallback = false) noexcept {
  return reader.Bool("shop.maintenance", context, fallback);
}

/// Stock levels from the cache, in steps over all stores
///
/// Flag `shop.stock_cache`, owner platform, until 2027-02-28.
template <typename Reader>
bool shop_stock_cache(const Reader& reader, const guidon::Context& context,
                      bool fallback = false) noexcept {
  return reader.Bool("shop.stock_cache", context, fallback);
}

}  // namespace flags
