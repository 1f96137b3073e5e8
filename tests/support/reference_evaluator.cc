#include "tests/support/reference_evaluator.h"

#include <re2/re2.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <functional>
#include <map>
#include <set>
#include <variant>

#include "core/model/units.h"

namespace guidon {

// --- the hash ------------------------------------------------------------------------------------------------------

std::uint32_t ReferenceMurmur3(std::string_view bytes, std::uint32_t seed) {
  const auto rotate = [](std::uint32_t x, int by) { return (x << by) | (x >> (32 - by)); };
  const auto scramble = [&](std::uint32_t k) { return rotate(k * 0xcc9e2d51u, 15) * 0x1b873593u; };
  const auto byte = [&](std::size_t i) { return std::uint32_t{static_cast<unsigned char>(bytes[i])}; };
  std::uint32_t h = seed;
  std::size_t i = 0;
  for (; i + 4 <= bytes.size(); i += 4) {
    h ^= scramble(byte(i) | byte(i + 1) << 8 | byte(i + 2) << 16 | byte(i + 3) << 24);
    h = rotate(h, 13) * 5 + 0xe6546b64u;
  }
  std::uint32_t rest = 0;
  for (std::size_t j = bytes.size(); j > i; --j) rest = rest << 8 | byte(j - 1);
  h ^= scramble(rest);
  h ^= static_cast<std::uint32_t>(bytes.size());
  h = (h ^ (h >> 16)) * 0x85ebca6bu;
  h = (h ^ (h >> 13)) * 0xc2b2ae35u;
  return h ^ (h >> 16);
}

std::uint32_t ReferenceBucket(std::string_view salt, std::string_view unit) {
  const std::string text = std::string(salt) + ":" + std::string(unit);
  return static_cast<std::uint32_t>(std::uint64_t{ReferenceMurmur3(text, 0)} * 100'000 / 4'294'967'296);
}

namespace {

// --- parsers -------------------------------------------------------------------------------------------------------

std::vector<std::string> SplitAt(const std::string& text, char separator) {
  std::vector<std::string> parts(1);
  for (const char c : text) {
    if (c == separator) {
      parts.emplace_back();
    } else {
      parts.back() += c;
    }
  }
  return parts;
}

bool IsNumeral(const std::string& text) {
  return !text.empty() && text.find_first_not_of("0123456789") == std::string::npos;
}

bool IsVersionNumber(const std::string& text) {
  return IsNumeral(text) && (text == "0" || text[0] != '0');
}

struct Version {
  std::vector<std::string> numbers;
  std::vector<std::string> prerelease;
};

std::optional<Version> VersionOf(std::string text) {
  const std::string kIdentifier = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz-";
  const auto is_identifier = [&](const std::string& part) {
    return !part.empty() && part.find_first_not_of(kIdentifier) == std::string::npos;
  };
  Version version;
  if (const std::size_t plus = text.find('+'); plus != std::string::npos) {
    for (const std::string& part : SplitAt(text.substr(plus + 1), '.')) {
      if (!is_identifier(part)) return std::nullopt;
    }
    text = text.substr(0, plus);
  }
  if (const std::size_t dash = text.find('-'); dash != std::string::npos) {
    version.prerelease = SplitAt(text.substr(dash + 1), '.');
    for (const std::string& part : version.prerelease) {
      if (!is_identifier(part) || (IsNumeral(part) && !IsVersionNumber(part))) return std::nullopt;
    }
    text = text.substr(0, dash);
  }
  version.numbers = SplitAt(text, '.');
  if (version.numbers.size() != 3) return std::nullopt;
  for (const std::string& number : version.numbers) {
    if (!IsVersionNumber(number)) return std::nullopt;
  }
  return version;
}

int OrderOfNumerals(const std::string& a, const std::string& b) {
  if (a.size() != b.size()) return a.size() < b.size() ? -1 : 1;
  return a < b ? -1 : a > b ? 1 : 0;
}

int OrderOfVersions(const Version& a, const Version& b) {
  for (std::size_t i = 0; i < 3; ++i) {
    if (const int order = OrderOfNumerals(a.numbers[i], b.numbers[i]); order != 0) return order;
  }
  if (a.prerelease.empty() != b.prerelease.empty()) return a.prerelease.empty() ? 1 : -1;
  for (std::size_t i = 0; i < std::min(a.prerelease.size(), b.prerelease.size()); ++i) {
    const std::string &x = a.prerelease[i], &y = b.prerelease[i];
    if (x == y) continue;
    if (IsNumeral(x) && IsNumeral(y)) return OrderOfNumerals(x, y);
    if (IsNumeral(x) != IsNumeral(y)) return IsNumeral(x) ? -1 : 1;
    return x < y ? -1 : 1;
  }
  const std::size_t n = a.prerelease.size(), m = b.prerelease.size();
  return n == m ? 0 : n < m ? -1 : 1;
}

using Bits = std::vector<bool>;

void AppendBits(Bits& bits, unsigned value, int count) {
  for (int i = count - 1; i >= 0; --i) bits.push_back((value >> i & 1u) != 0);
}

std::optional<Bits> BitsOfV4(const std::string& text) {
  Bits bits;
  const std::vector<std::string> parts = SplitAt(text, '.');
  if (parts.size() != 4) return std::nullopt;
  for (const std::string& part : parts) {
    if (!IsVersionNumber(part) || part.size() > 3 || std::stoi(part) > 255) return std::nullopt;
    AppendBits(bits, static_cast<unsigned>(std::stoi(part)), 8);
  }
  return bits;
}

// The groups between colons; the last may be an IPv4 address. Nothing between is no group.
std::optional<Bits> BitsOfGroups(const std::string& text) {
  Bits bits;
  if (text.empty()) return bits;
  const std::vector<std::string> groups = SplitAt(text, ':');
  for (std::size_t i = 0; i < groups.size(); ++i) {
    if (i + 1 == groups.size() && groups[i].find('.') != std::string::npos) {
      const auto v4 = BitsOfV4(groups[i]);
      if (!v4) return std::nullopt;
      bits.insert(bits.end(), v4->begin(), v4->end());
      continue;
    }
    if (groups[i].empty() || groups[i].size() > 4 ||
        groups[i].find_first_not_of("0123456789abcdefABCDEF") != std::string::npos) {
      return std::nullopt;
    }
    AppendBits(bits, static_cast<unsigned>(std::stoul(groups[i], nullptr, 16)), 16);
  }
  return bits;
}

std::optional<Bits> BitsOfAddress(const std::string& text) {
  if (text.find(':') == std::string::npos) return BitsOfV4(text);
  const std::size_t gap = text.find("::");
  if (gap == std::string::npos) {
    auto bits = BitsOfGroups(text);
    return bits && bits->size() == 128 ? bits : std::nullopt;
  }
  if (text.find("::", gap + 1) != std::string::npos) return std::nullopt;
  const std::string left = text.substr(0, gap);
  if (left.find('.') != std::string::npos) return std::nullopt;
  auto head = BitsOfGroups(left);
  const auto tail = BitsOfGroups(text.substr(gap + 2));
  if (!head || !tail || head->size() + tail->size() > 112) return std::nullopt;
  head->resize(128 - tail->size(), false);
  head->insert(head->end(), tail->begin(), tail->end());
  return head;
}

// The bits that an address must begin with, and whether it is IPv6.
struct Net {
  Bits prefix;
  bool is_v6 = false;
};

std::optional<Net> NetOf(const std::string& text) {
  const std::size_t slash = text.find('/');
  const auto bits = BitsOfAddress(text.substr(0, slash));
  if (!bits) return std::nullopt;
  Net net{*bits, bits->size() == 128};
  if (slash == std::string::npos) return net;
  const std::string length = text.substr(slash + 1);
  if (!IsVersionNumber(length) || length.size() > 3) return std::nullopt;
  const auto count = static_cast<std::size_t>(std::stoi(length));
  if (count > net.prefix.size()) return std::nullopt;
  net.prefix.resize(count);
  return net;
}

std::optional<std::int64_t> TimeOf(const Value& value) {
  if (value.is_string()) return ParseTimestamp(value.AsString());
  if (value.IsIntegral()) return value.AsInt();
  return std::nullopt;
}

std::string Folded(std::string text) {
  for (char& c : text) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return text;
}

bool BeginsWith(const std::string& text, const std::string& part) {
  return text.substr(0, part.size()) == part;
}
bool EndsWith(const std::string& text, const std::string& part) {
  return text.size() >= part.size() && text.substr(text.size() - part.size()) == part;
}

// -1, 0, 1; nothing when there is no order. Beyond 2^53 a whole number and a double compare in long double, which
// holds both exactly.
std::optional<int> OrderOfNumbers(const Value& a, const Value& b) {
  const auto exact = [](const Value& v) {
    return v.is_int() ? static_cast<long double>(v.AsInt()) : static_cast<long double>(v.AsDouble());
  };
  if (!a.is_number() || !b.is_number()) return std::nullopt;
  const long double x = exact(a), y = exact(b);
  if (std::isnan(x) || std::isnan(y)) return std::nullopt;
  return x < y ? -1 : x > y ? 1 : 0;
}

std::vector<BucketRange> FirstOf(const std::vector<BucketRange>& ranges, std::uint64_t parts) {
  std::uint64_t size = 0;
  for (const BucketRange& range : ranges) size += range.end - range.begin;
  std::uint64_t left = size * parts / 100'000;
  std::vector<BucketRange> first;
  for (const BucketRange& range : ranges) {
    const auto take = static_cast<std::uint32_t>(std::min<std::uint64_t>(left, range.end - range.begin));
    first.push_back({range.begin, range.begin + take});
    left -= take;
  }
  return first;
}

// --- what cannot be evaluated ----------------------------------------------------------------------------------------

// Faults of each entity on its own, and what it leans on. A flag is broken when it can reach a fault, a circle, more
// than 64 others in a row, or, by all ways together, more than 100 000.
class Faults {
 public:
  Faults(const Snapshot& snapshot, const std::vector<Undecodable>& undecodable)
      : all_(snapshot.entities), undecodable_(undecodable) {}

  bool IsUndecodable(EntityKind kind, const std::string& key) const {
    return std::any_of(undecodable_.begin(), undecodable_.end(), [&](const Undecodable& u) {
      return u.ref == EntityRef{kind, key};
    });
  }

  bool IsBroken(const std::string& flag) const {
    const EntityRef ref{EntityKind::kFlag, flag};
    return Fails(ref, {}) || Looks(ref) > 100'000;
  }

  // Experiments that may have something to say about a flag, in order of keys.
  std::vector<const ExperimentRecord*> ActingOn(const std::string& flag) const {
    std::map<std::string, const ExperimentRecord*> sorted;
    for (const ExperimentRecord& record : all_.experiments) {
      if (record.definition.flag == flag && Acts(record)) sorted[record.definition.key] = &record;
    }
    std::vector<const ExperimentRecord*> list;
    for (const auto& [key, record] : sorted) list.push_back(record);
    return list;
  }

 private:
  struct Needs {
    bool faulty = false;
    std::vector<EntityRef> entities;
  };

  bool Acts(const ExperimentRecord& record) const {
    const Experiment& experiment = record.definition;
    switch (record.state.status) {
      case ExperimentStatus::kRunning:
        return true;
      case ExperimentStatus::kConcluded: {
        const HoldoutRecord* holdout = all_.FindHoldout(experiment.holdout);
        return !experiment.holdout.empty() && (holdout == nullptr || !holdout->definition.archived);
      }
      case ExperimentStatus::kDraft:
      case ExperimentStatus::kPaused:
        return !experiment.force.empty();
      case ExperimentStatus::kScheduled:
      case ExperimentStatus::kStopped:
        return false;
    }
    return false;
  }

  bool Fails(const EntityRef& ref, std::vector<EntityRef> path) const {
    if (IsUndecodable(ref.kind, ref.key)) return true;
    if (IsAbsentFlag(ref)) return false;
    if (std::find(path.begin(), path.end(), ref) != path.end()) return true;
    if (path.size() > 64) return true;
    const Needs needs = NeedsOf(ref);
    if (needs.faulty) return true;
    path.push_back(ref);
    return std::any_of(needs.entities.begin(), needs.entities.end(),
                       [&](const EntityRef& needed) { return Fails(needed, path); });
  }

  // How many flags and segments are looked at, at most; only for what does not fail.
  std::uint64_t Looks(const EntityRef& ref) const {
    if (IsAbsentFlag(ref)) return 0;
    std::uint64_t looks = 1;
    for (const EntityRef& needed : NeedsOf(ref).entities) looks += Looks(needed);
    return looks;
  }

  // Which is not met, and that is an answer.
  bool IsAbsentFlag(const EntityRef& ref) const {
    return ref.kind == EntityKind::kFlag && all_.FindFlag(ref.key) == nullptr;
  }

  Needs NeedsOf(const EntityRef& ref) const {
    Needs needs;
    if (ref.kind == EntityKind::kFlag) {
      OfFlag(*all_.FindFlag(ref.key), needs);
      return needs;
    }
    const SegmentRecord* segment = all_.FindSegment(ref.key);
    needs.faulty = segment == nullptr;
    if (segment != nullptr && segment->definition.when) OfCondition(*segment->definition.when, needs);
    return needs;
  }

  void OfFlag(const FlagRecord& record, Needs& needs) const {
    const auto& flag = record.definition;
    const auto variation = [&](const std::string& name) { needs.faulty |= flag.FindVariation(name) == nullptr; };
    for (const ExperimentRecord* experiment : ActingOn(flag.key)) OfExperiment(*experiment, record, needs);
    for (const Undecodable& entity : undecodable_) {
      needs.faulty |= entity.ref.kind == EntityKind::kExperiment && entity.flag == flag.key;
    }
    if (flag.environments.empty()) return;
    const Targeting& targeting = flag.environments[0];
    if (!targeting.off.empty()) variation(targeting.off);
    for (const Requirement& requirement : targeting.requirements) {
      needs.entities.push_back({EntityKind::kFlag, requirement.flag});
    }
    for (const Targets& targets : targeting.targets) variation(targets.variation);
    for (const Rule& rule : targeting.rules) {
      if (rule.when) OfCondition(*rule.when, needs);
      OfServe(record, rule.serve, rule.id, needs);
    }
    if (targeting.default_serve) OfServe(record, targeting.default_serve->serve, "default", needs);
  }

  void OfServe(const FlagRecord& record, const Serve& serve, const std::string& split, Needs& needs) const {
    const auto variation = [&](const std::string& name) {
      needs.faulty |= record.definition.FindVariation(name) == nullptr;
    };
    if (const auto* fixed = std::get_if<FixedServe>(&serve)) variation(fixed->variation);
    if (const auto* named = std::get_if<ExperimentServe>(&serve)) {
      needs.faulty |= IsUndecodable(EntityKind::kExperiment, named->experiment);
    }
    if (!std::holds_alternative<SplitServe>(serve)) return;
    const TargetingState* state = record.state.FindEnvironment(record.definition.environments[0].environment);
    const SplitState* found = nullptr;
    for (std::size_t i = 0; state != nullptr && i < state->splits.size(); ++i) {
      if (state->splits[i].split == split) found = &state->splits[i];
    }
    needs.faulty |= found == nullptr;
    for (std::size_t i = 0; found != nullptr && i < found->arms.size(); ++i) variation(found->arms[i].arm);
    if (found != nullptr && split == "default") needs.faulty |= HasGap(found->arms);
  }

  // No bucket is in two ranges, so that their sizes tell.
  static bool HasGap(const std::vector<ArmRanges>& arms) {
    std::uint32_t owned = 0;
    for (const ArmRanges& arm : arms) {
      for (const BucketRange& range : arm.ranges) owned += range.end - range.begin;
    }
    return owned < 100'000;
  }

  void OfExperiment(const ExperimentRecord& record, const FlagRecord& flag, Needs& needs) const {
    const Experiment& experiment = record.definition;
    std::set<std::string> variants;
    for (const Variant& variant : experiment.variants) {
      variants.insert(variant.name);
      needs.faulty |= flag.definition.FindVariation(variant.serves) == nullptr;
    }
    needs.faulty |= variants.empty();
    for (const ArmRanges& arm : record.state.arms) needs.faulty |= variants.count(arm.arm) == 0;
    needs.faulty |= record.state.status == ExperimentStatus::kRunning && record.state.arms.empty();
    for (const ForcedVariant& forced : experiment.force) needs.faulty |= variants.count(forced.variant) == 0;
    if (experiment.layer) needs.faulty |= all_.FindLayer(experiment.layer->layer) == nullptr;
    if (!experiment.holdout.empty()) needs.faulty |= all_.FindHoldout(experiment.holdout) == nullptr;
    if (experiment.audience) OfCondition(*experiment.audience, needs);
  }

  void OfCondition(const Condition& condition, Needs& needs) const {
    for (const Clause& clause : condition.clauses) {
      for (const Condition& child : clause.children) OfCondition(child, needs);
      for (const std::string& segment : clause.segments) needs.entities.push_back({EntityKind::kSegment, segment});
      if (clause.kind == Clause::Kind::kFlag) needs.entities.push_back({EntityKind::kFlag, clause.flag});
      for (const Test& test : clause.tests) OfTest(test, needs);
    }
  }

  static void OfTest(const Test& test, Needs& needs) {
    for (const Value& operand : test.operands) {
      switch (test.op) {
        case Operator::kMatches:
          needs.faulty |= !re2::RE2(operand.AsString(), re2::RE2::Quiet).ok();
          break;
        case Operator::kBefore:
        case Operator::kAfter:
          needs.faulty |= !TimeOf(operand);
          break;
        case Operator::kSemverEq:
        case Operator::kSemverLt:
        case Operator::kSemverLte:
        case Operator::kSemverGt:
        case Operator::kSemverGte:
          needs.faulty |= !VersionOf(operand.AsString());
          break;
        case Operator::kInCidr:
          needs.faulty |= !NetOf(operand.AsString());
          break;
        default:
          break;
      }
    }
  }

  const EntitySet& all_;
  const std::vector<Undecodable>& undecodable_;
};

// --- evaluation ------------------------------------------------------------------------------------------------------

class Reference {
 public:
  Reference(const Snapshot& snapshot, const std::vector<Undecodable>& undecodable, const Question& question,
            Fault fault)
      : all_(snapshot.entities),
        faults_(snapshot, undecodable),
        context_(question.context),
        now_ms_(fault == Fault::kNowIsZero ? 0 : question.now_ms),
        fault_(fault) {}

  Outcome Answer(const Question& question, bool is_broken) {
    Outcome outcome;
    outcome.reason = "ERROR";
    if (is_broken) {
      outcome.error = "PARSE_ERROR";
      return outcome;
    }
    const FlagRecord* flag = all_.FindFlag(question.flag);
    if (flag == nullptr) {
      outcome.error = "FLAG_NOT_FOUND";
      return outcome;
    }
    Outcome mismatch = outcome;  // exposes nothing: the caller sees its own default
    mismatch.error = "TYPE_MISMATCH";
    if (!Has(Fault::kTypeIsNotChecked) && !Fits(question.type, flag->definition.type)) return mismatch;
    outcome = EvaluateFlag(*flag);
    const bool is_fraction = question.type == "int" && outcome.value && !outcome.value->IsIntegral();
    return is_fraction && !Has(Fault::kFractionReadsAsInt) ? mismatch : outcome;
  }

 private:
  bool Has(Fault fault) const { return fault_ == fault; }

  static bool Fits(const std::string& wanted, FlagType type) {
    if (wanted.empty()) return true;
    switch (type) {
      case FlagType::kBoolean:
        return wanted == "bool";
      case FlagType::kString:
        return wanted == "string";
      case FlagType::kNumber:
        return wanted == "int" || wanted == "double";
      case FlagType::kJson:
        return wanted == "json";
    }
    return false;
  }

  // --- the context ---

  std::string Key() const {
    const Value* key = context_.Find("key");
    if (key == nullptr || key->is_null()) key = context_.Find("targetingKey");
    return key == nullptr ? "" : UnitText(*key);
  }

  // Text that is not empty, or a whole number up to 2^53 in decimal; else "".
  static std::string UnitText(const Value& value) {
    if (value.is_string()) return value.AsString();
    const std::int64_t limit = std::int64_t{1} << 53;
    if (!value.is_number() || !value.IsIntegral() || value.AsInt() > limit || value.AsInt() < -limit) return "";
    return std::to_string(value.AsInt());
  }

  // Null is missing.
  Value Read(const std::string& name) const {
    if (name == "key" && !Has(Fault::kKeyIsAnAttribute)) {
      const std::string key = Key();
      return key.empty() ? Value() : Value(key);
    }
    if (name == "targetingKey") return {};
    const Value* literal = context_.Find(name);
    const Value along = Along(name);
    if (Has(Fault::kPathBeatsLiteralName) && !along.is_null()) return along;
    if (literal != nullptr && !literal->is_null()) return *literal;
    return along;
  }

  Value Along(const std::string& name) const {
    const std::vector<std::string> path = SplitAt(name, '.');
    if (path.size() < 2 || path[0] == "key" || path[0] == "targetingKey") return {};
    const Value* value = context_.Find(path[0]);
    for (std::size_t i = 1; i < path.size() && value != nullptr; ++i) value = value->Find(path[i]);
    return value == nullptr ? Value() : *value;
  }

  // "" when there is no unit.
  std::string Unit(const std::string& attribute) const {
    if (attribute.empty() || attribute == "key" || Has(Fault::kUnitIsTheKey)) return Key();
    const Value value = Read(attribute);
    if (Has(Fault::kNumbersAreNoUnits) && value.is_number()) return "";
    const std::string unit = UnitText(value);
    return unit.empty() && Has(Fault::kNoUnitIsTheEmptyUnit) ? "\x01" : unit;
  }

  std::uint32_t Bucket(const std::string& salt, const std::string& unit) const {
    if (Has(Fault::kHashHasNoSeparator)) {
      return static_cast<std::uint32_t>(std::uint64_t{ReferenceMurmur3(salt + unit, 0)} * 100'000 >> 32);
    }
    if (Has(Fault::kHashHasASeed)) {
      return static_cast<std::uint32_t>(std::uint64_t{ReferenceMurmur3(salt + ":" + unit, 1)} * 100'000 >> 32);
    }
    if (Has(Fault::kBucketIsModulo)) return ReferenceMurmur3(salt + ":" + unit, 0) % 100'000;
    return ReferenceBucket(salt, unit == "\x01" ? "" : unit);
  }

  // --- operators ---

  bool Holds(const Test& test, const Value& attribute, bool ignore_case) const {
    if (test.op == Operator::kExists) {
      const bool wanted = test.operands[0].AsBool();
      if (Has(Fault::kExistsLooksIntoLists) && attribute.is_array()) return attribute.AsArray().empty() != wanted;
      return (attribute.is_null() && !Has(Fault::kNullIsThere)) != wanted;
    }
    if (attribute.is_null()) return test.op == Operator::kNotIn && !Has(Fault::kNotInNeedsTheAttribute);
    Test positive = test;
    if (test.op == Operator::kNotIn) positive.op = Operator::kIn;
    bool holds = false;
    if (attribute.is_array()) {
      for (const Value& element : attribute.AsArray()) {
        holds |= HoldsScalar(positive, element, ignore_case);
        if (Has(Fault::kOnlyTheFirstElementCounts)) break;
      }
    } else {
      holds = HoldsScalar(positive, attribute, ignore_case);
    }
    return test.op == Operator::kNotIn ? !holds : holds;
  }

  bool HoldsScalar(const Test& test, const Value& attribute, bool ignore_case) const {
    return std::any_of(test.operands.begin(), test.operands.end(),
                       [&](const Value& operand) { return HoldsOne(test.op, attribute, operand, ignore_case); });
  }

  bool Equals(const Value& a, const Value& b, bool fold) const {
    if (a.is_string() && b.is_string()) {
      const std::string x = fold ? Folded(a.AsString()) : a.AsString(), y = fold ? Folded(b.AsString()) : b.AsString();
      return Has(Fault::kInTakesPrefixes) ? BeginsWith(x, y) : x == y;
    }
    if (a.is_bool() && b.is_bool()) return a.AsBool() == b.AsBool();
    if (Has(Fault::kNumbersEqualText) && a.is_string() && b.is_int()) return a.AsString() == std::to_string(b.AsInt());
    if (Has(Fault::kNumbersEqualText) && a.is_int() && b.is_string()) return b.AsString() == std::to_string(a.AsInt());
    if (Has(Fault::kWholeAndFractionDiffer) && a.is_int() != b.is_int()) return false;
    return OrderOfNumbers(a, b) == 0;
  }

  bool HoldsOne(Operator op, const Value& attribute, const Value& operand, bool ignore_case) const {
    const bool fold = ignore_case && !Has(Fault::kIgnoreCaseIsIgnored);
    switch (op) {
      case Operator::kIn:
      case Operator::kNotIn:
        return Equals(attribute, operand, fold);
      case Operator::kStartsWith:
      case Operator::kEndsWith:
      case Operator::kContains:
        return attribute.is_string() && HoldsPart(op, fold ? Folded(attribute.AsString()) : attribute.AsString(),
                                                  fold ? Folded(operand.AsString()) : operand.AsString());
      case Operator::kMatches:
        return attribute.is_string() && Matches(attribute.AsString(), operand.AsString(), fold);
      case Operator::kLt:
      case Operator::kLte:
      case Operator::kGt:
      case Operator::kGte:
        return HoldsOrder(op, OrderOfNumbers(attribute, operand));
      case Operator::kBefore:
      case Operator::kAfter:
        return HoldsTime(op, TimeOf(attribute), *TimeOf(operand));
      case Operator::kSemverEq:
      case Operator::kSemverLt:
      case Operator::kSemverLte:
      case Operator::kSemverGt:
      case Operator::kSemverGte:
        return attribute.is_string() && HoldsVersion(op, attribute.AsString(), operand.AsString());
      case Operator::kInCidr:
        return attribute.is_string() && HoldsNet(attribute.AsString(), operand.AsString());
      case Operator::kExists:
        break;
    }
    return false;
  }

  bool HoldsPart(Operator op, const std::string& text, const std::string& part) const {
    if (op == Operator::kStartsWith) return Has(Fault::kStartsWithMeansEquals) ? text == part : BeginsWith(text, part);
    if (op == Operator::kEndsWith && !Has(Fault::kEndsWithMeansContains)) return EndsWith(text, part);
    if (op == Operator::kContains && Has(Fault::kContainsMeansStartsWith)) return BeginsWith(text, part);
    return text.find(part) != std::string::npos;
  }

  bool Matches(const std::string& text, const std::string& expression, bool fold) const {
    re2::RE2::Options options;
    options.set_case_sensitive(!fold);
    const re2::RE2 pattern(expression, options);
    return Has(Fault::kMatchesIsAnchored) ? re2::RE2::FullMatch(text, pattern) : re2::RE2::PartialMatch(text, pattern);
  }

  bool HoldsOrder(Operator op, std::optional<int> order) const {
    if (!order) return false;
    switch (op) {
      case Operator::kLt:
        return *order < 0 || (*order == 0 && Has(Fault::kLtIncludesEqual));
      case Operator::kLte:
        return *order < 0 || (*order == 0 && !Has(Fault::kLteExcludesEqual));
      case Operator::kGt:
        return *order > 0 || (*order == 0 && Has(Fault::kGtIncludesEqual));
      default:
        return *order > 0 || (*order == 0 && !Has(Fault::kGteExcludesEqual));
    }
  }

  bool HoldsTime(Operator op, std::optional<std::int64_t> time, std::int64_t bound) const {
    if (!time) return false;
    if (op == Operator::kBefore) return *time < bound || (*time == bound && Has(Fault::kBeforeIncludesEqual));
    return *time > bound || (*time == bound && Has(Fault::kAfterIncludesEqual));
  }

  bool HoldsVersion(Operator op, const std::string& attribute, const std::string& operand) const {
    std::optional<Version> a = VersionOf(attribute);
    std::optional<Version> b = VersionOf(operand);
    if (!a || !b) return false;
    if (op == Operator::kSemverEq && Has(Fault::kSemverEqComparesText)) return attribute == operand;
    if (op == Operator::kSemverLt && Has(Fault::kSemverLtIgnoresPrerelease)) a->prerelease = b->prerelease = {};
    if (op == Operator::kSemverGte && Has(Fault::kSemverGteComparesNumbersAsText)) return attribute >= operand;
    const int order = OrderOfVersions(*a, *b);
    switch (op) {
      case Operator::kSemverEq:
        return order == 0;
      case Operator::kSemverLt:
        return order < 0;
      case Operator::kSemverLte:
        return order < 0 || (order == 0 && !Has(Fault::kSemverLteExcludesEqual));
      case Operator::kSemverGt:
        return order > 0 || (order == 0 && Has(Fault::kSemverGtIncludesEqual));
      default:
        return order >= 0;
    }
  }

  bool HoldsNet(const std::string& attribute, const std::string& operand) const {
    if (Has(Fault::kInCidrComparesText)) return attribute == operand;
    const auto address = BitsOfAddress(attribute);
    const auto net = NetOf(operand);
    return address && net && (address->size() == 128) == net->is_v6 &&
           std::equal(net->prefix.begin(), net->prefix.end(), address->begin());
  }

  // --- conditions ---

  bool Holds(const Condition& condition) {
    bool any = false;
    for (const Clause& clause : condition.clauses) {
      const bool holds = Holds(clause);
      any |= holds;
      if (!holds && !Has(Fault::kAllMeansAny)) return false;
    }
    return any;
  }

  bool Holds(const Clause& clause) {
    switch (clause.kind) {
      case Clause::Kind::kAttribute: {
        const Value attribute = Read(clause.attribute);
        return std::all_of(clause.tests.begin(), clause.tests.end(),
                           [&](const Test& test) { return Holds(test, attribute, clause.ignore_case); });
      }
      case Clause::Kind::kAll:
        for (const Condition& child : clause.children) {
          if (!Holds(child)) return false;
        }
        return true;
      case Clause::Kind::kAny:
        for (const Condition& child : clause.children) {
          const bool holds = Holds(child);
          if (holds != Has(Fault::kAnyMeansAll)) return holds;
        }
        return Has(Fault::kAnyMeansAll);
      case Clause::Kind::kNot:
        return Holds(clause.children[0]) == Has(Fault::kNotMeansNothing);
      case Clause::Kind::kSegment:
        return std::any_of(clause.segments.begin(), clause.segments.end(),
                           [&](const std::string& segment) { return InSegment(segment); });
      case Clause::Kind::kFlag:
        return Serves(clause.flag, clause.variations);
      case Clause::Kind::kNow:
        return std::all_of(clause.tests.begin(), clause.tests.end(),
                           [&](const Test& test) { return HoldsTime(test.op, now_ms_, *TimeOf(test.operands[0])); });
    }
    return false;
  }

  bool InSegment(const std::string& name) {
    const Segment& segment = all_.FindSegment(name)->definition;
    const std::string key = Key();
    const auto holds = [&](const std::vector<std::string>& list) {
      return !key.empty() && std::find(list.begin(), list.end(), key) != list.end();
    };
    if (Has(Fault::kIncludeBeatsExclude) && holds(segment.include)) return true;
    if (holds(segment.exclude)) return false;
    if (holds(segment.include)) return true;
    return segment.when && !Has(Fault::kSegmentIgnoresWhen) && Holds(*segment.when);
  }

  bool Serves(const std::string& name, const std::vector<std::string>& variations) {
    const FlagRecord* flag = all_.FindFlag(name);
    if (flag == nullptr) return false;
    const Outcome other = EvaluateFlag(*flag);
    exposures_ = other.exposures;
    if (other.reason == "DISABLED" && !Has(Fault::kDisabledFlagServesOff)) return false;
    return other.reason != "ERROR" && !other.variation.empty() &&
           std::find(variations.begin(), variations.end(), other.variation) != variations.end();
  }

  // --- flags ---

  // What it adds to exposures_ is in the outcome, after what was there.
  Outcome EvaluateFlag(const FlagRecord& record) {
    Outcome outcome = Decide(record);
    outcome.exposures = exposures_;
    if (outcome.variation.empty()) return outcome;
    outcome.value = record.definition.FindVariation(outcome.variation)->value;
    return outcome;
  }

  Outcome Decide(const FlagRecord& record) {
    const auto& flag = record.definition;
    const Targeting* targeting = flag.environments.empty() ? nullptr : &flag.environments[0];
    Outcome outcome;
    std::string off = targeting != nullptr ? targeting->off : flag.type == FlagType::kBoolean ? "off" : "";
    if (Has(Fault::kOffIsNull)) off = "";
    if (targeting == nullptr || !targeting->enabled) {
      outcome.reason = "DISABLED";
      outcome.variation = off;
      return outcome;
    }
    for (const Requirement& requirement : targeting->requirements) {
      if (IsMet(requirement)) continue;
      outcome.reason = "PREREQUISITE_FAILED";
      outcome.variation = off;
      return outcome;
    }
    const std::vector<const ExperimentRecord*> experiments = faults_.ActingOn(flag.key);
    if (!Has(Fault::kForceIsIgnored) && Forced(experiments, outcome)) return outcome;
    if (!Has(Fault::kTargetsAfterRules) && Targeted(*targeting, outcome)) return outcome;
    for (std::size_t i = Has(Fault::kSecondRuleWins) && targeting->rules.size() > 1; i < targeting->rules.size(); ++i) {
      if (Applies(record, targeting->rules[i], experiments, outcome)) return outcome;
    }
    if (Has(Fault::kTargetsAfterRules) && Targeted(*targeting, outcome)) return outcome;
    for (const ExperimentRecord* experiment : experiments) {
      if (!IsNamedByARule(*targeting, experiment->definition.key) && Takes(*experiment, outcome)) return outcome;
    }
    Default(record, *targeting, experiments, outcome);
    return outcome;
  }

  bool IsMet(const Requirement& requirement) {
    if (Has(Fault::kRequirementsAreIgnored)) return true;
    const FlagRecord* flag = all_.FindFlag(requirement.flag);
    if (flag == nullptr && Has(Fault::kMissingRequirementIsMet)) return true;
    if (flag != nullptr && Has(Fault::kDisabledRequirementIsMet) &&
        (flag->definition.environments.empty() || !flag->definition.environments[0].enabled)) {
      return true;
    }
    return Serves(requirement.flag, requirement.is);
  }

  bool Targeted(const Targeting& targeting, Outcome& outcome) const {
    const std::string key = Key();
    if (key.empty()) return false;
    for (const Targets& targets : targeting.targets) {
      if (std::find(targets.keys.begin(), targets.keys.end(), key) == targets.keys.end()) continue;
      outcome.reason = "TARGETING_MATCH";
      outcome.variation = targets.variation;
      return true;
    }
    return false;
  }

  bool Applies(const FlagRecord& record, const Rule& rule, const std::vector<const ExperimentRecord*>& experiments,
               Outcome& outcome) {
    if (rule.when && !Holds(*rule.when)) return false;
    if (const auto* named = std::get_if<ExperimentServe>(&rule.serve)) {
      for (const ExperimentRecord* experiment : experiments) {
        if (experiment->definition.key != named->experiment || !Takes(*experiment, outcome)) continue;
        outcome.rule = rule.id;
        return true;
      }
      return false;
    }
    const auto* fixed = std::get_if<FixedServe>(&rule.serve);
    outcome.reason = "TARGETING_MATCH";
    if (fixed != nullptr && !rule.rollout) {
      outcome.variation = fixed->variation;
      outcome.rule = rule.id;
      return true;
    }
    std::vector<ArmRanges> arms;
    const SplitState* state = StateOf(record, rule.id);
    if (fixed != nullptr) {
      arms = {{fixed->variation, {{0, 100'000}}}};
    } else {
      arms = state->arms;
    }
    const std::string salt = state != nullptr ? state->salt : record.definition.key;
    const std::string variation = Arm(salt, rule.by, arms, rule.rollout.value_or(100'000));
    if (variation.empty()) return false;
    outcome.reason = "SPLIT";
    outcome.variation = variation;
    outcome.rule = rule.id;
    return true;
  }

  static const SplitState* StateOf(const FlagRecord& record, const std::string& split) {
    const TargetingState* state = record.state.FindEnvironment(record.definition.environments[0].environment);
    if (state == nullptr) return nullptr;
    for (const SplitState& candidate : state->splits) {
      if (candidate.split == split) return &candidate;
    }
    return nullptr;
  }

  // The arm that holds the unit's bucket, among the first buckets of each; "" for a gap or no unit.
  std::string Arm(const std::string& salt, const std::string& by, const std::vector<ArmRanges>& arms,
                  std::uint32_t parts) const {
    const std::string unit = Unit(by);
    if (unit.empty()) return "";
    const std::uint32_t bucket = Bucket(salt, unit);
    if (Has(Fault::kRolloutTakesAll)) parts = 100'000;
    for (const ArmRanges& arm : arms) {
      std::vector<BucketRange> ranges = arm.ranges;
      if (Has(Fault::kRolloutTakesTheLastBuckets)) std::reverse(ranges.begin(), ranges.end());
      for (const BucketRange& range : FirstOf(ranges, parts)) {
        if (Within(range, bucket)) return arm.arm;
      }
    }
    return "";
  }

  bool Within(const BucketRange& range, std::uint32_t bucket) const {
    if (Has(Fault::kRangesIncludeTheEnd) && bucket == range.end) return true;
    return range.begin <= bucket && bucket < range.end;
  }

  void Default(const FlagRecord& record, const Targeting& targeting,
               const std::vector<const ExperimentRecord*>& experiments, Outcome& outcome) {
    const bool has_targets = std::any_of(targeting.targets.begin(), targeting.targets.end(),
                                         [](const Targets& targets) { return !targets.keys.empty(); });
    const bool has_running = std::any_of(
        experiments.begin(), experiments.end(),
        [](const ExperimentRecord* experiment) { return experiment->state.status == ExperimentStatus::kRunning; });
    const bool is_static = targeting.requirements.empty() && !has_targets && targeting.rules.empty() && !has_running;
    outcome.reason = is_static || Has(Fault::kDefaultIsAlwaysStatic) ? "STATIC" : "DEFAULT";
    if (!targeting.default_serve) return;
    const DefaultServe& serve = *targeting.default_serve;
    if (const auto* fixed = std::get_if<FixedServe>(&serve.serve)) {
      outcome.variation = fixed->variation;
      return;
    }
    const SplitState* state = StateOf(record, "default");
    outcome.reason = "ERROR";
    if (Unit(serve.by).empty()) {
      outcome.error = "TARGETING_KEY_MISSING";
      return;
    }
    outcome.reason = "SPLIT";
    outcome.variation = Arm(state->salt, serve.by, state->arms, 100'000);
  }

  // --- experiments ---

  static bool IsNamedByARule(const Targeting& targeting, const std::string& experiment) {
    return std::any_of(targeting.rules.begin(), targeting.rules.end(), [&](const Rule& rule) {
      const auto* named = std::get_if<ExperimentServe>(&rule.serve);
      return named != nullptr && named->experiment == experiment;
    });
  }

  void Assign(const Experiment& experiment, const std::string& variant, const std::string& reason,
              Outcome& outcome) const {
    for (const Variant& candidate : experiment.variants) {
      if (candidate.name == variant) outcome.variation = candidate.serves;
    }
    outcome.experiment = experiment.key;
    outcome.variant = variant;
    outcome.reason = reason;
  }

  bool Forced(const std::vector<const ExperimentRecord*>& experiments, Outcome& outcome) {
    for (const ExperimentRecord* record : experiments) {
      if (record->state.status == ExperimentStatus::kConcluded) continue;
      for (const ForcedVariant& forced : record->definition.force) {
        const bool all = std::all_of(forced.attributes.begin(), forced.attributes.end(), [&](const auto& wanted) {
          return Holds(Test{Operator::kIn, {wanted.second}}, Read(wanted.first), false);
        });
        if (!all) continue;
        Assign(record->definition, forced.variant, "TARGETING_MATCH", outcome);
        outcome.forced = true;
        exposures_.push_back({record->definition.key, forced.variant, "assigned", true});
        return true;
      }
    }
    return false;
  }

  bool Takes(const ExperimentRecord& record, Outcome& outcome) {
    const Experiment& experiment = record.definition;
    const ExperimentState& state = record.state;
    const bool running = state.status == ExperimentStatus::kRunning ||
                         (Has(Fault::kPausedRuns) && state.status == ExperimentStatus::kPaused);
    const bool concluded = state.status == ExperimentStatus::kConcluded && !Has(Fault::kHoldoutEndsWithTheExperiment);
    if (!running && !concluded) return false;
    if (experiment.audience && !Has(Fault::kAudienceIsIgnored) && !Holds(*experiment.audience)) return false;
    const std::string unit = Unit(experiment.unit);
    if (unit.empty()) return false;
    if (!Has(Fault::kHoldoutIsIgnored) && HeldOut(experiment, outcome)) return true;
    if (!running || !InLayer(experiment, state)) return false;
    std::uint32_t ramp = 100'000;
    if (!experiment.ramp.empty() && !Has(Fault::kRampIsIgnored)) {
      ramp = experiment.ramp[std::min(state.ramp_step, experiment.ramp.size() - 1)].at;
    }
    const std::string variant = Arm(state.salt, experiment.unit, state.arms, ramp);
    if (variant.empty()) return false;
    Assign(experiment, variant, "SPLIT", outcome);
    exposures_.push_back({experiment.key, variant, "assigned", false});
    return true;
  }

  bool HeldOut(const Experiment& experiment, Outcome& outcome) {
    if (experiment.holdout.empty()) return false;
    const HoldoutRecord& holdout = *all_.FindHoldout(experiment.holdout);
    if (holdout.definition.archived) return false;
    const std::string unit =
        Unit(Has(Fault::kHoldoutUsesTheExperimentsUnit) ? experiment.unit : holdout.definition.unit);
    if (unit.empty()) return false;
    const std::uint32_t bucket = Bucket(holdout.state.salt, unit);
    const std::uint32_t size = holdout.definition.size * (Has(Fault::kComparisonIsHeldOut) ? 2 : 1);
    if (bucket < size) {
      Assign(experiment, experiment.variants[0].name, "DEFAULT", outcome);
      exposures_.push_back({experiment.key, experiment.variants[0].name, "held_out", false});
      return true;
    }
    if (bucket < 2 * size) exposures_.push_back({experiment.key, "", "comparison", false});
    return false;
  }

  bool InLayer(const Experiment& experiment, const ExperimentState& state) const {
    if (!experiment.layer || Has(Fault::kLayerIsIgnored)) return true;
    const LayerRecord& layer = *all_.FindLayer(experiment.layer->layer);
    const std::string unit = Unit(layer.definition.unit);
    if (unit.empty()) return false;
    const std::uint32_t bucket = Bucket(Has(Fault::kLayerHasTheExperimentsSalt) ? state.salt : layer.state.salt, unit);
    return std::any_of(state.slots.begin(), state.slots.end(),
                       [&](const BucketRange& slot) { return Within(slot, bucket); });
  }

  const EntitySet& all_;
  const Faults faults_;
  const Value& context_;
  const std::int64_t now_ms_;
  const Fault fault_;
  std::vector<OutcomeExposure> exposures_;
};

constexpr std::array<std::string_view, static_cast<std::size_t>(Fault::kCount)> kFaultWords = {
    "nothing",
    "`in` takes prefixes",
    "`not_in` needs the attribute",
    "`starts_with` means equals",
    "`ends_with` means contains",
    "`contains` means starts_with",
    "`matches` is anchored",
    "`lt` includes equal",
    "`lte` excludes equal",
    "`gt` includes equal",
    "`gte` excludes equal",
    "`before` includes equal",
    "`after` includes equal",
    "`semver_eq` compares text",
    "`semver_lt` ignores the prerelease",
    "`semver_lte` excludes equal",
    "`semver_gt` includes equal",
    "`semver_gte` compares numbers as text",
    "`exists` looks into lists",
    "`in_cidr` compares text",
    "`ignore_case` is ignored",
    "numbers equal text",
    "1 and 1.0 differ",
    "only the first element of a list counts",
    "null is there",
    "a path beats a literal name",
    "`key` is an attribute",
    "all entries of a condition mean any",
    "`any` means all",
    "`not` means nothing",
    "now is 1970",
    "`include` beats `exclude`",
    "a segment ignores `when`",
    "a disabled flag serves `off` to conditions",
    "targets come after rules",
    "`requires` is ignored",
    "a missing requirement is met",
    "a disabled requirement is met",
    "the second rule wins",
    "the default is always STATIC",
    "`off` is null",
    "types are not checked",
    "a fraction reads as a whole number",
    "the hash has no separator",
    "the hash has a seed",
    "buckets are a modulo",
    "ranges include their end",
    "a rollout takes all",
    "a rollout takes the last ranges",
    "the unit is always the key",
    "numbers are no units",
    "no unit is the empty unit",
    "`qa.force` is ignored",
    "a paused experiment runs",
    "the audience is ignored",
    "the layer is ignored",
    "the layer uses the experiment's salt",
    "the holdout is ignored",
    "the holdout uses the experiment's unit",
    "the comparison group is held out",
    "the holdout ends with the experiment",
    "the ramp is ignored"};

}  // namespace

std::string_view ToString(Fault fault) {
  return kFaultWords[static_cast<std::size_t>(fault)];
}

ReferenceEnvironment::ReferenceEnvironment(const Snapshot& snapshot, const std::vector<Undecodable>& undecodable)
    : snapshot_(snapshot), undecodable_(undecodable) {
  const Faults faults(snapshot, undecodable);
  const auto judge = [&](const std::string& flag) {
    if (faults.IsBroken(flag)) broken_.insert(flag);
  };
  for (const FlagRecord& record : snapshot.entities.flags) judge(record.definition.key);
  for (const Undecodable& entity : undecodable) {
    if (entity.ref.kind == EntityKind::kFlag) judge(entity.ref.key);
  }
}

Outcome ReferenceEnvironment::Answer(const Question& question, Fault fault) const {
  return Reference(snapshot_, undecodable_, question, fault).Answer(question, broken_.count(question.flag) > 0);
}

}  // namespace guidon
