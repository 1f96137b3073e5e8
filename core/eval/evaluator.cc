#include "core/eval/evaluator.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <optional>

#include "core/base/issue.h"

namespace guidon {

// Reads a context's slots.
struct ContextReader {
  using Kind = Context::Kind;
  using Slot = Context::Slot;

  [[gnu::always_inline]] static const Slot* Find(const Context& context, std::uint64_t hash,
                                                 const std::string& name) noexcept {
    const std::uint64_t* hashes = context.hashes_;
    for (std::uint32_t i = 0, count = context.slot_count_; i < count; ++i) {
      if (hashes[i] != hash) continue;
      if (Context::IsItsName(hash) || IsCalled(context, i, name)) return &context.slots_[i];
    }
    return nullptr;
  }
  // Not inline, so that the look at short names has nothing to do for longer ones.
  [[gnu::noinline]] static bool IsCalled(const Context& context, std::uint32_t slot, const std::string& name) noexcept {
    return SameText(context.NameOf(slot), name);
  }
  [[gnu::always_inline]] static const Slot* Find(const Context& context, const AttributeRef& attribute) noexcept {
    return Find(context, attribute.hash, attribute.name);
  }
  static std::string_view TextOf(const Context& context, const Slot& slot) noexcept {
    return {context.text_ + slot.begin, slot.size};
  }
  static bool Is(const Context& context, const Slot& slot, std::string_view text) noexcept {
    return SameText(TextOf(context, slot), text);
  }
  static const Value& ValueOf(const Context& context, const Slot& slot) noexcept { return context.values_[slot.begin]; }
  static std::uint64_t KeyHash(const Context& context) noexcept { return context.key_hash_; }
};

namespace {

constexpr double kTwoTo63 = 9223372036854775808.0;
constexpr std::int64_t kLargestUnit = std::int64_t{1} << 53;

// An attribute's value, or one element of a list.
struct Operand {
  enum class Kind : std::uint8_t { kMissing, kBool, kInt, kDouble, kText, kList, kOther };
  Kind kind = Kind::kMissing;
  bool truth = false;
  bool has_hash = false;
  std::int64_t whole = 0;
  double number = 0;
  std::uint64_t hash = 0;
  std::string_view text;
  const Array* list = nullptr;

  static Operand Of(const Value& value) noexcept {
    Operand operand;
    switch (value.kind()) {
      case Value::Kind::kNull:
        break;
      case Value::Kind::kBool:
        operand.kind = Kind::kBool;
        operand.truth = value.AsBool();
        break;
      case Value::Kind::kInt:
        operand.kind = Kind::kInt;
        operand.whole = value.AsInt();
        break;
      case Value::Kind::kDouble:
        return OfDouble(value.AsDouble());
      case Value::Kind::kString:
        operand.kind = Kind::kText;
        operand.text = value.AsString();
        break;
      case Value::Kind::kArray:
        operand.kind = Kind::kList;
        operand.list = &value.AsArray();
        break;
      case Value::Kind::kObject:
        operand.kind = Kind::kOther;
        break;
    }
    return operand;
  }

  // A whole number within int64 is one, however it was written.
  static Operand OfDouble(double number) noexcept {
    Operand operand;
    if (number >= -kTwoTo63 && number < kTwoTo63 && std::trunc(number) == number) {
      operand.kind = Kind::kInt;
      operand.whole = static_cast<std::int64_t>(number);
    } else {
      operand.kind = Kind::kDouble;
      operand.number = number;
    }
    return operand;
  }

  std::uint64_t TextHash() const noexcept { return has_hash ? hash : Hash64(text); }
};

Operand Read(const Context& context, const AttributeRef& attribute) noexcept {
  Operand operand;
  if (attribute.is_key) {
    if (context.key().empty()) return operand;
    operand.kind = Operand::Kind::kText;
    operand.text = context.key();
    operand.hash = ContextReader::KeyHash(context);
    operand.has_hash = true;
    return operand;
  }
  if (const auto* slot = ContextReader::Find(context, attribute)) {
    switch (slot->kind) {
      case ContextReader::Kind::kBool:
        operand.kind = Operand::Kind::kBool;
        operand.truth = slot->truth;
        return operand;
      case ContextReader::Kind::kInt:
        operand.kind = Operand::Kind::kInt;
        operand.whole = slot->whole;
        return operand;
      case ContextReader::Kind::kDouble:
        return Operand::OfDouble(slot->number);
      case ContextReader::Kind::kText:
        operand.kind = Operand::Kind::kText;
        operand.text = ContextReader::TextOf(context, *slot);
        operand.hash = slot->text_hash;
        operand.has_hash = true;
        return operand;
      case ContextReader::Kind::kList:
      case ContextReader::Kind::kObject:
        return Operand::Of(ContextReader::ValueOf(context, *slot));
    }
  }
  if (!attribute.is_path) return operand;
  // The longest literal prefix is not sought: the first part names an object, each further part a member.
  const auto* slot = ContextReader::Find(context, Attribute::HashOf(attribute.path[0]), attribute.path[0]);
  if (slot == nullptr || slot->kind != ContextReader::Kind::kObject) return operand;
  const Value* value = &ContextReader::ValueOf(context, *slot);
  for (std::size_t i = 1; i < attribute.path.size() && value != nullptr; ++i) value = value->Find(attribute.path[i]);
  return value == nullptr ? operand : Operand::Of(*value);
}

char FoldAscii(char c) noexcept {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
}

// `b` is folded already.
bool EqualFolded(std::string_view a, std::string_view b) noexcept {
  return a.size() == b.size() &&
         std::equal(a.begin(), a.end(), b.begin(), [](char x, char y) { return FoldAscii(x) == y; });
}

// --- tests: of one element of a list, or of a scalar; kNotIn is asked as kIn ---------------------------------------

bool HoldsText(const Operands& operands, const Operand& operand) noexcept {
  if (operands.texts.empty()) return false;
  if (!operands.ignore_case) return operands.texts.Find(operand.text, operand.TextHash()) != kNone;
  char folded[256];
  if (operand.text.size() <= sizeof folded) {
    std::transform(operand.text.begin(), operand.text.end(), folded, FoldAscii);
    const std::string_view text(folded, operand.text.size());
    return operands.texts.Find(text, Hash64(text)) != kNone;
  }
  return operands.texts.Any([&](std::string_view text) { return EqualFolded(operand.text, text); });
}

bool IsIn(const Operands& operands, const Operand& operand) noexcept {
  switch (operand.kind) {
    case Operand::Kind::kBool:
      return operand.truth ? operands.has_true : operands.has_false;
    case Operand::Kind::kInt:
      return std::find(operands.wholes.begin(), operands.wholes.end(), operand.whole) != operands.wholes.end();
    case Operand::Kind::kDouble:
      return std::find(operands.numbers.begin(), operands.numbers.end(), operand.number) != operands.numbers.end();
    case Operand::Kind::kText:
      return HoldsText(operands, operand);
    default:
      return false;
  }
}

bool StartsWith(std::string_view text, std::string_view part, bool fold) noexcept {
  if (text.size() < part.size()) return false;
  text = text.substr(0, part.size());
  return fold ? EqualFolded(text, part) : text == part;
}

bool HoldsPart(Operator op, std::string_view part, bool fold, std::string_view text) noexcept {
  if (text.size() < part.size()) return false;
  if (op == Operator::kStartsWith) return StartsWith(text, part, fold);
  if (op == Operator::kEndsWith) return StartsWith(text.substr(text.size() - part.size()), part, fold);
  if (!fold) return text.find(part) != std::string_view::npos;
  for (std::size_t i = 0; i + part.size() <= text.size(); ++i) {
    if (StartsWith(text.substr(i), part, true)) return true;
  }
  return false;
}

template <typename T>
int Order(T a, T b) noexcept {
  return (a > b ? 1 : 0) - (a < b ? 1 : 0);
}

// Whether something that compares so (-1, 0, 1) with the operand satisfies the operator.
bool Satisfies(const Step& step, int order) noexcept {
  return (step.accepts >> (order + 1) & 1) != 0;
}

// -1, 0, 1, or nothing when one is not a number. Exact also between whole numbers beyond 2^53 and doubles.
std::optional<int> CompareNumber(const Operand& operand, const Step& step) noexcept {
  const bool is_whole = step.at == 1;
  if (operand.kind == Operand::Kind::kInt) {
    if (is_whole) return Order(operand.whole, step.whole);
    const double wanted = step.number;
    if (wanted >= kTwoTo63) return -1;
    if (wanted < -kTwoTo63) return 1;
    const double floor = std::floor(wanted);
    // Not whole, so never equal: the floor decides.
    return operand.whole <= static_cast<std::int64_t>(floor) ? -1 : 1;
  }
  if (operand.kind != Operand::Kind::kDouble || std::isnan(operand.number)) return std::nullopt;
  const double number = operand.number;
  if (!is_whole) return Order(number, step.number);
  if (number >= kTwoTo63) return 1;
  if (number < -kTwoTo63) return -1;
  const double floor = std::floor(number);
  return static_cast<std::int64_t>(floor) < step.whole ? -1 : 1;
}

std::optional<std::int64_t> TimeOf(const Operand& operand) noexcept {
  if (operand.kind == Operand::Kind::kInt) return operand.whole;
  if (operand.kind == Operand::Kind::kText) return ParseTime(operand.text);
  return std::nullopt;
}

bool HoldsVersion(const Step& step, std::string_view text, std::string_view wanted_text) noexcept {
  SemVer version, wanted;
  if (!ParseSemVer(text, version) || !ParseSemVer(wanted_text, wanted)) return false;
  return Satisfies(step, Compare(version, wanted));
}

bool HoldsPackedVersion(const Step& step, std::string_view text) noexcept {
  if (std::uint64_t packed; PackVersion(text, packed)) return Satisfies(step, Order(packed, step.hash));
  char digits[64];
  char* end = digits;
  for (const int shift : {42, 21, 0}) {
    if (end != digits) *end++ = '.';
    end = std::to_chars(end, digits + sizeof digits, step.hash >> shift & 0x1fffff).ptr;
  }
  return HoldsVersion(step, text, {digits, static_cast<std::size_t>(end - digits)});
}

bool HoldsNetwork(const Operands& operands, std::string_view text) noexcept {
  Network address;
  if (text.find('/') != std::string_view::npos || !ParseNetwork(text, address)) return false;
  return std::any_of(operands.networks.begin(), operands.networks.end(),
                     [&](const Network& network) { return Contains(network, address); });
}

bool HoldsOperands(const Step& step, const Operand& operand) noexcept {
  const Operands& operands = *step.operands;
  const Operator op = step.op;
  if (op == Operator::kIn || op == Operator::kNotIn) return IsIn(operands, operand);
  if (operand.kind != Operand::Kind::kText) return false;
  switch (op) {
    case Operator::kStartsWith:
    case Operator::kEndsWith:
    case Operator::kContains:
      return std::any_of(operands.parts.begin(), operands.parts.end(), [&](const std::string& part) {
        return HoldsPart(op, part, operands.ignore_case, operand.text);
      });
    case Operator::kMatches:
      return std::any_of(operands.patterns.begin(), operands.patterns.end(),
                         [&](const auto& pattern) { return pattern->MatchesWithin(operand.text); });
    case Operator::kSemverEq:
    case Operator::kSemverLt:
    case Operator::kSemverLte:
    case Operator::kSemverGt:
    case Operator::kSemverGte:
      return HoldsVersion(step, operand.text, operands.version);
    case Operator::kInCidr:
      return HoldsNetwork(operands, operand.text);
    default:
      return false;
  }
}

bool HoldsScalar(const Step* steps, const Step& step, const Operand& operand) noexcept {
  const bool is_text = operand.kind == Operand::Kind::kText;
  switch (step.form) {
    case Step::Form::kShort:
      return is_text && operand.text.size() == step.at && operand.TextHash() == step.hash;
    case Step::Form::kText:
      return is_text && operand.TextHash() == step.hash && SameText(operand.text, Code::TextAt(steps, step.at));
    case Step::Form::kTexts: {
      if (!is_text) return false;
      const std::uint64_t hash = operand.TextHash(), bits = FilterBits(hash);
      if ((step.hash & bits) != bits) return false;
      return TextSet::FindIn(Code::At<std::uint64_t>(steps, step.at), operand.text, hash) != kNone;
    }
    case Step::Form::kInteger:
      return operand.kind == Operand::Kind::kInt && operand.whole == step.whole;
    case Step::Form::kTruth:
      return operand.kind == Operand::Kind::kBool && operand.truth == (step.whole == 1);
    case Step::Form::kNumber: {
      const std::optional<int> order = CompareNumber(operand, step);
      return order && Satisfies(step, *order);
    }
    case Step::Form::kVersion:
      return is_text && HoldsPackedVersion(step, operand.text);
    case Step::Form::kTime: {
      const auto time = TimeOf(operand);
      return time && Satisfies(step, Order(*time, step.whole));
    }
    case Step::Form::kPart:
      return is_text && HoldsPart(step.op, Code::TextAt(steps, step.at), false, operand.text);
    case Step::Form::kOperands:
      return HoldsOperands(step, operand);
    default:
      return false;
  }
}

// A test of an attribute, whatever the context holds.
[[gnu::noinline]] bool HoldsAny(const Step* steps, const Step& step, const Context& context) noexcept {
  const Operand operand = Read(context, *step.attribute);
  if (step.form == Step::Form::kExists) return (operand.kind != Operand::Kind::kMissing) == (step.at == 1);
  bool holds = false;
  if (operand.kind == Operand::Kind::kList) {
    holds = std::any_of(operand.list->begin(), operand.list->end(),
                        [&](const Value& element) { return HoldsScalar(steps, step, Operand::Of(element)); });
  } else if (operand.kind != Operand::Kind::kMissing) {
    holds = HoldsScalar(steps, step, operand);
  }
  return holds != step.is_negated;
}

constexpr unsigned Pair(Step::Form form, ContextReader::Kind kind) {
  return static_cast<unsigned>(form) * 8 + static_cast<unsigned>(kind);
}

// The same, at once where the context holds what the form expects. It is in the one loop that everything goes through.
[[gnu::always_inline]] inline bool Holds(const Step* steps, const Step& step, const Context& context) noexcept {
  using Form = Step::Form;
  using Kind = ContextReader::Kind;
  const AttributeRef& attribute = *step.attribute;
  const auto* slot = ContextReader::Find(context, attribute);
  if (slot == nullptr) [[unlikely]] {
    if (attribute.is_key || attribute.is_path) return HoldsAny(steps, step, context);
    return step.form == Form::kExists ? step.at == 0 : step.is_negated;
  }
  switch (Pair(step.form, slot->kind)) {
    case Pair(Form::kShort, Kind::kText):
      return (slot->text_hash == step.hash && slot->size == step.at) != step.is_negated;
    case Pair(Form::kText, Kind::kText): {
      const bool holds =
          slot->text_hash == step.hash && ContextReader::Is(context, *slot, Code::TextAt(steps, step.at));
      return holds != step.is_negated;
    }
    case Pair(Form::kTexts, Kind::kText): {
      const std::uint64_t bits = FilterBits(slot->text_hash);
      const bool holds = (step.hash & bits) == bits &&
                         TextSet::FindIn(Code::At<std::uint64_t>(steps, step.at), ContextReader::TextOf(context, *slot),
                                         slot->text_hash) != kNone;
      return holds != step.is_negated;
    }
    case Pair(Form::kPart, Kind::kText):
      return HoldsPart(step.op, Code::TextAt(steps, step.at), false, ContextReader::TextOf(context, *slot));
    case Pair(Form::kInteger, Kind::kInt):
      return (slot->whole == step.whole) != step.is_negated;
    case Pair(Form::kTruth, Kind::kBool):
      return (slot->truth == (step.whole == 1)) != step.is_negated;
    case Pair(Form::kNumber, Kind::kInt):
      if (step.at == 1) return Satisfies(step, Order(slot->whole, step.whole));
      break;
    case Pair(Form::kVersion, Kind::kText):
      if (std::uint64_t packed; PackVersion(ContextReader::TextOf(context, *slot), packed)) {
        return Satisfies(step, Order(packed, step.hash));
      }
      break;
    default:
      break;
  }
  return HoldsAny(steps, step, context);
}

// Text that is not empty, or a whole number up to 2^53 as decimal digits in `digits`. Empty: no unit.
inline std::string_view UnitOf(const Context& context, const AttributeRef& attribute, char (&digits)[24]) noexcept {
  if (attribute.is_key) return context.key();
  const Operand operand = Read(context, attribute);
  if (operand.kind == Operand::Kind::kText) return operand.text;
  if (operand.kind != Operand::Kind::kInt || operand.whole > kLargestUnit || operand.whole < -kLargestUnit) return {};
  const auto written = std::to_chars(digits, digits + sizeof digits, operand.whole);
  return {digits, static_cast<std::size_t>(written.ptr - digits)};
}

std::uint32_t BucketOf(const Murmur3Prefix& prefix, std::string_view unit) noexcept {
  return static_cast<std::uint32_t>((std::uint64_t{prefix.Finish(unit)} * kWhole) >> 32);
}

std::int32_t ArmOf(const std::vector<ArmRange>& ranges, std::uint32_t bucket) noexcept {
  // Few ranges in nearly all cases: a scan beats a search.
  for (const ArmRange& range : ranges) {
    if (bucket < range.begin) return kNone;
    if (bucket < range.end) return range.arm;
  }
  return kNone;
}

std::int32_t ArmOf(const SplitCode& split, std::uint32_t bucket) noexcept {
  const SplitCode::Cut* cut = split.cuts();
  // Mostly one cut per arm. After many changes of weights there are hundreds.
  if (split.count > 16) {
    cut = std::upper_bound(cut, cut + split.count, bucket,
                           [](std::uint32_t b, const SplitCode::Cut& c) { return b < c.end; });
  }
  while (bucket >= cut->end) ++cut;  // the last ends beyond all buckets
  return cut->arm;
}

bool InRanges(const std::vector<BucketRange>& ranges, std::uint32_t bucket) noexcept {
  return std::any_of(ranges.begin(), ranges.end(),
                     [&](const BucketRange& range) { return range.begin <= bucket && bucket < range.end; });
}

// --- what an explanation says besides; apart, so that nothing else is compiled otherwise because of it
// ------------------

std::string_view NameOf(const AttributeRef& attribute) {
  return attribute.is_key ? std::string_view("key") : std::string_view(attribute.name);
}

Value RangeOf(std::string_view kind, const std::string& arm, std::uint32_t begin, std::uint32_t end) {
  return Object{{std::string(kind), Value(arm)}, {"begin", Value(begin)}, {"end", Value(std::min(end, kWhole))}};
}

// Where the unit stands in a rule's split, and whose buckets are whose there. `placed`: where it was put.
[[gnu::cold, gnu::noinline]] void AppendPlace(Object& step, const Ruleset::Entry& entry, const CompiledRule& rule,
                                              const Context& context, std::optional<std::uint32_t> placed) {
  const auto& split = *Code::At<SplitCode>(Code::StepsAfter(entry.rules, entry.rule_count), rule.index);
  char digits[24];
  const std::string_view unit = UnitOf(context, *split.unit, digits);
  step.Append("attribute", Value(NameOf(*split.unit)));
  if (!unit.empty()) step.Append("unit", Value(unit));
  if (!unit.empty() || placed) step.Append("bucket", Value(placed ? *placed : BucketOf(split.prefix, unit)));
  Array ranges;
  std::uint32_t begin = 0;
  for (std::uint64_t i = 0; i < split.count; ++i) {
    const SplitCode::Cut& cut = split.cuts()[i];
    if (cut.arm != kNone) {
      const CompiledVariation& variation = entry.flag->variations[static_cast<std::size_t>(cut.arm)];
      ranges.push_back(RangeOf("variation", variation.name, begin, cut.end));
    }
    begin = cut.end;
  }
  step.Append("ranges", Value(std::move(ranges)));
}

// What is known of a unit when an experiment has answered.
struct Told {
  const Scheme* scheme = nullptr;  // whose unit it is about
  std::string_view unit = {};
  std::int32_t bucket = kNone;
  std::int32_t variant = kNone;
};

[[gnu::cold, gnu::noinline]] Object StepOf(const CompiledExperiment& experiment, std::string_view result, Told told,
                                           const Context& context) {
  Object step{{"step", "experiment"}, {"experiment", Value(experiment.key)}};
  char digits[24];
  if (told.scheme == &experiment.layer) {
    told.unit = UnitOf(context, told.scheme->unit, digits);
    if (!told.unit.empty()) told.bucket = static_cast<std::int32_t>(BucketOf(told.scheme->prefix, told.unit));
  }
  if (told.variant != kNone) {
    step.Append("variant", Value(experiment.variants[static_cast<std::size_t>(told.variant)]));
  }
  if (told.scheme != nullptr) step.Append("attribute", Value(NameOf(told.scheme->unit)));
  if (!told.unit.empty()) step.Append("unit", Value(told.unit));
  if (told.bucket != kNone) step.Append("bucket", Value(told.bucket));
  if (told.scheme == &experiment.split.scheme && told.bucket != kNone) {
    Array ranges;
    for (const ArmRange& range : experiment.split.ranges) {
      ranges.push_back(
          RangeOf("variant", experiment.variants[static_cast<std::size_t>(range.arm)], range.begin, range.end));
    }
    step.Append("ranges", Value(std::move(ranges)));
  }
  step.Append("result", Value(result));
  return step;
}

// Within a condition whose first step is `first`, or within another flag: an explanation stands one level deeper as
// long as this lives. Nothing at all for other sinks.
template <typename Sink, bool kTraces = Sink::kTraces>
class Inside {
 public:
  explicit Inside(Sink&, std::uint32_t = 0) noexcept {}
};
template <typename Sink>
class Inside<Sink, true> {
 public:
  explicit Inside(Sink& sink, std::uint32_t first = 0) : sink_(sink), first_(sink.first), at_(sink.at) {
    ++sink.depth;
    sink.first = first;
  }
  Inside(const Inside&) = delete;
  Inside& operator=(const Inside&) = delete;
  ~Inside() {
    --sink_.depth;
    sink_.first = first_;
    sink_.at = at_;
  }

 private:
  Sink& sink_;
  const std::uint32_t first_, at_;  // of what is around it
};

template <typename Sink>
class Evaluation {
 public:
  Evaluation(const Ruleset& ruleset, const Context& context, std::int64_t now_ms, Sink& sink)
      : ruleset_(ruleset), context_(context), now_ms_(now_ms), sink_(sink) {}

  Decision Flag(std::uint32_t slot) {
    const Ruleset::Entry* entry = ruleset_.At(slot);
    if (entry == nullptr) return internal::NotFound();
    if constexpr (!Sink::kTraces) {
      if (entry->kind == Ruleset::Entry::Kind::kConstant) return internal::ConstantDecision(*entry);
    }
    return Rules(*entry);
  }

  [[gnu::noinline]] Decision Rules(const Ruleset::Entry& entry) { return RulesHere(entry); }
  [[gnu::always_inline]] Decision RulesHere(const Ruleset::Entry& entry) {
    Decision decision = internal::DecisionOf(entry);
    if (entry.kind == Ruleset::Entry::Kind::kBroken) {
      decision.error = EvaluationError::kParseError;
      return decision;
    }
    if constexpr (Sink::kTraces) {
      sink_.decided_by = kNone;
      if (!entry.flag->enabled) {
        Trace("enabled", false);
        return internal::ConstantDecision(entry);
      }
    }
    if (!Decide(entry, decision)) {
      // Only a default split that found no unit comes here: its ranges leave no bucket to nobody.
      decision.reason = Reason::kError;
      decision.error = EvaluationError::kTargetingKeyMissing;
    }
    decision.truth = internal::TruthOf(entry, decision.variation);
    return decision;
  }

 private:
  [[gnu::always_inline]] bool Decide(const Ruleset::Entry& entry, Decision& decision) {
    const Step* steps = Code::StepsAfter(entry.rules, entry.rule_count);
    const bool has_experiments = entry.attached != nullptr;
    bool asked_forced = false;
    const CompiledRule* const end = entry.rules + entry.rule_count;
    for (const CompiledRule* rule = entry.rules; rule != end; ++rule) {
      if (has_experiments) [[unlikely]] {
        if (!asked_forced && rule->reason != Reason::kPrerequisiteFailed) {
          asked_forced = true;
          if (Forced(entry, decision)) return true;
        }
        if (rule->is_default && Running(entry, decision)) return Decided(entry, *rule);
      }
      if (rule->when != CompiledRule::kAlways && !RunHere(steps, rule->when)) {
        TraceRule(entry, *rule, "condition", false);
        continue;
      }
      if (Serve(entry, steps, *rule, decision)) return Decided(entry, *rule);
    }
    return false;
  }

  // True. Prerequisites were asked before, so the flag that was asked for has the last word.
  [[gnu::always_inline]] bool Decided([[maybe_unused]] const Ruleset::Entry& entry,
                                      [[maybe_unused]] const CompiledRule& rule) {
    if constexpr (Sink::kTraces) sink_.decided_by = static_cast<std::int32_t>(&rule - entry.rules);
    return true;
  }

  // True when the rule decided; its condition holds.
  [[gnu::always_inline]] bool Serve(const Ruleset::Entry& entry, const Step* steps, const CompiledRule& rule,
                                    Decision& decision) {
    switch (rule.serve) {
      case CompiledRule::Serve::kVariation:
        decision.variation = rule.variation;
        break;
      case CompiledRule::Serve::kSelect: {
        const auto* targets = Code::At<std::uint64_t>(steps, rule.index);
        const std::int32_t target = TextSet::FindIn(targets, context_.key(), ContextReader::KeyHash(context_));
        if (target == kNone || context_.key().empty()) {
          TraceTargets(false);
          return false;
        }
        decision.variation = static_cast<std::int16_t>(target);
        TraceTargets(true);
        break;
      }
      case CompiledRule::Serve::kSplit: {
        const std::int32_t arm = Arm(*Code::At<SplitCode>(steps, rule.index));
        if (arm == kNone) {
          TraceRule(entry, rule, "bucket", false);
          return false;
        }
        decision.variation = static_cast<std::int16_t>(arm);
        break;
      }
      case CompiledRule::Serve::kExperiment:
        if (!NamedExperiment(entry, rule.index, decision)) {
          TraceRule(entry, rule, "experiment", false);
          return false;
        }
        decision.rule = rule.id;
        TraceRule(entry, rule, "experiment", true);
        return true;
    }
    decision.rule = rule.id;
    decision.reason = rule.is_default && entry.is_static ? Reason::kStatic : rule.reason;
    if (rule.serve != CompiledRule::Serve::kSelect) TraceRule(entry, rule, "serves", true);
    return true;
  }

  // --- experiments ---

  bool Forced(const Ruleset::Entry& entry, Decision& decision) {
    for (const Ruleset::Attached& attached : *entry.attached) {
      const CompiledExperiment& experiment = *attached.experiment;
      if (experiment.status == ExperimentStatus::kConcluded) continue;
      for (const CompiledForce& force : experiment.force) {
        if (!ForceHolds(force.tests.steps())) continue;
        Assign(attached, force.variant, Reason::kTargetingMatch, decision);
        decision.forced = true;
        char digits[24];
        const AttributeRef& attribute = experiment.split.scheme.unit;
        sink_.OnExperiment({&experiment, force.variant, Consulted::Role::kAssigned, true,
                            UnitOf(context_, attribute, digits), &attribute});
        TraceExperiment(experiment, "forced", {.variant = force.variant});
        return true;
      }
    }
    return false;
  }

  // Tests of attributes and nothing else; no step of an explanation.
  bool ForceHolds(const Step* steps) const {
    for (const Step* step = steps;; ++step) {
      const bool holds = step->form == Step::Form::kConstant ? step->at == 1 : HoldsAny(steps, *step, context_);
      if (!holds) return false;
      if (step->if_true == Step::kHolds) return true;
    }
  }

  bool Running(const Ruleset::Entry& entry, Decision& decision) {
    for (const Ruleset::Attached& attached : *entry.attached) {
      if (attached.on_default && Experiment(attached, decision)) return true;
    }
    return false;
  }

  bool NamedExperiment(const Ruleset::Entry& entry, std::uint32_t slot, Decision& decision) {
    if (entry.attached == nullptr) return false;
    [[maybe_unused]] const Inside<Sink> inside(sink_);
    for (std::size_t i = 0; i < entry.attached->size(); ++i) {
      const Ruleset::Attached& attached = (*entry.attached)[i];
      if (attached.slot == slot) return Experiment(attached, decision);
    }
    return false;
  }

  // Audience, holdout, slice, ramp and variant, in this order.
  bool Experiment(const Ruleset::Attached& attached, Decision& decision) {
    const CompiledExperiment& experiment = *attached.experiment;
    const bool running = experiment.status == ExperimentStatus::kRunning;
    if (!running && experiment.status != ExperimentStatus::kConcluded) return false;
    if (!experiment.audience.empty() && !Run(experiment.audience.steps(), 0)) {
      return Skip(experiment, "not in the audience");
    }
    char digits[24];
    const std::string_view unit = UnitOf(context_, experiment.split.scheme.unit, digits);
    if (!IsPlaced()) {
      if (unit.empty()) return Skip(experiment, "no unit", {.scheme = &experiment.split.scheme});
      if (experiment.has_holdout && HeldOut(attached, decision)) return true;
    }
    if (!running) return Skip(experiment, "concluded");
    if (experiment.in_layer && !IsPlaced() && !InSlice(experiment)) {
      return Skip(experiment, "not in the slice", {.scheme = &experiment.layer});
    }
    const std::uint32_t bucket = Bucket(experiment.split.scheme.prefix, unit);
    const std::int32_t variant = ArmOf(experiment.split.ranges, bucket);
    const Told told{&experiment.split.scheme, unit, static_cast<std::int32_t>(bucket), variant};
    if (variant == kNone) return Skip(experiment, "not in the ramp", told);
    Assign(attached, variant, Reason::kSplit, decision);
    Tell(experiment, variant, Consulted::Role::kAssigned, experiment.split.scheme, unit, bucket);
    TraceExperiment(experiment, "assigned", told);
    return true;
  }

  // By the layer's own unit: experiments of one layer never share one.
  bool InSlice(const CompiledExperiment& experiment) const {
    char digits[24];
    const std::string_view unit = UnitOf(context_, experiment.layer.unit, digits);
    return !unit.empty() && InRanges(experiment.slots, BucketOf(experiment.layer.prefix, unit));
  }

  bool HeldOut(const Ruleset::Attached& attached, Decision& decision) {
    const CompiledExperiment& experiment = *attached.experiment;
    char digits[24];
    const std::string_view unit = UnitOf(context_, experiment.holdout_scheme.unit, digits);
    if (unit.empty()) return false;
    const std::uint32_t bucket = BucketOf(experiment.holdout_scheme.prefix, unit);
    if (bucket >= 2 * experiment.holdout_size) return false;
    if (bucket >= experiment.holdout_size) {
      Tell(experiment, kNone, Consulted::Role::kComparison, experiment.holdout_scheme, unit, bucket);
      return false;
    }
    Assign(attached, 0, Reason::kDefault, decision);
    Tell(experiment, 0, Consulted::Role::kHeldOut, experiment.holdout_scheme, unit, bucket);
    TraceExperiment(experiment, "held out", {&experiment.holdout_scheme, unit, static_cast<std::int32_t>(bucket), 0});
    return true;
  }

  void Tell(const CompiledExperiment& experiment, std::int32_t variant, Consulted::Role role, const Scheme& scheme,
            std::string_view unit, std::uint32_t bucket) {
    sink_.OnExperiment({&experiment, variant, role, false, unit, &scheme.unit, static_cast<std::int32_t>(bucket)});
  }

  static void Assign(const Ruleset::Attached& attached, std::int32_t variant, Reason reason, Decision& decision) {
    decision.experiment = attached.experiment;
    decision.variant = static_cast<std::int16_t>(variant);
    decision.variation = static_cast<std::int16_t>(attached.variations[static_cast<std::size_t>(variant)]);
    decision.reason = reason;
  }

  [[gnu::always_inline]] bool Skip(const CompiledExperiment& experiment, std::string_view why, const Told& told = {}) {
    TraceExperiment(experiment, why, told);
    return false;
  }

  // --- splits and conditions ---

  std::int32_t Arm(const SplitCode& split) {
    char digits[24];
    const std::string_view unit = UnitOf(context_, *split.unit, digits);
    if (unit.empty() && !IsPlaced()) return kNone;
    return ArmOf(split, Bucket(split.prefix, unit));
  }

  // Whether the bucket is given, and no unit is needed.
  [[gnu::always_inline]] bool IsPlaced() const {
    if constexpr (Sink::kTraces) return sink_.bucket.has_value();
    return false;
  }
  [[gnu::always_inline]] std::uint32_t Bucket(const Murmur3Prefix& prefix, std::string_view unit) const {
    if constexpr (Sink::kTraces) {
      if (sink_.bucket) return *sink_.bucket;
    }
    return BucketOf(prefix, unit);
  }

  // Whether the condition that begins at `first` holds.
  [[gnu::noinline]] bool Run(const Step* steps, std::uint32_t first) { return RunHere(steps, first); }
  [[gnu::always_inline]] bool RunHere(const Step* steps, std::uint32_t first) {
    [[maybe_unused]] const Inside<Sink> inside(sink_, first);
    for (const Step* step = steps + first;;) {
      const std::uint32_t target = StepHolds(steps, *step) ? step->if_true : step->if_false;
      if (target == Step::kNext) {
        ++step;  // so that the processor need not know the answer to go on
      } else if (target >= Step::kFails) {
        return target == Step::kHolds;
      } else {
        step = steps + target;
      }
    }
  }

  [[gnu::always_inline]] bool StepHolds(const Step* steps, const Step& step) {
    if constexpr (Sink::kTraces) sink_.at = static_cast<std::uint32_t>(&step - steps) - sink_.first;
    if (step.form > Step::Form::kOperands) [[unlikely]] {
      return OtherHolds(step);
    }
    const bool holds = Holds(steps, step, context_);
    TraceTest(step, holds);
    return holds;
  }

  // A step that looks at no attribute.
  [[gnu::noinline]] bool OtherHolds(const Step& step) {
    switch (step.form) {
      case Step::Form::kSegment:
        return InSegment(step.at);
      case Step::Form::kFlag:
        return Serves(step);
      case Step::Form::kBeforeNow:
        return TraceNow("before", now_ms_ < step.whole);
      case Step::Form::kAfterNow:
        return TraceNow("after", now_ms_ > step.whole);
      default:
        return step.at == 1;
    }
  }

  // Exclude beats include beats when.
  bool InSegment(std::uint32_t slot) {
    const CompiledSegment* segment = ruleset_.Segment(slot);
    if (segment == nullptr) return false;
    const std::string_view key = context_.key();
    const std::uint64_t hash = ContextReader::KeyHash(context_);
    bool in = false;
    if (key.empty() || segment->exclude.Find(key, hash) == kNone) {
      in = !key.empty() && segment->include.Find(key, hash) != kNone;
      if (!in && !segment->when.empty()) in = Run(segment->when.steps(), 0);
    }
    if constexpr (Sink::kTraces) {
      sink_.Step(Object{
          {"step", "segment"}, {"at", Value(sink_.at)}, {"segment", Value(segment->key)}, {"result", Value(in)}});
    }
    return in;
  }

  bool Serves(const guidon::Step& step) {
    const Decision other = FlagInside(step.at);
    bool serves = false;
    if (other.reason != Reason::kDisabled && other.reason != Reason::kError && other.variation != kNone) {
      const std::string_view name = other.variation_name();
      for (const std::string& word : *step.words) serves |= SameText(word, name);
    }
    if constexpr (Sink::kTraces) {
      sink_.Step(Object{{"step", "flag"},
                        {"at", Value(sink_.at)},
                        {"flag", Value(other.flag == nullptr ? std::string_view() : other.flag->key)},
                        {"variation", Value(other.variation_name())},
                        {"reason", Value(ToString(other.reason))},
                        {"result", Value(serves)}});
    }
    return serves;
  }

  Decision FlagInside(std::uint32_t slot) {
    [[maybe_unused]] const Inside<Sink> inside(sink_);
    return Flag(slot);
  }

  // --- tracing: nothing at all for other sinks ---

  void Trace([[maybe_unused]] std::string_view step, [[maybe_unused]] bool result) {
    if constexpr (Sink::kTraces) sink_.Step(Object{{"step", Value(step)}, {"result", Value(result)}});
  }

  void TraceTargets([[maybe_unused]] bool result) {
    if constexpr (Sink::kTraces) {
      sink_.Step(Object{{"step", "targets"}, {"key", Value(context_.key())}, {"result", Value(result)}});
    }
  }

  void TraceRule([[maybe_unused]] const Ruleset::Entry& entry, [[maybe_unused]] const CompiledRule& rule,
                 [[maybe_unused]] std::string_view what, [[maybe_unused]] bool result) {
    if constexpr (Sink::kTraces) {
      std::string name = rule.is_default ? "default" : rule.reason == Reason::kPrerequisiteFailed ? "requires" : "rule";
      Object step{{"step", Value(std::move(name))}, {"index", Value(&rule - entry.rules)}};
      if (rule.id != kNone) step.Append("rule", Value(entry.flag->rule_ids[static_cast<std::size_t>(rule.id)]));
      step.Append("what", Value(what));
      if (rule.serve == CompiledRule::Serve::kSplit && what != "condition") {
        AppendPlace(step, entry, rule, context_, sink_.bucket);
      }
      step.Append("result", Value(result));
      sink_.Step(std::move(step));
    }
  }

  void TraceTest([[maybe_unused]] const guidon::Step& test, [[maybe_unused]] bool result) {
    if constexpr (Sink::kTraces) {
      sink_.Step(Object{{"step", "test"},
                        {"at", Value(sink_.at)},
                        {"attribute", Value(test.attribute->name)},
                        {"operator", Value(ToString(test.op))},
                        {"result", Value(result)}});
    }
  }

  bool TraceNow([[maybe_unused]] std::string_view op, bool result) {
    if constexpr (Sink::kTraces) {
      sink_.Step(Object{{"step", "now"}, {"at", Value(sink_.at)}, {"operator", Value(op)}, {"result", Value(result)}});
    }
    return result;
  }

  [[gnu::always_inline]] void TraceExperiment([[maybe_unused]] const CompiledExperiment& experiment,
                                              [[maybe_unused]] std::string_view result,
                                              [[maybe_unused]] const Told& told = {}) {
    if constexpr (Sink::kTraces) sink_.Step(StepOf(experiment, result, told, context_));
  }

  const Ruleset& ruleset_;
  const Context& context_;
  const std::int64_t now_ms_;
  Sink& sink_;
};

}  // namespace

std::string_view Decision::variation_name() const noexcept {
  if (variation == kNone) return {};
  return flag->variations[static_cast<std::size_t>(variation)].name;
}

std::string_view Decision::rule_id() const noexcept {
  if (rule == kNone) return {};
  return flag->rule_ids[static_cast<std::size_t>(rule)];
}

std::string_view Decision::variant_name() const noexcept {
  if (experiment == nullptr || variant == kNone) return {};
  return experiment->variants[static_cast<std::size_t>(variant)];
}

namespace internal {

Decision EvaluateRules(const Ruleset& ruleset, const Ruleset::Entry& entry, const Context& context,
                       std::int64_t now_ms) noexcept {
  NoSink sink;
  return Evaluation<NoSink>(ruleset, context, now_ms, sink).RulesHere(entry);
}

Decision EvaluateRules(const Ruleset& ruleset, const Ruleset::Entry& entry, const Context& context, std::int64_t now_ms,
                       CallSink& sink) noexcept {
  return Evaluation<CallSink>(ruleset, context, now_ms, sink).RulesHere(entry);
}

}  // namespace internal

Decision Evaluate(const Ruleset& ruleset, std::uint32_t slot, const Context& context, std::int64_t now_ms,
                  ExperimentSink& sink) {
  return Evaluation<ExperimentSink>(ruleset, context, now_ms, sink).Flag(slot);
}

Decision Evaluate(const Ruleset& ruleset, std::uint32_t slot, const Context& context, std::int64_t now_ms,
                  TraceSink& sink) {
  return Evaluation<TraceSink>(ruleset, context, now_ms, sink).Flag(slot);
}

std::string ErrorMessage(const Ruleset& ruleset, std::string_view key, const Decision& decision) {
  const std::string flag = "flag '" + std::string(key) + "'";
  switch (decision.error) {
    case EvaluationError::kNone:
      return "";
    case EvaluationError::kFlagNotFound:
      return "there is no " + flag;
    case EvaluationError::kTypeMismatch:
      return flag + " is of type " + std::string(ToString(decision.flag->type)) +
             (decision.flag->type == FlagType::kNumber ? ", and its value is no whole number or was asked for otherwise"
                                                       : "");
    case EvaluationError::kParseError:
      return flag + " cannot be evaluated by this version: " + std::string(ruleset.BrokenReason(key));
    case EvaluationError::kTargetingKeyMissing:
      return flag + " splits by an attribute that this context does not have, or not as text or a whole number";
    case EvaluationError::kProviderNotReady:
      return "there is no ruleset yet";
  }
  return "";
}

Value DescribeDecision(const Ruleset& ruleset, std::string_view key, const Decision& decision, const TraceSink* trace) {
  Object object{{"flag", Value(key)}};
  object.Append("value", decision.value() == nullptr ? Value() : *decision.value());
  if (decision.variation != kNone) object.Append("variation", Value(decision.variation_name()));
  object.Append("reason", Value(ToString(decision.reason)));
  if (decision.error != EvaluationError::kNone) {
    object.Append("error", Value(ToString(decision.error)));
    std::string message = ErrorMessage(ruleset, key, decision);
    if (decision.error == EvaluationError::kFlagNotFound) {
      if (const std::string hint = DidYouMean(key, ruleset.FlagKeys()); !hint.empty()) message += "; " + hint;
    }
    object.Append("message", Value(std::move(message)));
  }
  if (decision.rule != kNone) object.Append("rule", Value(decision.rule_id()));
  if (decision.experiment != nullptr) {
    object.Append("experiment", Value(decision.experiment->key));
    object.Append("variant", Value(decision.variant_name()));
  }
  if (decision.forced) object.Append("forced", true);
  if (trace != nullptr) object.Append("trace", trace->steps);
  return object;
}

}  // namespace guidon
