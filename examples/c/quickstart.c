/* The whole of it in C: connect, describe who is asking, read a flag.
 *
 *   GUIDON_SDK_KEY=gdn_srv_... quickstart_c [http://127.0.0.1:8400]
 */
#include <guidon.h>

#include <stdio.h>
#include <stdlib.h>

int main(int argc, char** argv) {
  guidon_config config = GUIDON_CONFIG_INIT;
  guidon_error error = GUIDON_ERROR_INIT;
  config.server = argc > 1 ? argv[1] : "http://127.0.0.1:8400";
  config.key = getenv("GUIDON_SDK_KEY");
  guidon_client* client = guidon_client_new(&config, &error);
  if (guidon_client_wait_ready(client, 2000, &error) != GUIDON_OK) fprintf(stderr, "%s\n", error.message);

  guidon_context* user = guidon_context_new("user-42");
  guidon_context_set_text(user, "country", "DE");
  guidon_context_set_text(user, "plan", "pro");
  printf("payments.v2 is %s\n", guidon_bool(client, "payments.v2", user, false) ? "on" : "off");

  char layout[32];
  guidon_string(client, "checkout.layout", user, "multi", layout, sizeof layout);
  printf("checkout.layout is %s\n", layout);

  guidon_context_free(user);
  guidon_client_free(client);
  return 0;
}
