// An application of somebody else: one flag, from a ruleset in the program.
#include <guidon/client.h>

#include <iostream>

int main() {
  guidon::ClientConfig config;
  config.bootstrap =
      R"({"schema":1,"project":"shop","environment":"production","epoch":"","revision":0,)"
      R"("digest":"25a4f873ed718b20706ac539c09aad7f","entities":[{"kind":"flag","key":"new-checkout","record":)"
      R"({"definition":{"flag":"new-checkout","type":"boolean","owner":"payments",)"
      R"("environments":{"production":{"enabled":true,"default":"on"}}},"state":{}}}]})";
  guidon::Client client(config);
  if (const guidon::Readiness ready = client.WaitReady(std::chrono::seconds(5)); !ready) {
    std::cerr << "not ready: " << ready.cause << "\n";
    return 1;
  }
  const guidon::Context user("user-42");
  std::cout << "new-checkout = " << (client.Bool("new-checkout", user, false) ? "true" : "false") << "\n";
  return 0;
}
