// Runs the shop with every flag at the value that survives, and prints all that it does.
#include <iostream>

#include "src/cart.h"
#include "src/client.h"
#include "src/layout.h"
#include "src/log.h"
#include "src/pages.h"

namespace shop {

guidon::TestSource& TheSource() {
  static guidon::TestSource source;
  return source;
}
const guidon::Client& TheClient() {
  static guidon::Client client(TheSource());
  return client;
}
void Log(const std::string& line) {
  std::cout << "log: " << line << "\n";
}
bool Counted(const std::string& what) {
  Log(what);
  return true;
}

}  // namespace shop

int main() {
  shop::TheSource().Set("checkout.new", true).Set("checkout.layout", "single_page").Set("items.limit", 25);
  const guidon::Context user("user-1");
  const shop::Cart cart(shop::TheClient(), {{"tea", 10}, {"cup", 30}}), empty(shop::TheClient(), {});
  std::cout << cart.Total(user) << "\n" << cart.Page(user) << empty.Page(user) << shop::Footer(user) << "\n";
  std::cout << shop::Checkout(user) << "\n" << shop::Title(user) << "\n" << shop::Shown(user, 100) << "\n";
}
