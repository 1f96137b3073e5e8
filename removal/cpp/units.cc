#include "removal/cpp/units.h"

#include <clang/Basic/Diagnostic.h>
#include <clang/Basic/SourceManager.h>
#include <clang/Format/Format.h>
#include <clang/Frontend/ASTUnit.h>
#include <clang/Tooling/ArgumentsAdjusters.h>
#include <clang/Tooling/CompilationDatabase.h>
#include <clang/Tooling/Tooling.h>
#include <llvm/ADT/SmallString.h>
#include <llvm/Support/Error.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iterator>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <utility>

#include "removal/cpp/folder.h"
#include "removal/edits.h"

namespace guidon::removal {
namespace {

namespace fs = std::filesystem;
namespace tooling = clang::tooling;

// What the compiler says of a unit: its first error, and what it finds unused in files that may be changed.
class Complaints : public clang::DiagnosticConsumer {
 public:
  explicit Complaints(const std::set<std::string>& files) : files_(files) {}

  void HandleDiagnostic(clang::DiagnosticsEngine::Level level, const clang::Diagnostic& found) override {
    DiagnosticConsumer::HandleDiagnostic(level, found);
    if (level < clang::DiagnosticsEngine::Warning) return;
    llvm::SmallString<256> text;
    found.FormatDiagnostic(text);
    Left place;
    place.why = text.str().str();
    if (found.hasSourceManager() && found.getLocation().isValid()) {
      const clang::SourceManager& sources = found.getSourceManager();
      const clang::SourceLocation at = sources.getExpansionLoc(found.getLocation());
      const clang::PresumedLoc presumed = sources.getPresumedLoc(at, false);
      place.line = static_cast<int>(presumed.getLine());
      place.column = static_cast<int>(presumed.getColumn());
      if (const clang::FileEntry* entry = sources.getFileEntryForID(sources.getFileID(at))) {
        place.file = entry->tryGetRealPathName().str();
      }
    }
    if (level >= clang::DiagnosticsEngine::Error) {
      if (!error) error = std::move(place);
    } else if (files_.count(place.file) != 0) {
      unused.push_back(std::move(place));
    }
  }

  std::optional<Left> error;
  std::vector<Left> unused;

 private:
  const std::set<std::string>& files_;
};

struct Unit {
  std::string file;
  tooling::CompileCommand command;
  std::unique_ptr<clang::ASTUnit> parsed;  // null: not kept
  std::vector<Left> unused;
};

class OneCommand : public tooling::CompilationDatabase {
 public:
  explicit OneCommand(tooling::CompileCommand command) : command_(std::move(command)) {}
  std::vector<tooling::CompileCommand> getCompileCommands(llvm::StringRef) const override { return {command_}; }

 private:
  tooling::CompileCommand command_;
};

// Without what says only where the result goes: targets that differ in nothing else see the same.
std::vector<std::string> Seeing(const tooling::CompileCommand& command) {
  std::vector<std::string> words{command.Directory};
  for (std::size_t i = 0; i < command.CommandLine.size(); ++i) {
    const std::string& word = command.CommandLine[i];
    if (word == "-o" || word == "-MF" || word == "-MT" || word == "-MQ") {
      ++i;
    } else {
      words.push_back(word);
    }
  }
  return words;
}

bool IsWord(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

bool Speaks(const std::string& text, const std::string& word) {
  for (std::size_t at = text.find(word); at != std::string::npos; at = text.find(word, at + 1)) {
    const std::size_t end = at + word.size();
    if ((at == 0 || !IsWord(text[at - 1])) && (end == text.size() || !IsWord(text[end]))) return true;
  }
  return false;
}

bool IsHeader(const std::string& file) {
  const std::string ending = fs::path(file).extension().string();
  return ending.empty() || ending[1] == 'h' || ending[1] == 'H' || ending == ".inl" || ending == ".ipp" ||
         ending == ".tcc";
}

// Names of files that a text includes, without their folders.
std::vector<std::string> IncludesIn(const std::string& text) {
  std::vector<std::string> names;
  for (std::size_t at = text.find("#"); at != std::string::npos; at = text.find('#', at + 1)) {
    std::size_t word = text.find_first_not_of(" \t", at + 1);
    if (word == std::string::npos || text.compare(word, 7, "include") != 0) continue;
    const std::size_t open = text.find_first_of("\"<\n", word);
    if (open == std::string::npos || text[open] == '\n') continue;
    const std::size_t close = text.find_first_of("\">\n", open + 1);
    if (close == std::string::npos) continue;
    names.push_back(fs::path(text.substr(open + 1, close - open - 1)).filename().string());
  }
  return names;
}

// Lines that were changed, as the project's .clang-format wants them; without one, as they are.
std::string Formatted(const std::string& file, std::string text, const Edits::Spans& touched) {
  llvm::Expected<clang::format::FormatStyle> style = clang::format::getStyle("file", file, "none", text);
  if (!style) {
    llvm::consumeError(style.takeError());
    return text;
  }
  if (style->DisableFormat) return text;
  std::vector<tooling::Range> ranges;
  for (const auto& [begin, size] : touched) {
    ranges.emplace_back(static_cast<unsigned>(begin), static_cast<unsigned>(size));
  }
  const tooling::Replacements changes = clang::format::reformat(*style, text, ranges, file);
  llvm::Expected<std::string> formatted = tooling::applyAllReplacements(text, changes);
  if (formatted) return *formatted;
  llvm::consumeError(formatted.takeError());
  return text;
}

class Remover {
 public:
  Remover(const Request& request, const tooling::CompilationDatabase& commands)
      : request_(request), commands_(commands), files_(request.files.begin(), request.files.end()) {}

  Answer Run() {
    ReadFiles();
    if (!request_.accessor.empty()) names_.spoken.insert(request_.accessor);
    Gather();
    for (Unit& unit : units_)
      Work(unit, [&](clang::ASTContext& context) { Merge(unit, Fold(context, request_, names_)); });
    TakeHandles();
    Write();
    if (!answer_.files.empty()) Verify();
    Say();
    return std::move(answer_);
  }

 private:
  // ---- Which units -----------------------------------------------------------------------------------------------

  void ReadFiles() {
    for (const std::string& file : request_.files) {
      std::error_code error;
      if (fs::file_size(file, error) > kMostBytes || error) continue;
      std::ifstream in(file, std::ios::binary);
      texts_[file] = std::string(std::istreambuf_iterator<char>(in), {});
      by_name_[fs::path(file).filename().string()].push_back(file);
    }
    for (const auto& [file, text] : texts_) includes_[file] = IncludesIn(text);
  }

  bool Mentions(const std::string& text) const {
    if (text.find('"' + request_.key + '"') != std::string::npos) return true;
    return std::any_of(names_.spoken.begin(), names_.spoken.end(),
                       [&](const std::string& word) { return Speaks(text, word); });
  }

  bool Reaches(const std::string& file, std::set<std::string>& seen) const {
    if (!seen.insert(file).second) return false;
    if (Mentions(texts_.at(file))) return true;
    for (const std::string& name : includes_.at(file)) {
      const auto found = by_name_.find(name);
      if (found == by_name_.end()) continue;
      for (const std::string& included : found->second) {
        if (Reaches(included, seen)) return true;
      }
    }
    return false;
  }

  // Names that stand for the flag are found in units, and may bring others in.
  void Gather() {
    std::set<std::string> taken;
    while (true) {
      std::size_t added = 0;
      for (const auto& [file, text] : texts_) {
        std::set<std::string> seen;
        if (taken.count(file) != 0 || IsHeader(file) || !Reaches(file, seen)) continue;
        taken.insert(file);
        Take(file);
        ++added;
      }
      const Names before = names_;
      for (Unit& unit : units_) Work(unit, [&](clang::ASTContext& context) { FindNames(context, request_, names_); });
      if (added == 0 && before == names_) return;
      if (before == names_) continue;
    }
  }

  // One unit for each way in which targets compile it.
  void Take(const std::string& file) {
    std::vector<std::vector<std::string>> seen;
    for (tooling::CompileCommand& command : commands_.getCompileCommands(file)) {
      std::vector<std::string> words = Seeing(command);
      if (std::find(seen.begin(), seen.end(), words) != seen.end()) continue;
      seen.push_back(std::move(words));
      if (!Take(Unit{file, std::move(command), nullptr, {}})) return;
    }
    if (seen.empty()) {
      refused_.insert(file);
      answer_.left.push_back({file, 0, 0, "not looked at: it has no command that clang understands", false});
      return;
    }
    ways_[file] = seen.size();
    ++answer_.units;
  }

  bool Take(Unit unit) {
    const std::string file = unit.file;
    Complaints complaints(files_);
    std::unique_ptr<clang::ASTUnit> parsed = Parse(unit, complaints);
    if (parsed == nullptr || complaints.error) {
      refused_.insert(file);
      Left left{file, 0, 0, "not looked at: it has no command that clang understands", false};
      if (complaints.error) {
        left.why = "not looked at: it does not compile: " + complaints.error->why;
        if (complaints.error->file == file) {
          left.line = complaints.error->line;
          left.column = complaints.error->column;
        } else if (!complaints.error->file.empty()) {
          left.why += " (" + complaints.error->file + ":" + std::to_string(complaints.error->line) + ")";
        }
      }
      answer_.left.push_back(std::move(left));
      // Nor in the other ways: what it becomes in those alone would break this one.
      units_.erase(std::remove_if(units_.begin(), units_.end(), [&](const Unit& other) { return other.file == file; }),
                   units_.end());
      return false;
    }
    unit.unused = std::move(complaints.unused);
    if (units_.size() < kMostKept) unit.parsed = std::move(parsed);
    units_.push_back(std::move(unit));
    return true;
  }

  std::unique_ptr<clang::ASTUnit> Parse(const Unit& unit, Complaints& complaints) const {
    const OneCommand command(unit.command);
    tooling::ClangTool tool(command, {unit.file});
    tool.setDiagnosticConsumer(&complaints);
    tool.setPrintErrorMessage(false);
    tool.appendArgumentsAdjuster(tooling::getInsertArgumentAdjuster(
        {"-resource-dir=" GUIDON_CLANG_RESOURCES, "-Wno-everything", "-Wno-error", "-Wunused", "-Wunused-parameter",
         "-Wdangling-else", "-Wreturn-type", "-Wno-unused-command-line-argument"},
        tooling::ArgumentInsertPosition::END));
    for (const Rewritten& changed : answer_.files) tool.mapVirtualFile(changed.file, changed.after);
    std::vector<std::unique_ptr<clang::ASTUnit>> units;
    tool.buildASTs(units);
    return units.size() == 1 ? std::move(units.front()) : nullptr;
  }

  void Work(Unit& unit, const std::function<void(clang::ASTContext&)>& with) const {
    if (unit.parsed != nullptr) return with(unit.parsed->getASTContext());
    Complaints complaints(files_);
    const std::unique_ptr<clang::ASTUnit> parsed = Parse(unit, complaints);
    if (parsed != nullptr) with(parsed->getASTContext());
  }

  // ---- What all of them say together -----------------------------------------------------------------------------

  void Merge(const Unit& unit, UnitResult result) {
    for (auto& [file, edits] : result.edits) {
      if (edits.empty() || broken_.count(file) != 0) continue;
      const auto [known, is_new] = edits_.emplace(file, edits);
      if (is_new || known->second == edits) continue;
      broken_.insert(file);
      const std::string why =
          file == unit.file
              ? "it is compiled in " + std::to_string(ways_.at(file)) + " ways, and becomes something else in each"
              : fs::path(unit.file).filename().string() + " sees it in another way than others do";
      answer_.left.push_back({file, 0, 0, "left as it is: " + why, false});
    }
    for (auto& [place, mention] : result.mentions) {
      const auto [known, is_new] = mentions_.emplace(place, mention);
      if (is_new || known->second.gone == mention.gone) continue;
      known->second.gone = false;
      if (known->second.why.empty()) known->second.why = mention.why;
    }
    for (auto& [usr, removal] : result.handles) {
      HandleRemoval& known = handles_[usr];
      known.possible = known.possible && removal.possible;
      for (auto& [file, edits] : removal.edits) known.edits[file].insert(edits.begin(), edits.end());
    }
    folds_.insert(result.folds.begin(), result.folds.end());
    answer_.left.insert(answer_.left.end(), result.left.begin(), result.left.end());
  }

  // A handle goes when nothing uses it any more, in no unit.
  void TakeHandles() {
    for (auto& [usr, removal] : handles_) {
      const std::string& handle = usr;
      const bool is_used = std::any_of(mentions_.begin(), mentions_.end(), [&](const auto& entry) {
        return entry.second.handle == handle && entry.second.is_read && !entry.second.gone;
      });
      const bool is_of_one_unit = removal.edits.size() == 1 && !IsHeader(removal.edits.begin()->first);
      const bool is_seen = refused_.empty() || is_of_one_unit;
      if (is_used || !removal.possible || !is_seen) {
        for (auto& [place, mention] : mentions_) {
          if (mention.handle != handle || mention.is_read || is_used) continue;
          mention.why = removal.possible ? "the handle may be used where the compiler fails"
                                         : "nothing uses the handle any more; it cannot be taken away by itself";
        }
        continue;
      }
      for (const auto& [file, edits] : removal.edits) {
        for (const Edit& edit : edits) {
          edits_[file].Delete(edit.begin, edit.end);
          for (auto& [place, mention] : mentions_) {
            if (place.first == file && edit.begin <= place.second && mention.end <= edit.end) mention.gone = true;
          }
        }
      }
    }
  }

  void Write() {
    for (const auto& [file, edits] : edits_) {
      if (broken_.count(file) != 0) continue;
      const std::string& before = texts_.at(file);
      Edits::Spans touched;
      Result<std::string> after = edits.ApplyTo(before, &touched);
      if (after) *after = Formatted(file, *std::move(after), touched);
      if (!after) {
        broken_.insert(file);
        answer_.left.push_back({file, 0, 0, "left as it is: " + after.error().message, false});
      } else if (*after != before) {
        answer_.files.push_back({file, before, *after});
      }
    }
  }

  // What was fine and is not any more is our mistake: then nothing is changed.
  void Verify() {
    std::vector<Left> unused;
    for (const Unit& unit : units_) {
      Complaints complaints(files_);
      const std::unique_ptr<clang::ASTUnit> parsed = Parse(unit, complaints);
      if (parsed == nullptr || complaints.error) {
        const std::string why = complaints.error ? complaints.error->why : "it cannot be parsed";
        const int line = complaints.error ? complaints.error->line : 0;
        answer_.files.clear();
        mentions_.clear();
        folds_.clear();
        answer_.left = {{unit.file, 0, 0,
                         "nothing was changed: with the changes it would not compile: " + why +
                             (line > 0 ? " (line " + std::to_string(line) + " of the changed file)" : ""),
                         false}};
        return;
      }
      for (const Left& place : complaints.unused) {
        // The same of the same line was there before.
        const std::string line = LineOf(place, true);
        const bool was_there = std::any_of(unit.unused.begin(), unit.unused.end(), [&](const Left& other) {
          return other.file == place.file && other.why == place.why && LineOf(other, false) == line;
        });
        if (!was_there && std::find(unused.begin(), unused.end(), place) == unused.end()) unused.push_back(place);
      }
    }
    for (Left& place : unused) {
      place.why += " now";
      place.of_after = true;
      answer_.left.push_back(std::move(place));
    }
  }

  std::string LineOf(const Left& place, bool of_after) const {
    std::string_view text = texts_.at(place.file);
    for (const Rewritten& changed : answer_.files) {
      if (of_after && changed.file == place.file) text = changed.after;
    }
    std::size_t begin = 0;
    for (int line = 1; line < place.line && begin < text.size(); ++line) begin = LineEnd(text, begin) + 1;
    return begin < text.size() ? std::string(text.substr(begin, LineEnd(text, begin) - begin)) : std::string();
  }

  void Say() {
    for (const auto& [place, mention] : mentions_) {
      const bool is_gone = mention.gone && broken_.count(place.first) == 0;
      if (is_gone && mention.is_read) ++answer_.reads;
      if (!is_gone) answer_.left.push_back({place.first, mention.line, mention.column, mention.why, false});
    }
    answer_.folds = folds_.size();
    std::sort(answer_.left.begin(), answer_.left.end());
    answer_.left.erase(std::unique(answer_.left.begin(), answer_.left.end()), answer_.left.end());
  }

  const Request& request_;
  const tooling::CompilationDatabase& commands_;
  const std::set<std::string> files_;
  std::map<std::string, std::string> texts_;
  std::map<std::string, std::vector<std::string>> by_name_, includes_;
  std::vector<Unit> units_;
  std::map<std::string, std::size_t> ways_;  // in which a unit is compiled
  std::set<std::string> refused_, broken_;   // units; files
  Names names_;
  std::map<std::string, Edits> edits_;
  std::map<Place, Mention> mentions_;
  std::map<std::string, HandleRemoval> handles_;
  std::set<Place> folds_;
  Answer answer_;
};

}  // namespace

Result<Answer> RemoveFlag(const Request& request) {
  std::string fault;
  const std::unique_ptr<tooling::CompilationDatabase> commands =
      tooling::CompilationDatabase::loadFromDirectory(request.build, fault);
  if (commands == nullptr) return Fail(ErrorCode::kNotFound, fault);
  return Remover(request, *commands).Run();
}

}  // namespace guidon::removal
