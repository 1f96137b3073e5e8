// The small definitions (segment, layer, holdout, project, test), and definitions of any kind.

#include <array>

#include "core/codec/reader.h"
#include "core/codec/writer.h"
#include "core/model/names.h"

namespace guidon {
namespace codec {
namespace {

constexpr std::uint32_t kMostHeldOut = kWhole / 2;

std::vector<std::string> ReadContextKeys(const Node& node) {
  return ReadList(node, "context keys", kMaxList, ReadContextKey);
}

std::uint32_t ReadHoldoutSize(const Node& node) {
  const std::uint32_t size = ReadShare(node);
  if (size > kMostHeldOut && ParsePercent(node.value().AsString())) {
    node.Fault("bad_percent", "'" + node.value().AsString() + "' is more than 50%",
               "the comparison group takes as many again");
  }
  return size;
}

EnvironmentDefinition ReadEnvironment(const Node& node) {
  EnvironmentDefinition environment;
  environment.key = ReadMemberKey(node, "an environment");
  if (node.value().is_null()) return environment;  // `staging:` with nothing behind it
  Fields fields(node, "an environment");
  fields.Optional("protected", environment.is_protected, ReadBool);
  fields.Optional("required_approvals", environment.required_approvals,
                  [](const Node& n) { return static_cast<std::uint32_t>(ReadCount(n, 1, kMostApprovals)); });
  if (!environment.is_protected && node.value().Find("required_approvals") != nullptr) {
    node.Fault("approvals_unprotected", "required_approvals says nothing of an environment that is not protected",
               "add protected: true");
  }
  fields.Optional("description", environment.description, ReadText);
  fields.Finish();
  return environment;
}

Project ReadProject(const Node& node) {
  Project project;
  Fields fields(node, "a project");
  fields.Required("project", project.key, ReadKey);
  fields.Optional("description", project.description, ReadText);
  fields.Optional("environments", project.environments,
                  [](const Node& n) { return ReadMap(n, "environments", kMaxItems, ReadEnvironment); });
  fields.Finish();
  return project;
}

// --- tests ---------------------------------------------------------------------------------------------------------

std::string ReadReason(const Node& node) {
  static const std::vector<std::string> kReasons = {
      "STATIC", "DEFAULT", "TARGETING_MATCH", "SPLIT", "DISABLED", "PREREQUISITE_FAILED", "ERROR"};
  for (const std::string& reason : kReasons) {
    if (node.value().AsString() == reason) return reason;
  }
  UnknownWord(node, "reason", kReasons);
  return "";
}

// A scalar is a variation, or a variant.
Expectation ReadExpectation(const Node& node, bool of_experiment) {
  Expectation expect;
  std::string& answer = of_experiment ? expect.variant : expect.variation;
  if (!node.value().is_object()) {
    answer = ReadVariation(node);
    return expect;
  }
  Fields fields(node, "an expectation");
  if (of_experiment) {
    fields.Optional("variant", expect.variant, ReadVariation);
    fields.Forbid("variation", "an experiment answers with a variant", "write 'variant'");
  } else {
    fields.Optional("variation", expect.variation, ReadVariation);
    fields.Optional("value", expect.value, ReadJson);
    fields.Optional("reason", expect.reason, ReadReason);
    fields.Optional("rule", expect.rule, ReadKey);
    fields.Forbid("variant", "a flag answers with a variation", "write 'variation'");
  }
  fields.Finish();
  if (node.value().AsObject().empty()) node.Fault("empty_map", "nothing is expected", "such as { variation: on }");
  return expect;
}

std::int64_t ReadMoment(const Node& node) {
  const Value time = ReadTimestamp(node);
  return time.is_string() ? ParseTimestamp(time.AsString()).value_or(0) : time.AsInt();
}

// Every combination is a case: an attribute and what it is in turn.
std::vector<MatrixAxis> ReadMatrix(const Node& node, const Value& given) {
  std::vector<MatrixAxis> axes = ReadMap(node, "attributes", kMaxItems, [&](const Node& n) {
    const std::string name(n.name());
    if (!IsAttributeName(name)) n.Fault("bad_attribute", "'" + name + "' cannot be an attribute");
    if (given.Find(name) != nullptr) {
      n.Fault("misplaced_key", "'" + name + "' stands in 'given', too", "leave it out of one of them");
    }
    return MatrixAxis{name, ReadOneOrList(n, "values", kMaxItems, ReadScalar)};
  });
  if (node.value().is_object() && axes.empty()) node.Fault("empty_map", "the matrix is empty", "leave it out");
  std::size_t cases = 1;
  for (const MatrixAxis& axis : axes) {
    cases *= std::max<std::size_t>(axis.values.size(), 1);
    if (cases <= kMaxMatrixCases) continue;
    node.Fault("too_many", "the matrix has more than " + std::to_string(kMaxMatrixCases) + " combinations",
               "split it into several tests");
    break;
  }
  return axes;
}

FlagTest ReadFlagTest(const Node& node) {
  FlagTest test;
  Fields fields(node, "a test");
  fields.Optional("description", test.description, ReadText);
  const bool of_flag = fields.Optional("flag", test.flag, ReadKey);
  const bool of_experiment = fields.Optional("experiment", test.experiment, ReadKey);
  if (!of_flag && !of_experiment) fields.Missing("flag", "or 'experiment'");
  if (of_flag && of_experiment) fields.Forbid("experiment", "a test is of a flag or of an experiment, not of both");
  if (of_experiment) {
    fields.Forbid("environment", "an experiment has its own environment", "leave it out");
  } else {
    fields.Required("environment", test.environment, ReadKey);
  }
  ReadGiven(fields, test.at, test.given);
  fields.Optional("matrix", test.matrix, [&](const Node& n) { return ReadMatrix(n, test.given); });
  fields.Optional("now", test.now, ReadMoment);
  fields.Required("expect", test.expect, [&](const Node& n) { return ReadExpectation(n, of_experiment && !of_flag); });
  fields.Finish();
  return test;
}

Object WriteMatrix(const std::vector<MatrixAxis>& axes) {
  Object object;
  for (const MatrixAxis& axis : axes) {
    object.Append(axis.attribute, axis.values.size() == 1 ? axis.values.front() : Value(Array(axis.values)));
  }
  return object;
}

Value WriteExpectation(const Expectation& expect) {
  Object object;
  PutText(object, "variation", expect.variation);
  PutText(object, "variant", expect.variant);
  if (expect.value) object.Append("value", *expect.value);
  PutText(object, "reason", expect.reason);
  PutText(object, "rule", expect.rule);
  const bool plain = object.size() == 1 && !expect.variation.empty() + !expect.variant.empty() == 1;
  return plain ? object.begin()->value : Value(std::move(object));
}

// --- any kind ------------------------------------------------------------------------------------------------------

template <typename RecordType, typename Definition>
Result<EntityRecord> AsRecord(Result<Definition> definition) {
  if (!definition) return Fail(std::move(definition.error()));
  return EntityRecord(RecordType{*std::move(definition), {}});
}

std::optional<EntityKind> KindOfDefinition(const Value& value) {
  // An experiment names its flag and holdout, too; nothing else has a key of that name.
  if (value.Find("experiment") != nullptr) return EntityKind::kExperiment;
  for (const auto& [name, member] : value.AsObject()) {
    if (const auto kind = EntityKindFromString(name)) return kind;
  }
  return std::nullopt;
}

Error UnknownKind(const Value& value) {
  Report report;
  const Node node(value, report);
  if (!value.is_object()) {
    node.WrongType("a definition: a map");
  } else if (value.Find("project") != nullptr) {
    node.Fault("misplaced_key", "a project is defined in guidon.yaml only");
  } else {
    node.Fault("missing_key", "nothing says what this defines",
               "begin with one of flag, segment, layer, holdout, experiment, metric and its key");
  }
  return std::move(report).ToError("", "definition");
}

}  // namespace

Segment ReadSegment(const Node& node) {
  Segment segment;
  Fields fields(node, "a segment");
  fields.Required("segment", segment.key, ReadKey);
  fields.Optional("description", segment.description, ReadText);
  fields.Optional("owner", segment.owner, ReadName);
  fields.Optional("include", segment.include, ReadContextKeys);
  fields.Optional("exclude", segment.exclude, ReadContextKeys);
  fields.Optional("when", segment.when, ReadCondition);
  fields.Finish();
  return segment;
}

Layer ReadLayer(const Node& node) {
  Layer layer;
  Fields fields(node, "a layer");
  fields.Required("layer", layer.key, ReadKey);
  fields.Optional("description", layer.description, ReadText);
  fields.Required("unit", layer.unit, ReadAttribute);
  fields.Finish();
  return layer;
}

Holdout ReadHoldout(const Node& node) {
  Holdout holdout;
  Fields fields(node, "a holdout");
  fields.Required("holdout", holdout.key, ReadKey);
  fields.Optional("description", holdout.description, ReadText);
  fields.Optional("owner", holdout.owner, ReadName);
  fields.Required("unit", holdout.unit, ReadAttribute);
  fields.Required("size", holdout.size, ReadHoldoutSize);
  fields.Optional("archived", holdout.archived, ReadBool);
  fields.Finish();
  return holdout;
}

}  // namespace codec

Result<Segment> DecodeSegment(const Value& value, Strictness strictness) {
  return codec::Decode("segment", value, strictness, codec::ReadSegment);
}

Result<Layer> DecodeLayer(const Value& value, Strictness strictness) {
  return codec::Decode("layer", value, strictness, codec::ReadLayer);
}

Result<Holdout> DecodeHoldout(const Value& value, Strictness strictness) {
  return codec::Decode("holdout", value, strictness, codec::ReadHoldout);
}

Result<Project> DecodeProject(const Value& value, Strictness strictness) {
  return codec::Decode("project", value, strictness, codec::ReadProject);
}

Result<FlagTest> DecodeFlagTest(const Value& value) {
  return codec::Decode("test", value, Strictness::kAuthored, codec::ReadFlagTest);
}

Value EncodeSegment(const Segment& segment) {
  Object object{{"segment", segment.key}};
  codec::PutText(object, "description", segment.description);
  codec::PutText(object, "owner", segment.owner);
  codec::PutTexts(object, "include", segment.include);
  codec::PutTexts(object, "exclude", segment.exclude);
  codec::PutCondition(object, "when", segment.when);
  return object;
}

Value EncodeLayer(const Layer& layer) {
  Object object{{"layer", layer.key}};
  codec::PutText(object, "description", layer.description);
  codec::PutText(object, "unit", layer.unit);
  return object;
}

Value EncodeHoldout(const Holdout& holdout) {
  Object object{{"holdout", holdout.key}};
  codec::PutText(object, "description", holdout.description);
  codec::PutText(object, "owner", holdout.owner);
  codec::PutText(object, "unit", holdout.unit);
  object.Append("size", FormatPercent(holdout.size));
  codec::PutTrue(object, "archived", holdout.archived);
  return object;
}

Value EncodeProject(const Project& project) {
  Object object{{"project", project.key}};
  codec::PutText(object, "description", project.description);
  Object environments;
  for (const EnvironmentDefinition& environment : project.environments) {
    Object members;
    codec::PutTrue(members, "protected", environment.is_protected);
    if (environment.is_protected && environment.required_approvals != 1) {
      members.Append("required_approvals", environment.required_approvals);
    }
    codec::PutText(members, "description", environment.description);
    environments.Append(environment.key, std::move(members));
  }
  object.Append("environments", std::move(environments));
  return object;
}

Value EncodeFlagTest(const FlagTest& test) {
  Object object;
  codec::PutText(object, "description", test.description);
  codec::PutText(object, "flag", test.flag);
  codec::PutText(object, "experiment", test.experiment);
  codec::PutText(object, "environment", test.environment);
  codec::PutGiven(object, test.given, test.at);
  if (!test.matrix.empty()) object.Append("matrix", codec::WriteMatrix(test.matrix));
  codec::PutPercent(object, "at", test.at);
  if (test.now) object.Append("now", *test.now);
  object.Append("expect", codec::WriteExpectation(test.expect));
  return object;
}

Result<EntityRecord> DecodeEntity(EntityKind kind, const Value& value, Strictness strictness) {
  switch (kind) {
    case EntityKind::kFlag:
      return codec::AsRecord<FlagRecord>(DecodeFlag(value, strictness));
    case EntityKind::kSegment:
      return codec::AsRecord<SegmentRecord>(DecodeSegment(value, strictness));
    case EntityKind::kLayer:
      return codec::AsRecord<LayerRecord>(DecodeLayer(value, strictness));
    case EntityKind::kHoldout:
      return codec::AsRecord<HoldoutRecord>(DecodeHoldout(value, strictness));
    case EntityKind::kExperiment:
      return codec::AsRecord<ExperimentRecord>(DecodeExperiment(value, strictness));
    case EntityKind::kMetric:
      break;
  }
  return codec::AsRecord<MetricRecord>(DecodeMetric(value, strictness));
}

Result<EntityRecord> DecodeDefinition(const Value& value) {
  const auto kind = codec::KindOfDefinition(value);
  if (!kind) return Fail(codec::UnknownKind(value));
  return DecodeEntity(*kind, value);
}

std::optional<EntityRef> RefOfDefinition(const Value& value) {
  const auto kind = codec::KindOfDefinition(value);
  if (!kind) return std::nullopt;
  return EntityRef{*kind, value.Find(ToString(*kind))->AsString()};
}

namespace {

struct Encoder {
  Value operator()(const FlagRecord& record) const { return EncodeFlag(record.definition); }
  Value operator()(const SegmentRecord& record) const { return EncodeSegment(record.definition); }
  Value operator()(const LayerRecord& record) const { return EncodeLayer(record.definition); }
  Value operator()(const HoldoutRecord& record) const { return EncodeHoldout(record.definition); }
  Value operator()(const ExperimentRecord& record) const { return EncodeExperiment(record.definition); }
  Value operator()(const MetricRecord& record) const { return EncodeMetric(record.definition); }
};

}  // namespace

Value EncodeDefinition(const EntityRecord& record) {
  return std::visit(Encoder(), record);
}

}  // namespace guidon
