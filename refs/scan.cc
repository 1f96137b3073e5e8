#include "refs/scan.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>
#include <utility>

#include "core/model/names.h"
#include "refs/lexer.h"

namespace guidon::refs {
namespace {

constexpr std::size_t kNowhere = std::string_view::npos;
constexpr std::size_t kMostBack = 256;  // bytes of `<…>` between a name and its `(`

bool IsScript(Language language) {
  return language == Language::kJavaScript || language == Language::kTypeScript;
}
bool IsOfC(Language language) {
  return language == Language::kC || language == Language::kCpp;
}

// ---- Arguments -----------------------------------------------------------------------------------------------------

struct Argument {
  enum class Kind { kNone, kText, kBoolean, kNumber, kOther };
  Kind kind = Kind::kNone;
  std::string name;  // of Python: `default_value=False`
  std::string text;  // of a text what it says, of others as written
  bool is_plain = true;
  std::size_t at = 0;
};

struct Arguments {
  std::vector<Argument> list;
  std::size_t end = 0;  // behind the closing bracket
};

// Reads what stands between brackets. nullopt: it does not end within the bounds, or the argument `key` is no literal.
class ArgumentReader {
 public:
  ArgumentReader(std::string_view text, Language language, std::size_t key)
      : text_(text), language_(language), key_(key) {}

  // `open` is the opening bracket.
  std::optional<Arguments> Read(std::size_t open) {
    at_ = open + 1;
    limit_ = std::min(text_.size(), open + kMaxArgumentBytes);
    std::size_t depth = 0;
    while (at_ < limit_) {
      const char c = text_[at_];
      if (IsBlank(c)) {
        ++at_;
      } else if (c == ')' || c == ']' || c == '}') {
        if (depth == 0) return Finish(open);
        --depth, ++at_;
      } else if (c == '(' || c == '[' || c == '{') {
        if (!Other()) return std::nullopt;
        ++depth, ++at_;
      } else if (depth > 0) {
        Skip();
      } else if (c == ',') {
        if (!EndArgument()) return std::nullopt;
        ++at_;
      } else if (!ReadToken(c)) {
        return std::nullopt;
      }
    }
    return std::nullopt;
  }

 private:
  std::optional<Arguments> Finish(std::size_t open) {
    if (current_.kind != Argument::Kind::kNone && !EndArgument()) return std::nullopt;
    (void)open;
    return Arguments{std::move(list_), at_ + 1};
  }

  bool EndArgument() {
    if (list_.size() == kMaxArguments) return false;
    list_.push_back(std::exchange(current_, {}));
    return true;
  }

  // The argument is more than a literal.
  bool Other() {
    Begin(at_);
    current_.kind = Argument::Kind::kOther;
    return list_.size() != key_ || !current_.name.empty();
  }

  void Begin(std::size_t at) {
    if (current_.kind == Argument::Kind::kNone) current_.at = at;
  }

  void Skip() {
    const Span span = SpanAt(text_, at_, language_);
    at_ = span.kind == Span::Kind::kNone ? at_ + 1 : span.end;
  }

  bool ReadToken(char c) {
    if (const Span span = SpanAt(text_, at_, language_); span.kind != Span::Kind::kNone) {
      if (span.kind == Span::Kind::kComment) {
        at_ = span.end;
        return true;
      }
      if (span.kind != Span::Kind::kText) {
        const bool goes_on = Other();
        at_ = span.end;
        return goes_on;
      }
      return AddText(span, at_, true);
    }
    if (IsWordByte(c) || ((c == '-' || c == '.') && current_.kind == Argument::Kind::kNone)) return ReadWord();
    const bool goes_on = Other();
    ++at_;
    return goes_on;
  }

  bool AddText(const Span& span, std::size_t begin, bool is_plain) {
    const bool joins = current_.kind == Argument::Kind::kText && (IsOfC(language_) || language_ == Language::kPython);
    if (current_.kind != Argument::Kind::kNone && !joins) {
      at_ = begin;
      const bool goes_on = Other();
      at_ = span.end;
      return goes_on;
    }
    Begin(begin);
    current_.kind = Argument::Kind::kText;
    current_.text += span.body;
    current_.is_plain = current_.is_plain && span.is_plain && is_plain;
    at_ = span.end;
    // The suffix of a literal of C++: "key"sv.
    if (language_ == Language::kCpp) {
      while (at_ < limit_ && IsWordByte(text_[at_])) ++at_;
    }
    return true;
  }

  bool ReadWord() {
    const std::size_t begin = at_;
    ++at_;
    while (at_ < limit_ &&
           (IsWordByte(text_[at_]) || text_[at_] == '.' || (text_[at_] == '\'' && IsNumberFrom(begin)) ||
            ((text_[at_] == '-' || text_[at_] == '+') && IsExponent(begin)))) {
      ++at_;
    }
    const std::string_view word = text_.substr(begin, at_ - begin);
    if (at_ < limit_ && IsPrefix(word)) {
      if (const Span span = SpanAt(text_, at_, language_); span.kind == Span::Kind::kText) {
        return AddText(span, begin, word.find_first_of("fFtT") == kNowhere || language_ != Language::kPython);
      }
    }
    if (language_ == Language::kPython && current_.kind == Argument::Kind::kNone && TakeName(word)) return true;
    if (current_.kind != Argument::Kind::kNone) return Other();
    current_.at = begin;
    if (word == "true" || word == "false" || word == "True" || word == "False") {
      current_.kind = Argument::Kind::kBoolean;
    } else if (word.find_first_of("0123456789") == (word.front() == '-' || word.front() == '.' ? 1u : 0u)) {
      current_.kind = Argument::Kind::kNumber;
    } else {
      return Other();
    }
    current_.text = word;
    return list_.size() != key_ || !current_.name.empty();
  }

  bool IsNumberFrom(std::size_t begin) const { return text_[begin] >= '0' && text_[begin] <= '9'; }
  bool IsExponent(std::size_t begin) const {
    const char before = text_[at_ - 1];
    return (before == 'e' || before == 'E') && (IsNumberFrom(begin) || text_[begin] == '-' || text_[begin] == '.') &&
           text_.substr(begin, 2) != "0x";
  }

  // Of a text: u8"…", rb'…', r#"…"#.
  bool IsPrefix(std::string_view word) const {
    const char next = text_[at_];
    if (language_ == Language::kRust) {
      return (next == '"' || next == '#') &&
             (word == "r" || word == "b" || word == "br" || word == "c" || word == "cr");
    }
    if (language_ == Language::kPython) {
      return (next == '"' || next == '\'') && word.size() <= 2 && word.find_first_not_of("rRbBuUfFtT") == kNowhere;
    }
    if (!IsOfC(language_) || next != '"') return false;
    return word == "L" || word == "u8" || word == "u" || word == "U" || word == "R" || word == "LR" || word == "u8R" ||
           word == "uR" || word == "UR";
  }

  // `name=` of Python.
  bool TakeName(std::string_view word) {
    std::size_t i = at_;
    while (i < limit_ && IsBlank(text_[i])) ++i;
    if (i + 1 >= limit_ || text_[i] != '=' || text_[i + 1] == '=') return false;
    current_.name = word;
    at_ = i + 1;
    return true;
  }

  const std::string_view text_;
  const Language language_;
  const std::size_t key_;
  std::size_t at_ = 0, limit_ = 0;
  Argument current_;
  std::vector<Argument> list_;
};

// In C and C++ 0 and 1 are booleans where one is wanted.
Argument AsWanted(const Argument& argument, Wanted wanted, Language language) {
  Argument taken = argument;
  if (wanted != Wanted::kBoolean || !IsOfC(language) || argument.kind != Argument::Kind::kNumber) return taken;
  if (argument.text != "0" && argument.text != "1") return taken;
  taken.kind = Argument::Kind::kBoolean;
  taken.text = argument.text == "1" ? "true" : "false";
  return taken;
}

// What a literal says; nullopt: it is none, or not decimal.
std::optional<Value> ValueOf(const Argument& argument) {
  switch (argument.kind) {
    case Argument::Kind::kText:
      if (!argument.is_plain) return std::nullopt;
      return Value(argument.text);
    case Argument::Kind::kBoolean:
      return Value(argument.text == "true" || argument.text == "True");
    case Argument::Kind::kNumber: {
      std::string digits;
      for (const char c : argument.text) {
        if (c != '\'' && c != '_') digits.push_back(c);
      }
      while (!digits.empty() && std::string_view("uUlLfFdDn").find(digits.back()) != kNowhere) digits.pop_back();
      std::int64_t whole = 0;
      const char* end = digits.data() + digits.size();
      if (const auto [to, error] = std::from_chars(digits.data(), end, whole); error == std::errc() && to == end) {
        const std::size_t first = digits.find_first_not_of('-');
        // 017 is octal in C and decimal elsewhere.
        if (digits.size() - first > 1 && digits[first] == '0') return std::nullopt;
        return Value(whole);
      }
      double number = 0;
      if (const auto [to, error] = std::from_chars(digits.data(), end, number); error == std::errc() && to == end) {
        return Value(number);
      }
      return std::nullopt;
    }
    case Argument::Kind::kNone:
    case Argument::Kind::kOther:
      break;
  }
  return std::nullopt;
}

// A literal as which a flag of this type cannot be read.
bool IsOfAnotherType(const Argument& argument, Wanted wanted) {
  switch (argument.kind) {
    case Argument::Kind::kText:
      return wanted == Wanted::kBoolean || wanted == Wanted::kNumber;
    case Argument::Kind::kBoolean:
      return wanted == Wanted::kString || wanted == Wanted::kNumber;
    case Argument::Kind::kNumber:
      return wanted == Wanted::kString || wanted == Wanted::kBoolean;
    case Argument::Kind::kNone:
    case Argument::Kind::kOther:
      break;
  }
  return false;
}

// ---- Code ----------------------------------------------------------------------------------------------------------

// Bytes at which the scan has to look; it passes over the others.
using Stops = std::array<bool, 256>;
Stops StopsOf(Language language) {
  Stops stops{};
  const std::string_view all = language == Language::kPython ? "(\"'#"
                               : IsScript(language)          ? "(\"'/`{}"
                               : language == Language::kGo   ? "(\"'/`"
                               : IsOfC(language)             ? "(\"'/#<"
                               : language == Language::kRust ? "(\"'/#"
                                                             : "(\"'/";
  for (const char c : all) stops[static_cast<unsigned char>(c)] = true;
  return stops;
}

class Scanner {
 public:
  Scanner(std::string_view text, Language language, const CallTable& calls, const std::string& file,
          std::vector<Reference>& found)
      : text_(text), language_(language), calls_(calls), file_(file), found_(found) {}

  void Run() {
    const Stops stops = StopsOf(language_);
    for (std::size_t i = 0; i < text_.size();) {
      const char c = text_[i];
      if (!stops[static_cast<unsigned char>(c)]) {
        ++i;
        continue;
      }
      i = Stop(c, i);
    }
  }

 private:
  // Behind what stands at `i`.
  std::size_t Stop(char c, std::size_t i) {
    switch (c) {
      case '(':
        LookAtCall(i);
        return i + 1;
      case '<':
        LookAtHandle(i);
        return i + 1;
      case '#':
        if (IsOfC(language_)) return Directive(i);
        break;
      case '`':
        if (IsScript(language_)) return Template(i + 1);
        break;
      case '{':
        if (!templates_.empty()) ++templates_.back();
        return i + 1;
      case '}':
        if (templates_.empty()) return i + 1;
        if (templates_.back() > 0) {
          --templates_.back();
          return i + 1;
        }
        templates_.pop_back();
        return Template(i + 1);
      default:
        break;
    }
    const Span span = SpanAt(text_, i, language_);
    return span.kind == Span::Kind::kNone ? i + 1 : span.end;
  }

  // What is put into a template is code, up to its `}`.
  std::size_t Template(std::size_t from) {
    const TemplatePart part = TemplateFrom(text_, from);
    if (!part.is_open) return part.end;
    if (templates_.size() == kMaxNesting) return text_.size();
    templates_.push_back(0);
    return part.end;
  }

  // `#if 0` is left out up to its #else or #endif.
  std::size_t Directive(std::size_t at) const {
    if (!IsFirstInLine(at) || WordOfDirective(at) != "if") return at + 1;
    const std::size_t line_end = std::min(text_.find('\n', at), text_.size());
    std::string_view condition = text_.substr(at, line_end - at);
    condition.remove_prefix(condition.find("if") + 2);
    const std::size_t zero = condition.find_first_not_of(" \t\r");
    if (zero == kNowhere || condition[zero] != '0') return at + 1;
    const std::size_t behind = condition.find_first_not_of(" \t\r", zero + 1);
    if (behind != kNowhere && condition[behind] != '/') return at + 1;
    std::size_t depth = 0;
    for (std::size_t line = line_end; line < text_.size();) {
      const std::size_t begin = text_.find_first_not_of(" \t\r\n", line);
      if (begin == kNowhere) return text_.size();
      if (text_[begin] == '#') {
        const std::string_view word = WordOfDirective(begin);
        if (word.starts_with("if")) ++depth;
        if (depth == 0 && (word == "else" || word == "endif" || word.starts_with("elif"))) return begin + 1;
        if (word == "endif") --depth;
      }
      line = std::min(text_.find('\n', begin), text_.size());
    }
    return text_.size();
  }
  bool IsFirstInLine(std::size_t at) const {
    while (at > 0 && (text_[at - 1] == ' ' || text_[at - 1] == '\t')) --at;
    return at == 0 || text_[at - 1] == '\n';
  }
  std::string_view WordOfDirective(std::size_t hash) const {
    std::size_t begin = hash + 1;
    while (begin < text_.size() && (text_[begin] == ' ' || text_[begin] == '\t')) ++begin;
    std::size_t end = begin;
    while (end < text_.size() && IsWordByte(text_[end])) ++end;
    return text_.substr(begin, end - begin);
  }

  // ---- Calls

  std::size_t BlanksBefore(std::size_t end) const {
    while (end > 0 && IsBlank(text_[end - 1])) --end;
    return end;
  }

  // Of `name<…>(` and `name::<…>(` the end of the name.
  std::size_t WithoutTypes(std::size_t end) const {
    if (end == 0 || text_[end - 1] != '>' || language_ == Language::kC || language_ == Language::kPython ||
        language_ == Language::kGo) {
      return end;
    }
    int depth = 0;
    for (std::size_t i = end; i > 0 && end - i < kMostBack; --i) {
      const char c = text_[i - 1];
      if (c == '>') ++depth;
      if (c == ';' || c == '(') return end;
      if (c != '<' || --depth > 0) continue;
      i = BlanksBefore(i - 1);
      return i >= 2 && text_.substr(i - 2, 2) == "::" && language_ == Language::kRust ? i - 2 : i;
    }
    return end;
  }

  // What stands before a name: ".", "->", "::", or nothing of these; and where it begins.
  struct Joint {
    std::string_view sign;
    std::size_t begin = 0;
  };
  Joint JointBefore(std::size_t name) const {
    const std::size_t end = BlanksBefore(name);
    if (end >= 1 && text_[end - 1] == '.') {
      const bool is_optional = end >= 2 && text_[end - 2] == '?';
      return {".", end - (is_optional ? 2 : 1)};
    }
    if (end >= 2) {
      const std::string_view two = text_.substr(end - 2, 2);
      if (two == "->" || two == "::") return {two, end - 2};
    }
    return {"", end};
  }

  void LookAtCall(std::size_t open) {
    const std::size_t end = WithoutTypes(BlanksBefore(open));
    const std::string_view name = WordBefore(text_, end);
    const std::vector<std::size_t>& candidates = calls_.Find(name);
    if (candidates.empty()) return;
    const std::size_t begin = end - name.size();
    for (const std::size_t index : candidates) {
      const Call& call = calls_.at(index);
      if ((call.languages & BitOf(language_)) == 0) continue;
      if (call.is_generated ? LookAtAccessor(call, begin, open) : LookAt(call, begin, open)) return;
    }
  }

  bool HasReceiver(const Call& call, const Joint& joint) const {
    if (call.is_method && joint.sign != "." && joint.sign != "->") return false;
    if (call.receiver.empty()) return true;
    return !joint.sign.empty() && WordBefore(text_, BlanksBefore(joint.begin)) == call.receiver;
  }

  bool LookAt(const Call& call, std::size_t name, std::size_t open) {
    if (!HasReceiver(call, JointBefore(name))) return false;
    const std::optional<Arguments> read =
        ArgumentReader(text_, language_, static_cast<std::size_t>(call.key)).Read(open);
    return read && Take(call, call.name, *read, call.wanted);
  }

  static const Argument* Named(const Arguments& arguments, std::initializer_list<std::string_view> names) {
    for (const Argument& argument : arguments.list) {
      if (std::find(names.begin(), names.end(), argument.name) != names.end()) return &argument;
    }
    return nullptr;
  }
  static const Argument* At(const Arguments& arguments, int index) {
    if (index < 0 || static_cast<std::size_t>(index) >= arguments.list.size()) return nullptr;
    const Argument& argument = arguments.list[static_cast<std::size_t>(index)];
    return argument.name.empty() ? &argument : nullptr;
  }

  bool Take(const Call& call, const std::string& by, const Arguments& arguments, Wanted wanted) {
    if (arguments.list.size() < call.least || arguments.list.size() > call.most) return false;
    const Argument* key = At(arguments, call.key);
    if (key == nullptr) key = Named(arguments, {"flag_key", "key"});
    if (key == nullptr || key->kind != Argument::Kind::kText || !key->is_plain || !IsKey(key->text)) return false;
    std::optional<Arguments> chained;
    const Argument* fallback = nullptr;
    if (call.fallback == kLastArgument) {
      fallback = &arguments.list.back();
    } else if (call.fallback == kChainedArgument) {
      chained = Chained(arguments.end);
      if (chained) fallback = At(*chained, 0);
    } else if (call.fallback >= 0) {
      fallback = At(arguments, call.fallback);
      if (fallback == nullptr) fallback = Named(arguments, {"default_value", "default"});
    }
    const Argument taken = fallback == nullptr ? Argument() : AsWanted(*fallback, wanted, language_);
    const bool is_wrong = IsOfAnotherType(taken, wanted);
    if (call.is_common && (is_wrong || HasLiteralContext(call, arguments))) return false;
    Add(call, by, key->text, key->at, wanted,
        fallback == nullptr || fallback == key || is_wrong ? std::nullopt : ValueOf(taken));
    return true;
  }

  // A context is made by a program, and never a text, a number or a boolean.
  static bool HasLiteralContext(const Call& call, const Arguments& arguments) {
    const int context = call.key == 0 ? 1 : 0;
    if (call.key == 0 && call.least < 3) return false;
    const Argument* argument = At(arguments, context);
    return argument != nullptr && argument->kind != Argument::Kind::kOther;
  }

  // Rust: `.await.unwrap_or(false)` behind the call.
  std::optional<Arguments> Chained(std::size_t at) const {
    for (;;) {
      while (at < text_.size() && IsBlank(text_[at])) ++at;
      if (text_.substr(at, 2) == "//") {
        at = SpanAt(text_, at, language_).end;
      } else if (text_.substr(at, 1) == "?") {
        ++at;
      } else if (text_.substr(at, 6) == ".await") {
        at += 6;
      } else {
        break;
      }
    }
    constexpr std::string_view kUnwrap = ".unwrap_or(";
    if (text_.substr(at, kUnwrap.size()) != kUnwrap) return std::nullopt;
    return ArgumentReader(text_, language_, kMaxArguments).Read(at + kUnwrap.size() - 1);
  }

  // guidon::Flag<bool> name(client, "key", false), with or without a name, in either bracket.
  void LookAtHandle(std::size_t open) {
    if (WordBefore(text_, BlanksBefore(open)) != "Flag" || language_ != Language::kCpp) return;
    std::size_t i = open + 1;
    while (i < text_.size() && i - open < kMostBack && text_[i] != '>' && text_[i] != ';' && text_[i] != '(') ++i;
    if (i >= text_.size() || text_[i] != '>') return;
    const std::string_view type = text_.substr(open + 1, i - open - 1);
    while (i < text_.size() && (text_[i] == '>' || IsBlank(text_[i]))) ++i;
    while (i < text_.size() && IsWordByte(text_[i])) ++i;
    while (i < text_.size() && IsBlank(text_[i])) ++i;
    if (i >= text_.size() || (text_[i] != '(' && text_[i] != '{')) return;
    static const Call kHandle{
        .name = "Flag", .receiver = "", .how = How::kHandle, .key = 1, .fallback = 2, .least = 3, .most = 3};
    const std::optional<Arguments> read = ArgumentReader(text_, language_, 1).Read(i);
    if (!read) return;
    const auto has = [&](std::string_view word) { return type.find(word) != kNowhere; };
    const Wanted wanted = has("bool")                   ? Wanted::kBoolean
                          : has("string")               ? Wanted::kString
                          : has("int") || has("double") ? Wanted::kNumber
                          : has("Value")                ? Wanted::kJson
                                                        : Wanted::kUnknown;
    if (wanted != Wanted::kUnknown) Take(kHandle, "Flag", *read, wanted);
  }

  // ---- Accessors

  bool LookAtAccessor(const Call& call, std::size_t name, std::size_t open) {
    const Joint joint = JointBefore(name);
    if (joint.sign == "::") {
      const std::string_view word = WordBefore(text_, BlanksBefore(joint.begin));
      if (word != call.receiver && !IsAliasOf(word, call.receiver)) return false;
    } else if (!joint.sign.empty() || !IsUsing(call)) {
      return false;
    }
    const std::optional<Arguments> read = ArgumentReader(text_, language_, kMaxArguments).Read(open);
    if (!read || read->list.size() < call.least || read->list.size() > call.most) return false;
    const Argument* fallback = At(*read, call.fallback);
    const Argument taken = fallback == nullptr ? Argument() : AsWanted(*fallback, call.wanted, language_);
    Add(call, call.receiver + "::" + call.name, call.key_text, name, call.wanted,
        fallback == nullptr || IsOfAnotherType(taken, call.wanted) ? std::nullopt : ValueOf(taken));
    return true;
  }

  // `namespace f = shop::flags;`
  bool IsAliasOf(std::string_view word, const std::string& name_space) const {
    if (word.empty()) return false;
    const std::string before = "namespace " + std::string(word) + " = ";
    const std::size_t found = text_.find(before);
    if (found == kNowhere) return false;
    const std::size_t end = text_.find(';', found);
    return end != kNowhere && WordBefore(text_, end) == name_space;
  }
  // `using namespace shop::flags;` or `using shop::flags::checkout_layout;`
  bool IsUsing(const Call& call) const {
    const std::string named = call.receiver + "::" + call.name + ";";
    for (std::size_t at = text_.find("using "); at != kNowhere; at = text_.find("using ", at + 1)) {
      const std::size_t end = text_.find(';', at);
      if (end == kNowhere) return false;
      const std::string_view all = text_.substr(at, end - at + 1);
      if (all.ends_with(named)) return true;
      if (all.find("namespace") != kNowhere && WordBefore(text_, end) == call.receiver) return true;
    }
    return false;
  }

  void Add(const Call& call, const std::string& by, const std::string& key, std::size_t at, Wanted wanted,
           std::optional<Value> fallback) {
    Place(at);
    found_.push_back({key, file_, line_, column_, wanted, std::move(fallback), language_, call.how, by});
  }

  // Lines are counted from the last place on. A key may stand before one that was found: f(g("b"), "a").
  void Place(std::size_t at) {
    if (at < line_begin_) line_ = 1, line_begin_ = 0;
    for (std::size_t end = text_.find('\n', line_begin_); end < at; end = text_.find('\n', line_begin_)) {
      ++line_;
      line_begin_ = end + 1;
    }
    const std::string_view before = text_.substr(line_begin_, at - line_begin_);
    column_ = 1 + static_cast<int>(std::count_if(before.begin(), before.end(), [](char c) {
                return (static_cast<unsigned char>(c) & 0xc0) != 0x80;
              }));
  }

  const std::string_view text_;
  const Language language_;
  const CallTable& calls_;
  const std::string& file_;
  std::vector<Reference>& found_;
  std::vector<std::size_t> templates_;  // open braces in each template that is put into
  int line_ = 1, column_ = 1;
  std::size_t line_begin_ = 0;
};

// ---- YAML ----------------------------------------------------------------------------------------------------------

// Entries by their lines: block texts and comments are passed over, quotes are followed.
class YamlScanner {
 public:
  YamlScanner(std::string_view text, const std::string& file, std::vector<Reference>& found)
      : text_(text), file_(file), found_(found) {}

  void Run() {
    int number = 0;
    for (std::size_t begin = 0; begin < text_.size();) {
      const std::size_t end = std::min(text_.find('\n', begin), text_.size());
      ++number;
      Line(text_.substr(begin, end - begin), number);
      begin = end + 1;
    }
  }

 private:
  void Line(std::string_view line, int number) {
    const std::size_t indent = line.find_first_not_of(" \t\r");
    if (indent == kNowhere) return;
    if (quote_ == '\0' && block_ && indent > *block_) return;
    if (quote_ == '\0') block_.reset();
    bool may_begin = true;  // a key of an entry
    std::size_t entry = indent;
    for (std::size_t i = quote_ == '\0' ? indent : 0; i < line.size(); ++i) {
      const char c = line[i];
      if (quote_ != '\0') {
        if (c == '\\' && quote_ == '"') ++i;
        if (c == quote_) quote_ = '\0';
        continue;
      }
      if (c == '#' && (i == 0 || line[i - 1] == ' ' || line[i - 1] == '\t')) break;
      if ((c == '"' || c == '\'') && (may_begin || IsBlank(line[i - 1]) || line[i - 1] == '[')) {
        quote_ = c;
        may_begin = false;
      } else if (c == '{' || c == ',' || c == '[' ||
                 (c == '-' && may_begin && i + 1 < line.size() && line[i + 1] == ' ')) {
        may_begin = true;
        if (c == '-') entry = i + 2;
      } else if (may_begin && !IsBlank(c)) {
        may_begin = false;
        Entry(line, i, number);
      }
    }
    if (quote_ == '\0' && IsBlockBegin(line)) block_ = entry;
  }

  // `: |`, `- >-`
  static bool IsBlockBegin(std::string_view line) {
    if (const std::size_t comment = line.find(" #"); comment != kNowhere) line = line.substr(0, comment);
    while (!line.empty() && (IsBlank(line.back()) || line.back() == '-' || line.back() == '+' ||
                             (line.back() >= '1' && line.back() <= '9'))) {
      line.remove_suffix(1);
    }
    if (line.size() < 2 || (line.back() != '|' && line.back() != '>')) return false;
    line.remove_suffix(1);
    while (!line.empty() && line.back() == ' ') line.remove_suffix(1);
    return line.ends_with(':') || line.ends_with('-');
  }

  void Entry(std::string_view line, std::size_t at, int number) {
    for (const std::string_view name : kEntryNames) {
      if (line.substr(at, name.size()) != name) continue;
      std::size_t i = at + name.size();
      if (i + 1 >= line.size() || line[i] != ':' || !IsBlank(line[i + 1])) continue;
      i = line.find_first_not_of(" \t", i + 1);
      if (i == kNowhere) return;
      const std::size_t place = i;
      std::size_t end;
      if (line[i] == '"' || line[i] == '\'') {
        end = line.find(line[i], i + 1);
        ++i;
        if (end == kNowhere) return;
      } else {
        end = std::min(line.find_first_of(",}] \t\r", i), line.size());
      }
      const std::string key(line.substr(i, end - i));
      if (!IsKey(key)) return;
      const auto column = 1 + std::count_if(line.begin(), line.begin() + static_cast<std::ptrdiff_t>(place),
                                            [](char c) { return (static_cast<unsigned char>(c) & 0xc0) != 0x80; });
      found_.push_back({key, file_, number, static_cast<int>(column), Wanted::kUnknown, std::nullopt, Language::kYaml,
                        How::kEntry, std::string(name)});
      return;
    }
  }

  const std::string_view text_;
  const std::string& file_;
  std::vector<Reference>& found_;
  char quote_ = '\0';                 // of a text that goes on
  std::optional<std::size_t> block_;  // indent of the entry whose text stands in the lines below it
};

}  // namespace

void ScanText(std::string_view text, Language language, const CallTable& calls, const std::string& file,
              std::vector<Reference>& found) {
  if (language == Language::kYaml) return YamlScanner(text, file, found).Run();
  if (!calls.HasAccessors() && text.find_first_of("\"'`") == kNowhere) return;  // no literal, no key
  Scanner(text, language, calls, file, found).Run();
}

bool IsGenerated(std::string_view text) {
  constexpr std::size_t kHead = 512;
  return text.substr(0, kHead).find("// Written by `guidon generate cpp`") != kNowhere;
}

std::vector<Call> AccessorsOf(std::string_view header) {
  std::vector<Call> calls;
  if (!IsGenerated(header)) return calls;
  constexpr std::string_view kNamespace = "\nnamespace ", kReader = "(const Reader& reader,", kRead = "return reader.",
                             kIndex = "index = reader.";
  const std::size_t space = header.find(kNamespace);
  const std::size_t brace = header.find(" {", space == kNowhere ? header.size() : space);
  if (brace == kNowhere) return calls;
  const std::string name_space(WordBefore(header, brace));
  for (std::size_t at = header.find(kReader); at != kNowhere; at = header.find(kReader, at + 1)) {
    const std::size_t next = std::min(header.find(kReader, at + 1), header.size());
    const std::string_view body = header.substr(at, next - at);
    std::size_t read = body.find(kRead);
    std::size_t begin = read + kRead.size();
    if (read == kNowhere) {
      read = body.find(kIndex);
      begin = read + kIndex.size();
    }
    if (read == kNowhere) continue;
    const std::size_t open = body.find("(\"", begin);
    const std::size_t close = open == kNowhere ? open : body.find('"', open + 2);
    if (close == kNowhere) continue;
    const std::string_view method = body.substr(begin, open - begin);
    calls.push_back({.name = std::string(WordBefore(header, at)),
                     .receiver = name_space,
                     .wanted = method == "Bool"        ? Wanted::kBoolean
                               : method == "Variation" ? Wanted::kString
                               : method == "Json"      ? Wanted::kJson
                                                       : Wanted::kNumber,
                     .how = How::kAccessor,
                     .languages = BitOf(Language::kCpp),
                     .fallback = 2,
                     .least = 2,
                     .most = 3,
                     .is_generated = true,
                     .key_text = std::string(body.substr(open + 2, close - open - 2))});
  }
  return calls;
}

}  // namespace guidon::refs
