#include "refs/calls.h"

#include <utility>

namespace guidon::refs {
namespace {

constexpr std::uint16_t kC = BitOf(Language::kC), kCpp = BitOf(Language::kCpp), kPython = BitOf(Language::kPython),
                        kScript = BitOf(Language::kJavaScript) | BitOf(Language::kTypeScript),
                        kGo = BitOf(Language::kGo), kJava = BitOf(Language::kJava), kRust = BitOf(Language::kRust),
                        kCode = kAllLanguages & static_cast<std::uint16_t>(~BitOf(Language::kYaml));

struct Kind {
  std::string_view word;
  Wanted wanted;
};

void AddCpp(std::vector<Call>& calls) {
  const Kind kinds[] = {{"Bool", Wanted::kBoolean},
                        {"String", Wanted::kString},
                        {"Int", Wanted::kNumber},
                        {"Double", Wanted::kNumber},
                        {"Json", Wanted::kJson}};
  for (const auto& [word, wanted] : kinds) {
    for (const char* ending : {"", "Detail"}) {
      // The fallback is the last argument: a comma within `Make<A, B>()` counts as one between arguments.
      Call call{.name = std::string(word) + ending,
                .receiver = "",
                .wanted = wanted,
                .languages = kCpp,
                .fallback = kLastArgument,
                .least = 3,
                .is_method = true,
                .is_common = true};
      calls.push_back(call);
      call.receiver = "flags";  // a wrapper that knows the context: flags.Bool("key")
      call.fallback = kNoArgument;
      call.least = 1;
      call.most = 2;
      calls.push_back(call);
    }
  }
  calls.push_back({.name = "Variation",
                   .receiver = "",
                   .wanted = Wanted::kString,
                   .languages = kCpp,
                   .least = 5,
                   .is_method = true,
                   .is_common = true});
  // OpenFeature's C++ SDK.
  for (const auto& [word, wanted] :
       {Kind{"Boolean", Wanted::kBoolean}, Kind{"String", Wanted::kString}, Kind{"Integer", Wanted::kNumber},
        Kind{"Double", Wanted::kNumber}, Kind{"Object", Wanted::kJson}}) {
    for (const char* ending : {"Value", "Details"}) {
      calls.push_back({.name = "Get" + std::string(word) + ending,
                       .receiver = "",
                       .wanted = wanted,
                       .languages = kCpp,
                       .fallback = 1,
                       .least = 2,
                       .is_method = true});
    }
  }
}

// Functions of C, which other languages call by their own name.
void AddC(std::vector<Call>& calls) {
  const Kind kinds[] = {{"bool", Wanted::kBoolean},  {"string", Wanted::kString}, {"int", Wanted::kNumber},
                        {"double", Wanted::kNumber}, {"json", Wanted::kJson},     {"variation", Wanted::kString}};
  for (const auto& [word, wanted] : kinds) {
    // That of JSON is a text of it, and that of a variation an index: no values of the flag.
    const int fallback = word == "json" || word == "variation" ? kNoArgument : 3;
    for (const char* front : {"guidon_", "guidon_reader_"}) {
      for (const char* ending : {"", "_detail"}) {
        calls.push_back({.name = front + std::string(word) + ending,
                         .receiver = "",
                         .wanted = wanted,
                         .languages = kCode,
                         .key = 1,
                         .fallback = fallback,
                         .least = 4});
      }
    }
    calls.push_back({.name = "guidon_" + std::string(word) + "_flag_new",
                     .receiver = "",
                     .wanted = wanted,
                     .how = How::kHandle,
                     .languages = kCode,
                     .key = 1,
                     .fallback = 2,
                     .least = 3});
  }
}

void AddOpenFeature(std::vector<Call>& calls) {
  const Kind kinds[] = {{"Boolean", Wanted::kBoolean}, {"String", Wanted::kString}, {"Number", Wanted::kNumber},
                        {"Integer", Wanted::kNumber},  {"Double", Wanted::kNumber}, {"Object", Wanted::kJson}};
  for (const auto& [word, wanted] : kinds) {
    for (const char* ending : {"Value", "Details"}) {
      calls.push_back({.name = "get" + std::string(word) + ending,
                       .receiver = "",
                       .wanted = wanted,
                       .languages = kScript | kJava,
                       .fallback = 1,
                       .least = 2});
      calls.push_back({.name = "use" + std::string(word) + "Flag" + ending,
                       .receiver = "",
                       .wanted = wanted,
                       .languages = kScript,
                       .fallback = 1,
                       .least = 2});
    }
  }
  for (const char* hook : {"useFlag", "useSuspenseFlag"}) {
    calls.push_back({.name = hook, .receiver = "", .languages = kScript, .fallback = 1, .least = 2});
  }
  const Kind snakes[] = {{"boolean", Wanted::kBoolean}, {"bool", Wanted::kBoolean}, {"string", Wanted::kString},
                         {"integer", Wanted::kNumber},  {"int", Wanted::kNumber},   {"float", Wanted::kNumber},
                         {"object", Wanted::kJson},     {"struct", Wanted::kJson}};
  for (const auto& [word, wanted] : snakes) {
    for (const char* ending : {"_value", "_details", "_value_async", "_details_async"}) {
      const std::string name = "get_" + std::string(word) + ending;
      calls.push_back({.name = name, .receiver = "", .wanted = wanted, .languages = kPython, .fallback = 1});
      calls.push_back(
          {.name = name, .receiver = "", .wanted = wanted, .languages = kRust, .fallback = kChainedArgument});
    }
  }
  const Kind of_go[] = {{"Boolean", Wanted::kBoolean},
                        {"String", Wanted::kString},
                        {"Float", Wanted::kNumber},
                        {"Int", Wanted::kNumber},
                        {"Object", Wanted::kJson}};
  for (const auto& [word, wanted] : of_go) {
    for (const char* ending : {"Value", "ValueDetails", ""}) {
      calls.push_back({.name = std::string(word) + ending,
                       .receiver = "",
                       .wanted = wanted,
                       .languages = kGo,
                       .key = 1,
                       .fallback = 2,
                       .least = 4,
                       .is_method = true,
                       .is_common = true});
    }
  }
}

}  // namespace

std::string_view ToString(Language language) {
  constexpr std::array<std::string_view, 9> kWords = {"c",  "cpp",  "python", "javascript", "typescript",
                                                      "go", "java", "rust",   "yaml"};
  return kWords.at(static_cast<std::size_t>(language));
}

std::string_view ToString(Wanted wanted) {
  constexpr std::array<std::string_view, 5> kWords = {"unknown", "boolean", "string", "number", "json"};
  return kWords.at(static_cast<std::size_t>(wanted));
}

std::string_view ToString(How how) {
  constexpr std::array<std::string_view, 5> kWords = {"call", "handle", "accessor", "alias", "entry"};
  return kWords.at(static_cast<std::size_t>(how));
}

std::optional<Language> LanguageOf(std::string_view file) {
  static const std::unordered_map<std::string_view, Language> kEndings = {{"c", Language::kC},
                                                                          {"h", Language::kCpp},
                                                                          {"hh", Language::kCpp},
                                                                          {"hpp", Language::kCpp},
                                                                          {"hxx", Language::kCpp},
                                                                          {"h++", Language::kCpp},
                                                                          {"cc", Language::kCpp},
                                                                          {"cpp", Language::kCpp},
                                                                          {"cxx", Language::kCpp},
                                                                          {"c++", Language::kCpp},
                                                                          {"ipp", Language::kCpp},
                                                                          {"inl", Language::kCpp},
                                                                          {"tpp", Language::kCpp},
                                                                          {"ixx", Language::kCpp},
                                                                          {"cppm", Language::kCpp},
                                                                          {"py", Language::kPython},
                                                                          {"pyi", Language::kPython},
                                                                          {"js", Language::kJavaScript},
                                                                          {"mjs", Language::kJavaScript},
                                                                          {"cjs", Language::kJavaScript},
                                                                          {"jsx", Language::kJavaScript},
                                                                          {"ts", Language::kTypeScript},
                                                                          {"mts", Language::kTypeScript},
                                                                          {"cts", Language::kTypeScript},
                                                                          {"tsx", Language::kTypeScript},
                                                                          {"go", Language::kGo},
                                                                          {"java", Language::kJava},
                                                                          {"rs", Language::kRust},
                                                                          {"yaml", Language::kYaml},
                                                                          {"yml", Language::kYaml}};
  const std::size_t slash = file.rfind('/');
  const std::string_view name = slash == std::string_view::npos ? file : file.substr(slash + 1);
  const std::size_t dot = name.rfind('.');
  if (dot == std::string_view::npos) return std::nullopt;
  const auto found = kEndings.find(name.substr(dot + 1));
  if (found == kEndings.end()) return std::nullopt;
  return found->second;
}

std::vector<Call> KnownCalls() {
  std::vector<Call> calls;
  AddCpp(calls);
  AddC(calls);
  AddOpenFeature(calls);
  return calls;
}

CallTable::CallTable(std::vector<Call> calls) : calls_(std::move(calls)) {
  for (std::size_t i = 0; i < calls_.size(); ++i) {
    by_name_[calls_[i].name].push_back(i);
    filter_.set(SlotOf(calls_[i].name));
    has_accessors_ = has_accessors_ || calls_[i].is_generated;
  }
}

}  // namespace guidon::refs
