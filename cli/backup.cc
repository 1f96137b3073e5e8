// guidon backup create|list: asks the server. guidon backup verify|restore: work on the files of a backup, without a
// server, and are done by the program guidond, which knows them; this one does not share code with it.
#include <unistd.h>

#include <array>
#include <cerrno>
#include <climits>
#include <cstring>
#include <iostream>

#include "cli/api_client.h"
#include "cli/output.h"
#include "cli/verbs.h"

namespace guidon::cli {
namespace {

constexpr std::string_view kPath = "/api/v1/backups";

std::int64_t Number(const Value& object, std::string_view name) {
  const Value* member = object.Find(name);
  return member == nullptr ? 0 : member->AsInt();
}

// The server goes on whether or not somebody waits for it.
int Create(const BackupOptions& options) {
  Object body;
  if (!options.name.empty()) body.Append("name", Value(options.name));
  Result<ApiAnswer> answer = Ask(options.connection, "POST", std::string(kPath), Value(std::move(body)));
  if (!answer) return Explain(answer.error(), options.json);
  if (!answer->ok()) return Explain(*answer, options.json);
  const std::string path = std::string(kPath) + "/" + Escape(Text(answer->body, "name"));
  answer = AskUntilDone(options.connection, path, *std::move(answer));
  if (!answer) return Explain(answer.error(), options.json);
  if (!answer->ok()) return Explain(*answer, options.json);
  if (options.json) PrintJson(answer->body);
  if (Text(answer->body, "state") != "done") {
    Complain("the backup was not made: " + Text(answer->body, "detail"));
    return kProblem;
  }
  if (options.json) return kPass;
  std::cout << Out().Bold(Text(answer->body, "name")) << " holds revision " << Number(answer->body, "revision")
            << " of epoch " << Text(answer->body, "epoch") << ": " << Number(answer->body, "files") << " files, "
            << Number(answer->body, "bytes") << " bytes in " << Text(answer->body, "folder") << " on the server\n";
  return kPass;
}

int List(const BackupOptions& options) {
  Result<ApiAnswer> answer = Ask(options.connection, "GET", std::string(kPath));
  if (!answer) return Explain(answer.error(), options.json);
  if (!answer->ok()) return Explain(*answer, options.json);
  if (options.json) {
    PrintJson(answer->body);
    return kPass;
  }
  const Value* backups = answer->body.Find("backups");
  if (backups == nullptr || backups->AsArray().empty()) {
    std::cout << "no backups; make one with: guidon backup create\n";
    return kPass;
  }
  std::size_t name = 4;
  for (const Value& backup : backups->AsArray()) name = std::max(name, Width(Text(backup, "name")));
  std::cout << Out().Bold(Padded("NAME", name) + "  STATE    REVISION    BYTES         FOLDER") << "\n";
  for (const Value& backup : backups->AsArray()) {
    std::cout << Padded(Text(backup, "name"), name) << "  " << Padded(Text(backup, "state"), 7) << "  "
              << Padded(std::to_string(Number(backup, "revision")), 10) << "  "
              << Padded(std::to_string(Number(backup, "bytes")), 12) << "  " << Text(backup, "folder") << "\n";
  }
  return kPass;
}

// "guidond" in the folder of this program, if it is there; else it is looked for in PATH.
std::string ServerProgram() {
  std::array<char, PATH_MAX> self{};
  const ssize_t size = readlink("/proc/self/exe", self.data(), self.size());
  if (size <= 0) return "guidond";
  const std::string path(self.data(), static_cast<std::size_t>(size));
  const std::string beside = path.substr(0, path.rfind('/') + 1) + "guidond";
  return access(beside.c_str(), X_OK) == 0 ? beside : "guidond";
}

// Does not return but when that program is not there.
int HandOver(const BackupOptions& options) {
  std::vector<std::string> words = {ServerProgram(), "backup", options.action};
  if (!options.data.empty()) words.insert(words.end(), {"--data", options.data});
  if (options.json) words.emplace_back("--json");
  words.insert(words.end(), {"--", options.folder});
  std::vector<char*> arguments;
  for (std::string& word : words) arguments.push_back(word.data());
  arguments.push_back(nullptr);
  std::cout.flush();
  execvp(arguments.front(), arguments.data());
  const std::string why = errno == ENOENT ? "it is neither beside this program nor in PATH" : std::strerror(errno);
  Complain({ErrorCode::kNotFound,
            "`guidon backup " + options.action + "` works on the files of a store with the program guidond: " + why +
                "; run it where the server is installed",
            {}},
           options.json);
  return kUsage;
}

}  // namespace

int Backup(const BackupOptions& options) {
  if (options.action == "create") return Create(options);
  return options.action == "list" ? List(options) : HandOver(options);
}

}  // namespace guidon::cli
