#include "cli/api_client.h"

#include <cctype>
#include <chrono>
#include <iostream>
#include <random>
#include <thread>
#include <utility>

#include "cli/credentials.h"
#include "cli/login.h"
#include "cli/output.h"
#include "core/base/json.h"
#include "core/base/json_record.h"
#include "net/backoff.h"
#include "net/http_client.h"

namespace guidon::cli {
namespace {

std::string RandomToken() {
  std::random_device device;
  std::string token = "cli-";
  for (int i = 0; i < 24; ++i) token += "0123456789abcdefghijklmnopqrstuv"[device() % 32];
  return token;
}

bool WasLost(net::HttpFailure failure) {
  return failure == net::HttpFailure::kClosed || failure == net::HttpFailure::kTimeout;
}

// What a program gets in place of a problem document when something between us and the server answered.
Value ProblemOf(const ApiAnswer& answer) {
  if (answer.body.is_object()) return answer.body;
  return Object{{"status", Value(answer.status)},
                {"detail", Value("the server answered " + std::to_string(answer.status))}};
}

std::string DetailOf(const ApiAnswer& answer) {
  const std::string detail = TextOf(ProblemOf(answer), "detail");
  return detail.empty() ? "the server answered " + std::to_string(answer.status) : detail;
}

// Whatever answered is not guidond, which answers every success with a JSON object.
Error NotOurs(const Connection& connection, int status, const std::string& what) {
  return {ErrorCode::kUnavailable,
          "the answer is not of a guidond (" + std::to_string(status) + ", " + what + "): does " + connection.server +
              " lead to one, and what is in between?",
          {}};
}

int ExitCodeOf(int status) {
  switch (status) {
    case 400:  // what was asked for is not there, or not to be asked for: the command is wrong, not the definitions
    case 401:
    case 403:
    case 404:
    case 410:
    case 413:
      return kUsage;
    case 429:
      return kUnreachable;
    default:
      return status >= 500 ? kUnreachable : kProblem;
  }
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

std::string ProjectPath(const std::string& project) {
  return "/api/v1/projects/" + Escape(project);
}

std::string EnvironmentPath(const std::string& project, const std::string& environment) {
  return ProjectPath(project) + "/environments/" + Escape(environment);
}

namespace {

// `type`: what a success has to be, as Content-Type has it; empty: a JSON object.
Result<ApiAnswer> Send(const Connection& connection, const net::HttpRequest& request, bool changes,
                       std::string_view type = {}) {
  net::Url url;
  std::string fault;
  if (!net::ParseUrl(connection.server, &url, &fault)) return Fail(ErrorCode::kInvalid, fault);
  net::HttpOptions options;
  options.ca_file = connection.ca;
  options.client_certificate_file = connection.cert;
  options.client_key_file = connection.cert_key;
  net::HttpResult result = net::MakeHttpClient(url, options)->Send(request);
  // A change whose answer was lost is repeated with the same key: the server gives the first answer again.
  const bool was_lost = changes && WasLost(result.failure);
  if (WasLost(result.failure)) result = net::MakeHttpClient(url, options)->Send(request);
  if (result.failure == net::HttpFailure::kInvalid) return Fail(ErrorCode::kInvalid, result.message);
  if (!result.ok()) {
    const char* hint = was_lost ? "; it may have made the change before: look before you repeat it"
                       : result.failure == net::HttpFailure::kConnect
                           ? "; does guidond run there? --server or GUIDON_SERVER names another one"
                           : "";
    return Fail(ErrorCode::kUnavailable, result.message + hint);
  }
  ApiAnswer answer;
  answer.status = result.response.status;
  answer.retry_after = net::ParseRetryAfter(result.response.Header("Retry-After"), std::chrono::system_clock::now());
  answer.text = std::move(result.response.body);
  if (answer.ok() && !type.empty()) {
    if (result.response.Header("Content-Type").starts_with(type)) return answer;
    return Fail(NotOurs(connection, answer.status, "no " + std::string(type)));
  }
  Result<Value> parsed = ParseJson(answer.text);
  if (answer.ok() && !(parsed && parsed->is_object())) {
    return Fail(NotOurs(connection, answer.status, parsed ? "no JSON object" : "no JSON: " + parsed.error().message));
  }
  if (parsed) answer.body = *std::move(parsed);
  return answer;
}

}  // namespace

namespace {

// The admin key, or the session of who has signed in.
Result<std::string> KeyOf(const Connection& connection) {
  if (!connection.key.empty()) return connection.key;
  const Result<StoredSession> session = FindSession(connection.server);
  if (session) return session->token;
  if (session.error().code != ErrorCode::kNotFound) return Fail(session.error());
  return Fail(ErrorCode::kInvalid,
              "no admin key: sign in with guidon login, pass --key, or set GUIDON_KEY to what guidond showed at first "
              "start");
}

}  // namespace

Result<ApiAnswer> Ask(const Connection& connection, const std::string& method, const std::string& path,
                      const Value& body) {
  const Result<std::string> key = KeyOf(connection);
  return key ? AskAs(connection, *key, method, path, body) : Fail(key.error());
}

Result<ApiAnswer> AskAs(const Connection& connection, const std::string& key, const std::string& method,
                        const std::string& path, const Value& body) {
  net::HttpRequest request;
  request.method = method;
  request.path = path;
  request.headers = {{"Accept", "application/json"}};
  if (!key.empty()) request.headers.emplace_back("Authorization", "Bearer " + key);
  if (!body.is_null()) {
    request.headers.emplace_back("Content-Type", "application/json");
    request.body = ToJson(body);
  }
  const bool changes = method != "GET";
  if (changes) request.headers.emplace_back("Idempotency-Key", RandomToken());
  return Send(connection, request, changes);
}

Result<ApiAnswer> AskForText(const Connection& connection, const std::string& path, std::string_view type) {
  net::HttpRequest request;
  request.path = path;
  request.headers = {{"Accept", std::string(type)}};
  Result<std::string> key = KeyOf(connection);
  if (!key) return Fail(key.error());
  request.headers.emplace_back("Authorization", "Bearer " + *key);
  return Send(connection, request, false, type);
}

Result<ApiAnswer> AskUntilDone(const Connection& connection, const std::string& path, ApiAnswer begun) {
  constexpr std::chrono::milliseconds kFirstLook(50), kLooks(500);
  Result<ApiAnswer> answer = std::move(begun);
  for (auto pause = kFirstLook; answer && answer->ok() && TextOf(answer->body, "state") == "running"; pause = kLooks) {
    std::this_thread::sleep_for(pause);
    answer = Ask(connection, "GET", path);
  }
  return answer;
}

Result<ApiAnswer> AskWithoutKey(const Connection& connection, const std::string& path) {
  net::HttpRequest request;
  request.path = path;
  request.headers = {{"Accept", "application/json"}};
  return Send(connection, request, false);
}

Result<std::string> ResolveProject(const Connection& connection, const std::string& named) {
  if (!named.empty()) return named;
  Result<ApiAnswer> answer = Ask(connection, "GET", "/api/v1/projects");
  if (!answer) return Fail(answer.error());
  std::string keys;
  const Value* projects = answer->body.Find("projects");
  if (!answer->ok()) {
    const bool unavailable = ExitCodeOf(answer->status) == kUnreachable;
    return Fail(unavailable ? ErrorCode::kUnavailable : ErrorCode::kInvalid, DetailOf(*answer));
  }
  if (projects == nullptr) return Fail(NotOurs(connection, answer->status, "no projects"));
  for (const Value& project : projects->AsArray()) keys += (keys.empty() ? "" : ", ") + TextOf(project, "project");
  if (projects->AsArray().empty())
    return Fail(ErrorCode::kNotFound, "the server has no project yet: guidon apply DIR makes that of a workspace");
  if (projects->AsArray().size() > 1) {
    return Fail(ErrorCode::kInvalid, "which project? Name one with --project: " + keys);
  }
  return keys;
}

int Explain(const Error& error, AsJson json) {
  const bool is_away = error.code == ErrorCode::kUnavailable;
  Complain(error, json.wanted && (json.when_unreachable || !is_away));
  return is_away ? kUnreachable : kUsage;
}

int Explain(const ApiAnswer& answer, AsJson json) {
  const Value problem = ProblemOf(answer);
  Complain(DetailOf(answer));
  if (const Value* issues = problem.Find("issues")) {
    for (const Value& issue : issues->AsArray()) {
      std::string line;
      for (const char* name : {"entity", "path", "message"}) {
        if (!TextOf(issue, name).empty()) line += (line.empty() ? "" : ": ") + TextOf(issue, name);
      }
      if (!TextOf(issue, "hint").empty()) line += " (" + TextOf(issue, "hint") + ")";
      std::cerr << "  " << Printable(line) << "\n";
    }
  }
  const int exit_code = ExitCodeOf(answer.status);
  if (json.wanted && (json.when_unreachable || exit_code != kUnreachable)) PrintJson(problem);
  return exit_code;
}

}  // namespace guidon::cli
