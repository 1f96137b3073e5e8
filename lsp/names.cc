#include "lsp/names.h"

#include <algorithm>
#include <span>
#include <utility>
#include <variant>

namespace guidon::lsp {
namespace {

// The rest of a path, from where somebody has come to.
using Way = std::span<const Path::Step>;

std::string_view KeyOf(Way way, std::size_t at) {
  if (at >= way.size()) return {};
  const auto* key = std::get_if<std::string>(&way[at]);
  return key == nullptr ? std::string_view() : std::string_view(*key);
}
bool IsIndex(Way way, std::size_t at) {
  return at < way.size() && std::holds_alternative<std::size_t>(way[at]);
}

// What there is of it.
Way First(Way way, std::size_t steps) {
  return way.first(std::min(steps, way.size()));
}
Way Rest(Way way, std::size_t steps) {
  return way.subspan(std::min(steps, way.size()));
}

const Node* Child(const Node* node, Way way) {
  if (node == nullptr || way.empty()) return nullptr;
  if (IsIndex(way, 0)) {
    const std::size_t index = std::get<std::size_t>(way[0]);
    return node->kind == Node::Kind::kList && index < node->entries.size() ? &node->entries[index].value : nullptr;
  }
  const Entry* entry = node->Find(KeyOf(way, 0));
  return entry == nullptr ? nullptr : &entry->value;
}
const Node* Descendant(const Node* node, Way way) {
  for (; node != nullptr && !way.empty(); way = Rest(way, 1)) node = Child(node, way);
  return node;
}
std::string TextIn(const Node* node, std::string_view key) {
  return node == nullptr ? std::string() : node->TextOf(key);
}

Name Named(Role role, std::string of = "") {
  return {role, "", std::move(of), false};
}
Name Defined(Role role, std::string of = "") {
  return {role, "", std::move(of), true};
}

class Namer {
 public:
  Namer(const Node& definition, bool on_key) : definition_(&definition), on_key_(on_key) {}

  Name InFlag(Way way) const {
    const std::string flag = TextIn(definition_, "flag");
    const std::string_view key = KeyOf(way, 0);
    if (key == "flag") return Value(way, 1, Defined(Role::kFlag));
    if (key == "variations") return Key(way, 2, Defined(Role::kVariation, flag));
    if (key != "environments") return {};
    if (way.size() == 2) return Key(way, 2, Named(Role::kEnvironment));
    return InTargeting(Rest(way, 2), Descendant(definition_, First(way, 2)), flag, KeyOf(way, 1));
  }

  Name InSegment(Way way) const {
    const std::string_view key = KeyOf(way, 0);
    if (key == "segment") return Value(way, 1, Defined(Role::kSegment));
    if (key == "when") return InCondition(Rest(way, 1), Child(definition_, way), Role::kAttribute);
    return {};
  }

  Name InMetric(Way way) const {
    const std::string_view key = KeyOf(way, 0);
    if (key == "metric") return Value(way, 1, Defined(Role::kMetric));
    if (key == "numerator" || key == "denominator") return InMetricPart(Rest(way, 1), Child(definition_, way));
    if (key != "steps") return InMetricPart(way, definition_);
    return way.size() < 2 ? Name() : InMetricPart(Rest(way, 2), Descendant(definition_, First(way, 2)));
  }

  Name InUnit(Way way, std::string_view defining, Role role) const {
    if (KeyOf(way, 0) == defining) return Value(way, 1, Defined(role));
    return KeyOf(way, 0) == "unit" ? Value(way, 1, Named(Role::kAttribute)) : Name();
  }

  Name InExperiment(Way way) const {
    const std::string experiment = TextIn(definition_, "experiment"), flag = TextIn(definition_, "flag");
    const std::string_view key = KeyOf(way, 0);
    if (key == "experiment") return Value(way, 1, Defined(Role::kExperiment));
    if (key == "flag") return Value(way, 1, Named(Role::kFlag));
    if (key == "environment") return Value(way, 1, Named(Role::kEnvironment));
    if (key == "unit") return Value(way, 1, Named(Role::kAttribute));
    if (key == "audience") return InCondition(Rest(way, 1), Child(definition_, way), Role::kAttribute);
    if (key == "layer") return KeyOf(way, 1) == "name" ? Value(way, 2, Named(Role::kLayer)) : Name();
    if (key == "holdout") return Value(way, 1, Named(Role::kHoldout));
    if (key == "variants") {
      if (way.size() == 2) return Key(way, 2, Defined(Role::kVariant, experiment));
      return KeyOf(way, 2) == "serves" ? Value(way, 3, Named(Role::kVariation, flag)) : Name();
    }
    if (key == "metrics") return InMetrics(Rest(way, 1));
    if (key == "qa" && KeyOf(way, 1) == "force" && way.size() == 4) {
      if (KeyOf(way, 3) == "variant") return Value(way, 4, Named(Role::kVariant, experiment));
      return OfAttribute(way, 3);
    }
    if (key != "tests") return {};
    if (KeyOf(way, 2) == "expect") return Value(way, 3, Named(Role::kVariant, experiment));
    return KeyOf(way, 2) == "given" ? OfAttribute(way, 3) : Name();
  }

  Name InTest(Way way) const {
    const std::string flag = TextIn(definition_, "flag"), experiment = TextIn(definition_, "experiment");
    const Name answer = experiment.empty() ? Named(Role::kVariation, flag) : Named(Role::kVariant, experiment);
    const std::string_view key = KeyOf(way, 0);
    if (key == "flag") return Value(way, 1, Named(Role::kFlag));
    if (key == "experiment") return Value(way, 1, Named(Role::kExperiment));
    if (key == "environment") return Value(way, 1, Named(Role::kEnvironment));
    if (key == "given" || key == "matrix") return OfAttribute(way, 1);
    if (key != "expect") return {};
    if (way.size() == 1) return Value(way, 1, answer);
    if (KeyOf(way, 1) == "variation" || KeyOf(way, 1) == "variant") return Value(way, 2, answer);
    if (KeyOf(way, 1) != "rule") return {};
    return Value(way, 2, Named(Role::kRule, flag + " " + TextIn(definition_, "environment")));
  }

  Name InPolicy(Way way) const {
    if (KeyOf(way, 0) != "rules") return {};
    const std::string_view key = KeyOf(way, 2);
    if (KeyOf(way, 1) == "static.personal-data" && key == "attributes") return Values(way, 3, Named(Role::kAttribute));
    if (KeyOf(way, 1) != "live.state" || key != "demands" || !IsIndex(way, 3)) return {};
    const std::string flag = TextIn(Descendant(definition_, First(way, 4)), "flag");
    if (KeyOf(way, 4) == "flag") return Value(way, 5, Named(Role::kFlag));
    if (KeyOf(way, 4) == "serves") return Value(way, 5, Named(Role::kVariation, flag));
    return KeyOf(way, 4) == "in" ? Value(way, 5, Named(Role::kEnvironment)) : Name();
  }

  Name InPopulation(Way way) const {
    if (KeyOf(way, 0) != "attributes") return {};
    if (way.size() == 2 && on_key_) return Named(Role::kAttribute);
    const std::string attribute(KeyOf(way, 1));
    return way.size() < 2 ? Name() : InSource(Rest(way, 2), Descendant(definition_, First(way, 2)), attribute);
  }

  Name InProject(Way way) const {
    return KeyOf(way, 0) == "environments" ? Key(way, 2, Defined(Role::kEnvironment)) : Name();
  }

 private:
  // The name, if the way ends here: on a value, or on a key.
  Name Value(Way way, std::size_t size, Name name) const {
    return way.size() == size && !on_key_ ? std::move(name) : Name();
  }
  Name Key(Way way, std::size_t size, Name name) const {
    return way.size() == size && on_key_ ? std::move(name) : Name();
  }
  // One, or a list of them.
  Name Values(Way way, std::size_t size, Name name) const {
    if (on_key_ || (way.size() != size && !(way.size() == size + 1 && IsIndex(way, size)))) return {};
    return name;
  }
  // A map of attributes whose values are plain, or lists.
  Name OfAttribute(Way way, std::size_t at) const {
    if (way.size() == at + 1 && on_key_) return Named(Role::kAttribute);
    return at < way.size() ? Values(way, at + 1, Named(Role::kAttributeValue, std::string(KeyOf(way, at)))) : Name();
  }

  Name InTargeting(Way way, const Node* targeting, const std::string& flag, std::string_view environment) const {
    const Name variation = Named(Role::kVariation, flag);
    const std::string_view key = KeyOf(way, 0);
    if (key == "off") return Value(way, 1, variation);
    if (key == "targets") return Key(way, 2, variation);
    if (key == "default") {
      if (way.size() == 1) return Value(way, 1, variation);
      return KeyOf(way, 1) == "serve" ? InServe(Rest(way, 2), flag) : InSplit(Rest(way, 1));
    }
    if (way.size() < 3 || !IsIndex(way, 1)) return {};
    const Node* element = Descendant(targeting, First(way, 2));
    if (key == "requires") {
      if (KeyOf(way, 2) == "flag") return Value(way, 3, Named(Role::kFlag));
      return KeyOf(way, 2) == "is" ? Values(way, 3, Named(Role::kVariation, TextIn(element, "flag"))) : Name();
    }
    return key == "rules" ? InRule(Rest(way, 2), element, flag, environment) : Name();
  }

  Name InRule(Way way, const Node* rule, const std::string& flag, std::string_view environment) const {
    const std::string_view key = KeyOf(way, 0);
    if (key == "id") return Value(way, 1, Defined(Role::kRule, flag + " " + std::string(environment)));
    if (key == "when") return InCondition(Rest(way, 1), Child(rule, way), Role::kAttribute);
    if (key == "serve") return InServe(Rest(way, 1), flag);
    if (key == "experiment") return Value(way, 1, Named(Role::kExperiment));
    return InSplit(way);
  }

  Name InServe(Way way, const std::string& flag) const {
    if (way.empty()) return Value(way, 0, Named(Role::kVariation, flag));
    return Key(way, 1, Named(Role::kVariation, flag));
  }
  Name InSplit(Way way) const { return KeyOf(way, 0) == "by" ? Value(way, 1, Named(Role::kAttribute)) : Name(); }

  // Where the values of an attribute of a population come from.
  Name InSource(Way way, const Node* source, const std::string& attribute) const {
    const std::string_view key = KeyOf(way, 0);
    const Name value = Named(Role::kAttributeValue, attribute);
    if (way.empty() || IsIndex(way, 0)) return Values(way, 0, value);
    if (key == "value") return Value(way, 1, value);
    if (key == "one_of") return Values(way, 1, value);
    if (key == "weights") return Key(way, 2, value);
    if (key == "by") return Value(way, 1, Named(Role::kAttribute));
    if (key == "else") return InSource(Rest(way, 1), Child(source, way), attribute);
    if (key != "cases" || way.size() < 2) return {};
    if (way.size() == 2 && on_key_) return Named(Role::kAttributeValue, TextIn(source, "by"));
    return InSource(Rest(way, 2), Descendant(source, First(way, 2)), attribute);
  }

  Name InMetricPart(Way way, const Node* part) const {
    const std::string_view key = KeyOf(way, 0);
    if (key == "event") return Value(way, 1, Named(Role::kEvent));
    if (key == "value") return Value(way, 1, Named(Role::kEventAttribute));
    return key == "where" ? InCondition(Rest(way, 1), Child(part, way), Role::kEventAttribute) : Name();
  }

  Name InMetrics(Way way) const {
    const std::string_view key = KeyOf(way, 0);
    const Name metric = Named(Role::kMetric);
    if (key == "primary")
      return way.size() == 2 && KeyOf(way, 1) == "use" ? Value(way, 2, metric) : Value(way, 1, metric);
    if (key == "secondary") return IsIndex(way, 1) ? Value(way, 2, metric) : Name();
    if (key != "guardrails" || !IsIndex(way, 1)) return {};
    return KeyOf(way, 2) == "use" ? Value(way, 3, metric) : Value(way, 2, metric);
  }

  // `condition`: the map that the first step of the way is in.
  Name InCondition(Way way, const Node* condition, Role attribute) const {
    if (way.empty() || IsIndex(way, 0)) return {};
    const std::string_view key = KeyOf(way, 0);
    const bool is_long = condition != nullptr && condition->Find("attribute") != nullptr;
    if (is_long && key != "attribute") {
      return Values(way, 1, Named(Role::kAttributeValue, TextIn(condition, "attribute")));
    }
    if (way.size() > 1 && (key == "all" || key == "any")) {
      return IsIndex(way, 1) ? InCondition(Rest(way, 2), Descendant(condition, First(way, 2)), attribute) : Name();
    }
    if (way.size() > 1 && key == "not") return InCondition(Rest(way, 1), Child(condition, way), attribute);
    if (key == "all" || key == "any" || key == "not" || key == "now") return {};
    if (key == "segment") return Values(way, 1, Named(Role::kSegment));
    if (key == "attribute") return Value(way, 1, Named(attribute));
    if (key == "flag") {
      if (way.size() == 2 && on_key_) return Named(Role::kFlag);
      return way.size() < 2 ? Name() : Values(way, 2, Named(Role::kVariation, std::string(KeyOf(way, 1))));
    }
    if (way.size() == 1 && on_key_) return Named(attribute);
    const Name value = Named(Role::kAttributeValue, std::string(key));
    return way.size() > 1 && !IsIndex(way, 1) ? Values(way, 2, value) : Values(way, 1, value);
  }

  const Node* definition_;
  const bool on_key_;
};

void Collect(FileKind kind, const Node& document, const Node& node, const Path& path, std::vector<Occurrence>& names) {
  const auto take = [&](const Path& at, bool on_key, const std::string& text, std::size_t begin, std::size_t end,
                        char quote) {
    Name name = NameAt(kind, document, at, on_key);
    if (name.role == Role::kNone || text.empty()) return;
    name.text = text;
    names.push_back({std::move(name), begin, end, quote});
  };
  if (node.kind == Node::Kind::kScalar) return take(path, false, node.text, node.begin, node.end, node.quote);
  for (std::size_t i = 0; i < node.entries.size(); ++i) {
    const Entry& entry = node.entries[i];
    const Path at = node.kind == Node::Kind::kMap ? path.Key(entry.key) : path.Index(i);
    if (node.kind == Node::Kind::kMap) take(at, true, entry.key, entry.begin, entry.end, entry.quote);
    Collect(kind, document, entry.value, at, names);
  }
}

}  // namespace

FileKind FileKindOf(std::string_view file) {
  static constexpr std::pair<std::string_view, FileKind> kFolders[] = {
      {"flags/", FileKind::kFlags},     {"segments/", FileKind::kSegments},
      {"metrics/", FileKind::kMetrics}, {"experiments/", FileKind::kExperiments},
      {"layers.", FileKind::kLayers},   {"holdouts.", FileKind::kHoldouts},
      {"tests/", FileKind::kTests},     {"populations/", FileKind::kPopulations},
  };
  if (file == "guidon.yaml") return FileKind::kProject;
  if (file == "gate.yaml") return FileKind::kPolicy;
  for (const auto& [place, kind] : kFolders) {
    if (file.starts_with(place)) return kind;
  }
  return FileKind::kNone;
}

std::string_view ToString(Role role) {
  switch (role) {
    case Role::kNone:
      return "";
    case Role::kFlag:
      return "flag";
    case Role::kSegment:
      return "segment";
    case Role::kMetric:
      return "metric";
    case Role::kLayer:
      return "layer";
    case Role::kHoldout:
      return "holdout";
    case Role::kExperiment:
      return "experiment";
    case Role::kEnvironment:
      return "environment";
    case Role::kVariation:
      return "variation";
    case Role::kRule:
      return "rule";
    case Role::kVariant:
      return "variant";
    case Role::kAttribute:
      return "attribute";
    case Role::kAttributeValue:
      return "value";
    case Role::kEvent:
      return "event";
    case Role::kEventAttribute:
      return "event attribute";
  }
  return "";
}

const Node* DefinitionOf(const Node& document, const Path& path) {
  if (document.kind != Node::Kind::kList) return &document;
  return path.empty() ? nullptr : Child(&document, Way(path.steps()).first(1));
}

Name NameAt(FileKind kind, const Node& document, const Path& path, bool on_key) {
  const Node* definition = DefinitionOf(document, path);
  if (definition == nullptr) return {};
  const Way way = Way(path.steps()).subspan(definition == &document ? 0 : 1);
  const Namer namer(*definition, on_key);
  switch (kind) {
    case FileKind::kFlags:
      return namer.InFlag(way);
    case FileKind::kSegments:
      return namer.InSegment(way);
    case FileKind::kMetrics:
      return namer.InMetric(way);
    case FileKind::kExperiments:
      return namer.InExperiment(way);
    case FileKind::kLayers:
      return namer.InUnit(way, "layer", Role::kLayer);
    case FileKind::kHoldouts:
      return namer.InUnit(way, "holdout", Role::kHoldout);
    case FileKind::kTests:
      return namer.InTest(way);
    case FileKind::kProject:
      return namer.InProject(way);
    case FileKind::kPolicy:
      return namer.InPolicy(way);
    case FileKind::kPopulations:
      return namer.InPopulation(way);
    case FileKind::kNone:
      break;
  }
  return {};
}

std::vector<Occurrence> NamesIn(FileKind kind, const Outline& outline) {
  std::vector<Occurrence> names;
  for (const Node& document : outline.documents) Collect(kind, document, document, {}, names);
  return names;
}

}  // namespace guidon::lsp
