#include "net/backoff.h"
#include "net/url.h"
#include "tests/fuzz/targets.h"

namespace guidon::fuzz {
namespace {

void CheckUrl(std::string_view text) {
  net::Url url;
  std::string error;
  if (!net::ParseUrl(text, &url, &error)) return Require(!error.empty(), "a refused address has a sentence");
  Require(url.port > 0 && url.port <= 65'535 && !url.host.empty(), "an address has a host and a port");
  Require(url.prefix.empty() || (url.prefix.front() == '/' && url.prefix.back() != '/'),
          "a prefix can be put in front");
  net::Url again;
  const std::string written = std::string(url.tls ? "https://" : "http://") + url.Authority() + url.prefix;
  Require(net::ParseUrl(written, &again, &error), "an address that was read can be written: " + written);
  Require(again.tls == url.tls && again.host == url.host && again.port == url.port && again.prefix == url.prefix,
          "and is the same one: " + written);
}

void CheckRetryAfter(std::string_view text) {
  const auto now = std::chrono::system_clock::time_point(std::chrono::seconds(1'800'000'000));
  const auto delay = net::ParseRetryAfter(text, now);
  if (!delay) return;
  Require(delay->count() >= 0, "a delay is not negative");
  net::Backoff backoff({}, 1);
  const auto next = backoff.Next(*delay);
  Require(next.count() >= 0 && next <= net::Backoff::kMostAsked + std::chrono::seconds(30), "a delay is bounded");
}

}  // namespace

void Net(std::string_view input) {
  CheckUrl(input);
  CheckRetryAfter(input);
}

}  // namespace guidon::fuzz
