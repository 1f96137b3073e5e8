// libyaml says where each value begins and ends. What lies between two of them holds blanks, indicators (- ? : , and
// brackets) and comments, so that a '#' there is always the begin of a comment. Whose it is:
//
//   key: value  # of this entry, `after` it                  key:  # of this entry, at its `head`
//   # of the entry below: `before` it
//     # indented further than the entry below: the `tail` of the innermost list or map that it may stand in
#include <yaml.h>

#include <algorithm>
#include <limits>
#include <utility>

#include "format/tree.h"

namespace guidon::format {
namespace {

constexpr std::size_t kNowhere = std::numeric_limits<std::size_t>::max();

class Parser {
 public:
  explicit Parser(std::string_view text) {
    ready_ = yaml_parser_initialize(&parser_) != 0;
    if (!ready_) return;
    yaml_parser_set_encoding(&parser_, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&parser_, reinterpret_cast<const unsigned char*>(text.data()), text.size());
  }
  Parser(const Parser&) = delete;
  Parser& operator=(const Parser&) = delete;
  ~Parser() {
    if (ready_) yaml_parser_delete(&parser_);
  }

  bool Next(yaml_event_t& event) { return ready_ && yaml_parser_parse(&parser_, &event) != 0; }
  std::string Problem() const {
    return std::to_string(parser_.problem_mark.line + 1) + ":" + std::to_string(parser_.problem_mark.column + 1) +
           ": " + (parser_.problem == nullptr ? "this cannot be read" : parser_.problem);
  }

 private:
  yaml_parser_t parser_{};
  bool ready_ = false;
};

struct Event {
  Event() = default;
  Event(const Event&) = delete;
  Event& operator=(const Event&) = delete;
  ~Event() { yaml_event_delete(&event); }
  yaml_event_t event{};
};

std::vector<std::string_view> LinesOf(std::string_view text) {
  std::vector<std::string_view> lines;
  for (std::size_t end; (end = text.find('\n')) != std::string_view::npos; text.remove_prefix(end + 1)) {
    lines.push_back(text.substr(0, end));
  }
  lines.push_back(text);
  return lines;
}

std::size_t Indent(std::string_view line) {
  return std::min(line.find_first_not_of(' '), line.size());
}

std::string_view TrimRight(std::string_view text) {
  const std::size_t last = text.find_last_not_of(" \t");
  return last == std::string_view::npos ? std::string_view() : text.substr(0, last + 1);
}

class Reader {
 public:
  explicit Reader(std::string_view text) : text_(text) {
    for (std::size_t i = 0; i < text.size(); ++i) {
      if ((static_cast<unsigned char>(text[i]) & 0xC0) != 0x80) offsets_.push_back(i);
    }
    offsets_.push_back(text.size());
  }

  Result<Tree> Read() {
    Parser parser(text_);
    for (;;) {
      Event held;
      if (!parser.Next(held.event)) return Fail(ErrorCode::kInvalid, parser.Problem());
      if (const Status taken = Take(held.event); !taken) return Fail(taken.error());
      if (held.event.type == YAML_STREAM_END_EVENT) return std::move(tree_);
    }
  }

 private:
  struct Frame {
    Node* node;
    Entry* owner;
    Entry* pending = nullptr;  // of a map: its key is read, its value is not
    bool is_implied = false;   // a map of one member in a list in brackets, without braces: [a: 1]
  };
  // What stands before the gap.
  enum class Last { kNothing, kKey, kValue, kBracket };

  std::size_t Byte(const yaml_mark_t& mark) const { return offsets_[std::min(mark.index, offsets_.size() - 1)]; }
  std::size_t LineBegin(std::size_t at) const {
    const std::size_t before = at == 0 ? std::string_view::npos : text_.rfind('\n', at - 1);
    return before == std::string_view::npos ? 0 : before + 1;
  }
  std::size_t Column(std::size_t at) const {
    const std::string_view before = text_.substr(LineBegin(at), at - LineBegin(at));
    return static_cast<std::size_t>(std::count_if(
        before.begin(), before.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; }));
  }
  std::size_t SkipBlanksAndComments(std::size_t at) const {
    while (at < text_.size()) {
      if (text_[at] == '#') {
        at = std::min(text_.find('\n', at), text_.size());
      } else if (text_[at] == ' ' || text_[at] == '\t' || text_[at] == '\n') {
        ++at;
      } else {
        break;
      }
    }
    return at;
  }

  Status Take(const yaml_event_t& event) {
    switch (event.type) {
      case YAML_DOCUMENT_START_EVENT:
        return BeginDocument(event);
      case YAML_DOCUMENT_END_EVENT:
        EndDocument();
        break;
      case YAML_STREAM_END_EVENT:
        BetweenDocuments(text_.size());
        tree_.tail = std::move(carried_);
        break;
      case YAML_SCALAR_EVENT:
        TakeScalar(event);
        break;
      case YAML_ALIAS_EVENT:
        TakeAlias(event);
        break;
      case YAML_MAPPING_START_EVENT:
        Open(event, Kind::kMap, event.data.mapping_start.style == YAML_FLOW_MAPPING_STYLE,
             event.data.mapping_start.anchor != nullptr || event.data.mapping_start.tag != nullptr);
        break;
      case YAML_SEQUENCE_START_EVENT:
        Open(event, Kind::kList, event.data.sequence_start.style == YAML_FLOW_SEQUENCE_STYLE,
             event.data.sequence_start.anchor != nullptr || event.data.sequence_start.tag != nullptr);
        break;
      case YAML_MAPPING_END_EVENT:
      case YAML_SEQUENCE_END_EVENT:
        Close(event);
        break;
      default:
        break;
    }
    return {};
  }

  Status BeginDocument(const yaml_event_t& event) {
    const auto& start = event.data.document_start;
    if (start.version_directive != nullptr || start.tag_directives.start != start.tag_directives.end) {
      return Fail(ErrorCode::kInvalid, std::to_string(event.start_mark.line + 1) +
                                           ":1: a directive (%YAML, %TAG) says nothing here: leave it out");
    }
    if (!start.implicit) {
      BetweenDocuments(Byte(event.start_mark));
      closing_.clear();
      at_ = Byte(event.end_mark);
    }
    tree_.documents.push_back(std::make_unique<Document>());
    opened_ = nullptr;
    last_kind_ = Last::kNothing;
    return {};
  }

  void EndDocument() {
    Entry& root = tree_.documents.back()->root;
    if (root.value->is_empty && root.value->properties.empty()) {
      carried_ = std::move(root.before);
      tree_.documents.pop_back();
    }
    opened_ = nullptr;
  }

  // Comments up to there belong to the document before, if there is one.
  void BetweenDocuments(std::size_t end) {
    opened_ = nullptr;
    opened_column_ = kNowhere;
    ScanTo(end, nullptr, tree_.documents.empty() ? &carried_ : &tree_.documents.back()->tail);
    last_kind_ = Last::kNothing;
  }

  // Puts a value where it belongs; says to which entry.
  Entry& Place(std::unique_ptr<Node> node) {
    if (frames_.empty()) {
      Entry& root = tree_.documents.back()->root;
      root.value = std::move(node);
      root.before = std::move(carried_);
      carried_.clear();
      Opened(root, 0);
      return root;
    }
    Frame& frame = frames_.back();
    if (frame.pending != nullptr) {
      Entry& entry = *std::exchange(frame.pending, nullptr);
      entry.value = std::move(node);
      return entry;
    }
    frame.node->entries.push_back(std::make_unique<Entry>());
    Entry& entry = *frame.node->entries.back();
    if (frame.node->kind == Kind::kMap) {
      entry.key = std::move(node);
      frame.pending = &entry;
    } else {
      entry.value = std::move(node);
    }
    Opened(entry, frame.node->column);
    return entry;
  }

  // The outermost of those that begin at the next value has the comments before it.
  void Opened(Entry& entry, std::size_t column) {
    if (opened_ != nullptr) return;
    opened_ = &entry;
    opened_column_ = column;
  }

  // Begins what is written at `begin`, within the entry.
  void Begin(std::size_t begin, Entry& entry) {
    ScanTo(begin, opened_ == nullptr ? &entry : opened_, nullptr);
    closing_.clear();
    opened_ = nullptr;
  }

  // Begins a value that may have properties; returns where the value itself begins.
  std::size_t BeginWithProperties(std::size_t begin, bool has_properties, Node& node, Entry& entry) {
    if (!has_properties) {
      Begin(begin, entry);
      return begin;
    }
    Begin(begin, entry);
    std::size_t at = begin;
    while (at < text_.size() && (text_[at] == '&' || text_[at] == '!')) {
      const std::size_t end = std::min(text_.find_first_of(" \t\n,]}", at), text_.size());
      node.properties += (node.properties.empty() ? "" : " ") + std::string(text_.substr(at, end - at));
      at_ = end;
      Ended(entry, Last::kKey);
      at = SkipBlanksAndComments(end);
    }
    return at;
  }

  void Ended(Entry& entry, Last kind) {
    last_ = &entry;
    last_kind_ = kind;
  }

  void TakeScalar(const yaml_event_t& event) {
    const auto& scalar = event.data.scalar;
    auto made = std::make_unique<Node>();
    Node& node = *made;
    node.text.assign(reinterpret_cast<const char*>(scalar.value), scalar.length);
    const bool has_properties = scalar.anchor != nullptr || scalar.tag != nullptr;
    const bool is_plain = scalar.style == YAML_PLAIN_SCALAR_STYLE;
    const bool is_key = !frames_.empty() && frames_.back().node->kind == Kind::kMap && !frames_.back().pending;
    Entry& entry = Place(std::move(made));
    const std::size_t begin = Byte(event.start_mark), end = Byte(event.end_mark);
    if (is_plain && !has_properties && begin == end) {
      // Behind the dash or colon; but for an empty document, whose comments are those of others.
      node.is_empty = true;
      if (frames_.empty()) return;
      Begin(begin, entry);
      return Ended(entry, Last::kKey);
    }
    node.begin = BeginWithProperties(begin, has_properties, node, entry);
    if (is_plain && node.text.empty()) {
      node.is_empty = true;
      node.begin = node.end = at_;
      return Ended(entry, is_key ? Last::kKey : Last::kValue);
    }
    if (has_properties) ScanTo(node.begin, &entry, nullptr);
    node.end = end;
    node.line = event.start_mark.line;
    node.column = event.start_mark.column;
    if (scalar.style == YAML_LITERAL_SCALAR_STYLE || scalar.style == YAML_FOLDED_SCALAR_STYLE) {
      return TakeBlockScalar(node, entry);
    }
    node.kind = is_plain ? Kind::kPlain : Kind::kQuoted;
    const std::string_view written = text_.substr(node.begin, node.end - node.begin);
    if (written.find('\n') != std::string_view::npos) TakeLines(node, written);
    at_ = node.end;
    Ended(entry, is_key ? Last::kKey : Last::kValue);
  }

  static void TakeLines(Node& node, std::string_view written) {
    for (std::string_view line : LinesOf(written)) {
      std::string_view trimmed = TrimRight(line);
      if (trimmed.ends_with('\\') && trimmed.size() < line.size()) trimmed = line;  // an escaped blank
      const std::size_t first = trimmed.find_first_not_of(" \t");
      node.lines.emplace_back(first == std::string_view::npos ? std::string_view() : trimmed.substr(first));
    }
  }

  // The indent of its lines is that of the first one with something in it, less what it has of blanks of its own.
  void TakeBlockScalar(Node& node, Entry& entry) {
    node.kind = Kind::kBlockScalar;
    const std::size_t header_end = std::min(text_.find('\n', node.begin), text_.size());
    const std::string_view header = text_.substr(node.begin, header_end - node.begin);
    node.indicator = header.substr(0, 1);
    const std::string_view marks = header.substr(0, header.find_first_of(" \t"));
    const bool keeps = marks.find('+') != std::string_view::npos;
    if (keeps) node.indicator += '+';
    if (marks.find('-') != std::string_view::npos) node.indicator += '-';
    at_ = node.begin + marks.size();
    Ended(entry, Last::kKey);
    ScanTo(header_end, &entry, nullptr);

    std::size_t indent = kNowhere, at = std::min(header_end + 1, text_.size()), end = at;
    std::vector<std::string_view> lines;
    std::size_t used = 0;  // of the lines, up to the last with something in it
    while (at < text_.size()) {
      const std::size_t line_end = std::min(text_.find('\n', at), text_.size());
      const std::string_view line = text_.substr(at, line_end - at);
      const bool is_blank = Indent(line) == line.size();
      if (!is_blank && indent == kNowhere) {
        const std::size_t own = BlanksOfFirstLine(node.text);
        if (node.text.find_first_not_of(" \n") == std::string::npos || Indent(line) < own) break;
        indent = Indent(line) - own;
      }
      if (!is_blank &&
          (Indent(line) < indent || (indent == 0 && (line.starts_with("---") || line.starts_with("..."))))) {
        break;
      }
      lines.push_back(line);
      at = std::min(line_end + 1, text_.size());
      if (!is_blank || (indent != kNowhere && line.size() > indent)) {
        used = lines.size();
        end = at;
      }
      if (keeps) end = at;
    }
    if (!keeps) lines.resize(used);
    if (indent == kNowhere) {  // nothing but line ends
      node.kind = Kind::kQuoted;
      lines.clear();
    }
    for (std::string_view line : lines) node.lines.emplace_back(line.substr(std::min(indent, line.size())));
    at_ = end;
    Ended(entry, Last::kNothing);
  }

  static std::size_t BlanksOfFirstLine(std::string_view text) {
    const std::size_t first = text.find_first_not_of(" \n");
    if (first == std::string_view::npos) return 0;
    const std::size_t newline = text.rfind('\n', first);
    return newline == std::string_view::npos ? first : first - newline - 1;
  }

  void TakeAlias(const yaml_event_t& event) {
    auto made = std::make_unique<Node>();
    made->kind = Kind::kAlias;
    made->text = "*" + std::string(reinterpret_cast<const char*>(event.data.alias.anchor));
    const bool is_key = !frames_.empty() && frames_.back().node->kind == Kind::kMap && !frames_.back().pending;
    Entry& entry = Place(std::move(made));
    Begin(Byte(event.start_mark), entry);
    at_ = Byte(event.end_mark);
    Ended(entry, is_key ? Last::kKey : Last::kValue);
  }

  void Open(const yaml_event_t& event, Kind kind, bool flow, bool has_properties) {
    auto made = std::make_unique<Node>();
    Node& node = *made;
    node.kind = kind;
    node.flow = flow;
    Entry& entry = Place(std::move(made));
    std::size_t begin = Byte(event.start_mark);
    const char bracket = kind == Kind::kMap ? '{' : '[';
    const bool is_implied = flow && !has_properties && text_.substr(begin, 1) != std::string_view(&bracket, 1);
    if (flow && !is_implied) {
      begin = BeginWithProperties(begin, has_properties, node, entry);
      if (has_properties) ScanTo(begin, &entry, nullptr);
      at_ = begin + 1;
      Ended(entry, Last::kBracket);
    } else if (has_properties) {
      begin = BeginWithProperties(begin, true, node, entry);
    }
    node.line = event.start_mark.line;
    node.column = Column(begin);
    frames_.push_back({&node, &entry, nullptr, is_implied});
  }

  void Close(const yaml_event_t& event) {
    const Frame frame = frames_.back();
    frames_.pop_back();
    if (frame.is_implied) return;
    if (!frame.node->flow) return closing_.push_back(frame.node);
    const std::size_t begin = Byte(event.start_mark);
    opened_ = nullptr;
    ScanTo(begin, nullptr, &frame.node->tail);
    at_ = Byte(event.end_mark);
    Ended(*frame.owner, Last::kValue);
  }

  // Gives out the comments between here and `end`: those on lines of their own to what just closed, or to `next`, or,
  // where there is no next entry, to `rest`.
  void ScanTo(std::size_t end, Entry* next, std::vector<Comment>* rest) {
    const bool at_line_begin = at_ == 0 || text_[at_ - 1] == '\n';
    std::size_t newlines = at_line_begin ? 1 : 0;
    bool same_line = !at_line_begin, has_blank = false, behind_indicator = false;
    while (at_ < end) {
      const char c = text_[at_];
      if (c == '\n') {
        same_line = false;
        has_blank |= ++newlines > 1 && !behind_indicator;
      } else if (c == '#') {
        const std::size_t line_end = std::min(text_.find('\n', at_), text_.size());
        std::string text(TrimRight(text_.substr(at_, line_end - at_)));
        tree_.comments.push_back(text);
        if (!same_line || !TakeBehind(text)) {
          TakeOwnLine({std::move(text), has_blank}, Column(at_), next, rest);
        }
        at_ = line_end;
        newlines = 0;
        has_blank = false;
        continue;
      } else if (c != ' ' && c != '\t') {
        behind_indicator = true;  // a blank line between a dash and what follows it is not one before the dash
      }
      ++at_;
    }
    at_ = std::max(at_, end);
    if (next != nullptr && next == opened_) next->blank_before = has_blank;
  }

  // A comment on the line of what stands before it. False when that cannot have one.
  bool TakeBehind(const std::string& text) {
    if (last_kind_ != Last::kKey && last_kind_ != Last::kValue) return false;
    std::string& place = last_kind_ == Last::kKey ? last_->head : last_->after;
    if (!place.empty()) return false;
    place = text;
    return true;
  }

  void TakeOwnLine(Comment comment, std::size_t column, Entry* next, std::vector<Comment>* rest) {
    const bool is_end = next == nullptr;
    if (is_end || column > opened_column_) {
      for (std::size_t i = 0; i < closing_.size(); ++i) {
        if (closing_[i]->column > column || (!is_end && closing_[i]->column <= opened_column_)) continue;
        while (i + 1 < closing_.size() && closing_[i + 1]->column == closing_[i]->column) ++i;
        closing_.erase(closing_.begin(), closing_.begin() + static_cast<std::ptrdiff_t>(i));
        return closing_.front()->tail.push_back(std::move(comment));
      }
    }
    closing_.clear();
    (next != nullptr ? next->before : *rest).push_back(std::move(comment));
  }

  const std::string_view text_;
  std::vector<std::size_t> offsets_;  // of the text's characters, and its end
  Tree tree_;
  std::vector<Frame> frames_;
  std::size_t at_ = 0;  // behind what was read last
  Entry* last_ = nullptr;
  Last last_kind_ = Last::kNothing;
  Entry* opened_ = nullptr;
  std::size_t opened_column_ = 0;
  std::vector<Node*> closing_;    // lists and maps that ended behind what was read last; the innermost first
  std::vector<Comment> carried_;  // from before the first document
};

}  // namespace

Result<Tree> ReadTree(std::string_view text) {
  return Reader(text).Read();
}

}  // namespace guidon::format
