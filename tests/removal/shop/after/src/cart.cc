#include "src/cart.h"

#include "src/client.h"
#include "src/log.h"

namespace shop {

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
  const int sum = Discounted(Sum(items_));
  return sum;
}

std::string Cart::Page(const guidon::Context& user) const {
  std::string page;
  if (!items_.empty()) {
    const std::string title = "Your order";
    page += title + "\n";
  } else {
    page += "Nothing yet\n";
  }
  for (const Item& item : items_) {
    page += item.name + "\n";
  }
  Counted("page");
  return page;
}

}  // namespace shop
