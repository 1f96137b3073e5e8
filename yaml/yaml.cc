#include "yaml/yaml.h"

#include <yaml-cpp/depthguard.h>
#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>
#include <optional>
#include <sstream>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/base/json.h"
#include "core/base/text.h"

namespace guidon {
namespace {

// Places of yaml-cpp, whose columns are bytes, as positions. Linear for marks that come in about their order: each is
// counted from the one before.
class Places {
 public:
  explicit Places(std::string_view text) : text_(text) {
    constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";
    lines_ = {text.starts_with(kByteOrderMark) ? kByteOrderMark.size() : 0};
    for (std::size_t end = text.find('\n'); end != std::string_view::npos; end = text.find('\n', end + 1)) {
      lines_.push_back(end + 1);
    }
    at_ = lines_[0];
  }

  SourcePosition Of(const YAML::Mark& mark) {
    if (mark.is_null()) return {};
    const std::size_t line = std::min(static_cast<std::size_t>(std::max(mark.line, 0)), lines_.size() - 1);
    if (line != line_) {
      line_ = line;
      at_ = lines_[line];
      characters_ = 0;
    }
    const std::size_t at = std::min(lines_[line] + static_cast<std::size_t>(std::max(mark.column, 0)), text_.size());
    if (at >= at_) {
      characters_ += CharactersIn(at_, at);
    } else {
      characters_ -= CharactersIn(at, at_);
    }
    at_ = at;
    return {mark.line + 1, characters_ + 1};
  }

 private:
  int CharactersIn(std::size_t begin, std::size_t end) const {
    return static_cast<int>(Width(text_.substr(begin, end - begin)));
  }

  const std::string_view text_;
  std::vector<std::size_t> lines_;  // where each begins
  std::size_t line_ = 0;            // of the last mark
  std::size_t at_ = 0;
  int characters_ = 0;  // before it in its line
};

// Leaves yaml-cpp's parser from within an event.
struct Refused {
  YAML::Mark mark;
  Issue issue;
};

[[noreturn]] void Refuse(const YAML::Mark& mark, std::string code, std::string message, std::string hint = "") {
  Issue issue;
  issue.code = std::move(code);
  issue.message = std::move(message);
  issue.hint = std::move(hint);
  throw Refused{mark, std::move(issue)};
}

// Of a text in a message; what is in a file can be of any length.
std::string Shown(const std::string& text) {
  constexpr std::size_t kMost = 60;
  if (text.size() <= kMost) return text;
  std::size_t end = kMost;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0) == 0x80) --end;
  return text.substr(0, end) + "…";
}

bool IsDigit(char c) {
  return c >= '0' && c <= '9';
}

// [-+]? [0-9]+ | 0o… | 0x…, as the core schema has them.
bool LooksWhole(std::string_view text) {
  if (text.starts_with("0o") || text.starts_with("0x")) return text.size() > 2;
  if (text.starts_with('-') || text.starts_with('+')) text.remove_prefix(1);
  return !text.empty() && text.find_first_not_of("0123456789") == std::string_view::npos;
}

// [-+]? ( \. [0-9]+ | [0-9]+ ( \. [0-9]* )? ) ( [eE] [-+]? [0-9]+ )?
bool LooksDecimal(std::string_view text) {
  if (text.starts_with('-') || text.starts_with('+')) text.remove_prefix(1);
  std::size_t at = 0, digits = 0;
  while (at < text.size() && IsDigit(text[at])) ++at, ++digits;
  if (at < text.size() && text[at] == '.') {
    ++at;
    while (at < text.size() && IsDigit(text[at])) ++at, ++digits;
  }
  if (digits == 0) return false;
  if (at == text.size()) return true;
  if (text[at] != 'e' && text[at] != 'E') return false;
  ++at;
  if (at < text.size() && (text[at] == '-' || text[at] == '+')) ++at;
  return at < text.size() && text.find_first_not_of("0123456789", at) == std::string_view::npos;
}

Value WholeNumber(const YAML::Mark& mark, const std::string& text) {
  std::string_view digits = text;
  int base = 10;
  if (digits.starts_with("0o") || digits.starts_with("0x")) {
    base = digits[1] == 'o' ? 8 : 16;
    digits.remove_prefix(2);
  } else if (digits.starts_with('+')) {
    digits.remove_prefix(1);
  }
  std::int64_t number = 0;
  const auto read = std::from_chars(digits.data(), digits.data() + digits.size(), number, base);
  if (read.ec == std::errc() && read.ptr == digits.data() + digits.size()) return number;
  if (base != 10 && read.ec != std::errc::result_out_of_range) return text;  // "0xyz" is text
  Refuse(mark, "yaml_number", "the whole number " + Shown(text) + " does not fit in 64 bits",
         "quote it, if it is a text");
}

Value Decimal(const YAML::Mark& mark, const std::string& text) {
  const std::string_view digits = text.starts_with('+') ? std::string_view(text).substr(1) : std::string_view(text);
  double number = 0;
  const auto read = std::from_chars(digits.data(), digits.data() + digits.size(), number);
  if (read.ec == std::errc() && read.ptr == digits.data() + digits.size() && std::isfinite(number)) return number;
  Refuse(mark, "yaml_number", "the number " + Shown(text) + " is outside the range of a number",
         "quote it, if it is a text");
}

Value PlainScalar(const YAML::Mark& mark, const std::string& text) {
  if (text == "true") return true;
  if (text == "false") return false;
  if (LooksWhole(text)) return WholeNumber(mark, text);
  if (LooksDecimal(text)) return Decimal(mark, text);
  std::string_view bare = text;
  if (bare.starts_with('-') || bare.starts_with('+')) bare.remove_prefix(1);
  if (bare == ".inf" || bare == ".Inf" || bare == ".INF" || bare == ".nan" || bare == ".NaN" || bare == ".NAN") {
    Refuse(mark, "yaml_number", text + " is not a number that can be kept", "quote it, if it is a text");
  }
  return text;
}

class Builder : public YAML::EventHandler {
 public:
  Builder(const YamlLimits& limits, Places& places) : limits_(limits), places_(places) {}  // which outlive it

  std::vector<YamlDocument> documents;

  void OnDocumentStart(const YAML::Mark& mark) override {
    // At a token that no document can begin with (", b" outside of a list), yaml-cpp makes an empty document of nothing
    // and stays where it is, for ever.
    if (started_ && mark.pos == document_begin_) Refuse(mark, "yaml_syntax", "nothing can begin like this");
    started_ = true;
    document_begin_ = mark.pos;
    document_ = YamlDocument();
    anchors_.clear();
    frames_.clear();
    has_root_ = false;
  }
  void OnDocumentEnd() override {
    if (has_root_ && !document_.value.is_null()) documents.push_back(std::move(document_));
  }
  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override { Scalar(mark, anchor, Value(), "null"); }
  void OnAlias(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    const auto held = anchors_.find(anchor);
    if (held == anchors_.end()) Refuse(mark, "yaml_syntax", "an alias within what it stands for");
    const Anchored& anchored = held->second;
    CountNodes(mark, anchored.nodes);
    CountAliasBytes(mark, anchored.bytes);
    if (AtKey()) {
      if (!anchored.value.is_string()) Refuse(mark, "yaml_key", "a key must be text");
      return TakeKey(mark, anchored.value.AsString());
    }
    if (static_cast<int>(frames_.size()) + anchored.depth > limits_.max_depth) TooDeep(mark);
    Place(mark, anchored.value, anchored.nodes, anchored.bytes);
  }
  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                const std::string& text) override {
    if (!IsValidUtf8(text)) {
      // yaml-cpp writes \N and \_ as single bytes.
      Refuse(mark, "yaml_utf8", "an escape in this text makes no UTF-8 character", "write the character itself");
    }
    const bool is_text = tag == "!" || tag == "tag:yaml.org,2002:str";
    if (!is_text && tag != "?" && !tag.empty())
      Refuse(mark, "yaml_tag", "the tag " + Shown(tag) + " has no meaning here");
    if (AtKey()) {
      if (!is_text && text == "<<") {
        Refuse(mark, "yaml_merge_key", "merge keys (<<) are not supported", "write the members out");
      }
      return Scalar(mark, anchor, Value(text), text);
    }
    Scalar(mark, anchor, is_text ? Value(text) : PlainScalar(mark, text), text);
  }
  void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value) override {
    Open(mark, tag, anchor, Value(Array()));
  }
  void OnSequenceEnd() override { CloseFrame(); }
  void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value) override {
    Open(mark, tag, anchor, Value(Object()));
  }
  void OnMapEnd() override { CloseFrame(); }

 private:
  struct Frame {
    Value value;
    SourceMap::Node node = SourceMap::kRoot;
    YAML::Mark mark;
    YAML::anchor_t anchor = 0;
    std::size_t nodes = 1;
    std::size_t bytes = 0;  // of names and texts within
    int depth = 1;
    std::optional<std::string> key;  // of a map: read, and waiting for its value
    SourcePosition next_key_at;
    std::map<std::string, SourcePosition> keys;
  };
  struct Anchored {
    Value value;
    std::size_t nodes = 1;
    std::size_t bytes = 0;
    int depth = 0;
  };

  bool AtKey() const { return !frames_.empty() && frames_.back().value.is_object() && !frames_.back().key; }

  void CountNodes(const YAML::Mark& mark, std::size_t more) {
    nodes_ += more;
    if (nodes_ > limits_.max_nodes) {
      Refuse(mark, "yaml_nodes", "more than " + std::to_string(limits_.max_nodes) + " values, aliases counted in full");
    }
  }

  void CountAliasBytes(const YAML::Mark& mark, std::size_t more) {
    alias_bytes_ += more;
    if (alias_bytes_ > limits_.max_alias_bytes) {
      Refuse(mark, "yaml_nodes",
             "anchors and aliases repeat more than " + std::to_string(limits_.max_alias_bytes) + " bytes");
    }
  }

  [[noreturn]] void TooDeep(const YAML::Mark& mark) const {
    Refuse(mark, "yaml_depth", "nested deeper than " + std::to_string(limits_.max_depth) + " levels");
  }

  void Scalar(const YAML::Mark& mark, YAML::anchor_t anchor, Value value, const std::string& text) {
    CountNodes(mark, 1);
    const std::size_t bytes = value.AsString().size();
    if (anchor != 0) {
      CountAliasBytes(mark, bytes);
      anchors_[anchor] = {value, 1, bytes, 0};
    }
    if (AtKey()) return TakeKey(mark, text);
    Place(mark, std::move(value), 1, bytes);
  }

  void TakeKey(const YAML::Mark& mark, const std::string& key) {
    Frame& frame = frames_.back();
    const auto [held, is_new] = frame.keys.emplace(key, places_.Of(mark));
    if (!is_new) {
      Refuse(mark, "yaml_duplicate_key",
             "'" + Shown(key) + "' is here twice; first in line " + std::to_string(held->second.line));
    }
    frame.key = key;
    frame.bytes += key.size();
    frame.next_key_at = held->second;
  }

  // Where the value that comes next stands, in the tree of positions.
  SourceMap::Node AddPosition(const YAML::Mark& mark) {
    const SourcePosition at = places_.Of(mark);
    if (frames_.empty()) {
      document_.positions.SetRoot(at);
      return SourceMap::kRoot;
    }
    const Frame& frame = frames_.back();
    if (frame.value.is_array()) return document_.positions.AddElement(frame.node, at);
    return document_.positions.AddMember(frame.node, *frame.key, frame.next_key_at, at);
  }

  void Put(Value value) {
    if (frames_.empty()) {
      document_.value = std::move(value);
      has_root_ = true;
      return;
    }
    Frame& frame = frames_.back();
    if (frame.value.is_array()) {
      frame.value.MutableArray().push_back(std::move(value));
    } else {
      frame.value.MutableObject().Append(*frame.key, std::move(value));
      frame.key.reset();
    }
  }

  void Place(const YAML::Mark& mark, Value value, std::size_t nodes, std::size_t bytes) {
    AddPosition(mark);
    AddToFrame(nodes, bytes);
    Put(std::move(value));
  }

  void Open(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor, Value empty) {
    CountNodes(mark, 1);
    if (AtKey()) Refuse(mark, "yaml_key", "a key must be text, not a list or a map");
    if (tag != "?" && !tag.empty() && tag != "!")
      Refuse(mark, "yaml_tag", "the tag " + Shown(tag) + " has no meaning here");
    if (static_cast<int>(frames_.size()) >= limits_.max_depth) TooDeep(mark);
    Frame frame;
    frame.node = AddPosition(mark);
    frame.mark = mark;
    frame.anchor = anchor;
    frame.value = std::move(empty);
    frames_.push_back(std::move(frame));
  }

  void AddToFrame(std::size_t nodes, std::size_t bytes) {
    if (frames_.empty()) return;
    frames_.back().nodes += nodes;
    frames_.back().bytes += bytes;
  }

  void CloseFrame() {
    Frame frame = std::move(frames_.back());
    frames_.pop_back();
    if (frame.anchor != 0) {
      CountNodes(frame.mark, frame.nodes);  // what is kept for aliases is a copy, too
      CountAliasBytes(frame.mark, frame.bytes);
      anchors_[frame.anchor] = {frame.value, frame.nodes, frame.bytes, frame.depth};
    }
    AddToFrame(frame.nodes, frame.bytes);
    if (!frames_.empty()) {
      frames_.back().depth = std::max(frames_.back().depth, frame.depth + 1);
    }
    Put(std::move(frame.value));
  }

  const YamlLimits& limits_;
  Places& places_;
  YamlDocument document_;
  std::map<YAML::anchor_t, Anchored> anchors_;
  std::vector<Frame> frames_;
  std::size_t nodes_ = 0;
  std::size_t alias_bytes_ = 0;
  int document_begin_ = 0;  // offset in the text
  bool started_ = false;
  bool has_root_ = false;
};

// The line of the first byte that is not UTF-8, or is NUL; 0 when there is none.
int LineOfBadText(std::string_view text) {
  if (IsValidUtf8(text) && text.find('\0') == std::string_view::npos) return 0;
  int number = 1;
  for (;; ++number) {
    const std::string_view line = text.substr(0, text.find('\n'));
    if (!IsValidUtf8(line) || line.find('\0') != std::string_view::npos || line.size() == text.size()) return number;
    text.remove_prefix(line.size() + 1);
  }
}

// With an explicit end of the document after it: yaml-cpp takes a quoted text that is never closed, as a file cut short
// has it, for a text that ends with the file; within one, an end of the document is an error.
std::string WithEnd(std::string_view text) {
  std::string whole(text);
  if (!whole.empty() && whole.back() != '\n') whole += '\n';
  return whole + "...\n";
}

// The line that WithEnd added.
bool IsInLastLine(const YAML::Mark& mark, std::string_view text) {
  const auto lines = std::count(text.begin(), text.end(), '\n') + (!text.empty() && text.back() != '\n' ? 1 : 0);
  return mark.line == lines;
}

YamlResult Faulty(SourcePosition at, std::string code, std::string message, std::string hint = "") {
  YamlResult result;
  Issue issue;
  issue.code = std::move(code);
  issue.message = std::move(message);
  issue.hint = std::move(hint);
  result.faults.push_back({at, std::move(issue)});
  return result;
}

std::string_view LineAt(std::string_view text, int number) {
  for (; number > 0; --number) {
    const std::size_t end = text.find('\n');
    if (end == std::string_view::npos) return {};
    text.remove_prefix(end + 1);
  }
  return text.substr(0, text.find('\n'));
}

// What is wrong and what to do, in the words of who writes definitions, for the mistakes that are made most; the
// library's own words for the others.
std::pair<std::string, std::string> ExplainSyntax(const YAML::Exception& error, std::string_view text) {
  const std::string& said = error.msg;
  const std::string_view line = error.mark.is_null() ? std::string_view() : LineAt(text, error.mark.line);
  const std::string_view before = line.substr(0, static_cast<std::size_t>(std::max(error.mark.column, 0)));
  if (said == YAML::ErrorMsg::DOC_IN_SCALAR && IsInLastLine(error.mark, text)) {
    return {"a text in quotes is not closed", "add the quote"};
  }
  const std::string_view indent = line.substr(0, line.find_first_not_of(" \t"));
  if (said == YAML::ErrorMsg::TAB_IN_INDENTATION || indent.find('\t') != std::string_view::npos) {
    return {"a tab at the beginning of a line", "indent with blanks"};
  }
  if (said == YAML::ErrorMsg::MAP_VALUE || said == YAML::ErrorMsg::MAP_KEY) {
    if (before.find(": ") != std::string_view::npos) {
      return {"a ': ' within a text would begin a map", "put the whole text in quotes"};
    }
    return {"this line does not belong to the one before: it is indented further",
            "line up keys that belong together, or close the quote or bracket above"};
  }
  if (said == YAML::ErrorMsg::UNKNOWN_TOKEN && before.size() < line.size()) {
    return {"a text cannot begin with '" + std::string(1, line[before.size()]) + "'", "put it in quotes"};
  }
  if (said == YAML::ErrorMsg::END_OF_SEQ_FLOW) return {"a list that '[' begins is not closed", "add ']'"};
  if (said == YAML::ErrorMsg::END_OF_MAP_FLOW) return {"a map that '{' begins is not closed", "add '}'"};
  if (said == YAML::ErrorMsg::END_OF_MAP || said == YAML::ErrorMsg::END_OF_SEQ) {
    return {"this line does not belong to the ones before", "line up what belongs together"};
  }
  return {said, ""};
}

}  // namespace

SourceMap::Node SourceMap::AddMember(Node parent, const std::string& name, SourcePosition key, SourcePosition value) {
  const Node node = nodes_.size();
  nodes_.push_back({key, value, {}, {}});
  nodes_[parent].members.emplace(name, node);
  return node;
}

SourceMap::Node SourceMap::AddElement(Node parent, SourcePosition value) {
  const Node node = nodes_.size();
  nodes_.push_back({{}, value, {}, {}});
  nodes_[parent].elements.push_back(node);
  return node;
}

const SourceMap::Place& SourceMap::Closest(const Path& path, bool& exact) const {
  const Place* place = &nodes_[kRoot];
  exact = false;
  for (const Path::Step& step : path.steps()) {
    if (const auto* index = std::get_if<std::size_t>(&step)) {
      if (*index >= place->elements.size()) return *place;
      place = &nodes_[place->elements[*index]];
    } else {
      const auto member = place->members.find(std::get<std::string>(step));
      if (member == place->members.end()) return *place;
      place = &nodes_[member->second];
    }
  }
  exact = true;
  return *place;
}

SourcePosition SourceMap::Of(const Path& path) const {
  bool exact = false;
  return Closest(path, exact).value;
}

SourcePosition SourceMap::OfKey(const Path& path) const {
  bool exact = false;
  const Place& place = Closest(path, exact);
  return exact && place.key.line != 0 ? place.key : place.value;
}

YamlResult ParseYaml(std::string_view text, const YamlLimits& limits) {
  if (text.size() > limits.max_bytes) {
    return Faulty({}, "yaml_size", "larger than " + std::to_string(limits.max_bytes) + " bytes");
  }
  if (const int line = LineOfBadText(text); line != 0) {
    return Faulty({line, 1}, "yaml_utf8", "a byte in this line is not UTF-8 text");
  }
  Places places(text);
  Builder builder(limits, places);
  std::istringstream stream(WithEnd(text));
  try {
    YAML::Parser parser(stream);
    while (parser.HandleNextDocument(builder)) {
    }
  } catch (const Refused& refused) {
    YamlResult result;
    result.faults.push_back({places.Of(refused.mark), refused.issue});
    return result;
  } catch (const YAML::DeepRecursion& error) {
    return Faulty(places.Of(error.mark), "yaml_depth",
                  "nested deeper than " + std::to_string(limits.max_depth) + " levels");
  } catch (const YAML::Exception& error) {
    auto [message, hint] = ExplainSyntax(error, text);
    return Faulty(places.Of(error.mark), "yaml_syntax", std::move(message), std::move(hint));
  }
  YamlResult result;
  result.documents = std::move(builder.documents);
  return result;
}

}  // namespace guidon
