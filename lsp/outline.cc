#include "lsp/outline.h"

#include <algorithm>
#include <utility>

namespace guidon::lsp {
namespace {

constexpr int kMaxDepth = 64;
constexpr int kMaxQuotedLines = 20;  // a quote that is not closed within so many is not closed

bool IsBlank(char c) {
  return c == ' ' || c == '\t' || c == '\r';
}

class Parser {
 public:
  explicit Parser(std::string_view text) : text_(text) {}

  Outline Read() {
    Outline outline;
    while (at_ < text_.size()) {
      SkipMarkers();
      if (!ToContent()) continue;
      outline.documents.push_back(ReadNode(-1, false));
      while (ToContent()) ReadNode(-1, false);  // fits nowhere
    }
    return outline;
  }

 private:
  // ---- Lines ----

  bool AtEndOfLine() const { return at_ >= text_.size() || text_[at_] == '\n'; }
  bool IsComment(std::size_t at) const {
    return text_[at] == '#' && (at == 0 || text_[at - 1] == '\n' || IsBlank(text_[at - 1]));
  }
  std::size_t LineEnd(std::size_t from) const { return std::min(text_.find('\n', from), text_.size()); }
  int Column() const { return static_cast<int>(at_ - line_); }

  void SkipBlanks() {
    while (at_ < text_.size() && IsBlank(text_[at_])) ++at_;
  }
  void SkipLine() { at_ = LineEnd(at_); }

  bool AtMarker() const {
    if (at_ != line_) return false;
    const std::string_view rest = text_.substr(at_, 4);
    if (!rest.starts_with("---") && !rest.starts_with("...")) return false;
    return rest.size() == 3 || IsBlank(rest[3]) || rest[3] == '\n';
  }
  void SkipMarkers() {
    for (;;) {
      SkipEmpty();
      if (at_ >= text_.size() || !AtMarker()) return;
      at_ += 3;
      SkipBlanks();
      if (!AtEndOfLine()) return;  // a document begins behind it
    }
  }
  // Blanks, comments and ends of lines.
  void SkipEmpty() {
    for (;;) {
      SkipBlanks();
      if (at_ >= text_.size()) return;
      if (text_[at_] == '#' && IsComment(at_)) SkipLine();
      if (!AtEndOfLine()) return;
      if (at_ < text_.size()) line_ = ++at_;
      if (at_ < text_.size() && AtMarker()) return;
    }
  }
  // To what comes next in this document; false: nothing does.
  bool ToContent() {
    SkipEmpty();
    return at_ < text_.size() && !AtMarker();
  }

  bool AtDash() const {
    return text_[at_] == '-' && (at_ + 1 >= text_.size() || IsBlank(text_[at_ + 1]) || text_[at_ + 1] == '\n');
  }
  bool EndsKey(std::size_t colon) const {
    return text_[colon] == ':' && (colon + 1 >= text_.size() || IsBlank(text_[colon + 1]) || text_[colon + 1] == '\n');
  }
  // Where the colon of a key that begins here is.
  std::optional<std::size_t> ColonHere() const {
    const std::size_t end = LineEnd(at_);
    std::size_t at = at_;
    if (text_[at] == '"' || text_[at] == '\'') {
      at = ClosingQuote(at, end);
      if (at >= end) return std::nullopt;
      ++at;
      while (at < end && IsBlank(text_[at])) ++at;
      return at < end && EndsKey(at) ? std::optional(at) : std::nullopt;
    }
    for (; at < end; ++at) {
      if (EndsKey(at)) return at;
      if (at > at_ && IsComment(at)) return std::nullopt;
    }
    return std::nullopt;
  }
  // Of the quote at `open`; `end`: there is none before.
  std::size_t ClosingQuote(std::size_t open, std::size_t end, bool in_line = false) const {
    const char quote = text_[open];
    for (std::size_t at = open + 1; at < end; ++at) {
      if (in_line && text_[at] == '\n') return end;
      if (quote == '"' && text_[at] == '\\') {
        if (at + 1 < end && text_[at + 1] != '\n') ++at;
      } else if (text_[at] == quote) {
        if (quote == '\'' && at + 1 < end && text_[at + 1] == quote) {
          ++at;
        } else {
          return at;
        }
      }
    }
    return end;
  }

  // ---- Scalars ----

  static std::string Unquoted(std::string_view text, char quote) {
    std::string out;
    for (std::size_t i = 0; i < text.size(); ++i) {
      if (quote == '\'' && text[i] == '\'') ++i;
      if (quote == '"' && text[i] == '\\' && i + 1 < text.size()) ++i;
      if (i < text.size()) out += text[i];
    }
    return out;
  }

  // The end of a text in quotes that begins here, behind the quote that closes it.
  std::size_t EndOfQuoted(int parent) const {
    // Most end in their line. Its end is not looked for before: many texts in one long line would each look for it.
    if (const std::size_t close = ClosingQuote(at_, text_.size(), true); close < text_.size()) return close + 1;
    const std::size_t first_end = LineEnd(at_);
    std::size_t end = first_end;
    for (int lines = 1; lines < kMaxQuotedLines && end < text_.size(); ++lines) {
      const std::size_t content = text_.find_first_not_of(" \t\r", end + 1);
      if (content == std::string_view::npos) break;
      if (text_[content] != '\n' && static_cast<int>(content - end - 1) <= parent) break;
      end = LineEnd(end + 1);
    }
    const std::size_t close = ClosingQuote(at_, end);
    return close < end ? close + 1 : first_end;
  }

  Node ReadQuoted(int parent) {
    Node node;
    node.kind = Node::Kind::kScalar;
    node.quote = text_[at_];
    node.begin = at_;
    node.end = EndOfQuoted(parent);
    while (node.end > node.begin + 1 && text_[node.end - 1] == '\r') --node.end;
    const bool closed = node.end > node.begin + 1 && text_[node.end - 1] == node.quote;
    node.text = Unquoted(text_.substr(node.begin + 1, node.end - node.begin - (closed ? 2 : 1)), node.quote);
    MoveTo(node.end);
    return node;
  }

  // Onwards.
  void MoveTo(std::size_t at) {
    if (const std::size_t end = text_.substr(at_, at - at_).rfind('\n'); end != std::string_view::npos) {
      line_ = at_ + end + 1;
    }
    at_ = at;
  }

  // Up to the end of the line or a comment, without blanks there.
  std::size_t EndOfPlain() const {
    std::size_t end = at_;
    for (std::size_t at = at_; at < text_.size() && text_[at] != '\n'; ++at) {
      if (at > at_ && IsComment(at)) break;
      if (!IsBlank(text_[at])) end = at + 1;
    }
    return end;
  }

  Node ReadPlain(int parent) {
    Node node;
    node.kind = Node::Kind::kScalar;
    node.begin = at_;
    for (;;) {
      const std::size_t end = EndOfPlain();
      node.text += (node.text.empty() ? "" : " ") + std::string(text_.substr(at_, end - at_));
      node.end = end;
      SkipLine();
      const std::size_t at = at_, line = line_;
      if (ToContent() && Column() > parent && !AtDash() && !ColonHere()) continue;
      at_ = at, line_ = line;
      return node;
    }
  }

  Node ReadBlock(int parent) {
    Node node;
    node.kind = Node::Kind::kScalar;
    node.begin = at_;
    node.end = EndOfPlain();
    node.quote = '|';
    SkipLine();
    while (at_ < text_.size()) {
      const std::size_t content = text_.find_first_not_of(" \t\r", at_ + 1);
      if (content == std::string_view::npos) break;
      if (text_[content] != '\n' && static_cast<int>(content - at_ - 1) <= parent) break;
      line_ = at_ + 1;
      at_ = LineEnd(at_ + 1);
      node.end = at_;
    }
    return node;
  }

  // ---- Blocks ----

  void SkipProperties() {
    while (at_ < text_.size() && (text_[at_] == '&' || text_[at_] == '!')) {
      while (!AtEndOfLine() && !IsBlank(text_[at_])) ++at_;
      SkipBlanks();
    }
  }

  // Whether a line without a colon is the beginning of a member, whose siblings stand below.
  bool BeginsMap() {
    const std::size_t at = at_, line = line_;
    const int column = Column();
    SkipLine();
    const bool begins = ToContent() && Column() == column && !AtDash() && ColonHere();
    at_ = at, line_ = line;
    return begins;
  }

  // What stands here, of which further lines are indented more than `parent`. `is_inline`: behind a key, in its line.
  Node ReadNode(int parent, bool is_inline) {
    SkipProperties();
    if (AtEndOfLine() || IsComment(at_)) {
      Node nothing;
      nothing.begin = nothing.end = at_;
      if (!ToContent() || Column() <= parent) return nothing;
      is_inline = false;
    }
    if (depth_ >= kMaxDepth) return ReadPlain(parent);
    ++depth_;
    Node node = ReadDeeper(parent, is_inline);
    --depth_;
    return node;
  }

  Node ReadDeeper(int parent, bool is_inline) {
    const char c = text_[at_];
    if (!is_inline && AtDash()) return ReadList(Column());
    if (c == '{' || c == '[') {
      Node node = ReadFlow(parent);
      if (at_ > line_ && !unclosed_) SkipLine();
      unclosed_ = false;
      return node;
    }
    if (c == '|' || c == '>') return ReadBlock(parent);
    if (!is_inline && (ColonHere() || BeginsMap())) return ReadMap(Column());
    if (c == '"' || c == '\'') {
      Node node = ReadQuoted(parent);
      SkipLine();
      return node;
    }
    return ReadPlain(parent);
  }

  Node ReadMap(int column) {
    Node map;
    map.kind = Node::Kind::kMap;
    map.begin = at_;
    while (ToContent() && Column() >= column) {
      if (Column() > column || AtDash() || text_[at_] == '{' || text_[at_] == '[') {
        ReadNode(column, false);  // fits nowhere
        continue;
      }
      map.entries.push_back(ReadMember(column));
      map.end = std::max(map.entries.back().end, map.entries.back().value.end);
    }
    return map;
  }

  Entry ReadMember(int column) {
    Entry entry;
    entry.begin = at_;
    const std::optional<std::size_t> colon = ColonHere();
    std::size_t end = colon ? *colon : EndOfPlain();
    while (end > at_ && IsBlank(text_[end - 1])) --end;
    entry.end = end;
    std::string_view key = text_.substr(at_, end - at_);
    if (key.starts_with('"') || key.starts_with('\'')) {
      entry.quote = key.front();
      const bool closed = key.size() > 1 && key.back() == entry.quote;
      entry.key = Unquoted(key.substr(1, key.size() - (closed ? 2 : 1)), entry.quote);
    } else {
      entry.key = key;
    }
    if (!colon) {
      SkipLine();
      entry.value.begin = entry.value.end = entry.end;
      return entry;
    }
    entry.has_colon = true;
    at_ = *colon + 1;
    entry.value = ReadValue(column);
    return entry;
  }

  // Behind a colon or dash.
  Node ReadValue(int column) {
    Node nothing;
    nothing.begin = nothing.end = at_ < text_.size() && IsBlank(text_[at_]) ? at_ + 1 : at_;
    const bool is_member = text_[at_ - 1] == ':';
    SkipBlanks();
    if (!AtEndOfLine() && !IsComment(at_)) return ReadNode(column, is_member);
    if (!ToContent()) return nothing;
    if (Column() > column || (is_member && Column() == column && AtDash())) return ReadNode(column, false);
    return nothing;
  }

  Node ReadList(int column) {
    Node list;
    list.kind = Node::Kind::kList;
    list.begin = at_;
    while (ToContent() && Column() >= column) {
      if (Column() > column) {
        ReadNode(column, false);  // fits nowhere
        continue;
      }
      if (!AtDash()) break;
      Entry entry;
      entry.begin = entry.end = at_;
      ++at_;
      entry.value = ReadValue(column);
      list.end = std::max(entry.value.end, entry.begin + 1);
      list.entries.push_back(std::move(entry));
    }
    return list;
  }

  // ---- Brackets ----

  // To what comes next between the brackets; false: they are not closed, and what comes belongs to others.
  bool ToFlowContent(int parent) {
    const std::size_t line = line_;
    SkipEmpty();
    if (at_ >= text_.size() || AtMarker()) return false;
    return line_ == line || Column() > parent || text_[at_] == '}' || text_[at_] == ']';
  }

  Node ReadFlow(int parent) {
    Node node;
    node.kind = text_[at_] == '{' ? Node::Kind::kMap : Node::Kind::kList;
    node.begin = at_++;
    node.end = at_;
    while (ToFlowContent(parent)) {
      const char c = text_[at_];
      if (c == ',' || c == '}' || c == ']') {
        node.end = ++at_;
        if (c == ',') continue;
        return node;
      }
      const std::size_t before = at_;
      node.entries.push_back(node.kind == Node::Kind::kMap ? ReadFlowMember(parent) : ReadFlowElement(parent));
      node.end = std::max({node.end, node.entries.back().end, node.entries.back().value.end});
      if (unclosed_) return node;
      if (at_ == before) ++at_;
    }
    unclosed_ = true;
    return node;
  }

  Entry ReadFlowElement(int parent) {
    Entry entry;
    entry.begin = entry.end = at_;
    entry.value = ReadFlowValue(parent);
    return entry;
  }

  bool EndsFlowKey(std::size_t at) const {
    return text_[at] == ':' && (at + 1 >= text_.size() || IsBlank(text_[at + 1]) ||
                                std::string_view("\n,{}[]").find(text_[at + 1]) != std::string_view::npos);
  }

  Entry ReadFlowMember(int parent) {
    Entry entry;
    entry.begin = at_;
    if (text_[at_] == '"' || text_[at_] == '\'') {
      const Node key = ReadQuoted(parent);
      entry.key = key.text;
      entry.quote = key.quote;
      entry.end = key.end;
    } else {
      const Node key = ReadFlowPlain(true);
      entry.key = key.text;
      entry.end = key.end;
    }
    entry.value.begin = entry.value.end = entry.end;
    SkipBlanks();
    if (at_ >= text_.size() || text_[at_] != ':') return entry;
    entry.has_colon = true;
    ++at_;
    entry.value.begin = entry.value.end = at_ < text_.size() && IsBlank(text_[at_]) ? at_ + 1 : at_;
    if (!ToFlowContent(parent)) {
      unclosed_ = true;
      return entry;
    }
    if (text_[at_] != ',' && text_[at_] != '}' && text_[at_] != ']') entry.value = ReadFlowValue(parent);
    return entry;
  }

  Node ReadFlowPlain(bool is_key) {
    Node node;
    node.kind = Node::Kind::kScalar;
    node.begin = node.end = at_;
    for (; !AtEndOfLine(); ++at_) {
      if (std::string_view(",{}[]").find(text_[at_]) != std::string_view::npos) break;
      if (is_key && EndsFlowKey(at_)) break;
      if (at_ > node.begin && IsComment(at_)) break;
      if (!IsBlank(text_[at_])) node.end = at_ + 1;
    }
    node.text = text_.substr(node.begin, node.end - node.begin);
    return node;
  }

  Node ReadFlowValue(int parent) {
    SkipProperties();
    if (at_ >= text_.size()) return {};
    const char c = text_[at_];
    if ((c == '{' || c == '[') && depth_ < kMaxDepth) {
      ++depth_;
      Node node = ReadFlow(parent);
      --depth_;
      return node;
    }
    if (c == '"' || c == '\'') return ReadQuoted(parent);
    return ReadFlowPlain(false);
  }

  const std::string_view text_;
  std::size_t at_ = 0;
  std::size_t line_ = 0;  // where that of `at_` begins
  int depth_ = 0;
  bool unclosed_ = false;  // the brackets that are being read end here, unclosed
};

bool Holds(std::size_t begin, std::size_t end, std::size_t offset) {
  return begin <= offset && offset <= end;
}

// Goes on from a value that holds the offset.
void Descend(const Node& node, std::size_t offset, Spot& spot) {
  if (node.kind == Node::Kind::kScalar) {
    spot.text = node.text;
    spot.begin = node.begin;
    spot.end = node.end;
    spot.quote = node.quote;
    spot.is_scalar = true;
    return;
  }
  for (std::size_t i = 0; i < node.entries.size(); ++i) {
    const Entry& entry = node.entries[i];
    const bool is_member = node.kind == Node::Kind::kMap;
    const bool on_key = is_member && Holds(entry.begin, entry.end, offset);
    if (!on_key && !Holds(entry.value.begin, entry.value.end, offset)) continue;
    spot.around.push_back(&node);
    spot.path = is_member ? spot.path.Key(entry.key) : spot.path.Index(i);
    spot.entry = &entry;
    if (!on_key) return Descend(entry.value, offset, spot);
    spot.on_key = true;
    spot.text = entry.key;
    spot.begin = entry.begin;
    spot.end = entry.end;
    spot.quote = entry.quote;
    return;
  }
}

}  // namespace

const Entry* Node::Find(std::string_view key) const {
  if (kind != Kind::kMap) return nullptr;
  const auto found = std::find_if(entries.begin(), entries.end(), [&](const Entry& e) { return e.key == key; });
  return found == entries.end() ? nullptr : &*found;
}

const std::string& Node::TextOf(std::string_view key) const {
  static const std::string kNone;
  const Entry* entry = Find(key);
  return entry == nullptr || entry->value.kind != Kind::kScalar ? kNone : entry->value.text;
}

const Node* Node::At(const Path& path) const {
  const Node* node = this;
  for (const Path::Step& step : path.steps()) {
    if (const auto* index = std::get_if<std::size_t>(&step)) {
      if (node->kind != Kind::kList || *index >= node->entries.size()) return nullptr;
      node = &node->entries[*index].value;
    } else {
      const Entry* entry = node->Find(std::get<std::string>(step));
      if (entry == nullptr) return nullptr;
      node = &entry->value;
    }
  }
  return node;
}

Outline OutlineOf(std::string_view text) {
  constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";
  if (!text.starts_with(kByteOrderMark)) return Parser(text).Read();
  // Empty lines in its place keep the offsets.
  std::string without(text);
  without.replace(0, kByteOrderMark.size(), kByteOrderMark.size(), '\n');
  return Parser(without).Read();
}

std::optional<Spot> SpotAt(const Outline& outline, std::size_t offset) {
  for (const Node& document : outline.documents) {
    if (!Holds(document.begin, document.end, offset)) continue;
    Spot spot;
    spot.document = &document;
    Descend(document, offset, spot);
    return spot;
  }
  return std::nullopt;
}

}  // namespace guidon::lsp
