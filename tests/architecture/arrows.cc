#include "tests/architecture/arrows.h"

#include <algorithm>
#include <array>
#include <map>
#include <optional>
#include <set>

namespace guidon::architecture {
namespace {

using Names = std::vector<std::string_view>;

// "core" stands for every room of core, and likewise "server", "sdk". Every room may use itself.
// clang-format off
const std::map<std::string_view, Names>& Arrows() {
  static const std::map<std::string_view, Names> kArrows = {
      {"core/include",     {}},
      {"core/base",        {"core/include"}},
      {"core/model",       {"core/base", "core/include"}},
      {"core/codec",       {"core/model", "core/base", "core/include"}},
      {"core/validate",    {"core/model", "core/base", "core/include"}},
      {"core/allocate",    {"core/model", "core/base", "core/include"}},
      {"core/diff",        {"core/eval", "core/ruleset", "core/model", "core/base", "core/include"}},
      {"core/ruleset",     {"core/model", "core/base", "core/include"}},
      {"core/expect",      {"core/allocate", "core/eval", "core/ruleset", "core/model", "core/base", "core/include"}},
      {"core/explain",     {"core/eval", "core/ruleset", "core/model", "core/base", "core/include"}},
      {"core/simulate",    {"core/codec", "core/eval", "core/ruleset", "core/model", "core/base", "core/include"}},
      {"core/eval",        {"core/ruleset", "core/base", "core/include"}},
      {"yaml",             {"core/base", "core/include"}},
      {"audit",            {"core/base", "core/include"}},
      {"net",              {}},
      {"stats",            {"core/base", "core/include"}},
      {"sdk/include",      {"core/include"}},
      {"sdk",              {"sdk/include", "core", "net"}},
      {"server/config",    {"server/telemetry", "core", "net", "stats", "yaml"}},
      {"server/http",      {"server/telemetry", "core/base", "core/include"}},  // knows no domain
      {"server/api",       {"server/http", "server/auth", "server/backup", "server/catalog", "server/feed", "server/ingest",
                            "server/privacy", "server/signin", "server/webhooks", "server/analysis", "server/telemetry", "core", "audit",
                            "net", "stats", "yaml"}},
      {"server/auth",      {"server/catalog", "server/store", "server/telemetry", "core", "audit", "net", "stats",
                            "yaml"}},
      {"server/signin",    {"server/auth", "server/telemetry", "core", "net"}},
      {"server/backup",    {"server/store", "server/telemetry", "core", "audit", "net", "stats", "yaml"}},
      {"server/catalog",   {"server/store", "server/feed", "server/telemetry", "core", "audit", "net", "stats",
                            "yaml"}},
      {"server/store",     {"server/telemetry", "core", "audit", "net", "stats", "yaml"}},
      {"server/feed",      {"server/store", "server/telemetry", "core", "audit", "net", "stats", "yaml"}},
      {"server/ingest",    {"server/store", "server/telemetry", "core", "audit", "net", "stats", "yaml"}},
      {"server/privacy",   {"server/auth", "server/backup", "server/catalog", "server/feed", "server/ingest",
                            "server/store", "server/telemetry", "core", "audit", "net", "stats", "yaml"}},
      {"server/webhooks",  {"server/store", "server/telemetry", "core", "audit", "net", "stats", "yaml"}},
      {"server/analysis",  {"server/store", "server/feed", "server/catalog", "server/ingest", "server/telemetry", "core", "audit",
                            "net", "stats", "yaml"}},
      {"server/telemetry", {"core", "net", "stats", "yaml"}},
      {"server/app",       {"server", "core", "audit", "net", "stats", "yaml"}},
      {"workspace",        {"core", "yaml"}},
      {"refs",             {"core"}},
      {"removal",          {"core"}},
      {"gate",             {"core", "audit", "refs", "workspace", "yaml"}},
      {"format",           {"core/base", "core/include", "yaml"}},
      {"lsp",              {"core", "format", "workspace", "yaml"}},
      {"lint",             {"core", "format", "yaml"}},
      {"cli",              {"core", "audit", "format", "gate", "lint", "lsp", "net", "refs", "removal", "stats", "workspace", "yaml"}},
      {"examples",         {"sdk/include", "core/include"}},
      {"bench",            {"core", "audit", "yaml", "net", "sdk", "refs", "sdk/include", "stats", "server", "tests"}},
  };
  return kArrows;
}

// Where a library may be met; everybody else goes through the room that wraps it.
struct Library {
  std::string_view prefix;
  Names rooms;
};
const std::vector<Library>& Libraries() {
  static const std::vector<Library> kLibraries = {
      {"boost/math/",    {"stats"}},
      {"boost/random/",  {"stats"}},
      {"boost/",         {"server", "bench"}},
      {"rocksdb/",       {"server/store", "bench"}},
      {"yaml-cpp/",      {"yaml"}},
      {"yaml.h",         {"format"}},
      {"httplib.h",      {"net", "bench", "examples"}},
      {"simdjson.h",     {"core/base"}},
      {"tl/",            {"core/base"}},
      {"xxhash.h",       {"core/base"}},
      {"re2/",           {"core/ruleset", "core/eval", "core/validate", "gate"}},
      {"pugixml.hpp",    {"gate"}},
      {"clang/",         {"removal"}},
      {"llvm/",          {"removal"}},
      {"CLI/",           {"cli", "server/app", "bench"}},
      {"csv.h",          {"cli"}},
      {"benchmark/",     {"bench"}},
      {"gtest/",         {}},
      {"gmock/",         {}},
  };
  return kLibraries;
}
// clang-format on

struct Include {
  std::size_t line;
  std::string target;
  bool angle;  // <target>, not "target"
};

std::string_view Trim(std::string_view text) {
  const std::size_t begin = text.find_first_not_of(" \t\r");
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(" \t\r") - begin + 1);
}

std::optional<Include> ParseInclude(std::string_view line, std::size_t number) {
  line = Trim(line);
  if (!line.starts_with('#')) return std::nullopt;
  line = Trim(line.substr(1));
  if (!line.starts_with("include")) return std::nullopt;
  line = Trim(line.substr(std::string_view("include").size()));
  if (line.empty() || (line[0] != '<' && line[0] != '"')) return std::nullopt;
  const bool angle = line[0] == '<';
  const std::size_t end = line.find(angle ? '>' : '"', 1);
  if (end == std::string_view::npos) return std::nullopt;
  return Include{number, std::string(line.substr(1, end - 1)), angle};
}

// Calls visit(line, number from 1).
template <typename Visit>
void ForEachLine(std::string_view text, Visit visit) {
  std::size_t number = 0;
  while (!text.empty()) {
    const std::size_t end = text.find('\n');
    visit(text.substr(0, end), ++number);
    text = end == std::string_view::npos ? std::string_view() : text.substr(end + 1);
  }
}

// "core" covers "core/eval"; "core/base" covers itself only.
bool Covers(std::string_view name, std::string_view room) {
  return room == name || (room.starts_with(name) && room[name.size()] == '/');
}
bool AnyCovers(const Names& names, std::string_view room) {
  return std::any_of(names.begin(), names.end(), [&](std::string_view name) { return Covers(name, room); });
}

bool IsPublicRoom(std::string_view room) {
  return room == "core/include" || room == "sdk/include";
}

// A header of the C++ or C standard library, judged by its name: no folder, and no ending but that of C's few.
bool IsStandard(std::string_view header) {
  static constexpr std::array kC = {"stdbool.h", "stddef.h", "stdint.h"};
  return header.find_first_of("/.") == std::string_view::npos || std::find(kC.begin(), kC.end(), header) != kC.end();
}

class Checker {
 public:
  explicit Checker(const std::vector<SourceFile>& files) {
    for (const SourceFile& file : files) paths_.insert(file.path);
  }

  void Check(const SourceFile& file) {
    file_ = &file;
    room_ = RoomOf(file.path);
    const auto arrows = Arrows().find(room_);
    if (arrows == Arrows().end()) return Report(1, "no arrows are known for the room " + room_);
    ForEachLine(file.text, [&](std::string_view line, std::size_t number) {
      const std::optional<Include> include = ParseInclude(line, number);
      if (include && include->angle) CheckAngle(*include, arrows->second);
      if (include && !include->angle) CheckQuoted(*include, arrows->second);
      if (Covers("core", room_)) CheckThatCoreKeepsStill(line, number, include);
    });
  }

  std::vector<std::string> Take() { return std::move(violations_); }

 private:
  void CheckAngle(const Include& include, const Names& arrows) {
    if (include.target.starts_with("guidon/")) {
      const bool of_core = paths_.contains("core/include/" + include.target);
      if (!of_core && !paths_.contains("sdk/include/" + include.target)) {
        return Report(include.line, "there is no public header <" + include.target + ">");
      }
      return CheckArrow(include, of_core ? "core/include" : "sdk/include", arrows);
    }
    if (IsPublicRoom(room_) && !IsStandard(include.target)) {
      return Report(include.line, "a public header includes the standard library and <guidon/...> only, not <" +
                                      include.target + ">");
    }
    CheckLibrary(include);
  }

  void CheckQuoted(const Include& include, const Names& arrows) {
    if (IsPublicRoom(room_)) {
      return Report(include.line,
                    "a public header includes other ones as <guidon/...>, not \"" + include.target + "\"");
    }
    if (!paths_.contains(include.target) && !include.target.starts_with("tests/")) {
      return Report(include.line, "\"" + include.target + "\" is no path of a header from the root of the repository");
    }
    CheckArrow(include, RoomOf(include.target), arrows);
  }

  void CheckArrow(const Include& include, const std::string& target, const Names& arrows) {
    if (target == room_ || AnyCovers(arrows, target)) return;
    Report(include.line, room_ + " may not reach into " + target + " (" + include.target + ")");
  }

  void CheckLibrary(const Include& include) {
    for (const Library& library : Libraries()) {
      if (!include.target.starts_with(library.prefix)) continue;
      if (!AnyCovers(library.rooms, room_)) Report(include.line, room_ + " may not use <" + include.target + ">");
      return;
    }
  }

  // No socket, no thread, no clock.
  void CheckThatCoreKeepsStill(std::string_view line, std::size_t number, const std::optional<Include>& include) {
    static constexpr std::array kHeaders = {"thread", "future", "fstream", "sys/socket.h", "netdb.h", "unistd.h"};
    static constexpr std::array kCalls = {"system_clock::now(", "steady_clock::now(", "clock_gettime(", "std::time("};
    // The one system call of core: readers of the current ruleset need no barrier because who frees has the kernel run
    // it.
    const bool is_membarrier = file_->path == "core/base/published.cc" && include && include->target == "unistd.h";
    if (include && !is_membarrier && std::find(kHeaders.begin(), kHeaders.end(), include->target) != kHeaders.end()) {
      Report(number, "core opens no socket or file and starts no thread, so it does not use <" + include->target + ">");
    }
    for (std::string_view call : kCalls) {
      if (line.find(call) != std::string_view::npos) {
        Report(number, "core reads no clock, the time is a parameter: " + std::string(call) + ")");
      }
    }
  }

  void Report(std::size_t line, const std::string& sentence) {
    violations_.push_back(file_->path + ":" + std::to_string(line) + ": " + sentence);
  }

  std::set<std::string, std::less<>> paths_;
  std::vector<std::string> violations_;
  const SourceFile* file_ = nullptr;  // the one being checked
  std::string room_;                  // its room
};

}  // namespace

std::string RoomOf(std::string_view path) {
  const std::size_t first = path.find('/');
  const std::string_view top = path.substr(0, first);
  if (first == std::string_view::npos) return std::string(top);
  const std::size_t second = path.find('/', first + 1);
  const std::string_view two = path.substr(0, second);
  if (top == "server") return second == std::string_view::npos ? "server/app" : std::string(two);
  if (top == "core" && second != std::string_view::npos) return std::string(two);
  return two == "sdk/include" ? std::string(two) : std::string(top);
}

std::vector<std::string> IncludesOf(std::string_view text) {
  std::vector<std::string> includes;
  ForEachLine(text, [&](std::string_view line, std::size_t number) {
    if (std::optional<Include> include = ParseInclude(line, number)) includes.push_back(std::move(include->target));
  });
  return includes;
}

std::vector<std::string> Violations(const std::vector<SourceFile>& files) {
  Checker checker(files);
  for (const SourceFile& file : files) checker.Check(file);
  return checker.Take();
}

}  // namespace guidon::architecture
