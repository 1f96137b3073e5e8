// What a cart costs, and how it is shown.
#pragma once

#include <guidon/client.h>

#include <string>
#include <vector>

namespace shop {

struct Item {
  std::string name;
  int price = 0;
};

// Read wherever a cart is shown.
extern const guidon::Flag<bool> kNewCheckout;

inline bool ShowsBadge(const guidon::Context& user) {
  return kNewCheckout(user) && kNewCheckout.Peek(user);
}

class Cart {
 public:
  Cart(const guidon::Client& by, std::vector<Item> items)
      : by_(by), free_shipping_(by, "checkout.new", false), items_(std::move(items)) {}

  int Total(const guidon::Context& user) const;
  std::string Page(const guidon::Context& user) const;

 private:
  const guidon::Client& by_;
  guidon::Flag<bool> free_shipping_;
  std::vector<Item> items_;
};

}  // namespace shop
