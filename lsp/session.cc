#include "lsp/session.h"

#include <algorithm>
#include <cctype>
#include <filesystem>
#include <iterator>
#include <limits>
#include <utility>

#include "core/base/json.h"
#include "core/base/json_record.h"
#include "format/format.h"
#include "lsp/completion.h"
#include "lsp/framing.h"
#include "lsp/hover.h"
#include "lsp/uri.h"

namespace guidon::lsp {
namespace {

namespace fs = std::filesystem;

constexpr const char *kProjectFileName = "guidon.yaml", *kPolicyFileName = "gate.yaml";

const Value& MemberOf(const Value& object, std::string_view name) {
  static const Value kNull;
  const Value* member = object.Find(name);
  return member == nullptr ? kNull : *member;
}
// Of what is deeper: {"workspace", "didChangeWatchedFiles", "dynamicRegistration"}.
const Value& MemberOf(const Value& object, std::initializer_list<std::string_view> names) {
  const Value* value = &object;
  for (const std::string_view name : names) value = &MemberOf(*value, name);
  return *value;
}
bool Lists(const Value& list, std::string_view word) {
  const Array& words = list.AsArray();
  return std::any_of(words.begin(), words.end(), [&](const Value& one) { return one.AsString() == word; });
}

std::uint32_t Counted(const Value& number) {
  constexpr std::int64_t kMost = std::numeric_limits<std::int32_t>::max();
  return static_cast<std::uint32_t>(std::clamp<std::int64_t>(number.AsInt(), 0, kMost));
}
Place PlaceIn(const Value& position) {
  return {Counted(MemberOf(position, "line")), Counted(MemberOf(position, "character"))};
}
Value ValueOf(Place place) {
  return Object{{"line", Value(place.line)}, {"character", Value(place.character)}};
}

Value Notification(const char* method, Value params) {
  return Object{{"jsonrpc", Value("2.0")}, {"method", Value(method)}, {"params", std::move(params)}};
}

std::string UriIn(const Value& params) {
  return TextOf(MemberOf(params, "textDocument"), "uri");
}

bool IsYaml(std::string_view path) {
  return path.ends_with(".yaml") || path.ends_with(".yml");
}
// Guidon does not read what is hidden, or below what is.
bool IsHidden(std::string_view file) {
  return file.starts_with('.') || file.find("/.") != std::string_view::npos;
}

bool IsBelow(std::string_view path, std::string_view folder) {
  return path.size() > folder.size() && path.starts_with(folder) && path[folder.size()] == '/';
}

// Of a folder, however it is written.
std::optional<std::string> FolderOfUri(const std::string& uri) {
  std::optional<std::string> path = PathOfUri(uri);
  while (path && path->size() > 1 && path->back() == '/') path->pop_back();
  return path;
}

// Markdown as HoverText writes it, for editors that show it as it is. What is code stands as it is, without the marks
// around it.
std::string WithoutMarkup(const std::string& markdown) {
  constexpr std::string_view kFence = "```";
  std::string out;
  for (std::size_t i = 0; i < markdown.size(); ++i) {
    if (markdown.compare(i, kFence.size(), kFence) == 0) {
      const std::size_t begin = std::min(markdown.find('\n', i), markdown.size() - 1) + 1;
      const std::size_t end = std::min(markdown.find(kFence, begin), markdown.size());
      out += markdown.substr(begin, end - begin);
      i = end + kFence.size() - 1;
    } else if (markdown[i] == '`') {
      const std::size_t end = std::min(markdown.find('`', i + 1), markdown.size());
      out += markdown.substr(i + 1, end - i - 1);
      i = end;
    } else if (markdown[i] == '\\' && i + 1 < markdown.size()) {
      out += markdown[++i];
    } else if (markdown.compare(i, 2, "**") == 0) {
      ++i;
    } else {
      out += markdown[i];
    }
  }
  return out;
}

bool HoldsWord(std::string_view text, std::string_view word) {
  return std::search(text.begin(), text.end(), word.begin(), word.end(),
                     [](unsigned char a, unsigned char b) { return std::tolower(a) == std::tolower(b); }) != text.end();
}

// Kinds of the protocol.
int CompletionKindOf(SuggestionKind kind) {
  switch (kind) {
    case SuggestionKind::kName:
      return 18;  // Reference
    case SuggestionKind::kVariation:
      return 20;  // EnumMember
    case SuggestionKind::kValue:
      return 12;  // Value
    case SuggestionKind::kKey:
      return 10;  // Property
    case SuggestionKind::kWord:
      return 14;  // Keyword
  }
  return 1;
}
int SymbolKindOf(Role role) {
  switch (role) {
    case Role::kFlag:
      return 13;  // Variable
    case Role::kSegment:
      return 5;  // Class
    case Role::kMetric:
      return 12;  // Function
    case Role::kExperiment:
      return 11;  // Interface
    case Role::kEnvironment:
      return 3;  // Namespace
    case Role::kVariation:
    case Role::kVariant:
      return 22;  // EnumMember
    case Role::kRule:
      return 8;  // Field
    default:
      return 2;  // Module
  }
}
bool IsPart(Role role) {
  return role == Role::kVariation || role == Role::kVariant || role == Role::kRule;
}

Value Told(const std::string& message) {
  constexpr int kWarning = 2;
  return Notification("window/showMessage", Object{{"type", Value(kWarning)}, {"message", Value(message)}});
}
std::string MiBOf(std::size_t bytes) {
  return std::to_string(bytes >> 20) + " MiB";
}

std::optional<EntityRef> RefOf(const Name& name) {
  if (name.role == Role::kFlag) return EntityRef{EntityKind::kFlag, name.text};
  if (name.role == Role::kExperiment) return EntityRef{EntityKind::kExperiment, name.text};
  return std::nullopt;
}

// The flag or experiment that a variation, a rule or a variant is of.
Name WholeOf(const Name& name) {
  const Role role = name.role == Role::kVariant ? Role::kExperiment : Role::kFlag;
  return {role, name.of.substr(0, name.of.find(' ')), "", false};
}

// The definition that is written here, with all of it.
const Node* DefinitionAround(const File& file, std::size_t offset) {
  for (const Node& document : file.outline.documents) {
    if (offset < document.begin || offset > document.end) continue;
    if (document.kind != Node::Kind::kList) return &document;
    for (const Entry& entry : document.entries) {
      if (entry.value.begin <= offset && offset <= entry.value.end) return &entry.value;
    }
  }
  return nullptr;
}

}  // namespace

Value RpcFault(const Value& id, int code, const std::string& message) {
  return Object{
      {"jsonrpc", Value("2.0")}, {"id", id}, {"error", Object{{"code", Value(code)}, {"message", Value(message)}}}};
}

Session::Session(SessionOptions options) : options_(std::move(options)) {}

std::vector<Value> Session::Take(const Value& message) {
  to_send_.clear();
  const Value* id = message.Find("id");
  const bool has_id = id != nullptr && (id->is_int() || id->is_string());
  const std::string method = TextOf(message, "method");
  if (method.empty()) {
    const bool is_answer = message.Find("result") != nullptr || message.Find("error") != nullptr;
    if (is_answer && message.is_object()) return {};  // to what we asked; there is nothing to do
    return {RpcFault(has_id ? *id : Value(), kInvalidRequest, "a message without a method")};
  }
  if (id != nullptr && !has_id) return {RpcFault(Value(), kInvalidRequest, "an id that is no number and no text")};
  const Value& params = MemberOf(message, "params");
  if (!has_id) {
    Notice(method, params);
    return std::move(to_send_);
  }
  if (phase_ == Phase::kNew && method != "initialize") {
    return {RpcFault(*id, kServerNotInitialized, "initialize comes first")};
  }
  if (phase_ == Phase::kShutDown || (phase_ == Phase::kRunning && method == "initialize")) {
    return {
        RpcFault(*id, kInvalidRequest, phase_ == Phase::kShutDown ? "it has been shut down" : "it was initialized")};
  }
  const std::optional<Value> answer = Answer(method, params);
  if (!answer) return {RpcFault(*id, kMethodNotFound, "there is no method " + Shortened(method, 100))};
  to_send_.insert(to_send_.begin(), Value(Object{{"jsonrpc", Value("2.0")}, {"id", *id}, {"result", *answer}}));
  return std::move(to_send_);
}

std::optional<Value> Session::Answer(const std::string& method, const Value& params) {
  if (method == "initialize") return Initialize(params);
  if (method == "shutdown") {
    phase_ = Phase::kShutDown;
    return Value();
  }
  if (method == "textDocument/completion") return Complete(params);
  if (method == "textDocument/hover") return Hover(params);
  if (method == "textDocument/definition") return Definition(params);
  if (method == "textDocument/references") return References(params);
  if (method == "textDocument/documentSymbol") return DocumentSymbols(params);
  if (method == "textDocument/formatting") return Format(params);
  if (method == "workspace/symbol") return WorkspaceSymbols(params);
  return std::nullopt;
}

void Session::Notice(const std::string& method, const Value& params) {
  if (method == "exit") {
    exit_code_ = phase_ == Phase::kShutDown ? 0 : 1;
    phase_ = Phase::kEnded;
  }
  if (phase_ != Phase::kRunning) return;
  if (method == "initialized" && can_register_watch_) {
    Array watchers;
    for (const char* glob : {"**/*.yaml", "**/*.yml"}) watchers.push_back(Object{{"globPattern", Value(glob)}});
    const Value watch = Object{{"id", Value("guidon-files")},
                               {"method", Value("workspace/didChangeWatchedFiles")},
                               {"registerOptions", Object{{"watchers", Value(std::move(watchers))}}}};
    to_send_.push_back(Object{{"jsonrpc", Value("2.0")},
                              {"id", Value("guidon-watch")},
                              {"method", Value("client/registerCapability")},
                              {"params", Object{{"registrations", Value(Array{watch})}}}});
  }
  if (method == "textDocument/didOpen") Open(params);
  if (method == "textDocument/didChange") Change(params);
  if (method == "textDocument/didClose") Close(params);
  if (method == "workspace/didChangeWatchedFiles") FilesChanged(params);
  if (method == "workspace/didChangeWorkspaceFolders") FoldersChanged(params);
  if (method == "textDocument/didSave") {
    // Where nobody tells of files, this is when other ones may have changed, too.
    for (auto& [path, root] : roots_) root.has_changed = true;
    for (auto& [uri, document] : documents_) {
      if (document.root.empty()) FindRoot(document);
    }
  }
}

Value Session::Initialize(const Value& params) {
  phase_ = Phase::kRunning;
  const Value& client = MemberOf(params, "capabilities");
  if (Lists(MemberOf(client, {"general", "positionEncodings"}), "utf-8")) encoding_ = Encoding::kUtf8;
  can_register_watch_ = MemberOf(client, {"workspace", "didChangeWatchedFiles", "dynamicRegistration"}).AsBool();
  can_related_ = MemberOf(client, {"textDocument", "publishDiagnostics", "relatedInformation"}).AsBool();
  can_markdown_hover_ = Lists(MemberOf(client, {"textDocument", "hover", "contentFormat"}), "markdown");
  can_markdown_items_ =
      Lists(MemberOf(client, {"textDocument", "completion", "completionItem", "documentationFormat"}), "markdown");
  const Value& wishes = MemberOf(params, "initializationOptions");
  if (const std::string server = TextOf(wishes, "server"); !server.empty() && options_.live != nullptr) {
    options_.live->Configure(server, TextOf(wishes, "key"));
  }
  std::vector<std::string> folders;
  for (const Value& folder : ListIn(params, "workspaceFolders")) folders.push_back(TextOf(folder, "uri"));
  if (folders.empty()) folders.push_back(TextOf(params, "rootUri"));
  for (const std::string& uri : folders) AddFolder(uri);
  Array triggers;
  for (const char* trigger : {" ", ":", "{", "[", ",", "\"", "'"}) triggers.emplace_back(trigger);
  return Object{
      {"capabilities",
       Object{{"positionEncoding", Value(encoding_ == Encoding::kUtf8 ? "utf-8" : "utf-16")},
              {"textDocumentSync", Object{{"openClose", Value(true)}, {"change", Value(2)}, {"save", Value(true)}}},
              {"completionProvider", Object{{"triggerCharacters", Value(std::move(triggers))}}},
              {"hoverProvider", Value(true)},
              {"definitionProvider", Value(true)},
              {"referencesProvider", Value(true)},
              {"documentSymbolProvider", Value(true)},
              {"workspaceSymbolProvider", Value(true)},
              {"documentFormattingProvider", Value(true)},
              {"workspace", Object{{"workspaceFolders",
                                    Object{{"supported", Value(true)}, {"changeNotifications", Value(true)}}}}}}},
      {"serverInfo", Object{{"name", Value("guidon")}, {"version", Value(options_.version)}}}};
}

// ---- Documents and workspaces -------------------------------------------------------------------------------------

std::optional<std::string> Session::RootAbove(const std::string& path) const {
  for (fs::path folder = path;;) {
    const fs::path parent = folder.parent_path();
    if (parent == folder) return std::nullopt;
    folder = parent;
    std::error_code error;
    if (fs::is_regular_file(folder / kProjectFileName, error)) return folder.string();
  }
}

void Session::AddRoot(const std::string& root) {
  Root& held = roots_[root];
  if (held.folder == nullptr) held.folder = std::make_unique<Folder>(root);
  if (std::exchange(held.is_left, false)) held.has_news = true;
}

void Session::AddFolder(const std::string& uri) {
  const std::optional<std::string> path = FolderOfUri(uri);
  if (!path) return;
  folders_.insert(*path);
  if (const auto root = RootAbove(*path + "/" + kProjectFileName)) AddRoot(*root);
}

// A folder that is edited is that workspace, within it or around it.
bool Session::HasFolderOf(const std::string& root) const {
  return std::any_of(folders_.begin(), folders_.end(), [&](const std::string& folder) {
    return folder == root || IsBelow(root, folder) || RootAbove(folder + "/" + kProjectFileName) == root;
  });
}

bool Session::HasDocuments(const std::string& root) const {
  return std::any_of(documents_.begin(), documents_.end(), [&](const auto& one) { return one.second.root == root; });
}

void Session::FindRoot(Document& document) {
  document.root.clear();
  const std::optional<std::string> root = IsYaml(document.path) ? RootAbove(document.path) : std::nullopt;
  if (!root) return;
  const std::string file = document.path.substr(*root == "/" ? 1 : root->size() + 1);
  if (IsHidden(file)) return;
  AddRoot(*root);
  document.root = *root;
  document.file = file;
  document.is_put = document.was_published = false;
}

void Session::Open(const Value& params) {
  const Value& opened = MemberOf(params, "textDocument");
  const std::string uri = TextOf(opened, "uri");
  const std::optional<std::string> path = PathOfUri(uri);
  if (!path || (documents_.size() >= kMaxOpenDocuments && !documents_.contains(uri))) return;
  Document& document = documents_[uri];
  document.path = *path;
  document.is_lost = false;
  document.version = MemberOf(opened, "version");
  FindRoot(document);
  SetText(document, TextOf(opened, "text"));
}

void Session::SetText(Document& document, std::string text) {
  const bool is_large = text.size() > kMaxTextBytes;
  document.text = is_large ? Text() : Text(std::move(text));
  if (std::exchange(document.is_lost, is_large) && is_large) return;
  document.is_put = document.was_published = false;
  if (!is_large || document.root.empty()) return;
  to_send_.push_back(Told(document.file + " is larger than " + MiBOf(kMaxTextBytes) +
                          ": guidon does not look at it until it is smaller and opened again"));
}

std::vector<Value> Session::Miss() {
  if (phase_ != Phase::kRunning) return {};
  bool was_known = false;
  for (auto& [uri, document] : documents_) {
    was_known |= !document.root.empty() && !document.is_lost;
    document.text = Text();
    document.is_lost = true;
    document.is_put = document.was_published = false;
  }
  std::string text = "a message of more than " + MiBOf(kMaxBodyBytes) + " was not read";
  if (was_known) text += ": guidon does not look at what is open now until it is opened again";
  return {Told(text)};
}

void Session::Change(const Value& params) {
  const auto held = documents_.find(UriIn(params));
  if (held == documents_.end()) return;
  Document& document = held->second;
  for (const Value& change : ListIn(params, "contentChanges")) {
    const Value* text = change.Find("text");
    if (text == nullptr || !text->is_string()) continue;
    const Value* range = change.Find("range");
    if (range == nullptr || !range->is_object()) {
      SetText(document, text->AsString());
      continue;
    }
    if (document.is_lost) continue;
    const std::size_t begin = document.text.OffsetOf(PlaceIn(MemberOf(*range, "start")), encoding_);
    const std::size_t end = document.text.OffsetOf(PlaceIn(MemberOf(*range, "end")), encoding_);
    document.text.Replace(begin, end, text->AsString());
    if (document.text.size() > kMaxTextBytes) SetText(document, document.text.str());
  }
  document.version = MemberOf(params, {"textDocument", "version"});
  if (!document.is_lost) document.is_put = document.was_published = false;
}

void Session::Close(const Value& params) {
  const auto held = documents_.find(UriIn(params));
  if (held == documents_.end()) return;
  if (const auto root = roots_.find(held->second.root); root != roots_.end()) {
    root->second.folder->Drop(held->second.file);
    root->second.has_changed = true;
  }
  const std::string path = held->second.path;
  documents_.erase(held);
  for (auto& [uri, document] : documents_) {
    if (document.path == path) document.is_put = false;  // open under another name
  }
}

void Session::FilesChanged(const Value& params) {
  bool project_changed = false;
  for (const Value& change : ListIn(params, "changes")) {
    const std::optional<std::string> path = PathOfUri(TextOf(change, "uri"));
    if (!path) continue;
    project_changed |= path->ends_with(std::string("/") + kProjectFileName);
    for (auto& [folder, root] : roots_) root.has_changed |= IsBelow(*path, folder);
  }
  if (!project_changed) return;
  for (auto& [uri, document] : documents_) {
    const std::string before = document.root;
    const std::optional<std::string> root = IsYaml(document.path) ? RootAbove(document.path) : std::nullopt;
    if (root.value_or("") == before) continue;
    if (const auto held = roots_.find(before); held != roots_.end()) held->second.folder->Drop(document.file);
    FindRoot(document);
  }
}

void Session::FoldersChanged(const Value& params) {
  const Value& event = MemberOf(params, "event");
  for (const Value& folder : ListIn(event, "removed")) {
    const std::optional<std::string> path = FolderOfUri(TextOf(folder, "uri"));
    if (!path || folders_.erase(*path) == 0) continue;
    const std::optional<std::string> around = RootAbove(*path + "/" + kProjectFileName);
    for (auto& [root, held] : roots_) {
      const bool is_of_it = root == around || root == *path || IsBelow(root, *path);
      if (is_of_it && !HasFolderOf(root)) held.is_left = true;
    }
  }
  for (const Value& folder : ListIn(event, "added")) AddFolder(TextOf(folder, "uri"));
}

void Session::PutTexts() {
  for (auto& [uri, document] : documents_) {
    if (document.root.empty() || document.is_put) continue;
    Root& root = roots_.at(document.root);
    if (document.is_lost) {
      root.folder->Drop(document.file);
    } else {
      root.folder->Put(document.file, document.text);
    }
    root.has_changed = true;
    document.is_put = true;
  }
}

void Session::ReadIfChanged(Root& root) {
  if (!root.has_changed) return;
  root.folder->Read(options_.now_ms ? options_.now_ms() : 0);
  root.has_changed = false;
  root.has_news = true;
}

void Session::TakeBack(Root& root, std::vector<Value>& messages) const {
  for (const auto& [uri, text] : std::exchange(root.published, {})) {
    messages.push_back(
        Notification("textDocument/publishDiagnostics", Object{{"uri", Value(uri)}, {"diagnostics", Value(Array())}}));
  }
}

void Session::DropLostRoots(std::vector<Value>& messages) {
  for (auto root = roots_.begin(); root != roots_.end();) {
    std::error_code error;
    const bool is_there = fs::is_regular_file(fs::path(root->first) / kProjectFileName, error);
    if (!is_there || root->second.is_left) TakeBack(root->second, messages);
    // Who has a file of it open still is helped there.
    if (is_there && !(root->second.is_left && !HasDocuments(root->first))) {
      ++root;
      continue;
    }
    const std::string lost = root->first;
    root = roots_.erase(root);
    for (auto& [uri, document] : documents_) {
      if (document.root == lost) FindRoot(document);
    }
  }
}

std::vector<Value> Session::Settle() {
  std::vector<Value> messages;
  if (phase_ != Phase::kRunning) return messages;
  DropLostRoots(messages);
  PutTexts();
  for (auto& [path, root] : roots_) {
    if (root.is_left) continue;
    ReadIfChanged(root);
    if (std::exchange(root.has_news, false)) Publish(root, messages);
  }
  return messages;
}

// ---- What is wrong ------------------------------------------------------------------------------------------------

std::vector<PlacedIssue> Session::IssuesOf(const Folder& folder) const {
  std::vector<PlacedIssue> issues = folder.issues();
  const File* policy = folder.Find(kPolicyFileName);
  if (policy == nullptr || !options_.policy_issues) return issues;
  for (PlacedIssue& placed : options_.policy_issues(policy->text.str())) {
    placed.file = kPolicyFileName;
    issues.push_back(std::move(placed));
  }
  return issues;
}

void Session::Publish(Root& root, std::vector<Value>& messages) {
  const std::string& path = root.folder->root();
  std::map<std::string, Array> by_uri;
  for (const auto& [uri, text] : root.published) by_uri[uri];
  for (const PlacedIssue& placed : IssuesOf(*root.folder)) {
    by_uri[UriOf(path, placed.file)].push_back(DiagnosticOf(root, placed));
  }
  for (const auto& [uri, document] : documents_) {
    if (document.root != path) continue;
    Array& diagnostics = by_uri[uri];
    if (document.is_lost) diagnostics.clear();  // they are of the file, which is another text
  }
  for (auto& [uri, diagnostics] : by_uri) {
    const bool is_empty = diagnostics.empty();
    const auto open = documents_.find(uri);
    const bool is_open = open != documents_.end();
    Object params{{"uri", Value(uri)}};
    if (is_open && open->second.version.is_int()) params.Append("version", open->second.version);
    const Value list(std::move(diagnostics));
    const std::string text = ToJson(list);
    const auto before = root.published.find(uri);
    const bool is_same = before != root.published.end() && before->second == text;
    if (is_same && (!is_open || open->second.was_published)) continue;
    params.Append("diagnostics", list);
    messages.push_back(Notification("textDocument/publishDiagnostics", Value(std::move(params))));
    if (is_open) open->second.was_published = true;
    if (is_empty && !is_open) {
      root.published.erase(uri);
    } else {
      root.published[uri] = text;
    }
  }
}

Value Session::DiagnosticOf(const Root& root, const PlacedIssue& placed) const {
  const File* file = root.folder->Find(placed.file);
  static const Text kNoText;
  const Text& text = file == nullptr ? kNoText : file->text;
  const std::size_t begin = text.OffsetOf(placed.at);
  std::size_t end = text.EndOfLine(begin);
  if (file != nullptr) {
    const std::optional<Spot> spot = SpotAt(file->outline, begin);
    if (spot && spot->begin == begin && spot->end > begin) end = std::min(end, spot->end);
  }
  const Issue& issue = placed.issue;
  Object diagnostic{{"range", RangeOf(text, begin, end)},
                    {"severity", Value(issue.severity == Severity::kError ? 1 : 2)},
                    {"code", Value(issue.code)},
                    {"source", Value("guidon")},
                    {"message", Value(issue.hint.empty() ? issue.message : issue.message + " (" + issue.hint + ")")}};
  if (can_related_) {
    if (Array related = RelatedTo(*root.folder, placed, begin); !related.empty()) {
      diagnostic.Append("relatedInformation", Value(std::move(related)));
    }
  }
  return diagnostic;
}

// Of what is there twice: where it is first.
Array Session::RelatedTo(const Folder& folder, const PlacedIssue& placed, std::size_t offset) const {
  const File* file = folder.Find(placed.file);
  if (file == nullptr) return {};
  const auto related = [&](const Found& found) {
    return Array{Object{{"location", LocationOf(folder, found)}, {"message", Value("it is here, too")}}};
  };
  if (placed.issue.code == "duplicate_entity") {
    const Node* definition = DefinitionAround(*file, offset);
    for (const Occurrence& occurrence : file->names) {
      const bool is_it = definition != nullptr && occurrence.name.defines && !IsPart(occurrence.name.role) &&
                         definition->begin <= occurrence.begin && occurrence.end <= definition->end;
      if (!is_it) continue;
      for (const Found& found : folder.Defining(occurrence.name)) {
        if (found.file != placed.file || found.occurrence->begin != occurrence.begin) return related(found);
      }
    }
  }
  const std::optional<Spot> spot =
      placed.issue.code == "yaml_duplicate_key" ? SpotAt(file->outline, offset) : std::nullopt;
  if (!spot || !spot->on_key || spot->around.empty()) return {};
  const Entry* first = spot->around.back()->Find(spot->text);
  if (first == nullptr || first->begin == spot->begin) return {};
  const Occurrence there{{}, first->begin, first->end, 0};
  return related({placed.file, &there});
}

// ---- Places -------------------------------------------------------------------------------------------------------

std::string Session::UriOf(const std::string& root, const std::string& file) const {
  for (const auto& [uri, document] : documents_) {
    if (document.root == root && document.file == file) return uri;
  }
  return UriOfPath((root == "/" ? "" : root) + "/" + file);
}

Value Session::RangeOf(const Text& text, std::size_t begin, std::size_t end) const {
  return Object{{"start", ValueOf(text.PlaceOf(begin, encoding_))}, {"end", ValueOf(text.PlaceOf(end, encoding_))}};
}

Value Session::LocationOf(const Folder& folder, const Found& found) const {
  const File* file = folder.Find(found.file);
  static const Text kNoText;
  return Object{
      {"uri", Value(UriOf(folder.root(), found.file))},
      {"range", RangeOf(file == nullptr ? kNoText : file->text, found.occurrence->begin, found.occurrence->end)}};
}

std::optional<Session::Target> Session::TargetOf(const Value& params) {
  PutTexts();
  const auto held = documents_.find(UriIn(params));
  if (held == documents_.end() || held->second.root.empty() || held->second.is_lost) return std::nullopt;
  Root& root = roots_.at(held->second.root);
  if (!root.folder->was_read()) ReadIfChanged(root);
  Target target;
  target.document = &held->second;
  target.folder = root.folder.get();
  target.file = target.folder->Find(held->second.file);
  if (target.file == nullptr) return std::nullopt;
  target.offset = target.file->text.OffsetOf(PlaceIn(MemberOf(params, "position")), encoding_);
  return target;
}

Value Session::Markup(const std::string& markdown, bool can_markdown) const {
  return Object{{"kind", Value(can_markdown ? "markdown" : "plaintext")},
                {"value", Value(can_markdown ? markdown : WithoutMarkup(markdown))}};
}

const Schemas& Session::AllSchemas() {
  if (!schemas_) schemas_.emplace();
  return *schemas_;
}

// ---- Requests -----------------------------------------------------------------------------------------------------

Value Session::Complete(const Value& params) {
  const std::optional<Target> target = TargetOf(params);
  if (!target) return {};
  const Suggestions found = SuggestionsAt(*target->folder, AllSchemas(), target->document->file, target->offset);
  const Value range = RangeOf(target->file->text, found.begin, found.end);
  Array items;
  for (const Suggestion& suggestion : found.list) {
    std::string order = std::to_string(items.size());
    order.insert(0, 5 - std::min<std::size_t>(order.size(), 5), '0');
    Object item{{"label", Value(suggestion.label)},
                {"kind", Value(CompletionKindOf(suggestion.kind))},
                {"sortText", Value(order)},
                {"filterText", Value(suggestion.label)},
                {"textEdit", Object{{"range", range}, {"newText", Value(suggestion.text)}}}};
    if (!suggestion.detail.empty()) item.Append("detail", Value(suggestion.detail));
    if (!suggestion.description.empty()) {
      item.Append("documentation", Markup(suggestion.description, can_markdown_items_));
    }
    items.push_back(Value(std::move(item)));
  }
  return Object{{"isIncomplete", Value(found.is_cut)}, {"items", Value(std::move(items))}};
}

std::string Session::LiveTextOf(const Folder& folder, const Name& name) {
  const std::optional<EntityRef> ref = RefOf(name);
  const std::string& project = folder.definitions().project.key;
  if (!ref || options_.live == nullptr || project.empty()) return "";
  return LiveText(folder, *ref, options_.live->Ask(project, *ref));
}

Value Session::Hover(const Value& params) {
  const std::optional<Target> target = TargetOf(params);
  if (!target) return {};
  const std::optional<Spot> spot = SpotAt(target->file->outline, target->offset);
  if (!spot || (!spot->on_key && !spot->is_scalar)) return {};
  Name name = NameAt(target->file->kind, *spot->document, spot->path, spot->on_key);
  name.text = spot->text;
  std::string text = HoverText(*target->folder, name);
  if (text.empty()) text = AllSchemas().DescriptionAt(target->file->kind, *spot->document, spot->path);
  if (const std::string live = LiveTextOf(*target->folder, name); !live.empty()) {
    text += (text.empty() ? "" : "\n\n") + live;
  }
  if (text.empty()) return {};
  return Object{{"contents", Markup(text, can_markdown_hover_)},
                {"range", RangeOf(target->file->text, spot->begin, spot->end)}};
}

Value Session::Definition(const Value& params) {
  const std::optional<Target> target = TargetOf(params);
  const std::optional<Spot> spot = target ? SpotAt(target->file->outline, target->offset) : std::nullopt;
  if (!spot) return {};
  Name name = NameAt(target->file->kind, *spot->document, spot->path, spot->on_key);
  if (name.role == Role::kNone) return {};
  name.text = spot->text;
  std::vector<Found> all = target->folder->Defining(name);
  // A boolean flag has `on` and `off` without saying so.
  if (all.empty() && IsPart(name.role)) all = target->folder->Defining(WholeOf(name));
  Array locations;
  for (const Found& found : all) locations.push_back(LocationOf(*target->folder, found));
  return locations;
}

Value Session::References(const Value& params) {
  const std::optional<Target> target = TargetOf(params);
  const std::optional<Spot> spot = target ? SpotAt(target->file->outline, target->offset) : std::nullopt;
  if (!spot) return {};
  Name name = NameAt(target->file->kind, *spot->document, spot->path, spot->on_key);
  if (name.role == Role::kNone) return {};
  name.text = spot->text;
  const bool with_definition = MemberOf(params, {"context", "includeDeclaration"}).AsBool();
  Array locations;
  for (const Found& found : target->folder->All(name)) {
    if (with_definition || !found.occurrence->name.defines) locations.push_back(LocationOf(*target->folder, found));
  }
  return locations;
}

Value Session::DocumentSymbols(const Value& params) {
  const std::optional<Target> target = TargetOf(params);
  if (!target) return {};
  const File& file = *target->file;
  // Of a definition, with its variations, rules and variants, which may stand before the name of it.
  struct Whole {
    Object symbol;
    Array parts;
    bool has_name = false;
  };
  std::map<std::size_t, Whole> wholes;  // by where they begin
  for (const Occurrence& occurrence : file.names) {
    if (!occurrence.name.defines) continue;
    const bool is_part = IsPart(occurrence.name.role);
    const Node* around = file.kind == FileKind::kProject ? nullptr : DefinitionAround(file, occurrence.begin);
    const bool is_whole = !is_part && around != nullptr;
    Object symbol{{"name", Value(occurrence.name.text)},
                  {"detail", Value(std::string(ToString(occurrence.name.role)))},
                  {"kind", Value(SymbolKindOf(occurrence.name.role))},
                  {"range", is_whole ? RangeOf(file.text, around->begin, around->end)
                                     : RangeOf(file.text, occurrence.begin, occurrence.end)},
                  {"selectionRange", RangeOf(file.text, occurrence.begin, occurrence.end)}};
    Whole& whole = wholes[around == nullptr ? occurrence.begin : around->begin];
    if (is_part) {
      whole.parts.push_back(Value(std::move(symbol)));
    } else if (!std::exchange(whole.has_name, true)) {
      whole.symbol = std::move(symbol);
    }
  }
  Array symbols;
  for (auto& [begin, whole] : wholes) {
    if (whole.has_name) {
      whole.symbol.Append("children", Value(std::move(whole.parts)));
      symbols.push_back(Value(std::move(whole.symbol)));
    } else {
      std::move(whole.parts.begin(), whole.parts.end(), std::back_inserter(symbols));
    }
  }
  return symbols;
}

Value Session::WorkspaceSymbols(const Value& params) {
  PutTexts();
  const std::string query = TextOf(params, "query");
  Array symbols;
  for (auto& [path, root] : roots_) {
    ReadIfChanged(root);
    for (const auto& [file, held] : root.folder->files()) {
      for (const Occurrence& occurrence : held->names) {
        const Name& name = occurrence.name;
        if (!name.defines || IsPart(name.role) || !HoldsWord(name.text, query)) continue;
        if (symbols.size() >= kMaxSymbolsFound) return symbols;
        symbols.push_back(Object{{"name", Value(name.text)},
                                 {"kind", Value(SymbolKindOf(name.role))},
                                 {"containerName", Value(std::string(ToString(name.role)))},
                                 {"location", LocationOf(*root.folder, {file, &occurrence})}});
      }
    }
  }
  return symbols;
}

Value Session::Format(const Value& params) {
  const std::optional<Target> target = TargetOf(params);
  if (!target) return {};
  const Text& text = target->file->text;
  const Result<std::string> formatted = FormatYaml(text.str());
  if (!formatted) return {};  // what is wrong with it is published
  if (*formatted == text.str()) return Array();
  return Array{Object{{"range", RangeOf(text, 0, text.size())}, {"newText", Value(*formatted)}}};
}

}  // namespace guidon::lsp
