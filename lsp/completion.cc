#include "lsp/completion.h"

#include <algorithm>
#include <map>
#include <set>
#include <utility>

#include "lsp/hover.h"

namespace guidon::lsp {
namespace {

constexpr std::size_t kMaxDescribed = 200;

// Stands where the cursor is while the text is looked at, so that there is always a word, and it shows by its indent
// what it would belong to. A character of nobody's, U+E000.
constexpr std::string_view kMark = "\xEE\x80\x80";

bool CanStandBare(const std::string& text) {
  if (text.empty() || text == "true" || text == "false" || text == "null" || text == "~") return false;
  if (std::string_view("-?:,[]{}#&*!|>'\"%@` ").find(text.front()) != std::string_view::npos) return false;
  if (text.back() == ' ' || text.find_first_of(",[]{}\n\r\t") != std::string::npos) return false;
  if (text.find(": ") != std::string::npos || text.find(" #") != std::string::npos || text.back() == ':') return false;
  return text.find_first_not_of("0123456789.+-eExXoO_") != std::string::npos;  // or it would be a number
}

std::string Quoted(const std::string& text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  return out + "\"";
}

class Completer {
 public:
  Completer(const Folder& folder, const Schemas& schemas, const std::string& file, const File& held, std::size_t cursor)
      : folder_(folder),
        schemas_(schemas),
        file_(file),
        held_(held),
        cursor_(std::min(cursor, held.text.size())),
        marked_(OutlineOf(held.text.str().substr(0, cursor_) + std::string(kMark) + held.text.str().substr(cursor_))) {}

  Suggestions Read() {
    result_.begin = result_.end = cursor_;
    const std::optional<Spot> spot = SpotAt(marked_, cursor_ + 1);
    if (!spot || (!spot->is_scalar && !spot->on_key) || spot->quote == '|') return {};
    spot_ = *spot;
    if (!FindRange()) return {};
    is_alone_ = !spot_.on_key && CouldBeginMap();
    if (!spot_.on_key) AddValues(NameAt(held_.kind, *spot_.document, spot_.path, false));
    if (spot_.on_key || is_alone_) AddKeys();
    Cut();
    Describe();
    return std::move(result_);
  }

 private:
  // What is replaced: the word without its quotes, in its line.
  bool FindRange() {
    const std::string& text = held_.text.str();
    std::size_t begin = spot_.begin, end = spot_.end - kMark.size();
    if (spot_.quote != 0) {
      ++begin;
      const bool is_closed = end > begin && end > cursor_ && text[end - 1] == spot_.quote;
      end = is_closed ? end - 1 : cursor_;
    }
    if (begin > cursor_ || end < cursor_) return false;
    if (text.find('\n', begin) < end) return false;
    result_.begin = begin;
    result_.end = end;
    typed_ = text.substr(begin, cursor_ - begin);
    return true;
  }

  // A word below its key, or behind a dash, is a value or the beginning of a map.
  bool CouldBeginMap() const {
    if (spot_.quote != 0) return false;
    if (spot_.entry == nullptr) return true;
    const std::string& text = held_.text.str();
    if (spot_.entry->end == spot_.entry->begin) {  // an element; in brackets a map begins with one of its own
      return text.compare(std::min(spot_.entry->begin, text.size()), 1, "-") == 0;
    }
    const std::size_t line = text.find('\n', spot_.entry->end);
    return line < spot_.begin;
  }

  void Add(Suggestion suggestion) {
    if (!known_.insert(suggestion.label).second) return;
    result_.list.push_back(std::move(suggestion));
  }

  std::string Written(const std::string& text, bool can_stand_bare = false) const {
    if (spot_.quote == '"') {
      const std::string quoted = Quoted(text);
      return quoted.substr(1, quoted.size() - 2);
    }
    return spot_.quote == 0 && !can_stand_bare && !CanStandBare(text) ? Quoted(text) : text;
  }

  // ---- Values ----

  void AddValues(const Name& name) {
    AddNames(name, false);
    for (const std::string& word : schemas_.WordsAt(held_.kind, *spot_.document, spot_.path)) {
      Add({SuggestionKind::kWord, word, "", "", word});
    }
  }

  void AddNames(const Name& name, bool as_key) {
    switch (name.role) {
      case Role::kFlag:
      case Role::kSegment:
      case Role::kMetric:
      case Role::kLayer:
      case Role::kHoldout:
      case Role::kExperiment:
      case Role::kEnvironment:
        if (!name.defines) AddDefined(name, SuggestionKind::kName, as_key);
        break;
      case Role::kVariation:
        if (name.defines) return;
        AddDefined(name, SuggestionKind::kVariation, as_key);
        AddOnAndOff(name, as_key);
        break;
      case Role::kVariant:
        if (name.defines) return;
        AddDefined(name, SuggestionKind::kVariation, as_key);
        if (!as_key) AddOne({SuggestionKind::kVariation, "none", "does not take part", "", ""}, as_key);
        break;
      case Role::kRule:
        if (!name.defines) AddDefined(name, SuggestionKind::kVariation, as_key);
        break;
      case Role::kAttribute:
        if (!as_key) AddOne({SuggestionKind::kName, "key", "attribute", "The key of the context.", ""}, false);
        AddSeen(name, SuggestionKind::kName, as_key);
        break;
      case Role::kEventAttribute:
      case Role::kEvent:
        AddSeen(name, SuggestionKind::kName, as_key);
        break;
      case Role::kAttributeValue:
        AddSeen(name, SuggestionKind::kValue, as_key);
        break;
      case Role::kNone:
        break;
    }
  }

  void AddOne(Suggestion suggestion, bool as_key, bool can_stand_bare = false) {
    suggestion.text = as_key ? KeyText(suggestion.label, " ") : Written(suggestion.label, can_stand_bare);
    if (!as_key || !HasSibling(suggestion.label)) Add(std::move(suggestion));
  }

  // Of all files, and of this one as it is while it is typed.
  template <typename Use>
  void ForEachName(const Name& name, Use use) const {
    for (const Occurrence& occurrence : NamesIn(held_.kind, marked_)) {
      if (Matches(occurrence.name, name) && occurrence.name.text.find(kMark) == std::string::npos) use(occurrence);
    }
    for (const auto& [file, held] : folder_.files()) {
      if (file == file_) continue;
      for (const Occurrence& occurrence : held->names) {
        if (Matches(occurrence.name, name)) use(occurrence);
      }
    }
  }
  static bool Matches(const Name& a, const Name& b) { return a.role == b.role && a.of == b.of; }

  void AddDefined(const Name& name, SuggestionKind kind, bool as_key) {
    ForEachName(name, [&](const Occurrence& found) {
      if (!found.name.defines) return;
      AddOne({kind, found.name.text, std::string(ToString(name.role)), "", "", found.name}, as_key);
    });
  }

  // Names that are nowhere defined: those in use, the most used first.
  void AddSeen(const Name& name, SuggestionKind kind, bool as_key) {
    struct Seen {
      std::size_t times = 0;
      bool is_bare = false;  // a number, or true: it was written without quotes
    };
    std::map<std::string, Seen> seen;
    ForEachName(name, [&](const Occurrence& found) {
      Seen& one = seen[found.name.text];
      ++one.times;
      one.is_bare |= found.quote == 0;
    });
    std::vector<std::pair<std::string, Seen>> sorted(seen.begin(), seen.end());
    std::stable_sort(sorted.begin(), sorted.end(),
                     [](const auto& a, const auto& b) { return a.second.times > b.second.times; });
    const std::string detail = kind == SuggestionKind::kValue ? "of " + name.of : std::string(ToString(name.role));
    for (const auto& [text, one] : sorted) AddOne({kind, text, detail, "", ""}, as_key, one.is_bare);
  }

  // A boolean flag has them without saying so.
  void AddOnAndOff(const Name& name, bool as_key) {
    const Node* definition = DefinitionOf(*spot_.document, spot_.path);
    const bool is_here =
        held_.kind == FileKind::kFlags && definition != nullptr && definition->TextOf("flag") == name.of;
    bool is_boolean = is_here && definition->TextOf("type") == "boolean";
    if (!is_here) {
      const FlagRecord* flag = folder_.definitions().entities.FindFlag(name.of);
      is_boolean = flag != nullptr && flag->definition.type == FlagType::kBoolean;
    }
    if (!is_boolean) return;
    for (const char* word : {"on", "off"}) AddOne({SuggestionKind::kVariation, word, "variation", "", ""}, as_key);
  }

  // ---- Keys ----

  const Node* MapAround() const { return spot_.on_key && !spot_.around.empty() ? spot_.around.back() : nullptr; }
  bool HasSibling(const std::string& key) const { return MapAround() != nullptr && MapAround()->Find(key) != nullptr; }

  // A colon that is there already is not written again.
  std::string KeyText(const std::string& key, const char* after) const {
    const std::string& text = held_.text.str();
    const bool has_colon = spot_.on_key && spot_.entry->has_colon;
    std::string written = Written(key);
    if (has_colon) return written;
    if (spot_.quote != 0) {
      const bool is_closed = result_.end < text.size() && text[result_.end] == spot_.quote;
      return is_closed ? written : written + spot_.quote + ":" + after;
    }
    return written + ":" + after;
  }

  void AddKeys() {
    Path map = spot_.path;
    Name name;
    if (spot_.on_key) {
      map = ParentOf(spot_.path);
      name = NameAt(held_.kind, *spot_.document, spot_.path, true);
    } else {
      name = NameAt(held_.kind, *spot_.document, spot_.path.Key(std::string(kMark)), true);
    }
    const std::vector<SchemaKey> keys = schemas_.KeysAt(held_.kind, *spot_.document, map);
    const bool is_condition = name.role == Role::kAttribute || name.role == Role::kEventAttribute;
    if (!is_condition) AddNames(name, true);
    for (const bool required : {true, false}) {
      for (const SchemaKey& key : keys) {
        if (key.is_required != required || HasSibling(key.name)) continue;
        Add({SuggestionKind::kKey, key.name, required ? "required" : "", key.description,
             KeyText(key.name, key.holds_more ? "" : " ")});
      }
    }
    if (is_condition) AddNames(name, true);
  }

  static Path ParentOf(const Path& path) {
    Path parent;
    for (std::size_t i = 0; i + 1 < path.steps().size(); ++i) {
      const Path::Step& step = path.steps()[i];
      parent = std::holds_alternative<std::size_t>(step) ? parent.Index(std::get<std::size_t>(step))
                                                         : parent.Key(std::get<std::string>(step));
    }
    return parent;
  }

  void Cut() {
    if (result_.list.size() <= kMaxSuggestions) return;
    result_.is_cut = true;
    std::erase_if(result_.list, [&](const Suggestion& s) { return s.label.find(typed_) == std::string::npos; });
    if (result_.list.size() > kMaxSuggestions) result_.list.resize(kMaxSuggestions);
  }

  // Not of very many: nobody reads them, and each is looked for.
  void Describe() {
    if (result_.list.size() > kMaxDescribed) return;
    for (Suggestion& suggestion : result_.list) {
      if (suggestion.name.role != Role::kNone) suggestion.description = HoverText(folder_, suggestion.name);
    }
  }

  const Folder& folder_;
  const Schemas& schemas_;
  const std::string& file_;
  const File& held_;
  const std::size_t cursor_;
  const Outline marked_;
  Spot spot_;
  bool is_alone_ = false;
  std::string typed_;
  std::set<std::string> known_;
  Suggestions result_;
};

}  // namespace

Suggestions SuggestionsAt(const Folder& folder, const Schemas& schemas, const std::string& file, std::size_t cursor) {
  const File* held = folder.Find(file);
  if (held == nullptr) return {};
  return Completer(folder, schemas, file, *held, cursor).Read();
}

}  // namespace guidon::lsp
