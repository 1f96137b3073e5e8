#include "src/cart.h"

#include "src/client.h"
#include "src/log.h"

namespace shop {

const guidon::Flag<bool> kNewCheckout(TheClient(), "checkout.new", false);

namespace {

constexpr int kShipping = 5;

int Sum(const std::vector<Item>& items) {
  int sum = 0;
  for (const Item& item : items) sum += item.price;
  return sum;
}

// The new way of counting.
int Discounted(int sum) {
  return sum - sum / 10;
}

}  // namespace

int Cart::Total(const guidon::Context& user) const {
  const bool is_new = by_.Bool("checkout.new", user, false);
  const int sum = is_new ? Discounted(Sum(items_)) : Sum(items_);
  if (free_shipping_(user)) {
    return sum;
  }
  // Until everybody has it.
  return sum + kShipping;
}

std::string Cart::Page(const guidon::Context& user) const {
  std::string page;
  if (const bool on = by_.BoolDetail("checkout.new", user, false).value; on && !items_.empty()) {
    const std::string title = "Your order";
    page += title + "\n";
  } else if (on) {
    page += "Nothing yet\n";
  } else {
    Log("old page");
    page += "Cart\n";
  }
  for (const Item& item : items_) {
    if (!kNewCheckout(user)) continue;
    page += item.name + "\n";
  }
  if (Counted("page") && !by_.Bool("checkout.new", user, false)) {
    page += "Please wait\n";
  }
  return page;
}

}  // namespace shop
