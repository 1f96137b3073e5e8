// The report of an experiment, as document, page or text.
#include <utility>

#include "server/analysis/reports.h"
#include "server/api/api.h"
#include "server/api/problem.h"
#include "server/api/requests.h"
#include "stats/report/report.h"

namespace guidon {
namespace {

// The page has its styles within and no script: nothing else is let in.
constexpr std::string_view kContentSecurityPolicy =
    "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'";
constexpr std::uint64_t kFewestColumns = 40, kMostColumns = 400;

http::Response Written(std::string body, std::string_view type) {
  http::Response response;
  response.Header("Content-Type", type);
  response.Header("X-Content-Type-Options", "nosniff");
  response.Header("Cache-Control", "no-store");
  response.body = std::move(body);
  return response;
}

Error WrongForm(std::string_view form) {
  return InvalidError("the report cannot be given",
                      {{Severity::kError, "wrong_value", Path().Key("as"),
                        "'" + std::string(form) + "' is none of json, html, text", "", ""}});
}

}  // namespace

http::Response Api::GetReport(const Call& call) {
  const Result<std::uint64_t> iteration = ReadNumber(call.request, "iteration", 0, 0, UINT32_MAX);
  if (!iteration) return BadRequest(call.request, iteration.error());
  const Result<std::uint64_t> columns = ReadNumber(call.request, "columns", 80, kFewestColumns, kMostColumns);
  if (!columns) return BadRequest(call.request, columns.error());
  const std::string form(call.request.Query("as"));
  const bool is_known = form.empty() || form == "json" || form == "html" || form == "text";
  if (!is_known) return BadRequest(call.request, WrongForm(form));
  if (parts_.reports == nullptr) {
    return ProblemResponse({ErrorCode::kNotFound, "this server analyses nothing", {}}, call.request.id);
  }
  const Result<stats::Report> report =
      parts_.reports->Of(call.request.Param("project"), call.request.Param("environment"), call.request.Param("key"),
                         static_cast<std::uint32_t>(*iteration));
  if (!report) return ProblemResponse(report.error(), call.request.id);
  if (form == "html") {
    http::Response response = Written(stats::ToHtml(*report), "text/html; charset=utf-8");
    response.Header("Content-Security-Policy", kContentSecurityPolicy);
    response.Header("Referrer-Policy", "no-referrer");
    return response;
  }
  if (form == "text") {
    return Written(stats::ToText(*report, {.columns = static_cast<std::size_t>(*columns)}),
                   "text/plain; charset=utf-8");
  }
  return JsonResponse(200, stats::ToJson(*report));
}

}  // namespace guidon
