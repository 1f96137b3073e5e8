/* guidon_bool(client, "in.comment", user, false); */
#include <guidon.h>

int main(void) {
  if (guidon_bool(client, "new-checkout", user, false)) puts("guidon_bool(client, \"no\", user, false)");  /* ref: new-checkout boolean false */
  guidon_int(client, "account.returns_days", user, 14);                      /* ref: account.returns_days number 14 */
  guidon_double(client, "search.weight", user, 0.5);                         /* ref: search.weight number 0.5 */
  guidon_string(client, "checkout.layout", user, "multi", text, sizeof text);  /* ref: checkout.layout string "multi" */
  guidon_json(client, "payments.wallets", user, "[]", text, sizeof text);    /* ref: payments.wallets json */
  guidon_variation(client, "checkout.layout", user, kLayouts, 2, 0);         /* ref: checkout.layout string */
  guidon_bool_detail(client, "new-checkout", user, true, &why);              /* ref: new-checkout boolean true */
  guidon_reader_bool(pin, "home.header", user, false);                       /* ref: home.header boolean false */
  guidon_bool_flag* f = guidon_bool_flag_new(client, "a.handle", false);     /* ref: a.handle boolean false */
  guidon_bool(client, "of.zero", user, 0);                                   /* ref: of.zero boolean false */
  guidon_bool(client, "of.one", user, 1);                                    /* ref: of.one boolean true */
  guidon_bool(client, "of.two", user, 2);                                    /* ref: of.two boolean */
  guidon_string_flag_new(client, "text.handle", "multi");                    /* ref: text.handle string "multi" */
  guidon_bool_flag_read(f, user);
  guidon_context_set_text(user, "country", "DE");
  guidon_track(client, "order", user, &amount, &currency, 1);
  guidon_int(client, key, user, 14);
  return 'x' == '"' ? guidon_int(client, "behind.quote", user, 1) : 0;       /* ref: behind.quote number 1 */
}
