// The application of `./dev demo`: connects, says what it has, and then every change it sees, with the time in
// microseconds since the epoch. One line each, made for a script that reads along:
//
//   ready revision=2 flags=14 ms=1.8
//   value flag=checkout.layout user=user-42 value=multi reason=DEFAULT
//   change at_us=1764000000123456 revision=3 flag=payments.v2 value=true
//
// A line `search 6000` on its standard input has so many accounts search in the shop, by whatever search.ranker serves
// them, and says what the experiment search-hybrid-ranker has to come to:
//
//   searched accounts=6000 control=1811 hybrid=1786 control_clicked=754 hybrid_clicked=861
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
#include <random>
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

// Of one arm of search-hybrid-ranker.
struct Arm {
  int accounts = 0, clicked = 0;
};

// One account searches once: finds what it looked for more often where words and meaning rank together, and sometimes
// buys it.
void Search(const guidon::Client& client, int number, std::mt19937& random, Arm& control, Arm& hybrid) {
  const std::string account = "search-" + std::to_string(number);
  guidon::Context user(account);
  user.Set("account_id", account).Set("language", "de").Set("country", number % 3 == 0 ? "AT" : "DE");
  user.Set("platform", number % 2 == 0 ? "web" : "ios");
  const auto ranker = client.StringDetail("search.ranker", user, "bm25-2024");  // records the exposure
  const bool is_hybrid = ranker.value == "hybrid-v3";

  const auto happens = [&random](double chance) { return std::uniform_real_distribution<>(0, 1)(random) < chance; };
  client.Track("search", user);
  client.Track("page_shown", user, {{"duration_ms", std::lognormal_distribution<>(5.3, 0.4)(random)}});
  const bool clicks = happens(is_hybrid ? 0.48 : 0.40);
  if (clicks) client.Track("search_result_opened", user);
  if (clicks && happens(0.2)) client.Track("order", user, {{"amount", 31.5}, {"currency", "EUR"}});

  if (ranker.experiment != "search-hybrid-ranker") return;
  Arm& arm = is_hybrid ? hybrid : control;
  ++arm.accounts;
  arm.clicked += clicks ? 1 : 0;
}

// False when what happened did not reach the server.
bool Search(const guidon::Client& client, int accounts, Arm& control, Arm& hybrid) {
  std::mt19937 random(20261130);
  for (int i = 0; i < accounts; ++i) {
    Search(client, i, random, control, hybrid);
    // No shop has so many new accounts in a moment: what is recorded has to be taken from this thread.
    if (i % 200 == 199 && !client.Flush(std::chrono::seconds(10))) return false;
  }
  return client.Flush(std::chrono::seconds(10)) && client.Status().events.dropped == guidon::DroppedEvents();
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
  std::string typed;
  while (!stopping) {
    pollfd input{STDIN_FILENO, POLLIN, 0};
    if (poll(&input, 1, 200) <= 0) continue;
    char some[256];
    const ssize_t size = read(STDIN_FILENO, some, sizeof some);
    if (size <= 0) break;
    typed.append(some, static_cast<std::size_t>(size));
    const std::size_t end = typed.find('\n');
    if (end == std::string::npos) continue;
    const int accounts = typed.rfind("search ", 0) == 0 ? std::atoi(typed.c_str() + 7) : 0;
    typed.erase(0, end + 1);
    Arm control, hybrid;
    const bool is_kept = Search(client, accounts, control, hybrid);
    const std::lock_guard<std::mutex> lock(output);
    std::cout << (is_kept ? "searched" : "lost") << " accounts=" << accounts << " control=" << control.accounts
              << " hybrid=" << hybrid.accounts << " control_clicked=" << control.clicked
              << " hybrid_clicked=" << hybrid.clicked << std::endl;
  }
}
