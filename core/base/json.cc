#include "core/base/json.h"

#include <simdjson.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <unordered_set>

namespace guidon {
namespace {

namespace dom = simdjson::dom;

Error SyntaxError(std::string_view code, std::string message, Path path = {}) {
  Issue issue;
  issue.code = code;
  issue.path = std::move(path);
  issue.message = std::move(message);
  return InvalidError("JSON", {std::move(issue)});
}

constexpr int kMostLevels = 1'000;  // simdjson's own bound is 1 024

// "line 3, column 14" of a byte offset; both count from 1, columns in bytes.
std::string Place(std::string_view text, std::size_t offset) {
  const std::string_view before = text.substr(0, std::min(offset, text.size()));
  const auto line = std::count(before.begin(), before.end(), '\n') + 1;
  const std::size_t line_start = before.rfind('\n') == std::string_view::npos ? 0 : before.rfind('\n') + 1;
  return "line " + std::to_string(line) + ", column " + std::to_string(before.size() - line_start + 1);
}

// The DOM parser does not say where a text went wrong; a second, slower reading does. Only runs on bad input, and goes
// `levels` deep at most: the text may be of brackets alone, and neither the stack nor simdjson has room for all of
// them.
template <typename T>
simdjson::error_code WalkOnDemand(T&& value, int levels) {
  if (levels < 0) return simdjson::DEPTH_ERROR;
  simdjson::ondemand::json_type type;
  if (auto error = value.type().get(type)) return error;
  switch (type) {
    case simdjson::ondemand::json_type::array: {
      simdjson::ondemand::array array;
      if (auto error = value.get_array().get(array)) return error;
      for (auto element : array) {
        simdjson::ondemand::value held;
        if (auto error = element.get(held)) return error;
        if (auto error = WalkOnDemand(held, levels - 1)) return error;
      }
      return simdjson::SUCCESS;
    }
    case simdjson::ondemand::json_type::object: {
      simdjson::ondemand::object object;
      if (auto error = value.get_object().get(object)) return error;
      for (auto field : object) {
        std::string_view key;
        if (auto error = field.unescaped_key().get(key)) return error;
        simdjson::ondemand::value held;
        if (auto error = field.value().get(held)) return error;
        if (auto error = WalkOnDemand(held, levels - 1)) return error;
      }
      return simdjson::SUCCESS;
    }
    case simdjson::ondemand::json_type::number:
      return value.get_number().error();
    case simdjson::ondemand::json_type::string:
      return value.get_string().error();
    case simdjson::ondemand::json_type::boolean:
      return value.get_bool().error();
    case simdjson::ondemand::json_type::null: {
      bool is_null = false;  // converting the result itself throws when the text is no null
      if (auto error = value.is_null().get(is_null)) return error;
      return is_null ? simdjson::SUCCESS : simdjson::N_ATOM_ERROR;
    }
  }
  return simdjson::SUCCESS;
}

std::string WhereItFails(std::string_view text, const JsonLimits& limits) {
  const simdjson::padded_string padded(text);
  simdjson::ondemand::parser parser;
  simdjson::ondemand::document document;
  if (parser.iterate(padded).get(document)) return "";
  simdjson::ondemand::value root;
  simdjson::error_code error = document.get_value().get(root);
  if (!error) error = WalkOnDemand(root, std::min(limits.max_depth, kMostLevels));
  const char* location = nullptr;
  if (document.current_location().get(location) || location == nullptr) return "";
  const char* begin = padded.data();
  if (location < begin || location > begin + text.size()) return "";
  return " at " + Place(text, static_cast<std::size_t>(location - begin));
}

Error FromSimdjson(simdjson::error_code error, std::string_view text, const JsonLimits& limits) {
  switch (error) {
    case simdjson::DEPTH_ERROR:
      return SyntaxError("json_depth", "nested deeper than " + std::to_string(limits.max_depth) + " levels");
    case simdjson::UTF8_ERROR:
      return SyntaxError("json_utf8", "the text is not valid UTF-8");
    case simdjson::NUMBER_ERROR:
      return SyntaxError("json_number", "a number is malformed, or too large to keep" + WhereItFails(text, limits));
    case simdjson::EMPTY:
      return SyntaxError("json_syntax", "the text is empty");
    case simdjson::UNCLOSED_STRING:
      return SyntaxError("json_syntax", "a text is not closed by '\"'");
    default:
      return SyntaxError("json_syntax", "not valid JSON" + WhereItFails(text, limits));
  }
}

// Objects with more members than this are checked for duplicates by a set instead of by looking at each pair.
constexpr std::size_t kManyMembers = 16;

class Builder {
 public:
  explicit Builder(int max_depth) : max_depth_(static_cast<std::size_t>(max_depth)) {}

  // Fills `out`; false leaves the reason in error().
  bool Build(const dom::element& element, Value& out) {
    switch (element.type()) {
      case dom::element_type::NULL_VALUE:
        out = nullptr;
        return true;
      case dom::element_type::BOOL:
        out = element.get_bool().value_unsafe();
        return true;
      case dom::element_type::INT64:
        out = element.get_int64().value_unsafe();
        return true;
      case dom::element_type::UINT64:
        return TooLarge();
      case dom::element_type::DOUBLE:
        out = element.get_double().value_unsafe();
        return true;
      case dom::element_type::STRING:
        out = element.get_string().value_unsafe();
        return true;
      case dom::element_type::ARRAY:
        return BuildArray(element.get_array().value_unsafe(), out);
      case dom::element_type::OBJECT:
        return BuildObject(element.get_object().value_unsafe(), out);
    }
    return false;
  }

  Error TakeError() { return std::move(error_); }

 private:
  bool TooLarge() {
    error_ = SyntaxError("json_number", "a whole number does not fit in 64 bits", CurrentPath());
    return false;
  }

  // simdjson does not count an empty array or object as a level; we do.
  bool Enter(std::variant<std::string_view, std::size_t> first_step) {
    if (steps_.size() == max_depth_) {
      error_ = SyntaxError("json_depth", "nested deeper than " + std::to_string(max_depth_) + " levels", CurrentPath());
      return false;
    }
    steps_.push_back(first_step);
    return true;
  }

  bool BuildArray(const dom::array& array, Value& out) {
    Array& elements = out.MutableArray();
    elements.reserve(array.size());
    if (!Enter(std::size_t{0})) return false;
    std::size_t index = 0;
    for (const dom::element child : array) {
      steps_.back() = index++;
      if (!Build(child, elements.emplace_back())) return false;
    }
    steps_.pop_back();
    return true;
  }

  bool BuildObject(const dom::object& object, Value& out) {
    Object& members = out.MutableObject();
    const bool many = object.size() > kManyMembers;
    std::unordered_set<std::string_view> names;
    if (!Enter(std::string_view())) return false;
    for (const dom::key_value_pair field : object) {
      steps_.back() = field.key;
      const bool duplicate = many ? !names.insert(field.key).second : members.Find(field.key) != nullptr;
      if (duplicate) {
        error_ =
            SyntaxError("json_duplicate_key", "the name '" + std::string(field.key) + "' occurs twice", CurrentPath());
        return false;
      }
      if (!Build(field.value, members.Append(field.key, nullptr))) return false;
    }
    steps_.pop_back();
    return true;
  }

  Path CurrentPath() const {
    Path path;
    for (const auto& step : steps_) {
      path = std::holds_alternative<std::size_t>(step) ? path.Index(std::get<std::size_t>(step))
                                                       : path.Key(std::get<std::string_view>(step));
    }
    return path;
  }

  const std::size_t max_depth_;
  std::vector<std::variant<std::string_view, std::size_t>> steps_;
  Error error_;
};

// The end of the value that starts at `pos` in valid JSON.
std::size_t EndOfValue(std::string_view text, std::size_t pos) {
  int depth = 0;
  do {
    const char c = text[pos];
    if (c == '"') {
      for (++pos; text[pos] != '"'; ++pos) {
        if (text[pos] == '\\') ++pos;
      }
      ++pos;
    } else if (c == '{' || c == '[') {
      ++depth;
      ++pos;
    } else if (c == '}' || c == ']') {
      --depth;
      ++pos;
    } else if (depth == 0) {
      while (pos < text.size() && std::string_view(" \t\r\n,}]").find(text[pos]) == std::string_view::npos) ++pos;
    } else {
      ++pos;
    }
  } while (depth > 0);
  return pos;
}

std::size_t SkipBlanks(std::string_view text, std::size_t pos) {
  while (pos < text.size() && std::string_view(" \t\r\n,:").find(text[pos]) != std::string_view::npos) ++pos;
  return pos;
}

void AppendNumber(std::string& out, double number) {
  if (!std::isfinite(number)) {
    out += "null";
    return;
  }
  char digits[32];
  const auto written = std::to_chars(digits, digits + sizeof digits, number);
  const std::string_view text(digits, static_cast<std::size_t>(written.ptr - digits));
  out += text;
  // 1e+22 and 0.5 read back as doubles; 3 would read back as an int.
  if (text.find_first_of(".e") == std::string_view::npos) out += ".0";
}

void AppendPretty(std::string& out, const Value& value, int level) {
  const auto new_line = [&](int to) { out.append("\n").append(static_cast<std::size_t>(2 * to), ' '); };
  bool first = true;
  if (value.is_array() && !value.AsArray().empty()) {
    out += '[';
    for (const Value& element : value.AsArray()) {
      if (!std::exchange(first, false)) out += ',';
      new_line(level + 1);
      AppendPretty(out, element, level + 1);
    }
    new_line(level);
    out += ']';
  } else if (value.is_object() && !value.AsObject().empty()) {
    out += '{';
    for (const Member& member : value.AsObject()) {
      if (!std::exchange(first, false)) out += ',';
      new_line(level + 1);
      AppendJsonString(out, member.name);
      out += ": ";
      AppendPretty(out, member.value, level + 1);
    }
    new_line(level);
    out += '}';
  } else {
    AppendJson(out, value);
  }
}

}  // namespace

Result<Value> ParseJson(std::string_view text, const JsonLimits& limits) {
  if (text.size() > limits.max_bytes) {
    return Fail(ErrorCode::kTooLarge, "JSON of " + std::to_string(text.size()) + " bytes; at most " +
                                          std::to_string(limits.max_bytes) + " are read");
  }
  dom::parser parser;
  // simdjson counts the scalar inside the innermost array as a level of its own.
  const auto depth = static_cast<std::size_t>(limits.max_depth) + 1;
  if (auto error = parser.allocate(std::max<std::size_t>(text.size(), 64), depth)) {
    return Fail(FromSimdjson(error, text, limits));
  }
  dom::element root;
  if (auto error = parser.parse(text.data(), text.size()).get(root)) return Fail(FromSimdjson(error, text, limits));
  Value value;
  Builder builder(limits.max_depth);
  if (!builder.Build(root, value)) return Fail(builder.TakeError());
  return value;
}

std::string_view RawMember(std::string_view text, std::string_view name) {
  std::size_t pos = SkipBlanks(text, 0);
  if (pos >= text.size() || text[pos] != '{') return {};
  std::string quoted;
  AppendJsonString(quoted, name);
  for (pos = SkipBlanks(text, pos + 1); pos < text.size() && text[pos] == '"'; pos = SkipBlanks(text, pos)) {
    const std::size_t name_end = EndOfValue(text, pos);
    const bool found = text.substr(pos, name_end - pos) == quoted;
    pos = SkipBlanks(text, name_end);
    const std::size_t end = EndOfValue(text, pos);
    if (found) return text.substr(pos, end - pos);
    pos = end;
  }
  return {};
}

std::vector<std::string_view> RawElements(std::string_view text) {
  std::vector<std::string_view> elements;
  std::size_t pos = SkipBlanks(text, 0);
  if (pos >= text.size() || text[pos] != '[') return elements;
  for (pos = SkipBlanks(text, pos + 1); pos < text.size() && text[pos] != ']'; pos = SkipBlanks(text, pos)) {
    const std::size_t end = EndOfValue(text, pos);
    elements.push_back(text.substr(pos, end - pos));
    pos = end;
  }
  return elements;
}

bool IsValidUtf8(std::string_view text) {
  return simdjson::validate_utf8(text.data(), text.size());
}

std::string Shortened(std::string_view text, std::size_t most) {
  if (text.size() <= most) return std::string(text);
  std::size_t end = most;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0) == 0x80) --end;
  return std::string(text.substr(0, end)) + "…";
}

void AppendJsonString(std::string& out, std::string_view text) {
  static constexpr char kHex[] = "0123456789abcdef";
  out += '"';
  std::size_t plain = 0;  // start of the run that needs no escaping
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto c = static_cast<unsigned char>(text[i]);
    if (c >= 0x20 && c != '"' && c != '\\') continue;
    out.append(text, plain, i - plain);
    plain = i + 1;
    switch (c) {
      case '"':
        out += "\\\"";
        break;
      case '\\':
        out += "\\\\";
        break;
      case '\n':
        out += "\\n";
        break;
      case '\r':
        out += "\\r";
        break;
      case '\t':
        out += "\\t";
        break;
      default:
        out.append("\\u00").append(1, kHex[c >> 4]).append(1, kHex[c & 15]);
    }
  }
  out.append(text, plain).append(1, '"');
}

void AppendJson(std::string& out, const Value& value) {
  switch (value.kind()) {
    case Value::Kind::kNull:
      out += "null";
      return;
    case Value::Kind::kBool:
      out += value.AsBool() ? "true" : "false";
      return;
    case Value::Kind::kInt:
      out += std::to_string(value.AsInt());
      return;
    case Value::Kind::kDouble:
      AppendNumber(out, value.AsDouble());
      return;
    case Value::Kind::kString:
      AppendJsonString(out, value.AsString());
      return;
    case Value::Kind::kArray: {
      char separator = '[';
      for (const Value& element : value.AsArray()) {
        out += separator;
        AppendJson(out, element);
        separator = ',';
      }
      out += separator == '[' ? "[]" : "]";
      return;
    }
    case Value::Kind::kObject: {
      char separator = '{';
      for (const Member& member : value.AsObject()) {
        out += separator;
        AppendJsonString(out, member.name);
        out += ':';
        AppendJson(out, member.value);
        separator = ',';
      }
      out += separator == '{' ? "{}" : "}";
      return;
    }
  }
}

std::string ToJson(const Value& value) {
  std::string out;
  AppendJson(out, value);
  return out;
}

std::string ToPrettyJson(const Value& value) {
  std::string out;
  AppendPretty(out, value, 0);
  out += '\n';
  return out;
}

}  // namespace guidon
