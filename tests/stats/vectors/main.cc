// stats_vectors --cases FILE: holds the statistics against reference values of other implementations.
//
// Prints a line for each miss - the case, the family, the field, what was expected, what came out, what difference is
// allowed - and last "passed 281 of 281", counted in cases. Exits with 0 when all passed, 1 when some did not, 2 when
// the file cannot be read. tests/vectors/statistics/README.md has the format.
#include <cmath>
#include <fstream>
#include <iostream>
#include <sstream>
#include <string>
#include <string_view>

#include "core/base/json.h"
#include "tests/stats/vectors/registry.h"

namespace guidon::stats::vectors {
namespace {

struct Tolerance {
  double rel = 0;
  double abs = 0;
};

// A case and all that does not hold of it, as lines.
class Check {
 public:
  Check(const Value& source, Case c) : source_(source), case_(std::move(c)) {}

  std::vector<std::string> Run(const Registry& registry) {
    try {
      const FamilyFunction* function = registry.Find(case_.family);
      if (function == nullptr) throw MalformedCase("the family is not known");
      Compare((*function)(case_));
    } catch (const MalformedCase& fault) {
      Miss("-", fault.what());
    }
    return std::move(misses_);
  }

 private:
  void Compare(const Outputs& outputs) {
    const Value& expected = Need(source_, "expected");
    const Value* status = expected.Find("status");
    if (status != nullptr && status->AsString() == "error") return CompareError(expected, outputs);
    if (!outputs) return Miss("status", "got the error " + Describe(outputs.error()));
    for (const Member& field : expected.AsObject()) {
      const Value* got = outputs->Find(field.name);
      if (got != nullptr) {
        CompareField(field.name, field.value, *got);
      } else if (!field.value.is_null()) {
        Miss(field.name, "expected " + ToJson(field.value) + ", got nothing");
      }
    }
  }

  void CompareError(const Value& expected, const Outputs& outputs) {
    if (outputs) return Miss("status", "expected an error, got " + ToJson(*outputs));
    const std::string got(ToString(outputs.error().code));
    bool accepted = false;
    if (const Value* code = expected.Find("code")) accepted = code->AsString() == got;
    if (const Value* any = expected.Find("code_any_of")) {
      for (const Value& code : any->AsArray()) accepted = accepted || code.AsString() == got;
    }
    if (!accepted) Miss("code", "expected " + ToJson(expected) + ", got the error " + Describe(outputs.error()));
  }

  void CompareField(const std::string& name, const Value& expected, const Value& got) {
    if (!expected.is_array()) return CompareNumber(name, name, expected, got);
    if (!got.is_array() || got.AsArray().size() != expected.AsArray().size()) {
      return Miss(name, "expected " + ToJson(expected) + ", got " + ToJson(got));
    }
    for (std::size_t i = 0; i < expected.AsArray().size(); ++i) {
      CompareNumber(name, name + "[" + std::to_string(i) + "]", expected.AsArray()[i], got.AsArray()[i]);
    }
  }

  // What is not defined may be null on one side and 0 on the other.
  void CompareNumber(const std::string& field, const std::string& place, const Value& expected, const Value& got) {
    if (expected.is_bool() || got.is_bool()) {
      if (!(expected == got)) Miss(place, "expected " + ToJson(expected) + ", got " + ToJson(got));
      return;
    }
    const bool undefined = expected.is_null() || got.is_null();
    const double want = expected.is_null() ? 0 : AsNumber(expected);
    const double have = got.is_null() ? 0 : AsNumber(got);
    const Tolerance tolerance = ToleranceOf(field);
    const double allowed = std::isfinite(want) ? tolerance.abs + tolerance.rel * std::abs(want) : 0;
    const bool close = undefined ? want == 0 && have == 0 : want == have || std::abs(have - want) <= allowed;
    if (close) return;
    Miss(place, "expected " + Shown(expected, want) + ", got " + Shown(got, have) + ", allowed " + ToJson(allowed));
  }

  Tolerance ToleranceOf(const std::string& field) const {
    const Value& all = Need(source_, "tolerance");
    const Value* own = all.Find(field);
    const Value& tolerance = own != nullptr ? *own : Need(all, "default");
    return {NumberOr(tolerance, "rel", 0), NumberOr(tolerance, "abs", 0)};
  }

  static double AsNumber(const Value& value) { return Numbers(Array{value}).front(); }
  static std::string Shown(const Value& value, double number) {
    if (value.is_null()) return "null";
    if (std::isfinite(number)) return ToJson(value);
    return std::isnan(number) ? "nan" : number > 0 ? "inf" : "-inf";
  }
  static std::string Describe(const StatsError& error) {
    return std::string(ToString(error.code)) + " (" + error.message + ")";
  }

  void Miss(const std::string& field, const std::string& what) {
    misses_.push_back(case_.id + " " + case_.family + " " + field + ": " + what);
  }

  const Value& source_;
  const Case case_;
  std::vector<std::string> misses_;
};

Case ReadCase(const Value& source) {
  return {Text(source, "id"), Text(source, "family"), Text(source, "method"), Need(source, "inputs"),
          Need(source, "params")};
}

int Fail(const std::string& what) {
  std::cerr << "stats_vectors: " << what << "\n";
  return 2;
}

int RunFile(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  if (!file || !(text << file.rdbuf())) return Fail("cannot read " + path);
  const Result<Value> document = ParseJson(text.str());
  if (!document) return Fail(path + ": " + document.error().message);
  const Value* cases = document->Find("cases");
  if (cases == nullptr || !cases->is_array()) return Fail(path + ": there is no list 'cases'");

  Registry registry;
  AddFixedFamilies(registry);
  AddSequentialFamilies(registry);
  std::size_t passed = 0;
  for (std::size_t i = 0; i < cases->AsArray().size(); ++i) {
    const Value& source = cases->AsArray()[i];
    std::vector<std::string> misses;
    try {
      misses = Check(source, ReadCase(source)).Run(registry);
    } catch (const MalformedCase& fault) {
      return Fail(path + ": cases[" + std::to_string(i) + "]: " + fault.what());
    }
    for (const std::string& miss : misses) std::cout << miss << "\n";
    passed += misses.empty() ? 1 : 0;
  }
  std::cout << "passed " << passed << " of " << cases->AsArray().size() << "\n";
  return passed == cases->AsArray().size() ? 0 : 1;
}

}  // namespace
}  // namespace guidon::stats::vectors

int main(int argc, char** argv) {
  if (argc != 3 || std::string_view(argv[1]) != "--cases") {
    std::cerr << "usage: stats_vectors --cases FILE\n";
    return 2;
  }
  return guidon::stats::vectors::RunFile(argv[2]);
}
