#include "cli/usage.h"

#include "cli/api_client.h"
#include "cli/output.h"

namespace guidon::cli {
namespace {

constexpr int kMostPages = 1'000;  // whatever it answers, this ends

ErrorCode CodeOf(const ApiAnswer& answer) {
  if (answer.status == 404) return ErrorCode::kNotFound;
  if (answer.status == 401 || answer.status == 403) return ErrorCode::kPermissionDenied;
  return answer.is_passing() ? ErrorCode::kUnavailable : ErrorCode::kInvalid;
}

}  // namespace

Result<gate::Usage> AskUsage(const Connection& connection, const std::string& project, const std::string& environment,
                             std::chrono::days days) {
  const std::string path =
      EnvironmentPath(project, environment) + "/usage?limit=500&days=" + std::to_string(days.count());
  gate::Usage usage;
  std::string after;
  for (int page = 0; page < kMostPages; ++page) {
    const Result<ApiAnswer> answer = Ask(connection, "GET", path + (after.empty() ? "" : "&after=" + Escape(after)));
    if (!answer) return Fail(answer.error());
    if (!answer->ok()) {
      const std::string detail = Text(answer->body, "detail");
      return Fail(CodeOf(*answer), detail.empty() ? "the server answers " + std::to_string(answer->status) : detail);
    }
    if (const Status added = gate::AddPage(answer->body, usage); !added) return Fail(added.error());
    const Value* next = answer->body.Find("next");
    if (next == nullptr || !next->is_string()) break;
    after = next->AsString();
  }
  return usage;
}

}  // namespace guidon::cli
