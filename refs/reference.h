// A place where code reads a flag.
//
// Thread safety: plain values.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include <guidon/value.h>

namespace guidon::refs {

enum class Language : std::uint8_t { kC, kCpp, kPython, kJavaScript, kTypeScript, kGo, kJava, kRust, kYaml };
inline constexpr Language kLanguages[] = {Language::kC,          Language::kCpp,        Language::kPython,
                                          Language::kJavaScript, Language::kTypeScript, Language::kGo,
                                          Language::kJava,       Language::kRust,       Language::kYaml};
std::string_view ToString(Language language);  // "c", "cpp", "python", "javascript", "typescript", "go", …

// By the ending of a file's name; nullopt: none that we know. A header (.h) is read as C++, which C is near enough to.
std::optional<Language> LanguageOf(std::string_view file);

// What the code wants the flag to be.
enum class Wanted : std::uint8_t { kUnknown, kBoolean, kString, kNumber, kJson };
std::string_view ToString(Wanted wanted);  // "unknown", "boolean", "string", "number", "json"

enum class How : std::uint8_t {
  kCall,      // a function of an SDK, of ours or of OpenFeature
  kHandle,    // guidon::Flag<bool>(client, "key", false), and its sisters in C
  kAccessor,  // a function of a header that `guidon generate cpp` has written
  kAlias,     // a function that the config names
  kEntry,     // an entry of YAML: `flagKey: key`
};
std::string_view ToString(How how);  // "call", "handle", "accessor", "alias", "entry"

struct Reference {
  std::string key;
  std::string file;  // as a person would open it from where the scan was run
  // Of the quote before the key, or of the accessor's name. Both count from 1; columns in characters (code points).
  int line = 0, column = 0;
  Wanted wanted = Wanted::kUnknown;
  std::optional<Value> fallback;  // in the code; only where it is a literal: a boolean, a text or a decimal number
  Language language = Language::kCpp;
  How how = How::kCall;
  std::string by;  // the function or the entry: "Bool", "getBooleanValue", "flags::checkout_layout"
  friend bool operator==(const Reference&, const Reference&) = default;
};

}  // namespace guidon::refs
