// Random definitions, records and values for property tests: small vocabularies, so that names meet, and every form
// that decoding can return.
//
//   std::mt19937_64 random(seed);
//   RandomModel model(random);
//   model.segments = {"eu-web"};          // what conditions may refer to
//   Flag flag = model.MakeFlag("checkout.layout");
//
// What it makes keeps the promises of the model's comments and of the codec; references to flags, segments and
// variations within a flag exist when the vocabularies say so. Texts of regular expressions, versions, networks and
// times are valid.
//
// Thread safety: none; one for each thread.
#pragma once

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "core/model/definitions.h"
#include "core/model/expectation.h"
#include "core/model/names.h"

namespace guidon {

class RandomModel {
 public:
  explicit RandomModel(std::mt19937_64& random) : random_(random) {}

  // Vocabularies; a caller may replace them.
  std::vector<std::string> attributes = {"country", "plan", "app.version", "email", "beta",
                                         "age",     "ip",   "roles",       "now"};
  std::vector<std::string> segments = {"eu-web", "staff", "beta-users"};
  std::vector<std::string> flags = {"payments.v2", "checkout.layout", "search"};
  std::vector<std::string> serves = {"on", "off", "single_page"};  // what conditions and requirements ask of flags
  std::vector<std::string> experiments = {"checkout-one-page", "search-order"};
  std::vector<std::string> environments = {"production", "staging"};
  std::vector<std::string> metrics = {"order_completed", "revenue_per_account", "page_latency_p95"};
  std::vector<std::string> context_keys = {"user-1", "user-2", "user-3", "u:4", "Zoë"};
  std::vector<std::string> texts = {"DE", "FR", "pro", "trial", "", "a@shop.example", "Ärger", "x\"y\\z\n", "admin"};
  int condition_depth = 3;
  std::vector<std::uint32_t> cuts;  // where ranges of buckets like to begin and end; empty: anywhere

  // --- chance ------------------------------------------------------------------------------------------------------

  std::uint64_t Below(std::uint64_t end) { return std::uniform_int_distribution<std::uint64_t>(0, end - 1)(random_); }
  bool OneIn(std::uint64_t n) { return Below(n) == 0; }
  template <typename T>
  const T& Pick(const std::vector<T>& list) {
    return list[Below(list.size())];
  }
  template <typename Enum>
  Enum PickWord(int count) {
    return static_cast<Enum>(Below(static_cast<std::uint64_t>(count)));
  }
  // At least `least` different ones, in random order.
  std::vector<std::string> Some(std::vector<std::string> list, std::size_t least = 0) {
    std::shuffle(list.begin(), list.end(), random_);
    list.resize(least + Below(list.size() - least + 1));
    return list;
  }
  // 0 % is among them, and whole and broken percentages.
  std::uint32_t Parts() {
    return OneIn(2) ? static_cast<std::uint32_t>(Below(101) * 1'000) : static_cast<std::uint32_t>(Below(kWhole + 1));
  }
  std::uint32_t Share() { return std::max<std::uint32_t>(1, Parts()); }
  std::uint32_t OpenShare() { return std::min(Share(), kWhole - 1); }
  std::chrono::milliseconds Duration() {
    const std::int64_t units[] = {1, 1'000, 60'000, 3'600'000, 86'400'000, 604'800'000};
    return std::chrono::milliseconds(units[Below(6)] * static_cast<std::int64_t>(1 + Below(500)));
  }
  std::string Description() { return OneIn(2) ? "" : "about " + Pick(texts); }
  std::string Owner() { return OneIn(2) ? "" : Pick(std::vector<std::string>{"payments", "ana@shop.example"}); }

  // --- values ------------------------------------------------------------------------------------------------------

  double Number() {
    return OneIn(2) ? static_cast<double>(Below(2'000)) / 8 - 100 : std::ldexp(1.1, static_cast<int>(Below(600)) - 300);
  }
  Value Scalar() {
    switch (Below(4)) {
      case 0:
        return OneIn(2);
      case 1:
        return static_cast<std::int64_t>(Below(40)) - 5;
      case 2:
        return Number();
      default:
        return Pick(texts);
    }
  }
  Value Json(int depth = 3) {
    if (depth == 0 || OneIn(2)) return OneIn(5) ? Value() : Scalar();
    if (OneIn(2)) {
      Array array;
      for (std::uint64_t i = Below(4); i > 0; --i) array.push_back(Json(depth - 1));
      return array;
    }
    Object object;
    for (const std::string& name : Some(texts)) object.Append(name, Json(depth - 1));
    return object;
  }
  Value MakeContext() {
    Object context;
    if (!OneIn(5)) context.Append("key", Pick(context_keys));
    for (const std::string& name : Some(attributes)) context.Append(name, OneIn(8) ? Json() : Scalar());
    return context;
  }

  // A value that a test with this operand has to look at closely: the operand, its neighbours, the same in another
  // form, and now and then something of another kind.
  Value Near(Operator op, const Value& operand) {
    if (OneIn(12)) return Json();
    if (OneIn(8)) {
      Array list;
      while (!OneIn(3)) list.push_back(Json(1));
      if (!OneIn(4)) list.push_back(NearScalar(op, operand));
      while (OneIn(3)) list.push_back(Json(1));
      return list;
    }
    return NearScalar(op, operand);
  }
  Value NearScalar(Operator op, const Value& operand) {
    static const std::vector<std::string> kFound = {"a@shop.example", "shop", "b-17", "DE", "de", "a", "x", ""};
    switch (op) {
      case Operator::kIn:
      case Operator::kNotIn:
        if (operand.is_bool()) return OneIn(6) ? Value(operand.AsBool() ? "true" : "false") : Value(OneIn(2));
        return operand.is_number() ? NearNumber(operand) : NearText(operand.AsString());
      case Operator::kStartsWith:
      case Operator::kEndsWith:
      case Operator::kContains:
        return NearText(operand.AsString());
      case Operator::kMatches:
        return Pick(kFound);
      case Operator::kLt:
      case Operator::kLte:
      case Operator::kGt:
      case Operator::kGte:
        return NearNumber(operand);
      case Operator::kBefore:
      case Operator::kAfter:
        return NearTime(operand);
      case Operator::kExists:
        return OneIn(3) ? Value(Array()) : Json();
      case Operator::kInCidr:
        return NearNetwork(operand.AsString());
      default:
        return NearVersion(operand.AsString());
    }
  }
  std::string NearText(std::string text) {
    if (OneIn(4)) {
      for (char& c : text) c = static_cast<char>(c >= 'a' && c <= 'z' ? c - 32 : c >= 'A' && c <= 'Z' ? c + 32 : c);
    }
    if (OneIn(4)) text = "x" + text;
    if (OneIn(4)) text += "y";
    return text;
  }
  Value NearNumber(const Value& operand) {
    const double number = operand.AsDouble();
    switch (Below(6)) {
      case 0:
        return operand.IsIntegral() ? Value(std::to_string(operand.AsInt())) : Value("3.5");
      case 1:
        return std::nextafter(number, OneIn(2) ? 1e308 : -1e308);
      case 2:
        return number + (OneIn(2) ? 1 : -0.5);
      case 3:
        return operand.IsIntegral() ? Value(operand.AsInt() + (OneIn(2) ? 1 : -1)) : Value(number * 2);
      case 4:
        return operand.IsIntegral() && std::abs(number) < 9e15 ? Value(operand.AsInt()) : operand;
      default:
        return number;
    }
  }
  Value NearTime(const Value& operand) {
    const std::int64_t ms = operand.is_string() ? ParseTimestamp(operand.AsString()).value_or(0) : operand.AsInt();
    switch (Below(5)) {
      case 0:
        return FormatTimestamp(ms + 7'200'000).substr(0, 23) + "+02:00";
      case 1:
        return FormatTimestamp(ms);
      case 2:
        return OneIn(2) ? Value("yesterday") : Value(FormatDay(std::chrono::sys_days(std::chrono::days(20'000))));
      case 3:
        return ms + (OneIn(4) ? -1 : 1);
      default:
        return ms;
    }
  }
  std::string NearVersion(const std::string& operand) {
    const std::string core = operand.substr(0, operand.find('-'));
    switch (Below(8)) {
      case 0:
        return core + "-rc." + std::to_string(Below(12));
      case 1:
        return core + "-alpha";
      case 2:
        return operand + "+build.7";
      case 3:
        return core;
      case 4:
        return OneIn(2) ? "v" + operand : core.substr(0, core.rfind('.'));
      case 5:
        return "1" + operand;
      case 6:
        return VersionText();
      default:
        return operand;
    }
  }
  std::string NearNetwork(const std::string& operand) {
    static const std::vector<std::string> kAddresses = {
        "10.0.0.0",    "10.255.255.255",  "11.0.0.0",         "192.168.1.77",
        "192.168.2.1", "2001:db8::1",     "2001:db9::1",      "::1",
        "::2",         "::ffff:10.0.0.1", "2001:DB8:0::FFFF", "10.0.0.1/8",
        "010.0.0.1",   "10.0.0",          "1::2::3",          "::ffff:10.0.0.256"};
    return OneIn(4) ? operand.substr(0, operand.find('/')) : Pick(kAddresses);
  }

  // --- conditions --------------------------------------------------------------------------------------------------

  std::string VersionText() {
    const std::string core =
        std::to_string(OneIn(4) ? 10 : Below(4)) + "." + std::to_string(Below(4)) + "." + std::to_string(Below(4));
    return OneIn(4) ? core + "-rc." + std::to_string(Below(3)) : core;
  }
  Value Time() {
    const auto ms = static_cast<std::int64_t>(1'790'000'000'000 + Below(20'000'000'000));
    if (OneIn(2)) return ms;
    return OneIn(2) ? FormatTimestamp(ms) : FormatTimestamp(ms / 1'000 * 1'000).substr(0, 19) + "+02:00";
  }
  Value Operand(Operator op) {
    static const std::vector<std::string> kPatterns = {"^a", "shop", "[0-9]+$", "(?i)de"};
    static const std::vector<std::string> kNetworks = {"10.0.0.0/8", "192.168.1.0/24", "2001:db8::/32", "::1/128"};
    switch (op) {
      case Operator::kIn:
      case Operator::kNotIn:
        return Scalar();
      case Operator::kStartsWith:
      case Operator::kEndsWith:
      case Operator::kContains:
        return Pick(texts);
      case Operator::kMatches:
        return Pick(kPatterns);
      case Operator::kInCidr:
        return Pick(kNetworks);
      case Operator::kLt:
      case Operator::kLte:
      case Operator::kGt:
      case Operator::kGte:
        return OneIn(2) ? Value(Number()) : Value(Below(60));
      case Operator::kBefore:
      case Operator::kAfter:
        return Time();
      case Operator::kExists:
        return OneIn(2);
      default:
        return VersionText();
    }
  }
  static bool TakesList(Operator op) {
    return op <= Operator::kMatches || op == Operator::kInCidr;  // in, not_in and the text operators lead the enum
  }
  Test MakeTest(Operator op) {
    Test test{op, {Operand(op)}};
    while (TakesList(op) && !OneIn(3)) test.operands.push_back(Operand(op));
    return test;
  }
  Test MakeKeyTest() {
    if (OneIn(2)) return {Operator::kExists, {OneIn(2)}};
    return {OneIn(2) ? Operator::kIn : Operator::kStartsWith, {Pick(context_keys)}};
  }
  Clause MakeMatcher(std::string attribute) {
    Clause clause;
    clause.attribute = std::move(attribute);
    if (clause.attribute == "key") {
      clause.tests.push_back(MakeKeyTest());
      return clause;
    }
    std::vector<Operator> unused;
    unused.reserve(kOperatorCount);
    for (int i = 0; i < kOperatorCount; ++i) unused.push_back(static_cast<Operator>(i));
    std::shuffle(unused.begin(), unused.end(), random_);
    const std::size_t count = OneIn(4) ? 2 : 1;
    for (std::size_t i = 0; i < count; ++i) clause.tests.push_back(MakeTest(unused[i]));
    clause.ignore_case = OneIn(4);
    return clause;
  }
  Clause MakeNow() {
    Clause clause;
    clause.kind = Clause::Kind::kNow;
    if (!OneIn(3)) clause.tests.push_back({Operator::kAfter, {Time()}});
    if (clause.tests.empty() || OneIn(2)) clause.tests.push_back({Operator::kBefore, {Time()}});
    return clause;
  }
  Clause MakeNested(Clause::Kind kind, int depth) {
    Clause clause;
    clause.kind = kind;
    const std::uint64_t count = kind == Clause::Kind::kNot ? 1 : 1 + Below(3);
    for (std::uint64_t i = 0; i < count; ++i) clause.children.push_back(MakeCondition(depth - 1));
    return clause;
  }
  Clause MakeSegmentClause() {
    Clause clause;
    clause.kind = Clause::Kind::kSegment;
    clause.segments = Some(segments, 1);
    return clause;
  }
  // One or two, of different flags.
  std::vector<Clause> MakeFlagClauses() {
    std::vector<Clause> clauses;
    for (const std::string& flag : Some(flags, 1)) {
      Clause& clause = clauses.emplace_back();
      clause.kind = Clause::Kind::kFlag;
      clause.flag = flag;
      clause.variations = Some(serves, 1);
      if (clauses.size() == 2) break;
    }
    return clauses;
  }
  // Clauses of different kinds or attributes, as a map has them.
  Condition MakeCondition() { return MakeCondition(condition_depth); }
  Condition MakeCondition(int depth) {
    Condition condition;
    std::vector<std::string> names = attributes;
    std::shuffle(names.begin(), names.end(), random_);
    if (IsReservedInConditions(names[0])) return {{MakeMatcher(names[0])}};
    std::vector<Clause>& clauses = condition.clauses;
    if (depth > 1 && OneIn(5)) clauses.push_back(MakeNested(Clause::Kind::kAll, depth));
    if (depth > 1 && OneIn(5)) clauses.push_back(MakeNested(Clause::Kind::kAny, depth));
    if (depth > 1 && OneIn(5)) clauses.push_back(MakeNested(Clause::Kind::kNot, depth));
    if (!segments.empty() && OneIn(6)) clauses.push_back(MakeSegmentClause());
    if (OneIn(8)) clauses.push_back(MakeNow());
    if (!flags.empty() && OneIn(8)) {
      for (Clause& clause : MakeFlagClauses()) clauses.push_back(std::move(clause));
    }
    for (const std::string& name : names) {
      if (IsReservedInConditions(name)) continue;
      if (!clauses.empty() && !OneIn(3)) break;
      clauses.push_back(MakeMatcher(name));
    }
    return condition;
  }
  Condition MakeEventCondition() {
    Condition condition;
    for (const char* name : {"currency", "country"}) {
      if (condition.clauses.empty() || OneIn(2)) condition.clauses.push_back(MakeMatcher(name));
    }
    if (OneIn(3)) {
      Clause& negation = condition.clauses.emplace_back();
      negation.kind = Clause::Kind::kNot;
      negation.children.push_back({{MakeMatcher("segment")}});
    }
    return condition;
  }

  // --- flags -------------------------------------------------------------------------------------------------------

  // Of all `arms`, in random order, adding up to the whole.
  std::vector<Weight> MakeWeights(std::vector<std::string> arms) {
    std::shuffle(arms.begin(), arms.end(), random_);
    std::vector<Weight> weights;
    std::uint32_t rest = kWhole;
    for (const std::string& arm : arms) {
      const std::uint32_t parts =
          weights.size() + 1 == arms.size() ? rest : static_cast<std::uint32_t>(Below(rest + 1));
      weights.push_back({arm, parts});
      rest -= parts;
    }
    return weights;
  }
  static std::vector<std::string> NamesOf(const std::vector<Variation>& variations) {
    std::vector<std::string> names;
    names.reserve(variations.size());
    for (const Variation& variation : variations) names.push_back(variation.name);
    return names;
  }
  Serve MakeServe(const std::vector<std::string>& names) {
    if (OneIn(2)) return FixedServe{Pick(names)};
    return SplitServe{MakeWeights(Some(names, 1))};
  }
  std::string By() { return OneIn(2) ? "" : Pick(std::vector<std::string>{"account_id", "key", "country"}); }
  Rule MakeRule(std::string id, const std::vector<std::string>& names) {
    Rule rule;
    if (!OneIn(6)) rule.when = MakeCondition();
    if (!experiments.empty() && OneIn(8)) {
      if (OneIn(2)) rule.id = std::move(id);
      rule.serve = ExperimentServe{Pick(experiments)};
      return rule;
    }
    rule.serve = MakeServe(names);
    if (OneIn(3)) rule.rollout = Parts();
    rule.by = By();
    const bool buckets = rule.rollout || std::holds_alternative<SplitServe>(rule.serve);
    if (buckets || OneIn(2)) rule.id = std::move(id);
    return rule;
  }
  Targeting MakeTargeting(std::string environment, const std::vector<std::string>& names) {
    Targeting targeting;
    targeting.environment = std::move(environment);
    targeting.enabled = !OneIn(5);
    if (!OneIn(4)) targeting.off = Pick(names);
    if (!flags.empty() && OneIn(4)) targeting.requirements.push_back({Pick(flags), Some(serves, 1)});
    for (const std::string& name : OneIn(3) ? names : std::vector<std::string>()) {
      targeting.targets.push_back({name, Some(context_keys)});
    }
    for (std::uint64_t i = Below(4); i > 0; --i)
      targeting.rules.push_back(MakeRule("rule-" + std::to_string(i), names));
    if (targeting.enabled || OneIn(2)) targeting.default_serve = DefaultServe{MakeServe(names), By()};
    return targeting;
  }
  std::vector<Variation> MakeVariations(FlagType type) {
    if (type == FlagType::kBoolean) {
      std::vector<Variation> variations = {{"on", true}, {"off", false}};
      if (OneIn(4)) std::swap(variations[0], variations[1]);
      return variations;
    }
    std::vector<Variation> variations;
    for (const std::string& name : Some({"multi_step", "single_page", "v2.1", "X"}, 1)) {
      Value value = type == FlagType::kString   ? Value(Pick(texts))
                    : type == FlagType::kNumber ? Value(Number())
                                                : Json();
      variations.push_back({name, std::move(value)});
    }
    return variations;
  }
  FlagDefinition MakeFlag(std::string key) {
    FlagDefinition flag;
    flag.key = std::move(key);
    flag.type = PickWord<FlagType>(4);
    flag.kind = PickWord<FlagKind>(4);
    flag.description = Description();
    flag.owner = Owner();
    flag.tags = Some({"checkout", "search", "mobile app"});
    if (OneIn(2)) flag.expires = std::chrono::sys_days(std::chrono::days(20'000 + Below(3'000)));
    flag.client = OneIn(2);
    flag.archived = OneIn(8);
    flag.variations = MakeVariations(flag.type);
    for (const std::string& environment : Some(environments)) {
      flag.environments.push_back(MakeTargeting(environment, NamesOf(flag.variations)));
    }
    return flag;
  }

  // --- the other definitions -----------------------------------------------------------------------------------------

  Segment MakeSegment(std::string key) {
    Segment segment{std::move(key), Description(), Owner(), Some(context_keys), Some(context_keys), {}};
    if (!OneIn(4)) segment.when = MakeCondition();
    return segment;
  }
  Layer MakeLayer(std::string key) { return {std::move(key), Description(), "account_id"}; }
  Holdout MakeHoldout(std::string key) {
    return {std::move(key), Description(), Owner(), "account_id", std::max(1u, Parts() / 2), OneIn(4)};
  }
  MetricPart MakePart(bool has_value) {
    MetricPart part{"order", has_value && OneIn(2) ? "amount" : "", {}};
    if (OneIn(3)) part.where = MakeEventCondition();
    return part;
  }
  Metric MakeMetric(std::string key) {
    Metric metric;
    metric.key = std::move(key);
    metric.description = Description();
    metric.owner = Owner();
    metric.type = PickWord<MetricType>(8);
    metric.direction = PickWord<Direction>(2);
    metric.archived = OneIn(8);
    FillMetric(metric);
    if (OneIn(2) || metric.type == MetricType::kRetention) metric.window = Duration();
    return metric;
  }
  Experiment MakeExperiment(std::string key) {
    Experiment experiment;
    experiment.key = std::move(key);
    experiment.description = Description();
    experiment.owner = Owner();
    experiment.hypothesis = Description();
    experiment.flag = Pick(flags);
    experiment.environment = Pick(environments);
    static const std::vector<ExperimentStatus> kStates = {ExperimentStatus::kDraft, ExperimentStatus::kRunning,
                                                          ExperimentStatus::kPaused, ExperimentStatus::kStopped};
    if (OneIn(2)) experiment.state = Pick(kStates);
    experiment.unit = "account_id";
    if (OneIn(2)) experiment.audience = MakeCondition();
    if (OneIn(2)) experiment.layer = LayerSlice{"checkout", Share()};
    if (OneIn(2)) experiment.holdout = "payments-2027h1";
    for (const Weight& weight : MakeWeights(Some({"control", "one_page", "two_page"}, 2))) {
      experiment.variants.push_back({weight.variation, OneIn(2) ? "on" : "off", weight.parts});
    }
    FillMeasures(experiment);
    FillRunning(experiment);
    experiment.archived = OneIn(8);
    return experiment;
  }
  Project MakeProject(std::string key) {
    Project project{std::move(key), Description(), {}};
    for (const std::string& name : Some(environments)) {
      const bool is_protected = OneIn(2);
      const auto approvals = static_cast<std::uint32_t>(is_protected ? 1 + Below(kMostApprovals) : 1);
      project.environments.push_back({name, is_protected, Description(), approvals});
    }
    return project;
  }
  std::optional<std::uint32_t> SomePlace() {
    return OneIn(3) ? std::optional(static_cast<std::uint32_t>(Below(kWhole))) : std::nullopt;
  }
  FlagTest MakeFlagTest() {
    FlagTest test;
    test.description = Description();
    test.given = MakeContext();
    test.at = SomePlace();
    if (OneIn(3)) test.matrix = {{"an axis", {Value(1), Value("two"), Value(true)}}, {"another", {Value("one")}}};
    if (OneIn(3)) test.now = static_cast<std::int64_t>(Below(2'000'000'000'000));
    if (OneIn(3)) {
      test.experiment = Pick(experiments);
      test.expect.variant = Pick(std::vector<std::string>{"control", "one_page", "none"});
      return test;
    }
    test.flag = Pick(flags);
    test.environment = Pick(environments);
    test.expect.variation = Pick(std::vector<std::string>{"on", "off"});
    if (OneIn(2)) test.expect.value = Json();
    if (OneIn(2)) test.expect.reason = Pick(std::vector<std::string>{"SPLIT", "DISABLED", "STATIC"});
    if (OneIn(2)) test.expect.rule = "eu-ramp";
    return test;
  }

  // --- states --------------------------------------------------------------------------------------------------------

  std::uint32_t Cut() { return cuts.empty() || OneIn(2) ? static_cast<std::uint32_t>(Below(kWhole + 1)) : Pick(cuts); }

  // Up to three ranges for each arm, which do not overlap, in random order; with gaps, unless they have to cover all.
  std::vector<ArmRanges> MakeArms(const std::vector<std::string>& arms, bool cover = false) {
    std::vector<std::uint32_t> ends;
    if (cover) ends = {0, kWhole};
    for (std::size_t i = 0; i < (cover ? 3 : 6) * arms.size(); ++i) ends.push_back(Cut());
    std::sort(ends.begin(), ends.end());
    ends.erase(std::unique(ends.begin(), ends.end()), ends.end());
    std::vector<ArmRanges> list;
    list.reserve(arms.size());
    for (const std::string& arm : arms) list.push_back({arm, {}});
    for (std::size_t i = 0; i + 1 < ends.size(); i += cover || OneIn(2) ? 1 : 2) {
      list[Below(list.size())].ranges.push_back({ends[i], ends[i + 1]});
    }
    for (ArmRanges& arm : list) std::shuffle(arm.ranges.begin(), arm.ranges.end(), random_);
    return list;
  }
  FlagState MakeFlagState(const FlagDefinition& flag) {
    FlagState state;
    for (const Targeting& targeting : flag.environments) {
      if (OneIn(4)) continue;
      TargetingState& part = state.environments.emplace_back();
      part.environment = targeting.environment;
      for (const Rule& rule : targeting.rules) {
        if (!rule.id.empty()) part.splits.push_back({rule.id, flag.key, MakeArms(NamesOf(flag.variations))});
      }
      if (OneIn(2)) part.splits.push_back({"default", flag.key, MakeArms(NamesOf(flag.variations))});
    }
    return state;
  }
  ExperimentState MakeExperimentState(const Experiment& experiment) {
    ExperimentState state;
    state.status = PickWord<ExperimentStatus>(6);
    if (OneIn(4)) return state;
    state.iteration = static_cast<std::uint32_t>(1 + Below(5));
    state.salt = experiment.key + "#" + std::to_string(state.iteration);
    std::vector<std::string> names;
    names.reserve(experiment.variants.size());
    for (const Variant& variant : experiment.variants) names.push_back(variant.name);
    state.arms = MakeArms(names);
    if (experiment.layer) state.slots = MakeArms({"slots"})[0].ranges;
    state.ramp_step = Below(3);
    if (state.status == ExperimentStatus::kConcluded) state.winner = names[0];
    if (OneIn(2)) return state;
    ExperimentIteration& iteration = state.iterations.emplace_back();
    iteration.number = state.iteration;
    iteration.salt = state.salt;
    iteration.started_ms = 1'800'000'000'000 + static_cast<std::int64_t>(Below(1'000'000));
    for (const std::string& name : names) iteration.weights.push_back({name, static_cast<std::uint32_t>(Below(1'000))});
    if (OneIn(2)) iteration.pauses.push_back({iteration.started_ms + 1, std::nullopt, "key:ana"});
    if (OneIn(2)) {
      MeasuredPlan measured{experiment, {MakeMetric("measured")}};
      measured.experiment.audience.reset();
      iteration.measured = HeldPlan(std::move(measured));
    }
    state.ramp_paused = OneIn(2);
    state.decision = OneIn(2) ? "ship it" : "";
    return state;
  }
  EntityRecord MakeRecord(EntityKind kind, std::string key) {
    switch (kind) {
      case EntityKind::kFlag: {
        FlagDefinition flag = MakeFlag(std::move(key));
        FlagState state = MakeFlagState(flag);
        return FlagRecord{std::move(flag), std::move(state)};
      }
      case EntityKind::kSegment:
        return SegmentRecord{MakeSegment(std::move(key)), {}};
      case EntityKind::kLayer:
        return LayerRecord{MakeLayer(key), {OneIn(4) ? "" : "layer:" + key}};
      case EntityKind::kHoldout:
        return HoldoutRecord{MakeHoldout(key), {OneIn(4) ? "" : "holdout:" + key}};
      case EntityKind::kExperiment: {
        Experiment experiment = MakeExperiment(std::move(key));
        ExperimentState state = MakeExperimentState(experiment);
        return ExperimentRecord{std::move(experiment), std::move(state)};
      }
      case EntityKind::kMetric:
        break;
    }
    return MetricRecord{MakeMetric(std::move(key)), {}};
  }

 private:
  void FillMetric(Metric& metric) {
    const bool has_parts = metric.type == MetricType::kRatio || metric.type == MetricType::kFunnel;
    const bool has_value =
        metric.type == MetricType::kSum || metric.type == MetricType::kMean || metric.type == MetricType::kQuantile;
    if (!has_parts) metric.event = "order";
    if (has_value) metric.value = "amount";
    if (!has_parts && OneIn(2)) metric.where = MakeEventCondition();
    if (metric.type == MetricType::kRatio) metric.numerator = MakePart(true), metric.denominator = MakePart(true);
    if (metric.type == MetricType::kFunnel) metric.steps = {MakePart(false), MakePart(false)};
    if (metric.type == MetricType::kQuantile) metric.quantile = OpenShare();
    if (metric.type == MetricType::kRetention) metric.after = Duration();
    const bool may_cap = metric.type == MetricType::kCount || metric.type == MetricType::kSum ||
                         metric.type == MetricType::kMean || metric.type == MetricType::kRatio;
    if (may_cap && OneIn(3)) metric.cap = PercentileCap{OpenShare()};
    if (may_cap && OneIn(3)) metric.cap = AbsoluteCap{std::abs(Number()) + 0.5};
  }
  void FillMeasures(Experiment& experiment) {
    if (!OneIn(3)) experiment.primary = PrimaryMetric{Pick(metrics), {}, {}};
    if (experiment.primary && OneIn(2)) experiment.primary->expect = PickWord<Direction>(2);
    if (experiment.primary && OneIn(2)) experiment.primary->detect = Share();
    experiment.secondary = Some(metrics);
    for (const std::string& metric : Some(metrics)) {
      Guardrail& guardrail = experiment.guardrails.emplace_back();
      guardrail.use = metric;
      if (OneIn(2)) guardrail.never_worse_by = Margin{Parts(), PickWord<Margin::Unit>(2)};
      guardrail.on_breach = PickWord<BreachAction>(3);
    }
  }
  void FillRunning(Experiment& experiment) {
    if (!OneIn(3)) {
      Plan& plan = experiment.plan.emplace();
      plan.method = PickWord<PlanMethod>(3);
      if (OneIn(2)) plan.looks = OneIn(2) ? std::chrono::milliseconds(std::chrono::days(OneIn(2) ? 1 : 7)) : Duration();
      if (OneIn(2)) plan.alpha = OpenShare();
      if (OneIn(2)) plan.power = OpenShare();
      if (OneIn(2)) plan.min_days = static_cast<std::uint32_t>(1 + Below(14));
      if (OneIn(2)) plan.max_days = static_cast<std::uint32_t>(14 + Below(90));
      if (OneIn(2)) plan.cuped = Duration();
    }
    for (std::uint64_t i = Below(4); i > 0; --i) {
      RampStep& step = experiment.ramp.emplace_back();
      step.at = Share();
      if (OneIn(2)) step.hold = Duration();
      if (OneIn(2)) step.min_units = 1 + Below(10'000);
    }
    if (OneIn(2)) experiment.stop.sample_ratio_mismatch = PickWord<BreachAction>(3);
    if (OneIn(2)) experiment.stop.no_traffic_after = Duration();
    if (OneIn(3)) experiment.force.push_back({{{"account_id", Scalar()}, {"plan", Scalar()}}, "control"});
    if (OneIn(3)) experiment.tests.push_back({MakeContext(), SomePlace(), OneIn(2) ? "none" : "control"});
  }

  std::mt19937_64& random_;
};

}  // namespace guidon
