#include <algorithm>
#include <array>
#include <iterator>
#include <utility>

#include "format/edit.h"
#include "format/tree.h"

namespace guidon::format {
namespace {

constexpr std::size_t kIndent = 2;

std::size_t Width(std::string_view text) {
  return static_cast<std::size_t>(
      std::count_if(text.begin(), text.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; }));
}

bool IsCollection(const Node& node) {
  return node.kind == Kind::kList || node.kind == Kind::kMap;
}
bool IsBlock(const Node& node) {
  return IsCollection(node) && !node.flow && !node.entries.empty();
}

void Append(std::vector<Comment>& to, std::vector<Comment>& from) {
  std::move(from.begin(), from.end(), std::back_inserter(to));
  from.clear();
}

void AppendText(std::vector<Comment>& to, std::string& text) {
  if (!text.empty()) to.push_back({std::exchange(text, {}), false});
}

std::string Prefixed(const std::string& properties, const std::string& text) {
  if (properties.empty() || text.empty()) return properties + text;
  return properties + " " + text;
}

std::string ScalarOnOneLine(const Node& node, bool needs_text) {
  if (node.kind == Kind::kAlias) return node.text;
  if (node.is_empty) {
    if (!needs_text) return node.properties;
    return Prefixed(node.properties, node.properties.find('!') == std::string::npos ? "null" : "\"\"");
  }
  if (node.kind == Kind::kPlain && node.lines.empty()) return Prefixed(node.properties, node.text);
  if (node.properties.find('!') == std::string::npos && CanBePlain(node.text)) {
    return Prefixed(node.properties, node.text);
  }
  return Prefixed(node.properties, Quoted(node.text));
}

std::string OnOneLine(const Node& node, bool needs_text = false);

std::string KeyOnOneLine(const Node& key) {
  return ScalarOnOneLine(key, true) + (key.kind == Kind::kAlias ? " :" : ":");
}

std::string OnOneLine(const Node& node, bool needs_text) {
  if (!IsCollection(node)) return ScalarOnOneLine(node, needs_text);
  const bool is_map = node.kind == Kind::kMap;
  std::string text;
  for (const auto& entry : node.entries) {
    text += text.empty() ? (is_map ? "{ " : "[") : ", ";
    if (entry->key != nullptr) text += KeyOnOneLine(*entry->key) + " ";
    text += OnOneLine(*entry->value, true);
  }
  if (text.empty()) return Prefixed(node.properties, is_map ? "{}" : "[]");
  // "*a ]" and not "*a]": a name may go on with anything but a blank.
  if (is_map || text.back() == ':') text += " ";
  return Prefixed(node.properties, text + (is_map ? "}" : "]"));
}

// Decides which lists and maps in brackets are broken into lines, and gives every comment a place that the layout has.
class Settler {
 public:
  explicit Settler(std::size_t columns) : columns_(columns) {}

  // `prefix`: what stands before the value on its line.
  void Settle(Entry& entry, std::size_t indent, std::size_t prefix, bool is_root) const {
    Node& value = *entry.value;
    if (IsCollection(value)) SettleCollection(entry, value, indent, prefix, is_root);
    if (value.kind == Kind::kBlockScalar || (IsBlock(value) && (entry.key != nullptr || !value.properties.empty()))) {
      if (entry.head.empty()) entry.head = std::exchange(entry.after, {});
    } else if (IsBlock(value)) {
      AppendText(entry.before, entry.head);
    } else if (entry.after.empty()) {
      entry.after = std::exchange(entry.head, {});
    } else {
      AppendText(entry.before, entry.head);
    }
    const bool has_after = !IsBlock(value) && value.kind != Kind::kBlockScalar;
    if (!has_after) AppendText(entry.before, entry.after);
    // The first entry of a value that begins on the line of its dash.
    if (entry.key == nullptr && value.properties.empty() && IsBlock(value)) {
      Entry& first = *value.entries.front();
      Append(entry.before, first.before);
      first.blank_before = false;
    }
  }

 private:
  void SettleCollection(Entry& entry, Node& value, std::size_t indent, std::size_t prefix, bool is_root) const {
    if (value.entries.empty()) {
      value.flow = true;
      return Append(entry.before, value.tail);
    }
    if (value.flow && (HasComments(value) || prefix + Width(OnOneLine(value)) > columns_)) value.flow = false;
    if (value.flow) return;
    const std::size_t inner = is_root ? indent : indent + kIndent;
    for (const auto& child : value.entries) {
      if (child->key == nullptr) {
        Settle(*child, inner, inner + kIndent, false);
        continue;
      }
      Settle(*child, inner, inner + Width(KeyOnOneLine(*child->key)) + 1, false);
    }
  }

  const std::size_t columns_;
};

class Writer {
 public:
  std::string Take() { return std::move(out_); }

  void Write(const Document& document) {
    Comments(document.root.before, 0, true);
    const Node& value = *document.root.value;
    if (document.root.blank_before && !document.root.before.empty()) out_ += "\n";
    if (IsBlock(value)) {
      if (!value.properties.empty()) Line(0, value.properties + Behind(document.root.head));
      Entries(value, 0, false);
    } else {
      WriteValue(document.root, 0, "");
    }
    Comments(document.tail, 0, false);
  }
  void Separate() { out_ += "---\n"; }
  void Comments(const std::vector<Comment>& comments, std::size_t indent, bool is_first) {
    for (const Comment& comment : comments) {
      if (comment.blank_before && !is_first) out_ += "\n";
      is_first = false;
      Line(indent, comment.text);
    }
  }

 private:
  void Line(std::size_t indent, std::string_view text) {
    out_.append(text.empty() ? 0 : indent, ' ').append(text) += '\n';
  }
  static std::string Behind(const std::string& comment) { return comment.empty() ? "" : "  " + comment; }

  void Entries(const Node& node, std::size_t indent, bool continued) {
    bool is_first = true;
    for (const auto& entry : node.entries) {
      Comments(entry->before, indent, is_first);
      if (entry->blank_before && !(is_first && entry->before.empty())) out_ += "\n";
      if (!(is_first && continued)) out_.append(indent, ' ');
      is_first = false;
      out_ += entry->key != nullptr ? KeyOnOneLine(*entry->key) : "-";
      WriteEntry(*entry, indent);
    }
    Comments(node.tail, indent, false);
  }

  void WriteEntry(const Entry& entry, std::size_t indent) {
    const Node& value = *entry.value;
    if (!IsBlock(value)) return WriteValue(entry, indent, " ");
    if (entry.key == nullptr && value.properties.empty()) {
      out_ += " ";
      return Entries(value, indent + kIndent, true);
    }
    if (!value.properties.empty()) out_ += " " + value.properties;
    out_ += Behind(entry.head) + "\n";
    Entries(value, indent + kIndent, false);
  }

  void WriteValue(const Entry& entry, std::size_t indent, std::string_view before) {
    const Node& value = *entry.value;
    if (value.kind == Kind::kBlockScalar) return WriteBlockScalar(entry, indent, before);
    if (!value.lines.empty()) return WriteLines(entry, indent, before);
    const std::string text = OnOneLine(value);
    if (!text.empty()) out_.append(before) += text;
    out_ += Behind(entry.after) + "\n";
  }

  void WriteLines(const Entry& entry, std::size_t indent, std::string_view before) {
    const Node& value = *entry.value;
    out_.append(before) += Prefixed(value.properties, value.lines.front());
    for (std::size_t i = 1; i < value.lines.size(); ++i) {
      out_ += "\n";
      if (!value.lines[i].empty()) out_.append(indent + kIndent, ' ') += value.lines[i];
    }
    out_ += Behind(entry.after) + "\n";
  }

  void WriteBlockScalar(const Entry& entry, std::size_t indent, std::string_view before) {
    const Node& value = *entry.value;
    std::string indicator = value.indicator;
    const auto first =
        std::find_if(value.lines.begin(), value.lines.end(), [](const std::string& line) { return !line.empty(); });
    if (first != value.lines.end() && first->front() == ' ') indicator.insert(1, std::to_string(kIndent));
    out_.append(before) += Prefixed(value.properties, indicator) + Behind(entry.head) + "\n";
    for (const std::string& line : value.lines) Line(indent + kIndent, line);
  }

  std::string out_;
};

// As many bytes as the character at the front has; 0: one that is better written as an escape.
std::size_t Printable(std::string_view text) {
  const auto byte = [&](std::size_t i) { return i < text.size() ? static_cast<unsigned char>(text[i]) : 0U; };
  if (byte(0) < 0x20 || byte(0) == 0x7F) return 0;
  if (byte(0) < 0x80) return 1;
  const std::size_t size = byte(0) < 0xE0 ? 2 : byte(0) < 0xF0 ? 3 : 4;
  if (byte(0) == 0xC2 && byte(1) <= 0xA0) return 0;                                          // C1, no-break space
  if (byte(0) == 0xE2 && byte(1) == 0x80 && (byte(2) == 0xA8 || byte(2) == 0xA9)) return 0;  // line separators
  if (byte(0) == 0xEF && byte(1) == 0xBB && byte(2) == 0xBF) return 0;                       // byte order mark
  if (byte(0) == 0xEF && byte(1) == 0xBF && byte(2) >= 0xBE) return 0;                       // no characters
  return size;
}

bool AllPrintable(std::string_view text) {
  while (!text.empty()) {
    const std::size_t size = Printable(text);
    if (size == 0) return false;
    text.remove_prefix(std::min(size, text.size()));
  }
  return true;
}

// "\u2028"
std::string Escaped(unsigned code) {
  constexpr std::string_view kDigits = "0123456789ABCDEF";
  std::string text = "\\u";
  for (int shift = 12; shift >= 0; shift -= 4) text += kDigits[(code >> shift) & 0xF];
  return text;
}

}  // namespace

bool CanBePlain(std::string_view text) {
  const auto is_letter = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); };
  if (text.empty() || (!is_letter(text.front()) && text.front() != '_')) return false;
  if (text.back() == ' ' || text.find_first_of(":#,[]{}\"\\") != std::string_view::npos) return false;
  std::string lower(text);
  std::transform(lower.begin(), lower.end(), lower.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
  // YAML 1.1, which many still read, takes more words for booleans.
  static constexpr std::array<std::string_view, 9> kOtherwise = {"true", "false", "null", "yes", "no",
                                                                 "on",   "off",   "y",    "n"};
  return std::find(kOtherwise.begin(), kOtherwise.end(), lower) == kOtherwise.end() && AllPrintable(text);
}

std::string Quoted(std::string_view text) {
  std::string quoted;
  if (text.find_first_of("\"\\") != std::string_view::npos && AllPrintable(text)) {
    for (char c : text) quoted += c == '\'' ? "''" : std::string(1, c);
    return "'" + quoted + "'";
  }
  while (!text.empty()) {
    const char c = text.front();
    std::size_t size = Printable(text);
    if (c == '"' || c == '\\') {
      quoted += std::string("\\") + c;
    } else if (c == '\n' || c == '\t') {
      quoted += c == '\n' ? "\\n" : "\\t";
      size = 1;
    } else if (size > 0) {
      quoted += text.substr(0, size);
    } else {
      const auto byte = [&](std::size_t i) { return static_cast<unsigned>(static_cast<unsigned char>(text[i])); };
      size = byte(0) < 0x80 ? 1 : byte(0) < 0xE0 ? 2 : 3;
      quoted += Escaped(size == 1   ? byte(0)
                        : size == 2 ? (byte(0) & 0x1F) << 6 | (byte(1) & 0x3F)
                                    : (byte(0) & 0xF) << 12 | (byte(1) & 0x3F) << 6 | (byte(2) & 0x3F));
    }
    text.remove_prefix(std::min(size, text.size()));
  }
  return "\"" + quoted + "\"";
}

std::string WriteTree(Tree tree, std::size_t columns) {
  const Settler settler(columns);
  Writer writer;
  bool is_first = true;
  for (const auto& document : tree.documents) {
    if (!std::exchange(is_first, false)) writer.Separate();
    settler.Settle(document->root, 0, 0, true);
    writer.Write(*document);
  }
  writer.Comments(tree.tail, 0, true);
  return writer.Take();
}

}  // namespace guidon::format
