// The application of `./dev demo`: connects, says what it has, and then every change it sees, with the time in
// microseconds since the epoch. One line each, made for a script that reads along:
//
//   ready revision=2 flags=14 ms=1.8
//   value flag=checkout.layout user=user-42 value=multi reason=DEFAULT
//   change at_us=1764000000123456 revision=3 flag=payments.v2 value=true
//
//   GUIDON_SDK_KEY=gdn_srv_… shop_demo --server http://127.0.0.1:8400
//
// Ends on SIGTERM or SIGINT, or when its standard input ends.
#include <guidon/client.h>
#include <poll.h>
#include <unistd.h>
#include <csignal>

#include <atomic>
#include <chrono>
#include <cstdlib>
#include <iomanip>
#include <iostream>
#include <mutex>
#include <string>

namespace {

using Clock = std::chrono::steady_clock;

std::int64_t TimeOfDayUs() {
  return std::chrono::duration_cast<std::chrono::microseconds>(std::chrono::system_clock::now().time_since_epoch())
      .count();
}

std::atomic<bool> stopping{false};
void OnSignal(int) {
  stopping = true;
}

std::string Text(bool value) {
  return value ? "true" : "false";
}

}  // namespace

int main(int argc, char** argv) {
  signal(SIGINT, OnSignal);
  signal(SIGTERM, OnSignal);
  guidon::ClientConfig config;
  config.server = "http://127.0.0.1:8400";
  config.application = "shop-demo";
  config.application_version = "1.0";
  for (int i = 1; i + 1 < argc; i += 2) {
    if (std::string(argv[i]) == "--server") config.server = argv[i + 1];
  }
  if (const char* key = std::getenv("GUIDON_SDK_KEY")) config.key = key;

  std::mutex output;
  const auto start = Clock::now();
  guidon::Client client(config);
  guidon::Context user("user-42");
  user.Set("country", "DE").Set("plan", "pro").Set("account_id", "account-7").Set("platform", "web");

  const guidon::Readiness ready = client.WaitReady(std::chrono::seconds(10));
  if (!ready) {
    std::cout << "failed cause=\"" << ready.cause << "\"" << std::endl;
    return 1;
  }
  const double ms = std::chrono::duration<double, std::milli>(Clock::now() - start).count();
  const guidon::ClientStatus status = client.Status();
  std::cout << "ready revision=" << status.revision << " flags=" << status.flags << " ms=" << std::fixed
            << std::setprecision(1) << ms << std::endl;

  const guidon::Subscription changes = client.OnChange([&](const guidon::RulesetChange& change) {
    const std::int64_t at = TimeOfDayUs();
    const std::lock_guard<std::mutex> lock(output);
    for (const std::string& flag : change.flags) {
      std::cout << "change at_us=" << at << " revision=" << change.revision << " flag=" << flag;
      const auto detail = client.BoolDetail(flag, user, false);
      if (detail.error == guidon::EvaluationError::kNone) std::cout << " value=" << Text(detail.value);
      std::cout << std::endl;
    }
  });
  {
    const auto layout = client.StringDetail("checkout.layout", user, "multi");
    const auto payments = client.BoolDetail("payments.v2", user, false);
    const std::lock_guard<std::mutex> lock(output);
    std::cout << "value flag=checkout.layout user=user-42 value=" << layout.value
              << " reason=" << ToString(layout.reason)
              << "\nvalue flag=payments.v2 user=user-42 value=" << Text(payments.value)
              << " reason=" << ToString(payments.reason) << std::endl;
  }
  while (!stopping) {
    pollfd input{STDIN_FILENO, POLLIN, 0};
    if (poll(&input, 1, 200) <= 0) continue;
    char ignored[256];
    if (read(STDIN_FILENO, ignored, sizeof ignored) <= 0) break;
  }
}
