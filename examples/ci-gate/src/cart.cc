// The cart of the shop. `guidon refs src` finds what is read here.
#include <guidon/client.h>

#include <string>

std::string ButtonsOf(const guidon::Client& client, const guidon::Context& reader) {
  std::string buttons = "[buy]";
  if (client.Bool("cart.express", reader, false)) buttons += "[buy with one click]";
  if (client.Bool("cart.gift_wrap", reader, false)) buttons += "[wrap it]";
  return buttons;
}

std::string PaymentPath(const guidon::Client& client, const guidon::Context& reader) {
  return client.Bool("payments.v2", reader, false) ? "/v2/payments" : "/payments";
}
