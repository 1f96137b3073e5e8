#include "lint/lint.h"

#include <algorithm>
#include <array>
#include <iterator>
#include <memory>
#include <set>
#include <tuple>
#include <utility>

#include "core/codec/codec.h"
#include "core/model/condition.h"
#include "core/model/units.h"
#include "format/edit.h"
#include "format/format.h"
#include "lint/keep_layout.h"
#include "lint/meaning.h"

namespace guidon::lint {
namespace {

using format::Entry;
using format::FindMember;
using format::IsScalar;
using format::IsScalarOf;
using format::Kind;
using format::Node;
using format::Tree;

using Entries = std::vector<std::unique_ptr<Entry>>;

constexpr std::array<LintRule, 14> kRules = {{
    {"ambiguous-text", "a text that other readers of YAML take for a number or a boolean stands in quotes"},
    {"default-said", "what holds anyway is left out"},
    {"double-not", "not of not is the condition itself"},
    {"duplicate-value", "what is in a list twice counts once"},
    {"empty-environment", "an environment of a flag that says nothing is left out"},
    {"file-name", "a file of one definition has its key as its name"},
    {"layout", "a text is in the one layout, as `guidon fmt` writes it"},
    {"list-of-one", "a list of one value is that value"},
    {"long-form", "a map of one member, where its value alone says the same, is that value"},
    {"modeline", "a file begins with the modeline that the others of its folder have"},
    {"percent", "a percentage has no more digits than it needs"},
    {"says-nothing", "an empty list or map is left out"},
    {"single-condition", "`all` or `any` of one condition is the condition itself"},
    {"split-of-one", "a split that gives one variation all of it serves that variation"},
}};

constexpr std::string_view kLanguageServer = "yaml-language-server";
constexpr std::size_t kMostPasses = 16;

bool IsCollection(const Node& node) {
  return node.kind == Kind::kList || node.kind == Kind::kMap;
}
bool HasComments(const Entry& entry) {
  return !entry.before.empty() || !entry.head.empty() || !entry.after.empty() || format::HasComments(*entry.value);
}
// Anchors, tags and aliases say more than the value.
bool IsBare(const Node& node) {
  return node.kind != Kind::kAlias && node.properties.empty() &&
         std::all_of(node.entries.begin(), node.entries.end(), [](const auto& entry) {
           return (entry->key == nullptr || IsBare(*entry->key)) && IsBare(*entry->value);
         });
}

bool IsDigits(std::string_view text) {
  return !text.empty() && text.find_first_not_of("0123456789") == std::string_view::npos;
}

// 4.2.0, 1.2.3-rc1: a text, though it looks like a number; 12:30: a number to YAML 1.1, as are the words.
bool IsAmbiguous(std::string_view text) {
  std::string lower(text);
  std::transform(lower.begin(), lower.end(), lower.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
  static constexpr std::array<std::string_view, 6> kWords = {"yes", "no", "on", "off", "y", "n"};
  if (std::find(kWords.begin(), kWords.end(), lower) != kWords.end()) return true;
  for (const char separator : {'.', ':'}) {
    std::string_view rest = text.substr(0, std::min(text.find_first_of("-+"), text.size()));
    std::size_t parts = 0;
    bool all_digits = true;
    while (all_digits && !rest.empty()) {
      const std::size_t end = std::min(rest.find(separator), rest.size());
      all_digits = IsDigits(rest.substr(0, end));
      rest.remove_prefix(std::min(end + 1, rest.size()));
      ++parts;
    }
    if (all_digits && parts >= (separator == '.' ? 3U : 2U)) return true;
  }
  return false;
}

// Two scalars of one list that are written alike, or of which one is in quotes that it does not need.
std::string SameAs(const Node& scalar) {
  const bool is_text = scalar.kind != Kind::kPlain || format::CanBePlain(scalar.text);
  return (is_text ? "text " : "other ") + scalar.text;
}

class Pass {
 public:
  explicit Pass(const LintOptions& options) : options_(options) {}

  std::vector<LintProblem> problems;

  void Definition(Node& node, const Meaning& meaning) {
    if (!IsBare(node) || node.kind != Kind::kMap) return;
    if (std::holds_alternative<FlagTest>(meaning)) return OfTest(node);
    if (std::holds_alternative<Project>(meaning)) return OfProject(node);
    const auto* entity = std::get_if<EntityRecord>(&meaning);
    if (entity == nullptr) return;
    Default(node, "archived", "false");
    switch (RefOf(*entity).kind) {
      case EntityKind::kFlag:
        return OfFlag(node, std::get<FlagRecord>(*entity).definition.type == FlagType::kBoolean);
      case EntityKind::kSegment:
        return OfSegment(node);
      case EntityKind::kMetric:
        return OfMetric(node);
      case EntityKind::kExperiment:
        return OfExperiment(node);
      case EntityKind::kHoldout:
        return PercentIn(node, "size");
      case EntityKind::kLayer:
        return;
    }
  }

 private:
  // Returns whether to do it.
  bool Offer(std::string_view rule, const Node& at, std::string message, bool loses_comment = false) {
    if (loses_comment) message += "; a comment stands there: by hand";
    return Say(rule, at, std::move(message), !loses_comment) && !loses_comment;
  }

  bool Say(std::string_view rule, const Node& at, std::string message, bool fixable) {
    if (options_.skip.contains(std::string(rule))) return false;
    problems.push_back({std::string(rule),
                        {static_cast<int>(at.line) + 1, static_cast<int>(at.column) + 1},
                        std::move(message),
                        fixable});
    return true;
  }

  static Node* ValueOf(Node& map, std::string_view key) {
    Entry* entry = FindMember(map, key);
    return entry == nullptr ? nullptr : entry->value.get();
  }

  static void Erase(Node& collection, const Entry* entry) {
    std::erase_if(collection.entries, [&](const auto& held) { return held.get() == entry; });
  }

  // ---- forms -----------------------------------------------------------------------------------------------------

  void Default(Node& map, std::string_view key, std::string_view value) {
    Entry* entry = FindMember(map, key);
    if (entry == nullptr || entry->value->kind != Kind::kPlain || entry->value->text != value) return;
    if (Offer("default-said", *entry->key, std::string(key) + ": " + std::string(value) + " holds anyway",
              HasComments(*entry))) {
      Erase(map, entry);
    }
  }

  void SaysNothing(Node& map, std::string_view key) {
    Entry* entry = FindMember(map, key);
    if (entry == nullptr || !IsCollection(*entry->value) || !entry->value->entries.empty()) return;
    if (Offer("says-nothing", *entry->key, std::string(key) + " is empty", HasComments(*entry))) Erase(map, entry);
  }

  void Unique(Node& list) {
    if (list.kind != Kind::kList) return;
    std::set<std::string> seen;
    std::vector<const Entry*> twice;
    for (const auto& element : list.entries) {
      if (!IsScalar(*element->value) || seen.insert(SameAs(*element->value)).second) continue;
      if (Offer("duplicate-value", *element->value, element->value->text + " is here twice", HasComments(*element))) {
        twice.push_back(element.get());
      }
    }
    for (const Entry* element : twice) Erase(list, element);
  }

  // A scalar, or a list of scalars of which one may stand without brackets.
  void OneOrMore(Node* value) {
    if (value == nullptr || value->kind != Kind::kList) return;
    Unique(*value);
    if (value->entries.size() != 1 || !IsScalar(*value->entries.front()->value)) return;
    Node& only = *value->entries.front()->value;
    if (Offer("list-of-one", *value, "a list of " + only.text + " is " + only.text, format::HasComments(*value))) {
      Become(*value, std::move(value->entries.front()->value));
    }
  }

  // In its place, where it is.
  static void Become(Node& node, std::unique_ptr<Node> other) {
    other->line = node.line;
    other->column = node.column;
    node = std::move(*other);
  }

  // { serve: on } -> on
  void LongForm(Node* value, std::string_view key, Kind kind = Kind::kPlain) {
    if (value == nullptr || value->kind != Kind::kMap || value->entries.size() != 1) return;
    Entry& only = *value->entries.front();
    const bool fits = kind == Kind::kList ? only.value->kind == Kind::kList : IsScalar(*only.value);
    if (!IsScalarOf(*only.key, key) || !fits) return;
    const std::string what = IsScalar(*only.value) ? only.value->text : "its list";
    if (Offer("long-form", *value, "{ " + std::string(key) + ": … } is " + what + " alone",
              format::HasComments(*value))) {
      Become(*value, std::move(only.value));
    }
  }

  void Percent(Node& value) {
    if (value.kind != Kind::kPlain && value.kind != Kind::kQuoted) return;
    const std::optional<std::uint32_t> parts = ParsePercent(value.text);
    if (!parts) return;
    const std::string plain = FormatPercent(*parts);
    if (plain == value.text) return;
    if (!Offer("percent", value, value.text + " is " + plain)) return;
    value.kind = Kind::kPlain;
    value.text = plain;
    value.lines.clear();
  }

  void PercentIn(Node& map, std::string_view key) {
    if (Node* value = ValueOf(map, key)) Percent(*value);
  }

  void PercentsOfSteps(Node* steps) {
    if (steps == nullptr || steps->kind != Kind::kList) return;
    for (const auto& step : steps->entries) PercentIn(*step->value, "at");
  }

  void Serve(Node* serve) {
    if (serve == nullptr || serve->kind != Kind::kMap) return;
    for (const auto& weight : serve->entries) Percent(*weight->value);
    if (serve->entries.size() != 1) return;
    // Who reads it would see another reason, and the buckets that are kept would go: a choice.
    const std::string name = serve->entries.front()->key->text;
    Say("split-of-one", *serve, "all of it goes to " + name + ": `serve: " + name + "` is no split", false);
  }

  void Ambiguous(Node& scalar) {
    if (scalar.kind != Kind::kPlain || !scalar.lines.empty() || !IsAmbiguous(scalar.text)) return;
    if (Offer("ambiguous-text", scalar,
              scalar.text + " is a text here, and not everywhere: it stands better in quotes")) {
      scalar.kind = Kind::kQuoted;
    }
  }

  // ---- conditions ------------------------------------------------------------------------------------------------

  // What stands for `entry` of `map` when the members of `condition` take its place; false where a name would be twice.
  static bool CanInline(const Node& map, const Entry& entry, const Node& condition) {
    if (condition.kind != Kind::kMap) return false;
    const auto is_long = [](const Node& node) { return FindMember(node, "attribute") != nullptr; };
    if ((is_long(map) || is_long(condition)) && map.entries.size() > 1) return false;
    return std::none_of(condition.entries.begin(), condition.entries.end(), [&](const auto& member) {
      const Entry* held = FindMember(map, member->key->text);
      return held != nullptr && held != &entry;
    });
  }

  static void Inline(Node& map, const Entry& entry, std::unique_ptr<Node> condition) {
    Entries entries;
    for (auto& held : map.entries) {
      if (held.get() != &entry) {
        entries.push_back(std::move(held));
      } else {
        std::move(condition->entries.begin(), condition->entries.end(), std::back_inserter(entries));
      }
    }
    map.entries = std::move(entries);
  }

  void List(Node& map, Entry& entry) {
    if (entry.value->kind != Kind::kList) return;
    for (const auto& child : entry.value->entries) Condition(*child->value);
    if (entry.value->entries.size() != 1) return;
    Entry& only = *entry.value->entries.front();
    if (!CanInline(map, entry, *only.value)) return;
    if (Offer("single-condition", *entry.key, entry.key->text + " of one condition is that condition",
              HasComments(entry))) {
      const std::unique_ptr<Entry> held = std::move(entry.value->entries.front());
      Inline(map, entry, std::move(held->value));
    }
  }

  void Not(Node& map, Entry& entry) {
    Condition(*entry.value);
    const Node& denied = *entry.value;
    if (denied.kind != Kind::kMap || denied.entries.size() != 1) return;
    Entry& within = *denied.entries.front();
    if (!IsScalarOf(*within.key, "not") || !CanInline(map, entry, *within.value)) return;
    if (Offer("double-not", *entry.key, "not of not is the condition itself", HasComments(entry))) {
      std::unique_ptr<Node> condition = std::move(within.value);
      within.value = std::make_unique<Node>();
      Inline(map, entry, std::move(condition));
    }
  }

  void Operators(Node& operators) {
    Default(operators, "ignore_case", "false");
    for (const auto& test : operators.entries) {
      const std::optional<Operator> op = OperatorFromString(test->key->text);
      if (!op) continue;
      if (test->value->kind == Kind::kList) {
        for (const auto& operand : test->value->entries) Ambiguous(*operand->value);
        OneOrMore(test->value.get());
      } else {
        Ambiguous(*test->value);
      }
    }
  }

  void Matcher(Node& matcher) {
    if (matcher.kind == Kind::kMap) {
      Operators(matcher);
      if (matcher.entries.size() != 1 || !IsScalarOf(*matcher.entries.front()->key, "in")) return;
      if (!Offer("long-form", matcher, "{ in: … } is its value alone", format::HasComments(matcher))) return;
      std::unique_ptr<Node> value = std::move(matcher.entries.front()->value);
      return Become(matcher, std::move(value));
    }
    if (matcher.kind == Kind::kList) {
      for (const auto& operand : matcher.entries) Ambiguous(*operand->value);
      return OneOrMore(&matcher);
    }
    Ambiguous(matcher);
  }

  void Condition(Node& condition) {
    if (condition.kind != Kind::kMap) return;
    if (FindMember(condition, "attribute") != nullptr) return Operators(condition);
    // Members may go while they are looked at.
    std::vector<Entry*> entries;
    for (const auto& entry : condition.entries) entries.push_back(entry.get());
    for (Entry* entry : entries) {
      const std::string key = entry->key->text;
      if (key == "all" || key == "any") {
        List(condition, *entry);
      } else if (key == "not") {
        Not(condition, *entry);
      } else if (key == "segment") {
        OneOrMore(entry->value.get());
      } else if (key == "flag") {
        for (const auto& flag : entry->value->entries) OneOrMore(flag->value.get());
      } else if (key != "now") {
        Matcher(*entry->value);
      }
    }
  }

  void ConditionIn(Node& map, std::string_view key) {
    if (Node* condition = ValueOf(map, key)) Condition(*condition);
  }

  // ---- definitions -----------------------------------------------------------------------------------------------

  void OfFlag(Node& flag, bool is_boolean) {
    Default(flag, "client", "false");
    SaysNothing(flag, "tags");
    if (Node* tags = ValueOf(flag, "tags")) Unique(*tags);
    if (is_boolean) Variations(flag);
    SaysNothing(flag, "environments");
    Node* environments = ValueOf(flag, "environments");
    if (environments == nullptr || environments->kind != Kind::kMap) return;
    std::vector<const Entry*> empty;
    for (const auto& environment : environments->entries) {
      if (environment->value->kind != Kind::kMap) continue;
      if (!environment->value->entries.empty()) {
        Targeting(*environment->value);
      } else if (Offer("empty-environment", *environment->key,
                       environment->key->text + " says nothing, which is the same as not to name it",
                       HasComments(*environment))) {
        empty.push_back(environment.get());
      }
    }
    for (const Entry* environment : empty) Erase(*environments, environment);
    const Entry* all = FindMember(flag, "environments");
    if (!empty.empty() && environments->entries.empty() && !HasComments(*all)) Erase(flag, all);
  }

  // { on: true, off: false } in this order: the other order gives buckets out otherwise.
  void Variations(Node& flag) {
    Entry* entry = FindMember(flag, "variations");
    if (entry == nullptr || entry->value->kind != Kind::kMap || entry->value->entries.size() != 2) return;
    const Entry &first = *entry->value->entries[0], &second = *entry->value->entries[1];
    if (!IsScalarOf(*first.key, "on") || !IsScalarOf(*second.key, "off")) return;
    if (Offer("default-said", *entry->key, "a boolean flag has these variations anyway", HasComments(*entry))) {
      Erase(flag, entry);
    }
  }

  void Targeting(Node& targeting) {
    for (const std::string_view key : {"requires", "targets", "rules"}) SaysNothing(targeting, key);
    if (Node* required = ValueOf(targeting, "requires")) {
      for (const auto& requirement : required->entries) OneOrMore(ValueOf(*requirement->value, "is"));
    }
    if (Node* targets = ValueOf(targeting, "targets")) {
      for (const auto& keys : targets->entries) Unique(*keys->value);
    }
    if (Node* rules = ValueOf(targeting, "rules")) {
      for (const auto& rule : rules->entries) Rule(*rule->value);
    }
    if (Node* fallback = ValueOf(targeting, "default")) {
      Serve(ValueOf(*fallback, "serve"));
      LongForm(fallback, "serve");
    }
  }

  void Rule(Node& rule) {
    ConditionIn(rule, "when");
    Serve(ValueOf(rule, "serve"));
    PercentIn(rule, "rollout");
    Node* ramp = ValueOf(rule, "ramp");
    if (ramp == nullptr) return;
    PercentsOfSteps(ramp->kind == Kind::kMap ? ValueOf(*ramp, "steps") : ramp);
    LongForm(ramp, "steps", Kind::kList);
  }

  void OfSegment(Node& segment) {
    for (const std::string_view key : {"include", "exclude"}) {
      SaysNothing(segment, key);
      if (Node* keys = ValueOf(segment, key)) Unique(*keys);
    }
    ConditionIn(segment, "when");
  }

  void OfMetric(Node& metric) {
    ConditionIn(metric, "where");
    for (const std::string_view key : {"numerator", "denominator"}) {
      if (Node* side = ValueOf(metric, key)) ConditionIn(*side, "where");
    }
    if (Node* steps = ValueOf(metric, "steps")) {
      for (const auto& step : steps->entries) ConditionIn(*step->value, "where");
    }
    PercentIn(metric, "quantile");
  }

  void OfExperiment(Node& experiment) {
    ConditionIn(experiment, "audience");
    if (Node* layer = ValueOf(experiment, "layer")) PercentIn(*layer, "slice");
    if (Node* variants = ValueOf(experiment, "variants")) {
      for (const auto& variant : variants->entries) PercentIn(*variant->value, "weight");
    }
    PercentsOfSteps(ValueOf(experiment, "ramp"));
    Node* metrics = ValueOf(experiment, "metrics");
    if (metrics == nullptr) return;
    LongForm(ValueOf(*metrics, "primary"), "use");
    for (const std::string_view key : {"secondary", "guardrails"}) {
      SaysNothing(*metrics, key);
      Node* list = ValueOf(*metrics, key);
      if (list == nullptr) continue;
      for (const auto& metric : list->entries) LongForm(metric->value.get(), "use");
    }
  }

  void OfTest(Node& test) {
    PercentIn(test, "at");
    for (const std::string_view key : {"given", "matrix"}) {
      Node* context = ValueOf(test, key);
      if (context == nullptr || context->kind != Kind::kMap) continue;
      for (const auto& attribute : context->entries) {
        Ambiguous(*attribute->value);
        for (const auto& element : attribute->value->entries) {
          if (element->key == nullptr) Ambiguous(*element->value);
        }
      }
    }
    LongForm(ValueOf(test, "expect"), FindMember(test, "flag") != nullptr ? "variation" : "variant");
  }

  void OfProject(Node& project) {
    Node* environments = ValueOf(project, "environments");
    if (environments == nullptr) return;
    for (const auto& environment : environments->entries) Default(*environment->value, "protected", "false");
  }

  const LintOptions& options_;
};

// The definitions of a text, in their order.
std::vector<Meaning> MeaningsOf(const YamlResult& yaml) {
  std::vector<Meaning> meanings;
  for (const YamlDocument& document : yaml.documents) {
    if (!document.value.is_array()) {
      meanings.push_back(MeaningOf(document.value));
      continue;
    }
    for (const Value& element : document.value.AsArray()) meanings.push_back(MeaningOf(element));
  }
  return meanings;
}

std::vector<Value> ValuesOf(const YamlResult& yaml) {
  std::vector<Value> values;
  for (const YamlDocument& document : yaml.documents) {
    if (!document.value.is_array()) {
      values.push_back(document.value);
    } else {
      for (const Value& element : document.value.AsArray()) values.push_back(element);
    }
  }
  return values;
}

// Those of the tree, in the same order.
std::vector<Node*> NodesOf(Tree& tree) {
  std::vector<Node*> nodes;
  for (const auto& document : tree.documents) {
    Node& root = *document->root.value;
    if (root.kind != Kind::kList) {
      nodes.push_back(&root);
      continue;
    }
    for (const auto& element : root.entries) nodes.push_back(element->value.get());
  }
  return nodes;
}

bool MeansTheSame(const YamlResult& before, const YamlResult& after) {
  std::vector<Meaning> old = MeaningsOf(before), now = MeaningsOf(after);
  const std::vector<Value> old_values = ValuesOf(before), now_values = ValuesOf(after);
  if (old.size() != now.size()) return false;
  for (std::size_t i = 0; i < old.size(); ++i) {
    const bool is_known = !std::holds_alternative<std::monostate>(old[i]);
    if (is_known ? Plainest(std::move(old[i])) != Plainest(std::move(now[i])) : old_values[i] != now_values[i]) {
      return false;
    }
  }
  return true;
}

bool KeepsComments(std::string_view before, std::string_view after) {
  Result<std::vector<std::string>> old = CommentsOf(before), now = CommentsOf(after);
  if (!old || !now) return false;
  std::sort(old->begin(), old->end());
  std::sort(now->begin(), now->end());
  return std::includes(now->begin(), now->end(), old->begin(), old->end());
}

Error Unfaithful(const std::string& what) {
  return {ErrorCode::kInternal, "the fixes would " + what + ", so the text was left as it is: please report this", {}};
}

// One look, with all done that can be, in the layout.
Result<std::string> FixOnce(std::string_view text, const LintOptions& options, std::vector<LintProblem>& problems) {
  Result<Tree> tree = format::TreeOf(text);
  if (!tree) return Fail(tree.error());
  const std::vector<Meaning> meanings = MeaningsOf(ParseYaml(text));
  const std::vector<Node*> nodes = NodesOf(*tree);
  if (nodes.size() != meanings.size()) return Fail(Unfaithful("miss a definition"));
  Pass pass(options);
  for (std::size_t i = 0; i < nodes.size(); ++i) pass.Definition(*nodes[i], meanings[i]);
  problems = std::move(pass.problems);
  return FormatYaml(format::WriteTree(*std::move(tree), FormatOptions().columns));
}

// "# yaml-language-server: $schema=…"
bool IsModeline(std::string_view comment) {
  if (!comment.starts_with('#')) return false;
  const auto skip_blanks = [&] { comment.remove_prefix(std::min(comment.find_first_not_of(" \t"), comment.size())); };
  comment.remove_prefix(1);
  skip_blanks();
  if (!comment.starts_with(kLanguageServer)) return false;
  comment.remove_prefix(kLanguageServer.size());
  skip_blanks();
  return comment.starts_with(':');
}

std::string_view LineAt(std::string_view text, std::size_t begin) {
  return text.substr(begin, std::min(text.find('\n', begin), text.size()) - begin);
}

// Of the first line that is another one.
int FirstDifference(std::string_view a, std::string_view b) {
  int line = 1;
  std::size_t i = 0, j = 0;
  while (i < a.size() && j < b.size() && LineAt(a, i) == LineAt(b, j)) {
    i += LineAt(a, i).size() + 1;
    j += LineAt(b, j).size() + 1;
    ++line;
  }
  return line;
}

struct Modeline {
  std::string text;
  SourcePosition at;
};

// Lines of a text in a block scalar are no comments, whatever they look like.
std::vector<Modeline> ModelinesIn(std::string_view text) {
  std::vector<Modeline> found;
  if (text.find(kLanguageServer) == std::string_view::npos) return found;
  const Result<std::vector<std::string>> comments = CommentsOf(text);
  if (!comments) return found;
  int number = 1;
  for (std::size_t begin = 0; begin < text.size(); ++number) {
    const std::string_view line = LineAt(text, begin);
    begin += line.size() + 1;
    const std::size_t column = std::min(line.find('#'), line.size());
    std::string_view comment = line.substr(column);
    comment = comment.substr(0, comment.find_last_not_of(" \t\r") + 1);
    if (!IsModeline(comment) || std::find(comments->begin(), comments->end(), comment) == comments->end()) continue;
    found.push_back({std::string(comment), {number, static_cast<int>(column) + 1}});
  }
  return found;
}

void CheckModelines(std::string_view text, std::vector<LintProblem>& problems) {
  const std::vector<Modeline> modelines = ModelinesIn(text);
  for (std::size_t i = 1; i < modelines.size(); ++i) {
    problems.push_back({"modeline", modelines[i].at,
                        "a second modeline: editors take that of line " + std::to_string(modelines.front().at.line),
                        false});
  }
}

// A text that is to stay in its layout, with what can be done there; `problems` of it and `left` say what cannot.
Result<std::string> FixInPlace(std::string_view text, std::string_view formatted, std::string_view fixed,
                               const LintOptions& options, LintedText& linted) {
  constexpr const char* kByHand = "; its lines are not in the one layout: by hand";
  KeptLayout kept = KeepLayout(text, formatted, fixed);
  const YamlResult before = ParseYaml(text), after = ParseYaml(kept.text);
  if (!after.faults.empty() || !MeansTheSame(before, after) || !KeepsComments(text, kept.text)) {
    kept = {std::string(text), {}};
  }
  for (LintProblem& problem : linted.problems) {
    if (!problem.fixable || kept.Replaces(static_cast<std::size_t>(problem.at.line) - 1)) continue;
    problem.fixable = false;
    problem.message += kByHand;
  }
  if (Result<std::string> again = FixOnce(kept.text, options, linted.left); !again) return again;
  for (LintProblem& problem : linted.left) {
    if (problem.fixable) problem.message += kByHand;
    problem.fixable = false;
  }
  return std::move(kept.text);
}

// "checkout.layout" and "checkout-layout.yaml" are the same name.
std::string AsFileName(std::string_view key) {
  std::string name;
  for (const char c : key) {
    name += c == '.' || c == '_' ? '-' : c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  }
  return name;
}

void CheckFileName(const YamlResult& yaml, std::string_view name, std::vector<LintProblem>& problems) {
  const std::vector<Meaning> meanings = MeaningsOf(yaml);
  if (meanings.size() != 1 || yaml.documents.front().value.is_array()) return;
  const auto* entity = std::get_if<EntityRecord>(&meanings.front());
  if (entity == nullptr) return;
  const std::string file(name.substr(name.rfind('/') + 1)), key = RefOf(*entity).key;
  // Files of one layer or holdout are named by what they hold.
  if (file.starts_with("layers.") || file.starts_with("holdouts.")) return;
  const std::string wanted = AsFileName(key);
  if (AsFileName(file.substr(0, file.rfind('.'))) == wanted) return;
  problems.push_back(
      {"file-name", {1, 1}, "it defines " + RefOf(*entity).ToText() + ": " + wanted + ".yaml is its name", false});
}

}  // namespace

std::span<const LintRule> LintRules() {
  return kRules;
}

std::string ModelineOf(std::string_view text) {
  const std::vector<Modeline> modelines = ModelinesIn(text);
  return modelines.empty() ? std::string() : modelines.front().text;
}

std::string KindOf(std::string_view text) {
  std::string kind;
  for (const Value& value : ValuesOf(ParseYaml(text))) {
    std::string one;
    if (value.Find("expect") != nullptr) {
      one = "test";
    } else if (const std::optional<EntityRef> ref = RefOfDefinition(value)) {
      one = ToString(ref->kind);
    } else if (value.Find("project") != nullptr) {
      one = "project";
    } else if (value.Find("population") != nullptr) {
      one = "population";
    }
    if (one.empty() || (!kind.empty() && kind != one)) return "";
    kind = std::move(one);
  }
  return kind;
}

Result<LintedText> LintText(std::string_view text, std::string_view name, const LintOptions& options) {
  const Result<std::string> formatted = FormatYaml(text);
  if (!formatted) return Fail(formatted.error());
  LintedText linted;
  Result<std::string> fixed = FixOnce(text, options, linted.problems);
  // What is fixed may uncover more, and the layout may give a comment a better place.
  bool goes_on = true;
  for (std::size_t pass = 0; fixed && goes_on && pass < kMostPasses; ++pass) {
    Result<std::string> once_more = FixOnce(*fixed, options, linted.left);
    goes_on = once_more && *once_more != *fixed;
    fixed = std::move(once_more);
  }
  if (!fixed) return Fail(fixed.error());
  if (goes_on) return Fail(Unfaithful("never end"));

  const auto is_asked = [&](const char* rule) { return !options.skip.contains(rule); };
  if (*formatted != text && is_asked("layout")) {
    linted.problems.push_back({"layout", {FirstDifference(text, *formatted), 1}, "it is not in the one layout", true});
  } else if (*formatted != text) {
    fixed = FixInPlace(text, *formatted, *fixed, options, linted);
    if (!fixed) return Fail(fixed.error());
  }
  if (is_asked("modeline")) {
    CheckModelines(text, linted.problems);
    CheckModelines(*fixed, linted.left);
  }
  if (!options.modeline.empty() && ModelineOf(text).empty() && is_asked("modeline")) {
    linted.problems.push_back({"modeline", {1, 1}, "the others of its kind in this folder have a modeline", true});
    *fixed = options.modeline + "\n" + *fixed;
    for (LintProblem& problem : linted.left) ++problem.at.line;
  }
  const YamlResult before = ParseYaml(text), after = ParseYaml(*fixed);
  for (std::vector<LintProblem>* problems : {&linted.problems, &linted.left}) {
    if (is_asked("file-name")) CheckFileName(before, name, *problems);
    std::stable_sort(problems->begin(), problems->end(), [](const LintProblem& a, const LintProblem& b) {
      return std::tie(a.at.line, a.at.column) < std::tie(b.at.line, b.at.column);
    });
  }
  if (!after.faults.empty() || !MeansTheSame(before, after)) return Fail(Unfaithful("change what it means"));
  if (!KeepsComments(text, *fixed)) return Fail(Unfaithful("lose a comment"));
  linted.fixed = *std::move(fixed);
  return linted;
}

}  // namespace guidon::lint
