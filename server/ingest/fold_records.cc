#include "server/ingest/fold_records.h"

#include <charconv>
#include <utility>

#include "core/base/json.h"
#include "core/base/json_record.h"
#include "core/codec/codec.h"
#include "stats/statistic/facts_json.h"

namespace guidon {
namespace {

std::string ScopeOf(const std::string& project, const std::string& environment) {
  return project + "/" + environment + "/";
}

std::string NameOf(const IterationName& name) {
  return ScopeOf(name.project, name.environment) + name.experiment + "#" + std::to_string(name.iteration);
}

// project/environment/attribute; an attribute may have a slash.
std::optional<UnitSpace> SpaceOf(std::string_view text) {
  const std::size_t first = text.find('/');
  const std::size_t second = first == std::string_view::npos ? first : text.find('/', first + 1);
  if (second == std::string_view::npos) return std::nullopt;
  return UnitSpace{std::string(text.substr(0, first)), std::string(text.substr(first + 1, second - first - 1)),
                   std::string(text.substr(second + 1))};
}

Error Corrupt(std::string_view what) {
  return {ErrorCode::kCorrupt, "the fold's record of " + std::string(what) + " cannot be read", {}};
}

Result<Value> ReadObject(std::string_view bytes, std::string_view what) {
  Result<Value> value = ParseJson(bytes);
  if (!value || !value->is_object()) return Fail(Corrupt(what));
  return value;
}

stats::Time TimeOf(const Value& value) {
  return stats::Time(stats::Milliseconds(value.AsInt()));
}

void AppendNumber(Object& object, std::string_view name, const std::optional<double>& number) {
  if (number) object.Append(name, Value(*number));
}

std::optional<double> DoubleIn(const Value& object, std::string_view name) {
  const Value* value = object.Find(name);
  if (value == nullptr) return std::nullopt;
  return value->AsDouble();
}

Result<stats::MetricPlan> DecodeMetricPlan(const Value& value) {
  stats::MetricPlan metric;
  metric.key = TextOf(value, "key");
  const std::string kind = TextOf(value, "kind");
  const std::optional<stats::MetricKind> known = stats::MetricKindFromString(kind);
  if (!known) return Fail(Corrupt("metric '" + metric.key + "'"));
  metric.kind = *known;
  const Value *lower = value.Find("lower_is_better"), *adjust = value.Find("adjust"), *window = value.Find("window");
  metric.lower_is_better = lower != nullptr && lower->AsBool();
  for (const Value& source : ListIn(value, "sources")) {
    metric.sources.push_back(static_cast<stats::SourceId>(source.AsInt()));
  }
  metric.after = stats::Milliseconds(NumberOf(value, "after"));
  if (window != nullptr) metric.window = stats::Milliseconds(window->AsInt());
  metric.cap_value = DoubleIn(value, "cap_value");
  metric.cap_share = DoubleIn(value, "cap_share");
  metric.quantile = DoubleIn(value, "quantile").value_or(0.5);
  metric.adjust = adjust != nullptr && adjust->AsBool();
  return metric;
}

Result<stats::ExperimentPlan> DecodePlan(const Value& value) {
  stats::ExperimentPlan plan;
  plan.experiment = TextOf(value, "experiment");
  plan.iteration = static_cast<std::uint32_t>(NumberOf(value, "iteration"));
  plan.variants = TextsIn(value, "variants");
  for (const Value& weight : ListIn(value, "weights")) plan.weights.push_back(weight.AsDouble());
  for (const Value& one : ListIn(value, "metrics")) {
    Result<stats::MetricPlan> metric = DecodeMetricPlan(one);
    if (!metric) return Fail(metric.error());
    plan.metrics.push_back(*std::move(metric));
  }
  plan.started = stats::Time(stats::Milliseconds(NumberOf(value, "started")));
  if (const Value* ended = value.Find("ended")) plan.ended = TimeOf(*ended);
  plan.lookback = stats::Milliseconds(NumberOf(value, "lookback"));
  plan.allowance = stats::Milliseconds(NumberOf(value, "allowance"));
  plan.dimensions = TextsIn(value, "dimensions");
  if (plan.experiment.empty() || plan.weights.size() != plan.variants.size()) return Fail(Corrupt("a plan"));
  return plan;
}

Value EncodeCaps(const stats::Caps& caps) {
  Array list;
  for (const stats::Caps::Of& of : caps.metrics) {
    Object object;
    AppendNumber(object, "y", of.y);
    AppendNumber(object, "x", of.x);
    list.emplace_back(std::move(object));
  }
  return list;
}

stats::Caps DecodeCaps(const Value& object) {
  stats::Caps caps;
  for (const Value& of : ListIn(object, "caps")) caps.metrics.push_back({DoubleIn(of, "y"), DoubleIn(of, "x")});
  return caps;
}

}  // namespace

std::string SourceKey(const UnitSpace& space) {
  return std::string(kSourcePrefix) + ScopeOf(space.project, space.environment) + space.attribute;
}

std::string UnitKeyPrefix(const UnitSpace& space) {
  return std::string(kUnitPrefix) + ScopeOf(space.project, space.environment) + space.attribute + '\0';
}

std::string FoldedKey(const IterationName& name) {
  return std::string(kFoldedPrefix) + NameOf(name);
}

std::string TotalKeyPrefix(const IterationName& name) {
  return std::string(kTotalPrefix) + NameOf(name) + "/";
}

std::string RejectedKey(const IterationName& name) {
  return std::string(kRejectedPrefix) + NameOf(name);
}

std::string OverlapKey(const IterationName& name) {
  return std::string(kOverlapPrefix) + NameOf(name);
}

std::string SweptKeyPrefix(std::uint64_t number) {
  return std::string(kSweptPrefix) + std::to_string(number) + "/";
}

std::string SweptKeyPrefix(std::uint64_t number, const IterationName& name) {
  return SweptKeyPrefix(number) + NameOf(name) + "/";
}

std::string ScopeKeyPrefix(std::string_view prefix, const UnitSpace& space) {
  return std::string(prefix) + ScopeOf(space.project, space.environment);
}

std::optional<IterationName> NameOfFoldedKey(std::string_view key) {
  if (!key.starts_with(kFoldedPrefix)) return std::nullopt;
  std::optional<UnitSpace> parts = SpaceOf(key.substr(kFoldedPrefix.size()));  // with the iteration for the attribute
  const std::size_t mark = parts ? parts->attribute.rfind('#') : std::string::npos;
  if (mark == std::string::npos) return std::nullopt;
  IterationName name{std::move(parts->project), std::move(parts->environment), parts->attribute.substr(0, mark), 0};
  const char* const end = parts->attribute.data() + parts->attribute.size();
  const auto read = std::from_chars(parts->attribute.data() + mark + 1, end, name.iteration);
  if (read.ec != std::errc() || read.ptr != end) return std::nullopt;
  return name;
}

std::optional<UnitSpace> SpaceOfSourceKey(std::string_view key) {
  return key.starts_with(kSourcePrefix) ? SpaceOf(key.substr(kSourcePrefix.size())) : std::nullopt;
}

std::optional<UnitSpace> SpaceOfUnitKey(std::string_view key) {
  const std::size_t end = key.find('\0');
  if (!key.starts_with(kUnitPrefix) || end == std::string_view::npos) return std::nullopt;
  return SpaceOf(key.substr(kUnitPrefix.size(), end - kUnitPrefix.size()));
}

std::string EndOf(std::string prefix) {
  return RangeQuery::Prefix(prefix).end;
}

std::string Encode(const FoldCursor& cursor) {
  return "{\"sequence\":" + std::to_string(cursor.sequence) + ",\"event\":" + std::to_string(cursor.event) + "}";
}

Result<FoldCursor> DecodeCursor(std::string_view bytes) {
  const Result<Value> value = ReadObject(bytes, "how far it is");
  if (!value) return Fail(value.error());
  return FoldCursor{CountOf(*value, "sequence"), CountOf(*value, "event")};
}

std::string Encode(const std::vector<StoredSource>& sources) {
  Array list;
  for (const StoredSource& stored : sources) {
    Object object{{"event", Value(stored.source.event)}};
    if (!stored.source.value.empty()) object.Append("value", Value(stored.source.value));
    if (stored.source.where) object.Append("where", EncodeCondition(*stored.source.where));
    object.Append("from", Value(stored.from));
    object.Append("done", Value(stored.done));
    if (stored.retired) object.Append("retired", Value(true));
    if (stored.free) object.Append("free", Value(true));
    list.emplace_back(std::move(object));
  }
  return ToJson(Object{{"sources", Value(std::move(list))}});
}

Result<std::vector<StoredSource>> DecodeSources(std::string_view bytes) {
  const Result<Value> value = ReadObject(bytes, "sources");
  if (!value) return Fail(value.error());
  std::vector<StoredSource> sources;
  for (const Value& one : ListIn(*value, "sources")) {
    StoredSource& stored = sources.emplace_back();
    stored.source.event = TextOf(one, "event");
    stored.source.value = TextOf(one, "value");
    if (const Value* where = one.Find("where")) {
      Result<Condition> condition = DecodeCondition(*where, Strictness::kTolerant);
      if (!condition) return Fail(Corrupt("the source '" + stored.source.event + "'"));
      stored.source.where = *std::move(condition);
    }
    stored.from = CountOf(one, "from");
    stored.done = CountOf(one, "done");
    stored.retired = one.Find("retired") != nullptr;
    stored.free = one.Find("free") != nullptr;
  }
  return sources;
}

std::string Encode(const StoredIteration& iteration) {
  Object object{{"unit", Value(iteration.unit)},
                {"plan", stats::EncodePlan(iteration.plan)},
                {"caps", EncodeCaps(iteration.caps)},
                {"rebuilding", Value(iteration.rebuilding)}};
  if (iteration.forgotten) object.Append("forgotten", Value(true));
  return ToJson(object);
}

Result<StoredIteration> DecodeIteration(std::string_view bytes) {
  const Result<Value> value = ReadObject(bytes, "an iteration");
  if (!value) return Fail(value.error());
  const Value *plan = value->Find("plan"), *rebuilding = value->Find("rebuilding");
  if (plan == nullptr) return Fail(Corrupt("an iteration"));
  Result<stats::ExperimentPlan> decoded = DecodePlan(*plan);
  if (!decoded) return Fail(decoded.error());
  StoredIteration iteration;
  iteration.unit = TextOf(*value, "unit");
  iteration.plan = *std::move(decoded);
  iteration.rebuilding = rebuilding != nullptr && rebuilding->AsBool();
  iteration.forgotten = value->Find("forgotten") != nullptr;
  iteration.caps = DecodeCaps(*value);
  return iteration;
}

std::string Encode(const StoredSweep& sweep) {
  Object object{{"number", Value(sweep.number)}};
  if (!sweep.active) return ToJson(object);
  object.Append("project", Value(sweep.space.project));
  object.Append("environment", Value(sweep.space.environment));
  object.Append("attribute", Value(sweep.space.attribute));
  if (sweep.daily) object.Append("daily", Value(sweep.daily->time_since_epoch().count()));
  object.Append("forgets", Value(sweep.forgets));
  Array retired, jobs;
  for (const stats::SourceId id : sweep.retired) retired.emplace_back(id);
  for (const StoredSweep::Job& job : sweep.jobs) {
    jobs.emplace_back(Object{{"experiment", Value(job.experiment)},
                             {"iteration", Value(job.iteration)},
                             {"caps", EncodeCaps(job.caps)},
                             {"sums", Value(job.sums)},
                             {"gathers", Value(job.gathers)},
                             {"beside", Value(job.beside)},
                             {"overlaps", Value(job.overlaps)}});
  }
  object.Append("retired", Value(std::move(retired)));
  object.Append("jobs", Value(std::move(jobs)));
  return ToJson(object);
}

Result<StoredSweep> DecodeSweep(std::string_view bytes) {
  const Result<Value> value = ReadObject(bytes, "a pass over units");
  if (!value) return Fail(value.error());
  const auto is = [](const Value& object, std::string_view name) {
    const Value* member = object.Find(name);
    return member != nullptr && member->AsBool();
  };
  StoredSweep sweep;
  sweep.number = CountOf(*value, "number");
  sweep.active = value->Find("jobs") != nullptr;
  sweep.space = {TextOf(*value, "project"), TextOf(*value, "environment"), TextOf(*value, "attribute")};
  if (const Value* daily = value->Find("daily")) sweep.daily = TimeOf(*daily);
  sweep.forgets = is(*value, "forgets");
  for (const Value& id : ListIn(*value, "retired")) sweep.retired.push_back(static_cast<stats::SourceId>(id.AsInt()));
  for (const Value& job : ListIn(*value, "jobs")) {
    sweep.jobs.push_back({TextOf(job, "experiment"), static_cast<std::uint32_t>(NumberOf(job, "iteration")),
                          DecodeCaps(job), is(job, "sums"), is(job, "gathers"), is(job, "beside"),
                          is(job, "overlaps")});
  }
  return sweep;
}

std::string EncodeSwept(const std::string& after) {
  return ToJson(Object{{"after", Value(after)}});
}

Result<std::string> DecodeSwept(std::string_view bytes) {
  const Result<Value> value = ReadObject(bytes, "a pass over units");
  if (!value) return Fail(value.error());
  return TextOf(*value, "after");
}

std::string EncodeTime(stats::Time time) {
  return "{\"time\":" + std::to_string(time.time_since_epoch().count()) + "}";
}

Result<stats::Time> DecodeTime(std::string_view bytes) {
  const Result<Value> value = ReadObject(bytes, "the daily pass");
  if (!value) return Fail(value.error());
  return stats::Time(stats::Milliseconds(NumberOf(*value, "time")));
}

std::string EncodeCounts(const std::map<std::string, std::uint64_t>& counts) {
  Object object;
  for (const auto& [name, count] : counts) object.Append(name, Value(count));
  return ToJson(object);
}

Result<std::map<std::string, std::uint64_t>> DecodeCounts(std::string_view bytes) {
  const Result<Value> value = ReadObject(bytes, "rejected events");
  if (!value) return Fail(value.error());
  std::map<std::string, std::uint64_t> counts;
  for (const guidon::Member& member : value->AsObject()) {
    counts[member.name] = static_cast<std::uint64_t>(member.value.AsInt());
  }
  return counts;
}

}  // namespace guidon
