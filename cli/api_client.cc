#include "cli/api_client.h"

#include <iostream>
#include <random>

#include "cli/output.h"
#include "core/base/json.h"
#include "net/http_client.h"

namespace guidon::cli {
namespace {

std::string RandomToken() {
  std::random_device device;
  std::string token = "cli-";
  for (int i = 0; i < 24; ++i) token += "0123456789abcdefghijklmnopqrstuv"[device() % 32];
  return token;
}

}  // namespace

std::string Escape(const std::string& name) {
  static constexpr char kHex[] = "0123456789ABCDEF";
  std::string out;
  for (const char c : name) {
    const auto byte = static_cast<unsigned char>(c);
    if (std::isalnum(byte) != 0 || c == '.' || c == '_' || c == '-') {
      out += c;
    } else {
      out.append(1, '%').append(1, kHex[byte >> 4]).append(1, kHex[byte & 15]);
    }
  }
  return out;
}

Result<ApiAnswer> Ask(const Connection& connection, const std::string& method, const std::string& path,
                      const Value& body) {
  net::Url url;
  std::string fault;
  if (!net::ParseUrl(connection.server, &url, &fault)) return Fail(ErrorCode::kInvalid, fault);
  if (connection.key.empty()) {
    return Fail(ErrorCode::kInvalid,
                "no admin key: pass --key, or set GUIDON_KEY to what guidond showed at first start");
  }
  net::HttpRequest request;
  request.method = method;
  request.path = path;
  request.headers = {{"Authorization", "Bearer " + connection.key}, {"Accept", "application/json"}};
  if (!body.is_null()) {
    request.headers.emplace_back("Content-Type", "application/json");
    request.body = ToJson(body);
  }
  if (method != "GET") request.headers.emplace_back("Idempotency-Key", RandomToken());
  net::HttpResult result;
  // A change whose answer was lost is repeated with the same key: the server gives the first answer again.
  for (int attempt = 0; attempt < 2; ++attempt) {
    result = net::MakeHttpClient(url, {})->Send(request);
    if (result.failure != net::HttpFailure::kClosed && result.failure != net::HttpFailure::kTimeout) break;
  }
  if (!result.ok()) return Fail(ErrorCode::kUnavailable, result.message);
  ApiAnswer answer;
  answer.status = result.response.status;
  answer.text = std::move(result.response.body);
  if (Result<Value> parsed = ParseJson(answer.text)) answer.body = *std::move(parsed);
  return answer;
}

int Explain(const Error& error) {
  Complain(error.message);
  return error.code == ErrorCode::kUnavailable ? kUnreachable : kUsage;
}

int Explain(const ApiAnswer& answer) {
  const Value* detail = answer.body.Find("detail");
  Complain(detail == nullptr ? "the server answered " + std::to_string(answer.status) : detail->AsString());
  if (const Value* issues = answer.body.Find("issues")) {
    for (const Value& issue : issues->AsArray()) {
      const auto text = [&](std::string_view name) {
        const Value* member = issue.Find(name);
        return member == nullptr ? std::string() : member->AsString();
      };
      std::string line = "  " + text("entity");
      if (!text("path").empty()) line += (line.size() > 2 ? ": " : "") + text("path");
      line += (line.size() > 2 ? ": " : "") + text("message");
      if (!text("hint").empty()) line += " (" + text("hint") + ")";
      std::cerr << line << "\n";
    }
  }
  return answer.status == 401 || answer.status == 403 ? kUsage : kProblem;
}

}  // namespace guidon::cli
