#include "core/base/json.h"

#include <simdjson.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <optional>
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
  using Step = std::variant<std::string_view, std::size_t>;

  // `above`: the way from the root to what is built.
  explicit Builder(int max_depth, std::vector<Step> above = {})
      : max_depth_(static_cast<std::size_t>(max_depth)), steps_(std::move(above)) {}

  // Members `part` of the elements of the root's member `list` will be null.
  void LeaveOut(std::string_view list, std::string_view part) {
    list_ = list;
    part_ = part;
  }

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
  bool Enter(Step first_step) {
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
    members.Reserve(object.size());
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
      Value& member = members.Append(field.key, nullptr);
      if (!IsLeftOut() && !Build(field.value, member)) return false;
    }
    steps_.pop_back();
    return true;
  }

  bool IsLeftOut() const {
    return steps_.size() == 3 && steps_[2] == Step(part_) && steps_[0] == Step(list_) && !part_.empty();
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
  std::vector<Step> steps_;
  std::string_view list_, part_;
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

// To the next thing that is one: also past what stands between two.
std::size_t SkipBlanks(std::string_view text, std::size_t pos) {
  while (pos < text.size() && std::string_view(" \t\r\n,:").find(text[pos]) != std::string_view::npos) ++pos;
  return pos;
}

std::string Quoted(std::string_view name) {
  std::string quoted;
  AppendJsonString(quoted, name);
  return quoted;
}

// Goes through the object that starts at `pos` in valid JSON, member by member, and answers where it ends. visit(name,
// pos) is given the name as it stands there, with its quotes, and where the value starts, and answers where that ends.
template <typename Visit>
std::size_t VisitMembers(std::string_view text, std::size_t pos, const Visit& visit) {
  for (pos = SkipBlanks(text, pos + 1); text[pos] != '}'; pos = SkipBlanks(text, pos)) {
    const std::size_t name_end = EndOfValue(text, pos);
    pos = visit(text.substr(pos, name_end - pos), SkipBlanks(text, name_end));
  }
  return pos + 1;
}

// The same for the elements of an array: visit(pos).
template <typename Visit>
std::size_t VisitElements(std::string_view text, std::size_t pos, const Visit& visit) {
  for (pos = SkipBlanks(text, pos + 1); text[pos] != ']'; pos = SkipBlanks(text, pos)) pos = visit(pos);
  return pos + 1;
}

// See JsonParts::Text; of valid JSON, in one reading.
std::vector<std::string_view> RawParts(std::string_view text, std::string_view list, std::string_view part) {
  std::vector<std::string_view> parts;
  const std::string list_name = Quoted(list), part_name = Quoted(part);
  const auto visit_element = [&](std::size_t at) {
    std::string_view& found = parts.emplace_back();
    if (text[at] != '{') return EndOfValue(text, at);
    return VisitMembers(text, at, [&](std::string_view name, std::size_t value) {
      const std::size_t end = EndOfValue(text, value);
      if (name == part_name) found = text.substr(value, end - value);
      return end;
    });
  };
  const std::size_t begin = SkipBlanks(text, 0);
  if (text[begin] != '{') return parts;
  VisitMembers(text, begin, [&](std::string_view name, std::size_t value) {
    const bool is_list = name == list_name && text[value] == '[';
    return is_list ? VisitElements(text, value, visit_element) : EndOfValue(text, value);
  });
  return parts;
}

// `room`: for a text of so many bytes; not less than this one has, and always the same for a parser that is kept.
Result<dom::element> ParseWith(dom::parser& parser, std::string_view text, const JsonLimits& limits, std::size_t room) {
  if (text.size() > limits.max_bytes) {
    return Fail(ErrorCode::kTooLarge, "JSON of " + std::to_string(text.size()) + " bytes; at most " +
                                          std::to_string(limits.max_bytes) + " are read");
  }
  // simdjson counts the scalar inside the innermost array as a level of its own.
  const auto depth = static_cast<std::size_t>(limits.max_depth) + 1;
  room = std::max<std::size_t>(room, 64);
  if (parser.capacity() != room || parser.max_depth() != depth) {
    if (auto error = parser.allocate(room, depth)) return Fail(FromSimdjson(error, text, limits));
  }
  dom::element root;
  if (auto error = parser.parse(text.data(), text.size()).get(root)) return Fail(FromSimdjson(error, text, limits));
  return root;
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

namespace {

Result<Value> ParseJsonWith(dom::parser& parser, std::string_view text, const JsonLimits& limits, std::size_t room) {
  const Result<dom::element> root = ParseWith(parser, text, limits, room);
  if (!root) return Fail(root.error());
  Value value;
  Builder builder(limits.max_depth);
  if (!builder.Build(*root, value)) return Fail(builder.TakeError());
  return value;
}

}  // namespace

Result<Value> ParseJson(std::string_view text, const JsonLimits& limits) {
  // Small ones come many a second, and a parser of its own costs more than reading it does. So each thread keeps one,
  // with room for some 60 KiB.
  constexpr std::size_t kSmall = 4u << 10;
  if (text.size() <= kSmall) {
    thread_local dom::parser kept;
    return ParseJsonWith(kept, text, limits, kSmall);
  }
  dom::parser parser;
  return ParseJsonWith(parser, text, limits, text.size());
}

struct JsonParts::Content {
  JsonLimits limits;
  std::string list, part;  // their names
  dom::parser parser;      // owns what the elements refer to
  Value frame;
  std::vector<std::optional<dom::element>> parts;
  std::vector<std::string_view> texts;
};

Result<JsonParts> JsonParts::Parse(std::string_view text, std::string_view list, std::string_view part,
                                   const JsonLimits& limits) {
  auto content = std::make_unique<Content>();
  const Result<dom::element> root = ParseWith(content->parser, text, limits, text.size());
  if (!root) return Fail(root.error());
  content->limits = limits;
  content->list = list;
  content->part = part;
  Builder builder(limits.max_depth);
  builder.LeaveOut(content->list, content->part);
  if (!builder.Build(*root, content->frame)) return Fail(builder.TakeError());
  dom::array elements;
  if (!root->at_key(list).get(elements)) {
    content->parts.reserve(elements.size());
    for (const dom::element element : elements) {
      dom::element found;
      const bool has_part = !element.at_key(part).get(found);
      content->parts.push_back(has_part ? std::optional(found) : std::nullopt);
    }
  }
  content->texts = RawParts(text, list, part);
  content->texts.resize(content->parts.size());
  return JsonParts(std::move(content));
}

JsonParts::JsonParts(std::unique_ptr<Content> content) : content_(std::move(content)) {}
JsonParts::JsonParts(JsonParts&&) noexcept = default;
JsonParts& JsonParts::operator=(JsonParts&&) noexcept = default;
JsonParts::~JsonParts() = default;

const Value& JsonParts::frame() const {
  return content_->frame;
}

std::size_t JsonParts::size() const {
  return content_->parts.size();
}

std::string_view JsonParts::Text(std::size_t element) const {
  return content_->texts[element];
}

Result<Value> JsonParts::Read(std::size_t element) const {
  Value value;
  const std::optional<dom::element>& part = content_->parts[element];
  if (!part) return value;
  Builder builder(content_->limits.max_depth, {content_->list, element, content_->part});
  if (!builder.Build(*part, value)) return Fail(builder.TakeError());
  return value;
}

std::string_view RawMember(std::string_view text, std::string_view name) {
  std::string_view found;
  const std::string quoted = Quoted(name);
  const std::size_t begin = SkipBlanks(text, 0);
  if (begin == text.size() || text[begin] != '{') return found;
  VisitMembers(text, begin, [&](std::string_view each, std::size_t value) {
    const std::size_t end = EndOfValue(text, value);
    if (each == quoted) found = text.substr(value, end - value);
    return end;
  });
  return found;
}

std::vector<std::string_view> RawElements(std::string_view text) {
  std::vector<std::string_view> elements;
  const std::size_t begin = SkipBlanks(text, 0);
  if (begin == text.size() || text[begin] != '[') return elements;
  VisitElements(text, begin, [&](std::size_t at) {
    const std::size_t end = EndOfValue(text, at);
    elements.push_back(text.substr(at, end - at));
    return end;
  });
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
