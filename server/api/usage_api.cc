// How often flags were evaluated, by day (docs/usage.md).
#include <algorithm>
#include <utility>

#include "core/model/units.h"
#include "server/analysis/analysis.h"
#include "server/api/api.h"
#include "server/api/problem.h"
#include "server/api/requests.h"

namespace guidon {
namespace {

using std::chrono::days;
using std::chrono::sys_days;

constexpr std::uint64_t kDefaultDays = 30;
constexpr std::uint64_t kDefaultFlags = 100, kMostFlags = 500;  // of a page: each is kUsageDays reads

void AppendCounts(const UsageCounts& counts, Object& object) {
  Object variations;
  for (const auto& [variation, count] : counts.variations) variations.Append(variation, Value(count));
  object.Append("variations", Value(std::move(variations)));
  if (counts.fallback > 0) object.Append("fallback", Value(counts.fallback));
  if (counts.errors > 0) object.Append("errors", Value(counts.errors));
}

// What it has served and nothing else, back to the first day on which it did; nullopt: nothing, or several at the end,
// or what has no name of its own.
std::optional<Value> AloneOf(const FlagUsage& flag) {
  const std::string* variation = nullptr;
  sys_days since{};
  for (auto day = flag.days.rbegin(); day != flag.days.rend(); ++day) {
    const UsageCounts& counts = day->second;
    if (counts.variations.empty() && counts.fallback == 0) continue;  // errors alone say nothing of the flag
    if (counts.variations.size() != 1 || counts.fallback > 0) break;
    const std::string& served = counts.variations.begin()->first;
    if (served == kOtherVariations || (variation != nullptr && served != *variation)) break;
    variation = &served;
    since = day->first;
  }
  if (variation == nullptr) return std::nullopt;
  return Value(Object{{"variation", Value(*variation)}, {"since", Value(FormatDay(since))}});
}

Object EncodeFlag(const FlagUsage& flag, sys_days from, bool by_day) {
  UsageCounts sum;
  Array each;
  for (const auto& [day, counts] : flag.days) {
    if (day < from) continue;
    sum.Add(counts);
    if (!by_day) continue;
    Object one{{"day", Value(FormatDay(day))}};
    AppendCounts(counts, one);
    each.emplace_back(std::move(one));
  }
  Object object{{"flag", Value(flag.flag)}, {"evaluations", Value(sum.total())}};
  AppendCounts(sum, object);
  if (flag.last) object.Append("last_evaluated", Value(FormatTimestamp(flag.last->time_since_epoch().count())));
  if (std::optional<Value> alone = AloneOf(flag)) object.Append("alone", *std::move(alone));
  if (by_day) object.Append("by_day", Value(std::move(each)));
  return object;
}

}  // namespace

http::Response Api::GetUsage(const Call& call) {
  const std::string project(call.request.Param("project")), environment(call.request.Param("environment"));
  if (!parts_.feed.Find({project, environment})) return GetEnvironment(call);  // which says what is missing
  const auto view = parts_.catalog.View();
  const ProjectView* held = view->FindProject(project);
  if (held == nullptr) return GetEnvironment(call);
  if (parts_.analysis == nullptr) {
    return ProblemResponse({ErrorCode::kNotFound, "nothing is analysed here", {}}, call.request.id);
  }
  const Result<std::uint64_t> count = ReadNumber(call.request, "days", kDefaultDays, 1, kUsageDays.count());
  if (!count) return BadRequest(call.request, count.error());
  const Result<std::uint64_t> limit = ReadNumber(call.request, "limit", kDefaultFlags, 1, kMostFlags);
  if (!limit) return BadRequest(call.request, limit.error());
  const std::string wanted(call.request.Query("flag")), after(call.request.Query("after"));
  const sys_days today = std::chrono::floor<days>(Timestamp(std::chrono::milliseconds(parts_.now_ms())));
  UsageQuery query{project, environment, {}, today};
  bool more = false;
  for (const FlagRecord& record : held->definitions.entities.flags) {
    const std::string& key = record.definition.key;
    if (wanted.empty() ? key <= after : key != wanted) continue;
    more = query.flags.size() == *limit;
    if (more) break;
    query.flags.push_back(key);
  }
  if (!wanted.empty() && query.flags.empty()) {
    return ProblemResponse({ErrorCode::kNotFound, "there is no flag '" + wanted + "' in project '" + project + "'", {}},
                           call.request.id);
  }
  const Result<EnvironmentUsage> usage = parts_.analysis->Usage(query);
  if (!usage) return ProblemResponse(usage.error(), call.request.id);
  Array flags;
  for (const FlagUsage& flag : usage->flags) {
    flags.emplace_back(EncodeFlag(flag, today - days(*count - 1), !wanted.empty()));
  }
  Object body{{"project", Value(project)}, {"environment", Value(environment)}};
  if (usage->since) body.Append("since", Value(FormatTimestamp(usage->since->time_since_epoch().count())));
  body.Append("today", Value(FormatDay(today)));
  body.Append("days", Value(*count));
  body.Append("days_kept", Value(kUsageDays.count()));
  body.Append("flags", Value(std::move(flags)));
  if (more) body.Append("next", Value(query.flags.back()));
  return JsonResponse(200, Value(std::move(body)));
}

}  // namespace guidon
