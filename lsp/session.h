// A language server for the YAML of workspaces (LSP 3.17), without its streams: one message in, messages out.
//
//   Session session({.version = "0.1.0"});
//   for (const Value& message : session.Take(incoming)) Send(message);
//   for (const Value& message : session.Settle()) Send(message);   // when nothing more is waiting
//
// The workspace of a document is the closest folder above it with a guidon.yaml. Texts that are open stand for their
// files. Settle reads what has changed and publishes what is wrong with it, by file, also of files that are not open.
//
// Thread safety: one thread.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include <guidon/value.h>
#include "lsp/folder.h"
#include "lsp/live.h"
#include "lsp/schema.h"
#include "lsp/text.h"

namespace guidon::lsp {

inline constexpr std::size_t kMaxOpenDocuments = 4'096;  // beyond: not looked at
// Of a document, as of a file of a workspace. A larger one is not looked at until it is opened again, or sent whole,
// and is smaller; who edits it is told so, once.
inline constexpr std::size_t kMaxTextBytes = 4u << 20;
inline constexpr std::size_t kMaxSymbolsFound = 500;  // of a search over a workspace

inline constexpr int kParseError = -32700, kInvalidRequest = -32600, kMethodNotFound = -32601, kInvalidParams = -32602,
                     kServerNotInitialized = -32002, kRequestCancelled = -32800;
// The answer to a request that has none; `id` null: it is not known of which.
Value RpcFault(const Value& id, int code, const std::string& message);

struct SessionOptions {
  std::string version = {};
  std::function<std::int64_t()> now_ms = {};  // since the epoch; for days and tests
  Live* live = nullptr;                       // outlives the session; nullptr: nobody is asked
  // What is wrong with the text of a gate.yaml, which this room cannot read; `file` of the issues is not looked at.
  std::function<std::vector<PlacedIssue>(const std::string& text)> policy_issues = {};
};

class Session {
 public:
  explicit Session(SessionOptions options);

  std::vector<Value> Take(const Value& message);
  std::vector<Value> Settle();
  // A message came that was too large to be read. It may have been a change of any document, so that none of them is
  // looked at before it is sent whole again.
  std::vector<Value> Miss();

  bool has_ended() const { return phase_ == Phase::kEnded; }
  int exit_code() const { return exit_code_; }

 private:
  enum class Phase { kNew, kRunning, kShutDown, kEnded };

  struct Document {
    std::string path;
    std::string root;  // of its workspace; empty: it is in none, and nothing is said about it
    std::string file;  // relative to it
    Text text;
    Value version;
    bool is_lost = false;        // too large, or a change of it is not known: `text` is empty
    bool is_put = false;         // the folder has this text, or nothing of it where it is lost
    bool was_published = false;  // what is wrong with it is known to the client, of this text
  };
  struct Root {
    std::unique_ptr<Folder> folder;
    bool is_left = false;                          // its folder was taken out of what is edited: nothing is published
    bool has_changed = true;                       // since it was read
    bool has_news = false;                         // since what is wrong with it was published
    std::map<std::string, std::string> published;  // by URI: the diagnostics as JSON
  };
  // A place that a request is about.
  struct Target {
    const Document* document = nullptr;
    const Folder* folder = nullptr;
    const File* file = nullptr;
    std::size_t offset = 0;
  };

  // Requests.
  std::optional<Value> Answer(const std::string& method, const Value& params);  // nothing: there is no such method
  Value Initialize(const Value& params);
  Value Complete(const Value& params);
  Value Hover(const Value& params);
  Value Definition(const Value& params);
  Value References(const Value& params);
  Value DocumentSymbols(const Value& params);
  Value WorkspaceSymbols(const Value& params);
  Value Format(const Value& params);

  // Notifications.
  void Notice(const std::string& method, const Value& params);
  void Open(const Value& params);
  void Change(const Value& params);
  void Close(const Value& params);
  void SetText(Document& document, std::string text);
  void FilesChanged(const Value& params);
  void FoldersChanged(const Value& params);

  // Workspaces.
  std::optional<std::string> RootAbove(const std::string& path) const;
  void AddRoot(const std::string& root);
  void AddFolder(const std::string& uri);
  bool HasFolderOf(const std::string& root) const;
  bool HasDocuments(const std::string& root) const;
  void FindRoot(Document& document);
  void PutTexts();
  void ReadIfChanged(Root& root);
  void DropLostRoots(std::vector<Value>& messages);
  void TakeBack(Root& root, std::vector<Value>& messages) const;
  void Publish(Root& root, std::vector<Value>& messages);
  std::vector<PlacedIssue> IssuesOf(const Folder& folder) const;
  Value DiagnosticOf(const Root& root, const PlacedIssue& placed) const;
  Array RelatedTo(const Folder& folder, const PlacedIssue& placed, std::size_t offset) const;

  // Places.
  std::optional<Target> TargetOf(const Value& params);
  std::string UriOf(const std::string& root, const std::string& file) const;
  Value RangeOf(const Text& text, std::size_t begin, std::size_t end) const;
  Value LocationOf(const Folder& folder, const Found& found) const;
  Value Markup(const std::string& markdown, bool can_markdown) const;
  const Schemas& AllSchemas();
  std::string LiveTextOf(const Folder& folder, const Name& name);

  const SessionOptions options_;
  std::optional<Schemas> schemas_;  // once they are needed: they are read as JSON
  Phase phase_ = Phase::kNew;
  int exit_code_ = 1;
  std::vector<Value> to_send_;  // what a handler has to say besides its answer

  // What the client can do.
  Encoding encoding_ = Encoding::kUtf16;
  bool can_register_watch_ = false, can_related_ = false, can_markdown_hover_ = false, can_markdown_items_ = false;

  std::map<std::string, Document> documents_;  // by URI
  std::map<std::string, Root> roots_;          // by path
  std::set<std::string> folders_;              // that are edited, by path
};

}  // namespace guidon::lsp
