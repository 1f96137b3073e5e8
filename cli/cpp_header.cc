#include "cli/cpp_header.h"

#include <algorithm>
#include <cstdint>
#include <map>
#include <vector>

#include "core/base/json.h"
#include "core/model/units.h"

namespace guidon::cli {
namespace {

constexpr std::size_t kLine = 100;  // where comments are broken

// Of C++17 and C++20, and what compilers that are not told to be strict define as macros.
constexpr std::string_view kReserved[] = {
    "alignas",
    "alignof",
    "and",
    "and_eq",
    "asm",
    "auto",
    "bitand",
    "bitor",
    "bool",
    "break",
    "case",
    "catch",
    "char",
    "char16_t",
    "char32_t",
    "char8_t",
    "class",
    "co_await",
    "co_return",
    "co_yield",
    "compl",
    "concept",
    "const",
    "const_cast",
    "consteval",
    "constexpr",
    "constinit",
    "continue",
    "decltype",
    "default",
    "delete",
    "do",
    "double",
    "dynamic_cast",
    "else",
    "enum",
    "explicit",
    "export",
    "extern",
    "false",
    "float",
    "for",
    "friend",
    "goto",
    "if",
    "inline",
    "int",
    "linux",
    "long",
    "mutable",
    "namespace",
    "new",
    "noexcept",
    "not",
    "not_eq",
    "nullptr",
    "operator",
    "or",
    "or_eq",
    "private",
    "protected",
    "public",
    "register",
    "reinterpret_cast",
    "requires",
    "return",
    "short",
    "signed",
    "sizeof",
    "static",
    "static_assert",
    "static_cast",
    "struct",
    "switch",
    "template",
    "this",
    "thread_local",
    "throw",
    "true",
    "try",
    "typedef",
    "typeid",
    "typename",
    "union",
    "unix",
    "unsigned",
    "using",
    "virtual",
    "void",
    "volatile",
    "wchar_t",
    "while",
    "xor",
    "xor_eq",
    // Used by the accessors themselves.
    "Reader",
    "context",
    "fallback",
    "guidon",
    "reader",
    "std",
};

bool IsLetter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}
bool IsDigit(char c) {
  return c >= '0' && c <= '9';
}
char Upper(char c) {
  return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
}
bool IsReserved(std::string_view word) {
  return std::find(std::begin(kReserved), std::end(kReserved), word) != std::end(kReserved);
}

// "multi_step" -> "MultiStep"
std::string PascalName(std::string_view key) {
  std::string name;
  bool at_start = true;
  for (const char c : key) {
    if (!IsLetter(c) && !IsDigit(c)) {
      at_start = true;
      continue;
    }
    name.push_back(at_start ? Upper(c) : c);
    at_start = false;
  }
  return name;
}
std::string TypeName(std::string_view key) {
  const std::string name = PascalName(key);
  return IsDigit(name.front()) ? "Flag" + name : name;
}

bool IsNamespace(std::string_view text) {
  while (true) {
    const std::size_t end = text.find("::");
    const std::string_view part = text.substr(0, end);
    const bool is_identifier =
        !part.empty() && !IsDigit(part.front()) && !IsReserved(part) && part.find("__") == std::string_view::npos &&
        std::all_of(part.begin(), part.end(), [](char c) { return IsLetter(c) || IsDigit(c) || c == '_'; });
    if (!is_identifier) return false;
    if (end == std::string_view::npos) return true;
    text.remove_prefix(end + 2);
  }
}

// A string literal: keys, names and days hold nothing that would have to be escaped, texts of people may.
std::string Quoted(std::string_view text) {
  std::string quoted = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') quoted.push_back('\\');
    quoted.push_back(c);
  }
  return quoted + "\"";
}

// Appends `text` as comment lines, broken between words. A backslash at the end of a line would continue the comment
// on the next one, so it does not stay there.
void AppendComment(std::string& out, std::string_view text) {
  constexpr std::string_view kStart = "///";
  const auto append = [&](std::string line) {
    while (!line.empty() && (line.back() == ' ' || line.back() == '\\')) line.pop_back();
    out.append(kStart).append(line.empty() ? "" : " ").append(line).push_back('\n');
  };
  std::string line;
  const auto end_line = [&] {
    append(std::move(line));
    line.clear();
  };
  while (!text.empty()) {
    const std::size_t end = std::min(text.find_first_of(" \t\r\n"), text.size());
    const std::string_view word = text.substr(0, end);
    if (!line.empty() && line.size() + 1 + word.size() + kStart.size() + 1 > kLine) end_line();
    if (!word.empty()) line.append(line.empty() ? "" : " ").append(word);
    if (end == text.size()) break;
    if (text[end] == '\n') end_line();
    text.remove_prefix(end + 1);
  }
  if (!line.empty()) end_line();
}

// The variation that stands in when the flag cannot be evaluated: what every environment serves while the flag is not
// enabled, when they agree; else `off` of a boolean flag, and the first of others.
const Variation& SafeVariation(const FlagDefinition& flag) {
  const Variation* off = flag.type == FlagType::kBoolean ? flag.FindVariation("off") : nullptr;
  const Variation& otherwise = off == nullptr ? flag.variations.front() : *off;
  const Variation* safe = nullptr;
  for (const Targeting& targeting : flag.environments) {
    const Variation* served = flag.FindVariation(targeting.off);
    if (served == nullptr || (safe != nullptr && safe != served)) return otherwise;
    safe = served;
  }
  return safe == nullptr ? otherwise : *safe;
}

std::string WholeLiteral(std::int64_t number) {
  // The smallest one has no literal: its digits without the sign do not fit.
  if (number == INT64_MIN) return "-9223372036854775807 - 1";
  return std::to_string(number);
}

class Writer {
 public:
  Result<std::string> Write(const Definitions& definitions, const CppHeaderOptions& options) {
    if (!IsNamespace(options.name_space)) {
      return Fail(ErrorCode::kInvalid, "'" + options.name_space + "' is no name for a C++ namespace");
    }
    std::vector<const FlagDefinition*> flags;
    for (const FlagRecord& record : definitions.entities.flags) {
      if (!record.definition.archived) flags.push_back(&record.definition);
    }
    std::sort(flags.begin(), flags.end(), [](const auto* a, const auto* b) { return a->key < b->key; });
    out_ = "// The flags of project " + definitions.project.key +
           ", one typed accessor each.\n"
           "//\n"
           "// Written by `guidon generate cpp` from the workspace. Do not edit: change the workspace, and write it "
           "anew.\n"
           "// clang-format off\n"
           "#pragma once\n\n"
           "#include <guidon/client.h>\n\n"
           "#include <cstdint>\n"
           "#include <string_view>\n\n"
           "namespace " +
           options.name_space + " {\n";
    for (const FlagDefinition* flag : flags) {
      if (Status written = Append(*flag, options.today); !written) return Fail(written.error());
    }
    out_ += "\n}  // namespace " + options.name_space + "\n";
    return std::move(out_);
  }

 private:
  // Nobody else has this name yet.
  Status Take(const std::string& name, const std::string& whose) {
    const auto [held, is_new] = taken_.emplace(name, whose);
    if (is_new) return {};
    return Fail(ErrorCode::kInvalid, held->second + " and " + whose + " would both be '" + name +
                                         "' in C++: give one of them another key, or archive it");
  }

  Status Append(const FlagDefinition& flag, std::chrono::sys_days today) {
    const std::string function = AccessorName(flag.key);
    const std::string whose = "flag '" + flag.key + "'";
    if (Status taken = Take(function, whose); !taken) return taken;
    out_.push_back('\n');
    if (flag.type == FlagType::kString) {
      if (Status taken = Take(TypeName(flag.key), whose); !taken) return taken;
      if (Status written = AppendEnum(flag); !written) return written;
    }
    AppendDescription(flag);
    out_ += "template <typename Reader>\n";
    if (flag.expires && *flag.expires < today) {
      out_ += "[[deprecated(" + Quoted("flag " + flag.key + " expired on " + FormatDay(*flag.expires)) + ")]]\n";
    }
    AppendAccessor(flag, function);
    return {};
  }

  Status AppendEnum(const FlagDefinition& flag) {
    std::map<std::string, std::string> names;
    std::string enumerators, texts;
    for (const Variation& variation : flag.variations) {
      const std::string name = "k" + PascalName(variation.name);
      const auto [held, is_new] = names.emplace(name, variation.name);
      if (!is_new) {
        return Fail(ErrorCode::kInvalid, "flag '" + flag.key + "': the variations '" + held->second + "' and '" +
                                             variation.name + "' would both be '" + name + "' in C++: rename one");
      }
      enumerators += (enumerators.empty() ? "" : ", ") + name;
      texts += (texts.empty() ? "" : ", ") + Quoted(variation.name);
    }
    const std::string type = TypeName(flag.key);
    out_ += "/// The variations of `" + flag.key + "`.\n";
    out_ += "enum class " + type + " { " + enumerators + " };\n";
    out_ += "inline constexpr std::string_view k" + type + "Names[] = {" + texts + "};\n\n";
    return Take("k" + type + "Names", "flag '" + flag.key + "'");
  }

  void AppendDescription(const FlagDefinition& flag) {
    if (!flag.description.empty()) {
      AppendComment(out_, flag.description);
      out_ += "///\n";
    }
    std::string about = "Flag `" + flag.key + "`";
    if (!flag.owner.empty()) about += ", owner " + flag.owner;
    if (flag.expires) about += ", until " + FormatDay(*flag.expires);
    AppendComment(out_, about + ".");
  }

  void AppendAccessor(const FlagDefinition& flag, const std::string& function) {
    const std::string key = Quoted(flag.key);
    const auto append = [&](const std::string& type, const std::string& argument, const std::string& fallback,
                            const std::string& call) {
      const std::string begin = type + " " + function + "(";
      out_ += begin + "const Reader& reader, const guidon::Context& context,\n" + std::string(begin.size(), ' ') +
              argument + " fallback = " + fallback + ") noexcept {\n" + call + "\n}\n";
    };
    switch (flag.type) {
      case FlagType::kBoolean:
        return append("bool", "bool", SafeVariation(flag).value.AsBool() ? "true" : "false",
                      "  return reader.Bool(" + key + ", context, fallback);");
      case FlagType::kString: {
        const std::string type = TypeName(flag.key);
        return append(type, type, type + "::k" + PascalName(SafeVariation(flag).name),
                      "  const int index = reader.Variation(" + key + ", context, k" + type + "Names, " +
                          std::to_string(flag.variations.size()) + ",\n" +
                          "                                     static_cast<int>(fallback));\n" +
                          "  return static_cast<" + type + ">(index);");
      }
      case FlagType::kNumber: {
        const Value& safe = SafeVariation(flag).value;
        const bool whole = std::all_of(flag.variations.begin(), flag.variations.end(),
                                       [](const Variation& variation) { return variation.value.IsIntegral(); });
        if (whole) {
          return append("std::int64_t", "std::int64_t", WholeLiteral(safe.AsInt()),
                        "  return reader.Int(" + key + ", context, fallback);");
        }
        return append("double", "double", ToJson(Value(safe.AsDouble())),
                      "  return reader.Double(" + key + ", context, fallback);");
      }
      case FlagType::kJson:
        return append("guidon::Value", "const guidon::Value&", "guidon::Value()",
                      "  return reader.Json(" + key + ", context, fallback);");
    }
  }

  std::string out_;
  std::map<std::string, std::string> taken_;  // name -> whose
};

// The next line, without its end; `rest` loses it.
std::string_view NextLine(std::string_view& rest) {
  const std::size_t end = rest.find('\n');
  const std::string_view line = rest.substr(0, end);
  rest = end == std::string_view::npos ? std::string_view() : rest.substr(end + 1);
  return line;
}

std::string WithoutDeprecations(std::string_view text) {
  std::string kept;
  while (!text.empty()) {
    const std::string_view line = NextLine(text);
    if (!line.starts_with("[[deprecated(")) kept.append(line).push_back('\n');
  }
  return kept;
}

}  // namespace

std::string AccessorName(std::string_view key) {
  std::string name = IsDigit(key.front()) ? "flag_" : "";
  for (const char c : key) {
    const char next = IsLetter(c) || IsDigit(c) ? c : '_';
    if (next != '_' || (!name.empty() && name.back() != '_')) name.push_back(next);
  }
  if (name.back() == '_') name.pop_back();
  return IsReserved(name) ? name + "_" : name;
}

Result<std::string> CppHeader(const Definitions& definitions, const CppHeaderOptions& options) {
  return Writer().Write(definitions, options);
}

bool IsSameApartFromDeprecations(std::string_view a, std::string_view b) {
  return WithoutDeprecations(a) == WithoutDeprecations(b);
}

}  // namespace guidon::cli
