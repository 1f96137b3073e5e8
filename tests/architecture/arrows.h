// Holds the include lines of the tree against the arrows of docs/architecture.md: who may reach into which room.
//
// Thread safety: pure functions.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace guidon::architecture {

struct SourceFile {
  std::string path;  // from the root of the repository: "core/eval/evaluator.cc"
  std::string text;
};

// "core/eval/evaluator.cc" -> "core/eval". Rooms are the folders of core and of server ("server/app" for the files at
// the server's top), "core/include" and "sdk/include" for public headers, and the other top folders as a whole.
std::string RoomOf(std::string_view path);

// What a source includes, in order, without quotes and brackets.
std::vector<std::string> IncludesOf(std::string_view text);

// One sentence for each line that breaks a rule, "core/eval/a.cc:7: ...", in the order of `files`; empty when all is
// well. `files` has to hold the public headers, too: <guidon/...> is resolved among them.
std::vector<std::string> Violations(const std::vector<SourceFile>& files);

}  // namespace guidon::architecture
