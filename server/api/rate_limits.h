// What the API says about budgets (server/http/budgets.h): how much is left, and 429.
//
// The fields are RateLimit-Policy and RateLimit of draft-ietf-httpapi-ratelimit-headers-10 (docs/decisions/budgets.md).
//
// Thread safety: pure functions.
#pragma once

#include <string_view>

#include "server/http/budgets.h"
#include "server/http/message.h"

namespace guidon {

// `whose` names the budget: "key", "address".
void AppendRateLimit(http::Response& response, std::string_view whose, const http::Spent& spent);

// 429, with a Retry-After after which there is something again, and up to four seconds more, so that those who were
// sent away together do not come back together.
http::Response OverBudget(http::Budget budget, std::string_view whose, const http::Spent& spent,
                          std::string_view request_id);

}  // namespace guidon
