// The whole of it: connect, describe who is asking, read a flag.
//
//   GUIDON_SDK_KEY=gdn_srv_… quickstart [http://127.0.0.1:8400]
#include <guidon/client.h>

#include <cstdlib>
#include <iostream>

#include "examples/quickstart/flags.h"  // by `guidon generate cpp experiments/shop`

int main(int argc, char** argv) {
  guidon::ClientConfig config;
  config.server = argc > 1 ? argv[1] : "http://127.0.0.1:8400";
  if (const char* key = std::getenv("GUIDON_SDK_KEY")) config.key = key;
  config.log = [](guidon::LogLevel level, std::string_view line) {
    if (level >= guidon::LogLevel::kWarning) std::cerr << line << "\n";
  };
  guidon::Client client(config);
  if (guidon::Readiness ready = client.WaitReady(std::chrono::seconds(2)); !ready) std::cerr << ready.cause << "\n";

  guidon::Context user("user-42");
  user.Set("country", "DE").Set("plan", "pro");
  std::cout << "payments.v2 is " << (flags::payments_v2(client, user) ? "on" : "off") << "\n";

  const auto why = client.StringDetail("checkout.layout", user, "multi");
  std::cout << "checkout.layout is " << why.value << " because " << ToString(why.reason) << ", revision "
            << why.revision << "\n";
}
