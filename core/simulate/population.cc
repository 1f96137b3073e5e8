#include "core/simulate/population.h"

#include <algorithm>
#include <cmath>
#include <string_view>
#include <utility>

#include "core/base/json.h"
#include "core/base/text.h"
#include "core/codec/reader.h"
#include "core/model/names.h"
#include "core/model/units.h"

namespace guidon {
namespace {

using codec::Fields;
using codec::Node;

constexpr std::size_t kMostAttributes = 100, kMostChoices = 1'000;
constexpr std::uint32_t kMostWeight = 1'000'000;
constexpr double kMostNumber = 1e15;
constexpr int kMostDecimals = 9;
constexpr int kMostNesting = 4;  // of `by` within `by`
constexpr std::string_view kNumber = "{n}";

// Rounded half away from zero, which is exact for these sizes on every machine, and to the next number within the ends
// where it would leave them.
double RoundedWithin(double number, int decimals, std::optional<double> least, std::optional<double> most) {
  double scale = 1;
  for (int i = 0; i < decimals; ++i) scale *= 10;
  const double rounded = std::round(number * scale);
  if (least && rounded / scale < *least) return (rounded + 1) / scale;
  if (most && rounded / scale > *most) return (rounded - 1) / scale;
  return rounded / scale;
}

// As many decimals as are wanted; whole numbers are such.
Value Rounded(double number, std::optional<int> decimals, std::optional<double> least, std::optional<double> most) {
  if (!decimals) return Value(number);
  const double rounded = RoundedWithin(number, *decimals, least, most);
  return *decimals == 0 ? Value(static_cast<std::int64_t>(rounded)) : Value(rounded);
}

// --- reading --------------------------------------------------------------------------------------------------------

class PopulationReader {
 public:
  Population Read(const Node& node) {
    Population population;
    Fields fields(node, "a population");
    fields.Required("population", population.units, [](const Node& n) { return codec::ReadCount(n, 1, kMostUnits); });
    fields.Optional("seed", population.seed,
                    [](const Node& n) { return codec::ReadCount(n, 0, std::uint64_t{1} << 53); });
    fields.Optional("key", population.key, ReadPattern);
    fields.Optional("attributes", population.attributes, [this](const Node& n) { return ReadAttributes(n); });
    fields.Finish();
    return population;
  }

 private:
  using Named = std::pair<std::string, AttributeSource>;

  std::vector<Named> ReadAttributes(const Node& node) {
    return codec::ReadMap(node, "attributes", kMostAttributes, [this](const Node& member) {
      std::string name(member.name());
      if (name == "key" || !IsAttributeName(name)) {
        member.Fault("bad_attribute", name == "key" ? "the key is said beside `attributes`, as `key`"
                                                    : "'" + name + "' cannot be the name of an attribute");
      }
      AttributeSource source = ReadSource(member, 0);
      known_.push_back(name);
      return Named{std::move(name), std::move(source)};
    });
  }

  AttributeSource ReadSource(const Node& node, int depth) {
    AttributeSource source;
    if (node.value().is_array()) {
      source.from = ReadEvenChoice(node);
    } else if (!node.value().is_object()) {
      source.from = codec::ReadScalar(node);
    } else {
      ReadFields(node, depth, source);
    }
    return source;
  }

  void ReadFields(const Node& node, int depth, AttributeSource& source) {
    Fields fields(node, "an attribute");
    fields.Optional("missing", source.missing, codec::ReadPercent);
    int ways = 0;
    const auto way = [&](std::string_view name, const auto& read) {
      ways +=
          fields.Optional(name, source.from, [&](const Node& n) -> decltype(source.from) { return read(n); }) ? 1 : 0;
    };
    way("value", codec::ReadScalar);
    way("one_of", ReadEvenChoice);
    way("weights", ReadWeights);
    way("share", ReadTrueShare);
    way("uniform", ReadUniform);
    way("normal", ReadNormal);
    way("unit", [](const Node& n) { return UnitText{ReadPattern(n), 1}; });
    way("by", [&](const Node& n) { return ReadBy(n, fields, depth); });
    if (ways != 1) {
      node.Fault(ways == 0 ? "missing_key" : "conflicting_keys",
                 ways == 0 ? "it does not say where its values come from"
                           : "it says more than once where its values come from",
                 "one of value, one_of, weights, share, uniform, normal, unit and by");
    }
    if (auto* unit = std::get_if<UnitText>(&source.from)) {
      fields.Optional("shared_by", unit->shared_by, [](const Node& n) { return codec::ReadCount(n, 1, kMostUnits); });
    }
    std::optional<int> decimals;
    if (fields.Optional("decimals", decimals,
                        [](const Node& n) { return static_cast<int>(codec::ReadCount(n, 0, kMostDecimals)); })) {
      if (auto* between = std::get_if<NumbersBetween>(&source.from))
        RoundTo(*decimals, node, *between);
      else if (auto* normal = std::get_if<NormalNumbers>(&source.from))
        RoundTo(*decimals, node, *normal);
      else
        node.Fault("conflicting_keys", "decimals go with uniform and normal");
    }
    fields.Finish();
  }

  // Whole numbers between broken ends are within them.
  static void RoundTo(int decimals, const Node& node, NumbersBetween& between) {
    between.decimals = decimals;
    if (decimals != 0) return CheckRange(decimals, node, between.least, between.most);
    between.least = std::ceil(between.least);
    between.most = std::floor(between.most);
    if (between.least > between.most) {
      node.Fault("bad_range", "there is no whole number in this range", "more decimals, or a wider range");
      between.most = between.least;
    }
  }

  static void RoundTo(int decimals, const Node& node, NormalNumbers& normal) {
    normal.decimals = decimals;
    if (normal.least && normal.most) CheckRange(decimals, node, *normal.least, *normal.most);
  }

  // Something has to be within it that has so many decimals.
  static void CheckRange(int decimals, const Node& node, double least, double most) {
    const double first = RoundedWithin(least, decimals, least, {});
    if (first > most) {
      node.Fault("bad_range",
                 "there is no number with " + Plural(static_cast<std::size_t>(decimals), "decimal") + " in this range",
                 "more decimals, or a wider range");
    }
  }

  static std::string ReadPattern(const Node& node) {
    std::string text = codec::ReadName(node);
    if (node.value().is_string() && text.find(kNumber) == std::string::npos) {
      node.Fault("bad_pattern", "it has no {n}, which is the number of the unit", "such as user-{n}");
    }
    return text;
  }

  static Choice ReadEvenChoice(const Node& node) {
    Choice choice;
    choice.values = codec::ReadList(node, "values", kMostChoices, codec::ReadScalar);
    if (node.value().is_array() && choice.values.empty()) node.Fault("empty_list", "there is nothing to choose from");
    choice.weights.assign(choice.values.size(), 1);
    choice.sum = choice.values.size();
    return choice;
  }

  // Whole numbers, or shares that add up to the whole.
  static Choice ReadWeights(const Node& node) {
    Choice choice;
    bool shares = false, numbers = false;
    codec::ReadMap(node, "weights", kMostChoices, [&](const Node& member) {
      const bool is_share = member.value().is_string();
      (is_share ? shares : numbers) = true;
      const std::uint32_t weight =
          is_share ? codec::ReadPercent(member) : static_cast<std::uint32_t>(codec::ReadCount(member, 0, kMostWeight));
      choice.values.emplace_back(member.name());
      choice.weights.push_back(weight);
      choice.sum += weight;
      return true;
    });
    if (shares && numbers) node.Fault("mixed_weights", "weights are either shares, as 20%, or numbers");
    if (shares && !numbers && choice.sum != kWhole) {
      node.Fault("weights_sum", "the weights add up to " + codec::FormatPercentOf(choice.sum) + ", not to 100%");
    }
    if (choice.sum == 0) node.Fault("weights_sum", "no value has a weight");
    return choice;
  }

  static Choice ReadTrueShare(const Node& node) {
    const std::uint32_t share = codec::ReadPercent(node);
    return {{Value(true), Value(false)}, {share, kWhole - std::min(share, kWhole)}, kWhole};
  }

  static double ReadSmallNumber(const Node& node) {
    const double number = codec::ReadNumber(node);
    if (std::abs(number) > kMostNumber) node.Fault("bad_number", "numbers go up to 1e15");
    return number;
  }

  static NumbersBetween ReadUniform(const Node& node) {
    NumbersBetween between;
    const std::vector<double> ends = codec::ReadList(node, "two numbers", 2, ReadSmallNumber);
    if (ends.size() != 2 || ends[0] > ends[1]) {
      if (node.value().is_array()) node.Fault("bad_range", "a range is the least and the most", "such as [18, 80]");
      return between;
    }
    between.least = ends[0];
    between.most = ends[1];
    if (std::trunc(ends[0]) == ends[0] && std::trunc(ends[1]) == ends[1] && node.value().AsArray()[0].is_int() &&
        node.value().AsArray()[1].is_int()) {
      between.decimals = 0;
    }
    return between;
  }

  static NormalNumbers ReadNormal(const Node& node) {
    NormalNumbers normal;
    Fields fields(node, "a normal distribution");
    fields.Required("mean", normal.mean, ReadSmallNumber);
    fields.Required("deviation", normal.deviation, ReadSmallNumber);
    fields.Optional("least", normal.least, ReadSmallNumber);
    fields.Optional("most", normal.most, ReadSmallNumber);
    fields.Finish();
    if (normal.deviation < 0) node.Fault("bad_number", "a deviation is not below 0");
    if (normal.least && normal.most && *normal.least > *normal.most) node.Fault("bad_range", "least is more than most");
    return normal;
  }

  ByAttribute ReadBy(const Node& node, Fields& fields, int depth) {
    ByAttribute by;
    by.attribute = codec::ReadAttribute(node);
    if (std::find(known_.begin(), known_.end(), by.attribute) == known_.end()) {
      node.Fault("unknown_attribute", "'" + by.attribute + "' is no attribute above this one",
                 DidYouMean(by.attribute, known_));
    }
    if (depth >= kMostNesting)
      node.Fault("too_deep", "`by` within `by` goes " + std::to_string(kMostNesting) + " deep");
    if (depth > kMostNesting) return by;
    fields.Required("cases", by.cases, [&](const Node& cases) {
      return codec::ReadMap(cases, "cases", kMostChoices, [&](const Node& member) {
        return std::pair(std::string(member.name()), std::make_unique<AttributeSource>(ReadSource(member, depth + 1)));
      });
    });
    fields.Optional("else", by.otherwise,
                    [&](const Node& other) { return std::make_unique<AttributeSource>(ReadSource(other, depth + 1)); });
    return by;
  }

  std::vector<std::string> known_;  // attributes that were read already
};

// --- drawing --------------------------------------------------------------------------------------------------------

constexpr std::uint64_t kGolden = 0x9e3779b97f4a7c15;

constexpr std::uint64_t Finalise(std::uint64_t word) {
  word = (word ^ (word >> 30)) * 0xbf58476d1ce4e5b9;
  word = (word ^ (word >> 27)) * 0x94d049bb133111eb;
  return word ^ (word >> 31);
}

std::uint64_t Fnv1a(std::string_view text) {
  std::uint64_t hash = 0xcbf29ce484222325;
  for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3;
  return hash;
}

class Draws {
 public:
  Draws(std::uint64_t seed, std::string_view attribute, std::uint64_t unit)
      : state_(Finalise(Finalise(seed ^ Fnv1a(attribute)) + unit)) {}

  std::uint64_t Next() { return Finalise(state_ += kGolden); }
  // 0 … count - 1; count up to 2^32.
  std::uint64_t Below(std::uint64_t count) { return (Next() >> 32) * count >> 32; }
  double Fraction() { return static_cast<double>(Next() >> 11) * 0x1p-53; }
  double Normal() {
    std::uint64_t sum = 0;
    for (int i = 0; i < 12; ++i) sum += Next() >> 32;
    return (static_cast<double>(sum) - 6 * 0x1p32) * 0x1p-32;  // exact: the sum is below 2^53
  }

 private:
  std::uint64_t state_;
};

std::string Numbered(const std::string& pattern, std::uint64_t number) {
  std::string text;
  std::size_t from = 0;
  for (std::size_t at; (at = pattern.find(kNumber, from)) != std::string::npos; from = at + kNumber.size()) {
    text.append(pattern, from, at - from).append(std::to_string(number));
  }
  return text.append(pattern, from);
}

std::string TextOf(const Value& value) {
  return value.is_string() ? value.AsString() : ToJson(value);
}

// The values of one unit, in the order of the attributes.
class Unit {
 public:
  Unit(const Population& population, std::uint64_t number) : population_(population), number_(number) {}

  Context Make() {
    Context context(Numbered(population_.key, number_));
    values_.reserve(population_.attributes.size());
    for (const auto& [name, source] : population_.attributes) {
      Draws draws(population_.seed, name, number_);
      values_.push_back(Of(source, draws));
      if (!values_.back().is_null()) context.Set(name, values_.back());
    }
    return context;
  }

 private:
  Value Of(const AttributeSource& source, Draws& draws) const {
    if (source.missing > 0 && draws.Below(kWhole) < source.missing) return {};
    return std::visit([&](const auto& from) { return From(from, draws); }, source.from);
  }

  static Value From(const Value& value, Draws&) { return value; }
  static Value From(const Choice& choice, Draws& draws) {
    std::uint64_t at = draws.Below(choice.sum);
    for (std::size_t i = 0; i < choice.values.size(); ++i) {
      if (at < choice.weights[i]) return choice.values[i];
      at -= choice.weights[i];
    }
    return {};  // not reached: the weights add up to the sum
  }
  static Value From(const NumbersBetween& between, Draws& draws) {
    const double width = between.most - between.least;
    if (between.decimals == 0 && width < 0x1p32) {
      const auto count = static_cast<std::uint64_t>(width) + 1;
      return Value(static_cast<std::int64_t>(between.least) + static_cast<std::int64_t>(draws.Below(count)));
    }
    // fma, for a compiler may or may not make one of a product and a sum, and they round otherwise.
    return Rounded(std::fma(width, draws.Fraction(), between.least), between.decimals, between.least, between.most);
  }
  static Value From(const NormalNumbers& normal, Draws& draws) {
    double number = std::fma(normal.deviation, draws.Normal(), normal.mean);
    if (normal.least) number = std::max(number, *normal.least);
    if (normal.most) number = std::min(number, *normal.most);
    return Rounded(number, normal.decimals, normal.least, normal.most);
  }
  Value From(const UnitText& unit, Draws&) const {
    return Value(Numbered(unit.pattern, (number_ - 1) / unit.shared_by + 1));
  }
  Value From(const ByAttribute& by, Draws& draws) const {
    const AttributeSource* source = by.otherwise.get();
    if (const Value* value = ValueOf(by.attribute); value != nullptr && !value->is_null()) {
      const std::string text = TextOf(*value);
      for (const auto& [name, of_case] : by.cases) {
        if (name == text) source = of_case.get();
      }
    }
    return source == nullptr ? Value() : Of(*source, draws);
  }
  const Value* ValueOf(const std::string& attribute) const {
    for (std::size_t i = 0; i < values_.size(); ++i) {
      if (population_.attributes[i].first == attribute) return &values_[i];
    }
    return nullptr;
  }

  const Population& population_;
  const std::uint64_t number_;
  std::vector<Value> values_;
};

}  // namespace

Result<Population> DecodePopulation(const Value& value) {
  PopulationReader reader;
  return codec::Decode("population", value, Strictness::kAuthored, [&](const Node& node) { return reader.Read(node); });
}

Context ContextOf(const Population& population, std::uint64_t number) {
  return Unit(population, number).Make();
}

}  // namespace guidon
