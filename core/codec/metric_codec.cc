// Metrics: docs/spec/definitions.md, "Metrics".

#include <array>

#include "core/codec/reader.h"
#include "core/codec/writer.h"
#include "core/model/names.h"

namespace guidon {
namespace codec {
namespace {

constexpr std::array kMetricTypes = {MetricType::kConversion, MetricType::kCount, MetricType::kSum,
                                     MetricType::kMean,       MetricType::kRatio, MetricType::kQuantile,
                                     MetricType::kRetention,  MetricType::kFunnel};
constexpr std::array kDirections = {Direction::kUp, Direction::kDown};

// Which keys a type of metric has.
enum class Use { kNo, kMay, kMust };
struct Shape {
  Use event, value, where, cap, sides, steps, quantile, after, window;
};

Shape ShapeOf(MetricType type) {
  using enum Use;
  switch (type) {
    case MetricType::kConversion:
      return {.event = kMust, .value = kNo, .where = kMay, .cap = kNo, .window = kMay};
    case MetricType::kCount:
      return {.event = kMust, .value = kNo, .where = kMay, .cap = kMay, .window = kMay};
    case MetricType::kSum:
    case MetricType::kMean:
      return {.event = kMust, .value = kMust, .where = kMay, .cap = kMay, .window = kMay};
    case MetricType::kRatio:
      return {.cap = kMay, .sides = kMust, .window = kMay};
    case MetricType::kQuantile:
      return {.event = kMust, .value = kMust, .where = kMay, .quantile = kMust, .window = kMay};
    case MetricType::kRetention:
      return {.event = kMust, .where = kMay, .after = kMust, .window = kMust};
    case MetricType::kFunnel:
      break;
  }
  return {.steps = kMust, .window = kMay};
}

MetricPart ReadPart(const Node& node, bool has_value) {
  MetricPart part;
  Fields fields(node, has_value ? "a side of a ratio" : "a step of a funnel");
  fields.Required("event", part.event, ReadAttribute);
  if (has_value) fields.Optional("value", part.value, ReadAttribute);
  fields.Optional("where", part.where, ReadEventCondition);
  fields.Finish();
  return part;
}

MetricPart ReadSide(const Node& node) {
  return ReadPart(node, true);
}

std::vector<MetricPart> ReadSteps(const Node& node) {
  auto steps = ReadList(node, "steps", kMaxItems, [](const Node& step) { return ReadPart(step, false); });
  if (node.value().is_array() && steps.size() < 2) {
    node.Fault("too_few", "a funnel has two steps or more, this one has " + std::to_string(steps.size()));
  }
  return steps;
}

bool SaysNone(const Node& node) {
  return node.value().is_string() && node.value().AsString() == kNone;
}

// "99.9%" is a percentile, a number is a value, "none" is none.
std::optional<Cap> ReadCap(const Node& node) {
  if (SaysNone(node)) return std::nullopt;
  if (node.value().is_string()) return PercentileCap{ReadOpenShare(node)};
  if (!node.value().is_number()) {
    node.WrongType("a percentile such as 99.9%, a number, or none");
    return AbsoluteCap{1};
  }
  const double value = ReadNumber(node);
  if (value <= 0) node.Fault("bad_number", "a cap is more than 0");
  return AbsoluteCap{value};
}

// "none" is to the end.
std::optional<std::chrono::milliseconds> ReadWindow(const Node& node) {
  if (SaysNone(node)) return std::nullopt;
  return ReadDuration(node);
}

// The members that depend on the type.
class TypedFields {
 public:
  TypedFields(Fields& fields, MetricType type) : fields_(fields), type_(type) {}

  template <typename T, typename Read>
  void Take(std::string_view name, Use use, T& into, Read read) {
    switch (use) {
      case Use::kMust:
        if (!fields_.Optional(name, into, read)) fields_.Missing(name, "a " + Named() + " needs one");
        return;
      case Use::kMay:
        fields_.Optional(name, into, read);
        return;
      case Use::kNo:
        fields_.Forbid(name, "a " + Named() + " has no '" + std::string(name) + "'");
    }
  }

 private:
  std::string Named() const { return std::string(ToString(type_)) + " metric"; }

  Fields& fields_;
  const MetricType type_;
};

// Without a type that we know, all may be there.
constexpr Shape kAnyShape = {Use::kMay, Use::kMay, Use::kMay, Use::kMay, Use::kMay,
                             Use::kMay, Use::kMay, Use::kMay, Use::kMay};

void ReadTypedMembers(Fields& fields, const Shape& shape, Metric& metric) {
  TypedFields typed(fields, metric.type);
  typed.Take("event", shape.event, metric.event, ReadAttribute);
  typed.Take("value", shape.value, metric.value, ReadAttribute);
  typed.Take("numerator", shape.sides, metric.numerator, ReadSide);
  typed.Take("denominator", shape.sides, metric.denominator, ReadSide);
  typed.Take("steps", shape.steps, metric.steps, ReadSteps);
  typed.Take("quantile", shape.quantile, metric.quantile, ReadOpenShare);
  typed.Take("where", shape.where, metric.where, ReadEventCondition);
  typed.Take("after", shape.after, metric.after, ReadDuration);
  if (shape.window == Use::kMay) {
    metric.window = kDefaultWindow;
    typed.Take("window", shape.window, metric.window, ReadWindow);
  } else {
    typed.Take("window", shape.window, metric.window, ReadDuration);
  }
  if (shape.cap == Use::kMay) metric.cap = kDefaultCap;
  typed.Take("cap", shape.cap, metric.cap, ReadCap);
}

Value WritePart(const MetricPart& part) {
  Object object{{"event", part.event}};
  PutText(object, "value", part.value);
  PutCondition(object, "where", part.where);
  return object;
}

Value WriteCap(const Cap& cap) {
  if (const auto* percentile = std::get_if<PercentileCap>(&cap)) return FormatPercent(percentile->parts);
  const double value = std::get<AbsoluteCap>(cap).value;
  const Value number(value);
  return number.IsIntegral() ? Value(number.AsInt()) : number;
}

Value WriteMetric(const Metric& metric) {
  Object object{{"metric", metric.key}};
  PutText(object, "description", metric.description);
  PutText(object, "owner", metric.owner);
  PutText(object, "event", metric.event);
  object.Append("type", ToString(metric.type));
  PutText(object, "value", metric.value);
  if (metric.numerator) object.Append("numerator", WritePart(*metric.numerator));
  if (metric.denominator) object.Append("denominator", WritePart(*metric.denominator));
  Array steps;
  for (const MetricPart& step : metric.steps) steps.push_back(WritePart(step));
  if (!steps.empty()) object.Append("steps", std::move(steps));
  PutPercent(object, "quantile", metric.quantile);
  const Shape shape = ShapeOf(metric.type);
  if (shape.cap != Use::kNo && metric.cap != std::optional<Cap>(kDefaultCap)) {
    object.Append("cap", metric.cap ? WriteCap(*metric.cap) : Value(kNone));
  }
  PutCondition(object, "where", metric.where);
  PutDuration(object, "after", metric.after);
  if (shape.window == Use::kMust) {
    PutDuration(object, "window", metric.window);
  } else if (!metric.window) {
    object.Append("window", kNone);
  } else if (*metric.window != kDefaultWindow) {
    PutDuration(object, "window", metric.window);
  }
  if (metric.direction != Direction::kUp) object.Append("direction", ToString(metric.direction));
  PutTrue(object, "archived", metric.archived);
  return object;
}

}  // namespace

Metric ReadMetric(const Node& node) {
  Metric metric;
  Fields fields(node, "a metric");
  fields.Required("metric", metric.key, ReadKey);
  fields.Optional("description", metric.description, ReadText);
  fields.Optional("owner", metric.owner, ReadName);
  const std::size_t faults = node.report().total();
  fields.Required("type", metric.type, [](const Node& n) { return ReadWord(n, "type of metric", kMetricTypes); });
  const bool knows_type = node.report().total() == faults;
  fields.Optional("direction", metric.direction, [](const Node& n) { return ReadWord(n, "direction", kDirections); });
  fields.Optional("archived", metric.archived, ReadBool);
  ReadTypedMembers(fields, knows_type ? ShapeOf(metric.type) : kAnyShape, metric);
  fields.Finish();
  return metric;
}

}  // namespace codec

Result<Metric> DecodeMetric(const Value& value, Strictness strictness) {
  return codec::Decode("metric", value, strictness, codec::ReadMetric);
}

Value EncodeMetric(const Metric& metric) {
  return codec::WriteMetric(metric);
}

}  // namespace guidon
