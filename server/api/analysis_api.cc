// What experiments have come to, as numbers, and who was exposed.
#include <utility>

#include "core/model/units.h"
#include "server/analysis/analysis.h"
#include "server/api/api.h"
#include "server/api/problem.h"
#include "server/api/requests.h"
#include "stats/statistic/facts_json.h"

namespace guidon {
namespace {

constexpr std::uint64_t kMostExposures = 1'000;  // in one page
constexpr std::uint64_t kMostIteration = UINT32_MAX;

std::string TimeText(stats::Time time) {
  return FormatTimestamp(time.time_since_epoch().count());
}

struct ExperimentPlace {
  std::string project, environment, key;
  std::uint32_t iteration = 0;
};

Result<ExperimentPlace> PlaceOf(const Call& call) {
  const Result<std::uint64_t> iteration = ReadNumber(call.request, "iteration", 0, 0, kMostIteration);
  if (!iteration) return Fail(iteration.error());
  return ExperimentPlace{std::string(call.request.Param("project")), std::string(call.request.Param("environment")),
                         std::string(call.request.Param("key")), static_cast<std::uint32_t>(*iteration)};
}

Error NotAnalysed() {
  return {ErrorCode::kNotFound, "this server analyses nothing", {}};
}

}  // namespace

http::Response Api::GetTotals(const Call& call) {
  const Result<ExperimentPlace> place = PlaceOf(call);
  if (!place) return BadRequest(call.request, place.error());
  if (!parts_.feed.Find({place->project, place->environment})) return GetEnvironment(call);  // says what is missing
  if (parts_.analysis == nullptr) return ProblemResponse(NotAnalysed(), call.request.id);
  const auto found = parts_.analysis->Facts(place->project, place->environment, place->key, place->iteration);
  if (!found) return ProblemResponse(found.error(), call.request.id);
  const stats::ExperimentFacts& facts = **found;
  Object object{{"project", Value(place->project)}, {"environment", Value(place->environment)}};
  if (facts.watermark) object.Append("watermark", Value(TimeText(*facts.watermark)));
  for (Member& member : stats::EncodeFacts(facts)) object.Append(member.name, std::move(member.value));
  return JsonResponse(200, Value(std::move(object)));
}

http::Response Api::ListExposures(const Call& call) {
  const Result<ExperimentPlace> place = PlaceOf(call);
  if (!place) return BadRequest(call.request, place.error());
  const Result<std::uint64_t> limit = ReadNumber(call.request, "limit", kMostExposures, 1, kMostExposures);
  if (!limit) return BadRequest(call.request, limit.error());
  if (!parts_.feed.Find({place->project, place->environment})) return GetEnvironment(call);
  if (parts_.analysis == nullptr) return ProblemResponse(NotAnalysed(), call.request.id);
  const Result<ExposedUnits> page =
      parts_.analysis->ListExposed(place->project, place->environment, place->key, place->iteration,
                                   call.request.Query("after"), static_cast<std::size_t>(*limit));
  if (!page) return ProblemResponse(page.error(), call.request.id);
  Array exposures;
  for (const ExposedUnit& exposed : page->units) {
    Object object{{"unit", Value(exposed.unit)}, {"variant", Value(exposed.variant)}};
    if (exposed.multiple) object.Append("multiple", Value(true));
    object.Append("time", Value(TimeText(exposed.time)));
    Object dimensions;
    for (std::size_t d = 0; d < exposed.dimensions.size() && d < page->dimensions.size(); ++d) {
      if (!exposed.dimensions[d].empty()) dimensions.Append(page->dimensions[d], Value(exposed.dimensions[d]));
    }
    if (!dimensions.empty()) object.Append("dimensions", Value(std::move(dimensions)));
    exposures.emplace_back(std::move(object));
  }
  Array names;
  for (const std::string& name : page->dimensions) names.emplace_back(name);
  Object body{{"dimensions", Value(std::move(names))}, {"exposures", Value(std::move(exposures))}};
  if (page->unreadable > 0) body.Append("unreadable", Value(page->unreadable));
  if (page->more) body.Append("next", Value(page->next));
  return JsonResponse(200, Value(std::move(body)));
}

}  // namespace guidon
