#include "server/api/rate_limits.h"

#include <openssl/rand.h>

#include <string>

#include "server/api/problem.h"

namespace guidon {
namespace {

constexpr unsigned kSpreadSeconds = 5;

unsigned RandomSeconds() {
  unsigned char random = 0;
  RAND_bytes(&random, 1);
  return random % kSpreadSeconds;
}

}  // namespace

void AppendRateLimit(http::Response& response, std::string_view whose, const http::Spent& spent) {
  response.Header("RateLimit-Policy", http::PolicyOf(whose, spent));
  response.Header("RateLimit", http::LimitOf(whose, spent));
}

http::Response OverBudget(http::Budget budget, std::string_view whose, const http::Spent& spent,
                          std::string_view request_id) {
  const std::string each = std::to_string(spent.quota / static_cast<std::uint32_t>(http::Budgets::kWindow.count()));
  const std::string what = "more than " + each + " requests a second of the class '" +
                           std::string(http::ToString(budget)) + "' came " +
                           (whose == "key" ? "with this key" : "from this address") + "; see " + std::string(whose) +
                           "-budgets of the server";
  http::Response response = ProblemResponse(429, {ErrorCode::kOverloaded, what, {}}, request_id);
  const auto wait = std::chrono::ceil<std::chrono::seconds>(spent.wait).count();
  response.Header("Retry-After", std::to_string(wait + RandomSeconds()));
  AppendRateLimit(response, whose, spent);
  return response;
}

}  // namespace guidon
